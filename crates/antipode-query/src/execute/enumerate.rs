//! FOR: every row that comes in is repeated for each element, document or message.

use std::collections::HashMap;
use std::rc::Rc;

use antipode_value::{Array, Str, Value};

use super::lookup::Finder;
use super::{BATCH_ROWS, Batch, Input, Operator};
use crate::error::{Code, QueryError, Result};
use crate::evaluate::{Run, evaluate};
use crate::expression::{Expression, Variable};
use crate::index::at;
use crate::plan::{Access, Enumerate};
use crate::source::{KeyBounds, Scan, StreamRead};

/// FOR over a collection.
pub(super) fn collection<'a>(input: Input<'a>, node: &'a Enumerate) -> Input<'a> {
    repeat(input, Feed::Collection(node), node.variable)
}

/// FOR over a value.
pub(super) fn list<'a>(input: Input<'a>, list: &'a Expression, variable: Variable) -> Input<'a> {
    repeat(input, Feed::List(list), variable)
}

/// FOR over a stream.
pub(super) fn stream<'a>(input: Input<'a>, read: &'a StreamRead, variable: Variable) -> Input<'a> {
    repeat(input, Feed::Stream(read), variable)
}

fn repeat<'a>(input: Input<'a>, feed: Feed<'a>, variable: Variable) -> Input<'a> {
    Box::new(Repeat {
        input,
        feed,
        slot: variable.slot as usize,
        outer: Batch::default(),
        position: 0,
        cursor: None,
        buffer: Vec::new(),
        held: 0,
        typical: 0,
    })
}

/// What a loop goes over.
enum Feed<'a> {
    Collection(&'a Enumerate),
    List(&'a Expression),
    Stream(&'a StreamRead),
}

/// The tables of a run. A loop is known by its place in memory, where the plan stays while it runs; a table outlives
/// the subquery whose loop made it, for the next time that it runs.
#[derive(Debug, Default)]
pub(crate) struct Tables(HashMap<usize, Table>);

#[derive(Clone, Debug)]
enum Table {
    /// The loop has run once, without a table.
    Once,
    /// The documents by the value of their attribute, in the order of their keys.
    Built(Rc<HashMap<Value, Array>>),
    /// The collection is too large.
    TooLarge,
}

/// A table may take this part of the query's memory.
const TABLE_SHARE: u64 = 4;

/// Where a loop stands for the current outer row.
enum Cursor<'a> {
    Array {
        array: Array,
        next: usize,
    },
    Integers {
        next: i64,
        last: i64,
    },
    Scan {
        scan: Box<dyn Scan + 'a>,
        counted: bool,
    },
    /// What indexes find.
    Found(Box<Finder<'a>>),
    /// The documents of a scan whose attribute equals a value.
    Matching {
        scan: Box<dyn Scan + 'a>,
        path: &'a [Str],
        wanted: Value,
    },
    End,
}

struct Repeat<'a> {
    input: Input<'a>,
    feed: Feed<'a>,
    slot: usize,
    outer: Batch,
    position: usize,
    cursor: Option<Cursor<'a>>,
    buffer: Vec<Value>,
    /// Bytes of the documents in the batch that is being filled.
    held: usize,
    /// Bytes of a document, as those that came last have on average; 0 before the first.
    typical: usize,
}

/// Documents that are asked for before anything is known of their size.
const FIRST_DOCUMENTS: usize = 32;

/// Adds up the bytes of documents, and tells what one of them takes.
fn measure(documents: &[Value], held: &mut usize, typical: &mut usize) {
    let bytes: usize = documents.iter().map(Value::memory_bytes).sum();
    *held += bytes;
    if let Some(average) = bytes.checked_div(documents.len()) {
        *typical = average.max(1);
    }
}

impl<'a> Operator<'a> for Repeat<'a> {
    fn pull(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<Batch> {
        let mut wanted = wanted.clamp(1, BATCH_ROWS);
        let mut batch = Batch::default();
        self.held = 0;
        loop {
            if self.cursor.is_none() && !self.open(wanted, run)? {
                return Ok(batch);
            }
            batch.width = self.outer.width;
            // Wide rows come in smaller batches.
            let slots = run.memory.batch_bytes() / size_of::<Value>();
            wanted = wanted.min((slots / batch.width.max(1)).max(1));
            let more = self.fill(wanted, &mut batch, run)?;
            if !more {
                self.cursor = None;
                self.position += 1;
            }
            let full = batch.rows() >= wanted || self.held > run.memory.batch_bytes();
            if full && !batch.is_empty() {
                // Whatever goes over rows pulls them out of a loop: here is where all of them meet the deadline.
                run.tick_by(batch.rows())?;
                return Ok(batch);
            }
        }
    }
}

impl<'a> Repeat<'a> {
    /// Opens the loop for the next outer row; false if there is none.
    fn open(&mut self, wanted: usize, run: &mut Run<'a>) -> Result<bool> {
        if self.position >= self.outer.rows() {
            self.outer = self.input.pull(wanted, run)?;
            self.position = 0;
            if self.outer.is_empty() {
                return Ok(false);
            }
        }
        run.tick()?;
        let row = self.outer.row_mut(self.position);
        self.cursor = Some(match self.feed {
            Feed::Collection(node) => open_collection(node, row, run)?,
            Feed::List(list) => open_list(list, row, run)?,
            Feed::Stream(read) => Cursor::Scan {
                scan: run.data()?.messages(read)?,
                counted: false,
            },
        });
        Ok(true)
    }

    /// Adds rows up to about `wanted`; false once the loop is at its end.
    fn fill(&mut self, wanted: usize, batch: &mut Batch, run: &mut Run<'a>) -> Result<bool> {
        let row = self.outer.row(self.position);
        let room = wanted.saturating_sub(batch.rows());
        // As many documents at a time as have room in a batch, as far as those before tell.
        let documents = match self.typical {
            0 => FIRST_DOCUMENTS,
            bytes => (run.memory.batch_bytes() / bytes).clamp(1, BATCH_ROWS),
        };
        match &mut self.cursor {
            Some(Cursor::Array { array, next }) => {
                let end = array.len().min(next.saturating_add(room));
                match array.as_slice() {
                    Some(elements) => {
                        for element in elements.get(*next..end).unwrap_or_default() {
                            batch.push_with(row, self.slot, element.clone());
                        }
                    }
                    None => {
                        for position in *next..end {
                            batch.push_with(
                                row,
                                self.slot,
                                array.get(position).unwrap_or_default(),
                            );
                        }
                    }
                }
                *next = end;
                Ok(end < array.len())
            }
            Some(Cursor::Integers { next, last }) => {
                for _ in 0..room {
                    batch.push_with(row, self.slot, Value::Int(*next));
                    if next == last {
                        return Ok(false);
                    }
                    *next += if *next < *last { 1 } else { -1 };
                }
                Ok(true)
            }
            Some(Cursor::Scan { scan, counted }) => {
                let more = scan.next_batch(room.clamp(1, documents), &mut self.buffer)?;
                measure(&self.buffer, &mut self.held, &mut self.typical);
                if *counted {
                    run.stats.scanned_full += self.buffer.len() as u64;
                }
                for value in self.buffer.drain(..) {
                    batch.push_with(row, self.slot, value);
                }
                run.cancel.check()?;
                Ok(more)
            }
            Some(Cursor::Found(finder)) => {
                let more = finder.next_batch(room.min(documents), &mut self.buffer, run)?;
                measure(&self.buffer, &mut self.held, &mut self.typical);
                for value in self.buffer.drain(..) {
                    batch.push_with(row, self.slot, value);
                }
                if !more {
                    finder.close(run);
                }
                run.cancel.check()?;
                Ok(more)
            }
            Some(Cursor::Matching { scan, path, wanted }) => {
                let more = scan.next_batch(documents, &mut self.buffer)?;
                let mut passing = 0;
                measure(&self.buffer, &mut passing, &mut self.typical);
                run.stats.scanned_full += self.buffer.len() as u64;
                for document in self.buffer.drain(..) {
                    if at(&document, path) == *wanted {
                        self.held += document.memory_bytes();
                        batch.push_with(row, self.slot, document);
                    } else {
                        run.stats.filtered += 1;
                    }
                }
                run.cancel.check()?;
                Ok(more)
            }
            Some(Cursor::End) | None => Ok(false),
        }
    }
}

fn open_list<'a>(list: &'a Expression, row: &mut [Value], run: &mut Run<'a>) -> Result<Cursor<'a>> {
    // A range in this place is never written out, so it may be as long as it likes.
    if let Expression::Range(ends) = list {
        let next = evaluate(&ends[0], row, run)?.to_int();
        let last = evaluate(&ends[1], row, run)?.to_int();
        return Ok(Cursor::Integers { next, last });
    }
    match evaluate(list, row, run)? {
        Value::Array(array) if array.is_empty() => Ok(Cursor::End),
        Value::Array(array) => Ok(Cursor::Array { array, next: 0 }),
        other => Err(QueryError::new(
            Code::ArrayExpected,
            format!(
                "array expected: FOR goes over an array, not over a value of type {}",
                other.type_name()
            ),
        )),
    }
}

fn open_collection<'a>(
    node: &'a Enumerate,
    row: &mut [Value],
    run: &mut Run<'a>,
) -> Result<Cursor<'a>> {
    let data = run.data()?;
    let id = node.collection.id;
    match &node.access {
        Access::Full => {
            let scan = data.scan(id, &KeyBounds::all())?;
            Ok(Cursor::Scan {
                scan,
                counted: true,
            })
        }
        Access::Table { path, value } => {
            let wanted = evaluate(value, row, run)?;
            open_table(node, path, wanted, run)
        }
        access => {
            let finder = Finder::open(&node.collection, access, row, run)?;
            Ok(Cursor::Found(Box::new(finder)))
        }
    }
}

/// The documents whose attribute equals what the outer row wants.
fn open_table<'a>(
    node: &'a Enumerate,
    path: &'a [Str],
    wanted: Value,
    run: &mut Run<'a>,
) -> Result<Cursor<'a>> {
    let place = std::ptr::from_ref(node) as usize;
    let table = match run.tables.0.get(&place) {
        None => Table::Once,
        Some(Table::Once) => build(node, path, run)?,
        Some(known) => known.clone(),
    };
    let documents = match &table {
        Table::Built(documents) => Some(documents.get(&wanted).cloned()),
        Table::Once | Table::TooLarge => None,
    };
    run.tables.0.insert(place, table);
    match documents {
        Some(None) => Ok(Cursor::End),
        Some(Some(array)) => Ok(Cursor::Array { array, next: 0 }),
        None => {
            let scan = run.data()?.scan(node.collection.id, &KeyBounds::all())?;
            Ok(Cursor::Matching { scan, path, wanted })
        }
    }
}

fn build(node: &Enumerate, path: &[Str], run: &mut Run<'_>) -> Result<Table> {
    let most = run.memory.left() / TABLE_SHARE;
    let mut scan = run.data()?.scan(node.collection.id, &KeyBounds::all())?;
    let mut groups: HashMap<Value, Vec<Value>> = HashMap::new();
    let mut documents = Vec::new();
    let mut bytes = 0;
    loop {
        let more = scan.next_batch(BATCH_ROWS, &mut documents)?;
        run.cancel.check()?;
        run.stats.scanned_full += documents.len() as u64;
        for document in documents.drain(..) {
            let key = at(&document, path);
            bytes += (document.memory_bytes() + key.memory_bytes()) as u64;
            groups.entry(key).or_default().push(document);
        }
        if bytes > most {
            return Ok(Table::TooLarge);
        }
        if !more {
            break;
        }
    }
    run.memory.pin(bytes)?;
    let groups = groups
        .into_iter()
        .map(|(key, documents)| (key, Array::from_vec(documents)));
    Ok(Table::Built(Rc::new(groups.collect())))
}
