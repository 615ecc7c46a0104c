//! Keys of documents: which a client may give, and how a node makes those that nobody gives.

use std::sync::atomic::{AtomicU64, Ordering};

use antipode_clock::{Hlc, ReplicaId};
use antipode_query::{Retry, SourceError};
use antipode_value::Value;

use crate::working::edge_ends;

/// Longest `_key`, in bytes.
pub const KEY_BYTES_MAX: usize = 254;

/// Checks a `_key` that a client gives: 1 to 254 bytes of the characters that C8QL allows.
pub fn checked_key(key: &str) -> Result<&str, SourceError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.@()+,=;$!*'%".contains(&byte);
    if !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.bytes().all(allowed) {
        return Ok(key);
    }
    Err(SourceError::Other {
        code: 1221,
        retry: Retry::Never,
        message: format!(
            "illegal document key '{key}': 1 to 254 of the characters A-Z a-z 0-9 _ - : . @ ( ) + , = ; $ ! * ' %"
        ),
    })
}

/// Checks that the ends of an edge are document ids.
pub(crate) fn check_edge(body: &Value) -> Result<(), SourceError> {
    let is_id = |id: &str| {
        id.split_once('/')
            .is_some_and(|(name, key)| !name.is_empty() && checked_key(key).is_ok())
    };
    match edge_ends(body) {
        Some((from, to)) if is_id(&from) && is_id(&to) => Ok(()),
        _ => Err(SourceError::Other {
            code: 1233,
            retry: Retry::Never,
            message: "edge attribute missing or invalid: '_from' and '_to' must be document ids"
                .to_owned(),
        }),
    }
}

/// Makes keys that no node makes twice.
#[derive(Debug)]
pub(crate) struct KeyMaker {
    last: AtomicU64,
}

impl KeyMaker {
    /// Keys above those that were made before the node last stopped: its clock had not passed `bound`.
    pub fn starting_above(bound: Hlc) -> Self {
        Self {
            last: AtomicU64::new(bound.0),
        }
    }

    /// A new key: the time and the replica, in 22 letters and digits, so that keys sort by age.
    pub fn make(&self, replica: ReplicaId, now_ms: u64) -> String {
        let now = Hlc::new(now_ms, 0).0;
        let next = |last: u64| last.saturating_add(1).max(now);
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(next(last))
            });
        let time = next(last.unwrap_or_else(|last| last));
        base62(u128::from(time) << 64 | u128::from(replica.0))
    }
}

/// Digits of a key in ASCII order, so that byte order is number order.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn base62(mut number: u128) -> String {
    let mut digits = [b'0'; 22];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}
