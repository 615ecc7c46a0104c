//! The peer that watches: a second node, never killed, that replicates from the one that is.
//!
//! A node alone could use a dot twice and nobody would know, as the first use is gone. A peer that has the first one
//! refuses the second, or differs for ever. So after the kills both must come to the same version vector and digest within a
//! short time, and their logs must be the same records.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use antipode_client::{Client, Status};
use anyhow::{Context as _, Result, bail, ensure};

use crate::autopsy::{self, Ends};
use crate::kill::quiet;
use crate::process::{Launch, Node};
use crate::workload::connect;

/// Two nodes on one machine, of which one was just started, have met and agree within this.
const AGREE_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// The watching node.
#[derive(Debug)]
pub struct Witness {
    node: Node,
    client: Client,
    launch: Launch,
}

impl Witness {
    /// Founds a cluster of two, and starts both nodes; gives the one that is going to be killed, how to start it again, and
    /// the witness.
    pub async fn found(binary: &Path, directory: &Path) -> Result<(Node, Launch, Self)> {
        let authority = directory.join("authority");
        let make = |arguments: &[&str]| -> Result<()> {
            let made = Command::new(binary)
                .arg("cluster")
                .args(arguments)
                .arg("--authority")
                .arg(&authority)
                .output()?;
            let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
            ensure!(
                made.status.success(),
                "antipode cluster {arguments:?}: {complaint}"
            );
            Ok(())
        };
        make(&["create"])?;
        let launch = |name: &str, how: &[&str]| -> Result<Launch> {
            let bundle = directory.join(format!("{name}-bundle"));
            make(&[
                "issue",
                name,
                "--region",
                name,
                "--out",
                &bundle.to_string_lossy(),
            ])?;
            let mut arguments = vec![OsString::from("--bundle"), bundle.into()];
            arguments.extend(how.iter().map(OsString::from));
            Ok(Launch {
                listen: free_address()?,
                arguments,
                ..Launch::new(binary, &directory.join(name))
            })
        };
        let killed = launch("killed", &["--found"])?;
        let mut node = killed.spawn()?;
        let (address, _) = node.ready().await?;
        let launch = launch("witness", &["--join", &address.to_string()])?;
        let mut witness = launch.spawn()?;
        let (address, _) = witness.ready().await?;
        let client = connect(address).await?;
        let deadline = Instant::now() + AGREE_LIMIT;
        loop {
            let status = client.status().await?;
            let linked = status
                .members
                .iter()
                .filter(|member| member.me || member.connected);
            if linked.count() == 2 {
                break;
            }
            ensure!(
                Instant::now() < deadline,
                "the witness is not taken in; its log ends with\n{}",
                witness.tail()
            );
            tokio::time::sleep(POLL).await;
        }
        Ok((
            node,
            killed,
            Self {
                node: witness,
                client,
                launch,
            },
        ))
    }

    /// A client of the witness.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until both have applied the same, and demands that it is the same.
    pub async fn agrees_with(&self, other: &Client) -> Result<()> {
        let deadline = Instant::now() + AGREE_LIMIT;
        loop {
            let (here, there) = tokio::try_join!(self.client.status(), other.status())?;
            if applied(&here) == applied(&there) {
                ensure!(
                    here.digest == there.digest,
                    "node and witness have applied {:?}, and their digests are {} and {}",
                    applied(&here),
                    there.digest,
                    here.digest
                );
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the witness has applied {:?}, and the node {:?}; the witness's log ends with\n{}",
                    applied(&here),
                    applied(&there),
                    self.node.tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills the witness too, and looks at what it has.
    pub async fn autopsy(self) -> Result<Ends> {
        quiet(self.node.kill()?).context("the witness")?;
        let data = self.launch.data;
        let findings =
            tokio::task::spawn_blocking(move || autopsy::autopsy(&data, &Ends::default()))
                .await?
                .context("the witness's directory")?;
        ensure!(
            findings.violations.is_empty(),
            "the witness: {}",
            findings.violations.text()
        );
        Ok(findings.ends)
    }
}

fn applied(status: &Status) -> Vec<(&String, &u64)> {
    status
        .version_vector
        .iter()
        .filter(|(_, seq)| **seq > 0)
        .collect()
}

/// A port on loopback that is free for TCP and UDP alike.
fn free_address() -> Result<SocketAddr> {
    const ATTEMPTS: usize = 100;
    let mut held = Vec::new();
    for _ in 0..ATTEMPTS {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = tcp.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
        held.push(tcp);
    }
    bail!("there is no free port on this machine")
}
