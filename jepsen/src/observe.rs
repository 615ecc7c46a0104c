//! All that a node holds of the workload, read through its public face.

use std::collections::BTreeMap;

use antipode_client::{Client, Error, ScanOptions, SubscribeOptions};

use crate::workload::hub;

/// What a node shows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Observed {
    /// Of `documents`: value and length of the padding, by key.
    pub documents: BTreeMap<String, (u64, u64)>,
    /// Of `registers`, by key.
    pub registers: BTreeMap<String, u64>,
    /// Of `visits`, by key.
    pub visits: BTreeMap<String, u64>,
    /// Of `counters`, by key.
    pub counters: BTreeMap<String, i64>,
    /// Of `events`, as the stream gives them.
    pub messages: Vec<Message>,
    /// Keys of `left`, `right`, and `links` by scan.
    pub left: Vec<String>,
    pub right: Vec<String>,
    pub links: Vec<String>,
    /// Keys of `links` by the edge index, hub after hub.
    pub links_by_index: Vec<String>,
}

/// A message of the stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    pub client: usize,
    pub number: u64,
    pub seq: u64,
    pub id: String,
    pub producer: String,
}

/// Reads everything.
pub async fn observe(client: &Client, writers: usize) -> Result<Observed, Error> {
    let documents: Vec<(String, u64, u64)> = client
        .query("FOR d IN documents RETURN [d._key, d.value, LENGTH(d.pad)]")
        .all()
        .await?;
    let numbers = async |collection: &str, attribute: &str| {
        let text = format!("FOR d IN {collection} RETURN [d._key, d.{attribute}]");
        let rows: Vec<(String, u64)> = client.query(text).all().await?;
        Ok::<BTreeMap<_, _>, Error>(rows.into_iter().collect())
    };
    let keys = async |collection: &str| {
        let text = format!("FOR d IN {collection} RETURN d._key");
        let mut keys = client.query(text).all::<String>().await?;
        keys.sort();
        Ok::<Vec<String>, Error>(keys)
    };
    let mut links_by_index = Vec::new();
    for writer in 0..writers {
        let query = client.query("FOR e IN links FILTER e._from == @hub RETURN e._key");
        links_by_index.extend(query.bind("hub", hub(writer))?.all::<String>().await?);
    }
    links_by_index.sort();
    Ok(Observed {
        documents: documents
            .into_iter()
            .map(|(key, value, pad)| (key, (value, pad)))
            .collect(),
        registers: numbers("registers", "value").await?,
        visits: numbers("visits", "visits").await?,
        counters: counters(client).await?,
        messages: messages(client).await?,
        left: keys("left").await?,
        right: keys("right").await?,
        links: keys("links").await?,
        links_by_index,
    })
}

async fn counters(client: &Client) -> Result<BTreeMap<String, i64>, Error> {
    let mut scan = client.kv_scan("counters", ScanOptions::default()).await?;
    let mut counters = BTreeMap::new();
    while let Some(entry) = scan.next().await? {
        let value = entry.decode()?;
        counters.insert(entry.key, value);
    }
    Ok(counters)
}

async fn messages(client: &Client) -> Result<Vec<Message>, Error> {
    let options = SubscribeOptions {
        until_now: true,
        ..SubscribeOptions::default()
    };
    let mut subscription = client.subscribe("events", options).await?;
    let mut messages = Vec::new();
    while let Some(message) = subscription.next().await? {
        let (client, number) = message.decode()?;
        messages.push(Message {
            client,
            number,
            seq: message.seq,
            id: message.id,
            producer: message.producer,
        });
    }
    Ok(messages)
}
