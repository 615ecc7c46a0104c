//! `antipode shell` with a script, against a real node.

mod node;

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
    let script = "\\help CONCAT\n\\explain FOR i IN 1..3 RETURN i\n\\status\n\\timing on\nRETURN 1";
    let (success, output, complaints) = shell(&node, &["--format", "table"], script);
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
    let (_, _, complaints) = shell(&node, &[], "\\helpme");
    assert_eq!(
        complaints,
        "error: there is no command \\helpme; \\help lists those there are\n"
    );
}
