//! Objects: names, values, parts, merging, looking up; and the parts of document ids.

use antipode_value::{Object, Str, Value, compare_text, equal};

use super::argument::optional;
use super::{CallContext, Function, MANY, pure, volatile};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "ATTRIBUTES",
        1,
        3,
        attributes,
        "ATTRIBUTES(object, removeSystem, sort): the names of the attributes.\n\
         - object: object\n\
         - removeSystem: true or false; whether to leave out names that begin with _\n\
         - sort: true or false; else names come in the order of the object\n\
         > array or null\n\
         ! What is no object is warning 1542 and null.\n\
         ATTRIBUTES({b: 1, a: 2, _k: 3}, true, true) // [\"a\",\"b\"]",
    ),
    pure(
        "KEYS",
        1,
        3,
        attributes,
        "KEYS(object, removeSystem, sort): the same as ATTRIBUTES.\n\
         - object: object\n\
         - removeSystem: true or false; whether to leave out names that begin with _\n\
         - sort: true or false; else names come in the order of the object\n\
         > array or null\n\
         ! What is no object is warning 1542 and null.\n\
         KEYS({a: 1}) // [\"a\"]",
    ),
    pure(
        "VALUES",
        1,
        2,
        values,
        "VALUES(object, removeSystem): the values of the attributes.\n\
         - object: object\n\
         - removeSystem: true or false; whether to leave out names that begin with _\n\
         > array or null\n\
         ! What is no object is warning 1542 and null.\n\
         VALUES({a: 1, b: \"x\"}) // [1,\"x\"]",
    ),
    pure(
        "ENTRIES",
        1,
        1,
        entries,
        "ENTRIES(object): pairs of name and value.\n\
         - object: object\n\
         > array or null\n\
         ! What is no object is warning 1542 and null.\n\
         ENTRIES({a: 1}) // [[\"a\",1]]",
    ),
    pure(
        "VALUE",
        2,
        2,
        value_at,
        "VALUE(object, path): what is found along a path of names and positions.\n\
         - object: object\n\
         - path: array of names and positions; null where it leads nowhere\n\
         > any\n\
         ! What is no object, or no array for a path, is warning 1542 and null.\n\
         VALUE({a: [{b: 7}]}, [\"a\", 0, \"b\"]) // 7",
    ),
    pure(
        "HAS",
        2,
        2,
        has,
        "HAS(object, name): whether there is such an attribute, even if null.\n\
         - object: any value\n\
         - name: text\n\
         > bool\n\
         ! False for what is no object.\n\
         HAS({a: null}, \"a\") // true",
    ),
    pure(
        "KEEP",
        2,
        MANY,
        keep,
        "KEEP(object, name, …): object with these attributes only.\n\
         - object: object\n\
         - name: text or number, or an array of them\n\
         > object or null\n\
         ! What is no object is warning 1542 and null. A name of another type is warning 1542, and does not count.\n\
         KEEP({a: 1, b: 2}, \"a\") // {\"a\":1}",
    ),
    pure(
        "UNSET",
        2,
        MANY,
        unset,
        "UNSET(object, name, …): object without these attributes.\n\
         - object: object\n\
         - name: text or number, or an array of them\n\
         > object or null\n\
         ! What is no object is warning 1542 and null. A name of another type is warning 1542, and does not count.\n\
         UNSET({a: 1, b: 2}, \"a\") // {\"b\":2}",
    ),
    pure(
        "KEEP_RECURSIVE",
        2,
        MANY,
        keep_recursive,
        "KEEP_RECURSIVE(object, name, …): KEEP at every level.\n\
         - object: object\n\
         - name: text or number, or an array of them\n\
         > object or null\n\
         ! What is no object is warning 1542 and null. A name of another type is warning 1542, and does not count.\n\
         KEEP_RECURSIVE({a: {a: 1, b: 2}, c: 3}, \"a\") // {\"a\":{\"a\":1}}",
    ),
    pure(
        "UNSET_RECURSIVE",
        2,
        MANY,
        unset_recursive,
        "UNSET_RECURSIVE(object, name, …): UNSET at every level.\n\
         - object: object\n\
         - name: text or number, or an array of them\n\
         > object or null\n\
         ! What is no object is warning 1542 and null. A name of another type is warning 1542, and does not count.\n\
         UNSET_RECURSIVE({a: {b: 1, c: 2}, b: 3}, \"b\") // {\"a\":{\"c\":2}}",
    ),
    pure(
        "MERGE",
        1,
        MANY,
        merge,
        "MERGE(object, object, …) or MERGE(array): the attributes of all; the last wins.\n\
         - object: object; or one array of objects\n\
         > object or null\n\
         ! What is no object is warning 1542 and null.\n\
         MERGE({a: 1, b: 1}, {b: 2}) // {\"a\":1,\"b\":2}",
    ),
    pure(
        "MERGE_RECURSIVE",
        2,
        MANY,
        merge_recursive,
        "MERGE_RECURSIVE(object, object, …): as MERGE, with objects of the same name merged too.\n\
         - object: object\n\
         > object or null\n\
         ! What is no object is warning 1542 and null.\n\
         MERGE_RECURSIVE({a: {x: 1}}, {a: {y: 2}}) // {\"a\":{\"x\":1,\"y\":2}}",
    ),
    pure(
        "MATCHES",
        2,
        3,
        matches_example,
        "MATCHES(object, examples, returnIndex): whether, or which, example's attributes all equal the object's.\n\
         - object: object\n\
         - examples: object, or an array of objects\n\
         - returnIndex: true or false; whether to give the position of the first that fits, or -1\n\
         > bool or number\n\
         ! What is no object matches nothing. An example that is none is warning 1542, and does not count.\n\
         MATCHES({a: 1}, [{a: 2}, {a: 1}], true) // 1",
    ),
    pure(
        "TRANSLATE",
        2,
        3,
        translate,
        "TRANSLATE(value, lookup, default): what lookup has for value.\n\
         - value: text\n\
         - lookup: object\n\
         - default: any value; value itself if left out\n\
         > any\n\
         ! A lookup that is no object is warning 1542 and null.\n\
         TRANSLATE(42, {\"42\": true}) // true",
    ),
    pure(
        "ZIP",
        2,
        2,
        zip,
        "ZIP(names, values): an object from two arrays.\n\
         - names: array; what is no text is taken as its text\n\
         - values: array of the same length\n\
         > object or null\n\
         ! What is no array, and arrays of different lengths, are warning 1542 and null.\n\
         ZIP([\"a\", \"b\"], [1, 2]) // {\"a\":1,\"b\":2}",
    ),
    pure(
        "PARSE_IDENTIFIER",
        1,
        1,
        parse_identifier,
        "PARSE_IDENTIFIER(idOrDocument): collection and key of an id.\n\
         - idOrDocument: text, or an object with _id\n\
         > object or null\n\
         ! What is no id is warning 1542 and null.\n\
         PARSE_IDENTIFIER(\"users/1\") // {\"collection\":\"users\",\"key\":\"1\"}",
    ),
    pure(
        "PARSE_COLLECTION",
        1,
        1,
        parse_collection,
        "PARSE_COLLECTION(idOrDocument): collection of an id.\n\
         - idOrDocument: text, or an object with _id\n\
         > string or null\n\
         ! What is no id is warning 1542 and null.\n\
         PARSE_COLLECTION(\"users/1\") // \"users\"",
    ),
    pure(
        "PARSE_KEY",
        1,
        1,
        parse_key,
        "PARSE_KEY(idOrDocument): key of an id.\n\
         - idOrDocument: text, or an object with _id\n\
         > string or null\n\
         ! What is no id is warning 1542 and null.\n\
         PARSE_KEY(\"users/1\") // \"1\"",
    ),
    pure(
        "IS_SAME_COLLECTION",
        2,
        2,
        is_same_collection,
        "IS_SAME_COLLECTION(collection, idOrDocument): whether an id belongs to a collection.\n\
         - collection: bare name, or text\n\
         - idOrDocument: text, or an object with _id\n\
         > bool or null\n\
         ! What is no name, or no id, is warning 1542 and null.\n\
         IS_SAME_COLLECTION(\"users\", \"users/1\") // true",
    ),
    volatile(
        "CHECK_DOCUMENT",
        1,
        1,
        check_document,
        "CHECK_DOCUMENT(value): whether value is an object whose names are different.\n\
         - value: any value\n\
         > bool\n\
         ! False for what is no object.\n\
         CHECK_DOCUMENT({a: 1}) // true",
    ),
];

/// The object of argument 0, or warning 1542.
fn object_or_warn<'v>(context: &mut CallContext<'_>, arguments: &'v [Value]) -> Option<&'v Object> {
    let object = arguments[0].as_object();
    if object.is_none() {
        context.wrong_type();
    }
    object
}

fn attributes(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(object) = object_or_warn(context, arguments) else {
        return Value::Null;
    };
    let without_system = optional(arguments, 1).truthy();
    let names = object
        .keys()
        .filter(|name| !(without_system && name.starts_with('_')));
    let mut names: Vec<Str> = names.collect();
    if optional(arguments, 2).truthy() {
        names.sort_by(|a, b| compare_text(a, b));
    }
    Value::array(names)
}

fn values(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(object) = object_or_warn(context, arguments) else {
        return Value::Null;
    };
    let without_system = optional(arguments, 1).truthy();
    let pairs = object
        .iter()
        .filter(|(name, _)| !(without_system && name.starts_with('_')));
    Value::array(pairs.map(|(_, value)| value))
}

fn entries(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match object_or_warn(context, arguments) {
        Some(object) => Value::array(
            object
                .iter()
                .map(|(name, value)| Value::array([Value::from(name), value])),
        ),
        None => Value::Null,
    }
}

fn value_at(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (Value::Object(_), Value::Array(path)) = (&arguments[0], &arguments[1]) else {
        return context.wrong_type();
    };
    if path.is_empty() {
        return Value::Null;
    }
    path.iter()
        .fold(arguments[0].clone(), |value, step| match (&value, &step) {
            (Value::Object(_), Value::String(name)) => value.attribute(name),
            (Value::Array(array), step) => {
                let position = step
                    .as_int()
                    .and_then(|position| usize::try_from(position).ok());
                position
                    .and_then(|position| array.get(position))
                    .unwrap_or_default()
            }
            _ => Value::Null,
        })
}

fn has(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let object = arguments[0].as_object();
    Value::Bool(object.is_some_and(|object| object.contains(&arguments[1].to_text())))
}

/// The names that the arguments behind the first list, one by one or in arrays; warns of what cannot be a name.
fn names(context: &mut CallContext<'_>, arguments: &[Value]) -> Vec<Str> {
    let mut names = Vec::new();
    for argument in arguments.iter().skip(1) {
        match argument {
            Value::Array(array) => array
                .iter()
                .for_each(|item| name(context, &item, &mut names)),
            other => name(context, other, &mut names),
        }
    }
    names
}

fn name(context: &mut CallContext<'_>, value: &Value, names: &mut Vec<Str>) {
    match value {
        Value::String(_) | Value::Int(_) | Value::Float(_) => names.push(value.to_text()),
        _ => _ = context.wrong_type(),
    }
}

/// The object of argument 0 with only, or without, the attributes that the others name; at every level if `deep`.
fn select(context: &mut CallContext<'_>, arguments: &[Value], keep: bool, deep: bool) -> Value {
    let Some(object) = object_or_warn(context, arguments) else {
        return Value::Null;
    };
    let names = names(context, arguments);
    Value::Object(selected(object, &names, keep, deep))
}

fn selected(object: &Object, names: &[Str], keep: bool, deep: bool) -> Object {
    let pairs = object
        .iter()
        .filter(|(name, _)| names.contains(name) == keep);
    let inner = |value: Value| match &value {
        Value::Object(object) if deep => Value::Object(selected(object, names, keep, deep)),
        _ => value,
    };
    pairs.map(|(name, value)| (name, inner(value))).collect()
}

fn keep(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    select(context, arguments, true, false)
}

fn unset(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    select(context, arguments, false, false)
}

fn keep_recursive(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    select(context, arguments, true, true)
}

fn unset_recursive(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    select(context, arguments, false, true)
}

fn merge(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let objects = match arguments {
        [Value::Array(array)] => array.to_vec(),
        objects => objects.to_vec(),
    };
    let mut pairs = Vec::new();
    for object in &objects {
        match object {
            Value::Object(object) => pairs.extend(object.iter()),
            _ => return context.wrong_type(),
        }
    }
    Value::Object(Object::from_pairs(pairs))
}

fn merge_recursive(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let objects: Option<Vec<&Object>> = arguments.iter().map(Value::as_object).collect();
    let Some(objects) = objects else {
        return context.wrong_type();
    };
    let merged = objects
        .into_iter()
        .cloned()
        .reduce(|merged, next| merged_deep(&merged, &next));
    merged.into()
}

fn merged_deep(a: &Object, b: &Object) -> Object {
    let mut pairs = a.to_pairs();
    for (name, value) in b {
        let value = match (a.get(&name), &value) {
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(merged_deep(&old, new)),
            _ => value,
        };
        pairs.push((name, value));
    }
    Object::from_pairs(pairs)
}

fn matches_example(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let examples = match &arguments[1] {
        Value::Array(examples) => examples.to_vec(),
        example => vec![example.clone()],
    };
    let found = arguments[0].as_object().and_then(|_| {
        examples.iter().position(|example| match example {
            Value::Object(example) => example
                .iter()
                .all(|(name, value)| equal(&arguments[0].attribute(&name), &value)),
            _ => {
                context.wrong_type();
                false
            }
        })
    });
    match (optional(arguments, 2).truthy(), found) {
        (false, found) => Value::Bool(found.is_some()),
        (true, Some(position)) => Value::from(position),
        (true, None) => Value::Int(-1),
    }
}

fn translate(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::Object(lookup) = &arguments[1] else {
        return context.wrong_type();
    };
    let found = lookup.get(&arguments[0].to_text());
    found.unwrap_or_else(|| arguments.get(2).unwrap_or(&arguments[0]).clone())
}

fn zip(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (Value::Array(names), Value::Array(values)) = (&arguments[0], &arguments[1]) else {
        return context.wrong_type();
    };
    if names.len() != values.len() {
        return context.wrong_type();
    }
    // Of equal names the first counts here, while building an object lets the last win.
    let mut seen = std::collections::HashSet::new();
    let pairs = names.iter().map(|name| name.to_text()).zip(values);
    pairs
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect::<Object>()
        .into()
}

/// Collection and key of an id, or of the object that has it as `_id`.
fn identifier(value: &Value) -> Option<(Str, Str)> {
    let id = match value {
        Value::String(id) => id.clone(),
        Value::Object(_) => match value.attribute("_id") {
            Value::String(id) => id,
            _ => return None,
        },
        _ => return None,
    };
    let (collection, key) = id.split_once('/')?;
    (!key.contains('/')).then(|| (Str::from(collection), Str::from(key)))
}

fn parse_identifier(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match identifier(&arguments[0]) {
        Some((collection, key)) => Value::object([("collection", collection), ("key", key)]),
        None => context.wrong_type(),
    }
}

fn parse_collection(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match identifier(&arguments[0]) {
        Some((collection, _)) => Value::String(collection),
        None => context.wrong_type(),
    }
}

fn parse_key(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match identifier(&arguments[0]) {
        Some((_, key)) => Value::String(key),
        None => context.wrong_type(),
    }
}

fn is_same_collection(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match (&arguments[0], identifier(&arguments[1])) {
        (Value::String(name), Some((collection, _))) => Value::Bool(*name == collection),
        _ => context.wrong_type(),
    }
}

fn check_document(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(matches!(arguments[0], Value::Object(_)))
}
