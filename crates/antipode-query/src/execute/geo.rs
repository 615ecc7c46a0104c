//! The reading of a geo index that a loop asks for.

use antipode_value::Value;

use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::index::place::{self, FARTHEST};
use crate::index::{GeoOrder, GeoRead};
use crate::plan::{GeoAccess, GeoOrigin};

/// Evaluates what is asked of a geo index. Where the origin is nowhere, everything comes, and the conditions that stay
/// behind the loop say what they say of that.
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
    let mut bounds = [None, None];
    for (bound, expression) in bounds.iter_mut().zip([&access.least, &access.most]) {
        if let Some(expression) = expression {
            *bound = Some(evaluate(expression, row, run)?);
        }
    }
    let [least, most] = bounds;
    let _ = (least, most, touching, FARTHEST);
    Ok(origin.map(|origin| GeoRead {
        index: access.index.id,
        latitude: origin.latitude,
        longitude: origin.longitude,
        least: 0.0,
        most: f64::INFINITY,
        touching,
        order: GeoOrder::Any,
        unplaced: true,
    }))
}
