//! When a document expires: at the time in the attribute of its collection's TTL index, and so many seconds later as the index says.
//!
//! The time is a number of seconds since 1970 or a date as the date functions read it. Anything else is no time, and such a
//! document stays.

use antipode_value::Value;

use super::{IndexInfo, IndexKind};
use crate::function::date;

/// When a document expires, in milliseconds since 1970; none if it does not, or if the index is of another kind.
pub fn expires_ms(index: &IndexInfo, document: &Value) -> Option<u64> {
    let (IndexKind::Ttl { expire_after }, Some(field)) = (index.kind, index.fields.first()) else {
        return None;
    };
    let at_ms = match field.value(document) {
        Value::Int(seconds) => seconds as f64 * 1_000.0,
        Value::Float(seconds) => seconds * 1_000.0,
        Value::String(text) => date::milliseconds(&text)? as f64,
        _ => return None,
    };
    let expires = (at_ms + expire_after as f64 * 1_000.0).ceil();
    // A number beyond all times is no time: it would never come, or has been since before there were clocks.
    (expires >= 0.0 && expires < u64::MAX as f64).then_some(expires as u64)
}

#[cfg(test)]
mod tests {
    use super::super::{IndexField, IndexId};
    use super::*;

    #[test]
    fn a_time_is_seconds_or_a_date() {
        let index = IndexInfo {
            id: IndexId(1),
            name: "i".into(),
            kind: IndexKind::Ttl { expire_after: 10 },
            fields: IndexField::parse("a.at").into_iter().collect(),
            unique: false,
            sparse: true,
            covered: Vec::new(),
            entries: 0,
            selectivity: None,
        };
        let expires = |at: &str| {
            let document = format!("{{\"a\": {{\"at\": {at}}}}}");
            expires_ms(&index, &Value::from_json(&document).unwrap())
        };
        assert_eq!(expires("1000"), Some(1_010_000));
        assert_eq!(expires("0.5"), Some(10_500));
        assert_eq!(expires("\"1970-01-01T00:00:05Z\""), Some(15_000));
        for none in ["null", "true", "\"soon\"", "[1]", "-11", "1e300"] {
            assert_eq!(expires(none), None, "{none}");
        }
    }
}
