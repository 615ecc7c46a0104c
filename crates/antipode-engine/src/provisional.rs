//! Versions and message ids that are shown before the commit gives the true ones.
//!
//! Only the committer gives stamps, so a provisional text is made of one that nothing else produces. The commit's answer
//! tells the true one, which is then put in its place wherever the rows of the client show it.

use std::collections::BTreeMap;

use antipode_clock::ReplicaId;
use antipode_value::{Object, Value};

use crate::request::Committed;

/// Stamps of writes that are not committed yet lie far above every stamp that is: half of the number range is some four
/// thousand years ahead.
pub(crate) const PROVISIONAL_HLC: u64 = u64::MAX / 2;

/// What was shown of writes before they were committed.
#[derive(Debug)]
pub struct Provisional {
    pub(crate) texts: Vec<Option<String>>,
}

impl Provisional {
    /// Puts the versions and message ids that the commit gave in the place of the provisional ones.
    #[must_use]
    pub fn settle(&self, committed: &Committed, me: ReplicaId, rows: Vec<Value>) -> Vec<Value> {
        let mut texts = BTreeMap::new();
        for ((provisional, outcome), position) in
            self.texts.iter().zip(&committed.outcomes).zip(0..)
        {
            let Some(provisional) = provisional else {
                continue;
            };
            let settled = match (outcome.revision, outcome.message_seq) {
                (Some(revision), _) => Value::from(revision.to_string()),
                (None, Some(seq)) => {
                    let stamp = committed.stamp.plus(position);
                    Value::from(crate::messages::message_id(stamp.hlc, me, seq))
                }
                (None, None) => Value::Null,
            };
            texts.insert(provisional.as_str(), settled);
        }
        if texts.is_empty() {
            return rows;
        }
        rows.into_iter()
            .map(|row| settled(&row, &texts).unwrap_or(row))
            .collect()
    }
}

/// The value with provisional texts replaced, or `None` where there is none in it.
fn settled(value: &Value, texts: &BTreeMap<&str, Value>) -> Option<Value> {
    match value {
        Value::String(text) => texts.get(text.as_str()).cloned(),
        Value::Array(array) => {
            let mut changed = None;
            for (position, item) in array.iter().enumerate() {
                if let Some(item) = settled(&item, texts) {
                    let items = changed.get_or_insert_with(|| array.to_vec());
                    if let Some(place) = items.get_mut(position) {
                        *place = item;
                    }
                }
            }
            changed.map(Value::array)
        }
        Value::Object(object) => {
            let mut changed = None;
            for (position, (_, item)) in object.iter().enumerate() {
                if let Some(item) = settled(&item, texts) {
                    let pairs = changed.get_or_insert_with(|| object.to_pairs());
                    if let Some((_, place)) = pairs.get_mut(position) {
                        *place = item;
                    }
                }
            }
            changed.map(|pairs| Value::Object(Object::from_pairs(pairs)))
        }
        _ => None,
    }
}
