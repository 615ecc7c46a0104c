//! `inline-subqueries`: `FOR x IN (FOR y IN c FILTER … RETURN e)` becomes one line, so that nothing is gathered in an
//! array first, and conditions on `x` reach the loop over `c`.

use crate::expression::Expression;
use crate::plan::{Node, NodeKind, Pipeline};

/// Puts the nodes of a subquery in the place of the loop over its result.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    let mut position = 0;
    while position < pipeline.nodes.len() {
        if inlines(pipeline, position) {
            inline(pipeline, position);
            changed = true;
        } else {
            position += 1;
        }
    }
    changed
}

fn inlines(pipeline: &Pipeline, position: usize) -> bool {
    let (before, at) = pipeline.nodes.split_at(position);
    let Some(NodeKind::EnumerateList {
        list: Expression::Subquery(inner),
        ..
    }) = at.first().map(|node| &node.kind)
    else {
        return false;
    };
    // Sorting and cutting are for the rows of one outer row; only while there is just one are they for all.
    let single = before.iter().all(|node| {
        matches!(
            node.kind,
            NodeKind::Singleton | NodeKind::Calculation { .. } | NodeKind::Filter(_)
        )
    });
    let fits = |node: &Node| match node.kind {
        NodeKind::Singleton
        | NodeKind::EnumerateCollection(_)
        | NodeKind::EnumerateList { .. }
        | NodeKind::Traverse(_)
        | NodeKind::PathSearch(_)
        | NodeKind::EnumerateStream { .. }
        | NodeKind::Calculation { .. }
        | NodeKind::Filter(_)
        | NodeKind::NoResults
        | NodeKind::Return(_) => true,
        NodeKind::Sort { .. } | NodeKind::Limit { .. } => single,
        _ => false,
    };
    let returns = matches!(
        inner.nodes.last().map(|node| &node.kind),
        Some(NodeKind::Return(_))
    );
    returns && !inner.writes() && inner.nodes.iter().all(fits)
}

fn inline(pipeline: &mut Pipeline, position: usize) {
    let Node { id, kind } = pipeline.nodes.remove(position);
    let NodeKind::EnumerateList {
        list: Expression::Subquery(inner),
        variable,
    } = kind
    else {
        return;
    };
    let nodes = inner.nodes.into_iter().filter_map(|node| match node.kind {
        NodeKind::Singleton => None,
        NodeKind::Return(expression) => Some(Node {
            id,
            kind: NodeKind::Calculation {
                expression,
                variable,
            },
        }),
        kind => Some(Node { id: node.id, kind }),
    });
    pipeline.nodes.splice(position..position, nodes);
}
