//! A handful of writes with hand-made stamps, checked in every causal order.

use std::collections::BTreeSet;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, Stamp};
use antipode_crdt::{Document, Draft, Operation, WriterRules, resolve};
use antipode_value::identical;
use bytes::Bytes;

use super::{json, stored};

pub const A: ReplicaId = ReplicaId(0xA);
pub const B: ReplicaId = ReplicaId(0xB);
pub const C: ReplicaId = ReplicaId(0xC);

struct Written {
    operation: Operation,
    stamp: Stamp,
    context: Context,
    saw: BTreeSet<usize>,
}

#[derive(Default)]
pub struct Scenario {
    pub rules: WriterRules,
    written: Vec<Written>,
}

impl Scenario {
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes at a replica that has the operations `saw`, all that they saw, and its own. Returns the operation's number.
    pub fn write(&mut self, replica: ReplicaId, hlc: u64, saw: &[usize], draft: Draft) -> usize {
        let own = (0..self.written.len()).filter(|at| self.written[*at].stamp.replica == replica);
        let mut seen: BTreeSet<usize> = own.chain(saw.iter().copied()).collect();
        for at in seen.clone() {
            seen.extend(&self.written[at].saw);
        }
        let mut document = Document::default();
        let mut context = Context::new();
        for at in &seen {
            let written = &self.written[*at];
            document.apply(&written.operation, written.stamp, &written.context);
            context.advance(
                written.stamp.replica,
                Seen {
                    seq: 1,
                    hlc: written.stamp.hlc,
                },
            );
        }
        let operation = resolve(&document, &draft, &self.rules).expect("draft");
        let bytes = Bytes::from(operation.encode());
        let operation = Operation::decode(&bytes).expect("encoded operation");
        let stamp = Stamp::new(Hlc(hlc), replica);
        self.written.push(Written {
            operation,
            stamp,
            context,
            saw: seen,
        });
        self.written.len() - 1
    }

    /// Every causal order shows `expected`, in the same state, and reports exactly the operations `lost`.
    pub fn check(&self, expected: Option<&str>, lost: &[usize]) {
        self.check_shown(expected);
        let lost: BTreeSet<Stamp> = lost.iter().map(|at| self.written[*at].stamp).collect();
        self.each_order(|_, reported, order| {
            assert_eq!(*reported, lost, "reported in order {order:?}")
        });
    }

    pub fn check_reported_at_least(&self, lost: &[usize]) {
        let lost: BTreeSet<Stamp> = lost.iter().map(|at| self.written[*at].stamp).collect();
        self.each_order(|_, reported, order| {
            assert!(
                reported.is_superset(&lost),
                "{reported:?} in order {order:?}"
            )
        });
    }

    pub fn check_shown(&self, expected: Option<&str>) {
        let mut first: Option<Document> = None;
        self.each_order(|document, _, order| {
            let same = match (document.show(), expected) {
                (Some(shown), Some(expected)) => identical(&shown, &json(expected)),
                (shown, expected) => shown.is_none() && expected.is_none(),
            };
            assert!(
                same,
                "{:?} instead of {expected:?} in order {order:?}",
                document.show()
            );
            let first = first.get_or_insert_with(|| document.clone());
            assert_eq!(first, document, "state in order {order:?}");
        });
    }

    fn each_order(&self, mut check: impl FnMut(&Document, &BTreeSet<Stamp>, &[usize])) {
        self.extend(
            &mut Vec::new(),
            &Document::default(),
            &BTreeSet::new(),
            &mut check,
        );
    }

    fn extend(
        &self,
        order: &mut Vec<usize>,
        document: &Document,
        reported: &BTreeSet<Stamp>,
        check: &mut impl FnMut(&Document, &BTreeSet<Stamp>, &[usize]),
    ) {
        if order.len() == self.written.len() {
            return check(document, reported, order);
        }
        for (at, next) in self.written.iter().enumerate() {
            if order.contains(&at) || !next.saw.iter().all(|before| order.contains(before)) {
                continue;
            }
            let mut document = document.clone();
            let mut reported = reported.clone();
            let discards = document.apply(&next.operation, next.stamp, &next.context);
            reported.extend(discards.iter().map(|discard| discard.lost));
            let document = stored(&document)
                .unwrap_or_else(|error| panic!("{error}\nin order {order:?}, {at}"));
            order.push(at);
            self.extend(order, &document, &reported, check);
            order.pop();
        }
    }
}
