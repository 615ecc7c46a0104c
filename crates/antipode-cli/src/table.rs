//! Rows as CSV: a column for each attribute. What is absent is nothing, and so is null unless it is given a text; arrays
//! and objects are written as JSON. Rows that are no objects have the one column `value`.

use std::io::{self, Write};

use serde_json::{Map, Value};

/// The column of values that are no objects.
const VALUE: &str = "value";
/// These stand first, in this order.
const FIRST: &[&str] = &["_key", "_id", "_rev", "_from", "_to"];

/// The columns of rows.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// These, in this order.
    pub fn given(names: Vec<String>) -> Self {
        Self { names }
    }

    /// Takes the attributes of a row in.
    pub fn add(&mut self, row: &Value) {
        match row {
            Value::Object(object) => {
                for name in object.keys() {
                    if !self.names.contains(name) {
                        self.names.push(name.clone());
                    }
                }
            }
            _ if self.names.iter().any(|name| name == VALUE) => {}
            _ => self.names.push(VALUE.to_owned()),
        }
    }

    fn in_order(mut self) -> Vec<String> {
        let rank = |name: &String| FIRST.iter().position(|first| first == name);
        self.names
            .sort_by_key(|name| rank(name).unwrap_or(FIRST.len()));
        self.names
    }
}

/// Writes rows as CSV.
pub struct CsvRows<'a, W: Write> {
    writer: csv::Writer<W>,
    names: Vec<String>,
    null: &'a str,
}

impl<'a, W: Write> CsvRows<'a, W> {
    /// Writes the names of the columns.
    pub fn begin(out: W, columns: Columns, separator: u8, null: &'a str) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(separator)
            .from_writer(out);
        let names = columns.in_order();
        if !names.is_empty() {
            writer.write_record(&names).map_err(cause)?;
        }
        Ok(Self {
            writer,
            names,
            null,
        })
    }

    /// Writes a row.
    pub fn row(&mut self, row: &Value) -> io::Result<()> {
        let null = self.null;
        let object: Option<&Map<String, Value>> = row.as_object();
        let fields = self.names.iter().map(|name| {
            let value = match object {
                Some(object) => object.get(name),
                None => Some(row).filter(|_| name == VALUE),
            };
            match value {
                None => String::new(),
                Some(Value::Null) => null.to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            }
        });
        self.writer.write_record(fields).map_err(cause)
    }

    /// Writes what is left.
    pub fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The error of the file itself, where it is one: a closed pipe must be known as such.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn csv(rows: &[Value], null: &str) -> String {
        let mut columns = Columns::default();
        rows.iter().for_each(|row| columns.add(row));
        let mut out = Vec::new();
        let mut table = CsvRows::begin(&mut out, columns, b',', null).expect("memory");
        for row in rows {
            table.row(row).expect("memory");
        }
        table.end().expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn rows_are_csv() {
        let rows = [
            json!({ "b": "x,\"y\"", "_key": "1", "a": [1, { "x": null }] }),
            json!({ "_key": "2", "c": null, "b": "" }),
        ];
        assert_eq!(
            csv(&rows, "NULL"),
            "_key,a,b,c\n1,\"[1,{\"\"x\"\":null}]\",\"x,\"\"y\"\"\",\n2,,,NULL\n"
        );
        assert_eq!(csv(&[json!(1), json!("a")], ""), "value\n1\na\n");
        assert_eq!(csv(&[json!({})], ""), "\"\"\n");
        assert_eq!(csv(&[], ""), "");
    }
}
