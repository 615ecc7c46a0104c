//! Reports of what concurrent creations of one key lose to each other.
//!
//! Lives do not touch each other, so a write in one that covers a write in another discards nothing from the state; but
//! what is shown lost it all the same.

use antipode_value::{Str, Value};

use crate::discard::Report;
use crate::show;
use crate::state::{Cause, ENDS, Life, Place, root_attributes, sorted_attributes};
use crate::{Change, Operation, Reason};

/// Compares what the operation wrote with the lives that it did not see.
pub(crate) fn between_lives(
    lives: &[Life],
    operation: &Operation,
    cause: &Cause<'_>,
    report: &mut Report,
) {
    let own = |life: &Life| match operation {
        Operation::Patch { lives: names, .. } => life.is_named_in(names),
        _ => life.names == [cause.stamp],
    };
    if !lives.iter().any(own) {
        return;
    }
    for other in lives.iter().filter(|life| !own(life) && !life.is_hidden()) {
        let root = other.tree.places();
        match operation {
            Operation::Merge { value, changes, .. } => {
                written_for_itself(&root, value, &mut Vec::new(), cause, report);
                written_at_paths(&root, changes, cause, report);
            }
            Operation::Put { value, .. } => compare(&root, &[], Some(value), cause, report),
            Operation::Patch { changes, .. } => written_at_paths(&root, changes, cause, report),
            Operation::Remove { .. } => {}
        }
    }
}

fn written_at_paths(
    root: &Place,
    changes: &[(crate::Path, Change)],
    cause: &Cause<'_>,
    report: &mut Report,
) {
    for (path, change) in changes {
        match change {
            Change::Assign(value) => compare(root, path.names(), Some(value), cause, report),
            Change::Unset => compare(root, path.names(), None, cause, report),
            _ => {}
        }
    }
}

/// Every scalar and array of an inserted value was written at its own path.
fn written_for_itself(
    root: &Place,
    value: &Value,
    path: &mut Vec<Str>,
    cause: &Cause<'_>,
    report: &mut Report,
) {
    let attributes = match value {
        _ if path.is_empty() => root_attributes(value),
        Value::Object(object) if path.as_slice() != [Str::from_static(ENDS)] => {
            sorted_attributes(object)
        }
        _ => return compare(root, path, Some(value), cause, report),
    };
    for (name, value) in attributes.into_owned() {
        path.push(name);
        written_for_itself(root, &value, path, cause, report);
        path.pop();
    }
}

/// The operation wrote `value` at `path`: it loses to a newer set at or above the path in the other life, else what is
/// older there loses to it.
fn compare(
    root: &Place,
    path: &[Str],
    value: Option<&Value>,
    cause: &Cause<'_>,
    report: &mut Report,
) {
    let mut place = root;
    let mut names = path.iter();
    loop {
        if place.set > cause.stamp {
            let value = value.cloned();
            return report.part_lost(path, value, Reason::Overwritten, cause.stamp, place.set);
        }
        match names.next().map(|name| place.child(name)) {
            None => break,
            Some(None) => return,
            Some(Some(child)) => place = child,
        }
    }
    older_lose(
        place,
        &mut path.to_vec(),
        antipode_clock::Stamp::ZERO,
        cause,
        report,
    );
}

fn older_lose(
    place: &Place,
    path: &mut Vec<Str>,
    reported: antipode_clock::Stamp,
    cause: &Cause<'_>,
    report: &mut Report,
) {
    if place.set > cause.stamp {
        return;
    }
    let mut reported = reported;
    if place.set != reported && !cause.saw(place.set) {
        reported = place.set;
        report.part_lost(
            path,
            show::place(place),
            Reason::Overwritten,
            place.set,
            cause.stamp,
        );
    }
    for (name, child) in &place.children {
        path.push(name.clone());
        older_lose(child, path, reported, cause, report);
        path.pop();
    }
}
