//! Order, equality and hash of values.
//!
//! Types come first: null < bool < number < string < array < object. Inside a type: numbers by mathematical value,
//! strings by collation with ties broken by code point, arrays position by position with the shorter one padded with
//! null, objects attribute by attribute over the sorted union of their names with null for what is missing. The order is
//! total, and what it calls equal is exactly what [`equal`] calls equal and [`hash_value`] hashes alike.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::collation::collate;
use crate::{Array, Object, Str, Value, layout, number};

/// How two strings compare.
type TextOrder = fn(&str, &str) -> Ordering;

/// C8QL's order: `<`, SORT, MIN and MAX.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    compare_by(a, b, collate)
}

/// C8QL's order of strings: the collation, then code points.
pub fn compare_text(a: &str, b: &str) -> Ordering {
    collate(a, b)
}

/// The order without a collation: as [`compare`], but strings by code point, and values that are equal without being
/// identical (5 and 5.0) by their packed bytes. No two different values are equal here, and no release of any
/// collation data changes it, so merges may rest on it.
pub fn compare_binary(a: &Value, b: &Value) -> Ordering {
    compare_by(a, b, str::cmp).then_with(|| {
        if identical(a, b) {
            return Ordering::Equal;
        }
        // What is beyond even these limits can be no part of a document.
        let bytes =
            |value| layout::encode_within(value, layout::Limits::WIDEST).unwrap_or_default();
        bytes(a).cmp(&bytes(b))
    })
}

fn compare_by(a: &Value, b: &Value, text_order: TextOrder) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => number::compare_floats(*a, *b),
        (Value::Int(a), Value::Float(b)) => number::compare_int_float(*a, *b),
        (Value::Float(a), Value::Int(b)) => number::compare_int_float(*b, *a).reverse(),
        (Value::String(a), Value::String(b)) => text_order(a, b),
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b, text_order),
        (Value::Object(a), Value::Object(b)) => compare_objects(a, b, text_order),
        _ => a.rank().cmp(&b.rank()),
    }
}

fn compare_arrays(a: &Array, b: &Array, text_order: TextOrder) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_range(), b.as_range())
        && a == b
    {
        return Ordering::Equal;
    }
    let (mut left, mut right) = (a.iter(), b.iter());
    loop {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => (left.unwrap_or_default(), right.unwrap_or_default()),
        };
        match compare_by(&left, &right, text_order) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

fn compare_objects(a: &Object, b: &Object, text_order: TextOrder) -> Ordering {
    let (a, b) = (sorted_pairs(a, text_order), sorted_pairs(b, text_order));
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        // Which side has the next name of the union; the other side then has null there.
        let next = match (left.peek(), right.peek()) {
            (None, None) => return Ordering::Equal,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => text_order(&left.0, &right.0),
        };
        let left = if next.is_le() { left.next() } else { None };
        let right = if next.is_ge() { right.next() } else { None };
        let value = |pair: Option<&(Str, Value)>| pair.map_or(Value::Null, |pair| pair.1.clone());
        match compare_by(&value(left), &value(right), text_order) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

fn sorted_pairs(object: &Object, text_order: TextOrder) -> Vec<(Str, Value)> {
    let mut pairs = object.to_pairs();
    pairs.sort_unstable_by(|a, b| text_order(&a.0, &b.0));
    pairs
}

/// C8QL's equality, `==`: 1 equals 1.0, arrays ignore nulls at their end, objects ignore attributes that are null.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => equal_arrays(a, b),
        (Value::Object(a), Value::Object(b)) => equal_objects(a, b),
        // Strings take no part any more, so this order needs no collation.
        _ => compare_by(a, b, str::cmp).is_eq(),
    }
}

fn equal_arrays(a: &Array, b: &Array) -> bool {
    if let (Some(a), Some(b)) = (a.as_range(), b.as_range()) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (a.packed(), b.packed())
        && a == b
    {
        return true;
    }
    let longest = a.len().max(b.len());
    let at = |array: &Array, position| array.get(position).unwrap_or_default();
    (0..longest).all(|position| equal(&at(a, position), &at(b, position)))
}

fn equal_objects(a: &Object, b: &Object) -> bool {
    if let (Some(a), Some(b)) = (a.packed(), b.packed())
        && a == b
    {
        return true;
    }
    // Attributes that are null count as missing. If all others of `a` have their equals in `b`, only their number can
    // still tell the two apart.
    let mut matched = 0_usize;
    for (name, value) in a {
        if value.is_null() {
            continue;
        }
        match b.get(&name) {
            Some(other) if equal(&value, &other) => matched += 1,
            _ => return false,
        }
    }
    matched == b.len() || matched == b.values().filter(|value| !value.is_null()).count()
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        equal(self, other)
    }
}

// Values hold no NaN, so equality is reflexive.
impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        compare(self, other)
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_value(self, state);
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Array) -> bool {
        equal_arrays(self, other)
    }
}

impl Eq for Array {}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        equal_objects(self, other)
    }
}

impl Eq for Object {}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&Value::Array(self.clone()), f)
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&Value::Object(self.clone()), f)
    }
}

/// Feeds a hash that agrees with [`equal`]: equal values hash alike whatever their representation.
pub fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    state.write_u8(value.rank());
    match value {
        Value::Null => {}
        Value::Bool(bool) => state.write_u8(u8::from(*bool)),
        Value::Int(int) => state.write_i64(*int),
        Value::Float(float) => match number::exact_int(*float) {
            Some(int) => state.write_i64(int),
            None => state.write_u64(float.to_bits()),
        },
        Value::String(text) => {
            state.write(text.as_bytes());
            state.write_u8(0xFF);
        }
        Value::Array(array) => {
            let length = significant_length(array);
            for item in array.iter().take(length) {
                hash_value(&item, state);
            }
            state.write_usize(length);
        }
        Value::Object(object) => {
            let mut pairs: Vec<_> = object
                .iter()
                .filter(|(_, value)| !value.is_null())
                .collect();
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for (name, value) in &pairs {
                state.write(name.as_bytes());
                state.write_u8(0xFF);
                hash_value(value, state);
            }
            state.write_usize(pairs.len());
        }
    }
}

/// Length of the array without the nulls at its end, which equality does not see.
pub(crate) fn significant_length(array: &Array) -> usize {
    if array.as_range().is_some() {
        return array.len();
    }
    let nulls = array.iter().rev().take_while(Value::is_null).count();
    array.len() - nulls
}

/// Whether two values are the same, to the type and the bits of every number. The order of attributes does not count.
pub fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => false,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| identical(&a, &b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, value): (Str, Value)| match b.get(&name) {
                Some(other) => identical(&value, &other),
                None => false,
            };
            a.len() == b.len() && a.iter().all(same)
        }
        _ => equal(a, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_json(text).unwrap()
    }

    #[track_caller]
    fn check(a: &str, b: &str, expected: Ordering) {
        let (left, right) = (value(a), value(b));
        assert_eq!(compare(&left, &right), expected, "{a} and {b}");
        assert_eq!(compare(&right, &left), expected.reverse(), "{b} and {a}");
        assert_eq!(left == right, expected.is_eq(), "{a} == {b}");
    }

    #[test]
    fn types_come_first() {
        let ordered = [
            "null",
            "false",
            "true",
            "-1",
            "1.5",
            r#""""#,
            r#""99""#,
            "[]",
            "[0]",
            r#"{"a":1}"#,
        ];
        for (place, a) in ordered.iter().enumerate() {
            for b in &ordered[place + 1..] {
                check(a, b, Ordering::Less);
            }
        }
    }

    #[test]
    fn the_documented_examples_hold() {
        use Ordering::{Equal, Less};
        check("0", "-0.0", Equal);
        check("1", "1.0", Equal);
        check("9007199254740993", "9007199254740992.0", Ordering::Greater);
        check(r#""A""#, r#""a""#, Less);
        check(r#""a""#, r#""B""#, Less);
        check("[]", "[0]", Less);
        check("[1,2]", "[2]", Less);
        check("[99,99]", "[100]", Less);
        check("[1]", "[1,null]", Equal);
        check("[]", "[null,null]", Equal);
        check("{}", r#"{"a":null}"#, Equal);
        check(r#"{"a":1}"#, r#"{"a":2}"#, Less);
        check(r#"{"b":1}"#, r#"{"a":0}"#, Less);
        check(r#"{"a":1}"#, r#"{"A":1}"#, Less);
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, Equal);
    }

    #[test]
    fn merges_can_tell_equal_numbers_apart() {
        let (int, float) = (Value::Int(5), Value::Float(5.0));
        assert_eq!(int, float);
        assert!(!identical(&int, &float));
        assert!(compare_binary(&int, &float).is_ne());
        assert_eq!(
            compare_binary(&int, &float),
            compare_binary(&float, &int).reverse()
        );
        assert!(compare_binary(&Value::from("B"), &Value::from("a")).is_lt());
        assert!(compare_binary(&value("[1]"), &value("[1,null]")).is_ne());
        assert!(compare_binary(&value("[1]"), &value("[1]")).is_eq());
    }
}
