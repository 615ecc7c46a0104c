//! What the columns of a CSV file hold. CSV has texts only; the types come from `--type`, or from the first records.
//!
//! A column is one of numbers, booleans or JSON if all its values in the sample are; else it is text, and so are values
//! further on that do not fit what was found: nothing is lost for a wrong guess. A value that does not fit a type that
//! was *asked for* is an error. Numbers with leading zeros, and integers beyond 64 bits, are text: as numbers, they
//! would not come back as they are.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// The type of a column.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    String,
    Number,
    Boolean,
    Json,
}

impl Kind {
    /// The type of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "json" => Self::Json,
            _ => return None,
        })
    }

    /// Their names, for messages.
    pub const NAMES: &str = "string, number, boolean, json";

    /// What it is, for messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Json => "JSON",
        }
    }

    /// A value of this type; none if the text is no such value.
    pub fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::String => Some(Value::from(text)),
            Self::Number => number(text.trim()),
            Self::Boolean if text.trim().eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            Self::Boolean if text.trim().eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            Self::Boolean => None,
            Self::Json => serde_json::from_str(text).ok(),
        }
    }

    /// Whether a text is surely of this type, when nobody has said so.
    fn fits(self, text: &str) -> bool {
        match self {
            Self::String => true,
            Self::Number => is_plain_number(text),
            Self::Boolean => self.read(text).is_some() && text.trim() == text,
            Self::Json => text.starts_with(['{', '[']) && self.read(text).is_some(),
        }
    }

    /// The type of a column with these values.
    pub fn infer<'v>(values: impl Iterator<Item = &'v str> + Clone) -> Self {
        if values.clone().next().is_none() {
            return Self::String;
        }
        let kinds = [Self::Number, Self::Boolean, Self::Json];
        let found = kinds
            .into_iter()
            .find(|kind| values.clone().all(|value| kind.fits(value)));
        found.unwrap_or(Self::String)
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::from(integer));
    }
    // Rust reads "inf" and "nan" too.
    let plain = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let float = text.parse::<f64>().ok().filter(|_| plain)?;
    Number::from_f64(float).map(Value::Number)
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(digits.len());
    let leading_zero = whole > 1 && digits.starts_with('0');
    let integer = whole == digits.len();
    let begins = digits.starts_with(|character: char| character.is_ascii_digit());
    begins
        && !leading_zero
        && match integer {
            true => text.parse::<i64>().is_ok(),
            false => number(text).is_some(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn infer(values: &[&str], expected: Kind) {
        assert_eq!(Kind::infer(values.iter().copied()), expected, "{values:?}");
    }

    #[test]
    fn a_column_is_what_all_its_values_are() {
        infer(
            &["1", "-2.5", "1e3", "0", "9223372036854775807"],
            Kind::Number,
        );
        infer(&["true", "FALSE"], Kind::Boolean);
        infer(&["[1]", "{\"a\":[]}"], Kind::Json);
        infer(&["1", "true"], Kind::String);
        infer(&["00501", "10115"], Kind::String);
        infer(&["9223372036854775808"], Kind::String);
        infer(&["00M", "00R", "1E5"], Kind::String);
        infer(&["[1", "[2]"], Kind::String);
        infer(&["inf"], Kind::String);
        infer(&["1e999"], Kind::String);
        infer(&["+1"], Kind::String);
        infer(&["-"], Kind::String);
        infer(&[" 1"], Kind::String);
        infer(&[], Kind::String);
    }

    #[test]
    fn a_type_that_is_asked_for_reads_more() {
        assert_eq!(Kind::Number.read(" +.5 "), Some(json!(0.5)));
        assert_eq!(Kind::Number.read("007"), Some(json!(7)));
        assert_eq!(Kind::Number.read("nan"), None);
        assert_eq!(Kind::Number.read("1e999"), None);
        assert_eq!(Kind::Boolean.read("True"), Some(json!(true)));
        assert_eq!(Kind::Boolean.read("1"), None);
        assert_eq!(Kind::Json.read("\"a\""), Some(json!("a")));
        assert_eq!(Kind::String.read("1"), Some(json!("1")));
    }
}
