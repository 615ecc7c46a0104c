//! The storage trait on RocksDB.
//!
//! Each [`Space`] is a column family, each batch one write to RocksDB's write-ahead log, so a batch is atomic over all
//! spaces. Snapshots and cursors are RocksDB's own; [`database`] makes them owners of what they point into, without
//! unsafe code here.
//!
//! **After a failed write or sync** the store is read-only until [`Storage::recover`], which closes the database and opens
//! it again: RocksDB itself gives up for good after most errors of its log, and a sync that failed once proves nothing
//! when it succeeds later. Opening replays the log and brings what it finds onto the disk.
//!
//! **Which torn logs are accepted.** A log may end in the middle of a record, as a crash leaves it; that record was never
//! acknowledged as durable. Damage anywhere else fails the open ([`StoreError::CorruptFiles`]): dropping what comes after
//! it would lose acknowledged writes in silence.
#![warn(missing_docs)]

mod database;
mod error;
mod options;
mod snapshot;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use antipode_store::{
    Batch, BatchOperation, Health, Snapshot, Space, Storage, StoreError, Sync, Written,
};
use bytes::Bytes;
use rocksdb::{WriteBatch, WriteOptions};

use crate::database::Database;
use crate::error::{convert, convert_file, write_may_land};
pub use crate::options::Options;
use crate::snapshot::RocksSnapshot;

/// A node's store on its disk.
pub struct RocksStorage {
    path: PathBuf,
    options: Options,
    /// The open database; none after a recovery that could not even open it for reading.
    database: RwLock<Option<Arc<Database>>>,
    /// Why no writes are taken, if none are. Locked after `database` where both are.
    failure: Mutex<Option<StoreError>>,
    synced: WriteOptions,
    unsynced: WriteOptions,
}

/// What the database takes of memory and disk at the moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Bytes in the block cache.
    pub cache_bytes: u64,
    /// Bytes in write buffers.
    pub write_buffer_bytes: u64,
    /// Bytes of indexes and filters held outside the cache.
    pub table_reader_bytes: u64,
    /// Bytes of live table files.
    pub table_bytes: u64,
}

/// What must fit on the disk before a recovery closes the database: enough for the small files that an open writes. If
/// it fits and the open fails all the same, the store goes on for reading.
const PROBE_BYTES: usize = 256 << 10;
const PROBE_NAME: &str = "space-probe.tmp";

/// How long a recovery lets new readers wait for the end of those before them.
const DRAIN: Duration = Duration::from_millis(50);

impl RocksStorage {
    /// Opens the store in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if another process (or another handle of this one) has it open,
    /// [`StoreError::CorruptFiles`] if files are damaged, [`StoreError::Unusable`] if it is no directory or was written
    /// by a newer version, [`StoreError::Full`] and [`StoreError::Io`] as the system reports them.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        fs::create_dir_all(&path).map_err(|error| StoreError::Unusable {
            path: path.clone(),
            detail: error.to_string(),
        })?;
        let database = Database::open(&path, &options)?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self {
            path,
            options,
            database: RwLock::new(Some(Arc::new(database))),
            failure: Mutex::new(None),
            synced,
            unsynced: WriteOptions::default(),
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a consistent copy of the store, as of now, into a directory that must not exist yet. On the same file
    /// system it shares the table files, so it costs little time and space.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        self.open_database()?.checkpoint(path.as_ref())
    }

    /// What the database takes of memory and disk.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        Ok(self.open_database()?.usage())
    }

    fn open_database(&self) -> Result<Arc<Database>, StoreError> {
        self.database()
            .as_ref()
            .map(Arc::clone)
            .ok_or(StoreError::Closed)
    }

    fn database(&self) -> RwLockReadGuard<'_, Option<Arc<Database>>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write or sync unless an earlier one failed, and remembers it if it fails itself. The lock on `failure` is
    /// not held meanwhile: a sync takes milliseconds, and the next batch is written beside it.
    fn guarded(
        &self,
        run: impl FnOnce(&Database) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let database = self.database();
        if let Some(error) = self.failure().as_ref() {
            return Err(StoreError::ReadOnly {
                cause: error.to_string(),
            });
        }
        let Some(database) = database.as_ref() else {
            return Err(StoreError::Closed);
        };
        let result = run(database);
        if let Err(error) = &result {
            // The first failure is the cause of those that follow.
            self.failure().get_or_insert_with(|| error.clone());
        }
        result
    }

    fn failure(&self) -> MutexGuard<'_, Option<StoreError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a file can be written, synced and removed again.
    fn probe_disk(&self) -> Result<(), StoreError> {
        let path = self.path.join(PROBE_NAME);
        let probe = || -> std::io::Result<()> {
            let mut file = fs::File::create(&path)?;
            file.write_all(&vec![0x5a; PROBE_BYTES])?;
            file.sync_all()
        };
        let written = probe();
        let removed = fs::remove_file(&path);
        written
            .and(removed)
            .map_err(|error| convert_file("write a probe", &error))
    }

    /// Closes the database and opens it again, and takes writes if that succeeds. No snapshot may be open meanwhile; new ones
    /// wait a moment, so that where reads are short and many there is an instant without any.
    fn reopen(&self) -> Result<(), StoreError> {
        let mut slot = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + DRAIN;
        loop {
            let open_readers = slot
                .as_ref()
                .map_or(0, |database| Arc::strong_count(database) - 1);
            if open_readers == 0 {
                break;
            }
            if Instant::now() >= until {
                return Err(StoreError::Busy {
                    doing: "recover the store",
                    detail: format!("{open_readers} readers still use it"),
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Closing gives up the lock on the directory, so it must come before opening.
        *slot = None;
        match Database::open(&self.path, &self.options) {
            Ok(database) => {
                *slot = Some(Arc::new(database));
                *self.failure() = None;
                Ok(())
            }
            Err(error) => {
                *slot = Database::open_read_only(&self.path, &self.options)
                    .ok()
                    .map(Arc::new);
                Err(error)
            }
        }
    }
}

impl Storage for RocksStorage {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        match self.open_database() {
            Ok(database) => Box::new(RocksSnapshot::new(database)),
            Err(_) => Box::new(snapshot::ClosedSnapshot),
        }
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.database().as_ref() {
            Some(database) => database.get(space, key),
            None => Err(StoreError::Closed),
        }
    }

    fn write(&self, batch: Batch, sync: Sync) -> Result<(), StoreError> {
        if batch.is_empty() {
            return match sync {
                Sync::Yes => self.sync(),
                Sync::No => self.guarded(|_| Ok(())),
            };
        }
        let options = match sync {
            Sync::Yes => &self.synced,
            Sync::No => &self.unsynced,
        };
        self.guarded(|database| {
            let mut changes = WriteBatch::with_capacity_bytes(batch.byte_len() + 16 * batch.len());
            for (space, operation) in batch.iter() {
                let family = database.family(space);
                match operation {
                    BatchOperation::Put { key, value } => changes.put_cf(family, key, value),
                    BatchOperation::Delete { key } => changes.delete_cf(family, key),
                    BatchOperation::DeleteRange { start, end } => {
                        changes.delete_range_cf(family, start, end);
                    }
                }
            }
            database
                .db()
                .write_opt(changes, options)
                .map_err(|error| convert("write", &error, write_may_land(&error)))
        })
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.guarded(|database| {
            database
                .db()
                .flush_wal(true)
                .map_err(|error| convert("sync", &error, Written::Unknown))
        })
    }

    fn health(&self) -> Health {
        match self.failure().as_ref() {
            None => Health::Ready,
            Some(error) => Health::ReadOnly {
                cause: error.to_string(),
                code: error.code(),
            },
        }
    }

    fn recover(&self) -> Result<(), StoreError> {
        if self.failure().is_none() {
            return Ok(());
        }
        self.probe_disk()?;
        self.reopen()
    }
}
