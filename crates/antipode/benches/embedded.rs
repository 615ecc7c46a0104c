//! The embedded database beside RocksDB itself, in one run: single-document writes of four threads, point reads, and
//! the memory of an idle node.
//!
//! ```text
//! cargo bench -p antipode --bench embedded              the figures, as ratios
//! cargo bench -p antipode --bench embedded -- --check   and failure where a bar is missed
//! cargo bench -p antipode --bench embedded -- write     only that part (`write` or `read`), for a profiler
//! ```
//!
//! Beside the rate stands the processor time of an operation, over all threads: on a machine that does other things too,
//! it is the steadier figure.
//!
//! RocksDB gets the very records that Antipode wrote (document and log entry in one batch), the same settings of memory and
//! compression, and no fsync either. The two take turns, and the median of the rounds counts.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antipode::{
    CollectionKind, Database, Deletes, Durability, InsertMode, Options, RequestOptions, Value,
};
use antipode_rocksdb::RocksStorage;
use antipode_store::{Direction, KeyRange, Space, Storage};
use rocksdb::{ColumnFamilyDescriptor, DB, DBCompressionType, WriteBatch, WriteOptions};
use tempfile::TempDir;

/// The allocator of the `antipode` program. Documents are made on one thread and dropped on another, which the system's
/// allocator pays for with locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WRITERS: usize = 4;
const WRITES_PER_WRITER: usize = 25_000;
const READS: usize = 200_000;
const ROUNDS: usize = 5;

/// What the project promises; see `docs/benchmarks.md`.
const WRITE_RATIO_MIN: f64 = 0.5;
const READ_RATIO_MIN: f64 = 0.7;
const IDLE_BYTES_MAX: u64 = 100 << 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Keys and values.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// A document of about 200 bytes as JSON.
fn document(key: &str, number: usize) -> Value {
    let number = i64::try_from(number).unwrap_or_default();
    Value::object([
        ("_key", Value::from(key)),
        ("name", Value::from("San Francisco International Airport")),
        ("city", Value::from("San Francisco")),
        ("state", Value::from("California")),
        ("country", Value::from("United States of America")),
        ("latitude", Value::float(37.619_002 + number as f64)),
        ("longitude", Value::float(-122.374_843)),
        ("visits", Value::Int(number)),
    ])
}

fn key(writer: usize, number: usize) -> String {
    // Spread over the key space, as keys of users are.
    let mixed = ((writer * WRITES_PER_WRITER + number) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}")
}

/// Keys and values that Antipode stored: one document and one log entry for each write.
struct Records {
    documents: Entries,
    log: Entries,
}

struct Antipode {
    database: Database,
    storage: Arc<RocksStorage>,
    _directory: TempDir,
}

impl Antipode {
    fn open() -> Result<Self, Failure> {
        let directory = TempDir::new()?;
        let settings = antipode_rocksdb::Options::default();
        let storage = Arc::new(RocksStorage::open(directory.path(), settings)?);
        let options = Options {
            durability: Durability::Memory,
            ..Options::default()
        };
        let database = Database::start(storage.clone(), options)?;
        database
            .session(RequestOptions::default())
            .create_collection("airports", CollectionKind::Document, Deletes::Win)?;
        Ok(Self {
            database,
            storage,
            _directory: directory,
        })
    }

    fn write(&self, writer: usize) -> Result<(), Failure> {
        let session = self.database.session(RequestOptions::default());
        for number in 0..WRITES_PER_WRITER {
            let document = document(&key(writer, number), number);
            session.insert("airports", &document, InsertMode::Conflict)?;
        }
        Ok(())
    }

    fn read(&self, thread: usize) -> Result<(), Failure> {
        let session = self.database.session(RequestOptions::default());
        for number in 0..READS {
            let key = key((thread + number) % WRITERS, number * 7 % WRITES_PER_WRITER);
            let found = session.get("airports", &key)?;
            if black_box(found.value).is_none() {
                return Err("a document is missing".into());
            }
        }
        Ok(())
    }

    fn records(&self) -> Result<Records, Failure> {
        let snapshot = self.storage.snapshot();
        let newest = |space| -> Result<Entries, Failure> {
            let mut entries = Vec::new();
            let mut cursor = snapshot.scan(space, KeyRange::all(), Direction::Forward);
            while let Some((key, value)) = cursor.next()? {
                entries.push((key.to_vec(), value.to_vec()));
            }
            // The first entries are the system's own.
            Ok(entries.split_off(entries.len() - WRITERS * WRITES_PER_WRITER))
        };
        Ok(Records {
            documents: newest(Space::Documents)?,
            log: newest(Space::Log)?,
        })
    }
}

struct Raw {
    db: DB,
    _directory: TempDir,
}

impl Raw {
    fn open() -> Result<Self, Failure> {
        let directory = TempDir::new()?;
        let settings = antipode_rocksdb::Options::default();
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_db_write_buffer_size(settings.write_buffer_bytes);
        options.set_max_background_jobs(settings.background_threads);
        let cache = rocksdb::Cache::new_hyper_clock_cache(settings.cache_bytes, 0);
        let families = ["documents", "log"].map(|name| {
            let mut tables = rocksdb::BlockBasedOptions::default();
            tables.set_block_cache(&cache);
            tables.set_bloom_filter(10.0, false);
            let mut options = rocksdb::Options::default();
            options.set_block_based_table_factory(&tables);
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_write_buffer_size(settings.write_buffer_bytes / 2);
            ColumnFamilyDescriptor::new(name, options)
        });
        Ok(Self {
            db: DB::open_cf_descriptors(&options, directory.path(), families)?,
            _directory: directory,
        })
    }

    fn write(&self, writer: usize, records: &Records) -> Result<(), Failure> {
        let documents = self.db.cf_handle("documents").ok_or("no documents")?;
        let log = self.db.cf_handle("log").ok_or("no log")?;
        let options = WriteOptions::default();
        let share = writer * WRITES_PER_WRITER..(writer + 1) * WRITES_PER_WRITER;
        let pairs = records.documents[share.clone()]
            .iter()
            .zip(&records.log[share]);
        for ((document_key, document), (log_key, entry)) in pairs {
            let mut batch = WriteBatch::default();
            batch.put_cf(documents, document_key, document);
            batch.put_cf(log, log_key, entry);
            self.db.write_opt(batch, &options)?;
        }
        Ok(())
    }

    fn read(&self, thread: usize, records: &Records) -> Result<(), Failure> {
        let documents = self.db.cf_handle("documents").ok_or("no documents")?;
        let prefix = &records.documents[0].0[..8];
        let mut wanted = prefix.to_vec();
        for number in 0..READS {
            let key = key((thread + number) % WRITERS, number * 7 % WRITES_PER_WRITER);
            wanted.truncate(prefix.len());
            wanted.extend_from_slice(key.as_bytes());
            if black_box(self.db.get_cf(documents, &wanted)?).is_none() {
                return Err("a record is missing".into());
            }
        }
        Ok(())
    }
}

/// What some work took.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    processor: Duration,
}

/// Runs `work` on `threads` threads at once and takes the time.
fn timed(
    threads: usize,
    work: impl Fn(usize) -> Result<(), Failure> + std::marker::Sync,
) -> Result<Cost, Failure> {
    let processor = processor_time();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || work(thread))
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked")?)
    })?;
    Ok(Cost {
        wall: start.elapsed(),
        processor: processor_time().saturating_sub(processor),
    })
}

/// Processor time of this process so far, in steps of 10 ms; nothing where the system does not tell.
fn processor_time() -> Duration {
    let read = || {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis((user + system) * 10))
    };
    read().unwrap_or_default()
}

/// One side of a round.
#[derive(Clone, Copy)]
struct Side {
    per_second: f64,
    processor_us: f64,
}

impl Side {
    fn new(operations: usize, cost: Cost) -> Self {
        let operations = operations as f64;
        Self {
            per_second: operations / cost.wall.as_secs_f64(),
            processor_us: cost.processor.as_secs_f64() * 1e6 / operations,
        }
    }
}

/// Both sides of an operation, a pair for each round.
struct Comparison {
    name: String,
    rounds: Vec<(Side, Side)>,
    ratio_min: Option<f64>,
}

impl Comparison {
    fn new(name: impl Into<String>, ratio_min: Option<f64>) -> Self {
        Self {
            name: name.into(),
            rounds: Vec::new(),
            ratio_min,
        }
    }

    fn add(&mut self, operations: usize, antipode: Cost, raw: Cost) {
        self.rounds
            .push((Side::new(operations, antipode), Side::new(operations, raw)));
    }

    fn median(&self, figure: impl Fn(&(Side, Side)) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }

    /// Shows the medians; whether the bar is met.
    fn show(&self) -> bool {
        let ratio = self.median(|round| round.0.per_second / round.1.per_second);
        let met = self.ratio_min.is_none_or(|bar| ratio >= bar);
        let bar = self.ratio_min.map_or(String::new(), |bar| {
            let verdict = if met { "met" } else { "MISSED" };
            format!("   bar {bar:.1}: {verdict}")
        });
        println!(
            "{:<40}{:>9.0}/s {:>6.2} us   RocksDB {:>9.0}/s {:>6.2} us   ratio {ratio:.2}{bar}",
            self.name,
            self.median(|round| round.0.per_second),
            self.median(|round| round.0.processor_us),
            self.median(|round| round.1.per_second),
            self.median(|round| round.1.processor_us),
        );
        met
    }
}

/// Resident memory of this process.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

fn idle_memory() -> Result<bool, Failure> {
    let idle = Antipode::open()?;
    let Some(bytes) = resident_bytes() else {
        println!("memory of an idle node: not known on this system");
        return Ok(true);
    };
    drop(idle);
    let met = bytes <= IDLE_BYTES_MAX;
    let verdict = if met { "met" } else { "MISSED" };
    println!(
        "{:<40}{:>9} MB   bar {} MB: {verdict}",
        "memory of an idle embedded node",
        bytes >> 20,
        IDLE_BYTES_MAX >> 20,
    );
    Ok(met)
}

fn run(only: Option<&str>) -> Result<bool, Failure> {
    // First, before anything else has taken memory.
    let mut met = only.is_some() || idle_memory()?;
    let mut writes = Comparison::new(
        format!("write a 200-byte document, {WRITERS} threads"),
        Some(WRITE_RATIO_MIN),
    );
    let mut writes_alone = Comparison::new("write a 200-byte document, 1 thread", None);
    let mut reads = Comparison::new("read by key, 1 thread", Some(READ_RATIO_MIN));
    let mut reads_together = Comparison::new(format!("read by key, {WRITERS} threads"), None);
    for _ in 0..ROUNDS {
        let antipode = Antipode::open()?;
        let antipode_time = timed(WRITERS, |writer| antipode.write(writer))?;
        let records = antipode.records()?;
        let raw = Raw::open()?;
        let raw_time = timed(WRITERS, |writer| raw.write(writer, &records))?;
        writes.add(WRITERS * WRITES_PER_WRITER, antipode_time, raw_time);
        {
            let antipode = Antipode::open()?;
            let antipode_time = timed(1, |writer| antipode.write(writer))?;
            let raw = Raw::open()?;
            let raw_time = timed(1, |writer| raw.write(writer, &records))?;
            writes_alone.add(WRITES_PER_WRITER, antipode_time, raw_time);
        }
        if only == Some("write") {
            continue;
        }
        for (threads, comparison) in [(1, &mut reads), (WRITERS, &mut reads_together)] {
            let antipode_time = timed(threads, |thread| antipode.read(thread))?;
            let raw_time = timed(threads, |thread| raw.read(thread, &records))?;
            comparison.add(threads * READS, antipode_time, raw_time);
        }
    }
    for comparison in [&writes, &writes_alone, &reads, &reads_together] {
        if only.is_none_or(|only| comparison.name.starts_with(only)) {
            met &= comparison.show();
        }
    }
    Ok(met)
}

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    match run(only.as_deref()) {
        Ok(met) if met || !check => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("the benchmark failed: {failure}");
            ExitCode::FAILURE
        }
    }
}
