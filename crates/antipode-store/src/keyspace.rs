//! Every key of a node: which spaces there are, what stands in them, and in which order.
//!
//! ```text
//! space      key                                                        record behind it
//! ─────────  ─────────────────────────────────────────────────────────  ─────────────────────────────────────────
//! meta       01                                                         identity of the node
//!            02                                                         clock bound
//!            03 · number⁴                                               replica id that `number` stands for here
//!            04 · collection⁸                                           number of documents in the collection
//!            05 · index⁸                                                state of a secondary index on this node
//!            10 · group⁸ · 00                                           version vector
//!            10 · group⁸ · 01                                           digest
//!            10 · group⁸ · 02 · replica⁸                                head of an origin's log
//!            10 · group⁸ · 03                                           floor (version vector)
//!            10 · group⁸ · 04                                           held (version vector)
//!            10 · group⁸ · 05                                           membership: epoch, votes, former ids
//!            10 · group⁸ · 06 · replica⁸                                newest reports of a member
//!            10 · group⁸ · 07 · replica⁸                                seal on an id
//!            10 · group⁸ · 08 · local number⁸                           mark of the change index (version vector)
//! documents  collection⁸ · key                                          document
//! log        group⁸ · origin⁸ · seq⁸                                    transaction
//! edges      collection⁸ · vertex° · direction¹ · edge key              the vertex at the other end
//! streams    stream⁸ · origin⁸ · seq⁸                                   message
//! cursors    stream⁸ · name                                             position of a reader (version vector)
//! expiry     time⁸ · collection⁸ · key                                  nothing
//! conflicts  collection⁸ · clock⁸ · replica⁸ · number⁴                  report of a discarded write
//! changes    00 · group⁸ · local number⁸                                collection and key of the document
//!            01 · group⁸ · collection⁸ · key                            its local number
//! index      index⁸ · entry · key                                       secondary index entry; see `keyspace/index.rs`
//! ```
//!
//! A small figure is a width in bytes. Numbers are fixed-width and **big endian**, so that byte order is number order;
//! `key`, `edge key` and `name` are UTF-8 and come last, so they need no end mark; `vertex°`, which does not come last, is
//! escaped: 00 becomes `00 ff` and the end is `00 01`, which keeps the order of the texts. `seq` of the log counts a
//! replica's transactions, `seq` of a stream its messages in that stream. A group's items 06 to
//! 08 and the space `changes` have their place here before anything is written to them.

use std::borrow::Cow;
use std::fmt;

use antipode_clock::codec::{CodecError, Reader};
use antipode_clock::{Dot, Hlc, ReplicaId, Stamp};

use crate::{KeyRange, RecordError};

mod index;

pub use index::IndexKey;

macro_rules! hashed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    };
}

hashed_id! {
    /// A collection, by the hash of its fabric, name and generation: the same in every region.
    CollectionId
}
hashed_id! {
    /// A replication group: a fabric, or a collection with a region set of its own.
    GroupId
}
hashed_id! {
    /// A stream, by the hash of its fabric, name and generation.
    StreamId
}
hashed_id! {
    /// A secondary index.
    IndexId
}

/// A key of [`Space::Meta`](crate::Space::Meta).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum MetaKey {
    /// Who this node is.
    Identity,
    /// The HLC below which nothing new is stamped after a restart.
    ClockBound,
    /// The replica id for which a number stands in this node's documents.
    ReplicaNumber(u32),
    /// How many documents a collection has.
    DocumentCount(CollectionId),
    /// How far a secondary index is built here.
    IndexState(IndexId),
    /// State of a replication group.
    Group(GroupId, GroupKey),
}

/// An item of a replication group's state (`MetaKey::Group`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum GroupKey {
    /// What is applied here, with digest and counts.
    State,
    /// Where an origin's log ends here.
    Head(ReplicaId),
    /// At or below it, records and tombstones may be gone.
    Floor,
    /// Above it, the log has every record.
    Held,
    /// Members and retired ids, what was promised and accepted for the next epoch, former ids of this node.
    Membership,
    /// Newest reports of a member.
    Report(ReplicaId),
    /// The seal on an id that the next epoch closes.
    Seal(ReplicaId),
    /// A mark of the change index.
    Mark(u64),
}

const META_IDENTITY: u8 = 0x01;
const META_CLOCK_BOUND: u8 = 0x02;
const META_REPLICA_NUMBER: u8 = 0x03;
const META_DOCUMENT_COUNT: u8 = 0x04;
const META_INDEX_STATE: u8 = 0x05;
const META_GROUP: u8 = 0x10;

const GROUP_STATE: u8 = 0x00;
const GROUP_HEAD: u8 = 0x02;
const GROUP_FLOOR: u8 = 0x03;
const GROUP_HELD: u8 = 0x04;
const GROUP_MEMBERSHIP: u8 = 0x05;
const GROUP_REPORT: u8 = 0x06;
const GROUP_SEAL: u8 = 0x07;
const GROUP_MARK: u8 = 0x08;

impl MetaKey {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Identity => vec![META_IDENTITY],
            Self::ClockBound => vec![META_CLOCK_BOUND],
            Self::ReplicaNumber(number) => {
                let mut key = vec![META_REPLICA_NUMBER];
                key.extend_from_slice(&number.to_be_bytes());
                key
            }
            Self::DocumentCount(collection) => {
                let mut key = vec![META_DOCUMENT_COUNT];
                key.extend_from_slice(&collection.0.to_be_bytes());
                key
            }
            Self::IndexState(index) => {
                let mut key = Vec::with_capacity(9);
                push_numbered(&mut key, META_INDEX_STATE, index.0);
                key
            }
            Self::Group(group, item) => {
                let mut key = group_prefix(group);
                item.encode(&mut key);
                key
            }
        }
    }

    /// Reads what [`MetaKey::encode`] wrote.
    pub fn decode(key: &[u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let kind = input.u8("meta key")?;
        let decoded = match kind {
            META_IDENTITY => Self::Identity,
            META_CLOCK_BOUND => Self::ClockBound,
            META_REPLICA_NUMBER => Self::ReplicaNumber(u32_be(&mut input, "replica number")?),
            META_DOCUMENT_COUNT => {
                Self::DocumentCount(CollectionId(u64_be(&mut input, "collection")?))
            }
            META_INDEX_STATE => Self::IndexState(IndexId(u64_be(&mut input, "index")?)),
            META_GROUP => {
                let group = GroupId(u64_be(&mut input, "group")?);
                Self::Group(group, GroupKey::decode(&mut input)?)
            }
            _ => return Err(input.invalid("meta key").into()),
        };
        input.finish("meta key")?;
        Ok(decoded)
    }

    /// All replica numbers, in order.
    #[must_use]
    pub fn replica_numbers() -> KeyRange {
        KeyRange::prefix([META_REPLICA_NUMBER])
    }

    /// All document counts.
    #[must_use]
    pub fn document_counts() -> KeyRange {
        KeyRange::prefix([META_DOCUMENT_COUNT])
    }

    /// The states of all secondary indexes.
    #[must_use]
    pub fn index_states() -> KeyRange {
        KeyRange::prefix([META_INDEX_STATE])
    }

    /// The state of all groups.
    #[must_use]
    pub fn groups() -> KeyRange {
        KeyRange::prefix([META_GROUP])
    }

    /// The state of one group.
    #[must_use]
    pub fn group(group: GroupId) -> KeyRange {
        KeyRange::prefix(group_prefix(group))
    }

    /// The heads of one group, in order of origin.
    #[must_use]
    pub fn heads(group: GroupId) -> KeyRange {
        let mut prefix = group_prefix(group);
        prefix.push(GROUP_HEAD);
        KeyRange::prefix(prefix)
    }
}

impl GroupKey {
    fn encode(self, key: &mut Vec<u8>) {
        match self {
            Self::State => key.push(GROUP_STATE),
            Self::Head(replica) => push_numbered(key, GROUP_HEAD, replica.0),
            Self::Floor => key.push(GROUP_FLOOR),
            Self::Held => key.push(GROUP_HELD),
            Self::Membership => key.push(GROUP_MEMBERSHIP),
            Self::Report(replica) => push_numbered(key, GROUP_REPORT, replica.0),
            Self::Seal(replica) => push_numbered(key, GROUP_SEAL, replica.0),
            Self::Mark(number) => push_numbered(key, GROUP_MARK, number),
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, RecordError> {
        let kind = input.u8("group item")?;
        let replica = |input: &mut Reader<'_>| u64_be(input, "replica").map(ReplicaId);
        Ok(match kind {
            GROUP_STATE => Self::State,
            GROUP_HEAD => Self::Head(replica(input)?),
            GROUP_FLOOR => Self::Floor,
            GROUP_HELD => Self::Held,
            GROUP_MEMBERSHIP => Self::Membership,
            GROUP_REPORT => Self::Report(replica(input)?),
            GROUP_SEAL => Self::Seal(replica(input)?),
            GROUP_MARK => Self::Mark(u64_be(input, "local number")?),
            _ => return Err(input.invalid("group item").into()),
        })
    }
}

/// A key of [`Space::Documents`](crate::Space::Documents).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DocumentKey<'a> {
    /// The collection.
    pub collection: CollectionId,
    /// The document's `_key`.
    pub key: &'a str,
}

impl<'a> DocumentKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(8 + self.key.len());
        self.encode_into(&mut key);
        key
    }

    /// Appends the key's bytes.
    pub fn encode_into(self, out: &mut Vec<u8>) {
        push_u64(out, self.collection.0);
        out.extend_from_slice(self.key.as_bytes());
    }

    /// Reads what [`DocumentKey::encode`] wrote.
    pub fn decode(key: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        Ok(Self {
            collection: CollectionId(u64_be(&mut input, "collection")?),
            key: rest_text(&mut input, "document key")?,
        })
    }

    /// All documents of a collection, in order of key.
    #[must_use]
    pub fn range(collection: CollectionId) -> KeyRange {
        KeyRange::prefix(collection.0.to_be_bytes())
    }
}

/// A key of [`Space::Log`](crate::Space::Log).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LogKey {
    /// The group whose log it is.
    pub group: GroupId,
    /// Which transaction of whom.
    pub dot: Dot,
}

impl LogKey {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(24);
        push_u64(&mut key, self.group.0);
        push_u64(&mut key, self.dot.replica.0);
        push_u64(&mut key, self.dot.seq);
        key
    }

    /// Reads what [`LogKey::encode`] wrote.
    pub fn decode(key: &[u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let group = GroupId(u64_be(&mut input, "group")?);
        let replica = ReplicaId(u64_be(&mut input, "origin")?);
        let seq = u64_be(&mut input, "sequence number")?;
        input.finish("log key")?;
        Ok(Self {
            group,
            dot: Dot::new(replica, seq),
        })
    }

    /// An origin's transactions from `seq_first` to `seq_last`, both included.
    #[must_use]
    pub fn range(group: GroupId, origin: ReplicaId, seq_first: u64, seq_last: u64) -> KeyRange {
        let key = |seq| {
            Self {
                group,
                dot: Dot::new(origin, seq),
            }
            .encode()
        };
        let start = key(seq_first);
        match seq_last.checked_add(1) {
            Some(seq_end) => KeyRange::between(start, key(seq_end)),
            None => Self::origin(group, origin).starting_at(start),
        }
    }

    /// All transactions of an origin, in order.
    #[must_use]
    pub fn origin(group: GroupId, origin: ReplicaId) -> KeyRange {
        let mut prefix = group.0.to_be_bytes().to_vec();
        push_u64(&mut prefix, origin.0);
        KeyRange::prefix(prefix)
    }

    /// All transactions of a group, by origin and sequence number.
    #[must_use]
    pub fn group(group: GroupId) -> KeyRange {
        KeyRange::prefix(group.0.to_be_bytes())
    }
}

/// Which end of an edge a vertex is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EdgeDirection {
    /// The edge goes out of the vertex (`_from`).
    Out,
    /// The edge comes in at the vertex (`_to`).
    In,
}

impl EdgeDirection {
    const fn number(self) -> u8 {
        match self {
            Self::Out => 0,
            Self::In => 1,
        }
    }
}

/// A key of [`Space::Edges`](crate::Space::Edges). Each edge has two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EdgeKey<'a> {
    /// The edge collection.
    pub collection: CollectionId,
    /// `_id` of the vertex from which the edge is found.
    pub vertex: Cow<'a, str>,
    /// Which end of the edge that vertex is.
    pub direction: EdgeDirection,
    /// The edge's `_key`.
    pub edge: &'a str,
}

impl<'a> EdgeKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut key = Self::vertex_prefix(self.collection, &self.vertex);
        key.push(self.direction.number());
        key.extend_from_slice(self.edge.as_bytes());
        key
    }

    /// Reads what [`EdgeKey::encode`] wrote.
    pub fn decode(key: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let collection = CollectionId(u64_be(&mut input, "collection")?);
        let vertex = take_escaped(&mut input)?;
        let direction = match input.u8("direction")? {
            0 => EdgeDirection::Out,
            1 => EdgeDirection::In,
            _ => return Err(input.invalid("direction").into()),
        };
        Ok(Self {
            collection,
            vertex,
            direction,
            edge: rest_text(&mut input, "edge key")?,
        })
    }

    /// The edges of a collection at one end of a vertex, in order of edge key.
    #[must_use]
    pub fn at_vertex(collection: CollectionId, vertex: &str, direction: EdgeDirection) -> KeyRange {
        let mut prefix = Self::vertex_prefix(collection, vertex);
        prefix.push(direction.number());
        KeyRange::prefix(prefix)
    }

    /// All index entries of a collection.
    #[must_use]
    pub fn range(collection: CollectionId) -> KeyRange {
        KeyRange::prefix(collection.0.to_be_bytes())
    }

    fn vertex_prefix(collection: CollectionId, vertex: &str) -> Vec<u8> {
        let mut prefix = Vec::with_capacity(8 + vertex.len() + 2 + 1 + 24);
        push_u64(&mut prefix, collection.0);
        push_escaped(&mut prefix, vertex);
        prefix
    }
}

/// A key of [`Space::Streams`](crate::Space::Streams).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MessageKey {
    /// The stream.
    pub stream: StreamId,
    /// Who published the message.
    pub origin: ReplicaId,
    /// Its number among the messages of that replica in this stream, from 1.
    pub seq: u64,
}

impl MessageKey {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(24);
        push_u64(&mut key, self.stream.0);
        push_u64(&mut key, self.origin.0);
        push_u64(&mut key, self.seq);
        key
    }

    /// Reads what [`MessageKey::encode`] wrote.
    pub fn decode(key: &[u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let decoded = Self {
            stream: StreamId(u64_be(&mut input, "stream")?),
            origin: ReplicaId(u64_be(&mut input, "origin")?),
            seq: u64_be(&mut input, "message number")?,
        };
        input.finish("message key")?;
        Ok(decoded)
    }

    /// An origin's messages in a stream, in order.
    #[must_use]
    pub fn origin(stream: StreamId, origin: ReplicaId) -> KeyRange {
        let mut prefix = stream.0.to_be_bytes().to_vec();
        push_u64(&mut prefix, origin.0);
        KeyRange::prefix(prefix)
    }

    /// All messages of a stream, by origin and number.
    #[must_use]
    pub fn range(stream: StreamId) -> KeyRange {
        KeyRange::prefix(stream.0.to_be_bytes())
    }
}

/// A key of [`Space::Cursors`](crate::Space::Cursors).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CursorKey<'a> {
    /// The stream.
    pub stream: StreamId,
    /// The reader's name.
    pub name: &'a str,
}

impl<'a> CursorKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = self.stream.0.to_be_bytes().to_vec();
        key.extend_from_slice(self.name.as_bytes());
        key
    }

    /// Reads what [`CursorKey::encode`] wrote.
    pub fn decode(key: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        Ok(Self {
            stream: StreamId(u64_be(&mut input, "stream")?),
            name: rest_text(&mut input, "cursor name")?,
        })
    }

    /// The cursors of a stream, in order of name.
    #[must_use]
    pub fn range(stream: StreamId) -> KeyRange {
        KeyRange::prefix(stream.0.to_be_bytes())
    }
}

/// A key of [`Space::Expiry`](crate::Space::Expiry).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ExpiryKey<'a> {
    /// When the document expires, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its collection.
    pub collection: CollectionId,
    /// Its `_key`.
    pub key: &'a str,
}

impl<'a> ExpiryKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(16 + self.key.len());
        push_u64(&mut key, self.at_ms);
        push_u64(&mut key, self.collection.0);
        key.extend_from_slice(self.key.as_bytes());
        key
    }

    /// Reads what [`ExpiryKey::encode`] wrote.
    pub fn decode(key: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        Ok(Self {
            at_ms: u64_be(&mut input, "expiry time")?,
            collection: CollectionId(u64_be(&mut input, "collection")?),
            key: rest_text(&mut input, "document key")?,
        })
    }

    /// Everything that expires at or before `now_ms`, the earliest first.
    #[must_use]
    pub fn due(now_ms: u64) -> KeyRange {
        match now_ms.checked_add(1) {
            Some(end) => KeyRange::all().ending_before(end.to_be_bytes()),
            None => KeyRange::all(),
        }
    }
}

/// A key of [`Space::Conflicts`](crate::Space::Conflicts).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ConflictKey {
    /// The collection in which a write was discarded.
    pub collection: CollectionId,
    /// The stamp of the operation whose arrival discarded it.
    pub stamp: Stamp,
    /// Tells the reports of one operation apart, from 0.
    pub number: u32,
}

impl ConflictKey {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(28);
        push_u64(&mut key, self.collection.0);
        push_u64(&mut key, self.stamp.hlc.0);
        push_u64(&mut key, self.stamp.replica.0);
        key.extend_from_slice(&self.number.to_be_bytes());
        key
    }

    /// Reads what [`ConflictKey::encode`] wrote.
    pub fn decode(key: &[u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let collection = CollectionId(u64_be(&mut input, "collection")?);
        let hlc = Hlc(u64_be(&mut input, "clock")?);
        let replica = ReplicaId(u64_be(&mut input, "replica")?);
        let number = u32_be(&mut input, "report number")?;
        input.finish("conflict key")?;
        Ok(Self {
            collection,
            stamp: Stamp::new(hlc, replica),
            number,
        })
    }

    /// The reports of a collection, in order of stamp.
    #[must_use]
    pub fn range(collection: CollectionId) -> KeyRange {
        KeyRange::prefix(collection.0.to_be_bytes())
    }
}

/// A key of [`Space::Changes`](crate::Space::Changes).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ChangeKey<'a> {
    /// From a local number to the document that it changed last.
    Number {
        /// The group.
        group: GroupId,
        /// Counts the transactions applied here.
        number: u64,
    },
    /// From a document to the local number of its last change.
    Document {
        /// The group.
        group: GroupId,
        /// The document's collection.
        collection: CollectionId,
        /// The document's `_key`.
        key: &'a str,
    },
}

impl<'a> ChangeKey<'a> {
    /// The key's bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(17);
        match self {
            Self::Number { group, number } => {
                bytes.push(0);
                push_u64(&mut bytes, group.0);
                push_u64(&mut bytes, number);
            }
            Self::Document {
                group,
                collection,
                key,
            } => {
                bytes.push(1);
                push_u64(&mut bytes, group.0);
                push_u64(&mut bytes, collection.0);
                bytes.extend_from_slice(key.as_bytes());
            }
        }
        bytes
    }

    /// Reads what [`ChangeKey::encode`] wrote.
    pub fn decode(key: &'a [u8]) -> Result<Self, RecordError> {
        let mut input = Reader::new(key);
        let kind = input.u8("change key")?;
        let group = GroupId(u64_be(&mut input, "group")?);
        match kind {
            0 => {
                let number = u64_be(&mut input, "local number")?;
                input.finish("change key")?;
                Ok(Self::Number { group, number })
            }
            1 => Ok(Self::Document {
                group,
                collection: CollectionId(u64_be(&mut input, "collection")?),
                key: rest_text(&mut input, "document key")?,
            }),
            _ => Err(input.invalid("change key").into()),
        }
    }

    /// The changes of a group above a local number, the oldest first.
    #[must_use]
    pub fn above(group: GroupId, number: u64) -> KeyRange {
        let mut prefix = vec![0];
        push_u64(&mut prefix, group.0);
        let range = KeyRange::prefix(prefix);
        match number.checked_add(1) {
            Some(number) => range.starting_at(Self::Number { group, number }.encode()),
            None => KeyRange::between(Vec::new(), Vec::new()),
        }
    }
}

fn group_prefix(group: GroupId) -> Vec<u8> {
    let mut key = Vec::with_capacity(18);
    key.push(META_GROUP);
    push_u64(&mut key, group.0);
    key
}

fn push_u64(key: &mut Vec<u8>, number: u64) {
    key.extend_from_slice(&number.to_be_bytes());
}

fn push_numbered(key: &mut Vec<u8>, kind: u8, number: u64) {
    key.push(kind);
    push_u64(key, number);
}

fn u64_be(input: &mut Reader<'_>, what: &'static str) -> Result<u64, CodecError> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(input.raw(8, what)?);
    Ok(u64::from_be_bytes(bytes))
}

fn u32_be(input: &mut Reader<'_>, what: &'static str) -> Result<u32, CodecError> {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(input.raw(4, what)?);
    Ok(u32::from_be_bytes(bytes))
}

fn rest_text<'a>(input: &mut Reader<'a>, what: &'static str) -> Result<&'a str, CodecError> {
    let at = input.position();
    let bytes = input.raw(input.remaining(), what)?;
    std::str::from_utf8(bytes).map_err(|_| CodecError::Invalid { at, what })
}

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
const END: u8 = 0x01;

/// A text with an end mark, so that something can follow: texts keep their order, and none is a prefix of another.
fn push_escaped(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == ESCAPE {
            key.push(ESCAPED_ZERO);
        }
    }
    key.extend_from_slice(&[ESCAPE, END]);
}

fn take_escaped<'a>(input: &mut Reader<'a>) -> Result<Cow<'a, str>, CodecError> {
    const WHAT: &str = "vertex";
    let at = input.position();
    let rest = input.rest();
    let invalid = CodecError::Invalid { at, what: WHAT };
    let mut unescaped: Option<Vec<u8>> = None;
    let mut start = 0;
    loop {
        let tail = rest.get(start..).unwrap_or_default();
        let Some(length) = tail.iter().position(|byte| *byte == ESCAPE) else {
            return Err(CodecError::Truncated {
                at: at + rest.len(),
                what: WHAT,
            });
        };
        let (plain, mark) = tail.split_at(length);
        start += length + 2;
        match (mark.get(1), &mut unescaped) {
            (Some(&END), None) => {
                input.raw(start, WHAT)?;
                return std::str::from_utf8(plain)
                    .map(Cow::Borrowed)
                    .map_err(|_| invalid);
            }
            (Some(&END), Some(text)) => {
                input.raw(start, WHAT)?;
                text.extend_from_slice(plain);
                return String::from_utf8(std::mem::take(text))
                    .map(Cow::Owned)
                    .map_err(|_| invalid);
            }
            (Some(&ESCAPED_ZERO), _) => {
                let text = unescaped.get_or_insert_default();
                text.extend_from_slice(plain);
                text.push(ESCAPE);
            }
            _ => return Err(invalid),
        }
    }
}

#[cfg(test)]
mod tests;
