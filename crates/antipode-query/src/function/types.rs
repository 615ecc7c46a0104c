//! Type checks and casts.

use antipode_value::{Array, Value};

use super::{CallContext, Function, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "IS_NULL",
        1,
        1,
        is_null,
        "IS_NULL(value): whether value is null; a missing attribute is.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_NULL({}.a) // true",
    ),
    pure(
        "IS_BOOL",
        1,
        1,
        is_bool,
        "IS_BOOL(value): whether value is a boolean.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_BOOL(0) // false",
    ),
    pure(
        "IS_NUMBER",
        1,
        1,
        is_number,
        "IS_NUMBER(value): whether value is a number.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_NUMBER(-1.5) // true",
    ),
    pure(
        "IS_STRING",
        1,
        1,
        is_string,
        "IS_STRING(value): whether value is a string.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_STRING(\"\") // true",
    ),
    pure(
        "IS_ARRAY",
        1,
        1,
        is_array,
        "IS_ARRAY(value): whether value is an array or a range.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_ARRAY(1..3) // true",
    ),
    pure(
        "IS_LIST",
        1,
        1,
        is_array,
        "IS_LIST(value): the same as IS_ARRAY.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_LIST({}) // false",
    ),
    pure(
        "IS_OBJECT",
        1,
        1,
        is_object,
        "IS_OBJECT(value): whether value is an object.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_OBJECT({}) // true",
    ),
    pure(
        "IS_DOCUMENT",
        1,
        1,
        is_object,
        "IS_DOCUMENT(value): the same as IS_OBJECT.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         IS_DOCUMENT([]) // false",
    ),
    pure(
        "IS_KEY",
        1,
        1,
        is_key,
        "IS_KEY(value): whether value is a string that may be a _key.\n\
         - value: any value\n\
         > bool\n\
         ! False for whatever is no text.\n\
         IS_KEY(\"a b\") // false",
    ),
    pure(
        "TYPENAME",
        1,
        1,
        type_name,
        "TYPENAME(value): null, bool, number, string, array or object.\n\
         - value: any value\n\
         > string\n\
         ! No type is wrong.\n\
         TYPENAME([]) // \"array\"",
    ),
    pure(
        "TO_BOOL",
        1,
        1,
        to_bool,
        "TO_BOOL(value): false for null, false, 0 and \"\", else true.\n\
         - value: any value\n\
         > bool\n\
         ! No type is wrong.\n\
         TO_BOOL([]) // true",
    ),
    pure(
        "TO_NUMBER",
        1,
        1,
        to_number,
        "TO_NUMBER(value): the number that value is or says, else 0.\n\
         - value: any value\n\
         > number\n\
         ! No type is wrong.\n\
         TO_NUMBER(\" 12.5 \") // 12.5\n\
         TO_NUMBER([[\"7\"]]) // 7",
    ),
    pure(
        "TO_STRING",
        1,
        1,
        to_string,
        "TO_STRING(value): value as text; arrays and objects as JSON, null as \"\".\n\
         - value: any value\n\
         > string\n\
         ! No type is wrong.\n\
         TO_STRING(2e-7) // \"2e-7\"",
    ),
    pure(
        "TO_ARRAY",
        1,
        1,
        to_array,
        "TO_ARRAY(value): an array as it is, the values of an object, [] for null, else [value].\n\
         - value: any value\n\
         > array\n\
         ! No type is wrong.\n\
         TO_ARRAY(\"x\") // [\"x\"]",
    ),
    pure(
        "TO_LIST",
        1,
        1,
        to_array,
        "TO_LIST(value): the same as TO_ARRAY.\n\
         - value: any value\n\
         > array\n\
         ! No type is wrong.\n\
         TO_LIST(null) // []",
    ),
];

/// Longest `_key`, in bytes.
const KEY_BYTES_MAX: usize = 254;

fn is_null(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(arguments[0].is_null())
}

fn is_bool(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(matches!(arguments[0], Value::Bool(_)))
}

fn is_number(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(arguments[0].is_number())
}

fn is_string(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(matches!(arguments[0], Value::String(_)))
}

fn is_array(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(matches!(arguments[0], Value::Array(_)))
}

fn is_object(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(matches!(arguments[0], Value::Object(_)))
}

fn is_key(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.@()+,=;$!*'%".contains(&byte);
    Value::Bool(
        arguments[0].as_str().is_some_and(|text| {
            (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal)
        }),
    )
}

fn type_name(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::from(arguments[0].type_name())
}

fn to_bool(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(arguments[0].truthy())
}

fn to_number(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    arguments[0].to_number()
}

fn to_string(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::String(context.text_of(&arguments[0]))
}

fn to_array(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::Null => Value::Array(Array::default()),
        Value::Array(_) => arguments[0].clone(),
        Value::Object(object) => Value::Array(object.values().collect()),
        scalar => Value::array([scalar]),
    }
}
