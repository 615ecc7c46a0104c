//! Which of several errors a query is told.
//!
//! A query is resolved in one walk, but its errors have an order that does not follow the text: what is wrong with the
//! text itself comes before bind values, these before names, names before calls, calls before reading what was modified,
//! and limits come last. An error that others may precede therefore waits: the walk goes on with a stand-in for what is
//! missing, and at the end the first error of the earliest kind is the one that counts.

use super::Resolver;
use crate::error::QueryError;

/// The kinds of errors, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Bind,
    Name,
    Call,
    Access,
    Limit,
    /// It speaks of a value, for which something else may have put a stand-in.
    Value,
}

fn kind(code: u32) -> Kind {
    match code {
        1551..=1553 => Kind::Bind,
        1203 | 1208 | 1218 | 1577 | 1924 | 1940 | 5200 => Kind::Name,
        9 | 1540 | 1541 => Kind::Call,
        1579 | 1595 => Kind::Access,
        1522 | 1524 => Kind::Limit,
        10 | 1501 | 1504 | 1948 => Kind::Value,
        _ => Kind::Text,
    }
}

impl Resolver<'_> {
    /// Keeps an error while the walk goes on.
    pub(super) fn defer(&mut self, error: QueryError) {
        self.faults.push(error);
    }

    /// The error that counts, after a walk that ended with one or with none.
    pub(super) fn fault(&mut self, last: Option<QueryError>) -> Option<QueryError> {
        self.faults
            .drain(..)
            .chain(last)
            .min_by_key(|error| kind(error.code()))
    }
}
