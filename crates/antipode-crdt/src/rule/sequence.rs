//! Arrays by element: what is appended and prepended in several regions all stays, in the order of stamps.
//!
//! ```text
//! prepended: newest operation first │ the assigned array, by position │ appended: oldest operation first
//! ```

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

use antipode_clock::Stamp;
use antipode_value::{Array, Value};

use crate::state::{Element, Elements, Parts};
use crate::{ElementId, Slot};

pub(crate) fn append(parts: &mut Parts, stamp: Stamp, values: &[Value]) {
    add(parts, stamp, values, Slot::Back);
}

pub(crate) fn prepend(parts: &mut Parts, stamp: Stamp, values: &[Value]) {
    add(parts, stamp, values, Slot::Front);
}

fn add(parts: &mut Parts, stamp: Stamp, values: &[Value], slot: fn(Stamp, u32) -> Slot) {
    let elements = parts.elements.get_or_insert_default();
    let added = values.iter().zip(0u32..).map(|(value, index)| Element {
        slot: slot(stamp, index),
        stamp,
        index,
        unique: false,
        value: value.clone(),
    });
    elements.added.extend(added);
    elements.sort();
}

impl Elements {
    /// Restores the order of elements after some were put at the end.
    pub fn sort(&mut self) {
        // Stable, and fast on what is nearly sorted.
        self.added.sort_by_key(Element::order);
    }
}

/// One element in the order of its array, hidden ones included.
pub(crate) struct Item<'a> {
    pub id: ElementId,
    pub slot: Slot,
    pub value: Value,
    pub shown: bool,
    /// The element, unless it is of the assigned array.
    pub added: Option<&'a Element>,
}

/// Positions that an assigned array may have; longer ones cannot be stored.
fn positions(base: Option<&Array>) -> u32 {
    base.map_or(0, |array| u32::try_from(array.len()).unwrap_or(u32::MAX))
}

/// The elements that are there, in order.
pub(crate) fn items<'a>(base: Option<&Array>, elements: &'a Elements) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(positions(base) as usize + elements.added.len());
    let mut added = elements.added.iter().peekable();
    let mut removed = elements.base_removed.iter().copied().peekable();
    let of_added = |element: &'a Element| Item {
        id: ElementId::Added {
            stamp: element.stamp,
            index: element.index,
        },
        slot: element.slot,
        value: element.value.clone(),
        shown: true,
        added: Some(element),
    };
    for position in 0..positions(base) {
        let slot = Slot::Base(position);
        while let Some(element) = added.next_if(|element| element.slot < slot) {
            items.push(of_added(element));
        }
        if removed.next_if_eq(&position).is_none() {
            let value = base
                .and_then(|base| base.get(position as usize))
                .unwrap_or_default();
            items.push(Item {
                id: ElementId::Base(position),
                slot,
                value,
                shown: true,
                added: None,
            });
        }
    }
    items.extend(added.map(of_added));
    hide_twins(&mut items);
    items
}

/// A unique element is not shown while an equal one stands before it.
fn hide_twins(items: &mut [Item<'_>]) {
    if !items
        .iter()
        .any(|item| item.added.is_some_and(|element| element.unique))
    {
        return;
    }
    let mut before: HashSet<Value, BuildHasherDefault<DefaultHasher>> = HashSet::default();
    for item in items {
        let first = before.insert(item.value.clone());
        if !first && item.added.is_some_and(|element| element.unique) {
            item.shown = false;
        }
    }
}

/// The array as it reads.
pub(crate) fn shown(base: Option<&Array>, elements: &Elements) -> Value {
    let items = items(base, elements).into_iter().filter(|item| item.shown);
    Value::Array(Array::from_vec(items.map(|item| item.value).collect()))
}
