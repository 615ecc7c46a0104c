//! SORT. With a limit behind it only so many rows are ever kept.

use std::cmp::Ordering;

use antipode_value::{Value, compare};

use super::{BATCH_ROWS, Batch, Input, Operator};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::plan::SortKey;

/// SORT by keys; with `limit`, only the first so many rows are wanted.
pub(super) fn sort<'a>(input: Input<'a>, keys: &'a [SortKey], limit: Option<u64>) -> Input<'a> {
    Box::new(Sort {
        input: Some(input),
        keys,
        limit,
        sorted: Vec::new().into_iter(),
        bytes: 0,
    })
}

struct Keyed {
    keys: Vec<Value>,
    row: Vec<Value>,
    bytes: u64,
}

struct Sort<'a> {
    input: Option<Input<'a>>,
    keys: &'a [SortKey],
    limit: Option<u64>,
    sorted: std::vec::IntoIter<Keyed>,
    bytes: u64,
}

impl<'a> Sort<'a> {
    fn compare(&self, left: &Keyed, right: &Keyed) -> Ordering {
        for ((key, left), right) in self.keys.iter().zip(&left.keys).zip(&right.keys) {
            let order = compare(left, right);
            if order.is_ne() {
                return if key.ascending {
                    order
                } else {
                    order.reverse()
                };
            }
        }
        Ordering::Equal
    }

    /// Sorts what was gathered and forgets what no longer can be among the first.
    fn settle(&mut self, rows: &mut Vec<Keyed>, run: &mut Run<'a>) {
        // A stable sort: rows with equal keys stay in the order of their arrival.
        rows.sort_by(|left, right| self.compare(left, right));
        if let Some(limit) = self.limit {
            let forgotten: u64 = rows.iter().skip(limit as usize).map(|row| row.bytes).sum();
            rows.truncate(limit as usize);
            run.memory.shrink(forgotten);
            self.bytes -= forgotten;
        }
    }

    fn gather(&mut self, mut input: Input<'a>, run: &mut Run<'a>) -> Result<()> {
        // The LIMIT behind counts the rows that it cuts off, so they must come to it.
        if run.full_count {
            self.limit = None;
        }
        // Twice the limit before each cut: then the cost of a cut is shared by as many rows as it forgets.
        let most = self.limit.map_or(usize::MAX, |limit| {
            (limit as usize).saturating_mul(2).max(BATCH_ROWS)
        });
        let mut rows = Vec::new();
        loop {
            let mut batch = input.pull(BATCH_ROWS, run)?;
            if batch.is_empty() {
                break;
            }
            for row in batch.iter_mut() {
                run.tick()?;
                let mut keys = Vec::with_capacity(self.keys.len());
                for key in self.keys {
                    keys.push(evaluate(&key.expression, row, run)?);
                }
                let row: Vec<Value> = row.iter_mut().map(std::mem::take).collect();
                let bytes = keys
                    .iter()
                    .chain(&row)
                    .map(|value| value.memory_bytes() as u64)
                    .sum();
                run.memory.grow(bytes)?;
                self.bytes += bytes;
                rows.push(Keyed { keys, row, bytes });
            }
            if rows.len() >= most {
                self.settle(&mut rows, run);
            }
        }
        self.settle(&mut rows, run);
        self.sorted = rows.into_iter();
        Ok(())
    }
}

impl<'a> Operator<'a> for Sort<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        if let Some(input) = self.input.take() {
            self.gather(input, run)?;
        }
        let mut batch = Batch::default();
        for keyed in self.sorted.by_ref().take(wanted.max(1)) {
            batch.width = keyed.row.len();
            batch.values.extend(keyed.row);
            run.memory.shrink(keyed.bytes);
        }
        Ok(batch)
    }
}
