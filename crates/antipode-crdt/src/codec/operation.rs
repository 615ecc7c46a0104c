//! Bytes of an operation.
//!
//! ```text
//! operation = 0 merge  | stamps ended | value | changes      stamps  = count | (clock 8 bytes, replica 8 bytes) …
//!           | 1 put    | stamps ended | value                value   = length | layout bytes
//!           | 2 patch  | stamps patched | changes            changes = count | (path, change) …, sorted by path
//!           | 3 remove, final    | stamps ended              path    = count | name …          name = length | UTF-8
//!           | 4 remove, yielding | stamps ended
//! change    = 0 assign value | 1 unset | 2 object | 3 increment, integer | 4 increment, float | 5 append values
//!           | 6 prepend values | 7 add unique | 8 remove elements | 9 max value | 10 min value
//! ```
//!
//! Counts, lengths and indexes are varints. What is read is held to what a writer may say, so that applying it cannot fail.

use antipode_clock::Stamp;
use antipode_clock::codec::{Reader, Writer};
use antipode_value::{Str, Value, layout};
use bytes::Bytes;

use super::{read_value, write_value};
use crate::limit::nesting_of;
use crate::state::{ENDS, ENDS_TO};
use crate::{
    Change, DecodeError, ElementId, Number, Operation, Path, RemoveMode, Slot, Taken, UniqueElement,
};

mod tag {
    pub const MERGE: u8 = 0;
    pub const PUT: u8 = 1;
    pub const PATCH: u8 = 2;
    pub const REMOVE_FINAL: u8 = 3;
    pub const REMOVE_YIELDING: u8 = 4;

    pub const ASSIGN: u8 = 0;
    pub const UNSET: u8 = 1;
    pub const OBJECT: u8 = 2;
    pub const INCREMENT_INT: u8 = 3;
    pub const INCREMENT_FLOAT: u8 = 4;
    pub const APPEND: u8 = 5;
    pub const PREPEND: u8 = 6;
    pub const ADD_UNIQUE: u8 = 7;
    pub const REMOVE_ELEMENTS: u8 = 8;
    pub const MAX: u8 = 9;
    pub const MIN: u8 = 10;

    pub const BASE: u8 = 0;
    pub const ADDED: u8 = 1;

    pub const SLOT_NONE: u8 = 0;
    pub const SLOT_FRONT: u8 = 1;
    pub const SLOT_BASE: u8 = 2;
    pub const SLOT_BACK: u8 = 3;
}

/// Room for most operations, so that writing one seldom has to move it.
const BYTES_USUAL: usize = 320;

impl Operation {
    /// The operation as bytes. The record that holds them carries the version of the format.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(BYTES_USUAL);
        match self {
            Self::Merge {
                ends,
                value,
                changes,
            } => {
                out.u8(tag::MERGE);
                write_stamps(ends, &mut out);
                write_value(value, &mut out);
                write_changes(changes, &mut out);
            }
            Self::Put { ends, value } => {
                out.u8(tag::PUT);
                write_stamps(ends, &mut out);
                write_value(value, &mut out);
            }
            Self::Patch { lives, changes } => {
                out.u8(tag::PATCH);
                write_stamps(lives, &mut out);
                write_changes(changes, &mut out);
            }
            Self::Remove { ends, mode } => {
                out.u8(match mode {
                    RemoveMode::Final => tag::REMOVE_FINAL,
                    RemoveMode::Yielding => tag::REMOVE_YIELDING,
                });
                write_stamps(ends, &mut out);
            }
        }
        out.into_bytes()
    }

    /// Reads what [`Operation::encode`] wrote. The values share `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let operation = match input.u8("operation")? {
            tag::MERGE => Self::Merge {
                ends: read_stamps(&mut input)?,
                value: read_body(&mut input, bytes)?,
                changes: read_changes(&mut input, bytes)?,
            },
            tag::PUT => Self::Put {
                ends: read_stamps(&mut input)?,
                value: read_body(&mut input, bytes)?,
            },
            tag::PATCH => Self::Patch {
                lives: read_stamps(&mut input)?,
                changes: read_changes(&mut input, bytes)?,
            },
            tag::REMOVE_FINAL => Self::Remove {
                ends: read_stamps(&mut input)?,
                mode: RemoveMode::Final,
            },
            tag::REMOVE_YIELDING => Self::Remove {
                ends: read_stamps(&mut input)?,
                mode: RemoveMode::Yielding,
            },
            tag => {
                return Err(DecodeError::Unknown {
                    what: "operation",
                    tag,
                });
            }
        };
        input.finish("operation")?;
        if let Self::Merge { value, changes, .. } = &operation {
            check_merge(value, changes)?;
        }
        Ok(operation)
    }
}

fn write_stamps(stamps: &[Stamp], out: &mut Writer) {
    out.varint(stamps.len() as u64);
    for stamp in stamps {
        stamp.encode(out);
    }
}

fn read_stamps(input: &mut Reader<'_>) -> Result<Vec<Stamp>, DecodeError> {
    let count = input.count(16, "names of lives")?;
    let mut stamps: Vec<Stamp> = Vec::with_capacity(count);
    for _ in 0..count {
        stamps.push(Stamp::decode(input)?);
    }
    if !stamps.is_sorted_by(|a, b| a < b) {
        return Err(DecodeError::Malformed {
            what: "order of names of lives",
        });
    }
    Ok(stamps)
}

fn read_body(input: &mut Reader<'_>, owner: &Bytes) -> Result<Value, DecodeError> {
    let value = read_value(input, owner, "body")?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(DecodeError::Malformed {
            what: "body: a document is an object",
        }),
    }
}

fn write_changes(changes: &[(Path, Change)], out: &mut Writer) {
    out.varint(changes.len() as u64);
    for (path, change) in changes {
        out.varint(path.names().len() as u64);
        for name in path.names() {
            out.text(name);
        }
        write_change(change, out);
    }
}

fn read_changes(input: &mut Reader<'_>, owner: &Bytes) -> Result<Vec<(Path, Change)>, DecodeError> {
    let count = input.count(2, "changes")?;
    // A change takes many times its least bytes in memory, so room is made as they come.
    let mut changes: Vec<(Path, Change)> = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let names = input.count(1, "path")?;
        if names > layout::NESTING_MAX {
            return Err(DecodeError::Malformed {
                what: "path: too long",
            });
        }
        let names = (0..names).map(|_| Ok(Str::from(input.text("name")?)));
        let path = Path::from(names.collect::<Result<Vec<_>, DecodeError>>()?);
        let change = read_change(input, owner)?;
        check_change(&path, &change)?;
        if let Some((before, change_before)) = changes.last() {
            let below = before.covers(&path) && !matches!(change_before, Change::Object);
            if *before >= path || below {
                return Err(DecodeError::Malformed {
                    what: "order of paths",
                });
            }
        }
        changes.push((path, change));
    }
    Ok(changes)
}

fn write_change(change: &Change, out: &mut Writer) {
    match change {
        Change::Assign(value) => {
            out.u8(tag::ASSIGN);
            write_value(value, out);
        }
        Change::Unset => out.u8(tag::UNSET),
        Change::Object => out.u8(tag::OBJECT),
        Change::Increment(Number::Int(int)) => {
            out.u8(tag::INCREMENT_INT);
            out.varint_signed(*int);
        }
        Change::Increment(Number::Float(float)) => {
            out.u8(tag::INCREMENT_FLOAT);
            out.u64_fixed(float.to_bits());
        }
        Change::Append(values) => write_values(tag::APPEND, values, out),
        Change::Prepend(values) => write_values(tag::PREPEND, values, out),
        Change::AddUnique(values) => {
            out.u8(tag::ADD_UNIQUE);
            out.varint(values.len() as u64);
            for unique in values {
                write_unique(unique, out);
            }
        }
        Change::RemoveElements(ids) => {
            out.u8(tag::REMOVE_ELEMENTS);
            write_ids(ids, out);
        }
        Change::Max(value) => {
            out.u8(tag::MAX);
            write_value(value, out);
        }
        Change::Min(value) => {
            out.u8(tag::MIN);
            write_value(value, out);
        }
    }
}

fn read_change(input: &mut Reader<'_>, owner: &Bytes) -> Result<Change, DecodeError> {
    Ok(match input.u8("change")? {
        tag::ASSIGN => Change::Assign(read_value(input, owner, "assigned value")?),
        tag::UNSET => Change::Unset,
        tag::OBJECT => Change::Object,
        tag::INCREMENT_INT => Change::Increment(Number::Int(input.varint_signed("increment")?)),
        tag::INCREMENT_FLOAT => match f64::from_bits(input.u64_fixed("increment")?) {
            float if float.is_finite() => Change::Increment(Number::Float(float)),
            _ => {
                return Err(DecodeError::Malformed {
                    what: "increment: not finite",
                });
            }
        },
        tag::APPEND => Change::Append(read_values(input, owner)?),
        tag::PREPEND => Change::Prepend(read_values(input, owner)?),
        tag::ADD_UNIQUE => {
            let count = input.count(3, "added values")?;
            let values = (0..count).map(|_| read_unique(input, owner));
            Change::AddUnique(values.collect::<Result<_, _>>()?)
        }
        tag::REMOVE_ELEMENTS => Change::RemoveElements(read_ids(input)?),
        tag::MAX => Change::Max(read_value(input, owner, "greatest value")?),
        tag::MIN => Change::Min(read_value(input, owner, "least value")?),
        tag => {
            return Err(DecodeError::Unknown {
                what: "change",
                tag,
            });
        }
    })
}

fn write_values(tag: u8, values: &[Value], out: &mut Writer) {
    out.u8(tag);
    out.varint(values.len() as u64);
    for value in values {
        write_value(value, out);
    }
}

fn read_values(input: &mut Reader<'_>, owner: &Bytes) -> Result<Vec<Value>, DecodeError> {
    let count = input.count(2, "added values")?;
    (0..count)
        .map(|_| read_value(input, owner, "added value"))
        .collect()
}

fn write_unique(unique: &UniqueElement, out: &mut Writer) {
    write_value(&unique.value, out);
    let Some(taken) = &unique.takes else {
        return out.u8(tag::SLOT_NONE);
    };
    write_slot(taken.slot, out);
    write_ids(&taken.elements, out);
}

fn read_unique(input: &mut Reader<'_>, owner: &Bytes) -> Result<UniqueElement, DecodeError> {
    let value = read_value(input, owner, "added value")?;
    let takes = match read_slot(input)? {
        None => None,
        Some(slot) => Some(Taken {
            slot,
            elements: read_ids(input)?,
        }),
    };
    Ok(UniqueElement { value, takes })
}

pub(crate) fn write_slot(slot: Slot, out: &mut Writer) {
    match slot {
        Slot::Front(stamp, index) => {
            out.u8(tag::SLOT_FRONT);
            stamp.encode(out);
            out.varint(u64::from(index));
        }
        Slot::Base(position) => {
            out.u8(tag::SLOT_BASE);
            out.varint(u64::from(position));
        }
        Slot::Back(stamp, index) => {
            out.u8(tag::SLOT_BACK);
            stamp.encode(out);
            out.varint(u64::from(index));
        }
    }
}

pub(crate) fn read_slot(input: &mut Reader<'_>) -> Result<Option<Slot>, DecodeError> {
    Ok(match input.u8("slot")? {
        tag::SLOT_NONE => None,
        tag::SLOT_FRONT => Some(Slot::Front(
            Stamp::decode(input)?,
            input.varint_u32("slot")?,
        )),
        tag::SLOT_BASE => Some(Slot::Base(input.varint_u32("slot")?)),
        tag::SLOT_BACK => Some(Slot::Back(Stamp::decode(input)?, input.varint_u32("slot")?)),
        _ => return Err(DecodeError::Malformed { what: "slot" }),
    })
}

fn write_ids(ids: &[ElementId], out: &mut Writer) {
    out.varint(ids.len() as u64);
    for id in ids {
        match id {
            ElementId::Base(position) => {
                out.u8(tag::BASE);
                out.varint(u64::from(*position));
            }
            ElementId::Added { stamp, index } => {
                out.u8(tag::ADDED);
                stamp.encode(out);
                out.varint(u64::from(*index));
            }
        }
    }
}

fn read_ids(input: &mut Reader<'_>) -> Result<Vec<ElementId>, DecodeError> {
    let count = input.count(2, "element ids")?;
    let mut ids = Vec::with_capacity(count.min(1_024));
    for _ in 0..count {
        ids.push(match input.u8("element id")? {
            tag::BASE => ElementId::Base(input.varint_u32("element position")?),
            tag::ADDED => ElementId::Added {
                stamp: Stamp::decode(input)?,
                index: input.varint_u32("element index")?,
            },
            _ => return Err(DecodeError::Malformed { what: "element id" }),
        });
    }
    Ok(ids)
}

/// Holds a change to what [`crate::resolve`] may make of a draft.
fn check_change(path: &Path, change: &Change) -> Result<(), DecodeError> {
    let malformed = |what| Err(DecodeError::Malformed { what });
    match path.names() {
        [] if !matches!(change, Change::Assign(Value::Object(_))) => {
            return malformed("change of the root: it can only be assigned an object");
        }
        [only] if only == ENDS => {
            let is_pair = |value: &Value| match value {
                Value::Object(ends) => ends.iter().all(|(name, _)| name == ENDS || name == ENDS_TO),
                _ => false,
            };
            match change {
                Change::Unset => {}
                Change::Assign(value) if is_pair(value) => {}
                _ => return malformed("ends of an edge"),
            }
        }
        [first, ..] if first == ENDS || first == ENDS_TO => return malformed("ends of an edge"),
        _ => {}
    }
    let depth = path.names().len();
    let deepest = match change {
        Change::Assign(value) | Change::Max(value) | Change::Min(value) => {
            depth + nesting_of(value)
        }
        Change::Append(values) | Change::Prepend(values) => {
            depth + 1 + values.iter().map(nesting_of).max().unwrap_or(0)
        }
        Change::AddUnique(values) => {
            depth
                + 1
                + values
                    .iter()
                    .map(|unique| nesting_of(&unique.value))
                    .max()
                    .unwrap_or(0)
        }
        _ => depth,
    };
    if deepest > layout::NESTING_MAX {
        return malformed("change: nested too deeply");
    }
    Ok(())
}

/// What a creation adds on nothing may not stand where its value writes, nor replace it.
fn check_merge(value: &Value, changes: &[(Path, Change)]) -> Result<(), DecodeError> {
    for (path, change) in changes {
        let mut place = Some(value.clone());
        for name in path.names() {
            place = match place {
                Some(Value::Object(object)) => object.get(name),
                Some(_) => {
                    return Err(DecodeError::Malformed {
                        what: "change below a value",
                    });
                }
                None => None,
            };
        }
        if place.is_some() || !change.is_relative() {
            return Err(DecodeError::Malformed {
                what: "change of a value",
            });
        }
    }
    Ok(())
}
