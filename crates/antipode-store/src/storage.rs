//! The storage trait: everything that a node asks of its disk.
//!
//! A store is a handful of ordered key spaces ([`Space`]), changed by atomic batches and read through snapshots that
//! never move. One writer (the committer) and any number of readers use it at once; none of them waits for another.
//!
//! ```text
//!  write(batch, Sync::No)    in the log of the store: survives a crash of the process
//!  write(batch, Sync::Yes)   the same, then on the disk: this batch and all before it survive a power cut
//!  sync()                    all batches written so far are on the disk
//! ```
//!
//! After a crash the store holds a prefix of the batches in the order in which they were written, each whole: never a
//! later one without an earlier one, never half of one.
//!
//! When a write or a sync fails, the store **turns read-only**: reads go on, writes give [`StoreError::ReadOnly`], until
//! [`Storage::recover`] succeeds or the store is opened anew. A failed sync in particular says nothing about what is on
//! the disk, so nobody may go on as if it had not happened.

use std::ops::Bound;

use bytes::Bytes;

use crate::{Batch, Space, StoreError};

/// Whether a write waits until it is on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sync {
    /// Wait: the batch and all before it survive a power cut.
    Yes,
    /// Do not wait: the batch survives a crash of this process.
    No,
}

/// Order of a scan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the first key to the last.
    Forward,
    /// From the last key to the first.
    Backward,
}

/// Whether a store takes writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not, since a write or sync failed for this reason.
    ReadOnly {
        /// The failure in words.
        cause: String,
        /// Its code: 1104 for a full disk, 1305 for an I/O error, …
        code: u32,
    },
}

/// A node's store.
pub trait Storage: Send + std::marker::Sync {
    /// The state after the last write, as it will stay for the reader.
    fn snapshot(&self) -> Box<dyn Snapshot>;

    /// The newest value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Writes all of `batch` or nothing of it. When it returns, every later read sees it. An empty batch with
    /// [`Sync::Yes`] is a [`Storage::sync`].
    fn write(&self, batch: Batch, sync: Sync) -> Result<(), StoreError>;

    /// Brings everything written so far onto the disk.
    fn sync(&self) -> Result<(), StoreError>;

    /// Whether writes are taken.
    fn health(&self) -> Health;

    /// Tries to take writes again after a failure. When it succeeds the state is that of an open after a crash: every
    /// batch that was acknowledged, and of the batch that failed all or nothing (see [`StoreError::written`]), so the
    /// caller reads again what it holds in memory. Fails, and changes nothing, while the trouble lasts.
    fn recover(&self) -> Result<(), StoreError>;
}

/// A state of the store that does not change. Holds resources until dropped.
pub trait Snapshot: Send + std::marker::Sync {
    /// The value of a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The values of several keys, in their order. One call is cheaper than many [`Snapshot::get`]s.
    fn get_many(&self, space: Space, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>, StoreError> {
        keys.iter().map(|key| self.get(space, key)).collect()
    }

    /// The entries of a range in key order.
    fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_>;
}

/// A position in a scan. Hands out slices that live until the next call, so a scan allocates nothing per entry.
pub trait Cursor {
    /// The next entry, or `None` at the end of the range.
    #[expect(
        clippy::type_complexity,
        reason = "a pair of slices in the usual wrapping"
    )]
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>, StoreError>;

    /// Moves so that the next entry is the first at or behind `key` in scan order, within the range. It may move either
    /// way.
    fn seek(&mut self, key: &[u8]);
}

/// A range of keys: from `start`, included, up to `end`, not included; no `end` means to the last key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The keys from `start` up to but without `end`.
    #[must_use]
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self {
            start: start.into(),
            end: Some(end.into()),
        }
    }

    /// The keys from `start` to the last one.
    #[must_use]
    pub fn from(start: impl Into<Vec<u8>>) -> Self {
        Self {
            start: start.into(),
            end: None,
        }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        let end = after_prefix(&start);
        Self { start, end }
    }

    /// The same range without the keys below `start`.
    #[must_use]
    pub fn starting_at(mut self, start: impl Into<Vec<u8>>) -> Self {
        let start = start.into();
        if start > self.start {
            self.start = start;
        }
        self
    }

    /// The same range without the keys at and above `end`.
    #[must_use]
    pub fn ending_before(mut self, end: impl Into<Vec<u8>>) -> Self {
        let end = end.into();
        if self.end.as_ref().is_none_or(|current| end < *current) {
            self.end = Some(end);
        }
        self
    }

    /// The first key that may be in it.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The first key above it.
    #[must_use]
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether no key can be in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether `key` is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        *self.start <= *key && self.end.as_deref().is_none_or(|end| key < end)
    }

    pub(crate) fn start_bound(&self) -> Bound<&[u8]> {
        Bound::Included(&self.start)
    }

    pub(crate) fn end_bound(&self) -> Bound<&[u8]> {
        self.end
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded)
    }
}

/// The first key that is greater than every key that begins with `prefix`; `None` if there is no such key.
#[must_use]
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_behind_the_last_key_with_the_prefix() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff"), None);
        assert_eq!(after_prefix(b""), None);
        let range = KeyRange::prefix(*b"a\xff");
        assert!(range.contains(b"a\xff"));
        assert!(range.contains(b"a\xff\xff\xff"));
        assert!(!range.contains(b"b"));
        assert!(!range.contains(b"a\xfe"));
        assert!(KeyRange::prefix(*b"\xff").contains(b"\xff\xff\xff\xff"));
    }

    #[test]
    fn a_range_can_be_narrowed_but_not_widened() {
        let range = KeyRange::prefix(*b"b")
            .starting_at(*b"a")
            .ending_before(*b"z");
        assert_eq!(range, KeyRange::prefix(*b"b"));
        let narrow = range.starting_at(*b"bc").ending_before(*b"bd");
        assert!(narrow.contains(b"bcx") && !narrow.contains(b"bb") && !narrow.contains(b"bd"));
        assert!(KeyRange::between(*b"b", *b"a").is_empty());
    }
}
