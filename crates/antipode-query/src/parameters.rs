//! Parameters: what lets one plan serve runs with different bind values.
//!
//! ```text
//!  @low, @high + 1 ──resolve──▶ slots ──▶ plan, made with the values of the first run
//!                                 │
//!  other bind values ──values()───┴──▶ the values of the slots, or none: then this plan is not theirs
//! ```
//!
//! A plan is made knowing all bind values, and must serve others only if it would have been the same for them, down to
//! the warnings of folding. So each slot has conditions. Its value has the [`Shape`] that it had (rules look at no more
//! than that); where more was looked at, it is *settled*: the very same value. And what is computed of bind values
//! neither fails nor warns: a run in which it does gets a plan of its own, in which that happens in its proper place.

use antipode_value::{Str, Value};

use crate::context::Environment;
use crate::expression::{Expression, Parameter};
use crate::resolve;

/// What of a parameter's value the plan may depend on without settling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    kind: u8,
    truthy: bool,
    /// It is an array that has null among its elements.
    with_null: bool,
}

impl Shape {
    fn of(value: &Value) -> Shape {
        let (kind, with_null) = match value {
            Value::Null => (0, false),
            Value::Bool(_) => (1, false),
            Value::Int(_) | Value::Float(_) => (2, false),
            Value::String(_) => (3, false),
            Value::Array(array) => (
                4,
                array.as_range().is_none() && array.iter().any(|element| element.is_null()),
            ),
            Value::Object(_) => (5, false),
        };
        Shape {
            kind,
            truthy: value.truthy(),
            with_null,
        }
    }
}

#[derive(Clone, Debug)]
enum Source {
    /// The bind value with this name.
    Bind(Str),
    /// The value of an expression over slots before this one.
    Derived(Box<Expression>),
}

#[derive(Clone, Debug)]
struct Slot {
    source: Source,
    shape: Shape,
    /// The value that it must have.
    settled: Option<Value>,
    /// The value that the plan is made with, until it is finished.
    sample: Value,
}

/// The parameters of a plan.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    slots: Vec<Slot>,
    binds: usize,
    rejected: bool,
}

impl Parameters {
    /// The place of a bind value.
    pub(crate) fn bind(&mut self, name: &str, sample: Value) -> Parameter {
        let known = self
            .slots
            .iter()
            .position(|slot| matches!(&slot.source, Source::Bind(known) if **known == *name));
        match known {
            Some(slot) => Parameter {
                slot: slot as u32,
                sample,
            },
            None => {
                self.binds += 1;
                self.add(Source::Bind(Str::from(name)), sample)
            }
        }
    }

    /// The place of a value that is computed of other places.
    pub(crate) fn derive(&mut self, expression: Expression, sample: Value) -> Parameter {
        self.add(Source::Derived(Box::new(expression)), sample)
    }

    fn add(&mut self, source: Source, sample: Value) -> Parameter {
        let slot = self.slots.len() as u32;
        self.slots.push(Slot {
            source,
            shape: Shape::of(&sample),
            settled: None,
            sample: sample.clone(),
        });
        Parameter { slot, sample }
    }

    /// The plan depends on the value of this parameter.
    pub(crate) fn settle(&mut self, parameter: &Parameter) {
        if let Some(slot) = self.slots.get_mut(parameter.slot as usize) {
            slot.settled = Some(parameter.sample.clone());
        }
    }

    /// The plan cannot be kept.
    pub(crate) fn reject(&mut self) {
        self.rejected = true;
    }

    /// Whether the plan cannot be kept.
    pub(crate) fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// Forgets the values that the plan was made with, and gives them.
    pub(crate) fn take_samples(&mut self) -> Vec<Value> {
        let take = |slot: &mut Slot| {
            if let Source::Derived(expression) = &mut slot.source {
                forget_samples(expression);
            }
            std::mem::take(&mut slot.sample)
        };
        self.slots.iter_mut().map(take).collect()
    }

    /// The values of a run with these bind values; none if the plan is not for them.
    pub(crate) fn values(&self, binds: &Value) -> Option<Vec<Value>> {
        let given = match binds {
            Value::Null => None,
            Value::Object(object) => Some(object),
            _ => return None,
        };
        if given.map_or(0, |object| object.len()) != self.binds {
            return None;
        }
        let environment = Environment::default();
        let mut values = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let value = match &slot.source {
                Source::Bind(name) => {
                    let value = given?.get(name)?;
                    if resolve::deeper_than(&value, resolve::DEPTH_MAX) {
                        return None;
                    }
                    value
                }
                Source::Derived(expression) => resolve::value(expression, &environment, &values)?,
            };
            let same = match &slot.settled {
                Some(settled) => identical(settled, &value),
                None => slot.shape == Shape::of(&value),
            };
            if !same {
                return None;
            }
            values.push(value);
        }
        Some(values)
    }

    /// Bytes that the settled values hold on to.
    pub(crate) fn memory_bytes(&self) -> usize {
        let settled = |slot: &Slot| slot.settled.as_ref().map_or(0, Value::memory_bytes);
        let own = |slot: &Slot| size_of::<Slot>() + settled(slot);
        self.slots.iter().map(own).sum()
    }
}

/// Forgets the values that parameters had when the plan was made.
pub(crate) fn forget_samples(expression: &mut Expression) {
    if let Expression::Parameter(parameter) = expression {
        parameter.sample = Value::Null;
    }
    expression.each_mut(&mut forget_samples);
}

/// Equal, and of the same kind of number all through.
fn identical(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        (Value::Array(left), Value::Array(right)) => {
            // A range is told from an array that is written out where a depth is asked for.
            left.as_range() == right.as_range()
                && left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|(left, right)| identical(&left, &right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|(left, right)| left.0 == right.0 && identical(&left.1, &right.1))
        }
        (left, right) => left == right,
    }
}
