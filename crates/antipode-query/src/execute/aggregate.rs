//! The aggregate functions of COLLECT and WINDOW, as accumulators.

use std::collections::HashSet;

use antipode_value::{Array, Value, compare};

use crate::plan::AggregateKind;

/// Gathers the values of one group.
#[derive(Debug)]
pub(super) struct Accumulator {
    kind: AggregateKind,
    state: State,
}

#[derive(Debug)]
enum State {
    Count(u64),
    Extreme(Option<Value>),
    Sum(Sum),
    Spread(Spread),
    Distinct {
        seen: HashSet<Value>,
        order: Vec<Value>,
    },
    Bits(Option<u64>, bool),
    All(Vec<Value>),
}

/// A sum that stays an integer as long as it can. Floats are added in the order of their arrival, as the function SUM
/// does.
#[derive(Debug, Default)]
struct Sum {
    rows: u64,
    numbers: u64,
    whole: i64,
    float: Option<f64>,
    wrong: bool,
}

impl Sum {
    fn add(&mut self, value: &Value) {
        self.rows += 1;
        match value {
            Value::Null => return,
            Value::Int(int) => match (self.float, self.whole.checked_add(*int)) {
                (None, Some(whole)) => self.whole = whole,
                (float, _) => self.float = Some(float.unwrap_or(self.whole as f64) + *int as f64),
            },
            Value::Float(number) => {
                self.float = Some(self.float.unwrap_or(self.whole as f64) + number)
            }
            _ => {
                self.wrong = true;
                return;
            }
        }
        self.numbers += 1;
    }

    fn total(&self) -> f64 {
        self.float.unwrap_or(self.whole as f64)
    }
}

/// Mean and squared deviations in one pass, after Welford.
#[derive(Debug, Default)]
struct Spread {
    numbers: u64,
    mean: f64,
    squares: f64,
    wrong: bool,
}

impl Spread {
    fn add(&mut self, value: &Value) {
        match value.as_float() {
            Some(number) => {
                self.numbers += 1;
                let delta = number - self.mean;
                self.mean += delta / self.numbers as f64;
                self.squares += delta * (number - self.mean);
            }
            None => self.wrong |= !value.is_null(),
        }
    }

    fn variance(&self, sample: bool) -> Option<f64> {
        let divisor = self.numbers.checked_sub(u64::from(sample))?;
        if self.wrong || divisor == 0 {
            return None;
        }
        Some(self.squares / divisor as f64)
    }
}

impl Accumulator {
    pub(super) fn new(kind: AggregateKind) -> Accumulator {
        let state = match kind {
            AggregateKind::Length => State::Count(0),
            AggregateKind::Min | AggregateKind::Max => State::Extreme(None),
            AggregateKind::Sum | AggregateKind::Average => State::Sum(Sum::default()),
            AggregateKind::VariancePopulation
            | AggregateKind::VarianceSample
            | AggregateKind::StddevPopulation
            | AggregateKind::StddevSample => State::Spread(Spread::default()),
            AggregateKind::Unique | AggregateKind::SortedUnique | AggregateKind::CountDistinct => {
                State::Distinct {
                    seen: HashSet::new(),
                    order: Vec::new(),
                }
            }
            AggregateKind::BitAnd | AggregateKind::BitOr | AggregateKind::BitXor => {
                State::Bits(None, false)
            }
            AggregateKind::Push => State::All(Vec::new()),
        };
        Accumulator { kind, state }
    }

    /// Adds the value of a row; gives the bytes that the accumulator now holds on to in addition.
    pub(super) fn add(&mut self, value: Value) -> u64 {
        match &mut self.state {
            State::Count(count) => *count += 1,
            State::Extreme(extreme) => {
                let better = !value.is_null()
                    && extreme.as_ref().is_none_or(|best| {
                        let order = compare(&value, best);
                        if self.kind == AggregateKind::Min {
                            order.is_lt()
                        } else {
                            order.is_gt()
                        }
                    });
                if better {
                    *extreme = Some(value);
                }
            }
            State::Sum(sum) => sum.add(&value),
            State::Spread(spread) => spread.add(&value),
            State::Distinct { seen, order } => {
                if seen.insert(value.clone()) {
                    let bytes = 2 * value.memory_bytes() as u64;
                    order.push(value);
                    return bytes;
                }
            }
            State::Bits(bits, wrong) => match value.as_int().map(u32::try_from) {
                Some(Ok(number)) => {
                    let number = u64::from(number);
                    *bits = Some(match (*bits, self.kind) {
                        (None, _) => number,
                        (Some(bits), AggregateKind::BitAnd) => bits & number,
                        (Some(bits), AggregateKind::BitOr) => bits | number,
                        (Some(bits), _) => bits ^ number,
                    });
                }
                _ => *wrong |= !value.is_null(),
            },
            State::All(values) => {
                let bytes = value.memory_bytes() as u64;
                values.push(value);
                return bytes;
            }
        }
        0
    }

    /// The value of the group.
    pub(super) fn finish(&self) -> Value {
        match &self.state {
            State::Count(count) => Value::from(*count),
            State::Extreme(extreme) => extreme.clone().unwrap_or_default(),
            State::Sum(sum) => match self.kind {
                AggregateKind::Sum if sum.rows == 0 || sum.wrong => Value::Null,
                AggregateKind::Sum => sum.float.map_or(Value::Int(sum.whole), Value::float),
                _ if sum.numbers == 0 || sum.wrong => Value::Null,
                _ => Value::float(sum.total() / sum.numbers as f64),
            },
            State::Spread(spread) => {
                let sample = matches!(
                    self.kind,
                    AggregateKind::VarianceSample | AggregateKind::StddevSample
                );
                let root = matches!(
                    self.kind,
                    AggregateKind::StddevPopulation | AggregateKind::StddevSample
                );
                let variance = spread.variance(sample);
                Value::from(variance.map(|variance| if root { variance.sqrt() } else { variance }))
            }
            State::Distinct { order, .. } => match self.kind {
                AggregateKind::CountDistinct => Value::from(order.len()),
                AggregateKind::SortedUnique => {
                    let mut sorted = order.clone();
                    sorted.sort_by(compare);
                    Value::Array(Array::from_vec(sorted))
                }
                _ => Value::Array(Array::from_vec(order.clone())),
            },
            State::Bits(_, true) => Value::Null,
            State::Bits(bits, false) => Value::from(*bits),
            State::All(values) => Value::Array(Array::from_vec(values.clone())),
        }
    }
}
