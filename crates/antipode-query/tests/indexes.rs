//! Indexes change no result: random queries on random documents of mixed types give the same rows with indexes as
//! without any, read or written, with all rules and with each of those about indexes switched off.
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/chance.rs"]
mod chance;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use std::collections::BTreeMap;

use antipode_query::{CollectionKind, CompileOptions, IndexKind, compile};
use antipode_value::Value;
use chance::{Chance, alone, seeds};
use memory::Database;
use run::{options, rows};

/// Values of every type, with equals of different looks, and texts whose collation is not their bytes.
const VALUES: &[&str] = &[
    "null",
    "false",
    "true",
    "0",
    "1",
    "1.0",
    "-2",
    "2.5",
    "\"\"",
    "\"a\"",
    "\"A\"",
    "\"b\"",
    "\"ä\"",
    "\"abc\"",
    "\"a\u{301}b\"",
    "[]",
    "[1]",
    "[1, null]",
    "[\"a\", 1, [2]]",
    "{}",
    "{\"b\": 1}",
    "{\"b\": null}",
];

/// What a document may have under `t`: arrays, mostly.
const LISTS: &[&str] = &[
    "[]",
    "[1, 2]",
    "[1, 1.0, null]",
    "[null]",
    "[\"a\", \"b\"]",
    "[{\"n\": 1}, {\"n\": 2}, {}]",
    "[{\"n\": \"a\"}, 3]",
    "[[1], [2]]",
    "7",
    "null",
];

const ATTRIBUTES: &[&str] = &["a", "b", "o.b", "n"];

fn documents(chance: &mut Chance) -> Vec<Value> {
    let count = chance.below(14);
    let document = |key: u64, chance: &mut Chance| {
        let mut text = format!("{{\"_key\": \"k{key}\", \"n\": {}", key % 5);
        for name in ["a", "b"] {
            if chance.below(5) > 0 {
                text.push_str(&format!(", \"{name}\": {}", chance.one(VALUES)));
            }
        }
        if chance.flip() {
            text.push_str(&format!(", \"o\": {{\"b\": {}}}", chance.one(VALUES)));
        }
        if chance.below(4) > 0 {
            text.push_str(&format!(", \"t\": {}", chance.one(LISTS)));
        }
        text.push('}');
        Value::from_json(&text).unwrap()
    };
    (0..count).map(|key| document(key, chance)).collect()
}

fn with_indexes(plain: &Database, chance: &mut Chance) -> Database {
    let mut database = plain.clone();
    for _ in 0..1 + chance.below(3) {
        let mut fields: Vec<&str> = Vec::new();
        for _ in 0..1 + chance.below(3) {
            let field = chance.one(&["a", "b", "o.b", "n", "t[*]", "t[*].n", "_key"]);
            let array = |field: &str| field.contains('[');
            let second_array = array(field) && fields.iter().any(|f| array(f));
            if !second_array && !fields.contains(&field) {
                fields.push(field);
            }
        }
        let stored: &[&str] = if chance.flip() { &["n", "b"] } else { &[] };
        let sparse = chance.below(3) == 0;
        database.create_index("c", IndexKind::Persistent, &fields, false, sparse, stored);
    }
    database
}

fn value(chance: &mut Chance, outer: Option<&str>) -> String {
    match outer {
        Some(outer) if chance.flip() => format!("{outer}.{}", chance.one(ATTRIBUTES)),
        _ => chance.one(VALUES).to_owned(),
    }
}

/// A condition on a loop's document.
fn condition(chance: &mut Chance, name: &str, outer: Option<&str>, depth: u32) -> String {
    if depth > 0 && chance.flip() {
        let left = condition(chance, name, outer, depth - 1);
        let right = condition(chance, name, outer, depth - 1);
        return format!("({left} {} {right})", chance.one(&["AND", "AND", "OR"]));
    }
    let attribute = chance.one(ATTRIBUTES);
    let known = value(chance, outer);
    match chance.below(12) {
        0..=2 => format!("{name}.{attribute} == {known}"),
        3 | 4 => {
            let operator = chance.one(&["<", "<=", ">", ">="]);
            format!("{name}.{attribute} {operator} {known}")
        }
        5 => {
            let operator = chance.one(&["<", "<=", ">", ">=", "=="]);
            format!("{known} {operator} {name}.{attribute}")
        }
        6 => format!("{name}.{attribute} IN [{known}, {}]", chance.one(VALUES)),
        7 => format!("{name}.{attribute} IN {known}"),
        8 => format!("{known} IN {name}.t"),
        9 => format!("{known} IN {name}.t[*].n"),
        10 => format!("{name}.t ANY == {known}"),
        _ => match chance.below(9) {
            6..=8 => {
                let pattern = chance.one(&["a%", "ab_%", "b", "z%", "t%", "A%"]);
                format!("{name}.{attribute} LIKE '{pattern}'")
            }
            4 => format!(
                "{name}._key {} {known}",
                chance.one(&["<", "<=", ">", ">="])
            ),
            5 => {
                let (low, high) = (chance.below(9), chance.one(&["k12", "K5", "k"]));
                format!("({name}._key >= \"k{low}\" AND {name}._key < \"{high}\")")
            }
            0 => format!("{name}.{attribute} != null"),
            1 => format!("{name}._key IN [\"k1\", \"k3\", 5, {known}]"),
            2 => format!("{name}._key == \"k2\""),
            _ => format!("{name}.{attribute} != {known}"),
        },
    }
}

/// Filters of a loop.
fn filters(chance: &mut Chance, name: &str, outer: Option<&str>) -> String {
    let count = 1 + chance.below(2);
    let filters = (0..count).map(|_| format!(" FILTER {}", condition(chance, name, outer, 2)));
    filters.collect()
}

/// Where a document lies, if it does.
const PLACES: &[&str] = &[
    ", \"lat\": 0, \"lon\": 0, \"p\": [0, 0], \"g\": [0, 0]",
    ", \"lat\": 1, \"lon\": 0.5, \"p\": [1, 0.5], \"g\": {\"type\": \"Point\", \"coordinates\": [0.5, 1]}",
    ", \"lat\": 0, \"lon\": 179.5, \"p\": [0, 179.5], \"g\": [179.5, 0]",
    ", \"lat\": 0, \"lon\": -179.5, \"p\": [0, -179.5], \"g\": [-179.5, 0]",
    ", \"lat\": 89.9, \"lon\": 100, \"p\": [89.9, 100], \"g\": [100, 89.9]",
    ", \"lat\": 91, \"lon\": 0, \"p\": [91, 0], \"g\": [0, 91]",
    ", \"lat\": \"x\", \"p\": [1], \"g\": {\"type\": \"Point\"}",
    ", \"lat\": 2, \"lon\": 2, \"p\": [2, 2], \"g\": {\"type\": \"Polygon\", \"coordinates\": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}",
    ", \"lat\": 2, \"lon\": 7, \"p\": [2, 7], \"g\": {\"type\": \"LineString\", \"coordinates\": [[3, 3], [11, 1]]}",
    "",
];

const DISTANCES: &[&str] = &[
    "DISTANCE(d.lat, d.lon, 0, 0)",
    "DISTANCE(0.5, 0.5, d.lat, d.lon)",
    "DISTANCE(d.p[0], d.p[1], 89, 10)",
    "DISTANCE(d.lat, d.lon, \"x\", 0)",
    "GEO_DISTANCE(d.g, [179, 0])",
    "GEO_DISTANCE([d.lon, d.lat], GEO_POINT(0, 1))",
    "GEO_DISTANCE(GEO_POLYGON([[0, 0], [2, 0], [2, 2]]), d.g)",
    "GEO_DISTANCE(d.g, [0, 0], \"wgs84\")",
    "GEO_DISTANCE(d.g, null)",
];

fn geo_query(chance: &mut Chance) -> (String, bool) {
    let bound = |chance: &mut Chance| {
        chance
            .one(&["0", "111195", "200000.5", "20000000", "null", "\"x\"", "-1"])
            .to_owned()
    };
    let distance = chance.one(DISTANCES);
    let mut filter = String::new();
    for _ in 0..chance.below(3) {
        let operator = chance.one(&["<", "<=", ">", ">="]);
        let distance = if chance.flip() { distance } else { "m" };
        filter.push_str(&format!(" FILTER {distance} {operator} {}", bound(chance)));
    }
    match chance.below(4) {
        0 => {
            let shape = chance.one(&[
                "[2, 2]",
                "GEO_POLYGON([[1, 1], [9, 1], [9, 9], [1, 9]])",
                "GEO_POLYGON([[179, -1], [-179, -1], [-179, 1], [179, 1]])",
                "null",
            ]);
            let test = match chance.below(3) {
                0 => format!("GEO_INTERSECTS({shape}, d.g)"),
                1 => format!("GEO_INTERSECTS(d.g, {shape})"),
                _ => format!("GEO_CONTAINS({shape}, [d.lon, d.lat])"),
            };
            (
                format!("FOR d IN c LET m = {distance} FILTER {test}{filter} RETURN d"),
                false,
            )
        }
        1 => {
            let down = if chance.flip() { " DESC" } else { "" };
            let limit = chance.below(5);
            (
                format!(
                    "FOR d IN c LET m = {distance}{filter} SORT m{down} LIMIT {limit} RETURN m"
                ),
                true,
            )
        }
        _ => (
            format!("FOR d IN c LET m = {distance}{filter} RETURN [d._key, m]"),
            false,
        ),
    }
}

/// What a query gives back, and whether in a fixed order.
fn query(chance: &mut Chance) -> (String, bool) {
    let text = match chance.below(8) {
        0 | 1 => format!("FOR d IN c{} RETURN d", filters(chance, "d", None)),
        5 => {
            let filter = match chance.below(3) {
                0 => filters(chance, "d", None),
                1 => format!(" FILTER d.a == {}", value(chance, None)),
                _ => String::new(),
            };
            let (extreme, attribute) = (chance.one(&["MIN", "MAX"]), chance.one(ATTRIBUTES));
            format!("FOR d IN c{filter} COLLECT AGGREGATE m = {extreme}(d.{attribute}) RETURN m")
        }
        2 => format!(
            "FOR d IN c{} RETURN [d.a, d._key, d.o.b]",
            filters(chance, "d", None)
        ),
        3 => {
            let inner = filters(chance, "e", Some("d"));
            let outer = filters(chance, "d", None);
            format!("FOR d IN c{outer} FOR e IN c{inner} RETURN [d._key, e._key]")
        }
        4 => {
            let inner = filters(chance, "e", Some("d"));
            format!("FOR d IN c RETURN [d._key, LENGTH(FOR e IN c{inner} RETURN e)]")
        }
        _ => {
            let filter = match chance.below(3) {
                0 => filters(chance, "d", None),
                1 => {
                    let alternative = |chance: &mut Chance| condition(chance, "d", None, 0);
                    let (one, other) = (alternative(chance), alternative(chance));
                    format!(" FILTER {one} OR {other}")
                }
                _ => String::new(),
            };
            let mut keys: Vec<String> = Vec::new();
            for _ in 0..1 + chance.below(3) {
                keys.push(format!("d.{}", chance.one(ATTRIBUTES)));
            }
            let down = chance.flip();
            let sort: Vec<String> = keys
                .iter()
                .map(|key| format!("{key}{}", if down { " DESC" } else { "" }))
                .collect();
            let limit = match chance.below(3) {
                0 => format!(" LIMIT {}, {}", chance.below(3), chance.below(6)),
                _ => String::new(),
            };
            // Equal rows are alike in what is returned, so the order is fixed.
            let text = format!(
                "FOR d IN c{filter} SORT {}{limit} RETURN [{}]",
                sort.join(", "),
                keys.join(", ")
            );
            return (text, true);
        }
    };
    (text, false)
}

/// The rows of a query, and what it leaves of the collection.
type Outcome = Result<(Vec<Value>, Vec<Value>), u32>;

/// Rules about indexes.
const RULES: &[&str] = &[
    "use-indexes",
    "remove-filter-covered-by-index",
    "use-index-for-sort",
    "geo-index-optimizer",
    "optimize-projections",
    "move-filters-up",
    "replace-like-with-range",
    "use-index-for-collect",
];

fn run(
    database: &Database,
    text: &str,
    rules: &[&str],
    reached: &mut BTreeMap<&'static str, u32>,
) -> Outcome {
    let transaction = database.begin();
    let plan = compile(text, &Value::Null, &transaction, &options(rules));
    for rule in plan.map_err(|error| error.code())?.rules {
        *reached.entry(rule).or_default() += 1;
    }
    let given = rows(&transaction, text, rules).map_err(|error| error.code())?;
    let mut database = database.clone();
    database.commit(transaction);
    let left = "FOR d IN c SORT d._key RETURN UNSET(d, \"_rev\")";
    let mut left = rows(&database.begin(), left, rules).expect("a scan");
    left.sort();
    Ok((given, left))
}

fn check(seed: u64, reached: &mut BTreeMap<&'static str, u32>) {
    let mut chance = Chance::new(seed);
    let mut plain = Database::new();
    plain.create_collection("c", CollectionKind::Document);
    for document in documents(&mut chance) {
        plain.put("c", &document);
    }
    let indexed = with_indexes(&plain, &mut chance);
    for _ in 0..6 {
        let (text, ordered) = query(&mut chance);
        compare(seed, &plain, &indexed, &text, ordered, reached);
    }
    geo_check(seed, &mut chance, reached);
    for _ in 0..2 {
        let filters = filters(&mut chance, "d", None);
        let text = match chance.below(5) {
            0 => format!("FOR d IN c{filters} REMOVE d IN c RETURN OLD._key"),
            // Each document that is changed would be met again further on, if the scan saw it.
            1 => format!("FOR d IN c{filters} UPDATE d WITH {{n: d.n + 10}} IN c RETURN NEW.n"),
            2 => format!(
                "FOR d IN c{filters} UPDATE d WITH {{a: \"zz\"}} IN c RETURN [OLD.a, NEW.a]"
            ),
            3 => format!(
                "FOR d IN c{filters} INSERT {{_key: CONCAT(d._key, \"x\"), a: d.a, n: d.n}} INTO c"
            ),
            _ => {
                let (a, b) = (value(&mut chance, None), value(&mut chance, Some("d")));
                let search = match chance.below(3) {
                    0 => format!("{{a: {a}}}"),
                    1 => format!("{{a: {a}, n: 1}}"),
                    _ => format!("{{n: {}, o: {{b: {b}}}}}", chance.below(5)).replace("d.", "i."),
                };
                format!(
                    "FOR i IN [{{n: 1, a: 2.5}}, {{n: 2, b: 1}}] UPSERT {search} INSERT {{_key: CONCAT(\"u\", i.n), n: 1, a: {a}}} UPDATE {{n: 9}} IN c RETURN [OLD._key, NEW._key]"
                )
            }
        };
        compare(seed, &plain, &indexed, &text, false, reached);
    }
}

fn geo_check(seed: u64, chance: &mut Chance, reached: &mut BTreeMap<&'static str, u32>) {
    let mut plain = Database::new();
    plain.create_collection("c", CollectionKind::Document);
    for key in 0..chance.below(10) {
        let text = format!("{{\"_key\": \"k{key}\"{}}}", chance.one(PLACES));
        plain.put("c", &Value::from_json(&text).unwrap());
    }
    let mut indexed = plain.clone();
    for (fields, geo_json) in [
        (&["lat", "lon"][..], false),
        (&["p"][..], false),
        (&["g"][..], true),
    ] {
        let kind = IndexKind::Geo { geo_json };
        indexed.create_index("c", kind, fields, false, true, &[]);
    }
    for _ in 0..3 {
        let (text, ordered) = geo_query(chance);
        compare(seed, &plain, &indexed, &text, ordered, reached);
    }
}

fn compare(
    seed: u64,
    plain: &Database,
    indexed: &Database,
    text: &str,
    ordered: bool,
    reached: &mut BTreeMap<&'static str, u32>,
) {
    let arrange = |outcome: Outcome| {
        outcome.map(|(mut rows, left)| {
            if !ordered {
                rows.sort();
            }
            (rows, left)
        })
    };
    let wanted = arrange(run(plain, text, &["-all"], &mut BTreeMap::new()));
    let given = arrange(run(indexed, text, &[], reached));
    let explain = || {
        compile(text, &Value::Null, indexed, &CompileOptions::default())
            .map_or(String::new(), |plan| plan.explain_text())
    };
    assert_eq!(given, wanted, "seed {seed}: {text}\n{}", explain());
    for rule in RULES {
        let off = format!("-{rule}");
        let given = arrange(run(indexed, text, &[&off], &mut BTreeMap::new()));
        assert_eq!(given, wanted, "seed {seed}, -{rule}: {text}\n{}", explain());
    }
}

#[test]
fn indexes_change_no_result() {
    let mut reached = BTreeMap::new();
    let seeds = seeds(600);
    seeds.clone().for_each(|seed| check(seed, &mut reached));
    if alone() {
        return;
    }
    // A test that never reaches a rule proves nothing about it.
    for rule in RULES {
        let times = reached.get(rule).copied().unwrap_or(0);
        assert!(
            u64::from(times) >= seeds.end / 20,
            "{rule} changed only {times} plans"
        );
    }
}
