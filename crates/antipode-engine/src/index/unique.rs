//! Who holds a value of a unique index, while a batch is being made.
//!
//! The store knows who held it before the batch; what the batch has changed so far is kept here. So a value that one
//! transaction gives up, the next one of the same batch can take, and two of them cannot take the same.

use std::collections::{BTreeMap, BTreeSet};

use antipode_store::record::{IndexRow, Record as _};
use antipode_store::{Direction, KeyRange, Snapshot, Space, StoreError};
use antipode_value::{Str, Value};

use super::entries::{Named, entry_part, rows};
use super::error::IndexError;
use super::registry::IndexEntry;

/// Where an entry begins: the index and what it is sorted by, without the document's key.
pub(crate) type Slot = Vec<u8>;

/// Which documents a batch has put into slots, and which it has taken out.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    changed: BTreeMap<Slot, BTreeMap<Str, bool>>,
    undo: Vec<(Slot, Str, Option<bool>)>,
}

impl Holders {
    /// Begins a transaction.
    pub fn begin(&mut self) {
        self.undo.clear();
    }

    /// Takes back everything since [`Holders::begin`].
    pub fn roll_back(&mut self) {
        for (slot, key, before) in self.undo.drain(..).rev() {
            let Some(holders) = self.changed.get_mut(&slot) else {
                continue;
            };
            match before {
                Some(held) => holders.insert(key, held),
                None => holders.remove(&key),
            };
        }
    }

    fn set(&mut self, slot: Slot, key: &Str, held: bool) {
        let holders = self.changed.entry(slot.clone()).or_default();
        let before = holders.insert(key.clone(), held);
        self.undo.push((slot, key.clone(), before));
    }

    /// What the batch has made of the holders of a slot that `stored` says.
    pub fn apply(&self, slot: &[u8], stored: &mut BTreeSet<Str>) {
        let Some(changed) = self.changed.get(slot) else {
            return;
        };
        for (key, held) in changed {
            if *held {
                stored.insert(key.clone());
            } else {
                stored.remove(key);
            }
        }
    }

    /// Lets the slots of an index follow a document, and returns those that it takes newly.
    pub fn follow(
        &mut self,
        index: &IndexEntry,
        (collection, key): (&str, &Str),
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Vec<Slot> {
        let slots = |body: Option<&Value>| {
            body.map(|body| {
                slots(
                    index,
                    Named {
                        collection,
                        key,
                        body,
                    },
                )
            })
            .unwrap_or_default()
        };
        let (before, after) = (slots(before), slots(after));
        for slot in before.difference(&after) {
            self.set(slot.clone(), key, false);
        }
        let new: Vec<Slot> = after.difference(&before).cloned().collect();
        for slot in &new {
            self.set(slot.clone(), key, true);
        }
        new
    }
}

/// The slots of a document in an index.
pub(crate) fn slots(index: &IndexEntry, document: Named<'_>) -> BTreeSet<Slot> {
    let rows = rows(index, document);
    let cut = |row: Vec<u8>| {
        let end = 8 + entry_part(&row, document.key).len();
        row.get(..end).map(<[u8]>::to_vec).unwrap_or_default()
    };
    rows.into_keys().map(cut).collect()
}

/// Who holds a slot in the store, but for `except`.
pub(crate) fn stored_holders(
    snapshot: &dyn Snapshot,
    slot: &[u8],
    except: &str,
) -> Result<BTreeSet<Str>, StoreError> {
    let mut cursor = snapshot.scan(Space::Index, KeyRange::prefix(slot), Direction::Forward);
    let mut holders = BTreeSet::new();
    while let Some((key, row)) = cursor.next()? {
        let at = |error: antipode_store::RecordError| error.at(Space::Index, key);
        let row = IndexRow::open(row).map_err(at)?;
        let name = antipode_store::keyspace::IndexKey::decode(key, row.key_bytes as usize)
            .map_err(at)?
            .key;
        if name != except {
            holders.insert(Str::from(name));
        }
    }
    Ok(holders)
}

/// The error of a write that takes a value which another document has.
pub(crate) fn violated(index: &IndexEntry, key: &str) -> IndexError {
    IndexError::UniqueViolated {
        index: index.name.clone(),
        fields: index.definition.fields_text(),
        key: key.to_owned(),
    }
}
