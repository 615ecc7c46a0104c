//! `use-index-for-collect`: the least or greatest value of an attribute stands at an end of an index on it.
//!
//! `COLLECT AGGREGATE m = MIN(d.a)` over all documents, or over those that an index holds to values of its first fields,
//! reads one entry: the first above null, since null does not count, or the last. Behind the reading stands a LIMIT; the
//! aggregate itself stays, and makes null of nothing. Of values that are equal but not the same, as `[1]` and `[1, null]`,
//! MAX then gives that of the last key instead of the first, as a SORT by the index does.

use antipode_value::Value;

use super::conditions::Scope;
use super::use_index_for_sort::first_loop;
use crate::expression::Expression;
use crate::index::IndexKind;
use crate::plan::{
    Access, Aggregate, AggregateKind, Collect, Enumerate, IndexAccess, Node, NodeKind, Pipeline,
    RangeEnd,
};

/// Lets a lone MIN or MAX read one end of an index.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let Some((position, access)) = end_of_index(pipeline) else {
        return false;
    };
    if let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
    {
        enumerate.access = Access::from(access);
    }
    let id = pipeline.nodes.get(position).map_or(0, |node| node.id);
    let kind = NodeKind::Limit {
        offset: 0,
        count: Some(1),
        full_count: false,
        drain: false,
    };
    pipeline.nodes.insert(position + 1, Node { id, kind });
    true
}

/// The place of the loop, and the reading that begins with what its MIN or MAX asks for.
fn end_of_index(pipeline: &Pipeline) -> Option<(usize, IndexAccess)> {
    let (position, enumerate) = first_loop(pipeline)?;
    let mut scope = Scope::of(enumerate.variable);
    for node in pipeline.nodes.iter().skip(position + 1) {
        match &node.kind {
            NodeKind::Calculation { expression, .. } if expression.is_deterministic() => {
                scope.pass(node);
            }
            NodeKind::Collect(collect) => {
                let (argument, greatest) = lone_extreme(collect)?;
                let readings = readings(enumerate);
                let mut ends = readings
                    .into_iter()
                    .filter_map(|access| end(access, &scope, argument, greatest));
                return ends.next().map(|access| (position, access));
            }
            _ => return None,
        }
    }
    None
}

/// The argument of the one MIN or MAX that a COLLECT consists of, and whether it is MAX.
fn lone_extreme(collect: &Collect) -> Option<(&Expression, bool)> {
    if !collect.keys.is_empty() || collect.into.is_some() || collect.disable_index {
        return None;
    }
    match collect.aggregates.as_slice() {
        [
            Aggregate {
                kind: kind @ (AggregateKind::Min | AggregateKind::Max),
                argument: Some(argument),
                ..
            },
        ] => Some((argument, *kind == AggregateKind::Max)),
        _ => None,
    }
}

/// The readings of indexes that give just the documents of a loop, but for such without a value.
fn readings(enumerate: &Enumerate) -> Vec<IndexAccess> {
    match &enumerate.access {
        Access::Index(access) => vec![(**access).clone()],
        Access::Full if !enumerate.disable_index => {
            let allowed = |name: &String| !enumerate.forced || enumerate.hints.contains(name);
            let usable = enumerate.indexes.iter().filter(|index| {
                // A sparse index of several fields also leaves out documents that have the first.
                let whole = !index.sparse || index.fields.len() == 1;
                index.kind == IndexKind::Persistent && whole && allowed(&index.name)
            });
            usable
                .map(|index| IndexAccess::all(index.clone(), false))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The reading turned so that it begins with the least or greatest value of an attribute that is not null; none if that
/// attribute is not the field which it is sorted by.
fn end<'p>(
    mut access: IndexAccess,
    scope: &Scope<'p>,
    argument: &'p Expression,
    greatest: bool,
) -> Option<IndexAccess> {
    let path = scope.attribute(argument)?;
    let field = access.index.fields.get(access.lookups.len())?;
    let sorted_by = field.each.is_none() && path.iter().copied().eq(field.path.iter());
    let one_by_one = access.lookups.iter().all(|lookup| !lookup.many);
    if !sorted_by || !one_by_one || access.repeats() {
        return None;
    }
    if greatest {
        access.reverse = true;
        return Some(access);
    }
    if access.lower.is_some() {
        // It may let null in, or may not: that is known when the query runs.
        return None;
    }
    access.reverse = false;
    access.lower = Some(RangeEnd {
        value: Expression::Constant(Value::Null),
        inclusive: false,
    });
    Some(access)
}
