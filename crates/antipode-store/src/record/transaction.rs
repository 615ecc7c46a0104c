//! The log record of a transaction: what is stored in the log, and what crosses the wide-area network.
//!
//! ```text
//! envelope (version, checksum)                                                        5 bytes
//! previous    chain hash of the same origin's transaction before; 0 for the first     8 bytes, little endian
//! header      causal header (TxHeader)                                                length, bytes
//! count       number of operations                                                    varint
//! operation*  kind (1 byte) · payload                                                 length, bytes
//!
//! payload of kind 1, document   collection (8 bytes, little endian) · key (length, bytes) · operation (the rest)
//! payload of kind 2, message    stream (8 bytes, little endian) · message (see `message`)
//! ```
//!
//! The **chain hash** of a record is XXH3-64 over all its bytes. As the record holds the hash of the one before, equal
//! hashes at one sequence number mean equal logs up to there.
//!
//! A record is kept and relayed byte for byte, also where this program does not know all of it: bytes that follow the
//! known fields of the header belong to a newer version and are passed over, and an operation of an unknown kind is an
//! error only for who wants to apply it.

use antipode_clock::codec::{Reader, Writer};
use antipode_clock::{Dot, Stamp, TxHeader};
use antipode_crdt::{DecodeError, Operation};
use antipode_value::Str;
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::{Message, open, read_text, seal};
use crate::{CollectionId, RecordError, StreamId};

/// Hash of a log record and, through the hash that it holds, of all records of its origin before it. 0 stands before the
/// first.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainHash(pub u64);

/// One operation of a transaction. The i-th is stamped i ticks after the header's stamp.
#[derive(Clone, Debug)]
pub enum TxOp {
    /// A change of a document.
    Document {
        /// In which collection.
        collection: CollectionId,
        /// Under which `_key`.
        key: Str,
        /// What changes.
        operation: Operation,
    },
    /// A message appended to a stream.
    Message {
        /// To which stream.
        stream: StreamId,
        /// The message.
        message: Message,
    },
}

/// Room for an operation of the usual size, so that it need not move while it is written.
const PAYLOAD_BYTES_USUAL: usize = 256;
/// The same for a header.
const HEADER_BYTES_USUAL: usize = 64;

const DOCUMENT: u8 = 1;
const MESSAGE: u8 = 2;

impl TxOp {
    fn kind(&self) -> u8 {
        match self {
            Self::Document { .. } => DOCUMENT,
            Self::Message { .. } => MESSAGE,
        }
    }

    fn write_payload(&self, out: &mut Writer) {
        match self {
            Self::Document {
                collection,
                key,
                operation,
            } => {
                out.u64_fixed(collection.0);
                out.text(key);
                out.raw(&operation.encode());
            }
            Self::Message { stream, message } => {
                out.u64_fixed(stream.0);
                message.write(out);
            }
        }
    }

    fn read(index: usize, kind: u8, payload: &Bytes) -> Result<Self, RecordError> {
        let mut input = Reader::new(payload);
        match kind {
            DOCUMENT => {
                let collection = CollectionId(input.u64_fixed("collection")?);
                let key = read_text(&mut input, "document key")?;
                let operation = Operation::decode(&payload.slice(input.position()..))
                    .map_err(|error| undecodable(index, error))?;
                Ok(Self::Document {
                    collection,
                    key,
                    operation,
                })
            }
            MESSAGE => {
                let stream = StreamId(input.u64_fixed("stream")?);
                let message = Message::read(&mut input)?;
                input.finish("message")?;
                Ok(Self::Message { stream, message })
            }
            kind => Err(RecordError::UnknownOperation {
                index,
                what: "kind",
                kind,
            }),
        }
    }
}

fn undecodable(index: usize, error: DecodeError) -> RecordError {
    match error {
        DecodeError::Unknown { what, tag } => RecordError::UnknownOperation {
            index,
            what,
            kind: tag,
        },
        other => RecordError::Part {
            part: "operation",
            what: format!("number {index}: {other}"),
        },
    }
}

/// A log record: its bytes, and what was read of them. The operations are decoded when they are asked for.
#[derive(Clone, Debug)]
pub struct TransactionRecord {
    bytes: Bytes,
    header: TxHeader,
    previous: ChainHash,
    operation_count: usize,
    /// Where the first operation begins in `bytes`.
    operations_at: usize,
}

/// Bytes of the shortest encoded operation: its kind and an empty payload.
const OPERATION_BYTES_MIN: usize = 2;

impl TransactionRecord {
    /// The newest version of the format.
    pub const VERSION: u8 = 1;

    /// The bytes of a transaction.
    ///
    /// # Panics
    ///
    /// If the header has fewer ticks than there are operations: two of them would share a stamp.
    #[must_use]
    pub fn seal(header: &TxHeader, previous: ChainHash, operations: &[TxOp]) -> Bytes {
        assert!(
            operations.len() as u64 <= u64::from(header.ticks),
            "transaction {} has {} operations on {} ticks",
            header.dot,
            operations.len(),
            header.ticks
        );
        let mut scratch = Writer::with_capacity(HEADER_BYTES_USUAL);
        header.encode(&mut scratch);
        Bytes::from(seal(Self::VERSION, |out| {
            out.u64_fixed(previous.0);
            out.bytes(scratch.as_slice());
            out.varint(operations.len() as u64);
            for operation in operations {
                let mut payload = Writer::with_capacity(PAYLOAD_BYTES_USUAL);
                operation.write_payload(&mut payload);
                out.u8(operation.kind());
                out.bytes(payload.as_slice());
            }
        }))
    }

    /// Reads a record: its checksum is verified, its header decoded, its operations found but not decoded.
    pub fn open(bytes: Bytes) -> Result<Self, RecordError> {
        let (_version, body) = open(&bytes, Self::VERSION)?;
        let mut input = Reader::new(body);
        let previous = ChainHash(input.u64_fixed("previous chain hash")?);
        let header = TxHeader::decode(&mut Reader::new(input.bytes("header")?))?;
        let operation_count = input.count(OPERATION_BYTES_MIN, "operations")?;
        if operation_count as u64 > u64::from(header.ticks) {
            return Err(input.invalid("number of operations").into());
        }
        let operations_at = bytes.len() - input.remaining();
        for _ in 0..operation_count {
            input.u8("operation kind")?;
            input.bytes("operation")?;
        }
        input.finish("transaction")?;
        Ok(Self {
            header,
            previous,
            operation_count,
            operations_at,
            bytes,
        })
    }

    /// The record's bytes, as stored and as sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The transaction's place in history.
    #[must_use]
    pub fn header(&self) -> &TxHeader {
        &self.header
    }

    /// The chain hash that the origin's transaction before must have.
    #[must_use]
    pub fn previous(&self) -> ChainHash {
        self.previous
    }

    /// The chain hash of this record.
    #[must_use]
    pub fn chain(&self) -> ChainHash {
        chain_hash(&self.bytes)
    }

    /// How many operations there are.
    #[must_use]
    pub fn operation_count(&self) -> usize {
        self.operation_count
    }

    /// The operations in order, each with its stamp.
    pub fn operations(&self) -> impl Iterator<Item = Result<(Stamp, TxOp), RecordError>> + '_ {
        let mut at = self.operations_at;
        (0..self.operation_count).map(move |index| {
            let mut input = Reader::new(self.bytes.get(at..).unwrap_or_default());
            let kind = input.u8("operation kind")?;
            let length = input.bytes("operation")?.len();
            let end = at + input.position();
            at = end;
            let payload = self.bytes.slice(end - length..end);
            let stamp = self.header.stamp.plus(index as u64);
            Ok((stamp, TxOp::read(index, kind, &payload)?))
        })
    }

    /// Whether this is the record of `dot`: bytes from a peer or a disk may be another's.
    #[must_use]
    pub fn is(&self, dot: Dot) -> bool {
        self.header.dot == dot && self.header.stamp.replica == dot.replica
    }
}

/// The chain hash of a record, given its bytes.
#[must_use]
pub fn chain_hash(record: &[u8]) -> ChainHash {
    ChainHash(xxh3_64(record))
}
