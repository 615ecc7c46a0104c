//! Operations: what a write says, in a form that every replica applies with the same result.
//!
//! An operation begins, changes or ends *lives* of one document. It carries no clock and no base: the stamp and the
//! causal context of its transaction decide, at every replica alike, what it may change.

use antipode_clock::{Hlc, ReplicaId, Stamp};
use antipode_value::{Str, Value};

/// Attribute names from the root of a document down to a place. The empty path is the root.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path(Vec<Str>);

impl Path {
    /// The root of the document.
    pub const ROOT: Self = Self(Vec::new());

    /// The place reached through `names`.
    pub fn new<N: Into<Str>>(names: impl IntoIterator<Item = N>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// The names, from the root down.
    #[must_use]
    pub fn names(&self) -> &[Str] {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The place `name` directly below.
    #[must_use]
    pub fn child(&self, name: impl Into<Str>) -> Self {
        let mut names = Vec::with_capacity(self.0.len() + 1);
        names.extend_from_slice(&self.0);
        names.push(name.into());
        Self(names)
    }

    /// The place above and the last name; `None` for the root.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &Str)> {
        let (last, above) = self.0.split_last()?;
        Some((Self(above.to_vec()), last))
    }

    /// Whether this place is `other` or above it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl From<Vec<Str>> for Path {
    fn from(names: Vec<Str>) -> Self {
        Self(names)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// The name of one element of an array: by position in the array that was assigned, or by the operation that added it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ElementId {
    /// The element at this position of the assigned array.
    Base(u32),
    /// The `index`-th value that the operation stamped `stamp` added here.
    Added {
        /// Stamp of the operation.
        stamp: Stamp,
        /// Position among the values of the change.
        index: u32,
    },
}

/// Where an element stands in its array: in front of the assigned elements, at one of them, or behind them. An element
/// that took over another's place stands at that one's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Slot {
    /// In front: the newest operation first, its values in their order.
    Front(Stamp, u32),
    /// At a position of the assigned array.
    Base(u32),
    /// Behind: the oldest operation first.
    Back(Stamp, u32),
}

impl Slot {
    const FIRST: Stamp = Stamp {
        hlc: Hlc::ZERO,
        replica: ReplicaId(0),
    };

    fn order(&self) -> (u8, std::cmp::Reverse<Stamp>, Stamp, u32) {
        use std::cmp::Reverse;
        match self {
            Self::Front(stamp, index) => (0, Reverse(*stamp), Self::FIRST, *index),
            Self::Base(position) => (1, Reverse(Self::FIRST), Self::FIRST, *position),
            Self::Back(stamp, index) => (2, Reverse(Self::FIRST), *stamp, *index),
        }
    }
}

impl Ord for Slot {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A number as a counter adds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer; sums of integers are exact.
    Int(i64),
    /// A finite double.
    Float(f64),
}

impl Number {
    /// The number that `value` is, if it is one.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(int) => Some(Self::Int(*int)),
            Value::Float(float) if float.is_finite() => Some(Self::Float(*float)),
            _ => None,
        }
    }

    /// The number as a value.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Int(int) => Value::Int(int),
            Self::Float(float) => Value::float(float),
        }
    }
}

/// A value added to an array that is used as a set.
#[derive(Clone, Debug)]
pub struct UniqueElement {
    /// The value.
    pub value: Value,
    /// The equal element that the writer saw, if any: the new one stands in its place. `None`: it stands at the end.
    pub takes: Option<Taken>,
}

/// Which elements a value added to a set replaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taken {
    /// Where the first equal element stands.
    pub slot: Slot,
    /// That element, then equal ones behind it that it hides. Naming them all keeps concurrent adds that are repeated for
    /// ever from piling up hidden twins.
    pub elements: Vec<ElementId>,
}

/// What happens at one place of a document.
#[derive(Clone, Debug)]
pub enum Change {
    /// The place is this value; what was at or below it and older goes.
    Assign(Value),
    /// The place is nothing; what was at or below it and older goes.
    Unset,
    /// The place is an object, whatever is in it.
    Object,
    /// Adds to the number that the writer saw here.
    Increment(Number),
    /// Puts values at the end of the array that the writer saw here.
    Append(Vec<Value>),
    /// Puts values in front of the array that the writer saw here.
    Prepend(Vec<Value>),
    /// Adds values that are shown once.
    AddUnique(Vec<UniqueElement>),
    /// Removes elements by name.
    RemoveElements(Vec<ElementId>),
    /// Keeps the greater of what is here and this value.
    Max(Value),
    /// Keeps the smaller of what is here and this value.
    Min(Value),
}

impl Change {
    /// Whether the change belongs to the value that its writer saw: it counts only on that.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        !matches!(self, Self::Assign(_) | Self::Unset | Self::Object)
    }

    /// Whether the change needs the places above it to be objects. A change that removes never creates anything.
    #[must_use]
    pub fn makes_objects_above(&self) -> bool {
        matches!(self, Self::Assign(_) | Self::Object)
    }
}

/// Whether a removal stands against patches that it did not see.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RemoveMode {
    /// The lives are gone; a patch that did not see the removal is discarded.
    Final,
    /// The lives are hidden, and a patch that did not see the removal brings the whole document back.
    Yielding,
}

/// One write to one document.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Ends the lives that the writer saw and begins one in which every attribute has been written for itself, so that
    /// concurrent creations of a key become one document with the fields of all.
    Merge {
        /// Names of the lives that end.
        ends: Vec<Stamp>,
        /// An object: each value in it is assigned at its own path, each empty object made.
        value: Value,
        /// Further changes made on nothing: counters, sets and extremes that begin here. Sorted by path.
        changes: Vec<(Path, Change)>,
    },
    /// Ends the lives that the writer saw and begins one with this value as a whole.
    Put {
        /// Names of the lives that end.
        ends: Vec<Stamp>,
        /// An object.
        value: Value,
    },
    /// Changes the lives that the writer saw alive.
    Patch {
        /// Names of the lives that change.
        lives: Vec<Stamp>,
        /// What changes, sorted by path; no path above another, but for [`Change::Object`].
        changes: Vec<(Path, Change)>,
    },
    /// Ends or hides the lives that the writer saw.
    Remove {
        /// Names of the lives.
        ends: Vec<Stamp>,
        /// Whether the removal yields.
        mode: RemoveMode,
    },
}
