//! What one node shows, read from its store.

use std::sync::Arc;

use antipode_engine::{Catalog, Shared};
use antipode_store::keyspace::{DocumentKey, MessageKey};
use antipode_store::record::{DocumentRecord, Payload, Record as _, ReplicaTable, StoredMessage};
use antipode_store::{CollectionId, Direction, Snapshot, Space, StoreError};
use antipode_value::Value;
use bytes::Bytes;

use crate::workload::FABRIC;

/// A snapshot of a node and how to read it.
pub(crate) struct View<'a> {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) snapshot: Box<dyn Snapshot + 'a>,
    pub(crate) numbers: ReplicaTable,
}

impl View<'_> {
    pub(crate) fn of(shared: &Shared) -> Result<View<'static>, StoreError> {
        let snapshot = shared.storage().snapshot();
        let numbers = ReplicaTable::load(&*snapshot)?;
        Ok(View {
            catalog: shared.catalog(),
            snapshot,
            numbers,
        })
    }

    /// What stands under a key; none where nothing is shown, or where it cannot be read.
    pub(crate) fn document(&self, collection: CollectionId, key: &str) -> Option<Value> {
        let key = DocumentKey { collection, key }.encode();
        let record = self.snapshot.get(Space::Documents, &key).ok()??;
        self.read(&record)
    }

    /// The same by the collection's name.
    pub(crate) fn shown(&self, collection: &str, key: &str) -> Option<Value> {
        let collection = self.catalog.collection(FABRIC, collection)?.id;
        self.document(collection, key)
    }

    /// What a stored document shows.
    pub(crate) fn read(&self, record: &Bytes) -> Option<Value> {
        let document = DocumentRecord::open(record).ok()?.document(&self.numbers);
        document.ok()?.show()
    }

    /// The texts in a stream, each origin's in its order.
    pub(crate) fn messages(&self, stream: &str) -> Result<Vec<String>, String> {
        let Some(stream) = self.catalog.stream(FABRIC, stream).map(|entry| entry.id) else {
            return Ok(Vec::new());
        };
        let range = MessageKey::range(stream);
        let mut cursor = self
            .snapshot
            .scan(Space::Streams, range, Direction::Forward);
        let mut texts = Vec::new();
        let mut last = None;
        let read = |error: StoreError| error.to_string();
        while let Some((key, record)) = cursor.next().map_err(read)? {
            let key = MessageKey::decode(key).map_err(|error| error.to_string())?;
            let next = match last {
                Some((origin, seq)) if origin == key.origin => seq + 1,
                _ => 1,
            };
            if key.seq != next {
                return Err(format!(
                    "message {} of {} stands where {next} should",
                    key.seq, key.origin
                ));
            }
            last = Some((key.origin, key.seq));
            let stored = StoredMessage::open(record).map_err(|error| error.to_string())?;
            if let Payload::Raw(text) = &stored.message.payload {
                texts.push(String::from_utf8_lossy(text).into_owned());
            }
        }
        Ok(texts)
    }
}
