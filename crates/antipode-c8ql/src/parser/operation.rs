//! The operations, one function for each.

use super::{Parsed, Parser, Sources};
use crate::ast::{
    Aggregate, Assignment, Collect, CollectInto, DataSource, Expr, ExprKind, Filter, For,
    ForSource, Insert, Let, LetItem, Limit, Member, MemberKind, Name, Operation, Publish, Remove,
    Return, Sort, SortDirection, SortItem, Target, TargetKind, TargetMember, Update, Upsert,
    UpsertSearch, Window,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::lexer::{Keyword, Token, TokenKind};

/// A collection that is written to.
const WRITTEN: Sources = Sources {
    string: true,
    value_bind: false,
};

impl Parser<'_> {
    /// Whether an operation begins here.
    pub(super) fn at_operation(&self) -> bool {
        matches!(
            self.token.kind,
            TokenKind::Keyword(
                Keyword::For
                    | Keyword::Let
                    | Keyword::Filter
                    | Keyword::Sort
                    | Keyword::Limit
                    | Keyword::Collect
                    | Keyword::Window
                    | Keyword::Return
                    | Keyword::Insert
                    | Keyword::Update
                    | Keyword::Replace
                    | Keyword::Remove
                    | Keyword::Upsert
            )
        )
    }

    /// The operations of a query or subquery.
    pub(super) fn operations(&mut self) -> Parsed<Vec<Operation>> {
        let mut operations: Vec<Operation> = Vec::new();
        while let TokenKind::Keyword(keyword) = self.token.kind {
            let operation = match keyword {
                Keyword::For => Operation::For(self.for_operation()?),
                Keyword::Let => Operation::Let(self.let_operation()?),
                Keyword::Filter => Operation::Filter(self.filter()?),
                Keyword::Sort => Operation::Sort(self.sort()?),
                Keyword::Limit => Operation::Limit(self.limit()?),
                Keyword::Collect => Operation::Collect(self.collect()?),
                Keyword::Window => Operation::Window(self.window()?),
                Keyword::Insert => self.insert()?,
                Keyword::Update => Operation::Update(self.update()?),
                Keyword::Replace => Operation::Replace(self.update()?),
                Keyword::Remove => Operation::Remove(self.remove()?),
                Keyword::Upsert => Operation::Upsert(self.upsert()?),
                Keyword::Return => {
                    let has_for = operations
                        .iter()
                        .any(|earlier| matches!(earlier, Operation::For(_)));
                    let last = self.return_operation(has_for)?;
                    operations.push(Operation::Return(last));
                    return Ok(operations);
                }
                _ => break,
            };
            operations.push(operation);
        }
        match operations.last() {
            Some(last) if last.is_modification() => Ok(operations),
            Some(_) => {
                Err(self
                    .unexpected("another operation: a query ends with RETURN or a modification"))
            }
            None => Err(self.unexpected("an operation such as FOR, LET or RETURN")),
        }
    }

    // -- FOR ------------------------------------------------------------------------------------

    fn for_operation(&mut self) -> Parsed<For> {
        let start = self.advance().span.start;
        let mut targets = vec![self.target()?];
        while self.take(TokenKind::Comma) {
            targets.push(self.target()?);
        }
        self.expect_keyword(Keyword::In)?;
        let source = if self.at_direction() {
            self.graph_source(targets, None)?
        } else if self.at_stream() {
            self.advance();
            let target = self.single_target(targets)?;
            ForSource::Stream {
                target,
                stream: self.stream()?,
            }
        } else {
            let expression = self.expression()?;
            if self.at_direction() {
                self.graph_source(targets, Some(expression))?
            } else {
                let target = self.single_target(targets)?;
                let search = if self.at_word("SEARCH") {
                    self.advance();
                    Some(self.expression()?)
                } else {
                    None
                };
                ForSource::Expression {
                    target,
                    expression,
                    search,
                }
            }
        };
        let expected = match &source {
            ForSource::Expression { search: None, .. } => "SEARCH' or 'OPTIONS",
            ForSource::Traversal(traversal) if traversal.prune.is_none() => "PRUNE' or 'OPTIONS",
            _ => "OPTIONS",
        };
        let options = self.options(expected)?;
        Ok(For {
            source,
            options,
            span: self.span_from(start),
        })
    }

    fn single_target(&self, targets: Vec<Target>) -> Parsed<Target> {
        let mut targets = targets.into_iter();
        match (targets.next(), targets.next()) {
            (Some(target), None) => Ok(target),
            (_, surplus) => {
                let span = surplus.map_or(self.token.span, |target| target.span);
                Err(self.error(
                    "unexpected second variable: only a FOR over a graph has more than one",
                    span,
                ))
            }
        }
    }

    fn target(&mut self) -> Parsed<Target> {
        self.nested(|parser| {
            let start = parser.token.span.start;
            let kind = if parser.take(TokenKind::OpenBracket) {
                TargetKind::Array(parser.array_target()?)
            } else if parser.take(TokenKind::OpenBrace) {
                TargetKind::Object(parser.object_target()?)
            } else {
                TargetKind::Variable(parser.expect_name("the name of a variable")?)
            };
            Ok(Target {
                kind,
                span: parser.span_from(start),
            })
        })
    }

    fn array_target(&mut self) -> Parsed<Vec<Option<Target>>> {
        let mut elements = Vec::new();
        loop {
            let skipped = matches!(self.token.kind, TokenKind::Comma | TokenKind::CloseBracket);
            elements.push(if skipped { None } else { Some(self.target()?) });
            if !self.take(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::CloseBracket, "',' or ']'")?;
        while elements.last().is_some_and(Option::is_none) {
            elements.pop();
        }
        Ok(elements)
    }

    fn object_target(&mut self) -> Parsed<Vec<TargetMember>> {
        let mut members = Vec::new();
        loop {
            let token = self.token;
            let attribute = if self.at(TokenKind::String) {
                self.advance();
                Name {
                    text: token.string(self.text).into_owned(),
                    span: token.span,
                }
            } else {
                self.expect_name("an attribute name")?
            };
            // A string names an attribute, never a variable.
            let target = if self.at(TokenKind::Colon) || token.kind == TokenKind::String {
                self.expect(TokenKind::Colon, "':'")?;
                self.target()?
            } else {
                Target {
                    kind: TargetKind::Variable(attribute.clone()),
                    span: attribute.span,
                }
            };
            members.push(TargetMember {
                attribute: attribute.text,
                target,
            });
            if !self.take(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::CloseBrace, "',' or '}'")?;
        Ok(members)
    }

    // -- streams --------------------------------------------------------------------------------

    /// `STREAM` is a keyword where the name of a stream follows it. What may follow a collection or view
    /// named `stream` is `OPTIONS` with its object, or `SEARCH` with its condition.
    fn at_stream(&self) -> bool {
        if !self.at_word("STREAM") {
            return false;
        }
        let (second, third) = self.peek_two();
        match second.kind {
            TokenKind::String | TokenKind::SourceBind | TokenKind::QuotedName => true,
            TokenKind::Name if self.is_word(second, "OPTIONS") => {
                third.kind != TokenKind::OpenBrace
            }
            TokenKind::Name if self.is_word(second, "SEARCH") => !self.begins_expression(third),
            TokenKind::Name => true,
            _ => false,
        }
    }

    /// Whether a token begins an expression, and not what may follow the name of a stream.
    fn begins_expression(&self, token: Token) -> bool {
        match token.kind {
            TokenKind::Name => !self.is_word(token, "OPTIONS"),
            TokenKind::QuotedName
            | TokenKind::Integer
            | TokenKind::Float
            | TokenKind::String
            | TokenKind::ValueBind
            | TokenKind::SourceBind
            | TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Bang
            | TokenKind::OpenParenthesis
            | TokenKind::OpenBracket
            | TokenKind::OpenBrace => true,
            TokenKind::Keyword(keyword) => matches!(
                keyword,
                Keyword::Not | Keyword::Null | Keyword::True | Keyword::False | Keyword::Like
            ),
            _ => false,
        }
    }

    fn stream(&mut self) -> Parsed<DataSource> {
        self.data_source(WRITTEN, "the name of a stream")
    }

    // -- from LET to RETURN ---------------------------------------------------------------------

    fn let_operation(&mut self) -> Parsed<Let> {
        let start = self.advance().span.start;
        let mut items = Vec::new();
        loop {
            let target = self.target()?;
            self.expect(TokenKind::Assign, "'='")?;
            items.push(LetItem {
                target,
                expression: self.expression()?,
            });
            if !self.take(TokenKind::Comma) {
                return Ok(Let {
                    items,
                    span: self.span_from(start),
                });
            }
        }
    }

    fn filter(&mut self) -> Parsed<Filter> {
        let start = self.advance().span.start;
        let condition = self.expression()?;
        Ok(Filter {
            condition,
            span: self.span_from(start),
        })
    }

    fn sort(&mut self) -> Parsed<Sort> {
        let start = self.advance().span.start;
        let mut items = Vec::new();
        loop {
            let key = self.expression()?;
            items.push(SortItem {
                key,
                direction: self.sort_direction()?,
            });
            if !self.take(TokenKind::Comma) {
                return Ok(Sort {
                    items,
                    span: self.span_from(start),
                });
            }
        }
    }

    fn sort_direction(&mut self) -> Parsed<SortDirection> {
        let token = self.token;
        let direction = match token.kind {
            TokenKind::Keyword(Keyword::Asc | Keyword::True) => SortDirection::Ascending,
            TokenKind::Keyword(Keyword::Desc | Keyword::False) => SortDirection::Descending,
            TokenKind::ValueBind => {
                let text = token.bind_name(self.text).to_owned();
                SortDirection::Bind(Name {
                    text,
                    span: token.span,
                })
            }
            TokenKind::String => {
                let text = token.string(self.text);
                if text.eq_ignore_ascii_case("asc") {
                    SortDirection::Ascending
                } else if text.eq_ignore_ascii_case("desc") {
                    SortDirection::Descending
                } else {
                    return Err(self.unexpected("the sort direction \"asc\" or \"desc\""));
                }
            }
            TokenKind::Integer | TokenKind::Float | TokenKind::Keyword(Keyword::Null) => {
                return Err(self.unexpected("the sort direction ASC or DESC"));
            }
            _ => return Ok(SortDirection::Ascending),
        };
        self.advance();
        Ok(direction)
    }

    fn limit(&mut self) -> Parsed<Limit> {
        let start = self.advance().span.start;
        let (offset, count) = self.limit_operands()?;
        Ok(Limit {
            offset,
            count,
            span: self.span_from(start),
        })
    }

    fn return_operation(&mut self, has_for: bool) -> Parsed<Return> {
        let start = self.advance().span.start;
        let keyword = self.token.span;
        let distinct = self.take_keyword(Keyword::Distinct);
        if distinct && !has_for {
            return Err(self.error(
                "RETURN DISTINCT needs a FOR before it in the same (sub)query",
                keyword,
            ));
        }
        let expression = self.expression()?;
        Ok(Return {
            distinct,
            expression,
            span: self.span_from(start),
        })
    }

    // -- COLLECT and WINDOW ---------------------------------------------------------------------

    fn collect(&mut self) -> Parsed<Collect> {
        let start = self.advance().span.start;
        let groups = if self.at_name() {
            self.groups()?
        } else {
            Vec::new()
        };
        let mut collect = Collect {
            groups,
            count: None,
            aggregates: Vec::new(),
            into: None,
            options: None,
            span: self.token.span,
        };
        if self.take_keyword(Keyword::With) {
            self.expect_word("COUNT")?;
            self.expect_keyword(Keyword::Into)?;
            collect.count = Some(self.expect_name("the name of a variable")?);
        } else if self.at_keyword(Keyword::Aggregate) {
            collect.aggregates = self.aggregates()?;
            collect.into = self.collect_into(false)?;
        } else if collect.groups.is_empty() {
            return Err(self.unexpected("a group, WITH COUNT INTO or AGGREGATE"));
        } else {
            collect.into = self.collect_into(true)?;
        }
        if self.at_word("KEEP") {
            let message = match &collect.into {
                Some(into) if into.projection.is_some() => "unexpected KEEP with projection",
                Some(into) if into.keep.is_some() => "unexpected second KEEP",
                Some(_) => "unexpected KEEP with AGGREGATE",
                None => "unexpected KEEP without INTO",
            };
            return Err(self.error(message, self.token.span));
        }
        collect.options = self.options("OPTIONS")?;
        collect.span = self.span_from(start);
        Ok(collect)
    }

    fn groups(&mut self) -> Parsed<Vec<Assignment>> {
        let mut groups = Vec::new();
        loop {
            let variable = self.expect_name("the name of a variable")?;
            self.expect(TokenKind::Assign, "'='")?;
            groups.push(Assignment {
                variable,
                expression: self.expression()?,
            });
            if !self.take(TokenKind::Comma) {
                return Ok(groups);
            }
        }
    }

    fn collect_into(&mut self, may_keep: bool) -> Parsed<Option<CollectInto>> {
        if !self.take_keyword(Keyword::Into) {
            return Ok(None);
        }
        let variable = self.expect_name("the name of a variable")?;
        let mut into = CollectInto {
            variable,
            projection: None,
            keep: None,
        };
        if self.take(TokenKind::Assign) {
            into.projection = Some(self.expression()?);
        } else if may_keep && self.at_word("KEEP") {
            self.advance();
            let mut keep = Vec::new();
            loop {
                keep.push(self.expect_name("the name of a variable")?);
                if !self.take(TokenKind::Comma) {
                    break;
                }
            }
            into.keep = Some(keep);
        }
        Ok(Some(into))
    }

    fn aggregates(&mut self) -> Parsed<Vec<Aggregate>> {
        self.expect_keyword(Keyword::Aggregate)?;
        let mut aggregates = Vec::new();
        loop {
            let variable = self.expect_name("the name of a variable")?;
            let start = variable.span.start;
            self.expect(TokenKind::Assign, "'='")?;
            let expression = self.expression()?;
            let ExprKind::Call(call) = expression.kind else {
                let message = "an aggregate must be the call of an aggregate function";
                let code = Code::QUERY_INVALID_AGGREGATE_EXPRESSION;
                return Err(Box::new(Diagnostic::new(code, message, expression.span)));
            };
            aggregates.push(Aggregate {
                variable,
                call: *call,
                span: self.span_from(start),
            });
            if !self.take(TokenKind::Comma) {
                return Ok(aggregates);
            }
        }
    }

    fn window(&mut self) -> Parsed<Window> {
        let start = self.advance().span.start;
        // The bounds and an object that the range begins with look alike: what follows tells.
        let first = self.expression()?;
        let (range, bounds) = if self.take_keyword(Keyword::With) {
            (Some(first), self.object_expression()?)
        } else {
            (None, first)
        };
        let ExprKind::Object(members) = bounds.kind else {
            return Err(self.unexpected("WITH and the bounds of the window"));
        };
        let mut window = Window {
            range,
            preceding: None,
            following: None,
            aggregates: Vec::new(),
            span: bounds.span,
        };
        for member in members {
            self.window_bound(member, &mut window)?;
        }
        if window.preceding.is_none() && window.following.is_none() {
            return Err(self.error(
                "a window needs at least one of 'preceding' and 'following'",
                bounds.span,
            ));
        }
        window.aggregates = self.aggregates()?;
        window.span = self.span_from(start);
        Ok(window)
    }

    fn window_bound(&self, member: Member, window: &mut Window) -> Parsed<()> {
        let (bound, value) = match member.kind {
            MemberKind::Named { name, value } if name == "preceding" => {
                (&mut window.preceding, value)
            }
            MemberKind::Named { name, value } if name == "following" => {
                (&mut window.following, value)
            }
            _ => {
                let message = "a window has no attributes but 'preceding' and 'following'";
                return Err(self.error(message, member.span));
            }
        };
        match bound.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.error("a bound of a window is given twice", member.span)),
        }
    }

    // -- modifications --------------------------------------------------------------------------

    fn insert(&mut self) -> Parsed<Operation> {
        let start = self.advance().span.start;
        let document = self.written_expression()?;
        if self.take_written_into()? == Keyword::Into && self.at_stream() {
            self.advance();
            let stream = self.stream()?;
            let options = self.options("OPTIONS")?;
            let span = self.span_from(start);
            return Ok(Operation::Publish(Publish {
                payload: document,
                stream,
                options,
                span,
            }));
        }
        let collection = self.data_source(WRITTEN, "the name of a collection")?;
        let options = self.options("OPTIONS")?;
        Ok(Operation::Insert(Insert {
            document,
            collection,
            options,
            span: self.span_from(start),
        }))
    }

    /// `UPDATE` and `REPLACE` read alike.
    fn update(&mut self) -> Parsed<Update> {
        let start = self.advance().span.start;
        let first = self.written_expression()?;
        let (key, document) = if self.take_keyword(Keyword::With) {
            (Some(first), self.written_expression()?)
        } else {
            (None, first)
        };
        let collection = self.written_collection()?;
        let options = self.options("OPTIONS")?;
        Ok(Update {
            key,
            document,
            collection,
            options,
            span: self.span_from(start),
        })
    }

    fn remove(&mut self) -> Parsed<Remove> {
        let start = self.advance().span.start;
        let key = self.written_expression()?;
        let collection = self.written_collection()?;
        let options = self.options("OPTIONS")?;
        Ok(Remove {
            key,
            collection,
            options,
            span: self.span_from(start),
        })
    }

    fn upsert(&mut self) -> Parsed<Upsert> {
        let start = self.advance().span.start;
        let search = if self.take_keyword(Keyword::Filter) {
            UpsertSearch::Filter(self.expression()?)
        } else {
            UpsertSearch::Example(self.upsert_example()?)
        };
        self.expect_keyword(Keyword::Insert)?;
        let insert = self.expression()?;
        let replace = self.at_keyword(Keyword::Replace);
        if !replace && !self.at_keyword(Keyword::Update) {
            return Err(self.unexpected("UPDATE or REPLACE"));
        }
        self.advance();
        let update = self.written_expression()?;
        let collection = self.written_collection()?;
        let options = self.options("OPTIONS")?;
        let span = self.span_from(start);
        Ok(Upsert {
            search,
            insert,
            update,
            replace,
            collection,
            options,
            span,
        })
    }

    fn upsert_example(&mut self) -> Parsed<Expr> {
        let example = self.expression()?;
        match &example.kind {
            ExprKind::Bind(_) | ExprKind::SourceBind(_) => Ok(example),
            ExprKind::Object(members) => {
                let computed = members
                    .iter()
                    .find(|member| matches!(member.kind, MemberKind::Computed { .. }));
                match computed {
                    None => Ok(example),
                    Some(member) => {
                        let message = "the example of an UPSERT has no computed attribute names";
                        Err(self.error(message, member.span))
                    }
                }
            }
            _ => {
                let message =
                    "an UPSERT looks for an object, a bind parameter or FILTER with a condition";
                Err(self.error(message, example.span))
            }
        }
    }

    /// An expression that the collection of a modification may follow: a bare `IN` ends it.
    fn written_expression(&mut self) -> Parsed<Expr> {
        let outer = std::mem::replace(&mut self.stop_at_in, true);
        let result = self.expression();
        self.stop_at_in = outer;
        result
    }

    fn written_collection(&mut self) -> Parsed<DataSource> {
        self.take_written_into()?;
        self.data_source(WRITTEN, "the name of a collection")
    }

    fn take_written_into(&mut self) -> Parsed<Keyword> {
        for keyword in [Keyword::In, Keyword::Into] {
            if self.take_keyword(keyword) {
                return Ok(keyword);
            }
        }
        Err(self.unexpected("IN or INTO and the name of a collection"))
    }

    // -- OPTIONS --------------------------------------------------------------------------------

    /// `OPTIONS { … }`, if any. No other name can stand here: `expected` says what could.
    fn options(&mut self, expected: &str) -> Parsed<Option<Expr>> {
        if !self.at_word("OPTIONS") {
            self.refuse_qualifier(expected)?;
            return Ok(None);
        }
        self.advance();
        if !self.at(TokenKind::OpenBrace) {
            return Err(self.unexpected("an object as OPTIONS"));
        }
        self.object_expression().map(Some)
    }
}
