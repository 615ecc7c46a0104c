//! The kill -9 loop: a node lives many short lives, and writers do not care.
//!
//! In each round the node is started on the same directory, checked, and killed with SIGKILL at a random moment, most
//! often while all clients write, now and then while it starts. After some rounds, and after the last, everything that
//! it holds is read and compared with the history, and its directory is looked at record by record.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use antipode_client::Client;
use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::autopsy::{self, Ends};
use crate::check;
use crate::history::History;
use crate::observe::observe;
use crate::process::{Launch, Node};
use crate::witness::Witness;
use crate::workload::{End, Writer, connect, prepare, seen_of};

/// Rounds of the normal test run.
pub const ROUNDS: usize = 200;
/// Rounds of the full one.
pub const ROUNDS_FULL: usize = 2_000;

const ROUNDS_VARIABLE: &str = "ANTIPODE_JEPSEN_ROUNDS";
const SEED_VARIABLE: &str = "ANTIPODE_JEPSEN_SEED";
const KEEP_VARIABLE: &str = "ANTIPODE_JEPSEN_KEEP";
const FULL_VARIABLE: &str = "ANTIPODE_TEST_FULL";

/// What is chosen in the normal run; the timing differs in each. The full one takes another seed each time.
const SEED: u64 = 20_261_121;
/// In every second life, and in all those of a node that will be set back, something is acked first, if this much time is
/// enough for it: on a slow disk the others may end before.
const FIRST_ACK_LIMIT: Duration = Duration::from_secs(20);

/// Clients write for at most so long before the kill.
const LIFE_MAX: Duration = Duration::from_millis(300);
/// One in so many rounds kills the node while it starts.
const KILL_AT_START: u32 = 8;
/// A start is killed within this time.
const START_MAX: Duration = Duration::from_millis(250);
/// Everything is read after so many rounds.
const CHECK_EVERY: usize = 20;
/// Writers that are still waiting so long after a kill have not noticed it.
const NOTICE_LIMIT: Duration = Duration::from_secs(40);

/// What is run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub binary: PathBuf,
    pub rounds: usize,
    pub writers: usize,
    pub seed: u64,
    /// Whether a peer replicates all the while.
    pub witness: bool,
    /// A lie, to see that it is caught: after this round the directory is copied, and three rounds later put back.
    pub set_back_to: Option<usize>,
    /// Where data and history stay if something is wrong.
    pub keep: PathBuf,
}

impl Plan {
    /// The plan that the environment asks for.
    pub fn from_environment(binary: PathBuf) -> Result<Self> {
        let number = |name: &str| match env::var(name) {
            Ok(text) => text
                .parse::<u64>()
                .map(Some)
                .with_context(|| format!("{name}={text} is no number")),
            Err(_) => Ok(None),
        };
        let (mut rounds, mut seed) = (ROUNDS, SEED);
        if env::var_os(FULL_VARIABLE).is_some() {
            let fresh = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            (rounds, seed) = (ROUNDS_FULL, fresh.as_micros() as u64 & 0xffff_ffff);
        }
        if let Some(asked) = number(ROUNDS_VARIABLE)? {
            rounds = usize::try_from(asked)?;
        }
        Ok(Self {
            binary,
            rounds,
            writers: 6,
            witness: false,
            set_back_to: None,
            seed: number(SEED_VARIABLE)?.unwrap_or(seed),
            keep: env::var_os(KEEP_VARIABLE).map_or_else(env::temp_dir, PathBuf::from),
        })
    }
}

/// What was done, and how long starts took.
#[derive(Debug)]
pub struct Report {
    pub kills: usize,
    pub kills_at_start: usize,
    pub attempts: usize,
    pub acked: usize,
    pub unknown: usize,
    pub transactions: u64,
    pub boots: u64,
    pub took: Duration,
    /// From the start of the process until it serves, in ascending order.
    starts: Vec<Duration>,
}

impl Report {
    fn start_at(&self, percent: usize) -> Duration {
        let last = self.starts.len().saturating_sub(1);
        self.starts
            .get(last * percent / 100)
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} kills in {:.1} s ({} of them during a start): {} writes, {} acked, {} unknown; {} transactions of {} \
             process starts in the log; ready after {:.0} ms (median), {:.0} ms (99 %), {:.0} ms (longest)",
            self.kills,
            self.took.as_secs_f64(),
            self.kills_at_start,
            self.attempts,
            self.acked,
            self.unknown,
            self.transactions,
            self.boots,
            self.start_at(50).as_secs_f64() * 1e3,
            self.start_at(99).as_secs_f64() * 1e3,
            self.start_at(100).as_secs_f64() * 1e3,
        )
    }
}

/// Runs the loop. On failure, the node's directory and the history are kept, and the error says where.
pub async fn run(plan: &Plan) -> Result<Report> {
    let directory = tempfile::Builder::new()
        .prefix("antipode-kill-")
        .tempdir()?;
    let mut run = Run::new(plan, directory.path());
    let error = match run.all().await {
        Ok(report) => return Ok(report),
        Err(error) => error,
    };
    let kept = plan.keep.join(format!("antipode-kill-{}", plan.seed));
    let kept = keep(directory, &run.history, plan, &kept);
    Err(error.context(format!(
        "seed {} ({SEED_VARIABLE}={} repeats the choices, not the timing); {kept}",
        plan.seed, plan.seed
    )))
}

fn keep(directory: tempfile::TempDir, history: &History, plan: &Plan, kept: &Path) -> String {
    let from = directory.keep();
    let place = match std::fs::rename(&from, kept) {
        Ok(()) => kept.to_owned(),
        Err(_) => from,
    };
    let about = json!({ "seed": plan.seed, "rounds": plan.rounds, "writers": plan.writers });
    match history.save(&place.join("history.jsonl"), &about) {
        Ok(()) => format!(
            "the node's data and history.jsonl are in {}",
            place.display()
        ),
        Err(error) => format!(
            "the node's data is in {}, the history cannot be written: {error}",
            place.display()
        ),
    }
}

struct Run<'a> {
    plan: &'a Plan,
    launch: Launch,
    random: SmallRng,
    history: Arc<History>,
    writers: Vec<Writer>,
    /// What the node called itself in its first life.
    replica: Option<String>,
    /// What it had applied of its own when it was last asked after a start.
    recovered: u64,
    ends: Ends,
    starts: Vec<Duration>,
    kills_at_start: usize,
    witness: Option<Witness>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, directory: &Path) -> Self {
        let history = Arc::new(History::default());
        let writers =
            (0..plan.writers).map(|number| Writer::new(number, plan.seed, history.clone()));
        Self {
            plan,
            launch: Launch::new(&plan.binary, &directory.join("data")),
            random: SmallRng::seed_from_u64(plan.seed),
            writers: writers.collect(),
            history,
            replica: None,
            recovered: 0,
            ends: Ends::default(),
            starts: Vec::new(),
            kills_at_start: 0,
            witness: None,
        }
    }

    async fn all(&mut self) -> Result<Report> {
        let began = Instant::now();
        if self.plan.witness {
            let directory = self.launch.data.with_file_name("cluster");
            let (node, launch, witness) = Witness::found(&self.plan.binary, &directory).await?;
            quiet(node.kill()?)?;
            self.launch = launch;
            self.witness = Some(witness);
        }
        for round in 0..self.plan.rounds {
            self.round(round)
                .await
                .with_context(|| format!("round {round}"))?;
            self.lie(round)?;
            let last = round + 1 == self.plan.rounds;
            if last || (round + 1).is_multiple_of(CHECK_EVERY) {
                self.autopsy()
                    .await
                    .with_context(|| format!("autopsy after round {round}"))?;
                self.check_all()
                    .await
                    .with_context(|| format!("check after round {round}"))?;
            }
        }
        let findings = self.autopsy().await?;
        if let Some(witness) = self.witness.take() {
            let ends = witness.autopsy().await?;
            ensure!(
                ends == findings.ends,
                "the log is {:?}, and the witness's is {ends:?}",
                findings.ends
            );
        }
        let (attempts, acked, unknown) = self.history.counts();
        self.starts.sort();
        Ok(Report {
            kills: self.plan.rounds,
            kills_at_start: self.kills_at_start,
            attempts,
            acked,
            unknown,
            transactions: findings.transactions,
            boots: findings.boots,
            took: began.elapsed(),
            starts: std::mem::take(&mut self.starts),
        })
    }

    /// Sets the node back by three rounds, if the plan says so.
    fn lie(&self, round: usize) -> Result<()> {
        let Some(to) = self.plan.set_back_to else {
            return Ok(());
        };
        let copy = self.launch.data.with_extension("copy");
        if round == to {
            copy_files(&self.launch.data, &copy)?;
        } else if round == to + 3 {
            std::fs::remove_dir_all(&self.launch.data)?;
            copy_files(&copy, &self.launch.data)?;
        }
        Ok(())
    }

    /// One life of the node.
    async fn round(&mut self, round: usize) -> Result<()> {
        if round > 0 && self.random.random_ratio(1, KILL_AT_START) {
            let node = self.launch.spawn()?;
            let moment = self.random.random_range(Duration::ZERO..START_MAX);
            tokio::time::sleep(moment).await;
            self.kills_at_start += 1;
            return quiet(node.kill()?);
        }
        let (node, client) = self.start().await?;
        if round == 0 {
            prepare(&client)
                .await
                .context("collections cannot be made")?;
        }
        let address = client_address(&node)?;
        let (_, acked, _) = self.history.counts();
        let mut turns = JoinSet::new();
        for mut writer in std::mem::take(&mut self.writers) {
            turns.spawn(async move {
                let end = writer.run(address, round).await;
                (writer, end)
            });
        }
        if round.is_multiple_of(2) || self.plan.set_back_to.is_some() {
            let until = Instant::now() + FIRST_ACK_LIMIT;
            while self.history.counts().1 == acked && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        let life = self.random.random_range(Duration::ZERO..LIFE_MAX);
        tokio::time::sleep(life).await;
        let troubles = node.kill()?;
        let mut ends = Vec::new();
        let joined = tokio::time::timeout(NOTICE_LIMIT, async {
            while let Some(turn) = turns.join_next().await {
                let (writer, end) = turn?;
                self.writers.push(writer);
                ends.push(end);
            }
            anyhow::Ok(())
        });
        joined
            .await
            .context("a writer does not notice that the node is gone")??;
        quiet(troubles)?;
        for end in ends {
            ensure!(end == End::NodeGone, "a writer ended with {end:?}");
        }
        Ok(())
    }

    /// Starts the node, and holds what it says of itself against what it said before.
    async fn start(&mut self) -> Result<(Node, Client)> {
        let mut node = self.launch.spawn()?;
        let (address, took) = node.ready().await?;
        self.starts.push(took);
        let client = connect(address).await?;
        let status = client.status().await?;
        if let Some(reason) = status.read_only {
            bail!("the node takes no writes after a start: {reason}");
        }
        let replica = self
            .replica
            .get_or_insert_with(|| status.replica_id.clone());
        ensure!(
            *replica == status.replica_id,
            "the replica id was {replica}, and is {} now",
            status.replica_id
        );
        let own = status
            .version_vector
            .get(replica)
            .copied()
            .unwrap_or_default();
        let mut told = self.recovered;
        for writer in &self.writers {
            told = told.max(seen_of(writer.token(), replica)?);
        }
        ensure!(
            own >= told,
            "the node has {own} transactions of its own, and had told of {told}"
        );
        self.recovered = own;
        Ok((node, client))
    }

    /// Compares all that the node holds with the history.
    async fn check_all(&mut self) -> Result<()> {
        let (node, client) = self.start().await?;
        // A session that saw everything: a node that lost some of it cannot answer.
        for writer in &self.writers {
            client.resume(writer.token());
        }
        let observed = observe(&client, self.plan.writers)
            .await
            .context("the node cannot be read")?;
        let violations = check::check(&self.history.attempts(), &observed);
        ensure!(violations.is_empty(), "{}", violations.text());
        if let Some(witness) = &self.witness {
            witness.agrees_with(&client).await?;
            let seen = observe(witness.client(), self.plan.writers)
                .await
                .context("the witness cannot be read")?;
            ensure!(
                seen == observed,
                "the witness shows something else than the node"
            );
        }
        quiet(node.kill()?)
    }

    async fn autopsy(&mut self) -> Result<autopsy::Findings> {
        let (data, before) = (self.launch.data.clone(), self.ends.clone());
        let findings =
            tokio::task::spawn_blocking(move || autopsy::autopsy(&data, &before)).await??;
        ensure!(
            findings.violations.is_empty(),
            "{}",
            findings.violations.text()
        );
        self.ends = findings.ends.clone();
        Ok(findings)
    }
}

/// Copies a directory without directories in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn client_address(node: &Node) -> Result<std::net::SocketAddr> {
    node.address().context("the node does not serve any more")
}

/// A node that was killed has nothing to complain of, but for links that come and go.
pub(crate) fn quiet(mut troubles: Vec<String>) -> Result<()> {
    troubles.retain(|line| !(line.contains("\"WARN\"") && line.contains("antipode_transport")));
    ensure!(
        troubles.is_empty(),
        "the node's log has\n{}",
        troubles.join("\n")
    );
    Ok(())
}
