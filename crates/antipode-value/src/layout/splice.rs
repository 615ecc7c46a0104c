//! A packed object with some attributes exchanged, without taking the others apart.

use super::{Limits, encode_within, packed, tag};
use crate::{Str, Value};

/// The canonical bytes of the packed `object` with `changes` made: attributes set to a value, or taken away (`None`).
/// `changes` are sorted by name. Attributes that do not change are copied as they are. `None` if the bytes are no packed
/// object, or the changes are not in order.
///
/// Sizes are not limited: what merges make of a stored object may be larger than one write.
#[must_use]
pub fn with_attributes(object: &[u8], changes: &[(Str, Option<Value>)]) -> Option<Vec<u8>> {
    let old = packed::Container::open_object(object)?;
    if !changes.is_sorted_by(|a, b| a.0 < b.0) {
        return None;
    }
    let mut entries = Entries {
        content: Vec::with_capacity(object.len() + 64),
        ends: Vec::with_capacity(old.count() + changes.len()),
    };
    let mut changes = changes.iter().peekable();
    for position in 0..old.count() {
        let (name, value) = old.entry(position)?;
        let entry = old.range(position)?.start..value.end;
        let name = object.get(name)?;
        let mut is_replaced = false;
        while let Some((changed, value)) =
            changes.next_if(|(changed, _)| changed.as_bytes() <= name)
        {
            is_replaced |= changed.as_bytes() == name;
            entries.set(changed, value.as_ref())?;
        }
        if !is_replaced {
            entries.content.extend_from_slice(object.get(entry)?);
            entries.ends.push(entries.content.len());
        }
    }
    for (changed, value) in changes {
        entries.set(changed, value.as_ref())?;
    }
    Some(entries.into_object())
}

/// Entries of an object that is being put together, in order.
struct Entries {
    content: Vec<u8>,
    ends: Vec<usize>,
}

impl Entries {
    fn set(&mut self, name: &Str, value: Option<&Value>) -> Option<()> {
        let Some(value) = value else {
            return Some(());
        };
        let limits = Limits {
            nesting: usize::MAX,
            bytes: usize::MAX,
        };
        let mut varint = [0; packed::VARINT_BYTES_MAX];
        let length = packed::write_varint(name.len(), &mut varint);
        self.content.extend_from_slice(varint.get(..length)?);
        self.content.extend_from_slice(name.as_bytes());
        match value.packed_bytes() {
            Some(bytes) => self.content.extend_from_slice(bytes),
            None => self.content.extend(encode_within(value, limits).ok()?),
        }
        self.ends.push(self.content.len());
        Some(())
    }

    fn into_object(self) -> Vec<u8> {
        let (width_tag, width) = packed::width_for(self.content.len());
        let mut out = Vec::with_capacity(1 + (self.ends.len() + 1) * width + self.content.len());
        out.push(tag::OBJECT + width_tag);
        if !self.ends.is_empty() {
            for number in std::iter::once(self.ends.len()).chain(self.ends) {
                out.extend(number.to_le_bytes().iter().take(width));
            }
        }
        out.extend(self.content);
        out
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::layout::{encode, verify};

    fn json(text: &str) -> Value {
        Value::from_json(text).unwrap()
    }

    #[test]
    fn a_spliced_object_has_the_bytes_of_one_encoded_anew() {
        let long = format!(r#"{{"b":"{}","d":[1,{{"x":2}}]}}"#, "long ".repeat(60));
        let objects = [
            "{}",
            r#"{"b":1}"#,
            r#"{"a":1,"b":{"x":[1,2]},"c":null,"e":2.5}"#,
            &long,
        ];
        let values = [
            None,
            Some(json("7")),
            Some(json(r#"{"z":1,"a":[]}"#)),
            Some(json(&long)),
        ];
        for object in objects {
            let object = json(object);
            let bytes = encode(&object).unwrap();
            for first in &values {
                for second in &values {
                    let changes = [
                        (Str::from("b"), first.clone()),
                        (Str::from("d"), second.clone()),
                    ];
                    let mut expected = object.as_object().unwrap().clone();
                    for (name, value) in &changes {
                        expected = match value {
                            Some(value) => expected.with(name.clone(), value.clone()),
                            None => expected.without(name),
                        };
                    }
                    let spliced = with_attributes(&bytes, &changes).unwrap();
                    assert_eq!(spliced, encode(&Value::Object(expected)).unwrap());
                    verify(&spliced, Limits::default()).unwrap();
                    // Values that are packed already are taken as they are.
                    let packed = Value::from_packed_unverified(Bytes::from(spliced));
                    let nested = [(Str::from("n"), Some(packed))];
                    let outer = with_attributes(&bytes, &nested).unwrap();
                    verify(&outer, Limits::default()).unwrap();
                }
            }
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bytes in [&b""[..], &[0x00], &[0x08], &[0x0C, 9]] {
            assert_eq!(with_attributes(bytes, &[]), None);
        }
        let unsorted = [(Str::from("b"), None), (Str::from("a"), None)];
        assert_eq!(with_attributes(&[0x0C], &unsorted), None);
    }
}
