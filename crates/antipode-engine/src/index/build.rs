//! The background work on indexes: building them a few documents at a time, and removing what was dropped.
//!
//! One step is one batch, made from the state that the store has just then, while nothing else is on its way into it. Writes
//! between two steps keep the entries of all documents, passed or not, so a step only adds what was there before.
//! How far the build has come is in the same batch: after a crash it goes on there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use antipode_store::keyspace::{DocumentKey, IndexKey, MetaKey};
use antipode_store::record::{IndexPhase, IndexState, Record as _, ReplicaTable};
use antipode_store::{Batch, Direction, IndexId, Space, Storage};
use antipode_value::Str;
use bytes::Bytes;

use super::entries::{Named, entry_part, rows, space};
use super::registry::IndexEntry;
use super::unique::{self, Holders, Slot, stored_holders};
use crate::catalog::Catalog;
use crate::error::EngineError;
use crate::stored;

/// Documents that one step passes, at most: few enough that a write never waits long behind it.
const DOCUMENTS_MAX: usize = 256;
/// Bytes of documents that one step reads, and of entries that it writes, about.
const BYTES_MAX: usize = 1 << 20;

/// The state of an index that has just been made.
pub(crate) fn begin(index: IndexId, batch: &mut Batch) {
    put_state(index, &IndexState::default(), batch);
}

/// Notes that an index was dropped, so that its entries go even if the node stops before.
pub(crate) fn end(index: IndexId, batch: &mut Batch) {
    let state = IndexState {
        phase: IndexPhase::Dropping,
        ..IndexState::default()
    };
    put_state(index, &state, batch);
}

/// Removes everything of an index.
pub(crate) fn remove(index: IndexId, batch: &mut Batch) {
    let range = IndexKey::range(index);
    if let Some(end) = range.end() {
        batch.delete_range(Space::Index, range.start(), end);
    }
    batch.delete(Space::Meta, &MetaKey::IndexState(index).encode());
}

fn put_state(index: IndexId, state: &IndexState, batch: &mut Batch) {
    batch.put(
        Space::Meta,
        &MetaKey::IndexState(index).encode(),
        &state.seal(),
    );
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Step {
    pub batch: Batch,
    /// Whether the catalog is another one now.
    pub catalog_changed: bool,
    /// Whether there is more to be done at once.
    pub more: bool,
}

/// Does one piece of work, if there is any: the batch is then to be written before anything else is.
pub(crate) fn step(
    storage: &dyn Storage,
    numbers: &ReplicaTable,
    catalog: &mut Arc<Catalog>,
    holders: Option<&Holders>,
) -> Result<Option<Step>, EngineError> {
    let mut batch = Batch::new();
    let (ended, orphan) = catalog.indexes.ended().unzip();
    let is_ended = |state: &IndexState| orphan == Some(true) || state.phase == IndexPhase::Dropping;
    if let Some(index) = known(storage, ended, is_ended)? {
        remove(index, &mut batch);
        Arc::make_mut(catalog).indexes.forget(index);
        return Ok(Some(Step {
            batch,
            catalog_changed: true,
            more: true,
        }));
    }
    let unbuilt = catalog.indexes.unbuilt().cloned();
    let id = unbuilt.as_ref().map(|index| index.id);
    if let (Some(index), Some(_)) = (unbuilt, known(storage, id, |_| true)?) {
        let finished = build((storage, numbers), catalog, &index, holders, &mut batch)?;
        if finished {
            let indexes = &mut Arc::make_mut(catalog).indexes;
            indexes.set_phase(index.id, IndexPhase::Ready);
        }
        return Ok(Some(Step {
            batch,
            catalog_changed: finished,
            more: true,
        }));
    }
    let ready = |index: &&Arc<IndexEntry>| index.phase == IndexPhase::Ready;
    for index in catalog.indexes.all().filter(ready) {
        if index.statistics.take_changed() {
            let mut state = IndexState {
                phase: IndexPhase::Ready,
                ..IndexState::default()
            };
            index.statistics.store(&mut state);
            put_state(index.id, &state, &mut batch);
        }
    }
    Ok((!batch.is_empty()).then_some(Step {
        batch,
        catalog_changed: false,
        more: false,
    }))
}

/// The index, if what changed its life has reached the store: until then, readers may have the catalog from before.
fn known(
    storage: &dyn Storage,
    index: Option<IndexId>,
    is_so: impl FnOnce(&IndexState) -> bool,
) -> Result<Option<IndexId>, EngineError> {
    let Some(index) = index else { return Ok(None) };
    let key = MetaKey::IndexState(index).encode();
    let state = IndexState::load_latest(storage, Space::Meta, &key)?;
    Ok(state.is_some_and(|state| is_so(&state)).then_some(index))
}

/// Writes the entries of the next documents. Whether they were the last.
fn build(
    (storage, numbers): (&dyn Storage, &ReplicaTable),
    catalog: &Catalog,
    index: &IndexEntry,
    holders: Option<&Holders>,
    batch: &mut Batch,
) -> Result<bool, EngineError> {
    let snapshot = storage.snapshot();
    let state_key = MetaKey::IndexState(index.id).encode();
    let mut state = IndexState::load(&*snapshot, Space::Meta, &state_key)?.unwrap_or_default();
    let Some(collection) = catalog.collection_by_id(index.collection) else {
        return Ok(true);
    };
    let mut range = DocumentKey::range(collection.id);
    if let Some(last) = &state.built_to {
        let mut next = DocumentKey {
            collection: collection.id,
            key: last,
        }
        .encode();
        next.push(0);
        range = range.starting_at(next);
    }
    let mut cursor = snapshot.scan(Space::Documents, range, Direction::Forward);
    let (mut passed, mut bytes, mut duplicates) = (0, 0, 0);
    let mut taken: BTreeMap<Slot, ()> = BTreeMap::new();
    let mut finished = true;
    while let Some((store_key, record)) = cursor.next()? {
        let key = Str::from(stored::document_key(store_key)?.key);
        passed += 1;
        bytes += record.len();
        let record = Bytes::copy_from_slice(record);
        if let Some(shown) = stored::shown(store_key, &record, numbers)? {
            let document = Named {
                collection: &collection.name,
                key: &key,
                body: &shown.value,
            };
            if index.definition.unique {
                for slot in unique::slots(index, document) {
                    let mut others = stored_holders(&*snapshot, &slot, &key)?;
                    if let Some(holders) = holders {
                        holders.apply(&slot, &mut others);
                        others.remove(&key);
                    }
                    let twice = taken.insert(slot, ()).is_some() || !others.is_empty();
                    duplicates += u64::from(twice);
                }
            }
            for (entry, row) in rows(index, document) {
                bytes += entry.len() + row.len();
                if snapshot.get(space(index), &entry)?.is_none() {
                    index.statistics.added(entry_part(&entry, &key));
                }
                batch.put(space(index), &entry, &row);
            }
        }
        state.built_to = Some(key);
        if passed >= DOCUMENTS_MAX || bytes >= BYTES_MAX {
            finished = false;
            break;
        }
    }
    let statistics = &index.statistics;
    let documents = u64::try_from(passed).unwrap_or(u64::MAX);
    statistics.documents.fetch_add(documents, Ordering::Relaxed);
    statistics
        .duplicates
        .fetch_add(duplicates, Ordering::Relaxed);
    statistics.store(&mut state);
    if finished {
        state.phase = IndexPhase::Ready;
        state.built_to = None;
    }
    put_state(index.id, &state, batch);
    Ok(finished)
}
