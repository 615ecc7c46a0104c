//! `Object`: an immutable set of named values, cheap to clone.
//!
//! Three forms behind one type: an owned list in insertion order behind a reference count, a slice of packed bytes that
//! is read in place (sorted by name, see [`crate::layout`]), and such a slice with a few attributes laid over it, so
//! that a stored body can show `_key`, `_id` and `_rev` without being unpacked.

use std::sync::Arc;

use bytes::Bytes;

use crate::layout::packed;
use crate::value::PACKED_DEPTH;
use crate::{Str, Value};

/// An object with more attributes than this is searched through an index of its names, a smaller one from end to end.
const LINEAR_SEARCH_MAX: usize = 12;

/// An immutable object, cheap to clone. Names are unique; their order carries no meaning but is kept.
#[derive(Clone)]
pub struct Object(Repr);

#[derive(Clone)]
enum Repr {
    Owned(Arc<Owned>),
    // Begins with the object's tag byte and ends with its last value.
    Packed(Bytes),
}

enum Owned {
    Map(Map),
    // Attributes of `front` come first, and hide those of the same name in `body`.
    Overlay { front: Map, body: Bytes },
}

struct Map {
    pairs: Vec<(Str, Value)>,
    // Positions in `pairs`, sorted by name; empty for small objects.
    by_name: Vec<u32>,
    // Of all attributes together, and of the deepest; see `Array`.
    bytes: usize,
    depth: u32,
}

/// The attributes of a map, each name once, and their positions by name.
type Arranged = (Vec<(Str, Value)>, Vec<u32>);

impl Object {
    /// An object of the given attributes, in their order; of two with the same name the last value wins, at the place
    /// of the first.
    pub fn from_pairs(pairs: Vec<(Str, Value)>) -> Object {
        Object(Repr::Owned(Arc::new(Owned::Map(Map::new(pairs)))))
    }

    /// `body` with the attributes of `front` before its own, hiding those of the same name. A packed body stays packed.
    pub fn overlay(front: Vec<(Str, Value)>, body: &Object) -> Object {
        match &body.0 {
            Repr::Packed(bytes) => Object(Repr::Owned(Arc::new(Owned::Overlay {
                front: Map::new(front),
                body: bytes.clone(),
            }))),
            Repr::Owned(_) => {
                let front = Map::new(front);
                let rest = body.iter().filter(|(name, _)| front.find(name).is_none());
                let rest: Vec<_> = rest.collect();
                Object::from_pairs(front.pairs.into_iter().chain(rest).collect())
            }
        }
    }

    /// An object over packed bytes, which begin with an object's tag.
    pub(crate) fn from_packed(bytes: Bytes) -> Object {
        Object(Repr::Packed(bytes))
    }

    /// The packed bytes, if this object is nothing but a slice of them.
    pub(crate) fn packed(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Packed(bytes) => Some(bytes),
            Repr::Owned(_) => None,
        }
    }

    /// Number of attributes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(bytes) => packed::count(bytes),
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => map.pairs.len(),
                Owned::Overlay { front, body } => {
                    let names = front.pairs.iter();
                    let hidden = names.filter(|(name, _)| packed::attribute(body, name).is_some());
                    front.pairs.len() + packed::count(body) - hidden.count()
                }
            },
        }
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of attribute `name`.
    pub fn get(&self, name: &str) -> Option<Value> {
        match &self.0 {
            Repr::Packed(bytes) => packed::attribute(bytes, name),
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => map.find(name).cloned(),
                Owned::Overlay { front, body } => match front.find(name) {
                    Some(value) => Some(value.clone()),
                    None => packed::attribute(body, name),
                },
            },
        }
    }

    /// Whether there is an attribute `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The attributes as a slice, where they are held as values.
    pub fn as_slice(&self) -> Option<&[(Str, Value)]> {
        match &self.0 {
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => Some(&map.pairs),
                Owned::Overlay { .. } => None,
            },
            Repr::Packed(_) => None,
        }
    }

    /// The attributes, in the object's order: that of insertion, or of the names' bytes where it was read from storage.
    pub fn iter(&self) -> ObjectIter<'_> {
        let (front, body): (&[_], _) = match &self.0 {
            Repr::Packed(bytes) => (&[], Some(bytes)),
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => (&map.pairs, None),
                Owned::Overlay { front, body } => (&front.pairs, Some(body)),
            },
        };
        ObjectIter {
            front,
            front_position: 0,
            body,
            body_position: 0,
            body_count: body.map_or(0, |body| packed::count(body)),
        }
    }

    /// The names of the attributes, in the object's order.
    pub fn keys(&self) -> impl Iterator<Item = Str> + '_ {
        self.iter().map(|(name, _)| name)
    }

    /// The values of the attributes, in the object's order.
    pub fn values(&self) -> impl Iterator<Item = Value> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// This object with attribute `name` set to `value`: in its place if it exists, else at the end.
    pub fn with(&self, name: impl Into<Str>, value: impl Into<Value>) -> Object {
        let pairs = self.iter().chain([(name.into(), value.into())]);
        Object::from_pairs(pairs.collect())
    }

    /// This object without attribute `name`.
    pub fn without(&self, name: &str) -> Object {
        if !self.contains(name) {
            return self.clone();
        }
        let pairs = self.iter().filter(|(other, _)| other != name);
        Object::from_pairs(pairs.collect())
    }

    /// The attributes as a vector of their own.
    pub fn to_pairs(&self) -> Vec<(Str, Value)> {
        match self.as_slice() {
            Some(pairs) => pairs.to_vec(),
            None => self.iter().collect(),
        }
    }

    /// Bytes of memory that this object holds on to beside the value itself, its attributes included.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(bytes) => bytes.len(),
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => map.heap_bytes(),
                Owned::Overlay { front, body } => front.heap_bytes() + body.len(),
            },
        }
    }

    /// Levels of nesting, see [`Value::depth`].
    pub fn depth(&self) -> u32 {
        match &self.0 {
            Repr::Packed(_) => PACKED_DEPTH,
            Repr::Owned(owned) => match &**owned {
                Owned::Map(map) => map.depth.saturating_add(1),
                Owned::Overlay { front, .. } => front.depth.max(PACKED_DEPTH).saturating_add(1),
            },
        }
    }
}

impl Map {
    fn new(pairs: Vec<(Str, Value)>) -> Map {
        let (pairs, by_name) = Map::arranged(pairs);
        let (mut bytes, mut depth) = (0_usize, 0);
        for (name, value) in &pairs {
            let own = size_of::<Str>() + name.heap_bytes();
            bytes = bytes.saturating_add(value.written_bytes().saturating_add(own));
            depth = depth.max(value.depth());
        }
        Map {
            pairs,
            by_name,
            bytes,
            depth,
        }
    }

    fn arranged(pairs: Vec<(Str, Value)>) -> Arranged {
        // Sorted names, as merges and storage hand them over, need no search for equal ones.
        if pairs.is_sorted_by(|a, b| a.0 < b.0) {
            let indexed = if pairs.len() > LINEAR_SEARCH_MAX {
                pairs.len()
            } else {
                0
            };
            if let Ok(indexed) = u32::try_from(indexed) {
                let by_name = (0..indexed).collect();
                return (pairs, by_name);
            }
        }
        if pairs.len() <= LINEAR_SEARCH_MAX || u32::try_from(pairs.len()).is_err() {
            return Map::small(pairs);
        }
        let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
        let name = |position: &u32| &pairs[*position as usize].0;
        order.sort_by(|a, b| name(a).cmp(name(b)));
        if order.windows(2).all(|two| name(&two[0]) != name(&two[1])) {
            return (pairs, order);
        }
        // The sort is stable: in a run of one name the first position keeps the place, the last gives the value.
        let mut kept: Vec<(u32, u32)> = Vec::with_capacity(order.len());
        for position in order {
            match kept.last_mut() {
                Some((first, last)) if name(first) == name(&position) => *last = position,
                _ => kept.push((position, position)),
            }
        }
        kept.sort_unstable();
        let unique = kept.iter().map(|(first, last)| {
            (
                pairs[*first as usize].0.clone(),
                pairs[*last as usize].1.clone(),
            )
        });
        Map::arranged(unique.collect())
    }

    fn small(pairs: Vec<(Str, Value)>) -> Arranged {
        let mut unique: Vec<(Str, Value)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            match unique.iter_mut().find(|(other, _)| *other == name) {
                Some(pair) => pair.1 = value,
                None => unique.push((name, value)),
            }
        }
        (unique, Vec::new())
    }

    fn find(&self, name: &str) -> Option<&Value> {
        if self.by_name.is_empty() {
            let pair = self.pairs.iter().find(|(other, _)| other == name);
            return pair.map(|(_, value)| value);
        }
        // Positions come from enumerating `pairs`, which never changes.
        let place = self
            .by_name
            .binary_search_by(|position| self.pairs[*position as usize].0.as_str().cmp(name));
        place
            .ok()
            .map(|place| &self.pairs[self.by_name[place] as usize].1)
    }

    fn heap_bytes(&self) -> usize {
        self.bytes
            .saturating_add(size_of::<Owned>() + self.by_name.len() * size_of::<u32>())
    }
}

impl Default for Object {
    fn default() -> Object {
        Object::from_pairs(Vec::new())
    }
}

impl<N: Into<Str>, V: Into<Value>> FromIterator<(N, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Object {
        let pairs = pairs.into_iter();
        Object::from_pairs(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (Str, Value);
    type IntoIter = ObjectIter<'a>;
    fn into_iter(self) -> ObjectIter<'a> {
        self.iter()
    }
}

/// The attributes of an object, in its order.
pub struct ObjectIter<'a> {
    front: &'a [(Str, Value)],
    front_position: usize,
    body: Option<&'a Bytes>,
    body_position: usize,
    body_count: usize,
}

impl Iterator for ObjectIter<'_> {
    type Item = (Str, Value);

    fn next(&mut self) -> Option<(Str, Value)> {
        if let Some(pair) = self.front.get(self.front_position) {
            self.front_position += 1;
            return Some(pair.clone());
        }
        let body = self.body?;
        while self.body_position < self.body_count {
            let pair = packed::pair(body, self.body_position);
            self.body_position += 1;
            match pair {
                Some((name, _)) if self.front.iter().any(|(other, _)| *other == name) => {}
                Some(pair) => return Some(pair),
                // A damaged attribute has no name to show.
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(pairs: &[(&str, i64)]) -> Object {
        pairs.iter().copied().collect()
    }

    fn text(object: &Object) -> String {
        Value::Object(object.clone()).to_json()
    }

    #[test]
    fn the_last_of_equal_names_wins_at_the_place_of_the_first() {
        let small = object(&[("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(text(&small), r#"{"b":3,"a":2}"#);
        let names: Vec<String> = (0..40).map(|n| format!("n{}", 39 - n % 20)).collect();
        let pairs = names.iter().zip(0..);
        let large: Object = pairs.map(|(name, n)| (name.as_str(), n)).collect();
        assert_eq!(large.len(), 20);
        assert_eq!(
            large.iter().next(),
            Some((Str::from("n39"), Value::Int(20)))
        );
        assert_eq!(large.get("n20"), Some(Value::Int(39)));
        assert_eq!(large.get("n19"), None);
    }

    #[test]
    fn with_and_without_keep_the_other_attributes_in_order() {
        let object = object(&[("a", 1), ("b", 2)]);
        assert_eq!(text(&object.with("a", 9)), r#"{"a":9,"b":2}"#);
        assert_eq!(text(&object.with("c", 9)), r#"{"a":1,"b":2,"c":9}"#);
        assert_eq!(text(&object.without("a")), r#"{"b":2}"#);
        assert_eq!(text(&object.without("z")), r#"{"a":1,"b":2}"#);
    }

    #[test]
    fn an_overlay_hides_attributes_of_a_packed_body_and_of_an_owned_one() {
        let owned = object(&[("_rev", 1), ("a", 2)]);
        let bytes = crate::layout::encode(&Value::Object(owned.clone())).unwrap();
        let packed = match Value::from_packed(bytes.into()).unwrap() {
            Value::Object(object) => object,
            other => panic!("not an object: {other:?}"),
        };
        for body in [owned, packed] {
            let front = vec![
                (Str::from("_key"), Value::from("k")),
                (Str::from("_rev"), Value::from("r")),
            ];
            let shown = Object::overlay(front, &body);
            assert_eq!(text(&shown), r#"{"_key":"k","_rev":"r","a":2}"#);
            assert_eq!(shown.len(), 3);
            assert_eq!(shown.get("_rev"), Some(Value::from("r")));
            assert_eq!(shown.get("a"), Some(Value::Int(2)));
            assert_eq!(text(&shown.without("_rev")), r#"{"_key":"k","a":2}"#);
        }
    }
}
