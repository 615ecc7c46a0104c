//! A few nodes on disks in memory, joined by links that work: virtual time, every message a millisecond on its way.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use antipode_clock::VersionVector;
use antipode_crdt::Draft;
use antipode_engine::{
    CollectionKind, CommitReply, CommitRequest, Deletes, DraftOperation, Durability, Expectation,
    Node, NodeConfig, NodeInput, NodeOutput, NodeStatus, RequestId, SchemaChange, Seed,
};
use antipode_replication::{Config, Input, LinkId, Micros, Now};
use antipode_store::keyspace::DocumentKey;
use antipode_store::record::{DocumentRecord, ReplicaTable};
use antipode_store::{CollectionId, Direction, MemoryDisk, Space};
use antipode_value::{Str, Value};
use bytes::Bytes;

pub const FABRIC: &str = "_system";
/// Wall time at the start.
pub const EPOCH_MS: u64 = 1_700_000_000_000;
const TRIP: Micros = Micros::from_ms(1);

pub struct Machine {
    pub name: String,
    pub disk: MemoryDisk,
    pub node: Node,
    wake: Option<Micros>,
    /// What it said of its store: true when writes stopped.
    pub outages: Vec<bool>,
    /// Links that it closed by itself.
    pub closed: usize,
}

pub struct Cluster {
    pub machines: Vec<Machine>,
    pub now: Micros,
    pub replies: BTreeMap<u64, CommitReply>,
    events: BTreeMap<(Micros, u64), (usize, NodeInput)>,
    /// Link → (owner, peer, the peer's name of it).
    links: BTreeMap<LinkId, (usize, usize, LinkId)>,
    cuts: BTreeSet<(usize, usize)>,
    count: u64,
}

impl Cluster {
    /// A cluster of so many nodes that have found each other.
    pub fn of(count: usize) -> Self {
        let mut cluster = Self {
            machines: Vec::new(),
            now: Micros(0),
            replies: BTreeMap::new(),
            events: BTreeMap::new(),
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            count: 0,
        };
        for index in 0..count {
            let name = format!("node-{index}");
            let disk = MemoryDisk::new();
            let storage = disk.open().expect("a new disk");
            let config = NodeConfig {
                cluster: 7,
                node: name.clone(),
                region: name.clone(),
                address: name.clone(),
                founds: index == 0,
                replication: Config {
                    seeds: Vec::from_iter((index > 0).then(|| "node-0".to_owned())),
                    ..Config::default()
                },
            };
            let seed = Seed {
                replica: 100 + index as u64,
                boot: 200 + index as u64,
                network: 300 + index as u64,
            };
            let node = Node::open(Arc::new(storage), config, seed).expect("a new node");
            cluster.machines.push(Machine {
                name,
                disk,
                node,
                wake: Some(Micros(0)),
                outages: Vec::new(),
                closed: 0,
            });
        }
        cluster.run(20_000);
        for machine in &cluster.machines {
            let members = machine.node.status().replication.members.len();
            assert_eq!(members, count, "{} is in", machine.name);
        }
        cluster
    }

    pub fn wall_ms(&self) -> u64 {
        EPOCH_MS + self.now.ms()
    }

    pub fn status(&self, index: usize) -> NodeStatus {
        self.machines[index].node.status()
    }

    /// Lets time pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.now.plus(Micros::from_ms(ms));
        loop {
            let event = self.events.keys().next().map(|(at, _)| *at);
            let wakes = self.machines.iter().enumerate();
            let wake = wakes
                .filter_map(|(index, it)| Some((it.wake?, index)))
                .min();
            match (event, wake) {
                (Some(at), wake) if at <= end && wake.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some((_, (index, input))) = self.events.pop_first() {
                        self.step(index, input);
                    }
                }
                (_, Some((at, index))) if at <= end => {
                    self.now = self.now.max(at);
                    self.machines[index].wake = None;
                    self.step(index, NodeInput::Tick);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn later(&mut self, index: usize, input: NodeInput) {
        self.count += 1;
        let at = self.now.plus(TRIP);
        self.events.insert((at, self.count), (index, input));
    }

    fn step(&mut self, index: usize, input: NodeInput) {
        let now = Now {
            at: self.now,
            wall_ms: self.wall_ms(),
        };
        let mut outputs = Vec::new();
        let node = &mut self.machines[index].node;
        node.step([input], now, &mut |output| outputs.push(output));
        for output in outputs {
            self.carry_out(index, output);
        }
    }

    fn carry_out(&mut self, index: usize, output: NodeOutput) {
        match output {
            NodeOutput::Reply { request, reply } => {
                self.replies.insert(request.0, reply);
            }
            NodeOutput::Write(flight) => self.later(index, NodeInput::Landed(flight.land())),
            NodeOutput::Sync { ticket } => {
                let storage = self.machines[index].node.shared().storage().clone();
                let input = match storage.sync() {
                    Ok(()) => NodeInput::Synced { ticket },
                    Err(error) => NodeInput::SyncFailed { ticket, error },
                };
                self.later(index, input);
            }
            NodeOutput::Send { link, bytes, .. } => {
                let len = bytes.len() as u64;
                if let Some((_, peer, there)) = self.links.get(&link).copied() {
                    let link = there;
                    self.later(
                        peer,
                        NodeInput::Replication(Input::Received { link, bytes }),
                    );
                }
                let written = Input::Written { link, bytes: len };
                self.later(index, NodeInput::Replication(written));
            }
            NodeOutput::Connect { address } => self.connect(index, &address),
            NodeOutput::Disconnect { link } => {
                self.machines[index].closed += 1;
                self.disconnect(link);
            }
            NodeOutput::Alarm(alarm) => panic!("{}: {alarm}", self.machines[index].name),
            NodeOutput::WritesStopped { .. } => self.machines[index].outages.push(true),
            NodeOutput::WritesResumed => self.machines[index].outages.push(false),
            NodeOutput::Visible => {}
            NodeOutput::Wake(at) => self.machines[index].wake = Some(at),
        }
    }

    fn connect(&mut self, from: usize, address: &str) {
        let to = self.machines.iter().position(|it| it.name == address);
        let Some(to) = to.filter(|to| *to != from && !self.cuts.contains(&(from, *to))) else {
            return;
        };
        self.count += 2;
        let (here, there) = (LinkId(self.count - 1), LinkId(self.count));
        self.links.insert(here, (from, to, there));
        self.links.insert(there, (to, from, here));
        for (index, link, address) in [(from, here, Some(address.to_owned())), (to, there, None)] {
            self.later(
                index,
                NodeInput::Replication(Input::LinkUp { link, address }),
            );
        }
    }

    fn disconnect(&mut self, link: LinkId) {
        if let Some((index, peer, there)) = self.links.remove(&link) {
            self.links.remove(&there);
            for (index, link) in [(index, link), (peer, there)] {
                self.later(index, NodeInput::Replication(Input::LinkDown { link }));
            }
        }
    }

    /// Nothing passes between two nodes from now on.
    pub fn cut(&mut self, a: usize, b: usize) {
        self.cuts.extend([(a, b), (b, a)]);
        let links: Vec<_> = self
            .links
            .iter()
            .map(|(link, ends)| (*link, *ends))
            .collect();
        for (link, (from, to, _)) in links {
            if (from, to) == (a, b) {
                self.disconnect(link);
            }
        }
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    pub fn heal_pair(&mut self, a: usize, b: usize) {
        self.cuts.remove(&(a, b));
        self.cuts.remove(&(b, a));
    }

    /// Makes a collection, known everywhere when this returns.
    pub fn collection(&mut self, name: &str, kind: CollectionKind) -> CollectionId {
        self.change(SchemaChange::CreateCollection {
            fabric: FABRIC.to_owned(),
            name: name.to_owned(),
            kind,
            deletes: Deletes::Win,
        });
        let catalog = self.machines[0].node.shared().catalog();
        catalog.collection(FABRIC, name).expect("just made").id
    }

    /// Makes a change of the schema at node 0.
    pub fn change(&mut self, change: SchemaChange) {
        let id = self.begin_change(change);
        self.run(100);
        self.replies
            .remove(&id)
            .expect("a reply")
            .expect("it is made");
    }

    /// Hands node 0 a change of the schema; its reply is there once time has passed.
    pub fn begin_change(&mut self, change: SchemaChange) -> u64 {
        self.count += 1;
        let id = self.count;
        let shared = self.machines[0].node.shared();
        let change = change
            .begin(&shared, self.wall_ms())
            .expect("a legal change");
        let request = change.into_request(RequestId(id), Durability::Disk, false);
        let (request, _) = request.expect("it changes something");
        self.step(0, NodeInput::Commit(request));
        id
    }

    /// Hands a node a write; its reply is there once time has passed.
    pub fn write(
        &mut self,
        index: usize,
        collection: CollectionId,
        key: &str,
        draft: Draft,
    ) -> u64 {
        self.write_if(index, collection, key, draft, Expectation::Any)
    }

    /// The same, of a document that has to be as expected.
    pub fn write_if(
        &mut self,
        index: usize,
        collection: CollectionId,
        key: &str,
        draft: Draft,
        expect: Expectation,
    ) -> u64 {
        self.count += 1;
        let id = self.count;
        let operation = DraftOperation::Document {
            collection,
            key: Str::from(key),
            draft,
            expect,
        };
        let request = CommitRequest {
            id: RequestId(id),
            durability: Durability::Disk,
            operations: vec![operation],
            return_documents: false,
        };
        self.step(index, NodeInput::Commit(request));
        id
    }

    /// The documents that a node's store has, expired or not.
    pub fn stored(&self, index: usize, collection: CollectionId) -> BTreeMap<String, Value> {
        let snapshot = self.machines[index].node.shared().storage().snapshot();
        let numbers = ReplicaTable::load(&*snapshot).expect("it can be read");
        let range = DocumentKey::range(collection);
        let mut cursor = snapshot.scan(Space::Documents, range, Direction::Forward);
        let mut found = BTreeMap::new();
        while let Some((key, record)) = cursor.next().expect("it can be read") {
            let key = DocumentKey::decode(key).expect("a key").key.to_owned();
            let record = Bytes::copy_from_slice(record);
            let record = DocumentRecord::open(&record).expect("a record");
            let document = record.document(&numbers).expect("a document");
            found.extend(document.show().map(|body| (key, body)));
        }
        found
    }

    /// How many marks of expiry a node has.
    pub fn marks(&self, index: usize) -> usize {
        let snapshot = self.machines[index].node.shared().storage().snapshot();
        let all = antipode_store::KeyRange::all();
        let mut cursor = snapshot.scan(Space::Expiry, all, Direction::Forward);
        let mut count = 0;
        while cursor.next().expect("it can be read").is_some() {
            count += 1;
        }
        count
    }

    /// How many transactions each node has originated, as node 0 knows.
    pub fn originated(&self) -> Vec<u64> {
        let vv: VersionVector = self.status(0).vv;
        let machines = self.machines.iter();
        machines.map(|it| vv.get(it.node.replica())).collect()
    }

    /// All nodes stand at one vector and show the same.
    pub fn check_equal(&self) {
        let first = self.status(0);
        for index in 1..self.machines.len() {
            let other = self.status(index);
            assert_eq!(first.vv, other.vv);
            assert_eq!(first.digest, other.digest);
        }
    }
}
