//! The reports of writes that merges discarded. Conflicts are never silent.
//!
//! Each report names the document, the place, the value that was lost and both stamps. The newest ten thousand of a node
//! are kept, and a count of all since the process began.

use std::collections::BTreeMap;

use antipode_clock::Stamp;
use antipode_crdt::Discard;
use antipode_store::keyspace::ConflictKey;
use antipode_store::record::{DiscardRecord, Record as _};
use antipode_store::{Batch, CollectionId, Direction, KeyRange, Snapshot, Space, StoreError};
use antipode_value::Str;

use crate::working::Report;

/// How many reports a node keeps.
const REPORTS_MAX: usize = 10_000;

/// A write that a merge discarded, as it is shown.
#[derive(Clone, Debug)]
pub struct DiscardedWrite {
    /// The collection.
    pub collection: CollectionId,
    /// The document's key.
    pub key: Str,
    /// The operation whose arrival decided it.
    pub arrived: Stamp,
    /// What was lost, where, why, and the stamps of loser and winner.
    pub discard: Discard,
}

/// Which reports are stored.
#[derive(Debug, Default)]
pub(crate) struct ReportLog {
    stored: BTreeMap<(Stamp, CollectionId, u32), ()>,
    total: u64,
}

impl ReportLog {
    pub fn load(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let mut log = Self::default();
        let mut cursor = snapshot.scan(Space::Conflicts, KeyRange::all(), Direction::Forward);
        while let Some((key, _)) = cursor.next()? {
            let key = ConflictKey::decode(key).map_err(|error| error.at(Space::Conflicts, key))?;
            log.stored
                .insert((key.stamp, key.collection, key.number), ());
        }
        log.total = log.stored.len() as u64;
        Ok(log)
    }

    /// How many writes were discarded here, as far as they are known since the process began.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts an operation for a collection that was dropped.
    pub fn count_dropped(&mut self) {
        self.total += 1;
    }

    /// Stores the reports of a batch, and removes the oldest where there are too many.
    pub fn take(&mut self, reports: Vec<Report>, batch: &mut Batch) {
        self.total += reports.len() as u64;
        for report in reports {
            let name = |number| (report.arrived, report.collection, number);
            let number = (0..u32::MAX)
                .find(|number| !self.stored.contains_key(&name(*number)))
                .unwrap_or(u32::MAX);
            self.stored.insert(name(number), ());
            let key = ConflictKey {
                collection: report.collection,
                stamp: report.arrived,
                number,
            };
            let record = DiscardRecord {
                key: report.key,
                discard: report.discard,
            };
            batch.put(Space::Conflicts, &key.encode(), &record.seal());
        }
        while self.stored.len() > REPORTS_MAX {
            let Some(((stamp, collection, number), ())) = self.stored.pop_first() else {
                break;
            };
            batch.delete(
                Space::Conflicts,
                &ConflictKey {
                    collection,
                    stamp,
                    number,
                }
                .encode(),
            );
        }
    }
}

/// The newest `count` reports of a snapshot, newest first.
pub(crate) fn newest_reports(
    snapshot: &dyn Snapshot,
    count: usize,
) -> Result<Vec<DiscardedWrite>, StoreError> {
    let mut reports = BTreeMap::new();
    let mut cursor = snapshot.scan(Space::Conflicts, KeyRange::all(), Direction::Forward);
    while let Some((bytes, record)) = cursor.next()? {
        let at = |error: antipode_store::RecordError| error.at(Space::Conflicts, bytes);
        let key = ConflictKey::decode(bytes).map_err(at)?;
        let record = DiscardRecord::open(record).map_err(at)?;
        reports.insert(
            (key.stamp, key.collection, key.number),
            DiscardedWrite {
                collection: key.collection,
                key: record.key,
                arrived: key.stamp,
                discard: record.discard,
            },
        );
        if reports.len() > count {
            reports.pop_first();
        }
    }
    Ok(reports.into_values().rev().collect())
}
