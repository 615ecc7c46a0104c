//! Version vectors: for each replica, how many of its transactions were applied.

use std::collections::BTreeMap;
use std::fmt;

use crate::codec::{CodecError, Reader, Writer};
use crate::{Dot, ReplicaId};

/// For each replica the highest sequence number applied, with no gaps below it. A replica that is not listed stands at
/// zero; entries of zero are never stored, so equal vectors have equal bytes.
///
/// After Parker et al., *Detection of Mutual Inconsistency in Distributed Systems* (1983).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct VersionVector {
    entries: BTreeMap<ReplicaId, u64>,
}

impl VersionVector {
    /// The empty vector: nothing applied.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    /// The highest sequence number of `replica`; 0 if it has none.
    #[must_use]
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.entries.get(&replica).copied().unwrap_or(0)
    }

    /// Sets the entry of `replica`, upwards or downwards.
    pub fn set(&mut self, replica: ReplicaId, seq: u64) {
        if seq == 0 {
            self.entries.remove(&replica);
        } else {
            self.entries.insert(replica, seq);
        }
    }

    /// Raises the entry of `dot.replica` to `dot.seq`; never lowers it.
    pub fn advance(&mut self, dot: Dot) {
        if dot.seq > self.get(dot.replica) {
            self.entries.insert(dot.replica, dot.seq);
        }
    }

    /// Whether the transaction `dot` is among those applied.
    #[must_use]
    pub fn covers(&self, dot: Dot) -> bool {
        self.get(dot.replica) >= dot.seq
    }

    /// Whether every transaction of `other` is among those of `self`.
    #[must_use]
    pub fn dominates(&self, other: &Self) -> bool {
        other
            .entries
            .iter()
            .all(|(replica, seq)| self.get(*replica) >= *seq)
    }

    /// Raises every entry to that of `other` (least upper bound).
    pub fn merge(&mut self, other: &Self) {
        for (replica, seq) in &other.entries {
            self.advance(Dot::new(*replica, *seq));
        }
    }

    /// Lowers every entry to that of `other` (greatest lower bound).
    pub fn meet(&mut self, other: &Self) {
        self.entries.retain(|replica, seq| {
            *seq = (*seq).min(other.get(*replica));
            *seq > 0
        });
    }

    /// The entries in order of replica, none of them zero.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.entries.iter().map(|(replica, seq)| (*replica, *seq))
    }

    /// Ranges `(replica, first, last)`, both inclusive, of what `self` has and `other` lacks.
    pub fn ranges_above<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (ReplicaId, u64, u64)> + 'a {
        self.iter().filter_map(|(replica, seq)| {
            let base = other.get(replica);
            (seq > base).then_some((replica, base + 1, seq))
        })
    }

    /// How many replicas are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was applied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of all entries: how many transactions were applied in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.entries
            .values()
            .fold(0u64, |sum, seq| sum.saturating_add(*seq))
    }

    /// A count, then for each entry the replica (eight bytes) and a varint.
    pub fn encode(&self, out: &mut Writer) {
        out.varint(self.entries.len() as u64);
        for (replica, seq) in &self.entries {
            out.u64_fixed(replica.0);
            out.varint(*seq);
        }
    }

    /// Reads what [`VersionVector::encode`] wrote. Entries out of order, doubled or zero are refused, so that one vector
    /// has one encoding.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = input.count(9, "version vector length")?;
        let mut entries = BTreeMap::new();
        let mut previous = None;
        for _ in 0..count {
            let replica = ReplicaId(input.u64_fixed("version vector replica")?);
            let seq = input.varint("version vector entry")?;
            if seq == 0 || previous.is_some_and(|previous| previous >= replica) {
                return Err(input.invalid("version vector entry"));
            }
            previous = Some(replica);
            entries.insert(replica, seq);
        }
        Ok(Self { entries })
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> Self {
        let mut vector = Self::new();
        for (replica, seq) in entries {
            vector.advance(Dot::new(replica, seq));
        }
        vector
    }
}

impl fmt::Display for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (replica, seq)) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{replica}:{seq}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    fn vector() -> impl Strategy<Value = VersionVector> {
        btree_map(0u64..6, 0u64..9, 0..6).prop_map(|entries| {
            entries
                .into_iter()
                .map(|(id, seq)| (ReplicaId(id), seq))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn merge_and_meet_are_the_bounds(a in vector(), b in vector()) {
            let mut upper = a.clone();
            upper.merge(&b);
            prop_assert!(upper.dominates(&a) && upper.dominates(&b));
            let mut lower = a.clone();
            lower.meet(&b);
            prop_assert!(a.dominates(&lower) && b.dominates(&lower));
            prop_assert_eq!(a.dominates(&b), upper == a);
            prop_assert_eq!(b.dominates(&a), lower == a);
        }

        #[test]
        fn ranges_are_what_is_missing(a in vector(), b in vector()) {
            let mut caught_up = b.clone();
            for (replica, first, last) in a.ranges_above(&b) {
                prop_assert_eq!(first, b.get(replica) + 1);
                caught_up.advance(Dot::new(replica, last));
            }
            prop_assert!(caught_up.dominates(&a));
        }

        #[test]
        fn encoding_is_canonical(a in vector()) {
            let mut out = Writer::new();
            a.encode(&mut out);
            let bytes = out.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(VersionVector::decode(&mut reader), Ok(a));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(vector) = VersionVector::decode(&mut Reader::new(&bytes)) {
                prop_assert!(vector.len() <= bytes.len());
            }
        }
    }
}
