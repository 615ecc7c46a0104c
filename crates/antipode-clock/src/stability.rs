//! Causal stability: what every member of a group has applied.
//!
//! The stable cut is the minimum over the members' last reports of their version vector, **where a report counts only
//! once everything that its sender had originated by then is applied here**. Without that clause an operation that is
//! concurrent with a "stable" one can still arrive: a member may report that it has T:50 while its own Q:5, made before it
//! saw T:50, is still under way to us. Waiting until we hold all that the report holds, Q:5 came first.
//!
//! After Baquero, Almeida and Shoker, *Making Operation-Based CRDTs Operation-Based* (2014).

use std::collections::BTreeMap;

use crate::{Context, ReplicaId, Stamp, VersionVector};

/// The transactions that every member has applied, with what is needed to ask whether a stamp is among them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StableCut {
    context: Context,
}

impl StableCut {
    /// A cut that ends, for each replica, at the transaction and clock given in `context`.
    #[must_use]
    pub const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Whether the operation stamped `stamp` is stable: every member has it, and all that arrives later saw it.
    #[must_use]
    pub fn holds(&self, stamp: Stamp) -> bool {
        self.context.saw(stamp)
    }

    /// The cut as a context.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}

/// What the members of a group have reported of their version vectors, as one of them sees it.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    newest: BTreeMap<ReplicaId, (u64, VersionVector)>,
    usable: BTreeMap<ReplicaId, VersionVector>,
}

impl Reports {
    /// No reports yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in `member`'s report number `number`. An older report than one already known changes nothing.
    pub fn take(&mut self, member: ReplicaId, number: u64, vector: VersionVector) {
        let known = self.newest.get(&member).map_or(0, |(known, _)| *known);
        if number > known {
            self.newest.insert(member, (number, vector));
        }
    }

    /// The number of `member`'s newest report.
    #[must_use]
    pub fn number(&self, member: ReplicaId) -> u64 {
        self.newest.get(&member).map_or(0, |(number, _)| *number)
    }

    /// The newest report of each member.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64, &VersionVector)> {
        self.newest
            .iter()
            .map(|(member, (number, vector))| (*member, *number, vector))
    }

    /// The stable vector of a group with these `members`, seen from a member that has applied `own`: the minimum of the
    /// usable reports. `None` while a member has no usable report.
    pub fn stable(&mut self, members: &[ReplicaId], own: &VersionVector) -> Option<VersionVector> {
        for (member, (_, vector)) in &self.newest {
            if own.dominates(vector) {
                self.usable.insert(*member, vector.clone());
            }
        }
        let mut cut = own.clone();
        for member in members {
            cut.meet(self.usable.get(member)?);
        }
        Some(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: ReplicaId = ReplicaId(1);
    const Q: ReplicaId = ReplicaId(2);
    const T: ReplicaId = ReplicaId(3);

    fn vector(entries: &[(ReplicaId, u64)]) -> VersionVector {
        entries.iter().copied().collect()
    }

    #[test]
    fn a_report_counts_only_once_all_it_holds_is_applied_here() {
        let mut reports = Reports::new();
        let own = vector(&[(P, 1), (T, 50)]);
        reports.take(P, 1, own.clone());
        reports.take(T, 1, vector(&[(T, 50)]));
        // Q has T:50, but also its own Q:5 that has not arrived here.
        reports.take(Q, 1, vector(&[(Q, 5), (T, 50)]));
        assert_eq!(reports.stable(&[P, Q, T], &own), None);
        let caught_up = vector(&[(P, 1), (Q, 5), (T, 50)]);
        assert_eq!(
            reports.stable(&[P, Q, T], &caught_up),
            Some(vector(&[(T, 50)]))
        );
    }

    #[test]
    fn an_old_report_that_arrives_late_changes_nothing() {
        let mut reports = Reports::new();
        reports.take(Q, 2, vector(&[(Q, 5)]));
        reports.take(Q, 1, vector(&[(Q, 1)]));
        assert_eq!(reports.number(Q), 2);
    }
}
