//! How results and errors look.

use std::io::{self, Write};
use std::time::Duration;

use antipode_c8ql::{Code, Diagnostic, Span, parse, tokens};
use antipode_client::{Error, Extra, Status};
use serde_json::Value;

use crate::output::{Format, table};

/// A table's columns are measured by so many rows; longer results have several tables.
const TABLE_ROWS_MAX: usize = 1_000;

/// Writes rows as they come: JSON at once, tables piece by piece.
pub struct Writer<W> {
    out: W,
    format: Format,
    waiting: Vec<Value>,
    rows: u64,
}

impl<W: Write> Writer<W> {
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
                write!(self.out, "{before}  {json}")?;
            }
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

    /// Writes what is left. A query that was to write and returns nothing says what it wrote instead.
    pub fn end(&mut self, extra: Option<&Extra>) -> io::Result<()> {
        let written = extra.map_or(0, |extra| extra.writes_executed);
        match self.format {
            Format::Json if self.rows == 0 => writeln!(self.out, "[]")?,
            Format::Json => writeln!(self.out, "\n]")?,
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

fn counted(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// What the query told beside its rows.
pub fn warnings(extra: &Extra) -> String {
    let lines = extra.warnings.iter();
    lines
        .map(|warning| format!("warning {}: {}\n", warning.code, warning.message))
        .collect()
}

/// How long a query took: here, and on the node alone.
pub fn timing(total: Duration, extra: Option<&Extra>) -> String {
    let total = total.as_secs_f64() * 1e3;
    match extra {
        Some(extra) => format!(
            "time: {total:.2} ms, of it {:.2} ms on the node",
            extra.execution_seconds * 1e3
        ),
        None => format!("time: {total:.2} ms"),
    }
}

/// A syntax error that can be told without the node.
pub fn syntax_error(query: &str) -> Option<String> {
    parse(query)
        .err()
        .map(|diagnostic| diagnostic.render(query))
}

/// An error of the node or of the way to it; one that has a place in the query is shown there.
pub fn error(error: &Error, query: &str) -> String {
    let Error::Database {
        code,
        name,
        message,
        line,
        column,
        ..
    } = error
    else {
        return format!("error: {error}");
    };
    let Some(span) = span_at(query, *line, *column) else {
        return format!("error {code} ({name}): {message}");
    };
    let message = message.trim_end_matches(&format!(" at position {line}:{column}"));
    let diagnostic = Diagnostic::new(Code::new(0, ""), message, span);
    let rendered = diagnostic.render(query);
    let excerpt = rendered.split_once('\n').map_or("", |(_, excerpt)| excerpt);
    format!("error {code} ({name}) at {line}:{column}: {message}\n{excerpt}")
}

/// The token at a place; lines and columns count from 1, columns in characters.
fn span_at(query: &str, line: u32, column: u32) -> Option<Span> {
    let (line, column) = (line.checked_sub(1)?, column.checked_sub(1)?);
    let mut start = 0;
    for _ in 0..line {
        start += query.get(start..)?.find('\n')? + 1;
    }
    let rest = query.get(start..)?;
    let within = rest
        .char_indices()
        .nth(column as usize)
        .map_or(rest.len(), |(at, _)| at);
    let at = u32::try_from(start + within).ok()?;
    let token = tokens(query).find(|token| token.span.start <= at && at < token.span.end);
    Some(token.map_or(Span::new(at, at), |token| Span::new(at, token.span.end)))
}

/// A few lines about a node.
pub fn status(status: &Status) -> String {
    let mut lines = vec![
        format!(
            "node {} in {}, replica {}, version {}",
            status.node, status.region, status.replica_id, status.version
        ),
        match &status.read_only {
            None => "takes writes".to_owned(),
            Some(reason) => format!("takes NO writes: {reason}"),
        },
        format!(
            "{} discarded by merges",
            counted(status.discarded_writes, "write")
        ),
    ];
    for member in status.members.iter().filter(|member| !member.me) {
        let link = match (member.connected, member.rtt) {
            (true, Some(rtt)) => format!("connected, round trip {:.1} ms", rtt.as_secs_f64() * 1e3),
            (true, None) => "connected".to_owned(),
            (false, _) => "NOT connected".to_owned(),
        };
        lines.push(format!(
            "peer {} in {}: {link}, {} behind",
            member.node, member.region, member.behind
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use antipode_client::{Retry, Written};

    fn written(format: Format, rows: &[&str], extra: &Extra) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, format);
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
            "[\n  {\"a\":1,\"b\":\"x\"},\n  {\"a\":20}\n]\n"
        );
        assert_eq!(written(Format::Json, &[], &none), "[]\n");
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

    fn at(line: u32, column: u32) -> Error {
        Error::Database {
            code: 1203,
            name: "ERROR_ARANGO_DATA_SOURCE_NOT_FOUND".to_owned(),
            message: "collection or view not found: airport at position 2:10".to_owned(),
            retry: Retry::Never,
            written: Written::Nothing,
            line,
            column,
        }
    }

    #[test]
    fn an_error_is_shown_in_its_place() {
        let query = "// a comment\nFOR a IN airport RETURN a";
        let expected = "\
error 1203 (ERROR_ARANGO_DATA_SOURCE_NOT_FOUND) at 2:10: collection or view not found: airport
  |
2 | FOR a IN airport RETURN a
  |          ^^^^^^^";
        assert_eq!(error(&at(2, 10), query), expected);
        assert!(!error(&at(0, 0), query).contains('^'));
        // A place that is not in the text.
        assert!(!error(&at(9, 1), query).contains('^'));
        assert!(error(&at(2, 90), query).contains('^'));
    }

    #[test]
    fn syntax_errors_need_no_node() {
        assert_eq!(syntax_error("RETURN 1"), None);
        assert!(
            syntax_error("RETURN )")
                .is_some_and(|text| text.contains("error 1501") && text.contains('^'))
        );
    }

    #[test]
    fn times_are_told() {
        let extra = Extra {
            execution_seconds: 0.0015,
            ..Extra::default()
        };
        assert_eq!(
            timing(Duration::from_millis(2), Some(&extra)),
            "time: 2.00 ms, of it 1.50 ms on the node"
        );
    }
}
