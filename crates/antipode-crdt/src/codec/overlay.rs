//! The metadata of a tree of places, as what it says beyond the value that it shows.
//!
//! A place that is as its origin would make it from the shown value takes no bytes. The others are entries:
//!
//! ```text
//! entry    = flags | own? | parts? | entries below?
//! own      = held (0 nothing, 1 object, 2 the shown value, 3 a value that follows, 4 the array whose elements are shown)
//!            + 8 if set + 16 if object mark | set? | object mark? | value? | length of the array?
//! below    = count | (name | entry) …, sorted by name
//! parts    = flags | sums? | elements? | max? | min? | newest change of each replica?
//! sums     = count | (replica | lives | kind | integer? | float?) …
//! elements = count of gaps | (untouched, removed) … | count of runs | run …
//! run      = flags | count | stamp | first index | slot? | values?      consecutive indexes of one operation
//! ```
//!
//! Values of elements that are shown stand in the body, in the order in which they are shown.

use antipode_clock::Stamp;
use antipode_clock::codec::{Reader, Writer};
use antipode_value::layout::BYTES_MAX;
use antipode_value::{Array, Str, Value};
use bytes::Bytes;

use super::document::{StampReader, Stamps};
use super::{read_value, write_value};
use crate::rule::sequence;
use crate::state::{
    ENDS, ENDS_TO, Element, Elements, Held, Origin, Parts, Place, Sum, Whole, ends_of,
};
use crate::{DecodeError, Slot};

mod flag {
    pub const OWN: u8 = 1;
    pub const PARTS: u8 = 2;
    pub const BELOW: u8 = 4;

    pub const HELD: u8 = 7;
    pub const SET: u8 = 8;
    pub const OBJECT: u8 = 16;

    pub const SUMS: u8 = 1;
    pub const ELEMENTS: u8 = 2;
    pub const MAX: u8 = 4;
    pub const MIN: u8 = 8;
    pub const CHANGED: u8 = 16;

    pub const INT: u8 = 1;
    pub const WIDE: u8 = 2;
    pub const FLOAT: u8 = 4;

    pub const UNIQUE: u8 = 1;
    pub const HIDDEN: u8 = 2;
    pub const FRONT: u8 = 4;
    pub const SLOT: u8 = 8;
}

mod held {
    pub const NOTHING: u8 = 0;
    pub const OBJECT: u8 = 1;
    pub const SHOWN: u8 = 2;
    pub const INLINE: u8 = 3;
    pub const ELEMENTS: u8 = 4;
}

/// Deepest place that is read: as deep as a path may be.
const DEPTH_MAX: usize = antipode_value::layout::NESTING_MAX + 1;

/// The origin that leaves least to say about a tree: its root's set; else the insert that began the life, while that is
/// not folded.
pub(super) fn origin_of(root: &Place, names: &[Stamp]) -> Origin {
    if let Some(rest) = &root.rest {
        return rest.origin;
    }
    if !root.set.is_zero() {
        return Origin {
            stamp: root.set,
            each: false,
        };
    }
    let begun = names.first().copied().unwrap_or_default();
    let mut children = root.children.iter();
    if children.any(|(_, child)| child.set == begun || child.object == begun) {
        return Origin {
            stamp: begun,
            each: true,
        };
    }
    Origin::FOLDED
}

/// What a place shows, where it stands.
#[derive(Clone, Copy)]
struct Spot<'a> {
    shown: Option<&'a Value>,
    /// Not a place that can have others below: the root's, or the pair of an edge's ends.
    is_root: bool,
    is_ends: bool,
}

impl Spot<'_> {
    /// Set, what is held, and object mark, as `origin` makes them.
    fn expected(self, origin: Origin) -> (Stamp, u8, Stamp) {
        let is_object = matches!(self.shown, Some(Value::Object(_))) && !self.is_ends;
        match (self.shown, is_object, origin.each) {
            (_, true, true) if self.is_root => (Stamp::ZERO, held::OBJECT, Stamp::ZERO),
            (_, true, true) => (Stamp::ZERO, held::NOTHING, origin.stamp),
            (_, true, false) => (origin.stamp, held::OBJECT, Stamp::ZERO),
            (Some(_), false, _) => (origin.stamp, held::SHOWN, Stamp::ZERO),
            (None, _, _) => (Stamp::ZERO, held::NOTHING, Stamp::ZERO),
        }
    }

    /// Whether what is shown here has attributes that are places below.
    fn is_above(&self) -> bool {
        matches!(self.shown, Some(Value::Object(_))) && !self.is_ends
    }

    /// What is shown at the place `name` below.
    fn below(&self, name: &str) -> Option<Value> {
        let object = self.shown.filter(|_| self.is_above())?.as_object()?;
        match (self.is_root, name) {
            (true, ENDS) => ends_of(object),
            (true, ENDS_TO) => None,
            _ => object.get(name),
        }
    }

    fn is_ends_below(&self, name: &str) -> bool {
        self.is_root && name == ENDS
    }
}

fn own(place: &Place, spot: Spot<'_>) -> (Stamp, u8, Stamp) {
    let shows_elements = matches!(spot.shown, Some(Value::Array(_)))
        && place
            .parts
            .as_ref()
            .is_some_and(|parts| parts.elements.is_some());
    let code = match &place.held {
        Held::Nothing => held::NOTHING,
        Held::Object => held::OBJECT,
        Held::Value(Value::Array(_)) if shows_elements => held::ELEMENTS,
        Held::Value(_) if spot.shown.is_some() && !shows_parts(place) => held::SHOWN,
        Held::Value(_) => held::INLINE,
    };
    (place.set, code, place.object)
}

fn shows_parts(place: &Place) -> bool {
    place.parts.as_ref().is_some_and(|parts| parts.is_shown())
}

/// The origin of what stands below a place.
fn origin_below(set: Stamp, held: u8, as_expected: bool, origin: Origin) -> Origin {
    match (as_expected, held) {
        (false, held::OBJECT) => Origin {
            stamp: set,
            each: false,
        },
        _ => origin,
    }
}

pub(super) fn write_root(
    root: &Place,
    shown: &Value,
    origin: Origin,
    stamps: &mut Stamps<'_>,
    out: &mut Writer,
) {
    let spot = Spot {
        shown: Some(shown),
        is_root: true,
        is_ends: false,
    };
    write_entry(root, spot, origin, stamps, out);
}

/// A child, with what it shows.
struct Below<'a> {
    name: &'a Str,
    place: &'a Place,
    shown: Option<Value>,
    is_ends: bool,
}

impl Below<'_> {
    fn spot(&self) -> Spot<'_> {
        Spot {
            shown: self.shown.as_ref(),
            is_root: false,
            is_ends: self.is_ends,
        }
    }
}

fn children<'a>(place: &'a Place, spot: Spot<'_>) -> impl Iterator<Item = Below<'a>> {
    place.children.iter().map(move |(name, place)| Below {
        name,
        place,
        shown: spot.below(name),
        is_ends: spot.is_ends_below(name),
    })
}

/// Whether anything has to be said about a place or below it.
fn differs(place: &Place, spot: Spot<'_>, origin: Origin) -> bool {
    let own = own(place, spot);
    if place.parts.is_some() || own != spot.expected(origin) {
        return true;
    }
    let below = origin_below(own.0, own.1, true, origin);
    let rest_differs = place.rest.as_ref().is_some_and(|rest| rest.origin != below);
    rest_differs || children(place, spot).any(|child| differs(child.place, child.spot(), below))
}

fn write_entry(
    place: &Place,
    spot: Spot<'_>,
    origin: Origin,
    stamps: &mut Stamps<'_>,
    out: &mut Writer,
) {
    let (set, code, object) = own(place, spot);
    let as_expected = (set, code, object) == spot.expected(origin);
    let below = origin_below(set, code, as_expected, origin);
    let mut expanded;
    let place = match &place.rest {
        Some(rest) if rest.origin != below => {
            expanded = place.clone();
            expanded.expand();
            &expanded
        }
        _ => place,
    };
    let mut entries: Vec<Below<'_>> = children(place, spot).collect();
    entries.retain(|child| differs(child.place, child.spot(), below));
    let mut flags = 0;
    let mut note = |condition: bool, flag: u8| flags |= if condition { flag } else { 0 };
    note(!as_expected, flag::OWN);
    note(place.parts.is_some(), flag::PARTS);
    note(!entries.is_empty(), flag::BELOW);
    out.u8(flags);
    if !as_expected {
        let set_flag = if set.is_zero() { 0 } else { flag::SET };
        let object_flag = if object.is_zero() { 0 } else { flag::OBJECT };
        out.u8(code | set_flag | object_flag);
        for stamp in [set, object].into_iter().filter(|stamp| !stamp.is_zero()) {
            stamps.stamp(stamp, out);
        }
        match &place.held {
            Held::Value(value) if code == held::INLINE => write_value(value, out),
            Held::Value(Value::Array(array)) if code == held::ELEMENTS => {
                out.varint(array.len() as u64)
            }
            _ => {}
        }
    }
    if let Some(parts) = &place.parts {
        write_parts(parts, place, spot, stamps, out);
    }
    if !entries.is_empty() {
        out.varint(entries.len() as u64);
        for child in entries {
            out.text(child.name);
            write_entry(child.place, child.spot(), below, stamps, out);
        }
    }
}

fn write_parts(
    parts: &Parts,
    place: &Place,
    spot: Spot<'_>,
    stamps: &mut Stamps<'_>,
    out: &mut Writer,
) {
    let mut flags = 0;
    let mut note = |condition: bool, flag: u8| flags |= if condition { flag } else { 0 };
    note(!parts.sums.is_empty(), flag::SUMS);
    note(parts.elements.is_some(), flag::ELEMENTS);
    note(parts.max.is_some(), flag::MAX);
    note(parts.min.is_some(), flag::MIN);
    note(!parts.changed.is_empty(), flag::CHANGED);
    out.u8(flags);
    if !parts.sums.is_empty() {
        out.varint(parts.sums.len() as u64);
        for sum in &parts.sums {
            write_sum(sum, stamps, out);
        }
    }
    if let Some(elements) = &parts.elements {
        write_elements(elements, place.base_array(), spot, stamps, out);
    }
    for extreme in [&parts.max, &parts.min].into_iter().flatten() {
        write_value(extreme, out);
    }
    if !parts.changed.is_empty() {
        stamps.entries(&parts.changed, out);
    }
}

fn write_sum(sum: &Sum, stamps: &mut Stamps<'_>, out: &mut Writer) {
    stamps.replica(sum.replica, out);
    out.varint(sum.lives.len() as u64);
    for life in &sum.lives {
        stamps.stamp(*life, out);
    }
    let narrow = i64::try_from(sum.int);
    let int_flag = if narrow.is_ok() {
        flag::INT
    } else {
        flag::WIDE
    };
    out.u8(int_flag | if sum.float.is_some() { flag::FLOAT } else { 0 });
    match narrow {
        Ok(int) => out.varint_signed(int),
        Err(_) => out.u128_fixed(sum.int as u128),
    }
    if let Some(float) = sum.float {
        out.u64_fixed(float.to_bits());
    }
}

fn read_sum(input: &mut Reader<'_>, stamps: &mut StampReader<'_>) -> Result<Sum, DecodeError> {
    let replica = stamps.replica(input)?;
    let lives = stamps.list(input)?;
    let kind = input.u8("sum")?;
    let int = match kind & flag::WIDE {
        0 => i128::from(input.varint_signed("sum")?),
        _ => input.u128_fixed("sum")? as i128,
    };
    let float = match kind & flag::FLOAT {
        0 => None,
        _ => Some(f64::from_bits(input.u64_fixed("sum")?)),
    };
    Ok(Sum {
        replica,
        lives,
        int,
        float,
    })
}

fn write_elements(
    elements: &Elements,
    base: Option<&Array>,
    spot: Spot<'_>,
    stamps: &mut Stamps<'_>,
    out: &mut Writer,
) {
    let gaps = gaps(&elements.base_removed);
    out.varint(gaps.len() as u64);
    for (untouched, removed) in gaps {
        out.varint(u64::from(untouched));
        out.varint(u64::from(removed));
    }
    let in_body = matches!(spot.shown, Some(Value::Array(_)));
    let items = sequence::items(base, elements);
    let added: Vec<(&Element, bool)> = items
        .iter()
        .filter_map(|item| Some((item.added?, in_body && item.shown)))
        .collect();
    let runs: Vec<&[(&Element, bool)]> = added.chunk_by(|a, b| continues(*a, *b)).collect();
    out.varint(runs.len() as u64);
    for run in runs {
        let Some((first, in_body)) = run.first() else {
            continue;
        };
        let foreign = !stands_at_its_own(first);
        let mut flags = 0;
        let mut note = |condition: bool, flag: u8| flags |= if condition { flag } else { 0 };
        note(first.unique, flag::UNIQUE);
        note(!in_body, flag::HIDDEN);
        note(matches!(first.slot, Slot::Front(..)), flag::FRONT);
        note(foreign, flag::SLOT);
        out.u8(flags);
        out.varint(run.len() as u64);
        stamps.stamp(first.stamp, out);
        out.varint(u64::from(first.index));
        if foreign {
            write_slot(first.slot, stamps, out);
        }
        if !in_body {
            run.iter()
                .for_each(|(element, _)| write_value(&element.value, out));
        }
    }
}

/// Sorted positions as alternating lengths: so many that are not among them, then so many that are.
fn gaps(positions: &[u32]) -> Vec<(u32, u32)> {
    let mut gaps = Vec::new();
    let mut next = 0u32;
    for run in positions.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        if let Some(first) = run.first() {
            let length = run.len() as u32;
            gaps.push((first - next, length));
            next = first.saturating_add(length);
        }
    }
    gaps
}

fn stands_at_its_own(element: &Element) -> bool {
    match element.slot {
        Slot::Front(stamp, index) | Slot::Back(stamp, index) => {
            (stamp, index) == (element.stamp, element.index)
        }
        Slot::Base(_) => false,
    }
}

fn continues((a, a_in_body): (&Element, bool), (b, b_in_body): (&Element, bool)) -> bool {
    let at_own = stands_at_its_own(a) && stands_at_its_own(b);
    let same_side = matches!(a.slot, Slot::Front(..)) == matches!(b.slot, Slot::Front(..));
    at_own
        && same_side
        && a.stamp == b.stamp
        && a.index.checked_add(1) == Some(b.index)
        && a.unique == b.unique
        && a_in_body == b_in_body
}

fn write_slot(slot: Slot, stamps: &mut Stamps<'_>, out: &mut Writer) {
    match slot {
        Slot::Base(position) => out.varint(u64::from(position)),
        Slot::Front(stamp, index) | Slot::Back(stamp, index) => {
            // One above every position of an array says that a stamp follows.
            out.varint(u64::from(u32::MAX) + 1);
            stamps.stamp(stamp, out);
            out.varint(u64::from(index));
        }
    }
}

fn read_slot(
    front: bool,
    input: &mut Reader<'_>,
    stamps: &mut StampReader<'_>,
) -> Result<Slot, DecodeError> {
    if let Ok(position) = u32::try_from(input.varint("slot")?) {
        return Ok(Slot::Base(position));
    }
    let stamp = stamps.stamp(input)?;
    let index = input.varint_u32("slot")?;
    Ok(if front {
        Slot::Front(stamp, index)
    } else {
        Slot::Back(stamp, index)
    })
}

/// Reads a tree back over the value that it shows.
pub(super) fn read_root(
    shown: &Value,
    origin: Origin,
    input: &mut Reader<'_>,
    record: &Bytes,
    stamps: &mut StampReader<'_>,
) -> Result<Place, DecodeError> {
    let spot = Spot {
        shown: Some(shown),
        is_root: true,
        is_ends: false,
    };
    let mut source = Source {
        input,
        record,
        stamps,
    };
    read_entry(spot, origin, 0, &mut source)
}

struct Source<'a, 'b, 'c> {
    input: &'a mut Reader<'b>,
    record: &'a Bytes,
    stamps: &'a mut StampReader<'c>,
}

fn read_entry(
    spot: Spot<'_>,
    origin: Origin,
    depth: usize,
    source: &mut Source<'_, '_, '_>,
) -> Result<Place, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError::Malformed {
            what: "place: too deep",
        });
    }
    let flags = source.input.u8("place")?;
    let as_expected = flags & flag::OWN == 0;
    let (mut place, code, base_length) = match as_expected {
        true => {
            let (set, code, object) = spot.expected(origin);
            (held_place(set, code, object, spot)?, code, 0)
        }
        false => read_own(spot, source)?,
    };
    if flags & flag::PARTS != 0 {
        read_parts(&mut place, code, base_length, spot, source)?;
    }
    let below = origin_below(place.set, code, as_expected, origin);
    let entries = if flags & flag::BELOW != 0 {
        source.input.count(2, "places")?
    } else {
        0
    };
    place.children = read_children(spot, below, entries, depth, source)?;
    place.is_root = spot.is_root;
    place.rest = spot.shown.filter(|_| spot.is_above()).map(|shown| Whole {
        value: shown.clone(),
        origin: below,
    });
    Ok(place)
}

fn held_place(set: Stamp, code: u8, object: Stamp, spot: Spot<'_>) -> Result<Place, DecodeError> {
    let held = match (code, spot.shown) {
        (held::NOTHING, _) => Held::Nothing,
        (held::OBJECT, _) => Held::Object,
        (held::SHOWN, Some(value)) => Held::Value(value.clone()),
        _ => {
            return Err(DecodeError::Malformed {
                what: "place: what it holds",
            });
        }
    };
    Ok(Place {
        set,
        held,
        object,
        ..Place::default()
    })
}

fn read_own(
    spot: Spot<'_>,
    source: &mut Source<'_, '_, '_>,
) -> Result<(Place, u8, usize), DecodeError> {
    let own = source.input.u8("place")?;
    let code = own & flag::HELD;
    let mut stamp = |flag: u8| match own & flag {
        0 => Ok(Stamp::ZERO),
        _ => source.stamps.stamp(source.input),
    };
    let set = stamp(flag::SET)?;
    let object = stamp(flag::OBJECT)?;
    match code {
        held::INLINE => {
            let value = read_value(source.input, source.record, "value of a place")?;
            Ok((
                Place {
                    set,
                    held: Held::Value(value),
                    object,
                    ..Place::default()
                },
                code,
                0,
            ))
        }
        held::ELEMENTS => {
            let length = source.input.varint_u32("length of an array")? as usize;
            Ok((
                Place {
                    set,
                    object,
                    ..Place::default()
                },
                code,
                length,
            ))
        }
        _ => Ok((held_place(set, code, object, spot)?, code, 0)),
    }
}

/// The children that differ from what is shown, sorted by name. The others stay whole.
fn read_children(
    spot: Spot<'_>,
    origin: Origin,
    entries: usize,
    depth: usize,
    source: &mut Source<'_, '_, '_>,
) -> Result<Vec<(Str, Place)>, DecodeError> {
    let mut children: Vec<(Str, Place)> = Vec::with_capacity(entries.min(64));
    for _ in 0..entries {
        let name = Str::from(source.input.text("name")?);
        if children.last().is_some_and(|(before, _)| *before >= name) {
            return Err(DecodeError::Malformed {
                what: "order of places",
            });
        }
        let shown = spot.below(&name);
        let below = Spot {
            shown: shown.as_ref(),
            is_root: false,
            is_ends: spot.is_ends_below(&name),
        };
        let child = read_entry(below, origin, depth + 1, source)?;
        children.push((name, child));
    }
    Ok(children)
}

fn read_parts(
    place: &mut Place,
    code: u8,
    base_length: usize,
    spot: Spot<'_>,
    source: &mut Source<'_, '_, '_>,
) -> Result<(), DecodeError> {
    let flags = source.input.u8("parts")?;
    let mut parts = Parts::default();
    if flags & flag::SUMS != 0 {
        let count = source.input.count(4, "sums")?;
        let sums = (0..count).map(|_| read_sum(source.input, source.stamps));
        parts.sums = sums.collect::<Result<_, _>>()?;
    }
    if flags & flag::ELEMENTS != 0 {
        let (elements, base) = read_elements(code, base_length, spot, source)?;
        parts.elements = Some(elements);
        if let Some(base) = base {
            place.held = Held::Value(Value::Array(base));
        }
    }
    let mut value = |flag: u8| match flags & flag {
        0 => Ok(None),
        _ => read_value(source.input, source.record, "extreme").map(Some),
    };
    parts.max = value(flag::MAX)?;
    parts.min = value(flag::MIN)?;
    if flags & flag::CHANGED != 0 {
        parts.changed = source.stamps.entries(source.input)?;
    }
    place.parts = Some(Box::new(parts));
    Ok(())
}

/// Reads elements, and the assigned array where it is put together from what is shown.
fn read_elements(
    code: u8,
    base_length: usize,
    spot: Spot<'_>,
    source: &mut Source<'_, '_, '_>,
) -> Result<(Elements, Option<Array>), DecodeError> {
    let malformed = || DecodeError::Malformed { what: "elements" };
    let shown = spot.shown.and_then(Value::as_array);
    let base_removed = read_gaps(source.input)?;
    let count = source.input.count(4, "runs of elements")?;
    let mut runs = Vec::with_capacity(count);
    for _ in 0..count {
        runs.extend(read_run(shown.map_or(0, Array::len), source)?);
    }
    let mut base = Vec::new();
    match (shown, code) {
        (Some(shown), _) => {
            // Every element that is neither removed nor hidden takes the next shown value.
            if base_length > shown.len().saturating_add(base_removed.len()) {
                return Err(malformed());
            }
            base = vec![Value::Null; base_length];
            take_values(shown, &base_removed, &mut base, &mut runs).ok_or_else(malformed)?;
        }
        (None, held::ELEMENTS) => return Err(malformed()),
        (None, _) => {}
    }
    let added: Vec<Element> = runs.into_iter().map(|(element, _)| element).collect();
    if !added.is_sorted_by(|a, b| a.order() < b.order()) {
        return Err(malformed());
    }
    let base = (code == held::ELEMENTS).then(|| Array::from_vec(base));
    Ok((
        Elements {
            base_removed,
            added,
        },
        base,
    ))
}

/// Hands the shown values out to the elements that show them, in order. `None` if they are not as many.
fn take_values(
    shown: &Array,
    base_removed: &[u32],
    base: &mut [Value],
    added: &mut [(Element, bool)],
) -> Option<()> {
    let mut values = shown.iter();
    let mut added = added.iter_mut().peekable();
    let mut removed = base_removed.iter().copied().peekable();
    for (position, value) in (0u32..).zip(base.iter_mut()) {
        let slot = Slot::Base(position);
        while let Some((element, hidden)) = added.next_if(|(element, _)| element.slot < slot) {
            if !*hidden {
                element.value = values.next()?;
            }
        }
        if removed.next_if_eq(&position).is_none() {
            *value = values.next()?;
        }
    }
    for (element, _) in added.filter(|(_, hidden)| !*hidden) {
        element.value = values.next()?;
    }
    values.next().is_none().then_some(())
}

/// Reads what [`gaps`] made of sorted positions.
fn read_gaps(input: &mut Reader<'_>) -> Result<Vec<u32>, DecodeError> {
    let malformed = || DecodeError::Malformed {
        what: "removed elements",
    };
    let count = input.count(2, "removed elements")?;
    let mut positions: Vec<u32> = Vec::new();
    let mut next = 0u32;
    for _ in 0..count {
        let first = next
            .checked_add(input.varint_u32("removed elements")?)
            .ok_or_else(malformed)?;
        next = first
            .checked_add(input.varint_u32("removed elements")?)
            .ok_or_else(malformed)?;
        // An element takes a byte at least, so there are never more positions than that.
        if next as usize > BYTES_MAX {
            return Err(malformed());
        }
        positions.extend(first..next);
    }
    Ok(positions)
}

/// Reads a run of elements, each with whether it is hidden; `shown` values are still to be handed out.
fn read_run(
    shown: usize,
    source: &mut Source<'_, '_, '_>,
) -> Result<Vec<(Element, bool)>, DecodeError> {
    let flags = source.input.u8("elements")?;
    let has = |flag: u8| flags & flag != 0;
    let count = source.input.varint("elements")?;
    let most = if has(flag::HIDDEN) {
        source.input.remaining()
    } else {
        shown
    };
    let (Ok(count), true) = (u32::try_from(count), count <= most as u64) else {
        return Err(DecodeError::Malformed { what: "elements" });
    };
    let stamp = source.stamps.stamp(source.input)?;
    let first = source.input.varint_u32("element")?;
    let foreign = match has(flag::SLOT) {
        true => Some(read_slot(has(flag::FRONT), source.input, source.stamps)?),
        false => None,
    };
    let mut run = Vec::with_capacity(count.min(1_024) as usize);
    for index in (0..count).map(|offset| first.saturating_add(offset)) {
        let own = if has(flag::FRONT) {
            Slot::Front(stamp, index)
        } else {
            Slot::Back(stamp, index)
        };
        let value = match has(flag::HIDDEN) {
            true => read_value(source.input, source.record, "element")?,
            false => Value::Null,
        };
        let unique = has(flag::UNIQUE);
        let slot = foreign.unwrap_or(own);
        run.push((
            Element {
                slot,
                stamp,
                index,
                unique,
                value,
            },
            has(flag::HIDDEN),
        ));
    }
    Ok(run)
}
