//! How the client commands reach a node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use antipode_client::{Client, Config, Tls};
use anyhow::{Context, Result, bail};
use clap::Args;

/// No call is waited for longer than a day.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the nodes are, and who is asking.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Nodes to talk to, the nearest of them is used
    #[arg(
        short,
        long = "address",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        env = "ANTIPODE_ADDRESS",
        default_value = "127.0.0.1:7490"
    )]
    addresses: Vec<String>,
    /// The fabric to work in
    #[arg(
        long,
        value_name = "NAME",
        env = "ANTIPODE_FABRIC",
        default_value = "_system"
    )]
    fabric: String,
    /// The authority of the nodes' certificates, a PEM file: the connection uses TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// This client's certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "key", requires = "ca")]
    certificate: Option<PathBuf>,
    /// The key of this client's certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

impl Connection {
    /// Connects to the nearest of the nodes.
    pub async fn open(&self) -> Result<Client> {
        self.open_with(self.config()).await
    }

    /// The same, for calls that last as long as it takes to read everything.
    pub async fn open_patiently(&self) -> Result<Client> {
        let mut config = self.config();
        config.timeout = PATIENCE;
        self.open_with(config).await
    }

    fn config(&self) -> Config {
        Config::new(self.addresses.iter().map(|address| self.url(address)))
    }

    async fn open_with(&self, mut config: Config) -> Result<Client> {
        if let Some(ca) = &self.ca {
            let identity_pem = match (&self.certificate, &self.key) {
                (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
                _ => None,
            };
            config.tls = Some(Tls {
                authority_pem: read(ca)?,
                identity_pem,
                domain: None,
            });
        } else if let Some(address) = self
            .addresses
            .iter()
            .find(|address| address.starts_with("https://"))
        {
            bail!("{address} needs the authority of its certificate: name its file with --ca");
        }
        let client = Client::connect_with(config).await.with_context(|| {
            format!(
                "is a node running at {}? `antipode serve` starts one",
                self.addresses.join(" or ")
            )
        })?;
        Ok(client.with_fabric(&self.fabric))
    }

    /// The same credentials, at another node.
    pub fn at(&self, address: &str, fabric: &str) -> Self {
        Self {
            addresses: vec![address.to_owned()],
            fabric: fabric.to_owned(),
            ..self.clone()
        }
    }

    fn url(&self, address: &str) -> String {
        match (&self.ca, address.contains("://")) {
            (_, true) => address.to_owned(),
            (None, false) => format!("http://{address}"),
            (Some(_), false) => format!("https://{address}"),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
