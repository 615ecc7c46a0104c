//! Replication of one group as a state machine without I/O.
//!
//! A replica accepts every write where it happens and tells the others. This crate decides what is said, to whom and
//! when; it owns no socket, no disk and no clock. Events go in ([`Input`]), effects come out ([`Output`]), and the same
//! machine runs under real QUIC and under a simulated network.
//!
//! | question | answered in |
//! |---|---|
//! | when may a remote transaction be applied | [`CausalBuffer`]: when it is the next of its origin and all that its writer saw is here |
//! | how do fresh commits travel | `push.rs`: to every member, as soon as they are durable, gathered for 2 ms |
//! | how is a gap found and filled | `anti_entropy.rs`: digests, requests to any peer that has it, streams with credit |
//! | who is a member | `membership.rs`: epochs, each agreed by a majority of the one before |
//! | who is on the other side | `link.rs`: Hello, and evidence about one's own log |
//! | what crosses the wire | [`message`] |
//! | what must be durable | [`MembershipState`]; all else belongs to the committer, which tells the machine |
//!
//! Transactions are bytes with a causal header ([`Record`]); nothing here looks inside. Three rules hold everything up:
//! **nothing is sent before it is on disk here**; **what is delivered is causally closed at every moment**; and **between
//! different epochs only epochs pass**.
//!
//! Not here yet: members are never closed, nothing is collected, more than some 16 members still push to everyone, and a
//! node that has lost part of its own log stops writing and says so instead of coming back under a new id.
#![warn(missing_docs)]

mod anti_entropy;
mod causal_buffer;
mod config;
mod dial;
mod event;
mod link;
mod membership;
pub mod message;
mod outage;
mod push;
mod random;
mod record;
mod replication;
mod state;
mod status;
mod wire;

pub use causal_buffer::{CausalBuffer, Offer};
#[cfg(feature = "planted-bugs")]
pub use config::Planted;
pub use config::{Config, Identity};
pub use event::{
    Alarm, Command, Input, Lane, LinkId, Micros, Now, Output, ReadId, Refusal, Refused,
    StateDigest, WriteGate,
};
pub use record::{ChainHash, DamagedRecord, Head, LogRange, Record, RecordReader, read_merged};
pub use replication::Replication;
pub use state::{Accepted, Ballot, Epoch, EpochRef, Member, MembershipState, Recovered, Retired};
pub use status::{PeerStatus, Status};
