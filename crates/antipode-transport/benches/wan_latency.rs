//! What the transport adds to a line's delay, under a steady load: `cargo bench -p antipode-transport`.
//!
//! Two transports on loopback with 60 ms between them; 2,000 messages of 300 bytes a second on the live lane, alone and
//! beside a full bulk lane. The figures are what arrives later than the line's delay.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use antipode_transport::{
    Bundle, Ca, ClusterId, Config, Handle, Lane, LinkId, PeerEvent, Shape, Transport,
};
use bytes::Bytes;

const DELAY: Duration = Duration::from_millis(60);
const PER_SECOND: u32 = 2_000;
const SECONDS: u32 = 5;

fn main() {
    let ca = Ca::create(ClusterId::random()).expect("an authority");
    let start = |bundle: Bundle| {
        let (sender, events) = mpsc::channel();
        let config = Config {
            wan: true,
            ..Config::loopback()
        };
        let transport = Transport::start(config, bundle, move |event| {
            // The receiver ends first at the end of a run.
            let _ = sender.send((Instant::now(), event));
        })
        .expect("a transport");
        (transport, events)
    };
    let (a, from_a) = start(ca.issue("a", "here").expect("a bundle"));
    let (b, from_b) = start(ca.issue("b", "there").expect("a bundle"));
    let shape = Shape {
        delay: DELAY,
        ..Shape::default()
    };
    a.handle().set_line("*", shape);
    b.handle().set_line("*", shape);
    a.handle().connect(&b.handle().local_address().to_string());
    let link = loop {
        if let (_, PeerEvent::Up { link, .. }) = from_a.recv().expect("a link") {
            break link;
        }
    };
    measure("live alone", a.handle(), link, &from_b, false);
    measure("live beside bulk", a.handle(), link, &from_b, true);
}

fn measure(
    what: &str,
    handle: &Handle,
    link: LinkId,
    events: &mpsc::Receiver<(Instant, PeerEvent)>,
    bulk: bool,
) {
    let count = PER_SECOND * SECONDS;
    let begun = Instant::now();
    let sender = std::thread::spawn({
        let handle = handle.clone();
        move || {
            let backlog = Bytes::from(vec![7; 64 * 1024]);
            for number in 0..count {
                let due = begun + Duration::from_secs(1) * number / PER_SECOND;
                while Instant::now() < due {
                    std::thread::sleep(Duration::from_micros(200));
                }
                let mut message = vec![0; 300];
                let sent = begun.elapsed().as_nanos() as u64;
                message[..8].copy_from_slice(&sent.to_be_bytes());
                handle
                    .send(link, Lane::Live, message.into())
                    .expect("room in the queue");
                while bulk && handle.send(link, Lane::Bulk, backlog.clone()).is_ok() {}
            }
        }
    });
    let mut added = Vec::new();
    let mut bulk_bytes = 0;
    while added.len() < count as usize {
        let (at, event) = events.recv().expect("messages");
        match event {
            PeerEvent::Message {
                lane: Lane::Live,
                bytes,
                ..
            } => {
                let head = bytes.first_chunk::<8>().expect("a stamp");
                let sent = begun + Duration::from_nanos(u64::from_be_bytes(*head));
                added.push(at.saturating_duration_since(sent).saturating_sub(DELAY));
            }
            PeerEvent::Message { bytes, .. } => bulk_bytes += bytes.len(),
            _ => {}
        }
    }
    sender.join().expect("the sender");
    added.sort_unstable();
    let quantile = |permille: usize| added[(added.len() - 1) * permille / 1000].as_secs_f64() * 1e3;
    println!(
        "{what}: added p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms; bulk {:.1} MB/s",
        quantile(500),
        quantile(990),
        quantile(1000),
        bulk_bytes as f64 / begun.elapsed().as_secs_f64() / 1e6
    );
}
