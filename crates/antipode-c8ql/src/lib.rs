//! The C8QL language: from text to syntax tree and back.

pub mod ast;
mod diagnostic;

pub use ast::{Query, Span};
pub use diagnostic::{Code, Diagnostic, Position};
