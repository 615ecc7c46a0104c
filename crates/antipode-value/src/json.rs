//! JSON text: a reader with bounds, and two writers.
//!
//! [`Value::to_json`] writes numbers as people and JavaScript do: a whole number has no fraction, also where it is held
//! as a double, so what reads it back gets an equal value. [`Value::to_json_exact`] writes such a double as `1.0`, so
//! what reads it back gets the identical value. Storage uses neither but [`crate::layout`].
//!
//! Reading: integers that fit 64 bits are `Int`, all other numbers `Float`; of equal names the last wins; nesting is
//! bounded, so hostile text cannot exhaust the stack.

mod reader;
mod serde_impl;

use std::fmt::Write;

use crate::layout::NESTING_MAX;
use crate::{Value, number};

/// Why text is not a JSON value that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text breaks the grammar of JSON.
    #[error("invalid JSON at line {line}, column {column}: {what}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// More arrays and objects inside one another than allowed.
    #[error("JSON is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("JSON is not UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// The first byte that is wrong.
        offset: usize,
    },
}

impl JsonError {
    /// The stable number: 600 (corrupted JSON) or 1524 (nesting too deep).
    pub fn code(&self) -> u32 {
        match self {
            JsonError::Syntax { .. } | JsonError::NotUtf8 { .. } => 600,
            JsonError::TooDeep { .. } => 1524,
        }
    }
}

impl Value {
    /// Reads JSON text, nested at most [`NESTING_MAX`] levels.
    pub fn from_json(text: &str) -> Result<Value, JsonError> {
        reader::read(text, NESTING_MAX)
    }

    /// Reads JSON text from bytes, which must be UTF-8.
    pub fn from_json_bytes(bytes: &[u8]) -> Result<Value, JsonError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Value::from_json(text),
            Err(error) => Err(JsonError::NotUtf8 {
                offset: error.valid_up_to(),
            }),
        }
    }

    /// Compact JSON; a whole number has no fraction. What reads it back gets an equal value.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends compact JSON, see [`Value::to_json`].
    pub fn write_json(&self, out: &mut String) {
        write(self, number::write_float, out);
    }

    /// Compact JSON that tells doubles from integers (`1.0`). What reads it back gets the identical value.
    pub fn to_json_exact(&self) -> String {
        let mut out = String::new();
        write(self, number::write_float_exact, &mut out);
        out
    }
}

fn write(value: &Value, write_float: fn(f64, &mut String), out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        // Writing to a `String` cannot fail.
        Value::Int(int) => _ = write!(out, "{int}"),
        Value::Float(float) if !float.is_finite() => out.push_str("null"),
        Value::Float(float) => write_float(*float, out),
        Value::String(text) => write_string(text, out),
        Value::Array(array) => {
            out.push('[');
            for (position, item) in array.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(&item, write_float, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (position, (name, value)) in object.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_string(&name, out);
                out.push(':');
                write(&value, write_float, out);
            }
            out.push('}');
        }
    }
}

/// Appends `text` as JSON string, with its quotes.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_start = 0;
    for (position, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0C => "\\f",
            0x00..0x20 => "\\u",
            _ => continue,
        };
        // All escaped bytes are ASCII, so these are character boundaries.
        out.push_str(&text[plain_start..position]);
        out.push_str(escape);
        if escape == "\\u" {
            _ = write!(out, "{byte:04x}");
        }
        plain_start = position + 1;
    }
    out.push_str(&text[plain_start..]);
    out.push('"');
}

#[cfg(test)]
mod tests;
