//! The collation of strings: the Unicode root collation, upper case first, ties broken by code point.
//!
//! Its data is compiled in, so it is the same in every build of a release and in every region.
//!
//! Text that is printable ASCII takes a short way. There the root collation gives each character a primary weight of
//! its own, equal only for the two cases of a letter, and knows no contraction or expansion; case decides only between
//! texts whose primaries are all equal, that is which have the same length and differ in case alone, and then the
//! first difference decides, upper case first, which is also the order of the bytes. A test holds the short way to the
//! long one.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::preferences::CollationCaseFirst;
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};

static COLLATOR: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    let mut preferences = CollatorPreferences::default();
    preferences.case_first = Some(CollationCaseFirst::Upper);
    let mut options = CollatorOptions::default();
    options.strength = Some(Strength::Tertiary);
    // The data is part of the program; a build that lacks it fails its first test.
    Collator::try_new(preferences, options).expect("the root collation is compiled in")
});

/// Printable ASCII in the order of the root collation, without upper case.
const ASCII_ORDER: &[u8] =
    b" _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";

/// Rank of each printable ASCII character, 0 for all other bytes.
static ASCII_RANK: [u8; 256] = ascii_ranks();

const fn ascii_ranks() -> [u8; 256] {
    let mut ranks = [0; 256];
    let mut place = 0;
    while place < ASCII_ORDER.len() {
        let byte = ASCII_ORDER[place];
        ranks[byte as usize] = place as u8 + 1;
        ranks[byte.to_ascii_uppercase() as usize] = place as u8 + 1;
        place += 1;
    }
    ranks
}

/// Compares two texts by the collation; equal only if they are the same.
pub(crate) fn collate(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match collate_ascii(a.as_bytes(), b.as_bytes()) {
        Some(order) => order,
        None => COLLATOR.compare(a, b).then_with(|| a.cmp(b)),
    }
}

/// The order of two texts of printable ASCII; `None` if one of them has another character that could matter.
fn collate_ascii(a: &[u8], b: &[u8]) -> Option<Ordering> {
    // No early exit: this way the check takes many bytes at a time.
    let printable = |text: &[u8]| {
        let outside = |byte: &u8| u8::from(byte.wrapping_sub(b' ') > b'~' - b' ');
        text.iter().map(outside).fold(0, |any, one| any | one) == 0
    };
    if !printable(a) || !printable(b) {
        return None;
    }
    for (left, right) in a.iter().zip(b) {
        if left != right {
            let order = ASCII_RANK[usize::from(*left)].cmp(&ASCII_RANK[usize::from(*right)]);
            if order.is_ne() {
                return Some(order);
            }
        }
    }
    Some(a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
}

/// Appends the collation's sort key of `text`: bytes without zero that compare as the texts do, but for ties.
pub(crate) fn write_sort_key(text: &str, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let Ok(()) = COLLATOR.write_sort_key_to(text, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collate_long(a: &str, b: &str) -> Ordering {
        COLLATOR.compare(a, b).then_with(|| a.cmp(b))
    }

    #[test]
    fn single_ascii_characters_compare_as_the_collation_says() {
        let printable = || (0x20_u8..0x7F).map(char::from).map(String::from);
        for a in printable() {
            for b in printable() {
                assert_eq!(collate(&a, &b), collate_long(&a, &b), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn words_sort_as_in_a_dictionary() {
        let mut words = [
            "b", "a", "B", "A", "ä", "z", "é", "e", "Zebra", "äpfel", "apfel", "_x", "1", "a b",
            "ab",
        ];
        words.sort_by(|a, b| collate(a, b));
        let expected = [
            "_x", "1", "A", "a", "ä", "a b", "ab", "apfel", "äpfel", "B", "b", "e", "é", "z",
            "Zebra",
        ];
        assert_eq!(words, expected);
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_one(a in "[ -~]{0,12}", b in "[ -~]{0,12}", c in "[aAbB]{0,5}", d in "[aAbB]{0,5}") {
            prop_assert_eq!(collate(&a, &b), collate_long(&a, &b));
            prop_assert_eq!(collate(&c, &d), collate_long(&c, &d));
        }

        #[test]
        fn the_collation_is_a_total_order(a in "\\PC{0,6}", b in "\\PC{0,6}", c in "\\PC{0,6}") {
            prop_assert_eq!(collate(&a, &b), collate(&b, &a).reverse());
            prop_assert_eq!(collate(&a, &b).is_eq(), a == b);
            if collate(&a, &b).is_le() && collate(&b, &c).is_le() {
                prop_assert!(collate(&a, &c).is_le());
            }
        }
    }
}
