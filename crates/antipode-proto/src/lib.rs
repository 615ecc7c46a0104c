//! antipode-proto
