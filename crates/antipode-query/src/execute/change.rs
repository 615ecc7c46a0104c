//! The changes that a patch means: assignments, and the relative changes of intents.
//!
//! Where the plan captured an intent, what plain C8QL gives is computed first. The relative change is taken only if it
//! shows the same on the document as the query read it; else the attribute is assigned.

use antipode_crdt::{DraftChange, Number, Path, patch_changes};
use antipode_value::{Array, Object, Str, Value, compare_binary};

use super::modify::{SYSTEM, patch_options};
use crate::error::{Code, QueryError, Result};
use crate::evaluate::{Run, evaluate};
use crate::intent::IntentKind;
use crate::plan::{Modify, Patch};

pub(super) struct Changes {
    pub(super) list: Vec<(Path, DraftChange)>,
    /// Nothing but relative changes: they commute with whatever others write.
    pub(super) only_intents: bool,
}

/// The changes that a patch means. `known` is the document as the query read it, if intents may be taken.
pub(super) fn changes<'a>(
    node: &Modify,
    patch: &'a Patch,
    known: Option<&Value>,
    whole: Option<Value>,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Changes> {
    let (Some(rest), Some(known)) = (&patch.rest, known) else {
        let whole = match whole {
            Some(whole) => whole,
            None => evaluate(&patch.document, row, run)?,
        };
        return Ok(Changes {
            list: assigns(node, &whole)?,
            only_intents: false,
        });
    };
    let mut rest = evaluate(rest, row, run)?;
    let mut relatives = Vec::new();
    let mut assigned = rest.as_object().is_none_or(|rest| !rest.is_empty());
    for intent in &patch.intents {
        let plain = evaluate(&intent.plain, row, run)?;
        let argument = evaluate(&intent.argument, row, run)?;
        let base = intent
            .path
            .iter()
            .fold(known.clone(), |value, name| value.attribute(name));
        match relative(intent.kind, &base, &argument, &plain) {
            Some(change) => relatives.push((Path::new(intent.path.iter().cloned()), change)),
            None => {
                rest = with_at(&rest, &intent.path, plain);
                assigned = true;
            }
        }
    }
    let mut list = assigns(node, &rest)?;
    list.extend(relatives);
    Ok(Changes {
        list,
        only_intents: !assigned,
    })
}

/// The changes of a patch without intents.
fn assigns(node: &Modify, patch: &Value) -> Result<Vec<(Path, DraftChange)>> {
    let Value::Object(object) = patch else {
        let message = format!(
            "invalid document type: an object is needed, not a value of type {}",
            patch.type_name()
        );
        return Err(QueryError::new(Code::DocumentTypeInvalid, message));
    };
    let kept = object.iter().filter(|(name, _)| !SYSTEM.contains(&&**name));
    Ok(patch_changes(
        &Value::Object(Object::from_pairs(kept.collect())),
        patch_options(&node.options),
    ))
}

/// A value with another one put at a path.
fn with_at(value: &Value, path: &[Str], put: Value) -> Value {
    let Some((name, below)) = path.split_first() else {
        return put;
    };
    let object = value
        .as_object()
        .cloned()
        .unwrap_or_else(|| Object::from_pairs(Vec::new()));
    let inner = with_at(&object.get(name).unwrap_or_default(), below, put);
    Value::Object(object.with(name.clone(), inner))
}

/// The document that an UPSERT inserts, and the changes that it makes on nothing beside it.
pub(super) fn inserted<'a>(
    patch: &'a Patch,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<(Value, Vec<(Path, DraftChange)>)> {
    let Some(rest) = &patch.rest else {
        return Ok((evaluate(&patch.document, row, run)?, Vec::new()));
    };
    let mut rest = evaluate(rest, row, run)?;
    let mut changes = Vec::new();
    for intent in &patch.intents {
        let value = evaluate(&intent.plain, row, run)?;
        match on_nothing(intent.kind, &value) {
            Some(change) => changes.push((Path::new(intent.path.iter().cloned()), change)),
            // No operand of such a change: then it is an attribute like the others.
            None => rest = with_at(&rest, &intent.path, value),
        }
    }
    Ok((rest, changes))
}

/// The relative change that takes `base` to `plain`, if there is one of this kind.
fn relative(
    kind: IntentKind,
    base: &Value,
    argument: &Value,
    plain: &Value,
) -> Option<DraftChange> {
    // Nothing plus no elements is nothing to a merge, and an empty array to C8QL.
    if base.is_null() && matches!(plain, Value::Array(array) if array.is_empty()) {
        return None;
    }
    match kind {
        IntentKind::Increment => {
            if !(base.is_number() || base.is_null()) {
                return None;
            }
            let by = argument.to_number();
            // An overflow made a double of two integers: that is a new value, not a difference.
            let whole = |value: &Value| matches!(value, Value::Int(_) | Value::Null);
            let exact = plain.is_number()
                && (matches!(plain, Value::Int(_)) || !(whole(base) && whole(&by)));
            if exact {
                Number::of(&by).map(DraftChange::Increment)
            } else {
                None
            }
        }
        IntentKind::Append | IntentKind::Prepend => {
            let base = array_or_nothing(base)?;
            let added = match argument {
                Value::Array(added) => added.to_vec(),
                single => vec![single.clone()],
            };
            let shown = plain
                .as_array()
                .is_some_and(|plain| plain.len() == base.len() + added.len());
            let change = if kind == IntentKind::Append {
                DraftChange::Append
            } else {
                DraftChange::Prepend
            };
            shown.then(|| change(added))
        }
        IntentKind::AddUnique => {
            let base = array_or_nothing(base)?;
            let Value::Array(values) = argument else {
                return None;
            };
            let mut added: Vec<Value> = Vec::new();
            for value in values.iter() {
                if !added.contains(&value) {
                    added.push(value);
                }
            }
            let new = added
                .iter()
                .filter(|value| !base.iter().any(|element| element == **value))
                .count();
            let shown = plain
                .as_array()
                .is_some_and(|plain| plain.len() == base.len() + new);
            shown.then_some(DraftChange::AddUnique(added))
        }
        IntentKind::RemoveElements => {
            let base = array_or_nothing(base)?;
            let Value::Array(removed) = argument else {
                return None;
            };
            let removed = removed.to_vec();
            let left = base
                .iter()
                .filter(|element| !removed.contains(element))
                .count();
            let shown = plain.as_array().is_some_and(|plain| plain.len() == left);
            shown.then_some(DraftChange::RemoveValues(removed))
        }
        IntentKind::Max | IntentKind::Min => {
            // An UPDATE merges objects where a maximum would put one in the place of the other.
            let object = |value: &Value| matches!(value, Value::Object(_));
            if argument.is_null() || object(argument) || object(base) {
                return None;
            }
            // Replicas compare by code points, the query by its collation: only where they agree is it the same.
            let order = compare_binary(argument, base);
            let taken = base.is_null()
                || if kind == IntentKind::Max {
                    order.is_gt()
                } else {
                    order.is_lt()
                };
            let agrees = if taken {
                plain == argument
            } else {
                plain == base
            };
            let change = if kind == IntentKind::Max {
                DraftChange::Max
            } else {
                DraftChange::Min
            };
            agrees.then(|| change(argument.clone()))
        }
    }
}

/// An array, or the empty one where there is nothing yet.
fn array_or_nothing(value: &Value) -> Option<Array> {
    match value {
        Value::Array(array) => Some(array.clone()),
        Value::Null => Some(Array::from_vec(Vec::new())),
        _ => None,
    }
}

/// The change of this kind that makes `value` out of nothing.
fn on_nothing(kind: IntentKind, value: &Value) -> Option<DraftChange> {
    match (kind, value) {
        (IntentKind::Increment, value) => Number::of(value).map(DraftChange::Increment),
        (_, Value::Null | Value::Object(_)) => None,
        (IntentKind::Max, value) => Some(DraftChange::Max(value.clone())),
        (IntentKind::Min, value) => Some(DraftChange::Min(value.clone())),
        (
            IntentKind::Append | IntentKind::Prepend | IntentKind::AddUnique,
            Value::Array(values),
        ) => {
            let values = values.to_vec();
            let unique = || (1..values.len()).all(|end| !values[..end].contains(&values[end]));
            match kind {
                // Nothing plus no elements is nothing to a merge, and an empty array to C8QL.
                _ if values.is_empty() => None,
                IntentKind::Append => Some(DraftChange::Append(values)),
                IntentKind::Prepend => Some(DraftChange::Prepend(values)),
                _ => unique().then(|| DraftChange::AddUnique(values.clone())),
            }
        }
        // Removing means the difference between two sets; the first one is their beginning.
        _ => None,
    }
}
