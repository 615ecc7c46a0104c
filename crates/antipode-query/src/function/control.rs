//! Choosing among values, checks, and calls of functions by name.

use antipode_value::{Value, compare};

use super::argument::{number, optional};
use super::{CallContext, Function, MANY, find, pure, steady, volatile};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "NOT_NULL",
        1,
        MANY,
        not_null,
        "NOT_NULL(value, …): the first that is not null.\n\
         - value: any value\n\
         > any\n\
         ! No type is wrong.\n\
         NOT_NULL(null, 0, 1) // 0",
    ),
    pure(
        "FIRST_LIST",
        1,
        MANY,
        first_list,
        "FIRST_LIST(value, …): the first that is an array.\n\
         - value: any value\n\
         > array or null\n\
         ! No type is wrong.\n\
         FIRST_LIST(1, [2]) // [2]",
    ),
    pure(
        "FIRST_DOCUMENT",
        1,
        MANY,
        first_document,
        "FIRST_DOCUMENT(value, …): the first that is an object.\n\
         - value: any value\n\
         > object or null\n\
         ! No type is wrong.\n\
         FIRST_DOCUMENT(null, {a: 1}) // {\"a\":1}",
    ),
    pure(
        "MIN_MATCH",
        2,
        MANY,
        min_match,
        "MIN_MATCH(condition, …, n): whether at least n of the conditions hold.\n\
         - condition: true or false\n\
         - n: number\n\
         > bool\n\
         ! No type is wrong.\n\
         MIN_MATCH(true, false, 1 == 1, 2) // true",
    ),
    pure(
        "IN_RANGE",
        5,
        5,
        in_range,
        "IN_RANGE(value, low, high, includeLow, includeHigh): whether value lies between.\n\
         - value: any value\n\
         - low: any value\n\
         - high: any value\n\
         - includeLow: true or false\n\
         - includeHigh: true or false\n\
         > bool\n\
         ! No type is wrong.\n\
         IN_RANGE(5, 3, 5, true, false) // false",
    ),
    volatile(
        "ASSERT",
        2,
        2,
        assert,
        "ASSERT(condition, message): true, or the query ends with error 1593.\n\
         - condition: true or false\n\
         - message: text\n\
         > bool\n\
         ! A message that is no text is warning 1542 and null.\n\
         ASSERT(1 < 2, \"bad\") // true",
    ),
    volatile(
        "WARN",
        2,
        2,
        warn,
        "WARN(condition, message): whether condition holds; warning 1594 if not.\n\
         - condition: true or false\n\
         - message: text\n\
         > bool\n\
         ! A message that is no text is warning 1542 and null.\n\
         WARN(1 < 2, \"odd\") // true",
    ),
    volatile(
        "FAIL",
        0,
        1,
        fail,
        "FAIL(reason): ends the query with error 1569.\n\
         - reason: text\n\
         > nothing\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         1 == 1 || FAIL(\"x\") // true",
    ),
    volatile(
        "CALL",
        1,
        MANY,
        call,
        "CALL(name, argument, …): calls a function by its name.\n\
         - name: name of a function\n\
         - argument: any value\n\
         > any\n\
         ! An unknown name is error 1582, a function that cannot be called so is error 1578; a wrong number of arguments is warning 1541 and null.\n\
         CALL(\"SUBSTRING\", \"abc\", 1) // \"bc\"",
    ),
    volatile(
        "APPLY",
        1,
        2,
        apply,
        "APPLY(name, arguments): calls a function by its name, with an array of arguments.\n\
         - name: name of a function\n\
         - arguments: array\n\
         > any\n\
         ! Arguments that are no array are warning 1542 and null; else as CALL.\n\
         APPLY(\"CONCAT\", [\"a\", \"b\"]) // \"ab\"",
    ),
    pure(
        "PASSTHRU",
        1,
        1,
        passthru,
        "PASSTHRU(value): value.\n\
         - value: any value\n\
         > any\n\
         ! No type is wrong.\n\
         PASSTHRU(1) // 1",
    ),
    volatile(
        "NOOPT",
        1,
        1,
        passthru,
        "NOOPT(value): value, which is then not computed in advance.\n\
         - value: any value\n\
         > any\n\
         ! No type is wrong.\n\
         NOOPT(1 + 1) // 2",
    ),
    steady(
        "NOEVAL",
        1,
        1,
        passthru,
        "NOEVAL(value): value, which is then not computed in advance.\n\
         - value: any value\n\
         > any\n\
         ! No type is wrong.\n\
         NOEVAL(1 + 1) // 2",
    ),
    steady(
        "CURRENT_USER",
        0,
        0,
        current_user,
        "CURRENT_USER(): name of the user, null without authentication.\n\
         > string or null\n\
         CURRENT_USER() // null",
    ),
    steady(
        "CURRENT_DATABASE",
        0,
        0,
        current_database,
        "CURRENT_DATABASE(): name of the fabric.\n\
         > string\n\
         CURRENT_DATABASE() // \"_system\"",
    ),
    steady(
        "CURRENT_USER_ATTRIBUTE",
        1,
        1,
        current_user_attribute,
        "CURRENT_USER_ATTRIBUTE(name): what is noted of the user under this name; null if nothing is.\n\
         - name: text\n\
         > any\n\
         ! Anything else is warning 1542 and null.\n\
         CURRENT_USER_ATTRIBUTE(\"dept\") // null",
    ),
    steady(
        "CURRENT_APIKEY_ATTRIBUTE",
        1,
        1,
        current_apikey_attribute,
        "CURRENT_APIKEY_ATTRIBUTE(name): what is noted under this name of the API key that the request came with; null if nothing is.\n\
         - name: text\n\
         > any\n\
         ! Anything else is warning 1542 and null.\n\
         CURRENT_APIKEY_ATTRIBUTE(\"partner\") // null",
    ),
    volatile(
        "SLEEP",
        1,
        1,
        sleep,
        "SLEEP(seconds): waits, then null.\n\
         - seconds: number, not negative\n\
         > null\n\
         ! Anything else is warning 1542 and null.\n\
         SLEEP(0.01) // null",
    ),
    steady(
        "VERSION",
        0,
        0,
        version,
        "VERSION(): version of the server.\n\
         > string\n\
         TYPENAME(VERSION()) // \"string\"",
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
    match arguments.get(1) {
        None => call_by_name(context, &arguments[0], &[]),
        Some(Value::Array(array)) => call_by_name(context, &arguments[0], &array.to_vec()),
        Some(_) => context.wrong_type(),
    }
}

/// What CALL and APPLY do not call: one another, and what the compiler turns into the reading of an index.
const NOT_BY_NAME: &[&str] = &[
    "CALL",
    "APPLY",
    "FULLTEXT",
    "NEAR",
    "WITHIN",
    "WITHIN_RECTANGLE",
];

fn call_by_name(context: &mut CallContext<'_>, name: &Value, arguments: &[Value]) -> Value {
    match name.as_str().and_then(find) {
        None => {
            let message = format!("function '{}' not found", name.to_text());
            context.raise(Code::FunctionNotFound, message);
            Value::Null
        }
        Some(function) if function.needs.is_some() || NOT_BY_NAME.contains(&function.name) => {
            let message = format!("function '{}()' cannot be called by name", function.name);
            context.raise(Code::DisallowedDynamicCall, message);
            Value::Null
        }
        Some(function) => context.call(function.name, arguments),
    }
}

fn passthru(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments[0].clone()
}

fn current_user(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(context.environment().user.as_deref())
}

fn current_user_attribute(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::String(name) => context.environment().user_attributes.attribute(name),
        _ => context.wrong_type(),
    }
}

fn current_apikey_attribute(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::String(name) => context.environment().key_attributes.attribute(name),
        _ => context.wrong_type(),
    }
}

fn sleep(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match number(&arguments[0]).filter(|seconds| *seconds >= 0.0) {
        Some(seconds) => {
            // What is longer than any deadline does not need to be exact.
            if let Err(error) = context.cancel.sleep((seconds * 1_000.0) as u64) {
                context.fail(error);
            }
            Value::Null
        }
        None => context.wrong_type(),
    }
}

fn current_database(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(context.environment().fabric.as_str())
}

fn version(_: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from(env!("CARGO_PKG_VERSION"))
}
