//! `cargo xtask lint`: what must hold before a change is read by anyone.

use anyhow::Result;

use crate::rocksdb::Archive;
use crate::stage::{Stages, run_command};
use crate::tidy;
use crate::workspace::Workspace;

/// Format, tidy, and clippy with warnings as errors.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("format", || {
        run_command(workspace.cargo().args(["fmt", "--all", "--", "--check"]))?;
        Ok(String::new())
    });
    stages.run("tidy", || tidy::run(workspace).map(|()| String::new()));
    stages.run("clippy", || {
        // Clippy links nothing: it needs to know where the RocksDB archive will be, not the archive.
        let archive = Archive::new(workspace)?;
        let mut command = workspace.cargo();
        command
            .args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ])
            .envs(archive.environment());
        run_command(&mut command)?;
        Ok(String::new())
    });
    stages.finish()
}
