//! A disk that is full, in a real process and without being root: no file of the node may grow beyond a limit.
//!
//! The node must say that it takes no writes, with a code, in its answers and in its status; go on reading; lose nothing
//! that was acked; and take writes again once there is room. With a limit that no recovery fits into, it stays read-only
//! until it is started without; with a wider one it recovers by itself, again and again, as its log moves to a new file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode_client::{Client, DocumentOptions};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::autopsy::{self, Ends};
use crate::check;
use crate::history::History;
use crate::observe::observe;
use crate::process::{Launch, Node};
use crate::workload::{End, Writer, connect, prepare};

/// Less than a recovery asks for before it tries.
pub const NARROW_BYTES: u64 = 240 << 10;
/// Room for a recovery, which moves the log to a new file.
pub const WIDE_BYTES: u64 = 2 << 20;

/// A writer pauses before it tries a node again that takes no writes.
const PAUSE: Duration = Duration::from_millis(50);
/// The disk is full before this, or the workload is wrong.
const FULL_LIMIT: Duration = Duration::from_secs(600);
/// Writers go on in turns of this length when there is room again, until something was written.
const AFTERWARDS: Duration = Duration::from_millis(300);
const AFTERWARDS_LIMIT: Duration = Duration::from_secs(60);
/// A status is asked for so often before it must tell of the trouble.
const STATUS_TRIES: usize = 20;

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub binary: PathBuf,
    pub seed: u64,
    pub writers: usize,
    /// No file grows beyond this.
    pub file_bytes_max: u64,
    /// So often each writer is told that the disk is full, and tries again.
    pub refusals: usize,
    /// Whether the node must still be read-only then.
    pub stays_read_only: bool,
}

/// What was seen.
#[derive(Debug)]
pub struct Report {
    pub attempts: usize,
    pub acked: usize,
    pub unknown: usize,
    /// Codes of the refusals, each once.
    pub codes: Vec<u32>,
    /// What the status said.
    pub reason: String,
}

/// Fills the disk, looks at the node, makes room, and looks again.
pub async fn run(plan: &Plan) -> Result<Report> {
    let directory = tempfile::Builder::new()
        .prefix("antipode-full-")
        .tempdir()?;
    let history = Arc::new(History::default());
    let writers = (0..plan.writers).map(|number| Writer::new(number, plan.seed, history.clone()));
    let mut run = Run {
        plan,
        launch: Launch::new(&plan.binary, &directory.path().join("data")),
        writers: writers.collect(),
        history,
    };
    let result = run.all().await;
    result.map_err(|error| {
        let place = directory.keep();
        let about = json!({ "seed": plan.seed, "file_bytes_max": plan.file_bytes_max });
        let saved = run.history.save(&place.join("history.jsonl"), &about);
        error.context(format!(
            "data and history are in {} ({saved:?})",
            place.display()
        ))
    })
}

struct Run<'a> {
    plan: &'a Plan,
    launch: Launch,
    history: Arc<History>,
    writers: Vec<Writer>,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<Report> {
        let (node, client) = self.start().await?;
        prepare(&client).await?;
        node.kill()?;

        self.launch.file_bytes_max = Some(self.plan.file_bytes_max);
        let (node, client) = self.start().await.context("with a full disk")?;
        let (codes, reason) = self.fill(&node, &client).await?;
        if self.plan.stays_read_only {
            refused(&client).await?;
            self.check(&client)
                .await
                .context("while the disk is full")?;
        }
        let troubles = node.kill()?;
        ensure!(
            !troubles.is_empty(),
            "the node's log has no word of a full disk"
        );

        self.launch.file_bytes_max = None;
        let (node, client) = self.start().await.context("with room on the disk again")?;
        let status = client.status().await?;
        ensure!(
            status.read_only.is_none(),
            "there is room, and the node takes no writes: {:?}",
            status.read_only
        );
        self.check(&client).await.context("after the restart")?;
        self.write_again(&node).await?;
        node.kill()?;
        let (node, client) = self.start().await?;
        self.check(&client).await.context("at the end")?;
        node.kill()?;
        let data = self.launch.data.clone();
        let findings =
            tokio::task::spawn_blocking(move || autopsy::autopsy(&data, &Ends::default()))
                .await??;
        ensure!(
            findings.violations.is_empty(),
            "{}",
            findings.violations.text()
        );
        let (attempts, acked, unknown) = self.history.counts();
        Ok(Report {
            attempts,
            acked,
            unknown,
            codes,
            reason,
        })
    }

    async fn start(&mut self) -> Result<(Node, Client)> {
        let mut node = self.launch.spawn()?;
        let (address, _) = node.ready().await?;
        let client = connect(address).await?;
        Ok((node, client))
    }

    /// Writes until every writer was refused often enough; gives the codes, and what the status says of it.
    async fn fill(&mut self, node: &Node, client: &Client) -> Result<(Vec<u32>, String)> {
        let address = node.address().context("the node does not serve")?;
        let refusals = self.plan.refusals;
        let mut turns = JoinSet::new();
        for mut writer in std::mem::take(&mut self.writers) {
            turns.spawn(async move {
                let mut codes = Vec::new();
                while codes.len() < refusals {
                    match writer.run(address, 0).await {
                        End::ReadOnly { code, .. } => codes.push(code),
                        end => bail!("a writer ended with {end:?}"),
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Ok((writer, codes))
            });
        }
        let reason = tokio::time::timeout(FULL_LIMIT, read_only(client));
        let reason = reason
            .await
            .context("the disk is full, and the status does not say so")??;
        let mut codes = Vec::new();
        while let Some(turn) = tokio::time::timeout(FULL_LIMIT, turns.join_next()).await? {
            let (writer, told) = turn??;
            self.writers.push(writer);
            codes.extend(told);
        }
        codes.sort_unstable();
        codes.dedup();
        Ok((codes, reason))
    }

    async fn write_again(&mut self, node: &Node) -> Result<()> {
        let address = node.address().context("the node does not serve")?;
        let (_, before, _) = self.history.counts();
        let begun = Instant::now();
        while begun.elapsed() < AFTERWARDS_LIMIT {
            for writer in &mut self.writers {
                // What is cut off in the middle is unknown, as after a kill.
                if let Ok(end) = tokio::time::timeout(AFTERWARDS, writer.run(address, 1)).await {
                    bail!("a writer ended with {end:?}");
                }
            }
            let (_, after, _) = self.history.counts();
            if after > before {
                return Ok(());
            }
        }
        bail!("there is room, and nothing is written")
    }

    async fn check(&self, client: &Client) -> Result<()> {
        for writer in &self.writers {
            client.resume(writer.token());
        }
        let observed = observe(client, self.plan.writers)
            .await
            .context("the node cannot be read")?;
        let violations = check::check(&self.history.attempts(), &observed);
        ensure!(violations.is_empty(), "{}", violations.text());
        Ok(())
    }
}

/// Waits until the status tells that the node takes no writes.
async fn read_only(client: &Client) -> Result<String> {
    loop {
        if let Some(reason) = client.status().await?.read_only {
            return Ok(reason);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A write of a node that stays read-only is refused, and surely so.
async fn refused(client: &Client) -> Result<()> {
    for _ in 0..STATUS_TRIES {
        let status = client.status().await?;
        ensure!(
            status.read_only.is_some(),
            "there is no room, and the node says that it takes writes"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let written = client
        .insert(
            "documents",
            &json!({ "_key": "late" }),
            DocumentOptions::default(),
        )
        .await;
    match written {
        Err(error) if error.code() == Some(1004) => {
            ensure!(
                error.written() == antipode_client::Written::Nothing,
                "a refusal leaves open what was written"
            );
            Ok(())
        }
        other => bail!("a write to a node that takes none gave {other:?}"),
    }
}
