//! Holds indexes against their documents: each document that the build has passed has exactly its entries, and no entry
//! is there for nothing.
//!
//! It reads one snapshot and changes nothing, so it can run while the node works, as often as one likes. What it finds is a bug
//! or damage; an index that is dropped and made again is right.

use std::fmt;
use std::sync::Arc;

use antipode_query::index::IndexKind;
use antipode_store::keyspace::{DocumentKey, IndexKey, MetaKey};
use antipode_store::record::{IndexPhase, IndexRow, IndexState, Record as _, ReplicaTable};
use antipode_store::{CollectionId, Direction, Snapshot, Space, StoreError};
use bytes::Bytes;

use super::entries::{Named, rows, space};
use super::registry::IndexEntry;
use crate::catalog::{Catalog, CollectionEntry};
use crate::error::EngineError;
use crate::session::OpenTransaction;
use crate::stored;

/// Differences that a report shows; the others are counted.
const FAULTS_MAX: usize = 100;

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrong {
    /// The document has no entry where it should have one.
    Missing,
    /// The entry does not hold what it should.
    Different,
    /// The document, if there is one, has no such entry.
    Extra,
}

/// A difference between an index and a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexFault {
    /// The collection.
    pub collection: String,
    /// The index.
    pub index: String,
    /// The document's key.
    pub key: String,
    /// What is wrong.
    pub wrong: Wrong,
}

impl fmt::Display for IndexFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = match self.wrong {
            Wrong::Missing => "has no entry",
            Wrong::Different => "has an entry that holds something else",
            Wrong::Extra => "has an entry that is not its own",
        };
        let Self {
            collection,
            index,
            key,
            ..
        } = self;
        write!(
            f,
            "index '{index}' of '{collection}': document '{key}' {wrong}"
        )
    }
}

/// What a check came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IndexCheck {
    /// Indexes that were checked; those that are being built as far as they are.
    pub indexes: u64,
    /// Documents that were held against them, once for each index.
    pub documents: u64,
    /// Entries that were looked at.
    pub entries: u64,
    /// How many differences there are.
    pub faults_total: u64,
    /// The first of them.
    pub faults: Vec<IndexFault>,
}

impl IndexCheck {
    fn note(
        &mut self,
        (collection, index): (&CollectionEntry, &IndexEntry),
        key: &str,
        wrong: Wrong,
    ) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(IndexFault {
                collection: collection.name.clone(),
                index: index.name.clone(),
                key: key.to_owned(),
                wrong,
            });
        }
    }
}

/// A snapshot, and how to read it.
pub struct Checked<'a> {
    /// The snapshot.
    pub snapshot: &'a dyn Snapshot,
    /// The replica numbers of its documents.
    pub numbers: &'a ReplicaTable,
}

impl Checked<'_> {
    /// Checks all indexes of `catalog`, or those of one collection.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn indexes(
        &self,
        catalog: &Catalog,
        only: Option<CollectionId>,
    ) -> Result<IndexCheck, StoreError> {
        let mut check = IndexCheck::default();
        let indexes = catalog.indexes.all().filter(|index| {
            index.phase != IndexPhase::Dropping && only.is_none_or(|only| only == index.collection)
        });
        for index in indexes {
            if let Some(collection) = catalog.collection_by_id(index.collection) {
                check.indexes += 1;
                self.documents(collection, index, &mut check)?;
                self.entries(collection, index, &mut check)?;
            }
        }
        Ok(check)
    }

    /// Whether each document that the build has passed has its entries.
    fn documents(
        &self,
        collection: &CollectionEntry,
        index: &Arc<IndexEntry>,
        check: &mut IndexCheck,
    ) -> Result<(), StoreError> {
        // The phase of this very snapshot, which may be another one than the catalog's by now.
        let state = MetaKey::IndexState(index.id).encode();
        let state = IndexState::load(self.snapshot, Space::Meta, &state)?.unwrap_or_default();
        let range = DocumentKey::range(collection.id);
        let mut cursor = self
            .snapshot
            .scan(Space::Documents, range, Direction::Forward);
        while let Some((store_key, record)) = cursor.next()? {
            let key = stored::document_key(store_key)?.key;
            let passed = state.phase != IndexPhase::Building
                || state
                    .built_to
                    .as_ref()
                    .is_some_and(|last| key <= last.as_str());
            if !passed {
                break;
            }
            let record = Bytes::copy_from_slice(record);
            let Some(shown) = stored::shown(store_key, &record, self.numbers)? else {
                continue;
            };
            check.documents += 1;
            let document = Named {
                collection: &collection.name,
                key,
                body: &shown.value,
            };
            for (entry, row) in rows(index, document) {
                match self.snapshot.get(space(index), &entry)? {
                    Some(found) if *found == *row => {}
                    Some(_) => check.note((collection, index), key, Wrong::Different),
                    None => check.note((collection, index), key, Wrong::Missing),
                }
            }
        }
        Ok(())
    }

    /// Whether each entry is one of its document.
    fn entries(
        &self,
        collection: &CollectionEntry,
        index: &Arc<IndexEntry>,
        check: &mut IndexCheck,
    ) -> Result<(), StoreError> {
        if matches!(index.definition.kind, IndexKind::Ttl { .. }) {
            // Marks of times that hold no more are passed over and removed when their time comes.
            return Ok(());
        }
        let range = IndexKey::range(index.id);
        let mut cursor = self.snapshot.scan(Space::Index, range, Direction::Forward);
        while let Some((entry, row)) = cursor.next()? {
            let at = |error: antipode_store::RecordError| error.at(Space::Index, entry);
            let row = IndexRow::open(row).map_err(at)?;
            let key = IndexKey::decode(entry, row.key_bytes as usize)
                .map_err(at)?
                .key;
            check.entries += 1;
            let store_key = DocumentKey {
                collection: collection.id,
                key,
            }
            .encode();
            let record = self.snapshot.get(Space::Documents, &store_key)?;
            let shown = match record {
                Some(record) => stored::shown(&store_key, &record, self.numbers)?,
                None => None,
            };
            let own = shown.is_some_and(|shown| {
                let document = Named {
                    collection: &collection.name,
                    key,
                    body: &shown.value,
                };
                rows(index, document).contains_key(entry)
            });
            if !own {
                check.note((collection, index), key, Wrong::Extra);
            }
        }
        Ok(())
    }
}

impl OpenTransaction {
    /// Holds the indexes of the fabric, or those of one collection, against their documents, in the state that this
    /// transaction reads.
    ///
    /// # Errors
    /// When there is no such collection, or the store cannot be read.
    pub fn check_all_indexes(&self, collection: Option<&str>) -> Result<IndexCheck, EngineError> {
        let checked = Checked {
            snapshot: &*self.snapshot,
            numbers: &self.numbers,
        };
        let only = collection.map(|name| self.entry(name)).transpose()?;
        if let Some(only) = only {
            return Ok(checked.indexes(&self.catalog, Some(only.id))?);
        }
        let mut all = IndexCheck::default();
        for entry in self.catalog.collections(self.fabric()) {
            let check = checked.indexes(&self.catalog, Some(entry.id))?;
            all.indexes += check.indexes;
            all.documents += check.documents;
            all.entries += check.entries;
            all.faults_total += check.faults_total;
            let room = FAULTS_MAX.saturating_sub(all.faults.len());
            all.faults.extend(check.faults.into_iter().take(room));
        }
        Ok(all)
    }
}
