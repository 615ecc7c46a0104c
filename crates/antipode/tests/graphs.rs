//! Named graphs through the embedded library: what they become, and what is refused.

use antipode::{
    CollectionKind, Database, Deletes, EdgeDefinition, Error, GraphChange, Options, Reply,
    RequestOptions, Session, Value,
};

fn open() -> Session {
    let database = Database::in_memory(Options::default()).expect("a database in memory opens");
    database.session(RequestOptions::default())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn connects(collection: &str, from: &[&str], to: &[&str]) -> EdgeDefinition {
    EdgeDefinition {
        collection: collection.to_owned(),
        from: names(from),
        to: names(to),
    }
}

fn collections(session: &Session) -> Vec<String> {
    let found = session.collections(false).expect("a read").value;
    found
        .into_iter()
        .map(|collection| collection.name)
        .collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(reply: Result<Reply<T>, Error>, code: u32, name: &str) {
    let error = reply.expect_err("it is refused");
    assert_eq!((error.code(), error.name()), (code, name), "{error}");
}

#[test]
fn definitions_and_orphans_come_and_go() {
    let session = open();
    let roads = connects("roads", &["towns"], &["villages", "towns", "towns"]);
    session
        .create_graph("net", vec![roads], names(&["lakes"]))
        .expect("a new graph");
    let net = || session.graph("net").expect("it exists").value;
    let tidy = connects("roads", &["towns"], &["towns", "villages"]);
    assert_eq!(net().edge_definitions, std::slice::from_ref(&tidy));
    assert_eq!(
        collections(&session),
        ["lakes", "roads", "towns", "villages"]
    );

    let change = |change| session.change_graph("net", change).expect("a legal change");
    // A collection that a definition uses is no orphan any more.
    change(GraphChange::AddDefinition(connects(
        "ferries",
        &["lakes"],
        &["lakes"],
    )));
    assert!(net().orphans.is_empty());
    change(GraphChange::RemoveDefinition {
        collection: "ferries".to_owned(),
        drop: true,
    });
    assert_eq!(net().orphans, ["lakes"]);
    // A graph that has the same collection gets the same definition.
    session
        .create_graph("other", vec![tidy], vec![])
        .expect("the same definition");
    let wider = connects("roads", &["towns"], &["towns"]);
    change(GraphChange::ReplaceDefinition(wider.clone()));
    assert_eq!(net().orphans, ["lakes", "villages"]);
    let other = session.graph("other").expect("it exists").value;
    assert_eq!(
        (other.edge_definitions, other.orphans),
        (vec![wider], names(&["villages"]))
    );

    change(GraphChange::RemoveOrphan {
        collection: "villages".to_owned(),
        drop: true,
    });
    change(GraphChange::AddOrphan {
        collection: "isles".to_owned(),
    });
    assert_eq!(net().orphans, ["isles", "lakes"]);
    // The other graph still has `villages`, and keeps what it shares when this one goes with its collections.
    session.drop_graph("net", true).expect("it exists");
    assert_eq!(collections(&session), ["roads", "towns", "villages"]);
    session.drop_graph("other", false).expect("it exists");
    assert!(session.graphs().expect("a read").value.is_empty());
    assert_eq!(collections(&session).len(), 3);
    // Made again, it is a new graph.
    session
        .create_graph("net", vec![], vec![])
        .expect("a free name");
    let again = net();
    assert!(again.edge_definitions.is_empty() && again.orphans.is_empty());
}

#[test]
fn what_contradicts_is_refused_with_its_number() {
    let session = open();
    session
        .create_collection("papers", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    let roads = || connects("roads", &["towns"], &["towns"]);
    session
        .create_graph("net", vec![roads()], names(&["lakes"]))
        .expect("a new graph");
    let create = |name: &str, definitions: Vec<EdgeDefinition>, orphans: &[&str]| {
        session.create_graph(name, definitions, names(orphans))
    };
    refused(create("", vec![], &[]), 1922, "GRAPH_CREATE_MISSING_NAME");
    refused(create("a b", vec![], &[]), 1901, "GRAPH_INVALID_GRAPH");
    refused(create("net", vec![], &[]), 1925, "GRAPH_DUPLICATE");
    let twice = vec![roads(), roads()];
    refused(create("x", twice, &[]), 1920, "GRAPH_COLLECTION_MULTI_USE");
    let contrary = vec![connects("roads", &["towns"], &["lakes"])];
    refused(
        create("x", contrary, &[]),
        1921,
        "GRAPH_COLLECTION_USE_IN_MULTI_GRAPHS",
    );
    for malformed in [
        connects("", &["towns"], &["towns"]),
        connects("e", &[], &["towns"]),
        connects("e", &["towns"], &[""]),
    ] {
        let name = "GRAPH_CREATE_MALFORMED_EDGE_DEFINITION";
        refused(create("x", vec![malformed], &[]), 1923, name);
    }
    let documents = vec![connects("papers", &["towns"], &["towns"])];
    refused(
        create("x", documents, &[]),
        1944,
        "GRAPH_EDGE_DEFINITION_IS_DOCUMENT",
    );
    let edges = vec![connects("e", &["roads"], &["towns"])];
    refused(
        create("x", edges, &[]),
        1927,
        "GRAPH_WRONG_COLLECTION_TYPE_VERTEX",
    );
    refused(
        create("x", vec![], &["roads"]),
        1927,
        "GRAPH_WRONG_COLLECTION_TYPE_VERTEX",
    );
    let used = create("x", vec![roads()], &["towns"]);
    refused(used, 1929, "GRAPH_COLLECTION_USED_IN_EDGE_DEF");
    // Nothing of what was refused was made.
    assert_eq!(collections(&session), ["lakes", "papers", "roads", "towns"]);

    let change = |change| session.change_graph("net", change);
    let add = |name: &str| GraphChange::AddOrphan {
        collection: name.to_owned(),
    };
    let remove = |name: &str| GraphChange::RemoveOrphan {
        collection: name.to_owned(),
        drop: false,
    };
    let again = change(GraphChange::AddDefinition(roads()));
    refused(again, 1920, "GRAPH_COLLECTION_MULTI_USE");
    refused(
        change(add("lakes")),
        1938,
        "GRAPH_COLLECTION_USED_IN_ORPHANS",
    );
    refused(
        change(add("towns")),
        1929,
        "GRAPH_COLLECTION_USED_IN_EDGE_DEF",
    );
    refused(
        change(remove("towns")),
        1928,
        "GRAPH_NOT_IN_ORPHAN_COLLECTION",
    );
    refused(
        change(remove("moons")),
        1926,
        "GRAPH_VERTEX_COL_DOES_NOT_EXIST",
    );
    let gone = change(GraphChange::RemoveDefinition {
        collection: "rails".to_owned(),
        drop: false,
    });
    refused(gone, 1930, "GRAPH_EDGE_COLLECTION_NOT_USED");
    let rails = connects("rails", &["towns"], &["towns"]);
    let replaced = change(GraphChange::ReplaceDefinition(rails));
    refused(replaced, 1930, "GRAPH_EDGE_COLLECTION_NOT_USED");
    refused(session.drop_graph("x", false), 1924, "GRAPH_NOT_FOUND");
    refused(session.graph("x"), 1924, "GRAPH_NOT_FOUND");
    refused(session.change_graph("x", add("y")), 1924, "GRAPH_NOT_FOUND");
}

#[test]
fn queries_walk_graphs_by_name() {
    let session = open();
    session
        .create_graph(
            "net",
            vec![connects("roads", &["towns"], &["towns"])],
            vec![],
        )
        .expect("a new graph");
    session
        .create_graph("empty", vec![], names(&["lakes"]))
        .expect("a new graph");
    let run = |text: &str| session.run(text, &Value::Null);
    run("FOR k IN 1..3 INSERT {_key: TO_STRING(k)} INTO towns").expect("an insert");
    run("FOR k IN 1..2 INSERT {_from: CONCAT('towns/', k), _to: CONCAT('towns/', k + 1)} INTO roads")
        .expect("an insert");
    // Edge definitions are no constraint on what queries store.
    run("INSERT {_from: 'towns/3', _to: 'lakes/1'} INTO roads")
        .expect("an edge that leads elsewhere");
    let answer =
        run("FOR v, e IN 1..3 OUTBOUND 'towns/1' GRAPH net RETURN v._key").expect("a walk");
    assert_eq!(
        answer.rows,
        [Value::from("2"), Value::from("3"), Value::Null]
    );
    let warnings: Vec<u32> = answer
        .extra
        .warnings
        .iter()
        .map(|found| found.code.number())
        .collect();
    assert_eq!(warnings, [1202]);
    // A plan that was kept knows nothing of an edge collection that came later, and is not used.
    let walk = "FOR v IN OUTBOUND 'towns/1' GRAPH net SORT v._key RETURN v._key";
    assert_eq!(run(walk).expect("a walk").rows, [Value::from("2")]);
    session
        .change_graph(
            "net",
            GraphChange::AddDefinition(connects("rails", &["towns"], &["towns"])),
        )
        .expect("a new edge collection");
    run("INSERT {_from: 'towns/1', _to: 'towns/3'} INTO rails").expect("an insert");
    let both = [Value::from("2"), Value::from("3")];
    assert_eq!(run(walk).expect("a walk").rows, both);
    for (text, code) in [
        ("FOR v IN OUTBOUND 'towns/1' GRAPH nowhere RETURN v", 1924),
        ("FOR v IN OUTBOUND 'towns/1' GRAPH empty RETURN v", 1940),
        (
            "FOR v IN OUTBOUND 'towns/1' GRAPH net OPTIONS {edgeCollections: 'ways'} RETURN v",
            1939,
        ),
        (
            "FOR v IN OUTBOUND 'towns/1' GRAPH net OPTIONS {vertexCollections: ['lakes']} RETURN v",
            1926,
        ),
    ] {
        assert_eq!(run(text).expect_err(text).code(), code, "{text}");
    }
    let fabric = RequestOptions {
        fabric: "other".to_owned(),
        ..RequestOptions::default()
    };
    let database = Database::in_memory(Options::default()).expect("it opens");
    let system = database.session(RequestOptions::default());
    system.create_fabric("other").expect("a new fabric");
    let other = database.session(fabric);
    other
        .create_graph("net", vec![], vec![])
        .expect("a new graph");
    assert!(system.graphs().expect("a read").value.is_empty());
    system.drop_fabric("other").expect("it exists");
    system.create_fabric("other").expect("a new fabric");
    assert!(other.graphs().expect("a read").value.is_empty());
}
