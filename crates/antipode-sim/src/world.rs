//! The run of one seed: a queue of events in virtual time, and what each of them does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use antipode_engine::{
    CommitReply, CommitRequest, Durability, Flight, NodeInput, NodeOutput, RequestId,
};
use antipode_replication::{Input, Lane, LinkId, Micros};
use antipode_store::Written;
use antipode_store::memory::Faults as DiskFaults;
use bytes::Bytes;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::check::index;
use crate::check::ledger::Ledger;
use crate::check::view::View;
use crate::host::{Asked, Host, passes};
use crate::network::Network;
use crate::plan::Plan;
use crate::random::Random;
use crate::workload::{Effect, Expected, Kind, operation, reindex};

mod fault;
mod look;

/// After the heal every node must be at the same state within this.
const HEAL_MAX: Micros = Micros::from_ms(90_000);
/// How often bounds are looked at, and convergence after the heal.
const LOOK_PAUSE: Micros = Micros::from_ms(500);
/// So many operations in a hundred make or drop an index instead.
const INDEX_PERCENT: u64 = 4;
/// A run whose events outnumber this goes in circles.
const EVENTS_MAX: u64 = 3_000_000;

/// A check that failed.
#[derive(Clone, Debug, Error)]
#[error("seed {seed}, at {at_ms} ms, {host}: {what}")]
pub struct Failure {
    /// The run.
    pub seed: u64,
    /// Virtual time.
    pub at_ms: u64,
    /// Where it was noticed.
    pub host: String,
    /// What is wrong.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Covers every event in its order, and the end state.
    pub fingerprint: u64,
    /// Events handled.
    pub events: u64,
    /// Virtual time that passed, in milliseconds.
    pub virtual_ms: u64,
    /// Transactions in the log in the end.
    pub transactions: u64,
    /// Transactions applied, over all nodes.
    pub applied: u64,
    /// Different vectors at which nodes stood.
    pub states: u64,
    /// Faults that fired.
    pub faults: u64,
    /// Process starts after the first.
    pub restarts: u64,
    /// Transactions that a crash lost; none of them was acknowledged at `disk`.
    pub lost: u64,
}

enum Event {
    Arrive {
        link: LinkId,
        bytes: Bytes,
    },
    Written {
        link: LinkId,
        bytes: u64,
    },
    Dialled {
        from: usize,
        start: u64,
        to: usize,
    },
    LinkDown {
        host: usize,
        start: u64,
        link: LinkId,
    },
    /// The store gets a batch.
    Fly {
        host: usize,
        start: u64,
        flight: Box<Flight>,
    },
    Synced {
        host: usize,
        start: u64,
        ticket: u64,
    },
    Operation,
    Fault,
    HealPair {
        a: usize,
        b: usize,
    },
    Cut {
        a: usize,
        b: usize,
    },
    HealAll,
    Start {
        host: usize,
    },
    Fall {
        host: usize,
    },
    DiskWell {
        host: usize,
    },
    Look,
}

/// A cluster and its surroundings.
pub struct World {
    plan: Plan,
    dice: Random,
    now: Micros,
    hosts: Vec<Host>,
    network: Network,
    queue: BinaryHeap<Reverse<(Micros, u64)>>,
    events: BTreeMap<u64, Event>,
    scheduled: u64,
    ledger: Ledger,
    expected: Expected,
    operations: u64,
    report: Report,
    healing: bool,
}

type Checked = Result<(), (usize, String)>;

impl World {
    /// The world of a plan, before anything has happened.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let mut dice = Random::new(plan.seed ^ 0x51b0_55e5);
        let network = Network::new(&plan, &mut dice);
        let mut hosts = Vec::new();
        for index in 0..plan.nodes {
            let mut host = Host::new(index, &plan.replication, &mut dice);
            host.skew_ms = dice.skew(plan.skew_ms);
            #[cfg(feature = "planted-bugs")]
            host.disk
                .accept_torn_batches(plan.bug == Some(crate::PlantedBug::AcceptTornTail));
            hosts.push(host);
        }
        Self {
            plan,
            dice,
            now: Micros(0),
            hosts,
            network,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            scheduled: 0,
            ledger: Ledger::default(),
            expected: Expected::default(),
            operations: 0,
            report: Report::default(),
            healing: false,
        }
    }

    /// Lives through the run.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn run(mut self) -> Result<Report, Failure> {
        #[cfg(feature = "planted-bugs")]
        antipode_engine::planted::plant(match self.plan.bug {
            Some(crate::PlantedBug::Engine(bug)) => Some(bug),
            _ => None,
        });
        match self.live() {
            Ok(()) => Ok(self.report),
            Err((host, what)) => Err(Failure {
                seed: self.plan.seed,
                at_ms: self.now.ms(),
                host: format!("node-{host}"),
                what,
            }),
        }
    }

    fn live(&mut self) -> Checked {
        for host in 0..self.hosts.len() {
            let later = self.dice.below(400);
            self.after(Micros::from_ms(later), Event::Start { host });
        }
        self.after(Micros::from_ms(200), Event::Operation);
        let pause = self.pause(self.plan.fault_pause);
        self.after(pause, Event::Fault);
        self.after(LOOK_PAUSE, Event::Look);
        if let Some((host, from, until)) = self.plan.absence {
            self.at(from, Event::Fall { host });
            self.at(until, Event::Start { host });
        }
        self.run_until(self.plan.chaos)?;
        self.heal()?;
        let end = self.now.plus(HEAL_MAX);
        while !self.converged() {
            if self.now >= end {
                return Err((0, format!("no convergence: {}", self.where_all_stand())));
            }
            self.run_until(self.now.plus(LOOK_PAUSE))?;
        }
        self.look_at_the_end()
    }

    fn after(&mut self, pause: Micros, event: Event) {
        self.at(self.now.plus(pause), event);
    }

    fn at(&mut self, at: Micros, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse((at, self.scheduled)));
        self.events.insert(self.scheduled, event);
    }

    fn pause(&mut self, average: Micros) -> Micros {
        Micros(average.0 / 2 + self.dice.below(average.0.max(1)))
    }

    fn run_until(&mut self, end: Micros) -> Checked {
        loop {
            let event = self.queue.peek().map(|Reverse((at, _))| *at);
            let wakes = self.hosts.iter().enumerate();
            let wake = wakes
                .filter_map(|(index, host)| host.wake.map(|at| (at, index)))
                .min();
            let death = self.network.next_death();
            let times = [event, wake.map(|(at, _)| at), death.map(|(at, _)| at)];
            let Some(at) = times.into_iter().flatten().min().filter(|at| *at <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = self.now.max(at);
            self.report.events += 1;
            if self.report.events > EVENTS_MAX {
                return Err((0, "the run goes in circles".to_owned()));
            }
            if event == Some(at) {
                if let Some(Reverse((_, number))) = self.queue.pop()
                    && let Some(event) = self.events.remove(&number)
                {
                    self.happen(event)?;
                }
            } else if let Some((_, index)) = wake.filter(|(due, _)| *due == at) {
                if let Some(host) = self.hosts.get_mut(index) {
                    host.wake = None;
                }
                self.step(index, vec![NodeInput::Tick])?;
            } else if let Some((_, link)) = death {
                self.close(link)?;
            }
        }
    }

    fn happen(&mut self, event: Event) -> Checked {
        match event {
            Event::Arrive { link, bytes } => {
                if let Some(host) = self.network.end(link).map(|end| end.host) {
                    self.tell(host, Input::Received { link, bytes })?;
                }
            }
            Event::Written { link, bytes } => {
                if let Some(host) = self.network.end(link).map(|end| end.host) {
                    self.tell(host, Input::Written { link, bytes })?;
                }
            }
            Event::Dialled { from, start, to } => self.dialled(from, start, to)?,
            Event::LinkDown { host, start, link } => {
                if self.runs(host, start) {
                    self.tell(host, Input::LinkDown { link })?;
                }
            }
            Event::Fly {
                host,
                start,
                flight,
            } => {
                if self.runs(host, start) {
                    self.step(host, vec![NodeInput::Landed(flight.land())])?;
                }
            }
            Event::Synced {
                host,
                start,
                ticket,
            } => self.synced(host, start, ticket)?,
            Event::Operation => self.operation()?,
            Event::Fault => self.fault()?,
            Event::HealPair { a, b } => self.network.heal_pair(a, b),
            Event::Cut { a, b } => {
                for link in self.network.links_of(a) {
                    if self.network.end(link).is_some_and(|end| end.peer == b) {
                        self.close(link)?;
                    }
                }
            }
            Event::HealAll => self.network.heal(),
            Event::Start { host } => self.start(host)?,
            Event::Fall { host } => self.crash(host, true)?,
            Event::DiskWell { host } => self.hosts[host].disk.set_faults(DiskFaults::default()),
            Event::Look => {
                self.look_at_bounds()?;
                self.after(LOOK_PAUSE, Event::Look);
            }
        }
        Ok(())
    }

    fn runs(&self, host: usize, start: u64) -> bool {
        self.hosts[host].start == start && self.hosts[host].node.is_some()
    }

    fn tell(&mut self, host: usize, input: Input) -> Checked {
        self.step(host, vec![NodeInput::Replication(input)])
    }

    /// Hands inputs to a node and carries out what it asks for.
    fn step(&mut self, index: usize, mut inputs: Vec<NodeInput>) -> Checked {
        while !inputs.is_empty() {
            let now = self.hosts[index].now(self.now);
            let Some(node) = self.hosts[index].node.as_mut() else {
                return Ok(());
            };
            let mut outputs = Vec::new();
            node.step(std::mem::take(&mut inputs), now, &mut |output| {
                outputs.push(output)
            });
            let mut moved = false;
            for output in outputs {
                match output {
                    NodeOutput::Send { link, lane, bytes } => {
                        inputs.extend(self.send(index, link, lane, bytes));
                    }
                    NodeOutput::Visible => moved = true,
                    NodeOutput::Write(flight) => inputs.extend(self.fly(index, flight)),
                    output => self.carry_out(index, output)?,
                }
            }
            if moved {
                self.check_moves(index)?;
            }
        }
        Ok(())
    }

    /// Writes a batch, at once or somewhat later.
    fn fly(&mut self, index: usize, flight: Box<Flight>) -> Option<NodeInput> {
        if self.dice.chance(50) {
            return Some(NodeInput::Landed(flight.land()));
        }
        let pause = Micros(self.dice.below(self.plan.sync_delay.0 + 1));
        let fly = Event::Fly {
            host: index,
            start: self.hosts[index].start,
            flight,
        };
        self.after(pause, fly);
        None
    }

    /// Gives a message to the network. What left the queue at once is reported at once.
    fn send(&mut self, index: usize, link: LinkId, lane: Lane, bytes: Bytes) -> Option<NodeInput> {
        self.fold(index, &bytes);
        let len = bytes.len() as u64;
        let now = self.now;
        let (network, plan, dice) = (&mut self.network, &self.plan, &mut self.dice);
        let passage = network.send(link, lane, bytes.len(), now, plan, dice)?;
        let peer_link = self.network.end(link)?.peer_link;
        for at in passage.arrivals {
            let bytes = bytes.clone();
            self.at(
                at,
                Event::Arrive {
                    link: peer_link,
                    bytes,
                },
            );
        }
        if passage.written > now {
            self.at(passage.written, Event::Written { link, bytes: len });
            return None;
        }
        Some(NodeInput::Replication(Input::Written { link, bytes: len }))
    }

    fn fold(&mut self, index: usize, bytes: &[u8]) {
        let seed = self.report.fingerprint ^ self.now.0.rotate_left(8) ^ index as u64;
        self.report.fingerprint = xxh3_64_with_seed(bytes, seed);
    }

    fn carry_out(&mut self, index: usize, output: NodeOutput) -> Checked {
        let start = self.hosts[index].start;
        match output {
            NodeOutput::Reply { request, reply } => self.replied(index, request, reply),
            NodeOutput::Sync { ticket } => {
                let pause = Micros(self.dice.below(self.plan.sync_delay.0 + 1));
                let host = index;
                self.after(
                    pause,
                    Event::Synced {
                        host,
                        start,
                        ticket,
                    },
                );
            }
            NodeOutput::Connect { address } => {
                let to = self.hosts.iter().position(|host| host.name == address);
                if let Some(to) = to {
                    let trip = Micros(2 * self.network.delay(index, to).0);
                    let from = index;
                    self.after(trip, Event::Dialled { from, start, to });
                }
            }
            NodeOutput::Disconnect { link } => self.close(link)?,
            NodeOutput::Alarm(alarm) => return Err((index, format!("alarm: {alarm}"))),
            NodeOutput::WritesResumed => self.came_back(index, true)?,
            NodeOutput::Wake(at) => self.hosts[index].wake = Some(at),
            NodeOutput::Send { .. }
            | NodeOutput::Visible
            | NodeOutput::Write(_)
            | NodeOutput::WritesStopped { .. } => {}
        }
        Ok(())
    }

    /// Checks what a node has applied since it was last looked at.
    fn check_moves(&mut self, index: usize) -> Checked {
        let host = &mut self.hosts[index];
        let Some(node) = &host.node else {
            return Ok(());
        };
        let status = node.status();
        let shared = node.shared();
        let vv = shared.vector();
        let failed = |what| (index, what);
        let before = std::mem::replace(&mut host.checked, (*vv).clone());
        self.ledger
            .applied(index, &shared, &before, &vv)
            .map_err(failed)?;
        // After a write that failed the committer is ahead of what readers see, until it has recovered.
        if status.vv == *vv {
            self.ledger.shows(&vv, status.digest.0).map_err(failed)?;
        }
        let digest = status.digest.0.to_le_bytes();
        self.fold(index, &digest);
        Ok(())
    }

    fn replied(&mut self, index: usize, request: RequestId, reply: CommitReply) {
        let Some(asked) = self.hosts[index].asked.remove(&request) else {
            return;
        };
        match reply {
            Ok(committed) => {
                let dot = committed.dot;
                self.hosts[index].acked_any = self.hosts[index].acked_any.max(dot.seq);
                if asked.disk {
                    self.ledger.acked(dot);
                }
                let stamped = asked.effects.into_iter();
                let done = stamped.map(|(at, effect)| (committed.stamp.plus(at), effect));
                self.expected.done.insert(dot, done.collect());
            }
            Err(error) if error.written() == Written::Unknown => {
                let effects = asked.effects.into_iter().map(|(_, effect)| effect);
                self.expected.perhaps.extend(effects);
            }
            Err(_) => {}
        }
    }

    fn synced(&mut self, host: usize, start: u64, ticket: u64) -> Checked {
        if !self.runs(host, start) {
            return Ok(());
        }
        let Some(node) = &self.hosts[host].node else {
            return Ok(());
        };
        let input = match node.shared().storage().sync() {
            Ok(()) => NodeInput::Synced { ticket },
            Err(error) => NodeInput::SyncFailed { ticket, error },
        };
        self.step(host, vec![input])
    }

    fn dialled(&mut self, from: usize, start: u64, to: usize) -> Checked {
        let reached = self.network.connected(from, to);
        if from == to || !reached || !self.runs(from, start) || self.hosts[to].node.is_none() {
            return Ok(());
        }
        let (here, there) = self.network.connect(from, to);
        let address = Some(self.hosts[to].name.clone());
        self.tell(
            from,
            Input::LinkUp {
                link: here,
                address,
            },
        )?;
        self.tell(
            to,
            Input::LinkUp {
                link: there,
                address: None,
            },
        )
    }

    fn close(&mut self, link: LinkId) -> Checked {
        for (host, link) in self.network.close(link).into_iter().flatten() {
            self.after(
                Micros(0),
                Event::LinkDown {
                    host,
                    start: self.hosts[host].start,
                    link,
                },
            );
        }
        Ok(())
    }

    /// Starts a node, for the first time or after a crash, and compares what it has kept.
    fn start(&mut self, index: usize) -> Checked {
        if self.hosts[index].node.is_some() {
            return Ok(());
        }
        if self.hosts[index].start > 0 {
            self.report.restarts += 1;
        }
        if self.plan.skew_ms > 0 && self.dice.chance(40) {
            self.hosts[index].skew_ms = self.dice.skew(3 * self.plan.skew_ms);
        }
        match self.hosts[index].open(&mut self.dice) {
            Ok(()) => {}
            Err(error) if passes(&error) => {
                self.after(Micros::from_ms(500), Event::Start { host: index });
                return Ok(());
            }
            Err(error) => return Err((index, format!("does not start: {error}"))),
        }
        self.came_back(index, false)?;
        self.step(index, vec![NodeInput::Tick])
    }

    fn came_back(&mut self, index: usize, disk_failed: bool) -> Checked {
        let host = &mut self.hosts[index];
        let Some(node) = &host.node else {
            return Ok(());
        };
        let status = node.status();
        host.replica = node.replica();
        host.checked = status.vv.clone();
        let failed = |what| (index, what);
        let lost = self
            .ledger
            .came_back(index, host.replica, &status.vv)
            .map_err(failed)?;
        host.acked_any = if disk_failed {
            host.acked_any.min(status.vv.get(host.replica))
        } else {
            host.acked_any
        };
        if host.acked_any > status.vv.get(host.replica) {
            let what = format!(
                "{} was acknowledged at memory and is lost by a crash of the process",
                host.acked_any
            );
            return Err((index, what));
        }
        self.report.lost += lost.len() as u64;
        for dot in lost {
            self.expected.done.remove(&dot);
        }
        self.ledger
            .shows(&status.vv, status.digest.0)
            .map_err(failed)?;
        self.check_index(index)
    }

    fn check_index(&mut self, index: usize) -> Checked {
        let Some(node) = &self.hosts[index].node else {
            return Ok(());
        };
        let failed = |what| (index, what);
        match View::of(&node.shared()) {
            Ok(view) => index::check(&view).map_err(failed),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn crash(&mut self, index: usize, power: bool) -> Checked {
        if self.hosts[index].node.is_none() {
            return Ok(());
        }
        self.report.faults += 1;
        for link in self.network.links_of(index) {
            let ends = self.network.close(link).into_iter().flatten();
            for (host, link) in ends.filter(|(host, _)| *host != index) {
                // A process that dies says goodbye; a machine without power does not.
                let notice = if power { 3_000 } else { 0 };
                let start = self.hosts[host].start;
                self.after(
                    Micros::from_ms(notice),
                    Event::LinkDown { host, start, link },
                );
            }
        }
        let host = &mut self.hosts[index];
        host.crash(power, &mut self.dice);
        if power {
            host.acked_any = 0;
        }
        for (_, asked) in std::mem::take(&mut host.asked) {
            let effects = asked.effects.into_iter().map(|(_, effect)| effect);
            self.expected.perhaps.extend(effects);
        }
        Ok(())
    }

    fn operation(&mut self) -> Checked {
        if self.healing {
            return Ok(());
        }
        let pause = self.pause(self.plan.operation_pause);
        self.after(pause, Event::Operation);
        let index = self.dice.index(self.hosts.len());
        let kind = self.dice.pick(&self.plan.work).unwrap_or(Kind::Counters);
        let Some(node) = &self.hosts[index].node else {
            return Ok(());
        };
        let shared = node.shared();
        let Ok(view) = View::of(&shared) else {
            return Ok(());
        };
        let count = if self.dice.chance(20) { 3 } else { 1 };
        let now_ms = self.hosts[index].now(self.now).wall_ms;
        let mut operations = Vec::new();
        let mut effects = Vec::new();
        let mut touched = BTreeSet::new();
        for _ in 0..count {
            self.operations += 1;
            let (plan, number, dice) = (&self.plan, self.operations, &mut self.dice);
            let next = operation(kind, &view, &mut touched, (plan, now_ms), number, dice);
            if let Some((next, effect)) = next {
                let position = operations.len() as u64;
                operations.push(next);
                effects.extend(effect.map(|effect| (position, effect)));
            }
        }
        let disk = !self.dice.chance(self.plan.memory_percent);
        let durability = if disk {
            Durability::Disk
        } else {
            Durability::Memory
        };
        let id = RequestId(self.operations);
        let schema = if operations.is_empty() {
            Some(kind.setup())
        } else if self.dice.chance(INDEX_PERCENT) {
            reindex(kind, &view, &mut self.dice)
        } else {
            None
        };
        let request = if let Some(schema) = schema {
            effects.clear();
            let change = schema.begin(&shared, now_ms);
            change
                .ok()
                .and_then(|change| change.into_request(id, durability, false))
                .map(|(request, _)| request)
        } else {
            Some(CommitRequest {
                id,
                durability,
                operations,
                return_documents: false,
            })
        };
        drop(view);
        if let Some(request) = request {
            self.ask(index, request, effects, disk)?;
            self.crash_at_once(index)?;
        }
        Ok(())
    }

    /// Sometimes the worst moment is right after a write.
    fn crash_at_once(&mut self, index: usize) -> Checked {
        let power = self.plan.faults.power_cuts;
        if (power || self.plan.faults.process_crashes) && self.dice.chance(2) {
            self.crash(index, power)?;
            let later = Micros::from_ms(self.dice.between(100, 3_000));
            self.after(later, Event::Start { host: index });
        }
        Ok(())
    }

    fn ask(
        &mut self,
        index: usize,
        request: CommitRequest,
        effects: Vec<(u64, Effect)>,
        disk: bool,
    ) -> Checked {
        let asked = Asked { effects, disk };
        self.hosts[index].asked.insert(request.id, asked);
        self.step(index, vec![NodeInput::Commit(request)])
    }

    /// Everything works again, everybody is up, and nobody writes.
    fn heal(&mut self) -> Checked {
        self.healing = true;
        self.network.rough = false;
        self.network.heal();
        for index in 0..self.hosts.len() {
            self.hosts[index].disk.set_faults(DiskFaults::default());
            self.start(index)?;
        }
        Ok(())
    }
}
