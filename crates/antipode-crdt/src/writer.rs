//! The writer's side: from what a user wants to an operation that says it to every replica.

use antipode_value::Value;

use crate::{Document, Number, Operation, Path, WriteError};

/// What a writer wants, before it met the state that it is to change.
#[derive(Clone, Debug)]
pub enum Draft {
    /// Begin the document with these attributes, each merged for itself with those of concurrent creations.
    Insert(Value),
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

/// The operation that carries out `draft` on the document as it is here.
pub fn resolve(
    document: &Document,
    draft: &Draft,
    rules: &WriterRules,
) -> Result<Operation, WriteError> {
    let _ = (document, draft, rules);
    Err(WriteError::NotFound)
}

/// The changes that an UPDATE with `patch` asks for.
#[must_use]
pub fn patch_changes(patch: &Value, options: PatchOptions) -> Vec<(Path, DraftChange)> {
    let _ = (patch, options);
    Vec::new()
}
