//! What a node keeps on its disk, and the trait behind which the disk stands.
//!
//! Three things live here, and nothing else in Antipode knows their bytes:
//!
//! - the **storage trait** ([`Storage`], [`Snapshot`], [`Cursor`], [`Batch`]): ordered key spaces, atomic batches, stable
//!   snapshots. `antipode-rocksdb` implements it on RocksDB, [`MemoryStorage`] in memory, with crashes, power cuts and
//!   disk faults that a test can order; one suite (feature `suite`) holds the two equal;
//! - the **keyspace** ([`keyspace`]): every key of every space, drawn at the head of that module;
//! - the **records** ([`record`]): the bytes behind the keys. Each begins with a format version and a checksum, and a
//!   byte that is not as it should be is a typed error with the key in it.
//!
//! `docs/formats.md` is the normative description of keys and records.
#![warn(missing_docs)]

mod batch;
mod error;
pub mod keyspace;
pub mod memory;
pub mod record;
mod space;
mod storage;
#[cfg(feature = "suite")]
pub mod suite;

pub use batch::{Batch, BatchOperation};
pub use error::{RecordError, Retry, ShownKey, StoreError, Written};
pub use keyspace::{CollectionId, GroupId, IndexId, StreamId};
pub use memory::{MemoryDisk, MemoryStorage};
pub use space::Space;
pub use storage::{Cursor, Direction, Health, KeyRange, Snapshot, Storage, Sync, after_prefix};
