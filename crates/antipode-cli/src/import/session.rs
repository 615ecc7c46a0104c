//! One run of an import: records come in, batches go out, and what became of them is noted in the order of the input.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode_client::Client;
use anyhow::{Context as _, Error, Result};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::options::{Import, Plan};
use super::record::{Place, ReadError, Record};
use super::rejects::Rejects;
use super::state::State;
use super::table::Column;
use super::tracker::{Outcome, Reject, Tracker};
use super::writer::{Batch, Item, Report, Writer};
use super::{Chunk, Chunks};
use crate::progress::Progress;

/// A batch with so many bytes of input is sent, however few documents it has.
const BATCH_BYTES: u64 = 1 << 20;
/// Input on its way to the database: more is not read before some of it has arrived.
const WINDOW_BYTES: u64 = 64 << 20;
/// The same in batches for each lane.
const WINDOW_BATCHES: usize = 3;
/// How far the import may run ahead of its state file, in windows.
const OPEN_WINDOWS: usize = 8;
/// The state file is written this often, if there is anything new.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// With a file of rejects, no more than these are listed.
const LISTED_MAX: u64 = 20;

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// The input is at its end, and all of it dealt with.
    Whole,
    TooManyErrors,
    /// By Ctrl-C.
    Stopped,
    Failed(Error),
}

impl End {
    /// What the user should know about a run that did not come to the end.
    pub fn told(&self, resumable: bool, state: &State) -> Option<String> {
        let why = match self {
            Self::Whole => return None,
            Self::TooManyErrors => "there were more errors than --max-errors",
            Self::Stopped => "it was stopped",
            Self::Failed(_) => "it failed",
        };
        let line = state.done.line;
        let next = match resumable {
            true => "the same command goes on from there",
            false => "with --state, the same command could go on from there",
        };
        Some(format!(
            "the import is not complete: {why}. All before line {line} is done; {next}"
        ))
    }
}

/// Documents for one lane.
#[derive(Debug)]
struct Lane {
    sender: mpsc::Sender<Batch>,
    items: Vec<Item>,
    bytes: u64,
    /// A batch has each key once: within a transaction, the order of two writes to one document would not be that of
    /// the input.
    keys: HashSet<String>,
}

/// The state of a run.
pub struct Session<'a> {
    arguments: &'a Import,
    plan: &'a Plan,
    state: State,
    tracker: Tracker,
    lanes: Vec<Lane>,
    reports: mpsc::UnboundedReceiver<Report>,
    tasks: JoinSet<()>,
    rejects: Option<Rejects>,
    progress: Progress,
    checkpoint: Instant,
    window: usize,
    /// Records before this number may have been written by an earlier run.
    open_until: u64,
    stop: Arc<Notify>,
    /// Records rejected in this run.
    listed: u64,
}

impl<'a> Session<'a> {
    /// Prepares a run, from where the state says.
    pub fn begin(
        arguments: &'a Import,
        plan: &'a Plan,
        client: Client,
        mut state: State,
        columns: Option<Vec<Column>>,
        progress: Progress,
    ) -> Result<Self> {
        let rejects = match &arguments.rejects {
            Some(path) => Some(
                Rejects::open(path, state.rejects_bytes)
                    .with_context(|| format!("cannot write {}", path.display()))?,
            ),
            None => None,
        };
        let lanes = arguments.parallel as usize;
        let window = WINDOW_BATCHES * lanes * arguments.batch as usize;
        let open_until = state.open_until;
        state.columns = columns;
        if let Some(path) = &arguments.state {
            // The salt must be known before a key is made with it.
            state.write(path)?;
        }
        let (reporter, reports) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let writer = Writer {
            client,
            collection: arguments.collection.clone(),
            on_duplicate: arguments.on_duplicate,
            patience: plan.patience,
        };
        let lanes = (0..lanes).map(|_| {
            let (sender, batches) = mpsc::channel(1);
            tasks.spawn(writer.clone().run(batches, reporter.clone()));
            Lane {
                sender,
                items: Vec::new(),
                bytes: 0,
                keys: HashSet::new(),
            }
        });
        let lanes = lanes.collect();
        Ok(Self {
            arguments,
            plan,
            tracker: Tracker::new(state.done, state.counts),
            state,
            lanes,
            reports,
            tasks,
            rejects,
            progress,
            checkpoint: Instant::now(),
            window,
            open_until,
            stop: watch_for_ctrl_c(),
            listed: 0,
        })
    }

    /// Runs to the end, whichever it is.
    pub async fn run(&mut self, mut chunks: Chunks) -> End {
        match self.work(&mut chunks).await {
            Ok(end) => end,
            Err(error) => End::Failed(error),
        }
    }

    async fn work(&mut self, chunks: &mut Chunks) -> Result<End> {
        let stop = self.stop.clone();
        // The end that there will be once all that was read is dealt with.
        let mut end = None;
        loop {
            let room = self.tracker.waiting() < self.window && self.tracker.bytes() < WINDOW_BYTES;
            if end.is_some() || !room {
                self.flush().await;
            }
            if end.is_some() && self.tracker.waiting() == 0 {
                return Ok(end.unwrap_or(End::Whole));
            }
            tokio::select! {
                chunk = chunks.recv(), if end.is_none() && room => match chunk {
                    Some(Ok(chunk)) => self.take(chunk).await?,
                    Some(Err(error)) => end = Some(End::Failed(self.unreadable(error))),
                    None => end = Some(End::Whole),
                },
                Some(report) = self.reports.recv() => match report {
                    Report::Settled(settled) => {
                        for (number, outcome) in settled {
                            self.tracker.settle(number, outcome);
                        }
                    }
                    Report::Failed(error) => {
                        self.release()?;
                        return Err(error.into());
                    }
                },
                () = stop.notified() => end = Some(End::Stopped),
            }
            self.release()?;
            let limit = self.plan.max_errors;
            if limit.is_some_and(|limit| self.listed > limit) && end.is_none() {
                end = Some(End::TooManyErrors);
            }
        }
    }

    fn unreadable(&self, error: ReadError) -> Error {
        Error::new(error).context(self.arguments.file.display().to_string())
    }

    async fn take(&mut self, chunk: Chunk) -> Result<()> {
        if self.arguments.state.is_some() && chunk.next.records > self.state.open_until {
            self.state.open_until = chunk.next.records + (OPEN_WINDOWS * self.window) as u64;
            self.note(self.tracker.done(), false)?;
        }
        for record in chunk.records {
            let Record { at, bytes, content } = record;
            self.tracker.begin(at, bytes);
            match content {
                Ok(record) => {
                    let shape = &self.plan.shape;
                    let document = shape.document(record, &self.state.salt, at.records);
                    let number = at.records;
                    self.send(Item { number, document }, bytes).await;
                }
                Err(problem) => self.tracker.settle(at.records, Outcome::Rejected(problem)),
            }
        }
        self.tracker.advance(chunk.next);
        Ok(())
    }

    /// Puts a document into its lane.
    async fn send(&mut self, item: Item, bytes: u64) {
        let key = match item.document.get("_key") {
            Some(serde_json::Value::String(key)) => key.clone(),
            // Refused by the node, but like every other.
            other => format!("{other:?}"),
        };
        let hash = xxhash_rust::xxh3::xxh3_64(key.as_bytes());
        let index = (hash % self.lanes.len().max(1) as u64) as usize;
        let (batch, open_until) = (self.arguments.batch as usize, self.open_until);
        let Some(lane) = self.lanes.get_mut(index) else {
            return;
        };
        let full = lane.items.len() >= batch || lane.bytes + bytes > BATCH_BYTES;
        if full || lane.keys.contains(&key) {
            lane.flush(open_until).await;
        }
        lane.keys.insert(key);
        lane.bytes += bytes;
        lane.items.push(item);
    }

    async fn flush(&mut self) {
        for lane in &mut self.lanes {
            lane.flush(self.open_until).await;
        }
    }

    /// Notes what is dealt with.
    fn release(&mut self) -> Result<()> {
        for reject in self.tracker.release() {
            self.reject(&reject)?;
        }
        let done = self.tracker.done();
        self.progress.set(done.offset, done.records);
        if self.checkpoint.elapsed() >= CHECKPOINT_EVERY && done.records > self.state.done.records {
            self.note(done, false)?;
            self.checkpoint = Instant::now();
        }
        Ok(())
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.listed += 1;
        let limit = self.rejects.as_ref().map(|_| LISTED_MAX);
        if limit.is_none_or(|limit| self.listed <= limit) {
            let file = self.arguments.file.display();
            let problem = &reject.problem;
            let column = problem.column.as_ref();
            let column = column.map_or(String::new(), |column| format!(", column {column}"));
            let code = problem
                .code
                .map_or(String::new(), |code| format!(" {code}"));
            self.progress.line(&format!(
                "{file}:{}{column}: error{code}: {}",
                reject.line, problem.message
            ));
        } else if limit.is_some_and(|limit| self.listed == limit + 1) {
            self.progress
                .line("more errors are in the file of rejects only");
        }
        if let Some(rejects) = &mut self.rejects {
            rejects
                .add(reject)
                .with_context(|| cannot_write(&self.arguments.rejects))?;
        }
        Ok(())
    }

    /// Writes the state file. What it says is done is on disk: the node has acknowledged it, and rejects are synced here.
    fn note(&mut self, done: Place, finished: bool) -> Result<()> {
        if let Some(rejects) = &mut self.rejects {
            let synced = rejects.sync();
            self.state.rejects_bytes =
                synced.with_context(|| cannot_write(&self.arguments.rejects))?;
        }
        // An array begins before its first record: without any done, reading begins anew.
        if done.records > self.state.done.records {
            self.state.done = done;
        }
        self.state.counts = self.tracker.counts;
        self.state.finished = finished;
        if let Some(path) = &self.arguments.state {
            self.state.write(path)?;
        }
        Ok(())
    }

    /// Ends the run; gives the state that it came to.
    pub fn finish(mut self, end: &End) -> Result<State> {
        self.progress.end();
        self.tasks.abort_all();
        self.note(self.tracker.done(), matches!(end, End::Whole))?;
        Ok(self.state)
    }
}

impl Lane {
    async fn flush(&mut self, open_until: u64) {
        if self.items.is_empty() {
            return;
        }
        let items = std::mem::take(&mut self.items);
        let repeated = items.iter().any(|item| item.number < open_until);
        self.bytes = 0;
        self.keys.clear();
        // A lane that has ended has told why.
        let _ = self.sender.send(Batch { items, repeated }).await;
    }
}

fn cannot_write(path: &Option<PathBuf>) -> String {
    let path = path.as_ref().map(|path| path.display().to_string());
    format!("cannot write {}", path.unwrap_or_default())
}

/// The first Ctrl-C ends the import in good order, the second at once.
fn watch_for_ctrl_c() -> Arc<Notify> {
    const INTERRUPTED: i32 = 130;
    let stop = Arc::new(Notify::new());
    let notify = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("stopping; what is on its way is awaited");
            notify.notify_one();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(INTERRUPTED);
        }
    });
    stop
}
