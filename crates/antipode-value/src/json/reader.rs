//! The reader: recursive descent over UTF-8 text, with a bound on its depth.

use super::JsonError;
use crate::{Object, Str, Value, number};

/// Reads one JSON value that takes the whole text.
pub(super) fn read(text: &str, nesting_max: usize) -> Result<Value, JsonError> {
    let mut reader = Reader {
        text,
        position: 0,
        nesting_max,
    };
    reader.skip_space();
    let value = reader.value(nesting_max)?;
    reader.skip_space();
    if reader.position < text.len() {
        return Err(reader.error("text after the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    // In bytes.
    position: usize,
    nesting_max: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.position += 1;
        }
        found
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.position += 1;
        }
    }

    /// Moves past the bytes that `wanted` accepts, and gives their number.
    fn skip(&mut self, wanted: fn(&u8) -> bool) -> usize {
        let start = self.position;
        while self.peek().is_some_and(|byte| wanted(&byte)) {
            self.position += 1;
        }
        self.position - start
    }

    /// The text from byte `start` to here; both lie beside ASCII bytes.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn error(&self, what: &'static str) -> JsonError {
        let before = self.text.get(..self.position).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_text = before.get(line_start..).unwrap_or_default();
        JsonError::Syntax {
            line: before.matches('\n').count() + 1,
            column: line_text.chars().count() + 1,
            what,
        }
    }

    /// A value that may hold `nesting` more levels.
    fn value(&mut self, nesting: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(nesting)?),
            Some(b'[') => self.array(self.deeper(nesting)?),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("unexpected end")),
        }
    }

    fn deeper(&self, nesting: usize) -> Result<usize, JsonError> {
        nesting.checked_sub(1).ok_or(JsonError::TooDeep {
            limit: self.nesting_max,
        })
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.position += word.len();
        Ok(value)
    }

    fn array(&mut self, nesting: usize) -> Result<Value, JsonError> {
        self.position += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::from(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(nesting)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::from(items));
            }
            if !self.take(b',') {
                return Err(self.error("expected ',' or ']'"));
            }
        }
    }

    fn object(&mut self, nesting: usize) -> Result<Value, JsonError> {
        self.position += 1;
        let mut pairs = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(Object::from_pairs(pairs)));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a name in quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("expected ':'"));
            }
            self.skip_space();
            pairs.push((name, self.value(nesting)?));
            self.skip_space();
            if self.take(b'}') {
                return Ok(Value::Object(Object::from_pairs(pairs)));
            }
            if !self.take(b',') {
                return Err(self.error("expected ',' or '}'"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.position;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.skip(u8::is_ascii_digit);
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(self.error("malformed number"));
        }
        if self.take(b'.') && self.skip(u8::is_ascii_digit) == 0 {
            return Err(self.error("expected digits after the point"));
        }
        if self.take(b'e') || self.take(b'E') {
            let _signed = self.take(b'+') || self.take(b'-');
            if self.skip(u8::is_ascii_digit) == 0 {
                return Err(self.error("expected digits of the exponent"));
            }
        }
        // "-0" is a double in JSON; as integer it is 0, which is equal.
        number::parse(self.since(start)).ok_or_else(|| self.error("number out of range"))
    }

    fn string(&mut self) -> Result<Str, JsonError> {
        self.position += 1;
        let start = self.position;
        self.skip(is_plain);
        if self.peek() == Some(b'"') {
            let text = self.since(start);
            self.position += 1;
            return Ok(Str::from(text));
        }
        let mut out = String::from(self.since(start));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Str::from(out));
                }
                Some(b'\\') => {
                    self.position += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("string without end")),
            }
            let plain = self.position;
            self.skip(is_plain);
            out.push_str(self.since(plain));
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.position += 1;
                return self.unicode();
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.position += 1;
        Ok(character)
    }

    /// The character of `\uXXXX`, behind the `u`; a pair of surrogates is one, and one alone is replaced by U+FFFD.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind_first = self.position;
        if self.take(b'\\') && self.take(b'u') {
            let second = self.code_unit()?;
            if (0xDC00..0xE000).contains(&second) {
                let combined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(combined).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.position = behind_first;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn code_unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(self.position..self.position + 4);
        let hexadecimal = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = hexadecimal.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = text.and_then(|text| u32::from_str_radix(text, 16).ok());
        let unit = unit.ok_or_else(|| self.error("expected four hexadecimal digits"))?;
        self.position += 4;
        Ok(unit)
    }
}

/// Bytes of a string that stand for themselves.
fn is_plain(byte: &u8) -> bool {
    !matches!(byte, b'"' | b'\\' | 0x00..0x20)
}
