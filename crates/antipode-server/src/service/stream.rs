//! Streams.
//!
//! A subscription is a task, not a thread: it reads what is there in short calls, and between them waits for the
//! database to tell of a change. So thousands of quiet subscriptions cost nothing.

use std::sync::Arc;

use antipode::{Message, OutgoingMessage, Position};
use antipode_proto::v1;
use antipode_proto::v1::stream_server::Stream;
use antipode_proto::v1::subscribe_request::From;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use crate::failure::{failed, stopping};
use crate::node::{Common, Node, json};
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
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common = Common::new(&request.token, &request.fabric).durability(request.durability)?;
        let messages = request
            .messages
            .into_iter()
            .map(outgoing)
            .collect::<Result<Vec<_>, _>>()?;
        let (node, circumstances) = (self.0.clone(), call.clone());
        let reply = self.0.workers.run(&call, move || {
            let session = node.session(&circumstances, common);
            let reply = session
                .publish(&request.stream, &messages)
                .map_err(failed)?;
            Ok(v1::PublishReply {
                token: reply.token.into(),
                ids: reply.value,
            })
        });
        Ok(Response::new(reply.await?))
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = Node::streaming_call(&request);
        let request = request.into_inner();
        let common =
            Common::new(&request.token, &request.fabric).consistency(request.consistency)?;
        let subscription = Subscription {
            node: self.0.clone(),
            call,
            common,
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
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common = Common::new(&request.token, &request.fabric).durability(request.durability)?;
        let position = Position::decode(&request.position).map_err(failed)?;
        let (node, circumstances) = (self.0.clone(), call.clone());
        let reply = self.0.workers.run(&call, move || {
            let session = node.session(&circumstances, common);
            let reply = session
                .commit_cursor(&request.stream, &request.cursor, &position)
                .map_err(failed)?;
            Ok(v1::CommitCursorReply {
                token: reply.token.into(),
            })
        });
        Ok(Response::new(reply.await?))
    }

    async fn list_cursors(
        &self,
        request: Request<v1::ListCursorsRequest>,
    ) -> Result<Response<v1::ListCursorsReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let common =
            Common::new(&request.token, &request.fabric).consistency(request.consistency)?;
        let (node, circumstances) = (self.0.clone(), call.clone());
        let reply = self.0.workers.run(&call, move || {
            let session = node.session(&circumstances, common);
            let reply = session.cursors(&request.stream).map_err(failed)?;
            let cursors = reply.value.into_iter().map(|(name, position)| v1::Cursor {
                name,
                position: position.encode().into(),
            });
            Ok(v1::ListCursorsReply {
                token: reply.token.into(),
                cursors: cursors.collect(),
            })
        });
        Ok(Response::new(reply.await?))
    }
}

struct Subscription {
    node: Arc<Node>,
    call: Call,
    common: Common,
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
        let (node, call, common) = (self.node.clone(), self.call.clone(), self.common.clone());
        let stream = self.stream.clone();
        // Not the subscription's own cancel flag: that one is raised when this short call is done.
        let short = Call {
            cancel: antipode::Cancel::new(),
            ..call
        };
        let circumstances = short.clone();
        let begun = self.node.workers.run(&short, move || {
            let session = node.session(&circumstances, common);
            let end = session.stream_end(&stream).map_err(failed)?.value;
            let position = match from {
                None => Position::default(),
                Some(From::Position(position)) => Position::decode(&position).map_err(failed)?,
                Some(From::Cursor(name)) => session.cursor(&stream, &name).map_err(failed)?.value,
                Some(From::Latest(true)) => end.clone(),
                Some(From::Latest(false)) => Position::default(),
            };
            Ok((position, until_now.then_some(end)))
        });
        begun.await
    }

    async fn run(
        self,
        mut position: Position,
        until: Option<Position>,
        sender: mpsc::Sender<Replied>,
    ) {
        let mut stopping_soon = self.node.stopping.clone();
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
            // The value that is waited for must not be held across the next await.
            let stops = async {
                stopping_soon
                    .wait_for(|stopping| *stopping)
                    .await
                    .map(|_| ())
            };
            tokio::select! {
                () = changed => {}
                () = sender.closed() => return,
                _ = stops => {
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
        let (node, common, position) = (self.node.clone(), self.common.clone(), position.clone());
        let (stream, regions) = (self.stream.clone(), self.regions.clone());
        let short = Call {
            cancel: antipode::Cancel::new(),
            deadline: self.call.deadline,
        };
        let circumstances = short.clone();
        let read = self.node.workers.run(&short, move || {
            let session = node.session(&circumstances, common);
            let reply = session
                .messages(&stream, &position, &regions, BATCH_MESSAGES)
                .map_err(failed)?;
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
        match self.call.deadline {
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
