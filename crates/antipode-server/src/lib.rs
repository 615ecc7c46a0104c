//! antipode-server
