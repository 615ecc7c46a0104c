//! Geo entries: each document once, by the cell of the sphere in which its middle lies, apart by the size of its shape.
//!
//! Cells are those of the S2 library: the six sides of a cube, each split in four again and again along a Hilbert curve, so
//! that what is near on the earth is mostly near in the order of cells. A circle is covered by a few cells, and these
//! are ranges of entries. Whoever wants the nearest first looks at growing rings: each ring is the covering of its outer circle
//! without what was nearer, and since radii double, all rings together cost little more than the last.
//!
//! A shape is found by the circle around it: those of one class have radii within a factor of two, so a search for what
//! *touches* a circle looks as much farther as the class says.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use antipode_clock::codec::{Reader, Writer};
use antipode_query::index::place::{self, FARTHEST, Place};
use antipode_query::index::{GeoOrder, GeoRead, IndexInfo};
use antipode_query::{Scan, SourceError};
use antipode_store::keyspace::{DocumentKey, IndexKey};
use antipode_store::record::{IndexRow, Record as _};
use antipode_store::{Cursor, Direction, IndexId, KeyRange, RecordError, Space};
use antipode_value::{Str, Value};
use bytes::Bytes;
use s2::cap::Cap;
use s2::cellid::CellID;
use s2::latlng::LatLng;
use s2::point::Point;
use s2::region::RegionCoverer;
use s2::s1::{Angle, Rad};

use super::registry::IndexEntry;
use crate::catalog::CollectionEntry;
use crate::session::{OpenTransaction, store_failed};
use crate::stored;

/// Documents without a place.
const UNPLACED: u8 = 0;
/// Points.
const POINT: u8 = 1;
/// Shapes whose radius is less than a metre; each further class is twice as large.
const SHAPE: u8 = 2;
/// No shape is larger than half the way around the earth, which is less than 2^25 metres.
const CLASS_MAX: u8 = SHAPE + 25;

/// Cells that cover one circle, at most.
const CELLS_MAX: usize = 12;
/// Radius of the first ring, in metres.
const FIRST_RING: f64 = 1_000.0;
/// Circles are covered with so much to spare, since two formulas for one distance differ by less.
const SPARE: f64 = 2.0;
/// Rows that one look at a range takes when the order does not matter.
const ROWS_AT_ONCE: usize = 512;

/// The entry of a document, and what stands behind it.
pub(crate) fn entry(info: &IndexInfo, document: &Value) -> (Vec<u8>, Bytes) {
    let Some(place) = place::place_of(info, document) else {
        return (sorted_by(UNPLACED, 0), Bytes::new());
    };
    let cell = CellID::from(LatLng::from_degrees(place.latitude, place.longitude));
    let mut content = Writer::new();
    for number in [place.latitude, place.longitude, place.radius] {
        content.u64_fixed(number.to_bits());
    }
    (
        sorted_by(class_of(place.radius), cell.0),
        content.into_bytes().into(),
    )
}

fn sorted_by(class: u8, cell: u64) -> Vec<u8> {
    let mut bytes = vec![class];
    bytes.extend_from_slice(&cell.to_be_bytes());
    bytes
}

fn class_of(radius: f64) -> u8 {
    if radius <= 0.0 {
        return POINT;
    }
    let mut class = SHAPE;
    while class < CLASS_MAX && radius >= reach(class) {
        class += 1;
    }
    class
}

/// No shape of a class has a radius of this or more.
fn reach(class: u8) -> f64 {
    match class {
        UNPLACED | POINT => 0.0,
        class => f64::from(class - SHAPE).exp2(),
    }
}

fn place_in(row: &IndexRow) -> Result<Place, RecordError> {
    let mut input = Reader::new(&row.content);
    let mut number = || input.u64_fixed("place").map(f64::from_bits);
    Ok(Place {
        latitude: number()?,
        longitude: number()?,
        radius: number()?,
    })
}

/// The ranges of entries of a class within `radius` metres of a point, and some more.
fn ranges(
    index: IndexId,
    class: u8,
    (latitude, longitude): (f64, f64),
    radius: f64,
) -> Vec<KeyRange> {
    let angle = (radius + SPARE) / FARTHEST * std::f64::consts::PI;
    if angle >= std::f64::consts::PI {
        return vec![IndexKey::beginning(index, &[class])];
    }
    let center = Point::from(LatLng::from_degrees(latitude, longitude));
    let cap = Cap::from_center_angle(&center, &Angle::from(Rad(angle)));
    let coverer = RegionCoverer {
        min_level: 0,
        max_level: 30,
        level_mod: 1,
        max_cells: CELLS_MAX,
    };
    let cells = coverer.covering(&cap).0;
    let cells = cells.iter().map(|cell| {
        let start = IndexKey::prefix(index, &sorted_by(class, cell.range_min().0));
        let last = IndexKey::prefix(index, &sorted_by(class, cell.range_max().0));
        // Cells are odd numbers, so the next one is no cell and no entry lies behind it.
        match antipode_store::after_prefix(&last) {
            Some(end) => KeyRange::between(start, end),
            None => KeyRange::from(start),
        }
    });
    cells.collect()
}

/// A row of the index as it is held against the question.
struct Candidate {
    distance: f64,
    key: Str,
}

enum Stage {
    /// Documents without a place.
    Unplaced(KeyRange),
    /// In any order: ranges that are left, each with its class.
    Ranges(VecDeque<KeyRange>),
    /// In order: how far from the point (or from its antipode) everything has been seen, and the width of the next ring.
    Rings {
        seen: f64,
        width: f64,
    },
    Over,
}

/// A reading of a geo index.
pub(crate) struct GeoScan<'a> {
    transaction: &'a OpenTransaction,
    entry: &'a CollectionEntry,
    index: Arc<IndexEntry>,
    read: GeoRead,
    classes: Vec<u8>,
    stage: Stage,
    cursor: Option<Box<dyn Cursor + 'a>>,
    ready: VecDeque<Str>,
}

impl<'a> GeoScan<'a> {
    pub fn open(
        transaction: &'a OpenTransaction,
        entry: &'a CollectionEntry,
        index: Arc<IndexEntry>,
        read: GeoRead,
    ) -> Result<Self, SourceError> {
        let mut scan = Self {
            transaction,
            entry,
            read,
            classes: Vec::new(),
            stage: Stage::Over,
            cursor: None,
            ready: VecDeque::new(),
            index,
        };
        scan.classes = scan.used_classes()?;
        let unplaced_first = read.unplaced && read.order != GeoOrder::FarthestFirst;
        scan.stage = if unplaced_first {
            Stage::Unplaced(scan.unplaced())
        } else {
            scan.placed()
        };
        Ok(scan)
    }

    /// The classes that have entries.
    fn used_classes(&self) -> Result<Vec<u8>, SourceError> {
        let snapshot = &self.transaction.snapshot;
        let range = IndexKey::range(self.index.id);
        let mut cursor = snapshot.scan(Space::Index, range, Direction::Forward);
        let mut classes = Vec::new();
        let mut from = POINT;
        while from <= CLASS_MAX {
            cursor.seek(&IndexKey::prefix(self.index.id, &[from]));
            let Some((key, _)) = cursor.next().map_err(store_failed)? else {
                break;
            };
            let Some(class) = key.get(8).copied() else {
                break;
            };
            classes.push(class);
            from = class.saturating_add(1);
        }
        Ok(classes)
    }

    fn unplaced(&self) -> KeyRange {
        IndexKey::beginning(self.index.id, &[UNPLACED])
    }

    /// How far the middle of a shape of a class may be away.
    fn limit(&self, class: u8) -> f64 {
        let reach = if self.read.touching {
            reach(class)
        } else {
            0.0
        };
        self.read.most + reach
    }

    /// The beginning of the search among documents that have a place.
    fn placed(&self) -> Stage {
        let all = self.classes.iter().map(|class| self.limit(*class));
        let limit = all.fold(0.0, f64::max).min(FARTHEST);
        let seen = match self.read.order {
            GeoOrder::Any => {
                let classes = self.classes.iter();
                let point = (self.read.latitude, self.read.longitude);
                let ranges = classes
                    .flat_map(|class| ranges(self.index.id, *class, point, self.limit(*class)));
                return Stage::Ranges(ranges.collect());
            }
            GeoOrder::NearestFirst => self.read.least,
            GeoOrder::FarthestFirst => FARTHEST - limit,
        };
        Stage::Rings {
            seen: (seen - SPARE).max(-SPARE),
            width: FIRST_RING.max(seen),
        }
    }

    /// Whether a row is asked for, and how far it is.
    fn asked(&self, place: Place) -> Option<f64> {
        let distance = place.distance(self.read.latitude, self.read.longitude);
        let nearest = if self.read.touching {
            distance - place.radius
        } else {
            distance
        };
        (distance >= self.read.least && nearest <= self.read.most).then_some(distance)
    }

    /// Looks on until there are keys to be delivered or the search is over.
    fn look(&mut self) -> Result<(), SourceError> {
        while self.ready.is_empty() {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over => return Ok(()),
                Stage::Unplaced(range) => {
                    let ended = self.take_rows(range.clone())?;
                    self.stage = match (ended, self.read.order) {
                        (false, _) => Stage::Unplaced(range),
                        (true, GeoOrder::FarthestFirst) => Stage::Over,
                        (true, _) => self.placed(),
                    };
                }
                Stage::Ranges(mut ranges) => {
                    let Some(range) = ranges.front().cloned() else {
                        continue;
                    };
                    if self.take_rows(range)? {
                        ranges.pop_front();
                    }
                    self.stage = Stage::Ranges(ranges);
                }
                Stage::Rings { seen, width } => self.stage = self.ring(seen, width)?,
            }
        }
        Ok(())
    }

    /// Takes some rows of a range in the order of keys; whether the range has ended.
    fn take_rows(&mut self, range: KeyRange) -> Result<bool, SourceError> {
        let snapshot = &self.transaction.snapshot;
        let mut cursor = self
            .cursor
            .take()
            .unwrap_or_else(|| snapshot.scan(Space::Index, range, Direction::Forward));
        for _ in 0..ROWS_AT_ONCE {
            let Some((key, row)) = cursor.next().map_err(store_failed)? else {
                return Ok(true);
            };
            let (class, place, key) = opened(key, row)?;
            if class == UNPLACED || place.is_some_and(|place| self.asked(place).is_some()) {
                self.ready.push_back(key);
            }
        }
        self.cursor = Some(cursor);
        Ok(false)
    }

    /// Looks at the next ring, and says which one follows.
    fn ring(&mut self, seen: f64, width: f64) -> Result<Stage, SourceError> {
        if seen > FARTHEST {
            return Ok(match self.read.order {
                GeoOrder::FarthestFirst if self.read.unplaced => Stage::Unplaced(self.unplaced()),
                _ => Stage::Over,
            });
        }
        let farthest = self.read.order == GeoOrder::FarthestFirst;
        let (latitude, longitude) = (self.read.latitude, self.read.longitude);
        let center = if farthest {
            let opposite = if longitude > 0.0 { -180.0 } else { 180.0 };
            (-latitude, longitude + opposite)
        } else {
            (latitude, longitude)
        };
        let outer = seen + width;
        let mut found: Vec<Candidate> = Vec::new();
        let mut more = false;
        for class in self.classes.clone() {
            // How far rows of this class can be asked for, seen from the center of the rings.
            let last = if farthest {
                FARTHEST - self.read.least
            } else {
                self.limit(class).min(FARTHEST)
            };
            more |= outer < last + SPARE;
            if last + SPARE < seen {
                continue;
            }
            for range in ranges(self.index.id, class, center, outer.min(last + SPARE)) {
                self.gather(range, (seen, outer), farthest, &mut found)?;
            }
        }
        found.sort_by(|a, b| {
            let by_distance = a.distance.total_cmp(&b.distance);
            let by_distance = if farthest {
                by_distance.reverse()
            } else {
                by_distance
            };
            by_distance.then_with(|| a.key.cmp(&b.key))
        });
        let width = match found.len().cmp(&0) {
            Ordering::Equal => width * 4.0,
            _ => width * 2.0,
        };
        self.ready.extend(found.into_iter().map(|row| row.key));
        let seen = if more { outer } else { f64::INFINITY };
        Ok(Stage::Rings { seen, width })
    }

    fn gather(
        &self,
        range: KeyRange,
        (seen, outer): (f64, f64),
        farthest: bool,
        found: &mut Vec<Candidate>,
    ) -> Result<(), SourceError> {
        let snapshot = &self.transaction.snapshot;
        let mut cursor = snapshot.scan(Space::Index, range, Direction::Forward);
        while let Some((key, row)) = cursor.next().map_err(store_failed)? {
            let (_, Some(place), key) = opened(key, row)? else {
                continue;
            };
            let Some(distance) = self.asked(place) else {
                continue;
            };
            let from_center = if farthest {
                FARTHEST - distance
            } else {
                distance
            };
            if seen < from_center && from_center <= outer {
                found.push(Candidate { distance, key });
            }
        }
        Ok(())
    }
}

/// Class, place and document of a row.
fn opened(store_key: &[u8], row: &[u8]) -> Result<(u8, Option<Place>, Str), SourceError> {
    let at = |error: RecordError| store_failed(error.at(Space::Index, store_key));
    let row = IndexRow::open(row).map_err(at)?;
    let key = IndexKey::decode(store_key, row.key_bytes as usize).map_err(at)?;
    let class = key.entry.first().copied().unwrap_or(UNPLACED);
    let place = match class {
        UNPLACED => None,
        _ => Some(place_in(&row).map_err(at)?),
    };
    Ok((class, place, Str::from(key.key)))
}

impl Scan for GeoScan<'_> {
    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>) -> Result<bool, SourceError> {
        self.look()?;
        let count = self.ready.len().min(max.max(1));
        let keys: Vec<Str> = self.ready.drain(..count).collect();
        let store_keys: Vec<Vec<u8>> = keys
            .iter()
            .map(|key| {
                let collection = self.entry.id;
                DocumentKey { collection, key }.encode()
            })
            .collect();
        let borrowed: Vec<&[u8]> = store_keys.iter().map(Vec::as_slice).collect();
        let snapshot = &self.transaction.snapshot;
        let records = snapshot
            .get_many(Space::Documents, &borrowed)
            .map_err(store_failed)?;
        for ((key, store_key), record) in keys.iter().zip(&store_keys).zip(records) {
            let Some(record) = record else { continue };
            let seen = stored::seen(store_key, &record, &*self.transaction.numbers);
            let seen = seen.map_err(store_failed)?;
            out.extend(self.transaction.present(self.entry, key, seen));
        }
        Ok(!self.ready.is_empty() || !matches!(self.stage, Stage::Over))
    }
}
