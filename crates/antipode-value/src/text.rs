//! `Str`: immutable UTF-8 text that is cheap to clone.
//!
//! Short text (most keys, ids and names) lives inside the value itself; longer text is a slice of shared bytes, which
//! may be the bytes of a stored record. Cloning never copies more than the value's own 40 bytes and never allocates.
//!
//! This module is the crate's one place with `unsafe`: the bytes are checked to be UTF-8 when a `Str` is made, they
//! never change afterwards, and looking at the text must not check them again for every comparison.
#![allow(unsafe_code, reason = "the bytes of a `Str` are UTF-8 by construction")]

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// Longest text that is kept inside the value, without shared bytes.
const INLINE_BYTES_MAX: usize = 38;

/// Immutable UTF-8 text, cheap to clone. Compares and hashes as `str`, that is by code point.
#[derive(Clone)]
pub struct Str(Repr);

// The bytes of both variants are valid UTF-8, always: every constructor below starts from a `str` or checks.
#[derive(Clone)]
enum Repr {
    Inline {
        length: u8,
        bytes: [u8; INLINE_BYTES_MAX],
    },
    Shared(Bytes),
}

impl Str {
    /// The empty text.
    pub const EMPTY: Str = Str(Repr::Inline {
        length: 0,
        bytes: [0; INLINE_BYTES_MAX],
    });

    /// Text that lives as long as the program; never copied.
    pub fn from_static(text: &'static str) -> Str {
        match inline(text.as_bytes()) {
            Some(repr) => Str(repr),
            None => Str(Repr::Shared(Bytes::from_static(text.as_bytes()))),
        }
    }

    /// Text that shares `bytes` (short text is copied into the value instead). `None` if they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Str> {
        std::str::from_utf8(&bytes).ok()?;
        match inline(&bytes) {
            Some(repr) => Some(Str(repr)),
            None => Some(Str(Repr::Shared(bytes))),
        }
    }

    /// The part `part` of `owner`, shared where it is long. `None` if it is out of range or not UTF-8.
    pub(crate) fn from_part(owner: &Bytes, part: std::ops::Range<usize>) -> Option<Str> {
        let bytes = owner.get(part.clone())?;
        std::str::from_utf8(bytes).ok()?;
        match inline(bytes) {
            Some(repr) => Some(Str(repr)),
            None => Some(Str(Repr::Shared(owner.slice(part)))),
        }
    }

    /// The text as `str`.
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str` or checks that the bytes are UTF-8, and they are immutable.
        unsafe { std::str::from_utf8_unchecked(self.as_bytes()) }
    }

    /// The text's UTF-8 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            // `length` never exceeds the array, see `inline`.
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// Bytes of memory that this text holds on to beside the value itself (shared bytes count in full).
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Inline { .. } => 0,
            Repr::Shared(bytes) => bytes.len(),
        }
    }
}

/// The inline form of `bytes` if they are short enough; the caller answers for UTF-8.
fn inline(bytes: &[u8]) -> Option<Repr> {
    let length = u8::try_from(bytes.len()).ok()?;
    let mut array = [0; INLINE_BYTES_MAX];
    array.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(Repr::Inline {
        length,
        bytes: array,
    })
}

impl Default for Str {
    fn default() -> Str {
        Str::EMPTY
    }
}

impl Deref for Str {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        match inline(text.as_bytes()) {
            Some(repr) => Str(repr),
            None => Str(Repr::Shared(Bytes::copy_from_slice(text.as_bytes()))),
        }
    }
}

impl From<String> for Str {
    fn from(text: String) -> Str {
        match inline(text.as_bytes()) {
            Some(repr) => Str(repr),
            None => Str(Repr::Shared(Bytes::from(text))),
        }
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Str {
        Str::from(text.as_str())
    }
}

impl From<char> for Str {
    fn from(character: char) -> Str {
        Str::from(&*character.encode_utf8(&mut [0; 4]))
    }
}

impl From<Cow<'_, str>> for Str {
    fn from(text: Cow<'_, str>) -> Str {
        match text {
            Cow::Borrowed(text) => Str::from(text),
            Cow::Owned(text) => Str::from(text),
        }
    }
}

impl From<Str> for String {
    fn from(text: Str) -> String {
        text.as_str().to_owned()
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Str) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Str) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_text_read_back_and_compare() {
        let long = "é".repeat(30);
        for text in ["", "a", "thirty-eight bytes of text, not a byte m", &long] {
            let str = Str::from(text);
            assert_eq!(str, text);
            assert_eq!(str, Str::from(text.to_owned()));
            assert_eq!(str.clone().len(), text.len());
            assert_eq!(
                Str::from_utf8(Bytes::copy_from_slice(text.as_bytes())),
                Some(str)
            );
        }
        let (a, b) = (Str::from("a"), Str::from("b"));
        assert!(a < b);
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        assert_eq!(Str::from_utf8(Bytes::from_static(&[0xC3])), None);
        let owner = Bytes::from_static("aé".as_bytes());
        assert_eq!(Str::from_part(&owner, 0..2), None);
        assert_eq!(Str::from_part(&owner, 1..9), None);
        assert_eq!(Str::from_part(&owner, 1..3), Some(Str::from("é")));
    }
}
