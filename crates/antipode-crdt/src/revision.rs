//! The version of a document and its share of the digest.

use std::fmt;

use antipode_clock::{Hlc, ReplicaId, Stamp};
use antipode_value::{Value, layout};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The version of a document: the stamp of the newest operation on it, and a hash of what it shows. The stamp alone would
/// not do: a write with an older stamp may arrive later and change the document.
///
/// Its text is `_rev`: 28 characters that sort as the versions do.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision {
    /// The newest operation that changed what lives of the document.
    pub newest: Stamp,
    /// 32 bits of hash of the shown value.
    pub hash: u32,
}

/// Sixty-four characters in the order of their codes.
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

impl Revision {
    /// The version of a document with these canonical bytes.
    #[must_use]
    pub fn of(newest: Stamp, body: &[u8]) -> Self {
        Self {
            newest,
            hash: xxh3_64(body) as u32,
        }
    }

    /// The version that a `_rev` names; none if it is no `_rev`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        let newest = Stamp {
            hlc: Hlc(read_digits(digits.get(..11)?)?),
            replica: ReplicaId(read_digits(digits.get(11..22)?)?),
        };
        let hash = u32::try_from(read_digits(digits.get(22..)?)?).ok()?;
        let revision = Self { newest, hash };
        // Nothing but what is written as a `_rev` is one.
        (revision.to_string() == text).then_some(revision)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 28];
        let (clock, rest) = text.split_at_mut(11);
        let (replica, hash) = rest.split_at_mut(11);
        write_digits(self.newest.hlc.0, clock);
        write_digits(self.newest.replica.0, replica);
        write_digits(u64::from(self.hash), hash);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Six bits a character, the most significant first.
fn write_digits(mut number: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(number & 63) as usize];
        number >>= 6;
    }
}

/// What [`write_digits`] has written; what does not fit is cut off.
fn read_digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |number, digit| {
        let digit = DIGITS.iter().position(|known| known == digit)?;
        Some(number << 6 | digit as u64)
    })
}

/// The canonical bytes of a body. A document may outgrow the limits for one write when writes merge, and is still stored.
pub(crate) fn body_bytes(value: &Value) -> bytes::Bytes {
    if let Some(packed) = value.packed_bytes() {
        return packed.clone();
    }
    let limits = layout::Limits {
        nesting: usize::MAX,
        bytes: usize::MAX,
    };
    // Without limits nothing can fail.
    layout::encode_within(value, limits)
        .unwrap_or_default()
        .into()
}

/// What a document adds to the digest of its group: sums (modulo 2^128) of these are equal where the documents are.
/// `body` are the canonical bytes of the shown value.
#[must_use]
pub fn digest(collection: &[u8], key: &str, body: &[u8], revision: &Revision) -> u128 {
    let mut hash = Xxh3::new();
    for part in [collection, key.as_bytes(), body] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(&revision.newest.hlc.0.to_le_bytes());
    hash.update(&revision.newest.replica.0.to_le_bytes());
    hash.update(&revision.hash.to_le_bytes());
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_reads_as_it_is_written() {
        let revision = Revision::of(
            Stamp {
                hlc: Hlc::new(1_700_000_000_123, 7),
                replica: ReplicaId(u64::MAX),
            },
            b"body",
        );
        let text = revision.to_string();
        assert_eq!(Revision::parse(&text), Some(revision));
        for wrong in [
            "",
            "rev",
            &text[1..],
            &format!("{text}-"),
            &text.replace('-', "+"),
            &"z".repeat(28),
        ] {
            assert_eq!(Revision::parse(wrong), None, "{wrong}");
        }
    }
}
