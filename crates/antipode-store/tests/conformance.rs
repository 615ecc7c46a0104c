//! The memory store passes the suite of the storage trait.

use antipode_store::memory::Crash;
use antipode_store::suite::TestStore;
use antipode_store::{MemoryDisk, MemoryStorage, Storage};

struct Fixture {
    disk: MemoryDisk,
    storage: MemoryStorage,
}

impl Fixture {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        Self {
            disk: storage.disk(),
            storage,
        }
    }
}

impl TestStore for Fixture {
    fn storage(&self) -> &dyn Storage {
        &self.storage
    }

    fn reopen(&mut self) {
        self.disk.crash(Crash::Process);
        self.storage = self.disk.open().expect("a crashed disk can be opened");
    }
}

antipode_store::conformance_tests!(|| Box::new(Fixture::new()) as Box<dyn TestStore>);
