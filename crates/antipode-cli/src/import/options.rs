//! The options of `antipode import`, and what they come to.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::infer::Kind;
use super::input::Format;
use super::shape::{Shape, pair};
use super::table::{Dialect, Empty, Meaning};
use super::writer::OnDuplicate;
use crate::catalog::Thing;
use crate::connection::Connection;

/// Arguments of `antipode import`.
#[derive(Args, Debug)]
pub struct Import {
    /// The collection
    #[arg(value_name = "COLLECTION")]
    pub collection: String,
    /// The file, or - for standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// How the records are written down [default: by the name of the file, or its beginning]
    #[arg(short, long)]
    pub format: Option<Format>,
    /// Create the collection if there is none
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "collection")]
    pub create: Option<Create>,
    /// What to do with a record whose key exists
    #[arg(long, value_name = "HOW", default_value = "error")]
    pub on_duplicate: OnDuplicate,
    /// Give an attribute another name
    #[arg(long, value_name = "OLD=NEW", value_delimiter = ',')]
    rename: Vec<String>,
    /// Leave an attribute out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    remove: Vec<String>,
    /// Of edges: the collection of _from, where the input has keys only
    #[arg(long, value_name = "COLLECTION")]
    from_prefix: Option<String>,
    /// Of edges: the collection of _to, where the input has keys only
    #[arg(long, value_name = "COLLECTION")]
    to_prefix: Option<String>,
    /// Of CSV: what stands between fields, one character or "tab" [default: a comma, for TSV a tab]
    #[arg(long, value_name = "CHARACTER", help_heading = "CSV")]
    separator: Option<String>,
    /// What stands around fields, one character or "none" [default: "]
    #[arg(long, value_name = "CHARACTER", help_heading = "CSV")]
    quote: Option<String>,
    /// The names of the columns, if the file does not begin with them
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        help_heading = "CSV"
    )]
    header: Option<Vec<String>>,
    /// The type of a column: string, number, boolean or json; others are inferred from the first 1,000 records
    #[arg(
        long = "type",
        value_name = "COLUMN=TYPE",
        value_delimiter = ',',
        help_heading = "CSV"
    )]
    types: Vec<String>,
    /// Infer no types: what has none is a string
    #[arg(long, help_heading = "CSV")]
    keep_strings: bool,
    /// A text that means null; may be given several times
    #[arg(long = "null", value_name = "TEXT", help_heading = "CSV")]
    nulls: Vec<String>,
    /// What an empty field becomes
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "omit",
        help_heading = "CSV"
    )]
    empty: Empty,
    /// Keep note of how far the import is: the same command goes on from there, after a crash too
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Write the records that are not taken to a file, as JSON lines with line, error and record
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Stop when more records than this are rejected; "none" is no limit
    #[arg(long, value_name = "N", default_value = "20")]
    max_errors: String,
    /// Documents to a transaction
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
    /// Transactions in flight
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub parallel: u32,
    /// Go on trying for so long when the node does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    retry_for: u64,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub connection: Connection,
}

/// A kind of collection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Create {
    /// Documents
    #[value(alias = "document")]
    Collection,
    /// Edges
    Edge,
    /// Key-values, documents {_key, value}
    Kv,
}

impl From<Create> for Thing {
    fn from(kind: Create) -> Self {
        match kind {
            Create::Collection => Self::Collection,
            Create::Edge => Self::Edge,
            Create::Kv => Self::Kv,
        }
    }
}

/// Options that were read and are well formed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub shape: Shape,
    pub meaning: Meaning,
    pub max_errors: Option<u64>,
    pub patience: Duration,
    separator: Option<u8>,
    /// Some if it was given; within, none if there are no quotes.
    quote: Option<Option<u8>>,
}

impl Plan {
    /// How CSV of this format is cut.
    pub fn dialect(&self, format: Format) -> Dialect {
        let separator = match format {
            Format::Tsv => b'\t',
            _ => b',',
        };
        Dialect {
            separator: self.separator.unwrap_or(separator),
            quote: self.quote.unwrap_or(Some(b'"')),
        }
    }
}

impl Import {
    /// Reads the options that are texts.
    pub fn plan(&self) -> Result<Plan> {
        let rename = pairs(&self.rename).context("--rename")?;
        let asked = pairs(&self.types).context("--type")?;
        let mut types = Vec::new();
        for (column, name) in asked {
            let Some(kind) = Kind::of_name(&name) else {
                bail!("--type {column}={name}: a type is one of {}", Kind::NAMES);
            };
            types.push((column, kind));
        }
        // Keys and the like are texts, whatever they look like.
        for (column, _) in rename.iter().filter(|(_, new)| new.starts_with('_')) {
            if !types.iter().any(|(of, _)| of == column) {
                types.push((column.clone(), Kind::String));
            }
        }
        let separator = match &self.separator {
            Some(text) => Some(character(text).context("--separator")?),
            None => None,
        };
        let quote = match self.quote.as_deref() {
            Some("none") => Some(None),
            Some(text) => Some(Some(character(text).context("--quote")?)),
            None => None,
        };
        let max_errors = match self.max_errors.as_str() {
            "none" => None,
            number => {
                let number = number.parse();
                Some(number.context("--max-errors takes a number, or none")?)
            }
        };
        Ok(Plan {
            shape: Shape {
                remove: self.remove.clone(),
                rename,
                from_prefix: self.from_prefix.clone(),
                to_prefix: self.to_prefix.clone(),
            },
            meaning: Meaning {
                header: self.header.clone(),
                types,
                keep_strings: self.keep_strings,
                nulls: self.nulls.clone(),
                empty: self.empty,
            },
            max_errors,
            patience: Duration::from_secs(self.retry_for),
            separator,
            quote,
        })
    }

    /// What says which documents are written where; an import is resumed with the same only.
    pub fn meaning(&self, plan: &Plan, format: Format, fabric: &str) -> Value {
        json!({
            "fabric": fabric,
            "collection": self.collection,
            "format": format,
            "on_duplicate": format!("{:?}", self.on_duplicate),
            "attributes": plan.shape,
            "separator_or_quote": plan.dialect(format),
            "columns": plan.meaning,
        })
    }
}

fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    texts.iter().map(|text| pair(text)).collect()
}

fn character(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => bail!("'{text}' is not one ASCII character"),
    }
}
