//! The services, one file each.

pub(crate) mod catalog;
pub(crate) mod cluster;
pub(crate) mod document;
pub(crate) mod index;
pub(crate) mod kv;
pub(crate) mod query;
pub(crate) mod stream;
