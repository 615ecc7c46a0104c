//! Crashes, power cuts and failures of the disk in memory.

use antipode_store::memory::{Crash, Faults};
use antipode_store::{
    Batch, Direction, Health, KeyRange, MemoryDisk, MemoryStorage, Space, Storage, StoreError,
    Sync, Written,
};

fn numbered(number: u8) -> Batch {
    let mut batch = Batch::new();
    batch.put(Space::Documents, &[number], &[number; 20]);
    batch.put(Space::Log, &[number], &[number; 30]);
    batch
}

fn write(storage: &MemoryStorage, number: u8, sync: Sync) {
    storage.write(numbered(number), sync).expect("it writes");
}

/// The numbers of the batches that are there; each must be whole.
fn numbers(storage: &MemoryStorage) -> Vec<u8> {
    let snapshot = storage.snapshot();
    let keys = |space| {
        let mut keys = Vec::new();
        let mut cursor = snapshot.scan(space, KeyRange::all(), Direction::Forward);
        while let Some((key, _)) = cursor.next().expect("it scans") {
            keys.extend_from_slice(key);
        }
        keys
    };
    let documents = keys(Space::Documents);
    assert_eq!(documents, keys(Space::Log), "half of a batch");
    documents
}

fn crashed(disk: &MemoryDisk, crash: Crash) -> MemoryStorage {
    disk.crash(crash);
    disk.open().expect("a crashed disk can be opened")
}

#[test]
fn a_process_crash_keeps_all_and_a_power_cut_what_was_synced() {
    let storage = MemoryStorage::new();
    let disk = storage.disk();
    write(&storage, 1, Sync::No);
    write(&storage, 2, Sync::Yes);
    write(&storage, 3, Sync::No);
    assert_eq!((disk.unsynced_batches(), disk.syncs()), (1, 1));
    let storage = crashed(&disk, Crash::Process);
    assert_eq!(numbers(&storage), [1, 2, 3]);
    write(&storage, 4, Sync::No);
    // A crash of the process synced nothing.
    assert_eq!(disk.unsynced_batches(), 2);
    let storage = crashed(
        &disk,
        Crash::Power {
            kept: 0,
            torn_bytes: None,
        },
    );
    assert_eq!(numbers(&storage), [1, 2]);
    assert_eq!(disk.unsynced_batches(), 0);
    write(&storage, 5, Sync::No);
    storage.sync().expect("it syncs");
    let storage = crashed(
        &disk,
        Crash::Power {
            kept: 0,
            torn_bytes: None,
        },
    );
    assert_eq!(numbers(&storage), [1, 2, 5]);
}

#[test]
fn a_power_cut_keeps_a_prefix_and_drops_a_torn_batch_whole() {
    for kept in 0..=3 {
        for torn_bytes in (0..120)
            .step_by(7)
            .map(Some)
            .chain([None, Some(usize::MAX)])
        {
            let storage = MemoryStorage::new();
            write(&storage, 0, Sync::Yes);
            for number in 1..=3 {
                write(&storage, number, Sync::No);
            }
            let storage = crashed(&storage.disk(), Crash::Power { kept, torn_bytes });
            let expected: Vec<u8> = (0..=u8::try_from(kept).expect("small")).collect();
            assert_eq!(numbers(&storage), expected, "torn at {torn_bytes:?}");
        }
    }
}

#[test]
fn handles_of_a_crashed_process_are_dead() {
    let storage = MemoryStorage::new();
    let disk = storage.disk();
    assert!(matches!(disk.open(), Err(StoreError::Locked { .. })));
    write(&storage, 1, Sync::No);
    let snapshot = storage.snapshot();
    let next = crashed(&disk, Crash::Process);
    let closed = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Closed));
    assert!(closed(storage.get(Space::Log, &[1]).map(drop)));
    assert!(closed(snapshot.get(Space::Log, &[1]).map(drop)));
    assert!(closed(storage.write(numbered(2), Sync::No)));
    assert!(closed(storage.sync()));
    assert!(closed(storage.recover()));
    drop(storage);
    assert_eq!(numbers(&next), [1]);
    assert!(
        matches!(disk.open(), Err(StoreError::Locked { .. })),
        "dropping a dead handle does not close the living one"
    );
    drop(next);
    assert_eq!(numbers(&disk.open().expect("it opens")), [1]);
}

#[test]
fn a_full_disk_refuses_whole_batches_until_there_is_room() {
    let storage = MemoryStorage::new();
    let disk = storage.disk();
    write(&storage, 0, Sync::Yes);
    disk.set_faults(Faults {
        free_bytes: Some(150),
        ..Faults::default()
    });
    write(&storage, 1, Sync::Yes);
    write(&storage, 2, Sync::No);
    let error = storage
        .write(numbered(3), Sync::Yes)
        .expect_err("it is full");
    assert_eq!((error.code(), error.written()), (1104, Written::Nothing));
    assert!(matches!(
        storage.health(),
        Health::ReadOnly { code: 1104, .. }
    ));
    let refused = storage
        .write(Batch::new(), Sync::No)
        .expect_err("read-only");
    assert_eq!(refused.code(), 1004);
    assert_eq!(storage.sync().expect_err("read-only").code(), 1004);
    assert_eq!(numbers(&storage), [0, 1, 2]);
    disk.set_faults(Faults {
        free_bytes: Some(0),
        ..Faults::default()
    });
    assert_eq!(storage.recover().expect_err("still full").code(), 1104);
    disk.set_faults(Faults::default());
    storage.recover().expect("there is room again");
    assert_eq!(storage.health(), Health::Ready);
    assert_eq!(
        disk.unsynced_batches(),
        0,
        "recovery brings all to the disk"
    );
    write(&storage, 4, Sync::Yes);
    assert_eq!(numbers(&storage), [0, 1, 2, 4]);
}

#[test]
fn any_call_can_fail() {
    for failing in 0..4_u64 {
        let run = |faults: Faults| {
            let storage = MemoryStorage::new();
            let disk = storage.disk();
            disk.set_faults(faults);
            let written: Vec<bool> = (0..4)
                .map(|number| storage.write(numbered(number), Sync::Yes).is_ok())
                .collect();
            (storage, disk, written)
        };
        let until_failing: Vec<bool> = (0..4).map(|number| number < failing).collect();
        let acked: Vec<u8> = (0..4)
            .take_while(|number| u64::from(*number) < failing)
            .collect();

        for lands in [false, true] {
            let (storage, _disk, written) = run(Faults {
                fail_write: Some(failing),
                failed_batch_lands: lands,
                ..Faults::default()
            });
            assert_eq!(written, until_failing);
            assert_eq!(numbers(&storage), acked);
            storage.recover().expect("the fault is over");
            let mut expected = acked.clone();
            expected.extend((lands).then_some(acked.len() as u8));
            assert_eq!(numbers(&storage), expected, "lands: {lands}");
        }

        for lands in [false, true] {
            let (storage, disk, written) = run(Faults {
                fail_sync: Some(failing),
                failed_batch_lands: lands,
                ..Faults::default()
            });
            assert_eq!(written, until_failing);
            assert!(matches!(
                storage.health(),
                Health::ReadOnly { code: 1305, .. }
            ));
            assert_eq!(numbers(&storage), acked, "nobody sees what was not synced");
            // The batch is on the disk, or it is not.
            assert_eq!(disk.unsynced_batches(), usize::from(lands));
            let storage = crashed(
                &disk,
                Crash::Power {
                    kept: 1,
                    torn_bytes: None,
                },
            );
            let mut expected = acked.clone();
            expected.extend(lands.then_some(acked.len() as u8));
            assert_eq!(numbers(&storage), expected);
        }

        let storage = MemoryStorage::new();
        write(&storage, 0, Sync::No);
        storage.disk().set_faults(Faults {
            fail_read: Some(failing),
            ..Faults::default()
        });
        let reads: Vec<bool> = (0..4)
            .map(|_| storage.get(Space::Documents, &[0]).is_ok())
            .collect();
        let expected: Vec<bool> = (0..4).map(|number| number != failing).collect();
        assert_eq!(reads, expected);
        assert_eq!(
            storage.health(),
            Health::Ready,
            "a failed read harms nothing"
        );
    }
}

#[test]
fn damage_shows_in_what_is_read() {
    let storage = MemoryStorage::new();
    write(&storage, 7, Sync::Yes);
    let disk = storage.disk();
    assert!(!disk.damage(Space::Log, b"missing", |_| {}));
    assert!(disk.damage(Space::Log, &[7], |bytes| bytes.truncate(3)));
    let found = storage.get(Space::Log, &[7]).expect("it reads");
    assert_eq!(found.as_deref(), Some(&[7_u8; 3][..]));
    let storage = crashed(
        &disk,
        Crash::Power {
            kept: 0,
            torn_bytes: None,
        },
    );
    let found = storage.get(Space::Log, &[7]).expect("it reads");
    assert_eq!(found.as_deref(), Some(&[7_u8; 3][..]));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn the_planted_bug_takes_up_half_a_batch() {
    let storage = MemoryStorage::new();
    let disk = storage.disk();
    disk.accept_torn_batches(true);
    write(&storage, 1, Sync::No);
    let storage = crashed(
        &disk,
        Crash::Power {
            kept: 0,
            torn_bytes: Some(40),
        },
    );
    let document = storage.get(Space::Documents, &[1]).expect("it reads");
    let record = storage.get(Space::Log, &[1]).expect("it reads");
    assert!(document.is_some() && record.is_none());
}
