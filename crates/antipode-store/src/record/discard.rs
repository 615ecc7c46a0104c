//! Reports of discarded writes: what a merge threw away, and why. The collection and the stamp of the write whose arrival
//! discarded it stand in the key.

use antipode_clock::Stamp;
use antipode_clock::codec::{CodecError, Reader, Writer};
use antipode_crdt::{Discard, Path, Reason};
use antipode_value::layout::Limits;
use antipode_value::{Str, Value, layout};
use bytes::Bytes;

use super::{Record, read_optional, read_text, write_optional};
use crate::RecordError;

/// A discarded write, and the document that it was meant for.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscardRecord {
    /// The document's `_key`.
    pub key: Str,
    /// What was lost.
    pub discard: Discard,
}

/// What was stored once is stored again, however deep it is by now.
const UNLIMITED: Limits = Limits {
    nesting: usize::MAX,
    bytes: usize::MAX,
};

const fn reason_number(reason: Reason) -> u8 {
    match reason {
        Reason::Overwritten => 0,
        Reason::BaseReplaced => 1,
        Reason::BecameObject => 2,
        Reason::OtherKind => 3,
        Reason::Removed => 4,
        Reason::Yielded => 5,
        Reason::Duplicate => 6,
    }
}

const fn reason_of(number: u8) -> Option<Reason> {
    Some(match number {
        0 => Reason::Overwritten,
        1 => Reason::BaseReplaced,
        2 => Reason::BecameObject,
        3 => Reason::OtherKind,
        4 => Reason::Removed,
        5 => Reason::Yielded,
        6 => Reason::Duplicate,
        _ => return None,
    })
}

impl Record for DiscardRecord {
    // The second version has one reason more.
    const VERSION: u8 = 2;

    fn write_body(&self, out: &mut Writer) {
        let Discard {
            path,
            value,
            reason,
            lost,
            winner,
        } = &self.discard;
        out.text(&self.key);
        out.varint(path.names().len() as u64);
        for name in path.names() {
            out.text(name);
        }
        let packed = value
            .as_ref()
            .and_then(|value| layout::encode_within(value, UNLIMITED).ok());
        write_optional(out, packed, |out, packed| out.bytes(&packed));
        out.u8(reason_number(*reason));
        lost.encode(out);
        write_optional(out, *winner, |out, winner| winner.encode(out));
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let key = read_text(input, "document key")?;
        let path = read_path(input)?;
        let value = read_optional(input, "lost value", |input| input.bytes("lost value"))?;
        let value = value.map(|bytes| Value::from_packed_unverified(Bytes::copy_from_slice(bytes)));
        let reason = reason_of(input.u8("reason")?).ok_or_else(|| input.invalid("reason"))?;
        Ok(Self {
            key,
            discard: Discard {
                path,
                value,
                reason,
                lost: Stamp::decode(input)?,
                winner: read_optional(input, "winner", Stamp::decode)?,
            },
        })
    }
}

fn read_path(input: &mut Reader<'_>) -> Result<Path, CodecError> {
    let count = input.count(1, "path")?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        names.push(read_text(input, "attribute name")?);
    }
    Ok(Path::from(names))
}
