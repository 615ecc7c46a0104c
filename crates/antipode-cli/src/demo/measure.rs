//! Measuring: how long replication takes, when replicas are equal, and what the panel shows meanwhile.

use std::time::{Duration, Instant};

use antipode_client::{Client, Consistency, OutgoingMessage, Start, Status, SubscribeOptions};
use anyhow::{Result, bail};
use serde_json::json;
use tokio::task::JoinHandle;

use super::nodes::{Cluster, Region};
use super::show::{Panel, ms, thousands};

/// Replicas that are not equal after this long will not be.
const CONVERGENCE_LIMIT: Duration = Duration::from_secs(60);
/// Pause between looks at the replicas.
const POLL: Duration = Duration::from_millis(3);
/// Pause between looks for the panel.
const PANEL_POLL: Duration = Duration::from_millis(200);

/// How replicas became equal.
pub struct Convergence {
    /// How long it took.
    pub elapsed: Duration,
    /// How the nodes are now.
    pub statuses: [Status; 3],
    /// Whether they became equal at all, in version vector and digest.
    pub equal: bool,
}

/// Waits until all three replicas have applied the same transactions.
pub async fn until_converged(cluster: &Cluster) -> Result<Convergence> {
    let started = Instant::now();
    loop {
        let statuses = cluster.statuses().await?;
        let [tokyo, frankfurt, virginia] = &statuses;
        let same_vector = tokyo.version_vector == frankfurt.version_vector
            && frankfurt.version_vector == virginia.version_vector;
        let elapsed = started.elapsed();
        if same_vector || elapsed > CONVERGENCE_LIMIT {
            let same_digest =
                tokyo.digest == frankfurt.digest && frankfurt.digest == virginia.digest;
            return Ok(Convergence {
                elapsed,
                statuses,
                equal: same_vector && same_digest,
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

/// How long messages take from their ack in one region until they are seen in another: the median, and the slowest.
pub async fn replication_delay(
    cluster: &Cluster,
    from: Region,
    to: Region,
    probes: usize,
) -> Result<(Duration, Duration)> {
    const STREAM: &str = "probes";
    let writer = cluster.client(from);
    writer.create_stream(STREAM).await?;
    let reader = cluster.client(to);
    reader.resume(&writer.token());
    let options = SubscribeOptions {
        start: Start::Latest,
        ..SubscribeOptions::default()
    };
    let mut subscription = reader.subscribe(STREAM, options).await?;
    let mut delays = Vec::new();
    for probe in 0..probes {
        writer
            .publish(STREAM, vec![OutgoingMessage::new(&json!(probe))?])
            .await?;
        let acked = Instant::now();
        let Some(message) = subscription.next().await? else {
            bail!("the subscription ended")
        };
        delays.push(acked.elapsed());
        if message.decode::<usize>()? != probe {
            bail!("message {probe} came as {}", message.json);
        }
    }
    delays.sort();
    let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
    Ok((median, delays.last().copied().unwrap_or_default()))
}

/// Median of some times.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Keeps the panel's lines fresh until it is dropped.
pub struct Watch {
    tasks: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Watches the nodes for a panel; does nothing without one.
    pub fn start(cluster: &Cluster, panel: Option<Panel>) -> Self {
        let Some(panel) = panel else {
            return Self { tasks: Vec::new() };
        };
        let tasks = Region::ALL
            .map(|region| {
                let client = cluster.client(region).with_consistency(Consistency::Local);
                tokio::spawn(watch(client, region, panel.clone()))
            })
            .into();
        Self { tasks }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn watch(client: Client, region: Region, panel: Panel) {
    loop {
        let text = match tokio::time::timeout(Duration::from_secs(1), client.status()).await {
            Ok(Ok(status)) => describe(&panel, region, &status),
            Ok(Err(_)) | Err(_) => "not running".to_owned(),
        };
        panel.set(region, text);
        tokio::time::sleep(PANEL_POLL).await;
    }
}

fn describe(panel: &Panel, region: Region, status: &Status) -> String {
    let transactions: u64 = status.version_vector.values().sum();
    let link = |other: Region| {
        let found = status
            .members
            .iter()
            .find(|member| member.region == other.name());
        match found.is_some_and(|member| member.connected) && !panel.is_cut(region, other) {
            true => format!("⇄ {} {}", other.name(), ms(region.delay_to(other))),
            false => format!("✂ {}", other.name()),
        }
    };
    let links: Vec<String> = region.others().map(link).collect();
    let digest: String = status.digest.chars().take(8).collect();
    format!(
        "{:>7} transactions  digest {digest}  {}",
        thousands(transactions),
        links.join("  ")
    )
}
