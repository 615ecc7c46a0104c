//! Key-value pairs and documents that expire, and what must become of them: what was given a long life is there in the
//! end, whoever found it expired meanwhile; what was not is gone from every node.
//!
//! Each is made once, under a key of its own, and then prolonged wherever it is seen alive.

use std::collections::BTreeSet;

use antipode_crdt::{Draft, DraftChange};
use antipode_engine::{DraftOperation, Expectation};
use antipode_store::keyspace::DocumentKey;
use antipode_store::{Direction, Space};
use antipode_value::{Str, Value};
use bytes::Bytes;

use super::{Effect, Expected, FABRIC, Kind, at};
use crate::check::view::View;
use crate::random::Random;

/// The kinds of work whose documents expire.
pub(super) const KINDS: [Kind; 2] = [Kind::Sessions, Kind::Perishables];

/// A life that ends after the run, in milliseconds.
const LONG_MS: u64 = 10 * 24 * 3_600_000;

/// The attribute that says when, in seconds since 1970.
fn attribute(kind: Kind) -> &'static str {
    match kind {
        Kind::Sessions => "expireAt",
        _ => "at",
    }
}

/// Makes something that expires, or prolongs the life of what has not expired yet.
pub(super) fn operation(
    kind: Kind,
    view: &View<'_>,
    touched: &mut BTreeSet<String>,
    now_ms: u64,
    number: u64,
    dice: &mut Random,
) -> Option<(DraftOperation, Option<Effect>)> {
    let collection = view.catalog.collection(FABRIC, kind.name())?.id;
    let until = |dice: &mut Random, long_percent| {
        let long = dice.chance(long_percent);
        let life_ms = if long {
            LONG_MS
        } else {
            dice.between(500, 7_000)
        };
        let at_ms = now_ms + life_ms;
        (Value::Float(at_ms as f64 / 1_000.0), long, at_ms)
    };
    let kept = |key: &str, at_ms| Effect::Kept {
        kind,
        key: key.to_owned(),
        at_ms,
    };
    let mut alive = shown(view, kind);
    alive.retain(|(key, at_ms)| at_ms.is_none_or(|at_ms| at_ms > now_ms) && !touched.contains(key));
    let (key, draft, expect, effect) = match alive.len() {
        1.. if dice.chance(60) => {
            let (key, _) = alive.swap_remove(dice.index(alive.len()));
            let (draft, effect) = if dice.chance(20) {
                let write = DraftChange::Assign(Value::Int(number as i64));
                (Draft::Update(vec![(at("v"), write)]), None)
            } else {
                let (later, long, at_ms) = until(dice, 25);
                let draft = Draft::Update(vec![(at(attribute(kind)), DraftChange::Max(later))]);
                (draft, long.then(|| kept(&key, at_ms)))
            };
            (key, draft, Expectation::Exists, effect)
        }
        _ => {
            let key = format!("s{number}");
            let (expires, long, at_ms) = until(dice, 15);
            let value = Value::object([("v", Value::Int(1)), (attribute(kind), expires)]);
            let effect = long.then(|| kept(&key, at_ms));
            (key, Draft::Insert(value), Expectation::Absent, effect)
        }
    };
    touched.insert(key.clone());
    let operation = DraftOperation::Document {
        collection,
        key: Str::from(key),
        draft,
        expect,
    };
    Some((operation, effect))
}

/// What a collection shows, expired or not: keys, and when they expire.
fn shown(view: &View<'_>, kind: Kind) -> Vec<(String, Option<u64>)> {
    let Some(collection) = view.catalog.collection(FABRIC, kind.name()) else {
        return Vec::new();
    };
    let range = DocumentKey::range(collection.id);
    let mut cursor = view
        .snapshot
        .scan(Space::Documents, range, Direction::Forward);
    let mut found = Vec::new();
    while let Ok(Some((key, record))) = cursor.next() {
        let body = view.read(&Bytes::copy_from_slice(record));
        if let (Ok(key), Some(body)) = (DocumentKey::decode(key), body) {
            let at_ms = view.catalog.expires_ms(collection, &body);
            found.push((key.key.to_owned(), at_ms));
        }
    }
    found
}

/// Whether a node still holds something that has expired.
pub(crate) fn holds_expired(view: &View<'_>, now_ms: u64) -> bool {
    KINDS.into_iter().any(|kind| {
        let mut shown = shown(view, kind).into_iter();
        shown.any(|(_, at_ms)| at_ms.is_some_and(|at_ms| at_ms <= now_ms))
    })
}

impl Expected {
    /// Whoever was given a long life, and was told so, has it.
    pub(super) fn compare_kept(&self, view: &View<'_>) -> Result<(), String> {
        for effect in self.effects() {
            if let Effect::Kept { kind, key, at_ms } = effect {
                let body = view.shown(kind.name(), key);
                let until = body.map(|body| body.attribute(attribute(*kind)).to_float() * 1_000.0);
                if until.is_none_or(|until| until.round() < *at_ms as f64) {
                    return Err(format!(
                        "{}/{key} was to live until {at_ms}, and has {until:?}",
                        kind.name()
                    ));
                }
            }
        }
        Ok(())
    }
}
