//! `remove-unnecessary-filters`: a condition that is known needs no test; behind one that is known to fail nothing comes.

use crate::expression::Expression;
use crate::plan::{NodeKind, Pipeline};

/// Removes conditions that always hold, and ends a line at one that never does.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let before = pipeline.nodes.len();
    pipeline
        .nodes
        .retain(|node| !matches!(known(&node.kind), Some(true)));
    let mut changed = pipeline.nodes.len() != before;
    for node in &mut pipeline.nodes {
        if known(&node.kind) == Some(false) {
            node.kind = NodeKind::NoResults;
            changed = true;
        }
    }
    changed |= skip_what_gives_nothing(pipeline);
    changed
}

fn known(kind: &NodeKind) -> Option<bool> {
    match kind {
        NodeKind::Filter(Expression::Constant(value)) => Some(value.truthy()),
        _ => None,
    }
}

/// What stands before a place where nothing comes through need not run, unless it writes or may fail on purpose.
fn skip_what_gives_nothing(pipeline: &mut Pipeline) -> bool {
    let Some(end) = pipeline
        .nodes
        .iter()
        .position(|node| matches!(node.kind, NodeKind::NoResults))
    else {
        return false;
    };
    let needed = |kind: &NodeKind| match kind {
        NodeKind::Calculation { expression, .. } | NodeKind::Filter(expression) => {
            !expression.is_deterministic()
        }
        _ => false,
    };
    let before = pipeline.nodes.get(..end).unwrap_or_default();
    if before
        .iter()
        .any(|node| node.writes() || needed(&node.kind))
    {
        return false;
    }
    let removed = before
        .iter()
        .filter(|node| !matches!(node.kind, NodeKind::Singleton))
        .count();
    let mut position = 0;
    pipeline.nodes.retain(|node| {
        position += 1;
        position > end || matches!(node.kind, NodeKind::Singleton)
    });
    removed > 0
}
