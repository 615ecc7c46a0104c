//! What the scorer prints: a line for each file of cases, the total, and the failing cases with what is wrong.

use anyhow::{Context, Result};

/// The outcome of a run over a corpus.
#[derive(Debug, PartialEq)]
pub struct Score {
    /// Passed and total of each file of cases, in the order of the scorer.
    pub files: Vec<(String, u64, u64)>,
    pub passed: u64,
    pub total: u64,
    /// Id, and what is wrong.
    pub failing: Vec<(String, String)>,
}

impl Score {
    /// Reads what the scorer printed.
    pub fn parse(printed: &str) -> Result<Score> {
        let mut files = Vec::new();
        let mut failing = Vec::new();
        let mut total = None;
        for line in printed.lines() {
            if let Some((id, wrong)) = line.split_once('\t') {
                failing.push((id.to_owned(), wrong.to_owned()));
            } else if let Some((name, passed, all)) = counts(line) {
                if name == "TOTAL" {
                    total = Some((passed, all));
                } else {
                    files.push((name.to_owned(), passed, all));
                }
            }
        }
        let (passed, total) = total.context("no line TOTAL")?;
        Ok(Score {
            files,
            passed,
            total,
            failing,
        })
    }

    pub fn percent(&self) -> f64 {
        100.0 * self.passed as f64 / self.total.max(1) as f64
    }

    pub fn fails(&self, id: &str) -> bool {
        self.failing.iter().any(|(failing, _)| failing == id)
    }
}

/// `NAME   passed / total …`
fn counts(line: &str) -> Option<(&str, u64, u64)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let passed = words.next()?.parse().ok()?;
    if words.next()? != "/" {
        return None;
    }
    Some((name, passed, words.next()?.parse().ok()?))
}

#[cfg(test)]
pub(super) const PRINTED: &str = "\
one        2 /     2
two        1 /     3   (+1 weakly equal)
TOTAL      3 /     5   60.00 %   (+1 weakly equal)

failing:
two/A#1\twrong result
two/B#1\texpected 1501, got a result
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_scorer_prints() {
        let score = Score::parse(PRINTED).unwrap();
        assert_eq!(score.files, [("one".into(), 2, 2), ("two".into(), 1, 3)]);
        assert_eq!((score.passed, score.total), (3, 5));
        assert_eq!(
            score.failing[1],
            ("two/B#1".into(), "expected 1501, got a result".into())
        );
        assert!(score.fails("two/A#1") && !score.fails("two/C#1"));
        assert!(Score::parse("nothing of the kind").is_err());
    }
}
