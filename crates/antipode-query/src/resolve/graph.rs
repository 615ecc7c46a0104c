//! Resolving traversals and path searches.

use std::sync::Arc;

use antipode_c8ql::ast::{self, Direction, Expr, Span};
use antipode_value::{Str, Value};

use super::{Resolver, ScopeKind, texts};
use crate::error::{Code, Result};
use crate::expression::Expression;
use crate::plan::graph::{EdgeSet, Order, PathKind, PathSearch, Traverse, Unique, Way};
use crate::plan::{Node, NodeKind};
use crate::source::{CollectionInfo, CollectionKind};

/// Functions that a PRUNE condition cannot call: they read data or run other functions.
const NOT_IN_PRUNE: &[&str] = &[
    "CALL",
    "APPLY",
    "DOCUMENT",
    "COLLECTIONS",
    "COLLECTION_COUNT",
    "CURRENT_USER",
    "CURRENT_DATABASE",
    "VERSION",
    "SCHEMA_GET",
    "SCHEMA_VALIDATE",
    "NEAR",
    "WITHIN",
    "WITHIN_RECTANGLE",
    "FULLTEXT",
];

impl Resolver<'_> {
    pub(super) fn traversal(
        &mut self,
        traversal: &ast::Traversal,
        options: Option<&Expr>,
        span: Span,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        self.no_graph_after_modification(span);
        let depth = self.depth(traversal.depth.as_ref())?;
        let start = self.expression(&traversal.start)?;
        let edges = self.edge_set(&traversal.subject, traversal.direction, span)?;
        self.scopes.open(ScopeKind::For);
        let vertex = self.declare(&traversal.vertex)?;
        let edge = traversal
            .edge
            .as_ref()
            .map(|name| self.declare(name))
            .transpose()?;
        let path = traversal
            .path
            .as_ref()
            .map(|name| self.declare(name))
            .transpose()?;
        let prune = match &traversal.prune {
            None => None,
            Some(prune) => {
                let condition = self.expression(&prune.condition)?;
                self.check_prune(&condition, prune.condition.span)?;
                let variable = prune
                    .variable
                    .as_ref()
                    .map(|name| self.declare(name))
                    .transpose()?;
                Some((variable, condition))
            }
        };
        let mut traverse = Traverse {
            vertex,
            edge,
            path,
            depth,
            start,
            edges,
            early: Vec::new(),
            prune,
            order: Order::Depth,
            unique_vertices: Unique::None,
            repeat_edges: false,
            vertex_collections: None,
        };
        self.traversal_options(&mut traverse, options, span)?;
        self.node(NodeKind::Traverse(Box::new(traverse)), nodes)
    }

    pub(super) fn path_search(
        &mut self,
        search: &ast::PathSearch,
        options: Option<&Expr>,
        span: Span,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        self.no_graph_after_modification(span);
        let depth = self.depth(search.depth.as_ref())?;
        let start = self.expression(&search.start)?;
        let goal = self.expression(&search.goal)?;
        let mut edges = self.edge_set(&search.subject, search.direction, span)?;
        for (name, value) in self.options(options)? {
            match (&*name, value) {
                ("weightAttribute", Value::String(attribute)) => {
                    edges.weight_attribute = Some(attribute)
                }
                ("defaultWeight", value) if value.is_number() => {
                    edges.default_weight = value.to_float()
                }
                ("useCache" | "indexHint", _) => {}
                (name, _) => self.unknown_option("a path search", name),
            }
        }
        self.check_default_weight(&edges, span)?;
        self.scopes.open(ScopeKind::For);
        let variable = self.declare(&search.variable)?;
        let edge = search
            .edge
            .as_ref()
            .map(|name| self.declare(name))
            .transpose()?;
        let kind = match search.kind {
            ast::PathKind::Shortest => PathKind::Shortest,
            ast::PathKind::AllShortest => PathKind::AllShortest,
            ast::PathKind::KShortest => PathKind::KShortest,
            ast::PathKind::KPaths => PathKind::KPaths,
        };
        let search = PathSearch {
            kind,
            variable,
            edge,
            depth,
            start,
            goal,
            edges,
        };
        self.node(NodeKind::PathSearch(Box::new(search)), nodes)
    }

    fn no_graph_after_modification(&mut self, span: Span) {
        if self.modifies {
            let message = "access after data-modification by the same query: traversal";
            let error = self.error(Code::AccessAfterModification, message, span);
            self.defer(error);
        }
    }

    /// `n` or `n..m`, constant; one edge if it is not given.
    fn depth(&mut self, depth: Option<&Expr>) -> Result<(u64, u64)> {
        let Some(depth) = depth else {
            return Ok((1, 1));
        };
        let expression = self.expression(depth)?;
        let mut expression = self.settle(expression);
        // A LET of a constant is as good as the constant.
        if let Expression::Variable(variable) = expression
            && let Some((_, known)) = self.constants.iter().find(|(known, _)| *known == variable)
        {
            let known = known.clone();
            expression = self.settle(known);
        }
        let ends = match &expression {
            Expression::Constant(Value::Array(array)) => array.as_range(),
            Expression::Constant(Value::Int(edges)) => Some((*edges, *edges)),
            Expression::Constant(value @ Value::Float(_)) => {
                value.as_int().map(|edges| (edges, edges))
            }
            // A range too long to be written out is still two ends.
            Expression::Range(ends) => match (ends[0].constant(), ends[1].constant()) {
                (Some(first), Some(last)) => Some((first.to_int(), last.to_int())),
                _ => None,
            },
            _ => None,
        };
        match ends {
            Some((first, last)) if first >= 0 && last >= first => Ok((first as u64, last as u64)),
            _ => Err(self.error(
                Code::QueryParse,
                "the depth of a traversal is a constant number of at least 0, or a range of such",
                depth.span,
            )),
        }
    }

    fn edge_set(
        &mut self,
        subject: &ast::GraphSubject,
        direction: Direction,
        span: Span,
    ) -> Result<EdgeSet> {
        let mut edges: Vec<(Arc<CollectionInfo>, Way)> = Vec::new();
        let mut vertices = None;
        match subject {
            ast::GraphSubject::Graph(graph) => {
                let name = self.source_name(graph)?;
                let Some(found) = self.catalog.graph(&name)? else {
                    return Err(self.error(
                        Code::GraphNotFound,
                        format!("graph not found: {name}"),
                        graph.span,
                    ));
                };
                for edge in &found.edge_collections {
                    let Some(collection) = self.find_collection(edge)? else {
                        return Err(self.unknown_name(edge, graph.span));
                    };
                    self.reads(&collection, graph.span);
                    edges.push((collection, way(direction)));
                }
                if edges.is_empty() {
                    return Err(self.error(
                        Code::GraphEmpty,
                        format!("graph '{name}' has no edges"),
                        graph.span,
                    ));
                }
                vertices = Some(found.vertex_collections);
            }
            ast::GraphSubject::Edges(sources) => {
                for source in sources {
                    let collection = self.collection(&source.collection)?;
                    if collection.kind != CollectionKind::Edge {
                        let message = format!("'{}' is not an edge collection", collection.name);
                        return Err(self.error(
                            Code::CollectionTypeInvalid,
                            message,
                            source.collection.span,
                        ));
                    }
                    self.reads(&collection, source.collection.span);
                    let way = way(source.direction.unwrap_or(direction));
                    match edges.iter().find(|(known, _)| known.id == collection.id) {
                        Some((_, known)) if *known == way => {}
                        Some(_) => {
                            let message =
                                format!("conflicting directions for '{}'", collection.name);
                            return Err(self.error(Code::CollectionTypeInvalid, message, span));
                        }
                        None => edges.push((collection, way)),
                    }
                }
            }
        }
        Ok(EdgeSet {
            edges,
            vertices,
            weight_attribute: None,
            default_weight: 1.0,
        })
    }

    fn check_prune(&self, condition: &Expression, span: Span) -> Result<()> {
        let mut wrong: Option<String> = None;
        condition.walk(&mut |part| match part {
            Expression::Subquery(_) => wrong = Some("a subquery".into()),
            Expression::Call(function, _) if NOT_IN_PRUNE.contains(&function.name) => {
                wrong = Some(format!("the function {}()", function.name));
            }
            _ => {}
        });
        match wrong {
            Some(what) => {
                Err(self.error(Code::QueryParse, format!("PRUNE cannot use {what}"), span))
            }
            None => Ok(()),
        }
    }

    fn check_default_weight(&self, edges: &EdgeSet, span: Span) -> Result<()> {
        if edges.default_weight < 0.0 {
            return Err(self.error(Code::NegativeEdgeWeight, "a negative defaultWeight", span));
        }
        Ok(())
    }

    fn traversal_options(
        &mut self,
        traverse: &mut Traverse,
        options: Option<&Expr>,
        span: Span,
    ) -> Result<()> {
        let mut breadth = None;
        let mut order = None;
        for (name, value) in self.options(options)? {
            match (&*name, &value) {
                ("bfs", value) => breadth = Some(value.truthy()),
                ("order", Value::String(text)) => match text.as_str() {
                    "dfs" => order = Some(Order::Depth),
                    "bfs" => order = Some(Order::Breadth),
                    "weighted" => order = Some(Order::Weighted),
                    _ => {
                        return Err(self.error(
                            Code::BadParameter,
                            "illegal order of a traversal",
                            span,
                        ));
                    }
                },
                ("uniqueVertices", Value::String(text)) => match text.as_str() {
                    "none" => traverse.unique_vertices = Unique::None,
                    "path" => traverse.unique_vertices = Unique::Path,
                    "global" => traverse.unique_vertices = Unique::Global,
                    _ => {
                        return Err(self.error(Code::BadParameter, "illegal uniqueVertices", span));
                    }
                },
                ("uniqueEdges", Value::String(text)) => match text.as_str() {
                    "none" => traverse.repeat_edges = true,
                    "path" => traverse.repeat_edges = false,
                    _ => return Err(self.error(Code::BadParameter, "illegal uniqueEdges", span)),
                },
                ("vertexCollections", value) => self.only_vertices(traverse, texts(value), span)?,
                ("edgeCollections", value) => self.only_edges(traverse, &texts(value), span)?,
                ("weightAttribute", Value::String(name)) => {
                    traverse.edges.weight_attribute = Some(Str::from(name.as_str()));
                }
                ("defaultWeight", value) if value.is_number() => {
                    traverse.edges.default_weight = value.to_float();
                }
                ("parallelism" | "maxProjections" | "indexHint" | "useCache", _) => {}
                (name, _) => self.unknown_option("a traversal", name),
            }
        }
        traverse.order = match (order, breadth) {
            (Some(order), Some(breadth)) if breadth != (order == Order::Breadth) => {
                return Err(self.error(Code::BadParameter, "bfs contradicts order", span));
            }
            (Some(order), _) => order,
            (None, Some(true)) => Order::Breadth,
            (None, _) => Order::Depth,
        };
        if traverse.unique_vertices == Unique::Global && traverse.order == Order::Depth {
            let message = "uniqueVertices: \"global\" needs order \"bfs\" or \"weighted\"";
            return Err(self.error(Code::BadParameter, message, span));
        }
        self.check_default_weight(&traverse.edges, span)
    }
}

impl Resolver<'_> {
    /// The option `vertexCollections`: collections of the graph, if it has a name. An empty list allows all.
    fn only_vertices(&self, traverse: &mut Traverse, names: Vec<String>, span: Span) -> Result<()> {
        let known = traverse.edges.vertices.as_ref();
        let strange = names
            .iter()
            .find(|name| known.is_some_and(|known| !known.contains(name)));
        if let Some(name) = strange {
            let message = format!("'{name}' is no vertex collection of the graph");
            return Err(self.error(Code::GraphVertexCollectionMissing, message, span));
        }
        traverse.vertex_collections = Some(names).filter(|names| !names.is_empty());
        Ok(())
    }

    /// The option `edgeCollections`: some of those that the traversal follows. An empty list allows all.
    fn only_edges(&self, traverse: &mut Traverse, names: &[String], span: Span) -> Result<()> {
        let edges = &mut traverse.edges.edges;
        for name in names {
            if !edges.iter().any(|(collection, _)| collection.name == *name) {
                let message = format!("'{name}' is not among the edge collections followed");
                return Err(self.error(Code::GraphEdgeCollectionMissing, message, span));
            }
        }
        if !names.is_empty() {
            edges.retain(|(collection, _)| names.contains(&collection.name));
        }
        Ok(())
    }
}

fn way(direction: Direction) -> Way {
    match direction {
        Direction::Outbound => Way::Outbound,
        Direction::Inbound => Way::Inbound,
        Direction::Any => Way::Any,
    }
}
