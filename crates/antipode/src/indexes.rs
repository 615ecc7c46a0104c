//! Secondary indexes: making, dropping, listing and checking them.
//!
//! ```
//! use antipode::{CollectionKind, Database, Deletes, Options, RequestOptions, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::in_memory(Options::default())?;
//! let session = database.session(RequestOptions::default());
//! session.create_collection("users", CollectionKind::Document, Deletes::Win)?;
//! let definition = Value::from_json(r#"{"type": "persistent", "fields": ["email"], "unique": true}"#)?;
//! let index = session.create_index("users", &definition)?.value;
//! assert!(index.is_new && index.status.ready);
//! # Ok(())
//! # }
//! ```

use std::time::{Duration, Instant};

use antipode_engine::{
    IndexCheck, IndexDefinition, IndexError, IndexStatus, OpenTransaction, SchemaChange,
};
use antipode_value::Value;

use crate::error::Error;
use crate::session::{Reply, Session};

/// How often a session that waits for a build looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// An index that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedIndex {
    /// As it is listed.
    pub status: IndexStatus,
    /// Whether it was made by this call; otherwise the collection had an equal one.
    pub is_new: bool,
}

impl Session {
    /// Makes an index, given as an object `{type, fields, …}`: see the documentation of indexes. If the collection has an
    /// equal one, that is it.
    ///
    /// The index is built in the background, on every node for itself, while writes go on. This waits until it is built
    /// here, or until the request's time is up, unless the definition says `inBackground: true`; a unique index is
    /// always waited for.
    ///
    /// # Errors
    /// When the definition makes no sense, its name is taken, or documents have a value twice that is to be unique.
    pub fn create_index(
        &self,
        collection: &str,
        definition: &Value,
    ) -> Result<Reply<CreatedIndex>, Error> {
        let (wanted, _) = IndexDefinition::read(definition).map_err(engine)?;
        let shown = wanted.to_value();
        let find = |transaction: &OpenTransaction| -> Result<Option<IndexStatus>, Error> {
            let list = transaction.index_list(collection)?;
            Ok(list.into_iter().find(|index| index.definition == shown))
        };
        let is_new = self.read(find)?.value.is_none();
        let token = self
            .schema(&SchemaChange::CreateIndex {
                fabric: self.fabric().to_owned(),
                collection: collection.to_owned(),
                definition: definition.clone(),
            })?
            .token;
        let patient = wanted.unique || definition.attribute("inBackground") != Value::Bool(true);
        loop {
            let found = self.read_here(find)?;
            let Some(status) = found else {
                // Dropped meanwhile, by somebody else.
                let name = definition.attribute("name").to_text().to_string();
                let collection = collection.to_owned();
                return Err(engine(IndexError::NotFound { collection, name }));
            };
            if status.ready && wanted.unique && is_new && status.duplicates > 0 {
                let count = status.duplicates;
                self.drop_index(collection, &status.name)?;
                return Err(engine(IndexError::NotUnique {
                    collection: collection.to_owned(),
                    fields: wanted.fields_text(),
                    count,
                }));
            }
            let now = Instant::now();
            let until = self.deadline().unwrap_or(now + LOOK).min(now + LOOK);
            let late = until <= now;
            if status.ready || !patient || late {
                let value = CreatedIndex { status, is_new };
                return Ok(Reply { value, token });
            }
            self.options.cancel.check()?;
            let is_ready = || {
                let found = self.read_here(find);
                found.map_or(true, |found| found.is_none_or(|status| status.ready))
            };
            let moved = &self.database.inner.driver.moved;
            moved.wait(until, is_ready);
        }
    }

    /// Reads the newest state of this node.
    fn read_here<T>(
        &self,
        body: impl FnOnce(&OpenTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let shared = &self.database.inner.driver.shared;
        body(&OpenTransaction::begin(
            shared,
            self.fabric(),
            Self::now_ms(),
        )?)
    }

    /// Drops an index, given by its name or its id.
    ///
    /// # Errors
    /// When there is none, or it belongs to its collection.
    pub fn drop_index(&self, collection: &str, index: &str) -> Result<Reply<()>, Error> {
        self.schema(&SchemaChange::DropIndex {
            fabric: self.fabric().to_owned(),
            collection: collection.to_owned(),
            index: index.to_owned(),
        })
    }

    /// The indexes of a collection: those that it has by itself first, then the others by name. One that is not ready is
    /// still being built on this node.
    ///
    /// # Errors
    /// When there is no such collection.
    pub fn indexes(&self, collection: &str) -> Result<Reply<Vec<IndexStatus>>, Error> {
        self.read(|transaction| Ok(transaction.index_list(collection)?))
    }

    /// Holds the indexes of the fabric, or of one collection, against their documents. It reads one snapshot, changes
    /// nothing, and takes as long as reading all of them.
    ///
    /// # Errors
    /// When there is no such collection, or the store cannot be read.
    pub fn check_indexes(&self, collection: Option<&str>) -> Result<Reply<IndexCheck>, Error> {
        self.read(|transaction| Ok(transaction.check_all_indexes(collection)?))
    }
}

fn engine(error: IndexError) -> Error {
    antipode_engine::EngineError::from(error).into()
}
