//! What one batch changes, and the bytes that come of it.
//!
//! Index entries, digest, expiry and counts follow from comparing what each document showed before the batch with what it
//! shows afterwards. So an index can never disagree with its documents: both come from the same comparison and stand in
//! the same batch, for local writes and merges alike.

use std::collections::{BTreeMap, HashMap};

use antipode_clock::ReplicaId;
use antipode_crdt::{Document, Shown};
use antipode_store::keyspace::{DocumentKey, EdgeDirection, EdgeKey, ExpiryKey, MessageKey};
use antipode_store::record::{EdgeEnd, ExpiryMark, Record as _, ReplicaTable, SealedDocument};
use antipode_store::{Batch, CollectionId, KeyRange, Space, StreamId};
use antipode_value::{Str, Value};
use bytes::Bytes;

use crate::catalog::{Catalog, CollectionKind};
use crate::error::EngineError;
use crate::index::entries::{self, Change};
use crate::index::unique::Holders;
use crate::stored;

/// So many entries are looked through one by one; most batches have fewer.
const SCANNED_MAX: usize = 8;

/// For at most so many entries memory is kept from one batch to another.
const KEPT_MAX: usize = 1_024;

/// A document that the batch touches.
pub(crate) struct Entry {
    pub collection: CollectionId,
    pub key: Str,
    /// What it showed before the batch.
    pub before: Option<Shown>,
    pub document: Document,
    /// Its record as it stands, where one was made since the last change.
    pub sealed: Option<SealedDocument>,
    pub changed: bool,
    /// At most so many bytes has the body grown to by the operations of this batch.
    pub bytes_at_most: usize,
}

/// What a finished batch changes besides its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// To be added to the group's digest, modulo 2^128.
    pub digest: u128,
    /// To be added to the number of documents of each collection.
    pub counts: Vec<(CollectionId, i64)>,
}

impl Totals {
    /// A collection has so many documents more.
    pub fn count(&mut self, collection: CollectionId, change: i64) {
        let of = |(of, _): &&mut (CollectionId, i64)| *of == collection;
        match self.counts.iter_mut().find(of) {
            Some((_, sum)) => *sum += change,
            None => self.counts.push((collection, change)),
        }
    }
}

/// All that a batch changes.
#[derive(Default)]
pub(crate) struct Changes {
    pub entries: Vec<Entry>,
    /// Where an entry stands, once there are more than [`SCANNED_MAX`].
    index: HashMap<(CollectionId, Str), usize>,
    /// The last message of each stream and origin that the batch appended to.
    pub tails: BTreeMap<(StreamId, ReplicaId), u64>,
    pub messages: Vec<(MessageKey, Vec<u8>)>,
    pub ended_streams: Vec<StreamId>,
    /// What ending a collection adds to the totals.
    pub totals: Totals,
    /// The ranges that ending a collection or a stream deletes, and states of indexes.
    pub batch: Batch,
    /// Who has got or given up values of unique indexes.
    pub holders: Holders,
    /// Documents that peers have changed.
    #[cfg(feature = "planted-bugs")]
    pub merged: std::collections::BTreeSet<(CollectionId, Str)>,
}

impl Changes {
    /// The document of a key, if the batch touches it.
    pub fn entry(&self, collection: CollectionId, key: &str) -> Option<&Entry> {
        self.entries.get(self.position(collection, key)?)
    }

    /// Where the entry of a key stands, if the batch touches it.
    pub fn position(&self, collection: CollectionId, key: &str) -> Option<usize> {
        if self.entries.len() <= SCANNED_MAX {
            let is_it = |entry: &Entry| entry.key == key && entry.collection == collection;
            return self.entries.iter().position(is_it);
        }
        self.index.get(&(collection, Str::from(key))).copied()
    }

    /// Adds the entry of a key that has none, and returns where it stands.
    pub fn add(&mut self, entry: Entry) -> usize {
        let position = self.entries.len();
        self.entries.push(entry);
        if self.entries.len() > SCANNED_MAX {
            let unindexed = self.index.len()..self.entries.len();
            for at in unindexed {
                let entry = &self.entries[at];
                let name = (entry.collection, entry.key.clone());
                self.index.insert(name, at);
            }
        }
        position
    }

    /// Forgets everything, and keeps some of the memory for another batch.
    pub fn clear(&mut self) {
        let Self {
            mut entries,
            mut index,
            mut messages,
            mut ended_streams,
            ..
        } = std::mem::take(self);
        entries.clear();
        entries.shrink_to(KEPT_MAX);
        index.clear();
        index.shrink_to(KEPT_MAX);
        messages.clear();
        messages.shrink_to(KEPT_MAX);
        ended_streams.clear();
        *self = Self {
            entries,
            index,
            messages,
            ended_streams,
            ..Self::default()
        };
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
            && self.messages.is_empty()
            && self.ended_streams.is_empty()
            && !self.entries.iter().any(|entry| entry.changed)
    }

    /// Whether indexes do not follow a document, by a planted mistake.
    #[cfg(feature = "planted-bugs")]
    fn forgets(&self, entry: &Entry) -> bool {
        let name = (entry.collection, entry.key.clone());
        crate::planted::bug!(IndexNotMerged) && self.merged.contains(&name)
    }

    #[cfg(not(feature = "planted-bugs"))]
    const fn forgets(&self, _entry: &Entry) -> bool {
        false
    }

    /// Adds everything that was applied to `batch`. Returns what it changes in sum.
    ///
    /// # Errors
    /// When a record cannot be read back, or names a replica without a number: nothing of the batch may then be written.
    pub fn finish(
        &self,
        numbers: &ReplicaTable,
        catalog: &Catalog,
        batch: &mut Batch,
    ) -> Result<Totals, EngineError> {
        batch.append(&self.batch);
        for stream in &self.ended_streams {
            delete_range(batch, Space::Streams, &MessageKey::range(*stream));
        }
        for (key, record) in &self.messages {
            batch.put(Space::Streams, &key.encode(), record);
        }
        let mut totals = self.totals.clone();
        for entry in self.entries.iter().filter(|entry| entry.changed) {
            let (before, after) = (&entry.before, entry.put(numbers, batch)?);
            entry.total(before.as_ref(), after.as_ref(), &mut totals);
            let (before, after) = (before.as_ref(), after.as_ref());
            let (before, after) = (
                before.map(|it| &it.value),
                after.as_ref().map(|it| &it.value),
            );
            entry.index_edge(before, after, batch);
            let collection = catalog.collection_by_id(entry.collection);
            let indexes = catalog.indexes.kept(entry.collection);
            let followed = !indexes.is_empty() && !self.forgets(entry);
            if let (Some(collection), true) = (collection, followed) {
                let change = Change {
                    collection: &collection.name,
                    key: &entry.key,
                    before,
                    after,
                };
                entries::follow_all(indexes, change, batch);
            }
            let expires =
                collection.is_some_and(|collection| collection.kind == CollectionKind::KeyValue);
            if expires {
                entry.index_expiry(before, after, batch);
            }
        }
        Ok(totals)
    }
}

impl Entry {
    /// What the document shows now.
    pub fn after(&self, numbers: &ReplicaTable) -> Result<Option<Shown>, EngineError> {
        match self.record(numbers)? {
            Some(record) => Ok(stored::shown(&self.store_key(), &record, numbers)?),
            None => Ok(None),
        }
    }

    fn store_key(&self) -> Vec<u8> {
        DocumentKey {
            collection: self.collection,
            key: &self.key,
        }
        .encode()
    }

    /// The document's record; none where nothing is to be kept of it.
    fn record(&self, numbers: &ReplicaTable) -> Result<Option<Bytes>, EngineError> {
        if let Some(sealed) = &self.sealed {
            return Ok(Some(sealed.bytes().clone()));
        }
        if self.document.is_empty() {
            return Ok(None);
        }
        let sealed = stored::seal(&self.document, numbers)?;
        Ok(Some(sealed.bytes().clone()))
    }

    /// Writes the document, and returns what it shows.
    fn put(&self, numbers: &ReplicaTable, batch: &mut Batch) -> Result<Option<Shown>, EngineError> {
        let store_key = self.store_key();
        match self.record(numbers)? {
            Some(record) => {
                batch.put(Space::Documents, &store_key, &record);
                Ok(stored::shown(&store_key, &record, numbers)?)
            }
            None => {
                batch.delete(Space::Documents, &store_key);
                Ok(None)
            }
        }
    }

    fn total(&self, before: Option<&Shown>, after: Option<&Shown>, totals: &mut Totals) {
        let share = |shown: &Shown| stored::digest(self.collection, &self.key, shown);
        let change = after.map_or(0, share).wrapping_sub(before.map_or(0, share));
        totals.digest = totals.digest.wrapping_add(change);
        let count = i64::from(after.is_some()) - i64::from(before.is_some());
        if count != 0 {
            totals.count(self.collection, count);
        }
    }

    fn index_edge(&self, before: Option<&Value>, after: Option<&Value>, batch: &mut Batch) {
        let (before, after) = (before.and_then(edge_ends), after.and_then(edge_ends));
        if before == after {
            return;
        }
        if let Some((from, to)) = before {
            for key in self.edge_keys(&from, &to) {
                batch.delete(Space::Edges, &key);
            }
        }
        if let Some((from, to)) = after {
            let [out, into] = self.edge_keys(&from, &to);
            batch.put(Space::Edges, &out, &EdgeEnd(to).seal());
            batch.put(Space::Edges, &into, &EdgeEnd(from).seal());
        }
    }

    fn edge_keys(&self, from: &str, to: &str) -> [Vec<u8>; 2] {
        let key = |vertex: &str, direction| {
            EdgeKey {
                collection: self.collection,
                vertex: vertex.into(),
                direction,
                edge: &self.key,
            }
            .encode()
        };
        [key(from, EdgeDirection::Out), key(to, EdgeDirection::In)]
    }

    fn index_expiry(&self, before: Option<&Value>, after: Option<&Value>, batch: &mut Batch) {
        let (before, after) = (before.and_then(expires_ms), after.and_then(expires_ms));
        if before == after {
            return;
        }
        let key = |at_ms| {
            ExpiryKey {
                at_ms,
                collection: self.collection,
                key: &self.key,
            }
            .encode()
        };
        if let Some(at_ms) = before {
            batch.delete(Space::Expiry, &key(at_ms));
        }
        if let Some(at_ms) = after {
            batch.put(Space::Expiry, &key(at_ms), &ExpiryMark.seal());
        }
    }
}

pub(crate) fn delete_range(batch: &mut Batch, space: Space, range: &KeyRange) {
    // A range without an end is one whose prefix is all 0xff; no id that is given out has it.
    if let Some(end) = range.end() {
        batch.delete_range(space, range.start(), end);
    }
}

/// The vertices of an edge, if the document is one.
pub(crate) fn edge_ends(document: &Value) -> Option<(Str, Str)> {
    match (document.attribute("_from"), document.attribute("_to")) {
        (Value::String(from), Value::String(to)) => Some((from, to)),
        _ => None,
    }
}

/// When a key-value pair expires, in milliseconds since 1970: `expireAt` is in seconds, as in C8's key-value API.
pub(crate) fn expires_ms(document: &Value) -> Option<u64> {
    let seconds = match document.attribute("expireAt") {
        Value::Int(seconds) => seconds as f64,
        Value::Float(seconds) => seconds,
        _ => return None,
    };
    (seconds > 0.0).then(|| (seconds * 1_000.0).ceil().min(u64::MAX as f64) as u64)
}
