//! One JSON array of objects, of any length: elements are found by their brackets, and read one at a time.

use std::io::{self, BufRead};

use super::record::{Place, RECORD_BYTES_MAX, ReadError, Record, Records, object, too_long};

/// Reads a JSON array.
#[derive(Debug)]
pub struct Array<R> {
    input: R,
    at: Place,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The bracket is still to come.
    Before,
    /// An element, or the closing bracket; after a resumption also the comma before it.
    Element,
    /// A comma, or the closing bracket.
    Comma,
    Ended,
}

impl<R: BufRead> Array<R> {
    /// Reads from a place; the input stands there. Before the first record that is the place before the bracket.
    pub fn new(input: R, at: Place) -> Self {
        let state = match at.records {
            0 => State::Before,
            _ => State::Element,
        };
        Self { input, at, state }
    }

    fn peek(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            match self.input.fill_buf() {
                Ok(waiting) => return Ok(waiting.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let line = self.at.line;
                    return Err(ReadError::Input { line, source });
                }
            }
        }
    }

    fn pass(&mut self, byte: u8) {
        self.input.consume(1);
        self.at.offset += 1;
        self.at.line += u64::from(byte == b'\n');
    }

    fn shape<T>(&self, message: &str) -> Result<T, ReadError> {
        Err(ReadError::Shape {
            line: self.at.line,
            message: message.to_owned(),
        })
    }

    /// Goes to the next element; says whether there is one.
    fn find(&mut self) -> Result<bool, ReadError> {
        loop {
            let Some(byte) = self.peek()? else {
                return match self.state {
                    State::Ended => Ok(false),
                    State::Before => self.shape("a JSON array was expected, and there is nothing"),
                    _ => self.shape("the array does not end: its ']' is missing"),
                };
            };
            self.state = match (self.state, byte) {
                (state, byte) if byte.is_ascii_whitespace() => state,
                (State::Before, b'[') => State::Element,
                (State::Before, _) => return self.shape("a JSON array was expected: '['"),
                (State::Element | State::Comma, b',') => State::Element,
                (State::Element | State::Comma, b']') => State::Ended,
                (State::Element, _) => return Ok(true),
                (State::Comma, _) => return self.shape("',' or ']' was expected"),
                (State::Ended, _) => return self.shape("something follows the array"),
            };
            self.pass(byte);
        }
    }

    /// Takes an element: up to the comma or bracket behind it.
    fn element(&mut self) -> Result<(Vec<u8>, bool), ReadError> {
        let begin = self.at.line;
        let (mut text, mut cut) = (Vec::new(), false);
        let mut scan = Scan::default();
        loop {
            if self.peek()?.is_none() {
                return Err(ReadError::Shape {
                    line: begin,
                    message: "the element that begins here does not end".to_owned(),
                });
            }
            let waiting = match self.input.fill_buf() {
                Ok(waiting) => waiting,
                Err(source) => {
                    let line = self.at.line;
                    return Err(ReadError::Input { line, source });
                }
            };
            let end = waiting.iter().position(|byte| scan.ends_before(*byte));
            let taken = waiting.get(..end.unwrap_or(waiting.len()));
            let taken = taken.unwrap_or_default();
            let room = RECORD_BYTES_MAX.saturating_sub(text.len());
            cut |= taken.len() > room;
            text.extend_from_slice(taken.get(..taken.len().min(room)).unwrap_or_default());
            self.at.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
            let count = taken.len();
            self.at.offset += count as u64;
            self.input.consume(count);
            if end.is_some() {
                return Ok((text, cut));
            }
        }
    }
}

/// Follows strings and brackets, to see where an element ends.
#[derive(Debug, Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b',' | b']' if self.depth == 0 => return true,
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

impl<R: BufRead + Send> Records for Array<R> {
    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        if !self.find()? {
            return Ok(None);
        }
        let at = self.at;
        let (text, cut) = self.element()?;
        self.at.records += 1;
        self.state = State::Comma;
        let content = match cut {
            true => Err(too_long(&text)),
            false => object(text.trim_ascii_end()),
        };
        Ok(Some(Record {
            at,
            bytes: self.at.offset - at.offset,
            content,
        }))
    }

    fn place(&self) -> Place {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn read(text: &str, at: Place, buffer: usize) -> Result<Vec<Record>, ReadError> {
        let rest = &text.as_bytes()[at.offset as usize..];
        let mut array = Array::new(BufReader::with_capacity(buffer, rest), at);
        let mut found = Vec::new();
        while let Some(record) = array.next()? {
            found.push(record);
        }
        Ok(found)
    }

    #[test]
    fn elements_end_where_their_brackets_do() {
        let text = "\n[ {\"a\": \"]},\\\"[\"},\n{\"b\":[[],{}]\n},3 ,{\"ü\":1\n ]";
        for buffer in [1, 2, 3, 7, 4096] {
            let found = read(text, Place::START, buffer);
            assert!(
                matches!(&found, Err(ReadError::Shape { line: 4, .. })),
                "{found:?}"
            );
            let text = text.replace("{\"ü\":1\n ", "{\"ü\":1}\n ");
            let found = read(&text, Place::START, buffer).expect("an array");
            let lines: Vec<u64> = found.iter().map(|record| record.at.line).collect();
            assert_eq!(lines, [2, 3, 4, 4]);
            let fine: Vec<bool> = found.iter().map(|record| record.content.is_ok()).collect();
            assert_eq!(fine, [true, true, false, true]);
            // From each place but the first, which is within the bracket, the rest is the same.
            for (index, record) in found.iter().enumerate().skip(1) {
                let rest = read(&text, record.at, buffer).expect("the rest");
                assert_eq!(rest, found[index..]);
            }
        }
    }

    #[test]
    fn what_is_no_array_is_told() {
        for (text, part) in [
            ("", "there is nothing"),
            ("{}", "a JSON array was expected"),
            ("[{}", "does not end"),
            ("[{}] x", "something follows"),
            ("[{\"a\": \"", "does not end"),
        ] {
            let error = read(text, Place::START, 16).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(read(" [ ] \n", Place::START, 16).expect("empty"), []);
        // Two objects without a comma are one bad element: nothing is passed over in silence.
        let found = read("[{} {}]", Place::START, 16).expect("an array");
        assert!(matches!(found.as_slice(), [record] if record.content.is_err()));
    }
}
