//! `hash-join`: a loop inside another that keeps the documents with an attribute equal to something of the outer row
//! looks them up in a table, which is built once, instead of going over the collection for every outer row.
//!
//! The first time it goes over the collection all the same: if there is no second time, the table would have been in
//! vain. A collection that is too large for a table is gone over each time, as before.

use antipode_value::Str;

use super::conditions::each_condition;
use crate::expression::{Comparison, Expression, Variable};
use crate::plan::{Access, NodeKind, Pipeline};

/// Gives full loops a table where a condition behind them allows it, and removes the condition that it answers.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 0..pipeline.nodes.len() {
        let Some((filter, access)) = table(pipeline, position) else {
            continue;
        };
        pipeline.nodes.remove(filter);
        if let Some(NodeKind::EnumerateCollection(enumerate)) =
            pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
        {
            enumerate.access = access;
            changed = true;
        }
    }
    changed
}

/// Whether the loop at `position` may look its documents up in a table.
pub(super) fn applies(pipeline: &Pipeline, position: usize) -> bool {
    table(pipeline, position).is_some()
}

/// The table for the loop at `position`, and where the condition stands that it answers.
fn table(pipeline: &Pipeline, position: usize) -> Option<(usize, Access)> {
    let mut found = None;
    each_condition(
        pipeline,
        position,
        &mut |enumerate, place, condition, scope| {
            let Expression::Compare(Comparison::Equal, parts) = condition else {
                return;
            };
            let [left, right] = &**parts;
            let path = |side: &Expression| attribute_path(side, enumerate.variable);
            let (path, value) = match (path(left), path(right)) {
                (Some(path), None) => (path, right),
                (None, Some(path)) => (path, left),
                _ => return,
            };
            // What does not depend on the outer row is a plain condition; a subquery would run for each look-up.
            if found.is_none()
                && scope.knows(value)
                && uses_variables(value)
                && !value.has_subquery()
            {
                found = Some((
                    place,
                    Access::Table {
                        path,
                        value: value.clone(),
                    },
                ));
            }
        },
    );
    found
}

fn attribute_path(expression: &Expression, document: Variable) -> Option<Vec<Str>> {
    let (variable, names) = expression.attribute_path()?;
    (variable.id == document.id && !names.is_empty()).then(|| names.into_iter().cloned().collect())
}

fn uses_variables(expression: &Expression) -> bool {
    let mut uses = false;
    expression.walk(&mut |part| uses |= matches!(part, Expression::Variable(_)));
    uses
}
