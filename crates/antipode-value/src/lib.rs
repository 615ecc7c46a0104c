//! The value: what documents hold, queries compute and records store.
//!
//! [`Value`] is a JSON value with 64-bit integers beside doubles. Its clones are cheap, and its strings, arrays and
//! objects may be slices of stored bytes that are read in place, so a scan that looks at one attribute of a document
//! parses and allocates nothing.
//!
//! - [`compare`], [`equal`], [`hash_value`]: C8QL's total order, with its collation, and the equality and hash that agree with it.
//! - [`compare_binary`], [`identical`]: the order without collation, for merges; exact sameness.
//! - [`layout`]: the canonical bytes of a value, with direct access to attributes and elements.
//! - [`json`]: reading and writing JSON text.
//! - [`sort_key`]: bytes that compare as the values do, for indexes and sorting.
#![warn(missing_docs)]

mod array;
mod collation;
pub mod json;
pub mod layout;
mod number;
mod object;
mod order;
pub mod sort_key;
mod text;
mod value;

pub use array::{Array, ArrayIter};
pub use json::JsonError;
pub use layout::LayoutError;
pub use object::{Object, ObjectIter};
pub use order::{compare, compare_binary, compare_text, equal, hash_value, identical};
pub use text::Str;
pub use value::Value;
