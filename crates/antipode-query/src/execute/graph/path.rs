//! Path searches between two vertices.
//!
//! Every search begins at the goal and goes back: what that finds is the exact distance from each vertex to the goal,
//! and the edge to take there. One shortest path is read off at once. Other paths are tried from the start, the most
//! promising first; with exact distances nothing is tried that cannot reach the goal, and paths come out in the order of
//! their cost.

use std::collections::{BinaryHeap, HashMap};

use antipode_value::{Str, Value};

use super::{Cost, Hop, Walker, path_value, vertex_id};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::execute::{BATCH_ROWS, Batch, Input, Operator};
use crate::plan::graph::{PathKind, PathSearch};

/// FOR over the paths between two vertices.
pub(in crate::execute) fn search<'a>(input: Input<'a>, node: &'a PathSearch) -> Input<'a> {
    Box::new(Searching {
        input,
        node,
        outer: Batch::default(),
        position: 0,
        search: None,
    })
}

struct Searching<'a> {
    input: Input<'a>,
    node: &'a PathSearch,
    outer: Batch,
    position: usize,
    search: Option<Search<'a>>,
}

impl<'a> Operator<'a> for Searching<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let wanted = wanted.clamp(1, BATCH_ROWS);
        let mut batch = Batch::default();
        loop {
            let Some(search) = &mut self.search else {
                if self.position >= self.outer.rows() {
                    self.outer = self.input.pull(wanted, run)?;
                    self.position = 0;
                    if self.outer.is_empty() {
                        return Ok(batch);
                    }
                }
                let row = self.outer.row_mut(self.position);
                self.search = Search::start(self.node, row, run)?;
                if self.search.is_none() {
                    self.position += 1;
                }
                continue;
            };
            batch.width = self.outer.width;
            match search.next(run)? {
                Some((value, edge)) => {
                    let row = self.outer.row_mut(self.position);
                    row[self.node.variable.slot as usize] = value;
                    if let Some(variable) = self.node.edge {
                        row[variable.slot as usize] = edge;
                    }
                    batch.values.extend_from_slice(row);
                }
                None => {
                    run.memory.shrink(search.bytes);
                    self.search = None;
                    self.position += 1;
                }
            }
            if batch.rows() >= wanted {
                return Ok(batch);
            }
        }
    }
}

/// How a vertex reaches the goal best.
struct Reach {
    cost: f64,
    /// The edge to take, and the vertex that it leads to; none at the goal.
    by: Option<(Value, Str)>,
}

/// A path that is tried: its last vertex, and the place of the path without it.
struct Tried {
    before: Option<usize>,
    id: Str,
    edge: Value,
    cost: f64,
    edges: u64,
}

/// One search, between two vertices.
struct Search<'a> {
    node: &'a PathSearch,
    walker: Walker<'a>,
    goal: Str,
    reach: HashMap<Str, Reach>,
    tried: Vec<Tried>,
    /// Paths to try, by what they will cost at least.
    open: BinaryHeap<(Cost, std::cmp::Reverse<usize>)>,
    /// Rows of one shortest path.
    rows: std::vec::IntoIter<(Value, Value)>,
    /// The cost of the first path that was found.
    best: Option<f64>,
    bytes: u64,
}

/// Bytes of a vertex that a search has seen, about.
const SEEN_BYTES: u64 = 160;

impl<'a> Search<'a> {
    fn start(
        node: &'a PathSearch,
        row: &mut [Value],
        run: &mut Run<'a>,
    ) -> Result<Option<Search<'a>>> {
        let start = evaluate(&node.start, row, run)?;
        let goal = evaluate(&node.goal, row, run)?;
        let (Some(start), Some(goal)) = (vertex_id(&start, run)?, vertex_id(&goal, run)?) else {
            return Ok(None);
        };
        let mut walker = Walker::new(&node.edges);
        if walker.vertex(&start, run)?.is_none() || walker.vertex(&goal, run)?.is_none() {
            return Ok(None);
        }
        let mut search = Search {
            node,
            walker,
            goal,
            reach: HashMap::new(),
            tried: Vec::new(),
            open: BinaryHeap::new(),
            rows: Vec::new().into_iter(),
            best: None,
            bytes: 0,
        };
        search.go_back(&start, run)?;
        if node.kind == PathKind::Shortest {
            search.rows = search.shortest(&start, run)?.into_iter();
        } else if search.reach.contains_key(&start) {
            search.try_path(
                Tried {
                    before: None,
                    id: start,
                    edge: Value::Null,
                    cost: 0.0,
                    edges: 0,
                },
                run,
            )?;
        }
        Ok(Some(search))
    }

    /// What an edge counts: only some searches look at weights.
    fn weight(&self, edge: &Value) -> Result<f64> {
        match self.node.kind {
            PathKind::Shortest | PathKind::KShortest => self.walker.weight(edge),
            PathKind::AllShortest | PathKind::KPaths => Ok(1.0),
        }
    }

    /// Finds the distance to the goal of every vertex that can reach it; of the start only, if one path is enough.
    fn go_back(&mut self, start: &Str, run: &mut Run<'a>) -> Result<()> {
        let mut settled: HashMap<Str, Reach> = HashMap::new();
        let mut found = vec![(
            self.goal.clone(),
            Reach {
                cost: 0.0,
                by: None,
            },
        )];
        let mut open = BinaryHeap::from([(Cost(0.0), std::cmp::Reverse(0_usize))]);
        while let Some((Cost(cost), std::cmp::Reverse(place))) = open.pop() {
            run.tick()?;
            let id = found[place].0.clone();
            if settled.contains_key(&id) {
                continue;
            }
            run.memory.grow(SEEN_BYTES)?;
            self.bytes += SEEN_BYTES;
            let by = found[place].1.by.take();
            settled.insert(id.clone(), Reach { cost, by });
            let enough = self.node.kind == PathKind::Shortest && id == *start;
            let too_far = self.node.kind == PathKind::KPaths && cost >= self.node.depth.1 as f64;
            if enough {
                break;
            }
            if too_far {
                continue;
            }
            for Hop { edge, to, .. } in self.walker.hops(&id, true, run)? {
                if !settled.contains_key(&to) {
                    let reach = cost + self.weight(&edge)?;
                    found.push((
                        to,
                        Reach {
                            cost: reach,
                            by: Some((edge, id.clone())),
                        },
                    ));
                    open.push((Cost(reach), std::cmp::Reverse(found.len() - 1)));
                }
            }
        }
        self.reach = settled;
        Ok(())
    }

    /// The vertices of one shortest path, each with the edge that leads to it.
    fn shortest(&mut self, start: &Str, run: &mut Run<'a>) -> Result<Vec<(Value, Value)>> {
        let mut rows = Vec::new();
        if !self.reach.contains_key(start) {
            return Ok(rows);
        }
        let mut at = start.clone();
        let mut led = Value::Null;
        loop {
            run.tick()?;
            rows.push((self.walker.met(&at, run)?, led));
            match self.reach.get_mut(&at).and_then(|reach| reach.by.take()) {
                Some((edge, next)) => {
                    led = edge;
                    at = next;
                }
                None => return Ok(rows),
            }
        }
    }

    /// Keeps a path for later, if it can reach the goal.
    fn try_path(&mut self, tried: Tried, run: &mut Run<'a>) -> Result<()> {
        let Some(reach) = self.reach.get(&tried.id) else {
            return Ok(());
        };
        let least = tried.cost + reach.cost;
        let bytes = size_of::<Tried>() as u64 + tried.edge.memory_bytes() as u64;
        run.memory.grow(bytes)?;
        self.bytes += bytes;
        self.tried.push(tried);
        self.open
            .push((Cost(least), std::cmp::Reverse(self.tried.len() - 1)));
        Ok(())
    }

    /// The next row; none at the end.
    fn next(&mut self, run: &mut Run<'a>) -> Result<Option<(Value, Value)>> {
        if self.node.kind == PathKind::Shortest {
            return Ok(self.rows.next());
        }
        while let Some((Cost(least), std::cmp::Reverse(place))) = self.open.pop() {
            run.tick()?;
            if self.node.kind == PathKind::AllShortest && self.best.is_some_and(|best| least > best)
            {
                return Ok(None);
            }
            let (edges, cost) = (self.tried[place].edges, self.tried[place].cost);
            if self.tried[place].id == self.goal {
                self.best.get_or_insert(cost);
                let deep_enough = self.node.kind != PathKind::KPaths
                    || (self.node.depth.0 <= edges && edges <= self.node.depth.1);
                if deep_enough {
                    return Ok(Some((self.path(place, cost, run)?, Value::Null)));
                }
                continue;
            }
            if self.node.kind == PathKind::KPaths && edges >= self.node.depth.1 {
                continue;
            }
            let id = self.tried[place].id.clone();
            for Hop { edge, to, .. } in self.walker.hops(&id, false, run)? {
                if self.steps(place).any(|step| step.id == to) {
                    continue;
                }
                let cost = cost + self.weight(&edge)?;
                self.try_path(
                    Tried {
                        before: Some(place),
                        id: to,
                        edge,
                        cost,
                        edges: edges + 1,
                    },
                    run,
                )?;
            }
        }
        Ok(None)
    }

    /// The steps of a path, last first.
    fn steps(&self, place: usize) -> impl Iterator<Item = &Tried> {
        std::iter::successors(self.tried.get(place), |step| {
            step.before.and_then(|before| self.tried.get(before))
        })
    }

    fn path(&mut self, place: usize, cost: f64, run: &mut Run<'a>) -> Result<Value> {
        let mut ids: Vec<Str> = self.steps(place).map(|step| step.id.clone()).collect();
        ids.reverse();
        let led = self.steps(place).filter(|step| step.before.is_some());
        let mut edges: Vec<Value> = led.map(|step| step.edge.clone()).collect();
        edges.reverse();
        let mut vertices = Vec::with_capacity(ids.len());
        for id in ids {
            vertices.push(self.walker.met(&id, run)?);
        }
        let weight =
            (self.node.kind == PathKind::KShortest).then(|| ("weight", Value::float(cost)));
        Ok(path_value(vertices, edges, weight))
    }
}
