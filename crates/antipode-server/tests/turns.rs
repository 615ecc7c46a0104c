//! A node with one turn for calls and no waiting room: what needs no turn, or has its own, keeps nobody from it.

use std::time::Duration;

use antipode::{Database, Options};
use antipode_client::{
    Client, CollectionOptions, Config as ClientConfig, Error, OutgoingMessage, SubscribeOptions,
};
use antipode_server::{Config, Server};
use serde_json::{Value, json};

/// Longer than anything takes that is to happen, on the slowest of machines.
const PATIENCE: Duration = Duration::from_secs(120);

fn narrow() -> Config {
    Config {
        calls_max: 1,
        waiting_max: 0,
        ..Config::loopback()
    }
}

/// Starts a node; gives its address.
async fn start(config: Config) -> String {
    let database = Database::in_memory(Options::default()).unwrap();
    let server = Server::bind(config, database).await.unwrap();
    let address = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    address
}

/// A client that makes each call once: it is told when the node is busy.
async fn once(address: &str, timeout: Duration) -> Client {
    let config = ClientConfig {
        timeout,
        attempts: 1,
        ..ClientConfig::new([address])
    };
    Client::connect_with(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_token_hold_up_no_other() {
    let node = start(narrow()).await;
    let other = once(&start(Config::loopback()).await, PATIENCE).await;
    let options = CollectionOptions::default();
    other.create_collection("users", options).await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = once(&node, Duration::from_secs(1)).await;
        client.resume(&other.token());
        waiting.spawn(async move { client.list_collections().await });
    }
    // There is one permit and no waiting room, so a call that met one of those at work would be told that the node is
    // busy.
    let client = once(&node, PATIENCE).await;
    while !waiting.is_empty() {
        assert!(client.list_collections().await.unwrap().is_empty());
        if let Some(ended) = waiting.try_join_next() {
            let error = ended.unwrap().unwrap_err();
            assert!(
                matches!(error.code(), Some(5230 | 5323)) || matches!(error, Error::TimedOut),
                "{error:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_subscriptions_than_calls_go_on_and_hold_up_no_call() {
    let node = start(narrow()).await;
    let client = once(&node, PATIENCE).await;
    client.create_stream("events").await.unwrap();
    client.create_stream("quiet").await.unwrap();
    let mut busy = Vec::new();
    let mut quiet = Vec::new();
    for _ in 0..24 {
        let options = SubscribeOptions::default;
        busy.push(client.subscribe("events", options()).await.unwrap());
        quiet.push(client.subscribe("quiet", options()).await.unwrap());
    }
    // There is one permit and no waiting room: whatever took it beside these calls would make the node busy.
    for number in 0..10 {
        let message = || [OutgoingMessage::new(&json!({ "number": number })).unwrap()];
        client.publish("events", message()).await.unwrap();
        assert_eq!(client.list_streams().await.unwrap(), ["events", "quiet"]);
        for subscription in &mut busy {
            let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
            let message = next.unwrap().unwrap().unwrap();
            assert_eq!(message.decode::<Value>().unwrap()["number"], number);
        }
    }
    let message = [OutgoingMessage::new(&json!({})).unwrap()];
    client.publish("quiet", message).await.unwrap();
    for subscription in &mut quiet {
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
        assert!(next.unwrap().unwrap().is_some());
    }
}
