//! JSON lines: an object a line. A line that is none is reported, and the next is read.

use std::io::{self, BufRead};

use super::record::{Place, RECORD_BYTES_MAX, ReadError, Record, Records, object, too_long};

/// Reads JSON lines.
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    at: Place,
}

impl<R: BufRead> Lines<R> {
    /// Reads from a place; the input stands there.
    pub fn new(input: R, at: Place) -> Self {
        Self { input, at }
    }
}

impl<R: BufRead + Send> Records for Lines<R> {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let at = self.at;
            let line = read_line(&mut self.input).map_err(|source| ReadError::Input {
                line: at.line,
                source,
            })?;
            if line.bytes == 0 {
                return Ok(None);
            }
            self.at.offset += line.bytes;
            self.at.line += 1;
            if line.text.trim_ascii().is_empty() {
                continue;
            }
            self.at.records += 1;
            let content = match line.cut {
                true => Err(too_long(&line.text)),
                false => object(line.text.trim_ascii_end()),
            };
            return Ok(Some(Record {
                at,
                bytes: line.bytes,
                content,
            }));
        }
    }

    fn place(&self) -> Place {
        self.at
    }
}

struct Line {
    text: Vec<u8>,
    /// All bytes of the line, with its end.
    bytes: u64,
    /// There was more of it than is kept.
    cut: bool,
}

fn read_line(input: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Line {
        text: Vec::new(),
        bytes: 0,
        cut: false,
    };
    loop {
        let waiting = match input.fill_buf() {
            Ok(waiting) => waiting,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = waiting.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(waiting.len(), |end| end + 1);
        let room = RECORD_BYTES_MAX.saturating_sub(line.text.len());
        line.cut |= taken > room;
        line.text
            .extend_from_slice(waiting.get(..taken.min(room)).unwrap_or_default());
        line.bytes += taken as u64;
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_a_line() {
        let text = "{\"a\":1}\n\n  {\"a\":\"ü\"}\r\n7\n{\"a\":\n{\"a\":3}";
        let mut lines = Lines::new(text.as_bytes(), Place::START);
        let mut found = Vec::new();
        while let Some(record) = lines.next().expect("memory is read") {
            found.push(record);
        }
        assert_eq!(lines.at.offset, text.len() as u64);
        let told: Vec<(u64, u64, Result<_, _>)> = found
            .iter()
            .map(|record| {
                let content = record.content.clone();
                let content = content.map_err(|problem| (problem.message, problem.column));
                (record.at.line, record.at.records, content)
            })
            .collect();
        let object = |value: serde_json::Value| Ok(value.as_object().cloned().expect("an object"));
        assert_eq!(
            told,
            [
                (1, 0, object(json!({ "a": 1 }))),
                (3, 1, object(json!({ "a": "ü" }))),
                (4, 2, Err(("not a JSON object".to_owned(), None))),
                (
                    5,
                    3,
                    Err((
                        "not JSON: EOF while parsing a value".to_owned(),
                        Some("5".to_owned())
                    ))
                ),
                (6, 4, object(json!({ "a": 3 }))),
            ]
        );
        // From each place, the rest is the same.
        for (index, record) in found.iter().enumerate() {
            let rest = &text.as_bytes()[record.at.offset as usize..];
            let mut lines = Lines::new(rest, record.at);
            for expected in &found[index..] {
                assert_eq!(
                    lines.next().expect("memory is read").as_ref(),
                    Some(expected)
                );
            }
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let text = [vec![b'x'; RECORD_BYTES_MAX + 5], b"\n{}\n".to_vec()].concat();
        let mut lines = Lines::new(text.as_slice(), Place::START);
        let long = lines
            .next()
            .expect("memory is read")
            .expect("the long line");
        let problem = long.content.expect_err("too long");
        assert_eq!(problem.message, "longer than 16 MiB");
        assert!(problem.record.as_str().is_some_and(|text| text.len() < 300));
        let next = lines
            .next()
            .expect("memory is read")
            .expect("the line after it");
        assert_eq!((next.at.line, next.content.is_ok()), (2, true));
    }
}
