//! The store on RocksDB passes the suite of the storage trait.

use antipode_rocksdb::{Options, RocksStorage};
use antipode_store::Storage;
use antipode_store::suite::TestStore;
use tempfile::TempDir;

struct Fixture {
    directory: TempDir,
    storage: Option<RocksStorage>,
}

impl Fixture {
    fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut fixture = Self {
            directory,
            storage: None,
        };
        fixture.reopen();
        fixture
    }
}

impl TestStore for Fixture {
    fn storage(&self) -> &dyn Storage {
        self.storage.as_ref().expect("the store is open")
    }

    fn reopen(&mut self) {
        drop(self.storage.take());
        let opened = RocksStorage::open(self.directory.path(), Options::default());
        self.storage = Some(opened.expect("the store opens"));
    }
}

antipode_store::conformance_tests!(|| Box::new(Fixture::new()) as Box<dyn TestStore>);
