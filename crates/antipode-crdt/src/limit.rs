//! Limits of one write.

use antipode_value::{Value, layout};

/// How many arrays and objects stand inside one another in `value`; 0 for a scalar. What is deeper than anything that may
/// be stored counts as just that, so this never recurses further.
pub(crate) fn nesting_of(value: &Value) -> usize {
    nesting(value, layout::NESTING_MAX + 1)
}

fn nesting(value: &Value, left: usize) -> usize {
    if left == 0 {
        return 0;
    }
    let below = match value {
        Value::Array(array) if array.as_range().is_some() => 0,
        Value::Array(array) => array
            .iter()
            .map(|item| nesting(&item, left - 1))
            .max()
            .unwrap_or(0),
        Value::Object(object) => object
            .iter()
            .map(|(_, item)| nesting(&item, left - 1))
            .max()
            .unwrap_or(0),
        _ => return 0,
    };
    below + 1
}
