//! The CRDT core: what concurrent writes to one document become.
//!
//! A document is an object that every region may write at any time. A write travels as an [`Operation`] with a stamp and
//! the causal context of its writer; [`Document::apply`] takes operations in any order that respects causality and
//! reaches the same state, to the last bit of metadata. There is no merging of state with state.
//!
//! ```text
//!  what the user wants      what travels             what is stored
//!  Draft ──resolve──▶ Operation ──apply──▶ Document ──encode──▶ [body][metadata]
//!          (writer's state)  (stamp, context)   └──show──▶ Value
//! ```
//!
//! The rules, one file each under `rule/`: who wins at a path (`assign`), counters, arrays by element (`set`, `sequence`),
//! greatest and least (`extreme`), and when a document exists (`existence`).
//!
//! After Shapiro, Preguiça, Baquero and Zawirski, *Conflict-Free Replicated Data Types* (2011), and Baquero, Almeida and
//! Shoker, *Pure Operation-Based Replicated Data Types* (2017): operations are delivered exactly once and in causal order,
//! so removals need no tombstone for each element, and what is causally stable can be forgotten.
#![warn(missing_docs)]

#[cfg(feature = "planted-bugs")]
pub mod bug;
mod bugs;
mod codec;
mod conflict;
mod discard;
mod document;
mod error;
mod fold;
mod inspect;
mod limit;
mod operation;
mod revision;
mod rule;
mod show;
mod state;
mod union;
mod writer;

pub use discard::{Discard, Reason};
pub use document::{Document, Encoded, ReplicaNumbers, Shown, shown_packed};
pub use error::{DecodeError, Retry, WriteError};
pub use inspect::{ElementState, ElementsState, LifeState, PlaceState, SumState};
pub use operation::{
    Change, ElementId, Number, Operation, Path, RemoveMode, Slot, Taken, UniqueElement,
};
pub use revision::{Revision, digest};
pub use writer::{
    Body, Deletes, Draft, DraftChange, PatchOptions, WriterRules, patch_changes, resolve,
};
