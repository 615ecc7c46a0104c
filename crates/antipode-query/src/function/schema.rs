//! Schemas of documents: SCHEMA_VALIDATE holds a document against a JSON schema (the keywords of draft 7 but `$ref` and
//! `format`), SCHEMA_GET gives the one of a collection.

use antipode_value::{Object, Value, equal};

use super::argument::number;
use super::database::{not_found, read};
use super::string::count_chars;
use super::{CallContext, Function, pure, volatile};

pub(super) const FUNCTIONS: &[Function] = &[
    volatile(
        "SCHEMA_GET",
        1,
        1,
        schema_get,
        "SCHEMA_GET(collection): the schema that documents of a collection must follow; null, as collections have none yet.\n\
         - collection: bare name, or text\n\
         > object or null\n\
         ! Anything else is warning 1542 and null. An unknown collection is error 1203.\n\
         SCHEMA_GET(users) // null",
    ),
    pure(
        "SCHEMA_VALIDATE",
        2,
        2,
        schema_validate,
        "SCHEMA_VALIDATE(document, schema): whether a document follows a schema: {rule: a JSON schema, message: what to say \
         if not}, or the JSON schema itself. No schema, and the empty one, accept everything.\n\
         - document: object\n\
         - schema: object or null\n\
         > object or null\n\
         ! Anything else is warning 1542 and null.\n\
         SCHEMA_VALIDATE({a: 1}, {rule: {required: [\"a\"]}}) // {\"valid\":true}\n\
         SCHEMA_VALIDATE({a: \"x\"}, {rule: {properties: {a: {type: \"number\"}}}, message: \"a counts\"}) // {\"valid\":false,\"errorMessage\":\"a counts\"}",
    ),
];

fn schema_get(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    read(context, |transaction, context| {
        let Value::String(name) = &arguments[0] else {
            return Ok(context.wrong_type());
        };
        match transaction.collection(name)? {
            Some(_) => Ok(Value::Null),
            None => Err(not_found(name)),
        }
    })
}

fn schema_validate(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::Object(_) = &arguments[0] else {
        return context.wrong_type();
    };
    let schema = match &arguments[1] {
        Value::Null => return Value::object([("valid", true)]),
        Value::Object(schema) => schema,
        _ => return context.wrong_type(),
    };
    if schema
        .get("level")
        .is_some_and(|level| level.as_str() == Some("none"))
    {
        return Value::object([("valid", true)]);
    }
    let rule = match schema.get("rule") {
        Some(rule @ Value::Object(_)) => rule,
        Some(_) => return context.wrong_type(),
        None => arguments[1].clone(),
    };
    let Err(fault) = follows(context, &arguments[0], &rule) else {
        return Value::object([("valid", true)]);
    };
    let message = match schema.get("message") {
        Some(Value::String(message)) => Value::String(message),
        _ => Value::from(fault),
    };
    Value::object([("valid", Value::Bool(false)), ("errorMessage", message)])
}

/// What a document does wrong, for people.
type Fault = String;

fn check(holds: bool, fault: impl FnOnce() -> Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault()) }
}

/// Whether `value` follows `schema`: an object, or true or false for all or nothing. Both are as deep as data may be.
fn follows(context: &mut CallContext<'_>, value: &Value, schema: &Value) -> Result<(), Fault> {
    let Value::Object(schema) = schema else {
        return check(schema.truthy(), || "nothing is allowed here".to_owned());
    };
    any_value(value, schema)?;
    combined(context, value, schema)?;
    match value {
        Value::Int(_) | Value::Float(_) => a_number(value, schema),
        Value::String(text) => a_text(context, text, schema),
        Value::Array(_) => an_array(context, value, schema),
        Value::Object(object) => an_object(context, object, schema),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "integer" => number(value).is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.type_name() == "bool",
        "numeric" => value.is_number(),
        name => value.type_name() == name,
    }
}

/// `type`, `enum` and `const`.
fn any_value(value: &Value, schema: &Object) -> Result<(), Fault> {
    if let Some(wanted) = schema.get("type") {
        let fits = match &wanted {
            Value::Array(names) => names
                .iter()
                .any(|name| name.as_str().is_some_and(|name| is_of_type(value, name))),
            name => name.as_str().is_none_or(|name| is_of_type(value, name)),
        };
        check(fits, || {
            format!(
                "{} is not of the type {}",
                value.to_json(),
                wanted.to_text()
            )
        })?;
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        check(values.iter().any(|allowed| equal(&allowed, value)), || {
            format!("{} is none of the values allowed", value.to_json())
        })?;
    }
    match schema.get("const") {
        Some(wanted) => check(equal(&wanted, value), || {
            format!("{} is not {}", value.to_json(), wanted.to_json())
        }),
        None => Ok(()),
    }
}

/// `allOf`, `anyOf`, `oneOf`, `not` and `if`.
fn combined(context: &mut CallContext<'_>, value: &Value, schema: &Object) -> Result<(), Fault> {
    if let Some(Value::Array(all)) = schema.get("allOf") {
        for part in &all {
            follows(context, value, &part)?;
        }
    }
    let mut fitting = |name: &str| match schema.get(name) {
        Some(Value::Array(parts)) => Some(
            parts
                .iter()
                .filter(|part| follows(context, value, part).is_ok())
                .count(),
        ),
        _ => None,
    };
    let (any, one) = (fitting("anyOf"), fitting("oneOf"));
    check(any != Some(0), || "none of anyOf fits".to_owned())?;
    check(one.is_none_or(|one| one == 1), || {
        "not exactly one of oneOf fits".to_owned()
    })?;
    if let Some(not) = schema.get("not") {
        check(follows(context, value, &not).is_err(), || {
            "what not says fits".to_owned()
        })?;
    }
    let Some(condition) = schema.get("if") else {
        return Ok(());
    };
    let branch = match follows(context, value, &condition) {
        Ok(()) => "then",
        Err(_) => "else",
    };
    match schema.get(branch) {
        Some(branch) => follows(context, value, &branch),
        None => Ok(()),
    }
}

/// The number that a keyword gives.
fn limit(schema: &Object, name: &str) -> Option<f64> {
    schema.get(name).as_ref().and_then(number)
}

fn a_number(value: &Value, schema: &Object) -> Result<(), Fault> {
    let Some(found) = number(value) else {
        return Ok(());
    };
    // Draft 4 says true or false beside the limit, later drafts a limit of its own.
    let exclusive = |name: &str| {
        schema
            .get(name)
            .is_some_and(|value| value.as_bool() == Some(true))
    };
    let below = |least: f64, strict: bool| found < least || (strict && found == least);
    let above = |most: f64, strict: bool| found > most || (strict && found == most);
    let too_small = limit(schema, "minimum")
        .is_some_and(|least| below(least, exclusive("exclusiveMinimum")))
        || limit(schema, "exclusiveMinimum").is_some_and(|least| below(least, true));
    let too_large = limit(schema, "maximum")
        .is_some_and(|most| above(most, exclusive("exclusiveMaximum")))
        || limit(schema, "exclusiveMaximum").is_some_and(|most| above(most, true));
    check(!too_small, || format!("{found} is too small"))?;
    check(!too_large, || format!("{found} is too large"))?;
    match limit(schema, "multipleOf").filter(|step| *step > 0.0) {
        Some(step) => check((found / step).fract() == 0.0, || {
            format!("{found} is no multiple of {step}")
        }),
        None => Ok(()),
    }
}

/// Whether a count lies between what two keywords say.
fn counts(count: usize, schema: &Object, least: &str, most: &str) -> Result<(), Fault> {
    let count = count as f64;
    check(
        limit(schema, least).is_none_or(|least| count >= least),
        || format!("{count} is less than {least}"),
    )?;
    check(limit(schema, most).is_none_or(|most| count <= most), || {
        format!("{count} is more than {most}")
    })
}

fn a_text(context: &mut CallContext<'_>, text: &str, schema: &Object) -> Result<(), Fault> {
    counts(count_chars(text), schema, "minLength", "maxLength")?;
    match schema.get("pattern") {
        Some(Value::String(pattern)) => check(matches(context, &pattern, text), || {
            format!("'{text}' does not match {pattern}")
        }),
        _ => Ok(()),
    }
}

/// Whether a pattern occurs in a text; one that cannot be compiled does not.
fn matches(context: &mut CallContext<'_>, pattern: &str, text: &str) -> bool {
    context
        .regexes
        .get(pattern, false)
        .is_some_and(|regex| regex.is_match(text))
}

fn an_array(context: &mut CallContext<'_>, value: &Value, schema: &Object) -> Result<(), Fault> {
    let Value::Array(array) = value else {
        return Ok(());
    };
    counts(array.len(), schema, "minItems", "maxItems")?;
    if schema
        .get("uniqueItems")
        .is_some_and(|unique| unique.truthy())
    {
        check(super::set::lookup(array).len() == array.len(), || {
            "elements are equal".to_owned()
        })?;
    }
    // One schema for all, or one for each position and another for the rest.
    let (each, rest) = match schema.get("items") {
        Some(Value::Array(each)) => (each.to_vec(), schema.get("additionalItems")),
        all => (Vec::new(), all),
    };
    for (position, element) in array.iter().enumerate() {
        if let Some(schema) = each.get(position).or(rest.as_ref()) {
            follows(context, &element, schema)
                .map_err(|fault| format!("element {position}: {fault}"))?;
        }
    }
    match schema.get("contains") {
        Some(wanted) => {
            let found = array
                .iter()
                .any(|element| follows(context, &element, &wanted).is_ok());
            check(found, || "no element is what contains says".to_owned())
        }
        None => Ok(()),
    }
}

fn an_object(context: &mut CallContext<'_>, object: &Object, schema: &Object) -> Result<(), Fault> {
    counts(object.len(), schema, "minProperties", "maxProperties")?;
    if let Some(Value::Array(required)) = schema.get("required") {
        for name in &required {
            check(object.contains(&name.to_text()), || {
                format!("the attribute '{}' is missing", name.to_text())
            })?;
        }
    }
    let properties = schema.get("properties").unwrap_or_default();
    let patterns = schema.get("patternProperties").unwrap_or_default();
    let others = schema.get("additionalProperties");
    let names = schema.get("propertyNames");
    for (name, value) in object {
        let located = |fault: Fault| format!("attribute '{name}': {fault}");
        if let Some(names) = &names {
            follows(context, &Value::String(name.clone()), names).map_err(located)?;
        }
        let mut known = false;
        if let Some(schema) = properties.as_object().and_then(|known| known.get(&name)) {
            known = true;
            follows(context, &value, &schema).map_err(located)?;
        }
        for (pattern, schema) in patterns.as_object().into_iter().flatten() {
            if matches(context, &pattern, &name) {
                known = true;
                follows(context, &value, &schema).map_err(located)?;
            }
        }
        match &others {
            Some(others) if !known => {
                follows(context, &value, others).map_err(|fault| match others {
                    Value::Bool(_) => format!("the attribute '{name}' is not allowed"),
                    _ => located(fault),
                })?
            }
            _ => {}
        }
    }
    let dependencies = schema.get("dependencies").unwrap_or_default();
    for (name, wanted) in dependencies.as_object().into_iter().flatten() {
        if !object.contains(&name) {
            continue;
        }
        match wanted {
            Value::Array(wanted) => check(
                wanted
                    .iter()
                    .all(|wanted| object.contains(&wanted.to_text())),
                || format!("what goes with the attribute '{name}' is missing"),
            )?,
            wanted => follows(context, &Value::Object(object.clone()), &wanted)?,
        }
    }
    Ok(())
}
