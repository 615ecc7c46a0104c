//! antipode-clock
