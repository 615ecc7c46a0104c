//! Resolving expressions: from the syntax tree to the compiled form.

use std::sync::Arc;

use antipode_c8ql::ast::{self, BinaryOperator, Expr, ExprKind, MemberKind, Span, UnaryOperator};
use antipode_value::{Str, Value};

use super::{DEPTH_MAX, Meaning, Resolver, names};
use crate::error::{Code, QueryError, Result};
use crate::expression::{
    Arithmetic, Comparison, Expression, Member, Quantified, Quantifier, Unary,
};
use crate::function;
use crate::source::CollectionInfo;

/// Functions that take the bare name of a collection; it reaches them as a string.
const COLLECTION_FUNCTIONS: &[&str] = &[
    "COLLECTION_COUNT",
    "DOCUMENT",
    "NEAR",
    "WITHIN",
    "WITHIN_RECTANGLE",
    "FULLTEXT",
    "IS_SAME_COLLECTION",
    "SCHEMA_GET",
    "SHARD_ID",
    "KV_GET",
    "KV_MGET",
    "KV_HAS",
    "KV_META",
    "KV_SCAN",
];

/// Functions that read documents, which nothing may do once the query has modified any.
const READING_FUNCTIONS: &[&str] = &[
    "COLLECTION_COUNT",
    "COLLECTIONS",
    "DOCUMENT",
    "NEAR",
    "WITHIN",
    "WITHIN_RECTANGLE",
    "FULLTEXT",
];

impl Resolver<'_> {
    /// Resolves an expression and folds what is constant in it.
    pub(super) fn expression(&mut self, expr: &Expr) -> Result<Expression> {
        let expression = self.unfolded(expr)?;
        Ok(self.fold(expression))
    }

    /// Resolves an expression that may never be evaluated.
    pub(super) fn lazily(&mut self, expr: &Expr) -> Result<Expression> {
        self.lazy += 1;
        let expression = self.expression(expr);
        self.lazy -= 1;
        expression
    }

    fn boxed(&mut self, expr: &Expr) -> Result<Box<Expression>> {
        Ok(Box::new(self.expression(expr)?))
    }

    fn unfolded(&mut self, expr: &Expr) -> Result<Expression> {
        Ok(match &expr.kind {
            ExprKind::Null => Expression::null(),
            ExprKind::Bool(bool) => Expression::Constant(Value::Bool(*bool)),
            ExprKind::Int(int) => Expression::Constant(Value::Int(*int)),
            ExprKind::Float(float) => Expression::Constant(Value::float(*float)),
            ExprKind::OutOfRange => {
                self.warn(Code::NumberOutOfRange, "number literal out of range");
                Expression::null()
            }
            ExprKind::String(text) => Expression::Constant(Value::from(text.as_str())),
            ExprKind::Bind(name) => self.bind_operand(name, expr.span)?,
            ExprKind::SourceBind(_) => self.misplaced_collection(expr)?,
            ExprKind::Name(name) => match self.scopes.find(name) {
                Some(Meaning::Variable(variable)) => Expression::Variable(variable),
                Some(Meaning::Forbidden) => {
                    let message = format!("'{name}' is not available here");
                    return Err(self.error(Code::QueryParse, message, expr.span));
                }
                None => self.misplaced_collection(expr)?,
            },
            ExprKind::Array(elements) => self.nested(expr.span, |resolver| {
                Ok(Expression::Array(resolver.all(elements)?))
            })?,
            ExprKind::Object(members) => {
                self.nested(expr.span, |resolver| resolver.object(members))?
            }
            ExprKind::Attribute { base, name } => {
                Expression::Attribute(self.boxed(base)?, Str::from(name.as_str()))
            }
            ExprKind::BoundAttribute { base, bind } => {
                let base = self.expression(base)?;
                self.bound_attribute(base, bind, expr.span)?
            }
            ExprKind::Index { base, index } => {
                let base = self.expression(base)?;
                let index = self.expression(index)?;
                let index = self.settle_text(index);
                element(base, index)
            }
            ExprKind::Expansion(expansion) => self.expansion(expansion)?,
            ExprKind::Element => self
                .elements
                .last()
                .cloned()
                .unwrap_or_else(Expression::null),
            ExprKind::QuestionMark(test) => self.element_test(test)?,
            ExprKind::Unary { operator, operand } => {
                let operator = match operator {
                    UnaryOperator::Not => Unary::Not,
                    UnaryOperator::Plus => Unary::Plus,
                    UnaryOperator::Minus => Unary::Minus,
                };
                Expression::Unary(operator, self.boxed(operand)?)
            }
            ExprKind::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right, expr.span)?,
            ExprKind::Quantified(quantified) => {
                let left = self.expression(&quantified.left)?;
                let right = self.expression(&quantified.right)?;
                let quantifier = match &quantified.quantifier {
                    ast::Quantifier::All => Quantifier::All,
                    ast::Quantifier::Any => Quantifier::Any,
                    ast::Quantifier::None => Quantifier::None,
                    ast::Quantifier::AtLeast(count) => Quantifier::AtLeast(self.expression(count)?),
                };
                let Some(comparison) = comparison(quantified.operator) else {
                    return Err(self.error(
                        Code::QueryParse,
                        "this operator has no form for arrays",
                        expr.span,
                    ));
                };
                Expression::Quantified(Box::new(Quantified {
                    quantifier,
                    comparison,
                    left,
                    right,
                }))
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.expression(condition)?;
                match then {
                    None => Expression::Elvis(Box::new([condition, self.lazily(otherwise)?])),
                    Some(then) => {
                        let then = self.lazily(then)?;
                        let otherwise = self.lazily(otherwise)?;
                        Expression::Ternary(Box::new([condition, then, otherwise]))
                    }
                }
            }
            ExprKind::Call(call) => self.call(call)?,
            ExprKind::Subquery(operations) => {
                let lazy = std::mem::take(&mut self.lazy);
                let elements = std::mem::take(&mut self.elements);
                let pipeline = self.pipeline(operations);
                self.lazy = lazy;
                self.elements = elements;
                Expression::Subquery(Box::new(pipeline?))
            }
        })
    }

    /// Resolves the inside of an array or object literal, which nest only so deep.
    fn nested(
        &mut self,
        span: Span,
        inside: impl FnOnce(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        if self.nesting >= DEPTH_MAX {
            let message = format!("a literal may nest at most {DEPTH_MAX} levels deep");
            return Err(self.error(Code::TooMuchNesting, message, span));
        }
        self.nesting += 1;
        let expression = inside(self);
        self.nesting -= 1;
        expression
    }

    pub(super) fn all(&mut self, exprs: &[Expr]) -> Result<Vec<Expression>> {
        exprs.iter().map(|expr| self.expression(expr)).collect()
    }

    // ----- collections in expressions -----

    /// The collection that a bare name or `@@bind` means, if it is not a variable. An unknown one is left to the
    /// expression, which says so in its turn.
    pub(super) fn collection_operand(
        &mut self,
        expr: &Expr,
    ) -> Result<Option<Arc<CollectionInfo>>> {
        match &expr.kind {
            ExprKind::Name(name) if self.scopes.find(name).is_none() => self.find_collection(name),
            ExprKind::SourceBind(bind) => {
                let name = self.bind_text(&format!("@{bind}"), expr.span)?;
                self.find_collection(&name)
            }
            _ => Ok(None),
        }
    }

    /// A bare name that is no variable: it is a collection out of place, or unknown. Either is an error.
    fn misplaced_collection(&mut self, expr: &Expr) -> Result<Expression> {
        let error = match (self.collection_operand(expr)?, &expr.kind) {
            (Some(collection), _) => self.error(
                Code::CollectionUsedInExpression,
                format!(
                    "collection '{}' used as expression operand",
                    collection.name
                ),
                expr.span,
            ),
            (None, ExprKind::SourceBind(bind)) => {
                let name = self.bind_text(&format!("@{bind}"), expr.span)?;
                self.unknown_name(&name, expr.span)
            }
            (None, ExprKind::Name(name)) => self.unknown_name(name, expr.span),
            (None, _) => self.unknown_name("", expr.span),
        };
        self.defer(error);
        Ok(Expression::null())
    }

    // ----- parts -----

    fn object(&mut self, members: &[ast::Member]) -> Result<Expression> {
        let mut resolved = Vec::with_capacity(members.len());
        for member in members {
            resolved.push(match &member.kind {
                MemberKind::Named { name, value } => {
                    Member::Named(Str::from(name.as_str()), self.expression(value)?)
                }
                MemberKind::Shorthand(name) => match self.scopes.find(&name.text) {
                    Some(Meaning::Variable(variable)) => Member::Named(
                        Str::from(name.text.as_str()),
                        Expression::Variable(variable),
                    ),
                    _ => {
                        let hint = names::hint(&name.text, self.scopes.names());
                        let message = format!("unknown variable '{}'{hint}", name.text);
                        return Err(self.error(Code::VariableNameUnknown, message, name.span));
                    }
                },
                MemberKind::Bound { bind, value } => {
                    let name = self.bind_text(bind, member.span)?;
                    Member::Named(name, self.expression(value)?)
                }
                MemberKind::Computed { name, value } => {
                    let name = self.expression(name)?;
                    let name = self.settle(name);
                    let value = self.expression(value)?;
                    match name.constant() {
                        Some(known) => Member::Named(known.to_text(), value),
                        None => Member::Computed(name, value),
                    }
                }
            });
        }
        Ok(Expression::Object(resolved))
    }

    fn bound_attribute(&mut self, base: Expression, bind: &str, span: Span) -> Result<Expression> {
        let names = match self.bind_settled(bind, span)? {
            Value::String(name) if !name.is_empty() => vec![Value::String(name)],
            Value::Array(path) if !path.is_empty() => path.to_vec(),
            _ => vec![Value::Null],
        };
        let mut expression = base;
        for name in names {
            let Value::String(name) = name else {
                let message =
                    format!("bind parameter '{bind}' must be a string or an array of strings");
                let error = self.error(Code::BindParameterType, message, span);
                self.defer(error);
                return Ok(expression);
            };
            expression = Expression::Attribute(Box::new(expression), name);
        }
        Ok(expression)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Result<Expression> {
        let lazy = matches!(operator, BinaryOperator::And | BinaryOperator::Or);
        let left = self.expression(left)?;
        let right = if lazy {
            self.lazily(right)?
        } else {
            self.expression(right)?
        };
        let parts = |left, right| Box::new([left, right]);
        let arithmetic = |operator| {
            Ok(Expression::Arithmetic(
                operator,
                Box::new([left.clone(), right.clone()]),
            ))
        };
        match operator {
            BinaryOperator::Or => Ok(Expression::Or(parts(left, right))),
            BinaryOperator::And => Ok(Expression::And(parts(left, right))),
            BinaryOperator::Range => Ok(Expression::Range(parts(left, right))),
            BinaryOperator::Add => arithmetic(Arithmetic::Add),
            BinaryOperator::Subtract => arithmetic(Arithmetic::Subtract),
            BinaryOperator::Multiply => arithmetic(Arithmetic::Multiply),
            BinaryOperator::Divide => arithmetic(Arithmetic::Divide),
            BinaryOperator::Modulo => arithmetic(Arithmetic::Modulo),
            BinaryOperator::Like => self.operator_call("LIKE", left, right, span),
            BinaryOperator::Matches => self.operator_call("REGEX_TEST", left, right, span),
            BinaryOperator::NotLike | BinaryOperator::NotMatches => {
                let (name, negation) = match operator {
                    BinaryOperator::NotLike => ("LIKE", Unary::Not),
                    _ => ("REGEX_TEST", Unary::NoMatch),
                };
                let matches = self.operator_call(name, left, right, span)?;
                let matches = self.fold(matches);
                Ok(Expression::Unary(negation, Box::new(matches)))
            }
            operator => match comparison(operator) {
                Some(comparison) => Ok(Expression::Compare(comparison, parts(left, right))),
                None => Err(self.error(Code::Internal, "unknown operator", span)),
            },
        }
    }

    /// An operator whose work a function does.
    fn operator_call(
        &mut self,
        name: &str,
        left: Expression,
        right: Expression,
        span: Span,
    ) -> Result<Expression> {
        match function::find(name) {
            Some(function) => Ok(Expression::Call(function, vec![left, right])),
            None => Err(self.error(
                Code::NotImplemented,
                format!("{name} is not implemented"),
                span,
            )),
        }
    }

    // ----- calls -----

    fn call(&mut self, call: &ast::Call) -> Result<Expression> {
        if let ([], "LENGTH" | "COUNT", [only]) = (
            call.namespace.as_slice(),
            call.name.as_str(),
            call.arguments.as_slice(),
        ) && let Some(collection) = self.collection_operand(only)?
        {
            self.reads(&collection, only.span);
            return Ok(Expression::CollectionCount(collection));
        }
        let found = match call.namespace.as_slice() {
            [] => function::find(&call.name),
            _ => None,
        };
        let Some(function) = found else {
            let error = self.unknown_function(call);
            self.defer(error);
            // What is wrong inside is wrong too.
            self.all(&call.arguments)?;
            return Ok(Expression::null());
        };
        if self.modifies && READING_FUNCTIONS.contains(&function.name) {
            let message = format!(
                "access after data-modification by function '{}()'",
                function.name
            );
            let error = self.error(Code::AccessAfterModification, message, call.name_span);
            self.defer(error);
        }
        let takes_collections = COLLECTION_FUNCTIONS.contains(&function.name);
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            let collection = if takes_collections {
                self.collection_operand(argument)?
            } else {
                None
            };
            arguments.push(match collection {
                Some(collection) => Expression::Constant(Value::from(collection.name.as_str())),
                None => self.expression(argument)?,
            });
        }
        if arguments.len() < function.arity.0 || arguments.len() > function.arity.1 {
            let message = function::arity_message(function);
            let error = self.error(Code::FunctionArgumentNumber, message, call.name_span);
            self.defer(error);
            return Ok(Expression::null());
        }
        if let Some(needed) = function.needs {
            let message = format!(
                "'{}()' is not implemented: it works on {needed}, and there are none yet",
                function.name
            );
            let error = self.error(Code::NotImplemented, message, call.name_span);
            self.defer(error);
            return Ok(Expression::null());
        }
        Ok(Expression::Call(function, arguments))
    }

    /// The error for a call of something that is no function of this build.
    fn unknown_function(&self, call: &ast::Call) -> QueryError {
        let full: Vec<&str> = call
            .namespace
            .iter()
            .map(String::as_str)
            .chain([call.name.as_str()])
            .collect();
        let hint = match function::nearest(&call.name) {
            Some(near) if call.namespace.is_empty() => format!(" (did you mean '{near}()'?)"),
            _ => String::new(),
        };
        let message = format!("usage of unknown function '{}()'{hint}", full.join("::"));
        self.error(Code::FunctionNameUnknown, message, call.name_span)
    }
}

/// `base[index]`; a constant name that is no number is an attribute.
fn element(base: Expression, index: Expression) -> Expression {
    if let Some(Value::String(name)) = index.constant()
        && name.parse::<f64>().is_err()
    {
        return Expression::Attribute(Box::new(base), name.clone());
    }
    Expression::Element(Box::new([base, index]))
}

fn comparison(operator: BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Equal => Comparison::Equal,
        BinaryOperator::NotEqual => Comparison::NotEqual,
        BinaryOperator::Less => Comparison::Less,
        BinaryOperator::LessEqual => Comparison::LessOrEqual,
        BinaryOperator::Greater => Comparison::Greater,
        BinaryOperator::GreaterEqual => Comparison::GreaterOrEqual,
        BinaryOperator::In => Comparison::In,
        BinaryOperator::NotIn => Comparison::NotIn,
        _ => return None,
    })
}
