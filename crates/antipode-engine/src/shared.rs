//! What the committer publishes for sessions: all that reading needs beside a snapshot of the store.
//!
//! Readers never wait for the committer and it never waits for them: each piece is a picture behind a shared pointer,
//! replaced as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use antipode_clock::{ReplicaId, VersionVector};
use antipode_replication::Member;
use antipode_store::Storage;
use antipode_store::record::ReplicaTable;

use crate::catalog::Catalog;
use crate::identity::{Identity, Recovered};
use crate::session::KeyMaker;

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

    pub(crate) fn publish_numbers(&self, numbers: ReplicaTable) {
        self.numbers.set(Arc::new(numbers));
    }

    pub(crate) fn publish_members(&self, members: Vec<Member>) {
        self.members.set(Arc::new(members));
    }

    pub(crate) fn publish_vector(&self, vector: &VersionVector) {
        self.vector.set(Arc::new(vector.clone()));
    }
}
