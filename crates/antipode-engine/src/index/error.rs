//! What indexes refuse.

use antipode_query::{Retry, SourceError};
use thiserror::Error;

/// Why an index cannot be made, found or written to.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum IndexError {
    /// There is none of this name or id.
    #[error("index not found: '{name}' in collection '{collection}'")]
    NotFound {
        /// The collection.
        collection: String,
        /// Its name or id.
        name: String,
    },
    /// An id that is none.
    #[error("malformed index id '{text}': it is COLLECTION/NUMBER, NUMBER, or a name")]
    BadHandle {
        /// The id.
        text: String,
    },
    /// Another index of the collection has the name.
    #[error("duplicate name: '{collection}' has another index '{name}'")]
    DuplicateName {
        /// The collection.
        collection: String,
        /// The name.
        name: String,
    },
    /// A field that is no attribute path.
    #[error("illegal attribute path '{path}' in an index definition")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The definition makes no sense.
    #[error("index definition: {detail}")]
    BadDefinition {
        /// What and why.
        detail: String,
    },
    /// The collection has as many indexes as it may have.
    #[error("collection '{collection}' has {limit} indexes, which is the limit")]
    TooMany {
        /// The collection.
        collection: String,
        /// The limit.
        limit: usize,
    },
    /// The primary and the edge index belong to their collection.
    #[error("index '{name}' belongs to its collection and cannot be dropped")]
    BuiltIn {
        /// Its name.
        name: String,
    },
    /// Two documents would have the same value in a unique index.
    #[error("unique constraint violated in index '{index}' over {fields}: conflicting key: {key}")]
    UniqueViolated {
        /// The index.
        index: String,
        /// Its fields.
        fields: String,
        /// The document that has the value already.
        key: String,
    },
    /// The documents have values twice that a new unique index says they have once.
    #[error(
        "unique constraint violated: {count} of the documents of '{collection}' have a value in {fields} that another one \
         has; the index was not created"
    )]
    NotUnique {
        /// The collection.
        collection: String,
        /// The fields.
        fields: String,
        /// How many entries are there twice.
        count: u64,
    },
}

impl IndexError {
    /// The stable number.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::NotFound { .. } => 1212,
            Self::BadHandle { .. } => 1214,
            Self::DuplicateName { .. } => 1207,
            Self::BadPath { .. } => 1220,
            Self::BadDefinition { .. } => 10,
            Self::TooMany { .. } => 32,
            Self::BuiltIn { .. } => 11,
            Self::UniqueViolated { .. } | Self::NotUnique { .. } => 1210,
        }
    }
}

impl From<IndexError> for SourceError {
    fn from(error: IndexError) -> Self {
        Self::Other {
            code: error.code(),
            retry: Retry::Never,
            message: error.to_string(),
        }
    }
}
