//! What a call can fail with.

use antipode_proto::v1;
use tonic::{Code, Status};

/// Whether repeating the call can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same call fails again until someone changes something.
    Never,
    /// It may succeed at once: it lost a race.
    Now,
    /// It may succeed after a while.
    After,
}

/// Whether the failed call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing was written.
    Nothing,
    /// It was written, though the call failed.
    Everything,
    /// Not known: the answer was lost.
    Unknown,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused or failed, and says so.
    #[error("{message}{}", place(*line, *column))]
    Database {
        /// The stable number, such as 1203 for an unknown collection.
        code: u32,
        /// Its name.
        name: String,
        /// What happened, in words that may change.
        message: String,
        /// Whether repeating can help.
        retry: Retry,
        /// Whether anything was written.
        written: Written,
        /// Line of the query text, from 1; 0 where it does not apply.
        line: u32,
        /// Column of the query text, from 1; 0 where it does not apply.
        column: u32,
    },
    /// None of the nodes could be reached; nothing was sent.
    #[error("no node can be reached: {message}")]
    Unreachable {
        /// What happened with each.
        message: String,
    },
    /// The connection was lost before the answer came. What was asked may have been done.
    #[error("the connection was lost: {message}")]
    Lost {
        /// What happened.
        message: String,
    },
    /// The answer did not come in time. What was asked may have been done.
    #[error("no answer in time")]
    TimedOut,
    /// An address, a certificate or another setting is not usable.
    #[error("{message}")]
    Config {
        /// What and why.
        message: String,
    },
    /// A value could not be written as JSON, or a row not be read as the type that was asked for.
    #[error("not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
    /// The node's answer is not one that this client understands.
    #[error("unexpected answer: {message}")]
    Protocol {
        /// What was wrong.
        message: String,
    },
}

impl Error {
    /// The database's number for the error, if it comes from there.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Database { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether repeating the call can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Database { retry, .. } => *retry,
            Self::Unreachable { .. } | Self::Lost { .. } | Self::TimedOut => Retry::After,
            Self::Config { .. } | Self::Json(_) | Self::Protocol { .. } => Retry::Never,
        }
    }

    /// Whether anything may have been written.
    pub fn written(&self) -> Written {
        match self {
            Self::Database { written, .. } => *written,
            Self::Unreachable { .. } | Self::Config { .. } => Written::Nothing,
            Self::Lost { .. } | Self::TimedOut | Self::Json(_) | Self::Protocol { .. } => {
                Written::Unknown
            }
        }
    }

    pub(crate) fn from_status(status: &Status) -> Self {
        if let Some(error) = antipode_proto::error::from_status(status) {
            return Self::from_detail(error);
        }
        let message = status.message().to_owned();
        match status.code() {
            _ if never_sent(status) => Self::Unreachable { message },
            Code::DeadlineExceeded => Self::TimedOut,
            // How some servers, and a channel of our own, end a call whose `grpc-timeout` has passed.
            Code::Cancelled if message == "Timeout expired" => Self::TimedOut,
            Code::Cancelled | Code::Unavailable | Code::Unknown => Self::Lost { message },
            code => Self::Protocol {
                message: format!("{code:?}: {message}"),
            },
        }
    }

    fn from_detail(error: v1::Error) -> Self {
        let retry = match error.retry() {
            v1::Retry::Now => Retry::Now,
            v1::Retry::After => Retry::After,
            v1::Retry::Never | v1::Retry::Unspecified => Retry::Never,
        };
        let written = match error.written() {
            v1::Written::Nothing => Written::Nothing,
            v1::Written::Everything => Written::Everything,
            v1::Written::Unspecified => Written::Unknown,
        };
        Self::Database {
            code: error.code,
            name: error.name,
            message: error.message,
            retry,
            written,
            line: error.line,
            column: error.column,
        }
    }
}

/// Whether a call failed before any of it was sent: then nothing was done, whatever it asked for.
fn never_sent(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn place(line: u32, column: u32) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(" (line {line}, column {column})")
    }
}
