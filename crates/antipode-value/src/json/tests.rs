//! Numbers, escapes, bounds and mistakes in JSON text.

use super::*;

#[test]
fn numbers_keep_their_kind() {
    let value = Value::from_json("[1,1.0,9223372036854775808,-9223372036854775808,1e2]").unwrap();
    assert_eq!(
        value.to_json_exact(),
        "[1,1.0,9.223372036854776e18,-9223372036854775808,100.0]"
    );
    assert_eq!(
        value.to_json(),
        "[1,1,9223372036854776000,-9223372036854775808,100]"
    );
}

#[test]
fn text_and_escapes_read_and_write() {
    let json = r#""\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t\u0001 \ud800x""#;
    let value = Value::from_json(json).unwrap();
    assert_eq!(
        value,
        Value::from("é😀\"\\/\u{8}\u{c}\n\r\t\u{1} \u{fffd}x")
    );
    assert_eq!(
        value.to_json(),
        "\"é😀\\\"\\\\/\\b\\f\\n\\r\\t\\u0001 \u{fffd}x\""
    );
}

#[test]
fn of_equal_names_the_last_wins() {
    let value = Value::from_json(r#" { "a" : 1 , "b" : [ ] , "a" : { } } "#).unwrap();
    assert_eq!(value.to_json(), r#"{"a":{},"b":[]}"#);
}

#[test]
fn nesting_is_bounded_and_does_not_exhaust_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Value::from_json(&nested(200)).is_ok());
    let error = Value::from_json(&nested(201)).unwrap_err();
    assert_eq!(error, JsonError::TooDeep { limit: 200 });
    assert_eq!(error.code(), 1524);
    assert!(Value::from_json(&"[".repeat(10_000_000)).is_err());
    assert!(Value::from_json(&r#"{"a":"#.repeat(1_000_000)).is_err());
}

#[test]
fn malformed_text_is_refused_with_its_place() {
    for text in [
        "",
        " ",
        "nul",
        "tru",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "[1,]",
        "[1 2]",
        "{a:1}",
        r#"{"a"}"#,
        r#"{"a":1,}"#,
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "1 2",
        "NaN",
        "Infinity",
        "1e999",
        "[",
        "{",
        "'a'",
    ] {
        assert!(Value::from_json(text).is_err(), "{text:?}");
    }
    let error = Value::from_json("{\n  \"é\": x}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid JSON at line 2, column 8: expected a value"
    );
    let error = Value::from_json_bytes(b"[\"\xFF\"]").unwrap_err();
    assert_eq!(error, JsonError::NotUtf8 { offset: 2 });
}

#[test]
fn serde_reads_and_writes_the_same_values() {
    let json = r#"{"a":[1,-2.5,"x",null,true],"b":{}}"#;
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(value, Value::from_json(json).unwrap());
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
}
