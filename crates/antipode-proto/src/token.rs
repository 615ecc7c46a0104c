//! Session tokens, as far as a client must understand them.
//!
//! To a client a token is opaque, but one with several calls under way gets several replies at once, and must not
//! forget what one of them saw. So tokens can be merged: a token is a version byte and a version vector.

use antipode_clock::VersionVector;
use antipode_clock::codec::{Reader, Writer};
use bytes::Bytes;

const VERSION: u8 = 1;

/// A token that demands what either demands. One of a later format is not understood here; the newer reply's is kept then.
pub fn merge(known: &Bytes, newer: &Bytes) -> Bytes {
    if known.is_empty() || known == newer {
        return newer.clone();
    }
    match (decode(known), decode(newer)) {
        (Some(mut merged), Some(newer)) => {
            merged.merge(&newer);
            let mut out = Writer::new();
            out.u8(VERSION);
            merged.encode(&mut out);
            Bytes::from(out.into_bytes())
        }
        (Some(_), None) if newer.is_empty() => known.clone(),
        _ => newer.clone(),
    }
}

fn decode(token: &[u8]) -> Option<VersionVector> {
    let mut input = Reader::new(token);
    if input.u8("token version").ok()? != VERSION {
        return None;
    }
    let vector = VersionVector::decode(&mut input).ok()?;
    input.finish("token").ok()?;
    Some(vector)
}

#[cfg(test)]
mod tests {
    use antipode_clock::ReplicaId;

    use super::*;

    fn token(entries: &[(u64, u64)]) -> Bytes {
        let vector: VersionVector = entries
            .iter()
            .map(|(id, seq)| (ReplicaId(*id), *seq))
            .collect();
        let mut out = Writer::new();
        out.u8(VERSION);
        vector.encode(&mut out);
        Bytes::from(out.into_bytes())
    }

    #[test]
    fn a_merged_token_demands_both() {
        let merged = merge(&token(&[(1, 5), (2, 1)]), &token(&[(1, 3), (3, 9)]));
        assert_eq!(merged, token(&[(1, 5), (2, 1), (3, 9)]));
        assert_eq!(merge(&Bytes::new(), &merged), merged);
        assert_eq!(merge(&merged, &Bytes::new()), merged);
    }

    #[test]
    fn a_token_of_a_later_format_is_taken_as_it_is() {
        let later = Bytes::from_static(&[9, 1, 2, 3]);
        assert_eq!(merge(&token(&[(1, 5)]), &later), later);
        assert_eq!(merge(&later, &token(&[(1, 5)])), token(&[(1, 5)]));
    }
}
