//! A client of Antipode.
//!
//! A [`Client`] knows the addresses of several nodes, uses the nearest, and goes on to another when that one fails. It
//! keeps the session's token, so that a read sees what this client wrote or saw before, also after a move to another
//! region, and it repeats calls where that is safe.
//!
//! ```no_run
//! use antipode_client::Client;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct User {
//!     name: String,
//!     visits: u64,
//! }
//!
//! # async fn example() -> Result<(), antipode_client::Error> {
//! let client = Client::connect(["http://127.0.0.1:7490", "http://127.0.0.1:7491"]).await?;
//!
//! client.query("INSERT { _key: 'ada', name: 'Ada', visits: 0 } INTO users").run().await?;
//! // Two regions may do this at once, also when they are cut off from each other: both visits are counted.
//! client
//!     .query("FOR u IN users FILTER u._key == 'ada' UPDATE u WITH { visits: u.visits + 1 } IN users")
//!     .run()
//!     .await?;
//!
//! let mut rows = client
//!     .query("FOR u IN users FILTER u.visits >= @least RETURN u")
//!     .bind("least", 1)?
//!     .rows()
//!     .await?;
//! while let Some(row) = rows.next().await? {
//!     let user: User = row.decode()?;
//!     println!("{} came {} times", user.name, user.visits);
//! }
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod call;
mod catalog;
mod client;
mod cluster;
mod cursor;
mod document;
mod error;
mod graph;
mod index;
mod kv;
mod query;
mod stream;

pub use catalog::{Collection, CollectionKind, CollectionOptions};
pub use client::{Client, Config, Consistency, Durability, Tls};
pub use cluster::{Discarded, DiscardedWrite, Line, LineCut, Member, Status};
pub use cursor::{Cursor, QueryInfo};
pub use document::{DocumentOptions, OverwriteMode, UpdateOptions, WrittenDocument};
pub use error::{Error, Retry, Written};
pub use graph::{EdgeDefinition, Graph, GraphChange};
pub use index::{Index, IndexCheck};
pub use kv::{Entry, PutOptions, Scan, ScanOptions};
pub use query::{Explanation, Extra, Profile, Query, Row, Rows, Warning};
pub use stream::{Message, NamedCursor, OutgoingMessage, Start, SubscribeOptions, Subscription};
