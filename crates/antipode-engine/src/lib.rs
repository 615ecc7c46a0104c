//! antipode-engine
