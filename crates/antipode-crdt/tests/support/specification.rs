//! What concurrent writes become, said a second time: as a function of the set of stamped operations.
//!
//! This shares no code with the merge rules. It looks at all operations at once, in no order, and for each place asks which
//! of them count. It is slow and plain on purpose.

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::{Context, Hlc, ReplicaId, Stamp};
use antipode_crdt::{Change, ElementId, Number, Operation, RemoveMode, Slot};
use antipode_value::{Array, Object, Str, Value, compare_binary, equal, layout};

/// An operation with its stamp and its writer's context.
#[derive(Clone, Copy)]
pub struct Stamped<'a> {
    pub operation: &'a Operation,
    pub stamp: Stamp,
    pub context: &'a Context,
}

impl Stamped<'_> {
    fn saw(&self, stamp: Stamp) -> bool {
        let own = stamp.replica == self.stamp.replica && stamp.hlc < self.stamp.hlc;
        stamp == Stamp::ZERO || own || stamp.hlc <= self.context.get(stamp.replica).hlc
    }
}

pub type Names = Vec<Str>;

/// What stands at a place by one write.
#[derive(Clone, Debug)]
pub enum Node {
    Object,
    Leaf(Value),
}

/// A change, where it was made and by what.
struct Write<'a> {
    path: Names,
    change: Change,
    by: Stamped<'a>,
    lives: Vec<Stamp>,
}

pub struct Added {
    pub stamp: Stamp,
    pub index: u32,
    pub slot: Slot,
    pub unique: bool,
    pub value: Value,
}

#[derive(Default)]
pub struct Parts {
    pub sums: BTreeMap<(ReplicaId, Vec<Stamp>), (i128, Option<f64>)>,
    pub elements: Option<(BTreeSet<u32>, Vec<Added>)>,
    pub max: Option<Value>,
    pub min: Option<Value>,
    pub changed: BTreeMap<ReplicaId, Hlc>,
}

/// One place of one life.
pub struct Place {
    pub effective: Stamp,
    pub node: Option<Node>,
    /// Newest write that needs an object here, if newer than `effective`.
    pub object: Stamp,
    pub parts: Parts,
}

impl Place {
    pub fn is_object(&self) -> bool {
        self.object != Stamp::ZERO || matches!(self.node, Some(Node::Object))
    }
}

pub struct Life<'a> {
    pub name: Stamp,
    pub newest: Stamp,
    pub touched: BTreeMap<ReplicaId, Hlc>,
    pub removals: BTreeMap<Stamp, bool>,
    writes: Vec<Write<'a>>,
}

impl Life<'_> {
    pub fn is_hidden(&self) -> bool {
        self.removals.values().any(|hides| *hides)
    }
}

/// The lives that the operations leave.
pub fn lives<'a>(operations: &[Stamped<'a>]) -> Vec<Life<'a>> {
    let gone: BTreeSet<Stamp> = operations
        .iter()
        .flat_map(|by| match by.operation {
            Operation::Merge { ends, .. } | Operation::Put { ends, .. } => ends.clone(),
            Operation::Remove {
                ends,
                mode: RemoveMode::Final,
            } => ends.clone(),
            _ => Vec::new(),
        })
        .collect();
    let mut lives: Vec<Life<'a>> = operations
        .iter()
        .filter(|by| !gone.contains(&by.stamp))
        .filter_map(|by| begun(*by))
        .collect();
    for life in &mut lives {
        for by in operations {
            if let Operation::Patch {
                lives: names,
                changes,
            } = by.operation
                && names.contains(&life.name)
            {
                life.newest = life.newest.max(by.stamp);
                let touched = life.touched.entry(by.stamp.replica).or_default();
                *touched = by.stamp.hlc.max(*touched);
                life.writes
                    .extend(changes.iter().map(|(path, change)| Write {
                        path: path.names().to_vec(),
                        change: change.clone(),
                        by: *by,
                        lives: names.clone(),
                    }));
            }
        }
        for by in operations {
            if let Operation::Remove {
                ends,
                mode: RemoveMode::Yielding,
            } = by.operation
                && ends.contains(&life.name)
            {
                let mut patches = life.touched.iter();
                let hides = patches.all(|(replica, hlc)| by.saw(Stamp::new(*hlc, *replica)));
                life.removals.insert(by.stamp, hides);
            }
        }
    }
    lives.sort_by_key(|life| life.name);
    lives
}

fn begun(by: Stamped<'_>) -> Option<Life<'_>> {
    let write = |path: Names, change: Change| Write {
        path,
        change,
        by,
        lives: vec![by.stamp],
    };
    let writes = match by.operation {
        Operation::Put { value, .. } => vec![write(Vec::new(), Change::Assign(value.clone()))],
        Operation::Merge { value, changes, .. } => {
            let mut writes = Vec::new();
            leaves(value, &mut Vec::new(), &mut |path, change| {
                writes.push(write(path, change))
            });
            let changes = changes
                .iter()
                .map(|(path, change)| write(path.names().to_vec(), change.clone()));
            writes.extend(changes);
            writes
        }
        _ => return None,
    };
    let (name, newest) = (by.stamp, by.stamp);
    Some(Life {
        name,
        newest,
        touched: BTreeMap::new(),
        removals: BTreeMap::new(),
        writes,
    })
}

/// Attributes; at the root the two ends of an edge are one.
fn attributes(value: &Value, at_root: bool) -> Vec<(Str, Node)> {
    let Value::Object(object) = value else {
        return Vec::new();
    };
    let is_end = |name: &Str| at_root && (name == "_from" || name == "_to");
    let node = |value: Value| match value {
        Value::Object(_) => Node::Object,
        leaf => Node::Leaf(leaf),
    };
    let others = object
        .iter()
        .filter(|(name, _)| !is_end(name))
        .map(|(name, value)| (name, node(value)));
    let mut all: Vec<(Str, Node)> = others.collect();
    let ends: Vec<(Str, Value)> = object.iter().filter(|(name, _)| is_end(name)).collect();
    if !ends.is_empty() {
        all.push((
            Str::from("_from"),
            Node::Leaf(Value::Object(Object::from_pairs(ends))),
        ));
    }
    all
}

fn leaves(value: &Value, path: &mut Names, found: &mut impl FnMut(Names, Change)) {
    for (name, node) in attributes(value, path.is_empty()) {
        path.push(name.clone());
        match node {
            Node::Leaf(leaf) => found(path.clone(), Change::Assign(leaf)),
            Node::Object => {
                let below = value.attribute(&name);
                if attributes(&below, false).is_empty() {
                    found(path.clone(), Change::Object);
                }
                leaves(&below, path, found);
            }
        }
        path.pop();
    }
}

/// What `value`, assigned at a place, puts at the place `below` it.
fn node_below(value: &Value, assigned_at_root: bool, below: &[Str]) -> Option<Node> {
    let Some((name, rest)) = below.split_first() else {
        return Some(match value {
            Value::Object(_) => Node::Object,
            leaf => Node::Leaf(leaf.clone()),
        });
    };
    let (_, node) = attributes(value, assigned_at_root)
        .into_iter()
        .find(|(other, _)| other == name)?;
    match node {
        Node::Object => node_below(&value.attribute(name), false, rest),
        leaf if rest.is_empty() => Some(leaf),
        Node::Leaf(_) => None,
    }
}

fn paths_of(value: &Value, path: &mut Names, out: &mut BTreeSet<Names>) {
    out.insert(path.clone());
    for (name, node) in attributes(value, path.is_empty()) {
        let below = value.attribute(&name);
        path.push(name);
        out.insert(path.clone());
        if matches!(node, Node::Object) {
            paths_of(&below, path, out);
        }
        path.pop();
    }
}

impl Life<'_> {
    /// Every place that some write could say something about.
    pub fn paths(&self) -> BTreeSet<Names> {
        let mut paths = BTreeSet::from([Vec::new()]);
        for write in &self.writes {
            for length in 0..=write.path.len() {
                paths.insert(write.path[..length].to_vec());
            }
            if let Change::Assign(value) = &write.change
                && write.path.first().is_none_or(|name| name != "_from")
            {
                paths_of(value, &mut write.path.clone(), &mut paths);
            }
        }
        paths
    }

    /// The newest assign or unset at or above the place wins.
    fn effective(&self, path: &[Str]) -> (Stamp, Option<Node>) {
        let covering = self
            .writes
            .iter()
            .filter(|write| path.starts_with(&write.path));
        let sets =
            covering.filter(|write| matches!(write.change, Change::Assign(_) | Change::Unset));
        let Some(newest) = sets.max_by_key(|write| write.by.stamp) else {
            return (Stamp::ZERO, None);
        };
        let node = match &newest.change {
            Change::Assign(value) if newest.path == ["_from"] => {
                (newest.path.len() == path.len()).then(|| Node::Leaf(value.clone()))
            }
            Change::Assign(value) => {
                node_below(value, newest.path.is_empty(), &path[newest.path.len()..])
            }
            _ => None,
        };
        (newest.by.stamp, node)
    }

    pub fn place(&self, path: &[Str]) -> Place {
        let (effective, mut node) = self.effective(path);
        if path.is_empty() {
            node = Some(Node::Object);
        }
        let below = self
            .writes
            .iter()
            .filter(|write| write.path.starts_with(path));
        let needing = below.filter(|write| match write.change {
            Change::Object => true,
            Change::Assign(_) => write.path.len() > path.len(),
            _ => false,
        });
        let object = needing
            .map(|write| write.by.stamp)
            .max()
            .unwrap_or(Stamp::ZERO);
        let object = if object > effective && !path.is_empty() {
            object
        } else {
            Stamp::ZERO
        };
        let mut place = Place {
            effective,
            node,
            object,
            parts: Parts::default(),
        };
        if !place.is_object() {
            let base = match &place.node {
                Some(Node::Leaf(Value::Array(array))) => Some(array.clone()),
                _ => None,
            };
            let mut counting: Vec<&Write<'_>> = self
                .writes
                .iter()
                .filter(|write| {
                    write.path == path && write.change.is_relative() && write.by.saw(effective)
                })
                .collect();
            counting.sort_by_key(|write| write.by.stamp);
            place.parts = parts(&counting, base.as_ref());
        }
        place
    }
}

fn parts(counting: &[&Write<'_>], base: Option<&Array>) -> Parts {
    let mut parts = Parts::default();
    let mut removed: BTreeSet<ElementId> = BTreeSet::new();
    let mut added: Vec<Added> = Vec::new();
    let mut is_array = false;
    for write in counting {
        let stamp = write.by.stamp;
        let newest = parts.changed.entry(stamp.replica).or_default();
        *newest = stamp.hlc.max(*newest);
        let mut add = |index: usize, slot: Slot, unique: bool, value: &Value| {
            let (index, value) = (index as u32, value.clone());
            added.push(Added {
                stamp,
                index,
                slot,
                unique,
                value,
            });
        };
        match &write.change {
            Change::Increment(number) => {
                let key = (stamp.replica, write.lives.clone());
                let (int, float) = parts.sums.entry(key).or_insert((0, None));
                match number {
                    Number::Int(n) => *int += i128::from(*n),
                    Number::Float(n) => *float = Some(float.unwrap_or(0.0) + n),
                }
            }
            Change::Append(values) => {
                is_array = true;
                let values = values.iter().enumerate();
                values.for_each(|(index, value)| {
                    add(index, Slot::Back(stamp, index as u32), false, value)
                });
            }
            Change::Prepend(values) => {
                is_array = true;
                let values = values.iter().enumerate();
                values.for_each(|(index, value)| {
                    add(index, Slot::Front(stamp, index as u32), false, value)
                });
            }
            Change::AddUnique(values) => {
                is_array = true;
                for (index, unique) in values.iter().enumerate() {
                    let own = Slot::Back(stamp, index as u32);
                    add(
                        index,
                        unique.takes.as_ref().map_or(own, |taken| taken.slot),
                        true,
                        &unique.value,
                    );
                    removed.extend(unique.takes.iter().flat_map(|taken| &taken.elements));
                }
            }
            Change::RemoveElements(ids) => {
                is_array |= base.is_some();
                removed.extend(ids);
            }
            Change::Max(value) => {
                let all = parts.max.take().into_iter().chain([value.clone()]);
                parts.max = all.max_by(total_order);
            }
            Change::Min(value) => {
                let all = parts.min.take().into_iter().chain([value.clone()]);
                parts.min = all.min_by(total_order);
            }
            Change::Assign(_) | Change::Unset | Change::Object => {}
        }
    }
    if is_array {
        let of_base = (0..base.map_or(0, Array::len) as u32)
            .filter(|at| removed.contains(&ElementId::Base(*at)));
        added.retain(|one| {
            !removed.contains(&ElementId::Added {
                stamp: one.stamp,
                index: one.index,
            })
        });
        added.sort_by_key(slot_order);
        parts.elements = Some((of_base.collect(), added));
    }
    parts
}

/// Prepended, newest first; base by position; appended, oldest first; those in one slot by stamp.
fn slot_order(one: &Added) -> (u8, i128, u64, u32, Stamp, u32) {
    let (class, hlc, replica, index) = match one.slot {
        Slot::Front(stamp, index) => (
            0,
            -i128::from(stamp.hlc.0),
            u64::MAX - stamp.replica.0,
            index,
        ),
        Slot::Base(position) => (1, 0, 0, position),
        Slot::Back(stamp, index) => (2, i128::from(stamp.hlc.0), stamp.replica.0, index),
    };
    (class, hlc, replica, index, one.stamp, one.index)
}

pub fn total_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    let bytes = |value: &Value| layout::encode(value).expect("small value");
    compare_binary(a, b).then_with(|| bytes(a).cmp(&bytes(b)))
}

/// What all living lives show together.
pub fn shown(lives: &[Life<'_>]) -> Option<Value> {
    let living: Vec<&Life<'_>> = lives.iter().filter(|life| !life.is_hidden()).collect();
    if living.is_empty() {
        return None;
    }
    let paths: BTreeSet<Names> = living.iter().flat_map(|life| life.paths()).collect();
    show_place(&living, &paths, &[])
}

fn show_place(living: &[&Life<'_>], paths: &BTreeSet<Names>, path: &[Str]) -> Option<Value> {
    let places: Vec<Place> = living.iter().map(|life| life.place(path)).collect();
    let effective = places.iter().map(|place| place.effective).max()?;
    let object = places.iter().map(|place| place.object).max()?;
    let newest = || places.iter().filter(|place| place.effective == effective);
    let node = newest().find_map(|place| place.node.clone());
    let is_object = object > effective || matches!(node, Some(Node::Object));
    if !is_object {
        let base = match &node {
            Some(Node::Leaf(value)) => Some(value.clone()),
            _ => None,
        };
        if let Some(value) = show_parts(
            &newest().map(|place| &place.parts).collect::<Vec<_>>(),
            base.as_ref(),
        ) {
            return Some(value);
        }
        if base.is_some() {
            return base;
        }
    }
    let below = paths
        .iter()
        .filter(|other| other.len() == path.len() + 1 && other.starts_with(path));
    let mut pairs = Vec::new();
    for child in below {
        match show_place(living, paths, child) {
            Some(Value::Object(ends)) if child.as_slice() == ["_from"] => {
                pairs.extend(ends.to_pairs())
            }
            Some(value) => pairs.push((child[path.len()].clone(), value)),
            None => {}
        }
    }
    (is_object || !pairs.is_empty()).then(|| Value::Object(Object::from_pairs(pairs)))
}

fn show_parts(all: &[&Parts], base: Option<&Value>) -> Option<Value> {
    if all.iter().any(|parts| parts.elements.is_some()) {
        return Some(show_elements(all, base.and_then(Value::as_array)));
    }
    let sums: BTreeMap<_, &(i128, Option<f64>)> =
        all.iter().flat_map(|parts| &parts.sums).collect();
    let extremes =
        |get: fn(&Parts) -> Option<&Value>| all.iter().filter_map(move |parts| get(parts)).cloned();
    let max = extremes(|parts| parts.max.as_ref()).max_by(total_order);
    let min = extremes(|parts| parts.min.as_ref()).min_by(total_order);
    if sums.is_empty() && max.is_none() && min.is_none() {
        return None;
    }
    let mut value = base.cloned().unwrap_or_default();
    if !sums.is_empty() {
        let mut int: i128 = sums.values().map(|(int, _)| int).sum();
        let mut floats: Vec<f64> = sums.values().filter_map(|(_, float)| *float).collect();
        match value {
            Value::Int(n) => int += i128::from(n),
            Value::Float(n) => floats.insert(0, n),
            _ => {}
        }
        value = match (i64::try_from(int), floats.is_empty()) {
            (Ok(int), true) => Value::Int(int),
            (Err(_), true) => Value::float(int as f64),
            _ => Value::float(floats.iter().fold(0.0, |sum, float| sum + float) + int as f64),
        };
    }
    if let Some(max) = max {
        value = [value, max].into_iter().max_by(total_order)?;
    }
    if let Some(min) = min {
        value = if value.is_null() {
            min
        } else {
            [value, min].into_iter().min_by(total_order)?
        };
    }
    Some(value)
}

fn show_elements(all: &[&Parts], base: Option<&Array>) -> Value {
    // An element of the assigned array is there while one life has it. A life without elements has them all.
    let there = |at: u32| {
        all.iter().any(|parts| {
            parts
                .elements
                .as_ref()
                .is_none_or(|(gone, _)| !gone.contains(&at))
        })
    };
    let mut items: Vec<(Added, bool)> = (0..base.map_or(0, Array::len) as u32)
        .filter(|at| there(*at))
        .map(|at| {
            let value = base
                .and_then(|base| base.get(at as usize))
                .expect("in range");
            let (stamp, slot) = (Stamp::ZERO, Slot::Base(at));
            (
                Added {
                    stamp,
                    index: 0,
                    slot,
                    unique: false,
                    value,
                },
                false,
            )
        })
        .collect();
    let mut ids = BTreeSet::new();
    for one in all
        .iter()
        .filter_map(|parts| parts.elements.as_ref())
        .flat_map(|(_, added)| added)
    {
        if ids.insert((one.stamp, one.index)) {
            let Added {
                stamp,
                index,
                slot,
                unique,
                ref value,
            } = *one;
            items.push((
                Added {
                    stamp,
                    index,
                    slot,
                    unique,
                    value: value.clone(),
                },
                unique,
            ));
        }
    }
    items.sort_by_key(|(item, _)| slot_order(item));
    let is_shown = |at: usize| {
        let (one, unique) = &items[at];
        !unique
            || !items[..at]
                .iter()
                .any(|(before, _)| equal(&before.value, &one.value))
    };
    Value::array(
        (0..items.len())
            .filter(|at| is_shown(*at))
            .map(|at| items[at].0.value.clone()),
    )
}
