//! Finding documents by indexes: what a loop asks for becomes readings, which are opened one after the other.

use std::collections::{HashSet, VecDeque};
use std::ops::Bound;

use antipode_value::{Str, Value};

use super::BATCH_ROWS;
use crate::error::Result;
use crate::evaluate::{Run, evaluate};
use crate::index::{GeoRead, IndexInfo, IndexRange, IndexRead, IndexRows, keys};
use crate::plan::{Access, IndexAccess, RangeEnd};
use crate::source::{CollectionInfo, Direction, KeyBounds, Scan};

/// The documents that a loop finds by indexes for one outer row.
pub(super) struct Finder<'a> {
    collection: &'a CollectionInfo,
    parts: VecDeque<Part>,
    scan: Option<Box<dyn Scan + 'a>>,
    /// Alternatives that are merged.
    merge: Option<Merge<'a>>,
    /// Keys of the documents that came; none if each comes but once.
    seen: Option<HashSet<Str>>,
    /// Bytes that count as used while it lives.
    held: u64,
}

/// One access of an outer row, with its values.
enum Part {
    Keys(std::vec::IntoIter<String>),
    Edges(Direction, std::vec::IntoIter<String>),
    Index(Readings),
    Geo(GeoRead),
    /// By their keys.
    Keyed(std::vec::IntoIter<KeyBounds>),
}

/// What a part gives next.
enum Next<'a> {
    Scan(Box<dyn Scan + 'a>),
    Document(Option<Value>),
    End,
}

impl<'a> Finder<'a> {
    /// Evaluates what an access asks for.
    pub(super) fn open(
        collection: &'a CollectionInfo,
        access: &'a Access,
        row: &mut [Value],
        run: &mut Run<'a>,
    ) -> Result<Finder<'a>> {
        let mut finder = Finder {
            collection,
            parts: VecDeque::new(),
            scan: None,
            merge: None,
            seen: None,
            held: 0,
        };
        finder.add(access, row, run)?;
        Ok(finder)
    }

    fn add(&mut self, access: &'a Access, row: &mut [Value], run: &mut Run<'a>) -> Result<()> {
        match access {
            Access::Full | Access::Table { .. } => {}
            Access::Key { keys, many, ids } => {
                let mut keys = texts(evaluate(keys, row, run)?, *many);
                if *ids {
                    let key = |id: &String| key_of_id(id, self.collection).map(str::to_owned);
                    keys = keys.iter().filter_map(key).collect();
                }
                self.parts.push_back(Part::Keys(keys.into_iter()));
            }
            Access::KeyRange { lower, upper } => {
                let mut text = |end: &'a Option<RangeEnd>| match end {
                    None => Ok(None),
                    Some(end) => evaluate(&end.value, row, run).map(|value| match value {
                        Value::String(text) => Some(text),
                        // Of another type: then either all keys are on this side of it, or none.
                        _ => None,
                    }),
                };
                let (lower, upper) = (text(lower)?, text(upper)?);
                let ranges = keys::ranges(lower.as_deref(), upper.as_deref());
                self.parts.push_back(Part::Keyed(ranges.into_iter()));
            }
            Access::Edge {
                direction,
                vertices,
                many,
            } => {
                let vertices = texts(evaluate(vertices, row, run)?, *many);
                let vertices = vertices.into_iter();
                self.parts.push_back(Part::Edges(*direction, vertices));
            }
            Access::Index(access) => {
                let readings = Readings::of(access, row, run)?;
                let bytes = readings.memory_bytes();
                run.memory.grow(bytes)?;
                self.held += bytes;
                self.parts.push_back(Part::Index(readings));
                if access.repeats() {
                    self.seen.get_or_insert_default();
                }
            }
            Access::Geo(access) => {
                let reading = super::geo::reading(access, row, run)?;
                self.parts.push_back(match reading {
                    Some(read) => Part::Geo(read),
                    None => Part::Keyed(vec![KeyBounds::all()].into_iter()),
                });
            }
            Access::Union {
                parts,
                merged: Some(reverse),
            } => {
                let merge = Merge::open(self.collection, parts, *reverse, row, run)?;
                self.merge = Some(merge);
            }
            Access::Union {
                parts,
                merged: None,
            } => {
                self.seen.get_or_insert_default();
                for part in parts {
                    self.add(part, row, run)?;
                }
            }
        }
        Ok(())
    }

    /// Appends about `max` documents; false once there are no more.
    pub(super) fn next_batch(
        &mut self,
        max: usize,
        out: &mut Vec<Value>,
        run: &mut Run<'a>,
    ) -> Result<bool> {
        let max = max.clamp(1, BATCH_ROWS);
        if let Some(merge) = &mut self.merge {
            return merge.next_batch(max, out, run);
        }
        let start = out.len();
        while out.len() - start < max {
            run.tick()?;
            let before = out.len();
            if let Some(scan) = &mut self.scan {
                if !scan.next_batch(max - (before - start), out)? {
                    self.scan = None;
                }
            } else {
                match self.next_part(run)? {
                    Next::Scan(scan) => self.scan = Some(scan),
                    Next::Document(document) => out.extend(document),
                    Next::End => return Ok(false),
                }
            }
            run.stats.scanned_index += (out.len() - before) as u64;
            self.leave_out_known(before, out, run)?;
        }
        Ok(true)
    }

    fn next_part(&mut self, run: &mut Run<'a>) -> Result<Next<'a>> {
        let id = self.collection.id;
        let data = run.data()?;
        while let Some(part) = self.parts.front_mut() {
            match part {
                Part::Keys(keys) => {
                    if let Some(key) = keys.next() {
                        run.stats.document_lookups += 1;
                        return Ok(Next::Document(data.get(id, &key)?));
                    }
                }
                Part::Edges(direction, vertices) => {
                    if let Some(vertex) = vertices.next() {
                        return Ok(Next::Scan(data.edges(id, &vertex, *direction)?));
                    }
                }
                Part::Index(readings) => {
                    if let Some(read) = readings.next() {
                        return Ok(Next::Scan(data.index_scan(id, &read)?));
                    }
                }
                Part::Geo(read) => {
                    let scan = data.geo_scan(id, read)?;
                    self.parts.pop_front();
                    return Ok(Next::Scan(scan));
                }
                Part::Keyed(ranges) => {
                    if let Some(range) = ranges.next() {
                        return Ok(Next::Scan(data.scan(id, &range)?));
                    }
                }
            }
            self.parts.pop_front();
        }
        Ok(Next::End)
    }

    /// Takes the documents from a place on out again that came before.
    fn leave_out_known(
        &mut self,
        start: usize,
        out: &mut Vec<Value>,
        run: &mut Run<'a>,
    ) -> Result<()> {
        let Some(seen) = &mut self.seen else {
            return Ok(());
        };
        let mut bytes = 0;
        for document in out.split_off(start) {
            let key = document.attribute("_key").to_text();
            let size = key.len() + size_of::<Str>();
            if seen.insert(key) {
                bytes += size as u64;
                out.push(document);
            }
        }
        self.held += bytes;
        run.memory.grow(bytes)
    }

    /// Gives back what counted as used.
    pub(super) fn close(&mut self, run: &mut Run<'a>) {
        run.memory.shrink(std::mem::take(&mut self.held));
        if let Some(merge) = &mut self.merge {
            merge.close(run);
        }
    }
}

/// Alternatives that go by one index, each in its order, merged in that order.
struct Merge<'a> {
    streams: Vec<Stream<'a>>,
    reverse: bool,
}

/// The values of the fields, and the key by its bytes.
type Entry = (Vec<Value>, Str);

/// One of them, with what was read ahead.
struct Stream<'a> {
    finder: Finder<'a>,
    index: &'a IndexInfo,
    ahead: VecDeque<(Entry, Value)>,
    more: bool,
}

/// Documents that each stream of a merge reads ahead.
const READ_AHEAD: usize = 50;

impl<'a> Merge<'a> {
    fn open(
        collection: &'a CollectionInfo,
        parts: &'a [Access],
        reverse: bool,
        row: &mut [Value],
        run: &mut Run<'a>,
    ) -> Result<Merge<'a>> {
        let mut streams = Vec::with_capacity(parts.len());
        for part in parts {
            if let Access::Index(access) = part {
                streams.push(Stream {
                    finder: Finder::open(collection, part, row, run)?,
                    index: &access.index,
                    ahead: VecDeque::new(),
                    more: true,
                });
            }
        }
        Ok(Merge { streams, reverse })
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<Value>, run: &mut Run<'a>) -> Result<bool> {
        for _ in 0..max {
            run.tick()?;
            let mut first: Option<&(Entry, Value)> = None;
            for stream in &mut self.streams {
                stream.fill(max.min(READ_AHEAD), run)?;
                let Some(entry) = stream.ahead.front() else {
                    continue;
                };
                let before = |known: &(Entry, Value)| {
                    let order = entry.0.cmp(&known.0);
                    if self.reverse {
                        order.is_gt()
                    } else {
                        order.is_lt()
                    }
                };
                if first.is_none_or(before) {
                    first = Some(entry);
                }
            }
            let Some((entry, document)) = first.cloned() else {
                return Ok(false);
            };
            out.push(document);
            // Where the entry is met again, it is the same document.
            for stream in &mut self.streams {
                if stream.ahead.front().is_some_and(|ahead| ahead.0 == entry) {
                    stream.ahead.pop_front();
                }
            }
        }
        Ok(true)
    }

    fn close(&mut self, run: &mut Run<'a>) {
        for stream in &mut self.streams {
            stream.finder.close(run);
        }
    }
}

impl<'a> Stream<'a> {
    /// Reads on where nothing is left.
    fn fill(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<()> {
        while self.more && self.ahead.is_empty() {
            let mut documents = Vec::new();
            self.more = self.finder.next_batch(wanted, &mut documents, run)?;
            for document in documents {
                let fields = self.index.fields.iter();
                let entry = fields.map(|field| field.value(&document)).collect();
                let key = document.attribute("_key").to_text();
                self.ahead.push_back(((entry, key), document));
            }
        }
        Ok(())
    }
}

/// The readings of a persistent index for one outer row: one for each combination of the values that its fields are
/// held to, in the order of the index.
pub(super) struct Readings {
    /// The reading; of its prefix only the length is right.
    read: IndexRead,
    /// The values of each field, ascending.
    values: Vec<Vec<Value>>,
    /// Which value of each field comes next; none at the end.
    next: Option<Vec<usize>>,
}

impl Readings {
    pub(super) fn of<'a>(
        access: &'a IndexAccess,
        row: &mut [Value],
        run: &mut Run<'a>,
    ) -> Result<Readings> {
        let mut values = Vec::with_capacity(access.lookups.len());
        for lookup in &access.lookups {
            let value = evaluate(&lookup.value, row, run)?;
            values.push(match value {
                value if !lookup.many => vec![value],
                Value::Array(array) => {
                    let mut list = array.to_vec();
                    list.sort();
                    list.dedup();
                    if access.reverse {
                        list.reverse();
                    }
                    list
                }
                _ => Vec::new(),
            });
        }
        let mut range = IndexRange::all();
        range.lower = bound(access.lower.as_ref(), row, run)?;
        range.upper = bound(access.upper.as_ref(), row, run)?;
        let any = values.iter().all(|list| !list.is_empty());
        Ok(Readings {
            read: IndexRead {
                index: access.index.id,
                range,
                reverse: access.reverse,
                rows: if access.index_only {
                    IndexRows::Covered
                } else {
                    IndexRows::Documents
                },
            },
            next: any.then(|| vec![0; values.len()]),
            values,
        })
    }

    fn memory_bytes(&self) -> u64 {
        let lists = self.values.iter().filter(|list| list.len() > 1);
        lists
            .map(|list| (list.len() * size_of::<Value>()) as u64)
            .sum()
    }

    /// Counts up, the last field fastest.
    fn advance(&mut self) {
        let Some(places) = &mut self.next else { return };
        for (place, list) in places.iter_mut().zip(&self.values).rev() {
            *place += 1;
            if *place < list.len() {
                return;
            }
            *place = 0;
        }
        self.next = None;
    }
}

impl Iterator for Readings {
    type Item = IndexRead;

    fn next(&mut self) -> Option<IndexRead> {
        let places = self.next.as_ref()?;
        let chosen = self.values.iter().zip(places);
        let prefix = chosen.map(|(list, place)| list.get(*place).cloned().unwrap_or_default());
        let mut read = self.read.clone();
        read.range.prefix = prefix.collect();
        self.advance();
        Some(read)
    }
}

fn bound<'a>(
    end: Option<&'a RangeEnd>,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Bound<Value>> {
    Ok(match end {
        None => Bound::Unbounded,
        Some(end) => {
            let value = evaluate(&end.value, row, run)?;
            if end.inclusive {
                Bound::Included(value)
            } else {
                Bound::Excluded(value)
            }
        }
    })
}

/// The strings that a look-up is for, each once, in their order; nothing else can be a key.
fn texts(value: Value, many: bool) -> Vec<String> {
    let mut texts: Vec<String> = match (&value, many) {
        (Value::String(text), false) => vec![text.to_string()],
        (Value::Array(array), true) => array
            .iter()
            .filter_map(|element| element.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// The key in an `_id` of this collection.
fn key_of_id<'i>(id: &'i str, collection: &CollectionInfo) -> Option<&'i str> {
    id.strip_prefix(collection.name.as_str())?.strip_prefix('/')
}
