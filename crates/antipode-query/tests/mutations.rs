//! Damaged queries never panic: the queries of the golden scripts, with words lost, doubled, exchanged and mixed, are
//! compiled and run, and end in rows or in an error with a number.
//!
//! `SEED=n` runs one seed, `SEEDS=n` that many; `QUERIES=file` takes other queries, one a line.

#[path = "support/memory.rs"]
mod memory;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use antipode_query::{
    Cancel, CollectionKind, CompileOptions, Environment, Limits, compile, execute,
};
use antipode_value::Value;
use memory::Database;

struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end.max(1) as u64) as usize
    }
}

/// The tokens of a text.
fn words(text: &str) -> Vec<String> {
    antipode_c8ql::tokens(text)
        .map(|token| token.span.text(text).to_owned())
        .collect()
}

fn queries() -> Vec<Vec<String>> {
    if let Some(path) = std::env::var_os("QUERIES") {
        return std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(words)
            .collect();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut queries = Vec::new();
    for path in paths {
        for block in std::fs::read_to_string(path).unwrap().split("\n\n") {
            let input = block.split("\n---").next().unwrap_or("");
            let commands = [
                "#",
                "collection ",
                "edges ",
                "stream ",
                "put ",
                "bind ",
                "options ",
            ];
            let lines: Vec<&str> = input
                .lines()
                .filter(|line| !commands.iter().any(|command| line.starts_with(command)))
                .collect();
            let text = lines.join(" ");
            queries.push(words(text.strip_prefix("explain ").unwrap_or(&text)));
        }
    }
    queries
}

fn database() -> Database {
    let mut database = Database::new();
    for name in ["c", "t", "users", "posts", "other"] {
        database.create_collection(name, CollectionKind::Document);
    }
    for name in ["e", "follows"] {
        database.create_collection(name, CollectionKind::Edge);
    }
    database.create_stream("s");
    for key in ["a", "b", "k1", "ann"] {
        let json = format!(
            "{{\"_key\": \"{key}\", \"n\": 1, \"tags\": [1, \"x\"], \"o\": {{\"n\": null}}, \"name\": \"{key}\"}}"
        );
        for collection in ["c", "t", "users"] {
            database.put(collection, &Value::from_json(&json).unwrap());
        }
        let edge = format!("{{\"_key\": \"{key}\", \"_from\": \"c/{key}\", \"_to\": \"c/a\"}}");
        database.put("e", &Value::from_json(&edge).unwrap());
        database.put("follows", &Value::from_json(&edge).unwrap());
    }
    database
}

/// What kind of word it is, roughly: one of the same kind often fits in its place.
fn kind(word: &str) -> u8 {
    match word.chars().next() {
        Some(c) if c.is_ascii_digit() => 0,
        Some('"' | '\'') => 1,
        Some(c) if c.is_ascii_uppercase() => 2,
        Some(c) if c.is_alphabetic() || c == '_' || c == '@' => 3,
        Some('(' | ')' | '[' | ']' | '{' | '}' | ',' | ':') => 4,
        _ => 5,
    }
}

fn mutate(chance: &mut Chance, queries: &[Vec<String>]) -> String {
    let mut words = queries[chance.below(queries.len())].clone();
    let other = &queries[chance.below(queries.len())];
    for _ in 0..1 + chance.below(3) {
        let place = chance.below(words.len());
        if words.is_empty() || other.is_empty() {
            break;
        }
        match chance.below(16) {
            0 => {
                words.remove(place);
            }
            1 => {
                let word = words[place].clone();
                words.insert(place, word);
            }
            2 => {
                let with = chance.below(words.len());
                words.swap(place, with);
            }
            3 => {
                let start = chance.below(other.len());
                let end = (start + 1 + chance.below(12)).min(other.len());
                words.splice(place..place, other[start..end].iter().cloned());
            }
            4 => {
                let end = (place + 1 + chance.below(6)).min(words.len());
                words.drain(place..end);
            }
            _ => {
                let alike: Vec<&String> = other
                    .iter()
                    .filter(|word| kind(word) == kind(&words[place]))
                    .collect();
                if !alike.is_empty() {
                    words[place] = alike[chance.below(alike.len())].clone();
                }
            }
        }
    }
    words.join(" ")
}

fn check(seed: u64, queries: &[Vec<String>], database: &Database) -> bool {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    chance.below(2);
    let text = mutate(&mut chance, queries);
    let mut ran = false;
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let transaction = database.begin();
        let Ok(plan) = compile(
            &text,
            &Value::Null,
            &transaction,
            &CompileOptions::default(),
        ) else {
            return;
        };
        plan.explain_text();
        plan.explain_json();
        let environment = Environment::default();
        // The deadline comes by the number of looks, so that every machine stops at the same place.
        let seen = AtomicU64::new(0);
        let cancel =
            Cancel::with_deadline(200, Arc::new(move || seen.fetch_add(1, Ordering::Relaxed)));
        let limits = Limits {
            memory_bytes: 16 << 20,
            ..Limits::default()
        };
        let Ok(mut rows) = execute(&plan, &transaction, &environment, limits, cancel) else {
            return;
        };
        while let Ok(Some(_)) = rows.next_batch(100) {}
        ran = true;
    }));
    assert!(outcome.is_ok(), "seed {seed}: {text}");
    ran
}

#[test]
fn damaged_queries_never_panic() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    let queries = queries();
    let database = database();
    if let Some(seed) = number("SEED") {
        check(seed, &queries, &database);
        return;
    }
    let seeds = number("SEEDS").unwrap_or(50_000);
    let ran = (0..seeds)
        .filter(|seed| check(*seed, &queries, &database))
        .count();
    assert!(ran as u64 > seeds / 20, "only {ran} of {seeds} queries ran");
}
