//! `use-indexes`: a FOR over a collection with an equality behind it looks documents up.
//!
//! The primary index serves `_key` and `_id`, the edge index `_from` and `_to`, each with `==` and `IN`, against
//! anything that is known before the loop: constants, and variables of outer loops, which makes a join. Comparisons of
//! keys by `<` and `>` go by the collation, the primary index by bytes, so ranges stay filters.

use crate::expression::{Comparison, Expression, Variable};
use crate::plan::{Access, Enumerate, NodeKind, Pipeline};
use crate::source::{CollectionKind, Direction};

/// Gives loops the best access that the conditions behind them allow, and removes the condition that it answers.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    let mut position = 0;
    while position < pipeline.nodes.len() {
        if let Some((filter, access)) = best(pipeline, position) {
            pipeline.nodes.remove(filter);
            if let Some(NodeKind::EnumerateCollection(enumerate)) =
                pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
            {
                enumerate.access = access;
                changed = true;
            }
        }
        position += 1;
    }
    changed
}

/// The best access for the loop at `position`, and where the condition stands that it answers.
fn best(pipeline: &Pipeline, position: usize) -> Option<(usize, Access)> {
    let mut found: Option<(usize, Access)> = None;
    each_condition(
        pipeline,
        position,
        &mut |enumerate, place, condition, known| {
            if let Some(access) = access(enumerate, condition, known)
                && allowed(enumerate, &access)
                && found
                    .as_ref()
                    .is_none_or(|(_, other)| rank(&access) < rank(other))
            {
                found = Some((place, access));
            }
        },
    );
    found
}

/// Tells whether the value of an expression is known before a loop begins.
pub(super) type Known<'k> = &'k dyn Fn(&Expression) -> bool;

/// Calls `visit` for each condition that holds for every document which a full loop at `position` lets through.
pub(super) fn each_condition(
    pipeline: &Pipeline,
    position: usize,
    visit: &mut dyn FnMut(&Enumerate, usize, &Expression, Known<'_>),
) {
    let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get(position).map(|node| &node.kind)
    else {
        return;
    };
    if enumerate.disable_index || !matches!(enumerate.access, Access::Full) {
        return;
    }
    let mut defined_behind: Vec<Variable> = Vec::new();
    for (place, node) in pipeline.nodes.iter().enumerate().skip(position + 1) {
        match &node.kind {
            // A random value differs from row to row; a look-up would draw it once.
            NodeKind::Filter(condition) => visit(enumerate, place, condition, &|value| {
                value.is_deterministic()
                    && !value.uses(enumerate.variable)
                    && !defined_behind.iter().any(|variable| value.uses(*variable))
            }),
            // Rows are not regrouped or cut here, so a condition behind holds for every document that matters.
            NodeKind::Calculation { expression, .. } if expression.is_deterministic() => {}
            NodeKind::EnumerateCollection(_)
            | NodeKind::EnumerateList { .. }
            | NodeKind::Traverse(_)
            | NodeKind::PathSearch(_)
            | NodeKind::Sort { .. } => {}
            _ => return,
        }
        node.each_definition(&mut |variable| defined_behind.push(variable));
    }
}

/// Whether `forceIndexHint` leaves this access to choose.
fn allowed(enumerate: &Enumerate, access: &Access) -> bool {
    match (&enumerate.forced_hints, access.index_name()) {
        (Some(hints), Some(name)) => hints.iter().any(|hint| hint == name),
        _ => true,
    }
}

/// Smaller is better.
fn rank(access: &Access) -> u8 {
    match access {
        Access::Key { many: false, .. } => 0,
        Access::Key { many: true, .. } => 1,
        Access::Edge { many: false, .. } => 2,
        Access::Edge { many: true, .. } => 3,
        Access::Table { .. } | Access::Full => 4,
    }
}

/// The access that answers a condition completely.
fn access(enumerate: &Enumerate, condition: &Expression, known: Known<'_>) -> Option<Access> {
    let Expression::Compare(comparison, parts) = condition else {
        return None;
    };
    let many = match comparison {
        Comparison::Equal => false,
        Comparison::In => true,
        _ => return None,
    };
    let [left, right] = &**parts;
    let (attribute, value) = match (
        attribute(left, enumerate.variable),
        attribute(right, enumerate.variable),
    ) {
        (Some(attribute), _) => (attribute, right),
        (None, Some(attribute)) if !many => (attribute, left),
        _ => return None,
    };
    if !known(value) {
        return None;
    }
    let edge = enumerate.collection.kind == CollectionKind::Edge;
    match attribute {
        "_key" => Some(Access::Key {
            keys: value.clone(),
            many,
            ids: false,
        }),
        "_id" => Some(Access::Key {
            keys: value.clone(),
            many,
            ids: true,
        }),
        "_from" if edge => Some(Access::Edge {
            direction: Direction::Out,
            vertices: value.clone(),
            many,
        }),
        "_to" if edge => Some(Access::Edge {
            direction: Direction::In,
            vertices: value.clone(),
            many,
        }),
        _ => None,
    }
}

/// The top-level attribute of the loop's document that an expression reads.
fn attribute(expression: &Expression, document: Variable) -> Option<&str> {
    match expression {
        Expression::Attribute(base, name) => match &**base {
            Expression::Variable(variable) if variable.id == document.id => Some(name),
            _ => None,
        },
        _ => None,
    }
}
