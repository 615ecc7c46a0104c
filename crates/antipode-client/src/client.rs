//! The client itself: settings, and which node it talks to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use antipode_proto::{DEFAULT_FABRIC, token, v1};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::error::Error;

/// When a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// As the node is configured: `Disk`, unless changed there.
    #[default]
    Default,
    /// Once it is synced to the node's disk.
    Disk,
    /// Once it is in the node's log: a power cut may lose the last moments.
    Memory,
}

/// What a read is guaranteed to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Everything that this client wrote or saw before, whichever node it talked to.
    #[default]
    Session,
    /// Whatever the node has: a causally consistent snapshot.
    Local,
}

/// TLS settings.
#[derive(Clone, Default)]
pub struct Tls {
    /// The authority that signed the nodes' certificates, in PEM.
    pub authority_pem: String,
    /// This client's certificate and key, in PEM, where the nodes ask for one.
    pub identity_pem: Option<(String, String)>,
    /// The name in the nodes' certificates, if it is not the host name of their addresses.
    pub domain: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("identity", &self.identity_pem.is_some())
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Settings of a client.
///
/// ```
/// use std::time::Duration;
/// let config = antipode_client::Config {
///     timeout: Duration::from_secs(5),
///     ..antipode_client::Config::new(["http://127.0.0.1:7490"])
/// };
/// assert_eq!(config.attempts, 5);
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    /// The nodes, as `http://host:port` or, with TLS, `https://host:port`.
    pub addresses: Vec<String>,
    /// TLS settings, for `https` addresses.
    pub tls: Option<Tls>,
    /// A call that is not answered within this fails. Queries and subscriptions that stream are not limited by it.
    pub timeout: Duration,
    /// A node that cannot be connected to within this is passed over.
    pub connect_timeout: Duration,
    /// How often a call is made at most, if repeating it is safe and can help.
    pub attempts: u32,
}

impl Config {
    /// The default settings for these nodes.
    pub fn new<A: Into<String>>(addresses: impl IntoIterator<Item = A>) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            tls: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(3),
            attempts: 5,
        }
    }
}

/// A session with a cluster. Cheap to clone; clones share the session.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    pub(crate) fabric: Arc<str>,
    pub(crate) durability: Durability,
    pub(crate) consistency: Consistency,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub config: Config,
    /// In the order in which they are tried.
    endpoints: Vec<Endpoint>,
    /// Never held over a wait: a call that somebody does not poll for a while must not keep others from theirs.
    current: Mutex<Current>,
    token: Mutex<Bytes>,
}

#[derive(Debug, Default)]
struct Current {
    channel: Option<Channel>,
    /// The endpoint that the channel leads to, or that is tried next.
    index: usize,
    /// Counts the channels, so that one is given up only once.
    generation: u64,
    /// The dial that is under way.
    dial: Option<Dial>,
}

/// What comes of a dial: a task of its own, which goes on whoever waits for it.
type Dial = watch::Receiver<Option<Result<Connected, String>>>;

impl Client {
    /// Connects with the default settings, to the node that answers first.
    pub async fn connect<A: Into<String>>(
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, Error> {
        Self::connect_with(Config::new(addresses)).await
    }

    /// Connects to the node that answers first. Fails if none does.
    pub async fn connect_with(config: Config) -> Result<Self, Error> {
        let mut endpoints = config
            .addresses
            .iter()
            .map(|address| endpoint(address, &config))
            .collect::<Result<Vec<_>, _>>()?;
        let (nearest, channel) = nearest(&endpoints).await?;
        endpoints.rotate_left(nearest);
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                endpoints,
                current: Mutex::new(Current {
                    channel: Some(channel),
                    ..Current::default()
                }),
                token: Mutex::default(),
            }),
            fabric: DEFAULT_FABRIC.into(),
            durability: Durability::Default,
            consistency: Consistency::Session,
        })
    }

    /// The same session, in another fabric.
    #[must_use]
    pub fn with_fabric(&self, fabric: &str) -> Self {
        Self {
            fabric: fabric.into(),
            ..self.clone()
        }
    }

    /// The same session, with another durability for writes.
    #[must_use]
    pub fn with_durability(&self, durability: Durability) -> Self {
        Self {
            durability,
            ..self.clone()
        }
    }

    /// The same session, with another consistency for reads.
    #[must_use]
    pub fn with_consistency(&self, consistency: Consistency) -> Self {
        Self {
            consistency,
            ..self.clone()
        }
    }

    /// The fabric that this client works in.
    pub fn fabric(&self) -> &str {
        &self.fabric
    }

    /// What this session has seen, to go on with elsewhere: give it to [`Client::resume`] of another client.
    pub fn token(&self) -> Bytes {
        self.inner.token()
    }

    /// Makes this session see at least what another saw, by its token.
    pub fn resume(&self, token: &Bytes) {
        self.inner.saw(token);
    }

    pub(crate) fn durability(&self) -> i32 {
        let durability = match self.durability {
            Durability::Default => v1::Durability::Unspecified,
            Durability::Disk => v1::Durability::Disk,
            Durability::Memory => v1::Durability::Memory,
        };
        durability.into()
    }

    pub(crate) fn consistency(&self) -> i32 {
        let consistency = match self.consistency {
            Consistency::Session => v1::Consistency::Session,
            Consistency::Local => v1::Consistency::Local,
        };
        consistency.into()
    }

    pub(crate) fn fabric_name(&self) -> String {
        self.fabric.to_string()
    }
}

/// A channel to a node, and which one it is.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    pub channel: Channel,
    generation: u64,
}

impl Inner {
    pub(crate) fn token(&self) -> Bytes {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn saw(&self, newer: &Bytes) {
        let mut known = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        *known = token::merge(&known, newer);
    }

    /// The channel in use, or one to the next node that can be reached.
    pub(crate) async fn connected(self: &Arc<Self>) -> Result<Connected, Error> {
        loop {
            let mut dial = {
                let mut current = self.current();
                if let Some(channel) = &current.channel {
                    return Ok(Connected {
                        channel: channel.clone(),
                        generation: current.generation,
                    });
                }
                // One whose sender is gone ended with the runtime that it ran on.
                let under_way = current
                    .dial
                    .take()
                    .filter(|dial| dial.has_changed().is_ok());
                let dial = under_way.unwrap_or_else(|| {
                    let (tell, dial) = watch::channel(None);
                    tokio::spawn(self.clone().dial(current.index, tell));
                    dial
                });
                current.dial.insert(dial).clone()
            };
            let told = dial.wait_for(Option::is_some).await;
            if let Some(told) = told.ok().and_then(|told| told.clone()) {
                return told.map_err(|message| Error::Unreachable { message });
            }
        }
    }

    /// Dials one node after the other, from this one on, until one answers.
    async fn dial(
        self: Arc<Self>,
        first: usize,
        tell: watch::Sender<Option<Result<Connected, String>>>,
    ) {
        let mut failures = Vec::new();
        let nodes = self.endpoints.iter().enumerate().cycle().skip(first);
        for (index, endpoint) in nodes.take(self.endpoints.len()) {
            match endpoint.connect().await {
                Ok(channel) => {
                    tracing::debug!(node = %endpoint.uri(), "connected");
                    let mut current = self.current();
                    current.channel = Some(channel.clone());
                    current.index = index;
                    current.generation += 1;
                    current.dial = None;
                    let generation = current.generation;
                    drop(current);
                    tell.send_replace(Some(Ok(Connected {
                        channel,
                        generation,
                    })));
                    return;
                }
                Err(error) => failures.push(failure(endpoint, &error)),
            }
        }
        self.current().dial = None;
        tell.send_replace(Some(Err(failures.join("; "))));
    }

    /// Turns to the next node, unless another call did so already.
    pub(crate) fn give_up(&self, connected: &Connected) {
        let mut current = self.current();
        if current.generation == connected.generation && current.channel.take().is_some() {
            current.index = (current.index + 1) % self.endpoints.len().max(1);
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(address: &str, config: &Config) -> Result<Endpoint, Error> {
    let invalid = |error: tonic::transport::Error| Error::Config {
        message: format!("address {address:?}: {}", chain(&error)),
    };
    let mut endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(invalid)?
        .connect_timeout(config.connect_timeout)
        .tcp_nodelay(true)
        // A dead node is noticed while rows or messages are awaited, when nothing else would tell.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10));
    if let Some(tls) = &config.tls {
        let mut settings =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.authority_pem));
        if let Some((certificate, key)) = &tls.identity_pem {
            settings = settings.identity(Identity::from_pem(certificate, key));
        }
        if let Some(domain) = &tls.domain {
            settings = settings.domain_name(domain);
        }
        endpoint = endpoint.tls_config(settings).map_err(invalid)?;
    }
    Ok(endpoint)
}

/// Dials all nodes at once: the first to answer is the nearest.
async fn nearest(endpoints: &[Endpoint]) -> Result<(usize, Channel), Error> {
    if endpoints.is_empty() {
        return Err(Error::Config {
            message: "a client needs the address of at least one node".to_owned(),
        });
    }
    let mut dials = JoinSet::new();
    for (index, endpoint) in endpoints.iter().cloned().enumerate() {
        dials.spawn(async move {
            let result = endpoint.connect().await;
            result
                .map(|channel| (index, channel))
                .map_err(|error| failure(&endpoint, &error))
        });
    }
    let mut failures = Vec::new();
    while let Some(dialled) = dials.join_next().await {
        match dialled {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(message)) => failures.push(message),
            Err(error) => failures.push(error.to_string()),
        }
    }
    Err(Error::Unreachable {
        message: failures.join("; "),
    })
}

fn failure(endpoint: &Endpoint, error: &tonic::transport::Error) -> String {
    format!("{}: {}", endpoint.uri(), chain(error))
}

/// The transport's errors say little at the top: the cause is at the bottom.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    /// Somebody who waits for one call only now and then, and for another of the same client meanwhile, gets both.
    #[tokio::test]
    async fn a_call_that_nobody_polls_keeps_no_other_from_connecting() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = Client::connect([format!("http://{address}")])
            .await
            .expect("something listens");
        let connected = client.inner.connected().await.expect("a channel");
        client.inner.give_up(&connected);
        let mut first = pin!(client.inner.connected());
        tokio::select! {
            biased;
            _ = &mut first => panic!("a dial takes longer than a look"),
            () = std::future::ready(()) => {}
        }
        let second = tokio::time::timeout(Duration::from_secs(60), client.inner.connected()).await;
        let second = second.expect("it does not wait for the first");
        let (first, second) = (first.await.expect("both"), second.expect("both"));
        assert_eq!((first.generation, second.generation), (1, 1));
    }

    #[tokio::test]
    async fn a_node_that_is_gone_is_passed_over_and_looked_for_again() {
        let listen = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let (one, two) = (listen(), listen());
        let addresses = [&one, &two].map(|it| format!("http://{}", it.local_addr().expect("one")));
        let client = Client::connect(addresses).await.expect("both listen");
        drop(one);
        for generation in 1..4 {
            let connected = client.inner.connected().await.expect("a channel");
            client.inner.give_up(&connected);
            // Twice is once.
            client.inner.give_up(&connected);
            let next = client.inner.connected().await.expect("the other listens");
            assert_eq!(next.generation, generation);
        }
        drop(two);
        let connected = client.inner.connected().await.expect("a channel");
        client.inner.give_up(&connected);
        let error = client.inner.connected().await.expect_err("nobody listens");
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
}
