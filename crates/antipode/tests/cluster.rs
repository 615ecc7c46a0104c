//! Three nodes of one cluster in this process, over real QUIC on loopback: the thinnest true spine.
#![cfg(feature = "replication")]

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use antipode::{
    Ca, Cluster, CollectionKind, Cut, Database, Deletes, Line, Options, RequestOptions, Session,
    Value,
};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket.local_addr().expect("it is bound").port()
}

struct Region {
    database: Database,
    port: u16,
}

fn start(folder: &Path, ca: &Ca, name: &str, join: &[u16]) -> Region {
    let bundle = folder.join(format!("bundle-{name}"));
    ca.issue(name, name)
        .expect("a legal name")
        .write(&bundle)
        .expect("a new folder");
    let port = free_port();
    let options = Options {
        node: name.to_owned(),
        region: name.to_owned(),
        cluster: Some(Cluster {
            bundle,
            listen: format!("127.0.0.1:{port}"),
            advertise: None,
            found: join.is_empty(),
            join: join
                .iter()
                .map(|port| format!("127.0.0.1:{port}"))
                .collect(),
            wan: true,
        }),
        ..Options::default()
    };
    let database = Database::open(folder.join(name), options).expect("a new node");
    Region { database, port }
}

fn session(region: &Region) -> Session {
    region.database.session(RequestOptions::default())
}

/// Waits until `reached` holds; what is waited for is always bounded by the protocol's own timers.
fn wait(what: &str, mut reached: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(Instant::now() < until, "waited 30 s for {what}");
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

#[test]
fn three_regions_write_through_a_partition_and_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = Ca::create(antipode::ClusterId::random()).expect("a new cluster");
    let tokyo = start(folder.path(), &ca, "tokyo", &[]);
    let frankfurt = start(folder.path(), &ca, "frankfurt", &[tokyo.port]);
    let virginia = start(folder.path(), &ca, "virginia", &[tokyo.port]);
    let regions = [tokyo, frankfurt, virginia];
    wait("three members", || {
        regions.iter().all(|region| {
            let status = region.database.status().expect("it runs");
            status.members.len() == 3
                && status
                    .members
                    .iter()
                    .all(|member| member.me || member.connected)
        })
    });
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
        let found = region
            .database
            .session(follows)
            .get("users", "ada")
            .expect("a read")
            .value;
        assert!(found.is_some(), "read your writes, elsewhere");
    }

    let line = |cut| Line {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        cut,
    };
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
