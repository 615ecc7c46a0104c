//! `move-filters-up`: a FILTER stands as early as its variables allow, and its AND-terms each for themselves, so that
//! loops behind it run less often and the loop before it can use an index.

use crate::expression::Expression;
use crate::plan::{Node, NodeKind, Pipeline};

/// Moves FILTERs before the nodes that have nothing to do with them.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = split(pipeline);
    for position in 1..pipeline.nodes.len() {
        let NodeKind::Filter(condition) = &pipeline.nodes[position].kind else {
            continue;
        };
        if !condition.is_deterministic() {
            continue;
        }
        let condition = condition.clone();
        let mut to = position;
        for place in (1..position).rev() {
            let node = &pipeline.nodes[place];
            if matches!(&node.kind, NodeKind::Filter(other) if other.is_deterministic() && !node.writes())
            {
                // Past other conditions only on the way to an earlier place.
                continue;
            }
            if !passes(node, &condition) {
                break;
            }
            to = place;
        }
        if to < position {
            let node = pipeline.nodes.remove(position);
            pipeline.nodes.insert(to, node);
            changed = true;
        }
    }
    changed
}

/// One FILTER for each term of an AND: they may go to different places.
fn split(pipeline: &mut Pipeline) -> bool {
    fn terms(condition: Expression, out: &mut Vec<Expression>) {
        match condition {
            Expression::And(parts) => {
                let [left, right] = *parts;
                terms(left, out);
                terms(right, out);
            }
            other => out.push(other),
        }
    }
    let mut changed = false;
    let mut nodes = Vec::with_capacity(pipeline.nodes.len());
    for node in std::mem::take(&mut pipeline.nodes) {
        match node.kind {
            // A term that may fail on purpose keeps the terms before it in front.
            NodeKind::Filter(condition @ Expression::And(_)) if condition.is_deterministic() => {
                let mut parts = Vec::new();
                terms(condition, &mut parts);
                nodes.extend(parts.into_iter().map(|part| Node {
                    id: node.id,
                    kind: NodeKind::Filter(part),
                }));
                changed = true;
            }
            kind => nodes.push(Node { id: node.id, kind }),
        }
    }
    pipeline.nodes = nodes;
    changed
}

/// Whether a condition may be tested before the node. LIMIT, COLLECT, WINDOW and what writes stay where they are.
fn passes(node: &Node, condition: &Expression) -> bool {
    let moves = match &node.kind {
        NodeKind::EnumerateCollection(_)
        | NodeKind::EnumerateList { .. }
        | NodeKind::Traverse(_)
        | NodeKind::PathSearch(_)
        | NodeKind::EnumerateStream { .. }
        | NodeKind::Sort { .. } => true,
        // A calculation that may fail on purpose fails for rows that the FILTER would have kept from it, and must.
        NodeKind::Calculation { expression, .. } => expression.is_deterministic(),
        _ => false,
    };
    if !moves || node.writes() {
        return false;
    }
    let mut reads = false;
    node.each_definition(&mut |variable| reads |= condition.uses(variable));
    !reads
}
