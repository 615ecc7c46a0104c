//! Resolving `[* …]` and `[? …]`.

use antipode_c8ql::ast::{self, BinaryOperator, Expr, ExprKind};
use antipode_value::Value;

use super::{Resolver, ScopeKind};
use crate::error::Result;
use crate::expression::{ElementTest, Expansion, Expression, Quantifier, Variable};

impl Resolver<'_> {
    /// Opens the scope of an inline expression, where `CURRENT` is the element.
    fn open_inline(&mut self) -> Variable {
        self.scopes.open(ScopeKind::Inline);
        self.special("CURRENT")
    }

    pub(super) fn expansion(&mut self, expansion: &ast::Expansion) -> Result<Expression> {
        let rearranged = rearrange(expansion);
        let expansion = rearranged.as_ref().unwrap_or(expansion);
        let base = self.expression(&expansion.base)?;
        let limit = match &expansion.limit {
            None => None,
            Some(limit) => {
                let offset = match &limit.offset {
                    Some(offset) => self.expression(offset)?,
                    None => Expression::Constant(Value::Int(0)),
                };
                Some((offset, self.expression(&limit.count)?))
            }
        };
        let current = self.open_inline();
        self.lazy += 1;
        let parts = self.expansion_parts(expansion, current);
        self.lazy -= 1;
        self.scopes.close();
        let (filter, projection) = parts?;
        Ok(Expression::Expand(Box::new(Expansion {
            base,
            flatten: expansion.flatten as usize,
            current,
            filter,
            limit,
            projection,
        })))
    }

    fn expansion_parts(
        &mut self,
        expansion: &ast::Expansion,
        current: Variable,
    ) -> Result<(Option<Expression>, Option<Expression>)> {
        let filter = expansion
            .filter
            .as_ref()
            .map(|filter| self.expression(filter))
            .transpose()?;
        let mut projection = expansion
            .projection
            .as_ref()
            .map(|projection| self.expression(projection))
            .transpose()?;
        if let Some(rest) = &expansion.rest {
            let element = projection.take().unwrap_or(Expression::Variable(current));
            self.elements.push(element);
            let rest = self.expression(rest);
            self.elements.pop();
            projection = Some(rest?);
        }
        Ok((filter, projection))
    }

    pub(super) fn element_test(&mut self, test: &ast::QuestionMark) -> Result<Expression> {
        let base = self.expression(&test.base)?;
        let quantifier = match &test.quantifier {
            None | Some(ast::ArrayQuantifier::Any) => Quantifier::Any,
            Some(ast::ArrayQuantifier::All) => Quantifier::All,
            Some(ast::ArrayQuantifier::None) => Quantifier::None,
            Some(ast::ArrayQuantifier::AtLeast(count)) => {
                Quantifier::AtLeast(self.expression(count)?)
            }
            Some(ast::ArrayQuantifier::Count(count)) => match &count.kind {
                ExprKind::Binary {
                    operator: BinaryOperator::Range,
                    left,
                    right,
                } => Quantifier::Between(self.expression(left)?, self.expression(right)?),
                _ => Quantifier::Exactly(self.expression(count)?),
            },
        };
        let current = self.open_inline();
        let filter = test
            .filter
            .as_ref()
            .map(|filter| self.lazily(filter))
            .transpose();
        self.scopes.close();
        Ok(Expression::Test(Box::new(ElementTest {
            base,
            flatten: test.flatten as usize,
            current,
            quantifier,
            filter: filter?,
        })))
    }
}

/// Puts a chain of expansions in the order in which they are carried out; none if it is.
///
/// The tree has what follows a bracket inside it: each expansion works on an element of the one before. Two things are
/// different: `[**]` behind an expansion flattens what that gives as a whole, and a third `[*]` goes over what the
/// second gives for an element of the first.
fn rearrange(expansion: &ast::Expansion) -> Option<ast::Expansion> {
    let mut links = vec![expansion];
    while let Some(Expr {
        kind: ExprKind::Expansion(next),
        ..
    }) = links.last().and_then(|last| last.rest.as_ref())
    {
        links.push(next);
    }
    let (first, behind) = links.split_first()?;
    if behind.len() < 2 && behind.iter().all(|link| link.flatten == 0) {
        return None;
    }
    let tail = links.last().and_then(|last| last.rest.clone());
    let opened = |link: &ast::Expansion, base: Expr| ast::Expansion {
        base,
        rest: None,
        ..link.clone()
    };
    let as_expr = |expansion: ast::Expansion| {
        let span = expansion.base.span;
        Expr::new(ExprKind::Expansion(Box::new(expansion)), span)
    };
    let mut outer = opened(first, first.base.clone());
    let mut inner: Option<ast::Expansion> = None;
    let close = |mut outer: ast::Expansion, inner: Option<ast::Expansion>, rest: Option<Expr>| {
        outer.rest = match inner {
            None => rest,
            Some(mut inner) => {
                inner.rest = rest;
                Some(as_expr(inner))
            }
        };
        outer
    };
    for link in behind {
        if link.flatten > 0 {
            let whole = close(outer, inner.take(), Some(link.base.clone()));
            outer = opened(link, as_expr(whole));
        } else {
            inner = Some(match inner.take() {
                None => opened(link, link.base.clone()),
                Some(mut before) => {
                    before.rest = Some(link.base.clone());
                    opened(link, as_expr(before))
                }
            });
        }
    }
    Some(close(outer, inner, tail))
}
