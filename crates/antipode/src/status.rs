//! What a node tells of itself and of what is in it.

use antipode_engine::{CollectionKind, DiscardedWrite, NodeStatus};
use antipode_query::Source as _;

use crate::database::Database;
use crate::documents::query_id;
use crate::error::Error;
use crate::session::{Reply, Session};

/// A collection, as it is listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: CollectionKind,
    /// How many documents it has.
    pub count: u64,
}

/// A member of the cluster, as this node sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerInfo {
    /// The node's name.
    pub node: String,
    /// Its region.
    pub region: String,
    /// Its replica id.
    pub replica: String,
    /// Where its peers reach it; empty if not known.
    pub address: String,
    /// Whether it is this node.
    pub me: bool,
    /// Whether data passes between it and this node now.
    pub connected: bool,
    /// Smallest round trip seen, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Transactions that this node has and the member has not reported to have.
    pub behind: u64,
}

/// What a node shows of itself.
#[derive(Clone, Debug)]
pub struct Status {
    /// All of it.
    pub node: NodeStatus,
    /// The members, this node included.
    pub members: Vec<PeerInfo>,
}

/// A write that a merge discarded, with names in the place of ids.
#[derive(Clone, Debug)]
pub struct Discarded {
    /// The collection's name; its id where it was dropped.
    pub collection: String,
    /// The region of the writer that lost, where it is known.
    pub lost_region: String,
    /// The region of the writer that won.
    pub won_region: String,
    /// The report.
    pub write: DiscardedWrite,
}

impl Database {
    /// What the node shows of itself.
    ///
    /// # Errors
    /// When the node has stopped.
    pub fn status(&self) -> Result<Status, Error> {
        let node = self.inner.driver.status()?;
        let members = node.replication.members.iter().map(|member| {
            let me = member.replica == node.identity.replica;
            let peer = node.replication.peers.iter().find(|peer| {
                peer.member
                    .as_ref()
                    .is_some_and(|known| known.replica == member.replica)
            });
            let behind = match peer {
                Some(peer) => node
                    .vv
                    .ranges_above(&peer.vv)
                    .map(|(_, first, last)| last - first + 1)
                    .sum(),
                None => 0,
            };
            PeerInfo {
                node: member.node.clone(),
                region: member.region.clone(),
                replica: member.replica.to_string(),
                address: member.address.clone(),
                me,
                connected: peer.is_some_and(|peer| peer.open),
                round_trip_us: peer.and_then(|peer| peer.round_trip.map(|time| time.0)),
                behind,
            }
        });
        Ok(Status {
            members: members.collect(),
            node,
        })
    }

    /// Shapes the lines to a node, to a region or to everybody (`*`), for tests and demos; false where the node was not
    /// started so.
    #[cfg(feature = "replication")]
    #[must_use]
    pub fn set_line(&self, peer: &str, line: crate::network::Line) -> bool {
        self.inner
            .lines
            .as_ref()
            .is_some_and(|lines| lines.set(peer, line))
    }
}

impl Session {
    /// The names of the fabrics.
    ///
    /// # Errors
    /// When the token is not reached.
    pub fn fabrics(&self) -> Result<Reply<Vec<String>>, Error> {
        self.read(|transaction| Ok(transaction.schema().fabrics().map(str::to_owned).collect()))
    }

    /// The collections of the fabric; the system's own only where they are asked for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn collections(&self, system: bool) -> Result<Reply<Vec<CollectionInfo>>, Error> {
        self.read(|transaction| {
            let entries = transaction.schema().collections(transaction.fabric());
            entries
                .filter(|entry| system || !entry.name.starts_with('_'))
                .map(|entry| {
                    let count = transaction.count(query_id(entry.id))?;
                    Ok(CollectionInfo {
                        name: entry.name.clone(),
                        kind: entry.kind,
                        count,
                    })
                })
                .collect()
        })
    }

    /// The names of the fabric's streams.
    ///
    /// # Errors
    /// When the token is not reached.
    pub fn streams(&self) -> Result<Reply<Vec<String>>, Error> {
        self.read(|transaction| {
            let streams = transaction.schema().streams(transaction.fabric());
            Ok(streams.map(|entry| entry.name.clone()).collect())
        })
    }

    /// The newest writes that merges on this node discarded, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn discarded(
        &self,
        collection: Option<&str>,
        count: usize,
    ) -> Result<Reply<Vec<Discarded>>, Error> {
        self.read(|transaction| {
            let only = collection
                .map(|name| transaction.entry(name).map(|entry| entry.id))
                .transpose()?;
            let members = self.database.inner.driver.shared.members();
            let region = |replica| {
                let member = members.iter().find(|member| member.replica == replica);
                member
                    .map(|member| member.region.clone())
                    .unwrap_or_default()
            };
            let wanted = if only.is_some() { usize::MAX } else { count };
            let writes = transaction.discarded_writes(wanted)?.into_iter();
            let writes = writes
                .filter(|write| only.is_none_or(|id| id == write.collection))
                .take(count);
            Ok(writes
                .map(|write| Discarded {
                    collection: match transaction.schema().collection_by_id(write.collection) {
                        Some(entry) => entry.name.clone(),
                        None => write.collection.to_string(),
                    },
                    lost_region: region(write.discard.lost.replica),
                    won_region: write
                        .discard
                        .winner
                        .map(|stamp| region(stamp.replica))
                        .unwrap_or_default(),
                    write,
                })
                .collect())
        })
    }
}
