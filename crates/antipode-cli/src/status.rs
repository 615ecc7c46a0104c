//! `antipode status`: how a node and its cluster do, as that node sees it.

use std::io::Write as _;

use antipode_client::{Member, Status as NodeStatus};
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::output::{Cell, Grid};

/// Arguments of `antipode status`.
#[derive(Args, Debug)]
pub struct Status {
    /// How it is written
    #[arg(short, long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
    /// Also list so many of the newest writes that merges discarded on this node
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "20")]
    discarded: Option<u32>,
    #[command(flatten)]
    connection: Connection,
}

/// Asks the node and writes what it says.
pub async fn run(arguments: &Status) -> Result<()> {
    let client = arguments.connection.open().await?;
    let status = client.status().await?;
    let json = arguments.format == "json";
    let mut out = std::io::stdout();
    match json {
        true => writeln!(out, "{}", json_of(&status))?,
        false => writeln!(out, "{}\n\n{}", summary(&status), members(&status.members))?,
    }
    if let Some(limit) = arguments.discarded {
        let discarded = client.discarded("", limit.max(1)).await?;
        match json {
            true => {
                for write in &discarded.writes {
                    let value = write.value.as_ref().map(|text| {
                        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
                    });
                    let line = json!({
                        "collection": write.collection, "key": write.key, "path": write.path,
                        "reason": write.reason, "value": value,
                        "lost": {"stamp": write.lost_stamp, "region": write.lost_region},
                        "won": {"stamp": write.won_stamp, "region": write.won_region},
                    });
                    writeln!(out, "{line}")?;
                }
            }
            false => writeln!(out, "\n{}", discarded_grid(&discarded.writes))?,
        }
    }
    Ok(())
}

fn summary(status: &NodeStatus) -> String {
    let writes = match &status.read_only {
        None => "taken".to_owned(),
        Some(reason) => format!("REFUSED: {reason}"),
    };
    let cluster = match status.cluster_id.as_str() {
        "" => "none: a single node".to_owned(),
        id => format!("{id}, epoch {}", status.epoch),
    };
    let vector: Vec<String> = status
        .version_vector
        .iter()
        .map(|(replica, seq)| format!("{replica}:{seq}"))
        .collect();
    [
        ("node", format!("{} ({})", status.node, status.region)),
        ("replica", status.replica_id.clone()),
        ("cluster", cluster),
        ("version", status.version.clone()),
        ("up for", format!("{:.0?}", status.uptime)),
        ("writes", writes),
        ("discarded", status.discarded_writes.to_string()),
        ("digest", status.digest.clone()),
        ("vector", vector.join(" ")),
    ]
    .iter()
    .map(|(name, value)| format!("{name:<10} {value}").trim_end().to_owned())
    .collect::<Vec<_>>()
    .join("\n")
}

fn members(members: &[Member]) -> Grid {
    let head = [
        "node",
        "region",
        "address",
        "link",
        "best round trip",
        "behind",
    ];
    let rows = members
        .iter()
        .map(|member| {
            let link = match (member.me, member.connected) {
                (true, _) => "this node",
                (false, true) => "up",
                (false, false) => "down",
            };
            let round_trip = member
                .rtt
                .map(|rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1e3));
            vec![
                Cell::text(member.node.clone()),
                Cell::text(member.region.clone()),
                Cell::text(member.address.clone()),
                Cell::text(link),
                Cell::number(round_trip.unwrap_or_default()),
                Cell::number(member.behind),
            ]
        })
        .collect();
    Grid::new(head.map(str::to_owned).to_vec(), rows)
}

/// The writes that merges discarded, as a table.
pub fn discarded_grid(writes: &[antipode_client::DiscardedWrite]) -> Grid {
    let head = [
        "document",
        "path",
        "why",
        "lost",
        "made in",
        "beaten by",
        "of",
    ];
    let rows = writes
        .iter()
        .map(|write| {
            vec![
                Cell::text(format!("{}/{}", write.collection, write.key)),
                Cell::text(write.path.clone()),
                Cell::text(write.reason.clone()),
                Cell::text(write.value.clone().unwrap_or_default()),
                Cell::text(write.lost_region.clone()),
                Cell::text(write.won_stamp.clone()),
                Cell::text(write.won_region.clone()),
            ]
        })
        .collect();
    Grid::new(head.map(str::to_owned).to_vec(), rows)
}

fn json_of(status: &NodeStatus) -> Value {
    let members: Vec<Value> = status
        .members
        .iter()
        .map(|member| {
            json!({
                "node": member.node, "region": member.region, "replica_id": member.replica_id,
                "address": member.address, "me": member.me, "connected": member.connected,
                "rtt_ms": member.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
                "behind": member.behind,
            })
        })
        .collect();
    json!({
        "node": status.node, "region": status.region, "replica_id": status.replica_id,
        "cluster_id": status.cluster_id, "epoch": status.epoch, "version": status.version,
        "uptime_ms": status.uptime.as_millis() as u64, "read_only": status.read_only,
        "discarded_writes": status.discarded_writes, "digest": status.digest,
        "version_vector": status.version_vector, "members": members,
    })
}
