//! Settings of the server, and which of them are safe together.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use antipode_proto::{DEFAULT_PORT, MESSAGE_BYTES_MAX};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// Settings of the gRPC server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients are served (TCP). Loopback unless told otherwise.
    pub listen: SocketAddr,
    /// The server's certificate and key; without them it speaks plain text.
    pub tls: Option<Tls>,
    /// Serve an address other than loopback although anyone who reaches it may read and write everything.
    pub insecure: bool,
    /// A longer request is refused.
    pub request_bytes_max: usize,
    /// So many calls work at a time; more wait for their turn, up to their deadline.
    pub calls_max: usize,
    /// So many calls wait; more are told that the node is busy.
    pub waiting_max: usize,
    /// A call without a deadline of its own has this one. Queries and subscriptions that stream have none.
    pub deadline: Duration,
    /// A client that reads nothing of a streamed reply for so long is given up: it holds a snapshot.
    pub stall: Duration,
}

/// Where the server's certificate is.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, with those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Clients must show a certificate of this authority (PEM).
    pub client_authority: Option<PathBuf>,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Everyone on the network could read and write everything.
    #[error(
        "{listen} can be reached by others, and no client certificates are asked for: set a client authority, \
         listen on a loopback address, or allow it with `insecure`"
    )]
    Insecure {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The address is taken, or not this machine's.
    #[error("clients cannot be served on TCP {listen}: {source}")]
    Bind {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server failed while it was serving, or its TLS settings cannot be used.
    #[error("clients cannot be served on TCP {listen}: {reason}")]
    Serve {
        /// Where it listened.
        listen: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A certificate or key file cannot be used.
    #[error("{}: {reason}", path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StartError {
    /// Stable number of this error.
    pub fn code(&self) -> u32 {
        match self {
            Self::Insecure { .. } => 5320,
            Self::Bind { .. } | Self::Serve { .. } => 5321,
            Self::Certificate { .. } => 5322,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            tls: None,
            insecure: false,
            request_bytes_max: MESSAGE_BYTES_MAX,
            calls_max: 64,
            waiting_max: 1024,
            deadline: Duration::from_secs(60),
            stall: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// The defaults on a port of the system's choice, on loopback.
    pub fn loopback() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..Self::default()
        }
    }

    /// Whether clients prove who they are.
    fn authenticates(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.client_authority.is_some())
    }

    /// Refuses to serve everyone unless that is asked for, and then warns.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if self.listen.ip().is_loopback() || self.authenticates() {
            return Ok(());
        }
        if !self.insecure {
            return Err(StartError::Insecure {
                listen: self.listen,
            });
        }
        tracing::warn!(
            listen = %self.listen,
            "serving without client certificates: whoever reaches this address can read and write everything"
        );
        Ok(())
    }

    pub(crate) fn tls(&self) -> Result<Option<ServerTlsConfig>, StartError> {
        let Some(tls) = &self.tls else {
            return Ok(None);
        };
        let identity = Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?);
        let mut settings = ServerTlsConfig::new().identity(identity);
        if let Some(authority) = &tls.client_authority {
            settings = settings.client_ca_root(Certificate::from_pem(read(authority)?));
        }
        Ok(Some(settings))
    }
}

fn read(path: &PathBuf) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::Certificate {
        path: path.clone(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_must_be_asked_for() {
        let mut config = Config::default();
        assert!(config.check().is_ok());
        config.listen = SocketAddr::from(([0, 0, 0, 0], 7490));
        assert!(matches!(config.check(), Err(StartError::Insecure { .. })));
        config.tls = Some(Tls {
            certificate: "certificate.pem".into(),
            key: "key.pem".into(),
            client_authority: None,
        });
        assert!(matches!(config.check(), Err(StartError::Insecure { .. })));
        config.insecure = true;
        assert!(config.check().is_ok());
        config.insecure = false;
        if let Some(tls) = &mut config.tls {
            tls.client_authority = Some("authority.pem".into());
        }
        assert!(config.check().is_ok());
        assert!(matches!(config.tls(), Err(StartError::Certificate { .. })));
    }
}
