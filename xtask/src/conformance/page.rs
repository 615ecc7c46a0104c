//! The page `docs/conformance.md`, and the recorded floor and reasons.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::score::Score;

const HEAD: &str = "\
# Conformance of C8QL

<!-- Written by `cargo xtask conformance DIR`; the reasons stand in `xtask/conformance.toml`. -->

The corpus is a set of queries with what an AQL engine of the 3.2 era gives for them. It is no part of this repository:
`cargo xtask conformance DIR`, or `ANTIPODE_CONFORMANCE=DIR cargo xtask test`, scores the database against a copy in `DIR`
and fails when the score falls below the recorded floor. Where the language reference says otherwise than a case, the
reference wins, and the case stays a failure with its reason below.
";

/// What `xtask/conformance.toml` records.
#[derive(Debug)]
pub struct Recorded {
    /// Percent of the cases that must pass.
    pub floor: f64,
    differences: Vec<Difference>,
}

#[derive(Debug)]
struct Difference {
    reason: String,
    cases: Vec<String>,
}

impl Recorded {
    /// `floor = PERCENT`, then `[[difference]]` with `reason` and `cases`.
    pub fn parse(text: &str) -> Result<Recorded> {
        let table: toml::Table = text.parse()?;
        let floor = table.get("floor").and_then(toml::Value::as_float);
        let floor = floor.context("no floor, as a number with a point")?;
        let mut differences: Vec<Difference> = Vec::new();
        let listed = table.get("difference").and_then(toml::Value::as_array);
        for difference in listed.into_iter().flatten() {
            let reason = difference.get("reason").and_then(toml::Value::as_str);
            let reason = reason.context("a difference without a reason")?;
            let cases = difference.get("cases").and_then(toml::Value::as_array);
            let cases: Vec<String> = cases
                .into_iter()
                .flatten()
                .filter_map(|case| case.as_str().map(str::to_owned))
                .collect();
            ensure!(!cases.is_empty(), "no cases with the reason {reason:?}");
            differences.push(Difference {
                reason: reason.trim().to_owned(),
                cases,
            });
        }
        Ok(Recorded { floor, differences })
    }

    /// Why a case fails.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.differences
            .iter()
            .find(|difference| difference.cases.iter().any(|case| case == id))
            .map(|difference| difference.reason.as_str())
    }

    /// All cases that have a reason.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        self.differences
            .iter()
            .flat_map(|difference| difference.cases.iter().map(String::as_str))
    }
}

/// The page for a score.
pub fn page(score: &Score, recorded: &Recorded) -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        "\n**{} of {} cases pass, {:.2} %**; the floor is {:.2} %.",
        score.passed,
        score.total,
        score.percent(),
        recorded.floor
    );
    failures(&mut page, score, recorded);
    page.push_str("\n## Score by file of cases\n\n| file | pass | of |\n| --- | ---: | ---: |\n");
    for (name, passed, total) in &score.files {
        let _ = writeln!(page, "| {name} | {passed} | {total} |");
    }
    page
}

/// The failing cases, those of one reason together.
fn failures(page: &mut String, score: &Score, recorded: &Recorded) {
    if score.failing.is_empty() {
        return;
    }
    page.push_str("\n## What fails, and why\n");
    let list = |page: &mut String, reason: Option<&str>, title: &str| {
        let mut cases = score
            .failing
            .iter()
            .filter(|(id, _)| recorded.reason(id) == reason)
            .peekable();
        if cases.peek().is_some() {
            let _ = writeln!(page, "\n{title}\n");
        }
        for (id, wrong) in cases {
            let _ = writeln!(page, "- `{id}`: {wrong}");
        }
    };
    for difference in &recorded.differences {
        list(page, Some(&difference.reason), &difference.reason);
    }
    list(page, None, "No reason is recorded yet:");
}

#[cfg(test)]
mod tests {
    use super::super::score::PRINTED;
    use super::*;

    #[test]
    fn failures_stand_with_their_reasons() {
        let text = "floor = 50.0\n[[difference]]\nreason = \"Because.\"\ncases = [\"two/B#1\"]\n";
        let recorded = Recorded::parse(text).unwrap();
        assert_eq!(recorded.reason("two/B#1"), Some("Because."));
        let page = page(&Score::parse(PRINTED).unwrap(), &recorded);
        let because = "Because.\n\n- `two/B#1`: expected 1501, got a result\n";
        let unknown = "No reason is recorded yet:\n\n- `two/A#1`: wrong result\n";
        assert!(page.contains(because) && page.contains(unknown), "{page}");
        assert!(page.contains("**3 of 5 cases pass, 60.00 %**; the floor is 50.00 %."));
        assert!(page.contains("| two | 1 | 3 |"));
    }

    #[test]
    fn what_is_recorded_must_make_sense() {
        for text in [
            "",
            "floor = 50",
            "floor = 1.0\n[[difference]]\ncases = [\"a\"]",
        ] {
            assert!(Recorded::parse(text).is_err(), "{text:?}");
        }
    }
}
