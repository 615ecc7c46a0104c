//! What is said to the person whose query is wrong.
//!
//! A [`Diagnostic`] is the error of this crate, and the later stages of a query make theirs with the
//! same type, so that everything that points into a query text looks alike:
//!
//! ```text
//! error 1501 (ERROR_QUERY_PARSE) at 2:10: unexpected end of the query, expecting an expression
//!   |
//! 2 | FILTER a.
//!   |          ^
//! ```

use std::fmt::Write as _;

use crate::ast::Span;

/// A numbered kind of error. The numbers and names are those of ArangoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    pub number: u16,
    pub name: &'static str,
}

impl Code {
    pub const RESOURCE_LIMIT: Code = Code::new(32, "ERROR_RESOURCE_LIMIT");
    pub const QUERY_PARSE: Code = Code::new(1501, "ERROR_QUERY_PARSE");
    pub const QUERY_EMPTY: Code = Code::new(1502, "ERROR_QUERY_EMPTY");
    pub const QUERY_TOO_MUCH_NESTING: Code = Code::new(1524, "ERROR_QUERY_TOO_MUCH_NESTING");
    pub const QUERY_INVALID_AGGREGATE_EXPRESSION: Code =
        Code::new(1574, "ERROR_QUERY_INVALID_AGGREGATE_EXPRESSION");

    pub const fn new(number: u16, name: &'static str) -> Code {
        Code { number, name }
    }
}

/// An error in a query text, with the place where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// A fragment in lower case, with what was expected.
    pub message: String,
    pub span: Span,
    /// The text ended too early: more of it may make it right.
    pub at_end: bool,
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            span,
            at_end: false,
        }
    }

    pub fn number(&self) -> u16 {
        self.code.number
    }

    pub fn name(&self) -> &'static str {
        self.code.name
    }

    /// Where it begins in the text.
    pub fn position(&self, source: &str) -> Position {
        Position::of(source, self.span.start)
    }

    /// The error for people: code, place, the line of the text with a caret below the place.
    pub fn render(&self, source: &str) -> String {
        let place = self.position(source);
        let excerpt = Excerpt::cut(source, self.span);
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "error {} ({}) at {}:{}: {}",
            self.code.number, self.code.name, place.line, place.column, self.message
        );
        let _ = writeln!(out, "{margin} |");
        let _ = writeln!(out, "{number} | {}", excerpt.line);
        let _ = write!(
            out,
            "{margin} | {}{}",
            " ".repeat(excerpt.indent),
            "^".repeat(excerpt.width)
        );
        out
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// A place in a text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// The place of a byte; the end of the text if the text is shorter.
    pub fn of(source: &str, offset: u32) -> Position {
        let offset = floor_char_boundary(source, offset as usize);
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The line that a span begins on, cut around it where it is long.
struct Excerpt {
    line: String,
    indent: usize,
    width: usize,
}

/// Characters shown before and after the place in a line that is longer than a screen.
const EXCERPT_BEFORE: usize = 60;
const EXCERPT_AFTER: usize = 60;

impl Excerpt {
    fn cut(source: &str, span: Span) -> Excerpt {
        let start = floor_char_boundary(source, span.start as usize);
        let end = floor_char_boundary(source, span.end as usize).max(start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..]
            .find('\n')
            .map_or(source.len(), |newline| start + newline);
        let before = &source[line_start..start];
        let inside = &source[start..end.min(line_end)];
        let after = &source[end.min(line_end)..line_end];

        let skipped = before.chars().count().saturating_sub(EXCERPT_BEFORE);
        let mut line = String::new();
        if skipped > 0 {
            line.push_str("... ");
        }
        line.extend(before.chars().skip(skipped).map(visible));
        let indent = line.chars().count();
        let width = inside.chars().count().clamp(1, EXCERPT_AFTER);
        let rest = inside.chars().chain(after.chars());
        line.extend(rest.clone().take(EXCERPT_AFTER).map(visible));
        if rest.count() > EXCERPT_AFTER {
            line.push_str(" ...");
        }
        Excerpt {
            line: line.trim_end().to_owned(),
            indent,
            width,
        }
    }
}

/// Tabs and other control characters would move the caret away from its place.
fn visible(character: char) -> char {
    if character.is_control() {
        ' '
    } else {
        character
    }
}

fn floor_char_boundary(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
