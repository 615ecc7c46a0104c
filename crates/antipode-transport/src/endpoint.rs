//! The endpoint of a node: dials, accepts, and keeps one link to each peer.
//!
//! Two nodes that dial each other make two connections. Both apply the same rule, so one remains, whatever the order
//! in which they come up: **the connection that the node of the lesser name dialled stays.** A connection from a peer
//! that was restarted (its hello has another instance) takes over at once, since the old one is dead.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quinn::Runtime as _;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::certificate::Bundle;
use crate::config::Config;
use crate::error::{LinkError, SendError, StartError};
use crate::event::{LinkId, PeerEvent, Sink};
use crate::frame::Lane;
use crate::identity::Identity;
use crate::link::{self, Greeted, Link};
use crate::tls::{Credentials, SERVER_NAME};
use crate::wan::{Cut, Shape, Wan, WanSocket};

/// Connections that have not been greeted yet, at a time: more are told to come back later.
const GREETINGS_MAX: usize = 64;

/// A link that held for so long was a good one: the next attempt after it comes without a pause.
const GOOD_LINK: Duration = Duration::from_secs(5);

/// What a round trip is taken for until it is known. A longer one costs a few packets sent twice.
const INITIAL_ROUND_TRIP: Duration = Duration::from_millis(100);

/// How long a stop waits for links to end, and then for the threads.
const FAREWELL: Duration = Duration::from_millis(500);

/// Refusals are told once for each peer host and kind; so many of them are remembered.
const TOLD_MAX: usize = 1024;

/// A node's network to its peers. Dropping it closes every link.
///
/// It has threads of its own, so it can be used from ordinary code and from any async runtime.
#[derive(Debug)]
pub struct Transport {
    handle: Handle,
    runtime: Option<Runtime>,
}

/// Gives orders to a [`Transport`]. Cheap to clone, and harmless when the transport is gone.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Handle,
}

/// How a link does, for a status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    pub link: LinkId,
    pub node: Arc<str>,
    pub region: Arc<str>,
    pub address: SocketAddr,
    /// The current estimate of the round trip.
    pub rtt: Duration,
    /// Bytes that wait to be sent, on all lanes.
    pub queued_bytes: usize,
}

struct Shared {
    config: Arc<Config>,
    credentials: Credentials,
    /// Gone once the transport has stopped, so that the port is free again whoever still has a [`Handle`].
    endpoint: Mutex<Option<quinn::Endpoint>>,
    address: SocketAddr,
    transport: Arc<quinn::TransportConfig>,
    sink: Arc<dyn Sink>,
    wan: Arc<Wan>,
    instance: u128,
    next_link: AtomicU64,
    registry: Mutex<Registry>,
    told: Mutex<BTreeSet<(IpAddr, u32)>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("identity", self.credentials.identity())
            .field("listen", &self.config.listen)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Registry {
    links: HashMap<LinkId, Arc<Link>>,
    by_node: HashMap<Arc<str>, LinkId>,
    /// Addresses that are kept dialled; the notice stops the dialling.
    dials: BTreeMap<String, Arc<Notify>>,
    stopped: bool,
}

impl Registry {
    fn link_of(&self, node: &str) -> Option<&Arc<Link>> {
        self.links.get(self.by_node.get(node)?)
    }

    /// Forgets a link, unless its node has another by now.
    fn remove(&mut self, link: &Link) {
        self.links.remove(&link.id);
        if self.by_node.get(link.identity.node()) == Some(&link.id) {
            self.by_node.remove(link.identity.node());
        }
    }
}

impl Transport {
    /// Opens the endpoint and begins to accept peers. Events go to the sink, on the transport's threads.
    pub fn start(config: Config, bundle: Bundle, sink: impl Sink) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("antipode-net")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let shared = {
            let _inside = runtime.enter();
            Arc::new(Shared::open(config, bundle, Arc::new(sink))?)
        };
        runtime.spawn(accept(shared.clone()));
        let handle = Handle {
            shared,
            runtime: runtime.handle().clone(),
        };
        Ok(Self {
            handle,
            runtime: Some(runtime),
        })
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Closes every link, gives the peers a moment to learn of it, and stops the threads. After it no event comes.
    pub fn stop(mut self) {
        self.shut_down();
    }

    /// Ends as a killed process does: nobody is told.
    #[cfg(test)]
    pub(crate) fn crash(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    fn shut_down(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let shared = self.handle.shared.clone();
        shared.stop();
        // On a thread of its own, since a caller's async runtime does not let another one be waited for. If there is none
        // to be had, the runtime goes with the closure, and the peers find out by the idle timeout.
        let ending = std::thread::Builder::new()
            .name("antipode-net-end".to_owned())
            .spawn(move || {
                runtime.block_on(shared.say_farewell());
                runtime.shutdown_timeout(FAREWELL);
            });
        if let Ok(ending) = ending {
            // It ends within twice that time; a panic in it was reported already.
            let _ = ending.join();
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Handle {
    /// Keeps a link to the peer at `host:port`: dials it, and again whenever the link is down, until
    /// [`Handle::forget`]. Names are resolved at each attempt.
    pub fn connect(&self, address: &str) {
        let stop = Arc::new(Notify::new());
        {
            let mut registry = self.shared.lock();
            if registry.stopped || registry.dials.contains_key(address) {
                return;
            }
            registry.dials.insert(address.to_owned(), stop.clone());
        }
        let (shared, address) = (self.shared.clone(), address.to_owned());
        self.runtime.spawn(async move {
            tokio::select! {
                () = keep_dialled(&shared, &address) => {}
                () = stop.notified() => {}
            }
            // Another call may have begun anew meanwhile.
            let mut registry = shared.lock();
            if registry
                .dials
                .get(&address)
                .is_some_and(|current| Arc::ptr_eq(current, &stop))
            {
                registry.dials.remove(&address);
            }
        });
    }

    /// No longer dials an address. A link that is up stays.
    pub fn forget(&self, address: &str) {
        if let Some(stop) = self.shared.lock().dials.remove(address) {
            stop.notify_one();
        }
    }

    /// Queues a message to a peer. It never blocks: a full queue is an error, and nothing of the message is sent.
    pub fn send(&self, link: LinkId, lane: Lane, bytes: Bytes) -> Result<(), SendError> {
        self.link(link).ok_or(SendError::Gone)?.send(lane, bytes)
    }

    /// Bytes that wait to be sent on a lane; none when the link is gone.
    pub fn queued_bytes(&self, link: LinkId, lane: Lane) -> usize {
        self.link(link).map_or(0, |link| link.queued_bytes(lane))
    }

    /// Closes a link; its `Down` follows. Whoever dialled it dials again.
    pub fn disconnect(&self, link: LinkId) {
        if let Some(link) = self.link(link) {
            link.close(LinkError::ClosedHere);
        }
    }

    /// The address that peers dial.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.address
    }

    /// This node, as its certificate names it.
    pub fn identity(&self) -> &Identity {
        self.shared.credentials.identity()
    }

    /// The links that are up, by node name.
    pub fn links(&self) -> Vec<LinkStatus> {
        let mut links: Vec<_> = self.shared.lock().links.values().cloned().collect();
        links.sort_by(|a, b| a.identity.node().cmp(b.identity.node()));
        links
            .iter()
            .map(|link| LinkStatus {
                link: link.id,
                node: link.identity.node().clone(),
                region: link.identity.region().clone(),
                address: link.connection.remote_address(),
                rtt: link.connection.rtt(),
                queued_bytes: Lane::ALL.iter().map(|lane| link.queued_bytes(*lane)).sum(),
            })
            .collect()
    }

    /// Slows or cuts the line to a node, a region, or everyone (`*`). False if the transport was started without
    /// [`Config::wan`].
    pub fn set_line(&self, peer: &str, shape: Shape) -> bool {
        if !self.shared.config.wan {
            return false;
        }
        let cut = |link: &Link| {
            let identity = &link.identity;
            self.shared
                .wan
                .shape_of(identity.node(), identity.region())
                .cut
                != Cut::None
        };
        let links: Vec<_> = self.shared.lock().links.values().cloned().collect();
        let were_cut: Vec<_> = links.into_iter().filter(|link| cut(link)).collect();
        self.shared.wan.set(peer, shape);
        // After a cut, QUIC probes ever more seldom. A line that heals is dialled anew at once instead.
        for link in were_cut.iter().filter(|link| !cut(link)) {
            link.close(LinkError::Cut {
                peer: link.identity.node().to_string(),
            });
        }
        true
    }

    /// The settings of the lines, by the names they were made for.
    pub fn lines(&self) -> Vec<(String, Shape)> {
        self.shared.wan.shapes()
    }

    fn link(&self, link: LinkId) -> Option<Arc<Link>> {
        self.shared.lock().links.get(&link).cloned()
    }
}

impl Shared {
    fn open(config: Config, bundle: Bundle, sink: Arc<dyn Sink>) -> Result<Self, StartError> {
        let credentials = Credentials::new(bundle)?;
        let transport = Arc::new(transport_config(&config));
        let wan = Arc::new(Wan::default());
        let listen = config.listen;
        let bind = |source| StartError::Bind {
            address: listen,
            source,
        };
        let socket = std::net::UdpSocket::bind(config.listen).map_err(bind)?;
        let runtime = Arc::new(quinn::TokioRuntime);
        let mut socket = runtime.wrap_udp_socket(socket).map_err(bind)?;
        if config.wan {
            socket = Arc::new(WanSocket::new(socket, wan.clone()));
        }
        let (crypto, _) = credentials.server()?;
        let mut server = quinn::ServerConfig::with_crypto(crypto);
        server.transport_config(transport.clone());
        let endpoint = quinn::Endpoint::new_with_abstract_socket(
            credentials.endpoint(),
            Some(server),
            socket,
            runtime,
        )
        .map_err(bind)?;
        Ok(Self {
            config: Arc::new(config),
            credentials,
            address: endpoint.local_addr().map_err(bind)?,
            endpoint: Mutex::new(Some(endpoint)),
            transport,
            sink,
            wan,
            instance: rand::random(),
            next_link: AtomicU64::new(1),
            registry: Mutex::default(),
            told: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let mut registry = self.lock();
        registry.stopped = true;
        for stop in std::mem::take(&mut registry.dials).into_values() {
            stop.notify_one();
        }
        for link in registry.links.values() {
            link.close(LinkError::ClosedHere);
        }
        drop(registry);
        if let Some(endpoint) = self.endpoint() {
            endpoint.close(0u32.into(), b"the node stops");
        }
    }

    /// Waits a moment for the links to end and the peers to hear of it, and gives the port up.
    async fn say_farewell(&self) {
        let done: Vec<_> = self.lock().links.values().map(|link| link.done()).collect();
        let farewell = async {
            for link in done {
                link.await;
            }
            if let Some(endpoint) = self.endpoint() {
                endpoint.wait_idle().await;
            }
        };
        // Peers that miss it find out by the idle timeout.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        self.endpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.lock().links.clear();
    }

    fn endpoint(&self) -> Option<quinn::Endpoint> {
        self.endpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Decides whether a connection becomes the link to its node, and if so runs it. Answers with the link.
    async fn admit(self: &Arc<Self>, greeted: Greeted) -> Result<Arc<Link>, LinkError> {
        let own = self.credentials.identity();
        let node = greeted.identity.node().clone();
        if greeted.instance == self.instance {
            return Err(LinkError::SelfDial);
        }
        if node == *own.node() {
            return Err(LinkError::NameTaken {
                node: node.to_string(),
            });
        }
        let address = greeted.connection.remote_address();
        self.wan.learn(address, &node, greeted.identity.region());
        if self.wan.shape_of(&node, greeted.identity.region()).cut != Cut::None {
            return Err(LinkError::Cut {
                peer: node.to_string(),
            });
        }
        let id = LinkId(self.next_link.fetch_add(1, Ordering::Relaxed));
        let link = Arc::new(Link::new(id, &greeted, own, &self.config));
        loop {
            let old = {
                let mut registry = self.lock();
                if registry.stopped {
                    return Err(LinkError::ClosedHere);
                }
                match registry.link_of(&node).cloned() {
                    None => {
                        registry.links.insert(id, link.clone());
                        registry.by_node.insert(node.clone(), id);
                        break;
                    }
                    Some(old) => old,
                }
            };
            let restarted = old.instance != link.instance;
            let dead = old.connection.close_reason().is_some();
            if !restarted && !dead && old.preferred && !link.preferred {
                return Err(LinkError::Duplicate {
                    node: node.to_string(),
                });
            }
            // The old link's end comes first, so that a node never has two.
            old.close(LinkError::Replaced {
                node: node.to_string(),
            });
            old.done().await;
            self.lock().remove(&old);
        }
        tracing::debug!(peer = %link.identity, %address, dialled = greeted.dialled.is_some(), "link up");
        let (shared, running) = (self.clone(), link.clone());
        tokio::spawn(async move {
            link::run(
                running.clone(),
                greeted,
                shared.sink.clone(),
                shared.config.clone(),
            )
            .await;
            shared.lock().remove(&running);
        });
        Ok(link)
    }

    /// Greets and admits a connection, and closes it if either fails.
    async fn welcome(
        self: &Arc<Self>,
        connection: quinn::Connection,
        dialled: Option<String>,
    ) -> Result<Arc<Link>, (Option<Identity>, LinkError)> {
        let greeting = link::greet(connection.clone(), dialled, self.instance);
        let greeted = match tokio::time::timeout(self.config.connect_timeout, greeting).await {
            Ok(Ok(greeted)) => greeted,
            Ok(Err(error)) => {
                link::close(&connection, &error);
                return Err((None, error));
            }
            Err(_) => {
                link::close(&connection, &LinkError::TimedOut);
                return Err((None, LinkError::TimedOut));
            }
        };
        let identity = greeted.identity.clone();
        self.admit(greeted).await.map_err(|error| {
            link::close(&connection, &error);
            (Some(identity), error)
        })
    }

    /// Tells why there is no link to an address, once for each kind of reason.
    fn refuse(&self, address: SocketAddr, reason: LinkError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        if told.insert((address.ip(), reason.code())) {
            drop(told);
            tracing::warn!(%address, code = reason.code(), %reason, "no link to a peer");
            self.sink.event(PeerEvent::Refused { address, reason });
        }
    }
}

fn transport_config(config: &Config) -> quinn::TransportConfig {
    let lanes = Lane::ALL.len() as u32;
    let window = config.stream_window_bytes.max(64 * 1024);
    let mut congestion = quinn::congestion::CubicConfig::default();
    congestion.initial_window(config.initial_window_bytes);
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(config.idle_timeout.try_into().ok())
        .keep_alive_interval(Some(config.idle_timeout / 4))
        .max_concurrent_uni_streams(lanes.into())
        .max_concurrent_bidi_streams(0u32.into())
        // Before a round trip was measured: a first packet that was lost is sent again after three times this, and a line
        // that heals is not noticed before.
        .initial_rtt(INITIAL_ROUND_TRIP)
        .congestion_controller_factory(Arc::new(congestion))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(window.into())
        // What all lanes together may have under way, so that a lane whose reader waits takes nothing from the others.
        .receive_window((window * lanes).into())
        .send_window(u64::from(window) * u64::from(lanes) + 1024 * 1024);
    transport
}

async fn accept(shared: Arc<Shared>) {
    let greetings = Arc::new(tokio::sync::Semaphore::new(GREETINGS_MAX));
    let Some(endpoint) = shared.endpoint() else {
        return;
    };
    while let Some(incoming) = endpoint.accept().await {
        let Ok(permit) = greetings.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let address = incoming.remote_address();
            if let Err(error) = accept_one(&shared, incoming).await {
                report(&shared, address, error);
            }
            drop(permit);
        });
    }
}

async fn accept_one(shared: &Arc<Shared>, incoming: quinn::Incoming) -> Result<(), LinkError> {
    let (crypto, verifier) = shared.credentials.server().map_err(internal)?;
    let mut config = quinn::ServerConfig::with_crypto(crypto);
    config.transport_config(shared.transport.clone());
    let connecting = incoming.accept_with(Arc::new(config)).map_err(link::lost)?;
    let connection = tokio::time::timeout(shared.config.connect_timeout, connecting)
        .await
        .map_err(|_| LinkError::TimedOut)?
        .map_err(|error| match verifier.refused() {
            Some(refused) => LinkError::Certificate(refused),
            None => link::lost(error),
        })?;
    match shared.welcome(connection, None).await {
        Ok(_) => Ok(()),
        Err((_, error)) => Err(error),
    }
}

fn internal(error: StartError) -> LinkError {
    LinkError::Lost {
        reason: error.to_string(),
    }
}

/// Connections that end here are either the ordinary course of things, or something an operator should hear of.
fn report(shared: &Shared, address: SocketAddr, error: LinkError) {
    match error {
        LinkError::Duplicate { .. }
        | LinkError::SelfDial
        | LinkError::Cut { .. }
        | LinkError::ClosedHere => {
            tracing::debug!(%address, %error, "connection not kept");
        }
        _ => shared.refuse(address, error),
    }
}

/// Dials an address whenever there is no link with the node behind it.
async fn keep_dialled(shared: &Arc<Shared>, address: &str) {
    let (pause_min, pause_max) = shared.config.backoff;
    let mut pause = pause_min;
    loop {
        let started = tokio::time::Instant::now();
        // A change of the line makes the attempt under way worthless: its packets are lost, or late.
        let outcome = tokio::select! {
            outcome = dial(shared, address) => outcome,
            () = shared.wan.changed.notified() => {
                pause = pause_min;
                continue;
            }
        };
        match outcome {
            Ok(link) => {
                link.done().await;
                drop(link);
                if started.elapsed() >= GOOD_LINK {
                    pause = pause_min;
                }
            }
            Err((_, LinkError::SelfDial)) => {
                tracing::info!(%address, "this address is our own; it is not dialled");
                return;
            }
            Err((Some(identity), LinkError::Duplicate { .. })) => {
                let other = shared
                    .lock()
                    .link_of(identity.node())
                    .map(|link| link.done());
                if let Some(done) = other {
                    done.await;
                }
                pause = pause_min;
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(pause.mul_f64(0.75 + 0.5 * rand::random::<f64>())) => {
                pause = (pause * 2).min(pause_max);
            }
            () = shared.wan.changed.notified() => pause = pause_min,
        }
    }
}

async fn dial(
    shared: &Arc<Shared>,
    address: &str,
) -> Result<Arc<Link>, (Option<Identity>, LinkError)> {
    let unreachable = |reason: String| {
        (
            None,
            LinkError::Address {
                address: address.to_owned(),
                reason,
            },
        )
    };
    let resolved = match tokio::net::lookup_host(address).await {
        Ok(addresses) => addresses.collect::<Vec<_>>(),
        Err(error) => {
            tracing::debug!(%address, %error, "a peer's address cannot be resolved");
            return Err(unreachable(error.to_string()));
        }
    };
    let mut last = unreachable("it has no address".to_owned());
    for resolved in resolved {
        match dial_one(shared, address, resolved).await {
            Ok(link) => return Ok(link),
            Err((identity, error)) => {
                // A peer that is not there is an everyday thing; one that is and refuses is not.
                match error {
                    LinkError::TimedOut
                    | LinkError::Lost { .. }
                    | LinkError::ClosedByPeer { .. } => {
                        tracing::debug!(address = %resolved, %error, "a peer cannot be reached");
                    }
                    _ => report(shared, resolved, error.clone()),
                }
                last = (identity, error);
            }
        }
    }
    Err(last)
}

async fn dial_one(
    shared: &Arc<Shared>,
    address: &str,
    resolved: SocketAddr,
) -> Result<Arc<Link>, (Option<Identity>, LinkError)> {
    let (crypto, verifier) = shared
        .credentials
        .client()
        .map_err(|error| (None, internal(error)))?;
    let mut config = quinn::ClientConfig::new(crypto);
    config.transport_config(shared.transport.clone());
    let connecting = shared
        .endpoint()
        .ok_or((None, LinkError::ClosedHere))?
        .connect_with(config, resolved, SERVER_NAME)
        .map_err(|error| {
            (
                None,
                LinkError::Address {
                    address: address.to_owned(),
                    reason: error.to_string(),
                },
            )
        })?;
    let connection = tokio::time::timeout(shared.config.connect_timeout, connecting)
        .await
        .map_err(|_| (None, LinkError::TimedOut))?
        .map_err(|error| match verifier.refused() {
            Some(refused) => (None, LinkError::Certificate(refused)),
            None => (None, link::lost(error)),
        })?;
    shared.welcome(connection, Some(address.to_owned())).await
}
