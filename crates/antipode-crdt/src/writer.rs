//! The writer's side: from what a user wants to an operation that says it to every replica.
//!
//! A query alone must behave as C8QL says, so a change that the state cannot take as it is meant becomes an assign of its
//! result: an increment of a text, an append to a number, a change below a scalar. Everything else keeps its intent, and
//! concurrent writers get both.

mod intent;
mod patch;
mod plain;
mod view;

use std::collections::BTreeMap;

use antipode_value::layout::{BYTES_MAX, Limits, NESTING_MAX};
use antipode_value::{LayoutError, Object, Str, Value, layout};

pub use patch::{PatchOptions, patch_changes};

use crate::state::{ENDS, ENDS_TO};
use crate::{Change, Document, Number, Operation, Path, RemoveMode, WriteError};
use plain::{changed, put_at};
use view::{Target, View};

/// What a writer wants, before it met the state that it is to change.
#[derive(Clone, Debug)]
pub enum Draft {
    /// Begin the document with these attributes, each merged for itself with those of concurrent creations.
    Insert(Value),
    /// As `Insert`, of a value that was made ready before.
    InsertBody(Body),
    /// As `Insert`, with further changes made on nothing: the insert branch of an UPSERT whose update branch has an intent
    /// for the same path.
    InsertWith {
        /// The attributes.
        value: Value,
        /// The changes; their paths are not in `value`.
        changes: Vec<(Path, DraftChange)>,
    },
    /// Begin the document with this value as a whole: key-value put, INSERT with overwriteMode "replace".
    Put(Value),
    /// Change a document that exists.
    Update(Vec<(Path, DraftChange)>),
    /// Give a document that exists this value as a whole.
    Replace(Value),
    /// Remove a document that exists.
    Remove,
    /// Remove a document that exists, yielding to concurrent changes whatever the collection says: expiry.
    Purge,
}

/// The value of a document as it is stored: packed, within the limits, and without the attributes that are derived. It is
/// made where the document comes from, so that the one writer of a node need not look through it.
#[derive(Clone, Debug)]
pub struct Body(Value);

impl Body {
    /// Makes a document's value ready to be stored.
    ///
    /// # Errors
    /// When it is no object, or beyond the limits of size and nesting.
    pub fn of(value: &Value) -> Result<Self, WriteError> {
        body(value).map(Self)
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }
}

/// What a writer wants at one place.
#[derive(Clone, Debug)]
pub enum DraftChange {
    /// This value.
    Assign(Value),
    /// Nothing.
    Unset,
    /// An object, with what is already in it.
    Object,
    /// So much more.
    Increment(Number),
    /// These values at the end.
    Append(Vec<Value>),
    /// These values in front, in their order.
    Prepend(Vec<Value>),
    /// These values, each once.
    AddUnique(Vec<Value>),
    /// No element equal to any of these.
    RemoveValues(Vec<Value>),
    /// At least this.
    Max(Value),
    /// At most this.
    Min(Value),
}

/// What a collection lays down for its writers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WriterRules {
    /// What a removal does to changes that it did not see.
    pub deletes: Deletes,
}

/// Whether removals win over concurrent changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Deletes {
    /// A concurrent change is discarded and reported.
    #[default]
    Win,
    /// A concurrent change brings the whole document back.
    Lose,
}

/// The operation that carries out `draft` on the document as it is here.
///
/// Deterministic and cheap: an executor resolves to show NEW, and the committer again against the authoritative state.
pub fn resolve(
    document: &Document,
    draft: &Draft,
    rules: &WriterRules,
) -> Result<Operation, WriteError> {
    match draft {
        Draft::Insert(value) => Ok(Operation::Merge {
            ends: document.names_held(),
            value: body(value)?,
            changes: Vec::new(),
        }),
        Draft::InsertBody(Body(value)) => Ok(Operation::Merge {
            ends: document.names_held(),
            value: value.clone(),
            changes: Vec::new(),
        }),
        Draft::InsertWith { value, changes } => insert_with(document, value, changes),
        Draft::Put(value) => Ok(Operation::Put {
            ends: document.names_held(),
            value: body(value)?,
        }),
        Draft::Update(changes) => update(document, changes),
        Draft::Replace(value) => {
            let lives = existing(document.names_living())?;
            Ok(Operation::Patch {
                lives,
                changes: vec![(Path::ROOT, Change::Assign(body(value)?))],
            })
        }
        Draft::Remove => {
            existing(document.names_living())?;
            Ok(match rules.deletes {
                Deletes::Win => Operation::Remove {
                    ends: document.names_removed(),
                    mode: RemoveMode::Final,
                },
                Deletes::Lose => Operation::Remove {
                    ends: document.names_held(),
                    mode: RemoveMode::Yielding,
                },
            })
        }
        Draft::Purge => {
            existing(document.names_living())?;
            Ok(Operation::Remove {
                ends: document.names_held(),
                mode: RemoveMode::Yielding,
            })
        }
    }
}

fn existing(lives: Vec<antipode_clock::Stamp>) -> Result<Vec<antipode_clock::Stamp>, WriteError> {
    if lives.is_empty() {
        Err(WriteError::NotFound)
    } else {
        Ok(lives)
    }
}

/// The value of a document as it is stored: packed, without the attributes that are derived.
fn body(value: &Value) -> Result<Value, WriteError> {
    let Value::Object(object) = value else {
        return Err(WriteError::NotAnObject {
            found: value.type_name(),
        });
    };
    const DERIVED: [&str; 3] = ["_key", "_id", "_rev"];
    if !DERIVED.iter().any(|name| object.contains(name)) {
        return pack(value, 0);
    }
    let stored = object
        .iter()
        .filter(|(name, _)| !DERIVED.contains(&name.as_str()));
    pack(&Value::Object(Object::from_pairs(stored.collect())), 0)
}

/// A value as operations carry it, `depth` levels below the root: arrays and objects packed, which also checks the limits.
pub(crate) fn pack(value: &Value, depth: usize) -> Result<Value, WriteError> {
    let limits = Limits {
        nesting: NESTING_MAX.saturating_sub(depth),
        bytes: BYTES_MAX,
    };
    match value {
        Value::Array(_) | Value::Object(_) => {
            if let Some(packed) = value.packed_bytes() {
                layout::verify(packed, limits)?;
                return Ok(value.clone());
            }
            let bytes = layout::encode_within(value, limits)?;
            Ok(Value::from_packed_unverified(bytes.into()))
        }
        Value::String(text) if text.len() > BYTES_MAX => {
            Err(LayoutError::TooLarge { limit: BYTES_MAX }.into())
        }
        // The layout knows no -0.0.
        Value::Float(float) if *float == 0.0 => Ok(Value::Float(0.0)),
        other => Ok(other.clone()),
    }
}

fn pack_all(values: &[Value], depth: usize) -> Result<Vec<Value>, WriteError> {
    values.iter().map(|value| pack(value, depth)).collect()
}

/// Sorts changes by path and refuses two that stand in each other's way.
fn in_order(changes: &[(Path, DraftChange)]) -> Result<Vec<&(Path, DraftChange)>, WriteError> {
    let mut sorted: Vec<&(Path, DraftChange)> = changes.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    for two in sorted.windows(2) {
        if let [(before, change), (path, _)] = two
            && before.covers(path)
            && (before == path || !matches!(change, DraftChange::Object))
        {
            return Err(WriteError::Overlap {
                path: path.to_string(),
            });
        }
    }
    for (path, _) in &sorted {
        if path.names().len() > NESTING_MAX {
            return Err(LayoutError::TooDeep { limit: NESTING_MAX }.into());
        }
    }
    Ok(sorted)
}

/// The insert branch of an UPSERT: what is relative is made on nothing, the rest belongs to the value.
fn insert_with(
    document: &Document,
    value: &Value,
    changes: &[(Path, DraftChange)],
) -> Result<Operation, WriteError> {
    let mut value = value.clone();
    let mut relative = Vec::new();
    for (path, change) in in_order(changes)? {
        let occupied = value_blocks(&value, path);
        match intent::on_nothing(change, path.names().len())? {
            Some(change) if !occupied && !is_end(path) => relative.push((path.clone(), change)),
            _ => {
                if let Some(result) = changed(None, change) {
                    put_at(&mut value, path.names(), result);
                }
            }
        }
    }
    Ok(Operation::Merge {
        ends: document.names_held(),
        value: body(&value)?,
        changes: relative,
    })
}

/// Whether `value` has something at `path`, or what is no object above it.
fn value_blocks(value: &Value, path: &Path) -> bool {
    let mut place = value.clone();
    for name in path.names() {
        match place {
            Value::Object(object) => match object.get(name) {
                Some(below) => place = below,
                None => return false,
            },
            _ => return true,
        }
    }
    true
}

fn is_end(path: &Path) -> bool {
    path.names()
        .first()
        .is_some_and(|name| name == ENDS || name == ENDS_TO)
}

fn update(document: &Document, changes: &[(Path, DraftChange)]) -> Result<Operation, WriteError> {
    let lives = existing(document.names_living())?;
    let tree = document.tree().ok_or(WriteError::NotFound)?;
    let mut update = Update {
        view: View::of(&tree),
        changes: Vec::new(),
        rebuilt: BTreeMap::new(),
        ends: None,
    };
    for (path, change) in in_order(changes)? {
        update.add(path, change)?;
    }
    Ok(Operation::Patch {
        lives,
        changes: update.finish()?,
    })
}

/// An UPDATE on its way to a patch.
struct Update<'a> {
    view: View<'a>,
    changes: Vec<(Path, Change)>,
    /// Objects that are put where something else stands.
    rebuilt: BTreeMap<Path, Value>,
    /// `_from` and `_to` as they will be, once either is written.
    ends: Option<Value>,
}

impl Update<'_> {
    fn add(&mut self, path: &Path, change: &DraftChange) -> Result<(), WriteError> {
        let names = path.names();
        if names.is_empty() {
            let DraftChange::Assign(value) = change else {
                return Err(WriteError::NotAnObject { found: "a change" });
            };
            self.changes
                .push((Path::ROOT, Change::Assign(body(value)?)));
            return Ok(());
        }
        if is_end(path) {
            let ends = self.ends.get_or_insert_with(|| self.view.ends());
            apply_plainly(ends, names, change);
            return Ok(());
        }
        match self.view.find(names) {
            Target::Blocked { depth } => {
                let top = Path::from(names[..depth].to_vec());
                let object = self
                    .rebuilt
                    .entry(top)
                    .or_insert_with(|| Value::Object(Object::default()));
                apply_plainly(object, &names[depth..], change);
                Ok(())
            }
            Target::Free(place) => {
                if let Some(change) = intent::translate(&place, change, names.len())? {
                    self.changes.push((path.clone(), change));
                }
                Ok(())
            }
        }
    }

    fn finish(mut self) -> Result<Vec<(Path, Change)>, WriteError> {
        if let Some(ends) = &self.ends {
            let path = Path::new([Str::from_static(ENDS)]);
            let is_empty = ends.as_object().is_none_or(Object::is_empty);
            let change = if is_empty {
                Change::Unset
            } else {
                Change::Assign(pack(ends, 1)?)
            };
            self.changes.push((path, change));
        }
        for (path, object) in &self.rebuilt {
            let change = Change::Assign(pack(object, path.names().len())?);
            // What was an object mark at the same place is part of the new value.
            self.changes.retain(|(other, _)| other != path);
            self.changes.push((path.clone(), change));
        }
        let held = self.objects_to_hold();
        self.changes
            .extend(held.into_iter().map(|path| (path, Change::Object)));
        self.changes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(self.changes)
    }

    /// Objects that are there only because something below shows, and would go with what this patch unsets.
    fn objects_to_hold(&self) -> Vec<Path> {
        let mut unset: BTreeMap<Path, Vec<&Str>> = BTreeMap::new();
        for (path, change) in &self.changes {
            if matches!(change, Change::Unset)
                && let Some((above, _)) = path.split_last()
                && let Some(name) = path.names().last()
            {
                unset.entry(above).or_default().push(name);
            }
        }
        let marked = |path: &Path| {
            let mut changes = self.changes.iter();
            changes.any(|(other, change)| {
                path.covers(other)
                    && (other != path || matches!(change, Change::Object))
                    && change.makes_objects_above()
            })
        };
        let lost = unset.into_iter().filter(|(path, names)| {
            !path.is_root() && !marked(path) && self.view.empties(path.names(), names)
        });
        lost.map(|(path, _)| path).collect()
    }
}

/// Makes the change in a plain value.
fn apply_plainly(value: &mut Value, names: &[Str], change: &DraftChange) {
    let mut current = Some(value.clone());
    for name in names {
        current = match current {
            Some(Value::Object(object)) => object.get(name),
            _ => None,
        };
    }
    match changed(current, change) {
        Some(result) => put_at(value, names, result),
        None => plain::unset_at(value, names),
    }
}
