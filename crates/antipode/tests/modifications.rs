//! Modifications against a model: documents as a map by key, and what each statement does to them, written down plainly.
//! Generated statements run on a database and on the model; rows, errors and then all documents must be the same. There
//! is no index, one, or a unique one.
//!
//! A failure shows its seed. `ANTIPODE_SEED=n` runs one seed, `ANTIPODE_STATEMENTS=n` that many statements.

#[path = "../../antipode-c8ql/tests/support/random.rs"]
mod random;

use std::collections::BTreeMap;

use antipode::{
    CollectionKind, Database, Deletes, Durability, Options, RequestOptions, Session, Value,
};
use random::Random;

type Attributes = BTreeMap<String, Value>;
type Documents = BTreeMap<String, Attributes>;

const KEYS: &[&str] = &["k1", "k2", "k3", "k4"];
const MODES: &[&str] = &["conflict", "ignore", "replace", "update"];
const SYSTEM: &[&str] = &["_key", "_id", "_rev"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With its `overwriteMode`.
    Insert(&'static str),
    Update,
    Replace,
    Remove,
    /// Looks for `a`; replaces what it finds, or updates it.
    Upsert {
        replace: bool,
    },
    /// An UPDATE of the documents that a loop finds by `a`, with what they hold.
    UpdateFound,
    RemoveFound,
}

#[derive(Debug)]
struct Statement {
    kind: Kind,
    rows: Vec<Row>,
    ignore_errors: bool,
    keep_null: bool,
    merge_objects: bool,
}

/// What one row brings; each kind of statement takes of it what it needs.
#[derive(Clone, Debug)]
struct Row {
    key: Value,
    document: Value,
    search: Value,
    patch: Value,
}

// ----- generating -----

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth < 2 { 10 } else { 7 }) {
        0 | 1 => Value::Null,
        2..=4 => Value::Int(random.below(3) as i64),
        5 => Value::from("text"),
        6 => Value::Bool(true),
        7 => Value::array((0..random.below(3)).map(|_| value(random, depth + 1))),
        _ => object(random, &["p", "q"], depth + 1),
    }
}

fn object(random: &mut Random, names: &[&str], depth: usize) -> Value {
    let mut pairs = Vec::new();
    for name in names {
        if random.one_in(2) {
            pairs.push((*name, value(random, depth)));
        }
    }
    Value::object(pairs)
}

fn row(random: &mut Random) -> Row {
    let odd = [Value::from("a/b"), Value::Null, Value::Int(5)];
    Row {
        key: match random.one_in(20) {
            true => random.pick(&odd).clone(),
            false => Value::from(*random.pick(KEYS)),
        },
        document: object(random, &["a", "b", "o"], 0),
        search: value(random, 1),
        patch: object(random, &["a", "b", "o"], 0),
    }
}

fn statement(random: &mut Random) -> Statement {
    let kind = match random.below(8) {
        0 | 1 => Kind::Insert(MODES[random.below(MODES.len())]),
        2 => Kind::Update,
        3 => Kind::Replace,
        4 => Kind::Remove,
        5 => Kind::Upsert {
            replace: random.one_in(3),
        },
        6 => Kind::UpdateFound,
        _ => Kind::RemoveFound,
    };
    Statement {
        kind,
        rows: (0..1 + random.below(3)).map(|_| row(random)).collect(),
        ignore_errors: random.one_in(4),
        keep_null: !random.one_in(3),
        merge_objects: !random.one_in(3),
    }
}

// ----- on the database -----

impl Statement {
    fn text(&self) -> String {
        let body = match self.kind {
            Kind::Insert(_) => "FOR r IN @rows INSERT MERGE(r.document, {_key: r.key}) INTO c",
            Kind::Update => "FOR r IN @rows UPDATE {_key: r.key} WITH r.patch IN c",
            Kind::Replace => "FOR r IN @rows REPLACE MERGE(r.document, {_key: r.key}) IN c",
            Kind::Remove => "FOR r IN @rows REMOVE {_key: r.key} IN c",
            Kind::Upsert { replace: false } => {
                "FOR r IN @rows UPSERT {a: r.search} INSERT MERGE(r.document, {_key: r.key}) UPDATE r.patch IN c"
            }
            Kind::Upsert { replace: true } => {
                "FOR r IN @rows UPSERT {a: r.search} INSERT MERGE(r.document, {_key: r.key}) REPLACE r.patch IN c"
            }
            Kind::UpdateFound => {
                "FOR d IN c FILTER d.a == @rows[0].search SORT d._key UPDATE d WITH MERGE(@rows[0].patch, {o: {p: d.b}}) IN c"
            }
            Kind::RemoveFound => {
                "FOR d IN c FILTER d.a == @rows[0].search SORT d._key REMOVE d IN c"
            }
        };
        let mut options = format!(
            "ignoreErrors: {}, keepNull: {}, mergeObjects: {}",
            self.ignore_errors, self.keep_null, self.merge_objects
        );
        if let Kind::Insert(mode) = self.kind {
            options = format!("{options}, overwriteMode: \"{mode}\"");
        }
        let shown = match self.kind {
            Kind::Insert("replace" | "update")
            | Kind::Update
            | Kind::Replace
            | Kind::Upsert { .. }
            | Kind::UpdateFound => "[OLD, NEW]",
            Kind::Insert(_) => "[NEW]",
            Kind::Remove | Kind::RemoveFound => "[OLD]",
        };
        format!("{body} OPTIONS {{{options}}} RETURN {shown}")
    }

    fn binds(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            Value::object([
                ("key", row.key.clone()),
                ("document", row.document.clone()),
                ("search", row.search.clone()),
                ("patch", row.patch.clone()),
            ])
        });
        Value::object([("rows", Value::array(rows))])
    }
}

fn run(session: &Session, text: &str, binds: &Value) -> Result<Vec<String>, u32> {
    match session.run(text, binds) {
        Ok(answer) => Ok(answer.rows.iter().map(written).collect()),
        Err(error) => Err(error.code()),
    }
}

/// A value as text, without revisions, and with the attributes of objects in the order of their names.
fn written(value: &Value) -> String {
    match value {
        Value::Object(_) => {
            let attributes = attributes(value);
            let shown = attributes.iter().filter(|(name, _)| *name != "_rev");
            let shown = shown.map(|(name, value)| format!("{name}: {}", written(value)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
        Value::Array(array) => {
            let elements = array.iter().map(|element| written(&element));
            format!("[{}]", elements.collect::<Vec<_>>().join(", "))
        }
        other => other.to_json(),
    }
}

// ----- on the model -----

fn attributes(value: &Value) -> Attributes {
    let pairs = value.as_object().map(|object| object.to_pairs());
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

fn document(key: &str, attributes: &Attributes) -> Attributes {
    let mut document = attributes.clone();
    document.retain(|name, _| !SYSTEM.contains(&name.as_str()));
    document.insert("_key".to_owned(), Value::from(key));
    document.insert("_id".to_owned(), Value::from(format!("c/{key}")));
    document
}

fn shown(parts: &[Option<&Attributes>]) -> String {
    let parts = parts.iter().map(|part| match part {
        Some(attributes) => written(&Value::object(
            attributes
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        )),
        None => "null".to_owned(),
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(_) => {
            let kept = attributes(value).into_iter();
            let kept = kept.filter(|(_, value)| !value.is_null());
            Value::object(kept.map(|(name, value)| (name, without_nulls(&value))))
        }
        other => other.clone(),
    }
}

struct Model {
    documents: Documents,
    /// The attribute that must be unique, if any.
    unique: bool,
}

impl Statement {
    /// What the statement gives; an error leaves the documents as they were.
    fn apply(&self, model: &mut Model) -> Result<Vec<String>, u32> {
        let before = model.documents.clone();
        let mut given = Vec::new();
        for row in self.rows_of(model) {
            match self.apply_row(model, &row) {
                Ok(row) => given.push(row),
                Err(_) if self.ignore_errors => {}
                Err(code) => {
                    model.documents = before;
                    return Err(code);
                }
            }
        }
        Ok(given)
    }

    /// The rows of a loop over the collection are its documents of before the first write.
    fn rows_of(&self, model: &Model) -> Vec<Row> {
        if !matches!(self.kind, Kind::UpdateFound | Kind::RemoveFound) {
            return self.rows.clone();
        }
        let first = &self.rows[0];
        let found = model
            .documents
            .iter()
            .filter(|(_, document)| held(document, "a") == first.search);
        found
            .map(|(key, document)| {
                let mut patch = attributes(&first.patch);
                let copied = Value::object([("p", held(document, "b"))]);
                patch.insert("o".to_owned(), copied);
                Row {
                    key: Value::from(key.as_str()),
                    patch: Value::object(patch),
                    ..first.clone()
                }
            })
            .collect()
    }

    fn apply_row(&self, model: &mut Model, row: &Row) -> Result<String, u32> {
        match self.kind {
            Kind::Insert(mode) => self.insert(model, row, mode),
            Kind::Update | Kind::UpdateFound => {
                let (key, old) = model.find(&row.key)?;
                self.patch(model, &key, &old, &row.patch)
            }
            Kind::Replace => {
                let (key, old) = model.find(&row.key)?;
                let new = model.put(&key, document(&key, &attributes(&row.document)))?;
                Ok(shown(&[Some(&old), Some(&new)]))
            }
            Kind::Remove | Kind::RemoveFound => {
                let (key, old) = model.find(&row.key)?;
                model.documents.remove(&key);
                Ok(shown(&[Some(&old)]))
            }
            Kind::Upsert { replace } => {
                let mut candidates = model.documents.iter();
                let found = candidates.find(|(_, document)| held(document, "a") == row.search);
                let Some((key, old)) = found.map(|(key, old)| (key.clone(), old.clone())) else {
                    let key = inserted_key(&row.key)?;
                    if model.documents.contains_key(&key) {
                        return Err(1210);
                    }
                    let new = model.put(&key, document(&key, &attributes(&row.document)))?;
                    return Ok(shown(&[None, Some(&new)]));
                };
                if !replace {
                    return self.patch(model, &key, &old, &row.patch);
                }
                let new = model.put(&key, document(&key, &attributes(&row.patch)))?;
                Ok(shown(&[Some(&old), Some(&new)]))
            }
        }
    }

    fn insert(&self, model: &mut Model, row: &Row, mode: &str) -> Result<String, u32> {
        let key = inserted_key(&row.key)?;
        let tells_old = matches!(mode, "replace" | "update");
        let Some(old) = model.documents.get(&key).cloned() else {
            let new = model.put(&key, document(&key, &attributes(&row.document)))?;
            return Ok(match tells_old {
                true => shown(&[None, Some(&new)]),
                false => shown(&[Some(&new)]),
            });
        };
        match mode {
            "ignore" => Ok(shown(&[None])),
            "replace" => {
                let new = model.put(&key, document(&key, &attributes(&row.document)))?;
                Ok(shown(&[Some(&old), Some(&new)]))
            }
            "update" => self.patch(model, &key, &old, &row.document),
            _ => Err(1210),
        }
    }

    fn patch(
        &self,
        model: &mut Model,
        key: &str,
        old: &Attributes,
        patch: &Value,
    ) -> Result<String, u32> {
        let patched = self.patched(old, &attributes(patch));
        let new = model.put(key, document(key, &patched))?;
        Ok(shown(&[Some(old), Some(&new)]))
    }

    fn patched(&self, old: &Attributes, patch: &Attributes) -> Attributes {
        let mut new = old.clone();
        for (name, value) in patch {
            if value.is_null() && !self.keep_null {
                new.remove(name);
                continue;
            }
            let value = match (value, old.get(name)) {
                (Value::Object(_), Some(before @ Value::Object(_))) if self.merge_objects => {
                    Value::object(self.patched(&attributes(before), &attributes(value)))
                }
                _ if !self.keep_null => without_nulls(value),
                _ => value.clone(),
            };
            new.insert(name.clone(), value);
        }
        new
    }
}

fn inserted_key(key: &Value) -> Result<String, u32> {
    match key.as_str() {
        Some(key) if !key.contains('/') => Ok(key.to_owned()),
        _ => Err(1221),
    }
}

fn held(document: &Attributes, name: &str) -> Value {
    document.get(name).cloned().unwrap_or_default()
}

impl Model {
    fn find(&self, key: &Value) -> Result<(String, Attributes), u32> {
        let key = key.as_str().ok_or(1226_u32)?;
        if key.contains('/') {
            return Err(1221);
        }
        let document = self.documents.get(key).ok_or(1202_u32)?;
        Ok((key.to_owned(), document.clone()))
    }

    fn put(&mut self, key: &str, document: Attributes) -> Result<Attributes, u32> {
        let value = held(&document, "b");
        let mut others = self.documents.iter().filter(|(other, _)| *other != key);
        if self.unique && others.any(|(_, other)| held(other, "b") == value) {
            return Err(1210);
        }
        self.documents.insert(key.to_owned(), document.clone());
        Ok(document)
    }
}

// ----- the test -----

/// A few statements on a new database.
fn compare(seed: u64, statements: usize) {
    let mut random = Random::new(seed);
    let database = Database::in_memory(Options {
        durability: Durability::Memory,
        ..Options::default()
    });
    let database = database.expect("a database in memory opens");
    let session = database.session(RequestOptions::default());
    session
        .create_collection("c", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    let unique = random.one_in(3);
    let index = match (unique, random.one_in(2)) {
        (true, _) => Some(r#"{"type": "persistent", "fields": ["b"], "unique": true}"#),
        (false, true) => Some(r#"{"type": "persistent", "fields": ["a"]}"#),
        (false, false) => None,
    };
    if let Some(index) = index {
        let index = Value::from_json(index).expect("JSON");
        session.create_index("c", &index).expect("an index");
    }
    let mut model = Model {
        documents: Documents::new(),
        unique,
    };
    for _ in 0..statements {
        let statement = statement(&mut random);
        let expected = statement.apply(&mut model);
        let given = run(&session, &statement.text(), &statement.binds());
        let what = || {
            let binds = statement.binds().to_json();
            format!(
                "seed {seed}, index {index:?}\n{}\n{binds}",
                statement.text()
            )
        };
        assert_eq!(given, expected, "{}", what());
        let all = run(&session, "FOR d IN c SORT d._key RETURN [d]", &Value::Null);
        let expected = model.documents.values();
        let expected = expected.map(|document| shown(&[Some(document)])).collect();
        assert_eq!(all, Ok(expected), "afterwards: {}", what());
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn statements_do_what_the_model_says() {
    let each = 20;
    if let Some(seed) = setting("ANTIPODE_SEED") {
        return compare(seed, each);
    }
    let seeds = setting("ANTIPODE_STATEMENTS").unwrap_or(2_000) / each as u64;
    for seed in 0..seeds {
        compare(seed, each);
    }
}
