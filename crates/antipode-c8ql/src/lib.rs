//! The C8QL language: from text to syntax tree and back.
//!
//! This crate knows what a query says, not what it means: it has no data, no collections and no
//! functions. [`parse`] reads a text, `antipode-query` gives the tree its meaning; the shell uses the
//! same lexer to colour and complete what is typed.
//!
//! The grammar is written down in `sql-like-grammar/c8ql.ebnf`; a test generates sentences from it, and
//! the parser accepts them all.

mod assist;
pub mod ast;
mod diagnostic;
mod format;
mod lexer;
mod parser;
mod visit;

pub use assist::{Completion, Expected, TokenClass, complete, highlight, is_complete};
pub use ast::{Query, Span};
pub use diagnostic::{Code, Diagnostic, Position};
pub use format::{format, format_expression, quote_name, quote_string};
pub use lexer::{Keyword, LexicalError, Token, TokenKind, contextual_words, keywords, tokens};
pub use parser::{ParseLimits, parse, parse_bytes, parse_with};
