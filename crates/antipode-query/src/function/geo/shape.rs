//! Shapes on the earth: reading GeoJSON, and the questions that are asked of shapes.

use std::f64::consts::{FRAC_PI_2, PI};

use antipode_value::{Array, Value};

use super::sphere::{Ring, Vector, arc_length, arcs_cross, arcs_meet, on_arc};
use crate::function::argument::number;

/// Most positions of one shape.
const POSITIONS_MAX: usize = 100_000;
/// Rings of more corners are not searched for crossings with themselves, which takes their square.
const CHECKED_CORNERS_MAX: usize = 5_000;

/// Longitude and latitude in degrees, and the point itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
    pub(super) point: Vector,
}

/// The inside of a first ring without that of the others.
#[derive(Clone, Debug)]
pub(super) struct Polygon {
    pub(super) rings: Vec<(Vec<Position>, Ring)>,
}

/// A geometry of GeoJSON.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Points(Vec<Position>),
    Lines(Vec<Vec<Position>>),
    Polygons(Vec<Polygon>),
}

impl Position {
    fn read(value: &Value) -> Option<Position> {
        let array = value
            .as_array()
            .filter(|array| (2..=3).contains(&array.len()))?;
        let longitude = number(&array.get(0)?)?;
        let latitude = number(&array.get(1)?)?;
        (longitude.abs() <= 180.0 && latitude.abs() <= 90.0).then(|| Position {
            longitude,
            latitude,
            point: Vector::of_degrees(longitude, latitude),
        })
    }
}

/// Each element read by `part`, at least `least` of them.
fn list<T>(value: &Value, least: usize, part: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    let array: &Array = value.as_array()?;
    if !(least..=POSITIONS_MAX).contains(&array.len()) {
        return None;
    }
    array.iter().map(|item| part(&item)).collect()
}

pub(super) fn read_line(value: &Value) -> Option<Vec<Position>> {
    list(value, 2, Position::read)
}

impl Polygon {
    /// Reads rings; one that is not closed is closed.
    pub(super) fn read(value: &Value) -> Option<Polygon> {
        let rings = list(value, 1, |ring| {
            let mut positions = list(ring, 3, Position::read)?;
            let closed = positions
                .first()
                .zip(positions.last())
                .is_some_and(|(first, last)| first == last);
            if closed {
                positions.pop();
            }
            let ring = Ring::new(positions.iter().map(|position| position.point).collect())?;
            Some((positions, ring))
        })?;
        Some(Polygon { rings })
    }

    /// Whether no ring crosses itself.
    pub(super) fn is_simple(&self) -> bool {
        let small = |ring: &&Ring| ring.corners().len() <= CHECKED_CORNERS_MAX;
        !self
            .rings
            .iter()
            .map(|(_, ring)| ring)
            .filter(small)
            .any(Ring::crosses_itself)
    }

    fn edges(&self) -> impl Iterator<Item = (Vector, Vector)> + '_ {
        self.rings.iter().flat_map(|(_, ring)| ring.edges())
    }

    /// Whether a point lies inside or on a border.
    fn contains_point(&self, point: Vector) -> bool {
        let Some(((_, outer), holes)) = self.rings.split_first() else {
            return false;
        };
        (outer.encloses(point) || outer.borders(point))
            && !holes.iter().any(|(_, hole)| hole.encloses(point))
    }

    /// Whether a whole arc lies inside.
    fn contains_arc(&self, a: Vector, b: Vector) -> bool {
        let middle = a.plus(b).unit().unwrap_or(a);
        [a, middle, b]
            .iter()
            .all(|point| self.contains_point(*point))
            && !self.edges().any(|(c, d)| arcs_cross(a, b, c, d))
    }

    fn contains_polygon(&self, other: &Polygon) -> bool {
        let Some((_, outer)) = other.rings.first() else {
            return false;
        };
        // A hole of this one may not lie in the flesh of the other.
        let holed = self.rings.iter().skip(1).any(|(_, hole)| {
            let inside = |corner: &Vector| other.contains_point(*corner) && !outer.borders(*corner);
            hole.corners().iter().all(inside)
        });
        !holed && outer.edges().all(|(a, b)| self.contains_arc(a, b))
    }

    fn area(&self) -> f64 {
        let mut areas = self.rings.iter().map(|(_, ring)| ring.area());
        areas.next().unwrap_or(0.0) - areas.sum::<f64>()
    }

    fn weight(&self) -> Vector {
        let mut weights = self.rings.iter().map(|(_, ring)| ring.weight());
        let outer = weights.next().unwrap_or_default();
        weights.fold(outer, |sum, hole| sum.plus(hole.times(-1.0)))
    }
}

impl Shape {
    /// Reads a position `[longitude, latitude]` or a GeoJSON object; `None` if it is neither.
    pub(super) fn read(value: &Value) -> Option<Shape> {
        if let Value::Array(_) = value {
            return Some(Shape::Points(vec![Position::read(value)?]));
        }
        let object = value.as_object()?;
        let coordinates = object.get("coordinates")?;
        let shape = match object.get("type")?.as_str()? {
            "Point" => Shape::Points(vec![Position::read(&coordinates)?]),
            "MultiPoint" => Shape::Points(list(&coordinates, 1, Position::read)?),
            "LineString" => Shape::Lines(vec![read_line(&coordinates)?]),
            "MultiLineString" => Shape::Lines(list(&coordinates, 1, read_line)?),
            "Polygon" => Shape::Polygons(vec![Polygon::read(&coordinates)?]),
            "MultiPolygon" => Shape::Polygons(list(&coordinates, 1, Polygon::read)?),
            _ => return None,
        };
        (shape.size() <= POSITIONS_MAX).then_some(shape)
    }

    /// Number of positions.
    pub(super) fn size(&self) -> usize {
        match self {
            Shape::Points(points) => points.len(),
            Shape::Lines(lines) => lines.iter().map(Vec::len).sum(),
            Shape::Polygons(polygons) => polygons
                .iter()
                .flat_map(|polygon| &polygon.rings)
                .map(|(positions, _)| positions.len())
                .sum(),
        }
    }

    /// The middle: of points, of the length of lines, or of the area of polygons.
    pub(super) fn centroid(&self) -> Option<Position> {
        if let Shape::Points(points) = self
            && let [only] = points.as_slice()
        {
            return Some(*only);
        }
        let sum = match self {
            Shape::Points(points) => points
                .iter()
                .fold(Vector::default(), |sum, position| sum.plus(position.point)),
            Shape::Lines(_) => self.arcs().fold(Vector::default(), |sum, (a, b)| {
                let middle = a.plus(b);
                // The mean of an arc, times its length.
                let weight = if middle.length() > 0.0 {
                    2.0 * (arc_length(a, b) / 2.0).sin() / middle.length()
                } else {
                    0.0
                };
                sum.plus(middle.times(weight))
            }),
            Shape::Polygons(polygons) => polygons
                .iter()
                .fold(Vector::default(), |sum, polygon| sum.plus(polygon.weight())),
        };
        let point = sum.unit()?;
        let (longitude, latitude) = point.degrees();
        Some(Position {
            longitude,
            latitude,
            point,
        })
    }

    /// The angle around a point within which the whole shape lies. Within a quarter of the way round, a circle holds
    /// the arcs between points that it holds, and the smaller side of a ring; beyond that it holds everything.
    pub(super) fn reach(&self, middle: Vector) -> f64 {
        let farthest = self
            .positions()
            .map(|point| arc_length(middle, point))
            .fold(0.0, f64::max);
        // Rounding must not leave a corner outside.
        let farthest = if farthest > 0.0 { farthest + 1e-9 } else { 0.0 };
        if farthest < FRAC_PI_2 { farthest } else { PI }
    }

    /// Area on the unit sphere; 0 of points and lines.
    pub(super) fn area(&self) -> f64 {
        match self {
            Shape::Polygons(polygons) => polygons.iter().map(Polygon::area).sum(),
            Shape::Points(_) | Shape::Lines(_) => 0.0,
        }
    }

    /// The arcs of lines and borders.
    fn arcs(&self) -> Box<dyn Iterator<Item = (Vector, Vector)> + '_> {
        match self {
            Shape::Points(_) => Box::new(std::iter::empty()),
            Shape::Lines(lines) => Box::new(
                lines
                    .iter()
                    .flat_map(|line| line.windows(2))
                    .map(|pair| (pair[0].point, pair[1].point)),
            ),
            Shape::Polygons(polygons) => Box::new(polygons.iter().flat_map(Polygon::edges)),
        }
    }

    fn positions(&self) -> Box<dyn Iterator<Item = Vector> + '_> {
        match self {
            Shape::Points(points) => Box::new(points.iter().map(|position| position.point)),
            Shape::Lines(lines) => Box::new(lines.iter().flatten().map(|position| position.point)),
            Shape::Polygons(polygons) => Box::new(
                polygons
                    .iter()
                    .flat_map(|polygon| &polygon.rings)
                    .flat_map(|(_, ring)| ring.corners())
                    .copied(),
            ),
        }
    }

    fn contains_point(&self, point: Vector) -> bool {
        match self {
            Shape::Points(points) => points.iter().any(|position| position.point.touches(point)),
            Shape::Lines(_) => self.arcs().any(|(a, b)| on_arc(point, a, b)),
            Shape::Polygons(polygons) => {
                polygons.iter().any(|polygon| polygon.contains_point(point))
            }
        }
    }

    /// Whether two shapes have a common point.
    pub(super) fn intersects(&self, other: &Shape) -> bool {
        self.positions().any(|point| other.contains_point(point))
            || other.positions().any(|point| self.contains_point(point))
            || self
                .arcs()
                .any(|(a, b)| other.arcs().any(|(c, d)| arcs_meet(a, b, c, d)))
    }

    /// Whether polygons contain every point of another shape; `None` if this is no polygon. Each part of the other must
    /// lie in one polygon of this.
    pub(super) fn contains(&self, other: &Shape) -> Option<bool> {
        let Shape::Polygons(polygons) = self else {
            return None;
        };
        let in_one = |test: &dyn Fn(&Polygon) -> bool| polygons.iter().any(test);
        Some(match other {
            Shape::Points(points) => points
                .iter()
                .all(|position| self.contains_point(position.point)),
            Shape::Lines(lines) => lines.iter().all(|line| {
                let mut arcs = line.windows(2);
                in_one(&|polygon| {
                    arcs.clone()
                        .all(|pair| polygon.contains_arc(pair[0].point, pair[1].point))
                }) && arcs.next().is_some()
            }),
            Shape::Polygons(others) => others
                .iter()
                .all(|other| in_one(&|polygon| polygon.contains_polygon(other))),
        })
    }

    /// Whether two shapes are the same; a ring may begin anywhere and go either way round.
    pub(super) fn same(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Points(a), Shape::Points(b)) => a == b,
            (Shape::Lines(a), Shape::Lines(b)) => a == b,
            (Shape::Polygons(a), Shape::Polygons(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| {
                        let rings = a.rings.iter().zip(&b.rings);
                        a.rings.len() == b.rings.len()
                            && rings.into_iter().all(|(a, b)| same_ring(&a.0, &b.0))
                    })
            }
            _ => false,
        }
    }
}

fn same_ring(a: &[Position], b: &[Position]) -> bool {
    let Some(start) = a
        .first()
        .and_then(|first| b.iter().position(|position| position == first))
    else {
        return false;
    };
    let forward = b.iter().cycle().skip(start).take(b.len());
    // The first stays the first, the others turn around.
    let backward = b
        .iter()
        .rev()
        .cycle()
        .skip(b.len() - 1 - start)
        .take(b.len());
    a.len() == b.len() && (a.iter().eq(forward) || a.iter().eq(backward))
}
