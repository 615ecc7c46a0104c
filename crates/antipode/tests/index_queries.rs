//! The running database answers by its indexes what it answers without them: random documents are written and queried,
//! each query once with indexes and once without, while all kinds of indexes stand on the collection. In the end the
//! checker holds the indexes against the documents.
//!
//! A failure names its seed; `SEED=n` runs that one alone, `SEEDS=n` that many.

use std::collections::BTreeSet;

use antipode::{CollectionKind, Database, Deletes, Options, RequestOptions, Session, Value};

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

    /// Longitude and latitude.
    fn place(&mut self) -> String {
        let (longitude, latitude) = (self.below(361) as i64 - 180, self.below(181) as i64 - 90);
        format!("[{longitude}, {latitude}]")
    }
}

const VALUES: &[&str] = &[
    "null",
    "false",
    "true",
    "0",
    "1",
    "1.0",
    "-2.5",
    "9007199254740993",
    "''",
    "'a'",
    "'A'",
    "'b'",
    "'ä'",
    "'ab'",
    "'abba'",
    "'aB\u{301}'",
    "'zz'",
    "[]",
    "[1]",
    "[1, null]",
    "['a', 2]",
    "{}",
    "{b: 1}",
];

const WORDS: &[&str] = &["sea", "seal", "Search", "x", "harbour", "HARP"];

const INDEXES: &[&str] = &[
    r#"{"name":"compound","fields":["a","b"]}"#,
    r#"{"name":"sparse","fields":["b"],"sparse":true,"storedValues":["n"]}"#,
    r#"{"name":"each","fields":["t[*]","a"]}"#,
    r#"{"name":"inner","fields":["l[*].v"],"sparse":true}"#,
    r#"{"name":"stored","fields":["n","o.b"],"storedValues":["a"]}"#,
    r#"{"name":"unique","fields":["u"],"unique":true,"sparse":true}"#,
    r#"{"name":"ttl","type":"ttl","fields":["until"],"expireAfter":60}"#,
    r#"{"name":"geo","type":"geo","fields":["g"],"geoJson":true}"#,
    r#"{"name":"pair","type":"geo","fields":["lat","lon"]}"#,
    r#"{"name":"words","type":"fulltext","fields":["w"],"minLength":2}"#,
];

/// Those that `EXPLAIN` of some query must name. FULLTEXT cannot do without its index, and no query reads the one that
/// hides documents.
const READ: &[&str] = &[
    "compound", "sparse", "each", "inner", "stored", "unique", "geo", "pair",
];

fn document(chance: &mut Chance) -> String {
    let mut text = format!("{{n: {}", chance.below(6));
    for name in ["a", "b"] {
        if chance.below(4) > 0 {
            text.push_str(&format!(", {name}: {}", chance.one(VALUES)));
        }
    }
    if chance.below(2) == 0 {
        text.push_str(&format!(", o: {{b: {}}}", chance.one(VALUES)));
    }
    if chance.below(2) == 0 {
        let (one, other) = (chance.one(VALUES), chance.one(VALUES));
        text.push_str(&format!(
            ", t: [{one}, {other}], l: [{{v: {other}}}, {one}]"
        ));
    }
    if chance.below(2) == 0 {
        text.push_str(&format!(", u: {}", chance.below(200)));
    }
    // Long gone, or long to come: nothing expires while the test runs.
    match chance.below(4) {
        0 => text.push_str(", until: 1000"),
        1 => text.push_str(", until: '2199-12-31'"),
        _ => {}
    }
    match chance.below(4) {
        0 => {}
        1 => text.push_str(", g: {type: 'LineString', coordinates: [[0, 0], [10, 30]]}"),
        _ => text.push_str(&format!(", g: {}", chance.place())),
    }
    if chance.below(3) > 0 {
        text.push_str(&format!(
            ", lat: {}, lon: {}",
            chance.below(181) as i64 - 90,
            chance.below(361) as i64 - 180
        ));
    }
    if chance.below(3) > 0 {
        let words = (0..=chance.below(3)).map(|_| chance.one(WORDS));
        let words: Vec<&str> = words.collect();
        text.push_str(&format!(", w: '{}'", words.join(" ")));
    }
    text.push('}');
    text
}

fn condition(chance: &mut Chance) -> String {
    let attribute = chance.one(&["a", "b", "o.b", "n", "_key"]);
    let value = chance.one(VALUES);
    match chance.below(15) {
        0..=2 => format!("d.{attribute} == {value}"),
        3..=5 => {
            let operator = chance.one(&["<", "<=", ">", ">="]);
            format!("d.{attribute} {operator} {value}")
        }
        6 => format!("d.{attribute} IN [{value}, {}, 2]", chance.one(VALUES)),
        7 => format!("{value} IN d.t"),
        8 => format!("{value} IN d.l[*].v"),
        9 => format!("d.u {} {}", chance.one(&["==", ">"]), chance.below(200)),
        10 => format!("d.{attribute} != {value}"),
        11 => {
            let pattern = chance.one(&["a%", "ab%", "ab_a", "z%", "A%", "t%", "%"]);
            format!("d.{attribute} LIKE '{pattern}'")
        }
        12 => {
            let metres = [0, 500_000, 3_000_000, 15_000_000][chance.below(4) as usize];
            let operator = chance.one(&["<=", ">"]);
            format!(
                "GEO_DISTANCE(d.g, {}) {operator} {metres}",
                chance.place()
            )
        }
        13 => {
            let (latitude, longitude) = (chance.below(181) as i64 - 90, chance.below(361) as i64 - 180);
            format!("DISTANCE(d.lat, d.lon, {latitude}, {longitude}) < 2500000")
        }
        _ => {
            "GEO_INTERSECTS(GEO_POLYGON([[-20, -20], [40, -20], [40, 40], [-20, 40], [-20, -20]]), d.g)".into()
        }
    }
}

/// How rows are compared.
#[derive(Clone, Copy)]
enum Rows {
    /// As texts, in any order.
    Exact,
    /// As values, in any order: of those that are equal, such as 1 and 1.0, any may stand for its group.
    Equal,
    /// As values, in their order: of those that tie, a LIMIT may leave any.
    Sorted,
}

/// A query, with a comment where the options of its loops belong, and how its rows are compared.
fn query(chance: &mut Chance) -> (String, Rows) {
    let mut filter = format!(" FILTER {}", condition(chance));
    match chance.below(3) {
        0 => filter.push_str(&format!(" FILTER {}", condition(chance))),
        1 => filter.push_str(&format!(" OR {}", condition(chance))),
        _ => {}
    }
    match chance.below(8) {
        0 | 1 => (format!("FOR d IN c /**/{filter} RETURN d"), Rows::Exact),
        2 => (
            format!("FOR d IN c /**/{filter} RETURN [d._key, d.a, d.n]"),
            Rows::Exact,
        ),
        3 => (
            "FOR x IN c /**/ FILTER x.n < 3 FOR d IN c /**/ FILTER d.b == x.a RETURN [x._key, d._key]".into(),
            Rows::Exact,
        ),
        4 => {
            let by = chance.one(&["d.n", "d.a", "d.b"]);
            let text =
                format!("FOR d IN c /**/{filter} COLLECT g = {by} WITH COUNT INTO k RETURN [g, k]");
            (text, Rows::Equal)
        }
        5 => {
            let filter = match chance.below(3) {
                0 => filter,
                1 => format!(" FILTER d.a == {}", chance.one(VALUES)),
                _ => String::new(),
            };
            let by = chance.one(&["d.n", "d.a", "d.b", "d.u", "d.o.b"]);
            let extreme = chance.one(&["MIN", "MAX"]);
            let text =
                format!("FOR d IN c /**/{filter} COLLECT AGGREGATE m = {extreme}({by}) RETURN m");
            (text, Rows::Equal)
        }
        6 => {
            let keys = chance.one(&[
                "d.a, d.b",
                "d.b",
                "d.n, d.o.b",
                "d.a DESC, d.b DESC",
                "d.n DESC",
            ]);
            let limit = chance.below(20);
            let returned = keys.replace(" DESC", "");
            let filter = if chance.below(2) == 0 { "" } else { &filter };
            let text =
                format!("FOR d IN c /**/{filter} SORT {keys} LIMIT {limit} RETURN [{returned}]");
            (text, Rows::Sorted)
        }
        _ => {
            let distance = match chance.below(2) {
                0 => "GEO_DISTANCE(d.g, [7, 50])",
                _ => "DISTANCE(d.lat, d.lon, 50, 7)",
            };
            let down = chance.one(&["", " DESC"]);
            let text = format!("FOR d IN c /**/ SORT {distance}{down} LIMIT 9 RETURN {distance}");
            (text, Rows::Sorted)
        }
    }
}

/// A question for words, and the same without an index.
fn words(chance: &mut Chance) -> (String, String) {
    let word = chance.one(WORDS).to_lowercase();
    let split = "SPLIT(LOWER(d.w), ' ')";
    let (asked, test) = if chance.below(2) == 0 {
        (word.clone(), format!("'{word}' IN {split}"))
    } else {
        let start = &word[..word.len().min(3)];
        let test = format!("LENGTH({split}[* FILTER STARTS_WITH(CURRENT, '{start}')]) > 0");
        (format!("prefix:{start}"), test)
    };
    // Words of one letter are not in the index.
    let long = format!("FILTER LENGTH('{word}') >= 2");
    (
        format!("FOR d IN FULLTEXT(c, 'w', '{asked}') {long} RETURN d._key"),
        format!("FOR d IN c OPTIONS {{disableIndex: true}} {long} FILTER {test} RETURN d._key"),
    )
}

/// The rows of a query.
fn rows(session: &Session, text: &str, how: Rows) -> Vec<Value> {
    let answer = session.run(text, &Value::Null);
    let mut rows = answer
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .rows;
    match how {
        Rows::Exact => {
            let mut texts: Vec<String> = rows.iter().map(Value::to_json).collect();
            texts.sort();
            return texts.into_iter().map(Value::from).collect();
        }
        Rows::Equal => rows.sort(),
        Rows::Sorted => {}
    }
    rows
}

/// The names of the indexes that a query reads.
fn read(session: &Session, text: &str) -> BTreeSet<&'static str> {
    let plan = session
        .explain(text, &Value::Null, &antipode::QueryOptions::default())
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let names = READ.iter().copied();
    names
        .filter(|name| {
            let column = format!("  {name} ");
            plan.value.text.lines().any(|line| line.contains(&column))
        })
        .collect()
}

/// A write; it may take a value that a unique index has.
fn write(session: &Session, text: &str) {
    if let Err(error) = session.run(text, &Value::Null) {
        assert_eq!(error.code(), 1210, "{text}: {error}");
    }
}

fn change(session: &Session, chance: &mut Chance) {
    let key = chance.below(70);
    let text = match chance.below(5) {
        0 => format!("REMOVE 'k{key}' IN c OPTIONS {{ignoreErrors: true}}"),
        1 => format!(
            "INSERT MERGE({}, {{_key: 'k{key}'}}) INTO c OPTIONS {{overwriteMode: 'replace'}}",
            document(chance)
        ),
        2 => format!(
            "FOR d IN c FILTER {} UPDATE d WITH {{n: d.n + 1}} IN c",
            condition(chance)
        ),
        3 => format!(
            "FOR d IN c FILTER {} UPDATE d WITH {{t: PUSH(d.t, {}), u: null}} IN c",
            condition(chance),
            chance.one(VALUES)
        ),
        _ => format!(
            "UPSERT {{a: {}}} INSERT {{n: 1}} UPDATE {{b: 'b'}} IN c",
            chance.one(VALUES)
        ),
    };
    write(session, &text);
}

fn check(seed: u64) -> BTreeSet<&'static str> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let database = Database::in_memory(Options::default()).expect("a database in memory opens");
    let session = database.session(RequestOptions::default());
    session
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    for key in 0..60 {
        let document = document(&mut chance);
        // No value of the unique index twice, or the index could not be made.
        let body = format!("MERGE({document}, {{_key: 'k{key}', u: {key} % 2 ? {key} : null}})");
        write(&session, &format!("INSERT {body} INTO c"));
    }
    for definition in INDEXES {
        let definition = Value::from_json(definition).expect("the test's JSON is JSON");
        session
            .create_index("c", &definition)
            .unwrap_or_else(|error| panic!("{}: {error}", definition.to_json()));
    }
    let mut used = BTreeSet::new();
    for _ in 0..40 {
        change(&session, &mut chance);
        let (with, how) = query(&mut chance);
        let without = with.replace("/**/", "OPTIONS {disableIndex: true}");
        used.extend(read(&session, &with));
        assert!(read(&session, &without).is_empty(), "{without}");
        assert_eq!(
            rows(&session, &with, how),
            rows(&session, &without, how),
            "seed {seed}: {with}"
        );
        let (with, without) = words(&mut chance);
        let (with, without) = (
            rows(&session, &with, Rows::Exact),
            rows(&session, &without, Rows::Exact),
        );
        assert_eq!(with, without, "seed {seed}");
    }
    let check = session.check_indexes(None).expect("a check").value;
    assert_eq!(check.faults_total, 0, "seed {seed}: {:?}", check.faults);
    used
}

#[test]
fn indexes_change_no_answer() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("SEED") {
        check(seed);
        return;
    }
    let mut used = BTreeSet::new();
    for seed in 0..number("SEEDS").unwrap_or(30) {
        used.extend(check(seed));
    }
    // Otherwise it would compare scans with scans.
    assert_eq!(used, READ.iter().copied().collect());
}
