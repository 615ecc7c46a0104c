//! What someone who types a query needs: colours, whether more lines must come, what may stand next.
//!
//! All of it works from the tokens, since a query that is being typed is seldom one that parses. So it
//! is guesswork where the grammar would need the whole text, and never an error.

use crate::ast::Span;
use crate::lexer::{Keyword, LexicalError, Token, TokenKind, tokens};
use crate::parser::parse;

// -- colours --------------------------------------------------------------------------------------

/// What a part of a query is to the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenClass {
    Keyword,
    Function,
    /// A variable, a collection …
    Name,
    Attribute,
    Number,
    String,
    Bind,
    Operator,
    Punctuation,
    Comment,
    Error,
}

/// The parts of a text, in its order; white space belongs to none.
///
/// ```
/// use antipode_c8ql::{TokenClass, highlight};
///
/// let text = "RETURN LENGTH(d.tags)";
/// let classes: Vec<_> = highlight(text).into_iter().map(|(span, class)| (span.text(text), class)).collect();
/// assert_eq!(classes[1], ("LENGTH", TokenClass::Function));
/// assert_eq!(classes[5], ("tags", TokenClass::Attribute));
/// ```
pub fn highlight(text: &str) -> Vec<(Span, TokenClass)> {
    let all: Vec<Token> = tokens(text).collect();
    let significant: Vec<Token> = significant(&all);
    let mut classes = vec![TokenClass::Comment; all.len()];
    let mut at = 0;
    let mut brackets = Vec::new();
    for (token, class) in all.iter().zip(&mut classes) {
        if token.kind == TokenKind::Comment {
            continue;
        }
        let context = Context {
            text,
            tokens: &significant,
            at,
        };
        *class = context.class(brackets.last() == Some(&TokenKind::OpenBrace));
        track_brackets(token.kind, &mut brackets);
        at += 1;
    }
    all.iter().map(|token| token.span).zip(classes).collect()
}

fn significant(all: &[Token]) -> Vec<Token> {
    all.iter()
        .copied()
        .filter(|token| token.kind != TokenKind::Comment)
        .collect()
}

fn track_brackets(kind: TokenKind, open: &mut Vec<TokenKind>) {
    match kind {
        TokenKind::OpenParenthesis | TokenKind::OpenBracket | TokenKind::OpenBrace => {
            open.push(kind)
        }
        TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace => {
            open.pop();
        }
        _ => {}
    }
}

/// A token among its neighbours.
struct Context<'a> {
    text: &'a str,
    /// Without comments.
    tokens: &'a [Token],
    at: usize,
}

impl Context<'_> {
    fn kind(&self, offset: isize) -> Option<TokenKind> {
        let at = self.at.checked_add_signed(offset)?;
        self.tokens.get(at).map(|token| token.kind)
    }

    fn is_word(&self, offset: isize, word: &str) -> bool {
        self.at
            .checked_add_signed(offset)
            .and_then(|at| self.tokens.get(at))
            .is_some_and(|token| {
                token.kind == TokenKind::Name
                    && token.span.text(self.text).eq_ignore_ascii_case(word)
            })
    }

    fn class(&self, in_braces: bool) -> TokenClass {
        let Some(kind) = self.kind(0) else {
            return TokenClass::Error;
        };
        match kind {
            TokenKind::Comment | TokenKind::Error(LexicalError::UnterminatedComment) => {
                TokenClass::Comment
            }
            TokenKind::Keyword(Keyword::Like)
                if self.kind(1) == Some(TokenKind::OpenParenthesis) =>
            {
                TokenClass::Function
            }
            TokenKind::Keyword(_) | TokenKind::AtLeast | TokenKind::NotIn => TokenClass::Keyword,
            TokenKind::Integer | TokenKind::Float => TokenClass::Number,
            TokenKind::String if in_braces && self.is_attribute_of_object() => {
                TokenClass::Attribute
            }
            // A string that is being typed has no end yet.
            TokenKind::String | TokenKind::Error(LexicalError::UnterminatedString) => {
                TokenClass::String
            }
            TokenKind::ValueBind | TokenKind::SourceBind => TokenClass::Bind,
            TokenKind::Name | TokenKind::QuotedName => self.class_of_name(in_braces),
            TokenKind::Error(LexicalError::UnterminatedName) => TokenClass::Name,
            TokenKind::Error(_) => TokenClass::Error,
            TokenKind::Comma
            | TokenKind::Dot
            | TokenKind::Colon
            | TokenKind::DoubleColon
            | TokenKind::OpenParenthesis
            | TokenKind::CloseParenthesis
            | TokenKind::OpenBracket
            | TokenKind::CloseBracket
            | TokenKind::OpenBrace
            | TokenKind::CloseBrace => TokenClass::Punctuation,
            _ => TokenClass::Operator,
        }
    }

    fn class_of_name(&self, in_braces: bool) -> TokenClass {
        if self.is_contextual_keyword() {
            return TokenClass::Keyword;
        }
        match (self.kind(-1), self.kind(1)) {
            (Some(TokenKind::Dot), _) => TokenClass::Attribute,
            (_, Some(TokenKind::OpenParenthesis | TokenKind::DoubleColon)) => TokenClass::Function,
            _ if in_braces && self.is_attribute_of_object() => TokenClass::Attribute,
            _ => TokenClass::Name,
        }
    }

    /// `{ name:` or `, name:`
    fn is_attribute_of_object(&self) -> bool {
        self.kind(1) == Some(TokenKind::Colon)
            && matches!(self.kind(-1), Some(TokenKind::OpenBrace | TokenKind::Comma))
    }

    /// Words that are keywords by their place. Two operands never follow each other, so such a word
    /// behind an operand is no name.
    fn is_contextual_keyword(&self) -> bool {
        if self.kind(0) != Some(TokenKind::Name) {
            return false;
        }
        let name_or_bind = matches!(
            self.kind(1),
            Some(TokenKind::Name | TokenKind::String | TokenKind::SourceBind)
        );
        if self.is_word(0, "COUNT") {
            return self.kind(-1) == Some(TokenKind::Keyword(Keyword::With));
        }
        if self.is_word(0, "STREAM") {
            let place = matches!(
                self.kind(-1),
                Some(TokenKind::Keyword(Keyword::In | Keyword::Into))
            );
            return place
                && name_or_bind
                && !self.is_word(1, "OPTIONS")
                && !self.is_word(1, "SEARCH");
        }
        if self.is_word(0, "QUERY") {
            return self.is_word(1, "OPTIONS") && self.kind(2) == Some(TokenKind::OpenBrace);
        }
        if self.is_word(0, "OPTIONS") && self.is_word(-1, "QUERY") {
            return self.kind(1) == Some(TokenKind::OpenBrace);
        }
        ["KEEP", "OPTIONS", "PRUNE", "SEARCH", "TO"]
            .iter()
            .any(|word| self.is_word(0, word))
            && self.kind(-1).is_some_and(ends_operand)
    }
}

/// Whether an operand may end with such a token.
fn ends_operand(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Name
            | TokenKind::QuotedName
            | TokenKind::String
            | TokenKind::Integer
            | TokenKind::Float
            | TokenKind::ValueBind
            | TokenKind::SourceBind
            | TokenKind::CloseParenthesis
            | TokenKind::CloseBracket
            | TokenKind::CloseBrace
            | TokenKind::Keyword(Keyword::Null | Keyword::True | Keyword::False)
    )
}

// -- lines ----------------------------------------------------------------------------------------

/// Whether a text that is typed line by line can be sent: it is a query, or it has an error that more
/// lines cannot mend. White space alone is complete.
pub fn is_complete(text: &str) -> bool {
    match parse(text) {
        Ok(_) => true,
        Err(error) => !error.at_end || text.trim().is_empty(),
    }
}

// -- what may stand next --------------------------------------------------------------------------

/// What may stand at a place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The part of the word that is typed already; what is chosen takes its place.
    pub replace: Span,
    pub expected: Vec<Expected>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// In upper case.
    Keywords(&'static [&'static str]),
    Functions,
    /// Collections and views.
    Collections,
    Graphs,
    Streams,
    /// The variables that the text before declares.
    Variables(Vec<String>),
    /// Attributes of a document at `path`; of which collection, if that is to be seen.
    Attributes {
        collection: Option<String>,
        path: Vec<String>,
    },
}

const OPERATIONS: &[&str] = &[
    "COLLECT", "FILTER", "FOR", "INSERT", "LET", "LIMIT", "REMOVE", "REPLACE", "RETURN", "SORT",
    "UPDATE", "UPSERT", "WINDOW",
];
const BEGINNINGS: &[&str] = &[
    "FOR", "INSERT", "LET", "REMOVE", "REPLACE", "RETURN", "UPDATE", "UPSERT", "WITH",
];
const OPERANDS: &[&str] = &["FALSE", "NOT", "NULL", "TRUE"];
const DIRECTIONS: &[&str] = &["ANY", "INBOUND", "OUTBOUND"];
const PATHS: &[&str] = &[
    "ALL_SHORTEST_PATHS",
    "K_PATHS",
    "K_SHORTEST_PATHS",
    "SHORTEST_PATH",
];
const FOLLOWERS: &[&str] = &[
    "AGGREGATE",
    "ALL",
    "AND",
    "ANY",
    "ASC",
    "AT LEAST",
    "DESC",
    "GRAPH",
    "IN",
    "INTO",
    "KEEP",
    "LIKE",
    "NONE",
    "NOT IN",
    "NOT LIKE",
    "OPTIONS",
    "OR",
    "PRUNE",
    "SEARCH",
    "TO",
    "WITH",
    "WITH COUNT INTO",
];

/// What may stand at byte `cursor` of `text`; nothing in a string or comment.
pub fn complete(text: &str, cursor: usize) -> Completion {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let before = &text[..cursor];
    let end = u32::try_from(cursor).unwrap_or(u32::MAX);
    let mut replace = Span::new(end, end);

    let all: Vec<Token> = tokens(before).collect();
    let mut known = significant(&all);
    if let Some(last) = all.last()
        && last.span.end == end
    {
        match last.kind {
            TokenKind::Name | TokenKind::Keyword(_) => {
                replace = last.span;
                known.pop();
            }
            TokenKind::Comment if !last.span.text(before).starts_with("//") => {}
            TokenKind::Comment
            | TokenKind::String
            | TokenKind::QuotedName
            | TokenKind::ValueBind
            | TokenKind::SourceBind
            | TokenKind::Integer
            | TokenKind::Float
            | TokenKind::Error(_) => {
                return Completion {
                    replace,
                    expected: Vec::new(),
                };
            }
            _ => {}
        }
    }
    Completion {
        replace,
        expected: expected(before, &known),
    }
}

fn expected(text: &str, known: &[Token]) -> Vec<Expected> {
    let Some(last) = known.last() else {
        return vec![Expected::Keywords(BEGINNINGS)];
    };
    // The token at hand is the one that is still missing.
    let context = Context {
        text,
        tokens: known,
        at: known.len(),
    };
    let operand = || {
        vec![
            Expected::Variables(variables(text, known)),
            Expected::Functions,
            Expected::Keywords(OPERANDS),
        ]
    };
    match last.kind {
        TokenKind::Dot => vec![attributes(text, known)],
        TokenKind::Keyword(Keyword::For | Keyword::Let | Keyword::Aggregate)
        | TokenKind::DoubleColon => Vec::new(),
        TokenKind::Keyword(Keyword::Into) if begins_write(known) => {
            vec![Expected::Collections, Expected::Keywords(&["STREAM"])]
        }
        TokenKind::Keyword(Keyword::Into) => Vec::new(),
        TokenKind::Keyword(Keyword::In) => {
            let mut all = vec![Expected::Collections];
            all.extend(operand());
            all.push(Expected::Keywords(DIRECTIONS));
            all.push(Expected::Keywords(&["STREAM"]));
            all
        }
        TokenKind::Keyword(Keyword::Graph) => vec![Expected::Graphs],
        TokenKind::Keyword(Keyword::With) if known.len() == 1 => vec![Expected::Collections],
        TokenKind::Keyword(Keyword::Outbound | Keyword::Inbound | Keyword::Any) => {
            let mut all = operand();
            all.push(Expected::Collections);
            all.push(Expected::Keywords(PATHS));
            all
        }
        TokenKind::Name
            if context.is_word(-1, "STREAM")
                && matches!(
                    context.kind(-2),
                    Some(TokenKind::Keyword(Keyword::In | Keyword::Into))
                ) =>
        {
            vec![Expected::Streams, Expected::Keywords(OPERATIONS)]
        }
        kind if ends_operand(kind) => {
            vec![
                Expected::Keywords(OPERATIONS),
                Expected::Keywords(FOLLOWERS),
                Expected::Collections,
            ]
        }
        TokenKind::OpenParenthesis => {
            let mut all = operand();
            all.push(Expected::Collections);
            all.push(Expected::Keywords(OPERATIONS));
            all
        }
        _ => operand(),
    }
}

/// Whether the last operation that the tokens begin is one that writes.
fn begins_write(known: &[Token]) -> bool {
    let operation = known.iter().rev().find_map(|token| match token.kind {
        TokenKind::Keyword(
            keyword @ (Keyword::Insert
            | Keyword::Update
            | Keyword::Replace
            | Keyword::Remove
            | Keyword::Upsert
            | Keyword::Collect),
        ) => Some(keyword),
        _ => None,
    });
    operation.is_some_and(|keyword| keyword != Keyword::Collect)
}

/// The variables that some tokens declare, whatever their scopes, each once.
fn variables(text: &str, known: &[Token]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut in_targets = false;
    for (at, token) in known.iter().enumerate() {
        let context = Context {
            text,
            tokens: known,
            at,
        };
        match token.kind {
            TokenKind::Keyword(keyword) => in_targets = keyword == Keyword::For,
            TokenKind::Name | TokenKind::QuotedName => {
                let assigned = context.kind(1) == Some(TokenKind::Assign);
                let collected = context.kind(-1) == Some(TokenKind::Keyword(Keyword::Into))
                    && !begins_write(&known[..at]);
                // `{ attribute: variable }` in a target.
                let is_attribute = context.kind(1) == Some(TokenKind::Colon);
                if (assigned || collected || in_targets) && !is_attribute {
                    let name = token.name(text).into_owned();
                    if !found.contains(&name) {
                        found.push(name);
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// What the names before the point at the end say about the document behind it.
fn attributes(text: &str, known: &[Token]) -> Expected {
    let mut path = Vec::new();
    let mut rest = known;
    while let [before @ .., name, dot] = rest
        && dot.kind == TokenKind::Dot
        && matches!(name.kind, TokenKind::Name | TokenKind::QuotedName)
    {
        path.push(name.name(text).into_owned());
        rest = before;
    }
    path.reverse();
    if path.is_empty()
        || rest
            .last()
            .is_some_and(|token| token.kind == TokenKind::Dot)
    {
        return Expected::Attributes {
            collection: None,
            path: Vec::new(),
        };
    }
    let variable = path.remove(0);
    Expected::Attributes {
        collection: collection_of(text, known, &variable),
        path,
    }
}

/// The name behind the last `FOR variable IN`, and that of the collection last written to for `OLD` and
/// `NEW`.
fn collection_of(text: &str, known: &[Token], variable: &str) -> Option<String> {
    let name = |token: &Token| {
        let is_name = matches!(token.kind, TokenKind::Name | TokenKind::QuotedName);
        is_name.then(|| token.name(text).into_owned())
    };
    let is = |token: &Token, keyword: Keyword| token.kind == TokenKind::Keyword(keyword);
    let of_loop = known.windows(5).rev().find_map(|window| match window {
        [begin, target, preposition, source, after]
            if is(begin, Keyword::For)
                && is(preposition, Keyword::In)
                // What follows the name of a collection is a keyword, known or by its place.
                && matches!(after.kind, TokenKind::Keyword(_) | TokenKind::Name)
                && name(target).as_deref() == Some(variable) =>
        {
            name(source)
        }
        _ => None,
    });
    if of_loop.is_some() || !matches!(variable, "OLD" | "NEW") {
        return of_loop;
    }
    let written = (0..known.len().saturating_sub(1)).rev().find(|at| {
        let preposition = &known[*at];
        (is(preposition, Keyword::In) || is(preposition, Keyword::Into))
            && begins_write(&known[..*at])
    })?;
    name(&known[written + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_complete_when_more_lines_would_not_mend_it() {
        for text in [
            "",
            " \n",
            "RETURN 1",
            "FOR d IN c RETURN d",
            "RETURN )",
            "RETURN 1 RETURN 2",
            "REMOVE d IN c",
        ] {
            assert!(is_complete(text), "{text}");
        }
        for text in [
            "RETURN",
            "FOR d IN c",
            "FOR d IN c FILTER",
            "RETURN [1,",
            "RETURN 'a",
            "RETURN 1 /* x",
            "RETURN `a",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }

    /// The cursor is at the `|`.
    #[track_caller]
    fn check(marked: &str, replaced: &str, expected: &[Expected]) {
        let cursor = marked.find('|').expect("a cursor");
        let text = marked.replacen('|', "", 1);
        let found = complete(&text, cursor);
        assert_eq!(found.replace.text(&text), replaced);
        for one in expected {
            assert!(
                found.expected.contains(one),
                "{one:?} is not in {:?}",
                found.expected
            );
        }
        assert!(
            !expected.is_empty() || found.expected.is_empty(),
            "{:?}",
            found.expected
        );
    }

    #[test]
    fn completions() {
        let attributes = |collection: Option<&str>, path: &[&str]| Expected::Attributes {
            collection: collection.map(String::from),
            path: path.iter().map(|name| (*name).to_owned()).collect(),
        };
        let variables = |names: &[&str]| {
            Expected::Variables(names.iter().map(|name| (*name).to_owned()).collect())
        };
        check("|", "", &[Expected::Keywords(BEGINNINGS)]);
        check("re|", "re", &[Expected::Keywords(BEGINNINGS)]);
        check("FOR |", "", &[]);
        check("FOR d IN or|", "or", &[Expected::Collections]);
        check(
            "FOR d IN orders FILTER d.|",
            "",
            &[attributes(Some("orders"), &[])],
        );
        check(
            "FOR d IN orders FILTER d.a.b|",
            "b",
            &[attributes(Some("orders"), &["a"])],
        );
        check(
            "FOR d IN f(x) FILTER d.a.b|",
            "b",
            &[attributes(None, &["a"])],
        );
        check(
            "UPDATE x WITH {} IN orders RETURN NEW.|",
            "",
            &[attributes(Some("orders"), &[])],
        );
        check(
            "FOR d IN orders LET a = 1, b = 2 RETURN |",
            "",
            &[variables(&["d", "a", "b"]), Expected::Functions],
        );
        check(
            "FOR { x, y: z } IN orders COLLECT k = x INTO g RETURN |",
            "",
            &[variables(&["x", "z", "k", "g"])],
        );
        check("INSERT {} INTO |", "", &[Expected::Collections]);
        check("FOR v IN OUTBOUND x GRAPH |", "", &[Expected::Graphs]);
        check("FOR m IN STREAM |", "", &[Expected::Streams]);
        check(
            "FOR d IN orders S|",
            "S",
            &[
                Expected::Keywords(OPERATIONS),
                Expected::Keywords(FOLLOWERS),
            ],
        );
        check("RETURN 'FOR |", "", &[]);
        check("RETURN 1 // FOR|", "", &[]);
        check("RETURN é|", "", &[]);
    }
}
