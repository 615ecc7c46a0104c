//! How much two texts resemble one another.

use std::hash::Hasher;

use antipode_value::{Value, hash_value};
use xxhash_rust::xxh3::Xxh3;

use super::argument::{number, truncated, whole};
use super::{CallContext, Function, pure};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "SOUNDEX",
        1,
        1,
        soundex,
        "SOUNDEX(text): a code of how an English name sounds.\nSOUNDEX(\"Robert\") // \"R163\"",
    ),
    pure(
        "LEVENSHTEIN_DISTANCE",
        2,
        2,
        levenshtein_distance,
        "LEVENSHTEIN_DISTANCE(text1, text2): insertions, removals, exchanges and swaps of neighbours from one to the other.\nLEVENSHTEIN_DISTANCE(\"kitten\", \"sitting\") // 3",
    ),
    pure(
        "NGRAM_SIMILARITY",
        3,
        3,
        ngram_similarity,
        "NGRAM_SIMILARITY(input, target, n): the longest common sequence of n-grams, as a share of those of target.\nNGRAM_SIMILARITY(\"quick fox\", \"quick fox\", 2) // 1",
    ),
    pure(
        "NGRAM_POSITIONAL_SIMILARITY",
        3,
        3,
        ngram_positional_similarity,
        "NGRAM_POSITIONAL_SIMILARITY(input, target, n): as NGRAM_SIMILARITY, but n-grams may match in part.\nNGRAM_POSITIONAL_SIMILARITY(\"abc\", \"abc\", 2) // 1",
    ),
    pure(
        "MINHASH",
        2,
        2,
        minhash,
        "MINHASH(values, n): a signature of n texts; the share of equal ones in two signatures is about how alike the arrays are as sets.\nLENGTH(MINHASH([\"a\", \"b\"], 5)) // 5",
    ),
    pure(
        "MINHASH_COUNT",
        1,
        1,
        minhash_count,
        "MINHASH_COUNT(error): length of a signature that is wrong by no more than error.\nMINHASH_COUNT(0.05) // 400",
    ),
    pure(
        "MINHASH_ERROR",
        1,
        1,
        minhash_error,
        "MINHASH_ERROR(n): how far a signature of n texts may be wrong.\nMINHASH_ERROR(400) // 0.05",
    ),
];

/// Longest signature.
const SIGNATURE_MAX: i64 = 100_000;

/// Most steps of comparing two texts with one another: characters of one times characters of the other.
const STEPS_MAX: usize = 100_000_000;

fn soundex(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text().to_ascii_uppercase();
    let mut letters = text.chars().filter(char::is_ascii_uppercase);
    let Some(first) = letters.next() else {
        return Value::EMPTY_STRING;
    };
    let mut code = String::from(first);
    let mut previous = soundex_digit(first);
    for letter in letters {
        let digit = soundex_digit(letter);
        if let Some(digit) = digit
            && Some(digit) != previous
        {
            code.push(digit);
            if code.len() == 4 {
                break;
            }
        }
        // H and W do not separate letters of one sound; vowels do.
        if !matches!(letter, 'H' | 'W') {
            previous = digit;
        }
    }
    Value::from(format!("{code:0<4}"))
}

fn soundex_digit(letter: char) -> Option<char> {
    Some(match letter {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        _ => return None,
    })
}

fn characters(value: &Value) -> Vec<char> {
    value.to_text().chars().collect()
}

/// Whether two texts are too long to compare; warns.
fn too_long(context: &mut CallContext<'_>, a: &[char], b: &[char]) -> bool {
    let too_long = a.len().saturating_mul(b.len()) > STEPS_MAX;
    if too_long {
        let message = format!(
            "texts too long for function '{}()'",
            context.function_name()
        );
        context.warn(Code::ResourceLimit, message);
    }
    too_long
}

/// The distance with swaps of neighbours, where no part is edited twice.
fn levenshtein_distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (a, b) = (characters(&arguments[0]), characters(&arguments[1]));
    if too_long(context, &a, &b) {
        return Value::Null;
    }
    // Distances of the parts of `a` that end two rows up, one row up, and here, to each part of `b`.
    let mut above_previous = vec![0; b.len() + 1];
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    let mut current = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        current[0] = i;
        for j in 1..=b.len() {
            let exchange = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = exchange.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(above_previous[j - 2] + 1);
            }
            current[j] = best;
        }
        std::mem::swap(&mut above_previous, &mut previous);
        std::mem::swap(&mut previous, &mut current);
    }
    Value::from(previous[b.len()])
}

fn ngram_similarity(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    ngrams(context, arguments, false)
}

fn ngram_positional_similarity(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    ngrams(context, arguments, true)
}

/// The similarity after Kondrak, *N-gram similarity and distance* (2005): a longest common subsequence of n-grams.
fn ngrams(context: &mut CallContext<'_>, arguments: &[Value], positional: bool) -> Value {
    let (Value::String(_), Value::String(_), Some(n)) =
        (&arguments[0], &arguments[1], truncated(&arguments[2]))
    else {
        return context.wrong_type();
    };
    let Ok(n @ 1..) = usize::try_from(n) else {
        return context.wrong_type();
    };
    let (input, target) = (characters(&arguments[0]), characters(&arguments[1]));
    if too_long(context, &input, &target) {
        return Value::Null;
    }
    let (input, target): (Vec<_>, Vec<_>) =
        (input.windows(n).collect(), target.windows(n).collect());
    let all = if positional {
        input.len().max(target.len())
    } else {
        target.len()
    };
    if all == 0 {
        return Value::Float(0.0);
    }
    let mut previous = vec![0.0_f64; target.len() + 1];
    let mut current = previous.clone();
    for left in &input {
        for (j, right) in target.iter().enumerate() {
            let equal = left
                .iter()
                .zip(*right)
                .filter(|(left, right)| left == right)
                .count();
            let share = match positional {
                true => equal as f64 / n as f64,
                false => f64::from(u8::from(equal == n)),
            };
            current[j + 1] = (previous[j] + share).max(previous[j + 1]).max(current[j]);
        }
        std::mem::swap(&mut previous, &mut current);
    }
    Value::float(previous[target.len()] / all as f64)
}

/// The least hash of all values, for each of n hash functions.
fn minhash(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let count = truncated(&arguments[1]).filter(|count| (1..=SIGNATURE_MAX).contains(count));
    let (Value::Array(values), Some(count)) = (&arguments[0], count) else {
        return context.wrong_type();
    };
    if values.len().saturating_mul(count.unsigned_abs() as usize) > STEPS_MAX {
        context.warn(
            Code::ResourceLimit,
            "array too long for a signature of this length",
        );
        return Value::Null;
    }
    let hashes: Vec<u64> = values
        .iter()
        .map(|value| {
            let mut hasher = Xxh3::new();
            hash_value(&value, &mut hasher);
            hasher.finish()
        })
        .collect();
    // One more hash function for each text: the hash of a value, mixed with the number of the text.
    let mixed = |hash: u64, seed: u64| {
        let mixed =
            (hash ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB)
    };
    let least = |seed: u64| hashes.iter().map(|hash| mixed(*hash, seed)).min();
    let signature = (0..count.unsigned_abs()).filter_map(least);
    Value::array(signature.map(|hash| format!("{hash:016x}")))
}

fn minhash_count(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match number(&arguments[0]).filter(|error| *error > 0.0 && *error < 1.0) {
        Some(error) => whole((1.0 / (error * error)).round()),
        None => context.wrong_type(),
    }
}

fn minhash_error(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match number(&arguments[0]).filter(|count| *count >= 1.0) {
        Some(count) => whole(1.0 / count.sqrt()),
        None => context.wrong_type(),
    }
}
