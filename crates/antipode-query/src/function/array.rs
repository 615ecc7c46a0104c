//! Array functions.

use antipode_value::{Array, Value};

use super::{CallContext, Function, MANY};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "LENGTH",
        arity: (1, 1),
        deterministic: true,
        run: length,
        doc: "LENGTH(value): the number of elements of an array, attributes of an object, or characters of the text of anything else.",
    },
    Function {
        name: "COUNT",
        arity: (1, 1),
        deterministic: true,
        run: length,
        doc: "COUNT(value): the same as LENGTH.",
    },
    Function {
        name: "FIRST",
        arity: (1, 1),
        deterministic: true,
        run: first,
        doc: "FIRST(array): the first element, or null of an empty array.",
    },
    Function {
        name: "UNION",
        arity: (2, MANY),
        deterministic: true,
        run: union,
        doc: "UNION(array1, array2, …): all elements of all arrays, one array after the other.",
    },
];

fn length(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Array(array) => Value::from(array.len()),
        Value::Object(object) => Value::from(object.len()),
        Value::Null => Value::Int(0),
        Value::Bool(bool) => Value::Int(i64::from(*bool)),
        other => Value::from(other.to_text().chars().count()),
    }
}

fn first(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Array(array) => array.get(0).unwrap_or_default(),
        _ => context.wrong_type(),
    }
}

fn union(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let mut elements = Vec::new();
    for argument in arguments {
        match argument {
            Value::Array(array) => elements.extend(array.iter()),
            _ => return context.wrong_type(),
        }
    }
    Value::Array(Array::from_vec(elements))
}
