//! antipode-crdt
