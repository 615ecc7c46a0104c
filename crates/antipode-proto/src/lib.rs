//! The network interface as code: messages and services generated from `proto/antipode/v1`, and how an error travels.
//!
//! The `.proto` files are the reference; this crate adds only what every server and client of them needs:
//! [`error`] turns an error with its number into a gRPC status and back, [`FILE_DESCRIPTOR_SET`] is what reflection
//! serves, and the constants are the interface's limits.

/// Generated from `proto/antipode/v1`.
pub mod v1 {
    #![allow(
        clippy::all,
        reason = "the generator writes variants and documentation as they come from the sources"
    )]
    tonic::include_proto!("antipode.v1");
}

pub mod error;
pub mod token;

/// The `.proto` files in compiled form, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The fabric that a request without one means; it always exists.
pub const DEFAULT_FABRIC: &str = "_system";

/// The port of gRPC (TCP) and of peers (UDP).
pub const DEFAULT_PORT: u16 = 7490;

/// A request, or one message of a reply, is at most this long.
pub const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    /// These neither read nor write data: queries that run, and cursors whose reads were done when they were made.
    const NO_DATA: [&str; 7] = [
        "NextBatchRequest",
        "DeleteCursorRequest",
        "DeleteCursorReply",
        "ListQueriesRequest",
        "ListQueriesReply",
        "KillQueryRequest",
        "KillQueryReply",
    ];

    #[test]
    fn every_request_and_reply_has_a_token_where_it_belongs() {
        let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut seen = 0;
        for message in files.file.iter().flat_map(|file| &file.message_type) {
            let name = message.name();
            if !name.ends_with("Request") && !name.ends_with("Reply") || NO_DATA.contains(&name) {
                continue;
            }
            seen += 1;
            for (field, number, place) in [
                ("token", 1, true),
                ("fabric", 2, false),
                ("durability", 3, false),
                ("consistency", 4, false),
            ] {
                match message.field.iter().find(|found| found.name() == field) {
                    Some(found) if field != "fabric" || name != "StatusReply" => {
                        assert_eq!(found.number(), number, "{name}.{field}");
                    }
                    Some(_) => {}
                    None => assert!(!place, "{name} has no {field}"),
                }
            }
        }
        assert!(seen > 40, "{seen} messages");
    }
}
