//! antipode-store
