//! Three nodes in three regions, as clients see them: sessions that move, and a line that is cut and heals.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use antipode::{Ca, Cluster, ClusterId, Database, Options};
use antipode_client::{Client, CollectionKind, CollectionOptions, Line, LineCut, Status};
use antipode_server::{Config, Server};
use serde_json::{Value, json};

const REGIONS: [&str; 3] = ["tokyo", "frankfurt", "virginia"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

async fn start(directory: &Path) -> Vec<Client> {
    let ca = Ca::create(ClusterId::random()).unwrap();
    let founder = format!("127.0.0.1:{}", free_port());
    let mut clients = Vec::new();
    for region in REGIONS {
        let bundle = directory.join(region);
        ca.issue(&format!("{region}-1"), region)
            .unwrap()
            .write(&bundle)
            .unwrap();
        let found = clients.is_empty();
        let listen = match found {
            true => founder.clone(),
            false => format!("127.0.0.1:{}", free_port()),
        };
        let options = Options {
            cluster: Some(Cluster {
                bundle,
                listen,
                advertise: None,
                found,
                join: if found {
                    Vec::new()
                } else {
                    vec![founder.clone()]
                },
                wan: true,
            }),
            ..Options::default()
        };
        let database = Database::in_memory(options).unwrap();
        let server = Server::bind(Config::loopback(), database).await.unwrap();
        let address = format!("http://{}", server.address());
        tokio::spawn(server.run(std::future::pending()));
        clients.push(Client::connect([address]).await.unwrap());
    }
    clients
}

/// The nodes' states, once `good` holds of them.
async fn wait(clients: &[Client], what: &str, good: impl Fn(&[Status]) -> bool) -> Vec<Status> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut all = Vec::new();
        for client in clients {
            all.push(client.status().await.unwrap());
        }
        if good(&all) {
            return all;
        }
        assert!(Instant::now() < deadline, "never {what}: {all:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn connected(statuses: &[Status]) -> bool {
    let peers = |status: &Status| {
        let linked = status
            .members
            .iter()
            .filter(|member| member.connected && !member.me);
        linked.count()
    };
    statuses
        .iter()
        .all(|status| status.members.len() == 3 && peers(status) == 2)
}

fn converged(statuses: &[Status]) -> bool {
    let same = statuses
        .windows(2)
        .all(|pair| pair[0].version_vector == pair[1].version_vector);
    if same {
        // The one thing that must never be seen.
        let digests = statuses
            .windows(2)
            .all(|pair| pair[0].digest == pair[1].digest);
        assert!(
            digests,
            "equal version vectors, but not equal digests: {statuses:#?}"
        );
    }
    same
}

#[tokio::test(flavor = "multi_thread")]
async fn three_regions_count_every_visit_through_a_cut() {
    let directory = tempfile::tempdir().unwrap();
    let clients = start(directory.path()).await;
    wait(&clients, "connected", connected).await;
    let [tokyo, frankfurt, virginia] = &clients[..] else {
        panic!("three nodes")
    };
    tokyo
        .create_collection("pages", CollectionOptions::default())
        .await
        .unwrap();
    let counters = CollectionOptions {
        kind: CollectionKind::Kv,
        ..CollectionOptions::default()
    };
    tokyo.create_collection("counters", counters).await.unwrap();
    tokyo.create_stream("events").await.unwrap();
    tokyo
        .insert(
            "pages",
            &json!({ "_key": "home", "visits": 0 }),
            Default::default(),
        )
        .await
        .unwrap();

    // A session that moves sees what it wrote, at once.
    frankfurt.resume(&tokyo.token());
    let home: Option<Value> = frankfurt.document("pages", "home").await.unwrap();
    assert_eq!(home.unwrap()["visits"], 0);
    virginia.resume(&tokyo.token());
    assert_eq!(virginia.list_collections().await.unwrap().len(), 2);

    let cut = Line {
        cut: LineCut::Both,
        ..Line::default()
    };
    tokyo.set_line("*", cut).await.unwrap();
    let alone = |statuses: &[Status]| {
        statuses[0]
            .members
            .iter()
            .all(|member| member.me || !member.connected)
    };
    wait(&clients, "cut off", alone).await;
    for (client, region) in clients.iter().zip(REGIONS) {
        for _ in 0..10 {
            let visit =
                "FOR p IN pages UPDATE p WITH { visits: p.visits + 1, @region: true } IN pages";
            client
                .query(visit)
                .bind("region", region)
                .unwrap()
                .run()
                .await
                .unwrap();
            client.kv_increment("counters", "visits", 1).await.unwrap();
        }
        let message = antipode_client::OutgoingMessage::new(&json!({ "from": region })).unwrap();
        client.publish("events", [message]).await.unwrap();
    }
    tokyo.set_line("*", Line::default()).await.unwrap();
    let healed = Instant::now();
    wait(&clients, "converged", |statuses| {
        connected(statuses) && converged(statuses)
    })
    .await;
    println!("converged {:?} after the line healed", healed.elapsed());
    for client in &clients {
        let home: Value = client.document("pages", "home").await.unwrap().unwrap();
        assert_eq!(home["visits"], 30, "{home}");
        for region in REGIONS {
            assert_eq!(home[region], true, "{home}");
        }
        let count = client.kv_get("counters", "visits").await.unwrap().unwrap();
        assert_eq!(count.decode::<u64>().unwrap(), 30);
        let options = antipode_client::SubscribeOptions {
            until_now: true,
            ..Default::default()
        };
        let mut events = client.subscribe("events", options).await.unwrap();
        let mut from = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            from.push(event.region);
        }
        from.sort();
        assert_eq!(from, ["frankfurt", "tokyo", "virginia"]);
    }
}
