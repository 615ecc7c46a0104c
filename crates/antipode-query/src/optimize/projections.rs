//! `optimize-projections`: where the entries of an index hold all that is read of the documents, the documents are not
//! fetched.

use antipode_value::Str;

use crate::expression::{Expression, Variable};
use crate::plan::{Access, IndexAccess, NodeKind, Pipeline};

/// Most attributes that are listed as projections.
const PROJECTIONS_MAX: usize = 5;

/// Notes what is read of the documents of index loops, and whether their entries hold it.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 0..pipeline.nodes.len() {
        let attributes = attributes_read(pipeline, position);
        let Some(NodeKind::EnumerateCollection(enumerate)) =
            pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
        else {
            continue;
        };
        let (Access::Index(access), Some(attributes)) = (&mut enumerate.access, attributes) else {
            continue;
        };
        access.index_only = holds(access, &attributes);
        if access.index_only || attributes.len() <= PROJECTIONS_MAX {
            access.projections = Some(attributes);
        }
        changed |= access.index_only;
    }
    changed
}

/// Whether the entries of an index would hold all that is read of the documents of the loop at `position`.
pub(super) fn covers(pipeline: &Pipeline, position: usize, access: &IndexAccess) -> bool {
    attributes_read(pipeline, position).is_some_and(|attributes| holds(access, &attributes))
}

fn holds(access: &IndexAccess, attributes: &[Vec<Str>]) -> bool {
    let held = |path: &Vec<Str>| {
        let system = matches!(path.as_slice(), [name] if matches!(&**name, "_key" | "_id"));
        let covered = &access.index.covered;
        system || covered.iter().any(|known| path.starts_with(known))
    };
    // An index with array fields has several entries of a document; they are told apart by nothing but its key.
    attributes.iter().all(held)
}

/// The attributes that are read of the documents of the loop at `position`; none if whole documents are.
fn attributes_read(pipeline: &Pipeline, position: usize) -> Option<Vec<Vec<Str>>> {
    let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get(position).map(|node| &node.kind)
    else {
        return None;
    };
    let mut attributes: Vec<Vec<Str>> = Vec::new();
    let mut whole = false;
    for node in pipeline.nodes.iter().skip(position + 1) {
        node.each_expression(&mut |expression| {
            whole |= !gather(expression, enumerate.variable, &mut attributes);
        });
    }
    (!whole).then_some(attributes)
}

/// Adds the attributes of a document that an expression reads; false if it reads the whole.
fn gather(expression: &Expression, document: Variable, attributes: &mut Vec<Vec<Str>>) -> bool {
    if let Some((variable, path)) = expression.attribute_path() {
        if variable.id != document.id {
            return true;
        }
        let path: Vec<Str> = path.into_iter().cloned().collect();
        if path.is_empty() {
            return false;
        }
        if !attributes.contains(&path) {
            attributes.push(path);
        }
        return true;
    }
    let mut narrow = true;
    expression.each(&mut |part| narrow &= gather(part, document, attributes));
    narrow
}
