//! Where a document lies on the earth: the middle of its shape, and a circle around it that holds the shape.
//!
//! A circle knows nothing of date line and poles, and two circles touch if their middles are no farther apart than the
//! sum of their radii: so candidates for any question about shapes are found by distance alone.

use antipode_value::Value;

use super::{IndexInfo, IndexKind};
use crate::function::geo;

/// Half the way around the earth, in metres: no two points are farther apart.
pub const FARTHEST: f64 = geo::EARTH_RADIUS * std::f64::consts::PI;

/// The place of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Latitude of the middle, in degrees.
    pub latitude: f64,
    /// Longitude of the middle, in degrees.
    pub longitude: f64,
    /// Metres from the middle within which the whole shape lies; 0 for a point.
    pub radius: f64,
}

impl Place {
    /// Metres from the middle to a point, as `DISTANCE` and `GEO_DISTANCE` compute them, to the last bit.
    pub fn distance(&self, latitude: f64, longitude: f64) -> f64 {
        distance(self.latitude, self.longitude, latitude, longitude)
    }
}

/// Metres along the great circle.
pub fn distance(latitude1: f64, longitude1: f64, latitude2: f64, longitude2: f64) -> f64 {
    geo::great_circle(latitude1, longitude1, latitude2, longitude2)
}

/// A place from a latitude and a longitude, if they are on the earth.
pub fn point(latitude: &Value, longitude: &Value) -> Option<Place> {
    let (latitude, longitude) = (latitude.as_float()?, longitude.as_float()?);
    (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some(Place {
        latitude,
        longitude,
        radius: 0.0,
    })
}

/// The place of a shape: `[longitude, latitude]` or GeoJSON.
pub fn shape(value: &Value) -> Option<Place> {
    geo::place(value)
}

/// The place of a document in a geo index; none for a document that has no entry but as one without a place.
pub fn place_of(index: &IndexInfo, document: &Value) -> Option<Place> {
    match (index.kind, index.fields.as_slice()) {
        (IndexKind::Geo { .. }, [latitude, longitude]) => {
            point(&latitude.value(document), &longitude.value(document))
        }
        (IndexKind::Geo { geo_json: true }, [field]) => shape(&field.value(document)),
        (IndexKind::Geo { geo_json: false }, [field]) => {
            let value = field.value(document);
            let pair = value.as_array()?;
            point(&pair.get(0)?, &pair.get(1)?)
        }
        _ => None,
    }
}
