//! Named graphs: which edge collections connect which vertex collections.
//!
//! A graph is described by a document in the system collection `_graphs`, written and merged as every catalog document is
//! (see [`crate::catalog`]): its key is `fabric:name`, it lives while `generation > dropped`. Below that
//!
//! - `definitions` is an object with the edge collections as names; each value is one register, `[[from…], [to…]]`. Two
//!   regions that define different edge collections at once keep both, two that define the same one keep the later.
//! - `orphans` is an object with the vertex collections as names that no edge definition has to use.
//!
//! What merges make of concurrent changes is always a graph: an orphan that some definition uses by now is simply none.
//! The rule that an edge collection has the same definition in all graphs is checked when a definition is made, and two
//! regions may break it together; nothing depends on it.
//!
//! A graph is a name for its edge collections, and a promise that people keep: queries may store edges that lead
//! elsewhere, and traversals follow them, as in AQL.

use std::collections::{BTreeMap, BTreeSet};

use antipode_crdt::{Draft, DraftChange, Path};
use antipode_query::Expect;
use antipode_value::{Str, Value};
use thiserror::Error;

use crate::catalog::{
    Catalog, CollectionEntry, CollectionKind, Deletes, SystemCollection, catalog_key, check_name,
};
use crate::error::EngineError;
use crate::schema::{create, end, named};
use crate::session::OpenTransaction;

/// What a named graph may be refused for. The numbers are ArangoDB's.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum GraphError {
    /// A name that no graph may have.
    #[error(
        "illegal graph name '{name}': a letter, then letters, digits, '_' and '-', 120 bytes at most"
    )]
    IllegalName {
        /// The name.
        name: String,
    },
    /// The name of the graph is missing.
    #[error("a graph needs a name")]
    NameMissing,
    /// An edge definition without an edge collection, or without vertex collections on one side.
    #[error(
        "malformed edge definition: it needs an edge collection, and vertex collections on both sides"
    )]
    MalformedDefinition,
    /// An edge collection stands twice in a graph.
    #[error("edge collection '{collection}' is used more than once in the graph")]
    CollectionTwice {
        /// The edge collection.
        collection: String,
    },
    /// An edge collection has another definition in another graph.
    #[error("edge collection '{collection}' has another definition in graph '{graph}'")]
    OtherDefinition {
        /// The edge collection.
        collection: String,
        /// The other graph.
        graph: String,
    },
    /// There is no such graph.
    #[error("graph not found: {name}")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// There is such a graph already.
    #[error("graph '{name}' exists")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// The vertex collection is none of the graph's.
    #[error("'{collection}' is no vertex collection of the graph")]
    NoVertexCollection {
        /// The collection.
        collection: String,
    },
    /// Vertices cannot be taken from an edge collection.
    #[error("'{collection}' is an edge collection, where one of vertices is needed")]
    EdgesAsVertices {
        /// The collection.
        collection: String,
    },
    /// The vertex collection is in the graph, but not as an orphan.
    #[error("'{collection}' is not an orphan collection of the graph")]
    NoOrphan {
        /// The collection.
        collection: String,
    },
    /// An orphan is a collection that no edge definition uses.
    #[error("'{collection}' is used in an edge definition of the graph")]
    UsedInDefinition {
        /// The collection.
        collection: String,
    },
    /// The edge collection is none of the graph's.
    #[error("'{collection}' is no edge collection of the graph")]
    NoEdgeCollection {
        /// The collection.
        collection: String,
    },
    /// The collection is an orphan already.
    #[error("'{collection}' is an orphan collection of the graph already")]
    OrphanTwice {
        /// The collection.
        collection: String,
    },
    /// The collection of a definition holds no edges.
    #[error("'{collection}' is not an edge collection")]
    DocumentsAsEdges {
        /// The collection.
        collection: String,
    },
}

impl GraphError {
    /// The stable number.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::IllegalName { .. } => 1901,
            Self::CollectionTwice { .. } => 1920,
            Self::OtherDefinition { .. } => 1921,
            Self::NameMissing => 1922,
            Self::MalformedDefinition => 1923,
            Self::NotFound { .. } => 1924,
            Self::Duplicate { .. } => 1925,
            Self::NoVertexCollection { .. } => 1926,
            Self::EdgesAsVertices { .. } => 1927,
            Self::NoOrphan { .. } => 1928,
            Self::UsedInDefinition { .. } => 1929,
            Self::NoEdgeCollection { .. } => 1930,
            Self::OrphanTwice { .. } => 1938,
            Self::DocumentsAsEdges { .. } => 1944,
        }
    }
}

/// Which vertex collections an edge collection connects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EdgeDefinition {
    /// The edge collection.
    pub collection: String,
    /// Where its edges may begin.
    pub from: Vec<String>,
    /// Where its edges may end.
    pub to: Vec<String>,
}

impl EdgeDefinition {
    /// In the form in which it is kept and compared: names in order, each once.
    fn tidied(&self) -> Result<Self, GraphError> {
        let tidy = |names: &[String]| -> Vec<String> {
            let names: BTreeSet<&String> = names.iter().collect();
            names.into_iter().cloned().collect()
        };
        let (from, to) = (tidy(&self.from), tidy(&self.to));
        let unnamed = [&from, &to].iter().any(|names| match names.first() {
            None => true,
            Some(first) => first.is_empty(),
        });
        if self.collection.is_empty() || unnamed {
            return Err(GraphError::MalformedDefinition);
        }
        Ok(Self {
            collection: self.collection.clone(),
            from,
            to,
        })
    }

    /// The vertex collections on both sides.
    fn vertices(&self) -> impl Iterator<Item = &String> {
        self.from.iter().chain(&self.to)
    }

    fn value(&self) -> Value {
        let names =
            |names: &[String]| Value::array(names.iter().map(|name| Value::from(name.as_str())));
        Value::array([names(&self.from), names(&self.to)])
    }

    fn read(collection: &str, value: &Value) -> Option<Self> {
        let sides = value.as_array()?;
        let mut sides = sides.iter().map(|side| -> Option<Vec<String>> {
            let names = side.as_array()?;
            let names = names.iter().map(|name| match name {
                Value::String(name) => Some(name.to_string()),
                _ => None,
            });
            names.collect()
        });
        Some(Self {
            collection: collection.to_owned(),
            from: sides.next()??,
            to: sides.next()??,
        })
    }
}

/// One living graph.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GraphEntry {
    /// Its name in its fabric.
    pub name: String,
    /// Its edge definitions, in the order of the edge collections.
    pub edge_definitions: Vec<EdgeDefinition>,
    /// Vertex collections that no edge definition uses, in order.
    pub orphans: Vec<String>,
}

impl GraphEntry {
    /// The graph that a catalog document describes.
    pub(crate) fn read(name: &str, document: &Value) -> Self {
        let mut definitions = BTreeMap::new();
        if let Some(found) = document.attribute("definitions").as_object() {
            for (collection, value) in found.iter() {
                if let Some(definition) = EdgeDefinition::read(&collection, &value) {
                    definitions.insert(definition.collection.clone(), definition);
                }
            }
        }
        let edge_definitions: Vec<_> = definitions.into_values().collect();
        let used: BTreeSet<&String> = vertices(&edge_definitions).collect();
        let mut orphans = BTreeSet::new();
        if let Some(found) = document.attribute("orphans").as_object() {
            let names = found.iter().map(|(name, _)| name.to_string());
            orphans.extend(names.filter(|name| !used.contains(name)));
        }
        Self {
            name: name.to_owned(),
            edge_definitions,
            orphans: orphans.into_iter().collect(),
        }
    }

    /// The definition of an edge collection of the graph.
    #[must_use]
    pub fn definition(&self, collection: &str) -> Option<&EdgeDefinition> {
        self.edge_definitions
            .iter()
            .find(|definition| definition.collection == collection)
    }

    /// Its edge collections, in order.
    pub fn edge_collections(&self) -> impl Iterator<Item = &String> {
        let definitions = self.edge_definitions.iter();
        definitions.map(|definition| &definition.collection)
    }

    /// Its vertex collections, orphans included, in order.
    #[must_use]
    pub fn vertex_collections(&self) -> BTreeSet<&String> {
        vertices(&self.edge_definitions)
            .chain(&self.orphans)
            .collect()
    }

    /// All collections of the graph.
    fn collections(&self) -> BTreeSet<&String> {
        let mut all = self.vertex_collections();
        all.extend(self.edge_collections());
        all
    }

    fn orphan(&self, collection: &String) -> bool {
        self.orphans.contains(collection)
    }
}

fn vertices(definitions: &[EdgeDefinition]) -> impl Iterator<Item = &String> {
    definitions.iter().flat_map(EdgeDefinition::vertices)
}

/// A change of one named graph.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GraphChange {
    /// A new graph. Collections that do not exist yet are made.
    Create {
        /// Its edge definitions.
        edge_definitions: Vec<EdgeDefinition>,
        /// Further vertex collections.
        orphans: Vec<String>,
    },
    /// The graph goes.
    Drop {
        /// With those of its collections that no other graph has.
        collections: bool,
    },
    /// One edge collection more. Collections that do not exist yet are made.
    AddDefinition(EdgeDefinition),
    /// Another definition for an edge collection of the graph, and of every graph that has it.
    ReplaceDefinition(EdgeDefinition),
    /// One edge collection less; vertex collections that only its definition used become orphans.
    RemoveDefinition {
        /// The edge collection.
        collection: String,
        /// Whether it is dropped, if no other graph has it.
        drop: bool,
    },
    /// One vertex collection more. If it does not exist yet, it is made.
    AddOrphan {
        /// The collection.
        collection: String,
    },
    /// One orphan less.
    RemoveOrphan {
        /// The collection.
        collection: String,
        /// Whether it is dropped, if no other graph has it.
        drop: bool,
    },
}

impl GraphChange {
    /// Writes the change of graph `name` of `fabric` into a transaction.
    pub(crate) fn write(
        &self,
        transaction: &OpenTransaction,
        fabric: &str,
        name: &str,
    ) -> Result<(), EngineError> {
        let writer = Writer {
            transaction,
            catalog: transaction.schema(),
            fabric,
        };
        if let Self::Create {
            edge_definitions,
            orphans,
        } = self
        {
            return writer.create(name, edge_definitions, orphans);
        }
        let graph = writer.find(name)?;
        match self {
            Self::Create { .. } => Ok(()),
            Self::Drop { collections } => writer.drop_graph(graph, *collections),
            Self::AddDefinition(definition) => {
                let definition = definition.tidied()?;
                if graph.definition(&definition.collection).is_some() {
                    let collection = definition.collection;
                    return Err(GraphError::CollectionTwice { collection }.into());
                }
                writer.check_elsewhere(name, &definition)?;
                writer.make_collections(std::slice::from_ref(&definition), &[])?;
                writer.update(name, vec![defined(&definition)])
            }
            Self::ReplaceDefinition(definition) => {
                writer.replace_definition(graph, &definition.tidied()?)
            }
            Self::RemoveDefinition { collection, drop } => {
                writer.remove_definition(graph, collection, *drop)
            }
            Self::AddOrphan { collection } => writer.add_orphan(graph, collection),
            Self::RemoveOrphan { collection, drop } => {
                writer.remove_orphan(graph, collection, *drop)
            }
        }
    }
}

fn definition_path(collection: &str) -> Path {
    Path::new([Str::from_static("definitions"), Str::from(collection)])
}

fn defined(definition: &EdgeDefinition) -> (Path, DraftChange) {
    let path = definition_path(&definition.collection);
    (path, DraftChange::Assign(definition.value()))
}

fn orphan_path(collection: &str) -> Path {
    Path::new([Str::from_static("orphans"), Str::from(collection)])
}

/// Writes changes of graphs into one transaction.
struct Writer<'a> {
    transaction: &'a OpenTransaction,
    catalog: &'a Catalog,
    fabric: &'a str,
}

impl<'a> Writer<'a> {
    fn find(&self, name: &str) -> Result<&'a GraphEntry, GraphError> {
        let found = self.catalog.graph(self.fabric, name);
        found.ok_or_else(|| GraphError::NotFound {
            name: name.to_owned(),
        })
    }

    fn collection(&self, name: &str) -> Option<&'a CollectionEntry> {
        self.catalog.collection(self.fabric, name)
    }

    fn create(
        &self,
        name: &str,
        definitions: &[EdgeDefinition],
        orphans: &[String],
    ) -> Result<(), EngineError> {
        if name.is_empty() {
            return Err(GraphError::NameMissing.into());
        }
        if check_name(name).is_err() {
            let name = name.to_owned();
            return Err(GraphError::IllegalName { name }.into());
        }
        if self.catalog.graph(self.fabric, name).is_some() {
            let name = name.to_owned();
            return Err(GraphError::Duplicate { name }.into());
        }
        let mut tidied: BTreeMap<String, EdgeDefinition> = BTreeMap::new();
        for definition in definitions {
            let definition = definition.tidied()?;
            self.check_elsewhere(name, &definition)?;
            let collection = definition.collection.clone();
            if tidied.insert(collection.clone(), definition).is_some() {
                return Err(GraphError::CollectionTwice { collection }.into());
            }
        }
        let definitions: Vec<_> = tidied.into_values().collect();
        for orphan in orphans {
            if vertices(&definitions).any(|used| used == orphan) {
                let collection = orphan.clone();
                return Err(GraphError::UsedInDefinition { collection }.into());
            }
        }
        self.make_collections(&definitions, orphans)?;

        let values = definitions
            .iter()
            .map(|definition| (definition.collection.as_str(), definition.value()));
        let orphans = orphans
            .iter()
            .map(|name| (name.as_str(), Value::from(true)));
        let mut attributes = named(self.fabric, name);
        attributes.push(("definitions", Value::object(values)));
        attributes.push(("orphans", Value::object(orphans)));
        let key = catalog_key(self.fabric, name);
        let graphs = SystemCollection::Graphs;
        create(self.transaction, graphs, &key, name, attributes)
    }

    /// Changes the document of a graph that lives.
    fn update(&self, name: &str, changes: Vec<(Path, DraftChange)>) -> Result<(), EngineError> {
        let key = catalog_key(self.fabric, name);
        let graphs = SystemCollection::Graphs.id();
        let draft = Draft::Update(changes);
        self.transaction
            .write_document(graphs, Some(&key), draft, Expect::Unchanged)?;
        Ok(())
    }

    /// An edge collection has one definition, whatever graph it is in.
    fn check_elsewhere(&self, name: &str, definition: &EdgeDefinition) -> Result<(), GraphError> {
        for graph in self.catalog.graphs(self.fabric) {
            let known = graph.definition(&definition.collection);
            if graph.name != name && known.is_some_and(|known| known != definition) {
                return Err(GraphError::OtherDefinition {
                    collection: definition.collection.clone(),
                    graph: graph.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Makes the collections that do not exist yet, and checks that the others are what they are used for.
    fn make_collections(
        &self,
        definitions: &[EdgeDefinition],
        orphans: &[String],
    ) -> Result<(), EngineError> {
        let mut missing = BTreeMap::new();
        for EdgeDefinition { collection, .. } in definitions {
            match self.collection(collection) {
                Some(entry) if entry.kind == CollectionKind::Edge => {}
                Some(_) => {
                    let collection = collection.clone();
                    return Err(GraphError::DocumentsAsEdges { collection }.into());
                }
                None => {
                    missing.insert(collection, CollectionKind::Edge);
                }
            }
        }
        for collection in vertices(definitions).chain(orphans) {
            let kind = self.collection(collection).map(|entry| entry.kind);
            let kind = kind.or_else(|| missing.get(collection).copied());
            match kind {
                Some(CollectionKind::Edge) => {
                    let collection = collection.clone();
                    return Err(GraphError::EdgesAsVertices { collection }.into());
                }
                Some(_) => {}
                None => {
                    missing.insert(collection, CollectionKind::Document);
                }
            }
        }
        for (collection, kind) in missing {
            check_name(collection)?;
            let mut attributes = named(self.fabric, collection);
            attributes.push(("kind", Value::from(kind.name())));
            attributes.push(("deletes", Value::from(Deletes::default().name())));
            let key = catalog_key(self.fabric, collection);
            let collections = SystemCollection::Collections;
            create(self.transaction, collections, &key, collection, attributes)?;
        }
        Ok(())
    }

    fn drop_graph(&self, graph: &GraphEntry, collections: bool) -> Result<(), EngineError> {
        let missing = GraphError::NotFound {
            name: graph.name.clone(),
        };
        let key = catalog_key(self.fabric, &graph.name);
        end(
            self.transaction,
            SystemCollection::Graphs,
            &key,
            missing.into(),
        )?;
        if collections {
            for collection in graph.collections() {
                self.drop_collection(&graph.name, collection)?;
            }
        }
        Ok(())
    }

    /// Drops a collection that leaves graph `name`, if it exists and no other graph has it.
    fn drop_collection(&self, name: &str, collection: &String) -> Result<(), EngineError> {
        let mut others = self.catalog.graphs(self.fabric);
        let shared =
            others.any(|graph| graph.name != name && graph.collections().contains(collection));
        if shared || self.collection(collection).is_none() {
            return Ok(());
        }
        let missing = EngineError::CollectionNotFound {
            name: collection.clone(),
        };
        let key = catalog_key(self.fabric, collection);
        end(
            self.transaction,
            SystemCollection::Collections,
            &key,
            missing,
        )
    }

    fn replace_definition(
        &self,
        graph: &GraphEntry,
        definition: &EdgeDefinition,
    ) -> Result<(), EngineError> {
        let collection = &definition.collection;
        if graph.definition(collection).is_none() {
            let collection = collection.clone();
            return Err(GraphError::NoEdgeCollection { collection }.into());
        }
        self.make_collections(std::slice::from_ref(definition), &[])?;
        for graph in self.catalog.graphs(self.fabric) {
            if graph.definition(collection).is_some() {
                let mut changes = left_alone(graph, collection, Some(definition));
                changes.push(defined(definition));
                self.update(&graph.name, changes)?;
            }
        }
        Ok(())
    }

    fn remove_definition(
        &self,
        graph: &GraphEntry,
        collection: &String,
        drop: bool,
    ) -> Result<(), EngineError> {
        if graph.definition(collection).is_none() {
            let collection = collection.clone();
            return Err(GraphError::NoEdgeCollection { collection }.into());
        }
        let mut changes = left_alone(graph, collection, None);
        changes.push((definition_path(collection), DraftChange::Unset));
        self.update(&graph.name, changes)?;
        if drop {
            self.drop_collection(&graph.name, collection)?;
        }
        Ok(())
    }

    fn add_orphan(&self, graph: &GraphEntry, collection: &String) -> Result<(), EngineError> {
        let name = collection.clone();
        if vertices(&graph.edge_definitions).any(|used| used == collection) {
            return Err(GraphError::UsedInDefinition { collection: name }.into());
        }
        if graph.orphan(collection) {
            return Err(GraphError::OrphanTwice { collection: name }.into());
        }
        self.make_collections(&[], std::slice::from_ref(collection))?;
        let orphan = (orphan_path(collection), DraftChange::Assign(true.into()));
        self.update(&graph.name, vec![orphan])
    }

    fn remove_orphan(
        &self,
        graph: &GraphEntry,
        collection: &String,
        drop: bool,
    ) -> Result<(), EngineError> {
        if !graph.orphan(collection) {
            let used = vertices(&graph.edge_definitions).any(|used| used == collection);
            let collection = collection.clone();
            return Err(match used {
                true => GraphError::NoOrphan { collection },
                false => GraphError::NoVertexCollection { collection },
            }
            .into());
        }
        let gone = (orphan_path(collection), DraftChange::Unset);
        self.update(&graph.name, vec![gone])?;
        if drop {
            self.drop_collection(&graph.name, collection)?;
        }
        Ok(())
    }
}

/// The vertex collections that nothing uses any more once an edge collection has another definition, or none: they
/// become orphans.
fn left_alone(
    graph: &GraphEntry,
    collection: &str,
    instead: Option<&EdgeDefinition>,
) -> Vec<(Path, DraftChange)> {
    let others = graph.edge_definitions.iter();
    let others = others.filter(|definition| definition.collection != collection);
    let used: BTreeSet<&String> = others
        .chain(instead)
        .flat_map(EdgeDefinition::vertices)
        .collect();
    let before: BTreeSet<&String> = graph
        .definition(collection)
        .into_iter()
        .flat_map(EdgeDefinition::vertices)
        .collect();
    before
        .difference(&used)
        .map(|left| (orphan_path(left), DraftChange::Assign(true.into())))
        .collect()
}

/// Ends all graphs of a fabric that goes.
pub(crate) fn drop_all(transaction: &OpenTransaction, fabric: &str) -> Result<(), EngineError> {
    for graph in transaction.schema().graphs(fabric) {
        GraphChange::Drop { collections: false }.write(transaction, fabric, &graph.name)?;
    }
    Ok(())
}
