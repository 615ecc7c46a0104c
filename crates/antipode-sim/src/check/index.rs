//! The edge index has an entry at both ends of every edge that is shown, and no other; secondary indexes have exactly the
//! entries of the documents; the counts are right.

use std::collections::BTreeSet;

use antipode_engine::{Checked, CollectionKind};
use antipode_store::keyspace::{DocumentKey, EdgeDirection, EdgeKey};
use antipode_store::record::GroupState;
use antipode_store::{Direction, Space};
use bytes::Bytes;

use super::ledger::GROUP;
use super::view::View;

/// Compares indexes and counts with the documents; gives the first difference.
pub(crate) fn check(view: &View<'_>) -> Result<(), String> {
    for entry in view.catalog.all_collections() {
        let id = entry.id;
        let mut shown = 0;
        let mut wanted = BTreeSet::new();
        let mut cursor =
            view.snapshot
                .scan(Space::Documents, DocumentKey::range(id), Direction::Forward);
        while let Some((key, record)) = cursor.next().map_err(|error| error.to_string())? {
            let key = DocumentKey::decode(key).map_err(|error| error.to_string())?;
            let Some(document) = view.read(&Bytes::copy_from_slice(record)) else {
                continue;
            };
            shown += 1;
            let end = |name| document.attribute(name).as_str().map(str::to_owned);
            if let (Some(from), Some(to)) = (end("_from"), end("_to")) {
                wanted.insert((from, false, key.key.to_owned()));
                wanted.insert((to, true, key.key.to_owned()));
            }
        }
        let count = GroupState::of(&*view.snapshot, GROUP)
            .and_then(|state| state.count(&*view.snapshot, id))
            .map_err(|error| error.to_string())?;
        if count != shown {
            return Err(format!(
                "{} shows {shown} documents, counted {count}",
                entry.name
            ));
        }
        if entry.kind == CollectionKind::Edge {
            compare(view, &entry.name, EdgeKey::range(id), wanted)?;
        }
    }
    let checked = Checked {
        snapshot: &*view.snapshot,
        numbers: &view.numbers,
    };
    let check = checked
        .indexes(&view.catalog, None)
        .map_err(|error| error.to_string())?;
    match check.faults.first() {
        Some(fault) => Err(fault.to_string()),
        None => Ok(()),
    }
}

fn compare(
    view: &View<'_>,
    name: &str,
    range: antipode_store::KeyRange,
    wanted: BTreeSet<(String, bool, String)>,
) -> Result<(), String> {
    let mut found = BTreeSet::new();
    let mut cursor = view.snapshot.scan(Space::Edges, range, Direction::Forward);
    while let Some((key, _)) = cursor.next().map_err(|error| error.to_string())? {
        let key = EdgeKey::decode(key).map_err(|error| error.to_string())?;
        let into = key.direction == EdgeDirection::In;
        found.insert((key.vertex.into_owned(), into, key.edge.to_owned()));
    }
    match found.symmetric_difference(&wanted).next() {
        Some(entry) => Err(format!(
            "index of {name}: {entry:?} is {}",
            if found.contains(entry) {
                "there for no edge"
            } else {
                "missing"
            }
        )),
        None => Ok(()),
    }
}
