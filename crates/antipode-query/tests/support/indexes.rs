//! Indexes of the plain database: each reading goes over all documents and asks the definitions what belongs to it.

use std::sync::Arc;

use antipode_query::index::{place, words};
use antipode_query::{
    GeoOrder, GeoRead, IndexField, IndexId, IndexInfo, IndexKind, IndexRead, IndexRows, Scan,
    SourceError,
};
use antipode_value::{Str, Value};

use super::{Collection, Database, Documents};

impl Database {
    /// Creates an index, which is ready at once. Attributes of `stored`, and fields without `[*]`, are covered.
    pub fn create_index(
        &mut self,
        collection: &str,
        kind: IndexKind,
        fields: &[&str],
        unique: bool,
        sparse: bool,
        stored: &[&str],
    ) {
        self.ids += 1;
        let id = IndexId(self.ids);
        let Some(collection) = self.collections.get_mut(collection).map(Arc::make_mut) else {
            return;
        };
        let parse = |text: &&str| IndexField::parse(text).unwrap();
        let fields: Vec<IndexField> = fields.iter().map(parse).collect();
        let plain = |field: &IndexField| field.each.is_none().then(|| field.path.clone());
        let mut covered: Vec<Vec<Str>> = Vec::new();
        if kind == IndexKind::Persistent {
            covered = fields.iter().filter_map(plain).collect();
            covered.extend(stored.iter().map(parse).map(|field| field.path));
        }
        collection.indexes.push(IndexInfo {
            id,
            name: format!("i{}", id.0),
            kind,
            fields,
            unique,
            sparse,
            covered,
            entries: 0,
            selectivity: None,
        });
    }
}

impl Collection {
    /// Its indexes, with estimates that are exact.
    pub(super) fn indexes(&self) -> Vec<IndexInfo> {
        let with_estimates = |index: &IndexInfo| {
            let mut entries: Vec<Vec<Value>> = Vec::new();
            for document in self.documents.values() {
                entries.extend(index.entries_of(document).unwrap_or_default());
            }
            let all = entries.len();
            entries.sort();
            entries.dedup();
            IndexInfo {
                entries: all as u64,
                selectivity: (all > 0).then(|| entries.len() as f64 / all as f64),
                ..index.clone()
            }
        };
        self.indexes.iter().map(with_estimates).collect()
    }

    fn index(&self, id: IndexId) -> Result<&IndexInfo, SourceError> {
        let found = self.indexes.iter().find(|index| index.id == id);
        found.ok_or_else(|| SourceError::Gone {
            name: format!("{id:?}"),
        })
    }

    /// Whether a document may stand beside the others: no unique index has an entry of it for another key.
    pub(super) fn is_unique(&self, key: &str, document: &Value) -> bool {
        let taken = |index: &IndexInfo| {
            let wanted = index.entries_of(document).unwrap_or_default();
            self.documents.iter().any(|(other, document)| {
                let entries = index.entries_of(document).unwrap_or_default();
                other != key && entries.iter().any(|entry| wanted.contains(entry))
            })
        };
        !self
            .indexes
            .iter()
            .any(|index| index.unique && taken(index))
    }

    pub(super) fn index_scan(&self, read: &IndexRead) -> Result<Box<dyn Scan>, SourceError> {
        let index = self.index(read.index)?;
        let mut found = Vec::new();
        for (key, document) in &self.documents {
            for entry in index.entries_of(document)? {
                if read.range.contains(&entry) {
                    found.push((entry, key, document));
                }
            }
        }
        found.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
        if read.reverse {
            found.reverse();
        }
        let row = |(_, _, document): (Vec<Value>, &String, &Value)| match read.rows {
            IndexRows::Documents => document.clone(),
            IndexRows::Covered => index.covered_part(document),
        };
        let rows: Vec<Value> = found.into_iter().map(row).collect();
        Ok(Box::new(Documents(rows.into_iter())))
    }

    pub(super) fn geo_scan(&self, read: &GeoRead) -> Result<Box<dyn Scan>, SourceError> {
        let index = self.index(read.index)?;
        let mut found: Vec<(Option<f64>, Value)> = Vec::new();
        for document in self.documents.values() {
            let Some(place) = place::place_of(index, document) else {
                if read.unplaced {
                    found.push((None, document.clone()));
                }
                continue;
            };
            let distance = place.distance(read.latitude, read.longitude);
            let nearest = if read.touching {
                distance - place.radius
            } else {
                distance
            };
            if read.least <= distance && nearest <= read.most {
                found.push((Some(distance), document.clone()));
            }
        }
        let rank = |distance: Option<f64>| distance.unwrap_or(-1.0);
        match read.order {
            GeoOrder::Any => {}
            GeoOrder::NearestFirst => {
                found.sort_by(|left, right| rank(left.0).total_cmp(&rank(right.0)));
            }
            GeoOrder::FarthestFirst => {
                found.sort_by(|left, right| rank(right.0).total_cmp(&rank(left.0)));
            }
        }
        let rows: Vec<Value> = found.into_iter().map(|(_, document)| document).collect();
        Ok(Box::new(Documents(rows.into_iter())))
    }

    pub(super) fn fulltext_keys(
        &self,
        index: IndexId,
        word: &str,
        prefix: bool,
    ) -> Result<Vec<String>, SourceError> {
        let index = self.index(index)?;
        let has = |document: &Value| {
            let words = words::of_document(index, document);
            words
                .iter()
                .any(|known| known == word || (prefix && known.starts_with(word)))
        };
        let found = self
            .documents
            .iter()
            .filter(|(_, document)| has(document))
            .map(|(key, _)| key.clone());
        Ok(found.collect())
    }
}
