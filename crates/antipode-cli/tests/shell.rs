//! `antipode shell` with a script, against a real node.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// A node that lives as long as the test.
struct Node {
    child: Child,
    /// The node stops when this is closed.
    _input: Option<ChildStdin>,
    address: String,
    _directory: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_antipode"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "info",
                "--log-format",
                "json",
            ])
            .arg("--stop-with-input")
            .arg("--data")
            .arg(directory.path().join("data"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let address = loop {
            let line = lines
                .next()
                .expect("the node serves before its log ends")
                .expect("text");
            let message: Value = serde_json::from_str(&line).expect("a log in JSON");
            if let Some(address) = message["fields"]["address"].as_str() {
                break address.to_owned();
            }
        };
        // Who does not read a pipe stops its writer.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            _input: child.stdin.take(),
            child,
            address,
            _directory: directory,
        }
    }

    /// Runs a script; gives whether it succeeded, what it wrote, and what it complained of.
    fn shell(&self, arguments: &[&str], script: &str) -> (bool, String, String) {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_antipode"))
            .args(["shell", "--address", &self.address])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        let mut input = shell.stdin.take().expect("its input");
        input.write_all(script.as_bytes()).expect("it reads");
        drop(input);
        let output = shell.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_script_runs_to_its_end_or_its_first_error() {
    let node = Node::start();
    let script = "\
\\create collection towns
\\create edge roads
FOR t IN [{ _key: 'a', n: 1 }, { _key: 'b', n: 2 }]
  INSERT t INTO towns;
INSERT { _from: 'towns/a', _to: 'towns/b' } INTO roads
RETURN NEW._to
FOR t IN towns
  SORT t.n DESC
  RETURN { key: t._key, n: t.n }
\\d
\\d towns
";
    let (success, output, complaints) = node.shell(&["--format", "table"], script);
    assert!(success, "{complaints}");
    let expected = "\
towns created
roads created
(2 written)
value
───────
towns/b
(1 row, 1 written)
key  n
───  ─
b    2
a    1
(2 rows)
name   kind      documents
─────  ────────  ─────────
roads  edge              1
towns  document          2
towns: document collection, 2 documents
attribute  types   in sample
─────────  ──────  ─────────
_id        string          2
_key       string          2
_rev       string          2
n          number          2
";
    assert_eq!(output, expected);

    // JSON is what a program reads.
    let (success, output, complaints) = node.shell(&[], "FOR t IN towns SORT t.n RETURN t.n");
    assert!(success, "{complaints}");
    assert_eq!(
        serde_json::from_str::<Vec<u32>>(&output).expect("JSON"),
        [1, 2]
    );

    let (success, output, complaints) =
        node.shell(&[], "RETURN 1\nFOR t IN town\n  RETURN t\nRETURN 2");
    assert!(!success);
    assert_eq!(
        serde_json::from_str::<Vec<u32>>(&output).expect("one result"),
        [1]
    );
    assert!(complaints.starts_with("error 1203"), "{complaints}");
    assert!(
        complaints.contains("1 | FOR t IN town\n  |          ^^^^"),
        "{complaints}"
    );
}

#[test]
fn a_fabric_is_a_world_of_its_own() {
    let node = Node::start();
    let script = "\\create fabric other\n\\c other\n\\create stream news\n\\d\n\\c nowhere\n";
    let (success, output, complaints) = node.shell(&[], script);
    assert!(!success);
    assert_eq!(
        output,
        "other created\nnews created\nname  kind    documents\n────  ──────  ─────────\nnews  stream\n"
    );
    assert!(
        complaints.contains("there is no fabric 'nowhere', but"),
        "{complaints}"
    );
}

#[test]
fn commands_explain_themselves() {
    let node = Node::start();
    let script = "\\help CONCAT\n\\explain FOR i IN 1..3 RETURN i\n\\status\n\\timing on\nRETURN 1";
    let (success, output, complaints) = node.shell(&["--format", "table"], script);
    assert!(success, "{complaints}");
    for part in [
        "CONCAT(",
        "EnumerateListNode",
        "takes writes",
        "timing is on",
        "time: ",
    ] {
        assert!(output.contains(part), "'{part}' is not in: {output}");
    }
    let (_, _, complaints) = node.shell(&[], "\\helpme");
    assert_eq!(
        complaints,
        "error: there is no command \\helpme; \\help lists those there are\n"
    );
}
