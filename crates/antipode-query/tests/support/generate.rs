//! A seeded generator of databases and queries.
//!
//! Documents mix types, leave attributes out, nest, and hold numbers and texts at the edges. Queries use the whole
//! language, but so that the answer is fixed whatever the plan: where the order of rows shows (LIMIT, WINDOW, groups,
//! the arrays of subqueries), everything in the row is a sort key, and sums are of small integers, which add up to the
//! same in any order.

#![allow(dead_code, reason = "each test uses its own part")]

use antipode_query::function;
use antipode_query::{CollectionKind, IndexKind};
use antipode_value::Value;

use super::c8ql::random::Random;
use super::memory::Database;

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

    // -- expressions ----------------------------------------------------------------------------

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn document(&mut self, scope: &[Variable]) -> Option<String> {
        let documents: Vec<&Variable> = scope
            .iter()
            .filter(|variable| variable.kind == Kind::Document)
            .collect();
        match documents.len() {
            0 => None,
            count => Some(documents[self.random.below(count)].name.clone()),
        }
    }

    fn variable(&mut self, scope: &[Variable]) -> String {
        match scope.len() {
            0 => "1".into(),
            count => scope[self.random.below(count)].name.clone(),
        }
    }

    fn literal(&mut self) -> String {
        let pool = if self.chance(12) { EXTREME } else { MIXED };
        let literal = self.one(pool).to_owned();
        if self.chance(8) {
            // Of the same type, so that one plan may serve both.
            let other = match literal.as_bytes().first() {
                Some(b'"') => "\"x\"".to_owned(),
                Some(b'0'..=b'9' | b'-') => "2".to_owned(),
                _ => self.one(MIXED).to_owned(),
            };
            self.binds.push((literal, other));
            return format!("@p{}", self.binds.len() - 1);
        }
        literal
    }

    fn path(&mut self, scope: &[Variable]) -> String {
        match self.document(scope) {
            Some(document) => format!(
                "{document}.{}",
                self.one(&[
                    "a", "a", "b", "b", "n", "n", "s", "o.x", "o.y.z", "arr", "_key", "_id",
                    "_from", "_to", "w", "r", "t", "arr[0]", "`a`", "o[\"x\"]", "missing",
                ])
            ),
            None => self.variable(scope),
        }
    }

    fn small_number(&mut self, scope: &[Variable]) -> String {
        match self.document(scope) {
            Some(document) => format!("{document}.n"),
            None => self.one(&["1", "2", "null"]).to_owned(),
        }
    }

    fn array(&mut self, scope: &[Variable], depth: usize) -> String {
        match self.random.below(6) {
            0 => format!("TO_ARRAY({})", self.value(scope, depth)),
            1 => {
                let path = self.path(scope);
                format!("{path}[*]")
            }
            2 => {
                let (first, second) = (self.value(scope, depth), self.value(scope, depth));
                format!("[{first}, {second}, 1]")
            }
            3 => self
                .one(&["1..3", "[1, 2, {a: 1, n: 2}]", "[[1], [2, 3]]", "3..1"])
                .to_owned(),
            4 => self.subquery(scope, depth),
            _ => self.path(scope),
        }
    }

    /// A subquery whose array has a fixed order.
    fn subquery(&mut self, scope: &[Variable], depth: usize) -> String {
        if depth == 0 {
            return "[1, 2]".into();
        }
        let mut inner = scope.to_vec();
        let operations = self.operations(&mut inner, depth - 1).join(" ");
        let value = match self.chance(2) {
            true => self.variable(&inner),
            false => self.value(&inner, 1),
        };
        match self.random.below(3) {
            0 => format!("[LENGTH({operations} RETURN {value}), 1]"),
            1 => format!("SORTED_UNIQUE(({operations} RETURN {value}))"),
            _ => format!("SORTED(({operations} RETURN {value}))"),
        }
    }

    fn value(&mut self, scope: &[Variable], depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(5) {
                0 | 1 => self.literal(),
                2 => self.variable(scope),
                _ => self.path(scope),
            };
        }
        let below = depth - 1;
        let left = self.value(scope, below);
        let right = self.value(scope, below);
        match self.random.below(22) {
            0 => format!("({left} {} {right})", self.one(&["+", "-", "*", "/", "%"])),
            1 => format!("({left} AND {right})"),
            2 => format!("({left} OR {right})"),
            3 => format!("({left} ? {right} : {})", self.value(scope, 0)),
            4 => format!("({left} ?: {right})"),
            5 | 6 => self.condition(scope, below),
            7 => format!("[{left}, {right}, 1]"),
            8 => format!("{{x: {left}, [\"y\"]: {right}, z: 1}}"),
            9 => format!("({left})[{right}]"),
            10 => format!(
                "({}){}",
                self.array(scope, below),
                self.expansion(scope, below)
            ),
            11 => format!("({}).x", left),
            12 => format!("-({left})"),
            13 => format!("LENGTH({left})"),
            14 if depth > 1 => self.subquery(scope, depth),
            _ => self.call(scope, below),
        }
    }

    fn expansion(&mut self, scope: &[Variable], depth: usize) -> String {
        let mut inner = scope.to_vec();
        inner.push(Variable {
            name: "CURRENT".into(),
            kind: Kind::Any,
        });
        let condition = self.condition(&inner, depth);
        match self.random.below(7) {
            0 => "[*]".into(),
            1 => "[**]".into(),
            2 => format!("[* FILTER {condition}]"),
            3 => format!(
                "[* FILTER {condition} LIMIT 1, 2 RETURN {}]",
                self.value(&inner, depth)
            ),
            4 => format!("[? FILTER {condition}]"),
            5 => format!("[? AT LEAST (2) FILTER {condition}]"),
            _ => format!("[? NONE FILTER {condition}]"),
        }
    }

    /// A call of any function that depends on its arguments alone.
    fn call(&mut self, scope: &[Variable], depth: usize) -> String {
        let functions: Vec<&function::Function> = function::all()
            .filter(|function| function.deterministic)
            .collect();
        let function = *self.random.pick(&functions);
        let (least, most) = function.arity;
        let count = least + self.random.below(most.min(least + 2) - least + 1);
        let arguments: Vec<String> = (0..count).map(|_| self.value(scope, depth)).collect();
        format!("{}({})", function.name, arguments.join(", "))
    }

    fn condition(&mut self, scope: &[Variable], depth: usize) -> String {
        let path = self.path(scope);
        let value = match self.chance(3) {
            true => self.value(scope, depth),
            false => self.literal(),
        };
        let compare = self.one(&["==", "==", "<", "<=", ">", ">=", "!="]);
        if depth == 0 {
            return format!("{path} {compare} {value}");
        }
        let below = depth - 1;
        match self.random.below(22) {
            0 => format!(
                "({} AND {})",
                self.condition(scope, below),
                self.condition(scope, below)
            ),
            1 => format!(
                "({} OR {})",
                self.condition(scope, below),
                self.condition(scope, below)
            ),
            2 => format!("(NOT ({}))", self.condition(scope, below)),
            3 => format!("({path} IN [{value}, 1, \"k3\"])"),
            4 => format!("({path} NOT IN [{value}, 2])"),
            5 => format!("({path} == 1 OR {path} IN [\"k1\", \"c/k2\"] OR \"k3\" == {path})"),
            6 => format!("({path} >= {} AND {path} < {value})", self.literal()),
            7 => format!("({value} IN {path})"),
            8 => format!("({value} IN {path}[*])"),
            9 => format!(
                "({path} LIKE {})",
                self.one(&["\"a%\"", "\"_\"", "\"%b\"", "\"k\\\\_%\"", "\"x\""])
            ),
            10 => format!(
                "STARTS_WITH(TO_STRING({path}), {})",
                self.one(&["\"a\"", "\"k\"", "\"\""])
            ),
            11 => format!(
                "({} {} {compare} {value})",
                self.array(scope, below),
                self.one(&["ANY", "ALL", "NONE", "AT LEAST (1)"])
            ),
            12 => format!(
                "({path} =~ {})",
                self.one(&["\"^a\"", "\"[0-9]\"", "\"(\""])
            ),
            13 => format!("({path} == null)"),
            14 => format!(
                "({path} > {} AND {path} > {value} AND {path} <= 7)",
                self.literal()
            ),
            15 => match self.document(scope) {
                Some(document) => format!(
                    "(DISTANCE({document}.p[1], {document}.p[0], 1, 1) <= {})",
                    self.one(&["0", "100000", "200000", "500000"])
                ),
                None => path,
            },
            16 => match self.document(scope) {
                Some(document) => format!(
                    "GEO_DISTANCE([1, 1.5], {document}.p) {} 200000",
                    self.one(&["<", "<=", ">"])
                ),
                None => path,
            },
            17 => self.value(scope, depth),
            18 => self.nearness(scope),
            _ => format!("({path} {compare} {value})"),
        }
    }

    /// A bound of a distance, as a geo index can answer it.
    fn nearness(&mut self, scope: &[Variable]) -> String {
        let Some(document) = self.document(scope) else {
            return "true".into();
        };
        let bound = self.one(&["0", "100000", "200000", "500000"]);
        let compare = self.one(&["<", "<="]);
        format!("GEO_DISTANCE([1, 1.5], {document}.p) {compare} {bound}")
    }

    // -- operations -----------------------------------------------------------------------------

    fn operations(&mut self, scope: &mut Vec<Variable>, depth: usize) -> Vec<String> {
        let outer = scope.len();
        let mut out = Vec::new();
        let first = match self.chance(8) {
            true => self.ordered_loop(scope),
            false => self.loop_over(scope, depth),
        };
        out.push(first);
        for _ in 0..1 + self.random.below(4) {
            let operation = self.operation(scope, outer, depth);
            out.push(operation);
        }
        out
    }

    fn declare(&mut self, scope: &mut Vec<Variable>, kind: Kind) -> String {
        let name = self.fresh();
        scope.push(Variable {
            name: name.clone(),
            kind,
        });
        name
    }

    fn loop_over(&mut self, scope: &mut Vec<Variable>, depth: usize) -> String {
        let other = self.path(scope);
        match self.random.below(14) {
            0 => {
                let array = self.array(scope, depth.min(1));
                let name = self.declare(scope, Kind::Any);
                format!("FOR {name} IN TO_ARRAY({array})")
            }
            1 => {
                let name = self.declare(scope, Kind::Any);
                format!(
                    "FOR {name} IN {}",
                    self.one(&["1..3", "[1, 2, {a: 1, n: 2}]", "[]"])
                )
            }
            2 => {
                let target = self.one(&["[{}, , {}]", "{ a: {}, b: {} }"]);
                let (first, second) = (
                    self.declare(scope, Kind::Any),
                    self.declare(scope, Kind::Any),
                );
                let target = target.replacen("{}", &first, 1).replacen("{}", &second, 1);
                format!(
                    "FOR {target} IN {}",
                    self.one(&["[[1, 2, 3], {a: 1, b: 2}]", "c", "d"])
                )
            }
            3 => self.traversal(scope),
            4 if depth > 0 => {
                let mut inner = scope.clone();
                let operations = self.operations(&mut inner, depth - 1).join(" ");
                let value = self.variable(&inner[scope.len()..]);
                let name = self.declare(scope, Kind::Any);
                format!("FOR {name} IN ({operations} RETURN {value})")
            }
            5 => {
                let name = self.declare(scope, Kind::Document);
                format!(
                    "FOR {name} IN FULLTEXT(c, \"t\", \"{}\")",
                    self.one(&["fox", "prefix:fo", "run,|red", "red,-fox"])
                )
            }
            6..=8 => {
                let name = self.declare(scope, Kind::Document);
                let collection = self.one(&["c", "d", "e"]);
                let attribute =
                    self.one(&["a", "b", "n", "_key", "_from", "_to", "r", "w", "s", "o.x"]);
                format!("FOR {name} IN {collection} FILTER {name}.{attribute} == {other}")
            }
            _ => {
                let name = self.declare(scope, Kind::Document);
                format!("FOR {name} IN {}", self.one(&["c", "c", "c", "d", "e"]))
            }
        }
    }

    /// A loop in an order that an index can have. `n` is different in all documents that have it.
    fn ordered_loop(&mut self, scope: &mut Vec<Variable>) -> String {
        let name = self.declare(scope, Kind::Document);
        let direction = self.one(&["", " DESC"]);
        let inner = [Variable {
            name: name.clone(),
            kind: Kind::Document,
        }];
        let condition = match self.chance(2) {
            true => format!(" FILTER {}", self.condition(&inner, 1)),
            false => String::new(),
        };
        match self.random.below(4) {
            0 => format!(
                "FOR {name} IN c{condition} FILTER {name}.n != null SORT {name}.n{direction} LIMIT 1, 4"
            ),
            1 => format!(
                "FOR {name} IN c FILTER {name}.n >= 2{condition} SORT {name}.n{direction} LIMIT 3"
            ),
            2 => {
                let key = self.one(&["a", "b", "s", "o.x", "arr"]);
                format!(
                    "FOR {name} IN c{condition} SORT {name}.{key}{direction}, {name}.n{direction}"
                )
            }
            _ => {
                let value = self.literal();
                format!(
                    "FOR {name} IN c FILTER {name}.a == {value}{condition} SORT {name}.b{direction}"
                )
            }
        }
    }

    fn traversal(&mut self, scope: &mut Vec<Variable>) -> String {
        let start = match self.random.below(3) {
            0 => self.variable(scope),
            _ => format!("\"c/k{}\"", self.random.below(9)),
        };
        let direction = self.one(&["OUTBOUND", "INBOUND", "ANY"]);
        let edges = self.one(&["e", "GRAPH \"g\""]);
        let (vertex, edge) = (
            self.declare(scope, Kind::Document),
            self.declare(scope, Kind::Document),
        );
        if self.chance(5) {
            let end = self.random.below(9);
            return format!(
                "FOR {vertex}, {edge} IN {direction} SHORTEST_PATH {start} TO \"c/k{end}\" {edges}"
            );
        }
        let depths = self.one(&["1", "0..1", "1..2", "2", "1..3"]);
        let options = self.one(&[
            "",
            "",
            " OPTIONS { order: \"bfs\", uniqueVertices: \"global\" }",
            " OPTIONS { uniqueVertices: \"path\" }",
            " OPTIONS { order: \"bfs\" }",
        ]);
        let prune = match self.chance(5) {
            true => format!(" PRUNE {vertex}.n == 2"),
            false => String::new(),
        };
        if self.chance(2) {
            return format!(
                "FOR {vertex}, {edge} IN {depths} {direction} {start} {edges}{prune}{options}"
            );
        }
        let path = self.declare(scope, Kind::Any);
        let filter = match self.chance(2) {
            true => format!(
                " FILTER {path}.{}",
                self.one(&[
                    "edges[0].w == 1",
                    "vertices[1].a == 1",
                    "edges[*].w ALL < 3",
                    "vertices[*].n ANY == 2"
                ])
            ),
            false => String::new(),
        };
        format!(
            "FOR {vertex}, {edge}, {path} IN {depths} {direction} {start} {edges}{prune}{options}{filter}"
        )
    }

    fn operation(&mut self, scope: &mut Vec<Variable>, outer: usize, depth: usize) -> String {
        let level = self.random.below(3);
        // Loops in loops of loops take long and show nothing new.
        let loops = match scope.len() - outer.min(scope.len()) {
            0..4 if depth > 0 || outer == 0 => 2,
            _ => 0,
        };
        match self.random.below(10) {
            way @ (0 | 1) if way < loops => self.loop_over(scope, depth),
            2 | 3 => {
                let value = self.value(scope, level);
                let name = self.declare(scope, Kind::Any);
                format!("LET {name} = {value}")
            }
            4 if depth > 0 => {
                let subquery = self.subquery(scope, depth);
                let name = self.declare(scope, Kind::Any);
                format!("LET {name} = {subquery}")
            }
            5 => self.sorted(scope, outer, true),
            6 => self.collect(scope, outer),
            7 => {
                let sorted = self.sorted(scope, outer, false);
                let number = self.small_number(scope);
                let bounds = self.one(&[
                    "preceding: 1",
                    "preceding: 1, following: 1",
                    "preceding: \"unbounded\"",
                    "following: 2",
                ]);
                let (sum, count) = (
                    self.declare(scope, Kind::Any),
                    self.declare(scope, Kind::Any),
                );
                format!(
                    "{sorted} WINDOW {{ {bounds} }} AGGREGATE {sum} = SUM({number}), {count} = COUNT(1)"
                )
            }
            _ => format!("FILTER {}", self.condition(scope, level)),
        }
    }

    /// SORT by anything and then by everything, so that only equal rows are left to chance; with a LIMIT, maybe.
    fn sorted(&mut self, scope: &[Variable], outer: usize, limit: bool) -> String {
        let names: Vec<&str> = scope[outer.min(scope.len())..]
            .iter()
            .map(|variable| &*variable.name)
            .collect();
        let all = names.join(", ");
        let key = match self.chance(2) {
            true => self.path(scope),
            false => self.value(scope, 1),
        };
        let direction = self.one(&["", " DESC"]);
        let limit = match (limit, self.random.below(4)) {
            (false, _) | (true, 0) => String::new(),
            (true, 1) => format!(" LIMIT {}, {}", self.random.below(3), self.random.below(6)),
            (true, _) => format!(" LIMIT {}", self.random.below(6)),
        };
        format!("SORT {key}{direction}, [{all}]{limit}")
    }

    fn collect(&mut self, scope: &mut Vec<Variable>, outer: usize) -> String {
        let number = self.small_number(scope);
        let keys: Vec<String> = (0..self.random.below(3))
            .map(|_| self.path(scope))
            .collect();
        let value = self.path(scope);
        let method = self.one(&[
            "",
            "",
            " OPTIONS { method: \"hash\" }",
            " OPTIONS { method: \"sorted\" }",
        ]);
        scope.truncate(outer);
        let mut head = Vec::new();
        for key in &keys {
            let name = self.declare(scope, Kind::Any);
            head.push(format!("{name} = {key}"));
        }
        let keys = head.join(", ");
        match self.random.below(5) {
            0 => {
                let count = self.declare(scope, Kind::Any);
                format!("COLLECT {keys} WITH COUNT INTO {count}{method}")
            }
            1 => {
                let group = self.fresh();
                if head.is_empty() {
                    let value_name = self.declare(scope, Kind::Any);
                    return format!("COLLECT AGGREGATE {value_name} = SORTED_UNIQUE({value})");
                }
                let sorted = self.declare(scope, Kind::Any);
                format!("COLLECT {keys} INTO {group} = {value} LET {sorted} = SORTED({group})")
            }
            2 if !head.is_empty() => format!("COLLECT {keys}{method}"),
            _ => {
                let functions = [
                    format!("SUM({number})"),
                    format!("MIN({value})"),
                    format!("MAX({value})"),
                    format!("AVERAGE({number})"),
                    format!("COUNT_DISTINCT({value})"),
                    format!("SORTED_UNIQUE({value})"),
                    "LENGTH(1)".to_owned(),
                    format!("BIT_OR({number})"),
                ];
                let mut aggregates = Vec::new();
                for _ in 0..1 + self.random.below(2) {
                    let function = self.random.pick(&functions).clone();
                    let name = self.declare(scope, Kind::Any);
                    aggregates.push(format!("{name} = {function}"));
                }
                format!("COLLECT {keys} AGGREGATE {}{method}", aggregates.join(", "))
            }
        }
    }

    // -- modifications --------------------------------------------------------------------------

    /// A query that changes documents. Rows come in a fixed order where one may undo what another did.
    fn modification(&mut self, scope: &mut Vec<Variable>) -> Vec<String> {
        let name = self.declare(scope, Kind::Document);
        let collection = self.one(&["c", "c", "d", "e"]);
        let mut out = vec![format!("FOR {name} IN {collection}")];
        if !self.chance(3) {
            let level = self.random.below(3);
            out.push(format!("FILTER {}", self.condition(scope, level)));
        }
        if self.chance(2) {
            let value = self.value(scope, 2);
            let value_name = self.declare(scope, Kind::Any);
            out.push(format!("LET {value_name} = {value}"));
        }
        let value = self.value(scope, 1);
        let attribute = self.one(&["a", "b", "n", "o", "arr", "s", "new"]);
        let change = match self.random.below(6) {
            0 => format!("{{ {attribute}: {name}.{attribute} + 1 }}"),
            1 => format!("{{ {attribute}: PUSH({name}.{attribute}, {value}) }}"),
            2 => format!("{{ {attribute}: APPEND({name}.arr, [{value}]), o: {{ x: {value} }} }}"),
            3 => format!("{{ {attribute}: null, o: {{ y: {{ q: 1 }} }} }}"),
            4 => format!("MERGE({name}, {{ {attribute}: {value} }})"),
            _ => format!("{{ {attribute}: {value} }}"),
        };
        let options = self.one(&[
            "",
            "",
            " OPTIONS { keepNull: false }",
            " OPTIONS { mergeObjects: false }",
            " OPTIONS { ignoreErrors: true }",
        ]);
        let end = match self.random.below(8) {
            0 | 1 => format!(
                "UPDATE {name} WITH {change} IN {collection}{options} RETURN [OLD._key, UNSET(NEW, \"_rev\")]"
            ),
            2 => format!("UPDATE {name}._key WITH {change} IN {collection}{options}"),
            3 => format!(
                "REPLACE {name} WITH MERGE(KEEP({name}, \"_from\", \"_to\"), {{ {attribute}: {value} }}) IN {collection} RETURN UNSET(NEW, \"_rev\")"
            ),
            4 => format!("REMOVE {name} IN {collection} RETURN OLD._key"),
            5 => {
                let key = self.small_number(scope);
                let mode = self.one(&["conflict", "ignore", "replace", "update"]);
                format!(
                    "SORT {name}._key INSERT {{ _key: CONCAT(\"k\", {key}), {attribute}: {value} }} INTO d OPTIONS {{ overwriteMode: \"{mode}\" }} RETURN NEW._key"
                )
            }
            6 => {
                let searched = self.one(&["n", "a", "s", "o: { x"]);
                let close = if searched.ends_with('x') { " }" } else { "" };
                format!(
                    "SORT {name}._key UPSERT {{ {searched}: {name}.n{close} }} INSERT {{ _key: CONCAT(\"u\", {name}._key), a: 1 }} UPDATE {{ b: OLD.n }} IN d RETURN [OLD.n, UNSET(NEW, \"_rev\")]"
                )
            }
            _ => format!(
                "SORT {name}._key INSERT MERGE(UNSET({name}, \"_id\", \"_rev\"), {{ _key: CONCAT(\"n\", {name}._key) }}) INTO {collection} RETURN UNSET(NEW, \"_rev\")"
            ),
        };
        out.push(end);
        out
    }
}
