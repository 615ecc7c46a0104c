//! Resolving bind values: as constants, or as parameters of a plan that is kept for others.
//!
//! Where the plan itself depends on a value (a name, a LIMIT, an option), the parameter is *settled*: it becomes a
//! constant, and the plan serves only runs that bring the same value.

use antipode_c8ql::ast::Span;
use antipode_value::{Str, Value};

use super::{DEPTH_MAX, Resolver, deeper_than};
use crate::error::{Code, QueryError, Result};
use crate::expression::{Expression, Member};

impl Resolver<'_> {
    pub(super) fn bind(&mut self, name: &str, span: Span) -> Result<Value> {
        if !self.used_binds.iter().any(|used| used == name) {
            self.used_binds.push(name.to_owned());
        }
        let Some(value) = self.binds.get(name) else {
            let message = format!("no value specified for declared bind parameter '{name}'");
            let error = self.error(Code::BindParameterMissing, message, span);
            self.defer(error);
            return Ok(Value::Null);
        };
        if deeper_than(&value, DEPTH_MAX) {
            let message =
                format!("bind parameter '{name}' is nested more than {DEPTH_MAX} levels deep");
            return Err(self.error(Code::TooMuchNesting, message, span));
        }
        Ok(value)
    }

    pub(super) fn bind_text(&mut self, name: &str, span: Span) -> Result<Str> {
        match self.bind_settled(name, span)? {
            Value::String(text) => Ok(text),
            _ => {
                let message = format!(
                    "bind parameter '{name}' has an invalid value or type, expecting a string"
                );
                let error = self.error(Code::BindParameterType, message, span);
                self.defer(error);
                Ok(Str::default())
            }
        }
    }

    pub(super) fn check_binds(&mut self) {
        let unused = self
            .binds
            .keys()
            .find(|name| !self.used_binds.iter().any(|used| **used == **name));
        if let Some(name) = unused {
            let message = format!("bind parameter '{name}' was not declared in the query");
            let error = QueryError::new(Code::BindParameterUndeclared, message);
            self.defer(error);
        }
    }

    /// A bind value in an expression.
    pub(super) fn bind_operand(&mut self, name: &str, span: Span) -> Result<Expression> {
        let value = self.bind(name, span)?;
        Ok(match &mut self.parameters {
            Some(parameters) => Expression::Parameter(parameters.bind(name, value)),
            None => Expression::Constant(value),
        })
    }

    /// A bind value that the plan depends on.
    pub(super) fn bind_settled(&mut self, name: &str, span: Span) -> Result<Value> {
        let value = self.bind(name, span)?;
        if let Some(parameters) = &mut self.parameters {
            let parameter = parameters.bind(name, value.clone());
            parameters.settle(&parameter);
        }
        Ok(value)
    }

    /// An expression over parameters becomes a parameter. Where it fails or warns, the plan cannot be kept.
    pub(super) fn derive(&mut self, expression: Expression, value: Option<Value>) -> Expression {
        match (&mut self.parameters, value) {
            (Some(parameters), Some(value)) => {
                Expression::Parameter(parameters.derive(expression, value))
            }
            (Some(parameters), None) => {
                parameters.reject();
                expression
            }
            (None, _) => expression,
        }
    }

    /// The same expression without parameters: the plan depends on their values.
    pub(super) fn settle(&mut self, mut expression: Expression) -> Expression {
        if self.parameters.is_none() || !expression.is_static() || !expression.has_parameter() {
            return expression;
        }
        self.settle_parts(&mut expression);
        self.fold(expression)
    }

    fn settle_parts(&mut self, expression: &mut Expression) {
        if let (Expression::Parameter(parameter), Some(parameters)) =
            (&mut *expression, &mut self.parameters)
        {
            parameters.settle(parameter);
            *expression = Expression::Constant(parameter.sample.clone());
        }
        expression.each_mut(&mut |part| self.settle_parts(part));
    }

    /// Settles what could be written as a literal of an object, in the nested ones too: the plan depends on its names.
    pub(super) fn settle_objects(&mut self, expression: Expression) -> Expression {
        match expression {
            Expression::Parameter(parameter) if matches!(parameter.sample, Value::Object(_)) => {
                self.settle(Expression::Parameter(parameter))
            }
            Expression::Object(members) if self.parameters.is_some() => {
                let settled = members.into_iter().map(|member| match member {
                    Member::Named(name, value) => Member::Named(name, self.settle_objects(value)),
                    computed @ Member::Computed(..) => computed,
                });
                let settled = Expression::Object(settled.collect());
                self.fold(settled)
            }
            other => other,
        }
    }

    /// Settles a text: as an index it names an attribute, which may have an index of its own.
    pub(super) fn settle_text(&mut self, expression: Expression) -> Expression {
        match &expression {
            Expression::Parameter(parameter) if matches!(parameter.sample, Value::String(_)) => {
                self.settle(expression)
            }
            _ => expression,
        }
    }
}
