//! Finishing a plan: every variable gets its place in the row.
//!
//! A line counts its slots in the order in which variables appear; a subquery goes on counting where the line that
//! evaluates it stands, and begins with a copy of the slots before. `CURRENT` of an inline expression lies behind all
//! that exist at that point, and the next variable may take its place, since it is empty again by then.

use std::collections::HashMap;

use crate::expression::{Expression, Variable};
use crate::plan::{Action, Node, NodeKind, Pipeline, Plan};

/// Assigns the slots of a whole plan, and what depends on the final order of its nodes.
pub(crate) fn assign(plan: &mut Plan) {
    let mut slots = HashMap::new();
    line(&mut plan.root, 0, &mut slots);
}

fn line(pipeline: &mut Pipeline, outer: u32, slots: &mut HashMap<u32, u32>) {
    pipeline.outer_slots = outer;
    let mut next = outer;
    let mut width = outer;
    let mut writes = false;
    for node in &mut pipeline.nodes {
        // A node's own variables lie before what its expressions need for the moment, so that neither is in the way.
        let mut defined = Vec::new();
        node.each_definition(&mut |variable| defined.push(variable));
        for variable in defined {
            // Anew each time: an optimizer or an intent may have copied a subquery with its variables.
            slots.insert(variable.id, next);
            next += 1;
        }
        let mut moment = next;
        for variable in inner_definitions(node) {
            slots.insert(variable.id, moment);
            moment += 1;
        }
        width = width.max(moment);
        node.each_expression_mut(&mut |part| {
            width = width.max(expression(part, moment, slots));
        });
        place_definitions(node, slots);
        if let NodeKind::Limit { drain, .. } = &mut node.kind {
            *drain = writes;
        }
        writes |= node.writes();
    }
    pipeline.slots = width;
}

/// Places the variables of an expression; gives the slots that a row needs for it.
fn expression(part: &mut Expression, next: u32, slots: &mut HashMap<u32, u32>) -> u32 {
    let mut width = next;
    let mut below = next;
    match part {
        Expression::Variable(variable) => place(variable, slots),
        Expression::Expand(expansion) => {
            slots.insert(expansion.current.id, next);
            place(&mut expansion.current, slots);
            below = next + 1;
        }
        Expression::Test(test) => {
            slots.insert(test.current.id, next);
            place(&mut test.current, slots);
            below = next + 1;
        }
        Expression::Subquery(pipeline) => {
            line(pipeline, next, slots);
            return next;
        }
        _ => {}
    }
    width = width.max(below);
    part.each_mut(&mut |part| width = width.max(expression(part, below, slots)));
    width
}

fn place(variable: &mut Variable, slots: &HashMap<u32, u32>) {
    variable.slot = slots.get(&variable.id).copied().unwrap_or(0);
}

/// Variables that only the node's own expressions see.
fn inner_definitions(node: &Node) -> Vec<Variable> {
    match &node.kind {
        NodeKind::Modify(modify) => match &modify.action {
            Action::Upsert(upsert) => vec![upsert.current, upsert.old],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn place_definitions(node: &mut Node, slots: &HashMap<u32, u32>) {
    let mut place = |variable: &mut Variable| place(variable, slots);
    match &mut node.kind {
        NodeKind::EnumerateCollection(enumerate) => place(&mut enumerate.variable),
        NodeKind::EnumerateList { variable, .. }
        | NodeKind::EnumerateStream { variable, .. }
        | NodeKind::Calculation { variable, .. } => place(variable),
        NodeKind::Traverse(traverse) => {
            place(&mut traverse.vertex);
            traverse
                .edge
                .iter_mut()
                .chain(&mut traverse.path)
                .for_each(&mut place);
            if let Some((Some(variable), _)) = &mut traverse.prune {
                place(variable);
            }
        }
        NodeKind::PathSearch(search) => {
            place(&mut search.variable);
            search.edge.iter_mut().for_each(&mut place);
        }
        NodeKind::Collect(collect) => {
            collect
                .keys
                .iter_mut()
                .for_each(|(variable, _)| place(variable));
            collect
                .aggregates
                .iter_mut()
                .for_each(|aggregate| place(&mut aggregate.variable));
            collect
                .into
                .iter_mut()
                .for_each(|(variable, _)| place(variable));
        }
        NodeKind::Window(window) => {
            window
                .aggregates
                .iter_mut()
                .for_each(|aggregate| place(&mut aggregate.variable));
        }
        NodeKind::Modify(modify) => {
            modify
                .old
                .iter_mut()
                .chain(&mut modify.new)
                .for_each(&mut place);
            if let Action::Upsert(upsert) = &mut modify.action {
                place(&mut upsert.current);
                place(&mut upsert.old);
            }
        }
        NodeKind::Publish(publish) => publish.new.iter_mut().for_each(place),
        NodeKind::Singleton
        | NodeKind::Filter(_)
        | NodeKind::Sort { .. }
        | NodeKind::Limit { .. }
        | NodeKind::Distinct(_)
        | NodeKind::NoResults
        | NodeKind::Return(_) => {}
    }
}
