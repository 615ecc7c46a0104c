//! A WAN on one machine: delays and cuts for each peer, at the socket.
//!
//! Datagrams are held back or dropped below QUIC, so everything above behaves as on a real line: handshakes take
//! round trips, a cut is noticed by silence, and a link that heals must be dialled again. Datagrams to one peer stay
//! in order.
//!
//! ```text
//!  quinn ──try_send──► [cut? drop] ─► [delay? wait in the queue until due] ─► UDP socket
//!  quinn ◄─poll_recv── [cut? drop] ◄─────────────────────────────────────────  UDP socket
//! ```
//!
//! A setting names a node or a region, but a datagram only has an address. The names of an address are learnt when a
//! link with it comes up, and kept. Until then its datagrams pass, and a link that turns out to be cut is closed.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use rand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

/// So many bytes are under way at most; a router drops what exceeds its memory, and so does this.
const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Which direction of a link passes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    #[default]
    None,
    /// What this node sends is lost.
    Outgoing,
    /// What the peer sends is lost.
    Incoming,
    Both,
}

impl Cut {
    fn outgoing(self) -> bool {
        matches!(self, Self::Outgoing | Self::Both)
    }

    fn incoming(self) -> bool {
        matches!(self, Self::Incoming | Self::Both)
    }
}

/// How the line to a peer behaves. The delay is that of what this node sends; the peer sets its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    pub delay: Duration,
    /// Up to so much is added to the delay, drawn for each datagram.
    pub jitter: Duration,
    pub cut: Cut,
}

/// The settings of all lines, shared with the socket.
#[derive(Debug, Default)]
pub(crate) struct Wan {
    state: RwLock<State>,
    /// Tells whoever waits to dial that something changed.
    pub(crate) changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By node or region name; `*` is everyone. A node's setting goes before its region's, that before `*`.
    shapes: BTreeMap<String, Shape>,
    names: HashMap<SocketAddr, (Arc<str>, Arc<str>)>,
    /// What follows from both, for a quick look.
    by_address: HashMap<SocketAddr, Shape>,
    /// Not empty when any peer that is not known yet is concerned.
    default: Shape,
}

impl State {
    fn shape(&self, node: &str, region: &str) -> Shape {
        [node, region, "*"]
            .iter()
            .find_map(|name| self.shapes.get(*name))
            .copied()
            .unwrap_or_default()
    }

    fn derive(&mut self) {
        self.default = self.shapes.get("*").copied().unwrap_or_default();
        self.by_address = self
            .names
            .iter()
            .map(|(address, (node, region))| (*address, self.shape(node, region)))
            .collect();
    }
}

impl Wan {
    /// Sets the line to a node, a region, or everyone (`*`).
    pub(crate) fn set(&self, peer: &str, shape: Shape) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.shapes.insert(peer.to_owned(), shape);
        state.derive();
        drop(state);
        self.changed.notify_waiters();
    }

    /// Learns who is behind an address.
    pub(crate) fn learn(&self, address: SocketAddr, node: &Arc<str>, region: &Arc<str>) {
        let address = canonical(address);
        let known = (node.clone(), region.clone());
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.names.get(&address) != Some(&known) {
            state.names.insert(address, known);
            state.derive();
        }
    }

    pub(crate) fn shape_of(&self, node: &str, region: &str) -> Shape {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .shape(node, region)
    }

    pub(crate) fn shapes(&self) -> Vec<(String, Shape)> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state
            .shapes
            .iter()
            .map(|(name, shape)| (name.clone(), *shape))
            .collect()
    }

    fn shape_at(&self, address: SocketAddr) -> Shape {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state
            .by_address
            .get(&canonical(address))
            .copied()
            .unwrap_or(state.default)
    }
}

/// A socket for both protocols shows IPv4 peers as mapped IPv6 addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A UDP socket with the settings applied.
#[derive(Debug)]
pub(crate) struct WanSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    wan: Arc<Wan>,
    delayed: Arc<Delayed>,
}

impl WanSocket {
    /// Wraps a socket; must be called on the runtime, which then drives the queue.
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, wan: Arc<Wan>) -> Self {
        let delayed = Arc::new(Delayed::default());
        // Ends with the runtime, which belongs to the transport.
        tokio::spawn(send_when_due(inner.clone(), delayed.clone()));
        Self {
            inner,
            wan,
            delayed,
        }
    }
}

impl AsyncUdpSocket for WanSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let shape = self.wan.shape_at(transmit.destination);
        if shape.cut.outgoing() {
            return Ok(());
        }
        if shape.delay.is_zero() && shape.jitter.is_zero() {
            return self.inner.try_send(transmit);
        }
        let jitter = shape.jitter.mul_f64(rand::rng().random::<f64>());
        self.delayed.push(shape.delay + jitter, transmit);
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = std::task::ready!(self.inner.poll_recv(context, buffers, meta))?;
        for entry in meta.iter_mut().take(received) {
            if self.wan.shape_at(entry.addr).cut.incoming() {
                // An empty datagram is none.
                entry.len = 0;
            }
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }
}

/// The datagrams that are under way.
#[derive(Debug, Default)]
struct Delayed {
    queue: Mutex<Queue>,
    pushed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    heap: BinaryHeap<Datagram>,
    /// When the last datagram to a peer is due, so that none overtakes it.
    last_due: HashMap<SocketAddr, Instant>,
    bytes: usize,
    pushed: u64,
}

#[derive(Debug)]
struct Datagram {
    due: Instant,
    number: u64,
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    src_ip: Option<IpAddr>,
    contents: Vec<u8>,
}

impl Datagram {
    /// The heap gives the greatest first: that is the one that is due first.
    fn rank(&self) -> std::cmp::Reverse<(Instant, u64)> {
        std::cmp::Reverse((self.due, self.number))
    }
}

impl PartialEq for Datagram {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Datagram {}

impl PartialOrd for Datagram {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Datagram {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

enum Next {
    Due(Datagram),
    Wait(Instant),
    Empty,
}

impl Delayed {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, delay: Duration, transmit: &Transmit) {
        let mut queue = self.lock();
        if queue.bytes + transmit.contents.len() > QUEUE_BYTES_MAX {
            return;
        }
        let due = Instant::now() + delay;
        let last = queue.last_due.entry(transmit.destination).or_insert(due);
        *last = due.max(*last);
        let due = *last;
        queue.pushed += 1;
        queue.bytes += transmit.contents.len();
        let datagram = Datagram {
            due,
            number: queue.pushed,
            destination: transmit.destination,
            ecn: transmit.ecn,
            src_ip: transmit.src_ip,
            contents: transmit.contents.to_vec(),
        };
        queue.heap.push(datagram);
        drop(queue);
        self.pushed.notify_one();
    }

    fn next(&self) -> Next {
        let now = Instant::now();
        let mut queue = self.lock();
        match queue.heap.peek() {
            None => {
                queue.last_due.clear();
                Next::Empty
            }
            Some(first) if first.due > now => Next::Wait(first.due),
            Some(_) => match queue.heap.pop() {
                Some(datagram) => {
                    queue.bytes -= datagram.contents.len();
                    Next::Due(datagram)
                }
                None => Next::Empty,
            },
        }
    }
}

async fn send_when_due(socket: Arc<dyn AsyncUdpSocket>, delayed: Arc<Delayed>) {
    let mut poller = socket.clone().create_io_poller();
    loop {
        match delayed.next() {
            Next::Empty => delayed.pushed.notified().await,
            Next::Wait(due) => {
                // A new datagram may be due earlier than the first.
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = delayed.pushed.notified() => {}
                }
            }
            Next::Due(datagram) => send(&*socket, &mut poller, &datagram).await,
        }
    }
}

/// An error here is what a lost datagram is on a line: QUIC sends it again.
async fn send(
    socket: &dyn AsyncUdpSocket,
    poller: &mut Pin<Box<dyn UdpPoller>>,
    datagram: &Datagram,
) {
    let transmit = Transmit {
        destination: datagram.destination,
        ecn: datagram.ecn,
        contents: &datagram.contents,
        segment_size: None,
        src_ip: datagram.src_ip,
    };
    while let Err(error) = socket.try_send(&transmit) {
        if error.kind() != io::ErrorKind::WouldBlock {
            return;
        }
        let writable = std::future::poll_fn(|context| poller.as_mut().poll_writable(context));
        if writable.await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(delay_ms: u64) -> Shape {
        Shape {
            delay: Duration::from_millis(delay_ms),
            ..Shape::default()
        }
    }

    #[test]
    fn the_nearest_name_counts() {
        let wan = Wan::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 7000));
        wan.learn(address, &"t1".into(), &"tokyo".into());
        assert_eq!(wan.shape_at(address), Shape::default());
        wan.set("*", shape(1));
        assert_eq!(wan.shape_at(address), shape(1));
        wan.set("tokyo", shape(2));
        assert_eq!(wan.shape_at(address), shape(2));
        wan.set("t1", shape(3));
        assert_eq!(wan.shape_at(address), shape(3));
        let stranger = SocketAddr::from(([127, 0, 0, 1], 7001));
        assert_eq!(wan.shape_at(stranger), shape(1));
        wan.learn(stranger, &"t2".into(), &"tokyo".into());
        assert_eq!(wan.shape_at(stranger), shape(2));
        let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), 7000);
        assert_eq!(wan.shape_at(mapped), shape(3));
    }

    #[test]
    fn datagrams_to_one_peer_stay_in_order() {
        let delayed = Delayed::default();
        let destination = SocketAddr::from(([127, 0, 0, 1], 7000));
        for (delay_ms, contents) in [(5, b"a"), (0, b"b"), (2, b"c")] {
            delayed.push(
                Duration::from_millis(delay_ms),
                &Transmit {
                    destination,
                    ecn: None,
                    contents,
                    segment_size: None,
                    src_ip: None,
                },
            );
        }
        let mut order = Vec::new();
        loop {
            match delayed.next() {
                Next::Due(datagram) => order.extend(datagram.contents),
                Next::Wait(_) => std::thread::yield_now(),
                Next::Empty => break,
            }
        }
        assert_eq!(order, b"abc");
        assert_eq!(delayed.lock().bytes, 0);
    }
}
