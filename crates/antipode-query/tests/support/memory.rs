//! A database of plain maps: no replication, no merging, no storage. It is what C8QL says a query does.
//!
//! Beside each plain document it keeps the replicated one, made of the same drafts, and panics if the two ever show
//! anything different: on one replica, without concurrency, nobody may notice that documents merge.

#![allow(dead_code, reason = "each test and example uses its own part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, Stamp};
use antipode_crdt::{Document, Draft, DraftChange, Number, Path, WriterRules};
use antipode_query::{
    Catalog, CollectionId, CollectionInfo, CollectionKind, Direction, Expect, GeoRead, GraphInfo,
    IndexId, IndexInfo, IndexRead, KeyBounds, Message, Retry, Scan, Source, SourceError,
    StreamFrom, StreamId, StreamInfo, StreamRead, StreamUntil, Transaction, Written,
};
use antipode_value::{Object, Str, Value, compare_binary};

mod indexes;

#[derive(Clone, Debug)]
struct Collection {
    info: CollectionInfo,
    indexes: Vec<IndexInfo>,
    documents: BTreeMap<String, Value>,
    replicated: BTreeMap<String, Document>,
}

#[derive(Clone, Debug)]
struct Stream {
    info: StreamInfo,
    messages: Vec<Message>,
}

/// The whole state; a clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Database {
    // Shared between snapshots until one is written.
    collections: BTreeMap<String, Arc<Collection>>,
    streams: BTreeMap<String, Stream>,
    graphs: BTreeMap<String, Vec<String>>,
    ids: u64,
    revisions: u64,
    stamps: u64,
    now_ms: i64,
}

impl Database {
    pub fn new() -> Database {
        Database::default()
    }

    pub fn create_collection(&mut self, name: &str, kind: CollectionKind) {
        self.ids += 1;
        let info = CollectionInfo {
            id: CollectionId(self.ids),
            name: name.to_owned(),
            kind,
        };
        self.collections.insert(
            name.to_owned(),
            Arc::new(Collection {
                info,
                indexes: Vec::new(),
                documents: BTreeMap::new(),
                replicated: BTreeMap::new(),
            }),
        );
    }

    pub fn drop_collection(&mut self, name: &str) {
        self.collections.remove(name);
    }

    pub fn truncate(&mut self, name: &str) {
        if let Some(collection) = self.collections.get_mut(name).map(Arc::make_mut) {
            collection.documents.clear();
            collection.replicated.clear();
        }
    }

    pub fn create_graph(&mut self, name: &str, edge_collections: Vec<String>) {
        self.graphs.insert(name.to_owned(), edge_collections);
    }

    pub fn drop_graph(&mut self, name: &str) {
        self.graphs.remove(name);
    }

    pub fn create_stream(&mut self, name: &str) {
        self.ids += 1;
        let info = StreamInfo {
            id: StreamId(self.ids),
            name: name.to_owned(),
        };
        self.streams.insert(
            name.to_owned(),
            Stream {
                info,
                messages: Vec::new(),
            },
        );
    }

    /// Stores a document as it is, by its `_key`.
    pub fn put(&mut self, collection: &str, document: &Value) {
        let Some(id) = self
            .collections
            .get(collection)
            .map(|collection| collection.info.id)
        else {
            return;
        };
        let key = document.attribute("_key").to_text().to_string();
        let key = if key.is_empty() { self.next_key() } else { key };
        let body = strip(document);
        self.replicate(
            id,
            &key,
            &Draft::Put(Value::Object(body.clone())),
            Some(&body),
        );
        self.store(id, &key, Some(body));
    }

    pub fn remove(&mut self, collection: &str, key: &str) {
        if let Some(collection) = self.collections.get_mut(collection).map(Arc::make_mut) {
            collection.documents.remove(key);
            collection.replicated.remove(key);
        }
    }

    pub fn begin(&self) -> MemoryTransaction {
        MemoryTransaction {
            snapshot: self.clone(),
            state: RefCell::new(self.clone()),
        }
    }

    pub fn commit(&mut self, transaction: MemoryTransaction) {
        *self = transaction.state.into_inner();
    }

    fn next_key(&mut self) -> String {
        self.ids += 1;
        format!("k{}", self.ids)
    }

    fn by_id(&self, id: CollectionId) -> Result<&Collection, SourceError> {
        let found = self
            .collections
            .values()
            .map(|collection| &**collection)
            .find(|collection| collection.info.id == id);
        found.ok_or_else(|| SourceError::Gone {
            name: format!("{id:?}"),
        })
    }

    /// Carries a draft out on the replicated document, which must then show `body`.
    fn replicate(&mut self, id: CollectionId, key: &str, draft: &Draft, body: Option<&Object>) {
        self.stamps += 1;
        let replica = ReplicaId(1);
        let hlc = Hlc::new(1_700_000_000_000, 0).plus(self.stamps);
        let mut context = Context::default();
        context.advance(
            replica,
            Seen {
                seq: self.stamps,
                hlc,
            },
        );
        let Some(collection) = self
            .collections
            .values_mut()
            .find(|collection| collection.info.id == id)
            .map(Arc::make_mut)
        else {
            return;
        };
        let document = collection.replicated.entry(key.to_owned()).or_default();
        let operation = antipode_crdt::resolve(document, draft, &WriterRules::default())
            .unwrap_or_else(|error| panic!("{draft:?} on {key}: {error}"));
        let discards = document.apply(&operation, Stamp { hlc, replica }, &context);
        assert!(discards.is_empty(), "{draft:?} on {key}: {discards:?}");
        match (document.show(), body) {
            (None, None) => {}
            (Some(shown), Some(body)) if same(&shown, &Value::Object(body.clone())) => {}
            (shown, body) => {
                panic!("{draft:?} on {key}\n  replicated: {shown:?}\n  plain:      {body:?}")
            }
        }
    }

    /// Stores or removes the body of a document; gives the document with its system attributes.
    fn store(&mut self, id: CollectionId, key: &str, body: Option<Object>) -> Option<Value> {
        self.revisions += 1;
        let revision = format!("_r{}", self.revisions);
        let collection = self
            .collections
            .values_mut()
            .find(|collection| collection.info.id == id)
            .map(Arc::make_mut)?;
        let Some(body) = body else {
            collection.documents.remove(key);
            return None;
        };
        let front = vec![
            (Str::from("_key"), Value::from(key)),
            (
                Str::from("_id"),
                Value::from(format!("{}/{key}", collection.info.name)),
            ),
            (Str::from("_rev"), Value::from(revision)),
        ];
        let document = Value::Object(Object::overlay(front, &body));
        collection
            .documents
            .insert(key.to_owned(), document.clone());
        Some(document)
    }
}

/// Whether two values are the same, attribute by attribute, and equal below that: a maximum of 1 and 1.0, or of [] and
/// [null], may show either.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(&name).is_some_and(|other| same(&value, &other)))
        }
        (left, right) => left == right,
    }
}

fn strip(document: &Value) -> Object {
    let system = ["_key", "_id", "_rev"];
    let pairs = document
        .as_object()
        .map(Object::to_pairs)
        .unwrap_or_default();
    Object::from_pairs(
        pairs
            .into_iter()
            .filter(|(name, _)| !system.contains(&&**name))
            .collect(),
    )
}

/// A snapshot, and the state with the writes of the transaction.
pub struct MemoryTransaction {
    snapshot: Database,
    state: RefCell<Database>,
}

struct Documents(std::vec::IntoIter<Value>);

impl Scan for Documents {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        out.extend(self.0.by_ref().take(max));
        Ok(self.0.len() > 0)
    }
}

fn documents(collection: &Collection, keys: &KeyBounds) -> Box<dyn Scan> {
    let inside = collection
        .documents
        .iter()
        .filter(|(key, _)| keys.contains(key))
        .map(|(_, document)| document.clone());
    let mut inside: Vec<Value> = inside.collect();
    if keys.reverse {
        inside.reverse();
    }
    Box::new(Documents(inside.into_iter()))
}

impl Catalog for Database {
    fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, SourceError> {
        Ok(self
            .collections
            .get(name)
            .map(|collection| collection.info.clone()))
    }

    fn collections(&self) -> Result<Vec<CollectionInfo>, SourceError> {
        Ok(self
            .collections
            .values()
            .map(|collection| collection.info.clone())
            .collect())
    }

    fn stream(&self, name: &str) -> Result<Option<StreamInfo>, SourceError> {
        Ok(self.streams.get(name).map(|stream| stream.info.clone()))
    }

    fn graph(&self, name: &str) -> Result<Option<GraphInfo>, SourceError> {
        let edge_collections = self.graphs.get(name).cloned();
        let vertices = self.collections.values();
        let vertices = vertices.filter(|collection| collection.info.kind != CollectionKind::Edge);
        Ok(edge_collections.map(|edge_collections| GraphInfo {
            edge_collections,
            vertex_collections: vertices.map(|found| found.info.name.clone()).collect(),
        }))
    }

    fn indexes(&self, collection: CollectionId) -> Result<Vec<IndexInfo>, SourceError> {
        Ok(self.by_id(collection)?.indexes())
    }

    fn estimate(&self, collection: CollectionId) -> u64 {
        self.by_id(collection)
            .map(|collection| collection.documents.len() as u64)
            .unwrap_or(0)
    }
}

impl Catalog for MemoryTransaction {
    fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, SourceError> {
        self.snapshot.collection(name)
    }

    fn collections(&self) -> Result<Vec<CollectionInfo>, SourceError> {
        self.snapshot.collections()
    }

    fn stream(&self, name: &str) -> Result<Option<StreamInfo>, SourceError> {
        self.snapshot.stream(name)
    }

    fn graph(&self, name: &str) -> Result<Option<GraphInfo>, SourceError> {
        self.snapshot.graph(name)
    }

    fn indexes(&self, collection: CollectionId) -> Result<Vec<IndexInfo>, SourceError> {
        self.snapshot.indexes(collection)
    }

    fn estimate(&self, collection: CollectionId) -> u64 {
        self.snapshot.estimate(collection)
    }
}

impl Source for MemoryTransaction {
    fn count(&self, collection: CollectionId) -> Result<u64, SourceError> {
        Ok(self.snapshot.by_id(collection)?.documents.len() as u64)
    }

    fn get(&self, collection: CollectionId, key: &str) -> Result<Option<Value>, SourceError> {
        Ok(self.snapshot.by_id(collection)?.documents.get(key).cloned())
    }

    fn scan(
        &self,
        collection: CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(documents(self.snapshot.by_id(collection)?, keys))
    }

    fn edges(
        &self,
        collection: CollectionId,
        vertex: &str,
        direction: Direction,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        let end = if direction == Direction::Out {
            "_from"
        } else {
            "_to"
        };
        let all = self.snapshot.by_id(collection)?.documents.values();
        let edges: Vec<Value> = all
            .filter(|edge| edge.attribute(end).as_str() == Some(vertex))
            .cloned()
            .collect();
        Ok(Box::new(Documents(edges.into_iter())))
    }

    fn index_scan(
        &self,
        collection: CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        self.snapshot.by_id(collection)?.index_scan(read)
    }

    fn geo_scan(
        &self,
        collection: CollectionId,
        read: &GeoRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        self.snapshot.by_id(collection)?.geo_scan(read)
    }

    fn fulltext_keys(
        &self,
        collection: CollectionId,
        index: IndexId,
        word: &str,
        prefix: bool,
    ) -> Result<Vec<String>, SourceError> {
        self.snapshot
            .by_id(collection)?
            .fulltext_keys(index, word, prefix)
    }

    fn messages(&self, read: &StreamRead) -> Result<Box<dyn Scan + '_>, SourceError> {
        let stream = self
            .snapshot
            .streams
            .values()
            .find(|stream| stream.info.id == read.stream);
        let Some(stream) = stream else {
            return Err(SourceError::Gone {
                name: format!("{:?}", read.stream),
            });
        };
        let shown = stream.messages.iter().enumerate().map(|(place, message)| {
            Value::object([
                ("id", Value::from(format!("{:08}", place + 1))),
                ("seq", Value::from(place + 1)),
                ("region", Value::from("local")),
                ("producer", Value::from("local")),
                ("key", Value::from(message.key.clone())),
                ("publishTime", Value::from(self.snapshot.now_ms)),
                ("eventTime", Value::from(message.event_time)),
                ("payload", message.payload.clone()),
            ])
        });
        let all: Vec<Value> = shown.collect();
        let first = match &read.from {
            StreamFrom::Earliest => 0,
            StreamFrom::Latest => all.len(),
            StreamFrom::Last(last) => all.len().saturating_sub(*last as usize),
            StreamFrom::After(id) => {
                all.partition_point(|message| *message.attribute("id").to_text() <= **id)
            }
            StreamFrom::At(at) => {
                all.partition_point(|message| message.attribute("publishTime").to_int() < *at)
            }
        };
        let wanted = all
            .into_iter()
            .skip(first)
            .filter(|message| match &read.until {
                StreamUntil::Now => true,
                StreamUntil::At(at) => message.attribute("publishTime").to_int() < *at,
                StreamUntil::Id(id) => *message.attribute("id").to_text() <= **id,
            });
        let wanted = wanted.filter(|message| {
            read.key
                .as_deref()
                .is_none_or(|key| message.attribute("key").as_str() == Some(key))
        });
        Ok(Box::new(Documents(wanted.collect::<Vec<_>>().into_iter())))
    }
}

impl Transaction for MemoryTransaction {
    fn write(
        &self,
        collection: CollectionId,
        key: Option<&str>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Written, SourceError> {
        let mut state = self.state.borrow_mut();
        let generated = state.next_key();
        let key = key.unwrap_or(&generated).to_owned();
        let name = state.by_id(collection)?.info.name.clone();
        let old = state.by_id(collection)?.documents.get(&key).cloned();
        match (expect, &old) {
            (Expect::Absent, Some(_)) => {
                return Err(SourceError::KeyTaken {
                    collection: name,
                    key,
                });
            }
            (Expect::Exists | Expect::Unchanged, None) => {
                return Err(SourceError::NotFound {
                    collection: name,
                    key,
                });
            }
            _ => {}
        }
        let kept = draft.clone();
        let body = match draft {
            Draft::Insert(value) | Draft::Put(value) | Draft::Replace(value) => Some(strip(&value)),
            Draft::InsertBody(body) => Some(strip(body.value())),
            Draft::InsertWith { value, changes } => Some(strip(&changed(value, changes))),
            Draft::Update(changes) => {
                Some(strip(&changed(old.clone().unwrap_or_default(), changes)))
            }
            Draft::Remove | Draft::Purge => None,
        };
        check(body.as_ref())?;
        if let Some(body) = &body
            && !state
                .by_id(collection)?
                .is_unique(&key, &Value::Object(body.clone()))
        {
            return Err(SourceError::Other {
                code: 1210,
                retry: Retry::Never,
                message: format!("unique constraint violated by '{key}' in {name}"),
            });
        }
        state.replicate(collection, &key, &kept, body.as_ref());
        let new = state.store(collection, &key, body);
        Ok(Written { key, old, new })
    }

    fn current(&self, collection: CollectionId, key: &str) -> Result<Option<Value>, SourceError> {
        Ok(self
            .state
            .borrow()
            .by_id(collection)?
            .documents
            .get(key)
            .cloned())
    }

    fn scan_current(
        &self,
        collection: CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(documents(self.state.borrow().by_id(collection)?, keys))
    }

    fn index_scan_current(
        &self,
        collection: CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        self.state.borrow().by_id(collection)?.index_scan(read)
    }

    fn publish(&self, stream: StreamId, message: Message) -> Result<Value, SourceError> {
        let mut state = self.state.borrow_mut();
        let now_ms = state.now_ms;
        let found = state
            .streams
            .values_mut()
            .find(|found| found.info.id == stream);
        let Some(found) = found else {
            return Err(SourceError::Gone {
                name: format!("{stream:?}"),
            });
        };
        found.messages.push(message);
        let seq = found.messages.len();
        Ok(Value::object([
            ("id", Value::from(format!("{seq:08}"))),
            ("seq", Value::from(seq)),
            ("publishTime", Value::from(now_ms)),
        ]))
    }
}

/// Deepest nesting of a stored document.
const DEPTH_MAX: usize = 200;

fn check(body: Option<&Object>) -> Result<(), SourceError> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(array) => {
                1 + array
                    .iter()
                    .map(|element| depth(&element))
                    .max()
                    .unwrap_or(0)
            }
            Value::Object(object) => {
                1 + object
                    .values()
                    .map(|element| depth(&element))
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }
    match body {
        Some(body) if depth(&Value::Object(body.clone())) > DEPTH_MAX => Err(SourceError::Other {
            code: 1524,
            retry: Retry::Never,
            message: "document is nested too deeply".into(),
        }),
        _ => Ok(()),
    }
}

/// A plain value after changes at paths.
fn changed(mut value: Value, changes: Vec<(Path, DraftChange)>) -> Value {
    for (path, change) in changes {
        value = at(&value, path.names(), &change).unwrap_or_default();
    }
    value
}

/// The value with a change at a path below it; none if it is removed.
fn at(value: &Value, path: &[Str], change: &DraftChange) -> Option<Value> {
    let Some((name, below)) = path.split_first() else {
        return here(value, change);
    };
    let object = match value {
        Value::Object(object) => object.clone(),
        _ if matches!(change, DraftChange::Unset) => return Some(value.clone()),
        _ => Object::from_pairs(Vec::new()),
    };
    let inner = object.get(name);
    let removes = matches!(change, DraftChange::Unset);
    if inner.is_none() && removes {
        return Some(Value::Object(object));
    }
    let inner = at(&inner.unwrap_or_default(), below, change);
    Some(Value::Object(match inner {
        Some(inner) => object.with(name.clone(), inner),
        None => object.without(name),
    }))
}

fn here(value: &Value, change: &DraftChange) -> Option<Value> {
    let elements = || {
        value
            .as_array()
            .map(|array| array.to_vec())
            .unwrap_or_default()
    };
    Some(match change {
        DraftChange::Assign(new) => new.clone(),
        DraftChange::Unset => return None,
        DraftChange::Object => match value {
            Value::Object(_) => value.clone(),
            _ => Value::Object(Object::from_pairs(Vec::new())),
        },
        DraftChange::Increment(by) => match (value, by) {
            (Value::Int(base), Number::Int(by)) => Value::Int(base + by),
            (base, by) => match (base.is_null(), by.value()) {
                (true, by) => by,
                (false, by) => Value::float(base.to_float() + by.to_float()),
            },
        },
        DraftChange::Append(values) => {
            Value::array(elements().into_iter().chain(values.iter().cloned()))
        }
        DraftChange::Prepend(values) => Value::array(values.iter().cloned().chain(elements())),
        DraftChange::AddUnique(values) => {
            let mut all = elements();
            for value in values {
                if !all.contains(value) {
                    all.push(value.clone());
                }
            }
            Value::array(all)
        }
        DraftChange::RemoveValues(values) => {
            Value::array(elements().into_iter().filter(|v| !values.contains(v)))
        }
        DraftChange::Max(other) if value.is_null() || compare_binary(other, value).is_gt() => {
            other.clone()
        }
        DraftChange::Min(other) if value.is_null() || compare_binary(other, value).is_lt() => {
            other.clone()
        }
        DraftChange::Max(_) | DraftChange::Min(_) => value.clone(),
    })
}
