//! What the caller asks of a query: warnings, counts, memory.

use antipode_query::{Cancel, CompileOptions, Environment, Extra, Limits, compile, execute};
use antipode_value::Value;

fn run(query: &str, limits: Limits) -> Result<(usize, Extra), u32> {
    let database = crate::database();
    let transaction = database.begin();
    let options = CompileOptions::default();
    let plan = compile(query, &Value::Null, &transaction, &options).map_err(|e| e.code())?;
    let environment = Environment::default();
    let mut rows = execute(&plan, &transaction, &environment, limits, Cancel::new())
        .map_err(|error| error.code())?;
    let count = rows.collect_all().map_err(|error| error.code())?.len();
    Ok((count, rows.extra()))
}

fn warnings(query: &str, limits: Limits) -> Result<usize, u32> {
    run(query, limits).map(|(_, extra)| extra.warnings.len())
}

#[test]
fn so_many_warnings_are_kept() {
    let query = "FOR i IN 1..20 RETURN i / NOOPT(0)";
    assert_eq!(warnings(query, Limits::default()), Ok(10));
    let keep = |warnings_max| Limits {
        warnings_max,
        ..Limits::default()
    };
    assert_eq!(warnings(query, keep(3)), Ok(3));
    assert_eq!(warnings(query, keep(100)), Ok(20));
    assert_eq!(warnings(query, keep(0)), Ok(0));
}

#[test]
fn a_warning_fails_where_it_is_asked_to() {
    let strict = || Limits {
        fail_on_warning: true,
        ..Limits::default()
    };
    for (query, outcome) in [
        ("RETURN 1 / 0", Err(1562)),
        ("FOR i IN [1, 0] RETURN 1 / i", Err(1562)),
        ("RETURN 1e309", Err(1504)),
        ("RETURN 0x1FFFFFFFF", Err(1504)),
        ("RETURN 'a' =~ '('", Err(1543)),
        ("RETURN WARN(false, 'odd')", Err(1594)),
        ("FOR d IN c OPTIONS {what: 1} RETURN d", Err(10)),
        ("RETURN false && 1 / 0", Ok(0)),
        ("RETURN true ? 1 : 1 / 0", Ok(0)),
        ("FOR i IN [] RETURN i / 0", Ok(0)),
        ("RETURN null + 1", Ok(0)),
    ] {
        assert_eq!(warnings(query, strict()), outcome, "{query}");
    }
    // Nothing is counted as kept, and still the first one fails.
    let none_kept = Limits {
        warnings_max: 0,
        ..strict()
    };
    assert_eq!(warnings("RETURN 1 / 0", none_kept), Err(1562));
}

#[test]
fn the_full_count_is_that_of_the_last_limit() {
    let counting = || Limits {
        full_count: true,
        ..Limits::default()
    };
    for (query, rows, full) in [
        ("FOR i IN 1..10 LIMIT 3 RETURN i", 3, Some(10)),
        ("FOR i IN 1..10 LIMIT 8, 5 RETURN i", 2, Some(10)),
        ("FOR i IN 1..10 LIMIT 0 RETURN i", 0, Some(10)),
        ("FOR i IN 1..10 FILTER i > 4 LIMIT 2 RETURN i", 2, Some(6)),
        ("FOR i IN 1..10 LIMIT 5 LIMIT 2 RETURN i", 2, Some(5)),
        ("FOR i IN 1..10 LIMIT 5 FILTER i > 2 RETURN i", 3, Some(10)),
        ("FOR i IN 1..10 SORT i DESC LIMIT 2 RETURN i", 2, Some(10)),
        ("FOR i IN 1..10 LIMIT 20 RETURN i", 10, Some(10)),
        (
            "FOR i IN 1..3 LET x = (FOR j IN 1..9 LIMIT 2 RETURN j) RETURN x",
            3,
            None,
        ),
        ("FOR d IN c LIMIT 1 RETURN d", 1, Some(3)),
        ("FOR d IN c INSERT {} INTO d LIMIT 1 RETURN 1", 1, Some(3)),
        ("RETURN 1", 1, None),
    ] {
        let (count, extra) = run(query, counting()).expect(query);
        assert_eq!((count, extra.stats.full_count), (rows, full), "{query}");
    }
    let (_, extra) = run("FOR i IN 1..10 LIMIT 3 RETURN i", Limits::default()).expect("rows");
    assert_eq!(extra.stats.full_count, None);
}

#[test]
fn wait_for_sync_asks_for_the_disk() {
    let durability = |query: &str| {
        let database = crate::database();
        let options = CompileOptions::default();
        let plan = compile(query, &Value::Null, &database, &options).expect(query);
        plan.durability().map(str::to_owned)
    };
    for (query, asked) in [
        ("INSERT {} INTO d", None),
        ("INSERT {} INTO d OPTIONS {waitForSync: true}", Some("disk")),
        (
            "INSERT {} INTO d OPTIONS {waitForSync: false}",
            Some("memory"),
        ),
        ("INSERT {} INTO d OPTIONS {waitForSync: 1}", None),
        (
            "INSERT {} INTO d OPTIONS {waitForSync: true} INSERT {} INTO c OPTIONS {waitForSync: false}",
            Some("disk"),
        ),
        (
            "QUERY OPTIONS {durability: \"memory\"} INSERT {} INTO d OPTIONS {waitForSync: true}",
            Some("memory"),
        ),
        (
            "RETURN (REMOVE \"a\" IN c OPTIONS {waitForSync: true})",
            Some("disk"),
        ),
        ("RETURN 1", None),
    ] {
        assert_eq!(durability(query).as_deref(), asked, "{query}");
    }
}
