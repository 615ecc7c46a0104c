//! The record of a document: `antipode-crdt`'s encoding of its replicated state in an envelope.
//!
//! A scan reads millions of these, so reading comes in two strengths. [`DocumentRecord::peek`] looks at the version and
//! hands out the bytes: what is read of them is checked for its bounds, and the database below checks its own blocks.
//! [`DocumentRecord::open`] verifies the checksum, and is for whoever changes the document, sends it or scrubs it: damage
//! must not be built upon, nor spread.

use antipode_crdt::{
    DecodeError, Document, Encoded, ReplicaNumbers, Revision, Shown, shown_packed,
};
use bytes::Bytes;

use super::{ENVELOPE_BYTES, RECORD_BYTES_USUAL, open, open_unchecked, set_checksum};
use crate::RecordError;

/// The stored form of a document, version and checksum taken off.
#[derive(Clone, Debug)]
pub struct DocumentRecord {
    body: Bytes,
}

/// A document's record as it goes into the store, with what the digest needs of it.
#[derive(Clone, Debug)]
pub struct SealedDocument {
    record: Bytes,
    encoded: Encoded,
}

impl SealedDocument {
    /// The record.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.record
    }

    /// The canonical bytes of what the document shows; empty if it does not exist.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.record
            .get(self.encoded.body.clone())
            .unwrap_or_default()
    }

    /// The document's version; `None` if it does not exist.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.encoded.revision
    }
}

impl From<SealedDocument> for Bytes {
    fn from(sealed: SealedDocument) -> Self {
        sealed.record
    }
}

impl DocumentRecord {
    /// The newest version of the format. It covers the layout of values and of CRDT metadata.
    pub const VERSION: u8 = 1;

    /// The record of `document`.
    #[must_use]
    pub fn seal(document: &Document, replicas: &mut dyn ReplicaNumbers) -> SealedDocument {
        let mut record = Vec::with_capacity(RECORD_BYTES_USUAL);
        record.resize(ENVELOPE_BYTES, 0);
        if let Some(version) = record.first_mut() {
            *version = Self::VERSION;
        }
        let encoded = document.encode(replicas, &mut record);
        set_checksum(&mut record);
        SealedDocument {
            record: Bytes::from(record),
            encoded,
        }
    }

    /// The record, its checksum verified.
    pub fn open(record: &Bytes) -> Result<Self, RecordError> {
        open(record, Self::VERSION)?;
        Ok(Self {
            body: record.slice(ENVELOPE_BYTES..),
        })
    }

    /// The record for a reader: the checksum is not looked at.
    pub fn peek(record: &Bytes) -> Result<Self, RecordError> {
        open_unchecked(record, Self::VERSION)?;
        Ok(Self {
            body: record.slice(ENVELOPE_BYTES..),
        })
    }

    /// The bytes that `antipode-crdt` wrote.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The replicated state, for changing it.
    pub fn document(&self, replicas: &dyn ReplicaNumbers) -> Result<Document, RecordError> {
        Document::decode(&self.body, replicas).map_err(undecodable)
    }

    /// What the document shows, read in place, and its version; `None` if it does not exist (a removal of it is kept).
    pub fn shown(&self, replicas: &dyn ReplicaNumbers) -> Result<Option<Shown>, RecordError> {
        shown_packed(&self.body, replicas).map_err(undecodable)
    }
}

fn undecodable(error: DecodeError) -> RecordError {
    RecordError::Part {
        part: "document",
        what: error.to_string(),
    }
}
