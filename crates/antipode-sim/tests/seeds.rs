//! Thousands of runs, each from its seed. `SIM_SEEDS` sets how many, `SIM_FIRST` where to begin; a failure names its seed,
//! and `SIM_FIRST=<seed> SIM_SEEDS=1` repeats it. `ANTIPODE_TEST_FULL` asks for ten times as many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use antipode_sim::{Failure, Plan, Report, World, run};

const SEEDS: u64 = 2_000;

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_seed_keeps_every_promise() {
    let first = number("SIM_FIRST", 1);
    let full = std::env::var_os("ANTIPODE_TEST_FULL").is_some();
    let seeds = if full { 10 * SEEDS } else { SEEDS };
    let end = first + number("SIM_SEEDS", seeds);
    let next = AtomicU64::new(first);
    let failures: Mutex<Vec<Failure>> = Mutex::new(Vec::new());
    let total: Mutex<Report> = Mutex::new(Report::default());
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || failures.lock().expect("no panic").len() >= 5 {
                        return;
                    }
                    match run(seed) {
                        Ok(report) => {
                            let mut total = total.lock().expect("no panic");
                            total.events += report.events;
                            total.virtual_ms += report.virtual_ms;
                            total.transactions += report.transactions;
                            total.applied += report.applied;
                            total.states += report.states;
                            total.faults += report.faults;
                            total.restarts += report.restarts;
                            total.lost += report.lost;
                        }
                        Err(failure) => failures.lock().expect("no panic").push(failure),
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("no panic");
    println!("seeds {first}..{end}: {total:?}");
    let failures = failures.into_inner().expect("no panic");
    for failure in &failures {
        eprintln!("{failure}");
    }
    assert!(failures.is_empty(), "{} seeds failed", failures.len());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 17, 99, 1_234] {
        let (once, again) = (run(seed), run(seed));
        match (once, again) {
            (Ok(once), Ok(again)) => assert_eq!(once, again, "seed {seed}"),
            (once, again) => panic!("seed {seed}: {once:?}, {again:?}"),
        }
    }
}

#[test]
fn a_node_that_was_away_for_a_day_catches_up() {
    for seed in 1..=3 {
        let report = World::new(Plan::day(seed)).run();
        let report = report.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(report.restarts, 1);
        assert!(report.virtual_ms >= 24 * 3_600_000, "{report:?}");
        assert!(report.transactions > 1_000, "{report:?}");
    }
}
