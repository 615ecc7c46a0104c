//! `antipode cluster`: the certificates that nodes of one cluster know each other by.

use std::path::PathBuf;

use antipode::{Ca, ClusterId};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};

/// Arguments of `antipode cluster`.
#[derive(Args, Debug)]
pub struct Cluster {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make a new cluster: its id and its authority. Whoever has the authority's key can let nodes in
    Create {
        /// Where to write it
        #[arg(long, value_name = "DIR", default_value = "antipode-cluster")]
        authority: PathBuf,
    },
    /// Make the bundle of a node: the cluster's certificate, its own, and its key
    Issue {
        /// The node's name
        #[arg(value_name = "NODE")]
        node: String,
        /// The node's region
        #[arg(short, long, value_name = "REGION")]
        region: String,
        /// Where the authority is
        #[arg(long, value_name = "DIR", default_value = "antipode-cluster")]
        authority: PathBuf,
        /// Where to write the bundle [default: the node's name]
        #[arg(short, long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Makes the authority or a bundle.
pub fn run(arguments: &Cluster) -> Result<()> {
    match &arguments.task {
        Task::Create { authority } => {
            let ca = Ca::create(ClusterId::random())?;
            ca.write(authority)?;
            println!("cluster {}", ca.cluster());
            println!(
                "its authority is in {}: keep it safe, it is needed to add nodes",
                authority.display()
            );
            println!("next: antipode cluster issue NODE --region REGION, once for each node");
        }
        Task::Issue {
            node,
            region,
            authority,
            out,
        } => {
            if !authority.is_dir() {
                bail!(
                    "there is no authority in {}: make one with `antipode cluster create`, or name its directory with \
                     --authority",
                    authority.display()
                );
            }
            let bundle = Ca::read(authority)?.issue(node, region)?;
            let out = out.clone().unwrap_or_else(|| PathBuf::from(node));
            bundle.write(&out)?;
            println!(
                "the bundle of {} is in {}",
                bundle.identity(),
                out.display()
            );
            println!(
                "next: give it to the node; `antipode serve --bundle {} --found` starts the first node,",
                out.display()
            );
            println!("`… --join ADDRESS` every other");
        }
    }
    Ok(())
}
