//! Properties that hold for all values: the order is total and agrees with equality, hash and sort keys; layout and
//! JSON give back what went in; no bytes and no text make a reader panic. Proptest prints the failing case and keeps
//! its seed.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use antipode_value::{
    Object, Str, Value, compare, compare_binary, equal, hash_value, identical, layout, sort_key,
};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers where mistakes hide: around zero, the ends of the integers, and the ends of exactness.
fn numbers() -> impl Strategy<Value = Value> {
    let special = prop::sample::select(vec![
        Value::Int(0),
        Value::Float(-0.0),
        Value::Float(0.5),
        Value::Int(5),
        Value::Float(5.0),
        Value::Int(1 << 53),
        Value::Int((1 << 53) + 1),
        Value::Float((1_u64 << 53) as f64),
        Value::Int(i64::MAX),
        Value::Int(i64::MIN),
        Value::Float(9_223_372_036_854_775_808.0),
        Value::Float(f64::MIN_POSITIVE),
        Value::Float(f64::MAX),
    ]);
    prop_oneof![
        special,
        (-3_i64..3).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(|int| Value::Float(int as f64)),
        any::<f64>().prop_map(Value::float),
        any::<f32>().prop_map(|float| Value::float(f64::from(float))),
    ]
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[aAbB]{0,2}", "\\PC{0,3}"]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ aAbB_0-9]{0,4}",
        "\\PC{0,8}",
        "[\\x00-\\x7f]{0,4}",
        "é{30,50}"
    ]
}

/// Values of which many are equal or nearly so: few names, few numbers, many nulls.
fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        2 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        3 => numbers(),
        3 => texts().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((names(), inner), 0..20).prop_map(Value::object),
        ]
    })
}

fn packed(value: &Value) -> Value {
    Value::from_packed(Bytes::from(layout::encode(value).unwrap())).unwrap()
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_value(value, &mut hasher);
    hasher.finish()
}

/// `value` with nulls added where equality does not see them, and its attributes turned around.
fn dressed_up(value: &Value) -> Value {
    match value {
        Value::Int(int) if int.unsigned_abs() < 1 << 53 => Value::Float(*int as f64),
        Value::Array(array) => {
            let nulls = [Value::Null, Value::Null];
            Value::array(array.iter().map(|item| dressed_up(&item)).chain(nulls))
        }
        Value::Object(object) => {
            let mut pairs: Vec<(Str, Value)> = object.iter().collect();
            pairs.reverse();
            let extra = (Str::from("a missing one"), Value::Null);
            let pairs = pairs
                .into_iter()
                .map(|(name, value)| (name, dressed_up(&value)));
            Value::Object(Object::from_pairs(pairs.chain([extra]).collect()))
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_order_is_total(a in values(), b in values(), c in values()) {
        for order in [compare, compare_binary] {
            prop_assert_eq!(order(&a, &a), Ordering::Equal);
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn equality_hash_and_sort_keys_agree_with_the_order(a in values(), b in values()) {
        let order = compare(&a, &b);
        prop_assert_eq!(equal(&a, &b), order.is_eq());
        prop_assert_eq!(sort_key::encode(&a).cmp(&sort_key::encode(&b)), order);
        if order.is_eq() {
            prop_assert_eq!(hash(&a), hash(&b));
        }
    }

    #[test]
    fn what_equality_does_not_see_changes_nothing(a in values(), b in values()) {
        let other = dressed_up(&a);
        prop_assert!(equal(&a, &other));
        prop_assert_eq!(hash(&a), hash(&other));
        prop_assert_eq!(sort_key::encode(&a), sort_key::encode(&other));
        prop_assert_eq!(compare(&a, &b), compare(&other, &b));
    }

    #[test]
    fn sort_keys_of_tuples_compare_part_by_part(a in vec(values(), 2), b in vec(values(), 2)) {
        let key = |tuple: &[Value]| {
            let mut out = Vec::new();
            tuple.iter().for_each(|value| sort_key::encode_into(value, &mut out));
            out
        };
        let expected = compare(&a[0], &b[0]).then_with(|| compare(&a[1], &b[1]));
        prop_assert_eq!(key(&a).cmp(&key(&b)), expected);
    }

    #[test]
    fn binary_order_is_equal_only_for_the_same_bytes(a in values(), b in values()) {
        let same_bytes = layout::encode(&a).unwrap() == layout::encode(&b).unwrap();
        prop_assert_eq!(compare_binary(&a, &b).is_eq(), same_bytes);
    }

    #[test]
    fn packed_values_read_as_they_were(a in values(), b in values()) {
        let stored = packed(&a);
        prop_assert_eq!(layout::encode(&stored).unwrap(), layout::encode(&a).unwrap());
        prop_assert!(equal(&stored, &a));
        prop_assert_eq!(hash(&stored), hash(&a));
        prop_assert_eq!(compare(&stored, &b), compare(&a, &b));
        prop_assert_eq!(sort_key::encode(&stored), sort_key::encode(&a));
        if let Value::Object(object) = &a {
            prop_assert_eq!(stored.as_object().map(Object::len), Some(object.len()));
            for (name, value) in object {
                prop_assert!(equal(&stored.attribute(&name), &value));
            }
        }
    }

    #[test]
    fn json_gives_back_what_went_in(a in values()) {
        let read = Value::from_json(&a.to_json()).unwrap();
        prop_assert!(equal(&read, &a), "{} read as {:?}", a.to_json(), read);
        let read = Value::from_json(&a.to_json_exact()).unwrap();
        prop_assert!(identical(&read, &a), "{} read as {:?}", a.to_json_exact(), read);
        let other: serde_json::Value = serde_json::from_str(&a.to_json_exact()).unwrap();
        let through_serde: Value = serde_json::from_value(other).unwrap();
        prop_assert!(equal(&through_serde, &a));
    }

    #[test]
    fn hostile_bytes_never_panic(
        a in values(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let mut bytes = layout::encode(&a).unwrap();
        for (position, byte) in changes {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        let bytes = Bytes::from(bytes);
        if let Ok(value) = Value::from_packed(bytes.clone()) {
            prop_assert_eq!(&layout::encode(&value).unwrap(), &bytes, "what is accepted is canonical");
        }
        touch(&Value::from_packed_unverified(bytes));
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..40), text in "[\\[\\]{}:,\"0-9a-z\\\\ .+-]{0,20}") {
        _ = Value::from_json(&text);
        _ = Value::from_json_bytes(&bytes);
        let bytes = Bytes::from(bytes);
        _ = Value::from_packed(bytes.clone());
        touch(&Value::from_packed_unverified(bytes));
    }
}

/// Uses a value in every way; none may panic.
fn touch(value: &Value) {
    _ = value.to_json();
    _ = hash(value);
    _ = sort_key::encode(value);
    _ = compare(value, &Value::from_json(r#"[{"a":1}]"#).unwrap());
    _ = layout::encode(value);
    _ = value.attribute("a");
    _ = value.index(&Value::Int(-1));
}
