//! What the committer publishes for sessions: all that reading needs beside a snapshot of the store.
//!
//! Readers never wait for the committer and it never waits for them: each piece is a picture behind a shared pointer,
//! replaced as a whole.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, PoisonError, RwLock};

use antipode_clock::{ReplicaId, VersionVector};
use antipode_replication::Member;
use antipode_store::Storage;
use antipode_store::record::ReplicaTable;

use crate::catalog::Catalog;
use crate::identity::{Identity, Recovered};
use crate::key::KeyMaker;
use crate::session::OpenTransaction;

/// A picture that is replaced as a whole.
#[derive(Debug)]
struct Published<T>(RwLock<Arc<T>>);

impl<T> Published<T> {
    fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    fn get(&self) -> Arc<T> {
        // The lock guards one pointer, which is whole whatever a holder did.
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, value: Arc<T>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// What sessions read beside the store.
pub struct Shared {
    storage: Arc<dyn Storage>,
    identity: Identity,
    catalog: Published<Catalog>,
    numbers: Published<ReplicaTable>,
    members: Published<Vec<Member>>,
    vector: Published<VersionVector>,
    keys: KeyMaker,
    /// Odd while a batch is on its way into the store and not yet in `vector`; see [`Shared::read_between`].
    batches: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        identity: Identity,
        recovered: &Recovered,
    ) -> Self {
        Self {
            storage,
            identity,
            catalog: Published::new(recovered.catalog.clone()),
            numbers: Published::new(recovered.numbers.clone()),
            members: Published::new(recovered.membership.epoch.members().to_vec()),
            vector: Published::new(recovered.vv.clone()),
            keys: KeyMaker::starting_above(recovered.clock_bound),
            batches: AtomicU64::new(0),
        }
    }

    /// The node's store.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Who the node is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The newest catalog.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.get()
    }

    /// The replica numbers of this node's records.
    pub(crate) fn numbers(&self) -> Arc<ReplicaTable> {
        self.numbers.get()
    }

    /// The members of the group.
    #[must_use]
    pub fn members(&self) -> Arc<Vec<Member>> {
        self.members.get()
    }

    /// A document key that no node makes twice.
    pub(crate) fn new_key(&self, now_ms: u64) -> String {
        self.keys.make(self.identity.replica, now_ms)
    }

    /// Reads the newest state without a snapshot, between two batches: what `read` gives, and the vector that covers
    /// exactly what it saw. `None` where a batch was written meanwhile; then a snapshot has to be taken.
    pub(crate) fn read_between<T>(
        &self,
        read: impl FnOnce() -> T,
    ) -> Option<(T, Arc<VersionVector>)> {
        let before = self.batches.load(Ordering::Acquire);
        if before % 2 == 1 {
            return None;
        }
        let vector = self.vector();
        let value = read();
        fence(Ordering::Acquire);
        (self.batches.load(Ordering::Relaxed) == before).then_some((value, vector))
    }

    /// A batch goes into the store now.
    pub(crate) fn batch_begins(&self) {
        self.batches.fetch_add(1, Ordering::AcqRel);
    }

    /// The batch is in the store and all that goes with it is published, or it failed.
    pub(crate) fn batch_ends(&self) {
        self.batches.fetch_add(1, Ordering::AcqRel);
    }

    /// The region of a replica, as far as it is known.
    pub(crate) fn region(&self, replica: ReplicaId) -> Option<String> {
        let members = self.members();
        members
            .iter()
            .find(|member| member.replica == replica)
            .map(|member| member.region.clone())
    }

    /// What every read that begins now sees at least.
    #[must_use]
    pub fn vector(&self) -> Arc<VersionVector> {
        self.vector.get()
    }

    pub(crate) fn publish_catalog(&self, catalog: Arc<Catalog>) {
        self.catalog.set(catalog);
    }

    pub(crate) fn publish_numbers(&self, numbers: Arc<ReplicaTable>) {
        self.numbers.set(numbers);
    }

    pub(crate) fn publish_members(&self, members: Vec<Member>) {
        self.members.set(Arc::new(members));
    }

    pub(crate) fn publish_vector(&self, vector: Arc<VersionVector>) {
        self.vector.set(vector);
    }
}

impl OpenTransaction {
    /// The picture of the catalog that this transaction has: another one means that something in it has changed.
    #[must_use]
    pub fn catalog_picture(&self) -> &Arc<Catalog> {
        &self.catalog
    }
}
