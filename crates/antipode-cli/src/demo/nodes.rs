//! Three real nodes on this machine, each a process with a data directory of its own, and the lines between them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use antipode::{Ca, ClusterId};
use antipode_client::{Client, Config, Line, LineCut, Status};
use anyhow::{Context, Result, anyhow, bail};

/// A node that has not come up after this long will not.
const START_LIMIT: Duration = Duration::from_secs(30);
/// A node that was told to stop and has not after this long is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Pause between questions to a node that is awaited.
const POLL: Duration = Duration::from_millis(10);

/// A region of the demo; each has one node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Region {
    Tokyo,
    Frankfurt,
    Virginia,
}

impl Region {
    pub const ALL: [Self; 3] = [Self::Tokyo, Self::Frankfurt, Self::Virginia];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tokyo => "tokyo",
            Self::Frankfurt => "frankfurt",
            Self::Virginia => "virginia",
        }
    }

    pub fn index(self) -> usize {
        self as usize
    }

    /// The two others.
    pub fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |other| *other != self)
    }

    /// How long a message takes from here to another region.
    pub fn delay_to(self, other: Self) -> Duration {
        let ms = match (self.min(other), self.max(other)) {
            (Self::Tokyo, Self::Frankfurt) => 120,
            (Self::Frankfurt, Self::Virginia) => 45,
            (Self::Tokyo, Self::Virginia) => 80,
            _ => 0,
        };
        Duration::from_millis(ms)
    }
}

/// One node: its directory, its address and, while it runs, its process.
struct Node {
    region: Region,
    directory: PathBuf,
    address: SocketAddr,
    process: Option<Child>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may be gone already; then there is nothing to do.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The three nodes.
pub struct Cluster {
    nodes: [Node; 3],
    clients: Vec<Client>,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// Makes certificates, starts the three nodes, and waits until each is linked to both others.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("antipode-demo-")
            .tempdir()?;
        let ca = Ca::create(ClusterId::random())?;
        let addresses = free_addresses()?;
        let nodes = Region::ALL.map(|region| Node {
            region,
            directory: directory.path().join(region.name()),
            address: addresses[region.index()],
            process: None,
        });
        let mut cluster = Self {
            nodes,
            clients: Vec::new(),
            directory,
        };
        for region in Region::ALL {
            let bundle = ca.issue(region.name(), region.name())?;
            bundle.write(&cluster.node(region).bundle())?;
            cluster.spawn(region)?;
            let client = cluster.reach(region).await?;
            cluster.clients.push(client);
        }
        cluster.until_linked().await?;
        Ok(cluster)
    }

    /// The directory that holds everything, gone at the end of the demo.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A client of the node of a region, and of no other.
    pub fn client(&self, region: Region) -> &Client {
        &self.clients[region.index()]
    }

    /// Where the node of a region serves.
    pub fn address(&self, region: Region) -> SocketAddr {
        self.node(region).address
    }

    /// Another client of that node, with a session of its own, that repeats nothing: for those who count what was
    /// acked.
    pub async fn plain_client(&self, region: Region) -> Result<Client> {
        let config = Config {
            attempts: 1,
            ..self.config(region)
        };
        Ok(Client::connect_with(config).await?)
    }

    /// How the three nodes do.
    pub async fn statuses(&self) -> Result<[Status; 3]> {
        let [tokyo, frankfurt, virginia] = Region::ALL.map(|region| self.client(region).status());
        let (tokyo, frankfurt, virginia) = tokio::try_join!(tokyo, frankfurt, virginia)?;
        Ok([tokyo, frankfurt, virginia])
    }

    /// Gives every line its delay, and cuts all lines of a region, if one is named.
    pub async fn set_lines(&self, cut: Option<Region>) -> Result<()> {
        let mut settings = Vec::new();
        for from in Region::ALL {
            for to in from.others() {
                let severed = cut == Some(from) || cut == Some(to);
                let line = Line {
                    delay: from.delay_to(to),
                    jitter: Duration::ZERO,
                    cut: if severed {
                        LineCut::Both
                    } else {
                        LineCut::None
                    },
                };
                settings.push(self.client(from).set_line(to.name(), line));
            }
        }
        for setting in settings {
            setting.await?;
        }
        Ok(())
    }

    /// Kills a node as a power switch would: it has no chance to put anything in order.
    pub fn kill(&mut self, region: Region) -> Result<()> {
        let node = self.node_mut(region);
        let mut process = node.process.take().context("the node does not run")?;
        // On Unix this is SIGKILL.
        process.kill()?;
        process.wait()?;
        Ok(())
    }

    /// Starts a node anew in its directory, and waits until it answers.
    pub async fn restart(&mut self, region: Region) -> Result<()> {
        self.spawn(region)?;
        let client = self.reach(region).await?;
        self.clients[region.index()] = client;
        for other in region.others() {
            let line = Line {
                delay: region.delay_to(other),
                ..Line::default()
            };
            self.client(region).set_line(other.name(), line).await?;
        }
        Ok(())
    }

    /// Tells the nodes to stop, and says which of them did not end as they should.
    pub async fn stop(mut self) -> Result<Vec<String>> {
        let mut complaints = Vec::new();
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                // A node stops when its standard input ends.
                drop(process.stdin.take());
            }
        }
        for node in &mut self.nodes {
            let Some(mut process) = node.process.take() else {
                continue;
            };
            let name = node.region.name();
            match wait(&mut process, STOP_LIMIT).await? {
                Some(status) if status.success() => {}
                Some(status) => complaints.push(format!("{name} ended with {status}")),
                None => {
                    process.kill()?;
                    process.wait()?;
                    complaints.push(format!("{name} did not stop within {STOP_LIMIT:?}"));
                }
            }
        }
        Ok(complaints)
    }

    /// What the nodes logged as errors.
    pub fn logged_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for node in &self.nodes {
            let log = fs::read_to_string(node.log()).unwrap_or_default();
            let lines = log
                .lines()
                .filter(|line| line.contains(" ERROR ") || line.contains("panicked"));
            errors.extend(lines.map(|line| format!("{}: {line}", node.region.name())));
        }
        errors
    }

    fn node(&self, region: Region) -> &Node {
        &self.nodes[region.index()]
    }

    fn node_mut(&mut self, region: Region) -> &mut Node {
        &mut self.nodes[region.index()]
    }

    fn spawn(&mut self, region: Region) -> Result<()> {
        let members: Vec<String> = region
            .others()
            .filter(|other| *other < region)
            .map(|other| self.address(other).to_string())
            .collect();
        let node = self.node_mut(region);
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("serve")
            .arg("--data")
            .arg(node.directory.join("data"))
            .arg("--bundle")
            .arg(node.bundle())
            .args(["--listen", &node.address.to_string()])
            .args(["--wan", "--stop-with-input", "--log", "info"])
            .current_dir(&node.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(node.log())?);
        // The environment configures nodes, but not those of the demo.
        for key in antipode::config::KEYS {
            command.env_remove(key.variable());
        }
        command.env_remove("ANTIPODE_CONFIG");
        if members.is_empty() {
            command.arg("--found");
        } else {
            command.arg("--join").args(members);
        }
        node.process = Some(command.spawn().context("cannot start a node")?);
        Ok(())
    }

    fn config(&self, region: Region) -> Config {
        Config {
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(1),
            ..Config::new([format!("http://{}", self.address(region))])
        }
    }

    /// Connects to a node that is starting.
    async fn reach(&mut self, region: Region) -> Result<Client> {
        let config = self.config(region);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let failure = match Client::connect_with(config.clone()).await {
                Ok(client) => match client.status().await {
                    Ok(_) => return Ok(client),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let node = self.node_mut(region);
            let ended = match &mut node.process {
                Some(process) => process.try_wait()?,
                None => bail!("the node of {} was not started", region.name()),
            };
            if let Some(status) = ended {
                return Err(anyhow!(
                    "the node of {} ended with {status}:\n{}",
                    region.name(),
                    node.log_tail()
                ));
            }
            if Instant::now() > deadline {
                return Err(failure).with_context(|| {
                    format!(
                        "the node of {} does not answer:\n{}",
                        region.name(),
                        node.log_tail()
                    )
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until each node has a link to both others, and all have agreed on the members.
    async fn until_linked(&self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let statuses = self.statuses().await?;
            let linked = statuses.iter().all(|status| {
                status.members.len() == Region::ALL.len()
                    && status
                        .members
                        .iter()
                        .all(|member| member.me || member.connected)
            });
            if linked {
                return Ok(());
            }
            if Instant::now() > deadline {
                let logs: Vec<String> = self.nodes.iter().map(Node::log_tail).collect();
                bail!("the nodes did not find each other:\n{}", logs.join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Node {
    fn bundle(&self) -> PathBuf {
        self.directory.join("bundle")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("node.log")
    }

    /// The last lines of the node's log, for an error.
    fn log_tail(&self) -> String {
        const LINES: usize = 12;
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// Ports on loopback that are free for TCP and UDP alike. They are held until all are found.
fn free_addresses() -> Result<[SocketAddr; 3]> {
    const ATTEMPTS: usize = 100;
    let mut held = Vec::new();
    for _ in 0..ATTEMPTS {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = tcp.local_addr()?;
        if let Ok(udp) = UdpSocket::bind(address) {
            held.push((address, tcp, udp));
        }
        if let [(first, ..), (second, ..), (third, ..)] = held.as_slice() {
            return Ok([*first, *second, *third]);
        }
    }
    bail!("there are no three free ports on this machine")
}

/// Waits for a process to end, without holding up the runtime.
async fn wait(process: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            return Ok(None);
        }
        tokio::time::sleep(POLL).await;
    }
}
