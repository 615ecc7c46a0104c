//! A store in memory that panics where it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use antipode_store::{
    Batch, Health, MemoryDisk, MemoryStorage, Snapshot, Space, Storage, StoreError, Sync,
};
use bytes::Bytes;

pub struct Fragile {
    inner: MemoryStorage,
    /// Writes panic.
    pub breaks: AtomicBool,
    /// Syncs panic.
    pub breaks_sync: AtomicBool,
}

impl Fragile {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryDisk::new().open().expect("an empty disk opens"),
            breaks: AtomicBool::new(false),
            breaks_sync: AtomicBool::new(false),
        })
    }
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
        let breaks = self.breaks_sync.load(Ordering::SeqCst);
        assert!(!breaks, "the store is to panic");
        self.inner.sync()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.inner.recover()
    }
}
