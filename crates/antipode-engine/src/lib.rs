//! A node: everything between a client's request and the bytes in the store.
//!
//! ```text
//!  session ──── CommitRequest ───▶┌───────────────────────────────┐
//!  peers ─────── Received ───────▶│ Node                          │──▶ Reply, Send, Sync, Alarm, Wake
//!  syncer ────── Synced ─────────▶│  committer    replication     │
//!  timer ─────── Tick ───────────▶└──────┬────────────────────────┘
//!                                        ▼ one batch
//!  session ◀──── snapshots ───────── Storage
//! ```
//!
//! [`Node`] is the whole node as one state machine: no socket, thread, clock or randomness but what is handed in, so
//! that the same code runs under `antipode` with RocksDB and QUIC and under the simulator with memory and virtual time.
//! It owns all mutation. Sessions ([`Session`]) read snapshots of the store beside it and hand their writes over as
//! [`CommitRequest`]s.
//!
//! Invariant: nothing but the committer (`committer.rs`) writes to the store, and local and remote transactions go
//! through the same `WorkingSet`, so replicas that applied the same transactions hold the same documents.

mod catalog;
mod changes;
mod committer;
mod error;
mod flight;
mod graph;
mod identity;
mod index;
mod key;
mod messages;
mod node;
#[cfg(feature = "planted-bugs")]
pub mod planted;
#[cfg(not(feature = "planted-bugs"))]
mod planted;
mod provisional;
mod report;
mod request;
mod scan;
mod schema;
mod session;
mod shared;
mod stored;
pub mod token;
mod working;

pub use catalog::{
    Catalog, CollectionEntry, CollectionKind, Deletes, SYSTEM_FABRIC, StreamEntry, check_name,
};
pub use error::EngineError;
pub use flight::{Flight, Landing};
pub use graph::{EdgeDefinition, GraphChange, GraphEntry, GraphError};
pub use identity::{Identity, Seed};
pub use index::{
    Checked, IndexCheck, IndexDefinition, IndexEntry, IndexError, IndexFault, IndexStatus, Wrong,
};
pub use key::{KEY_BYTES_MAX, checked_key};
pub use messages::{ReadMessage, message_id};
pub use node::{Node, NodeConfig, NodeInput, NodeOutput, NodeStatus, Out};
pub use provisional::Provisional;
pub use report::DiscardedWrite;
pub use request::{
    CommitReply, CommitRequest, Committed, DraftOperation, Durability, Expectation,
    OperationOutcome, RequestId,
};
pub use schema::{CURSOR_NAME_BYTES_MAX, SchemaChange};
pub use session::{OpenTransaction, with_system_attributes};
pub use shared::Shared;
