//! A network of replicas in one process, with virtual time: each has a log and a disk that forgets what was not synced
//! when it crashes, and messages are late, lost, doubled and overtaken as a seed decides.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};

use antipode_clock::codec::{Reader, Writer};
use antipode_clock::{Context, Dot, HlcClock, ReplicaId, Seen, Stamp, TxHeader, VersionVector};
use antipode_replication::{
    Alarm, ChainHash, Config, DamagedRecord, Head, Identity, Input, LinkId, Member,
    MembershipState, Micros, Now, Output, Record, Recovered, Replication, StateDigest, Status,
    WriteGate, read_merged,
};
use bytes::Bytes;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Wall time at the start of every run.
const EPOCH_MS: u64 = 1_700_000_000_000;

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A record: header, chain hash, payload, and a checksum over them.
pub fn encode_record(header: &TxHeader, previous: ChainHash, payload: &[u8]) -> Record {
    let mut out = Writer::new();
    header.encode(&mut out);
    out.u64_fixed(previous.0);
    out.bytes(payload);
    let sum = xxh3_64(out.as_slice());
    out.u64_fixed(sum);
    read_record(out.into_bytes().into()).expect("just written")
}

pub fn read_record(bytes: Bytes) -> Result<Record, DamagedRecord> {
    let damaged = |what: &str| DamagedRecord(what.to_owned());
    let body = bytes.len().checked_sub(8).ok_or(damaged("short"))?;
    let sum = Reader::new(&bytes[body..]).u64_fixed("sum");
    if sum != Ok(xxh3_64(&bytes[..body])) {
        return Err(damaged("checksum"));
    }
    let header = TxHeader::decode(&mut Reader::new(&bytes[..body]))
        .map_err(|error| DamagedRecord(error.to_string()))?;
    let chain = ChainHash(xxh3_64(&bytes));
    Ok(Record {
        header,
        chain,
        bytes,
    })
}

/// What survives a crash.
#[derive(Clone, Default)]
pub struct Disk {
    pub log: BTreeMap<Dot, Record>,
    /// In the order in which they were applied; the synced part is a prefix.
    pub order: Vec<Dot>,
    pub synced: usize,
    pub membership: Option<Bytes>,
    pub clock: u64,
}

pub struct Node {
    pub name: String,
    pub replica: ReplicaId,
    pub machine: Replication,
    pub disk: Disk,
    pub vv: VersionVector,
    pub digest: u128,
    heads: BTreeMap<ReplicaId, Head>,
    seen: Context,
    said: Context,
    clock: HlcClock,
    boot: u64,
    boot_told: bool,
    pub wake: Option<Micros>,
    pub alarms: Vec<Alarm>,
    pub gate: WriteGate,
    pub up: bool,
    pub sent: u64,
    pub delivered: u64,
    pub slow: bool,
    /// Its store takes no writes.
    pub full: bool,
    /// How often that has happened.
    outages: u64,
    busy_until: Micros,
}

/// How bad the network is.
#[derive(Clone, Copy)]
pub struct Weather {
    pub delay: Micros,
    pub jitter: Micros,
    pub loss_percent: u64,
    pub double_percent: u64,
}

enum Event {
    Arrive {
        to: usize,
        link: LinkId,
        bytes: Bytes,
    },
    Connected {
        from: usize,
        to: usize,
    },
    Delivered {
        to: usize,
        /// The boot and the number of outages: what was on its way into a store is gone when it fails.
        life: (u64, u64),
        records: Vec<Record>,
    },
}

pub struct Network {
    pub nodes: Vec<Node>,
    pub now: Micros,
    pub rng: Random,
    pub weather: Weather,
    pub config: Config,
    /// How many of the first nodes a newcomer knows.
    pub seeds: usize,
    /// Pairs (from, to) between which nothing passes.
    pub cuts: BTreeSet<(usize, usize)>,
    events: BTreeMap<(Micros, u64), Event>,
    count: u64,
    /// Link id → (owner, the peer, the peer's link id).
    links: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    /// Since when a link has been cut.
    dying: BTreeMap<(usize, LinkId), Micros>,
    pub bytes_sent: u64,
    pub acked: Vec<Dot>,
    pub history: BTreeMap<Dot, ChainHash>,
}

impl Network {
    pub fn new(names: &[&str], seed: u64, weather: Weather, config: Config) -> Self {
        let mut network = Self {
            nodes: Vec::new(),
            now: Micros(0),
            rng: Random(seed),
            weather,
            config,
            seeds: 1,
            cuts: BTreeSet::new(),
            events: BTreeMap::new(),
            count: 0,
            links: BTreeMap::new(),
            dying: BTreeMap::new(),
            bytes_sent: 0,
            acked: Vec::new(),
            history: BTreeMap::new(),
        };
        for name in names {
            network.add(name);
        }
        network
    }

    /// The first node founds; every other joins by the address of the first.
    pub fn add(&mut self, name: &str) -> usize {
        let index = self.nodes.len();
        let replica = ReplicaId(0x10 + index as u64);
        let node = self.open(name, replica, Disk::default(), index == 0);
        self.nodes.push(node);
        self.handle(index, Input::Start);
        index
    }

    fn open(&mut self, name: &str, replica: ReplicaId, mut disk: Disk, founds: bool) -> Node {
        let member = Member {
            replica,
            node: name.to_owned(),
            region: name.to_owned(),
            address: name.to_owned(),
        };
        let membership = match &disk.membership {
            Some(bytes) => MembershipState::decode(bytes).expect("own state"),
            None if founds => MembershipState::founding(member),
            None => MembershipState::joining(),
        };
        disk.membership = Some(membership.encode());
        let boot = self.rng.next();
        let mut vv = VersionVector::new();
        let mut heads: BTreeMap<ReplicaId, Head> = BTreeMap::new();
        let mut seen = Context::new();
        let mut said = Context::new();
        let mut digest = 0u128;
        let mut clock = HlcClock::starting_above(antipode_clock::Hlc(disk.clock));
        for dot in &disk.order {
            let record = &disk.log[dot];
            vv.advance(*dot);
            heads.entry(dot.replica).or_default().advance(record);
            digest = digest.wrapping_add(xxh3_128(&record.bytes));
            clock.observe(record.header.last_hlc());
            if dot.replica == replica {
                said.apply_delta(&record.header.delta);
            } else {
                seen.advance(dot.replica, record.header.seen());
            }
        }
        let seeds = self.nodes.iter().take(self.seeds);
        let config = Config {
            seeds: seeds
                .map(|node| node.name.clone())
                .filter(|seed| seed != name)
                .collect(),
            ..self.config.clone()
        };
        let identity = Identity {
            cluster: 7,
            node: name.to_owned(),
            region: name.to_owned(),
            address: name.to_owned(),
            replica,
            boot,
        };
        let recovered = Recovered {
            membership,
            vv: vv.clone(),
            digest: StateDigest(digest),
            heads: heads.clone(),
        };
        let machine = Replication::new(config, identity, recovered, read_record, boot ^ 1);
        Node {
            name: name.to_owned(),
            replica,
            machine,
            disk,
            vv,
            digest,
            heads,
            seen,
            said,
            clock,
            boot,
            boot_told: false,
            wake: None,
            alarms: Vec::new(),
            gate: WriteGate::Open,
            up: true,
            sent: 0,
            delivered: 0,
            slow: false,
            full: false,
            outages: 0,
            busy_until: Micros(0),
        }
    }

    fn time(&self) -> Now {
        Now {
            at: self.now,
            wall_ms: EPOCH_MS + self.now.ms(),
        }
    }

    pub fn handle(&mut self, index: usize, input: Input) {
        let now = self.time();
        let mut outputs = Vec::new();
        self.nodes[index].machine.handle(input, now, &mut outputs);
        for output in outputs {
            self.perform(index, output);
        }
    }

    fn schedule(&mut self, at: Micros, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    fn perform(&mut self, index: usize, output: Output) {
        match output {
            Output::Send { link, bytes, .. } => self.transmit(index, link, bytes),
            Output::Deliver(records) => {
                let pause = if self.nodes[index].slow { 20_000 } else { 100 };
                let event = Event::Delivered {
                    to: index,
                    life: (self.nodes[index].boot, self.nodes[index].outages),
                    records,
                };
                // The committer works through its queue in order.
                let at = self
                    .now
                    .plus(Micros(pause))
                    .max(self.nodes[index].busy_until);
                self.nodes[index].busy_until = at;
                self.schedule(at, event);
            }
            Output::ReadLog {
                read,
                ranges,
                bytes_max,
            } => {
                let log = &self.nodes[index].disk.log;
                let records = read_merged(&ranges, bytes_max, |origin, seq| {
                    Ok::<_, ()>(log.get(&Dot::new(origin, seq)).cloned())
                });
                let records = records.expect("memory");
                self.handle(
                    index,
                    Input::LogRead {
                        read,
                        records,
                        damaged: None,
                    },
                );
            }
            Output::Persist(state) => {
                assert!(!self.nodes[index].full, "nothing can be kept");
                self.nodes[index].disk.membership = Some(state);
            }
            Output::Writes(gate) => self.nodes[index].gate = gate,
            Output::Alarm(alarm) => self.nodes[index].alarms.push(alarm),
            Output::EpochAdopted(_) => {}
            Output::Wake(at) => self.nodes[index].wake = Some(at),
            Output::Connect { address } => {
                let to = self.nodes.iter().position(|node| node.name == address);
                if let Some(to) = to {
                    let delay = Micros(self.weather.delay.0 * 2);
                    self.schedule(self.now.plus(delay), Event::Connected { from: index, to });
                }
            }
            Output::Disconnect { link } => self.close(index, link),
        }
    }

    fn transmit(&mut self, index: usize, link: LinkId, bytes: Bytes) {
        self.nodes[index].sent += 1;
        self.bytes_sent += bytes.len() as u64;
        let len = bytes.len() as u64;
        if let Some((to, theirs)) = self.links.get(&(index, link)).copied() {
            let lost = self.cuts.contains(&(index, to)) || {
                let percent = self.weather.loss_percent;
                self.rng.chance(percent)
            };
            let copies = match (lost, self.weather.double_percent) {
                (true, _) => 0,
                (false, percent) => 1 + u64::from(self.rng.chance(percent)),
            };
            for _ in 0..copies {
                let jitter = self.rng.below(self.weather.jitter.0 + 1);
                let at = self.now.plus(self.weather.delay).plus(Micros(jitter));
                let event = Event::Arrive {
                    to,
                    link: theirs,
                    bytes: bytes.clone(),
                };
                self.schedule(at, event);
            }
        }
        self.handle(index, Input::Written { link, bytes: len });
    }

    fn close(&mut self, index: usize, link: LinkId) {
        self.dying.remove(&(index, link));
        if let Some((to, theirs)) = self.links.remove(&(index, link)) {
            self.links.remove(&(to, theirs));
            self.dying.remove(&(to, theirs));
            for (node, link) in [(index, link), (to, theirs)] {
                if self.nodes[node].up {
                    self.handle(node, Input::LinkDown { link });
                }
            }
        }
    }

    /// A transaction of `index`, synced at once if `durable`.
    pub fn write(&mut self, index: usize, payload: &[u8], durable: bool) {
        let wall_ms = self.time().wall_ms;
        let node = &mut self.nodes[index];
        if !node.up || node.full || node.gate != WriteGate::Open {
            return;
        }
        let seq = node.vv.get(node.replica) + 1;
        let hlc = node.clock.reserve(wall_ms, 1);
        node.disk.clock = hlc.0;
        let header = TxHeader {
            dot: Dot::new(node.replica, seq),
            stamp: Stamp::new(hlc, node.replica),
            ticks: 1,
            boot: (!node.boot_told).then_some(node.boot),
            delta: node.seen.delta_since(&node.said),
        };
        node.said = node.seen.clone();
        node.boot_told = true;
        let previous = node
            .heads
            .get(&node.replica)
            .map_or(ChainHash(0), |head| head.chain);
        let record = encode_record(&header, previous, payload);
        self.apply(index, &record);
        let records = vec![record];
        if durable {
            self.nodes[index].disk.synced = self.nodes[index].disk.order.len();
        }
        self.handle(index, Input::Committed { records, durable });
        if durable {
            self.acked.push(header.dot);
            self.announce_durable(index);
        }
    }

    /// Everything applied so far survives a crash from now on.
    pub fn sync(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let unsynced = node.disk.order.split_off(node.disk.synced);
        node.disk.order.extend(&unsynced);
        node.disk.synced = node.disk.order.len();
        let own = unsynced
            .into_iter()
            .filter(|dot| dot.replica == node.replica);
        self.acked.extend(own);
        self.announce_durable(index);
    }

    fn announce_durable(&mut self, index: usize) {
        let input = Input::Durable {
            vv: self.nodes[index].vv.clone(),
            digest: StateDigest(self.nodes[index].digest),
        };
        self.handle(index, input);
    }

    /// Checks what every applied record must keep, and applies it.
    fn apply(&mut self, index: usize, record: &Record) {
        let node = &mut self.nodes[index];
        let dot = record.header.dot;
        assert_eq!(
            node.vv.get(dot.replica) + 1,
            dot.seq,
            "gap or double at {}",
            node.name
        );
        for (replica, seen) in &record.header.delta {
            let needed = Dot::new(*replica, seen.seq);
            assert!(
                node.vv.covers(needed),
                "{dot} before {needed} at {}",
                node.name
            );
        }
        node.vv.advance(dot);
        node.digest = node.digest.wrapping_add(xxh3_128(&record.bytes));
        node.heads.entry(dot.replica).or_default().advance(record);
        node.clock.observe(record.header.last_hlc());
        if dot.replica != node.replica {
            let seen: Seen = record.header.seen();
            node.seen.advance(dot.replica, seen);
        }
        node.disk.order.push(dot);
        node.disk.log.insert(dot, record.clone());
    }

    /// Loses everything that was not synced.
    pub fn crash(&mut self, index: usize) {
        let links: Vec<_> = self
            .links
            .keys()
            .filter(|(node, _)| *node == index)
            .copied()
            .collect();
        let node = &mut self.nodes[index];
        node.up = false;
        node.wake = None;
        for dot in node.disk.order.split_off(node.disk.synced) {
            node.disk.log.remove(&dot);
        }
        for (node, link) in links {
            self.close(node, link);
        }
    }

    /// The store takes no more.
    pub fn fill(&mut self, index: usize) {
        self.nodes[index].full = true;
        self.nodes[index].outages += 1;
        self.handle(index, Input::Suspended);
    }

    /// There is room again, and all that was written is on the disk.
    pub fn make_room(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        node.full = false;
        node.disk.synced = node.disk.order.len();
        let membership = node.disk.membership.as_ref().expect("it was kept");
        let recovered = Recovered {
            membership: MembershipState::decode(membership).expect("own state"),
            vv: node.vv.clone(),
            digest: StateDigest(node.digest),
            heads: node.heads.clone(),
        };
        self.handle(index, Input::Resumed(Box::new(recovered)));
    }

    pub fn restart(&mut self, index: usize) {
        let disk = self.nodes[index].disk.clone();
        self.restart_from(index, disk);
    }

    pub fn restart_from(&mut self, index: usize, disk: Disk) {
        let name = self.nodes[index].name.clone();
        let replica = self.nodes[index].replica;
        let alarms = std::mem::take(&mut self.nodes[index].alarms);
        self.nodes[index] = self.open(&name, replica, disk, false);
        self.nodes[index].alarms = alarms;
        self.handle(index, Input::Start);
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Micros) {
        let end = self.now.plus(time);
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let wake = (0..self.nodes.len())
                .filter(|index| self.nodes[*index].up)
                .filter_map(|index| self.nodes[index].wake.map(|at| (at, index)))
                .min();
            let dying = self.dying.iter().map(|(key, at)| (*at, *key)).min();
            let next = [event, wake.map(|(at, _)| at), dying.map(|(at, _)| at)];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if event == Some(at) {
                if let Some((_, event)) = self.events.pop_first() {
                    self.happen(event);
                }
            } else if let Some((_, index)) = wake.filter(|(due, _)| *due == at) {
                self.nodes[index].wake = None;
                self.handle(index, Input::Tick);
            } else if let Some((_, (node, link))) = dying {
                self.close(node, link);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { to, link, bytes } => {
                if self.nodes[to].up && self.links.contains_key(&(to, link)) {
                    self.handle(to, Input::Received { link, bytes });
                }
            }
            Event::Connected { from, to } => {
                let passes = !self.cuts.contains(&(from, to)) && !self.cuts.contains(&(to, from));
                if passes && self.nodes[from].up && self.nodes[to].up {
                    self.count += 2;
                    let (here, there) = (LinkId(self.count - 1), LinkId(self.count));
                    self.links.insert((from, here), (to, there));
                    self.links.insert((to, there), (from, here));
                    let address = Some(self.nodes[to].name.clone());
                    self.handle(
                        from,
                        Input::LinkUp {
                            link: here,
                            address,
                        },
                    );
                    self.handle(
                        to,
                        Input::LinkUp {
                            link: there,
                            address: None,
                        },
                    );
                }
            }
            Event::Delivered { to, life, records } => {
                let node = &self.nodes[to];
                if !node.up || life != (node.boot, node.outages) {
                    return;
                }
                for record in &records {
                    self.apply(to, record);
                    self.nodes[to].delivered += 1;
                }
                let vv = self.nodes[to].vv.clone();
                let refused = Vec::new();
                self.handle(to, Input::Delivered { vv, refused });
                // A transaction that is to stay unsynced keeps what came after it from being synced, too.
                let node = &self.nodes[to];
                let own = |dot: &Dot| dot.replica == node.replica;
                if !node.disk.order[node.disk.synced..].iter().any(own) {
                    self.sync(to);
                }
            }
        }
    }

    /// Nothing passes from one to the other; the transport notices after three seconds.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cuts.insert((from, to));
        let dead: Vec<_> = self
            .links
            .iter()
            .filter(|((a, _), (b, _))| *a == from && *b == to)
            .map(|(key, _)| *key)
            .collect();
        for key in dead {
            let at = self.now.plus(Micros::from_ms(3_000));
            self.dying.entry(key).or_insert(at);
        }
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
        self.dying.clear();
    }

    pub fn status(&self, index: usize) -> Status {
        self.nodes[index].machine.status()
    }

    /// Equal vectors must show equal state, at every moment.
    pub fn check(&self) {
        for a in self.nodes.iter().filter(|node| node.up) {
            for b in self.nodes.iter().filter(|node| node.up) {
                assert!(
                    a.vv != b.vv || a.digest == b.digest,
                    "{} and {}",
                    a.name,
                    b.name
                );
            }
            let status = a.machine.status();
            let origins = self.nodes.len();
            assert!(status.buffered_records <= self.config.buffer_records_max + origins);
            assert!(status.unsent_bytes <= self.config.unsent_bytes_max);
            assert!(status.handed_bytes <= self.config.handed_bytes_max + (1 << 20));
        }
    }

    pub fn converged(&self) -> bool {
        let mut up = self.nodes.iter().filter(|node| node.up);
        let first = up.next().map(|node| (&node.vv, node.digest));
        up.all(|node| Some((&node.vv, node.digest)) == first)
    }
}
