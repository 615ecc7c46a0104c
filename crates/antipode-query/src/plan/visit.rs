//! Walking over a plan: the expressions of its nodes, the variables that these define, and whether something writes.
//!
//! The optimizer, the register allocation and the explanation all go through these, so that a new kind of node names its
//! expressions and variables in one place.

use super::{Action, GroupMember, Node, NodeKind, Patch, Pipeline};
use crate::expression::{Expression, Variable};

impl Pipeline {
    /// Whether the line, or a subquery in it, writes.
    pub fn writes(&self) -> bool {
        self.nodes.iter().any(Node::writes)
    }

    /// Calls `visit` for the expressions of all nodes.
    pub fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        for node in &self.nodes {
            node.each_expression(visit);
        }
    }

    /// As [`Pipeline::each_expression`], to change them.
    pub fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        for node in &mut self.nodes {
            node.each_expression_mut(visit);
        }
    }
}

impl Node {
    /// Whether the node writes, or holds a subquery that writes.
    pub fn writes(&self) -> bool {
        if matches!(self.kind, NodeKind::Modify(_) | NodeKind::Publish(_)) {
            return true;
        }
        let mut writes = false;
        self.each_expression(&mut |expression| {
            expression.walk(&mut |part| {
                if let Expression::Subquery(pipeline) = part {
                    writes |= pipeline.nodes.iter().any(|node| {
                        matches!(node.kind, NodeKind::Modify(_) | NodeKind::Publish(_))
                    });
                }
            });
        });
        writes
    }

    /// Calls `visit` for the outermost expressions of the node.
    pub fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        match &self.kind {
            NodeKind::Singleton
            | NodeKind::NoResults
            | NodeKind::Limit { .. }
            | NodeKind::EnumerateStream { .. } => {}
            NodeKind::EnumerateCollection(enumerate) => enumerate.access.each_expression(visit),
            NodeKind::EnumerateList { list, .. } => visit(list),
            NodeKind::Traverse(traverse) => {
                visit(&traverse.start);
                traverse
                    .early
                    .iter()
                    .for_each(|early| visit(&early.condition));
                traverse
                    .prune
                    .iter()
                    .for_each(|(_, condition)| visit(condition));
            }
            NodeKind::PathSearch(search) => {
                visit(&search.start);
                visit(&search.goal);
            }
            NodeKind::Calculation { expression, .. } => visit(expression),
            NodeKind::Filter(expression)
            | NodeKind::Distinct(expression)
            | NodeKind::Return(expression) => {
                visit(expression);
            }
            NodeKind::Sort { keys, .. } => keys.iter().for_each(|key| visit(&key.expression)),
            NodeKind::Collect(collect) => {
                collect.keys.iter().for_each(|(_, key)| visit(key));
                collect
                    .aggregates
                    .iter()
                    .filter_map(|a| a.argument.as_ref())
                    .for_each(&mut *visit);
                match &collect.into {
                    None => {}
                    Some((_, GroupMember::Projection(projection))) => visit(projection),
                    Some((_, GroupMember::Variables(members))) => {
                        members.iter().for_each(|(_, member)| visit(member));
                    }
                }
            }
            NodeKind::Window(window) => {
                window.range.iter().for_each(&mut *visit);
                window
                    .aggregates
                    .iter()
                    .filter_map(|a| a.argument.as_ref())
                    .for_each(visit);
            }
            NodeKind::Modify(modify) => modify.action.each_expression(visit),
            NodeKind::Publish(publish) => {
                visit(&publish.payload);
                publish.key.iter().for_each(&mut *visit);
                publish.properties.iter().for_each(&mut *visit);
                publish.event_time.iter().for_each(visit);
            }
        }
    }

    /// As [`Node::each_expression`], to change them.
    pub fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match &mut self.kind {
            NodeKind::Singleton
            | NodeKind::NoResults
            | NodeKind::Limit { .. }
            | NodeKind::EnumerateStream { .. } => {}
            NodeKind::EnumerateCollection(enumerate) => enumerate.access.each_expression_mut(visit),
            NodeKind::EnumerateList { list, .. } => visit(list),
            NodeKind::Traverse(traverse) => {
                visit(&mut traverse.start);
                traverse
                    .early
                    .iter_mut()
                    .for_each(|early| visit(&mut early.condition));
                traverse
                    .prune
                    .iter_mut()
                    .for_each(|(_, condition)| visit(condition));
            }
            NodeKind::PathSearch(search) => {
                visit(&mut search.start);
                visit(&mut search.goal);
            }
            NodeKind::Calculation { expression, .. } => visit(expression),
            NodeKind::Filter(expression)
            | NodeKind::Distinct(expression)
            | NodeKind::Return(expression) => {
                visit(expression);
            }
            NodeKind::Sort { keys, .. } => {
                keys.iter_mut().for_each(|key| visit(&mut key.expression))
            }
            NodeKind::Collect(collect) => {
                collect.keys.iter_mut().for_each(|(_, key)| visit(key));
                collect
                    .aggregates
                    .iter_mut()
                    .filter_map(|a| a.argument.as_mut())
                    .for_each(&mut *visit);
                match &mut collect.into {
                    None => {}
                    Some((_, GroupMember::Projection(projection))) => visit(projection),
                    Some((_, GroupMember::Variables(members))) => {
                        members.iter_mut().for_each(|(_, member)| visit(member));
                    }
                }
            }
            NodeKind::Window(window) => {
                window.range.iter_mut().for_each(&mut *visit);
                window
                    .aggregates
                    .iter_mut()
                    .filter_map(|a| a.argument.as_mut())
                    .for_each(visit);
            }
            NodeKind::Modify(modify) => modify.action.each_expression_mut(visit),
            NodeKind::Publish(publish) => {
                visit(&mut publish.payload);
                publish.key.iter_mut().for_each(&mut *visit);
                publish.properties.iter_mut().for_each(&mut *visit);
                publish.event_time.iter_mut().for_each(visit);
            }
        }
    }

    /// Calls `visit` for each variable that the node brings into the row, and that later nodes may read.
    pub fn each_definition(&self, visit: &mut dyn FnMut(Variable)) {
        match &self.kind {
            NodeKind::EnumerateCollection(enumerate) => visit(enumerate.variable),
            NodeKind::EnumerateList { variable, .. }
            | NodeKind::EnumerateStream { variable, .. }
            | NodeKind::Calculation { variable, .. } => visit(*variable),
            NodeKind::Traverse(traverse) => {
                visit(traverse.vertex);
                traverse
                    .edge
                    .iter()
                    .chain(&traverse.path)
                    .for_each(|variable| visit(*variable));
                if let Some((Some(variable), _)) = &traverse.prune {
                    visit(*variable);
                }
            }
            NodeKind::PathSearch(search) => {
                visit(search.variable);
                search.edge.iter().for_each(|variable| visit(*variable));
            }
            NodeKind::Collect(collect) => {
                collect
                    .keys
                    .iter()
                    .for_each(|(variable, _)| visit(*variable));
                collect
                    .aggregates
                    .iter()
                    .for_each(|aggregate| visit(aggregate.variable));
                collect
                    .into
                    .iter()
                    .for_each(|(variable, _)| visit(*variable));
            }
            NodeKind::Window(window) => window
                .aggregates
                .iter()
                .for_each(|aggregate| visit(aggregate.variable)),
            NodeKind::Modify(modify) => modify
                .old
                .iter()
                .chain(&modify.new)
                .for_each(|variable| visit(*variable)),
            NodeKind::Publish(publish) => publish.new.iter().for_each(|variable| visit(*variable)),
            NodeKind::Singleton
            | NodeKind::Filter(_)
            | NodeKind::Sort { .. }
            | NodeKind::Limit { .. }
            | NodeKind::Distinct(_)
            | NodeKind::NoResults
            | NodeKind::Return(_) => {}
        }
    }

    /// Whether any expression of the node reads this variable.
    pub fn uses(&self, variable: Variable) -> bool {
        let mut found = false;
        self.each_expression(&mut |expression| found |= expression.uses(variable));
        found
    }
}

impl Action {
    fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Action::Insert { document } => visit(document),
            Action::Update { key, patch } => {
                key.iter().for_each(&mut *visit);
                patch.each_expression(visit);
            }
            Action::Replace { key, document } => {
                key.iter().for_each(&mut *visit);
                visit(document);
            }
            Action::Remove { key } => visit(key),
            Action::Upsert(upsert) => {
                upsert.key.iter().for_each(&mut *visit);
                if let Some(index) = &upsert.index {
                    index.each_expression(visit);
                }
                visit(&upsert.condition);
                upsert.insert.each_expression(visit);
                upsert.update.each_expression(visit);
            }
        }
    }

    fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        match self {
            Action::Insert { document } => visit(document),
            Action::Update { key, patch } => {
                key.iter_mut().for_each(&mut *visit);
                patch.each_expression_mut(visit);
            }
            Action::Replace { key, document } => {
                key.iter_mut().for_each(&mut *visit);
                visit(document);
            }
            Action::Remove { key } => visit(key),
            Action::Upsert(upsert) => {
                upsert.key.iter_mut().for_each(&mut *visit);
                if let Some(index) = &mut upsert.index {
                    index.each_expression_mut(visit);
                }
                visit(&mut upsert.condition);
                upsert.insert.each_expression_mut(visit);
                upsert.update.each_expression_mut(visit);
            }
        }
    }
}

impl Patch {
    fn each_expression(&self, visit: &mut dyn FnMut(&Expression)) {
        visit(&self.document);
        self.target.iter().chain(&self.rest).for_each(&mut *visit);
        for intent in &self.intents {
            visit(&intent.argument);
            visit(&intent.plain);
        }
    }

    fn each_expression_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        visit(&mut self.document);
        self.target
            .iter_mut()
            .chain(&mut self.rest)
            .for_each(&mut *visit);
        for intent in &mut self.intents {
            visit(&mut intent.argument);
            visit(&mut intent.plain);
        }
    }
}
