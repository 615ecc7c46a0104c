//! Reading fulltext entries: which documents have a word.

use std::collections::BTreeSet;

use antipode_query::SourceError;
use antipode_store::keyspace::IndexKey;
use antipode_store::record::{IndexRow, Record as _};
use antipode_store::{Direction, RecordError, Space};

use super::entries::word_entry;
use super::registry::IndexEntry;
use crate::session::{OpenTransaction, store_failed};

/// The keys of the documents that have a word, or with `prefix` one that begins so: ascending, each once.
pub(crate) fn keys(
    transaction: &OpenTransaction,
    index: &IndexEntry,
    word: &str,
    prefix: bool,
) -> Result<Vec<String>, SourceError> {
    let range = if prefix {
        IndexKey::beginning(index.id, word.as_bytes())
    } else {
        IndexKey::beginning(index.id, &word_entry(word))
    };
    let mut cursor = transaction
        .snapshot
        .scan(Space::Index, range, Direction::Forward);
    let mut keys = BTreeSet::new();
    while let Some((store_key, row)) = cursor.next().map_err(store_failed)? {
        let at = |error: RecordError| store_failed(error.at(Space::Index, store_key));
        let row = IndexRow::open(row).map_err(at)?;
        let decoded = IndexKey::decode(store_key, row.key_bytes as usize).map_err(at)?;
        keys.insert(decoded.key.to_owned());
    }
    Ok(keys.into_iter().collect())
}
