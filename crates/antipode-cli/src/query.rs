//! `antipode query`: one query, its rows on standard output.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use antipode_client::Extra;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::connection::Connection;
use crate::output::{Format, table};

/// A table's columns are measured by so many rows; longer results have several tables.
const TABLE_ROWS_MAX: usize = 1_000;

/// Arguments of `antipode query`.
#[derive(Args, Debug)]
pub struct Query {
    /// The query: its text, a file that holds it, or - for standard input
    #[arg(value_name = "TEXT|FILE|-")]
    query: String,
    /// A bind parameter; the value is JSON, or else taken as a string
    #[arg(short, long, value_name = "NAME=VALUE")]
    bind: Vec<String>,
    /// How rows are written [default: a table on a terminal, else JSON]
    #[arg(short, long)]
    format: Option<Format>,
    /// Show how the query would run, with its merge intents, and do not run it
    #[arg(long)]
    explain: bool,
    /// Tell figures of the run on standard error
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the query.
pub async fn run(arguments: &Query) -> Result<()> {
    let text = text(&arguments.query)?;
    let client = arguments.connection.open().await?;
    let mut query = client.query(text);
    for bind in &arguments.bind {
        let (name, value) = bind
            .split_once('=')
            .with_context(|| format!("--bind {bind}: write NAME=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        query = query.bind(name, value)?;
    }
    if arguments.explain {
        let explanation = query.explain().await?;
        println!("{}", explanation.text.trim_end());
        return Ok(());
    }
    let format = arguments
        .format
        .unwrap_or(match io::stdout().is_terminal() {
            true => Format::Table,
            false => Format::Json,
        });
    let mut rows = query.rows().await?;
    let mut writer = Writer::new(format);
    while let Some(row) = rows.next().await? {
        writer.row(row.json())?;
    }
    writer.end()?;
    if let Some(extra) = rows.extra() {
        tell(extra, arguments.stats);
    }
    Ok(())
}

/// The query itself: a file if there is one of this name.
fn text(argument: &str) -> Result<String> {
    if argument == "-" {
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(text);
    }
    if Path::new(argument).is_file() {
        return std::fs::read_to_string(argument)
            .with_context(|| format!("cannot read {argument}"));
    }
    Ok(argument.to_owned())
}

fn tell(extra: &Extra, stats: bool) {
    for warning in &extra.warnings {
        eprintln!("warning {}: {}", warning.code, warning.message);
    }
    if stats {
        eprintln!(
            "{} written, {} scanned, {} from indexes, {} filtered; {:.1} ms, {} bytes",
            extra.writes_executed,
            extra.scanned_full,
            extra.scanned_index,
            extra.filtered,
            extra.execution_seconds * 1e3,
            extra.peak_memory,
        );
    }
}

/// Writes rows as they come: JSON at once, tables piece by piece.
struct Writer {
    format: Format,
    waiting: Vec<Value>,
    written: u64,
}

impl Writer {
    fn new(format: Format) -> Self {
        Self {
            format,
            waiting: Vec::new(),
            written: 0,
        }
    }

    fn row(&mut self, json: &str) -> Result<()> {
        match self.format {
            Format::Json => {
                let before = if self.written == 0 { "[\n" } else { ",\n" };
                write!(io::stdout(), "{before}{json}")?;
            }
            Format::Table => {
                self.waiting.push(serde_json::from_str(json)?);
                if self.waiting.len() == TABLE_ROWS_MAX {
                    self.table()?;
                }
            }
        }
        self.written += 1;
        Ok(())
    }

    fn table(&mut self) -> Result<()> {
        writeln!(io::stdout(), "{}", table(&self.waiting))?;
        self.waiting.clear();
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        match self.format {
            Format::Json if self.written == 0 => writeln!(io::stdout(), "[]")?,
            Format::Json => writeln!(io::stdout(), "\n]")?,
            Format::Table => {
                if !self.waiting.is_empty() {
                    self.table()?;
                }
                let rows = if self.written == 1 { "row" } else { "rows" };
                writeln!(io::stdout(), "({} {rows})", self.written)?;
            }
        }
        Ok(())
    }
}
