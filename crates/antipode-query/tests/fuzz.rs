//! Hostile queries on a small database: whatever the text is, meaning, planning and running end in rows or in an error.
//!
//! `ANTIPODE_QUERY_EXECUTIONS` sets another number than 100,000, which take about a minute of one core;
//! `ANTIPODE_SEED=n` runs one seed.

#[path = "../../antipode-c8ql/tests/support/mod.rs"]
mod c8ql;
#[path = "support/execute_anything.rs"]
mod execute_anything;
#[path = "support/generate.rs"]
mod generate;
#[path = "support/memory.rs"]
mod memory;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use c8ql::fuzz::{self, Mutator};
use execute_anything::{execute_anything, small_database};

/// Texts that name what the small database has.
const SAMPLES: &[&str] = &[
    "FOR x IN c FILTER x.a > 1 AND x.n IN [1, 2, 3] SORT x.n DESC LIMIT 1, 2 RETURN { x, y: x.b[*] }",
    "FOR x IN c FOR y IN d FILTER x.a == y.a COLLECT k = x.n WITH COUNT INTO n RETURN [k, n]",
    "FOR v, e, p IN 0..2 ANY \"c/k1\" e PRUNE v.n == 2 OPTIONS { order: \"bfs\" } FILTER p.edges[*].w ALL < 9 RETURN p",
    "FOR v IN OUTBOUND SHORTEST_PATH \"c/k0\" TO \"c/k2\" GRAPH \"g\" OPTIONS { weightAttribute: \"w\" } RETURN v._key",
    "FOR p IN 1..3 INBOUND K_PATHS \"c/k0\" TO \"c/k1\" e RETURN LENGTH(p.vertices)",
    "FOR x IN c UPSERT { n: x.n + 1 } INSERT { n: x.n } UPDATE { a: OLD.a + 1 } IN d OPTIONS { keepNull: false } RETURN [OLD, NEW]",
    "FOR x IN c UPDATE x WITH { b: PUSH(x.b, 1), o: { x: x.a } } IN c RETURN NEW",
    "FOR x IN c REMOVE x IN c LET y = OLD RETURN y.n",
    "INSERT { _key: \"new\", _from: \"c/k1\", _to: \"c/k2\" } INTO e OPTIONS { overwriteMode: \"replace\" } RETURN NEW",
    "FOR x IN c SORT x.n WINDOW { preceding: 1, following: 1 } AGGREGATE m = AVERAGE(x.a), u = UNIQUE(x.b) RETURN [m, u]",
    "LET a = (FOR x IN d RETURN x.a) RETURN [a ANY == 1, a[* FILTER CURRENT > 1 RETURN CURRENT * 2], a[? 1..2 FILTER CURRENT], REVERSE(a)]",
    "FOR x IN FULLTEXT(c, \"t\", \"fox\") FILTER GEO_DISTANCE([1, 1], x.p) < 100000 RETURN DISTINCT x.t",
    "FOR m IN STREAM s RETURN m",
    "FOR x IN c INSERT { v: x.n } INTO STREAM s",
    "FOR x IN NEAR(c, 1, 1, 2, \"far\") RETURN MERGE(x, { r: ROUND(x.far), s: SUBSTRING(x.t, 1), d: DATE_ADD(0, x.n, \"day\") })",
];

#[test]
fn no_text_makes_a_query_panic() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let own = || SAMPLES.iter().map(|text| (*text).to_owned());
    // Most texts are on the collections that there are.
    let generated = (0..2_000).map(|seed| {
        let case = generate::case(seed);
        let returned = format!("RETURN {}", case.returned);
        case.text(if case.modifies { "" } else { &returned })
    });
    let texts = (0..10)
        .flat_map(|_| own())
        .chain(generated)
        .chain(fuzz::script_texts(&scripts))
        .chain(fuzz::sentences(50));
    let mutator = Mutator::new(texts);
    let executions = fuzz::setting("ANTIPODE_QUERY_EXECUTIONS").unwrap_or(100_000);
    thread_local! {
        static DATABASE: memory::Database = small_database();
    }
    let planned = AtomicU64::new(0);
    fuzz::run(
        executions,
        |seed| mutator.input(seed),
        |bytes| {
            let ran = DATABASE.with(|database| execute_anything(database, bytes));
            planned.fetch_add(u64::from(ran), Ordering::Relaxed);
        },
    );
    let planned = planned.into_inner();
    println!("{planned} had a plan");
    let alone = fuzz::setting("ANTIPODE_SEED").is_some();
    assert!(
        alone || planned >= executions / 4,
        "only {planned} had a plan"
    );
}
