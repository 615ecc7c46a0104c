//! The clients: each writes, one call after the other, until the node is gone.
//!
//! A writer keeps its session's token over the node's lives, so a node that has lost something cannot even answer its
//! next read; and now and then it reads back what was just acked. It repeats no call by itself: it counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antipode_client::{
    Client, CollectionKind, CollectionOptions, Config, DocumentOptions, Durability, Error,
    OutgoingMessage, Retry, UpdateOptions, Written,
};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::history::{Ack, History, Operation, Outcome};

/// Keys that all writers share, in `counters` and in `visits`.
pub const SHARED_KEYS: usize = 3;
/// Messages of one transaction at most.
const MESSAGES_MAX: u64 = 4;
/// A document is padded by up to so many bytes, so that records end at all places in the log's blocks.
const PAD_BYTES_MAX: u64 = 1_500;
/// One in so many acked inserts is read back at once.
const READ_BACK: u32 = 8;

/// A client of one node, that repeats nothing.
pub async fn connect(address: SocketAddr) -> Result<Client, Error> {
    let config = Config {
        attempts: 1,
        timeout: Duration::from_secs(20),
        ..Config::new([format!("http://{address}")])
    };
    Ok(Client::connect_with(config)
        .await?
        .with_durability(Durability::Disk))
}

/// Makes what the workload writes to; what is there already is left as it is.
pub async fn prepare(client: &Client) -> Result<(), Error> {
    for name in ["documents", "registers", "visits", "left", "right"] {
        client
            .create_collection(name, CollectionOptions::default())
            .await?;
    }
    for (name, kind) in [
        ("links", CollectionKind::Edge),
        ("counters", CollectionKind::Kv),
    ] {
        let options = CollectionOptions {
            kind,
            ..CollectionOptions::default()
        };
        client.create_collection(name, options).await?;
    }
    client.create_stream("events").await?;
    for number in 0..SHARED_KEYS {
        let document = json!({ "_key": shared_key(number), "visits": 0 });
        client.insert("visits", &document, ignore()).await?;
    }
    Ok(())
}

fn ignore() -> DocumentOptions {
    DocumentOptions {
        overwrite: antipode_client::OverwriteMode::Ignore,
        ..DocumentOptions::default()
    }
}

/// A key that all writers share.
pub fn shared_key(number: usize) -> String {
    format!("shared-{number}")
}

/// The padding of a document with this value.
pub fn pad_length(value: u64) -> u64 {
    value.wrapping_mul(2_654_435_761) % PAD_BYTES_MAX
}

/// How a writer's turn ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The node answers no more.
    NodeGone,
    /// The node takes no writes.
    ReadOnly { code: u32, message: String },
    /// Something that must not happen.
    Violation(String),
}

/// One client.
#[derive(Debug)]
pub struct Writer {
    number: usize,
    random: SmallRng,
    history: Arc<History>,
    token: Bytes,
    documents: u64,
    messages: u64,
    register: u64,
    links: u64,
    /// Acked inserts that may be removed.
    removable: Vec<String>,
}

impl Writer {
    pub fn new(number: usize, seed: u64, history: Arc<History>) -> Self {
        Self {
            number,
            random: SmallRng::seed_from_u64(
                seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ),
            history,
            token: Bytes::new(),
            documents: 0,
            messages: 0,
            register: 0,
            links: 0,
            removable: Vec::new(),
        }
    }

    /// What the writer's session has seen.
    pub fn token(&self) -> &Bytes {
        &self.token
    }

    /// Writes until the node is gone or refuses for good.
    pub async fn run(&mut self, address: SocketAddr, round: usize) -> End {
        let client = match connect(address).await {
            Ok(client) => client,
            Err(_) => return End::NodeGone,
        };
        client.resume(&self.token);
        loop {
            let end = self.write(&client, round).await;
            self.token = client.token();
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// One attempt; says whether it was the last of this turn.
    async fn write(&mut self, client: &Client, round: usize) -> Option<End> {
        let operation = self.choose();
        let number = self.history.begin(self.number, round, operation.clone());
        let answer = self.send(client, &operation).await;
        let (outcome, end) = judge(answer, &operation);
        let acked = matches!(outcome, Outcome::Acked(_));
        self.history.end(number, outcome);
        if end.is_some() || !acked {
            return end;
        }
        match operation {
            Operation::Insert { key, value } => {
                let end = match self.random.random_ratio(1, READ_BACK) {
                    true => read_back(client, &key, value).await,
                    false => None,
                };
                self.removable.push(key);
                end
            }
            _ => None,
        }
    }

    fn choose(&mut self) -> Operation {
        let client = self.number;
        let shared = shared_key(self.random.random_range(0..SHARED_KEYS));
        match self.random.random_range(0..100) {
            0..30 => {
                self.documents += 1;
                Operation::Insert {
                    key: format!("c{client}-{}", self.documents),
                    value: self.documents,
                }
            }
            30..38 if !self.removable.is_empty() => {
                let at = self.random.random_range(0..self.removable.len());
                Operation::Remove {
                    key: self.removable.swap_remove(at),
                }
            }
            38..50 => {
                self.register += 1;
                Operation::Set {
                    key: format!("c{client}"),
                    value: self.register,
                }
            }
            50..62 => Operation::Visit { key: shared },
            62..77 => Operation::Increment { key: shared },
            77..90 => {
                let count = self.random.random_range(1..=MESSAGES_MAX);
                let first = self.messages;
                self.messages += count;
                Operation::Publish { first, count }
            }
            _ => {
                self.links += 1;
                Operation::Link {
                    key: format!("c{client}-{}", self.links),
                }
            }
        }
    }

    async fn send(&self, client: &Client, operation: &Operation) -> Result<Ack, Error> {
        match operation {
            Operation::Insert { key, value } => {
                let pad = "x".repeat(usize::try_from(pad_length(*value)).unwrap_or_default());
                let document = json!({ "_key": key, "value": value, "pad": pad });
                let written = client
                    .insert("documents", &document, DocumentOptions::default())
                    .await?;
                Ok(revision(written.rev))
            }
            Operation::Remove { key } => {
                client
                    .remove("documents", key, DocumentOptions::default())
                    .await?;
                Ok(Ack::default())
            }
            Operation::Set { key, value } => self.set(client, key, *value).await,
            Operation::Visit { key } => {
                let text = "FOR v IN visits FILTER v._key == @key UPDATE v WITH { visits: v.visits + 1 } IN visits";
                client.query(text).bind("key", key)?.run().await?;
                Ok(Ack::default())
            }
            Operation::Increment { key } => {
                let counted = client.kv_increment("counters", key, 1_i64).await?;
                Ok(Ack {
                    counted: Some(counted),
                    ..Ack::default()
                })
            }
            Operation::Publish { first, count } => {
                let mut messages = Vec::new();
                for message in *first..first + count {
                    messages.push(OutgoingMessage::new(&json!([self.number, message]))?);
                }
                let ids = client.publish("events", messages).await?;
                Ok(Ack {
                    ids,
                    ..Ack::default()
                })
            }
            Operation::Link { key } => {
                let text = "INSERT { _key: @key } INTO left \
                            INSERT { _key: @key } INTO right \
                            INSERT { _key: @key, _from: @hub, _to: CONCAT('right/', @key) } INTO links";
                let query = client
                    .query(text)
                    .bind("key", key)?
                    .bind("hub", hub(self.number))?;
                query.run().await?;
                Ok(Ack::default())
            }
        }
    }

    /// The first write may be among the unknown ones, so the register's document is there or not: both are right.
    async fn set(&self, client: &Client, key: &str, value: u64) -> Result<Ack, Error> {
        const NOT_FOUND: u32 = 1202;
        let patch = json!({ "value": value });
        match client
            .update("registers", key, &patch, UpdateOptions::default())
            .await
        {
            Ok(written) => Ok(revision(written.rev)),
            Err(error) if error.code() == Some(NOT_FOUND) => {
                let document = json!({ "_key": key, "value": value });
                let written = client
                    .insert("registers", &document, DocumentOptions::default())
                    .await?;
                Ok(revision(written.rev))
            }
            Err(error) => Err(error),
        }
    }
}

/// The vertex from which a writer's edges go out.
pub fn hub(writer: usize) -> String {
    format!("hubs/{writer}")
}

fn revision(text: String) -> Ack {
    Ack {
        revision: Some(text),
        ..Ack::default()
    }
}

fn judge(answer: Result<Ack, Error>, operation: &Operation) -> (Outcome, Option<End>) {
    let error = match answer {
        Ok(ack) => return (Outcome::Acked(ack), None),
        Err(error) => error,
    };
    let text = match error.code() {
        Some(code) => format!("{code}: {error}"),
        None => error.to_string(),
    };
    let outcome = match error.written() {
        Written::Nothing => Outcome::Refused {
            error: text.clone(),
        },
        Written::Unknown | Written::Everything => Outcome::Unknown {
            error: text.clone(),
        },
    };
    let end = match &error {
        Error::Lost { .. } | Error::Unreachable { .. } => Some(End::NodeGone),
        Error::Database {
            code: code @ (1004 | 1104 | 5261),
            message,
            ..
        } => Some(End::ReadOnly {
            code: *code,
            message: message.clone(),
        }),
        // Writers that share a document get into each other's way.
        Error::Database {
            retry: Retry::Now | Retry::After,
            ..
        } => None,
        _ => Some(End::Violation(format!("{operation:?} failed: {text}"))),
    };
    (outcome, end)
}

async fn read_back(client: &Client, key: &str, value: u64) -> Option<End> {
    match client.document::<Value>("documents", key).await {
        Ok(Some(document)) if document.get("value").and_then(Value::as_u64) == Some(value) => None,
        Ok(found) => Some(End::Violation(format!(
            "{key} was acked with {value}, and is read back as {found:?}"
        ))),
        Err(Error::Lost { .. } | Error::Unreachable { .. }) => Some(End::NodeGone),
        Err(error) => Some(End::Violation(format!(
            "{key} was acked, and cannot be read back: {error}"
        ))),
    }
}

/// The sequence number of a replica in a token: what a session has seen of it.
pub fn seen_of(token: &[u8], replica: &str) -> Result<u64> {
    use antipode_clock::VersionVector;
    use antipode_clock::codec::Reader;
    if token.is_empty() {
        return Ok(0);
    }
    let mut input = Reader::new(token);
    input.u8("token version")?;
    let vector = VersionVector::decode(&mut input).context("a token that is none")?;
    let found = vector.iter().find(|(id, _)| id.to_string() == replica);
    Ok(found.map_or(0, |(_, seq)| seq))
}
