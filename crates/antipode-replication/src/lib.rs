//! Replication of one group as a state machine without I/O.
mod config;
mod event;
pub mod message;
mod record;
mod replication;
mod state;
mod wire;

pub use config::{Config, Identity};
pub use event::{
    Alarm, Command, Input, Lane, LinkId, Micros, Now, Output, ReadId, Refusal, Refused,
    StateDigest, WriteGate,
};
pub use message::Message;
pub use record::{ChainHash, DamagedRecord, Head, LogRange, Record, RecordReader, read_merged};
pub use replication::{PeerStatus, Replication, Status};
pub use state::{Accepted, Ballot, Epoch, EpochRef, Member, MembershipState, Recovered, Retired};
