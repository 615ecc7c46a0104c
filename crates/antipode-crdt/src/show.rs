//! What a tree of places reads as.

use std::borrow::Cow;

use antipode_value::{Object, Str, Value, layout};

use crate::rule;
use crate::state::{ENDS, ENDS_TO, Held, Place, sorted_attributes};

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
    object(root)
}

fn object(place: &Place) -> Value {
    spliced(place).unwrap_or_else(|| Value::Object(Object::from_pairs(attributes(place))))
}

/// The object with its bytes taken from the packed rest, as far as that is shown.
fn spliced(place: &Place) -> Option<Value> {
    let packed = place.rest.as_ref()?.value.packed_bytes()?;
    let mut changes = Vec::with_capacity(place.children.len() + 1);
    for (name, child) in &place.children {
        match ends(place, name, child) {
            Some(ends) => {
                changes
                    .extend([ENDS, ENDS_TO].map(|name| (Str::from_static(name), ends.get(name))));
            }
            None => changes.push((name.clone(), self::place(child))),
        }
    }
    if place.is_root && place.child(ENDS).is_some() {
        if !changes.iter().any(|(name, _)| name == ENDS_TO) {
            changes.push((Str::from_static(ENDS_TO), None));
        }
        changes.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let bytes = layout::with_attributes(packed, &changes)?;
    Some(Value::from_packed_unverified(bytes.into()))
}

/// The ends of an edge, if that is what `child` of `place` holds.
fn ends<'a>(place: &Place, name: &Str, child: &'a Place) -> Option<&'a Object> {
    match &child.held {
        Held::Value(Value::Object(ends))
            if place.is_root && name == ENDS && child.object.is_zero() =>
        {
            Some(ends)
        }
        _ => None,
    }
}

/// What shows of the children, in the order of their names.
fn attributes(place: &Place) -> Vec<(Str, Value)> {
    let rest = match place.rest.as_ref().map(|rest| &rest.value) {
        Some(Value::Object(object)) => sorted_attributes(object),
        _ => Cow::Borrowed(&[][..]),
    };
    let ends_are_below = place.is_root && place.child(ENDS).is_some();
    let covered = |name: &Str| ends_are_below && (name == ENDS || name == ENDS_TO);
    let mut rest = rest.iter().filter(|(name, _)| !covered(name)).peekable();
    let mut pairs = Vec::with_capacity(place.children.len() + rest.size_hint().1.unwrap_or(0));
    for (name, child) in &place.children {
        while let Some(pair) = rest.next_if(|(other, _)| other < name) {
            pairs.push(pair.clone());
        }
        rest.next_if(|(other, _)| other == name);
        match ends(place, name, child) {
            Some(ends) => pairs.extend(ends.to_pairs()),
            None => pairs.extend(self::place(child).map(|value| (name.clone(), value))),
        }
    }
    pairs.extend(rest.cloned());
    pairs
}
