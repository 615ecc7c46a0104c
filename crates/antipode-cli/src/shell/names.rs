//! What may be completed: the names that the node knows. They are asked for when they are needed, within a short time, and
//! kept for a while; a node that does not answer costs a completion, nothing else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antipode_client::{Client, Consistency, Error};
use serde_json::Value;
use tokio::runtime::Handle;

/// Names that were asked for so long ago are asked for again.
const FRESH: Duration = Duration::from_secs(5);
/// A completion does not wait longer for the node.
const WAIT: Duration = Duration::from_millis(400);
/// Documents that are looked at for their attributes.
const SAMPLE: u32 = 50;
/// Attributes of objects within objects are looked at to this depth.
const DEPTH_MAX: usize = 8;

/// The attributes that sampled documents have, and below them those of their objects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// How many of the documents have it, of which types, and what is within.
    entries: BTreeMap<String, Attribute>,
}

/// One attribute of sampled documents.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attribute {
    pub documents: u32,
    pub types: BTreeMap<&'static str, u32>,
    pub within: Attributes,
}

impl Attributes {
    /// Takes a document into account.
    pub fn add(&mut self, document: &Value) {
        self.add_object(document, DEPTH_MAX);
    }

    fn add_object(&mut self, value: &Value, depth: usize) {
        let (Value::Object(object), Some(depth)) = (value, depth.checked_sub(1)) else {
            return;
        };
        for (name, value) in object {
            let entry = self.entries.entry(name.clone()).or_default();
            entry.documents += 1;
            *entry.types.entry(type_name(value)).or_default() += 1;
            entry.within.add_object(value, depth);
        }
    }

    /// The names at a path.
    pub fn at(&self, path: &[String]) -> Vec<String> {
        let mut here = self;
        for name in path {
            match here.entries.get(name) {
                Some(entry) => here = &entry.within,
                None => return Vec::new(),
            }
        }
        here.entries.keys().cloned().collect()
    }

    /// All attributes with their paths, outer before inner.
    pub fn walk(&self) -> Vec<(String, &Attribute)> {
        let mut all = Vec::new();
        for (name, attribute) in &self.entries {
            all.push((name.clone(), attribute));
            let within = attribute.within.walk().into_iter();
            all.extend(within.map(|(path, inner)| (format!("{name}.{path}"), inner)));
        }
        all
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A sample of a collection's documents.
pub async fn sample(client: &Client, collection: &str) -> Result<Attributes, Error> {
    let query = client.with_consistency(Consistency::Local);
    let text = format!("FOR d IN @@collection LIMIT {SAMPLE} RETURN d");
    let mut rows = query
        .query(text)
        .bind("@collection", collection)?
        .rows()
        .await?;
    let mut attributes = Attributes::default();
    while let Some(row) = rows.next().await? {
        attributes.add(&row.decode()?);
    }
    Ok(attributes)
}

/// The names that are known, and the client that asks for more.
#[derive(Debug)]
pub struct Names {
    runtime: Handle,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    client: Client,
    collections: Listed,
    graphs: Listed,
    streams: Listed,
    fabrics: Listed,
    attributes: BTreeMap<String, (Instant, Attributes)>,
}

#[derive(Clone, Debug, Default)]
struct Listed {
    names: Vec<String>,
    asked: Option<Instant>,
}

impl Listed {
    fn stale(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() > FRESH)
    }
}

impl Names {
    /// Knows nothing yet. Called within the runtime that will ask.
    pub fn new(client: &Client) -> Self {
        Self {
            runtime: Handle::current(),
            known: Mutex::new(Known::new(client)),
        }
    }

    /// Forgets all names, since the fabric is another one or may have changed.
    pub fn forget(&self, client: &Client) {
        *self.lock() = Known::new(client);
    }

    /// The collections. Blocks; not for the runtime's own threads.
    pub fn collections(&self) -> Vec<String> {
        self.list(
            |known| &mut known.collections,
            async |client| {
                let found = client.list_collections().await?;
                Ok(found
                    .into_iter()
                    .map(|collection| collection.name)
                    .collect())
            },
        )
    }

    /// The named graphs. Blocks.
    pub fn graphs(&self) -> Vec<String> {
        self.list(
            |known| &mut known.graphs,
            async |client| {
                let found = client.list_graphs().await?;
                Ok(found.into_iter().map(|graph| graph.name).collect())
            },
        )
    }

    /// The streams. Blocks.
    pub fn streams(&self) -> Vec<String> {
        self.list(
            |known| &mut known.streams,
            async |client| client.list_streams().await,
        )
    }

    /// The fabrics. Blocks.
    pub fn fabrics(&self) -> Vec<String> {
        self.list(
            |known| &mut known.fabrics,
            async |client| client.list_fabrics().await,
        )
    }

    /// The attributes at a path in a collection's documents, or in those of any collection seen so far. Blocks.
    pub fn attributes(&self, collection: Option<&str>, path: &[String]) -> Vec<String> {
        let Some(collection) = collection else {
            let known = self.lock();
            let mut all: Vec<String> = known
                .attributes
                .values()
                .flat_map(|(_, found)| found.at(path))
                .collect();
            all.sort();
            all.dedup();
            return all;
        };
        let (client, fresh) = {
            let known = self.lock();
            let found = known.attributes.get(collection);
            let fresh = found.filter(|(asked, _)| asked.elapsed() < FRESH);
            (known.client.clone(), fresh.map(|(_, found)| found.at(path)))
        };
        if let Some(fresh) = fresh {
            return fresh;
        }
        let asked = self.ask(sample(&client, collection));
        let mut known = self.lock();
        if let Some(found) = asked {
            known
                .attributes
                .insert(collection.to_owned(), (Instant::now(), found));
        }
        let found = known.attributes.get(collection);
        found.map(|(_, found)| found.at(path)).unwrap_or_default()
    }

    fn list(
        &self,
        listed: impl Fn(&mut Known) -> &mut Listed,
        ask: impl AsyncFnOnce(Client) -> Result<Vec<String>, Error>,
    ) -> Vec<String> {
        let (client, known) = {
            let mut known = self.lock();
            (known.client.clone(), listed(&mut known).clone())
        };
        if !known.stale() {
            return known.names;
        }
        let names = self.ask(ask(client)).unwrap_or(known.names);
        let asked = Some(Instant::now());
        *listed(&mut self.lock()) = Listed {
            names: names.clone(),
            asked,
        };
        names
    }

    fn ask<T>(&self, question: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(WAIT, question).await });
        // Who completes a name sees which names there are; an error would only be in the way.
        answer.ok()?.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            collections: Listed::default(),
            graphs: Listed::default(),
            streams: Listed::default(),
            fabrics: Listed::default(),
            attributes: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attributes_are_found_by_path() {
        let mut attributes = Attributes::default();
        attributes
            .add(&json!({ "name": "Ada", "address": { "city": "London", "at": { "lat": 1 } } }));
        attributes.add(&json!({ "name": 7, "address": null }));
        assert_eq!(attributes.at(&[]), ["address", "name"]);
        assert_eq!(attributes.at(&["address".to_owned()]), ["at", "city"]);
        assert_eq!(attributes.at(&["name".to_owned()]), [""; 0]);
        assert_eq!(attributes.at(&["nothing".to_owned()]), [""; 0]);
        let walked = attributes.walk();
        let paths: Vec<&str> = walked.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "address",
                "address.at",
                "address.at.lat",
                "address.city",
                "name"
            ]
        );
        let name = walked.last().expect("five attributes").1;
        assert_eq!(name.documents, 2);
        assert_eq!(name.types, BTreeMap::from([("number", 1), ("string", 1)]));
    }

    #[test]
    fn depth_has_a_bound() {
        let mut value = json!(1);
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        let mut attributes = Attributes::default();
        attributes.add(&value);
        assert_eq!(attributes.walk().len(), DEPTH_MAX);
    }
}
