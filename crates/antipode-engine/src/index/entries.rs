//! The entries of a document in an index, and what becomes of them when the document changes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use antipode_query::index::{IndexKind, at, words};
use antipode_store::keyspace::{ExpiryKey, IndexKey};
use antipode_store::record::{ExpiryMark, IndexRow, Record as _};
use antipode_store::{Batch, IndexId, Space};
use antipode_value::layout::Limits;
use antipode_value::{Object, Str, Value, identical, layout, sort_key};
use bytes::Bytes;

use super::registry::IndexEntry;

/// Entries: the key in the space of the index, and the record behind it.
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// A document by its name and what it shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    /// Name of its collection.
    pub collection: &'a str,
    /// Its `_key`.
    pub key: &'a str,
    /// What it shows, without `_key`, `_id` and `_rev`.
    pub body: &'a Value,
}

impl<'a> Named<'a> {
    /// The document as the fields of an index read it.
    pub fn for_index(self, index: &IndexEntry) -> Cow<'a, Value> {
        if !index.definition.reads_key() {
            return Cow::Borrowed(self.body);
        }
        Cow::Owned(self.with_names())
    }

    /// The document with `_key` and `_id` in front.
    pub fn with_names(self) -> Value {
        let id = format!("{}/{}", self.collection, self.key);
        let front = vec![
            (Str::from_static("_key"), Value::from(self.key)),
            (Str::from_static("_id"), Value::from(id)),
        ];
        match self.body {
            Value::Object(body) => Value::Object(Object::overlay(front, body)),
            other => other.clone(),
        }
    }
}

/// Where the entries of an index stand.
pub(crate) fn space(index: &IndexEntry) -> Space {
    match index.definition.kind {
        IndexKind::Ttl { .. } => Space::Expiry,
        _ => Space::Index,
    }
}

/// The entries of a document. One that has more entries than a document may have (which only a merge can make) has none.
pub(crate) fn rows(index: &IndexEntry, document: Named<'_>) -> Rows {
    let seen = document.for_index(index);
    match index.definition.kind {
        IndexKind::Persistent => persistent(index, document.key, &seen),
        IndexKind::Ttl { .. } => {
            let at_ms = antipode_query::index::expiry::expires_ms(index.info(), &seen);
            let key = |at_ms| ExpiryKey {
                at_ms,
                collection: index.collection,
                key: document.key,
            };
            let mark = at_ms.map(|at_ms| (key(at_ms).encode(), ExpiryMark.seal()));
            mark.into_iter().collect()
        }
        IndexKind::Geo { .. } => {
            let (entry, content) = super::geo::entry(index.info(), &seen);
            Rows::from([(
                key_of(index.id, &entry, document.key),
                row(document.key, content),
            )])
        }
        IndexKind::Fulltext { .. } => {
            let words = words::of_document(index.info(), &seen);
            let entries = words.into_iter().map(|word| {
                let entry = word_entry(&word);
                (
                    key_of(index.id, &entry, document.key),
                    row(document.key, Bytes::new()),
                )
            });
            entries.collect()
        }
    }
}

fn persistent(index: &IndexEntry, key: &str, seen: &Value) -> Rows {
    let Ok(entries) = index.info().entries_of(seen) else {
        return Rows::new();
    };
    if entries.is_empty() {
        return Rows::new();
    }
    let covered = &index.info().covered;
    let content = if covered.is_empty() {
        Bytes::new()
    } else {
        let values = covered.iter().map(|path| at(seen, path));
        // Parts of a document are within the limits of one, but for the list around them.
        let packed = layout::encode_within(&Value::array(values), Limits::WIDEST);
        packed.unwrap_or_default().into()
    };
    let row = row(key, content);
    let entries = entries.iter();
    entries
        .map(|entry| (key_of(index.id, &sorted_by(entry), key), row.clone()))
        .collect()
}

/// The bytes by which an entry of a persistent index is sorted.
pub(crate) fn sorted_by(entry: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in entry {
        sort_key::encode_into(value, &mut bytes);
    }
    bytes
}

/// The bytes by which a word is sorted: it ends with a byte that no word has.
pub(crate) fn word_entry(word: &str) -> Vec<u8> {
    let mut bytes = word.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn key_of(index: IndexId, entry: &[u8], key: &str) -> Vec<u8> {
    IndexKey { index, entry, key }.encode()
}

fn row(key: &str, content: Bytes) -> Vec<u8> {
    let key_bytes = u32::try_from(key.len()).unwrap_or(u32::MAX);
    IndexRow { key_bytes, content }.seal()
}

/// A document that has changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// Name of its collection.
    pub collection: &'a str,
    /// Its `_key`.
    pub key: &'a str,
    /// What it showed.
    pub before: Option<&'a Value>,
    /// What it shows.
    pub after: Option<&'a Value>,
}

impl<'a> Change<'a> {
    fn named(self, body: &'a Value) -> Named<'a> {
        Named {
            collection: self.collection,
            key: self.key,
            body,
        }
    }

    /// Whether nothing that the index looks at has changed.
    fn leaves(self, index: &IndexEntry) -> bool {
        let (Some(before), Some(after)) = (self.before, self.after) else {
            return self.before.is_none() && self.after.is_none();
        };
        let fields = index.definition.fields.iter().map(|field| &field.path);
        let mut looked_at = fields.chain(&index.definition.stored);
        looked_at.all(|path| identical(&at(before, path), &at(after, path)))
    }
}

/// Lets the entries of an index follow a document.
pub(crate) fn follow(index: &IndexEntry, change: Change<'_>, batch: &mut Batch) {
    if change.leaves(index) {
        return;
    }
    let rows_of = |body| rows(index, change.named(body));
    let before = change.before.map(rows_of).unwrap_or_default();
    let after = change.after.map(rows_of).unwrap_or_default();
    let space = space(index);
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        batch.delete(space, key);
        index.statistics.removed();
    }
    for (key, row) in &after {
        match before.get(key) {
            Some(same) if same == row => continue,
            Some(_) => {}
            None => index.statistics.added(entry_part(key, change.key)),
        }
        batch.put(space, key, row);
    }
}

/// An entry's key without the index and the document's key.
pub(crate) fn entry_part<'a>(store_key: &'a [u8], key: &str) -> &'a [u8] {
    let end = store_key.len().saturating_sub(key.len());
    store_key.get(8..end).unwrap_or_default()
}

/// Lets the entries of all `indexes` of a collection follow a document, whoever changed it.
pub(crate) fn follow_all(
    indexes: &[std::sync::Arc<IndexEntry>],
    change: Change<'_>,
    batch: &mut Batch,
) {
    for index in indexes {
        follow(index, change, batch);
    }
}
