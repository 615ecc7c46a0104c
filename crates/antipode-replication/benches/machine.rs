//! What a commit costs the machines of a cluster: pushed by one, received, ordered and delivered by all the others. The
//! network is the one of the tests, so its events are in the figures.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures time; the machine itself never looks at a clock"
)]

#[path = "../tests/network/mod.rs"]
mod network;

use std::time::Instant;

use antipode_replication::{Config, Micros};
use network::{Network, Weather};

const WRITES: u64 = 5_000;

fn main() {
    let weather = Weather {
        delay: Micros::from_ms(20),
        jitter: Micros(0),
        loss_percent: 0,
        double_percent: 0,
    };
    for members in [3usize, 8, 16] {
        let mut cluster = Network::new(&["0"], 1, weather, Config::default());
        for member in 1..members {
            cluster.add(&member.to_string());
            cluster.run(Micros::from_ms(1_000));
        }
        cluster.run(Micros::from_ms(5_000));
        let begun = Instant::now();
        for _ in 0..WRITES {
            cluster.write(0, &[7; 200], true);
            cluster.run(Micros(500));
        }
        cluster.run(Micros::from_ms(2_000));
        assert!(cluster.converged());
        let per_write = begun.elapsed().as_nanos() as u64 / WRITES;
        let per_delivery = per_write / (members as u64 - 1);
        println!(
            "{members} members: {per_write} ns per commit, {per_delivery} ns per member and commit"
        );
    }
}
