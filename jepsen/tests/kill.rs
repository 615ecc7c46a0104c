//! The real process, killed with -9 again and again while clients write: nothing acked is lost, nothing counts twice, no
//! dot is used again, the clock never runs backwards.

use antipode_jepsen::{kill, process};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acked_is_lost_by_kill_9() -> anyhow::Result<()> {
    let plan = kill::Plan::from_environment(process::binary()?)?;
    eprintln!("seed {}, {} rounds", plan.seed, plan.rounds);
    let report = kill::run(&plan).await?;
    eprintln!("{report}");
    assert!(
        report.acked > plan.rounds,
        "too few writes to prove anything: {report}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_sees_one_history_over_all_kills() -> anyhow::Result<()> {
    let mut plan = kill::Plan::from_environment(process::binary()?)?;
    plan.witness = true;
    // Two nodes share the machine, and each check waits for both.
    plan.rounds = plan.rounds.div_ceil(5);
    eprintln!("seed {}, {} rounds", plan.seed, plan.rounds);
    let report = kill::run(&plan).await?;
    eprintln!("{report}");
    Ok(())
}
