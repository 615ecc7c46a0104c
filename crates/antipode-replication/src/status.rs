//! What a replica shows of itself and its peers: for operators, for metrics, and for the checks of the simulation.

use std::collections::BTreeMap;

use antipode_clock::{ReplicaId, VersionVector};

use crate::replication::Replication;
use crate::{EpochRef, LinkId, Member, Micros, WriteGate};

/// What a replica can tell about itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// The epoch.
    pub epoch: EpochRef,
    /// Its members.
    pub members: Vec<Member>,
    /// What is applied.
    pub vv: VersionVector,
    /// What is durable.
    pub durable: VersionVector,
    /// Whether it still listens before it speaks.
    pub on_probation: bool,
    /// Whether it may commit.
    pub writes: WriteGate,
    /// Records waiting for others before them.
    pub buffered_records: usize,
    /// And their bytes.
    pub buffered_bytes: u64,
    /// Fresh commits that were not pushed yet, in bytes.
    pub unsent_bytes: u64,
    /// Records handed to the committer and not yet applied, in bytes.
    pub handed_bytes: u64,
    /// The newest report of each member: its number and its durable vector. What all of them hold is causally stable.
    pub reports: BTreeMap<ReplicaId, (u64, VersionVector)>,
    /// The peers.
    pub peers: Vec<PeerStatus>,
}

/// What a replica knows of a peer.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The link.
    pub link: LinkId,
    /// Who, once it has said so.
    pub member: Option<Member>,
    /// Whether both sides have greeted.
    pub open: bool,
    /// Whether an alarm has separated it from this replica.
    pub estranged: bool,
    /// The newest durable vector that it announced.
    pub vv: VersionVector,
    /// Shortest round trip seen.
    pub round_trip: Option<Micros>,
    /// Median offset of its clock against ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Bytes in its outgoing queue.
    pub queued_bytes: u64,
}

impl Replication {
    /// What there is to show.
    #[must_use]
    pub fn status(&self) -> Status {
        let peers = self
            .links
            .values()
            .map(|link| PeerStatus {
                link: link.id,
                member: link.peer.as_ref().map(|peer| peer.member.clone()),
                open: link.open(),
                estranged: link
                    .replica()
                    .is_some_and(|peer| self.estranged.contains(&peer)),
                vv: link.vv.clone(),
                round_trip: link.clock.round_trip(),
                clock_offset_ms: link.clock.offset_ms(),
                queued_bytes: link.queued,
            })
            .collect();
        Status {
            epoch: self.membership.reference(),
            members: self.membership.epoch().members().to_vec(),
            vv: self.applied.clone(),
            durable: self.durable.clone(),
            on_probation: self.on_probation(),
            writes: self.gate,
            buffered_records: self.buffer.len(),
            buffered_bytes: self.buffer.bytes(),
            unsent_bytes: self.push.bytes(),
            handed_bytes: self.in_flight_bytes,
            reports: self
                .reports
                .iter()
                .map(|(member, report)| (*member, (report.number, report.vv.clone())))
                .collect(),
            peers,
        }
    }
}
