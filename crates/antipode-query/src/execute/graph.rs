//! FOR over graphs: what traversals and path searches share, the look at edges and vertices.

use std::collections::HashMap;

use antipode_value::{Str, Value};

use crate::error::{Code, QueryError, Result};
use crate::evaluate::Run;
use crate::execute::{BATCH_ROWS, Batch, Input, Operator};
use crate::plan::graph::{EdgeSet, PathSearch, Traverse, Way};
use crate::source::{CollectionId, Direction};

mod path;
mod paths;
mod traverse;

/// FOR over the paths from a vertex.
pub(super) fn traverse<'a>(input: Input<'a>, node: &'a Traverse) -> Input<'a> {
    Box::new(Loop::<traverse::Walk<'a>>::new(input, node))
}

/// FOR over the paths between two vertices.
pub(super) fn search<'a>(input: Input<'a>, node: &'a PathSearch) -> Input<'a> {
    Box::new(Loop::<path::Finder<'a>>::new(input, node))
}

/// What is looked for in a graph, once for each row of the input.
trait Search<'a>: Sized {
    /// What it is told to do.
    type Plan;

    /// Begins at a row of the input; none if there is nothing to find.
    fn start(plan: &'a Self::Plan, row: &mut [Value], run: &mut Run<'a>) -> Result<Option<Self>>;

    /// Puts the next result into the row; false at the end.
    fn next(&mut self, row: &mut [Value], run: &mut Run<'a>) -> Result<bool>;

    /// Gives back the memory that it counted as used.
    fn release(self, run: &mut Run<'a>);
}

/// The loop over the results of a search.
struct Loop<'a, S: Search<'a>> {
    input: Input<'a>,
    plan: &'a S::Plan,
    outer: Batch,
    position: usize,
    search: Option<S>,
}

impl<'a, S: Search<'a>> Loop<'a, S> {
    fn new(input: Input<'a>, plan: &'a S::Plan) -> Self {
        Loop {
            input,
            plan,
            outer: Batch::default(),
            position: 0,
            search: None,
        }
    }
}

impl<'a, S: Search<'a>> Operator<'a> for Loop<'a, S> {
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
                self.search = S::start(self.plan, row, run)?;
                if self.search.is_none() {
                    self.position += 1;
                }
                continue;
            };
            batch.width = self.outer.width;
            let row = self.outer.row_mut(self.position);
            if search.next(row, run)? {
                batch.values.extend_from_slice(row);
            } else if let Some(search) = self.search.take() {
                search.release(run);
                self.position += 1;
            }
            if batch.rows() >= wanted {
                return Ok(batch);
            }
        }
    }
}

/// Bytes of a vertex that a search has seen, about.
const SEEN_BYTES: u64 = 160;

/// An edge as it is followed from a vertex.
struct Hop {
    edge: Value,
    /// `_id` of the edge.
    edge_id: Str,
    /// `_id` of the vertex at its other end.
    to: Str,
}

/// Follows edges and fetches vertices.
struct Walker<'a> {
    set: &'a EdgeSet,
    collections: HashMap<String, Option<CollectionId>>,
}

impl<'a> Walker<'a> {
    fn new(set: &'a EdgeSet) -> Walker<'a> {
        Walker {
            set,
            collections: HashMap::new(),
        }
    }

    /// The edges at a vertex, in the order of the edge collections and their keys; with `back` against their way.
    fn hops(&self, vertex: &str, back: bool, run: &mut Run<'a>) -> Result<Vec<Hop>> {
        let data = run.data()?;
        let mut hops = Vec::new();
        for (collection, way) in &self.set.edges {
            let directions: &[Direction] = match (way, back) {
                (Way::Outbound, false) | (Way::Inbound, true) => &[Direction::Out],
                (Way::Inbound, false) | (Way::Outbound, true) => &[Direction::In],
                (Way::Any, _) => &[Direction::Out, Direction::In],
            };
            for direction in directions {
                let mut scan = data.edges(collection.id, vertex, *direction)?;
                let mut edges = Vec::new();
                while scan.next_batch(BATCH_ROWS, &mut edges)? {
                    run.cancel.check()?;
                }
                run.stats.scanned_index += edges.len() as u64;
                let end = if *direction == Direction::Out {
                    "_to"
                } else {
                    "_from"
                };
                for edge in edges {
                    run.tick()?;
                    let (Value::String(edge_id), Value::String(to)) =
                        (edge.attribute("_id"), edge.attribute(end))
                    else {
                        continue;
                    };
                    // Both ways, an edge from a vertex to itself is found twice and followed once.
                    if *direction == Direction::In && *way == Way::Any && &*to == vertex {
                        continue;
                    }
                    hops.push(Hop { edge, edge_id, to });
                }
            }
        }
        Ok(hops)
    }

    /// The document of a vertex.
    fn vertex(&mut self, id: &str, run: &mut Run<'a>) -> Result<Option<Value>> {
        let data = run.data()?;
        let Some((name, key)) = id.split_once('/') else {
            return Ok(None);
        };
        let collection = match self.collections.get(name) {
            Some(known) => *known,
            None => {
                let found = data.collection(name)?.map(|collection| collection.id);
                self.collections.insert(name.to_owned(), found);
                found
            }
        };
        let Some(collection) = collection else {
            return Ok(None);
        };
        run.stats.document_lookups += 1;
        Ok(data.get(collection, key)?)
    }

    /// The document of a vertex that an edge leads to; null and a warning if it does not exist.
    fn met(&mut self, id: &str, run: &mut Run<'a>) -> Result<Value> {
        match self.vertex(id, run)? {
            Some(vertex) => Ok(vertex),
            None => {
                run.warn(Code::DocumentNotFound, format!("vertex '{id}' not found"))?;
                Ok(Value::Null)
            }
        }
    }

    /// What following an edge costs.
    fn weight(&self, edge: &Value) -> Result<f64> {
        let Some(attribute) = &self.set.weight_attribute else {
            return Ok(1.0);
        };
        let weight = edge
            .attribute(attribute)
            .as_float()
            .unwrap_or(self.set.default_weight);
        if weight < 0.0 {
            let message = format!(
                "negative edge weight at '{}'",
                edge.attribute("_id").to_text()
            );
            return Err(QueryError::new(Code::NegativeEdgeWeight, message));
        }
        Ok(weight)
    }
}

/// The `_id` that a start or goal expression means: an id, or an object with `_id`. Without one the loop is empty, and
/// anything but an object without `_id` is warned of.
fn vertex_id(value: &Value, run: &mut Run<'_>) -> Result<Option<Str>> {
    let id = match value {
        Value::Object(_) => value.attribute("_id"),
        other => other.clone(),
    };
    match (id, value) {
        (Value::String(id), _) if id.contains('/') => Ok(Some(id)),
        (Value::Null, Value::Object(_)) => Ok(None),
        _ => {
            run.warn(
                Code::BadParameter,
                "a vertex is an _id or an object with _id",
            )?;
            Ok(None)
        }
    }
}

/// A cost that orders a queue, least first; costs are finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost(f64);

impl Eq for Cost {}

impl Ord for Cost {
    fn cmp(&self, other: &Cost) -> std::cmp::Ordering {
        // Reversed: the standard heap gives its greatest first.
        other.0.total_cmp(&self.0)
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Cost) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
