//! The plan cache: plans by the text of their query, so that parsing and planning are done once.
//!
//! ```text
//!  text, rules, space ──hash──▶ entry ──▶ plans, each for other shapes and settled values of the bind parameters
//!                                              └──▶ the first whose parameters take the binds of this run
//! ```
//!
//! All plans in it were made of one catalog: the caller numbers the catalogs it sees upwards, and with a new one
//! everything is forgotten. Sizes of collections change without that; a plan is made anew once they are far from what it
//! was made with, which is looked at every now and then. What is not used goes first when there are too many plans or
//! bytes: entries stand in a ring, and the hand passes over those that were used since it last came by.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use antipode_value::{Str, Value};
use xxhash_rust::xxh3::Xxh3Default;

use crate::compile::{CompileOptions, Prepared, prepare};
use crate::error::Result;
use crate::expression::Expression;
use crate::plan::{Node, Plan};
use crate::source::{Catalog, CollectionId};

/// How much a plan cache may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanCacheLimits {
    /// Query texts; 0 switches the cache off.
    pub entries: usize,
    /// Bytes, as estimated.
    pub bytes: usize,
}

impl Default for PlanCacheLimits {
    fn default() -> PlanCacheLimits {
        PlanCacheLimits {
            entries: 1024,
            bytes: 32 << 20,
        }
    }
}

/// What a plan cache has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanCacheStats {
    /// Queries whose plan was there.
    pub hits: u64,
    /// Queries that had to be planned.
    pub misses: u64,
    /// Plans that had to make room.
    pub evicted: u64,
    /// Query texts in it.
    pub entries: u64,
    /// Plans in it.
    pub plans: u64,
    /// Bytes in it, as estimated.
    pub bytes: u64,
}

/// Longer texts are planned each time.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Larger plans are not kept.
const PLAN_BYTES_MAX: usize = 1 << 20;
/// Plans of one text, for different binds.
const PLANS_MAX: usize = 8;
/// The sizes of collections are looked at each time that a plan has been used so often, and whenever its uses are a
/// power of two.
const SIZES_EVERY: u64 = 64;
/// Collections smaller than this are all alike.
const SMALL: u64 = 100;

/// Plans that were made, by their text.
#[derive(Debug, Default)]
pub struct PlanCache {
    limits: PlanCacheLimits,
    kept: Mutex<Kept>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    /// The number of the catalog that all plans were made of.
    catalog: u64,
    entries: HashMap<u64, Entry>,
    /// The keys of the entries, in the order in which the hand comes to them.
    ring: VecDeque<u64>,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    space: String,
    text: String,
    rules: Vec<String>,
    plans: Vec<Arc<KeptPlan>>,
    /// Used since the hand last came by.
    used: bool,
}

#[derive(Debug)]
struct KeptPlan {
    plan: Arc<Plan>,
    bytes: usize,
    uses: AtomicU64,
    /// The collections and the sizes that they had.
    sizes: Vec<(CollectionId, u64)>,
}

/// A catalog of which no plans are kept.
const NO_CATALOG: u64 = 0;

/// What a plan is kept under.
struct Key<'k> {
    hash: u64,
    space: &'k str,
    text: &'k str,
    rules: &'k [String],
}

impl<'k> Key<'k> {
    fn of(space: &'k str, text: &'k str, rules: &'k [String]) -> Key<'k> {
        let mut hash = Xxh3Default::new();
        for part in [space, text]
            .into_iter()
            .chain(rules.iter().map(String::as_str))
        {
            hash.update(part.as_bytes());
            // No text has this byte, so parts do not run together.
            hash.update(&[0xff]);
        }
        Key {
            hash: hash.digest(),
            space,
            text,
            rules,
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        entry.text == self.text && entry.space == self.space && entry.rules == self.rules
    }
}

impl PlanCache {
    /// An empty cache.
    pub fn new(limits: PlanCacheLimits) -> PlanCache {
        PlanCache {
            limits,
            ..PlanCache::default()
        }
    }

    /// The plan of a query, kept or made. `space` names what the catalog shows (the fabric), `number` is that of the
    /// catalog, where 0 keeps nothing. The flag says whether it was kept.
    ///
    /// # Errors
    /// Exactly those of compiling the query.
    pub fn prepare(
        &self,
        space: &str,
        number: u64,
        text: &str,
        binds: &Value,
        catalog: &dyn Catalog,
        options: &CompileOptions,
    ) -> Result<(Prepared, bool)> {
        let fits = self.limits.entries > 0
            && number != NO_CATALOG
            && text.len() <= TEXT_BYTES_MAX.min(options.parse.text_bytes_max);
        if !fits {
            return Ok((prepare(text, binds, catalog, options)?.0, false));
        }
        let key = Key::of(space, text, &options.rules);
        let candidates = self.lock().find(&key, number);
        for kept in candidates {
            if let Some(parameters) = kept.plan.parameters.values(binds)
                && !self.outgrown(&key, &kept, catalog)
            {
                self.hits.fetch_add(1, Ordering::Relaxed);
                let plan = kept.plan.clone();
                return Ok((Prepared { plan, parameters }, true));
            }
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let (prepared, shared) = prepare(text, binds, catalog, options)?;
        if shared {
            self.keep(&key, number, &prepared.plan, catalog);
        }
        Ok((prepared, false))
    }

    /// What the cache has done and holds.
    pub fn stats(&self) -> PlanCacheStats {
        let kept = self.lock();
        let plans = kept.entries.values().map(|entry| entry.plans.len());
        PlanCacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evicted: kept.evicted,
            entries: kept.entries.len() as u64,
            plans: plans.sum::<usize>() as u64,
            bytes: kept.bytes as u64,
        }
    }

    /// Forgets all plans.
    pub fn clear(&self) {
        let mut kept = self.lock();
        let catalog = kept.catalog;
        kept.restart(catalog);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A plan is put in as a whole, so the maps hold together whatever a holder did.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a use; true, and the plan is gone, if the collections have other sizes by now.
    fn outgrown(&self, key: &Key<'_>, kept: &Arc<KeptPlan>, catalog: &dyn Catalog) -> bool {
        let uses = kept.uses.fetch_add(1, Ordering::Relaxed) + 1;
        if !uses.is_power_of_two() && !uses.is_multiple_of(SIZES_EVERY) {
            return false;
        }
        let outgrown = kept
            .sizes
            .iter()
            .any(|(collection, size)| far(*size, catalog.estimate(*collection)));
        if outgrown {
            self.lock().remove(key, kept);
        }
        outgrown
    }

    fn keep(&self, key: &Key<'_>, number: u64, plan: &Arc<Plan>, catalog: &dyn Catalog) {
        let bytes = memory_bytes(plan);
        if bytes > PLAN_BYTES_MAX {
            return;
        }
        let sizes = plan.collections.iter().map(|used| {
            let id = used.collection.id;
            (id, catalog.estimate(id))
        });
        let plan = Arc::new(KeptPlan {
            plan: plan.clone(),
            bytes,
            uses: AtomicU64::new(0),
            sizes: sizes.collect(),
        });
        let mut kept = self.lock();
        if kept.catalog == number {
            kept.add(key, plan);
            kept.shrink(&self.limits);
        }
    }
}

/// Whether a size is so far from another that the plan may be a poor one.
fn far(before: u64, now: u64) -> bool {
    let (less, more) = (before.min(now), before.max(now));
    more > SMALL && more / 4 > less
}

impl Kept {
    fn restart(&mut self, catalog: u64) {
        self.catalog = catalog;
        self.entries.clear();
        self.ring.clear();
        self.bytes = 0;
    }

    /// The plans of a text, if they were made of this catalog.
    fn find(&mut self, key: &Key<'_>, catalog: u64) -> Vec<Arc<KeptPlan>> {
        if catalog > self.catalog {
            self.restart(catalog);
        }
        match self.entries.get_mut(&key.hash) {
            Some(entry) if catalog == self.catalog && key.is(entry) => {
                entry.used = true;
                entry.plans.clone()
            }
            _ => Vec::new(),
        }
    }

    fn add(&mut self, key: &Key<'_>, plan: Arc<KeptPlan>) {
        if self
            .entries
            .get(&key.hash)
            .is_some_and(|entry| !key.is(entry))
        {
            self.forget(key.hash);
        }
        self.bytes += plan.bytes;
        let ring = &mut self.ring;
        let entry = self.entries.entry(key.hash).or_insert_with(|| {
            ring.push_back(key.hash);
            Entry {
                space: key.space.to_owned(),
                text: key.text.to_owned(),
                rules: key.rules.to_vec(),
                plans: Vec::new(),
                used: false,
            }
        });
        if entry.plans.len() >= PLANS_MAX {
            let uses = |plan: &Arc<KeptPlan>| plan.uses.load(Ordering::Relaxed);
            let least = (0..entry.plans.len()).min_by_key(|at| entry.plans.get(*at).map(uses));
            if let Some(least) = least {
                let gone = entry.plans.swap_remove(least);
                self.bytes = self.bytes.saturating_sub(gone.bytes);
                self.evicted += 1;
            }
        }
        entry.plans.push(plan);
    }

    fn remove(&mut self, key: &Key<'_>, plan: &Arc<KeptPlan>) {
        let Some(entry) = self.entries.get_mut(&key.hash) else {
            return;
        };
        if let Some(at) = entry.plans.iter().position(|kept| Arc::ptr_eq(kept, plan)) {
            entry.plans.swap_remove(at);
            self.bytes = self.bytes.saturating_sub(plan.bytes);
        }
    }

    fn forget(&mut self, hash: u64) {
        if let Some(entry) = self.entries.remove(&hash) {
            let bytes: usize = entry.plans.iter().map(|plan| plan.bytes).sum();
            self.bytes = self.bytes.saturating_sub(bytes);
            self.evicted += entry.plans.len() as u64;
        }
    }

    /// Makes room: what was not used since the hand last came by goes.
    fn shrink(&mut self, limits: &PlanCacheLimits) {
        while self.entries.len() > limits.entries || self.bytes > limits.bytes {
            let Some(hash) = self.ring.pop_front() else {
                return;
            };
            match self.entries.get_mut(&hash) {
                Some(entry) if entry.used => {
                    entry.used = false;
                    self.ring.push_back(hash);
                }
                _ => self.forget(hash),
            }
        }
    }
}

/// About how many bytes a plan takes.
fn memory_bytes(plan: &Plan) -> usize {
    fn within(expression: &Expression) -> usize {
        let mut bytes = match expression {
            Expression::Constant(value) => value.memory_bytes(),
            Expression::Subquery(inner) => inner.nodes.len() * size_of::<Node>(),
            _ => 0,
        };
        bytes += size_of::<Expression>();
        expression.each(&mut |part| bytes += within(part));
        bytes
    }
    let mut bytes = plan.text.len() + plan.root.nodes.len() * size_of::<Node>();
    bytes += plan.variables.len() * size_of::<Str>() + plan.parameters.memory_bytes();
    plan.root
        .each_expression(&mut |expression| bytes += within(expression));
    bytes
}
