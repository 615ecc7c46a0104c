//! A whole node as one state machine: the committer and the replication of its group, with the order of durability
//! between them.
//!
//! A driver feeds [`NodeInput`]s with the time at which they happen, and carries out [`NodeOutput`]s in order. It owns what
//! is outside: the thread on which [`Node::step`] runs, the one that syncs the store, sockets and timers.
//!
//! **What waits for the store.** Transactions are prepared in a step and written outside of it, as a
//! [`Flight`](crate::flight::Flight); one is under way at a time, and the next batch fills meanwhile. Nobody hears of a
//! transaction before its flight has landed.
//!
//! **What waits for the disk.** A batch that has landed is in the store's log, but not yet synced. One sync is under way at
//! a time; a *ticket* is the number of batches written when it began. Replies at `disk`, pushes of own transactions and
//! everything that replication wants behind a durable vote wait for the ticket that covers them. So many commits share one
//! sync (group commit).

mod event;
mod outage;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use antipode_clock::{ReplicaId, VersionVector};
use antipode_replication as replication;
use antipode_replication::{
    Input, LinkId, Member, MembershipState, Micros, Now, Output, Record, Replication, StateDigest,
    WriteGate,
};
use antipode_store::keyspace::GroupKey;
use antipode_store::record::{Membership, Record as _};
use antipode_store::{Storage, StoreError};

use crate::committer::expire::Search;
use crate::committer::{Committer, group_key};
use crate::error::EngineError;
use crate::flight::{Aftermath, Client, Landing, Ledger, OpenBatch};
use crate::identity::{Identity, Recovered, Seed};
use crate::planted::bug;
use crate::request::{CommitReply, CommitRequest, Durability, RequestId};
use crate::shared::Shared;
use crate::stored;

pub use event::{NodeConfig, NodeInput, NodeOutput, NodeStatus, Out};

/// Time between syncs when no client waits for one, but peers do: a record waits at most this long before it can be
/// pushed.
const SYNC_INTERVAL: Micros = Micros(1_000);

/// The same when no peer is there either: what a power cut can take of writes that asked for no more.
const SYNC_INTERVAL_ALONE: Micros = Micros::from_ms(100);

/// Time between two pieces of background work on indexes, so that writes are not held up.
const INDEX_PAUSE: Micros = Micros(500);

/// Time between looks at whether what is known of indexes has changed.
const INDEX_INTERVAL: Micros = Micros::from_ms(5_000);

/// Time between looks for what has expired, and between two pieces of its removal.
const EXPIRY_INTERVAL: Micros = Micros::from_ms(1_000);
const EXPIRY_PAUSE: Micros = Micros::from_ms(5);

/// Requests in one batch: enough to share a sync well, few enough to bound the latency of the first.
const BATCH_REQUESTS_MAX: usize = 1_024;

/// A batch with so many bytes for the log is full, too: a small write does not wait behind gigabytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// A reply that waits for the disk.
struct Waiting {
    ticket: u64,
    request: RequestId,
    reply: CommitReply,
}

/// What is to be done when the flight under way has landed.
struct Flying {
    vv: Arc<VersionVector>,
    aftermath: Aftermath,
}

/// What stood in the store when a sync began.
struct SyncPoint {
    ticket: u64,
    vv: VersionVector,
    digest: StateDigest,
}

/// A node.
pub struct Node {
    storage: Arc<dyn Storage>,
    config: NodeConfig,
    seed: Seed,
    identity: Identity,
    committer: Committer,
    replication: Replication,
    shared: Arc<Shared>,
    links: BTreeSet<LinkId>,
    gate: WriteGate,
    outage: Option<String>,
    /// The batch that fills.
    open: Option<OpenBatch>,
    flying: Option<Flying>,
    /// Requests for which the open batch had no room.
    later: VecDeque<CommitRequest>,
    /// Whether a record of a peer was refused and replication has not heard of it yet; what it hands over until then will
    /// be handed over again.
    refusing: bool,
    next_recovery: Micros,
    /// Batches written so far: the newest ticket.
    written: u64,
    /// The newest ticket that is on the disk.
    synced: u64,
    syncing: Option<SyncPoint>,
    next_sync: Micros,
    durable: VersionVector,
    waiting: VecDeque<Waiting>,
    /// Outputs of replication behind a durable vote, and the ticket of that vote.
    held: VecDeque<Output>,
    held_until: Option<u64>,
    replication_wake: Option<Micros>,
    /// When the background work on indexes goes on.
    next_index_work: Micros,
    /// When it is looked at without any being known.
    next_index_look: Micros,
    expired: Search,
    /// When expired documents are looked for again.
    next_expiry: Micros,
    started: bool,
}

impl Node {
    /// Opens the node in `storage`, and makes it there if the store is empty. `seed` holds the random numbers of this
    /// process start.
    ///
    /// # Errors
    /// When the store cannot be read, is damaged, or belongs to another node or cluster.
    pub fn open(
        storage: Arc<dyn Storage>,
        config: NodeConfig,
        seed: Seed,
    ) -> Result<Self, EngineError> {
        let recovered = Recovered::read_or_create(&*storage, &config, seed)?;
        let identity = recovered.identity.clone();
        let replication = start_replication(&config, seed, &recovered);
        let shared = Arc::new(Shared::new(storage.clone(), identity.clone(), &recovered));
        let durable = recovered.vv.clone();
        let committer = Committer::new(storage.clone(), seed.boot, recovered);
        let mut node = Self {
            storage,
            config,
            seed,
            identity,
            committer,
            replication,
            shared,
            links: BTreeSet::new(),
            gate: WriteGate::Open,
            outage: None,
            open: None,
            flying: None,
            later: VecDeque::new(),
            refusing: false,
            next_recovery: Micros(0),
            written: 0,
            synced: 0,
            syncing: None,
            next_sync: Micros(0),
            durable,
            waiting: VecDeque::new(),
            held: VecDeque::new(),
            held_until: None,
            replication_wake: None,
            next_index_work: Micros(0),
            next_index_look: Micros(0),
            expired: Search::default(),
            next_expiry: Micros(0),
            started: false,
        };
        node.publish_members();
        Ok(node)
    }

    /// What sessions read.
    #[must_use]
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// What the node shows of itself.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        NodeStatus {
            identity: self.identity.clone(),
            vv: self.committer.vv().clone(),
            durable: self.durable.clone(),
            digest: self.committer.digest(),
            replication: self.replication.status(),
            read_only: self.refuses_writes(),
            discarded: self.committer.discarded_total(),
        }
    }

    /// Handles what happened, and says what is to be done, in order. `out` is told of each thing at once, so that a flight
    /// takes off and clients hear of the last one while the step goes on.
    pub fn step(
        &mut self,
        inputs: impl IntoIterator<Item = NodeInput>,
        now: Now,
        out: &mut Out<'_>,
    ) {
        if !self.started {
            self.started = true;
            self.replicate(Input::Start, now, out);
        }
        for input in inputs {
            match input {
                NodeInput::Commit(request) => self.commit(request, now, out),
                NodeInput::Landed(landing) => self.landed(landing, now, out),
                NodeInput::Synced { ticket } => self.synced(ticket, now, out),
                NodeInput::SyncFailed { ticket, error } => {
                    self.sync_failed(ticket, &error, now, out);
                }
                NodeInput::Replication(input) => self.take_replication(input, now, out),
                NodeInput::Tick => {}
            }
        }
        self.launch(now, out);
        self.tick(now, out);
        self.launch(now, out);
    }

    /// Ends the node after the driver has synced the store one last time: whoever waited for the disk is answered.
    pub fn finish(&mut self) -> Vec<NodeOutput> {
        let waiting = self.waiting.drain(..);
        waiting
            .map(|waiting| NodeOutput::Reply {
                request: waiting.request,
                reply: waiting.reply,
            })
            .collect()
    }

    fn take_replication(&mut self, input: Input, now: Now, out: &mut Out<'_>) {
        match &input {
            Input::LinkUp { link, .. } => {
                self.links.insert(*link);
                self.next_sync = self.next_sync.min(now.at.plus(SYNC_INTERVAL));
            }
            Input::LinkDown { link } => {
                self.links.remove(link);
            }
            _ => {}
        }
        self.replicate(input, now, out);
    }

    /// Runs the timers of the node itself and of replication, begins a sync where one is due, and says when to come again.
    fn tick(&mut self, now: Now, out: &mut Out<'_>) {
        if self.outage.is_some() && now.at >= self.next_recovery {
            self.try_recovery(now, out);
        }
        if self.replication_wake.is_some_and(|at| at <= now.at) {
            self.replication_wake = None;
            self.replicate(Input::Tick, now, out);
        }
        let index_due = self.work_on_indexes(now, out);
        let expiry_due = self.remove_expired(now, out);
        let sync_due = self.sync_if_due(now, out);
        let recovery_due = self.outage.is_some().then_some(self.next_recovery);
        let due = [
            self.replication_wake,
            sync_due,
            index_due,
            expiry_due,
            recovery_due,
        ];
        if let Some(at) = due.into_iter().flatten().min() {
            out(NodeOutput::Wake(at));
        }
    }

    /// Does a piece of the background work on indexes, if it is time. Returns when there will be more.
    fn work_on_indexes(&mut self, now: Now, out: &mut Out<'_>) -> Option<Micros> {
        if self.outage.is_some() {
            return None;
        }
        let has_work = self.committer.has_index_work();
        let due = if has_work {
            self.next_index_work
        } else {
            self.next_index_look
        };
        if now.at < due || self.flying.is_some() {
            let next = self.next_index_work.max(now.at.plus(INDEX_PAUSE));
            return has_work.then_some(next);
        }
        match self.committer.index_work(self.open.as_mut(), &self.shared) {
            Ok(Some(worked)) => {
                self.written += 1;
                if worked.catalog_changed {
                    // An index that is ready may have brought marks of times past.
                    self.expired.begin_anew();
                    self.next_expiry = now.at;
                    out(NodeOutput::Visible);
                }
                self.next_index_work = now.at.plus(INDEX_PAUSE);
                self.next_index_look = now.at.plus(INDEX_INTERVAL);
                worked.more.then_some(self.next_index_work)
            }
            Ok(None) => {
                self.next_index_work = now.at.plus(INDEX_PAUSE);
                self.next_index_look = now.at.plus(INDEX_INTERVAL);
                None
            }
            Err(error) => {
                self.stop_writes(error.to_string(), now, out);
                None
            }
        }
    }

    /// Removes some of what has expired, if it is time. Returns when to look again; after a landing it is done in any case.
    fn remove_expired(&mut self, now: Now, out: &mut Out<'_>) -> Option<Micros> {
        if self.refuses_writes().is_some() {
            return None;
        }
        if now.at < self.next_expiry {
            return Some(self.next_expiry);
        }
        if self.flying.is_some() {
            return None;
        }
        let (search, open, replication) = (&mut self.expired, &mut self.open, &self.replication);
        let group = || replication.status();
        let removed = self
            .committer
            .remove_expired(search, open, &self.durable, group, now);
        let pause = match removed {
            Ok(true) => EXPIRY_PAUSE,
            Ok(false) => EXPIRY_INTERVAL,
            Err(error) => {
                self.stop_writes(error.to_string(), now, out);
                return None;
            }
        };
        self.next_expiry = now.at.plus(pause);
        Some(self.next_expiry)
    }

    fn commit(&mut self, request: CommitRequest, now: Now, out: &mut Out<'_>) {
        if let Some(cause) = self.refuses_writes() {
            let reply = Err(EngineError::ReadOnly { cause });
            out(NodeOutput::Reply {
                request: request.id,
                reply,
            });
            return;
        }
        let open = self.open.get_or_insert_with(|| self.committer.open());
        if open.aftermath.clients.len() >= BATCH_REQUESTS_MAX
            || open.log.byte_len() >= BATCH_BYTES_MAX
        {
            self.later.push_back(request);
            return;
        }
        let id = request.id;
        if let Err(error) = self.committer.commit(open, request, now.wall_ms) {
            let cause = error.to_string();
            let reply = Err(error);
            out(NodeOutput::Reply { request: id, reply });
            self.stop_writes(cause, now, out);
        }
    }

    /// Launches the open batch, unless one is in flight.
    fn launch(&mut self, now: Now, out: &mut Out<'_>) {
        while let Some(aftermath) = self.launch_one(now, out) {
            self.settle(aftermath, now, out);
        }
    }

    /// The same once. Returns what there is to tell where nothing had to be written.
    fn launch_one(&mut self, now: Now, out: &mut Out<'_>) -> Option<Aftermath> {
        if self.flying.is_some() {
            return None;
        }
        let (flight, aftermath) = self.committer.launch(self.open.take()?, &self.shared);
        let told = match flight {
            Some(flight) => {
                let vv = flight.vv.clone();
                self.flying = Some(Flying { vv, aftermath });
                out(NodeOutput::Write(Box::new(flight)));
                None
            }
            None => Some(aftermath),
        };
        for request in std::mem::take(&mut self.later) {
            self.commit(request, now, out);
        }
        told
    }

    fn landed(&mut self, landing: Landing, now: Now, out: &mut Out<'_>) {
        let Some(Flying { vv, aftermath }) = self.flying.take() else {
            return;
        };
        match landing.0 {
            Ok(ledger) => self.has_landed((vv, ledger), aftermath, now, out),
            Err(error) => self.has_crashed(&error, aftermath, now, out),
        }
    }

    fn has_landed(
        &mut self,
        (vv, ledger): (Arc<VersionVector>, Ledger),
        aftermath: Aftermath,
        now: Now,
        out: &mut Out<'_>,
    ) {
        self.written += 1;
        self.committer.landed(vv, ledger);
        self.work_on_indexes(now, out);
        self.remove_expired(now, out);
        if let Some(cause) = self.outage.clone() {
            // The node stopped meanwhile, and will read again what the store holds.
            for client in aftermath.clients {
                let kept = client.reply.is_err() || client.durability == Durability::Memory;
                let reply = match kept {
                    true => client.reply,
                    false => Err(EngineError::OutcomeUnknown {
                        cause: cause.clone(),
                    }),
                };
                let request = client.request;
                out(NodeOutput::Reply { request, reply });
            }
            out(NodeOutput::Visible);
            return;
        }
        // First of all, so that the store has no pause.
        let next = self.launch_one(now, out);
        out(NodeOutput::Visible);
        self.settle(aftermath, now, out);
        if let Some(next) = next {
            self.settle(next, now, out);
        }
    }

    /// The store refused the batch, and with it goes what was prepared on top of it.
    fn has_crashed(
        &mut self,
        error: &EngineError,
        aftermath: Aftermath,
        now: Now,
        out: &mut Out<'_>,
    ) {
        let cause = error.to_string();
        let unknown = error.written() == antipode_store::Written::Unknown;
        for client in aftermath.clients {
            let reply = match (client.reply, error) {
                (Err(error), _) => Err(error),
                (Ok(_), EngineError::Store(error)) if !unknown => Err(error.clone().into()),
                (Ok(_), _) if unknown => Err(EngineError::OutcomeUnknown {
                    cause: cause.clone(),
                }),
                (Ok(_), _) => Err(EngineError::ReadOnly {
                    cause: cause.clone(),
                }),
            };
            let request = client.request;
            out(NodeOutput::Reply { request, reply });
        }
        self.stop_writes(cause, now, out);
    }

    /// Tells everybody about a batch that has landed.
    fn settle(&mut self, aftermath: Aftermath, now: Now, out: &mut Out<'_>) {
        let Aftermath {
            clients,
            records,
            delivered,
            refused,
        } = aftermath;
        for client in clients {
            let Client {
                request,
                durability,
                reply,
            } = client;
            let at_once = durability == Durability::Memory || bug!(AckBeforeSync);
            if reply.is_err() || at_once {
                out(NodeOutput::Reply { request, reply });
            } else {
                self.waiting.push_back(Waiting {
                    ticket: self.written,
                    request,
                    reply,
                });
            }
        }
        if !records.is_empty() {
            let durable = false;
            self.replicate(Input::Committed { records, durable }, now, out);
        }
        if delivered {
            self.refusing &= refused.is_empty();
            let vv = self.committer.vv().clone();
            self.replicate(Input::Delivered { vv, refused }, now, out);
        }
    }

    /// Applies transactions of peers.
    fn deliver(&mut self, records: Vec<Record>, now: Now, out: &mut Out<'_>) {
        if self.refusing || self.outage.is_some() {
            return;
        }
        let open = self.open.get_or_insert_with(|| self.committer.open());
        match self.committer.deliver(open, records) {
            Ok(refused) => self.refusing = refused,
            Err(error) => self.stop_writes(error.to_string(), now, out),
        }
    }

    /// Lets replication handle an input, and carries out what it asks for until nothing is left.
    fn replicate(&mut self, input: Input, now: Now, out: &mut Out<'_>) {
        let mut inputs = VecDeque::from([input]);
        let mut outputs = Vec::new();
        while let Some(input) = inputs.pop_front() {
            let well = self.outage.is_none();
            self.replication.handle(input, now, &mut outputs);
            for output in outputs.drain(..) {
                if well && self.outage.is_some() {
                    self.leave_out(output, now, &mut inputs, out);
                } else if self.held_until.is_some() {
                    self.held.push_back(output);
                } else {
                    self.carry_out(output, now, &mut inputs, out);
                }
            }
        }
    }

    fn carry_out(
        &mut self,
        output: Output,
        now: Now,
        inputs: &mut VecDeque<Input>,
        out: &mut Out<'_>,
    ) {
        match output {
            Output::Send { link, lane, bytes } => out(NodeOutput::Send { link, lane, bytes }),
            Output::Deliver(records) => self.deliver(records, now, out),
            Output::ReadLog {
                read,
                ranges,
                bytes_max,
            } => {
                let (records, damaged) = stored::read_log(&*self.storage, &ranges, bytes_max);
                inputs.push_back(Input::LogRead {
                    read,
                    records,
                    damaged,
                });
            }
            // None comes while the store is out of order.
            Output::Persist(_) if self.outage.is_some() => {}
            Output::Persist(state) => {
                let record = Membership(state).seal();
                match self
                    .committer
                    .put_meta(&group_key(GroupKey::Membership), &record)
                {
                    Ok(()) => {
                        self.written += 1;
                        self.held_until = Some(self.written);
                    }
                    Err(error) => self.stop_writes(error.to_string(), now, out),
                }
            }
            Output::Writes(gate) => self.gate = gate,
            Output::Alarm(alarm) => out(NodeOutput::Alarm(alarm)),
            Output::EpochAdopted(_) => self.publish_members(),
            Output::Wake(at) => self.replication_wake = Some(at),
            Output::Connect { address } => out(NodeOutput::Connect { address }),
            Output::Disconnect { link } => out(NodeOutput::Disconnect { link }),
        }
    }

    /// Begins a sync if something was written since the last one and it is time. Returns when it will be time.
    fn sync_if_due(&mut self, now: Now, out: &mut Out<'_>) -> Option<Micros> {
        if self.syncing.is_some() || self.written <= self.synced || self.outage.is_some() {
            return None;
        }
        let urgent = !self.waiting.is_empty() || self.held_until.is_some();
        if !urgent && now.at < self.next_sync {
            return Some(self.next_sync);
        }
        let point = SyncPoint {
            ticket: self.written,
            vv: self.committer.vv().clone(),
            digest: self.committer.digest(),
        };
        out(NodeOutput::Sync {
            ticket: point.ticket,
        });
        self.syncing = Some(point);
        None
    }

    fn synced(&mut self, ticket: u64, now: Now, out: &mut Out<'_>) {
        let Some(point) = self.syncing.take_if(|point| point.ticket == ticket) else {
            // A sync from before the store was recovered.
            return;
        };
        self.synced = ticket;
        let alone = self.links.is_empty();
        self.next_sync = now.at.plus(if alone {
            SYNC_INTERVAL_ALONE
        } else {
            SYNC_INTERVAL
        });
        while let Some(waiting) = self
            .waiting
            .pop_front_if(|waiting| waiting.ticket <= ticket)
        {
            out(NodeOutput::Reply {
                request: waiting.request,
                reply: waiting.reply,
            });
        }
        if self.held_until.is_some_and(|until| until <= ticket) {
            self.release_held(now, out);
        }
        self.durable = point.vv.clone();
        self.replicate(
            Input::Durable {
                vv: point.vv,
                digest: point.digest,
            },
            now,
            out,
        );
    }

    /// Carries out what waited for a durable vote, up to the next one.
    fn release_held(&mut self, now: Now, out: &mut Out<'_>) {
        self.held_until = None;
        let mut inputs = VecDeque::new();
        while self.held_until.is_none() {
            let Some(output) = self.held.pop_front() else {
                break;
            };
            self.carry_out(output, now, &mut inputs, out);
        }
        for input in inputs {
            self.replicate(input, now, out);
        }
    }

    fn sync_failed(&mut self, ticket: u64, error: &StoreError, now: Now, out: &mut Out<'_>) {
        if self
            .syncing
            .take_if(|point| point.ticket == ticket)
            .is_some()
        {
            self.stop_writes(error.to_string(), now, out);
        }
    }

    fn publish_members(&mut self) {
        let members: Vec<Member> = self.replication.status().members;
        self.shared.publish_members(members);
    }

    /// The replica id under which this node originates.
    #[must_use]
    pub fn replica(&self) -> ReplicaId {
        self.committer.me()
    }
}

fn start_replication(config: &NodeConfig, seed: Seed, recovered: &Recovered) -> Replication {
    let identity = replication::Identity {
        cluster: config.cluster,
        node: config.node.clone(),
        region: config.region.clone(),
        address: config.address.clone(),
        replica: recovered.identity.replica,
        boot: seed.boot,
    };
    Replication::new(
        config.replication.clone(),
        identity,
        replication_state(recovered),
        stored::read_record,
        seed.network,
    )
}

/// What the store holds, as far as it concerns replication.
fn replication_state(recovered: &Recovered) -> replication::Recovered {
    replication::Recovered {
        membership: recovered.membership.clone(),
        vv: recovered.vv.clone(),
        digest: StateDigest(recovered.ledger.digest),
        heads: recovered.heads.for_replication(),
    }
}

/// The membership state of a node that was just made.
pub(crate) fn first_membership(config: &NodeConfig, replica: ReplicaId) -> MembershipState {
    if config.founds {
        MembershipState::founding(Member {
            replica,
            node: config.node.clone(),
            region: config.region.clone(),
            address: config.address.clone(),
        })
    } else {
        MembershipState::joining()
    }
}
