//! The node and its cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use antipode_proto::v1;
use antipode_proto::v1::cluster_client::ClusterClient;
use tonic::transport::Channel;

use crate::call::Effect;
use crate::client::Client;
use crate::error::Error;

/// How a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The version of its program.
    pub version: String,
    /// Its name.
    pub node: String,
    /// Its region.
    pub region: String,
    /// Its replica id, 16 hexadecimal digits.
    pub replica_id: String,
    /// Its cluster; empty for a single node.
    pub cluster_id: String,
    /// The epoch of the members that it knows.
    pub epoch: u64,
    /// What it has applied: the highest sequence number of each origin, by replica id.
    pub version_vector: BTreeMap<String, u64>,
    /// Nodes with equal version vectors have equal digests.
    pub digest: String,
    /// The members of the cluster, as this node sees them.
    pub members: Vec<Member>,
    /// Why it takes no writes, if it does not.
    pub read_only: Option<String>,
    /// How long it has run.
    pub uptime: Duration,
    /// Writes that merges have discarded on it.
    pub discarded_writes: u64,
}

/// A member of the cluster, as a node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub node: String,
    /// Its region.
    pub region: String,
    /// Its replica id.
    pub replica_id: String,
    /// Where it is reached; empty if not known.
    pub address: String,
    /// Whether it is the node itself.
    pub me: bool,
    /// Whether there is a link to it.
    pub connected: bool,
    /// The round trip of the link.
    pub rtt: Option<Duration>,
    /// Transactions that the node has and this member is not known to have.
    pub behind: u64,
}

/// The writes that merges have discarded on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// Those that were asked for, newest first.
    pub writes: Vec<DiscardedWrite>,
    /// How many the node knows of, kept or not.
    pub total: u64,
}

/// A write that a merge discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscardedWrite {
    /// In which collection.
    pub collection: String,
    /// Of which document.
    pub key: String,
    /// Of which attribute; empty for the whole document.
    pub path: String,
    /// Why.
    pub reason: String,
    /// The stamp of the write that was discarded.
    pub lost_stamp: String,
    /// Where it was made.
    pub lost_region: String,
    /// The stamp of the write that it met.
    pub won_stamp: String,
    /// Where that was made.
    pub won_region: String,
    /// The value that was lost, as JSON, if it is kept.
    pub value: Option<String>,
}

/// How the line from a node to a peer behaves, in tests and demos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// What the node sends arrives so much later.
    pub delay: Duration,
    /// Up to so much is added at random.
    pub jitter: Duration,
    /// Which direction passes nothing.
    pub cut: LineCut,
}

/// Which direction of a line passes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineCut {
    /// Neither.
    #[default]
    None,
    /// Both.
    Both,
    /// What the node sends.
    Outgoing,
    /// What the peer sends.
    Incoming,
}

impl Client {
    /// How the node that this client talks to does.
    ///
    /// ```no_run
    /// # async fn example(client: antipode_client::Client) -> Result<(), antipode_client::Error> {
    /// let status = client.status().await?;
    /// for member in status.members.iter().filter(|member| !member.connected && !member.me) {
    ///     println!("{} cannot reach {}", status.node, member.node);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn status(&self) -> Result<Status, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::StatusRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                },
                |channel, request| async move { service(channel).status(request).await },
            )
            .await?;
        Ok(Status {
            version: reply.version,
            node: reply.node,
            region: reply.region,
            replica_id: reply.replica_id,
            cluster_id: reply.cluster_id,
            epoch: reply.epoch,
            version_vector: reply
                .version_vector
                .into_iter()
                .map(|applied| (applied.replica_id, applied.seq))
                .collect(),
            digest: reply.digest,
            members: reply.members.into_iter().map(member).collect(),
            read_only: Some(reply.read_only).filter(|reason| !reason.is_empty()),
            uptime: Duration::from_millis(reply.uptime_ms),
            discarded_writes: reply.discarded_writes,
        })
    }

    /// The writes that merges have discarded on the node, the newest `limit` of them; 0: all that are kept.
    pub async fn discarded(&self, collection: &str, limit: u32) -> Result<Discarded, Error> {
        let reply = self
            .call(
                Effect::Repeatable,
                || v1::DiscardedRequest {
                    token: self.inner.token(),
                    fabric: self.fabric_name(),
                    collection: collection.to_owned(),
                    limit,
                },
                |channel, request| async move { service(channel).discarded(request).await },
            )
            .await?;
        Ok(Discarded {
            writes: reply.writes.into_iter().map(discarded_write).collect(),
            total: reply.total,
        })
    }

    /// Slows or cuts the node's line to a peer, a region, or every peer (`*`). The node must have been started for it.
    pub async fn set_line(&self, peer: &str, line: Line) -> Result<(), Error> {
        let cut = match line.cut {
            LineCut::None => v1::LineCut::None,
            LineCut::Both => v1::LineCut::Both,
            LineCut::Outgoing => v1::LineCut::Outgoing,
            LineCut::Incoming => v1::LineCut::Incoming,
        };
        let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        self.call(
            Effect::Repeatable,
            || v1::SetLineRequest {
                token: self.inner.token(),
                peer: peer.to_owned(),
                delay_ms: millis(line.delay),
                jitter_ms: millis(line.jitter),
                cut: cut.into(),
            },
            |channel, request| async move { service(channel).set_line(request).await },
        )
        .await?;
        Ok(())
    }
}

fn service(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel)
}

fn member(found: v1::Member) -> Member {
    Member {
        node: found.node,
        region: found.region,
        replica_id: found.replica_id,
        address: found.address,
        me: found.me,
        connected: found.connected,
        rtt: found.rtt_us.map(Duration::from_micros),
        behind: found.behind,
    }
}

fn discarded_write(found: v1::DiscardedWrite) -> DiscardedWrite {
    DiscardedWrite {
        collection: found.collection,
        key: found.key,
        path: found.path,
        reason: found.reason,
        lost_stamp: found.lost_stamp,
        lost_region: found.lost_region,
        won_stamp: found.won_stamp,
        won_region: found.won_region,
        value: found.value,
    }
}
