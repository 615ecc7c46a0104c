//! What replication adds to the delay of a link: two nodes over QUIC on loopback, a line of 40 ms, 2,000 writes a second.
//!
//! Each message carries the time at which its writer handed it over; the other region's reader notes when it can be read
//! there. The difference less the line's delay is what the engine added: commit, sync, batching, transfer, and the commit
//! over there. `cargo bench -p antipode --bench replication [-- --check]`.

#[path = "../tests/support/region.rs"]
mod region;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use antipode::{
    Ca, ClusterId, Cut, Database, Durability, Line, Options, OutgoingMessage, Position,
    RequestOptions, Value,
};
use region::Failure;

const WRITES_PER_SECOND: u64 = 2_000;
const SECONDS: u64 = 10;
const WRITERS: u64 = 4;
const ONE_WAY: Duration = Duration::from_millis(40);

/// What the project promises.
const ADDED_P50_MAX_MS: f64 = 5.0;
const ADDED_P99_MAX_MS: f64 = 20.0;

fn start(folder: &Path, ca: &Ca, name: &str, join: &[u16]) -> Result<(Database, u16), Failure> {
    let (options, port) = region::options(folder, ca, name, join)?;
    let options = Options {
        durability: Durability::Memory,
        ..options
    };
    Ok((Database::open(folder.join(name), options)?, port))
}

fn wait(what: &str, mut reached: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(30);
    while !reached()? {
        if Instant::now() > until {
            return Err(format!("waited 30 s for {what}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn micros(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// Publishes its share of the messages, each at its time.
fn write(database: &Database, epoch: Instant, writer: u64) -> Result<(), Failure> {
    let session = database.session(RequestOptions::default());
    let begin = Instant::now();
    let share = WRITES_PER_SECOND / WRITERS;
    for number in 0..share * SECONDS {
        let due = Duration::from_micros(number * 1_000_000 / share + writer * 100);
        if let Some(early) = due.checked_sub(begin.elapsed()) {
            std::thread::sleep(early);
        }
        let message = OutgoingMessage {
            payload: Value::Int(micros(epoch)),
            ..OutgoingMessage::default()
        };
        session.publish("load", &[message])?;
    }
    Ok(())
}

/// Reads all messages as they become visible, and gives for each how long it took to get here, in microseconds.
fn read(database: &Database, epoch: Instant) -> Result<Vec<i64>, Failure> {
    let moved = Arc::new((Mutex::new(false), Condvar::new()));
    let bell = moved.clone();
    database.on_change(move || {
        if let Ok(mut moved) = bell.0.lock() {
            *moved = true;
            bell.1.notify_one();
        }
    });
    let session = database.session(RequestOptions::default());
    let mut position = Position::default();
    let mut delays = Vec::new();
    let until = Instant::now() + Duration::from_secs(SECONDS + 30);
    while (delays.len() as u64) < WRITES_PER_SECOND * SECONDS {
        let (messages, behind) = session.messages("load", &position, &[], 1_000)?.value;
        position = behind;
        let now = micros(epoch);
        delays.extend(
            messages
                .iter()
                .filter_map(|message| Some(now - message.payload.as_int()?)),
        );
        if !messages.is_empty() {
            continue;
        }
        if Instant::now() > until {
            return Err(format!("only {} messages arrived", delays.len()).into());
        }
        let guard = moved.0.lock().map_err(|_| "a listener panicked")?;
        let (mut guard, _) = moved
            .1
            .wait_timeout_while(guard, Duration::from_millis(100), |moved| !*moved)
            .map_err(|_| "a listener panicked")?;
        *guard = false;
    }
    Ok(delays)
}

fn run() -> Result<bool, Failure> {
    let folder = tempfile::tempdir()?;
    let ca = Ca::create(ClusterId::random())?;
    let (here, port) = start(folder.path(), &ca, "here", &[])?;
    let (there, _) = start(folder.path(), &ca, "there", &[port])?;
    wait("two members", || {
        let both = [&here, &there];
        let mut ready = true;
        for database in both {
            let members = database.status()?.members;
            ready &=
                members.len() == 2 && members.iter().all(|member| member.me || member.connected);
        }
        Ok(ready)
    })?;
    let session = here.session(RequestOptions::default());
    let token = session.create_stream("load")?.token;
    let follows = RequestOptions {
        token,
        ..RequestOptions::default()
    };
    there.session(follows).streams()?;
    let line = Line {
        delay: ONE_WAY,
        jitter: Duration::ZERO,
        cut: Cut::None,
    };
    if !here.set_line("*", line) || !there.set_line("*", line) {
        return Err("the lines cannot be shaped".into());
    }
    let epoch = Instant::now();
    let mut delays = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&there, epoch));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let here = &here;
                scope.spawn(move || write(here, epoch, writer))
            })
            .collect();
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        reader.join().map_err(|_| "the reader panicked")?
    })?;
    delays.sort_unstable();
    let added = |share: f64| {
        let place = ((delays.len() - 1) as f64 * share) as usize;
        (delays[place] as f64 - ONE_WAY.as_micros() as f64) / 1_000.0
    };
    let (p50, p99) = (added(0.5), added(0.99));
    let met = p50 <= ADDED_P50_MAX_MS && p99 <= ADDED_P99_MAX_MS;
    println!(
        "replication of {} writes/s over a line of {} ms adds p50 {p50:.2} ms, p99 {p99:.2} ms, at most {:.2} ms   bars \
         {ADDED_P50_MAX_MS} and {ADDED_P99_MAX_MS} ms: {}",
        WRITES_PER_SECOND,
        ONE_WAY.as_millis(),
        added(1.0),
        if met { "met" } else { "MISSED" }
    );
    Ok(met)
}

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    match run() {
        Ok(met) if met || !check => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
