//! Assign and Unset: the newest write wins, at each path for itself.
//!
//! An assign drops what is older at its place and below, and what is newer below stays: `{a: {b: 7}}` written at 6 survives
//! `a = {c: 9}` written at 5. What survives below makes the places above it objects (by its mark from when it was
//! written). A removing change marks nothing, so removing never creates anything.

use antipode_clock::Stamp;
use antipode_value::{Str, Value};

use super::unseen;
use crate::Reason;
use crate::bugs::bug;
use crate::discard::Report;
use crate::state::{Cause, Held, Origin, Parts, Place};

/// The document's root, assigned as a whole.
pub(crate) fn new_root(value: &Value, stamp: Stamp) -> Place {
    Place::root_of(value, Origin { stamp, each: false })
}

/// A place assigned as a whole; values nested in it are set at their own places.
pub(crate) fn new_place(value: &Value, stamp: Stamp) -> Place {
    Place::of(value, Origin { stamp, each: false })
}

/// Puts `new`, written by the cause, where `place` was, and lays over it what of `place` is newer.
pub(crate) fn assign(
    place: &mut Place,
    new: Place,
    cause: &Cause<'_>,
    path: &[Str],
    report: &mut Report,
) {
    let old = std::mem::replace(place, new);
    let mut trail = path.to_vec();
    lay_over(place, old, cause, Stamp::ZERO, &mut trail, report);
}

/// Keeps of `old`, which is older than the cause, what is newer: an object mark, and children below. `reported` is the
/// write above that was already reported as lost.
fn lay_over(
    new: &mut Place,
    mut old: Place,
    cause: &Cause<'_>,
    reported: Stamp,
    trail: &mut Vec<Str>,
    report: &mut Report,
) {
    let mut reported = reported;
    if old.set != reported && !cause.saw(old.set) {
        reported = old.set;
        report.part_lost(
            trail,
            crate::show::place(&old),
            Reason::Overwritten,
            old.set,
            cause.stamp,
        );
    }
    if let Some(parts) = &old.parts {
        report_parts(parts, cause, Reason::BaseReplaced, trail, report);
    }
    if old.object > cause.stamp {
        new.object = old.object;
        if let Held::Value(value) = &new.held {
            let value = Some(value.clone());
            report.part_lost(trail, value, Reason::BecameObject, cause.stamp, old.object);
            new.held = Held::Nothing;
        }
    }
    // What is still whole was written by one operation: if the writer saw it, nothing of it is newer or lost.
    if old
        .rest
        .as_ref()
        .is_some_and(|rest| cause.saw(rest.origin.stamp))
    {
        old.rest = None;
    }
    old.expand();
    if old.children.is_empty() {
        return;
    }
    new.expand();
    let mut fresh = std::mem::take(&mut new.children).into_iter().peekable();
    let mut children = Vec::with_capacity(fresh.len());
    for (name, child) in old.children {
        while let Some(other) = fresh.next_if(|(other, _)| *other < name) {
            children.push(other);
        }
        let twin = fresh
            .next_if(|(other, _)| *other == name)
            .map(|(_, twin)| twin);
        if child.set > cause.stamp && !bug!(CutIgnoresNewerCut) {
            children.push((name, child));
            continue;
        }
        let mut kept = twin.unwrap_or_default();
        if child.set > cause.stamp {
            // Reached with a planted bug only.
            kept.set = child.set;
            kept.held = child.held.clone();
        }
        trail.push(name);
        lay_over(&mut kept, child, cause, reported, trail, report);
        if let Some(name) = trail.pop()
            && !kept.is_vacant()
        {
            children.push((name, kept));
        }
    }
    children.extend(fresh);
    new.children = children;
}

/// Notes that a write needs an object here. A place that becomes an object drops its parts and its value.
pub(crate) fn mark_object(place: &mut Place, cause: &Cause<'_>, path: &[Str], report: &mut Report) {
    if cause.stamp <= place.object {
        return;
    }
    if !place.is_object() {
        if let Some(parts) = place.parts.take() {
            report_parts(&parts, cause, Reason::BecameObject, path, report);
        }
        if let Held::Value(value) = std::mem::take(&mut place.held)
            && !cause.saw(place.set)
        {
            report.part_lost(
                path,
                Some(value),
                Reason::BecameObject,
                place.set,
                cause.stamp,
            );
        }
    }
    place.object = cause.stamp;
}

fn report_parts(
    parts: &Parts,
    cause: &Cause<'_>,
    reason: Reason,
    path: &[Str],
    report: &mut Report,
) {
    for (replica, hlc) in unseen(&parts.changed, cause) {
        let value = super::counter::sum_of(parts, replica);
        report.part_lost(path, value, reason, Stamp::new(hlc, replica), cause.stamp);
    }
}
