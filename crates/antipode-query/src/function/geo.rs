//! Places on the earth, taken as a sphere.

use antipode_value::{Array, Value};

use super::argument::{number, optional};
use super::{CallContext, Function, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "DISTANCE",
        4,
        4,
        distance,
        "DISTANCE(latitude1, longitude1, latitude2, longitude2): metres along the great circle.\nROUND(DISTANCE(0, 0, 0, 1)) // 111195",
    ),
    pure(
        "IS_IN_POLYGON",
        2,
        3,
        is_in_polygon,
        "IS_IN_POLYGON(polygon, latitude, longitude) or (polygon, coordinate, longitudeFirst): whether a point lies in a plane polygon.\nIS_IN_POLYGON([[0, 0], [0, 10], [10, 10], [10, 0]], 4, 7) // true",
    ),
];

/// Radius of the sphere, in metres.
const EARTH_RADIUS: f64 = 6_371_000.0;

/// Metres along the great circle between two points given in degrees, by the haversine formula.
fn great_circle(latitude1: f64, longitude1: f64, latitude2: f64, longitude2: f64) -> f64 {
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
