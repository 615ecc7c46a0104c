//! The checks: each looks at nodes from outside, at what is in their stores.

pub(crate) mod index;
pub(crate) mod ledger;
pub(crate) mod view;
