//! INSERT, UPDATE, REPLACE, REMOVE and UPSERT: a write for each row.
//!
//! Values become drafts here. What the draft of an UPDATE changes, relatively or by assignment, is found in
//! [`change`](super::change); here is which document it is made on, and what is expected of that one.

use antipode_crdt::{Draft, DraftChange, PatchOptions, Path, patch_changes};
use antipode_value::{Object, Str, Value, identical};

use super::change::{changes, inserted};
use super::upsert::find;
use super::{Batch, Input, Operator};
use crate::error::{Code, QueryError, Result};
use crate::evaluate::{Run, evaluate};
use crate::index::keys;
use crate::plan::{Action, Modify, ModifyOptions, OverwriteMode, Patch, Upsert};
use crate::source::{CollectionInfo, CollectionKind, Expect, Written};

/// INSERT, UPDATE, REPLACE, REMOVE, UPSERT.
pub(super) fn modify<'a>(input: Input<'a>, node: &'a Modify) -> Input<'a> {
    Box::new(Modifying { input, node })
}

struct Modifying<'a> {
    input: Input<'a>,
    node: &'a Modify,
}

/// What `ignoreErrors` skips.
const IGNORED: &[u32] = &[1200, 1202, 1210, 1221, 1226, 1227, 1233];

/// System attributes that a document expression cannot set.
pub(super) const SYSTEM: &[&str] = &["_key", "_id", "_rev"];

impl<'a> Operator<'a> for Modifying<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        loop {
            let mut batch = self.input.pull(wanted, run)?;
            if batch.is_empty() {
                return Ok(batch);
            }
            let node = self.node;
            let mut found = look_ups(node, &mut batch, run)?;
            batch.retain(|row| {
                run.tick()?;
                let found = found.as_mut().and_then(Iterator::next);
                let outcome = match write(node, found, row, run) {
                    Ok(outcome) => outcome,
                    Err(error) if node.options.ignore_errors && IGNORED.contains(&error.code()) => {
                        run.stats.writes_ignored += 1;
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                };
                if let Some(old) = node.old {
                    row[old.slot as usize] = outcome.old.unwrap_or_default();
                }
                if let Some(new) = node.new {
                    row[new.slot as usize] = outcome.new.unwrap_or_default();
                }
                Ok(true)
            })?;
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

/// `OLD` and `NEW` of a row.
struct Outcome {
    old: Option<Value>,
    new: Option<Value>,
}

impl From<Written> for Outcome {
    fn from(written: Written) -> Outcome {
        Outcome {
            old: written.old,
            new: written.new,
        }
    }
}

/// What the look-ups of an UPSERT find for each row, if none is to see what the others write.
fn look_ups<'a>(
    node: &'a Modify,
    batch: &mut Batch,
    run: &mut Run<'a>,
) -> Result<Option<std::vec::IntoIter<Option<Value>>>> {
    let Action::Upsert(upsert) = &node.action else {
        return Ok(None);
    };
    if node.options.read_own_writes {
        return Ok(None);
    }
    let mut found = Vec::new();
    for row in batch.iter_mut() {
        found.push(find(node, upsert, row, run)?);
    }
    Ok(Some(found.into_iter()))
}

/// Does what the statement says for a row; `found` is the outcome of an UPSERT's look-up where it was made before.
fn write<'a>(
    node: &'a Modify,
    found: Option<Option<Value>>,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Outcome> {
    match &node.action {
        Action::Insert { document } => {
            let document = evaluate(document, row, run)?;
            insert(node, &document, None, run)
        }
        Action::Update { key, patch } => update(node, key.as_ref(), patch, row, run),
        Action::Replace { key, document } => {
            let key = key
                .as_ref()
                .map(|key| evaluate(key, row, run))
                .transpose()?;
            let document = evaluate(document, row, run)?;
            let target = Target::of(key.as_ref().unwrap_or(&document))?.or_revision(&document);
            let draft = Draft::Replace(Value::Object(body(&document, node)?));
            let current = target.check(node, run)?;
            if let Some(current) = current.as_ref()
                && !newer_version(node, current, &document)
            {
                return Ok(Outcome {
                    old: Some(current.clone()),
                    new: Some(current.clone()),
                });
            }
            target.write(node, draft, target.expect(), run)
        }
        Action::Remove { key } => {
            let key = evaluate(key, row, run)?;
            let target = Target::of(&key)?;
            target.check(node, run)?;
            target.write(node, Draft::Remove, target.expect(), run)
        }
        Action::Upsert(upsert) => upsert_row(node, upsert, found, row, run),
    }
}

// ----- which document -----

/// The document that a statement is about.
struct Target {
    key: Str,
    /// The `_rev` of the document that the query handed over, if it did.
    revision: Option<Value>,
    /// The query handed over a document that it had read.
    read: bool,
}

impl Target {
    fn of(value: &Value) -> Result<Target> {
        match value {
            Value::String(key) => {
                check_key(key)?;
                Ok(Target {
                    key: key.clone(),
                    revision: None,
                    read: false,
                })
            }
            Value::Object(object) => match object.get("_key") {
                Some(Value::String(key)) => {
                    check_key(&key)?;
                    let revision = object.get("_rev").filter(|revision| !revision.is_null());
                    Ok(Target {
                        key,
                        read: revision.is_some() && object.contains("_id"),
                        revision,
                    })
                }
                _ => Err(QueryError::new(
                    Code::DocumentKeyMissing,
                    "missing document key: the document has no _key",
                )),
            },
            _ => Err(QueryError::new(
                Code::DocumentTypeInvalid,
                "invalid document type: the document to change is a key or an object with _key",
            )),
        }
    }

    /// Where the key brings no `_rev`, that of the new document is the one to compare.
    fn or_revision(mut self, document: &Value) -> Target {
        if self.revision.is_none() {
            let revision = document.attribute("_rev");
            self.revision = Some(revision).filter(|revision| !revision.is_null());
        }
        self
    }

    /// What the write asks of the document: a document that the query read must not have changed meanwhile.
    fn expect(&self) -> Expect {
        if self.read {
            Expect::Unchanged
        } else {
            Expect::Exists
        }
    }

    /// Compares `_rev` where asked to; gives the document where an option needs to look at it.
    fn check(&self, node: &Modify, run: &mut Run<'_>) -> Result<Option<Value>> {
        let compares = !node.options.ignore_revs && self.revision.is_some();
        if !compares && node.options.version_attribute.is_none() {
            return Ok(None);
        }
        if compares
            && self
                .revision
                .as_ref()
                .is_some_and(|given| given.as_str().is_none())
        {
            let message = "invalid document revision: _rev must be a string";
            return Err(QueryError::new(Code::DocumentRevBad, message));
        }
        let current = run.data()?.current(node.collection.id, &self.key)?;
        if let (true, Some(current), Some(revision)) = (compares, &current, &self.revision)
            && current.attribute("_rev") != *revision
        {
            let message = format!(
                "conflict, _rev values do not match: {}/{}",
                node.collection.name, self.key
            );
            return Err(QueryError::new(Code::Conflict, message));
        }
        Ok(current)
    }

    fn write(
        &self,
        node: &Modify,
        draft: Draft,
        expect: Expect,
        run: &mut Run<'_>,
    ) -> Result<Outcome> {
        send(node, Some(&self.key), draft, expect, run)
    }
}

fn send(
    node: &Modify,
    key: Option<&str>,
    draft: Draft,
    expect: Expect,
    run: &mut Run<'_>,
) -> Result<Outcome> {
    let written = run.data()?.write(node.collection.id, key, draft, expect)?;
    run.stats.writes_executed += 1;
    if node.captures() {
        run.changed
            .insert((node.collection.id, written.key.clone()));
    }
    Ok(written.into())
}

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 254;

fn check_key(key: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || keys::PUNCTUATION.contains(c);
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.chars().all(legal) {
        return Err(QueryError::new(
            Code::DocumentKeyBad,
            format!("illegal document key '{key}'"),
        ));
    }
    Ok(())
}

// ----- documents -----

/// The attributes of a document expression that are stored as they are.
fn body(document: &Value, node: &Modify) -> Result<Object> {
    let Value::Object(object) = document else {
        let message = format!(
            "invalid document type: an object is needed, not a value of type {}",
            document.type_name()
        );
        return Err(QueryError::new(Code::DocumentTypeInvalid, message));
    };
    if node.collection.kind == CollectionKind::Edge {
        for end in ["_from", "_to"] {
            check_vertex(object.get(end).as_ref(), end)?;
        }
    }
    if !SYSTEM.iter().any(|name| object.contains(name)) {
        return Ok(object.clone());
    }
    let kept = object.iter().filter(|(name, _)| !SYSTEM.contains(&&**name));
    Ok(Object::from_pairs(kept.collect()))
}

/// An end of an edge is the `_id` of a document: `collection/key`.
fn check_vertex(vertex: Option<&Value>, end: &str) -> Result<()> {
    let valid = match vertex {
        Some(Value::String(id)) => match id.split_once('/') {
            Some((collection, key)) => !collection.is_empty() && check_key(key).is_ok(),
            None => false,
        },
        _ => false,
    };
    if valid {
        return Ok(());
    }
    Err(QueryError::new(
        Code::InvalidEdgeAttribute,
        format!("edge attribute missing or invalid: {end}"),
    ))
}

/// `versionAttribute`: whether the supplied document may replace the stored one.
fn newer_version(node: &Modify, stored: &Value, supplied: &Value) -> bool {
    let Some(attribute) = &node.options.version_attribute else {
        return true;
    };
    let version = |document: &Value| {
        document
            .attribute(attribute)
            .as_float()
            .filter(|v| *v >= 0.0)
            .map(f64::floor)
    };
    match (version(stored), version(supplied)) {
        (Some(stored), Some(supplied)) => supplied > stored,
        _ => true,
    }
}

pub(super) fn patch_options(options: &ModifyOptions) -> PatchOptions {
    PatchOptions {
        merge_objects: options.merge_objects,
        keep_null: options.keep_null,
    }
}

// ----- statements -----

/// Inserts a document, with changes made on nothing beside it where an UPSERT has some.
fn insert(
    node: &Modify,
    document: &Value,
    changes: Option<Vec<(Path, DraftChange)>>,
    run: &mut Run<'_>,
) -> Result<Outcome> {
    let body = body(document, node)?;
    let key = match document.attribute("_key") {
        Value::String(key) => {
            check_key(&key)?;
            Some(key)
        }
        Value::Null if !matches!(document, Value::Object(object) if object.contains("_key")) => {
            None
        }
        other => {
            let message = format!(
                "illegal document key: a key is a string, not a value of type {}",
                other.type_name()
            );
            return Err(QueryError::new(Code::DocumentKeyBad, message));
        }
    };
    let draft = match changes {
        Some(changes) if !changes.is_empty() => Draft::InsertWith {
            value: Value::Object(body.clone()),
            changes,
        },
        _ => Draft::Insert(Value::Object(body.clone())),
    };
    let Some(key) = key else {
        return send(node, None, draft, Expect::Absent, run);
    };
    let mode = node.options.overwrite_mode;
    if mode == OverwriteMode::Conflict {
        return send(node, Some(&key), draft, Expect::Absent, run);
    }
    let Some(current) = run.data()?.current(node.collection.id, &key)? else {
        return send(node, Some(&key), draft, Expect::Absent, run);
    };
    if mode == OverwriteMode::Ignore {
        run.stats.writes_ignored += 1;
        return Ok(Outcome {
            old: None,
            new: None,
        });
    }
    if !newer_version(node, &current, document) {
        return Ok(Outcome {
            old: Some(current.clone()),
            new: Some(current),
        });
    }
    if mode == OverwriteMode::Replace {
        return send(
            node,
            Some(&key),
            Draft::Put(Value::Object(body)),
            Expect::Any,
            run,
        );
    }
    let changes = patch_changes(&Value::Object(body), patch_options(&node.options));
    send(
        node,
        Some(&key),
        Draft::Update(changes),
        Expect::Exists,
        run,
    )
}

fn update<'a>(
    node: &'a Modify,
    key: Option<&'a crate::expression::Expression>,
    patch: &'a Patch,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Outcome> {
    let key = key.map(|key| evaluate(key, row, run)).transpose()?;
    // The key may stand in the patch alone; then the whole patch must be known first.
    let (target, whole) = match &key {
        Some(key) => (Target::of(key)?, None),
        None => {
            let whole = evaluate(&patch.document, row, run)?;
            (Target::of(&whole)?, Some(whole))
        }
    };
    let read = match &patch.target {
        Some(target) => Some(evaluate(target, row, run)?),
        None => None,
    };
    let known = read.as_ref().filter(|read| {
        read.attribute("_id")
            .as_str()
            .is_some_and(|id| is_id(id, &node.collection, &target.key))
            && !run
                .changed
                .contains(&(node.collection.id, target.key.to_string()))
    });
    let known = match known {
        Some(read)
            if patch.intents.is_empty()
                || patch.stored
                || is_as_stored(node, patch, read, &target.key, run)? =>
        {
            Some(read)
        }
        _ => None,
    };
    let changes = changes(node, patch, known, whole, row, run)?;
    let target = if node.options.ignore_revs || target.revision.is_some() {
        target
    } else {
        target.or_revision(&evaluate(&patch.document, row, run)?)
    };
    let current = target.check(node, run)?;
    if let Some(current) = current.as_ref()
        && node.options.version_attribute.is_some()
        && !newer_version(node, current, &evaluate(&patch.document, row, run)?)
    {
        return Ok(Outcome {
            old: Some(current.clone()),
            new: Some(current.clone()),
        });
    }
    let expect = match read {
        _ if changes.only_intents => Expect::Exists,
        Some(read) if read.attribute("_rev").as_str().is_some() => Expect::Unchanged,
        _ => target.expect(),
    };
    let draft = finish_update(node, &target.key, changes.list, run)?;
    target.write(node, draft, expect, run)
}

fn is_id(id: &str, collection: &CollectionInfo, key: &str) -> bool {
    id.strip_prefix(collection.name.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        == Some(key)
}

/// Whether an object has what the stored document has at the paths of the intents: it may have been made of the document
/// and changed on the way, and then the difference is not to what is stored.
fn is_as_stored(
    node: &Modify,
    patch: &Patch,
    read: &Value,
    key: &str,
    run: &mut Run<'_>,
) -> Result<bool> {
    let Some(stored) = run.data()?.get(node.collection.id, key)? else {
        return Ok(false);
    };
    let at = |document: &Value, path: &[Str]| {
        path.iter()
            .fold(document.clone(), |value, name| value.attribute(name))
    };
    Ok(patch
        .intents
        .iter()
        .all(|intent| identical(&at(read, &intent.path), &at(&stored, &intent.path))))
}

/// Looks after the ends of edges, which are written as a pair.
fn finish_update(
    node: &Modify,
    key: &str,
    mut changes: Vec<(Path, DraftChange)>,
    run: &mut Run<'_>,
) -> Result<Draft> {
    if node.collection.kind != CollectionKind::Edge {
        return Ok(Draft::Update(changes));
    }
    let ends = ["_from", "_to"];
    let given = |changes: &[(Path, DraftChange)], end: &str| {
        changes
            .iter()
            .any(|(path, _)| path.names().first().is_some_and(|name| &**name == end))
    };
    for (path, change) in &changes {
        let Some(end) = ends
            .iter()
            .find(|end| path.names().first().is_some_and(|name| &**name == **end))
        else {
            continue;
        };
        match change {
            DraftChange::Assign(value) => check_vertex(Some(value), end)?,
            _ => check_vertex(None, end)?,
        }
    }
    if given(&changes, "_from") != given(&changes, "_to") {
        let current = run
            .data()?
            .current(node.collection.id, key)?
            .unwrap_or_default();
        for end in ends {
            if !given(&changes, end) {
                changes.push((
                    Path::new([end]),
                    DraftChange::Assign(current.attribute(end)),
                ));
            }
        }
    }
    Ok(Draft::Update(changes))
}

fn upsert_row<'a>(
    node: &'a Modify,
    upsert: &'a Upsert,
    looked_up: Option<Option<Value>>,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Outcome> {
    let early = looked_up.is_some();
    let found = match looked_up {
        Some(found) => found,
        None => find(node, upsert, row, run)?,
    };
    let found = match found {
        Some(found) => found,
        None => {
            let old = upsert.old.slot as usize;
            row[old] = Value::Null;
            let (document, changes) = inserted(&upsert.insert, row, run)?;
            return insert(node, &document, Some(changes), run);
        }
    };
    row[upsert.old.slot as usize] = found.clone();
    let target = Target::of(&found)?;
    if upsert.replace {
        let document = evaluate(&upsert.update.document, row, run)?;
        if !newer_version(node, &found, &document) {
            return Ok(Outcome {
                old: Some(found.clone()),
                new: Some(found),
            });
        }
        let draft = Draft::Replace(Value::Object(body(&document, node)?));
        return target.write(node, draft, Expect::Unchanged, run);
    }
    if node.options.version_attribute.is_some() {
        let document = evaluate(&upsert.update.document, row, run)?;
        if !newer_version(node, &found, &document) {
            return Ok(Outcome {
                old: Some(found.clone()),
                new: Some(found),
            });
        }
    }
    // OLD is read anew for every row, own writes included, unless the look-ups were made before all of them: a relative
    // change is always made on what it shows.
    let stale = early
        && run
            .changed
            .contains(&(node.collection.id, target.key.to_string()));
    let known = if stale { None } else { Some(&found) };
    let changes = changes(node, &upsert.update, known, None, row, run)?;
    let expect = if changes.only_intents {
        Expect::Exists
    } else {
        Expect::Unchanged
    };
    let draft = finish_update(node, &target.key, changes.list, run)?;
    target.write(node, draft, expect, run)
}
