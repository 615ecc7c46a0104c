//! A store that takes no writes, such as one whose disk is full: the replica goes on as a source for its peers.
//!
//! ```text
//!   Suspended   nothing is applied, asked for, promised or reported; links stay, and requests are answered from the log
//!   Resumed     what the store holds now counts, as after a restart, but that the links are there already
//! ```
//!
//! Nothing is acknowledged that is not stored: the vector that is announced stays where it was, so peers keep what this
//! replica lacks and it asks for it later. Records that arrive meanwhile are dropped, and no transfer is under way to this
//! replica, so they cost no memory.

use std::collections::BTreeMap;

use crate::anti_entropy::Chains;
use crate::causal_buffer::CausalBuffer;
use crate::membership::Membership;
use crate::replication::{Replication, Turn};
use crate::state::Recovered;

impl Replication {
    /// The store takes no more.
    pub(crate) fn suspend(&mut self, turn: &mut Turn<'_>) {
        self.suspended = true;
        self.drop_undelivered();
        self.reads.clear();
        let mut asked = Vec::new();
        for link in self.links.values_mut() {
            if let Some(serve) = &mut link.serve {
                serve.reading = None;
                asked.push(link.id);
            }
        }
        // What was asked for before may have been lost with the order to read it.
        for id in asked {
            self.serve(id, turn);
        }
    }

    /// The store takes writes again, and holds `recovered`.
    pub(crate) fn resume(&mut self, recovered: Recovered, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        self.suspended = false;
        self.membership = Membership::new(self.identity.replica, recovered.membership);
        self.applied = recovered.vv.clone();
        self.durable = recovered.vv;
        self.digest = Some(recovered.digest);
        let heads = recovered.heads.iter();
        self.chains = Chains::new(heads.map(|(origin, head)| (*origin, head.chain)).collect());
        self.heads = recovered.heads;
        self.push.clear();
        self.drop_undelivered();
        // Nothing of our own is sent before the peers have said what they hold of it.
        self.probation = Some(now.plus(self.config.probation));
        for link in self.links.values_mut() {
            link.acked = false;
            link.hello_due = now;
            link.epoch_told = None;
        }
        self.digest_due = now;
        self.join_due = now;
        self.end_probation_if_heard(turn);
    }

    /// Forgets what was handed over or waits to be, and what was asked for.
    fn drop_undelivered(&mut self) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
        self.released = self.applied.clone();
        self.buffer =
            CausalBuffer::new(self.config.buffer_records_max, self.config.buffer_bytes_max);
        #[cfg(feature = "planted-bugs")]
        {
            self.buffer.skip_dependencies = self.config.planted.skip_dependencies;
        }
        self.gaps = BTreeMap::new();
        self.gaps_due = None;
        for link in self.links.values_mut() {
            link.fetch = None;
        }
        self.wake = None;
    }
}
