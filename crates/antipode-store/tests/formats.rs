//! The bytes of every record, held against files that were written when the format was made. A reader opens them for
//! ever; a change of format adds a version and its files, and leaves these as they are.
//!
//! `UPDATE=1` writes the files of the newest versions.

use std::sync::Arc;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use antipode_clock::{Context, Dot, Hlc, ReplicaId, Seen, Stamp, TxHeader, VersionVector};
use antipode_crdt::{
    Change, Discard, Document, Number, Operation, Path as AttributePath, Reason, ReplicaNumbers,
};
use antipode_store::record::replicas::ReplicaEntry;
use antipode_store::record::{
    ChainHash, ClockBound, Count, DiscardRecord, DocumentRecord, EdgeEnd, ExpiryMark, GroupState,
    Head, Identity, IndexPhase, IndexRow, IndexState, Membership, Message, Payload, Record,
    ReplicaTable, StoredMessage, TransactionRecord, TxOp, Vector,
};
use antipode_store::{CollectionId, RecordError, StreamId};
use antipode_value::{Str, Value, layout};
use bytes::Bytes;
use proptest::prelude::*;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push('\n');
    }
    text
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits"))
        .collect()
}

/// The bytes of `name` in its version, as they stand in the repository.
fn fixture(name: &str, version: u8, newest: &[u8]) -> Vec<u8> {
    let path = directory().join(format!("{name}.v{version}.hex"));
    // A file of an older version stays as it was written.
    if std::env::var_os("UPDATE").is_some() && newest.first() == Some(&version) {
        fs::create_dir_all(directory()).expect("the directory is made");
        fs::write(&path, to_hex(newest)).expect("the file is written");
    }
    let text = fs::read_to_string(&path);
    from_hex(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn check<R: Record + Debug + PartialEq>(name: &str, record: &R) {
    let bytes = record.seal();
    assert_eq!(bytes[0], R::VERSION);
    assert_eq!(
        to_hex(&fixture(name, R::VERSION, &bytes)),
        to_hex(&bytes),
        "the bytes of {name} changed: that needs a new version"
    );
    for version in 1..=R::VERSION {
        let stored = fixture(name, version, &bytes);
        assert_eq!(
            R::open(&stored).as_ref(),
            Ok(record),
            "{name} version {version}"
        );
    }
    refuses_damage::<R>(name, &bytes);
}

fn refuses_damage<R: Record + Debug>(name: &str, bytes: &[u8]) {
    for at in 0..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 0x04;
        assert!(
            matches!(R::open(&flipped), Err(RecordError::Checksum { .. })),
            "{name} with a bit flipped at {at}"
        );
        assert!(R::open(&bytes[..at]).is_err(), "{name} cut at {at}");
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert!(R::open(&longer).is_err(), "{name} with a byte more");
    for version in [0, R::VERSION + 1, 0xff] {
        let newer = with_version(bytes, version);
        let found = R::open(&newer);
        assert!(
            matches!(found, Err(RecordError::Version { .. })),
            "{name} in version {version}: {found:?}"
        );
    }
}

/// The same record in another version, its checksum right.
fn with_version(bytes: &[u8], version: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[0] = version;
    with_checksum(changed)
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..1]), &bytes[5..]);
    bytes[1..5].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

const TOKYO: ReplicaId = ReplicaId(0x0102_0304_0506_0708);
const FRANKFURT: ReplicaId = ReplicaId(0xa1a2_a3a4_a5a6_a7a8);

fn clock(counter: u16) -> Hlc {
    Hlc::new(1_700_000_000_123, counter)
}

fn seen(seq: u64) -> Seen {
    Seen { seq, hlc: clock(9) }
}

fn message() -> Message {
    let payload = Value::object([("n", Value::Int(7)), ("text", Value::from("größer"))]);
    Message {
        key: Some(Str::from("order-17")),
        properties: vec![(Str::from("kind"), Str::from("visit"))],
        event_time_ms: -1,
        payload: Payload::of(&payload).expect("it is small"),
    }
}

#[test]
fn small_records() {
    check(
        "identity",
        &Identity {
            replica: TOKYO,
            cluster: Str::from("demo"),
            node: Str::from("tokyo-1"),
        },
    );
    check("clock_bound", &ClockBound(clock(3)));
    check("count", &Count(300));
    check("replica_number", &ReplicaEntry(FRANKFURT));
    check("edge_end", &EdgeEnd(Str::from("airports/HND")));
    check("expiry_mark", &ExpiryMark);
    check(
        "index_row",
        &IndexRow {
            key_bytes: 3,
            content: Bytes::from_static(&[0x41]),
        },
    );
    check(
        "index_state",
        &IndexState {
            phase: IndexPhase::Building,
            built_to: Some(Str::from("hnd")),
            documents: 300,
            duplicates: 1,
            entries: 301,
            sketch: Bytes::from_static(&[0, 2, 1]),
        },
    );
    check("membership", &Membership(Bytes::from_static(b"\x01opaque")));
}

#[test]
fn state_of_a_group() {
    let vector: VersionVector = [(TOKYO, 300), (FRANKFURT, 2)].into_iter().collect();
    check(
        "group_state",
        &GroupState {
            vv: Arc::new(vector.clone()),
            digest: 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff,
            counts: vec![(CollectionId(7), 300), (CollectionId(2), 0)],
        },
    );
    check("vector", &Vector(vector));
    let context: Context = [(TOKYO, seen(299)), (FRANKFURT, seen(2))]
        .into_iter()
        .collect();
    check(
        "head",
        &Head {
            seq: 300,
            hlc: clock(12),
            chain: ChainHash(0x1122_3344_5566_7788),
            context,
            boots: vec![(0xb001, 120), (0xb002, 300)],
        },
    );
}

#[test]
fn messages_and_reports() {
    check(
        "message",
        &StoredMessage {
            hlc: clock(12),
            transaction_seq: 300,
            message: message(),
        },
    );
    let raw = Message {
        key: None,
        properties: Vec::new(),
        event_time_ms: 1_700_000_000_000,
        payload: Payload::Raw(Bytes::from_static(b"\0\xff")),
    };
    check(
        "message_raw",
        &StoredMessage {
            hlc: clock(13),
            transaction_seq: 301,
            message: raw,
        },
    );
    check(
        "discard",
        &DiscardRecord {
            key: Str::from("SFO"),
            discard: Discard {
                path: AttributePath::new(["tags", "main"]),
                value: Some(Value::from("hub")),
                reason: Reason::Overwritten,
                lost: Stamp::new(clock(1), TOKYO),
                winner: Some(Stamp::new(clock(2), FRANKFURT)),
            },
        },
    );
    check(
        "discard_removed",
        &DiscardRecord {
            key: Str::from("SFO"),
            discard: Discard {
                path: AttributePath::ROOT,
                value: None,
                reason: Reason::Removed,
                lost: Stamp::new(clock(1), TOKYO),
                winner: None,
            },
        },
    );
    let duplicate = DiscardRecord {
        key: Str::from("SFO"),
        discard: Discard {
            path: AttributePath::new(["code"]),
            value: Some(Value::from("sfo")),
            reason: Reason::Duplicate,
            lost: Stamp::new(clock(2), TOKYO),
            winner: Some(Stamp::new(clock(1), FRANKFURT)),
        },
    };
    assert_eq!(DiscardRecord::open(&duplicate.seal()), Ok(duplicate));
}

fn header(ticks: u32) -> TxHeader {
    TxHeader {
        dot: Dot::new(TOKYO, 300),
        stamp: Stamp::new(clock(12), TOKYO),
        ticks,
        boot: Some(0xb002),
        delta: vec![(FRANKFURT, seen(2))],
    }
}

fn operations() -> Vec<TxOp> {
    vec![
        TxOp::Document {
            collection: CollectionId(0xc011),
            key: Str::from("SFO"),
            operation: Operation::Put {
                ends: vec![Stamp::new(clock(1), FRANKFURT)],
                value: Value::object([("name", Value::from("San Francisco"))]),
            },
        },
        TxOp::Message {
            stream: StreamId(0x57e4),
            message: message(),
        },
    ]
}

fn previous() -> ChainHash {
    ChainHash(0x1122_3344_5566_7788)
}

#[test]
fn transactions() {
    let sealed = TransactionRecord::seal(&header(2), previous(), &operations());
    let stored = fixture("transaction", TransactionRecord::VERSION, &sealed);
    assert_eq!(
        to_hex(&stored),
        to_hex(&sealed),
        "the bytes changed: that needs a new version"
    );
    let record = TransactionRecord::open(Bytes::from(stored)).expect("it opens");
    assert_eq!(record.header(), &header(2));
    assert_eq!(record.previous(), previous());
    assert!(record.is(Dot::new(TOKYO, 300)) && !record.is(Dot::new(TOKYO, 301)));
    assert_eq!(record.operation_count(), 2);
    let read: Vec<(Stamp, TxOp)> = record
        .operations()
        .collect::<Result<_, _>>()
        .expect("they decode");
    let stamps: Vec<Stamp> = read.iter().map(|(stamp, _)| *stamp).collect();
    assert_eq!(
        stamps,
        [Stamp::new(clock(12), TOKYO), Stamp::new(clock(13), TOKYO)]
    );
    let read: Vec<TxOp> = read.into_iter().map(|(_, operation)| operation).collect();
    let again = TransactionRecord::seal(record.header(), record.previous(), &read);
    assert_eq!(again, sealed, "what was read is what was written");
    assert_eq!(
        record.chain().0,
        0x2661_3783_e16f_f0c5,
        "the chain hash is part of the format"
    );
}

#[test]
fn an_empty_transaction_keeps_its_place() {
    let sealed = TransactionRecord::seal(&header(1), ChainHash::default(), &[]);
    let record = TransactionRecord::open(sealed).expect("it opens");
    assert_eq!(record.operation_count(), 0);
    assert_eq!(record.operations().count(), 0);
}

#[test]
fn a_transaction_chains_to_the_one_before() {
    let first = TransactionRecord::seal(&header(2), ChainHash::default(), &operations());
    let first = TransactionRecord::open(first).expect("it opens");
    let second = TransactionRecord::seal(&header(2), first.chain(), &operations());
    let second = TransactionRecord::open(second).expect("it opens");
    assert_eq!(second.previous(), first.chain());
    assert_ne!(second.chain(), first.chain());
}

/// A record by hand: as a newer version of this program may write it, or an enemy.
fn assembled(header_more: &[u8], ticks: u32, operations: &[(u8, &[u8])]) -> Bytes {
    use antipode_clock::codec::Writer;
    let mut encoded = Writer::new();
    header(ticks).encode(&mut encoded);
    encoded.raw(header_more);
    let mut out = Writer::new();
    out.u8(TransactionRecord::VERSION);
    out.u32_fixed(0);
    out.u64_fixed(previous().0);
    out.bytes(encoded.as_slice());
    out.varint(operations.len() as u64);
    for (kind, payload) in operations {
        out.u8(*kind);
        out.bytes(payload);
    }
    Bytes::from(with_checksum(out.into_bytes()))
}

#[test]
fn what_a_newer_version_adds_is_kept_and_named() {
    let bytes = assembled(b"a later field", 3, &[(9, b"later"), (200, b"")]);
    let record = TransactionRecord::open(bytes.clone()).expect("header and frame are known");
    assert_eq!(record.header(), &header(3));
    assert_eq!(record.bytes(), &bytes);
    assert_eq!(record.operation_count(), 2);
    let errors: Vec<RecordError> = record.operations().filter_map(Result::err).collect();
    let unknown = |index, kind| RecordError::UnknownOperation {
        index,
        what: "kind",
        kind,
    };
    assert_eq!(errors, [unknown(0, 9), unknown(1, 200)]);
}

#[test]
fn a_transaction_has_a_tick_for_each_operation() {
    let record = assembled(b"", 1, &[(9, b""), (9, b"")]);
    assert!(matches!(
        TransactionRecord::open(record),
        Err(RecordError::Malformed(_))
    ));
}

#[test]
fn a_damaged_transaction_is_refused() {
    let sealed = TransactionRecord::seal(&header(2), previous(), &operations());
    for at in 0..sealed.len() {
        let mut flipped = sealed.to_vec();
        flipped[at] ^= 0x80;
        assert!(matches!(
            TransactionRecord::open(Bytes::from(flipped)),
            Err(RecordError::Checksum { .. })
        ));
        assert!(TransactionRecord::open(sealed.slice(..at)).is_err());
    }
}

#[test]
fn a_payload_from_a_peer_is_verified() {
    use antipode_clock::codec::Writer;
    let mut payload = Writer::new();
    payload.u64_fixed(1);
    payload.u8(0);
    payload.varint(0);
    payload.varint_signed(0);
    payload.u8(0);
    payload.bytes(b"\x7e\x01 not a packed value");
    let record = assembled(b"", 1, &[(2, payload.as_slice())]);
    let record = TransactionRecord::open(record).expect("the frame is right");
    let error = record
        .operations()
        .find_map(Result::err)
        .expect("it is refused");
    assert!(
        matches!(
            error,
            RecordError::Part {
                part: "payload",
                ..
            }
        ),
        "{error}"
    );
}

/// A document of three operations, two of them concurrent, so that its metadata has something to say.
fn document() -> Document {
    let mut document = Document::default();
    let begun = Stamp::new(clock(1), TOKYO);
    let seen_by_all: Context = [(
        TOKYO,
        Seen {
            seq: 1,
            hlc: clock(1),
        },
    )]
    .into_iter()
    .collect();
    let patch = |change| Operation::Patch {
        lives: vec![begun],
        changes: vec![(AttributePath::new(["visits"]), change)],
    };
    let value = Value::object([("name", Value::from("Haneda")), ("visits", Value::Int(1))]);
    let put = Operation::Put {
        ends: Vec::new(),
        value,
    };
    document.apply(&put, begun, &Context::new());
    for replica in [TOKYO, FRANKFURT] {
        let increment = patch(Change::Increment(Number::Int(1)));
        document.apply(&increment, Stamp::new(clock(2), replica), &seen_by_all);
    }
    document
}

#[test]
fn documents() {
    let mut numbers = ReplicaTable::default();
    let document = document();
    let sealed = DocumentRecord::seal(&document, &mut numbers);
    let stored = fixture("document", DocumentRecord::VERSION, sealed.bytes());
    assert_eq!(
        to_hex(&stored),
        to_hex(sealed.bytes()),
        "the bytes changed: that needs a new version"
    );
    let stored = Bytes::from(stored);
    let record = DocumentRecord::open(&stored).expect("it opens");
    assert_eq!(record.document(&numbers).expect("it decodes"), document);
    let shown = record
        .shown(&numbers)
        .expect("it decodes")
        .expect("it exists");
    assert_eq!(shown.value.attribute("visits"), Value::Int(3));
    assert_eq!(Some(shown.revision()), sealed.revision());
    assert_eq!(&shown.body()[..], sealed.body());
    let nobody = ReplicaTable::default();
    let error = record
        .document(&nobody)
        .expect_err("its replicas are unknown");
    assert!(
        matches!(
            error,
            RecordError::Part {
                part: "document",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_damaged_document_is_met_when_it_is_to_be_changed() {
    let mut numbers = ReplicaTable::default();
    let sealed = Bytes::from(DocumentRecord::seal(&document(), &mut numbers));
    for at in 0..sealed.len() {
        let mut flipped = sealed.to_vec();
        flipped[at] ^= 0x04;
        let flipped = Bytes::from(flipped);
        assert!(matches!(
            DocumentRecord::open(&flipped),
            Err(RecordError::Checksum { .. })
        ));
        // A scan takes what it finds, but stays within its bounds.
        let _ = DocumentRecord::peek(&flipped).and_then(|record| record.shown(&numbers));
        let cut = DocumentRecord::peek(&sealed.slice(..at));
        let _ = cut.and_then(|record| record.shown(&numbers));
    }
    let newer = Bytes::from(with_version(&sealed, DocumentRecord::VERSION + 1));
    assert!(matches!(
        DocumentRecord::peek(&newer),
        Err(RecordError::Version { .. })
    ));
}

fn open_all(bytes: &[u8]) {
    let mut numbers = ReplicaTable::default();
    numbers.number(TOKYO);
    let document = Bytes::copy_from_slice(bytes);
    let _ = DocumentRecord::open(&document).and_then(|record| record.document(&numbers));
    let _ = DocumentRecord::peek(&document).and_then(|record| record.shown(&numbers));
    let _ = Identity::open(bytes);
    let _ = ClockBound::open(bytes);
    let _ = Count::open(bytes);
    let _ = ReplicaEntry::open(bytes);
    let _ = EdgeEnd::open(bytes);
    let _ = ExpiryMark::open(bytes);
    let _ = IndexRow::open(bytes);
    let _ = IndexState::open(bytes);
    let _ = GroupState::open(bytes);
    let _ = Membership::open(bytes);
    let _ = Vector::open(bytes);
    let _ = Head::open(bytes);
    let _ = StoredMessage::open(bytes);
    if let Ok(record) = DiscardRecord::open(bytes)
        && let Some(value) = record.discard.value
    {
        let _ = layout::encode(&value);
    }
    if let Ok(record) = TransactionRecord::open(Bytes::copy_from_slice(bytes)) {
        for operation in record.operations() {
            let _ = operation;
        }
    }
}

/// The records of all files.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut samples: Vec<Vec<u8>> = fs::read_dir(directory())
        .expect("the files are there")
        .map(|entry| {
            let path = entry.expect("the directory is read").path();
            from_hex(&fs::read_to_string(path).expect("the file is read"))
        })
        .collect();
    samples.sort();
    samples
});

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        // A failure prints its input; it is then a test of its own, not a file.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Bytes with a right checksum reach the decoders; whatever they are, the result is a record or an error.
    #[test]
    fn hostile_bytes_never_panic(version in 0..3_u8, body: Vec<u8>) {
        let mut bytes = vec![version, 0, 0, 0, 0];
        bytes.extend_from_slice(&body);
        open_all(&with_checksum(bytes));
        open_all(&body);
    }

    /// The same for records that are almost right.
    #[test]
    fn changed_records_never_panic(which: prop::sample::Index, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = which.get(&SAMPLES).clone();
        let at = 5 + at.index(bytes.len().saturating_sub(5).max(1));
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(5 + cut.index(bytes.len() * 2));
        bytes.resize(bytes.len().max(5), 0);
        open_all(&with_checksum(bytes));
    }
}

#[test]
fn every_format_is_in_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let page = fs::read_to_string(page).expect("docs/formats.md is there");
    for entry in fs::read_dir(directory()).expect("the files are there") {
        let name = entry.expect("the directory is read").file_name();
        let name = name.to_string_lossy();
        let record = name.split('.').next().unwrap_or_default();
        assert!(
            page.contains(&format!("### {record}\n")) || page.contains(&format!("`{record}`")),
            "{record} is missing"
        );
    }
}
