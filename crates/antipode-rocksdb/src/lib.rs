//! antipode-rocksdb
