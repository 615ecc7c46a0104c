//! Arrays as sets: a value added in several regions is shown once, and a removal takes only what its writer saw.
//!
//! An added value takes over the place of the equal element that its writer saw, with an id of its own. So repeated adds do
//! not grow the state, and a removal that did not see the newest add names an element that is no more: the add wins.

use antipode_clock::Stamp;

use crate::state::{Element, Elements, Parts};
use crate::{ElementId, Slot, UniqueElement};

/// Adds values; `base_length` is the length of the assigned array, if there is one.
pub(crate) fn add_unique(
    parts: &mut Parts,
    base_length: Option<usize>,
    stamp: Stamp,
    values: &[UniqueElement],
) {
    let elements = parts.elements.get_or_insert_default();
    let taken = values
        .iter()
        .flat_map(|value| &value.takes)
        .flat_map(|taken| &taken.elements);
    remove_ids(elements, base_length, taken.copied().collect());
    let added = values.iter().zip(0u32..).map(|(unique, index)| Element {
        slot: unique
            .takes
            .as_ref()
            .map_or(Slot::Back(stamp, index), |taken| taken.slot),
        stamp,
        index,
        unique: true,
        value: unique.value.clone(),
    });
    elements.added.extend(added);
    elements.sort();
}

/// Removes elements by name. Where there is no array the removal makes none.
pub(crate) fn remove(parts: &mut Parts, base_length: Option<usize>, ids: &[ElementId]) {
    if base_length.is_none() && parts.elements.is_none() {
        return;
    }
    let elements = parts.elements.get_or_insert_default();
    remove_ids(elements, base_length, ids.to_vec());
}

/// An element that was added and is removed leaves no trace: whoever names it has seen it, so it is not yet to come.
fn remove_ids(elements: &mut Elements, base_length: Option<usize>, mut ids: Vec<ElementId>) {
    if ids.is_empty() {
        return;
    }
    ids.sort_unstable();
    let is_base = |position: u32| base_length.is_some_and(|length| (position as usize) < length);
    let positions = ids.iter().filter_map(|id| match id {
        ElementId::Base(position) if is_base(*position) => Some(*position),
        _ => None,
    });
    elements.base_removed.extend(positions);
    elements.base_removed.sort_unstable();
    elements.base_removed.dedup();
    elements.added.retain(|element| {
        let id = ElementId::Added {
            stamp: element.stamp,
            index: element.index,
        };
        ids.binary_search(&id).is_err()
    });
}
