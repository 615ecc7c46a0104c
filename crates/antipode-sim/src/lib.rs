//! antipode-sim
