//! `geo-index-optimizer`: a FOR with a condition on a distance, or on what contains or meets a shape, and a SORT by
//! distance, read a geo index.
//!
//! ```text
//!  FILTER DISTANCE(d.lat, d.lon, 52.5, 13.4) < 1000      within a circle
//!  FILTER GEO_INTERSECTS(@area, d.shape)                 within the circle around the area
//!  SORT GEO_DISTANCE(d.shape, [13.4, 52.5]) LIMIT 10     from the point outward, until ten are found
//! ```
//!
//! The conditions stay: the index only leaves out what certainly fails them. A document without a place has the distance
//! null, which is less than any number; so it comes too, unless a condition rules it out.

use std::sync::Arc;

use super::conditions::{Scope, each_condition};
use super::use_index_for_sort::{first_loop, sort_behind};
use crate::expression::{Comparison, Expression};
use crate::index::{IndexField, IndexInfo, IndexKind};
use crate::plan::{Access, Enumerate, GeoAccess, GeoOrigin, NodeKind, Pipeline};

/// Gives full loops a geo index where a condition or a SORT asks for distances.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut changed = false;
    for position in 0..pipeline.nodes.len() {
        let Some((access, sort)) = access(pipeline, position) else {
            continue;
        };
        if let Some(NodeKind::EnumerateCollection(enumerate)) =
            pipeline.nodes.get_mut(position).map(|node| &mut node.kind)
        {
            enumerate.access = Access::Geo(Box::new(access));
            changed = true;
        }
        if let Some(sort) = sort {
            pipeline.nodes.remove(sort);
        }
    }
    changed
}

/// The geo access for the loop at `position`, and where the SORT stands that it makes unnecessary.
fn access(pipeline: &Pipeline, position: usize) -> Option<(GeoAccess, Option<usize>)> {
    let Some(NodeKind::EnumerateCollection(enumerate)) =
        pipeline.nodes.get(position).map(|node| &node.kind)
    else {
        return None;
    };
    if enumerate.disable_index || !matches!(enumerate.access, Access::Full) {
        return None;
    }
    let mut found: Option<GeoAccess> = None;
    each_condition(pipeline, position, &mut |enumerate, _, condition, scope| {
        if let Some(asked) = asked(enumerate, condition, scope) {
            match &mut found {
                None => found = Some(asked),
                Some(found) => add_bounds(found, asked),
            }
        }
    });
    let sorted = first_loop(pipeline)
        .filter(|(first, _)| *first == position)
        .and_then(|_| sort_behind(pipeline, position, enumerate.variable))
        .and_then(|(sort, keys, scope)| match keys {
            [key] => {
                let (index, origin) = distance(enumerate, &key.expression, &scope)?;
                let mut access = unbounded(index, origin);
                access.nearest_first = Some(key.ascending);
                Some((access, sort))
            }
            _ => None,
        });
    match (found, sorted) {
        (None, None) => None,
        (None, Some((access, sort))) => Some((access, Some(sort))),
        (Some(mut found), Some((sorted, sort))) if same_question(&found, &sorted) => {
            found.nearest_first = sorted.nearest_first;
            Some((found, Some(sort)))
        }
        (Some(found), _) => Some((found, None)),
    }
}

fn unbounded(index: Arc<IndexInfo>, origin: GeoOrigin) -> GeoAccess {
    GeoAccess {
        index,
        origin,
        least: None,
        most: None,
        nearest_first: None,
    }
}

/// Takes the bounds of another condition on the same distance.
fn add_bounds(access: &mut GeoAccess, other: GeoAccess) {
    if same_question(access, &other) {
        access.least = access.least.take().or(other.least);
        access.most = access.most.take().or(other.most);
    }
}

fn same_question(a: &GeoAccess, b: &GeoAccess) -> bool {
    let origins = match (&a.origin, &b.origin) {
        (GeoOrigin::Point(a, b), GeoOrigin::Point(c, d)) => same(a, c) && same(b, d),
        (GeoOrigin::Middle(a), GeoOrigin::Middle(b)) => same(a, b),
        _ => false,
    };
    origins && a.index.id == b.index.id
}

/// Whether two expressions are certainly the same; of simple ones only.
fn same(a: &Expression, b: &Expression) -> bool {
    match (a, b) {
        (Expression::Constant(a), Expression::Constant(b)) => a == b,
        (Expression::Parameter(a), Expression::Parameter(b)) => a.slot == b.slot,
        (Expression::Array(a), Expression::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Expression::Call(f, a), Expression::Call(g, b)) => {
            f.name == g.name
                && f.deterministic
                && a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => match (a.attribute_path(), b.attribute_path()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
    }
}

/// What a condition asks of a geo index.
fn asked<'p>(
    enumerate: &Enumerate,
    condition: &'p Expression,
    scope: &Scope<'p>,
) -> Option<GeoAccess> {
    match scope.meaning(condition) {
        Expression::Compare(comparison, parts) => {
            let [left, right] = &**parts;
            let (measured, comparison, bound) = if scope.knows(right) {
                (left, *comparison, right)
            } else if scope.knows(left) {
                (right, comparison.flipped()?, left)
            } else {
                return None;
            };
            let (index, origin) = distance(enumerate, measured, scope)?;
            let mut access = unbounded(index, origin);
            match comparison {
                Comparison::Less | Comparison::LessOrEqual => access.most = Some(bound.clone()),
                Comparison::Greater | Comparison::GreaterOrEqual => {
                    access.least = Some(bound.clone());
                }
                _ => return None,
            }
            Some(access)
        }
        Expression::Call(function, arguments) => {
            let [first, second] = arguments.as_slice() else {
                return None;
            };
            let (shape, of_document) = match function.name {
                "GEO_CONTAINS" | "GEO_INTERSECTS" if scope.knows(first) => (first, second),
                "GEO_CONTAINS" | "GEO_INTERSECTS" if scope.knows(second) => (second, first),
                _ => return None,
            };
            let index = index_of_shape(enumerate, of_document, scope)?;
            Some(unbounded(index, GeoOrigin::Touching(shape.clone())))
        }
        _ => None,
    }
}

/// The index that knows a distance from the document, and what it is measured from.
fn distance<'p>(
    enumerate: &Enumerate,
    measured: &'p Expression,
    scope: &Scope<'p>,
) -> Option<(Arc<IndexInfo>, GeoOrigin)> {
    let Expression::Call(function, arguments) = scope.meaning(measured) else {
        return None;
    };
    match (function.name, arguments.as_slice()) {
        ("DISTANCE", [latitude1, longitude1, latitude2, longitude2]) => {
            let first = index_of_point(enumerate, latitude1, longitude1, scope);
            let (index, latitude, longitude) = match first {
                Some(index) => (index, latitude2, longitude2),
                None => {
                    let index = index_of_point(enumerate, latitude2, longitude2, scope)?;
                    (index, latitude1, longitude1)
                }
            };
            let known = scope.knows(latitude) && scope.knows(longitude);
            known.then(|| (index, GeoOrigin::Point(latitude.clone(), longitude.clone())))
        }
        ("GEO_DISTANCE", [a, b, rest @ ..]) => {
            let sphere = |ellipsoid: &Expression| {
                ellipsoid.constant().and_then(|value| value.as_str()) == Some("sphere")
            };
            if !rest.iter().all(sphere) {
                return None;
            }
            let (index, origin) = match index_of_shape(enumerate, a, scope) {
                Some(index) => (index, b),
                None => (index_of_shape(enumerate, b, scope)?, a),
            };
            scope
                .knows(origin)
                .then(|| (index, GeoOrigin::Middle(origin.clone())))
        }
        _ => None,
    }
}

/// The geo indexes that may be used, hinted ones first.
fn indexes(enumerate: &Enumerate) -> Vec<&Arc<IndexInfo>> {
    let hint = |index: &IndexInfo| enumerate.hints.iter().position(|hint| *hint == index.name);
    let geo = |index: &&Arc<IndexInfo>| {
        matches!(index.kind, IndexKind::Geo { .. }) && (!enumerate.forced || hint(index).is_some())
    };
    let mut indexes: Vec<_> = enumerate.indexes.iter().filter(geo).collect();
    indexes.sort_by_key(|index| hint(index).unwrap_or(usize::MAX));
    indexes
}

/// The index whose places are these coordinates of the document.
fn index_of_point<'p>(
    enumerate: &Enumerate,
    latitude: &'p Expression,
    longitude: &'p Expression,
    scope: &Scope<'p>,
) -> Option<Arc<IndexInfo>> {
    let is = |expression: &'p Expression, field: &IndexField| is_field(expression, field, scope);
    let is_element = |expression: &'p Expression, field: &IndexField, place: i64| match scope
        .meaning(expression)
    {
        Expression::Element(parts) => {
            let [base, index] = &**parts;
            index.constant().and_then(|index| index.as_int()) == Some(place) && is(base, field)
        }
        _ => false,
    };
    let fits = |index: &&&Arc<IndexInfo>| match (index.kind, index.fields.as_slice()) {
        (IndexKind::Geo { .. }, [first, second]) => is(latitude, first) && is(longitude, second),
        (IndexKind::Geo { geo_json: false }, [field]) => {
            is_element(latitude, field, 0) && is_element(longitude, field, 1)
        }
        _ => false,
    };
    let indexes = indexes(enumerate);
    indexes.iter().find(fits).map(|index| (*index).clone())
}

/// The index whose places are these shapes of the document: an attribute, or a point of two.
fn index_of_shape<'p>(
    enumerate: &Enumerate,
    shape: &'p Expression,
    scope: &Scope<'p>,
) -> Option<Arc<IndexInfo>> {
    match scope.meaning(shape) {
        Expression::Array(elements) => match elements.as_slice() {
            [longitude, latitude] => index_of_point(enumerate, latitude, longitude, scope),
            _ => None,
        },
        Expression::Call(function, arguments) => match (function.name, arguments.as_slice()) {
            ("GEO_POINT", [longitude, latitude]) => {
                index_of_point(enumerate, latitude, longitude, scope)
            }
            _ => None,
        },
        attribute => {
            let fits = |index: &&&Arc<IndexInfo>| match (index.kind, index.fields.as_slice()) {
                (IndexKind::Geo { geo_json: true }, [field]) => is_field(attribute, field, scope),
                _ => false,
            };
            let indexes = indexes(enumerate);
            indexes.iter().find(fits).map(|index| (*index).clone())
        }
    }
}

fn is_field<'p>(expression: &'p Expression, field: &IndexField, scope: &Scope<'p>) -> bool {
    let path = scope.attribute(expression);
    field.each.is_none() && path.is_some_and(|path| path.into_iter().eq(field.path.iter()))
}
