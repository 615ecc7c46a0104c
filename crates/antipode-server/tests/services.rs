//! Every service through the client, on an in-memory database.

use std::collections::BTreeMap;
use std::time::Duration;

use antipode::{Database, Options};
use antipode_client::{
    Client, CollectionKind, CollectionOptions, Config as ClientConfig, Consistency,
    DocumentOptions, EdgeDefinition, Entry, Error, Graph, GraphChange, Line, OutgoingMessage,
    OverwriteMode, PutOptions, Retry, ScanOptions, Start, SubscribeOptions, UpdateOptions, Written,
};
use antipode_server::{Config, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    client: Client,
    database: Database,
    address: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn start() -> Running {
    start_with(Config::loopback()).await
}

async fn start_with(config: Config) -> Running {
    let database = Database::in_memory(Options::default()).unwrap();
    let server = Server::bind(config, database.clone()).await.unwrap();
    let address = format!("http://{}", server.address());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let stopped = async {
            // A test that fails drops the sender.
            let _ = stopped.await;
        };
        server.run(stopped).await.unwrap();
    });
    let client = Client::connect([address.clone()]).await.unwrap();
    Running {
        client,
        database,
        address,
        stop,
        served,
    }
}

fn code(error: &Error) -> u32 {
    error
        .code()
        .unwrap_or_else(|| panic!("not the database's error: {error:?}"))
}

async fn collection(client: &Client, name: &str, kind: CollectionKind) {
    let options = CollectionOptions {
        kind,
        ..CollectionOptions::default()
    };
    assert!(client.create_collection(name, options).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_stream_rows_and_tell_what_they_did() {
    let node = start().await;
    let client = &node.client;
    collection(client, "numbers", CollectionKind::Document).await;
    let extra = client
        .query("FOR n IN 1..5000 INSERT { _key: TO_STRING(n), n, text: @text } INTO numbers")
        .bind("text", "x".repeat(300))
        .unwrap()
        .run()
        .await
        .unwrap();
    assert_eq!(extra.writes_executed, 5000);
    let mut rows = client
        .query("FOR d IN @@c SORT d.n FILTER d.n % 2 == 0 LIMIT 10, 2000 RETURN d")
        .bind("@c", "numbers")
        .unwrap()
        .batch_size(100)
        .full_count()
        .rows()
        .await
        .unwrap();
    let mut expected = 22;
    while let Some(row) = rows.next().await.unwrap() {
        let row: Value = row.decode().unwrap();
        assert_eq!(row["n"], expected);
        assert!(row["_rev"].is_string());
        expected += 2;
    }
    assert_eq!(expected, 22 + 4000);
    let extra = rows.extra().unwrap();
    assert_eq!(extra.full_count, Some(2500));
    assert!(extra.scanned_full >= 5000);
    assert!(!client.token().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_carry_their_number_and_place() {
    let node = start().await;
    let error = node
        .client
        .query("FOR x IN\n  RETURN x")
        .run()
        .await
        .unwrap_err();
    match error {
        Error::Database {
            code,
            name,
            retry,
            written,
            line,
            column,
            ..
        } => {
            assert_eq!((code, name.as_str()), (1501, "QUERY_PARSE"));
            assert_eq!((retry, written), (Retry::Never, Written::Nothing));
            assert_eq!((line, column), (2, 3));
        }
        other => panic!("{other:?}"),
    }
    let unknown = node
        .client
        .query("FOR x IN nowhere RETURN x")
        .run()
        .await
        .unwrap_err();
    assert_eq!(code(&unknown), 1203);
    let fabric = node.client.with_fabric("nowhere");
    assert_eq!(
        code(&fabric.query("RETURN 1").run().await.unwrap_err()),
        1228
    );
    let batch = node
        .client
        .query("RETURN 1")
        .batch_size(100_000)
        .run()
        .await
        .unwrap_err();
    assert_eq!(code(&batch), 10);
    let warning = node
        .client
        .query("RETURN 1 / 0")
        .fail_on_warning()
        .run()
        .await
        .unwrap_err();
    assert_eq!(code(&warning), 1562);
    let extra = node.client.query("RETURN 1 / 0").run().await.unwrap();
    assert_eq!(extra.warnings.len(), 1);
    assert_eq!(extra.warnings[0].code, 1562);
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_the_intent() {
    let node = start().await;
    collection(&node.client, "users", CollectionKind::Document).await;
    let explained = node
        .client
        .query("FOR u IN users UPDATE u WITH { visits: u.visits + 1 } IN users")
        .explain()
        .await
        .unwrap();
    assert!(
        explained.text.to_lowercase().contains("increment"),
        "{}",
        explained.text
    );
    assert!(serde_json::from_str::<Value>(&explained.plan).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_rows_nobody_reads_is_stopped() {
    let config = Config {
        calls_max: 1,
        ..Config::loopback()
    };
    let node = start_with(config).await;
    // The only worker is taken by a query without an end in sight; dropping its rows must free it.
    let mut rows = node
        .client
        .query("FOR a IN 1..1000000 FOR b IN 1..1000000 RETURN a * b")
        .rows()
        .await
        .unwrap();
    assert!(rows.next().await.unwrap().is_some());
    drop(rows);
    let answer: Vec<i64> = node.client.query("RETURN 42").all().await.unwrap();
    assert_eq!(answer, [42]);
    // One that computes without giving rows, too.
    let silent = node
        .client
        .query("FOR a IN 1..1000000 FOR b IN 1..1000000 FILTER a + b < 0 RETURN 1");
    let waiting = tokio::time::timeout(Duration::from_millis(300), silent.rows()).await;
    assert!(waiting.is_err());
    let answer: Vec<i64> = node.client.query("RETURN 43").all().await.unwrap();
    assert_eq!(answer, [43]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_at_its_runtime() {
    let node = start().await;
    let error = node
        .client
        .query("FOR a IN 1..1000000 FOR b IN 1..1000000 FILTER a + b < 0 RETURN 1")
        .max_runtime(0.2)
        .run()
        .await
        .unwrap_err();
    assert_eq!(code(&error), 1500);
    let memory = node
        .client
        .query("LET xs = (FOR a IN 1..1000000 RETURN a) RETURN LENGTH(xs)")
        .memory_limit(100_000)
        .run()
        .await
        .unwrap_err();
    assert_eq!(code(&memory), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_written_and_read_by_key() {
    let node = start().await;
    let client = &node.client;
    collection(client, "users", CollectionKind::Document).await;
    let made = client
        .insert(
            "users",
            &json!({ "name": "nobody" }),
            DocumentOptions::default(),
        )
        .await
        .unwrap();
    assert!(!made.key.is_empty());
    let ada = json!({ "_key": "ada", "name": "Ada", "city": { "name": "London", "zip": 1 } });
    let inserted = client
        .insert("users", &ada, DocumentOptions::default())
        .await
        .unwrap();
    assert_eq!((inserted.id.as_str(), inserted.new), ("users/ada", None));
    let taken = client
        .insert("users", &ada, DocumentOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code(&taken), 1210);
    let ignore = DocumentOptions {
        overwrite: OverwriteMode::Ignore,
        ..DocumentOptions::default()
    };
    assert_eq!(
        client.insert("users", &ada, ignore).await.unwrap().rev,
        inserted.rev
    );

    let options = UpdateOptions {
        return_old: true,
        return_new: true,
        ..UpdateOptions::default()
    };
    let patch = json!({ "city": { "zip": 2 }, "age": 36 });
    let updated = client
        .update("users", "ada", &patch, options)
        .await
        .unwrap();
    let new: Value = serde_json::from_str(&updated.new.unwrap()).unwrap();
    assert_eq!(new["city"], json!({ "name": "London", "zip": 2 }));
    assert_eq!(new["_rev"], updated.rev);
    let old: Value = serde_json::from_str(&updated.old.unwrap()).unwrap();
    assert_eq!(old["_rev"], inserted.rev);
    let stale = UpdateOptions {
        if_rev: Some(inserted.rev.clone()),
        ..UpdateOptions::default()
    };
    assert_eq!(
        code(
            &client
                .update("users", "ada", &patch, stale)
                .await
                .unwrap_err()
        ),
        1200
    );
    let current = UpdateOptions {
        if_rev: Some(updated.rev),
        remove_null: true,
        ..UpdateOptions::default()
    };
    client
        .update("users", "ada", &json!({ "age": null }), current)
        .await
        .unwrap();
    let read: Value = client.document("users", "ada").await.unwrap().unwrap();
    assert_eq!(read.get("age"), None);

    client
        .replace(
            "users",
            "ada",
            &json!({ "name": "Countess" }),
            DocumentOptions::default(),
        )
        .await
        .unwrap();
    let read: Value = client.document("users", "ada").await.unwrap().unwrap();
    assert_eq!(
        (read.get("city"), &read["name"]),
        (None, &json!("Countess"))
    );
    client
        .remove("users", "ada", DocumentOptions::default())
        .await
        .unwrap();
    assert_eq!(
        client.document::<Value>("users", "ada").await.unwrap(),
        None
    );
    let gone = client
        .remove("users", "ada", DocumentOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code(&gone), 1202);
    assert_eq!(
        code(&client.document::<Value>("nowhere", "a").await.unwrap_err()),
        1203
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_values_count_expire_and_compare() {
    let node = start().await;
    let client = &node.client;
    collection(client, "settings", CollectionKind::Kv).await;
    collection(client, "papers", CollectionKind::Document).await;
    assert_eq!(client.kv_get("settings", "a").await.unwrap(), None);
    let rev = client
        .kv_put("settings", "a", &json!({ "x": 1 }), PutOptions::default())
        .await
        .unwrap();
    let entry = client.kv_get("settings", "a").await.unwrap().unwrap();
    assert_eq!(
        (entry.decode::<Value>().unwrap(), &entry.rev),
        (json!({ "x": 1 }), &rev)
    );

    let set = |if_rev: &str| PutOptions {
        if_rev: Some(if_rev.to_owned()),
        ..PutOptions::default()
    };
    assert_eq!(
        code(
            &client
                .kv_put("settings", "a", &2, set(""))
                .await
                .unwrap_err()
        ),
        1200
    );
    let second = client.kv_put("settings", "a", &2, set(&rev)).await.unwrap();
    assert_eq!(
        code(
            &client
                .kv_put("settings", "a", &3, set(&rev))
                .await
                .unwrap_err()
        ),
        1200
    );
    assert_ne!(second, rev);
    client.kv_put("settings", "b", &1, set("")).await.unwrap();

    assert_eq!(
        client.kv_increment("settings", "count", 5).await.unwrap(),
        5
    );
    assert_eq!(
        client.kv_increment("settings", "count", -2).await.unwrap(),
        3
    );
    let brief = PutOptions {
        ttl: Some(Duration::from_millis(50)),
        ..PutOptions::default()
    };
    client.kv_put("settings", "brief", &1, brief).await.unwrap();
    let touched = client
        .kv_touch("settings", "b", Some(Duration::from_secs(3600)))
        .await;
    assert!(touched.is_ok(), "{touched:?}");
    assert!(
        client
            .kv_get("settings", "b")
            .await
            .unwrap()
            .unwrap()
            .expires_ms
            .is_some()
    );
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(client.kv_get("settings", "brief").await.unwrap(), None);
    assert_eq!(
        code(
            &client
                .kv_touch("settings", "never", None)
                .await
                .unwrap_err()
        ),
        1202
    );

    for number in 0..1200 {
        let key = format!("many-{number:04}");
        client
            .kv_put("settings", &key, &number, PutOptions::default())
            .await
            .unwrap();
    }
    let keys = scan(
        client,
        ScanOptions {
            prefix: "many-".to_owned(),
            ..ScanOptions::default()
        },
    )
    .await;
    assert_eq!(keys.len(), 1200);
    assert!(keys.windows(2).all(|pair| pair[0].key < pair[1].key));
    let some = ScanOptions {
        from: "many-0500".to_owned(),
        to: "many-0600".to_owned(),
        limit: 70,
        ..ScanOptions::default()
    };
    let keys = scan(client, some).await;
    assert_eq!((keys.len(), keys[0].key.as_str()), (70, "many-0500"));

    assert!(client.kv_delete("settings", "a", None).await.unwrap());
    assert!(!client.kv_delete("settings", "a", None).await.unwrap());
    assert_eq!(code(&client.kv_get("papers", "a").await.unwrap_err()), 5210);
}

async fn scan(client: &Client, options: ScanOptions) -> Vec<Entry> {
    let mut scan = client.kv_scan("settings", options).await.unwrap();
    let mut all = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        all.push(entry);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_followed_and_resumed() {
    let node = start().await;
    let client = &node.client;
    assert!(client.create_stream("orders").await.unwrap());
    assert!(!client.create_stream("orders").await.unwrap());
    let numbered = |range: std::ops::Range<u32>| {
        range.map(|number| OutgoingMessage {
            key: Some(format!("k{number}")),
            properties: BTreeMap::from([("colour".to_owned(), "blue".to_owned())]),
            ..OutgoingMessage::new(&json!({ "number": number })).unwrap()
        })
    };
    let ids = client.publish("orders", numbered(0..600)).await.unwrap();
    assert_eq!(ids.len(), 600);

    let until_now = SubscribeOptions {
        until_now: true,
        ..SubscribeOptions::default()
    };
    let mut all = client.subscribe("orders", until_now).await.unwrap();
    let mut count = 0u32;
    while let Some(message) = all.next().await.unwrap() {
        assert_eq!(message.decode::<Value>().unwrap()["number"], count);
        assert_eq!(
            (message.seq, &message.id),
            (u64::from(count) + 1, &ids[count as usize])
        );
        assert_eq!(message.key, Some(format!("k{count}")));
        assert_eq!(message.properties["colour"], "blue");
        assert_eq!(message.region, "local");
        count += 1;
    }
    assert_eq!(count, 600);
    client
        .commit_cursor("orders", "billing", all.position())
        .await
        .unwrap();

    let start = Start::Cursor("billing".to_owned());
    let mut follow = client
        .subscribe(
            "orders",
            SubscribeOptions {
                start,
                ..SubscribeOptions::default()
            },
        )
        .await
        .unwrap();
    let latest = SubscribeOptions {
        start: Start::Latest,
        ..SubscribeOptions::default()
    };
    let mut late = client.subscribe("orders", latest).await.unwrap();
    let publisher = client.clone();
    let published = tokio::spawn(async move {
        publisher
            .publish("orders", numbered(600..603))
            .await
            .unwrap();
    });
    for number in 600..603 {
        for subscription in [&mut follow, &mut late] {
            let message = subscription.next().await.unwrap().unwrap();
            assert_eq!(message.decode::<Value>().unwrap()["number"], number);
        }
    }
    published.await.unwrap();
    let cursors = client.list_cursors("orders").await.unwrap();
    assert_eq!((cursors.len(), cursors[0].name.as_str()), (1, "billing"));
    assert_eq!(&cursors[0].position, all.position());
    let elsewhere = SubscribeOptions {
        regions: vec!["elsewhere".to_owned()],
        until_now: true,
        ..SubscribeOptions::default()
    };
    assert!(
        client
            .subscribe("orders", elsewhere)
            .await
            .unwrap()
            .next()
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        code(&client.publish("nowhere", numbered(0..1)).await.unwrap_err()),
        5200
    );
    let nowhere = client
        .subscribe("nowhere", SubscribeOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code(&nowhere), 5200);
    let nonsense = SubscribeOptions {
        start: Start::Position(vec![77, 1].into()),
        ..SubscribeOptions::default()
    };
    assert!(
        client
            .subscribe("orders", nonsense)
            .await
            .unwrap_err()
            .code()
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_made_listed_and_dropped() {
    let node = start().await;
    let client = &node.client;
    assert!(client.create_fabric("shop").await.unwrap());
    assert!(!client.create_fabric("shop").await.unwrap());
    assert_eq!(client.list_fabrics().await.unwrap(), ["_system", "shop"]);
    let shop = client.with_fabric("shop");
    collection(&shop, "orders", CollectionKind::Document).await;
    collection(&shop, "links", CollectionKind::Edge).await;
    collection(&shop, "stock", CollectionKind::Kv).await;
    shop.insert("orders", &json!({}), DocumentOptions::default())
        .await
        .unwrap();
    let listed = shop.list_collections().await.unwrap();
    let shown: Vec<_> = listed
        .iter()
        .map(|found| (found.name.as_str(), found.kind, found.count))
        .collect();
    assert_eq!(
        shown,
        [
            ("links", CollectionKind::Edge, 0),
            ("orders", CollectionKind::Document, 1),
            ("stock", CollectionKind::Kv, 0)
        ]
    );
    assert!(client.list_collections().await.unwrap().is_empty());
    shop.create_stream("events").await.unwrap();
    assert_eq!(shop.list_streams().await.unwrap(), ["events"]);
    assert!(shop.drop_stream("events").await.unwrap());
    assert!(!shop.drop_stream("events").await.unwrap());
    assert!(shop.drop_collection("orders").await.unwrap());
    assert!(!shop.drop_collection("orders").await.unwrap());
    assert!(client.drop_fabric("shop").await.unwrap());
    assert!(!client.drop_fabric("shop").await.unwrap());
    let bad = client
        .create_collection("9 lives", CollectionOptions::default())
        .await
        .unwrap_err();
    assert_eq!(code(&bad), 1208);
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn relation(collection: &str, from: &[&str], to: &[&str]) -> EdgeDefinition {
    EdgeDefinition {
        collection: collection.to_owned(),
        from: names(from),
        to: names(to),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn graphs_are_made_changed_walked_and_dropped() {
    let node = start().await;
    let client = &node.client;
    let network = Graph {
        name: "network".to_owned(),
        edge_definitions: vec![relation("flights", &["airports"], &["airports"])],
        orphans: names(&["airlines"]),
    };
    assert!(client.create_graph(network.clone()).await.unwrap());
    assert!(!client.create_graph(network.clone()).await.unwrap());
    assert_eq!(client.graph("network").await.unwrap(), network);
    client
        .query("FOR k IN ['A', 'B'] INSERT { _key: k } INTO airports")
        .run()
        .await
        .unwrap();
    client
        .query("INSERT { _from: 'airports/A', _to: 'airports/B' } INTO flights")
        .run()
        .await
        .unwrap();
    let mut rows = client
        .query("FOR v IN OUTBOUND 'airports/A' GRAPH network RETURN v._key")
        .rows()
        .await
        .unwrap();
    let found: String = rows.next().await.unwrap().unwrap().decode().unwrap();
    assert_eq!(found, "B");

    let change = |change| client.change_graph("network", change);
    let trains = relation("trains", &["airports"], &["cities"]);
    change(GraphChange::AddDefinition(trains.clone()))
        .await
        .unwrap();
    let again = change(GraphChange::AddDefinition(trains)).await;
    assert_eq!(code(&again.unwrap_err()), 1920);
    change(GraphChange::RemoveDefinition {
        collection: "trains".to_owned(),
        drop: true,
    })
    .await
    .unwrap();
    let graphs = client.list_graphs().await.unwrap();
    assert_eq!(graphs.len(), 1);
    assert_eq!(graphs[0].edge_definitions, network.edge_definitions);
    assert_eq!(graphs[0].orphans, ["airlines", "cities"]);
    let collections = client.list_collections().await.unwrap();
    let collections: Vec<&str> = collections
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(collections, ["airlines", "airports", "cities", "flights"]);

    assert!(client.drop_graph("network", true).await.unwrap());
    assert!(!client.drop_graph("network", true).await.unwrap());
    assert!(client.list_collections().await.unwrap().is_empty());
    assert_eq!(code(&client.graph("network").await.unwrap_err()), 1924);
    let nameless = client.create_graph(Graph::default()).await;
    assert_eq!(code(&nameless.unwrap_err()), 1922);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_tells_how_it_does() {
    let node = start().await;
    let client = &node.client;
    let before = client.status().await.unwrap();
    assert_eq!(
        (before.node.as_str(), before.region.as_str()),
        ("local", "local")
    );
    assert_eq!((before.replica_id.len(), before.digest.len()), (16, 32));
    assert_eq!((before.cluster_id.as_str(), before.read_only), ("", None));
    assert!(before.members.iter().any(|member| member.me));
    collection(client, "users", CollectionKind::Document).await;
    client
        .insert("users", &json!({}), DocumentOptions::default())
        .await
        .unwrap();
    let after = client.status().await.unwrap();
    assert_ne!(after.digest, before.digest);
    assert!(after.version_vector[&after.replica_id] >= 2);
    let discarded = client.discarded("", 0).await.unwrap();
    assert_eq!((discarded.total, discarded.writes.len()), (0, 0));
    let refused = client.set_line("*", Line::default()).await.unwrap_err();
    assert_eq!(code(&refused), 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_reached_is_waited_for_and_then_refused() {
    let node = start().await;
    let other = start().await;
    collection(&other.client, "users", CollectionKind::Document).await;
    // This node has nothing of that one, and never will.
    let config = ClientConfig {
        timeout: Duration::from_millis(400),
        attempts: 1,
        ..ClientConfig::new([node.address.clone()])
    };
    let client = Client::connect_with(config).await.unwrap();
    client.resume(&other.client.token());
    let error = client.list_collections().await.unwrap_err();
    // Whose clock ends it first: the session's, the call's, or the client's own.
    assert!(
        matches!(error.code(), Some(5230 | 5323)) || matches!(error, Error::TimedOut),
        "{error:?}"
    );
    let local = client.with_consistency(Consistency::Local);
    assert!(local.list_collections().await.unwrap().is_empty());
    let malformed = Client::connect([node.address.clone()]).await.unwrap();
    malformed.resume(&vec![200, 1, 2].into());
    assert!(malformed.list_fabrics().await.unwrap_err().code().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_subscriptions_and_refuses_calls() {
    let node = start().await;
    node.client.create_stream("events").await.unwrap();
    let mut events = node
        .client
        .subscribe("events", SubscribeOptions::default())
        .await
        .unwrap();
    node.stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), events.next())
        .await
        .unwrap();
    assert!(
        matches!(&ended, Err(error) if error.code() == Some(30))
            || matches!(ended, Err(Error::Lost { .. })),
        "{ended:?}"
    );
    tokio::time::timeout(Duration::from_secs(20), node.served)
        .await
        .unwrap()
        .unwrap();
    assert!(node.client.list_fabrics().await.is_err());
    assert!(node.database.status().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_with_another_node() {
    let (one, two) = (start().await, start().await);
    let client = Client::connect([one.address.clone(), two.address.clone()])
        .await
        .unwrap();
    let first = client.status().await.unwrap().replica_id;
    let (used, other) = match one
        .database
        .status()
        .unwrap()
        .node
        .identity
        .replica
        .to_string()
        == first
    {
        true => (one, two),
        false => (two, one),
    };
    used.stop.send(()).unwrap();
    used.served.await.unwrap();
    let next = client
        .with_consistency(Consistency::Local)
        .status()
        .await
        .unwrap()
        .replica_id;
    assert_eq!(
        next,
        other
            .database
            .status()
            .unwrap()
            .node
            .identity
            .replica
            .to_string()
    );
}
