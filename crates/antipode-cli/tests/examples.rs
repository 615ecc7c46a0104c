//! The examples of `docs/examples/` are true: every command and query in them is run on a node, in the order of the files,
//! and what stands below a query is what comes out. `UPDATE=1` writes the results into the files.
//!
//! A block marked `sh` holds commands, one marked `aql` a query; a block marked `text` or `json` behind a query is its result
//! as a table or as JSON.

mod node;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use node::{Node, antipode, told};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text and blocks of a file, in turn.
enum Part {
    Text(String),
    Block { kind: String, content: String },
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::Text(String::new())];
    for line in text.lines() {
        match (parts.last_mut(), line.strip_prefix("```")) {
            (Some(Part::Text(_)), Some(kind)) => parts.push(Part::Block {
                kind: kind.to_owned(),
                content: String::new(),
            }),
            (Some(Part::Block { .. }), Some(_)) => parts.push(Part::Text(String::new())),
            (Some(Part::Text(content) | Part::Block { content, .. }), None) => {
                content.push_str(line);
                content.push('\n');
            }
            (None, _) => {}
        }
    }
    parts
}

fn written(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        // Memory takes everything.
        let _ = match part {
            Part::Text(content) => write!(text, "{content}"),
            Part::Block { kind, content } => writeln!(text, "```{kind}\n{content}```"),
        };
    }
    text
}

/// Runs a file; gives it as it should be.
fn run(node: &Node, name: &str, text: &str) -> String {
    let mut parts = parts(text);
    let mut query: Option<String> = None;
    for part in &mut parts {
        let Part::Block { kind, content } = part else {
            continue;
        };
        match kind.as_str() {
            "sh" => content.lines().for_each(|line| command(node, name, line)),
            "aql" => {
                if let Some(query) = query.replace(content.clone()) {
                    ask(node, name, &query, "text");
                }
            }
            "text" | "json" => {
                if let Some(query) = query.take() {
                    *content = ask(node, name, &query, kind);
                }
            }
            other => panic!("{name}: a block of kind '{other}'"),
        }
    }
    if let Some(query) = query {
        ask(node, name, &query, "text");
    }
    written(&parts)
}

fn command(node: &Node, name: &str, line: &str) {
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("antipode"), "{name}: {line}");
    let mut command = antipode(&root());
    let command = command.args(words).env("ANTIPODE_ADDRESS", &node.address);
    let done = told(command.output().expect("it starts"));
    assert_eq!(done.code, Some(0), "{name}: {line}\n{done:?}");
}

fn ask(node: &Node, name: &str, query: &str, kind: &str) -> String {
    let output = match kind {
        "json" => "json",
        _ => "table",
    };
    let done = node.pipe(&["query", "-", "--output", output], query);
    assert_eq!(done.code, Some(0), "{name}:\n{query}\n{}", done.complaints);
    assert_eq!(done.complaints, "", "{name}:\n{query}");
    done.output
}

#[test]
fn the_examples_are_true() {
    let update = std::env::var_os("UPDATE").is_some();
    let directory = root().join("docs/examples");
    let entries = fs::read_dir(&directory).expect("the examples");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect();
    // The README loads the data, and sorts before the others, whose names are small letters.
    names.sort();
    assert_eq!(names.first().map(String::as_str), Some("README.md"));
    let node = Node::start();
    let mut wrong = Vec::new();
    for name in &names {
        let path = directory.join(name);
        let text = fs::read_to_string(&path).expect("an example");
        let expected = run(&node, name, &text);
        if text != expected && update {
            fs::write(&path, &expected).expect("it can be written");
        } else if text != expected {
            let first = text.lines().zip(expected.lines()).zip(1..);
            let first = first.into_iter().find(|((left, right), _)| left != right);
            wrong.push(format!("{name}: {first:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "UPDATE=1 writes the results anew:\n{}",
        wrong.join("\n")
    );
}
