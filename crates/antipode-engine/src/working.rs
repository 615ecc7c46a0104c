//! The working set of one batch: the documents that its transactions touch, before and after.
//!
//! Many transactions become one batch. Each document that they touch is read once, changed in memory by however many
//! operations, and written once; index entries, digest, expiry and counts follow from comparing what it showed before
//! with what it shows afterwards. So an index can never disagree with its documents: both come from the same comparison
//! and stand in the same batch, for local writes and merges alike.
//!
//! A transaction that fails half-way is taken back whole ([`WorkingSet::roll_back`]), without touching its neighbours.

use std::collections::BTreeMap;
use std::sync::Arc;

use antipode_clock::{Context, ReplicaId, Stamp};
use antipode_crdt::{Discard, Document, Operation, Shown};
use antipode_store::keyspace::{DocumentKey, EdgeDirection, EdgeKey, ExpiryKey, MessageKey};
use antipode_store::record::{
    DocumentRecord, EdgeEnd, ExpiryMark, Record as _, ReplicaTable, StoredMessage,
};
use antipode_store::{Batch, CollectionId, Direction, KeyRange, Space, Storage, StreamId};
use antipode_value::{Str, Value, layout};

use crate::catalog::{Catalog, CollectionKind};
use crate::error::EngineError;
use crate::stored;

struct Entry {
    collection: CollectionId,
    key: Str,
    before: Option<Shown>,
    document: Document,
    changed: bool,
    /// At most so many bytes has the body grown to by the operations of this batch.
    bytes_at_most: usize,
}

/// A discarded write, with the document that lost it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub collection: CollectionId,
    pub key: Str,
    /// The operation whose arrival discarded something.
    pub arrived: Stamp,
    pub discard: Discard,
}

/// What a finished batch changes besides its bytes.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// To be added to the group's digest, modulo 2^128.
    pub digest: u128,
    /// To be added to the number of documents of each collection.
    pub counts: BTreeMap<CollectionId, i64>,
}

pub(crate) struct WorkingSet {
    storage: Arc<dyn Storage>,
    entries: Vec<Entry>,
    index: BTreeMap<(CollectionId, Str), usize>,
    tails: BTreeMap<(StreamId, ReplicaId), u64>,
    messages: Vec<(MessageKey, Vec<u8>)>,
    ended_streams: Vec<StreamId>,
    reports: Vec<Report>,
    undo: Undo,
    totals: Totals,
    batch: Batch,
}

/// How to take back the transaction that is under way.
#[derive(Default)]
struct Undo {
    documents: Vec<(usize, Document, bool)>,
    tails: Vec<((StreamId, ReplicaId), u64)>,
    messages: usize,
    reports: usize,
}

impl WorkingSet {
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            entries: Vec::new(),
            index: BTreeMap::new(),
            tails: BTreeMap::new(),
            messages: Vec::new(),
            ended_streams: Vec::new(),
            reports: Vec::new(),
            undo: Undo::default(),
            totals: Totals::default(),
            batch: Batch::new(),
        }
    }

    /// Begins a transaction: from here on changes can be taken back.
    pub fn begin(&mut self) {
        self.undo = Undo {
            messages: self.messages.len(),
            reports: self.reports.len(),
            ..Undo::default()
        };
    }

    /// Takes back everything since [`WorkingSet::begin`].
    pub fn roll_back(&mut self) {
        let undo = std::mem::take(&mut self.undo);
        for (position, document, changed) in undo.documents.into_iter().rev() {
            if let Some(entry) = self.entries.get_mut(position) {
                entry.document = document;
                entry.changed = changed;
            }
        }
        for (tail, seq) in undo.tails.into_iter().rev() {
            self.tails.insert(tail, seq);
        }
        self.messages.truncate(undo.messages);
        self.reports.truncate(undo.reports);
    }

    /// The document of a key as the batch has made it so far.
    pub fn document(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
        key: &Str,
    ) -> Result<&Document, EngineError> {
        let position = self.load(numbers, collection, key)?;
        Ok(&self.entries[position].document)
    }

    /// Applies an operation to a document.
    pub fn apply(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
        key: &Str,
        operation: &Operation,
        stamp: Stamp,
        context: &Context,
    ) -> Result<&Document, EngineError> {
        let position = self.load(numbers, collection, key)?;
        let entry = &mut self.entries[position];
        self.undo
            .documents
            .push((position, entry.document.clone(), entry.changed));
        entry.changed = true;
        let discards = entry.document.apply(operation, stamp, context);
        self.reports
            .extend(discards.into_iter().map(|discard| Report {
                collection,
                key: key.clone(),
                arrived: stamp,
                discard,
            }));
        Ok(&self.entries[position].document)
    }

    /// Whether the documents that the transaction under way has changed are still within the limit for one document. An
    /// operation of `bytes` can have made them larger by no more than that, so few need to be looked at.
    pub fn within_limit(&mut self, numbers: &mut ReplicaTable, bytes: usize) -> bool {
        let changed: Vec<usize> = self
            .undo
            .documents
            .iter()
            .map(|(position, ..)| *position)
            .collect();
        changed.into_iter().all(|position| {
            let Some(entry) = self.entries.get_mut(position) else {
                return true;
            };
            entry.bytes_at_most = entry.bytes_at_most.saturating_add(bytes);
            if entry.bytes_at_most > layout::BYTES_MAX {
                let mut scratch = Vec::new();
                entry.bytes_at_most = entry.document.encode(numbers, &mut scratch).body.len();
            }
            entry.bytes_at_most <= layout::BYTES_MAX
        })
    }

    /// Appends a message to a stream and returns its number among those of its origin.
    pub fn append(
        &mut self,
        stream: StreamId,
        origin: ReplicaId,
        message: &StoredMessage,
    ) -> Result<u64, EngineError> {
        let tail = match self.tails.get(&(stream, origin)) {
            Some(tail) => *tail,
            None => last_message(&*self.storage, stream, origin)?,
        };
        let seq = tail + 1;
        self.undo.tails.push(((stream, origin), tail));
        self.tails.insert((stream, origin), seq);
        self.messages.push((
            MessageKey {
                stream,
                origin,
                seq,
            },
            message.seal(),
        ));
        Ok(seq)
    }

    fn load(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
        key: &Str,
    ) -> Result<usize, EngineError> {
        let name = (collection, key.clone());
        if let Some(position) = self.index.get(&name) {
            return Ok(*position);
        }
        let store_key = DocumentKey { collection, key }.encode();
        let (before, document) = match self.storage.get(Space::Documents, &store_key)? {
            Some(record) => (
                stored::shown(&store_key, &record, numbers)?,
                stored::document(&store_key, &record, numbers)?,
            ),
            None => (None, Document::default()),
        };
        let position = self.entries.len();
        let bytes_at_most = before
            .as_ref()
            .map_or(0, |shown: &Shown| shown.body().len());
        self.entries.push(Entry {
            collection,
            key: key.clone(),
            before,
            document,
            changed: false,
            bytes_at_most,
        });
        self.index.insert(name, position);
        Ok(position)
    }

    /// Ends a collection: all its documents and index entries go, also those that this batch has made.
    pub fn end_collection(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
    ) -> Result<(), EngineError> {
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.collection == collection)
        {
            entry.document = Document::default();
            entry.changed = true;
        }
        let range = DocumentKey::range(collection);
        let snapshot = self.storage.snapshot();
        let mut cursor = snapshot.scan(Space::Documents, range.clone(), Direction::Forward);
        while let Some((store_key, record)) = cursor.next()? {
            let key = stored::document_key(store_key)?;
            // What the working set holds is accounted for when the batch is finished.
            if self.index.contains_key(&(collection, Str::from(key.key))) {
                continue;
            }
            let record = bytes::Bytes::copy_from_slice(record);
            if let Some(shown) = stored::shown(store_key, &record, numbers)? {
                let share = stored::digest(collection, key.key, &shown);
                self.totals.digest = self.totals.digest.wrapping_sub(share);
                *self.totals.counts.entry(collection).or_default() -= 1;
            }
        }
        delete_range(&mut self.batch, Space::Documents, &range);
        delete_range(&mut self.batch, Space::Edges, &EdgeKey::range(collection));
        Ok(())
    }

    /// Ends a stream: all its messages go.
    pub fn end_stream(&mut self, stream: StreamId) {
        self.messages.retain(|(key, _)| key.stream != stream);
        self.tails.retain(|(name, _), _| *name != stream);
        self.ended_streams.push(stream);
    }

    /// The batch of everything that was applied, what it changes in sum, and the reports of what was discarded.
    pub fn finish(
        mut self,
        numbers: &mut ReplicaTable,
        catalog: &Catalog,
    ) -> Result<(Batch, Totals, Vec<Report>), EngineError> {
        for stream in &self.ended_streams {
            delete_range(&mut self.batch, Space::Streams, &MessageKey::range(*stream));
        }
        for (key, record) in &self.messages {
            self.batch.put(Space::Streams, &key.encode(), record);
        }
        let entries = std::mem::take(&mut self.entries);
        for entry in entries.iter().filter(|entry| entry.changed) {
            self.finish_document(entry, numbers, catalog)?;
        }
        Ok((self.batch, self.totals, self.reports))
    }

    fn finish_document(
        &mut self,
        entry: &Entry,
        numbers: &mut ReplicaTable,
        catalog: &Catalog,
    ) -> Result<(), EngineError> {
        let store_key = DocumentKey {
            collection: entry.collection,
            key: &entry.key,
        }
        .encode();
        let after = if entry.document.is_empty() {
            self.batch.delete(Space::Documents, &store_key);
            None
        } else {
            let record = bytes::Bytes::from(DocumentRecord::seal(&entry.document, numbers));
            self.batch.put(Space::Documents, &store_key, &record);
            stored::shown(&store_key, &record, numbers)?
        };
        let (before, after) = (entry.before.as_ref(), after.as_ref());
        self.total(entry, before, after);
        self.index_edge(
            entry,
            before.map(|shown| &shown.value),
            after.map(|shown| &shown.value),
        );
        let expires = catalog
            .collection_by_id(entry.collection)
            .is_some_and(|collection| collection.kind == CollectionKind::KeyValue);
        if expires {
            self.index_expiry(
                entry,
                before.map(|shown| &shown.value),
                after.map(|shown| &shown.value),
            );
        }
        Ok(())
    }

    fn total(&mut self, entry: &Entry, before: Option<&Shown>, after: Option<&Shown>) {
        let share = |shown: &Shown| stored::digest(entry.collection, &entry.key, shown);
        let change = after.map_or(0, share).wrapping_sub(before.map_or(0, share));
        self.totals.digest = self.totals.digest.wrapping_add(change);
        let count = i64::from(after.is_some()) - i64::from(before.is_some());
        if count != 0 {
            *self.totals.counts.entry(entry.collection).or_default() += count;
        }
    }

    fn index_edge(&mut self, entry: &Entry, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = (before.and_then(edge_ends), after.and_then(edge_ends));
        if before == after {
            return;
        }
        if let Some((from, to)) = before {
            for key in edge_keys(entry, &from, &to) {
                self.batch.delete(Space::Edges, &key);
            }
        }
        if let Some((from, to)) = after {
            let [out, into] = edge_keys(entry, &from, &to);
            self.batch.put(Space::Edges, &out, &EdgeEnd(to).seal());
            self.batch.put(Space::Edges, &into, &EdgeEnd(from).seal());
        }
    }

    fn index_expiry(&mut self, entry: &Entry, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = (before.and_then(expires_ms), after.and_then(expires_ms));
        if before == after {
            return;
        }
        let key = |at_ms| {
            ExpiryKey {
                at_ms,
                collection: entry.collection,
                key: &entry.key,
            }
            .encode()
        };
        if let Some(at_ms) = before {
            self.batch.delete(Space::Expiry, &key(at_ms));
        }
        if let Some(at_ms) = after {
            self.batch
                .put(Space::Expiry, &key(at_ms), &ExpiryMark.seal());
        }
    }
}

fn delete_range(batch: &mut Batch, space: Space, range: &KeyRange) {
    // A range without an end is one whose prefix is all 0xff; no id that is given out has it.
    if let Some(end) = range.end() {
        batch.delete_range(space, range.start(), end);
    }
}

fn last_message(
    storage: &dyn Storage,
    stream: StreamId,
    origin: ReplicaId,
) -> Result<u64, EngineError> {
    let snapshot = storage.snapshot();
    let mut cursor = snapshot.scan(
        Space::Streams,
        MessageKey::origin(stream, origin),
        Direction::Backward,
    );
    match cursor.next()? {
        Some((key, _)) => Ok(stored::message_key(key)?.seq),
        None => Ok(0),
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

fn edge_keys(entry: &Entry, from: &str, to: &str) -> [Vec<u8>; 2] {
    let key = |vertex: &str, direction| {
        EdgeKey {
            collection: entry.collection,
            vertex: vertex.into(),
            direction,
            edge: &entry.key,
        }
        .encode()
    };
    [key(from, EdgeDirection::Out), key(to, EdgeDirection::In)]
}
