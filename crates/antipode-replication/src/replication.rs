//! The machine: it owns what a replica knows of its group and hands each input to the part that it concerns.
//!
//! After every input it does what the new state calls for, in this order: deliver what became ready, push what became
//! durable, let transfers go on, ask for what is missing, and see to everything whose time has come. Nothing is done
//! anywhere else, so the order of outputs is a function of the inputs alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use antipode_clock::{ReplicaId, VersionVector};
use bytes::Bytes;

use crate::anti_entropy::{Chains, Gap, Report};
use crate::causal_buffer::CausalBuffer;
use crate::dial::Dials;
use crate::link::Link;
use crate::membership::{Effect, Membership};
use crate::message::{Message, Txs};
use crate::push::PushQueue;
use crate::random::Random;
use crate::record::{Head, Record};
use crate::{
    Alarm, Command, Config, EpochRef, Identity, Input, Lane, LinkId, Micros, Now, Output, ReadId,
    RecordReader, Recovered, Refusal, Refused, StateDigest, WriteGate,
};

/// An alarm is not repeated within this time.
const ALARM_PAUSE: Micros = Micros::from_ms(60_000);
/// So many different alarms are remembered for that.
const ALARMS_MAX: usize = 64;
/// The soonest that a tick is asked for.
const WAKE_PAUSE: Micros = Micros(200);

/// One replica of one group.
#[derive(Debug)]
pub struct Replication {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) reader: RecordReader,
    pub(crate) rng: Random,
    pub(crate) membership: Membership,
    /// What the committer has applied.
    pub(crate) applied: VersionVector,
    /// What was handed to it, and own transactions.
    pub(crate) released: VersionVector,
    /// What survives a power cut. Nothing else is announced.
    pub(crate) durable: VersionVector,
    /// What this replica shows at exactly `durable`, if known.
    pub(crate) digest: Option<StateDigest>,
    pub(crate) heads: BTreeMap<ReplicaId, Head>,
    pub(crate) chains: Chains,
    /// Records handed to the committer, without their bytes, and the size of each.
    pub(crate) in_flight: VecDeque<(Record, u64)>,
    pub(crate) in_flight_bytes: u64,
    /// Origins of which nothing is taken until a person says so.
    pub(crate) held: BTreeSet<ReplicaId>,
    pub(crate) buffer: CausalBuffer,
    pub(crate) push: PushQueue,
    pub(crate) links: BTreeMap<LinkId, Link>,
    pub(crate) reports: BTreeMap<ReplicaId, Report>,
    /// Peers with which nothing is exchanged after an alarm.
    pub(crate) estranged: BTreeSet<ReplicaId>,
    pub(crate) reads: BTreeMap<ReadId, LinkId>,
    pub(crate) next_read: u64,
    pub(crate) next_transfer: u64,
    pub(crate) gaps: BTreeMap<ReplicaId, Gap>,
    pub(crate) gaps_due: Option<Micros>,
    pub(crate) dials: Dials,
    /// Set by [`Input::Start`], cleared when all members have answered or this has passed.
    pub(crate) probation: Option<Micros>,
    started: bool,
    pub(crate) gate: WriteGate,
    pub(crate) digest_due: Micros,
    pub(crate) join_due: Micros,
    join_turn: usize,
    alarms: BTreeMap<String, Micros>,
    pub(crate) wake: Option<Micros>,
    /// Whether the store takes no writes at the moment.
    pub(crate) suspended: bool,
}

/// One input being handled.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) outputs: &'a mut Vec<Output>,
}

impl Replication {
    /// A replica that has recovered and handles [`Input::Start`] next. `seed` feeds its random choices; equal seeds and
    /// inputs give equal outputs.
    #[must_use]
    pub fn new(
        config: Config,
        identity: Identity,
        recovered: Recovered,
        reader: RecordReader,
        seed: u64,
    ) -> Self {
        let chains = recovered
            .heads
            .iter()
            .map(|(origin, head)| (*origin, head.chain))
            .collect();
        let me = identity.replica;
        #[cfg_attr(not(feature = "planted-bugs"), expect(unused_mut))]
        let mut buffer = CausalBuffer::new(config.buffer_records_max, config.buffer_bytes_max);
        #[cfg(feature = "planted-bugs")]
        {
            buffer.skip_dependencies = config.planted.skip_dependencies;
        }
        Self {
            config,
            identity,
            reader,
            rng: Random(seed),
            membership: Membership::new(me, recovered.membership),
            applied: recovered.vv.clone(),
            released: recovered.vv.clone(),
            durable: recovered.vv,
            digest: Some(recovered.digest),
            heads: recovered.heads,
            chains: Chains::new(chains),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            held: BTreeSet::new(),
            buffer,
            push: PushQueue::new(me),
            links: BTreeMap::new(),
            reports: BTreeMap::new(),
            estranged: BTreeSet::new(),
            reads: BTreeMap::new(),
            next_read: 0,
            next_transfer: 0,
            gaps: BTreeMap::new(),
            gaps_due: None,
            dials: Dials::default(),
            probation: None,
            started: false,
            gate: WriteGate::Open,
            digest_due: Micros(0),
            join_due: Micros(0),
            join_turn: 0,
            alarms: BTreeMap::new(),
            wake: None,
            suspended: false,
        }
    }

    /// Handles one input; what is to be done is appended to `outputs`.
    pub fn handle(&mut self, input: Input, now: Now, outputs: &mut Vec<Output>) {
        let mut turn = Turn { now, outputs };
        match input {
            Input::Start => self.start(&mut turn),
            Input::Tick => {}
            Input::Committed { records, durable } => self.committed(records, durable),
            Input::Durable { vv, digest } => self.made_durable(&vv, digest),
            Input::Delivered { vv, refused } => self.delivered(&vv, refused, &mut turn),
            Input::LogRead {
                read,
                records,
                damaged,
            } => self.on_log_read(read, records, damaged, &mut turn),
            Input::LinkUp { link, address } => self.link_up(link, address, &mut turn),
            Input::LinkDown { link } => self.link_down(link, &mut turn),
            Input::Received { link, bytes } => self.received(link, &bytes, &mut turn),
            Input::Written { link, bytes } => self.written(link, bytes, &mut turn),
            Input::Suspended => self.suspend(&mut turn),
            Input::Resumed(recovered) => self.resume(*recovered, &mut turn),
            Input::Operator(command) => self.operator(&command, &mut turn),
        }
        if self.started {
            self.settle(&mut turn);
        }
    }

    fn start(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        self.started = true;
        self.probation = Some(now.plus(self.config.probation));
        self.digest_due = now;
        self.join_due = now;
        self.end_probation_if_heard(turn);
    }

    fn committed(&mut self, records: Vec<Record>, durable: bool) {
        for record in &records {
            let dot = record.header.dot;
            self.applied.advance(dot);
            self.released.advance(dot);
            self.heads.entry(dot.replica).or_default().advance(record);
            self.chains.applied(dot, record.chain);
            if durable {
                self.durable.advance(dot);
                self.digest = None;
            }
        }
        if durable {
            self.chains.made_durable(&self.durable);
        }
        if self.gate == WriteGate::Open {
            self.push.add(records, self.config.unsent_bytes_max);
        }
    }

    fn made_durable(&mut self, vv: &VersionVector, digest: StateDigest) {
        self.note_applied(vv);
        self.digest = vv.dominates(&self.durable).then_some(digest);
        self.durable.merge(vv);
        self.chains.made_durable(&self.durable);
    }

    fn note_applied(&mut self, vv: &VersionVector) {
        self.applied.merge(vv);
        while let Some((record, size)) = self.in_flight.front() {
            let dot = record.header.dot;
            if !self.applied.covers(dot) {
                break;
            }
            self.heads.entry(dot.replica).or_default().advance(record);
            self.chains.applied(dot, record.chain);
            self.in_flight_bytes -= size;
            self.in_flight.pop_front();
        }
    }

    fn delivered(&mut self, vv: &VersionVector, refused: Vec<Refused>, turn: &mut Turn<'_>) {
        self.note_applied(vv);
        if refused.is_empty() {
            return;
        }
        self.in_flight.clear();
        self.in_flight_bytes = 0;
        self.released = self.applied.clone();
        for Refused { dot, reason } in refused {
            self.buffer.forget(dot.replica);
            if reason != Refusal::Damaged {
                self.held.insert(dot.replica);
            }
            self.alarm(Alarm::Refused { dot, reason }, turn);
        }
        self.schedule_gaps(turn.now.at);
    }

    fn received(&mut self, id: LinkId, bytes: &Bytes, turn: &mut Turn<'_>) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let peer = link.replica();
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => {
                let peer = peer.unwrap_or_default();
                let reason = format!("message: {error}");
                self.alarm(Alarm::Damaged { peer, reason }, turn);
                return;
            }
        };
        match (message, peer) {
            (Message::Hello(hello), _) => self.on_hello(id, hello, turn),
            (Message::HelloAck(ack), _) => self.on_hello_ack(id, ack, turn),
            // Adopting one has to be durable; the peer tells it again.
            (Message::Epoch(_), Some(_)) if self.suspended => {}
            (Message::Epoch(epoch), Some(peer)) => self.membership.offered(peer, epoch),
            (Message::NeedEpoch(theirs), Some(peer)) => {
                self.compare_epochs(id, peer, theirs, turn);
            }
            (Message::Digest(digest), Some(_)) => self.on_digest(id, digest, turn),
            (Message::Txs(txs), Some(_)) => self.on_txs(id, txs, turn),
            (Message::Want(want), Some(_)) => self.on_want(id, want, turn),
            (Message::Credit(credit), Some(_)) => self.on_credit(id, credit, turn),
            (Message::Alarm(text), Some(peer)) => self.alarm(Alarm::Reported { peer, text }, turn),
            (message, Some(peer)) => self.received_vote(peer, message, turn),
            (_, None) => {}
        }
    }

    /// What concerns a change of members. A replica on probation has no vote yet, one that could not keep its word gives
    /// none, and one without its log none at all.
    fn received_vote(&mut self, peer: ReplicaId, message: Message, turn: &mut Turn<'_>) {
        if self.on_probation() || self.suspended || self.gate != WriteGate::Open {
            return;
        }
        let now = turn.now.at;
        let jitter = self.rng.next();
        match message {
            Message::Join(member) if member.replica == peer => {
                self.membership
                    .asked_to_join(member, now, &self.config, jitter);
            }
            Message::Seal(seal) => {
                self.membership.seal(peer, seal, now, &self.config, jitter);
            }
            Message::Accept(accept) => self.membership.accept(peer, accept, now),
            Message::Sealed(sealed) => {
                self.heard_said(peer, sealed.said);
                self.membership.sealed(peer, sealed, now);
            }
            Message::Accepted(vote) => {
                self.heard_said(peer, vote.said);
                self.membership.accepted(peer, vote, now);
            }
            Message::Refused(vote) => {
                self.membership.refused(vote, now, &self.config, jitter);
            }
            _ => {}
        }
    }

    /// Votes count as reports: the voter must know of them after a restart.
    fn heard_said(&mut self, peer: ReplicaId, said: u64) {
        let report = self.reports.entry(peer).or_insert_with(|| Report {
            number: 0,
            vv: VersionVector::new(),
        });
        report.number = report.number.max(said);
    }

    fn written(&mut self, id: LinkId, bytes: u64, turn: &mut Turn<'_>) {
        if let Some(link) = self.links.get_mut(&id) {
            link.queued = link.queued.saturating_sub(bytes);
            link.stalled &= link.queued > self.config.queue_bytes_max / 2;
            self.serve(id, turn);
        }
    }

    fn operator(&mut self, command: &Command, turn: &mut Turn<'_>) {
        match command {
            Command::Reconcile(peer) => {
                self.estranged.remove(peer);
            }
            Command::Release(origin) => {
                self.held.remove(origin);
            }
        }
        self.alarms.clear();
        self.schedule_gaps(turn.now.at);
    }

    /// Does what the state calls for.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        if self.probation.is_some_and(|until| until <= now) {
            self.end_probation(turn);
        }
        self.deliver(turn);
        self.flush_pushes(turn);
        self.extend_credits(turn);
        self.mind_gaps(turn);
        self.greet_again(turn);
        if !self.on_probation() && !self.suspended {
            let jitter = self.rng.next();
            self.membership.tick(now, &self.config, jitter);
        }
        if self.digest_due <= now {
            self.send_digests(turn);
        }
        self.ask_to_join(turn);
        self.dial(turn);
        self.do_membership(turn);
        self.persist(turn);
        self.ask_for_wake(turn);
    }

    fn deliver(&mut self, turn: &mut Turn<'_>) {
        let busy = self.in_flight_bytes >= self.config.handed_bytes_max;
        if self.buffer.is_empty() || busy || self.suspended {
            return;
        }
        let room = self.config.handed_bytes_max - self.in_flight_bytes;
        let ready = self.buffer.release(&mut self.released, room);
        if ready.is_empty() {
            return;
        }
        for record in &ready {
            let size = record.size();
            self.in_flight_bytes += size;
            let header = record.header.clone();
            let chain = record.chain;
            let bytes = Bytes::new();
            self.in_flight.push_back((
                Record {
                    header,
                    chain,
                    bytes,
                },
                size,
            ));
        }
        turn.outputs.push(Output::Deliver(ready));
    }

    fn flush_pushes(&mut self, turn: &mut Turn<'_>) {
        if self.on_probation() || self.gate != WriteGate::Open {
            return;
        }
        let batches = self.push.take(
            &self.durable,
            turn.now.at,
            self.config.push_delay,
            self.config.push_bytes,
            self.config.live_record_bytes_max,
        );
        if batches.is_empty() {
            return;
        }
        let targets = self.data_links();
        for batch in batches {
            let txs = Txs {
                epoch: self.membership.reference(),
                vv: self.durable.clone(),
                transfer: 0,
                last: false,
                sent: 0,
                runs: vec![batch.run],
            };
            let bytes = Message::Txs(txs).encode();
            for id in &targets {
                if self.links.get(id).is_some_and(|link| !link.stalled) {
                    self.send_bytes(*id, batch.lane, bytes.clone(), turn);
                }
            }
        }
    }

    fn greet_again(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        let due: Vec<_> = self
            .links
            .values()
            .filter(|link| !link.open() && link.hello_due <= now)
            .map(|link| link.id)
            .collect();
        for id in due {
            self.greet(id, turn);
        }
    }

    /// A newcomer asks one peer after the other until it is in.
    fn ask_to_join(&mut self, turn: &mut Turn<'_>) {
        if self.membership.is_member() || self.suspended || self.join_due > turn.now.at {
            return;
        }
        self.join_due = turn.now.at.plus(self.config.retry_interval);
        let open: Vec<_> = self
            .links
            .values()
            .filter(|link| link.open())
            .map(|link| link.id)
            .collect();
        if open.is_empty() {
            return;
        }
        // Each is given a few attempts: a change takes some round trips.
        let index = (self.join_turn / 4) % open.len();
        self.join_turn += 1;
        if let Some(id) = open.get(index) {
            let join = Message::Join(self.myself());
            self.send(*id, Lane::Control, &join, turn);
        }
    }

    fn dial(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        let alone = !self.links.values().any(Link::open);
        let mut wanted = Vec::new();
        for member in self.membership.epoch().members() {
            let ours = member.replica == self.identity.replica;
            if ours || member.address.is_empty() || self.link_of(member.replica).is_some() {
                continue;
            }
            // Both sides want the link; the one with the lower id begins, or the one that has none.
            let delay = if alone || self.identity.replica < member.replica {
                Micros(0)
            } else {
                self.config
                    .connect_interval
                    .plus(self.config.connect_interval)
            };
            wanted.push((member.address.clone(), delay));
        }
        // A newcomer goes on dialling: its first peers may be newcomers themselves.
        if alone || !self.membership.is_member() {
            for seed in &self.config.seeds {
                wanted.push((seed.clone(), Micros(0)));
            }
        }
        let reached = |address: &String| {
            self.links.values().any(|link| {
                let peer = link.peer.as_ref().filter(|_| link.open());
                link.address.as_ref() == Some(address)
                    || peer.is_some_and(|peer| peer.member.address == *address)
            })
        };
        wanted.retain(|(address, _)| *address != self.identity.address && !reached(address));
        self.dials.want(&wanted, now, &self.config);
        for address in self.dials.take_due(now, &self.config) {
            turn.outputs.push(Output::Connect { address });
        }
    }

    fn do_membership(&mut self, turn: &mut Turn<'_>) {
        for effect in self.membership.take_effects() {
            match effect {
                Effect::Send(replica, message) => {
                    if let Some(id) = self.link_of(replica) {
                        self.send(id, Lane::Control, &message, turn);
                    }
                }
                Effect::Broadcast(message) => self.broadcast(&message, turn),
                Effect::Adopted => self.adopted(turn),
                Effect::Split { peer, theirs } => self.epochs_split(peer, theirs, turn),
            }
        }
    }

    fn adopted(&mut self, turn: &mut Turn<'_>) {
        self.persist(turn);
        turn.outputs
            .push(Output::EpochAdopted(self.membership.reference()));
        for link in self.links.values_mut() {
            link.serve = None;
            link.fetch = None;
            link.epoch_told = None;
        }
        self.reads.clear();
        self.end_probation_if_heard(turn);
        self.schedule_gaps(turn.now.at);
        for id in self.data_links() {
            self.mark_gaps_urgent(id);
            self.send_digest(id, turn);
        }
        self.mind_gaps(turn);
    }

    fn broadcast(&mut self, message: &Message, turn: &mut Turn<'_>) {
        let open: Vec<_> = self
            .links
            .values()
            .filter(|link| link.open())
            .map(|link| link.id)
            .collect();
        for id in open {
            self.send(id, Lane::Control, message, turn);
        }
    }

    pub(crate) fn on_probation(&self) -> bool {
        self.probation.is_some() || !self.started
    }

    /// Every other member has told us what it holds of us, so there is nothing left to hear.
    pub(crate) fn end_probation_if_heard(&mut self, turn: &mut Turn<'_>) {
        let heard = self.membership.epoch().members().iter().all(|member| {
            member.replica == self.identity.replica || self.link_of(member.replica).is_some()
        });
        if heard && self.probation.is_some() {
            self.end_probation(turn);
        }
    }

    fn end_probation(&mut self, turn: &mut Turn<'_>) {
        self.probation = None;
        for id in self.data_links() {
            self.send_digest(id, turn);
        }
    }

    /// The open link to a replica: the newest, should there be several.
    pub(crate) fn link_of(&self, replica: ReplicaId) -> Option<LinkId> {
        self.links
            .values()
            .rev()
            .find(|link| link.open() && link.replica() == Some(replica))
            .map(|link| link.id)
    }

    /// The peer behind a link, if data may pass between it and us.
    pub(crate) fn data_peer(&self, id: LinkId) -> Option<ReplicaId> {
        let link = self.links.get(&id).filter(|link| link.open())?;
        let peer = link.replica()?;
        let members = self.membership.epoch();
        let both = members.has_member(peer) && self.membership.is_member();
        (both && !self.estranged.contains(&peer)).then_some(peer)
    }

    /// One link to each peer with which data may pass.
    pub(crate) fn data_links(&self) -> Vec<LinkId> {
        self.links
            .keys()
            .copied()
            .filter(|id| {
                self.data_peer(*id)
                    .is_some_and(|peer| self.link_of(peer) == Some(*id))
            })
            .collect()
    }

    /// Judges a message about data: only from a member, only within one epoch.
    pub(crate) fn admit(
        &mut self,
        id: LinkId,
        epoch: EpochRef,
        turn: &mut Turn<'_>,
    ) -> Option<ReplicaId> {
        let link = self.links.get(&id).filter(|link| link.open())?;
        let peer = link.replica()?;
        if !self.compare_epochs(id, peer, epoch, turn) {
            return None;
        }
        self.data_peer(id)
    }

    /// Raises an alarm and exchanges nothing with the peer from now on.
    pub(crate) fn estrange(&mut self, peer: ReplicaId, alarm: Alarm, turn: &mut Turn<'_>) {
        if !self.estranged.insert(peer) {
            return;
        }
        if let Some(id) = self.link_of(peer) {
            self.send(id, Lane::Control, &Message::Alarm(alarm.to_string()), turn);
        }
        self.alarm(alarm, turn);
    }

    pub(crate) fn epochs_split(&mut self, peer: ReplicaId, theirs: EpochRef, turn: &mut Turn<'_>) {
        let alarm = Alarm::EpochSplit {
            peer,
            number: theirs.number,
            ours: self.membership.reference().hash,
            theirs: theirs.hash,
        };
        self.estrange(peer, alarm, turn);
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        let text = alarm.to_string();
        if self.alarms.contains_key(&text) {
            return;
        }
        if self.alarms.len() >= ALARMS_MAX {
            return;
        }
        self.alarms.insert(text, now);
        turn.outputs.push(Output::Alarm(alarm));
    }

    /// Hands out the membership state if it has changed: nothing may be said before it is durable.
    fn persist(&mut self, turn: &mut Turn<'_>) {
        if self.suspended {
            return;
        }
        if let Some(state) = self.membership.take_unsaved() {
            turn.outputs.push(Output::Persist(state));
        }
    }

    pub(crate) fn send(&mut self, id: LinkId, lane: Lane, message: &Message, turn: &mut Turn<'_>) {
        self.send_bytes(id, lane, message.encode(), turn);
    }

    fn send_bytes(&mut self, id: LinkId, lane: Lane, bytes: Bytes, turn: &mut Turn<'_>) {
        self.persist(turn);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.queued += bytes.len() as u64;
        link.stalled |= link.queued > self.config.queue_bytes_max;
        turn.outputs.push(Output::Send {
            link: id,
            lane,
            bytes,
        });
    }

    /// Asks for the next tick, if it is another than was asked for.
    fn ask_for_wake(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now.at;
        self.alarms
            .retain(|_, raised| now.since(*raised) < ALARM_PAUSE);
        let hello = self
            .links
            .values()
            .filter(|link| !link.open())
            .map(|link| link.hello_due)
            .min();
        let join = (!self.membership.is_member() && !self.suspended).then_some(self.join_due);
        let membership = match self.on_probation() || self.suspended {
            true => None,
            false => self.membership.due(&self.config),
        };
        let next = [
            Some(self.digest_due),
            self.probation,
            self.push.due(),
            self.gaps_due,
            self.fetch_due(),
            self.dials.next(),
            hello,
            join,
            membership,
        ]
        .into_iter()
        .flatten()
        .min();
        let Some(next) = next.map(|next| next.max(now.plus(WAKE_PAUSE))) else {
            return;
        };
        if self.wake.is_none_or(|wake| wake <= now || wake > next) {
            self.wake = Some(next);
            turn.outputs.push(Output::Wake(next));
        }
    }
}
