//! Counters: increments add to the number that their writers saw.
//!
//! Each replica has one running sum (for each set of lives that its increments named: one, except after concurrent
//! creations of the key). Integers add exactly in 128 bits. Floats do not add in any order to the same bits, so their sums
//! stay apart by replica, in which the order is the replica's own, and the total adds them in the order of replicas.

use antipode_clock::{ReplicaId, Stamp};
use antipode_value::Value;

use crate::Number;
use crate::state::{Parts, Sum};

/// Adds to the sum of `replica` for the `lives` that the operation names, in the life with the names `life`.
pub(crate) fn increment(
    parts: &mut Parts,
    replica: ReplicaId,
    lives: &[Stamp],
    life: &[Stamp],
    number: Number,
) {
    let key = (replica, lives);
    let found = parts
        .sums
        .binary_search_by(|sum| (sum.replica, sum.lives_in(life)).cmp(&key));
    let position = found.unwrap_or_else(|position| {
        let lives = if lives == life {
            Vec::new()
        } else {
            lives.to_vec()
        };
        parts.sums.insert(
            position,
            Sum {
                replica,
                lives,
                int: 0,
                float: None,
            },
        );
        position
    });
    if let Some(sum) = parts.sums.get_mut(position) {
        match number {
            Number::Int(int) => sum.int = sum.int.wrapping_add(i128::from(int)),
            Number::Float(float) => sum.float = Some(sum.float.unwrap_or(0.0) + float),
        }
    }
}

impl Sum {
    /// The lives that the increments named, where this sum stands in a life with the names `life`.
    pub fn lives_in<'a>(&'a self, life: &'a [Stamp]) -> &'a [Stamp] {
        if self.lives.is_empty() {
            life
        } else {
            &self.lives
        }
    }
}

/// Base and sums of a counter, before they become one number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    int: i128,
    float: Option<f64>,
}

/// The total of `sums`, which are in the order of their keys, over `base`. What is no number counts as 0.
pub(crate) fn total(base: Option<&Value>, sums: &[Sum]) -> Total {
    let mut total = Total {
        int: 0,
        float: None,
    };
    match base {
        Some(Value::Int(int)) => total.int = i128::from(*int),
        Some(Value::Float(float)) => total.float = Some(*float),
        _ => {}
    }
    for sum in sums {
        total.int = total.int.wrapping_add(sum.int);
        if let Some(float) = sum.float {
            total.float = Some(total.float.unwrap_or(0.0) + float);
        }
    }
    total
}

impl Total {
    /// One more number.
    pub fn plus(self, number: Number) -> Self {
        match number {
            Number::Int(int) => Self {
                int: self.int.wrapping_add(i128::from(int)),
                ..self
            },
            Number::Float(float) => Self {
                float: Some(self.float.unwrap_or(0.0) + float),
                ..self
            },
        }
    }

    /// Whether the total is what the same sum in C8QL's own numbers would be: an integer of 64 bits, or finite.
    pub fn is_plain(self) -> bool {
        match self.float {
            None => i64::try_from(self.int).is_ok(),
            Some(float) => (float + self.int as f64).is_finite(),
        }
    }

    /// All floats first, then the exact integer part rounded once. An integer beyond 64 bits shows as the nearest double;
    /// what is not finite as null.
    pub fn shown(self) -> Value {
        match self.float {
            None => {
                i64::try_from(self.int).map_or_else(|_| Value::float(self.int as f64), Value::Int)
            }
            Some(float) => Value::float(float + self.int as f64),
        }
    }
}

/// What `replica` added here, for a report.
pub(crate) fn sum_of(parts: &Parts, replica: ReplicaId) -> Option<Value> {
    let sums: Vec<Sum> = parts
        .sums
        .iter()
        .filter(|sum| sum.replica == replica)
        .cloned()
        .collect();
    if sums.is_empty() {
        return None;
    }
    Some(total(None, &sums).shown())
}
