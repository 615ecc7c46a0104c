//! Secondary indexes, as query and engine agree on them: what an index is, which entries a document has in it, and which
//! part of it a reading takes.
//!
//! The rules stand here once, as plain functions over values. The engine keeps entries by them, the checker compares
//! entries with documents by them, the tests' database answers by them, and the optimizer relies on them.

use std::ops::Bound;

use antipode_value::{Object, Str, Value, compare};

use crate::source::SourceError;

pub mod expiry;
pub(crate) mod keys;
pub mod place;
pub mod words;

/// Identity of an index in its collection; an index that was dropped and made again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub u64);

/// What an index is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// Sorted entries of the values of its fields; `hash` and `skiplist` are other names for it.
    Persistent,
    /// Removes documents when their time has come; never read by queries.
    Ttl {
        /// Seconds after the time in the field.
        expire_after: u64,
    },
    /// Places on the earth. With two fields: latitude and longitude. With one: `[longitude, latitude]` or a GeoJSON
    /// object if `geo_json`, else `[latitude, longitude]`.
    Geo {
        /// The one field holds GeoJSON.
        geo_json: bool,
    },
    /// Words of texts.
    Fulltext {
        /// Shortest word that is kept, in characters.
        min_length: u32,
    },
}

impl IndexKind {
    /// The name of the type, as it is given to create one and shown by EXPLAIN.
    pub fn name(self) -> &'static str {
        match self {
            IndexKind::Persistent => "persistent",
            IndexKind::Ttl { .. } => "ttl",
            IndexKind::Geo { .. } => "geo",
            IndexKind::Fulltext { .. } => "fulltext",
        }
    }
}

/// An attribute that an index covers: `a.b`, or with `[*]` each element of an array: `a.b[*]`, `a[*].b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexField {
    /// Names from the document down; with `[*]`, to the array.
    pub path: Vec<Str>,
    /// Names behind `[*]`; none without `[*]`.
    pub each: Option<Vec<Str>>,
}

impl IndexField {
    /// Reads the text form. Parts may be quoted with backticks; none if it is no attribute path (error 1220).
    pub fn parse(text: &str) -> Option<IndexField> {
        let (path, each) = match text.split_once("[*]") {
            None => (text, None),
            Some((path, "")) => (path, Some(Vec::new())),
            Some((path, behind)) => (path, Some(names(behind.strip_prefix('.')?)?)),
        };
        Some(IndexField {
            path: names(path)?,
            each,
        })
    }

    /// The text form.
    pub fn text(&self) -> String {
        let path = self.path.join(".");
        match &self.each {
            None => path,
            Some(each) if each.is_empty() => format!("{path}[*]"),
            Some(each) => format!("{path}[*].{}", each.join(".")),
        }
    }

    /// The value of a field without `[*]`; null if it is missing.
    pub fn value(&self, document: &Value) -> Value {
        at(document, &self.path)
    }

    /// The distinct values of a field, each once and in their order. A field with `[*]` has those of the elements; if
    /// there is no array, or none in it, null. Any other field has one.
    pub fn values(&self, document: &Value) -> Vec<Value> {
        let value = at(document, &self.path);
        let Some(each) = &self.each else {
            return vec![value];
        };
        let mut values: Vec<Value> = match &value {
            Value::Array(array) => array.iter().map(|element| at(&element, each)).collect(),
            _ => Vec::new(),
        };
        values.sort();
        values.dedup();
        if values.is_empty() {
            values.push(Value::Null);
        }
        values
    }
}

fn names(path: &str) -> Option<Vec<Str>> {
    let mut names = Vec::new();
    for name in path.split('.') {
        let bare = name
            .strip_prefix('`')
            .and_then(|name| name.strip_suffix('`'))
            .unwrap_or(name);
        if bare.is_empty() || bare.contains(['[', ']', '`']) {
            return None;
        }
        names.push(Str::from(bare));
    }
    Some(names)
}

/// The value at a path of attributes; null if it is missing.
pub fn at(document: &Value, path: &[Str]) -> Value {
    match path.split_first() {
        None => document.clone(),
        Some((name, [])) => document.attribute(name),
        Some((name, below)) => at(&document.attribute(name), below),
    }
}

/// An index that is ready to be read, as the catalog of this transaction knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexInfo {
    /// Identity.
    pub id: IndexId,
    /// Name, for hints and EXPLAIN.
    pub name: String,
    /// What it is for.
    pub kind: IndexKind,
    /// Its fields, in their order.
    pub fields: Vec<IndexField>,
    /// No two documents have an equal entry.
    pub unique: bool,
    /// Documents with null or nothing in any field have no entry.
    pub sparse: bool,
    /// Attributes whose exact values an entry holds besides `_key` and `_id`: those of `storedValues`, and the fields
    /// themselves where the engine keeps them exactly (an order-preserving key does not: 1 and 1.0 are alike in it).
    pub covered: Vec<Vec<Str>>,
    /// About how many entries there are; steers plans, never results.
    pub entries: u64,
    /// About how many distinct entries there are for each entry, above 0 and at most 1; none if it is not known.
    pub selectivity: Option<f64>,
}

/// Most entries of one document in one index; beyond, error 32.
pub const ENTRIES_MAX: usize = 100_000;

impl IndexInfo {
    /// The entries of a document in a persistent index: a list of values as long as the fields, for each combination of
    /// the values of fields with `[*]`, each combination once.
    pub fn entries_of(&self, document: &Value) -> Result<Vec<Vec<Value>>, SourceError> {
        let mut entries: Vec<Vec<Value>> = vec![Vec::with_capacity(self.fields.len())];
        for field in &self.fields {
            let mut values = field.values(document);
            if self.sparse {
                values.retain(|value| !value.is_null());
            }
            if entries.len().saturating_mul(values.len()) > ENTRIES_MAX {
                return Err(SourceError::Other {
                    code: 32,
                    retry: crate::error::Retry::Never,
                    message: format!("document has too many entries in index '{}'", self.name),
                });
            }
            let with = |entry: &Vec<Value>| {
                let entry = entry.clone();
                values.iter().map(move |value| {
                    let mut longer = entry.clone();
                    longer.push(value.clone());
                    longer
                })
            };
            entries = entries.iter().flat_map(with).collect();
        }
        Ok(entries)
    }

    /// Whether a document can have several entries, so that a reading can meet it several times.
    pub fn repeats(&self) -> bool {
        self.fields.iter().any(|field| field.each.is_some())
    }

    /// The document as far as an entry knows it: `_key`, `_id` and the covered attributes, at their paths.
    pub fn covered_part(&self, document: &Value) -> Value {
        let system = ["_key", "_id"].map(|name| (Str::from(name), document.attribute(name)));
        let mut part = Object::from_pairs(system.to_vec());
        for path in &self.covered {
            part = with(&part, path, at(document, path));
        }
        Value::Object(part)
    }
}

/// An object with a value at a path below it.
fn with(object: &Object, path: &[Str], value: Value) -> Object {
    match path.split_first() {
        None => object.clone(),
        Some((name, [])) => object.with(name.clone(), value),
        Some((name, below)) => {
            let inner = match object.get(name) {
                Some(Value::Object(inner)) => inner,
                _ => Object::default(),
            };
            object.with(name.clone(), Value::Object(with(&inner, below, value)))
        }
    }
}

/// The part of a persistent index that a reading takes: entries whose first fields equal `prefix`, and whose next field
/// lies between the bounds. By [`compare`], so by the sort keys of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRange {
    /// Values of the first fields; at most as many as there are fields.
    pub prefix: Vec<Value>,
    /// Lower end of the field behind the prefix; unbounded if there is none.
    pub lower: Bound<Value>,
    /// Upper end of the field behind the prefix; unbounded if there is none.
    pub upper: Bound<Value>,
}

impl IndexRange {
    /// All entries.
    pub fn all() -> IndexRange {
        IndexRange::equal(Vec::new())
    }

    /// The entries whose first fields have these values.
    pub fn equal(prefix: Vec<Value>) -> IndexRange {
        IndexRange {
            prefix,
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
        }
    }

    /// Whether an entry is inside.
    pub fn contains(&self, entry: &[Value]) -> bool {
        if entry.len() < self.prefix.len() {
            return false;
        }
        let (first, rest) = entry.split_at(self.prefix.len());
        let next = rest.first().unwrap_or(&Value::Null);
        let above = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => compare(next, lower).is_ge(),
            Bound::Excluded(lower) => compare(next, lower).is_gt(),
        };
        let below = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => compare(next, upper).is_le(),
            Bound::Excluded(upper) => compare(next, upper).is_lt(),
        };
        first == self.prefix && above && below
    }
}

/// What a reading of a persistent index delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexRows {
    /// Whole documents.
    Documents,
    /// [`IndexInfo::covered_part`] of each document, from the entry alone.
    Covered,
}

/// One reading of a persistent index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexRead {
    /// Which.
    pub index: IndexId,
    /// Which entries.
    pub range: IndexRange,
    /// From the greatest entry down.
    pub reverse: bool,
    /// What is delivered.
    pub rows: IndexRows,
}

/// The order in which a geo index delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeoOrder {
    /// Any, as long as it is the same each time.
    Any,
    /// Nearest first, equals by key. Documents without a place come before all others.
    NearestFirst,
    /// Farthest first, equals by key. Documents without a place come behind all others.
    FarthestFirst,
}

/// One reading of a geo index: documents by the distance of their place ([`place::place_of`]) from a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoRead {
    /// Which.
    pub index: IndexId,
    /// Latitude of the point.
    pub latitude: f64,
    /// Longitude of the point.
    pub longitude: f64,
    /// Least distance in metres, included.
    pub least: f64,
    /// Greatest distance in metres, included; infinite for all.
    pub most: f64,
    /// `most` bounds the distance to the nearest point of the circle around the place, rather than to its middle.
    pub touching: bool,
    /// The order.
    pub order: GeoOrder,
    /// Documents without a place come too, whatever the bounds: their distance is null, which is less than any number.
    pub unplaced: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(fields: &[&str], sparse: bool) -> IndexInfo {
        IndexInfo {
            id: IndexId(1),
            name: "i".into(),
            kind: IndexKind::Persistent,
            fields: fields
                .iter()
                .filter_map(|field| IndexField::parse(field))
                .collect(),
            unique: false,
            sparse,
            covered: Vec::new(),
            entries: 0,
            selectivity: None,
        }
    }

    fn entries(fields: &[&str], sparse: bool, document: &str) -> String {
        let document = Value::from_json(document).unwrap();
        let entries = index(fields, sparse).entries_of(&document).unwrap();
        Value::array(entries.into_iter().map(Value::from)).to_json()
    }

    #[test]
    fn fields_are_paths_with_at_most_one_expansion() {
        let text = |field: &str| IndexField::parse(field).map(|field| field.text());
        for field in ["a", "a.b", "a[*]", "a.b[*].c.d", "foo bar"] {
            assert_eq!(text(field).as_deref(), Some(field));
        }
        assert_eq!(text("`a`.b").as_deref(), Some("a.b"));
        for field in ["", ".", "a.", "a[*]b", "a[*].b[*]", "a[0]", "a..b"] {
            assert_eq!(text(field), None, "{field}");
        }
    }

    #[test]
    fn a_document_has_an_entry_for_each_combination() {
        assert_eq!(entries(&["a", "b"], false, "{\"a\": 1}"), "[[1,null]]");
        assert_eq!(entries(&["a", "b"], true, "{\"a\": 1}"), "[]");
        assert_eq!(
            entries(&["a[*]", "b"], false, "{\"a\": [2, 1, 2, null], \"b\": 3}"),
            "[[null,3],[1,3],[2,3]]"
        );
        assert_eq!(
            entries(&["a[*]"], true, "{\"a\": [2, null, 1.0, 1]}"),
            "[[1],[2]]"
        );
        for empty in ["{\"a\": []}", "{\"a\": 1}", "{}"] {
            assert_eq!(entries(&["a[*]"], false, empty), "[[null]]");
            assert_eq!(entries(&["a[*]"], true, empty), "[]");
        }
        assert_eq!(
            entries(&["a[*].b"], false, "{\"a\": [{\"b\": 1}, 7, {\"b\": 0}]}"),
            "[[null],[0],[1]]"
        );
    }

    #[test]
    fn too_many_combinations_are_an_error() {
        let many = Value::array(0..400_i64);
        let document = Value::object([("a", many.clone()), ("b", many)]);
        let error = index(&["a[*]", "b[*]"], false).entries_of(&document);
        assert_eq!(error.unwrap_err().code(), 32);
    }

    #[test]
    fn the_covered_part_keeps_paths() {
        let mut index = index(&["a"], false);
        index.covered = vec![vec!["a".into()], vec!["b".into(), "c".into()]];
        let document = "{\"_key\": \"k\", \"_id\": \"x/k\", \"a\": 1.5, \"b\": {\"c\": 2, \"d\": 3}, \"e\": 4}";
        let part = index.covered_part(&Value::from_json(document).unwrap());
        assert_eq!(
            part.to_json(),
            "{\"_key\":\"k\",\"_id\":\"x/k\",\"a\":1.5,\"b\":{\"c\":2}}"
        );
    }
}
