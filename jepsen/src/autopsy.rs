//! The data directory of a killed node, record by record.
//!
//! A node answers from what it believes; this looks at what is written, with nothing of the engine in between. Every
//! record's checksum is verified on the way. What must hold:
//!
//! - the log of each origin has each sequence number once, from 1; each record holds the hash of the one before; clocks
//!   rise; a process start names itself once; and the log still begins with what an earlier autopsy found;
//! - vector and heads end where the log ends, and the stored bound is not below the newest clock;
//! - the digest is the sum over the documents, and the counts are their numbers;
//! - each edge is in the index under both its ends, and nothing else is;
//! - the messages of each stream and origin have numbers without a gap, and name their transactions in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use antipode_clock::{Hlc, ReplicaId, VersionVector};
use antipode_rocksdb::{Options, RocksStorage};
use antipode_store::keyspace::{
    CollectionId, DocumentKey, EdgeDirection, EdgeKey, GroupId, GroupKey, LogKey, MessageKey,
    MetaKey, StreamId,
};
use antipode_store::record::{
    ChainHash, ClockBound, DocumentRecord, EdgeEnd, GroupState, Head, Record as _, ReplicaTable,
    StoredMessage, TransactionRecord,
};
use antipode_store::{Direction, KeyRange, RecordError, Snapshot, Space, Storage as _, StoreError};
use anyhow::{Context as _, Result};
use bytes::Bytes;

use crate::check::Violations;

/// Where the logs ended at an autopsy: what later ones begin with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ends {
    ends: BTreeMap<(GroupId, ReplicaId), (u64, ChainHash)>,
}

/// What an autopsy found.
#[derive(Debug)]
pub struct Findings {
    pub violations: Violations,
    pub ends: Ends,
    pub transactions: u64,
    pub documents: u64,
    pub edges: u64,
    pub messages: u64,
    /// Process starts that wrote.
    pub boots: u64,
}

/// Looks at the directory of a node that does not run.
pub fn autopsy(data: &Path, before: &Ends) -> Result<Findings> {
    let storage = RocksStorage::open(data, Options::default())
        .with_context(|| format!("the store in {} cannot be opened", data.display()))?;
    let snapshot = storage.snapshot();
    let mut body = Body {
        snapshot: &*snapshot,
        findings: Findings {
            violations: Violations::default(),
            ends: Ends::default(),
            transactions: 0,
            documents: 0,
            edges: 0,
            messages: 0,
            boots: 0,
        },
    };
    let clock_last = body.log(before)?;
    body.heads(clock_last)?;
    let ends = body.documents()?;
    body.edges(ends)?;
    body.messages()?;
    Ok(body.findings)
}

/// What the index must hold: collection, vertex, which end it is, edge; and the vertex at the other end.
type EdgeEntries = BTreeMap<(CollectionId, String, bool, String), String>;

struct Body<'a> {
    snapshot: &'a dyn Snapshot,
    findings: Findings,
}

impl Body<'_> {
    /// Walks a space. What `look` cannot read ends the autopsy, with the key in the error.
    fn each(
        &self,
        space: Space,
        range: KeyRange,
        mut look: impl FnMut(&[u8], &[u8]) -> Result<(), RecordError>,
    ) -> Result<(), StoreError> {
        let mut cursor = self.snapshot.scan(space, range, Direction::Forward);
        while let Some((key, record)) = cursor.next()? {
            look(key, record).map_err(|error| error.at(space, key))?;
        }
        Ok(())
    }

    fn violation(&mut self, text: String) {
        self.findings.violations.add(text);
    }

    /// The log; gives the newest clock in it.
    fn log(&mut self, before: &Ends) -> Result<Hlc> {
        let mut wrong = Vec::new();
        let mut ends: BTreeMap<(GroupId, ReplicaId), (u64, ChainHash, Hlc)> = BTreeMap::new();
        let mut boots = BTreeSet::new();
        let mut transactions = 0;
        self.each(Space::Log, KeyRange::all(), |key, record| {
            let LogKey { group, dot } = LogKey::decode(key)?;
            let record = TransactionRecord::open(Bytes::copy_from_slice(record))?;
            let header = record.header();
            transactions += 1;
            let (seq, chain, clock) = ends.get(&(group, dot.replica)).copied().unwrap_or_default();
            if header.dot != dot {
                wrong.push(format!("the log has {} under the key of {dot}", header.dot));
            }
            if dot.seq != seq + 1 {
                wrong.push(format!("the log goes from {}:{seq} to {dot}", dot.replica));
            }
            if record.previous() != chain {
                wrong.push(format!(
                    "{dot} does not hold the hash of the transaction before it"
                ));
            }
            if header.stamp.hlc <= clock || header.stamp.replica != dot.replica {
                wrong.push(format!(
                    "{dot} is stamped {}, behind a clock of {clock}",
                    header.stamp
                ));
            }
            if let Some(boot) = header.boot
                && !boots.insert((dot.replica, boot))
            {
                wrong.push(format!(
                    "{dot} names the process start {boot:x} a second time"
                ));
            }
            let known = before.ends.get(&(group, dot.replica));
            if known.is_some_and(|(seq, chain)| *seq == dot.seq && *chain != record.chain()) {
                wrong.push(format!(
                    "{dot} is another transaction than it was: the dot is used twice"
                ));
            }
            for operation in record.operations() {
                operation?;
            }
            ends.insert(
                (group, dot.replica),
                (dot.seq, record.chain(), header.last_hlc()),
            );
            Ok(())
        })?;
        for (origin, (seq, _)) in &before.ends {
            if ends.get(origin).is_none_or(|(end, ..)| end < seq) {
                wrong.push(format!(
                    "the log of {} ended at {seq} before, and is shorter now",
                    origin.1
                ));
            }
        }
        wrong.into_iter().for_each(|text| self.violation(text));
        self.findings.transactions = transactions;
        self.findings.boots = boots.len() as u64;
        let clock = ends
            .values()
            .map(|(.., clock)| *clock)
            .max()
            .unwrap_or_default();
        self.findings.ends.ends = ends
            .into_iter()
            .map(|(origin, (seq, chain, _))| (origin, (seq, chain)))
            .collect();
        Ok(clock)
    }

    /// Heads, vectors and the clock's bound against the log.
    fn heads(&mut self, clock_last: Hlc) -> Result<()> {
        let bound = ClockBound::load(self.snapshot, Space::Meta, &MetaKey::ClockBound.encode())?;
        let bound = bound.map_or(Hlc::ZERO, |bound| bound.0);
        if bound < clock_last {
            self.violation(format!(
                "the clock's bound {bound} is below the newest stamp {clock_last}"
            ));
        }
        let ends = self.findings.ends.ends.clone();
        let groups: BTreeSet<GroupId> = ends.keys().map(|(group, _)| *group).collect();
        for group in groups {
            let vector = GroupState::of(self.snapshot, group)?.vv;
            let logged = ends.iter().filter(|((of, _), _)| *of == group);
            let logged: VersionVector = logged
                .map(|((_, origin), (seq, _))| (*origin, *seq))
                .collect();
            if *vector != logged {
                self.violation(format!(
                    "the version vector is {vector}, and the log ends at {logged}"
                ));
            }
        }
        for ((group, origin), (seq, chain)) in ends {
            let key = MetaKey::Group(group, GroupKey::Head(origin)).encode();
            let head = Head::load(self.snapshot, Space::Meta, &key)?.unwrap_or_default();
            // Heads are written once in a while, and read off the log from there on.
            if head.seq > seq || (head.seq == seq && head.chain != chain) {
                self.violation(format!(
                    "the head of {origin} is at {}, and its log ends at {seq}",
                    head.seq
                ));
            }
        }
        Ok(())
    }

    /// Documents against digest and counts; gives the entries that the edge index must have.
    fn documents(&mut self) -> Result<EdgeEntries> {
        let numbers = ReplicaTable::load(self.snapshot)?;
        let mut digest: u128 = 0;
        let mut counts: BTreeMap<CollectionId, u64> = BTreeMap::new();
        let mut ends = EdgeEntries::new();
        self.each(Space::Documents, KeyRange::all(), |key, record| {
            let key = DocumentKey::decode(key)?;
            let record = DocumentRecord::open(&Bytes::copy_from_slice(record))?;
            // The metadata too must be readable.
            record.document(&numbers)?;
            let Some(shown) = record.shown(&numbers)? else {
                return Ok(());
            };
            let collection = key.collection.0.to_be_bytes();
            let share =
                antipode_crdt::digest(&collection, key.key, shown.body(), &shown.revision());
            digest = digest.wrapping_add(share);
            *counts.entry(key.collection).or_default() += 1;
            let text = |name: &str| shown.value.attribute(name).as_str().map(str::to_owned);
            if let (Some(from), Some(to)) = (text("_from"), text("_to")) {
                let edge = key.key.to_owned();
                ends.insert(
                    (key.collection, from.clone(), false, edge.clone()),
                    to.clone(),
                );
                ends.insert((key.collection, to, true, edge), from);
            }
            Ok(())
        })?;
        self.findings.documents = counts.values().sum();
        let mut stored = 0_u128;
        let mut stored_counts = BTreeMap::new();
        let mut groups = BTreeSet::new();
        self.each(Space::Meta, KeyRange::all(), |key, _| {
            if let MetaKey::Group(group, _) = MetaKey::decode(key)? {
                groups.insert(group);
            }
            Ok(())
        })?;
        for group in groups {
            let state = GroupState::of(self.snapshot, group)?;
            stored = stored.wrapping_add(state.digest);
            stored_counts.extend(state.all_counts(self.snapshot)?);
        }
        if stored != digest {
            self.violation(format!(
                "the digest is {stored:032x}, and the documents sum up to {digest:032x}"
            ));
        }
        stored_counts.retain(|_, count| *count != 0);
        if stored_counts != counts {
            self.violation(format!(
                "the counts are {stored_counts:?}, and there are {counts:?} documents"
            ));
        }
        Ok(ends)
    }

    /// The edge index against the edges.
    fn edges(&mut self, mut expected: EdgeEntries) -> Result<()> {
        let mut wrong = Vec::new();
        self.findings.edges = expected.len() as u64 / 2;
        self.each(Space::Edges, KeyRange::all(), |key, record| {
            let key = EdgeKey::decode(key)?;
            let other = EdgeEnd::open(record)?.0;
            let into = key.direction == EdgeDirection::In;
            let entry = (
                key.collection,
                key.vertex.into_owned(),
                into,
                key.edge.to_owned(),
            );
            if expected.remove(&entry).as_deref() != Some(other.as_str()) {
                wrong.push(format!(
                    "the edge index has {entry:?} to {other}, and there is no such edge"
                ));
            }
            Ok(())
        })?;
        wrong.extend(
            expected
                .keys()
                .map(|entry| format!("the edge index lacks {entry:?}")),
        );
        wrong.into_iter().for_each(|text| self.violation(text));
        Ok(())
    }

    /// The messages of the streams.
    fn messages(&mut self) -> Result<()> {
        let mut wrong = Vec::new();
        let mut ends: BTreeMap<(StreamId, ReplicaId), (u64, Hlc, u64)> = BTreeMap::new();
        let mut messages = 0;
        self.each(Space::Streams, KeyRange::all(), |key, record| {
            let MessageKey {
                stream,
                origin,
                seq,
            } = MessageKey::decode(key)?;
            let message = StoredMessage::open(record)?;
            messages += 1;
            let (last, clock, transaction) =
                ends.get(&(stream, origin)).copied().unwrap_or_default();
            if seq != last + 1 {
                wrong.push(format!(
                    "stream {stream} goes from {origin}:{last} to {seq}"
                ));
            }
            if message.hlc <= clock || message.transaction_seq < transaction {
                wrong.push(format!(
                    "message {origin}:{seq} of stream {stream} is stamped before the one before it"
                ));
            }
            ends.insert(
                (stream, origin),
                (seq, message.hlc, message.transaction_seq),
            );
            Ok(())
        })?;
        self.findings.messages = messages;
        wrong.into_iter().for_each(|text| self.violation(text));
        Ok(())
    }
}
