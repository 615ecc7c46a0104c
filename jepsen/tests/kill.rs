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
        report.acked > plan.rounds / 3,
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

/// A harness that catches nothing proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_set_back_is_caught() -> anyhow::Result<()> {
    let keep = tempfile::tempdir()?;
    for witness in [false, true] {
        let plan = kill::Plan {
            seed: 1 + u64::from(witness),
            rounds: 8,
            set_back_to: Some(2),
            witness,
            keep: keep.path().to_owned(),
            ..kill::Plan::from_environment(process::binary()?)?
        };
        let error = match kill::run(&plan).await {
            Ok(report) => panic!("three rounds are lost, and nobody noticed: {report}"),
            Err(error) => format!("{error:#}"),
        };
        // With a peer, the node may find out by itself before anybody asks it.
        let caught =
            error.contains("and had told of") || (witness && error.contains("is an old image"));
        assert!(caught, "{error}");
        assert!(error.contains("history.jsonl"), "{error}");
    }
    Ok(())
}
