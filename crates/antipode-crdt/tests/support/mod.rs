//! What the tests share.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod compare;
pub mod plain;
pub mod scenario;
pub mod specification;
pub mod world;

use antipode_clock::{Hlc, ReplicaId, Stamp};
use antipode_crdt::{
    Document, Draft, DraftChange, PatchOptions, Path, ReplicaNumbers, patch_changes, shown_packed,
};
use antipode_value::{Value, identical};
use bytes::Bytes;

pub fn json(text: &str) -> Value {
    Value::from_json(text).expect("test JSON")
}

pub fn stamp(replica: ReplicaId, hlc: u64) -> Stamp {
    Stamp::new(Hlc(hlc), replica)
}

pub fn put(value: &str) -> Draft {
    Draft::Put(json(value))
}

pub fn update(patch: &str) -> Draft {
    Draft::Update(patch_changes(&json(patch), PatchOptions::default()))
}

pub fn change(path: &str, change: DraftChange) -> Draft {
    Draft::Update(vec![(Path::new(path.split('.')), change)])
}

pub fn assign(path: &str, value: &str) -> Draft {
    change(path, DraftChange::Assign(json(value)))
}

/// Numbers given out in the order of asking.
#[derive(Default)]
pub struct Numbers(Vec<ReplicaId>);

impl ReplicaNumbers for Numbers {
    fn number(&mut self, replica: ReplicaId) -> u32 {
        let known = self.0.iter().position(|other| *other == replica);
        known.unwrap_or_else(|| {
            self.0.push(replica);
            self.0.len() - 1
        }) as u32
    }

    fn replica(&self, number: u32) -> Option<ReplicaId> {
        self.0.get(number as usize).copied()
    }
}

/// Stores the document and reads it back: everything that can be asked of it must come back the same.
pub fn stored(document: &Document) -> Result<Document, String> {
    let mut numbers = Numbers::default();
    let mut bytes = b"before".to_vec();
    let encoded = document.encode(&mut numbers, &mut bytes);
    let record = Bytes::from(bytes).slice(6..);
    let read =
        Document::decode(&record, &numbers).map_err(|error| format!("{error} in {document:?}"))?;
    if read != *document {
        return Err(format!("stored {document:?}\nread   {read:?}"));
    }
    let shown = shown_packed(&record, &numbers).map_err(|error| error.to_string())?;
    let revision = shown.as_ref().map(|shown| shown.revision());
    if revision != encoded.revision || revision != document.revision() {
        return Err(format!("revision {revision:?} of {document:?}"));
    }
    let same = match (&shown, document.show()) {
        (Some(shown), Some(value)) => {
            identical(&shown.value, &value) && shown.body().len() == encoded.body.len()
        }
        (None, None) => encoded.body.is_empty(),
        _ => false,
    };
    if same {
        Ok(read)
    } else {
        Err(format!("shown {shown:?} of {document:?}"))
    }
}
