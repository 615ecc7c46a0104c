//! Vectors: arrays of numbers of the same length. Anything else is warning 1542 and null.

use antipode_value::{Array, Value};

use super::argument::{number, optional, whole};
use super::{CallContext, Function, MANY, pure};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "VECTOR_ADD",
        2,
        MANY,
        vector_add,
        "VECTOR_ADD(v, v, …): the sum.\n\
         - v: array of numbers\n\
         > array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         VECTOR_ADD([1, 2], [3, 4], [5, 6]) // [9,12]",
    ),
    pure(
        "VECTOR_SUBTRACT",
        2,
        2,
        vector_subtract,
        "VECTOR_SUBTRACT(v1, v2): the difference.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         VECTOR_SUBTRACT([5, 5], [1, 2]) // [4,3]",
    ),
    pure(
        "VECTOR_MULTIPLY",
        2,
        2,
        vector_multiply,
        "VECTOR_MULTIPLY(v1, v2): the products of the elements.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         VECTOR_MULTIPLY([2, 3], [4, 5]) // [8,15]",
    ),
    pure(
        "VECTOR_DIVIDE",
        2,
        2,
        vector_divide,
        "VECTOR_DIVIDE(v1, v2): the quotients of the elements.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null. A division by 0 is warning 1562 and null in its place.\n\
         VECTOR_DIVIDE([8, 9], [2, 3]) // [4,3]",
    ),
    pure(
        "VECTOR_NORMALIZE",
        1,
        1,
        vector_normalize,
        "VECTOR_NORMALIZE(v): v at length 1.\n\
         - v: array of numbers\n\
         > array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null. A vector of length 0 is warning 1562 and null.\n\
         VECTOR_NORMALIZE([3, 4]) // [0.6,0.8]",
    ),
    pure(
        "DOT_PRODUCT",
        2,
        2,
        dot_product,
        "DOT_PRODUCT(v1, v2): the inner product.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > number or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         DOT_PRODUCT([1, 2], [3, 4]) // 11",
    ),
    pure(
        "L2",
        2,
        2,
        l2,
        "L2(v1, v2): the Euclidean distance.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > number or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         L2([3, 4], [0, 0]) // 5",
    ),
    pure(
        "COSINE_SIM",
        2,
        2,
        cosine_sim,
        "COSINE_SIM(v1, v2): the cosine of the angle.\n\
         - v1: array of numbers\n\
         - v2: array of numbers\n\
         > number or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null. A vector of length 0 gives null.\n\
         COSINE_SIM([1, 0], [0, 1]) // 0",
    ),
    pure(
        "COSINE_SIMILARITY",
        2,
        2,
        cosine_similarity,
        "COSINE_SIMILARITY(x, y): the cosine of the angle; one of x and y may be an array of vectors.\n\
         - x: array of numbers, or an array of such\n\
         - y: array of numbers, or an array of such\n\
         > number, array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null. A vector of length 0 gives null.\n\
         COSINE_SIMILARITY([-1, 0], [1, 0]) // -1",
    ),
    pure(
        "L1_DISTANCE",
        2,
        2,
        l1_distance,
        "L1_DISTANCE(x, y): the Manhattan distance; one of x and y may be an array of vectors.\n\
         - x: array of numbers, or an array of such\n\
         - y: array of numbers, or an array of such\n\
         > number, array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         L1_DISTANCE([-1, -1], [2, 2]) // 6",
    ),
    pure(
        "L2_DISTANCE",
        2,
        2,
        l2_distance,
        "L2_DISTANCE(x, y): the Euclidean distance; one of x and y may be an array of vectors.\n\
         - x: array of numbers, or an array of such\n\
         - y: array of numbers, or an array of such\n\
         > number, array or null\n\
         ! What is no array of numbers, and arrays of different lengths, are warning 1542 and null.\n\
         L2_DISTANCE([3, 4], [0, 0]) // 5",
    ),
    pure(
        "SIMILAR_TO_ARRAY",
        3,
        4,
        similar_to_array,
        "SIMILAR_TO_ARRAY(vector, vectors, \"l2\" | \"ip\" | \"cosine\", limit): the most similar vectors with their positions.\n\
         - vector: array of numbers\n\
         - vectors: array of such\n\
         - distanceType: \"l2\", \"ip\" or \"cosine\"\n\
         - limit: number; 100 if left out or null\n\
         > array or null\n\
         ! Anything else is warning 1542 and null.\n\
         SIMILAR_TO_ARRAY([1, 0], [[0, 1], [1, 0]], \"cosine\", 1) // [{\"id\":1,\"score\":1}]",
    ),
    pure(
        "DECAY_GAUSS",
        5,
        5,
        decay_gauss,
        "DECAY_GAUSS(value, origin, scale, offset, decay): a score that falls with the distance from origin as a bell.\n\
         - value: number, or an array of numbers\n\
         - origin: number\n\
         - scale: number above 0, the distance at which the score is decay\n\
         - offset: number, the distance within which the score is 1\n\
         - decay: number between 0 and 1\n\
         > number, array or null\n\
         ! Anything else is warning 1542 and null.\n\
         DECAY_GAUSS(41, 40, 5, 5, 0.5) // 1",
    ),
    pure(
        "DECAY_EXP",
        5,
        5,
        decay_exp,
        "DECAY_EXP(value, origin, scale, offset, decay): a score that falls exponentially with the distance from origin.\n\
         - value: number, or an array of numbers\n\
         - origin: number\n\
         - scale: number above 0, the distance at which the score is decay\n\
         - offset: number, the distance within which the score is 1\n\
         - decay: number between 0 and 1\n\
         > number, array or null\n\
         ! Anything else is warning 1542 and null.\n\
         DECAY_EXP(40, 40, 5, 5, 0.5) // 1",
    ),
    pure(
        "DECAY_LINEAR",
        5,
        5,
        decay_linear,
        "DECAY_LINEAR(value, origin, scale, offset, decay): a score that falls evenly with the distance from origin.\n\
         - value: number, or an array of numbers\n\
         - origin: number\n\
         - scale: number above 0, the distance at which the score is decay\n\
         - offset: number, the distance within which the score is 1\n\
         - decay: number between 0 and 1\n\
         > number, array or null\n\
         ! Anything else is warning 1542 and null.\n\
         DECAY_LINEAR(5, 0, 10, 0, 0.2) // 0.6",
    ),
];

/// Distances that SIMILAR_TO_ARRAY gives unless told otherwise.
const SIMILAR_DEFAULT: usize = 100;

fn vector(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(|item| number(&item)).collect()
}

/// The vectors, if they are ones of the same length.
fn vectors(values: &[Value]) -> Option<Vec<Vec<f64>>> {
    let vectors: Vec<Vec<f64>> = values.iter().map(vector).collect::<Option<_>>()?;
    let length = vectors.first()?.len();
    vectors
        .iter()
        .all(|vector| vector.len() == length)
        .then_some(vectors)
}

fn array_of(numbers: impl IntoIterator<Item = f64>) -> Value {
    numbers.into_iter().map(whole).collect::<Array>().into()
}

/// Combines two vectors, or more from the left, element by element.
fn elementwise(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    with: fn(f64, f64) -> f64,
) -> Value {
    let combine =
        |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| with(a, b)).collect();
    match vectors(arguments) {
        Some(vectors) => array_of(vectors.into_iter().reduce(combine).unwrap_or_default()),
        None => context.wrong_type(),
    }
}

fn vector_add(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    elementwise(context, arguments, |a, b| a + b)
}

fn vector_subtract(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    elementwise(context, arguments, |a, b| a - b)
}

fn vector_multiply(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    elementwise(context, arguments, |a, b| a * b)
}

fn vector_divide(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    if vectors(arguments).is_some_and(|vectors| vectors[1].contains(&0.0)) {
        context.warn(Code::DivisionByZero, "division by zero");
    }
    elementwise(context, arguments, |a, b| a / b)
}

fn vector_normalize(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(vector) = vector(&arguments[0]) else {
        return context.wrong_type();
    };
    let length = dot(&vector, &vector).sqrt();
    if length == 0.0 {
        context.warn(Code::DivisionByZero, "division by zero");
        return Value::Null;
    }
    array_of(vector.into_iter().map(|number| number / length))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn manhattan(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

fn euclidean(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// Not a number, and so null, where one has no direction.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// How two vectors are measured against one another.
type Measure = fn(&[f64], &[f64]) -> f64;

fn measured(context: &mut CallContext<'_>, arguments: &[Value], measure: Measure) -> Value {
    match vectors(arguments) {
        Some(pair) => whole(measure(&pair[0], &pair[1])),
        None => context.wrong_type(),
    }
}

/// As `measured`, with an array of results where one side is an array of vectors.
fn measured_in_rows(context: &mut CallContext<'_>, arguments: &[Value], measure: Measure) -> Value {
    let rows = |value: &Value| -> Option<Vec<Value>> {
        let array = value.as_array()?;
        matches!(array.get(0), Some(Value::Array(_))).then(|| array.to_vec())
    };
    let (rows, fixed) = match (rows(&arguments[0]), rows(&arguments[1])) {
        (Some(_), Some(_)) => return context.wrong_type(),
        (Some(rows), None) => (rows, &arguments[1]),
        (None, Some(rows)) => (rows, &arguments[0]),
        (None, None) => return measured(context, arguments, measure),
    };
    let results: Option<Vec<Value>> = rows
        .into_iter()
        .map(|row| vectors(&[row, fixed.clone()]).map(|pair| whole(measure(&pair[0], &pair[1]))))
        .collect();
    results.map_or_else(|| context.wrong_type(), Value::from)
}

fn dot_product(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured(context, arguments, dot)
}

fn l2(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured(context, arguments, euclidean)
}

fn cosine_sim(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured(context, arguments, cosine)
}

fn cosine_similarity(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured_in_rows(context, arguments, cosine)
}

fn l1_distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured_in_rows(context, arguments, manhattan)
}

fn l2_distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    measured_in_rows(context, arguments, euclidean)
}

fn similar_to_array(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (measure, ascending): (Measure, bool) = match arguments[2].as_str() {
        Some("l2") => (euclidean, true),
        Some("ip") => (dot, false),
        Some("cosine") => (cosine, false),
        _ => return context.wrong_type(),
    };
    let Value::Array(candidates) = &arguments[1] else {
        return context.wrong_type();
    };
    let limit = match optional(arguments, 3) {
        Value::Null => SIMILAR_DEFAULT,
        limit => usize::try_from(limit.to_int()).unwrap_or(0),
    };
    let mut scores: Vec<(usize, f64)> = Vec::with_capacity(candidates.len());
    for (position, candidate) in candidates.iter().enumerate() {
        match vectors(&[arguments[0].clone(), candidate]) {
            Some(pair) => scores.push((position, measure(&pair[0], &pair[1]))),
            None => return context.wrong_type(),
        }
    }
    scores.sort_by(|a, b| {
        if ascending {
            a.1.total_cmp(&b.1)
        } else {
            b.1.total_cmp(&a.1)
        }
    });
    scores.truncate(limit);
    Value::array(scores.into_iter().map(|(position, score)| {
        Value::object([("id", Value::from(position)), ("score", whole(score))])
    }))
}

/// The parameters of a decay: origin, scale, offset, decay.
struct Decay {
    origin: f64,
    scale: f64,
    offset: f64,
    decay: f64,
}

/// Scores argument 0, or each of its elements.
fn decayed(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    score: fn(&Decay, f64) -> f64,
) -> Value {
    let parameters: Option<Vec<f64>> = arguments.iter().skip(1).map(number).collect();
    let Some([origin, scale, offset, decay]) = parameters.as_deref() else {
        return context.wrong_type();
    };
    let decay = Decay {
        origin: *origin,
        scale: *scale,
        offset: *offset,
        decay: *decay,
    };
    if decay.scale <= 0.0 || decay.offset < 0.0 || decay.decay <= 0.0 || decay.decay >= 1.0 {
        return context.wrong_type();
    }
    let score_of = |value: f64| {
        let distance = ((value - decay.origin).abs() - decay.offset).max(0.0);
        whole(score(&decay, distance))
    };
    let scores = match &arguments[0] {
        Value::Array(_) => {
            vector(&arguments[0]).map(|values| Value::array(values.into_iter().map(score_of)))
        }
        value => number(value).map(score_of),
    };
    scores.unwrap_or_else(|| context.wrong_type())
}

fn decay_gauss(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    decayed(context, arguments, |decay, distance| {
        (decay.decay.ln() * distance.powi(2) / decay.scale.powi(2)).exp()
    })
}

fn decay_exp(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    decayed(context, arguments, |decay, distance| {
        (decay.decay.ln() * distance / decay.scale).exp()
    })
}

fn decay_linear(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    decayed(context, arguments, |decay, distance| {
        let reach = decay.scale / (1.0 - decay.decay);
        ((reach - distance) / reach).max(0.0)
    })
}
