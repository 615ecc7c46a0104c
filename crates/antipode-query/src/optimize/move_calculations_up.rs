//! `move-calculations-up`: a LET that does not depend on the loop around it is computed once, before the loop. An
//! uncorrelated subquery moves the same way.

use crate::expression::Expression;
use crate::plan::{NodeKind, Pipeline};

/// Moves calculations to the earliest place where their variables exist.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 1..pipeline.nodes.len() {
        let Some(expression) = movable(pipeline, position) else {
            continue;
        };
        let mut to = position;
        let mut leaves_loop = false;
        while to > 1 && passes(pipeline, to - 1, &expression) {
            to -= 1;
            leaves_loop |= is_loop(&pipeline.nodes[to].kind);
        }
        if leaves_loop {
            let node = pipeline.nodes.remove(position);
            pipeline.nodes.insert(to, node);
            changed = true;
        }
    }
    changed
}

fn movable(pipeline: &Pipeline, position: usize) -> Option<Expression> {
    match &pipeline.nodes[position].kind {
        NodeKind::Calculation { expression, .. } if expression.is_deterministic() => {
            Some(expression.clone())
        }
        _ => None,
    }
}

fn is_loop(kind: &NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::EnumerateCollection(_)
            | NodeKind::EnumerateList { .. }
            | NodeKind::Traverse(_)
            | NodeKind::PathSearch(_)
            | NodeKind::EnumerateStream { .. }
    )
}

/// Whether a calculation may stand before the node at `position`. It never moves before a FILTER or LIMIT, which may
/// save it the work, or the warning, nor before anything that regroups or writes.
fn passes(pipeline: &Pipeline, position: usize, expression: &Expression) -> bool {
    let node = &pipeline.nodes[position];
    let moves = is_loop(&node.kind) || matches!(node.kind, NodeKind::Calculation { .. });
    if !moves || node.writes() {
        return false;
    }
    let mut reads = false;
    node.each_definition(&mut |variable| reads |= expression.uses(variable));
    !reads
}
