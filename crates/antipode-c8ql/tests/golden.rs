//! The scripts in `scripts/`: what the language's texts become.
//!
//! A script is a list of blocks. The first line of a block says what to show, then comes a text, then
//! behind `----` what is to be seen, up to an empty line:
//!
//! - `tree`: the syntax tree, an operation to a line
//! - `format`: the canonical text
//! - `error`: the diagnostic as people see it
//! - `tokens`: the kinds of the tokens with their texts
//! - `classes`: the classes of the parts with their texts, as the shell colours them
//!
//! `UPDATE=1 cargo test -p antipode-c8ql --test golden` rewrites what is to be seen.

mod support;

use std::fmt::Write as _;
use std::path::Path;

use antipode_c8ql::{format, highlight, parse, tokens};
use support::dump;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        check(&path);
    }
}

fn check(path: &Path) {
    let script = std::fs::read_to_string(path).unwrap();
    let mut found = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(found, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut text = String::new();
        for line in lines.by_ref().take_while(|line| *line != "----") {
            writeln!(found, "{line}").unwrap();
            writeln!(text, "{line}").unwrap();
        }
        // What was to be seen is skipped, and compared with the rest of the script at the end.
        lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .for_each(drop);
        writeln!(
            found,
            "----\n{}\n",
            show(line, text.trim_end_matches('\n')).trim_end()
        )
        .unwrap();
    }
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, found).unwrap();
    } else {
        assert!(script == found, "{} shows now:\n{found}", path.display());
    }
}

fn show(command: &str, text: &str) -> String {
    match (command, parse(text)) {
        ("tree", Ok(query)) => dump::query(&query),
        ("format", Ok(query)) => format(&query),
        ("error", Ok(query)) => format!("no error: {}", dump::query(&query)),
        ("tree" | "format" | "error", Err(error)) => error.render(text),
        ("tokens", _) => tokens(text)
            .map(|token| format!("{:?} {}\n", token.kind, token.span.text(text)))
            .collect(),
        ("classes", _) => highlight(text)
            .into_iter()
            .map(|(span, class)| format!("{class:?} {}\n", span.text(text)))
            .collect(),
        _ => panic!("no command {command}"),
    }
}
