//! What an UPDATE's patch asks for, place by place.

use antipode_value::{Object, Str, Value};

use super::DraftChange;
use crate::Path;

/// Options of UPDATE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PatchOptions {
    /// Whether objects merge attribute by attribute instead of replacing what was there.
    pub merge_objects: bool,
    /// Whether an attribute that the patch sets to null is kept as null; else it is removed.
    pub keep_null: bool,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self {
            merge_objects: true,
            keep_null: true,
        }
    }
}

/// The changes that an UPDATE with `patch` asks for, sorted by path. `_key`, `_id` and `_rev` in it do not count. A patch
/// that is no object asks for nothing.
#[must_use]
pub fn patch_changes(patch: &Value, options: PatchOptions) -> Vec<(Path, DraftChange)> {
    let mut changes = Vec::new();
    if let Value::Object(object) = patch {
        for (name, value) in object {
            if !matches!(name.as_str(), "_key" | "_id" | "_rev") {
                add(&mut vec![name], &value, options, &mut changes);
            }
        }
    }
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes
}

/// Recursion is as deep as the patch.
fn add(
    path: &mut Vec<Str>,
    value: &Value,
    options: PatchOptions,
    changes: &mut Vec<(Path, DraftChange)>,
) {
    let here = |path: &Vec<Str>| Path::from(path.clone());
    match value {
        Value::Null if !options.keep_null => changes.push((here(path), DraftChange::Unset)),
        Value::Object(object) if options.merge_objects => {
            let start = changes.len();
            for (name, below) in object {
                path.push(name);
                add(path, &below, options, changes);
                path.pop();
            }
            // What only takes away leaves no object behind, but a patch with an object in it does.
            let mut below = changes.iter().skip(start);
            if below.all(|(_, change)| matches!(change, DraftChange::Unset)) {
                changes.push((here(path), DraftChange::Object));
            }
        }
        Value::Object(object) if !options.keep_null => {
            changes.push((here(path), DraftChange::Assign(without_nulls(object))));
        }
        _ => changes.push((here(path), DraftChange::Assign(value.clone()))),
    }
}

/// The object without null attributes, nested ones included; arrays stay as they are.
fn without_nulls(object: &Object) -> Value {
    let kept = object.iter().filter(|(_, value)| !value.is_null());
    let kept = kept.map(|(name, value)| match &value {
        Value::Object(below) => (name, without_nulls(below)),
        _ => (name, value),
    });
    Value::Object(Object::from_pairs(kept.collect()))
}
