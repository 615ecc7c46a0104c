//! Running queries: what they are, how one of them is ended, and those that were slow.
//!
//! Every query of a session has a [`Ticket`] from its beginning to its last row; the list of running queries is the list
//! of tickets. Killing one raises its cancel flag, which it looks at every thousand rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use antipode_engine::Catalog;
use antipode_query::{Cancel, PlanCache, PlanCacheLimits, PlanCacheStats};

use crate::database::Database;
use crate::session::Session;

/// Slow queries that are remembered.
const SLOW_MAX: usize = 64;

/// Bytes of a query's text that are remembered.
const TEXT_BYTES_MAX: usize = 4096;

/// A query that runs, or ran for long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryInfo {
    /// Number on this node, in the order of their beginnings.
    pub id: u64,
    /// The fabric that it runs in.
    pub fabric: String,
    /// Its text, or the beginning of a long one.
    pub text: String,
    /// When it began, in ms since 1970.
    pub started_ms: u64,
    /// How long it has been running, or ran.
    pub runtime: Duration,
}

/// The queries of a node, and the plans that it keeps.
pub(crate) struct Queries {
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, Running>>,
    slow: Mutex<VecDeque<QueryInfo>>,
    slow_after: Duration,
    pub plans: PlanCache,
    /// The catalog that the plans were made of, and its number: each new picture has the next one.
    catalog: Mutex<(Option<Arc<Catalog>>, u64)>,
}

struct Running {
    info: QueryInfo,
    began: Instant,
    cancel: Cancel,
}

/// A query's place in the list, until it is dropped.
pub(crate) struct Ticket {
    id: u64,
    database: Database,
}

impl Queries {
    pub fn new(plan_cache_bytes: usize, slow_after: Duration) -> Self {
        let defaults = PlanCacheLimits::default();
        let limits = PlanCacheLimits {
            entries: if plan_cache_bytes == 0 {
                0
            } else {
                defaults.entries
            },
            bytes: plan_cache_bytes,
        };
        Self {
            next: AtomicU64::new(1),
            running: Mutex::default(),
            slow: Mutex::default(),
            slow_after,
            plans: PlanCache::new(limits),
            catalog: Mutex::default(),
        }
    }

    /// The number of a transaction's catalog; 0, which no plan is kept for, if it is not the newest any more.
    pub fn catalog_number(&self, of: &Arc<Catalog>, newest: impl FnOnce() -> Arc<Catalog>) -> u64 {
        let mut known = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0.as_ref().is_some_and(|known| Arc::ptr_eq(known, of)) {
            return known.1;
        }
        if !Arc::ptr_eq(&newest(), of) {
            return 0;
        }
        // The picture is held on to, so that no other one can have its address.
        known.0 = Some(of.clone());
        known.1 += 1;
        known.1
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slow(&self) -> MutexGuard<'_, VecDeque<QueryInfo>> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    pub fn new(database: &Database, fabric: &str, text: &str, cancel: &Cancel) -> Self {
        let queries = &database.inner.queries;
        let id = queries.next.fetch_add(1, Ordering::Relaxed);
        let info = QueryInfo {
            id,
            fabric: fabric.to_owned(),
            text: beginning(text).to_owned(),
            started_ms: Session::now_ms(),
            runtime: Duration::ZERO,
        };
        let running = Running {
            info,
            began: Instant::now(),
            cancel: cancel.clone(),
        };
        queries.running().insert(id, running);
        Self {
            id,
            database: database.clone(),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let queries = &self.database.inner.queries;
        let Some(ended) = queries.running().remove(&self.id) else {
            return;
        };
        let runtime = ended.began.elapsed();
        if runtime < queries.slow_after {
            return;
        }
        tracing::warn!(
            query = ended.info.text,
            fabric = ended.info.fabric,
            seconds = runtime.as_secs_f64(),
            "slow query"
        );
        let mut slow = queries.slow();
        slow.truncate(SLOW_MAX - 1);
        slow.push_front(QueryInfo {
            runtime,
            ..ended.info
        });
    }
}

/// As much of a text as is remembered.
fn beginning(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

impl Database {
    /// The queries that run on this node now, oldest first.
    #[must_use]
    pub fn running_queries(&self) -> Vec<QueryInfo> {
        let running = self.inner.queries.running();
        let info = |running: &Running| QueryInfo {
            runtime: running.began.elapsed(),
            ..running.info.clone()
        };
        running.values().map(info).collect()
    }

    /// Ends a query: it fails with error 1500 as soon as it looks. False if none of this number runs.
    #[must_use]
    pub fn kill_query(&self, id: u64) -> bool {
        match self.inner.queries.running().get(&id) {
            Some(running) => {
                running.cancel.kill();
                true
            }
            None => false,
        }
    }

    /// The last queries that ran longer than [`crate::Options::slow_query`], newest first.
    #[must_use]
    pub fn slow_queries(&self) -> Vec<QueryInfo> {
        self.inner.queries.slow().iter().cloned().collect()
    }

    /// Forgets the slow queries.
    pub fn clear_slow_queries(&self) {
        self.inner.queries.slow().clear();
    }

    /// What the plan cache has done and holds.
    #[must_use]
    pub fn plan_cache(&self) -> PlanCacheStats {
        self.inner.queries.plans.stats()
    }
}
