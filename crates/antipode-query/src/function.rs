//! The functions of C8QL: one table, a file per family.
//!
//! A [`Function`] is a plain function over values. It never fails by itself: a wrong argument is a warning and usually
//! `null` ([`CallContext::warn`]); the few that end the query (`FAIL`, `ASSERT`) say so with [`CallContext::raise`] and
//! return anything. The registry is the only list: resolver, constant folding, `CALL`, documentation and completion all
//! read it.
//!
//! `deterministic` means: the same arguments give the same value within one query and no data is read. Only such calls
//! are folded at compile time, shared between rows, or moved by the optimizer.

use std::collections::HashMap;
use std::sync::OnceLock;

use antipode_value::Value;

use crate::context::{Chance, Environment, Warnings};
use crate::error::{Code, QueryError};
use crate::source::Transaction;

mod argument;
mod array;
mod bit;
mod control;
mod database;
pub(crate) mod date;
mod encoding;
pub(crate) mod geo;
mod number;
mod object;
mod pattern;
mod search;
mod set;
mod similarity;
mod statistics;
mod string;
mod types;
mod vector;

#[cfg(test)]
mod examples;

/// Every family. A new file is added here and nowhere else.
static FAMILIES: &[&[Function]] = &[
    types::FUNCTIONS,
    string::FUNCTIONS,
    pattern::FUNCTIONS,
    encoding::FUNCTIONS,
    similarity::FUNCTIONS,
    number::FUNCTIONS,
    statistics::FUNCTIONS,
    bit::FUNCTIONS,
    array::FUNCTIONS,
    set::FUNCTIONS,
    object::FUNCTIONS,
    date::FUNCTIONS,
    control::FUNCTIONS,
    database::FUNCTIONS,
    geo::FUNCTIONS,
    search::FUNCTIONS,
    vector::FUNCTIONS,
];

/// How a function is called.
pub type Run = fn(&mut CallContext<'_>, &[Value]) -> Value;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// Name in upper case.
    pub name: &'static str,
    /// Fewest and most arguments; [`MANY`] for no upper bound.
    pub arity: (usize, usize),
    /// Whether a call may be folded, shared and moved.
    pub deterministic: bool,
    /// What it does. The number of arguments was checked.
    pub run: Run,
    /// One paragraph for people, beginning with the signature. Every further line is an example: a call, ` // `, and
    /// the result as JSON.
    pub doc: &'static str,
}

/// A function whose result depends on its arguments alone, with fewest and most arguments.
const fn pure(
    name: &'static str,
    least: usize,
    most: usize,
    run: Run,
    doc: &'static str,
) -> Function {
    Function {
        name,
        arity: (least, most),
        deterministic: true,
        run,
        doc,
    }
}

/// A function that is evaluated for every row, in its place.
const fn volatile(
    name: &'static str,
    least: usize,
    most: usize,
    run: Run,
    doc: &'static str,
) -> Function {
    Function {
        name,
        arity: (least, most),
        deterministic: false,
        run,
        doc,
    }
}

/// No upper bound on the number of arguments.
pub const MANY: usize = usize::MAX;

/// What a running function may see and say.
pub struct CallContext<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) warnings: &'a mut Warnings,
    pub(crate) chance: &'a mut Chance,
    pub(crate) regexes: &'a mut RegexCache,
    pub(crate) transaction: Option<&'a dyn Transaction>,
    /// Name of the running function, for messages.
    pub(crate) name: &'static str,
}

pub use pattern::RegexCache;

impl<'a> CallContext<'a> {
    /// Adds a warning. Under `failOnWarning` the query ends with it after this call.
    pub fn warn(&mut self, code: Code, detail: impl Into<String>) {
        self.warnings.add(code, detail.into());
    }

    /// The usual warning 1542: an argument has the wrong type. Gives `null`, which is what such a call returns.
    pub fn wrong_type(&mut self) -> Value {
        let message = format!(
            "invalid argument type in call to function '{}()'",
            self.name
        );
        self.warnings.add(Code::FunctionArgumentType, message);
        Value::Null
    }

    /// Ends the query with an error after this call.
    pub fn raise(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.raise(QueryError::new(code, message));
    }

    /// Ends the query with this error after this call.
    pub(crate) fn fail(&mut self, error: QueryError) {
        self.warnings.raise(error);
    }

    /// The moment of the query, in ms since 1970.
    pub fn now_ms(&self) -> i64 {
        self.environment.now_ms
    }

    /// 64 random bits.
    pub fn random(&mut self) -> u64 {
        self.chance.next()
    }

    /// Node, fabric and user.
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Name of the running function.
    pub fn function_name(&self) -> &'static str {
        self.name
    }

    /// The data, for functions that read documents; none while constants are folded.
    pub fn transaction(&self) -> Option<&'a dyn Transaction> {
        self.transaction
    }

    /// Calls another function by its name in any case, as `CALL` and `APPLY` do. An unknown name or a wrong number of
    /// arguments is a warning and `null`.
    pub fn call(&mut self, name: &str, arguments: &[Value]) -> Value {
        let Some(function) = find(name) else {
            self.warn(
                Code::FunctionNotFound,
                format!("function '{name}' not found"),
            );
            return Value::Null;
        };
        if arguments.len() < function.arity.0 || arguments.len() > function.arity.1 {
            self.warn(Code::FunctionArgumentNumber, arity_message(function));
            return Value::Null;
        }
        let outer = std::mem::replace(&mut self.name, function.name);
        let value = (function.run)(self, arguments);
        self.name = outer;
        value
    }
}

/// The text of error and warning 1541.
pub fn arity_message(function: &Function) -> String {
    let (least, most) = function.arity;
    let most = if most == MANY {
        "any number".to_string()
    } else {
        most.to_string()
    };
    format!(
        "invalid number of arguments for function '{}()', expected number of arguments: minimum: {least}, maximum: {most}",
        function.name
    )
}

/// The function with this name, in any case.
pub fn find(name: &str) -> Option<&'static Function> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Function>> = OnceLock::new();
    let index = INDEX.get_or_init(|| all().map(|function| (function.name, function)).collect());
    match index.get(name) {
        Some(function) => Some(function),
        None => index.get(name.to_ascii_uppercase().as_str()).copied(),
    }
}

/// Every function, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The registered name that is nearest to a misspelt one.
pub fn nearest(name: &str) -> Option<&'static str> {
    crate::nearest::nearest(
        &name.to_ascii_uppercase(),
        all().map(|function| function.name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_upper_case() {
        let mut seen = std::collections::BTreeSet::new();
        for function in all() {
            assert_eq!(function.name, function.name.to_ascii_uppercase());
            assert!(
                seen.insert(function.name),
                "{} is registered twice",
                function.name
            );
            assert!(function.arity.0 <= function.arity.1, "{}", function.name);
            assert!(
                !function.doc.is_empty(),
                "{} has no documentation",
                function.name
            );
        }
    }
}
