//! From a record to the document that is written: names, the ends of edges, the key.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// What is changed on the way.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Shape {
    /// Attributes that are left out.
    pub remove: Vec<String>,
    /// Attributes that have another name in the database: (in the input, there).
    pub rename: Vec<(String, String)>,
    /// The collections of `_from` and `_to` where these are keys alone.
    pub from_prefix: Option<String>,
    pub to_prefix: Option<String>,
}

impl Shape {
    /// Makes the document; a record without a key has one from its number.
    pub fn document(
        &self,
        mut record: Map<String, Value>,
        salt: &str,
        number: u64,
    ) -> Map<String, Value> {
        for name in &self.remove {
            record.remove(name);
        }
        if !self.rename.is_empty() {
            // All are taken out before any is put back: two may change places.
            let taken: Vec<(&String, Option<Value>)> = (self.rename.iter())
                .map(|(old, new)| (new, record.remove(old)))
                .collect();
            for (new, value) in taken {
                if let Some(value) = value {
                    record.insert(new.clone(), value);
                }
            }
        }
        // The database gives these.
        record.remove("_id");
        record.remove("_rev");
        for (name, prefix) in [("_from", &self.from_prefix), ("_to", &self.to_prefix)] {
            if let (Some(Value::String(end)), Some(prefix)) = (record.get_mut(name), prefix)
                && !end.contains('/')
            {
                *end = format!("{prefix}/{end}");
            }
        }
        if record.get("_key").is_none_or(Value::is_null) {
            let key = format!("{salt}-{number:010}");
            record.insert("_key".to_owned(), Value::String(key));
        }
        record
    }
}

/// `OLD=NEW` from the command line.
pub fn pair(text: &str) -> Result<(String, String)> {
    let (old, new) = text
        .split_once('=')
        .with_context(|| format!("'{text}': write OLD=NEW"))?;
    Ok((old.to_owned(), new.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(shape: &Shape, record: Value, expected: Value) {
        let record = record.as_object().cloned().expect("an object");
        assert_eq!(Value::Object(shape.document(record, "s", 7)), expected);
    }

    #[test]
    fn records_become_documents() {
        let plain = Shape::default();
        check(
            &plain,
            json!({ "_id": "c/a", "_rev": "x", "n": 1 }),
            json!({ "_key": "s-0000000007", "n": 1 }),
        );
        check(&plain, json!({ "_key": "a" }), json!({ "_key": "a" }));
        let shape = Shape {
            remove: vec!["n".to_owned()],
            rename: vec![
                pair("a=b").expect("a pair"),
                pair("b=a").expect("a pair"),
                pair("id=_key").expect("a pair"),
            ],
            from_prefix: Some("towns".to_owned()),
            to_prefix: Some("towns".to_owned()),
        };
        check(
            &shape,
            json!({ "id": "k", "n": 1, "a": 1, "b": 2, "_from": "x", "_to": "other/y" }),
            json!({ "_key": "k", "a": 2, "b": 1, "_from": "towns/x", "_to": "other/y" }),
        );
        assert!(pair("a").is_err());
    }
}
