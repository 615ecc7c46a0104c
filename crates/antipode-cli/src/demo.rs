//! `antipode demo`: three regions on this machine, real data, a partition, a heal, a kill -9.
//!
//! Each step does something real, measures it, and claims what must hold ([`show::Show::claim`]). On a terminal there is a
//! live line for each region and time to read; with `--check` the same steps run without pauses in plain lines. Either
//! way the exit code says whether every claim held.
//!
//! ```text
//!  data      the files, and the answers that are known without a database
//!  nodes     three processes, their lines, their ends
//!  measure   delays, convergence, the panel
//!  show      steps, claims
//!  regions   steps 1 to 3: start, load, query
//!  partition steps 4 and 5: cut, write everywhere, heal
//!  crash     step 6: kill -9 in the middle of writing
//! ```

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use data::Data;
use measure::Watch;
use nodes::{Cluster, Region};
use show::Show;

mod crash;
mod data;
mod measure;
mod nodes;
mod partition;
mod regions;
mod show;

/// Arguments of `antipode demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Run without pauses, in plain lines
    #[arg(long)]
    check: bool,
    /// Leave the three nodes running at the end, until Ctrl-C, to try things by hand
    #[arg(long)]
    keep: bool,
}

/// Runs the demo; the exit code says whether every claim held.
pub async fn run(arguments: &Demo) -> Result<ExitCode> {
    let mut show = Show::new(!arguments.check);
    let cluster = tokio::select! {
        cluster = play(&mut show) => cluster?,
        // What is dropped on the way out ends the nodes and removes their data.
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            bail!("interrupted");
        }
    };
    if arguments.keep {
        keep(&show, &cluster).await?;
    }
    stop(&mut show, cluster).await?;
    Ok(if show.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The steps, up to the last, with the nodes left running.
async fn play(show: &mut Show) -> Result<Cluster> {
    let data = Data::read()?;
    let mut cluster = regions::start(show).await?;
    let _watch = Watch::start(&cluster, show.panel());
    regions::load(show, &cluster, &data).await?;
    regions::query(show, &cluster, &data).await?;
    let written = partition::write_apart(show, &cluster, &data).await?;
    partition::heal(show, &cluster, &written).await?;
    crash::kill_and_restart(show, &mut cluster).await?;
    Ok(cluster)
}

async fn stop(show: &mut Show, cluster: Cluster) -> Result<()> {
    show.step("The nodes stop").await;
    let errors = cluster.logged_errors();
    for error in &errors {
        show.say(error);
    }
    show.claim(errors.is_empty(), "no node logged an error");
    let complaints = cluster.stop().await?;
    let text = match complaints.as_slice() {
        [] => "all three ended in good order".to_owned(),
        complaints => complaints.join("; "),
    };
    show.claim(complaints.is_empty(), text);
    Ok(())
}

async fn keep(show: &Show, cluster: &Cluster) -> Result<()> {
    show.say(format!(
        "\nThe nodes run on, with their data in {}:",
        cluster.directory().display()
    ));
    for region in Region::ALL {
        show.say(format!(
            "  antipode shell -a {}   # {}",
            cluster.address(region),
            region.name()
        ));
    }
    show.say("Ctrl-C stops them.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
