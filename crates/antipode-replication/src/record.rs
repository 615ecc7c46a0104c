//! A log record as replication sees it: a causal header and bytes that it never looks into.

use antipode_clock::{ReplicaId, TxHeader};
use bytes::Bytes;
use thiserror::Error;

/// Hash of a record and of all records of the same origin before it. Two logs of one origin that agree on the hash at a
/// sequence number hold the same records up to there.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChainHash(pub u64);

/// One transaction as it stands in the log and as it travels.
///
/// The header carries the causal context as the entries that moved since the same origin's transaction before. A
/// transaction is delivered only right after that one, whose context was covered when it was delivered, so the moved
/// entries are all that the causal check needs; whoever needs the full context keeps it for each origin and applies the
/// delta.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its place in history.
    pub header: TxHeader,
    /// The chain hash up to and including this record.
    pub chain: ChainHash,
    /// The whole log record as stored, header included: what is sent and relayed, byte for byte.
    pub bytes: Bytes,
}

impl Record {
    /// What the record counts for in buffers, credits and queues.
    #[must_use]
    pub fn size(&self) -> u64 {
        Self::size_of(&self.bytes)
    }

    /// What a record of these bytes counts for.
    #[must_use]
    pub fn size_of(bytes: &Bytes) -> u64 {
        bytes.len() as u64 + RECORD_OVERHEAD_BYTES
    }
}

/// Added to each record's bytes when they are counted, for the header kept beside them.
const RECORD_OVERHEAD_BYTES: u64 = 64;

/// A record whose bytes are not a record: its checksum is wrong, or it has no readable header.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("damaged record: {0}")]
pub struct DamagedRecord(pub String);

/// Reads header and chain hash out of the bytes of a log record, verifying its checksum. Handed in, since the format of
/// a record belongs to the store.
pub type RecordReader = fn(Bytes) -> Result<Record, DamagedRecord>;

/// How far this replica holds the log of one origin.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// Last sequence number.
    pub seq: u64,
    /// Chain hash at it.
    pub chain: ChainHash,
    /// The origin's process starts and the last sequence number of each, oldest first; the newest
    /// [`Head::BOOTS_MAX`].
    pub boots: Vec<(u64, u64)>,
}

impl Head {
    /// How many process starts of an origin are remembered.
    pub const BOOTS_MAX: usize = 256;

    /// Moves the head to the next record of its origin.
    pub fn advance(&mut self, record: &Record) {
        self.seq = record.header.dot.seq;
        self.chain = record.chain;
        if let Some(boot) = record.header.boot {
            self.boots.push((boot, self.seq));
            if self.boots.len() > Self::BOOTS_MAX {
                self.boots.remove(0);
            }
        } else if let Some((_, last)) = self.boots.last_mut() {
            *last = self.seq;
        }
    }
}

/// A piece of one origin's log, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogRange {
    /// Whose log.
    pub origin: ReplicaId,
    /// First sequence number.
    pub first: u64,
    /// Last sequence number.
    pub last: u64,
}

/// Reads the records of `ranges` in the order of their stamps until `bytes_max` is passed, so that a receiver can apply
/// each as it comes: a stamp is above every stamp that its writer had seen, hence stamp order is a causal order. At
/// least one record is returned if there is one. `read` fetches one record of the log; a record that is not there ends
/// its range.
///
/// # Errors
/// Whatever `read` fails with.
pub fn read_merged<E>(
    ranges: &[LogRange],
    bytes_max: u64,
    mut read: impl FnMut(ReplicaId, u64) -> Result<Option<Record>, E>,
) -> Result<Vec<Record>, E> {
    let mut heads = Vec::with_capacity(ranges.len());
    for range in ranges.iter().filter(|range| range.first <= range.last) {
        if let Some(record) = read(range.origin, range.first)? {
            heads.push((record, range.last));
        }
    }
    let mut records = Vec::new();
    let mut bytes = 0;
    while bytes < bytes_max || records.is_empty() {
        let Some(oldest) = (0..heads.len()).min_by_key(|index| heads[*index].0.header.stamp) else {
            break;
        };
        let (record, last) = heads.swap_remove(oldest);
        let dot = record.header.dot;
        if dot.seq < last
            && let Some(next) = read(dot.replica, dot.seq + 1)?
        {
            heads.push((next, last));
        }
        bytes += record.size();
        records.push(record);
    }
    Ok(records)
}
