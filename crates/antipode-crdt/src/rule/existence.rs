//! When a document exists: lives are begun, changed, hidden and ended.
//!
//! A life is named by the operation that began it. It is *gone* when a final Remove, a Put or a Merge names it, and leaves
//! nothing behind. It is *hidden* while some yielding Remove that names it saw every patch of it: a patch that is still to
//! come brings it back whole. The document exists while some life is neither gone nor hidden.

use antipode_clock::Stamp;

use super::{Step, unseen};
use crate::bugs::bug;
use crate::discard::Report;
use crate::state::{Cause, Life, Removal, raise};
use crate::{Change, Path, Reason};

/// Ends the lives that are named. Patches of them that the writer had not seen are lost.
pub(crate) fn end(lives: &mut Vec<Life>, names: &[Stamp], cause: &Cause<'_>, report: &mut Report) {
    lives.retain(|life| {
        if !life.is_named_in(names) && !bug!(RemovalEatsConcurrentAdd) {
            return true;
        }
        for (replica, hlc) in unseen(&life.touched, cause) {
            report.part_lost(
                &[],
                None,
                Reason::Removed,
                Stamp::new(hlc, replica),
                cause.stamp,
            );
        }
        false
    });
}

/// Begins a life.
pub(crate) fn begin(lives: &mut Vec<Life>, life: Life) {
    let position = lives.partition_point(|other| other.names < life.names);
    lives.insert(position, life);
}

/// Hides the lives that are named, of which the writer saw every patch.
pub(crate) fn hide(lives: &mut [Life], names: &[Stamp], cause: &Cause<'_>, report: &mut Report) {
    for life in lives.iter_mut().filter(|life| life.is_named_in(names)) {
        let unseen = unseen(&life.touched, cause);
        let position = life
            .removals
            .partition_point(|other| other.stamp < cause.stamp);
        life.removals.insert(
            position,
            Removal {
                stamp: cause.stamp,
                hides: unseen.is_empty(),
            },
        );
        if let Some((replica, hlc)) = unseen.first() {
            let winner = Stamp::new(*hlc, *replica);
            report.part_lost(&[], None, Reason::Yielded, cause.stamp, winner);
        }
    }
}

/// Applies changes to the lives that are named and still exist. A hidden one that a patch names was seen alive by its
/// writer, so the patch was seen by none of the removals that hide it: it is there again, whole.
pub(crate) fn patch(
    lives: &mut [Life],
    names: &[Stamp],
    changes: &[(Path, Change)],
    cause: &Cause<'_>,
    report: &mut Report,
) {
    let mut found = false;
    for life in lives.iter_mut().filter(|life| life.is_named_in(names)) {
        found = true;
        life.newest = life.newest.max(cause.stamp);
        raise(&mut life.touched, cause.stamp.replica, cause.stamp.hlc);
        for removal in &mut life.removals {
            if std::mem::take(&mut removal.hides) {
                report.part_lost(&[], None, Reason::Yielded, removal.stamp, cause.stamp);
            }
        }
        change(life, names, changes, cause, report);
    }
    if !found {
        report.patch_lost(changes, cause.stamp);
    }
}

/// Applies changes to one life.
pub(crate) fn change(
    life: &mut Life,
    lives: &[Stamp],
    changes: &[(Path, Change)],
    cause: &Cause<'_>,
    report: &mut Report,
) {
    if changes.is_empty() {
        return;
    }
    life.places_mut();
    let names = std::mem::take(&mut life.names);
    let root = life.places_mut();
    for (path, change) in changes {
        let step = Step {
            cause: *cause,
            path,
            change,
            lives,
            life: &names,
        };
        super::apply(root, &step, report);
    }
    life.names = names;
}
