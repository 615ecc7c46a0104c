//! Ranges of keys: `d._key >= "a" AND d._key < "b"` compares by the collation, the primary index lies by bytes.
//!
//! Of keys the collation looks at the letters first, whatever their case, in an order of its own: punctuation, digits,
//! letters. So the keys between two others lie in a few ranges of bytes, one for each first letter in either case, and
//! so on where a letter is that of an end itself. The ranges may hold keys that are not between; none that is is left
//! out.

use std::ops::Bound;
use std::sync::OnceLock;

use antipode_value::compare_text;

use crate::source::KeyBounds;

/// Characters of keys beside letters and digits.
pub(crate) const PUNCTUATION: &str = "_-:.@()+,=;$!*'%";
/// So many prefixes are looked at; further ones are taken whole.
const STEPS_MAX: usize = 64;

/// The characters of keys in the order of the collation, those together that differ by case alone.
fn letters() -> &'static [Vec<char>] {
    static LETTERS: OnceLock<Vec<Vec<char>>> = OnceLock::new();
    LETTERS.get_or_init(|| {
        let mut all: Vec<char> = ('0'..='9')
            .chain('a'..='z')
            .chain(PUNCTUATION.chars())
            .collect();
        all.sort_by(|a, b| compare_text(a.encode_utf8(&mut [0; 4]), b.encode_utf8(&mut [0; 4])));
        let cases = |letter: char| match letter.to_ascii_uppercase() {
            upper if upper != letter => vec![letter, upper],
            _ => vec![letter],
        };
        all.into_iter().map(cases).collect()
    })
}

/// An end of a range: the places of its letters in [`letters`], and as it is written.
struct End {
    places: Vec<usize>,
    text: Vec<char>,
    /// All of its letters are there; else it goes on with what no key has.
    whole: bool,
}

impl End {
    fn of(text: &str) -> End {
        let place = |letter: char| letters().iter().position(|cases| cases.contains(&letter));
        let mut places: Vec<usize> = text.chars().map_while(place).collect();
        let whole = places.len() == text.chars().count();
        if !whole {
            // What follows may change what the letter before it counts as.
            places.pop();
        }
        End {
            text: text.chars().take(places.len()).collect(),
            places,
            whole,
        }
    }
}

/// Ranges of bytes, ascending and apart, that hold every key from `lower` to `upper`.
pub(crate) fn ranges(lower: Option<&str>, upper: Option<&str>) -> Vec<KeyBounds> {
    let (lower, upper) = (lower.map(End::of), upper.map(End::of));
    let mut search = Search {
        lower: lower.as_ref(),
        upper: upper.as_ref(),
        steps: 0,
        found: Vec::new(),
    };
    search.step(&mut String::new(), lower.is_some(), upper.is_some());
    search.merged()
}

struct Search<'e> {
    lower: Option<&'e End>,
    upper: Option<&'e End>,
    steps: usize,
    /// From, and up to but without.
    found: Vec<(String, Option<String>)>,
}

impl Search<'_> {
    /// Looks at the keys that begin with a prefix, which is as far as it goes that of the ends that still bind.
    fn step(&mut self, prefix: &mut String, below: bool, above: bool) {
        self.steps += 1;
        let at = prefix.len();
        let lower = self.lower.filter(|end| below && at < end.places.len());
        let mut upper = self.upper.filter(|_| above);
        if let Some(end) = upper
            && at >= end.places.len()
        {
            if end.whole {
                // Whatever is longer is behind the end.
                self.found
                    .push((prefix.clone(), Some(format!("{prefix}\0"))));
                return;
            }
            upper = None;
        }
        if (lower.is_none() && upper.is_none()) || self.steps > STEPS_MAX {
            self.all_with(prefix);
            return;
        }
        if lower.is_none() {
            self.found
                .push((prefix.clone(), Some(format!("{prefix}\0"))));
        }
        let place = |end: Option<&End>| end.and_then(|end| end.places.get(at).copied());
        let (first, last) = (place(lower), place(upper));
        let inside = first.unwrap_or(0)..=last.unwrap_or(letters().len() - 1);
        for (place, cases) in letters().iter().enumerate() {
            if !inside.contains(&place) {
                continue;
            }
            let mut cases = cases.clone();
            let written = |end: Option<&End>| end.and_then(|end| end.text.get(at).copied());
            // As it is written first: there the steps are spent best.
            cases.sort_by_key(|letter| {
                Some(*letter) != written(lower) && Some(*letter) != written(upper)
            });
            for letter in cases {
                prefix.push(letter);
                let (below, above) = (first == Some(place), last == Some(place));
                if below || above {
                    self.step(prefix, below, above);
                } else {
                    self.all_with(prefix);
                }
                prefix.pop();
            }
        }
    }

    fn all_with(&mut self, prefix: &str) {
        let mut end = prefix.to_owned();
        // The letters of keys are ASCII, and none is the last of it.
        let next = end
            .pop()
            .and_then(|last| char::from_u32(u32::from(last) + 1));
        self.found.push((
            prefix.to_owned(),
            next.map(|next| {
                end.push(next);
                end
            }),
        ));
    }

    fn merged(mut self) -> Vec<KeyBounds> {
        self.found.sort();
        let mut merged: Vec<(String, Option<String>)> = Vec::new();
        for (from, to) in self.found {
            match merged.last_mut() {
                Some((_, end)) if end.as_ref().is_none_or(|end| *end >= from) => {
                    if let (Some(known), Some(to)) = (&*end, &to) {
                        if to > known {
                            *end = Some(to.clone());
                        }
                    } else {
                        *end = None;
                    }
                }
                _ => merged.push((from, to)),
            }
        }
        let bounds = |(from, to): (String, Option<String>)| KeyBounds {
            lower: Bound::Included(from),
            upper: to.map_or(Bound::Unbounded, Bound::Excluded),
            reverse: false,
        };
        merged.into_iter().map(bounds).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(ranges: &[KeyBounds], key: &str) -> bool {
        ranges.iter().any(|range| range.contains(key))
    }

    #[test]
    fn no_key_between_is_left_out() {
        let letters: Vec<char> = "aAbBzZ019_-:.@%".chars().collect();
        let mut state = 1_u64;
        let mut below = |end: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end
        };
        let mut left_out = 0;
        for round in 0..20_000 {
            let mut text = |extra: &str| {
                let mut text: String = (0..1 + below(5))
                    .map(|_| letters[below(letters.len())])
                    .collect();
                if below(8) == 0 {
                    text.push_str(extra);
                }
                text
            };
            let (key, a, b) = (text("a"), text("ä"), text("\u{301}b ~"));
            let lower = (round % 3 != 0).then_some(a.as_str());
            let upper = (round % 3 != 1).then_some(b.as_str());
            let between = lower.is_none_or(|lower| compare_text(&key, lower).is_ge())
                && upper.is_none_or(|upper| compare_text(&key, upper).is_le());
            let held = holds(&ranges(lower, upper), &key);
            assert!(held || !between, "{key} from {lower:?} to {upper:?}");
            left_out += u32::from(!held);
        }
        assert!(left_out > 2_000, "only {left_out} keys were left out");
    }

    #[test]
    fn numbers_with_the_same_digits_lie_together() {
        let ranges = ranges(Some("100250"), Some("100299"));
        for inside in ["100250", "100251", "100288", "100299"] {
            assert!(holds(&ranges, inside), "{inside}");
        }
        for outside in ["100249", "1003", "2", "0", "a", ""] {
            assert!(!holds(&ranges, outside), "{outside}");
        }
    }

    #[test]
    fn the_case_of_a_common_prefix_does_not_spoil_the_range() {
        let ranges = ranges(Some("customer00012"), Some("customer00014"));
        assert!(holds(&ranges, "customer00013"));
        assert!(!holds(&ranges, "customer00015"));
        assert!(!holds(&ranges, "customer0001"));
        assert!(!holds(&ranges, "customer2"));
    }
}
