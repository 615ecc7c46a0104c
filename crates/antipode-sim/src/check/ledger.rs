//! What the whole cluster has ever shown: every transaction by its dot, and every state by its vector.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use antipode_clock::{Dot, Hlc, ReplicaId, VersionVector};
use antipode_engine::Shared;
use antipode_store::keyspace::LogKey;
use antipode_store::record::TransactionRecord;
use antipode_store::{GroupId, Space};

/// The group that a node's fabrics are in.
pub(super) const GROUP: GroupId = GroupId(1);

/// A transaction as it was first seen.
#[derive(Debug)]
struct Entry {
    chain: u64,
    /// Clock of its last operation.
    last: Hlc,
    /// Which hosts have applied it.
    holders: BTreeSet<usize>,
}

/// The record of the run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    transactions: BTreeMap<Dot, Entry>,
    /// Vector → digest, of all nodes at all times.
    states: HashMap<VersionVector, u128>,
    /// Acknowledged at `disk`.
    acked: BTreeSet<Dot>,
    pub(crate) applied: u64,
}

impl Ledger {
    /// Checks what a node has applied since it stood at `before`.
    pub(crate) fn applied(
        &mut self,
        host: usize,
        shared: &Shared,
        before: &VersionVector,
        vv: &VersionVector,
    ) -> Result<(), String> {
        for (origin, first, last) in vv.ranges_above(before) {
            for seq in first..=last {
                self.check_record(host, shared, Dot::new(origin, seq), vv)?;
                self.applied += 1;
            }
        }
        Ok(())
    }

    fn check_record(
        &mut self,
        host: usize,
        shared: &Shared,
        dot: Dot,
        vv: &VersionVector,
    ) -> Result<(), String> {
        let key = LogKey { group: GROUP, dot }.encode();
        let bytes = match shared.storage().get(Space::Log, &key) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(format!("the log lacks {dot}, which is applied")),
            // The disk was made to fail; what it holds is looked at after the restart.
            Err(_) => return Ok(()),
        };
        let record = TransactionRecord::open(bytes).map_err(|error| format!("{dot}: {error}"))?;
        let header = record.header();
        for (origin, seen) in &header.delta {
            let needed = Dot::new(*origin, seen.seq);
            if !vv.covers(needed) {
                return Err(format!(
                    "{dot} is applied before {needed}, which its writer saw"
                ));
            }
            if seen.hlc >= header.stamp.hlc {
                return Err(format!(
                    "{dot} is stamped {}, below {} of {needed}, which its writer saw",
                    header.stamp, seen.hlc
                ));
            }
        }
        let before = Dot::new(dot.replica, dot.seq.saturating_sub(1));
        if let Some(before) = self.transactions.get(&before)
            && before.last >= header.stamp.hlc
        {
            return Err(format!(
                "the clock of {dot}'s origin ran backwards, from {} to {}",
                before.last, header.stamp.hlc
            ));
        }
        let last = header.last_hlc();
        let chain = record.chain().0;
        let entry = self.transactions.entry(dot).or_insert_with(|| Entry {
            chain,
            last,
            holders: BTreeSet::new(),
        });
        if entry.chain != chain {
            return Err(format!("{dot} has two contents"));
        }
        entry.holders.insert(host);
        Ok(())
    }

    /// Equal vectors must show equal state, whoever stood there and whenever.
    pub(crate) fn shows(&mut self, vv: &VersionVector, digest: u128) -> Result<(), String> {
        match self.states.insert(vv.clone(), digest) {
            Some(before) if before != digest => Err(format!(
                "two digests, {before:032x} and {digest:032x}, at the vector {vv}"
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn acked(&mut self, dot: Dot) {
        self.acked.insert(dot);
    }

    /// A node came back at `vv`. What of its own it has lost must be lost for everybody, and never acknowledged.
    pub(crate) fn came_back(
        &mut self,
        host: usize,
        me: ReplicaId,
        vv: &VersionVector,
    ) -> Result<Vec<Dot>, String> {
        let mut lost = Vec::new();
        for (dot, entry) in &mut self.transactions {
            if vv.covers(*dot) {
                entry.holders.insert(host);
                continue;
            }
            entry.holders.remove(&host);
            if dot.replica != me {
                continue;
            }
            if self.acked.contains(dot) {
                return Err(format!("{dot} was acknowledged at disk and is lost"));
            }
            if let Some(holder) = entry.holders.first() {
                return Err(format!(
                    "{dot} was sent to host {holder} and lost by its origin"
                ));
            }
            lost.push(*dot);
        }
        for dot in &lost {
            self.transactions.remove(dot);
        }
        let last = vv.get(me);
        self.states.retain(|state, _| state.get(me) <= last);
        Ok(lost)
    }

    /// Everything acknowledged at `disk` must be in the end.
    pub(crate) fn all_acked_in(&self, vv: &VersionVector) -> Result<(), String> {
        match self.acked.iter().find(|dot| !vv.covers(**dot)) {
            Some(dot) => Err(format!("{dot} was acknowledged at disk and is in no log")),
            None => Ok(()),
        }
    }

    pub(crate) fn transactions(&self) -> usize {
        self.transactions.len()
    }

    pub(crate) fn states(&self) -> usize {
        self.states.len()
    }
}
