//! Path searches against traversals, on random graphs: each finds what a plain enumeration of paths says.
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/memory.rs"]
mod memory;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Limits, compile, execute,
};
use antipode_value::Value;
use memory::Database;

fn rows(database: &Database, text: &str) -> Vec<Value> {
    let transaction = database.begin();
    let plan = compile(text, &Value::Null, &transaction, &CompileOptions::default())
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let environment = Environment::default();
    let mut rows = execute(
        &plan,
        &transaction,
        &environment,
        Limits::default(),
        Cancel::new(),
    )
    .unwrap();
    rows.collect_all()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort();
    rows
}

fn check(seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |end: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    below(2);
    let mut database = Database::new();
    database.create_collection("v", CollectionKind::Document);
    database.create_collection("e", CollectionKind::Edge);
    let vertices = 2 + below(5);
    for key in 0..vertices {
        database.put(
            "v",
            &Value::object([("_key", Value::from(format!("{key}")))]),
        );
    }
    for key in 0..below(11) {
        database.put(
            "e",
            &Value::object([
                ("_key", Value::from(format!("{key}"))),
                ("_from", Value::from(format!("v/{}", below(vertices)))),
                ("_to", Value::from(format!("v/{}", below(vertices)))),
                ("w", Value::from(below(4))),
            ]),
        );
    }
    let way = ["OUTBOUND", "INBOUND", "ANY"][below(3) as usize];
    let goal = format!("v/{}", 1 + below(vertices - 1));
    let start = "v/0";

    // What all loop-free paths are, by a traversal that walks them all.
    let all = |value: &str| {
        let text = format!(
            "FOR x, y, p IN 1..9 {way} \"{start}\" e OPTIONS {{ uniqueVertices: \"path\" }} FILTER x._id == \"{goal}\" RETURN {value}"
        );
        rows(&database, &text)
    };
    let paths = sorted(all("p.edges[*]._key"));
    let search = |kind: &str, depth: &str, options: &str, value: &str| {
        let text = format!(
            "FOR p IN {depth} {way} {kind} \"{start}\" TO \"{goal}\" e {options} RETURN {value}"
        );
        rows(&database, &text)
    };

    let found = sorted(search("K_PATHS", "1..9", "", "p.edges[*]._key"));
    assert_eq!(found, paths, "seed {seed}: K_PATHS {way} to {goal}");
    let short: Vec<Value> = all("p.edges[*]._key")
        .into_iter()
        .filter(|path| path.as_array().unwrap().len() == 2)
        .collect();
    let found = search("K_PATHS", "2..2", "", "p.edges[*]._key");
    assert_eq!(
        sorted(found),
        sorted(short),
        "seed {seed}: K_PATHS of two edges"
    );

    let weighted = "OPTIONS { weightAttribute: \"w\" }";
    let found = search("K_SHORTEST_PATHS", "", weighted, "p.edges[*]._key");
    assert_eq!(
        sorted(found),
        paths,
        "seed {seed}: K_SHORTEST_PATHS {way} to {goal}"
    );
    let weights: Vec<f64> = search("K_SHORTEST_PATHS", "", weighted, "p.weight")
        .iter()
        .map(Value::to_float)
        .collect();
    let mut expected: Vec<f64> = all("SUM(p.edges[*].w)")
        .iter()
        .map(Value::to_float)
        .collect();
    expected.sort_by(f64::total_cmp);
    assert_eq!(
        weights, expected,
        "seed {seed}: weights of K_SHORTEST_PATHS"
    );

    let least = paths
        .iter()
        .map(|path| path.as_array().unwrap().len())
        .min();
    let shortest: Vec<Value> = paths
        .iter()
        .filter(|path| Some(path.as_array().unwrap().len()) == least)
        .cloned()
        .collect();
    let found = sorted(search("ALL_SHORTEST_PATHS", "", "", "p.edges[*]._key"));
    assert_eq!(found, sorted(shortest), "seed {seed}: ALL_SHORTEST_PATHS");

    let one = |options: &str| {
        rows(
            &database,
            &format!(
                "FOR x, y IN {way} SHORTEST_PATH \"{start}\" TO \"{goal}\" e {options} RETURN [x._id, y]"
            ),
        )
    };
    assert_eq!(
        one("").len().checked_sub(1),
        least,
        "seed {seed}: SHORTEST_PATH"
    );
    let weight: f64 = one(weighted)
        .iter()
        .map(|row| row.index(&Value::Int(1)).attribute("w").to_float())
        .sum();
    if let Some(least) = expected.first() {
        assert_eq!(weight, *least, "seed {seed}: weight of SHORTEST_PATH");
    }

    // Once each: the vertices that any path reaches, breadth first by distance.
    let text = format!(
        "FOR x, y, p IN 1..9 {way} \"{start}\" e OPTIONS {{ order: \"bfs\", uniqueVertices: \"global\" }} RETURN [x._id, LENGTH(p.edges)]"
    );
    let reached = rows(&database, &text);
    let lengths: Vec<i64> = reached
        .iter()
        .map(|row| row.index(&Value::Int(1)).to_int())
        .collect();
    assert!(lengths.is_sorted(), "seed {seed}: breadth first");
    let at_goal = reached
        .iter()
        .find(|row| row.index(&Value::Int(0)).as_str() == Some(&goal));
    assert_eq!(
        at_goal.map(|row| row.index(&Value::Int(1)).to_int() as usize),
        least,
        "seed {seed}: distance"
    );
}

#[test]
fn searches_find_what_enumeration_says() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    match number("SEED") {
        Some(seed) => check(seed),
        None => (0..number("SEEDS").unwrap_or(500)).for_each(check),
    }
}
