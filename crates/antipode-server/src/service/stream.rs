//! Streams.
//!
//! A subscription is a task, not a thread: it reads what is there in short calls, and between them waits for the
//! database to tell of a change. So thousands of quiet subscriptions cost nothing, and when a change wakes them all, they
//! read in turn, a few at a time, beside the calls.

use std::sync::Arc;

use antipode::{Message, OutgoingMessage, Position};
use antipode_proto::v1;
use antipode_proto::v1::stream_server::Stream;
use antipode_proto::v1::subscribe_request::From;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use crate::failure::{failed, stopping};
use crate::node::Node;
use crate::request::{Asked, json};
use crate::work::{Call, Replies};

/// Messages read at a time: one short read, one reply.
const BATCH_MESSAGES: usize = 256;

type Replied = Result<v1::SubscribeReply, Status>;

pub(crate) struct StreamService(pub Arc<Node>);

#[tonic::async_trait]
impl Stream for StreamService {
    type SubscribeStream = Replies<v1::SubscribeReply>;

    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let messages = request
            .messages
            .into_iter()
            .map(outgoing)
            .collect::<Result<Vec<_>, _>>()?;
        self.0
            .reply(asked, move |session| {
                let reply = session.publish(&request.stream, &messages)?;
                Ok(v1::PublishReply {
                    token: reply.token.into(),
                    ids: reply.value,
                })
            })
            .await
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let (asked, request) = Node::read_streaming(request)?;
        let subscription = Subscription {
            node: self.0.clone(),
            asked,
            stream: request.stream,
            regions: request.regions,
        };
        // What is wrong from the start is told as the call's own failure.
        let (position, until) = subscription.begin(request.from, request.until_now).await?;
        let replies = Replies::from_task(move |sender| subscription.run(position, until, sender));
        Ok(Response::new(replies))
    }

    async fn commit_cursor(
        &self,
        request: Request<v1::CommitCursorRequest>,
    ) -> Result<Response<v1::CommitCursorReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let position = Position::decode(&request.position).map_err(failed)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.commit_cursor(&request.stream, &request.cursor, &position)?;
                Ok(v1::CommitCursorReply {
                    token: reply.token.into(),
                })
            })
            .await
    }

    async fn list_cursors(
        &self,
        request: Request<v1::ListCursorsRequest>,
    ) -> Result<Response<v1::ListCursorsReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        self.0
            .reply(asked, move |session| {
                let reply = session.cursors(&request.stream)?;
                let cursors = reply.value.into_iter().map(|(name, position)| v1::Cursor {
                    name,
                    position: position.encode().into(),
                });
                Ok(v1::ListCursorsReply {
                    token: reply.token.into(),
                    cursors: cursors.collect(),
                })
            })
            .await
    }
}

struct Subscription {
    node: Arc<Node>,
    asked: Asked,
    stream: String,
    regions: Vec<String>,
}

impl Subscription {
    /// Where to begin, and, if it has an end, where that is.
    async fn begin(
        &self,
        from: Option<From>,
        until_now: bool,
    ) -> Result<(Position, Option<Position>), Status> {
        let stream = self.stream.clone();
        let begun = self.node.run(self.short(), move |session| {
            let end = session.stream_end(&stream)?.value;
            let position = match from {
                None => Position::default(),
                Some(From::Position(position)) => Position::decode(&position)?,
                Some(From::Cursor(name)) => session.cursor(&stream, &name)?.value,
                Some(From::Latest(true)) => end.clone(),
                Some(From::Latest(false)) => Position::default(),
            };
            Ok((position, until_now.then_some(end)))
        });
        begun.await
    }

    /// One short read. It does not have the subscription's own cancel flag, as that one would be raised when it is done.
    fn short(&self) -> Asked {
        Asked {
            call: Call {
                cancel: antipode::Cancel::new(),
                deadline: self.asked.call.deadline,
            },
            common: self.asked.common.clone(),
        }
    }

    async fn run(
        self,
        mut position: Position,
        until: Option<Position>,
        sender: mpsc::Sender<Replied>,
    ) {
        loop {
            // Asked for before the read, so that what is committed during it is not missed.
            let changed = self.node.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (reply, next) = match self.read(&position).await {
                Ok(read) => read,
                Err(status) => {
                    // If the client is gone, so is its interest in the reason.
                    let _ = sender.send(Err(status)).await;
                    return;
                }
            };
            let moved = next != position;
            position = next;
            if moved && !self.hand_over(&sender, reply).await {
                return;
            }
            if until.as_ref().is_some_and(|end| position.covers(end)) {
                return;
            }
            if moved {
                continue;
            }
            tokio::select! {
                () = changed => {}
                () = sender.closed() => return,
                () = self.node.stops() => {
                    let _ = sender.send(Err(stopping())).await;
                    return;
                }
                () = self.deadline() => {
                    let _ = sender.send(Err(crate::failure::deadline())).await;
                    return;
                }
            }
        }
    }

    async fn read(&self, position: &Position) -> Result<(v1::SubscribeReply, Position), Status> {
        let (stream, regions) = (self.stream.clone(), self.regions.clone());
        let position = position.clone();
        let read = self.node.look(self.short(), move |session| {
            let reply = session.messages(&stream, &position, &regions, BATCH_MESSAGES)?;
            let (messages, next) = reply.value;
            let reply = v1::SubscribeReply {
                token: reply.token.into(),
                messages: messages.into_iter().map(message).collect(),
                position: next.encode().into(),
            };
            Ok((reply, next))
        });
        read.await
    }

    /// Whether the client still reads.
    async fn hand_over(&self, sender: &mpsc::Sender<Replied>, reply: v1::SubscribeReply) -> bool {
        sender
            .send_timeout(Ok(reply), self.node.config.stall)
            .await
            .is_ok()
    }

    async fn deadline(&self) {
        match self.asked.call.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }
}

fn outgoing(message: v1::OutgoingMessage) -> Result<OutgoingMessage, Status> {
    Ok(OutgoingMessage {
        payload: json("the payload", &message.payload)?,
        key: message.key,
        // In the order of their names: the same message is the same bytes.
        properties: std::collections::BTreeMap::from_iter(message.properties)
            .into_iter()
            .collect(),
        event_time_ms: message.event_time_ms,
    })
}

fn message(message: Message) -> v1::StreamMessage {
    v1::StreamMessage {
        id: message.id,
        seq: message.seq,
        region: message.region,
        producer: message.producer,
        key: message.key,
        properties: message.properties.into_iter().collect(),
        publish_time_ms: message.publish_time_ms,
        event_time_ms: message.event_time_ms,
        payload: message.payload.to_json(),
    }
}
