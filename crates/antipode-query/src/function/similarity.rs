//! How much two texts resemble one another.

use std::collections::HashMap;
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
        "SOUNDEX(text): a code of how an English name sounds.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         SOUNDEX(\"Robert\") // \"R163\"",
    ),
    pure(
        "LEVENSHTEIN_DISTANCE",
        2,
        2,
        levenshtein_distance,
        "LEVENSHTEIN_DISTANCE(text1, text2): insertions, removals, exchanges and swaps of neighbours from one to the other.\n\
         - text1: text\n\
         - text2: text\n\
         > number or null\n\
         ! What is no text is taken as its text, as TO_STRING gives it. Two texts that are too long to compare are warning 32 and null.\n\
         LEVENSHTEIN_DISTANCE(\"kitten\", \"sitting\") // 3",
    ),
    pure(
        "NGRAM_SIMILARITY",
        3,
        3,
        ngram_similarity,
        "NGRAM_SIMILARITY(input, target, n): the longest common sequence of n-grams, as a share of those of target.\n\
         - input: text\n\
         - target: text\n\
         - n: number, at least 1\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         NGRAM_SIMILARITY(\"quick fox\", \"quick fox\", 2) // 1",
    ),
    pure(
        "NGRAM_POSITIONAL_SIMILARITY",
        3,
        3,
        ngram_positional_similarity,
        "NGRAM_POSITIONAL_SIMILARITY(input, target, n): as NGRAM_SIMILARITY, but n-grams may match in part.\n\
         - input: text\n\
         - target: text\n\
         - n: number, at least 1\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         NGRAM_POSITIONAL_SIMILARITY(\"abc\", \"abc\", 2) // 1",
    ),
    pure(
        "MINHASH",
        2,
        2,
        minhash,
        "MINHASH(values, n): a signature of n texts; the share of equal ones in two signatures is about how alike the arrays are as sets.\n\
         - values: array\n\
         - n: number, at least 1\n\
         > array or null\n\
         ! Anything else is warning 1542 and null.\n\
         LENGTH(MINHASH([\"a\", \"b\"], 5)) // 5",
    ),
    pure(
        "MINHASH_COUNT",
        1,
        1,
        minhash_count,
        "MINHASH_COUNT(error): length of a signature that is wrong by no more than error.\n\
         - error: number between 0 and 1\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         MINHASH_COUNT(0.05) // 400",
    ),
    pure(
        "MINHASH_ERROR",
        1,
        1,
        minhash_error,
        "MINHASH_ERROR(n): how far a signature of n texts may be wrong.\n\
         - n: number, at least 1\n\
         > number or null\n\
         ! Anything else is warning 1542 and null.\n\
         MINHASH_ERROR(400) // 0.05",
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

/// The edits from one text to another: insertions, removals, exchanges, and swaps of neighbours if `swaps`. Warns of texts
/// that are too long.
pub(super) fn edits(context: &mut CallContext<'_>, a: &str, b: &str, swaps: bool) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if too_long(context, &a, &b) {
        return None;
    }
    Some(distance(&a, &b, swaps))
}

/// The Damerau-Levenshtein distance, in which swapped neighbours may be edited further; the plain one without `swaps`.
/// Rows after Zhao and Sahni, *String correction using the Damerau-Levenshtein distance* (2019): beside two rows of the
/// table it keeps, for each column, what a swap that ends there would start from.
fn distance(a: &[char], b: &[char], swaps: bool) -> usize {
    // More than any distance; stands for what is out of reach.
    let beyond = a.len().max(b.len()) + 1;
    // Column j of a row is at j + 1; in front of it is a column that is out of reach.
    let mut above = vec![beyond; b.len() + 2];
    let mut row: Vec<usize> = std::iter::once(beyond).chain(0..=b.len()).collect();
    let mut before_swap = vec![beyond; b.len() + 2];
    let mut last_row: HashMap<char, usize> = HashMap::new();
    for (i, left) in a.iter().enumerate().map(|(i, left)| (i + 1, *left)) {
        std::mem::swap(&mut row, &mut above);
        let mut last_column = None;
        let mut diagonal_before = row[1];
        let mut start = beyond;
        row[1] = i;
        for (j, right) in b.iter().enumerate().map(|(j, right)| (j + 1, *right)) {
            let exchange = above[j] + usize::from(left != right);
            let mut best = exchange.min(row[j] + 1).min(above[j + 1] + 1);
            if left == right {
                last_column = Some(j);
                before_swap[j + 1] = above[j - 1];
                start = diagonal_before;
            } else if swaps && let Some(k) = last_row.get(&right) {
                let swapped = match last_column {
                    Some(l) if j - l == 1 => before_swap[j + 1] + (i - k),
                    Some(l) if i - k == 1 => start + (j - l),
                    _ => beyond,
                };
                best = best.min(swapped);
            }
            diagonal_before = row[j + 1];
            row[j + 1] = best;
        }
        last_row.insert(left, i);
    }
    row[b.len() + 1]
}

fn levenshtein_distance(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (a, b) = (arguments[0].to_text(), arguments[1].to_text());
    edits(context, &a, &b, true).into()
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
        if !context.steps(target.len().saturating_mul(n)) {
            return Value::Null;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of Damerau (1964) and Lowrance and Wagner (1975), whole.
    fn by_the_book(a: &[char], b: &[char]) -> usize {
        let beyond = a.len() + b.len();
        let mut table = vec![vec![beyond; b.len() + 2]; a.len() + 2];
        for i in 0..=a.len() {
            table[i + 1][1] = i;
        }
        for j in 0..=b.len() {
            table[1][j + 1] = j;
        }
        let mut last_row: HashMap<char, usize> = HashMap::new();
        for i in 1..=a.len() {
            let mut last_column = 0;
            for j in 1..=b.len() {
                let k = last_row.get(&b[j - 1]).copied().unwrap_or(0);
                let l = last_column;
                let cost = usize::from(a[i - 1] != b[j - 1]);
                if cost == 0 {
                    last_column = j;
                }
                let swap = table[k][l] + (i - k).saturating_sub(1) + 1 + (j - l).saturating_sub(1);
                table[i + 1][j + 1] = (table[i][j] + cost)
                    .min(table[i + 1][j] + 1)
                    .min(table[i][j + 1] + 1)
                    .min(swap);
            }
            last_row.insert(a[i - 1], i);
        }
        table[a.len() + 1][b.len() + 1]
    }

    #[test]
    fn two_rows_find_what_the_whole_table_finds() {
        let mut chance = crate::context::Chance::new(11);
        let mut text = || -> Vec<char> {
            let length = chance.next() % 9;
            (0..length)
                .map(|_| char::from(b'a' + (chance.next() % 3) as u8))
                .collect()
        };
        for _ in 0..20_000 {
            let (a, b) = (text(), text());
            assert_eq!(distance(&a, &b, true), by_the_book(&a, &b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn without_swaps_neighbours_cost_two() {
        let distance = |a: &str, b: &str| {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            distance(&a, &b, false)
        };
        assert_eq!(distance("ab", "ba"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
