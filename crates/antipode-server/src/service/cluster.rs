//! The node and its cluster.

use std::sync::Arc;
use std::time::Duration;

use antipode::{Cut, Discarded, Line, PeerInfo, Status as NodeStatus};
use antipode_proto::v1;
use antipode_proto::v1::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use crate::failure::{bad_parameter, disabled, failed};
use crate::node::Node;

/// Reports in one reply where the client does not say how many.
const DISCARDED_MAX: usize = 10_000;

pub(crate) struct ClusterService(pub Arc<Node>);

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusReply>, Status> {
        let call = self.0.call(&request);
        let request = request.into_inner();
        let node = self.0.clone();
        let reply = self.0.workers.run(&call, move || {
            let status = node.database.status().map_err(failed)?;
            let uptime_ms = u64::try_from(node.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(status_reply(status, request, uptime_ms))
        });
        Ok(Response::new(reply.await?))
    }

    async fn discarded(
        &self,
        request: Request<v1::DiscardedRequest>,
    ) -> Result<Response<v1::DiscardedReply>, Status> {
        let (asked, request) = self.0.read(request)?;
        let count = match usize::try_from(request.limit) {
            Ok(0) | Err(_) => DISCARDED_MAX,
            Ok(limit) => limit.min(DISCARDED_MAX),
        };
        let node = self.0.clone();
        self.0
            .reply(asked, move |session| {
                let collection = Some(request.collection.as_str()).filter(|name| !name.is_empty());
                let reply = session.discarded(collection, count)?;
                Ok(v1::DiscardedReply {
                    token: reply.token.into(),
                    writes: reply.value.into_iter().map(discarded).collect(),
                    total: node.database.status()?.node.discarded,
                })
            })
            .await
    }

    async fn set_line(
        &self,
        request: Request<v1::SetLineRequest>,
    ) -> Result<Response<v1::SetLineReply>, Status> {
        let request = request.into_inner();
        let cut = match v1::LineCut::try_from(request.cut) {
            Ok(v1::LineCut::Unspecified | v1::LineCut::None) => Cut::None,
            Ok(v1::LineCut::Both) => Cut::Both,
            Ok(v1::LineCut::Outgoing) => Cut::Outgoing,
            Ok(v1::LineCut::Incoming) => Cut::Incoming,
            Err(_) => {
                let cut = request.cut;
                return Err(bad_parameter(format!("cut {cut} is not known here")));
            }
        };
        if request.peer.is_empty() {
            return Err(bad_parameter("a node, a region, or '*' must be named"));
        }
        let line = Line {
            delay: Duration::from_millis(request.delay_ms.into()),
            jitter: Duration::from_millis(request.jitter_ms.into()),
            cut,
        };
        if !self.0.database.set_line(&request.peer, line) {
            return Err(disabled(
                "the node was not started with its lines open to change",
            ));
        }
        Ok(Response::new(v1::SetLineReply {
            token: request.token,
        }))
    }
}

fn status_reply(status: NodeStatus, request: v1::StatusRequest, uptime_ms: u64) -> v1::StatusReply {
    let node = status.node;
    v1::StatusReply {
        token: request.token,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: node.identity.node,
        region: node.identity.region,
        replica_id: node.identity.replica.to_string(),
        cluster_id: cluster_id(node.identity.cluster),
        epoch: node.replication.epoch.number,
        fabric: match request.fabric {
            fabric if fabric.is_empty() => antipode_proto::DEFAULT_FABRIC.to_owned(),
            fabric => fabric,
        },
        version_vector: node
            .vv
            .iter()
            .map(|(replica, seq)| v1::Applied {
                replica_id: replica.to_string(),
                seq,
            })
            .collect(),
        digest: format!("{:032x}", node.digest.0),
        members: status.members.into_iter().map(member).collect(),
        read_only: node.read_only.unwrap_or_default(),
        uptime_ms,
        discarded_writes: node.discarded,
    }
}

/// As the certificates show it; empty for a node that stands alone.
fn cluster_id(cluster: u128) -> String {
    if cluster == 0 {
        return String::new();
    }
    let digits = format!("{cluster:032x}");
    let mut text = String::with_capacity(36);
    for (position, digit) in digits.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

fn member(peer: PeerInfo) -> v1::Member {
    v1::Member {
        node: peer.node,
        region: peer.region,
        replica_id: peer.replica,
        address: peer.address,
        me: peer.me,
        connected: peer.connected,
        rtt_us: peer.round_trip_us,
        behind: peer.behind,
    }
}

fn discarded(report: Discarded) -> v1::DiscardedWrite {
    let discard = report.write.discard;
    v1::DiscardedWrite {
        collection: report.collection,
        key: report.write.key.to_string(),
        path: discard.path.to_string(),
        reason: discard.reason.name().to_owned(),
        lost_stamp: discard.lost.to_string(),
        lost_region: report.lost_region,
        won_stamp: discard
            .winner
            .map(|stamp| stamp.to_string())
            .unwrap_or_default(),
        won_region: report.won_region,
        value: discard.value.map(|value| value.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_are_shown_as_in_certificates() {
        assert_eq!(cluster_id(0), "");
        assert_eq!(
            cluster_id(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-cdef-0123-456789abcdef"
        );
    }
}
