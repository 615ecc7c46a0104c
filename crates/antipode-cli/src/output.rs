//! Results for people and for programs: aligned tables, and JSON.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How results are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// A table with a column for each attribute
    Table,
    /// A JSON array, one row a line
    Json,
}

/// A longer cell is cut, so that a document in a column does not push the others out of sight.
const CELL_WIDTH_MAX: usize = 60;

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
