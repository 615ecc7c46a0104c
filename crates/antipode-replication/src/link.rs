//! One connection to a peer: `down → hello → open`.
//!
//! Nothing but greetings and epochs passes before both Hellos were judged. A Hello says who its sender is; the answer
//! says what the answerer holds of the greeter's log, and the *greeter* judges that with what it has then. So a node
//! whose disk is an old image, a copy, or has lost what it had confirmed finds out from the first peer that knows more,
//! before it has sent anything of its own.

use std::collections::VecDeque;

use antipode_clock::{ReplicaId, VersionVector};

use crate::anti_entropy::{Fetch, Serve};
use crate::message::{Hello, HelloAck, Message, PROTOCOL};
use crate::replication::{Replication, Turn};
use crate::state::{Epoch, Member};
use crate::{Alarm, Head, Lane, LinkId, Micros, Output, WriteGate};

/// How many round trips are remembered for the estimate of a peer's clock.
const CLOCK_SAMPLES_MAX: usize = 9;

/// What is known of a connection and of the peer behind it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// What was dialled.
    pub(crate) address: Option<String>,
    /// Who is there, once its Hello was judged.
    pub(crate) peer: Option<Peer>,
    /// Whether it has answered our Hello, and we have judged the answer.
    pub(crate) acked: bool,
    /// When our Hello is repeated.
    pub(crate) hello_due: Micros,
    /// The newest durable vector that it announced.
    pub(crate) vv: VersionVector,
    /// Bytes given to the transport and not yet written.
    pub(crate) queued: u64,
    /// Whether the queue passed its bound and has not drained to half since.
    pub(crate) stalled: bool,
    pub(crate) clock: ClockSamples,
    /// When it was last told of our epoch.
    pub(crate) epoch_told: Option<Micros>,
    /// What it is being sent from the log.
    pub(crate) serve: Option<Serve>,
    /// What it was asked for.
    pub(crate) fetch: Option<Fetch>,
    /// Not to be asked before this, unless there is nobody else.
    pub(crate) avoid_until: Micros,
}

#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) member: Member,
    pub(crate) boot: u64,
}

impl Link {
    fn new(id: LinkId, address: Option<String>, now: Micros) -> Self {
        Self {
            id,
            address,
            peer: None,
            acked: false,
            hello_due: now,
            vv: VersionVector::new(),
            queued: 0,
            stalled: false,
            clock: ClockSamples::default(),
            epoch_told: None,
            serve: None,
            fetch: None,
            avoid_until: Micros(0),
        }
    }

    /// Whether both Hellos were judged.
    pub(crate) fn open(&self) -> bool {
        self.peer.is_some() && self.acked
    }

    pub(crate) fn replica(&self) -> Option<ReplicaId> {
        self.peer.as_ref().map(|peer| peer.member.replica)
    }
}

/// Round trips to a peer and the offset of its clock, from Hellos and their answers.
#[derive(Debug, Default)]
pub(crate) struct ClockSamples {
    offsets_ms: VecDeque<i64>,
    round_trip: Option<Micros>,
}

impl ClockSamples {
    fn add(&mut self, round_trip: Micros, theirs_ms: u64, ours_ms: u64) {
        self.round_trip = Some(
            self.round_trip
                .map_or(round_trip, |best| best.min(round_trip)),
        );
        let midpoint = ours_ms.saturating_sub(round_trip.ms() / 2);
        self.offsets_ms.push_back(
            theirs_ms
                .cast_signed()
                .saturating_sub(midpoint.cast_signed()),
        );
        if self.offsets_ms.len() > CLOCK_SAMPLES_MAX {
            self.offsets_ms.pop_front();
        }
    }

    /// Shortest round trip.
    pub(crate) fn round_trip(&self) -> Option<Micros> {
        self.round_trip
    }

    /// How far the peer's wall clock is ahead of ours, in milliseconds: the median of the round trips' midpoints.
    pub(crate) fn offset_ms(&self) -> Option<i64> {
        let mut offsets: Vec<_> = self.offsets_ms.iter().copied().collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }
}

impl Replication {
    pub(crate) fn link_up(&mut self, id: LinkId, address: Option<String>, turn: &mut Turn<'_>) {
        self.links.insert(id, Link::new(id, address, turn.now.at));
        self.greet(id, turn);
    }

    pub(crate) fn link_down(&mut self, id: LinkId, turn: &mut Turn<'_>) {
        let Some(link) = self.links.remove(&id) else {
            return;
        };
        if let Some(address) = &link.address {
            self.dials.failed(address, turn.now.at, &self.config);
        }
        self.reads.retain(|_, reader| *reader != id);
        self.schedule_gaps(turn.now.at);
    }

    pub(crate) fn greet(&mut self, id: LinkId, turn: &mut Turn<'_>) {
        let hello = Hello {
            protocol: PROTOCOL,
            cluster: self.identity.cluster,
            member: self.myself(),
            boot: self.identity.boot,
            vv: self.durable.clone(),
            said: self.membership.said(),
            epoch: self.membership.reference(),
            sent: turn.now.at.0,
            on_probation: self.on_probation(),
        };
        if let Some(link) = self.links.get_mut(&id) {
            link.hello_due = turn.now.at.plus(self.config.retry_interval);
        }
        self.send(id, Lane::Control, &Message::Hello(hello), turn);
    }

    /// This replica as a member.
    pub(crate) fn myself(&self) -> Member {
        Member {
            replica: self.identity.replica,
            node: self.identity.node.clone(),
            region: self.identity.region.clone(),
            address: self.identity.address.clone(),
        }
    }

    pub(crate) fn on_hello(&mut self, id: LinkId, hello: Hello, turn: &mut Turn<'_>) {
        if let Some(reason) = self.turn_away(&hello) {
            if let Some(reason) = reason {
                let node = hello.member.node;
                self.alarm(Alarm::TurnedAway { node, reason }, turn);
            }
            turn.outputs.push(Output::Disconnect { link: id });
            self.link_down(id, turn);
            return;
        }
        let replica = hello.member.replica;
        if replica == self.identity.replica {
            self.on_clone(&hello, turn);
            turn.outputs.push(Output::Disconnect { link: id });
            self.link_down(id, turn);
            return;
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let peer = Peer {
            boot: hello.boot,
            member: hello.member,
        };
        let was_open = link.open();
        let restarted = link
            .peer
            .as_ref()
            .is_some_and(|before| before.boot != peer.boot || before.member.replica != replica);
        if restarted {
            // The same link with another process behind it: everything agreed with the one before is void.
            let address = link.address.take();
            let queued = link.queued;
            *link = Link::new(id, address, turn.now.at);
            link.queued = queued;
        }
        link.peer = Some(peer);
        link.vv.merge(&hello.vv);
        let opened = link.open() && !was_open;
        self.answer(id, replica, hello.boot, hello.sent, turn);
        self.compare_epochs(id, replica, hello.epoch, turn);
        if restarted {
            self.greet(id, turn);
        }
        if opened {
            self.on_open(id, turn);
        }
    }

    /// `Some` if the peer is not one to talk to, with the reason if a person should know it.
    fn turn_away(&self, hello: &Hello) -> Option<Option<String>> {
        if hello.cluster != self.identity.cluster {
            return Some(Some("it belongs to another cluster".to_owned()));
        }
        let (lowest, highest) = hello.protocol;
        if lowest > PROTOCOL.1 || highest < PROTOCOL.0 {
            return Some(Some(format!(
                "it speaks protocol {lowest} to {highest}, we speak {} to {}",
                PROTOCOL.0, PROTOCOL.1
            )));
        }
        let myself =
            hello.member.replica == self.identity.replica && hello.boot == self.identity.boot;
        myself.then_some(None)
    }

    /// Another process has our id: the one that has just started yields, if both have the one with the higher boot.
    fn on_clone(&mut self, hello: &Hello, turn: &mut Turn<'_>) {
        let replica = hello.member.replica;
        self.alarm(Alarm::Clone { replica }, turn);
        let yields = match (self.on_probation(), hello.on_probation) {
            (true, false) => true,
            (false, true) => false,
            _ => self.identity.boot > hello.boot,
        };
        if yields {
            let theirs = hello.vv.get(replica);
            self.own_log_lost(replica, theirs, "another node runs under our id", turn);
        }
    }

    fn answer(
        &mut self,
        id: LinkId,
        replica: ReplicaId,
        boot: u64,
        sent: u64,
        turn: &mut Turn<'_>,
    ) {
        let ack = HelloAck {
            replica,
            boot,
            sent,
            wall_ms: turn.now.wall_ms,
            held: self.heads.get(&replica).cloned().unwrap_or_default(),
            said: self.reports.get(&replica).map_or(0, |report| report.number),
        };
        self.send(id, Lane::Control, &Message::HelloAck(ack), turn);
    }

    pub(crate) fn on_hello_ack(&mut self, id: LinkId, ack: HelloAck, turn: &mut Turn<'_>) {
        if ack.replica != self.identity.replica || ack.boot != self.identity.boot {
            return;
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let round_trip = turn.now.at.since(Micros(ack.sent));
        link.clock.add(round_trip, ack.wall_ms, turn.now.wall_ms);
        let was_open = link.open();
        link.acked = true;
        let opened = link.open() && !was_open;
        let peer = link.replica().unwrap_or_default();
        self.judge(peer, &ack.held, ack.said, turn);
        if opened {
            self.on_open(id, turn);
        }
    }

    /// Compares what a peer holds of our own log with what we hold of it now.
    fn judge(&mut self, peer: ReplicaId, held: &Head, said: u64, turn: &mut Turn<'_>) {
        let mine = self.heads.get(&self.identity.replica);
        let mine = mine.cloned().unwrap_or_default();
        let boots_differ = held.boots.iter().any(|(boot, last)| {
            match mine.boots.iter().find(|(known, _)| known == boot) {
                Some((_, our_last)) => our_last < last,
                None => mine.boots.len() < Head::BOOTS_MAX,
            }
        });
        let reason = if held.seq > mine.seq {
            "it has later records"
        } else if held.seq == mine.seq && held.chain != mine.chain {
            "its last record is another"
        } else if said > self.membership.said() {
            "it has a later report of us"
        } else if boots_differ {
            "it knows of a start that we do not"
        } else {
            return;
        };
        self.own_log_lost(peer, held.seq, reason, turn);
    }

    /// This disk does not have what was confirmed under its id: not one more transaction may be numbered.
    pub(crate) fn own_log_lost(
        &mut self,
        peer: ReplicaId,
        theirs: u64,
        reason: &'static str,
        turn: &mut Turn<'_>,
    ) {
        if self.gate == WriteGate::OwnLogLost {
            return;
        }
        self.gate = WriteGate::OwnLogLost;
        self.push.clear();
        turn.outputs.push(Output::Writes(self.gate));
        let ours = self.applied.get(self.identity.replica);
        self.alarm(
            Alarm::OwnLogLost {
                peer,
                ours,
                theirs,
                reason,
            },
            turn,
        );
    }

    fn on_open(&mut self, id: LinkId, turn: &mut Turn<'_>) {
        if let Some(address) = self.links.get(&id).and_then(|link| link.address.clone()) {
            self.dials.succeeded(&address);
        }
        self.end_probation_if_heard(turn);
        self.mark_gaps_urgent(id);
        self.schedule_gaps(turn.now.at);
        if !self.membership.is_member() {
            self.join_due = turn.now.at;
        }
        self.send_digest(id, turn);
    }

    /// Sends our epoch, at most every so often: a peer that is behind says so with each of its messages.
    pub(crate) fn tell_epoch(&mut self, id: LinkId, message: &Message, turn: &mut Turn<'_>) {
        const PAUSE: Micros = Micros::from_ms(100);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let told = link.epoch_told;
        if told.is_none_or(|told| turn.now.at.since(told) >= PAUSE) {
            link.epoch_told = Some(turn.now.at);
            self.send(id, Lane::Control, message, turn);
        }
    }

    /// Brings two replicas to the same epoch; true if they are there already.
    pub(crate) fn compare_epochs(
        &mut self,
        id: LinkId,
        peer: ReplicaId,
        theirs: crate::EpochRef,
        turn: &mut Turn<'_>,
    ) -> bool {
        let mine = self.membership.reference();
        if theirs == mine {
            return true;
        }
        match theirs.number.cmp(&mine.number) {
            std::cmp::Ordering::Less => {
                let epoch: Epoch = self.membership.epoch().clone();
                self.tell_epoch(id, &Message::Epoch(epoch), turn);
            }
            std::cmp::Ordering::Greater => self.tell_epoch(id, &Message::NeedEpoch(mine), turn),
            std::cmp::Ordering::Equal => self.epochs_split(peer, theirs, turn),
        }
        false
    }
}
