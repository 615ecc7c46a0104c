//! Arrays as sets: what is in one, in all, in none. Equality is that of `==`; results keep the order of first
//! occurrence.

use std::collections::{HashMap, HashSet};

use antipode_value::{Array, Value};

use super::{CallContext, Function, MANY, pure};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "UNION",
        2,
        MANY,
        union,
        "UNION(array, array, …): all elements of all arrays.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         UNION([1, 2], [2]) // [1,2,2]",
    ),
    pure(
        "UNION_DISTINCT",
        2,
        MANY,
        union_distinct,
        "UNION_DISTINCT(array, array, …): the different elements of all arrays.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         UNION_DISTINCT([1, 2], [2, 3]) // [1,2,3]",
    ),
    pure(
        "INTERSECTION",
        2,
        MANY,
        intersection,
        "INTERSECTION(array, array, …): the different elements that all arrays have.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         INTERSECTION([1, 2, 2], [2, 3]) // [2]",
    ),
    pure(
        "MINUS",
        2,
        MANY,
        minus,
        "MINUS(array, array, …): the different elements of the first array that no other has.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         MINUS([1, 1, 2], [2]) // [1]",
    ),
    pure(
        "OUTERSECTION",
        2,
        MANY,
        outersection,
        "OUTERSECTION(array, array, …): the elements that occur once in all arrays together.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1542 and null.\n\
         OUTERSECTION([1, 2], [2, 3]) // [1,3]",
    ),
    pure(
        "INTERLEAVE",
        2,
        MANY,
        interleave,
        "INTERLEAVE(array, array, …): one element of each array in turn.\n\
         - array1: array\n\
         - array2: array\n\
         > array or null\n\
         ! What is no array is warning 1563 and null.\n\
         INTERLEAVE([1], [2, 2], [3, 3]) // [1,2,3,2,3]",
    ),
    pure(
        "JACCARD",
        2,
        2,
        jaccard,
        "JACCARD(array, array): what both have as a share of what either has.\n\
         - array1: array\n\
         - array2: array\n\
         > number or null\n\
         ! What is no array is warning 1542 and null.\n\
         JACCARD([], []) // 1",
    ),
    pure(
        "UNIQUE",
        1,
        1,
        unique,
        "UNIQUE(array): the different elements.\n\
         - array: array\n\
         > array or null\n\
         ! What is no array is warning 1563 and null.\n\
         UNIQUE([2, 1, 2]) // [2,1]",
    ),
    pure(
        "COUNT_DISTINCT",
        1,
        1,
        count_distinct,
        "COUNT_DISTINCT(array): number of different elements.\n\
         - array: array\n\
         > number or null\n\
         ! What is no array is warning 1563 and null.\n\
         COUNT_DISTINCT([1, 1, null]) // 2",
    ),
    pure(
        "COUNT_UNIQUE",
        1,
        1,
        count_distinct,
        "COUNT_UNIQUE(array): the same as COUNT_DISTINCT.\n\
         - array: array\n\
         > number or null\n\
         ! What is no array is warning 1563 and null.\n\
         COUNT_UNIQUE([1, 1]) // 1",
    ),
];

/// The elements without those that equal an earlier one.
pub(super) fn distinct(items: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    let items = items.into_iter();
    items.filter(|item| seen.insert(item.clone())).collect()
}

/// The elements, to be asked for membership.
pub(super) fn lookup(array: &Array) -> HashSet<Value> {
    array.iter().collect()
}

fn union(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(arrays) = context.arrays_or_wrong_type(arguments) else {
        return Value::Null;
    };
    let elements = arrays.iter().map(|array| array.len());
    if !context.affords_elements(elements.fold(0, usize::saturating_add)) {
        return Value::Null;
    }
    arrays
        .into_iter()
        .flat_map(Array::iter)
        .collect::<Array>()
        .into()
}

fn union_distinct(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match context.arrays_or_wrong_type(arguments) {
        Some(arrays) => Value::from(distinct(arrays.into_iter().flat_map(Array::iter))),
        None => Value::Null,
    }
}

/// The different elements of the first array that are in all others, or in none.
fn compared_with_others(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    present: bool,
) -> Value {
    let Some(arrays) = context.arrays_or_wrong_type(arguments) else {
        return Value::Null;
    };
    let Some((first, others)) = arrays.split_first() else {
        return Value::Null;
    };
    let others: Vec<_> = others.iter().map(|array| lookup(array)).collect();
    let kept = |item: &Value| others.iter().all(|other| other.contains(item) == present);
    Value::from(distinct(first.iter().filter(kept)))
}

fn intersection(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    compared_with_others(context, arguments, true)
}

fn minus(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    compared_with_others(context, arguments, false)
}

fn outersection(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(arrays) = context.arrays_or_wrong_type(arguments) else {
        return Value::Null;
    };
    let mut counts: HashMap<Value, usize> = HashMap::new();
    for item in arrays.iter().flat_map(|array| array.iter()) {
        *counts.entry(item).or_default() += 1;
    }
    let items = arrays.iter().flat_map(|array| array.iter());
    items
        .filter(|item| counts.get(item) == Some(&1))
        .collect::<Array>()
        .into()
}

fn interleave(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let arrays: Option<Vec<_>> = arguments.iter().map(Value::as_array).collect();
    let Some(arrays) = arrays else {
        return context.not_an_array();
    };
    let elements = arrays.iter().map(|array| array.len());
    if !context.affords_elements(elements.fold(0, usize::saturating_add)) {
        return Value::Null;
    }
    let longest = arrays.iter().map(|array| array.len()).max().unwrap_or(0);
    let rounds =
        (0..longest).flat_map(|round| arrays.iter().filter_map(move |array| array.get(round)));
    rounds.collect::<Array>().into()
}

fn jaccard(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(arrays) = context.arrays_or_wrong_type(arguments) else {
        return Value::Null;
    };
    let (a, b) = (lookup(arrays[0]), lookup(arrays[1]));
    let both = a.intersection(&b).count();
    let either = a.len() + b.len() - both;
    if either == 0 {
        return Value::Int(1);
    }
    Value::float(both as f64 / either as f64)
}

fn unique(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match context.array_or_warn(&arguments[0]) {
        Some(array) => Value::from(distinct(array)),
        None => Value::Null,
    }
}

fn count_distinct(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match context.array_or_warn(&arguments[0]) {
        Some(array) => Value::from(lookup(array).len()),
        None => Value::Null,
    }
}
