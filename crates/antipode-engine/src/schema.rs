//! The catalog's own writes: making and dropping fabrics, collections, named graphs and streams, and moving named cursors.
//!
//! Each is an ordinary transaction on system collections. What has to merge is written as `Max`: two regions that drop a
//! collection at once drop it once, and a cursor that two readers move ends at the farther place.

use std::ops::Bound;
use std::sync::Arc;

use antipode_clock::{ReplicaId, VersionVector};
use antipode_crdt::{Draft, DraftChange, Path};
use antipode_query::{Expect, KeyBounds, Scan as _};
use antipode_store::StreamId;
use antipode_value::{Str, Value};

use crate::catalog::{
    CollectionEntry, CollectionKind, Deletes, SYSTEM_FABRIC, SystemCollection, catalog_key,
    check_name,
};
use crate::error::EngineError;
use crate::graph::{self, GraphChange};
use crate::scan::DocumentScan;
use crate::session::OpenTransaction;
use crate::shared::Shared;

/// Longest name of a cursor, in bytes.
pub const CURSOR_NAME_BYTES_MAX: usize = 100;

/// A change of the catalog or of a cursor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SchemaChange {
    /// A new fabric.
    CreateFabric {
        /// Its name.
        name: String,
    },
    /// A fabric goes, with all its collections and streams.
    DropFabric {
        /// Its name.
        name: String,
    },
    /// A new collection.
    CreateCollection {
        /// The fabric.
        fabric: String,
        /// Its name.
        name: String,
        /// What it holds.
        kind: CollectionKind,
        /// What a concurrent patch does to a removal.
        deletes: Deletes,
    },
    /// A collection goes, with all its documents.
    DropCollection {
        /// The fabric.
        fabric: String,
        /// Its name.
        name: String,
    },
    /// A new stream.
    CreateStream {
        /// The fabric.
        fabric: String,
        /// Its name.
        name: String,
    },
    /// A stream goes, with all its messages.
    DropStream {
        /// The fabric.
        fabric: String,
        /// Its name.
        name: String,
    },
    /// A named graph comes, goes or changes.
    Graph {
        /// The fabric.
        fabric: String,
        /// Its name.
        name: String,
        /// What becomes of it.
        change: GraphChange,
    },
    /// A new index; nothing where the collection has an equal one.
    CreateIndex {
        /// The fabric.
        fabric: String,
        /// The collection.
        collection: String,
        /// What it is: `{type, fields, …, name}`.
        definition: Value,
    },
    /// An index goes.
    DropIndex {
        /// The fabric.
        fabric: String,
        /// The collection.
        collection: String,
        /// Its name or id.
        index: String,
    },
    /// A named cursor of a stream moves forward.
    CommitCursor {
        /// The stream.
        stream: StreamId,
        /// The cursor's name.
        name: String,
        /// For each origin, the number of the last message that was worked off.
        position: VersionVector,
    },
    /// A named cursor goes.
    DropCursor {
        /// The stream.
        stream: StreamId,
        /// The cursor's name.
        name: String,
    },
}

impl SchemaChange {
    /// The change as an open transaction, ready to be committed.
    ///
    /// # Errors
    /// When a name is illegal or taken, or what is to go does not exist.
    pub fn begin(&self, shared: &Arc<Shared>, now_ms: u64) -> Result<OpenTransaction, EngineError> {
        let transaction = OpenTransaction::begin(shared, SYSTEM_FABRIC, now_ms)?.for_system();
        match self {
            Self::CreateFabric { name } => {
                check_name(name)?;
                let attributes = vec![("name", Value::from(name.as_str()))];
                create(
                    &transaction,
                    SystemCollection::Fabrics,
                    name,
                    name,
                    attributes,
                )?;
            }
            Self::DropFabric { name } => drop_fabric(&transaction, name)?,
            Self::CreateCollection {
                fabric,
                name,
                kind,
                deletes,
            } => {
                check_name(name)?;
                check_fabric(&transaction, fabric)?;
                let mut attributes = named(fabric, name);
                attributes.push(("kind", Value::from(kind.name())));
                attributes.push(("deletes", Value::from(deletes.name())));
                create(
                    &transaction,
                    SystemCollection::Collections,
                    &catalog_key(fabric, name),
                    name,
                    attributes,
                )?;
            }
            Self::DropCollection { fabric, name } => {
                check_fabric(&transaction, fabric)?;
                let missing = EngineError::CollectionNotFound { name: name.clone() };
                end(
                    &transaction,
                    SystemCollection::Collections,
                    &catalog_key(fabric, name),
                    missing,
                )?;
            }
            Self::CreateStream { fabric, name } => {
                check_name(name)?;
                check_fabric(&transaction, fabric)?;
                let attributes = named(fabric, name);
                create(
                    &transaction,
                    SystemCollection::Streams,
                    &catalog_key(fabric, name),
                    name,
                    attributes,
                )?;
            }
            Self::DropStream { fabric, name } => {
                check_fabric(&transaction, fabric)?;
                let missing = EngineError::StreamNotFound { name: name.clone() };
                end(
                    &transaction,
                    SystemCollection::Streams,
                    &catalog_key(fabric, name),
                    missing,
                )?;
            }
            Self::Graph {
                fabric,
                name,
                change,
            } => {
                check_fabric(&transaction, fabric)?;
                change.write(&transaction, fabric, name)?;
            }
            Self::CreateIndex {
                fabric,
                collection,
                definition,
            } => {
                let entry = collection_of(&transaction, fabric, collection)?;
                transaction.define_index(entry, definition)?;
            }
            Self::DropIndex {
                fabric,
                collection,
                index,
            } => {
                let entry = collection_of(&transaction, fabric, collection)?;
                transaction.end_index(entry, index)?;
            }
            Self::CommitCursor {
                stream,
                name,
                position,
            } => {
                commit_cursor(&transaction, *stream, name, position)?;
            }
            Self::DropCursor { stream, name } => {
                let key = cursor_key(*stream, name)?;
                transaction.write_document(
                    SystemCollection::Cursors.id(),
                    Some(&key),
                    Draft::Remove,
                    Expect::Exists,
                )?;
            }
        }
        Ok(transaction)
    }
}

pub(crate) fn named(fabric: &str, name: &str) -> Vec<(&'static str, Value)> {
    vec![("fabric", Value::from(fabric)), ("name", Value::from(name))]
}

fn check_fabric(transaction: &OpenTransaction, fabric: &str) -> Result<(), EngineError> {
    if transaction.schema().has_fabric(fabric) {
        Ok(())
    } else {
        Err(EngineError::FabricNotFound {
            name: fabric.to_owned(),
        })
    }
}

fn collection_of<'a>(
    transaction: &'a OpenTransaction,
    fabric: &str,
    name: &str,
) -> Result<&'a CollectionEntry, EngineError> {
    check_fabric(transaction, fabric)?;
    transaction
        .schema()
        .collection(fabric, name)
        .ok_or_else(|| EngineError::CollectionNotFound {
            name: name.to_owned(),
        })
}

/// The document that describes something, if there is one: `(generation, dropped)`.
fn generations(
    transaction: &OpenTransaction,
    system: SystemCollection,
    key: &str,
) -> Result<Option<(i64, i64)>, EngineError> {
    let stored = transaction.stored(system.id(), key)?;
    let number = |document: &Value, name: &str| document.attribute(name).as_int().unwrap_or(0);
    Ok(stored.map(|(document, _)| {
        (
            number(&document, "generation"),
            number(&document, "dropped"),
        )
    }))
}

fn at(name: &'static str) -> Path {
    Path::new([Str::from_static(name)])
}

pub(crate) fn create(
    transaction: &OpenTransaction,
    system: SystemCollection,
    key: &str,
    name: &str,
    attributes: Vec<(&'static str, Value)>,
) -> Result<(), EngineError> {
    let draft = match generations(transaction, system, key)? {
        Some((generation, dropped)) if generation > dropped => {
            return Err(EngineError::DuplicateName {
                name: name.to_owned(),
            });
        }
        Some((generation, dropped)) => {
            let mut changes: Vec<_> = attributes
                .into_iter()
                .map(|(name, value)| (at(name), DraftChange::Assign(value)))
                .collect();
            let next = generation.max(dropped) + 1;
            changes.push((at("generation"), DraftChange::Max(Value::Int(next))));
            Draft::Update(changes)
        }
        None => Draft::InsertWith {
            value: Value::object(attributes),
            changes: vec![
                (at("dropped"), DraftChange::Max(Value::Int(0))),
                (at("generation"), DraftChange::Max(Value::Int(1))),
            ],
        },
    };
    transaction.write_document(system.id(), Some(key), draft, Expect::Unchanged)?;
    Ok(())
}

pub(crate) fn end(
    transaction: &OpenTransaction,
    system: SystemCollection,
    key: &str,
    missing: EngineError,
) -> Result<(), EngineError> {
    match generations(transaction, system, key)? {
        Some((generation, dropped)) if generation > dropped => {
            let draft = Draft::Update(vec![(
                at("dropped"),
                DraftChange::Max(Value::Int(generation)),
            )]);
            transaction.write_document(system.id(), Some(key), draft, Expect::Unchanged)?;
            Ok(())
        }
        _ => Err(missing),
    }
}

fn drop_fabric(transaction: &OpenTransaction, name: &str) -> Result<(), EngineError> {
    if name == SYSTEM_FABRIC {
        return Err(EngineError::SystemCollection {
            name: name.to_owned(),
        });
    }
    graph::drop_all(transaction, name)?;
    let schema = transaction.schema();
    let missing = EngineError::FabricNotFound {
        name: name.to_owned(),
    };
    for entry in schema.collections(name) {
        let missing = EngineError::CollectionNotFound {
            name: entry.name.clone(),
        };
        end(
            transaction,
            SystemCollection::Collections,
            &catalog_key(name, &entry.name),
            missing,
        )?;
    }
    for entry in schema.streams(name) {
        let missing = EngineError::StreamNotFound {
            name: entry.name.clone(),
        };
        end(
            transaction,
            SystemCollection::Streams,
            &catalog_key(name, &entry.name),
            missing,
        )?;
    }
    end(transaction, SystemCollection::Fabrics, name, missing)
}

/// The key of the document that holds a cursor.
fn cursor_key(stream: StreamId, name: &str) -> Result<String, EngineError> {
    let legal = !name.is_empty()
        && name.len() <= CURSOR_NAME_BYTES_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if legal {
        Ok(format!("{stream}:{name}"))
    } else {
        Err(EngineError::IllegalName {
            name: name.to_owned(),
        })
    }
}

fn commit_cursor(
    transaction: &OpenTransaction,
    stream: StreamId,
    name: &str,
    position: &VersionVector,
) -> Result<(), EngineError> {
    let key = cursor_key(stream, name)?;
    if transaction.schema().stream_by_id(stream).is_none() {
        return Err(EngineError::StreamNotFound {
            name: stream.to_string(),
        });
    }
    let positions = Str::from_static("positions");
    let changes: Vec<_> = position
        .iter()
        .map(|(origin, seq)| {
            let path = Path::new([positions.clone(), Str::from(origin.to_string())]);
            (
                path,
                DraftChange::Max(Value::Int(i64::try_from(seq).unwrap_or(i64::MAX))),
            )
        })
        .collect();
    let system = SystemCollection::Cursors.id();
    let (draft, expect) = if transaction.stored(system, &key)?.is_some() {
        (Draft::Update(changes), Expect::Exists)
    } else {
        let value = Value::object([
            ("name", Value::from(name)),
            ("stream", Value::from(stream.to_string())),
        ]);
        (Draft::InsertWith { value, changes }, Expect::Absent)
    };
    transaction.write_document(system, Some(&key), draft, expect)?;
    Ok(())
}

impl OpenTransaction {
    /// Where a named cursor of a stream stands: for each origin, the number of the last message that was worked off.
    ///
    /// # Errors
    /// When the name is not one of a cursor, or the store cannot be read.
    pub fn cursor(&self, stream: StreamId, name: &str) -> Result<VersionVector, EngineError> {
        let key = cursor_key(stream, name)?;
        let Some((document, _)) = self.stored(SystemCollection::Cursors.id(), &key)? else {
            return Ok(VersionVector::new());
        };
        Ok(positions(&document))
    }

    /// The named cursors of a stream, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursors(&self, stream: StreamId) -> Result<Vec<(String, VersionVector)>, EngineError> {
        let bounds = KeyBounds {
            lower: Bound::Included(format!("{stream}:")),
            upper: Bound::Excluded(format!("{stream};")),
            reverse: false,
        };
        let mut scan = DocumentScan::open(self, SystemCollection::Cursors.id(), &bounds)?;
        let mut documents = Vec::new();
        while scan.next_batch(1_000, &mut documents)? {}
        let named = |document: &Value| {
            (
                document.attribute("name").to_text().to_string(),
                positions(document),
            )
        };
        Ok(documents.iter().map(named).collect())
    }
}

/// Where the cursor stands that a document describes.
fn positions(document: &Value) -> VersionVector {
    let positions = document.attribute("positions");
    let entries = positions
        .as_object()
        .into_iter()
        .flat_map(|positions| positions.iter());
    entries
        .filter_map(|(origin, seq)| {
            let origin: ReplicaId = origin.as_str().parse().ok()?;
            Some((origin, u64::try_from(seq.as_int()?).ok()?))
        })
        .collect()
}
