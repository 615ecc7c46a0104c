//! `antipode index` against a real node: what its commands tell, and a node that is killed while it builds.

mod node;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use node::{Node, Told, antipode, told};
use serde_json::{Value, json};

/// A command on indexes; where the node is stands in the environment, as the options come last.
fn command(node: &Node, arguments: &[&str]) -> Command {
    let mut command = antipode(node.directory.path());
    command.env("ANTIPODE_ADDRESS", &node.address);
    command.arg("index").args(arguments);
    command
}

fn index(node: &Node, arguments: &[&str]) -> Told {
    told(command(node, arguments).output().expect("it starts"))
}

#[test]
fn indexes_are_made_listed_checked_and_dropped() {
    let node = Node::start();
    node.run(&["create", "collection", "towns"]).fine();
    node.run(&["query", "FOR n IN 1..3 INSERT { n: n % 2 } INTO towns"])
        .fine();
    let fine = |arguments: &[&str]| index(&node, arguments).fine();

    let by_n = ["create", "towns", "n", "--name=by_n", "--store", "m,o.p"];
    assert_eq!(fine(&by_n), "by_n created\n");
    assert_eq!(fine(&by_n), "by_n exists already\n");
    let geo = r#"{"type": "geo", "fields": ["place"], "geoJson": true, "name": "places"}"#;
    assert_eq!(fine(&["create", "towns", geo]), "places created\n");
    let words = ["create", "towns", "text", "--type=fulltext", "--name=words"];
    assert_eq!(fine(&words), "words created\n");
    let seen = ["create", "towns", "seen", "--type=ttl", "--name=seen"];
    let seen = [&seen[..], &["--expire-after=60", "--background", "--quiet"]].concat();
    let told = fine(&seen);
    assert!(["seen created\n", "seen is being built\n"].contains(&told.as_str()));
    // It is built, or this waits for it.
    assert_eq!(fine(&seen[..seen.len() - 2]), "seen exists already\n");
    let expected = "\
index    type        fields  options                 entries  state
───────  ──────────  ──────  ──────────────────────  ───────  ─────
primary  primary     _key    unique                        3  ready
by_n     persistent  n       stores m, o.p                 3  ready
places   geo         place   sparse, geoJson               3  ready
seen     ttl         seen    sparse, expireAfter 60        0  ready
words    fulltext    text    sparse, minLength 2           0  ready
";
    assert_eq!(fine(&["list", "towns"]), expected);
    let lines = fine(&["list", "towns", "--format=json"]);
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines[1]["name"], "by_n");
    assert_eq!(lines[1]["storedValues"], json!(["m", "o.p"]));
    assert_eq!(lines[1]["ready"], true);
    for arguments in [&["check"][..], &["check", "towns"]] {
        assert_eq!(
            fine(arguments),
            "4 indexes, 12 documents, 6 entries: no difference\n"
        );
    }
    assert_eq!(fine(&["drop", "towns", "by_n"]), "by_n dropped\n");
    assert_eq!(fine(&["drop", "towns", "by_n"]), "by_n does not exist\n");
}

#[test]
fn what_makes_no_index_is_told() {
    let node = Node::start();
    node.run(&["create", "collection", "towns"]).fine();
    node.run(&["query", "FOR n IN 1..3 INSERT { n: n % 2 } INTO towns"])
        .fine();
    let refused = |arguments: &[&str]| {
        let told = index(&node, arguments);
        assert_ne!(told.code, Some(0), "{told:?}");
        (told.code.unwrap_or_default(), told.complaints)
    };
    let twice = refused(&["create", "towns", "n", "--unique"]);
    assert_eq!(twice.0, 3);
    assert!(
        twice.1.starts_with("error 1210: ") && twice.1.contains("the index was not created"),
        "{twice:?}"
    );
    assert_eq!(index(&node, &["list", "towns"]).fine().lines().count(), 3);
    for (arguments, code, part) in [
        (
            &["create", "towns", "{n}"][..],
            1,
            "the definition is no JSON",
        ),
        (
            &["create", "towns", r#"{"fields": ["n"]}"#, "--unique"],
            1,
            "write 'unique' into it",
        ),
        (&["create", "towns", "a[0]"], 3, "error 1220: "),
        (&["create", "towns", "seen", "--type=ttl"], 3, "expireAfter"),
        (&["create", "towns", "n", "--geo-json"], 3, "geoJson"),
        (&["create", "nowhere", "n"], 3, "error 1203: "),
        (&["list", "nowhere"], 3, "error 1203: "),
        (&["check", "nowhere"], 3, "error 1203: "),
        (&["drop", "towns", "primary"], 3, "error 11: "),
        (&["create", "towns", "n", "--type=tree"], 2, "fulltext"),
    ] {
        let told = refused(arguments);
        assert_eq!(told.0, code, "{arguments:?}: {told:?}");
        assert!(told.1.contains(part), "{arguments:?}: {told:?}");
    }
}

/// Enough that a build takes a while.
const DOCUMENTS: u64 = 100_000;
/// How often the node is killed.
const KILLS: usize = 3;

#[test]
fn a_build_goes_on_after_kill_9() {
    let mut node = Node::start();
    node.run(&["create", "collection", "things"]).fine();
    for part in 0..10 {
        let (first, last) = (part * DOCUMENTS / 10, (part + 1) * DOCUMENTS / 10 - 1);
        let fill = format!(
            "FOR i IN {first}..{last} INSERT {{ _key: CONCAT('k', i), i, n: i % 100, t: [i % 7, i % 11] }} INTO things"
        );
        node.run(&["query", &fill]).fine();
    }
    for fields in ["n,i", "t[*]"] {
        index(&node, &["create", "things", fields, "--background"]).fine();
    }
    // Somebody waits for a unique index, and hears that the node is gone; it is built nevertheless.
    let unique = ["create", "things", "i", "--unique", "--name=by_i"];
    let unique = command(&node, &unique)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");

    while !listed(&node).iter().any(|index| index["name"] == "by_i") {
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut in_the_middle = 0;
    for round in 0..KILLS {
        // Documents that the build has passed, and such that it has not.
        let change = format!(
            "FOR i IN 0..99 UPDATE CONCAT('k', i * 1000 + {round}) WITH {{ n: i, t: [{round}] }} IN things"
        );
        node.run(&["query", &change]).fine();
        let seen = wait_for_a_build(&node).or_else(|| {
            // All were over before anybody looked.
            index(&node, &["create", "things", "n,t[*]", "--background"]).fine();
            wait_for_a_build(&node)
        });
        let Some((name, done)) = seen else { break };
        node.crash();
        in_the_middle += 1;
        let after = listed(&node);
        let after = after.iter().find(|index| index["name"] == name.as_str());
        let after = after.unwrap_or_else(|| panic!("{name} is gone"));
        let now = after["documentsDone"].as_u64().unwrap_or_default();
        assert!(
            now >= done || after["ready"] == true,
            "{name} was at {done} and is at {now}"
        );
        let remove = format!("REMOVE 'k{}' IN things", 500 + round);
        node.run(&["query", &remove]).fine();
    }
    assert!(in_the_middle > 0, "the builds were over too soon");
    let unique = told(unique.wait_with_output().expect("it ends"));
    assert!(matches!(unique.code, Some(0 | 5)), "{unique:?}");

    for (fields, options) in [("n,i", None), ("t[*]", None), ("i", Some("--unique"))] {
        let mut arguments = vec!["create", "things", fields];
        arguments.extend(options);
        let told = index(&node, &arguments).fine();
        assert!(told.ends_with(" exists already\n"), "{told}");
    }
    let checked = index(&node, &["check"]).fine();
    assert!(checked.ends_with(": no difference\n"), "{checked}");
    let count = |options: &str, filter: &str| {
        node.rows(&format!(
            "FOR d IN things {options} FILTER {filter} COLLECT WITH COUNT INTO k RETURN k"
        ))
    };
    for filter in ["d.n == 7 AND d.i > 50000", "3 IN d.t", "d.i == 77"] {
        let with = count("", filter);
        assert_eq!(with, count("OPTIONS { disableIndex: true }", filter));
        assert_ne!(with, [0], "{filter}");
    }
    let taken = node.run(&["query", "INSERT { i: 77 } INTO things"]);
    assert!(taken.complaints.starts_with("error 1210: "), "{taken:?}");
}

fn listed(node: &Node) -> Vec<Value> {
    let lines = index(node, &["list", "things", "--format=json"]).fine();
    let indexes = lines.lines().map(serde_json::from_str);
    indexes.map(|index| index.expect("JSON")).collect()
}

/// Waits until a build is under way: its index, and how many documents it has passed. None if there is nothing to build.
fn wait_for_a_build(node: &Node) -> Option<(String, u64)> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let indexes = listed(node);
        if indexes.len() > 1 && indexes.iter().all(|index| index["ready"] == true) {
            return None;
        }
        let under_way = indexes.iter().find_map(|index| {
            let done = index["documentsDone"].as_u64().filter(|done| *done > 0);
            let name = index["name"].as_str()?.to_owned();
            Some((name, done?)).filter(|_| index["ready"] == false)
        });
        if under_way.is_some() {
            return under_way;
        }
        assert!(Instant::now() < until, "no build begins: {indexes:?}");
    }
}
