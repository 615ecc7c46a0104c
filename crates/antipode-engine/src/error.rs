//! What the engine refuses or fails at.
//!
//! Every error has a stable code ([`EngineError::code`]), says when a retry can help ([`EngineError::retry`]) and whether
//! anything may have been written ([`EngineError::written`]). Codes up to 4999 are those of AQL and C8QL; 5250 and above are
//! the rest of Antipode's own.

use antipode_query::{QueryError, Retry, SourceError};
use antipode_store::{StoreError, Written};
use thiserror::Error;

use crate::graph::GraphError;
use crate::index::IndexError;

/// A failure of the engine.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The query was refused or failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A document, collection or stream that is not as the write needs it.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A named graph is not as a change needs it.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An index cannot be made, found or written to.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The fabric does not exist.
    #[error("fabric not found: {name}")]
    FabricNotFound {
        /// Its name.
        name: String,
    },
    /// The collection does not exist.
    #[error("collection not found: {name}")]
    CollectionNotFound {
        /// Its name.
        name: String,
    },
    /// The stream does not exist.
    #[error("stream not found: {name}")]
    StreamNotFound {
        /// Its name.
        name: String,
    },
    /// The collection is no key-value store.
    #[error("'{name}' is not a key-value store, but a collection of kind {kind}")]
    NotKeyValue {
        /// Its name.
        name: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A name is taken.
    #[error("duplicate name: '{name}' exists")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name that no fabric, collection or stream may have.
    #[error(
        "illegal name '{name}': a letter, then letters, digits, '_' and '-', 120 bytes at most"
    )]
    IllegalName {
        /// The name.
        name: String,
    },
    /// The system's own collections are changed by the system.
    #[error("'{name}' is the system's own and cannot be changed directly")]
    SystemCollection {
        /// The collection.
        name: String,
    },
    /// An argument that makes no sense.
    #[error("bad parameter: {detail}")]
    BadParameter {
        /// What and why.
        detail: String,
    },
    /// The node takes no writes.
    #[error("this node takes no writes: {cause}")]
    ReadOnly {
        /// Why.
        cause: String,
    },
    /// The transaction is larger than a transaction may be.
    #[error("transaction of {bytes} bytes is larger than the limit of {limit}; split it")]
    TransactionTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A document would grow beyond what a document may be.
    #[error("a document would be larger than the limit of {limit} bytes; split it")]
    DocumentTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The token given with the request is not reached here.
    #[error(
        "this replica has not yet seen all that the token names: retry, or read with level local"
    )]
    ConsistencyUnavailable,
    /// The token is not one that this database gave out.
    #[error("malformed token: {detail}")]
    TokenInvalid {
        /// What is wrong with it.
        detail: String,
    },
    /// A position in a stream that is none.
    #[error("malformed stream position '{text}'")]
    PositionInvalid {
        /// The position.
        text: String,
    },
    /// The data directory belongs to another node.
    #[error(
        "the data directory is that of {found}, not of {wanted}; give this node a directory of its own"
    )]
    WrongDirectory {
        /// Whose it is.
        found: String,
        /// Who opened it.
        wanted: String,
    },
    /// What was read from this node's own store contradicts itself.
    #[error("inconsistent store: {detail}")]
    Inconsistent {
        /// What was found, with the key.
        detail: String,
    },
    /// The write was handed over, but whether it was kept is not known: the node stopped or failed meanwhile.
    #[error("the outcome of the write is unknown: {cause}")]
    OutcomeUnknown {
        /// What happened.
        cause: String,
    },
    /// The node is shutting down.
    #[error("the node is shutting down")]
    Closed,
}

impl EngineError {
    /// The stable number.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Query(error) => error.code(),
            Self::Source(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Graph(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::FabricNotFound { .. } => 1228,
            Self::CollectionNotFound { .. } => 1203,
            Self::StreamNotFound { .. } => 5200,
            Self::NotKeyValue { .. } => 5210,
            Self::DuplicateName { .. } => 1207,
            Self::IllegalName { .. } => 1208,
            Self::SystemCollection { .. } => 11,
            Self::BadParameter { .. } => 10,
            Self::ReadOnly { .. } => 1004,
            Self::TransactionTooLarge { .. } => 32,
            Self::DocumentTooLarge { .. } => 1216,
            Self::ConsistencyUnavailable => 5230,
            Self::TokenInvalid { .. } => 5232,
            Self::PositionInvalid { .. } => 5205,
            Self::WrongDirectory { .. } => 5262,
            Self::Inconsistent { .. } => 5260,
            Self::OutcomeUnknown { .. } => 5261,
            Self::Closed => 30,
        }
    }

    /// When a retry can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Query(error) => error.retry(),
            Self::Source(error) => error.retry(),
            Self::ConsistencyUnavailable | Self::ReadOnly { .. } | Self::Closed => Retry::Later,
            _ => Retry::Never,
        }
    }

    /// Whether anything of the failed write may be found later.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::OutcomeUnknown { .. } => Written::Unknown,
            Self::Store(error) => error.written(),
            _ => Written::Nothing,
        }
    }
}
