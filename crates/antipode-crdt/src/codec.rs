//! Bytes of operations and of stored documents.
//!
//! Neither carries a version: the record that holds them does.

pub(crate) mod document;
pub(crate) mod operation;
mod overlay;

use antipode_clock::codec::{Reader, Writer};
use antipode_value::{Value, layout};
use bytes::Bytes;

use crate::DecodeError;

/// A value in its canonical layout, with its length in front.
pub(crate) fn write_value(value: &Value, out: &mut Writer) {
    out.bytes(&crate::revision::body_bytes(value));
}

/// Reads what [`write_value`] wrote; the value shares `owner`, whose bytes `input` reads.
pub(crate) fn read_value(
    input: &mut Reader<'_>,
    owner: &Bytes,
    what: &'static str,
) -> Result<Value, DecodeError> {
    let bytes = read_slice(input, owner, what)?;
    value_of(bytes)
}

/// A byte string with its length in front, shared with `owner`.
pub(crate) fn read_slice(
    input: &mut Reader<'_>,
    owner: &Bytes,
    what: &'static str,
) -> Result<Bytes, DecodeError> {
    let length = input.bytes(what)?.len();
    let end = input.position();
    Ok(owner.slice(end - length..end))
}

/// The value that `bytes` are the layout of. What merges made may exceed the size of one write, never its nesting.
pub(crate) fn value_of(bytes: Bytes) -> Result<Value, DecodeError> {
    let limits = layout::Limits {
        bytes: usize::MAX,
        ..layout::Limits::default()
    };
    layout::verify(&bytes, limits)?;
    Ok(Value::from_packed_unverified(bytes))
}
