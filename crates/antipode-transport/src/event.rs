//! What the transport tells the node.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::LinkError;
use crate::frame::Lane;

/// One connection to a peer, from its `Up` to its `Down`. Never used again within a process: a peer that comes back
/// has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What happened on the network. Of one link, `Up` comes first, `Down` last, and a lane's messages in the order in
/// which they were sent. Of one node there is one link at a time: the `Down` of the old comes before the `Up` of the new.
#[derive(Debug)]
pub enum PeerEvent {
    /// There is a link, and the peer's certificate says who it is.
    Up {
        link: LinkId,
        node: Arc<str>,
        region: Arc<str>,
        /// Where the peer is reached from here.
        address: SocketAddr,
        /// The address given to `connect`, if this side dialled.
        dialled: Option<String>,
    },
    /// A message came in.
    Message {
        link: LinkId,
        lane: Lane,
        bytes: Bytes,
        /// Drop it when the message has been dealt with: until then its length counts against what the peer may
        /// have under way on this lane.
        credit: Credit,
    },
    /// So many bytes given to `send` have left the link's queues.
    Written { link: LinkId, bytes: usize },
    /// A connection was refused, here or there, for a reason that an operator should hear of. Told, and logged, once
    /// for each peer host and kind of reason.
    Refused {
        address: SocketAddr,
        reason: LinkError,
    },
    /// The link is gone, and what waited in its queues with it.
    Down { link: LinkId, reason: LinkError },
}

/// Room in a lane's receive budget, given back on drop.
#[derive(Debug)]
pub struct Credit(
    #[expect(dead_code, reason = "it is held for its drop")] pub(crate) OwnedSemaphorePermit,
);

/// Takes the events, on the transport's threads. It must not block: an unbounded channel is a good sink, as messages
/// are bounded by their [`Credit`].
pub trait Sink: Send + Sync + 'static {
    fn event(&self, event: PeerEvent);
}

impl<F: Fn(PeerEvent) + Send + Sync + 'static> Sink for F {
    fn event(&self, event: PeerEvent) {
        self(event);
    }
}
