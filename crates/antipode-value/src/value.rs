//! `Value`: a JSON value as C8QL computes with it, its casts and its access by name and position.

use crate::{Array, Object, Str, number};

/// A JSON value. Clones are cheap: everything larger than a few words is shared.
///
/// A `Float` is always finite: `NaN` and the infinities never exist as values, and [`Value::float`] turns them into
/// `Null`. Whoever writes `Value::Float(x)` answers for `x` being finite.
///
/// `==` is C8QL's equality: `1 == 1.0`, and missing elements or attributes equal null. See [`crate::compare`] for the
/// order, and [`crate::identical`] for exact sameness.
#[derive(Clone, Default)]
pub enum Value {
    /// null; also what missing attributes and elements read as.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A number held as 64-bit signed integer.
    Int(i64),
    /// A number held as double; always finite.
    Float(f64),
    /// A text.
    String(Str),
    /// An array; ranges are arrays too.
    Array(Array),
    /// An object.
    Object(Object),
}

impl Value {
    /// The empty string.
    pub const EMPTY_STRING: Value = Value::String(Str::EMPTY);

    /// A number; `Null` for NaN and the infinities, which are never values.
    pub fn float(float: f64) -> Value {
        if float.is_finite() {
            Value::Float(float)
        } else {
            Value::Null
        }
    }

    /// An array of the given elements.
    pub fn array<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
        Value::Array(items.into_iter().collect())
    }

    /// An object of the given attributes; of two with the same name the last wins.
    pub fn object<N: Into<Str>, V: Into<Value>>(pairs: impl IntoIterator<Item = (N, V)>) -> Value {
        Value::Object(pairs.into_iter().collect())
    }

    /// The type's name: `null`, `bool`, `number`, `string`, `array` or `object`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The type's place in the order of types: null < bool < number < string < array < object.
    pub fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) => 2,
            Value::String(_) => 3,
            Value::Array(_) => 4,
            Value::Object(_) => 5,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether this is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Float(_))
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The integer: an `Int`, or a `Float` that is a whole number in its range.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(*int),
            Value::Float(float) => number::exact_int(*float),
            _ => None,
        }
    }

    /// The number as double (an `Int` is rounded to the nearest), if this is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The array, if this is one.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The packed bytes of an array or object that is nothing but a slice of them: its canonical bytes, at no cost.
    pub fn packed_bytes(&self) -> Option<&bytes::Bytes> {
        match self {
            Value::Array(array) => array.packed(),
            Value::Object(object) => object.packed(),
            _ => None,
        }
    }

    /// TO_BOOL: false for null, false, 0 and the empty string, else true.
    pub fn truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(bool) => *bool,
            Value::Int(int) => *int != 0,
            Value::Float(float) => *float != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }

    /// TO_NUMBER: an `Int` or a `Float`; 0 for what is no number.
    pub fn to_number(&self) -> Value {
        match self {
            Value::Int(_) | Value::Float(_) => self.clone(),
            Value::Bool(true) => Value::Int(1),
            Value::Null | Value::Bool(false) | Value::Object(_) => Value::Int(0),
            Value::String(text) => number::parse(text.trim()).unwrap_or(Value::Int(0)),
            Value::Array(array) if array.len() == 1 => {
                array.get(0).map_or(Value::Int(0), |only| only.to_number())
            }
            Value::Array(_) => Value::Int(0),
        }
    }

    /// TO_NUMBER as a double.
    pub fn to_float(&self) -> f64 {
        self.to_number().as_float().unwrap_or(0.0)
    }

    /// TO_NUMBER truncated toward zero; beyond the integers their last one on that side.
    pub fn to_int(&self) -> i64 {
        match self.to_number() {
            Value::Int(int) => int,
            Value::Float(float) => float as i64,
            _ => 0,
        }
    }

    /// TO_STRING: text of scalars, compact JSON of arrays and objects; a whole number has no fraction.
    pub fn to_text(&self) -> Str {
        match self {
            Value::Null => Str::EMPTY,
            Value::Bool(true) => Str::from_static("true"),
            Value::Bool(false) => Str::from_static("false"),
            Value::String(text) => text.clone(),
            Value::Int(_) | Value::Float(_) | Value::Array(_) | Value::Object(_) => {
                Str::from(self.to_json())
            }
        }
    }

    /// Attribute `name`; null where there is none, or this is no object.
    pub fn attribute(&self, name: &str) -> Value {
        match self {
            Value::Object(object) => object.get(name).unwrap_or_default(),
            _ => Value::Null,
        }
    }

    /// `self[key]`: an element of an array by number (truncated; negative counts from the end) or numeric string, an
    /// attribute of an object by string or number; null otherwise.
    pub fn index(&self, key: &Value) -> Value {
        match (self, key) {
            (Value::Object(object), Value::String(name)) => object.get(name).unwrap_or_default(),
            (Value::Object(object), Value::Int(_) | Value::Float(_)) => {
                object.get(&key.to_text()).unwrap_or_default()
            }
            (Value::Array(array), Value::Int(_) | Value::Float(_)) => at(array, key.to_int()),
            (Value::Array(array), Value::String(text)) => {
                match number::parse(text.trim()).and_then(|number| number.as_int()) {
                    Some(position) => at(array, position),
                    None => Value::Null,
                }
            }
            _ => Value::Null,
        }
    }

    /// Bytes of memory that this value holds on to, itself included (shared parts count in full, and ranges inside as if
    /// written out). Costs nothing, however large the value is.
    pub fn memory_bytes(&self) -> usize {
        let beside: usize = match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
            Value::String(text) => text.heap_bytes(),
            Value::Array(array) => array.heap_bytes(),
            Value::Object(object) => object.heap_bytes(),
        };
        beside.saturating_add(size_of::<Value>())
    }

    /// As [`Value::memory_bytes`], but a range counts as if it were written out: about what a copy would take. Costs
    /// nothing, however large the value is.
    pub fn written_bytes(&self) -> usize {
        match self {
            Value::Array(array) => array.written_bytes().saturating_add(size_of::<Value>()),
            other => other.memory_bytes(),
        }
    }

    /// Levels of arrays and objects: 0 for a scalar, 1 for an array of scalars. Packed bytes count as the deepest that
    /// may be stored. Costs nothing.
    pub fn depth(&self) -> u32 {
        match self {
            Value::Array(array) => array.depth(),
            Value::Object(object) => object.depth(),
            _ => 0,
        }
    }
}

/// The nesting that packed bytes are taken to have, which they are never searched for: what is stored may have so much.
pub(crate) const PACKED_DEPTH: u32 = 200;

/// The element at `position`, which counts from the end where it is negative.
fn at(array: &Array, position: i64) -> Value {
    let position = match usize::try_from(position) {
        Ok(position) => Some(position),
        Err(_) => usize::try_from(position.unsigned_abs())
            .ok()
            .and_then(|from_end| array.len().checked_sub(from_end)),
    };
    position
        .and_then(|position| array.get(position))
        .unwrap_or_default()
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_json_exact())
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Value {
        Value::Bool(bool)
    }
}

macro_rules! from_int {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(int: $int) -> Value {
                Value::Int(i64::from(int))
            }
        }
    )*};
}
from_int!(i8, i16, i32, i64, u8, u16, u32);

macro_rules! from_large_int {
    ($($int:ty),*) => {$(
        /// Beyond the 64-bit signed integers the number becomes a double, as in JSON.
        impl From<$int> for Value {
            fn from(int: $int) -> Value {
                i64::try_from(int).map_or(Value::Float(int as f64), Value::Int)
            }
        }
    )*};
}
from_large_int!(u64, usize, isize);

/// `Null` for NaN and the infinities, see [`Value::float`].
impl From<f64> for Value {
    fn from(float: f64) -> Value {
        Value::float(float)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(Str::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(Str::from(text))
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Value {
        Value::String(text)
    }
}

impl From<&Str> for Value {
    fn from(text: &Str) -> Value {
        Value::String(text.clone())
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Value {
        Value::Array(array)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object)
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Value {
        value.clone()
    }
}

impl From<()> for Value {
    fn from((): ()) -> Value {
        Value::Null
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Value {
        Value::array(items)
    }
}
