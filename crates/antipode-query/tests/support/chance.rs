//! Small numbers from a seed, the same on every machine, and the seeds that a test runs: `SEED=n` runs one, `SEEDS=n`
//! that many.
#![allow(dead_code, reason = "each test uses its own part")]

use std::ops::Range;

pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        chance.below(2);
        chance
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    pub fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds to run, `usual` of them unless the environment says otherwise.
pub fn seeds(usual: u64) -> Range<u64> {
    match setting("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("SEEDS").unwrap_or(usual),
    }
}

/// Whether one seed runs alone, which then need not reach everything.
pub fn alone() -> bool {
    setting("SEED").is_some()
}
