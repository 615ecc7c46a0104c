//! A node that an internal error has stopped is not served any longer.

#[path = "../../antipode/tests/fragile/mod.rs"]
mod fragile;

use std::sync::atomic::Ordering;
use std::time::Duration;

use antipode::{Database, Options};
use antipode_client::{Client, CollectionOptions};
use antipode_server::{Config, Server};
use fragile::Fragile;

#[tokio::test(flavor = "multi_thread")]
async fn serving_ends_when_the_node_has_failed() {
    let storage = Fragile::new();
    let database = Database::start(storage.clone(), Options::default()).unwrap();
    let server = Server::bind(Config::loopback(), database).await.unwrap();
    let address = format!("http://{}", server.address());
    let served = tokio::spawn(server.run(std::future::pending()));
    let client = Client::connect([address]).await.unwrap();
    let options = CollectionOptions::default();
    client.create_collection("c", options).await.unwrap();
    storage.breaks.store(true, Ordering::SeqCst);
    assert!(client.query("INSERT {} INTO c").run().await.is_err());
    let served = tokio::time::timeout(Duration::from_secs(60), served).await;
    let error = served.expect("it ends").unwrap().unwrap_err();
    assert_eq!(error.code(), 5321);
    assert!(error.to_string().contains("start it again"), "{error}");
}
