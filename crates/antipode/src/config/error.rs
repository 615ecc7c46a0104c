//! What is wrong with a configuration, and the key that was probably meant.

use std::path::PathBuf;

use super::KEYS;

/// What is wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why, with the line where that is known.
        reason: String,
    },
    /// There is no such key.
    #[error(
        "unknown key '{key}' in {place}{}; all keys are in docs/configuration.md",
        did_you_mean(nearest)
    )]
    UnknownKey {
        /// The key, as it was written.
        key: String,
        /// Where it stands.
        place: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A value that its key does not take.
    #[error("{place}: '{value}' is no value of it: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// Where the value stands.
        place: String,
        /// The value.
        value: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// Values that do not go together.
    #[error("{reason}")]
    Conflict {
        /// Which, and what to do.
        reason: String,
    },
}

impl ConfigError {
    /// The stable number of the error.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::File { .. } => 5400,
            Self::UnknownKey { .. } => 5401,
            Self::Value { .. } => 5402,
            Self::Conflict { .. } => 5403,
        }
    }
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest
        .map(|key| format!("; did you mean '{key}'?"))
        .unwrap_or_default()
}

/// The known key that is most like an unknown one, if any is like it at all.
pub(super) fn nearest(unknown: &str) -> Option<&'static str> {
    let unknown = unknown.to_lowercase().replace('-', "_");
    let distances = KEYS.iter().map(|key| (distance(&unknown, key.name), key));
    let (distance, key) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= key.name.len().div_ceil(3)).then_some(key.name)
}

/// How many characters must be put in, left out or changed to come from one text to the other (after Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, left) in from.chars().take(100).enumerate() {
        let mut above_left = index;
        let mut last = index + 1;
        for (right, cell) in to.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let changed = above_left + usize::from(left != *right);
            *cell = changed.min(above + 1).min(last + 1);
            above_left = above;
            last = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// So much of a text that someone else wrote goes into an error.
pub(super) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    text.chars().take(CHARS_MAX).collect()
}
