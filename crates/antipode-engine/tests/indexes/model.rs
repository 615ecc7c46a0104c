//! What documents and indexes are, written down as plainly as can be: lists, and no code of the engine but the order of
//! values.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use antipode_clock::Stamp;
use antipode_query::index::{IndexField, IndexInfo, IndexRange};
use antipode_value::{Str, Value, compare};

/// Attributes of a document.
pub type Fields = BTreeMap<&'static str, Value>;

/// Keys and bodies, in the order of the keys.
pub type Documents = Vec<(String, Value)>;

/// The documents of a node, each attribute with the stamp of the write that set it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub documents: BTreeMap<String, BTreeMap<&'static str, (Stamp, Value)>>,
}

impl Model {
    pub fn put(&mut self, key: &str, fields: Fields, stamp: Stamp) {
        self.remove(key);
        self.documents.insert(key.to_owned(), BTreeMap::new());
        self.set(key, fields, stamp);
    }

    pub fn set(&mut self, key: &str, fields: Fields, stamp: Stamp) {
        let document = self.documents.entry(key.to_owned()).or_default();
        for (name, value) in fields {
            document.insert(name, (stamp, value));
        }
    }

    pub fn unset(&mut self, key: &str, name: &str) {
        if let Some(document) = self.documents.get_mut(key) {
            document.remove(name);
        }
    }

    pub fn remove(&mut self, key: &str) {
        self.documents.remove(key);
    }

    /// What two nodes come to: `x…` as the first has it and `y…` as the second, since nobody else changed them; of the
    /// others each attribute as it was set last.
    pub fn merged(a: &Self, b: &Self) -> Self {
        let mut merged = Self::default();
        for (one, other, own) in [(a, b, 'x'), (b, a, 'y')] {
            for (key, document) in &one.documents {
                if key.starts_with(own) {
                    merged.documents.insert(key.clone(), document.clone());
                }
                if !key.starts_with('s') {
                    continue;
                }
                let into = merged.documents.entry(key.clone()).or_default();
                let others = other.documents.get(key).into_iter().flatten();
                for (name, (stamp, value)) in document.iter().chain(others) {
                    let newer = into.get(name).is_none_or(|(before, _)| before < stamp);
                    if newer {
                        into.insert(name, (*stamp, value.clone()));
                    }
                }
            }
        }
        merged
    }

    pub fn documents(&self) -> Documents {
        let shown = |document: &BTreeMap<&'static str, (Stamp, Value)>| {
            let fields = document.iter();
            Value::object(fields.map(|(name, (_, value))| (*name, value.clone())))
        };
        let documents = self.documents.iter();
        documents
            .map(|(key, document)| (key.clone(), shown(document)))
            .collect()
    }
}

/// A document that has these attributes.
pub fn body(fields: &Fields) -> Value {
    Value::object(fields.iter().map(|(name, value)| (*name, value.clone())))
}

/// The value at a path; null if there is nothing.
pub fn at(value: &Value, path: &[Str]) -> Value {
    path.iter()
        .fold(value.clone(), |value, name| value.attribute(name))
}

/// An entry of a persistent index.
#[derive(Clone, Debug)]
pub struct Entry {
    pub values: Vec<Value>,
    pub key: String,
}

/// All entries that documents have in an index, in their order.
pub fn entries(info: &IndexInfo, documents: &Documents) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (key, body) in documents {
        let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
        for field in &info.fields {
            let mut longer = Vec::new();
            for value in values(field, key, body) {
                for row in &rows {
                    if !(info.sparse && value.is_null()) {
                        longer.push([row.as_slice(), std::slice::from_ref(&value)].concat());
                    }
                }
            }
            rows = longer;
        }
        entries.extend(rows.into_iter().map(|values| Entry {
            values,
            key: key.clone(),
        }));
    }
    entries.sort_by(order);
    entries.dedup_by(|one, other| order(one, other).is_eq());
    entries
}

fn values(field: &IndexField, key: &str, body: &Value) -> Vec<Value> {
    if field.path == ["_key"] {
        return vec![Value::from(key)];
    }
    let value = at(body, &field.path);
    let Some(each) = &field.each else {
        return vec![value];
    };
    match value.as_array() {
        Some(array) if !array.is_empty() => array.iter().map(|item| at(&item, each)).collect(),
        _ => vec![Value::Null],
    }
}

fn order(one: &Entry, other: &Entry) -> Ordering {
    let pairs = one.values.iter().zip(&other.values);
    let orders = pairs.map(|(one, other)| compare(one, other));
    orders
        .fold(Ordering::Equal, Ordering::then)
        .then_with(|| one.key.cmp(&other.key))
}

/// Whether an entry is in a range.
pub fn is_inside(range: &IndexRange, values: &[Value]) -> bool {
    let prefix = range.prefix.iter().zip(values);
    let Some(next) = values.get(range.prefix.len()) else {
        return prefix
            .into_iter()
            .all(|(one, other)| compare(one, other).is_eq());
    };
    let above = match &range.lower {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare(next, bound).is_ge(),
        Bound::Excluded(bound) => compare(next, bound).is_gt(),
    };
    let below = match &range.upper {
        Bound::Unbounded => true,
        Bound::Included(bound) => compare(next, bound).is_le(),
        Bound::Excluded(bound) => compare(next, bound).is_lt(),
    };
    above
        && below
        && prefix
            .into_iter()
            .all(|(one, other)| compare(one, other).is_eq())
}

/// The keys of documents whose texts have a word of at least two letters, or one that begins so.
pub fn keys_with_word(documents: &Documents, word: &str, prefix: bool) -> Vec<String> {
    let has = |body: &Value| {
        let text = body.attribute("w").to_text().to_lowercase();
        let mut words = text.split(' ').filter(|found| found.chars().count() >= 2);
        words.any(|found| found == word || (prefix && found.starts_with(word)))
    };
    let found = documents.iter().filter(|(_, body)| has(body));
    found.map(|(key, _)| key.clone()).collect()
}
