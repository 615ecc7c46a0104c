//! Max and Min: the greatest and the least of what was offered to a value, by C8QL's order of types.
//!
//! Strings compare by code points, since the data of a collation may differ between builds, and bytes break ties (5 and
//! 5.0 are equal, but every replica has to keep the same one).

use std::cmp::Ordering;

use antipode_value::{Value, compare_binary, layout};

/// A total order in which only identical values are equal.
fn order(a: &Value, b: &Value) -> Ordering {
    compare_binary(a, b).then_with(|| {
        let bytes = |value| layout::encode(value).unwrap_or_default();
        bytes(a).cmp(&bytes(b))
    })
}

pub(crate) fn raise_to(kept: &mut Option<Value>, offered: &Value) {
    if kept
        .as_ref()
        .is_none_or(|kept| order(offered, kept).is_gt())
    {
        *kept = Some(offered.clone());
    }
}

pub(crate) fn lower_to(kept: &mut Option<Value>, offered: &Value) {
    if kept
        .as_ref()
        .is_none_or(|kept| order(offered, kept).is_lt())
    {
        *kept = Some(offered.clone());
    }
}

/// What is shown of a value and the greatest that was offered. Nothing and null count as no value.
pub(crate) fn greater(shown: Option<Value>, max: &Value) -> Value {
    match shown {
        Some(value) if !value.is_null() && order(&value, max).is_ge() => value,
        _ => max.clone(),
    }
}

/// What is shown of a value and the least that was offered. Nothing and null count as no value.
pub(crate) fn lesser(shown: Option<Value>, min: &Value) -> Value {
    match shown {
        Some(value) if !value.is_null() && order(&value, min).is_le() => value,
        _ => min.clone(),
    }
}
