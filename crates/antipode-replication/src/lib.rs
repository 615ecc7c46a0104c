//! antipode-replication
