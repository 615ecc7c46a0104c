//! A node whose disk is full goes on as a source for its peers, acknowledges nothing that it does not store, and catches up
//! when there is room again.

mod cluster;

use antipode_crdt::Draft;
use antipode_engine::{CollectionKind, EngineError};
use antipode_store::CollectionId;
use antipode_store::memory::Faults;
use antipode_value::Value;
use cluster::Cluster;

fn fill_disk(cluster: &Cluster, index: usize) {
    cluster.machines[index].disk.set_faults(Faults {
        free_bytes: Some(0),
        ..Faults::default()
    });
}

fn make_room(cluster: &Cluster, index: usize) {
    cluster.machines[index].disk.set_faults(Faults::default());
}

fn write_some(cluster: &mut Cluster, index: usize, things: CollectionId, count: usize) {
    for number in 0..count {
        let padding = Value::from("x".repeat(200));
        let draft = Draft::Put(Value::object([("padding", padding)]));
        cluster.write(index, things, &format!("{index}-{number}"), draft);
        cluster.run(5);
    }
}

#[test]
fn a_full_disk_keeps_no_record_from_the_others() {
    let mut cluster = Cluster::of(3);
    let things = cluster.collection("things", CollectionKind::Document);
    // Node 1 alone hears of what node 2 writes, and then its disk is full.
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    write_some(&mut cluster, 2, things, 200);
    cluster.run(5_000);
    assert_eq!(cluster.stored(1, things).len(), 200);
    fill_disk(&cluster, 1);
    let refused = cluster.write(
        1,
        things,
        "refused",
        Draft::Put(Value::object([("v", Value::Int(1))])),
    );
    cluster.run(100);
    let reply = cluster.replies.remove(&refused).expect("a reply");
    assert!(reply.is_err());
    assert!(cluster.status(1).read_only.is_some());

    // Node 2 is out of reach: what it wrote comes from node 1, or from nobody.
    cluster.cut(1, 2);
    cluster.heal_pair(0, 1);
    cluster.run(10_000);
    assert!(cluster.status(1).read_only.is_some());
    assert_eq!(cluster.stored(0, things).len(), 200);
    assert_eq!(cluster.machines[1].outages.last(), Some(&true));

    // Writes of the others go on and are not acknowledged by the full node.
    let before = cluster.status(1);
    write_some(&mut cluster, 0, things, 50);
    cluster.run(5_000);
    let during = cluster.status(1);
    assert_eq!(before.vv, during.vv);
    let seen_by_0 = cluster.status(0).replication.reports;
    let (_, reported) = &seen_by_0[&cluster.machines[1].node.replica()];
    assert!(before.vv.dominates(reported), "it has reported no more");

    make_room(&cluster, 1);
    cluster.heal();
    cluster.run(20_000);
    assert!(cluster.status(1).read_only.is_none());
    assert_eq!(cluster.stored(1, things).len(), 250);
    let taken = cluster.write(
        1,
        things,
        "taken",
        Draft::Put(Value::object([("v", Value::Int(1))])),
    );
    cluster.run(5_000);
    cluster
        .replies
        .remove(&taken)
        .expect("a reply")
        .expect("it is taken");
    cluster.check_equal();
    assert_eq!(cluster.stored(2, things).len(), 251);
}

#[test]
fn links_stay_through_an_outage() {
    let mut cluster = Cluster::of(3);
    let things = cluster.collection("things", CollectionKind::Document);
    write_some(&mut cluster, 0, things, 10);
    cluster.run(2_000);
    let links = |cluster: &Cluster| -> Vec<_> {
        let peers = cluster.status(1).replication.peers;
        peers
            .into_iter()
            .map(|peer| (peer.link, peer.open))
            .collect()
    };
    let before = links(&cluster);
    assert!(before.iter().any(|(_, open)| *open));
    let closed = cluster.machines[1].closed;
    fill_disk(&cluster, 1);
    // What arrives cannot be applied.
    write_some(&mut cluster, 0, things, 300);
    cluster.run(30_000);
    assert!(cluster.status(1).read_only.is_some());
    assert_eq!(links(&cluster), before);
    let (queued, status) = (cluster.status(0), cluster.status(1));
    assert!(
        queued
            .replication
            .peers
            .iter()
            .all(|peer| peer.queued_bytes < 1 << 20)
    );
    assert_eq!(status.replication.buffered_records, 0, "nothing is hoarded");
    let refused = cluster.write(
        1,
        things,
        "refused",
        Draft::Put(Value::object([("v", Value::Int(1))])),
    );
    cluster.run(10);
    let reply = cluster.replies.remove(&refused).expect("a reply");
    assert!(matches!(reply, Err(EngineError::ReadOnly { .. })));

    make_room(&cluster, 1);
    cluster.run(10_000);
    assert_eq!(cluster.machines[1].outages, [true, false]);
    assert_eq!(links(&cluster), before);
    assert_eq!(cluster.machines[1].closed, closed);
    assert_eq!(cluster.stored(1, things).len(), 300);
    cluster.check_equal();
}
