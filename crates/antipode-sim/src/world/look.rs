//! Looks at a whole run: whether memory stays within its bounds, whether all nodes have met, and what the last state is.

use antipode_clock::VersionVector;

use super::{Checked, World};
use crate::check::view::View;
use crate::workload::fleeting;

impl World {
    pub(super) fn converged(&self) -> bool {
        let mut vectors = Vec::new();
        for host in &self.hosts {
            let Some(node) = &host.node else {
                return false;
            };
            let status = node.status();
            let everybody = status.replication.members.len() == self.hosts.len();
            if !everybody || status.read_only.is_some() || status.durable != status.vv {
                return false;
            }
            if !host.asked.is_empty() {
                return false;
            }
            let expired = View::of(&node.shared()).map_or(true, |view| {
                fleeting::holds_expired(&view, host.now(self.now).wall_ms)
            });
            if expired {
                return false;
            }
            vectors.push(status.vv);
        }
        vectors.windows(2).all(|pair| match pair {
            [a, b] => a == b,
            _ => true,
        })
    }

    pub(super) fn where_all_stand(&self) -> String {
        let stands: Vec<_> = self
            .hosts
            .iter()
            .map(|host| match &host.node {
                None => format!("{} is down", host.name),
                Some(node) => {
                    let status = node.status();
                    let open: Vec<_> = status
                        .replication
                        .peers
                        .iter()
                        .filter(|peer| peer.open)
                        .filter_map(|peer| peer.member.as_ref().map(|member| &member.node))
                        .collect();
                    format!(
                        "{} ({}) at {} (durable {}), epoch {} of {}, buffered {}, open {open:?}, read only {:?}",
                        host.name,
                        host.replica,
                        status.vv,
                        status.durable,
                        status.replication.epoch.number,
                        status.replication.members.len(),
                        status.replication.buffered_records,
                        status.read_only,
                    )
                }
            })
            .collect();
        stands.join("; ")
    }

    pub(super) fn look_at_bounds(&mut self) -> Checked {
        let limits = &self.plan.replication;
        for (index, host) in self.hosts.iter().enumerate() {
            let Some(node) = &host.node else {
                continue;
            };
            let status = node.status().replication;
            let origins = self.hosts.len();
            let largest = 64 << 10;
            let within = status.buffered_records <= limits.buffer_records_max + origins
                && status.buffered_bytes <= limits.buffer_bytes_max + largest * origins as u64
                && status.unsent_bytes <= limits.unsent_bytes_max
                && status.handed_bytes <= limits.handed_bytes_max + largest
                && status.peers.len() <= 4 * origins;
            if !within {
                return Err((index, format!("out of bounds: {status:?}")));
            }
            for peer in &status.peers {
                if peer.queued_bytes > 3 * limits.queue_bytes_max + (1 << 20) {
                    let queued = peer.queued_bytes;
                    return Err((index, format!("{queued} bytes are queued for one peer")));
                }
            }
        }
        Ok(())
    }

    pub(super) fn look_at_the_end(&mut self) -> Checked {
        let mut last: Option<VersionVector> = None;
        for index in 0..self.hosts.len() {
            self.check_index(index)?;
            let Some(node) = &self.hosts[index].node else {
                continue;
            };
            let failed = |what| (index, what);
            let status = node.status();
            self.ledger.all_acked_in(&status.vv).map_err(failed)?;
            let view = View::of(&node.shared()).map_err(|error| failed(error.to_string()))?;
            self.expected.compare(&view).map_err(failed)?;
            last = Some(status.vv);
        }
        if let Some(vv) = last {
            self.fold(0, vv.to_string().as_bytes());
        }
        self.report.virtual_ms = self.now.ms();
        self.report.transactions = self.ledger.transactions() as u64;
        self.report.applied = self.ledger.applied;
        self.report.states = self.ledger.states() as u64;
        Ok(())
    }
}
