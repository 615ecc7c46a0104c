//! A batch on its way: open, in flight, landed.
//!
//! Writing to the store takes as long as all else that a commit needs. So the two go side by side: while one batch is
//! written ([`Flight::land`], on whatever thread the driver likes), the node prepares the transactions of the next one
//! ([`OpenBatch`]), on top of what the flight will have made. One flight is under way at a time, so batches reach the
//! store in the order in which their transactions got their numbers.
//!
//! ```text
//!   requests, deliveries ──▶ OpenBatch ──launch──▶ Flight ──land──▶ Landing ──▶ replies, replication
//!                            fills while the one before it flies
//! ```
//!
//! Nothing of a batch is told to anybody before it has landed. If a landing fails, so does the batch that was being
//! prepared on top of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use antipode_clock::VersionVector;
use antipode_replication::{Record, Refused};
use antipode_store::keyspace::{GroupKey, MetaKey};
use antipode_store::record::{Count, GroupState, Record as _, ReplicaTable};
use antipode_store::{Batch, CollectionId, Space, Storage, Sync};

use crate::catalog::Catalog;
use crate::changes::Changes;
use crate::committer::group_key;
use crate::error::EngineError;
#[cfg(feature = "planted-bugs")]
use crate::planted::bug;
use crate::request::{Committed, Durability, RequestId};
use crate::shared::Shared;
use crate::working::WorkingSet;

/// A client's transaction in a batch, and what to tell the client once the batch has landed.
pub(crate) struct Client {
    pub request: RequestId,
    pub durability: Durability,
    pub reply: Result<Committed, EngineError>,
}

/// What is done when a batch has landed, beside the writing itself.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub clients: Vec<Client>,
    /// Log records of this replica's own new transactions.
    pub records: Vec<Record>,
    /// Whether records of peers were handed over.
    pub delivered: bool,
    /// Those of them that could not be applied.
    pub refused: Vec<Refused>,
}

/// A batch that is being filled.
pub(crate) struct OpenBatch {
    pub working: WorkingSet,
    /// The log records.
    pub log: Batch,
    pub aftermath: Aftermath,
    pub catalog_changed: bool,
}

/// Digest and counts of what is in the store.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub digest: u128,
    pub counts: BTreeMap<CollectionId, u64>,
    /// The collections whose counts stand in the group's state, the one that has been there longest first.
    pub recent: VecDeque<CollectionId>,
}

impl Ledger {
    fn count(&mut self, collection: CollectionId, change: i64, batch: &mut Batch) {
        let count = self.counts.entry(collection).or_default();
        *count = count.saturating_add_signed(change);
        if self.recent.contains(&collection) {
            return;
        }
        self.recent.push_back(collection);
        if self.recent.len() > GroupState::COUNTS_MAX
            && let Some(oldest) = self.recent.pop_front()
        {
            let count = self.counts.get(&oldest).copied().unwrap_or_default();
            let key = MetaKey::DocumentCount(oldest).encode();
            batch.put(Space::Meta, &key, &Count(count).seal());
        }
    }

    fn state(&self, vv: &Arc<VersionVector>) -> GroupState {
        let count = |id: &CollectionId| (*id, self.counts.get(id).copied().unwrap_or_default());
        GroupState {
            vv: vv.clone(),
            digest: self.digest,
            counts: self.recent.iter().map(count).collect(),
        }
    }
}

/// A batch that is ready to be written: [`Flight::land`] does it, and may run on any thread.
pub struct Flight {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) batch: Batch,
    pub(crate) numbers: Arc<ReplicaTable>,
    /// Whether `numbers` holds some that readers do not know yet.
    pub(crate) numbers_are_new: bool,
    pub(crate) catalog: Arc<Catalog>,
    /// Whether `catalog` is another one than readers have.
    pub(crate) catalog_is_new: bool,
    pub(crate) ledger: Ledger,
    /// What is applied once this has landed.
    pub(crate) vv: Arc<VersionVector>,
}

impl fmt::Debug for Flight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Flight")
            .field("vv", &self.vv)
            .finish_non_exhaustive()
    }
}

/// How a [`Flight`] ended; to be handed to the node as it is.
#[derive(Debug)]
pub struct Landing(pub(crate) Result<Ledger, EngineError>);

impl Flight {
    /// Writes the batch and publishes what goes with it. When this returns, readers see it, and it survives a crash of the
    /// process; it is not synced.
    #[must_use]
    pub fn land(self) -> Landing {
        Landing(self.write())
    }

    fn write(self) -> Result<Ledger, EngineError> {
        let Self {
            mut batch,
            mut ledger,
            ..
        } = self;
        let totals = self
            .changes
            .finish(&self.numbers, &self.catalog, &mut batch)?;
        ledger.digest = ledger.digest.wrapping_add(totals.digest);
        for (collection, change) in totals.counts {
            ledger.count(collection, change, &mut batch);
        }
        batch.put(
            Space::Meta,
            &group_key(GroupKey::State),
            &ledger.state(&self.vv).seal(),
        );
        // Before a record that uses them can be read.
        if self.numbers_are_new {
            self.shared.publish_numbers(self.numbers);
        }
        self.shared.batch_begins();
        let written = write(&*self.storage, batch);
        if written.is_ok() {
            if self.catalog_is_new {
                self.shared.publish_catalog(self.catalog);
            }
            self.shared.publish_vector(self.vv);
        }
        self.shared.batch_ends();
        written.map(|()| ledger)
    }
}

fn write(storage: &dyn Storage, batch: Batch) -> Result<(), EngineError> {
    #[cfg(feature = "planted-bugs")]
    if bug!(IndexOutsideBatch) {
        for part in crate::planted::split_index(&batch) {
            storage.write(part, Sync::No)?;
        }
        return Ok(());
    }
    storage.write(batch, Sync::No)?;
    Ok(())
}
