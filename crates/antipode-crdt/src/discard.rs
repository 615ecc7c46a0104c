//! Reports of writes that a merge discarded. Conflicts are never silent.

use antipode_clock::Stamp;
use antipode_value::Value;

use crate::Path;

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
        }
    }
}
