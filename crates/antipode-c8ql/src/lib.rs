//! antipode-c8ql
