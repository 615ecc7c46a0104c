//! Golden bytes, limits, and bytes that are no value.

use super::*;

fn value(json: &str) -> Value {
    Value::from_json(json).unwrap()
}

#[track_caller]
fn check(json: &str, bytes: &[u8]) {
    let encoded = encode(&value(json)).unwrap();
    assert_eq!(encoded, bytes, "{json}");
    let read = Value::from_packed(Bytes::from(encoded)).unwrap();
    assert!(
        crate::identical(&read, &value(json)),
        "{json} reads as {read}"
    );
}

#[test]
fn golden_bytes() {
    check("null", &[0x00]);
    check("false", &[0x01]);
    check("true", &[0x02]);
    check("0", &[0x40]);
    check("63", &[0x7F]);
    check("64", &[0x04, 64]);
    check("-1", &[0x04, 0xFF]);
    check("128", &[0x04, 0x80, 0x00]);
    check("1.5", &[0x03, 0x00, 0x00, 0xC0, 0x3F]);
    check(
        "0.1",
        &[0x03, 0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F],
    );
    check(r#""hé""#, &[0x05, b'h', 0xC3, 0xA9]);
    check("[]", &[0x08]);
    check("[1,true]", &[0x08, 2, 1, 2, 0x41, 0x02]);
    check("{}", &[0x0C]);
    check(
        r#"{"b":[],"a":1}"#,
        &[0x0C, 2, 3, 6, 1, b'a', 0x41, 1, b'b', 0x08],
    );
}

#[test]
fn identical_values_have_the_same_bytes() {
    let bytes = |json| encode(&value(json)).unwrap();
    assert_eq!(bytes(r#"{"a":1,"b":2}"#), bytes(r#"{"b":2,"a":1}"#));
    assert_eq!(bytes("-0.0"), bytes("0.0"));
    assert_ne!(bytes("5"), bytes("5.0"));
    let range = Value::Array(Array::range(1, 3));
    assert_eq!(encode(&range).unwrap(), bytes("[1,2,3]"));
}

#[test]
fn wide_containers_read_back() {
    for count in [100, 300, 70_000] {
        let array = Value::array(0..count);
        let packed = Value::from_packed(encode(&array).unwrap().into()).unwrap();
        assert_eq!(packed.as_array().unwrap().len(), count as usize);
        assert_eq!(
            packed.index(&Value::Int(-1)),
            Value::Int(i64::from(count) - 1)
        );
        let object = Value::object((0..count).map(|n| (format!("name {n}"), n)));
        let packed = Value::from_packed(encode(&object).unwrap().into()).unwrap();
        assert_eq!(packed.as_object().unwrap().len(), count as usize);
        assert_eq!(packed.attribute("name 77"), Value::Int(77));
        assert_eq!(packed.attribute("name"), Value::Null);
    }
}

#[test]
fn limits_are_errors() {
    let nested = |depth: usize| (0..depth).fold(Value::Int(1), |inner, _| Value::array([inner]));
    assert!(encode(&nested(200)).is_ok());
    assert_eq!(
        encode(&nested(201)),
        Err(LayoutError::TooDeep { limit: 200 })
    );
    let deep = encode_within(
        &nested(201),
        Limits {
            nesting: 300,
            bytes: BYTES_MAX,
        },
    )
    .unwrap();
    assert_eq!(
        Value::from_packed(deep.into()).unwrap_err(),
        LayoutError::TooDeep { limit: 200 }
    );
    let deepest = Limits {
        nesting: usize::MAX,
        bytes: usize::MAX,
    };
    assert!(encode_within(&nested(1_000), deepest).is_ok());
    assert_eq!(
        encode_within(&nested(1_001), deepest),
        Err(LayoutError::TooDeep { limit: 1_000 })
    );
    let small = Limits {
        nesting: 9,
        bytes: 100,
    };
    assert_eq!(
        encode_within(&Value::from("x".repeat(100)), small),
        Err(LayoutError::TooLarge { limit: 100 })
    );
    assert!(encode_within(&Value::from("x".repeat(99)), small).is_ok());
    let range = Value::Array(Array::range(0, i64::MAX));
    assert_eq!(
        encode_within(&range, small),
        Err(LayoutError::TooLarge { limit: 100 })
    );
}

#[test]
fn bytes_that_are_not_canonical_are_refused() {
    for bytes in [
        &[][..],
        &[0x00, 0x00],
        &[0x04],
        &[0x04, 63],
        &[0x04, 64, 0],
        &[0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        &[0x03, 0x00, 0x00, 0x00, 0x80],
        &[0x03, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F],
        &[0x03, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F],
        &[0x05, 0xFF],
        &[0x06],
        &[0x0B],
        &[0xC0],
        &[0x08, 0],
        &[0x09, 1, 0, 1, 0, 0x00],
        &[0x08, 1, 1, 0x00, 0x00],
        &[0x08, 2, 2, 1, 0x00, 0x00],
        &[0x08, 200, 1, 1],
        &[0x08, 1, 0],
        &[0x0C, 1, 3, 2, b'a', 0x00],
        &[0x0C, 1, 2, 1, b'a'],
        &[0x0C, 2, 3, 6, 1, b'b', 0x00, 1, b'a', 0x00],
        &[0x0C, 2, 3, 6, 1, b'a', 0x00, 1, b'a', 0x00],
        &[0x0C, 1, 4, 0x81, 0x00, b'a', 0x00],
    ] {
        let result = Value::from_packed(Bytes::copy_from_slice(bytes));
        assert!(
            matches!(result, Err(LayoutError::Damaged { .. })),
            "{bytes:?} gave {result:?}"
        );
    }
}

#[test]
fn a_document_is_about_as_small_as_its_json() {
    let json = r#"{"iata":"HND","name":"Tokyo Haneda International","city":"Tokyo","country":"Japan","latitude":35.552258,"longitude":139.779694,"elevation":35,"tags":["hub","coast"],"visits":12345,"open":true,"note":null}"#;
    assert!((190..220).contains(&json.len()));
    let bytes = encode(&value(json)).unwrap();
    assert!(
        bytes.len() * 10 <= json.len() * 11,
        "{} bytes, JSON {}",
        bytes.len(),
        json.len()
    );
    assert_eq!((bytes.len(), json.len()), (168, 204));
}
