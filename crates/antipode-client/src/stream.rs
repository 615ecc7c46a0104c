//! Streams: publishing, subscribing, cursors.

use std::collections::{BTreeMap, VecDeque};

use antipode_proto::v1::stream_client::StreamClient;
use antipode_proto::{MESSAGE_BYTES_MAX, v1};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::transport::Channel;

use crate::call::{Effect, Reply};
use crate::client::Client;
use crate::error::Error;

/// A message to publish.
#[derive(Debug, Clone, Default)]
pub struct OutgoingMessage {
    /// What it tells, as JSON.
    pub json: String,
    /// Its key, if it has one.
    pub key: Option<String>,
    /// What else is told about it.
    pub properties: BTreeMap<String, String>,
    /// When what it tells happened, in milliseconds since 1970; 0 if unset.
    pub event_time_ms: i64,
}

impl OutgoingMessage {
    /// A message with this payload and nothing else.
    pub fn new(payload: &impl Serialize) -> Result<Self, Error> {
        Ok(Self {
            json: serde_json::to_string(payload)?,
            ..Self::default()
        })
    }
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Opaque; orders the messages of one replica.
    pub id: String,
    /// Its number among those of its replica in this stream.
    pub seq: u64,
    /// The region where it was published.
    pub region: String,
    /// The replica where it was published.
    pub producer: String,
    /// Its key.
    pub key: Option<String>,
    /// What else was told about it.
    pub properties: BTreeMap<String, String>,
    /// When it was published, in milliseconds since 1970.
    pub publish_time_ms: u64,
    /// When what it tells happened; 0 if it does not say.
    pub event_time_ms: i64,
    /// What it tells, as JSON.
    pub json: String,
}

impl Message {
    /// The payload as a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_str(&self.json)?)
    }
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Start {
    /// At the earliest message there is.
    #[default]
    Earliest,
    /// With what comes after the call.
    Latest,
    /// After a position of an earlier subscription.
    Position(Bytes),
    /// Where a named cursor was committed, or at the earliest message if it never was.
    Cursor(String),
}

/// What a subscription gives.
#[derive(Debug, Clone, Default)]
pub struct SubscribeOptions {
    /// Where it begins.
    pub start: Start,
    /// Only messages published in these regions; empty: all.
    pub regions: Vec<String>,
    /// End when everything that was there at the beginning has come.
    pub until_now: bool,
}

/// The messages of a stream, as they come. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    client: Client,
    stream: tonic::Streaming<v1::SubscribeReply>,
    waiting: VecDeque<v1::StreamMessage>,
    /// The position after the messages that wait, and the one before them.
    next_position: Bytes,
    position: Bytes,
}

/// A durable position with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedCursor {
    /// Its name.
    pub name: String,
    /// What was committed.
    pub position: Bytes,
}

impl Client {
    /// Appends messages to a stream, all or none, and returns their ids.
    pub async fn publish(
        &self,
        stream: &str,
        messages: impl IntoIterator<Item = OutgoingMessage>,
    ) -> Result<Vec<String>, Error> {
        let messages: Vec<_> = messages.into_iter().map(outgoing).collect();
        let reply = self
            .call(
                Effect::Once,
                || v1::PublishRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    durability: self.durability(),
                    stream: stream.to_owned(),
                    messages: messages.clone(),
                },
                |channel, request| async move { service(channel).publish(request).await },
            )
            .await?;
        Ok(reply.ids)
    }

    /// Reads a stream from a position on.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// use antipode_client::{Start, SubscribeOptions};
    ///
    /// let start = Start::Cursor("billing".to_owned());
    /// let mut orders = client
    ///     .subscribe("orders", SubscribeOptions { start, ..SubscribeOptions::default() })
    ///     .await?;
    /// while let Some(message) = orders.next().await? {
    ///     println!("{}", message.json);
    ///     // After a restart, go on from here.
    ///     client.commit_cursor("orders", "billing", orders.position()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn subscribe(
        &self,
        stream: &str,
        options: SubscribeOptions,
    ) -> Result<Subscription, Error> {
        use v1::subscribe_request::From;
        let from = match &options.start {
            Start::Earliest => None,
            Start::Latest => Some(From::Latest(true)),
            Start::Position(position) => Some(From::Position(position.clone())),
            Start::Cursor(name) => Some(From::Cursor(name.clone())),
        };
        let replies = self
            .open(
                Effect::Repeatable,
                || v1::SubscribeRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    stream: stream.to_owned(),
                    from: from.clone(),
                    regions: options.regions.clone(),
                    until_now: options.until_now,
                },
                |channel, request| async move { service(channel).subscribe(request).await },
            )
            .await?;
        let position = match options.start {
            Start::Position(position) => position,
            _ => Bytes::new(),
        };
        Ok(Subscription {
            client: self.clone(),
            stream: replies,
            waiting: VecDeque::new(),
            next_position: position.clone(),
            position,
        })
    }

    /// Makes a position the durable start of a named cursor.
    pub async fn commit_cursor(
        &self,
        stream: &str,
        cursor: &str,
        position: &Bytes,
    ) -> Result<(), Error> {
        self.call(
            Effect::Repeatable,
            || v1::CommitCursorRequest {
                token: self.inner.token(),
                fabric: self.fabric_name(),
                durability: self.durability(),
                stream: stream.to_owned(),
                cursor: cursor.to_owned(),
                position: position.clone(),
            },
            |channel, request| async move { service(channel).commit_cursor(request).await },
        )
        .await?;
        Ok(())
    }

    /// The named cursors of a stream.
    pub async fn list_cursors(&self, stream: &str) -> Result<Vec<NamedCursor>, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::ListCursorsRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    consistency: self.consistency(),
                    stream: stream.to_owned(),
                },
                |channel, request| async move { service(channel).list_cursors(request).await },
            )
            .await?;
        let cursors = reply.cursors.into_iter().map(|cursor| NamedCursor {
            name: cursor.name,
            position: cursor.position,
        });
        Ok(cursors.collect())
    }
}

impl Subscription {
    /// The next message; none when a subscription with `until_now` has given everything.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                if self.waiting.is_empty() {
                    self.position = self.next_position.clone();
                }
                return Ok(Some(message(found)));
            }
            match self.stream.message().await {
                Ok(Some(reply)) => {
                    self.client.inner.saw(reply.token());
                    self.next_position = reply.position;
                    self.waiting.extend(reply.messages);
                    if self.waiting.is_empty() {
                        self.position = self.next_position.clone();
                    }
                }
                Ok(None) => return Ok(None),
                Err(status) => return Err(Error::from_status(&status)),
            }
        }
    }

    /// A position from which nothing that was not given yet is missed. It moves with each group of messages, so after a
    /// restart up to a group may come again.
    pub fn position(&self) -> &Bytes {
        &self.position
    }
}

fn service(channel: Channel) -> StreamClient<Channel> {
    StreamClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn outgoing(message: OutgoingMessage) -> v1::OutgoingMessage {
    v1::OutgoingMessage {
        payload: message.json,
        key: message.key,
        properties: message.properties.into_iter().collect(),
        event_time_ms: message.event_time_ms,
    }
}

fn message(found: v1::StreamMessage) -> Message {
    Message {
        id: found.id,
        seq: found.seq,
        region: found.region,
        producer: found.producer,
        key: found.key,
        properties: found.properties.into_iter().collect(),
        publish_time_ms: found.publish_time_ms,
        event_time_ms: found.event_time_ms,
        json: found.payload,
    }
}
