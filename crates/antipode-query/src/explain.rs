//! EXPLAIN: the plan as a tree for people and as JSON for programs.
//!
//! The vocabulary of the comments is AQL's, since tools and tests match it. Estimates are rough and unit-less: they say
//! which of two plans is cheaper, not how long a query takes.

use std::fmt::Write as _;

use antipode_value::{Str, Value};

use crate::expression::Expression;
use crate::plan::access::known_length;
use crate::plan::graph::PathKind;
use crate::plan::{Access, Action, Node, NodeKind, Patch, Pipeline, Plan};

mod comment;
mod indexes;
mod print;
mod profile;

use comment::comment;
use print::Printer;

/// A node with what EXPLAIN computes about it.
struct Line<'p> {
    node: &'p Node,
    depth: usize,
    producer: Option<u32>,
    rows: f64,
    cost: f64,
    /// The line that a subquery node runs.
    subquery: Option<&'p Pipeline>,
}

impl Plan {
    /// The plan as a table with an indented tree, the intents that were captured, and the rules that changed it.
    pub fn explain_text(&self) -> String {
        let printer = Printer {
            names: &self.variables,
        };
        let lines = self.lines();
        let mut out = self.head();
        let _ = writeln!(out, "\nExecution plan:");
        let kinds = lines
            .iter()
            .map(|line| line.kind().len())
            .max()
            .unwrap_or(8)
            .max(8);
        let _ = writeln!(
            out,
            " {:>3}  {:kinds$}  {:>9}   Comment",
            "Id", "NodeType", "Est."
        );
        for line in &lines {
            let comment = comment(line, &printer);
            let bullet = if line.depth == 0 {
                "* ".to_string()
            } else {
                format!("{}- ", "  ".repeat(line.depth))
            };
            let rows = format!("{:.0}", line.rows);
            let _ = writeln!(
                out,
                " {:>3}  {:kinds$}  {rows:>9}   {bullet}{comment}",
                line.node.id,
                line.kind()
            );
        }
        self.tail(&lines, &printer, &mut out);
        out
    }

    /// The text of the query.
    fn head(&self) -> String {
        let mut out = "Query:\n".to_owned();
        for line in self.text.lines() {
            let _ = writeln!(out, " {line}");
        }
        out
    }

    /// What stands below the tree: indexes, intents, rules, warnings.
    fn tail(&self, lines: &[Line<'_>], printer: &Printer<'_>, out: &mut String) {
        let _ = writeln!(out, "\nIndexes used:\n{}", indexes::table(lines, printer));
        let intents: Vec<String> = lines
            .iter()
            .flat_map(|line| intent_lines(line, printer))
            .collect();
        if !intents.is_empty() {
            let _ = writeln!(out, "\nIntents captured:\n{}", intents.join("\n"));
        }
        let rules = if self.rules.is_empty() {
            "none".to_string()
        } else {
            self.rules.join(", ")
        };
        let _ = writeln!(out, "\nOptimization rules applied: {rules}");
        for warning in &self.warnings {
            let _ = writeln!(
                out,
                "Warning {}: {}",
                warning.code.number(),
                warning.message
            );
        }
    }

    /// The plan as an object.
    pub fn explain_json(&self) -> Value {
        let printer = Printer {
            names: &self.variables,
        };
        let lines = self.lines();
        let nodes = lines.iter().map(|line| node_json(line, &printer));
        let collections = self.collections.iter().map(|used| {
            Value::object([
                ("name", Value::from(used.collection.name.as_str())),
                (
                    "type",
                    Value::from(if used.written { "write" } else { "read" }),
                ),
            ])
        });
        let variables = self.variables.iter().enumerate().map(|(id, name)| {
            Value::object([("id", Value::from(id)), ("name", Value::from(name))])
        });
        let (rows, cost) = lines
            .last()
            .map_or((0.0, 0.0), |line| (line.rows, line.cost));
        let plan = Value::object([
            ("nodes", Value::array(nodes)),
            ("rules", Value::array(self.rules.iter().copied())),
            ("collections", Value::array(collections)),
            ("variables", Value::array(variables)),
            ("estimatedCost", Value::float(cost)),
            ("estimatedNrItems", Value::float(rows.round())),
            ("isModificationQuery", Value::from(self.is_modification())),
        ]);
        let warnings = self.warnings.iter().map(|warning| {
            Value::object([
                ("code", Value::from(warning.code.number())),
                ("message", Value::from(warning.message.as_str())),
            ])
        });
        Value::object([
            ("plan", plan),
            ("cacheable", Value::from(self.is_cacheable())),
            ("warnings", Value::array(warnings)),
        ])
    }

    /// Whether the same query on the same data always gives the same result, and nothing else.
    pub fn is_cacheable(&self) -> bool {
        fn steady(pipeline: &Pipeline) -> bool {
            pipeline.nodes.iter().all(|node| {
                let mut steady = !matches!(node.kind, NodeKind::EnumerateStream { .. });
                node.each_expression(&mut |expression| steady &= expression.is_repeatable());
                steady
            })
        }
        !self.is_modification() && self.warnings.is_empty() && steady(&self.root)
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        add_lines(&self.root, 0, 1.0, &mut lines);
        lines
    }
}

/// Adds the nodes of a line, those of its subqueries after the node that runs them; gives its rows and cost.
fn add_lines<'p>(
    pipeline: &'p Pipeline,
    depth: usize,
    start: f64,
    lines: &mut Vec<Line<'p>>,
) -> (f64, f64) {
    let mut rows = start;
    let mut cost = 0.0;
    let mut producer = None;
    for (position, node) in pipeline.nodes.iter().enumerate() {
        let (out, added) = estimate(node, rows);
        let subquery = match &node.kind {
            NodeKind::Calculation {
                expression: Expression::Subquery(inner),
                ..
            } => Some(&**inner),
            _ => None,
        };
        let depth = depth + usize::from(position > 0);
        lines.push(Line {
            node,
            depth,
            producer,
            rows: out,
            cost: cost + added,
            subquery,
        });
        let place = lines.len() - 1;
        if let Some(inner) = subquery {
            let (_, inner_cost) = add_lines(inner, depth + 1, 1.0, lines);
            cost += rows * inner_cost;
            if let Some(line) = lines.get_mut(place) {
                line.cost = cost + added;
            }
        }
        cost += added;
        rows = out;
        producer = Some(node.id);
    }
    (rows, cost)
}

/// Rows out and cost of a node for so many rows in.
fn estimate(node: &Node, rows: f64) -> (f64, f64) {
    /// Rows of a list whose length is not known.
    const LIST: f64 = 100.0;
    /// Edges of a vertex.
    const DEGREE: f64 = 10.0;
    match &node.kind {
        NodeKind::Singleton => (1.0, 1.0),
        NodeKind::EnumerateCollection(enumerate) => {
            let documents = enumerate.documents as f64;
            let found = enumerate.access.estimate(documents);
            let (search, share) = match &enumerate.access {
                Access::Full => return (rows * documents, rows * documents),
                Access::Table { .. } => (0.0, 1.0),
                Access::Index(access) if access.index_only => (1.0, 0.6),
                _ => (1.0, 1.0),
            };
            (
                rows * found,
                rows * (search * documents.max(2.0).log2() + found * share),
            )
        }
        NodeKind::EnumerateList { list, .. } => {
            let out = rows * known_length(list).unwrap_or(LIST);
            (out, out)
        }
        NodeKind::EnumerateStream { .. } => (rows * LIST, rows * LIST),
        NodeKind::Traverse(traverse) => {
            let (first, last) = traverse.depth;
            let out: f64 = (first..=last)
                .take(8)
                .map(|edges| DEGREE.powi(edges.min(8) as i32))
                .sum();
            (rows * out, rows * out)
        }
        NodeKind::PathSearch(_) => (rows * DEGREE, rows * LIST),
        NodeKind::Filter(_) => (rows * 0.5, rows),
        NodeKind::Sort {
            limit: Some(limit), ..
        } => {
            let out = rows.min(*limit as f64);
            (out, rows * (*limit as f64).max(2.0).log2())
        }
        NodeKind::Sort { limit: None, .. } => (rows, rows * rows.max(2.0).log2()),
        NodeKind::Limit { offset, count, .. } => {
            let out = count
                .map_or(f64::INFINITY, |count| count as f64)
                .min((rows - *offset as f64).max(0.0));
            (out, out)
        }
        NodeKind::Collect(collect) if collect.keys.is_empty() => (1.0, rows),
        NodeKind::Collect(_) => (rows * 0.8, rows * 1.5),
        NodeKind::NoResults => (0.0, 0.0),
        NodeKind::Calculation { .. }
        | NodeKind::Window(_)
        | NodeKind::Distinct(_)
        | NodeKind::Modify(_)
        | NodeKind::Publish(_)
        | NodeKind::Return(_) => (rows, rows),
    }
}

impl Line<'_> {
    fn kind(&self) -> &'static str {
        match &self.node.kind {
            NodeKind::Singleton => "SingletonNode",
            NodeKind::EnumerateCollection(enumerate) if !enumerate.access.uses_index() => {
                "EnumerateCollectionNode"
            }
            NodeKind::EnumerateCollection(_) => "IndexNode",
            NodeKind::EnumerateList { .. } => "EnumerateListNode",
            NodeKind::EnumerateStream { .. } => "EnumerateStreamNode",
            NodeKind::Traverse(_) => "TraversalNode",
            NodeKind::PathSearch(search) => match search.kind {
                PathKind::Shortest => "ShortestPathNode",
                _ => "EnumeratePathsNode",
            },
            NodeKind::Calculation { .. } if self.subquery.is_some() => "SubqueryNode",
            NodeKind::Calculation { .. } => "CalculationNode",
            NodeKind::Filter(_) => "FilterNode",
            NodeKind::Sort { .. } => "SortNode",
            NodeKind::Limit { .. } => "LimitNode",
            NodeKind::Collect(_) | NodeKind::Distinct(_) => "CollectNode",
            NodeKind::Window(_) => "WindowNode",
            NodeKind::Modify(modify) => match &modify.action {
                Action::Insert { .. } => "InsertNode",
                Action::Update { .. } => "UpdateNode",
                Action::Replace { .. } => "ReplaceNode",
                Action::Remove { .. } => "RemoveNode",
                Action::Upsert(_) => "UpsertNode",
            },
            NodeKind::Publish(_) => "PublishNode",
            NodeKind::NoResults => "NoResultsNode",
            NodeKind::Return(_) => "ReturnNode",
        }
    }
}

/// The patches of a node, with the name of their branch.
fn patches(node: &Node) -> Vec<(&'static str, &Patch)> {
    match &node.kind {
        NodeKind::Modify(modify) => match &modify.action {
            Action::Update { patch, .. } => vec![("update", patch)],
            Action::Upsert(upsert) => vec![("insert", &upsert.insert), ("update", &upsert.update)],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn path_text(path: &[Str]) -> String {
    path.iter()
        .map(|name| &**name)
        .collect::<Vec<_>>()
        .join(".")
}

fn intent_lines(line: &Line<'_>, printer: &Printer<'_>) -> Vec<String> {
    let patches = patches(line.node).into_iter();
    patches
        .flat_map(|(branch, patch)| patch.intents.iter().map(move |intent| (branch, intent)))
        .map(|(branch, intent)| {
            let argument = printer.expression(&intent.argument);
            format!(
                " {:>3}  {branch}  {}  {}({argument})",
                line.node.id,
                path_text(&intent.path),
                intent.kind.name()
            )
        })
        .collect()
}

fn node_json(line: &Line<'_>, printer: &Printer<'_>) -> Value {
    let mut pairs: Vec<(&str, Value)> = vec![
        ("type", Value::from(line.kind())),
        ("id", Value::from(line.node.id)),
        ("dependencies", Value::array(line.producer)),
        ("estimatedCost", Value::float(line.cost)),
        ("estimatedNrItems", Value::float(line.rows.round())),
        ("depth", Value::from(line.depth)),
        ("comment", Value::from(comment(line, printer))),
    ];
    match &line.node.kind {
        NodeKind::EnumerateCollection(enumerate) => {
            pairs.push((
                "collection",
                Value::from(enumerate.collection.name.as_str()),
            ));
            pairs.push((
                "outVariable",
                Value::from(printer.variable(enumerate.variable)),
            ));
        }
        NodeKind::Modify(modify) => {
            pairs.push(("collection", Value::from(modify.collection.name.as_str())))
        }
        NodeKind::EnumerateStream { stream, .. } => {
            pairs.push(("stream", Value::from(stream.name.as_str())));
            pairs.push(("unbounded", Value::Bool(false)));
        }
        NodeKind::Publish(publish) => {
            pairs.push(("stream", Value::from(publish.stream.name.as_str())))
        }
        NodeKind::Sort { limit, .. } => {
            pairs.push((
                "strategy",
                Value::from(if limit.is_some() {
                    "constrained-heap"
                } else {
                    "standard"
                }),
            ));
        }
        NodeKind::Limit {
            offset,
            count,
            full_count,
            ..
        } => {
            pairs.push(("offset", Value::from(*offset)));
            pairs.push(("limit", Value::from(*count)));
            pairs.push(("fullCount", Value::from(*full_count)));
        }
        _ => {}
    }
    pairs.extend(indexes::json(line, printer));
    let intents: Vec<Value> = patches(line.node)
        .into_iter()
        .flat_map(|(branch, patch)| patch.intents.iter().map(move |intent| (branch, intent)))
        .map(|(branch, intent)| {
            Value::object([
                ("path", Value::from(path_text(&intent.path))),
                ("kind", Value::from(intent.kind.name())),
                ("branch", Value::from(branch)),
            ])
        })
        .collect();
    if !intents.is_empty() {
        pairs.push(("intents", Value::array(intents)));
    }
    Value::object(pairs)
}
