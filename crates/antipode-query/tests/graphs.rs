//! Traversals and path searches on small random graphs: each finds what a plain enumeration of walks says.
//!
//! The model below knows nothing of the engine: it follows lists of edges, writes every walk down, and sorts, filters and
//! compares them. `SEED=n` runs one seed, `SEEDS=n` that many.

#[path = "support/chance.rs"]
mod chance;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/run.rs"]
mod run;

use antipode_query::{Cancel, CollectionKind, CompileOptions, Limits, QueryError};
use antipode_value::Value;
use chance::{Chance, seeds};
use memory::Database;
use run::deadline_after;

fn rows(database: &Database, text: &str) -> Vec<Value> {
    run::rows(&database.begin(), text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort();
    rows
}

#[derive(Clone, Debug)]
struct Edge {
    id: String,
    from: u64,
    to: u64,
    weight: u64,
}

/// The plain picture of the graph: edges of two collections, each with its way.
struct Model {
    exists: Vec<bool>,
    edges: [(&'static str, Vec<Edge>); 2],
}

/// A walk: the vertices, and the edges between them.
#[derive(Clone, Debug, Default)]
struct Walk {
    vertices: Vec<u64>,
    edges: Vec<Edge>,
}

impl Walk {
    fn cost(&self) -> u64 {
        self.edges.iter().map(|edge| edge.weight).sum()
    }

    fn end(&self) -> u64 {
        *self.vertices.last().unwrap()
    }

    fn then(&self, edge: &Edge, to: u64) -> Walk {
        let mut walk = self.clone();
        walk.edges.push(edge.clone());
        walk.vertices.push(to);
        walk
    }
}

/// How a walk may go on.
#[derive(Clone, Copy, Debug)]
struct Rules {
    most: usize,
    repeat_edges: bool,
    repeat_vertices: bool,
    /// An edge of this weight is the last one.
    prune: Option<u64>,
}

impl Model {
    fn id(&self, vertex: u64) -> Value {
        match self.exists[vertex as usize] {
            true => Value::from(format!("v/{vertex}")),
            false => Value::Null,
        }
    }

    /// The steps that go on from a vertex, in the order of collections, directions and keys.
    fn hops(&self, vertex: u64) -> Vec<(&Edge, u64)> {
        let mut hops = Vec::new();
        for (way, edges) in &self.edges {
            if *way != "INBOUND" {
                let out = edges.iter().filter(|edge| edge.from == vertex);
                hops.extend(out.map(|edge| (edge, edge.to)));
            }
            if *way != "OUTBOUND" {
                let loops = *way == "INBOUND";
                let back = edges
                    .iter()
                    .filter(|edge| edge.to == vertex && (loops || edge.from != vertex));
                hops.extend(back.map(|edge| (edge, edge.from)));
            }
        }
        hops
    }

    /// All walks from a vertex, each before those that go on from it.
    fn walks(&self, start: u64, rules: Rules) -> Vec<Walk> {
        let mut all = Vec::new();
        let start = Walk {
            vertices: vec![start],
            edges: Vec::new(),
        };
        self.go_on(start, rules, &mut all);
        all
    }

    fn go_on(&self, walk: Walk, rules: Rules, all: &mut Vec<Walk>) {
        all.push(walk.clone());
        let last = walk.edges.last().map(|edge| edge.weight);
        if walk.edges.len() >= rules.most || (rules.prune.is_some() && last == rules.prune) {
            return;
        }
        for (edge, to) in self.hops(walk.end()) {
            let again = walk.edges.iter().any(|known| known.id == edge.id);
            if (again && !rules.repeat_edges)
                || (walk.vertices.contains(&to) && !rules.repeat_vertices)
            {
                continue;
            }
            self.go_on(walk.then(edge, to), rules, all);
        }
    }

    /// Breadth first, with each vertex met once.
    fn once_each(&self, start: u64, rules: Rules) -> Vec<Walk> {
        let mut seen = vec![start];
        let mut all = vec![Walk {
            vertices: vec![start],
            edges: Vec::new(),
        }];
        let mut next = 0;
        while let Some(walk) = all.get(next).cloned() {
            next += 1;
            let last = walk.edges.last().map(|edge| edge.weight);
            if walk.edges.len() >= rules.most || (rules.prune.is_some() && last == rules.prune) {
                continue;
            }
            for (edge, to) in self.hops(walk.end()) {
                if !seen.contains(&to) {
                    seen.push(to);
                    all.push(walk.then(edge, to));
                }
            }
        }
        all
    }

    /// A walk as the queries below return it.
    fn shown(&self, walk: &Walk) -> Value {
        let last = walk.edges.last();
        Value::array([
            self.id(walk.end()),
            last.map_or(Value::Null, |edge| Value::from(edge.id.clone())),
            self.path(walk),
        ])
    }

    fn path(&self, walk: &Walk) -> Value {
        let edges = walk.edges.iter().map(|edge| Value::from(edge.id.clone()));
        Value::array([
            Value::array(edges),
            Value::array(walk.vertices.iter().map(|vertex| self.id(*vertex))),
        ])
    }
}

/// A FILTER on the path, as text and as what it means.
type Filter = (&'static str, fn(&Model, &Walk) -> bool);

const FILTERS: &[Filter] = &[
    ("", |_, _| true),
    ("FILTER p.edges[0].w == 1", |_, walk| {
        walk.edges.first().is_some_and(|edge| edge.weight == 1)
    }),
    ("FILTER p.edges[1].w < 2", |_, walk| {
        walk.edges.get(1).is_none_or(|edge| edge.weight < 2)
    }),
    ("FILTER p.edges[*].w ALL <= 2", |_, walk| {
        walk.edges.iter().all(|edge| edge.weight <= 2)
    }),
    ("FILTER p.edges[*].w NONE == 0", |_, walk| {
        walk.edges.iter().all(|edge| edge.weight != 0)
    }),
    ("FILTER p.vertices[*]._key ALL != '1'", |model, walk| {
        let mut vertices = walk.vertices.iter();
        !vertices.any(|vertex| *vertex == 1 && model.exists[1])
    }),
    (
        "FILTER p.vertices[1]._key != '2' AND p.edges[1].w >= 1",
        |model, walk| {
            let second = walk.vertices.get(1);
            !second.is_some_and(|vertex| *vertex == 2 && model.exists[2])
                && walk.edges.get(1).is_some_and(|edge| edge.weight >= 1)
        },
    ),
    ("FILTER p.edges[*].w ANY == 3", |_, walk| {
        walk.edges.iter().any(|edge| edge.weight == 3)
    }),
];

/// A database with a random graph, and its model.
fn build(chance: &mut Chance) -> (Database, Model) {
    let mut database = Database::new();
    database.create_collection("v", CollectionKind::Document);
    let vertices = 3 + chance.below(4);
    let exists: Vec<bool> = (0..vertices).map(|_| chance.below(10) > 0).collect();
    for (key, exists) in exists.iter().enumerate() {
        if *exists {
            database.put(
                "v",
                &Value::object([("_key", Value::from(key.to_string()))]),
            );
        }
    }
    let mut edges = [("", Vec::new()), ("", Vec::new())];
    for (collection, (way, edges)) in ["e", "f"].into_iter().zip(&mut edges) {
        database.create_collection(collection, CollectionKind::Edge);
        *way = chance.one(&["OUTBOUND", "INBOUND", "ANY"]);
        for key in 0..chance.below(6) {
            let edge = Edge {
                id: format!("{collection}/{key}"),
                from: chance.below(vertices),
                to: chance.below(vertices),
                weight: chance.below(4),
            };
            database.put(
                collection,
                &Value::object([
                    ("_key", Value::from(key.to_string())),
                    ("_from", Value::from(format!("v/{}", edge.from))),
                    ("_to", Value::from(format!("v/{}", edge.to))),
                    ("w", Value::from(edge.weight)),
                ]),
            );
            edges.push(edge);
        }
    }
    database.create_graph("g", vec!["e".to_owned(), "f".to_owned()]);
    (database, Model { exists, edges })
}

fn check(seed: u64) {
    let chance = &mut Chance::new(seed);
    let (database, mut model) = build(chance);
    // By its name, a graph is followed one way.
    let by_name = chance.below(3) == 0;
    if by_name {
        model.edges[1].0 = model.edges[0].0;
    }
    let [(first, _), (second, _)] = &model.edges;
    let subject = match by_name {
        true => "GRAPH \"g\"".to_owned(),
        false => format!("e, {second} f"),
    };
    let start = chance.below(model.exists.len() as u64);
    let text = |depth: &str, more: &str| format!("{depth} {first} \"v/{start}\" {subject} {more}");
    for _ in 0..4 {
        check_traversal(seed, chance, &database, &model, start, &text);
    }
    let goal = chance.below(model.exists.len() as u64);
    if goal != start {
        check_searches(seed, &database, &model, (start, goal), (first, &subject));
    }
}

fn check_traversal(
    seed: u64,
    chance: &mut Chance,
    database: &Database,
    model: &Model,
    start: u64,
    text: &dyn Fn(&str, &str) -> String,
) {
    let least = chance.below(3) as usize;
    let order = chance.one(&["dfs", "bfs", "weighted"]);
    let vertices = match order {
        "bfs" => chance.one(&["none", "path", "global"]),
        _ => chance.one(&["none", "path"]),
    };
    let edges = chance.one(&["path", "none"]);
    let rules = Rules {
        most: least + chance.below(3) as usize,
        repeat_edges: edges == "none",
        repeat_vertices: vertices == "none",
        prune: (chance.below(3) == 0).then(|| chance.below(4)),
    };
    let prune = rules
        .prune
        .map_or(String::new(), |weight| format!("PRUNE y.w == {weight}"));
    let (filter, passes) = chance.one(FILTERS);
    let options = format!(
        "{prune} OPTIONS {{ order: \"{order}\", uniqueVertices: \"{vertices}\", uniqueEdges: \"{edges}\", weightAttribute: \"w\" }}"
    );
    let query = format!(
        "FOR x, y, p IN {} {filter} RETURN [x._id, y._id, [p.edges[*]._id, p.vertices[*]._id]]",
        text(&format!("{least}..{}", rules.most), &options)
    );

    let mut walks = match vertices {
        "global" => model.once_each(start, rules),
        _ => model.walks(start, rules),
    };
    walks.retain(|walk| {
        let nowhere = walk.edges.is_empty() && !model.exists[start as usize];
        walk.edges.len() >= least && !nowhere && passes(model, walk)
    });
    match order {
        "bfs" => walks.sort_by_key(|walk| walk.edges.len()),
        "weighted" => walks.sort_by_key(Walk::cost),
        _ => {}
    }
    let mut expected: Vec<Value> = walks.iter().map(|walk| model.shown(walk)).collect();
    for rules in [&[][..], &["-optimize-traversals"], &["-all"]] {
        let mut found = run::rows(&database.begin(), &query, rules)
            .unwrap_or_else(|error| panic!("seed {seed}: {query}: {error}"));
        if order == "weighted" {
            // Of walks that cost the same, any may come first.
            let costs = query.replace("RETURN [", "RETURN [p.weights[-1], ");
            let costs: Vec<i64> = rows(database, &costs)
                .iter()
                .map(|row| row.index(&Value::Int(0)).to_int())
                .collect();
            assert!(costs.is_sorted(), "seed {seed}: {query} costs {costs:?}");
            found = sorted(found);
            expected = sorted(expected);
        }
        assert_eq!(found, expected, "seed {seed}, rules {rules:?}: {query}");
    }
}

fn check_searches(
    seed: u64,
    database: &Database,
    model: &Model,
    (start, goal): (u64, u64),
    (way, subject): (&str, &str),
) {
    let rules = Rules {
        most: usize::MAX,
        repeat_edges: false,
        repeat_vertices: false,
        prune: None,
    };
    let mut paths = model.walks(start, rules);
    paths.retain(|path| path.end() == goal);
    let all = |paths: &[Walk]| sorted(paths.iter().map(|path| model.path(path)).collect());
    let search = |depth: &str, kind: &str, options: &str, value: &str| {
        let text = format!(
            "FOR p IN {depth} {way} {kind} \"v/{start}\" TO \"v/{goal}\" {subject} {options} RETURN {value}"
        );
        rows(database, &text)
    };
    let value = "[p.edges[*]._id, p.vertices[*]._id]";
    let weighted = "OPTIONS { weightAttribute: \"w\" }";

    let found = sorted(search("1..9", "K_PATHS", "", value));
    assert_eq!(found, all(&paths), "seed {seed}: K_PATHS");
    let mut short = paths.clone();
    short.retain(|path| path.edges.len() == 2);
    let found = sorted(search("2", "K_PATHS", "", value));
    assert_eq!(found, all(&short), "seed {seed}: K_PATHS of two edges");

    let found = sorted(search("", "K_SHORTEST_PATHS", weighted, value));
    assert_eq!(found, all(&paths), "seed {seed}: K_SHORTEST_PATHS");
    let numbers = |values: Vec<Value>| -> Vec<u64> {
        values.iter().map(|value| value.to_int() as u64).collect()
    };
    let mut costs: Vec<u64> = paths.iter().map(Walk::cost).collect();
    costs.sort_unstable();
    let found = numbers(search("", "K_SHORTEST_PATHS", weighted, "p.weight"));
    assert_eq!(found, costs, "seed {seed}: weights");
    let mut lengths: Vec<u64> = paths.iter().map(|path| path.edges.len() as u64).collect();
    lengths.sort_unstable();
    let found = numbers(search("", "K_SHORTEST_PATHS", "", "p.weight"));
    assert_eq!(found, lengths, "seed {seed}: lengths");

    let mut shortest = paths.clone();
    shortest.retain(|path| Some(&(path.edges.len() as u64)) == lengths.first());
    let found = sorted(search("", "ALL_SHORTEST_PATHS", "", value));
    assert_eq!(found, all(&shortest), "seed {seed}: ALL_SHORTEST_PATHS");

    for (options, least) in [("", &lengths), (weighted, &costs)] {
        let text = format!(
            "LET steps = (FOR x, y IN {way} SHORTEST_PATH \"v/{start}\" TO \"v/{goal}\" {subject} {options} RETURN [x._id, y._id, y.w]) RETURN [SHIFT(steps[*][1]), steps[*][0], {}]",
            if options.is_empty() {
                "LENGTH(steps) - 1"
            } else {
                "SUM(steps[*][2])"
            }
        );
        let found = rows(database, &text).pop().unwrap();
        let [edges, vertices, cost] = [0, 1, 2].map(|index| found.index(&Value::Int(index)));
        match least.first() {
            None => assert_eq!(vertices, Value::array(Vec::<Value>::new()), "seed {seed}"),
            Some(least) => {
                assert_eq!(cost.to_int() as u64, *least, "seed {seed}: SHORTEST_PATH");
                let path = Value::array([edges, vertices]);
                let known = paths.iter().any(|known| model.path(known) == path);
                assert!(known, "seed {seed}: {} is no path", path.to_json());
            }
        }
    }
}

#[test]
fn walks_and_searches_find_what_enumeration_says() {
    seeds(500).for_each(check);
}

/// A chain of roads in a ring, and one vertex with many ways to itself.
fn ring() -> Database {
    let mut database = Database::new();
    database.create_collection("v", CollectionKind::Document);
    database.create_collection("e", CollectionKind::Edge);
    for key in 0..10 {
        database.put(
            "v",
            &Value::object([("_key", Value::from(key.to_string()))]),
        );
        for (name, step) in [("a", 1), ("b", 2), ("c", 3)] {
            database.put(
                "e",
                &Value::object([
                    ("_key", Value::from(format!("{name}{key}"))),
                    ("_from", Value::from(format!("v/{key}"))),
                    ("_to", Value::from(format!("v/{}", (key + step) % 10))),
                ]),
            );
        }
    }
    database
}

/// The error with which a query ends.
fn ended(database: &Database, text: &str, limits: Limits, cancel: Cancel) -> QueryError {
    let (transaction, options) = (database.begin(), CompileOptions::default());
    run::run(&transaction, text, &Value::Null, &options, limits, cancel).unwrap_err()
}

#[test]
fn walks_without_end_stop_at_the_limits() {
    let database = ring();
    for order in ["dfs", "bfs", "weighted"] {
        let text = format!(
            "FOR x IN 1000000000..1000000000 OUTBOUND \"v/0\" e OPTIONS {{ order: \"{order}\", uniqueEdges: \"none\" }} RETURN x"
        );
        let limits = Limits {
            memory_bytes: 8 << 20,
            ..Limits::default()
        };
        let error = ended(&database, &text, limits, Cancel::new());
        assert_eq!(error.code(), 32, "{order}: {error}");
    }
}

#[test]
fn a_long_search_ends_at_its_deadline() {
    let database = ring();
    for text in [
        "FOR x IN 1..30 ANY \"v/0\" e COLLECT WITH COUNT INTO n RETURN n",
        "FOR p IN ANY K_SHORTEST_PATHS \"v/0\" TO \"v/9\" e COLLECT WITH COUNT INTO n RETURN n",
        "FOR p IN 1..9 ANY K_PATHS \"v/0\" TO \"v/9\" e COLLECT WITH COUNT INTO n RETURN n",
    ] {
        let error = ended(&database, text, Limits::default(), deadline_after(10));
        assert_eq!(error.code(), 1500, "{text}");
    }
}
