//! `replace-or-with-in`: `a == 1 OR a == 2` becomes `a IN [1, 2]`, which one look-up with an index answers.

use antipode_value::{Array, Value};

use crate::expression::{Comparison, Expression};
use crate::plan::{NodeKind, Pipeline};

/// Rewrites the conditions of FILTERs, which ask for truth only.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for node in &mut pipeline.nodes {
        if let NodeKind::Filter(condition) = &mut node.kind
            && let Some(membership) = membership(condition)
        {
            *condition = membership;
            changed = true;
        }
    }
    changed
}

/// The membership test that an OR of comparisons of one attribute means.
fn membership(condition: &Expression) -> Option<Expression> {
    let Expression::Or(_) = condition else {
        return None;
    };
    let mut attribute = None;
    let mut values = Vec::new();
    if !gather(condition, &mut attribute, &mut values) {
        return None;
    }
    let list = list(values);
    Some(Expression::Compare(
        Comparison::In,
        Box::new([attribute?, list]),
    ))
}

/// The list of the values: a constant, unless there are parameters among them.
fn list(values: Vec<Expression>) -> Expression {
    let mut distinct: Vec<Value> = Vec::new();
    for value in &values {
        let Expression::Constant(value) = value else {
            return Expression::Array(values);
        };
        if !distinct.contains(value) {
            distinct.push(value.clone());
        }
    }
    Expression::Constant(Value::Array(Array::from_vec(distinct)))
}

/// Collects the constants and parameters that one attribute is compared with; false if anything else is in the condition.
fn gather(
    condition: &Expression,
    attribute: &mut Option<Expression>,
    values: &mut Vec<Expression>,
) -> bool {
    match condition {
        Expression::Or(parts) => parts.iter().all(|part| gather(part, attribute, values)),
        Expression::Compare(comparison @ (Comparison::Equal | Comparison::In), parts) => {
            let [left, right] = &**parts;
            let known = |part: &Expression| {
                matches!(part, Expression::Constant(_) | Expression::Parameter(_))
            };
            let (path, value) = match (known(left), known(right)) {
                (false, true) => (left, right),
                (true, false) if *comparison == Comparison::Equal => (right, left),
                _ => return false,
            };
            match (comparison, value) {
                (Comparison::In, Expression::Constant(Value::Array(array))) => {
                    values.extend(array.iter().map(Expression::Constant));
                }
                (Comparison::In, _) => return false,
                (_, value) => values.push(value.clone()),
            }
            match (
                path.attribute_path(),
                attribute.as_ref().map(Expression::attribute_path),
            ) {
                (None, _) => false,
                (Some((_, names)), None) => {
                    *attribute = Some(path.clone());
                    !names.is_empty()
                }
                (Some(path), Some(known)) => known == Some(path),
            }
        }
        _ => false,
    }
}
