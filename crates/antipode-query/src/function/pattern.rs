//! Patterns: LIKE, STARTS_WITH and regular expressions.

use std::collections::HashMap;
use std::sync::Arc;

use antipode_value::{Array, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::argument::optional;
use super::string::{Limit, split_limit};
use super::{CallContext, Function, pure};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "LIKE",
        2,
        3,
        like,
        "LIKE(text, pattern, caseInsensitive): whether the whole text matches; % is any text, _ one character.\n\
         - text: text\n\
         - pattern: text; a backslash makes the next %, _ or backslash a plain character\n\
         - caseInsensitive: true or false\n\
         > bool\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LIKE(\"cart\", \"ca_t\") // true",
    ),
    pure(
        "STARTS_WITH",
        2,
        3,
        starts_with,
        "STARTS_WITH(text, prefix): whether text begins with prefix, or with at least n of several: STARTS_WITH(text, prefixes, n).\n\
         - text: text\n\
         - prefix: text, or an array of texts\n\
         - n: number; how many of several must fit, 1 if left out\n\
         > bool or null\n\
         ! Anything else is warning 1542 and null.\n\
         STARTS_WITH(\"foobar\", [\"x\", \"fo\"]) // true",
    ),
    pure(
        "REGEX_TEST",
        2,
        3,
        regex_test,
        "REGEX_TEST(text, regex, caseInsensitive): whether regex matches somewhere in text.\n\
         - text: text\n\
         - regex: text\n\
         - caseInsensitive: true or false\n\
         > bool or null\n\
         ! What is no text is taken as its text. A wrong regex is warning 1543 and null.\n\
         REGEX_TEST(\"the quick fox\", \"q.*k\") // true",
    ),
    pure(
        "REGEX_MATCHES",
        2,
        3,
        regex_matches,
        "REGEX_MATCHES(text, regex, caseInsensitive): the first match and its groups, or null.\n\
         - text: text\n\
         - regex: text\n\
         - caseInsensitive: true or false\n\
         > array or null\n\
         ! What is no text is taken as its text. A wrong regex is warning 1543 and null.\n\
         REGEX_MATCHES(\"k=42\", \"(\\\\w)=(\\\\d+)\") // [\"k=42\",\"k\",\"42\"]",
    ),
    pure(
        "REGEX_SPLIT",
        2,
        4,
        regex_split,
        "REGEX_SPLIT(text, regex, caseInsensitive, limit): the parts between matches.\n\
         - text: text\n\
         - regex: text; its groups stay in the result\n\
         - caseInsensitive: true or false\n\
         - limit: number; most parts, the rest is dropped\n\
         > array or null\n\
         ! What is no text is taken as its text. A wrong regex is warning 1543 and null. A limit that is no number is warning 1542 and null; a negative one is null.\n\
         REGEX_SPLIT(\"a1b22c\", \"[0-9]+\") // [\"a\",\"b\",\"c\"]",
    ),
    pure(
        "REGEX_REPLACE",
        3,
        4,
        regex_replace,
        "REGEX_REPLACE(text, regex, replacement, caseInsensitive): text with every match replaced; $1 is the first group.\n\
         - text: text\n\
         - regex: text\n\
         - replacement: text; $n is the n-th group, a backslash makes the next character plain\n\
         - caseInsensitive: true or false\n\
         > string or null\n\
         ! What is no text is taken as its text. A wrong regex is warning 1543 and null.\n\
         REGEX_REPLACE(\"a1b2\", \"[0-9]\", \"_\") // \"a_b_\"",
    ),
];

/// Patterns of one query that stay compiled; a query that makes more of them from its data compiles anew.
const CACHE_ENTRIES_MAX: usize = 64;
/// Memory of one compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The compiled patterns of a query by their text, apart for whether case counts; `None` where there is a mistake. They
/// are shared rather than copied, since a copy would warm up anew.
#[derive(Default)]
pub struct RegexCache {
    entries: [HashMap<String, Option<Arc<Regex>>>; 2],
}

impl RegexCache {
    pub(super) fn get(&mut self, pattern: &str, ignore_case: bool) -> Option<Arc<Regex>> {
        let [exact, folded] = &mut self.entries;
        let entries = if ignore_case { folded } else { exact };
        if let Some(regex) = entries.get(pattern) {
            return regex.clone();
        }
        if entries.len() >= CACHE_ENTRIES_MAX {
            entries.clear();
        }
        let mut builder = RegexBuilder::new(pattern);
        // A dot stands for neither of the characters that end lines.
        builder
            .case_insensitive(ignore_case)
            .crlf(true)
            .size_limit(COMPILED_BYTES_MAX);
        let regex = builder.build().ok().map(Arc::new);
        entries.insert(pattern.to_owned(), regex.clone());
        regex
    }
}

/// The compiled pattern of argument 1; warns if it is none.
fn compile(context: &mut CallContext<'_>, arguments: &[Value], case: usize) -> Option<Arc<Regex>> {
    let pattern = arguments[1].to_text();
    let regex = context
        .regexes
        .get(&pattern, optional(arguments, case).truthy());
    if regex.is_none() {
        context.warn(
            Code::InvalidRegex,
            format!("invalid regular expression '{pattern}'"),
        );
    }
    let regex = regex?;
    let text_bytes = arguments[0].as_str().map_or(0, str::len);
    if text_bytes > SHORT_TEXT_BYTES {
        // A search cannot be stopped, and at worst goes through the whole pattern for each byte of the text.
        let fits = |bytes: &usize| {
            let mut builder = RegexBuilder::new(&pattern);
            builder.size_limit(*bytes).build().is_ok()
        };
        let sizes = [
            COMPILED_BYTES_MAX >> 6,
            COMPILED_BYTES_MAX >> 4,
            COMPILED_BYTES_MAX >> 2,
        ];
        let pattern_bytes = sizes.into_iter().find(fits).unwrap_or(COMPILED_BYTES_MAX);
        if text_bytes.saturating_mul(pattern_bytes) > SEARCH_MAX {
            let message =
                format!("a text of {text_bytes} bytes is too long for this regular expression");
            context.raise(Code::ResourceLimit, message);
            return None;
        }
    }
    Some(regex)
}

/// A text up to this length may be searched for any pattern.
const SHORT_TEXT_BYTES: usize = 1 << 16;
/// Longer ones, if the product of their length and the size of the compiled pattern is no more than this.
const SEARCH_MAX: usize = 1 << 36;

fn like(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (text, pattern) = (arguments[0].to_text(), arguments[1].to_text());
    let going_on = &mut || context.steps(LIKE_STEPS);
    let matches = if optional(arguments, 2).truthy() {
        matches_like(&small(&text), &small(&pattern), going_on)
    } else {
        matches_like(&text, &pattern, going_on)
    };
    Value::Bool(matches)
}

/// The text in small letters, one for one.
fn small(text: &str) -> String {
    let small = |letter: char| {
        let mut letters = letter.to_lowercase();
        match (letters.next(), letters.next()) {
            (Some(small), None) => small,
            _ => letter,
        }
    };
    text.chars().map(small).collect()
}

/// Steps of matching LIKE for each look whether to go on.
const LIKE_STEPS: usize = 1000;

/// A step of a LIKE pattern.
enum Step {
    Any,
    One,
    Exactly(char),
}

/// The first step of `pattern` and what follows it.
fn step(pattern: &str) -> Option<(Step, &str)> {
    let mut characters = pattern.chars();
    let first = match characters.next()? {
        '%' => Step::Any,
        '_' => Step::One,
        '\\' => match characters.clone().next() {
            Some(escaped @ ('%' | '_' | '\\')) => {
                characters.next();
                Step::Exactly(escaped)
            }
            _ => Step::Exactly('\\'),
        },
        other => Step::Exactly(other),
    };
    Some((first, characters.as_str()))
}

/// Whether the whole of `text` matches a LIKE pattern, in time proportional to the product of their lengths at worst.
/// It is over, and does not match, as soon as `going_on` says no.
fn matches_like(text: &str, pattern: &str, going_on: &mut dyn FnMut() -> bool) -> bool {
    let (mut text, mut pattern) = (text, pattern);
    // Where to go on when the rest does not match: behind the last `%`, with one more character given to it.
    let mut retry: Option<(&str, &str)> = None;
    let mut steps = 0;
    loop {
        steps += 1;
        if steps % LIKE_STEPS == 0 && !going_on() {
            return false;
        }
        let mut characters = text.chars();
        let matched = match (step(pattern), characters.next()) {
            (None, None) => return true,
            (Some((Step::Any, rest)), _) => {
                retry = Some((text, rest));
                pattern = rest;
                continue;
            }
            (Some((Step::One, rest)), Some(_)) => Some(rest),
            (Some((Step::Exactly(wanted), rest)), Some(found)) if wanted == found => Some(rest),
            _ => None,
        };
        if let Some(rest) = matched {
            (text, pattern) = (characters.as_str(), rest);
            continue;
        }
        let Some((from, behind)) = retry else {
            return false;
        };
        let mut characters = from.chars();
        if characters.next().is_none() {
            return false;
        }
        (text, pattern) = (characters.as_str(), behind);
        retry = Some((text, behind));
    }
}

fn starts_with(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::String(text) = &arguments[0] else {
        return context.wrong_type();
    };
    match (&arguments[1], arguments.get(2)) {
        (Value::String(prefix), None) => Value::Bool(text.starts_with(prefix.as_str())),
        (Value::Array(prefixes), needed) => {
            let needed = match needed {
                None => 1.0,
                Some(number) if number.is_number() => number.to_float(),
                Some(_) => return context.wrong_type(),
            };
            let mut matching = 0_u32;
            for prefix in prefixes {
                match prefix {
                    Value::String(prefix) => {
                        matching += u32::from(text.starts_with(prefix.as_str()))
                    }
                    _ => return context.wrong_type(),
                }
            }
            Value::Bool(f64::from(matching) >= needed)
        }
        _ => context.wrong_type(),
    }
}

fn regex_test(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match compile(context, arguments, 2) {
        Some(regex) => Value::Bool(regex.is_match(&arguments[0].to_text())),
        None => Value::Null,
    }
}

fn regex_matches(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(regex) = compile(context, arguments, 2) else {
        return Value::Null;
    };
    let text = arguments[0].to_text();
    if text.is_empty() && !regex.as_str().is_empty() {
        return Value::array([text]);
    }
    match regex.captures(&text) {
        Some(captures) => groups(&captures, 0).into(),
        None => Value::Null,
    }
}

/// The groups from number `first` on; one that took no part is empty.
fn groups(captures: &Captures<'_>, first: usize) -> Vec<Value> {
    let groups = captures.iter().skip(first);
    groups
        .map(|group| Value::from(group.map_or("", |group| group.as_str())))
        .collect()
}

fn regex_split(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(regex) = compile(context, arguments, 2) else {
        return Value::Null;
    };
    let Limit::AtMost(limit) = split_limit(context, arguments.get(3)) else {
        return Value::Null;
    };
    let text = arguments[0].to_text();
    let mut parts = Vec::new();
    let mut behind = 0;
    for captures in regex.captures_iter(&text) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        // An empty match at either end splits nothing off.
        if whole.is_empty() && (whole.start() == 0 || whole.start() == text.len()) {
            continue;
        }
        parts.push(Value::from(
            text.get(behind..whole.start()).unwrap_or_default(),
        ));
        parts.extend(groups(&captures, 1));
        behind = whole.end();
        if !context.affords_elements(parts.len()) || !context.steps(1) {
            return Value::Null;
        }
        if parts.len() >= limit {
            break;
        }
    }
    parts.push(Value::from(text.get(behind..).unwrap_or_default()));
    parts.truncate(limit);
    Value::Array(Array::from_vec(parts))
}

fn regex_replace(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(regex) = compile(context, arguments, 3) else {
        return Value::Null;
    };
    let (text, replacement) = (arguments[0].to_text(), arguments[2].to_text());
    let mut out = String::new();
    let mut behind = 0;
    for captures in regex.captures_iter(&text) {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        out.push_str(text.get(behind..whole.start()).unwrap_or_default());
        expand(&replacement, &captures, &mut out);
        behind = whole.end();
        if !context.affords(out.len()) || !context.steps(1) {
            return Value::Null;
        }
    }
    out.push_str(text.get(behind..).unwrap_or_default());
    Value::from(out)
}

/// The replacement with `$n` as the n-th group; a backslash makes the next character literal.
fn expand(replacement: &str, captures: &Captures<'_>, out: &mut String) {
    let mut characters = replacement.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.extend(characters.next()),
            '$' => {
                let Some(mut number) = characters.peek().and_then(|digit| digit.to_digit(10))
                else {
                    out.push('$');
                    continue;
                };
                characters.next();
                // As many digits as still name a group.
                while let Some(digit) = characters.peek().and_then(|digit| digit.to_digit(10)) {
                    let longer = number * 10 + digit;
                    if longer as usize >= captures.len() {
                        break;
                    }
                    number = longer;
                    characters.next();
                }
                out.push_str(
                    captures
                        .get(number as usize)
                        .map_or("", |group| group.as_str()),
                );
            }
            other => out.push(other),
        }
    }
}
