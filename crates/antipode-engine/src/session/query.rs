//! A transaction as queries know it: the catalog that they are compiled against, the data that they read, and the writes
//! that they make.

use antipode_clock::Hlc;
use antipode_crdt::Draft;
use antipode_query as query;
use antipode_query::index::{GeoRead, IndexRead};
use antipode_query::{
    CollectionInfo, Expect, KeyBounds, Retry, Scan, SourceError, StreamInfo, StreamRead, Written,
};
use antipode_store::keyspace::{EdgeDirection, EdgeKey};
use antipode_store::record::{GroupState, Message, Payload};
use antipode_store::{CollectionId, StreamId};
use antipode_value::{Str, Value};

use super::{OpenTransaction, store_failed};
use crate::catalog::{CollectionEntry, CollectionKind};
use crate::committer::GROUP;
use crate::index::geo::GeoScan;
use crate::provisional::PROVISIONAL_HLC;
use crate::request::DraftOperation;
use crate::scan::{DocumentScan, EdgeScan, MergedScan};

impl query::Catalog for OpenTransaction {
    fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, SourceError> {
        Ok(self.catalog.collection(&self.fabric, name).map(info))
    }

    fn collections(&self) -> Result<Vec<CollectionInfo>, SourceError> {
        Ok(self.catalog.collections(&self.fabric).map(info).collect())
    }

    fn stream(&self, name: &str) -> Result<Option<StreamInfo>, SourceError> {
        Ok(self
            .catalog
            .stream(&self.fabric, name)
            .map(|entry| StreamInfo {
                id: query::StreamId(entry.id.0),
                name: entry.name.clone(),
            }))
    }

    fn graph(&self, name: &str) -> Result<Option<query::GraphInfo>, SourceError> {
        let graph = self.catalog.graph(&self.fabric, name);
        Ok(graph.map(|graph| query::GraphInfo {
            edge_collections: graph.edge_collections().cloned().collect(),
            vertex_collections: graph.vertex_collections().into_iter().cloned().collect(),
        }))
    }

    fn indexes(
        &self,
        collection: query::CollectionId,
    ) -> Result<Vec<query::index::IndexInfo>, SourceError> {
        Ok(self.ready_indexes(collection))
    }

    fn estimate(&self, collection: query::CollectionId) -> u64 {
        // Documents that have expired are among them: to leave them out, all would have to be read.
        self.counted(CollectionId(collection.0)).unwrap_or_default()
    }
}

impl OpenTransaction {
    /// The documents of a collection as the store counts them, expired ones too.
    fn counted(&self, id: CollectionId) -> Result<u64, SourceError> {
        GroupState::of(&*self.snapshot, GROUP)
            .and_then(|state| state.count(&*self.snapshot, id))
            .map_err(store_failed)
    }
}

fn info(entry: &CollectionEntry) -> CollectionInfo {
    CollectionInfo {
        id: query::CollectionId(entry.id.0),
        name: entry.name.clone(),
        kind: match entry.kind {
            CollectionKind::Document => query::CollectionKind::Document,
            CollectionKind::Edge => query::CollectionKind::Edge,
            CollectionKind::KeyValue => query::CollectionKind::KeyValue,
        },
    }
}

impl query::Source for OpenTransaction {
    fn count(&self, collection: query::CollectionId) -> Result<u64, SourceError> {
        let id = CollectionId(collection.0);
        if self.catalog.documents_expire(self.entry_by_id(id)?) {
            // Expired documents are counted by the store, but not shown.
            let mut scan = DocumentScan::open(self, id, &KeyBounds::all())?;
            return scan.count_rest();
        }
        self.counted(id)
    }

    fn get(
        &self,
        collection: query::CollectionId,
        key: &str,
    ) -> Result<Option<Value>, SourceError> {
        let entry = self.entry_by_id(CollectionId(collection.0))?;
        let shown = self.stored(entry.id, key)?;
        Ok(self.present(entry, key, shown))
    }

    fn scan(
        &self,
        collection: query::CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(Box::new(DocumentScan::open(
            self,
            CollectionId(collection.0),
            keys,
        )?))
    }

    fn edges(
        &self,
        collection: query::CollectionId,
        vertex: &str,
        direction: query::Direction,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        let collection = CollectionId(collection.0);
        let direction = match direction {
            query::Direction::Out => EdgeDirection::Out,
            query::Direction::In => EdgeDirection::In,
        };
        let range = EdgeKey::at_vertex(collection, vertex, direction);
        Ok(Box::new(EdgeScan::open(self, collection, range)?))
    }

    fn index_scan(
        &self,
        collection: query::CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(Box::new(self.read_index(collection, read, false)?))
    }

    fn geo_scan(
        &self,
        collection: query::CollectionId,
        read: &GeoRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        let (entry, index) = self.readable_index(collection, read.index)?;
        Ok(Box::new(GeoScan::open(self, entry, index, *read)?))
    }

    fn fulltext_keys(
        &self,
        collection: query::CollectionId,
        index: query::index::IndexId,
        word: &str,
        prefix: bool,
    ) -> Result<Vec<String>, SourceError> {
        let (_, index) = self.readable_index(collection, index)?;
        crate::index::words::keys(self, &index, word, prefix)
    }

    fn messages(&self, read: &StreamRead) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(Box::new(self.message_scan(read)?))
    }
}

impl query::Transaction for OpenTransaction {
    fn write(
        &self,
        collection: query::CollectionId,
        key: Option<&str>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Written, SourceError> {
        self.write_document(CollectionId(collection.0), key, draft, expect)
    }

    fn current(
        &self,
        collection: query::CollectionId,
        key: &str,
    ) -> Result<Option<Value>, SourceError> {
        let entry = self.entry_by_id(CollectionId(collection.0))?;
        let seeing = self.see(entry, &Str::from(key))?;
        Ok(self.present(entry, key, seeing.shown))
    }

    fn scan_current(
        &self,
        collection: query::CollectionId,
        keys: &KeyBounds,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        let id = CollectionId(collection.0);
        let entry = self.entry_by_id(id)?;
        let writes = self.writes.borrow();
        let touched = writes
            .documents
            .iter()
            .filter(|((of, key), _)| *of == id && keys.contains(key));
        let own: Vec<(Str, Option<Value>)> = touched
            .map(|((_, key), touched)| {
                let shown = touched.document.show().zip(touched.document.revision());
                (key.clone(), self.present(entry, key, shown))
            })
            .collect();
        let stored = DocumentScan::open(self, id, keys)?;
        Ok(Box::new(MergedScan::new(stored, own, keys.reverse)))
    }

    fn index_scan_current(
        &self,
        collection: query::CollectionId,
        read: &IndexRead,
    ) -> Result<Box<dyn Scan + '_>, SourceError> {
        Ok(Box::new(self.read_index(collection, read, true)?))
    }

    fn publish(
        &self,
        stream: query::StreamId,
        message: query::Message,
    ) -> Result<Value, SourceError> {
        let stream = StreamId(stream.0);
        let payload = Payload::of(&message.payload).map_err(|error| SourceError::Other {
            code: error.code(),
            retry: Retry::Never,
            message: format!("message: {error}"),
        })?;
        let message = Message {
            key: message.key.map(Str::from),
            properties: message
                .properties
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            event_time_ms: message.event_time,
            payload,
        };
        Ok(Value::object([(
            "id",
            Value::from(self.publish_message(stream, message)),
        )]))
    }
}

impl OpenTransaction {
    /// Keeps a message for the commit and returns its provisional id.
    pub fn publish_message(&self, stream: StreamId, message: Message) -> String {
        let mut writes = self.writes.borrow_mut();
        let id = crate::messages::message_id(
            Hlc(PROVISIONAL_HLC + writes.operations.len() as u64),
            self.me(),
            u64::MAX,
        );
        writes
            .operations
            .push(DraftOperation::Message { stream, message });
        writes.provisional.push(Some(id.clone()));
        id
    }
}
