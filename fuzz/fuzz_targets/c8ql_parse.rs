//! Lexer, parser and formatter on any bytes: the target of `crates/antipode-c8ql/tests/robustness.rs`.
#![no_main]

#[path = "../../crates/antipode-c8ql/tests/support/mod.rs"]
mod c8ql;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| c8ql::fuzz::read_anything(bytes));
