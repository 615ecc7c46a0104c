//! Records of secondary indexes: what stands behind an entry, and how far an index is built on this node.
//!
//! Indexes are derived from documents and never leave the node, so neither do these.

use antipode_clock::codec::{Reader, Writer};
use antipode_value::Str;
use bytes::Bytes;

use super::{Record, read_optional, read_text, write_optional};
use crate::RecordError;

/// What stands behind a key of [`Space::Index`](crate::Space::Index).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IndexRow {
    /// Length of the document's `_key`, which ends the entry's key.
    pub key_bytes: u32,
    /// What the entry holds beside its key. Persistent: the covered values as a packed array, or nothing; geo: latitude,
    /// longitude and radius as doubles; fulltext: nothing.
    pub content: Bytes,
}

impl Record for IndexRow {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.varint(u64::from(self.key_bytes));
        out.raw(&self.content);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            key_bytes: input.varint_u32("length of the document key")?,
            content: Bytes::copy_from_slice(input.raw(input.remaining(), "content")?),
        })
    }
}

/// Where in its life an index is on this node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IndexPhase {
    /// Entries of the documents that were there before are being written; new writes have theirs already.
    #[default]
    Building,
    /// It has an entry for everything.
    Ready,
    /// It was dropped, and its entries are about to go.
    Dropping,
}

/// How far an index is built on this node, and what is known of its entries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IndexState {
    /// Where in its life it is.
    pub phase: IndexPhase,
    /// `_key` of the last document that the build has passed.
    pub built_to: Option<Str>,
    /// How many documents the build has passed.
    pub documents: u64,
    /// Entries that the build found twice in a unique index.
    pub duplicates: u64,
    /// About how many entries there are.
    pub entries: u64,
    /// The registers of the estimate of distinct entries.
    pub sketch: Bytes,
}

impl Record for IndexState {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u8(match self.phase {
            IndexPhase::Building => 0,
            IndexPhase::Ready => 1,
            IndexPhase::Dropping => 2,
        });
        write_optional(out, self.built_to.as_ref(), |out, key| out.text(key));
        out.varint(self.documents);
        out.varint(self.duplicates);
        out.varint(self.entries);
        out.bytes(&self.sketch);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let phase = match input.u8("phase of an index")? {
            0 => IndexPhase::Building,
            1 => IndexPhase::Ready,
            2 => IndexPhase::Dropping,
            _ => return Err(input.invalid("phase of an index").into()),
        };
        Ok(Self {
            phase,
            built_to: read_optional(input, "document key", |input| {
                read_text(input, "document key")
            })?,
            documents: input.varint("number of documents")?,
            duplicates: input.varint("number of duplicates")?,
            entries: input.varint("number of entries")?,
            sketch: Bytes::copy_from_slice(input.bytes("sketch")?),
        })
    }
}
