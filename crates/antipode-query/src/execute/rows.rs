//! Operators that look at one row at a time: LET, FILTER, LIMIT, DISTINCT; and the one that lets none through.

use std::collections::HashSet;

use antipode_value::Value;

use super::{BATCH_ROWS, Batch, Input, Operator};
use crate::error::Result;
use crate::evaluate::{Run, evaluate, satisfied};
use crate::expression::{Expression, Variable};

/// The place where nothing comes through. What stands before it has been kept because it writes or may fail.
pub(super) fn nothing<'a>(input: Input<'a>) -> Input<'a> {
    Box::new(Nothing(Some(input)))
}

struct Nothing<'a>(Option<Input<'a>>);

impl<'a> Operator<'a> for Nothing<'a> {
    fn pull(&mut self, _wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        if let Some(mut input) = self.0.take() {
            while !input.pull(BATCH_ROWS, run)?.is_empty() {
                run.tick()?;
            }
        }
        Ok(Batch::default())
    }
}

/// LET.
pub(super) fn calculate<'a>(
    input: Input<'a>,
    expression: &'a Expression,
    variable: Variable,
) -> Input<'a> {
    Box::new(Calculate {
        input,
        expression,
        slot: variable.slot as usize,
        waiting: Batch::default(),
    })
}

struct Calculate<'a> {
    input: Input<'a>,
    /// Rows whose values would have made a batch too large.
    waiting: Batch,
    expression: &'a Expression,
    slot: usize,
}

impl<'a> Operator<'a> for Calculate<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        if self.waiting.is_empty() {
            self.waiting = self.input.pull(wanted, run)?;
        }
        let (mut rows, mut bytes) = (0, 0);
        for row in self.waiting.iter_mut() {
            run.tick()?;
            let value = evaluate(self.expression, row, run)?;
            bytes += value.memory_bytes();
            rows += 1;
            row[self.slot] = value;
            if bytes > run.memory.batch_bytes() {
                // Large values add up in a single row, too.
                let all = row.iter().map(Value::memory_bytes);
                run.memory.allow(all.fold(0, usize::saturating_add))?;
                break;
            }
        }
        Ok(self.waiting.take_first(rows))
    }
}

/// FILTER.
pub(super) fn filter<'a>(input: Input<'a>, condition: &'a Expression) -> Input<'a> {
    Box::new(Filter { input, condition })
}

struct Filter<'a> {
    input: Input<'a>,
    condition: &'a Expression,
}

impl<'a> Operator<'a> for Filter<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let mut wanted = wanted;
        loop {
            let mut batch = self.input.pull(wanted, run)?;
            if batch.is_empty() {
                return Ok(batch);
            }
            let before = batch.rows();
            batch.retain(|row| {
                run.tick()?;
                satisfied(self.condition, row, run)
            })?;
            run.stats.filtered += (before - batch.rows()) as u64;
            if !batch.is_empty() {
                return Ok(batch);
            }
            // Few rows pass: ask for more at a time.
            wanted = (wanted * 2).min(BATCH_ROWS);
        }
    }
}

/// LIMIT.
pub(super) fn limit<'a>(
    input: Input<'a>,
    offset: u64,
    count: Option<u64>,
    full_count: bool,
    drain: bool,
) -> Input<'a> {
    Box::new(Limit {
        input,
        skip: offset,
        left: count,
        full_count,
        drain,
        done: false,
    })
}

struct Limit<'a> {
    input: Input<'a>,
    skip: u64,
    left: Option<u64>,
    full_count: bool,
    drain: bool,
    done: bool,
}

impl<'a> Operator<'a> for Limit<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let counts = self.full_count && run.full_count;
        loop {
            if self.done {
                return Ok(Batch::default());
            }
            let finished = self.left == Some(0);
            if finished && !self.drain && !counts {
                self.done = true;
                return Ok(Batch::default());
            }
            let most = self.left.unwrap_or(u64::MAX).min(wanted as u64);
            let ask = if finished {
                BATCH_ROWS as u64
            } else {
                self.skip.saturating_add(most)
            };
            let mut batch = self
                .input
                .pull(ask.clamp(1, BATCH_ROWS as u64) as usize, run)?;
            if counts {
                *run.stats.full_count.get_or_insert(0) += batch.rows() as u64;
            }
            if batch.is_empty() {
                self.done = true;
                return Ok(batch);
            }
            let skipped = self.skip.min(batch.rows() as u64);
            self.skip -= skipped;
            batch.values.drain(..skipped as usize * batch.width);
            if let Some(left) = &mut self.left {
                let kept = (*left).min(batch.rows() as u64);
                *left -= kept;
                batch.values.truncate(kept as usize * batch.width);
            }
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

/// RETURN DISTINCT.
pub(super) fn distinct<'a>(input: Input<'a>, expression: &'a Expression) -> Input<'a> {
    Box::new(Distinct {
        input,
        expression,
        seen: HashSet::new(),
    })
}

struct Distinct<'a> {
    input: Input<'a>,
    expression: &'a Expression,
    seen: HashSet<Value>,
}

impl<'a> Operator<'a> for Distinct<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        loop {
            let mut batch = self.input.pull(wanted, run)?;
            if batch.is_empty() {
                return Ok(batch);
            }
            batch.retain(|row| {
                run.tick()?;
                let value: Value = evaluate(self.expression, row, run)?;
                // The table of the values is up to half empty, and is copied as it grows.
                let bytes = (value.memory_bytes() + 2 * size_of::<Value>()) as u64;
                let new = self.seen.insert(value);
                if new {
                    run.memory.grow(bytes)?;
                }
                Ok(new)
            })?;
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}
