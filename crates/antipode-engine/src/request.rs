//! What a session hands to the committer, and what it gets back.

use std::sync::Arc;

use antipode_clock::{Dot, Stamp, VersionVector};
use antipode_crdt::{Draft, Revision};
use antipode_store::record::Message;
use antipode_store::{CollectionId, StreamId};
use antipode_value::{Str, Value};

use crate::error::EngineError;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// Once it is in the store's log: it survives a crash of the process, but perhaps not a power cut.
    Memory,
    /// Once it is on the disk of this node.
    #[default]
    Disk,
}

impl Durability {
    /// The name in configurations and requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }

    /// The durability of this name.
    pub fn from_name(name: &str) -> Result<Self, EngineError> {
        match name {
            "memory" => Ok(Self::Memory),
            "disk" | "" => Ok(Self::Disk),
            other => Err(EngineError::BadParameter {
                detail: format!("durability '{other}': this version has 'memory' and 'disk'"),
            }),
        }
    }
}

/// Names a request within its node, so that the reply finds its way back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(pub u64);

/// What a write asks of the document that it meets at the moment of the commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expectation {
    /// None may exist.
    Absent,
    /// One must exist.
    Exists,
    /// Either.
    Any,
    /// Exactly this version, or none where `None`: what the transaction read. Anything else is a conflict, and the
    /// transaction may be tried again.
    Unchanged(Option<Revision>),
    /// Exactly this version, as the client demanded it: anything else fails.
    Revision(Revision),
}

/// One operation before it met the authoritative state.
#[derive(Clone, Debug)]
pub enum DraftOperation {
    /// A change of a document.
    Document {
        /// In which collection.
        collection: CollectionId,
        /// Under which key.
        key: Str,
        /// What is wanted.
        draft: Draft,
        /// What must stand there.
        expect: Expectation,
    },
    /// A message appended to a stream.
    Message {
        /// To which stream.
        stream: StreamId,
        /// The message.
        message: Message,
    },
}

/// A transaction of a client, to be committed whole or not at all.
#[derive(Clone, Debug)]
pub struct CommitRequest {
    /// Its name.
    pub id: RequestId,
    /// When it is acknowledged.
    pub durability: Durability,
    /// What it does, in order.
    pub operations: Vec<DraftOperation>,
    /// Whether the reply is to contain the documents as they were after each operation.
    pub return_documents: bool,
}

/// What one operation of a committed transaction left behind.
#[derive(Clone, Debug)]
pub struct OperationOutcome {
    /// The document's version afterwards; none if it is gone, or for a message.
    pub revision: Option<Revision>,
    /// The body afterwards, without system attributes, where the request asked for it.
    pub document: Option<Value>,
    /// A message's sequence number in its stream.
    pub message_seq: Option<u64>,
}

/// A transaction that was committed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its name from now on.
    pub dot: Dot,
    /// The stamp of its first operation.
    pub stamp: Stamp,
    /// What each operation left behind, in order.
    pub outcomes: Vec<OperationOutcome>,
    /// Covers it, and what landed with it: the token for reads elsewhere is made of this.
    pub vector: Arc<VersionVector>,
}

/// The reply to a [`CommitRequest`].
pub type CommitReply = Result<Committed, EngineError>;
