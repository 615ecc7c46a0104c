//! Known mistakes, planted for the simulator: one at a time, chosen by the running thread. A harness that does not catch
//! them proves nothing. Without the feature `planted-bugs` every question is answered "no" at compile time, and nothing of
//! it is left in the program.

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;

    use antipode_store::{Batch, BatchOperation, Space};

    /// A mistake in how a node treats its disk, its clock or its names.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub enum Bug {
        /// A write at `disk` is acknowledged before it is synced.
        AckBeforeSync,
        /// A restarted node takes the number of its last transaction once more.
        DotReused,
        /// A received stamp does not pull the clock forward.
        HlcNotMoved,
        /// Edge index entries are written in a batch of their own, after the documents.
        IndexOutsideBatch,
        /// Entries of secondary indexes do not follow what peers change.
        IndexNotMerged,
        /// What has expired is removed for good, whoever is prolonging its life.
        ExpiryIsFinal,
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

    /// The batch in two: what does not concern the edge index, and what does.
    pub(crate) fn split_index(batch: &Batch) -> [Batch; 2] {
        let mut parts = [Batch::new(), Batch::new()];
        for (space, operation) in batch.iter() {
            let [rest, index] = &mut parts;
            let part = if space == Space::Edges { index } else { rest };
            match operation {
                BatchOperation::Put { key, value } => part.put(space, key, value),
                BatchOperation::Delete { key } => part.delete(space, key),
                BatchOperation::DeleteRange { start, end } => part.delete_range(space, start, end),
            }
        }
        parts
    }
}

#[cfg(feature = "planted-bugs")]
pub use switch::{Bug, plant};
#[cfg(feature = "planted-bugs")]
pub(crate) use switch::{planted, split_index};

#[cfg(feature = "planted-bugs")]
macro_rules! bug {
    ($name:ident) => {
        $crate::planted::planted($crate::planted::Bug::$name)
    };
}

#[cfg(not(feature = "planted-bugs"))]
macro_rules! bug {
    ($name:ident) => {
        false
    };
}

pub(crate) use bug;
