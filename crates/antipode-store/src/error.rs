//! What can go wrong below the storage trait, sorted by what the caller can do about it.

use std::fmt;
use std::path::PathBuf;

use antipode_clock::CodecError;
use thiserror::Error;

use crate::Space;

/// When the failed call may be made again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// Never: the same call fails again.
    Never,
    /// At once.
    Now,
    /// Once the trouble outside has been dealt with.
    After,
}

/// Whether anything of a failed write may be found later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// Nothing was written, and nothing will appear.
    Nothing,
    /// All of the batch or nothing of it may appear after the store was recovered or opened again.
    Unknown,
}

/// A failure of the store.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The disk, the quota or the file-size limit is used up.
    #[error(
        "no space left while trying to {doing}: {detail}; free some space, then the store can be recovered"
    )]
    Full {
        /// What was being tried.
        doing: &'static str,
        /// The system's words.
        detail: String,
        /// Whether the failed write may appear later.
        written: Written,
    },
    /// The operating system reported an error.
    #[error("cannot {doing}: {detail}")]
    Io {
        /// What was being tried.
        doing: &'static str,
        /// The system's words.
        detail: String,
        /// Whether the failed write may appear later.
        written: Written,
    },
    /// An earlier write failed, and the store takes no more until it is recovered.
    #[error("the store takes no writes since one failed: {cause}")]
    ReadOnly {
        /// The failure that began it.
        cause: String,
    },
    /// Stored bytes are not what was written, or not what this program writes.
    #[error("damaged record in {space} under key {key}: {what}")]
    Corrupt {
        /// Where.
        space: Space,
        /// The key at fault.
        key: ShownKey,
        /// What is wrong with the bytes.
        what: String,
    },
    /// The database underneath found its own files damaged.
    #[error("damaged database files: {detail}")]
    CorruptFiles {
        /// The database's words, usually with a file's name.
        detail: String,
    },
    /// The record was written in a format that this program does not know.
    #[error(
        "record in {space} under key {key} has format version {found}, this program reads up to {newest}: use a newer one"
    )]
    FormatVersion {
        /// Where.
        space: Space,
        /// The key at fault.
        key: ShownKey,
        /// The version in the record.
        found: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// Another process has the directory open.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error("{} cannot be opened as a data directory: {detail}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The store was closed, or its process crashed.
    #[error("the store is closed")]
    Closed,
    /// Something else has to end first.
    #[error("cannot {doing} yet: {detail}")]
    Busy {
        /// What was being tried.
        doing: &'static str,
        /// What stands in its way.
        detail: String,
    },
}

impl StoreError {
    /// The stable number of this error.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Closed => 30,
            Self::ReadOnly { .. } => 1004,
            Self::Full { .. } => 1104,
            Self::Busy { .. } => 1303,
            Self::Io { .. } => 1305,
            Self::Corrupt { .. } => 5250,
            Self::FormatVersion { .. } => 5251,
            Self::Locked { .. } => 5252,
            Self::CorruptFiles { .. } => 5253,
            Self::Unusable { .. } => 5254,
        }
    }

    /// When the same call may succeed.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Busy { .. } | Self::Full { .. } | Self::Io { .. } | Self::ReadOnly { .. } => {
                Retry::After
            }
            Self::Closed
            | Self::Corrupt { .. }
            | Self::CorruptFiles { .. }
            | Self::FormatVersion { .. }
            | Self::Locked { .. }
            | Self::Unusable { .. } => Retry::Never,
        }
    }

    /// Whether anything of the write that failed may be found later.
    #[must_use]
    pub fn written(&self) -> Written {
        match self {
            Self::Full { written, .. } | Self::Io { written, .. } => *written,
            _ => Written::Nothing,
        }
    }
}

/// A key as errors show it: printable ASCII as it is, every other byte as `\xHH`, long ones cut.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShownKey(Vec<u8>);

impl ShownKey {
    /// How many bytes of a key an error shows.
    const BYTES_MAX: usize = 320;

    /// Shows `key`.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// The key itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(Self::BYTES_MAX);
        write!(f, "\"{}\"", self.0[..shown].escape_ascii())?;
        if shown < self.0.len() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

/// Why a record or a key could not be read. It does not know where the bytes came from: [`RecordError::at`] says so.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RecordError {
    /// The checksum does not fit the bytes.
    #[error("checksum is {found:08x} where the bytes give {computed:08x}")]
    Checksum {
        /// The one in the record.
        found: u32,
        /// The one of its bytes.
        computed: u32,
    },
    /// A format version that this program does not read.
    #[error("format version {found}, newest known is {newest}")]
    Version {
        /// The version in the record.
        found: u8,
        /// The newest version that is understood.
        newest: u8,
    },
    /// The bytes do not follow the format.
    #[error("{0}")]
    Malformed(#[from] CodecError),
    /// A part that another crate encodes does not decode.
    #[error("{part} does not decode: {what}")]
    Part {
        /// Which part.
        part: &'static str,
        /// The other crate's words.
        what: String,
    },
    /// A transaction holds a kind of operation that this program does not know. Its record is kept and passed on as it
    /// is; it can't be applied here.
    #[error("operation {index} has {what} {kind}, which this program does not know")]
    UnknownOperation {
        /// Position in the transaction.
        index: usize,
        /// What has the number: the operation, or something in it.
        what: &'static str,
        /// The number.
        kind: u8,
    },
}

impl RecordError {
    /// The same as an error of the store, with the place of the bytes.
    #[must_use]
    pub fn at(self, space: Space, key: &[u8]) -> StoreError {
        let key = ShownKey::new(key);
        match self {
            Self::Version { found, newest } => StoreError::FormatVersion {
                space,
                key,
                found,
                newest,
            },
            other => StoreError::Corrupt {
                space,
                key,
                what: other.to_string(),
            },
        }
    }
}
