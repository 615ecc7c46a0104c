//! `optimize-subqueries`: a subquery of which only the first row is used stops after it, and one of which only the
//! number of rows is used does not compute them.

use antipode_value::Value;

use crate::expression::Expression;
use crate::plan::{Node, NodeKind, Pipeline};

/// Looks at the subqueries in the expressions of a line.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    pipeline.each_expression_mut(&mut |expression| changed |= within(expression));
    changed
}

fn within(expression: &mut Expression) -> bool {
    let mut changed = match expression {
        Expression::Call(function, arguments) => match (function.name, arguments.as_mut_slice()) {
            ("FIRST", [Expression::Subquery(inner)]) => first_only(inner),
            ("LENGTH" | "COUNT", [Expression::Subquery(inner)]) => count_only(inner),
            _ => false,
        },
        Expression::Element(parts) => match &mut **parts {
            [
                Expression::Subquery(inner),
                Expression::Constant(Value::Int(0)),
            ] => first_only(inner),
            _ => false,
        },
        _ => false,
    };
    // The lines of subqueries have their turn of their own.
    if !matches!(expression, Expression::Subquery(_)) {
        expression.each_mut(&mut |part| changed |= within(part));
    }
    changed
}

/// Whether leaving out rows or values of a line can be noticed.
fn pure(pipeline: &Pipeline) -> bool {
    let mut pure = !pipeline.writes();
    pipeline.each_expression(&mut |expression| pure &= expression.is_deterministic());
    pure
}

fn first_only(inner: &mut Pipeline) -> bool {
    let Some((
        Node {
            id,
            kind: NodeKind::Return(_),
        },
        before,
    )) = inner.nodes.split_last()
    else {
        return false;
    };
    let cut = matches!(
        before.last().map(|node| &node.kind),
        Some(
            NodeKind::Limit {
                count: Some(0 | 1),
                ..
            } | NodeKind::Singleton
        )
    );
    if cut || !pure(inner) {
        return false;
    }
    let kind = NodeKind::Limit {
        offset: 0,
        count: Some(1),
        full_count: false,
        drain: false,
    };
    let limit = Node { id: *id, kind };
    let end = inner.nodes.len() - 1;
    inner.nodes.insert(end, limit);
    true
}

fn count_only(inner: &mut Pipeline) -> bool {
    if !pure(inner) {
        return false;
    }
    match inner.nodes.last_mut().map(|node| &mut node.kind) {
        Some(NodeKind::Return(expression)) if expression.constant().is_none() => {
            *expression = Expression::Constant(Value::Bool(true));
            true
        }
        _ => false,
    }
}
