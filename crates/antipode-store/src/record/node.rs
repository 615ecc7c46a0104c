//! Small records of a node: who it is, how far its clock may have run, counts and index entries.

use antipode_clock::codec::{Reader, Writer};
use antipode_clock::{Hlc, ReplicaId};
use antipode_value::Str;

use super::{Record, read_text};
use crate::RecordError;

/// Who this node is. Written when the data directory is made, and again when the node takes a new replica id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The id under which it originates.
    pub replica: ReplicaId,
    /// The cluster that the data belongs to; empty for a node that stands alone.
    pub cluster: Str,
    /// The node's name in its cluster; may be empty.
    pub node: Str,
}

impl Record for Identity {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u64_fixed(self.replica.0);
        out.text(&self.cluster);
        out.text(&self.node);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            replica: ReplicaId(input.u64_fixed("replica id")?),
            cluster: read_text(input, "cluster")?,
            node: read_text(input, "node name")?,
        })
    }
}

/// The HLC that no stamp reaches until a later bound is durable. After a restart the clock begins here, so it never runs
/// backwards, whatever the wall clock says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockBound(pub Hlc);

impl Record for ClockBound {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u64_fixed(self.0.0);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self(Hlc(input.u64_fixed("clock bound")?)))
    }
}

/// How many documents a collection has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count(pub u64);

impl Record for Count {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.varint(self.0);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self(input.varint("count")?))
    }
}

/// What stands behind an edge key: the vertex at the other end, so that a traversal need not read the edge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EdgeEnd(pub Str);

impl Record for EdgeEnd {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.raw(self.0.as_bytes());
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let bytes = input.raw(input.remaining(), "vertex")?;
        match std::str::from_utf8(bytes) {
            Ok(vertex) => Ok(Self(Str::from(vertex))),
            Err(_) => Err(input.invalid("vertex").into()),
        }
    }
}

/// What stands behind an expiry key: nothing, as the key says all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExpiryMark;

impl Record for ExpiryMark {
    const VERSION: u8 = 1;

    fn write_body(&self, _out: &mut Writer) {}

    fn read_body(_version: u8, _input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self)
    }
}
