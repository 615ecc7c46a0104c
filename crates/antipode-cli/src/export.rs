//! `antipode export`: a collection, or the result of a query, into a file.
//!
//! All rows come from one snapshot, since they are those of one query. The file appears whole or not at all: it is written
//! under another name beside its place, synced, and then renamed. What `antipode import` makes of an exported JSON file is
//! the collection again, but for `_id` and `_rev`, which a database gives.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use antipode_client::Rows;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::connection::Connection;
use crate::progress::Progress;
use crate::query::binds;
use crate::table::{Columns, CsvRows};

/// Arguments of `antipode export`.
#[derive(Args, Debug)]
#[command(allow_missing_positional = true)]
pub struct Export {
    /// The collection
    #[arg(value_name = "COLLECTION", required_unless_present = "query")]
    collection: Option<String>,
    /// The file, or - for standard output
    #[arg(value_name = "FILE|-", required = true)]
    file: PathBuf,
    /// The rows of a query, instead of a collection
    #[arg(long, value_name = "TEXT", conflicts_with = "collection")]
    query: Option<String>,
    /// A bind parameter of the query; the value is JSON, or else taken as a string
    #[arg(short, long, value_name = "NAME=VALUE", requires = "query")]
    bind: Vec<String>,
    /// How rows are written [default: by the name of the file, else JSON lines]
    #[arg(short, long)]
    format: Option<ExportFormat>,
    /// Of CSV: the columns, in this order [default: every attribute that there is]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Of CSV: how null is written [default: as nothing]
    #[arg(long, value_name = "TEXT", default_value = "")]
    null: String,
    /// Of a collection: with _id and _rev
    #[arg(long)]
    system: bool,
    /// Put the file in the place of one that exists
    #[arg(long)]
    overwrite: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ExportFormat {
    /// JSON lines: a row a line
    Jsonl,
    /// A JSON array
    Json,
    /// Comma-separated values; arrays and objects are written as JSON
    Csv,
    /// The same with tabs
    Tsv,
}

impl ExportFormat {
    fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "json" => Self::Json,
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            _ => return None,
        })
    }
}

/// Runs the export.
pub async fn run(arguments: &Export) -> Result<()> {
    let began = Instant::now();
    let named = ExportFormat::of_name(&arguments.file);
    let format = arguments.format.or(named).unwrap_or(ExportFormat::Jsonl);
    let file = Target::open(&arguments.file, arguments.overwrite)?;
    let client = arguments.connection.open().await?;
    let (query, length) = match (&arguments.query, &arguments.collection) {
        (Some(text), _) => (binds(client.query(text), &arguments.bind)?, None),
        (None, Some(name)) => {
            let collections = client.list_collections().await?;
            let Some(found) = collections.iter().find(|found| found.name == *name) else {
                bail!(
                    "there is no collection '{name}' in fabric {}",
                    client.fabric()
                );
            };
            let text = match arguments.system {
                true => "FOR d IN @@collection RETURN d",
                false => "FOR d IN @@collection RETURN UNSET(d, '_id', '_rev')",
            };
            let query = client.query(text).bind("@collection", name)?;
            (query, Some(found.count))
        }
        (None, None) => bail!("name a collection, or give a query with --query"),
    };
    let mut rows = query.rows().await?;
    let mut progress = Progress::of_documents("rows", length, arguments.quiet);
    let written = tokio::select! {
        written = write(&mut rows, arguments, format, file, &mut progress) => written?,
        _ = tokio::signal::ctrl_c() => bail!("stopped; nothing was written"),
    };
    progress.end();
    for warning in rows.extra().map_or(&[][..], |extra| &extra.warnings) {
        eprintln!("warning {}: {}", warning.code, warning.message);
    }
    let seconds = began.elapsed().as_secs_f64();
    if !arguments.quiet {
        eprintln!("{written} rows written ({seconds:.1} s)");
    }
    Ok(())
}

async fn write(
    rows: &mut Rows,
    arguments: &Export,
    format: ExportFormat,
    mut file: Target,
    progress: &mut Progress,
) -> Result<u64> {
    let cannot = || format!("cannot write {}", arguments.file.display());
    let mut written = 0;
    match format {
        ExportFormat::Jsonl | ExportFormat::Json => {
            let array = format == ExportFormat::Json;
            while let Some(row) = rows.next().await? {
                let (before, after) = match (array, written) {
                    (true, 0) => ("[\n", ""),
                    (true, _) => (",\n", ""),
                    (false, _) => ("", "\n"),
                };
                write!(file, "{before}{}{after}", row.json()).with_context(cannot)?;
                written += 1;
                progress.set(written, written);
            }
            let end = match (array, written) {
                (true, 0) => "[]\n",
                (true, _) => "\n]\n",
                (false, _) => "",
            };
            file.write_all(end.as_bytes()).with_context(cannot)?;
        }
        ExportFormat::Csv | ExportFormat::Tsv => {
            let separator = match format {
                ExportFormat::Tsv => b'\t',
                _ => b',',
            };
            written = write_table(rows, arguments, separator, &mut file, progress)
                .await
                .with_context(cannot)?;
        }
    }
    file.finish().with_context(cannot)?;
    Ok(written)
}

/// CSV names its columns first. Unless they are given, rows wait in a file without a name until all attributes are known.
async fn write_table(
    rows: &mut Rows,
    arguments: &Export,
    separator: u8,
    file: &mut Target,
    progress: &mut Progress,
) -> Result<u64> {
    let mut written = 0;
    if let Some(names) = &arguments.columns {
        let columns = Columns::given(names.clone());
        let mut table = CsvRows::begin(file, columns, separator, &arguments.null)?;
        while let Some(row) = rows.next().await? {
            table.row(&row.decode()?)?;
            written += 1;
            progress.set(written, written);
        }
        table.end()?;
        return Ok(written);
    }
    let mut spool = BufWriter::new(tempfile::tempfile()?);
    let mut columns = Columns::default();
    while let Some(row) = rows.next().await? {
        columns.add(&row.decode()?);
        writeln!(spool, "{}", row.json())?;
        written += 1;
        progress.set(written, written);
    }
    let mut spool = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
    spool.seek(SeekFrom::Start(0))?;
    let mut table = CsvRows::begin(file, columns, separator, &arguments.null)?;
    let spooled = serde_json::Deserializer::from_reader(io::BufReader::new(spool));
    for row in spooled.into_iter() {
        table.row(&row?)?;
    }
    table.end()?;
    Ok(written)
}

/// Where the rows go.
enum Target {
    Standard(BufWriter<io::Stdout>),
    /// A file beside the one that is to be; it is removed if it is dropped.
    File {
        file: BufWriter<tempfile::NamedTempFile>,
        path: PathBuf,
        overwrite: bool,
    },
}

impl Target {
    fn open(path: &Path, overwrite: bool) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Standard(BufWriter::new(io::stdout())));
        }
        if !overwrite && path.exists() {
            bail!("{} exists; --overwrite replaces it", path.display());
        }
        let file = tempfile::Builder::new()
            .prefix(".export-")
            .permissions(permissions())
            .tempfile_in(directory(path))
            .with_context(|| format!("cannot write beside {}", path.display()))?;
        Ok(Self::File {
            file: BufWriter::new(file),
            path: path.to_owned(),
            overwrite,
        })
    }

    /// Puts the file into its place.
    fn finish(self) -> io::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush(),
            Self::File {
                file,
                path,
                overwrite,
            } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                let kept = match overwrite {
                    true => file.persist(&path),
                    false => file.persist_noclobber(&path),
                };
                kept.map_err(|error| error.error)?;
                File::open(directory(&path))?.sync_all()
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Those of a file that is created in the usual way; what the user's mask forbids is taken from them.
fn permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o666)
}
