//! antipode-client
