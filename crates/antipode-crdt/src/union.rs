//! Several lives seen as one document.
//!
//! Concurrent creations of a key are one document with the fields of all: at each place the newest `set` and the newest
//! `object` over all lives count, and parts only from lives whose *effective* set there is that newest one. Elements are
//! united by id, sums by key, so what a patch wrote into two lives counts once.

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::Stamp;
use antipode_value::{Array, Str, Value};

use crate::rule::extreme;
use crate::state::{Elements, Held, Life, Parts, Place, raise};

/// One life at the place that is being united.
struct View<'a> {
    place: Option<&'a Place>,
    effective: Stamp,
    names: &'a [Stamp],
}

/// The tree that shows what `lives` show together. Its sums carry the lives that they name.
pub(crate) fn of<'a>(lives: impl Iterator<Item = &'a Life>) -> Place {
    let lives: Vec<(Place, &[Stamp])> = lives
        .map(|life| (life.tree.places(), life.names.as_slice()))
        .collect();
    let views: Vec<View<'_>> = lives
        .iter()
        .map(|(root, names)| View {
            place: Some(root),
            effective: root.set,
            names,
        })
        .collect();
    Place {
        is_root: true,
        ..unite(&views, Stamp::ZERO)
    }
}

/// Unites the views of a place; `above` is the newest effective set of the place above. Recursion is as deep as the
/// document.
fn unite(views: &[View<'_>], above: Stamp) -> Place {
    let newest = views
        .iter()
        .map(|view| view.effective)
        .max()
        .unwrap_or_default();
    let places = || views.iter().filter_map(|view| view.place);
    let mut held = united_held(views, newest);
    let object = places().map(|place| place.object).max().unwrap_or_default();
    let object = if object > newest { object } else { Stamp::ZERO };
    if !object.is_zero() && matches!(held, Held::Value(_)) {
        held = Held::Nothing;
    }
    let is_object = !object.is_zero() || matches!(held, Held::Object);
    let own = newest > above || setters(views, newest).next().is_some();
    Place {
        set: if own { newest } else { Stamp::ZERO },
        parts: if is_object {
            None
        } else {
            united_parts(views, newest)
        },
        children: united_children(views, newest),
        held,
        object,
        ..Place::default()
    }
}

fn united_children(views: &[View<'_>], newest: Stamp) -> Vec<(Str, Place)> {
    let places = views.iter().filter_map(|view| view.place);
    let names: BTreeSet<&Str> = places
        .flat_map(|place| place.children.iter().map(|(name, _)| name))
        .collect();
    let mut children = Vec::with_capacity(names.len());
    for name in names {
        let below: Vec<View<'_>> = views
            .iter()
            .map(|view| {
                let place = view.place.and_then(|place| place.child(name));
                let set = place.map(|place| place.set).unwrap_or_default();
                View {
                    place,
                    effective: view.effective.max(set),
                    names: view.names,
                }
            })
            .collect();
        let child = unite(&below, newest);
        if !child.is_vacant() {
            children.push((name.clone(), child));
        }
    }
    children
}

/// The places whose own set is the newest effective one: all hold the same, but for array elements that were removed.
fn setters<'a>(views: &'a [View<'_>], newest: Stamp) -> impl Iterator<Item = &'a Place> {
    let places = views
        .iter()
        .filter(move |view| view.effective == newest)
        .filter_map(|view| view.place);
    places.filter(move |place| place.set == newest)
}

fn united_held(views: &[View<'_>], newest: Stamp) -> Held {
    let mut holders = setters(views, newest).filter(|place| !matches!(place.held, Held::Nothing));
    let Some(first) = holders.next() else {
        return Held::Nothing;
    };
    let arrays: Vec<(&Array, &[u32])> = setters(views, newest)
        .filter_map(|place| Some((place.base_array()?, removed(place))))
        .collect();
    if arrays.len() < 2 || arrays.iter().all(|(_, removed)| removed.is_empty()) {
        return first.held.clone();
    }
    // A removed element may no longer be there: take each from a life that has it.
    let length = arrays
        .iter()
        .map(|(array, _)| array.len())
        .max()
        .unwrap_or(0);
    let at = |position: usize| {
        let there = |removed: &[u32]| {
            u32::try_from(position).is_ok_and(|position| removed.binary_search(&position).is_err())
        };
        let holder = arrays
            .iter()
            .find(|(_, removed)| there(removed))
            .or(arrays.first());
        holder
            .and_then(|(array, _)| array.get(position))
            .unwrap_or_default()
    };
    Held::Value(Value::Array(Array::from_vec((0..length).map(at).collect())))
}

fn removed(place: &Place) -> &[u32] {
    let elements = place
        .parts
        .as_ref()
        .and_then(|parts| parts.elements.as_ref());
    elements.map_or(&[], |elements| &elements.base_removed)
}

fn united_parts(views: &[View<'_>], newest: Stamp) -> Option<Box<Parts>> {
    let counting = || views.iter().filter(|view| view.effective == newest);
    let mut united: Option<Box<Parts>> = None;
    for view in counting() {
        let Some(parts) = view.place.and_then(|place| place.parts.as_ref()) else {
            continue;
        };
        let united = united.get_or_insert_default();
        for sum in &parts.sums {
            let mut sum = sum.clone();
            sum.lives = sum.lives_in(view.names).to_vec();
            united.sums.push(sum);
        }
        if let Some(max) = &parts.max {
            extreme::raise_to(&mut united.max, max);
        }
        if let Some(min) = &parts.min {
            extreme::lower_to(&mut united.min, min);
        }
        for (replica, hlc) in &parts.changed {
            raise(&mut united.changed, *replica, *hlc);
        }
        if let Some(elements) = &parts.elements {
            united
                .elements
                .get_or_insert_default()
                .added
                .extend(elements.added.iter().cloned());
        }
    }
    if let Some(united) = &mut united {
        united
            .sums
            .sort_by(|a, b| (a.replica, &a.lives).cmp(&(b.replica, &b.lives)));
        united
            .sums
            .dedup_by(|a, b| (a.replica, &a.lives) == (b.replica, &b.lives));
        if let Some(elements) = &mut united.elements {
            unite_elements(elements, setters(views, newest));
        }
    }
    united
}

fn unite_elements<'a>(elements: &mut Elements, setters: impl Iterator<Item = &'a Place>) {
    elements.sort();
    elements
        .added
        .dedup_by(|a, b| (a.stamp, a.index) == (b.stamp, b.index));
    // An element of the assigned array is gone where every life that has the array lost it.
    let mut holders = 0u32;
    let mut losses: BTreeMap<u32, u32> = BTreeMap::new();
    for place in setters.filter(|place| place.base_array().is_some()) {
        holders += 1;
        for position in removed(place) {
            *losses.entry(*position).or_default() += 1;
        }
    }
    let lost = losses.into_iter().filter(|(_, count)| *count == holders);
    elements.base_removed = lost.map(|(position, _)| position).collect();
}
