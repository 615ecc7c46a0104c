//! PROFILE: what each node of a plan did in one run, and how long each phase of a query took.
//!
//! A run that is profiled puts an operator of its own between any two others; a run that is not has none, and pays
//! nothing. The query reads no clock: the edge hands one in, and one that stands still gives a profile without times.
//!
//! The time of a node includes that of the nodes before it, which it pulls, and of the subqueries in its expressions; its
//! *own* time does not. Its memory is what it alone held at most when it handed rows over, such as the rows of a SORT.

use std::sync::Arc;

use crate::error::Result;
use crate::evaluate::Run;
use crate::execute::{Batch, Input, Operator};

/// A monotonic clock in nanoseconds, handed in by the edge.
pub type Stopwatch = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a node did in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeProfile {
    /// The node.
    pub id: u32,
    /// How often it was asked for rows.
    pub calls: u64,
    /// Rows that it gave.
    pub items: u64,
    /// Rows that came to it.
    pub items_in: u64,
    /// Rows that a FILTER removed.
    pub filtered: u64,
    /// Time in it and in what it pulled.
    pub time_ns: u64,
    /// Time in it alone.
    pub own_time_ns: u64,
    /// Bytes of intermediate results that it alone held at most.
    pub memory_bytes: u64,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunProfile {
    /// The nodes that ran, by their numbers.
    pub nodes: Vec<NodeProfile>,
    /// Time in which rows were computed.
    pub executing_ns: u64,
}

/// How long compiling took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompilePhases {
    /// Text to tree.
    pub parsing_ns: u64,
    /// Tree to plan: names, bind values, constants.
    pub resolving_ns: u64,
    /// Rules.
    pub optimizing_ns: u64,
}

/// Everything that PROFILE tells of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Opening the transaction and all that comes before parsing.
    pub initializing_ns: u64,
    /// Compiling.
    pub compiling: CompilePhases,
    /// Running; its nodes are empty at level 1.
    pub run: RunProfile,
    /// Committing and what else comes after the last row.
    pub finalizing_ns: u64,
}

impl Profile {
    /// The phases with their names, in their order, in ns.
    pub fn phases(&self) -> [(&'static str, u64); 6] {
        [
            ("initializing", self.initializing_ns),
            ("parsing", self.compiling.parsing_ns),
            ("instantiating plan", self.compiling.resolving_ns),
            ("optimizing plan", self.compiling.optimizing_ns),
            ("executing", self.run.executing_ns),
            ("finalizing", self.finalizing_ns),
        ]
    }

    /// All phases together, in ns.
    pub fn total_ns(&self) -> u64 {
        self.phases().iter().map(|(_, time)| time).sum()
    }
}

/// Measures the nodes of a run.
pub(crate) struct Profiler {
    clock: Stopwatch,
    /// By the numbers of the nodes.
    nodes: Vec<Measured>,
    /// What the pulls that are under way have seen of those inside them.
    inside: Vec<Inside>,
}

#[derive(Clone, Debug, Default)]
struct Measured {
    profile: NodeProfile,
    /// Bytes that it holds now.
    held: i64,
}

#[derive(Debug, Default)]
struct Inside {
    began: u64,
    bytes_before: u64,
    time: u64,
    grown: i64,
}

impl Profiler {
    pub(crate) fn new(clock: Stopwatch) -> Profiler {
        Profiler {
            clock,
            nodes: Vec::new(),
            inside: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) fn enter(&mut self, bytes: u64) {
        self.inside.push(Inside {
            began: (self.clock)(),
            bytes_before: bytes,
            ..Inside::default()
        });
    }

    /// The pull that was entered last is over, and gave so many rows.
    pub(crate) fn leave(&mut self, node: u32, producer: Option<u32>, rows: usize, bytes: u64) {
        let now = (self.clock)();
        let Some(pull) = self.inside.pop() else {
            return;
        };
        let time = now.saturating_sub(pull.began);
        let grown = bytes as i64 - pull.bytes_before as i64;
        if let Some(outer) = self.inside.last_mut() {
            outer.time += time;
            outer.grown += grown;
        }
        if self.nodes.len() <= node as usize {
            self.nodes.resize(node as usize + 1, Measured::default());
        }
        let items_in = producer
            .and_then(|producer| self.nodes.get(producer as usize))
            .map_or(0, |producer| producer.profile.items);
        let Some(measured) = self.nodes.get_mut(node as usize) else {
            return;
        };
        measured.held += grown - pull.grown;
        let profile = &mut measured.profile;
        profile.id = node;
        profile.calls += 1;
        profile.items += rows as u64;
        profile.items_in = items_in;
        profile.time_ns += time;
        profile.own_time_ns += time.saturating_sub(pull.time);
        profile.memory_bytes = profile.memory_bytes.max(measured.held.max(0) as u64);
    }

    /// A filter removed rows.
    pub(crate) fn filtered(&mut self, node: u32, before: u64, after: u64) {
        if let Some(measured) = self.nodes.get_mut(node as usize) {
            measured.profile.filtered += after.saturating_sub(before);
        }
    }

    pub(crate) fn nodes(&self) -> Vec<NodeProfile> {
        let ran = self.nodes.iter().filter(|node| node.profile.calls > 0);
        ran.map(|node| node.profile.clone()).collect()
    }
}

/// An operator that is measured.
pub(crate) struct Watched<'a> {
    pub(crate) inner: Input<'a>,
    pub(crate) node: u32,
    /// The node before it in its line.
    pub(crate) producer: Option<u32>,
    /// It removes rows by a condition.
    pub(crate) filters: bool,
}

impl<'a> Operator<'a> for Watched<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let bytes = run.memory.held();
        if let Some(profiler) = &mut run.profiler {
            profiler.enter(bytes);
        }
        let removed = run.stats.filtered;
        let batch = self.inner.pull(wanted, run);
        let rows = batch.as_ref().map_or(0, Batch::rows);
        let bytes = run.memory.held();
        if let Some(profiler) = &mut run.profiler {
            profiler.leave(self.node, self.producer, rows, bytes);
            if self.filters {
                profiler.filtered(self.node, removed, run.stats.filtered);
            }
        }
        batch
    }
}
