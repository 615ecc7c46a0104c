//! `optimize-traversals`: a FILTER behind a traversal that can tell already of the beginning of a path that no longer path
//! will pass is tested during the walk, which then does not go on there.
//!
//! Such are conditions on steps that are numbered, `p.edges[0].kind == "road"` or `p.vertices[1].age > 30`, asked as soon as
//! a path has them; and conditions that a path fails for ever, `p.edges[*].open ALL == true`, asked at every step. The
//! FILTER itself stays, so that paths too short to be asked are tested, and results are the same.

use crate::expression::{Expansion, Expression, Quantified, Quantifier, Variable};
use crate::plan::graph::{Early, Unique};
use crate::plan::{NodeKind, Pipeline};

/// Gives traversals the conditions that end paths early.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 0..pipeline.nodes.len() {
        let early = early_conditions(pipeline, position);
        if let Some(NodeKind::Traverse(traverse)) =
            pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
            && traverse.early.is_empty()
            && !early.is_empty()
        {
            traverse.early = early;
            changed = true;
        }
    }
    changed
}

fn early_conditions(pipeline: &Pipeline, position: usize) -> Vec<Early> {
    let mut early = Vec::new();
    let mut behind = pipeline.nodes.iter().skip(position);
    let Some(NodeKind::Traverse(traverse)) = behind.next().map(|node| &node.kind) else {
        return early;
    };
    let Some(path) = traverse.path else {
        return early;
    };
    // Which vertices are met at all must not depend on what is filtered.
    if traverse.unique_vertices == Unique::Global {
        return early;
    }
    let mut later = vec![traverse.vertex];
    later.extend(traverse.edge);
    later.extend(traverse.prune.as_ref().and_then(|(variable, _)| *variable));
    for node in behind {
        match &node.kind {
            NodeKind::Filter(condition) => {
                let known = !later.iter().any(|variable| condition.uses(*variable));
                if known && condition.uses(path) {
                    early.extend(as_early(condition, path));
                }
            }
            // Rows are not regrouped or cut here, so a condition behind holds for every path that matters.
            NodeKind::Calculation { expression, .. } if expression.is_deterministic() => {}
            _ => break,
        }
        node.each_definition(&mut |variable| later.push(variable));
    }
    early
}

/// The condition, with when it can be asked.
fn as_early(condition: &Expression, path: Variable) -> Option<Early> {
    let depth = if fails_for_ever(condition, path) {
        None
    } else {
        let mut depth = 0;
        if !asks_numbered_steps(condition, path, &mut depth) {
            return None;
        }
        Some(depth)
    };
    Some(Early {
        depth,
        condition: condition.clone(),
    })
}

/// `p.edges[*].x ALL == y` and its kind: each further element can only make it false.
fn fails_for_ever(condition: &Expression, path: Variable) -> bool {
    let Expression::Quantified(quantified) = condition else {
        return false;
    };
    let Quantified {
        quantifier: Quantifier::All | Quantifier::None,
        left: Expression::Expand(expansion),
        right,
        ..
    } = &**quantified
    else {
        return false;
    };
    let Expansion {
        base,
        flatten: 0,
        current,
        filter: None,
        limit: None,
        projection,
    } = &**expansion
    else {
        return false;
    };
    let plain_attribute = |projection: &Expression| attribute_of(projection, *current);
    elements_of(base, path).is_some()
        && projection.as_ref().is_none_or(plain_attribute)
        && asks_numbered_steps(right, path, &mut 0)
        && !right.uses(path)
}

/// Whether it is `variable.a.b`.
fn attribute_of(expression: &Expression, variable: Variable) -> bool {
    match expression {
        Expression::Variable(found) => *found == variable,
        Expression::Attribute(base, _) => attribute_of(base, variable),
        _ => false,
    }
}

/// `p.edges` and `p.vertices`: how many edges a path has at least that has one of these.
fn elements_of(expression: &Expression, path: Variable) -> Option<u64> {
    match expression {
        Expression::Attribute(base, name) if attribute_is(base, path) => match name.as_str() {
            "edges" => Some(1),
            "vertices" => Some(0),
            _ => None,
        },
        _ => None,
    }
}

fn attribute_is(expression: &Expression, path: Variable) -> bool {
    matches!(expression, Expression::Variable(found) if *found == path)
}

/// Whether a condition asks of the path nothing but steps with constant numbers, and can neither fail nor warn; raises
/// `depth` to the edges that a path needs to have them all.
fn asks_numbered_steps(expression: &Expression, path: Variable, depth: &mut u64) -> bool {
    match expression {
        Expression::Variable(variable) => *variable != path,
        Expression::Element(parts) => {
            let [base, number] = &**parts;
            match (elements_of(base, path), number.constant()) {
                (Some(edges), Some(number)) => {
                    let number = number
                        .as_int()
                        .and_then(|number| u64::try_from(number).ok());
                    let Some(needed) = number.and_then(|number| number.checked_add(edges)) else {
                        return false;
                    };
                    *depth = (*depth).max(needed);
                    true
                }
                _ => parts
                    .iter()
                    .all(|part| asks_numbered_steps(part, path, depth)),
            }
        }
        Expression::Constant(_)
        | Expression::Parameter(_)
        | Expression::Attribute(..)
        | Expression::Unary(..)
        | Expression::Compare(..)
        | Expression::And(_)
        | Expression::Or(_)
        | Expression::Array(_) => {
            let mut all = true;
            expression.each(&mut |part| all = all && asks_numbered_steps(part, path, depth));
            all
        }
        _ => false,
    }
}
