//! A set of changes that become visible and durable together.

use bytes::Bytes;

use crate::Space;

/// One change of a [`Batch`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BatchOperation<'a> {
    /// Stores `value` under `key`.
    Put {
        /// The key.
        key: &'a [u8],
        /// What stands there afterwards.
        value: &'a [u8],
    },
    /// Removes `key`, if it is there.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// Removes every key from `start` up to but without `end`.
    DeleteRange {
        /// The first key to go.
        start: &'a [u8],
        /// The first key to stay.
        end: &'a [u8],
    },
}

/// A [`BatchOperation`] that shares the memory of its batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shared {
    Put { key: Bytes, value: Bytes },
    Delete { key: Bytes },
    DeleteRange { start: Bytes, end: Bytes },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Put,
    Delete,
    DeleteRange,
}

/// Where one change stands in the batch's bytes: two byte strings, one after the other.
#[derive(Clone, Copy, Debug)]
struct Entry {
    space: Space,
    kind: Kind,
    start: usize,
    middle: usize,
    end: usize,
}

/// Changes that are written as one: all or none, and in order, so that of two changes of one key the later one stays.
///
/// All keys and values stand in one buffer, so filling a batch allocates next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many more changes with keys and values of `bytes` together.
    pub fn reserve(&mut self, changes: usize, bytes: usize) {
        self.entries.reserve(changes);
        self.bytes.reserve(bytes);
    }

    /// Stores `value` under `key`.
    pub fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        self.push(space, Kind::Put, key, value);
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: &[u8]) {
        self.push(space, Kind::Delete, key, &[]);
    }

    /// Removes every key from `start` up to but without `end`. An empty or reversed range removes nothing.
    pub fn delete_range(&mut self, space: Space, start: &[u8], end: &[u8]) {
        if start < end {
            self.push(space, Kind::DeleteRange, start, end);
        }
    }

    /// Adds all changes of `other` behind those of this batch.
    pub fn append(&mut self, other: &Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.entries.extend(other.entries.iter().map(|entry| Entry {
            start: entry.start + shift,
            middle: entry.middle + shift,
            end: entry.end + shift,
            ..*entry
        }));
    }

    /// Number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// The changes in order, each sharing the memory of the batch.
    pub(crate) fn into_shared(self) -> impl Iterator<Item = (Space, Shared)> {
        let bytes = Bytes::from(self.bytes);
        self.entries.into_iter().map(move |entry| {
            let first = bytes.slice(entry.start..entry.middle);
            let second = bytes.slice(entry.middle..entry.end);
            let change = match entry.kind {
                Kind::Put => Shared::Put {
                    key: first,
                    value: second,
                },
                Kind::Delete => Shared::Delete { key: first },
                Kind::DeleteRange => Shared::DeleteRange {
                    start: first,
                    end: second,
                },
            };
            (entry.space, change)
        })
    }

    /// The changes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Space, BatchOperation<'_>)> + '_ {
        self.entries.iter().map(|entry| {
            let first = &self.bytes[entry.start..entry.middle];
            let second = &self.bytes[entry.middle..entry.end];
            let operation = match entry.kind {
                Kind::Put => BatchOperation::Put {
                    key: first,
                    value: second,
                },
                Kind::Delete => BatchOperation::Delete { key: first },
                Kind::DeleteRange => BatchOperation::DeleteRange {
                    start: first,
                    end: second,
                },
            };
            (entry.space, operation)
        })
    }

    fn push(&mut self, space: Space, kind: Kind, first: &[u8], second: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(first);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(second);
        let end = self.bytes.len();
        self.entries.push(Entry {
            space,
            kind,
            start,
            middle,
            end,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_in_order() {
        let mut batch = Batch::new();
        batch.put(Space::Meta, b"a", b"1");
        batch.delete(Space::Log, b"b");
        let mut more = Batch::new();
        more.delete_range(Space::Edges, b"c", b"d");
        more.delete_range(Space::Edges, b"d", b"d");
        batch.append(&more);
        let seen: Vec<_> = batch.iter().collect();
        assert_eq!(
            seen,
            vec![
                (
                    Space::Meta,
                    BatchOperation::Put {
                        key: b"a",
                        value: b"1"
                    }
                ),
                (Space::Log, BatchOperation::Delete { key: b"b" }),
                (
                    Space::Edges,
                    BatchOperation::DeleteRange {
                        start: b"c",
                        end: b"d"
                    }
                ),
            ]
        );
        assert_eq!((batch.len(), batch.byte_len()), (3, 5));
        batch.clear();
        assert!(batch.is_empty());
    }
}
