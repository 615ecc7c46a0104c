//! Bytes of a stored document.
//!
//! ```text
//! record   = length of the body | body | metadata          body = layout of the shown value; empty: does not exist
//! metadata = 0 | stamp                 one operation wrote it, as a whole (put)
//!          | 1 | stamp                 one operation wrote it, each attribute for itself (insert)
//!          | 2 | name | newest         nothing about it is unstable
//!          | 3 | newest shown | count of lives | life …
//! life     = flags | names | newest | touched? | removals? | origin? | body? | overlay?
//! stamp    = clock (the first: 8 bytes, later ones: signed varint, difference from the first) | replica number (varint)
//! ```
//!
//! A document that was written once has 13 or 14 bytes beside its body. Its body is canonical and read in place: a scan
//! looks at it and at the newest stamp, and decodes nothing else. Replica numbers are those of the node that stores it.
//!
//! The one living life takes its values from the body; of several, and of hidden ones, each brings a body of its own. The
//! overlay (see `overlay`) says only where a place differs from what its origin would make of the body.

use antipode_clock::codec::{Reader, Writer};
use antipode_clock::{Hlc, ReplicaId, Stamp};
use antipode_value::Value;
use bytes::Bytes;

use super::{overlay, read_slice, value_of};
use crate::document::show_life;
use crate::revision::body_bytes;
use crate::state::{Life, Origin, Removal, Tree, Whole};
use crate::{DecodeError, Document, Encoded, ReplicaNumbers, Revision, Shown};

mod shape {
    pub const PUT: u8 = 0;
    pub const INSERT: u8 = 1;
    pub const FOLDED: u8 = 2;
    pub const GENERAL: u8 = 3;
}

mod flag {
    pub const OWN_BODY: u8 = 1;
    pub const TOUCHED: u8 = 2;
    pub const REMOVALS: u8 = 4;
    pub const SEVERAL_NAMES: u8 = 8;
    pub const EACH: u8 = 16;
    pub const ORIGIN: u8 = 32;
    pub const OVERLAY: u8 = 64;
}

/// Writes stamps relative to the first one, with replicas by number.
pub(super) struct Stamps<'a> {
    anchor: Option<Hlc>,
    replicas: &'a mut dyn ReplicaNumbers,
}

impl Stamps<'_> {
    pub fn stamp(&mut self, stamp: Stamp, out: &mut Writer) {
        match self.anchor {
            None => {
                self.anchor = Some(stamp.hlc);
                out.u64_fixed(stamp.hlc.0);
            }
            Some(anchor) => out.varint_signed(stamp.hlc.0.wrapping_sub(anchor.0) as i64),
        }
        self.replica(stamp.replica, out);
    }

    pub fn replica(&mut self, replica: ReplicaId, out: &mut Writer) {
        out.varint(u64::from(self.replicas.number(replica)));
    }

    fn list(&mut self, stamps: &[Stamp], out: &mut Writer) {
        out.varint(stamps.len() as u64);
        for stamp in stamps {
            self.stamp(*stamp, out);
        }
    }

    pub fn entries(&mut self, entries: &[(ReplicaId, Hlc)], out: &mut Writer) {
        out.varint(entries.len() as u64);
        for (replica, hlc) in entries {
            self.stamp(Stamp::new(*hlc, *replica), out);
        }
    }
}

/// Reads what [`Stamps`] wrote.
pub(super) struct StampReader<'a> {
    anchor: Option<Hlc>,
    replicas: &'a dyn ReplicaNumbers,
}

impl StampReader<'_> {
    pub fn stamp(&mut self, input: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
        let hlc = match self.anchor {
            None => {
                let first = Hlc(input.u64_fixed("stamp")?);
                self.anchor = Some(first);
                first
            }
            Some(anchor) => Hlc(anchor.0.wrapping_add(input.varint_signed("stamp")? as u64)),
        };
        Ok(Stamp::new(hlc, self.replica(input)?))
    }

    pub fn replica(&self, input: &mut Reader<'_>) -> Result<ReplicaId, DecodeError> {
        let number = input.varint_u32("replica number")?;
        self.replicas
            .replica(number)
            .ok_or(DecodeError::UnknownReplica { number })
    }

    pub fn list(&mut self, input: &mut Reader<'_>) -> Result<Vec<Stamp>, DecodeError> {
        let count = input.count(2, "stamps")?;
        let stamps: Vec<Stamp> = (0..count)
            .map(|_| self.stamp(input))
            .collect::<Result<_, _>>()?;
        match stamps.is_sorted_by(|a, b| a < b) {
            true => Ok(stamps),
            false => Err(DecodeError::Malformed {
                what: "order of stamps",
            }),
        }
    }

    pub fn entries(
        &mut self,
        input: &mut Reader<'_>,
    ) -> Result<Vec<(ReplicaId, Hlc)>, DecodeError> {
        let count = input.count(2, "stamps by replica")?;
        let entries: Vec<(ReplicaId, Hlc)> = (0..count)
            .map(|_| self.stamp(input).map(|stamp| (stamp.replica, stamp.hlc)))
            .collect::<Result<_, _>>()?;
        match entries.is_sorted_by(|a, b| a.0 < b.0) {
            true => Ok(entries),
            false => Err(DecodeError::Malformed {
                what: "order of stamps by replica",
            }),
        }
    }
}

pub(crate) fn encode(
    document: &Document,
    replicas: &mut dyn ReplicaNumbers,
    out: &mut Vec<u8>,
) -> Encoded {
    let shown = document.show();
    let body = shown.as_ref().map(body_bytes).unwrap_or_default();
    let mut writer = Writer::append_to(std::mem::take(out));
    writer.varint(body.len() as u64);
    let start = writer.len();
    writer.raw(&body);
    let end = writer.len();
    let newest = document.newest();
    let mut stamps = Stamps {
        anchor: None,
        replicas,
    };
    if !simple(document, &mut stamps, &mut writer) {
        writer.u8(shape::GENERAL);
        if let Some(newest) = newest {
            stamps.stamp(newest, &mut writer);
        }
        let shares_body = document.living().count() == 1;
        writer.varint(document.lives.len() as u64);
        for life in &document.lives {
            let body = match (&shown, shares_body && !life.is_hidden()) {
                (Some(shown), true) => Some(shown),
                _ => None,
            };
            write_life(life, body, &mut stamps, &mut writer);
        }
    }
    *out = writer.into_bytes();
    Encoded {
        body: start..end,
        revision: newest.map(|newest| Revision::of(newest, &body)),
    }
}

/// Writes the metadata of a document that one operation made, or about which nothing is unstable; false if it is neither.
fn simple(document: &Document, stamps: &mut Stamps<'_>, out: &mut Writer) -> bool {
    let [
        Life {
            names,
            newest,
            touched,
            removals,
            tree: Tree::Whole(whole),
        },
    ] = document.lives.as_slice()
    else {
        return false;
    };
    let ([name], true) = (names.as_slice(), touched.is_empty() && removals.is_empty()) else {
        return false;
    };
    match whole.origin {
        Origin { stamp, each } if stamp == *name && newest == name => {
            out.u8(if each { shape::INSERT } else { shape::PUT });
            stamps.stamp(stamp, out);
            true
        }
        Origin::FOLDED => {
            out.u8(shape::FOLDED);
            stamps.stamp(*newest, out);
            stamps.stamp(*name, out);
            true
        }
        Origin { .. } => false,
    }
}

/// `body`: what the life shows, if that is the record's body.
fn write_life(life: &Life, body: Option<&Value>, stamps: &mut Stamps<'_>, out: &mut Writer) {
    let (origin, root) = match &life.tree {
        Tree::Whole(whole) => (whole.origin, None),
        Tree::Places(root) => (overlay::origin_of(root, &life.names), Some(root)),
    };
    let mut flags = 0;
    let mut note = |condition: bool, flag: u8| flags |= if condition { flag } else { 0 };
    note(body.is_none(), flag::OWN_BODY);
    note(!life.touched.is_empty(), flag::TOUCHED);
    note(!life.removals.is_empty(), flag::REMOVALS);
    note(life.names.len() != 1, flag::SEVERAL_NAMES);
    note(origin.each, flag::EACH);
    note(!origin.stamp.is_zero(), flag::ORIGIN);
    note(root.is_some(), flag::OVERLAY);
    out.u8(flags);
    match life.names.as_slice() {
        [name] => stamps.stamp(*name, out),
        names => stamps.list(names, out),
    }
    stamps.stamp(life.newest, out);
    if !life.touched.is_empty() {
        stamps.entries(&life.touched, out);
    }
    if !life.removals.is_empty() {
        out.varint(life.removals.len() as u64);
        for removal in &life.removals {
            stamps.stamp(removal.stamp, out);
            out.u8(u8::from(removal.hides));
        }
    }
    if !origin.stamp.is_zero() {
        stamps.stamp(origin.stamp, out);
    }
    let own = body.is_none().then(|| show_life(life));
    if let Some(own) = &own {
        out.bytes(&body_bytes(own));
    }
    if let (Some(root), Some(shown)) = (root, body.or(own.as_ref())) {
        overlay::write_root(root, shown, origin, stamps, out);
    }
}

pub(crate) fn shown(
    record: &Bytes,
    replicas: &dyn ReplicaNumbers,
) -> Result<Option<Shown>, DecodeError> {
    let mut input = Reader::new(record);
    let body = read_slice(&mut input, record, "body")?;
    if body.is_empty() {
        return Ok(None);
    }
    // In every shape the first stamp is the newest.
    let shape = input.u8("shape of a document")?;
    if shape > shape::GENERAL {
        return Err(DecodeError::Unknown {
            what: "shape of a document",
            tag: shape,
        });
    }
    let newest = StampReader {
        anchor: None,
        replicas,
    }
    .stamp(&mut input)?;
    let value = Value::from_packed_unverified(body.clone());
    Ok(Some(Shown {
        value,
        newest,
        body,
    }))
}

pub(crate) fn decode(
    record: &Bytes,
    replicas: &dyn ReplicaNumbers,
) -> Result<Document, DecodeError> {
    let mut input = Reader::new(record);
    let body = read_slice(&mut input, record, "body")?;
    let body = match body.is_empty() {
        true => None,
        false => Some(object_of(body)?),
    };
    let mut stamps = StampReader {
        anchor: None,
        replicas,
    };
    let lives = match (input.u8("shape of a document")?, body) {
        (shape @ (shape::PUT | shape::INSERT), Some(value)) => {
            let stamp = stamps.stamp(&mut input)?;
            let origin = Origin {
                stamp,
                each: shape == shape::INSERT,
            };
            vec![Life::begun(stamp, Tree::Whole(Whole { value, origin }))]
        }
        (shape::FOLDED, Some(value)) => {
            let newest = stamps.stamp(&mut input)?;
            let name = stamps.stamp(&mut input)?;
            let mut life = Life::begun(
                name,
                Tree::Whole(Whole {
                    value,
                    origin: Origin::FOLDED,
                }),
            );
            life.newest = newest;
            vec![life]
        }
        (shape::GENERAL, body) => {
            if body.is_some() {
                stamps.stamp(&mut input)?;
            }
            let count = input.count(4, "lives")?;
            (0..count)
                .map(|_| read_life(&mut input, record, body.as_ref(), &mut stamps))
                .collect::<Result<_, _>>()?
        }
        (shape::PUT..=shape::FOLDED, None) => {
            return Err(DecodeError::Malformed {
                what: "document without a body",
            });
        }
        (tag, _) => {
            return Err(DecodeError::Unknown {
                what: "shape of a document",
                tag,
            });
        }
    };
    input.finish("document")?;
    let document = Document { lives };
    if !document.lives.is_sorted_by(|a, b| a.names < b.names) {
        return Err(DecodeError::Malformed {
            what: "order of lives",
        });
    }
    Ok(document)
}

fn object_of(bytes: Bytes) -> Result<Value, DecodeError> {
    match value_of(bytes)? {
        value @ Value::Object(_) => Ok(value),
        _ => Err(DecodeError::Malformed {
            what: "body: a document is an object",
        }),
    }
}

fn read_life(
    input: &mut Reader<'_>,
    record: &Bytes,
    body: Option<&Value>,
    stamps: &mut StampReader<'_>,
) -> Result<Life, DecodeError> {
    let flags = input.u8("life")?;
    let has = |flag: u8| flags & flag != 0;
    let names = match has(flag::SEVERAL_NAMES) {
        true => stamps.list(input)?,
        false => vec![stamps.stamp(input)?],
    };
    let newest = stamps.stamp(input)?;
    let touched = if has(flag::TOUCHED) {
        stamps.entries(input)?
    } else {
        Vec::new()
    };
    let removals = if has(flag::REMOVALS) {
        read_removals(input, stamps)?
    } else {
        Vec::new()
    };
    let stamp = if has(flag::ORIGIN) {
        stamps.stamp(input)?
    } else {
        Stamp::ZERO
    };
    let origin = Origin {
        stamp,
        each: has(flag::EACH),
    };
    let value = match (has(flag::OWN_BODY), body) {
        (true, _) => object_of(read_slice(input, record, "body of a life")?)?,
        (false, Some(body)) => body.clone(),
        (false, None) => {
            return Err(DecodeError::Malformed {
                what: "life without a body",
            });
        }
    };
    let tree = match has(flag::OVERLAY) {
        true => Tree::Places(overlay::read_root(&value, origin, input, record, stamps)?),
        false => Tree::Whole(Whole { value, origin }),
    };
    if names.is_empty() {
        return Err(DecodeError::Malformed {
            what: "life without a name",
        });
    }
    Ok(Life {
        names,
        newest,
        touched,
        removals,
        tree,
    })
}

fn read_removals(
    input: &mut Reader<'_>,
    stamps: &mut StampReader<'_>,
) -> Result<Vec<Removal>, DecodeError> {
    let count = input.count(3, "removals")?;
    let removals: Vec<Removal> = (0..count)
        .map(|_| {
            let stamp = stamps.stamp(input)?;
            Ok(Removal {
                stamp,
                hides: input.u8("removal")? != 0,
            })
        })
        .collect::<Result<_, DecodeError>>()?;
    match removals.is_sorted_by(|a, b| a.stamp < b.stamp) {
        true => Ok(removals),
        false => Err(DecodeError::Malformed {
            what: "order of removals",
        }),
    }
}
