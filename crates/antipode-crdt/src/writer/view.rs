//! The document as a writer looks at it.

use antipode_value::{Array, Object, Str, Value};

use crate::rule::{counter, sequence};
use crate::show;
use crate::state::{ENDS, Elements, Held, Parts, Place, Tree, ends_of};

/// A tree, read at paths.
pub(super) enum View<'a> {
    Whole(&'a Value),
    Places(&'a Place),
}

/// What a path leads to.
pub(super) enum Target<'a> {
    /// What is reached after `depth` names is there and no object, so that nothing can stand below it.
    Blocked {
        depth: usize,
    },
    Free(Spot<'a>),
}

/// One place, and what is there.
pub(super) enum Spot<'a> {
    /// A value that was assigned, or nothing.
    Value(Option<Value>),
    Place(&'a Place),
}

impl Target<'_> {
    /// The same, reached after `depth` more names.
    fn deeper(self, above: usize) -> Self {
        match self {
            Self::Blocked { depth } => Self::Blocked {
                depth: depth + above,
            },
            free @ Self::Free(_) => free,
        }
    }
}

impl<'a> View<'a> {
    pub fn of(tree: &'a Tree) -> Self {
        match tree {
            Tree::Whole(whole) => Self::Whole(&whole.value),
            Tree::Places(root) => Self::Places(root),
        }
    }

    pub fn find(&self, names: &[Str]) -> Target<'a> {
        match self {
            Self::Whole(value) => find_in_value(value, names),
            Self::Places(root) => find_in_places(root, names),
        }
    }

    /// `_from` and `_to`, as far as they are there.
    pub fn ends(&self) -> Value {
        let whole = match self {
            Self::Whole(value) => Some(*value),
            Self::Places(root) => match root.child(ENDS).map(|place| &place.held) {
                Some(Held::Value(Value::Object(ends))) => return Value::Object(ends.clone()),
                Some(_) => None,
                None => root.rest.as_ref().map(|rest| &rest.value),
            },
        };
        let ends = whole.and_then(Value::as_object).and_then(ends_of);
        ends.unwrap_or_else(|| Value::Object(Object::default()))
    }

    /// Whether the place at `names` shows as an object only through what is below it, and none of that but what is in
    /// `unset`.
    pub fn empties(&self, names: &[Str], unset: &[&Str]) -> bool {
        let Self::Places(root) = self else {
            return false;
        };
        let mut place = *root;
        for name in names {
            match place.child(name) {
                Some(child) => place = child,
                None => return false,
            }
        }
        let is_held = place.is_object() || !matches!(place.held, Held::Nothing);
        if is_held || place.parts.as_ref().is_some_and(|parts| parts.is_shown()) {
            return false;
        }
        let mut shown = place
            .children
            .iter()
            .filter(|(_, child)| show::place(child).is_some())
            .peekable();
        shown.peek().is_some() && shown.all(|(name, _)| unset.contains(&name))
    }
}

fn find_in_value<'a>(value: &Value, names: &[Str]) -> Target<'a> {
    let mut current = value.clone();
    for (depth, name) in names.iter().enumerate() {
        match &current {
            Value::Object(object) => match object.get(name) {
                Some(below) => current = below,
                None => return Target::Free(Spot::Value(None)),
            },
            _ => return Target::Blocked { depth },
        }
    }
    Target::Free(Spot::Value(Some(current)))
}

fn find_in_places<'a>(root: &'a Place, names: &[Str]) -> Target<'a> {
    let mut place = root;
    for (depth, name) in names.iter().enumerate() {
        if depth > 0 && !place.is_object() && shows_itself(place) {
            return Target::Blocked { depth };
        }
        match place.child(name) {
            Some(child) => place = child,
            None => {
                let rest = place.rest.as_ref().map(|rest| &rest.value);
                return rest.map_or(Target::Free(Spot::Value(None)), |rest| {
                    find_in_value(rest, &names[depth..]).deeper(depth)
                });
            }
        }
    }
    Target::Free(Spot::Place(place))
}

/// Whether a place that is no object shows a value of its own, not only what is below it.
fn shows_itself(place: &Place) -> bool {
    matches!(place.held, Held::Value(_))
        || place.parts.as_ref().is_some_and(|parts| parts.is_shown())
}

impl Spot<'_> {
    pub fn shown(&self) -> Option<Value> {
        match self {
            Self::Value(value) => value.clone(),
            Self::Place(place) => show::place(place),
        }
    }

    /// Whether relative changes cannot be made here.
    pub fn is_object(&self) -> bool {
        match self {
            Self::Value(value) => matches!(value, Some(Value::Object(_))),
            Self::Place(place) => matches!(show::place(place), Some(Value::Object(_))),
        }
    }

    pub fn parts(&self) -> Option<&Parts> {
        match self {
            Self::Value(_) => None,
            Self::Place(place) => place.parts.as_deref(),
        }
    }

    /// Base and sums of the number here.
    pub fn total(&self) -> counter::Total {
        match self {
            Self::Value(value) => counter::total(value.as_ref(), &[]),
            Self::Place(place) => {
                let base = match &place.held {
                    Held::Value(value) => Some(value),
                    Held::Nothing | Held::Object => None,
                };
                counter::total(base, self.parts().map_or(&[], |parts| &parts.sums))
            }
        }
    }

    /// The elements of the array here, hidden ones included.
    pub fn with_items<T>(&self, read: impl FnOnce(&[sequence::Item<'_>]) -> T) -> T {
        let none = Elements::default();
        let base: Option<&Array> = match self {
            Self::Value(value) => value.as_ref().and_then(Value::as_array),
            Self::Place(place) => place.base_array(),
        };
        let elements = self.parts().and_then(|parts| parts.elements.as_ref());
        read(&sequence::items(base, elements.unwrap_or(&none)))
    }
}
