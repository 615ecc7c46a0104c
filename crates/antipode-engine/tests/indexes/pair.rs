//! Two nodes on stores in memory, with a line between them that can be cut, and a clock that moves when nothing else is
//! to be done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use antipode_clock::Stamp;
use antipode_engine::{
    CommitReply, CommitRequest, DraftOperation, Durability, Node, NodeConfig, NodeInput,
    NodeOutput, OpenTransaction, RequestId, Seed, Shared,
};
use antipode_replication::{Config, Input, LinkId, Micros, Now};
use antipode_store::MemoryStorage;

/// Wall time at the beginning.
const WALL_MS: u64 = 1_700_000_000_000;

/// Nothing takes longer.
const PATIENCE: Micros = Micros::from_ms(120_000);

struct Machine {
    node: Node,
    wake: Option<Micros>,
}

pub struct Pair {
    machines: [Machine; 2],
    now: Micros,
    queue: VecDeque<(usize, NodeInput)>,
    links: BTreeSet<LinkId>,
    last_link: u64,
    is_cut: bool,
    last_request: u64,
    replies: BTreeMap<RequestId, CommitReply>,
}

impl Pair {
    /// Two nodes that have found each other.
    pub fn new(seed: u64) -> Self {
        let machine = |number: u64| {
            let config = NodeConfig {
                cluster: 7,
                node: name(number as usize),
                region: name(number as usize),
                address: name(number as usize),
                founds: number == 0,
                replication: Config {
                    seeds: (0..number).map(|other| name(other as usize)).collect(),
                    ..Config::default()
                },
            };
            let seed = Seed {
                replica: (seed << 8 | number) + 1,
                boot: seed ^ 0xb007,
                network: seed ^ number,
            };
            let node = Node::open(Arc::new(MemoryStorage::new()), config, seed);
            Machine {
                node: node.expect("a new store"),
                wake: Some(Micros(0)),
            }
        };
        let mut pair = Self {
            machines: [machine(0), machine(1)],
            now: Micros(0),
            queue: VecDeque::new(),
            links: BTreeSet::new(),
            last_link: 0,
            is_cut: false,
            last_request: 0,
            replies: BTreeMap::new(),
        };
        pair.run_until("both are members", |pair| {
            let count = |machine: &Machine| machine.node.status().replication.members.len();
            pair.machines.iter().all(|machine| count(machine) == 2)
        });
        pair
    }

    pub fn shared(&self, side: usize) -> Arc<Shared> {
        self.machines[side].node.shared()
    }

    pub fn wall_ms(&self) -> u64 {
        WALL_MS + self.now.ms()
    }

    /// Whether the nodes reach each other.
    pub fn is_whole(&self) -> bool {
        !self.is_cut
    }

    pub fn cut(&mut self) {
        self.is_cut = true;
        for link in std::mem::take(&mut self.links) {
            self.hang_up(link);
        }
        self.work();
    }

    pub fn heal(&mut self) {
        self.is_cut = false;
    }

    /// Commits what a transaction has written.
    pub fn commit(&mut self, side: usize, transaction: OpenTransaction) {
        let request = transaction.into_request(RequestId(0), Durability::Disk, false);
        if let Some((request, _)) = request {
            self.ask(side, request.operations);
        }
    }

    /// Commits operations, and gives the stamp of the first.
    pub fn ask(&mut self, side: usize, operations: Vec<DraftOperation>) -> Stamp {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        let request = CommitRequest {
            id,
            durability: Durability::Memory,
            operations,
            return_documents: false,
        };
        self.queue.push_back((side, NodeInput::Commit(request)));
        self.run_until("a reply", |pair| pair.replies.contains_key(&id));
        let reply = self.replies.remove(&id).expect("it was waited for");
        reply.expect("nothing is in its way").stamp
    }

    /// Lets the clocks go on.
    pub fn pass_ms(&mut self, ms: u64) {
        let end = self.now.plus(Micros::from_ms(ms));
        self.run_until("time", |pair| pair.now >= end);
    }

    /// Lets both come to the same state.
    pub fn run_until_equal(&mut self) {
        self.run_until("both are equal", |pair| {
            let [a, b] = [0, 1].map(|side| pair.machines[side].node.status());
            a.vv == b.vv && a.digest == b.digest
        });
    }

    pub fn run_until(&mut self, what: &str, reached: impl Fn(&Self) -> bool) {
        let end = self.now.plus(PATIENCE);
        loop {
            self.work();
            if reached(self) {
                return;
            }
            let wakes = self.machines.iter().filter_map(|machine| machine.wake);
            let next = wakes.min().expect("a node always has something to come");
            self.now = self.now.max(next);
            assert!(self.now < end, "waited too long until {what}");
            for side in 0..2 {
                if self.machines[side].wake.is_some_and(|at| at <= self.now) {
                    self.machines[side].wake = None;
                    self.queue.push_back((side, NodeInput::Tick));
                }
            }
        }
    }

    /// Does what is to be done now.
    fn work(&mut self) {
        while let Some((side, input)) = self.queue.pop_front() {
            let now = Now {
                at: self.now,
                wall_ms: self.wall_ms(),
            };
            let mut outputs = Vec::new();
            let node = &mut self.machines[side].node;
            node.step(vec![input], now, &mut |output| outputs.push(output));
            for output in outputs {
                self.carry_out(side, output);
            }
        }
    }

    fn carry_out(&mut self, side: usize, output: NodeOutput) {
        let replication = |input| NodeInput::Replication(input);
        match output {
            NodeOutput::Reply { request, reply } => {
                self.replies.insert(request, reply);
            }
            NodeOutput::Write(flight) => {
                let landed = NodeInput::Landed(flight.land());
                self.queue.push_back((side, landed));
            }
            NodeOutput::Sync { ticket } => {
                self.queue.push_back((side, NodeInput::Synced { ticket }));
            }
            NodeOutput::Send { link, bytes, .. } => {
                if !self.links.contains(&link) {
                    return;
                }
                let written = Input::Written {
                    link,
                    bytes: bytes.len() as u64,
                };
                let received = Input::Received { link, bytes };
                self.queue.push_back((side, replication(written)));
                self.queue.push_back((1 - side, replication(received)));
            }
            NodeOutput::Connect { address } => {
                if self.is_cut || address != name(1 - side) {
                    return;
                }
                // Each end calls a link by the same name, as no end has links to anybody else.
                self.last_link += 1;
                let link = LinkId(self.last_link);
                self.links.insert(link);
                let address = Some(address);
                for (side, address) in [(side, address), (1 - side, None)] {
                    let up = Input::LinkUp { link, address };
                    self.queue.push_back((side, replication(up)));
                }
            }
            NodeOutput::Disconnect { link } => {
                if self.links.remove(&link) {
                    self.hang_up(link);
                }
            }
            NodeOutput::Wake(at) => self.machines[side].wake = Some(at),
            NodeOutput::Alarm(alarm) => panic!("alarm of {}: {alarm}", name(side)),
            NodeOutput::WritesStopped { cause } => panic!("{} stopped: {cause}", name(side)),
            NodeOutput::WritesResumed | NodeOutput::Visible => {}
        }
    }

    fn hang_up(&mut self, link: LinkId) {
        for side in 0..2 {
            let down = NodeInput::Replication(Input::LinkDown { link });
            self.queue.push_back((side, down));
        }
    }
}

fn name(side: usize) -> String {
    format!("node-{side}")
}
