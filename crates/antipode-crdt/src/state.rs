//! What a set of stamped operations leaves behind: lives, and in each a tree of places.
//!
//! ```text
//! Document ─ Life ─ names      { stamp }          its incarnations
//!                   newest     stamp              newest operation that applied to it
//!                   touched    { replica → clock } newest unstable patch of each replica
//!                   removals   { stamp, hides }   unstable yielding removals
//!                   tree ─ Place ─ set       stamp, value | object | nothing: the newest assign or unset here
//!                                  object    stamp: the newest write that needs an object here
//!                                  parts     sums, elements, max, min: changes made on what `set` put here
//!                                  children  { name → Place }
//! ```
//!
//! *effective(p)* is the newest `set` at p or at any place above it. A place without a `set` of its own inherits the one
//! above and holds nothing. What one operation made stays whole ([`Whole`]): a document is taken apart into places only
//! when a second operation changes it, and then only along the path of the change. The rest of each object on the way
//! remains a value with its origin.

use std::borrow::Cow;

use antipode_clock::{Context, Hlc, ReplicaId, Stamp};
use antipode_value::{Array, Object, Str, Value, identical};

use crate::Slot;

/// The attribute that `_from` and `_to` of an edge live under in the tree, as one value: they are written and merged as a
/// pair. Its value is an object with the two, and it is shown as two attributes of the document.
pub(crate) const ENDS: &str = "_from";
/// The other attribute of the pair, which has no place of its own.
pub(crate) const ENDS_TO: &str = "_to";

/// The stamp and causal context of the operation that is being applied.
#[derive(Clone, Copy)]
pub(crate) struct Cause<'a> {
    pub stamp: Stamp,
    pub context: &'a Context,
}

impl Cause<'_> {
    /// Whether the writer had seen the operation stamped `stamp`. A replica has always seen its own earlier operations,
    /// those of the same transaction included.
    pub fn saw(&self, stamp: Stamp) -> bool {
        if stamp.replica == self.stamp.replica {
            return stamp.hlc <= self.stamp.hlc;
        }
        self.context.saw(stamp)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// Sorted. More than one once several lives were folded into one.
    pub names: Vec<Stamp>,
    pub newest: Stamp,
    /// Sorted by replica.
    pub touched: Vec<(ReplicaId, Hlc)>,
    /// Sorted by stamp.
    pub removals: Vec<Removal>,
    pub tree: Tree,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Removal {
    pub stamp: Stamp,
    /// Whether the removal saw every patch of this life.
    pub hides: bool,
}

impl Life {
    pub fn begun(stamp: Stamp, tree: Tree) -> Self {
        Self {
            names: vec![stamp],
            newest: stamp,
            touched: Vec::new(),
            removals: Vec::new(),
            tree,
        }
    }

    pub fn is_hidden(&self) -> bool {
        self.removals.iter().any(|removal| removal.hides)
    }

    pub fn is_named_in(&self, names: &[Stamp]) -> bool {
        self.names.iter().any(|name| names.contains(name))
    }

    /// The tree as places, taken apart if it was whole.
    pub fn places_mut(&mut self) -> &mut Place {
        if let Tree::Whole(whole) = &self.tree {
            self.tree = Tree::Places(whole.places());
        }
        match &mut self.tree {
            Tree::Places(root) => root,
            Tree::Whole(_) => unreachable!("was taken apart above"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Tree {
    /// What one operation wrote, or what is left when all is folded.
    Whole(Whole),
    Places(Place),
}

impl Tree {
    /// All places, with nothing left whole.
    pub fn places(&self) -> Place {
        let mut root = match self {
            Self::Whole(whole) => whole.places(),
            Self::Places(root) => root.clone(),
        };
        root.expand_all();
        root
    }
}

/// An object that stands without metadata of its own.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// An object.
    pub value: Value,
    pub origin: Origin,
}

/// How a value that stands without metadata was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Origin {
    /// Zero where the stamps were folded away.
    pub stamp: Stamp,
    /// Each scalar and array assigned at its own path (an insert), or the value as a whole (a put).
    pub each: bool,
}

impl Origin {
    pub const FOLDED: Self = Self {
        stamp: Stamp::ZERO,
        each: false,
    };
}

impl Whole {
    fn places(&self) -> Place {
        Place::root_of(&self.value, self.origin)
    }

    /// The place that attribute `name` is, if there is one.
    fn place(&self, name: &str, at_root: bool) -> Option<Place> {
        let object = self.value.as_object()?;
        match (at_root, name) {
            (true, ENDS) => {
                let ends = ends_of(object)?;
                Some(Place::leaf(ends, self.origin.stamp))
            }
            (true, ENDS_TO) => None,
            _ => Some(Place::of(&object.get(name)?, self.origin)),
        }
    }

    /// The attributes, each with its place.
    fn all_places(&self, at_root: bool) -> Vec<(Str, Place)> {
        let attributes = match (&self.value, at_root) {
            (value, true) => root_attributes(value),
            (Value::Object(object), false) => sorted_attributes(object),
            _ => Cow::Borrowed(&[][..]),
        };
        let place = |(name, value): &(Str, Value)| {
            let is_ends = at_root && name == ENDS;
            let place = match is_ends {
                true => Place::leaf(value.clone(), self.origin.stamp),
                false => Place::of(value, self.origin),
            };
            (name.clone(), place)
        };
        attributes.iter().map(place).collect()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Zero: nothing was assigned here, or it was folded.
    pub set: Stamp,
    pub held: Held,
    /// Zero, or newer than every set here and above.
    pub object: Stamp,
    pub parts: Option<Box<Parts>>,
    /// Sorted by name; none of them vacant.
    pub children: Vec<(Str, Place)>,
    /// An object whose attributes are children too, except where `children` has one of the same name.
    pub rest: Option<Whole>,
    /// Whether this is the root, where the ends of an edge are one child.
    pub is_root: bool,
}

/// What `set` put at a place.
#[derive(Clone, Debug, Default)]
pub(crate) enum Held {
    #[default]
    Nothing,
    Object,
    Value(Value),
}

impl Place {
    /// The root of a document whose value was written by one operation. The root is always an object.
    pub fn root_of(value: &Value, origin: Origin) -> Self {
        Self {
            set: if origin.each {
                Stamp::ZERO
            } else {
                origin.stamp
            },
            held: Held::Object,
            is_root: true,
            rest: Self::rest_of(value, origin),
            ..Self::default()
        }
    }

    /// A place below the root that holds `value`.
    pub fn of(value: &Value, origin: Origin) -> Self {
        if !matches!(value, Value::Object(_)) {
            return Self::leaf(value.clone(), origin.stamp);
        }
        let mut place = Self {
            rest: Self::rest_of(value, origin),
            ..Self::default()
        };
        if origin.each {
            place.object = origin.stamp;
        } else {
            place.set = origin.stamp;
            place.held = Held::Object;
        }
        place
    }

    fn rest_of(value: &Value, origin: Origin) -> Option<Whole> {
        let is_empty = value.as_object().is_none_or(Object::is_empty);
        let value = value.clone();
        (!is_empty).then_some(Whole { value, origin })
    }

    /// Makes a child of every attribute of the rest.
    pub fn expand(&mut self) {
        let Some(rest) = self.rest.take() else {
            return;
        };
        let mut all = rest.all_places(self.is_root);
        for (name, child) in std::mem::take(&mut self.children) {
            match all.binary_search_by(|(other, _)| other.cmp(&name)) {
                Ok(position) => {
                    if let Some((_, place)) = all.get_mut(position) {
                        *place = child;
                    }
                }
                Err(position) => all.insert(position, (name, child)),
            }
        }
        self.children = all;
    }

    /// Leaves nothing whole here and below. Recursion is as deep as the document.
    pub fn expand_all(&mut self) {
        self.expand();
        for (_, child) in &mut self.children {
            child.expand_all();
        }
    }

    /// Position of the child `name`, which is made if there is none: of the rest, or vacant.
    pub fn reach(&mut self, name: &Str) -> usize {
        self.position(name).unwrap_or_else(|position| {
            let of_rest = self.rest.as_ref();
            let place = of_rest.and_then(|rest| rest.place(name, self.is_root));
            self.children
                .insert(position, (name.clone(), place.unwrap_or_default()));
            position
        })
    }

    pub fn leaf(value: Value, set: Stamp) -> Self {
        Self {
            set,
            held: Held::Value(value),
            ..Self::default()
        }
    }

    /// Whether the place is an object by an assigned one, or by a write below that needs one.
    pub fn is_object(&self) -> bool {
        !self.object.is_zero() || matches!(self.held, Held::Object)
    }

    /// Whether the place says nothing that a missing one would not say.
    pub fn is_vacant(&self) -> bool {
        self.set.is_zero()
            && matches!(self.held, Held::Nothing)
            && self.object.is_zero()
            && self.parts.is_none()
            && self.children.is_empty()
            && self.rest.is_none()
    }

    /// The child `name`, of those that are not part of the rest.
    pub fn child(&self, name: &str) -> Option<&Self> {
        let position = self.position(name).ok()?;
        self.children.get(position).map(|(_, child)| child)
    }

    pub fn position(&self, name: &str) -> Result<usize, usize> {
        self.children
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// The array that `set` put here; empty where there is none.
    pub fn base_array(&self) -> Option<&Array> {
        match &self.held {
            Held::Value(Value::Array(array)) => Some(array),
            _ => None,
        }
    }
}

/// The attributes of a document's value with the ends of an edge as one, sorted by name.
pub(crate) fn root_attributes(value: &Value) -> Cow<'_, [(Str, Value)]> {
    let Value::Object(object) = value else {
        return Cow::Borrowed(&[]);
    };
    let attributes = sorted_attributes(object);
    let is_end = |name: &Str| name == ENDS || name == ENDS_TO;
    let Some(first) = attributes.iter().position(|(name, _)| is_end(name)) else {
        return attributes;
    };
    let (pair, mut others): (Vec<_>, Vec<_>) = attributes
        .into_owned()
        .into_iter()
        .partition(|(name, _)| is_end(name));
    // `_from` sorts before `_to`; nothing but a name between the two has to give way.
    let before = others
        .iter()
        .take(first)
        .filter(|(name, _)| name.as_str() < ENDS);
    let place = before.count();
    let pair = Value::Object(Object::from_pairs(pair));
    others.insert(place, (Str::from_static(ENDS), pair));
    Cow::Owned(others)
}

/// `_from` and `_to` of an object as one value, if either is there.
pub(crate) fn ends_of(object: &Object) -> Option<Value> {
    let ends = [ENDS, ENDS_TO].into_iter();
    let ends: Vec<(Str, Value)> = ends
        .filter_map(|name| Some((Str::from_static(name), object.get(name)?)))
        .collect();
    (!ends.is_empty()).then(|| Value::Object(Object::from_pairs(ends)))
}

/// The attributes of an object, sorted by the bytes of their names.
pub(crate) fn sorted_attributes(object: &Object) -> Cow<'_, [(Str, Value)]> {
    if let Some(attributes) = object.as_slice()
        && attributes.is_sorted_by(|a, b| a.0 < b.0)
    {
        return Cow::Borrowed(attributes);
    }
    let mut attributes = object.to_pairs();
    if !attributes.is_sorted_by(|a, b| a.0 < b.0) {
        attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }
    Cow::Owned(attributes)
}

/// Changes made on one value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Sorted by replica, then by lives.
    pub sums: Vec<Sum>,
    pub elements: Option<Elements>,
    pub max: Option<Value>,
    pub min: Option<Value>,
    /// Newest unstable change of each replica that counts here; sorted by replica.
    pub changed: Vec<(ReplicaId, Hlc)>,
}

impl Parts {
    pub fn is_vacant(&self) -> bool {
        !self.is_shown() && self.changed.is_empty()
    }

    /// Whether the parts are seen over the value that they were made on.
    pub fn is_shown(&self) -> bool {
        self.elements.is_some() || self.has_numbers()
    }

    /// Whether there are changes of a number, which yield to elements.
    pub fn has_numbers(&self) -> bool {
        !self.sums.is_empty() || self.max.is_some() || self.min.is_some()
    }
}

/// What one replica's increments add up to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sum {
    pub replica: ReplicaId,
    /// The lives that the increments named, sorted; empty: all names of the life that this stands in.
    pub lives: Vec<Stamp>,
    /// Exact. 2^64 increments of the largest size would be needed to leave it.
    pub int: i128,
    /// Sum of the floats, in the order in which the replica made them.
    pub float: Option<f64>,
}

/// An array by its elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements {
    /// Positions of the assigned array whose elements are gone; sorted.
    pub base_removed: Vec<u32>,
    /// Sorted by slot, then by stamp and index.
    pub added: Vec<Element>,
}

#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub slot: Slot,
    pub stamp: Stamp,
    pub index: u32,
    /// Shown only where no equal element stands before it.
    pub unique: bool,
    pub value: Value,
}

impl Element {
    pub fn order(&self) -> (Slot, Stamp, u32) {
        (self.slot, self.stamp, self.index)
    }
}

/// Raises the clock of `replica` in a list sorted by replica.
pub(crate) fn raise(entries: &mut Vec<(ReplicaId, Hlc)>, replica: ReplicaId, hlc: Hlc) {
    match entries.binary_search_by_key(&replica, |(replica, _)| *replica) {
        Ok(position) => {
            if let Some((_, known)) = entries.get_mut(position) {
                *known = (*known).max(hlc);
            }
        }
        Err(position) => entries.insert(position, (replica, hlc)),
    }
}

// Sameness of states, to the last bit of metadata, whatever their form: what tests of convergence compare.

impl PartialEq for Life {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
            && self.newest == other.newest
            && self.touched == other.touched
            && self.removals == other.removals
            && self.tree == other.tree
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.places() == other.places()
    }
}

/// Of places with nothing left whole.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
            && self.object == other.object
            && self.parts == other.parts
            && self.children == other.children
            && same_held(self, other)
    }
}

/// Elements of an assigned array that were removed are not kept, so they do not count.
fn same_held(a: &Place, b: &Place) -> bool {
    match (&a.held, &b.held) {
        (Held::Nothing, Held::Nothing) | (Held::Object, Held::Object) => true,
        (Held::Value(Value::Array(x)), Held::Value(Value::Array(y))) => {
            let removed = a.parts.as_ref().and_then(|parts| parts.elements.as_ref());
            let removed = removed.map_or(&[][..], |elements| &elements.base_removed);
            x.len() == y.len()
                && x.iter()
                    .zip(y.iter())
                    .zip(0u32..)
                    .all(|((x, y), position)| {
                        removed.binary_search(&position).is_ok() || identical(&x, &y)
                    })
        }
        (Held::Value(x), Held::Value(y)) => identical(x, y),
        _ => false,
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Option<Value>, b: &Option<Value>| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => identical(a, b),
            _ => false,
        };
        self.sums == other.sums
            && self.elements == other.elements
            && same(&self.max, &other.max)
            && same(&self.min, &other.min)
            && self.changed == other.changed
    }
}

impl PartialEq for Elements {
    fn eq(&self, other: &Self) -> bool {
        self.base_removed == other.base_removed
            && self.added.len() == other.added.len()
            && self.added.iter().zip(&other.added).all(|(a, b)| {
                a.order() == b.order() && a.unique == b.unique && identical(&a.value, &b.value)
            })
    }
}
