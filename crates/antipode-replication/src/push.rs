//! Fresh commits on their way out: gathered for a moment, then sent to every member at once.
//!
//! A record leaves when it is durable here, never before: what a peer has seen must not be lost by its origin. The first
//! record after a quiet moment leaves at once; those behind it gather until 64 KiB or 2 ms have passed since the batch
//! before, so that a busy replica sends full batches and a quiet one adds no delay.
//!
//! What does not fit is dropped here and found by anti-entropy: pushing is a matter of speed, digests make it right.

use std::collections::VecDeque;

use antipode_clock::{ReplicaId, VersionVector};

use crate::message::Run;
use crate::record::Record;
use crate::{Lane, Micros};

/// The queue of own transactions that were not pushed yet.
#[derive(Debug)]
pub(crate) struct PushQueue {
    me: ReplicaId,
    records: VecDeque<Record>,
    bytes: u64,
    /// When the batch that is being gathered must go.
    due: Option<Micros>,
    /// When the last batch went.
    last: Option<Micros>,
}

/// Records to be sent in one message.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lane: Lane,
    pub(crate) run: Run,
}

impl PushQueue {
    pub(crate) fn new(me: ReplicaId) -> Self {
        Self {
            me,
            records: VecDeque::new(),
            bytes: 0,
            due: None,
            last: None,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds fresh commits; the oldest give way when there are too many.
    pub(crate) fn add(&mut self, records: Vec<Record>, bytes_max: u64) {
        for record in records {
            self.bytes += record.size();
            self.records.push_back(record);
        }
        while self.bytes > bytes_max
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.size();
        }
    }

    /// Forgets everything: there is nobody to send it to.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
        self.due = None;
    }

    /// When to look again; `None` while nothing that is durable waits.
    pub(crate) fn due(&self) -> Option<Micros> {
        self.due
    }

    /// What must go now.
    pub(crate) fn take(
        &mut self,
        durable: &VersionVector,
        now: Micros,
        delay: Micros,
        batch_bytes: u64,
        live_record_bytes_max: u64,
    ) -> Vec<Batch> {
        let upto = durable.get(self.me);
        let ready = |record: &Record| record.header.dot.seq <= upto;
        if !self.records.front().is_some_and(ready) {
            self.due = None;
            return Vec::new();
        }
        let due = *self.due.get_or_insert_with(|| match self.last {
            Some(last) => last.plus(delay).max(now),
            None => now,
        });
        let full = self.bytes >= batch_bytes;
        if now < due && !full {
            return Vec::new();
        }
        let mut batches = Vec::new();
        while self.records.front().is_some_and(ready) {
            batches.extend(self.next_batch(upto, batch_bytes, live_record_bytes_max));
        }
        self.due = None;
        self.last = Some(now);
        batches
    }

    fn next_batch(&mut self, upto: u64, batch_bytes: u64, record_bytes_max: u64) -> Option<Batch> {
        let first = self.records.front()?.header.dot.seq;
        let mut run = Run {
            origin: self.me,
            first,
            records: Vec::new(),
        };
        let mut bytes = 0;
        let mut lane = Lane::Live;
        while bytes < batch_bytes
            && let Some(record) = self.records.front()
            && record.header.dot.seq <= upto
        {
            if record.size() > record_bytes_max {
                if !run.records.is_empty() {
                    break;
                }
                lane = Lane::Bulk;
            }
            bytes += record.size();
            self.bytes -= record.size();
            if let Some(record) = self.records.pop_front() {
                run.records.push(record.bytes);
            }
        }
        Some(Batch { lane, run })
    }
}

#[cfg(test)]
mod tests {
    use antipode_clock::{Dot, Hlc, Stamp, TxHeader};
    use bytes::Bytes;

    use super::*;
    use crate::ChainHash;

    const ME: ReplicaId = ReplicaId(1);

    fn record(seq: u64, len: usize) -> Record {
        Record {
            header: TxHeader {
                dot: Dot::new(ME, seq),
                stamp: Stamp::new(Hlc(seq), ME),
                ticks: 1,
                boot: None,
                delta: Vec::new(),
            },
            chain: ChainHash(seq),
            bytes: Bytes::from(vec![0; len]),
        }
    }

    fn take(queue: &mut PushQueue, durable: u64, now: u64) -> Vec<(Lane, u64, usize)> {
        let durable = [(ME, durable)].into_iter().collect();
        queue
            .take(&durable, Micros(now), Micros(2_000), 1_000, 5_000)
            .into_iter()
            .map(|batch| (batch.lane, batch.run.first, batch.run.records.len()))
            .collect()
    }

    #[test]
    fn nothing_leaves_before_it_is_durable() {
        let mut queue = PushQueue::new(ME);
        queue.add(vec![record(1, 10), record(2, 10)], 1 << 20);
        assert!(take(&mut queue, 0, 0).is_empty());
        assert_eq!(queue.due(), None);
        assert_eq!(take(&mut queue, 1, 1), vec![(Lane::Live, 1, 1)]);
    }

    #[test]
    fn the_first_goes_at_once_and_the_others_gather() {
        let mut queue = PushQueue::new(ME);
        queue.add(vec![record(1, 10)], 1 << 20);
        assert_eq!(take(&mut queue, 1, 100), vec![(Lane::Live, 1, 1)]);
        queue.add(vec![record(2, 10)], 1 << 20);
        assert!(take(&mut queue, 2, 200).is_empty());
        queue.add(vec![record(3, 10)], 1 << 20);
        assert_eq!(queue.due(), Some(Micros(2_100)));
        assert_eq!(take(&mut queue, 3, 2_100), vec![(Lane::Live, 2, 2)]);
    }

    #[test]
    fn a_full_batch_does_not_wait_and_a_large_record_takes_the_bulk_lane() {
        let mut queue = PushQueue::new(ME);
        queue.add(vec![record(1, 10)], 1 << 20);
        take(&mut queue, 1, 100);
        queue.add(
            vec![record(2, 600), record(3, 600), record(4, 600)],
            1 << 20,
        );
        queue.add(vec![record(5, 9_000), record(6, 1)], 1 << 20);
        assert_eq!(
            take(&mut queue, 6, 101),
            vec![
                (Lane::Live, 2, 2),
                (Lane::Live, 4, 1),
                (Lane::Bulk, 5, 1),
                (Lane::Live, 6, 1)
            ]
        );
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut queue = PushQueue::new(ME);
        queue.add((1..=10).map(|seq| record(seq, 100)).collect(), 500);
        assert!(queue.bytes() <= 500);
        assert_eq!(take(&mut queue, 10, 0), vec![(Lane::Live, 8, 3)]);
    }
}
