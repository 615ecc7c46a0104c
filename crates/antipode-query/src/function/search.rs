//! Functions that answer from an index alone: FULLTEXT, NEAR, WITHIN, WITHIN_RECTANGLE. Without a fitting index they end
//! the query with 1571 or 1570; a wrong argument ends it with 1542.

use std::collections::BTreeSet;

use antipode_value::{Str, Value};

use super::argument::optional;
use super::{CallContext, Function, volatile};
use crate::error::{Code, QueryError, Result};
use crate::index::place::{self, FARTHEST, Place};
use crate::index::{GeoOrder, GeoRead, IndexInfo, IndexKind, words};
use crate::source::{CollectionInfo, Transaction};

pub(super) const FUNCTIONS: &[Function] = &[
    volatile(
        "FULLTEXT",
        3,
        4,
        fulltext,
        "FULLTEXT(collection, attribute, query, limit): documents whose attribute has the words of the query, by a fulltext index. Words are separated by commas; `prefix:` before a word finds words that begin so, `|` adds to what was found before, `-` takes from it.\n\
         - collection: bare name, or text\n\
         - attribute: text\n\
         - query: text\n\
         - limit: number; all if left out, null or 0\n\
         > array\n\
         ! A wrong type is error 1542, an unknown collection error 1203, a missing index error 1571.\n\
         FULLTEXT(users, \"name\", \"ada\")[*]._key // [\"ada\"]\n\
         FULLTEXT(users, \"name\", \"prefix:be,|ada\")[*].name // [\"Ada\",\"Ben\"]",
    ),
    volatile(
        "NEAR",
        3,
        5,
        near,
        "NEAR(collection, latitude, longitude, limit, distanceName): the documents nearest to a point, at most 100 unless told otherwise, nearest first, by a geo index. distanceName names an attribute for the metres.\n\
         - collection: bare name, or text\n\
         - latitude: number\n\
         - longitude: number\n\
         - limit: number; 100 if left out or null\n\
         - distanceName: text\n\
         > array\n\
         ! A place that is not on the earth is warning 1505, and nothing is found. A wrong type is error 1542, an unknown collection error 1203, a missing index error 1570.\n\
         NEAR(places, 52, 13, 1)[*]._key // [\"berlin\"]\n\
         ROUND(NEAR(places, 52, 13, 1, \"metres\")[0].metres) // 61907",
    ),
    volatile(
        "WITHIN",
        4,
        5,
        within,
        "WITHIN(collection, latitude, longitude, radius, distanceName): the documents at most so many metres from a point, nearest first, by a geo index. distanceName names an attribute for the metres.\n\
         - collection: bare name, or text\n\
         - latitude: number\n\
         - longitude: number\n\
         - radius: number, in metres\n\
         - distanceName: text\n\
         > array\n\
         ! A place that is not on the earth is warning 1505, and nothing is found. A wrong type is error 1542, an unknown collection error 1203, a missing index error 1570.\n\
         WITHIN(places, 52, 13, 100000)[*]._key // [\"berlin\"]",
    ),
    volatile(
        "WITHIN_RECTANGLE",
        5,
        5,
        within_rectangle,
        "WITHIN_RECTANGLE(collection, latitude1, longitude1, latitude2, longitude2): the documents between two parallels and two meridians, by a geo index.\n\
         - collection: bare name, or text\n\
         - latitude1: number\n\
         - longitude1: number\n\
         - latitude2: number\n\
         - longitude2: number\n\
         > array\n\
         ! A place that is not on the earth is warning 1505, and nothing is found. A wrong type is error 1542, an unknown collection error 1203, a missing index error 1570.\n\
         WITHIN_RECTANGLE(places, 48, 2, 49, 3)[*]._key // [\"paris\"]",
    ),
];

/// Documents that NEAR gives, unless told otherwise.
const NEAR_DEFAULT: usize = 100;
/// Documents that are read at a time.
const BATCH: usize = 100;

/// Runs a search; an error of it ends the query.
fn search(
    context: &mut CallContext<'_>,
    run: impl FnOnce(&dyn Transaction, &mut CallContext<'_>) -> Result<Vec<Value>>,
) -> Value {
    let outcome = match context.transaction() {
        Some(transaction) => run(transaction, context),
        None => Err(QueryError::new(
            Code::Internal,
            "there is no data to read while constants are folded",
        )),
    };
    match outcome {
        Ok(found) => Value::from(found),
        Err(error) => {
            context.fail(error);
            Value::Null
        }
    }
}

fn wrong_type(context: &CallContext<'_>) -> QueryError {
    let message = format!(
        "invalid argument type in call to function '{}()'",
        context.function_name()
    );
    QueryError::new(Code::FunctionArgumentType, message)
}

fn text<'v>(context: &CallContext<'_>, value: &'v Value) -> Result<&'v Str> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong_type(context)),
    }
}

fn number(context: &CallContext<'_>, value: &Value) -> Result<f64> {
    value.as_float().ok_or_else(|| wrong_type(context))
}

/// A limit that may be left out.
fn limit(context: &CallContext<'_>, value: &Value) -> Result<Option<usize>> {
    match value {
        Value::Null => Ok(None),
        value if value.is_number() => Ok(Some(usize::try_from(value.to_int()).unwrap_or(0))),
        _ => Err(wrong_type(context)),
    }
}

fn collection(transaction: &dyn Transaction, name: &str) -> Result<CollectionInfo> {
    transaction.collection(name)?.ok_or_else(|| {
        QueryError::new(
            Code::DataSourceNotFound,
            format!("collection or view not found: {name}"),
        )
    })
}

// ----- fulltext -----

/// How the documents of a word change what was found before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Combine {
    And,
    Or,
    Not,
}

/// One word of a fulltext query.
#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    combine: Combine,
    prefix: bool,
    words: Vec<String>,
}

/// The words of a fulltext query. What an index of such words cannot have is left out.
fn wanted(query: &str, min_length: u32) -> Vec<Wanted> {
    let word = |part: &str| {
        let part = part.trim();
        let (combine, part) = match part.chars().next() {
            Some('+') => (Combine::And, &part[1..]),
            Some('|') => (Combine::Or, &part[1..]),
            Some('-') => (Combine::Not, &part[1..]),
            _ => (Combine::And, part),
        };
        let (prefix, part) = match part.split_once(':') {
            Some((kind, part)) if kind.trim().eq_ignore_ascii_case("prefix") => (true, part),
            Some((kind, part)) if kind.trim().eq_ignore_ascii_case("complete") => (false, part),
            _ => (false, part),
        };
        let least = if prefix { 1 } else { min_length };
        let words: Vec<String> = words::of_text(part, least).into_iter().collect();
        (!words.is_empty()).then_some(Wanted {
            combine,
            prefix,
            words,
        })
    };
    query.split(',').filter_map(word).collect()
}

fn fulltext(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    search(context, |transaction, context| {
        let name = text(context, &arguments[0])?;
        let attribute = text(context, &arguments[1])?;
        let query = text(context, &arguments[2])?;
        let limit = limit(context, optional(arguments, 3))?.filter(|limit| *limit > 0);
        let collection = collection(transaction, name)?;
        let indexes = transaction.indexes(collection.id)?;
        let fits = |index: &IndexInfo| match index.kind {
            IndexKind::Fulltext { min_length } => {
                let field = index.fields.first()?;
                (field.text() == attribute.as_str()).then_some((index.id, min_length))
            }
            _ => None,
        };
        let Some((index, min_length)) = indexes.iter().find_map(fits) else {
            let message =
                format!("no suitable fulltext index found for attribute '{attribute}' of '{name}'");
            return Err(QueryError::new(Code::FulltextIndexMissing, message));
        };
        let mut found: Option<BTreeSet<String>> = None;
        for wanted in wanted(query, min_length) {
            let mut keys: Option<BTreeSet<String>> = None;
            for word in &wanted.words {
                let of_word =
                    transaction.fulltext_keys(collection.id, index, word, wanted.prefix)?;
                let of_word: BTreeSet<String> = of_word.into_iter().collect();
                keys = Some(match keys {
                    None => of_word,
                    Some(keys) => keys.intersection(&of_word).cloned().collect(),
                });
            }
            let keys = keys.unwrap_or_default();
            found = Some(match (wanted.combine, found) {
                (Combine::And, None) | (Combine::Or, None) => keys,
                (Combine::And, Some(found)) => found.intersection(&keys).cloned().collect(),
                (Combine::Or, Some(found)) => found.union(&keys).cloned().collect(),
                (Combine::Not, found) => {
                    let found = found.unwrap_or_default();
                    found.difference(&keys).cloned().collect()
                }
            });
        }
        let mut documents = Vec::new();
        for key in found.unwrap_or_default() {
            if limit.is_some_and(|limit| documents.len() >= limit) {
                break;
            }
            documents.extend(transaction.get(collection.id, &key)?);
        }
        Ok(documents)
    })
}

// ----- places -----

/// A collection with the geo index that answers for it.
struct Places<'t> {
    transaction: &'t dyn Transaction,
    collection: CollectionInfo,
    index: IndexInfo,
}

impl<'t> Places<'t> {
    fn of(transaction: &'t dyn Transaction, name: &str) -> Result<Places<'t>> {
        let collection = collection(transaction, name)?;
        let mut indexes = transaction.indexes(collection.id)?.into_iter();
        let index = indexes.find(|index| matches!(index.kind, IndexKind::Geo { .. }));
        match index {
            Some(index) => Ok(Places {
                transaction,
                collection,
                index,
            }),
            None => Err(QueryError::new(
                Code::GeoIndexMissing,
                format!("no suitable geo index found for '{name}'"),
            )),
        }
    }

    /// The first documents around a place whose place `keep` wants, nearest first, with their distances.
    fn around(
        &self,
        origin: Place,
        most: f64,
        limit: usize,
        keep: impl Fn(Place) -> bool,
    ) -> Result<Vec<(f64, Value)>> {
        let mut found = Vec::new();
        let read = GeoRead {
            index: self.index.id,
            latitude: origin.latitude,
            longitude: origin.longitude,
            least: 0.0,
            most,
            touching: false,
            order: GeoOrder::NearestFirst,
            unplaced: false,
        };
        if limit == 0 {
            return Ok(found);
        }
        let mut scan = self.transaction.geo_scan(self.collection.id, &read)?;
        let mut documents = Vec::new();
        loop {
            let more = scan.next_batch(limit.min(BATCH), &mut documents)?;
            for document in documents.drain(..) {
                let Some(place) = place::place_of(&self.index, &document) else {
                    continue;
                };
                let distance = place.distance(origin.latitude, origin.longitude);
                if distance <= most && keep(place) {
                    found.push((distance, document));
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            if !more {
                return Ok(found);
            }
        }
    }
}

/// A point of two arguments; none, with a warning, if it is not on the earth.
fn point(context: &mut CallContext<'_>, latitude: f64, longitude: f64) -> Option<Place> {
    let place = place::point(&Value::float(latitude), &Value::float(longitude));
    if place.is_none() {
        let message = format!(
            "latitude or longitude out of range in call to function '{}()'",
            context.function_name()
        );
        context.warn(Code::InvalidGeoValue, message);
    }
    place
}

/// The documents, with the distance where it has a name.
fn named(found: Vec<(f64, Value)>, name: Option<Str>) -> Vec<Value> {
    let with_distance = |(distance, document): (f64, Value)| match (&name, document) {
        (Some(name), Value::Object(object)) => {
            Value::Object(object.with(name.clone(), Value::float(distance)))
        }
        (_, document) => document,
    };
    found.into_iter().map(with_distance).collect()
}

fn near(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    search(context, |transaction, context| {
        let name = text(context, &arguments[0])?;
        let latitude = number(context, &arguments[1])?;
        let longitude = number(context, &arguments[2])?;
        let limit = limit(context, optional(arguments, 3))?.unwrap_or(NEAR_DEFAULT);
        let distance_name = distance_name(context, arguments)?;
        let places = Places::of(transaction, name)?;
        let Some(origin) = point(context, latitude, longitude) else {
            return Ok(Vec::new());
        };
        let found = places.around(origin, f64::INFINITY, limit, |_| true)?;
        Ok(named(found, distance_name))
    })
}

fn within(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    search(context, |transaction, context| {
        let name = text(context, &arguments[0])?;
        let latitude = number(context, &arguments[1])?;
        let longitude = number(context, &arguments[2])?;
        let radius = number(context, &arguments[3])?;
        let distance_name = distance_name(context, arguments)?;
        let places = Places::of(transaction, name)?;
        let Some(origin) = point(context, latitude, longitude) else {
            return Ok(Vec::new());
        };
        let found = places.around(origin, radius, usize::MAX, |_| true)?;
        Ok(named(found, distance_name))
    })
}

/// The fifth argument: the attribute for the distance.
fn distance_name(context: &CallContext<'_>, arguments: &[Value]) -> Result<Option<Str>> {
    match optional(arguments, 4) {
        Value::Null => Ok(None),
        Value::String(name) => Ok(Some(name.clone())),
        _ => Err(wrong_type(context)),
    }
}

/// The part of the earth between two parallels and two meridians.
struct Rectangle {
    south: f64,
    north: f64,
    west: f64,
    /// May be more than 180: then it goes across the date line.
    east: f64,
}

impl Rectangle {
    /// Between two corners. The western one comes first, unless the way from the second to the first is the shorter one
    /// around the earth.
    fn between(corner: Place, other: Place) -> Rectangle {
        let (mut west, mut east) = (corner.longitude, other.longitude);
        if west > east {
            if west - east > 180.0 {
                east += 360.0;
            } else {
                (west, east) = (east, west);
            }
        }
        Rectangle {
            south: corner.latitude.min(other.latitude),
            north: corner.latitude.max(other.latitude),
            west,
            east,
        }
    }

    fn contains(&self, place: Place) -> bool {
        let inside = |longitude: f64| self.west <= longitude && longitude <= self.east;
        let latitude = self.south <= place.latitude && place.latitude <= self.north;
        latitude && (inside(place.longitude) || inside(place.longitude + 360.0))
    }

    /// A circle around it: its middle, and how far its corners are from that.
    fn circle(&self) -> (Place, f64) {
        let longitude = f64::midpoint(self.west, self.east);
        let middle = Place {
            latitude: f64::midpoint(self.south, self.north),
            longitude: if longitude > 180.0 {
                longitude - 360.0
            } else {
                longitude
            },
            radius: 0.0,
        };
        // Up to half the way round, no point of it is farther from the middle than a corner.
        let radius = if self.east - self.west > 180.0 {
            FARTHEST
        } else {
            let south = middle.distance(self.south, self.west);
            // A metre more, so that rounding leaves nothing out.
            south.max(middle.distance(self.north, self.west)) + 1.0
        };
        (middle, radius)
    }
}

fn within_rectangle(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    search(context, |transaction, context| {
        let name = text(context, &arguments[0])?;
        let mut coordinates = [0.0; 4];
        for (coordinate, argument) in coordinates.iter_mut().zip(&arguments[1..]) {
            *coordinate = number(context, argument)?;
        }
        let [latitude1, longitude1, latitude2, longitude2] = coordinates;
        let places = Places::of(transaction, name)?;
        let corner = point(context, latitude1, longitude1);
        let Some((corner, other)) = corner.zip(point(context, latitude2, longitude2)) else {
            return Ok(Vec::new());
        };
        let rectangle = Rectangle::between(corner, other);
        let (middle, radius) = rectangle.circle();
        let found = places.around(middle, radius, usize::MAX, |place| {
            rectangle.contains(place)
        })?;
        Ok(named(found, None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_from_left_to_right() {
        let read = |query: &str| {
            let parts = wanted(query, 3);
            let parts = parts.iter().map(|part| {
                let kind = if part.prefix { "*" } else { "" };
                format!("{:?} {}{kind}", part.combine, part.words.join("+"))
            });
            parts.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            read("Banana,-apple, |prefix:Pe"),
            "And banana; Not apple; Or pe*"
        );
        assert_eq!(read("+ complete:foo , ,ab"), "And foo");
        assert_eq!(read("- foo-bar"), "Not bar+foo");
        assert_eq!(read("https:x,"), "And https:x");
        assert_eq!(read(""), "");
    }

    #[test]
    fn rectangles_take_the_date_line_and_the_whole_earth() {
        let place = |latitude: f64, longitude: f64| Place {
            latitude,
            longitude,
            radius: 0.0,
        };
        let inside = |corners: [f64; 4], at: (f64, f64)| {
            let [south, west, north, east] = corners;
            let rectangle = Rectangle::between(place(south, west), place(north, east));
            let (middle, radius) = rectangle.circle();
            let contains = rectangle.contains(place(at.0, at.1));
            assert!(!contains || middle.distance(at.0, at.1) <= radius);
            contains
        };
        assert!(inside([-1.0, -1.0, 1.0, 1.0], (1.0, -1.0)));
        assert!(!inside([-1.0, -1.0, 1.0, 1.0], (1.5, 0.0)));
        assert!(inside([1.0, 1.0, -1.0, -1.0], (0.0, 0.0)));
        assert!(inside([-5.0, 170.0, 5.0, -170.0], (0.0, 180.0)));
        assert!(inside([-5.0, 170.0, 5.0, -170.0], (0.0, -175.0)));
        assert!(!inside([-5.0, 170.0, 5.0, -170.0], (0.0, 0.0)));
        assert!(inside([-90.0, -180.0, 90.0, 180.0], (12.0, 99.0)));
        assert!(inside([60.0, -90.0, 90.0, 90.0], (60.0, 90.0)));
    }
}
