//! The causal header of a transaction: all that replication reads of one.

use crate::codec::{CodecError, Reader, Writer};
use crate::context::{decode_entries, encode_entries};
use crate::{Context, Dot, Hlc, ReplicaId, Seen, Stamp};

/// What a transaction says of its place in history: its dot, the stamp of its first operation, how many stamps it took,
/// and what its writer had seen, as the entries that moved since the same replica's transaction before it.
///
/// The i-th operation is stamped `stamp` plus i ticks; a transaction takes at least one tick, so that two transactions
/// of one replica never share a stamp.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TxHeader {
    /// The transaction's name.
    pub dot: Dot,
    /// Stamp of its first operation.
    pub stamp: Stamp,
    /// How many stamps it took; at least 1.
    pub ticks: u32,
    /// On the first transaction after a process start: 64 random bits that name this start.
    pub boot: Option<u64>,
    /// The entries of the causal context that moved, in order of replica. The writer's own entry is left out: it is
    /// always the transaction before.
    pub delta: Vec<(ReplicaId, Seen)>,
}

impl TxHeader {
    /// What a replica has seen of the writer once it has applied this transaction.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            seq: self.dot.seq,
            hlc: self.last_hlc(),
        }
    }

    /// Clock of the last operation.
    #[must_use]
    pub fn last_hlc(&self) -> Hlc {
        self.stamp.hlc.plus(u64::from(self.ticks.max(1)) - 1)
    }

    /// The full context, given that of the same replica's transaction before (`previous`, with the writer's own entry
    /// already covering it).
    #[must_use]
    pub fn context(&self, previous: &Context) -> Context {
        let mut context = previous.clone();
        context.apply_delta(&self.delta);
        context
    }

    /// Replica (8 bytes), sequence number, clock (8), ticks, boot (a flag byte, then 8 bytes), delta.
    pub fn encode(&self, out: &mut Writer) {
        out.u64_fixed(self.dot.replica.0);
        out.varint(self.dot.seq);
        out.u64_fixed(self.stamp.hlc.0);
        out.varint(u64::from(self.ticks));
        match self.boot {
            None => out.u8(0),
            Some(boot) => {
                out.u8(1);
                out.u64_fixed(boot);
            }
        }
        encode_entries(&mut self.delta.iter().copied(), self.delta.len(), out);
    }

    /// Reads what [`TxHeader::encode`] wrote.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let replica = ReplicaId(input.u64_fixed("origin")?);
        let seq = input.varint("sequence number")?;
        let hlc = Hlc(input.u64_fixed("clock")?);
        let ticks = input.varint_u32("ticks")?;
        if seq == 0 || ticks == 0 {
            return Err(input.invalid("transaction header"));
        }
        let boot = match input.u8("boot flag")? {
            0 => None,
            1 => Some(input.u64_fixed("boot")?),
            _ => return Err(input.invalid("boot flag")),
        };
        let delta = decode_entries(input)?;
        Ok(Self {
            dot: Dot::new(replica, seq),
            stamp: Stamp::new(hlc, replica),
            ticks,
            boot,
            delta,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        let header = TxHeader {
            dot: Dot::new(ReplicaId(7), 300),
            stamp: Stamp::new(Hlc::new(1_700_000_000_000, 3), ReplicaId(7)),
            ticks: 5,
            boot: Some(42),
            delta: vec![(
                ReplicaId(9),
                Seen {
                    seq: 4,
                    hlc: Hlc(99),
                },
            )],
        };
        let mut out = Writer::new();
        header.encode(&mut out);
        let bytes = out.into_bytes();
        let mut input = Reader::new(&bytes);
        assert_eq!(TxHeader::decode(&mut input).as_ref(), Ok(&header));
        assert!(input.is_empty());
        assert_eq!(header.last_hlc(), Hlc::new(1_700_000_000_000, 7));
        for end in 0..bytes.len() {
            assert!(TxHeader::decode(&mut Reader::new(&bytes[..end])).is_err());
        }
    }
}
