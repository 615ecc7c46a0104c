//! What tools and operators rely on: TLS with client certificates, health, reflection.

use std::path::Path;

use antipode::{Database, Options};
use antipode_client::{Client, Config as ClientConfig, Error, Tls as ClientTls};
use antipode_server::{Config, Server, StartError, Tls};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

async fn start(config: Config) -> u16 {
    let database = Database::in_memory(Options::default()).unwrap();
    let server = Server::bind(config, database).await.unwrap();
    let port = server.address().port();
    tokio::spawn(server.run(std::future::pending()));
    port
}

/// An authority, and what it signed.
struct Authority {
    pem: String,
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
        Self {
            pem: issuer.pem(),
            issuer,
        }
    }

    /// A certificate and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn write(directory: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_let_in_by_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (servers, clients) = (Authority::new(), Authority::new());
    let (certificate, key) = servers.issue("localhost");
    let config = Config {
        tls: Some(Tls {
            certificate: write(directory.path(), "server.pem", &certificate),
            key: write(directory.path(), "server-key.pem", &key),
            client_authority: Some(write(directory.path(), "clients.pem", &clients.pem)),
        }),
        ..Config::loopback()
    };
    let port = start(config).await;
    let connect = async |identity: Option<(String, String)>| {
        let config = ClientConfig {
            tls: Some(ClientTls {
                authority_pem: servers.pem.clone(),
                identity_pem: identity,
                domain: Some("localhost".to_owned()),
            }),
            attempts: 1,
            ..ClientConfig::new([format!("https://127.0.0.1:{port}")])
        };
        let client = Client::connect_with(config).await?;
        client.query("RETURN 7").all::<i64>().await
    };
    assert_eq!(connect(Some(clients.issue("ada"))).await.unwrap(), [7]);
    // Without a certificate, or with another authority's, nothing is answered.
    for identity in [None, Some(servers.issue("mallory"))] {
        let refused = connect(identity).await.unwrap_err();
        assert!(
            matches!(
                refused,
                Error::Unreachable { .. } | Error::Lost { .. } | Error::Protocol { .. }
            ),
            "{refused:?}"
        );
    }
    // Nor does a client talk to a server of another authority.
    let config = ClientConfig {
        tls: Some(ClientTls {
            authority_pem: clients.pem.clone(),
            identity_pem: Some(clients.issue("ada")),
            domain: Some("localhost".to_owned()),
        }),
        ..ClientConfig::new([format!("https://127.0.0.1:{port}")])
    };
    let refused = Client::connect_with(config).await.unwrap_err();
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let database = Database::in_memory(Options::default()).unwrap();
    let refused =
        async |config: Config| Server::bind(config, database.clone()).await.err().unwrap();
    let open = Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Config::default()
    };
    assert!(matches!(refused(open).await, StartError::Insecure { .. }));
    let missing = Config {
        tls: Some(Tls {
            certificate: "/nowhere/certificate.pem".into(),
            key: "/nowhere/key.pem".into(),
            client_authority: None,
        }),
        ..Config::loopback()
    };
    assert!(matches!(
        refused(missing).await,
        StartError::Certificate { .. }
    ));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = Config {
        listen: taken.local_addr().unwrap(),
        ..Config::default()
    };
    assert!(matches!(refused(busy).await, StartError::Bind { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer() {
    let port = start(Config::loopback()).await;
    let channel = Channel::from_shared(format!("http://127.0.0.1:{port}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest {
            service: String::new(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        health.status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );

    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let questions = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(
            "antipode.v1.Query".to_owned(),
        )),
    ]);
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(questions)
        .await
        .unwrap()
        .into_inner();
    let listed = answers.next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(listed)) = listed.message_response else {
        panic!("{listed:?}");
    };
    let names: Vec<_> = listed
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for service in [
        "Catalog", "Cluster", "Document", "Index", "Kv", "Query", "Stream",
    ] {
        assert!(
            names.contains(&format!("antipode.v1.{service}").as_str()),
            "{names:?}"
        );
    }
    let file = answers.next().await.unwrap().unwrap();
    assert!(
        matches!(
            file.message_response,
            Some(MessageResponse::FileDescriptorResponse(_))
        ),
        "{file:?}"
    );
}
