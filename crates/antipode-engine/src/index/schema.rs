//! Making, dropping and listing indexes: the catalog's side.
//!
//! The document of an index has the key `collection id:name`, so an index ends with its collection and two regions that make the
//! same index at once make one. Its definition is a list with one object in it, which merges as one value: of two
//! definitions under one name at once, the newer one is the index.

use antipode_crdt::{Draft, DraftChange, Path};
use antipode_query::Expect;
use antipode_query::Source as _;
use antipode_query::index::IndexKind;
use antipode_value::{Str, Value};

use super::definition::IndexDefinition;
use super::error::IndexError;
use super::registry::{IndexEntry, IndexStatus};
use crate::catalog::{CollectionEntry, CollectionKind, SystemCollection, check_name};
use crate::error::EngineError;
use crate::session::OpenTransaction;

/// Most indexes of one collection.
const INDEXES_MAX: usize = 64;

impl OpenTransaction {
    /// Writes the definition of an index, unless the collection has an equal one. Returns the name of the index.
    ///
    /// # Errors
    /// When the definition makes no sense, or its name is taken by another index.
    pub(crate) fn define_index(
        &self,
        collection: &CollectionEntry,
        given: &Value,
    ) -> Result<String, EngineError> {
        if collection.name.starts_with('_') {
            return Err(EngineError::SystemCollection {
                name: collection.name.clone(),
            });
        }
        let (definition, name) = IndexDefinition::read(given)?;
        let registry = &self.catalog.indexes;
        let living: Vec<&IndexEntry> = registry.living(collection.id).map(AsRef::as_ref).collect();
        if let Some(same) = living.iter().find(|index| index.definition == definition) {
            return Ok(same.name.clone());
        }
        let name = match name {
            Some(name) => {
                check_name(&name)?;
                name
            }
            None => definition.default_name(),
        };
        if living.iter().any(|index| index.name == name) || BUILT_IN.contains(&name.as_str()) {
            let collection = collection.name.clone();
            return Err(IndexError::DuplicateName { collection, name }.into());
        }
        if living.len() >= INDEXES_MAX {
            let collection = collection.name.clone();
            let limit = INDEXES_MAX;
            return Err(IndexError::TooMany { collection, limit }.into());
        }
        if matches!(definition.kind, IndexKind::Ttl { .. }) {
            check_ttl(collection, &living)?;
        }
        self.write_definition(collection, &name, &definition)?;
        Ok(name)
    }

    fn write_definition(
        &self,
        collection: &CollectionEntry,
        name: &str,
        definition: &IndexDefinition,
    ) -> Result<(), EngineError> {
        let key = document_key(collection, name);
        let system = SystemCollection::Indexes.id();
        let definition = Value::array([definition.to_value()]);
        let stored = self.stored(system, &key)?;
        let draft = match stored {
            Some((document, _)) => {
                let number = |name: &str| document.attribute(name).as_int().unwrap_or(0);
                let next = number("generation").max(number("dropped")) + 1;
                Draft::Update(vec![
                    (at("definition"), DraftChange::Assign(definition)),
                    (at("generation"), DraftChange::Max(Value::Int(next))),
                ])
            }
            None => Draft::InsertWith {
                value: Value::object([
                    ("collection", Value::from(collection.id.to_string())),
                    ("name", Value::from(name)),
                    ("definition", definition),
                ]),
                changes: vec![
                    (at("dropped"), DraftChange::Max(Value::Int(0))),
                    (at("generation"), DraftChange::Max(Value::Int(1))),
                ],
            },
        };
        self.write_document(system, Some(&key), draft, Expect::Unchanged)?;
        Ok(())
    }

    /// Ends an index, given by its name or id.
    ///
    /// # Errors
    /// When there is none, or it belongs to its collection.
    pub(crate) fn end_index(
        &self,
        collection: &CollectionEntry,
        handle: &str,
    ) -> Result<(), EngineError> {
        let name = self.index_by_handle(collection, handle)?.name.clone();
        let key = document_key(collection, &name);
        let system = SystemCollection::Indexes.id();
        let missing = || IndexError::NotFound {
            collection: collection.name.clone(),
            name: handle.to_owned(),
        };
        let (document, _) = self.stored(system, &key)?.ok_or_else(missing)?;
        let generation = document.attribute("generation");
        let draft = Draft::Update(vec![(at("dropped"), DraftChange::Max(generation))]);
        self.write_document(system, Some(&key), draft, Expect::Unchanged)?;
        Ok(())
    }

    /// An index by its name, its number or `collection/number`.
    pub(crate) fn index_by_handle(
        &self,
        collection: &CollectionEntry,
        handle: &str,
    ) -> Result<&IndexEntry, IndexError> {
        let bad = || IndexError::BadHandle {
            text: handle.to_owned(),
        };
        let short = match handle.split_once('/') {
            None => handle,
            Some((of, short)) if of == collection.name && !short.is_empty() => short,
            Some(_) => return Err(bad()),
        };
        let number: Option<u64> = short.parse().ok();
        let built_in = match number {
            Some(0) => Some("primary"),
            Some(1) => Some("edge"),
            _ => BUILT_IN.into_iter().find(|name| *name == short),
        };
        if let Some(name) = built_in {
            let name = name.to_owned();
            return Err(IndexError::BuiltIn { name });
        }
        if number.is_none() && check_name(short).is_err() {
            return Err(bad());
        }
        let mut living = self.catalog.indexes.living(collection.id);
        let found = living.find(|index| index.name == short || Some(index.id.0) == number);
        found
            .map(AsRef::as_ref)
            .ok_or_else(|| IndexError::NotFound {
                collection: collection.name.clone(),
                name: handle.to_owned(),
            })
    }

    /// The indexes of a collection, those that every collection has first, then by name.
    ///
    /// # Errors
    /// When there is no such collection, or the store cannot be read.
    pub fn index_list(&self, collection: &str) -> Result<Vec<IndexStatus>, EngineError> {
        let entry = self.entry(collection)?;
        let total = self.count(antipode_query::CollectionId(entry.id.0))?;
        let mut list = built_in(entry, total);
        let own = self.catalog.indexes.living(entry.id);
        let mut own: Vec<_> = own.map(|index| index.status(&entry.name, total)).collect();
        own.sort_by(|a, b| a.name.cmp(&b.name));
        list.extend(own);
        Ok(list)
    }
}

/// Names of the indexes that collections have by themselves.
const BUILT_IN: [&str; 2] = ["primary", "edge"];

fn built_in(collection: &CollectionEntry, total: u64) -> Vec<IndexStatus> {
    let status = |number: u64, name: &str, fields: &[&str], unique: bool| IndexStatus {
        id: format!("{}/{number}", collection.name),
        name: name.to_owned(),
        definition: Value::object([
            ("type", Value::from(name)),
            ("fields", Value::array(fields.iter().copied())),
            ("unique", Value::from(unique)),
            ("sparse", Value::from(false)),
        ]),
        ready: true,
        documents_done: total,
        documents_total: total,
        duplicates: 0,
        entries: total,
        selectivity: unique.then_some(1.0),
    };
    let mut list = vec![status(0, "primary", &["_key"], true)];
    if collection.kind == CollectionKind::Edge {
        list.push(status(1, "edge", &["_from", "_to"], false));
    }
    list
}

fn check_ttl(collection: &CollectionEntry, living: &[&IndexEntry]) -> Result<(), IndexError> {
    let detail = if collection.kind == CollectionKind::KeyValue {
        "pairs of a key-value store expire by their 'expireAt'; it takes no ttl index"
    } else if living
        .iter()
        .any(|index| matches!(index.definition.kind, IndexKind::Ttl { .. }))
    {
        "a collection has one ttl index at most"
    } else {
        return Ok(());
    };
    Err(IndexError::BadDefinition {
        detail: detail.to_owned(),
    })
}

fn document_key(collection: &CollectionEntry, name: &str) -> String {
    format!("{}:{name}", collection.id)
}

fn at(name: &'static str) -> Path {
    Path::new([Str::from_static(name)])
}
