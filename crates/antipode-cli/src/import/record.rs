//! What is read from an input: records, each with its place, and what is wrong with those that cannot be written.
//!
//! The three readers ([`super::lines`], [`super::array`], [`super::table`]) go through the input once and hold one record
//! of it. Each can begin in the middle, at a [`Place`] that it gave before: that is how an import goes on after a crash.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A longer record is reported, and not held in memory. A document may have so many bytes on a node.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Where a record begins.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Its line, from 1.
    pub line: u64,
    /// Records before it.
    pub records: u64,
}

impl Place {
    /// The beginning of an input.
    pub const START: Self = Self {
        offset: 0,
        line: 1,
        records: 0,
    };
}

/// One record of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub at: Place,
    /// How many bytes of the input it takes.
    pub bytes: u64,
    pub content: Result<Map<String, Value>, Box<Problem>>,
}

/// Why a record cannot be written, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The number of the error, if the database has one for it.
    pub code: Option<u32>,
    pub message: String,
    /// The place in the line, from 1, or the name of a column of CSV.
    pub column: Option<String>,
    /// The record: its JSON if it is some, else its text.
    pub record: Value,
}

impl Problem {
    /// A record that is not what it should be.
    pub fn new(message: impl Into<String>, record: Value) -> Box<Self> {
        Box::new(Self {
            code: None,
            message: message.into(),
            column: None,
            record,
        })
    }
}

/// Why reading cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input itself fails.
    #[error("cannot read the input at line {line}: {source}")]
    Input { line: u64, source: io::Error },
    /// What follows cannot be told into records.
    #[error("line {line}: {message}")]
    Shape { line: u64, message: String },
}

/// Gives one record after the other.
pub trait Records: Send {
    /// The next record; none at the end.
    fn next(&mut self) -> Result<Option<Record>, ReadError>;

    /// Where reading stands: behind the last record that was given.
    fn place(&self) -> Place;
}

/// A record of JSON: the object that its text must be.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, Box<Problem>> {
    let raw = || Value::String(String::from_utf8_lossy(text).into_owned());
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(Problem::new("not a JSON object", other)),
        Err(error) => {
            // The line is told anyway, and its number here would be within the record.
            let message = error.to_string();
            let message = message
                .rsplit_once(" at line ")
                .map_or(message.as_str(), |(message, _)| message);
            let mut problem = Problem::new(format!("not JSON: {message}"), raw());
            if error.line() == 1 {
                problem.column = Some(error.column().to_string());
            }
            Err(problem)
        }
    }
}

/// A record that was too long to be kept; `text` is its beginning.
pub fn too_long(text: &[u8]) -> Box<Problem> {
    const SHOWN: usize = 200;
    let begin = String::from_utf8_lossy(text.get(..SHOWN).unwrap_or(text)).into_owned();
    let message = format!("longer than {} MiB", RECORD_BYTES_MAX >> 20);
    Problem::new(message, Value::String(begin + "…"))
}
