//! CSV: a record is an object with an attribute for each column.
//!
//! The first records are read ahead, as a sample for [`Kind::infer`]. A quote that is never closed would make one record
//! of the rest of the file; [`Guard`] ends that.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::infer::Kind;
use super::record::{Place, Problem, RECORD_BYTES_MAX, ReadError, Record, Records};

/// So many records are looked at for the types of columns, or fewer if they are long.
const SAMPLE_RECORDS: usize = 1_000;
const SAMPLE_BYTES: u64 = 4 << 20;

/// How the text is cut into fields.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dialect {
    pub separator: u8,
    /// None: quotes are letters like others.
    pub quote: Option<u8>,
}

/// What an empty field becomes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// The document does not have the attribute
    Omit,
    /// null
    Null,
    /// An empty string, whatever the type of the column
    String,
}

/// What the fields mean.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Meaning {
    /// The names of the columns, if the file does not begin with them.
    pub header: Option<Vec<String>>,
    /// Types that are asked for, by the column's name in the file.
    pub types: Vec<(String, Kind)>,
    /// No types are inferred.
    pub keep_strings: bool,
    /// Texts that mean null.
    pub nulls: Vec<String>,
    pub empty: Empty,
}

/// A column.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// The type was asked for: a value that does not fit is an error.
    pub strict: bool,
}

/// Reads CSV.
pub struct Table<R> {
    reader: Reader<Guard<R>>,
    /// How far the reader may go before the record ends.
    limit: Arc<AtomicU64>,
    base: Place,
    at: Place,
    columns: Vec<Column>,
    meaning: Meaning,
    /// Records of the sample.
    waiting: VecDeque<Raw>,
}

struct Raw {
    at: Place,
    /// Where the next record begins.
    next: Place,
    fields: ByteRecord,
}

impl<R: Read> Table<R> {
    /// Reads from a place, where the input stands. The columns are those that an import which goes on has found before;
    /// without them, the header and the sample are read here.
    pub fn open(
        input: R,
        dialect: Dialect,
        meaning: Meaning,
        at: Place,
        columns: Option<Vec<Column>>,
    ) -> Result<Self, ReadError> {
        let limit = Arc::new(AtomicU64::new(0));
        let guard = Guard {
            input,
            passed: 0,
            limit: limit.clone(),
        };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.separator)
            .quote(dialect.quote.unwrap_or(b'"'))
            .quoting(dialect.quote.is_some())
            .from_reader(guard);
        let mut table = Self {
            reader,
            limit,
            base: at,
            at,
            columns: Vec::new(),
            meaning,
            waiting: VecDeque::new(),
        };
        match columns {
            Some(columns) => table.columns = columns,
            None => table.begin()?,
        }
        Ok(table)
    }

    /// The columns and their types.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn begin(&mut self) -> Result<(), ReadError> {
        let names = match self.meaning.header.clone() {
            Some(names) => names,
            None => self.header()?,
        };
        check_names(&names, &self.meaning)?;
        let from = self.place_of_reader();
        while self.waiting.len() < SAMPLE_RECORDS
            && self.at.offset - from.offset < SAMPLE_BYTES
            && let Some(raw) = self.raw()?
        {
            self.waiting.push_back(raw);
        }
        self.columns = (names.into_iter().enumerate())
            .map(|(index, name)| self.column(index, name))
            .collect();
        Ok(())
    }

    fn header(&mut self) -> Result<Vec<String>, ReadError> {
        let Some(raw) = self.raw()? else {
            return Err(ReadError::Shape {
                line: 1,
                message: "there is no header line".to_owned(),
            });
        };
        // It is no record.
        self.at.records = 0;
        self.base.records = 0;
        let names = raw.fields.iter().enumerate().map(|(index, field)| {
            let name = std::str::from_utf8(field).map_err(|_| ReadError::Shape {
                line: 1,
                message: format!("the name of column {} is not UTF-8", index + 1),
            })?;
            Ok(name.trim().to_owned())
        });
        names.collect()
    }

    fn column(&self, index: usize, name: String) -> Column {
        let asked = self.meaning.types.iter().find(|(of, _)| *of == name);
        let (kind, strict) = match asked {
            Some((_, kind)) => (*kind, true),
            // These are texts, whatever they look like.
            None if self.meaning.keep_strings || name.starts_with('_') => (Kind::String, false),
            None => {
                let values = self.waiting.iter().filter_map(|raw| {
                    let value = std::str::from_utf8(raw.fields.get(index)?).ok()?;
                    Some(value).filter(|value| !value.is_empty() && !self.is_null(value))
                });
                (Kind::infer(values), false)
            }
        };
        Column { name, kind, strict }
    }

    fn is_null(&self, value: &str) -> bool {
        self.meaning.nulls.iter().any(|null| null == value)
    }

    fn place_of_reader(&self) -> Place {
        let position = self.reader.position();
        Place {
            offset: self.base.offset + position.byte(),
            line: self.base.line + position.line() - 1,
            records: self.at.records,
        }
    }

    /// The fields of the next record.
    fn raw(&mut self) -> Result<Option<Raw>, ReadError> {
        let mut fields = ByteRecord::new();
        let begin = self.place_of_reader();
        let end = self.reader.position().byte() + RECORD_BYTES_MAX as u64;
        self.limit.store(end, Ordering::Relaxed);
        let found = self.reader.read_byte_record(&mut fields);
        let found = found.map_err(|error| read_error(begin.line, error))?;
        if !found {
            return Ok(None);
        }
        // Blank lines before it belong to no record.
        let line = fields.position().map_or(1, csv::Position::line);
        let mut next = self.place_of_reader();
        next.records += 1;
        self.at = next;
        Ok(Some(Raw {
            at: Place {
                line: self.base.line + line - 1,
                ..begin
            },
            next,
            fields,
        }))
    }

    fn object(&self, fields: &ByteRecord) -> Result<Map<String, Value>, Box<Problem>> {
        let count = self.columns.len();
        if fields.len() != count {
            let found = fields.len();
            let message = format!("it has {found} fields, and there are {count} columns");
            return Err(self.problem(fields, None, message));
        }
        let mut object = Map::new();
        for (column, field) in self.columns.iter().zip(fields) {
            let Ok(text) = std::str::from_utf8(field) else {
                return Err(self.problem(fields, Some(column), "it is not UTF-8".to_owned()));
            };
            let value = match text {
                text if self.is_null(text) => Value::Null,
                "" => match self.meaning.empty {
                    Empty::Omit => continue,
                    Empty::Null => Value::Null,
                    Empty::String => Value::from(""),
                },
                text => match column.kind.read(text) {
                    Some(value) => value,
                    None if !column.strict => Value::from(text),
                    None => {
                        let message = format!("'{text}' is not {}", column.kind.noun());
                        return Err(self.problem(fields, Some(column), message));
                    }
                },
            };
            object.insert(column.name.clone(), value);
        }
        Ok(object)
    }

    fn problem(
        &self,
        fields: &ByteRecord,
        column: Option<&Column>,
        message: String,
    ) -> Box<Problem> {
        let texts = fields
            .iter()
            .map(|field| Value::from(String::from_utf8_lossy(field)));
        let mut problem = Problem::new(message, texts.collect());
        problem.column = column.map(|column| column.name.clone());
        problem
    }
}

fn check_names(names: &[String], meaning: &Meaning) -> Result<(), ReadError> {
    let shape = |message: String| Err(ReadError::Shape { line: 1, message });
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            let number = index + 1;
            return shape(format!("column {number} has no name; --header gives names"));
        }
        if names.iter().take(index).any(|other| other == name) {
            return shape(format!(
                "two columns are named '{name}'; --header gives names"
            ));
        }
    }
    match meaning.types.iter().find(|(name, _)| !names.contains(name)) {
        Some((name, _)) => shape(format!(
            "--type: there is no column '{name}', but {}",
            names.join(", ")
        )),
        None => Ok(()),
    }
}

fn read_error(line: u64, error: csv::Error) -> ReadError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            let message = source.to_string();
            ReadError::Shape { line, message }
        }
        csv::ErrorKind::Io(source) => ReadError::Input { line, source },
        other => ReadError::Shape {
            line,
            message: format!("{other:?}"),
        },
    }
}

impl<R: Read + Send> Records for Table<R> {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        let raw = match self.waiting.pop_front() {
            Some(raw) => raw,
            None => match self.raw()? {
                Some(raw) => raw,
                None => return Ok(None),
            },
        };
        Ok(Some(Record {
            at: raw.at,
            bytes: raw.next.offset - raw.at.offset,
            content: self.object(&raw.fields),
        }))
    }

    fn place(&self) -> Place {
        self.waiting.front().map_or(self.at, |raw| raw.at)
    }
}

/// Refuses to read on where a record has become too long.
struct Guard<R> {
    input: R,
    passed: u64,
    limit: Arc<AtomicU64>,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.passed > self.limit.load(Ordering::Relaxed) {
            let message = format!(
                "the record that begins here is longer than {} MiB; is a quote not closed?",
                RECORD_BYTES_MAX >> 20
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let count = self.input.read(buffer)?;
        self.passed += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DIALECT: Dialect = Dialect {
        separator: b',',
        quote: Some(b'"'),
    };

    fn meaning() -> Meaning {
        Meaning {
            header: None,
            types: Vec::new(),
            keep_strings: false,
            nulls: Vec::new(),
            empty: Empty::Omit,
        }
    }

    fn all(table: &mut Table<&[u8]>) -> Result<Vec<Record>, ReadError> {
        let mut found = Vec::new();
        while let Some(record) = table.next()? {
            found.push(record);
        }
        Ok(found)
    }

    fn read(text: &str, meaning: Meaning) -> Result<Vec<Record>, ReadError> {
        all(&mut Table::open(
            text.as_bytes(),
            DIALECT,
            meaning,
            Place::START,
            None,
        )?)
    }

    fn values(records: &[Record]) -> Vec<Value> {
        let contents = records.iter().map(|record| match &record.content {
            Ok(object) => Value::Object(object.clone()),
            Err(problem) => json!([record.at.line, problem.column, problem.message]),
        });
        contents.collect()
    }

    #[test]
    fn columns_have_types() {
        let text =
            "\u{feff}_key, n,on,tags,zip\n1,2,true,[1],00501\n\"a,\n\"\"b\",-3.5,false,[],10115\n";
        let found = read(text, meaning()).expect("CSV");
        assert_eq!(
            values(&found),
            [
                json!({ "_key": "1", "n": 2, "on": true, "tags": [1], "zip": "00501" }),
                json!({ "_key": "a,\n\"b", "n": -3.5, "on": false, "tags": [], "zip": "10115" }),
            ]
        );
        assert_eq!((found[0].at.line, found[1].at.line), (2, 3));
    }

    #[test]
    fn what_was_asked_for_is_checked() {
        let mut meaning = meaning();
        meaning.types = vec![
            ("n".to_owned(), Kind::Number),
            ("s".to_owned(), Kind::String),
        ];
        meaning.nulls = vec!["NULL".to_owned()];
        let text = "s,n,x\n1,2,NULL\n1,two,\n1\n,,3\n";
        let found = read(text, meaning.clone()).expect("CSV");
        assert_eq!(
            values(&found),
            [
                json!({ "s": "1", "n": 2, "x": null }),
                json!([3, "n", "'two' is not a number"]),
                json!([4, null, "it has 1 fields, and there are 3 columns"]),
                json!({ "x": 3 }),
            ]
        );
        meaning.types.push(("m".to_owned(), Kind::Json));
        let error = read(text, meaning).expect_err("no such column").to_string();
        assert!(error.contains("no column 'm', but s, n, x"), "{error}");
    }

    #[test]
    fn a_wrong_guess_loses_nothing() {
        let mut text = "n\n".to_owned();
        for number in 0..=SAMPLE_RECORDS {
            text.push_str(&format!("{number}\n"));
        }
        text.push_str("many\n");
        let found = values(&read(&text, meaning()).expect("CSV"));
        assert_eq!(found.first(), Some(&json!({ "n": 0 })));
        assert_eq!(found.last(), Some(&json!({ "n": "many" })));
    }

    #[test]
    fn reading_goes_on_anywhere() {
        let mut text = "a,b\n".to_owned();
        for number in 0..1_500 {
            text.push_str(&format!("{number},\"x\n\n{number}\"\n\n"));
        }
        let mut table =
            Table::open(text.as_bytes(), DIALECT, meaning(), Place::START, None).expect("a header");
        let columns = table.columns().to_vec();
        let mut places = vec![table.place()];
        let mut found = Vec::new();
        while let Some(record) = table.next().expect("memory is read") {
            found.push(record);
            places.push(table.place());
        }
        assert_eq!(found.len(), 1_500);
        for index in [0, 1, 7, 999, 1_000, 1_001, 1_499, 1_500] {
            let at = places[index];
            assert_eq!(at.records, index as u64);
            let rest = &text.as_bytes()[at.offset as usize..];
            let mut table =
                Table::open(rest, DIALECT, meaning(), at, Some(columns.clone())).expect("columns");
            let rest = all(&mut table).expect("memory is read");
            assert_eq!(values(&rest), values(&found[index..]));
            let lines = |records: &[Record]| {
                records
                    .iter()
                    .map(|record| record.at.line)
                    .collect::<Vec<_>>()
            };
            assert_eq!(lines(&rest), lines(&found[index..]));
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_ends_reading() {
        let text = format!("a\n1\n\"{}", "x\n".repeat(RECORD_BYTES_MAX));
        let error = read(&text, meaning()).expect_err("too long").to_string();
        assert!(
            error.contains("line 3") && error.contains("quote"),
            "{error}"
        );
    }

    #[test]
    fn headers_are_names() {
        for (text, part) in [
            ("", "no header"),
            ("a,,b\n", "column 2 has no name"),
            ("a,a\n", "two columns are named 'a'"),
        ] {
            let error = read(text, meaning()).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        let mut given = meaning();
        given.header = Some(vec!["x".to_owned()]);
        assert_eq!(
            values(&read("1\n2\n", given).expect("CSV")),
            [json!({ "x": 1 }), json!({ "x": 2 })]
        );
    }
}
