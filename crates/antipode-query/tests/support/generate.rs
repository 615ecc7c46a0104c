//! A seeded generator of databases and queries.
//!
//! Documents mix types, leave attributes out, nest, and hold numbers and texts at the edges. Queries use the whole
//! language, but so that the answer is fixed whatever the plan: where the order of rows shows (LIMIT, WINDOW, groups,
//! the arrays of subqueries), everything in the row is a sort key, and sums are of small integers, which add up to the
//! same in any order.

#![allow(dead_code, reason = "each test uses its own part")]

use antipode_query::{CollectionKind, IndexKind};
use antipode_value::Value;

use super::c8ql::random::Random;
use super::memory::Database;

#[path = "generate/expression.rs"]
mod expression;
#[path = "generate/operation.rs"]
mod operation;

/// An index that a case has.
#[derive(Clone, Debug)]
pub struct IndexSpec {
    pub collection: &'static str,
    pub kind: IndexKind,
    pub fields: &'static [&'static str],
    pub unique: bool,
    pub sparse: bool,
    pub stored: &'static [&'static str],
}

/// A database and a query.
#[derive(Clone, Debug)]
pub struct Case {
    pub documents: Vec<(&'static str, String)>,
    pub indexes: Vec<IndexSpec>,
    /// The operations up to the end of the query, each a text.
    pub operations: Vec<String>,
    /// What the query returns of a row.
    pub returned: String,
    /// The query changes documents: `returned` is not used but for the modification itself.
    pub modifies: bool,
    /// A condition over the variables of the row.
    pub condition: String,
    /// A small integer, or null, over the variables of the row.
    pub number: String,
    /// The values of `@p0`, `@p1`, and others of the same types.
    pub binds: Vec<(String, String)>,
}

impl Case {
    /// The database, with its indexes or without.
    pub fn database(&self, with_indexes: bool) -> Database {
        let mut database = Database::new();
        database.create_collection("c", CollectionKind::Document);
        database.create_collection("d", CollectionKind::Document);
        database.create_collection("e", CollectionKind::Edge);
        database.create_graph("g", vec!["e".into()]);
        for (collection, json) in &self.documents {
            database.put(collection, &Value::from_json(json).expect("JSON"));
        }
        // FULLTEXT is an error without its index.
        let words = IndexKind::Fulltext { min_length: 2 };
        database.create_index("c", words, &["t"], false, false, &[]);
        for index in self.indexes.iter().filter(|_| with_indexes) {
            database.create_index(
                index.collection,
                index.kind,
                index.fields,
                index.unique,
                index.sparse,
                index.stored,
            );
        }
        database
    }

    /// The operations, with more behind them.
    pub fn text(&self, end: &str) -> String {
        format!("{}\n{end}", self.operations.join("\n"))
    }

    /// The values of the bind parameters in a text, or the others.
    pub fn bind_values(&self, text: &str, others: bool) -> Value {
        let value = |(first, other): &(String, String)| {
            Value::from_json(if others { other } else { first }).expect("JSON")
        };
        let pairs = self
            .binds
            .iter()
            .enumerate()
            .filter(|(place, _)| mentions(text, &format!("@p{place}")))
            .map(|(place, bind)| (format!("p{place}"), value(bind)));
        Value::object(pairs.collect::<Vec<_>>())
    }
}

/// Whether a text has this bind parameter, rather than one with a longer name.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name)
        .any(|(at, _)| !text[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

const MIXED: &[&str] = &[
    "1",
    "2",
    "2.5",
    "null",
    "\"x\"",
    "\"1\"",
    "\"k1\"",
    "\"c/k2\"",
    "[1]",
    "[2, 1]",
    "[[1], 2]",
    "{\"x\": 1}",
    "{\"x\": {\"y\": 2}}",
    "true",
    "false",
    "-3",
    "0",
    "3",
    "4",
    "\"\"",
    "[]",
    "{}",
    "\"é\"",
    "\"A\"",
    "\"a\"",
    "\"日本😀\"",
];

const EXTREME: &[&str] = &[
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "-1e308",
    "5e-324",
    "0.1",
    "4294967296",
    "\"\\u0000\"",
    "\"a\\u0301\"",
    "\"2020-02-30T25:00\"",
    "\"1969-12-31T23:59:59.999Z\"",
];

const WORDS: &[&str] = &["red fox", "Red", "foxes run", "RUN, fox!", "", "über fox"];

const INDEXES: &[IndexSpec] = &[
    persistent("c", &["a"], false, &[]),
    persistent("c", &["b"], true, &[]),
    persistent("c", &["a", "b"], false, &["n"]),
    persistent("c", &["n"], false, &[]),
    persistent("c", &["n", "a"], true, &[]),
    persistent("c", &["arr[*]"], false, &[]),
    persistent("c", &["arr[*]", "a"], true, &[]),
    persistent("c", &["o.x"], false, &["a", "b"]),
    persistent("c", &["s"], false, &[]),
    persistent("c", &["s", "n"], false, &["o.y"]),
    persistent("d", &["r"], false, &[]),
    persistent("d", &["a", "n"], false, &["r"]),
    persistent("e", &["w"], false, &[]),
    IndexSpec {
        unique: true,
        ..persistent("c", &["n"], true, &[])
    },
    IndexSpec {
        kind: IndexKind::Geo { geo_json: true },
        ..persistent("c", &["p"], false, &[])
    },
];

const fn persistent(
    collection: &'static str,
    fields: &'static [&'static str],
    sparse: bool,
    stored: &'static [&'static str],
) -> IndexSpec {
    IndexSpec {
        collection,
        kind: IndexKind::Persistent,
        fields,
        unique: false,
        sparse,
        stored,
    }
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut maker = Maker {
        random: Random::new(seed),
        names: 0,
        binds: Vec::new(),
    };
    let documents = maker.documents();
    let mut scope = Vec::new();
    let modifies = maker.random.one_in(6);
    // A unique index means that some writes fail: then the answer depends on it.
    let indexes = INDEXES
        .iter()
        .filter(|index| maker.random.one_in(4) && !(modifies && index.unique))
        .cloned()
        .collect();
    let (operations, returned) = if modifies {
        (maker.modification(&mut scope), String::new())
    } else {
        let depth = 1 + maker.random.below(2);
        let operations = maker.operations(&mut scope, depth);
        let names: Vec<&str> = scope.iter().map(|variable| &*variable.name).collect();
        (operations, format!("[{}]", names.join(", ")))
    };
    let condition = maker.condition(&scope, 2);
    let number = maker.small_number(&scope);
    Case {
        documents,
        indexes,
        operations,
        returned,
        modifies,
        condition,
        number,
        binds: maker.binds,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A document of `c` or `d`, or an edge.
    Document,
    Any,
}

#[derive(Clone)]
struct Variable {
    name: String,
    kind: Kind,
}

struct Maker {
    random: Random,
    names: usize,
    binds: Vec<(String, String)>,
}

impl Maker {
    fn one<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.random.below(texts.len())]
    }

    fn chance(&mut self, chances: usize) -> bool {
        self.random.one_in(chances)
    }

    // -- documents ------------------------------------------------------------------------------

    fn documents(&mut self) -> Vec<(&'static str, String)> {
        let mut documents = Vec::new();
        for key in 0..2 + self.random.below(14) {
            let mut pairs = vec![format!("\"_key\": \"k{key}\"")];
            for name in ["a", "b"] {
                if !self.chance(5) {
                    let pool = if self.chance(8) { EXTREME } else { MIXED };
                    pairs.push(format!("\"{name}\": {}", self.one(pool)));
                }
            }
            if !self.chance(6) {
                pairs.push(format!("\"n\": {key}"));
            }
            if self.chance(2) {
                let elements: Vec<&str> = (0..self.random.below(4))
                    .map(|_| self.one(&["1", "2", "\"x\"", "[1]", "{\"x\": 1}", "2"]))
                    .collect();
                pairs.push(format!("\"arr\": [{}]", elements.join(", ")));
            }
            if self.chance(2) {
                let (x, y) = (self.one(MIXED), self.one(&["1", "{\"z\": 2}", "\"x\""]));
                pairs.push(format!("\"o\": {{\"x\": {x}, \"y\": {y}}}"));
            }
            if self.chance(2) {
                pairs.push(format!(
                    "\"s\": {}",
                    self.one(&[
                        "\"a\"", "\"B\"", "\"ab\"", "\"äb\"", "\"\"", "\"a b\"", "\"Ab\""
                    ])
                ));
            }
            if self.chance(3) {
                let (x, y) = (self.random.below(4), self.random.below(4));
                pairs.push(format!("\"p\": [{x}, {y}.5]"));
            }
            if self.chance(3) {
                pairs.push(format!("\"t\": \"{}\"", self.one(WORDS)));
            }
            documents.push(("c", format!("{{{}}}", pairs.join(", "))));
        }
        for key in 0..self.random.below(7) {
            let (reference, a) = (self.random.below(14), self.one(MIXED));
            documents.push((
                "d",
                format!(
                    "{{\"_key\": \"k{key}\", \"r\": \"k{reference}\", \"a\": {a}, \"n\": {key}}}"
                ),
            ));
        }
        for key in 0..self.random.below(16) {
            let (from, to) = (self.random.below(9), self.random.below(9));
            documents.push((
                "e",
                format!("{{\"_key\": \"e{key}\", \"_from\": \"c/k{from}\", \"_to\": \"c/k{to}\", \"w\": {}}}", key % 4),
            ));
        }
        documents
    }
}
