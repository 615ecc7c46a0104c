//! What a query reads from and writes to.
//!
//! The engine implements these traits over a snapshot and the open transaction; the tests implement them over a map.
//! Reads of a query see the snapshot from before its first write ([`Source::scan`], [`Source::get`]); only the
//! statements that change documents look at their own earlier writes ([`Transaction::current`]).
//!
//! All methods take `&self`: a scan stays open while the rows that it delivers are written, so an implementation keeps
//! the writes of the transaction behind a `RefCell`. A query runs on one thread.

use std::ops::Bound;

use antipode_crdt::Draft;
use antipode_value::Value;

use crate::error::Retry;
use crate::index::{GeoRead, IndexId, IndexInfo, IndexRead};

/// Identity of a collection; a collection that was dropped and made again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionId(pub u64);

/// Identity of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What a collection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionKind {
    /// Documents.
    Document,
    /// Edges: documents with `_from` and `_to`.
    Edge,
    /// A key-value store; its documents have `value` and may have `expireAt`.
    KeyValue,
}

/// A collection as the catalog of this transaction knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Identity.
    pub id: CollectionId,
    /// Name at the time of the snapshot.
    pub name: String,
    /// What it holds.
    pub kind: CollectionKind,
}

/// A stream as the catalog of this transaction knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Identity.
    pub id: StreamId,
    /// Name.
    pub name: String,
}

/// A named graph as the catalog of this transaction knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphInfo {
    /// Its edge collections.
    pub edge_collections: Vec<String>,
    /// Its vertex collections, orphans included.
    pub vertex_collections: Vec<String>,
}

/// Names, kinds and sizes: all that compiling a query needs.
pub trait Catalog {
    /// The collection with this name.
    fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, SourceError>;

    /// Every collection, in the order of the names.
    fn collections(&self) -> Result<Vec<CollectionInfo>, SourceError>;

    /// The stream with this name.
    fn stream(&self, name: &str) -> Result<Option<StreamInfo>, SourceError>;

    /// The named graph with this name. A catalog without named graphs has none.
    fn graph(&self, _name: &str) -> Result<Option<GraphInfo>, SourceError> {
        Ok(None)
    }

    /// The indexes of a collection that are ready to be read, by their ids; not the primary and the edge index. One that
    /// is still being built is not among them.
    fn indexes(&self, _collection: CollectionId) -> Result<Vec<IndexInfo>, SourceError> {
        Ok(Vec::new())
    }

    /// About how many documents a collection has; steers plans, never results.
    fn estimate(&self, collection: CollectionId) -> u64;
}

/// Which way an edge is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Edges whose `_from` is the vertex.
    Out,
    /// Edges whose `_to` is the vertex.
    In,
}

/// A range of keys, by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBounds {
    /// Lower end.
    pub lower: Bound<String>,
    /// Upper end.
    pub upper: Bound<String>,
    /// From the greatest key down.
    pub reverse: bool,
}

impl KeyBounds {
    /// All keys, ascending.
    pub fn all() -> KeyBounds {
        KeyBounds {
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            reverse: false,
        }
    }

    /// Whether a key is inside.
    pub fn contains(&self, key: &str) -> bool {
        let above = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => key >= lower.as_str(),
            Bound::Excluded(lower) => key > lower.as_str(),
        };
        let below = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => key <= upper.as_str(),
            Bound::Excluded(upper) => key < upper.as_str(),
        };
        above && below
    }
}

/// Where a reading of a stream begins.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamFrom {
    /// The oldest message kept.
    Earliest,
    /// Only what comes after the query's beginning: with a bounded end, nothing.
    Latest,
    /// Messages after the one with this id.
    After(String),
    /// Messages published at this time (ms) or later.
    At(i64),
    /// The newest n messages.
    Last(u64),
}

/// Where a reading of a stream ends. A query always reads a bounded part.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamUntil {
    /// The positions known when the query began.
    Now,
    /// Messages published before this time (ms).
    At(i64),
    /// Up to and with the message with this id.
    Id(String),
}

/// What to do where retention has taken messages that the reading asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGap {
    /// Fail with 5201.
    Error,
    /// Go on behind the gap, with a warning.
    Skip,
}

/// How payloads are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    /// The JSON value.
    Json,
    /// A string.
    Text,
    /// A Base64 string.
    Bytes,
}

/// One bounded reading of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRead {
    /// The stream.
    pub stream: StreamId,
    /// Where it begins.
    pub from: StreamFrom,
    /// Where it ends.
    pub until: StreamUntil,
    /// Only messages from these regions, if given.
    pub regions: Option<Vec<String>>,
    /// Only messages with this key, if given.
    pub key: Option<String>,
    /// What to do at a gap.
    pub on_gap: OnGap,
    /// How payloads are shown.
    pub format: PayloadFormat,
}

/// Rows delivered in batches.
pub trait Scan {
    /// Appends at most `max` values to `out`; false once nothing can follow.
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError>;
}

/// One snapshot of the data, with the catalog of the same moment. Documents come with `_key`, `_id`, `_rev`, and edges
/// with `_from` and `_to`.
pub trait Source: Catalog {
    /// How many documents the snapshot holds.
    fn count(&self, collection: CollectionId) -> Result<u64, SourceError>;

    /// The document of a key.
    fn get(&self, collection: CollectionId, key: &str) -> Result<Option<Value>, SourceError>;

    /// The documents of a range of keys, in the order of the keys.
    fn scan(
        &self,
        collection: CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError>;

    /// The edges of a vertex (an `_id`), in the order of their keys.
    fn edges(
        &self,
        collection: CollectionId,
        vertex: &str,
        direction: Direction,
    ) -> Result<Box<dyn Scan + '_>, SourceError>;

    /// The part of a persistent index that a reading asks for, in the order of the entries, and equal entries in the
    /// order of the keys (both turned round if `reverse`). A document comes once for each of its entries inside.
    fn index_scan(
        &self,
        _collection: CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Err(no_index(read.index))
    }

    /// The documents of a geo index that a reading asks for, each once. A few more than asked for may come, where rounding
    /// makes the bounds unsure.
    fn geo_scan(
        &self,
        _collection: CollectionId,
        read: &GeoRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Err(no_index(read.index))
    }

    /// The keys of the documents that have a word in a fulltext index, or a word that begins so if `prefix`; ascending by
    /// their bytes, each once. The word is as [`crate::index::words`] makes it.
    fn fulltext_keys(
        &self,
        _collection: CollectionId,
        index: IndexId,
        _word: &str,
        _prefix: bool,
    ) -> Result<Vec<String>, SourceError> {
        Err(no_index(index))
    }

    /// The messages of a bounded reading, as objects with `id`, `seq`, `region`, `producer`, `key`, `properties`,
    /// `publishTime`, `eventTime` and `payload`; each origin in its order, origins merged by time.
    fn messages(&self, read: &StreamRead) -> Result<Box<dyn Scan + '_>, SourceError>;
}

/// What a write asks of the document that it meets. The committer asks again, of the newest state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No document may exist (else 1210).
    Absent,
    /// A document must exist (else 1202).
    Exists,
    /// Either.
    Any,
    /// The document that this transaction's snapshot saw, or what this transaction made of it; if another transaction
    /// came between, the whole transaction is retried or fails with 1200.
    Unchanged,
}

/// Documents around a write, with their system attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The key, generated if none was given.
    pub key: String,
    /// The document before; none if it did not exist.
    pub old: Option<Value>,
    /// The document after; none if it was removed.
    pub new: Option<Value>,
}

/// A message to publish when the transaction commits.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Key, for compaction and routing.
    pub key: Option<String>,
    /// String pairs.
    pub properties: Vec<(String, String)>,
    /// When what it tells happened, in ms; 0 if unset.
    pub event_time: i64,
    /// What it tells.
    pub payload: Value,
}

/// A snapshot together with the writes of one transaction on top of it.
pub trait Transaction: Source {
    /// Resolves a draft against the document as this transaction sees it, and keeps the write for the commit. Without a
    /// key, an INSERT gets a generated one.
    fn write(
        &self,
        collection: CollectionId,
        key: Option<&str>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Written, SourceError>;

    /// The document of a key, own writes included.
    fn current(&self, collection: CollectionId, key: &str) -> Result<Option<Value>, SourceError>;

    /// All documents of a range of keys, own writes up to now included.
    fn scan_current(
        &self,
        collection: CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError>;

    /// As [`Source::index_scan`], own writes up to now included.
    fn index_scan_current(
        &self,
        _collection: CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Err(no_index(read.index))
    }

    /// Keeps a message for the commit; gives `{id, seq, publishTime}` as far as they are known now.
    fn publish(&self, stream: StreamId, message: Message) -> Result<Value, SourceError>;
}

/// What a source says that has no such index.
fn no_index(index: IndexId) -> SourceError {
    SourceError::Other {
        code: 1212,
        retry: Retry::Now,
        message: format!("index not found: {}", index.0),
    }
}

/// What a source can refuse or fail at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The document to change does not exist.
    #[error("document not found: {collection}/{key}")]
    NotFound {
        /// Collection name.
        collection: String,
        /// Key.
        key: String,
    },
    /// The document to insert exists.
    #[error("unique constraint violated: key '{key}' exists in {collection}")]
    KeyTaken {
        /// Collection name.
        collection: String,
        /// Key.
        key: String,
    },
    /// Another transaction changed the document first, or its `_rev` is not the expected one.
    #[error("write-write conflict on {collection}/{key}")]
    Conflict {
        /// Collection name.
        collection: String,
        /// Key.
        key: String,
    },
    /// The collection or stream is gone.
    #[error("collection or stream not found: {name}")]
    Gone {
        /// Its name.
        name: String,
    },
    /// Anything with a number of its own: limits, read-only nodes, storage trouble.
    #[error("{message}")]
    Other {
        /// The number.
        code: u32,
        /// Whether a retry can help.
        retry: Retry,
        /// Text for people.
        message: String,
    },
}

impl SourceError {
    /// The stable number.
    pub fn code(&self) -> u32 {
        match self {
            SourceError::NotFound { .. } => 1202,
            SourceError::KeyTaken { .. } => 1210,
            SourceError::Conflict { .. } => 1200,
            SourceError::Gone { .. } => 1203,
            SourceError::Other { code, .. } => *code,
        }
    }

    /// Whether a retry can help.
    pub fn retry(&self) -> Retry {
        match self {
            SourceError::Conflict { .. } => Retry::Now,
            SourceError::Other { retry, .. } => *retry,
            SourceError::NotFound { .. }
            | SourceError::KeyTaken { .. }
            | SourceError::Gone { .. } => Retry::Never,
        }
    }
}
