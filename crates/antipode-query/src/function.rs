//! The functions of C8QL: one table, a file per family.
//!
//! A [`Function`] is a plain function over values. It never fails by itself: a wrong argument is a warning and usually
//! `null` ([`CallContext::warn`]); the few that end the query (`FAIL`, `ASSERT`) say so with [`CallContext::raise`] and
//! return anything. The registry is the only list: resolver, constant folding, `CALL`, documentation and completion all
//! read it.
//!
//! `deterministic` means: the same arguments give the same value within one query and no data is read. Only such calls
//! are shared between rows, moved by the optimizer, or looked up in an index. `constant` means: and so in every query.
//! Only such calls are folded at compile time, and leave a result worth keeping.

use std::collections::HashMap;
use std::sync::OnceLock;

use antipode_value::{Str, Value};

use crate::context::{Cancel, Chance, Environment, Warnings};
use crate::error::{Code, QueryError};
use crate::evaluate::TICKS;
use crate::source::Transaction;

mod analysis;
mod argument;
mod array;
mod bit;
mod control;
mod database;
pub(crate) mod date;
mod documentation;
mod encoding;
pub(crate) mod geo;
mod matches;
mod number;
mod object;
mod pattern;
mod schema;
mod search;
mod set;
mod similarity;
mod statistics;
mod string;
mod types;
mod vector;
mod views;

/// Every family. A new file is added here and nowhere else.
static FAMILIES: &[(&str, &[Function])] = &[
    ("Types", types::FUNCTIONS),
    ("Texts", string::FUNCTIONS),
    ("Patterns", pattern::FUNCTIONS),
    ("Words", analysis::FUNCTIONS),
    ("Encodings and hashes", encoding::FUNCTIONS),
    ("Similarity", similarity::FUNCTIONS),
    ("Numbers", number::FUNCTIONS),
    ("Statistics", statistics::FUNCTIONS),
    ("Bits", bit::FUNCTIONS),
    ("Arrays", array::FUNCTIONS),
    ("Sets", set::FUNCTIONS),
    ("Objects", object::FUNCTIONS),
    ("Dates", date::FUNCTIONS),
    ("Control", control::FUNCTIONS),
    ("Database", database::FUNCTIONS),
    ("Schemas", schema::FUNCTIONS),
    ("Geography", geo::FUNCTIONS),
    ("Indexes", search::FUNCTIONS),
    ("Search views", views::FUNCTIONS),
    ("Vectors", vector::FUNCTIONS),
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
    /// Whether a call may be shared and moved.
    pub deterministic: bool,
    /// Whether a call with constant arguments is a constant, whoever asks and whenever.
    pub constant: bool,
    /// What it does. The number of arguments was checked.
    pub run: Run,
    /// What it works on, if this version has nothing of the kind: a call is error 9 then.
    pub needs: Option<&'static str>,
    /// What people are told, in the lines that [`Function::documentation`] reads.
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
        constant: true,
        run,
        needs: None,
        doc,
    }
}

/// A function whose result depends on its arguments and on who asks, or from where: the same throughout a query.
const fn steady(
    name: &'static str,
    least: usize,
    most: usize,
    run: Run,
    doc: &'static str,
) -> Function {
    Function {
        constant: false,
        ..pure(name, least, most, run, doc)
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
        deterministic: false,
        ..steady(name, least, most, run, doc)
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
    pub(crate) cancel: &'a Cancel,
    /// Bytes that the query may still use.
    pub(crate) bytes_left: u64,
    /// Name of the running function, for messages.
    pub(crate) name: &'static str,
    /// Steps since the last look at `cancel`.
    pub(crate) ticks: &'a mut u32,
}

pub use documentation::Documentation;
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

    /// Whether a result of so many bytes may be made; ends the query with error 32 if not. To be asked before memory is
    /// taken, wherever a result can be much larger than the arguments.
    pub fn affords(&mut self, bytes: usize) -> bool {
        let affords = bytes as u64 <= self.bytes_left;
        if !affords {
            let message = format!(
                "the result of function '{}()' would use more memory than the query may",
                self.name
            );
            self.raise(Code::ResourceLimit, message);
        }
        affords
    }

    /// As [`CallContext::affords`], for an array of so many elements.
    pub(crate) fn affords_elements(&mut self, elements: usize) -> bool {
        self.affords(elements.saturating_mul(size_of::<Value>()))
    }

    /// Counts steps of a long computation. False once the query has to stop, which it does after this call.
    pub(crate) fn steps(&mut self, steps: usize) -> bool {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        *self.ticks = self.ticks.saturating_add(steps);
        if *self.ticks < TICKS {
            return true;
        }
        *self.ticks = 0;
        let running = self.cancel.check();
        running.map_err(|error| self.fail(error)).is_ok()
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

    /// The text of a value, unless it is too long to be made: parts that are shared are written out each time.
    pub(crate) fn text_of(&mut self, value: &Value) -> Str {
        let compound = matches!(value, Value::Array(_) | Value::Object(_));
        if compound && !self.affords_text(value) {
            return Str::EMPTY;
        }
        value.to_text()
    }

    /// As [`CallContext::affords`], for the JSON text of a value.
    pub(crate) fn affords_text(&mut self, value: &Value) -> bool {
        let mut left = self.bytes_left;
        takes_text(value, &mut left) || self.affords(usize::MAX)
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

/// Takes the least that the JSON text of a value needs from `left`; false once that is used up.
fn takes_text(value: &Value, left: &mut u64) -> bool {
    let own = match value {
        Value::String(text) => text.len() + 2,
        _ => 2,
    };
    match left.checked_sub(own as u64) {
        Some(rest) => *left = rest,
        None => return false,
    }
    match value {
        Value::Array(array) => array.iter().all(|item| takes_text(&item, left)),
        Value::Object(object) => object.iter().all(|(_, value)| takes_text(&value, left)),
        _ => true,
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

/// The families by their titles, in the order of the reference.
pub fn families() -> impl Iterator<Item = (&'static str, &'static [Function])> {
    FAMILIES
        .iter()
        .map(|(title, functions)| (*title, *functions))
}

/// Every function, family by family.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|(_, family)| family.iter())
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
