//! The paths that a traversal or a search is following.
//!
//! A path is its last step, which knows the step before it: paths that begin alike share their beginning. Steps that can
//! be taken next wait in the frontier; what comes out of it first makes the order of the walk. Depth first, the steps
//! kept are just the path at hand; otherwise they are all that were taken, since a path may go on from each of them.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use antipode_value::{Array, Object, Str, Value};

use super::Hop;
use crate::error::Result;
use crate::evaluate::Run;
use crate::plan::graph::Order;

/// A vertex, and the edge that leads to it from the step before.
pub(super) struct Step {
    before: Option<usize>,
    /// `_id` of the vertex.
    pub(super) id: Str,
    /// The vertex, once it was fetched.
    pub(super) vertex: Value,
    /// The edge; null at the start.
    pub(super) edge: Value,
    /// `_id` of the edge.
    pub(super) edge_id: Str,
    /// Edges from the start.
    pub(super) depth: u64,
    /// Cost from the start.
    pub(super) cost: f64,
    bytes: u64,
}

/// A step that waits, and how it is ranked among the others: the least cost first, of equal ones the shortest path, of
/// those the one that was found first.
struct Waiting {
    step: Step,
    rank: f64,
    found: u64,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> Ordering {
        // Reversed: the standard heap gives its greatest first.
        let order = other.rank.total_cmp(&self.rank);
        order
            .then_with(|| other.step.depth.cmp(&self.step.depth))
            .then_with(|| other.found.cmp(&self.found))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

enum Frontier {
    Stack(Vec<Step>),
    Queue(VecDeque<Step>),
    Heap(BinaryHeap<Waiting>),
}

/// Paths from one start.
pub(super) struct Paths {
    steps: Vec<Step>,
    frontier: Frontier,
    found: u64,
    bytes: u64,
}

impl Paths {
    /// The path that is only its start.
    pub(super) fn new(order: Order, start: Str) -> Paths {
        let start = Step {
            before: None,
            id: start,
            vertex: Value::Null,
            edge: Value::Null,
            edge_id: Str::EMPTY,
            depth: 0,
            cost: 0.0,
            bytes: 0,
        };
        let frontier = match order {
            Order::Depth => Frontier::Stack(vec![start]),
            Order::Breadth => Frontier::Queue(VecDeque::from([start])),
            Order::Weighted => Frontier::Heap(BinaryHeap::from([Waiting {
                step: start,
                rank: 0.0,
                found: 0,
            }])),
        };
        Paths {
            steps: Vec::new(),
            frontier,
            found: 0,
            bytes: 0,
        }
    }

    /// Lets the path to `place` go on over an edge, for `cost` more. By weight, what lies beyond costs `rest` at least.
    pub(super) fn offer(
        &mut self,
        place: usize,
        hop: Hop,
        (cost, rest): (f64, f64),
        run: &mut Run<'_>,
    ) -> Result<()> {
        let before = &self.steps[place];
        let mut step = Step {
            before: Some(place),
            id: hop.to,
            vertex: Value::Null,
            edge: hop.edge,
            edge_id: hop.edge_id,
            depth: before.depth + 1,
            cost: before.cost + cost,
            bytes: 0,
        };
        step.bytes = (step.edge.memory_bytes() + size_of::<Waiting>()) as u64;
        self.count(step.bytes, run)?;
        match &mut self.frontier {
            Frontier::Stack(stack) => stack.push(step),
            Frontier::Queue(queue) => queue.push_back(step),
            Frontier::Heap(heap) => {
                self.found += 1;
                heap.push(Waiting {
                    rank: step.cost + rest,
                    found: self.found,
                    step,
                });
            }
        }
        Ok(())
    }

    /// Whether of several steps offered the last is the first one taken.
    pub(super) fn last_first(&self) -> bool {
        matches!(self.frontier, Frontier::Stack(_))
    }

    /// Takes the next step, and gives its place; none at the end.
    pub(super) fn take(&mut self, run: &mut Run<'_>) -> Option<usize> {
        let step = match &mut self.frontier {
            Frontier::Stack(stack) => stack.pop(),
            Frontier::Queue(queue) => queue.pop_front(),
            Frontier::Heap(heap) => heap.pop().map(|waiting| waiting.step),
        }?;
        if self.last_first() {
            // The path at hand ends where this step goes on.
            while self.steps.len() as u64 > step.depth {
                if let Some(left) = self.steps.pop() {
                    run.memory.shrink(left.bytes);
                    self.bytes -= left.bytes;
                }
            }
        }
        self.steps.push(step);
        Some(self.steps.len() - 1)
    }

    /// The step at a place that [`Paths::take`] gave.
    pub(super) fn step(&self, place: usize) -> &Step {
        &self.steps[place]
    }

    /// Keeps the vertex of a step.
    pub(super) fn keep(&mut self, place: usize, vertex: Value, run: &mut Run<'_>) -> Result<()> {
        let bytes = vertex.memory_bytes() as u64;
        self.steps[place].vertex = vertex;
        self.steps[place].bytes += bytes;
        self.count(bytes, run)
    }

    /// Counts memory that the walk holds until [`Paths::release`].
    pub(super) fn count(&mut self, bytes: u64, run: &mut Run<'_>) -> Result<()> {
        self.bytes += bytes;
        run.memory.grow(bytes)
    }

    /// Gives the memory back.
    pub(super) fn release(self, run: &mut Run<'_>) {
        run.memory.shrink(self.bytes);
    }

    /// The steps of a path, last first.
    pub(super) fn back(&self, place: usize) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.steps.get(place), |step| {
            step.before.and_then(|before| self.steps.get(before))
        })
    }

    /// What `of` gives for each step of a path, from its start on.
    pub(super) fn along<T>(&self, place: usize, of: impl FnMut(&Step) -> T) -> Vec<T> {
        let mut all: Vec<T> = self.back(place).map(of).collect();
        all.reverse();
        all
    }

    /// `{vertices, edges}` of a path, and one member more if given.
    pub(super) fn value(
        &self,
        place: usize,
        vertices: Vec<Value>,
        more: Option<(&'static str, Value)>,
    ) -> Value {
        // The start has no edge.
        let edges = self.along(place, |step| step.edge.clone()).split_off(1);
        let array = |values| Value::Array(Array::from_vec(values));
        let mut pairs = vec![
            (Str::from_static("vertices"), array(vertices)),
            (Str::from_static("edges"), array(edges)),
        ];
        pairs.extend(more.map(|(name, value)| (Str::from_static(name), value)));
        Value::Object(Object::from_pairs(pairs))
    }
}
