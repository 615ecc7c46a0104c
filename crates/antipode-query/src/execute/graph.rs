//! FOR over graphs: what traversals and path searches share, the look at edges and vertices.

use std::collections::HashMap;

use antipode_value::{Array, Object, Str, Value};

use crate::error::{Code, QueryError, Result};
use crate::evaluate::Run;
use crate::execute::BATCH_ROWS;
use crate::plan::graph::{EdgeSet, Way};
use crate::source::{CollectionId, Direction};

mod path;
mod traverse;

pub(super) use path::search;
pub(super) use traverse::traverse;

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

/// The `_id` that a start or goal expression means; anything else is a warning, and the loop is empty.
fn vertex_id(value: &Value, run: &mut Run<'_>) -> Result<Option<Str>> {
    let id = match value {
        Value::String(id) => Some(id.clone()),
        Value::Object(_) => match value.attribute("_id") {
            Value::String(id) => Some(id),
            _ => None,
        },
        _ => None,
    };
    let id = id.filter(|id| id.contains('/'));
    if id.is_none() {
        run.warn(
            Code::BadParameter,
            "a vertex is an _id or an object with _id",
        )?;
    }
    Ok(id)
}

/// `{vertices, edges}`, from the first vertex on.
fn path_value(
    vertices: Vec<Value>,
    edges: Vec<Value>,
    more: Option<(&'static str, Value)>,
) -> Value {
    let mut pairs = vec![
        (
            Str::from_static("vertices"),
            Value::Array(Array::from_vec(vertices)),
        ),
        (
            Str::from_static("edges"),
            Value::Array(Array::from_vec(edges)),
        ),
    ];
    pairs.extend(more.map(|(name, value)| (Str::from_static(name), value)));
    Value::Object(Object::from_pairs(pairs))
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
