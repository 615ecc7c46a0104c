//! From tokens to the syntax tree: recursive descent, and operator precedence for expressions.
//!
//! The parser stops at the first error. Besides the grammar it enforces what the language calls parse
//! errors although no grammar says them (`RETURN DISTINCT` without a `FOR`, a subquery in `PRUNE`, an
//! illegal attribute of `WINDOW` …). What depends on bind values, on names or on data is left to the
//! planner.
//!
//! **Nesting.** Neither the parser nor anything that walks its tree may exhaust the stack, so the height
//! of the tree is limited, not only the depth of brackets: `1 + 2 + 3 + 4` leans to the left and is
//! three levels high. The parser knows how deep the node is that it reads (`depth`) and how deep the
//! deepest one below it was (`deepest`); each operator that is put on top of what was already read
//! pushes that down by one.

mod expression;
mod graph;
mod operation;

pub(crate) use expression::{POSTFIX, QUANTIFIER, TERNARY, UNARY, power};

use std::mem;

use crate::ast::{DataSource, DataSourceKind, Expr, Name, Query, Span};
use crate::diagnostic::{Code, Diagnostic};
use crate::lexer::{Keyword, Lexer, LexicalError, Token, TokenKind};

/// How much the parser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseLimits {
    /// Longest query text; beyond it error 32.
    pub text_bytes_max: usize,
    /// Highest tree, see the limits of the language; beyond it error 1524. A level may take some two
    /// KiB of stack.
    pub nesting_max: u32,
}

impl Default for ParseLimits {
    fn default() -> ParseLimits {
        ParseLimits {
            text_bytes_max: 1024 * 1024,
            nesting_max: 500,
        }
    }
}

/// Reads one query text within the default limits.
///
/// ```
/// let query = antipode_c8ql::parse("FOR d IN orders FILTER d.total > 10 RETURN d._key").unwrap();
/// assert_eq!(query.operations.len(), 3);
///
/// let text = "RETURN 1 +";
/// let error = antipode_c8ql::parse(text).unwrap_err();
/// assert_eq!(error.number(), 1501);
/// assert_eq!(error.position(text).column, 11);
/// ```
pub fn parse(text: &str) -> Result<Query, Diagnostic> {
    parse_with(text, &ParseLimits::default())
}

/// Reads one query text.
pub fn parse_with(text: &str, limits: &ParseLimits) -> Result<Query, Diagnostic> {
    check_length(text.len(), limits)?;
    if text.is_empty() {
        return Err(Diagnostic::new(
            Code::QUERY_EMPTY,
            "the query is empty",
            Span::default(),
        ));
    }
    Parser::new(text, limits).query().map_err(|error| *error)
}

/// Reads one query text that may not be UTF-8, which is error 1501.
pub fn parse_bytes(text: &[u8], limits: &ParseLimits) -> Result<Query, Diagnostic> {
    check_length(text.len(), limits)?;
    match std::str::from_utf8(text) {
        Ok(text) => parse_with(text, limits),
        Err(error) => {
            let at = u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX);
            let message = format!("the query is not valid UTF-8 at byte {at}");
            Err(Diagnostic::new(
                Code::QUERY_PARSE,
                message,
                Span::new(at, at),
            ))
        }
    }
}

fn check_length(bytes: usize, limits: &ParseLimits) -> Result<(), Diagnostic> {
    let max = limits.text_bytes_max.min(u32::MAX as usize - 1);
    if bytes <= max {
        return Ok(());
    }
    let message = format!("the query has {bytes} bytes, more than the limit of {max}");
    Err(Diagnostic::new(
        Code::RESOURCE_LIMIT,
        message,
        Span::default(),
    ))
}

/// Boxed, so that the many results that are no errors stay small.
type Parsed<T> = Result<T, Box<Diagnostic>>;

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The token at hand, not yet taken.
    token: Token,
    /// Where the token taken last ends.
    taken_end: u32,
    nesting_max: u32,
    /// Nodes above the one at hand.
    depth: u32,
    /// The greatest depth within the node at hand so far.
    deepest: u32,
    /// A bare `IN` begins the collection, as at the top level of a modification's expressions.
    stop_at_in: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, limits: &ParseLimits) -> Parser<'a> {
        let mut lexer = Lexer::new(text);
        let token = lexer.significant();
        Parser {
            text,
            lexer,
            token,
            taken_end: 0,
            nesting_max: limits.nesting_max,
            depth: 0,
            deepest: 0,
            stop_at_in: false,
        }
    }

    // -- tokens ---------------------------------------------------------------------------------

    fn advance(&mut self) -> Token {
        let next = self.lexer.significant();
        let taken = mem::replace(&mut self.token, next);
        self.taken_end = taken.span.end;
        taken
    }

    /// The token behind the one at hand.
    fn peek(&self) -> Token {
        self.lexer.clone().significant()
    }

    /// The two tokens behind the one at hand.
    fn peek_two(&self) -> (Token, Token) {
        let mut lexer = self.lexer.clone();
        (lexer.significant(), lexer.significant())
    }

    fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    fn at_keyword(&self, keyword: Keyword) -> bool {
        self.token.kind == TokenKind::Keyword(keyword)
    }

    fn at_name(&self) -> bool {
        is_name(self.token.kind)
    }

    /// Whether the token at hand is an unquoted name that reads `word`, in any case.
    fn at_word(&self, word: &str) -> bool {
        self.is_word(self.token, word)
    }

    fn is_word(&self, token: Token, word: &str) -> bool {
        token.kind == TokenKind::Name && token.span.text(self.text).eq_ignore_ascii_case(word)
    }

    fn take(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.advance();
        }
        found
    }

    fn take_keyword(&mut self, keyword: Keyword) -> bool {
        self.take(TokenKind::Keyword(keyword))
    }

    fn expect(&mut self, kind: TokenKind, text: &str) -> Parsed<Token> {
        if self.at(kind) {
            Ok(self.advance())
        } else {
            Err(self.unexpected(text))
        }
    }

    fn expect_keyword(&mut self, keyword: Keyword) -> Parsed<Token> {
        self.expect(TokenKind::Keyword(keyword), keyword.text())
    }

    /// Takes a word that is a keyword only in this place.
    fn expect_word(&mut self, word: &str) -> Parsed<Token> {
        if self.at_word(word) {
            Ok(self.advance())
        } else if self.at_name() {
            Err(self.unexpected_qualifier(word))
        } else {
            Err(self.unexpected(word))
        }
    }

    fn expect_name(&mut self, what: &str) -> Parsed<Name> {
        if !self.at_name() {
            return Err(self.unexpected(what));
        }
        let token = self.advance();
        Ok(Name {
            text: token.name(self.text).into_owned(),
            span: token.span,
        })
    }

    /// From the token that began at `start` to the one taken last.
    fn span_from(&self, start: u32) -> Span {
        Span::new(start, self.taken_end.max(start))
    }

    // -- errors ---------------------------------------------------------------------------------

    fn error(&self, message: impl Into<String>, span: Span) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(Code::QUERY_PARSE, message, span))
    }

    /// The token at hand cannot stand here.
    fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let mut error = self.error(String::new(), self.token.span);
        error.message = match self.token.kind {
            TokenKind::Error(LexicalError::UnexpectedCharacter) => {
                format!(
                    "unexpected character '{}', expecting {expected}",
                    self.token.span.text(self.text)
                )
            }
            TokenKind::Error(lexical) => {
                error.at_end = lexical.is_unterminated();
                lexical.message().to_owned()
            }
            _ => {
                error.at_end = self.at(TokenKind::End);
                format!(
                    "unexpected {}, expecting {expected}",
                    self.describe(self.token)
                )
            }
        };
        error
    }

    fn unexpected_qualifier(&self, expected: &str) -> Box<Diagnostic> {
        let found = self.token.span.text(self.text);
        self.error(
            format!("unexpected qualifier '{found}', expecting '{expected}'"),
            self.token.span,
        )
    }

    /// A name that stands where only one of some contextual words may.
    fn refuse_qualifier(&self, expected: &str) -> Parsed<()> {
        if self.at_name() {
            Err(self.unexpected_qualifier(expected))
        } else {
            Ok(())
        }
    }

    fn describe(&self, token: Token) -> String {
        /// Longer texts are cut in messages.
        const SHOWN_MAX: usize = 40;
        let text = token.span.text(self.text);
        let mut shown: String = text.chars().take(SHOWN_MAX).collect();
        if shown.len() < text.len() {
            shown.push_str("...");
        }
        match token.kind {
            TokenKind::End => "end of the query".to_owned(),
            TokenKind::Name | TokenKind::QuotedName => format!("name '{shown}'"),
            TokenKind::Keyword(keyword) => format!("keyword {}", keyword.text()),
            TokenKind::Integer | TokenKind::Float => format!("number {shown}"),
            TokenKind::String => format!("string {shown}"),
            TokenKind::ValueBind | TokenKind::SourceBind => format!("bind parameter {shown}"),
            _ => format!("'{shown}'"),
        }
    }

    // -- nesting --------------------------------------------------------------------------------

    /// Reads something one level below the node at hand.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > self.nesting_max {
            return Err(self.too_deep());
        }
        let outer = mem::replace(&mut self.deepest, self.depth);
        let result = read(self);
        self.deepest = self.deepest.max(outer);
        self.depth -= 1;
        result
    }

    /// All that was read of the node at hand is put below a new node.
    fn push_down(&mut self) -> Parsed<()> {
        self.deepest += 1;
        if self.deepest > self.nesting_max {
            Err(self.too_deep())
        } else {
            Ok(())
        }
    }

    fn too_deep(&self) -> Box<Diagnostic> {
        let message = format!("the query nests deeper than {} levels", self.nesting_max);
        Box::new(Diagnostic::new(
            Code::QUERY_TOO_MUCH_NESTING,
            message,
            self.token.span,
        ))
    }

    /// Reads something between brackets, where `IN` is an operator again.
    fn bracketed<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = mem::replace(&mut self.stop_at_in, false);
        let result = read(self);
        self.stop_at_in = outer;
        result
    }

    // -- the whole ------------------------------------------------------------------------------

    fn query(&mut self) -> Parsed<Query> {
        let start = self.token.span.start;
        let with = if self.take_keyword(Keyword::With) {
            self.with_sources()?
        } else {
            Vec::new()
        };
        let options = if self.at_query_options() {
            Some(self.query_options()?)
        } else {
            None
        };
        let operations = self.operations()?;
        if !self.at(TokenKind::End) {
            return Err(self.unexpected("the end of the query"));
        }
        Ok(Query {
            with,
            options,
            operations,
            span: self.span_from(start),
        })
    }

    fn with_sources(&mut self) -> Parsed<Vec<DataSource>> {
        let mut sources = vec![self.with_source()?];
        loop {
            let comma = self.take(TokenKind::Comma);
            let is_source = self.at_name()
                || matches!(
                    self.token.kind,
                    TokenKind::SourceBind | TokenKind::ValueBind
                );
            if !comma && (!is_source || self.at_query_options()) {
                return Ok(sources);
            }
            sources.push(self.with_source()?);
        }
    }

    fn with_source(&mut self) -> Parsed<DataSource> {
        self.data_source(
            Sources {
                string: false,
                value_bind: true,
            },
            "the name of a collection",
        )
    }

    fn at_query_options(&self) -> bool {
        if !self.at_word("QUERY") {
            return false;
        }
        let (second, third) = self.peek_two();
        self.is_word(second, "OPTIONS") && third.kind == TokenKind::OpenBrace
    }

    fn query_options(&mut self) -> Parsed<Expr> {
        self.advance();
        self.advance();
        self.object_expression()
    }

    /// A collection, stream or graph that the query names.
    fn data_source(&mut self, allowed: Sources, what: &str) -> Parsed<DataSource> {
        let token = self.token;
        let kind = match token.kind {
            TokenKind::Name | TokenKind::QuotedName => {
                DataSourceKind::Name(token.name(self.text).into_owned())
            }
            TokenKind::String if allowed.string => {
                DataSourceKind::Name(token.string(self.text).into_owned())
            }
            TokenKind::SourceBind => {
                DataSourceKind::SourceBind(token.bind_name(self.text).to_owned())
            }
            TokenKind::ValueBind if allowed.value_bind => {
                DataSourceKind::ValueBind(token.bind_name(self.text).to_owned())
            }
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(DataSource {
            kind,
            span: token.span,
        })
    }
}

/// What may stand for a [`DataSource`] besides a name and a source bind parameter.
#[derive(Clone, Copy)]
struct Sources {
    string: bool,
    value_bind: bool,
}

fn is_name(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Name | TokenKind::QuotedName)
}
