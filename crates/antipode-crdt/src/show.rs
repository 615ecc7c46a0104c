//! What a tree of places reads as.

use antipode_value::{Object, Str, Value};

use crate::rule;
use crate::state::{ENDS, Held, Place};

/// The value of a place: an object, if an assign or a write below made it one; else its parts over the assigned value; else
/// that value; else an object, if anything below shows; else nothing. Recursion is as deep as the document.
pub(crate) fn place(place: &Place) -> Option<Value> {
    if place.is_object() {
        return Some(object(place));
    }
    if let Some(parts) = &place.parts
        && parts.is_shown()
    {
        return rule::parts_shown(&place.held, parts);
    }
    if let Held::Value(value) = &place.held {
        return Some(value.clone());
    }
    let below = attributes(place);
    (!below.is_empty()).then(|| Value::Object(Object::from_pairs(below)))
}

/// The document: its root is always an object, and the ends of an edge are two attributes of it.
pub(crate) fn root(root: &Place) -> Value {
    let mut pairs = Vec::with_capacity(root.children.len() + 1);
    for (name, child) in &root.children {
        match &child.held {
            Held::Value(Value::Object(ends)) if name == ENDS && child.object.is_zero() => {
                pairs.extend(ends.to_pairs());
            }
            _ => pairs.extend(self::place(child).map(|value| (name.clone(), value))),
        }
    }
    Value::Object(Object::from_pairs(pairs))
}

fn object(place: &Place) -> Value {
    Value::Object(Object::from_pairs(attributes(place)))
}

fn attributes(place: &Place) -> Vec<(Str, Value)> {
    let mut pairs = Vec::with_capacity(place.children.len());
    for (name, child) in &place.children {
        pairs.extend(self::place(child).map(|value| (name.clone(), value)));
    }
    pairs
}
