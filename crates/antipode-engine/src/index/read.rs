//! Reading sorted entries: a range of them from the snapshot, with the writes of the own transaction in their places.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use antipode_query as query;
use antipode_query::index::{IndexId as QueryIndexId, IndexRange, IndexRead, IndexRows};
use antipode_query::{Retry, Scan, SourceError};
use antipode_store::keyspace::{DocumentKey, IndexKey};
use antipode_store::record::{IndexPhase, IndexRow, Record as _};
use antipode_store::{
    CollectionId, Cursor, Direction, IndexId, KeyRange, RecordError, Space, after_prefix,
};
use antipode_value::{Object, Str, Value, sort_key};
use bytes::Bytes;

use super::entries::{self, Named, sorted_by};
use super::registry::IndexEntry;
use super::unique::{self, Slot};
use crate::catalog::CollectionEntry;
use crate::request::DraftOperation;
use crate::session::{OpenTransaction, store_failed};
use crate::stored;

/// The keys of the entries in a range.
fn key_range(index: &IndexEntry, range: &IndexRange) -> KeyRange {
    let nothing = || KeyRange::between(Vec::new(), Vec::new());
    let fields = index.definition.fields.len();
    if range.prefix.len() > fields {
        return nothing();
    }
    let start = IndexKey::prefix(index.id, &sorted_by(&range.prefix));
    let all = KeyRange::prefix(start.clone());
    if range.prefix.len() == fields {
        // No field is left that bounds could be about.
        return if range.contains(&range.prefix) {
            all
        } else {
            nothing()
        };
    }
    let with = |value: &Value| {
        let mut key = start.clone();
        sort_key::encode_into(value, &mut key);
        key
    };
    let behind = |value: &Value| after_prefix(&with(value));
    let all = match &range.lower {
        Bound::Unbounded => all,
        Bound::Included(value) => all.starting_at(with(value)),
        Bound::Excluded(value) => match behind(value) {
            Some(key) => all.starting_at(key),
            None => return nothing(),
        },
    };
    match &range.upper {
        Bound::Unbounded => all,
        Bound::Excluded(value) => all.ending_before(with(value)),
        Bound::Included(value) => match behind(value) {
            Some(key) => all.ending_before(key),
            None => all,
        },
    }
}

/// What the transaction has written, by the entries of one index.
#[derive(Debug, Default)]
struct OwnEntries {
    /// How many of the transaction's operations are in it.
    taken: usize,
    /// Entries of documents as they are now.
    entries: BTreeMap<Vec<u8>, Str>,
    /// Each document that was touched, and its entries.
    documents: BTreeMap<Str, Vec<Vec<u8>>>,
}

/// What the transaction has written, by the entries of the indexes that were asked for.
#[derive(Debug, Default)]
pub(crate) struct OwnIndexes(RefCell<BTreeMap<IndexId, OwnEntries>>);

impl OpenTransaction {
    /// The index, if it can be read here.
    pub(crate) fn readable_index(
        &self,
        collection: query::CollectionId,
        id: QueryIndexId,
    ) -> Result<(&CollectionEntry, Arc<IndexEntry>), SourceError> {
        let entry = self.entry_by_id(CollectionId(collection.0))?;
        let mut living = self.catalog.indexes.living(entry.id);
        let found = living.find(|index| index.id.0 == id.0 && index.phase == IndexPhase::Ready);
        let found = found.ok_or_else(|| SourceError::Other {
            code: 1212,
            retry: Retry::Now,
            message: format!("index not found: {}/{}", entry.name, id.0),
        })?;
        Ok((entry, found.clone()))
    }

    /// Of which indexes queries are told.
    pub(crate) fn ready_indexes(
        &self,
        collection: query::CollectionId,
    ) -> Vec<query::index::IndexInfo> {
        let living = self.catalog.indexes.living(CollectionId(collection.0));
        let ready = living.filter(|index| index.phase == IndexPhase::Ready);
        ready.map(|index| index.described()).collect()
    }

    /// Opens a reading of a persistent index; with `current`, own writes are in it.
    pub(crate) fn read_index(
        &self,
        collection: query::CollectionId,
        read: &IndexRead,
        current: bool,
    ) -> Result<IndexScan<'_>, SourceError> {
        let (entry, index) = self.readable_index(collection, read.index)?;
        let range = key_range(&index, &read.range);
        let mut own = Vec::new();
        let mut touched = BTreeSet::new();
        if current && self.has_writes() {
            self.with_own_entries(entry, &index, |entries| {
                let inside = entries
                    .entries
                    .iter()
                    .filter(|(key, _)| range.contains(key));
                own.extend(inside.map(|(key, document)| (key.clone(), document.clone())));
                touched.extend(entries.documents.keys().cloned());
            });
        }
        let direction = if read.reverse {
            own.reverse();
            Direction::Backward
        } else {
            Direction::Forward
        };
        Ok(IndexScan {
            transaction: self,
            entry,
            cursor: self.snapshot.scan(Space::Index, range, direction),
            rows: read.rows,
            hides: self.catalog.documents_expire(entry),
            index,
            own: own.into_iter().peekable(),
            touched,
            reverse: read.reverse,
            ahead: None,
        })
    }

    fn with_own_entries<T>(
        &self,
        collection: &CollectionEntry,
        index: &IndexEntry,
        look: impl FnOnce(&OwnEntries) -> T,
    ) -> T {
        let mut all = self.own_indexes.0.borrow_mut();
        let own = all.entry(index.id).or_default();
        let writes = self.writes.borrow();
        for operation in writes.operations.iter().skip(own.taken) {
            let DraftOperation::Document {
                collection: id,
                key,
                ..
            } = operation
            else {
                continue;
            };
            if *id != index.collection {
                continue;
            }
            for before in own.documents.remove(key).unwrap_or_default() {
                own.entries.remove(&before);
            }
            let touched = writes.documents.get(&(*id, key.clone()));
            let body = touched.and_then(|touched| touched.document.show());
            let rows = body.map(|body| {
                let document = Named {
                    collection: &collection.name,
                    key,
                    body: &body,
                };
                entries::rows(index, document)
            });
            let keys: Vec<Vec<u8>> = rows.unwrap_or_default().into_keys().collect();
            for entry in &keys {
                own.entries.insert(entry.clone(), key.clone());
            }
            own.documents.insert(key.clone(), keys);
        }
        own.taken = writes.operations.len();
        look(own)
    }

    /// Whether a document may be written as it is now: it has not too many entries, and takes no value of a unique index
    /// that another document has, in the snapshot or by this transaction. A value that it had before it may keep: two
    /// regions can have given it to two documents, and neither of them is to be frozen by that.
    pub(crate) fn check_indexes(
        &self,
        collection: &CollectionEntry,
        key: &str,
        before: Option<&Value>,
        after: &Value,
    ) -> Result<(), SourceError> {
        let named = |body| Named {
            collection: &collection.name,
            key,
            body,
        };
        for index in self.catalog.indexes.living(collection.id) {
            check_count(index, named(after))?;
            if !index.definition.unique {
                continue;
            }
            let held = before.map(|before| unique::slots(index, named(before)));
            let held = held.unwrap_or_default();
            for slot in unique::slots(index, named(after)).difference(&held) {
                if let Some(holder) = self.other_holder(collection, index, slot, key)? {
                    return Err(unique::violated(index, &holder).into());
                }
            }
        }
        Ok(())
    }

    fn other_holder(
        &self,
        collection: &CollectionEntry,
        index: &IndexEntry,
        slot: &Slot,
        key: &str,
    ) -> Result<Option<Str>, SourceError> {
        let stored = unique::stored_holders(&*self.snapshot, slot, key).map_err(store_failed)?;
        Ok(self.with_own_entries(collection, index, |own| {
            let mut stored = stored.into_iter();
            let untouched = stored.find(|holder| !own.documents.contains_key(holder));
            untouched.or_else(|| {
                let from = own.entries.range(slot.clone()..);
                let mut inside = from.take_while(|(entry, _)| entry.starts_with(slot));
                let other = inside.find(|(_, holder)| holder.as_str() != key);
                other.map(|(_, holder)| holder.clone())
            })
        }))
    }
}

/// Refuses a document that would have too many entries in an index.
pub(crate) fn check_count(index: &IndexEntry, document: Named<'_>) -> Result<(), SourceError> {
    if !index.info().repeats() {
        return Ok(());
    }
    let seen = document.for_index(index);
    index.info().entries_of(&seen).map(|_| ())
}

/// An entry that a scan has met.
enum Met {
    Stored { key: Str, content: Bytes },
    Own { key: Str },
}

impl Met {
    fn key(&self) -> &Str {
        match self {
            Self::Stored { key, .. } | Self::Own { key } => key,
        }
    }
}

/// A range of a persistent index.
pub(crate) struct IndexScan<'a> {
    transaction: &'a OpenTransaction,
    entry: &'a CollectionEntry,
    index: Arc<IndexEntry>,
    cursor: Box<dyn Cursor + 'a>,
    rows: IndexRows,
    /// Whether documents of the collection expire, so that an entry alone cannot be shown.
    hides: bool,
    own: Peekable<std::vec::IntoIter<(Vec<u8>, Str)>>,
    touched: BTreeSet<Str>,
    reverse: bool,
    /// A stored entry that own ones come before.
    ahead: Option<(Vec<u8>, Met)>,
}

impl IndexScan<'_> {
    fn next_stored(&mut self) -> Result<Option<(Vec<u8>, Met)>, SourceError> {
        loop {
            let Some((store_key, row)) = self.cursor.next().map_err(store_failed)? else {
                return Ok(None);
            };
            let at = |error: RecordError| store_failed(error.at(Space::Index, store_key));
            let row = IndexRow::open(row).map_err(at)?;
            let decoded = IndexKey::decode(store_key, row.key_bytes as usize).map_err(at)?;
            let key = Str::from(decoded.key);
            if self.touched.contains(&key) {
                continue;
            }
            let sorted = if self.touched.is_empty() {
                Vec::new()
            } else {
                store_key.to_vec()
            };
            let content = row.content;
            return Ok(Some((sorted, Met::Stored { key, content })));
        }
    }

    fn next_met(&mut self) -> Result<Option<Met>, SourceError> {
        let stored = match self.ahead.take() {
            Some(stored) => Some(stored),
            None => self.next_stored()?,
        };
        let own_first = match (&stored, self.own.peek()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((stored, _)), Some((own, _))) => (own < stored) != self.reverse,
        };
        if own_first {
            self.ahead = stored;
            return Ok(self.own.next().map(|(_, key)| Met::Own { key }));
        }
        Ok(stored.map(|(_, met)| met))
    }

    /// What is delivered of an entry without looking at the document.
    fn covered(&self, key: &str, content: Bytes) -> Value {
        let id = format!("{}/{key}", self.entry.name);
        let mut part = Object::from_pairs(vec![
            (Str::from_static("_key"), Value::from(key)),
            (Str::from_static("_id"), Value::from(id)),
        ]);
        if !content.is_empty() {
            let values = Value::from_packed_unverified(content);
            let values = values.as_array();
            for (position, path) in self.index.info().covered.iter().enumerate() {
                let value = values.and_then(|values| values.get(position));
                part = with_value(&part, path, value.unwrap_or_default());
            }
        }
        Value::Object(part)
    }

    fn deliver(&self, met: Vec<Met>, out: &mut Vec<Value>) -> Result<(), SourceError> {
        let id = query::CollectionId(self.entry.id.0);
        if self.rows == IndexRows::Covered && !self.hides {
            for met in met {
                match met {
                    Met::Stored { key, content } => out.push(self.covered(&key, content)),
                    Met::Own { key } => {
                        let current = query::Transaction::current(self.transaction, id, &key)?;
                        out.extend(
                            current.map(|document| self.index.info().covered_part(&document)),
                        );
                    }
                }
            }
            return Ok(());
        }
        let keys: Vec<Vec<u8>> = met
            .iter()
            .map(|met| {
                DocumentKey {
                    collection: self.entry.id,
                    key: met.key(),
                }
                .encode()
            })
            .collect();
        let borrowed: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let records = self
            .transaction
            .snapshot
            .get_many(Space::Documents, &borrowed)
            .map_err(store_failed)?;
        for ((met, store_key), record) in met.iter().zip(&keys).zip(records) {
            let document = match (met, record) {
                (Met::Own { key }, _) => query::Transaction::current(self.transaction, id, key)?,
                (Met::Stored { .. }, None) => None,
                (Met::Stored { key, .. }, Some(record)) => {
                    let seen = stored::seen(store_key, &record, &*self.transaction.numbers)
                        .map_err(store_failed)?;
                    self.transaction.present(self.entry, key, seen)
                }
            };
            out.extend(document.map(|document| match self.rows {
                IndexRows::Documents => document,
                IndexRows::Covered => self.index.info().covered_part(&document),
            }));
        }
        Ok(())
    }
}

impl Scan for IndexScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        let mut met = Vec::with_capacity(max.min(1_024));
        let mut more = true;
        while met.len() < max {
            match self.next_met()? {
                Some(next) => met.push(next),
                None => {
                    more = false;
                    break;
                }
            }
        }
        self.deliver(met, out)?;
        Ok(more)
    }
}

/// An object with a value at a path below it.
fn with_value(object: &Object, path: &[Str], value: Value) -> Object {
    match path.split_first() {
        None => object.clone(),
        Some((name, [])) => object.with(name.clone(), value),
        Some((name, below)) => {
            let inner = match object.get(name) {
                Some(Value::Object(inner)) => inner,
                _ => Object::default(),
            };
            object.with(
                name.clone(),
                Value::Object(with_value(&inner, below, value)),
            )
        }
    }
}
