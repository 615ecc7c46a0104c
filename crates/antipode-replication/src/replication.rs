//! The machine.

use antipode_clock::VersionVector;

use crate::{
    Config, EpochRef, Identity, Input, LinkId, Member, Now, Output, RecordReader, Recovered,
};

/// One replica of one group.
pub struct Replication {
    #[expect(dead_code)]
    identity: Identity,
}

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
    /// Records waiting for others before them, and their bytes.
    pub buffered: (usize, u64),
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
    /// Whether data passes.
    pub open: bool,
    /// The newest durable vector that it announced.
    pub vv: VersionVector,
    /// Smallest round trip seen, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Median offset of its clock against ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Bytes in its outgoing queue.
    pub queued_bytes: u64,
}

impl Replication {
    /// A replica that has recovered and handles [`Input::Start`] next. `seed` feeds its random choices; equal seeds and
    /// inputs give equal outputs.
    #[must_use]
    pub fn new(
        _config: Config,
        identity: Identity,
        _recovered: Recovered,
        _reader: RecordReader,
        _seed: u64,
    ) -> Self {
        Self { identity }
    }

    /// Handles one input; what is to be done is appended to `outputs`.
    pub fn handle(&mut self, _input: Input, _now: Now, _outputs: &mut Vec<Output>) {}
}
