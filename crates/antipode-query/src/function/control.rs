//! Choosing among values, checks, and calls of functions by name.

use antipode_value::{Value, compare};

use super::argument::optional;
use super::{CallContext, Function, MANY, find, pure, volatile};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "NOT_NULL",
        1,
        MANY,
        not_null,
        "NOT_NULL(value, …): the first that is not null.\nNOT_NULL(null, 0, 1) // 0",
    ),
    pure(
        "FIRST_LIST",
        1,
        MANY,
        first_list,
        "FIRST_LIST(value, …): the first that is an array.\nFIRST_LIST(1, [2]) // [2]",
    ),
    pure(
        "FIRST_DOCUMENT",
        1,
        MANY,
        first_document,
        "FIRST_DOCUMENT(value, …): the first that is an object.\nFIRST_DOCUMENT(null, {a: 1}) // {\"a\":1}",
    ),
    pure(
        "MIN_MATCH",
        2,
        MANY,
        min_match,
        "MIN_MATCH(condition, …, n): whether at least n of the conditions hold.\nMIN_MATCH(true, false, 1 == 1, 2) // true",
    ),
    pure(
        "IN_RANGE",
        5,
        5,
        in_range,
        "IN_RANGE(value, low, high, includeLow, includeHigh): whether value lies between.\nIN_RANGE(5, 3, 5, true, false) // false",
    ),
    volatile(
        "ASSERT",
        2,
        2,
        assert,
        "ASSERT(condition, message): true, or the query ends with error 1593.\nASSERT(1 < 2, \"bad\") // true",
    ),
    volatile(
        "WARN",
        2,
        2,
        warn,
        "WARN(condition, message): whether condition holds; warning 1594 if not.\nWARN(1 < 2, \"odd\") // true",
    ),
    volatile(
        "FAIL",
        0,
        1,
        fail,
        "FAIL(reason): ends the query with error 1569.\n1 == 1 || FAIL(\"x\") // true",
    ),
    volatile(
        "CALL",
        1,
        MANY,
        call,
        "CALL(name, argument, …): calls a function by its name.\nCALL(\"SUBSTRING\", \"abc\", 1) // \"bc\"",
    ),
    volatile(
        "APPLY",
        1,
        2,
        apply,
        "APPLY(name, arguments): calls a function by its name, with an array of arguments.\nAPPLY(\"CONCAT\", [\"a\", \"b\"]) // \"ab\"",
    ),
    pure(
        "PASSTHRU",
        1,
        1,
        passthru,
        "PASSTHRU(value): value.\nPASSTHRU(1) // 1",
    ),
    volatile(
        "NOOPT",
        1,
        1,
        passthru,
        "NOOPT(value): value, which is then not computed in advance.\nNOOPT(1 + 1) // 2",
    ),
    volatile(
        "NOEVAL",
        1,
        1,
        passthru,
        "NOEVAL(value): value, which is then not computed in advance.\nNOEVAL(1 + 1) // 2",
    ),
    volatile(
        "CURRENT_USER",
        0,
        0,
        current_user,
        "CURRENT_USER(): name of the user, null without authentication.",
    ),
    volatile(
        "CURRENT_DATABASE",
        0,
        0,
        current_database,
        "CURRENT_DATABASE(): name of the fabric.",
    ),
    volatile(
        "VERSION",
        0,
        0,
        version,
        "VERSION(): version of the server.",
    ),
];

fn not_null(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments.iter().find(|argument| !argument.is_null()).into()
}

fn first_list(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments
        .iter()
        .find(|argument| matches!(argument, Value::Array(_)))
        .into()
}

fn first_document(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments
        .iter()
        .find(|argument| matches!(argument, Value::Object(_)))
        .into()
}

fn min_match(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (needed, conditions) = match arguments.split_last() {
        Some((needed, conditions)) => (needed.to_float(), conditions),
        None => return Value::Bool(false),
    };
    let holding = conditions
        .iter()
        .filter(|condition| condition.truthy())
        .count();
    Value::Bool(holding as f64 >= needed)
}

fn in_range(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (above, below) = (
        compare(&arguments[0], &arguments[1]),
        compare(&arguments[0], &arguments[2]),
    );
    let low = above.is_gt() || (above.is_eq() && arguments[3].truthy());
    let high = below.is_lt() || (below.is_eq() && arguments[4].truthy());
    Value::Bool(low && high)
}

fn assert(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if !matches!(arguments[1], Value::String(_)) {
        return context.wrong_type();
    }
    if arguments[0].truthy() {
        return Value::Bool(true);
    }
    context.raise(Code::UserAssert, arguments[1].to_text());
    Value::Bool(false)
}

fn warn(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if !matches!(arguments[1], Value::String(_)) {
        return context.wrong_type();
    }
    if arguments[0].truthy() {
        return Value::Bool(true);
    }
    context.warn(Code::UserWarn, arguments[1].to_text());
    Value::Bool(false)
}

fn fail(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let reason = optional(arguments, 0).to_text();
    let message = if reason.is_empty() {
        "FAIL() called".to_owned()
    } else {
        format!("FAIL({reason}) called")
    };
    context.raise(Code::FailCalled, message);
    Value::Null
}

fn call(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match arguments.split_first() {
        Some((name, arguments)) => call_by_name(context, name, arguments),
        None => Value::Null,
    }
}

fn apply(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match optional(arguments, 1) {
        Value::Null => call_by_name(context, &arguments[0], &[]),
        Value::Array(array) => call_by_name(context, &arguments[0], &array.to_vec()),
        _ => context.wrong_type(),
    }
}

fn call_by_name(context: &mut CallContext<'_>, name: &Value, arguments: &[Value]) -> Value {
    let function = name.as_str().and_then(find);
    match function.map(|function| function.name) {
        None => {
            let message = format!("function '{}' not found", name.to_text());
            context.raise(Code::FunctionNotFound, message);
            Value::Null
        }
        Some(name @ ("CALL" | "APPLY")) => {
            let message = format!("function '{name}()' cannot be called by name");
            context.raise(Code::DisallowedDynamicCall, message);
            Value::Null
        }
        Some(name) => context.call(name, arguments),
    }
}

fn passthru(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments[0].clone()
}

fn current_user(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(context.environment().user.as_deref())
}

fn current_database(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(context.environment().fabric.as_str())
}

fn version(_: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(env!("CARGO_PKG_VERSION"))
}
