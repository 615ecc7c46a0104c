//! The embedded library, from outside: what a program that opens a database sees.

use antipode::{
    CollectionKind, Database, Deletes, Durability, InsertMode, Options, OutgoingMessage, Position,
    RequestOptions, ScanRange, Value, WriteOptions,
};

fn open() -> Database {
    Database::in_memory(Options::default()).expect("a database in memory opens")
}

fn json(text: &str) -> Value {
    Value::from_json(text).expect("the test's JSON is JSON")
}

#[test]
fn documents_are_written_queried_and_counted() {
    let database = open();
    let session = database.session(RequestOptions::default());
    session
        .create_collection("users", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    for key in ["ada", "bob", "eve"] {
        let answer = session
            .run(
                "INSERT {_key: @key, visits: 1} INTO users RETURN NEW",
                &json(&format!("{{\"key\":\"{key}\"}}")),
            )
            .expect("an insert");
        let new = answer.rows[0].clone();
        let stored = session
            .get("users", key)
            .expect("a read")
            .value
            .expect("what was inserted");
        assert_eq!(
            new.to_json(),
            stored.to_json(),
            "NEW is what is stored, with its version"
        );
    }
    session
        .run(
            "FOR u IN users UPDATE u WITH {visits: u.visits + 1} IN users",
            &Value::Null,
        )
        .expect("updates");
    let answer = session
        .run("FOR u IN users SORT u._key RETURN u.visits", &Value::Null)
        .expect("a query");
    assert_eq!(answer.rows, vec![Value::Int(2); 3]);
    let listed = session.collections(false).expect("a list").value;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].count, 3);
    session
        .remove("users", "eve", &WriteOptions::default())
        .expect("a removal");
    assert_eq!(session.get("users", "eve").expect("a read").value, None);
    let error = session
        .remove("users", "eve", &WriteOptions::default())
        .expect_err("it is gone");
    assert_eq!(error.code(), 1202);
}

#[test]
fn increments_from_many_threads_all_count() {
    let database = open();
    let session = database.session(RequestOptions::default());
    session
        .create_collection("hits", CollectionKind::KeyValue, Deletes::Win)
        .expect("a new name");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = database.session(RequestOptions {
                    durability: Some(Durability::Memory),
                    ..RequestOptions::default()
                });
                for _ in 0..50 {
                    session.kv_increment("hits", "page", &Value::Int(1)).expect("an increment");
                    session
                        .run("UPSERT {_key: 'q'} INSERT {_key: 'q', value: 1} UPDATE {value: OLD.value + 1} IN hits", &Value::Null)
                        .expect("an upsert");
                }
            });
        }
    });
    let value = |key: &str| {
        session
            .kv_get("hits", key)
            .expect("a read")
            .value
            .expect("a pair")
            .value
    };
    assert_eq!(value("page"), Value::Int(200));
    assert_eq!(value("q"), Value::Int(200));
}

#[test]
fn pairs_expire_and_are_compared_by_version() {
    let database = open();
    let session = database.session(RequestOptions::default());
    session
        .create_collection("kv", CollectionKind::KeyValue, Deletes::Win)
        .expect("a new name");
    let one = session
        .kv_put("kv", "a", &Value::Int(1), None, Some(""))
        .expect("absent")
        .value;
    assert_eq!(
        session
            .kv_put("kv", "a", &Value::Int(2), None, Some(""))
            .expect_err("present")
            .code(),
        1200
    );
    let two = session
        .kv_put("kv", "a", &Value::Int(2), None, Some(&one.rev))
        .expect("the same version")
        .value;
    assert_eq!(
        session
            .kv_put("kv", "a", &Value::Int(3), None, Some(&one.rev))
            .expect_err("a newer one")
            .code(),
        1200
    );
    assert_ne!(one.rev, two.rev);
    session
        .kv_put(
            "kv",
            "b",
            &Value::Int(5),
            Some(std::time::Duration::ZERO),
            None,
        )
        .expect("a put");
    assert_eq!(
        session.kv_get("kv", "b").expect("a read").value,
        None,
        "it has expired"
    );
    session
        .kv_put("kv", "b", &Value::Int(6), None, Some(""))
        .expect("an expired pair is absent");
    let mut seen = Vec::new();
    session
        .kv_scan("kv", &ScanRange::default(), |pairs| {
            seen.extend(pairs.into_iter().map(|pair| (pair.key, pair.value)));
            true
        })
        .expect("a scan");
    assert_eq!(
        seen,
        vec![
            ("a".to_owned(), Value::Int(2)),
            ("b".to_owned(), Value::Int(6))
        ]
    );
    assert!(
        session
            .kv_delete("kv", "a", None)
            .expect("a deletion")
            .value
    );
    assert!(
        !session
            .kv_delete("kv", "a", None)
            .expect("a deletion")
            .value
    );
}

#[test]
fn streams_keep_order_and_cursors_stay() {
    let database = open();
    let session = database.session(RequestOptions::default());
    session.create_stream("clicks").expect("a new name");
    let message = |payload: i64| OutgoingMessage {
        payload: Value::Int(payload),
        ..OutgoingMessage::default()
    };
    let ids = session
        .publish("clicks", &[message(1), message(2)])
        .expect("two messages")
        .value;
    session
        .run("FOR i IN 3..4 INSERT i INTO STREAM clicks", &Value::Null)
        .expect("two more");
    let (first, behind) = session
        .messages("clicks", &Position::default(), &[], 2)
        .expect("a read")
        .value;
    assert_eq!(
        first
            .iter()
            .map(|message| message.id.clone())
            .collect::<Vec<_>>(),
        ids
    );
    session
        .commit_cursor("clicks", "worker", &behind)
        .expect("a commit");
    let position = session.cursor("clicks", "worker").expect("a cursor").value;
    assert_eq!(position, behind);
    let (rest, _) = session
        .messages("clicks", &position, &[], 10)
        .expect("a read")
        .value;
    assert_eq!(
        rest.iter()
            .map(|message| message.payload.clone())
            .collect::<Vec<_>>(),
        vec![Value::Int(3), Value::Int(4)]
    );
    let answer = session
        .run("FOR m IN STREAM clicks RETURN m.payload", &Value::Null)
        .expect("a query");
    assert_eq!(answer.rows, (1..=4).map(Value::Int).collect::<Vec<_>>());
}

#[test]
fn a_collection_dropped_and_made_again_is_empty() {
    let database = open();
    let session = database.session(RequestOptions::default());
    for _ in 0..2 {
        session
            .create_collection("c", CollectionKind::Document, Deletes::Win)
            .expect("a new name");
        assert_eq!(
            session
                .create_collection("c", CollectionKind::Document, Deletes::Win)
                .expect_err("taken")
                .code(),
            1207
        );
        session
            .insert("c", &json(r#"{"_key":"k"}"#), InsertMode::Conflict)
            .expect("it is empty");
        session.drop_collection("c").expect("it is there");
        assert_eq!(
            session.get("c", "k").expect_err("no collection").code(),
            1203
        );
    }
    let digest = database.status().expect("a status").node.digest;
    assert_ne!(digest.0, 0, "the catalog itself is in the digest");
}

#[test]
fn a_database_on_disk_is_as_it_was_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vv, digest) = {
        let database = Database::open(folder.path(), Options::default()).expect("a new database");
        let session = database.session(RequestOptions::default());
        session
            .create_collection("c", CollectionKind::Edge, Deletes::Win)
            .expect("a new name");
        session
            .run("FOR i IN 1..100 INSERT {_key: TO_STRING(i), _from: 'v/1', _to: CONCAT('v/', i % 7)} INTO c", &Value::Null)
            .expect("edges");
        let status = database.status().expect("a status").node;
        (status.vv, status.digest)
    };
    let database = Database::open(folder.path(), Options::default()).expect("the same database");
    let status = database.status().expect("a status").node;
    assert_eq!((status.vv, status.digest), (vv, digest));
    let session = database.session(RequestOptions::default());
    let answer = session
        .run(
            "FOR e IN c FILTER e._to == 'v/3' RETURN e._key",
            &Value::Null,
        )
        .expect("a query");
    assert_eq!(answer.rows.len(), 14);
    let locked = Database::open(folder.path(), Options::default())
        .err()
        .expect("it is in use");
    assert!(locked.to_string().contains("in use"), "{locked}");
}
