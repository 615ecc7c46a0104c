//! Where a remote transaction waits until everything that its writer had seen is here.
//!
//! A record is released when it is the next of its origin and the entries of its context that moved are covered; the
//! rest of its context was covered when the record before it was released. What is released therefore is causally closed
//! at every moment, in whatever order records come.
//!
//! The buffer is bounded. When it is full, the record farthest ahead of what was released of its origin goes first: it
//! would wait longest, and it is asked for again when its turn comes. The next record of an origin is never refused and
//! never evicted, else a full buffer could stand still for good; so the true bound is the limit and one record for each
//! origin.

use std::collections::BTreeMap;

use antipode_clock::{Dot, ReplicaId, TxHeader, VersionVector};

use crate::record::{LogRange, Record};

/// What became of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offer {
    /// It waits, or can be released.
    Kept,
    /// It was here before.
    Known,
    /// The buffer is full of records nearer to their turn.
    Refused,
}

/// The buffer of one group.
#[derive(Debug)]
pub struct CausalBuffer {
    waiting: BTreeMap<ReplicaId, BTreeMap<u64, Record>>,
    count: usize,
    bytes: u64,
    records_max: usize,
    bytes_max: u64,
    /// A bug for the simulator to find: release without looking at dependencies.
    #[cfg(feature = "planted-bugs")]
    pub skip_dependencies: bool,
}

impl CausalBuffer {
    /// An empty buffer with these limits.
    #[must_use]
    pub fn new(records_max: usize, bytes_max: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            count: 0,
            bytes: 0,
            records_max,
            bytes_max,
            #[cfg(feature = "planted-bugs")]
            skip_dependencies: false,
        }
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the buffer is half full: then only what can be released next is worth asking for.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.count * 2 >= self.records_max || self.bytes.saturating_mul(2) >= self.bytes_max
    }

    /// Takes a record that came in, where `released` is what was released so far.
    pub fn offer(&mut self, record: Record, released: &VersionVector) -> Offer {
        let dot = record.header.dot;
        if released.covers(dot) || self.holds(dot) {
            return Offer::Known;
        }
        self.count += 1;
        self.bytes += record.size();
        self.waiting
            .entry(dot.replica)
            .or_default()
            .insert(dot.seq, record);
        let mut offer = Offer::Kept;
        while self.count > self.records_max || self.bytes > self.bytes_max {
            let Some(farthest) = self.farthest(released) else {
                break;
            };
            self.remove(farthest);
            if farthest == dot {
                offer = Offer::Refused;
            }
        }
        offer
    }

    fn holds(&self, dot: Dot) -> bool {
        self.waiting
            .get(&dot.replica)
            .is_some_and(|records| records.contains_key(&dot.seq))
    }

    /// The record with the longest way to go, unless it is the next of its origin.
    fn farthest(&self, released: &VersionVector) -> Option<Dot> {
        self.waiting
            .iter()
            .filter_map(|(origin, records)| {
                let (seq, _) = records.last_key_value()?;
                let distance = seq.saturating_sub(released.get(*origin));
                (distance > 1).then_some((distance, Dot::new(*origin, *seq)))
            })
            .max()
            .map(|(_, dot)| dot)
    }

    fn remove(&mut self, dot: Dot) -> Option<Record> {
        let records = self.waiting.get_mut(&dot.replica)?;
        let record = records.remove(&dot.seq)?;
        if records.is_empty() {
            self.waiting.remove(&dot.replica);
        }
        self.count -= 1;
        self.bytes -= record.size();
        Some(record)
    }

    /// Moves what is ready, in causal order, until `bytes_max` is passed; `released` moves with it.
    pub fn release(&mut self, released: &mut VersionVector, bytes_max: u64) -> Vec<Record> {
        let mut ready = Vec::new();
        let mut bytes = 0;
        let mut moved = true;
        while moved {
            moved = false;
            let origins: Vec<_> = self.waiting.keys().copied().collect();
            for origin in origins {
                while bytes < bytes_max
                    && let Some(record) = self.take_next(origin, released)
                {
                    released.advance(record.header.dot);
                    bytes += record.size();
                    ready.push(record);
                    moved = true;
                }
            }
        }
        ready
    }

    fn take_next(&mut self, origin: ReplicaId, released: &VersionVector) -> Option<Record> {
        loop {
            let (seq, record) = self.waiting.get(&origin)?.first_key_value()?;
            let dot = Dot::new(origin, *seq);
            if released.covers(dot) {
                self.remove(dot);
                continue;
            }
            let next = *seq == released.get(origin) + 1;
            return (next && self.dependencies_met(&record.header, released))
                .then(|| self.remove(dot))
                .flatten();
        }
    }

    fn dependencies_met(&self, header: &TxHeader, released: &VersionVector) -> bool {
        #[cfg(feature = "planted-bugs")]
        if self.skip_dependencies {
            return true;
        }
        header
            .delta
            .iter()
            .all(|(replica, seen)| released.covers(Dot::new(*replica, seen.seq)))
    }

    /// What of an origin's log in `(above, last]` is not here, as at most `ranges_max` ranges; the last of them may then
    /// hold records that are.
    #[must_use]
    pub fn missing(
        &self,
        origin: ReplicaId,
        above: u64,
        last: u64,
        ranges_max: usize,
    ) -> Vec<LogRange> {
        let mut ranges = Vec::new();
        let mut first = above.saturating_add(1);
        if let Some(records) = self.waiting.get(&origin) {
            for seq in records.keys() {
                if *seq > last || ranges.len() + 1 >= ranges_max {
                    break;
                }
                if *seq > first {
                    ranges.push(LogRange {
                        origin,
                        first,
                        last: seq - 1,
                    });
                }
                first = first.max(seq + 1);
            }
        }
        if first <= last {
            ranges.push(LogRange {
                origin,
                first,
                last,
            });
        }
        ranges
    }

    /// The first sequence number above `above` that is not here.
    #[must_use]
    pub fn first_missing(&self, origin: ReplicaId, above: u64) -> u64 {
        let mut first = above.saturating_add(1);
        if let Some(records) = self.waiting.get(&origin) {
            for seq in records.range(first..).map(|(seq, _)| *seq) {
                if seq != first {
                    break;
                }
                first += 1;
            }
        }
        first
    }

    /// Forgets what waits of an origin.
    pub fn forget(&mut self, origin: ReplicaId) {
        if let Some(records) = self.waiting.remove(&origin) {
            self.count -= records.len();
            self.bytes -= records.values().map(Record::size).sum::<u64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use antipode_clock::{Hlc, Seen, Stamp};
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::ChainHash;

    fn record(origin: u64, seq: u64, delta: &[(u64, u64)]) -> Record {
        let replica = ReplicaId(origin);
        Record {
            header: TxHeader {
                dot: Dot::new(replica, seq),
                stamp: Stamp::new(Hlc(seq), replica),
                ticks: 1,
                boot: None,
                delta: delta
                    .iter()
                    .map(|(replica, seq)| {
                        (
                            ReplicaId(*replica),
                            Seen {
                                seq: *seq,
                                hlc: Hlc(*seq),
                            },
                        )
                    })
                    .collect(),
            },
            chain: ChainHash(seq),
            bytes: Bytes::from_static(b"0123456789"),
        }
    }

    fn dots(records: &[Record]) -> Vec<(u64, u64)> {
        records
            .iter()
            .map(|record| (record.header.dot.replica.0, record.header.dot.seq))
            .collect()
    }

    #[test]
    fn a_record_waits_for_what_its_writer_saw() {
        let mut buffer = CausalBuffer::new(10, 10_000);
        let mut released = VersionVector::new();
        buffer.offer(record(2, 1, &[(1, 2)]), &released);
        buffer.offer(record(1, 2, &[]), &released);
        assert!(buffer.release(&mut released, u64::MAX).is_empty());
        assert_eq!(
            buffer.missing(ReplicaId(1), 0, 5, 8),
            vec![
                LogRange {
                    origin: ReplicaId(1),
                    first: 1,
                    last: 1
                },
                LogRange {
                    origin: ReplicaId(1),
                    first: 3,
                    last: 5
                }
            ]
        );
        buffer.offer(record(1, 1, &[]), &released);
        let ready = buffer.release(&mut released, u64::MAX);
        assert_eq!(dots(&ready), vec![(1, 1), (1, 2), (2, 1)]);
        assert!(buffer.is_empty() && buffer.bytes() == 0);
    }

    #[test]
    fn the_next_record_is_never_refused_and_the_farthest_goes_first() {
        let mut buffer = CausalBuffer::new(3, 10_000);
        let released = VersionVector::new();
        for seq in [9, 8, 7] {
            assert_eq!(buffer.offer(record(1, seq, &[]), &released), Offer::Kept);
        }
        assert_eq!(buffer.offer(record(1, 10, &[]), &released), Offer::Refused);
        assert_eq!(buffer.offer(record(1, 8, &[]), &released), Offer::Known);
        assert_eq!(
            buffer.offer(record(1, 1, &[(2, 1)]), &released),
            Offer::Kept
        );
        assert_eq!(buffer.first_missing(ReplicaId(1), 0), 2);
        assert_eq!(buffer.len(), 3);
        for origin in 2..9 {
            let offer = buffer.offer(record(origin, 1, &[]), &released);
            assert_eq!(offer, Offer::Kept);
        }
        assert_eq!(buffer.len(), 8, "one for each origin, whatever the limit");
    }

    /// A history of transactions of some replicas, each of which saw a causally closed part of those before it.
    fn history() -> impl Strategy<Value = Vec<Record>> {
        let step = (0u64..4, proptest::collection::vec(any::<bool>(), 4));
        proptest::collection::vec(step, 1..40).prop_map(|steps| {
            let mut seen = vec![VersionVector::new(); 4];
            let mut log = Vec::new();
            for (origin, pulls) in steps {
                let index = origin as usize;
                let before = seen[index].clone();
                for (other, pull) in pulls.iter().enumerate() {
                    if *pull {
                        let theirs = seen[other].clone();
                        seen[index].merge(&theirs);
                    }
                }
                let delta: Vec<_> = seen[index]
                    .ranges_above(&before)
                    .filter(|(replica, _, _)| replica.0 != origin)
                    .map(|(replica, _, last)| (replica.0, last))
                    .collect();
                let seq = before.get(ReplicaId(origin)) + 1;
                seen[index].advance(Dot::new(ReplicaId(origin), seq));
                log.push(record(origin, seq, &delta));
            }
            log
        })
    }

    /// The specification: of the records offered so far, the largest causally closed set.
    fn closure(offered: &[Record]) -> VersionVector {
        let mut vv = VersionVector::new();
        loop {
            let before = vv.clone();
            for record in offered {
                let dot = record.header.dot;
                let met = record
                    .header
                    .delta
                    .iter()
                    .all(|(replica, seen)| vv.get(*replica) >= seen.seq);
                if met && dot.seq == vv.get(dot.replica) + 1 {
                    vv.advance(dot);
                }
            }
            if vv == before {
                return vv;
            }
        }
    }

    proptest! {
        #[test]
        fn an_unbounded_buffer_is_its_specification(
            log in history(),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let mut buffer = CausalBuffer::new(usize::MAX, u64::MAX);
            let mut released = VersionVector::new();
            let mut offered = Vec::new();
            let mut seen = BTreeSet::new();
            for index in order {
                let next = index.get(&log).clone();
                let known = !seen.insert(next.header.dot);
                let offer = buffer.offer(next.clone(), &released);
                prop_assert_eq!(offer == Offer::Known, known);
                offered.push(next);
                for record in buffer.release(&mut released, u64::MAX) {
                    prop_assert!(record.header.delta.iter().all(|(r, s)| released.get(*r) >= s.seq));
                }
                prop_assert_eq!(&released, &closure(&offered));
                prop_assert_eq!(buffer.len(), seen.len() as u64 as usize - released.total() as usize);
            }
        }

        #[test]
        fn a_tiny_buffer_stays_small_and_still_gets_everything_when_asked_again(
            log in history(),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut buffer = CausalBuffer::new(2, u64::MAX);
            let mut released = VersionVector::new();
            let mut applied = BTreeSet::new();
            for index in order {
                buffer.offer(index.get(&log).clone(), &released);
                prop_assert!(buffer.len() <= 2 + 4);
                for record in buffer.release(&mut released, 80) {
                    prop_assert!(applied.insert(record.header.dot));
                }
            }
            for _ in 0..log.len() {
                for record in &log {
                    buffer.offer(record.clone(), &released);
                    for record in buffer.release(&mut released, u64::MAX) {
                        prop_assert!(applied.insert(record.header.dot));
                    }
                }
            }
            prop_assert_eq!(released, closure(&log));
            prop_assert!(buffer.is_empty() && buffer.bytes() == 0);
        }
    }
}
