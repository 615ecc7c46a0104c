//! The indexes of all collections, as one node has them.
//!
//! A definition comes from the catalog; the phase is this node's own. An index that was dropped stays here, unseen but kept up,
//! until the background work has taken its entries away: so a reader that still holds the catalog from before finds all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use antipode_query as query;
use antipode_query::index::{IndexInfo, IndexKind};
use antipode_store::record::{IndexPhase, IndexState};
use antipode_store::{CollectionId, IndexId};
use antipode_value::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::definition::IndexDefinition;
use super::statistics::Statistics;

/// An index on this node.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    /// Identity: a hash of collection, name, generation and definition.
    pub id: IndexId,
    /// Its collection.
    pub collection: CollectionId,
    /// Its name, unique in the collection.
    pub name: String,
    /// What it is.
    pub definition: IndexDefinition,
    /// Where in its life it is on this node.
    pub phase: IndexPhase,
    /// The same for the query crate, without what changes with the entries.
    info: IndexInfo,
    pub(crate) statistics: Arc<Statistics>,
}

/// An index as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexStatus {
    /// Its id: `collection/number`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `{type, fields, unique, sparse, …}`.
    pub definition: Value,
    /// Whether queries use it; otherwise it is being built.
    pub ready: bool,
    /// Documents that the build has passed.
    pub documents_done: u64,
    /// Documents of the collection.
    pub documents_total: u64,
    /// Entries that the build found twice in a unique index.
    pub duplicates: u64,
    /// About how many entries it has.
    pub entries: u64,
    /// About how many distinct entries there are for each entry.
    pub selectivity: Option<f64>,
}

impl IndexStatus {
    /// The object that surfaces show.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let mut pairs: Vec<(String, Value)> = vec![
            ("id".into(), Value::from(self.id.as_str())),
            ("name".into(), Value::from(self.name.as_str())),
        ];
        if let Some(definition) = self.definition.as_object() {
            let own = definition.iter();
            pairs.extend(own.map(|(name, value)| (name.to_string(), value)));
        }
        if let Some(selectivity) = self.selectivity {
            pairs.push(("selectivityEstimate".into(), Value::float(selectivity)));
        }
        let state = if self.ready { "ready" } else { "building" };
        pairs.push(("state".into(), Value::from(state)));
        if !self.ready {
            let share = self.documents_done as f64 / self.documents_total.max(1) as f64;
            let percent = (share.min(1.0) * 1_000.0).floor() / 10.0;
            pairs.push(("progress".into(), Value::float(percent)));
        }
        if self.duplicates > 0 {
            pairs.push(("duplicates".into(), number(self.duplicates)));
        }
        Value::object(pairs)
    }
}

impl IndexEntry {
    fn new(
        id: IndexId,
        collection: CollectionId,
        name: String,
        definition: IndexDefinition,
    ) -> Self {
        let info = IndexInfo {
            id: query::index::IndexId(id.0),
            name: name.clone(),
            kind: definition.kind,
            fields: definition.fields.clone(),
            unique: definition.unique,
            sparse: definition.sparse,
            covered: definition.covered(),
            entries: 0,
            selectivity: None,
        };
        Self {
            id,
            collection,
            name,
            definition,
            phase: IndexPhase::Building,
            info,
            statistics: Arc::default(),
        }
    }

    /// What entries it has, as the query crate says it.
    #[must_use]
    pub fn info(&self) -> &IndexInfo {
        &self.info
    }

    /// The same with the numbers that steer plans.
    #[must_use]
    pub fn described(&self) -> IndexInfo {
        let unique = self.definition.unique.then_some(1.0);
        IndexInfo {
            entries: self.statistics.entries(),
            selectivity: unique.or_else(|| self.statistics.selectivity()),
            ..self.info.clone()
        }
    }

    /// The index as it is listed.
    pub(crate) fn status(&self, collection: &str, documents_total: u64) -> IndexStatus {
        let described = self.described();
        IndexStatus {
            id: format!("{collection}/{}", self.id.0),
            name: self.name.clone(),
            definition: self.definition.to_value(),
            ready: self.phase == IndexPhase::Ready,
            documents_done: self.statistics.documents.load(Ordering::Relaxed),
            documents_total,
            duplicates: self.statistics.duplicates.load(Ordering::Relaxed),
            entries: described.entries,
            selectivity: described.selectivity,
        }
    }

    fn is_dropped(&self) -> bool {
        self.phase == IndexPhase::Dropping
    }
}

/// What a definition that arrived changes on this node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Changed {
    /// An index to be built.
    pub begun: Option<IndexId>,
    /// An index that is gone.
    pub ended: Option<IndexId>,
}

/// All indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexRegistry {
    by_collection: BTreeMap<CollectionId, Vec<Arc<IndexEntry>>>,
    /// Dropped before the node stopped: nobody reads their entries, which are still to go.
    orphans: Vec<IndexId>,
}

impl IndexRegistry {
    /// Takes in a document of `_indexes` as it stands now. `lives` says whether its collection does.
    pub fn take(
        &mut self,
        document: &Value,
        lives: impl FnOnce(CollectionId) -> bool,
    ) -> Option<Changed> {
        let text = |name: &str| document.attribute(name).as_str().map(str::to_owned);
        let collection = u64::from_str_radix(&text("collection")?, 16).ok()?;
        let collection = CollectionId(collection);
        let name = text("name")?;
        // In a list of one, so that of two definitions at once one wins whole.
        let given = document.attribute("definition").as_array()?.get(0)?;
        let (definition, _) = IndexDefinition::read(&given).ok()?;
        let number = |name: &str| document.attribute(name).as_int().unwrap_or(0);
        let generation = number("generation");
        let wanted = generation > number("dropped") && lives(collection);
        let id = index_id(collection, &name, generation, &definition);
        let indexes = self.by_collection.entry(collection).or_default();
        let mut changed = Changed::default();
        for index in indexes.iter_mut() {
            let ends = index.name == name && !index.is_dropped() && !(wanted && index.id == id);
            if ends {
                Arc::make_mut(index).phase = IndexPhase::Dropping;
                changed.ended = Some(index.id);
            }
        }
        let known = indexes.iter().any(|index| index.id == id);
        if wanted && !known {
            indexes.push(Arc::new(IndexEntry::new(id, collection, name, definition)));
            indexes.sort_by_key(|index| index.id);
            changed.begun = Some(id);
        }
        if indexes.is_empty() {
            self.by_collection.remove(&collection);
        }
        Some(changed)
    }

    /// Takes in what is stored of an index that the node knew when it stopped.
    pub fn restore(&mut self, id: IndexId, state: &IndexState) {
        let mut all = self.by_collection.values_mut().flatten();
        match all.find(|index| index.id == id) {
            Some(index) => {
                let index = Arc::make_mut(index);
                index.phase = state.phase;
                index.statistics = Arc::new(Statistics::load(state));
            }
            None => self.orphans.push(id),
        }
    }

    /// Moves an index on in its life.
    pub fn set_phase(&mut self, id: IndexId, phase: IndexPhase) {
        let mut all = self.by_collection.values_mut().flatten();
        if let Some(index) = all.find(|index| index.id == id) {
            Arc::make_mut(index).phase = phase;
        }
    }

    /// Forgets an index whose entries are gone.
    pub fn forget(&mut self, id: IndexId) {
        for indexes in self.by_collection.values_mut() {
            indexes.retain(|index| index.id != id);
        }
        self.by_collection.retain(|_, indexes| !indexes.is_empty());
        self.orphans.retain(|orphan| *orphan != id);
    }

    /// Forgets the indexes of a collection that is gone.
    pub fn end_collection(&mut self, collection: CollectionId) -> Vec<IndexId> {
        let ended = self.by_collection.remove(&collection).unwrap_or_default();
        ended.iter().map(|index| index.id).collect()
    }

    /// The indexes of a collection whose entries follow its documents: all that are not gone yet.
    pub fn kept(&self, collection: CollectionId) -> &[Arc<IndexEntry>] {
        self.by_collection
            .get(&collection)
            .map_or(&[], Vec::as_slice)
    }

    /// The indexes of a collection, built or not.
    pub fn living(&self, collection: CollectionId) -> impl Iterator<Item = &Arc<IndexEntry>> {
        let kept = self.kept(collection).iter();
        kept.filter(|index| !index.is_dropped())
    }

    /// The index that says when documents of a collection expire.
    pub fn expiry(&self, collection: CollectionId) -> Option<&IndexInfo> {
        if self.by_collection.is_empty() {
            return None;
        }
        self.living(collection)
            .map(|index| index.info())
            .find(|info| matches!(info.kind, IndexKind::Ttl { .. }))
    }

    /// An index whose entries are to go, and whether nobody has ever known it since the node started.
    pub fn ended(&self) -> Option<(IndexId, bool)> {
        let mut dropped = self.all().filter(|index| index.is_dropped());
        let orphan = self.orphans.first().map(|index| (*index, true));
        orphan.or_else(|| dropped.next().map(|index| (index.id, false)))
    }

    /// An index to be built.
    pub fn unbuilt(&self) -> Option<&Arc<IndexEntry>> {
        self.all().find(|index| index.phase == IndexPhase::Building)
    }

    /// All indexes that are not gone yet.
    pub fn all(&self) -> impl Iterator<Item = &Arc<IndexEntry>> {
        self.by_collection.values().flatten()
    }
}

/// The id of an index: of two definitions under one name each has its own.
fn index_id(
    collection: CollectionId,
    name: &str,
    generation: i64,
    definition: &IndexDefinition,
) -> IndexId {
    let text = format!(
        "index/{collection}/{name}/{generation}/{}",
        definition.hash()
    );
    // Ids below this are kept for the indexes that every collection has.
    IndexId(xxh3_64(text.as_bytes()).max(256))
}
