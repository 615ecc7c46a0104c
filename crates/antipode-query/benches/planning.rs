//! How long it takes from the text of a query to its plan, and to a plan that the cache has kept.
//!
//! ```text
//! cargo bench -p antipode-query --bench planning              # the figures
//! cargo bench -p antipode-query --bench planning -- --check   # and failure where a bar is missed
//! ```
//!
//! The time is the least of many short rounds: what else the machine does is left out. The last column compares with
//! something measured in the same run: reading a JSON document of 1 kB.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

#[path = "../tests/support/memory.rs"]
mod memory;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use antipode_query::{
    CollectionKind, CompileOptions, IndexKind, PlanCache, PlanCacheLimits, compile, parse, prepare,
};
use antipode_value::Value;
use memory::Database;

const QUERY: &str = "\
FOR flight IN flights
  FILTER flight.day == @day AND flight.delay > @delay
  LET airport = FIRST(FOR a IN airports FILTER a._key == flight.to RETURN a)
  FILTER airport.state IN @states
  COLLECT state = airport.state, carrier = flight.carrier
    AGGREGATE flights = COUNT(1), worst = MAX(flight.delay), mean = AVG(flight.delay)
  FILTER flights > 10
  SORT mean DESC, state
  LIMIT 20
  RETURN { state, carrier, flights, worst, mean: ROUND(mean * 100) / 100 }";

const BINDS: &str = r#"{"day":"2026-11-21","delay":15,"states":["AK","HI","WA"]}"#;

/// Bars in µs.
const PLANNED_MAX: f64 = 100.0;
const CACHED_MAX: f64 = 10.0;

const ROUNDS: usize = 500;
const RUNS: usize = 20;

/// µs of one run, the least of all rounds.
fn measure<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut least = u128::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..RUNS {
            black_box(run());
        }
        least = least.min(began.elapsed().as_nanos());
    }
    least as f64 / RUNS as f64 / 1e3
}

fn document() -> String {
    let member = |at: usize| format!("\"attribute{at}\":{{\"n\":{at},\"s\":\"some text {at}\"}}");
    let members: Vec<String> = (0..22).map(member).collect();
    format!("{{{}}}", members.join(","))
}

fn main() -> ExitCode {
    let mut database = Database::new();
    database.create_collection("flights", CollectionKind::Document);
    database.create_collection("airports", CollectionKind::Document);
    database.create_index(
        "flights",
        IndexKind::Persistent,
        &["day", "delay"],
        false,
        false,
        &[],
    );
    let transaction = database.begin();
    let options = CompileOptions::default();
    let (Ok(binds), json) = (Value::from_json(BINDS), document()) else {
        return ExitCode::FAILURE;
    };
    let cache = PlanCache::new(PlanCacheLimits::default());
    let from_cache = || cache.prepare("", 1, QUERY, &binds, &transaction, &options);
    if let Err(error) = from_cache() {
        eprintln!("the query does not compile: {error}");
        return ExitCode::FAILURE;
    }
    let unit = measure(|| Value::from_json(&json));
    let planned = measure(|| prepare(QUERY, &binds, &transaction, &options));
    let cached = measure(from_cache);
    let rows = [
        ("parse", measure(|| parse(QUERY)), None),
        (
            "parse and plan",
            measure(|| compile(QUERY, &binds, &transaction, &options)),
            Some(PLANNED_MAX),
        ),
        ("parse and plan for the cache", planned, Some(PLANNED_MAX)),
        ("a plan from the cache", cached, Some(CACHED_MAX)),
    ];
    println!(
        "a query of {} lines, {} bytes; reading {} bytes of JSON: {unit:.2} µs\n",
        QUERY.lines().count(),
        QUERY.len(),
        json.len()
    );
    println!("| step | time | bar | JSON documents |\n|---|---|---|---|");
    let mut missed = false;
    for (name, time, bar) in rows {
        let bar_text = bar.map_or(String::new(), |bar| format!("{bar:.0} µs"));
        println!(
            "| {name} | {time:.2} µs | {bar_text} | {:.2} |",
            time / unit
        );
        missed |= bar.is_some_and(|bar| time > bar);
    }
    println!(
        "\na plan from the cache takes {:.1} % of the time of a new one",
        cached / planned * 100.0
    );
    let check = std::env::args().any(|argument| argument == "--check");
    ExitCode::from(u8::from(missed && check))
}
