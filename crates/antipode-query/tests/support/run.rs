//! Queries from their text to their rows.
#![allow(dead_code, reason = "each test uses its own part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use antipode_query::{Cancel, CompileOptions, Environment, Limits, QueryError, compile, execute};
use antipode_value::Value;

use super::memory::MemoryTransaction;

/// The options that switch rules of the optimizer on and off.
pub fn options(rules: &[&str]) -> CompileOptions {
    CompileOptions {
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..CompileOptions::default()
    }
}

/// The rows of a query, in the order in which they come.
pub fn run(
    transaction: &MemoryTransaction,
    text: &str,
    binds: &Value,
    options: &CompileOptions,
    limits: Limits,
    cancel: Cancel,
) -> Result<Vec<Value>, QueryError> {
    let plan = compile(text, binds, transaction, options)?;
    let environment = Environment::default();
    execute(&plan, transaction, &environment, limits, cancel)?.collect_all()
}

/// The rows of a query without parameters, within the usual limits.
pub fn rows(
    transaction: &MemoryTransaction,
    text: &str,
    rules: &[&str],
) -> Result<Vec<Value>, QueryError> {
    let (options, limits) = (options(rules), Limits::default());
    run(
        transaction,
        text,
        &Value::Null,
        &options,
        limits,
        Cancel::new(),
    )
}

/// A handle whose clock moves on at every look: the deadline comes after so many looks, on every machine.
pub fn deadline_after(looks: u64) -> Cancel {
    let seen = AtomicU64::new(0);
    let clock = Arc::new(move || seen.fetch_add(1, Ordering::Relaxed));
    Cancel::with_deadline(looks, clock)
}
