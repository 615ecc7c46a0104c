//! A store in memory, with the disk that it stands on made of glass.
//!
//! [`MemoryStorage`] is used in two ways: as the store of an in-memory database, and, in tests and simulation, as a disk
//! that fails on order. Its state is one persistent ordered map for each space, so a snapshot is a handful of pointers and
//! a write copies only the path to what it changes.
//!
//! A [`MemoryDisk`] outlives the process that opened it, as a directory does. It keeps two images and what lies between:
//!
//! ```text
//!        synced                 unsynced batches, in order            live
//!   ┌───────────────┐   ┌─────┬─────┬─────┬ ─ ─ ─ ─ ─ ─ ─ ─ ┐   ┌────────────┐
//!   │ on the platter│ + │  b1 │  b2 │  b3 │ landed, yet     │ = │ what reads │
//!   │               │   │     │     │     │ reported failed │   │ see        │
//!   └───────────────┘   └─────┴─────┴─────┴ ─ ─ ─ ─ ─ ─ ─ ─ ┘   └────────────┘
//!  process crash: all of them stay          power cut: the first few stay, the next may be torn
//! ```
//!
//! Everything is deterministic: the same calls give the same state and the same failures.

mod image;
mod wal;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use self::image::{Image, ImageCursor};
use self::wal::Frame;
use crate::{
    Batch, Cursor, Direction, Health, KeyRange, Snapshot, Space, Storage, StoreError, Sync, Written,
};

/// A disk in memory. It can be opened by one [`MemoryStorage`] at a time, and clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

/// A node's store in memory: an open [`MemoryDisk`].
pub struct MemoryStorage {
    shared: Arc<Shared>,
    /// Cleared when the process that this handle belongs to is made to crash.
    alive: Arc<AtomicBool>,
}

/// Failures to come, counted from when they are set: 0 is the next call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// Bytes that can still be written before the disk is full.
    pub free_bytes: Option<u64>,
    /// The write that fails with an I/O error.
    pub fail_write: Option<u64>,
    /// The sync that fails with an I/O error, those of writes included.
    pub fail_sync: Option<u64>,
    /// The read (get, or step of a scan) that fails with an I/O error.
    pub fail_read: Option<u64>,
    /// Whether a batch whose write or sync failed is in the store's log all the same, and so appears after a recovery
    /// or a crash. Both happen on real disks.
    pub failed_batch_lands: bool,
}

/// How a process or its machine ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crash {
    /// The process dies, the system lives: every batch written stays.
    Process,
    /// The power goes: synced batches stay, and those after them as far as they happened to reach the disk.
    Power {
        /// How many of the unsynced batches reached the disk whole.
        kept: usize,
        /// How many bytes of the batch after them did, if any. A torn batch fails its checksum when the disk is opened
        /// again and is dropped whole.
        torn_bytes: Option<usize>,
    },
}

/// Space that a batch takes beside its bytes, for [`Faults::free_bytes`].
const BATCH_OVERHEAD_BYTES: u64 = 12;

struct Shared {
    state: RwLock<State>,
    /// Reads until one fails; `u64::MAX` when none is to fail. Outside the lock, as snapshots count too.
    reads_left: AtomicU64,
}

#[derive(Default)]
struct State {
    live: Image,
    synced: Image,
    unsynced: Vec<Frame>,
    faults: Faults,
    failure: Option<Failure>,
    /// The handle that has the disk open.
    opened: Option<Arc<AtomicBool>>,
    /// How often something was brought onto the disk.
    syncs: u64,
    #[cfg(feature = "planted-bugs")]
    accepts_torn_batches: bool,
}

/// Why the store is read-only.
struct Failure {
    error: StoreError,
    /// The batch that failed, if it is in the store's log all the same.
    landed: Option<Frame>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            state: RwLock::default(),
            reads_left: AtomicU64::new(u64::MAX),
        }
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_read(&self, alive: &AtomicBool) -> Result<(), StoreError> {
        if !alive.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        if self.reads_left.load(Ordering::Relaxed) == u64::MAX {
            return Ok(());
        }
        let before = self
            .reads_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
                u64::MAX => None,
                0 => Some(u64::MAX),
                left => Some(left - 1),
            });
        if before == Ok(0) {
            return Err(injected("read", Written::Nothing));
        }
        Ok(())
    }
}

fn injected(doing: &'static str, written: Written) -> StoreError {
    StoreError::Io {
        doing,
        detail: "input/output error (injected)".to_owned(),
        written,
    }
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the disk as a process that starts does. Batches that were written but not synced before a crash of the
    /// process are there, and still not synced.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] while another handle has it open.
    pub fn open(&self) -> Result<MemoryStorage, StoreError> {
        let mut state = self.shared.write();
        if state.opened.is_some() {
            return Err(StoreError::Locked {
                path: PathBuf::from("the disk in memory"),
            });
        }
        state.take_up();
        let alive = Arc::new(AtomicBool::new(true));
        state.opened = Some(Arc::clone(&alive));
        drop(state);
        Ok(MemoryStorage {
            shared: Arc::clone(&self.shared),
            alive,
        })
    }

    /// Ends the process that has the disk open: its handle and its snapshots answer [`StoreError::Closed`] from now on,
    /// and the disk can be opened again.
    pub fn crash(&self, crash: Crash) {
        let mut state = self.shared.write();
        if let Some(alive) = state.opened.take() {
            alive.store(false, Ordering::Release);
        }
        if let Crash::Power { kept, torn_bytes } = crash {
            state.cut_power(kept, torn_bytes);
        }
    }

    /// How many batches a power cut could lose now.
    #[must_use]
    pub fn unsynced_batches(&self) -> usize {
        let state = self.shared.read();
        let landed = state
            .failure
            .as_ref()
            .is_some_and(|failure| failure.landed.is_some());
        state.unsynced.len() + usize::from(landed)
    }

    /// How often something was brought onto the disk.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared.read().syncs
    }

    /// Orders failures, in place of those ordered before.
    pub fn set_faults(&self, faults: Faults) {
        self.shared
            .reads_left
            .store(faults.fail_read.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.shared.write().faults = faults;
    }

    /// What is left of the ordered failures.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let left = self.shared.reads_left.load(Ordering::Relaxed);
        Faults {
            fail_read: (left != u64::MAX).then_some(left),
            ..self.shared.read().faults
        }
    }

    /// Changes the stored bytes under a key behind the store's back, as a failing disk does. Returns whether the key was
    /// there.
    pub fn damage(&self, space: Space, key: &[u8], change: impl Fn(&mut Vec<u8>)) -> bool {
        let mut state = self.shared.write();
        let live = state.live.damage(space, key, &change);
        let synced = state.synced.damage(space, key, &change);
        live || synced
    }

    /// Makes recovery take up what it can read of a torn batch, in place of dropping it: a bug for harnesses to find.
    #[cfg(feature = "planted-bugs")]
    pub fn accept_torn_batches(&self, accept: bool) {
        self.shared.write().accepts_torn_batches = accept;
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.read();
        f.debug_struct("MemoryDisk")
            .field("live", &state.live)
            .field("unsynced_batches", &state.unsynced.len())
            .field("open", &state.opened.is_some())
            .finish_non_exhaustive()
    }
}

impl State {
    /// What opening does with what it finds: a failed batch that landed is applied.
    fn take_up(&mut self) {
        if let Some(frame) = self.failure.take().and_then(|failure| failure.landed) {
            self.live.apply(&frame);
            self.unsynced.push(frame);
        }
    }

    fn cut_power(&mut self, kept: usize, torn_bytes: Option<usize>) {
        self.take_up();
        let mut image = std::mem::take(&mut self.synced);
        let unsynced = std::mem::take(&mut self.unsynced);
        for frame in unsynced.iter().take(kept) {
            image.apply(frame);
        }
        if let (Some(frame), Some(torn_bytes)) = (unsynced.get(kept), torn_bytes) {
            let mut written = frame.encode();
            // A tear leaves at least one byte out, or the batch would be whole.
            written.truncate(torn_bytes.min(written.len().saturating_sub(1)));
            if let Some(read_back) = self.read_back(&written) {
                image.apply(&read_back);
            }
        }
        self.live = image.clone();
        self.synced = image;
    }

    fn read_back(&self, written: &[u8]) -> Option<Frame> {
        #[cfg(feature = "planted-bugs")]
        if self.accepts_torn_batches {
            return Some(Frame::decode_whatever_is_there(written));
        }
        Frame::decode(written)
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => Err(StoreError::ReadOnly {
                cause: failure.error.to_string(),
            }),
        }
    }

    fn write(&mut self, batch: Batch, sync: Sync) -> Result<(), StoreError> {
        self.check_writable()?;
        if !batch.is_empty() {
            self.append(Frame::new(batch), sync)?;
        }
        match sync {
            Sync::No => Ok(()),
            Sync::Yes => self.sync(),
        }
    }

    /// Logs and applies a batch, unless it or the sync that is to follow fails: then nobody sees it.
    fn append(&mut self, frame: Frame, sync: Sync) -> Result<(), StoreError> {
        let cost = frame.byte_len() as u64 + BATCH_OVERHEAD_BYTES;
        if let Some(free) = &mut self.faults.free_bytes {
            if cost > *free {
                return self.fail(
                    StoreError::Full {
                        doing: "write",
                        detail: "no space left on the disk in memory".to_owned(),
                        written: Written::Nothing,
                    },
                    None,
                );
            }
            *free -= cost;
        }
        let doing = if is_due(&mut self.faults.fail_write) {
            Some("write")
        } else if sync == Sync::Yes && self.faults.fail_sync == Some(0) {
            self.faults.fail_sync = None;
            Some("sync")
        } else {
            None
        };
        if let Some(doing) = doing {
            let landed = self.faults.failed_batch_lands.then_some(frame);
            return self.fail(injected(doing, Written::Unknown), landed);
        }
        self.live.apply(&frame);
        self.unsynced.push(frame);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.check_writable()?;
        if is_due(&mut self.faults.fail_sync) {
            return self.fail(injected("sync", Written::Unknown), None);
        }
        self.syncs += 1;
        if !self.unsynced.is_empty() {
            self.unsynced.clear();
            self.synced = self.live.clone();
        }
        Ok(())
    }

    fn fail(&mut self, error: StoreError, landed: Option<Frame>) -> Result<(), StoreError> {
        self.failure = Some(Failure {
            error: error.clone(),
            landed,
        });
        Err(error)
    }

    fn recover(&mut self) -> Result<(), StoreError> {
        let Some(failure) = &self.failure else {
            return Ok(());
        };
        if matches!(failure.error, StoreError::Full { .. }) && self.faults.free_bytes == Some(0) {
            return Err(failure.error.clone());
        }
        if is_due(&mut self.faults.fail_sync) {
            return Err(injected("sync", Written::Unknown));
        }
        self.take_up();
        self.unsynced.clear();
        self.synced = self.live.clone();
        self.syncs += 1;
        Ok(())
    }
}

/// Counts a call down; true when it is the one to fail.
fn is_due(counter: &mut Option<u64>) -> bool {
    match counter {
        None => false,
        Some(0) => {
            *counter = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStorage {
    /// A store on an empty disk of its own.
    #[must_use]
    pub fn new() -> Self {
        let alive = Arc::new(AtomicBool::new(true));
        let state = State {
            opened: Some(Arc::clone(&alive)),
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                state: RwLock::new(state),
                ..Shared::default()
            }),
            alive,
        }
    }

    /// The disk that it stands on.
    #[must_use]
    pub fn disk(&self) -> MemoryDisk {
        MemoryDisk {
            shared: Arc::clone(&self.shared),
        }
    }

    fn check_alive(&self) -> Result<(), StoreError> {
        if self.alive.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(StoreError::Closed)
        }
    }
}

impl Drop for MemoryStorage {
    fn drop(&mut self) {
        let mut state = self.shared.write();
        if state
            .opened
            .as_ref()
            .is_some_and(|alive| Arc::ptr_eq(alive, &self.alive))
        {
            state.opened = None;
        }
    }
}

impl Storage for MemoryStorage {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(MemorySnapshot {
            image: self.shared.read().live.clone(),
            shared: Arc::clone(&self.shared),
            alive: Arc::clone(&self.alive),
        })
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.count_read(&self.alive)?;
        Ok(self.shared.read().live.get(space, key))
    }

    fn write(&self, batch: Batch, sync: Sync) -> Result<(), StoreError> {
        self.check_alive()?;
        self.shared.write().write(batch, sync)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.check_alive()?;
        self.shared.write().sync()
    }

    fn health(&self) -> Health {
        match &self.shared.read().failure {
            None => Health::Ready,
            Some(failure) => Health::ReadOnly {
                cause: failure.error.to_string(),
                code: failure.error.code(),
            },
        }
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.check_alive()?;
        self.shared.write().recover()
    }
}

struct MemorySnapshot {
    image: Image,
    shared: Arc<Shared>,
    alive: Arc<AtomicBool>,
}

impl Snapshot for MemorySnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.count_read(&self.alive)?;
        Ok(self.image.get(space, key))
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        Box::new(MemoryCursor {
            cursor: self.image.scan(space, range, direction),
            snapshot: self,
        })
    }
}

struct MemoryCursor<'a> {
    cursor: ImageCursor<'a>,
    snapshot: &'a MemorySnapshot,
}

impl Cursor for MemoryCursor<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, StoreError> {
        self.snapshot.shared.count_read(&self.snapshot.alive)?;
        Ok(self.cursor.next())
    }

    fn seek(&mut self, key: &[u8]) {
        self.cursor.seek(key);
    }
}
