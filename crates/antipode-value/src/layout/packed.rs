//! Reading packed values in place. Every access checks its bounds; damage gives `None` here and is found by `verify`.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;

use super::{LayoutError, tag};
use crate::{Array, Object, Str, Value};

/// Bytes of the longest varint: lengths have at most 32 bits.
pub(super) const VARINT_BYTES_MAX: usize = 5;

/// The value that `bytes` hold, sharing them. Null if they hold none.
pub(super) fn value(bytes: &Bytes) -> Value {
    value_at(bytes, 0..bytes.len()).unwrap_or_default()
}

/// Number of elements of a packed array or object; 0 if its header is damaged.
pub(crate) fn count(bytes: &[u8]) -> usize {
    Container::open(bytes).map_or(0, |container| container.count)
}

/// Element `position` of a packed array.
pub(crate) fn element(bytes: &Bytes, position: usize) -> Option<Value> {
    let container = Container::open(bytes)?;
    value_at(bytes, container.range(position)?)
}

/// Attribute `name` of a packed object, found by binary search.
pub(crate) fn attribute(bytes: &Bytes, name: &str) -> Option<Value> {
    let container = Container::open(bytes)?;
    let (mut low, mut high) = (0, container.count);
    while low < high {
        let middle = low + (high - low) / 2;
        let (entry_name, value) = container.entry(middle)?;
        match bytes.get(entry_name)?.cmp(name.as_bytes()) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return value_at(bytes, value),
        }
    }
    None
}

/// Name and value at `position` of a packed object, in the order of the names' bytes.
pub(crate) fn pair(bytes: &Bytes, position: usize) -> Option<(Str, Value)> {
    let container = Container::open(bytes)?;
    let (name, value) = container.entry(position)?;
    Some((Str::from_part(bytes, name)?, value_at(bytes, value)?))
}

/// The value in `range` of `owner`: scalars and short strings are read out, the rest shares the bytes.
fn value_at(owner: &Bytes, range: Range<usize>) -> Option<Value> {
    let bytes = owner.get(range.clone())?;
    let (&first, content) = bytes.split_first()?;
    Some(match first {
        tag::NULL => Value::Null,
        tag::FALSE => Value::Bool(false),
        tag::TRUE => Value::Bool(true),
        tag::FLOAT => Value::float(read_float(content)?),
        tag::INT => Value::Int(read_int(content)?),
        tag::SMALL_INT_FIRST..=tag::SMALL_INT_LAST => {
            Value::Int(i64::from(first - tag::SMALL_INT_FIRST))
        }
        tag::STRING => Value::String(Str::from_part(owner, range.start + 1..range.end)?),
        _ => match container_kind(first)? {
            (Kind::Array, _) => Value::Array(Array::from_packed(owner.slice(range))),
            (Kind::Object, _) => Value::Object(Object::from_packed(owner.slice(range))),
        },
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Array,
    Object,
}

/// Kind and width of the container whose tag this is.
fn container_kind(first: u8) -> Option<(Kind, usize)> {
    let (kind, width_tag) = match first {
        tag::ARRAY..=0x0A => (Kind::Array, first - tag::ARRAY),
        tag::OBJECT..=0x0E => (Kind::Object, first - tag::OBJECT),
        _ => return None,
    };
    Some((kind, 1 << width_tag))
}

/// The header of a packed array or object.
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    kind: Kind,
    width: usize,
    count: usize,
    // Where the table of ends and the elements begin in `bytes`.
    table: usize,
    elements: usize,
}

impl<'a> Container<'a> {
    fn open(bytes: &'a [u8]) -> Option<Container<'a>> {
        let (&first, rest) = bytes.split_first()?;
        let (kind, width) = container_kind(first)?;
        let count = if rest.is_empty() {
            0
        } else {
            read_fixed(rest, width)?
        };
        let table = if rest.is_empty() { 1 } else { 1 + width };
        let elements = count.checked_mul(width)?.checked_add(table)?;
        if elements > bytes.len() {
            return None;
        }
        Some(Container {
            bytes,
            kind,
            width,
            count,
            table,
            elements,
        })
    }

    /// The header of a packed object; `None` if the bytes are none.
    pub(super) fn open_object(bytes: &'a [u8]) -> Option<Container<'a>> {
        Container::open(bytes).filter(|container| container.kind == Kind::Object)
    }

    /// Number of elements or entries.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn end(&self, position: usize) -> Option<usize> {
        let at = self.table + position * self.width;
        let end = read_fixed(self.bytes.get(at..)?, self.width)?;
        self.elements.checked_add(end)
    }

    /// The bytes of element or entry `position`.
    pub(super) fn range(&self, position: usize) -> Option<Range<usize>> {
        if position >= self.count {
            return None;
        }
        let start = match position {
            0 => self.elements,
            _ => self.end(position - 1)?,
        };
        let end = self.end(position)?;
        (start <= end && end <= self.bytes.len()).then_some(start..end)
    }

    /// The bytes of name and value of entry `position` of an object.
    pub(super) fn entry(&self, position: usize) -> Option<(Range<usize>, Range<usize>)> {
        if self.kind != Kind::Object {
            return None;
        }
        let entry = self.range(position)?;
        let (length, width) = read_varint(self.bytes.get(entry.clone())?)?;
        let name = entry.start + width;
        let value = name.checked_add(length)?;
        (value <= entry.end).then_some((name..value, value..entry.end))
    }
}

fn read_fixed(bytes: &[u8], width: usize) -> Option<usize> {
    match width {
        1 => bytes.first().map(|&byte| usize::from(byte)),
        2 => bytes
            .first_chunk()
            .map(|bytes| usize::from(u16::from_le_bytes(*bytes))),
        _ => bytes
            .first_chunk()
            .and_then(|bytes| usize::try_from(u32::from_le_bytes(*bytes)).ok()),
    }
}

fn read_int(bytes: &[u8]) -> Option<i64> {
    let last = *bytes.last()?;
    // The sign of the last byte fills what is not stored.
    let mut full = if last & 0x80 == 0 {
        [0x00; 8]
    } else {
        [0xFF; 8]
    };
    full.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(full))
}

fn read_float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => bytes
            .first_chunk()
            .map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
        8 => bytes.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
        _ => None,
    }
}

/// Value and length of the varint (7 bits a byte, low bits first) at the start of `bytes`.
fn read_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (position, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * position);
        if byte & 0x80 == 0 {
            return usize::try_from(value)
                .ok()
                .map(|value| (value, position + 1));
        }
    }
    None
}

/// Writes `value`, of at most 32 bits, and gives the number of bytes.
pub(super) fn write_varint(mut value: usize, out: &mut [u8; VARINT_BYTES_MAX]) -> usize {
    for (position, byte) in out.iter_mut().enumerate() {
        *byte = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return position + 1;
        }
        *byte |= 0x80;
    }
    VARINT_BYTES_MAX
}

/// Fewest bytes of `int` in two's complement.
pub(super) fn int_width(int: i64) -> usize {
    let magnitude = if int < 0 { !int } else { int };
    // One bit for the sign.
    let bits = 65 - magnitude.leading_zeros() as usize;
    bits.div_ceil(8)
}

/// `float` as f32, where that loses nothing.
pub(super) fn narrow(float: f64) -> Option<f32> {
    let narrow = float as f32;
    (f64::from(narrow).to_bits() == float.to_bits()).then_some(narrow)
}

/// Tag offset and bytes of the numbers of a container whose elements take `length` bytes.
pub(super) fn width_for(length: usize) -> (u8, usize) {
    match length {
        0..=0xFF => (0, 1),
        0x100..=0xFFFF => (1, 2),
        _ => (2, 4),
    }
}

/// Checks that `bytes`, which begin at `offset` of the whole, are canonical and at most `nesting` levels deep.
pub(super) fn verify(
    bytes: &[u8],
    offset: usize,
    nesting: usize,
    limit: usize,
) -> Result<(), LayoutError> {
    let damaged = |what| Err(LayoutError::Damaged { offset, what });
    let Some((&first, content)) = bytes.split_first() else {
        return damaged("no value");
    };
    match first {
        tag::NULL | tag::FALSE | tag::TRUE | tag::SMALL_INT_FIRST..=tag::SMALL_INT_LAST => {
            if !content.is_empty() {
                return damaged("bytes after a scalar");
            }
        }
        tag::INT => match read_int(content) {
            Some(0..=63) => return damaged("small integer in the long form"),
            Some(int) if int_width(int) == content.len() => {}
            _ => return damaged("integer of a wrong length"),
        },
        tag::FLOAT => match read_float(content) {
            Some(float) if !float.is_finite() => return damaged("not a finite number"),
            Some(float) if float == 0.0 && float.is_sign_negative() => {
                return damaged("negative zero");
            }
            Some(float) if narrow(float).is_some() == (content.len() == 4) => {}
            _ => return damaged("double of a wrong length"),
        },
        tag::STRING => {
            if std::str::from_utf8(content).is_err() {
                return damaged("string is not UTF-8");
            }
        }
        _ => {
            let Some(nesting) = nesting.checked_sub(1) else {
                return Err(LayoutError::TooDeep { limit });
            };
            verify_container(bytes, offset, nesting, limit)?;
        }
    }
    Ok(())
}

fn verify_container(
    bytes: &[u8],
    offset: usize,
    nesting: usize,
    limit: usize,
) -> Result<(), LayoutError> {
    let damaged = |what| LayoutError::Damaged { offset, what };
    if container_kind(bytes.first().copied().unwrap_or_default()).is_none() {
        return Err(damaged("unknown tag"));
    }
    let container = Container::open(bytes).ok_or(damaged("table beyond the end"))?;
    let (_, width) = width_for(bytes.len() - container.elements);
    if container.width != width || (container.count == 0 && bytes.len() > 1) {
        return Err(damaged("header is not the shortest"));
    }
    let mut covered = container.elements;
    let mut previous: Option<Range<usize>> = None;
    for position in 0..container.count {
        let range = container
            .range(position)
            .ok_or(damaged("ends out of order"))?;
        covered = range.end;
        let mut value = range.clone();
        if container.kind == Kind::Object {
            let (name, entry_value) = container
                .entry(position)
                .ok_or(damaged("name beyond its entry"))?;
            verify_name(bytes, &range, &name, previous.as_ref()).map_err(damaged)?;
            previous = Some(name);
            value = entry_value;
        }
        let inner = bytes
            .get(value.clone())
            .ok_or(damaged("value out of range"))?;
        verify(inner, offset + value.start, nesting, limit)?;
    }
    if covered != bytes.len() {
        return Err(damaged("bytes after the last element"));
    }
    Ok(())
}

fn verify_name(
    bytes: &[u8],
    entry: &Range<usize>,
    name: &Range<usize>,
    previous: Option<&Range<usize>>,
) -> Result<(), &'static str> {
    let text = bytes.get(name.clone()).ok_or("name out of range")?;
    if std::str::from_utf8(text).is_err() {
        return Err("name is not UTF-8");
    }
    let mut varint = [0; VARINT_BYTES_MAX];
    if write_varint(text.len(), &mut varint) != name.start - entry.start {
        return Err("name length is not the shortest");
    }
    match previous.and_then(|previous| bytes.get(previous.clone())) {
        Some(previous) if previous >= text => Err("names out of order"),
        _ => Ok(()),
    }
}
