//! Antipode in your process: open a database, query it in C8QL, and, with the feature `replication`, let it merge with
//! its peers in other regions.
//!
//! ```
//! use antipode::{Database, Options, RequestOptions, Value};
//!
//! # fn main() -> Result<(), antipode::Error> {
//! let database = Database::in_memory(Options::default())?;
//! let session = database.session(RequestOptions::default());
//! session.create_collection("users", antipode::CollectionKind::Document, antipode::Deletes::Win)?;
//! session.run("INSERT {_key: 'ada', visits: 1} INTO users", &Value::Null)?;
//! session.run("UPDATE 'ada' WITH {visits: 2} IN users", &Value::Null)?;
//! let answer = session.run("FOR u IN users RETURN u.visits", &Value::Null)?;
//! assert_eq!(answer.rows, vec![Value::Int(2)]);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Database`] is one node. Reads run on the caller's thread over a snapshot, and neither wait for writes nor hold them
//! up. Writes are handed to the node's one committer and return as soon as they are as durable as was asked for
//! ([`Durability`]). Every reply carries a token: given with a later request, in this region or in another one, it makes
//! that request see at least as much ([`ReadLevel::Session`]).
#![warn(missing_docs)]

pub mod config;
mod database;
mod documents;
mod driver;
mod error;
mod graphs;
mod indexes;
mod key_value;
mod moved;
#[cfg(feature = "replication")]
mod network;
mod queries;
mod query;
mod session;
mod status;
mod streams;

pub use antipode_clock::{ReplicaId, Stamp, VersionVector};
pub use antipode_crdt::PatchOptions;
pub use antipode_engine::{
    CollectionKind, Deletes, DiscardedWrite, Durability, GraphChange, IndexCheck, IndexFault,
    IndexStatus, NodeStatus, SYSTEM_FABRIC,
};
pub use antipode_query::function::{Function, all as functions};
pub use antipode_query::{Cancel, Extra, PlanCacheStats, Profile, Retry, Stats, Warning};
pub use antipode_store::Written;
pub use antipode_value::Value;

pub use config::Config;
pub use database::{Cluster, Database, Options};
pub use documents::{Document, InsertMode, WriteOptions, WrittenDocument};
pub use error::Error;
pub use graphs::{EdgeDefinition, Graph};
pub use indexes::CreatedIndex;
pub use key_value::{Pair, ScanRange};
#[cfg(feature = "replication")]
pub use network::{Bundle, Ca, ClusterId, Cut, Line};
pub use queries::QueryInfo;
pub use query::{Answer, Explanation, ProfileReport, QueryOptions, Rows};
pub use session::{ReadLevel, Reply, RequestOptions, Session};
pub use status::{CollectionInfo, Discarded, PeerInfo, Status};
pub use streams::{Message, OutgoingMessage, Position};
