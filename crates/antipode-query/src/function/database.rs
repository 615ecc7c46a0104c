//! Looking into collections and key-value stores: single documents, counts, names. All read the query's snapshot.

use antipode_crdt::Revision;
use antipode_value::{Array, Str, Value};

use super::argument::optional;
use super::{CallContext, Function, pure, volatile};
use crate::error::{Code, QueryError};
use crate::source::{CollectionInfo, CollectionKind, KeyBounds, SourceError, Transaction};

pub(super) const FUNCTIONS: &[Function] = &[
    volatile(
        "DOCUMENT",
        1,
        2,
        document,
        "DOCUMENT(id) or DOCUMENT(collection, key): the document, or null; an array of those found for an array of ids.\n\
         - id: text, or an array of texts; or a collection, and then keys\n\
         > object, array or null\n\
         ! What is no id is no document: null, or left out of the array.\n\
         DOCUMENT(\"users/ada\").name // \"Ada\"\n\
         DOCUMENT(users, [\"ben\", \"nobody\"])[*].name // [\"Ben\"]",
    ),
    volatile(
        "COLLECTION_COUNT",
        1,
        1,
        collection_count,
        "COLLECTION_COUNT(collection): number of documents.\n\
         - collection: bare name, or text\n\
         > number\n\
         ! What is no name is warning 1542 and null; an unknown collection is error 1203.\n\
         COLLECTION_COUNT(users) // 2",
    ),
    volatile(
        "COLLECTIONS",
        0,
        0,
        collections,
        "COLLECTIONS(): the collections, by name.\n\
         > array\n\
         COLLECTIONS()[*].name // [\"places\",\"settings\",\"users\"]",
    ),
    volatile(
        "KV_GET",
        2,
        3,
        kv_get,
        "KV_GET(store, key, default): the value of a key; default, or null, if there is none.\n\
         - store: bare name, or text\n\
         - key: text\n\
         - default: any value\n\
         > any\n\
         ! What is no store is error 5210; a key that is no text is warning 1542 and null.\n\
         KV_GET(settings, \"colour\") // \"red\"\n\
         KV_GET(settings, \"size\", 12) // 12",
    ),
    volatile(
        "KV_MGET",
        2,
        2,
        kv_mget,
        "KV_MGET(store, keys): the values of keys, in their order; null for what is missing.\n\
         - store: bare name, or text\n\
         - keys: array of texts\n\
         > array or null\n\
         ! What is no store is error 5210; a key that is no text is warning 1542 and null.\n\
         KV_MGET(settings, [\"size\", \"colour\"]) // [null,\"red\"]",
    ),
    volatile(
        "KV_HAS",
        2,
        2,
        kv_has,
        "KV_HAS(store, key): whether the store has the key.\n\
         - store: bare name, or text\n\
         - key: text\n\
         > bool\n\
         ! What is no store is error 5210; a key that is no text is warning 1542 and null.\n\
         KV_HAS(settings, \"colour\") // true",
    ),
    volatile(
        "KV_SCAN",
        2,
        3,
        kv_scan,
        "KV_SCAN(store, prefix, limit): keys that begin with prefix, with their values, in order.\n\
         - store: bare name, or text\n\
         - prefix: text\n\
         - limit: number; 10,000 if left out or null\n\
         > array or null\n\
         ! What is no store is error 5210; a key that is no text is warning 1542 and null.\n\
         KV_SCAN(settings, \"col\") // [{\"key\":\"colour\",\"value\":\"red\"}]",
    ),
    volatile(
        "KV_META",
        2,
        2,
        kv_meta,
        "KV_META(store, key): when a key expires (seconds since 1970, or null), its version and its group; null if the store does not have it.\n\
         - store: bare name, or text\n\
         - key: text\n\
         > object or null\n\
         ! What is no store is error 5210; a key that is no text is warning 1542 and null.\n\
         KV_META(settings, \"nothing\") // null\n\
         KV_META(settings, \"colour\").expireAt // null",
    ),
    volatile(
        "SHARD_ID",
        2,
        2,
        shard_id,
        "SHARD_ID(collection, keys): the shard of a document. A collection is one shard, which has its name.\n\
         - collection: bare name, or text\n\
         - keys: object\n\
         > string or null\n\
         ! Anything else is warning 1542 and null. An unknown collection is error 1203.\n\
         SHARD_ID(users, {_key: \"ada\"}) // \"users\"",
    ),
    pure(
        "DECODE_REV",
        1,
        1,
        decode_rev,
        "DECODE_REV(revision): when the version that a _rev names was written, by the clock of its writer, and which write of that millisecond it was.\n\
         - revision: text\n\
         > object or null\n\
         ! What is no revision is warning 1542 and null.\n\
         DECODE_REV(\"-5AnyKc---607oKbXFewrj2TfQvj\") // {\"date\":\"2023-11-14T22:13:20.000Z\",\"count\":7}",
    ),
    volatile(
        "TTL",
        1,
        1,
        ttl,
        "TTL(document): seconds until the document expires; null if it does not.\n\
         - document: any value\n\
         > number or null\n\
         ! Null for what is no document, and where expireAt is no number.\n\
         TTL({expireAt: null}) // null",
    ),
];

/// Entries that KV_SCAN gives at most, unless told otherwise.
const KV_SCAN_DEFAULT: usize = 10_000;
/// Entries that are read ahead at a time.
const KV_SCAN_BATCH: usize = 100;

/// Runs a reading; an error of it ends the query.
pub(super) fn read(
    context: &mut CallContext<'_>,
    reading: impl FnOnce(&dyn Transaction, &mut CallContext<'_>) -> Result<Value, QueryError>,
) -> Value {
    let outcome = match context.transaction() {
        Some(transaction) => reading(transaction, context),
        None => Err(QueryError::new(
            Code::Internal,
            "there is no data to read while constants are folded",
        )),
    };
    outcome.unwrap_or_else(|error| {
        context.fail(error);
        Value::Null
    })
}

pub(super) fn not_found(name: &str) -> QueryError {
    QueryError::new(
        Code::DataSourceNotFound,
        format!("collection or view not found: {name}"),
    )
}

fn document(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, _| {
        let (collection, ids) = match arguments {
            [Value::String(collection), ids] => (Some(collection), ids),
            [ids] => (None, ids),
            _ => return Ok(Value::Null),
        };
        let one = |id: &Value| -> Result<Option<Value>, SourceError> {
            match id {
                Value::String(id) => document_of(transaction, collection, id),
                _ => Ok(None),
            }
        };
        match ids {
            Value::Array(ids) => {
                let mut found = Vec::new();
                for id in ids {
                    found.extend(one(&id)?);
                }
                Ok(Value::from(found))
            }
            id => Ok(Value::from(one(id)?)),
        }
    })
}

/// The document of an id, or of a key where the collection is known.
fn document_of(
    transaction: &dyn Transaction,
    collection: Option<&Str>,
    id: &str,
) -> Result<Option<Value>, SourceError> {
    let (name, key) = match (id.split_once('/'), collection) {
        (Some((name, key)), None) => (name, key),
        (Some((name, key)), Some(collection)) if name == collection.as_str() => (name, key),
        (None, Some(collection)) => (collection.as_str(), id),
        _ => return Ok(None),
    };
    match transaction.collection(name)? {
        Some(collection) => transaction.get(collection.id, key),
        None => Ok(None),
    }
}

fn collection_count(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let Value::String(name) = &arguments[0] else {
            return Ok(context.wrong_type());
        };
        let collection = transaction
            .collection(name)?
            .ok_or_else(|| not_found(name))?;
        Ok(Value::from(transaction.count(collection.id)?))
    })
}

fn collections(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    read(context, |transaction, _| {
        let show = |collection: CollectionInfo| {
            let id = Value::from(collection.id.0.to_string());
            Value::object([("_id", id), ("name", Value::from(collection.name))])
        };
        Ok(Value::array(
            transaction.collections()?.into_iter().map(show),
        ))
    })
}

/// The key-value store with this name; error 5210 if there is none.
fn store(transaction: &dyn Transaction, name: &Value) -> Result<CollectionInfo, QueryError> {
    let collection = match name {
        Value::String(name) => transaction.collection(name)?,
        _ => None,
    };
    match collection {
        Some(collection) if collection.kind == CollectionKind::KeyValue => Ok(collection),
        _ => Err(QueryError::new(
            Code::KvStoreNotFound,
            format!("key-value store not found: {}", name.to_text()),
        )),
    }
}

/// The value of a key, if the store has it.
fn kv_value(
    transaction: &dyn Transaction,
    store: &CollectionInfo,
    key: &Value,
) -> Result<Option<Value>, QueryError> {
    let document = match key {
        Value::String(key) => transaction.get(store.id, key)?,
        _ => None,
    };
    Ok(document.map(|document| document.attribute("value")))
}

fn kv_get(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let store = store(transaction, &arguments[0])?;
        if !matches!(arguments[1], Value::String(_)) {
            return Ok(context.wrong_type());
        }
        let value = kv_value(transaction, &store, &arguments[1])?;
        Ok(value.unwrap_or_else(|| optional(arguments, 2).clone()))
    })
}

fn kv_mget(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let store = store(transaction, &arguments[0])?;
        let Value::Array(keys) = &arguments[1] else {
            return Ok(context.wrong_type());
        };
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(kv_value(transaction, &store, &key)?.unwrap_or_default());
        }
        Ok(Value::from(values))
    })
}

fn kv_has(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let store = store(transaction, &arguments[0])?;
        if !matches!(arguments[1], Value::String(_)) {
            return Ok(context.wrong_type());
        }
        Ok(Value::Bool(
            kv_value(transaction, &store, &arguments[1])?.is_some(),
        ))
    })
}

fn kv_meta(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let store = store(transaction, &arguments[0])?;
        let Value::String(key) = &arguments[1] else {
            return Ok(context.wrong_type());
        };
        let Some(document) = transaction.get(store.id, key)? else {
            return Ok(Value::Null);
        };
        Ok(Value::object([
            ("expireAt", document.attribute("expireAt")),
            ("rev", document.attribute("_rev")),
            ("group", document.attribute("groupID")),
        ]))
    })
}

fn shard_id(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let (Value::String(name), Value::Object(_)) = (&arguments[0], &arguments[1]) else {
            return Ok(context.wrong_type());
        };
        match transaction.collection(name)? {
            Some(collection) => Ok(Value::from(collection.name)),
            None => Err(not_found(name)),
        }
    })
}

fn decode_rev(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let revision = arguments[0].as_str().and_then(Revision::parse);
    let decoded = revision.and_then(|revision| {
        let written = revision.newest.hlc;
        let date = super::date::iso_of_ms(i64::try_from(written.ms()).ok()?)?;
        Some(Value::object([
            ("date", Value::from(date)),
            ("count", Value::from(written.counter())),
        ]))
    });
    decoded.unwrap_or_else(|| context.wrong_type())
}

fn kv_scan(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let store = store(transaction, &arguments[0])?;
        let Value::String(prefix) = &arguments[1] else {
            return Ok(context.wrong_type());
        };
        let limit = match optional(arguments, 2) {
            Value::Null => KV_SCAN_DEFAULT,
            limit => usize::try_from(limit.to_int()).unwrap_or(0),
        };
        let mut keys = KeyBounds::all();
        keys.lower = std::ops::Bound::Included(prefix.to_string());
        let mut scan = transaction.scan(store.id, &keys)?;
        let mut entries: Vec<Value> = Vec::new();
        let mut more = true;
        while more && entries.len() < limit {
            let mut batch = Vec::new();
            more = scan.next_batch(KV_SCAN_BATCH, &mut batch)?;
            for document in batch {
                let key = document.attribute("_key");
                // Keys that begin alike lie together.
                if !key
                    .as_str()
                    .is_some_and(|key| key.starts_with(prefix.as_str()))
                {
                    more = false;
                    break;
                }
                entries.push(Value::object([
                    ("key", key),
                    ("value", document.attribute("value")),
                ]));
            }
        }
        entries.truncate(limit);
        Ok(Value::Array(Array::from_vec(entries)))
    })
}

fn ttl(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    // In seconds since 1970.
    match super::argument::number(&arguments[0].attribute("expireAt")) {
        Some(expires) => super::argument::whole(expires - context.now_ms() as f64 / 1_000.0),
        None => Value::Null,
    }
}
