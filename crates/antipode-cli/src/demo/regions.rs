//! Steps 1 to 3: three regions come up, are loaded from two of them at once, and answer in the third.

use std::time::{Duration, Instant};

use antipode_client::{Client, CollectionKind, CollectionOptions, Extra};
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::data::Data;
use super::measure::{replication_delay, until_converged};
use super::nodes::{Cluster, Region};
use super::show::{Show, ms, thousands};
use crate::output::table;

/// Documents of one INSERT query while loading.
const LOAD_ROWS: usize = 500;
/// What replication may add to a line's delay on a machine that is busy with three nodes, and with other things; the
/// benchmarks hold the real bound.
const ADDED_MS_MAX: u128 = 250;
/// So much later than the region the writer may hear of its own write: its reply comes through another process.
const HEARD_LATE: Duration = Duration::from_millis(5);

/// Starts the nodes and shapes the lines between them.
pub async fn start(show: &mut Show) -> Result<Cluster> {
    show.step("Three nodes, three regions").await;
    let started = Instant::now();
    let cluster = Cluster::start().await?;
    show.claim(
        true,
        format!(
            "three `antipode serve` processes found each other over QUIC with mutual TLS in {}",
            ms(started.elapsed())
        ),
    );
    cluster.set_lines(None).await?;
    show.say("Every line between them gets the delay of a real one:");
    for (from, to) in [
        (Region::Tokyo, Region::Frankfurt),
        (Region::Frankfurt, Region::Virginia),
        (Region::Virginia, Region::Tokyo),
    ] {
        let line = from.delay_to(to);
        let (median, slowest) = replication_delay(&cluster, from, to, 9).await?;
        let added = median.saturating_sub(line);
        show.claim(
            median + HEARD_LATE >= line && added.as_millis() <= ADDED_MS_MAX,
            format!(
                "{} → {}: {} one way; a message acked here is seen there after {} (slowest of 9: {})",
                from.name(),
                to.name(),
                ms(line),
                ms(median),
                ms(slowest)
            ),
        );
    }
    Ok(cluster)
}

/// Loads airports in tokyo and flights in frankfurt, at once.
pub async fn load(show: &mut Show, cluster: &Cluster, data: &Data) -> Result<()> {
    show.step("Load: airports in tokyo, flights in frankfurt, at once")
        .await;
    let (tokyo, frankfurt) = (
        cluster.client(Region::Tokyo),
        cluster.client(Region::Frankfurt),
    );
    tokio::try_join!(create(tokyo), create(frankfurt))?;
    show.say("Both regions have created both collections, neither asked the other.");
    let started = Instant::now();
    tokio::try_join!(
        insert(tokyo, "airports", &data.airports),
        insert(frankfurt, "flights", &data.flights)
    )?;
    let loading = started.elapsed();
    let rows = (data.airports.len() + data.flights.len()) as u64;
    show.say(format!(
        "{} documents acked on disk in {} ({} a second).",
        thousands(rows),
        ms(loading),
        thousands((rows as f64 / loading.as_secs_f64()) as u64)
    ));
    // The token carries what both loaders wrote: whoever has it reads their writes, wherever that is.
    let virginia = cluster.client(Region::Virginia);
    virginia.resume(&tokyo.token());
    virginia.resume(&frankfurt.token());
    let asked = Instant::now();
    let counts: Vec<u64> = virginia
        .query("RETURN [LENGTH(airports), LENGTH(flights)]")
        .all::<Vec<u64>>()
        .await?
        .concat();
    show.claim(
        counts == [data.airports.len() as u64, data.flights.len() as u64],
        format!(
            "read-your-writes in virginia, with the loaders' tokens: {counts:?} documents, after a wait of {}",
            ms(asked.elapsed())
        ),
    );
    let convergence = until_converged(cluster).await?;
    show.claim(
        convergence.equal,
        format!(
            "all three replicas are equal: one version vector, one digest {}",
            convergence.statuses[0].digest
        ),
    );
    let mut names: Vec<String> = virginia
        .list_collections()
        .await?
        .into_iter()
        .map(|collection| collection.name)
        .collect();
    names.sort();
    show.claim(
        names == ["airports", "flights"],
        format!("what two regions created at once is one collection each: {names:?}"),
    );
    Ok(())
}

async fn create(client: &Client) -> Result<()> {
    client
        .create_collection("airports", CollectionOptions::default())
        .await?;
    let edges = CollectionOptions {
        kind: CollectionKind::Edge,
        ..CollectionOptions::default()
    };
    client.create_collection("flights", edges).await?;
    Ok(())
}

async fn insert<T: Serialize>(client: &Client, collection: &str, rows: &[T]) -> Result<()> {
    for rows in rows.chunks(LOAD_ROWS) {
        client
            .query("FOR row IN @rows INSERT row INTO @@collection")
            .bind("rows", rows)?
            .bind("@collection", collection)?
            .run()
            .await?;
    }
    Ok(())
}

const GROUPING: &str = "\
FOR a IN airports
  COLLECT state = a.state WITH COUNT INTO airports
  SORT airports DESC, state
  LIMIT 5
  RETURN { state, airports }";

const JOIN: &str = "\
FOR f IN flights
  SORT f.flights DESC, f._key
  LIMIT 5
  FOR a IN airports FILTER a._id == f._from
    FOR b IN airports FILTER b._id == f._to
      RETURN { from: a.city, to: b.city, flights: f.flights }";

const NEAREST: &str = "\
LET sfo = DOCUMENT('airports/SFO')
FOR a IN airports
  FILTER a._key != sfo._key
  LET metres = DISTANCE(sfo.latitude, sfo.longitude, a.latitude, a.longitude)
  SORT metres
  LIMIT 5
  RETURN { key: a._key, name: a.name, km: ROUND(metres / 100) / 10 }";

const TWO_FLIGHTS: &str = "\
FOR first IN flights
  FILTER first._from == 'airports/SFO'
  FOR second IN flights
    FILTER second._from == first._to
    COLLECT to = second._to WITH COUNT INTO ways
    SORT ways DESC, to
    LIMIT 5
    RETURN { to, ways }";

/// Asks virginia, which loaded nothing.
pub async fn query(show: &mut Show, cluster: &Cluster, data: &Data) -> Result<()> {
    show.step("Queries in virginia, on its own replica").await;
    let rows = ask(show, cluster, GROUPING).await?.0;
    let expected: Vec<Value> = data
        .by_state()
        .into_iter()
        .take(5)
        .map(|(state, airports)| json!({"state": state, "airports": airports}))
        .collect();
    show.claim(rows == expected, "the grouping is what the file says");

    let rows = ask(show, cluster, JOIN).await?.0;
    let mut busiest: Vec<u64> = data.flights.iter().map(|flight| flight.flights).collect();
    busiest.sort_unstable_by(|left, right| right.cmp(left));
    let flights: Vec<u64> = rows
        .iter()
        .filter_map(|row| row["flights"].as_u64())
        .collect();
    show.claim(
        flights == busiest[..5.min(busiest.len())],
        "the join found both airports of the five busiest routes",
    );

    let rows = ask(show, cluster, NEAREST).await?.0;
    let keys: Vec<&str> = rows.iter().filter_map(|row| row["key"].as_str()).collect();
    show.claim(
        keys == data.nearest("SFO", 5),
        "the nearest airports are those that the haversine formula gives",
    );

    let (rows, extra) = ask(show, cluster, TWO_FLIGHTS).await?;
    let expected: Vec<Value> = data
        .two_flights("SFO")
        .into_iter()
        .take(5)
        .map(|(to, ways)| json!({"to": to, "ways": ways}))
        .collect();
    show.claim(
        rows == expected,
        "two flights from SFO, as a join, lead where the file says",
    );
    show.claim(
        extra.scanned_index > 0 && extra.scanned_full == 0,
        format!(
            "… over the edge index: {} entries read, {} documents scanned",
            thousands(extra.scanned_index),
            thousands(extra.scanned_full)
        ),
    );
    Ok(())
}

/// Runs a query in virginia and shows it, and claims that the others give the same rows.
async fn ask(show: &mut Show, cluster: &Cluster, text: &str) -> Result<(Vec<Value>, Extra)> {
    show.query(Region::Virginia, text);
    let started = Instant::now();
    let (rows, extra) = run(cluster.client(Region::Virginia), text).await?;
    let elapsed = started.elapsed();
    show.grid(table(&rows));
    let (tokyo, _) = run(cluster.client(Region::Tokyo), text).await?;
    let (frankfurt, _) = run(cluster.client(Region::Frankfurt), text).await?;
    show.claim(
        tokyo == rows && frankfurt == rows,
        format!("{}; the same rows in all three regions", ms(elapsed)),
    );
    Ok((rows, extra))
}

async fn run(client: &Client, text: &str) -> Result<(Vec<Value>, Extra)> {
    let mut rows = client.query(text).rows().await?;
    let mut values = Vec::new();
    while let Some(row) = rows.next().await? {
        values.push(row.decode()?);
    }
    Ok((values, rows.extra().cloned().unwrap_or_default()))
}
