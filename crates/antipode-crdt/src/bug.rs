//! Known mistakes, planted for the tests: one at a time, chosen by the running thread. A harness that does not catch them
//! proves nothing. This module is only in builds with the feature `planted-bugs`.

use std::cell::Cell;

/// A mistake in a merge rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bug {
    /// Of two concurrent assigns the one that arrives last wins.
    TieBrokenByArrival,
    /// An increment counts twice in some orders of arrival.
    IncrementTwice,
    /// A removal ends lives that its writer did not see.
    RemovalEatsConcurrentAdd,
    /// A reset cuts below a place that was set anew since.
    CutIgnoresNewerCut,
    /// A hidden life is forgotten although a patch may still bring it back.
    FoldsUnstableHiddenLife,
    /// Lives are folded into one while a yielding removal may still split them.
    FoldsLivesUnderRemoval,
    /// An object mark is forgotten while a set above it is not stable.
    FoldsObjectUnderUnstableSet,
    /// A relative change counts by its stamp instead of by what its writer saw.
    RelativeByStamp,
    /// A final removal does not name hidden lives.
    RemovalSkipsHidden,
    /// Removing elements leaves those that are hidden by an equal one.
    RemoveLeavesTwins,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants `bug` in this thread, or none.
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether `bug` is planted in this thread.
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
