//! Names of replicas, of their transactions and of their operations.

use std::fmt;
use std::str::FromStr;

use crate::Hlc;
use crate::codec::{CodecError, Reader, Writer};

/// The name under which a node originates transactions: 64 random bits, made with the data directory and never used
/// again by anybody else. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplicaId(pub u64);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ReplicaId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// When an operation was made and by whom: unique, and totally ordered by clock first, replica second. An operation's
/// stamp is greater than every stamp that its writer had seen.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Stamp {
    /// The hybrid logical clock of the writer.
    pub hlc: Hlc,
    /// The writer.
    pub replica: ReplicaId,
}

impl Stamp {
    /// The stamp before every stamp: "never written". Every writer has seen it.
    pub const ZERO: Self = Self {
        hlc: Hlc::ZERO,
        replica: ReplicaId(0),
    };

    /// The stamp of `replica` at `hlc`.
    #[must_use]
    pub const fn new(hlc: Hlc, replica: ReplicaId) -> Self {
        Self { hlc, replica }
    }

    /// The stamp of the operation `ticks` places further on in the same transaction.
    #[must_use]
    pub fn plus(self, ticks: u64) -> Self {
        Self {
            hlc: self.hlc.plus(ticks),
            replica: self.replica,
        }
    }

    /// Whether this is [`Stamp::ZERO`].
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Sixteen bytes: clock, then replica, both fixed and little endian.
    pub fn encode(self, out: &mut Writer) {
        out.u64_fixed(self.hlc.0);
        out.u64_fixed(self.replica.0);
    }

    /// Reads what [`Stamp::encode`] wrote.
    pub fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self::new(
            Hlc(input.u64_fixed("stamp clock")?),
            ReplicaId(input.u64_fixed("stamp replica")?),
        ))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.hlc, self.replica)
    }
}

/// The `seq`-th transaction that `replica` originated in a group. Sequence numbers begin at 1 and have no gaps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Dot {
    /// The originator.
    pub replica: ReplicaId,
    /// Its transaction, counted from 1.
    pub seq: u64,
}

impl Dot {
    /// The dot (`replica`, `seq`).
    #[must_use]
    pub const fn new(replica: ReplicaId, seq: u64) -> Self {
        Self { replica, seq }
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.replica, self.seq)
    }
}
