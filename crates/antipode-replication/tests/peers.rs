//! One machine and a peer made by hand: strangers, damage, disagreement and silence.

mod network;

use antipode_clock::{Dot, Hlc, ReplicaId, Stamp, TxHeader, VersionVector};
use antipode_replication::message::{Digest, Hello, HelloAck, Message, Run, Txs};
use antipode_replication::{
    Alarm, ChainHash, Command, Config, Epoch, EpochRef, Head, Identity, Input, Lane, LinkId,
    Member, MembershipState, Micros, Now, Output, Record, Recovered, Refusal, Refused, Replication,
    StateDigest,
};
use bytes::Bytes;
use network::{encode_record, read_record};

const ME: ReplicaId = ReplicaId(1);
const PEER: ReplicaId = ReplicaId(2);
const LINK: LinkId = LinkId(7);

fn member(replica: ReplicaId) -> Member {
    Member {
        replica,
        node: format!("node-{replica}"),
        region: "tokyo".to_owned(),
        address: String::new(),
    }
}

/// A founder, and what it has said to the peer.
struct Scene {
    machine: Replication,
    now: Micros,
    outputs: Vec<Output>,
}

impl Scene {
    fn new() -> Self {
        let identity = Identity {
            cluster: 7,
            node: "me".to_owned(),
            region: "tokyo".to_owned(),
            address: String::new(),
            replica: ME,
            boot: 11,
        };
        let recovered = Recovered {
            membership: MembershipState::founding(member(ME)),
            vv: VersionVector::new(),
            digest: StateDigest(0),
            heads: Default::default(),
        };
        let machine = Replication::new(Config::default(), identity, recovered, read_record, 3);
        let mut scene = Self {
            machine,
            now: Micros(0),
            outputs: Vec::new(),
        };
        scene.handle(Input::Start);
        scene.handle(Input::LinkUp {
            link: LINK,
            address: None,
        });
        scene
    }

    /// The same after the peer has greeted and joined.
    fn joined() -> Self {
        let mut scene = Self::new();
        scene.hear(&Message::Hello(hello()));
        scene.hear(&Message::HelloAck(HelloAck {
            replica: ME,
            boot: 11,
            sent: 0,
            wall_ms: 0,
            held: Head::default(),
            said: 0,
        }));
        scene.hear(&Message::Join(member(PEER)));
        assert_eq!(scene.machine.status().members.len(), 2);
        scene.outputs.clear();
        scene
    }

    fn handle(&mut self, input: Input) {
        self.now = self.now.plus(Micros(1_000));
        let now = Now {
            at: self.now,
            wall_ms: 1_000,
        };
        self.machine.handle(input, now, &mut self.outputs);
    }

    fn hear(&mut self, message: &Message) {
        self.handle(Input::Received {
            link: LINK,
            bytes: message.encode(),
        });
    }

    fn said(&mut self) -> Vec<Message> {
        let outputs = std::mem::take(&mut self.outputs);
        outputs
            .into_iter()
            .filter_map(|output| match output {
                Output::Send { bytes, .. } => Message::decode(&bytes).ok(),
                _ => None,
            })
            .collect()
    }

    fn alarms(&self) -> Vec<&Alarm> {
        let mut alarms = Vec::new();
        for output in &self.outputs {
            if let Output::Alarm(alarm) = output {
                alarms.push(alarm);
            }
        }
        alarms
    }

    fn delivered(&self) -> Vec<Dot> {
        let records = |output: &Output| match output {
            Output::Deliver(records) => records.clone(),
            _ => Vec::new(),
        };
        let records = self.outputs.iter().flat_map(records);
        records.map(|record: Record| record.header.dot).collect()
    }

    fn hung_up(&self) -> bool {
        let closes =
            |output: &Output| matches!(output, Output::Disconnect { link } if *link == LINK);
        self.outputs.iter().any(closes)
    }

    fn epoch(&self) -> EpochRef {
        self.machine.status().epoch
    }
}

fn hello() -> Hello {
    Hello {
        protocol: (1, 1),
        cluster: 7,
        member: member(PEER),
        boot: 22,
        vv: VersionVector::new(),
        said: 0,
        epoch: EpochRef::default(),
        sent: 5,
        on_probation: false,
    }
}

fn record(origin: ReplicaId, seq: u64) -> Record {
    let header = TxHeader {
        dot: Dot::new(origin, seq),
        stamp: Stamp::new(Hlc(seq), origin),
        ticks: 1,
        boot: (seq == 1).then_some(22),
        delta: Vec::new(),
    };
    encode_record(&header, ChainHash(seq - 1), b"payload")
}

fn txs(epoch: EpochRef, origin: ReplicaId, first: u64, records: Vec<Bytes>) -> Message {
    Message::Txs(Txs {
        epoch,
        vv: VersionVector::new(),
        transfer: 0,
        last: false,
        sent: 0,
        runs: vec![Run {
            origin,
            first,
            records,
        }],
    })
}

fn digest(epoch: EpochRef, said: u64, vv: &VersionVector, state: u128) -> Message {
    Message::Digest(Digest {
        epoch,
        said,
        vv: vv.clone(),
        chains: vec![ChainHash(0); vv.len()],
        state: Some(StateDigest(state)),
        echo: 0,
    })
}

#[test]
fn strangers_are_turned_away() {
    let mut other_cluster = hello();
    other_cluster.cluster = 8;
    let mut other_protocol = hello();
    other_protocol.protocol = (9, 12);
    for stranger in [other_cluster, other_protocol] {
        let mut scene = Scene::new();
        scene.hear(&Message::Hello(stranger));
        assert!(scene.hung_up());
        assert!(matches!(scene.alarms()[..], [Alarm::TurnedAway { .. }]));
    }
}

#[test]
fn a_node_that_reaches_itself_hangs_up_without_alarm() {
    let mut scene = Scene::new();
    let mut own = hello();
    own.member.replica = ME;
    own.boot = 11;
    scene.hear(&Message::Hello(own));
    assert!(scene.hung_up() && scene.alarms().is_empty());
}

#[test]
fn nothing_passes_before_the_greeting() {
    let mut scene = Scene::new();
    let epoch = scene.epoch();
    scene.outputs.clear();
    scene.hear(&Message::Join(member(PEER)));
    scene.hear(&txs(epoch, PEER, 1, vec![record(PEER, 1).bytes]));
    scene.hear(&Message::Epoch(Epoch::founding(member(PEER))));
    assert_eq!(scene.machine.status().members.len(), 1);
    assert!(scene.delivered().is_empty());
    let heard = |message: &Message| !matches!(message, Message::Hello(_));
    assert!(!scene.said().iter().any(heard));
}

#[test]
fn damage_is_dropped_with_an_alarm_and_the_good_copy_is_taken() {
    let mut scene = Scene::joined();
    let epoch = scene.epoch();
    scene.handle(Input::Received {
        link: LINK,
        bytes: Bytes::from_static(b"\x0b\xff\xff\xff"),
    });
    let good = record(PEER, 1).bytes;
    let mut bad = good.to_vec();
    bad[20] ^= 1;
    scene.hear(&txs(epoch, PEER, 1, vec![bad.into()]));
    // A good record in the place of another one.
    scene.hear(&txs(epoch, PEER, 2, vec![good.clone()]));
    assert!(scene.delivered().is_empty());
    assert_eq!(scene.alarms().len(), 3);
    scene.hear(&txs(epoch, PEER, 1, vec![good]));
    assert_eq!(scene.delivered(), vec![Dot::new(PEER, 1)]);
}

#[test]
fn records_of_unknown_origins_and_of_other_epochs_are_dropped() {
    let mut scene = Scene::joined();
    let unknown = ReplicaId(99);
    let epoch = scene.epoch();
    scene.hear(&txs(epoch, unknown, 1, vec![record(unknown, 1).bytes]));
    scene.now = scene.now.plus(Micros::from_ms(500));
    let earlier = Epoch::founding(member(ME)).reference();
    scene.hear(&txs(earlier, PEER, 1, vec![record(PEER, 1).bytes]));
    assert!(scene.delivered().is_empty());
    let epoch_sent = |message: &Message| matches!(message, Message::Epoch(_));
    assert!(
        scene.said().iter().any(epoch_sent),
        "the newer epoch is sent"
    );
}

#[test]
fn other_state_at_the_same_vector_separates_until_a_person_reconciles() {
    let mut scene = Scene::joined();
    let epoch = scene.epoch();
    let nothing = VersionVector::new();
    scene.hear(&digest(epoch, 1, &nothing, 0));
    assert!(scene.alarms().is_empty());
    scene.hear(&digest(epoch, 2, &nothing, 1));
    assert!(matches!(scene.alarms()[..], [Alarm::Divergence { .. }]));
    let told = |message: &Message| matches!(message, Message::Alarm(_));
    assert!(scene.said().iter().any(told), "the peer is told");
    let news = txs(epoch, PEER, 1, vec![record(PEER, 1).bytes]);
    scene.hear(&news);
    assert!(scene.delivered().is_empty());
    scene.handle(Input::Operator(Command::Reconcile(PEER)));
    scene.hear(&news);
    assert_eq!(scene.delivered().len(), 1);
}

#[test]
fn an_origin_with_two_histories_is_held_until_it_is_released() {
    let mut scene = Scene::joined();
    let epoch = scene.epoch();
    let news = txs(epoch, PEER, 1, vec![record(PEER, 1).bytes]);
    scene.hear(&news);
    let refused = vec![Refused {
        dot: Dot::new(PEER, 1),
        reason: Refusal::Fork,
    }];
    let vv = VersionVector::new();
    scene.handle(Input::Delivered { vv, refused });
    assert!(matches!(scene.alarms()[..], [Alarm::Refused { .. }]));
    scene.outputs.clear();
    scene.hear(&news);
    assert!(scene.delivered().is_empty());
    scene.handle(Input::Operator(Command::Release(PEER)));
    scene.hear(&news);
    assert_eq!(scene.delivered().len(), 1);
}

#[test]
fn a_peer_that_takes_nothing_costs_a_bounded_queue() {
    let mut scene = Scene::joined();
    let payload = vec![7; 100_000];
    for seq in 1..=200 {
        let header = TxHeader {
            dot: Dot::new(ME, seq),
            stamp: Stamp::new(Hlc(seq), ME),
            ticks: 1,
            boot: None,
            delta: Vec::new(),
        };
        let records = vec![encode_record(&header, ChainHash(0), &payload)];
        let durable = true;
        scene.handle(Input::Committed { records, durable });
        scene.now = scene.now.plus(Micros::from_ms(10));
    }
    let live = |output: &Output| match output {
        Output::Send {
            lane: Lane::Live,
            bytes,
            ..
        } => bytes.len() as u64,
        _ => 0,
    };
    let sent: u64 = scene.outputs.iter().map(live).sum();
    let limit = Config::default().queue_bytes_max;
    assert!((limit..limit + 200_000).contains(&sent), "{sent} bytes");
    scene.outputs.clear();
    scene.now = scene.now.plus(Micros::from_ms(3_000));
    scene.handle(Input::Tick);
    let digests = |message: &Message| matches!(message, Message::Digest(_));
    assert!(
        scene.said().iter().any(digests),
        "it still hears how far we are"
    );
}
