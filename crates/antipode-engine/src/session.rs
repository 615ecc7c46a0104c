//! A client's transaction: one snapshot, and the writes on top of it.
//!
//! [`OpenTransaction`] is what a query runs over. Its reads see the snapshot; its writes are drafts, applied to private
//! copies of the documents so that `OLD` and `NEW` can be shown, and handed to the committer as a whole
//! ([`OpenTransaction::into_request`]). The committer resolves the drafts again on the newest state: intents commute with
//! what others did meanwhile, and what does not commute is found out as a conflict and tried again by the caller.
//!
//! A version (`_rev`) shown before the commit is provisional, since only the committer gives stamps; it is a text that
//! nothing else produces, and [`Provisional::settle`] puts the true one in its place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, Stamp, VersionVector};
use antipode_crdt::{Body, Document, Draft, Revision, WriterRules, resolve};
use antipode_query::{Expect, Retry, SourceError, StreamRead, Written};
use antipode_store::keyspace::{DocumentKey, MessageKey};
use antipode_store::record::{GroupState, ReplicaTable};
use antipode_store::{CollectionId, Direction, KeyRange, Snapshot, Space, StreamId};
use antipode_value::{Object, Str, Value};

use crate::catalog::{Catalog, CollectionEntry, CollectionKind, Deletes, SYSTEM_FABRIC};
use crate::committer::GROUP;
use crate::error::EngineError;
use crate::index::read::OwnIndexes;
use crate::key::{check_edge, checked_key};
use crate::messages::MessageScan;
use crate::provisional::{PROVISIONAL_HLC, Provisional};
use crate::report::{DiscardedWrite, newest_reports};
use crate::request::{CommitRequest, DraftOperation, Durability, Expectation, RequestId};
use crate::shared::Shared;
use crate::stored;

mod query;

/// A transaction of a client, open on one snapshot.
pub struct OpenTransaction {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshot: Box<dyn Snapshot>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) numbers: Arc<ReplicaTable>,
    pub(crate) now_ms: u64,
    fabric: String,
    vector: Arc<VersionVector>,
    /// Whether system collections may be written: only the catalog's own operations do.
    system: bool,
    pub(crate) writes: RefCell<Writes>,
    pub(crate) own_indexes: OwnIndexes,
}

/// What the transaction has written so far.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) documents: BTreeMap<(CollectionId, Str), Touched>,
    pub(crate) operations: Vec<DraftOperation>,
    provisional: Vec<Option<String>>,
}

/// A document that the transaction has changed.
pub(crate) struct Touched {
    pub(crate) document: Document,
}

/// How a document is seen by a write.
struct Seeing {
    document: Document,
    /// What it shows; none where it does not exist or has expired.
    shown: Option<(Value, Revision)>,
    /// The version that stands in the snapshot, shown or expired; asked for only at the first touch.
    stored: Option<Revision>,
    first_touch: bool,
}

impl OpenTransaction {
    /// Opens a transaction on the newest state of `fabric`.
    ///
    /// # Errors
    /// When there is no such fabric, or the store cannot be read.
    pub fn begin(shared: &Arc<Shared>, fabric: &str, now_ms: u64) -> Result<Self, EngineError> {
        let fabric = if fabric.is_empty() {
            SYSTEM_FABRIC
        } else {
            fabric
        };
        // The snapshot first: the catalog and the numbers that are published with it are then at least as new. And the same
        // catalog as before it, or an index could be ready in the one that has not all its entries in the other.
        let (snapshot, catalog) = loop {
            let before = shared.catalog();
            let snapshot = shared.storage().snapshot();
            let catalog = shared.catalog();
            if Arc::ptr_eq(&before, &catalog) {
                break (snapshot, catalog);
            }
        };
        if !catalog.has_fabric(fabric) {
            return Err(EngineError::FabricNotFound {
                name: fabric.to_owned(),
            });
        }
        let state = GroupState::of(&*snapshot, GROUP)?;
        Ok(Self {
            snapshot,
            catalog,
            numbers: shared.numbers(),
            shared: shared.clone(),
            now_ms,
            fabric: fabric.to_owned(),
            vector: state.vv,
            system: false,
            writes: RefCell::default(),
            own_indexes: OwnIndexes::default(),
        })
    }

    /// Reads one document of the newest state without opening a transaction, where no batch is being written just now;
    /// `None` where one is. Returns the document and the vector that covers the read.
    ///
    /// # Errors
    /// When there is no such fabric or collection, or the store cannot be read.
    #[expect(
        clippy::type_complexity,
        reason = "the parts are named in the text above"
    )]
    pub fn read_one(
        shared: &Arc<Shared>,
        fabric: &str,
        collection: &str,
        key: &str,
        now_ms: u64,
    ) -> Result<Option<(Option<Value>, Arc<VersionVector>)>, EngineError> {
        let fabric = if fabric.is_empty() {
            SYSTEM_FABRIC
        } else {
            fabric
        };
        let read = shared.read_between(|| {
            let catalog = shared.catalog();
            if !catalog.has_fabric(fabric) {
                return Err(EngineError::FabricNotFound {
                    name: fabric.to_owned(),
                });
            }
            let Some(entry) = catalog.collection(fabric, collection) else {
                return Err(EngineError::CollectionNotFound {
                    name: collection.to_owned(),
                });
            };
            let store_key = DocumentKey {
                collection: entry.id,
                key,
            }
            .encode();
            let Some(record) = shared.storage().get(Space::Documents, &store_key)? else {
                return Ok(None);
            };
            let seen = stored::seen(&store_key, &record, &*shared.numbers())?;
            Ok(seen
                .filter(|(body, _)| !has_expired(&catalog, entry, body, now_ms))
                .map(|(body, revision)| {
                    with_system_attributes(&entry.name, key, &body, &revision.to_string())
                }))
        });
        let Some((document, vector)) = read else {
            return Ok(None);
        };
        Ok(Some((document?, vector)))
    }

    /// The request that inserts one document, without opening a transaction: the committer alone decides. Returns it with
    /// the key, and the document as it will be stored.
    ///
    /// # Errors
    /// When there is no such fabric or collection, or the document cannot be one of it.
    pub fn insert_request(
        shared: &Arc<Shared>,
        fabric: &str,
        collection: &str,
        key: Option<&str>,
        document: &Value,
        (durability, now_ms): (Durability, u64),
    ) -> Result<(CommitRequest, Str, Body), EngineError> {
        let fabric = if fabric.is_empty() {
            SYSTEM_FABRIC
        } else {
            fabric
        };
        let catalog = shared.catalog();
        if !catalog.has_fabric(fabric) {
            return Err(EngineError::FabricNotFound {
                name: fabric.to_owned(),
            });
        }
        let Some(entry) = catalog.collection(fabric, collection) else {
            return Err(EngineError::CollectionNotFound {
                name: collection.to_owned(),
            });
        };
        if entry.name.starts_with('_') {
            return Err(EngineError::SystemCollection {
                name: entry.name.clone(),
            });
        }
        let key = match key {
            Some(key) => Str::from(checked_key(key)?),
            None => Str::from(shared.new_key(now_ms)),
        };
        if entry.kind == CollectionKind::Edge {
            check_edge(document)?;
        }
        // Packed here, on the client's thread.
        let body =
            Body::of(document).map_err(|error| stored::source_error(error, &entry.name, &key))?;
        let operation = DraftOperation::Document {
            collection: entry.id,
            key: key.clone(),
            draft: Draft::InsertBody(body.clone()),
            expect: Expectation::Absent,
        };
        let request = CommitRequest {
            id: RequestId::default(),
            durability,
            operations: vec![operation],
            return_documents: false,
        };
        Ok((request, key, body))
    }

    /// The same transaction, with leave to write system collections.
    pub(crate) fn for_system(mut self) -> Self {
        self.system = true;
        self
    }

    /// The version vector of the snapshot: what the reads of this transaction see.
    #[must_use]
    pub fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// The fabric.
    #[must_use]
    pub fn fabric(&self) -> &str {
        &self.fabric
    }

    /// The catalog of this transaction.
    #[must_use]
    pub fn schema(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether anything was written.
    #[must_use]
    pub fn has_writes(&self) -> bool {
        !self.writes.borrow().operations.is_empty()
    }

    /// The writes as a request to the committer, and what is needed to settle what was shown of them. `None` when nothing
    /// was written.
    #[must_use]
    pub fn into_request(
        self,
        id: RequestId,
        durability: Durability,
        return_documents: bool,
    ) -> Option<(CommitRequest, Provisional)> {
        let writes = self.writes.into_inner();
        if writes.operations.is_empty() {
            return None;
        }
        let request = CommitRequest {
            id,
            durability,
            operations: writes.operations,
            return_documents,
        };
        Some((
            request,
            Provisional {
                texts: writes.provisional,
            },
        ))
    }

    /// The living collection `name`.
    ///
    /// # Errors
    /// When there is none in this fabric.
    pub fn entry(&self, name: &str) -> Result<&CollectionEntry, EngineError> {
        self.catalog
            .collection(&self.fabric, name)
            .ok_or_else(|| EngineError::CollectionNotFound {
                name: name.to_owned(),
            })
    }

    pub(crate) fn entry_by_id(&self, id: CollectionId) -> Result<&CollectionEntry, SourceError> {
        self.catalog
            .collection_by_id(id)
            .ok_or_else(|| SourceError::Gone {
                name: format!("collection {id}"),
            })
    }

    /// A document as queries see it: with `_key`, `_id` and `_rev` in front of its body; none where it has expired.
    pub(crate) fn present(
        &self,
        collection: &CollectionEntry,
        key: &str,
        shown: Option<(Value, Revision)>,
    ) -> Option<Value> {
        let (body, revision) = shown?;
        if self.has_expired(collection, &body) {
            return None;
        }
        Some(with_system_attributes(
            &collection.name,
            key,
            &body,
            &revision.to_string(),
        ))
    }

    pub(crate) fn has_expired(&self, collection: &CollectionEntry, body: &Value) -> bool {
        has_expired(&self.catalog, collection, body, self.now_ms)
    }

    /// The stored document of a key, as the snapshot has it.
    pub(crate) fn stored(
        &self,
        collection: CollectionId,
        key: &str,
    ) -> Result<Option<(Value, Revision)>, SourceError> {
        let store_key = DocumentKey { collection, key }.encode();
        match self
            .snapshot
            .get(Space::Documents, &store_key)
            .map_err(store_failed)?
        {
            Some(record) => stored::seen(&store_key, &record, &*self.numbers).map_err(store_failed),
            None => Ok(None),
        }
    }

    fn see(&self, collection: &CollectionEntry, key: &Str) -> Result<Seeing, SourceError> {
        if let Some(touched) = self
            .writes
            .borrow()
            .documents
            .get(&(collection.id, key.clone()))
        {
            let document = touched.document.clone();
            let shown = document.show().zip(document.revision());
            return Ok(Seeing {
                document,
                shown,
                stored: None,
                first_touch: false,
            });
        }
        let store_key = DocumentKey {
            collection: collection.id,
            key,
        }
        .encode();
        let document = match self
            .snapshot
            .get(Space::Documents, &store_key)
            .map_err(store_failed)?
        {
            Some(record) => {
                stored::document(&store_key, &record, &*self.numbers).map_err(store_failed)?
            }
            None => Document::default(),
        };
        let stored = document.revision();
        let shown = document
            .show()
            .zip(stored)
            .filter(|(body, _)| !self.has_expired(collection, body));
        Ok(Seeing {
            document,
            shown,
            stored,
            first_touch: true,
        })
    }

    /// What the writer of this transaction has seen: everything here, and its own writes up to now.
    fn provisional_context(&self, own_hlc: Hlc) -> Context {
        let all = (0..).map_while(|number| {
            use antipode_crdt::ReplicaNumbers as _;
            self.numbers.replica(number)
        });
        let mut context: Context = all
            .map(|replica| {
                (
                    replica,
                    Seen {
                        seq: u64::MAX,
                        hlc: Hlc(PROVISIONAL_HLC - 1),
                    },
                )
            })
            .collect();
        context.advance(
            self.me(),
            Seen {
                seq: u64::MAX,
                hlc: own_hlc,
            },
        );
        context
    }

    fn me(&self) -> ReplicaId {
        self.shared.identity().replica
    }

    /// Keeps a write for the commit; see [`query::Transaction::write`].
    ///
    /// # Errors
    /// When the document is not as `expect` says, or the write is not one that can be made.
    pub fn write_document(
        &self,
        collection: CollectionId,
        key: Option<&str>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Written, SourceError> {
        let entry = self.entry_by_id(collection)?;
        if entry.name.starts_with('_') && !self.system {
            return Err(SourceError::Other {
                code: 11,
                retry: Retry::Never,
                message: format!(
                    "'{}' is the system's own and cannot be changed directly",
                    entry.name
                ),
            });
        }
        let key = match key {
            Some(key) => Str::from(checked_key(key)?),
            None => Str::from(self.shared.new_key(self.now_ms)),
        };
        let mut seeing = self.see(entry, &key)?;
        let expectation = expectation(&seeing, expect, &entry.name, &key)?;
        let rules = WriterRules {
            deletes: match entry.deletes {
                Deletes::Win => antipode_crdt::Deletes::Win,
                Deletes::Lose => antipode_crdt::Deletes::Lose,
            },
        };
        let operation = resolve(&seeing.document, &draft, &rules)
            .map_err(|error| stored::source_error(error, &entry.name, &key))?;
        let position = self.writes.borrow().operations.len() as u64;
        let stamp = Stamp::new(Hlc(PROVISIONAL_HLC + position), self.me());
        let context = self.provisional_context(Hlc(PROVISIONAL_HLC + position - 1));
        let mut indexes = self.catalog.indexes.living(entry.id);
        let before = match indexes.any(|index| index.definition.unique) {
            true => seeing.document.show(),
            false => None,
        };
        seeing.document.apply(&operation, stamp, &context);
        let after = seeing.document.show().zip(seeing.document.revision());
        if entry.kind == CollectionKind::Edge
            && let Some((body, _)) = &after
        {
            check_edge(body)?;
        }
        if let Some((body, _)) = &after {
            self.check_indexes(entry, &key, before.as_ref(), body)?;
        }
        let revision = after.as_ref().map(|(_, revision)| revision.to_string());
        let written = Written {
            key: key.to_string(),
            old: self.present(entry, &key, seeing.shown),
            new: after.zip(revision.as_deref()).map(|((body, _), revision)| {
                with_system_attributes(&entry.name, &key, &body, revision)
            }),
        };
        let mut writes = self.writes.borrow_mut();
        writes.documents.insert(
            (collection, key.clone()),
            Touched {
                document: seeing.document,
            },
        );
        writes.operations.push(DraftOperation::Document {
            collection,
            key,
            draft,
            expect: expectation,
        });
        writes.provisional.push(revision);
        Ok(written)
    }

    /// As [`OpenTransaction::write_document`], for a client that names the version that it wants to change.
    ///
    /// # Errors
    /// The same, and a conflict when the document has another version.
    pub fn write_revision(
        &self,
        collection: CollectionId,
        key: &str,
        draft: Draft,
        revision: &str,
    ) -> Result<Written, SourceError> {
        let entry = self.entry_by_id(collection)?;
        let found = self.see(entry, &Str::from(checked_key(key)?))?;
        let names = || (entry.name.clone(), key.to_owned());
        match found.shown {
            None => {
                let (collection, key) = names();
                Err(SourceError::NotFound { collection, key })
            }
            Some((_, shown)) if shown.to_string() != revision => {
                let (collection, key) = names();
                Err(SourceError::Conflict { collection, key })
            }
            Some(_) => self.write_document(collection, Some(key), draft, Expect::Unchanged),
        }
    }

    /// The newest reports of writes that merges discarded on this node, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn discarded_writes(&self, count: usize) -> Result<Vec<DiscardedWrite>, EngineError> {
        Ok(newest_reports(&*self.snapshot, count)?)
    }

    /// The messages of a stream that the snapshot has.
    pub(crate) fn message_scan(&self, read: &StreamRead) -> Result<MessageScan<'_>, SourceError> {
        MessageScan::open(self, read)
    }

    /// The last sequence number of each origin in a stream.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stream_tails(&self, stream: StreamId) -> Result<VersionVector, EngineError> {
        let mut tails = VersionVector::new();
        let mut at = KeyRange::prefix(stream.0.to_be_bytes());
        loop {
            let mut cursor = self
                .snapshot
                .scan(Space::Streams, at.clone(), Direction::Backward);
            let Some((key, _)) = cursor.next()? else {
                return Ok(tails);
            };
            let key = stored::message_key(key)?;
            tails.set(key.origin, key.seq);
            at = at.ending_before(
                MessageKey {
                    stream,
                    origin: key.origin,
                    seq: 0,
                }
                .encode(),
            );
        }
    }
}

fn has_expired(catalog: &Catalog, collection: &CollectionEntry, body: &Value, now_ms: u64) -> bool {
    catalog
        .expires_ms(collection, body)
        .is_some_and(|expires_ms| expires_ms <= now_ms)
}

/// A document with its system attributes in front.
#[must_use]
pub fn with_system_attributes(collection: &str, key: &str, body: &Value, revision: &str) -> Value {
    let Value::Object(body) = body else {
        return body.clone();
    };
    let mut id = String::with_capacity(collection.len() + 1 + key.len());
    id.push_str(collection);
    id.push('/');
    id.push_str(key);
    let front = vec![
        (Str::from_static("_key"), Value::from(key)),
        (Str::from_static("_id"), Value::from(id)),
        (Str::from_static("_rev"), Value::from(revision)),
    ];
    Value::Object(Object::overlay(front, body))
}

fn expectation(
    seeing: &Seeing,
    expect: Expect,
    collection: &str,
    key: &Str,
) -> Result<Expectation, SourceError> {
    let exists = seeing.shown.is_some();
    let names = || (collection.to_owned(), key.to_string());
    if expect == Expect::Absent && exists {
        let (collection, key) = names();
        return Err(SourceError::KeyTaken { collection, key });
    }
    if expect == Expect::Exists && !exists {
        let (collection, key) = names();
        return Err(SourceError::NotFound { collection, key });
    }
    if !seeing.first_touch {
        return Ok(Expectation::Any);
    }
    let expired = !exists && seeing.stored.is_some();
    Ok(match expect {
        Expect::Any => Expectation::Any,
        // One that has expired is there for the committer, though not for the client.
        Expect::Absent if expired => Expectation::Unchanged(seeing.stored),
        Expect::Absent => Expectation::Absent,
        Expect::Exists => Expectation::Exists,
        Expect::Unchanged => Expectation::Unchanged(seeing.stored),
    })
}

pub(crate) fn store_failed(error: antipode_store::StoreError) -> SourceError {
    SourceError::Other {
        code: error.code(),
        retry: Retry::Later,
        message: error.to_string(),
    }
}
