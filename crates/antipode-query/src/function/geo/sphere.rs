//! Geometry on the unit sphere: points as vectors from its centre, edges as the shorter arcs of great circles.

/// A vector in space; of length 1 where it is a point of the sphere.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vector {
    x: f64,
    y: f64,
    z: f64,
}

/// Two points closer than this are one: a hundredth of a millimetre on the earth.
const TOUCHING: f64 = 1e-12;

impl Vector {
    /// The point of the sphere at a longitude and latitude in degrees.
    pub(super) fn of_degrees(longitude: f64, latitude: f64) -> Vector {
        let (lambda, phi) = (longitude.to_radians(), latitude.to_radians());
        Vector {
            x: phi.cos() * lambda.cos(),
            y: phi.cos() * lambda.sin(),
            z: phi.sin(),
        }
    }

    /// Longitude and latitude in degrees.
    pub(super) fn degrees(self) -> (f64, f64) {
        let latitude = self.z.atan2(self.x.hypot(self.y));
        (self.y.atan2(self.x).to_degrees(), latitude.to_degrees())
    }

    pub(super) fn plus(self, other: Vector) -> Vector {
        Vector {
            x: self.x + other.x,
            y: self.y + other.y,
            z: self.z + other.z,
        }
    }

    pub(super) fn times(self, factor: f64) -> Vector {
        Vector {
            x: self.x * factor,
            y: self.y * factor,
            z: self.z * factor,
        }
    }

    pub(super) fn dot(self, other: Vector) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn cross(self, other: Vector) -> Vector {
        Vector {
            x: self.y * other.z - self.z * other.y,
            y: self.z * other.x - self.x * other.z,
            z: self.x * other.y - self.y * other.x,
        }
    }

    pub(super) fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// The vector at length 1; `None` if it has no direction.
    pub(super) fn unit(self) -> Option<Vector> {
        let length = self.length();
        (length > TOUCHING).then(|| self.times(1.0 / length))
    }

    fn minus(self, other: Vector) -> Vector {
        self.plus(other.times(-1.0))
    }

    /// Whether two points are one.
    pub(super) fn touches(self, other: Vector) -> bool {
        self.minus(other).length() < TOUCHING
    }
}

/// Length of an arc in radians.
pub(super) fn arc_length(a: Vector, b: Vector) -> f64 {
    a.cross(b).length().atan2(a.dot(b))
}

/// Whether a point lies on an arc, its ends included.
pub(super) fn on_arc(point: Vector, a: Vector, b: Vector) -> bool {
    let Some(normal) = a.cross(b).unit() else {
        return point.touches(a);
    };
    normal.dot(point).abs() < TOUCHING
        && normal.dot(a.cross(point)) > -TOUCHING
        && normal.dot(point.cross(b)) > -TOUCHING
}

/// Whether two arcs cross at a point inside both.
pub(super) fn arcs_cross(a: Vector, b: Vector, c: Vector, d: Vector) -> bool {
    let (ab, cd) = (a.cross(b), c.cross(d));
    let sides = [-ab.dot(c), -cd.dot(b), ab.dot(d), cd.dot(a)];
    sides.iter().all(|side| *side > TOUCHING) || sides.iter().all(|side| *side < -TOUCHING)
}

/// Whether two arcs have a common point.
pub(super) fn arcs_meet(a: Vector, b: Vector, c: Vector, d: Vector) -> bool {
    arcs_cross(a, b, c, d)
        || on_arc(a, c, d)
        || on_arc(b, c, d)
        || on_arc(c, a, b)
        || on_arc(d, a, b)
}

/// A closed line whose inside is the smaller part of the sphere. It lies within the hemisphere around its centre, so
/// that projecting from the sphere's centre onto a plane makes its edges straight lines, and inside a plain question.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    corners: Vec<Vector>,
    centre: Vector,
    // Axes of the plane that touches the sphere at the centre.
    right: Vector,
    up: Vector,
    flat: Vec<(f64, f64)>,
}

impl Ring {
    /// The ring of these corners, of which the last is not the first again. `None` if it has no inside or does not fit
    /// a hemisphere.
    pub(super) fn new(corners: Vec<Vector>) -> Option<Ring> {
        if corners.len() < 3 {
            return None;
        }
        let mean = corners
            .iter()
            .fold(Vector::default(), |sum, corner| sum.plus(*corner));
        let moment = moment(&corners);
        // The moment points to the inside or away from it, depending on the way round.
        let centre = moment.times(moment.dot(mean).signum()).unit()?;
        let pole = if centre.z.abs() < 0.9 {
            Vector {
                x: 0.0,
                y: 0.0,
                z: 1.0,
            }
        } else {
            Vector {
                x: 1.0,
                y: 0.0,
                z: 0.0,
            }
        };
        let right = pole.cross(centre).unit()?;
        let up = centre.cross(right);
        let mut ring = Ring {
            corners,
            centre,
            right,
            up,
            flat: Vec::new(),
        };
        ring.flat = ring
            .corners
            .iter()
            .map(|corner| ring.project(*corner))
            .collect::<Option<_>>()?;
        Some(ring)
    }

    pub(super) fn corners(&self) -> &[Vector] {
        &self.corners
    }

    /// The edges, from corner to corner and back to the first.
    pub(super) fn edges(&self) -> impl Iterator<Item = (Vector, Vector)> + '_ {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().copied().zip(next.copied())
    }

    /// Where the line from the sphere's centre through a point meets the plane; `None` behind it.
    fn project(&self, point: Vector) -> Option<(f64, f64)> {
        let depth = point.dot(self.centre);
        (depth > TOUCHING).then(|| (point.dot(self.right) / depth, point.dot(self.up) / depth))
    }

    /// Whether a point lies on the line itself.
    pub(super) fn borders(&self, point: Vector) -> bool {
        self.edges().any(|(a, b)| on_arc(point, a, b))
    }

    /// Whether a point lies inside, the line not included.
    pub(super) fn encloses(&self, point: Vector) -> bool {
        let Some((x, y)) = self.project(point) else {
            return false;
        };
        let next = self.flat.iter().cycle().skip(1);
        // A ray from the point crosses the line an odd number of times if the point is inside.
        let crossings = self.flat.iter().zip(next).filter(|(a, b)| {
            (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0
        });
        crossings.count() % 2 == 1 && !self.borders(point)
    }

    /// Area of the inside on the unit sphere: the angles of the triangles from the centre to each edge.
    pub(super) fn area(&self) -> f64 {
        let excess = |(a, b): (Vector, Vector)| {
            let c = self.centre;
            2.0 * c
                .dot(a.cross(b))
                .atan2(1.0 + a.dot(b) + b.dot(c) + c.dot(a))
        };
        self.edges().map(excess).sum::<f64>().abs()
    }

    /// The mean of all points inside, times the area.
    pub(super) fn weight(&self) -> Vector {
        let moment = moment(&self.corners);
        moment.times(moment.dot(self.centre).signum())
    }

    /// Whether two edges cross, other than at a common corner.
    pub(super) fn crosses_itself(&self) -> bool {
        let edges: Vec<_> = self.edges().collect();
        edges.iter().enumerate().any(|(place, (a, b))| {
            edges
                .iter()
                .skip(place + 1)
                .any(|(c, d)| arcs_cross(*a, *b, *c, *d))
        })
    }
}

/// The integral of the position over the inside of a closed line: half the sum, over its edges, of each arc's length
/// times the normal of its plane.
fn moment(corners: &[Vector]) -> Vector {
    let next = corners.iter().cycle().skip(1);
    let edges = corners.iter().zip(next);
    let parts =
        edges.filter_map(|(a, b)| Some(a.cross(*b).unit()?.times(arc_length(*a, *b) / 2.0)));
    parts.fold(Vector::default(), Vector::plus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(corners: &[(f64, f64)]) -> Ring {
        let corners = corners
            .iter()
            .map(|(longitude, latitude)| Vector::of_degrees(*longitude, *latitude));
        Ring::new(corners.collect()).unwrap()
    }

    #[test]
    fn an_eighth_of_the_sphere_has_an_eighth_of_its_area() {
        for corners in [
            [(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)],
            [(0.0, 90.0), (90.0, 0.0), (0.0, 0.0)],
        ] {
            let octant = ring(&corners);
            assert!((octant.area() - std::f64::consts::FRAC_PI_2).abs() < 1e-12);
            let (longitude, latitude) = octant.weight().unit().unwrap().degrees();
            assert!((longitude - 45.0).abs() < 1e-9);
            assert!((latitude - (0.5_f64.sqrt()).atan().to_degrees()).abs() < 1e-9);
        }
    }

    #[test]
    fn edges_bend_as_great_circles_do() {
        let strip = ring(&[(0.0, 50.0), (80.0, 50.0), (80.0, 40.0), (0.0, 40.0)]);
        // North of the parallel, south of the great circle that bounds it.
        assert!(strip.encloses(Vector::of_degrees(40.0, 55.0)));
        assert!(!strip.encloses(Vector::of_degrees(40.0, 41.0)));
        assert!(!strip.encloses(Vector::of_degrees(40.0, -45.0)));
        assert!(!strip.encloses(Vector::of_degrees(-140.0, -45.0)));
    }

    #[test]
    fn the_date_line_and_the_poles_are_nothing_special() {
        let across = ring(&[
            (170.0, -10.0),
            (-170.0, -10.0),
            (-170.0, 10.0),
            (170.0, 10.0),
        ]);
        assert!(across.encloses(Vector::of_degrees(180.0, 0.0)));
        assert!(!across.encloses(Vector::of_degrees(0.0, 0.0)));
        let around = ring(&[(0.0, 80.0), (90.0, 80.0), (180.0, 80.0), (-90.0, 80.0)]);
        assert!(around.encloses(Vector::of_degrees(123.0, 89.0)));
    }

    #[test]
    fn arcs_meet_where_they_cross_or_touch() {
        let at = Vector::of_degrees;
        assert!(arcs_cross(
            at(-1.0, 0.0),
            at(1.0, 0.0),
            at(0.0, -1.0),
            at(0.0, 1.0)
        ));
        assert!(!arcs_meet(
            at(-1.0, 0.0),
            at(1.0, 0.0),
            at(179.0, -1.0),
            at(179.0, 1.0)
        ));
        assert!(!arcs_cross(
            at(0.0, 0.0),
            at(1.0, 0.0),
            at(0.0, 0.0),
            at(0.0, 1.0)
        ));
        assert!(arcs_meet(
            at(0.0, 0.0),
            at(1.0, 0.0),
            at(0.0, 0.0),
            at(0.0, 1.0)
        ));
    }
}
