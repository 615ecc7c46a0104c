//! `remove-redundant-calculations`: `LET x = u` gives a value a second name; readers use the first one, so that
//! conditions on `x` are conditions on `u`.

use crate::expression::{Expression, Variable};
use crate::plan::{NodeKind, Pipeline};

/// Replaces second names by first ones in everything behind.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    let mut position = 0;
    while position < pipeline.nodes.len() {
        let NodeKind::Calculation {
            expression: Expression::Variable(first),
            variable,
        } = pipeline.nodes[position].kind
        else {
            position += 1;
            continue;
        };
        pipeline.nodes.remove(position);
        for node in pipeline.nodes.iter_mut().skip(position) {
            node.each_expression_mut(&mut |expression| rename(expression, variable, first));
        }
        changed = true;
    }
    changed
}

fn rename(expression: &mut Expression, from: Variable, to: Variable) {
    match expression {
        Expression::Variable(variable) if variable.id == from.id => *variable = to,
        other => other.each_mut(&mut |part| rename(part, from, to)),
    }
}
