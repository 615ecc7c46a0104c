//! antipode
