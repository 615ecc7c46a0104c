//! `cargo xtask test`: every test, the quick news first.
//!
//! RocksDB's archive is compiled in the background while the packages that do not reach RocksDB are tested;
//! which ones these are is read from the manifests. The rest follow when the archive is there. A failure in
//! one stage does not keep the others from running, so that one run tells all that is wrong.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::conformance;
use crate::manifest;
use crate::rocksdb::Archive;
use crate::stage::{Stages, run_command, run_tests};
use crate::workspace::Workspace;

/// Set for all tests by `--full`: counts that were cut to keep the run short are what the design asks for.
const FULL: &str = "ANTIPODE_TEST_FULL";
/// The seed of property tests; without it they take another one each time.
const PROPTEST_SEED: &str = "PROPTEST_RNG_SEED";
/// Where tests that start real processes find the binary.
const BINARY: &str = "ANTIPODE_BINARY";

struct Options {
    full: bool,
    pure_only: bool,
}

/// `cargo xtask test [--full] [--pure]`
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let archive = Archive::new(workspace)?;
    let packages = manifest::packages(workspace)?;
    let late = manifest::reaching(&packages, "rocksdb");
    let early: BTreeSet<String> = packages
        .keys()
        .filter(|name| !late.contains(*name))
        .cloned()
        .collect();

    let mut stages = Stages::default();
    thread::scope(|scope| {
        let building = (!options.pure_only).then(|| scope.spawn(|| archive.ensure()));
        stages.run("pure packages", || {
            test(workspace, &archive, &early, &options)
        });
        stages.run("planted bugs", || planted(workspace, &archive));
        let Some(building) = building else {
            return;
        };
        let mut ready = false;
        stages.run("RocksDB archive", || {
            building
                .join()
                .map_err(|_| anyhow!("the build panicked"))??;
            ready = true;
            Ok("the time is what was left of it after the pure packages".to_owned())
        });
        if !ready {
            stages.skip("packages on RocksDB", "there is no archive to link");
            return;
        }
        // With the tests of the same packages, not by itself: another selection of packages unifies features in another
        // way, and cargo would compile half of the dependencies once more.
        stages.run("antipode binary and tests", || {
            let mut build = workspace.cargo();
            build.args(["test", "--no-run"]);
            for package in &late {
                build.args(["--package", package]);
            }
            run_command(build.envs(archive.environment())).map(|()| String::new())
        });
        stages.run("packages on RocksDB", || {
            test(workspace, &archive, &late, &options)
        });
        stages.run("demo", || {
            let mut demo = Command::new(workspace.antipode_binary());
            run_command(demo.args(["demo", "--check"])).map(|()| String::new())
        });
        match conformance::named_corpus() {
            Some(corpus) => stages.run("C8QL conformance", || {
                conformance::check(workspace, &corpus)
            }),
            None => stages.skip("C8QL conformance", "ANTIPODE_CONFORMANCE names no corpus"),
        }
    });
    stages.finish()
}

/// The harnesses against bugs that were put in on purpose. Each is behind a feature that no other stage turns on.
fn planted(workspace: &Workspace, archive: &Archive) -> Result<String> {
    let mut told = Vec::new();
    for package in ["antipode-crdt", "antipode-sim"] {
        let mut command = workspace.cargo();
        command
            .args(["test", "--package", package])
            .args(["--features", "planted-bugs", "--test", "planted"])
            .envs(archive.environment());
        told.push(run_tests(&mut command)?.to_string());
    }
    Ok(told.join(", "))
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        full: env::var_os(FULL).is_some(),
        pure_only: false,
    };
    for argument in arguments {
        match argument.as_str() {
            "--full" => options.full = true,
            "--pure" => options.pure_only = true,
            unknown => bail!(
                "test knows --full and --pure, not {unknown:?}; for single tests there is `cargo test`"
            ),
        }
    }
    Ok(options)
}

fn test(
    workspace: &Workspace,
    archive: &Archive,
    packages: &BTreeSet<String>,
    options: &Options,
) -> Result<String> {
    packages.first().context("no packages to test")?;
    let mut command = workspace.cargo();
    command.args(["test", "--no-fail-fast"]);
    for package in packages {
        command.args(["--package", package]);
    }
    command
        .envs(archive.environment())
        .env(BINARY, workspace.antipode_binary());
    // Whoever changes something is to be told about that, and not about what another seed would have found before.
    match options.full {
        true => command.env(FULL, "1"),
        false => command.env(PROPTEST_SEED, "20261121"),
    };
    Ok(run_tests(&mut command)?.to_string())
}
