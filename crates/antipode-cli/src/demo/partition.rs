//! Steps 4 and 5: tokyo is cut off, all three regions go on writing, and after the heal nothing is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use antipode_client::{Client, DiscardedWrite, OutgoingMessage, SubscribeOptions};
use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::data::Data;
use super::measure::{Convergence, median, until_converged};
use super::nodes::{Cluster, Region};
use super::show::{Show, ms, thousands};
use crate::status::discarded_grid;

/// Airports that everyone counts visits to.
const HOT_AIRPORTS: usize = 12;
/// Writers in each region, and what each of them counts.
const WRITERS: usize = 4;
const VISITS_EACH: usize = 60;
/// Messages that each region publishes.
const MESSAGES: usize = 100;
/// The tag that every region adds, besides its own.
const COMMON_TAG: &str = "hub";
/// Attributes of one document, each written in another region.
const FIELDS: [(Region, &str, &str); 3] = [
    (Region::Tokyo, "runway", "28R"),
    (Region::Frankfurt, "lounge", "open"),
    (Region::Virginia, "gate", "B12"),
];
/// The document of these fields.
const SHARED: &str = "SFO";
/// Removed and made again in tokyo, while frankfurt counts a visit to it.
const RECREATED: &str = "00M";
/// Removed in frankfurt, and by nobody touched again.
const REMOVED: &str = "00R";
/// A line that was cut is dialled again at once, and a handshake and the first exchange take some round trips; a machine
/// that is busy with other things may take several times as long.
const ROUND_TRIPS_MAX: u32 = 80;

const VISIT: &str = "\
FOR d IN airports
  FILTER d._key == @key
  UPDATE d WITH { visits: d.visits + 1 } IN airports";

const TAG: &str = "\
FOR d IN airports
  FILTER d._key IN @keys
  UPDATE d WITH { tags: PUSH(d.tags, @tag, true) } IN airports";

/// What was acked while the regions were apart.
pub struct Written {
    hot: Vec<String>,
    /// Visits to each airport, over all regions.
    visits: BTreeMap<String, u64>,
    airports: usize,
}

/// Cuts tokyo off and writes in all regions.
pub async fn write_apart(show: &mut Show, cluster: &Cluster, data: &Data) -> Result<Written> {
    show.step("Tokyo is cut off; all three regions go on writing")
        .await;
    cluster.set_lines(Some(Region::Tokyo)).await?;
    show.cut(Some(Region::Tokyo));
    let hot = data.busiest(HOT_AIRPORTS);

    show.query(Region::Tokyo, VISIT);
    show.say(format!(
        "… in every region, by {WRITERS} writers each, over {HOT_AIRPORTS} airports:"
    ));
    let mut visits: BTreeMap<String, u64> = BTreeMap::new();
    let started = Instant::now();
    let counted = tokio::try_join!(
        count_visits(cluster, Region::Tokyo, &hot),
        count_visits(cluster, Region::Frankfurt, &hot),
        count_visits(cluster, Region::Virginia, &hot),
    )?;
    let elapsed = started.elapsed();
    for (region, mut counted) in Region::ALL
        .into_iter()
        .zip([counted.0, counted.1, counted.2])
    {
        let total: u64 = counted.visits.values().sum();
        show.say(format!(
            "{:<9} {} visits acked on disk, half of them within {}",
            region.name(),
            thousands(total),
            ms(median(&mut counted.latencies))
        ));
        for (key, count) in counted.visits {
            *visits.entry(key).or_default() += count;
        }
    }
    let total: u64 = visits.values().sum();
    let expected = (Region::ALL.len() * WRITERS * VISITS_EACH) as u64;
    show.claim(
        total == expected,
        format!(
            "no write was refused: {} in {}",
            thousands(total),
            ms(elapsed)
        ),
    );

    show.query(Region::Tokyo, TAG);
    for region in Region::ALL {
        write_facts(cluster.client(region), region, &hot).await?;
    }
    show.say(format!(
        "{SHARED} gets another attribute in each region; tokyo and frankfurt both name themselves its operator, and that of \
         {} others.",
        HOT_AIRPORTS - 1
    ));
    recreate(cluster, &mut visits).await?;
    show.say(format!(
        "tokyo removes {RECREATED} and makes it again, while frankfurt counts a visit to the old one; frankfurt removes \
         {REMOVED}."
    ));
    publish(cluster).await?;
    show.say(format!(
        "Each region publishes {MESSAGES} messages to one stream."
    ));
    tell_apart(show, cluster, &hot, &visits).await?;
    Ok(Written {
        hot,
        visits,
        airports: data.airports.len() - 1,
    })
}

/// What the writers of a region did.
struct Counted {
    visits: BTreeMap<String, u64>,
    latencies: Vec<Duration>,
}

async fn count_visits(cluster: &Cluster, region: Region, hot: &[String]) -> Result<Counted> {
    let mut writers: JoinSet<Result<Counted>> = JoinSet::new();
    for writer in 0..WRITERS {
        let client = cluster.client(region).clone();
        let hot = hot.to_vec();
        writers.spawn(async move {
            let mut counted = Counted {
                visits: BTreeMap::new(),
                latencies: Vec::new(),
            };
            for visit in 0..VISITS_EACH {
                let Some(key) = hot.get((visit + writer * 3) % hot.len()) else {
                    bail!("no airports")
                };
                let started = Instant::now();
                let extra = client.query(VISIT).bind("key", key)?.run().await?;
                counted.latencies.push(started.elapsed());
                *counted.visits.entry(key.clone()).or_default() += extra.writes_executed;
            }
            Ok(counted)
        });
    }
    let mut all = Counted {
        visits: BTreeMap::new(),
        latencies: Vec::new(),
    };
    while let Some(counted) = writers.join_next().await {
        let counted = counted??;
        all.latencies.extend(counted.latencies);
        for (key, count) in counted.visits {
            *all.visits.entry(key).or_default() += count;
        }
    }
    Ok(all)
}

/// Tags, attributes of one document, and an attribute that two regions fight over.
async fn write_facts(client: &Client, region: Region, hot: &[String]) -> Result<()> {
    for tag in [region.name(), COMMON_TAG] {
        client
            .query(TAG)
            .bind("keys", hot)?
            .bind("tag", tag)?
            .run()
            .await?;
    }
    for (_, field, value) in FIELDS.iter().filter(|(writer, ..)| *writer == region) {
        client
            .query("UPDATE @key WITH { [@field]: @value } IN airports")
            .bind("key", SHARED)?
            .bind("field", field)?
            .bind("value", value)?
            .run()
            .await?;
    }
    if region != Region::Virginia {
        client
            .query("FOR key IN @keys UPDATE key WITH { operator: @region } IN airports")
            .bind("keys", hot)?
            .bind("region", region.name())?
            .run()
            .await?;
    }
    Ok(())
}

async fn recreate(cluster: &Cluster, visits: &mut BTreeMap<String, u64>) -> Result<()> {
    let (tokyo, frankfurt) = (
        cluster.client(Region::Tokyo),
        cluster.client(Region::Frankfurt),
    );
    frankfurt.query(VISIT).bind("key", RECREATED)?.run().await?;
    // This visit belongs to a document that is removed elsewhere: it is to be reported, not counted.
    visits.remove(RECREATED);
    tokyo
        .query("REMOVE @key IN airports")
        .bind("key", RECREATED)?
        .run()
        .await?;
    tokyo
        .query("INSERT { _key: @key, name: 'Thigpen, rebuilt', state: 'MS' } INTO airports")
        .bind("key", RECREATED)?
        .run()
        .await?;
    frankfurt
        .query("REMOVE @key IN airports")
        .bind("key", REMOVED)?
        .run()
        .await?;
    Ok(())
}

const STREAM: &str = "departures";

async fn publish(cluster: &Cluster) -> Result<()> {
    for region in Region::ALL {
        let client = cluster.client(region);
        // Made in three places that do not all see each other: one stream all the same.
        client.create_stream(STREAM).await?;
        for number in 0..MESSAGES {
            let message = OutgoingMessage::new(&json!({"from": region.name(), "number": number}))?;
            client.publish(STREAM, [message]).await?;
        }
    }
    Ok(())
}

/// Shows that the regions are really apart: tokyo knows its own visits only, and the others not tokyo's.
async fn tell_apart(
    show: &mut Show,
    cluster: &Cluster,
    hot: &[String],
    visits: &BTreeMap<String, u64>,
) -> Result<()> {
    let total: u64 = visits.values().sum();
    let mut seen = Vec::new();
    for region in Region::ALL {
        seen.push(
            visits_of(cluster.client(region), hot)
                .await?
                .values()
                .sum::<u64>(),
        );
    }
    let shown: Vec<String> = Region::ALL
        .iter()
        .zip(&seen)
        .map(|(region, seen)| format!("{} {}", region.name(), thousands(*seen)))
        .collect();
    let own = (WRITERS * VISITS_EACH) as u64;
    show.claim(
        seen.first() == Some(&own) && seen.iter().all(|seen| *seen < total),
        format!(
            "apart, each counts what it can see of {} visits: {}",
            thousands(total),
            shown.join(", ")
        ),
    );
    Ok(())
}

async fn visits_of(client: &Client, hot: &[String]) -> Result<BTreeMap<String, u64>> {
    let rows: Vec<(String, u64)> = client
        .query("FOR d IN airports FILTER d._key IN @keys RETURN [d._key, d.visits]")
        .bind("keys", hot)?
        .all()
        .await?;
    Ok(rows.into_iter().collect())
}

/// Heals the lines and checks that everything that was acked is everywhere.
pub async fn heal(show: &mut Show, cluster: &Cluster, written: &Written) -> Result<()> {
    show.step("The lines heal").await;
    show.cut(None);
    cluster.set_lines(None).await?;
    let convergence = until_converged(cluster).await?;
    let delay = Region::Tokyo.delay_to(Region::Frankfurt);
    show.claim(
        convergence.equal && convergence.elapsed <= delay * 2 * ROUND_TRIPS_MAX,
        format!(
            "converged {} after the heal, {:.1} times the one-way delay of the longest line ({})",
            ms(convergence.elapsed),
            convergence.elapsed.as_secs_f64() / delay.as_secs_f64(),
            ms(delay)
        ),
    );
    tell_equal(show, &convergence);
    let total: u64 = written.visits.values().sum();
    let mut exact = true;
    for region in Region::ALL {
        exact &= visits_of(cluster.client(region), &written.hot).await? == written.visits;
    }
    show.claim(
        exact,
        format!(
            "every count exact, in every region: {} visits to {HOT_AIRPORTS} airports",
            thousands(total)
        ),
    );
    claim_documents(show, cluster, written).await?;
    claim_stream(show, cluster).await?;
    claim_reports(show, cluster, written).await
}

/// Claims that replicas are equal, with what says so.
pub fn tell_equal(show: &mut Show, convergence: &Convergence) {
    let vector: Vec<String> = convergence.statuses[0]
        .version_vector
        .iter()
        .map(|(replica, seq)| format!("{}…:{seq}", replica.chars().take(4).collect::<String>()))
        .collect();
    show.claim(
        convergence.equal,
        format!(
            "equal version vectors {} and equal digests {}",
            vector.join(" "),
            convergence.statuses[0].digest
        ),
    );
}

async fn claim_documents(show: &mut Show, cluster: &Cluster, written: &Written) -> Result<()> {
    let mut tags: BTreeSet<String> = Region::ALL
        .iter()
        .map(|region| region.name().to_owned())
        .collect();
    tags.insert(COMMON_TAG.to_owned());
    let (mut tagged, mut joined, mut agreed, mut reborn, mut gone) =
        (true, true, BTreeSet::new(), true, true);
    for region in Region::ALL {
        let client = cluster.client(region);
        let rows: Vec<(Vec<String>, String)> = client
            .query(
                "FOR d IN airports FILTER d._key IN @keys SORT d._key RETURN [d.tags, d.operator]",
            )
            .bind("keys", &written.hot)?
            .all()
            .await?;
        tagged &= rows.len() == HOT_AIRPORTS
            && rows.iter().all(|(row, _)| {
                row.len() == tags.len() && row.iter().all(|tag| tags.contains(tag))
            });
        agreed.insert(
            rows.into_iter()
                .map(|(_, operator)| operator)
                .collect::<Vec<_>>(),
        );
        let shared: Option<Value> = client.document("airports", SHARED).await?;
        let shared = shared.unwrap_or_default();
        joined &= FIELDS
            .iter()
            .all(|(_, field, value)| shared[*field] == **value);
        let recreated: Option<Value> = client.document("airports", RECREATED).await?;
        let recreated = recreated.unwrap_or_default();
        reborn &= recreated["name"] == "Thigpen, rebuilt"
            && recreated.get("visits").is_none()
            && recreated.get("city").is_none();
        let counts: Vec<usize> = client.query("RETURN LENGTH(airports)").all().await?;
        gone &= counts == [written.airports];
    }
    show.claim(
        tagged,
        format!(
            "each of the {HOT_AIRPORTS} has every tag once: {}",
            join(tags.iter())
        ),
    );
    show.claim(
        joined,
        format!(
            "{SHARED} has all attributes that different regions gave it: {}",
            join(FIELDS.iter().map(|field| field.1))
        ),
    );
    let operators = agreed
        .first()
        .map(|operators| join(operators.iter().collect::<BTreeSet<_>>().into_iter()));
    show.claim(
        agreed.len() == 1,
        format!(
            "all agree on who operates them: {}",
            operators.unwrap_or_default()
        ),
    );
    show.claim(
        reborn,
        format!("{RECREATED} is the new one everywhere, with nothing of its past"),
    );
    show.claim(
        gone,
        format!(
            "{REMOVED} is gone: {} airports in every region",
            thousands(written.airports as u64)
        ),
    );
    Ok(())
}

fn join<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> String {
    texts
        .map(|text| text.as_ref().to_owned())
        .collect::<Vec<_>>()
        .join(", ")
}

async fn claim_stream(show: &mut Show, cluster: &Cluster) -> Result<()> {
    let mut whole = true;
    for region in Region::ALL {
        let options = SubscribeOptions {
            until_now: true,
            ..SubscribeOptions::default()
        };
        let mut subscription = cluster.client(region).subscribe(STREAM, options).await?;
        let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        while let Some(message) = subscription.next().await? {
            let payload: Value = message.decode()?;
            let number = payload["number"]
                .as_u64()
                .ok_or_else(|| anyhow!("a message of another kind"))?;
            numbers.entry(message.region).or_default().push(number);
        }
        let in_order: Vec<u64> = (0..MESSAGES as u64).collect();
        whole &= numbers.len() == Region::ALL.len()
            && numbers.values().all(|numbers| *numbers == in_order);
    }
    let total = (Region::ALL.len() * MESSAGES) as u64;
    show.claim(whole, format!("the stream has all {total} messages in every region, those of each region in their order"));
    Ok(())
}

async fn claim_reports(show: &mut Show, cluster: &Cluster, written: &Written) -> Result<()> {
    let mut expected: BTreeSet<(&str, &str)> = written
        .hot
        .iter()
        .map(|key| (key.as_str(), "operator"))
        .collect();
    expected.insert((RECREATED, "visits"));
    let mut complete = true;
    let mut shown: Vec<DiscardedWrite> = Vec::new();
    for region in Region::ALL {
        let reported = cluster.client(region).discarded("airports", 0).await?;
        let places: BTreeSet<(&str, &str)> = reported
            .writes
            .iter()
            // What is said of a whole document is said of the attribute that was written to it.
            .map(|write| {
                (
                    write.key.as_str(),
                    if write.path.is_empty() {
                        "visits"
                    } else {
                        write.path.as_str()
                    },
                )
            })
            .collect();
        complete &= places == expected;
        if region == Region::Virginia {
            shown = reported.writes;
        }
    }
    show.say("Writes that a merge discarded, as virginia reports them:");
    let first: Vec<DiscardedWrite> = shown.iter().rev().take(6).cloned().collect();
    show.grid(discarded_grid(&first));
    show.claim(
        complete,
        format!(
            "every write that lost is reported in every region, and no other: {} of them",
            expected.len()
        ),
    );
    Ok(())
}
