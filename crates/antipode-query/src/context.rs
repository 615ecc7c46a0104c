//! What surrounds one run of a query: the handed-in time and chance, limits, cancellation, warnings and counters.
//!
//! A query measures nothing itself. Time comes as the one moment `now_ms` that the whole query sees, chance as a seed,
//! the deadline as a clock that the edge hands in; the same inputs give the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use antipode_value::Value;

use crate::error::{Code, QueryError, Result};

/// Facts about the outside that a query may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Wall clock at the beginning of the query, in ms since 1970; every row sees the same.
    pub now_ms: i64,
    /// Seed of `RAND`, `UUID` and their kind.
    pub seed: u64,
    /// Name of the node that runs the query.
    pub node: String,
    /// Name of the fabric (database).
    pub fabric: String,
    /// Name of the user, if there is one.
    pub user: Option<String>,
    /// What is noted of the user: an object, or null.
    pub user_attributes: Value,
    /// What is noted of the API key that the request came with: an object, or null.
    pub key_attributes: Value,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            now_ms: 0,
            seed: 0,
            node: String::new(),
            fabric: "_system".into(),
            user: None,
            user_attributes: Value::Null,
            key_attributes: Value::Null,
        }
    }
}

/// What one run of a query may use, and how it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of intermediate results; 0 means unlimited. Error 32 beyond.
    pub memory_bytes: u64,
    /// Warnings kept; further ones are counted only.
    pub warnings_max: usize,
    /// The first warning ends the query with an error of the same number.
    pub fail_on_warning: bool,
    /// Count the rows that the last top-level LIMIT cut off.
    pub full_count: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: 1 << 30,
            warnings_max: 10,
            fail_on_warning: false,
            full_count: false,
        }
    }
}

const RUNNING: u8 = 0;
const KILLED: u8 = 1;
const CANCELED: u8 = 2;

/// A monotonic clock in ms, handed in by the edge.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A way to let so many ms pass, handed in by the edge.
pub type Pause = Arc<dyn Fn(u64) + Send + Sync>;

/// The handle that stops a query from outside. Clones stop the same query.
#[derive(Clone, Default)]
pub struct Cancel {
    state: Arc<AtomicU8>,
    /// The handle of what this query is a part of: it stops the query too.
    outer: Option<Arc<AtomicU8>>,
    deadline: Option<(u64, Clock)>,
    pause: Option<Pause>,
}

impl Cancel {
    /// A handle without a deadline.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// A handle that also stops the query when `clock` reaches `deadline_ms`.
    pub fn with_deadline(deadline_ms: u64, clock: Clock) -> Cancel {
        Cancel {
            deadline: Some((deadline_ms, clock)),
            ..Cancel::default()
        }
    }

    /// A handle that stops the same query, and also when `clock` reaches `deadline_ms`.
    pub fn until(&self, deadline_ms: u64, clock: Clock) -> Cancel {
        Cancel {
            deadline: Some((deadline_ms, clock)),
            ..self.clone()
        }
    }

    /// A handle of one query among those that this one stops: each of the two stops it.
    pub fn child(&self) -> Cancel {
        Cancel {
            state: Arc::default(),
            outer: Some(self.state.clone()),
            deadline: self.deadline.clone(),
            pause: self.pause.clone(),
        }
    }

    /// A handle that stops the same query, which can also wait. Without this no time passes while a query waits.
    pub fn pausing(self, pause: Pause) -> Cancel {
        Cancel {
            pause: Some(pause),
            ..self
        }
    }

    /// Lets time pass, and fails once the query has to stop.
    pub(crate) fn sleep(&self, ms: u64) -> Result<()> {
        const SLICE_MS: u64 = 10;
        let mut left = ms;
        self.check()?;
        while let (Some(pause), 1..) = (&self.pause, left) {
            let slice = left.min(SLICE_MS);
            pause(slice);
            left -= slice;
            self.check()?;
        }
        Ok(())
    }

    /// An administrator ends the query: error 1500.
    pub fn kill(&self) {
        self.state.store(KILLED, Ordering::Relaxed);
    }

    /// The client went away: error 21.
    pub fn cancel(&self) {
        self.state.store(CANCELED, Ordering::Relaxed);
    }

    /// Fails once the query has to stop.
    pub fn check(&self) -> Result<()> {
        let outer = self
            .outer
            .as_ref()
            .map(|outer| outer.load(Ordering::Relaxed));
        let state = match self.state.load(Ordering::Relaxed) {
            RUNNING => outer.unwrap_or(RUNNING),
            stopped => stopped,
        };
        match state {
            RUNNING => {}
            CANCELED => return Err(QueryError::new(Code::RequestCanceled, "request canceled")),
            _ => return Err(QueryError::new(Code::QueryKilled, "query killed")),
        }
        match &self.deadline {
            Some((deadline_ms, clock)) if clock() >= *deadline_ms => Err(QueryError::new(
                Code::QueryKilled,
                "query killed: it ran longer than maxRuntime allows",
            )),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A condition that did not end the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Number, as for errors.
    pub code: Code,
    /// Text for people.
    pub message: String,
}

/// Counters of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents written and messages published.
    pub writes_executed: u64,
    /// Writes that failed and were skipped by `ignoreErrors`.
    pub writes_ignored: u64,
    /// Documents read without an index.
    pub scanned_full: u64,
    /// Documents read through an index.
    pub scanned_index: u64,
    /// Documents looked up by key.
    pub document_lookups: u64,
    /// Rows removed by filters.
    pub filtered: u64,
    /// Rows before the last top-level LIMIT, if asked for.
    pub full_count: Option<u64>,
    /// Greatest memory in use at one time, in bytes.
    pub peak_memory_bytes: u64,
}

/// What comes beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// Counters.
    pub stats: Stats,
    /// Warnings, at most [`Limits::warnings_max`].
    pub warnings: Vec<Warning>,
}

/// Warnings, with their limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Warnings {
    kept: Vec<Warning>,
    max: usize,
    fail: bool,
    failed: Option<QueryError>,
}

impl Warnings {
    pub(crate) fn new(max: usize, fail: bool) -> Warnings {
        Warnings {
            kept: Vec::new(),
            max,
            fail,
            failed: None,
        }
    }

    pub(crate) fn add(&mut self, code: Code, message: String) {
        if self.fail && self.failed.is_none() {
            self.failed = Some(QueryError::new(code, message.clone()));
        }
        if self.kept.len() < self.max {
            self.kept.push(Warning { code, message });
        }
    }

    /// An error that an evaluation raised out of line.
    pub(crate) fn raise(&mut self, error: QueryError) {
        self.failed.get_or_insert(error);
    }

    /// Fails if something was raised, or warned under `failOnWarning`.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    pub(crate) fn kept(&self) -> &[Warning] {
        &self.kept
    }
}

/// No single value may be larger, whatever the limit of the query is.
const VALUE_BYTES_MAX: u64 = 4 << 30;
/// No value that a query makes may be nested deeper: beyond what can be stored there is room for what is made of it.
const DEPTH_MAX: u32 = 1000;
/// Bytes of rows that an operator has on their way at most, if its query has enough memory.
const BATCH_BYTES: usize = 1 << 20;
/// Part of the memory of a query that one operator may have on the way.
const BATCH_SHARE: u64 = 32;

/// Bytes of intermediate results, against their limit.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    used: u64,
    pinned: u64,
    peak: u64,
    limit: u64,
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Memory {
        Memory {
            used: 0,
            pinned: 0,
            peak: 0,
            limit,
        }
    }

    /// Counts bytes as used.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<()> {
        self.used += bytes;
        self.check()
    }

    /// Counts bytes as used until the end of the query.
    pub(crate) fn pin(&mut self, bytes: u64) -> Result<()> {
        self.pinned += bytes;
        self.check()
    }

    fn check(&mut self) -> Result<()> {
        let all = self.used + self.pinned;
        self.peak = self.peak.max(all);
        if self.limit != 0 && all > self.limit {
            return Err(QueryError::new(
                Code::ResourceLimit,
                format!(
                    "query would use more memory than allowed ({} bytes)",
                    self.limit
                ),
            ));
        }
        Ok(())
    }

    /// Fails if a value that was just made is too large for what is left, or nested too deeply. Its size is what it
    /// would be if nothing in it were shared: a few dozen doublings make values that no machine could write out.
    pub(crate) fn fits(&self, value: &Value) -> Result<()> {
        self.shallow(value)?;
        let bytes = match value {
            Value::Array(array) => array.heap_bytes(),
            other => other.memory_bytes(),
        };
        self.allow(bytes)
    }

    /// Fails if a value is nested too deeply.
    pub(crate) fn shallow(&self, value: &Value) -> Result<()> {
        if value.depth() <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("a value is nested more than {DEPTH_MAX} levels deep");
        Err(QueryError::new(Code::TooMuchNesting, message))
    }

    /// Fails if no value of so many bytes may be made.
    pub(crate) fn allow(&self, bytes: usize) -> Result<()> {
        let bytes = bytes as u64;
        if bytes <= VALUE_BYTES_MAX.min(self.left()) {
            return Ok(());
        }
        let message =
            format!("query would make a value of {bytes} bytes, more than its memory limit allows");
        Err(QueryError::new(Code::ResourceLimit, message))
    }

    /// Bytes of rows that an operator may have on their way to the next one.
    pub(crate) fn batch_bytes(&self) -> usize {
        match self.limit {
            0 => BATCH_BYTES,
            limit => usize::try_from(limit / BATCH_SHARE).unwrap_or(BATCH_BYTES),
        }
        .clamp(1, BATCH_BYTES)
    }

    /// Bytes that may still be used.
    pub(crate) fn left(&self) -> u64 {
        match self.limit {
            0 => u64::MAX,
            limit => limit.saturating_sub(self.used + self.pinned),
        }
    }

    /// Counts bytes as free again.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Bytes in use.
    pub(crate) fn held(&self) -> u64 {
        self.used + self.pinned
    }

    /// Bytes in use that can become free.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Counts everything as free that came into use since it was `used`: its holders are gone.
    pub(crate) fn release_to(&mut self, used: u64) {
        self.used = self.used.min(used);
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }
}

/// A small generator of chance (SplitMix64), good enough for `RAND` and keys, and the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
