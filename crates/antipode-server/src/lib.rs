//! The gRPC server of a node.
//!
//! Each service of `proto/antipode/v1` has a file in `service/`, which turns requests into calls of the database and its
//! answers into replies, and decides nothing else. What all requests say of how they are to be done is read by `request`;
//! `node` opens the session for that. `work` runs the calls, which block, within bounds; `config` says what is served to
//! whom; `failure` how an error travels.

mod config;
mod cursors;
mod failure;
mod node;
mod request;
mod server;
mod service;
mod work;

pub use config::{Config, StartError, Tls};
pub use server::Server;
