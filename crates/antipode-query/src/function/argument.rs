//! What functions do with their arguments again and again.

use antipode_value::{Array, Value};

use super::CallContext;
use crate::error::Code;

/// Argument `position`, null where it was left out.
pub(super) fn optional(arguments: &[Value], position: usize) -> &Value {
    arguments.get(position).unwrap_or(&Value::Null)
}

/// The number as an integer where it is one that doubles hold exactly, else as it is; null if it is not finite.
pub(super) fn whole(number: f64) -> Value {
    // Beyond 2^53 a double stands for many integers, and none of them should be claimed.
    if number.trunc() == number && number.abs() < 9_007_199_254_740_992.0 {
        Value::Int(number as i64)
    } else {
        Value::float(number)
    }
}

/// The number truncated toward zero, if the value is a number.
pub(super) fn truncated(value: &Value) -> Option<i64> {
    value.is_number().then(|| value.to_int())
}

/// A double that is a number already; no cast.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float()
}

impl CallContext<'_> {
    /// Warning 1563, an array was expected; gives `null`.
    pub(super) fn not_an_array(&mut self) -> Value {
        let message = format!("array expected in call to function '{}()'", self.name);
        self.warn(Code::ArrayExpected, message);
        Value::Null
    }

    /// Warning 1561, a value that cannot be computed with; gives `null`.
    pub(super) fn not_a_number(&mut self) -> Value {
        let message = format!(
            "invalid arithmetic value in call to function '{}()'",
            self.name
        );
        self.warn(Code::InvalidArithmeticValue, message);
        Value::Null
    }

    /// The argument as an array, or warning 1563.
    pub(super) fn array_or_warn<'v>(&mut self, value: &'v Value) -> Option<&'v Array> {
        let array = value.as_array();
        if array.is_none() {
            self.not_an_array();
        }
        array
    }

    /// All arguments as arrays, or warning 1542.
    pub(super) fn arrays_or_wrong_type<'v>(
        &mut self,
        values: &'v [Value],
    ) -> Option<Vec<&'v Array>> {
        let arrays: Option<Vec<_>> = values.iter().map(Value::as_array).collect();
        if arrays.is_none() {
            self.wrong_type();
        }
        arrays
    }
}
