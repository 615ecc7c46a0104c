//! `replace-like-with-range`: `d.a LIKE "ab%"` says too that `"ab" <= d.a AND d.a < "ac"`, which an index on `a` answers.
//!
//! LIKE stays and decides, so the range may be too wide but never too narrow. What it takes for granted is the order of
//! texts that begin with the letters a to z: nothing that follows such a letter gives it another place in the order, as
//! tests hold against every character there is. LIKE compares the text of whatever stands in the attribute; only texts
//! begin with a letter, but for the words of the language, which are left alone.

use antipode_value::{Str, Value};

use super::conditions::{Scope, each_condition, flatten_and};
use crate::expression::{Comparison, Expression};
use crate::index::IndexKind;
use crate::plan::{Enumerate, Node, NodeKind, Pipeline};

/// What other values than texts can be as texts.
const WORDS: [&str; 3] = ["true", "false", "null"];

/// Puts the range of a LIKE behind it, if there is an index that could answer it.
pub(super) fn apply(pipeline: &mut Pipeline) -> bool {
    let mut ranges: Vec<(usize, Expression)> = Vec::new();
    for position in 0..pipeline.nodes.len() {
        each_condition(
            pipeline,
            position,
            &mut |enumerate, place, condition, scope| {
                let mut parts = Vec::new();
                flatten_and(condition, &mut parts);
                let found = parts.into_iter().filter_map(|part| {
                    let part = scope.meaning(part);
                    range(part, enumerate, scope).map(|range| (place, range))
                });
                ranges.extend(found);
            },
        );
    }
    let changed = !ranges.is_empty();
    ranges.sort_by_key(|(place, _)| *place);
    for (place, range) in ranges.into_iter().rev() {
        let id = pipeline.nodes.get(place).map_or(0, |node| node.id);
        let kind = NodeKind::Filter(range);
        pipeline.nodes.insert(place + 1, Node { id, kind });
    }
    changed
}

/// The range that a LIKE of an indexed attribute implies.
fn range<'p>(
    condition: &'p Expression,
    enumerate: &Enumerate,
    scope: &Scope<'p>,
) -> Option<Expression> {
    let Expression::Call(function, arguments) = condition else {
        return None;
    };
    let (attribute, pattern) = match arguments.as_slice() {
        [attribute, Expression::Constant(Value::String(pattern))] if function.name == "LIKE" => {
            (attribute, pattern)
        }
        _ => return None,
    };
    let path: Vec<&Str> = scope.attribute(attribute)?;
    let indexed = enumerate.indexes.iter().any(|index| {
        let mut fields = index.fields.iter();
        let is_field =
            fields.any(|field| field.each.is_none() && path.iter().copied().eq(field.path.iter()));
        index.kind == IndexKind::Persistent && is_field
    });
    let (lower, upper) = bounds(pattern).filter(|_| indexed)?;
    let compare = |comparison, bound: String| {
        let bound = Expression::Constant(Value::from(bound));
        Expression::Compare(comparison, Box::new([attribute.clone(), bound]))
    };
    let from = compare(Comparison::GreaterOrEqual, lower);
    Some(match upper {
        None => from,
        Some(upper) => Expression::And(Box::new([from, compare(Comparison::Less, upper)])),
    })
}

/// The least text that a pattern can match, and one above all that it can match, if it begins with letters.
fn bounds(pattern: &str) -> Option<(String, Option<String>)> {
    let letters = |letter: &char| letter.is_ascii_lowercase();
    let lower: String = pattern.chars().take_while(letters).collect();
    if lower.is_empty() || WORDS.iter().any(|word| word.starts_with(lower.as_str())) {
        return None;
    }
    let mut upper = lower.trim_end_matches('z').to_owned();
    let upper = upper.pop().map(|last| {
        // Behind a letter that is not z comes another one.
        upper.push(char::from_u32(u32::from(last) + 1).unwrap_or('z'));
        upper
    });
    Some((lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use antipode_value::compare;

    #[test]
    fn bounds_of_patterns() {
        let bounds = |pattern: &str| {
            let (lower, upper) = bounds(pattern)?;
            Some(format!("{lower} {}", upper.unwrap_or_default()))
        };
        for (pattern, expected) in [
            ("ab%", "ab ac"),
            ("ab_d%", "ab ac"),
            ("abC%", "ab ac"),
            ("azz%", "azz b"),
            ("az", "az b"),
            ("zz%", "zz "),
            ("trx%", "trx try"),
            ("fall%", "fall falm"),
        ] {
            assert_eq!(bounds(pattern).as_deref(), Some(expected), "{pattern}");
        }
        for pattern in [
            "%", "", "_a", "A%", "1%", "\\%a", "ä%", "t%", "true", "fal%", "nul_",
        ] {
            assert_eq!(bounds(pattern), None, "{pattern}");
        }
    }

    /// What the range takes for granted, for every character that can follow a letter.
    #[test]
    fn whatever_follows_a_letter_leaves_it_in_its_place() {
        let text = |text: String| Value::from(text);
        for letter in 'a'..='z' {
            let pattern = format!("q{letter}%");
            let (lower, upper) = bounds(&pattern).unwrap();
            let (lower, upper) = (text(lower), text(upper.unwrap()));
            // All of them for some letters that other languages join with what follows; every so many for the others.
            let step = if "chlnz".contains(letter) { 1 } else { 41 };
            for following in ('\0'..=char::MAX).step_by(step) {
                for tail in ["", "a", "z", "\u{ffff}"] {
                    let found = text(format!("q{letter}{following}{tail}"));
                    assert!(compare(&lower, &found).is_lt(), "{found:?}");
                    assert!(compare(&found, &upper).is_lt(), "{found:?}");
                    if step == 1 {
                        break;
                    }
                }
            }
        }
    }
}
