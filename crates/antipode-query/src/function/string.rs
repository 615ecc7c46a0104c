//! Text: parts, search, case, splitting and joining. What is no string is taken as its text; positions and lengths
//! count characters.

use antipode_value::{Array, Object, Str, Value};

use super::argument::{optional, truncated};
use super::matches::Matches;
use super::{CallContext, Function, MANY, pure, volatile};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[
    pure(
        "CHAR_LENGTH",
        1,
        1,
        char_length,
        "CHAR_LENGTH(text): number of characters.\n\
         - text: text\n\
         > number\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         CHAR_LENGTH(\"añ\") // 2\n\
         CHAR_LENGTH(12.5) // 4",
    ),
    pure(
        "CONCAT",
        1,
        MANY,
        concat,
        "CONCAT(value, …): the texts of all values, or of the elements of one array; null adds nothing.\n\
         - value: any value; of one array alone its elements\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         CONCAT(\"a\", 1, null, true) // \"a1true\"\n\
         CONCAT([\"x\", [1]]) // \"x[1]\"",
    ),
    pure(
        "CONCAT_SEPARATOR",
        2,
        MANY,
        concat_separator,
        "CONCAT_SEPARATOR(separator, value, …): as CONCAT, with the separator between what is not null.\n\
         - separator: text\n\
         - value: any value; of one array alone its elements\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         CONCAT_SEPARATOR(\"-\", 1, null, 2) // \"1-2\"",
    ),
    pure(
        "CONTAINS",
        2,
        3,
        contains,
        "CONTAINS(text, search, returnIndex): whether, or where, search occurs in text.\n\
         - text: text\n\
         - search: text; the empty text is found nowhere\n\
         - returnIndex: true or false; whether to give the position instead, or -1\n\
         > bool or number\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         CONTAINS(\"foobar\", \"bar\") // true\n\
         CONTAINS(\"foobar\", \"bar\", true) // 3",
    ),
    pure(
        "FIND_FIRST",
        2,
        4,
        find_first,
        "FIND_FIRST(text, search, start, end): position of the first match between start and end, or -1.\n\
         - text: text\n\
         - search: text\n\
         - start: number; the first position at which a match may begin, 0 if left out\n\
         - end: number; the last position that a match may cover, no bound if left out or null\n\
         > number\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         FIND_FIRST(\"foobarbaz\", \"ba\", 4) // 6",
    ),
    pure(
        "FIND_LAST",
        2,
        4,
        find_last,
        "FIND_LAST(text, search, start, end): position of the last match between start and end, or -1.\n\
         - text: text\n\
         - search: text\n\
         - start: number; the first position at which a match may begin, 0 if left out\n\
         - end: number; the last position that a match may cover, no bound if left out or null\n\
         > number\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         FIND_LAST(\"foobarbaz\", \"ba\", 0, 4) // 3",
    ),
    pure(
        "LEFT",
        2,
        2,
        left,
        "LEFT(text, n): the first n characters.\n\
         - text: text\n\
         - n: number; not above 0 gives the empty text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LEFT(\"foobar\", 3) // \"foo\"",
    ),
    pure(
        "RIGHT",
        2,
        2,
        right,
        "RIGHT(text, n): the last n characters.\n\
         - text: text\n\
         - n: number; not above 0 gives the empty text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         RIGHT(\"foobar\", 3) // \"bar\"",
    ),
    pure(
        "SUBSTRING",
        2,
        3,
        substring,
        "SUBSTRING(text, offset, length): a part of text; a negative offset counts from the end.\n\
         - text: text\n\
         - offset: number; negative from the end\n\
         - length: number; the rest if left out\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         SUBSTRING(\"Antipode\", -4, 2) // \"po\"",
    ),
    pure(
        "SUBSTRING_BYTES",
        2,
        5,
        substring_bytes,
        "SUBSTRING_BYTES(text, offset, length, left, right): a part by bytes, widened by characters.\n\
         - text: text\n\
         - offset: number; in bytes, negative from the end\n\
         - length: number; in bytes, the rest if left out or null\n\
         - left: number; characters to add in front\n\
         - right: number; characters to add behind, as many as left if left out\n\
         > string or null\n\
         ! What is no text, and a part that begins or ends inside a character, is warning 10 and null.\n\
         SUBSTRING_BYTES(\"We ❤ it\", 3, 3) // \"❤\"",
    ),
    pure(
        "LOWER",
        1,
        1,
        lower,
        "LOWER(text): text in lower case.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LOWER(\"ÀB1\") // \"àb1\"",
    ),
    pure(
        "UPPER",
        1,
        1,
        upper,
        "UPPER(text): text in upper case.\n\
         - text: text\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         UPPER(\"àb1\") // \"ÀB1\"",
    ),
    pure(
        "TRIM",
        1,
        2,
        trim,
        "TRIM(text, chars): text without chars (blanks) at both ends; 1 or 2 instead of chars: at the start or end only.\n\
         - text: text\n\
         - chars: text; line ends, blank and tabulator if left out; a number says at which ends\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         TRIM(\"--[x]--\", \"-[]\") // \"x\"",
    ),
    pure(
        "LTRIM",
        1,
        2,
        trim_start,
        "LTRIM(text, chars): text without chars (blanks) at the start.\n\
         - text: text\n\
         - chars: text; line ends, blank and tabulator if left out\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         LTRIM(\"  a \") // \"a \"",
    ),
    pure(
        "RTRIM",
        1,
        2,
        trim_end,
        "RTRIM(text, chars): text without chars (blanks) at the end.\n\
         - text: text\n\
         - chars: text; line ends, blank and tabulator if left out\n\
         > string\n\
         ! What is no text is taken as its text, as TO_STRING gives it.\n\
         RTRIM(\"  a \") // \"  a\"",
    ),
    pure(
        "SPLIT",
        1,
        3,
        split,
        "SPLIT(text, separator, limit): the parts between separators.\n\
         - text: text\n\
         - separator: text, or an array of several; the empty text separates all characters\n\
         - limit: number; most parts, the rest is dropped\n\
         > array or null\n\
         ! An object as separator, and a limit that is no number, is warning 1542 and null; a negative limit is null.\n\
         SPLIT(\"a,b;c\", [\",\", \";\"]) // [\"a\",\"b\",\"c\"]",
    ),
    pure(
        "SUBSTITUTE",
        2,
        4,
        substitute,
        "SUBSTITUTE(text, search, replace, limit): text with what is found replaced; or SUBSTITUTE(text, {search: replace}, limit).\n\
         - text: text\n\
         - search: text, an array of texts, or an object of texts with what replaces them\n\
         - replace: text, or an array of one for each search; nothing if left out\n\
         - limit: number; most replacements, all if left out or negative\n\
         > string or null\n\
         ! Anything else is warning 1542 and null. A fourth argument beside an object is warning 1541 and null.\n\
         SUBSTITUTE(\"abc\", [\"a\", \"c\"], [\"1\"]) // \"1b\"\n\
         SUBSTITUTE(\"aaa\", {a: \"b\"}, 2) // \"bba\"",
    ),
    pure(
        "REVERSE",
        1,
        1,
        reverse,
        "REVERSE(value): the characters of a text or the elements of an array from last to first.\n\
         - value: text or array\n\
         > string, array or null\n\
         ! What is neither is warning 1563 and null.\n\
         REVERSE(\"abc\") // \"cba\"",
    ),
    pure(
        "REPEAT",
        2,
        3,
        repeat,
        "REPEAT(text, count, separator): text count times.\n\
         - text: text\n\
         - count: number\n\
         - separator: text; stands between the copies\n\
         > string or null\n\
         ! A negative count is warning 1542 and null; more than 16 MiB is warning 32 and null.\n\
         REPEAT(5, 2, \"|\") // \"5|5\"",
    ),
    pure(
        "TO_CHAR",
        1,
        1,
        to_char,
        "TO_CHAR(codepoint): the character with this number.\n\
         - codepoint: number\n\
         > string or null\n\
         ! What is no number, or no character's number, is warning 1542 and null.\n\
         TO_CHAR(216) // \"Ø\"",
    ),
    volatile(
        "RANDOM_TOKEN",
        1,
        1,
        random_token,
        "RANDOM_TOKEN(length): random letters and digits.\n\
         - length: number, 0 to 65536\n\
         > string\n\
         ! A length outside is error 1542.\n\
         CHAR_LENGTH(RANDOM_TOKEN(8)) // 8",
    ),
    volatile(
        "UUID",
        0,
        0,
        uuid,
        "UUID(): a random UUID.\n\
         > string\n\
         CHAR_LENGTH(UUID()) // 36",
    ),
];

/// What TRIM takes off unless told otherwise.
const BLANKS: &str = "\r\n \t";
/// Longest text that REPEAT makes, in bytes.
const REPEAT_BYTES_MAX: usize = 16 << 20;
/// Longest random token.
const TOKEN_CHARS_MAX: i64 = 65_536;

fn char_length(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::from(count_chars(&context.text_of(&arguments[0])))
}

/// Number of characters.
pub(super) fn count_chars(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().count()
    }
}

fn concat(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    join(context, "", arguments)
}

fn concat_separator(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    join(context, &arguments[0].to_text(), &arguments[1..])
}

/// The texts of the values that are not null, or of the elements of the one array, with `separator` between them.
fn join(context: &mut CallContext<'_>, separator: &str, values: &[Value]) -> Value {
    let mut out = String::new();
    let mut first = true;
    let mut add = |value: &Value| {
        if value.is_null() {
            return true;
        }
        if !first {
            out.push_str(separator);
        }
        first = false;
        let text = context.text_of(value);
        let affordable = context.affords(out.len().saturating_add(text.len()));
        if affordable {
            out.push_str(&text);
        }
        affordable
    };
    let whole = match values {
        [Value::Array(array)] => array.iter().all(|item| add(&item)),
        values => values.iter().all(add),
    };
    if whole { Value::from(out) } else { Value::Null }
}

/// The byte at which character `position` begins, or the end of the text.
fn byte_of(text: &str, position: usize) -> usize {
    if text.is_ascii() {
        return position.min(text.len());
    }
    text.char_indices()
        .nth(position)
        .map_or(text.len(), |(byte, _)| byte)
}

/// The characters from `start` on, at most `length`.
fn part(text: &str, start: usize, length: usize) -> &str {
    let rest = text.get(byte_of(text, start)..).unwrap_or_default();
    rest.get(..byte_of(rest, length)).unwrap_or_default()
}

/// A count given as a number: negative ones are 0.
fn count(value: &Value) -> usize {
    usize::try_from(value.to_int()).unwrap_or(0)
}

fn contains(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (text, search) = (arguments[0].to_text(), arguments[1].to_text());
    let byte = if search.is_empty() {
        None
    } else {
        text.find(search.as_str())
    };
    if !optional(arguments, 2).truthy() {
        return Value::Bool(byte.is_some());
    }
    match byte.and_then(|byte| text.get(..byte)) {
        Some(before) => Value::from(count_chars(before)),
        None => Value::Int(-1),
    }
}

fn find_first(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    find(arguments, false)
}

fn find_last(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    find(arguments, true)
}

fn find(arguments: &[Value], last: bool) -> Value {
    const NOT_FOUND: Value = Value::Int(-1);
    let (text, search) = (arguments[0].to_text(), arguments[1].to_text());
    let start = optional(arguments, 2).to_int();
    let end = match optional(arguments, 3) {
        Value::Null => None,
        end => Some(end.to_int()),
    };
    if start < 0 || end.is_some_and(|end| end < start) {
        return NOT_FOUND;
    }
    let characters = count_chars(&text);
    // What lies in front of `stop` may be part of a match.
    let stop = end.map_or(characters, |end| count(&Value::Int(end.saturating_add(1))));
    let start = count(&Value::Int(start));
    if search.is_empty() {
        return Value::from(match (last, end) {
            (false, _) => start,
            (true, None) => characters,
            (true, Some(_)) => stop,
        });
    }
    let Some(length) = stop.checked_sub(start) else {
        return NOT_FOUND;
    };
    let window = part(&text, start, length);
    let byte = if last {
        window.rfind(search.as_str())
    } else {
        window.find(search.as_str())
    };
    match byte.and_then(|byte| window.get(..byte)) {
        Some(before) => Value::from(start + count_chars(before)),
        None => NOT_FOUND,
    }
}

fn left(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::from(part(&arguments[0].to_text(), 0, count(&arguments[1])))
}

fn right(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text();
    let start = count_chars(&text).saturating_sub(count(&arguments[1]));
    Value::from(part(&text, start, usize::MAX))
}

fn substring(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text();
    let offset = arguments[1].to_int();
    let start = match usize::try_from(offset) {
        Ok(start) => start,
        Err(_) => {
            let from_end = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            count_chars(&text).saturating_sub(from_end)
        }
    };
    let length = arguments.get(2).map_or(usize::MAX, count);
    Value::from(part(&text, start, length))
}

fn substring_bytes(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Value::String(text) = &arguments[0] else {
        return bad_parameter(context);
    };
    let offset = arguments[1].to_int();
    let start = match usize::try_from(offset) {
        Ok(start) => start.min(text.len()),
        Err(_) => text
            .len()
            .saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let end = match optional(arguments, 2) {
        Value::Null => text.len(),
        length => start.saturating_add(count(length)).min(text.len()),
    };
    if !text.is_char_boundary(start) || !text.is_char_boundary(end) {
        return bad_parameter(context);
    }
    let left = count(optional(arguments, 3));
    let right = match optional(arguments, 4) {
        Value::Null => left,
        right => count(right),
    };
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let wider_start = match left.checked_sub(1) {
        None => start,
        Some(steps) => before
            .char_indices()
            .rev()
            .nth(steps)
            .map_or(0, |(byte, _)| byte),
    };
    let wider_end = end + byte_of(after, right);
    Value::from(text.get(wider_start..wider_end).unwrap_or_default())
}

fn bad_parameter(context: &mut CallContext<'_>) -> Value {
    let message = format!(
        "bad parameter in call to function '{}()'",
        context.function_name()
    );
    context.warn(Code::BadParameter, message);
    Value::Null
}

fn lower(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::from(arguments[0].to_text().to_lowercase())
}

fn upper(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::from(arguments[0].to_text().to_uppercase())
}

/// The text of argument 0 without `chars` at the chosen ends.
fn trimmed(text: &str, chars: &str, at_start: bool, at_end: bool) -> Value {
    let wanted = |character: char| chars.contains(character);
    let text = if at_start {
        text.trim_start_matches(wanted)
    } else {
        text
    };
    let text = if at_end {
        text.trim_end_matches(wanted)
    } else {
        text
    };
    Value::from(text)
}

/// The characters that argument 1 names.
fn trim_chars(arguments: &[Value]) -> Str {
    match arguments.get(1) {
        None => Str::from_static(BLANKS),
        Some(chars) => chars.to_text(),
    }
}

fn trim(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text();
    match truncated(optional(arguments, 1)) {
        Some(1) => trimmed(&text, BLANKS, true, false),
        Some(2) => trimmed(&text, BLANKS, false, true),
        Some(_) => trimmed(&text, BLANKS, true, true),
        None => trimmed(&text, &trim_chars(arguments), true, true),
    }
}

fn trim_start(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    trimmed(&arguments[0].to_text(), &trim_chars(arguments), true, false)
}

fn trim_end(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    trimmed(&arguments[0].to_text(), &trim_chars(arguments), false, true)
}

/// What the limit of SPLIT and REGEX_SPLIT says.
pub(super) enum Limit {
    /// This many parts, or any number.
    AtMost(usize),
    /// The result is null.
    Null,
}

/// Reads the limit of SPLIT and REGEX_SPLIT; warns if it is no number.
pub(super) fn split_limit(context: &mut CallContext<'_>, limit: Option<&Value>) -> Limit {
    match limit.map(truncated) {
        None => Limit::AtMost(usize::MAX),
        Some(Some(limit)) => usize::try_from(limit).map_or(Limit::Null, Limit::AtMost),
        Some(None) => {
            context.wrong_type();
            Limit::Null
        }
    }
}

fn split(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text();
    let Some(separator) = arguments.get(1) else {
        return Value::array([text]);
    };
    let Limit::AtMost(limit) = split_limit(context, arguments.get(2)) else {
        return Value::Null;
    };
    let separators: Vec<Str> = match separator {
        Value::Object(_) => return context.wrong_type(),
        Value::Array(array) => array.iter().map(|item| item.to_text()).collect(),
        other => vec![other.to_text()],
    };
    if separators.iter().all(|separator| separator.is_empty()) {
        if !context.affords_elements(text.len().min(limit)) {
            return Value::Null;
        }
        return text
            .chars()
            .take(limit)
            .map(Str::from)
            .collect::<Array>()
            .into();
    }
    let mut parts: Vec<Value> = Vec::new();
    let mut matches = Matches::new(&text, &separators);
    let mut behind = 0;
    while parts.len() < limit {
        if !context.affords_elements(parts.len()) {
            return Value::Null;
        }
        let Some((byte, which)) = matches.next(context) else {
            parts.push(Value::from(text.get(behind..).unwrap_or_default()));
            break;
        };
        parts.push(Value::from(text.get(behind..byte).unwrap_or_default()));
        behind = byte + separators[which].len();
    }
    Value::from(parts)
}

fn substitute(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let text = arguments[0].to_text();
    let (pairs, limit) = match &arguments[1] {
        Value::Object(mapping) => {
            if arguments.len() > 3 {
                let message = "SUBSTITUTE with an object takes at most 3 arguments";
                context.warn(Code::FunctionArgumentNumber, message);
                return Value::Null;
            }
            (mapped(mapping), arguments.get(2))
        }
        search => (paired(search, arguments.get(2)), arguments.get(3)),
    };
    let Some((searches, replacements)) = pairs else {
        return context.wrong_type();
    };
    let mut left = match limit.map(truncated) {
        None => usize::MAX,
        Some(Some(limit)) => usize::try_from(limit).unwrap_or(usize::MAX),
        Some(None) => return context.wrong_type(),
    };
    let mut out = String::with_capacity(text.len());
    let mut matches = Matches::new(&text, &searches);
    let mut behind = 0;
    while left > 0
        && let Some((byte, which)) = matches.next(context)
    {
        out.push_str(text.get(behind..byte).unwrap_or_default());
        out.push_str(&replacements[which]);
        behind = byte + searches[which].len();
        left -= 1;
        if !context.affords(out.len()) {
            return Value::Null;
        }
    }
    out.push_str(text.get(behind..).unwrap_or_default());
    Value::from(out)
}

/// Searches and what replaces each.
type Replacements = (Vec<Str>, Vec<Str>);

/// The pairs of a mapping; `None` if a value is neither string nor null.
fn mapped(mapping: &Object) -> Option<Replacements> {
    let mut pairs = Replacements::default();
    for (search, replacement) in mapping {
        pairs.0.push(search);
        pairs.1.push(match replacement {
            Value::Null => Str::EMPTY,
            Value::String(text) => text,
            _ => return None,
        });
    }
    Some(pairs)
}

/// The pairs of a string or an array of strings with its replacements; `None` if a type is wrong.
fn paired(search: &Value, replace: Option<&Value>) -> Option<Replacements> {
    let strings = |array: &Array| -> Option<Vec<Str>> {
        array
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text),
                _ => None,
            })
            .collect()
    };
    let searches = match search {
        Value::String(text) => vec![text.clone()],
        Value::Array(array) => strings(array)?,
        _ => return None,
    };
    let replacements = match replace {
        None => vec![Str::EMPTY; searches.len()],
        Some(Value::String(text)) => vec![text.clone(); searches.len()],
        Some(Value::Array(array)) => {
            let mut replacements = strings(array)?;
            replacements.resize(searches.len(), Str::EMPTY);
            replacements
        }
        Some(_) => return None,
    };
    Some((searches, replacements))
}

fn reverse(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    match &arguments[0] {
        Value::String(text) => Value::from(text.chars().rev().collect::<String>()),
        Value::Array(array) => Value::Array(array.iter().rev().collect()),
        _ => context.not_an_array(),
    }
}

fn repeat(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (text, separator) = (arguments[0].to_text(), optional(arguments, 2).to_text());
    let Ok(count) = usize::try_from(arguments[1].to_int()) else {
        return context.wrong_type();
    };
    let bytes = text.len().checked_mul(count).and_then(|bytes| {
        let separators = separator.len().checked_mul(count.saturating_sub(1))?;
        bytes.checked_add(separators)
    });
    if bytes.is_none_or(|bytes| bytes > REPEAT_BYTES_MAX) {
        context.warn(
            Code::ResourceLimit,
            "REPEAT would make a text of more than 16 MiB",
        );
        return Value::Null;
    }
    let bytes = bytes.unwrap_or_default();
    // Nothing stays nothing, however often it is said.
    if bytes == 0 {
        return Value::EMPTY_STRING;
    }
    if !context.affords(bytes) {
        return Value::Null;
    }
    let mut out = String::with_capacity(bytes);
    for position in 0..count {
        if position > 0 {
            out.push_str(&separator);
        }
        out.push_str(&text);
    }
    Value::from(out)
}

fn to_char(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let code_point = truncated(&arguments[0]).and_then(|number| u32::try_from(number).ok());
    match code_point.and_then(char::from_u32) {
        Some(character) => Value::String(Str::from(character)),
        None => context.wrong_type(),
    }
}

fn random_token(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let length = arguments[0].to_int();
    if !(0..=TOKEN_CHARS_MAX).contains(&length) {
        let message = format!("RANDOM_TOKEN makes 0 to {TOKEN_CHARS_MAX} characters");
        context.raise(Code::FunctionArgumentType, message);
        return Value::Null;
    }
    let random = |_| char::from(CHARACTERS[(context.random() % 62) as usize]);
    Value::from((0..length).map(random).collect::<String>())
}

fn uuid(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    let bits = u128::from(context.random()) << 64 | u128::from(context.random());
    // Version 4 and the variant of RFC 9562.
    let bits = bits & !(0xF << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|range| hex.get(range).unwrap_or_default());
    Value::from(parts.join("-"))
}
