//! Keys of secondary index entries: the index, what the entry is sorted by, and the document's `_key`.
//!
//! ```text
//! persistent  index⁸ · sort key of each field · key           sort keys delimit themselves (`antipode_value::sort_key`)
//! geo         index⁸ · class¹ · cell⁸ · key                   class: 00 without a place, 01 point, else size of the shape
//! fulltext    index⁸ · word · 00 · key                        no word has a byte 00
//! ```
//!
//! The store knows neither; to it the middle part is bytes. How long `key` is says the record ([`IndexRow`]), so that an
//! entry can be taken apart without reading the middle.
//!
//! [`IndexRow`]: crate::record::IndexRow

use antipode_clock::codec::Reader;

use super::{IndexId, push_u64, u64_be};
use crate::{KeyRange, RecordError};

/// A key of [`Space::Index`](crate::Space::Index).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct IndexKey<'a> {
    /// The index.
    pub index: IndexId,
    /// What the entry is sorted by.
    pub entry: &'a [u8],
    /// The document's `_key`.
    pub key: &'a str,
}

impl<'a> IndexKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.entry.len() + self.key.len());
        push_u64(&mut bytes, self.index.0);
        bytes.extend_from_slice(self.entry);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes
    }

    /// Reads what [`IndexKey::encode`] wrote; the last `key_bytes` bytes are the document's `_key`.
    pub fn decode(bytes: &'a [u8], key_bytes: usize) -> Result<Self, RecordError> {
        let mut input = Reader::new(bytes);
        let index = IndexId(u64_be(&mut input, "index")?);
        let rest = input.rest();
        let parts = rest.len().checked_sub(key_bytes);
        let Some((entry, key)) = parts.and_then(|middle| rest.split_at_checked(middle)) else {
            return Err(input.invalid("length of the document key").into());
        };
        match std::str::from_utf8(key) {
            Ok(key) => Ok(Self { index, entry, key }),
            Err(_) => Err(input.invalid("document key").into()),
        }
    }

    /// All entries of an index.
    #[must_use]
    pub fn range(index: IndexId) -> KeyRange {
        KeyRange::prefix(index.0.to_be_bytes())
    }

    /// The entries of an index whose middle part begins with `start`.
    #[must_use]
    pub fn beginning(index: IndexId, start: &[u8]) -> KeyRange {
        KeyRange::prefix(Self::prefix(index, start))
    }

    /// The bytes of an index and the start of a middle part.
    #[must_use]
    pub fn prefix(index: IndexId, start: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + start.len());
        push_u64(&mut bytes, index.0);
        bytes.extend_from_slice(start);
        bytes
    }
}
