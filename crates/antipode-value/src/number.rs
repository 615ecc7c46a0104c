//! Numbers: exact comparison of integers with doubles, reading and printing of decimals.

use std::cmp::Ordering;
use std::fmt::Write;

use crate::Value;

/// 2^63, the first double above the integers.
const INT_END: f64 = 9_223_372_036_854_775_808.0;
/// From 2^53 on not every integer is a double.
const CONTIGUOUS_END: f64 = 9_007_199_254_740_992.0;

/// The integer that `float` is, if it is a whole number in range.
pub(crate) fn exact_int(float: f64) -> Option<i64> {
    (float.trunc() == float && (-INT_END..INT_END).contains(&float)).then_some(float as i64)
}

/// Compares by mathematical value, without rounding the integer.
pub(crate) fn compare_int_float(int: i64, float: f64) -> Ordering {
    if float >= INT_END {
        return Ordering::Less;
    }
    if float < -INT_END {
        return Ordering::Greater;
    }
    // In range, the truncated double is an exact integer; the fraction decides between equals.
    match int.cmp(&(float.trunc() as i64)) {
        Ordering::Equal => 0.0_f64
            .partial_cmp(&float.fract())
            .unwrap_or(Ordering::Equal),
        unequal => unequal,
    }
}

/// Compares two doubles that are finite, as all in values are; 0.0 equals -0.0.
pub(crate) fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// Reads a decimal or scientific number: an `Int` if it is written as one and fits, else a finite `Float`.
pub(crate) fn parse(text: &str) -> Option<Value> {
    // Rust reads more words as numbers than C8QL does: "inf", "NaN", "1_0" must not get that far.
    let written = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if text.is_empty() || !text.bytes().all(written) {
        return None;
    }
    if let Ok(int) = text.parse::<i64>() {
        return Some(Value::Int(int));
    }
    let float = text.parse::<f64>().ok()?;
    float.is_finite().then_some(Value::Float(float))
}

/// Writes the shortest decimal that reads back as the same double; a whole number has no fraction, and very large or
/// small ones are written with an exponent, as JavaScript does (`1e+21`, `2e-7`).
pub(crate) fn write_float(float: f64, out: &mut String) {
    let magnitude = float.abs();
    // Writing to a `String` cannot fail.
    let _ = if float == 0.0 {
        write!(out, "0")
    } else if (CONTIGUOUS_END..INT_END).contains(&magnitude) {
        // The shortest digits padded with zeros would read back as another *integer*; all digits are exact.
        write!(out, "{}", float as i64)
    } else if (1e-6..1e21).contains(&magnitude) {
        write!(out, "{float}")
    } else {
        let text = format!("{float:e}");
        match text.split_once("e-") {
            Some(_) => write!(out, "{text}"),
            None => write!(out, "{}", text.replacen('e', "e+", 1)),
        }
    };
}

/// Writes a double so that it reads back as a double: with a fraction or an exponent.
pub(crate) fn write_float_exact(float: f64, out: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{float:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(float: f64) -> String {
        let mut out = String::new();
        write_float(float, &mut out);
        out
    }

    #[test]
    fn doubles_print_as_javascript_prints_them() {
        assert_eq!(print(1.0), "1");
        assert_eq!(print(-0.0), "0");
        assert_eq!(print(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(print(2e-7), "2e-7");
        assert_eq!(print(0.000001), "0.000001");
        assert_eq!(print(1e20), "100000000000000000000");
        assert_eq!(print(1e21), "1e+21");
        assert_eq!(print(-1.5e300), "-1.5e+300");
        assert_eq!(print(9_007_199_254_740_993.0), "9007199254740992");
        assert_eq!(print(1_152_921_504_606_846_976.0), "1152921504606846976");
    }

    #[test]
    fn text_reads_as_a_number_or_not_at_all() {
        assert!(matches!(parse("12"), Some(Value::Int(12))));
        assert!(matches!(parse("-7"), Some(Value::Int(-7))));
        assert!(matches!(parse("1.5e3"), Some(Value::Float(1500.0))));
        assert!(matches!(
            parse("9223372036854775808"),
            Some(Value::Float(_))
        ));
        for text in ["", "inf", "NaN", "1e999", "12x", "0x1F", "1 2", "-", "."] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn integers_compare_with_doubles_exactly() {
        let big = 9_007_199_254_740_993_i64;
        assert_eq!(compare_int_float(big, big as f64), Ordering::Greater);
        assert_eq!(compare_int_float(i64::MAX, INT_END), Ordering::Less);
        assert_eq!(compare_int_float(i64::MIN, -INT_END), Ordering::Equal);
        assert_eq!(compare_int_float(-3, -3.5), Ordering::Greater);
        assert_eq!(compare_int_float(3, 3.5), Ordering::Less);
        assert_eq!(compare_int_float(0, -0.0), Ordering::Equal);
    }
}
