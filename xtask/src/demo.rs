//! `cargo xtask demo`: builds the binary and becomes `antipode demo`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::rocksdb::Archive;
use crate::stage::run_command;
use crate::workspace::Workspace;

/// Arguments are handed on to `antipode demo`.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let archive = Archive::new(workspace)?;
    archive.ensure()?;
    let mut build = workspace.cargo();
    build
        .args(["build", "--package", "antipode-cli"])
        .envs(archive.environment());
    run_command(&mut build)?;
    let binary = workspace.antipode_binary();
    // The demo takes over the terminal and its signals, so this process steps out of the way.
    let error = Command::new(&binary).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}
