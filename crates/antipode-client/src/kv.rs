//! Key-values.

use std::collections::VecDeque;
use std::time::Duration;

use antipode_proto::v1::kv_client::KvClient;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::transport::Channel;

use crate::call::{Effect, Reply};
use crate::client::Client;
use crate::error::Error;

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value as JSON.
    pub json: String,
    /// The entry's version, for compare-and-set.
    pub rev: String,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

impl Entry {
    /// The value as a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_str(&self.json)?)
    }
}

/// How a value is put.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// The entry expires after this.
    pub ttl: Option<Duration>,
    /// Compare and set: only if the entry still has this version; an empty one asks that the key be absent.
    pub if_rev: Option<String>,
}

/// Which entries a scan gives.
#[derive(Debug, Clone, Default)]
pub struct ScanOptions {
    /// Only keys that begin so.
    pub prefix: String,
    /// Only keys from this one on.
    pub from: String,
    /// Only keys before this one; empty: no end.
    pub to: String,
    /// At most so many; 0: all.
    pub limit: u64,
}

/// The entries of a scan, as they come. Dropping it ends the scan.
#[derive(Debug)]
pub struct Scan {
    client: Client,
    stream: tonic::Streaming<v1::KvScanReply>,
    waiting: VecDeque<v1::KvEntry>,
    ended: bool,
}

impl Client {
    /// Reads an entry; none if the key is absent or expired.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use antipode_client::PutOptions;
    ///
    /// client.kv_put("settings", "colour", &"blue", PutOptions::default()).await?;
    /// let entry = client.kv_get("settings", "colour").await?.expect("it was just put");
    /// // Only if nobody changed it meanwhile:
    /// let options = PutOptions { if_rev: Some(entry.rev), ..PutOptions::default() };
    /// client.kv_put("settings", "colour", &"green", options).await?;
    /// // Counts from every region add up:
    /// let visits: i64 = client.kv_increment("settings", "visits", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn kv_get(&self, collection: &str, key: &str) -> Result<Option<Entry>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::KvGetRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                },
                |channel, request| async move { service(channel).get(request).await },
            )
            .await?;
        Ok(reply.entry.map(entry))
    }

    /// Writes a value, and returns the entry's new version.
    pub async fn kv_put(
        &self,
        collection: &str,
        key: &str,
        value: &impl Serialize,
        options: PutOptions,
    ) -> Result<String, Error> {
        let value = serde_json::to_string(value)?;
        // Without a condition, putting the same value again is the same.
        let effect = match options.if_rev {
            None => Effect::Repeatable,
            Some(_) => Effect::Once,
        };
        let reply = self
            .call(
                effect,
                || v1::KvPutRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                    value: value.clone(),
                    ttl_ms: options.ttl.map(millis),
                    if_rev: options.if_rev.clone(),
                },
                |channel, request| async move { service(channel).put(request).await },
            )
            .await?;
        Ok(reply.rev)
    }

    /// Removes an entry; says whether there was one. With `if_rev`, only that version is removed.
    pub async fn kv_delete(
        &self,
        collection: &str,
        key: &str,
        if_rev: Option<&str>,
    ) -> Result<bool, Error> {
        let reply = self
            .call(
                Effect::Once,
                || v1::KvDeleteRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                    if_rev: if_rev.map(str::to_owned),
                },
                |channel, request| async move { service(channel).delete(request).await },
            )
            .await?;
        Ok(reply.found)
    }

    /// Adds to a number, and returns the new one. An absent key counts from 0.
    pub async fn kv_increment<N: Serialize + DeserializeOwned>(
        &self,
        collection: &str,
        key: &str,
        by: N,
    ) -> Result<N, Error> {
        let by = serde_json::to_string(&by)?;
        let reply = self
            .call(
                Effect::Once,
                || v1::KvIncrementRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                    by: by.clone(),
                },
                |channel, request| async move { service(channel).increment(request).await },
            )
            .await?;
        Ok(serde_json::from_str(&reply.value)?)
    }

    /// Lets an entry expire after `ttl`, or never. Fails with 1202 if the key is absent.
    pub async fn kv_touch(
        &self,
        collection: &str,
        key: &str,
        ttl: Option<Duration>,
    ) -> Result<String, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::KvTouchRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    collection: collection.to_owned(),
                    key: key.to_owned(),
                    ttl_ms: ttl.map(millis),
                },
                |channel, request| async move { service(channel).touch(request).await },
            )
            .await?;
        Ok(reply.rev)
    }

    /// Reads entries in key order, from one snapshot.
    pub async fn kv_scan(&self, collection: &str, options: ScanOptions) -> Result<Scan, Error> {
        let stream = self
            .open(
                Effect::Repeatable,
                || v1::KvScanRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    collection: collection.to_owned(),
                    prefix: options.prefix.clone(),
                    from: options.from.clone(),
                    to: options.to.clone(),
                    limit: options.limit,
                },
                |channel, request| async move { service(channel).scan(request).await },
            )
            .await?;
        Ok(Scan {
            client: self.clone(),
            stream,
            waiting: VecDeque::new(),
            ended: false,
        })
    }
}

impl Scan {
    /// The next entry; none at the end.
    pub async fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                return Ok(Some(entry(found)));
            }
            if self.ended {
                return Ok(None);
            }
            match self.stream.message().await {
                Ok(Some(reply)) => {
                    if reply.last {
                        self.client.inner.saw(reply.token());
                        self.ended = true;
                    }
                    self.waiting.extend(reply.entries);
                }
                Ok(None) => {
                    return Err(Error::Lost {
                        message: "the scan ended before its last entry".to_owned(),
                    });
                }
                Err(status) => return Err(Error::from_status(&status)),
            }
        }
    }
}

fn service(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn entry(found: v1::KvEntry) -> Entry {
    Entry {
        key: found.key,
        json: found.value,
        rev: found.rev,
        expires_ms: found.expires_ms,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
