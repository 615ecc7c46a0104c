//! How an error travels: a gRPC status for every tool, and our [`Error`](crate::v1::Error) as its detail.
//!
//! The number is the contract. A number has an HTTP status (the table in the error code reference), and an HTTP
//! status has a gRPC one by [`grpc_code`], so that every surface tells the same story.

use bytes::Bytes;
use prost::Message;
use tonic::{Code, Status};

use crate::v1;

const TYPE_URL: &str = "type.googleapis.com/antipode.v1.Error";

/// The one table from HTTP status to gRPC status.
pub fn grpc_code(http: u16) -> Code {
    match http {
        400 | 413 | 422 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        408 => Code::Cancelled,
        409 => Code::Aborted,
        410 => Code::Aborted,
        412 => Code::FailedPrecondition,
        423 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        501 => Code::Unimplemented,
        503 => Code::Unavailable,
        504 => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

/// The HTTP status of an error number, as the error code reference lists it.
pub fn http_status(code: u32) -> u16 {
    match code {
        11 | 1004 | 1945 => 403,
        18 | 29 | 1200 | 1207 | 1210 | 1592 | 1601 | 1925 | 5220 => 409,
        21 => 408,
        28 => 423,
        30 | 36 | 1236 | 1302 | 1303 | 5204 | 5230 => 503,
        9 => 501,
        1202 | 1203 | 1211 | 1212 | 1228 | 1582 | 1591 | 1600 | 1655 | 1924 | 1926 | 1928
        | 1930 | 1939 | 5200 | 5210 => 404,
        1500 | 1654 | 5201 => 410,
        1 | 3 | 4 | 32 | 1104 | 1225 | 1240 | 1305 | 1521 | 1650 | 1909 | 1910 | 1932 | 1941 => 500,
        5323 => 504,
        // The system's own range: trouble outside the query.
        5250..=5399 => 500,
        _ => 400,
    }
}

/// The gRPC code of an error. Two numbers say more than their HTTP status does.
fn code_of(error: &v1::Error) -> Code {
    match error.code {
        32 => Code::ResourceExhausted,
        1207 | 1210 => Code::AlreadyExists,
        number => grpc_code(http_status(number)),
    }
}

/// Packs an error into a status.
pub fn into_status(error: v1::Error) -> Status {
    let code = code_of(&error);
    let message = error.message.clone();
    let details = v1::Status {
        code: code as i32,
        message: message.clone(),
        details: vec![v1::Detail {
            type_url: TYPE_URL.to_owned(),
            value: Bytes::from(error.encode_to_vec()),
        }],
    };
    Status::with_details(code, message, Bytes::from(details.encode_to_vec()))
}

/// The error that a status carries, if it is one of ours.
pub fn from_status(status: &Status) -> Option<v1::Error> {
    let details = v1::Status::decode(status.details()).ok()?;
    let detail = details
        .details
        .iter()
        .find(|detail| detail.type_url.ends_with("/antipode.v1.Error"))?;
    v1::Error::decode(detail.value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_status() {
        let error = v1::Error {
            code: 1501,
            name: "QUERY_PARSE".to_owned(),
            message: "unexpected 'x'".to_owned(),
            retry: v1::Retry::Never as i32,
            written: v1::Written::Nothing as i32,
            line: 3,
            column: 14,
        };
        let status = into_status(error.clone());
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "unexpected 'x'");
        assert_eq!(from_status(&status), Some(error));
    }

    #[test]
    fn foreign_details_are_not_taken_for_ours() {
        assert_eq!(from_status(&Status::internal("x")), None);
        let garbage =
            Status::with_details(Code::Internal, "x", Bytes::from_static(&[0xff, 0x01, 0x80]));
        assert_eq!(from_status(&garbage), None);
    }

    #[test]
    fn numbers_map_to_the_codes_that_clients_expect() {
        let code = |code| {
            into_status(v1::Error {
                code,
                ..Default::default()
            })
            .code()
        };
        assert_eq!(code(1202), Code::NotFound);
        assert_eq!(code(1210), Code::AlreadyExists);
        assert_eq!(code(1200), Code::Aborted);
        assert_eq!(code(5230), Code::Unavailable);
        assert_eq!(code(32), Code::ResourceExhausted);
        assert_eq!(code(9), Code::Unimplemented);
        assert_eq!(code(4), Code::Internal);
        assert_eq!(code(1500), Code::Aborted);
        assert_eq!(code(21), Code::Cancelled);
        assert_eq!(code(1004), Code::PermissionDenied);
    }
}
