//! Bytes that compare as values do: `encode(a).cmp(&encode(b)) == compare(a, b)`, and equal values have equal bytes.
//!
//! ```text
//! 01                              end of an array or object: below every tag, because what is longer is greater
//! 02 null   03 false   04 true
//! 05 number                       8 bytes of the largest double that is not above it, sign-flipped; from 2^53 on
//!                                 two more with what an integer exceeds it by
//! 06 string                       collation key | 00 | text, with 00 as 00 FF | 00 01
//! 07 array                        elements without the nulls at the end | 01
//! 08 object                       (02 | inverted key of the name | value)… without nulls, by collated name | 01
//! ```
//!
//! Of two objects the one that has the smaller next name is the greater, since the other has null there: so names are
//! inverted, and the end comes before any name. Keys are self-delimiting: several in a row compare part by part.

use crate::collation;
use crate::order::significant_length;
use crate::{Str, Value, compare_text};

const END: u8 = 0x01;
const NULL: u8 = 0x02;
const FALSE: u8 = 0x03;
const TRUE: u8 = 0x04;
const NUMBER: u8 = 0x05;
const STRING: u8 = 0x06;
const ARRAY: u8 = 0x07;
const OBJECT: u8 = 0x08;
/// Begins an attribute, above the end of its object.
const ATTRIBUTE: u8 = 0x02;

/// From this magnitude on there are integers that are not doubles.
const CONTIGUOUS_END: f64 = 9_007_199_254_740_992.0;

/// The sort key of `value`.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(value, &mut out);
    out
}

/// Appends the sort key of `value` to `out`.
pub fn encode_into(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(int) => {
            let (floor, excess) = floor_double(*int);
            number(floor, excess, out);
        }
        Value::Float(float) => number(*float, 0, out),
        Value::String(text) => {
            out.push(STRING);
            string(text, out);
        }
        Value::Array(array) => {
            out.push(ARRAY);
            for item in array.iter().take(significant_length(array)) {
                encode_into(&item, out);
            }
            out.push(END);
        }
        Value::Object(object) => {
            out.push(OBJECT);
            let mut pairs: Vec<(Str, Value)> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            pairs.sort_unstable_by(|a, b| compare_text(&a.0, &b.0));
            for (name, value) in &pairs {
                out.push(ATTRIBUTE);
                let start = out.len();
                string(name, out);
                for byte in out.iter_mut().skip(start) {
                    *byte = !*byte;
                }
                encode_into(value, out);
            }
            out.push(END);
        }
    }
}

/// The largest double that is not above `int`, and what is left.
fn floor_double(int: i64) -> (f64, u16) {
    let nearest = int as f64;
    let floor = if i128::from(int) < nearest as i128 {
        nearest.next_down()
    } else {
        nearest
    };
    // Doubles below 2^63 are at most 1,024 apart.
    let excess = i128::from(int) - floor as i128;
    (floor, u16::try_from(excess).unwrap_or(u16::MAX))
}

fn number(floor: f64, excess: u16, out: &mut Vec<u8>) {
    out.push(NUMBER);
    let floor = if floor == 0.0 { 0.0 } else { floor };
    let bits = floor.to_bits();
    // Negative doubles grow with their magnitude, so all bits turn; of the others only the sign.
    let ordered = if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    };
    out.extend_from_slice(&ordered.to_be_bytes());
    if floor.abs() >= CONTIGUOUS_END {
        out.extend_from_slice(&excess.to_be_bytes());
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    collation::write_sort_key(text, out);
    out.push(0x00);
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0x00 {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0x00, 0x01]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_among_large_numbers_keep_their_order() {
        let two_53 = 1_i64 << 53;
        let ordered = [
            Value::Float(-1e300),
            Value::Int(i64::MIN),
            Value::Int(i64::MIN + 1),
            Value::Int(-two_53 - 1),
            Value::Float(-(two_53 as f64)),
            Value::Float(-0.5),
            Value::Int(0),
            Value::Float(0.5),
            Value::Int(two_53),
            Value::Int(two_53 + 1),
            Value::Float((two_53 + 2) as f64),
            Value::Int(i64::MAX - 1),
            Value::Int(i64::MAX),
            Value::Float(9_223_372_036_854_775_808.0),
        ];
        for pair in ordered.windows(2) {
            assert!(
                encode(&pair[0]) < encode(&pair[1]),
                "{:?} < {:?}",
                pair[0],
                pair[1]
            );
        }
        assert_eq!(encode(&Value::Int(5)), encode(&Value::Float(5.0)));
        assert_eq!(encode(&Value::Int(0)), encode(&Value::Float(-0.0)));
    }
}
