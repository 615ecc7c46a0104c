//! `docs/error-codes.md`, generated from the source: every number that an error can have, and what it says of itself.
//!
//! Read are the table of the query engine (`codes!`) with its documentation, the names of the other numbers (`own_name`), and each
//! `fn code(&self) -> u32`: its arms give numbers to variants, and a variant's documentation, or else its message, says what
//! it means. A number that changes its meaning changes the page, and tidy compares the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

const PAGE: &str = "docs/error-codes.md";

const HEAD: &str = "\
# Error codes

<!-- Generated from the source by `cargo xtask error-codes`; `cargo xtask tidy` holds it fresh. -->

Every failed call tells a number, a name, whether a retry can help, and whether anything was written
(`proto/antipode/v1/error.proto`). The number is the contract: it keeps its meaning. Numbers up to 4999 are those of AQL and
C8QL; 5200 to 5249 are Antipode's own in queries; 5250 and above are its node, network and configuration.

| number | name | raised when |
| --- | --- | --- |
";

/// What is known of one number.
#[derive(Default)]
struct Entry {
    name: String,
    meanings: BTreeSet<String>,
}

/// Writes the page.
pub fn run(workspace: &Workspace) -> Result<()> {
    let page = page(workspace.root())?;
    fs::write(workspace.root().join(PAGE), page)?;
    println!("{PAGE} is written");
    Ok(())
}

/// A finding if the page is not what the source says.
pub fn check(workspace: &Workspace) -> Result<Option<String>> {
    let written = fs::read_to_string(workspace.root().join(PAGE)).unwrap_or_default();
    let fresh = written == page(workspace.root())?;
    Ok((!fresh).then(|| format!("{PAGE}: stale; `cargo xtask error-codes` writes it anew")))
}

fn page(root: &Path) -> Result<String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).with_context(|| path.to_owned());
    let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
    for (number, name, meaning) in query_codes(&read("crates/antipode-query/src/error.rs")?) {
        let entry = entries.entry(number).or_default();
        entry.name = name;
        entry.meanings.extend(meaning);
    }
    for path in sources(root) {
        for (number, meaning) in meanings(&fs::read_to_string(&path)?) {
            entries.entry(number).or_default().meanings.insert(meaning);
        }
    }
    for (number, name) in own_names(&read("crates/antipode/src/error.rs")?) {
        let entry = entries.entry(number).or_default();
        if entry.name.is_empty() {
            entry.name = name;
        }
    }
    let mut page = String::from(HEAD);
    for (number, entry) in &entries {
        let meanings: Vec<&str> = entry.meanings.iter().map(String::as_str).collect();
        let name = match entry.name.as_str() {
            "" => String::new(),
            name => format!("`{name}`"),
        };
        writeln!(
            page,
            "| {number} | {name} | {} |",
            meanings.join(" ").replace('|', "\\|")
        )?;
    }
    Ok(page)
}

/// Source files that are part of the product.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root.join("crates"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("src"))
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The lines `Variant = 1501, "QUERY_PARSE", 400;` of the query engine's table, with the documentation before them.
fn query_codes(text: &str) -> Vec<(u32, String, Option<String>)> {
    let mut before = "";
    let rows = text.lines().filter_map(|line| {
        let meaning = std::mem::replace(&mut before, line).trim();
        let meaning = meaning.strip_prefix("/// ").map(str::to_owned);
        let (_, row) = line.trim().strip_suffix(';')?.split_once(" = ")?;
        let (number, rest) = row.split_once(", \"")?;
        let (name, _) = rest.split_once('"')?;
        Some((number.parse().ok()?, name.to_owned(), meaning))
    });
    rows.collect()
}

/// The arms `5250 => "STORE_DAMAGED",` of `own_name`.
fn own_names(text: &str) -> Vec<(u32, String)> {
    let arms = text.lines().filter_map(|line| {
        let (number, rest) = line.trim().split_once(" => \"")?;
        let (name, _) = rest.split_once('"')?;
        Some((number.parse().ok()?, name.to_owned()))
    });
    arms.collect()
}

/// Numbers and what they mean, from each `fn code(&self) -> u32` of a file.
fn meanings(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("fn code(&self) -> u32 {") {
        let Some(kind) = impl_of(&text[..start]) else {
            continue;
        };
        let mut variants = variants(text, kind);
        for (patterns, number) in arms(block(&text[start..])) {
            if patterns.trim() == "_" {
                // The last arm: whatever no other arm has taken.
                let rest = std::mem::take(&mut variants);
                found.extend(rest.into_values().map(|meaning| (number, meaning)));
            }
            for pattern in patterns.split('|') {
                let name = variant_of(pattern);
                if let Some(meaning) = name.and_then(|name| variants.remove(name)) {
                    found.push((number, meaning));
                }
            }
        }
    }
    found
}

/// The type of the `impl` block that the text ends in.
fn impl_of(before: &str) -> Option<&str> {
    let line = before.lines().rfind(|line| line.starts_with("impl "))?;
    line.strip_prefix("impl ")?.split([' ', '<', '{']).next()
}

/// From the first opening brace to the one that closes it.
fn block(text: &str) -> &str {
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[..=index];
                }
            }
            _ => {}
        }
    }
    text
}

/// The arms `patterns => number` of a match.
fn arms(body: &str) -> Vec<(&str, u32)> {
    let mut arms = Vec::new();
    let mut rest = body.split_once("match self {").map_or("", |(_, arms)| arms);
    while let Some((patterns, after)) = rest.split_once("=>") {
        let value = after.trim_start();
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse() {
            arms.push((patterns, number));
        }
        rest = value.split_once(",\n").map_or("", |(_, rest)| rest);
    }
    arms
}

/// `Locked` of `Self::Locked { .. }`.
fn variant_of(pattern: &str) -> Option<&str> {
    let (_, name) = pattern.trim().split_once("::")?;
    let end = name.find(|character: char| !character.is_alphanumeric());
    Some(&name[..end.unwrap_or(name.len())])
}

/// The variants of an enum, with their documentation, or else their message.
fn variants(text: &str, kind: &str) -> BTreeMap<String, String> {
    let mut variants = BTreeMap::new();
    let Some((_, after)) = text.split_once(&format!("enum {kind} {{")) else {
        return variants;
    };
    let (mut doc, mut message, mut in_attribute) = (String::new(), String::new(), false);
    for line in after.lines() {
        let code = line.trim();
        if line == "}" {
            break;
        }
        // Fields stand deeper than variants.
        let depth = line.len() - line.trim_start().len();
        if in_attribute || code.starts_with("#[") {
            if let Some((_, quoted)) = code.split_once('"') {
                message = quoted.split('"').next().unwrap_or_default().to_owned();
            }
            in_attribute = !code.ends_with(']');
        } else if depth > 4 {
            continue;
        } else if let Some(text) = code.strip_prefix("///") {
            doc.push_str(text);
        } else if code.starts_with(|first: char| first.is_ascii_uppercase()) {
            let end = code.find(|character: char| !character.is_alphanumeric());
            let meaning = if doc.is_empty() {
                format!("{}.", message.trim_end_matches('\\').trim())
            } else {
                doc.trim().to_owned()
            };
            variants.insert(code[..end.unwrap_or(code.len())].to_owned(), meaning);
            (doc, message) = (String::new(), String::new());
        }
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
#[derive(Error)]
pub enum StoreError {
    /// The store is
    /// closed.
    #[error(\"closed\")]
    Closed,
    #[error(
        \"no room\"
    )]
    Full { path: String },
    /// Partly told here.
    Nested(Inner),
    /// Any other.
    Else,
}

impl StoreError {
    pub fn code(&self) -> u32 {
        match self {
            Self::Closed => 30,
            Self::Full { .. }
            | Self::Unknown => 1104,
            Self::Nested(Inner::Gone) => 32,
            Self::Other(inner) => inner.code(),
            _ => 1,
        }
    }
}
";

    #[test]
    fn meanings_are_read_from_the_source() {
        let expected = [
            (30, "The store is closed.".to_owned()),
            (1104, "no room.".to_owned()),
            (32, "Partly told here.".to_owned()),
            (1, "Any other.".to_owned()),
        ];
        assert_eq!(meanings(SOURCE), expected);
    }

    #[test]
    fn names_are_read_from_the_tables() {
        assert_eq!(
            query_codes(
                "codes! {\n    /// Bad.\n    QueryParse = 1501, \"QUERY_PARSE\", 400;\n    QueryEmpty = 1502, \"QUERY_EMPTY\", 400;\n}"
            ),
            [
                (1501, "QUERY_PARSE".to_owned(), Some("Bad.".to_owned())),
                (1502, "QUERY_EMPTY".to_owned(), None),
            ]
        );
        assert_eq!(
            own_names("        5250 => \"STORE_DAMAGED\",\n        _ => \"FAILED\",\n"),
            [(5250, "STORE_DAMAGED".to_owned())]
        );
    }
}
