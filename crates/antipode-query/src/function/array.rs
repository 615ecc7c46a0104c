//! Arrays: length, elements, parts, adding and removing.

use antipode_value::{Array, Value, compare, equal};

use super::argument::{optional, truncated};
use super::string::count_chars;
use super::{CallContext, Function, pure};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "LENGTH",
        1,
        1,
        length,
        "LENGTH(value): elements of an array, attributes of an object, characters of a text, documents of a collection.\n\
         - value: any value; or the bare name of a collection\n\
         > number\n\
         ! Null and false have the length 0, true has 1, a number that of its text.\n\
         LENGTH([1, [2]]) // 2\n\
         LENGTH(\"añ\") // 2",
    ),
    pure(
        "COUNT",
        1,
        1,
        length,
        "COUNT(value): the same as LENGTH.\n\
         - value: any value; or the bare name of a collection\n\
         > number\n\
         ! Null and false have the length 0, true has 1, a number that of its text.\n\
         COUNT({a: 1}) // 1",
    ),
    pure(
        "APPEND",
        2,
        3,
        append,
        "APPEND(array, values, unique): array with all of values at its end.\n\
         - array: array, or null for none\n\
         - values: array, or one value that is none\n\
         - unique: true or false; whether to leave out what is there already\n\
         > array or null\n\
         ! What is no array is warning 1542 and null. Where values is null or empty, array is the result, whatever it is.\n\
         APPEND([1, 2], [2, 3], true) // [1,2,3]",
    ),
    pure(
        "PUSH",
        2,
        3,
        push,
        "PUSH(array, value, unique): array with value at its end.\n\
         - array: array, or null for none\n\
         - value: any value\n\
         - unique: true or false; whether to leave out what is there already\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         PUSH([1], 2) // [1,2]",
    ),
    pure(
        "POP",
        1,
        1,
        pop,
        "POP(array): array without its last element.\n\
         - array: array, or null, which stays null\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         POP([1, 2]) // [1]",
    ),
    pure(
        "SHIFT",
        1,
        1,
        shift,
        "SHIFT(array): array without its first element.\n\
         - array: array, or null, which stays null\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         SHIFT([1, 2]) // [2]",
    ),
    pure(
        "UNSHIFT",
        2,
        3,
        unshift,
        "UNSHIFT(array, value, unique): array with value at its start.\n\
         - array: array, or null for none\n\
         - value: any value\n\
         - unique: true or false; whether to leave out what is there already\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         UNSHIFT([1], 0) // [0,1]",
    ),
    pure(
        "FIRST",
        1,
        1,
        first,
        "FIRST(array): the first element.\n\
         - array: array\n\
         > any\n\
         ! What is no array is warning 1563 and null.\n\
         FIRST([7, 8]) // 7",
    ),
    pure(
        "LAST",
        1,
        1,
        last,
        "LAST(array): the last element.\n\
         - array: array\n\
         > any\n\
         ! What is no array is warning 1563 and null.\n\
         LAST([7, 8]) // 8",
    ),
    pure(
        "NTH",
        2,
        2,
        nth,
        "NTH(array, position): the element at position.\n\
         - array: array\n\
         - position: number; null where it is outside\n\
         > any\n\
         ! What is no array is warning 1563 and null.\n\
         NTH([1, 2, 3], 2) // 3",
    ),
    pure(
        "POSITION",
        2,
        3,
        position,
        "POSITION(array, search, returnIndex): whether, or where, array has search.\n\
         - array: array\n\
         - search: any value\n\
         - returnIndex: true or false; whether to give the position instead, or -1\n\
         > bool, number or null\n\
         ! What is no array is warning 1563 and null.\n\
         POSITION([2, 4], 4, true) // 1",
    ),
    pure(
        "CONTAINS_ARRAY",
        2,
        3,
        position,
        "CONTAINS_ARRAY(array, search, returnIndex): the same as POSITION.\n\
         - array: array\n\
         - search: any value\n\
         - returnIndex: true or false; whether to give the position instead, or -1\n\
         > bool, number or null\n\
         ! What is no array is warning 1563 and null.\n\
         CONTAINS_ARRAY([2, 4], 4) // true",
    ),
    pure(
        "SLICE",
        2,
        3,
        slice,
        "SLICE(array, start, length): a part; a negative start or length counts from the end.\n\
         - array: array\n\
         - start: number; negative from the end\n\
         - length: number; up to the end if left out or null; a negative one leaves out so many at the end\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         SLICE([1, 2, 3, 4, 5], 1, -1) // [2,3,4]",
    ),
    pure(
        "REMOVE_NTH",
        2,
        2,
        remove_nth,
        "REMOVE_NTH(array, position): array without the element at position.\n\
         - array: array, or null for none\n\
         - position: number; negative from the end; nothing happens where it is outside\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         REMOVE_NTH([\"a\", \"b\", \"c\"], 1) // [\"a\",\"c\"]",
    ),
    pure(
        "REMOVE_VALUE",
        2,
        3,
        remove_value,
        "REMOVE_VALUE(array, value, limit): array without elements equal to value.\n\
         - array: array, or null for none\n\
         - value: any value\n\
         - limit: number; most removals, all if left out, null or negative\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         REMOVE_VALUE([1, 2, 1], 1, 1) // [2,1]",
    ),
    pure(
        "REMOVE_VALUES",
        2,
        2,
        remove_values,
        "REMOVE_VALUES(array, values): array without elements equal to one of values.\n\
         - array: array, or null for none\n\
         - values: array; null removes nothing\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         REMOVE_VALUES([1, 2, 3], [1, 3]) // [2]",
    ),
    pure(
        "REPLACE_NTH",
        3,
        4,
        replace_nth,
        "REPLACE_NTH(array, position, value, pad): array with the element at position replaced.\n\
         - array: array\n\
         - position: number; negative from the end\n\
         - value: any value\n\
         - pad: any value; fills the gap up to position\n\
         > array or null\n\
         ! What is no array is warning 1542 and null. A null position, and one behind the end without pad, is error 1542.\n\
         REPLACE_NTH([1], 3, 9, 0) // [1,0,0,9]",
    ),
    pure(
        "FLATTEN",
        1,
        2,
        flatten,
        "FLATTEN(array, depth): array with nested arrays expanded.\n\
         - array: array\n\
         - depth: number; levels to expand, 1 if left out or below\n\
         > array or null\n\
         ! What is no array is warning 1563 and null.\n\
         FLATTEN([1, [2, [3]]]) // [1,2,[3]]",
    ),
    pure(
        "SORTED",
        1,
        1,
        sorted,
        "SORTED(array): the elements in order.\n\
         - array: array\n\
         > array or null\n\
         ! What is no array is warning 1563 and null.\n\
         SORTED([3, \"a\", null]) // [null,3,\"a\"]",
    ),
    pure(
        "SORTED_UNIQUE",
        1,
        1,
        sorted_unique,
        "SORTED_UNIQUE(array): the different elements in order.\n\
         - array: array\n\
         > array or null\n\
         ! What is no array is warning 1563 and null.\n\
         SORTED_UNIQUE([3, 1, 3]) // [1,3]",
    ),
];

fn length(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Array(array) => Value::from(array.len()),
        Value::Object(object) => Value::from(object.len()),
        Value::Null => Value::Int(0),
        Value::Bool(bool) => Value::Int(i64::from(*bool)),
        other => Value::from(count_chars(&other.to_text())),
    }
}

/// Whether the elements hold one that equals `value`.
pub(super) fn has(items: &[Value], value: &Value) -> bool {
    items.iter().any(|item| equal(item, value))
}

fn append(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (array, values) = match (&arguments[0], &arguments[1]) {
        (_, Value::Null) => return arguments[0].clone(),
        (_, Value::Array(values)) if values.is_empty() => return arguments[0].clone(),
        (Value::Null, values) => return values.clone(),
        (Value::Array(array), values) => (array, values),
        _ => return context.wrong_type(),
    };
    let added = values.as_array().map_or(1, Array::len);
    if !context.affords_elements(array.len().saturating_add(added)) {
        return Value::Null;
    }
    let mut items = array.to_vec();
    match values {
        Value::Array(values) => items.extend(values.iter()),
        value => items.push(value.clone()),
    }
    if optional(arguments, 2).truthy() {
        items = super::set::distinct(items);
    }
    Value::from(items)
}

/// The elements of the first argument; none of null, `None` with a warning of what is no array.
fn items_or_warn(context: &mut CallContext<'_>, value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(array) => Some(array.to_vec()),
        Value::Null => Some(Vec::new()),
        _ => {
            context.wrong_type();
            None
        }
    }
}

fn push(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(mut items) = items_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    if !optional(arguments, 2).truthy() || !has(&items, &arguments[1]) {
        items.push(arguments[1].clone());
    }
    Value::from(items)
}

fn unshift(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(mut items) = items_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    if !optional(arguments, 2).truthy() || !has(&items, &arguments[1]) {
        items.insert(0, arguments[1].clone());
    }
    Value::from(items)
}

/// The elements from `start` to before `end`.
fn part(array: &Array, start: usize, end: usize) -> Value {
    array.iter().take(end).skip(start).collect::<Array>().into()
}

fn pop(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Array(array) => part(array, 0, array.len().saturating_sub(1)),
        Value::Null => Value::Null,
        _ => context.wrong_type(),
    }
}

fn shift(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Array(array) => part(array, 1, array.len()),
        Value::Null => Value::Null,
        _ => context.wrong_type(),
    }
}

fn first(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let array = context.array_or_warn(&arguments[0]);
    array.and_then(|array| array.get(0)).unwrap_or_default()
}

fn last(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let array = context.array_or_warn(&arguments[0]);
    array
        .and_then(|array| array.get(array.len().checked_sub(1)?))
        .unwrap_or_default()
}

fn nth(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let position = usize::try_from(arguments[1].to_int()).ok();
    position
        .and_then(|position| array.get(position))
        .unwrap_or_default()
}

fn position(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let found = array.iter().position(|item| equal(&item, &arguments[1]));
    match (optional(arguments, 2).truthy(), found) {
        (false, found) => Value::Bool(found.is_some()),
        (true, Some(position)) => Value::from(position),
        (true, None) => Value::Int(-1),
    }
}

/// `position` of an array of `length`, where a negative one counts from the end; the start where it is beyond that.
fn from_start(position: i64, length: usize) -> usize {
    match usize::try_from(position) {
        Ok(position) => position,
        Err(_) => {
            length.saturating_sub(usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX))
        }
    }
}

fn slice(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::Array(array) = &arguments[0] else {
        return context.wrong_type();
    };
    let start = from_start(arguments[1].to_int(), array.len());
    let end = match optional(arguments, 2) {
        Value::Null => array.len(),
        length => match length.to_int() {
            length @ 0.. => start.saturating_add(from_start(length, 0)),
            from_end => from_start(from_end, array.len()),
        },
    };
    part(array, start, end)
}

fn remove_nth(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let array = match &arguments[0] {
        Value::Array(array) => array,
        Value::Null => return Value::Array(Array::default()),
        _ => return context.wrong_type(),
    };
    let position = arguments[1].to_float();
    let position = if position < 0.0 {
        position + array.len() as f64
    } else {
        position
    };
    if position < 0.0 || position >= array.len() as f64 {
        return arguments[0].clone();
    }
    let mut items = array.to_vec();
    items.remove(position as usize);
    Value::from(items)
}

fn remove_value(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(mut items) = items_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let mut left = match optional(arguments, 2) {
        Value::Null => usize::MAX,
        limit => usize::try_from(limit.to_int()).unwrap_or(usize::MAX),
    };
    items.retain(|item| {
        let remove = left > 0 && equal(item, &arguments[1]);
        left -= usize::from(remove);
        !remove
    });
    Value::from(items)
}

fn remove_values(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if arguments[1].is_null() {
        return arguments[0].clone();
    }
    let Some(mut items) = items_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    match &arguments[1] {
        Value::Array(values) => {
            let values = super::set::lookup(values);
            items.retain(|item| !values.contains(item));
        }
        _ => return context.wrong_type(),
    }
    Value::from(items)
}

fn replace_nth(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::Array(array) = &arguments[0] else {
        return context.wrong_type();
    };
    let pad = arguments.get(3);
    let position = truncated(&arguments[1]).or_else(|| match &arguments[1] {
        Value::Null => None,
        other => Some(other.to_int()),
    });
    let position = position.map(|position| from_start(position, array.len()));
    let Some(position) = position.filter(|position| *position <= array.len() || pad.is_some())
    else {
        let message = "REPLACE_NTH needs a position inside the array, or a value to pad with";
        context.raise(Code::FunctionArgumentType, message);
        return Value::Null;
    };
    if !context.affords_elements(position.max(array.len()).saturating_add(1)) {
        return Value::Null;
    }
    let mut items = array.to_vec();
    if position >= items.len() {
        items.resize(position + 1, pad.cloned().unwrap_or_default());
    }
    items[position] = arguments[2].clone();
    Value::from(items)
}

fn flatten(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let depth = arguments.get(1).map_or(1, |depth| depth.to_int().max(1));
    let mut out = Vec::new();
    if !flatten_into(context, array, depth, &mut out) {
        return Value::Null;
    }
    Value::from(out)
}

/// Adds the elements to `out`; false where they would become too many.
fn flatten_into(
    context: &mut CallContext<'_>,
    array: &Array,
    depth: i64,
    out: &mut Vec<Value>,
) -> bool {
    if !context.affords_elements(out.len().saturating_add(array.len())) {
        return false;
    }
    array.iter().all(|item| match &item {
        Value::Array(inner) if depth > 0 => flatten_into(context, inner, depth - 1, out),
        _ => {
            out.push(item);
            true
        }
    })
}

fn sorted(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let mut items = array.to_vec();
    items.sort_by(compare);
    Value::from(items)
}

fn sorted_unique(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let mut items = array.to_vec();
    items.sort_by(compare);
    items.dedup();
    Value::from(items)
}
