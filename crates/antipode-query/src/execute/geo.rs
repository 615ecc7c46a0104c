//! The reading of a geo index that a loop asks for.

use antipode_value::Value;

use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::expression::Expression;
use crate::index::place;
use crate::index::{GeoOrder, GeoRead};
use crate::plan::{GeoAccess, GeoOrigin};

/// Evaluates what is asked of a geo index; none if the origin is nowhere on the earth: then every distance is null, and
/// the conditions behind the loop say what they say of that.
pub(super) fn reading<'a>(
    access: &'a GeoAccess,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Option<GeoRead>> {
    let (origin, touching) = match &access.origin {
        GeoOrigin::Point(latitude, longitude) => {
            let latitude = evaluate(latitude, row, run)?;
            let longitude = evaluate(longitude, row, run)?;
            (place::point(&latitude, &longitude), false)
        }
        GeoOrigin::Middle(shape) => (place::shape(&evaluate(shape, row, run)?), false),
        GeoOrigin::Touching(shape) => (place::shape(&evaluate(shape, row, run)?), true),
    };
    // What is no number bounds no distance; the condition says what it means.
    let mut bound = |bound: &'a Option<Expression>| match bound {
        None => Ok(None),
        Some(bound) => evaluate(bound, row, run).map(|value| value.as_float()),
    };
    let (least, most) = (bound(&access.least)?, bound(&access.most)?);
    Ok(origin.map(|origin| GeoRead {
        index: access.index.id,
        latitude: origin.latitude,
        longitude: origin.longitude,
        least: least.unwrap_or(0.0),
        most: match most {
            Some(most) => most,
            None if touching => origin.radius,
            None => f64::INFINITY,
        },
        touching,
        order: match access.nearest_first {
            None => GeoOrder::Any,
            Some(true) => GeoOrder::NearestFirst,
            Some(false) => GeoOrder::FarthestFirst,
        },
        // No null is above a number, and none touches a shape.
        unplaced: least.is_none() && !touching,
    }))
}
