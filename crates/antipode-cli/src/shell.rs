//! `antipode shell`: queries by hand, and scripts of them.
//!
//! On a terminal the [`editor`] asks for one statement after the other; from a file or a pipe they are read by
//! [`command::Script`], and the first that fails ends the run. Both come to [`Shell::run`].
//!
//! ```text
//!  keys ─► editor ─┐                          ┌─► commands of the shell (\d, \help, …)
//!                  ├─► statement ─► command ──┤
//!  lines ► script ─┘                          └─► query ─► node ─► render
//! ```

mod command;
mod editor;
mod help;
mod names;
mod render;

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode_client::{Client, CollectionKind, Error, Graph, Query, Rows};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::catalog;
use crate::connection::Connection;
use crate::output::{Cell, Format, Grid, RowWriter};
use crate::query::bind_names;
pub use command::Script;
use command::{Command, Statement};
use editor::{Line, Lines};
use names::Names;

/// Arguments of `antipode shell`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How rows are written [default: a table on a terminal, else JSON]
    #[arg(short, long)]
    format: Option<Format>,
    /// Tell how long each query took
    #[arg(long)]
    timing: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the shell, until its user or its script ends it.
pub async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.connection.open().await?;
    let interrupts = Interrupts::watch().context("Ctrl-C cannot be watched for")?;
    let interactive = io::stdin().is_terminal();
    let format = arguments
        .format
        .unwrap_or(match interactive && io::stdout().is_terminal() {
            true => Format::Table,
            false => Format::Json,
        });
    let shell = Shell {
        connection: arguments.connection.clone(),
        names: Arc::new(Names::new(&client)),
        client,
        format,
        timing: arguments.timing,
        out: Out::Terminal,
        binds: BTreeMap::new(),
        last: None,
        including: 0,
        interrupts,
    };
    match interactive {
        true => converse(shell).await,
        false => run_script(shell).await,
    }
}

/// What comes after a statement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    GoOn,
    /// It was not done; the user has been told why.
    Failed,
    /// The user has stopped it, and been told so.
    Stopped,
    Leave,
}

async fn converse(mut shell: Shell) -> Result<ExitCode> {
    let mut lines =
        Lines::start(shell.names.clone(), colours()).context("the terminal cannot be used")?;
    let status = shell.client.status().await?;
    println!(
        "antipode {} · node {} in {}",
        status.version, status.node, status.region
    );
    println!("\\help shows what can be typed, Ctrl-D leaves");
    loop {
        let line = lines.next(format!("{}> ", shell.client.fabric())).await;
        let text = match line {
            Line::Text(text) => text,
            Line::Dropped => continue,
            Line::End => break,
            Line::Failed(reason) => bail!("the terminal cannot be read: {reason}"),
        };
        shell.interrupts.forget();
        if shell.run(&text).await? == Next::Leave {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_script(mut shell: Shell) -> Result<ExitCode> {
    let mut lines = input_lines();
    let mut script = Script::default();
    loop {
        let Some(line) = shell.interrupts.unless(lines.recv()).await else {
            eprintln!("{STOPPED}");
            return Ok(ExitCode::FAILURE);
        };
        let line = line.transpose().context("cannot read standard input")?;
        let whole = match &line {
            Some(line) => script.line(line),
            None => script.end().into_iter().collect(),
        };
        for statement in whole {
            match shell.run(&statement).await? {
                Next::GoOn => {}
                Next::Failed | Next::Stopped => return Ok(ExitCode::FAILURE),
                Next::Leave => return Ok(ExitCode::SUCCESS),
            }
        }
        if line.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// The lines of standard input, as they come. Reading blocks, so a thread does it.
fn input_lines() -> tokio::sync::mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = tokio::sync::mpsc::channel(64);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn colours() -> bool {
    let dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    io::stdout().is_terminal() && !dumb && env::var_os("NO_COLOR").is_none()
}

/// A session of someone with a node.
struct Shell {
    connection: Connection,
    client: Client,
    names: Arc<Names>,
    format: Format,
    timing: bool,
    out: Out,
    /// Values for the queries that name them.
    binds: BTreeMap<String, Value>,
    /// The last query, for `\watch`.
    last: Option<String>,
    /// Files that are being run, one out of the other.
    including: usize,
    interrupts: Interrupts,
}

/// Where results go.
enum Out {
    Terminal,
    File(File),
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal => io::stdout().write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal => io::stdout().flush(),
            Self::File(file) => file.flush(),
        }
    }
}

impl Shell {
    /// Does what was typed. An error means that nothing can be shown any more.
    async fn run(&mut self, text: &str) -> Result<Next> {
        match command::read(text) {
            Ok(Statement::Nothing) => Ok(Next::GoOn),
            Ok(Statement::Query(query)) => {
                self.last = Some(query.clone());
                self.query(&query).await
            }
            Ok(Statement::Command(Command::Include(file))) => {
                Box::pin(self.include(Path::new(&file))).await
            }
            Ok(Statement::Command(Command::Watch { pause, times })) => {
                self.watch(pause, times).await
            }
            Ok(Statement::Command(command)) => {
                let interrupts = self.interrupts.clone();
                match interrupts.unless(self.command(command)).await {
                    Some(next) => next,
                    None => Ok(stopped()),
                }
            }
            Err(message) => Ok(complain(&format!("error: {message}"))),
        }
    }

    /// Runs what is in a file, up to its first error.
    async fn include(&mut self, file: &Path) -> Result<Next> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                let file = file.display();
                return Ok(complain(&format!("error: cannot read {file}: {error}")));
            }
        };
        if self.including == INCLUDES_MAX {
            return Ok(complain("error: too many files within files"));
        }
        self.including += 1;
        let next = self.run_all(&text).await;
        self.including -= 1;
        next
    }

    async fn run_all(&mut self, text: &str) -> Result<Next> {
        let mut script = Script::default();
        let mut statements: Vec<String> = text.lines().flat_map(|line| script.line(line)).collect();
        statements.extend(script.end());
        for statement in statements {
            let next = self.run(&statement).await?;
            if next != Next::GoOn {
                return Ok(next);
            }
        }
        Ok(Next::GoOn)
    }

    /// Runs the last query again and again, until it fails, or Ctrl-C.
    async fn watch(&mut self, pause: Duration, times: Option<u64>) -> Result<Next> {
        let Some(query) = self.last.clone() else {
            return Ok(complain("error: there is no query yet to be watched"));
        };
        let mut rounds = 0;
        while times.is_none_or(|times| rounds < times) {
            let pause = tokio::time::sleep(pause);
            if rounds > 0 && self.interrupts.unless(pause).await.is_none() {
                return Ok(Next::GoOn);
            }
            match self.query(&query).await? {
                Next::GoOn => {}
                Next::Stopped => return Ok(Next::GoOn),
                other => return Ok(other),
            }
            rounds += 1;
        }
        Ok(Next::GoOn)
    }

    /// A query with the bind parameters that it names.
    fn call(&self, query: &str) -> Result<Query, Error> {
        let mut call = self.client.query(query);
        for name in bind_names(query) {
            if let Some(value) = self.binds.get(name) {
                call = call.bind(name, value)?;
            }
        }
        Ok(call)
    }

    async fn query(&mut self, query: &str) -> Result<Next> {
        if let Some(message) = render::syntax_error(query) {
            return Ok(complain(&message));
        }
        let began = Instant::now();
        let call = async { self.call(query)?.rows().await };
        let answer = self.interrupts.unless(call).await;
        let mut rows = match answer {
            Some(Ok(rows)) => rows,
            Some(Err(error)) => return Ok(complain(&render::error(&error, query))),
            None => return Ok(stopped()),
        };
        let next = self.show(&mut rows, query).await?;
        if next == Next::GoOn {
            if let Some(extra) = rows.extra() {
                eprint!("{}", render::warnings(extra));
            }
            if self.timing {
                let timing = render::timing(began.elapsed(), rows.extra());
                writeln!(self.out, "{timing}")?;
            }
        }
        Ok(next)
    }

    async fn show(&mut self, rows: &mut Rows, query: &str) -> Result<Next> {
        let mut writer = RowWriter::new(&mut self.out, self.format);
        loop {
            match self.interrupts.unless(rows.next()).await {
                Some(Ok(Some(row))) => writer.row(row.json())?,
                Some(Ok(None)) => break,
                Some(Err(error)) => {
                    writer.end(None)?;
                    return Ok(complain(&render::error(&error, query)));
                }
                None => {
                    writer.end(None)?;
                    return Ok(stopped());
                }
            }
        }
        writer.end(rows.extra())?;
        Ok(Next::GoOn)
    }

    async fn command(&mut self, command: Command) -> Result<Next> {
        let answer = match command {
            Command::Quit => return Ok(Next::Leave),
            Command::Help(subject) => {
                help::about(subject.as_deref()).map_err(|message| format!("error: {message}"))
            }
            Command::Timing(on) => {
                self.timing = on.unwrap_or(!self.timing);
                Ok(format!(
                    "timing is {}",
                    if self.timing { "on" } else { "off" }
                ))
            }
            Command::Format(format) => {
                self.format = format;
                Ok(String::new())
            }
            Command::Explain(query) => self.explain(&query).await,
            Command::Profile(query) => self.profile(&query).await,
            Command::Status => told(
                self.client
                    .status()
                    .await
                    .map(|status| render::status(&status)),
            ),
            Command::Create(what, name) => {
                self.changed(what.create(&self.client, &name, false).await)
            }
            Command::CreateGraph(name, relations) => {
                let relations = relations.into_iter();
                let graph = Graph {
                    name,
                    edge_definitions: relations.map(|relation| relation.0).collect(),
                    orphans: Vec::new(),
                };
                self.changed(catalog::create_graph(&self.client, graph).await)
            }
            Command::Drop(what, name) => self.changed(what.drop(&self.client, &name).await),
            Command::Fabrics => told(
                self.client
                    .list_fabrics()
                    .await
                    .map(|names| names.join("\n")),
            ),
            Command::Connect { address, fabric } => {
                self.connect(address.as_deref(), fabric.as_deref()).await
            }
            Command::Bind(None) => Ok(self.bound()),
            Command::Bind(Some((name, value))) => {
                self.binds.insert(name, value);
                Ok(String::new())
            }
            Command::Unbind(None) => {
                self.binds.clear();
                Ok(String::new())
            }
            Command::Unbind(Some(name)) => match self.binds.remove(&name) {
                Some(_) => Ok(String::new()),
                None => Err(format!("error: there is no bind parameter @{name}")),
            },
            Command::Output(file) => self.redirect(file.as_deref()),
            // These run statements themselves.
            Command::Include(_) | Command::Watch { .. } => Ok(String::new()),
            Command::Describe(None) => told(self.catalog().await),
            Command::Describe(Some(collection)) => self.describe(&collection).await,
        };
        Ok(match answer {
            Ok(text) if text.is_empty() => Next::GoOn,
            Ok(text) => {
                writeln!(self.out, "{text}")?;
                Next::GoOn
            }
            Err(message) => complain(&message),
        })
    }

    async fn explain(&self, query: &str) -> Answer {
        if let Some(message) = render::syntax_error(query) {
            return Err(message);
        }
        let explain = async { self.call(query)?.explain().await };
        let explanation = explain
            .await
            .map_err(|error| render::error(&error, query))?;
        Ok(explanation.text.trim_end().to_owned())
    }

    /// Runs a query for its profile; its rows are not shown.
    async fn profile(&self, query: &str) -> Answer {
        if let Some(message) = render::syntax_error(query) {
            return Err(message);
        }
        let run = async { self.call(query)?.profile(PROFILE_NODES).run().await };
        let extra = run.await.map_err(|error| render::error(&error, query))?;
        eprint!("{}", render::warnings(&extra));
        match extra.profile {
            Some(profile) => Ok(profile.text.trim_end().to_owned()),
            None => Err("error: the node gives no profiles".to_owned()),
        }
    }

    async fn connect(&mut self, address: Option<&str>, fabric: Option<&str>) -> Answer {
        let fabric = fabric.unwrap_or(self.client.fabric()).to_owned();
        let (connection, client) = match address {
            Some(address) => {
                let connection = self.connection.at(address, &fabric);
                let opened = connection.open().await;
                let client = opened.map_err(|error| format!("error: {error:#}"))?;
                (connection, client)
            }
            None => (self.connection.clone(), self.client.with_fabric(&fabric)),
        };
        let names = told(client.list_fabrics().await)?;
        if !names.contains(&fabric) {
            let names = names.join(", ");
            return Err(format!("error: there is no fabric '{fabric}', but {names}"));
        }
        self.connection = connection;
        self.client = client;
        self.names.forget(&self.client);
        Ok(String::new())
    }

    /// The bind parameters and their values.
    fn bound(&self) -> String {
        let lines: Vec<String> = self
            .binds
            .iter()
            .map(|(name, value)| format!("@{name} = {value}"))
            .collect();
        match lines.is_empty() {
            true => "there are no bind parameters".to_owned(),
            false => lines.join("\n"),
        }
    }

    fn redirect(&mut self, file: Option<&str>) -> Answer {
        self.out = match file {
            None => Out::Terminal,
            Some(file) => {
                let opened = File::create(file);
                Out::File(opened.map_err(|error| format!("error: cannot write {file}: {error}"))?)
            }
        };
        Ok(String::new())
    }

    /// After a change of the catalog, names are asked for anew.
    fn changed(&self, result: Result<String, Error>) -> Answer {
        self.names.forget(&self.client);
        told(result)
    }

    /// The collections, named graphs and streams of the fabric.
    async fn catalog(&self) -> Result<String, Error> {
        let collections = self.client.list_collections().await?;
        let graphs = self.client.list_graphs().await?;
        let streams = self.client.list_streams().await?;
        if collections.is_empty() && graphs.is_empty() && streams.is_empty() {
            return Ok(format!(
                "fabric {} has no collections yet",
                self.client.fabric()
            ));
        }
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for collection in collections {
            rows.push(vec![
                Cell::text(collection.name),
                Cell::text(kind(collection.kind)),
                Cell::number(collection.count),
            ]);
        }
        for graph in graphs {
            rows.push(vec![
                Cell::text(graph.name),
                Cell::text("graph"),
                Cell::text(""),
            ]);
        }
        for stream in streams {
            rows.push(vec![
                Cell::text(stream),
                Cell::text("stream"),
                Cell::text(""),
            ]);
        }
        let head = ["name", "kind", "documents"].map(str::to_owned).to_vec();
        Ok(Grid::new(head, rows).to_string())
    }

    /// A collection and the attributes that its documents have, or a named graph.
    async fn describe(&self, name: &str) -> Answer {
        let collections = told(self.client.list_collections().await)?;
        let graphs = told(self.client.list_graphs().await)?;
        if let Some(graph) = graphs.into_iter().find(|graph| graph.name == name) {
            return Ok(describe_graph(graph));
        }
        let Some(collection) = collections
            .iter()
            .find(|collection| collection.name == name)
        else {
            let fabric = self.client.fabric();
            return Err(format!(
                "error: there is no collection '{name}' in fabric {fabric}"
            ));
        };
        let attributes = told(names::sample(&self.client, name).await)?;
        let head = format!(
            "{name}: {} collection, {} documents",
            kind(collection.kind),
            collection.count
        );
        let rows: Vec<Vec<Cell>> = attributes
            .walk()
            .into_iter()
            .map(|(path, attribute)| {
                let types: Vec<&str> = attribute.types.keys().copied().collect();
                vec![
                    Cell::text(path),
                    Cell::text(types.join(", ")),
                    Cell::number(attribute.documents),
                ]
            })
            .collect();
        let indexes = told(crate::index::table_of(&self.client, name).await)?;
        let head = format!("{head}\n{indexes}");
        if rows.is_empty() {
            return Ok(head);
        }
        let columns = ["attribute", "types", "in sample"]
            .map(str::to_owned)
            .to_vec();
        Ok(format!("{head}\n{}", Grid::new(columns, rows)))
    }
}

/// A named graph: its edge definitions, and its orphans.
fn describe_graph(graph: Graph) -> String {
    let definitions = graph.edge_definitions.into_iter();
    let rows: Vec<Vec<Cell>> = definitions
        .map(|definition| {
            vec![
                Cell::text(definition.collection),
                Cell::text(definition.from.join(", ")),
                Cell::text(definition.to.join(", ")),
            ]
        })
        .collect();
    let mut text = format!("{}: graph", graph.name);
    if !graph.orphans.is_empty() {
        text.push_str(&format!(", orphans {}", graph.orphans.join(", ")));
    }
    if !rows.is_empty() {
        let columns = ["edges", "from", "to"].map(str::to_owned).to_vec();
        text.push_str(&format!("\n{}", Grid::new(columns, rows)));
    }
    text
}

/// What a command shows, or why it cannot.
type Answer = Result<String, String>;

fn told<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| render::error(&error, ""))
}

fn kind(kind: CollectionKind) -> &'static str {
    match kind {
        CollectionKind::Document => "document",
        CollectionKind::Edge => "edge",
        CollectionKind::Kv => "key-value",
    }
}

/// Ctrl-C, heard all the time: one that comes between two waits ends the second.
#[derive(Clone)]
struct Interrupts(Arc<Notify>);

impl Interrupts {
    fn watch() -> io::Result<Self> {
        let mut signals = signal(SignalKind::interrupt())?;
        let notify = Arc::new(Notify::new());
        let heard = notify.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                heard.notify_one();
            }
        });
        Ok(Self(notify))
    }

    /// Waits for something, unless Ctrl-C comes first. What is dropped here is cancelled on the node. Not to be used within
    /// itself: one of the two hears it.
    async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.notified() => None,
            done = work => Some(done),
        }
    }

    /// Passes over a Ctrl-C that came when there was nothing to stop.
    fn forget(&self) {
        pin!(self.0.notified()).enable();
    }
}

/// The level of a profile that tells of every node of the plan.
const PROFILE_NODES: u32 = 2;

/// A file may run another, so deep.
const INCLUDES_MAX: usize = 16;

/// What is said of a query that Ctrl-C has ended.
const STOPPED: &str = "stopped";

fn complain(message: &str) -> Next {
    eprintln!("{message}");
    Next::Failed
}

fn stopped() -> Next {
    eprintln!("{STOPPED}");
    Next::Stopped
}
