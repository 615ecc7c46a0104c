//! The network between the nodes of a cluster: QUIC with mutual TLS, one link for each pair of nodes.
//!
//! ```text
//!   node ── Handle::{connect, send, …} ──►┌───────────┐   three lanes each way, one QUIC stream each
//!                                         │ Transport │◄══════ control · live · bulk ══════► peer
//!   node ◄── PeerEvent::{Up, Message, …} ─└───────────┘
//! ```
//!
//! It moves messages as bytes and knows nothing of what is in them. What it promises: messages of a lane arrive in
//! order and unaltered, from a peer whose certificate names its cluster, region and node; a backlog on one lane does
//! not delay another; and everything is bounded, whatever a peer does: queues by bytes ([`Config::queue_bytes_max`]),
//! what was received and not yet dealt with by [`Credit`]s, a message by its length. What it does not promise: that a
//! message arrives at all. A link may go down at any moment, with all that was under way.
//!
//! [`certificate`] makes the certificates, `wan` slows and cuts links for tests and demos.

pub mod certificate;
mod config;
mod endpoint;
pub mod error;
mod event;
mod frame;
mod identity;
mod link;
mod tls;
mod wan;

#[cfg(test)]
mod tests;

pub use certificate::{Bundle, Ca};
pub use config::Config;
pub use endpoint::{Handle, LinkStatus, Transport};
pub use error::{CertificateError, FrameError, LinkError, Retry, SendError, StartError};
pub use event::{Credit, LinkId, PeerEvent, Sink};
pub use frame::Lane;
pub use identity::{ClusterId, Identity};
pub use wan::{Cut, Shape};
