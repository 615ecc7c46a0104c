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
use execute_anything::{SAMPLES, execute_anything, small_database};

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
