//! Results for people and for programs: aligned tables, JSON and CSV.

use std::fmt::Write as _;
use std::io::{self, Write};

use antipode_client::Extra;
use clap::ValueEnum;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::table::{Columns, CsvRows};

/// How results are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// A table with a column for each attribute
    Table,
    /// A JSON array, one row a line
    Json,
    /// JSON lines: a row a line, and nothing else
    Jsonl,
    /// Comma-separated values; arrays and objects are written as JSON
    Csv,
}

/// A longer cell is cut, so that a document in a column does not push the others out of sight.
const CELL_WIDTH_MAX: usize = 60;

/// A table's columns are measured by so many rows; longer results have several tables.
const TABLE_ROWS_MAX: usize = 1_000;

/// Writes rows as they come: JSON at once, tables piece by piece, CSV once all its columns are known.
pub struct RowWriter<W: Write> {
    out: W,
    format: Format,
    waiting: Vec<Value>,
    rows: u64,
}

impl<W: Write> RowWriter<W> {
    pub fn new(out: W, format: Format) -> Self {
        Self {
            out,
            format,
            waiting: Vec::new(),
            rows: 0,
        }
    }

    /// Takes a row, a JSON text.
    pub fn row(&mut self, json: &str) -> io::Result<()> {
        match self.format {
            Format::Json => {
                let before = if self.rows == 0 { "[\n" } else { ",\n" };
                write!(self.out, "{before}{json}")?;
            }
            Format::Jsonl => writeln!(self.out, "{json}")?,
            Format::Csv => self.waiting.push(serde_json::from_str(json)?),
            Format::Table => {
                self.waiting.push(serde_json::from_str(json)?);
                if self.waiting.len() == TABLE_ROWS_MAX {
                    self.table()?;
                }
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn table(&mut self) -> io::Result<()> {
        writeln!(self.out, "{}", table(&self.waiting))?;
        self.waiting.clear();
        Ok(())
    }

    fn csv(&mut self) -> io::Result<()> {
        let mut columns = Columns::default();
        for row in &self.waiting {
            columns.add(row);
        }
        let mut rows = CsvRows::begin(&mut self.out, columns, b',', "")?;
        for row in self.waiting.drain(..) {
            rows.row(&row)?;
        }
        rows.end()
    }

    /// Writes what is left. A query that was to write and returns nothing says what it wrote instead.
    pub fn end(&mut self, extra: Option<&Extra>) -> io::Result<()> {
        let written = extra.map_or(0, |extra| extra.writes_executed);
        match self.format {
            Format::Json if self.rows == 0 => writeln!(self.out, "[]")?,
            Format::Json => writeln!(self.out, "\n]")?,
            Format::Jsonl => {}
            Format::Csv => self.csv()?,
            Format::Table => {
                if !self.waiting.is_empty() {
                    self.table()?;
                }
                match (self.rows, written) {
                    (0, 0) => writeln!(self.out, "(no rows)")?,
                    (0, written) => writeln!(self.out, "({written} written)")?,
                    (rows, 0) => writeln!(self.out, "({})", counted(rows, "row"))?,
                    (rows, written) => {
                        writeln!(self.out, "({}, {written} written)", counted(rows, "row"))?
                    }
                }
            }
        }
        self.out.flush()
    }
}

/// `1 row`, `2 rows`.
pub fn counted(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Rows as a table. Objects have a column for each attribute that any of them has; other values one column.
pub fn table(rows: &[Value]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if let Value::Object(attributes) = row {
            for name in attributes.keys() {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
    }
    let all_objects = rows.iter().all(Value::is_object);
    if !all_objects || names.is_empty() {
        let cells = rows.iter().map(|row| vec![cell(Some(row))]).collect();
        return Grid::new(vec!["value".to_owned()], cells).to_string();
    }
    let cells = rows
        .iter()
        .map(|row| names.iter().map(|name| cell(row.get(name))).collect())
        .collect();
    Grid::new(names.iter().map(|name| (*name).to_owned()).collect(), cells).to_string()
}

fn cell(value: Option<&Value>) -> Cell {
    match value {
        None => Cell::text(String::new()),
        Some(Value::String(text)) => Cell::text(text.clone()),
        Some(Value::Number(number)) => Cell {
            text: number.to_string(),
            right: true,
        },
        Some(other) => Cell::text(other.to_string()),
    }
}

/// One cell of a grid.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    /// Numbers stand at the right of their column.
    right: bool,
}

impl Cell {
    /// A cell with a text; what would spoil the lines is replaced.
    pub fn text(text: impl Into<String>) -> Self {
        let text: String = text.into();
        let text = text.chars().map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        });
        Self {
            text: text.collect(),
            right: false,
        }
    }

    /// A cell with a number.
    pub fn number(number: impl ToString) -> Self {
        Self {
            text: number.to_string(),
            right: true,
        }
    }
}

/// Cells in aligned columns, under their names.
#[derive(Clone, Debug)]
pub struct Grid {
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// A grid with these columns.
    pub fn new(head: Vec<String>, rows: Vec<Vec<Cell>>) -> Self {
        Self { head, rows }
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths: Vec<usize> = self.head.iter().map(|name| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width().min(CELL_WIDTH_MAX));
            }
        }
        let head: Vec<Cell> = self
            .head
            .iter()
            .map(|name| Cell::text(name.clone()))
            .collect();
        let rule: Vec<Cell> = widths
            .iter()
            .map(|width| Cell::text("─".repeat(*width)))
            .collect();
        for (index, row) in [&head, &rule].into_iter().chain(&self.rows).enumerate() {
            if index > 0 {
                formatter.write_char('\n')?;
            }
            formatter.write_str(line(row, &widths).trim_end())?;
        }
        Ok(())
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        if index > 0 {
            line.push_str("  ");
        }
        let text = cut(&cell.text, (*width).max(1));
        let space = " ".repeat(width.saturating_sub(text.width()));
        if cell.right {
            line.push_str(&space);
            line.push_str(&text);
        } else {
            line.push_str(&text);
            line.push_str(&space);
        }
    }
    line
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(format: Format, rows: &[&str], extra: &Extra) -> String {
        let mut out = Vec::new();
        let mut writer = RowWriter::new(&mut out, format);
        for row in rows {
            writer.row(row).expect("memory takes everything");
        }
        writer.end(Some(extra)).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn rows_are_a_table_or_json() {
        let none = Extra::default();
        let rows = [r#"{"a":1,"b":"x"}"#, r#"{"a":20}"#];
        let table = written(Format::Table, &rows, &none);
        assert_eq!(table, "a   b\n──  ─\n 1  x\n20\n(2 rows)\n");
        assert_eq!(
            written(Format::Json, &rows, &none),
            "[\n{\"a\":1,\"b\":\"x\"},\n{\"a\":20}\n]\n"
        );
        assert_eq!(written(Format::Json, &[], &none), "[]\n");
        assert_eq!(
            written(Format::Jsonl, &rows, &none),
            "{\"a\":1,\"b\":\"x\"}\n{\"a\":20}\n"
        );
        assert_eq!(written(Format::Csv, &rows, &none), "a,b\n1,x\n20,\n");
        assert_eq!(written(Format::Table, &[], &none), "(no rows)\n");
        let wrote = Extra {
            writes_executed: 3,
            ..Extra::default()
        };
        assert_eq!(written(Format::Table, &[], &wrote), "(3 written)\n");
        assert!(written(Format::Table, &["1"], &wrote).ends_with("(1 row, 3 written)\n"));
    }

    #[test]
    fn long_results_come_in_pieces() {
        let rows = vec!["1"; TABLE_ROWS_MAX + 1];
        let text = written(Format::Table, &rows, &Extra::default());
        assert_eq!(text.matches("value").count(), 2);
        assert!(text.ends_with("(1001 rows)\n"));
    }

    #[test]
    fn objects_have_columns() {
        let rows = [
            json!({"city": "Zürich", "n": 7}),
            json!({"city": "東京", "n": 1200, "x": [1]}),
        ];
        let expected = "\
city    n     x
──────  ────  ───
Zürich     7
東京    1200  [1]";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn other_values_have_one_column() {
        assert_eq!(
            table(&[json!(1), json!("a\nb"), json!({"a": 1})]),
            "value\n───────\n      1\na b\n{\"a\":1}"
        );
        assert_eq!(table(&[]), "value\n─────");
    }

    #[test]
    fn long_cells_are_cut_by_width() {
        assert_eq!(cut("東京東京", 5), "東京…");
        let rows = [json!({"text": "x".repeat(500)})];
        assert!(
            table(&rows)
                .lines()
                .all(|line| line.width() <= CELL_WIDTH_MAX)
        );
    }
}
