//! Secondary indexes from outside: made, used, kept, dropped; and held against a plain model by random changes.

use antipode::{
    Answer, CollectionKind, Database, Deletes, Options, RequestOptions, Session, Value,
};

fn open() -> (Database, Session) {
    let database = Database::in_memory(Options::default()).expect("a database in memory opens");
    let session = database.session(RequestOptions::default());
    session
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    (database, session)
}

fn json(text: &str) -> Value {
    Value::from_json(text).expect("the test's JSON is JSON")
}

fn run(session: &Session, query: &str) -> Answer {
    session
        .run(query, &Value::Null)
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn rows(session: &Session, query: &str) -> String {
    Value::array(run(session, query).rows).to_json()
}

fn code(session: &Session, query: &str) -> u32 {
    match session.run(query, &Value::Null) {
        Ok(answer) => panic!("{query} gave {:?}", answer.rows),
        Err(error) => error.code(),
    }
}

fn index(session: &Session, definition: &str) -> String {
    let created = session.create_index("c", &json(definition));
    let created = created.unwrap_or_else(|error| panic!("{definition}: {error}"));
    assert!(created.value.status.ready, "{definition}");
    created.value.status.name
}

#[track_caller]
fn exact(session: &Session) {
    let check = session.check_indexes(None).expect("a check").value;
    assert_eq!(check.faults_total, 0, "{:?}", check.faults);
}

#[test]
fn an_index_is_built_listed_and_dropped() {
    let (_database, session) = open();
    run(
        &session,
        "FOR i IN 1..1000 INSERT {_key: TO_STRING(i), n: i % 10, t: [i, i % 7]} INTO c",
    );
    let name = index(
        &session,
        r#"{"type":"skiplist","fields":["n"],"name":"by_n"}"#,
    );
    assert_eq!(name, "by_n");
    index(
        &session,
        r#"{"type":"hash","fields":["t[*]"],"sparse":true}"#,
    );
    // An equal one is the same.
    let again = session
        .create_index("c", &json(r#"{"fields":["n"]}"#))
        .expect("the same");
    assert!(!again.value.is_new && again.value.status.name == "by_n");
    let list = session.indexes("c").expect("a list").value;
    let names: Vec<&str> = list.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names[..2], ["primary", "by_n"]);
    assert_eq!((list.len(), list[1].entries), (3, 1000));
    assert!(list[1].selectivity.expect("it has entries") < 0.02);
    assert_eq!(
        rows(
            &session,
            "FOR d IN c FILTER d.n == 3 COLLECT WITH COUNT INTO k RETURN k"
        ),
        "[100]"
    );
    assert_eq!(
        rows(
            &session,
            "FOR d IN c OPTIONS {indexHint: 'by_n', forceIndexHint: true} FILTER d.n == 3 AND d._key < '13' SORT d._key RETURN d._key"
        ),
        rows(
            &session,
            "FOR d IN c OPTIONS {disableIndex: true} FILTER d.n == 3 AND d._key < '13' SORT d._key RETURN d._key"
        )
    );
    exact(&session);
    session.drop_index("c", "by_n").expect("it is there");
    assert_eq!(session.drop_index("c", "by_n").unwrap_err().code(), 1212);
    assert_eq!(session.drop_index("c", "primary").unwrap_err().code(), 11);
    assert_eq!(session.drop_index("c", "x/1").unwrap_err().code(), 1214);
    assert_eq!(
        code(
            &session,
            "FOR d IN c OPTIONS {indexHint: 'by_n', forceIndexHint: true} FILTER d.n == 3 RETURN d"
        ),
        5240
    );
    let other = r#"{"fields":["m"],"name":"by_t"}"#;
    index(&session, other);
    let taken = session.create_index("c", &json(r#"{"fields":["o"],"name":"by_t"}"#));
    assert_eq!(taken.unwrap_err().code(), 1207);
    exact(&session);
}

#[test]
fn a_unique_index_holds() {
    let (_database, session) = open();
    index(
        &session,
        r#"{"fields":["email"],"unique":true,"sparse":true,"name":"mail"}"#,
    );
    run(&session, "INSERT {_key: 'a', email: 'x'} INTO c");
    assert_eq!(
        code(&session, "INSERT {_key: 'b', email: 'x'} INTO c"),
        1210
    );
    let direct = session.insert(
        "c",
        &json(r#"{"_key":"b","email":"x"}"#),
        antipode::InsertMode::Conflict,
    );
    assert_eq!(direct.unwrap_err().code(), 1210);
    // Documents without the field take no part.
    run(
        &session,
        "FOR i IN 1..3 INSERT {_key: CONCAT('n', i)} INTO c",
    );
    assert_eq!(code(&session, "UPDATE 'n1' WITH {email: 'x'} IN c"), 1210);
    assert_eq!(code(&session, "REPLACE 'n1' WITH {email: 'x'} IN c"), 1210);
    run(&session, "UPDATE 'a' WITH {email: 'x'} IN c");
    // What one query gives up, it can take again; what it has taken, it cannot take twice.
    run(
        &session,
        "FOR d IN [1, 2] UPDATE 'a' WITH {email: d == 1 ? 'y' : 'x'} IN c",
    );
    assert_eq!(
        code(&session, "FOR i IN 1..2 INSERT {email: 'z'} INTO c"),
        1210
    );
    assert_eq!(
        rows(&session, "FOR d IN c FILTER d.email == 'z' RETURN d"),
        "[]"
    );
    let skipped = run(
        &session,
        "FOR e IN ['x', 'p', 'p', 'q'] INSERT {_key: CONCAT('k', e), email: e} INTO c OPTIONS {ignoreErrors: true}",
    );
    assert_eq!(
        (
            skipped.extra.stats.writes_executed,
            skipped.extra.stats.writes_ignored
        ),
        (2, 2)
    );
    run(
        &session,
        "UPSERT {email: 'x'} INSERT {_key: 'u', email: 'x'} UPDATE {n: 1} IN c",
    );
    assert_eq!(
        rows(
            &session,
            "FOR d IN c FILTER d.email == 'x' RETURN [d._key, d.n]"
        ),
        "[[\"a\",1]]"
    );
    // In one query the look-up sees what the query wrote.
    run(
        &session,
        "FOR i IN 1..3 UPSERT {email: 'up'} INSERT {_key: 'up', email: 'up', n: 1} UPDATE {n: OLD.n + 1} IN c",
    );
    assert_eq!(rows(&session, "RETURN DOCUMENT('c/up').n"), "[3]");
    run(&session, "REMOVE 'a' IN c");
    run(&session, "INSERT {_key: 'b', email: 'x'} INTO c");
    exact(&session);
}

#[test]
fn a_unique_index_is_refused_on_documents_that_are_not() {
    let (_database, session) = open();
    run(&session, "FOR i IN 1..600 INSERT {n: i % 599} INTO c");
    let refused = session.create_index("c", &json(r#"{"fields":["n"],"unique":true}"#));
    assert_eq!(refused.unwrap_err().code(), 1210);
    assert_eq!(session.indexes("c").expect("a list").value.len(), 1);
    let refused = session.create_index("c", &json(r#"{"fields":["m"],"unique":true}"#));
    assert_eq!(refused.unwrap_err().code(), 1210);
    index(&session, r#"{"fields":["m"],"unique":true,"sparse":true}"#);
    exact(&session);
}

#[test]
fn places_and_words_are_found() {
    let (_database, session) = open();
    index(&session, r#"{"type":"geo","fields":["lat","lon"]}"#);
    index(
        &session,
        r#"{"type":"geo","fields":["shape"],"geoJson":true}"#,
    );
    index(
        &session,
        r#"{"type":"fulltext","fields":["text"],"minLength":3}"#,
    );
    run(
        &session,
        "FOR lat IN -89..89 FOR lon IN [-180, -90, 0, 90, 179] INSERT {lat, lon, shape: [lon, lat], text: CONCAT('word', lat, ' same')} INTO c",
    );
    run(
        &session,
        "INSERT {text: 'The Same again', lat: 'none'} INTO c",
    );
    let nearest = rows(
        &session,
        "FOR d IN NEAR(c, 10.2, 0.1, 4) RETURN [d.lat, d.lon]",
    );
    assert_eq!(nearest, "[[10,0],[11,0],[9,0],[12,0]]");
    let hinted = "FOR d IN c FILTER DISTANCE(d.lat, d.lon, 50, 179.5) < 200000 SORT d.lat, d.lon RETURN [d.lat, d.lon]";
    let plain = hinted.replace("IN c FILTER", "IN c OPTIONS {disableIndex: true} FILTER");
    assert_eq!(rows(&session, hinted), rows(&session, &plain));
    // Without a place the distance is null, and null is less than any number.
    let near = r#"[[49,-180],[49,179],[50,-180],[50,179],[51,-180],[51,179],["none",null]]"#;
    assert_eq!(rows(&session, hinted), near);
    for order in ["", "DESC"] {
        for (lat, lon) in [(89.5, 10.0), (-3.0, 179.9), (0.0, -90.0)] {
            let query = format!(
                "FOR d IN c LET m = GEO_DISTANCE([{lon}, {lat}], d.shape) SORT m {order}, d._key LIMIT 300 RETURN [d._key, m]"
            );
            let plain = query.replace("IN c LET", "IN c OPTIONS {disableIndex: true} LET");
            assert_eq!(rows(&session, &query), rows(&session, &plain), "{query}");
        }
    }
    assert_eq!(
        rows(
            &session,
            "RETURN LENGTH(FULLTEXT(c, 'text', 'prefix:word1'))"
        ),
        "[55]"
    );
    assert_eq!(
        rows(&session, "RETURN LENGTH(FULLTEXT(c, 'text', 'same,again'))"),
        "[1]"
    );
    exact(&session);
    run(
        &session,
        "FOR d IN c FILTER d.lat > 0 UPDATE d WITH {text: 'other', lat: d.lat / 2} IN c",
    );
    run(&session, "FOR d IN c FILTER d.lat < -50 REMOVE d IN c");
    assert_eq!(
        rows(&session, "RETURN LENGTH(FULLTEXT(c, 'text', 'other'))"),
        "[446]"
    );
    exact(&session);
}

#[test]
fn expired_documents_are_hidden() {
    let (_database, session) = open();
    index(
        &session,
        r#"{"type":"ttl","fields":["at"],"expireAfter":10}"#,
    );
    index(&session, r#"{"fields":["n"],"storedValues":["at"]}"#);
    run(&session, "INSERT {_key: 'old', at: 1000, n: 1} INTO c");
    run(
        &session,
        "INSERT {_key: 'dated', at: '2001-02-03T04:05:06Z', n: 1} INTO c",
    );
    run(
        &session,
        "INSERT {_key: 'new', at: DATE_NOW() / 1000, n: 1} INTO c",
    );
    run(&session, "INSERT {_key: 'never', at: 'soon', n: 1} INTO c");
    for query in [
        "FOR d IN c SORT d._key RETURN d._key",
        "FOR d IN c FILTER d.n == 1 SORT d._key RETURN d._key",
    ] {
        assert_eq!(rows(&session, query), r#"["never","new"]"#, "{query}");
    }
    assert_eq!(
        rows(&session, "RETURN [LENGTH(c), DOCUMENT('c/old')]"),
        "[[2,null]]"
    );
    let second = session.create_index(
        "c",
        &json(r#"{"type":"ttl","fields":["b"],"expireAfter":1}"#),
    );
    assert_eq!(second.unwrap_err().code(), 10);
    exact(&session);
}
