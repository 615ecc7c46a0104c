//! `antipode query`: queries from the command line, a file or a pipe, and their rows on standard output.
//!
//! A text may hold several statements. As in psql, each is a transaction of its own; they run one after the other, and the
//! first that fails ends the run. Bind parameters are for all of them: each takes those that it names.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use antipode_c8ql::{TokenKind, tokens};
use antipode_client::{Extra, Query as Call};
use anyhow::{Context, Error, Result};
use clap::Args;
use serde_json::Value;

use crate::connection::Connection;
use crate::output::{Format, RowWriter};
use crate::statements::{Statement, statements};

/// Arguments of `antipode query`.
#[derive(Args, Debug)]
pub struct Query {
    /// The queries: their text, a file that holds it, or - for standard input. Several end with semicolons
    #[arg(value_name = "TEXT|FILE|-")]
    query: String,
    /// A bind parameter; the value is JSON, or else taken as a string
    #[arg(short, long, value_name = "NAME=VALUE")]
    bind: Vec<String>,
    /// How rows are written [default: a table on a terminal, else JSON]
    #[arg(short, long, visible_alias = "format", visible_short_alias = 'f')]
    output: Option<Format>,
    /// Show how the queries would run, with their merge intents, and do not run them
    #[arg(long)]
    explain: bool,
    /// Tell on standard error what each node of the plan did: rows, time and memory
    #[arg(long, conflicts_with = "explain")]
    profile: bool,
    /// Tell figures of the run on standard error
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the queries.
pub async fn run(arguments: &Query) -> Result<()> {
    let text = text(&arguments.query)?;
    let found = statements(&text);
    let all = match found.is_empty() {
        // The node says what is wrong with nothing.
        true => vec![Statement { text, line: 1 }],
        false => found,
    };
    let client = arguments.connection.open().await?;
    let several = all.len() > 1;
    for statement in all {
        let query = client.query(&statement.text);
        let query = match several {
            false => binds(query, &arguments.bind)?,
            true => binds(query, &named(&arguments.bind, &statement.text))?,
        };
        let done = execute(arguments, query).await;
        if several {
            done.with_context(|| format!("the query at line {}", statement.line))?;
        } else {
            done?;
        }
    }
    Ok(())
}

async fn execute(arguments: &Query, query: Call) -> Result<()> {
    if arguments.explain {
        let explanation = query.explain().await?;
        writeln!(io::stdout(), "{}", explanation.text.trim_end())?;
        return Ok(());
    }
    let terminal = io::stdout().is_terminal();
    let format = arguments.output.unwrap_or(match terminal {
        true => Format::Table,
        false => Format::Json,
    });
    let query = match arguments.profile {
        true => query.profile(2),
        false => query,
    };
    let mut rows = query.rows().await?;
    let mut writer = RowWriter::new(io::stdout(), format);
    while let Some(row) = rows.next().await? {
        writer.row(row.json())?;
    }
    writer.end(rows.extra())?;
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
    if is_file_name(argument) || Path::new(argument).is_file() {
        return std::fs::read_to_string(argument)
            .with_context(|| format!("cannot read {argument}"));
    }
    Ok(argument.to_owned())
}

/// Whether a text can only be meant as a file's name, with an extension: no query looks like that.
fn is_file_name(argument: &str) -> bool {
    let in_names = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    let extension = argument.rsplit_once('.').map(|(_, extension)| extension);
    argument.chars().all(in_names)
        && extension.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Gives a query its bind parameters, which are written `NAME=VALUE`.
pub fn binds(mut query: Call, binds: &[impl AsRef<str>]) -> Result<Call> {
    for bind in binds {
        let (name, value) = bind_parameter(bind.as_ref())?;
        query = query.bind(name, value)?;
    }
    Ok(query)
}

/// A bind parameter: its value is JSON, or else the text itself.
pub fn bind_parameter(text: &str) -> Result<(&str, Value), Error> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("--bind {text}: write NAME=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.trim(), value))
}

/// The parameters that a statement names; the others are for other statements.
fn named<'b>(binds: &'b [String], statement: &str) -> Vec<&'b str> {
    let names: Vec<&str> = bind_names(statement).collect();
    let wanted = |bind: &&'b String| {
        // One that is not well formed is told of, wherever it belongs.
        bind.split_once('=')
            .is_none_or(|(name, _)| names.contains(&name.trim()))
    };
    binds.iter().filter(wanted).map(String::as_str).collect()
}

/// The names of the bind parameters in a query: `name`, and `@name` for a collection.
pub fn bind_names(query: &str) -> impl Iterator<Item = &str> {
    let binds = tokens(query)
        .filter(|token| matches!(token.kind, TokenKind::ValueBind | TokenKind::SourceBind));
    binds.filter_map(|token| token.span.text(query).strip_prefix('@'))
}

fn tell(extra: &Extra, stats: bool) {
    for warning in &extra.warnings {
        eprintln!("warning {}: {}", warning.code, warning.message);
    }
    if let Some(profile) = &extra.profile {
        eprintln!("{}", profile.text.trim_end());
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_statement_gets_the_binds_that_it_names() {
        let binds = ["a=1", "@c=d", "b=x"].map(str::to_owned);
        assert_eq!(named(&binds, "FOR d IN @@c RETURN @a"), ["a=1", "@c=d"]);
        assert_eq!(named(&binds, "RETURN '@a'"), [""; 0]);
        assert_eq!(bind_parameter("a=[1]").expect("JSON"), ("a", json!([1])));
        assert_eq!(bind_parameter("a=b=c").expect("text"), ("a", json!("b=c")));
        assert!(bind_parameter("a").is_err());
    }
}
