//! State of a replication group. All of it changes in the same batch as the documents that it describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_clock::{Context, Hlc, VersionVector};
use bytes::Bytes;

use super::{ChainHash, Count, Record};
use crate::keyspace::{GroupKey, MetaKey};
use crate::{CollectionId, Direction, GroupId, RecordError, Snapshot, Space, StoreError};

/// A version vector: the floor, what the log holds, a mark, or the position of a stream's reader.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vector(pub VersionVector);

impl Record for Vector {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        self.0.encode(out);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self(VersionVector::decode(input)?))
    }
}

/// Where a group stands: what changes with each batch, in one record, so that a batch writes it once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GroupState {
    /// What is applied.
    pub vv: Arc<VersionVector>,
    /// The digest of the documents: a sum modulo 2^128 of one XXH3 hash for each. The version of this record also says
    /// which hash it is, over which bytes.
    pub digest: u128,
    /// The number of documents of the collections that changed last, at most [`GroupState::COUNTS_MAX`]. They go before
    /// the records of [`MetaKey::DocumentCount`], which are written when a collection leaves this list.
    pub counts: Vec<(CollectionId, u64)>,
}

impl GroupState {
    /// How many counts stand in the record.
    pub const COUNTS_MAX: usize = 8;

    /// The state of a group; that of an empty one where none was written.
    ///
    /// # Errors
    ///
    /// When the record is damaged, or the store cannot be read.
    pub fn of(snapshot: &dyn Snapshot, group: GroupId) -> Result<Self, StoreError> {
        let key = MetaKey::Group(group, GroupKey::State).encode();
        Ok(Self::load(snapshot, Space::Meta, &key)?.unwrap_or_default())
    }

    /// The number of documents of a collection of this group.
    ///
    /// # Errors
    ///
    /// When the record is damaged, or the store cannot be read.
    pub fn count(
        &self,
        snapshot: &dyn Snapshot,
        collection: CollectionId,
    ) -> Result<u64, StoreError> {
        if let Some((_, count)) = self.counts.iter().find(|(id, _)| *id == collection) {
            return Ok(*count);
        }
        let key = MetaKey::DocumentCount(collection).encode();
        let count = Count::load(snapshot, Space::Meta, &key)?;
        Ok(count.map_or(0, |count| count.0))
    }

    /// The numbers of documents of all collections.
    ///
    /// # Errors
    ///
    /// When a record is damaged, or the store cannot be read.
    pub fn all_counts(
        &self,
        snapshot: &dyn Snapshot,
    ) -> Result<BTreeMap<CollectionId, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        let mut cursor = snapshot.scan(Space::Meta, MetaKey::document_counts(), Direction::Forward);
        while let Some((key, record)) = cursor.next()? {
            let at = |error: RecordError| error.at(Space::Meta, key);
            if let MetaKey::DocumentCount(collection) = MetaKey::decode(key).map_err(at)? {
                counts.insert(collection, Count::open(record).map_err(at)?.0);
            }
        }
        counts.extend(self.counts.iter().copied());
        Ok(counts)
    }
}

impl Record for GroupState {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        self.vv.encode(out);
        out.u128_fixed(self.digest);
        out.varint(self.counts.len() as u64);
        for (collection, count) in &self.counts {
            out.u64_fixed(collection.0);
            out.varint(*count);
        }
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let vv = Arc::new(VersionVector::decode(input)?);
        let digest = input.u128_fixed("digest")?;
        let count = input.count(9, "counts")?;
        let counts = (0..count)
            .map(|_| {
                let collection = CollectionId(input.u64_fixed("collection")?);
                Ok((collection, input.varint("count")?))
            })
            .collect::<Result<_, CodecError>>()?;
        Ok(Self { vv, digest, counts })
    }
}

/// Where an origin's log ends here. Transactions carry their causal context as what moved since the one before, so the
/// head keeps it in full.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Head {
    /// Sequence number of the last transaction.
    pub seq: u64,
    /// Clock of the last operation in it.
    pub hlc: Hlc,
    /// Hash of its record, and through it of all before.
    pub chain: ChainHash,
    /// Its causal context in full.
    pub context: Context,
    /// The origin's process starts and the last sequence number of each, the oldest first: the newest
    /// [`Head::BOOTS_MAX`].
    pub boots: Vec<(u64, u64)>,
}

impl Head {
    /// How many process starts of an origin are remembered.
    pub const BOOTS_MAX: usize = 256;
}

impl Record for Head {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.varint(self.seq);
        out.u64_fixed(self.hlc.0);
        out.u64_fixed(self.chain.0);
        self.context.encode(out);
        out.varint(self.boots.len() as u64);
        for (boot, seq_last) in &self.boots {
            out.u64_fixed(*boot);
            out.varint(*seq_last);
        }
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let seq = input.varint("last sequence number")?;
        let hlc = Hlc(input.u64_fixed("last clock")?);
        let chain = ChainHash(input.u64_fixed("chain hash")?);
        let context = Context::decode(input)?;
        Ok(Self {
            seq,
            hlc,
            chain,
            context,
            boots: read_boots(input)?,
        })
    }
}

/// Bytes of the shortest encoded boot: its name (8) and a sequence number (1).
const BOOT_BYTES_MIN: usize = 9;

fn read_boots(input: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, CodecError> {
    let count = input.count(BOOT_BYTES_MIN, "boots")?;
    let mut boots = Vec::with_capacity(count);
    for _ in 0..count {
        boots.push((input.u64_fixed("boot")?, input.varint("last of a boot")?));
    }
    Ok(boots)
}

/// Membership as the replication machine encodes it: who belongs to the group, and what this node has promised.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Membership(pub Bytes);

impl Record for Membership {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.raw(&self.0);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let bytes = input.raw(input.remaining(), "membership")?;
        Ok(Self(Bytes::copy_from_slice(bytes)))
    }
}
