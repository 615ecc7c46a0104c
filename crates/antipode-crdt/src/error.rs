//! What can go wrong: bytes that are not what was written, and writes that cannot be made.

use antipode_clock::CodecError;
use antipode_value::LayoutError;
use thiserror::Error;

/// Whether the failed call can succeed when it is made again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// Never: the same call fails again.
    Never,
}

/// Bytes that are no operation or no document.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum DecodeError {
    /// The frame around the values is damaged.
    #[error("damaged bytes: {0}")]
    Codec(#[from] CodecError),
    /// A value inside is damaged or beyond the limits.
    #[error("damaged value: {0}")]
    Value(#[from] LayoutError),
    /// A kind of operation or change that this version does not know: a newer node wrote it.
    #[error("unknown {what} {tag}: written by a newer version, upgrade this node")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its tag.
        tag: u8,
    },
    /// The bytes can be read, but say something that no writer may say.
    #[error("malformed {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// The record names a replica by a local number that this node never gave out.
    #[error("record names replica number {number}, which this node does not know")]
    UnknownReplica {
        /// The number.
        number: u32,
    },
}

impl DecodeError {
    /// The stable number of this error: 10, bad parameter, or 9, not implemented, for what a newer version wrote.
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Unknown { .. } => 9,
            Self::Codec(_)
            | Self::Value(_)
            | Self::Malformed { .. }
            | Self::UnknownReplica { .. } => 10,
        }
    }

    /// Whether to try again. Nothing was changed.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// A write that cannot be made on the document as it is. Nothing was changed.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum WriteError {
    /// The document to change or remove does not exist.
    #[error("document not found")]
    NotFound,
    /// A document must be an object.
    #[error("a document must be an object, this is of type {found}")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// Two changes of one write stand in each other's way: one is made at or below the other's place.
    #[error("two changes of one write meet at {path}")]
    Overlap {
        /// The deeper place.
        path: String,
    },
    /// The document, or a value in the write, is too large or nested too deeply.
    #[error("document cannot be stored: {0}")]
    Limit(#[from] LayoutError),
}

impl WriteError {
    /// The stable number of this error.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::NotFound => 1202,
            Self::NotAnObject { .. } => 1227,
            Self::Overlap { .. } => 10,
            Self::Limit(LayoutError::TooLarge { .. }) => 1216,
            Self::Limit(limit) => limit.code(),
        }
    }

    /// Whether to try again. Nothing was changed.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        Retry::Never
    }
}
