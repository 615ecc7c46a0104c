//! The real process on a disk that is full: it goes read-only, says so, reads on, recovers, and loses nothing acked.

use antipode_jepsen::{full_disk, process};

async fn check(plan: full_disk::Plan) -> anyhow::Result<()> {
    let report = full_disk::run(&plan).await?;
    eprintln!("{report:?}");
    assert!(
        report.acked > 0,
        "nothing was written before the disk was full"
    );
    let expected = [1004, 1104, 5261];
    assert!(
        report.codes.iter().all(|code| expected.contains(code)),
        "{:?}",
        report.codes
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_makes_the_node_read_only_until_there_is_room() -> anyhow::Result<()> {
    check(full_disk::Plan {
        binary: process::binary()?,
        seed: 1,
        writers: 4,
        file_bytes_max: full_disk::NARROW_BYTES,
        refusals: 3,
        stays_read_only: true,
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_finds_room_by_itself_takes_writes_again() -> anyhow::Result<()> {
    check(full_disk::Plan {
        binary: process::binary()?,
        seed: 2,
        writers: 4,
        file_bytes_max: full_disk::WIDE_BYTES,
        refusals: 3,
        stays_read_only: false,
    })
    .await
}
