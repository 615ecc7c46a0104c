//! The target of the fuzzer for meaning, planning and running: any bytes as a query on a small database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use antipode_query::{
    Cancel, Code, CollectionKind, CompileOptions, Environment, IndexKind, Limits, QueryError,
    compile, execute,
};
use antipode_value::Value;

use super::memory::Database;

/// A database with a little of everything.
pub fn small_database() -> Database {
    let mut database = Database::new();
    for name in ["c", "d", "orders", "users"] {
        database.create_collection(name, CollectionKind::Document);
        for key in 0..4 {
            let json = format!(
                "{{\"_key\": \"k{key}\", \"a\": {key}, \"b\": [{key}, \"x\"], \"n\": {key}, \"o\": {{\"x\": null}}, \"t\": \"red fox\", \"p\": [{key}, 1]}}"
            );
            database.put(name, &Value::from_json(&json).expect("JSON"));
        }
    }
    database.create_collection("e", CollectionKind::Edge);
    for (key, (from, to)) in [(0, 1), (1, 2), (2, 0), (1, 1), (2, 9)].iter().enumerate() {
        let json = format!(
            "{{\"_key\": \"e{key}\", \"_from\": \"c/k{from}\", \"_to\": \"c/k{to}\", \"w\": {key}}}"
        );
        database.put("e", &Value::from_json(&json).expect("JSON"));
    }
    database.create_graph("g", vec!["e".into()]);
    database.create_stream("s");
    let words = IndexKind::Fulltext { min_length: 2 };
    let places = IndexKind::Geo { geo_json: true };
    database.create_index(
        "c",
        IndexKind::Persistent,
        &["a", "n"],
        false,
        false,
        &["b"],
    );
    database.create_index("c", IndexKind::Persistent, &["b[*]"], false, true, &[]);
    database.create_index("c", IndexKind::Persistent, &["n"], true, true, &[]);
    database.create_index("c", words, &["t"], false, false, &[]);
    database.create_index("c", places, &["p"], false, false, &[]);
    database
}

/// What an execution may use. The clock moves on at every look, so that the deadline is the same on every machine.
fn limits() -> (Limits, Cancel) {
    let looks = AtomicU64::new(0);
    let clock = Arc::new(move || looks.fetch_add(1, Ordering::Relaxed));
    let limits = Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    };
    (limits, Cancel::with_deadline(300, clock))
}

/// Any bytes end in rows or in an error with a code that is not ours to be ashamed of, and so do the texts of the plan.
/// Whether it came as far as a plan.
pub fn execute_anything(database: &Database, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let transaction = database.begin();
    let options = CompileOptions::default();
    let plan = match compile(text, &Value::Null, &transaction, &options) {
        Ok(plan) => plan,
        Err(error) => match bound(text, &error) {
            // A query with parameters is worth a second look with values for them.
            Some(binds) => match compile(text, &binds, &transaction, &options) {
                Ok(plan) => plan,
                Err(error) => return !fine(&error),
            },
            None => return !fine(&error),
        },
    };
    plan.explain_text();
    plan.explain_json();
    let environment = Environment::default();
    let (limits, cancel) = limits();
    let mut rows = match execute(&plan, &transaction, &environment, limits, cancel) {
        Ok(rows) => rows,
        Err(error) => return fine(&error),
    };
    for _ in 0..50 {
        match rows.next_batch(100) {
            Ok(Some(batch)) => {
                for value in batch.iter().take(20) {
                    assert_eq!(&value.clone(), value);
                    if value.memory_bytes() < 100_000 {
                        value.to_json();
                    }
                }
            }
            Ok(None) => break,
            Err(error) => return fine(&error),
        }
    }
    rows.extra();
    true
}

/// An error may be any but one that says that it cannot be.
fn fine(error: &QueryError) -> bool {
    assert_ne!(error.code(), Code::Internal as u32, "{error}");
    assert!(!error.to_string().is_empty());
    true
}

/// Values for the parameters of a query that has some.
fn bound(text: &str, error: &QueryError) -> Option<Value> {
    if error.code() != 1551 {
        return None;
    }
    let query = antipode_c8ql::parse(text).ok()?;
    let pairs = query.bind_parameters().into_keys().map(|name| {
        let value = match name.starts_with('@') {
            true => Value::from("c"),
            false => Value::from(text.len() as i64 % 7),
        };
        (name, value)
    });
    Some(Value::object(pairs.collect::<Vec<_>>()))
}
