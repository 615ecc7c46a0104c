//! `use-index-for-sort`: a SORT by what an index is sorted by needs no sorting; a LIMIT behind it stops the reading early.
//!
//! The first loop of a line may give its rows in the order of an index, forward or backward. Fields that are held to one
//! value have no part in the order. A loop without conditions takes an index for its order alone, if every document
//! has an entry in it.

use crate::expression::Variable;
use crate::index::{IndexInfo, IndexKind};
use crate::plan::{Access, Enumerate, IndexAccess, NodeKind, Pipeline, SortKey};

use super::conditions::Scope;

/// Removes the SORTs that an index makes unnecessary.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let Some((position, enumerate)) = first_loop(pipeline) else {
        return false;
    };
    let Some((sort, keys, scope)) = sort_behind(pipeline, position, enumerate.variable) else {
        return false;
    };
    let access = match &enumerate.access {
        Access::Index(access) => turned(access, &scope, keys).map(Access::from),
        Access::Union { parts, .. } => merged(parts, &scope, keys),
        Access::Full if !enumerate.disable_index => {
            for_order(enumerate, &scope, keys).map(Access::from)
        }
        _ => None,
    };
    let Some(access) = access else {
        return false;
    };
    if let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
    {
        enumerate.access = access;
    }
    pipeline.nodes.remove(sort);
    true
}

/// Whether the SORT behind the loop at `position` is one by the order of this access; backward if true.
pub(super) fn serves(pipeline: &Pipeline, position: usize, access: &IndexAccess) -> Option<bool> {
    let (first, enumerate) = first_loop(pipeline)?;
    let (_, keys, scope) = sort_behind(pipeline, position, enumerate.variable)?;
    (first == position).then(|| direction(access, &scope, keys))?
}

/// The loop whose order is that of the rows: none but a single row comes in.
pub(super) fn first_loop(pipeline: &Pipeline) -> Option<(usize, &Enumerate)> {
    for (position, node) in pipeline.nodes.iter().enumerate() {
        match &node.kind {
            NodeKind::Singleton | NodeKind::Calculation { .. } | NodeKind::Filter(_) => {}
            NodeKind::EnumerateCollection(enumerate) => return Some((position, enumerate)),
            _ => return None,
        }
    }
    None
}

/// The first SORT behind a loop, if everything between keeps the order of its rows and cuts none off.
pub(super) fn sort_behind(
    pipeline: &Pipeline,
    position: usize,
    document: Variable,
) -> Option<(usize, &[SortKey], Scope<'_>)> {
    let mut scope = Scope::of(document);
    for (place, node) in pipeline.nodes.iter().enumerate().skip(position + 1) {
        match &node.kind {
            NodeKind::Sort { keys, .. } => return Some((place, keys, scope)),
            NodeKind::Calculation { .. }
            | NodeKind::Filter(_)
            | NodeKind::EnumerateCollection(_)
            | NodeKind::EnumerateList { .. }
            | NodeKind::Traverse(_)
            | NodeKind::PathSearch(_)
                if !node.writes() => {}
            _ => return None,
        }
        scope.pass(node);
    }
    None
}

/// The access, in the direction that the keys ask for.
fn turned<'p>(access: &IndexAccess, scope: &Scope<'p>, keys: &'p [SortKey]) -> Option<IndexAccess> {
    let reverse = direction(access, scope, keys)?;
    let mut access = access.clone();
    access.reverse = reverse;
    Some(access)
}

/// Alternatives that all go by one index, merged in its order.
fn merged<'p>(parts: &[Access], scope: &Scope<'p>, keys: &'p [SortKey]) -> Option<Access> {
    let mut turned = Vec::with_capacity(parts.len());
    let mut merged = None;
    for part in parts {
        let Access::Index(access) = part else {
            return None;
        };
        if access.index.repeats() {
            return None;
        }
        // What one alternative holds to a value, another may not: the order is that of all fields.
        let whole = IndexAccess::all(access.index.clone(), false);
        let (index, reverse) = (access.index.id, direction(&whole, scope, keys)?);
        if *merged.get_or_insert((index, reverse)) != (index, reverse) {
            return None;
        }
        let mut access = access.clone();
        access.reverse = reverse;
        turned.push(Access::Index(access));
    }
    Some(Access::Union {
        parts: turned,
        merged: Some(merged?.1),
    })
}

/// An index that is read for its order alone.
fn for_order<'p>(
    enumerate: &Enumerate,
    scope: &Scope<'p>,
    keys: &'p [SortKey],
) -> Option<IndexAccess> {
    let whole = |index: &&std::sync::Arc<IndexInfo>| {
        let hinted = !enumerate.forced || enumerate.hints.contains(&index.name);
        index.kind == IndexKind::Persistent && !index.sparse && !index.repeats() && hinted
    };
    let hint = |index: &IndexInfo| {
        let place = enumerate.hints.iter().position(|hint| *hint == index.name);
        place.unwrap_or(enumerate.hints.len())
    };
    enumerate
        .indexes
        .iter()
        .filter(whole)
        .filter_map(|index| {
            let access = IndexAccess::all(index.clone(), false);
            turned(&access, scope, keys)
        })
        .min_by_key(|access| (hint(&access.index), access.index.fields.len()))
}

/// Whether the entries come in the order of the keys; backward if true.
fn direction<'p>(access: &IndexAccess, scope: &Scope<'p>, keys: &'p [SortKey]) -> Option<bool> {
    let fields = &access.index.fields;
    let held = |place: usize| access.lookups.get(place).is_some_and(|lookup| !lookup.many);
    let mut next = 0;
    let mut reverse: Option<bool> = None;
    for key in keys {
        let path = scope.attribute(&key.expression)?;
        let is_key = |place: usize| {
            fields.get(place).is_some_and(|field| {
                field.each.is_none() && path.iter().copied().eq(field.path.iter())
            })
        };
        if (0..fields.len()).any(|place| held(place) && is_key(place)) {
            continue;
        }
        while held(next) {
            next += 1;
        }
        if !is_key(next) || reverse.is_some_and(|reverse| reverse == key.ascending) {
            return None;
        }
        reverse = Some(!key.ascending);
        next += 1;
    }
    Some(reverse.unwrap_or(false))
}
