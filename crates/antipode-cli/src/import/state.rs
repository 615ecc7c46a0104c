//! The state file of an import that can be resumed.
//!
//! It says up to which place everything of the input is dealt with: in the database, or reported. It is replaced as a
//! whole and only after that is so, hence it may lag behind the database and never runs ahead. How far it may lag stands
//! in [`State::open_until`]: it is raised before a record beyond it is sent. What was sent since is written again, which
//! changes nothing: documents are known by their keys, and a document without one has a key made from [`State::salt`] and
//! its number.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::input::Identity;
use super::record::Place;
use super::table::Column;

/// Written by this version, and read.
const VERSION: u32 = 1;

/// How many records came to what.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    pub written: u64,
    /// Of `--on-duplicate ignore`.
    pub ignored: u64,
    pub rejected: u64,
}

/// What is in the file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct State {
    pub version: u32,
    /// The options that say what is written where; an import goes on with the same only.
    pub options: serde_json::Value,
    pub input: Identity,
    /// Of CSV.
    pub columns: Option<Vec<Column>>,
    /// The beginning of the keys of documents that have none.
    pub salt: String,
    pub done: Place,
    pub counts: Counts,
    /// So many bytes of the file of rejects belong to what is done.
    pub rejects_bytes: u64,
    /// Records behind `done` may have been written already, but none from this number on.
    pub open_until: u64,
    /// The input was read to its end.
    pub finished: bool,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot use the state file {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is not the state of an import: {source}", path.display())]
    Content {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "{} is of version {found}, this program knows version {VERSION}",
        path.display()
    )]
    Version { path: PathBuf, found: u32 },
    #[error(
        "{} belongs to an import with another {what}; remove it to begin from the start",
        path.display()
    )]
    Other { path: PathBuf, what: String },
}

impl State {
    /// The state at the beginning.
    pub fn new(options: serde_json::Value, input: Identity, start: Place, salt: String) -> Self {
        Self {
            version: VERSION,
            options,
            input,
            columns: None,
            salt,
            done: start,
            counts: Counts::default(),
            rejects_bytes: 0,
            open_until: 0,
            finished: false,
        }
    }

    /// Reads a state file; none if there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, StateError> {
        let at = || path.to_owned();
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::File { path: at(), source }),
        };
        let content = |source| StateError::Content { path: at(), source };
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(content)?;
        let found = value.get("version").and_then(serde_json::Value::as_u64);
        if let Some(found) = found.and_then(|found| u32::try_from(found).ok())
            && found != VERSION
        {
            return Err(StateError::Version { path: at(), found });
        }
        serde_json::from_value(value).map(Some).map_err(content)
    }

    /// Checks that it is the state of this import.
    pub fn check(
        &self,
        path: &Path,
        options: &serde_json::Value,
        input: &Identity,
    ) -> Result<(), StateError> {
        let other = |what: String| {
            Err(StateError::Other {
                path: path.to_owned(),
                what,
            })
        };
        if self.input != *input {
            return other("input".to_owned());
        }
        if let (Some(old), Some(new)) = (self.options.as_object(), options.as_object())
            && let Some((name, _)) = new
                .iter()
                .find(|(name, value)| old.get(*name) != Some(value))
        {
            return other(name.replace('_', "-"));
        }
        Ok(())
    }

    /// Puts the state into the file, all of it or nothing.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let file = |source| StateError::File {
            path: path.to_owned(),
            source,
        };
        let text = serde_json::to_string_pretty(self).map_err(|source| StateError::Content {
            path: path.to_owned(),
            source,
        })?;
        replace(path, text.as_bytes()).map_err(file)
    }
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(hash: &str) -> Identity {
        Identity {
            bytes: Some(3),
            head_bytes: 3,
            head_hash: hash.to_owned(),
        }
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state");
        assert_eq!(State::read(&path).expect("none"), None);
        let options = json!({ "on_duplicate": "error" });
        let mut state = State::new(options.clone(), identity("a"), Place::START, "s".to_owned());
        for records in 0..3 {
            state.done.records = records;
            state.write(&path).expect("written");
            assert_eq!(State::read(&path).expect("read"), Some(state.clone()));
        }
        assert!(state.check(&path, &options, &identity("a")).is_ok());
        for (options, hash, part) in [
            (options.clone(), "b", "another input"),
            (
                json!({ "on_duplicate": "update" }),
                "a",
                "another on-duplicate",
            ),
        ] {
            let error = state.check(&path, &options, &identity(hash));
            let error = error.expect_err("another import").to_string();
            assert!(error.contains(part), "{error}");
        }
        for (text, part) in [
            ("{}", "not the state"),
            ("x", "not the state"),
            (r#"{"version":9}"#, "version 9"),
        ] {
            fs::write(&path, text).expect("written");
            let error = State::read(&path).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
