//! What a run is like, drawn from its seed. Each run leaves out some faults and some work and varies sizes, so that rare
//! regimes occur (after Groce et al., *Swarm Testing*, 2012).

use antipode_replication::{Config, Micros};

use crate::random::Random;
use crate::workload::Kind;

/// The description of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// How many nodes there are in the end.
    pub nodes: usize,
    /// How long faults and clients go on.
    pub chaos: Micros,
    /// Time between operations of clients, on average.
    pub operation_pause: Micros,
    /// Time between faults, on average.
    pub fault_pause: Micros,
    /// One-way delay of each pair of nodes is drawn from this range.
    pub delay: (Micros, Micros),
    /// Added to the delay of each message, at most.
    pub jitter: Micros,
    /// Messages lost on a link that is up.
    pub loss_percent: u64,
    /// Messages that arrive twice.
    pub double_percent: u64,
    /// Whether messages of one lane may overtake each other.
    pub reorders: bool,
    /// Bytes a second that a link carries; none means all that there are.
    pub bandwidth: Option<u64>,
    /// How long a sync takes, at most.
    pub sync_delay: Micros,
    /// How far a wall clock is off, at most; when a node restarts it may have been set anew, three times as far off.
    pub skew_ms: u64,
    /// Which faults happen.
    pub faults: Faults,
    /// A node that loses power at the first of these times, and comes back at the second.
    pub absence: Option<(usize, Micros, Micros)>,
    /// What clients do.
    pub work: Vec<Kind>,
    /// Keys per kind of work: fewer make more conflicts.
    pub keys: u64,
    /// Documents carry this much beside what is checked, at most.
    pub padding_bytes: u64,
    /// Percent of writes acknowledged at `memory`.
    pub memory_percent: u64,
    /// Limits of replication.
    pub replication: Config,
    /// The bug to have.
    #[cfg(feature = "planted-bugs")]
    pub bug: Option<PlantedBug>,
}

/// Which faults happen in a run.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Groups of nodes that do not reach each other.
    pub partitions: bool,
    /// Links that carry one way only.
    pub one_way: bool,
    /// Links that go down and up again within seconds.
    pub flapping: bool,
    /// Processes that die.
    pub process_crashes: bool,
    /// Machines that lose power, and with it what was not synced.
    pub power_cuts: bool,
    /// Disks that fail at a write or a sync, or are full for a while.
    pub disks: bool,
    /// Nodes that stay away until the end.
    pub long_absence: bool,
}

/// A bug for the checks to find.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlantedBug {
    /// A record is delivered before what its writer saw.
    SkipDependencies,
    /// Catch-up leaves out the last record of a range.
    SkipLastRecord,
    /// Recovery takes up a torn batch.
    AcceptTornTail,
    /// One that is planted in the engine.
    Engine(antipode_engine::planted::Bug),
}

impl Plan {
    /// The run of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Random::new(seed);
        let near = dice.chance(40);
        let delay = if near {
            (Micros::from_ms(1), Micros::from_ms(15))
        } else {
            (Micros::from_ms(10), Micros::from_ms(160))
        };
        let hostile = dice.chance(30);
        let mut work: Vec<_> = Kind::ALL.into_iter().filter(|_| dice.chance(60)).collect();
        if work.is_empty() {
            work.extend(dice.pick(&Kind::ALL));
        }
        Self {
            seed,
            nodes: dice.between(3, 7) as usize,
            chaos: Micros::from_ms(dice.between(4_000, 20_000)),
            operation_pause: Micros::from_ms(dice.pick(&[20, 60, 150]).unwrap_or(60)),
            fault_pause: Micros::from_ms(dice.between(300, 3_000)),
            delay,
            jitter: Micros::from_ms(dice.pick(&[0, 3, 40]).unwrap_or(0)),
            loss_percent: if hostile { dice.between(0, 15) } else { 0 },
            double_percent: if hostile { dice.between(0, 15) } else { 0 },
            reorders: hostile && dice.chance(70),
            bandwidth: dice.chance(15).then(|| dice.between(10_000, 200_000)),
            sync_delay: Micros::from_ms(dice.pick(&[1, 8, 60]).unwrap_or(1)),
            skew_ms: dice.pick(&[0, 20, 800]).unwrap_or(0),
            faults: Faults {
                partitions: dice.chance(60),
                one_way: dice.chance(40),
                flapping: dice.chance(30),
                process_crashes: dice.chance(50),
                power_cuts: dice.chance(60),
                disks: dice.chance(20),
                long_absence: dice.chance(10),
            },
            absence: None,
            work,
            keys: dice.between(1, 8),
            padding_bytes: dice.pick(&[0, 0, 200, 4_000]).unwrap_or(0),
            memory_percent: dice.pick(&[0, 30, 100]).unwrap_or(0),
            replication: if dice.chance(40) {
                tight()
            } else {
                Config::default()
            },
            #[cfg(feature = "planted-bugs")]
            bug: None,
        }
    }

    /// A whole day of few writes and no faults, but that one of three nodes is away for nearly all of it.
    #[must_use]
    pub fn day(seed: u64) -> Self {
        let hours = |hours: u64| Micros::from_ms(hours * 3_600_000);
        Self {
            nodes: 3,
            chaos: hours(24),
            operation_pause: Micros::from_ms(15_000),
            fault_pause: hours(1_000),
            faults: Faults {
                partitions: false,
                one_way: false,
                flapping: false,
                process_crashes: false,
                power_cuts: false,
                disks: false,
                long_absence: false,
            },
            absence: Some((2, Micros::from_ms(60_000), hours(23))),
            ..Self::draw(seed)
        }
    }

    /// The same run with a bug.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with(mut self, bug: PlantedBug) -> Self {
        match bug {
            PlantedBug::SkipDependencies => self.replication.planted.skip_dependencies = true,
            PlantedBug::SkipLastRecord => self.replication.planted.skip_last_record = true,
            PlantedBug::AcceptTornTail | PlantedBug::Engine(_) => {}
        }
        self.bug = Some(bug);
        self
    }
}

/// Limits so small that a short run meets them.
fn tight() -> Config {
    Config {
        buffer_records_max: 24,
        buffer_bytes_max: 12 << 10,
        credit_bytes: 4 << 10,
        read_bytes: 1 << 10,
        handed_bytes_max: 4 << 10,
        unsent_bytes_max: 6 << 10,
        push_bytes: 1 << 10,
        queue_bytes_max: 64 << 10,
        epoch_patience: Micros::from_ms(3_000),
        ..Config::default()
    }
}
