//! Path searches between two vertices.
//!
//! Every search begins at the goal and goes back: what that finds is the exact distance from each vertex to the goal,
//! and the edge to take there. One shortest path is read off at once. Other paths are tried from the start, the most
//! promising first; with exact distances nothing is tried that cannot reach the goal, and paths come out in the order of
//! their cost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use antipode_value::{Str, Value};

use super::paths::Paths;
use super::{Cost, Hop, SEEN_BYTES, Search, Walker, vertex_id};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::plan::graph::{Order, PathKind, PathSearch};

/// How a vertex reaches the goal best, as far as is known.
struct Reach {
    cost: f64,
    /// The edge to take, and the vertex that it leads to; none at the goal.
    by: Option<(Value, Str)>,
    /// There is no better way.
    settled: bool,
}

/// One search, between two vertices.
pub(super) struct Finder<'a> {
    node: &'a PathSearch,
    walker: Walker<'a>,
    goal: Str,
    reach: HashMap<Str, Reach>,
    /// The paths to try, by what they will cost at least.
    paths: Paths,
    /// Rows of one shortest path.
    rows: std::vec::IntoIter<(Value, Value)>,
    /// A path that costs more is of no interest.
    limit: f64,
}

impl<'a> Search<'a> for Finder<'a> {
    type Plan = PathSearch;

    fn start(
        node: &'a PathSearch,
        row: &mut [Value],
        run: &mut Run<'a>,
    ) -> Result<Option<Finder<'a>>> {
        let start = evaluate(&node.start, row, run)?;
        let goal = evaluate(&node.goal, row, run)?;
        let (Some(start), Some(goal)) = (vertex_id(&start, run)?, vertex_id(&goal, run)?) else {
            return Ok(None);
        };
        let mut walker = Walker::new(&node.edges);
        if start == goal && walker.vertex(&start, run)?.is_none() {
            return Ok(None);
        }
        let mut finder = Finder {
            node,
            walker,
            goal,
            reach: HashMap::new(),
            paths: Paths::new(Order::Weighted, start.clone()),
            rows: Vec::new().into_iter(),
            limit: f64::INFINITY,
        };
        finder.go_back(&start, run)?;
        let Some(reach) = finder.reach.get(&start) else {
            finder.release(run);
            return Ok(None);
        };
        match node.kind {
            PathKind::Shortest => finder.rows = finder.shortest(start, run)?.into_iter(),
            PathKind::AllShortest => finder.limit = reach.cost,
            PathKind::KShortest => {}
            PathKind::KPaths => finder.limit = node.depth.1 as f64,
        }
        Ok(Some(finder))
    }

    /// Puts the next vertex of a shortest path, or the next path, into the row; false at the end.
    fn next(&mut self, row: &mut [Value], run: &mut Run<'a>) -> Result<bool> {
        let found = match self.node.kind {
            PathKind::Shortest => self.rows.next(),
            PathKind::AllShortest | PathKind::KShortest | PathKind::KPaths => {
                self.next_path(run)?.map(|path| (path, Value::Null))
            }
        };
        let Some((value, edge)) = found else {
            return Ok(false);
        };
        row[self.node.variable.slot as usize] = value;
        if let Some(variable) = self.node.edge {
            row[variable.slot as usize] = edge;
        }
        Ok(true)
    }

    fn release(self, run: &mut Run<'a>) {
        self.paths.release(run);
    }
}

impl<'a> Finder<'a> {
    /// What an edge counts: only some searches look at weights.
    fn weight(&self, edge: &Value) -> Result<f64> {
        match self.node.kind {
            PathKind::Shortest | PathKind::KShortest => self.walker.weight(edge),
            PathKind::AllShortest | PathKind::KPaths => Ok(1.0),
        }
    }

    /// Finds the distance to the goal of every vertex that can reach it; of the start only, if one path is enough.
    fn go_back(&mut self, start: &Str, run: &mut Run<'a>) -> Result<()> {
        let mut open = BinaryHeap::new();
        let mut found = 0_u64;
        self.approach(self.goal.clone(), 0.0, None, run)?;
        open.push((Cost(0.0), Reverse(found), self.goal.clone()));
        while let Some((Cost(cost), _, id)) = open.pop() {
            run.tick()?;
            let Some(reach) = self.reach.get_mut(&id).filter(|reach| !reach.settled) else {
                continue;
            };
            reach.settled = true;
            if self.node.kind == PathKind::Shortest && id == *start {
                break;
            }
            if self.node.kind == PathKind::KPaths && cost >= self.node.depth.1 as f64 {
                continue;
            }
            for Hop { edge, to, .. } in self.walker.hops(&id, true, run)? {
                let cost = cost + self.weight(&edge)?;
                let by = Some((edge, id.clone()));
                if self.approach(to.clone(), cost, by, run)? {
                    found += 1;
                    open.push((Cost(cost), Reverse(found), to));
                }
            }
        }
        Ok(())
    }

    /// Notes a way from a vertex to the goal, if none is known to be better; whether it was noted. Of ways equally good the
    /// last one found stays.
    fn approach(
        &mut self,
        from: Str,
        cost: f64,
        by: Option<(Value, Str)>,
        run: &mut Run<'a>,
    ) -> Result<bool> {
        let known = self.reach.get(&from);
        if known.is_some_and(|known| known.settled || known.cost < cost) {
            return Ok(false);
        }
        let edge = by.as_ref().map_or(0, |(edge, _)| edge.memory_bytes());
        self.paths.count(SEEN_BYTES + edge as u64, run)?;
        let reach = Reach {
            cost,
            by,
            settled: false,
        };
        self.reach.insert(from, reach);
        Ok(true)
    }

    /// The vertices of one shortest path, each with the edge that leads to it.
    fn shortest(&mut self, start: Str, run: &mut Run<'a>) -> Result<Vec<(Value, Value)>> {
        let mut rows = Vec::new();
        let mut at = start;
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

    /// The next path; none at the end.
    fn next_path(&mut self, run: &mut Run<'a>) -> Result<Option<Value>> {
        while let Some(place) = self.paths.take(run) {
            run.tick()?;
            let step = self.paths.step(place);
            let (id, depth, cost) = (step.id.clone(), step.depth, step.cost);
            if id != self.goal {
                self.expand(place, &id, run)?;
            } else if self.node.kind != PathKind::KPaths || depth >= self.node.depth.0 {
                return Ok(Some(self.path(place, cost, run)?));
            }
        }
        Ok(None)
    }

    /// Lets a path go on to every vertex that it does not have yet, and from which the goal can be reached.
    fn expand(&mut self, place: usize, id: &str, run: &mut Run<'a>) -> Result<()> {
        let spent = self.paths.step(place).cost;
        for hop in self.walker.hops(id, false, run)? {
            let Some(rest) = self.reach.get(&hop.to).map(|reach| reach.cost) else {
                continue;
            };
            if self.paths.back(place).any(|step| step.id == hop.to) {
                continue;
            }
            let cost = self.weight(&hop.edge)?;
            if spent + cost + rest <= self.limit {
                self.paths.offer(place, hop, (cost, rest), run)?;
            }
        }
        Ok(())
    }

    fn path(&mut self, place: usize, cost: f64, run: &mut Run<'a>) -> Result<Value> {
        let mut vertices = Vec::new();
        for id in self.paths.along(place, |step| step.id.clone()) {
            vertices.push(self.walker.met(&id, run)?);
        }
        let weight =
            (self.node.kind == PathKind::KShortest).then(|| ("weight", Value::float(cost)));
        Ok(self.paths.value(place, vertices, weight))
    }
}
