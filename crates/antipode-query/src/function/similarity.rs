//! How much two texts resemble one another.

use antipode_value::Value;

use super::argument::truncated;
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
];

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
