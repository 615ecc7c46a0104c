//! `remove-unnecessary-calculations`: a LET that nobody reads is not computed, `OLD` and `NEW` that nobody reads are not
//! built.

use crate::expression::Variable;
use crate::plan::{NodeKind, Pipeline};

/// Removes unread calculations, last first, so that what only they read goes too.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in (0..pipeline.nodes.len()).rev() {
        let (before, behind) = pipeline.nodes.split_at_mut(position + 1);
        let Some(node) = before.last_mut() else { break };
        let read = |variable: Variable| behind.iter().any(|node| node.uses(variable));
        match &mut node.kind {
            NodeKind::Calculation {
                expression,
                variable,
            } if expression.is_deterministic() && !read(*variable) => {
                pipeline.nodes.remove(position);
                changed = true;
            }
            NodeKind::Modify(modify) => {
                for variable in [&mut modify.old, &mut modify.new] {
                    variable.take_if(|variable| !read(*variable));
                }
            }
            NodeKind::Traverse(traverse) => {
                let prune = traverse.prune.iter().map(|(_, condition)| condition);
                let early = traverse.early.iter().map(|early| &early.condition);
                let inside: Vec<_> = prune.chain(early).collect();
                let unused = |variable: &mut Variable| {
                    !read(*variable) && !inside.iter().any(|condition| condition.uses(*variable))
                };
                changed |= traverse.path.take_if(unused).is_some();
                traverse.edge.take_if(unused);
            }
            NodeKind::Publish(publish) => {
                publish.new.take_if(|variable| !read(*variable));
            }
            _ => {}
        }
    }
    changed
}
