//! Figures about the numbers of an array. Nulls are left out.

use antipode_value::{Array, Value, compare};

use super::argument::{number, whole};
use super::{CallContext, Function, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "MIN",
        1,
        1,
        min,
        "MIN(array): the smallest element of any type.\n\
         - array: array; nulls do not count\n\
         > any\n\
         ! What is no array is warning 1563 and null.\n\
         MIN([5, null, \"a\", -2]) // -2",
    ),
    pure(
        "MAX",
        1,
        1,
        max,
        "MAX(array): the largest element of any type.\n\
         - array: array; nulls do not count\n\
         > any\n\
         ! What is no array is warning 1563 and null.\n\
         MAX([5, null, \"a\"]) // \"a\"",
    ),
    pure(
        "SUM",
        1,
        1,
        sum,
        "SUM(array): the sum; null if an element is no number.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number makes the result null, without a warning.\n\
         SUM([1, 2, null]) // 3\n\
         SUM([1, \"2\"]) // null",
    ),
    pure(
        "PRODUCT",
        1,
        1,
        product,
        "PRODUCT(array): the product; null if an element is no number.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number makes the result null, without a warning.\n\
         PRODUCT([2, 3, null]) // 6",
    ),
    pure(
        "AVERAGE",
        1,
        1,
        average,
        "AVERAGE(array): the arithmetic mean.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array, and an element that is no number, is warning 1563 and null.\n\
         AVERAGE([5, 2, 9, 2]) // 4.5",
    ),
    pure(
        "AVG",
        1,
        1,
        average,
        "AVG(array): the same as AVERAGE.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array, and an element that is no number, is warning 1563 and null.\n\
         AVG([null]) // null",
    ),
    pure(
        "MEDIAN",
        1,
        1,
        median,
        "MEDIAN(array): the middle of the sorted numbers.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         MEDIAN([4, 2, 3, 1]) // 2.5",
    ),
    pure(
        "PERCENTILE",
        2,
        3,
        percentile,
        "PERCENTILE(array, p, method): the number below which p percent lie; method \"rank\" or \"interpolation\".\n\
         - array: array of numbers; nulls do not count\n\
         - p: number above 0 and up to 100\n\
         - method: \"rank\" or \"interpolation\", rank if left out\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null. Another p or method is warning 1542 and null.\n\
         PERCENTILE([1, 2, 3, 4], 50, \"interpolation\") // 2.5",
    ),
    pure(
        "VARIANCE_POPULATION",
        1,
        1,
        variance_population,
        "VARIANCE_POPULATION(array): variance of all.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         VARIANCE_POPULATION([1, 3]) // 1",
    ),
    pure(
        "VARIANCE",
        1,
        1,
        variance_population,
        "VARIANCE(array): the same as VARIANCE_POPULATION.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         VARIANCE([]) // null",
    ),
    pure(
        "VARIANCE_SAMPLE",
        1,
        1,
        variance_sample,
        "VARIANCE_SAMPLE(array): variance estimated from a sample.\n\
         - array: array of numbers; nulls do not count; at least two\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         VARIANCE_SAMPLE([1, 3, 5]) // 4",
    ),
    pure(
        "STDDEV_POPULATION",
        1,
        1,
        stddev_population,
        "STDDEV_POPULATION(array): standard deviation of all.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         STDDEV_POPULATION([1, 3]) // 1",
    ),
    pure(
        "STDDEV",
        1,
        1,
        stddev_population,
        "STDDEV(array): the same as STDDEV_POPULATION.\n\
         - array: array of numbers; nulls do not count\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         STDDEV([1, 1]) // 0",
    ),
    pure(
        "STDDEV_SAMPLE",
        1,
        1,
        stddev_sample,
        "STDDEV_SAMPLE(array): standard deviation estimated from a sample.\n\
         - array: array of numbers; nulls do not count; at least two\n\
         > number or null\n\
         ! What is no array is warning 1563 and null. An element that is no number is warning 1561 and null.\n\
         STDDEV_SAMPLE([1, 3, 5]) // 2",
    ),
];

fn min(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    // Of equal elements the first is taken.
    array
        .iter()
        .filter(|item| !item.is_null())
        .min_by(compare)
        .unwrap_or_default()
}

fn max(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    array
        .iter()
        .rev()
        .filter(|item| !item.is_null())
        .max_by(compare)
        .unwrap_or_default()
}

/// Combines all numbers, in integers as long as they fit; null if an element is no number.
fn accumulate(
    array: &Array,
    start: i64,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Value {
    let mut total = Value::Int(start);
    for item in array {
        if item.is_null() {
            continue;
        }
        let (Some(so_far), Some(next)) = (number(&total), number(&item)) else {
            return Value::Null;
        };
        let exact = match (&total, &item) {
            (Value::Int(so_far), Value::Int(next)) => ints(*so_far, *next),
            _ => None,
        };
        total = exact.map_or_else(|| Value::float(floats(so_far, next)), Value::Int);
    }
    total
}

fn sum(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match context.array_or_warn(&arguments[0]) {
        Some(array) => accumulate(array, 0, i64::checked_add, |a, b| a + b),
        None => Value::Null,
    }
}

fn product(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match context.array_or_warn(&arguments[0]) {
        Some(array) => accumulate(array, 1, i64::checked_mul, |a, b| a * b),
        None => Value::Null,
    }
}

/// The numbers of an array without its nulls; `None` if an element is something else.
fn numbers(array: &Array) -> Option<Vec<f64>> {
    let values = array.iter().filter(|item| !item.is_null());
    values.map(|item| number(&item)).collect()
}

/// The numbers of the first argument in ascending order; warns of what is no array or no number.
fn sorted_numbers(context: &mut CallContext<'_>, value: &Value) -> Option<Vec<f64>> {
    let array = context.array_or_warn(value)?;
    let Some(mut numbers) = numbers(array) else {
        context.not_a_number();
        return None;
    };
    numbers.sort_by(f64::total_cmp);
    Some(numbers)
}

fn average(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(array) = context.array_or_warn(&arguments[0]) else {
        return Value::Null;
    };
    let Some(numbers) = numbers(array) else {
        return context.not_an_array();
    };
    if numbers.is_empty() {
        return Value::Null;
    }
    whole(numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn median(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(sorted) = sorted_numbers(context, &arguments[0]) else {
        return Value::Null;
    };
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => Value::Null,
        (Some(upper), 1) => whole(*upper),
        (Some(upper), _) => whole((sorted[middle - 1] + upper) / 2.0),
    }
}

fn percentile(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if context.array_or_warn(&arguments[0]).is_none() {
        return Value::Null;
    }
    let p = match number(&arguments[1]) {
        Some(p) if p > 0.0 && p <= 100.0 => p,
        _ => return context.wrong_type(),
    };
    let interpolate = match arguments.get(2).map(Value::as_str) {
        None | Some(Some("rank")) => false,
        Some(Some("interpolation")) => true,
        Some(_) => return context.wrong_type(),
    };
    let Some(sorted) = sorted_numbers(context, &arguments[0]) else {
        return Value::Null;
    };
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Value::Null;
    };
    if sorted.len() == 1 {
        return whole(*first);
    }
    let count = sorted.len() as f64;
    if !interpolate {
        // A tiny share of few numbers may vanish in the product; the first number is the least rank there is.
        let rank = (p * count / 100.0).ceil().max(1.0);
        return sorted
            .get(rank as usize - 1)
            .map_or(Value::Null, |number| whole(*number));
    }
    // Positions count from 1: the k-th number and the share of the way to the next.
    let position = p * (count + 1.0) / 100.0;
    let k = position.floor();
    if k >= count {
        return whole(*last);
    }
    if k <= 0.0 {
        return Value::Null;
    }
    let (below, above) = (sorted[k as usize - 1], sorted[k as usize]);
    whole(below + (position - k) * (above - below))
}

/// Count of the numbers and sum of their squared distances from the mean, after Welford.
fn spread(context: &mut CallContext<'_>, arguments: &[Value]) -> Option<(f64, f64)> {
    let array = context.array_or_warn(&arguments[0])?;
    let Some(numbers) = numbers(array) else {
        context.not_a_number();
        return None;
    };
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for number in numbers {
        count += 1.0;
        let distance = number - mean;
        mean += distance / count;
        squares += distance * (number - mean);
    }
    Some((count, squares))
}

/// The variance with `lost` degrees of freedom, if there are numbers enough.
fn variance(context: &mut CallContext<'_>, arguments: &[Value], lost: f64) -> Option<f64> {
    let (count, squares) = spread(context, arguments)?;
    (count > lost).then(|| squares / (count - lost))
}

fn variance_population(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    variance(context, arguments, 0.0).map_or(Value::Null, whole)
}

fn variance_sample(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    variance(context, arguments, 1.0).map_or(Value::Null, whole)
}

fn stddev_population(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    variance(context, arguments, 0.0).map_or(Value::Null, |variance| whole(variance.sqrt()))
}

fn stddev_sample(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    variance(context, arguments, 1.0).map_or(Value::Null, |variance| whole(variance.sqrt()))
}
