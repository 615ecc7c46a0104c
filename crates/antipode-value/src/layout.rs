//! The binary layout of a value: canonical, compact, read in place.
//!
//! A value is a tag byte and its content, which reaches to the end of the value: whoever holds a value knows its
//! length, so nothing inside repeats it. Numbers are little-endian.
//!
//! ```text
//! 00                      null                    04 + 1..8 bytes   integer, as few bytes as two's complement needs
//! 01                      false                   40..7F            integer 0..63
//! 02                      true                    05 + bytes        string, UTF-8
//! 03 + 4 or 8 bytes       double, as f32 where    08 09 0A          array  } whose numbers have 1, 2 or 4 bytes:
//!                         that loses nothing      0C 0D 0E          object } `w` below
//!
//! array     tag | count w | end w × count | value value …
//! object    tag | count w | end w × count | entry entry …          entry = name length (varint) | name | value
//! ```
//!
//! `end` i is where element i ends, counted from the first element, so element i lies between end i−1 and end i, and
//! finding it costs two reads. Entries are sorted by the bytes of their names; an attribute is found by binary search
//! over the table of ends. An empty array or object is its tag alone (08 or 0C).
//!
//! The layout is **canonical**: identical values have identical bytes (names sorted, the narrowest `w`, the shortest
//! integers, −0.0 as 0.0), so bytes can be hashed and compared for identity. Tags not listed are reserved; the version
//! of the layout stands in the record around it.

pub(crate) mod packed;
mod splice;

use bytes::Bytes;

use crate::{Array, Object, Str, Value};

pub use splice::with_attributes;

pub(crate) mod tag {
    pub const NULL: u8 = 0x00;
    pub const FALSE: u8 = 0x01;
    pub const TRUE: u8 = 0x02;
    pub const FLOAT: u8 = 0x03;
    pub const INT: u8 = 0x04;
    pub const STRING: u8 = 0x05;
    /// The array with one-byte numbers; two and four bytes follow.
    pub const ARRAY: u8 = 0x08;
    /// The object with one-byte numbers; two and four bytes follow.
    pub const OBJECT: u8 = 0x0C;
    pub const SMALL_INT_FIRST: u8 = 0x40;
    pub const SMALL_INT_LAST: u8 = 0x7F;
}

/// Deepest nesting of arrays and objects in stored data.
pub const NESTING_MAX: usize = 200;
/// Most bytes of a stored value.
pub const BYTES_MAX: usize = 16 << 20;
/// No limits go beyond this nesting, so that no bytes exhaust the stack. Merged writes, each within [`NESTING_MAX`], stay
/// below it.
const NESTING_END: usize = 1_000;
/// No limits go beyond this size, which the numbers of the layout can hold.
const BYTES_END: usize = u32::MAX as usize;

/// How deep and how large an encoded value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most arrays and objects inside one another; a scalar has depth 0.
    pub nesting: usize,
    /// Most bytes of the encoding.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            nesting: NESTING_MAX,
            bytes: BYTES_MAX,
        }
    }
}

impl Limits {
    /// As far as the layout itself goes.
    pub const WIDEST: Limits = Limits {
        nesting: NESTING_END,
        bytes: BYTES_END,
    };

    fn within_the_layout(self) -> Limits {
        Limits {
            nesting: self.nesting.min(NESTING_END),
            bytes: self.bytes.min(BYTES_END),
        }
    }
}

/// Why a value cannot be encoded, or bytes are not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// More arrays and objects inside one another than allowed.
    #[error("value is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// More bytes than allowed.
    #[error("value takes more than {limit} bytes")]
    TooLarge {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// The bytes are not the canonical encoding of a value.
    #[error("packed value is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where, from the start of the value.
        offset: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

impl LayoutError {
    /// The stable number: 32 (resource limit), 1524 (nesting too deep) or 10 (bad parameter: damaged bytes).
    pub fn code(&self) -> u32 {
        match self {
            LayoutError::TooDeep { .. } => 1524,
            LayoutError::TooLarge { .. } => 32,
            LayoutError::Damaged { .. } => 10,
        }
    }
}

/// The canonical bytes of `value`, within the limits for stored data.
pub fn encode(value: &Value) -> Result<Vec<u8>, LayoutError> {
    encode_within(value, Limits::default())
}

/// The canonical bytes of `value`, within `limits`.
pub fn encode_within(value: &Value, limits: Limits) -> Result<Vec<u8>, LayoutError> {
    let mut encoder = Encoder {
        reversed: Vec::new(),
        limits: limits.within_the_layout(),
    };
    encoder.value(value, 0)?;
    encoder.reversed.reverse();
    Ok(encoder.reversed)
}

/// Whether `bytes` are the canonical encoding of one value within `limits`.
pub fn verify(bytes: &[u8], limits: Limits) -> Result<(), LayoutError> {
    let limits = limits.within_the_layout();
    if bytes.len() > limits.bytes {
        return Err(LayoutError::TooLarge {
            limit: limits.bytes,
        });
    }
    packed::verify(bytes, 0, limits.nesting, limits.nesting)
}

impl Value {
    /// A value over packed bytes, without copying them. Every byte is checked once here, so use this for bytes from
    /// outside.
    pub fn from_packed(bytes: Bytes) -> Result<Value, LayoutError> {
        verify(&bytes, Limits::default())?;
        Ok(packed::value(&bytes))
    }

    /// A value over packed bytes that were checked when they were stored: looks at the first byte only. Every later
    /// access checks its bounds; what turns out to be damaged reads as null or as missing.
    pub fn from_packed_unverified(bytes: Bytes) -> Value {
        packed::value(&bytes)
    }
}

/// Writes from the last byte to the first: a table of ends stands before the elements that it measures, and this way
/// their lengths are known when it is written, at any depth, in one pass.
struct Encoder {
    reversed: Vec<u8>,
    limits: Limits,
}

impl Encoder {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), LayoutError> {
        match value {
            Value::Null => self.reversed.push(tag::NULL),
            Value::Bool(false) => self.reversed.push(tag::FALSE),
            Value::Bool(true) => self.reversed.push(tag::TRUE),
            Value::Int(int) => self.int(*int),
            Value::Float(float) => self.float(*float),
            Value::String(text) => {
                self.bytes(text.as_bytes());
                self.reversed.push(tag::STRING);
            }
            Value::Array(array) => match array.packed() {
                Some(bytes) => self.packed(bytes, depth)?,
                None => self.array(array, self.deeper(depth)?)?,
            },
            Value::Object(object) => match object.packed() {
                Some(bytes) => self.packed(bytes, depth)?,
                None => self.object(object, self.deeper(depth)?)?,
            },
        }
        self.check_size()
    }

    /// Bytes that are packed already need not be taken apart; but damage must not spread.
    fn packed(&mut self, bytes: &[u8], depth: usize) -> Result<(), LayoutError> {
        let limit = self.limits.nesting;
        packed::verify(bytes, 0, limit.saturating_sub(depth), limit)?;
        self.bytes(bytes);
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, LayoutError> {
        if depth >= self.limits.nesting {
            return Err(LayoutError::TooDeep {
                limit: self.limits.nesting,
            });
        }
        Ok(depth + 1)
    }

    fn check_size(&self) -> Result<(), LayoutError> {
        if self.reversed.len() > self.limits.bytes {
            return Err(LayoutError::TooLarge {
                limit: self.limits.bytes,
            });
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.reversed.extend(bytes.iter().rev());
    }

    fn int(&mut self, int: i64) {
        if let Ok(small @ 0..=63) = u8::try_from(int) {
            self.reversed.push(tag::SMALL_INT_FIRST + small);
            return;
        }
        self.bytes(&int.to_le_bytes()[..packed::int_width(int)]);
        self.reversed.push(tag::INT);
    }

    fn float(&mut self, float: f64) {
        // A value holds no NaN or infinity; should one have slipped in, null is what it means.
        if !float.is_finite() {
            return self.reversed.push(tag::NULL);
        }
        let float = if float == 0.0 { 0.0 } else { float };
        match packed::narrow(float) {
            Some(narrow) => self.bytes(&narrow.to_le_bytes()),
            None => self.bytes(&float.to_le_bytes()),
        }
        self.reversed.push(tag::FLOAT);
    }

    fn array(&mut self, array: &Array, depth: usize) -> Result<(), LayoutError> {
        if array.len() > self.limits.bytes {
            return Err(LayoutError::TooLarge {
                limit: self.limits.bytes,
            });
        }
        let start = self.reversed.len();
        // Lengths of the reversed text before each element, from the last element to the first.
        let mut starts = Vec::with_capacity(array.len());
        match array.as_slice() {
            Some(items) => {
                for item in items.iter().rev() {
                    starts.push(self.reversed.len());
                    self.value(item, depth)?;
                }
            }
            None => {
                for item in array.iter().rev() {
                    starts.push(self.reversed.len());
                    self.value(&item, depth)?;
                }
            }
        }
        self.header(start, &starts, tag::ARRAY);
        Ok(())
    }

    fn object(&mut self, object: &Object, depth: usize) -> Result<(), LayoutError> {
        let start = self.reversed.len();
        let mut starts = Vec::with_capacity(object.len());
        match object.as_slice() {
            Some(pairs) => {
                let mut sorted: Vec<&(Str, Value)> = pairs.iter().collect();
                sorted.sort_unstable_by(|a, b| b.0.cmp(&a.0));
                for (name, value) in sorted {
                    starts.push(self.reversed.len());
                    self.entry(name, value, depth)?;
                }
            }
            None => {
                let mut sorted: Vec<(Str, Value)> = object.iter().collect();
                sorted.sort_unstable_by(|a, b| b.0.cmp(&a.0));
                for (name, value) in &sorted {
                    starts.push(self.reversed.len());
                    self.entry(name, value, depth)?;
                }
            }
        }
        self.header(start, &starts, tag::OBJECT);
        Ok(())
    }

    fn entry(&mut self, name: &str, value: &Value, depth: usize) -> Result<(), LayoutError> {
        self.value(value, depth)?;
        self.bytes(name.as_bytes());
        let mut varint = [0; packed::VARINT_BYTES_MAX];
        let length = packed::write_varint(name.len(), &mut varint);
        self.bytes(&varint[..length]);
        self.check_size()
    }

    /// Writes table, count and tag of the container whose elements began at `start`.
    fn header(&mut self, start: usize, starts: &[usize], first_tag: u8) {
        let length = self.reversed.len() - start;
        let (width_tag, width) = packed::width_for(length);
        if !starts.is_empty() {
            // The last element came first: its end is the whole length, and the ends shrink from there.
            for element_start in starts {
                let end = length - (element_start - start);
                self.bytes(&end.to_le_bytes()[..width]);
            }
            self.bytes(&starts.len().to_le_bytes()[..width]);
        }
        self.reversed.push(first_tag + width_tag);
    }
}

#[cfg(test)]
mod tests;
