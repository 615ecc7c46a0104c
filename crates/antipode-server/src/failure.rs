//! Failures of the server itself, as statuses. Those of the database are in `status_of`.

use antipode_proto::error::into_status;
use antipode_proto::v1;
use tonic::Status;

/// A status with its detail.
pub(crate) fn status(
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

/// The request is malformed.
pub(crate) fn bad_parameter(message: impl Into<String>) -> Status {
    status(10, "BAD_PARAMETER", message, v1::Retry::Never, v1::Written::Nothing)
}

/// Too many calls wait already.
pub(crate) fn busy() -> Status {
    let message = "the node has too many calls waiting";
    status(1303, "BUSY", message, v1::Retry::After, v1::Written::Nothing)
}

/// The client went away, or stopped reading.
pub(crate) fn cancelled() -> Status {
    let message = "the client no longer reads the reply";
    status(21, "REQUEST_CANCELED", message, v1::Retry::Never, v1::Written::Unspecified)
}

/// The call's deadline passed. The work is told to stop, but may just have been done.
pub(crate) fn deadline() -> Status {
    let message = "the deadline passed";
    status(5323, "DEADLINE_EXCEEDED", message, v1::Retry::Never, v1::Written::Unspecified)
}

/// A bug of ours: the work ended without a result.
pub(crate) fn internal(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "a call ended without a result");
    status(4, "INTERNAL", error.to_string(), v1::Retry::Never, v1::Written::Unspecified)
}
