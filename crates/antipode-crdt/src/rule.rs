//! The merge rules, a file each. This one walks a change down to its place and decides which rule it falls under.
//!
//! ```text
//! change(place, path):                       eff = newest set seen on the way down
//!   older than the place's set      → stop: a newer write here or above covers it
//!   path goes on                    → an assign marks the place as an object; go on below
//!   Assign, Unset                   → assign: newest wins, what is older at or below goes
//!   Object                          → the place is an object
//!   relative                        → counts if its writer saw eff and the place is no object
//! ```

pub(crate) mod assign;
pub(crate) mod counter;
pub(crate) mod existence;
pub(crate) mod extreme;
pub(crate) mod sequence;
pub(crate) mod set;

use antipode_clock::{ReplicaId, Stamp};
use antipode_value::Value;

use crate::bugs::bug;
use crate::discard::Report;
use crate::state::{Cause, ENDS, Held, Parts, Place, raise};
use crate::{Change, Path, Reason};

/// One change of one operation, on its way into one life.
pub(crate) struct Step<'a> {
    pub cause: Cause<'a>,
    pub path: &'a Path,
    pub change: &'a Change,
    /// Names of the lives that the operation names, sorted.
    pub lives: &'a [Stamp],
    /// Names of the life that it is being applied to.
    pub life: &'a [Stamp],
}

/// Applies a change to the tree of a life.
pub(crate) fn apply(root: &mut Place, step: &Step<'_>, report: &mut Report) {
    descend(root, 0, Stamp::ZERO, step, report);
}

/// Recursion is as deep as the path, which is bounded where operations are decoded and made.
fn descend(place: &mut Place, depth: usize, above: Stamp, step: &Step<'_>, report: &mut Report) {
    let cause = &step.cause;
    let names = step.path.names();
    let covered = cause.stamp < place.set;
    if covered && !(bug!(TieBrokenByArrival) && depth == names.len()) {
        return report.change_lost(step, overwritten(step.change), place.set);
    }
    let effective = above.max(place.set);
    let Some(name) = names.get(depth) else {
        return at_place(place, effective, step, report);
    };
    if depth > 0 && step.change.makes_objects_above() {
        assign::mark_object(place, cause, &names[..depth], report);
    }
    let position = place.reach(name);
    if let Some((_, child)) = place.children.get_mut(position) {
        descend(child, depth + 1, effective, step, report);
        if child.is_vacant() {
            place.children.remove(position);
        }
    }
}

const fn overwritten(change: &Change) -> Reason {
    match change {
        Change::Assign(_) | Change::Unset | Change::Object => Reason::Overwritten,
        _ => Reason::BaseReplaced,
    }
}

fn at_place(place: &mut Place, effective: Stamp, step: &Step<'_>, report: &mut Report) {
    let names = step.path.names();
    match step.change {
        Change::Assign(value) => {
            let stamp = step.cause.stamp;
            let new = match names {
                [] => assign::new_root(value, stamp),
                [only] if only == ENDS => Place::leaf(value.clone(), stamp),
                _ => assign::new_place(value, stamp),
            };
            assign::assign(place, new, &step.cause, names, report);
        }
        Change::Unset => {
            let new = Place {
                set: step.cause.stamp,
                ..Place::default()
            };
            assign::assign(place, new, &step.cause, names, report);
        }
        Change::Object => assign::mark_object(place, &step.cause, names, report),
        _ => relative(place, effective, step, report),
    }
}

/// A relative change belongs to the value that its writer saw.
fn relative(place: &mut Place, effective: Stamp, step: &Step<'_>, report: &mut Report) {
    let cause = &step.cause;
    let on_its_base = if bug!(RelativeByStamp) {
        cause.stamp > effective
    } else {
        cause.saw(effective)
    };
    if !on_its_base {
        return report.change_lost(step, Reason::BaseReplaced, effective);
    }
    if place.is_object() {
        return report.change_lost(step, Reason::BecameObject, place.object.max(place.set));
    }
    let base_length = place.base_array().map(antipode_value::Array::len);
    let parts = place.parts.get_or_insert_default();
    let others = unseen(&parts.changed, cause);
    raise(&mut parts.changed, cause.stamp.replica, cause.stamp.hlc);
    let (had_numbers, had_elements) = (parts.has_numbers(), parts.elements.is_some());
    count(parts, base_length, step, !others.is_empty());
    if had_elements && is_of_number(step.change) {
        report.change_lost(step, Reason::OtherKind, cause.stamp);
    }
    if had_numbers && !had_elements && parts.elements.is_some() {
        for (replica, hlc) in others {
            report.part_lost(
                step.path.names(),
                None,
                Reason::OtherKind,
                Stamp::new(hlc, replica),
                cause.stamp,
            );
        }
    }
}

fn count(parts: &mut Parts, base_length: Option<usize>, step: &Step<'_>, concurrent: bool) {
    let stamp = step.cause.stamp;
    match step.change {
        Change::Increment(number) => {
            counter::increment(parts, stamp.replica, step.lives, step.life, *number);
            if bug!(IncrementTwice) && concurrent {
                counter::increment(parts, stamp.replica, step.lives, step.life, *number);
            }
        }
        Change::Append(values) => sequence::append(parts, stamp, values),
        Change::Prepend(values) => sequence::prepend(parts, stamp, values),
        Change::AddUnique(values) => set::add_unique(parts, base_length, stamp, values),
        Change::RemoveElements(ids) => set::remove(parts, base_length, ids),
        Change::Max(value) => extreme::raise_to(&mut parts.max, value),
        Change::Min(value) => extreme::lower_to(&mut parts.min, value),
        Change::Assign(_) | Change::Unset | Change::Object => {}
    }
}

const fn is_of_number(change: &Change) -> bool {
    matches!(
        change,
        Change::Increment(_) | Change::Max(_) | Change::Min(_)
    )
}

/// The entries of a list of newest changes that the writer had not seen.
pub(crate) fn unseen(
    entries: &[(ReplicaId, antipode_clock::Hlc)],
    cause: &Cause<'_>,
) -> Vec<(ReplicaId, antipode_clock::Hlc)> {
    let unseen = entries
        .iter()
        .filter(|(replica, hlc)| !cause.saw(Stamp::new(*hlc, *replica)));
    unseen.copied().collect()
}

/// What the parts of a place show over the value that they were made on.
pub(crate) fn parts_shown(held: &Held, parts: &Parts) -> Option<Value> {
    let base = match held {
        Held::Value(value) => Some(value),
        Held::Nothing | Held::Object => None,
    };
    if let Some(elements) = &parts.elements {
        let base = base.and_then(Value::as_array);
        return Some(sequence::shown(base, elements));
    }
    let mut shown = match parts.sums.is_empty() {
        true => base.cloned(),
        false => Some(counter::total(base, &parts.sums).shown()),
    };
    if let Some(max) = &parts.max {
        shown = Some(extreme::greater(shown, max));
    }
    if let Some(min) = &parts.min {
        shown = Some(extreme::lesser(shown, min));
    }
    shown
}
