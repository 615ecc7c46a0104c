//! Reports of writes that a merge discarded. Conflicts are never silent.

use antipode_clock::Stamp;
use antipode_value::{Str, Value};

use crate::rule::Step;
use crate::{Change, Path};

/// A write, or part of one, that a concurrent write beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Discard {
    /// The place of what was lost; the root where a whole operation was.
    pub path: Path,
    /// The value that was lost, where there is one to show: what was assigned, or by how much a counter went up.
    pub value: Option<Value>,
    /// Why.
    pub reason: Reason,
    /// Stamp of the write that was lost.
    pub lost: Stamp,
    /// Stamp of the write that won. `None` where it left no trace: a removal of the whole document.
    pub winner: Option<Stamp>,
}

/// Why a write was discarded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// A newer write of the same place, or of one above it.
    Overwritten,
    /// It was made on a value that a write which it did not see replaced.
    BaseReplaced,
    /// The place is an object by a write that it did not see.
    BecameObject,
    /// Changes of two kinds met on one value, and the elements of an array win over numbers.
    OtherKind,
    /// The document was removed, or put anew, by a writer that did not see it.
    Removed,
    /// A removal that did not see a change yielded to it.
    Yielded,
    /// Nothing is lost: another document has the same value in a unique index, by a writer that did not see this one.
    Duplicate,
}

impl Reason {
    /// A short name for reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overwritten => "overwritten",
            Self::BaseReplaced => "base replaced",
            Self::BecameObject => "became an object",
            Self::OtherKind => "other kind",
            Self::Removed => "removed",
            Self::Yielded => "yielded",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Most reports that one operation gives rise to; what is lost beyond them is of the same conflict.
const DISCARDS_MAX: usize = 1_000;

/// Gathers the reports of one operation.
#[derive(Default)]
pub(crate) struct Report {
    discards: Vec<Discard>,
}

impl Report {
    pub fn into_discards(self) -> Vec<Discard> {
        self.discards
    }

    /// A change of the operation is lost to the write stamped `winner`.
    pub fn change_lost(&mut self, step: &Step<'_>, reason: Reason, winner: Stamp) {
        if !matches!(step.change, Change::Object) {
            let value = value_of(step.change);
            let lost = step.cause.stamp;
            let winner = (winner != lost).then_some(winner);
            self.push(Discard {
                path: step.path.clone(),
                value,
                reason,
                lost,
                winner,
            });
        }
    }

    /// What stood at `path` is lost to the write stamped `winner`.
    pub fn part_lost(
        &mut self,
        path: &[Str],
        value: Option<Value>,
        reason: Reason,
        lost: Stamp,
        winner: Stamp,
    ) {
        let path = Path::from(path.to_vec());
        self.push(Discard {
            path,
            value,
            reason,
            lost,
            winner: Some(winner),
        });
    }

    /// All of a patch is lost, as the lives that it names are gone.
    pub fn patch_lost(&mut self, changes: &[(Path, Change)], lost: Stamp) {
        if changes.is_empty() {
            self.push(Discard {
                path: Path::ROOT,
                value: None,
                reason: Reason::Removed,
                lost,
                winner: None,
            });
        }
        for (path, change) in changes {
            let (path, value) = (path.clone(), value_of(change));
            self.push(Discard {
                path,
                value,
                reason: Reason::Removed,
                lost,
                winner: None,
            });
        }
    }

    fn push(&mut self, discard: Discard) {
        let same = |known: &Discard| {
            known.path == discard.path
                && known.lost == discard.lost
                && known.winner == discard.winner
        };
        // A patch of several lives may lose in each of them.
        let again = self.discards.iter().rev().take(8).any(same);
        if !again && self.discards.len() < DISCARDS_MAX {
            self.discards.push(discard);
        }
    }
}

fn value_of(change: &Change) -> Option<Value> {
    match change {
        Change::Assign(value) | Change::Max(value) | Change::Min(value) => Some(value.clone()),
        Change::Increment(number) => Some(number.value()),
        Change::Append(values) | Change::Prepend(values) => Some(Value::array(values)),
        Change::AddUnique(values) => Some(Value::array(values.iter().map(|unique| &unique.value))),
        Change::Unset | Change::Object | Change::RemoveElements(_) => None,
    }
}
