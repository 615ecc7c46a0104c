//! Cursors, profiles and the list of queries through the client, on an in-memory database.

use std::time::Duration;

use antipode::{Database, Options};
use antipode_client::{Client, Config as ClientConfig, Error};
use antipode_server::{Config, Server};
use serde_json::Value;

async fn start(options: Options) -> (Client, Database) {
    let database = Database::in_memory(options).unwrap();
    let server = Server::bind(Config::loopback(), database.clone())
        .await
        .unwrap();
    let address = format!("http://{}", server.address());
    tokio::spawn(async move {
        server.run(std::future::pending()).await.unwrap();
    });
    // No call of a test is to end by its time but one that says so.
    let config = ClientConfig {
        timeout: Duration::from_secs(3600),
        ..ClientConfig::new([address])
    };
    let client = Client::connect_with(config).await.unwrap();
    (client, database)
}

fn code(error: &Error) -> u32 {
    error
        .code()
        .unwrap_or_else(|| panic!("not the database's error: {error:?}"))
}

const NUMBERS: &str = "FOR i IN 1..@n RETURN i";

#[tokio::test(flavor = "multi_thread")]
async fn cursors_give_batches_of_the_size_that_was_asked_for() {
    let (client, _database) = start(Options::default()).await;
    for stream in [false, true] {
        let mut query = client
            .query(NUMBERS)
            .bind("n", 25)
            .unwrap()
            .batch_size(10)
            .count();
        if stream {
            query = query.stream();
        }
        let mut cursor = query.cursor().await.unwrap();
        assert!(!cursor.id().is_empty());
        assert_eq!(cursor.count(), (!stream).then_some(25));
        assert_eq!(cursor.extra().is_some(), !stream);
        let id = cursor.id().to_owned();
        let mut rows = Vec::new();
        while let Some(row) = cursor.next().await.unwrap() {
            rows.push(row.decode::<u64>().unwrap());
        }
        assert_eq!(rows, (1..=25).collect::<Vec<_>>());
        assert!(cursor.id().is_empty());
        assert!(cursor.extra().is_some());
        assert!(!id.is_empty());
    }
    // What fits into one batch leaves nothing behind.
    let cursor = client
        .query(NUMBERS)
        .bind("n", 100)
        .unwrap()
        .cursor()
        .await
        .unwrap();
    assert!(cursor.id().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_deleted_or_not_read_is_gone() {
    let (client, database) = start(Options::default()).await;
    for stream in [false, true] {
        let open = |ttl| {
            let query = client.query(NUMBERS).bind("n", 1000).unwrap();
            let query = query.batch_size(1).ttl(Duration::from_millis(ttl));
            match stream {
                true => query.stream().cursor(),
                false => query.cursor(),
            }
        };
        let mut late = open(50).await.unwrap();
        assert!(late.next().await.unwrap().is_some());
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(code(&late.next().await.unwrap_err()), 1600);
        // With the cursor went its query, and so its snapshot.
        no_query_runs(&database).await;

        let mut read = open(10_000).await.unwrap();
        for _ in 0..3 {
            assert!(read.next().await.unwrap().is_some());
        }
        assert_eq!(database.running_queries().len(), usize::from(stream));
        read.delete().await.unwrap();
        no_query_runs(&database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_that_compute_their_first_rows_count() {
    const LIVE_MAX: usize = 64;
    let (client, database) = start(Options::default()).await;
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..LIVE_MAX {
        let slow = client.query("RETURN SLEEP(3600)").stream();
        opening.spawn(async move { slow.cursor().await.map(drop) });
    }
    for _ in 0..12_000 {
        if database.running_queries().len() == LIVE_MAX {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(database.running_queries().len(), LIVE_MAX);
    let open = || client.query("RETURN 1").stream().cursor();
    assert_eq!(code(&open().await.unwrap_err()), 32);
    // What is kept whole needs no thread.
    client.query("RETURN 1").cursor().await.unwrap();
    // With the calls go their cursors, and then there is room again.
    opening.shutdown().await;
    no_query_runs(&database).await;
    let mut opened = open().await;
    for _ in 0..12_000 {
        match opened {
            Ok(_) => break,
            Err(error) => assert_eq!(code(&error), 32),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        opened = open().await;
    }
    opened.unwrap();
}

/// Waits until the thread of a live cursor has ended.
async fn no_query_runs(database: &Database) {
    for _ in 0..1_000 {
        if database.running_queries().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still running: {:?}", database.running_queries());
}

#[tokio::test(flavor = "multi_thread")]
async fn options_out_of_range_are_refused() {
    let (client, _database) = start(Options::default()).await;
    let query = || client.query("RETURN 1");
    for query in [
        query().batch_size(1001),
        query().ttl(Duration::from_secs(4000)),
        query().profile(3),
    ] {
        assert_eq!(code(&query.cursor().await.unwrap_err()), 10);
    }
    let failed = client
        .query("RETURN 1 / 0")
        .fail_on_warning()
        .cursor()
        .await;
    assert_eq!(code(&failed.unwrap_err()), 1562);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_tells_what_each_node_did() {
    let (client, _database) = start(Options::default()).await;
    let text = "FOR i IN 1..100 FILTER i % 2 == 0 SORT i DESC LIMIT 5 RETURN i";
    let mut rows = client.query(text).profile(2).rows().await.unwrap();
    while rows.next().await.unwrap().is_some() {}
    let profile = rows.extra().unwrap().profile.clone().unwrap();
    let json: Value = serde_json::from_str(&profile.json).unwrap();
    let nodes = json["stats"]["nodes"].as_array().unwrap();
    let kinds = json["plan"]["nodes"].as_array().unwrap();
    let of = |kind: &str| {
        let id = kinds.iter().find(|node| node["type"] == kind).unwrap()["id"].clone();
        nodes.iter().find(|node| node["id"] == id).unwrap().clone()
    };
    assert_eq!(of("EnumerateListNode")["items"], 100);
    assert_eq!(of("FilterNode")["itemsIn"], 100);
    assert_eq!(of("FilterNode")["filtered"], 50);
    assert_eq!(of("ReturnNode")["items"], 5);
    assert!(
        of("SortNode")["runtime"].as_f64().unwrap()
            >= of("SortNode")["ownRuntime"].as_f64().unwrap()
    );
    assert!(json["profile"]["executing"].as_f64().unwrap() > 0.0);
    assert!(profile.text.contains("Filtered"), "{}", profile.text);

    let mut rows = client.query(text).profile(1).rows().await.unwrap();
    while rows.next().await.unwrap().is_some() {}
    let profile = rows.extra().unwrap().profile.clone().unwrap();
    let json: Value = serde_json::from_str(&profile.json).unwrap();
    assert_eq!(json["stats"]["nodes"], Value::Null);
    assert!(json["profile"]["parsing"].as_f64().unwrap() > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn running_queries_are_listed_and_killed_and_slow_ones_remembered() {
    let (client, _database) = start(Options {
        slow_query: Duration::from_millis(1),
        ..Options::default()
    })
    .await;
    let endless = client.query("FOR i IN 1..1000000000000 FILTER i < 0 RETURN i");
    let running = tokio::spawn(endless.run());
    let query = loop {
        if let Some(query) = client.running_queries().await.unwrap().pop() {
            break query;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(query.query.starts_with("FOR i"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    client.kill_query(query.id).await.unwrap();
    assert_eq!(code(&running.await.unwrap().unwrap_err()), 1500);
    assert_eq!(code(&client.kill_query(query.id).await.unwrap_err()), 1591);
    let slow = client.slow_queries(true).await.unwrap();
    assert_eq!(slow.first().map(|query| query.id), Some(query.id));
    assert_eq!(client.slow_queries(false).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_plans_serve_other_binds_until_the_catalog_changes() {
    let (client, database) = start(Options::default()).await;
    let sum = |low: i64| {
        let query = client.query("RETURN SUM(FOR i IN 1..4 FILTER i > @low RETURN i)");
        query.bind("low", low).unwrap().all::<i64>()
    };
    assert_eq!(sum(1).await.unwrap(), [9]);
    assert_eq!(sum(3).await.unwrap(), [4]);
    assert_eq!(
        (database.plan_cache().hits, database.plan_cache().misses),
        (1, 1)
    );
    let options = antipode_client::CollectionOptions::default();
    assert!(client.create_collection("later", options).await.unwrap());
    assert_eq!(sum(2).await.unwrap(), [7]);
    assert_eq!(database.plan_cache().misses, 2);
}
