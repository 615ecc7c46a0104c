//! Time and causality without a clock of its own.
//!
//! Antipode's replicas order what they do by three small things. A **hybrid logical clock** ([`Hlc`]) is close to wall
//! time but never runs backwards and always moves past what was received. A **stamp** ([`Stamp`]) is an HLC with the
//! replica that drew it: unique, totally ordered, one for each operation. A **dot** ([`Dot`]) numbers the transactions of
//! a replica 1, 2, 3, …, so that a **version vector** ([`VersionVector`]) says in one number per replica what a node has
//! applied, and a **causal context** ([`Context`]) says what the writer of a transaction had seen.
//!
//! Everything here is a value or a pure function: wall time comes in as an argument, and nothing touches the network,
//! the disk or a thread. The crate also has the byte cursor ([`codec`]) with which headers, messages and records are
//! written, because every layer above encodes these types.
//!
//! After Kulkarni, Demirbas, Madappa, Avva and Leone, *Logical Physical Clocks* (2014), and Preguiça, Baquero, Almeida,
//! Fonte and Gonçalves, *Dotted Version Vectors* (2010); our dot numbers transactions, not operations.
#![warn(missing_docs)]

pub mod codec;
mod context;
mod header;
mod hlc;
mod stability;
mod stamp;
mod version_vector;

pub use codec::CodecError;
pub use context::{Context, Seen};
pub use header::TxHeader;
pub use hlc::{Hlc, HlcClock};
pub use stability::{Reports, StableCut};
pub use stamp::{Dot, ReplicaId, Stamp};
pub use version_vector::VersionVector;
