//! Operations on documents of collections that have indexes: what they are held against, before they are part of a batch.
//!
//! A client's operation that takes a value of a unique index which another document has fails, and one that would give a
//! document too many entries too. A peer's operation was made where neither was known; it never fails. If it brings a
//! value that a document here has already, both documents stay, both are found by the index, and the one with the higher
//! stamp is reported as a duplicate of the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use antipode_clock::{Context, Stamp};
use antipode_crdt::{Discard, Document, Operation, Path, Reason};
use antipode_store::record::ReplicaTable;
use antipode_store::{CollectionId, IndexId};
use antipode_value::{Str, Value};

use super::build;
use super::entries::Named;
use super::read::check_count;
use super::registry::{Changed, IndexEntry};
use super::unique::{Slot, stored_holders, violated};
use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::working::{Report, WorkingSet};

/// An operation on its way into a batch.
#[derive(Clone, Copy)]
pub(crate) struct Arriving<'a> {
    pub catalog: &'a Catalog,
    pub numbers: &'a ReplicaTable,
    pub collection: CollectionId,
    pub key: &'a Str,
    pub operation: &'a Operation,
    pub stamp: Stamp,
    pub context: &'a Context,
}

impl Arriving<'_> {
    fn apply<'w>(&self, working: &'w mut WorkingSet) -> Result<&'w Document, EngineError> {
        working.apply(
            self.numbers,
            self.collection,
            self.key,
            self.operation,
            self.stamp,
            self.context,
        )
    }

    fn shown(&self, working: &mut WorkingSet) -> Result<Option<Value>, EngineError> {
        Ok(working
            .document(self.numbers, self.collection, self.key)?
            .show())
    }

    /// The indexes that have a say, and the name of their collection.
    fn guards(&self) -> Option<(Vec<Arc<IndexEntry>>, String)> {
        let has_a_say =
            |index: &&Arc<IndexEntry>| index.definition.unique || index.info().repeats();
        let living = self.catalog.indexes.living(self.collection);
        let guards: Vec<_> = living.filter(has_a_say).cloned().collect();
        if guards.is_empty() {
            return None;
        }
        let name = self.catalog.collection_by_id(self.collection)?.name.clone();
        Some((guards, name))
    }
}

impl WorkingSet {
    /// Applies an operation of a client, unless an index refuses what it makes of the document. The transaction is then to
    /// be taken back.
    pub fn apply_own(&mut self, arriving: Arriving<'_>) -> Result<&Document, EngineError> {
        if let Some((guards, collection)) = arriving.guards() {
            let before = arriving.shown(self)?;
            let after = arriving.apply(self)?.show();
            for index in &guards {
                if let Some(body) = &after {
                    let document = Named {
                        collection: &collection,
                        key: arriving.key,
                        body,
                    };
                    check_count(index, document)?;
                }
                for slot in self.follow_slots(index, &collection, arriving.key, &before, &after) {
                    if let Some(holder) = self.other_holders(&slot, arriving.key)?.first() {
                        return Err(violated(index, holder).into());
                    }
                }
            }
            return self.document(arriving.numbers, arriving.collection, arriving.key);
        }
        arriving.apply(self)
    }

    /// Applies an operation of a peer, and reports values of unique indexes that two documents now have.
    pub fn apply_merged(&mut self, arriving: Arriving<'_>) -> Result<(), EngineError> {
        #[cfg(feature = "planted-bugs")]
        self.changes
            .merged
            .insert((arriving.collection, arriving.key.clone()));
        let guards = arriving.guards();
        let unique = guards.iter().flat_map(|(guards, _)| guards);
        if !unique.into_iter().any(|index| index.definition.unique) {
            arriving.apply(self)?;
            return Ok(());
        }
        let Some((guards, collection)) = guards else {
            return Ok(());
        };
        let before = arriving.shown(self)?;
        let after = arriving.apply(self)?.show();
        for index in guards.iter().filter(|index| index.definition.unique) {
            for slot in self.follow_slots(index, &collection, arriving.key, &before, &after) {
                for holder in self.other_holders(&slot, arriving.key)? {
                    self.report_duplicate(arriving, index, &holder)?;
                }
            }
        }
        Ok(())
    }

    /// Notes what a definition that arrived changes.
    pub fn take_index(&mut self, changed: Changed) {
        if let Some(index) = changed.ended {
            build::end(index, &mut self.changes.batch);
        }
        if let Some(index) = changed.begun {
            build::begin(index, &mut self.changes.batch);
        }
    }

    /// Removes the entries of indexes whose collection is gone.
    pub fn remove_indexes(&mut self, indexes: &[IndexId]) {
        for index in indexes {
            build::remove(*index, &mut self.changes.batch);
        }
    }

    fn follow_slots(
        &mut self,
        index: &IndexEntry,
        collection: &str,
        key: &Str,
        before: &Option<Value>,
        after: &Option<Value>,
    ) -> Vec<Slot> {
        if !index.definition.unique {
            return Vec::new();
        }
        self.changes
            .holders
            .follow(index, (collection, key), before.as_ref(), after.as_ref())
    }

    /// Which other documents hold a slot, as the batch has made it so far.
    fn other_holders(&self, slot: &[u8], key: &Str) -> Result<BTreeSet<Str>, EngineError> {
        let snapshot = self.storage.snapshot();
        let mut holders = stored_holders(&*snapshot, slot, key)?;
        if let Some(below) = &self.below {
            below.holders.apply(slot, &mut holders);
        }
        self.changes.holders.apply(slot, &mut holders);
        holders.remove(key);
        Ok(holders)
    }

    fn report_duplicate(
        &mut self,
        arriving: Arriving<'_>,
        index: &IndexEntry,
        holder: &Str,
    ) -> Result<(), EngineError> {
        let (numbers, collection) = (arriving.numbers, arriving.collection);
        let mut stamp_of = |key: &Str| -> Result<Option<Stamp>, EngineError> {
            let document = self.document(numbers, collection, key)?;
            Ok(document.revision().map(|revision| revision.newest))
        };
        let (Some(arrived), Some(held)) = (stamp_of(arriving.key)?, stamp_of(holder)?) else {
            return Ok(());
        };
        let (lost, winner, loser) = if arrived < held {
            (held, arrived, holder)
        } else {
            (arrived, held, arriving.key)
        };
        let field = index.definition.fields.first();
        let names = field.map(|field| field.path.clone()).unwrap_or_default();
        let shown = self.document(numbers, collection, loser)?.show();
        let value = shown.map(|shown| antipode_query::index::at(&shown, &names));
        self.reports.push(Report {
            collection,
            key: loser.clone(),
            arrived: arriving.stamp,
            discard: Discard {
                path: Path::new(names),
                value,
                reason: Reason::Duplicate,
                lost,
                winner: Some(winner),
            },
        });
        Ok(())
    }
}
