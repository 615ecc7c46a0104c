//! Scans over a snapshot, as queries read them.
//!
//! The records of a batch are copied into one buffer that all its documents share, so that a scan allocates once a batch
//! and not once a document; what a document shows is then read in place.

use std::ops::{Bound, Range};

use antipode_query::{KeyBounds, Scan, SourceError};
use antipode_store::keyspace::{DocumentKey, EdgeKey};
use antipode_store::{CollectionId, Cursor, Direction, KeyRange, RecordError, Space};
use antipode_value::{Str, Value};
use bytes::Bytes;

use crate::catalog::CollectionEntry;
use crate::session::{OpenTransaction, store_failed};
use crate::stored;

/// Bytes of a key in [`Space::Documents`] in front of the `_key`.
const COLLECTION_BYTES: usize = 8;

/// The documents of a range of keys.
pub(crate) struct DocumentScan<'a> {
    transaction: &'a OpenTransaction,
    entry: &'a CollectionEntry,
    cursor: Box<dyn Cursor + 'a>,
}

impl<'a> DocumentScan<'a> {
    pub fn open(
        transaction: &'a OpenTransaction,
        collection: CollectionId,
        keys: &KeyBounds,
    ) -> Result<Self, SourceError> {
        let entry = transaction.entry_by_id(collection)?;
        let direction = if keys.reverse {
            Direction::Backward
        } else {
            Direction::Forward
        };
        let cursor =
            transaction
                .snapshot
                .scan(Space::Documents, key_range(collection, keys), direction);
        Ok(Self {
            transaction,
            entry,
            cursor,
        })
    }

    /// How many documents are left that have not expired.
    pub fn count_rest(&mut self) -> Result<u64, SourceError> {
        let mut count = 0;
        let mut batch = Vec::new();
        loop {
            let more = self.next_batch(1_000, &mut batch)?;
            count += batch.len() as u64;
            batch.clear();
            if !more {
                return Ok(count);
            }
        }
    }
}

/// The range of store keys for a range of `_key`s.
fn key_range(collection: CollectionId, keys: &KeyBounds) -> KeyRange {
    let encode = |key: &str| DocumentKey { collection, key }.encode();
    // The next key after one is the same with a zero byte behind it.
    let after = |key: &str| {
        let mut bytes = encode(key);
        bytes.push(0);
        bytes
    };
    let mut range = DocumentKey::range(collection);
    range = match &keys.lower {
        Bound::Unbounded => range,
        Bound::Included(key) => range.starting_at(encode(key)),
        Bound::Excluded(key) => range.starting_at(after(key)),
    };
    match &keys.upper {
        Bound::Unbounded => range,
        Bound::Included(key) => range.ending_before(after(key)),
        Bound::Excluded(key) => range.ending_before(encode(key)),
    }
}

impl Scan for DocumentScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        let mut buffer = Vec::new();
        let mut places: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(max.min(1_024));
        let mut more = true;
        while places.len() < max {
            let Some((key, record)) = self.cursor.next().map_err(store_failed)? else {
                more = false;
                break;
            };
            let key_at = buffer.len();
            buffer.extend_from_slice(key);
            let record_at = buffer.len();
            buffer.extend_from_slice(record);
            places.push((key_at..record_at, record_at..buffer.len()));
        }
        let buffer = Bytes::from(buffer);
        for (key, record) in places {
            let shown = stored::seen(
                &buffer[key.clone()],
                &buffer.slice(record),
                &*self.transaction.numbers,
            )
            .map_err(store_failed)?;
            let text = key_text(&buffer, key)?;
            out.extend(self.transaction.present(self.entry, &text, shown));
        }
        Ok(more)
    }
}

fn key_text(buffer: &Bytes, key: Range<usize>) -> Result<Str, SourceError> {
    let text = Str::from_utf8(buffer.slice(key.start + COLLECTION_BYTES..key.end));
    text.ok_or_else(|| {
        let damaged = RecordError::Part {
            part: "document key",
            what: "not UTF-8".to_owned(),
        };
        store_failed(damaged.at(Space::Documents, &buffer[key]))
    })
}

/// The edges at one vertex.
pub(crate) struct EdgeScan<'a> {
    transaction: &'a OpenTransaction,
    entry: &'a CollectionEntry,
    cursor: Box<dyn Cursor + 'a>,
}

impl<'a> EdgeScan<'a> {
    pub fn open(
        transaction: &'a OpenTransaction,
        collection: CollectionId,
        range: KeyRange,
    ) -> Result<Self, SourceError> {
        let entry = transaction.entry_by_id(collection)?;
        let cursor = transaction
            .snapshot
            .scan(Space::Edges, range, Direction::Forward);
        Ok(Self {
            transaction,
            entry,
            cursor,
        })
    }
}

impl Scan for EdgeScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        let mut keys = Vec::with_capacity(max.min(1_024));
        let mut more = true;
        while keys.len() < max {
            let Some((key, _)) = self.cursor.next().map_err(store_failed)? else {
                more = false;
                break;
            };
            let key =
                EdgeKey::decode(key).map_err(|error| store_failed(error.at(Space::Edges, key)))?;
            keys.push(key.edge.to_owned());
        }
        for key in keys {
            let shown = self.transaction.stored(self.entry.id, &key)?;
            out.extend(self.transaction.present(self.entry, &key, shown));
        }
        Ok(more)
    }
}

/// A scan of the snapshot with the transaction's own writes in their places.
pub(crate) struct MergedScan<'a> {
    stored: DocumentScan<'a>,
    /// Own documents in scan order; none where the transaction removed one.
    own: std::iter::Peekable<std::vec::IntoIter<(Str, Option<Value>)>>,
    reverse: bool,
    batch: Vec<Value>,
}

impl<'a> MergedScan<'a> {
    /// `own` in ascending order of key.
    pub fn new(
        stored: DocumentScan<'a>,
        mut own: Vec<(Str, Option<Value>)>,
        reverse: bool,
    ) -> Self {
        if reverse {
            own.reverse();
        }
        Self {
            stored,
            own: own.into_iter().peekable(),
            reverse,
            batch: Vec::new(),
        }
    }

    fn own_before(&mut self, key: &str, out: &mut Vec<Value>) -> bool {
        let mut replaced = false;
        while let Some((own, document)) = self.own.next_if(|(own, _)| {
            let before = if self.reverse {
                own.as_str() > key
            } else {
                own.as_str() < key
            };
            before || own.as_str() == key
        }) {
            replaced |= own.as_str() == key;
            out.extend(document);
        }
        replaced
    }
}

impl Scan for MergedScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        let mut batch = std::mem::take(&mut self.batch);
        let more = self.stored.next_batch(max, &mut batch)?;
        for document in batch.drain(..) {
            let key = document.attribute("_key").to_text();
            if !self.own_before(&key, out) {
                out.push(document);
            }
        }
        self.batch = batch;
        if !more {
            out.extend(self.own.by_ref().filter_map(|(_, document)| document));
        }
        Ok(more)
    }
}
