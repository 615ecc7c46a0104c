//! What stops a query: memory, an administrator, the client, the deadline; and hostile texts, which must end in an error.

#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Limits, QueryError, compile, execute,
};
use antipode_value::Value;
use memory::Database;
use run::{deadline_after, run};

/// Runs a query on a database with one small collection; gives the number of rows.
fn check(text: &str, limits: Limits, cancel: Cancel) -> Result<usize, QueryError> {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    for number in 0..100 {
        database.put("c", &Value::object([("n", Value::Int(number))]));
    }
    let transaction = database.begin();
    let options = CompileOptions::default();
    let rows = run(&transaction, text, &Value::Null, &options, limits, cancel)?;
    Ok(rows.len())
}

fn code(text: &str) -> u32 {
    match check(text, Limits::default(), Cancel::new()) {
        Ok(_) => 0,
        Err(error) => error.code(),
    }
}

const ENDLESS: &[&str] = &[
    "FOR i IN 1..1000000000000 FILTER i < 0 RETURN i",
    "FOR i IN 1..1000000 FOR j IN 1..1000000 FOR k IN 1..1000000 FILTER i < 0 RETURN i",
    "FOR i IN 1..1000000000000 COLLECT WITH COUNT INTO n RETURN n",
    "FOR a IN c FOR b IN c FOR d IN c FOR e IN c FOR f IN c FOR g IN c FILTER a.n < 0 && b.n < 0 || g.n < 0 RETURN 1",
    "RETURN (FOR i IN 1..1000000000000 FILTER i < 0 RETURN i)",
    "RETURN (1..10000000)[* FILTER (1..10000000)[? FILTER CURRENT < 0]]",
];

#[test]
fn a_deadline_ends_every_loop() {
    for text in ENDLESS {
        let error = check(text, Limits::default(), deadline_after(50)).unwrap_err();
        assert_eq!(error.code(), 1500, "{text}");
    }
}

#[test]
fn an_administrator_kills_and_a_client_cancels() {
    let cancel = Cancel::new();
    cancel.kill();
    assert_eq!(
        check("RETURN 1", Limits::default(), cancel)
            .unwrap_err()
            .code(),
        1500
    );
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(
        check("RETURN 1", Limits::default(), cancel)
            .unwrap_err()
            .code(),
        21
    );
}

#[test]
fn memory_is_limited_where_rows_gather() {
    let limits = || Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    for text in [
        "FOR i IN 1..1000000 SORT -i RETURN i",
        "FOR i IN 1..1000000 COLLECT k = i RETURN k",
        "FOR i IN 1..1000000 COLLECT k = 1 INTO g RETURN k",
        "FOR i IN 1..1000000 COLLECT AGGREGATE u = UNIQUE(i) RETURN u",
        "FOR i IN 1..1000000 RETURN DISTINCT i",
        "RETURN (FOR i IN 1..1000000 RETURN i)",
        "FOR i IN 1..1000000 WINDOW { preceding: 1 } AGGREGATE s = SUM(i) RETURN s",
        "RETURN (1..1000000)[*]",
    ] {
        assert_eq!(
            check(text, limits(), Cancel::new()).unwrap_err().code(),
            32,
            "{text}"
        );
    }
    // What only flows is not counted; a sort with a limit keeps few rows.
    assert_eq!(
        check("FOR i IN 1..100000 RETURN i", limits(), Cancel::new()).unwrap(),
        100_000
    );
    assert_eq!(
        check(
            "FOR i IN 1..100000 SORT -i LIMIT 3 RETURN i",
            limits(),
            Cancel::new()
        )
        .unwrap(),
        3
    );
    assert_eq!(
        check(
            "FOR i IN 1..100000 FOR j IN [i] RETURN j",
            limits(),
            Cancel::new()
        )
        .unwrap(),
        100_000
    );
}

#[test]
fn a_limit_reads_no_more_than_it_needs() {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    for number in 0..5000 {
        database.put("c", &Value::object([("n", Value::Int(number))]));
    }
    let transaction = database.begin();
    let plan = compile(
        "FOR d IN c LIMIT 5, 10 RETURN d.n",
        &Value::Null,
        &transaction,
        &CompileOptions::default(),
    );
    let plan = plan.unwrap();
    let environment = Environment::default();
    let mut rows = execute(
        &plan,
        &transaction,
        &environment,
        Limits::default(),
        Cancel::new(),
    )
    .unwrap();
    assert_eq!(rows.collect_all().unwrap().len(), 10);
    assert_eq!(rows.extra().stats.scanned_full, 15);
}

#[test]
fn deep_texts_end_in_an_error() {
    for depth in [100, 400, 5_000, 200_000] {
        let opened = [
            ("(", "1", ")"),
            ("[", "", "]"),
            ("{a:", "1", "}"),
            ("-", "1", ""),
            ("NOT ", "1", ""),
            ("(RETURN ", "1", ")"),
            ("1 + ", "1", ""),
            ("1 ? ", "1", " : 2"),
            ("LENGTH(", "[]", ")"),
            ("[1][* RETURN ", "1", "]"),
            ("1 AND ", "1", ""),
        ];
        for (open, middle, close) in opened {
            let text = format!(
                "RETURN {}{middle}{}",
                open.repeat(depth),
                close.repeat(depth)
            );
            let code = code(&text);
            assert!(
                [0, 32, 1501, 1524].contains(&code),
                "{open}×{depth}: {code}"
            );
        }
    }
}

#[test]
fn large_texts_end_in_an_error_or_a_result() {
    let numbers = vec!["1"; 2_000_000].join(",");
    assert!([0, 32, 1501, 1524].contains(&code(&format!("RETURN LENGTH([{numbers}])"))));
    let lets: String = (0..2000)
        .map(|number| format!("LET v{number} = {number} "))
        .collect();
    assert_eq!(code(&format!("{lets} RETURN 1")), 1524);
}
