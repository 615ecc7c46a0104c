//! A store that panics under a write: the client is told, and the database can still be dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use antipode::{CollectionKind, Database, Deletes, InsertMode, Options, RequestOptions, Value};
use antipode_store::{
    Batch, Health, MemoryDisk, MemoryStorage, Snapshot, Space, Storage, StoreError, Sync,
};
use bytes::Bytes;

struct Fragile {
    inner: MemoryStorage,
    breaks: AtomicBool,
}

impl Storage for Fragile {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(space, key)
    }

    fn write(&self, batch: Batch, sync: Sync) -> Result<(), StoreError> {
        assert!(!self.breaks.load(Ordering::SeqCst), "the store is to panic");
        self.inner.write(batch, sync)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.inner.sync()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.inner.recover()
    }
}

#[test]
fn a_panic_under_a_write_hangs_nobody() {
    let disk = MemoryDisk::new();
    let storage = Arc::new(Fragile {
        inner: disk.open().expect("an empty disk opens"),
        breaks: AtomicBool::new(false),
    });
    let database = Database::start(storage.clone(), Options::default()).expect("a new database");
    let session = database.session(RequestOptions::default());
    session
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    storage.breaks.store(true, Ordering::SeqCst);
    let write = |session: &antipode::Session| {
        session.insert(
            "c",
            &Value::object([("n", Value::Int(1))]),
            InsertMode::Conflict,
        )
    };
    // Whoever lets the batch land panics, and that is its client or the clock; whoever else waits is told that nothing is
    // known.
    let other = database.session(RequestOptions::default());
    let lander = std::thread::spawn(move || write(&other).map(|_| ()));
    for told in [lander.join().ok(), Some(write(&session).map(|_| ()))] {
        let Some(told) = told else { continue };
        let error = told.expect_err("nothing can be written");
        assert_eq!(error.code(), 5261, "{error}");
    }
    drop((session, database));
}
