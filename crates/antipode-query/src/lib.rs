//! The meaning of C8QL: from a syntax tree to rows.
//!
//! ```text
//!  text ──antipode_c8ql──▶ tree ──resolve──▶ plan ──optimize──▶ plan ──execute──▶ rows, in batches
//!                                  names, binds,    a rule per      over a Transaction: one snapshot,
//!                                  intents          file            and the writes on top of it
//! ```
//!
//! This crate knows no storage: it reads and writes through the traits of [`source`], and has neither clock nor threads.
//! A query that is compiled once runs any number of times ([`Plan`]); running pulls rows from the end of the plan, so
//! nothing is computed that nobody asked for.

mod compile;
mod context;
mod error;
mod evaluate;
mod execute;
mod explain;
pub mod expression;
pub mod function;
pub mod index;
mod intent;
mod nearest;
mod optimize;
pub mod parameters;
pub mod plan;
mod plan_cache;
mod profile;
mod registers;
mod resolve;
mod source;

pub use compile::{CompileOptions, Prepared, compile, compile_timed, parse, prepare};
pub use context::{Cancel, Clock, Environment, Extra, Limits, Pause, Stats, Warning};
pub use error::{Code, Position, QueryError, Result, Retry};
pub use execute::{Rows, execute, execute_prepared};
pub use index::{
    GeoOrder, GeoRead, IndexField, IndexId, IndexInfo, IndexKind, IndexRange, IndexRead, IndexRows,
};
pub use intent::{Intent, IntentKind};
pub use optimize::rule_names;
pub use plan::Plan;
pub use plan_cache::{PlanCache, PlanCacheLimits, PlanCacheStats};
pub use profile::{CompilePhases, NodeProfile, Profile, RunProfile, Stopwatch};
pub use source::{
    Catalog, CollectionId, CollectionInfo, CollectionKind, Direction, Expect, GraphInfo, KeyBounds,
    Message, OnGap, PayloadFormat, Scan, Source, SourceError, StreamFrom, StreamId, StreamInfo,
    StreamRead, StreamUntil, Transaction, Written,
};
