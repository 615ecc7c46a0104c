//! A full disk, in a real process: a file-size limit makes writes fail as they do when nothing is left.
//!
//! The limit holds for a process, so each test runs itself again as a child under `ulimit`, with the signal that comes
//! with the limit ignored, as the server ignores it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use antipode_rocksdb::{Options, RocksStorage};
use antipode_store::{Batch, Health, Space, Storage, StoreError, Sync, Written};
use tempfile::TempDir;

/// Names the directory to a child.
const DIRECTORY: &str = "ANTIPODE_TEST_STORE";

/// The limit in units of 512 bytes: half a megabyte for each file.
const LIMIT_BLOCKS: u32 = 1024;

fn run_child(test: &str, directory: &Path, before: &str) {
    let executable = std::env::current_exe().expect("the test knows its path");
    let command = format!("{before} exec \"$0\" --exact {test} --nocapture");
    let output = Command::new("sh")
        .arg("-c")
        .arg(command)
        .arg(executable)
        .env(DIRECTORY, directory)
        .output()
        .expect("the child starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn child_directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}

fn numbered(number: u32) -> Batch {
    let mut batch = Batch::new();
    batch.put(Space::Documents, &number.to_be_bytes(), &[7; 3000]);
    batch.put(Space::Log, &number.to_be_bytes(), &[9; 1000]);
    batch
}

fn is_there(storage: &RocksStorage, number: u32) -> bool {
    let found = storage.get(Space::Documents, &number.to_be_bytes());
    found.expect("reads go on").is_some()
}

/// Writes numbered batches until one fails; its number and the error.
fn fill(storage: &RocksStorage, first: u32) -> (u32, StoreError) {
    for number in first..first + 10_000 {
        if let Err(error) = storage.write(numbered(number), Sync::Yes) {
            return (number, error);
        }
    }
    panic!("the limit was never met");
}

#[test]
fn a_full_disk_makes_the_store_read_only_until_it_recovers() {
    let Some(path) = child_directory() else {
        let directory = TempDir::new().expect("a temporary directory");
        run_child(
            "a_full_disk_makes_the_store_read_only_until_it_recovers",
            directory.path(),
            &format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS};"),
        );
        // Without the limit, another process finds what the child was told is there.
        let storage = RocksStorage::open(directory.path(), Options::default());
        let storage = storage.expect("the store opens");
        let marker = storage.get(Space::Meta, b"written").expect("it reads");
        let bytes: [u8; 4] = marker
            .as_deref()
            .and_then(|bytes| bytes.try_into().ok())
            .expect("the child left its count");
        let written = u32::from_be_bytes(bytes);
        assert!((0..written).all(|number| is_there(&storage, number)));
        assert!(!is_there(&storage, written));
        return;
    };
    let storage = RocksStorage::open(&path, Options::default()).expect("the store opens");
    let mut next = 0;
    for _ in 0..3 {
        let (failed, error) = fill(&storage, next);
        assert!(failed > next, "some writes fit");
        assert_eq!(error.code(), 1104, "{error}");
        assert_eq!(error.written(), Written::Nothing, "{error}");
        assert!(matches!(
            storage.health(),
            Health::ReadOnly { code: 1104, .. }
        ));
        let refused = storage.write(numbered(failed), Sync::No);
        let refused = refused.expect_err("the store takes no writes");
        assert_eq!(refused.code(), 1004, "{refused}");
        assert!(refused.to_string().contains("File too large"), "{refused}");
        assert_eq!(storage.sync().expect_err("no syncs either").code(), 1004);
        assert!((0..failed).all(|number| is_there(&storage, number)));
        assert!(!is_there(&storage, failed));

        let reader = storage.snapshot();
        let busy = storage.recover().expect_err("a reader is in the way");
        assert_eq!(busy.code(), 1303, "{busy}");
        assert!(is_there(&storage, 0));
        drop(reader);

        // Readers that come and go, of which there are always some, are not.
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        let reader = storage.snapshot();
                        std::thread::sleep(Duration::from_millis(2));
                        drop(reader);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(20));
            let recovered = (0..100).any(|_| storage.recover().is_ok());
            stop.store(true, Ordering::SeqCst);
            assert!(recovered, "there is room for a new log");
        });
        assert_eq!(storage.health(), Health::Ready);
        assert!((0..failed).all(|number| is_there(&storage, number)));
        assert!(!is_there(&storage, failed), "nothing of it was applied");
        next = failed;
    }
    let mut batch = Batch::new();
    batch.put(Space::Meta, b"written", &next.to_be_bytes());
    storage.write(batch, Sync::Yes).expect("it writes");
}

#[test]
fn recovery_waits_until_there_is_room() {
    let Some(path) = child_directory() else {
        let directory = TempDir::new().expect("a temporary directory");
        run_child(
            "recovery_waits_until_there_is_room",
            directory.path(),
            // Less than the probe of a recovery.
            "trap '' XFSZ; ulimit -f 256;",
        );
        let storage = RocksStorage::open(directory.path(), Options::default());
        assert!(is_there(&storage.expect("the store opens"), 0));
        return;
    };
    let storage = RocksStorage::open(&path, Options::default()).expect("the store opens");
    let (failed, _) = fill(&storage, 0);
    for _ in 0..3 {
        let error = storage.recover().expect_err("there is no room");
        assert_eq!(error.code(), 1104, "{error}");
        assert!(matches!(storage.health(), Health::ReadOnly { .. }));
        assert!((0..failed).all(|number| is_there(&storage, number)));
    }
}

#[test]
fn another_process_finds_the_directory_locked() {
    let Some(path) = child_directory() else {
        let directory = TempDir::new().expect("a temporary directory");
        let storage = RocksStorage::open(directory.path(), Options::default());
        let storage = storage.expect("the store opens");
        run_child(
            "another_process_finds_the_directory_locked",
            directory.path(),
            "",
        );
        storage.write(numbered(0), Sync::Yes).expect("it writes");
        return;
    };
    let error = match RocksStorage::open(&path, Options::default()) {
        Ok(_) => panic!("the store opens twice"),
        Err(error) => error,
    };
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
}
