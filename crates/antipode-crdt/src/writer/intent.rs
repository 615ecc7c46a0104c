//! Which change carries out what is wanted at one place.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

use antipode_value::{Value, compare, compare_binary, identical};

use super::plain::{changed, sum};
use super::view::Spot;
use super::{DraftChange, pack, pack_all};
use crate::bugs::bug;
use crate::state::Parts;
use crate::{Change, ElementId, Number, Taken, UniqueElement, WriteError};

type Hashing = BuildHasherDefault<DefaultHasher>;

/// The change at a place that is nothing; `None` where the draft is not relative, or comes to nothing.
pub(super) fn on_nothing(change: &DraftChange, depth: usize) -> Result<Option<Change>, WriteError> {
    let change = translate(&Spot::Value(None), change, depth)?;
    Ok(change.filter(Change::is_relative))
}

/// The change at a place `depth` names below the root; `None` where nothing has to change.
pub(super) fn translate(
    spot: &Spot<'_>,
    change: &DraftChange,
    depth: usize,
) -> Result<Option<Change>, WriteError> {
    match change {
        DraftChange::Assign(value) => Ok(Some(Change::Assign(pack(value, depth)?))),
        DraftChange::Unset => Ok(Some(Change::Unset)),
        DraftChange::Object => match spot.shown() {
            None | Some(Value::Object(_)) => Ok(Some(Change::Object)),
            Some(_) => assigned(spot, change, depth),
        },
        DraftChange::Increment(number) => increment(spot, *number),
        DraftChange::Append(_)
        | DraftChange::Prepend(_)
        | DraftChange::AddUnique(_)
        | DraftChange::RemoveValues(_) => elements(spot, change, depth),
        DraftChange::Max(value) | DraftChange::Min(value) => extreme(spot, change, value, depth),
    }
}

/// The result of the change, assigned.
fn assigned(
    spot: &Spot<'_>,
    change: &DraftChange,
    depth: usize,
) -> Result<Option<Change>, WriteError> {
    match changed(spot.shown(), change) {
        Some(result) => Ok(Some(Change::Assign(pack(&result, depth)?))),
        None => Ok(Some(Change::Unset)),
    }
}

fn increment(spot: &Spot<'_>, number: Number) -> Result<Option<Change>, WriteError> {
    let shown = spot.shown();
    let is_number = shown
        .as_ref()
        .is_none_or(|value| value.is_null() || value.is_number());
    let other_kind =
        |parts: &Parts| parts.elements.is_some() || parts.max.is_some() || parts.min.is_some();
    let fits = spot.total().plus(number).is_plain();
    if is_number && fits && !spot.parts().is_some_and(other_kind) {
        return Ok(Some(Change::Increment(number)));
    }
    Ok(Some(Change::Assign(sum(
        &shown.unwrap_or_default(),
        number,
    ))))
}

fn elements(
    spot: &Spot<'_>,
    change: &DraftChange,
    depth: usize,
) -> Result<Option<Change>, WriteError> {
    let shown = spot.shown();
    let is_array = matches!(shown, Some(Value::Array(_)));
    let is_nothing = shown.is_none_or(|value| value.is_null());
    if spot.parts().is_some_and(Parts::has_numbers) || !(is_array || is_nothing) {
        return assigned(spot, change, depth);
    }
    let depth = depth + 1;
    match change {
        DraftChange::Append(values)
        | DraftChange::Prepend(values)
        | DraftChange::AddUnique(values)
            if values.is_empty() =>
        {
            Ok(is_nothing.then_some(Change::Assign(Value::Null)))
        }
        DraftChange::Append(values) => Ok(Some(Change::Append(pack_all(values, depth)?))),
        // What stands before an equal element of a set would hide it.
        DraftChange::Prepend(values) if hides(spot, values) => assigned(spot, change, depth - 1),
        DraftChange::Prepend(values) => Ok(Some(Change::Prepend(pack_all(values, depth)?))),
        DraftChange::AddUnique(values) => Ok(Some(Change::AddUnique(unique(
            spot,
            &pack_all(values, depth)?,
        )))),
        DraftChange::RemoveValues(_) if is_nothing => assigned(spot, change, depth - 1),
        DraftChange::RemoveValues(values) => {
            let ids = ids_of(spot, values);
            Ok((!ids.is_empty()).then_some(Change::RemoveElements(ids)))
        }
        _ => Ok(None),
    }
}

/// Each value once, in the place of the first equal element, with the hidden equal ones behind it taken along.
fn unique(spot: &Spot<'_>, values: &[Value]) -> Vec<UniqueElement> {
    let mut position: HashMap<Value, usize, Hashing> = HashMap::default();
    let mut wanted: Vec<UniqueElement> = Vec::new();
    for value in values {
        position.entry(value.clone()).or_insert_with(|| {
            wanted.push(UniqueElement {
                value: value.clone(),
                takes: None,
            });
            wanted.len() - 1
        });
    }
    spot.with_items(|items| {
        for item in items {
            let Some(unique) = position.get(&item.value).and_then(|at| wanted.get_mut(*at)) else {
                continue;
            };
            match &mut unique.takes {
                // What is shown must not change: 1 stays 1 when 1.0 is added.
                takes @ None => {
                    unique.value = item.value.clone();
                    *takes = Some(Taken {
                        slot: item.slot,
                        elements: vec![item.id],
                    });
                }
                Some(taken) if !item.shown => taken.elements.push(item.id),
                Some(_) => {}
            }
        }
    });
    wanted
}

/// Whether one of the values equals an element that is shown only once.
fn hides(spot: &Spot<'_>, values: &[Value]) -> bool {
    spot.with_items(|items| {
        let mut unique = items
            .iter()
            .filter(|item| item.shown && item.added.is_some_and(|element| element.unique));
        unique.any(|item| values.contains(&item.value))
    })
}

/// Every element that equals one of the values, shown or not, so that no twin appears in its place.
fn ids_of(spot: &Spot<'_>, values: &[Value]) -> Vec<ElementId> {
    let gone: HashSet<&Value, Hashing> = values.iter().collect();
    spot.with_items(|items| {
        let twins_stay = bug!(RemoveLeavesTwins);
        let named = items
            .iter()
            .filter(|item| gone.contains(&item.value) && (item.shown || !twins_stay));
        named.map(|item| item.id).collect()
    })
}

fn extreme(
    spot: &Spot<'_>,
    change: &DraftChange,
    offered: &Value,
    depth: usize,
) -> Result<Option<Change>, WriteError> {
    let is_max = matches!(change, DraftChange::Max(_));
    let other_kind = |parts: &Parts| {
        let opposite = if is_max { &parts.min } else { &parts.max };
        parts.elements.is_some() || !parts.sums.is_empty() || opposite.is_some()
    };
    let shown = spot.shown().unwrap_or_default();
    // Of 5 and 5.0 C8QL keeps the one that is there.
    if compare(offered, &shown).is_eq() && !identical(offered, &shown) {
        return Ok(None);
    }
    // Merging compares texts by code points; where C8QL's collation sees it otherwise, its result is assigned.
    let agrees = shown.is_null() || compare(offered, &shown) == compare_binary(offered, &shown);
    if offered.is_null() || spot.is_object() || !agrees || spot.parts().is_some_and(other_kind) {
        return assigned(spot, change, depth);
    }
    let offered = pack(offered, depth)?;
    Ok(Some(if is_max {
        Change::Max(offered)
    } else {
        Change::Min(offered)
    }))
}
