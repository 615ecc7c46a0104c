//! `cargo xtask conformance`: scores C8QL against a corpus of conformance cases.
//!
//! The corpus is no part of this repository; it is a folder with `open.jsonl` (the cases), `fixtures.json`
//! and `score.mjs` (run by Node.js). The scorer hands cases to the `c8ql_runner` example of the `antipode`
//! package, one JSON line in and one out, and judges its answers.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::rocksdb::Archive;
use crate::stage::run_command;
use crate::workspace::Workspace;

const VARIABLE: &str = "ANTIPODE_CONFORMANCE";

/// `cargo xtask conformance [DIR]`
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let corpus = match arguments {
        [] => named_corpus(),
        [folder] => Some(PathBuf::from(folder)),
        [_, extra, ..] => bail!("one corpus at a time, so not {extra:?} as well"),
    };
    let Some(corpus) = corpus else {
        println!(
            "conformance: no corpus named (an argument, or {VARIABLE}=DIR), so nothing was scored"
        );
        return Ok(());
    };
    score(workspace, &corpus)
}

/// The folder that the environment names.
pub fn named_corpus() -> Option<PathBuf> {
    env::var_os(VARIABLE)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

/// Builds the runner and prints its score.
pub fn score(workspace: &Workspace, corpus: &Path) -> Result<()> {
    let (scorer, cases) = (corpus.join("score.mjs"), corpus.join("open.jsonl"));
    for file in [&scorer, &cases] {
        ensure!(file.is_file(), "the corpus has no {}", file.display());
    }
    let archive = Archive::new(workspace)?;
    archive.ensure()?;
    let mut build = workspace.cargo();
    build
        .args(["build", "--package", "antipode", "--example", "c8ql_runner"])
        .envs(archive.environment());
    run_command(&mut build)?;
    let mut node = Command::new("node");
    node.arg(scorer)
        .arg("--cases")
        .arg(cases)
        .args(["--list", "0", "--"])
        .arg(workspace.target().join("debug/examples/c8ql_runner"));
    run_command(&mut node)
}
