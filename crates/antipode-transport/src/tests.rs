//! Whole transports on loopback. Nothing here sleeps for a result: each step waits for an event, with a deadline.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::frame::{Hello, length_of};
use crate::tls::{Credentials, SERVER_NAME};
use crate::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Node {
    transport: Transport,
    events: mpsc::Receiver<PeerEvent>,
}

fn cluster() -> Ca {
    Ca::create(ClusterId::random()).unwrap()
}

fn config() -> Config {
    Config {
        idle_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        backoff: (Duration::from_millis(10), Duration::from_millis(100)),
        wan: true,
        ..Config::loopback()
    }
}

/// For lines that go silent, where a test waits for the timeout.
fn hasty() -> Config {
    Config {
        idle_timeout: Duration::from_millis(800),
        connect_timeout: Duration::from_millis(800),
        ..config()
    }
}

impl Node {
    fn start(ca: &Ca, name: &str) -> Self {
        Self::start_with(ca, name, config())
    }

    fn start_with(ca: &Ca, name: &str, config: Config) -> Self {
        Self::start_as(ca.issue(name, &format!("region-{name}")).unwrap(), config)
    }

    fn start_as(bundle: Bundle, config: Config) -> Self {
        let (sender, events) = mpsc::channel();
        let transport = Transport::start(config, bundle, move |event| {
            // The test may be over already.
            let _ = sender.send(event);
        })
        .unwrap();
        Self { transport, events }
    }

    fn handle(&self) -> &Handle {
        self.transport.handle()
    }

    fn address(&self) -> String {
        self.handle().local_address().to_string()
    }

    fn connect(&self, to: &Self) {
        self.handle().connect(&to.address());
    }

    /// The first event that is wanted; others are passed over.
    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(PeerEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        while let Ok(event) = self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            let shown = format!("{event:?}");
            if let Some(found) = wanted(event) {
                return found;
            }
            passed.push(shown.chars().take(200).collect::<String>());
        }
        panic!("no {what} came; but {passed:#?}");
    }

    fn up(&self, node: &str) -> LinkId {
        self.wait(&format!("link to {node}"), |event| match event {
            PeerEvent::Up {
                link,
                node: found,
                region,
                ..
            } if *found == *node => {
                assert_eq!(*region, *format!("region-{node}"));
                Some(link)
            }
            _ => None,
        })
    }

    fn down(&self, link: LinkId) -> LinkError {
        self.wait("end of the link", |event| match event {
            PeerEvent::Down {
                link: found,
                reason,
            } if found == link => Some(reason),
            _ => None,
        })
    }

    fn message(&self) -> (LinkId, Lane, Bytes) {
        self.wait("message", |event| match event {
            PeerEvent::Message {
                link, lane, bytes, ..
            } => Some((link, lane, bytes)),
            _ => None,
        })
    }

    fn refused(&self) -> LinkError {
        self.wait("refusal", |event| match event {
            PeerEvent::Refused { reason, .. } => Some(reason),
            PeerEvent::Up { .. } => panic!("a link came up"),
            _ => None,
        })
    }

    /// Sends until it has arrived: a link may be replaced, with what is under way on it.
    fn tell(&self, to: &Self, node: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let links = self.handle().links().into_iter();
            for link in links.filter(|link| *link.node == *node) {
                // Refused by a link that has just gone: the next round takes the new one.
                let _ = self.handle().send(
                    link.link,
                    Lane::Control,
                    Bytes::copy_from_slice(text.as_bytes()),
                );
            }
            let round = Instant::now() + Duration::from_millis(200);
            while let Ok(event) = to
                .events
                .recv_timeout(round.saturating_duration_since(Instant::now()))
            {
                if matches!(&event, PeerEvent::Message { bytes, .. } if *bytes == text) {
                    return;
                }
            }
        }
        panic!("{node} is not reached");
    }
}

fn pair() -> (Node, LinkId, Node, LinkId) {
    pair_with(&config())
}

fn pair_with(config: &Config) -> (Node, LinkId, Node, LinkId) {
    let ca = cluster();
    let [a, b] = ["a", "b"].map(|name| Node::start_with(&ca, name, config.clone()));
    a.connect(&b);
    let (to_b, to_a) = (a.up("b"), b.up("a"));
    (a, to_b, b, to_a)
}

#[test]
fn messages_arrive_in_order_on_every_lane() {
    let (a, to_b, b, to_a) = pair();
    let mut expected = BTreeMap::new();
    for number in 0..300u32 {
        for lane in Lane::ALL {
            let text = vec![number as u8; (number as usize * 37) % 5000];
            a.handle().send(to_b, lane, text.clone().into()).unwrap();
            expected
                .entry(lane)
                .or_insert_with(Vec::new)
                .push(Bytes::from(text));
        }
    }
    let mut found = BTreeMap::new();
    for _ in 0..900 {
        let (link, lane, bytes) = b.message();
        assert_eq!(link, to_a);
        found.entry(lane).or_insert_with(Vec::new).push(bytes);
    }
    assert_eq!(found, expected);
    b.handle()
        .send(to_a, Lane::Live, Bytes::from_static(b"back"))
        .unwrap();
    assert_eq!(a.message(), (to_b, Lane::Live, Bytes::from_static(b"back")));
}

#[test]
fn a_large_message_is_whole_and_a_larger_one_refused() {
    let (a, to_b, b, _) = pair();
    let large = Bytes::from(
        (0..20_000_000u32)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<_>>(),
    );
    a.handle().send(to_b, Lane::Bulk, large.clone()).unwrap();
    assert_eq!(b.message().2, large);
    let error = a
        .handle()
        .send(
            to_b,
            Lane::Bulk,
            Bytes::from(vec![0; Config::default().message_bytes_max + 1]),
        )
        .unwrap_err();
    assert!(matches!(error, SendError::TooLarge { .. }), "{error}");
}

#[test]
fn what_was_written_is_told() {
    let (a, to_b, _b, _) = pair();
    for _ in 0..100 {
        a.handle()
            .send(to_b, Lane::Live, Bytes::from_static(&[7; 50]))
            .unwrap();
    }
    let mut written = 0;
    while written < 5000 {
        written += a.wait("notice", |event| match event {
            PeerEvent::Written { bytes, .. } => Some(bytes),
            _ => None,
        });
    }
    assert_eq!(written, 5000);
    assert_eq!(a.handle().queued_bytes(to_b, Lane::Live), 0);
}

#[test]
fn nodes_that_dial_each_other_keep_one_link() {
    let ca = cluster();
    let nodes: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| Node::start(&ca, name))
        .collect();
    for from in &nodes {
        for to in &nodes {
            // Its own address too, as in a list of all members.
            from.connect(to);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let settled = |node: &Node| {
        let links = node.handle().links();
        links.len() == 2
    };
    while !nodes.iter().all(settled) {
        assert!(Instant::now() < deadline, "the links do not settle");
        std::thread::yield_now();
    }
    // Of each node there was one link at a time.
    for node in &nodes {
        let mut up: BTreeMap<String, LinkId> = BTreeMap::new();
        while let Ok(event) = node.events.try_recv() {
            match event {
                PeerEvent::Up { link, node, .. } => {
                    assert_eq!(up.insert(node.to_string(), link), None);
                }
                PeerEvent::Down { link, .. } => up.retain(|_, found| *found != link),
                _ => {}
            }
        }
    }
    for (from, name) in nodes.iter().zip(["a", "b", "c"]) {
        for (to, other) in nodes.iter().zip(["a", "b", "c"]) {
            if name != other {
                from.tell(to, other, &format!("from {name} to {other}"));
            }
        }
    }
}

#[test]
fn another_authority_is_refused_by_both_sides() {
    let ours = cluster();
    // It claims to be the same cluster, but has not got its key.
    let forged = Ca::create(ours.cluster()).unwrap();
    let (a, b) = (Node::start(&ours, "a"), Node::start(&forged, "b"));
    a.connect(&b);
    let reason = a.refused();
    assert!(
        matches!(
            reason,
            LinkError::Certificate(CertificateError::Authority { .. })
        ),
        "{reason}"
    );
    assert_eq!(reason.code(), 5302);
    assert_eq!(reason.retry(), Retry::Never);
    let reason = b.refused();
    assert!(
        matches!(
            reason,
            LinkError::RefusedByPeer { .. } | LinkError::Certificate(_)
        ),
        "{reason}"
    );
    assert!(a.handle().links().is_empty() && b.handle().links().is_empty());
}

#[test]
fn another_cluster_is_refused_by_name_and_told_once() {
    let (ours, theirs) = (cluster(), cluster());
    let (a, b) = (Node::start(&ours, "a"), Node::start(&theirs, "b"));
    a.connect(&b);
    match a.refused() {
        LinkError::Certificate(CertificateError::OtherCluster {
            ours: here,
            theirs: there,
        }) => {
            assert_eq!(here, ours.cluster().to_string());
            assert_eq!(there, theirs.cluster().to_string());
        }
        other => panic!("{other}"),
    }
    // It is dialled again and again, but told once: nothing more comes before this good link.
    let c = Node::start(&ours, "c");
    std::thread::sleep(Duration::from_millis(300));
    c.connect(&a);
    a.wait("link", |event| match event {
        PeerEvent::Refused { reason, .. } => panic!("told again: {reason}"),
        PeerEvent::Up { .. } => Some(()),
        _ => None,
    });
}

#[test]
fn a_second_process_with_the_same_name_is_refused() {
    let ca = cluster();
    let (a, clone) = (Node::start(&ca, "a"), Node::start(&ca, "a"));
    clone.connect(&a);
    let reason = a.refused();
    // Both find out, and either may be the first to say so.
    assert!(
        matches!(
            reason,
            LinkError::NameTaken { .. } | LinkError::RefusedByPeer { .. }
        ),
        "{reason}"
    );
}

#[test]
fn a_line_that_is_cut_goes_down_and_heals() {
    let (a, to_b, b, to_a) = pair_with(&hasty());
    let cut = Shape {
        cut: Cut::Both,
        ..Shape::default()
    };
    assert!(a.handle().set_line("region-b", cut));
    assert_eq!(a.down(to_b), LinkError::TimedOut);
    assert_eq!(b.down(to_a), LinkError::TimedOut);
    // Nothing comes through, however often it is tried.
    std::thread::sleep(Duration::from_millis(300));
    assert!(a.handle().links().is_empty() && b.handle().links().is_empty());
    a.handle().set_line("region-b", Shape::default());
    let (to_b, _) = (a.up("b"), b.up("a"));
    a.handle()
        .send(to_b, Lane::Live, Bytes::from_static(b"again"))
        .unwrap();
    assert_eq!(b.message().2, "again");
}

#[test]
fn a_line_cut_in_one_direction_is_no_link() {
    for cut in [Cut::Outgoing, Cut::Incoming] {
        let (a, to_b, b, to_a) = pair_with(&hasty());
        a.handle().set_line(
            "b",
            Shape {
                cut,
                ..Shape::default()
            },
        );
        a.down(to_b);
        b.down(to_a);
        a.handle().set_line("b", Shape::default());
        a.up("b");
        b.up("a");
    }
}

#[test]
fn a_short_cut_heals_before_the_link_is_given_up() {
    let (a, to_b, b, _) = pair();
    let cut = Shape {
        cut: Cut::Both,
        ..Shape::default()
    };
    a.handle().set_line("b", cut);
    a.handle().set_line("b", Shape::default());
    let reason = a.down(to_b);
    assert!(matches!(reason, LinkError::Cut { .. }), "{reason}");
    a.up("b");
    b.up("a");
}

#[test]
fn a_delay_is_what_a_message_takes() {
    let (a, to_b, b, to_a) = pair();
    let delay = Duration::from_millis(60);
    let shape = Shape {
        delay,
        ..Shape::default()
    };
    a.handle().set_line("b", shape);
    let mut shortest = Duration::MAX;
    for _ in 0..10 {
        let sent = Instant::now();
        a.handle()
            .send(to_b, Lane::Live, Bytes::from_static(b"slow"))
            .unwrap();
        b.message();
        let took = sent.elapsed();
        assert!(took >= delay, "it took only {took:?}");
        shortest = shortest.min(took);
    }
    assert!(
        shortest < delay * 2,
        "the quickest of ten took {shortest:?}"
    );
    // The way back is not slowed.
    let mut shortest = Duration::MAX;
    for _ in 0..10 {
        let sent = Instant::now();
        b.handle()
            .send(to_a, Lane::Live, Bytes::from_static(b"fast"))
            .unwrap();
        a.message();
        shortest = shortest.min(sent.elapsed());
    }
    assert!(shortest < delay, "the quickest of ten took {shortest:?}");
}

#[test]
fn a_receiver_that_stands_still_bounds_the_queue_and_delays_no_other_lane() {
    let ca = cluster();
    let small = Config {
        queue_bytes_max: 256 * 1024,
        receive_bytes_max: 128 * 1024,
        stream_window_bytes: 128 * 1024,
        ..config()
    };
    let (a, b) = (
        Node::start_with(&ca, "a", small.clone()),
        Node::start_with(&ca, "b", small),
    );
    a.connect(&b);
    let (to_b, _) = (a.up("b"), b.up("a"));
    let chunk = Bytes::from(vec![1; 16 * 1024]);
    let mut held = Vec::new();
    let mut sent = 0;
    let deadline = Instant::now() + PATIENCE;
    // The receiver keeps what it gets, so the sender is soon told to stop.
    let mut quiet = Instant::now();
    loop {
        match a.handle().send(to_b, Lane::Bulk, chunk.clone()) {
            Ok(()) => {
                sent += 1;
                quiet = Instant::now();
            }
            Err(SendError::QueueFull { queued_bytes }) => {
                assert!(queued_bytes <= 256 * 1024);
                if quiet.elapsed() > Duration::from_millis(300) {
                    break;
                }
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
        while let Ok(event) = b.events.try_recv() {
            held.push(event);
        }
        assert!(Instant::now() < deadline, "no end to the queue");
    }
    assert!(sent < 100, "{sent} chunks went into a bounded queue");
    a.handle()
        .send(to_b, Lane::Live, Bytes::from_static(b"urgent"))
        .unwrap();
    let urgent = b.wait("urgent message", |event| match event {
        PeerEvent::Message {
            lane: Lane::Live,
            bytes,
            ..
        } => Some(bytes),
        other => {
            held.push(other);
            None
        }
    });
    assert_eq!(urgent, "urgent");
    // Once the receiver goes on, so does the rest.
    let mut received = held
        .iter()
        .filter(|event| matches!(event, PeerEvent::Message { .. }))
        .count();
    held.clear();
    while received < sent {
        b.message();
        received += 1;
    }
}

#[test]
fn a_restarted_peer_is_back_before_the_timeout() {
    let ca = cluster();
    let patient = Config {
        idle_timeout: Duration::from_secs(60),
        ..config()
    };
    let a = Node::start_with(&ca, "a", patient.clone());
    let b = Node::start_with(&ca, "b", patient.clone());
    let listen = b.handle().local_address();
    a.connect(&b);
    let link = a.up("b");
    b.up("a");
    b.transport.stop();
    a.down(link);
    let b = Node::start_with(&ca, "b", Config { listen, ..patient });
    a.up("b");
    b.up("a");
}

#[test]
fn a_peer_that_crashed_and_came_back_is_noticed_before_the_timeout() {
    let ca = cluster();
    let patient = Config {
        idle_timeout: Duration::from_secs(4 * 60),
        ..config()
    };
    let a = Node::start_with(&ca, "a", patient.clone());
    // The same certificate and key before and after, as on disk.
    let bundle = ca.issue("b", "region-b").unwrap();
    let b = Node::start_as(bundle.clone(), patient.clone());
    let listen = b.handle().local_address();
    a.connect(&b);
    let link = a.up("b");
    b.up("a");
    b.transport.crash();
    drop(b.events);
    // Nobody dials from that side: what the new process answers to the old link's messages must do.
    let b = Node::start_as(bundle, Config { listen, ..patient });
    let deadline = Instant::now() + PATIENCE;
    while a
        .handle()
        .send(link, Lane::Live, Bytes::from_static(b"anyone?"))
        != Err(SendError::Gone)
    {
        assert!(Instant::now() < deadline, "the old link is not given up");
        std::thread::sleep(Duration::from_millis(5));
    }
    a.up("b");
    b.up("a");
}

#[test]
fn a_link_that_is_closed_is_dialled_again_until_forgotten() {
    let (a, to_b, b, to_a) = pair();
    b.handle().disconnect(to_a);
    assert_eq!(b.down(to_a), LinkError::ClosedHere);
    a.down(to_b);
    let again = a.up("b");
    b.up("a");
    a.handle().forget(&b.address());
    a.handle().disconnect(again);
    a.down(again);
    std::thread::sleep(Duration::from_millis(300));
    assert!(a.handle().links().is_empty());
    assert_eq!(
        a.handle().send(again, Lane::Live, Bytes::new()),
        Err(SendError::Gone)
    );
}

#[test]
fn many_messages_flow_through_a_full_queue() {
    let (a, to_b, b, _) = pair();
    let message = Bytes::from(vec![3; 300]);
    let count = 100_000usize;
    let started = Instant::now();
    let sender = std::thread::spawn({
        let handle = a.handle().clone();
        move || {
            for _ in 0..count {
                while let Err(error) = handle.send(to_b, Lane::Live, message.clone()) {
                    assert!(matches!(error, SendError::QueueFull { .. }), "{error}");
                    std::thread::yield_now();
                }
            }
        }
    });
    for _ in 0..count {
        b.message();
    }
    sender.join().unwrap();
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!("{rate:.0} messages of 300 bytes a second");
}

/// What a peer that does not keep to the protocol sends on one of its streams.
fn attack(bytes: &'static [u8], lane: Option<Lane>) -> LinkError {
    let ca = cluster();
    let a = Node::start(&ca, "a");
    let address = a.handle().local_address();
    let credentials = Credentials::new(ca.issue("mallory", "region-mallory").unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let (crypto, _) = credentials.client().unwrap();
        let connection = endpoint
            .connect_with(quinn::ClientConfig::new(crypto), address, SERVER_NAME)
            .unwrap()
            .await
            .unwrap();
        let hello = Hello {
            version_min: 1,
            version_max: 1,
            instance: 1,
        }
        .encode();
        let mut streams = Vec::new();
        for opened in Lane::ALL {
            let mut stream = connection.open_uni().await.unwrap();
            if lane.is_some() {
                stream.write_all(&opened.head()).await.unwrap();
                if opened == Lane::Control {
                    stream.write_all(&length_of(&hello)).await.unwrap();
                    stream.write_all(&hello).await.unwrap();
                }
            }
            if lane.is_none_or(|lane| lane == opened) {
                stream.write_all(bytes).await.unwrap();
            }
            streams.push(stream);
        }
        connection.closed().await;
    });
    a.wait("end", |event| match event {
        PeerEvent::Down { reason, .. } | PeerEvent::Refused { reason, .. } => Some(reason),
        _ => None,
    })
}

#[test]
fn what_is_not_the_protocol_closes_the_link() {
    let reason = attack(b"GET / HTTP/1.1\r\n\r\n", None);
    assert!(
        matches!(reason, LinkError::Frame(FrameError::Head { .. })),
        "{reason}"
    );
    assert_eq!(reason.code(), 5310);
    let reason = attack(b"AP\x01\x01", None);
    assert!(
        matches!(
            reason,
            LinkError::Frame(FrameError::LaneTwice { lane: "live" })
        ),
        "{reason}"
    );
}

#[test]
fn a_frame_that_claims_too_much_closes_the_link() {
    let reason = attack(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3], Some(Lane::Live));
    assert_eq!(
        reason,
        LinkError::Frame(FrameError::TooLarge {
            bytes: u64::from(u32::MAX),
            bytes_max: config().message_bytes_max as u64
        })
    );
}

#[test]
fn a_hello_that_is_none_closes_the_link() {
    let ca = cluster();
    assert!(ca.issue("x", "y").is_ok());
    for length in [0u8, 5] {
        let bytes: &'static [u8] = if length == 0 {
            b"AP\x01\x00\0\0\0\0"
        } else {
            b"AP\x01\x00\0\0\0\x02\x01\x01"
        };
        let reason = attack(bytes, None);
        assert!(matches!(reason, LinkError::Frame(_)), "{reason}");
    }
}
