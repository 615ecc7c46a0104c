//! `Array`: an immutable sequence of values, cheap to clone.
//!
//! Three forms behind one type: owned values behind a reference count, a slice of packed bytes that is read in place
//! (see [`crate::layout`]), and a range of integers that is never written out.

use std::sync::Arc;

use bytes::Bytes;

use crate::Value;
use crate::layout::packed;
use crate::value::PACKED_DEPTH;

/// An immutable array of values, cheap to clone.
#[derive(Clone)]
pub struct Array(Repr);

#[derive(Clone)]
enum Repr {
    Owned(Arc<Owned>),
    // Begins with the array's tag byte and ends with its last element.
    Packed(Bytes),
}

enum Owned {
    Items {
        items: Vec<Value>,
        // Of all elements together, and of the deepest: sums that are made once, so that values which share parts of
        // parts are measured without going through them all.
        bytes: usize,
        depth: u32,
    },
    // Both ends belong to the range; it descends if first > last.
    Range {
        first: i64,
        last: i64,
    },
}

impl Array {
    /// An array of the given values.
    pub fn from_vec(items: Vec<Value>) -> Array {
        let (mut bytes, mut depth) = (0_usize, 0);
        for item in &items {
            bytes = bytes.saturating_add(item.written_bytes());
            depth = depth.max(item.depth());
        }
        Array(Repr::Owned(Arc::new(Owned::Items {
            items,
            bytes,
            depth,
        })))
    }

    /// The integers from `first` to `last`, both included, descending if `first > last`. Takes no memory per element.
    pub fn range(first: i64, last: i64) -> Array {
        Array(Repr::Owned(Arc::new(Owned::Range { first, last })))
    }

    /// An array over packed bytes, which begin with an array's tag.
    pub(crate) fn from_packed(bytes: Bytes) -> Array {
        Array(Repr::Packed(bytes))
    }

    /// The packed bytes, if this array is a slice of them.
    pub(crate) fn packed(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Packed(bytes) => Some(bytes),
            Repr::Owned(_) => None,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(bytes) => packed::count(bytes),
            Repr::Owned(owned) => match &**owned {
                Owned::Items { items, .. } => items.len(),
                Owned::Range { first, last } => {
                    usize::try_from(first.abs_diff(*last).saturating_add(1)).unwrap_or(usize::MAX)
                }
            },
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `position`, counted from 0.
    pub fn get(&self, position: usize) -> Option<Value> {
        match &self.0 {
            Repr::Packed(bytes) => packed::element(bytes, position),
            Repr::Owned(owned) => match &**owned {
                Owned::Items { items, .. } => items.get(position).cloned(),
                Owned::Range { first, last } => range_element(*first, *last, position),
            },
        }
    }

    /// The elements as a slice, where they are held as values.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match &self.0 {
            Repr::Owned(owned) => match &**owned {
                Owned::Items { items, .. } => Some(items),
                Owned::Range { .. } => None,
            },
            Repr::Packed(_) => None,
        }
    }

    /// The ends of the range, if this array is one that was never written out.
    pub fn as_range(&self) -> Option<(i64, i64)> {
        match &self.0 {
            Repr::Owned(owned) => match &**owned {
                Owned::Range { first, last } => Some((*first, *last)),
                Owned::Items { .. } => None,
            },
            Repr::Packed(_) => None,
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> ArrayIter<'_> {
        ArrayIter {
            array: self,
            front: 0,
            back: self.len(),
        }
    }

    /// The elements as a vector of their own.
    pub fn to_vec(&self) -> Vec<Value> {
        match self.as_slice() {
            Some(items) => items.to_vec(),
            None => self.iter().collect(),
        }
    }

    /// Bytes of memory that this array holds on to beside the value itself, its elements included.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Packed(bytes) => bytes.len(),
            Repr::Owned(owned) => match &**owned {
                Owned::Items { bytes, .. } => bytes.saturating_add(size_of::<Owned>()),
                Owned::Range { .. } => size_of::<Owned>(),
            },
        }
    }

    /// As [`Array::heap_bytes`], but a range counts as if it were written out.
    pub fn written_bytes(&self) -> usize {
        match self.as_range() {
            Some(_) => self.len().saturating_mul(size_of::<Value>()),
            None => self.heap_bytes(),
        }
    }

    /// Levels of nesting, see [`Value::depth`].
    pub fn depth(&self) -> u32 {
        match &self.0 {
            Repr::Packed(_) => PACKED_DEPTH,
            Repr::Owned(owned) => match &**owned {
                Owned::Items { depth, .. } => depth.saturating_add(1),
                Owned::Range { .. } => 1,
            },
        }
    }
}

fn range_element(first: i64, last: i64, position: usize) -> Option<Value> {
    let offset = u64::try_from(position).ok()?;
    if offset > first.abs_diff(last) {
        return None;
    }
    let element = if first <= last {
        first.checked_add_unsigned(offset)
    } else {
        first.checked_sub_unsigned(offset)
    };
    element.map(Value::Int)
}

impl Default for Array {
    fn default() -> Array {
        Array::from_vec(Vec::new())
    }
}

impl From<Vec<Value>> for Array {
    fn from(items: Vec<Value>) -> Array {
        Array::from_vec(items)
    }
}

impl<T: Into<Value>> FromIterator<T> for Array {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Array {
        Array::from_vec(items.into_iter().map(Into::into).collect())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = Value;
    type IntoIter = ArrayIter<'a>;
    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// The elements of an array, in order.
pub struct ArrayIter<'a> {
    array: &'a Array,
    front: usize,
    back: usize,
}

impl Iterator for ArrayIter<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.front >= self.back {
            return None;
        }
        let position = self.front;
        self.front += 1;
        // A damaged element reads as null, so that the others keep their places.
        Some(self.array.get(position).unwrap_or_default())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for ArrayIter<'_> {
    fn next_back(&mut self) -> Option<Value> {
        if self.front >= self.back {
            return None;
        }
        self.back -= 1;
        Some(self.array.get(self.back).unwrap_or_default())
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_ascend_and_descend_and_reach_the_ends_of_the_integers() {
        let up: Vec<_> = Array::range(2, 4).iter().collect();
        assert_eq!(up, [Value::Int(2), Value::Int(3), Value::Int(4)]);
        let down: Vec<_> = Array::range(1, -1).iter().collect();
        assert_eq!(down, [Value::Int(1), Value::Int(0), Value::Int(-1)]);
        let all = Array::range(i64::MIN, i64::MAX);
        assert_eq!(all.get(0), Some(Value::Int(i64::MIN)));
        assert_eq!(all.len(), usize::MAX);
        assert_eq!(Array::range(7, 7).get(1), None);
    }

    #[test]
    fn the_iterator_walks_from_both_ends() {
        let array: Array = [1, 2, 3].into_iter().collect();
        let mut iter = array.iter();
        assert_eq!(iter.len(), 3);
        assert_eq!(iter.next_back(), Some(Value::Int(3)));
        assert_eq!(iter.next(), Some(Value::Int(1)));
        assert_eq!(iter.next(), Some(Value::Int(2)));
        assert_eq!(iter.next(), None);
        assert_eq!(iter.next_back(), None);
    }
}
