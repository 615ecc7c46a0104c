//! A cluster in one process, with virtual time: whole nodes on disks in memory, joined by a network that is late, lossy
//! and partitioned as a seed decides.
//!
//! One number gives one run. [`Plan::draw`] makes from it how many nodes there are, what their network, disks and clocks
//! are like, which faults happen and what clients do; each run leaves out some of it, so that rare regimes occur. A
//! [`World`] lives through it in two phases: *chaos*, and then *heal and prove*, in which every node must come to the same
//! state within a minute. The nodes are the ones that a product runs ([`antipode_engine::Node`]); only the driver differs.
//!
//! | checked | where | when |
//! |---|---|---|
//! | equal vectors show equal digests | `check/ledger.rs` | whenever a vector moves |
//! | what is applied is causally closed, in order, and stamped above what its writer saw; no clock runs backwards | `check/ledger.rs` | the same |
//! | no dot is used with two contents | `check/ledger.rs` | the same, and at each restart |
//! | nothing acknowledged at `disk` is lost, nor at `memory` by a crash of the process | `check/ledger.rs` | each restart, the end |
//! | every count, tag and message is there once; assigns go to the newest | `workload` | the end |
//! | what was given a long life is there, whoever found it expired; what has expired is gone everywhere | `workload/fleeting.rs` | the end |
//! | indexes and counts equal the documents | `check/index.rs` | each restart, the end |
//! | buffers and queues stay within their bounds; no alarm | `world/look.rs` | every step, each second |
//!
//! The same seed gives the same run, bit for bit: [`Report::fingerprint`] covers every event.

mod check;
mod host;
mod network;
mod plan;
mod random;
mod workload;
mod world;

pub use plan::Plan;
#[cfg(feature = "planted-bugs")]
pub use plan::PlantedBug;
pub use random::Random;
pub use world::{Failure, Report, World};

/// Lives through the run of one seed.
///
/// # Errors
/// The first check that failed.
pub fn run(seed: u64) -> Result<Report, Failure> {
    World::new(Plan::draw(seed)).run()
}
