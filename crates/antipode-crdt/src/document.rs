//! The document: the replicated state of one key.

use antipode_clock::{Context, ReplicaId, StableCut, Stamp};
use antipode_value::Value;
use bytes::Bytes;

use crate::{DecodeError, Discard, Operation};

/// Local numbers for replica ids, so that a stored stamp takes a byte or two instead of eight for its replica. The
/// numbers are a node's own: they must be durable before a record that uses them, and never leave the node.
pub trait ReplicaNumbers {
    /// The number of `replica`, given out now if it has none.
    fn number(&mut self, replica: ReplicaId) -> u32;
    /// The replica that has `number`.
    fn replica(&self, number: u32) -> Option<ReplicaId>;
}

/// The replicated state of one key. The default is a key that was never written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {}

/// The version of a document: stamp of the newest operation on it, and a hash of what it shows. Its display is `_rev`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision {
    /// The newest operation that changed a living part of the document.
    pub newest: Stamp,
    /// 32 bits of hash of the shown value.
    pub hash: u32,
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:016x}{:016x}{:08x}",
            self.newest.hlc.0, self.newest.replica.0, self.hash
        )
    }
}

impl Document {
    /// Applies an operation that has not been applied here before, after all that its writer had seen. Returns what a
    /// concurrent write discarded.
    pub fn apply(
        &mut self,
        operation: &Operation,
        stamp: Stamp,
        context: &Context,
    ) -> Vec<Discard> {
        let _ = (operation, stamp, context);
        Vec::new()
    }

    /// The document as it reads, without `_key`, `_id` and `_rev`; `None` where it does not exist.
    #[must_use]
    pub fn show(&self) -> Option<Value> {
        None
    }

    /// The version; `None` where the document does not exist.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        None
    }

    /// Forgets what no operation that is still to come can ask about. Nobody can see it.
    pub fn fold(&mut self, stable: &StableCut) {
        let _ = stable;
    }

    /// Whether nothing is left that would have to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Appends the stored form: `[body][metadata]`.
    pub fn encode(&self, replicas: &mut dyn ReplicaNumbers, out: &mut Vec<u8>) {
        let _ = (replicas, out);
    }

    /// Reads what [`Document::encode`] wrote.
    pub fn decode(record: &Bytes, replicas: &dyn ReplicaNumbers) -> Result<Self, DecodeError> {
        let _ = (record, replicas);
        Ok(Self {})
    }
}

/// What the document stored in `record` shows, read in place, with its version. Nothing of the metadata but the newest
/// stamp is decoded.
pub fn shown_packed(
    record: &Bytes,
    replicas: &dyn ReplicaNumbers,
) -> Result<Option<(Value, Revision)>, DecodeError> {
    let _ = (record, replicas);
    Ok(None)
}

/// What a document adds to the digest of its group: sums (modulo 2^128) of these are equal where the documents are.
#[must_use]
pub fn digest(collection: &[u8], key: &str, shown: &Value, revision: &Revision) -> u128 {
    let _ = (collection, key, shown, revision);
    0
}

impl Operation {
    /// The operation as bytes. The record that holds them carries the version of the format.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads what [`Operation::encode`] wrote. The values share `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let _ = bytes;
        Err(DecodeError::Malformed { what: "operation" })
    }
}
