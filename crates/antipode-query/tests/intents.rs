//! Intents change nothing for a query alone: random modifications leave the same documents with intents captured and
//! without, and the replicated documents show what the plain ones do (the database of the tests holds them together).
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/memory.rs"]
mod memory;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Limits, compile, execute,
};
use antipode_value::Value;
use memory::{Database, same};

/// A small generator of chance; the same numbers on every machine.
struct Chance {
    state: u64,
    large: bool,
}

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % end
    }

    fn value(&mut self) -> &'static str {
        self.one(if self.large { LARGE } else { VALUES })
    }

    fn one<'v>(&mut self, values: &[&'v str]) -> &'v str {
        values[self.below(values.len() as u64) as usize]
    }
}

/// Sums of doubles depend on their order, and a counter keeps its own; so only doubles that add exactly are here, and the
/// integer at the edge is never beside them (`LARGE` takes its place).
const VALUES: &[&str] = &[
    "1",
    "-2",
    "0.5",
    "null",
    "\"x\"",
    "\"A\"",
    "\"a\"",
    "true",
    "[]",
    "[1, 2]",
    "[1, 1, 2]",
    "[2, null]",
    "{n: 1}",
    "{}",
    "[[1]]",
    "1.0",
];
const LARGE: &[&str] = &[
    "1",
    "-2",
    "null",
    "\"7\"",
    "9223372036854775807",
    "-9223372036854775807",
    "[]",
    "[1]",
];

const ATTRIBUTES: &[&str] = &["p", "q", "o.n", "o.p"];

/// A value that may be a relative change of `read.path`.
fn value(chance: &mut Chance, read: &str, path: &str) -> String {
    let own = format!("{read}.{path}");
    let other = format!("{read}.{}", chance.one(ATTRIBUTES));
    let operand = match chance.below(4) {
        0 => other,
        _ => chance.value().to_string(),
    };
    match chance.below(16) {
        0..=2 => format!("{own} + {operand}"),
        3 => format!("{own} - {operand}"),
        4 => format!("{operand} + {own}"),
        5 => format!("PUSH({own}, {operand})"),
        6 => format!("PUSH({own}, {operand}, true)"),
        7 => format!("APPEND({own}, {operand})"),
        8 => format!("APPEND({own}, {operand}, true)"),
        9 => format!("UNSHIFT({own}, {operand})"),
        10 => format!("UNION_DISTINCT({own}, {operand})"),
        11 => format!("REMOVE_VALUE({own}, {operand})"),
        12 => format!("MINUS({own}, {operand})"),
        13 => format!("MAX([{own}, {operand}])"),
        14 => format!("MIN([{operand}, {own}])"),
        _ => operand,
    }
}

/// An object literal that sets some attributes, each to a value given by `value`.
fn document(chance: &mut Chance, read: &str) -> String {
    let mut members = Vec::new();
    let mut nested = Vec::new();
    for path in ATTRIBUTES {
        if chance.below(2) == 0 {
            continue;
        }
        let value = value(chance, read, path);
        match path.split_once('.') {
            Some((_, below)) => nested.push(format!("{below}: {value}")),
            None => members.push(format!("{path}: {value}")),
        }
    }
    if !nested.is_empty() {
        members.push(format!("o: {{ {} }}", nested.join(", ")));
    }
    format!("{{ {} }}", members.join(", "))
}

fn plain_document(chance: &mut Chance, key: &str) -> String {
    let members: Vec<String> = ["p", "q"]
        .iter()
        .map(|name| format!("{name}: {}", chance.value()))
        .collect();
    let nested = format!(
        "o: {}",
        chance.one(&["{n: 1, p: [1]}", "null", "5", "{p: 2}", "[]"])
    );
    format!("{{ _key: \"{key}\", {}, {nested} }}", members.join(", "))
}

fn statement(chance: &mut Chance) -> String {
    let options = chance.one(&[
        "",
        "",
        " OPTIONS { keepNull: false }",
        " OPTIONS { mergeObjects: false }",
        " OPTIONS { keepNull: false, mergeObjects: false }",
    ]);
    let key = chance.one(&["a", "b", "c"]);
    match chance.below(6) {
        0 => format!(
            "UPSERT {{ _key: \"{key}\" }} INSERT {} UPDATE {} IN t{options}",
            plain_document(chance, key),
            document(chance, "OLD")
        ),
        1 => format!(
            "INSERT {} INTO t OPTIONS {{ overwriteMode: \"{}\" }}",
            plain_document(chance, key),
            chance.one(&["replace", "update", "ignore"])
        ),
        2 => format!("FOR d IN t FILTER d._key == \"{key}\" REMOVE d IN t"),
        3 => format!(
            "FOR i IN 1..2 FOR d IN t UPDATE d WITH {} IN t{options}",
            document(chance, "d")
        ),
        // An object made of the document and changed on the way.
        4 if chance.below(2) == 0 => format!(
            "FOR d IN t LET x = MERGE(d, {{ p: {}, q: {} }}) UPDATE x WITH {} IN t{options}",
            chance.value(),
            chance.value(),
            document(chance, "x")
        ),
        5 if chance.below(2) == 0 => format!(
            "FOR x IN (FOR d IN t RETURN {}) UPDATE x WITH {} IN t{options}",
            chance.one(&["d", "MERGE(d, { o: { n: 3 } })", "UNSET(d, \"p\")"]),
            document(chance, "x")
        ),
        4 => format!(
            "FOR d IN t UPDATE {{ _key: d._key }} WITH {} IN t{options}",
            document(chance, "d")
        ),
        _ => format!(
            "FOR d IN t UPDATE d WITH {} IN t{options}",
            document(chance, "d")
        ),
    }
}

/// Runs a query; gives the number of intents in its plan, or the error.
fn run(database: &mut Database, text: &str) -> Result<usize, u32> {
    let transaction = database.begin();
    let plan = compile(text, &Value::Null, &transaction, &CompileOptions::default())
        .map_err(|error| error.code())?;
    let intents = plan
        .explain_json()
        .attribute("plan")
        .attribute("nodes")
        .as_array()
        .map_or(0, |nodes| {
            nodes
                .iter()
                .map(|node| {
                    node.attribute("intents")
                        .as_array()
                        .map_or(0, |intents| intents.len())
                })
                .sum()
        });
    let environment = Environment::default();
    let mut rows = execute(
        &plan,
        &transaction,
        &environment,
        Limits::default(),
        Cancel::new(),
    )
    .map_err(|error| error.code())?;
    rows.collect_all().map_err(|error| error.code())?;
    drop(rows);
    database.commit(transaction);
    Ok(intents)
}

fn documents(database: &Database) -> Vec<Value> {
    let transaction = database.begin();
    let text = "FOR d IN t SORT d._key RETURN UNSET(d, \"_rev\")";
    let plan = compile(text, &Value::Null, &transaction, &CompileOptions::default()).unwrap();
    let environment = Environment::default();
    let mut rows = execute(
        &plan,
        &transaction,
        &environment,
        Limits::default(),
        Cancel::new(),
    )
    .unwrap();
    rows.collect_all().unwrap()
}

fn check(seed: u64) -> usize {
    let mut chance = Chance {
        state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        large: seed % 4 == 3,
    };
    chance.below(2);
    let mut captured = Database::new();
    captured.create_collection("t", CollectionKind::Document);
    let mut plain = captured.clone();
    let mut intents = 0;
    for step in 0..8 {
        let text = statement(&mut chance);
        let with = run(&mut captured, &text);
        let without = run(
            &mut plain,
            &format!("QUERY OPTIONS {{ intents: false }} {text}"),
        );
        assert_eq!(without.unwrap_or(0), 0);
        assert_eq!(
            with.is_ok(),
            without.is_ok(),
            "seed {seed}, step {step}: {text}: {with:?}"
        );
        intents += with.unwrap_or(0);
        let (left, right) = (documents(&captured), documents(&plain));
        let same = left.len() == right.len()
            && left
                .iter()
                .zip(&right)
                .all(|(left, right)| same(left, right));
        assert!(
            same,
            "seed {seed}, step {step}: {text}\n  with intents: {left:?}\n  without:      {right:?}"
        );
    }
    intents
}

#[test]
fn intents_change_nothing_for_a_query_alone() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    if let Some(seed) = number("SEED") {
        check(seed);
        return;
    }
    let seeds = number("SEEDS").unwrap_or(3_000);
    let intents: usize = (0..seeds).map(check).sum();
    assert!(
        intents as u64 > seeds,
        "only {intents} intents were captured"
    );
}
