//! Which records are dealt with. Batches are written side by side and end in any order; the tracker keeps the records
//! between the oldest that is not dealt with and the newest, and lets go of them in the order of the input. So rejects
//! are reported in that order, and the state file tells one place.

use std::collections::VecDeque;

use super::record::{Place, Problem};
use super::state::Counts;

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Written,
    /// It was there before, and so was wanted.
    Ignored,
    Rejected(Box<Problem>),
}

/// A record that was not written.
#[derive(Clone, Debug, PartialEq)]
pub struct Reject {
    pub line: u64,
    pub problem: Box<Problem>,
}

#[derive(Debug)]
struct Slot {
    at: Place,
    bytes: u64,
    outcome: Option<Outcome>,
}

/// The records on their way.
#[derive(Debug)]
pub struct Tracker {
    slots: VecDeque<Slot>,
    /// Where the next record will begin.
    next: Place,
    bytes: u64,
    pub counts: Counts,
}

impl Tracker {
    /// Begins at a place, with what was counted before it.
    pub fn new(at: Place, counts: Counts) -> Self {
        Self {
            slots: VecDeque::new(),
            next: at,
            bytes: 0,
            counts,
        }
    }

    /// Takes a record in. Records come in the order of the input.
    pub fn begin(&mut self, at: Place, bytes: u64) {
        self.bytes += bytes;
        self.slots.push_back(Slot {
            at,
            bytes,
            outcome: None,
        });
    }

    /// All records up to this place have come.
    pub fn advance(&mut self, next: Place) {
        self.next = next;
    }

    /// A record is dealt with.
    pub fn settle(&mut self, number: u64, outcome: Outcome) {
        let first = self.slots.front().map_or(0, |slot| slot.at.records);
        let index = number.checked_sub(first).map(|index| index as usize);
        if let Some(slot) = index.and_then(|index| self.slots.get_mut(index)) {
            slot.outcome = Some(outcome);
        }
    }

    /// Lets go of the records before the first that is not dealt with, and gives the rejects among them.
    pub fn release(&mut self) -> Vec<Reject> {
        let mut rejects = Vec::new();
        while let Some(slot) = self.slots.pop_front_if(|slot| slot.outcome.is_some()) {
            self.bytes -= slot.bytes;
            match slot.outcome {
                Some(Outcome::Rejected(problem)) => {
                    self.counts.rejected += 1;
                    let line = slot.at.line;
                    rejects.push(Reject { line, problem });
                }
                Some(Outcome::Ignored) => self.counts.ignored += 1,
                Some(Outcome::Written) | None => self.counts.written += 1,
            }
        }
        rejects
    }

    /// Everything before this place is dealt with and was let go.
    pub fn done(&self) -> Place {
        self.slots.front().map_or(self.next, |slot| slot.at)
    }

    /// Records on their way.
    pub fn waiting(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of the input on their way.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn place(records: u64) -> Place {
        Place {
            offset: records * 10,
            line: records + 1,
            records,
        }
    }

    #[test]
    fn records_are_let_go_in_their_order() {
        let mut tracker = Tracker::new(place(5), Counts::default());
        for number in 5..9 {
            tracker.begin(place(number), 10);
        }
        tracker.advance(place(9));
        tracker.settle(6, Outcome::Rejected(Problem::new("bad", Value::Null)));
        tracker.settle(8, Outcome::Ignored);
        assert_eq!(tracker.release(), []);
        assert_eq!(tracker.done(), place(5));
        tracker.settle(5, Outcome::Written);
        let rejects = tracker.release();
        assert_eq!(rejects.len(), 1);
        assert_eq!(rejects[0].line, 7);
        assert_eq!((tracker.done(), tracker.waiting()), (place(7), 2));
        tracker.settle(7, Outcome::Written);
        assert_eq!(tracker.release(), []);
        assert_eq!(tracker.done(), place(9));
        assert_eq!(tracker.bytes(), 0);
        let counts = tracker.counts;
        assert_eq!((counts.written, counts.ignored, counts.rejected), (2, 1, 1));
    }
}
