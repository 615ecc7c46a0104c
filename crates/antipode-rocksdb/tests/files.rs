//! What becomes of a store whose directory is shared, torn, damaged or copied.

use std::fs;
use std::path::{Path, PathBuf};

use antipode_rocksdb::{Options, RocksStorage};
use antipode_store::{Batch, Space, Storage, StoreError, Sync};
use tempfile::TempDir;

fn open(path: &Path) -> RocksStorage {
    RocksStorage::open(path, Options::default()).expect("the store opens")
}

fn open_error(path: &Path) -> StoreError {
    match RocksStorage::open(path, Options::default()) {
        Ok(_) => panic!("the store opens, though it should not"),
        Err(error) => error,
    }
}

fn numbered(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(Space::Documents, &number.to_be_bytes(), &[7; 100]);
    batch.put(Space::Log, &number.to_be_bytes(), &[9; 100]);
    batch
}

/// How many numbered batches are there, each whole, with none missing before another.
fn count(storage: &RocksStorage) -> u32 {
    let mut count = 0;
    loop {
        let key = u32::to_be_bytes(count);
        let document = storage.get(Space::Documents, &key).expect("it reads");
        let record = storage.get(Space::Log, &key).expect("it reads");
        assert_eq!(document.is_some(), record.is_some(), "batch {count}");
        if document.is_none() {
            break;
        }
        count += 1;
    }
    for later in count..count + 50 {
        let found = storage.get(Space::Documents, &later.to_be_bytes());
        assert_eq!(found.expect("it reads"), None, "a hole before {later}");
    }
    count
}

/// Copies a directory as it is, as a crash at this moment would leave it.
fn copy(from: &Path) -> TempDir {
    let to = TempDir::new().expect("a temporary directory");
    for entry in fs::read_dir(from).expect("the directory is read") {
        let entry = entry.expect("the directory is read");
        fs::copy(entry.path(), to.path().join(entry.file_name())).expect("the file is copied");
    }
    to
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the directory is read")
        .map(|entry| entry.expect("the directory is read").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn newest_log(directory: &Path) -> PathBuf {
    files(directory, "log").pop().expect("there is a log")
}

#[test]
fn a_directory_is_open_once() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    let error = open_error(directory.path());
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert_eq!(error.code(), 5252);
    assert!(error.to_string().contains("in use"), "{error}");
    drop(storage);
    open(directory.path());
}

#[test]
fn an_open_snapshot_keeps_the_directory_in_use() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    storage.write(numbered(0), Sync::No).expect("it writes");
    let snapshot = storage.snapshot();
    drop(storage);
    let key = 0_u32.to_be_bytes();
    let found = snapshot.get(Space::Documents, &key).expect("it reads");
    assert!(found.is_some());
    assert!(matches!(
        open_error(directory.path()),
        StoreError::Locked { .. }
    ));
    drop(snapshot);
    open(directory.path());
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("file");
    fs::write(&path, b"something else").expect("the file is written");
    let error = open_error(&path);
    assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
}

#[test]
fn a_log_torn_anywhere_in_its_last_record_loses_that_record_whole() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    for number in 0..9 {
        storage
            .write(numbered(number), Sync::Yes)
            .expect("it writes");
    }
    let before = fs::metadata(newest_log(directory.path()))
        .expect("a log")
        .len();
    storage.write(numbered(9), Sync::No).expect("it writes");
    let crashed = copy(directory.path());
    let after = fs::metadata(newest_log(crashed.path()))
        .expect("a log")
        .len();
    assert!(before < after);
    for length in (before..after).step_by(31).chain([after - 1, after]) {
        let torn = copy(crashed.path());
        let log = fs::OpenOptions::new()
            .write(true)
            .open(newest_log(torn.path()))
            .expect("the log opens");
        log.set_len(length).expect("the log is cut");
        drop(log);
        let recovered = open(torn.path());
        let expected = if length == after { 10 } else { 9 };
        assert_eq!(count(&recovered), expected, "cut at {length} of {after}");
        recovered
            .write(numbered(expected), Sync::Yes)
            .expect("it writes");
        assert_eq!(count(&recovered), expected + 1);
    }
}

#[test]
fn a_log_damaged_in_the_middle_is_reported_not_skipped() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    for number in 0..200 {
        storage
            .write(numbered(number), Sync::Yes)
            .expect("it writes");
    }
    let crashed = copy(directory.path());
    let path = newest_log(crashed.path());
    let mut bytes = fs::read(&path).expect("the log is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    fs::write(&path, bytes).expect("the log is written");
    let error = open_error(crashed.path());
    assert!(matches!(error, StoreError::CorruptFiles { .. }), "{error}");
    assert_eq!(error.code(), 5253);
}

#[test]
fn a_directory_that_lost_its_first_file_is_not_taken_for_a_new_one() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    storage.write(numbered(0), Sync::Yes).expect("it writes");
    drop(storage);
    let current = directory.path().join("CURRENT");
    let kept = fs::read(&current).expect("the file is read");
    fs::remove_file(&current).expect("the file is removed");
    let error = open_error(directory.path());
    assert!(matches!(error, StoreError::CorruptFiles { .. }), "{error}");
    fs::write(&current, kept).expect("the file is written");
    assert_eq!(count(&open(directory.path())), 1);
}

#[test]
fn a_damaged_table_fails_the_read_that_meets_it() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    for number in 0..500 {
        storage
            .write(numbered(number), Sync::No)
            .expect("it writes");
    }
    drop(storage);
    // Opening brings the log into tables.
    drop(open(directory.path()));
    let tables = files(directory.path(), "sst");
    assert!(!tables.is_empty());
    for path in tables {
        let mut bytes = fs::read(&path).expect("the table is read");
        // The first block is data; the tables' footers stay whole.
        bytes[40] ^= 0xff;
        fs::write(&path, bytes).expect("the table is written");
    }
    let storage = open(directory.path());
    let error = storage.get(Space::Documents, &0_u32.to_be_bytes());
    let error = error.expect_err("the block does not fit its checksum");
    assert!(matches!(error, StoreError::CorruptFiles { .. }), "{error}");
}

#[test]
fn a_checkpoint_is_a_store_of_its_own() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    for number in 0..20 {
        storage
            .write(numbered(number), Sync::No)
            .expect("it writes");
    }
    let target = directory.path().join("checkpoint");
    storage
        .checkpoint(&target)
        .expect("the checkpoint is written");
    storage.write(numbered(20), Sync::No).expect("it writes");
    assert_eq!(count(&open(&target)), 20);
    assert_eq!(count(&storage), 21);
}

#[test]
fn an_idle_store_takes_little_memory() {
    let directory = TempDir::new().expect("a temporary directory");
    let storage = open(directory.path());
    storage.write(numbered(0), Sync::Yes).expect("it writes");
    let usage = storage.usage().expect("the store is open");
    let bytes = usage.cache_bytes + usage.write_buffer_bytes + usage.table_reader_bytes;
    assert!(bytes < 8 << 20, "{usage:?}");
}
