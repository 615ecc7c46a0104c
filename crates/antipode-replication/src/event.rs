//! What goes into the machine and what comes out of it: the whole of its contract with the node around it.
//!
//! ```text
//!   committer ── Committed, Durable, Delivered ──▶┌─────────────┐──▶ Deliver, Writes ────── committer
//!   log ──────── LogRead ────────────────────────▶│ Replication │──▶ ReadLog, Persist ───── log, metadata
//!   transport ── LinkUp, LinkDown, Received ─────▶│             │──▶ Send, Connect, … ───── transport
//!   store ────── Suspended, Resumed ─────────────▶│             │
//!   timer ────── Tick ───────────────────────────▶└─────────────┘──▶ Wake ─────────────────timer
//! ```
//!
//! Outputs are carried out **in order**. What follows a [`Output::Persist`], in the same batch or in later ones, is held
//! back until it is durable: a vote or a report that its sender could forget would be worth nothing.

use antipode_clock::{Dot, ReplicaId, VersionVector};
use bytes::Bytes;

use crate::record::{LogRange, Record};
use crate::state::{EpochRef, Recovered};

/// A point in monotonic time, in microseconds since any fixed moment.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Micros(pub u64);

impl Micros {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// Whole milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 / 1_000
    }

    /// This later by `other`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// The time at which an input is handled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Monotonic time: all deadlines are in it.
    pub at: Micros,
    /// Wall time in milliseconds since 1970, compared with that of peers and never used to decide an order.
    pub wall_ms: u64,
}

/// One connection to a peer, named by the transport and never reused within a process.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(pub u64);

/// One question to the log.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReadId(pub u64);

/// Which of a link's three queues a message takes. The transport sends from the first that is not empty.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Lane {
    /// Greetings, digests, requests, votes: small and never behind data.
    Control,
    /// Fresh commits.
    Live,
    /// Catch-up and large transactions.
    Bulk,
}

/// Hash of what a replica shows, comparable between replicas with equal version vectors.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct StateDigest(pub u128);

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The node is ready; handled first and once.
    Start,
    /// The time asked for by [`Output::Wake`] has come. More ticks than that do no harm.
    Tick,
    /// This replica's own next transactions are in its log, in order. `durable` when they survive a power cut already;
    /// they are sent only then, or once [`Input::Durable`] covers them.
    Committed {
        /// The records, of consecutive sequence numbers.
        records: Vec<Record>,
        /// Whether they are synced.
        durable: bool,
    },
    /// Everything up to `vv` survives a power cut. Only such a vector is ever announced.
    Durable {
        /// The vector.
        vv: VersionVector,
        /// What the replica showed when it stood at exactly `vv`.
        digest: StateDigest,
    },
    /// Records of [`Output::Deliver`] were applied: the replica stands at `vv`. Once something was refused, whatever had
    /// been handed over and is not in `vv` was dropped with it and will be handed over again.
    Delivered {
        /// What is applied here, own transactions included.
        vv: VersionVector,
        /// Records that could not be applied.
        refused: Vec<Refused>,
    },
    /// The answer to [`Output::ReadLog`]: records in stamp order, as [`crate::read_merged`] gives them. `damaged` is the
    /// reason why the log could not be read to the end of what was asked.
    LogRead {
        /// Which question.
        read: ReadId,
        /// The records.
        records: Vec<Record>,
        /// What went wrong, if anything.
        damaged: Option<String>,
    },
    /// A connection is there. `address` is what was dialled, or `None` when the peer dialled.
    LinkUp {
        /// Its name from now on.
        link: LinkId,
        /// What was dialled.
        address: Option<String>,
    },
    /// A connection is gone.
    LinkDown {
        /// Which.
        link: LinkId,
    },
    /// A message of a peer.
    Received {
        /// From where.
        link: LinkId,
        /// The message, whole.
        bytes: Bytes,
    },
    /// So many bytes given out by [`Output::Send`] have left the transport's queues. Without this a link is taken to be
    /// stuck after [`crate::Config::queue_bytes_max`].
    Written {
        /// On which link.
        link: LinkId,
        /// How many.
        bytes: u64,
    },
    /// The store takes no more: what was handed over and has not been reported as delivered was dropped, and nothing can be
    /// made durable until [`Input::Resumed`]. Links stay, and peers get what the log holds.
    Suspended,
    /// The store takes writes again, and holds this; as after a restart, peers are asked what they hold of the own log.
    Resumed(Box<Recovered>),
    /// A person's order.
    Operator(Command),
}

/// What a person can order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Exchange data again with a peer from which an alarm had separated this replica.
    Reconcile(ReplicaId),
    /// Take records of an origin again whose record could not be applied.
    Release(ReplicaId),
}

/// A record that the committer did not take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Which.
    pub dot: Dot,
    /// Why.
    pub reason: Refusal,
}

/// Why the committer did not take a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// Its bytes do not hold together: another peer may have a good copy.
    Damaged,
    /// It does not follow the record before it: its origin has two histories.
    Fork,
    /// It has an operation that this version cannot apply; its origin waits for an upgrade.
    Unsupported,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message; the transport may drop it if the link goes down, and must keep the order within a lane.
    Send {
        /// To whom.
        link: LinkId,
        /// In which queue.
        lane: Lane,
        /// The message, whole. Up to a record of the largest size on the bulk lane; small on the others.
        bytes: Bytes,
    },
    /// Apply these, in this order, and answer with [`Input::Delivered`].
    Deliver(Vec<Record>),
    /// Read these ranges of the log with [`crate::read_merged`] and answer with [`Input::LogRead`].
    ReadLog {
        /// Name for the answer.
        read: ReadId,
        /// What to read.
        ranges: Vec<LogRange>,
        /// Stop after so many bytes.
        bytes_max: u64,
    },
    /// Make this encoded [`crate::MembershipState`] durable in place of the one before. Later outputs wait for it.
    Persist(Bytes),
    /// Whether this replica may commit transactions of its own.
    Writes(WriteGate),
    /// A person must know.
    Alarm(Alarm),
    /// The members have changed.
    EpochAdopted(EpochRef),
    /// Send [`Input::Tick`] at this time; replaces the time asked for before.
    Wake(Micros),
    /// Try to connect.
    Connect {
        /// Whereto.
        address: String,
    },
    /// Close a connection.
    Disconnect {
        /// Which.
        link: LinkId,
    },
}

/// Whether a replica may commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteGate {
    /// It may.
    Open,
    /// A peer holds more of this replica's own log than it does itself, so its next sequence number may be taken: this
    /// disk is an old image or a copy, or it lost what it had confirmed. The node needs a new replica id.
    OwnLogLost,
}

/// What a person must know, with the evidence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Alarm {
    /// See [`WriteGate::OwnLogLost`].
    #[error(
        "{peer} holds our log to {theirs} and we to {ours} ({reason}): writes are stopped; this node's disk is an old \
         image, a copy or has lost data, give it a new replica id"
    )]
    OwnLogLost {
        /// Who holds more.
        peer: ReplicaId,
        /// Our own last sequence number.
        ours: u64,
        /// The peer's.
        theirs: u64,
        /// What gave it away.
        reason: &'static str,
    },
    /// Another process runs under this replica's id.
    #[error("another node runs under replica id {replica}: its data directory was copied")]
    Clone {
        /// The shared id.
        replica: ReplicaId,
    },
    /// One origin has two histories.
    #[error(
        "{origin} has two histories at {seq}, ours and that of {peer}: nothing is exchanged until one is given up"
    )]
    Fork {
        /// Whose log.
        origin: ReplicaId,
        /// Where they differ, at the latest.
        seq: u64,
        /// Who has the other.
        peer: ReplicaId,
    },
    /// Two replicas that applied the same transactions show different data: a bug, or damage below the checksums.
    #[error("{peer} shows other data ({theirs:032x}, ours {ours:032x}) at the same vector {vv}")]
    Divergence {
        /// Who.
        peer: ReplicaId,
        /// The vector at which both stand.
        vv: VersionVector,
        /// Our digest.
        ours: u128,
        /// The peer's.
        theirs: u128,
    },
    /// Two epochs bear one number.
    #[error("{peer} has another epoch {number} ({theirs:016x}, ours {ours:016x})")]
    EpochSplit {
        /// Who.
        peer: ReplicaId,
        /// The number.
        number: u64,
        /// Hash of ours.
        ours: u64,
        /// Hash of the peer's.
        theirs: u64,
    },
    /// A peer's message or record could not be read; it was dropped.
    #[error("dropped what {peer} sent: {reason}")]
    Damaged {
        /// Who.
        peer: ReplicaId,
        /// What was wrong with it.
        reason: String,
    },
    /// A record could not be applied.
    #[error("record {dot} was refused: {reason:?}")]
    Refused {
        /// Which.
        dot: Dot,
        /// Why.
        reason: Refusal,
    },
    /// The own log could not be read.
    #[error("the log cannot be read: {reason}")]
    LogUnreadable {
        /// Why.
        reason: String,
    },
    /// A peer of another cluster or of an incompatible version.
    #[error("turned away {node}: {reason}")]
    TurnedAway {
        /// Its name.
        node: String,
        /// Why.
        reason: String,
    },
    /// A peer raised an alarm about this replica.
    #[error("{peer} reports: {text}")]
    Reported {
        /// Who.
        peer: ReplicaId,
        /// What.
        text: String,
    },
}
