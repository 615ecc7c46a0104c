//! `cargo xtask conformance`: scores C8QL against a corpus of conformance cases.
//!
//! The corpus is no part of this repository; it is a folder with `open.jsonl` (the cases), `fixtures.json`
//! and `score.mjs` (run by Node.js), named by an argument or by `ANTIPODE_CONFORMANCE`. The scorer hands cases to
//! the `c8ql_runner` example of the `antipode` package, one JSON line in and one out, and judges its answers.
//!
//! What it says becomes `docs/conformance.md`: the score of each file of cases, and each failing case with the reason
//! that `xtask/conformance.toml` records for it. That file also holds the floor, below which the score must not fall.

mod page;
mod score;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::rocksdb::Archive;
use crate::stage::run_command;
use crate::workspace::Workspace;
use page::Recorded;
use score::Score;

const VARIABLE: &str = "ANTIPODE_CONFORMANCE";
const PAGE: &str = "docs/conformance.md";
const RECORDED: &str = "xtask/conformance.toml";

/// `cargo xtask conformance [DIR]`: writes the page, then fails if the score is below the floor.
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
    let recorded = recorded(workspace)?;
    let score = score(workspace, &corpus)?;
    let path = workspace.root().join(PAGE);
    fs::write(&path, page::page(&score, &recorded)).with_context(|| PAGE.to_owned())?;
    println!("{PAGE} is written");
    println!("{}", verdict(&score, &recorded)?);
    Ok(())
}

/// The folder that the environment names.
pub fn named_corpus() -> Option<PathBuf> {
    env::var_os(VARIABLE)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

/// Scores and judges without writing the page; gives a line for people.
pub fn check(workspace: &Workspace, corpus: &Path) -> Result<String> {
    let recorded = recorded(workspace)?;
    verdict(&score(workspace, corpus)?, &recorded)
}

fn recorded(workspace: &Workspace) -> Result<Recorded> {
    let text = fs::read_to_string(workspace.root().join(RECORDED)).context(RECORDED)?;
    Recorded::parse(&text).context(RECORDED)
}

/// The score in a line, and what about the recorded reasons needs a look; an error below the floor.
fn verdict(score: &Score, recorded: &Recorded) -> Result<String> {
    let mut line = format!(
        "{} of {} cases pass, {:.2} %",
        score.passed,
        score.total,
        score.percent()
    );
    let unexplained = score
        .failing
        .iter()
        .filter(|(id, _)| recorded.reason(id).is_none())
        .count();
    if unexplained > 0 {
        line += &format!("; {unexplained} of the failing have no reason in {RECORDED}");
    }
    let healed = recorded.cases().filter(|id| !score.fails(id)).count();
    if healed > 0 {
        line += &format!("; {healed} with a reason there do not fail");
    }
    ensure!(
        score.percent() >= recorded.floor,
        "{line}: below the floor of {:.2} %",
        recorded.floor
    );
    Ok(line)
}

/// Builds the runner and lets the scorer judge it.
fn score(workspace: &Workspace, corpus: &Path) -> Result<Score> {
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
    let output = Command::new("node")
        .arg(scorer)
        .arg("--cases")
        .arg(cases)
        .arg("--")
        .arg(workspace.target().join("debug/examples/c8ql_runner"))
        .output()
        .context("the scorer needs Node.js")?;
    // The scorer fails while any case does; only what it printed tells whether it ran.
    let printed = String::from_utf8_lossy(&output.stdout);
    Score::parse(&printed).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("the scorer gave no score ({})", said.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_below_the_floor_fails() {
        let score = Score::parse(score::PRINTED).unwrap();
        let recorded = |floor: &str| Recorded::parse(&format!("floor = {floor}")).unwrap();
        let line = verdict(&score, &recorded("60.0")).unwrap();
        assert_eq!(
            line,
            "3 of 5 cases pass, 60.00 %; 2 of the failing have no reason in xtask/conformance.toml"
        );
        let error = verdict(&score, &recorded("60.01")).unwrap_err();
        assert!(error.to_string().ends_with("below the floor of 60.01 %"));
    }
}
