//! Holds a document that was never folded to the specification, metadata included.

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::Stamp;
use antipode_crdt::{Document, LifeState, Operation, PlaceState, RemoveMode, SumState};
use antipode_value::{Value, identical};

use super::specification::{Life, Names, Node, Place, Stamped, lives, shown};

/// `Err` says where the document differs from what the operations make.
pub fn with_specification(document: &Document, operations: &[Stamped<'_>]) -> Result<(), String> {
    let specified = lives(operations);
    let expected = shown(&specified);
    same_value("shown", document.show().as_ref(), expected.as_ref())?;
    // What a creation or a removal saw never shows again, whatever names it carries.
    let unseen: Vec<Life<'_>> = lives(operations)
        .into_iter()
        .filter(|life| !ended(life.name, operations))
        .collect();
    same_value(
        "shown of what nobody ended",
        shown(&unseen).as_ref(),
        expected.as_ref(),
    )?;
    let newest = specified
        .iter()
        .filter(|life| !life.is_hidden())
        .map(|life| life.newest)
        .max();
    if document.newest() != newest {
        return Err(format!("newest is {:?}, not {newest:?}", document.newest()));
    }
    let held = document.inspect();
    let names: Vec<Vec<Stamp>> = held.iter().map(|life| life.names.clone()).collect();
    let expected: Vec<Vec<Stamp>> = specified.iter().map(|life| vec![life.name]).collect();
    if names != expected {
        return Err(format!("lives are {names:?}, not {expected:?}"));
    }
    held.iter()
        .zip(&specified)
        .try_for_each(|(held, life)| same_life(held, life))
}

/// Whether the writer of some creation or final removal had seen the life begin.
fn ended(name: Stamp, operations: &[Stamped<'_>]) -> bool {
    operations.iter().any(|by| {
        let ends = matches!(
            by.operation,
            Operation::Merge { .. }
                | Operation::Put { .. }
                | Operation::Remove {
                    mode: RemoveMode::Final,
                    ..
                }
        );
        let own = name.replica == by.stamp.replica && name.hlc < by.stamp.hlc;
        ends && name != by.stamp && (own || name.hlc <= by.context.get(name.replica).hlc)
    })
}

fn same_life(held: &LifeState, life: &Life<'_>) -> Result<(), String> {
    let removals: Vec<(Stamp, bool)> = life
        .removals
        .iter()
        .map(|(stamp, hides)| (*stamp, *hides))
        .collect();
    let touched: Vec<_> = life
        .touched
        .iter()
        .map(|(replica, hlc)| (*replica, *hlc))
        .collect();
    if (held.newest, &held.touched, &held.removals) != (life.newest, &touched, &removals) {
        return Err(format!(
            "life {held:?}\nis not newest {:?}, touched {touched:?}, removals {removals:?}",
            life.newest
        ));
    }
    let places: BTreeMap<Names, &PlaceState> = held
        .places
        .iter()
        .map(|place| (place.path.names().to_vec(), place))
        .collect();
    let mut paths: BTreeSet<Names> = life.paths();
    paths.extend(places.keys().cloned());
    for path in &paths {
        let above = match path.split_last() {
            Some((_, above)) => life.place(above).effective,
            None => Stamp::ZERO,
        };
        same_place(places.get(path).copied(), &life.place(path), above).map_err(|difference| {
            format!("place {path:?} of life {:?}: {difference}", life.name)
        })?;
    }
    Ok(())
}

fn same_place(held: Option<&PlaceState>, place: &Place, above: Stamp) -> Result<(), String> {
    let leaf = match &place.node {
        Some(Node::Leaf(value)) if place.object == Stamp::ZERO => Some(value),
        _ => None,
    };
    let holds_object = matches!(place.node, Some(Node::Object));
    // A place stores a set of its own where that put something here, or nothing where more is set above.
    let holds = place.node.is_some() || place.effective > above;
    let set = if holds { place.effective } else { Stamp::ZERO };
    let parts = &place.parts;
    let Some(held) = held else {
        let says_nothing = !holds && place.object == Stamp::ZERO && parts.changed.is_empty();
        return if says_nothing {
            Ok(())
        } else {
            Err(format!("missing, set {set:?}, object {:?}", place.object))
        };
    };
    if (held.set, held.object, held.holds_object) != (set, place.object, holds_object) {
        let expected = (set, place.object, holds_object);
        return Err(format!(
            "set, mark, object: {:?}, not {expected:?}",
            (held.set, held.object, held.holds_object)
        ));
    }
    let elements = held.elements.as_ref();
    let base_removed: &[u32] = elements.map_or(&[], |elements| &elements.removed);
    same_base("value", held.value.as_ref(), leaf, base_removed)?;
    same_value("max", held.max.as_ref(), parts.max.as_ref())?;
    same_value("min", held.min.as_ref(), parts.min.as_ref())?;
    let changed: Vec<_> = parts
        .changed
        .iter()
        .map(|(replica, hlc)| (*replica, *hlc))
        .collect();
    if held.changed != changed {
        return Err(format!("changed by {:?}, not {changed:?}", held.changed));
    }
    let expected = parts
        .sums
        .iter()
        .map(|((replica, lives), (int, float))| SumState {
            replica: *replica,
            lives: lives.clone(),
            int: *int,
            float: *float,
        });
    if !held.sums.iter().cloned().eq(expected) {
        return Err(format!("sums {:?}, not {:?}", held.sums, parts.sums));
    }
    match (elements, &parts.elements) {
        (None, None) => Ok(()),
        (Some(held), Some((gone, expected))) => {
            let same_added = held.added.len() == expected.len()
                && held.added.iter().zip(expected).all(|(a, b)| {
                    (a.stamp, a.index, a.unique) == (b.stamp, b.index, b.unique)
                        && identical(&a.value, &b.value)
                });
            if same_added && held.removed.iter().eq(gone.iter()) {
                Ok(())
            } else {
                Err(format!("elements {held:?}"))
            }
        }
        _ => Err(format!(
            "elements {elements:?}, expected {}",
            parts.elements.is_some()
        )),
    }
}

/// Elements that were removed from an assigned array may be forgotten.
fn same_base(
    what: &str,
    held: Option<&Value>,
    expected: Option<&Value>,
    removed: &[u32],
) -> Result<(), String> {
    if let (Some(Value::Array(a)), Some(Value::Array(b))) = (held, expected) {
        let mut both = (0u32..).zip(a.iter().zip(b.iter()));
        if a.len() == b.len() && both.all(|(at, (a, b))| removed.contains(&at) || identical(&a, &b))
        {
            return Ok(());
        }
    }
    same_value(what, held, expected)
}

pub fn same_value(
    what: &str,
    held: Option<&Value>,
    expected: Option<&Value>,
) -> Result<(), String> {
    let same = match (held, expected) {
        (None, None) => true,
        (Some(held), Some(expected)) => identical(held, expected),
        _ => false,
    };
    if same {
        Ok(())
    } else {
        Err(format!("{what} is {held:?}, not {expected:?}"))
    }
}
