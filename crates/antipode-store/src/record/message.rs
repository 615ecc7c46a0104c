//! Messages of streams, as they travel in a transaction and as they stand in their stream.

use antipode_clock::Hlc;
use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_value::layout::LayoutError;
use antipode_value::{Str, Value, layout};
use bytes::Bytes;

use super::{Record, read_optional, read_text, write_optional};
use crate::RecordError;

/// What a message tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Payload {
    /// A value in its packed layout.
    Packed(Bytes),
    /// Bytes that the database does not look into.
    Raw(Bytes),
}

const PACKED: u8 = 0;
const RAW: u8 = 1;

impl Payload {
    /// The payload that tells `value`.
    ///
    /// # Errors
    ///
    /// When the value is nested too deeply or too large.
    pub fn of(value: &Value) -> Result<Self, LayoutError> {
        layout::encode(value).map(|bytes| Self::Packed(Bytes::from(bytes)))
    }

    /// The value, if it is one.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::Packed(bytes) => Some(Value::from_packed_unverified(bytes.clone())),
            Self::Raw(_) => None,
        }
    }

    /// The bytes of either kind.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Packed(bytes) | Self::Raw(bytes) => bytes,
        }
    }

    fn write(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Packed(_) => PACKED,
            Self::Raw(_) => RAW,
        });
        out.bytes(self.bytes());
    }

    /// Packed values are verified, since the bytes may come from a peer.
    fn read(input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let kind = input.u8("kind of payload")?;
        let bytes = input.bytes("payload")?;
        match kind {
            PACKED => {
                layout::verify(bytes, layout::Limits::default()).map_err(|error| {
                    RecordError::Part {
                        part: "payload",
                        what: error.to_string(),
                    }
                })?;
                Ok(Self::Packed(Bytes::copy_from_slice(bytes)))
            }
            RAW => Ok(Self::Raw(Bytes::copy_from_slice(bytes))),
            _ => Err(input.invalid("kind of payload").into()),
        }
    }
}

/// A message as its publisher made it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its key, if it has one.
    pub key: Option<Str>,
    /// Its properties, in the order in which they were given.
    pub properties: Vec<(Str, Str)>,
    /// When what it tells happened, in milliseconds since 1970; 0 if unset.
    pub event_time_ms: i64,
    /// What it tells.
    pub payload: Payload,
}

/// Bytes of the shortest encoded property: two empty texts.
const PROPERTY_BYTES_MIN: usize = 2;

impl Message {
    pub(super) fn write(&self, out: &mut Writer) {
        write_optional(out, self.key.as_ref(), |out, key| out.text(key));
        out.varint(self.properties.len() as u64);
        for (name, value) in &self.properties {
            out.text(name);
            out.text(value);
        }
        out.varint_signed(self.event_time_ms);
        self.payload.write(out);
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let key = read_optional(input, "message key", |input| {
            read_text(input, "message key")
        })?;
        Ok(Self {
            key,
            properties: read_properties(input)?,
            event_time_ms: input.varint_signed("event time")?,
            payload: Payload::read(input)?,
        })
    }
}

fn read_properties(input: &mut Reader<'_>) -> Result<Vec<(Str, Str)>, CodecError> {
    let count = input.count(PROPERTY_BYTES_MIN, "properties")?;
    let mut properties = Vec::with_capacity(count);
    for _ in 0..count {
        properties.push((
            read_text(input, "property name")?,
            read_text(input, "property value")?,
        ));
    }
    Ok(properties)
}

/// A message in its stream. Stream, origin and number stand in the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredMessage {
    /// Clock of the operation that published it; its milliseconds are the time of publishing.
    pub hlc: Hlc,
    /// Sequence number of the transaction that published it.
    pub transaction_seq: u64,
    /// The message.
    pub message: Message,
}

impl Record for StoredMessage {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u64_fixed(self.hlc.0);
        out.varint(self.transaction_seq);
        self.message.write(out);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            hlc: Hlc(input.u64_fixed("clock of publishing")?),
            transaction_seq: input.varint("transaction")?,
            message: Message::read(input)?,
        })
    }
}
