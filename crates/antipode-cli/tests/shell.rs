//! `antipode shell` with a script, against a real node.

mod node;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use node::Node;

/// Runs a script; gives whether it succeeded, what it wrote, and what it complained of.
fn shell(node: &Node, arguments: &[&str], script: &str) -> (bool, String, String) {
    let told = node.pipe(&[&["shell"], arguments].concat(), script);
    (told.code == Some(0), told.output, told.complaints)
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
    let (success, output, complaints) = shell(&node, &["--format", "table"], script);
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
index    type     fields  options  entries  state
───────  ───────  ──────  ───────  ───────  ─────
primary  primary  _key    unique         2  ready
attribute  types   in sample
─────────  ──────  ─────────
_id        string          2
_key       string          2
_rev       string          2
n          number          2
";
    assert_eq!(output, expected);

    // JSON is what a program reads.
    let (success, output, complaints) = shell(&node, &[], "FOR t IN towns SORT t.n RETURN t.n");
    assert!(success, "{complaints}");
    assert_eq!(
        serde_json::from_str::<Vec<u32>>(&output).expect("JSON"),
        [1, 2]
    );

    let (success, output, complaints) =
        shell(&node, &[], "RETURN 1\nFOR t IN town\n  RETURN t\nRETURN 2");
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
    let (success, output, complaints) = shell(&node, &[], script);
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
    let script = "\\help CONCAT\n\\explain FOR i IN 1..3 RETURN i\n\\profile FOR n IN 1..4 LET m = n * n RETURN m\n\\status\n\\timing on\nRETURN 1";
    let (success, output, complaints) = shell(&node, &["--format", "table"], script);
    assert!(success, "{complaints}");
    for part in [
        "CONCAT(",
        "EnumerateListNode",
        "CalculationNode",
        "takes writes",
        "timing is on",
        "time: ",
    ] {
        assert!(output.contains(part), "'{part}' is not in: {output}");
    }
    let (_, _, complaints) = shell(&node, &[], "\\helpme");
    assert_eq!(
        complaints,
        "error: there is no command \\helpme; \\help lists those there are\n"
    );
}

#[test]
fn parameters_files_and_formats() {
    let node = Node::start();
    node.file("two.c8ql", "RETURN @a\n\\i three.c8ql\n");
    node.file("three.c8ql", "RETURN @a + 1;\n");
    node.file("loop.c8ql", "\\i loop.c8ql\n");
    let script = "\
\\bind a=41
\\bind @c=\"x\"
\\bind
\\jsonl
\\i two.c8ql
\\o out.csv
\\csv
FOR i IN 1..2 RETURN { i, square: i * i }
\\o
\\unbind @c
\\bind
\\table
RETURN @a
\\watch 0 2
\\help \\watch
\\i loop.c8ql
";
    let (success, output, complaints) = shell(&node, &[], script);
    let expected = "\
@@c = \"x\"
@a = 41
41
42
@a = 41
value
─────
   41
(1 row)
value
─────
   41
(1 row)
value
─────
   41
(1 row)
\\watch SECONDS [TIMES]
  run the last query again and again, until Ctrl-C
";
    assert_eq!(output, expected, "{complaints}");
    assert!(!success);
    assert!(complaints.contains("too many files"), "{complaints}");
    let written = std::fs::read_to_string(node.path("out.csv")).expect("a file");
    assert_eq!(written, "i,square\n1,1\n2,4\n");
}

#[test]
fn another_node_is_a_command_away() {
    let (here, there) = (Node::start(), Node::start());
    there.run(&["create", "fabric", "far"]).fine();
    there
        .run(&["create", "collection", "things", "--fabric", "far"])
        .fine();
    let script = format!("\\c {} far\n\\d\n\\c {}\n", there.address, here.address);
    let (success, output, complaints) = shell(&here, &[], &script);
    assert!(!success);
    assert!(output.contains("things"), "{output}");
    assert!(
        complaints.contains("there is no fabric 'far'"),
        "{complaints}"
    );
    let (success, _, complaints) = shell(&here, &[], "\\c 127.0.0.1:9\n");
    assert!(
        !success && complaints.contains("is a node running"),
        "{complaints}"
    );
}

/// Starts a shell, waits until it has written this, and sends it what Ctrl-C sends.
fn interrupted(node: &Node, script: &str, until: &str, rest: &str) -> (bool, String, String) {
    let mut command = node.command("shell");
    let command = command.args(["--format", "jsonl"]).stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(script.as_bytes()).expect("it reads");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut output = String::new();
    while !output.contains(until) {
        let line = lines.next().expect("more output").expect("text");
        output.push_str(&line);
        output.push('\n');
    }
    // What was written last is no sign that the next has begun.
    std::thread::sleep(Duration::from_millis(300));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill").success());
    input.write_all(rest.as_bytes()).expect("it reads");
    drop(input);
    for line in lines {
        output.push_str(&line.expect("text"));
        output.push('\n');
    }
    let ended = child.wait_with_output().expect("it ends");
    let complaints = String::from_utf8(ended.stderr).expect("text");
    (ended.status.success(), output, complaints)
}

#[test]
fn ctrl_c_stops_what_runs_and_not_the_shell() {
    let node = Node::start();
    let (success, output, complaints) = interrupted(
        &node,
        "RETURN 1;\n\\watch 0.05\n",
        "1\n1\n",
        "RETURN 'on';\n",
    );
    assert!(success, "{complaints}");
    assert!(output.ends_with("\"on\"\n"), "{output}");
    // A query is stopped on the node too: it would run for hours.
    let endless = "RETURN 1;\nFOR i IN 1..1000000 FOR j IN 1..1000000 FILTER i + j < 0 RETURN i;\n";
    let (success, output, complaints) = interrupted(&node, endless, "1\n", "");
    assert!(!success);
    assert_eq!((output.as_str(), complaints.trim_end()), ("1\n", "stopped"));
    assert_eq!(node.rows("RETURN 2"), [2]);
}
