//! WINDOW: every row stays, with aggregates over the rows around it.

use antipode_value::{Value, compare};

use super::aggregate::Accumulator;
use super::{BATCH_ROWS, Batch, Input, Operator};
use crate::error::{Code, QueryError, Result};
use crate::evaluate::{Run, evaluate};
use crate::function;
use crate::plan::{Bound, Window};

/// WINDOW.
pub(super) fn window<'a>(input: Input<'a>, node: &'a Window) -> Input<'a> {
    Box::new(Windowing {
        input: Some(input),
        node,
        rows: Vec::new().into_iter(),
        width: 1,
        bytes: 0,
    })
}

struct Windowing<'a> {
    input: Option<Input<'a>>,
    node: &'a Window,
    rows: std::vec::IntoIter<Vec<Value>>,
    width: usize,
    bytes: u64,
}

/// A row with what frames and fills its window.
struct Framed {
    row: Vec<Value>,
    place: Value,
    arguments: Vec<Value>,
}

impl<'a> Windowing<'a> {
    fn gather(&mut self, mut input: Input<'a>, run: &mut Run<'a>) -> Result<()> {
        let mut rows = Vec::new();
        loop {
            let mut batch = input.pull(BATCH_ROWS, run)?;
            if batch.is_empty() {
                break;
            }
            self.width = batch.width;
            let bytes = batch.memory_bytes();
            run.memory.grow(bytes)?;
            self.bytes += bytes;
            for row in batch.iter_mut() {
                run.tick()?;
                let place = match &self.node.range {
                    Some(range) => evaluate(range, row, run)?,
                    None => Value::Null,
                };
                let mut arguments = Vec::with_capacity(self.node.aggregates.len());
                for aggregate in &self.node.aggregates {
                    arguments.push(match &aggregate.argument {
                        Some(argument) => evaluate(argument, row, run)?,
                        None => Value::Null,
                    });
                }
                rows.push(Framed {
                    row: row.iter_mut().map(std::mem::take).collect(),
                    place,
                    arguments,
                });
            }
        }
        if self.node.range.is_some() {
            rows.sort_by(|left, right| compare(&left.place, &right.place));
        }
        let frames = self.frames(&rows, run)?;
        self.aggregate(&mut rows, &frames, run)?;
        self.rows = rows
            .into_iter()
            .map(|framed| framed.row)
            .collect::<Vec<_>>()
            .into_iter();
        Ok(())
    }

    /// The first and the end position of each row's frame; none where a row has no place in the range.
    fn frames(&self, rows: &[Framed], run: &mut Run<'a>) -> Result<Vec<Option<(usize, usize)>>> {
        let mut frames = Vec::with_capacity(rows.len());
        for (position, framed) in rows.iter().enumerate() {
            run.tick()?;
            if self.node.range.is_none() {
                let first = rows_before(&self.node.preceding, position);
                let end = match &self.node.following {
                    Bound::Unbounded => rows.len(),
                    Bound::Offset(offset) => position
                        .saturating_add(offset.to_int() as usize)
                        .saturating_add(1)
                        .min(rows.len()),
                };
                frames.push(Some((first, end)));
                continue;
            }
            if !framed.place.is_number() {
                run.warn(
                    Code::InvalidArithmeticValue,
                    "the value of a WINDOW range must be a number",
                )?;
                frames.push(None);
                continue;
            }
            let lower =
                self.end_of_range(&self.node.preceding, &framed.place, "DATE_SUBTRACT", run)?;
            let upper = self.end_of_range(&self.node.following, &framed.place, "DATE_ADD", run)?;
            let number = |framed: &Framed| framed.place.as_float();
            let first = match lower {
                None => rows.partition_point(|framed| framed.place.rank() < Value::Int(0).rank()),
                Some(lower) => {
                    rows.partition_point(|framed| below(framed, number(framed), |n| n < lower))
                }
            };
            let end = match upper {
                None => rows.partition_point(|framed| framed.place.rank() <= Value::Int(0).rank()),
                Some(upper) => {
                    rows.partition_point(|framed| below(framed, number(framed), |n| n <= upper))
                }
            };
            frames.push(Some((first, end)));
        }
        Ok(frames)
    }

    /// One end of a range frame, as a number; none if it is open.
    fn end_of_range(
        &self,
        bound: &Bound,
        place: &Value,
        shift: &str,
        run: &mut Run<'a>,
    ) -> Result<Option<f64>> {
        let sign = if shift == "DATE_ADD" { 1.0 } else { -1.0 };
        match bound {
            Bound::Unbounded => Ok(None),
            Bound::Offset(Value::String(duration)) => {
                let missing = || {
                    QueryError::new(
                        Code::NotImplemented,
                        "durations in WINDOW need the date functions",
                    )
                };
                let (Some(shift), Some(stamp)) =
                    (function::find(shift), function::find("DATE_TIMESTAMP"))
                else {
                    return Err(missing());
                };
                let moved = run.call(shift, &[place.clone(), Value::String(duration.clone())])?;
                Ok(run.call(stamp, &[moved])?.as_float())
            }
            Bound::Offset(offset) => Ok(Some(place.to_float() + sign * offset.to_float())),
        }
    }

    fn aggregate(
        &self,
        rows: &mut [Framed],
        frames: &[Option<(usize, usize)>],
        run: &mut Run<'a>,
    ) -> Result<()> {
        for (place, aggregate) in self.node.aggregates.iter().enumerate() {
            let slot = aggregate.variable.slot as usize;
            let mut accumulator = Accumulator::new(aggregate.kind);
            let mut taken = (0, 0);
            for position in 0..rows.len() {
                let Some((first, end)) = frames[position] else {
                    rows[position].row[slot] = Value::Null;
                    continue;
                };
                // While frames only grow at their end, the work on one goes on into the next.
                if first != taken.0 || end < taken.1 {
                    accumulator = Accumulator::new(aggregate.kind);
                    taken = (first, first);
                }
                for row in &rows[taken.1..end.max(taken.1)] {
                    run.tick()?;
                    accumulator.add(row.arguments[place].clone());
                }
                taken.1 = end.max(taken.1);
                rows[position].row[slot] = accumulator.finish();
            }
        }
        Ok(())
    }
}

fn rows_before(bound: &Bound, position: usize) -> usize {
    match bound {
        Bound::Unbounded => 0,
        Bound::Offset(offset) => position.saturating_sub(offset.to_int() as usize),
    }
}

/// Whether a row lies before an end of a frame; rows are sorted, other types before and behind the numbers.
fn below(framed: &Framed, number: Option<f64>, test: impl Fn(f64) -> bool) -> bool {
    match number {
        Some(number) => test(number),
        None => framed.place.rank() < Value::Int(0).rank(),
    }
}

impl<'a> Operator<'a> for Windowing<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        if let Some(input) = self.input.take() {
            self.gather(input, run)?;
        }
        let mut batch = Batch::new(self.width);
        for row in self.rows.by_ref().take(wanted.max(1)) {
            batch.values.extend(row);
        }
        if batch.is_empty() {
            run.memory.shrink(std::mem::take(&mut self.bytes));
        }
        Ok(batch)
    }
}
