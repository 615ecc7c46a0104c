//! What FOR over a graph walks.

use std::sync::Arc;

use antipode_value::Str;

use crate::expression::{Expression, Variable};
use crate::source::CollectionInfo;

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From `_from` to `_to`.
    Outbound,
    /// From `_to` to `_from`.
    Inbound,
    /// Both ways.
    Any,
}

/// The edges that may be followed.
#[derive(Clone, Debug)]
pub struct EdgeSet {
    /// The edge collections, each with its way.
    pub edges: Vec<(Arc<CollectionInfo>, Way)>,
    /// The vertex collections, if it is a named graph.
    pub vertices: Option<Vec<String>>,
    /// The attribute that holds the weight of an edge.
    pub weight_attribute: Option<Str>,
    /// The weight of an edge without one.
    pub default_weight: f64,
}

/// A traversal: `FOR v, e, p IN 1..3 OUTBOUND start edges`.
#[derive(Clone, Debug)]
pub struct Traverse {
    /// The vertex reached.
    pub vertex: Variable,
    /// The edge that led there.
    pub edge: Option<Variable>,
    /// The path from the start.
    pub path: Option<Variable>,
    /// Fewest and most edges of a path.
    pub depth: (u64, u64),
    /// The start vertex.
    pub start: Expression,
    /// The edges that may be followed.
    pub edges: EdgeSet,
    /// Conditions of FILTERs behind the loop that already tell of a path whether it leads anywhere.
    pub early: Vec<Early>,
    /// PRUNE: the condition, and the variable that holds its value.
    pub prune: Option<(Option<Variable>, Expression)>,
    /// Which paths come first.
    pub order: Order,
    /// Which vertices may be met again.
    pub unique_vertices: Unique,
    /// An edge may stand twice in a path.
    pub repeat_edges: bool,
    /// Only vertices of these collections, if given; the start is always allowed.
    pub vertex_collections: Option<Vec<String>>,
}

/// A condition that, false for a path, is false for every path that goes on from it.
#[derive(Clone, Debug)]
pub struct Early {
    /// With how many edges a path is long enough to be asked; none asks at every length.
    pub depth: Option<u64>,
    /// The condition on the path.
    pub condition: Expression,
}

/// Which paths come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each branch to its end.
    Depth,
    /// By the number of edges.
    Breadth,
    /// By weight.
    Weighted,
}

/// Which vertices may be met again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique {
    /// All.
    None,
    /// Those that are not on the path.
    Path,
    /// None: each vertex is met once.
    Global,
}

/// A search for paths between two vertices.
#[derive(Clone, Debug)]
pub struct PathSearch {
    /// What is searched.
    pub kind: PathKind,
    /// The vertices of the path one by one, or whole paths.
    pub variable: Variable,
    /// The edge that led to the vertex.
    pub edge: Option<Variable>,
    /// Fewest and most edges, for all paths.
    pub depth: (u64, u64),
    /// One end.
    pub start: Expression,
    /// The other end.
    pub goal: Expression,
    /// The edges that may be followed.
    pub edges: EdgeSet,
}

/// What a path search gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// The vertices of one shortest path.
    Shortest,
    /// Every path of the fewest edges.
    AllShortest,
    /// Paths without loops, shortest first.
    KShortest,
    /// Every path without loops within the depth.
    KPaths,
}
