//! What a [`Node`](super::Node) is told, and what it says is to be done.

use antipode_clock::VersionVector;
use antipode_replication::{
    self as replication, Alarm, Config as ReplicationConfig, Input, Lane, LinkId, Micros,
    StateDigest,
};
use antipode_store::StoreError;
use bytes::Bytes;

use crate::flight::{Flight, Landing};
use crate::identity::Identity;
use crate::request::{CommitReply, CommitRequest, RequestId};

/// What happened outside.
#[derive(Debug)]
pub enum NodeInput {
    /// A client's transaction.
    Commit(CommitRequest),
    /// How the flight of [`NodeOutput::Write`] ended.
    Landed(Landing),
    /// Everything up to this ticket is on the disk.
    Synced {
        /// The ticket of [`NodeOutput::Sync`].
        ticket: u64,
    },
    /// The sync failed.
    SyncFailed {
        /// The ticket of [`NodeOutput::Sync`].
        ticket: u64,
        /// Why.
        error: StoreError,
    },
    /// A link, a message of a peer, or an operator's command.
    Replication(Input),
    /// The time asked for by [`NodeOutput::Wake`] has come.
    Tick,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum NodeOutput {
    /// The answer to a client's transaction.
    Reply {
        /// Which.
        request: RequestId,
        /// The answer.
        reply: CommitReply,
    },
    /// Let it land ([`Flight::land`]), then answer with [`NodeInput::Landed`]. At most one is under way.
    Write(Box<Flight>),
    /// Sync the store, then answer with [`NodeInput::Synced`]. At most one is under way.
    Sync {
        /// Goes into the answer.
        ticket: u64,
    },
    /// Send a message.
    Send {
        /// To whom.
        link: LinkId,
        /// In which queue.
        lane: Lane,
        /// The message.
        bytes: Bytes,
    },
    /// Dial a peer.
    Connect {
        /// Whereto.
        address: String,
    },
    /// Close a link.
    Disconnect {
        /// Which.
        link: LinkId,
    },
    /// A person must know.
    Alarm(Alarm),
    /// The store failed, and the node takes no writes until it has recovered.
    WritesStopped {
        /// Why.
        cause: String,
    },
    /// The node takes writes again.
    WritesResumed,
    /// What readers see has moved: waiting readers look again.
    Visible,
    /// Send [`NodeInput::Tick`] at this time; replaces the time asked for before.
    Wake(Micros),
}

/// Whoever carries out what a step says.
pub type Out<'a> = dyn FnMut(NodeOutput) + 'a;

/// How a node takes part in its cluster.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The cluster, from its certificates.
    pub cluster: u128,
    /// The node's name.
    pub node: String,
    /// The node's region.
    pub region: String,
    /// Where peers can reach this node; empty where they cannot.
    pub address: String,
    /// Whether this node founds its cluster, if it has none yet. A node that does not waits to be taken in.
    pub founds: bool,
    /// Limits and seed addresses of replication.
    pub replication: ReplicationConfig,
}

/// What a node shows of itself.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// The node's names.
    pub identity: Identity,
    /// What is applied here.
    pub vv: VersionVector,
    /// What of that survives a power cut.
    pub durable: VersionVector,
    /// Digest of what is shown.
    pub digest: StateDigest,
    /// Replication: epoch, members, peers.
    pub replication: replication::Status,
    /// Why no writes are taken, if so.
    pub read_only: Option<String>,
    /// How many writes merges have discarded here.
    pub discarded: u64,
}
