//! The key spaces of a node, each a column family of its own.

use std::fmt;

/// A set of keys that are stored, scanned and compacted together. `keyspace` says what stands in each.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Space {
    /// Identity, clock bound, and the state of each replication group.
    Meta = 0,
    /// Replicated state of documents.
    Documents = 1,
    /// The op log: transactions by origin and sequence number.
    Log = 2,
    /// Edge index, both ways.
    Edges = 3,
    /// Stream messages.
    Streams = 4,
    /// Durable positions of stream readers.
    Cursors = 5,
    /// Documents by the time at which they expire.
    Expiry = 6,
    /// Reports of writes that a merge discarded.
    Conflicts = 7,
    /// Change index: documents by the local number of their last change.
    Changes = 8,
    /// Secondary indexes.
    Index = 9,
}

impl Space {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Meta,
        Self::Documents,
        Self::Log,
        Self::Edges,
        Self::Streams,
        Self::Cursors,
        Self::Expiry,
        Self::Conflicts,
        Self::Changes,
        Self::Index,
    ];

    /// The name of the column family. Never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Documents => "documents",
            Self::Log => "log",
            Self::Edges => "edges",
            Self::Streams => "streams",
            Self::Cursors => "cursors",
            Self::Expiry => "expiry",
            Self::Conflicts => "conflicts",
            Self::Changes => "changes",
            Self::Index => "index",
        }
    }

    /// Position in [`Space::ALL`].
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize
    }

    /// The space with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
