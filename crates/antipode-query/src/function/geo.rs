//! Places and shapes on the earth, taken as a sphere; distances and areas also on the ellipsoid WGS 84.
//!
//! DISTANCE takes latitude before longitude; shapes are GeoJSON, or `[longitude, latitude]`. A polygon's inside is the
//! smaller part of the earth, and fits a hemisphere. What is no shape is warning 1505 and null.

mod shape;
mod sphere;

use antipode_value::{Array, Value};
use geographiclib_rs::{Geodesic, InverseGeodesic, PolygonArea, Winding};

use self::shape::{Polygon, Position, Shape, read_line};
use super::argument::{number, optional};
use super::{CallContext, Function, pure};
use crate::error::Code;
use crate::index::place::Place;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "DISTANCE",
        4,
        4,
        distance,
        "DISTANCE(latitude1, longitude1, latitude2, longitude2): metres along the great circle.\n\
         - latitude1: number\n\
         - longitude1: number\n\
         - latitude2: number\n\
         - longitude2: number\n\
         > number or null\n\
         ! What is no number, and what is outside the globe, is warning 1542 and null.\n\
         ROUND(DISTANCE(0, 0, 0, 1)) // 111195",
    ),
    pure(
        "IS_IN_POLYGON",
        2,
        3,
        is_in_polygon,
        "IS_IN_POLYGON(polygon, latitude, longitude) or (polygon, coordinate, longitudeFirst): whether a point lies in a plane polygon.\n\
         - polygon: array of pairs of latitude and longitude\n\
         - latitude: number, or a pair\n\
         - longitude: number; after a pair whether longitude comes first\n\
         > bool or null\n\
         ! Anything else is warning 1542 and null.\n\
         IS_IN_POLYGON([[0, 0], [0, 10], [10, 10], [10, 0]], 4, 7) // true",
    ),
    pure(
        "GEO_POINT",
        2,
        3,
        geo_point,
        "GEO_POINT(longitude, latitude, elevation): a GeoJSON point.\n\
         - longitude: number\n\
         - latitude: number\n\
         - elevation: number\n\
         > object or null\n\
         ! Anything else is warning 1542 and null.\n\
         GEO_POINT(1, 2) // {\"type\":\"Point\",\"coordinates\":[1,2]}",
    ),
    pure(
        "GEO_MULTIPOINT",
        1,
        1,
        geo_multipoint,
        "GEO_MULTIPOINT(points): GeoJSON points.\n\
         - points: array of at least two pairs of longitude and latitude\n\
         > object or null\n\
         ! Anything else is warning 1542 and null.\n\
         GEO_MULTIPOINT([[1, 2], [3, 4]]).type // \"MultiPoint\"",
    ),
    pure(
        "GEO_LINESTRING",
        1,
        1,
        geo_linestring,
        "GEO_LINESTRING(points): a GeoJSON line.\n\
         - points: array of at least two pairs of longitude and latitude\n\
         > object or null\n\
         ! Anything else is warning 1542 and null.\n\
         GEO_LINESTRING([[1, 2], [3, 4]]).type // \"LineString\"",
    ),
    pure(
        "GEO_MULTILINESTRING",
        1,
        1,
        geo_multilinestring,
        "GEO_MULTILINESTRING(lines): GeoJSON lines.\n\
         - lines: array of at least two lines\n\
         > object or null\n\
         ! Anything else is warning 1542 and null.\n\
         GEO_MULTILINESTRING([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]).type // \"MultiLineString\"",
    ),
    pure(
        "GEO_POLYGON",
        1,
        1,
        geo_polygon,
        "GEO_POLYGON(points) or (rings): a GeoJSON polygon, closed if it was not.\n\
         - points: array of at least three pairs of longitude and latitude; or an array of rings, the first the border, the others holes\n\
         > object or null\n\
         ! Anything else is warning 1542 and null. A ring that crosses itself is warning 1505 and null.\n\
         GEO_POLYGON([[0, 0], [4, 0], [4, 4]]).coordinates // [[[0,0],[4,0],[4,4],[0,0]]]",
    ),
    pure(
        "GEO_MULTIPOLYGON",
        1,
        1,
        geo_multipolygon,
        "GEO_MULTIPOLYGON(polygons): GeoJSON polygons.\n\
         - polygons: array of at least two polygons, each an array of rings\n\
         > object or null\n\
         ! Anything else is warning 1542 and null. A ring that crosses itself is warning 1505 and null.\n\
         GEO_MULTIPOLYGON([[[[0, 0], [4, 0], [4, 4], [0, 0]]], [[[9, 9], [9, 8], [8, 8], [9, 9]]]]).type // \"MultiPolygon\"",
    ),
    pure(
        "GEO_DISTANCE",
        2,
        3,
        geo_distance,
        "GEO_DISTANCE(a, b, \"sphere\" | \"wgs84\"): metres between the centroids of two shapes.\n\
         - a: GeoJSON, or [longitude, latitude]\n\
         - b: GeoJSON, or [longitude, latitude]\n\
         - ellipsoid: \"sphere\" or \"wgs84\", sphere if left out or null\n\
         > number or null\n\
         ! What is no shape is warning 1505 and null. Another ellipsoid is warning 1542 and null.\n\
         ROUND(GEO_DISTANCE([0, 0], [1, 0])) // 111195",
    ),
    pure(
        "GEO_IN_RANGE",
        4,
        7,
        geo_in_range,
        "GEO_IN_RANGE(a, b, low, high, includeLow, includeHigh, ellipsoid): whether GEO_DISTANCE lies between.\n\
         - a: GeoJSON, or [longitude, latitude]\n\
         - b: GeoJSON, or [longitude, latitude]\n\
         - low: number\n\
         - high: number\n\
         - includeLow: true or false; true if left out\n\
         - includeHigh: true or false; true if left out\n\
         - ellipsoid: \"sphere\" or \"wgs84\", sphere if left out or null\n\
         > bool or null\n\
         ! What is no shape is warning 1505 and null. A bound that is no number, and another ellipsoid, is warning 1542 and null.\n\
         GEO_IN_RANGE([0, 0], [1, 0], 0, 200000) // true",
    ),
    pure(
        "GEO_AREA",
        1,
        2,
        geo_area,
        "GEO_AREA(polygon, \"sphere\" | \"wgs84\"): square metres.\n\
         - polygon: GeoJSON, or [longitude, latitude]\n\
         - ellipsoid: \"sphere\" or \"wgs84\", sphere if left out or null\n\
         > number or null\n\
         ! What is no shape is warning 1505 and null. Another ellipsoid is warning 1542 and null.\n\
         GEO_AREA(GEO_POINT(0, 0)) // 0",
    ),
    pure(
        "GEO_CONTAINS",
        2,
        2,
        geo_contains,
        "GEO_CONTAINS(polygon, shape): whether every point of shape lies in polygon, borders included.\n\
         - polygon: GeoJSON polygon or polygons\n\
         - shape: GeoJSON, or [longitude, latitude]\n\
         > bool or null\n\
         ! What is no shape is warning 1505 and null. Another shape than polygons is warning 1542 and null.\n\
         GEO_CONTAINS(GEO_POLYGON([[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]), [1, 1]) // true",
    ),
    pure(
        "GEO_INTERSECTS",
        2,
        2,
        geo_intersects,
        "GEO_INTERSECTS(a, b): whether two shapes have a common point.\n\
         - a: GeoJSON, or [longitude, latitude]\n\
         - b: GeoJSON, or [longitude, latitude]\n\
         > bool or null\n\
         ! What is no shape is warning 1505 and null.\n\
         GEO_INTERSECTS(GEO_LINESTRING([[0, 0], [4, 4]]), GEO_LINESTRING([[0, 4], [4, 0]])) // true",
    ),
    pure(
        "GEO_EQUALS",
        2,
        2,
        geo_equals,
        "GEO_EQUALS(a, b): whether two shapes are the same.\n\
         - a: GeoJSON, or [longitude, latitude]\n\
         - b: GeoJSON, or [longitude, latitude]\n\
         > bool or null\n\
         ! What is no shape is warning 1505 and null.\n\
         GEO_EQUALS(GEO_POINT(1, 2), GEO_POINT(1, 2)) // true",
    ),
];

/// Radius of the sphere, in metres.
pub(crate) const EARTH_RADIUS: f64 = 6_371_000.0;
/// Most pairs of positions of two shapes that are held against one another.
const PAIRS_MAX: usize = 100_000_000;

/// Metres along the great circle between two points given in degrees, by the haversine formula.
pub(crate) fn great_circle(
    latitude1: f64,
    longitude1: f64,
    latitude2: f64,
    longitude2: f64,
) -> f64 {
    let (phi1, phi2) = (latitude1.to_radians(), latitude2.to_radians());
    let half_phi = ((latitude2 - latitude1).to_radians() / 2.0).sin();
    let half_lambda = ((longitude2 - longitude1).to_radians() / 2.0).sin();
    let haversine = half_phi * half_phi + phi1.cos() * phi2.cos() * half_lambda * half_lambda;
    2.0 * EARTH_RADIUS * haversine.sqrt().min(1.0).asin()
}

fn distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let coordinates: Option<Vec<f64>> = arguments.iter().map(number).collect();
    match coordinates.as_deref() {
        Some([latitude1, longitude1, latitude2, longitude2])
            if latitude1.abs() <= 90.0
                && latitude2.abs() <= 90.0
                && longitude1.abs() <= 180.0
                && longitude2.abs() <= 180.0 =>
        {
            Value::float(great_circle(
                *latitude1,
                *longitude1,
                *latitude2,
                *longitude2,
            ))
        }
        _ => context.wrong_type(),
    }
}

/// Two numbers of an array.
fn pair(array: &Array) -> Option<(f64, f64)> {
    Some((number(&array.get(0)?)?, number(&array.get(1)?)?))
}

fn is_in_polygon(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::Array(polygon) = &arguments[0] else {
        return context.wrong_type();
    };
    let (point, longitude_first) = match &arguments[1] {
        Value::Array(coordinate) => (pair(coordinate), optional(arguments, 2).truthy()),
        latitude => (number(latitude).zip(number(optional(arguments, 2))), false),
    };
    let swap = |(a, b): (f64, f64)| if longitude_first { (b, a) } else { (a, b) };
    let corners: Option<Vec<(f64, f64)>> = polygon
        .iter()
        .map(|corner| corner.as_array().and_then(pair).map(swap))
        .collect();
    let (Some((latitude, longitude)), Some(corners)) = (point.map(swap), corners) else {
        return context.wrong_type();
    };
    // A ray from the point crosses the border an odd number of times if the point is inside.
    let previous = corners.iter().cycle().skip(corners.len().saturating_sub(1));
    let crossings = corners.iter().zip(previous).filter(|(a, b)| {
        (a.1 > longitude) != (b.1 > longitude)
            && latitude < (b.0 - a.0) * (longitude - a.1) / (b.1 - a.1) + a.0
    });
    Value::Bool(crossings.count() % 2 == 1)
}

fn geo_json(kind: &'static str, coordinates: Value) -> Value {
    Value::object([("type", Value::from(kind)), ("coordinates", coordinates)])
}

fn geo_point(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if !arguments.iter().all(Value::is_number) {
        return context.wrong_type();
    }
    geo_json("Point", Value::array(arguments))
}

/// The shape with these coordinates, if they are at least two parts that make one.
fn several(context: &mut CallContext<'_>, kind: &'static str, parts: &Value) -> Value {
    let shape = geo_json(kind, parts.clone());
    let enough = parts.as_array().is_some_and(|parts| parts.len() >= 2);
    if enough && Shape::read(&shape).is_some() {
        shape
    } else {
        context.wrong_type()
    }
}

fn geo_multipoint(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    several(context, "MultiPoint", &arguments[0])
}

fn geo_linestring(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match read_line(&arguments[0]) {
        Some(_) => geo_json("LineString", arguments[0].clone()),
        None => context.wrong_type(),
    }
}

fn geo_multilinestring(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    several(context, "MultiLineString", &arguments[0])
}

/// Rings whose last position is the first again; `None` if the value is not made of rings.
fn closed_rings(rings: &Value) -> Option<Value> {
    let close = |ring: Value| {
        let positions = ring.as_array()?;
        let (first, last) = (
            positions.get(0)?,
            positions.get(positions.len().checked_sub(1)?)?,
        );
        if first == last {
            return Some(ring);
        }
        Some(Value::array(positions.iter().chain([first])))
    };
    let rings: Option<Vec<Value>> = rings.as_array()?.iter().map(close).collect();
    rings.map(Value::from)
}

/// A polygon of closed rings, or a warning.
fn polygon_rings(context: &mut CallContext<'_>, rings: &Value) -> Option<Value> {
    let closed = closed_rings(rings);
    let polygon = closed.as_ref().and_then(Polygon::read);
    let (Some(closed), Some(polygon)) = (closed, polygon) else {
        context.wrong_type();
        return None;
    };
    if !polygon.is_simple() {
        not_a_shape(context);
        return None;
    }
    Some(closed)
}

fn geo_polygon(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    // A ring begins with a position, and that with a number.
    let first_number = arguments[0].index(&Value::Int(0)).index(&Value::Int(0));
    let rings = if first_number.is_number() {
        Value::array([&arguments[0]])
    } else {
        arguments[0].clone()
    };
    match polygon_rings(context, &rings) {
        Some(rings) => geo_json("Polygon", rings),
        None => Value::Null,
    }
}

fn geo_multipolygon(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(polygons) = arguments[0]
        .as_array()
        .filter(|polygons| polygons.len() >= 2)
    else {
        return context.wrong_type();
    };
    let mut closed = Vec::with_capacity(polygons.len());
    for polygon in polygons {
        match polygon_rings(context, &polygon) {
            Some(rings) => closed.push(rings),
            None => return Value::Null,
        }
    }
    geo_json("MultiPolygon", Value::from(closed))
}

/// Warning 1505; gives null.
fn not_a_shape(context: &mut CallContext<'_>) -> Value {
    let message = format!(
        "invalid geometry in call to function '{}()'",
        context.function_name()
    );
    context.warn(Code::InvalidGeoValue, message);
    Value::Null
}

/// The first two arguments as shapes, or warning 1505.
fn two_shapes(context: &mut CallContext<'_>, arguments: &[Value]) -> Option<(Shape, Shape)> {
    let shapes = Shape::read(&arguments[0]).zip(Shape::read(&arguments[1]));
    match shapes {
        Some((a, b)) if a.size().saturating_mul(b.size()) > PAIRS_MAX => {
            context.warn(
                Code::ResourceLimit,
                "shapes of too many positions to hold against one another",
            );
            None
        }
        None => {
            not_a_shape(context);
            None
        }
        shapes => shapes,
    }
}

/// Whether the ellipsoid is asked for; warns of an unknown one.
fn on_ellipsoid(context: &mut CallContext<'_>, value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::String(name) if name == "sphere" => Some(false),
        Value::String(name) if name == "wgs84" => Some(true),
        _ => {
            context.wrong_type();
            None
        }
    }
}

/// Metres between the centroids of the first two arguments.
fn metres(context: &mut CallContext<'_>, arguments: &[Value], ellipsoid: &Value) -> Option<f64> {
    let shapes = Shape::read(&arguments[0]).zip(Shape::read(&arguments[1]));
    let Some((a, b)) = shapes.and_then(|(a, b)| a.centroid().zip(b.centroid())) else {
        not_a_shape(context);
        return None;
    };
    Some(if on_ellipsoid(context, ellipsoid)? {
        Geodesic::wgs84().inverse(a.latitude, a.longitude, b.latitude, b.longitude)
    } else {
        great_circle(a.latitude, a.longitude, b.latitude, b.longitude)
    })
}

fn geo_distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    metres(context, arguments, optional(arguments, 2)).into()
}

fn geo_in_range(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (Some(low), Some(high)) = (number(&arguments[2]), number(&arguments[3])) else {
        return context.wrong_type();
    };
    let included = |position: usize| arguments.get(position).is_none_or(Value::truthy);
    let Some(metres) = metres(context, arguments, optional(arguments, 6)) else {
        return Value::Null;
    };
    let above = metres > low || (metres == low && included(4));
    let below = metres < high || (metres == high && included(5));
    Value::Bool(above && below)
}

fn geo_area(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(shape) = Shape::read(&arguments[0]) else {
        return not_a_shape(context);
    };
    match (on_ellipsoid(context, optional(arguments, 1)), &shape) {
        (None, _) => Value::Null,
        (Some(true), Shape::Polygons(polygons)) => {
            Value::float(polygons.iter().map(ellipsoid_area).sum())
        }
        (Some(_), shape) => Value::float(shape.area() * EARTH_RADIUS * EARTH_RADIUS),
    }
}

/// The place of a shape, for geo indexes.
pub(crate) fn place(value: &Value) -> Option<Place> {
    let shape = Shape::read(value)?;
    let middle = shape.centroid()?;
    Some(Place {
        latitude: middle.latitude,
        longitude: middle.longitude,
        radius: shape.reach(middle.point) * EARTH_RADIUS,
    })
}

/// Square metres of a polygon on the ellipsoid.
fn ellipsoid_area(polygon: &Polygon) -> f64 {
    let geodesic = Geodesic::wgs84();
    let ring_area = |positions: &[Position]| {
        let mut area = PolygonArea::new(&geodesic, Winding::CounterClockwise);
        for position in positions {
            area.add_point(position.latitude, position.longitude);
        }
        let (_, area, _) = area.compute(true);
        area.abs()
    };
    let mut areas = polygon
        .rings
        .iter()
        .map(|(positions, _)| ring_area(positions));
    areas.next().unwrap_or(0.0) - areas.sum::<f64>()
}

fn geo_contains(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some((a, b)) = two_shapes(context, arguments) else {
        return Value::Null;
    };
    match a.contains(&b) {
        Some(contains) => Value::Bool(contains),
        None => context.wrong_type(),
    }
}

fn geo_intersects(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    two_shapes(context, arguments)
        .map(|(a, b)| a.intersects(&b))
        .into()
}

fn geo_equals(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    two_shapes(context, arguments)
        .map(|(a, b)| a.same(&b))
        .into()
}
