//! Session tokens: what a client has seen, in a form that it can carry to another region.
//!
//! A token is a version byte and a version vector. A read that brings one waits until the replica has applied everything
//! in it, which gives read-your-writes and monotonic reads also after a move to another region.

use antipode_clock::VersionVector;
use antipode_clock::codec::{Reader, Writer};

use crate::error::EngineError;

/// Format of a token that is a plain version vector.
const TOKEN_VERSION: u8 = 1;

/// The longest token that is read: a vector of 4,096 replicas.
const TOKEN_BYTES_MAX: usize = 4_096 * 18 + 16;

/// The token that covers everything in `vector`.
#[must_use]
pub fn encode(vector: &VersionVector) -> Vec<u8> {
    let mut out = Writer::new();
    out.u8(TOKEN_VERSION);
    vector.encode(&mut out);
    out.into_bytes()
}

/// The vector that a token demands. An empty token demands nothing.
pub fn decode(token: &[u8]) -> Result<VersionVector, EngineError> {
    if token.is_empty() {
        return Ok(VersionVector::new());
    }
    let invalid = |detail: String| EngineError::TokenInvalid { detail };
    if token.len() > TOKEN_BYTES_MAX {
        return Err(invalid(format!(
            "{} bytes are more than any token has",
            token.len()
        )));
    }
    let mut input = Reader::new(token);
    let version = input
        .u8("token version")
        .map_err(|error| invalid(error.to_string()))?;
    if version != TOKEN_VERSION {
        return Err(invalid(format!("version {version} is not known here")));
    }
    let vector = VersionVector::decode(&mut input).map_err(|error| invalid(error.to_string()))?;
    input
        .finish("token")
        .map_err(|error| invalid(error.to_string()))?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use antipode_clock::ReplicaId;

    #[test]
    fn a_token_comes_back_and_hostile_ones_are_refused() {
        let vector: VersionVector = [(ReplicaId(3), 7), (ReplicaId(9), 1)].into_iter().collect();
        let token = encode(&vector);
        assert_eq!(decode(&token).ok(), Some(vector));
        assert_eq!(decode(&[]).ok(), Some(VersionVector::new()));
        for end in 1..token.len() {
            assert!(decode(&token[..end]).is_err());
        }
        let mut longer = token.clone();
        longer.push(0);
        assert!(decode(&longer).is_err());
        assert!(decode(&[9, 0]).is_err());
    }
}
