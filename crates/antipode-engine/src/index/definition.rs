//! What an index is: read from what a client gives, checked, and written in one form only, so that equal definitions are
//! equal bytes in every region.

use antipode_query::index::{IndexField, IndexKind};
use antipode_value::{Str, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::error::IndexError;

/// Most fields, and most stored values, of one index.
const FIELDS_MAX: usize = 32;

/// Shortest word of a fulltext index that does not say otherwise, in characters.
const MIN_LENGTH: i64 = 2;

/// What an index is, apart from its name and its collection.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDefinition {
    /// What it is for.
    pub kind: IndexKind,
    /// Its fields, in their order.
    pub fields: Vec<IndexField>,
    /// No two documents have an equal entry.
    pub unique: bool,
    /// Documents with null or nothing in any field have no entry.
    pub sparse: bool,
    /// Paths of further attributes that the entries hold.
    pub stored: Vec<Vec<Str>>,
}

/// Options that any kind takes, because other databases write them; they change nothing here.
const IGNORED: [&str; 6] = [
    "id",
    "inBackground",
    "estimates",
    "cacheEnabled",
    "legacyPolygons",
    "selectivityEstimate",
];

impl IndexDefinition {
    /// Reads a definition as a client gives it, and the name if there is one in it:
    /// `{"type": "persistent", "fields": ["a", "b[*]"], "unique": false, "sparse": false, "storedValues": ["c"], "name": "i"}`.
    ///
    /// # Errors
    /// When it has options that its type does not have, values that make no sense, or fields that are no paths.
    pub fn read(given: &Value) -> Result<(Self, Option<String>), IndexError> {
        let Some(object) = given.as_object() else {
            return Err(bad("it must be an object"));
        };
        let options = Options(given);
        let kind_name = options.text("type")?.unwrap_or_else(|| "persistent".into());
        let known: &[&str] = match kind_name.as_str() {
            "persistent" | "hash" | "skiplist" => {
                &["unique", "sparse", "storedValues", "deduplicate"]
            }
            "ttl" => &["expireAfter", "unique", "sparse"],
            "geo" | "geo1" | "geo2" => &["geoJson", "unique", "sparse"],
            "fulltext" => &["minLength", "unique", "sparse"],
            other => {
                return Err(bad(format!(
                    "type '{other}' is not known: persistent (also hash, skiplist), ttl, geo, fulltext"
                )));
            }
        };
        for (name, value) in object.iter() {
            if value.is_null() {
                continue;
            }
            let common = ["type", "name", "fields"].contains(&name.as_str());
            if !common && !known.contains(&name.as_str()) && !IGNORED.contains(&name.as_str()) {
                return Err(bad(format!(
                    "an index of type {kind_name} has no option '{name}'"
                )));
            }
        }
        let fields = options.fields()?;
        let unique = options.flag("unique")?;
        let definition = match kind_name.as_str() {
            "ttl" => Self::ttl(&options, fields)?,
            "geo" | "geo1" | "geo2" => Self::geo(&options, fields)?,
            "fulltext" => Self::fulltext(&options, fields)?,
            _ => Self::persistent(&options, fields, unique)?,
        };
        if unique && definition.kind != IndexKind::Persistent {
            return Err(bad(format!(
                "an index of type {kind_name} cannot be unique"
            )));
        }
        Ok((definition, options.text("name")?))
    }

    fn persistent(
        options: &Options<'_>,
        fields: Vec<IndexField>,
        unique: bool,
    ) -> Result<Self, IndexError> {
        if options.0.attribute("deduplicate").as_bool() == Some(false) {
            return Err(bad(
                "'deduplicate: false' is not supported: a document has each value once",
            ));
        }
        let stored = options.stored()?;
        let field_paths = fields.iter().filter(|field| field.each.is_none());
        for field in field_paths {
            if stored.contains(&field.path) {
                let path = field.text();
                return Err(bad(format!("'{path}' is a field and a stored value")));
            }
        }
        Ok(Self {
            kind: IndexKind::Persistent,
            fields,
            unique,
            sparse: options.flag("sparse")?,
            stored,
        })
    }

    fn ttl(options: &Options<'_>, fields: Vec<IndexField>) -> Result<Self, IndexError> {
        let seconds = options.number("expireAfter")?;
        let Some(expire_after) = seconds.and_then(|seconds| u64::try_from(seconds).ok()) else {
            return Err(bad("a ttl index needs 'expireAfter', seconds from 0 on"));
        };
        Self::plain(IndexKind::Ttl { expire_after }, fields, 1..=1)
    }

    fn geo(options: &Options<'_>, fields: Vec<IndexField>) -> Result<Self, IndexError> {
        let geo_json = options.flag("geoJson")?;
        if geo_json && fields.len() == 2 {
            return Err(bad(
                "'geoJson' goes with one field, not with latitude and longitude",
            ));
        }
        Self::plain(IndexKind::Geo { geo_json }, fields, 1..=2)
    }

    fn fulltext(options: &Options<'_>, fields: Vec<IndexField>) -> Result<Self, IndexError> {
        let min_length = options.number("minLength")?.unwrap_or(MIN_LENGTH);
        let Ok(min_length) = u32::try_from(min_length.max(1)) else {
            return Err(bad("'minLength' is a small number of characters"));
        };
        Self::plain(IndexKind::Fulltext { min_length }, fields, 1..=1)
    }

    /// An index without `[*]`, in which documents without the fields have no place.
    fn plain(
        kind: IndexKind,
        fields: Vec<IndexField>,
        count: std::ops::RangeInclusive<usize>,
    ) -> Result<Self, IndexError> {
        let name = kind.name();
        if !count.contains(&fields.len()) {
            let (least, most) = (count.start(), count.end());
            let count = if least == most {
                least.to_string()
            } else {
                format!("{least} or {most}")
            };
            return Err(bad(format!("an index of type {name} has {count} field(s)")));
        }
        if fields.iter().any(|field| field.each.is_some()) {
            return Err(bad(format!("an index of type {name} takes no [*]")));
        }
        Ok(Self {
            kind,
            fields,
            unique: false,
            sparse: true,
            stored: Vec::new(),
        })
    }

    /// The one form of this definition, for the catalog.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let texts = |texts: Vec<String>| Value::array(texts);
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let fields = self.fields.iter().map(IndexField::text).collect();
        let mut pairs = vec![
            ("type", Value::from(self.kind.name())),
            ("fields", texts(fields)),
            ("unique", Value::from(self.unique)),
            ("sparse", Value::from(self.sparse)),
        ];
        match self.kind {
            IndexKind::Persistent if self.stored.is_empty() => {}
            IndexKind::Persistent => {
                let stored = self.stored.iter().map(|path| path.join(".")).collect();
                pairs.push(("storedValues", texts(stored)));
            }
            IndexKind::Ttl { expire_after } => pairs.push(("expireAfter", number(expire_after))),
            IndexKind::Geo { geo_json } => pairs.push(("geoJson", Value::from(geo_json))),
            IndexKind::Fulltext { min_length } => {
                pairs.push(("minLength", number(u64::from(min_length))));
            }
        }
        Value::object(pairs)
    }

    /// A number that depends on nothing but the definition.
    #[must_use]
    pub fn hash(&self) -> u64 {
        xxh3_64(self.to_value().to_json().as_bytes())
    }

    /// The name of an index that was given none: the same in every region.
    #[must_use]
    pub fn default_name(&self) -> String {
        format!("idx_{}", self.hash())
    }

    /// The fields as people write them.
    #[must_use]
    pub fn fields_text(&self) -> String {
        let fields = self
            .fields
            .iter()
            .map(|field| format!("'{}'", field.text()));
        fields.collect::<Vec<_>>().join(", ")
    }

    /// Attributes whose exact values the entries hold.
    #[must_use]
    pub fn covered(&self) -> Vec<Vec<Str>> {
        if self.kind != IndexKind::Persistent {
            return Vec::new();
        }
        let fields = self.fields.iter().filter(|field| field.each.is_none());
        let mut covered: Vec<_> = fields.map(|field| field.path.clone()).collect();
        covered.extend(self.stored.iter().cloned());
        // Keys are known of every entry.
        covered.retain(|path| !matches!(path.as_slice(), [name] if name == "_key"));
        covered
    }

    /// Whether a field or stored value is an attribute that documents do not hold in their bodies.
    #[must_use]
    pub fn reads_key(&self) -> bool {
        let fields = self.fields.iter().map(|field| &field.path);
        fields
            .chain(&self.stored)
            .any(|path| path.first().is_some_and(|name| name == "_key"))
    }
}

fn bad(detail: impl Into<String>) -> IndexError {
    IndexError::BadDefinition {
        detail: detail.into(),
    }
}

/// The options of a definition as they were given.
struct Options<'a>(&'a Value);

impl Options<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, IndexError> {
        match self.0.attribute(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.to_string())),
            _ => Err(bad(format!("'{name}' must be a string"))),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, IndexError> {
        match self.0.attribute(name) {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(flag),
            _ => Err(bad(format!("'{name}' must be true or false"))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<i64>, IndexError> {
        let value = self.0.attribute(name);
        if value.is_null() {
            return Ok(None);
        }
        match value.as_float() {
            Some(number) if number >= 0.0 && number <= f64::from(u32::MAX) => {
                Ok(Some(number as i64))
            }
            _ => Err(bad(format!("'{name}' must be a number from 0 on"))),
        }
    }

    fn fields(&self) -> Result<Vec<IndexField>, IndexError> {
        let mut fields: Vec<IndexField> = Vec::new();
        for text in self.paths("fields")? {
            let field = IndexField::parse(&text).filter(|field| legal(&field.path));
            let Some(field) = field else {
                return Err(IndexError::BadPath { path: text });
            };
            if fields.contains(&field) {
                return Err(bad(format!("field '{text}' stands there twice")));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err(bad(
                "'fields' must be a list of attribute paths that is not empty",
            ));
        }
        Ok(fields)
    }

    fn stored(&self) -> Result<Vec<Vec<Str>>, IndexError> {
        let mut stored: Vec<Vec<Str>> = Vec::new();
        for text in self.paths("storedValues")? {
            let field =
                IndexField::parse(&text).filter(|field| field.each.is_none() && legal(&field.path));
            let Some(field) = field else {
                return Err(IndexError::BadPath { path: text });
            };
            if stored.contains(&field.path) {
                return Err(bad(format!("stored value '{text}' stands there twice")));
            }
            stored.push(field.path);
        }
        Ok(stored)
    }

    fn paths(&self, name: &str) -> Result<Vec<String>, IndexError> {
        let given = self.0.attribute(name);
        if given.is_null() {
            return Ok(Vec::new());
        }
        let list = given
            .as_array()
            .ok_or_else(|| bad(format!("'{name}' must be a list of attribute paths")))?;
        if list.len() > FIELDS_MAX {
            return Err(bad(format!("'{name}' has more than {FIELDS_MAX} paths")));
        }
        let text = |item: Value| match item {
            Value::String(text) => Ok(text.to_string()),
            // Other databases also write a field as an object with its name.
            other => match other.attribute("name") {
                Value::String(text) => Ok(text.to_string()),
                _ => Err(bad(format!("'{name}' must be a list of attribute paths"))),
            },
        };
        list.iter().map(text).collect()
    }
}

/// Whether a path can be indexed: `_id` follows from the key, and `_rev` is no value of its own.
fn legal(path: &[Str]) -> bool {
    path.first()
        .is_some_and(|name| name != "_id" && name != "_rev")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<IndexDefinition, IndexError> {
        IndexDefinition::read(&Value::from_json(json).unwrap()).map(|(definition, _)| definition)
    }

    #[test]
    fn one_form_of_a_definition() {
        let hash =
            read(r#"{"type":"hash","fields":["a","b.c[*].d"],"storedValues":["e"]}"#).unwrap();
        assert_eq!(
            hash.to_value().to_json(),
            r#"{"type":"persistent","fields":["a","b.c[*].d"],"unique":false,"sparse":false,"storedValues":["e"]}"#
        );
        assert_eq!(IndexDefinition::read(&hash.to_value()).unwrap().0, hash);
        assert_eq!(hash.covered().len(), 2);
        let skiplist = read(r#"{"type":"skiplist","fields":["a"]}"#).unwrap();
        assert_eq!(
            skiplist.hash(),
            read(r#"{"fields":["a"],"name":"x"}"#).unwrap().hash()
        );
        for other in [
            r#"{"type":"ttl","fields":["at"],"expireAfter":0}"#,
            r#"{"type":"geo","fields":["lat","lon"]}"#,
            r#"{"type":"geo","fields":["place"],"geoJson":true}"#,
            r#"{"type":"fulltext","fields":["text"],"minLength":3}"#,
        ] {
            let definition = read(other).unwrap();
            assert_eq!(
                IndexDefinition::read(&definition.to_value()).unwrap().0,
                definition
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let code = |json: &str| read(json).map(|_| 0).unwrap_or_else(|error| error.code());
        for wrong in [
            "[]",
            r#"{"type":"tree","fields":["a"]}"#,
            r#"{"type":"persistent"}"#,
            r#"{"fields":[]}"#,
            r#"{"fields":["a","a"]}"#,
            r#"{"fields":["a"],"uniq":true}"#,
            r#"{"fields":["a"],"unique":1}"#,
            r#"{"fields":["a"],"storedValues":["a"]}"#,
            r#"{"fields":["a"],"deduplicate":false}"#,
            r#"{"type":"ttl","fields":["a"]}"#,
            r#"{"type":"ttl","fields":["a","b"],"expireAfter":1}"#,
            r#"{"type":"ttl","fields":["a"],"expireAfter":-1}"#,
            r#"{"type":"geo","fields":["a","b"],"geoJson":true}"#,
            r#"{"type":"geo","fields":["a","b","c"]}"#,
            r#"{"type":"geo","fields":["a"],"unique":true}"#,
            r#"{"type":"fulltext","fields":["a","b"]}"#,
            r#"{"type":"fulltext","fields":["a[*]"]}"#,
        ] {
            assert_eq!(code(wrong), 10, "{wrong}");
        }
        for path in ["", "a..b", "a[0]", "_id", "_rev", "a[*].b[*]"] {
            assert_eq!(code(&format!(r#"{{"fields":["{path}"]}}"#)), 1220, "{path}");
        }
    }
}
