//! The bytes behind the keys.
