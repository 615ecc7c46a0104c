//! Intents change nothing for a query alone: random modifications leave the same documents with intents captured and
//! without, and the replicated documents show what the plain ones do (the database of the tests holds them together).
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/chance.rs"]
mod chance;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use antipode_query::{CollectionKind, CompileOptions, compile};
use antipode_value::Value;
use chance::{Chance, alone, seeds};
use memory::{Database, same};
use run::rows;

/// What a statement is made with.
struct Maker {
    chance: Chance,
    values: &'static [&'static str],
}

impl Maker {
    fn below(&mut self, end: u64) -> u64 {
        self.chance.below(end)
    }

    fn one<'v>(&mut self, of: &[&'v str]) -> &'v str {
        self.chance.one(of)
    }

    fn value(&mut self) -> &'static str {
        self.chance.one(self.values)
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
fn value(make: &mut Maker, read: &str, path: &str) -> String {
    let own = format!("{read}.{path}");
    let other = format!("{read}.{}", make.one(ATTRIBUTES));
    let operand = match make.below(4) {
        0 => other,
        _ => make.value().to_string(),
    };
    match make.below(16) {
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
fn document(make: &mut Maker, read: &str) -> String {
    let mut members = Vec::new();
    let mut nested = Vec::new();
    for path in ATTRIBUTES {
        if make.below(2) == 0 {
            continue;
        }
        let value = value(make, read, path);
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

fn plain_document(make: &mut Maker, key: &str) -> String {
    let members: Vec<String> = ["p", "q"]
        .iter()
        .map(|name| format!("{name}: {}", make.value()))
        .collect();
    let nested = format!(
        "o: {}",
        make.one(&["{n: 1, p: [1]}", "null", "5", "{p: 2}", "[]"])
    );
    format!("{{ _key: \"{key}\", {}, {nested} }}", members.join(", "))
}

fn statement(make: &mut Maker) -> String {
    let options = make.one(&[
        "",
        "",
        " OPTIONS { keepNull: false }",
        " OPTIONS { mergeObjects: false }",
        " OPTIONS { keepNull: false, mergeObjects: false }",
    ]);
    let key = make.one(&["a", "b", "c"]);
    match make.below(6) {
        0 => format!(
            "UPSERT {{ _key: \"{key}\" }} INSERT {} UPDATE {} IN t{options}",
            plain_document(make, key),
            document(make, "OLD")
        ),
        1 => format!(
            "INSERT {} INTO t OPTIONS {{ overwriteMode: \"{}\" }}",
            plain_document(make, key),
            make.one(&["replace", "update", "ignore"])
        ),
        2 => format!("FOR d IN t FILTER d._key == \"{key}\" REMOVE d IN t"),
        3 => format!(
            "FOR i IN 1..2 FOR d IN t UPDATE d WITH {} IN t{options}",
            document(make, "d")
        ),
        // An object made of the document and changed on the way.
        4 if make.below(2) == 0 => format!(
            "FOR d IN t LET x = MERGE(d, {{ p: {}, q: {} }}) UPDATE x WITH {} IN t{options}",
            make.value(),
            make.value(),
            document(make, "x")
        ),
        5 if make.below(2) == 0 => format!(
            "FOR x IN (FOR d IN t RETURN {}) UPDATE x WITH {} IN t{options}",
            make.one(&["d", "MERGE(d, { o: { n: 3 } })", "UNSET(d, \"p\")"]),
            document(make, "x")
        ),
        4 => format!(
            "FOR d IN t UPDATE {{ _key: d._key }} WITH {} IN t{options}",
            document(make, "d")
        ),
        _ => format!(
            "FOR d IN t UPDATE d WITH {} IN t{options}",
            document(make, "d")
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
    rows(&transaction, text, &[]).map_err(|error| error.code())?;
    database.commit(transaction);
    Ok(intents)
}

fn documents(database: &Database) -> Vec<Value> {
    let text = "FOR d IN t SORT d._key RETURN UNSET(d, \"_rev\")";
    rows(&database.begin(), text, &[]).expect("a scan")
}

fn check(seed: u64) -> usize {
    let mut make = Maker {
        chance: Chance::new(seed),
        values: if seed % 4 == 3 { LARGE } else { VALUES },
    };
    let mut captured = Database::new();
    captured.create_collection("t", CollectionKind::Document);
    let mut plain = captured.clone();
    let mut intents = 0;
    for step in 0..8 {
        let text = statement(&mut make);
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
    let seeds = seeds(3_000);
    let intents: usize = seeds.clone().map(check).sum();
    assert!(
        alone() || intents as u64 > seeds.end,
        "only {intents} intents were captured"
    );
}
