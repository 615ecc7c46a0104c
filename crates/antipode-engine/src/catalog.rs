//! The catalog: which fabrics, collections, named graphs and streams exist.
//!
//! Schema is data. A collection is described by a document in the system collection `_collections`, a stream by one in
//! `_streams`, a named graph by one in `_graphs`, a fabric by one in `_fabrics`; they are replicated by the same log as everything else. The key of such a
//! document is the *name* (`fabric:name`), so two regions that create `users` at once write one document and get one
//! collection. The document is never removed: it holds `generation` and `dropped`, both written as `Max`, and the
//! collection lives while `generation > dropped`. A collection's id is a hash of fabric, name and generation, so one that was
//! dropped and made again is another one, and operations for the old id find nothing.
//!
//! [`Catalog`] is an immutable picture of those documents, rebuilt by the committer when one of them changes and shared
//! with all sessions.

use std::collections::BTreeMap;
use std::fmt;

use antipode_store::{CollectionId, StreamId};
use antipode_value::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::EngineError;
use crate::graph::GraphEntry;
use crate::index::registry::{Changed, IndexRegistry};
use crate::working::expires_ms;

/// The fabric that always exists.
pub const SYSTEM_FABRIC: &str = "_system";

/// Ids below this are the system's own, fixed for ever.
const FIRST_HASHED_ID: u64 = 256;

/// What a collection holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CollectionKind {
    /// JSON documents.
    Document,
    /// Documents with `_from` and `_to`.
    Edge,
    /// Documents `{_key, value}`, and `expireAt` where they expire.
    KeyValue,
}

impl CollectionKind {
    /// The name in catalog documents and in every surface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Edge => "edge",
            Self::KeyValue => "kv",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Document, Self::Edge, Self::KeyValue]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl fmt::Display for CollectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a concurrent patch does to a removal in a collection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Deletes {
    /// The removal stands; the patch is discarded and reported.
    #[default]
    Win,
    /// The removal yields; the whole document lives.
    Lose,
}

impl Deletes {
    /// The name in catalog documents and in every surface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Lose => "lose",
        }
    }

    /// The policy with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Win, Self::Lose]
            .into_iter()
            .find(|policy| policy.name() == name)
    }
}

/// One living collection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CollectionEntry {
    /// Identity: a hash of fabric, name and generation.
    pub id: CollectionId,
    /// The fabric it belongs to.
    pub fabric: String,
    /// Its name in the fabric.
    pub name: String,
    /// What it holds.
    pub kind: CollectionKind,
    /// Which of the collections of this name it is, counted from 1.
    pub generation: i64,
    /// What a patch does to a removal that it did not see.
    pub deletes: Deletes,
}

/// One living stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamEntry {
    /// Identity: a hash of fabric, name and generation.
    pub id: StreamId,
    /// The fabric it belongs to.
    pub fabric: String,
    /// Its name in the fabric.
    pub name: String,
    /// Which of the streams of this name it is, counted from 1.
    pub generation: i64,
}

/// The system collections, with ids that never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SystemCollection {
    /// Describes collections.
    Collections,
    /// Describes streams.
    Streams,
    /// Describes fabrics.
    Fabrics,
    /// Positions of named stream cursors.
    Cursors,
    /// Describes named graphs.
    Graphs,
    /// Describes secondary indexes.
    Indexes,
}

impl SystemCollection {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Collections,
        Self::Streams,
        Self::Fabrics,
        Self::Cursors,
        Self::Graphs,
        Self::Indexes,
    ];

    /// The fixed id.
    #[must_use]
    pub const fn id(self) -> CollectionId {
        CollectionId(match self {
            Self::Collections => 1,
            Self::Streams => 2,
            Self::Fabrics => 3,
            Self::Cursors => 4,
            Self::Graphs => 5,
            Self::Indexes => 6,
        })
    }

    /// The name in the fabric `_system`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Collections => "_collections",
            Self::Streams => "_streams",
            Self::Fabrics => "_fabrics",
            Self::Cursors => "_cursors",
            Self::Graphs => "_graphs",
            Self::Indexes => "_indexes",
        }
    }

    /// Whether a change of a document in `id` changes the catalog.
    #[must_use]
    pub fn is_schema(id: CollectionId) -> bool {
        [
            Self::Collections,
            Self::Streams,
            Self::Fabrics,
            Self::Graphs,
            Self::Indexes,
        ]
        .iter()
        .any(|system| system.id() == id)
    }
}

/// A picture of all fabrics, collections, named graphs and streams.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// By fabric, then by name.
    collections: BTreeMap<String, BTreeMap<String, CollectionEntry>>,
    by_id: BTreeMap<CollectionId, (String, String)>,
    streams: BTreeMap<(String, String), StreamEntry>,
    streams_by_id: BTreeMap<StreamId, (String, String)>,
    /// By fabric, then by name.
    graphs: BTreeMap<String, BTreeMap<String, GraphEntry>>,
    fabrics: BTreeMap<String, ()>,
    pub(crate) indexes: IndexRegistry,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalog {
    /// The catalog of an empty database: the fabric `_system` with the system collections.
    #[must_use]
    pub fn new() -> Self {
        let mut catalog = Self {
            collections: BTreeMap::new(),
            by_id: BTreeMap::new(),
            streams: BTreeMap::new(),
            streams_by_id: BTreeMap::new(),
            graphs: BTreeMap::new(),
            fabrics: BTreeMap::from([(SYSTEM_FABRIC.to_owned(), ())]),
            indexes: IndexRegistry::default(),
        };
        for system in SystemCollection::ALL {
            catalog.insert_collection(CollectionEntry {
                id: system.id(),
                fabric: SYSTEM_FABRIC.to_owned(),
                name: system.name().to_owned(),
                kind: CollectionKind::Document,
                generation: 1,
                deletes: Deletes::Win,
            });
        }
        catalog
    }

    fn insert_collection(&mut self, entry: CollectionEntry) {
        let name = (entry.fabric.clone(), entry.name.clone());
        self.by_id.insert(entry.id, name);
        self.collections
            .entry(entry.fabric.clone())
            .or_default()
            .insert(entry.name.clone(), entry);
    }

    /// Takes in the document that describes a collection, a stream or a fabric, as it stands now. Returns the id of a
    /// collection that this ends, if it does.
    pub fn take_document(&mut self, system: CollectionId, document: &Value) -> Option<Ended> {
        match system {
            id if id == SystemCollection::Collections.id() => self.take_collection(document),
            id if id == SystemCollection::Streams.id() => self.take_stream(document),
            id if id == SystemCollection::Graphs.id() => {
                self.take_graph(document);
                None
            }
            id if id == SystemCollection::Fabrics.id() => {
                let name = text(document, "name")?;
                if lives(document) {
                    self.fabrics.insert(name, ());
                } else {
                    self.fabrics.remove(&name);
                }
                None
            }
            _ => None,
        }
    }

    /// Takes in the document that describes an index, as it stands now. Returns what changes by it on this node.
    pub(crate) fn take_index(&mut self, document: &Value) -> Changed {
        let by_id = &self.by_id;
        let lives = |collection| by_id.contains_key(&collection);
        self.indexes.take(document, lives).unwrap_or_default()
    }

    /// Whether documents of a collection expire: the time of its pairs or a TTL index says so.
    pub(crate) fn documents_expire(&self, collection: &CollectionEntry) -> bool {
        collection.kind == CollectionKind::KeyValue || self.indexes.expiry(collection.id).is_some()
    }

    /// When a document of a collection expires, in milliseconds since 1970.
    #[must_use]
    pub fn expires_ms(&self, collection: &CollectionEntry, body: &Value) -> Option<u64> {
        if collection.kind == CollectionKind::KeyValue {
            return expires_ms(body);
        }
        let index = self.indexes.expiry(collection.id)?;
        antipode_query::index::expiry::expires_ms(index, body)
    }

    fn take_collection(&mut self, document: &Value) -> Option<Ended> {
        let (fabric, name) = (text(document, "fabric")?, text(document, "name")?);
        let kind =
            CollectionKind::from_name(&text(document, "kind")?).unwrap_or(CollectionKind::Document);
        let deletes = text(document, "deletes").and_then(|name| Deletes::from_name(&name));
        let deletes = deletes.unwrap_or_default();
        let generation = integer(document, "generation");
        let before = self
            .collections
            .get_mut(&fabric)
            .and_then(|collections| collections.remove(&name));
        if let Some(before) = &before {
            self.by_id.remove(&before.id);
        }
        let id = collection_id(&fabric, &name, generation);
        if lives(document) {
            self.insert_collection(CollectionEntry {
                id,
                fabric,
                name,
                kind,
                generation,
                deletes,
            });
        }
        let survives = lives(document).then_some(id);
        before
            .filter(|before| Some(before.id) != survives)
            .map(|before| Ended::Collection(before.id))
    }

    fn take_stream(&mut self, document: &Value) -> Option<Ended> {
        let (fabric, name) = (text(document, "fabric")?, text(document, "name")?);
        let generation = integer(document, "generation");
        let key = (fabric.clone(), name.clone());
        let before = self.streams.remove(&key);
        if let Some(before) = &before {
            self.streams_by_id.remove(&before.id);
        }
        let id = stream_id(&fabric, &name, generation);
        if lives(document) {
            self.streams_by_id.insert(id, key.clone());
            self.streams.insert(
                key,
                StreamEntry {
                    id,
                    fabric,
                    name,
                    generation,
                },
            );
        }
        let survives = lives(document).then_some(id);
        before
            .filter(|before| Some(before.id) != survives)
            .map(|before| Ended::Stream(before.id))
    }

    fn take_graph(&mut self, document: &Value) {
        let (Some(fabric), Some(name)) = (text(document, "fabric"), text(document, "name")) else {
            return;
        };
        let graphs = self.graphs.entry(fabric).or_default();
        if lives(document) {
            let entry = GraphEntry::read(&name, document);
            graphs.insert(name, entry);
        } else {
            graphs.remove(&name);
        }
    }

    /// The named graph `name` of `fabric`.
    #[must_use]
    pub fn graph(&self, fabric: &str, name: &str) -> Option<&GraphEntry> {
        self.graphs.get(fabric)?.get(name)
    }

    /// The named graphs of `fabric`, in the order of their names.
    pub fn graphs<'a>(&'a self, fabric: &str) -> impl Iterator<Item = &'a GraphEntry> + use<'a> {
        self.graphs
            .get(fabric)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// The collection `name` of `fabric`.
    #[must_use]
    pub fn collection(&self, fabric: &str, name: &str) -> Option<&CollectionEntry> {
        self.collections.get(fabric)?.get(name)
    }

    /// The living collection with this id.
    #[must_use]
    pub fn collection_by_id(&self, id: CollectionId) -> Option<&CollectionEntry> {
        let (fabric, name) = self.by_id.get(&id)?;
        self.collection(fabric, name)
    }

    /// The collections of `fabric`, in the order of their names.
    pub fn collections<'a>(
        &'a self,
        fabric: &str,
    ) -> impl Iterator<Item = &'a CollectionEntry> + use<'a> {
        self.collections
            .get(fabric)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// All collections of all fabrics.
    pub fn all_collections(&self) -> impl Iterator<Item = &CollectionEntry> {
        self.collections.values().flat_map(BTreeMap::values)
    }

    /// The stream `name` of `fabric`.
    #[must_use]
    pub fn stream(&self, fabric: &str, name: &str) -> Option<&StreamEntry> {
        self.streams.get(&(fabric.to_owned(), name.to_owned()))
    }

    /// The living stream with this id.
    #[must_use]
    pub fn stream_by_id(&self, id: StreamId) -> Option<&StreamEntry> {
        self.streams_by_id
            .get(&id)
            .and_then(|name| self.streams.get(name))
    }

    /// The streams of `fabric`, in the order of their names.
    pub fn streams<'a>(&'a self, fabric: &'a str) -> impl Iterator<Item = &'a StreamEntry> {
        self.streams
            .values()
            .filter(move |entry| entry.fabric == fabric)
    }

    /// Whether there is a fabric of this name.
    #[must_use]
    pub fn has_fabric(&self, fabric: &str) -> bool {
        self.fabrics.contains_key(fabric)
    }

    /// The names of the fabrics, in order.
    pub fn fabrics(&self) -> impl Iterator<Item = &str> {
        self.fabrics.keys().map(String::as_str)
    }
}

/// Something that a catalog document ended: its data are to go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// A collection was dropped, or replaced by a newer generation.
    Collection(CollectionId),
    /// A stream was.
    Stream(StreamId),
}

/// The id of the `generation`-th collection `name` of `fabric`.
#[must_use]
pub fn collection_id(fabric: &str, name: &str, generation: i64) -> CollectionId {
    CollectionId(hashed_id("collection", fabric, name, generation))
}

/// The id of the `generation`-th stream `name` of `fabric`.
#[must_use]
pub fn stream_id(fabric: &str, name: &str, generation: i64) -> StreamId {
    StreamId(hashed_id("stream", fabric, name, generation))
}

fn hashed_id(what: &str, fabric: &str, name: &str, generation: i64) -> u64 {
    let text = format!("{what}\0{fabric}\0{name}\0{generation}");
    // The lowest ids are the system's.
    xxh3_64(text.as_bytes()).max(FIRST_HASHED_ID)
}

/// The key of the catalog document that describes `name` in `fabric`.
#[must_use]
pub fn catalog_key(fabric: &str, name: &str) -> String {
    format!("{fabric}:{name}")
}

/// Longest name of a fabric, a collection or a stream, in bytes. Together with the fabric's name it is the key of a
/// catalog document, whose limit is 254.
pub const NAME_BYTES_MAX: usize = 120;

/// Checks the name of a fabric, collection or stream that a user wants to create: letters, digits, `_` and `-`, beginning
/// with a letter. Names that begin with `_` are the system's.
pub fn check_name(name: &str) -> Result<(), EngineError> {
    let mut characters = name.chars();
    let first = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let rest =
        characters.all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if first && rest && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(EngineError::IllegalName {
            name: name.to_owned(),
        })
    }
}

fn text(document: &Value, attribute: &str) -> Option<String> {
    match document.attribute(attribute) {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn integer(document: &Value, attribute: &str) -> i64 {
    match document.attribute(attribute) {
        Value::Int(number) => number,
        _ => 0,
    }
}

/// Whether what a catalog document describes lives.
fn lives(document: &Value) -> bool {
    integer(document, "generation") > integer(document, "dropped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, generation: i64, dropped: i64) -> Value {
        Value::object([
            ("fabric", Value::from(SYSTEM_FABRIC)),
            ("name", Value::from(name)),
            ("kind", Value::from("edge")),
            ("generation", Value::Int(generation)),
            ("dropped", Value::Int(dropped)),
        ])
    }

    #[test]
    fn a_collection_lives_until_dropped_and_comes_back_as_another() {
        let mut catalog = Catalog::new();
        let system = SystemCollection::Collections.id();
        assert_eq!(
            catalog.take_document(system, &described("flights", 1, 0)),
            None
        );
        let first = catalog
            .collection(SYSTEM_FABRIC, "flights")
            .map(|entry| entry.id);
        assert_eq!(first, Some(collection_id(SYSTEM_FABRIC, "flights", 1)));
        assert_eq!(
            catalog.take_document(system, &described("flights", 1, 1)),
            first.map(Ended::Collection)
        );
        assert_eq!(catalog.collection(SYSTEM_FABRIC, "flights"), None);
        assert_eq!(
            catalog.take_document(system, &described("flights", 2, 1)),
            None
        );
        let second = catalog
            .collection(SYSTEM_FABRIC, "flights")
            .map(|entry| entry.id);
        assert_ne!(first, second);
    }

    #[test]
    fn a_newer_generation_ends_the_one_before() {
        let mut catalog = Catalog::new();
        let system = SystemCollection::Collections.id();
        catalog.take_document(system, &described("flights", 1, 0));
        let first = collection_id(SYSTEM_FABRIC, "flights", 1);
        assert_eq!(
            catalog.take_document(system, &described("flights", 2, 1)),
            Some(Ended::Collection(first))
        );
    }

    #[test]
    fn names_are_checked() {
        for good in ["users", "a", "A-b_9"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "_users", "9a", "a:b", "a b", "ä", &"x".repeat(121)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
