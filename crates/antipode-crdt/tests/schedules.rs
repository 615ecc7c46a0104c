//! Random causal schedules of 3 to 5 replicas against the specification of every rule.
//!
//! `ANTIPODE_SCHEDULES` sets how many are run (100,000 unless it says otherwise), `ANTIPODE_SEED` where they begin: a failing
//! seed alone is run again with `ANTIPODE_SEED=<seed> ANTIPODE_SCHEDULES=1`.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use support::world::{Bent, run};

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn schedules_agree_with_the_specification() {
    let first = variable("ANTIPODE_SEED", 1);
    let count = variable("ANTIPODE_SCHEDULES", 100_000);
    let next = AtomicU64::new(first);
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get().min(8));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return Ok(());
            }
            run(seed, Bent::default())?;
        }
    };
    let outcomes: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a schedule panicked"))
            .collect()
    });
    println!("{count} schedules from seed {first}");
    for outcome in outcomes {
        if let Err(error) = outcome {
            panic!("{error}");
        }
    }
}
