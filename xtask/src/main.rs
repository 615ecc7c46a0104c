//! Repository tasks, run as `cargo xtask <task>`: what a developer, CI and the README's two commands need.
//!
//! Tasks that build anything first make sure that a C++ compiler and libclang are there (`toolchain`) and
//! that RocksDB has been compiled once (`rocksdb`); everything else is cargo, run in order and timed
//! (`stage`). The dependencies are few on purpose: this program is built before anything else can start.

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

mod conformance;
mod demo;
mod error_codes;
mod lint;
mod manifest;
mod rocksdb;
mod stage;
mod test;
mod tidy;
mod toolchain;
mod workspace;

use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask <task>

  demo [--check] [...]  build antipode and run its demo: three regions, a cut, a heal, a kill -9
  test [--full]         every test; --full runs the long ones at their full count
                        --pure runs only those that need no RocksDB
  lint                  format, clippy with warnings as errors, tidy
  tidy                  the repository's own rules: file heads, dependency arrows, file lengths
  error-codes           write docs/error-codes.md from the source
  conformance [DIR]     score the C8QL conformance cases in DIR (or ANTIPODE_CONFORMANCE=DIR)
  rocksdb               compile the RocksDB archive once, and print how to link to it
  setup                 check the C++ toolchain, install what is missing
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((task, rest)) = arguments.split_first() else {
        bail!("which task?\n\n{USAGE}");
    };
    let workspace = Workspace::find()?;
    match task.as_str() {
        "demo" => demo::run(&workspace, rest),
        "test" => test::run(&workspace, rest),
        "lint" => none(rest).and_then(|()| lint::run(&workspace)),
        "tidy" => none(rest).and_then(|()| tidy::run(&workspace)),
        "error-codes" => none(rest).and_then(|()| error_codes::run(&workspace)),
        "conformance" => conformance::run(&workspace, rest),
        "rocksdb" => none(rest).and_then(|()| rocksdb::run(&workspace)),
        "setup" => none(rest).and_then(|()| toolchain::ensure().map(drop)),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => bail!("there is no task {unknown:?}\n\n{USAGE}"),
    }
}

fn none(rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(argument) => bail!("this task takes no arguments, so not {argument:?}"),
        None => Ok(()),
    }
}
