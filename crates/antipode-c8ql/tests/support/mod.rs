//! What several tests of this crate need.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

pub mod dump;
pub mod ebnf;
pub mod fuzz;
pub mod random;
