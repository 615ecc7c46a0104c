//! Opening a database and starting what drives it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use antipode_engine::{Durability, Node, NodeConfig, Seed};
use antipode_rocksdb::RocksStorage;
use antipode_store::{MemoryStorage, Storage};

use crate::driver::{Driver, Network};
use crate::error::Error;
use crate::queries::Queries;
use crate::session::{RequestOptions, Session};

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name; in a cluster, the one in its certificate.
    pub node: String,
    /// The node's region; in a cluster, the one in its certificate.
    pub region: String,
    /// When writes are acknowledged that do not say.
    pub durability: Durability,
    /// Bytes of intermediate results that one query may hold.
    pub query_memory_bytes: u64,
    /// Most bytes of a query text.
    pub query_text_bytes: usize,
    /// Most bytes of plans that are kept for queries that come again; 0 keeps none.
    pub plan_cache_bytes: usize,
    /// A query that runs longer is logged and remembered as slow.
    pub slow_query: Duration,
    /// Most bytes of data blocks that the store keeps in memory.
    pub cache_bytes: usize,
    /// Most bytes of recent writes that the store keeps in memory.
    pub write_buffer_bytes: usize,
    /// The cluster that the node belongs to; none for a node that stands alone.
    pub cluster: Option<Cluster>,
}

impl Default for Options {
    fn default() -> Self {
        let store = antipode_rocksdb::Options::default();
        Self {
            node: "local".to_owned(),
            region: "local".to_owned(),
            durability: Durability::Disk,
            query_memory_bytes: 256 << 20,
            query_text_bytes: 1 << 20,
            plan_cache_bytes: 32 << 20,
            slow_query: Duration::from_secs(10),
            cache_bytes: store.cache_bytes,
            write_buffer_bytes: store.write_buffer_bytes,
            cluster: None,
        }
    }
}

/// How a node takes part in a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The folder with the node's certificate, key and the cluster's CA.
    pub bundle: PathBuf,
    /// Where peers are served (UDP), `host:port`.
    pub listen: String,
    /// Where peers reach this node, if that is another address than the one it listens on.
    pub advertise: Option<String>,
    /// Whether this node founds the cluster, if it is not a member yet.
    pub found: bool,
    /// Addresses of members, to be taken in by.
    pub join: Vec<String>,
    /// Whether the lines to peers may be slowed and cut at run time, for tests and demos.
    pub wan: bool,
}

/// A node of Antipode in this process. Clones are the same node; it stops when the last one is dropped.
#[derive(Clone)]
pub struct Database {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub driver: Driver,
    pub queries: Queries,
    pub options: Options,
    #[cfg(feature = "replication")]
    pub lines: Option<crate::network::Lines>,
}

impl Database {
    /// Opens the database in `path`, and makes it there if the folder is empty or does not exist.
    ///
    /// # Errors
    /// When the folder is in use by another process, is damaged or belongs to another node, or the cluster's port or
    /// certificates cannot be used.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let defaults = antipode_rocksdb::Options::default();
        let store = antipode_rocksdb::Options {
            cache_bytes: options.cache_bytes,
            write_buffer_bytes: options.write_buffer_bytes,
            ..defaults
        };
        let storage = RocksStorage::open(path.as_ref(), store)?;
        Self::start(Arc::new(storage), options)
    }

    /// Opens a database that lives in memory and is gone when it is closed.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn in_memory(options: Options) -> Result<Self, Error> {
        Self::start(Arc::new(MemoryStorage::new()), options)
    }

    /// Opens a database in any store.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn start(storage: Arc<dyn Storage>, options: Options) -> Result<Self, Error> {
        let seed = Seed {
            replica: random()?,
            boot: random()?,
            network: random()?,
        };
        Self::start_in(storage, options, seed)
    }

    #[cfg(feature = "replication")]
    fn start_in(storage: Arc<dyn Storage>, options: Options, seed: Seed) -> Result<Self, Error> {
        use crate::network::Endpoint;
        let Some(cluster) = &options.cluster else {
            return Self::start_alone(storage, options, seed);
        };
        let (config, endpoint) = Endpoint::prepare(cluster)?;
        let node = Node::open(storage.clone(), config, seed)?;
        let mut lines = None;
        let driver = Driver::start(node, storage, |desk| {
            let (network, handle) = endpoint.start(desk)?;
            lines = Some(handle);
            Ok(Some(Box::new(network) as Box<dyn Network>))
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                driver,
                queries: Queries::new(options.plan_cache_bytes, options.slow_query),
                options,
                lines,
            }),
        })
    }

    #[cfg(not(feature = "replication"))]
    fn start_in(storage: Arc<dyn Storage>, options: Options, seed: Seed) -> Result<Self, Error> {
        if options.cluster.is_some() {
            return Err(Error::Network {
                code: 36,
                detail: "this program was built without the feature `replication`".to_owned(),
            });
        }
        Self::start_alone(storage, options, seed)
    }

    fn start_alone(storage: Arc<dyn Storage>, options: Options, seed: Seed) -> Result<Self, Error> {
        let config = NodeConfig {
            cluster: 0,
            node: options.node.clone(),
            region: options.region.clone(),
            address: String::new(),
            founds: true,
            replication: antipode_replication::Config::default(),
        };
        let node = Node::open(storage.clone(), config, seed)?;
        let driver = Driver::start(node, storage, |_desk| Ok(None::<Box<dyn Network>>))?;
        let inner = Inner {
            driver,
            queries: Queries::new(options.plan_cache_bytes, options.slow_query),
            options,
            #[cfg(feature = "replication")]
            lines: None,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A session: a fabric, a token and the other circumstances of a request, with the operations on them.
    #[must_use]
    pub fn session(&self, options: RequestOptions) -> Session {
        Session::new(self.clone(), options)
    }

    /// What the database was opened with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Whether an internal error has stopped the node for good: it answers nothing any more. What it acknowledged is in the
    /// store, and a database that is opened anew goes on from there, as after a crash.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.inner.driver.has_failed()
    }

    /// Calls `listener` after each batch of writes that readers can see, local or from a peer. It runs on whichever thread
    /// made the batch visible, which may be a client's in the middle of its own write, and so should be quick: wake
    /// somebody, set a mark. A write of its own would call it again.
    pub fn on_change(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.inner.driver.moved.listen(Arc::new(listener));
    }
}

pub(crate) fn random() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Error::System {
        doing: "draw random numbers",
        detail: error.to_string(),
    })?;
    Ok(u64::from_le_bytes(bytes))
}
