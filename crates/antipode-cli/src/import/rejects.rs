//! The file of rejects: a JSON line for each record that was not written, with its line, the reason and the record.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde_json::json;

use super::tracker::Reject;

/// The file of rejects.
#[derive(Debug)]
pub struct Rejects {
    file: BufWriter<File>,
    bytes: u64,
}

impl Rejects {
    /// Opens the file and keeps so many bytes of it: what is behind them was written by a run that did not say so, and
    /// is found again.
    pub fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)?;
        if file.metadata()?.len() < bytes {
            let message = "it has lost some of its lines since the import began";
            return Err(io::Error::other(message));
        }
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file: BufWriter::new(file),
            bytes,
        })
    }

    /// Writes a line.
    pub fn add(&mut self, reject: &Reject) -> io::Result<()> {
        let problem = &reject.problem;
        let mut line = serde_json::Map::new();
        line.insert("line".to_owned(), json!(reject.line));
        if let Some(column) = &problem.column {
            line.insert("column".to_owned(), json!(column));
        }
        if let Some(code) = problem.code {
            line.insert("code".to_owned(), json!(code));
        }
        line.insert("error".to_owned(), json!(problem.message));
        line.insert("record".to_owned(), problem.record.clone());
        let text = serde_json::Value::Object(line).to_string();
        self.file.write_all(text.as_bytes())?;
        self.file.write_all(b"\n")?;
        self.bytes += text.len() as u64 + 1;
        Ok(())
    }

    /// Brings all lines to the disk; says how many bytes they are.
    pub fn sync(&mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::record::Problem;

    #[test]
    fn what_was_not_confirmed_is_written_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rejects");
        let reject = |line| Reject {
            line,
            problem: Problem::new("bad", json!({ "a": 1 })),
        };
        let mut rejects = Rejects::open(&path, 0).expect("a file");
        rejects.add(&reject(1)).expect("written");
        let confirmed = rejects.sync().expect("synced");
        rejects.add(&reject(2)).expect("written");
        rejects.sync().expect("synced");
        let mut rejects = Rejects::open(&path, confirmed).expect("a file");
        rejects.add(&reject(3)).expect("written");
        rejects.sync().expect("synced");
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"error":"bad","line":1,"record":{"a":1}}"#,
                r#"{"error":"bad","line":3,"record":{"a":1}}"#,
            ]
        );
        assert!(Rejects::open(&path, 1_000).is_err());
    }
}
