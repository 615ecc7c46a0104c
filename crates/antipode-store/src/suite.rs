//! The suite that every implementation of [`Storage`] passes. It is what holds the memory store, on which the simulator
//! stands, equal to the one on which users' data stands.
//!
//! An implementation's tests name a way to make stores and get one test for each check:
//!
//! ```text
//! antipode_store::conformance_tests!(|| Box::new(Fixture::new()));
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Batch, BatchOperation, Direction, Health, KeyRange, Snapshot, Space, Storage, Sync};

/// A store under test that can be closed and opened again.
pub trait TestStore {
    /// The open store.
    fn storage(&self) -> &dyn Storage;
    /// Closes it, as a process that ends without a word, and opens it again.
    fn reopen(&mut self);
}

/// Makes empty stores.
pub type MakeStore<'a> = &'a dyn Fn() -> Box<dyn TestStore>;

/// One test for each check of the suite, on stores made by `$make`.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!($make; later_changes_of_a_batch_win, spaces_are_apart,
            scans_go_both_ways, seeks_go_both_ways_and_stay_in_range, snapshots_do_not_move,
            odd_keys_and_values_are_kept, many_keys_are_got_at_once, writes_survive_a_restart,
            readers_run_beside_a_writer, random_histories_match_the_model);
    };
    ($make:expr; $($check:ident),+) => {
        $(
            #[test]
            fn $check() {
                $crate::suite::$check(&$make);
            }
        )+
    };
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn write(storage: &dyn Storage, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    storage.write(batch, Sync::No).expect("the write succeeds");
}

fn collect(
    snapshot: &dyn Snapshot,
    space: Space,
    range: KeyRange,
    direction: Direction,
) -> Entries {
    let mut entries = Entries::new();
    let mut cursor = snapshot.scan(space, range, direction);
    while let Some((key, value)) = cursor.next().expect("the scan goes on") {
        entries.push((key.to_vec(), value.to_vec()));
    }
    entries
}

fn keys(entries: &Entries) -> Vec<String> {
    entries
        .iter()
        .map(|(key, _)| String::from_utf8_lossy(key).into_owned())
        .collect()
}

fn got(storage: &dyn Storage, space: Space, key: &[u8]) -> Option<Bytes> {
    storage.get(space, key).expect("the read succeeds")
}

/// Of two changes of one key in a batch the later one stays.
pub fn later_changes_of_a_batch_win(make: MakeStore<'_>) {
    let store = make();
    let storage = store.storage();
    write(storage, |batch| {
        batch.put(Space::Documents, b"a", b"1");
        batch.put(Space::Documents, b"a", b"2");
        batch.delete(Space::Documents, b"b");
        batch.put(Space::Documents, b"b", b"3");
        batch.put(Space::Documents, b"c", b"4");
        batch.delete(Space::Documents, b"c");
        batch.put(Space::Documents, b"d", b"5");
        batch.put(Space::Documents, b"e", b"6");
        batch.delete_range(Space::Documents, b"d", b"e");
        batch.put(Space::Documents, b"dd", b"7");
    });
    let snapshot = storage.snapshot();
    let entries = collect(
        &*snapshot,
        Space::Documents,
        KeyRange::all(),
        Direction::Forward,
    );
    assert_eq!(keys(&entries), ["a", "b", "dd", "e"]);
    assert_eq!(
        got(storage, Space::Documents, b"a").as_deref(),
        Some(&b"2"[..])
    );
    assert_eq!(got(storage, Space::Documents, b"c"), None);
    assert_eq!(storage.health(), Health::Ready);
    storage
        .write(Batch::new(), Sync::Yes)
        .expect("an empty batch is a sync");
}

/// One key in two spaces is two keys.
pub fn spaces_are_apart(make: MakeStore<'_>) {
    let store = make();
    let storage = store.storage();
    write(storage, |batch| {
        for space in Space::ALL {
            batch.put(space, b"key", space.name().as_bytes());
            batch.put(space, b"other", b"");
        }
    });
    write(storage, |batch| {
        batch.delete_range(Space::Log, b"k", b"l");
    });
    let snapshot = storage.snapshot();
    for space in Space::ALL {
        let expected = (space != Space::Log).then_some(space.name().as_bytes());
        assert_eq!(got(storage, space, b"key").as_deref(), expected, "{space}");
        let count = collect(&*snapshot, space, KeyRange::all(), Direction::Forward).len();
        assert_eq!(count, if space == Space::Log { 1 } else { 2 }, "{space}");
    }
}

fn letters(storage: &dyn Storage) {
    write(storage, |batch| {
        for letter in [b"b", b"d", b"f", b"h"] {
            batch.put(Space::Edges, letter, letter);
        }
    });
}

/// Ranges include their start and not their end, in either direction.
pub fn scans_go_both_ways(make: MakeStore<'_>) {
    let store = make();
    letters(store.storage());
    let snapshot = store.storage().snapshot();
    let check = |range: KeyRange, expected: &[&str]| {
        let scan = |direction| keys(&collect(&*snapshot, Space::Edges, range.clone(), direction));
        assert_eq!(scan(Direction::Forward), expected, "{range:?}");
        let mut backward = scan(Direction::Backward);
        backward.reverse();
        assert_eq!(backward, expected, "{range:?} backward");
    };
    check(KeyRange::all(), &["b", "d", "f", "h"]);
    check(KeyRange::between(*b"b", *b"h"), &["b", "d", "f"]);
    check(KeyRange::between(*b"c", *b"g"), &["d", "f"]);
    check(KeyRange::between(*b"c", *b"d"), &[]);
    check(KeyRange::between(*b"d", *b"d"), &[]);
    check(KeyRange::between(*b"h", *b"b"), &[]);
    check(KeyRange::from(*b"f"), &["f", "h"]);
    check(KeyRange::from(*b"i"), &[]);
    check(KeyRange::prefix(*b"d"), &["d"]);
    check(KeyRange::all().ending_before(*b"d"), &["b"]);
}

/// A cursor can be moved either way, and never leaves its range.
pub fn seeks_go_both_ways_and_stay_in_range(make: MakeStore<'_>) {
    let store = make();
    letters(store.storage());
    let snapshot = store.storage().snapshot();
    let check = |direction, seeks: &[(&[u8], Option<&str>)]| {
        let mut cursor = snapshot.scan(Space::Edges, KeyRange::between(*b"c", *b"i"), direction);
        for (target, expected) in seeks {
            cursor.seek(target);
            let found = cursor
                .next()
                .expect("the scan goes on")
                .map(|(key, _)| String::from_utf8_lossy(key).into_owned());
            assert_eq!(found.as_deref(), *expected, "{direction:?} to {target:?}");
        }
    };
    check(
        Direction::Forward,
        &[
            (b"e", Some("f")),
            (b"d", Some("d")),
            (b"a", Some("d")),
            (b"h\0", None),
            (b"h", Some("h")),
            (b"z", None),
            (b"", Some("d")),
        ],
    );
    check(
        Direction::Backward,
        &[
            (b"e", Some("d")),
            (b"f", Some("f")),
            (b"z", Some("h")),
            (b"c", None),
            (b"a", None),
            (b"h", Some("h")),
            (b"", None),
        ],
    );
    let mut cursor = snapshot.scan(Space::Edges, KeyRange::all(), Direction::Forward);
    let mut seen = Vec::new();
    while let Some((key, _)) = cursor.next().expect("the scan goes on") {
        seen.extend_from_slice(key);
    }
    assert_eq!(seen, b"bdfh");
    assert!(cursor.next().expect("the end stays the end").is_none());
    cursor.seek(b"g");
    assert!(cursor.next().expect("a seek leaves the end").is_some());
}

/// A snapshot shows what was there when it was taken, for as long as it lives.
pub fn snapshots_do_not_move(make: MakeStore<'_>) {
    let store = make();
    let storage = store.storage();
    letters(storage);
    let before = storage.snapshot();
    let mut cursor = before.scan(Space::Edges, KeyRange::all(), Direction::Forward);
    assert!(cursor.next().expect("the scan goes on").is_some());
    write(storage, |batch| {
        batch.put(Space::Edges, b"c", b"new");
        batch.put(Space::Edges, b"d", b"changed");
        batch.delete_range(Space::Edges, b"f", b"z");
    });
    let after = storage.snapshot();
    let (key, value) = cursor
        .next()
        .expect("the scan goes on")
        .expect("there is more");
    assert_eq!((key, value), (&b"d"[..], &b"d"[..]));
    let shown = |snapshot: &dyn Snapshot| {
        keys(&collect(
            snapshot,
            Space::Edges,
            KeyRange::all(),
            Direction::Forward,
        ))
    };
    assert_eq!(shown(&*before), ["b", "d", "f", "h"]);
    assert_eq!(shown(&*after), ["b", "c", "d"]);
    assert_eq!(
        before.get(Space::Edges, b"c").expect("the read succeeds"),
        None
    );
    // A snapshot goes wherever its reader goes.
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| after.get(Space::Edges, b"d").expect("the read succeeds"));
        assert_eq!(
            reader.join().expect("the reader ends").as_deref(),
            Some(&b"changed"[..])
        );
    });
}

/// Empty ones, long ones, ones with any byte in them.
pub fn odd_keys_and_values_are_kept(make: MakeStore<'_>) {
    let mut store = make();
    let long_key = vec![0xab; 4096];
    let long_value: Vec<u8> = (0..1_048_576_u32).map(|byte| (byte % 251) as u8).collect();
    let cases: [(&[u8], &[u8]); 6] = [
        (b"", b"under the empty key"),
        (b"empty", b""),
        (b"\0", b"\0\0"),
        (b"\xff\xff", b"\xff"),
        (&long_key, b"long key"),
        (b"long value", &long_value),
    ];
    write(store.storage(), |batch| {
        for (key, value) in cases {
            batch.put(Space::Meta, key, value);
        }
    });
    for round in 0..2 {
        for (key, value) in cases {
            let found = got(store.storage(), Space::Meta, key);
            assert_eq!(found.as_deref(), Some(value), "round {round}");
        }
        let snapshot = store.storage().snapshot();
        let entries = collect(&*snapshot, Space::Meta, KeyRange::all(), Direction::Forward);
        assert_eq!(entries.len(), cases.len());
        drop(snapshot);
        store.reopen();
    }
}

/// Several keys in one call, in any order, some of them twice or missing.
pub fn many_keys_are_got_at_once(make: MakeStore<'_>) {
    let store = make();
    letters(store.storage());
    let snapshot = store.storage().snapshot();
    let wanted: [&[u8]; 5] = [b"f", b"missing", b"b", b"f", b"h"];
    let found = snapshot
        .get_many(Space::Edges, &wanted)
        .expect("the read succeeds");
    let found: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
    assert_eq!(
        found,
        [
            Some(&b"f"[..]),
            None,
            Some(&b"b"[..]),
            Some(&b"f"[..]),
            Some(&b"h"[..])
        ]
    );
    assert!(
        snapshot
            .get_many(Space::Edges, &[])
            .expect("the read succeeds")
            .is_empty()
    );
}

/// What was written, synced or not, is there after the process ended.
pub fn writes_survive_a_restart(make: MakeStore<'_>) {
    let mut store = make();
    for round in 0..3_u8 {
        write(store.storage(), |batch| {
            batch.put(Space::Log, &[round], b"unsynced");
        });
        let mut batch = Batch::new();
        batch.put(Space::Documents, &[round], b"synced");
        batch.delete_range(Space::Log, &[], &[round]);
        store
            .storage()
            .write(batch, Sync::Yes)
            .expect("the write succeeds");
        store.storage().sync().expect("the sync succeeds");
        store.reopen();
        let snapshot = store.storage().snapshot();
        let documents = collect(
            &*snapshot,
            Space::Documents,
            KeyRange::all(),
            Direction::Forward,
        );
        assert_eq!(documents.len(), usize::from(round) + 1);
        let log = collect(&*snapshot, Space::Log, KeyRange::all(), Direction::Forward);
        assert_eq!(log, [(vec![round], b"unsynced".to_vec())]);
    }
}

/// Readers see each batch whole or not at all while a writer goes on.
pub fn readers_run_beside_a_writer(make: MakeStore<'_>) {
    const ROUNDS: u32 = 300;
    let store = make();
    let storage = store.storage();
    let pair = |round: u32| {
        let mut batch = Batch::new();
        batch.put(Space::Documents, b"left", &round.to_be_bytes());
        batch.put(Space::Edges, b"right", &round.to_be_bytes());
        batch
    };
    storage
        .write(pair(0), Sync::No)
        .expect("the write succeeds");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while newest < ROUNDS {
                    let snapshot = storage.snapshot();
                    let left = snapshot
                        .get(Space::Documents, b"left")
                        .expect("the read succeeds");
                    let right = snapshot
                        .get(Space::Edges, b"right")
                        .expect("the read succeeds");
                    assert_eq!(left, right);
                    let bytes: [u8; 4] = left
                        .as_deref()
                        .and_then(|bytes| bytes.try_into().ok())
                        .expect("a number");
                    let round = u32::from_be_bytes(bytes);
                    assert!(round >= newest, "{round} after {newest}");
                    newest = round;
                }
            });
        }
        for round in 1..=ROUNDS {
            storage
                .write(pair(round), Sync::No)
                .expect("the write succeeds");
        }
    });
}

/// Random numbers from a seed, the same everywhere (Steele, Lea and Flood, *SplitMix*, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn chance(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    /// A short key over few letters, so that keys meet.
    fn key(&mut self) -> Vec<u8> {
        const LETTERS: [u8; 4] = [0, b'a', b'b', 0xff];
        let length = self.below(4);
        (0..length)
            .map(|_| LETTERS[self.below(LETTERS.len() as u64) as usize])
            .collect()
    }

    fn space(&mut self) -> Space {
        [Space::Meta, Space::Documents, Space::Log][self.below(3) as usize]
    }

    fn range(&mut self) -> KeyRange {
        match self.below(4) {
            0 => KeyRange::all(),
            1 => KeyRange::from(self.key()),
            2 => KeyRange::prefix(self.key()),
            _ => KeyRange::between(self.key(), self.key()),
        }
    }

    fn direction(&mut self) -> Direction {
        if self.chance(2) {
            Direction::Forward
        } else {
            Direction::Backward
        }
    }

    fn batch(&mut self) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..self.below(6) {
            let space = self.space();
            let key = self.key();
            match self.below(8) {
                0 => batch.delete_range(space, &key, &self.key()),
                1 | 2 => batch.delete(space, &key),
                _ => batch.put(space, &key, &self.next().to_be_bytes()),
            }
        }
        batch
    }
}

/// What a store should hold: plain maps, changed as a batch says.
#[derive(Clone, Default)]
struct Model {
    spaces: BTreeMap<Space, BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Model {
    fn apply(&mut self, batch: &Batch) {
        for (space, operation) in batch.iter() {
            let map = self.spaces.entry(space).or_default();
            match operation {
                BatchOperation::Put { key, value } => {
                    map.insert(key.to_vec(), value.to_vec());
                }
                BatchOperation::Delete { key } => {
                    map.remove(key);
                }
                BatchOperation::DeleteRange { start, end } => {
                    map.retain(|key, _| key.as_slice() < start || key.as_slice() >= end);
                }
            }
        }
    }

    fn get(&self, space: Space, key: &[u8]) -> Option<&[u8]> {
        self.spaces.get(&space)?.get(key).map(Vec::as_slice)
    }

    fn scan(&self, space: Space, range: &KeyRange, direction: Direction) -> Entries {
        let mut entries: Entries = self
            .spaces
            .get(&space)
            .into_iter()
            .flatten()
            .filter(|(key, _)| range.contains(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if direction == Direction::Backward {
            entries.reverse();
        }
        entries
    }
}

/// Seeds of [`random_histories_match_the_model`], and steps of each.
const SEEDS: u64 = 24;
const STEPS: u64 = 250;

/// Random batches, reads, scans, seeks, old snapshots and restarts, against plain maps.
pub fn random_histories_match_the_model(make: MakeStore<'_>) {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        run_history(seed, &mut *make());
    }
}

fn run_history(seed: u64, store: &mut dyn TestStore) {
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut kept: Vec<(Model, Box<dyn Snapshot>)> = Vec::new();
    for step in 0..STEPS {
        match random.below(20) {
            0..=11 => {
                let batch = random.batch();
                model.apply(&batch);
                let sync = if random.chance(8) {
                    Sync::Yes
                } else {
                    Sync::No
                };
                store
                    .storage()
                    .write(batch, sync)
                    .expect("the write succeeds");
            }
            12 => kept.push((model.clone(), store.storage().snapshot())),
            13 if !kept.is_empty() => {
                let index = random.below(kept.len() as u64) as usize;
                kept.swap_remove(index);
            }
            14 if random.chance(4) => {
                kept.clear();
                store.reopen();
            }
            _ => {
                let (space, key) = (random.space(), random.key());
                let found = got(store.storage(), space, &key);
                assert_eq!(
                    found.as_deref(),
                    model.get(space, &key),
                    "seed {seed}, step {step}: {space} {key:?}"
                );
            }
        }
        if random.chance(3) {
            let snapshot = store.storage().snapshot();
            compare_scan(&mut random, &model, &*snapshot, (seed, step));
        }
        if !kept.is_empty() && random.chance(3) {
            let index = random.below(kept.len() as u64) as usize;
            let (then, snapshot) = &kept[index];
            compare_scan(&mut random, then, &**snapshot, (seed, step));
        }
    }
}

fn compare_scan(random: &mut Random, model: &Model, snapshot: &dyn Snapshot, at: (u64, u64)) {
    let (space, range, direction) = (random.space(), random.range(), random.direction());
    let expected = model.scan(space, &range, direction);
    let found = collect(snapshot, space, range.clone(), direction);
    assert_eq!(found, expected, "{at:?}: {space} {range:?} {direction:?}");
    let target = random.key();
    let mut cursor = snapshot.scan(space, range.clone(), direction);
    for _ in 0..random.below(3) {
        cursor.next().expect("the scan goes on");
    }
    cursor.seek(&target);
    let ahead = expected.iter().filter(|(key, _)| match direction {
        Direction::Forward => *key >= target,
        Direction::Backward => *key <= target,
    });
    for entry in ahead.take(3) {
        let found = cursor.next().expect("the scan goes on");
        let expected = (entry.0.as_slice(), entry.1.as_slice());
        assert_eq!(
            found,
            Some(expected),
            "{at:?}: {space} {range:?} {direction:?} from {target:?}"
        );
    }
}
