//! Batches as the memory disk logs them, and the bytes that a power cut can tear.
//!
//! ```text
//! frame    = length (u32) · CRC32C of the payload (u32) · payload
//! payload  = change*
//! change   = space (u8) · kind (u8: 0 put, 1 delete, 2 delete range) · first · second (each a varint length, then bytes)
//! ```
//!
//! Frames are made of bytes only when a test tears one: in ordinary use the changes alone are kept.

use antipode_clock::codec::{CodecError, Reader, Writer};
use bytes::Bytes;

use crate::batch::Shared as Change;
use crate::{Batch, Space};

/// A batch in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    changes: Vec<(Space, Change)>,
    byte_len: usize,
}

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;

impl Frame {
    pub(super) fn new(batch: Batch) -> Self {
        let byte_len = batch.byte_len();
        let changes = batch.into_shared().collect();
        Self { changes, byte_len }
    }

    pub(super) fn changes(&self) -> &[(Space, Change)] {
        &self.changes
    }

    pub(super) fn byte_len(&self) -> usize {
        self.byte_len
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut payload = Writer::new();
        for (space, change) in &self.changes {
            payload.u8(*space as u8);
            let (kind, first, second) = match change {
                Change::Put { key, value } => (PUT, key.as_ref(), value.as_ref()),
                Change::Delete { key } => (DELETE, key.as_ref(), &[][..]),
                Change::DeleteRange { start, end } => (DELETE_RANGE, start.as_ref(), end.as_ref()),
            };
            payload.u8(kind);
            payload.bytes(first);
            payload.bytes(second);
        }
        let payload = payload.into_bytes();
        let mut frame = Writer::new();
        frame.u32_fixed(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        frame.u32_fixed(crc32c::crc32c(&payload));
        frame.raw(&payload);
        frame.into_bytes()
    }

    /// The batch, if all of it is there and unharmed.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Reader::new(bytes);
        let length = input.u32_fixed("frame length").ok()?;
        let checksum = input.u32_fixed("frame checksum").ok()?;
        let payload = input.raw(usize::try_from(length).ok()?, "frame").ok()?;
        if crc32c::crc32c(payload) != checksum {
            return None;
        }
        let mut changes = Reader::new(payload);
        let mut frame = Self::empty(payload.len());
        while !changes.is_empty() {
            frame.changes.push(decode_change(&mut changes).ok()?);
        }
        Some(frame)
    }

    /// The changes that can be read of a torn frame, without a look at length and checksum.
    #[cfg(feature = "planted-bugs")]
    pub(super) fn decode_whatever_is_there(bytes: &[u8]) -> Self {
        let mut frame = Self::empty(bytes.len());
        if let Some(payload) = bytes.get(8..) {
            let mut changes = Reader::new(payload);
            while let Ok(change) = decode_change(&mut changes) {
                frame.changes.push(change);
            }
        }
        frame
    }

    fn empty(byte_len: usize) -> Self {
        Self {
            changes: Vec::new(),
            byte_len,
        }
    }
}

fn decode_change(input: &mut Reader<'_>) -> Result<(Space, Change), CodecError> {
    let space = Space::from_number(input.u8("space")?).ok_or_else(|| input.invalid("space"))?;
    let kind = input.u8("kind")?;
    let first = Bytes::copy_from_slice(input.bytes("key")?);
    let second = Bytes::copy_from_slice(input.bytes("value")?);
    let change = match kind {
        PUT => Change::Put {
            key: first,
            value: second,
        },
        DELETE => Change::Delete { key: first },
        DELETE_RANGE => Change::DeleteRange {
            start: first,
            end: second,
        },
        _ => return Err(input.invalid("kind of change")),
    };
    Ok((space, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_back_whole_or_not_at_all() {
        let mut batch = Batch::new();
        batch.put(Space::Documents, b"key", b"value");
        batch.delete(Space::Expiry, b"other");
        batch.delete_range(Space::Log, b"a", b"b");
        let frame = Frame::new(batch);
        let bytes = frame.encode();
        let back = Frame::decode(&bytes).map(|back| back.changes);
        assert_eq!(back.as_deref(), Some(frame.changes()));
        for end in 0..bytes.len() {
            assert_eq!(Frame::decode(&bytes[..end]), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x10;
            assert_eq!(Frame::decode(&broken), None, "bit flipped at {at}");
        }
    }
}
