//! What the clients asked for, and what they were told.
//!
//! An attempt is written down before it is sent and completed when its answer comes, so that a crash of the node, at any
//! moment, leaves each one in one of three states: acked, refused, or unknown. Moments are numbers of one counter, which
//! all clients share: an attempt whose end is below another's begin happened before it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// What a client asked for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum Operation {
    /// A new document in `documents`, under a key that is used once.
    Insert { key: String, value: u64 },
    /// The removal of a document that the same client had inserted.
    Remove { key: String },
    /// A higher number in a document of `registers` that only this client writes to.
    Set { key: String, value: u64 },
    /// `visits: v.visits + 1` in a document of `visits` that all write to.
    Visit { key: String },
    /// One more in a key-value of `counters` that all write to.
    Increment { key: String },
    /// Messages `first ..` of this client in the stream `events`, in one transaction.
    Publish { first: u64, count: u64 },
    /// In one transaction: a document in `left`, one in `right`, and an edge of `links` from the client's hub.
    Link { key: String },
}

/// What the client was told.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Ack {
    /// The `_rev` that the write left behind.
    pub revision: Option<String>,
    /// Of an increment: what it came to.
    pub counted: Option<i64>,
    /// Of messages: their ids.
    pub ids: Vec<String>,
}

/// How an attempt ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// It is done and on the disk.
    Acked(Ack),
    /// Nothing was done.
    Refused { error: String },
    /// No answer came; it may have been done.
    Unknown { error: String },
}

/// One attempt to write.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Attempt {
    pub client: usize,
    /// In which life of the node.
    pub round: usize,
    pub started: u64,
    pub ended: u64,
    pub operation: Operation,
    pub outcome: Outcome,
}

impl Attempt {
    pub fn acked(&self) -> Option<&Ack> {
        match &self.outcome {
            Outcome::Acked(ack) => Some(ack),
            Outcome::Refused { .. } | Outcome::Unknown { .. } => None,
        }
    }

    pub fn unknown(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown { .. })
    }
}

/// All attempts of all clients.
#[derive(Debug, Default)]
pub struct History {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    moment: u64,
    attempts: Vec<Attempt>,
}

impl History {
    /// Writes an intent down and returns its number.
    pub fn begin(&self, client: usize, round: usize, operation: Operation) -> usize {
        let mut inner = self.lock();
        inner.moment += 1;
        let started = inner.moment;
        inner.attempts.push(Attempt {
            client,
            round,
            started,
            ended: u64::MAX,
            operation,
            outcome: Outcome::Unknown {
                error: "never answered".to_owned(),
            },
        });
        inner.attempts.len() - 1
    }

    /// Writes down how the attempt of this number ended.
    pub fn end(&self, number: usize, outcome: Outcome) {
        let mut inner = self.lock();
        inner.moment += 1;
        let ended = inner.moment;
        if let Some(attempt) = inner.attempts.get_mut(number) {
            attempt.outcome = outcome;
            attempt.ended = ended;
        }
    }

    /// The attempts so far, in the order of their begins.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().attempts.clone()
    }

    /// Numbers of attempts: all, acked, unknown.
    pub fn counts(&self) -> (usize, usize, usize) {
        let inner = self.lock();
        let acked = inner
            .attempts
            .iter()
            .filter(|attempt| attempt.acked().is_some());
        let unknown = inner.attempts.iter().filter(|attempt| attempt.unknown());
        (inner.attempts.len(), acked.count(), unknown.count())
    }

    /// Writes all attempts to a file, one JSON object a line, below a line that says what they belong to.
    pub fn save(&self, path: &Path, about: &serde_json::Value) -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{about}")?;
        for attempt in &self.lock().attempts {
            serde_json::to_writer(&mut file, attempt)?;
            writeln!(file)?;
        }
        file.flush()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
