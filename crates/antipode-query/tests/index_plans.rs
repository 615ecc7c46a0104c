//! Which index the optimizer takes, for what, and what EXPLAIN says of it; and that what it takes reads no more than it
//! must.

#[path = "support/memory.rs"]
mod memory;

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, IndexKind, Limits, Plan, Stats, compile,
    execute,
};
use antipode_value::Value;
use memory::Database;

/// A collection `c` of a hundred documents, with an index on each of these fields.
fn database(indexes: &[(&[&str], &str)]) -> Database {
    let mut database = Database::new();
    database.create_collection("c", CollectionKind::Document);
    database.create_collection("e", CollectionKind::Edge);
    for n in 0..100 {
        let text = format!(
            "{{\"_key\": \"{n:03}\", \"n\": {n}, \"a\": {}, \"b\": {}, \"t\": [{}, \"x\"], \"o\": {{\"p\": {n}}}}}",
            n % 10,
            n / 10,
            n % 20
        );
        database.put("c", &Value::from_json(&text).unwrap());
    }
    database.put(
        "e",
        &Value::from_json("{\"_key\": \"1\", \"_from\": \"c/001\", \"_to\": \"c/002\"}").unwrap(),
    );
    for (fields, options) in indexes {
        database.create_index(
            "c",
            IndexKind::Persistent,
            fields,
            options.contains("unique"),
            options.contains("sparse"),
            if options.contains("stored") {
                &["n"]
            } else {
                &[]
            },
        );
    }
    database
}

fn plan(database: &Database, text: &str, rules: &[&str]) -> Plan {
    let options = CompileOptions {
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..CompileOptions::default()
    };
    compile(text, &Value::Null, database, &options)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The rows of a query, and what it read.
fn run(database: &Database, text: &str) -> (String, Stats) {
    let transaction = database.begin();
    let plan = plan(database, text, &[]);
    let environment = Environment::default();
    let limits = Limits::default();
    let mut rows = execute(&plan, &transaction, &environment, limits, Cancel::new()).unwrap();
    let values = rows.collect_all().unwrap();
    (Value::array(values).to_json(), rows.extra().stats)
}

/// The types of the nodes, without those that every plan has.
fn shape(plan: &Plan) -> String {
    let nodes = plan.explain_json().attribute("plan").attribute("nodes");
    let kinds: Vec<String> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node.attribute("type").to_text().replace("Node", ""))
        .filter(|kind| kind != "Singleton" && kind != "Return" && kind != "Calculation")
        .collect();
    kinds.join(" ")
}

/// The ranges of the first node that uses an index.
fn ranges(plan: &Plan) -> String {
    let nodes = plan.explain_json().attribute("plan").attribute("nodes");
    let condition = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node.attribute("condition"))
        .find(|condition| !condition.is_null());
    condition.unwrap_or_default().to_text().to_string()
}

#[test]
fn conditions_become_ranges_and_go_away() {
    let one: &[(&[&str], &str)] = &[(&["a"], "")];
    let two: &[(&[&str], &str)] = &[(&["a", "b"], "")];
    for (indexes, filter, shape_wanted, ranges_wanted) in [
        (one, "d.a == 1", "Index", "d.`a` == 1"),
        (one, "1 == d.a", "Index", "d.`a` == 1"),
        (one, "d.a == 1 OR d.a == 2", "Index", "d.`a` IN [1,2]"),
        (one, "d.a IN [3, 1]", "Index", "d.`a` IN [3,1]"),
        (
            one,
            "d.a > 1 AND d.a <= 3",
            "Index",
            "d.`a` > 1 AND d.`a` <= 3",
        ),
        (one, "3 >= d.a", "Index", "d.`a` <= 3"),
        (one, "d.a == 1 AND d.n > 3", "Index Filter", "d.`a` == 1"),
        (one, "d.a == 1 AND d.a == 2", "Index Filter", "d.`a` == 1"),
        (one, "d.a == null", "Index", "d.`a` == null"),
        (one, "d.a == d.b", "EnumerateCollection Filter", ""),
        (one, "d.a != 1", "EnumerateCollection Filter", ""),
        (one, "d.a + 1 == 2", "EnumerateCollection Filter", ""),
        (one, "d.a == RAND()", "EnumerateCollection Filter", ""),
        // What is known of who asks is the same for all rows, though no constant.
        (
            one,
            "d.a == CURRENT_USER_ATTRIBUTE('a')",
            "Index",
            "d.`a` == CURRENT_USER_ATTRIBUTE(\"a\")",
        ),
        (
            one,
            "d.a == 1 OR d.b == 2",
            "EnumerateCollection Filter",
            "",
        ),
        (one, "d.a NOT IN [1]", "EnumerateCollection Filter", ""),
        (
            one,
            "d.a LIKE 'ab%'",
            "Index Filter",
            "d.`a` >= \"ab\" AND d.`a` < \"ac\"",
        ),
        (
            two,
            "d.a == 1 AND LIKE(d.b, 'z_')",
            "Index Filter",
            "d.`a` == 1 AND d.`b` >= \"z\"",
        ),
        (
            one,
            "LIKE(d.a, 'ab%', true)",
            "EnumerateCollection Filter",
            "",
        ),
        (one, "d.a LIKE '1%'", "EnumerateCollection Filter", ""),
        (one, "d.a NOT LIKE 'ab%'", "EnumerateCollection Filter", ""),
        (one, "d.n LIKE 'ab%'", "EnumerateCollection Filter", ""),
        (two, "d.a == 1", "Index", "d.`a` == 1"),
        (
            two,
            "d.b == 2 AND d.a == 1",
            "Index",
            "d.`a` == 1 AND d.`b` == 2",
        ),
        (
            two,
            "d.a == 1 AND d.b < 2",
            "Index",
            "d.`a` == 1 AND d.`b` < 2",
        ),
        (
            two,
            "d.a IN [1, 2] AND d.b == 2",
            "Index",
            "d.`a` IN [1,2] AND d.`b` == 2",
        ),
        (two, "d.a > 1 AND d.b == 2", "Index Filter", "d.`a` > 1"),
        (two, "d.b == 2", "EnumerateCollection Filter", ""),
        (&[(&["o.p"], "")], "d.o.p == 5", "Index", "d.`o.p` == 5"),
        (
            &[(&["o.p"], "")],
            "d.o == {p: 5}",
            "EnumerateCollection Filter",
            "",
        ),
        (
            &[],
            "d._key IN [\"001\", \"002\"]",
            "Index",
            "d.`_key` IN [\"001\",\"002\"]",
        ),
        (&[], "d._id == \"c/001\"", "Index", "d.`_id` == \"c/001\""),
        (
            &[],
            "d._key >= \"090\"",
            "Index Filter",
            "d.`_key` >= \"090\"",
        ),
    ] {
        let database = database(indexes);
        let text = format!("FOR d IN c FILTER {filter} RETURN d");
        let plan = plan(&database, &text, &[]);
        assert_eq!(
            (shape(&plan).as_str(), ranges(&plan).as_str()),
            (shape_wanted, ranges_wanted),
            "{filter}"
        );
    }
}

#[test]
fn who_asks_decides_what_an_index_is_asked_for() {
    let database = database(&[(&["n"], "unique")]);
    let text = "FOR d IN c FILTER d.n == CURRENT_USER_ATTRIBUTE(\"n\") RETURN d.n";
    let plan = plan(&database, text, &[]);
    assert!(!plan.is_cacheable());
    // The same plan serves everybody.
    for n in [7, 42] {
        let transaction = database.begin();
        let environment = Environment {
            user_attributes: Value::object([("n", Value::Int(n))]),
            ..Environment::default()
        };
        let limits = Limits::default();
        let mut rows = execute(&plan, &transaction, &environment, limits, Cancel::new()).unwrap();
        let values = Value::array(rows.collect_all().unwrap()).to_json();
        assert_eq!(values, format!("[{n}]"));
        assert_eq!(rows.extra().stats.scanned_full, 0);
    }
}

#[test]
fn only_what_matches_is_read() {
    let database = database(&[(&["a"], ""), (&["b"], ""), (&["n"], "unique")]);
    for (text, rows, read) in [
        ("FOR d IN c FILTER d.n == 7 RETURN d.n", "[7]", 1),
        ("FOR d IN c FILTER d.a == 7 LIMIT 2 RETURN d.n", "[7,17]", 2),
        (
            "FOR d IN c FILTER d.n IN [5, 3, 5, \"x\"] RETURN d.n",
            "[3,5]",
            2,
        ),
        ("FOR d IN c FILTER d.n IN 7 RETURN d.n", "[]", 0),
        (
            "FOR d IN c SORT d.n DESC LIMIT 3 RETURN d.n",
            "[99,98,97]",
            3,
        ),
        (
            "FOR d IN c FILTER d.n >= 95 SORT d.n LIMIT 1, 2 RETURN d.n",
            "[96,97]",
            3,
        ),
        (
            "FOR d IN c FILTER d.n < 2 OR d.n == 1 OR d.n > 98 RETURN d.n",
            "[0,1,99]",
            4,
        ),
        (
            "FOR i IN 1..2 FOR d IN c FILTER d.n == i RETURN d.n",
            "[1,2]",
            2,
        ),
        (
            "RETURN LENGTH(FOR d IN c FILTER d.a == 1 RETURN 1)",
            "[10]",
            10,
        ),
        (
            "RETURN FIRST(FOR d IN c FILTER d.a == 1 RETURN d.n)",
            "[1]",
            1,
        ),
        (
            "FOR d IN c FILTER d._key >= \"097\" RETURN d.n",
            "[97,98,99]",
            3,
        ),
        (
            "FOR d IN c FILTER d.a == 1 AND d.b == 9 RETURN d.n",
            "[91]",
            10,
        ),
    ] {
        let (found, stats) = run(&database, text);
        assert_eq!(found, rows, "{text}");
        assert_eq!(
            (stats.scanned_full, stats.scanned_index),
            (0, read),
            "{text}"
        );
    }
}

#[test]
fn alternatives_have_an_index_each_or_none_has() {
    let both = database(&[(&["a"], ""), (&["b"], "")]);
    let text = "FOR d IN c FILTER d.a == 1 OR d.b == 2 OR d._key == \"001\" SORT d.n RETURN d.n";
    let plan_of_both = plan(&both, text, &[]);
    assert_eq!(shape(&plan_of_both), "Index Sort");
    assert_eq!(
        ranges(&plan_of_both),
        "d.`a` == 1 OR d.`b` == 2 OR d.`_key` == \"001\""
    );
    let (rows, stats) = run(&both, text);
    // Document 21 matches twice, document 1 too, and each comes once.
    assert_eq!(
        rows,
        "[1,11,20,21,22,23,24,25,26,27,28,29,31,41,51,61,71,81,91]"
    );
    assert_eq!(stats.scanned_full, 0);
    let merged = database(&[(&["b", "n"], "")]);
    for (text, rows, read) in [
        (
            "FOR d IN c FILTER d.b == 3 OR d.b > 7 OR d.b < 1 SORT d.b DESC, d.n DESC LIMIT 11 RETURN d.n",
            "[99,98,97,96,95,94,93,92,91,90,89]",
            33,
        ),
        (
            "FOR d IN c FILTER (d.b == 1 AND d.n < 12) OR (d.b IN [0, 1] AND d.n IN [11, 3]) SORT d.b RETURN d.n",
            "[3,10,11]",
            4,
        ),
    ] {
        assert_eq!(
            shape(&plan(&merged, text, &[])).replace(" Limit", ""),
            "Index",
            "{text}"
        );
        let (found, stats) = run(&merged, text);
        assert_eq!(found, rows, "{text}");
        assert!(stats.scanned_index <= read, "{text}: {stats:?}");
    }
    let half = database(&[(&["a"], "")]);
    assert_eq!(
        shape(&plan(&half, text, &[])),
        "EnumerateCollection Filter Sort"
    );
    assert_eq!(run(&half, text).0, rows);
    let nested = "FOR d IN c FILTER d.a == 1 AND (d.b == 2 OR d.b > 8) RETURN d.n";
    let compound = database(&[(&["a", "b"], "")]);
    assert_eq!(
        ranges(&plan(&compound, nested, &[])),
        "d.`a` == 1 AND d.`b` == 2 OR d.`a` == 1 AND d.`b` > 8"
    );
}

#[test]
fn sparse_indexes_serve_where_null_cannot_match() {
    let database = database(&[(&["a"], "sparse")]);
    let used = |text: &str| shape(&plan(&database, text, &[])).starts_with("Index");
    for filter in [
        "d.a == 1",
        "d.a > 1",
        "d.a > null",
        "d.a >= 1",
        "d.a IN [1, 2]",
        "d.a != null",
        "d.a < 5 AND d.a != null",
    ] {
        assert!(
            used(&format!("FOR d IN c FILTER {filter} RETURN d")),
            "{filter}"
        );
    }
    for filter in [
        "d.a == null",
        "d.a < 5",
        "d.a <= 5",
        "d.a >= null",
        "d.a IN [1, null]",
        "d.a IN d.b",
    ] {
        assert!(
            !used(&format!("FOR d IN c FILTER {filter} RETURN d")),
            "{filter}"
        );
    }
    assert!(!used("FOR d IN c SORT d.a RETURN d"));
    assert!(used("FOR d IN c FILTER d.a != null SORT d.a RETURN d"));
    assert!(!used("FOR o IN c FOR d IN c FILTER d.a == o.x RETURN d"));
}

#[test]
fn sorts_go_where_the_index_has_their_order() {
    let database = database(&[(&["a", "b", "n"], "")]);
    for (text, sorts) in [
        ("SORT d.a", false),
        ("SORT d.a, d.b", false),
        ("SORT d.a DESC, d.b DESC", false),
        ("SORT d.a, d.b DESC", true),
        ("SORT d.b", true),
        ("SORT d.a, d.n", true),
        ("SORT d.a + 1", true),
        ("FILTER d.a == 1 SORT d.b", false),
        ("FILTER d.a == 1 SORT d.b DESC, d.n DESC", false),
        ("FILTER d.a == 1 SORT d.b, d.a, d.n", false),
        ("FILTER d.a == 1 SORT d.n", true),
        ("FILTER d.a IN [2, 1] SORT d.a, d.b", false),
        ("FILTER d.a IN [2, 1] SORT d.b", true),
        ("FILTER d.a > 5 SORT d.a DESC", false),
        ("FILTER d.a > 5 SORT d.b", true),
        ("LET x = d.a FILTER x == 1 SORT d.b", false),
        ("LIMIT 5 SORT d.a", true),
        ("COLLECT x = d.a SORT x DESC", true),
    ] {
        let text = format!("FOR d IN c {text} LIMIT 9 RETURN 1");
        let plan = plan(&database, &text, &[]);
        assert_eq!(
            shape(&plan).contains("Sort"),
            sorts,
            "{text}\n{}",
            plan.explain_text()
        );
    }
    let inner = "FOR x IN 1..2 FOR d IN c SORT d.a RETURN 1";
    assert!(shape(&plan(&database, inner, &[])).contains("Sort"));
}

#[test]
fn array_fields_answer_in_and_any() {
    let database = database(&[(&["t[*]", "b"], "")]);
    for (filter, filtered) in [
        ("\"x\" IN d.t", false),
        ("\"x\" IN d.t[*]", false),
        ("d.t ANY == \"x\"", false),
        ("19 IN d.t AND d.b == 1", false),
        ("null IN d.t", true),
    ] {
        let text = format!("FOR d IN c FILTER {filter} RETURN d.n");
        let plan = plan(&database, &text, &[]);
        let wanted = if filtered { "Index Filter" } else { "Index" };
        assert_eq!(shape(&plan), wanted, "{filter}");
    }
    assert_eq!(
        run(
            &database,
            "FOR d IN c FILTER 19 IN d.t AND d.b == 1 RETURN d.n"
        )
        .0,
        "[19]"
    );
    let other = plan(&database, "FOR d IN c FILTER d.t == \"x\" RETURN d", &[]);
    assert_eq!(shape(&other), "EnumerateCollection Filter");
}

#[test]
fn what_entries_hold_is_not_fetched() {
    let database = database(&[(&["a", "b"], "stored")]);
    let says = |text: &str| {
        let plan = plan(&database, text, &[]);
        let text = plan.explain_text();
        let start = text.find("/*").unwrap_or(0);
        let end = text.find("*/").unwrap_or(0);
        text[start..end].trim_matches(['/', '*', ' ']).to_owned()
    };
    for (text, wanted) in [
        (
            "FOR d IN c FILTER d.a == 1 RETURN d.b",
            "persistent index scan, index only (projections: `b`)",
        ),
        (
            "FOR d IN c FILTER d.a == 1 FILTER d.n > 5 SORT d.b DESC RETURN d._key",
            "persistent index scan, index only (projections: `n`, `_key`), reverse",
        ),
        (
            "FOR d IN c FILTER d.a == 1 RETURN d.t",
            "persistent index scan, projections: `t`",
        ),
        (
            "FOR d IN c FILTER d.a == 1 RETURN d",
            "persistent index scan",
        ),
        (
            "FOR d IN c FILTER d.a == 1 RETURN 1",
            "persistent index scan, scan only",
        ),
        (
            "FOR d IN c FILTER d.a == 1 RETURN d._rev",
            "persistent index scan, projections: `_rev`",
        ),
        (
            "FOR d IN c FILTER d.a == 1 UPDATE d WITH {z: 1} IN c",
            "persistent index scan",
        ),
    ] {
        assert_eq!(says(text), wanted, "{text}");
    }
    let (rows, _) = run(
        &database,
        "FOR d IN c FILTER d.a == 1 AND d.b > 7 RETURN [d.n, d._key, d._id]",
    );
    assert_eq!(rows, "[[81,\"081\",\"c/081\"],[91,\"091\",\"c/091\"]]");
}

#[test]
fn the_narrowest_index_is_taken_unless_another_is_hinted() {
    let mut database = database(&[(&["a"], ""), (&["n"], "unique"), (&["b", "n"], "")]);
    database.create_index(
        "c",
        IndexKind::Ttl { expire_after: 1 },
        &["n"],
        false,
        true,
        &[],
    );
    let taken = |options: &str| {
        let text =
            format!("FOR d IN c {options} FILTER d.a == 1 AND d.n == 11 AND d.b == 1 RETURN d");
        let plan = compile(&text, &Value::Null, &database, &CompileOptions::default());
        match plan {
            Ok(plan) => ranges(&plan),
            Err(error) => error.code().to_string(),
        }
    };
    let names: Vec<String> = {
        use antipode_query::Catalog;
        let id = database.collection("c").unwrap().unwrap().id;
        let indexes = database.indexes(id).unwrap();
        indexes.into_iter().map(|index| index.name).collect()
    };
    // Both find one document; this one holds more fields.
    assert_eq!(taken(""), "d.`b` == 1 AND d.`n` == 11");
    let hint = |name: &str, forced: bool| {
        taken(&format!(
            "OPTIONS {{indexHint: \"{name}\", forceIndexHint: {forced}}}"
        ))
    };
    assert_eq!(hint(&names[0], false), "d.`a` == 1");
    assert_eq!(hint(&names[1], true), "d.`n` == 11");
    assert_eq!(hint("nothing", false), "d.`b` == 1 AND d.`n` == 11");
    assert_eq!(hint("nothing", true), "5240");
    assert_eq!(hint(&names[3], true), "5240");
    assert_eq!(
        taken(&format!("OPTIONS {{indexHint: [\"x\", \"{}\"]}}", names[0])),
        "d.`a` == 1"
    );
    assert_eq!(taken("OPTIONS {disableIndex: true}"), "");
    assert_eq!(
        taken("OPTIONS {disableIndex: true, indexHint: \"x\", forceIndexHint: true}"),
        ""
    );
}

#[test]
fn an_upsert_looks_into_an_index() {
    let database = database(&[(&["n"], "unique"), (&["a"], "")]);
    let text = "UPSERT {n: 42} INSERT {n: 42} UPDATE {hit: OLD.n} IN c RETURN [OLD._key, NEW.hit]";
    let (rows, stats) = run(&database, text);
    assert_eq!(rows, "[[\"042\",42]]");
    assert_eq!((stats.scanned_full, stats.scanned_index), (0, 1));
    // Of several the one with the lowest key.
    let several = "UPSERT {a: 3, o: {p: 53}} INSERT {} UPDATE {} IN c RETURN OLD._key";
    let (rows, stats) = run(&database, several);
    assert_eq!(rows, "[\"053\"]");
    assert_eq!((stats.scanned_full, stats.scanned_index), (0, 10));
    assert_eq!(
        run(
            &database,
            "UPSERT {a: 3} INSERT {} UPDATE {} IN c RETURN OLD._key"
        )
        .0,
        "[\"003\"]"
    );
    // Its own writes too.
    let own = "FOR i IN 1..3 UPSERT {n: \"new\"} INSERT {n: \"new\", k: i} UPDATE {k: i} IN c RETURN [OLD.k, NEW.k]";
    assert_eq!(run(&database, own).0, "[[null,1],[1,2],[2,3]]");
    let forced =
        "UPSERT {b: 1} INSERT {} UPDATE {} IN c OPTIONS {indexHint: \"x\", forceIndexHint: true}";
    let error = compile(forced, &Value::Null, &database, &CompileOptions::default());
    assert_eq!(error.map(|_| ()).unwrap_err().code(), 5240);
    assert!(
        plan(&database, text, &[])
            .explain_text()
            .contains("persistent index scan")
    );
}

#[test]
fn what_a_loop_writes_it_does_not_meet_again() {
    let database = database(&[(&["n"], "")]);
    let (rows, stats) = run(
        &database,
        "FOR d IN c FILTER d.n >= 50 UPDATE d WITH {n: d.n + 1000} IN c RETURN NEW.n",
    );
    assert_eq!(
        Value::from_json(&rows).unwrap().as_array().unwrap().len(),
        50
    );
    assert_eq!(stats.writes_executed, 50);
    let (_, stats) = run(
        &database,
        "FOR d IN c FILTER d.n >= 98 INSERT {n: d.n + 1} INTO c",
    );
    assert_eq!(stats.writes_executed, 2);
    let (_, stats) = run(&database, "FOR d IN c FILTER d.n < 3 REMOVE d IN c");
    assert_eq!(stats.writes_executed, 3);
}

#[test]
fn edges_are_found_by_their_ends() {
    let database = database(&[]);
    let text = "FOR e IN e FILTER e._from == \"c/001\" RETURN e._to";
    assert_eq!(run(&database, text).0, "[\"c/002\"]");
    assert_eq!(
        ranges(&plan(&database, text, &[])),
        "e.`_from` == \"c/001\""
    );
    let both = "FOR e IN e FILTER e._from == \"c/001\" OR e._to == \"c/002\" RETURN e._key";
    assert_eq!(run(&database, both).0, "[\"1\"]");
    assert_eq!(shape(&plan(&database, both, &[])), "Index");
}

#[test]
fn explain_has_a_table_of_indexes() {
    let database = database(&[(&["a", "b"], "sparse")]);
    let text = plan(
        &database,
        "FOR d IN c FILTER d.a == 1 AND d.b > 2 RETURN d",
        &[],
    )
    .explain_text();
    let table: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Indexes used"))
        .skip(1)
        .take(2)
        .collect();
    let columns = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        columns(table[0]),
        [
            "By",
            "Name",
            "Type",
            "Collection",
            "Unique",
            "Sparse",
            "Selectivity",
            "Fields",
            "Ranges"
        ]
    );
    assert_eq!(
        columns(table[1])[2..],
        [
            "persistent",
            "c",
            "false",
            "true",
            "100.00 %",
            "[ `a`, `b` ]",
            "(d.`a` == 1 AND d.`b` > 2)"
        ]
    );
    assert!(
        text.contains("use-indexes, remove-filter-covered-by-index"),
        "{text}"
    );
}

#[test]
fn the_ends_of_an_index_are_the_least_and_greatest() {
    let database = database(&[(&["n"], ""), (&["a", "b"], ""), (&["b"], "sparse")]);
    for (text, rows, read) in [
        (
            "FOR d IN c COLLECT AGGREGATE m = MIN(d.n) RETURN m",
            "[0]",
            1,
        ),
        (
            "FOR d IN c COLLECT AGGREGATE m = MAX(d.n) RETURN m",
            "[99]",
            1,
        ),
        (
            "FOR d IN c LET b = d.b COLLECT AGGREGATE m = MAX(b) RETURN m",
            "[9]",
            1,
        ),
        (
            "FOR d IN c FILTER d.a == 3 COLLECT AGGREGATE m = MIN(d.b) RETURN m",
            "[0]",
            1,
        ),
        (
            "FOR d IN c FILTER d.n < 50 COLLECT AGGREGATE m = MAX(d.n) RETURN m",
            "[49]",
            1,
        ),
        (
            "FOR a IN [3, 4] RETURN (FOR d IN c FILTER d.a == a COLLECT AGGREGATE m = MAX(d.b) RETURN m)[0]",
            "[9,9]",
            2,
        ),
        (
            "FOR d IN c FILTER d.a == -1 COLLECT AGGREGATE m = MIN(d.b) RETURN m",
            "[null]",
            0,
        ),
        // What is no end of an index.
        (
            "FOR d IN c FILTER d.n > 5 COLLECT AGGREGATE m = MIN(d.n) RETURN m",
            "[6]",
            94,
        ),
        (
            "FOR d IN c COLLECT AGGREGATE m = MIN(d.n), k = MAX(d.n) RETURN [m, k]",
            "[[0,99]]",
            100,
        ),
        (
            "FOR d IN c COLLECT AGGREGATE m = MAX(d.n) OPTIONS {disableIndex: true} RETURN m",
            "[99]",
            100,
        ),
        (
            "FOR d IN c COLLECT AGGREGATE m = MAX(d.n + 1) RETURN m",
            "[100]",
            100,
        ),
        (
            "FOR d IN c FILTER d.a IN [1, 2] COLLECT AGGREGATE m = MAX(d.b) RETURN m",
            "[9]",
            20,
        ),
    ] {
        let (found, stats) = run(&database, text);
        assert_eq!(
            (found.as_str(), stats.scanned_full + stats.scanned_index),
            (rows, read),
            "{text}"
        );
    }
}
