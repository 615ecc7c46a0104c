//! Reading what the store holds, with the key at fault in every error.
//!
//! The records and their bytes are the store's (`antipode_store::record`); this module only joins them to the engine's
//! own types and to replication, which moves log records without looking into them.

use antipode_clock::ReplicaId;
use antipode_crdt::{Document, ReplicaNumbers, Revision, Shown, WriteError};
use antipode_query::{Retry, SourceError};
use antipode_replication as replication;
use antipode_replication::{DamagedRecord, LogRange, Record as LogRecord, Refusal};
use antipode_store::keyspace::{DocumentKey, LogKey, MessageKey};
use antipode_store::record::{
    ChainHash, DocumentRecord, ReplicaTable, SealedDocument, TransactionRecord, TxOp,
};
use antipode_store::{CollectionId, RecordError, Space, Storage, StoreError};
use antipode_value::Value;
use bytes::Bytes;

use crate::committer::GROUP;
use crate::error::EngineError;

/// What a document shows, read in place: for scans and comparisons.
pub(crate) fn shown(
    key: &[u8],
    record: &Bytes,
    numbers: &dyn ReplicaNumbers,
) -> Result<Option<Shown>, StoreError> {
    DocumentRecord::peek(record)
        .and_then(|record| record.shown(numbers))
        .map_err(|error| error.at(Space::Documents, key))
}

/// A document as a session reads it: what it shows, and its version.
pub(crate) fn seen(
    key: &[u8],
    record: &Bytes,
    numbers: &dyn ReplicaNumbers,
) -> Result<Option<(Value, Revision)>, StoreError> {
    let shown = shown(key, record, numbers)?;
    Ok(shown.map(|shown| {
        let revision = shown.revision();
        (shown.value, revision)
    }))
}

/// The state of a document that is about to be changed: its checksum is verified.
pub(crate) fn document(
    key: &[u8],
    record: &Bytes,
    numbers: &dyn ReplicaNumbers,
) -> Result<Document, StoreError> {
    DocumentRecord::open(record)
        .and_then(|record| record.document(numbers))
        .map_err(|error| error.at(Space::Documents, key))
}

/// The record of a document whose replicas all have numbers.
pub(crate) fn seal(
    document: &Document,
    numbers: &ReplicaTable,
) -> Result<SealedDocument, EngineError> {
    let mut known = numbers.known();
    let sealed = DocumentRecord::seal(document, &mut known);
    match known.unknown() {
        None => Ok(sealed),
        Some(replica) => Err(EngineError::Inconsistent {
            detail: format!("a document names replica {replica}, of which nothing was applied"),
        }),
    }
}

/// What one document adds to the digest of its group.
pub(crate) fn digest(collection: CollectionId, key: &str, shown: &Shown) -> u128 {
    antipode_crdt::digest(
        &collection.0.to_be_bytes(),
        key,
        shown.body(),
        &shown.revision(),
    )
}

pub(crate) fn document_key(key: &[u8]) -> Result<DocumentKey<'_>, StoreError> {
    DocumentKey::decode(key).map_err(|error| error.at(Space::Documents, key))
}

pub(crate) fn message_key(key: &[u8]) -> Result<MessageKey, StoreError> {
    MessageKey::decode(key).map_err(|error| error.at(Space::Streams, key))
}

/// The error of a write that the document's state does not allow, with the names of what it was to change.
pub(crate) fn source_error(error: WriteError, collection: &str, key: &str) -> SourceError {
    match error {
        WriteError::NotFound => SourceError::NotFound {
            collection: collection.to_owned(),
            key: key.to_owned(),
        },
        other => SourceError::Other {
            code: other.code(),
            retry: Retry::Never,
            message: format!("{collection}/{key}: {other}"),
        },
    }
}

/// The log record of an own transaction, as replication moves it.
pub(crate) fn log_record(
    header: &antipode_clock::TxHeader,
    operations: &[TxOp],
    previous: ChainHash,
) -> LogRecord {
    let bytes = TransactionRecord::seal(header, previous, operations);
    LogRecord {
        header: header.clone(),
        chain: replication::ChainHash(antipode_store::record::transaction::chain_hash(&bytes).0),
        bytes,
    }
}

/// Reads header and chain hash out of a log record, for replication.
pub(crate) fn read_record(bytes: Bytes) -> Result<LogRecord, DamagedRecord> {
    let record =
        TransactionRecord::open(bytes).map_err(|error| DamagedRecord(error.to_string()))?;
    Ok(LogRecord {
        header: record.header().clone(),
        chain: replication::ChainHash(record.chain().0),
        bytes: record.bytes().clone(),
    })
}

/// The operations of a peer's transaction, if it follows the record before it of the same origin.
pub(crate) fn operations(record: &LogRecord, previous: ChainHash) -> Result<Vec<TxOp>, Refusal> {
    let refusal = |error: RecordError| match error {
        RecordError::UnknownOperation { .. } | RecordError::Version { .. } => Refusal::Unsupported,
        _ => Refusal::Damaged,
    };
    let opened = TransactionRecord::open(record.bytes.clone()).map_err(refusal)?;
    if opened.previous() != previous {
        return Err(Refusal::Fork);
    }
    if !opened.is(record.header.dot) {
        return Err(Refusal::Damaged);
    }
    opened
        .operations()
        .map(|operation| operation.map(|(_, operation)| operation).map_err(refusal))
        .collect()
}

/// The chain hash that a log record gives for the one before it.
pub(crate) fn previous(record: &LogRecord) -> Option<ChainHash> {
    let opened = TransactionRecord::open(record.bytes.clone()).ok()?;
    Some(opened.previous())
}

/// One record of the log; its checksum is verified.
pub(crate) fn log_entry(
    storage: &dyn Storage,
    origin: ReplicaId,
    seq: u64,
) -> Result<Option<LogRecord>, StoreError> {
    let key = LogKey {
        group: GROUP,
        dot: antipode_clock::Dot::new(origin, seq),
    }
    .encode();
    let Some(bytes) = storage.get(Space::Log, &key)? else {
        return Ok(None);
    };
    let record = TransactionRecord::open(bytes).map_err(|error| error.at(Space::Log, &key))?;
    Ok(Some(LogRecord {
        header: record.header().clone(),
        chain: replication::ChainHash(record.chain().0),
        bytes: record.bytes().clone(),
    }))
}

/// Reads ranges of the log in causal order, as far as they are undamaged.
pub(crate) fn read_log(
    storage: &dyn Storage,
    ranges: &[LogRange],
    bytes_max: u64,
) -> (Vec<LogRecord>, Option<String>) {
    let mut damaged = None;
    let records = replication::read_merged(ranges, bytes_max, |origin, seq| {
        // A record that cannot be read ends its range; what stands before it is still good.
        Ok::<_, std::convert::Infallible>(log_entry(storage, origin, seq).unwrap_or_else(|error| {
            damaged = Some(error.to_string());
            None
        }))
    });
    match records {
        Ok(records) => (records, damaged),
        Err(never) => match never {},
    }
}
