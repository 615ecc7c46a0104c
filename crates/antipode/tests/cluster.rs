//! Three nodes of one cluster in this process, over real QUIC on loopback: the thinnest true spine.
#![cfg(feature = "replication")]

#[path = "support/region.rs"]
mod region;

use std::path::Path;
use std::time::{Duration, Instant};

use antipode::{
    Ca, CollectionKind, Cut, Database, Deletes, EdgeDefinition, Line, RequestOptions, Session,
    Value,
};

struct Region {
    database: Database,
    port: u16,
}

fn start(folder: &Path, ca: &Ca, name: &str, join: &[u16]) -> Region {
    let (options, port) = region::options(folder, ca, name, join).expect("a new folder");
    let database = Database::open(folder.join(name), options).expect("a new node");
    Region { database, port }
}

fn session(region: &Region) -> Session {
    region.database.session(RequestOptions::default())
}

/// Waits until `reached` holds; what is waited for is always bounded by the protocol's own timers.
fn wait(what: &str, mut reached: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !reached() {
        assert!(Instant::now() < until, "waited two minutes for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn converged(regions: &[Region]) -> bool {
    let states: Vec<_> = regions
        .iter()
        .map(|region| region.database.status().expect("it runs").node)
        .map(|node| (node.vv, node.digest))
        .collect();
    states.windows(2).all(|pair| pair[0] == pair[1])
}

/// Nodes of a new cluster, all connected.
fn cluster(folder: &Path, names: &[&str]) -> Vec<Region> {
    let ca = Ca::create(antipode::ClusterId::random()).expect("a new cluster");
    let mut regions: Vec<Region> = Vec::new();
    for name in names {
        let founder: Vec<u16> = regions.iter().take(1).map(|region| region.port).collect();
        regions.push(start(folder, &ca, name, &founder));
    }
    wait("all members", || {
        regions.iter().all(|region| {
            let status = region.database.status().expect("it runs");
            let mut members = status.members.iter();
            status.members.len() == names.len()
                && members.all(|member| member.me || member.connected)
        })
    });
    regions
}

fn line(cut: Cut) -> Line {
    Line {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        cut,
    }
}

#[test]
fn three_regions_write_through_a_partition_and_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let regions = cluster(folder.path(), &["tokyo", "frankfurt", "virginia"]);
    session(&regions[0])
        .create_collection("users", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    let reply = session(&regions[0])
        .run(
            "INSERT {_key: 'ada', visits: 0, tags: []} INTO users",
            &Value::Null,
        )
        .expect("an insert");
    // The token of one region makes the others wait until they have it.
    for region in &regions {
        let follows = RequestOptions {
            token: reply.token.clone(),
            ..RequestOptions::default()
        };
        let session = region.database.session(follows);
        wait("a read that has waited long enough", || {
            match session.get("users", "ada") {
                Ok(found) => {
                    assert!(found.value.is_some(), "read your writes, elsewhere");
                    true
                }
                // A busy machine may take longer than a read waits.
                Err(error) => {
                    assert_eq!(error.code(), 5230, "{error}");
                    false
                }
            }
        });
    }

    assert!(regions[0].database.set_line("*", line(Cut::Both)));
    for (number, region) in regions.iter().enumerate() {
        for _ in 0..20 {
            session(region)
                .run(
                    "UPDATE 'ada' WITH {visits: 1} IN users OPTIONS {ignoreErrors: true}",
                    &Value::Null,
                )
                .expect("an assign");
            session(region)
                .run("FOR u IN users FILTER u._key == 'ada' UPDATE u WITH {hits: u.hits + 1} IN users", &Value::Null)
                .expect("an increment");
        }
        let binds = Value::object([("tag", Value::from(format!("t{number}")))]);
        session(region)
            .run(
                "FOR u IN users UPDATE u WITH {tags: PUSH(u.tags, @tag, true)} IN users",
                &binds,
            )
            .expect("a tag");
    }
    assert!(!converged(&regions));
    assert!(regions[0].database.set_line("*", line(Cut::None)));
    wait("convergence", || converged(&regions));
    for region in &regions {
        let ada = session(region)
            .get("users", "ada")
            .expect("a read")
            .value
            .expect("she is there");
        assert_eq!(
            ada.attribute("hits"),
            Value::Int(60),
            "every increment counts once"
        );
        assert_eq!(
            ada.attribute("tags").as_array().map(|tags| tags.len()),
            Some(3),
            "{ada:?}"
        );
    }
}

#[test]
fn what_expires_in_one_region_is_removed_in_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let regions = cluster(folder.path(), &["tokyo", "frankfurt"]);
    let (tokyo, frankfurt) = (session(&regions[0]), session(&regions[1]));
    tokyo
        .create_collection("sessions", CollectionKind::KeyValue, Deletes::Win)
        .expect("a new name");
    tokyo
        .create_collection("offers", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    for (collection, definition) in [
        (
            "offers",
            r#"{"type":"ttl","fields":["ends"],"expireAfter":1}"#,
        ),
        ("offers", r#"{"fields":["ends"]}"#),
        ("sessions", r#"{"fields":["expireAt"]}"#),
    ] {
        let definition = Value::from_json(definition).expect("it is JSON");
        tokyo
            .create_index(collection, &definition)
            .expect("an index");
    }
    for (key, seconds) in [("brief", 1), ("long", 60)] {
        let ttl = Some(Duration::from_secs(seconds));
        tokyo
            .kv_put("sessions", key, &Value::Int(1), ttl, None)
            .expect("it is put");
    }
    tokyo
        .kv_touch("sessions", "long", Some(Duration::from_secs(3_600)))
        .expect("it is there");
    let offers = "FOR i IN 1..3 INSERT {ends: DATE_NOW() / 1000 + (i == 3 ? 3600 : 0)} INTO offers";
    tokyo.run(offers, &Value::Null).expect("an insert");
    // What has expired is not shown, but has its entries in indexes until it is removed.
    let entries = |region: &Region, collection: &str| {
        let indexes = session(region).indexes(collection).expect("a list").value;
        let sorted = indexes
            .iter()
            .find(|it| it.definition.attribute("type") == Value::from("persistent"));
        sorted.map(|index| index.entries)
    };
    wait("the removal", || {
        regions.iter().all(|region| {
            ["sessions", "offers"]
                .iter()
                .all(|name| entries(region, name) == Some(1))
        })
    });
    assert!(
        frankfurt
            .kv_get("sessions", "brief")
            .expect("a read")
            .value
            .is_none()
    );
    assert!(
        frankfurt
            .kv_get("sessions", "long")
            .expect("a read")
            .value
            .is_some()
    );
    wait("convergence", || converged(&regions));
}

fn connects(collection: &str, from: &str, to: &str) -> EdgeDefinition {
    EdgeDefinition {
        collection: collection.to_owned(),
        from: vec![from.to_owned()],
        to: vec![to.to_owned()],
    }
}

/// Keys of the vertices that a traversal of the graph `net` reaches in one step.
fn reached(region: &Region, way: &str, start: &str) -> Vec<String> {
    let text = format!("FOR v IN {way} '{start}' GRAPH net SORT v._key RETURN v._key");
    let answer = session(region).run(&text, &Value::Null).expect("a graph");
    answer
        .rows
        .iter()
        .map(|key| key.to_text().to_string())
        .collect()
}

#[test]
fn graphs_and_edges_of_another_region_are_walked_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let regions = cluster(folder.path(), &["tokyo", "virginia"]);
    let [tokyo, virginia] = regions.as_slice() else {
        unreachable!("two were started")
    };
    let run = |region: &Region, text: &str| {
        session(region)
            .run(text, &Value::Null)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    // The same graph is made on both sides of a cut: one graph, with the edge collections of both.
    assert!(tokyo.database.set_line("*", line(Cut::Both)));
    for (region, edges) in [(tokyo, "roads"), (virginia, "rails")] {
        session(region)
            .create_graph("net", vec![connects(edges, "towns", "towns")], vec![])
            .expect("a new name");
    }
    run(
        tokyo,
        "FOR k IN ['a', 'b', 'c', 'd'] INSERT {_key: k} INTO towns",
    );
    run(
        tokyo,
        "INSERT {_key: '1', _from: 'towns/a', _to: 'towns/b'} INTO roads",
    );
    run(
        virginia,
        "INSERT {_key: '1', _from: 'towns/a', _to: 'towns/c'} INTO rails",
    );
    assert!(tokyo.database.set_line("*", line(Cut::None)));
    wait("convergence", || converged(&regions));
    let graphs = [tokyo, virginia].map(|region| session(region).graphs().expect("a read").value);
    assert_eq!(graphs[0], graphs[1]);
    let edges: Vec<&String> = graphs[0][0].edge_collections().collect();
    assert_eq!(edges, ["rails", "roads"]);
    for region in &regions {
        assert_eq!(reached(region, "OUTBOUND", "towns/a"), ["b", "c"]);
        assert_eq!(reached(region, "INBOUND", "towns/b"), ["a"]);
        assert_eq!(reached(region, "ANY", "towns/c"), ["a"]);
    }

    // Both change where an edge leads. Its ends merge as a pair and the later one stands: the index of the region that
    // lost follows too.
    assert!(tokyo.database.set_line("*", line(Cut::Both)));
    run(tokyo, "UPDATE '1' WITH {_from: 'towns/d'} IN roads");
    assert_eq!(reached(tokyo, "OUTBOUND", "towns/d"), ["b"]);
    // Stamps of two writes in the same millisecond are ordered by who wrote.
    std::thread::sleep(Duration::from_millis(5));
    run(virginia, "UPDATE '1' WITH {_to: 'towns/c'} IN roads");
    run(virginia, "REMOVE '1' IN rails");
    assert!(tokyo.database.set_line("*", line(Cut::None)));
    wait("convergence", || converged(&regions));
    for region in &regions {
        assert_eq!(reached(region, "OUTBOUND", "towns/a"), ["c"]);
        assert_eq!(reached(region, "INBOUND", "towns/c"), ["a"]);
        for left in ["towns/b", "towns/d"] {
            assert!(reached(region, "ANY", left).is_empty());
        }
    }

    // A graph that is dropped in one region is gone in the other, and can be made again.
    session(virginia)
        .drop_graph("net", true)
        .expect("it exists");
    wait("convergence", || converged(&regions));
    assert!(session(tokyo).graphs().expect("a read").value.is_empty());
    assert!(
        session(tokyo)
            .collections(false)
            .expect("a read")
            .value
            .is_empty()
    );
    session(tokyo)
        .create_graph("net", vec![connects("roads", "towns", "towns")], vec![])
        .expect("the name is free");
    wait("convergence", || converged(&regions));
    assert!(reached(virginia, "ANY", "towns/a").is_empty());
}

#[test]
fn two_regions_that_take_the_same_unique_value_both_keep_it_and_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let regions = cluster(folder.path(), &["tokyo", "virginia"]);
    let [tokyo, virginia] = regions.as_slice() else {
        unreachable!("two were started")
    };
    let run = |region: &Region, text: &str| session(region).run(text, &Value::Null);
    let fine = |region: &Region, text: &str| {
        let answer = run(region, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Value::array(answer.rows).to_json()
    };
    session(tokyo)
        .create_collection("users", CollectionKind::Document, Deletes::Win)
        .expect("a new name");
    let definition = r#"{"fields":["email"],"unique":true,"sparse":true,"name":"mail"}"#;
    let definition = Value::from_json(definition).expect("JSON");
    session(tokyo)
        .create_index("users", &definition)
        .expect("a new index");
    let mail = |region: &Region| {
        let list = session(region).indexes("users").ok()?.value;
        list.into_iter().find(|index| index.name == "mail")
    };
    wait("the index in both regions", || {
        regions
            .iter()
            .all(|region| mail(region).is_some_and(|index| index.ready))
    });

    assert!(tokyo.database.set_line("*", line(Cut::Both)));
    fine(
        tokyo,
        "INSERT {_key: 'first', email: 'ada@example.org'} INTO users",
    );
    // Stamps of two writes in the same millisecond are ordered by who wrote.
    std::thread::sleep(Duration::from_millis(5));
    fine(
        virginia,
        "INSERT {_key: 'second', email: 'ada@example.org'} INTO users",
    );
    // Another value that each takes for a document of its own is no conflict.
    fine(
        tokyo,
        "INSERT {_key: 'bob', email: 'bob@example.org'} INTO users",
    );
    fine(
        virginia,
        "INSERT {_key: 'eve', email: 'eve@example.org'} INTO users",
    );
    assert!(tokyo.database.set_line("*", line(Cut::None)));
    wait("convergence", || converged(&regions));

    for region in &regions {
        let by_mail = |options: &str| {
            format!(
                "FOR u IN users {options} FILTER u.email == 'ada@example.org' SORT u._key RETURN u._key"
            )
        };
        let found = fine(region, &by_mail(""));
        assert_eq!(found, r#"["first","second"]"#);
        assert_eq!(
            found,
            fine(region, &by_mail("OPTIONS {disableIndex: true}"))
        );
        assert_eq!(
            found,
            fine(
                region,
                &by_mail("OPTIONS {indexHint: 'mail', forceIndexHint: true}")
            )
        );
        // The later one is reported, in both regions alike; the earlier one is the owner.
        let discarded = session(region).discarded(Some("users"), 10);
        let discarded = discarded.expect("a read").value;
        assert_eq!(discarded.len(), 1, "{discarded:?}");
        let told = &discarded[0];
        assert_eq!(told.write.key, "second");
        assert_eq!(told.write.discard.reason.name(), "duplicate");
        assert_eq!(
            told.write.discard.value,
            Some(Value::from("ada@example.org"))
        );
        assert_eq!(told.lost_region, "virginia");
        assert_eq!(told.won_region, "tokyo");
        // Both can be changed, as long as they take no other's value.
        for key in ["first", "second"] {
            fine(region, &format!("UPDATE '{key}' WITH {{n: 1}} IN users"));
            fine(
                region,
                &format!("FOR u IN users FILTER u._key == '{key}' REPLACE u IN users"),
            );
        }
        // Nobody can take the value a third time.
        for text in [
            "INSERT {_key: 'third', email: 'ada@example.org'} INTO users",
            "UPDATE 'eve' WITH {email: 'ada@example.org'} IN users",
            "UPDATE 'first' WITH {email: 'bob@example.org'} IN users",
        ] {
            let refused = run(region, text).map(|answer| answer.rows);
            assert_eq!(refused.expect_err(text).code(), 1210, "{text}");
        }
        wait("convergence", || converged(&regions));
        let check = session(region).check_indexes(None).expect("a check").value;
        assert_eq!(check.faults_total, 0, "{:?}", check.faults);
    }

    // The conflict ends when one of them is changed, and then the value is taken by one document alone.
    fine(
        virginia,
        "UPDATE 'second' WITH {email: 'countess@example.org'} IN users",
    );
    wait("convergence", || converged(&regions));
    for region in &regions {
        let found = fine(
            region,
            "FOR u IN users FILTER u.email == 'ada@example.org' RETURN u._key",
        );
        assert_eq!(found, r#"["first"]"#);
        let check = session(region).check_indexes(None).expect("a check").value;
        assert_eq!(check.faults_total, 0, "{:?}", check.faults);
    }
    fine(tokyo, "REMOVE 'first' IN users");
    fine(
        tokyo,
        "INSERT {_key: 'third', email: 'ada@example.org'} INTO users",
    );
}
