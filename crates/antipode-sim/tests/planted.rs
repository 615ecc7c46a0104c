//! Each planted bug must be caught by some seed, or the checks prove nothing.

use antipode_engine::planted::Bug;
use antipode_sim::{Plan, PlantedBug, World};

/// The bug must be found within so many seeds.
const SEEDS_MAX: u64 = 400;

fn check(bug: PlantedBug) {
    for seed in 1..=SEEDS_MAX {
        if let Err(failure) = World::new(Plan::draw(seed).with(bug)).run() {
            println!("{bug:?}: {failure}");
            return;
        }
    }
    panic!("{bug:?} was not caught in {SEEDS_MAX} seeds");
}

#[test]
fn a_skipped_dependency_is_caught() {
    check(PlantedBug::SkipDependencies);
}

#[test]
fn anti_entropy_that_skips_the_last_record_is_caught() {
    check(PlantedBug::SkipLastRecord);
}

#[test]
fn recovery_that_accepts_a_torn_tail_is_caught() {
    check(PlantedBug::AcceptTornTail);
}

#[test]
fn an_ack_before_the_sync_is_caught() {
    check(PlantedBug::Engine(Bug::AckBeforeSync));
}

#[test]
fn a_dot_that_is_used_again_after_a_restart_is_caught() {
    check(PlantedBug::Engine(Bug::DotReused));
}

#[test]
fn a_clock_that_receipt_does_not_move_is_caught() {
    check(PlantedBug::Engine(Bug::HlcNotMoved));
}

#[test]
fn an_index_written_outside_the_batch_is_caught() {
    check(PlantedBug::Engine(Bug::IndexOutsideBatch));
}

#[test]
fn an_index_that_does_not_follow_merges_is_caught() {
    check(PlantedBug::Engine(Bug::IndexNotMerged));
}

#[test]
fn an_expiry_that_eats_a_longer_life_is_caught() {
    check(PlantedBug::Engine(Bug::ExpiryIsFinal));
}
