//! Streams: append and read.

use antipode_clock::VersionVector;
use antipode_engine::{EngineError, OpenTransaction, message_id, token};
use antipode_store::StreamId;
use antipode_store::record::{Message as StoredMessage, Payload};
use antipode_value::{Str, Value};

use crate::error::Error;
use crate::session::{Reply, Session};

/// A message to publish.
#[derive(Clone, Debug, Default)]
pub struct OutgoingMessage {
    /// What it tells.
    pub payload: Value,
    /// Its key.
    pub key: Option<String>,
    /// Its properties.
    pub properties: Vec<(String, String)>,
    /// When what it tells happened, in milliseconds since 1970; 0 if unset.
    pub event_time_ms: i64,
}

/// A message as it is read.
#[derive(Clone, Debug)]
pub struct Message {
    /// Opaque; ids compare in the merged order of the stream.
    pub id: String,
    /// Its number among those of the same producer in the stream, from 1.
    pub seq: u64,
    /// The region of the producer, where it is known.
    pub region: String,
    /// The replica id of the producer.
    pub producer: String,
    /// Its key.
    pub key: Option<String>,
    /// Its properties.
    pub properties: Vec<(String, String)>,
    /// When it was published, in milliseconds since 1970.
    pub publish_time_ms: u64,
    /// When what it tells happened; 0 if unset.
    pub event_time_ms: i64,
    /// What it tells.
    pub payload: Value,
}

/// A place in a stream: for each producer, the last message before it. The default is the beginning.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Position(pub(crate) VersionVector);

impl Position {
    /// The position as opaque bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        token::encode(&self.0)
    }

    /// Whether everything before `other` is before this position too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.dominates(&other.0)
    }

    /// Reads what [`Position::encode`] gave.
    ///
    /// # Errors
    /// When the bytes are not a position.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self(token::decode(bytes)?))
    }
}

pub(crate) fn stream_id(transaction: &OpenTransaction, name: &str) -> Result<StreamId, Error> {
    match transaction.schema().stream(transaction.fabric(), name) {
        Some(entry) => Ok(entry.id),
        None => Err(EngineError::StreamNotFound {
            name: name.to_owned(),
        }
        .into()),
    }
}

impl Session {
    /// Appends messages, all or none, and returns their ids.
    ///
    /// # Errors
    /// When there is no such stream, or a payload is too large.
    pub fn publish(
        &self,
        stream: &str,
        messages: &[OutgoingMessage],
    ) -> Result<Reply<Vec<String>>, Error> {
        let reply = self.write(|transaction| {
            let id = stream_id(transaction, stream)?;
            for message in messages {
                transaction.publish_message(id, stored(message)?);
            }
            Ok(())
        })?;
        let me = self.database.inner.driver.shared.identity().replica;
        let outcome = reply.value.1;
        let ids = outcome.iter().flat_map(|outcome| {
            let committed = &outcome.committed;
            (0u64..)
                .zip(&committed.outcomes)
                .filter_map(move |(position, outcome)| {
                    let stamp = committed.stamp.plus(position);
                    Some(message_id(stamp.hlc, me, outcome.message_seq?))
                })
        });
        Ok(Reply {
            value: ids.collect(),
            token: reply.token,
        })
    }

    /// Up to `max` messages behind a position, each producer in its order, and the position behind them. `regions`
    /// restricts whose messages are given; the position moves over the others too.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn messages(
        &self,
        stream: &str,
        position: &Position,
        regions: &[String],
        max: usize,
    ) -> Result<Reply<(Vec<Message>, Position)>, Error> {
        self.read(|transaction| {
            let id = stream_id(transaction, stream)?;
            let (messages, behind) = transaction.messages_after(id, &position.0, max)?;
            let members = self.database.inner.driver.shared.members();
            let region_of = |origin| {
                let member = members.iter().find(|member| member.replica == origin);
                member
                    .map(|member| member.region.clone())
                    .unwrap_or_default()
            };
            let messages = messages.into_iter().map(|read| Message {
                id: read.id,
                seq: read.seq,
                region: region_of(read.origin),
                producer: read.origin.to_string(),
                key: read.message.key.as_ref().map(ToString::to_string),
                properties: texts(&read.message.properties),
                publish_time_ms: read.publish_time_ms,
                event_time_ms: read.message.event_time_ms,
                payload: payload(&read.message.payload),
            });
            let wanted =
                |message: &Message| regions.is_empty() || regions.contains(&message.region);
            Ok((messages.filter(wanted).collect(), Position(behind)))
        })
    }

    /// The position behind everything that is in a stream now.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn stream_end(&self, stream: &str) -> Result<Reply<Position>, Error> {
        self.read(|transaction| {
            let id = stream_id(transaction, stream)?;
            Ok(Position(transaction.stream_tails(id)?))
        })
    }

    /// Where a named cursor stands; the beginning if it was never committed.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn cursor(&self, stream: &str, cursor: &str) -> Result<Reply<Position>, Error> {
        self.read(|transaction| {
            let id = stream_id(transaction, stream)?;
            Ok(Position(transaction.cursor(id, cursor)?))
        })
    }

    /// The named cursors of a stream, in the order of their names.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn cursors(&self, stream: &str) -> Result<Reply<Vec<(String, Position)>>, Error> {
        self.read(|transaction| {
            let id = stream_id(transaction, stream)?;
            let cursors = transaction.cursors(id)?;
            Ok(cursors
                .into_iter()
                .map(|(name, position)| (name, Position(position)))
                .collect())
        })
    }
}

fn stored(message: &OutgoingMessage) -> Result<StoredMessage, Error> {
    let payload = Payload::of(&message.payload).map_err(|error| EngineError::BadParameter {
        detail: format!("the message's payload: {error}"),
    })?;
    let properties = message.properties.iter();
    Ok(StoredMessage {
        key: message.key.as_deref().map(Str::from),
        properties: properties
            .map(|(name, value)| (Str::from(name.as_str()), Str::from(value.as_str())))
            .collect(),
        event_time_ms: message.event_time_ms,
        payload,
    })
}

fn payload(payload: &Payload) -> Value {
    match payload.value() {
        Some(value) => value,
        None => Value::from_json_bytes(payload.bytes()).unwrap_or_default(),
    }
}

fn texts(properties: &[(Str, Str)]) -> Vec<(String, String)> {
    properties
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}
