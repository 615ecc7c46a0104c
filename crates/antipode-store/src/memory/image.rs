//! One state of a memory disk: a persistent ordered map for each space. A clone costs a handful of pointers, and a change
//! copies only what another clone still needs.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;
use imbl::ordmap::{OrdMap, RangedIter};
use imbl::shared_ptr::DefaultSharedPtr;

use super::wal::Frame;
use crate::batch::Shared as Change;
use crate::{Direction, KeyRange, Space};

type Map = OrdMap<Bytes, Bytes>;

/// The contents of all spaces.
#[derive(Clone, Default)]
pub(super) struct Image {
    spaces: [Map; Space::COUNT],
}

impl Image {
    fn map(&self, space: Space) -> &Map {
        &self.spaces[space.number()]
    }

    fn map_mut(&mut self, space: Space) -> &mut Map {
        &mut self.spaces[space.number()]
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Bytes> {
        self.map(space).get(key).cloned()
    }

    pub(super) fn apply(&mut self, frame: &Frame) {
        for (space, change) in frame.changes() {
            let map = self.map_mut(*space);
            match change {
                Change::Put { key, value } => {
                    map.insert(key.clone(), value.clone());
                }
                Change::Delete { key } => {
                    map.remove(key);
                }
                Change::DeleteRange { start, end } => remove_range(map, start, end),
            }
        }
    }

    pub(super) fn damage(
        &mut self,
        space: Space,
        key: &[u8],
        change: &impl Fn(&mut Vec<u8>),
    ) -> bool {
        let Some(value) = self.get(space, key) else {
            return false;
        };
        let mut value = value.to_vec();
        change(&mut value);
        self.map_mut(space)
            .insert(Bytes::copy_from_slice(key), Bytes::from(value));
        true
    }

    pub(super) fn scan(
        &self,
        space: Space,
        range: KeyRange,
        direction: Direction,
    ) -> ImageCursor<'_> {
        let map = self.map(space);
        ImageCursor {
            entries: entries(map, &range),
            map,
            range,
            direction,
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(Space::ALL.map(|space| (space, self.map(space).len())))
            .finish()
    }
}

fn remove_range(map: &mut Map, start: &Bytes, end: &Bytes) {
    if start >= end {
        return;
    }
    let bounds = (
        Bound::Included(start.as_ref()),
        Bound::Excluded(end.as_ref()),
    );
    let keys: Vec<Bytes> = map
        .range::<_, [u8]>(bounds)
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        map.remove(&key);
    }
}

type Entries<'a> = RangedIter<'a, Bytes, Bytes, DefaultSharedPtr>;

/// A scan of one space. `entries` is what lies ahead; `None` when that is nothing.
pub(super) struct ImageCursor<'a> {
    map: &'a Map,
    range: KeyRange,
    direction: Direction,
    entries: Option<Entries<'a>>,
}

fn entries<'a>(map: &'a Map, range: &KeyRange) -> Option<Entries<'a>> {
    if range.is_empty() {
        return None;
    }
    Some(map.range::<_, [u8]>((range.start_bound(), range.end_bound())))
}

impl<'a> ImageCursor<'a> {
    pub(super) fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let entries = self.entries.as_mut()?;
        let entry = match self.direction {
            Direction::Forward => entries.next(),
            Direction::Backward => entries.next_back(),
        };
        entry.map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    pub(super) fn seek(&mut self, key: &[u8]) {
        let ahead = self.range.clone();
        let ahead = match self.direction {
            Direction::Forward => ahead.starting_at(key),
            Direction::Backward => {
                let mut just_above = key.to_vec();
                just_above.push(0);
                ahead.ending_before(just_above)
            }
        };
        self.entries = entries(self.map, &ahead);
    }
}
