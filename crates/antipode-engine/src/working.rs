//! The working set of one batch: the documents that its transactions touch, as they change.
//!
//! Many transactions become one batch. Each document that they touch is read once, changed in memory by however many
//! operations, and written once ([`Changes`]). It is read from the store, or from the batch that is on its way into the
//! store just now and stands *below* this one.
//!
//! A transaction that fails half-way is taken back whole ([`WorkingSet::roll_back`]), without touching its neighbours.

use std::sync::Arc;

use antipode_clock::{Context, ReplicaId, Stamp};
use antipode_crdt::{Discard, Document, Operation, Revision, Shown};
use antipode_store::keyspace::{DocumentKey, EdgeKey, MessageKey};
use antipode_store::record::{Record as _, ReplicaTable, StoredMessage};
use antipode_store::{CollectionId, Direction, Space, Storage, StreamId};
use antipode_value::{Str, layout};

use crate::changes::{Changes, Entry, delete_range};
pub(crate) use crate::changes::{edge_ends, expires_ms};
use crate::error::EngineError;
use crate::stored;

/// A discarded write, with the document that lost it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub collection: CollectionId,
    pub key: Str,
    /// The operation whose arrival discarded something.
    pub arrived: Stamp,
    pub discard: Discard,
}

pub(crate) struct WorkingSet {
    pub(crate) storage: Arc<dyn Storage>,
    /// The batch that is being written, if one is.
    pub(crate) below: Option<Arc<Changes>>,
    pub(crate) changes: Changes,
    pub(crate) reports: Vec<Report>,
    undo: Undo,
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
    /// A working set on top of the batch in flight. `changes` is empty.
    pub fn new(storage: Arc<dyn Storage>, below: Option<Arc<Changes>>, changes: Changes) -> Self {
        Self {
            storage,
            below,
            changes,
            reports: Vec::new(),
            undo: Undo::default(),
        }
    }

    /// Begins a transaction: from here on changes can be taken back.
    pub fn begin(&mut self) {
        self.changes.holders.begin();
        self.undo.documents.clear();
        self.undo.tails.clear();
        self.undo.messages = self.changes.messages.len();
        self.undo.reports = self.reports.len();
    }

    /// Takes back everything since [`WorkingSet::begin`].
    pub fn roll_back(&mut self) {
        self.changes.holders.roll_back();
        let undo = std::mem::take(&mut self.undo);
        for (position, document, changed) in undo.documents.into_iter().rev() {
            if let Some(entry) = self.changes.entries.get_mut(position) {
                entry.document = document;
                entry.sealed = None;
                entry.changed = changed;
            }
        }
        for (tail, seq) in undo.tails.into_iter().rev() {
            self.changes.tails.insert(tail, seq);
        }
        self.changes.messages.truncate(undo.messages);
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
        Ok(&self.changes.entries[position].document)
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
        let entry = &mut self.changes.entries[position];
        self.undo
            .documents
            .push((position, entry.document.clone(), entry.changed));
        entry.changed = true;
        entry.sealed = None;
        let discards = entry.document.apply(operation, stamp, context);
        self.reports
            .extend(discards.into_iter().map(|discard| Report {
                collection,
                key: key.clone(),
                arrived: stamp,
                discard,
            }));
        Ok(&self.changes.entries[position].document)
    }

    /// The version of a document as the batch has made it so far. Its record is made for that, and kept.
    pub fn revision(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
        key: &Str,
    ) -> Result<Option<Revision>, EngineError> {
        let position = self.load(numbers, collection, key)?;
        let entry = &mut self.changes.entries[position];
        if entry.document.is_empty() {
            return Ok(None);
        }
        let sealed = match entry.sealed.take() {
            Some(sealed) => sealed,
            None => stored::seal(&entry.document, numbers)?,
        };
        let revision = sealed.revision();
        entry.bytes_at_most = sealed.body().len();
        entry.sealed = Some(sealed);
        Ok(revision)
    }

    /// Whether the documents that the transaction under way has changed are still within the limit for one document. An
    /// operation of `bytes` can have made them larger by no more than that, so few need to be looked at.
    pub fn within_limit(&mut self, numbers: &ReplicaTable, bytes: usize) -> bool {
        let changed: Vec<usize> = self
            .undo
            .documents
            .iter()
            .map(|(position, ..)| *position)
            .collect();
        changed.into_iter().all(|position| {
            let Some(entry) = self.changes.entries.get_mut(position) else {
                return true;
            };
            if let Some(sealed) = &entry.sealed {
                return sealed.body().len() <= layout::BYTES_MAX;
            }
            entry.bytes_at_most = entry.bytes_at_most.saturating_add(bytes);
            if entry.bytes_at_most > layout::BYTES_MAX {
                let mut scratch = Vec::new();
                let encoded = entry.document.encode(&mut numbers.known(), &mut scratch);
                entry.bytes_at_most = encoded.body.len();
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
        let tail = match self.changes.tails.get(&(stream, origin)) {
            Some(tail) => *tail,
            None => match self.below_tail(stream, origin) {
                Some(tail) => tail,
                None => last_message(&*self.storage, stream, origin)?,
            },
        };
        let seq = tail + 1;
        self.undo.tails.push(((stream, origin), tail));
        self.changes.tails.insert((stream, origin), seq);
        self.changes.messages.push((
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
        if let Some(position) = self.changes.position(collection, key) {
            return Ok(position);
        }
        let below = self.below.as_ref();
        let (before, document) = match below.and_then(|below| below.entry(collection, key)) {
            Some(entry) => (entry.after(numbers)?, entry.document.clone()),
            None => self.read(numbers, collection, key)?,
        };
        let bytes_at_most = before
            .as_ref()
            .map_or(0, |shown: &Shown| shown.body().len());
        Ok(self.changes.add(Entry {
            collection,
            key: key.clone(),
            before,
            document,
            sealed: None,
            changed: false,
            bytes_at_most,
        }))
    }

    /// The document of a key as the store has it.
    fn read(
        &self,
        numbers: &ReplicaTable,
        collection: CollectionId,
        key: &Str,
    ) -> Result<(Option<Shown>, Document), EngineError> {
        let store_key = DocumentKey { collection, key }.encode();
        match self.storage.get(Space::Documents, &store_key)? {
            Some(record) => Ok((
                stored::shown(&store_key, &record, numbers)?,
                stored::document(&store_key, &record, numbers)?,
            )),
            None => Ok((None, Document::default())),
        }
    }

    fn below_tail(&self, stream: StreamId, origin: ReplicaId) -> Option<u64> {
        self.below.as_ref()?.tails.get(&(stream, origin)).copied()
    }

    /// Ends a collection: all its documents and index entries go, also those that this batch has made.
    pub fn end_collection(
        &mut self,
        numbers: &ReplicaTable,
        collection: CollectionId,
    ) -> Result<(), EngineError> {
        // Whether the store has what the batch below makes of a document, or not yet, is open: so these are taken from there.
        if let Some(below) = self.below.clone() {
            for entry in &below.entries {
                if entry.collection == collection {
                    self.load(numbers, collection, &entry.key)?;
                }
            }
        }
        for entry in &mut self.changes.entries {
            if entry.collection == collection {
                entry.document = Document::default();
                entry.sealed = None;
                entry.changed = true;
            }
        }
        let range = DocumentKey::range(collection);
        let snapshot = self.storage.snapshot();
        let mut cursor = snapshot.scan(Space::Documents, range.clone(), Direction::Forward);
        while let Some((store_key, record)) = cursor.next()? {
            let key = stored::document_key(store_key)?;
            // What the working set holds is accounted for when the batch is finished.
            if self.changes.position(collection, key.key).is_some() {
                continue;
            }
            let record = bytes::Bytes::copy_from_slice(record);
            if let Some(shown) = stored::shown(store_key, &record, numbers)? {
                let share = stored::digest(collection, key.key, &shown);
                self.changes.totals.digest = self.changes.totals.digest.wrapping_sub(share);
                self.changes.totals.count(collection, -1);
            }
        }
        delete_range(&mut self.changes.batch, Space::Documents, &range);
        delete_range(
            &mut self.changes.batch,
            Space::Edges,
            &EdgeKey::range(collection),
        );
        Ok(())
    }

    /// Ends a stream: all its messages go.
    pub fn end_stream(&mut self, stream: StreamId) {
        self.changes
            .messages
            .retain(|(key, _)| key.stream != stream);
        self.changes.tails.retain(|(name, _), _| *name != stream);
        self.changes.ended_streams.push(stream);
    }

    /// What the batch changes, and the reports of what was discarded.
    pub fn freeze(self) -> (Changes, Vec<Report>) {
        (self.changes, self.reports)
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
