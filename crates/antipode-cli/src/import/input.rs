//! The input: a file or standard input, what format it has, and whether it is the one that an import began with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::Place;

/// The beginning of the input, which tells its format and serves to know it again.
const HEAD_BYTES: usize = 64 << 10;
const BUFFER_BYTES: usize = 256 << 10;
/// Some programs write this before the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an input is known by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identity {
    /// Of a file.
    pub bytes: Option<u64>,
    /// How long the head is, and its hash.
    pub head_bytes: u64,
    pub head_hash: String,
}

/// How the records are written down.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines: an object a line
    Jsonl,
    /// A JSON array of objects
    Json,
    /// Comma-separated values; the first line names the columns
    Csv,
    /// The same with tabs
    Tsv,
}

impl Format {
    /// The format that a file's name promises.
    pub fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "jsonl" | "ndjson" => Self::Jsonl,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            _ => return None,
        })
    }

    /// The format that a beginning looks like.
    fn of_content(head: &[u8]) -> Option<Self> {
        match head.trim_ascii_start().first()? {
            b'[' => Some(Self::Json),
            b'{' => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// An input that was opened and whose beginning was read.
#[derive(Debug)]
pub struct Input {
    head: Vec<u8>,
    rest: Source,
    pub identity: Identity,
}

#[derive(Debug)]
enum Source {
    File(File),
    Standard,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (mut rest, bytes) = match path.as_os_str() == "-" {
            true => (Source::Standard, None),
            false => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                if metadata.is_dir() {
                    return Err(io::Error::from(io::ErrorKind::IsADirectory));
                }
                // A pipe that has a name has no length.
                let bytes = metadata.is_file().then_some(metadata.len());
                (Source::File(file), bytes)
            }
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        match &mut rest {
            Source::File(file) => file.take(HEAD_BYTES as u64).read_to_end(&mut head)?,
            Source::Standard => io::stdin()
                .lock()
                .take(HEAD_BYTES as u64)
                .read_to_end(&mut head)?,
        };
        let identity = Identity {
            bytes,
            head_bytes: head.len() as u64,
            head_hash: format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&head)),
        };
        Ok(Self {
            head,
            rest,
            identity,
        })
    }

    /// The format that its name or its beginning tells.
    pub fn format(&self, path: &Path) -> Option<Format> {
        let named = Format::of_name(path);
        let found = Format::of_content(self.text());
        match (named, found) {
            // Both are called .json.
            (Some(Format::Json | Format::Jsonl), Some(found)) => Some(found),
            (Some(named), _) => Some(named),
            (None, found) => found,
        }
    }

    fn text(&self) -> &[u8] {
        self.head
            .strip_prefix(BYTE_ORDER_MARK)
            .unwrap_or(&self.head)
    }

    /// The place where records begin.
    pub fn start(&self) -> Place {
        Place {
            offset: (self.head.len() - self.text().len()) as u64,
            ..Place::START
        }
    }

    /// The input from a place on.
    pub fn from(self, at: Place) -> io::Result<Box<dyn BufRead + Send>> {
        match self.rest {
            Source::File(mut file) if self.identity.bytes.is_some() => {
                file.seek(SeekFrom::Start(at.offset))?;
                Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
            }
            Source::File(file) => pass(Cursor::new(self.head).chain(file), at.offset),
            Source::Standard => pass(Cursor::new(self.head).chain(io::stdin()), at.offset),
        }
    }
}

/// What cannot be sought in is read.
fn pass(input: impl Read + Send + 'static, offset: u64) -> io::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let passed = io::copy(&mut (&mut input).take(offset), &mut io::sink())?;
    match passed == offset {
        true => Ok(Box::new(input)),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a file");
        (directory, path)
    }

    #[test]
    fn formats_are_known() {
        for (name, text, expected) in [
            ("a.json", "[{}]", Some(Format::Json)),
            ("a.json", "\n{}\n{}", Some(Format::Jsonl)),
            ("a.jsonl", "", Some(Format::Jsonl)),
            ("a.csv", "[a],b", Some(Format::Csv)),
            ("a.TSV", "a\tb", Some(Format::Tsv)),
            ("a", "\u{feff} [", Some(Format::Json)),
            ("a", "a,b", None),
        ] {
            let (_directory, path) = file(name, text.as_bytes());
            let input = Input::open(&path).expect("a file");
            assert_eq!(input.format(&path), expected, "{name} {text}");
        }
    }

    #[test]
    fn an_input_is_read_from_a_place() {
        let (_directory, path) = file("a", b"\xef\xbb\xbf0123456789");
        let input = Input::open(&path).expect("a file");
        assert_eq!(input.start().offset, 3);
        let at = Place {
            offset: 8,
            ..Place::START
        };
        let mut text = String::new();
        let mut rest = input.from(at).expect("a place in it");
        rest.read_to_string(&mut text).expect("text");
        assert_eq!(text, "56789");
        let mut passed = String::new();
        let mut rest = pass(&b"0123456789"[..], 4).expect("a place in it");
        rest.read_to_string(&mut passed).expect("text");
        assert_eq!(passed, "456789");
        assert!(pass(&b"01"[..], 4).is_err());
    }
}
