//! Key-value pairs: collections of kind `kv`, whose documents are `{_key, value}` and perhaps `expireAt`.
//!
//! A put replaces the whole pair: of concurrent ones the newest wins. Increments count, wherever they are made. A pair
//! that has expired is not shown; `expireAt` is in seconds since 1970, as in C8's key-value API.

use std::ops::Bound;
use std::time::Duration;

use antipode_crdt::{Draft, DraftChange, Number, Path};
use antipode_engine::{CollectionKind, EngineError, OpenTransaction};
use antipode_query::{Expect, KeyBounds, Source as _, SourceError, Transaction as _};
use antipode_store::CollectionId;
use antipode_value::{Str, Value};

use crate::documents::{query_id, require};
use crate::error::Error;
use crate::session::{Reply, Session};

/// A pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// The version, for compare-and-set.
    pub rev: String,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

/// Which pairs a scan visits.
#[derive(Clone, Debug, Default)]
pub struct ScanRange {
    /// Only keys that begin so.
    pub prefix: String,
    /// Only keys from this one on.
    pub from: String,
    /// Only keys before this one; empty means no end.
    pub to: String,
}

impl ScanRange {
    fn bounds(&self) -> KeyBounds {
        let lower = self.prefix.as_str().max(&self.from).to_owned();
        // Keys are ASCII, so every key with the prefix is below the prefix with this character behind it.
        let after_prefix = (!self.prefix.is_empty()).then(|| format!("{}\u{7f}", self.prefix));
        let to = (!self.to.is_empty()).then(|| self.to.clone());
        let upper = match (after_prefix, to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        KeyBounds {
            lower: Bound::Included(lower),
            upper: upper.map_or(Bound::Unbounded, Bound::Excluded),
            reverse: false,
        }
    }
}

impl Session {
    /// The pair of a key; none where it is absent or has expired.
    ///
    /// # Errors
    /// When there is no such collection, or it is not of kind `kv`.
    pub fn kv_get(&self, collection: &str, key: &str) -> Result<Reply<Option<Pair>>, Error> {
        self.read(|transaction| {
            let id = store_id(transaction, collection)?;
            Ok(transaction
                .get(query_id(id), key)?
                .map(|document| pair(&document)))
        })
    }

    /// Puts a pair. `if_rev` makes it a compare-and-set: the pair must have this version, or be absent where it is empty.
    ///
    /// # Errors
    /// 1200 when the pair is not as `if_rev` says; it is judged on this replica.
    pub fn kv_put(
        &self,
        collection: &str,
        key: &str,
        value: &Value,
        ttl: Option<Duration>,
        if_rev: Option<&str>,
    ) -> Result<Reply<Pair>, Error> {
        let expires = ttl.map(expiry_of);
        let reply = self.write_one(|transaction| {
            let id = store_id(transaction, collection)?;
            let mut attributes = vec![("value", value.clone())];
            attributes.extend(expires.clone().map(|expires| ("expireAt", expires)));
            let draft = Draft::Put(Value::object(attributes));
            let written = match if_rev {
                None => transaction.write_document(id, Some(key), draft, Expect::Any),
                Some("") => transaction.write_document(id, Some(key), draft, Expect::Absent),
                Some(rev) => transaction.write_revision(id, key, draft, rev),
            };
            // Whether it is there, and should not be, or the other way round: it is not as `if_rev` says.
            written.map_err(|error| match error {
                SourceError::KeyTaken { .. } | SourceError::NotFound { .. } if if_rev.is_some() => {
                    conflict(collection, key)
                }
                error => error.into(),
            })
        })?;
        Ok(Reply {
            value: pair_after(reply.value.new.as_ref()),
            token: reply.token,
        })
    }

    /// Deletes a pair; says whether there was one.
    ///
    /// # Errors
    /// 1200 when the pair is not as `if_rev` says.
    pub fn kv_delete(
        &self,
        collection: &str,
        key: &str,
        if_rev: Option<&str>,
    ) -> Result<Reply<bool>, Error> {
        let reply = self.write(|transaction| {
            let id = store_id(transaction, collection)?;
            if transaction.current(query_id(id), key)?.is_none() {
                return match if_rev {
                    None | Some("") => Ok(false),
                    Some(_) => Err(conflict(collection, key)),
                };
            }
            match if_rev {
                None => transaction.write_document(id, Some(key), Draft::Remove, Expect::Exists)?,
                Some(rev) => transaction.write_revision(id, key, Draft::Remove, rev)?,
            };
            Ok(true)
        })?;
        Ok(Reply {
            value: reply.value.0,
            token: reply.token,
        })
    }

    /// Adds to a number; an absent one counts from 0. Concurrent increments in all regions count.
    ///
    /// # Errors
    /// When `by` is no number.
    pub fn kv_increment(
        &self,
        collection: &str,
        key: &str,
        by: &Value,
    ) -> Result<Reply<Pair>, Error> {
        let Some(by) = Number::of(by) else {
            let detail = format!(
                "an increment must be a number, this is of type {}",
                by.type_name()
            );
            return Err(EngineError::BadParameter { detail }.into());
        };
        let path = Path::new([Str::from_static("value")]);
        let reply = self.write(|transaction| {
            let id = store_id(transaction, collection)?;
            let change = vec![(path.clone(), DraftChange::Increment(by))];
            let (draft, expect) = match transaction.current(query_id(id), key)? {
                Some(_) => (Draft::Update(change), Expect::Exists),
                None => (
                    Draft::InsertWith {
                        value: Value::object::<Str, Value>([]),
                        changes: change,
                    },
                    Expect::Absent,
                ),
            };
            Ok(transaction.write_document(id, Some(key), draft, expect)?)
        })?;
        let (written, outcome) = reply.value;
        // Increments commute, so another one may have come between: the committer knows the sum.
        let after = outcome
            .as_ref()
            .and_then(|outcome| outcome.committed.outcomes.first());
        let mut counted = pair_after(written.new.as_ref());
        if let Some(after) = after {
            counted.value = after
                .document
                .as_ref()
                .map_or(Value::Null, |document| document.attribute("value"));
            counted.rev = after
                .revision
                .map(|revision| revision.to_string())
                .unwrap_or_default();
        }
        Ok(Reply {
            value: counted,
            token: reply.token,
        })
    }

    /// Sets or clears when a pair expires. Of concurrent extensions the later expiry wins.
    ///
    /// # Errors
    /// 1202 when there is no such pair.
    pub fn kv_touch(
        &self,
        collection: &str,
        key: &str,
        ttl: Option<Duration>,
    ) -> Result<Reply<Pair>, Error> {
        let path = Path::new([Str::from_static("expireAt")]);
        let expires = ttl.map(expiry_of);
        let reply = self.write_one(|transaction| {
            let id = store_id(transaction, collection)?;
            let present = require(transaction, id, collection, key)?.attribute("expireAt");
            let change = match &expires {
                None => DraftChange::Unset,
                Some(later) if present.is_number() && present.to_float() <= later.to_float() => {
                    DraftChange::Max(later.clone())
                }
                Some(other) => DraftChange::Assign(other.clone()),
            };
            let draft = Draft::Update(vec![(path.clone(), change)]);
            Ok(transaction.write_document(id, Some(key), draft, Expect::Unchanged)?)
        })?;
        Ok(Reply {
            value: pair_after(reply.value.new.as_ref()),
            token: reply.token,
        })
    }

    /// Visits pairs in the order of their keys, from one snapshot. `visit` gets them in batches and says whether to go on.
    ///
    /// # Errors
    /// When there is no such collection, or it is not of kind `kv`.
    pub fn kv_scan(
        &self,
        collection: &str,
        range: &ScanRange,
        mut visit: impl FnMut(Vec<Pair>) -> bool,
    ) -> Result<Reply<()>, Error> {
        self.read(|transaction| {
            let id = store_id(transaction, collection)?;
            let bounds = range.bounds();
            let mut scan = transaction.scan(query_id(id), &bounds)?;
            loop {
                self.options.cancel.check()?;
                let mut documents = Vec::new();
                let more = scan.next_batch(SCAN_BATCH, &mut documents)?;
                if !documents.is_empty() && !visit(documents.iter().map(pair).collect()) || !more {
                    return Ok(());
                }
            }
        })
    }
}

/// Pairs handed out at a time.
const SCAN_BATCH: usize = 500;

fn store_id(transaction: &OpenTransaction, name: &str) -> Result<CollectionId, Error> {
    let entry = transaction.entry(name)?;
    if entry.kind == CollectionKind::KeyValue {
        Ok(entry.id)
    } else {
        Err(EngineError::NotKeyValue {
            name: name.to_owned(),
            kind: entry.kind.name(),
        }
        .into())
    }
}

fn conflict(collection: &str, key: &str) -> Error {
    SourceError::Conflict {
        collection: collection.to_owned(),
        key: key.to_owned(),
    }
    .into()
}

/// `expireAt` for a pair that lives so long from now.
fn expiry_of(ttl: Duration) -> Value {
    let now_ms = Session::now_ms() as f64;
    Value::float((now_ms + ttl.as_secs_f64() * 1_000.0) / 1_000.0)
}

/// The pair that a write left behind.
fn pair_after(new: Option<&Value>) -> Pair {
    pair(new.unwrap_or(&Value::Null))
}

fn pair(document: &Value) -> Pair {
    let expires = document.attribute("expireAt");
    let expires_ms = expires
        .is_number()
        .then(|| (expires.to_float() * 1_000.0).max(0.0) as u64);
    Pair {
        key: document.attribute("_key").to_text().to_string(),
        value: document.attribute("value"),
        rev: document.attribute("_rev").to_text().to_string(),
        expires_ms,
    }
}
