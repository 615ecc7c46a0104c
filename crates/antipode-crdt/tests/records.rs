//! Bytes: how many a stored document takes, what damaged ones do, and that unknown ones are named.

mod support;

use antipode_clock::{Context, Hlc, ReplicaId, Seen, StableCut, Stamp};
use antipode_crdt::{
    Change, DecodeError, Document, Draft, DraftChange, ElementId, Number, Operation, Path,
    RemoveMode, Slot, Taken, UniqueElement, WriterRules, resolve, shown_packed,
};
use antipode_value::{Value, identical, layout};
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use support::{Numbers, assign, change, json, put, stamp, stored};

const A: ReplicaId = ReplicaId(0x1234_5678_9abc_def0);
const B: ReplicaId = ReplicaId(0xfedc_ba98_7654_3210);

/// A stamp of our day.
fn now(tick: u64) -> u64 {
    Hlc::new(1_793_000_000_000, 0).plus(tick).0
}

fn write(document: &mut Document, replica: ReplicaId, hlc: u64, draft: &Draft, context: &Context) {
    let operation = resolve(document, draft, &WriterRules::default()).expect("draft");
    document.apply(&operation, stamp(replica, hlc), context);
}

fn record(document: &Document) -> (Bytes, Numbers, usize) {
    let mut numbers = Numbers::default();
    let mut bytes = Vec::new();
    let encoded = document.encode(&mut numbers, &mut bytes);
    let metadata = bytes.len() - encoded.body.len();
    (Bytes::from(bytes), numbers, metadata)
}

const TWO_HUNDRED_BYTES: &str = r#"{"name":"Frankfurt am Main","iata":"FRA","city":"Frankfurt","country":"Germany",
    "latitude":50.0333,"longitude":8.5706,"elevation":364,"tags":["hub","international"],"visits":12,"runways":4,
    "operator":{"name":"Fraport","since":1924}}"#;

#[test]
fn a_document_written_once_carries_at_most_16_bytes_of_metadata() {
    let drafts = [
        Draft::Insert(json(TWO_HUNDRED_BYTES)),
        put(TWO_HUNDRED_BYTES),
        put("{}"),
        put(r#"{"value":"v"}"#),
    ];
    for draft in drafts {
        let mut document = Document::default();
        write(&mut document, A, now(0), &draft, &Context::new());
        let (_, _, metadata) = record(&document);
        assert!(metadata <= 16, "{metadata} bytes for {draft:?}");
        stored(&document).expect("reads back");
    }
}

#[test]
fn a_document_is_stable_when_all_that_made_it_is() {
    let seen = |a, b| -> Context {
        let at = |hlc| Seen {
            seq: 1,
            hlc: Hlc(hlc),
        };
        [(A, at(a)), (B, at(b))].into_iter().collect()
    };
    let mut document = Document::default();
    write(&mut document, A, 5, &put(r#"{"n":1}"#), &Context::new());
    let patch = |name: &str| assign(name, "2");
    write(&mut document, B, 9, &patch("n"), &seen(5, 0));
    // Unseen by the one before it, though its stamp is lower.
    write(&mut document, A, 7, &patch("m"), &seen(5, 0));
    let stable = |a, b| document.is_stable(&StableCut::new(seen(a, b)));
    assert!(!stable(5, 9), "the newest is, but a patch is not");
    assert!(!stable(7, 8));
    assert!(stable(7, 9));
    assert!(Document::default().is_stable(&StableCut::default()));
}

#[test]
fn what_is_stable_leaves_two_stamps() {
    let mut document = Document::default();
    let mut context = Context::new();
    write(
        &mut document,
        A,
        now(0),
        &Draft::Insert(json(TWO_HUNDRED_BYTES)),
        &context,
    );
    context.advance(
        A,
        Seen {
            seq: 1,
            hlc: Hlc(now(0)),
        },
    );
    write(
        &mut document,
        B,
        now(900),
        &assign("operator.since", "1947"),
        &context,
    );
    write(
        &mut document,
        A,
        now(950),
        &change("city", DraftChange::Unset),
        &context,
    );
    let (_, _, unstable) = record(&document);
    let all = [
        (
            A,
            Seen {
                seq: 2,
                hlc: Hlc(now(950)),
            },
        ),
        (
            B,
            Seen {
                seq: 1,
                hlc: Hlc(now(900)),
            },
        ),
    ];
    document.fold(&StableCut::new(all.into_iter().collect()));
    assert!(document.is_folded());
    let (_, _, folded) = record(&document);
    println!("metadata: {unstable} bytes unstable, {folded} bytes folded");
    assert!(folded <= 18 && folded < unstable);
}

#[test]
fn appends_of_one_operation_share_their_metadata() {
    let mut document = Document::default();
    write(
        &mut document,
        A,
        now(0),
        &put(r#"{"log":[]}"#),
        &Context::new(),
    );
    let values: Vec<Value> = (0..1_000).map(Value::Int).collect();
    write(
        &mut document,
        A,
        now(1),
        &change("log", DraftChange::Append(values)),
        &Context::new(),
    );
    let (_, _, metadata) = record(&document);
    assert!(metadata < 80, "{metadata} bytes");
    stored(&document).expect("reads back");
}

#[test]
fn the_body_is_read_in_place() {
    let mut document = Document::default();
    write(
        &mut document,
        A,
        now(0),
        &Draft::Insert(json(TWO_HUNDRED_BYTES)),
        &Context::new(),
    );
    let (bytes, numbers, _) = record(&document);
    let shown = shown_packed(&bytes, &numbers)
        .expect("reads")
        .expect("exists");
    let range = bytes.as_ptr_range();
    assert!(
        range.contains(&shown.body().as_ptr()),
        "the body is no copy"
    );
    assert!(identical(&shown.value, &json(TWO_HUNDRED_BYTES)));
    assert_eq!(Some(shown.revision()), document.revision());
    assert_eq!(shown.revision().to_string().len(), 28);
}

#[test]
fn an_unknown_replica_number_is_named() {
    let mut document = Document::default();
    write(&mut document, A, now(0), &put("{}"), &Context::new());
    let (bytes, _, _) = record(&document);
    let unknown = Document::decode(&bytes, &Numbers::default());
    assert_eq!(unknown, Err(DecodeError::UnknownReplica { number: 0 }));
}

/// One of each kind of change, in the order of their paths.
fn every_change() -> Vec<(Path, Change)> {
    let added = ElementId::Added {
        stamp: stamp(B, 7),
        index: 3,
    };
    let taken = Taken {
        slot: Slot::Front(stamp(B, 7), 3),
        elements: vec![added, ElementId::Base(2)],
    };
    let unique = vec![
        UniqueElement {
            value: Value::from("x"),
            takes: Some(taken),
        },
        UniqueElement {
            value: Value::Int(5),
            takes: None,
        },
    ];
    let at = |name: &str, change: Change| (Path::new([name, "x"]), change);
    vec![
        at("a", Change::Assign(json(r#"{"b":[1,2.5]}"#))),
        at("b", Change::Unset),
        at("c", Change::Object),
        at("d", Change::Increment(Number::Int(-300))),
        at("e", Change::Increment(Number::Float(0.25))),
        at("f", Change::Append(vec![json("[1]"), Value::Null])),
        at("g", Change::Prepend(vec![Value::from("y")])),
        at("h", Change::AddUnique(unique)),
        at("i", Change::RemoveElements(vec![added, ElementId::Base(0)])),
        at("j", Change::Max(Value::Int(9))),
        at("k", Change::Min(Value::from("z"))),
    ]
}

fn operations() -> Vec<Operation> {
    let relative = every_change()
        .into_iter()
        .filter(|(_, change)| change.is_relative())
        .collect();
    let lives = vec![stamp(A, 1), stamp(B, 2)];
    vec![
        Operation::Merge {
            ends: vec![],
            value: json(r#"{"q":{"r":1}}"#),
            changes: relative,
        },
        Operation::Put {
            ends: lives.clone(),
            value: json(r#"{"value":"v"}"#),
        },
        Operation::Patch {
            lives: lives.clone(),
            changes: every_change(),
        },
        Operation::Remove {
            ends: lives.clone(),
            mode: RemoveMode::Final,
        },
        Operation::Remove {
            ends: lives,
            mode: RemoveMode::Yielding,
        },
    ]
}

#[test]
fn operations_read_back_as_they_were() {
    for operation in operations() {
        let bytes = Bytes::from(operation.encode());
        let read = Operation::decode(&bytes).expect("reads");
        assert_eq!(format!("{read:?}"), format!("{operation:?}"));
        assert_eq!(read.encode(), bytes);
    }
}

#[test]
fn what_a_newer_version_writes_is_named() {
    let unknown_operation = Operation::decode(&Bytes::from_static(&[77]));
    assert_eq!(
        unknown_operation.err(),
        Some(DecodeError::Unknown {
            what: "operation",
            tag: 77
        })
    );
    // A patch of no life with one change at the root's attribute "a", of kind 11: text, perhaps.
    let unknown_change = Operation::decode(&Bytes::from_static(&[2, 0, 1, 1, 1, b'a', 11]));
    let error = unknown_change.expect_err("not known");
    assert_eq!(
        error,
        DecodeError::Unknown {
            what: "change",
            tag: 11
        }
    );
    assert_eq!(error.code(), 9);
}

#[test]
fn operations_that_no_writer_makes_are_refused() {
    let patch = |changes| Operation::Patch {
        lives: vec![],
        changes,
    };
    let assign =
        |path: &[&str], value| (Path::new(path.iter().copied()), Change::Assign(json(value)));
    let deep: Vec<String> = (0..layout::NESTING_MAX).map(|_| "d".to_owned()).collect();
    let refused = [
        patch(vec![(Path::ROOT, Change::Unset)]),
        patch(vec![assign(&[], "1")]),
        patch(vec![assign(&["b"], "1"), assign(&["a"], "1")]),
        patch(vec![assign(&["a"], "1"), assign(&["a", "b"], "1")]),
        patch(vec![assign(&["_to"], "1")]),
        patch(vec![assign(&["_from"], "1")]),
        patch(vec![assign(&["_from", "x"], "1")]),
        patch(vec![(Path::new(deep), Change::Assign(json("[1]")))]),
        Operation::Put {
            ends: vec![],
            value: Value::Int(1),
        },
        Operation::Put {
            ends: vec![stamp(A, 2), stamp(A, 1)],
            value: json("{}"),
        },
        Operation::Merge {
            ends: vec![],
            value: json(r#"{"a":1}"#),
            changes: vec![assign(&["b"], "1")],
        },
        Operation::Merge {
            ends: vec![],
            value: json(r#"{"a":1}"#),
            changes: vec![(Path::new(["a", "b"]), Change::Increment(Number::Int(1)))],
        },
    ];
    for operation in refused {
        let read = Operation::decode(&Bytes::from(operation.encode()));
        assert!(
            matches!(read, Err(DecodeError::Malformed { .. })),
            "{operation:?}: {read:?}"
        );
    }
}

/// A document with something of everything in its metadata.
fn rich_document(seed: u64) -> Document {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut document = Document::default();
    let seen = Context::new();
    write(
        &mut document,
        A,
        10,
        &Draft::Insert(json(
            r#"{"a":{"b":1},"l":[1,2,3],"n":1,"_from":"x","_to":"y"}"#,
        )),
        &seen,
    );
    if rng.random_bool(0.5) {
        let begun = resolve(
            &Document::default(),
            &put(r#"{"a":{"c":[1]},"n":2.5}"#),
            &WriterRules::default(),
        );
        document.apply(&begun.expect("draft"), stamp(B, 11), &seen);
    }
    for hlc in 12..20 {
        let draft = match rng.random_range(0..8) {
            0 => change("n", DraftChange::Increment(Number::Float(0.5))),
            1 => change(
                "l",
                DraftChange::AddUnique(vec![Value::Int(2), Value::Int(7)]),
            ),
            2 => change("l", DraftChange::Prepend(vec![Value::Int(0)])),
            3 => change("l", DraftChange::RemoveValues(vec![Value::Int(1)])),
            4 => change("a.b", DraftChange::Unset),
            5 => change("m.x", DraftChange::Max(json("[1]"))),
            6 => assign("_from", r#""z""#),
            _ => Draft::Replace(json(r#"{"n":7,"a":{"b":{"c":1}}}"#)),
        };
        let all = [
            (
                A,
                Seen {
                    seq: hlc,
                    hlc: Hlc(hlc),
                },
            ),
            (
                B,
                Seen {
                    seq: hlc,
                    hlc: Hlc(hlc),
                },
            ),
        ];
        let seen: Context = all.into_iter().collect();
        write(
            &mut document,
            if hlc % 2 == 0 { A } else { B },
            hlc,
            &draft,
            &seen,
        );
    }
    if rng.random_bool(0.3) {
        let removal = resolve(&document, &Draft::Purge, &WriterRules::default()).expect("draft");
        let all = [
            (
                A,
                Seen {
                    seq: 1,
                    hlc: Hlc(30),
                },
            ),
            (
                B,
                Seen {
                    seq: 1,
                    hlc: Hlc(30),
                },
            ),
        ];
        document.apply(
            &removal,
            stamp(ReplicaId(3), 31),
            &all.into_iter().collect(),
        );
    }
    document
}

/// Damages bytes and reads them: an error or another document, never a panic; what can be read can be written again.
#[test]
fn damaged_documents_give_errors() {
    let mut refused = 0;
    for seed in 0..400 {
        let document = rich_document(seed);
        stored(&document).expect("reads back");
        let (bytes, numbers, _) = record(&document);
        let mut rng = SmallRng::seed_from_u64(seed);
        for _ in 0..60 {
            let mut damaged = bytes.to_vec();
            damage(&mut damaged, &mut rng);
            let damaged = Bytes::from(damaged);
            // Reading in place checks the bounds of every access only.
            if let Ok(Some(shown)) = shown_packed(&damaged, &numbers) {
                let _ = shown.value.to_json();
            }
            match Document::decode(&damaged, &numbers) {
                Err(_) => refused += 1,
                Ok(document) => {
                    let _ = document.show();
                    let mut all = Numbers::default();
                    document.encode(&mut all, &mut Vec::new());
                }
            }
        }
    }
    assert!(refused > 10_000, "{refused} refused");
}

#[test]
fn damaged_operations_give_errors() {
    let operations: Vec<Vec<u8>> = operations().iter().map(Operation::encode).collect();
    for seed in 0..20_000 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut bytes = operations[rng.random_range(0..operations.len())].clone();
        damage(&mut bytes, &mut rng);
        if let Ok(operation) = Operation::decode(&Bytes::from(bytes)) {
            // What is accepted can be applied to anything.
            let mut document = rich_document(seed);
            let last = Stamp::new(Hlc(100), ReplicaId(9));
            document.apply(&operation, last, &Context::new());
            stored(&document).unwrap_or_else(|error| panic!("seed {seed}: {operation:?}: {error}"));
        }
    }
}

fn damage(bytes: &mut Vec<u8>, rng: &mut SmallRng) {
    match rng.random_range(0..4) {
        0 => bytes.truncate(rng.random_range(0..bytes.len())),
        1 => {
            let at = rng.random_range(0..=bytes.len());
            bytes.insert(at, rng.random());
        }
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
    }
}
