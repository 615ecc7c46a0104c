//! The words of a text, as fulltext indexes keep and ask for them.
//!
//! Words are what Unicode calls so (UAX 29), composed (NFC), in lower case, and cut to [`WORD_MAX`] characters.

use std::collections::BTreeSet;

use antipode_value::Value;
use icu_normalizer::ComposingNormalizer;
use unicode_segmentation::UnicodeSegmentation;

use super::{IndexInfo, IndexKind};

/// Longest word that is kept; longer ones are cut.
pub const WORD_MAX: usize = 40;

/// The words of a text of at least so many characters, each once.
pub fn of_text(text: &str, min_length: u32) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    add(text, min_length, &mut words);
    words
}

fn add(text: &str, min_length: u32, words: &mut BTreeSet<String>) {
    let text = ComposingNormalizer::new_nfc()
        .normalize(text)
        .to_lowercase();
    for word in text.unicode_words() {
        if word.chars().count() >= min_length as usize {
            words.insert(word.chars().take(WORD_MAX).collect());
        }
    }
}

/// The words of an indexed attribute: of a string, or of the strings directly in an array or object.
pub fn of_value(value: &Value, min_length: u32) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut add_string = |value: &Value| {
        if let Value::String(text) = value {
            add(text, min_length, &mut words);
        }
    };
    match value {
        Value::Array(array) => array.iter().for_each(|element| add_string(&element)),
        Value::Object(object) => object.values().for_each(|member| add_string(&member)),
        single => add_string(single),
    }
    words
}

/// The words of a document in a fulltext index; none in any other index.
pub fn of_document(index: &IndexInfo, document: &Value) -> BTreeSet<String> {
    match (index.kind, index.fields.first()) {
        (IndexKind::Fulltext { min_length }, Some(field)) => {
            of_value(&field.value(document), min_length)
        }
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_composed_and_in_lower_case() {
        let words = |text: &str, least| of_text(text, least).into_iter().collect::<Vec<_>>();
        assert_eq!(
            words("The quick, the BROWN fox.", 2),
            ["brown", "fox", "quick", "the"]
        );
        assert_eq!(words("a bc def", 3), ["def"]);
        assert_eq!(words("U\u{308}ber über", 2), ["über"]);
        assert_eq!(words("don't 3.14 foo_bar", 1), ["3.14", "don't", "foo_bar"]);
        assert_eq!(words(&"x".repeat(50), 2), ["x".repeat(40)]);
    }

    #[test]
    fn strings_in_an_array_or_object_count_those_below_do_not() {
        let words = |json: &str| of_value(&Value::from_json(json).unwrap(), 2).len();
        assert_eq!(words("[\"one two\", \"three\", 4, [\"five\"]]"), 3);
        assert_eq!(
            words("{\"en\": \"one\", \"de\": \"eins\", \"n\": {\"x\": \"y\"}}"),
            2
        );
        assert_eq!(words("17"), 0);
    }
}
