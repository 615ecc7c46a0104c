//! State of a replication group. All of it changes in the same batch as the documents that it describes.

use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_clock::{Context, Hlc, VersionVector};
use bytes::Bytes;

use super::{ChainHash, Record};
use crate::RecordError;

/// A version vector: what is applied, the floor, what the log holds, a mark, or the position of a stream's reader.
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

/// The digest of a group's documents: a sum modulo 2^128 of one XXH3 hash for each. The version of this record also says
/// which hash it is, over which bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DigestRecord(pub u128);

impl Record for DigestRecord {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u128_fixed(self.0);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self(input.u128_fixed("digest")?))
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
