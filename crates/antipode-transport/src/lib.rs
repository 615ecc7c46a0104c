//! antipode-transport
