//! Sizes, times and names that a replica is started with. Each is a starting value with a reason; a node's
//! configuration may change any of them.

use antipode_clock::ReplicaId;

use crate::Micros;

/// Who this replica is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The cluster, from its certificate authority. Peers of another cluster are turned away.
    pub cluster: u128,
    /// The node's name.
    pub node: String,
    /// The node's region.
    pub region: String,
    /// Where peers can reach this node; empty when they cannot dial it.
    pub address: String,
    /// The name under which this node originates.
    pub replica: ReplicaId,
    /// 64 random bits drawn at this process start; the first transaction of this start carries them.
    pub boot: u64,
}

/// Limits of one replica in one group.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to dial while no member can be reached: how a newcomer finds the cluster.
    pub seeds: Vec<String>,
    /// A batch of fresh commits is closed at this size…
    pub push_bytes: u64,
    /// …or this long after its first record: a small part of any intercontinental round trip.
    pub push_delay: Micros,
    /// Records larger than this travel on the bulk lane, so that they do not stand in front of small ones.
    pub live_record_bytes_max: u64,
    /// Fresh commits waiting to be durable or pushed; above it they are left to anti-entropy.
    pub unsent_bytes_max: u64,
    /// A peer whose outgoing queue passes this gets digests only, until it has drained to half.
    pub queue_bytes_max: u64,
    /// Early records kept while their gap is asked for…
    pub buffer_records_max: usize,
    /// …and the bytes of them. Two seconds of 8 MB/s, after which asking again costs less than keeping.
    pub buffer_bytes_max: u64,
    /// Records handed to the committer and not yet applied.
    pub handed_bytes_max: u64,
    /// Time between digests, give or take half.
    pub digest_interval: Micros,
    /// A record announced but missing for this long (and two round trips) is asked for.
    pub gap_patience: Micros,
    /// A transfer that brought nothing for this long is asked of another peer.
    pub want_timeout: Micros,
    /// Bytes of catch-up under way to this replica in one transfer.
    pub credit_bytes: u64,
    /// Transfers that this replica asks for at a time, each from another peer.
    pub transfers_max: usize,
    /// Bytes asked of the log at a time.
    pub read_bytes: u64,
    /// A replica that has just started listens this long before it speaks, unless all members answer sooner.
    pub probation: Micros,
    /// Time between Hellos until one is answered, between Joins, and between proposals.
    pub retry_interval: Micros,
    /// Time between attempts to dial a member; it doubles up to eight times this.
    pub connect_interval: Micros,
    /// A member that holds an accepted but undecided epoch for this long proposes it itself.
    pub epoch_patience: Micros,
    /// Which bugs to have.
    #[cfg(feature = "planted-bugs")]
    pub planted: Planted,
}

/// Bugs for the simulator to find.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Planted {
    /// Records are delivered without looking at what their writer had seen.
    pub skip_dependencies: bool,
    /// Catch-up leaves out the last record of a range.
    pub skip_last_record: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            push_bytes: 64 << 10,
            push_delay: Micros::from_ms(2),
            live_record_bytes_max: 1 << 20,
            unsent_bytes_max: 8 << 20,
            queue_bytes_max: 8 << 20,
            buffer_records_max: 4096,
            buffer_bytes_max: 16 << 20,
            handed_bytes_max: 4 << 20,
            digest_interval: Micros::from_ms(1_000),
            gap_patience: Micros::from_ms(200),
            want_timeout: Micros::from_ms(2_000),
            credit_bytes: 1 << 20,
            transfers_max: 4,
            read_bytes: 256 << 10,
            probation: Micros::from_ms(10_000),
            retry_interval: Micros::from_ms(1_000),
            connect_interval: Micros::from_ms(500),
            epoch_patience: Micros::from_ms(60_000),
            #[cfg(feature = "planted-bugs")]
            planted: Planted::default(),
        }
    }
}
