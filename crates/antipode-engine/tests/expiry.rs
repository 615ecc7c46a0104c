//! What has expired is removed: once, everywhere, a piece at a time, and never against somebody who prolonged its life.

mod cluster;

use antipode_crdt::{Draft, DraftChange, Path};
use antipode_engine::{CollectionKind, SchemaChange};
use antipode_value::{Str, Value};
use cluster::{Cluster, FABRIC};

/// An hour.
const LONG_MS: u64 = 3_600_000;

fn seconds(at_ms: u64) -> Value {
    Value::Float(at_ms as f64 / 1_000.0)
}

/// A pair that lives so long from now.
fn put(cluster: &Cluster, life_ms: u64) -> Draft {
    let expires = seconds(cluster.wall_ms() + life_ms);
    Draft::Put(Value::object([
        ("value", Value::Int(1)),
        ("expireAt", expires),
    ]))
}

fn prolong(cluster: &Cluster, life_ms: u64) -> Draft {
    let expires = seconds(cluster.wall_ms() + life_ms);
    let path = Path::new([Str::from_static("expireAt")]);
    Draft::Update(vec![(path, DraftChange::Max(expires))])
}

#[test]
fn what_has_expired_is_removed_once_by_who_wrote_it() {
    let mut cluster = Cluster::of(3);
    let sessions = cluster.collection("sessions", CollectionKind::KeyValue);
    let brief = put(&cluster, 2_000);
    for number in 0..10 {
        let writer = number % 2;
        cluster.write(writer, sessions, &format!("brief-{number}"), brief.clone());
    }
    let long = put(&cluster, LONG_MS);
    cluster.write(2, sessions, "long", long);
    cluster.run(1_500);
    let before = cluster.originated();
    assert_eq!(cluster.stored(2, sessions).len(), 11);
    cluster.run(10_000);
    for index in 0..3 {
        let left = cluster.stored(index, sessions);
        assert_eq!(left.keys().collect::<Vec<_>>(), ["long"], "node {index}");
        assert_eq!(cluster.marks(index), 1);
    }
    // Each writer has removed its own in one transaction, and nobody else has done anything.
    let after = cluster.originated();
    assert_eq!(after[0], before[0] + 1);
    assert_eq!(after[1], before[1] + 1);
    assert_eq!(after[2], before[2]);
    cluster.check_equal();
}

#[test]
fn a_life_that_was_prolonged_unseen_is_kept() {
    let mut cluster = Cluster::of(3);
    let sessions = cluster.collection("sessions", CollectionKind::KeyValue);
    let brief = put(&cluster, 5_000);
    cluster.write(0, sessions, "a", brief.clone());
    cluster.write(0, sessions, "b", brief);
    cluster.run(4_000);
    cluster.cut(0, 1);
    cluster.cut(1, 2);
    let long = prolong(&cluster, LONG_MS);
    cluster.write(1, sessions, "a", long);
    cluster.run(10_000);
    assert!(
        cluster.stored(0, sessions).is_empty(),
        "removed by its origin"
    );
    assert_eq!(
        cluster.stored(1, sessions).len(),
        2,
        "hidden there, or prolonged"
    );
    cluster.heal();
    cluster.run(20_000);
    for index in 0..3 {
        let left = cluster.stored(index, sessions);
        assert_eq!(left.keys().collect::<Vec<_>>(), ["a"], "node {index}");
    }
    cluster.check_equal();
}

#[test]
fn what_a_member_does_not_have_yet_is_not_removed() {
    let mut cluster = Cluster::of(3);
    let sessions = cluster.collection("sessions", CollectionKind::KeyValue);
    cluster.run(3_000);
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    let brief = put(&cluster, 1_000);
    cluster.write(0, sessions, "a", brief);
    cluster.run(600_000);
    assert_eq!(cluster.stored(0, sessions).len(), 1);
    assert_eq!(cluster.stored(1, sessions).len(), 1);
    let before = cluster.originated();
    cluster.heal();
    cluster.run(20_000);
    for index in 0..3 {
        assert!(cluster.stored(index, sessions).is_empty(), "node {index}");
    }
    // Though it had expired for long, one node alone has removed it.
    let after: u64 = cluster.originated().iter().sum();
    assert_eq!(after, before.iter().sum::<u64>() + 1);
    cluster.check_equal();
}

#[test]
fn the_next_in_turn_removes_what_its_origin_does_not() {
    let mut cluster = Cluster::of(4);
    let sessions = cluster.collection("sessions", CollectionKind::KeyValue);
    let brief = put(&cluster, 6_000);
    cluster.write(3, sessions, "a", brief);
    cluster.run(5_000);
    for other in 0..3 {
        cluster.cut(3, other);
    }
    let before = cluster.originated();
    cluster.run(50_000);
    assert_eq!(
        cluster.originated(),
        before,
        "it is left to its origin first"
    );
    assert_eq!(cluster.stored(0, sessions).len(), 1);
    cluster.run(150_000);
    for index in 0..3 {
        assert!(cluster.stored(index, sessions).is_empty(), "node {index}");
    }
    let after: u64 = cluster.originated().iter().sum();
    assert_eq!(after, before.iter().sum::<u64>() + 1);
    // Meanwhile the origin has removed it, too; both come to the same.
    assert!(cluster.stored(3, sessions).is_empty());
    cluster.heal();
    cluster.run(20_000);
    cluster.check_equal();
}

#[test]
fn much_at_once_goes_a_piece_at_a_time() {
    let mut cluster = Cluster::of(1);
    let sessions = cluster.collection("sessions", CollectionKind::KeyValue);
    let brief = put(&cluster, 10_000);
    for number in 0..1_000 {
        cluster.write(0, sessions, &format!("k{number}"), brief.clone());
        if number % 100 == 0 {
            cluster.run(1);
        }
    }
    cluster.run(9_000);
    assert_eq!(cluster.stored(0, sessions).len(), 1_000);
    let [before] = cluster.originated()[..] else {
        panic!("one node");
    };
    cluster.run(10_000);
    assert!(cluster.stored(0, sessions).is_empty());
    assert_eq!(cluster.marks(0), 0);
    // Transactions of 128 documents at most.
    assert_eq!(cluster.originated(), [before + 8]);
}

#[test]
fn documents_go_with_their_entries_and_marks_of_a_dropped_index_too() {
    let mut cluster = Cluster::of(2);
    let things = cluster.collection("things", CollectionKind::Document);
    let index = |definition: &str| SchemaChange::CreateIndex {
        fabric: FABRIC.to_owned(),
        collection: "things".to_owned(),
        definition: Value::from_json(definition).expect("it is JSON"),
    };
    cluster.change(index(
        r#"{"type":"ttl","name":"end","fields":["at"],"expireAfter":2}"#,
    ));
    let thing = |at: Value| Draft::Insert(Value::object([("at", at)]));
    let soon = seconds(cluster.wall_ms());
    cluster.write(0, things, "soon", thing(soon));
    cluster.write(1, things, "never", thing(Value::from("no date")));
    let late = seconds(cluster.wall_ms() + 20_000);
    cluster.write(1, things, "late", thing(late));
    cluster.run(10_000);
    for index in 0..2 {
        let left = cluster.stored(index, things);
        assert_eq!(left.keys().collect::<Vec<_>>(), ["late", "never"]);
        assert_eq!(cluster.marks(index), 1);
    }
    cluster.change(SchemaChange::DropIndex {
        fabric: FABRIC.to_owned(),
        collection: "things".to_owned(),
        index: "end".to_owned(),
    });
    cluster.run(20_000);
    for node in 0..2 {
        assert_eq!(cluster.stored(node, things).len(), 2);
        assert_eq!(cluster.marks(node), 0, "it says nothing any more");
    }
    // Made again, the index finds what has expired long since.
    cluster.change(index(
        r#"{"type":"ttl","name":"end","fields":["at"],"expireAfter":1}"#,
    ));
    cluster.run(10_000);
    for index in 0..2 {
        let left = cluster.stored(index, things);
        assert_eq!(left.keys().collect::<Vec<_>>(), ["never"]);
    }
    cluster.check_equal();
}
