//! Resolving COLLECT and WINDOW.

use antipode_c8ql::ast::{self, Expr};
use antipode_value::{Str, Value};

use super::{Resolver, names};
use crate::error::{Code, QueryError, Result};
use crate::expression::Expression;
use crate::function;
use crate::plan::{Aggregate, AggregateKind, Bound, Collect, GroupMember, Node, NodeKind, Window};

impl Resolver<'_> {
    pub(super) fn collect(
        &mut self,
        operation: &ast::Collect,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        let introduced = introduced_names(operation);
        let mut keys = Vec::new();
        for group in &operation.groups {
            keys.push(self.not_introduced(&group.expression, &introduced)?);
        }
        let mut aggregates = Vec::new();
        for aggregate in &operation.aggregates {
            aggregates.push(self.aggregate(aggregate, &introduced)?);
        }
        let into = match &operation.into {
            None => None,
            Some(into) => Some(self.group_member(into, &introduced)?),
        };
        let mut disable_index = false;
        for (name, value) in self.options(operation.options.as_ref())? {
            match (&*name, value) {
                ("disableIndex", value) => disable_index = value.truthy(),
                ("method", Value::String(method)) if !matches!(&*method, "sorted" | "hash") => {
                    self.warn(
                        Code::BadParameter,
                        format!("unknown method '{method}' of COLLECT"),
                    );
                }
                // Groups are always found by hash and given in order, so nothing is left to choose.
                ("method", _) => {}
                (name, _) => self.unknown_option("COLLECT", name),
            }
        }

        self.scopes.collect();
        let mut collect = Collect {
            keys: Vec::new(),
            aggregates: Vec::new(),
            into: None,
            sorted: true,
            disable_index,
        };
        for (group, expression) in operation.groups.iter().zip(keys) {
            collect
                .keys
                .push((self.declare(&group.variable)?, expression));
        }
        for (aggregate, (kind, argument)) in operation.aggregates.iter().zip(aggregates) {
            let variable = self.declare(&aggregate.variable)?;
            collect.aggregates.push(Aggregate {
                variable,
                kind,
                argument,
            });
        }
        if let Some(count) = &operation.count {
            let variable = self.declare(count)?;
            collect.aggregates.push(Aggregate {
                variable,
                kind: AggregateKind::Length,
                argument: None,
            });
        }
        if let (Some(into), Some(member)) = (&operation.into, into) {
            collect.into = Some((self.declare(&into.variable)?, member));
        }
        self.node(NodeKind::Collect(Box::new(collect)), nodes)
    }

    /// Resolves an expression of a COLLECT; a name that only this COLLECT introduces is error 1512.
    fn not_introduced(&mut self, expr: &Expr, introduced: &[&str]) -> Result<Expression> {
        let before = self.faults.len();
        let resolved = self.expression(expr);
        // Unknown names wait to be told; here they may have another cause.
        let waiting = self.faults.split_off(before.min(self.faults.len()));
        for error in waiting {
            let explained = self.explain_introduced(error, expr, introduced);
            self.defer(explained);
        }
        resolved.map_err(|error| self.explain_introduced(error, expr, introduced))
    }

    fn explain_introduced(
        &self,
        error: QueryError,
        expr: &Expr,
        introduced: &[&str],
    ) -> QueryError {
        let unknown = [
            Code::DataSourceNotFound.number(),
            Code::VariableNameUnknown.number(),
        ];
        if !unknown.contains(&error.code()) {
            return error;
        }
        let names = introduced
            .iter()
            .filter(|name| self.scopes.find(name).is_none());
        // The message names the unknown identifier; only if it is one of ours is the cause this COLLECT.
        let cause = names.into_iter().find(|name| {
            error
                .message()
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                .any(|word| word == **name)
        });
        match cause {
            Some(name) => self.error(
                Code::VariableNameUnknown,
                format!(
                    "variable '{name}' is introduced by the same COLLECT and cannot be used in it"
                ),
                expr.span,
            ),
            None => error,
        }
    }

    fn aggregate(
        &mut self,
        aggregate: &ast::Aggregate,
        introduced: &[&str],
    ) -> Result<(AggregateKind, Option<Expression>)> {
        let call = &aggregate.call;
        let kind = match AggregateKind::find(&call.name) {
            Some(kind) if call.namespace.is_empty() => kind,
            _ => {
                let near = function::nearest(&call.name);
                let hint = near
                    .filter(|near| AggregateKind::find(near).is_some())
                    .map(|near| format!(" (did you mean '{near}()'?)"))
                    .unwrap_or_default();
                let message = format!("'{}()' is not an aggregate function{hint}", call.name);
                return Err(self.error(Code::InvalidAggregateExpression, message, call.name_span));
            }
        };
        match (kind, call.arguments.as_slice()) {
            (AggregateKind::Length, []) => Ok((kind, None)),
            // The argument counts nothing, but it must make sense.
            (AggregateKind::Length, [argument]) => {
                self.not_introduced(argument, introduced)?;
                Ok((kind, None))
            }
            (kind, [argument]) => Ok((kind, Some(self.not_introduced(argument, introduced)?))),
            _ => {
                let least = usize::from(kind != AggregateKind::Length);
                let message = format!(
                    "invalid number of arguments for function '{}()', expected number of arguments: minimum: {least}, maximum: 1",
                    call.name
                );
                Err(self.error(Code::FunctionArgumentNumber, message, call.name_span))
            }
        }
    }

    fn group_member(
        &mut self,
        into: &ast::CollectInto,
        introduced: &[&str],
    ) -> Result<GroupMember> {
        if let Some(projection) = &into.projection {
            return Ok(GroupMember::Projection(
                self.not_introduced(projection, introduced)?,
            ));
        }
        let gathered = self.scopes.gathered();
        let Some(keep) = &into.keep else {
            let members = gathered.into_iter();
            return Ok(GroupMember::Variables(
                members
                    .map(|(name, variable)| (Str::from(name), Expression::Variable(variable)))
                    .collect(),
            ));
        };
        let mut members = Vec::new();
        for name in keep {
            match self.scopes.find(&name.text) {
                Some(super::Meaning::Variable(variable)) => {
                    members.push((
                        Str::from(name.text.as_str()),
                        Expression::Variable(variable),
                    ));
                }
                _ => {
                    let hint = names::hint(&name.text, self.scopes.names());
                    let message = format!("KEEP of unknown variable '{}'{hint}", name.text);
                    return Err(self.error(Code::QueryParse, message, name.span));
                }
            }
        }
        Ok(GroupMember::Variables(members))
    }

    pub(super) fn window(&mut self, operation: &ast::Window, nodes: &mut Vec<Node>) -> Result<()> {
        if self.modifies {
            let message = "WINDOW after a data-modification operation";
            let error = self.error(Code::WindowAfterModification, message, operation.span);
            self.defer(error);
        }
        let range = operation
            .range
            .as_ref()
            .map(|range| self.expression(range))
            .transpose()?;
        let rows = range.is_none();
        let preceding = self.window_bound(operation.preceding.as_ref(), rows)?;
        let following = self.window_bound(operation.following.as_ref(), rows)?;
        let introduced: Vec<&str> = operation
            .aggregates
            .iter()
            .map(|aggregate| aggregate.variable.text.as_str())
            .collect();
        let mut aggregates = Vec::new();
        for aggregate in &operation.aggregates {
            aggregates.push(self.aggregate(aggregate, &introduced)?);
        }
        let mut declared = Vec::new();
        for (aggregate, (kind, argument)) in operation.aggregates.iter().zip(aggregates) {
            let variable = self.declare(&aggregate.variable)?;
            declared.push(Aggregate {
                variable,
                kind,
                argument,
            });
        }
        let window = Window {
            range,
            preceding,
            following,
            aggregates: declared,
        };
        self.node(NodeKind::Window(Box::new(window)), nodes)
    }

    fn window_bound(&mut self, bound: Option<&Expr>, rows: bool) -> Result<Bound> {
        let Some(bound) = bound else {
            return Ok(Bound::Offset(Value::Int(0)));
        };
        let expression = self.expression(bound)?;
        match self.settle(expression).constant() {
            Some(Value::String(text)) if &**text == "unbounded" => Ok(Bound::Unbounded),
            Some(Value::Int(offset)) if *offset >= 0 => Ok(Bound::Offset(Value::Int(*offset))),
            Some(Value::Float(offset)) if *offset >= 0.0 && !rows => {
                Ok(Bound::Offset(Value::float(*offset)))
            }
            Some(Value::String(text)) if !rows && text.starts_with('P') => {
                Ok(Bound::Offset(Value::String(text.clone())))
            }
            _ => Err(self.error(
                Code::QueryParse,
                "a WINDOW bound is a constant number of at least 0, a duration, or \"unbounded\"",
                bound.span,
            )),
        }
    }
}

fn introduced_names(operation: &ast::Collect) -> Vec<&str> {
    let groups = operation.groups.iter().map(|group| &group.variable);
    let aggregates = operation
        .aggregates
        .iter()
        .map(|aggregate| &aggregate.variable);
    let into = operation.into.iter().map(|into| &into.variable);
    groups
        .chain(aggregates)
        .chain(&operation.count)
        .chain(into)
        .map(|name| name.text.as_str())
        .collect()
}
