//! The one error of the embedded library.

use antipode_engine::{EngineError, GraphError};
use antipode_query::{Code, QueryError, Retry, SourceError};
use antipode_store::{StoreError, Written};
use thiserror::Error as ThisError;

/// Why a call failed. The number ([`Error::code`]) is the contract, the text is for people.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The network could not be started.
    #[error("cannot start the peers' endpoint: {detail}")]
    Network {
        /// The stable number.
        code: u32,
        /// Why.
        detail: String,
    },
    /// The operating system refused something that the node cannot do without.
    #[error("cannot {doing}: {detail}")]
    System {
        /// What was being tried.
        doing: &'static str,
        /// The system's words.
        detail: String,
    },
}

impl Error {
    /// The stable number. ArangoDB's where the meaning is the same, ours from 5200 on.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Engine(error) => error.code(),
            Self::Network { code, .. } => *code,
            Self::System { .. } => 2,
        }
    }

    /// The name that belongs to the number, such as `QUERY_PARSE`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let code = self.code();
        Code::from_number(code).map_or_else(|| own_name(code), Code::name)
    }

    /// When a retry can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Engine(error) => error.retry(),
            Self::Network { .. } | Self::System { .. } => Retry::Never,
        }
    }

    /// Whether anything of the failed call may be found later.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::Engine(error) => error.written(),
            Self::Network { .. } | Self::System { .. } => Written::Nothing,
        }
    }

    /// Line and column in the query text, from 1, where the error has a place.
    #[must_use]
    pub fn position(&self) -> Option<(u32, u32)> {
        match self {
            Self::Engine(EngineError::Query(error)) => error
                .position()
                .map(|position| (position.line, position.column)),
            _ => None,
        }
    }

    /// The error with the line of the query and a caret, where it has a place in a query.
    #[must_use]
    pub fn diagnostic(&self) -> String {
        match self {
            Self::Engine(EngineError::Query(error)) => error.diagnostic(),
            other => format!("error {}: {other}", other.code()),
        }
    }

    /// Whether the transaction lost a race and may simply be run again.
    pub(crate) fn lost_race(&self) -> bool {
        let Self::Engine(EngineError::Source(error)) = self else {
            return false;
        };
        matches!(
            error,
            SourceError::Conflict { .. }
                | SourceError::KeyTaken { .. }
                | SourceError::NotFound { .. }
                | SourceError::Gone { .. }
                // A value of a unique index was taken since the transaction looked; it will find out if it still is.
                | SourceError::Other { code: 1210, .. }
        )
    }
}

impl From<GraphError> for Error {
    fn from(error: GraphError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Names of the numbers that the query engine does not know.
fn own_name(code: u32) -> &'static str {
    match code {
        2 => "SYS_ERROR",
        30 => "SHUTTING_DOWN",
        36 => "DISABLED",
        1207 => "DUPLICATE_NAME",
        1228 => "DATABASE_NOT_FOUND",
        1591 => "QUERY_NOT_FOUND",
        1600 => "CURSOR_NOT_FOUND",
        1601 => "CURSOR_BUSY",
        1901 => "GRAPH_INVALID_GRAPH",
        1920 => "GRAPH_COLLECTION_MULTI_USE",
        1921 => "GRAPH_COLLECTION_USE_IN_MULTI_GRAPHS",
        1922 => "GRAPH_CREATE_MISSING_NAME",
        1923 => "GRAPH_CREATE_MALFORMED_EDGE_DEFINITION",
        1925 => "GRAPH_DUPLICATE",
        1927 => "GRAPH_WRONG_COLLECTION_TYPE_VERTEX",
        1928 => "GRAPH_NOT_IN_ORPHAN_COLLECTION",
        1929 => "GRAPH_COLLECTION_USED_IN_EDGE_DEF",
        1930 => "GRAPH_EDGE_COLLECTION_NOT_USED",
        1938 => "GRAPH_COLLECTION_USED_IN_ORPHANS",
        1944 => "GRAPH_EDGE_DEFINITION_IS_DOCUMENT",
        5205 => "STREAM_POSITION_INVALID",
        5232 => "TOKEN_INVALID",
        5250 => "STORE_DAMAGED",
        5251 => "STORE_FORMAT_VERSION",
        5252 => "STORE_LOCKED",
        5253 => "STORE_FILES_DAMAGED",
        5254 => "STORE_UNUSABLE",
        5260 => "STORE_INCONSISTENT",
        5261 => "OUTCOME_UNKNOWN",
        5262 => "WRONG_DIRECTORY",
        5300..=5399 => "NETWORK_ERROR",
        _ => "FAILED",
    }
}
