//! The bytes behind the keys: every record that a node stores.
//!
//! All records begin alike, and what follows depends on the kind:
//!
//! ```text
//!  byte   0        1 ──── 4    5 ──────────────────
//!       ┌────────┬───────────┬──────────────────────
//!       │version │ checksum  │ body
//!       └────────┴───────────┴──────────────────────
//!                  CRC32C, little endian, of the version byte and the body
//! ```
//!
//! The version numbers the format of this kind of record, from 1. A reader takes every version up to the newest it knows
//! and refuses a newer one with [`RecordError::Version`]; what it stores, it stores in the newest version. The checksum
//! is verified whenever a record is opened, with one exception: a document that a scan only reads (see [`document`]).
//!
//! Nothing here trusts the bytes: whatever they are, the result is the record or an error.

pub mod discard;
pub mod document;
pub mod group;
pub mod index;
pub mod message;
pub mod node;
pub mod replicas;
pub mod transaction;

use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_value::Str;
use bytes::Bytes;

use crate::{RecordError, Snapshot, Space, Storage, StoreError};

pub use discard::DiscardRecord;
pub use document::{DocumentRecord, SealedDocument};
pub use group::{GroupState, Head, Membership, Vector};
pub use index::{IndexPhase, IndexRow, IndexState};
pub use message::{Message, Payload, StoredMessage};
pub use node::{ClockBound, Count, EdgeEnd, ExpiryMark, Identity};
pub use replicas::{KnownReplicas, ReplicaTable};
pub use transaction::{ChainHash, TransactionRecord, TxOp};

/// Bytes in front of every body: version and checksum.
pub const ENVELOPE_BYTES: usize = 5;

/// A kind of record that is decoded as a whole.
pub trait Record: Sized {
    /// The newest version of the format, which is the one written.
    const VERSION: u8;

    /// Writes the body.
    fn write_body(&self, out: &mut Writer);

    /// Reads a body of the given version.
    fn read_body(version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError>;

    /// The record's bytes.
    fn seal(&self) -> Vec<u8> {
        seal(Self::VERSION, |out| self.write_body(out))
    }

    /// Reads what [`Record::seal`] wrote, all of it.
    fn open(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, body) = open(bytes, Self::VERSION)?;
        let mut input = Reader::new(body);
        let record = Self::read_body(version, &mut input)?;
        input.finish("record")?;
        Ok(record)
    }

    /// The record under `key`, if there is one, with the key in every error.
    fn load(snapshot: &dyn Snapshot, space: Space, key: &[u8]) -> Result<Option<Self>, StoreError> {
        open_at(snapshot.get(space, key)?, space, key)
    }

    /// As [`Record::load`], of the newest state.
    fn load_latest(
        storage: &dyn Storage,
        space: Space,
        key: &[u8],
    ) -> Result<Option<Self>, StoreError> {
        open_at(storage.get(space, key)?, space, key)
    }
}

fn open_at<R: Record>(
    bytes: Option<Bytes>,
    space: Space,
    key: &[u8],
) -> Result<Option<R>, StoreError> {
    bytes
        .map(|bytes| R::open(&bytes).map_err(|error| error.at(space, key)))
        .transpose()
}

/// Room for a record of the usual size, so that it need not move while it is written.
const RECORD_BYTES_USUAL: usize = 384;

/// A record of this version with the body that `write` writes.
fn seal(version: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::append_to(Vec::with_capacity(RECORD_BYTES_USUAL));
    out.u8(version);
    out.u32_fixed(0);
    write(&mut out);
    let mut bytes = out.into_bytes();
    set_checksum(&mut bytes);
    bytes
}

/// Writes the checksum of a record that is otherwise complete.
fn set_checksum(record: &mut [u8]) {
    let checksum = checksum(record).to_le_bytes();
    if let Some(place) = record.get_mut(1..ENVELOPE_BYTES) {
        place.copy_from_slice(&checksum);
    }
}

fn checksum(record: &[u8]) -> u32 {
    let version = record.get(..1).unwrap_or_default();
    let body = record.get(ENVELOPE_BYTES..).unwrap_or_default();
    crc32c::crc32c_append(crc32c::crc32c(version), body)
}

/// Version and body of a record whose version is known and whose checksum is right.
fn open(record: &[u8], newest: u8) -> Result<(u8, &[u8]), RecordError> {
    let mut input = Reader::new(record);
    input.u8("version")?;
    let found = input.u32_fixed("checksum")?;
    // The checksum first: a flipped bit in the version byte is damage, not a newer program's record.
    let computed = checksum(record);
    if found != computed {
        return Err(RecordError::Checksum { found, computed });
    }
    open_unchecked(record, newest)
}

/// Version and body of a record whose version is known; its checksum is not looked at.
fn open_unchecked(record: &[u8], newest: u8) -> Result<(u8, &[u8]), RecordError> {
    let mut input = Reader::new(record);
    let version = input.u8("version")?;
    if version == 0 || version > newest {
        return Err(RecordError::Version {
            found: version,
            newest,
        });
    }
    input.u32_fixed("checksum")?;
    Ok((version, input.rest()))
}

/// A text that owns its bytes.
fn read_text(input: &mut Reader<'_>, what: &'static str) -> Result<Str, CodecError> {
    input.text(what).map(Str::from)
}

/// A flag byte and, where it is 1, what `read` reads.
fn read_optional<'a, T>(
    input: &mut Reader<'a>,
    what: &'static str,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, CodecError>,
) -> Result<Option<T>, CodecError> {
    match input.u8(what)? {
        0 => Ok(None),
        1 => read(input).map(Some),
        _ => Err(input.invalid(what)),
    }
}

fn write_optional<T>(out: &mut Writer, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
    match value {
        None => out.u8(0),
        Some(value) => {
            out.u8(1);
            write(out, value);
        }
    }
}
