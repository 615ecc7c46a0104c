//! What several tests of this crate need.
// Each test binary uses its own part of it.
#![allow(dead_code)]

pub mod dump;
pub mod ebnf;
pub mod random;
