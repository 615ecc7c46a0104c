//! Readers hear that an index is ready, whatever else happens at the moment at which it becomes so.

mod cluster;

use antipode_crdt::Draft;
use antipode_engine::{CollectionKind, Expectation, OpenTransaction, SchemaChange};
use antipode_value::Value;
use cluster::{Cluster, FABRIC};

/// The last piece of a build is done when a flight has landed, while the batch behind it has nothing but a write that fails.
#[test]
fn an_index_becomes_ready_beside_a_write_that_fails() {
    let mut cluster = Cluster::of(1);
    let things = cluster.collection("things", CollectionKind::Document);
    let thing = || Draft::Insert(Value::object([("n", Value::Int(1))]));
    cluster.write(0, things, "a", thing());
    cluster.run(10_000);
    let made = cluster.begin_change(SchemaChange::CreateIndex {
        fabric: FABRIC.to_owned(),
        collection: "things".to_owned(),
        definition: Value::from_json(r#"{"fields":["n"]}"#).expect("it is JSON"),
    });
    let failed = cluster.write_if(0, things, "a", thing(), Expectation::Absent);
    cluster.run(10_000);
    assert!(cluster.replies[&made].is_ok());
    assert_eq!(
        cluster.replies[&failed]
            .as_ref()
            .map_err(|it| it.code())
            .err(),
        Some(1210)
    );
    let shared = cluster.machines[0].node.shared();
    let reading = OpenTransaction::begin(&shared, FABRIC, cluster.wall_ms()).expect("a snapshot");
    let list = reading.index_list("things").expect("a list");
    let states: Vec<_> = list.iter().map(|it| (it.entries, it.ready)).collect();
    assert_eq!(states, [(1, true), (1, true)], "{list:?}");
}
