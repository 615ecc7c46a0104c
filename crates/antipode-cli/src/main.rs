//! The `antipode` program: one binary for a node, its operators and its users.
//!
//! Each subcommand has a module of its own. `serve` runs a node; `cluster` makes certificates; `query`, `status` and
//! `shell` are clients, and reach a node by what `connection` takes; `demo` runs three nodes and shows what they do.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// What a write allocates on a client's thread is freed on another, which the system's allocator pays for with locks: with
/// this one writes are half as fast again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod catalog;
mod cluster;
mod connection;
mod demo;
mod export;
mod import;
mod index;
mod output;
mod progress;
mod query;
mod serve;
mod settings;
mod shell;
mod statements;
mod status;
mod table;

/// When the command is done, threads that still block, such as that of a call that was cut off, have so long to end. With
/// the five seconds that a node gives its calls this is within the ten that containers are given to stop.
const END: Duration = Duration::from_secs(4);

/// A geo-distributed multi-model database: every region writes, all of them converge.
#[derive(Parser)]
#[command(name = "antipode", version, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node: a single one, or a member of a cluster
    Serve(serve::Serve),
    /// Type queries: editing, history, completion; or run a script of them
    Shell(shell::Arguments),
    /// Run a query in C8QL on a node
    Query(query::Query),
    /// Write the records of a file into a collection: JSON lines, a JSON array, CSV
    Import(Box<import::Import>),
    /// Write a collection, or the rows of a query, into a file: JSON lines, a JSON array, CSV
    Export(export::Export),
    /// Show how a node and its cluster do
    Status(status::Status),
    /// Create a collection, a named graph, a stream or a fabric
    Create(catalog::Create),
    /// Drop a collection, a named graph, a stream or a fabric
    Drop(catalog::Drop),
    /// Create, drop, list and check secondary indexes
    Index(index::Index),
    /// Make the certificates of a cluster
    Cluster(cluster::Cluster),
    /// Run three regions on this machine: real data, a partition, a heal, a kill -9
    Demo(demo::Demo),
}

fn main() -> ExitCode {
    let program = Program::parse();
    match run(program.command) {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error{}: {error:#}", code(&error));
            exit_code(&error)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    if let Command::Cluster(arguments) = &command {
        return cluster::run(arguments).map(|()| ExitCode::SUCCESS);
    }
    complete(async {
        match command {
            Command::Serve(arguments) => serve::run(&arguments).await?,
            Command::Shell(arguments) => return shell::run(&arguments).await,
            Command::Query(arguments) => query::run(&arguments).await?,
            Command::Import(arguments) => return import::run(&arguments).await,
            Command::Export(arguments) => export::run(&arguments).await?,
            Command::Status(arguments) => status::run(&arguments).await?,
            Command::Create(arguments) => catalog::create(&arguments).await?,
            Command::Drop(arguments) => catalog::drop(&arguments).await?,
            Command::Index(arguments) => index::run(&arguments).await?,
            Command::Demo(arguments) => return demo::run(&arguments).await,
            Command::Cluster(_) => {}
        }
        Ok(ExitCode::SUCCESS)
    })?
}

/// Runs a command to its end, and no longer.
fn complete<T>(command: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(END);
    Ok(done)
}

/// What a script can tell apart. 2 is a wrong command line, as clap says it; 1 is everything else.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    use antipode_client::{Error, Retry};
    let client = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    ExitCode::from(match client {
        // The database refuses it: a syntax error, an unknown name, a key that exists.
        Some(Error::Database {
            retry: Retry::Never,
            ..
        }) => 3,
        // It lost a race, or the node cannot do it now.
        Some(Error::Database { .. }) => 4,
        // No node can be reached, or the answer was lost.
        Some(Error::Unreachable { .. } | Error::Lost { .. } | Error::TimedOut) => 5,
        _ => 1,
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The stable number of an error, if it has one: ` 1203`.
fn code(error: &anyhow::Error) -> String {
    let number = error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<antipode_client::Error>() {
            return error.code();
        }
        if let Some(error) = cause.downcast_ref::<antipode::config::ConfigError>() {
            return Some(error.code());
        }
        if let Some(error) = cause.downcast_ref::<antipode_server::StartError>() {
            return Some(error.code());
        }
        let error = cause.downcast_ref::<antipode::Error>()?;
        Some(error.code())
    });
    number
        .map(|number| format!(" {number}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Program::command().debug_assert();
    }

    #[test]
    fn the_program_ends_though_a_thread_of_its_runtime_does_not() {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (told, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let done = complete(async {
                tokio::task::spawn_blocking(move || held.recv());
                7
            });
            told.send(done.ok())
        });
        let done = ended.recv_timeout(Duration::from_secs(120));
        assert_eq!(done, Ok(Some(7)));
        drop(hold);
    }
}
