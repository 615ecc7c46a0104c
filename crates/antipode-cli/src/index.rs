//! `antipode index`: secondary indexes, made, dropped, listed and checked.
//!
//! An index is described by its fields and options, or by a whole definition in JSON, as the other interfaces take it.
//! Its build goes on in the node whatever becomes of this program; `create` shows how far it is, and waits for its end.

use std::time::Duration;

use antipode_client::{Client, Error, Index as Found, Retry, Written};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use crate::connection::Connection;
use crate::output::{Cell, Grid};
use crate::progress::Progress;

/// How often a build that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Arguments of `antipode index`.
#[derive(Args, Debug)]
pub struct Index {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create an index, and wait until it is built; an equal one that exists is no error
    Create(Box<Create>),
    /// Drop an index; that there is none is no error
    Drop {
        /// The collection
        collection: String,
        /// The index: its name or its id
        index: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the indexes of a collection, and how far those are that are being built
    List {
        /// The collection
        collection: String,
        /// How they are written; in JSON, one a line
        #[arg(short, long, default_value = "table", value_parser = ["table", "json"])]
        format: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Hold indexes against their documents; it changes nothing, and fails if there is a difference
    Check {
        /// The collection; without one, all of the fabric
        collection: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  antipode index create users email --unique --sparse
  antipode index create users country,city --store name
  antipode index create posts 'tags[*]'
  antipode index create sessions seen --type ttl --expire-after 3600
  antipode index create towns place --type geo --geo-json
  antipode index create users '{\"fields\": [\"email\"], \"unique\": true}'")]
struct Create {
    /// The collection
    collection: String,
    /// Attribute paths with commas between them, such as a,b.c,tags[*]; or a definition as a JSON object
    fields: String,
    #[command(flatten)]
    options: Options,
    /// Do not wait until the index is built; one that is unique is waited for nevertheless, for as long as a call may last
    #[arg(long)]
    background: bool,
    /// Do not tell how far the build is
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What the index is apart from its fields.
#[derive(Args, Debug, Default)]
struct Options {
    /// What it is for [default: persistent]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
    /// Its name [default: idx_ and a number that follows from the definition]
    #[arg(long)]
    name: Option<String>,
    /// No two documents have the same values in the fields
    #[arg(long)]
    unique: bool,
    /// Documents without one of the fields are not in it
    #[arg(long)]
    sparse: bool,
    /// Further attributes that it holds, so that queries need not read the documents
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    store: Vec<String>,
    /// Of ttl: documents expire so many seconds after the time in the field
    #[arg(long, value_name = "SECONDS")]
    expire_after: Option<u64>,
    /// Of geo: the field holds GeoJSON, or [longitude, latitude]
    #[arg(long)]
    geo_json: bool,
    /// Of fulltext: shorter words are not in it [default: 2]
    #[arg(long, value_name = "CHARACTERS")]
    min_length: Option<u32>,
}

/// What an index is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// Equality, ranges, IN, sorting
    Persistent,
    /// Documents that expire
    Ttl,
    /// Places
    Geo,
    /// Words
    Fulltext,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Persistent => "persistent",
            Self::Ttl => "ttl",
            Self::Geo => "geo",
            Self::Fulltext => "fulltext",
        }
    }
}

impl Options {
    /// The definition that fields and options make.
    fn definition(&self, fields: &str) -> Result<Value> {
        let given = self.given();
        if fields.trim_start().starts_with('{') {
            if let Some(name) = given.keys().next() {
                bail!("the definition is given whole: write '{name}' into it");
            }
            return serde_json::from_str(fields).context("the definition is no JSON");
        }
        let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
        let mut definition = given;
        definition.insert("fields".to_owned(), json!(fields));
        Ok(Value::Object(definition))
    }

    /// The options that were given, by their names in a definition.
    fn given(&self) -> Map<String, Value> {
        let kind = self.kind.map(Kind::name);
        let pairs = [
            ("type", json!(kind)),
            ("name", json!(self.name)),
            ("unique", json!(self.unique.then_some(true))),
            ("sparse", json!(self.sparse.then_some(true))),
            (
                "storedValues",
                json!((!self.store.is_empty()).then_some(&self.store)),
            ),
            ("expireAfter", json!(self.expire_after)),
            ("geoJson", json!(self.geo_json.then_some(true))),
            ("minLength", json!(self.min_length)),
        ];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_null());
        given
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Runs a command on indexes.
pub async fn run(arguments: &Index) -> Result<()> {
    match &arguments.command {
        Command::Create(create) => create.run().await,
        Command::Drop {
            collection,
            index,
            connection,
        } => {
            let client = connection.open().await?;
            let dropped = client.drop_index(collection, index).await?;
            let told = if dropped { "dropped" } else { "does not exist" };
            println!("{index} {told}");
            Ok(())
        }
        Command::List {
            collection,
            format,
            connection,
        } => {
            let indexes = connection.open().await?.list_indexes(collection).await?;
            match format.as_str() {
                "json" => indexes.iter().for_each(|index| println!("{}", line(index))),
                _ => println!("{}", table(indexes)),
            }
            Ok(())
        }
        Command::Check {
            collection,
            connection,
        } => check(&connection.open_patiently().await?, collection.as_deref()).await,
    }
}

impl Create {
    async fn run(&self) -> Result<()> {
        let mut definition = self.options.definition(&self.fields)?;
        if let (true, Value::Object(definition)) = (self.background, &mut definition) {
            definition.insert("inBackground".to_owned(), Value::Bool(true));
        }
        let client = self.connection.open().await?;
        let mut build = Build::new(self.quiet);
        let created = self.create(&client, &definition, &mut build).await;
        build.end();
        let (index, is_new) = created?;
        if index.ready && index.duplicates > 0 {
            return self.refuse(&client, &index, is_new).await;
        }
        let told = match (is_new, index.ready) {
            (true, true) => "created",
            (true, false) => "is being built",
            (false, true) => "exists already",
            (false, false) => "exists already, and is being built",
        };
        println!("{} {told}", index.name);
        Ok(())
    }

    /// Creates the index, and says whether it is new. The node waits for the build as long as a call may last; then it is
    /// asked again and again.
    async fn create(
        &self,
        client: &Client,
        definition: &Value,
        build: &mut Build,
    ) -> Result<(Found, bool)> {
        let creating = client.create_index(&self.collection, definition);
        tokio::pin!(creating);
        let (mut index, is_new) = loop {
            tokio::select! {
                created = &mut creating => break created?,
                () = tokio::time::sleep(LOOK) => {
                    // What is told on the way is worth no error.
                    let indexes = client.list_indexes(&self.collection).await.unwrap_or_default();
                    let mut unfinished = indexes.iter().filter(|index| !index.ready);
                    // Of several it is not known which is this one.
                    if let (Some(index), None) = (unfinished.next(), unfinished.next()) {
                        build.show(index);
                    }
                }
            }
        };
        while !index.ready && !self.background {
            tokio::time::sleep(LOOK).await;
            let indexes = client.list_indexes(&self.collection).await?;
            let found = indexes.into_iter().find(|found| found.id == index.id);
            index = found.with_context(|| format!("{} was dropped meanwhile", index.name))?;
            build.show(&index);
        }
        Ok((index, is_new))
    }

    /// A unique index that was built on documents that are not, after the call that would have said so. One that was there
    /// before may be another's, and stays.
    async fn refuse(&self, client: &Client, index: &Found, is_new: bool) -> Result<()> {
        let end = if is_new {
            client.drop_index(&self.collection, &index.name).await?;
            "the index was not created".to_owned()
        } else {
            let name = &index.name;
            format!("{name} exists all the same: drop it, or change them and make it anew")
        };
        let message = format!(
            "{} of the documents of '{}' have a value in {} that another one has; {end}",
            index.duplicates,
            self.collection,
            list(&definition(index), "fields")
        );
        Err(Error::Database {
            code: 1210,
            name: "UNIQUE_CONSTRAINT_VIOLATED".to_owned(),
            message,
            retry: Retry::Never,
            written: Written::Nothing,
            line: 0,
            column: 0,
        }
        .into())
    }
}

/// Tells how far a build is.
struct Build {
    progress: Option<Progress>,
    quiet: bool,
}

impl Build {
    fn new(quiet: bool) -> Self {
        Self {
            progress: None,
            quiet,
        }
    }

    fn show(&mut self, index: &Found) {
        let (total, quiet) = (index.documents_total, self.quiet);
        let new = || Progress::of_documents("documents indexed", Some(total), quiet);
        let done = index.documents_done;
        self.progress.get_or_insert_with(new).set(done, done);
    }

    fn end(&self) {
        if let Some(progress) = &self.progress {
            progress.end();
        }
    }
}

async fn check(client: &Client, collection: Option<&str>) -> Result<()> {
    let check = client.check_indexes(collection).await?;
    for fault in &check.faults {
        println!("{fault}");
    }
    let shown = u64::try_from(check.faults.len()).unwrap_or(u64::MAX);
    if shown < check.faults_total {
        println!("… and {} more", check.faults_total - shown);
    }
    println!(
        "{}, {}, {}: {}",
        counted(check.indexes, "index", "indexes"),
        counted(check.documents, "document", "documents"),
        counted(check.entries, "entry", "entries"),
        match check.faults_total {
            0 => "no difference".to_owned(),
            faults => counted(faults, "difference", "differences"),
        }
    );
    if check.faults_total > 0 {
        bail!("drop an index that differs from its documents, and create it again");
    }
    Ok(())
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Indexes as a table.
pub fn table(indexes: Vec<Found>) -> Grid {
    let rows = indexes.into_iter().map(row).collect();
    let head = ["index", "type", "fields", "options", "entries", "state"]
        .map(str::to_owned)
        .to_vec();
    Grid::new(head, rows)
}

fn row(index: Found) -> Vec<Cell> {
    let definition = definition(&index);
    let mut options = Vec::new();
    for flag in ["unique", "sparse", "geoJson"] {
        if definition.get(flag) == Some(&Value::Bool(true)) {
            options.push(flag.to_owned());
        }
    }
    for number in ["expireAfter", "minLength"] {
        if let Some(value) = definition.get(number) {
            options.push(format!("{number} {value}"));
        }
    }
    let stored = list(&definition, "storedValues");
    if !stored.is_empty() {
        options.push(format!("stores {stored}"));
    }
    let kind = definition.get("type").and_then(Value::as_str);
    vec![
        Cell::text(index.name.clone()),
        Cell::text(kind.unwrap_or_default()),
        Cell::text(list(&definition, "fields")),
        Cell::text(options.join(", ")),
        Cell::number(index.entries),
        Cell::text(state(&index)),
    ]
}

fn state(index: &Found) -> String {
    match (index.ready, index.duplicates) {
        (false, _) => format!(
            "building, {} of {} documents",
            index.documents_done, index.documents_total
        ),
        (true, 0) => "ready".to_owned(),
        (true, duplicates) => format!("ready, {}", counted(duplicates, "duplicate", "duplicates")),
    }
}

/// An index as a line of JSON: its definition, and its state.
fn line(index: &Found) -> Value {
    let mut shown = definition(index);
    if let Value::Object(shown) = &mut shown {
        let state = [
            ("id", json!(index.id)),
            ("name", json!(index.name)),
            ("ready", json!(index.ready)),
            ("documentsDone", json!(index.documents_done)),
            ("documentsTotal", json!(index.documents_total)),
            ("duplicates", json!(index.duplicates)),
            ("entries", json!(index.entries)),
            ("selectivity", json!(index.selectivity)),
        ];
        shown.extend(state.map(|(name, value)| (name.to_owned(), value)));
    }
    shown
}

fn definition(index: &Found) -> Value {
    serde_json::from_str(&index.definition).unwrap_or_else(|_| json!({}))
}

/// The texts of a list within a definition.
fn list(definition: &Value, name: &str) -> String {
    let items = definition.get(name).and_then(Value::as_array);
    let items = items.into_iter().flatten().filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(", ")
}

/// The indexes of a collection as a table.
pub async fn table_of(client: &Client, collection: &str) -> Result<Grid, Error> {
    Ok(table(client.list_indexes(collection).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_options_make_a_definition() {
        let options = Options {
            unique: true,
            store: vec!["a".to_owned(), "b.c".to_owned()],
            name: Some("i".to_owned()),
            ..Options::default()
        };
        assert_eq!(
            options.definition("d, tags[*]").unwrap(),
            json!({"fields": ["d", "tags[*]"], "unique": true, "storedValues": ["a", "b.c"], "name": "i"})
        );
        let whole = r#" {"type": "geo", "fields": ["place"]}"#;
        assert_eq!(
            Options::default().definition(whole).unwrap(),
            json!({"type": "geo", "fields": ["place"]})
        );
        // Two sources would have to be merged, and one of them would win silently.
        assert!(options.definition(whole).is_err());
        assert!(Options::default().definition("{fields").is_err());
    }

    #[test]
    fn a_state_tells_of_builds_and_duplicates() {
        let index = |ready, duplicates| Found {
            id: "c/1".to_owned(),
            name: "i".to_owned(),
            definition: "{}".to_owned(),
            ready,
            documents_done: 256,
            documents_total: 1000,
            duplicates,
            entries: 256,
            selectivity: None,
        };
        assert_eq!(state(&index(false, 0)), "building, 256 of 1000 documents");
        assert_eq!(state(&index(true, 0)), "ready");
        assert_eq!(state(&index(true, 1)), "ready, 1 duplicate");
    }
}
