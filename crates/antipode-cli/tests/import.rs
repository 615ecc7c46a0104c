//! `antipode import` and `export` as processes: what goes in comes out, what is wrong is told, and a kill at any moment
//! loses nothing and doubles nothing.

mod node;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use node::{Node, told};
use serde_json::{Value, json};

#[test]
fn what_is_exported_is_imported_again() {
    let node = Node::start();
    let documents = [
        json!({ "_key": "a", "text": "Zürich, \"東京\"\n\t🦀 \u{0}", "empty": "", "none": null }),
        json!({ "_key": "b", "n": [0, -1, 0.1, 1e300, -2.5e-7, i64::MAX, i64::MIN, 9_007_199_254_740_993_i64] }),
        json!({ "_key": "c", "deep": { "l": [[], {}, [{ "x": [1, { "y": null }] }]] }, "": 1, "a.b": true }),
        json!({ "_key": "d:e@f", "long": "x".repeat(100_000), "flag": false }),
    ];
    let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
    node.file("first.jsonl", &lines.join("\n"));
    node.run(&["import", "first", "first.jsonl", "--create"])
        .fine();
    let mut exported = Vec::new();
    for (index, format) in ["jsonl", "json"].into_iter().enumerate() {
        let (file, copy) = (format!("out.{format}"), format!("copy{index}"));
        node.run(&["export", "first", &file, "-q"]).fine();
        node.run(&["import", &copy, &file, "--create"]).fine();
        exported.push(node.run(&["export", &copy, "-", "-q"]).fine());
    }
    let first = node.run(&["export", "first", "-", "-q"]).fine();
    assert_eq!(exported, [first.clone(), first.clone()]);
    let back: Vec<Value> = first
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(back, documents);

    // The rows of a query; and a file that is there is kept.
    let query = "FOR d IN @@c SORT d._key LIMIT 2 RETURN d._key";
    let ask = [
        "export",
        "--query",
        query,
        "--bind",
        "@c=first",
        "keys.json",
        "-q",
    ];
    node.run(&ask).fine();
    let keys = std::fs::read_to_string(node.path("keys.json")).expect("a file");
    assert_eq!(keys, "[\n\"a\",\n\"b\"\n]\n");
    let again = node.run(&ask);
    assert_eq!(again.code, Some(1));
    assert!(again.complaints.contains("--overwrite"), "{again:?}");
    node.run(&["export", "first", "keys.json", "-q", "--overwrite"])
        .fine();
    let failed = node.run(&[
        "export",
        "--query",
        "FOR i IN 1..9 RETURN FAIL()",
        "no.json",
    ]);
    assert_eq!(failed.code, Some(3), "{failed:?}");
    let left: Vec<String> = std::fs::read_dir(node.directory.path())
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .filter(|name| name.contains("no.json") || name.contains("export-"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn tables_come_and_go() {
    let node = Node::start();
    node.file(
        "people.csv",
        "id;name;age;zip;tags;note\n1;Ada;36;00501;[\"x\"];NULL\n2;\"Bob; \"\"B\"\"\";;10115;[];\n3;Eve;old;1;[];-\n4;Zoe\n",
    );
    let import = [
        "import",
        "people",
        "people.csv",
        "--create",
        "--rename=id=_key",
        "--separator=;",
        "--null=NULL",
        "--type=age=number",
        "--rejects=rejects.jsonl",
    ];
    let done = node.run(&import);
    assert_eq!(done.code, Some(6), "{done:?}");
    assert!(
        done.output
            .starts_with("people: 4 records read, 2 written, 0 there before, 2 rejected"),
        "{done:?}"
    );
    assert_eq!(
        done.complaints,
        "people.csv:4, column age: error: 'old' is not a number\n\
         people.csv:5: error: it has 2 fields, and there are 6 columns\n"
    );
    let rejects = std::fs::read_to_string(node.path("rejects.jsonl")).expect("a file");
    let records: Vec<Value> = rejects
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["record"].take())
        .collect();
    assert_eq!(
        records,
        [
            json!(["3", "Eve", "old", "1", "[]", "-"]),
            json!(["4", "Zoe"])
        ]
    );
    assert_eq!(
        node.rows("FOR p IN people SORT p._key RETURN UNSET(p, '_id', '_rev')"),
        [
            json!({ "_key": "1", "name": "Ada", "age": 36, "zip": "00501", "tags": ["x"], "note": null }),
            json!({ "_key": "2", "name": "Bob; \"B\"", "zip": "10115", "tags": [] }),
        ]
    );
    let table = node.run(&["export", "people", "-", "-q", "--format=csv", "--null=NULL"]);
    assert_eq!(
        table.fine(),
        "_key,age,name,note,tags,zip\n1,36,Ada,NULL,\"[\"\"x\"\"]\",00501\n2,,\"Bob; \"\"B\"\"\",,[],10115\n"
    );
    // Edges, through a pipe.
    let edges = "_from\t_to\n1\t2\n2\tother/3\n";
    let options = ["--format=tsv", "--from-prefix=people", "--to-prefix=people"];
    let piped = [&["import", "knows", "-", "--create=edge"], &options[..]].concat();
    node.pipe(&piped, edges).fine();
    assert_eq!(
        node.rows("FOR k IN knows SORT k._key RETURN [k._from, k._to]"),
        [
            json!(["people/1", "people/2"]),
            json!(["people/2", "other/3"])
        ]
    );
}

#[test]
fn what_exists_is_treated_as_wanted() {
    let node = Node::start();
    let first = "{\"_key\":\"a\",\"x\":1,\"o\":{\"p\":1}}\n{\"_key\":\"b\",\"x\":1}\n";
    let second = "{\"_key\":\"a\",\"y\":2,\"o\":{\"q\":2}}\n{\"_key\":\"c\",\"y\":2}\n{\"_key\":\"c\",\"z\":3}\n";
    for (how, expected, counts) in [
        (
            "error",
            json!([{"_key":"a","o":{"p":1},"x":1}, {"_key":"b","x":1}, {"_key":"c","y":2}]),
            "1 written, 0 there before, 2 rejected",
        ),
        (
            "ignore",
            json!([{"_key":"a","o":{"p":1},"x":1}, {"_key":"b","x":1}, {"_key":"c","y":2}]),
            "1 written, 2 there before, 0 rejected",
        ),
        (
            "update",
            json!([{"_key":"a","o":{"p":1,"q":2},"x":1,"y":2}, {"_key":"b","x":1}, {"_key":"c","y":2,"z":3}]),
            "3 written, 0 there before, 0 rejected",
        ),
        (
            "replace",
            json!([{"_key":"a","o":{"q":2},"y":2}, {"_key":"b","x":1}, {"_key":"c","z":3}]),
            "3 written, 0 there before, 0 rejected",
        ),
    ] {
        node.pipe(&["import", how, "-", "--create"], first).fine();
        let done = node.pipe(&["import", how, "-", "--on-duplicate", how], second);
        assert!(done.output.contains(counts), "{how}: {done:?}");
        let found = node.rows(&format!(
            "FOR d IN `{how}` SORT d._key RETURN UNSET(d, '_id', '_rev')"
        ));
        assert_eq!(Value::Array(found), expected, "{how}");
    }
    let none = node.pipe(&["import", "nowhere", "-"], first);
    assert_eq!(none.code, Some(1));
    assert!(none.complaints.contains("--create"), "{none:?}");
    // A pile of errors ends it, a broken input too; what was read is accounted for.
    let many = "x\n".repeat(100_000);
    let stopped = node.pipe(
        &[
            "import",
            "error",
            "-",
            "--format=jsonl",
            "--max-errors=5",
            "--rejects=r",
        ],
        &many,
    );
    assert_eq!(stopped.code, Some(7), "{stopped:?}");
    let read: u64 = stopped
        .output
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    assert!((6..100_000).contains(&read), "{stopped:?}");
    let rejects = std::fs::read_to_string(node.path("r")).expect("a file");
    assert_eq!(rejects.lines().count() as u64, read);
    let broken = node.pipe(&["import", "error", "-"], "[{\"_key\":\"z\"},\n{\"_key\":");
    assert_eq!(broken.code, Some(1));
    assert!(
        broken.output.contains("1 records read, 1 written"),
        "{broken:?}"
    );
    assert!(
        broken
            .complaints
            .contains("line 2: the element that begins here does not end"),
        "{broken:?}"
    );
    // Key-values are documents too.
    node.pipe(
        &["import", "pairs", "-", "--create=kv"],
        "{\"_key\":\"k\",\"value\":[1]}",
    )
    .fine();
    assert_eq!(node.rows("FOR p IN pairs RETURN p.value"), [json!([1])]);
}

const RECORDS: u64 = 20_000;
/// Every so many records there is one that cannot be written.
const BAD_EVERY: u64 = 1_999;

/// An input, some records of which have no key and some cannot be written.
fn input(format: &str) -> String {
    let mut text = match format {
        "json" => "[\n".to_owned(),
        "csv" => "k,n,text\n".to_owned(),
        _ => String::new(),
    };
    for number in 0..RECORDS {
        let bad = number % BAD_EVERY == 7;
        let record = match (format, bad) {
            ("csv", true) => format!("bad key {number},{number},x\n"),
            ("csv", false) if number % 3 == 0 => format!(",{number},\"a\nb\"\n"),
            ("csv", false) => format!("key{number},{number},x\n"),
            (_, true) => "{\"_key\": \"bad key\"}".to_owned(),
            (_, false) if number % 3 == 0 => format!("{{\"n\": {number}, \"text\": \"x\"}}"),
            (_, false) => format!("{{\"_key\": \"key{number}\", \"n\": {number}}}"),
        };
        text.push_str(&record);
        match format {
            "json" if number + 1 < RECORDS => text.push_str(",\n"),
            "json" => text.push_str("\n]\n"),
            "jsonl" => text.push('\n'),
            _ => {}
        }
    }
    text
}

#[test]
fn a_killed_import_goes_on_where_it_was() {
    let node = Node::start();
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut random = seed;
    for format in ["jsonl", "json", "csv"] {
        let file = format!("input.{format}");
        node.file(&file, &input(format));
        let (state, rejects) = (format!("{format}.state"), format!("{format}.rejects"));
        let import = || {
            let mut command: Command = node.command("import");
            command.args([
                format,
                &file,
                "--create",
                "--quiet",
                "--batch=50",
                "--max-errors=none",
            ]);
            command.args(["--state", &state, "--rejects", &rejects]);
            if format == "csv" {
                command.arg("--rename=k=_key");
            }
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("it starts")
        };
        let (mut kills, mut log) = (0, String::new());
        let last = loop {
            let mut child = import();
            // Later kills come later, so that the import comes to its end.
            random = (random * 1_103_515_245 + 12_345) % (1 << 31);
            std::thread::sleep(Duration::from_millis(60 + random % 120 + kills * 40));
            if kills < 12 && child.try_wait().expect("a child").is_none() {
                child.kill().expect("it runs");
                child.wait().expect("it ends");
                kills += 1;
                let state = std::fs::read(node.path(&state)).unwrap_or_default();
                let state: Value = serde_json::from_slice(&state).unwrap_or_default();
                let _ = writeln!(
                    log,
                    "kill {kills}: {} {}",
                    state["done"], state["open_until"]
                );
                continue;
            }
            break told(child.wait_with_output().expect("it ends"));
        };
        println!("{format}: {kills} kills");
        let bad = (0..RECORDS)
            .filter(|number| number % BAD_EVERY == 7)
            .count() as u64;
        assert_eq!(last.code, Some(6), "{last:?}\n{log}");
        let counts = format!(
            "{format}: {RECORDS} records read, {} written, 0 there before, {bad} rejected",
            RECORDS - bad
        );
        assert!(last.output.starts_with(&counts), "{last:?}\n{log}");
        let numbers = node.rows(&format!("FOR d IN `{format}` RETURN d.n"));
        assert_eq!(numbers.len() as u64, RECORDS - bad, "{log}");
        let different: BTreeSet<u64> = numbers.iter().filter_map(Value::as_u64).collect();
        assert_eq!(different.len() as u64, RECORDS - bad, "{log}");
        let text = std::fs::read_to_string(node.path(&rejects)).expect("rejects");
        let lines: BTreeSet<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .filter_map(|reject| reject["line"].as_u64())
            .collect();
        assert_eq!(
            (lines.len(), text.lines().count()),
            (bad as usize, bad as usize),
            "{log}"
        );
        // A finished import is not done again, and another input is not taken for it.
        let again = told(import().wait_with_output().expect("it ends"));
        assert!(again.output.contains("nothing to do"), "{again:?}");
        node.file(&file, "{}");
        let other = told(import().wait_with_output().expect("it ends"));
        assert!(other.complaints.contains("another input"), "{other:?}");
    }
}

#[test]
fn an_import_survives_the_crash_of_the_node() {
    let mut node = Node::start();
    node.file("input.jsonl", &input("jsonl"));
    let mut command = node.command("import");
    command.args([
        "c",
        "input.jsonl",
        "--create",
        "--quiet",
        "--batch=50",
        "--max-errors=none",
    ]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    // It has patience once it has begun.
    let begun = Instant::now();
    let any = ["query", "RETURN LENGTH(c) > 0"];
    while !node.run(&any).output.contains("true") {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..3 {
        node.crash();
        std::thread::sleep(Duration::from_millis(250));
    }
    let done = told(child.wait_with_output().expect("it ends"));
    let bad = (0..RECORDS)
        .filter(|number| number % BAD_EVERY == 7)
        .count() as u64;
    assert_eq!(done.code, Some(6), "{done:?}");
    assert_eq!(done.complaints.lines().count() as u64, bad, "{done:?}");
    let numbers = node.rows("FOR d IN c RETURN DISTINCT d.n");
    assert_eq!(numbers.len() as u64, RECORDS - bad);
    assert_eq!(node.rows("RETURN LENGTH(c)"), [json!(RECORDS - bad)]);
}
