//! What one write costs in the core: resolve, encode the operation, read the stored document, apply, store.
//!
//! `cargo bench -p antipode-crdt`. Figures are for one thread, 200-byte documents, nothing shared with a disk.
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::time::Instant;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, Stamp};
use antipode_crdt::{
    Document, Draft, DraftChange, Number, Operation, Path, ReplicaNumbers, WriterRules, digest,
    resolve, shown_packed,
};
use antipode_value::Value;
use bytes::Bytes;

struct OneReplica(ReplicaId);

impl ReplicaNumbers for OneReplica {
    fn number(&mut self, _: ReplicaId) -> u32 {
        0
    }

    fn replica(&self, _: u32) -> Option<ReplicaId> {
        Some(self.0)
    }
}

const BODY: &str = r#"{"name":"Frankfurt am Main","iata":"FRA","city":"Frankfurt","country":"Germany","latitude":50.0333,
    "longitude":8.5706,"elevation":364,"tags":["hub","international"],"visits":12,"runways":4}"#;

/// Rounds of each measurement; `ANTIPODE_ROUNDS` sets fewer for a profiler.
fn rounds() -> u32 {
    let set = std::env::var("ANTIPODE_ROUNDS").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(200_000)
}

/// Measures what has `filter` (the first argument) in its name; the others run once.
fn measure(name: &str, mut run: impl FnMut()) {
    let filter = std::env::args()
        .nth(1)
        .filter(|filter| !filter.starts_with('-'));
    if filter.is_some_and(|filter| !name.contains(&filter)) {
        return run();
    }
    let rounds = rounds();
    for _ in 0..rounds / 10 {
        run();
    }
    let start = Instant::now();
    for _ in 0..rounds {
        run();
    }
    let nanoseconds = start.elapsed().as_nanos() / u128::from(rounds.max(1));
    println!("{name:<55} {nanoseconds:>7} ns");
}

fn main() {
    let replica = ReplicaId(7);
    let first = Stamp::new(Hlc::new(1_793_000_000_000, 0), replica);
    let second = first.plus(70_000);
    let mut context = Context::new();
    for other in 1..=3 {
        context.advance(
            ReplicaId(other),
            Seen {
                seq: 5,
                hlc: first.hlc,
            },
        );
    }
    let value = Value::from_json(BODY).expect("JSON");
    let rules = WriterRules::default();
    let mut numbers = OneReplica(replica);
    let mut out = Vec::with_capacity(4_096);

    let mut write = |name: &str, record: Option<&Bytes>, draft: &Draft, stamp: Stamp| {
        measure(name, || {
            let mut document = match record {
                Some(record) => Document::decode(record, &numbers).expect("record"),
                None => Document::default(),
            };
            let operation = resolve(&document, draft, &rules).expect("draft");
            black_box(operation.encode());
            black_box(document.apply(&operation, stamp, &context));
            out.clear();
            let encoded = document.encode(&mut numbers, &mut out);
            if let Some(revision) = &encoded.revision {
                black_box(digest(b"collection", "key", &out[encoded.body], revision));
            }
        });
        Bytes::from(out.clone())
    };

    let insert = Draft::Insert(value.clone());
    let put = Draft::Put(value);
    let at = |name: &str, change: DraftChange| Draft::Update(vec![(Path::new([name]), change)]);
    let assign = at("city", DraftChange::Assign(Value::from("Mainz")));
    let increment = at("visits", DraftChange::Increment(Number::Int(1)));
    let append = at("tags", DraftChange::Append(vec![Value::from("new")]));

    let inserted = write(
        "insert: resolve, encode, apply, store, digest",
        None,
        &insert,
        first,
    );
    write("put: the same", None, &put, first);
    write(
        "put over a stored document: read, then the same",
        Some(&inserted),
        &put,
        second,
    );
    let patched = write("assign of one attribute", Some(&inserted), &assign, second);
    write(
        "assign again, on the patched document",
        Some(&patched),
        &assign,
        second.plus(1),
    );
    let counted = write("increment", Some(&inserted), &increment, second);
    write(
        "increment again",
        Some(&counted),
        &increment,
        second.plus(1),
    );
    write("append to an array", Some(&inserted), &append, second);

    let operation = resolve(&Document::default(), &insert, &rules).expect("draft");
    let bytes = Bytes::from(operation.encode());
    measure("remote insert: decode, apply, store", || {
        let operation = Operation::decode(&bytes).expect("operation");
        let mut document = Document::default();
        document.apply(&operation, first, &context);
        let mut out = Vec::with_capacity(512);
        black_box(document.encode(&mut OneReplica(replica), &mut out));
    });
    let reader = OneReplica(replica);
    measure("scan: shown in place, one attribute read", || {
        let shown = shown_packed(&inserted, &reader)
            .expect("record")
            .expect("exists");
        black_box(shown.value.attribute("elevation"));
    });
    measure("scan: the same with its version as text", || {
        let shown = shown_packed(&inserted, &reader)
            .expect("record")
            .expect("exists");
        black_box(shown.revision().to_string());
    });
}
