//! Random runs: everything that can go wrong does, then it heals, and everybody must hold the same. Causal order, no gap
//! and no double are asserted at every record applied; equal vectors with unequal state, and bounds, at every step.

mod network;

use antipode_replication::{Config, Micros};
use network::{Network, Weather};

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// Small limits, so that a short run meets them.
fn tight() -> Config {
    Config {
        buffer_records_max: 16,
        buffer_bytes_max: 8 << 10,
        credit_bytes: 4 << 10,
        read_bytes: 1 << 10,
        handed_bytes_max: 4 << 10,
        unsent_bytes_max: 8 << 10,
        push_bytes: 1 << 10,
        epoch_patience: Micros::from_ms(2_000),
        ..Config::default()
    }
}

fn run(seed: u64) {
    let mut dice = network::Random(seed);
    let weather = Weather {
        delay: Micros::from_ms(1 + dice.below(150)),
        jitter: Micros::from_ms(dice.below(40)),
        loss_percent: [0, 0, 2, 20][dice.below(4) as usize],
        double_percent: [0, 5, 30][dice.below(3) as usize],
    };
    let config = if dice.chance(50) {
        tight()
    } else {
        Config::default()
    };
    let count = 3 + dice.below(5) as usize;
    let mut network = Network::new(&NAMES[..1], seed, weather, config);
    network.seeds = 1 + dice.below(3) as usize;
    for name in &NAMES[1..count] {
        network.add(name);
        network.run(Micros::from_ms(dice.below(600)));
    }
    network.run(Micros::from_ms(500 + dice.below(4_000)));
    for _ in 0..dice.below(60) {
        let node = dice.below(count as u64) as usize;
        let other = dice.below(count as u64) as usize;
        match dice.below(13) {
            0..5 => {
                for _ in 0..=dice.below(20) {
                    let payload = vec![7; dice.below(400) as usize];
                    network.write(node, &payload, true);
                }
            }
            5 => network.write(node, b"not synced yet", false),
            6 if network.nodes[node].up && !network.nodes[node].full => network.sync(node),
            7 => network.crash(node),
            8 if !network.nodes[node].up => network.restart(node),
            9 if node != other => network.cut(node, other),
            10 if dice.chance(30) => network.heal(),
            11 => network.nodes[node].slow ^= true,
            12 if network.nodes[node].full => network.make_room(node),
            12 if network.nodes[node].up => network.fill(node),
            _ => {}
        }
        network.run(Micros::from_ms(dice.below(1_500)));
        network.check();
    }
    network.heal();
    network.weather.loss_percent = 0;
    for index in 0..count {
        network.nodes[index].slow = false;
        if network.nodes[index].up && network.nodes[index].full {
            network.make_room(index);
        }
        if !network.nodes[index].up {
            network.restart(index);
        }
        network.sync(index);
    }
    for _ in 0..120 {
        network.run(Micros::from_ms(500));
        network.check();
    }
    assert!(network.converged(), "seed {seed}: no convergence");
    for node in &network.nodes {
        assert_eq!(
            network.status(0).members.len(),
            count,
            "seed {seed}: members"
        );
        assert!(node.alarms.is_empty(), "seed {seed}: {:?}", node.alarms);
        for dot in &network.acked {
            assert!(
                node.vv.covers(*dot),
                "seed {seed}: {} lacks {dot}",
                node.name
            );
        }
    }
}

#[test]
fn whatever_happens_everybody_ends_with_the_same() {
    let runs = std::env::var("CHAOS_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    let first = std::env::var("CHAOS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let first = first.unwrap_or(1);
    for seed in first..first + runs.unwrap_or(300) {
        let result = std::panic::catch_unwind(|| run(seed));
        if let Err(panic) = result {
            eprintln!("failed with seed {seed}; CHAOS_SEED={seed} CHAOS_RUNS=1 repeats it");
            std::panic::resume_unwind(panic);
        }
    }
}

/// A backlog of many times the credit reaches a peer that was away, once, while fresh commits go on.
#[test]
fn a_backlog_is_streamed_once() {
    let weather = Weather {
        delay: Micros::from_ms(50),
        jitter: Micros(0),
        loss_percent: 0,
        double_percent: 0,
    };
    let mut network = Network::new(&["a", "b", "c"], 1, weather, Config::default());
    network.run(Micros::from_ms(2_000));
    network.crash(2);
    let payload = vec![1; 10_000];
    for _ in 0..2_000 {
        network.write(0, &payload, true);
        network.run(Micros::from_ms(1));
    }
    network.restart(2);
    network.run(Micros::from_ms(1_500));
    let origin = network.nodes[0].replica;
    let reached = network.nodes[2].vv.get(origin);
    assert!(
        (1..2_000).contains(&reached),
        "the backlog is under way: {reached}"
    );
    let before = network.bytes_sent;
    for _ in 0..300 {
        network.write(1, b"fresh", true);
        network.run(Micros::from_ms(10));
        network.check();
    }
    network.run(Micros::from_ms(500));
    assert!(network.converged());
    let backlog = (2_000 - reached) as f64 * 10_000.0;
    let ratio = (network.bytes_sent - before) as f64 / backlog;
    assert!(
        ratio < 1.3,
        "the rest of the backlog was sent {ratio} times"
    );
}

/// Two origins whose small records depend on each other, from two peers that each have only one of them at first hand:
/// the buffer is far smaller than the backlog, and still next to nothing is sent twice.
#[test]
fn an_interleaved_backlog_does_not_thrash_a_small_buffer() {
    let weather = Weather {
        delay: Micros::from_ms(30),
        jitter: Micros(0),
        loss_percent: 0,
        double_percent: 0,
    };
    let mut network = Network::new(&["a", "b", "c", "d"], 1, weather, tight());
    network.run(Micros::from_ms(3_000));
    network.crash(2);
    let mut backlog = 0.0;
    for _ in 0..600 {
        for writer in [0, 1] {
            network.write(writer, &[7; 100], true);
            network.run(Micros::from_ms(70));
            backlog += 250.0;
        }
    }
    network.restart(2);
    let before = network.bytes_sent;
    let mut waited = 0;
    while !network.converged() && waited < 200 {
        network.run(Micros::from_ms(500));
        network.check();
        waited += 1;
    }
    assert!(network.converged(), "c is at {}", network.nodes[2].vv);
    let ratio = (network.bytes_sent - before) as f64 / backlog;
    assert!(
        ratio < 2.0,
        "the backlog was sent {ratio} times in {waited} half seconds"
    );
}
