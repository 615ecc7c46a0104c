//! antipode-query
