//! antipode-value
