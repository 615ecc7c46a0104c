//! The autopsy finds what is wrong: a sound directory is damaged in one way after the other. Each damage is one that
//! checksums do not show.

use std::path::Path;

use antipode::{
    CollectionKind, Database, Deletes, Options, OutgoingMessage, RequestOptions, Value,
};
use antipode_jepsen::autopsy::{Ends, autopsy};
use antipode_rocksdb::RocksStorage;
use antipode_store::{Batch, Direction, KeyRange, Space, Storage as _, Sync};

/// A directory with a bit of everything.
fn sound(path: &Path) {
    let database = Database::open(path, Options::default()).expect("a new database");
    let session = database.session(RequestOptions::default());
    for (name, kind) in [
        ("towns", CollectionKind::Document),
        ("roads", CollectionKind::Edge),
    ] {
        session
            .create_collection(name, kind, Deletes::Win)
            .expect("a new name");
    }
    session.create_stream("news").expect("a new name");
    for query in [
        "FOR i IN 1..5 INSERT { _key: TO_STRING(i), n: i } INTO towns",
        "FOR i IN 1..4 INSERT { _from: CONCAT('towns/', i), _to: CONCAT('towns/', i + 1) } INTO roads",
        "REMOVE '3' IN towns",
    ] {
        session.run(query, &Value::Null).expect(query);
    }
    for number in 1..4 {
        let message = OutgoingMessage {
            payload: Value::Int(number),
            ..OutgoingMessage::default()
        };
        session.publish("news", &[message]).expect("a message");
    }
}

/// The entry of a space that stands at `index`, counted in a direction.
fn entry(
    storage: &RocksStorage,
    space: Space,
    index: usize,
    direction: Direction,
) -> (Vec<u8>, Vec<u8>) {
    let snapshot = storage.snapshot();
    let mut cursor = snapshot.scan(space, KeyRange::all(), direction);
    for _ in 0..index {
        cursor.next().expect("a sound store");
    }
    let (key, value) = cursor.next().expect("a sound store").expect("an entry");
    (key.to_vec(), value.to_vec())
}

#[track_caller]
fn finds(damage: impl FnOnce(&RocksStorage, &mut Batch), part: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    sound(directory.path());
    let before = autopsy(directory.path(), &Ends::default()).expect("a sound directory");
    assert!(before.violations.is_empty(), "{}", before.violations.text());
    let storage = RocksStorage::open(directory.path(), antipode_rocksdb::Options::default())
        .expect("a sound store");
    let mut batch = Batch::new();
    damage(&storage, &mut batch);
    storage.write(batch, Sync::Yes).expect("a write");
    drop(storage);
    let found = autopsy(directory.path(), &before.ends).expect("a readable directory");
    let text = found.violations.text();
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

#[test]
fn a_sound_directory_is_sound() {
    let directory = tempfile::tempdir().expect("a directory");
    sound(directory.path());
    let findings = autopsy(directory.path(), &Ends::default()).expect("a sound directory");
    assert!(
        findings.violations.is_empty(),
        "{}",
        findings.violations.text()
    );
    assert_eq!(
        (findings.edges, findings.messages, findings.boots),
        (4, 3, 1)
    );
    assert!(findings.transactions >= 9, "{findings:?}");
}

#[test]
fn a_log_that_lacks_its_end() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (key, _) = entry(storage, Space::Log, 0, Direction::Backward);
        batch.delete(Space::Log, &key);
    };
    finds(damage, "is shorter now");
}

#[test]
fn a_log_with_a_gap() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (key, _) = entry(storage, Space::Log, 2, Direction::Forward);
        batch.delete(Space::Log, &key);
    };
    finds(damage, "the log goes from");
}

#[test]
fn a_dot_that_another_transaction_has() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (_, value) = entry(storage, Space::Log, 3, Direction::Forward);
        let (key, _) = entry(storage, Space::Log, 4, Direction::Forward);
        batch.put(Space::Log, &key, &value);
    };
    finds(damage, "does not hold the hash");
}

#[test]
fn a_document_that_is_not_in_the_digest() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (key, _) = entry(storage, Space::Documents, 0, Direction::Backward);
        batch.delete(Space::Documents, &key);
    };
    finds(damage, "the digest is");
}

#[test]
fn an_index_entry_that_is_not_there() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (key, _) = entry(storage, Space::Edges, 1, Direction::Forward);
        batch.delete(Space::Edges, &key);
    };
    finds(damage, "the edge index lacks");
}

#[test]
fn an_index_entry_without_an_edge() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (mut key, value) = entry(storage, Space::Edges, 1, Direction::Forward);
        key.push(b'x');
        batch.put(Space::Edges, &key, &value);
    };
    finds(damage, "there is no such edge");
}

#[test]
fn a_message_that_is_gone() {
    let damage = |storage: &RocksStorage, batch: &mut Batch| {
        let (key, _) = entry(storage, Space::Streams, 1, Direction::Forward);
        batch.delete(Space::Streams, &key);
    };
    finds(damage, "stream ");
}
