//! `antipode-jepsen`: the workloads by hand, for as long as one likes.

use std::process::ExitCode;

use antipode_jepsen::{full_disk, kill, process};
use anyhow::{Result, bail};

const USAGE: &str = "\
usage: antipode-jepsen kill [--rounds N] [--seed N] [--writers N]
       antipode-jepsen witnessed [--rounds N] [--seed N] [--writers N]
       antipode-jepsen full-disk [--seed N] [--bytes N]

ANTIPODE_BINARY names the program under test.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, options)) = arguments.split_first() else {
        bail!("{USAGE}");
    };
    let options = numbers(options)?;
    let option = |name: &str| {
        options
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, number)| *number)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut plan = kill::Plan::from_environment(process::binary()?)?;
    plan.seed = option("seed").unwrap_or(plan.seed);
    match command.as_str() {
        "kill" | "witnessed" => {
            plan.witness = command == "witnessed";
            plan.rounds = option("rounds").map_or(Ok(plan.rounds), usize::try_from)?;
            plan.writers = option("writers").map_or(Ok(plan.writers), usize::try_from)?;
            eprintln!("seed {}, {} rounds", plan.seed, plan.rounds);
            println!("{}", runtime.block_on(kill::run(&plan))?);
        }
        "full-disk" => {
            let bytes = option("bytes");
            let plan = full_disk::Plan {
                binary: plan.binary,
                seed: plan.seed,
                writers: plan.writers,
                file_bytes_max: bytes.unwrap_or(full_disk::NARROW_BYTES),
                refusals: 3,
                stays_read_only: bytes.is_none(),
            };
            println!("{:?}", runtime.block_on(full_disk::run(&plan))?);
        }
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

fn numbers(arguments: &[String]) -> Result<Vec<(String, u64)>> {
    let mut numbers = Vec::new();
    for pair in arguments.chunks(2) {
        let [name, number] = pair else {
            bail!("{USAGE}")
        };
        let (Some(name), Ok(number)) = (name.strip_prefix("--"), number.parse()) else {
            bail!("{USAGE}");
        };
        if !["rounds", "seed", "writers", "bytes"].contains(&name) {
            bail!("{USAGE}");
        }
        numbers.push((name.to_owned(), number));
    }
    Ok(numbers)
}
