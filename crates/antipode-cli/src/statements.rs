//! A text with several queries in it, cut into its statements.
//!
//! A query ends at a semicolon. It also ends before a line that it cannot go on with, so that queries which stand one below
//! the other need none, unless together they are one.

use antipode_c8ql::{Token, TokenKind, parse, tokens};

use crate::shell::Script;

/// A longer text that is no query is not looked through line by line: that takes time by the square of its length.
const LINES_BYTES_MAX: usize = 1 << 20;

/// A statement and the line of the text where it begins, from 1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    pub text: String,
    pub line: usize,
}

/// The statements of a text. A text that is one query is one, whatever its lines.
pub fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    for (piece, line) in at_semicolons(text) {
        if piece.len() > LINES_BYTES_MAX || parse(piece).is_ok() {
            push(&mut found, piece, line);
            continue;
        }
        let mut script = Script::default();
        let mut begin = None;
        for (text, number) in piece.split('\n').zip(line..) {
            for statement in script.line(text) {
                push(&mut found, &statement, begin.take().unwrap_or(number));
            }
            if !text.trim().is_empty() {
                begin.get_or_insert(number);
            }
        }
        if let Some(rest) = script.end() {
            push(&mut found, &rest, begin.unwrap_or(line));
        }
    }
    found
}

fn push(found: &mut Vec<Statement>, text: &str, line: usize) {
    let blank = tokens(text).all(|token| matches!(token.kind, TokenKind::Comment | TokenKind::End));
    if blank {
        return;
    }
    // Lines before the statement itself belong to nothing.
    let before = text.len() - text.trim_start().len();
    let passed = text.get(..before).unwrap_or_default();
    found.push(Statement {
        text: text.trim().to_owned(),
        line: line + passed.matches('\n').count(),
    });
}

/// The parts between semicolons that stand in no string and no comment, and their lines.
fn at_semicolons(text: &str) -> Vec<(&str, usize)> {
    let mut pieces = Vec::new();
    let (mut begin, mut line) = (0, 1);
    let mut cut = |end: usize, next: usize| {
        let piece = text.get(begin..end).unwrap_or_default();
        pieces.push((piece, line));
        line += text
            .get(begin..next)
            .unwrap_or_default()
            .matches('\n')
            .count();
        begin = next;
    };
    for token in tokens(text) {
        if is_semicolon(text, &token) {
            cut(token.span.start as usize, token.span.end as usize);
        }
    }
    cut(text.len(), text.len());
    pieces
}

fn is_semicolon(text: &str, token: &Token) -> bool {
    matches!(token.kind, TokenKind::Error(_)) && token.span.text(text) == ";"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, usize)]) {
        let found = statements(text);
        let found: Vec<(&str, usize)> = found
            .iter()
            .map(|statement| (statement.text.as_str(), statement.line))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_text_is_cut_into_its_statements() {
        check("RETURN 1", &[("RETURN 1", 1)]);
        check("RETURN 1; RETURN 2;", &[("RETURN 1", 1), ("RETURN 2", 1)]);
        check(
            "\n\nFOR i IN 1..2\n\n  RETURN i\nRETURN 2\n",
            &[("FOR i IN 1..2\n\n  RETURN i", 3), ("RETURN 2", 6)],
        );
        check(
            "// the first;\nRETURN ';' /* ; */;\n\n// the second\nRETURN 2;\n// end\n",
            &[
                ("// the first;\nRETURN ';' /* ; */", 1),
                ("// the second\nRETURN 2", 4),
            ],
        );
        check(
            "INSERT {} INTO c\nRETURN NEW",
            &[("INSERT {} INTO c\nRETURN NEW", 1)],
        );
        check("RETURN (\n;RETURN 1", &[("RETURN (", 1), ("RETURN 1", 2)]);
        check("RETURN )\nRETURN 1", &[("RETURN )", 1), ("RETURN 1", 2)]);
        check(" ;\n; // nothing\n", &[]);
    }
}
