//! `cargo xtask tidy`: the repository's own rules, those that no compiler checks.
//!
//! - Every file under `crates/*/src` opens with a paragraph (`//!`) that says what it is.
//! - Dependencies point one way: `CRATES` is the table of who may use whom, and an arrow that is not in it
//!   is a decision to be made, not an accident. `BROUGHT_IN` names the outside crates that have one home.
//! - Deterministic cores have a `clippy.toml` that forbids clocks, threads and random sources.
//! - `docs/error-codes.md` is what the source says.
//! - No file grows beyond `LINES_MAX`; no marks of unfinished work; no lint is silenced without a reason, and
//!   no test is switched off.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::error_codes;
use crate::manifest::{self, Package};
use crate::workspace::Workspace;

/// A file that nears this has a second job in it.
const LINES_MAX: usize = 1500;

/// A package and the packages of this workspace that it may be built with. Tests, benches and examples may
/// use any of them, but a core's tests do not wait for RocksDB.
struct Crate {
    name: &'static str,
    core: bool,
    may_use: &'static [&'static str],
}

const fn core(name: &'static str, may_use: &'static [&'static str]) -> Crate {
    Crate {
        name,
        core: true,
        may_use,
    }
}

const fn edge(name: &'static str, may_use: &'static [&'static str]) -> Crate {
    Crate {
        name,
        core: false,
        may_use,
    }
}

const CRATES: &[Crate] = &[
    core("antipode-clock", &[]),
    core("antipode-value", &[]),
    core("antipode-crdt", &["antipode-clock", "antipode-value"]),
    core("antipode-c8ql", &[]),
    core(
        "antipode-query",
        &[
            "antipode-c8ql",
            "antipode-value",
            "antipode-crdt",
            "antipode-clock",
        ],
    ),
    core("antipode-replication", &["antipode-clock"]),
    core(
        "antipode-store",
        &["antipode-clock", "antipode-value", "antipode-crdt"],
    ),
    core(
        "antipode-engine",
        &[
            "antipode-clock",
            "antipode-value",
            "antipode-crdt",
            "antipode-c8ql",
            "antipode-query",
            "antipode-replication",
            "antipode-store",
        ],
    ),
    edge("antipode-rocksdb", &["antipode-store"]),
    edge(
        "antipode-transport",
        &["antipode-replication", "antipode-clock"],
    ),
    edge(
        "antipode",
        &[
            "antipode-engine",
            "antipode-rocksdb",
            "antipode-transport",
            // Names of the cores that its own interface shows or is made of.
            "antipode-crdt",
            "antipode-query",
            "antipode-replication",
            "antipode-store",
            "antipode-value",
            "antipode-clock",
        ],
    ),
    edge("antipode-proto", &["antipode-value", "antipode-clock"]),
    edge("antipode-server", &["antipode", "antipode-proto"]),
    edge("antipode-client", &["antipode-proto", "antipode-value"]),
    edge(
        "antipode-cli",
        &[
            "antipode",
            "antipode-server",
            "antipode-client",
            "antipode-c8ql",
        ],
    ),
    edge(
        "antipode-sim",
        &[
            "antipode-clock",
            "antipode-value",
            "antipode-crdt",
            "antipode-query",
            "antipode-replication",
            "antipode-store",
            "antipode-engine",
        ],
    ),
];

/// Outside crates that are meant to appear in few places: (crate, the packages that may be built with it).
const BROUGHT_IN: &[(&str, &[&str])] = &[
    ("automerge", &["antipode-crdt"]),
    ("clap", &["antipode-cli"]),
    ("foca", &["antipode-replication"]),
    ("icu_collator", &["antipode-value"]),
    (
        "prost",
        &["antipode-proto", "antipode-server", "antipode-client"],
    ),
    ("quinn", &["antipode-transport"]),
    ("rcgen", &["antipode-transport"]),
    ("reedline", &["antipode-cli"]),
    ("rocksdb", &["antipode-rocksdb"]),
    ("rustyline", &["antipode-cli"]),
    (
        "tonic",
        &[
            "antipode-proto",
            "antipode-server",
            "antipode-client",
            "antipode-cli",
        ],
    ),
];

/// Marks of unfinished work, spelled in two halves so that this file has none.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

/// What is wrong, one line each: `path:line: what`.
type Findings = Vec<String>;

/// `cargo xtask tidy`
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = Findings::new();
    let packages = manifest::packages(workspace)?;
    for package in packages.values() {
        check_manifest(package, &mut findings);
        check_arrows(package, &mut findings);
        check_core(package, &mut findings);
    }
    let reaching = manifest::reaching(&packages, "rocksdb");
    for package in CRATES.iter().filter(|package| package.core) {
        if reaching.contains(package.name) {
            findings.push(format!(
                "{}: its tests reach RocksDB, and a core's tests must not wait for a C++ build",
                package.name
            ));
        }
    }
    for path in rust_files(workspace.root()) {
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(workspace.root()).unwrap_or(&path);
        check_source(shown, &text, &mut findings);
    }
    findings.extend(error_codes::check(workspace)?);
    for file in ["LICENSE", "README.md", "CHANGELOG.md"] {
        if !workspace.root().join(file).is_file() {
            findings.push(format!("{file}: missing"));
        }
    }
    if findings.is_empty() {
        println!("tidy: all is well");
        return Ok(());
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("tidy: {} findings", findings.len())
}

fn check_manifest(package: &Package, findings: &mut Findings) {
    let inherits = |table: &str, key: &str| {
        let entry = match key {
            "" => package.manifest.get(table),
            key => package.manifest.get(table).and_then(|table| table.get(key)),
        };
        entry.and_then(|entry| entry.get("workspace")?.as_bool()) == Some(true)
    };
    if !inherits("package", "license") {
        findings.push(format!(
            "{}: license.workspace = true is missing",
            package.name
        ));
    }
    if !inherits("lints", "") {
        findings.push(format!(
            "{}: [lints] workspace = true is missing",
            package.name
        ));
    }
}

fn check_arrows(package: &Package, findings: &mut Findings) {
    let entry = CRATES.iter().find(|entry| entry.name == package.name);
    let in_crates = package
        .folder
        .parent()
        .is_some_and(|folder| folder.ends_with("crates"));
    if in_crates && entry.is_none() {
        findings.push(format!(
            "{}: not in the table of crates in xtask/src/tidy.rs",
            package.name
        ));
    }
    if in_crates && !package.folder.ends_with(&package.name) {
        findings.push(format!("{}: its folder has another name", package.name));
    }
    // The packages around the product (tests, jepsen, xtask) may use what they like.
    let Some(entry) = entry else {
        return;
    };
    for dependency in &package.dependencies {
        let ours = CRATES.iter().any(|other| other.name == dependency);
        if ours && !entry.may_use.contains(&dependency.as_str()) {
            findings.push(format!(
                "{}: may not use {dependency} (dependencies point one way)",
                package.name
            ));
        }
        let home = BROUGHT_IN.iter().find(|(name, _)| name == dependency);
        if let Some((name, homes)) = home
            && !homes.contains(&entry.name)
        {
            findings.push(format!(
                "{}: {name} belongs to {}",
                package.name,
                homes.join(", ")
            ));
        }
    }
}

fn check_core(package: &Package, findings: &mut Findings) {
    let core = CRATES
        .iter()
        .any(|entry| entry.core && entry.name == package.name);
    if !core {
        return;
    }
    let rules = fs::read_to_string(package.folder.join("clippy.toml")).unwrap_or_default();
    for forbidden in [
        "std::time::Instant::now",
        "std::time::SystemTime::now",
        "std::thread::spawn",
    ] {
        if !rules.contains(forbidden) {
            findings.push(format!(
                "{}: clippy.toml of a core must disallow {forbidden}",
                package.name
            ));
        }
    }
}

fn check_source(path: &Path, text: &str, findings: &mut Findings) {
    let shown = path.display();
    let product =
        path.starts_with("crates") && path.components().any(|part| part.as_os_str() == "src");
    if product && !text.trim_start().starts_with("//!") {
        findings.push(format!(
            "{shown}:1: opens without a paragraph (//!) that says what the file is"
        ));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        findings.push(format!(
            "{shown}:{LINES_MAX}: {lines} lines; look for the second job in it"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        for mark in MARKS.iter().filter(|mark| holds_word(line, mark)) {
            findings.push(format!("{shown}:{number}: {mark} is left in the code"));
        }
        let code = line.trim_start();
        if code.starts_with("#[ignore") {
            findings.push(format!("{shown}:{number}: no test is switched off"));
        }
        if code.starts_with("#[allow(") || code.starts_with("#![allow(") {
            let attribute = attribute(text, index);
            if !attribute.contains("reason = \"") {
                findings.push(format!(
                    "{shown}:{number}: a lint is silenced without reason = \"…\""
                ));
            }
        }
    }
}

/// The attribute that begins on a line, to its closing bracket.
fn attribute(text: &str, first_line: usize) -> String {
    let mut attribute = String::new();
    for line in text.lines().skip(first_line) {
        attribute.push_str(line);
        if line.trim_end().ends_with(']') {
            break;
        }
    }
    attribute
}

/// Whether a mark stands in a line by itself, not as part of a longer word.
fn holds_word(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + mark.len()..].chars().next();
        let joins = |neighbour: Option<char>| {
            neighbour.is_some_and(|character| character.is_alphanumeric() || character == '_')
        };
        !joins(before) && (mark.ends_with('(') || !joins(after))
    })
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["crates", "xtask", "tests", "jepsen"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Findings {
        let mut findings = Findings::new();
        check_source(Path::new(path), text, &mut findings);
        findings
    }

    fn arrows(name: &str, dependencies: &str) -> Findings {
        let text = format!("[package]\nname = \"{name}\"\n{dependencies}");
        let folder = Path::new("crates").join(name);
        let package = manifest::parse(&folder, &text).expect("a manifest");
        let mut findings = Findings::new();
        check_arrows(&package, &mut findings);
        findings
    }

    #[test]
    fn a_product_file_says_what_it_is() {
        assert_eq!(
            source("crates/antipode-clock/src/hlc.rs", "//! The clock.\n"),
            [""; 0]
        );
        assert_eq!(
            source("crates/antipode-clock/src/hlc.rs", "use std::fmt;\n").len(),
            1
        );
        assert_eq!(
            source("crates/antipode-clock/tests/hlc.rs", "use std::fmt;\n"),
            [""; 0]
        );
    }

    #[test]
    fn long_files_are_found() {
        let text = "//! Long.\n".to_owned() + &"\n".repeat(LINES_MAX);
        assert_eq!(source("crates/a/src/lib.rs", &text).len(), 1);
    }

    #[test]
    fn marks_of_unfinished_work_are_found_as_words() {
        for mark in MARKS {
            assert_eq!(
                source("xtask/src/main.rs", &format!("let x = {mark} a;\n")).len(),
                1,
                "{mark}"
            );
        }
        for mark in ["AUTODO", "XX", "fn todo_list()"] {
            assert_eq!(source("xtask/src/main.rs", mark), [""; 0]);
        }
    }

    #[test]
    fn a_silenced_lint_has_a_reason() {
        let with =
            "#[allow(\n    clippy::too_many_lines,\n    reason = \"a table\"\n)]\nfn f() {}\n";
        assert_eq!(source("xtask/src/main.rs", with), [""; 0]);
        assert_eq!(
            source("xtask/src/main.rs", "#[allow(dead_code)]\nfn f() {}\n").len(),
            1
        );
        assert_eq!(source("xtask/src/main.rs", "    #[ignore]\n").len(), 1);
    }

    #[test]
    fn arrows_point_one_way() {
        let clock = "[dependencies]\nantipode-clock.workspace = true\n";
        assert_eq!(arrows("antipode-replication", clock), [""; 0]);
        assert_eq!(arrows("antipode-value", clock).len(), 1);
        let dev = "[dev-dependencies]\nantipode-engine.workspace = true\n";
        assert_eq!(arrows("antipode-value", dev), [""; 0]);
        assert_eq!(arrows("antipode-unheard-of", "").len(), 1);
    }

    #[test]
    fn outside_crates_have_a_home() {
        let quinn = "[dependencies]\nquinn.workspace = true\n";
        assert_eq!(arrows("antipode-transport", quinn), [""; 0]);
        assert_eq!(arrows("antipode-engine", quinn).len(), 1);
    }

    #[test]
    fn the_table_names_only_crates_above() {
        for (index, entry) in CRATES.iter().enumerate() {
            for name in entry.may_use {
                let position = CRATES.iter().position(|other| other.name == *name);
                assert!(
                    position.is_some_and(|position| position < index),
                    "{} uses {name}",
                    entry.name
                );
            }
        }
    }
}
