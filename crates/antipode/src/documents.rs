//! Documents by key, without a query.

use antipode_crdt::{Draft, PatchOptions, patch_changes};
use antipode_engine::{EngineError, OpenTransaction, with_system_attributes};
use antipode_query::{Expect, Source as _, SourceError, Transaction as _, Written};
use antipode_store::CollectionId;
use antipode_value::{Object, Str, Value};

use crate::error::Error;
use crate::session::{Outcome, Reply, Session};

/// A document, with its system attributes.
pub type Document = Value;

/// What an INSERT does where the key exists.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum InsertMode {
    /// Fails with 1210.
    #[default]
    Conflict,
    /// Leaves the document as it is.
    Ignore,
    /// Puts the new document in its place.
    Replace,
    /// Patches it.
    Update,
}

/// Conditions of a write.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Only if the document has this `_rev`; else 1200. It is judged on this replica.
    pub if_rev: Option<String>,
    /// How a patch merges.
    pub patch: PatchOptions,
}

/// What a write left behind.
#[derive(Clone, Debug)]
pub struct WrittenDocument {
    /// The key.
    pub key: String,
    /// The document before.
    pub old: Option<Value>,
    /// The document after.
    pub new: Option<Value>,
}

impl WrittenDocument {
    /// The version after the write; empty where the document is gone.
    #[must_use]
    pub fn rev(&self) -> String {
        self.new
            .as_ref()
            .map(|new| new.attribute("_rev").to_text().to_string())
            .unwrap_or_default()
    }
}

impl Session {
    /// The document of a key.
    ///
    /// # Errors
    /// When there is no such collection.
    pub fn get(&self, collection: &str, key: &str) -> Result<Reply<Option<Document>>, Error> {
        self.wait_for_token()?;
        let shared = &self.database.inner.driver.shared;
        let fabric = &self.options.fabric;
        if let Some((value, seen)) =
            OpenTransaction::read_one(shared, fabric, collection, key, Self::now_ms())?
        {
            return Ok(Reply {
                value,
                token: self.token(&seen)?,
            });
        }
        self.read(|transaction| {
            let id = query_id(collection_id(transaction, collection)?);
            Ok(transaction.get(id, key)?)
        })
    }

    /// Stores a new document. Its `_key` is made where it has none.
    ///
    /// # Errors
    /// When the key is illegal or, depending on `mode`, taken; when the value is no object or too large.
    pub fn insert(
        &self,
        collection: &str,
        document: &Value,
        mode: InsertMode,
    ) -> Result<Reply<WrittenDocument>, Error> {
        if mode == InsertMode::Conflict
            && let Some(reply) = self.insert_directly(collection, document)?
        {
            return Ok(reply);
        }
        self.write_one(|transaction| {
            let id = collection_id(transaction, collection)?;
            let key = given_key(document)?;
            let body = body(document)?;
            let present = match (&key, mode) {
                (Some(key), InsertMode::Ignore | InsertMode::Update) => {
                    transaction.current(query_id(id), key)?
                }
                _ => None,
            };
            let (draft, expect) = match (mode, present) {
                (InsertMode::Ignore, Some(present)) => {
                    let key = present.attribute("_key").to_text().to_string();
                    return Ok(Written {
                        key,
                        old: Some(present.clone()),
                        new: Some(present),
                    });
                }
                (InsertMode::Update, Some(_)) => (
                    Draft::Update(patch_changes(&body, PatchOptions::default())),
                    Expect::Unchanged,
                ),
                (InsertMode::Replace, _) => (Draft::Put(body), Expect::Any),
                _ => (Draft::Insert(body), Expect::Absent),
            };
            Ok(transaction.write_document(id, key.as_deref(), draft, expect)?)
        })
    }

    /// Inserts a document by the committer's decision alone; `None` where that was not "done", and the longer way has to
    /// find out why: an expired pair in the way, a collection that was dropped meanwhile, or a key that is taken.
    fn insert_directly(
        &self,
        collection: &str,
        document: &Value,
    ) -> Result<Option<Reply<WrittenDocument>>, Error> {
        self.wait_for_token()?;
        let key = given_key(document)?;
        let driver = &self.database.inner.driver;
        let circumstances = (self.durability(), Self::now_ms());
        let (request, key, body) = OpenTransaction::insert_request(
            &driver.shared,
            &self.options.fabric,
            collection,
            key.as_deref(),
            document,
            circumstances,
        )?;
        let committed = match driver.commit(request) {
            Ok(committed) => committed,
            Err(error) => {
                let error = Error::from(error);
                return if error.lost_race() {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let revision = committed
            .outcomes
            .first()
            .and_then(|outcome| outcome.revision);
        let revision = revision
            .map(|revision| revision.to_string())
            .unwrap_or_default();
        let new = with_system_attributes(collection, &key, body.value(), &revision);
        let token = self.token_after(&committed)?;
        let value = WrittenDocument {
            key: key.to_string(),
            old: None,
            new: Some(new),
        };
        Ok(Some(Reply { value, token }))
    }

    /// Changes attributes of a document.
    ///
    /// # Errors
    /// When it does not exist, or not in the version that was asked for.
    pub fn update(
        &self,
        collection: &str,
        key: &str,
        patch: &Value,
        options: &WriteOptions,
    ) -> Result<Reply<WrittenDocument>, Error> {
        let draft = Draft::Update(patch_changes(&body(patch)?, options.patch));
        self.change(collection, key, &draft, options)
    }

    /// Gives a document a new value as a whole.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub fn replace(
        &self,
        collection: &str,
        key: &str,
        document: &Value,
        options: &WriteOptions,
    ) -> Result<Reply<WrittenDocument>, Error> {
        self.change(collection, key, &Draft::Replace(body(document)?), options)
    }

    /// Removes a document.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub fn remove(
        &self,
        collection: &str,
        key: &str,
        options: &WriteOptions,
    ) -> Result<Reply<WrittenDocument>, Error> {
        self.change(collection, key, &Draft::Remove, options)
    }

    fn change(
        &self,
        collection: &str,
        key: &str,
        draft: &Draft,
        options: &WriteOptions,
    ) -> Result<Reply<WrittenDocument>, Error> {
        self.write_one(|transaction| {
            let id = collection_id(transaction, collection)?;
            // What is shown as the document afterwards has to be what it was made of, so a race is run again.
            let mut done = match &options.if_rev {
                Some(rev) => transaction.write_revision(id, key, draft.clone(), rev)?,
                None => {
                    require(transaction, id, collection, key)?;
                    transaction.write_document(id, Some(key), draft.clone(), Expect::Unchanged)?
                }
            };
            if matches!(draft, Draft::Remove) {
                done.new = None;
            }
            Ok(done)
        })
    }

    pub(crate) fn write_one(
        &self,
        body: impl Fn(&OpenTransaction) -> Result<Written, Error>,
    ) -> Result<Reply<WrittenDocument>, Error> {
        let reply = self.write(body)?;
        let (written, outcome) = reply.value;
        let new = written.new.map(|new| settled(outcome.as_ref(), new));
        Ok(Reply {
            value: WrittenDocument {
                key: written.key,
                old: written.old,
                new,
            },
            token: reply.token,
        })
    }
}

fn settled(outcome: Option<&Outcome>, document: Value) -> Value {
    match outcome {
        Some(outcome) => outcome.settle(vec![document]).pop().unwrap_or_default(),
        None => document,
    }
}

/// Fails unless the document exists: a write that must find one.
pub(crate) fn require(
    transaction: &OpenTransaction,
    id: CollectionId,
    collection: &str,
    key: &str,
) -> Result<Value, Error> {
    let found = transaction.current(query_id(id), key)?;
    found.ok_or_else(|| {
        SourceError::NotFound {
            collection: collection.to_owned(),
            key: key.to_owned(),
        }
        .into()
    })
}

pub(crate) fn collection_id(
    transaction: &OpenTransaction,
    name: &str,
) -> Result<CollectionId, Error> {
    Ok(transaction.entry(name)?.id)
}

pub(crate) fn query_id(id: CollectionId) -> antipode_query::CollectionId {
    antipode_query::CollectionId(id.0)
}

/// A document's value without what the system sets itself.
fn body(document: &Value) -> Result<Value, Error> {
    let Value::Object(object) = document else {
        return Err(SourceError::Other {
            code: 1227,
            retry: antipode_query::Retry::Never,
            message: format!(
                "a document must be an object, this is of type {}",
                document.type_name()
            ),
        }
        .into());
    };
    let own = |name: &str| !matches!(name, "_key" | "_id" | "_rev");
    let pairs = object.iter().filter(|(name, _)| own(name)).collect();
    Ok(Value::Object(Object::from_pairs(pairs)))
}

/// The key that a document brings, if it brings one.
fn given_key(document: &Value) -> Result<Option<Str>, Error> {
    match document.attribute("_key") {
        Value::Null => Ok(None),
        Value::String(key) => Ok(Some(key)),
        _ => Err(bad_key("the _key must be a string")),
    }
}

fn bad_key(detail: &str) -> Error {
    EngineError::from(SourceError::Other {
        code: 1221,
        retry: antipode_query::Retry::Never,
        message: format!("illegal document key: {detail}"),
    })
    .into()
}
