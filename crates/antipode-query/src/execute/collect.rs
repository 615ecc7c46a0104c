//! COLLECT: rows become groups.
//!
//! Groups are found by hash and come out in the order of their keys. The rows themselves are not kept, only what the
//! aggregates and the group variable gather.

use std::collections::HashMap;

use antipode_value::{Array, Object, Value, compare};

use super::aggregate::Accumulator;
use super::{BATCH_ROWS, Batch, Input, Operator};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::plan::{Collect, GroupMember};

/// COLLECT; `empty` is the row that the line began with, for the one group of no rows.
pub(super) fn collect<'a>(input: Input<'a>, node: &'a Collect, empty: Vec<Value>) -> Input<'a> {
    Box::new(Collecting {
        input: Some(input),
        node,
        empty,
        groups: Vec::new().into_iter(),
        bytes: 0,
    })
}

struct Group {
    /// The first row of the group: it has the variables from before the loops.
    row: Vec<Value>,
    keys: Vec<Value>,
    accumulators: Vec<Accumulator>,
    members: Vec<Value>,
}

struct Collecting<'a> {
    input: Option<Input<'a>>,
    node: &'a Collect,
    empty: Vec<Value>,
    groups: std::vec::IntoIter<Group>,
    bytes: u64,
}

/// What a group takes beside its values and accumulators: itself, its keys a second time, and its place in the table,
/// which is up to half empty and is copied as it grows.
const GROUP_BYTES: usize = size_of::<Group>() + 4 * size_of::<Vec<Value>>() + 64;

impl<'a> Collecting<'a> {
    fn group(&self, row: Vec<Value>, keys: Vec<Value>) -> Group {
        let accumulators = self
            .node
            .aggregates
            .iter()
            .map(|aggregate| Accumulator::new(aggregate.kind))
            .collect();
        Group {
            row,
            keys,
            accumulators,
            members: Vec::new(),
        }
    }

    fn gather(&mut self, mut input: Input<'a>, run: &mut Run<'a>) -> Result<()> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<Vec<Value>, usize> = HashMap::new();
        if self.node.keys.is_empty() {
            groups.push(self.group(self.empty.clone(), Vec::new()));
        }
        loop {
            let mut batch = input.pull(BATCH_ROWS, run)?;
            if batch.is_empty() {
                break;
            }
            for row in batch.iter_mut() {
                run.tick()?;
                let mut keys = Vec::with_capacity(self.node.keys.len());
                for (_, key) in &self.node.keys {
                    keys.push(evaluate(key, row, run)?);
                }
                let place = match places.get(&keys) {
                    Some(place) => *place,
                    None if keys.is_empty() => 0,
                    None => {
                        let values = keys.iter().chain(&*row);
                        let bytes = values.map(Value::memory_bytes).sum::<usize>()
                            + GROUP_BYTES
                            + self.node.aggregates.len() * size_of::<Accumulator>();
                        let bytes = bytes as u64;
                        run.memory.grow(bytes)?;
                        self.bytes += bytes;
                        groups.push(self.group(row.to_vec(), keys.clone()));
                        places.insert(keys, groups.len() - 1);
                        groups.len() - 1
                    }
                };
                let bytes = add(self.node, &mut groups[place], row, run)?;
                run.memory.grow(bytes)?;
                self.bytes += bytes;
            }
        }
        if self.node.sorted {
            groups.sort_by(|left, right| {
                let mut orders = left
                    .keys
                    .iter()
                    .zip(&right.keys)
                    .map(|(left, right)| compare(left, right));
                orders
                    .find(|order| order.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
        }
        self.groups = groups.into_iter();
        Ok(())
    }

    /// The row of a finished group.
    fn finish(&self, group: Group) -> Vec<Value> {
        let mut row = group.row;
        for ((variable, _), key) in self.node.keys.iter().zip(group.keys) {
            row[variable.slot as usize] = key;
        }
        for (aggregate, accumulator) in self.node.aggregates.iter().zip(&group.accumulators) {
            row[aggregate.variable.slot as usize] = accumulator.finish();
        }
        if let Some((variable, _)) = &self.node.into {
            row[variable.slot as usize] = Value::Array(Array::from_vec(group.members));
        }
        row
    }
}

/// Adds a row to its group; gives the bytes that it now holds on to in addition.
fn add<'a>(
    node: &'a Collect,
    group: &mut Group,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<u64> {
    let mut bytes = 0;
    for (aggregate, accumulator) in node.aggregates.iter().zip(&mut group.accumulators) {
        let value = match &aggregate.argument {
            Some(argument) => evaluate(argument, row, run)?,
            None => Value::Null,
        };
        bytes += accumulator.add(value);
    }
    if let Some((_, member)) = &node.into {
        let member = match member {
            GroupMember::Projection(projection) => evaluate(projection, row, run)?,
            GroupMember::Variables(variables) => {
                let mut pairs = Vec::with_capacity(variables.len());
                for (name, variable) in variables {
                    pairs.push((name.clone(), evaluate(variable, row, run)?));
                }
                Value::Object(Object::from_pairs(pairs))
            }
        };
        bytes += member.memory_bytes() as u64;
        group.members.push(member);
    }
    Ok(bytes)
}

impl<'a> Operator<'a> for Collecting<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        if let Some(input) = self.input.take() {
            self.gather(input, run)?;
        }
        let groups: Vec<Group> = self.groups.by_ref().take(wanted.max(1)).collect();
        let mut batch = Batch::new(self.empty.len());
        for group in groups {
            let row = self.finish(group);
            for value in &row {
                run.memory.shallow(value)?;
            }
            batch.values.extend(row);
        }
        if batch.is_empty() {
            run.memory.shrink(std::mem::take(&mut self.bytes));
        }
        Ok(batch)
    }
}
