//! Queries: rows pulled from a snapshot, or committed writes with what they return.

use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode_engine::{Durability, OpenTransaction};
use antipode_query::{
    Cancel, CompileOptions, Environment, Extra, Limits, Plan, Prepared, Profile, QueryError,
    Stopwatch, compile, compile_timed, execute_prepared,
};
use antipode_value::Value;
use self_cell::self_cell;

use crate::error::Error;
use crate::queries::Ticket;
use crate::session::{Attempt, Reply, Session};

/// How a query is run.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    /// Bytes of intermediate results; the database's limit where `None`.
    pub memory_bytes: Option<u64>,
    /// Count the rows before the last top-level LIMIT.
    pub full_count: bool,
    /// The first warning ends the query.
    pub fail_on_warning: bool,
    /// Warnings kept.
    pub warnings_max: usize,
    /// Optimizer rules to switch off and on, left to right: `-rule`, `+rule`, `-all`.
    pub rules: Vec<String>,
    /// Tell what the query did: 1, the time of its phases; 2, also what each node of the plan did.
    pub profile: u8,
}

impl Default for QueryOptions {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            memory_bytes: None,
            full_count: false,
            fail_on_warning: false,
            warnings_max: limits.warnings_max,
            rules: Vec::new(),
            profile: 0,
        }
    }
}

/// The whole answer to a query.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows.
    pub rows: Vec<Value>,
    /// Counters and warnings.
    pub extra: Extra,
    /// What the query did, if that was asked for.
    pub profile: Option<ProfileReport>,
    /// The token that covers the answer.
    pub token: Vec<u8>,
}

/// What a query did.
#[derive(Clone, Debug)]
pub struct ProfileReport {
    /// The times and the nodes.
    pub profile: Profile,
    /// The plan as a tree with what each node did, the counters, and the phases, for people.
    pub text: String,
    /// The same as JSON.
    pub json: Value,
}

/// How a query would run.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The plan as a tree, with the intents of its updates, for people.
    pub text: String,
    /// The plan as JSON.
    pub json: Value,
}

/// What is measured of a query: how closely, what there is so far, and when it began.
type Profiling = (u8, Profile, Instant);

/// What a running query stands on.
struct Ground {
    prepared: Prepared,
    /// What was measured before the first row, if the query is profiled.
    profile: Option<Profiling>,
    _ticket: Ticket,
    transaction: OpenTransaction,
    environment: Environment,
    limits: Limits,
    cancel: Cancel,
}

type Running<'a> = Result<antipode_query::Rows<'a>, QueryError>;

self_cell!(
    struct Reading {
        owner: Ground,
        #[not_covariant]
        dependent: Running,
    }
);

/// The rows of a query, in order. A query that only reads computes them as they are pulled; one that writes has been
/// committed when this is returned.
pub struct Rows {
    state: State,
    token: Vec<u8>,
}

enum State {
    Reading(Reading),
    Done {
        rows: std::vec::IntoIter<Value>,
        extra: Extra,
        profile: Option<Box<ProfileReport>>,
    },
}

impl Rows {
    /// The next rows, at most `max`; none at the end.
    ///
    /// # Errors
    /// When the query fails at run time, is stopped, or meets a limit. The rows before stand.
    pub fn next_batch(&mut self, max: usize) -> Result<Option<Vec<Value>>, Error> {
        match &mut self.state {
            State::Reading(reading) => reading.with_dependent_mut(|_, rows| match rows {
                Ok(rows) => Ok(rows.next_batch(max)?),
                Err(error) => Err(error.clone().into()),
            }),
            State::Done { rows, .. } => {
                let batch: Vec<Value> = rows.by_ref().take(max).collect();
                Ok((!batch.is_empty()).then_some(batch))
            }
        }
    }

    /// Counters and warnings up to now.
    #[must_use]
    pub fn extra(&self) -> Extra {
        match &self.state {
            State::Reading(reading) => reading.with_dependent(|_, rows| match rows {
                Ok(rows) => rows.extra(),
                Err(_) => Extra::default(),
            }),
            State::Done { extra, .. } => extra.clone(),
        }
    }

    /// What the query did up to now, if that was asked for; complete after the last row.
    #[must_use]
    pub fn profile(&self) -> Option<ProfileReport> {
        match &self.state {
            State::Reading(reading) => report(reading),
            State::Done { profile, .. } => profile.as_deref().cloned(),
        }
    }

    /// The token that covers the query.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        &self.token
    }
}

/// Rows pulled at a time where all are wanted.
const BATCH_ROWS: usize = 1_000;

impl Session {
    /// Runs a query. `binds` is an object from the names of the bind parameters to their values, or null.
    ///
    /// # Errors
    /// When the query is wrong, fails, is stopped or meets a limit; then none of its writes is kept.
    pub fn query(&self, text: &str, binds: &Value, options: &QueryOptions) -> Result<Rows, Error> {
        self.attempt(|| {
            let ground = self.ground(text, binds, options)?;
            if ground.prepared.plan.is_modification() {
                self.modify(ground)
            } else {
                let token = self.token(ground.transaction.vector())?;
                Ok(Rows {
                    state: State::Reading(start(ground)?),
                    token,
                })
            }
        })
    }

    /// Runs a query and collects all rows.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn run(&self, text: &str, binds: &Value) -> Result<Answer, Error> {
        self.run_with(text, binds, &QueryOptions::default())
    }

    /// As [`Session::run`], with options.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn run_with(
        &self,
        text: &str,
        binds: &Value,
        options: &QueryOptions,
    ) -> Result<Answer, Error> {
        let mut rows = self.query(text, binds, options)?;
        let mut all = Vec::new();
        while let Some(batch) = rows.next_batch(BATCH_ROWS)? {
            all.extend(batch);
        }
        Ok(Answer {
            rows: all,
            extra: rows.extra(),
            profile: rows.profile(),
            token: rows.token,
        })
    }

    /// Shows how a query would run, and which intents its updates have, without running it.
    ///
    /// # Errors
    /// When the query is wrong.
    pub fn explain(
        &self,
        text: &str,
        binds: &Value,
        options: &QueryOptions,
    ) -> Result<Reply<Explanation>, Error> {
        let transaction = self.begin()?;
        let plan = compile(text, binds, &transaction, &self.compiling(options))?;
        Ok(Reply {
            value: Explanation {
                text: plan.explain_text(),
                json: plan.explain_json(),
            },
            token: self.token(transaction.vector())?,
        })
    }

    fn compiling(&self, options: &QueryOptions) -> CompileOptions {
        let mut compiling = CompileOptions {
            rules: options.rules.clone(),
            ..CompileOptions::default()
        };
        compiling.parse.text_bytes_max = self.database.options().query_text_bytes;
        compiling
    }

    /// The plan of a query: a kept one, but a fresh one where its making is measured.
    fn prepare(
        &self,
        transaction: &OpenTransaction,
        text: &str,
        binds: &Value,
        options: &QueryOptions,
        began: Instant,
    ) -> Result<(Prepared, Option<Profiling>), Error> {
        let compiling = self.compiling(options);
        if options.profile == 0 {
            let inner = &self.database.inner;
            let number = inner
                .queries
                .catalog_number(transaction.catalog_picture(), || {
                    inner.driver.shared.catalog()
                });
            let (prepared, _) = inner.queries.plans.prepare(
                self.fabric(),
                number,
                text,
                binds,
                transaction,
                &compiling,
            )?;
            return Ok((prepared, None));
        }
        let mut profile = Profile {
            initializing_ns: nanoseconds(began),
            ..Profile::default()
        };
        let (plan, phases) =
            compile_timed(text, binds, transaction, &compiling, &stopwatch(began))?;
        profile.compiling = phases;
        let prepared = Prepared {
            plan: Arc::new(plan),
            parameters: Vec::new(),
        };
        Ok((prepared, Some((options.profile, profile, began))))
    }

    fn ground(&self, text: &str, binds: &Value, options: &QueryOptions) -> Result<Ground, Error> {
        let began = Instant::now();
        let transaction = self.begin()?;
        let settings = self.database.options();
        let (prepared, profile) = self.prepare(&transaction, text, binds, options, began)?;
        let cancel = self.cancel();
        let environment = Environment {
            now_ms: i64::try_from(Self::now_ms()).unwrap_or(i64::MAX),
            seed: crate::database::random()?,
            node: settings.node.clone(),
            fabric: self.fabric().to_owned(),
            ..Environment::default()
        };
        let limits = Limits {
            memory_bytes: options.memory_bytes.unwrap_or(settings.query_memory_bytes),
            warnings_max: options.warnings_max,
            fail_on_warning: options.fail_on_warning,
            full_count: options.full_count,
        };
        Ok(Ground {
            prepared,
            profile,
            _ticket: Ticket::new(&self.database, self.fabric(), text, &cancel),
            transaction,
            environment,
            limits,
            cancel,
        })
    }

    /// The session's handle, which also stops the query at the deadline.
    fn cancel(&self) -> Cancel {
        let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
        let cancel = self.options.cancel.child().pausing(Arc::new(pause));
        let Some(deadline) = self.deadline() else {
            return cancel;
        };
        let start = Instant::now();
        let left = deadline.saturating_duration_since(start);
        let clock = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        cancel.until(left_ms, Arc::new(clock))
    }

    /// Runs a query that writes to its end, and commits it.
    fn modify(&self, ground: Ground) -> Result<Rows, Attempt> {
        let durability = match ground.prepared.plan.durability() {
            Some(asked) => Durability::from_name(asked).map_err(Error::from)?,
            None => self.durability(),
        };
        let mut reading = start(ground)?;
        let (rows, extra) = reading.with_dependent_mut(|_, rows| match rows {
            Ok(rows) => Ok((rows.collect_all()?, rows.extra())),
            Err(error) => Err(error.clone()),
        })?;
        let report = report(&reading);
        let ground = reading.into_owner();
        let ran = Instant::now();
        let Ground {
            transaction,
            prepared,
            ..
        } = ground;
        let reply = self.commit_at(durability, transaction, rows)?;
        let (rows, outcome) = reply.value;
        let rows = match &outcome {
            Some(outcome) => outcome.settle(rows),
            None => rows,
        };
        Ok(Rows {
            state: State::Done {
                rows: rows.into_iter(),
                profile: report.map(|report| {
                    let mut profile = report.profile;
                    profile.finalizing_ns = nanoseconds(ran);
                    Box::new(told(&prepared.plan, profile, &extra))
                }),
                extra,
            },
            token: reply.token,
        })
    }
}

fn start(ground: Ground) -> Result<Reading, Error> {
    let reading = Reading::new(ground, |ground| {
        let mut rows = execute_prepared(
            &ground.prepared,
            &ground.transaction,
            &ground.environment,
            ground.limits.clone(),
            ground.cancel.clone(),
        )?;
        if let Some((_, _, began)) = &ground.profile {
            rows.profile_with(stopwatch(*began));
        }
        Ok(rows)
    });
    reading.with_dependent(|_, rows| match rows {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::from(error.clone())),
    })?;
    Ok(reading)
}

/// What a query that is profiled has told up to now.
fn report(reading: &Reading) -> Option<ProfileReport> {
    reading.with_dependent(|ground, rows| {
        let (level, profile, _) = ground.profile.as_ref()?;
        let rows = rows.as_ref().ok()?;
        let mut profile = profile.clone();
        profile.run = rows.profile()?;
        if *level < 2 {
            profile.run.nodes.clear();
        }
        Some(told(&ground.prepared.plan, profile, &rows.extra()))
    })
}

fn told(plan: &Plan, profile: Profile, extra: &Extra) -> ProfileReport {
    ProfileReport {
        text: plan.profile_text(&profile, extra),
        json: plan.profile_json(&profile, extra),
        profile,
    }
}

fn stopwatch(since: Instant) -> Stopwatch {
    Arc::new(move || nanoseconds(since))
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
