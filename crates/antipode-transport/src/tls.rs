//! Mutual TLS between nodes: both sides present a certificate and both check the other's chain and identity.
//!
//! A verifier is made for each connection attempt and remembers why it said no, since the handshake itself reports
//! only an alert number. Sessions are not resumed: a resumed session would skip the check of the peer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};

use crate::certificate::{Bundle, identity_of};
use crate::error::{CertificateError, StartError};
use crate::identity::{ClusterId, Identity};

/// The protocol that a connection must agree on; changes only with an incompatible one.
const ALPN: &[u8] = b"antipode-peer";

/// All peers go by this name in TLS: what counts is the identity in the certificate.
pub(crate) const SERVER_NAME: &str = "antipode";

/// What each connection's TLS configuration is made from.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    bundle: Bundle,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Credentials {
    pub(crate) fn new(bundle: Bundle) -> Result<Self, CertificateError> {
        let roots = Arc::new(bundle.roots()?);
        Ok(Self {
            bundle,
            roots,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        })
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.bundle.identity()
    }

    /// The endpoint's own secrets, which come from the node's key and so survive restarts: with them a restarted node can
    /// tell its peers at once that their old connections are gone, instead of letting them wait for the idle timeout. It
    /// must know the connection ids of its former life as its own, and sign as it did.
    pub(crate) fn endpoint(&self) -> quinn::EndpointConfig {
        let secret = |purpose: &[u8]| {
            let key = self.bundle.key();
            let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
            digest.update(purpose);
            digest.update(key.secret_der());
            digest.finish()
        };
        let reset = secret(b"antipode stateless reset");
        let mut config = quinn::EndpointConfig::new(Arc::new(ring::hmac::Key::new(
            ring::hmac::HMAC_SHA256,
            reset.as_ref(),
        )));
        let ids = secret(b"antipode connection ids");
        let ids = ids
            .as_ref()
            .first_chunk()
            .copied()
            .map_or(0, u64::from_le_bytes);
        config.cid_generator(move || {
            Box::new(quinn_proto::HashedConnectionIdGenerator::from_key(ids))
        });
        config
    }

    /// For one outgoing attempt.
    pub(crate) fn client(
        &self,
    ) -> Result<(Arc<quinn::crypto::rustls::QuicClientConfig>, Arc<Verifier>), StartError> {
        let verifier = self.verifier();
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_auth_cert(self.bundle.chain(), self.bundle.key())
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        let config = quinn::crypto::rustls::QuicClientConfig::try_from(config).map_err(tls)?;
        Ok((Arc::new(config), verifier))
    }

    /// For one incoming connection.
    pub(crate) fn server(
        &self,
    ) -> Result<(Arc<quinn::crypto::rustls::QuicServerConfig>, Arc<Verifier>), StartError> {
        let verifier = self.verifier();
        let mut config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert(self.bundle.chain(), self.bundle.key())
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        let config = quinn::crypto::rustls::QuicServerConfig::try_from(config).map_err(tls)?;
        Ok((Arc::new(config), verifier))
    }

    fn verifier(&self) -> Arc<Verifier> {
        Arc::new(Verifier {
            cluster: self.identity().cluster(),
            roots: self.roots.clone(),
            algorithms: self.provider.signature_verification_algorithms,
            refused: Mutex::new(None),
        })
    }
}

/// Judges the peer's certificate in one handshake.
#[derive(Debug)]
pub(crate) struct Verifier {
    cluster: ClusterId,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
    refused: Mutex<Option<CertificateError>>,
}

impl Verifier {
    /// Why this verifier refused the peer, if it did.
    pub(crate) fn refused(&self) -> Option<CertificateError> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        // The identity comes first, so that a node of another cluster is told so, and not only that its
        // authority is unknown here.
        let verdict = identity_of(end_entity).and_then(|identity| {
            if identity.cluster() != self.cluster {
                return Err(CertificateError::OtherCluster {
                    ours: self.cluster.to_string(),
                    theirs: identity.cluster().to_string(),
                });
            }
            check_chain(&self.roots, end_entity, intermediates)
        });
        verdict.map_err(|error| {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            rustls::Error::InvalidCertificate(
                rustls::CertificateError::ApplicationVerificationFailure,
            )
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(only_tls13())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a node's certificate comes from the authority among `roots`.
pub(crate) fn check_chain(
    roots: &RootCertStore,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<(), CertificateError> {
    let now = UnixTime::since_unix_epoch(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    );
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    webpki::EndEntityCert::try_from(end_entity)
        .and_then(|certificate| {
            certificate
                .verify_for_usage(
                    algorithms.all,
                    &roots.roots,
                    intermediates,
                    now,
                    // Every certificate of ours carries both usages, so one check serves both roles.
                    webpki::KeyUsage::client_auth(),
                    None,
                    None,
                )
                .map(|_| ())
        })
        .map_err(|error| CertificateError::Authority {
            reason: error.to_string(),
        })
}

fn only_tls13() -> rustls::Error {
    rustls::Error::General("peers speak TLS 1.3".to_owned())
}

fn tls(error: impl std::fmt::Display) -> StartError {
    StartError::Tls {
        reason: error.to_string(),
    }
}
