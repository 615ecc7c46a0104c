//! Panics at the work of the node: whoever waits is told, nobody hangs, and the database can still be dropped.

mod fragile;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use antipode::{
    CollectionKind, Database, Deletes, Durability, Error, InsertMode, Options, RequestOptions,
    Value,
};
use fragile::Fragile;

/// A database with a collection `c`.
fn open(storage: Arc<Fragile>) -> Database {
    let database = Database::start(storage, Options::default()).expect("a new database");
    database
        .session(RequestOptions::default())
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    database
}

fn write(database: &Database, durability: Durability) -> Result<(), Error> {
    let options = RequestOptions {
        durability: Some(durability),
        ..RequestOptions::default()
    };
    let document = Value::object([("n", Value::Int(1))]);
    let session = database.session(options);
    let inserted = session.insert("c", &document, InsertMode::Conflict);
    inserted.map(|_| ())
}

fn code(result: Result<(), Error>) -> u32 {
    result.expect_err("nothing can be written").code()
}

#[test]
fn a_panic_under_a_write_hangs_nobody() {
    let storage = Fragile::new();
    let database = open(storage.clone());
    storage.breaks.store(true, Ordering::SeqCst);
    // Whoever lets the batch land panics, and that is its client or the clock. If it is the clock, then the client is told
    // that nothing is known.
    let other = database.clone();
    let lander = std::thread::spawn(move || write(&other, Durability::Memory));
    if let Ok(told) = lander.join() {
        assert_eq!(code(told), 5261);
    }
    // Later writes are not even begun.
    assert_eq!(code(write(&database, Durability::Memory)), 30);
    assert_eq!(database.status().expect_err("it has stopped").code(), 30);
    drop(database);
}

#[test]
fn a_panic_under_a_sync_hangs_nobody() {
    let storage = Fragile::new();
    let database = open(storage.clone());
    storage.breaks_sync.store(true, Ordering::SeqCst);
    assert_eq!(code(write(&database, Durability::Disk)), 5261);
    assert_eq!(code(write(&database, Durability::Disk)), 30);
    drop(database);
}

#[test]
fn a_write_in_a_destructor_is_a_write_like_others() {
    struct Farewell(Database);
    impl Drop for Farewell {
        fn drop(&mut self) {
            write(&self.0, Durability::Memory).expect("it is written");
        }
    }
    let database = open(Fragile::new());
    let farewell = Farewell(database.clone());
    let panicked = std::thread::spawn(move || {
        let _farewell = farewell;
        panic!("the application is to panic")
    });
    assert!(panicked.join().is_err());
    write(&database, Durability::Disk).expect("the node lives");
    let session = database.session(RequestOptions::default());
    let count = session.run("RETURN LENGTH(c)", &Value::Null);
    assert_eq!(count.expect("a read").rows, [Value::Int(2)]);
}

#[test]
fn listeners_may_panic_and_ask() {
    let database = open(Fragile::new());
    let (calls, asked) = (Arc::new(AtomicUsize::new(0)), database.clone());
    let counted = calls.clone();
    database.on_change(|| panic!("the listener is to panic"));
    database.on_change(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        assert!(asked.status().is_ok());
    });
    for _ in 0..10 {
        write(&database, Durability::Disk).expect("it is written");
    }
    // Several writes of others may be one change, but one's own is there when it is answered and told soon after.
    while calls.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert!(database.status().is_ok());
}
