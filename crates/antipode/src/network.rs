//! The node's peers over QUIC: joins the transport to the committer's queue.

use std::sync::Arc;
use std::time::Duration;

use antipode_engine::NodeConfig;
use antipode_replication as replication;
use antipode_replication::{Input, LinkId};
use antipode_transport as transport;
pub use antipode_transport::{Bundle, Ca, ClusterId, Cut};
use antipode_transport::{Config, PeerEvent, Transport};
use bytes::Bytes;

use crate::database::Cluster;
use crate::driver::{Call, Desk, Network};
use crate::error::Error;

/// A transport that is about to be started.
pub(crate) struct Endpoint {
    config: Config,
    bundle: Bundle,
}

impl Endpoint {
    /// Reads the certificates, and says how the node of which they tell takes part.
    pub fn prepare(cluster: &Cluster) -> Result<(NodeConfig, Self), Error> {
        let bundle = Bundle::read(&cluster.bundle).map_err(|error| Error::Network {
            code: error.code(),
            detail: error.to_string(),
        })?;
        let listen = resolve(&cluster.listen)?;
        let identity = bundle.identity();
        let config = NodeConfig {
            cluster: identity.cluster().as_u128(),
            node: identity.node().to_string(),
            region: identity.region().to_string(),
            address: cluster
                .advertise
                .clone()
                .unwrap_or_else(|| listen.to_string()),
            founds: cluster.found,
            replication: replication::Config {
                seeds: cluster.join.clone(),
                ..replication::Config::default()
            },
        };
        let transport = Config {
            listen,
            wan: cluster.wan,
            ..Config::default()
        };
        Ok((
            config,
            Self {
                config: transport,
                bundle,
            },
        ))
    }

    /// Opens the port. What peers send is left at `desk`.
    pub fn start(self, desk: Arc<Desk>) -> Result<(Peers, Lines), Error> {
        let own_desk = desk.clone();
        let transport = Transport::start(self.config, self.bundle, move |event| {
            if let Some(call) = call_of(event) {
                desk.leave(call);
            }
        })
        .map_err(|error| Error::Network {
            code: error.code(),
            detail: error.to_string(),
        })?;
        let lines = Lines {
            handle: transport.handle().clone(),
        };
        let peers = Peers {
            transport,
            desk: own_desk,
        };
        Ok((peers, lines))
    }
}

fn resolve(address: &str) -> Result<std::net::SocketAddr, Error> {
    use std::net::ToSocketAddrs as _;
    let detail = match address.to_socket_addrs() {
        Ok(mut addresses) => match addresses.next() {
            Some(address) => return Ok(address),
            None => "it has no address".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Err(Error::Network {
        code: 10,
        detail: format!("'{address}': {detail}"),
    })
}

fn call_of(event: PeerEvent) -> Option<Call> {
    match event {
        PeerEvent::Up {
            link,
            node,
            region,
            address,
            dialled,
        } => {
            tracing::info!(%node, %region, %address, "link up");
            Some(Call::Peer(
                Input::LinkUp {
                    link: LinkId(link.0),
                    address: dialled,
                },
                None,
            ))
        }
        PeerEvent::Message {
            link,
            bytes,
            credit,
            ..
        } => Some(Call::Peer(
            Input::Received {
                link: LinkId(link.0),
                bytes,
            },
            Some(Box::new(credit)),
        )),
        PeerEvent::Written { link, bytes } => Some(Call::Peer(
            Input::Written {
                link: LinkId(link.0),
                bytes: bytes as u64,
            },
            None,
        )),
        PeerEvent::Refused { address, reason } => {
            tracing::debug!(%address, %reason, "connection refused");
            None
        }
        PeerEvent::Down { link, reason } => {
            tracing::info!(link = link.0, %reason, "link down");
            Some(Call::Peer(
                Input::LinkDown {
                    link: LinkId(link.0),
                },
                None,
            ))
        }
    }
}

/// The running transport, as the node uses it.
pub(crate) struct Peers {
    transport: Transport,
    desk: Arc<Desk>,
}

impl Network for Peers {
    fn send(&self, link: LinkId, lane: replication::Lane, bytes: Bytes) {
        let lane = match lane {
            replication::Lane::Control => transport::Lane::Control,
            replication::Lane::Live => transport::Lane::Live,
            replication::Lane::Bulk => transport::Lane::Bulk,
        };
        let length = bytes.len() as u64;
        let sent = self
            .transport
            .handle()
            .send(transport::LinkId(link.0), lane, bytes);
        if let Err(error) = sent {
            // What is lost here is found missing by the next digest.
            tracing::debug!(link = link.0, %error, "message dropped");
            if !matches!(error, transport::SendError::Gone) {
                // It waits in no queue, so replication must not count it as waiting.
                let left = Input::Written {
                    link,
                    bytes: length,
                };
                self.desk.leave(Call::Peer(left, None));
            }
        }
    }

    fn connect(&self, address: &str) {
        self.transport.handle().connect(address);
    }

    fn disconnect(&self, link: LinkId) {
        self.transport
            .handle()
            .disconnect(transport::LinkId(link.0));
    }
}

/// The lines to peers, to slow and cut.
pub(crate) struct Lines {
    handle: transport::Handle,
}

/// How a line to a peer behaves, for tests and demos.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What this node sends arrives so much later.
    pub delay: Duration,
    /// Up to so much is added at random.
    pub jitter: Duration,
    /// What does not arrive at all.
    pub cut: Cut,
}

impl Lines {
    /// Shapes the lines to a node, to a region, or to everybody (`*`); false where the node was not started so.
    pub fn set(&self, peer: &str, line: Line) -> bool {
        self.handle.set_line(
            peer,
            transport::Shape {
                delay: line.delay,
                jitter: line.jitter,
                cut: line.cut,
            },
        )
    }
}
