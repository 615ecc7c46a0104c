//! Step 6: a node is killed with -9 in the middle of writing, and everything that it acked is there afterwards.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use antipode_client::{Client, Error, Status, Written};
use anyhow::{Result, bail};
use tokio::task::JoinHandle;

use super::measure::until_converged;
use super::nodes::{Cluster, Region};
use super::partition::tell_equal;
use super::show::{Show, ms, thousands};

/// Who is killed.
const VICTIM: Region = Region::Virginia;
/// Writers on the victim.
const WRITERS: usize = 4;
/// How long they write before the kill.
const WRITING: Duration = Duration::from_millis(1_500);
/// The airport that they count visits to.
const AIRPORT: &str = "IAD";

/// Two collections in one transaction: either both are changed or neither.
const WRITE: &str = "\
INSERT { _key: @key, writer: @writer } INTO journal
FOR d IN airports
  FILTER d._key == @airport
  UPDATE d WITH { visits: d.visits + 1 } IN airports";

/// What a writer was told.
#[derive(Default)]
struct Told {
    /// Keys of documents whose write was acked.
    acked: Vec<String>,
    /// Writes of which nobody knows: the answer never came.
    unknown: Vec<String>,
}

/// Kills virginia while it writes and is written to, and starts it anew.
pub async fn kill_and_restart(show: &mut Show, cluster: &mut Cluster) -> Result<()> {
    show.step("Virginia is killed with -9 in the middle of writing")
        .await;
    cluster
        .client(Region::Tokyo)
        .create_collection("journal", Default::default())
        .await?;
    let before = until_converged(cluster).await?;
    let visits_before = visits(cluster.client(VICTIM)).await?;

    show.query(VICTIM, WRITE);
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        writers.push(write_until_killed(
            cluster.plain_client(VICTIM).await?,
            number,
        ));
    }
    let elsewhere = write_elsewhere(cluster.client(Region::Tokyo).clone());
    tokio::time::sleep(WRITING).await;
    cluster.kill(VICTIM)?;
    let mut told = Told::default();
    for writer in writers {
        let one = writer.await??;
        told.acked.extend(one.acked);
        told.unknown.extend(one.unknown);
    }
    show.say(format!(
        "{} writes were acked, {} were under way when the process died.",
        thousands(told.acked.len() as u64),
        told.unknown.len()
    ));
    let restarted = Instant::now();
    cluster.restart(VICTIM).await?;
    show.say(format!(
        "It answers again {} after it was started.",
        ms(restarted.elapsed())
    ));

    claim_nothing_lost(show, cluster.client(VICTIM), &told, visits_before).await?;
    let in_tokyo = elsewhere.stop().await?;
    let convergence = until_converged(cluster).await?;
    tell_equal(show, &convergence);
    show.say(format!(
        "({} in the middle of which tokyo wrote {} documents)",
        ms(convergence.elapsed),
        thousands(in_tokyo)
    ));
    claim_same_replica(show, &before.statuses, &convergence.statuses, &told);
    let counts = counts(cluster).await?;
    show.claim(
        counts
            .iter()
            .all(|count| *count >= told.acked.len() as u64 + in_tokyo)
            && counts.windows(2).all(|pair| pair[0] == pair[1]),
        format!("the journal is the same in all regions: {counts:?} documents"),
    );
    Ok(())
}

/// Writes documents and counts visits, one after the other, until the node is gone.
fn write_until_killed(client: Client, writer: usize) -> JoinHandle<Result<Told>> {
    tokio::spawn(async move {
        let mut told = Told::default();
        loop {
            let key = format!("{writer}-{}", told.acked.len());
            let written = client
                .query(WRITE)
                .bind("key", &key)?
                .bind("writer", VICTIM.name())?
                .bind("airport", AIRPORT)?
                .run()
                .await;
            match written {
                Ok(_) => told.acked.push(key),
                Err(error) if is_gone(&error) => {
                    if error.written() == Written::Unknown {
                        told.unknown.push(key);
                    }
                    return Ok(told);
                }
                Err(error) => bail!(error),
            }
        }
    })
}

/// Whatever the node did not say itself is its death: how a broken connection looks depends on where it broke.
fn is_gone(error: &Error) -> bool {
    !matches!(error, Error::Database { .. })
}

/// A region that goes on writing while another one dies and comes back.
struct Elsewhere {
    stop: tokio::sync::watch::Sender<bool>,
    task: JoinHandle<Result<u64>>,
}

impl Elsewhere {
    /// Stops the writer; says how many documents it wrote.
    async fn stop(self) -> Result<u64> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

fn write_elsewhere(client: Client) -> Elsewhere {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let task = tokio::spawn(async move {
        let mut written = 0;
        while !*stopped.borrow() {
            client
                .query("INSERT { _key: @key, writer: 'tokyo' } INTO journal")
                .bind("key", format!("tokyo-{written}"))?
                .run()
                .await?;
            written += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(written)
    });
    Elsewhere { stop, task }
}

async fn visits(client: &Client) -> Result<u64> {
    let found: Vec<u64> = client
        .query("FOR d IN airports FILTER d._key == @key RETURN d.visits")
        .bind("key", AIRPORT)?
        .all()
        .await?;
    match found.as_slice() {
        [visits] => Ok(*visits),
        found => bail!("{} airports with the key {AIRPORT}", found.len()),
    }
}

async fn counts(cluster: &Cluster) -> Result<Vec<u64>> {
    let mut counts = Vec::new();
    for region in Region::ALL {
        counts.extend(
            cluster
                .client(region)
                .query("RETURN LENGTH(journal)")
                .all::<u64>()
                .await?,
        );
    }
    Ok(counts)
}

async fn claim_nothing_lost(
    show: &mut Show,
    client: &Client,
    told: &Told,
    visits_before: u64,
) -> Result<()> {
    let found: Vec<String> = client
        .query("FOR d IN journal FILTER d.writer == @writer RETURN d._key")
        .bind("writer", VICTIM.name())?
        .all()
        .await?;
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let lost = told
        .acked
        .iter()
        .filter(|key| !found.contains(key.as_str()))
        .count();
    show.claim(
        lost == 0 && !told.acked.is_empty(),
        format!(
            "nothing acked was lost: all {} documents are there",
            thousands(told.acked.len() as u64)
        ),
    );
    let known: BTreeSet<&str> = told
        .acked
        .iter()
        .chain(&told.unknown)
        .map(String::as_str)
        .collect();
    show.claim(
        found.iter().all(|key| known.contains(key)),
        format!(
            "nothing was made up: of the {} writes under way, {} were kept",
            told.unknown.len(),
            found.len().saturating_sub(told.acked.len())
        ),
    );
    let counted = visits(client).await?.saturating_sub(visits_before);
    show.claim(
        counted == found.len() as u64,
        format!(
            "no transaction was halved: {} documents, {} visits",
            thousands(found.len() as u64),
            thousands(counted)
        ),
    );
    Ok(())
}

/// Claims that the node came back as who it was, with its own log whole.
fn claim_same_replica(show: &mut Show, before: &[Status; 3], after: &[Status; 3], told: &Told) {
    let (before, after) = (&before[VICTIM.index()], &after[VICTIM.index()]);
    let seq = |status: &Status| {
        status
            .version_vector
            .get(&status.replica_id)
            .copied()
            .unwrap_or(0)
    };
    show.claim(
        before.replica_id == after.replica_id
            && after.read_only.is_none()
            && seq(after) >= seq(before) + told.acked.len() as u64,
        format!(
            "virginia is the same replica {}, its own transactions numbered on from {} to {}, none twice",
            after.replica_id,
            seq(before),
            seq(after)
        ),
    );
}
