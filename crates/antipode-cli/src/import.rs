//! `antipode import`: records from a file or a pipe into a collection.
//!
//! Nothing gets lost: each record of the input is written, or it was there already and that was wanted, or it is reported
//! with its line. The input is read once and never held as a whole.
//!
//! ```text
//!  input ─► lines, array or table ─► shape ─► lanes by key ─► batches ─► node
//!  (a thread, a bounded channel)                 (writer)         │
//!  state file, rejects, progress ◄─ tracker, in the order of the input
//! ```
//!
//! [`state`] says how an import goes on after a crash, [`writer`] what happens to batches.

mod array;
mod infer;
mod input;
mod lines;
mod options;
mod record;
mod rejects;
mod session;
mod shape;
mod state;
mod table;
mod tracker;
mod writer;

use std::process::ExitCode;
use std::sync::mpsc as blocking;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use tokio::sync::mpsc;

use crate::catalog::Thing;
use crate::progress::Progress;
use input::{Format, Input};
use record::{Place, ReadError, Record, Records};
use session::{End, Session};
use state::State;
use table::{Column, Table};

pub use options::Import;

/// All was written but some records, which were reported.
const SOME_REJECTED: u8 = 6;
/// There were more errors than `--max-errors`; the rest was not read.
const TOO_MANY_REJECTED: u8 = 7;

/// A chunk of records ends with so many, or so many bytes.
const CHUNK_RECORDS: usize = 256;
const CHUNK_BYTES: u64 = 1 << 20;
/// Chunks that are read ahead.
const CHUNKS_AHEAD: usize = 2;

/// Runs the import.
pub async fn run(arguments: &Import) -> Result<ExitCode> {
    let plan = arguments.plan()?;
    let named = || arguments.file.display().to_string();
    let input = Input::open(&arguments.file).with_context(|| format!("cannot read {}", named()))?;
    let Some(format) = arguments.format.or_else(|| input.format(&arguments.file)) else {
        bail!(
            "the format of {} is not clear: name it with --format",
            named()
        );
    };
    let client = arguments.connection.open().await?;
    if let Some(kind) = arguments.create {
        Thing::from(kind)
            .create(&client, &arguments.collection, false)
            .await?;
    }
    let collections = client.list_collections().await?;
    if !collections
        .iter()
        .any(|found| found.name == arguments.collection)
    {
        bail!(
            "there is no collection '{}' in fabric {}; --create makes one",
            arguments.collection,
            client.fabric()
        );
    }
    let options = arguments.meaning(&plan, format, client.fabric());
    let found = match &arguments.state {
        Some(path) => State::read(path)?,
        None => None,
    };
    let state = match (&arguments.state, found) {
        (Some(path), Some(state)) => {
            state.check(path, &options, &input.identity)?;
            state
        }
        _ => {
            let salt = format!("{:016x}", u64::from_ne_bytes(random()?));
            State::new(options, input.identity.clone(), input.start(), salt)
        }
    };
    if state.finished {
        let told = summary(&arguments.collection, &state);
        println!("{told}; all of them in earlier runs, nothing to do");
        return Ok(exit_code(&state, &End::Whole));
    }
    let began = Instant::now();
    let earlier = state.done.records;
    let length = input.identity.bytes;
    let (columns, chunks) = begin_reading(input, format, &plan, &state)?;
    let progress = Progress::of_bytes("records", length, arguments.quiet);
    let mut session = Session::begin(arguments, &plan, client, state, columns, progress)?;
    let end = session.run(chunks).await;
    let state = session.finish(&end)?;
    let mut told = summary(&arguments.collection, &state);
    if earlier > 0 {
        told.push_str(&format!("; {earlier} of them in earlier runs"));
    }
    println!("{told} ({:.1} s)", began.elapsed().as_secs_f64());
    if let Some(reason) = end.told(arguments.state.is_some(), &state) {
        eprintln!("{reason}");
    }
    if let End::Failed(error) = end {
        return Err(error);
    }
    Ok(exit_code(&state, &end))
}

fn random() -> Result<[u8; 8]> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}

fn exit_code(state: &State, end: &End) -> ExitCode {
    match end {
        End::TooManyErrors => ExitCode::from(TOO_MANY_REJECTED),
        End::Stopped | End::Failed(_) => ExitCode::FAILURE,
        End::Whole if state.counts.rejected > 0 => ExitCode::from(SOME_REJECTED),
        End::Whole => ExitCode::SUCCESS,
    }
}

fn summary(collection: &str, state: &State) -> String {
    let counts = &state.counts;
    format!(
        "{collection}: {} records read, {} written, {} there before, {} rejected",
        state.done.records, counts.written, counts.ignored, counts.rejected
    )
}

/// Records that were read together.
struct Chunk {
    records: Vec<Record>,
    /// Where the next one begins.
    next: Place,
}

/// What the reading thread sends.
type Chunks = mpsc::Receiver<Result<Chunk, ReadError>>;

/// Starts the thread that reads; gives the columns of CSV once they are known.
fn begin_reading(
    input: Input,
    format: Format,
    plan: &options::Plan,
    state: &State,
) -> Result<(Option<Vec<Column>>, Chunks)> {
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let (tell, told) = blocking::sync_channel(1);
    let at = state.done;
    // Before the first record there is the header, and it tells the columns again.
    let known = state.columns.clone().filter(|_| at.records > 0);
    let (dialect, meaning) = (plan.dialect(format), plan.meaning.clone());
    std::thread::spawn(move || {
        let input = match input.from(at) {
            Ok(input) => input,
            Err(source) => {
                let line = at.line;
                // Whoever is to be told has gone, or hears it.
                let _ = tell.send(Err(ReadError::Input { line, source }));
                return;
            }
        };
        let records: Box<dyn Records> = match format {
            Format::Jsonl => Box::new(lines::Lines::new(input, at)),
            Format::Json => Box::new(array::Array::new(input, at)),
            Format::Csv | Format::Tsv => match Table::open(input, dialect, meaning, at, known) {
                Ok(table) => {
                    let _ = tell.send(Ok(Some(table.columns().to_vec())));
                    Box::new(table)
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            },
        };
        let _ = tell.send(Ok(None));
        read_all(records, &sender);
    });
    let columns = told.recv().context("the reading thread has ended")??;
    Ok((columns, chunks))
}

fn read_all(mut records: Box<dyn Records>, sender: &mpsc::Sender<Result<Chunk, ReadError>>) {
    loop {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        let mut ended = None;
        while ended.is_none() && chunk.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
            match records.next() {
                Ok(Some(record)) => {
                    bytes += record.bytes;
                    chunk.push(record);
                }
                Ok(None) => ended = Some(Ok(())),
                Err(error) => ended = Some(Err(error)),
            }
        }
        let chunk = Chunk {
            records: chunk,
            next: records.place(),
        };
        let sent = sender.blocking_send(Ok(chunk));
        match ended {
            Some(Err(error)) => {
                // The import may have been given up.
                let _ = sender.blocking_send(Err(error));
                return;
            }
            Some(Ok(())) => return,
            None if sent.is_err() => return,
            None => {}
        }
    }
}
