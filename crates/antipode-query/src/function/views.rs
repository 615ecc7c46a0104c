//! Functions that ask a search view or a vector index. There are neither yet: a call says so, with error 9. What of it
//! works without an index is here too.

use antipode_value::Value;

use super::argument::{optional, truncated};
use super::{CallContext, Function, MANY, Run, pure};
use crate::error::Code;

/// What most of these functions need.
const VIEW: Option<&str> = Some("a search view");
/// What the approximate neighbours need.
const VECTORS: Option<&str> = Some("a vector index");

/// A function that this version cannot run; its calls do not get through the compiler.
const fn later(
    name: &'static str,
    least: usize,
    most: usize,
    needs: Option<&'static str>,
    doc: &'static str,
) -> Function {
    Function {
        name,
        arity: (least, most),
        deterministic: false,
        constant: false,
        run: NOT_YET,
        needs,
        doc,
    }
}

const NOT_YET: Run = |context, _| {
    let message = format!("'{}()' is not implemented", context.function_name());
    context.raise(Code::NotImplemented, message);
    Value::Null
};

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "LEVENSHTEIN_MATCH",
        3,
        6,
        levenshtein_match,
        "LEVENSHTEIN_MATCH(text, target, distance, transpositions, maxTerms, prefix): whether text is target with at most \
         distance edits behind a common prefix.\n\
         - text: text\n\
         - target: text\n\
         - distance: number, up to 3, or 4 without transpositions\n\
         - transpositions: true or false; whether swapped neighbours are one edit, true if left out\n\
         - maxTerms: number; for views only\n\
         - prefix: text that both begin with, and target leaves out\n\
         > bool or null\n\
         ! Anything else is warning 1542 and null.\n\
         LEVENSHTEIN_MATCH(\"quick\", \"quikc\", 1) // true\n\
         LEVENSHTEIN_MATCH(\"quick\", \"quikc\", 1, false) // false",
    ),
    later(
        "ANALYZER",
        2,
        2,
        VIEW,
        "ANALYZER(condition, analyzer): a search condition whose texts are taken apart by an analyzer.\n\
         - condition: search condition\n\
         - analyzer: text\n\
         > bool\n\
         ! A call is error 9.\n\
         ANALYZER(\"a\" == \"b\", \"text_en\") // error 9",
    ),
    later(
        "BOOST",
        2,
        2,
        VIEW,
        "BOOST(condition, factor): a search condition that counts more, or less, for the score.\n\
         - condition: search condition\n\
         - factor: number\n\
         > bool\n\
         ! A call is error 9.\n\
         BOOST(true, 2.5) // error 9",
    ),
    later(
        "EXISTS",
        1,
        3,
        VIEW,
        "EXISTS(path, type, analyzer): whether a view has an attribute, and of which type.\n\
         - path: attribute of a view\n\
         - type: text\n\
         - analyzer: text\n\
         > bool\n\
         ! A call is error 9.\n\
         EXISTS(\"text\") // error 9",
    ),
    later(
        "PHRASE",
        2,
        MANY,
        VIEW,
        "PHRASE(path, part, skip, part, …, analyzer): whether an attribute has words in this order.\n\
         - path: attribute of a view\n\
         - part: text\n\
         - skip: number\n\
         - analyzer: text\n\
         > bool\n\
         ! A call is error 9.\n\
         PHRASE(\"text\", \"lorem ipsum\", \"text_en\") // error 9",
    ),
    later(
        "NGRAM_MATCH",
        2,
        4,
        VIEW,
        "NGRAM_MATCH(path, target, threshold, analyzer): whether an attribute is similar enough to a text by their n-grams.\n\
         - path: attribute of a view\n\
         - target: text\n\
         - threshold: number\n\
         - analyzer: text\n\
         > bool\n\
         ! A call is error 9.\n\
         NGRAM_MATCH(\"quick fox\", \"quick foxes\") // error 9",
    ),
    later(
        "MINHASH_MATCH",
        3,
        4,
        VIEW,
        "MINHASH_MATCH(path, target, threshold, analyzer): whether an attribute is similar enough to a text by their \
         signatures.\n\
         - path: attribute of a view\n\
         - target: text\n\
         - threshold: number\n\
         - analyzer: text\n\
         > bool\n\
         ! A call is error 9.\n\
         MINHASH_MATCH(\"quick fox\", \"quick foxes\", 0.8) // error 9",
    ),
    later(
        "BM25",
        1,
        3,
        VIEW,
        "BM25(document, k, b): how well a document of a view answers the search.\n\
         - document: document of a view\n\
         - k: number\n\
         - b: number\n\
         > number\n\
         ! A call is error 9.\n\
         BM25({}) // error 9",
    ),
    later(
        "TFIDF",
        1,
        2,
        VIEW,
        "TFIDF(document, normalize): how well a document of a view answers the search.\n\
         - document: document of a view\n\
         - normalize: true or false\n\
         > number\n\
         ! A call is error 9.\n\
         TFIDF({}) // error 9",
    ),
    later(
        "OFFSET_INFO",
        2,
        2,
        VIEW,
        "OFFSET_INFO(document, paths): where in its texts a document of a view answers the search.\n\
         - document: document of a view\n\
         - paths: array\n\
         > array\n\
         ! A call is error 9.\n\
         OFFSET_INFO({}, [\"text\"]) // error 9",
    ),
    later(
        "SIMILAR",
        2,
        3,
        Some("a vector view"),
        "SIMILAR(view, vector, limit): the documents of a view that are nearest to a vector.\n\
         - view: text\n\
         - vector: array of numbers\n\
         - limit: number\n\
         > array\n\
         ! A call is error 9.\n\
         SIMILAR(\"pictures\", [1, 0], 5) // error 9",
    ),
    later(
        "APPROX_NEAR_COSINE",
        2,
        3,
        VECTORS,
        "APPROX_NEAR_COSINE(vector1, vector2, options): about the cosine of the angle, from an index.\n\
         - vector1: array of numbers\n\
         - vector2: array of numbers\n\
         - options: object\n\
         > number\n\
         ! A call is error 9.\n\
         APPROX_NEAR_COSINE([1, 0], [0, 1]) // error 9",
    ),
    later(
        "APPROX_NEAR_INNER_PRODUCT",
        2,
        3,
        VECTORS,
        "APPROX_NEAR_INNER_PRODUCT(vector1, vector2, options): about the inner product, from an index.\n\
         - vector1: array of numbers\n\
         - vector2: array of numbers\n\
         - options: object\n\
         > number\n\
         ! A call is error 9.\n\
         APPROX_NEAR_INNER_PRODUCT([1, 0], [0, 1]) // error 9",
    ),
    later(
        "APPROX_NEAR_L2",
        2,
        3,
        VECTORS,
        "APPROX_NEAR_L2(vector1, vector2, options): about the distance, from an index.\n\
         - vector1: array of numbers\n\
         - vector2: array of numbers\n\
         - options: object\n\
         > number\n\
         ! A call is error 9.\n\
         APPROX_NEAR_L2([1, 0], [0, 1]) // error 9",
    ),
];

fn levenshtein_match(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let transpositions = match optional(arguments, 3) {
        Value::Null => true,
        value => value.truthy(),
    };
    let prefix = match optional(arguments, 5) {
        Value::Null => "",
        Value::String(prefix) => prefix.as_str(),
        _ => return context.wrong_type(),
    };
    let (Value::String(text), Value::String(target), Some(distance)) =
        (&arguments[0], &arguments[1], truncated(&arguments[2]))
    else {
        return context.wrong_type();
    };
    // An index could not answer more.
    let most = if transpositions { 3 } else { 4 };
    if !(0..=most).contains(&distance) {
        return context.wrong_type();
    }
    let Some(text) = text.strip_prefix(prefix) else {
        return Value::Bool(false);
    };
    match super::similarity::edits(context, text, target, transpositions) {
        Some(edits) => Value::Bool(edits as u64 <= distance.unsigned_abs()),
        None => Value::Null,
    }
}
