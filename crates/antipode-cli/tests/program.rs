//! The program from outside: what its commands print, how they fail, how a node starts and stops.

mod node;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use node::{Node, Told, antipode, told};

fn run(command: &mut Command) -> (bool, String, String) {
    parts(told(command.output().expect("the program starts")))
}

fn parts(told: Told) -> (bool, String, String) {
    (told.code == Some(0), told.output, told.complaints)
}

fn query(node: &Node, text: &str) -> (bool, String, String) {
    parts(node.run(&["query", text]))
}

#[test]
fn a_node_answers_and_stops_in_good_order() {
    let node = Node::start();
    assert_eq!(
        query(&node, "RETURN 6 * 7"),
        (true, "[\n42\n]\n".to_owned(), String::new())
    );
    assert_eq!(query(&node, "FOR n IN [] RETURN n").1, "[]\n");

    let created = run(node.command("create").args(["collection", "users"]));
    assert_eq!(created, (true, "users created\n".to_owned(), String::new()));
    let again = run(node.command("create").args(["collection", "users"]));
    assert_eq!(again.1, "users exists already\n");

    fs::write(
        node.directory.path().join("insert.c8ql"),
        "INSERT { _key: @key, n: @n } INTO users",
    )
    .expect("a file");
    let bound = run(node.command("query").args([
        "insert.c8ql",
        "--bind",
        "key=ada",
        "--bind",
        "n=1",
        "--stats",
    ]));
    assert!(bound.0 && bound.2.starts_with("1 written"), "{bound:?}");
    let table = run(node.command("query").args([
        "--format",
        "table",
        "FOR u IN users RETURN { key: u._key, n: u.n }",
    ]));
    assert_eq!(table.1, "key  n\n───  ─\nada  1\n(1 row)\n");

    let mut piped = node
        .command("query")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    piped
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"RETURN 'from a pipe'")
        .expect("written");
    let piped = parts(told(piped.wait_with_output().expect("it ends")));
    assert_eq!(piped.1, "[\n\"from a pipe\"\n]\n");

    let (_, status, _) = run(node.command("status").args(["--format", "json"]));
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["region"], "local");
    assert_eq!(status["read_only"], serde_json::Value::Null);
    assert!(node.stop().success());
}

#[test]
fn errors_have_their_numbers() {
    let node = Node::start();
    let (fine, _, error) = query(&node, "FOR x IN RETURN x");
    assert!(!fine && error.starts_with("error 1501: "), "{error}");
    let (fine, _, error) = query(&node, "FOR x IN nowhere RETURN x");
    assert!(!fine && error.starts_with("error 1203: "), "{error}");
    let (fine, _, error) = run(node.command("query").args(["RETURN @a", "--bind", "a"]));
    assert!(!fine && error.contains("write NAME=VALUE"), "{error}");
}

#[test]
fn a_data_directory_serves_one_process() {
    let node = Node::start();
    let (fine, _, error) =
        run(antipode(node.directory.path()).args(["serve", "--listen", "127.0.0.1:0"]));
    assert!(!fine && error.contains("error 5252: "), "{error}");
}

#[test]
fn sigterm_stops_a_node_in_good_order() {
    let mut node = Node::start();
    let killed = Command::new("kill")
        .args(["-TERM", &node.process.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    assert!(node.process.wait().expect("the node ends").success());
}

#[test]
fn a_bad_configuration_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let refused = |arguments: &[&str]| {
        let (fine, _, error) = run(antipode(directory.path()).arg("serve").args(arguments));
        assert!(!fine, "{arguments:?} was taken");
        error
    };
    let error = refused(&["--listen", "0.0.0.0:7490"]);
    assert!(
        error.starts_with("error 5403: ") && error.contains("client_ca"),
        "{error}"
    );
    let error = refused(&["--found"]);
    assert!(
        error.starts_with("error 5403: ") && error.contains("antipode cluster create"),
        "{error}"
    );
    let error = refused(&["--cache-bytes", "much"]);
    assert!(error.starts_with("error 5402: --cache-bytes"), "{error}");
    let error = refused(&["--log", "every=thing=now"]);
    assert!(error.contains("is no filter"), "{error}");

    fs::write(
        directory.path().join("antipode.toml"),
        "regoin = \"tokyo\"\n",
    )
    .expect("a file");
    let error = refused(&[]);
    assert!(
        error.starts_with("error 5401: ") && error.contains("did you mean 'region'?"),
        "{error}"
    );
}

#[test]
fn later_sources_win() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(
        directory.path().join("antipode.toml"),
        "region = \"file\"\nnode = \"file\"\ndata = \"file\"\n",
    )
    .expect("a file");
    let (fine, shown, error) = run(antipode(directory.path())
        .args(["serve", "--show-config", "--region", "flag"])
        .env("ANTIPODE_REGION", "variable")
        .env("ANTIPODE_NODE", "variable"));
    assert!(fine, "{error}");
    for line in [
        "data = \"file\"",
        "node = \"variable\"",
        "region = \"flag\"",
        "durability = \"disk\"",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line} is not in\n{shown}"
        );
    }
    // What is shown is a file that gives the same configuration.
    fs::write(directory.path().join("shown.toml"), &shown).expect("a file");
    let again =
        run(antipode(directory.path()).args(["serve", "--show-config", "--config", "shown.toml"]));
    assert_eq!(again, (true, shown, String::new()));
}

#[test]
fn certificates_are_made_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let cluster =
        |arguments: &[&str]| run(antipode(directory.path()).arg("cluster").args(arguments));
    let (fine, _, error) = cluster(&["issue", "tokyo-1", "--region", "tokyo"]);
    assert!(
        !fine && error.contains("antipode cluster create"),
        "{error}"
    );
    assert!(cluster(&["create"]).0);
    let (fine, _, error) = cluster(&["create"]);
    assert!(!fine && error.contains("never overwritten"), "{error}");
    let (fine, told, error) =
        cluster(&["issue", "tokyo-1", "--region", "tokyo", "--out", "bundle"]);
    assert!(fine && told.contains("tokyo-1 (tokyo)"), "{told}{error}");
    assert!(directory.path().join("bundle/node-key.pem").is_file());
    let (fine, _, error) = cluster(&["issue", "Tokyo 1", "--region", "tokyo"]);
    assert!(
        !fine && error.contains("must be 1 to 63 characters"),
        "{error}"
    );
}

#[test]
fn a_file_may_hold_several_queries() {
    let node = Node::start();
    assert!(run(node.command("create").args(["collection", "users"])).0);
    node.file(
        "all.c8ql",
        "// two writes and a read\nINSERT { _key: @key, n: [1, 2] } INTO users;\nINSERT { _key: 'b', text: 'x,\"y\"' } INTO users;\n\nFOR u IN users\n  SORT u._key\n  RETURN UNSET(u, '_id', '_rev')\n",
    );
    let ask =
        |output: &str| node.run(&["query", "all.c8ql", "--bind", "key=a", "--output", output]);
    let first = ask("jsonl");
    assert_eq!(
        first.fine(),
        "{\"_key\":\"a\",\"n\":[1,2]}\n{\"_key\":\"b\",\"text\":\"x,\\\"y\\\"\"}\n"
    );
    // The first that fails ends the run; its place in the file is told.
    let again = ask("csv");
    assert_eq!((again.code, again.output.as_str()), (Some(3), ""));
    assert!(
        again
            .complaints
            .starts_with("error 1210: the query at line 1: "),
        "{again:?}"
    );
    let csv = node.run(&[
        "query",
        "FOR u IN users SORT u._key RETURN UNSET(u, '_id', '_rev')",
        "-o",
        "csv",
    ]);
    assert_eq!(
        csv.fine(),
        "_key,n,text\na,\"[1,2]\",\nb,,\"x,\"\"y\"\"\"\n"
    );
    let explained = node.run(&["query", "RETURN 1; FOR i IN 1..2 RETURN i", "--explain"]);
    assert!(explained.fine().contains("EnumerateListNode"));
}

#[test]
fn exit_codes_tell_errors_apart() {
    let node = Node::start();
    let code = |text: &str| node.run(&["query", text]).code;
    assert_eq!(code("RETURN"), Some(3));
    assert_eq!(code("FOR d IN nowhere RETURN d"), Some(3));
    assert_eq!(code(""), Some(3));
    let missing = node.run(&["query", "reports/missing.c8ql"]);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .complaints
            .contains("cannot read reports/missing.c8ql"),
        "{}",
        missing.complaints
    );
    assert_eq!(
        node.run(&["query", "RETURN 1", "--output", "xml"]).code,
        Some(2)
    );
    assert_eq!(
        node.run(&["query", "RETURN @a", "--bind", "a"]).code,
        Some(1)
    );
    let elsewhere = antipode(node.directory.path())
        .args(["query", "RETURN 1", "--address", "127.0.0.1:9"])
        .output();
    assert_eq!(told(elsewhere.expect("it starts")).code, Some(5));
}
