//! One machine: a disk that outlives processes, a clock that is off, and the node that runs on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use antipode_clock::{ReplicaId, VersionVector};
use antipode_engine::{EngineError, Node, NodeConfig, RequestId, Seed};
use antipode_replication::{Config, Micros, Now};
use antipode_store::memory::Crash;
use antipode_store::{MemoryDisk, StoreError};

use crate::random::Random;
use crate::workload::Effect;

/// Wall time when a run begins.
const WALL_MS: u64 = 1_700_000_000_000;

/// A request whose reply has not come.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What it must leave behind, each with the position of its operation.
    pub(crate) effects: Vec<(u64, Effect)>,
    pub(crate) disk: bool,
}

/// A machine of the cluster.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) disk: MemoryDisk,
    pub(crate) node: Option<Node>,
    pub(crate) replica: ReplicaId,
    /// How far its wall clock is off, in milliseconds.
    pub(crate) skew_ms: i64,
    /// When the node wants to be called.
    pub(crate) wake: Option<Micros>,
    /// Counts process starts; events for an earlier one are void.
    pub(crate) start: u64,
    /// How much of its vector was checked.
    pub(crate) checked: VersionVector,
    /// Its last transaction acknowledged at all.
    pub(crate) acked_any: u64,
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    config: NodeConfig,
}

/// The cluster's name.
const CLUSTER: u128 = 0x5eed;

impl Host {
    pub(crate) fn new(index: usize, replication: &Config, dice: &mut Random) -> Self {
        let name = format!("node-{index}");
        // A newcomer knows the founder, or a node that came before it and may itself still be joining.
        let mut seeds = Vec::new();
        if index > 0 {
            seeds.push("node-0".to_owned());
            seeds.push(format!("node-{}", dice.index(index)));
        }
        let config = NodeConfig {
            cluster: CLUSTER,
            node: name.clone(),
            region: format!("region-{}", index % 3),
            address: name.clone(),
            founds: index == 0,
            replication: Config {
                seeds,
                ..replication.clone()
            },
        };
        Self {
            name,
            disk: MemoryDisk::new(),
            node: None,
            replica: ReplicaId(dice.bits() | 1),
            skew_ms: 0,
            wake: None,
            start: 0,
            checked: VersionVector::new(),
            acked_any: 0,
            asked: BTreeMap::new(),
            config,
        }
    }

    pub(crate) fn now(&self, at: Micros) -> Now {
        let wall = WALL_MS.saturating_add(at.ms());
        Now {
            at,
            wall_ms: wall.saturating_add_signed(self.skew_ms),
        }
    }

    /// Starts the process. A disk that fails is not a bug: the process ends and is started again later.
    pub(crate) fn open(&mut self, dice: &mut Random) -> Result<(), EngineError> {
        self.start += 1;
        let storage = self.disk.open().map_err(EngineError::from)?;
        let seed = Seed {
            replica: self.replica.0,
            boot: dice.bits(),
            network: dice.bits(),
        };
        match Node::open(Arc::new(storage), self.config.clone(), seed) {
            Ok(node) => {
                self.node = Some(node);
                Ok(())
            }
            Err(error) => {
                self.disk.crash(Crash::Process);
                Err(error)
            }
        }
    }

    /// Ends the process, and the machine with it if `power` is cut: then of the batches that were not synced some reach
    /// the disk whole, and one perhaps in part.
    pub(crate) fn crash(&mut self, power: bool, dice: &mut Random) {
        self.node = None;
        self.wake = None;
        self.start += 1;
        let unsynced = self.disk.unsynced_batches() as u64;
        let crash = if power {
            Crash::Power {
                kept: dice.below(unsynced + 1) as usize,
                torn_bytes: dice.chance(70).then(|| dice.below(400) as usize),
            }
        } else {
            Crash::Process
        };
        self.disk.crash(crash);
    }
}

/// Whether an open failed for a reason that passes: the disk was made to fail.
pub(crate) fn passes(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Store(
            StoreError::Io { .. } | StoreError::Full { .. } | StoreError::ReadOnly { .. }
        )
    )
}
