//! Traversals: all paths from a vertex, depth first, breadth first or by weight.

use std::collections::HashSet;

use antipode_value::{Array, Str, Value};

use super::paths::{Paths, Step};
use super::{Hop, SEEN_BYTES, Search, Walker, vertex_id};
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::plan::graph::{Order, Traverse, Unique};

/// One traversal, from one start vertex.
pub(super) struct Walk<'a> {
    node: &'a Traverse,
    walker: Walker<'a>,
    paths: Paths,
    /// Vertices that are not to be met again.
    seen: HashSet<Str>,
    /// There is no start vertex: its edges are followed all the same, but it is no result.
    starts_nowhere: bool,
}

impl<'a> Search<'a> for Walk<'a> {
    type Plan = Traverse;

    /// Stands at the start vertex.
    fn start(node: &'a Traverse, row: &mut [Value], run: &mut Run<'a>) -> Result<Option<Walk<'a>>> {
        let start = evaluate(&node.start, row, run)?;
        let Some(id) = vertex_id(&start, run)? else {
            return Ok(None);
        };
        let mut walker = Walker::new(&node.edges);
        let starts_nowhere = walker.vertex(&id, run)?.is_none();
        let mut seen = HashSet::new();
        if node.order == Order::Breadth {
            seen.insert(id.clone());
        }
        Ok(Some(Walk {
            node,
            walker,
            paths: Paths::new(node.order, id),
            seen,
            starts_nowhere,
        }))
    }

    /// Goes on to the next path that is a result, and puts it into the row; false at the end.
    fn next(&mut self, row: &mut [Value], run: &mut Run<'a>) -> Result<bool> {
        loop {
            run.tick()?;
            let Some(place) = self.paths.take(run) else {
                return Ok(false);
            };
            let (depth, id) = {
                let step = self.paths.step(place);
                (step.depth, step.id.clone())
            };
            let settles =
                self.node.order == Order::Weighted && self.node.unique_vertices == Unique::Global;
            if settles && !self.see(&id, run)? {
                continue;
            }
            let nowhere = depth == 0 && self.starts_nowhere;
            if !nowhere {
                let vertex = self.walker.met(&id, run)?;
                self.paths.keep(place, vertex, run)?;
            }
            self.show(place, row);
            if self.leads_nowhere(depth, row, run)? {
                continue;
            }
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
                self.expand(place, run)?;
            }
            if depth >= self.node.depth.0 && !nowhere {
                return Ok(true);
            }
        }
    }

    fn release(self, run: &mut Run<'a>) {
        self.paths.release(run);
    }
}

impl<'a> Walk<'a> {
    /// Whether a filter behind the loop lets neither this path through nor any that goes on from it.
    fn leads_nowhere(&self, depth: u64, row: &mut [Value], run: &mut Run<'a>) -> Result<bool> {
        for early in &self.node.early {
            if early.depth.is_none_or(|known| known == depth)
                && !evaluate(&early.condition, row, run)?.truthy()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Finds the steps that go on from one.
    fn expand(&mut self, place: usize, run: &mut Run<'a>) -> Result<()> {
        let id = self.paths.step(place).id.clone();
        let mut hops = self.walker.hops(&id, false, run)?;
        if self.paths.last_first() {
            hops.reverse();
        }
        for hop in hops {
            if !self.allowed(place, &hop, run)? {
                continue;
            }
            let cost = match self.node.order {
                Order::Weighted => self.walker.weight(&hop.edge)?,
                Order::Depth | Order::Breadth => 1.0,
            };
            self.paths.offer(place, hop, (cost, 0.0), run)?;
        }
        Ok(())
    }

    /// Whether the options let a path go on over an edge.
    fn allowed(&mut self, place: usize, hop: &Hop, run: &mut Run<'a>) -> Result<bool> {
        if let Some(allowed) = &self.node.vertex_collections {
            let collection = hop.to.split_once('/').map_or("", |(name, _)| name);
            if !allowed.iter().any(|name| name == collection) {
                return Ok(false);
            }
        }
        let followed = |step: &Step| step.edge_id == hop.edge_id;
        if !self.node.repeat_edges && self.paths.back(place).any(followed) {
            return Ok(false);
        }
        match (self.node.unique_vertices, self.node.order) {
            (Unique::None, _) => Ok(true),
            (Unique::Path, _) => Ok(!self.paths.back(place).any(|step| step.id == hop.to)),
            // By weight, a vertex is settled when it is reached, not when it is first seen.
            (Unique::Global, Order::Weighted) => Ok(!self.seen.contains(&hop.to)),
            (Unique::Global, _) => self.see(&hop.to, run),
        }
    }

    /// Notes a vertex; false if it was seen before.
    fn see(&mut self, id: &Str, run: &mut Run<'a>) -> Result<bool> {
        let new = self.seen.insert(id.clone());
        if new {
            self.paths.count(SEEN_BYTES, run)?;
        }
        Ok(new)
    }

    /// Puts the path to a step into the row.
    fn show(&self, place: usize, row: &mut [Value]) {
        let step = self.paths.step(place);
        row[self.node.vertex.slot as usize] = step.vertex.clone();
        if let Some(edge) = self.node.edge {
            row[edge.slot as usize] = step.edge.clone();
        }
        let Some(path) = self.node.path else { return };
        let vertices = self.paths.along(place, |step| step.vertex.clone());
        let weights = (self.node.order == Order::Weighted).then(|| {
            let weights = self.paths.along(place, |step| Value::float(step.cost));
            ("weights", Value::Array(Array::from_vec(weights)))
        });
        row[path.slot as usize] = self.paths.value(place, vertices, weights);
    }
}
