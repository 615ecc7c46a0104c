//! Hostile queries: each ends in rows or in a typed error, soon, on the stack of an ordinary thread.

#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use antipode_query::{Cancel, CollectionKind, CompileOptions, Limits, QueryError};
use antipode_value::Value;
use memory::Database;

/// What a thread has by default; a server's threads have no less.
const STACK_BYTES: usize = 2 << 20;

fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
    let thread = builder.spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

fn database() -> Database {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    database.create_collection("v", CollectionKind::Document);
    database.create_collection("edges", CollectionKind::Edge);
    for number in 0..200 {
        database.put("c", &Value::object([("n", Value::Int(number))]));
    }
    // Everyone knows everyone: there are more paths than anyone can count.
    for from in 0..14 {
        database.put(
            "v",
            &Value::object([("_key", Value::from(format!("{from}")))]),
        );
        for to in 0..from {
            let ends = [("_from", from), ("_to", to)];
            let ends = ends.map(|(name, end)| (name, Value::from(format!("v/{end}"))));
            database.put("edges", &Value::object(ends));
        }
    }
    database
}

fn run(
    text: &str,
    binds: &Value,
    limits: Limits,
    cancel: Cancel,
) -> Result<Vec<Value>, QueryError> {
    let (transaction, options) = (database().begin(), CompileOptions::default());
    run::run(&transaction, text, binds, &options, limits, cancel)
}

fn code_of(text: &str) -> u32 {
    let limits = Limits {
        memory_bytes: 64 << 20,
        ..Limits::default()
    };
    match run(text, &Value::Null, limits, Cancel::new()) {
        Ok(rows) => {
            // Whoever asks also reads the answer.
            Value::from(rows).to_json();
            0
        }
        Err(error) => error.code(),
    }
}

// -- depth --------------------------------------------------------------------------------------

#[test]
fn values_are_not_nested_without_end() {
    on_small_stack(|| {
        // Each LET nests the one before it; the last one is compared, sorted, hashed, written and dropped.
        let ends = [
            "RETURN v",
            "RETURN v == v",
            "RETURN SORTED([v, v])",
            "RETURN UNIQUE([v, v])",
            "RETURN JSON_STRINGIFY(v)",
            "RETURN HASH(v)",
            "RETURN FLATTEN(v, 100000)",
            "COLLECT w = v INTO g RETURN [w, g]",
        ];
        for wrap in [
            "[V]",
            "{ a: V }",
            "[{ a: [V] }]",
            "APPEND([], [V])",
            "(RETURN V)",
            "MERGE({}, { b: V })",
        ] {
            for end in ends {
                let mut text = String::from("LET v0 = 1 + LENGTH(c) ");
                for level in 1..900 {
                    let value = (0..3).fold(format!("v{}", level - 1), |value, _| {
                        wrap.replace('V', &value)
                    });
                    text.push_str(&format!("LET v{level} = {value} "));
                }
                text.push_str(&end.replace("v", "v899"));
                let code = code_of(&text.replace("rev899", "rev"));
                assert!([32, 1524].contains(&code), "{wrap} {end}: {code}");
            }
        }
    });
}

#[test]
fn shared_values_do_not_explode() {
    // 2^60 elements, written out; a few kilobytes as they are.
    for double in [
        "[V, V]",
        "{ a: V, b: V }",
        "APPEND(V, V)",
        "CONCAT(V, V)",
        "PUSH([V], V)",
        "ZIP(['a', 'b'], [V, V])",
    ] {
        for end in [
            "RETURN v60",
            "RETURN v60 == v59",
            "RETURN LENGTH(JSON_STRINGIFY(v60))",
            "RETURN HASH(v60)",
            "SORT v60 RETURN 1",
        ] {
            let mut text = String::from("LET v0 = [LENGTH(c)] ");
            for level in 1..=60 {
                let value = double.replace('V', &format!("v{}", level - 1));
                text.push_str(&format!("LET v{level} = {value} "));
            }
            text.push_str(end);
            assert_eq!(code_of(&text), 32, "{double}: {end}");
        }
    }
}

#[test]
fn deep_expressions_run_on_a_small_stack() {
    on_small_stack(|| {
        for (open, core, close) in [
            ("(", "d.n", ")"),
            ("-", "d.n", ""),
            ("NOT ", "d.n", ""),
            ("d.n + (", "1", ")"),
            ("d.n ? 1 : (", "2", ")"),
            ("d.n OR (", "2", ")"),
            ("ABS(", "d.n", ")"),
            ("[d.n][* FILTER ", "d.n", "]"),
            ("[d.n][? FILTER ", "d.n", "]"),
            ("(RETURN ", "d.n", ")"),
            ("LENGTH(FOR x IN [1] RETURN ", "d.n", ")"),
            ("(FOR x IN ", "[d.n]", " RETURN 1)"),
        ] {
            for depth in [50, 150, 190, 300, 450, 499, 5_000] {
                let text = format!(
                    "FOR d IN c RETURN {}{core}{}",
                    open.repeat(depth),
                    close.repeat(depth)
                );
                let code = code_of(&text);
                assert!(
                    [0, 32, 1511, 1524].contains(&code),
                    "{open} x {depth}: {code}"
                );
            }
        }
    });
}

#[test]
fn deep_texts_inside_values_are_no_danger() {
    on_small_stack(|| {
        for depth in [100, 1_000, 1_000_000] {
            let array =
                format!("RETURN JSON_PARSE(CONCAT(REPEAT('[', {depth}), REPEAT(']', {depth})))");
            let object = format!(
                "RETURN JSON_PARSE(CONCAT(REPEAT('{{\"a\":', {depth}), '1', REPEAT('}}', {depth})))"
            );
            for text in [array, object] {
                let code = code_of(&text);
                assert!([0, 32, 1524].contains(&code), "{text}: {code}");
            }
            let pattern = format!(
                "RETURN REGEX_TEST('a', CONCAT(REPEAT('(', {depth}), REPEAT(')', {depth})))"
            );
            assert_eq!(code_of(&pattern), 0, "{pattern}");
        }
    });
}

// -- size ---------------------------------------------------------------------------------------

#[test]
fn ten_megabytes_of_text_are_refused_or_read() {
    let many = |part: &str| part.repeat(10_000_000 / part.len());
    for text in [
        format!("RETURN '{}'", many("x")),
        format!("RETURN [{}1]", many("1, ")),
        format!("RETURN {}1", many("1 + ")),
        format!("{} RETURN 1", many("LET a = 1 ")),
        format!("/* {} */ RETURN 1", many("x")),
        format!("RETURN {}", many("(")),
        format!("RETURN `{}`", many("x")),
        format!("RETURN {}", many("9")),
        many("FOR x IN c "),
        many("\u{0}"),
    ] {
        let code = code_of(&text);
        assert!(
            [0, 32, 1501, 1511, 1524].contains(&code),
            "{}: {code}",
            &text[..20]
        );
    }
}

#[test]
fn long_names_and_many_parameters_are_refused_or_read() {
    let name = "x".repeat(200_000);
    for text in [
        format!("LET {name} = 1 RETURN {name}"),
        format!("RETURN {{ {name}: 1 }}.{name}"),
        format!("RETURN {name}"),
        format!("RETURN {name}()"),
        format!("FOR x IN {name} RETURN x"),
        format!("INSERT {{}} INTO {name}"),
        format!("INSERT {{ _key: '{name}' }} INTO c"),
        format!("RETURN DOCUMENT('c/{name}')"),
        format!("FOR v IN 1..1 OUTBOUND 'v/{name}' edges RETURN v"),
    ] {
        let code = code_of(&text);
        assert!(
            [0, 32, 1203, 1208, 1221, 1501, 1540].contains(&code),
            "{}: {code}",
            &text[..20]
        );
    }
    let names: Vec<String> = (0..50_000).map(|number| format!("@p{number}")).collect();
    let text = format!("RETURN LENGTH([{}])", names.join(", "));
    let binds =
        Value::object((0..50_000_i64).map(|number| (format!("p{number}"), Value::Int(number))));
    let rows = run(&text, &binds, Limits::default(), Cancel::new());
    assert_eq!(rows.expect("many parameters"), [Value::Int(50_000)]);
    let unused = run("RETURN 1", &binds, Limits::default(), Cancel::new());
    assert_eq!(unused.expect_err("unused parameters").code(), 1552);
    let list = Value::object([("list", Value::array(0..1_000_000_i64))]);
    let found = run(
        "FOR d IN c FILTER d.n IN @list COLLECT WITH COUNT INTO n RETURN n",
        &list,
        Limits::default(),
        Cancel::new(),
    );
    assert_eq!(found.expect("a long list"), [Value::Int(200)]);
}

// -- time ---------------------------------------------------------------------------------------

/// Queries that would run for longer than anyone waits.
const ENDLESS: &[&str] = &[
    "FOR i IN 1..1000000000000 FILTER i < 0 RETURN i",
    "FOR i IN 1000000000000..3 FOR v, e IN 1..2 OUTBOUND 'v/none' edges RETURN [i, v]",
    "FOR i IN 1..1000000000000 FOR x IN [] RETURN i",
    "FOR i IN 1..1000000000000 FOR v IN ANY SHORTEST_PATH 'v/x' TO 'v/y' edges RETURN i",
    "FOR a IN c FOR b IN c FOR d IN c FOR e IN c FOR f IN c FILTER a.n + b.n + d.n + e.n + f.n < 0 RETURN 1",
    "FOR v, e, p IN 1..14 ANY 'v/0' edges FILTER v.x == 1 RETURN p",
    "FOR v, e, p IN 1..1000 ANY 'v/0' edges OPTIONS { uniqueEdges: 'none' } FILTER v.x == 1 RETURN 1",
    "FOR v, e, p IN 1..14 ANY 'v/0' edges OPTIONS { uniqueVertices: 'path', order: 'dfs' } FILTER v.x == 1 RETURN 1",
    "FOR p IN 1..14 ANY K_PATHS 'v/0' TO 'v/5' edges FILTER p.x == 1 RETURN p",
    "FOR p IN ANY K_SHORTEST_PATHS 'v/0' TO 'v/5' edges FILTER p.x == 1 RETURN p",
    "RETURN (1..3000000)[* FILTER (1..3000000)[? FILTER CURRENT < 0]]",
    "FOR i IN 1..1000000 FILTER i IN (1..1000000)[* RETURN CURRENT * 2 + 1] AND i < 0 RETURN i",
    "LET big = (FOR i IN 1..1000000 RETURN i) FOR i IN 1..1000000 FILTER (big == APPEND(big, i)) AND i < 0 RETURN 1",
    "LET big = (FOR i IN 1..200000 RETURN i) FOR i IN 1..1000000 FILTER LENGTH(SORTED(APPEND(big, i))) < 0 RETURN 1",
    "LET big = (FOR i IN 1..200000 RETURN i) FOR i IN 1..1000000 FILTER -i IN big RETURN 1",
    "LET big = (FOR i IN 1..200000 RETURN i) FOR i IN 1..1000000 FILTER big ANY == -i RETURN 1",
    "LET t = REPEAT('ab', 5000) FOR i IN 1..1000000 FILTER LEVENSHTEIN_DISTANCE(t, CONCAT(i, t)) < 0 RETURN 1",
    "LET t = REPEAT('ab', 5000) FOR i IN 1..1000000 FILTER NGRAM_SIMILARITY(t, CONCAT(i, t), 3) < 0 RETURN 1",
    "LET t = REPEAT('a', 1000000) FOR i IN 1..1000000 FILTER t LIKE CONCAT('%', REPEAT('a', 400000), 'b') RETURN 1",
    "LET t = REPEAT('a', 1000000) FOR i IN 1..1000000 FILTER REGEX_TEST(t, CONCAT('(a|aa)*b', i)) RETURN 1",
    "LET t = REPEAT('a', 200000) FOR i IN 1..1000000 FILTER REGEX_TEST(CONCAT(t, i), '(.*a){20}b') RETURN 1",
    "LET t = REPEAT('x', 1000000) FOR i IN 1..1000000 FILTER SUBSTITUTE(t, ['y', 'z', 'w'], i) == '' RETURN 1",
    "FOR i IN 1..1000000000 COLLECT k = i % 3 WITH COUNT INTO n RETURN [k, n]",
    "FOR i IN 1..1000000000 SORT i DESC LIMIT 3 RETURN i",
    "FOR a IN c FOR b IN c FOR d IN c FOR e IN c SORT a.n + b.n LIMIT 1 RETURN 1",
    "FOR i IN 1..1000000000 LIMIT 999999999, 1 RETURN i",
    "FOR i IN 1..1000000 UPSERT { z: i } INSERT { n: 1 } UPDATE { n: 1 } IN c",
];

/// That it ends at all; how soon, `looks_at_the_clock_are_frequent` says for every machine.
const LATENCY_MAX: Duration = Duration::from_secs(60);

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the test measures how long stopping takes"
)]
fn a_query_stops_soon_after_it_was_told_to() {
    let mut slow = Vec::new();
    for text in ENDLESS {
        let begun = Instant::now();
        let millis = move || begun.elapsed().as_millis() as u64;
        let cancel = Cancel::with_deadline(50, Arc::new(millis));
        let ended = run(text, &Value::Null, Limits::default(), cancel);
        let taken = begun.elapsed();
        let code = ended.map_or_else(|error| error.code(), |_| 0);
        // What needs more memory than there is may find that out first.
        if !([32, 1500].contains(&code) && taken < LATENCY_MAX) {
            slow.push(format!("{text}: {code} after {taken:?}"));
        }
    }
    assert!(slow.is_empty(), "\n{}", slow.join("\n"));
}

/// The clock moves on at every look: the number of looks in some work is the same on every machine.
#[test]
fn looks_at_the_clock_are_frequent() {
    for text in ENDLESS {
        let looks = Arc::new(AtomicU64::new(0));
        let seen = looks.clone();
        let cancel =
            Cancel::with_deadline(20, Arc::new(move || seen.fetch_add(1, Ordering::Relaxed)));
        let ended = run(text, &Value::Null, Limits::default(), cancel);
        let code = ended.map_or_else(|error| error.code(), |_| 0);
        assert!(
            [32, 1500].contains(&code),
            "{text}: {code} after {looks:?} looks"
        );
    }
}

// -- patterns -----------------------------------------------------------------------------------

#[test]
fn hostile_patterns_are_refused_or_matched() {
    for pattern in [
        "(a*)*$",
        "(a|a)*$",
        "((((a{99}){99}){99}){99}){99}",
        "a{1000000000}",
        "\\\\p{L}{1000}{1000}",
        "(?i)((?:é|É){500}){500}",
        "[[:alpha:]]{99999}",
        "(?=a)",
        "(a)\\\\1",
        "(",
        "(?x) a # comment",
        "\\\\u{110000}",
        "[z-a]",
        "(?P<n>a)(?P<n>b)",
    ] {
        for function in ["REGEX_TEST", "REGEX_MATCHES", "REGEX_SPLIT"] {
            let text = format!("RETURN {function}(CONCAT(REPEAT('a', 10000), '!'), '{pattern}')");
            assert_eq!(code_of(&text), 0, "{text}");
        }
        assert_eq!(
            code_of(&format!(
                "FOR d IN c FILTER TO_STRING(d.n) =~ '{pattern}' RETURN d"
            )),
            0
        );
    }
    // What is too much work for one call is refused before it begins.
    for text in [
        "RETURN REGEX_TEST(REPEAT('a', 10000000), '(.*a){100}(.*b){900}')",
        "RETURN REGEX_REPLACE(REPEAT('a', 10000000), '(.*a){100}(.*b){900}', '')",
    ] {
        assert!([0, 32].contains(&code_of(text)), "{text}");
    }
    let percents = "%a".repeat(2_000);
    assert_eq!(
        code_of(&format!("RETURN REPEAT('ab', 2000) LIKE '{percents}c'")),
        0
    );
}
