//! Analyzers: how a text becomes the words by which it is found. `identity` leaves it whole; those for languages split it
//! into words, write them small and without accents, and reduce them to their stems.

use antipode_value::{Array, Str, Value};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use super::argument::optional;
use super::{CallContext, Function, pure};
use crate::error::Code;

pub(super) const FUNCTIONS: &[Function] = &[pure(
    "TOKENS",
    1,
    2,
    tokens,
    "TOKENS(input, analyzer): the words that an analyzer makes of a text; of an array of texts, an array of words for each. \
     Analyzers are identity, which takes the whole text as one word, and text_de, text_en, text_es, text_fi, text_fr, \
     text_it, text_nl, text_no, text_pt, text_ru, text_sv and text_zh.\n\
         - input: text, or an array of texts, nested as one likes\n\
         - analyzer: name of an analyzer, identity if left out\n\
         > array or null\n\
         ! What is no text is warning 1542 and null. An unknown analyzer is error 10.\n\
         TOKENS(\"Quick Foxes\", \"text_en\") // [\"quick\",\"fox\"]\n\
         TOKENS([\"Two words\", [\"One\"]], \"text_en\") // [[\"two\",\"word\"],[[\"one\"]]]\n\
         TOKENS(\"Quick Foxes\") // [\"Quick Foxes\"]",
)];

/// The languages of the `text_` analyzers, each with the algorithm that finds its stems; Chinese has no endings.
const LANGUAGES: &[(&str, Option<Algorithm>)] = &[
    ("de", Some(Algorithm::German)),
    ("en", Some(Algorithm::English)),
    ("es", Some(Algorithm::Spanish)),
    ("fi", Some(Algorithm::Finnish)),
    ("fr", Some(Algorithm::French)),
    ("it", Some(Algorithm::Italian)),
    ("nl", Some(Algorithm::Dutch)),
    ("no", Some(Algorithm::Norwegian)),
    ("pt", Some(Algorithm::Portuguese)),
    ("ru", Some(Algorithm::Russian)),
    ("sv", Some(Algorithm::Swedish)),
    ("zh", None),
];

/// A way to make words of a text.
enum Analyzer {
    Identity,
    Text(Option<Stemmer>),
}

impl Analyzer {
    fn find(name: &str) -> Option<Analyzer> {
        if name == "identity" {
            return Some(Analyzer::Identity);
        }
        let language = name.strip_prefix("text_")?;
        let (_, algorithm) = LANGUAGES.iter().find(|(known, _)| *known == language)?;
        Some(Analyzer::Text(algorithm.map(Stemmer::create)))
    }

    fn words(&self, text: &Str) -> Value {
        match self {
            Analyzer::Identity => Value::array([text.clone()]),
            Analyzer::Text(stemmer) => {
                let plain = without_accents(&text.to_lowercase());
                let stem = |word: &str| match stemmer {
                    Some(stemmer) => Value::from(stemmer.stem(word).as_ref()),
                    None => Value::from(word),
                };
                plain.unicode_words().map(stem).collect::<Array>().into()
            }
        }
    }

    /// The words of a text, or of each text in an array; `None` if there is something else in it.
    fn analyze(&self, input: &Value) -> Option<Value> {
        match input {
            Value::String(text) => Some(self.words(text)),
            Value::Array(inputs) => {
                let words: Option<Vec<Value>> =
                    inputs.iter().map(|input| self.analyze(&input)).collect();
                words.map(Value::from)
            }
            _ => None,
        }
    }
}

/// The text with its letters taken apart, the marks left out, and what remains put together again.
fn without_accents(text: &str) -> String {
    let apart = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    // The combining marks that the Latin, Greek and Cyrillic scripts use.
    let letters: String = apart
        .chars()
        .filter(|letter| !('\u{300}'..='\u{36F}').contains(letter))
        .collect();
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&letters)
        .into_owned()
}

fn tokens(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let name = match arguments.get(1) {
        None => "identity",
        Some(Value::String(name)) => name.as_str(),
        Some(_) => return context.wrong_type(),
    };
    let Some(analyzer) = Analyzer::find(name) else {
        context.raise(
            Code::BadParameter,
            format!(
                "there is no analyzer '{}'",
                optional(arguments, 1).to_text()
            ),
        );
        return Value::Null;
    };
    // Words are made of a character and a blank at least.
    let texts = super::string::count_chars(&arguments[0].to_text());
    if !context.affords_elements(texts / 2) {
        return Value::Null;
    }
    match analyzer.analyze(&arguments[0]) {
        Some(words) => words,
        None => context.wrong_type(),
    }
}
