//! Expressions, by binding power.
//!
//! An operator takes what stands left of it if its power is at least the minimum that its surroundings
//! ask for; its right operand is read with one more, so that equal operators group to the left.
//!
//! ```text
//!  1  ? :                    right to left
//!  3  OR ||
//!  5  AND &&
//!  7  ALL ANY NONE AT LEAST  before a comparison
//!  9  == != LIKE =~ !~       and their negations
//! 11  IN, NOT IN
//! 13  < <= > >=
//! 15  ..
//! 17  + -
//! 19  * / %
//! 21  ! NOT + -              prefix
//! 23  .name [index] [*] [?]
//! ```
//!
//! A quantified comparison `left ANY == right` has the power of the quantifier to its left and that of
//! its comparison to its right, and is then an ordinary left operand: `x ANY == a == b` means
//! `(x ANY == a) == b`, and `x ANY == a < b` means `x ANY == (a < b)`.

use super::{Parsed, Parser, is_name};
use crate::ast::{
    ArrayQuantifier, BinaryOperator, Call, Expansion, Expr, ExprKind, InlineLimit, Member,
    MemberKind, Name, Quantified, Quantifier, QuestionMark, Span, UnaryOperator,
};
use crate::lexer::{Keyword, Token, TokenKind};

pub(crate) const TERNARY: u8 = 1;
pub(crate) const QUANTIFIER: u8 = 7;
pub(crate) const UNARY: u8 = 21;
pub(crate) const POSTFIX: u8 = 23;

/// How strongly an operator binds.
pub(crate) fn power(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => 3,
        BinaryOperator::And => 5,
        BinaryOperator::Equal
        | BinaryOperator::NotEqual
        | BinaryOperator::Like
        | BinaryOperator::NotLike
        | BinaryOperator::Matches
        | BinaryOperator::NotMatches => 9,
        BinaryOperator::In | BinaryOperator::NotIn => 11,
        BinaryOperator::Less
        | BinaryOperator::LessEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterEqual => 13,
        BinaryOperator::Range => 15,
        BinaryOperator::Add | BinaryOperator::Subtract => 17,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => 19,
    }
}

/// What follows an operand, if it belongs to the expression.
enum Follower {
    Accessor,
    Ternary,
    Quantifier,
    /// An operator of one token, or with a `NOT` before it of two.
    Operator(BinaryOperator, u8),
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.expression_above(TERNARY)
    }

    /// As much of an expression as binds at least with `minimum`.
    fn expression_above(&mut self, minimum: u8) -> Parsed<Expr> {
        self.nested(|parser| {
            // Parentheses around `left` belong to what it becomes a part of.
            let start = parser.token.span.start;
            let mut left = parser.operand()?;
            // How many expansions at the end of `left` go on with a further accessor.
            let mut open = 0;
            while let Some((follower, left_power)) = parser.follower() {
                if left_power < minimum {
                    break;
                }
                parser.push_down()?;
                left = match follower {
                    Follower::Accessor => {
                        let expands = parser.at_expansion();
                        let accessed = match open {
                            0 => parser.accessor(left, start)?,
                            _ => parser.continue_expansion(left, open)?,
                        };
                        open += u32::from(expands);
                        accessed
                    }
                    Follower::Ternary => parser.ternary(left, start)?,
                    Follower::Quantifier => parser.quantified(left, start)?,
                    Follower::Operator(operator, tokens) => {
                        parser.binary(left, start, operator, tokens)?
                    }
                };
            }
            Ok(left)
        })
    }

    fn follower(&self) -> Option<(Follower, u8)> {
        use BinaryOperator as B;
        let operator = match self.token.kind {
            TokenKind::Dot | TokenKind::OpenBracket => return Some((Follower::Accessor, POSTFIX)),
            TokenKind::Question => return Some((Follower::Ternary, TERNARY)),
            TokenKind::AtLeast => return Some((Follower::Quantifier, QUANTIFIER)),
            TokenKind::Keyword(Keyword::All | Keyword::Any | Keyword::None) => {
                // `ANY` is a direction too, and means that where no comparison follows.
                let compares = self.comparison(self.peek()).is_some();
                return compares.then_some((Follower::Quantifier, QUANTIFIER));
            }
            TokenKind::Keyword(Keyword::Not) => {
                let operator = match self.peek().kind {
                    TokenKind::Keyword(Keyword::Like) => B::NotLike,
                    TokenKind::Matches => B::NotMatches,
                    TokenKind::NotMatches => B::Matches,
                    _ => return None,
                };
                return Some((Follower::Operator(operator, 2), power(operator)));
            }
            TokenKind::Keyword(Keyword::Or) | TokenKind::DoubleOr => B::Or,
            TokenKind::Keyword(Keyword::And) | TokenKind::DoubleAnd => B::And,
            TokenKind::Keyword(Keyword::Like) => B::Like,
            TokenKind::Matches => B::Matches,
            TokenKind::NotMatches => B::NotMatches,
            TokenKind::Range => B::Range,
            TokenKind::Plus => B::Add,
            TokenKind::Minus => B::Subtract,
            TokenKind::Star => B::Multiply,
            TokenKind::Slash => B::Divide,
            TokenKind::Percent => B::Modulo,
            _ => self.comparison(self.token)?,
        };
        Some((Follower::Operator(operator, 1), power(operator)))
    }

    /// The operators that have a quantified form.
    fn comparison(&self, token: Token) -> Option<BinaryOperator> {
        Some(match token.kind {
            TokenKind::Equal => BinaryOperator::Equal,
            TokenKind::NotEqual => BinaryOperator::NotEqual,
            TokenKind::Less => BinaryOperator::Less,
            TokenKind::LessEqual => BinaryOperator::LessEqual,
            TokenKind::Greater => BinaryOperator::Greater,
            TokenKind::GreaterEqual => BinaryOperator::GreaterEqual,
            TokenKind::Keyword(Keyword::In) if !self.stop_at_in => BinaryOperator::In,
            TokenKind::NotIn => BinaryOperator::NotIn,
            _ => return None,
        })
    }

    fn binary(
        &mut self,
        left: Expr,
        start: u32,
        operator: BinaryOperator,
        tokens: u8,
    ) -> Parsed<Expr> {
        for _ in 0..tokens {
            self.advance();
        }
        let right = self.expression_above(power(operator) + 1)?;
        let span = self.span_from(start);
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(Expr::new(
            ExprKind::Binary {
                operator,
                left,
                right,
            },
            span,
        ))
    }

    fn quantified(&mut self, left: Expr, start: u32) -> Parsed<Expr> {
        let quantifier = match self.advance().kind {
            TokenKind::Keyword(Keyword::All) => Quantifier::All,
            TokenKind::Keyword(Keyword::Any) => Quantifier::Any,
            TokenKind::Keyword(Keyword::None) => Quantifier::None,
            _ => Quantifier::AtLeast(self.parenthesised()?),
        };
        let Some(operator) = self.comparison(self.token) else {
            return Err(self.unexpected("a comparison operator"));
        };
        self.advance();
        let right = self.expression_above(power(operator) + 1)?;
        let span = self.span_from(start);
        Ok(Expr::new(
            ExprKind::Quantified(Box::new(Quantified {
                quantifier,
                operator,
                left,
                right,
            })),
            span,
        ))
    }

    fn ternary(&mut self, condition: Expr, start: u32) -> Parsed<Expr> {
        self.advance();
        let then = if self.at(TokenKind::Colon) {
            None
        } else {
            Some(Box::new(self.expression_above(TERNARY)?))
        };
        self.expect(TokenKind::Colon, "':'")?;
        let otherwise = Box::new(self.expression_above(TERNARY)?);
        let span = self.span_from(start);
        let condition = Box::new(condition);
        Ok(Expr::new(
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            },
            span,
        ))
    }

    // -- what follows an operand ----------------------------------------------------------------

    fn at_expansion(&self) -> bool {
        self.at(TokenKind::OpenBracket) && self.peek().kind == TokenKind::Star
    }

    fn accessor(&mut self, base: Expr, start: u32) -> Parsed<Expr> {
        let kind = if self.take(TokenKind::Dot) {
            self.attribute(base)?
        } else {
            self.advance();
            self.bracketed(|parser| match parser.token.kind {
                TokenKind::Star => parser.expansion(base),
                TokenKind::Question => parser.question_mark(base),
                _ => parser.index(base),
            })?
        };
        Ok(Expr::new(kind, self.span_from(start)))
    }

    fn attribute(&mut self, base: Expr) -> Parsed<ExprKind> {
        let base = Box::new(base);
        match self.token.kind {
            TokenKind::Name | TokenKind::QuotedName => {
                let name = self.advance().name(self.text).into_owned();
                Ok(ExprKind::Attribute { base, name })
            }
            TokenKind::ValueBind => {
                let bind = self.advance().bind_name(self.text).to_owned();
                Ok(ExprKind::BoundAttribute { base, bind })
            }
            TokenKind::Keyword(keyword) => {
                let word = self.token.span.text(self.text);
                let what = format!(
                    "an attribute name ({} is reserved: write `{word}`)",
                    keyword.text()
                );
                Err(self.unexpected(&what))
            }
            _ => Err(self.unexpected("an attribute name")),
        }
    }

    fn index(&mut self, base: Expr) -> Parsed<ExprKind> {
        let index = self.expression()?;
        self.expect(TokenKind::CloseBracket, "']'")?;
        Ok(ExprKind::Index {
            base: Box::new(base),
            index: Box::new(index),
        })
    }

    fn expansion(&mut self, base: Expr) -> Parsed<ExprKind> {
        let flatten = self.repeated(TokenKind::Star);
        let filter = self.inline_clause(Keyword::Filter)?;
        let limit = if self.take_keyword(Keyword::Limit) {
            let (offset, count) = self.limit_operands()?;
            Some(InlineLimit { offset, count })
        } else {
            None
        };
        let projection = self.inline_clause(Keyword::Return)?;
        self.expect(TokenKind::CloseBracket, "']'")?;
        Ok(ExprKind::Expansion(Box::new(Expansion {
            base,
            flatten,
            filter,
            limit,
            projection,
            rest: None,
        })))
    }

    fn question_mark(&mut self, base: Expr) -> Parsed<ExprKind> {
        let flatten = self.repeated(TokenKind::Question);
        let has_quantifier = !matches!(
            self.token.kind,
            TokenKind::CloseBracket | TokenKind::Keyword(Keyword::Filter)
        );
        let quantifier = if has_quantifier {
            Some(self.array_quantifier()?)
        } else {
            None
        };
        let filter = self.inline_clause(Keyword::Filter)?;
        if quantifier.is_some() && filter.is_none() {
            return Err(self.unexpected("FILTER"));
        }
        self.expect(TokenKind::CloseBracket, "']'")?;
        Ok(ExprKind::QuestionMark(Box::new(QuestionMark {
            base,
            flatten,
            quantifier,
            filter,
        })))
    }

    fn array_quantifier(&mut self) -> Parsed<ArrayQuantifier> {
        Ok(if self.take_keyword(Keyword::All) {
            ArrayQuantifier::All
        } else if self.take_keyword(Keyword::Any) {
            ArrayQuantifier::Any
        } else if self.take_keyword(Keyword::None) {
            ArrayQuantifier::None
        } else if self.take(TokenKind::AtLeast) {
            ArrayQuantifier::AtLeast(self.parenthesised()?)
        } else {
            ArrayQuantifier::Count(self.expression()?)
        })
    }

    /// How many tokens of a kind follow the first one.
    fn repeated(&mut self, kind: TokenKind) -> u32 {
        self.advance();
        let mut more = 0;
        while self.take(kind) {
            more += 1;
        }
        more
    }

    fn inline_clause(&mut self, keyword: Keyword) -> Parsed<Option<Expr>> {
        if self.take_keyword(keyword) {
            self.expression().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn limit_operands(&mut self) -> Parsed<(Option<Expr>, Expr)> {
        let first = self.expression()?;
        if self.take(TokenKind::Comma) {
            Ok((Some(first), self.expression()?))
        } else {
            Ok((None, first))
        }
    }

    /// Puts the accessor at hand on the elements of the innermost of the `open` expansions that follow
    /// one another in `chain`.
    fn continue_expansion(&mut self, mut chain: Expr, open: u32) -> Parsed<Expr> {
        let element = Expr::new(ExprKind::Element, Span::new(self.taken_end, self.taken_end));
        // What stands in its brackets is below all of them.
        self.depth += open;
        let base = innermost(&mut chain, open).and_then(|expansion| expansion.rest.take());
        let base = base.unwrap_or(element);
        let rest_start = base.span.start;
        let rest = self.accessor(base, rest_start)?;
        self.depth -= open;
        if let Some(expansion) = innermost(&mut chain, open) {
            expansion.rest = Some(rest);
        }
        // A loop, since the chain may be as long as the nesting limit.
        let mut at = &mut chain;
        loop {
            at.span.end = self.taken_end;
            match &mut at.kind {
                ExprKind::Expansion(expansion) => match &mut expansion.rest {
                    Some(rest) => at = rest,
                    None => return Ok(chain),
                },
                _ => return Ok(chain),
            }
        }
    }

    // -- operands -------------------------------------------------------------------------------

    fn operand(&mut self) -> Parsed<Expr> {
        let token = self.token;
        let kind = match token.kind {
            TokenKind::Name | TokenKind::QuotedName => return self.name_or_call(),
            TokenKind::Integer => self.literal(integer(token.span.text(self.text))),
            TokenKind::Float => self.literal(float(token.span.text(self.text))),
            TokenKind::String => {
                self.advance();
                ExprKind::String(token.string(self.text).into_owned())
            }
            TokenKind::Keyword(Keyword::Null) => self.literal(ExprKind::Null),
            TokenKind::Keyword(Keyword::True) => self.literal(ExprKind::Bool(true)),
            TokenKind::Keyword(Keyword::False) => self.literal(ExprKind::Bool(false)),
            TokenKind::ValueBind => {
                self.advance();
                ExprKind::Bind(token.bind_name(self.text).to_owned())
            }
            TokenKind::SourceBind => {
                self.advance();
                ExprKind::SourceBind(token.bind_name(self.text).to_owned())
            }
            TokenKind::Plus => return self.unary(UnaryOperator::Plus),
            TokenKind::Minus => return self.unary(UnaryOperator::Minus),
            TokenKind::Bang | TokenKind::Keyword(Keyword::Not) => {
                return self.unary(UnaryOperator::Not);
            }
            TokenKind::OpenParenthesis => return self.parenthesised_operand(),
            TokenKind::OpenBracket => return self.array(),
            TokenKind::OpenBrace => return self.object_expression(),
            TokenKind::Keyword(Keyword::Like) if self.peek().kind == TokenKind::OpenParenthesis => {
                self.advance();
                return self.call(Vec::new(), "LIKE".to_owned(), token.span);
            }
            _ => return Err(self.unexpected("an expression")),
        };
        Ok(Expr::new(kind, token.span))
    }

    fn literal(&mut self, kind: ExprKind) -> ExprKind {
        self.advance();
        kind
    }

    fn unary(&mut self, operator: UnaryOperator) -> Parsed<Expr> {
        let start = self.advance().span.start;
        let operand = Box::new(self.expression_above(UNARY)?);
        Ok(Expr::new(
            ExprKind::Unary { operator, operand },
            self.span_from(start),
        ))
    }

    fn name_or_call(&mut self) -> Parsed<Expr> {
        let first = self.advance();
        if !matches!(
            self.token.kind,
            TokenKind::OpenParenthesis | TokenKind::DoubleColon
        ) {
            return Ok(Expr::new(
                ExprKind::Name(first.name(self.text).into_owned()),
                first.span,
            ));
        }
        let mut namespace = Vec::new();
        let mut name = first.name(self.text).to_ascii_uppercase();
        while self.take(TokenKind::DoubleColon) {
            if !is_name(self.token.kind) {
                return Err(self.unexpected("the name of a function"));
            }
            let next = self.advance().name(self.text).to_ascii_uppercase();
            namespace.push(std::mem::replace(&mut name, next));
        }
        let name_span = self.span_from(first.span.start);
        self.call(namespace, name, name_span)
    }

    fn call(&mut self, namespace: Vec<String>, name: String, name_span: Span) -> Parsed<Expr> {
        self.expect(TokenKind::OpenParenthesis, "'('")?;
        let arguments = self.bracketed(|parser| {
            let mut arguments = Vec::new();
            if parser.take(TokenKind::CloseParenthesis) {
                return Ok(arguments);
            }
            loop {
                arguments.push(parser.argument()?);
                if !parser.take(TokenKind::Comma) {
                    break;
                }
            }
            parser.expect(TokenKind::CloseParenthesis, "',' or ')'")?;
            Ok(arguments)
        })?;
        let call = Call {
            namespace,
            name,
            name_span,
            arguments,
        };
        Ok(Expr::new(
            ExprKind::Call(Box::new(call)),
            self.span_from(name_span.start),
        ))
    }

    /// A subquery needs no parentheses of its own here: its `RETURN` ends at the comma.
    fn argument(&mut self) -> Parsed<Expr> {
        if !self.at_operation() {
            return self.expression();
        }
        let start = self.token.span.start;
        let operations = self.nested(|parser| parser.operations())?;
        Ok(Expr::new(
            ExprKind::Subquery(operations),
            self.span_from(start),
        ))
    }

    fn parenthesised_operand(&mut self) -> Parsed<Expr> {
        let start = self.advance().span.start;
        self.bracketed(|parser| {
            if parser.at_operation() {
                let operations = parser.operations()?;
                parser.expect(TokenKind::CloseParenthesis, "')'")?;
                return Ok(Expr::new(
                    ExprKind::Subquery(operations),
                    parser.span_from(start),
                ));
            }
            let inner = parser.expression()?;
            parser.expect(TokenKind::CloseParenthesis, "')'")?;
            Ok(inner)
        })
    }

    /// `(expression)`
    fn parenthesised(&mut self) -> Parsed<Expr> {
        self.expect(TokenKind::OpenParenthesis, "'('")?;
        let inner = self.bracketed(|parser| parser.expression())?;
        self.expect(TokenKind::CloseParenthesis, "')'")?;
        Ok(inner)
    }

    fn array(&mut self) -> Parsed<Expr> {
        let start = self.advance().span.start;
        let elements = self.bracketed(|parser| {
            let mut elements = Vec::new();
            while !parser.at(TokenKind::CloseBracket) {
                elements.push(parser.expression()?);
                if !parser.take(TokenKind::Comma) {
                    break;
                }
            }
            parser.expect(TokenKind::CloseBracket, "',' or ']'")?;
            Ok(elements)
        })?;
        Ok(Expr::new(ExprKind::Array(elements), self.span_from(start)))
    }

    /// `{ … }`, where nothing but an object may stand.
    pub(super) fn object_expression(&mut self) -> Parsed<Expr> {
        let start = self.expect(TokenKind::OpenBrace, "an object")?.span.start;
        let members = self.bracketed(|parser| {
            let mut members = Vec::new();
            while !parser.at(TokenKind::CloseBrace) {
                members.push(parser.member()?);
                if !parser.take(TokenKind::Comma) {
                    break;
                }
            }
            parser.expect(TokenKind::CloseBrace, "',' or '}'")?;
            Ok(members)
        })?;
        Ok(Expr::new(ExprKind::Object(members), self.span_from(start)))
    }

    fn member(&mut self) -> Parsed<Member> {
        let token = self.token;
        let kind = match token.kind {
            TokenKind::Name | TokenKind::QuotedName => {
                self.advance();
                let name = token.name(self.text).into_owned();
                if self.take(TokenKind::Colon) {
                    MemberKind::Named {
                        name,
                        value: self.expression()?,
                    }
                } else {
                    MemberKind::Shorthand(Name {
                        text: name,
                        span: token.span,
                    })
                }
            }
            TokenKind::String => {
                self.advance();
                let name = token.string(self.text).into_owned();
                MemberKind::Named {
                    name,
                    value: self.member_value()?,
                }
            }
            TokenKind::ValueBind => {
                self.advance();
                let bind = token.bind_name(self.text).to_owned();
                MemberKind::Bound {
                    bind,
                    value: self.member_value()?,
                }
            }
            TokenKind::OpenBracket => {
                self.advance();
                let name = self.expression()?;
                self.expect(TokenKind::CloseBracket, "']'")?;
                MemberKind::Computed {
                    name,
                    value: self.member_value()?,
                }
            }
            TokenKind::Keyword(keyword) => {
                let word = token.span.text(self.text);
                let what = format!(
                    "an attribute name ({} is reserved: write `{word}`)",
                    keyword.text()
                );
                return Err(self.unexpected(&what));
            }
            _ => return Err(self.unexpected("an attribute name or '}'")),
        };
        Ok(Member {
            kind,
            span: self.span_from(token.span.start),
        })
    }

    fn member_value(&mut self) -> Parsed<Expr> {
        self.expect(TokenKind::Colon, "':'")?;
        self.expression()
    }
}

/// Decimal digits, or `0b…` and `0x…` of at most 32 bits.
fn integer(text: &str) -> ExprKind {
    let radix = match text.as_bytes() {
        [b'0', b'b', ..] => 2,
        [b'0', b'x', ..] => 16,
        _ => {
            return match text.parse() {
                Ok(value) => ExprKind::Int(value),
                Err(_) => float(text),
            };
        }
    };
    match u32::from_str_radix(text.get(2..).unwrap_or(""), radix) {
        Ok(value) => ExprKind::Int(i64::from(value)),
        Err(_) => ExprKind::OutOfRange,
    }
}

fn float(text: &str) -> ExprKind {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => ExprKind::Float(value),
        _ => ExprKind::OutOfRange,
    }
}

/// The last of the `open` expansions of a chain `base[*]…[*]…`, the one that further accessors apply to.
fn innermost(chain: &mut Expr, open: u32) -> Option<&mut Expansion> {
    let mut at = chain;
    for _ in 1..open {
        at = match &mut at.kind {
            ExprKind::Expansion(expansion) => expansion.rest.as_mut()?,
            _ => return None,
        };
    }
    match &mut at.kind {
        ExprKind::Expansion(expansion) => Some(expansion),
        _ => None,
    }
}
