//! A document without replication: what the same queries do to a plain value.

use antipode_crdt::{Draft, DraftChange, Number};
use antipode_value::{Array, Object, Str, Value, compare, equal};

/// The document after the draft. `None`: it does not exist.
pub fn after(document: Option<&Value>, draft: &Draft) -> Option<Value> {
    match draft {
        Draft::Insert(value) | Draft::Put(value) | Draft::Replace(value) => Some(value.clone()),
        Draft::InsertBody(body) => Some(body.value().clone()),
        Draft::InsertWith { value, changes } => Some(all(value.clone(), changes)),
        Draft::Update(changes) => Some(all(document?.clone(), changes)),
        Draft::Remove | Draft::Purge => None,
    }
}

fn all(mut document: Value, changes: &[(antipode_crdt::Path, DraftChange)]) -> Value {
    for (path, change) in changes {
        document = at(Some(document), path.names(), change).expect("an object stays one");
    }
    document
}

/// The value at a place after a change at `path` below it.
fn at(value: Option<Value>, path: &[Str], change: &DraftChange) -> Option<Value> {
    let Some((name, rest)) = path.split_first() else {
        return here(value, change);
    };
    let takes_away = matches!(change, DraftChange::Unset);
    let object = match value {
        Some(Value::Object(object)) => object,
        // A removal below what is missing makes nothing; below a scalar the patch's object takes its place.
        None if takes_away => return None,
        _ => Object::default(),
    };
    let child = at(object.get(name), rest, change);
    Some(Value::Object(match child {
        Some(child) => object.with(name.clone(), child),
        None => object.without(name),
    }))
}

fn here(value: Option<Value>, change: &DraftChange) -> Option<Value> {
    let or_null = value.unwrap_or_default();
    let array = match &or_null {
        Value::Null => Some(Vec::new()),
        Value::Array(array) => Some(array.to_vec()),
        _ => None,
    };
    let with_array = |edit: &dyn Fn(&mut Vec<Value>)| match array {
        None => Value::Null,
        Some(mut items) => {
            edit(&mut items);
            Value::Array(Array::from_vec(items))
        }
    };
    Some(match change {
        DraftChange::Assign(value) => value.clone(),
        DraftChange::Unset => return None,
        DraftChange::Object => match or_null {
            Value::Object(object) => Value::Object(object),
            _ => Value::Object(Object::default()),
        },
        DraftChange::Increment(n) => match (or_null.to_number(), n) {
            (Value::Int(a), Number::Int(b)) => match a.checked_add(*b) {
                Some(sum) => Value::Int(sum),
                None => Value::Float(a as f64 + *b as f64),
            },
            (a, n) => Value::float(a.to_float() + n.value().to_float()),
        },
        DraftChange::Append(values) => with_array(&|items| items.extend(values.iter().cloned())),
        DraftChange::Prepend(values) => with_array(&|items| {
            items.splice(0..0, values.iter().cloned());
        }),
        DraftChange::AddUnique(values) => with_array(&|items| {
            for value in values {
                if !items.iter().any(|item| equal(item, value)) {
                    items.push(value.clone());
                }
            }
        }),
        DraftChange::RemoveValues(values) => {
            with_array(&|items| items.retain(|item| !values.iter().any(|value| equal(item, value))))
        }
        // MAX and MIN leave nulls out.
        DraftChange::Max(v) | DraftChange::Min(v) if v.is_null() => or_null,
        DraftChange::Max(v) if or_null.is_null() || compare(v, &or_null).is_gt() => v.clone(),
        DraftChange::Min(v) if or_null.is_null() || compare(v, &or_null).is_lt() => v.clone(),
        DraftChange::Max(_) | DraftChange::Min(_) => or_null,
    })
}
