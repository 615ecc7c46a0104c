//! Snapshots that own their database, and cursors over RocksDB's iterators.

use std::sync::Arc;

use antipode_store::{Cursor, Direction, KeyRange, Snapshot, Space, StoreError, Written};
use bytes::Bytes;
use rocksdb::{DB, DBRawIterator, ReadOptions};
use self_cell::self_cell;

use crate::database::Database;
use crate::error::convert;

/// A RocksDB snapshot, and read options that name it. The options come first, so they are dropped first.
struct View<'a> {
    read_options: ReadOptions,
    snapshot: rocksdb::Snapshot<'a>,
}

self_cell!(
    struct Pinned {
        owner: Arc<Database>,
        #[covariant]
        dependent: View,
    }
);

/// A state of the database.
pub(crate) struct RocksSnapshot {
    pinned: Pinned,
}

impl RocksSnapshot {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        let pinned = Pinned::new(database, |database| {
            let snapshot = database.db().snapshot();
            let mut read_options = ReadOptions::default();
            read_options.set_snapshot(&snapshot);
            View {
                read_options,
                snapshot,
            }
        });
        Self { pinned }
    }

    fn database(&self) -> &Database {
        self.pinned.borrow_owner()
    }

    fn db(&self) -> &DB {
        self.database().db()
    }

    fn view(&self) -> &View<'_> {
        self.pinned.borrow_dependent()
    }
}

impl Snapshot for RocksSnapshot {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.database()
            .get_with(space, key, &self.view().read_options)
    }

    fn get_many(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let values = self.db().batched_multi_get_cf_opt(
            self.database().family(space),
            keys.iter().copied(),
            keys.is_sorted(),
            &self.view().read_options,
        );
        values
            .into_iter()
            .map(|value| match value {
                Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
                Err(error) => Err(convert("read", &error, Written::Nothing)),
            })
            .collect()
    }

    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        if range.is_empty() {
            return Box::new(EmptyCursor);
        }
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.start());
        if let Some(end) = range.end() {
            options.set_iterate_upper_bound(end);
        }
        let family = self.database().family(space);
        let iterator = self.view().snapshot.raw_iterator_cf_opt(family, options);
        Box::new(RocksCursor {
            iterator,
            direction,
            state: State::Unplaced,
        })
    }
}

/// Where a cursor's iterator stands, relative to the entry that is handed out next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nowhere: the first entry in scan order is next.
    Unplaced,
    /// On the next entry.
    OnNext,
    /// On the entry handed out last.
    OnLast,
    /// Behind the last entry.
    Ended,
}

struct RocksCursor<'a> {
    iterator: DBRawIterator<'a>,
    direction: Direction,
    state: State,
}

impl Cursor for RocksCursor<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, StoreError> {
        match (self.state, self.direction) {
            (State::Unplaced, Direction::Forward) => self.iterator.seek_to_first(),
            (State::Unplaced, Direction::Backward) => self.iterator.seek_to_last(),
            (State::OnLast, Direction::Forward) => self.iterator.next(),
            (State::OnLast, Direction::Backward) => self.iterator.prev(),
            (State::OnNext | State::Ended, _) => {}
        }
        if self.state == State::Ended || !self.iterator.valid() {
            self.state = State::Ended;
            return match self.iterator.status() {
                Ok(()) => Ok(None),
                Err(error) => Err(convert("scan", &error, Written::Nothing)),
            };
        }
        self.state = State::OnLast;
        Ok(self.iterator.item())
    }

    fn seek(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => self.iterator.seek(key),
            Direction::Backward => self.iterator.seek_for_prev(key),
        }
        self.state = State::OnNext;
    }
}

struct EmptyCursor;

impl Cursor for EmptyCursor {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, StoreError> {
        Ok(None)
    }

    fn seek(&mut self, _key: &[u8]) {}
}

/// What a store that could not be opened again hands out.
pub(crate) struct ClosedSnapshot;

impl Snapshot for ClosedSnapshot {
    fn get(&self, _space: Space, _key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Err(StoreError::Closed)
    }

    fn scan(&self, _space: Space, _range: KeyRange, _direction: Direction) -> Box<dyn Cursor + '_> {
        Box::new(ClosedCursor)
    }
}

struct ClosedCursor;

impl Cursor for ClosedCursor {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, StoreError> {
        Err(StoreError::Closed)
    }

    fn seek(&mut self, _key: &[u8]) {}
}
