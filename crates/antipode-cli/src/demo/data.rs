//! The data of the demo, and what is known of it without a database: the answers that the queries must give.
//!
//! Source and licence of the two files are in `data/README.md`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Serialize;

const AIRPORTS: &str = include_str!("../../data/airports.csv");
const FLIGHTS: &str = include_str!("../../data/flights-airport.csv");

/// An airport, as the document that is stored.
#[derive(Clone, Debug, Serialize)]
pub struct Airport {
    #[serde(rename = "_key")]
    pub key: String,
    pub name: String,
    pub city: String,
    pub state: String,
    pub country: String,
    pub latitude: f64,
    pub longitude: f64,
    pub visits: u64,
    pub tags: Vec<String>,
}

/// The flights of one route, as the edge that is stored.
#[derive(Clone, Debug, Serialize)]
pub struct Flight {
    #[serde(rename = "_key")]
    pub key: String,
    #[serde(rename = "_from")]
    pub from: String,
    #[serde(rename = "_to")]
    pub to: String,
    pub flights: u64,
}

/// Everything that is loaded.
#[derive(Clone, Debug)]
pub struct Data {
    pub airports: Vec<Airport>,
    pub flights: Vec<Flight>,
}

impl Data {
    /// Reads the two files.
    pub fn read() -> Result<Self> {
        let mut airports = Vec::new();
        for line in AIRPORTS.lines().skip(1) {
            airports.push(airport(line).with_context(|| format!("airports.csv: {line}"))?);
        }
        let mut flights = Vec::new();
        for line in FLIGHTS.lines().skip(1) {
            flights.push(flight(line).with_context(|| format!("flights-airport.csv: {line}"))?);
        }
        Ok(Self { airports, flights })
    }

    /// The airports that most flights leave from or arrive at, the busiest first.
    pub fn busiest(&self, count: usize) -> Vec<String> {
        let mut traffic: BTreeMap<&str, u64> = BTreeMap::new();
        for flight in &self.flights {
            for id in [&flight.from, &flight.to] {
                *traffic.entry(key_of(id)).or_default() += flight.flights;
            }
        }
        let mut ranked: Vec<(u64, &str)> = traffic
            .into_iter()
            .map(|(key, flights)| (flights, key))
            .collect();
        ranked.sort_by(|left, right| right.cmp(left));
        ranked
            .into_iter()
            .take(count)
            .map(|(_, key)| key.to_owned())
            .collect()
    }

    /// How many airports each state has, most first, of equal ones by name.
    pub fn by_state(&self) -> Vec<(String, u64)> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for airport in &self.airports {
            *counts.entry(&airport.state).or_default() += 1;
        }
        let mut ranked: Vec<(String, u64)> = counts
            .into_iter()
            .map(|(state, count)| (state.to_owned(), count))
            .collect();
        ranked.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        ranked
    }

    /// The airports nearest to one, by the great circle, the nearest first.
    pub fn nearest(&self, key: &str, count: usize) -> Vec<String> {
        let Some(center) = self.airports.iter().find(|airport| airport.key == key) else {
            return Vec::new();
        };
        let mut others: Vec<(f64, &str)> = self
            .airports
            .iter()
            .filter(|airport| airport.key != key)
            .map(|airport| (great_circle(center, airport), airport.key.as_str()))
            .collect();
        others.sort_by(|left, right| left.0.total_cmp(&right.0));
        others
            .into_iter()
            .take(count)
            .map(|(_, key)| key.to_owned())
            .collect()
    }

    /// Where one can get to from an airport by two flights, and by how many pairs of them; most first, then by key.
    pub fn two_flights(&self, key: &str) -> Vec<(String, u64)> {
        let mut leaving: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for flight in &self.flights {
            leaving.entry(&flight.from).or_default().insert(&flight.to);
        }
        let start = format!("airports/{key}");
        let mut ways: BTreeMap<&str, u64> = BTreeMap::new();
        for stop in leaving.get(start.as_str()).into_iter().flatten() {
            for end in leaving.get(stop).into_iter().flatten() {
                *ways.entry(end).or_default() += 1;
            }
        }
        let mut ranked: Vec<(String, u64)> = ways
            .into_iter()
            .map(|(end, count)| (end.to_owned(), count))
            .collect();
        ranked.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        ranked
    }
}

fn key_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, key)| key)
}

/// The distance of two airports on a sphere of radius 1, by the haversine formula.
fn great_circle(from: &Airport, to: &Airport) -> f64 {
    let (from_latitude, to_latitude) = (from.latitude.to_radians(), to.latitude.to_radians());
    let north = (to_latitude - from_latitude) / 2.0;
    let east = (to.longitude - from.longitude).to_radians() / 2.0;
    let chord = north.sin().powi(2) + from_latitude.cos() * to_latitude.cos() * east.sin().powi(2);
    2.0 * chord.sqrt().min(1.0).asin()
}

fn airport(line: &str) -> Result<Airport> {
    let fields = fields(line);
    let [key, name, city, state, country, latitude, longitude] = fields.as_slice() else {
        bail!("{} fields, not 7", fields.len());
    };
    Ok(Airport {
        key: key.clone(),
        name: name.clone(),
        city: city.clone(),
        state: state.clone(),
        country: country.clone(),
        latitude: latitude.parse()?,
        longitude: longitude.parse()?,
        visits: 0,
        tags: Vec::new(),
    })
}

fn flight(line: &str) -> Result<Flight> {
    let fields = fields(line);
    let [from, to, flights] = fields.as_slice() else {
        bail!("{} fields, not 3", fields.len());
    };
    Ok(Flight {
        key: format!("{from}-{to}"),
        from: format!("airports/{from}"),
        to: format!("airports/{to}"),
        flights: flights.parse()?,
    })
}

/// The fields of a line of CSV: one with a comma stands in quotes, and a quote in it is doubled (RFC 4180).
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = fields.last_mut() else {
            break;
        };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => field.push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_whole() {
        let data = Data::read().expect("good files");
        assert_eq!(data.airports.len(), 3376);
        assert_eq!(data.flights.len(), 5366);
        let keys: BTreeSet<&str> = data
            .airports
            .iter()
            .map(|airport| airport.key.as_str())
            .collect();
        assert_eq!(keys.len(), data.airports.len());
        for flight in &data.flights {
            assert!(
                keys.contains(key_of(&flight.from)) && keys.contains(key_of(&flight.to)),
                "{flight:?}"
            );
        }
    }

    #[test]
    fn quoted_fields_are_read() {
        assert_eq!(
            fields(r#"DBN,"W. H. ""Bud"" Barron",Dublin"#),
            ["DBN", "W. H. \"Bud\" Barron", "Dublin"]
        );
        assert_eq!(fields(r#"a,"b,c","#), ["a", "b,c", ""]);
    }

    #[test]
    fn answers_are_plausible() {
        let data = Data::read().expect("good files");
        assert_eq!(data.busiest(2), ["ATL", "ORD"]);
        assert_eq!(data.by_state().first(), Some(&("AK".to_owned(), 263)));
        assert!(data.nearest("SFO", 5).contains(&"OAK".to_owned()));
        assert!(
            data.two_flights("SFO")
                .iter()
                .any(|(end, _)| end == "airports/ANC")
        );
    }
}
