//! Real processes, real crashes: what Antipode promises, checked from outside.
//!
//! The simulator crashes a model of the disk; here the `antipode` program itself runs, clients write to it over gRPC,
//! and it is killed with SIGKILL at random moments, or runs out of disk. What the clients asked for and what they were
//! told is the [`history`]; what the node shows afterwards must follow from it:
//!
//! ```text
//!  writers ──intent──► history ◄──outcome── writers          acked, refused, or unknown (the answer was lost)
//!     │                   │
//!     ▼ gRPC              └──► check ◄── observe (queries, scans, subscriptions)
//!  antipode serve ◄─ SIGKILL
//!     │
//!  data directory ──────────► autopsy: log, digest, counts and indexes, record by record
//! ```
//!
//! - [`process`] starts and kills nodes, and reads their logs;
//! - [`workload`] has the clients: each writes to keys of its own and to keys that all share;
//! - [`observe`] reads all that a node holds; [`check`] compares that with the history, as a pure function;
//! - [`autopsy`] opens the data directory of a killed node and looks at every record;
//! - [`witness`] is a peer that has seen what the killed node did before;
//! - [`kill`] and [`full_disk`] are the two workloads' stories.

pub mod autopsy;
pub mod check;
pub mod full_disk;
pub mod history;
pub mod kill;
pub mod observe;
pub mod process;
pub mod witness;
pub mod workload;
