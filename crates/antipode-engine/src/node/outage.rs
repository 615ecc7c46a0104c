//! A node whose store takes no writes, such as one whose disk is full: what it tells whom when that begins, and how it
//! comes back.
//!
//! Reads go on, and links: peers get what the log has. From time to time the node tries to recover the store; then it
//! stands where it would after a crash and a restart.

use std::collections::VecDeque;
use std::sync::Arc;

use antipode_clock::VersionVector;
use antipode_replication::{Input, Micros, Now, Output, WriteGate};

use super::{Node, NodeOutput, Out, replication_state};
use crate::committer::Committer;
use crate::committer::expire::Search;
use crate::error::EngineError;
use crate::identity::Recovered;

/// Time between attempts to take writes again after the store failed.
const RECOVER_INTERVAL: Micros = Micros::from_ms(1_000);

impl Node {
    /// Passes over what replication wanted before the store failed, or in the faith that a vote would be durable.
    pub(super) fn leave_out(
        &mut self,
        output: Output,
        now: Now,
        inputs: &mut VecDeque<Input>,
        out: &mut Out<'_>,
    ) {
        match output {
            Output::Send { link, bytes, .. } => {
                // It is not in any queue.
                let bytes = bytes.len() as u64;
                inputs.push_back(Input::Written { link, bytes });
            }
            // Replication starts anew with what it handed over, asked of the log, or wanted to be kept.
            Output::Deliver(_) | Output::ReadLog { .. } | Output::Persist(_) | Output::Wake(_) => {}
            other => self.carry_out(other, now, inputs, out),
        }
    }

    pub(super) fn refuses_writes(&self) -> Option<String> {
        match (&self.outage, self.gate) {
            (Some(cause), _) => Some(cause.clone()),
            (None, WriteGate::OwnLogLost) => Some(
                "a peer holds more of this node's own log than the node itself: its disk is an old image, a copy, or \
                 has lost data; start it with an empty data directory so that it joins under a new replica id"
                    .to_owned(),
            ),
            (None, WriteGate::Open) => None,
        }
    }

    /// The store failed: nobody is told that anything unsynced was kept. Reads go on, and links: peers get what the log has.
    pub(super) fn stop_writes(&mut self, cause: String, now: Now, out: &mut Out<'_>) {
        if self.outage.is_some() {
            return;
        }
        let prepared = self.open.take().map(|open| open.aftermath.clients);
        for client in prepared.into_iter().flatten() {
            let reply = client.reply.and_then(|_| {
                Err(EngineError::ReadOnly {
                    cause: cause.clone(),
                })
            });
            let request = client.request;
            out(NodeOutput::Reply { request, reply });
        }
        for request in self.later.drain(..) {
            let reply = Err(EngineError::ReadOnly {
                cause: cause.clone(),
            });
            let request = request.id;
            out(NodeOutput::Reply { request, reply });
        }
        for waiting in self.waiting.drain(..) {
            let reply = Err(EngineError::OutcomeUnknown {
                cause: cause.clone(),
            });
            out(NodeOutput::Reply {
                request: waiting.request,
                reply,
            });
        }
        self.syncing = None;
        self.next_recovery = now.at.plus(RECOVER_INTERVAL);
        out(NodeOutput::WritesStopped {
            cause: cause.clone(),
        });
        self.outage = Some(cause);
        self.held_until = None;
        let mut inputs = VecDeque::new();
        for output in std::mem::take(&mut self.held) {
            self.leave_out(output, now, &mut inputs, out);
        }
        self.replicate(Input::Suspended, now, out);
        for input in inputs {
            self.replicate(input, now, out);
        }
    }

    /// Tries to take writes again. The node then stands where it would after a crash and a restart.
    pub(super) fn try_recovery(&mut self, now: Now, out: &mut Out<'_>) {
        self.next_recovery = now.at.plus(RECOVER_INTERVAL);
        if self.flying.is_some() {
            return;
        }
        let recovered = self
            .storage
            .recover()
            .map_err(EngineError::from)
            .and_then(|()| Recovered::read_or_create(&*self.storage, &self.config, self.seed));
        let Ok(recovered) = recovered else { return };
        let state = replication_state(&recovered);
        self.shared
            .publish_numbers(Arc::new(recovered.numbers.clone()));
        self.shared
            .publish_catalog(Arc::new(recovered.catalog.clone()));
        self.shared.publish_vector(Arc::new(recovered.vv.clone()));
        self.durable = VersionVector::new();
        self.expired = Search::default();
        self.committer = Committer::new(self.storage.clone(), self.seed.boot, recovered);
        self.refusing = false;
        self.outage = None;
        // What was written before is not known to be synced.
        self.written += 1;
        out(NodeOutput::WritesResumed);
        self.replicate(Input::Resumed(Box::new(state)), now, out);
    }
}
