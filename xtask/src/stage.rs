//! A long task as a list of timed stages: each is announced, run, and stands in the summary at the end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The stages that have run so far, with what they came to.
#[derive(Default)]
pub struct Stages {
    done: Vec<Stage>,
}

struct Stage {
    name: String,
    took: Duration,
    outcome: Outcome,
}

enum Outcome {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// What libtest said, added over all test binaries of a stage.
#[derive(Debug, Default, PartialEq)]
pub struct TestCounts {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl Stages {
    /// Runs one stage. Its error is kept for the summary; the stages after it still run.
    pub fn run(&mut self, name: &str, body: impl FnOnce() -> Result<String>) {
        println!("\n==> {name}");
        let begun = Instant::now();
        let outcome = match body() {
            Ok(note) => Outcome::Passed(note),
            Err(error) => {
                println!("{error:#}");
                // The summary has one line for each stage.
                let text = format!("{error:#}");
                Outcome::Failed(text.lines().next().unwrap_or("failed").to_owned())
            }
        };
        self.done.push(Stage {
            name: name.to_owned(),
            took: begun.elapsed(),
            outcome,
        });
    }

    /// Notes a stage that has nothing to do, and why.
    pub fn skip(&mut self, name: &str, reason: &str) {
        println!("\n==> {name}: skipped, {reason}");
        self.done.push(Stage {
            name: name.to_owned(),
            took: Duration::ZERO,
            outcome: Outcome::Skipped(reason.to_owned()),
        });
    }

    /// Prints the summary; an error if any stage failed.
    pub fn finish(self) -> Result<()> {
        let width = self
            .done
            .iter()
            .map(|stage| stage.name.len())
            .max()
            .unwrap_or(0);
        let total: Duration = self.done.iter().map(|stage| stage.took).sum();
        println!("\nSummary");
        for stage in &self.done {
            let (mark, note) = match &stage.outcome {
                Outcome::Passed(note) => ("ok", note),
                Outcome::Failed(note) => ("FAILED", note),
                Outcome::Skipped(note) => ("skipped", note),
            };
            println!(
                "  {mark:<7}  {:<width$}  {:>7}  {note}",
                stage.name,
                duration(stage.took)
            );
        }
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|stage| matches!(stage.outcome, Outcome::Failed(_)))
            .map(|stage| stage.name.as_str())
            .collect();
        println!("  total {}", duration(total));
        if failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", failed.join(", "))
    }
}

impl TestCounts {
    fn add_line(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(count) = count.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

/// Runs a command with its output shown as it comes.
pub fn run_command(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", describe(command));
    }
    Ok(())
}

/// Runs `cargo test …` with its output shown as it comes, and counts the tests.
pub fn run_tests(command: &mut Command) -> Result<TestCounts> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    let mut counts = TestCounts::default();
    let mut failures = Vec::new();
    let output = child.stdout.take().context("the output was not piped")?;
    let mut shown = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        counts.add_line(&text);
        failures.extend(failed_test(&text).map(str::to_owned));
        shown.write_all(&line)?;
        shown.write_all(b"\n")?;
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(counts);
    }
    if failures.is_empty() {
        // Then something did not compile, or a test binary died.
        bail!("{counts}; cargo test failed ({status}), see above");
    }
    bail!("{counts}: {}", failures.join(", "))
}

/// The name in libtest's line about a test that failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

impl std::fmt::Display for TestCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests passed", self.passed)?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.ignored > 0 {
            write!(f, ", {} ignored", self.ignored)?;
        }
        Ok(())
    }
}

fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A duration for people: `0.4s`, `12s`, `3m05s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1}s", duration.as_secs_f64()),
        10..=59 => format!("{seconds}s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_results_are_added_up() {
        let mut counts = TestCounts::default();
        counts.add_line("running 3 tests");
        counts.add_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s");
        counts.add_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s");
        assert_eq!(
            counts,
            TestCounts {
                passed: 15,
                failed: 2,
                ignored: 1
            }
        );
        assert_eq!(counts.to_string(), "15 tests passed, 2 failed, 1 ignored");
    }

    #[test]
    fn failed_tests_are_named() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b"));
        assert_eq!(failed_test("test a::b ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 3 passed"), None);
    }

    #[test]
    fn durations_are_short() {
        let of = |millis| duration(Duration::from_millis(millis));
        assert_eq!([of(420), of(12_900), of(185_000)], ["0.4s", "12s", "3m05s"]);
    }

    #[test]
    fn a_failed_stage_fails_the_whole_but_not_the_next() {
        let mut stages = Stages::default();
        let mut second_ran = false;
        stages.run("first", || bail!("broken"));
        stages.run("second", || {
            second_ran = true;
            Ok(String::new())
        });
        assert!(second_ran);
        assert_eq!(
            stages.finish().expect_err("must fail").to_string(),
            "failed: first"
        );
    }
}
