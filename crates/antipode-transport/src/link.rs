//! One connection: its greeting, its lanes, its end.
//!
//! ```text
//! greet: both sides open their three streams and say hello ─► a [`Greeted`], judged by the registry
//! run:   Up ─► a writer and a reader for each lane ─► the first of them to end names the reason ─► Down
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use crate::certificate::identity_of;
use crate::config::Config;
use crate::error::{CertificateError, FrameError, LinkError, SendError};
use crate::event::{Credit, LinkId, PeerEvent, Sink};
use crate::frame::{
    Hello, Lane, ReadError, VERSION_MAX, VERSION_MIN, length_of, read_head, read_hello,
    read_length, read_payload,
};
use crate::identity::Identity;

/// Frames are handed to QUIC in groups of up to so many bytes, so that many small ones cost one call.
const GROUP_BYTES: usize = 64 * 1024;
const GROUP_FRAMES: usize = 256;

/// A connection whose peer is known and has been greeted, but may yet be given up for another.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub connection: quinn::Connection,
    pub identity: Identity,
    pub instance: u128,
    /// What was dialled, if this side dialled.
    pub dialled: Option<String>,
    senders: [quinn::SendStream; 3],
    receivers: [quinn::RecvStream; 3],
}

/// Opens the lanes and exchanges hellos.
pub(crate) async fn greet(
    connection: quinn::Connection,
    dialled: Option<String>,
    instance: u128,
) -> Result<Greeted, LinkError> {
    let identity = peer_identity(&connection)?;
    let senders = open_lanes(&connection, instance).await?;
    let (receivers, hello) = accept_lanes(&connection).await?;
    if hello.version_min > VERSION_MAX || hello.version_max < VERSION_MIN {
        return Err(LinkError::Protocol {
            ours_min: VERSION_MIN,
            ours_max: VERSION_MAX,
            theirs_min: hello.version_min,
            theirs_max: hello.version_max,
        });
    }
    Ok(Greeted {
        connection,
        identity,
        instance: hello.instance,
        dialled,
        senders,
        receivers,
    })
}

fn peer_identity(connection: &quinn::Connection) -> Result<Identity, LinkError> {
    let chain = connection
        .peer_identity()
        .and_then(|any| {
            any.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
                .ok()
        })
        .ok_or(CertificateError::NoIdentity)?;
    let certificate = chain.first().ok_or(CertificateError::NoIdentity)?;
    Ok(identity_of(certificate)?)
}

async fn open_lanes(
    connection: &quinn::Connection,
    instance: u128,
) -> Result<[quinn::SendStream; 3], LinkError> {
    let open = async |lane: Lane| -> Result<quinn::SendStream, LinkError> {
        let mut stream = connection.open_uni().await.map_err(lost)?;
        // Fails only for a stream that is closed, and then so does the write.
        let _ = stream.set_priority(lane.priority());
        stream
            .write_all(&lane.head())
            .await
            .map_err(|error| write_error(connection, &error))?;
        Ok(stream)
    };
    let mut control = open(Lane::Control).await?;
    let hello = Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        instance,
    }
    .encode();
    control
        .write_all_chunks(&mut [length_of(&hello), hello])
        .await
        .map_err(|error| write_error(connection, &error))?;
    Ok([control, open(Lane::Live).await?, open(Lane::Bulk).await?])
}

async fn accept_lanes(
    connection: &quinn::Connection,
) -> Result<([quinn::RecvStream; 3], Hello), LinkError> {
    let mut lanes = [None, None, None];
    for _ in Lane::ALL {
        let mut stream = connection.accept_uni().await.map_err(lost)?;
        let lane = read_head(&mut stream)
            .await
            .map_err(|error| read_error(connection, error))?;
        match lanes.get_mut(lane.index()) {
            Some(slot @ None) => *slot = Some(stream),
            _ => return Err(FrameError::LaneTwice { lane: lane.name() }.into()),
        }
    }
    let [Some(mut control), Some(live), Some(bulk)] = lanes else {
        return Err(FrameError::Hello {
            reason: "a lane is missing",
        }
        .into());
    };
    let hello = read_hello(&mut control)
        .await
        .map_err(|error| read_error(connection, error))?;
    Ok(([control, live, bulk], hello))
}

/// A link that is up, as the rest of the transport sees it.
#[derive(Debug)]
pub(crate) struct Link {
    pub id: LinkId,
    pub identity: Identity,
    pub instance: u128,
    /// Whether the node of the lesser name dialled: of two connections between two nodes, this one stays.
    pub preferred: bool,
    pub connection: quinn::Connection,
    queues: [LaneQueue; 3],
    bytes_max: usize,
    message_bytes_max: usize,
    /// Why this side closes, if it does.
    closing: Mutex<Option<LinkError>>,
    done: watch::Sender<bool>,
}

impl Link {
    pub(crate) fn new(id: LinkId, greeted: &Greeted, own: &Identity, config: &Config) -> Self {
        let (dialler, other) = match greeted.dialled {
            Some(_) => (own, &greeted.identity),
            None => (&greeted.identity, own),
        };
        Self {
            id,
            identity: greeted.identity.clone(),
            instance: greeted.instance,
            preferred: dialler.node() < other.node(),
            connection: greeted.connection.clone(),
            queues: std::array::from_fn(|_| LaneQueue::default()),
            bytes_max: config.queue_bytes_max,
            message_bytes_max: config.message_bytes_max,
            closing: Mutex::new(None),
            done: watch::Sender::new(false),
        }
    }

    /// Queues a message.
    pub(crate) fn send(&self, lane: Lane, bytes: Bytes) -> Result<(), SendError> {
        if bytes.len() > self.message_bytes_max {
            return Err(SendError::TooLarge {
                bytes: bytes.len(),
                bytes_max: self.message_bytes_max,
            });
        }
        if self.connection.close_reason().is_some() {
            return Err(SendError::Gone);
        }
        self.queue(lane).push(bytes, self.bytes_max)
    }

    pub(crate) fn queued_bytes(&self, lane: Lane) -> usize {
        self.queue(lane).bytes.load(Ordering::Relaxed)
    }

    fn queue(&self, lane: Lane) -> &LaneQueue {
        let [control, live, bulk] = &self.queues;
        match lane {
            Lane::Control => control,
            Lane::Live => live,
            Lane::Bulk => bulk,
        }
    }

    /// Closes the link from this side. The first reason counts.
    pub(crate) fn close(&self, reason: LinkError) {
        // Before the connection ends, since whoever notices that looks here for the reason.
        self.closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| reason.clone());
        close(&self.connection, &reason);
    }

    /// Resolves when the link's `Down` has been given out.
    pub(crate) fn done(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut done = self.done.subscribe();
        async move {
            // The sender goes only with the link, which is done then.
            let _ = done.wait_for(|done| *done).await;
        }
    }

    fn end_reason(&self, reason: LinkError) -> LinkError {
        self.closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .unwrap_or(reason)
    }
}

/// What waits to be sent on one lane.
#[derive(Debug, Default)]
struct LaneQueue {
    waiting: Mutex<VecDeque<Bytes>>,
    bytes: AtomicUsize,
    pushed: Notify,
}

impl LaneQueue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: Bytes, bytes_max: usize) -> Result<(), SendError> {
        // An empty message takes room too, so that a queue of them has an end.
        let cost = cost(&message);
        let mut waiting = self.lock();
        let queued_bytes = self.bytes.load(Ordering::Relaxed);
        if queued_bytes > 0 && queued_bytes + cost > bytes_max {
            return Err(SendError::QueueFull { queued_bytes });
        }
        self.bytes.fetch_add(cost, Ordering::Relaxed);
        waiting.push_back(message);
        drop(waiting);
        self.pushed.notify_one();
        Ok(())
    }

    /// The next messages, as frames; their count as messages and their bytes; waits for the first.
    async fn next_group(&self, chunks: &mut Vec<Bytes>) -> Group {
        loop {
            let mut group = Group::default();
            {
                let mut waiting = self.lock();
                while group.frames < GROUP_FRAMES && group.bytes < GROUP_BYTES {
                    let Some(message) = waiting.pop_front() else {
                        break;
                    };
                    group.frames += 1;
                    group.bytes += message.len();
                    group.cost += cost(&message);
                    chunks.push(length_of(&message));
                    chunks.push(message);
                }
            }
            if group.frames > 0 {
                return group;
            }
            self.pushed.notified().await;
        }
    }
}

fn cost(message: &Bytes) -> usize {
    message.len() + 64
}

#[derive(Default)]
struct Group {
    frames: usize,
    bytes: usize,
    cost: usize,
}

/// Runs a link to its end. The registry has it already.
pub(crate) async fn run(
    link: Arc<Link>,
    greeted: Greeted,
    sink: Arc<dyn Sink>,
    config: Arc<Config>,
) {
    let address = greeted.connection.remote_address();
    sink.event(PeerEvent::Up {
        link: link.id,
        node: link.identity.node().clone(),
        region: link.identity.region().clone(),
        address: std::net::SocketAddr::new(address.ip().to_canonical(), address.port()),
        dialled: greeted.dialled,
    });
    let mut tasks = JoinSet::new();
    for (lane, sender) in Lane::ALL.into_iter().zip(greeted.senders) {
        tasks.spawn(write_lane(link.clone(), sink.clone(), lane, sender));
    }
    for (lane, receiver) in Lane::ALL.into_iter().zip(greeted.receivers) {
        tasks.spawn(read_lane(
            link.clone(),
            sink.clone(),
            config.clone(),
            lane,
            receiver,
        ));
    }
    let connection = link.connection.clone();
    tasks.spawn(async move { lost(connection.closed().await) });
    let reason = match tasks.join_next().await {
        Some(Ok(reason)) => reason,
        // A task of ours ends early only when the runtime does.
        Some(Err(_)) | None => LinkError::ClosedHere,
    };
    close(&link.connection, &reason);
    tasks.shutdown().await;
    let reason = link.end_reason(reason);
    tracing::debug!(peer = %link.identity, %address, %reason, "link down");
    sink.event(PeerEvent::Down {
        link: link.id,
        reason,
    });
    link.done.send_replace(true);
}

async fn write_lane(
    link: Arc<Link>,
    sink: Arc<dyn Sink>,
    lane: Lane,
    mut stream: quinn::SendStream,
) -> LinkError {
    let queue = link.queue(lane);
    let mut chunks = Vec::new();
    loop {
        chunks.clear();
        let group = queue.next_group(&mut chunks).await;
        if let Err(error) = stream.write_all_chunks(&mut chunks).await {
            return write_error(&link.connection, &error);
        }
        queue.bytes.fetch_sub(group.cost, Ordering::Relaxed);
        sink.event(PeerEvent::Written {
            link: link.id,
            bytes: group.bytes,
        });
    }
}

async fn read_lane(
    link: Arc<Link>,
    sink: Arc<dyn Sink>,
    config: Arc<Config>,
    lane: Lane,
    mut stream: quinn::RecvStream,
) -> LinkError {
    let budget = u32::try_from(config.receive_bytes_max)
        .unwrap_or(u32::MAX)
        .max(1);
    let room = Arc::new(Semaphore::new(budget as usize));
    loop {
        let length = match read_length(&mut stream, config.message_bytes_max).await {
            Ok(Some(length)) => length,
            Ok(None) => {
                return LinkError::ClosedByPeer {
                    reason: format!("the {} lane ended", lane.name()),
                };
            }
            Err(error) => return read_error(&link.connection, error),
        };
        // A message above the budget takes all of it, and so comes alone.
        let cost = u32::try_from(length)
            .unwrap_or(u32::MAX)
            .saturating_add(64)
            .min(budget);
        let Ok(credit) = room.clone().acquire_many_owned(cost).await else {
            return LinkError::ClosedHere;
        };
        let bytes = match read_payload(&mut stream, length).await {
            Ok(bytes) => bytes,
            Err(error) => return read_error(&link.connection, error),
        };
        sink.event(PeerEvent::Message {
            link: link.id,
            lane,
            bytes,
            credit: Credit(credit),
        });
    }
}

/// Codes that this transport closes connections with.
const CLOSE_NORMAL: u32 = 0;
const CLOSE_REFUSED: u32 = 1;
const CLOSE_MALFORMED: u32 = 2;
const CLOSE_DUPLICATE: u32 = 3;

/// Closes a connection so that the peer learns why, in a few words.
pub(crate) fn close(connection: &quinn::Connection, reason: &LinkError) {
    let code = match reason {
        LinkError::Certificate(_)
        | LinkError::Protocol { .. }
        | LinkError::NameTaken { .. }
        | LinkError::SelfDial => CLOSE_REFUSED,
        LinkError::Frame(_) => CLOSE_MALFORMED,
        LinkError::Duplicate { .. } | LinkError::Replaced { .. } => CLOSE_DUPLICATE,
        _ => CLOSE_NORMAL,
    };
    connection.close(code.into(), reason.to_string().as_bytes());
}

/// The end of a connection in our terms.
pub(crate) fn lost(error: quinn::ConnectionError) -> LinkError {
    /// QUIC carries a TLS alert as 0x100 and its number; these say that the certificate was not accepted.
    const CRYPTO: std::ops::Range<u64> = 0x100..0x200;
    match error {
        quinn::ConnectionError::ApplicationClosed(closed) => {
            let reason: String = String::from_utf8_lossy(&closed.reason)
                .chars()
                .take(200)
                .collect();
            match closed.error_code.into_inner() {
                code if code == u64::from(CLOSE_REFUSED) => LinkError::RefusedByPeer { reason },
                _ => LinkError::ClosedByPeer { reason },
            }
        }
        quinn::ConnectionError::ConnectionClosed(closed)
            if CRYPTO.contains(&u64::from(closed.error_code)) =>
        {
            LinkError::RefusedByPeer {
                reason: format!("its TLS did not accept this node's certificate ({closed})"),
            }
        }
        quinn::ConnectionError::TimedOut => LinkError::TimedOut,
        quinn::ConnectionError::LocallyClosed => LinkError::ClosedHere,
        quinn::ConnectionError::Reset => LinkError::Lost {
            reason: "the peer has forgotten the connection: it was restarted".to_owned(),
        },
        other => LinkError::Lost {
            reason: other.to_string(),
        },
    }
}

fn write_error(connection: &quinn::Connection, error: &quinn::WriteError) -> LinkError {
    match connection.close_reason() {
        Some(reason) => lost(reason),
        None => LinkError::ClosedByPeer {
            reason: error.to_string(),
        },
    }
}

fn read_error(connection: &quinn::Connection, error: ReadError) -> LinkError {
    match error {
        // A stream that was cut short by the end of its connection is not a malformed one.
        ReadError::Frame(error) => match (&error, connection.close_reason()) {
            (FrameError::Truncated { .. }, Some(reason)) => lost(reason),
            _ => error.into(),
        },
        ReadError::Stream(error) => match connection.close_reason() {
            Some(reason) => lost(reason),
            None => LinkError::ClosedByPeer {
                reason: error.to_string(),
            },
        },
    }
}
