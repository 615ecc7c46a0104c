//! Running a plan: a chain of operators, pulled from its end, over batches of rows.
//!
//! The consumer asks for so many rows; each operator asks the one before it, so that nothing is read that nobody wants.
//! A row is a fixed number of slots, a batch is rows end to end. The number asked for is a wish: an operator may give a
//! few rows more (or fewer, unless it is at its end, which is an empty batch).

use std::collections::HashSet;

use antipode_value::{Array, Value};

use crate::compile::Prepared;
use crate::context::{Cancel, Chance, Environment, Extra, Limits, Memory, Warnings};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::expression::Expression;
use crate::function::RegexCache;
use crate::plan::{NodeKind, Pipeline, Plan};
use crate::profile::{Profiler, RunProfile, Stopwatch, Watched};
use crate::source::Transaction;

mod aggregate;
mod change;
mod collect;
mod enumerate;
mod geo;
mod graph;
mod lookup;
mod modify;
mod publish;
mod rows;
mod sort;
mod upsert;
mod window;

pub(crate) use enumerate::Tables;

/// Most rows that an operator handles at a time.
pub(crate) const BATCH_ROWS: usize = 1000;

/// Rows end to end.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Slots of a row; at least 1, so that rows can be counted.
    pub(crate) width: usize,
    pub(crate) values: Vec<Value>,
}

impl Batch {
    pub(crate) fn new(width: usize) -> Batch {
        Batch {
            width: width.max(1),
            values: Vec::new(),
        }
    }

    pub(crate) fn one(mut row: Vec<Value>) -> Batch {
        if row.is_empty() {
            row.push(Value::Null);
        }
        Batch {
            width: row.len(),
            values: row,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn row(&self, position: usize) -> &[Value] {
        &self.values[position * self.width..(position + 1) * self.width]
    }

    pub(crate) fn row_mut(&mut self, position: usize) -> &mut [Value] {
        &mut self.values[position * self.width..(position + 1) * self.width]
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [Value]> {
        self.values.chunks_exact_mut(self.width.max(1))
    }

    /// Adds a copy of a row, with one slot set.
    pub(crate) fn push_with(&mut self, row: &[Value], slot: usize, value: Value) {
        let start = self.values.len();
        self.values.extend_from_slice(row);
        self.values[start + slot] = value;
    }

    /// Keeps the rows that `keep` wants, in their order.
    pub(crate) fn retain(
        &mut self,
        mut keep: impl FnMut(&mut [Value]) -> Result<bool>,
    ) -> Result<()> {
        let mut kept = 0;
        for position in 0..self.rows() {
            if keep(self.row_mut(position))? {
                if kept != position {
                    for slot in 0..self.width {
                        self.values
                            .swap(kept * self.width + slot, position * self.width + slot);
                    }
                }
                kept += 1;
            }
        }
        self.values.truncate(kept * self.width);
        Ok(())
    }

    /// Takes the first so many rows out.
    pub(crate) fn take_first(&mut self, rows: usize) -> Batch {
        let values = if rows >= self.rows() {
            std::mem::take(&mut self.values)
        } else {
            self.values.drain(..rows * self.width).collect()
        };
        Batch {
            width: self.width,
            values,
        }
    }

    /// Bytes that the rows hold on to.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.values
            .iter()
            .map(|value| value.memory_bytes() as u64)
            .sum()
    }
}

/// One step of a running line.
pub(crate) trait Operator<'a> {
    /// The next rows, about `wanted` of them; none once there are no more.
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch>;
}

/// The producer of an operator's input.
pub(crate) type Input<'a> = Box<dyn Operator<'a> + 'a>;

/// The single row that a line starts with.
struct Singleton(Option<Batch>);

impl<'a> Operator<'a> for Singleton {
    fn pull(&mut self, _: usize, _: &mut Run<'a>) -> Result<Batch> {
        Ok(self.0.take().unwrap_or_default())
    }
}

/// A line that is started: its operators, and what it returns of each row.
struct Line<'a> {
    last: Input<'a>,
    /// The node of the RETURN, the one before it, and the expression.
    returns: Option<(u32, Option<u32>, &'a Expression)>,
    /// Rows whose values would have made a batch too large.
    waiting: Batch,
}

impl<'a> Line<'a> {
    /// Starts a line on a row: that of the enclosing line, or an empty one.
    fn start(pipeline: &'a Pipeline, outer: &[Value], profiled: bool) -> Line<'a> {
        let width = pipeline.slots.max(1) as usize;
        let mut row = Vec::with_capacity(width);
        row.extend_from_slice(outer.get(..pipeline.outer_slots as usize).unwrap_or(outer));
        row.resize(width, Value::Null);
        let mut last: Input<'a> = Box::new(Singleton(Some(Batch::one(row.clone()))));
        let mut returns = None;
        let mut producer = None;
        for node in &pipeline.nodes {
            last = match &node.kind {
                NodeKind::Singleton => last,
                NodeKind::Return(expression) => {
                    returns = Some((node.id, producer, expression));
                    last
                }
                NodeKind::EnumerateCollection(node) => enumerate::collection(last, node),
                NodeKind::EnumerateList { list, variable } => {
                    enumerate::list(last, list, *variable)
                }
                NodeKind::EnumerateStream { read, variable, .. } => {
                    enumerate::stream(last, read, *variable)
                }
                NodeKind::Traverse(node) => graph::traverse(last, node),
                NodeKind::PathSearch(node) => graph::search(last, node),
                NodeKind::Calculation {
                    expression,
                    variable,
                } => rows::calculate(last, expression, *variable),
                NodeKind::Filter(condition) => rows::filter(last, condition),
                NodeKind::Limit {
                    offset,
                    count,
                    full_count,
                    drain,
                } => rows::limit(last, *offset, *count, *full_count, *drain),
                NodeKind::Distinct(expression) => rows::distinct(last, expression),
                NodeKind::NoResults => rows::nothing(last),
                NodeKind::Sort { keys, limit } => sort::sort(last, keys, *limit),
                NodeKind::Collect(collect) => collect::collect(last, collect, row.clone()),
                NodeKind::Window(window) => window::window(last, window),
                NodeKind::Modify(modify) => modify::modify(last, modify),
                NodeKind::Publish(publish) => publish::publish(last, publish),
            };
            if profiled && !matches!(node.kind, NodeKind::Return(_)) {
                last = Box::new(Watched {
                    inner: last,
                    node: node.id,
                    producer,
                    filters: matches!(node.kind, NodeKind::Filter(_)),
                });
                producer = Some(node.id);
            }
        }
        Line {
            last,
            returns,
            waiting: Batch::default(),
        }
    }

    /// The next values; none once there are no more. A line without RETURN does its work and gives nothing.
    fn next(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Option<Vec<Value>>> {
        loop {
            run.cancel.check()?;
            if self.waiting.is_empty() {
                self.waiting = self.last.pull(wanted.clamp(1, BATCH_ROWS), run)?;
            }
            if self.waiting.is_empty() {
                return Ok(None);
            }
            let Some((node, producer, expression)) = self.returns else {
                self.waiting.values.clear();
                continue;
            };
            let held = run.memory.held();
            if let Some(profiler) = &mut run.profiler {
                profiler.enter(held);
            }
            let mut values = Vec::with_capacity(self.waiting.rows());
            let mut bytes = 0;
            for row in self.waiting.iter_mut() {
                let value = evaluate(expression, row, run)?;
                bytes += value.memory_bytes();
                values.push(value);
                if bytes > run.memory.batch_bytes() {
                    break;
                }
            }
            self.waiting.take_first(values.len());
            let held = run.memory.held();
            if let Some(profiler) = &mut run.profiler {
                profiler.leave(node, producer, values.len(), held);
            }
            return Ok(Some(values));
        }
    }
}

/// The array that a subquery gives for a row.
pub(crate) fn subquery<'a>(
    pipeline: &'a Pipeline,
    row: &[Value],
    run: &mut Run<'a>,
) -> Result<Value> {
    let mut line = Line::start(pipeline, row, run.profiler.is_some());
    let mut result = Vec::new();
    let used = run.memory.used();
    while let Some(values) = line.next(BATCH_ROWS, run)? {
        run.memory
            .grow(values.iter().map(|value| value.memory_bytes() as u64).sum())?;
        result.extend(values);
    }
    // Whatever its operators still held, such as rows that a LIMIT left in a SORT, goes with them.
    run.memory.release_to(used);
    let value = Value::Array(Array::from_vec(result));
    run.memory.fits(&value)?;
    Ok(value)
}

/// Starts a plan without parameters. Nothing is read or written before the first batch is pulled.
pub fn execute<'t>(
    plan: &'t Plan,
    transaction: &'t dyn Transaction,
    environment: &'t Environment,
    limits: Limits,
    cancel: Cancel,
) -> Result<Rows<'t>> {
    start(plan, &[], transaction, environment, limits, cancel)
}

/// As [`execute`], for a plan with parameters.
pub fn execute_prepared<'t>(
    prepared: &'t Prepared,
    transaction: &'t dyn Transaction,
    environment: &'t Environment,
    limits: Limits,
    cancel: Cancel,
) -> Result<Rows<'t>> {
    let Prepared { plan, parameters } = prepared;
    start(plan, parameters, transaction, environment, limits, cancel)
}

fn start<'t>(
    plan: &'t Plan,
    parameters: &'t [Value],
    transaction: &'t dyn Transaction,
    environment: &'t Environment,
    limits: Limits,
    cancel: Cancel,
) -> Result<Rows<'t>> {
    let mut run = Run {
        transaction: Some(transaction),
        environment,
        parameters,
        warnings: Warnings::new(limits.warnings_max, limits.fail_on_warning),
        memory: Memory::new(limits.memory_bytes),
        stats: Default::default(),
        chance: Chance::new(environment.seed),
        regexes: RegexCache::default(),
        cancel,
        changed: HashSet::new(),
        tables: Tables::default(),
        full_count: limits.full_count,
        ticks: 0,
        profiler: None,
    };
    for warning in &plan.warnings {
        run.warn(warning.code, warning.message.clone())?;
    }
    Ok(Rows {
        run,
        line: Some(Line::start(&plan.root, &[], false)),
        plan,
        executing_ns: 0,
    })
}

/// The rows of a running query, pulled in batches.
pub struct Rows<'t> {
    run: Run<'t>,
    line: Option<Line<'t>>,
    plan: &'t Plan,
    executing_ns: u64,
}

impl Rows<'_> {
    /// The next rows: about `wanted`, at most a thousand or so; `None` at the end. Only then all writes are made. After
    /// an error the query is over, and its transaction must not be committed.
    pub fn next_batch(&mut self, wanted: usize) -> Result<Option<Vec<Value>>> {
        let Some(line) = &mut self.line else {
            return Ok(None);
        };
        let began = self.run.profiler.as_ref().map(|profiler| profiler.now());
        let batch = line.next(wanted, &mut self.run);
        if let (Some(began), Some(profiler)) = (began, &self.run.profiler) {
            self.executing_ns += profiler.now().saturating_sub(began);
        }
        if !matches!(batch, Ok(Some(_))) {
            self.line = None;
        }
        batch
    }

    /// All rows that are left. For results that are known to be small.
    pub fn collect_all(&mut self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        while let Some(batch) = self.next_batch(BATCH_ROWS)? {
            all.extend(batch);
        }
        Ok(all)
    }

    /// Measures the nodes as well, from the beginning: to be called before the first batch is pulled.
    pub fn profile_with(&mut self, clock: Stopwatch) {
        self.run.profiler = Some(Box::new(Profiler::new(clock)));
        if self.line.is_some() {
            self.line = Some(Line::start(&self.plan.root, &[], true));
        }
    }

    /// What was measured up to now, if anything is.
    pub fn profile(&self) -> Option<RunProfile> {
        let profiler = self.run.profiler.as_ref()?;
        Some(RunProfile {
            nodes: profiler.nodes(),
            executing_ns: self.executing_ns,
        })
    }

    /// Counters and warnings up to now; complete after the last batch.
    pub fn extra(&self) -> Extra {
        let mut stats = self.run.stats.clone();
        stats.peak_memory_bytes = self.run.memory.peak();
        Extra {
            stats,
            warnings: self.run.warnings.kept().to_vec(),
        }
    }
}
