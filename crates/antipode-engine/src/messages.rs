//! Reading a stream.
//!
//! A stream has one sequence for each replica that publishes to it. A reading merges them by time of publishing, then
//! replica, then number: an order that is the same everywhere for the same messages, though not a causal one. It covers
//! what the snapshot has and ends there.

use std::collections::{BTreeMap, VecDeque};

use antipode_clock::{Hlc, ReplicaId, VersionVector};
use antipode_query::{
    PayloadFormat, Retry, Scan, SourceError, StreamFrom, StreamRead, StreamUntil,
};
use antipode_store::keyspace::MessageKey;
use antipode_store::record::{Message, Payload, Record as _, StoredMessage};
use antipode_store::{Cursor, Direction, Space, StreamId};
use antipode_value::{Str, Value};

use crate::error::EngineError;
use crate::session::{OpenTransaction, store_failed};
use crate::stored;

/// Place of a message in the merged order.
type Place = (Hlc, ReplicaId, u64);

/// The opaque id of a message. Ids compare as the messages are ordered.
#[must_use]
pub fn message_id(hlc: Hlc, origin: ReplicaId, seq: u64) -> String {
    format!("{:016x}{:016x}{seq:016x}", hlc.0, origin.0)
}

/// The place that an id names.
fn parse_id(id: &str) -> Result<Place, SourceError> {
    let part = |from: usize| {
        id.get(from..from + 16)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
    };
    match (id.len(), part(0), part(16), part(32)) {
        (48, Some(hlc), Some(origin), Some(seq)) => Ok((Hlc(hlc), ReplicaId(origin), seq)),
        _ => Err(SourceError::Other {
            code: 10,
            retry: Retry::Never,
            message: format!("malformed message id '{id}'"),
        }),
    }
}

/// A message as it is read.
#[derive(Clone, Debug)]
pub struct ReadMessage {
    /// Its opaque id.
    pub id: String,
    /// The replica that published it.
    pub origin: ReplicaId,
    /// Its number among those of that replica in the stream.
    pub seq: u64,
    /// When it was published, in milliseconds since 1970.
    pub publish_time_ms: u64,
    /// The message.
    pub message: Message,
}

struct Origin<'a> {
    origin: ReplicaId,
    region: Option<String>,
    cursor: Box<dyn Cursor + 'a>,
}

/// One bounded reading.
pub(crate) struct MessageScan<'a> {
    origins: Vec<Origin<'a>>,
    /// The next message of each origin that has one, by place.
    next: BTreeMap<Place, (usize, StoredMessage)>,
    after: Option<Place>,
    since_ms: Option<u64>,
    before_ms: Option<u64>,
    upto: Option<Place>,
    key: Option<String>,
    format: PayloadFormat,
    /// The whole answer where only the newest few are wanted.
    last: Option<VecDeque<Value>>,
    finished: bool,
}

impl<'a> MessageScan<'a> {
    pub fn open(transaction: &'a OpenTransaction, read: &StreamRead) -> Result<Self, SourceError> {
        let stream = StreamId(read.stream.0);
        if transaction.schema().stream_by_id(stream).is_none() {
            return Err(SourceError::Gone {
                name: format!("stream {stream}"),
            });
        }
        let tails = transaction.stream_tails(stream).map_err(engine_failed)?;
        let mut scan = Self {
            origins: Vec::new(),
            next: BTreeMap::new(),
            after: None,
            since_ms: None,
            before_ms: None,
            upto: None,
            key: read.key.clone(),
            format: read.format,
            last: None,
            finished: matches!(read.from, StreamFrom::Latest),
        };
        match &read.from {
            StreamFrom::After(id) => scan.after = Some(parse_id(id)?),
            StreamFrom::At(ms) => scan.since_ms = Some(u64::try_from(*ms).unwrap_or(0)),
            _ => {}
        }
        match &read.until {
            StreamUntil::Now => {}
            StreamUntil::At(ms) => scan.before_ms = Some(u64::try_from(*ms).unwrap_or(0)),
            StreamUntil::Id(id) => scan.upto = Some(parse_id(id)?),
        }
        for (origin, _) in tails.iter() {
            let region = transaction.shared.region(origin);
            let wanted = read
                .regions
                .as_ref()
                .is_none_or(|regions| region.as_ref().is_some_and(|r| regions.contains(r)));
            if wanted {
                let range = MessageKey::origin(stream, origin);
                let cursor = transaction
                    .snapshot
                    .scan(Space::Streams, range, Direction::Forward);
                scan.origins.push(Origin {
                    origin,
                    region,
                    cursor,
                });
            }
        }
        for position in 0..scan.origins.len() {
            scan.advance(position)?;
        }
        if let StreamFrom::Last(count) = read.from {
            scan.keep_last(usize::try_from(count).unwrap_or(usize::MAX))?;
        }
        Ok(scan)
    }

    /// Reads the next message of one origin.
    fn advance(&mut self, position: usize) -> Result<(), SourceError> {
        let Some(origin) = self.origins.get_mut(position) else {
            return Ok(());
        };
        let Some((key, record)) = origin.cursor.next().map_err(store_failed)? else {
            return Ok(());
        };
        let message = StoredMessage::open(record)
            .map_err(|error| store_failed(error.at(Space::Streams, key)))?;
        let seq = stored::message_key(key).map_err(store_failed)?.seq;
        self.next
            .insert((message.hlc, origin.origin, seq), (position, message));
        Ok(())
    }

    /// The next message of all that is wanted.
    fn next_message(&mut self) -> Result<Option<Value>, SourceError> {
        while let Some((place, (position, stored))) = self.next.pop_first() {
            self.advance(position)?;
            let published = place.0.ms();
            if self.upto.is_some_and(|upto| place > upto)
                || self.before_ms.is_some_and(|end| published >= end)
            {
                return Ok(None);
            }
            let early = self.after.is_some_and(|after| place <= after)
                || self.since_ms.is_some_and(|ms| published < ms);
            let other_key = self
                .key
                .as_deref()
                .is_some_and(|key| stored.message.key.as_deref() != Some(key));
            if early || other_key {
                continue;
            }
            let region = self
                .origins
                .get(position)
                .and_then(|origin| origin.region.as_deref());
            return Ok(Some(shown(place, region, &stored.message, self.format)));
        }
        Ok(None)
    }

    fn keep_last(&mut self, count: usize) -> Result<(), SourceError> {
        let mut last = VecDeque::new();
        while let Some(message) = self.next_message()? {
            last.push_back(message);
            if last.len() > count {
                last.pop_front();
            }
        }
        self.last = Some(last);
        Ok(())
    }
}

impl Scan for MessageScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        if let Some(last) = &mut self.last {
            out.extend(last.drain(..max.min(last.len())));
            return Ok(!last.is_empty());
        }
        for _ in 0..max {
            if self.finished {
                break;
            }
            match self.next_message()? {
                Some(message) => out.push(message),
                None => self.finished = true,
            }
        }
        Ok(!self.finished)
    }
}

/// A message as a query sees it.
fn shown(place: Place, region: Option<&str>, message: &Message, format: PayloadFormat) -> Value {
    let (hlc, origin, seq) = place;
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let properties = message
        .properties
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())));
    Value::object([
        ("id", Value::from(message_id(hlc, origin, seq))),
        ("seq", number(seq)),
        ("region", region.map_or(Value::Null, Value::from)),
        ("producer", Value::from(origin.to_string())),
        (
            "key",
            message.key.clone().map_or(Value::Null, Value::String),
        ),
        ("properties", Value::object(properties)),
        ("publishTime", number(hlc.ms())),
        ("eventTime", Value::Int(message.event_time_ms)),
        ("payload", payload(&message.payload, format)),
    ])
}

/// The payload in the form that was asked for; null where it cannot be had so.
fn payload(payload: &Payload, format: PayloadFormat) -> Value {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Str::from);
    match (format, payload) {
        (PayloadFormat::Json, Payload::Packed(_)) => payload.value().unwrap_or_default(),
        (PayloadFormat::Json, Payload::Raw(bytes)) => {
            Value::from_json_bytes(bytes).unwrap_or_default()
        }
        (PayloadFormat::Text, Payload::Raw(bytes)) => {
            text(bytes).map_or(Value::Null, Value::String)
        }
        (PayloadFormat::Text, Payload::Packed(_)) => match payload.value() {
            Some(Value::String(text)) => Value::String(text),
            Some(value) => Value::from(value.to_json()),
            None => Value::Null,
        },
        (PayloadFormat::Bytes, Payload::Raw(bytes)) => Value::from(base64(bytes)),
        (PayloadFormat::Bytes, Payload::Packed(_)) => {
            let json = payload
                .value()
                .map(|value| value.to_json())
                .unwrap_or_default();
            Value::from(base64(json.as_bytes()))
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

impl OpenTransaction {
    /// Up to `max` messages of a stream behind `position` (for each origin, the last number read), each origin in its
    /// order, and the position behind them: what a subscription reads.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn messages_after(
        &self,
        stream: StreamId,
        position: &VersionVector,
        max: usize,
    ) -> Result<(Vec<ReadMessage>, VersionVector), EngineError> {
        let mut behind = position.clone();
        let mut messages = Vec::new();
        for (origin, tail) in self.stream_tails(stream)?.iter() {
            if position.get(origin) >= tail {
                continue;
            }
            let first = MessageKey {
                stream,
                origin,
                seq: position.get(origin) + 1,
            };
            let range = MessageKey::origin(stream, origin).starting_at(first.encode());
            let mut cursor = self
                .snapshot
                .scan(Space::Streams, range, Direction::Forward);
            while messages.len() < max
                && let Some((key, record)) = cursor.next()?
            {
                let stored =
                    StoredMessage::open(record).map_err(|error| error.at(Space::Streams, key))?;
                let seq = stored::message_key(key)?.seq;
                behind.set(origin, seq);
                messages.push(ReadMessage {
                    id: message_id(stored.hlc, origin, seq),
                    origin,
                    seq,
                    publish_time_ms: stored.hlc.ms(),
                    message: stored.message,
                });
            }
        }
        Ok((messages, behind))
    }
}

fn engine_failed(error: EngineError) -> SourceError {
    SourceError::Other {
        code: error.code(),
        retry: error.retry(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_compare_as_places() {
        let early = message_id(Hlc(5), ReplicaId(9), 300);
        let late = message_id(Hlc(6), ReplicaId(1), 1);
        assert!(early < late);
        assert_eq!(parse_id(&early).ok(), Some((Hlc(5), ReplicaId(9), 300)));
        assert!(
            parse_id("").is_err()
                && parse_id(&late[1..]).is_err()
                && parse_id(&"g".repeat(48)).is_err()
        );
    }
}
