//! The optimizer changes no result: random queries give the same rows with all rules, with none, and with each rule
//! switched off. And a query gives the same rows as its three partitions by a condition (true, false, null).
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/memory.rs"]
mod memory;

use std::collections::BTreeMap;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, IndexKind, Limits, compile, execute,
    rule_names,
};
use antipode_value::Value;
use memory::Database;

/// A small generator of chance; the same numbers on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one<'v>(&mut self, values: &[&'v str]) -> &'v str {
        values[self.below(values.len() as u64) as usize]
    }
}

fn database(chance: &mut Chance) -> Database {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    database.create_collection("e", CollectionKind::Edge);
    for key in 0..chance.below(12) {
        let a = [
            "1",
            "2",
            "2.0",
            "null",
            "\"x\"",
            "[1]",
            "{\"b\": 1}",
            "true",
            "-3",
        ];
        let json = format!(
            "{{\"_key\": \"k{key}\", \"a\": {}, \"b\": {}, \"n\": {key}}}",
            chance.one(&a),
            chance.one(&a)
        );
        database.put("c", &Value::from_json(&json).unwrap());
    }
    if chance.below(2) == 0 {
        database.create_index("c", IndexKind::Persistent, &["a"], false, false, &[]);
        database.create_index("c", IndexKind::Persistent, &["n", "b"], false, true, &["a"]);
    }
    for key in 0..chance.below(15) {
        let (from, to) = (chance.below(12), chance.below(12));
        let json = format!(
            "{{\"_key\": \"e{key}\", \"_from\": \"c/k{from}\", \"_to\": \"c/k{to}\", \"w\": {key}}}"
        );
        database.put("e", &Value::from_json(&json).unwrap());
    }
    database
}

/// A scalar expression over the variables in scope.
fn expression(chance: &mut Chance, variables: &[String], depth: u32) -> String {
    let variable = |chance: &mut Chance| match variables.len() {
        0 => "1".to_string(),
        count => variables[chance.below(count as u64) as usize].clone(),
    };
    if depth == 0 {
        return match chance.below(5) {
            0 => chance
                .one(&[
                    "1", "2", "null", "\"x\"", "\"k1\"", "\"c/k2\"", "true", "[1, 2]", "0.5",
                ])
                .into(),
            1 => variable(chance),
            _ => format!(
                "{}.{}",
                variable(chance),
                chance.one(&["a", "b", "n", "_key", "_id", "_from", "_to", "w"])
            ),
        };
    }
    let left = expression(chance, variables, depth - 1);
    let right = expression(chance, variables, depth - 1);
    match chance.below(10) {
        9 => {
            let path = expression(chance, variables, 0);
            format!("({path} == 1 OR {path} IN [\"k1\", \"c/k2\"] OR \"k3\" == {path})")
        }
        0 => format!("({left} + {right})"),
        1 => format!(
            "({left} {} {right})",
            chance.one(&["<", "<=", ">", ">=", "!="])
        ),
        2 | 3 => format!("({left} == {right})"),
        4 => format!("({left} IN [{right}, 1, \"k3\"])"),
        5 => format!("({left} AND {right})"),
        6 => format!("({left} OR {right})"),
        7 => format!("({left} ? {right} : 7)"),
        _ => format!("LENGTH({left})"),
    }
}

/// The operations of a query up to its RETURN, and the variables at their end.
fn operations(chance: &mut Chance, depth: u32) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut variables: Vec<String> = Vec::new();
    let fresh = |variables: &[String], depth: u32| format!("v{depth}_{}", variables.len());
    for _ in 0..2 + chance.below(5) {
        let next = fresh(&variables, depth);
        match chance.below(8) {
            0 | 1 => {
                text.push_str(&format!(
                    " FOR {next} IN {}",
                    chance.one(&[
                        "c",
                        "c",
                        "e",
                        "[1, 2, {a: 1}]",
                        "1..3",
                        "1..2 ANY \"c/k1\" e"
                    ])
                ));
                // Loops that look for equals are what joins are made of.
                if chance.below(3) == 0 {
                    let attribute = chance.one(&["a", "b", "n", "_key", "_from", "_to"]);
                    let other = expression(chance, &variables, 0);
                    text.push_str(&format!(" FILTER {next}.{attribute} == {other}"));
                }
                variables.push(next);
            }
            2 => {
                let level = 2 * chance.below(2) as u32;
                text.push_str(&format!(
                    " LET {next} = {}",
                    expression(chance, &variables, level)
                ));
                variables.push(next);
            }
            3 if depth > 0 => {
                let (inner, inner_variables) = operations(chance, depth - 1);
                let value = expression(chance, &inner_variables, 1);
                let subquery = format!("({inner} RETURN {value})");
                match chance.below(5) {
                    0 => text.push_str(&format!(" LET {next} = FIRST({subquery})")),
                    1 => text.push_str(&format!(" LET {next} = LENGTH({subquery})")),
                    2 => text.push_str(&format!(" LET {next} = {subquery}")),
                    _ => text.push_str(&format!(" FOR {next} IN {subquery}")),
                }
                variables.push(next);
            }
            4..=6 => {
                let level = 1 + chance.below(2) as u32;
                text.push_str(&format!(
                    " FILTER {}",
                    expression(chance, &variables, level)
                ));
            }
            _ => {
                // The whole row is a key, so that the order, and with it the LIMIT, is fixed but for equal rows.
                let all = variables.join(", ");
                text.push_str(&format!(
                    " SORT {}, [{all}] LIMIT {}",
                    expression(chance, &variables, 1),
                    chance.below(6)
                ));
            }
        }
    }
    (text, variables)
}

fn rows(database: &Database, text: &str, rules: &[&str]) -> Result<Vec<Value>, u32> {
    let transaction = database.begin();
    let options = CompileOptions {
        rules: rules.iter().map(|rule| (*rule).to_string()).collect(),
        ..CompileOptions::default()
    };
    let plan = compile(text, &Value::Null, &transaction, &options).map_err(|error| error.code())?;
    let environment = Environment::default();
    let mut rows = execute(
        &plan,
        &transaction,
        &environment,
        Limits::default(),
        Cancel::new(),
    )
    .map_err(|error| error.code())?;
    let mut rows = rows.collect_all().map_err(|error| error.code())?;
    rows.sort();
    Ok(rows)
}

/// What a run of seeds has reached.
#[derive(Default)]
struct Reached {
    /// Queries whose plan each rule changed.
    rules: BTreeMap<&'static str, u32>,
    /// Queries with rows.
    with_rows: u32,
}

fn check(seed: u64, reached: &mut Reached) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    chance.below(2);
    let database = database(&mut chance);
    let (body, variables) = operations(&mut chance, 1);
    let returned = variables.join(", ");
    let text = format!("{body} RETURN [{returned}]");
    let plain = rows(&database, &text, &["-all"]);
    assert_eq!(rows(&database, &text, &[]), plain, "seed {seed}: {text}");
    for rule in rule_names() {
        let off = format!("-{rule}");
        assert_eq!(
            rows(&database, &text, &[&off]),
            plain,
            "seed {seed}, {off}: {text}"
        );
    }
    if let Ok(plan) = compile(&text, &Value::Null, &database, &CompileOptions::default()) {
        for rule in plan.rules {
            *reached.rules.entry(rule).or_default() += 1;
        }
    }
    reached.with_rows += u32::from(plain.as_ref().is_ok_and(|rows| !rows.is_empty()));
    let condition = expression(&mut chance, &variables, 2);
    let part = |test: &str| {
        rows(
            &database,
            &format!("{body} LET cond = {condition} FILTER {test} RETURN [{returned}]"),
            &[],
        )
    };
    if let Ok(plain) = plain {
        let mut parts = Vec::new();
        for test in [
            "cond == null",
            "cond != null AND cond",
            "cond != null AND NOT cond",
        ] {
            parts.extend(
                part(test)
                    .unwrap_or_else(|code| panic!("seed {seed}, {test}: error {code}: {text}")),
            );
        }
        parts.sort();
        assert_eq!(
            parts, plain,
            "seed {seed}, partitions by {condition}: {text}"
        );
    }
}

#[test]
fn rules_change_no_result() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let mut reached = Reached::default();
    match number("SEED") {
        Some(seed) => check(seed, &mut reached),
        None => {
            let seeds = number("SEEDS").unwrap_or(2_000);
            (0..seeds).for_each(|seed| check(seed, &mut reached));
            // A test that never reaches a rule proves nothing about it. Some have tests of their own.
            let few = seeds / 200;
            let elsewhere = [
                "use-index-for-sort",
                "geo-index-optimizer",
                "optimize-projections",
                "optimize-traversals",
            ];
            for rule in rule_names().filter(|rule| !elsewhere.contains(rule)) {
                let times = reached.rules.get(rule).copied().unwrap_or(0);
                assert!(u64::from(times) >= few, "{rule} changed only {times} plans");
            }
            assert!(
                u64::from(reached.with_rows) >= seeds / 5,
                "{} queries had rows",
                reached.with_rows
            );
        }
    }
}
