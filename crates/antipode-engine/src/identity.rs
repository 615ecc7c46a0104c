//! Opening a node: what it must know before it can go on where it stopped.
//!
//! Everything is read from the store and checked against itself: heads, version vector and log have to agree, so that no
//! dot is used twice; the clock begins above the durable bound, so that it never runs backwards, also with the wall clock
//! set back. Damage is an error with the key at fault; nothing is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, VersionVector};
use antipode_replication as replication;
use antipode_replication::{MembershipState, Record as LogRecord};
use antipode_store::keyspace::{DocumentKey, GroupKey, MetaKey};
use antipode_store::record::{
    ChainHash, ClockBound, GroupState, Head, Identity as StoredIdentity, IndexState, Membership,
    Record as _, ReplicaTable,
};
use antipode_store::{Batch, Direction, Snapshot, Space, Storage, Sync};
use antipode_value::Str;
use bytes::Bytes;

use crate::catalog::{Catalog, SystemCollection};
use crate::committer::{GROUP, group_key};
use crate::error::EngineError;
use crate::flight::Ledger;
use crate::node::{NodeConfig, first_membership};
use crate::report::ReportLog;
use crate::stored;

/// The random numbers of one process start, drawn by the driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seed {
    /// Becomes the replica id if the node is new.
    pub replica: u64,
    /// Names this process start.
    pub boot: u64,
    /// Feeds the random choices of replication.
    pub network: u64,
}

/// Who a node is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The cluster.
    pub cluster: u128,
    /// The node's name.
    pub node: String,
    /// The node's region.
    pub region: String,
    /// The id under which it originates.
    pub replica: ReplicaId,
}

/// How far the log of each origin is held, with the context that its next record builds on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    heads: BTreeMap<ReplicaId, Head>,
    moved: BTreeSet<ReplicaId>,
    /// Records since heads were last written.
    unwritten: u32,
}

/// Heads are written once in so many records: they can be read off the log, and this is how far a node reads when it is
/// opened.
const HEADS_EVERY: u32 = 256;

impl Heads {
    fn load(snapshot: &dyn Snapshot) -> Result<Self, EngineError> {
        let mut heads = BTreeMap::new();
        let mut cursor = snapshot.scan(Space::Meta, MetaKey::heads(GROUP), Direction::Forward);
        while let Some((key, record)) = cursor.next()? {
            let at = |error: antipode_store::RecordError| error.at(Space::Meta, key);
            if let MetaKey::Group(_, GroupKey::Head(origin)) = MetaKey::decode(key).map_err(at)? {
                heads.insert(origin, Head::open(record).map_err(at)?);
            }
        }
        Ok(Self {
            heads,
            moved: BTreeSet::new(),
            unwritten: 0,
        })
    }

    /// Moves the heads from where they were last written to the end of the log, which stands at `vv`.
    fn roll_forward(
        &mut self,
        storage: &dyn Storage,
        vv: &VersionVector,
    ) -> Result<(), EngineError> {
        for (origin, last) in vv.iter() {
            let written = self.heads.get(&origin).map_or(0, |head| head.seq);
            for seq in written + 1..=last {
                let record = stored::log_entry(storage, origin, seq)?
                    .ok_or_else(|| inconsistent(format!("the log lacks {origin}:{seq}")))?;
                if stored::previous(&record) != Some(self.chain(origin)) {
                    return Err(inconsistent(format!(
                        "{origin}:{seq} does not follow the record before it in the log"
                    )));
                }
                self.advance(&record);
            }
        }
        Ok(())
    }

    /// Everything applied, as a context.
    pub fn context(&self) -> Context {
        self.heads
            .iter()
            .map(|(origin, head)| {
                (
                    *origin,
                    Seen {
                        seq: head.seq,
                        hlc: head.hlc,
                    },
                )
            })
            .collect()
    }

    /// The chain hash at the end of an origin's log.
    pub fn chain(&self, origin: ReplicaId) -> ChainHash {
        self.heads
            .get(&origin)
            .map_or(ChainHash::default(), |head| head.chain)
    }

    /// The context that the next record of `origin` builds on: that of its last one, and that one itself.
    pub fn context_of(&self, origin: ReplicaId) -> Context {
        self.heads
            .get(&origin)
            .map_or_else(Context::new, |head| head.context.clone())
    }

    /// The entries of `context` that moved since this replica's last transaction, its own left out.
    pub fn moved_since_own(&self, me: ReplicaId, context: &Context) -> Vec<(ReplicaId, Seen)> {
        let mut delta = match self.heads.get(&me) {
            Some(head) => context.delta_since(&head.context),
            None => context.delta_since(&Context::new()),
        };
        delta.retain(|(replica, _)| *replica != me);
        delta
    }

    /// Moves the head of a record's origin over it.
    pub fn advance(&mut self, record: &LogRecord) {
        let header = &record.header;
        let origin = header.dot.replica;
        let head = self.heads.entry(origin).or_default();
        head.context.apply_delta(&header.delta);
        head.context.advance(origin, header.seen());
        head.seq = header.dot.seq;
        head.hlc = header.last_hlc();
        head.chain = ChainHash(record.chain.0);
        match (header.boot, head.boots.last_mut()) {
            (Some(boot), _) => {
                head.boots.push((boot, head.seq));
                if head.boots.len() > Head::BOOTS_MAX {
                    head.boots.remove(0);
                }
            }
            (None, Some((_, last))) => *last = head.seq,
            (None, None) => {}
        }
        self.moved.insert(origin);
        self.unwritten += 1;
    }

    /// Writes the heads that moved since they were last written, once in a while.
    pub fn put_moved(&mut self, batch: &mut Batch) {
        if self.unwritten < HEADS_EVERY {
            return;
        }
        self.unwritten = 0;
        for origin in std::mem::take(&mut self.moved) {
            if let Some(head) = self.heads.get(&origin) {
                batch.put(
                    Space::Meta,
                    &group_key(GroupKey::Head(origin)),
                    &head.seal(),
                );
            }
        }
    }

    /// The heads as replication knows them.
    pub fn for_replication(&self) -> BTreeMap<ReplicaId, replication::Head> {
        let convert = |head: &Head| replication::Head {
            seq: head.seq,
            chain: replication::ChainHash(head.chain.0),
            boots: head.boots.clone(),
        };
        self.heads
            .iter()
            .map(|(origin, head)| (*origin, convert(head)))
            .collect()
    }

    fn vector(&self) -> VersionVector {
        self.heads
            .iter()
            .map(|(origin, head)| (*origin, head.seq))
            .collect()
    }

    /// Forgets that the last record of `origin` is there.
    #[cfg(feature = "planted-bugs")]
    pub fn step_back(&mut self, origin: ReplicaId) {
        if let Some(head) = self.heads.get_mut(&origin) {
            head.seq = head.seq.saturating_sub(1);
        }
    }

    /// Whether `origin` logged a transaction in the process start `boot`.
    pub fn has_boot(&self, origin: ReplicaId, boot: u64) -> bool {
        self.heads
            .get(&origin)
            .is_some_and(|head| head.boots.iter().any(|(known, _)| *known == boot))
    }
}

/// What a node reads when it is opened.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub identity: Identity,
    pub clock_bound: Hlc,
    pub vv: VersionVector,
    pub heads: Heads,
    pub ledger: Ledger,
    pub numbers: ReplicaTable,
    pub catalog: Catalog,
    pub membership: MembershipState,
    pub reports: ReportLog,
}

impl Recovered {
    /// Reads the node in `storage`, or makes it there if the store is empty. What it returns is on the disk.
    pub fn read_or_create(
        storage: &dyn Storage,
        config: &NodeConfig,
        seed: Seed,
    ) -> Result<Self, EngineError> {
        let identity = MetaKey::Identity.encode();
        if storage.get(Space::Meta, &identity)?.is_none() {
            create(storage, config, seed)?;
        }
        // What a process that crashed had written may not have been synced; from here on it is announced.
        storage.sync()?;
        Self::read(storage, config)
    }

    fn read(storage: &dyn Storage, config: &NodeConfig) -> Result<Self, EngineError> {
        let snapshot = storage.snapshot();
        let snapshot = &*snapshot;
        let identity = read_identity(snapshot, config)?;
        let state = GroupState::of(snapshot, GROUP)?;
        let ledger = Ledger {
            digest: state.digest,
            counts: state.all_counts(snapshot)?,
            recent: state.counts.iter().map(|(id, _)| *id).collect(),
        };
        let vv = Arc::unwrap_or_clone(state.vv);
        let mut heads = Heads::load(snapshot)?;
        heads.roll_forward(storage, &vv)?;
        check_log(storage, &heads, &vv)?;
        let numbers = ReplicaTable::load(snapshot)?;
        let catalog = read_catalog(snapshot, &numbers)?;
        let bound = ClockBound::load(snapshot, Space::Meta, &MetaKey::ClockBound.encode())?;
        let last = heads
            .heads
            .values()
            .map(|head| head.hlc)
            .max()
            .unwrap_or_default();
        Ok(Self {
            clock_bound: bound.map_or(Hlc::ZERO, |bound| bound.0).max(last),
            ledger,
            membership: read_membership(snapshot, config, identity.replica)?,
            reports: ReportLog::load(snapshot)?,
            identity,
            vv,
            heads,
            numbers,
            catalog,
        })
    }
}

fn create(storage: &dyn Storage, config: &NodeConfig, seed: Seed) -> Result<(), EngineError> {
    let replica = ReplicaId(seed.replica.max(1));
    let identity = StoredIdentity {
        replica,
        cluster: Str::from(format!("{:032x}", config.cluster)),
        node: Str::from(config.node.as_str()),
    };
    let membership = Membership(first_membership(config, replica).encode());
    let mut batch = Batch::new();
    batch.put(Space::Meta, &MetaKey::Identity.encode(), &identity.seal());
    batch.put(
        Space::Meta,
        &group_key(GroupKey::Membership),
        &membership.seal(),
    );
    storage.write(batch, Sync::Yes)?;
    Ok(())
}

fn read_identity(snapshot: &dyn Snapshot, config: &NodeConfig) -> Result<Identity, EngineError> {
    let stored = StoredIdentity::load(snapshot, Space::Meta, &MetaKey::Identity.encode())?
        .ok_or_else(|| inconsistent("the node's identity is gone".to_owned()))?;
    let cluster = format!("{:032x}", config.cluster);
    if stored.cluster.as_str() != cluster || stored.node.as_str() != config.node {
        return Err(EngineError::WrongDirectory {
            found: format!("node '{}' of cluster {}", stored.node, stored.cluster),
            wanted: format!("node '{}' of cluster {cluster}", config.node),
        });
    }
    Ok(Identity {
        cluster: config.cluster,
        node: config.node.clone(),
        region: config.region.clone(),
        replica: stored.replica,
    })
}

/// Vector, heads and log must end at the same records: the next own transaction would otherwise take a dot that is used.
fn check_log(storage: &dyn Storage, heads: &Heads, vv: &VersionVector) -> Result<(), EngineError> {
    if heads.vector() != *vv {
        return Err(inconsistent(format!(
            "version vector {vv}, but heads at {}",
            heads.vector()
        )));
    }
    for (origin, head) in &heads.heads {
        let last = stored::log_entry(storage, *origin, head.seq)?
            .ok_or_else(|| inconsistent(format!("the log lacks {origin}:{}", head.seq)))?;
        if last.chain.0 != head.chain.0 {
            return Err(inconsistent(format!(
                "the chain hash of {origin}:{} is not that of its head",
                head.seq
            )));
        }
        if stored::log_entry(storage, *origin, head.seq + 1)?.is_some() {
            return Err(inconsistent(format!(
                "the log of {origin} goes on behind its head {}",
                head.seq
            )));
        }
    }
    Ok(())
}

fn read_catalog(snapshot: &dyn Snapshot, numbers: &ReplicaTable) -> Result<Catalog, EngineError> {
    let mut catalog = Catalog::new();
    for system in SystemCollection::ALL {
        let range = DocumentKey::range(system.id());
        let mut cursor = snapshot.scan(Space::Documents, range, Direction::Forward);
        while let Some((key, record)) = cursor.next()? {
            let record = Bytes::copy_from_slice(record);
            if let Some(shown) = stored::shown(key, &record, numbers)? {
                match system {
                    SystemCollection::Indexes => {
                        catalog.take_index(&shown.value);
                    }
                    _ => {
                        catalog.take_document(system.id(), &shown.value);
                    }
                }
            }
        }
    }
    restore_indexes(snapshot, &mut catalog)?;
    Ok(catalog)
}

/// How far indexes are built here; entries of those that the catalog has no more are to go.
fn restore_indexes(snapshot: &dyn Snapshot, catalog: &mut Catalog) -> Result<(), EngineError> {
    let mut cursor = snapshot.scan(Space::Meta, MetaKey::index_states(), Direction::Forward);
    while let Some((key, record)) = cursor.next()? {
        let at = |error: antipode_store::RecordError| error.at(Space::Meta, key);
        if let MetaKey::IndexState(index) = MetaKey::decode(key).map_err(at)? {
            let state = IndexState::open(record).map_err(at)?;
            catalog.indexes.restore(index, &state);
        }
    }
    Ok(())
}

fn read_membership(
    snapshot: &dyn Snapshot,
    config: &NodeConfig,
    replica: ReplicaId,
) -> Result<MembershipState, EngineError> {
    let key = group_key(GroupKey::Membership);
    match Membership::load(snapshot, Space::Meta, &key)? {
        Some(membership) => MembershipState::decode(&membership.0).map_err(|error| {
            antipode_store::RecordError::from(error)
                .at(Space::Meta, &key)
                .into()
        }),
        None => Ok(first_membership(config, replica)),
    }
}

fn inconsistent(detail: String) -> EngineError {
    EngineError::Inconsistent { detail }
}
