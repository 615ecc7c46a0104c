//! How failures become statuses: the database's, and those of the server itself.

use antipode::{Error, Retry, Written};
use antipode_proto::error::into_status;
use antipode_proto::v1;
use tonic::Status;

/// Why the work of a call failed, as its client is told.
pub(crate) struct Failure(Status);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(failed(error))
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

/// A failure of the database.
pub(crate) fn failed(error: impl Into<Error>) -> Status {
    let error = error.into();
    let (line, column) = error.position().unwrap_or_default();
    let retry = match error.retry() {
        Retry::Never => v1::Retry::Never,
        Retry::Now => v1::Retry::Now,
        Retry::Later => v1::Retry::After,
    };
    let written = match error.written() {
        Written::Nothing => v1::Written::Nothing,
        Written::Unknown => v1::Written::Unspecified,
    };
    into_status(v1::Error {
        code: error.code(),
        name: error.name().to_owned(),
        message: error.to_string(),
        retry: retry.into(),
        written: written.into(),
        line,
        column,
    })
}

fn status(
    code: u32,
    name: &str,
    message: impl Into<String>,
    retry: v1::Retry,
    written: v1::Written,
) -> Status {
    into_status(v1::Error {
        code,
        name: name.to_owned(),
        message: message.into(),
        retry: retry.into(),
        written: written.into(),
        line: 0,
        column: 0,
    })
}

/// The request makes no sense.
pub(crate) fn bad_parameter(message: impl Into<String>) -> Status {
    status(
        10,
        "BAD_PARAMETER",
        message,
        v1::Retry::Never,
        v1::Written::Nothing,
    )
}

/// A text of the request is not JSON.
pub(crate) fn malformed(what: &str, error: &dyn std::error::Error) -> Status {
    let message = format!("{what}: {error}");
    status(
        37,
        "MALFORMED_JSON",
        message,
        v1::Retry::Never,
        v1::Written::Nothing,
    )
}

/// There is no such document.
pub(crate) fn not_found(collection: &str, key: &str) -> Status {
    let message = format!("document not found: {collection}/{key}");
    status(
        1202,
        "DOCUMENT_NOT_FOUND",
        message,
        v1::Retry::Never,
        v1::Written::Nothing,
    )
}

/// The node was not started for this.
pub(crate) fn disabled(message: &str) -> Status {
    status(
        36,
        "DISABLED",
        message,
        v1::Retry::Never,
        v1::Written::Nothing,
    )
}

/// What is wrong with a request about something that the node holds for its clients.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Held {
    /// A cursor was asked for that does not exist: it was never made, was read to its end, was deleted, or was not read
    /// for its time to live.
    #[error("cursor not found: it was read to its end, was deleted, or its time to live is over")]
    CursorNotFound,
    /// A cursor was asked for while another call reads it.
    #[error("another call is reading the cursor")]
    CursorBusy,
    /// A query was to be ended that does not run on this node.
    #[error("no query {0} runs on this node")]
    QueryNotFound(u64),
}

impl Held {
    /// Stable number of this error.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::CursorNotFound => 1600,
            Self::CursorBusy => 1601,
            Self::QueryNotFound(_) => 1591,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CursorNotFound => "CURSOR_NOT_FOUND",
            Self::CursorBusy => "CURSOR_BUSY",
            Self::QueryNotFound(_) => "QUERY_NOT_FOUND",
        }
    }

    fn retry(self) -> v1::Retry {
        match self {
            Self::CursorBusy => v1::Retry::After,
            Self::CursorNotFound | Self::QueryNotFound(_) => v1::Retry::Never,
        }
    }
}

impl From<Held> for Status {
    fn from(held: Held) -> Status {
        let (code, name, message) = (held.code(), held.name(), held.to_string());
        status(code, name, message, held.retry(), v1::Written::Nothing)
    }
}

/// More than the node keeps for its clients.
pub(crate) fn too_much(message: String) -> Status {
    status(
        32,
        "RESOURCE_LIMIT",
        message,
        v1::Retry::After,
        v1::Written::Unspecified,
    )
}

/// One row alone is longer than a message may be.
pub(crate) fn row_too_long(bytes: usize, bytes_max: usize) -> Status {
    let message = format!("a row of {bytes} bytes does not fit into a message of {bytes_max}");
    status(
        32,
        "RESOURCE_LIMIT",
        message,
        v1::Retry::Never,
        v1::Written::Unspecified,
    )
}

/// Too many calls wait already.
pub(crate) fn busy() -> Status {
    let message = "the node has too many calls waiting";
    status(
        1303,
        "BUSY",
        message,
        v1::Retry::After,
        v1::Written::Nothing,
    )
}

/// The node stops.
pub(crate) fn stopping() -> Status {
    let message = "the node is shutting down";
    status(
        30,
        "SHUTTING_DOWN",
        message,
        v1::Retry::After,
        v1::Written::Nothing,
    )
}

/// The client went away, or stopped reading.
pub(crate) fn cancelled() -> Status {
    let message = "the client no longer reads the reply";
    status(
        21,
        "REQUEST_CANCELED",
        message,
        v1::Retry::Never,
        v1::Written::Unspecified,
    )
}

/// The call's deadline passed. The work is told to stop, but may just have been done.
pub(crate) fn deadline() -> Status {
    let message = "the deadline passed";
    status(
        5323,
        "DEADLINE_EXCEEDED",
        message,
        v1::Retry::Never,
        v1::Written::Unspecified,
    )
}

/// A bug of ours: the work ended without a result.
pub(crate) fn internal(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "a call ended without a result");
    status(
        4,
        "INTERNAL",
        error.to_string(),
        v1::Retry::Never,
        v1::Written::Unspecified,
    )
}

/// Gives a failure that came from below the services its number: a request that is too long or is no protobuf, a call
/// that does not exist, a deadline that the transport noticed first.
pub(crate) fn complete(found: &Status) -> Option<Status> {
    if found.code() == tonic::Code::Ok || !found.details().is_empty() {
        return None;
    }
    let message = found.message();
    let (number, name) = match found.code() {
        tonic::Code::OutOfRange | tonic::Code::ResourceExhausted => (32, "RESOURCE_LIMIT"),
        tonic::Code::Unimplemented => (9, "NOT_IMPLEMENTED"),
        tonic::Code::Cancelled | tonic::Code::DeadlineExceeded if message == "Timeout expired" => {
            return Some(deadline());
        }
        // What the code that reads requests says of bytes that are none, such as text that is not UTF-8.
        tonic::Code::Internal if message.contains("decode") => (10, "BAD_PARAMETER"),
        _ => return None,
    };
    Some(status(
        number,
        name,
        message,
        v1::Retry::Never,
        v1::Written::Nothing,
    ))
}

#[cfg(test)]
mod tests {
    use antipode_proto::error::from_status;

    use super::*;

    #[test]
    fn failures_from_below_are_given_a_number() {
        let number = |status: Status| {
            complete(&status)
                .and_then(|typed| from_status(&typed))
                .map(|error| error.code)
        };
        assert_eq!(number(Status::out_of_range("too long")), Some(32));
        assert_eq!(number(Status::unimplemented("")), Some(9));
        assert_eq!(number(Status::cancelled("Timeout expired")), Some(5323));
        assert_eq!(
            number(Status::internal("failed to decode Protobuf message")),
            Some(10)
        );
        assert_eq!(number(Status::ok("")), None);
        assert_eq!(number(busy()), None);
    }
}
