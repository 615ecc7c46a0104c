//! A bounds-checked cursor for the compact encodings of headers, messages and records.
//!
//! [`Writer`] appends to a byte vector, [`Reader`] takes from a slice. Integers are LEB128 varints (least significant
//! seven bits first) unless a fixed width is asked for, byte strings carry their length as a varint. A reader never
//! panics and never allocates more than the input holds, whatever bytes it is given.

use thiserror::Error;

/// Why bytes could not be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CodecError {
    /// The input ended inside a value.
    #[error("ends at byte {at} inside {what}")]
    Truncated {
        /// Offset at which more bytes were wanted.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A varint of more than ten bytes, or one beyond 64 bits.
    #[error("number out of range at byte {at} in {what}")]
    Overflow {
        /// Offset of the number.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A value that the format does not allow.
    #[error("invalid {what} at byte {at}")]
    Invalid {
        /// Offset of the value.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes were left over after the last value.
    #[error("{left} bytes follow the end of {what}")]
    Trailing {
        /// How many bytes were left.
        left: usize,
        /// What had been read.
        what: &'static str,
    },
}

/// Appends values to a byte vector.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self::append_to(Vec::with_capacity(bytes))
    }

    /// Goes on behind what `bytes` already holds.
    #[must_use]
    pub fn append_to(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes were written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Four bytes, little endian.
    pub fn u32_fixed(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little endian.
    pub fn u64_fixed(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Sixteen bytes, little endian.
    pub fn u128_fixed(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A varint: one byte below 128, ten at most.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A signed integer, zigzag-coded so that small magnitudes are short.
    pub fn varint_signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A byte string with its length in front.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// A text with its length in front.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Takes values from a byte slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether all bytes were read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// An error of kind [`CodecError::Invalid`] at the current position.
    #[must_use]
    pub fn invalid(&self, what: &'static str) -> CodecError {
        CodecError::Invalid { at: self.at, what }
    }

    /// `count` bytes as they are.
    pub fn raw(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let end = self
            .at
            .checked_add(count)
            .filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(CodecError::Truncated {
                at: self.bytes.len(),
                what,
            });
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(N, what)?);
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Four bytes, little endian.
    pub fn u32_fixed(&mut self, what: &'static str) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// Eight bytes, little endian.
    pub fn u64_fixed(&mut self, what: &'static str) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Sixteen bytes, little endian.
    pub fn u128_fixed(&mut self, what: &'static str) -> Result<u128, CodecError> {
        Ok(u128::from_le_bytes(self.array(what)?))
    }

    /// A varint.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::Overflow { at: start, what });
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Overflow { at: start, what })
    }

    /// A varint that must fit 32 bits.
    pub fn varint_u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        let at = self.at;
        u32::try_from(self.varint(what)?).map_err(|_| CodecError::Overflow { at, what })
    }

    /// A number of items that follow, each of at least `item_bytes_min` bytes: never more than the input can hold, so
    /// that it is safe to reserve room for them.
    pub fn count(
        &mut self,
        item_bytes_min: usize,
        what: &'static str,
    ) -> Result<usize, CodecError> {
        let at = self.at;
        let count = self.varint(what)?;
        let possible = self.remaining() / item_bytes_min.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= possible => Ok(count),
            _ => Err(CodecError::Overflow { at, what }),
        }
    }

    /// A zigzag-coded signed integer.
    pub fn varint_signed(&mut self, what: &'static str) -> Result<i64, CodecError> {
        let coded = self.varint(what)?;
        Ok((coded >> 1) as i64 ^ -((coded & 1) as i64))
    }

    /// A byte string with its length in front.
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], CodecError> {
        let count = self.count(1, what)?;
        self.raw(count, what)
    }

    /// A text with its length in front.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, CodecError> {
        let at = self.at;
        std::str::from_utf8(self.bytes(what)?).map_err(|_| CodecError::Invalid { at, what })
    }

    /// Fails unless all bytes were read.
    pub fn finish(&self, what: &'static str) -> Result<(), CodecError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Trailing {
                left: self.remaining(),
                what,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, signed: i64) {
            let mut writer = Writer::new();
            writer.varint(value);
            writer.varint_signed(signed);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint("value"), Ok(value));
            prop_assert_eq!(reader.varint_signed("signed"), Ok(signed));
            prop_assert_eq!(reader.finish("test"), Ok(()));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while let Ok(text) = reader.bytes("text") {
                prop_assert!(text.len() <= bytes.len());
                if reader.is_empty() {
                    break;
                }
            }
            let _ = Reader::new(&bytes).varint("varint");
        }
    }

    #[test]
    fn a_varint_beyond_64_bits_is_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 0x02;
        assert_eq!(
            Reader::new(&bytes).varint("n"),
            Err(CodecError::Overflow { at: 0, what: "n" })
        );
        bytes[9] = 0x01;
        assert_eq!(Reader::new(&bytes).varint("n"), Ok(u64::MAX));
    }

    #[test]
    fn a_count_cannot_ask_for_more_than_the_input_holds() {
        let mut writer = Writer::new();
        writer.varint(1 << 40);
        assert!(Reader::new(writer.as_slice()).count(1, "items").is_err());
    }
}
