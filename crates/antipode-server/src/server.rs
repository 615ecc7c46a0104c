//! The server: binds, serves, stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antipode::Database;
use antipode_proto::v1::catalog_server::CatalogServer;
use antipode_proto::v1::cluster_server::ClusterServer;
use antipode_proto::v1::document_server::DocumentServer;
use antipode_proto::v1::index_server::IndexServer;
use antipode_proto::v1::kv_server::KvServer;
use antipode_proto::v1::query_server::QueryServer;
use antipode_proto::v1::stream_server::StreamServer;
use antipode_proto::{FILE_DESCRIPTOR_SET, MESSAGE_BYTES_MAX};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Response;
use tonic::service::Routes;
use tonic::transport::ServerTlsConfig;
use tonic::transport::server::TcpIncoming;

use crate::config::{Config, StartError};
use crate::failure::complete;
use crate::node::Node;
use crate::service::catalog::CatalogService;
use crate::service::cluster::ClusterService;
use crate::service::document::DocumentService;
use crate::service::index::IndexService;
use crate::service::kv::KvService;
use crate::service::query::QueryService;
use crate::service::stream::StreamService;

/// Calls of one connection at a time; more wait in the client.
const STREAMS_MAX: u32 = 1_000;

/// After a stop is asked for, calls under way have so long to end.
const GRACE: Duration = Duration::from_secs(5);
/// How often to look whether the node has failed.
const LOOK: Duration = Duration::from_millis(500);

/// A gRPC server that has its port, and serves as soon as [`Server::run`] is awaited.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<ServerTlsConfig>,
    node: Arc<Node>,
    stopping: watch::Sender<bool>,
}

impl Server {
    /// Checks the settings and takes the port. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the settings would serve everyone without saying so, or the port or a certificate cannot be used.
    pub async fn bind(config: Config, database: Database) -> Result<Self, StartError> {
        config.check()?;
        let tls = config.tls()?;
        let bind = |source| StartError::Bind {
            listen: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (stopping, stops) = watch::channel(false);
        let node = Arc::new(Node::new(database, config, stops));
        Ok(Self {
            listener,
            address,
            tls,
            node,
            stopping,
        })
    }

    /// Where clients are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then calls under way have five seconds to end.
    ///
    /// # Errors
    /// When the TLS settings cannot be used, the listener fails, or the node has failed.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), StartError> {
        let address = self.address;
        let failed = |error: tonic::transport::Error| StartError::Serve {
            listen: address,
            reason: chain(&error),
        };
        let completed = tower::util::MapResponseLayer::new(with_number);
        let mut server = tonic::transport::Server::builder()
            .layer(completed)
            .max_concurrent_streams(STREAMS_MAX)
            // A client that is gone without a word is noticed, and its queries are stopped.
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)));
        if let Some(tls) = self.tls {
            server = server.tls_config(tls).map_err(failed)?;
        }
        let (health, reporter) = health().await;
        let routes = routes(&self.node).add_service(health);
        // Set here, as the builder's own setting is only for sockets that it binds: with Nagle's algorithm a short reply
        // waits for the client's delayed acknowledgement, some 40 ms.
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let stopping = self.stopping;
        let mut stops = self.node.stopping.clone();
        let stop = async {
            stop.await;
            reporter
                .set_service_status("", tonic_health::ServingStatus::NotServing)
                .await;
            stopping.send_replace(true);
        };
        tracing::info!(%address, "serving clients");
        let serving = server
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, stop);
        tokio::select! {
            served = serving => served.map_err(failed),
            () = has_failed(&self.node.database) => Err(StartError::Serve {
                listen: address,
                reason: "the node has stopped after an internal error, which its log tells; start it again, and it goes on \
                         from what its store holds"
                    .to_owned(),
            }),
            () = async {
                // The sender lives as long as the serving does.
                let _ = stops.wait_for(|stopping| *stopping).await;
                tokio::time::sleep(GRACE).await;
            } => {
                tracing::info!("calls that did not end in time are cut off");
                Ok(())
            }
        }
    }
}

fn routes(node: &Arc<Node>) -> Routes {
    let request_bytes_max = node.config.request_bytes_max;
    macro_rules! limited {
        ($server:ident, $service:ident) => {
            $server::new($service(node.clone()))
                .max_decoding_message_size(request_bytes_max)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
    }
    let mut routes = Routes::new(limited!(QueryServer, QueryService))
        .add_service(limited!(DocumentServer, DocumentService))
        .add_service(limited!(KvServer, KvService))
        .add_service(limited!(StreamServer, StreamService))
        .add_service(limited!(CatalogServer, CatalogService))
        .add_service(limited!(IndexServer, IndexService))
        .add_service(limited!(ClusterServer, ClusterService));
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // The descriptors are compiled in, and a test reads them through both versions.
    if let Ok(v1) = reflection().build_v1() {
        routes = routes.add_service(v1);
    }
    if let Ok(v1alpha) = reflection().build_v1alpha() {
        routes = routes.add_service(v1alpha);
    }
    routes
}

/// A reply that is only a failure has its status in the header.
fn with_number(reply: Response<Body>) -> Response<Body> {
    match Status::from_header_map(reply.headers())
        .as_ref()
        .and_then(complete)
    {
        Some(status) => status.into_http(),
        None => reply,
    }
}

/// Waits until an internal error has stopped the node: then this process is of no use, and whoever watches over it starts
/// another.
async fn has_failed(database: &Database) {
    while !database.has_failed() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn health() -> (
    tonic_health::pb::health_server::HealthServer<impl tonic_health::pb::health_server::Health>,
    tonic_health::server::HealthReporter,
) {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    (service, reporter)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
