//! Causal contexts: what the writer of a transaction had seen.

use std::collections::BTreeMap;

use crate::codec::{CodecError, Reader, Writer};
use crate::{Dot, Hlc, ReplicaId, Stamp, VersionVector};

/// How far into a replica's log a writer had seen: the last transaction, and the stamp clock of its last operation.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Seen {
    /// Sequence number of the last transaction seen.
    pub seq: u64,
    /// Clock of the last operation in it.
    pub hlc: Hlc,
}

/// For each replica, how much of it the writer of a transaction had seen. An operation stamped `(h, r)` was seen exactly
/// when `h` is at most the clock of `r`'s entry: a replica's clocks rise with its sequence numbers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Context {
    entries: BTreeMap<ReplicaId, Seen>,
}

impl Context {
    /// The context of a writer that had seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    /// What was seen of `replica`.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> Seen {
        self.entries.get(&replica).copied().unwrap_or_default()
    }

    /// Notes that `replica` was seen up to `seen`; never goes back.
    pub fn advance(&mut self, replica: ReplicaId, seen: Seen) {
        let entry = self.entries.entry(replica).or_default();
        entry.seq = entry.seq.max(seen.seq);
        entry.hlc = entry.hlc.max(seen.hlc);
    }

    /// Whether the writer had seen the operation stamped `stamp`. "Never written" counts as seen.
    #[must_use]
    pub fn saw(&self, stamp: Stamp) -> bool {
        stamp.is_zero() || stamp.hlc <= self.get(stamp.replica).hlc
    }

    /// Whether a replica at `vector` has applied everything that the writer had seen.
    #[must_use]
    pub fn covered_by(&self, vector: &VersionVector) -> bool {
        self.entries
            .iter()
            .all(|(replica, seen)| vector.covers(Dot::new(*replica, seen.seq)))
    }

    /// The entries in order of replica.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, Seen)> + '_ {
        self.entries.iter().map(|(replica, seen)| (*replica, *seen))
    }

    /// The sequence numbers as a version vector.
    #[must_use]
    pub fn version_vector(&self) -> VersionVector {
        self.iter()
            .map(|(replica, seen)| (replica, seen.seq))
            .collect()
    }

    /// The entries that moved since `before`: what a transaction carries of its context, relative to the transaction
    /// that the same replica originated before it.
    #[must_use]
    pub fn delta_since(&self, before: &Self) -> Vec<(ReplicaId, Seen)> {
        self.iter()
            .filter(|(replica, seen)| before.get(*replica) != *seen)
            .collect()
    }

    /// Moves the entries of a delta: the inverse of [`Context::delta_since`].
    pub fn apply_delta(&mut self, delta: &[(ReplicaId, Seen)]) {
        for (replica, seen) in delta {
            self.advance(*replica, *seen);
        }
    }

    /// A count, then for each entry replica, sequence number and clock.
    pub fn encode(&self, out: &mut Writer) {
        encode_entries(&mut self.iter(), self.entries.len(), out);
    }

    /// Reads what [`Context::encode`] wrote.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            entries: decode_entries(input)?.into_iter().collect(),
        })
    }
}

impl FromIterator<(ReplicaId, Seen)> for Context {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, Seen)>>(entries: I) -> Self {
        let mut context = Self::new();
        for (replica, seen) in entries {
            context.advance(replica, seen);
        }
        context
    }
}

/// Bytes of the shortest encoded entry: replica (8), sequence number (1), clock (8).
const ENTRY_BYTES_MIN: usize = 17;

pub(crate) fn encode_entries(
    entries: &mut dyn Iterator<Item = (ReplicaId, Seen)>,
    count: usize,
    out: &mut Writer,
) {
    out.varint(count as u64);
    for (replica, seen) in entries {
        out.u64_fixed(replica.0);
        out.varint(seen.seq);
        out.u64_fixed(seen.hlc.0);
    }
}

pub(crate) fn decode_entries(input: &mut Reader<'_>) -> Result<Vec<(ReplicaId, Seen)>, CodecError> {
    let count = input.count(ENTRY_BYTES_MIN, "context length")?;
    let mut entries: Vec<(ReplicaId, Seen)> = Vec::with_capacity(count);
    for _ in 0..count {
        let replica = ReplicaId(input.u64_fixed("context replica")?);
        let seq = input.varint("context entry")?;
        let hlc = Hlc(input.u64_fixed("context clock")?);
        if entries
            .last()
            .is_some_and(|(previous, _)| *previous >= replica)
        {
            return Err(input.invalid("context order"));
        }
        entries.push((replica, Seen { seq, hlc }));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicaId = ReplicaId(1);
    const B: ReplicaId = ReplicaId(2);

    #[test]
    fn seen_is_decided_by_the_clock_of_the_writers_entry() {
        let context: Context = [(
            A,
            Seen {
                seq: 3,
                hlc: Hlc(30),
            },
        )]
        .into_iter()
        .collect();
        assert!(context.saw(Stamp::new(Hlc(30), A)));
        assert!(!context.saw(Stamp::new(Hlc(31), A)));
        assert!(!context.saw(Stamp::new(Hlc(1), B)));
        assert!(context.saw(Stamp::ZERO));
    }

    #[test]
    fn a_delta_rebuilds_the_context() {
        let before: Context = [(
            A,
            Seen {
                seq: 3,
                hlc: Hlc(30),
            },
        )]
        .into_iter()
        .collect();
        let mut after = before.clone();
        after.advance(
            B,
            Seen {
                seq: 1,
                hlc: Hlc(7),
            },
        );
        let delta = after.delta_since(&before);
        assert_eq!(
            delta,
            vec![(
                B,
                Seen {
                    seq: 1,
                    hlc: Hlc(7)
                }
            )]
        );
        let mut rebuilt = before;
        rebuilt.apply_delta(&delta);
        assert_eq!(rebuilt, after);
    }

    #[test]
    fn coverage_is_by_sequence_numbers() {
        let context: Context = [
            (
                A,
                Seen {
                    seq: 3,
                    hlc: Hlc(30),
                },
            ),
            (
                B,
                Seen {
                    seq: 1,
                    hlc: Hlc(2),
                },
            ),
        ]
        .into_iter()
        .collect();
        let mut vector: VersionVector = [(A, 3)].into_iter().collect();
        assert!(!context.covered_by(&vector));
        vector.advance(Dot::new(B, 1));
        assert!(context.covered_by(&vector));
    }
}
