//! Traversals: all paths from a vertex, depth first, breadth first or by weight.
//!
//! A step is a vertex with the edge that led to it, and the place of the step before. Depth first, the steps kept are
//! just the path at hand; otherwise they are all that was reached, since a path may go on from each of them.

use std::collections::{BinaryHeap, HashSet, VecDeque};

use antipode_value::{Array, Str, Value};

use super::{Cost, Hop, Walker, path_value, vertex_id};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::execute::{BATCH_ROWS, Batch, Input, Operator};
use crate::plan::graph::{Order, Traverse, Unique};

/// FOR over the paths from a vertex.
pub(in crate::execute) fn traverse<'a>(input: Input<'a>, node: &'a Traverse) -> Input<'a> {
    Box::new(Traversing {
        input,
        node,
        outer: Batch::default(),
        position: 0,
        walk: None,
    })
}

struct Traversing<'a> {
    input: Input<'a>,
    node: &'a Traverse,
    outer: Batch,
    position: usize,
    walk: Option<Walk<'a>>,
}

impl<'a> Operator<'a> for Traversing<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let wanted = wanted.clamp(1, BATCH_ROWS);
        let mut batch = Batch::default();
        loop {
            let Some(walk) = &mut self.walk else {
                if self.position >= self.outer.rows() {
                    self.outer = self.input.pull(wanted, run)?;
                    self.position = 0;
                    if self.outer.is_empty() {
                        return Ok(batch);
                    }
                }
                let row = self.outer.row_mut(self.position);
                self.walk = Walk::start(self.node, row, run)?;
                if self.walk.is_none() {
                    self.position += 1;
                }
                continue;
            };
            batch.width = self.outer.width;
            let row = self.outer.row_mut(self.position);
            if walk.advance(row, run)? {
                batch.values.extend_from_slice(row);
            } else if let Some(walk) = self.walk.take() {
                run.memory.shrink(walk.bytes);
                self.position += 1;
            }
            if batch.rows() >= wanted {
                return Ok(batch);
            }
        }
    }
}

/// A vertex reached.
struct Step {
    before: Option<usize>,
    id: Str,
    vertex: Value,
    edge: Value,
    edge_id: Str,
    weight: f64,
    bytes: u64,
}

/// A vertex that can be reached next.
struct Pending {
    before: Option<usize>,
    depth: u64,
    weight: f64,
    hop: Hop,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Pending) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pending {}

impl Ord for Pending {
    fn cmp(&self, other: &Pending) -> std::cmp::Ordering {
        let order = Cost(self.weight).cmp(&Cost(other.weight));
        order
            .then_with(|| other.depth.cmp(&self.depth))
            .then_with(|| other.hop.edge_id.cmp(&self.hop.edge_id))
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Pending) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

enum Frontier {
    Stack(Vec<Pending>),
    Queue(VecDeque<Pending>),
    Heap(BinaryHeap<Pending>),
}

/// One traversal, from one start vertex.
struct Walk<'a> {
    node: &'a Traverse,
    walker: Walker<'a>,
    steps: Vec<Step>,
    frontier: Frontier,
    seen: HashSet<Str>,
    bytes: u64,
}

impl<'a> Walk<'a> {
    /// Stands at the start vertex; none if there is no such vertex.
    fn start(node: &'a Traverse, row: &mut [Value], run: &mut Run<'a>) -> Result<Option<Walk<'a>>> {
        let start = evaluate(&node.start, row, run)?;
        let Some(id) = vertex_id(&start, run)? else {
            return Ok(None);
        };
        let mut walker = Walker::new(&node.edges);
        if walker.vertex(&id, run)?.is_none() {
            return Ok(None);
        }
        let hop = Hop {
            edge: Value::Null,
            edge_id: Str::EMPTY,
            to: id.clone(),
        };
        let first = Pending {
            before: None,
            depth: 0,
            weight: 0.0,
            hop,
        };
        let frontier = match node.order {
            Order::Depth => Frontier::Stack(vec![first]),
            Order::Breadth => Frontier::Queue(VecDeque::from([first])),
            Order::Weighted => Frontier::Heap(BinaryHeap::from([first])),
        };
        let mut seen = HashSet::new();
        if node.order == Order::Breadth {
            seen.insert(id);
        }
        Ok(Some(Walk {
            node,
            walker,
            steps: Vec::new(),
            frontier,
            seen,
            bytes: 0,
        }))
    }

    /// Goes on to the next path that is a result, and puts it into the row; false at the end.
    fn advance(&mut self, row: &mut [Value], run: &mut Run<'a>) -> Result<bool> {
        loop {
            run.tick()?;
            let next = match &mut self.frontier {
                Frontier::Stack(stack) => stack.pop(),
                Frontier::Queue(queue) => queue.pop_front(),
                Frontier::Heap(heap) => heap.pop(),
            };
            let Some(next) = next else { return Ok(false) };
            let settled =
                self.node.order == Order::Weighted && self.node.unique_vertices == Unique::Global;
            if settled && !self.seen.insert(next.hop.to.clone()) {
                continue;
            }
            let depth = next.depth;
            let place = self.step(next, run)?;
            self.show(place, row);
            let pruned = match &self.node.prune {
                None => false,
                Some((variable, condition)) => {
                    let value = evaluate(condition, row, run)?;
                    let pruned = value.truthy();
                    if let Some(variable) = variable {
                        row[variable.slot as usize] = value;
                    }
                    pruned
                }
            };
            if depth < self.node.depth.1 && !pruned {
                self.expand(place, depth, run)?;
            }
            if depth >= self.node.depth.0 {
                return Ok(true);
            }
        }
    }

    /// Takes a step; gives its place.
    fn step(&mut self, next: Pending, run: &mut Run<'a>) -> Result<usize> {
        if self.node.order == Order::Depth {
            // The path at hand ends where this step goes on.
            while self.steps.len() as u64 > next.depth {
                if let Some(left) = self.steps.pop() {
                    run.memory.shrink(left.bytes);
                    self.bytes -= left.bytes;
                }
            }
        }
        let vertex = self.walker.met(&next.hop.to, run)?;
        let bytes =
            (vertex.memory_bytes() + next.hop.edge.memory_bytes() + size_of::<Step>()) as u64;
        run.memory.grow(bytes)?;
        self.bytes += bytes;
        self.steps.push(Step {
            before: next.before,
            id: next.hop.to,
            vertex,
            edge: next.hop.edge,
            edge_id: next.hop.edge_id,
            weight: next.weight,
            bytes,
        });
        Ok(self.steps.len() - 1)
    }

    /// Finds the steps that go on from one.
    fn expand(&mut self, place: usize, depth: u64, run: &mut Run<'a>) -> Result<()> {
        let id = self.steps[place].id.clone();
        let weight = self.steps[place].weight;
        let mut hops = self.walker.hops(&id, false, run)?;
        if matches!(self.frontier, Frontier::Stack(_)) {
            // The last one pushed is the first one taken.
            hops.reverse();
        }
        for hop in hops {
            if !self.allowed(place, &hop) {
                continue;
            }
            let cost = if self.node.order == Order::Weighted {
                self.walker.weight(&hop.edge)?
            } else {
                1.0
            };
            let pending = Pending {
                before: Some(place),
                depth: depth + 1,
                weight: weight + cost,
                hop,
            };
            match &mut self.frontier {
                Frontier::Stack(stack) => stack.push(pending),
                Frontier::Queue(queue) => queue.push_back(pending),
                Frontier::Heap(heap) => heap.push(pending),
            }
        }
        Ok(())
    }

    /// Whether the options let a path go on over an edge.
    fn allowed(&mut self, place: usize, hop: &Hop) -> bool {
        if let Some(allowed) = &self.node.vertex_collections {
            let collection = hop
                .to
                .split_once('/')
                .map_or("", |(collection, _)| collection);
            if !allowed.iter().any(|name| name == collection) {
                return false;
            }
        }
        let twice =
            !self.node.repeat_edges && self.path(place).any(|step| step.edge_id == hop.edge_id);
        if twice {
            return false;
        }
        match (self.node.unique_vertices, self.node.order) {
            (Unique::None, _) => true,
            (Unique::Path, _) => !self.path(place).any(|step| step.id == hop.to),
            // By weight, a vertex is settled when it is reached, not when it is first seen.
            (Unique::Global, Order::Weighted) => !self.seen.contains(&hop.to),
            (Unique::Global, _) => self.seen.insert(hop.to.clone()),
        }
    }

    /// The steps of a path, last first.
    fn path(&self, place: usize) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.steps.get(place), |step| {
            step.before.and_then(|before| self.steps.get(before))
        })
    }

    /// Puts the path to a step into the row.
    fn show(&self, place: usize, row: &mut [Value]) {
        let step = &self.steps[place];
        row[self.node.vertex.slot as usize] = step.vertex.clone();
        if let Some(edge) = self.node.edge {
            row[edge.slot as usize] = step.edge.clone();
        }
        let Some(path) = self.node.path else { return };
        let mut vertices: Vec<Value> = self.path(place).map(|step| step.vertex.clone()).collect();
        vertices.reverse();
        let led = self.path(place).filter(|step| step.before.is_some());
        let mut edges: Vec<Value> = led.map(|step| step.edge.clone()).collect();
        edges.reverse();
        let weights = (self.node.order == Order::Weighted).then(|| {
            let mut weights: Vec<Value> = self
                .path(place)
                .map(|step| Value::float(step.weight))
                .collect();
            weights.reverse();
            ("weights", Value::Array(Array::from_vec(weights)))
        });
        row[path.slot as usize] = path_value(vertices, edges, weights);
    }
}
