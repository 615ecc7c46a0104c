//! Every planted mistake is caught by the schedules: a harness that catches none proves nothing.
//!
//! Needs the feature `planted-bugs`: `cargo test -p antipode-crdt --features planted-bugs --test planted`.
#![cfg(feature = "planted-bugs")]

mod support;

use antipode_crdt::bug::{Bug, plant};
use support::world::{Bent, run};

/// Schedules within which a mistake has to show.
const SCHEDULES_MAX: u64 = 60_000;

const BUGS: [Bug; 10] = [
    Bug::TieBrokenByArrival,
    Bug::IncrementTwice,
    Bug::RemovalEatsConcurrentAdd,
    Bug::CutIgnoresNewerCut,
    Bug::FoldsUnstableHiddenLife,
    Bug::FoldsLivesUnderRemoval,
    Bug::FoldsObjectUnderUnstableSet,
    Bug::RelativeByStamp,
    Bug::RemovalSkipsHidden,
    Bug::RemoveLeavesTwins,
];

/// The first seed whose schedule fails, and how.
fn caught(bug: Option<Bug>, bent: Bent) -> Option<(u64, String)> {
    plant(bug);
    let found =
        (1..=SCHEDULES_MAX).find_map(|seed| run(seed, bent).err().map(|error| (seed, error)));
    plant(None);
    found
}

#[test]
fn every_planted_bug_is_caught() {
    let mut missed = Vec::new();
    let stability = Bent {
        plain_minimum: true,
    };
    let planted = BUGS
        .iter()
        .map(|bug| (format!("{bug:?}"), Some(*bug), Bent::default()));
    for (name, bug, bent) in
        planted.chain([("StabilityByPlainMinimum".to_owned(), None, stability)])
    {
        match caught(bug, bent) {
            Some((seed, error)) => {
                let first = error.lines().next().unwrap_or_default();
                let short: String = first.chars().take(160).collect();
                println!("{name}: caught by schedule {seed}: {short}");
            }
            None => missed.push(name),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught in {SCHEDULES_MAX} schedules: {missed:?}"
    );
}
