//! A plan from the cache gives what a plan of its own gives: rows, errors, warnings and writes, whatever the bind values
//! are with which it was first made.

#[path = "support/memory.rs"]
mod memory;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, IndexKind, Limits, PlanCache,
    PlanCacheLimits, Prepared, QueryError, compile, execute_prepared,
};
use antipode_value::Value;
use memory::Database;

/// SplitMix64: the same cases each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }
}

const BINDS: [&str; 4] = ["a", "b", "c", "d"];

const VALUES: &[&str] = &[
    "null",
    "null",
    "true",
    "false",
    "0",
    "1",
    "1.0",
    "2",
    "3",
    "-1",
    "2.5",
    "\"\"",
    "\"x\"",
    "\"n\"",
    "\"s\"",
    "\"items\"",
    "\"v/1\"",
    "\"1\"",
    "\"asc\"",
    "\"desc\"",
    "\"unbounded\"",
    "\"2024-01-31\"",
    "\"P1D\"",
    "\"(\"",
    "\"a%\"",
    "[]",
    "[1,2]",
    "[1,null,2]",
    "[\"n\",\"m\"]",
    "{}",
    "{\"n\":1}",
    "{\"n\":{\"m\":2}}",
    "{\"_key\":\"1\"}",
    "{\"o\":{\"p\":1},\"s\":\"x\"}",
];

const LITERALS: &[&str] = &[
    "null", "true", "0", "1", "2.5", "\"x\"", "[1, 2]", "{ n: 1 }", "1..3",
];

/// An expression over `row`, if there is one, and bind parameters.
fn expression(chance: &mut Chance, row: Option<&str>, depth: usize) -> String {
    let bind = format!("@{}", chance.of(&BINDS));
    if depth == 0 {
        return match (chance.below(5), row) {
            (0 | 1, Some(row)) => {
                let path = chance.of(&["n", "s", "items", "o", "o.p", "sparse", "_key"]);
                format!("{row}.{path}")
            }
            (2, _) => chance.of(LITERALS).to_owned(),
            _ => bind,
        };
    }
    let next = |chance: &mut Chance| expression(chance, row, depth - 1);
    let first = next(chance);
    let second = next(chance);
    match chance.below(17) {
        0 | 1 => {
            let operator = chance.of(&["==", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"]);
            format!("({first} {operator} {second})")
        }
        2 => format!(
            "({first} {} {second})",
            chance.of(&["+", "-", "*", "/", "%"])
        ),
        3 | 4 => format!("({first} {} {second})", chance.of(&["AND", "OR", "?:"])),
        5 => format!("({first} ? {second} : {})", next(chance)),
        6 => format!("[{first}, {second}]"),
        7 => format!("{{ n: {first}, m: {second} }}"),
        8 => format!("({first})[{second}]"),
        9 => format!("({first})[* FILTER CURRENT != {second} LIMIT {bind} RETURN CURRENT]"),
        10 => format!("(FOR i IN {first} FILTER i != {second} LIMIT 3 RETURN i)"),
        11 => format!("(NOT {first})"),
        12 => format!(
            "({first} {} {second})",
            chance.of(&["LIKE", "=~", "ANY ==", "ALL IN"])
        ),
        13 => format!("({first}).n"),
        14 => {
            let name = chance.of(&[
                "LENGTH",
                "UPPER",
                "SUM",
                "TO_NUMBER",
                "DATE_TIMESTAMP",
                "SORTED",
                "MAX",
                "ABS",
                "FIRST",
                "ATTRIBUTES",
                "NOOPT",
            ]);
            format!("{name}({first})")
        }
        15 => {
            let name = chance.of(&[
                "CONCAT",
                "APPEND",
                "MERGE",
                "POSITION",
                "SUBSTRING",
                "REPEAT",
                "DATE_ADD_DAYS",
                "NOT_NULL",
                "ZIP",
            ]);
            format!("{name}({first}, {second})")
        }
        _ => format!("{{ [{first}]: {second} }}"),
    }
}

fn query(chance: &mut Chance) -> String {
    let depth = chance.below(3);
    let (one, two) = (
        expression(chance, Some("d"), depth),
        expression(chance, Some("d"), depth),
    );
    let alone = expression(chance, None, depth + 1);
    let field = chance.of(&["n", "s", "sparse", "o.p", "_key"]);
    match chance.below(24) {
        0 => format!("RETURN {alone}"),
        1 => format!("FOR d IN c FILTER {one} RETURN {two}"),
        2 => format!("FOR d IN c FILTER d.{field} == @a OR d.{field} == @b RETURN d._key"),
        3 => format!("FOR d IN c FILTER d.{field} == @a SORT d.n, d._key LIMIT @b RETURN {one}"),
        4 => format!("FOR d IN c FILTER d.{field} IN @a AND {one} SORT d._key RETURN d._key"),
        5 => "FOR d IN c SORT d._key LIMIT @a, @b RETURN d.n".to_owned(),
        6 => format!("FOR d IN c FILTER @a == null OR d.{field} >= @a SORT d._key RETURN {one}"),
        7 => format!(
            "LET k = {alone} FOR d IN c FILTER d.{field} == k SORT d._key RETURN [d._key, k]"
        ),
        8 => format!("FOR i IN 1..@a FILTER {} LIMIT 20 RETURN i", alone),
        9 => "FOR d IN c COLLECT g = d[@a] WITH COUNT INTO n RETURN [g, n]".to_owned(),
        10 => format!("FOR d IN c COLLECT AGGREGATE n = MAX({one}) RETURN n"),
        11 => format!("INSERT @a INTO c OPTIONS {{ overwriteMode: @b }} RETURN NEW.{field}"),
        12 => format!(
            "UPSERT {{ {field}: @a }} INSERT {{ s: \"new\", n: {alone} }} UPDATE {{ n: OLD.n + @b }} IN c RETURN [NEW.s, NEW.n]"
        ),
        13 => "UPSERT @a INSERT @b UPDATE { n: OLD.n + 1 } IN c RETURN NEW.n".to_owned(),
        14 => format!(
            "FOR d IN c FILTER d._key == @a UPDATE d WITH {{ n: d.n + @b, items: PUSH(d.items, @c, @d), o: {one} }} IN c RETURN NEW.items"
        ),
        15 => {
            format!("UPDATE @a WITH {{ s: {alone} }} IN c OPTIONS {{ keepNull: @b }} RETURN NEW.s")
        }
        16 => "FOR x IN 0..@a OUTBOUND @b e RETURN x._key".to_owned(),
        17 => "LET depth = @a FOR x IN depth..depth OUTBOUND \"v/1\" e RETURN x._key".to_owned(),
        18 => "FOR d IN c SORT d._key WINDOW { preceding: @a } AGGREGATE s = SUM(d.n) RETURN s"
            .to_owned(),
        19 => format!("FOR d IN c SORT d.{field} @a, d._key RETURN d._key"),
        20 => format!("FOR d IN c FILTER {one} REMOVE d IN c RETURN OLD._key"),
        21 => format!("FOR d IN c SORT {alone}, d._key RETURN DISTINCT {one}"),
        22 => format!(
            "FOR d IN c FOR f IN c FILTER f.{field} == d.{field} AND f.n > @a SORT d._key, f._key LIMIT 9 RETURN {one}"
        ),
        _ => format!("RETURN (FOR d IN c FILTER d.{field} == {alone} SORT d._key RETURN d._key)"),
    }
}

fn database() -> Database {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    database.create_collection("v", CollectionKind::Document);
    database.create_collection("e", CollectionKind::Edge);
    let put = |database: &mut Database, collection: &str, json: &str| {
        database.put(collection, &Value::from_json(json).unwrap());
    };
    for (at, rest) in [
        r#""n":1,"s":"x","items":[1,2],"o":{"p":1},"sparse":1"#,
        r#""n":2,"s":"y","items":[],"o":{"p":null}"#,
        r#""n":null,"s":"x","items":"no""#,
        r#""n":2.5,"s":"","sparse":null,"o":{"p":2}"#,
        r#""n":"1","items":[null,{"n":1}],"sparse":2"#,
    ]
    .iter()
    .enumerate()
    {
        put(&mut database, "c", &format!("{{\"_key\":\"{at}\",{rest}}}"));
        put(&mut database, "v", &format!("{{\"_key\":\"{at}\"}}"));
        let edge = format!(
            "{{\"_key\":\"{at}\",\"_from\":\"v/{at}\",\"_to\":\"v/{}\"}}",
            at + 1
        );
        put(&mut database, "e", &edge);
    }
    database.create_index("c", IndexKind::Persistent, &["s"], false, false, &[]);
    database.create_index("c", IndexKind::Persistent, &["sparse"], false, true, &[]);
    database.create_index(
        "c",
        IndexKind::Persistent,
        &["n", "o.p"],
        false,
        false,
        &["s"],
    );
    database
}

/// All that a run shows.
fn shown(database: &Database, prepared: Result<Prepared, QueryError>) -> String {
    let run = || -> Result<String, QueryError> {
        let prepared = prepared?;
        let transaction = database.begin();
        let environment = Environment::default();
        let limits = Limits {
            memory_bytes: 1 << 20,
            ..Limits::default()
        };
        let mut rows =
            execute_prepared(&prepared, &transaction, &environment, limits, Cancel::new())?;
        let mut result: Vec<String> = rows
            .collect_all()?
            .iter()
            .map(ToString::to_string)
            .collect();
        let extra = rows.extra();
        let mut warnings = extra.warnings.clone();
        // What no SORT fixes may come in any order.
        result.sort();
        warnings.sort_by_key(|warning| format!("{warning:?}"));
        Ok(format!(
            "{result:?} {warnings:?} {} {}",
            extra.stats.writes_executed, extra.stats.writes_ignored
        ))
    };
    run().unwrap_or_else(|error| format!("{} {error}", error.code()))
}

fn binds(chance: &mut Chance, text: &str) -> Value {
    let mut given = Vec::new();
    for name in BINDS {
        // One in a while is missing, or too many.
        if text.contains(&format!("@{name}")) != (chance.below(60) == 0) {
            let json = chance.of(VALUES);
            given.push((name, Value::from_json(json).unwrap()));
        }
    }
    Value::object(given)
}

#[test]
fn a_kept_plan_gives_what_a_fresh_one_gives() {
    let database = database();
    let cache = PlanCache::new(PlanCacheLimits::default());
    let options = CompileOptions::default();
    let mut chance = Chance(20_261_121);
    let mut kept_runs = 0;
    for case in 0..3_000 {
        let text = query(&mut chance);
        for _ in 0..12 {
            let binds = binds(&mut chance, &text);
            let transaction = database.begin();
            let fresh = compile(&text, &binds, &transaction, &options).map(|plan| Prepared {
                plan: plan.into(),
                parameters: Vec::new(),
            });
            let from_cache = cache.prepare("", 1, &text, &binds, &transaction, &options);
            let kept = matches!(from_cache, Ok((_, true)));
            kept_runs += usize::from(kept);
            let wanted = shown(&database, fresh);
            let given = shown(&database, from_cache.map(|(prepared, _)| prepared));
            assert_eq!(
                given, wanted,
                "case {case}, kept: {kept}\n{text}\nbinds {binds}"
            );
        }
    }
    assert!(kept_runs > 4_000, "only {kept_runs} runs had a kept plan");
}
