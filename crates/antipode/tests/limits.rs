//! What is too much, too deep or damaged gets a typed error, and nothing of it is kept; a full disk stops writes, not reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode::{
    Cancel, CollectionKind, Database, Deletes, InsertMode, Options, QueryOptions, RequestOptions,
    Session, Value, WriteOptions,
};
use antipode_store::MemoryStorage;
use antipode_store::memory::Faults;

fn open() -> Database {
    let database = Database::in_memory(Options::default()).expect("a database in memory opens");
    session(&database)
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    database
}

fn session(database: &Database) -> Session {
    database.session(RequestOptions::default())
}

fn count(database: &Database) -> usize {
    let answer = session(database).run("FOR d IN c RETURN 1", &Value::Null);
    answer.expect("a query").rows.len()
}

fn text(bytes: usize) -> Value {
    Value::from("x".repeat(bytes))
}

#[test]
fn a_document_has_a_size_limit_however_it_grows() {
    let database = open();
    let session = session(&database);
    let large = Value::object([("_key", Value::from("k")), ("a", text(16 << 20))]);
    let error = session
        .insert("c", &large, InsertMode::Conflict)
        .expect_err("over 16 MiB");
    assert_eq!(error.code(), 1216, "{error}");
    assert_eq!(count(&database), 0);

    let half = Value::object([("_key", Value::from("k")), ("a", text(9 << 20))]);
    session
        .insert("c", &half, InsertMode::Conflict)
        .expect("9 MiB");
    let patch = Value::object([("b", text(9 << 20))]);
    let error = session
        .update("c", "k", &patch, &WriteOptions::default())
        .expect_err("9 MiB more");
    assert_eq!(error.code(), 1216, "{error}");
    let stored = session
        .get("c", "k")
        .expect("a read")
        .value
        .expect("the first half");
    assert!(
        stored.attribute("b").is_null(),
        "nothing of the refused write is there"
    );
    session
        .update(
            "c",
            "k",
            &Value::object([("b", text(1 << 20))]),
            &WriteOptions::default(),
        )
        .expect("10 MiB in all");
}

#[test]
fn nesting_has_a_limit() {
    let database = open();
    let session = session(&database);
    let nested = |depth: usize| {
        let value = (0..depth).fold(Value::Int(1), |inner, _| Value::array([inner]));
        Value::object([("a", value)])
    };
    session
        .insert("c", &nested(190), InsertMode::Conflict)
        .expect("190 levels");
    let error = session
        .insert("c", &nested(201), InsertMode::Conflict)
        .expect_err("201 levels");
    assert!(
        [1216, 1524, 10].contains(&error.code()),
        "{} {error}",
        error.code()
    );
    assert_eq!(count(&database), 1);
}

#[test]
fn a_huge_or_deep_query_is_refused() {
    let database = open();
    let session = session(&database);
    let huge = format!("RETURN \"{}\"", "x".repeat(10 << 20));
    let error = session
        .run(&huge, &Value::Null)
        .expect_err("10 MB of query");
    assert_eq!(error.code(), 32, "{error}");
    let deep = format!("RETURN {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let error = session
        .run(&deep, &Value::Null)
        .expect_err("100,000 levels");
    assert_eq!(error.code(), 1524, "{error}");
    for empty in ["", "  ", "// nothing"] {
        assert!(
            [1501, 1502].contains(
                &session
                    .run(empty, &Value::Null)
                    .expect_err("no query")
                    .code()
            )
        );
    }
}

#[test]
fn a_query_ends_at_its_memory_limit_and_at_its_deadline() {
    let database = open();
    let options = QueryOptions {
        memory_bytes: Some(1 << 20),
        ..QueryOptions::default()
    };
    let error = session(&database)
        .run_with(
            "RETURN LENGTH(FOR i IN 1..1000000 RETURN CONCAT('value ', i))",
            &Value::Null,
            &options,
        )
        .map(|answer| answer.rows)
        .or_else(|error| {
            if error.code() == 32 {
                Ok(Vec::new())
            } else {
                Err(error)
            }
        });
    // The optimizer may count without keeping anything, which is within the limit.
    assert!(error.is_ok(), "{error:?}");
    let error = session(&database)
        .run_with(
            "FOR i IN 1..1000000 SORT RAND() RETURN CONCAT('value ', i)",
            &Value::Null,
            &options,
        )
        .expect_err("a million rows in one MiB");
    assert_eq!(error.code(), 32, "{error}");

    let hurried = database.session(RequestOptions {
        timeout: Some(Duration::from_millis(50)),
        ..RequestOptions::default()
    });
    let begin = Instant::now();
    let error = hurried
        .run(
            "FOR a IN 1..100000 FOR b IN 1..100000 FILTER a * b < 0 RETURN 1",
            &Value::Null,
        )
        .expect_err("ten thousand million rows");
    assert_eq!(error.code(), 1500, "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10), "it stopped late");
}

#[test]
fn a_failed_query_leaves_nothing() {
    let database = open();
    let error = session(&database)
        .run(
            "FOR i IN 1..10 INSERT {_key: TO_STRING(i % 7)} INTO c",
            &Value::Null,
        )
        .expect_err("a key twice");
    assert_eq!(error.code(), 1210, "{error}");
    assert_eq!(count(&database), 0);
}

#[test]
fn a_token_that_is_not_reached_is_a_retryable_error() {
    let database = open();
    let elsewhere = open();
    let token = session(&elsewhere)
        .run("INSERT {} INTO c", &Value::Null)
        .expect("a write")
        .token;
    let session = database.session(RequestOptions {
        token: token.clone(),
        timeout: Some(Duration::from_millis(20)),
        ..RequestOptions::default()
    });
    let error = session
        .get("c", "k")
        .expect_err("that replica is unknown here");
    assert_eq!(
        (error.code(), error.retry()),
        (5230, antipode::Retry::Later)
    );
    let session = database.session(RequestOptions {
        token: vec![9, 9, 9],
        ..RequestOptions::default()
    });
    assert_eq!(session.get("c", "k").expect_err("no token").code(), 5232);
}

#[test]
fn waiting_for_a_token_ends_when_it_is_cancelled_and_long_before_a_distant_deadline() {
    let database = open();
    let token = session(&open())
        .run("INSERT {} INTO c", &Value::Null)
        .expect("a write")
        .token;
    let hour = Duration::from_secs(3600);
    let cancel = Cancel::new();
    let (told, ended) = std::sync::mpsc::channel();
    for stopped in [true, false] {
        let session = database.session(RequestOptions {
            token: token.clone(),
            timeout: Some(hour),
            cancel: if stopped {
                cancel.clone()
            } else {
                Cancel::new()
            },
            ..RequestOptions::default()
        });
        let told = told.clone();
        std::thread::spawn(move || told.send(session.get("c", "k").map_err(|error| error.code())));
    }
    cancel.cancel();
    let codes: Vec<u32> = (0..2)
        .map(|_| {
            let read = ended.recv_timeout(Duration::from_secs(120));
            read.expect("it ends by itself")
                .expect_err("that replica is unknown here")
        })
        .collect();
    // The order is that of the clock, which is not this test's matter.
    assert!(codes.contains(&21) && codes.contains(&5230), "{codes:?}");
}

#[test]
fn a_full_disk_stops_writes_and_not_reads_and_is_recovered_from() {
    let storage = MemoryStorage::new();
    let disk = storage.disk();
    let database = Database::start(Arc::new(storage), Options::default()).expect("a database");
    let session = session(&database);
    session
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    let insert = |number: i64| {
        let document = Value::object([
            ("_key", Value::from(number.to_string())),
            ("pad", text(1_000)),
        ]);
        session.insert("c", &document, InsertMode::Conflict)
    };
    insert(0).expect("there is room");
    disk.set_faults(Faults {
        free_bytes: Some(10_000),
        ..Faults::default()
    });
    let mut acked = 1;
    let error = loop {
        match insert(acked) {
            Ok(_) => acked += 1,
            Err(error) => break error,
        }
        assert!(acked < 1_000, "the disk never became full");
    };
    assert!(
        [1104, 1004, 5261].contains(&error.code()),
        "{} {error}",
        error.code()
    );
    let refused = insert(2_000).expect_err("no writes until there is room");
    assert!(
        [1004, 1104].contains(&refused.code()),
        "{} {refused}",
        refused.code()
    );
    let status = database.status().expect("a status").node;
    assert!(status.read_only.is_some(), "the node says so");
    let found = i64::try_from(count(&database)).expect("a count");
    assert!(
        found >= acked,
        "{found} of {acked} acked documents can be read"
    );

    disk.set_faults(Faults::default());
    let until = Instant::now() + Duration::from_secs(30);
    while insert(3_000).is_err() {
        assert!(Instant::now() < until, "the node did not recover");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        database
            .status()
            .expect("a status")
            .node
            .read_only
            .is_none()
    );
    for number in 0..acked {
        let found = session.get("c", &number.to_string()).expect("a read").value;
        assert!(found.is_some(), "acked document {number} is lost");
    }
}
