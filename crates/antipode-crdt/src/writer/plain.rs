//! What a change makes of a plain value: C8QL without replication.

use antipode_value::{Array, Object, Str, Value, compare, equal};

use super::DraftChange;
use crate::Number;

/// The value that a place has after `change`; `None`: nothing.
pub(crate) fn changed(current: Option<Value>, change: &DraftChange) -> Option<Value> {
    let or_null = current.clone().unwrap_or_default();
    let array = match &or_null {
        Value::Null => Some(Array::default()),
        Value::Array(array) => Some(array.clone()),
        _ => None,
    };
    let of_array =
        |result: &dyn Fn(&Array) -> Value| Some(array.as_ref().map_or(Value::Null, result));
    match change {
        DraftChange::Assign(value) => Some(value.clone()),
        DraftChange::Unset => None,
        DraftChange::Object => match or_null {
            object @ Value::Object(_) => Some(object),
            _ => Some(Value::Object(Object::default())),
        },
        DraftChange::Increment(number) => Some(sum(&or_null, *number)),
        DraftChange::Append(values) if values.is_empty() => Some(or_null),
        DraftChange::Prepend(values) if values.is_empty() => Some(or_null),
        DraftChange::Append(values) => {
            of_array(&|array| Value::array(array.iter().chain(values.iter().cloned())))
        }
        DraftChange::Prepend(values) => {
            of_array(&|array| Value::array(values.iter().cloned().chain(array.iter())))
        }
        DraftChange::AddUnique(values) if values.is_empty() => Some(or_null),
        DraftChange::AddUnique(values) => of_array(&|array| {
            let mut all = array.to_vec();
            for value in values {
                if !all.iter().any(|other| equal(other, value)) {
                    all.push(value.clone());
                }
            }
            Value::Array(Array::from_vec(all))
        }),
        DraftChange::RemoveValues(values) => of_array(&|array| {
            let gone = |item: &Value| values.iter().any(|value| equal(value, item));
            Value::array(array.iter().filter(|item| !gone(item)))
        }),
        DraftChange::Max(value) => Some(extreme(or_null, value, true)),
        DraftChange::Min(value) => Some(extreme(or_null, value, false)),
    }
}

/// C8QL's `+`: integers while they fit 64 bits, else doubles; null where that is not finite.
pub(crate) fn sum(current: &Value, number: Number) -> Value {
    let current = current.to_number();
    if let (Value::Int(a), Number::Int(b)) = (&current, number)
        && let Some(exact) = a.checked_add(b)
    {
        return Value::Int(exact);
    }
    Value::float(current.to_float() + number.value().to_float())
}

/// C8QL's MAX and MIN of two: by its order, nulls left out.
pub(crate) fn extreme(current: Value, offered: &Value, greatest: bool) -> Value {
    if offered.is_null() {
        return current;
    }
    let order = compare(offered, &current);
    let replaces = if greatest {
        order.is_gt()
    } else {
        order.is_lt()
    };
    if current.is_null() || replaces {
        offered.clone()
    } else {
        current
    }
}

/// Puts `new` at a path of an object; what stands in the way becomes an object.
pub(crate) fn put_at(value: &mut Value, names: &[Str], new: Value) {
    let Some((name, below)) = names.split_first() else {
        *value = new;
        return;
    };
    let object = value.as_object().cloned().unwrap_or_default();
    let mut child = object.get(name).unwrap_or_default();
    put_at(&mut child, below, new);
    *value = Value::Object(object.with(name.clone(), child));
}

/// Takes away what is at a path of an object.
pub(crate) fn unset_at(value: &mut Value, names: &[Str]) {
    let Some((name, below)) = names.split_first() else {
        return;
    };
    let Some(object) = value.as_object() else {
        return;
    };
    if below.is_empty() {
        *value = Value::Object(object.without(name));
        return;
    }
    if let Some(mut child) = object.get(name) {
        unset_at(&mut child, below);
        *value = Value::Object(object.with(name.clone(), child));
    }
}
