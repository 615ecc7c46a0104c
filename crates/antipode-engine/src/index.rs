//! Secondary indexes: entries derived from documents, kept on each node for itself.
//!
//! *Which* indexes there are is data: a definition is a document of the system collection `_indexes`, replicated as
//! everything else. *Entries* are never replicated. Each node builds an index over the documents that it has, in the
//! background and a few documents at a time, and from the moment a definition is known every batch that changes a document
//! changes its entries too, whether the change came from a client or from a peer. So an index is exact at every moment for
//! the documents that its build has passed, and when the build has passed all of them the index is ready to be read.
//!
//! ```text
//!  definition.rs   what an index is, read from what a client gives and from the catalog
//!  registry.rs     the indexes of all collections, and where in its life each is
//!  entries.rs      (index, document) -> entries, and the difference of two states of a document
//!  geo.rs          entries of places, and finding them by distance
//!  words.rs        finding documents by their words
//!  unique.rs       who holds a value of a unique index, while a batch is being made
//!  commit.rs       what operations are held against before they are part of a batch
//!  build.rs        the background work: building, and removing what was dropped
//!  read.rs         ranges of sorted entries, with the writes of the own transaction in their places
//!  statistics.rs   how many entries there are and how many of them are distinct, about
//!  check.rs        holds entries against documents
//! ```
//!
//! What an entry is stands in `antipode_query::index`, so that the optimizer and the engine cannot disagree about it.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod commit;
pub(crate) mod definition;
pub(crate) mod entries;
pub(crate) mod error;
pub(crate) mod geo;
pub(crate) mod read;
pub(crate) mod registry;
pub(crate) mod schema;
pub(crate) mod statistics;
pub(crate) mod unique;
pub(crate) mod words;

pub use check::{Checked, IndexCheck, IndexFault, Wrong};
pub use definition::IndexDefinition;
pub use error::IndexError;
pub use registry::{IndexEntry, IndexStatus};
