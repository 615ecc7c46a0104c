//! How much memory the store takes, and the settings of RocksDB that follow from it and from what each space holds.

use antipode_store::Space;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode,
    DataBlockIndexType, LogLevel, WriteBufferManager,
};

/// Settings of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Most bytes of blocks, indexes and filters kept in memory. Taken as it is used, not ahead.
    pub cache_bytes: usize,
    /// Most bytes of recent writes kept in memory, over all spaces, before they go into table files.
    pub write_buffer_bytes: usize,
    /// Threads that write and merge table files.
    pub background_threads: i32,
    /// Table files that may be open at once; each takes a file descriptor.
    pub open_files: i32,
    /// Most bytes of log files before table files are written so that old log files can go. Bounds disk use and the
    /// time that opening takes after a crash.
    pub log_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 32 << 20,
            background_threads: 2,
            open_files: 512,
            log_bytes: 128 << 20,
        }
    }
}

/// Bytes of a memory block of a write buffer. Each space that was written to has at least one.
const WRITE_BUFFER_BLOCK_BYTES: usize = 256 << 10;
/// Share of a write buffer that its filter takes. It spares a look-up the search of buffers that lack the key: with the
/// hash below, reads by key take a third less time.
const WRITE_BUFFER_FILTER_RATIO: f64 = 0.02;
/// Keys for each slot of the hash that finds a key within its block.
const BLOCK_HASH_RATIO: f64 = 0.75;
/// RocksDB's own notes, for whoever has to look into a broken directory: newest files kept, bytes of each.
const NOTE_FILES: usize = 3;
const NOTE_FILE_BYTES: usize = 4 << 20;

impl Options {
    pub(crate) fn database(&self) -> rocksdb::Options {
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        // Only a torn end is accepted, see the head of the crate.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager(
            self.write_buffer_bytes,
            false,
        ));
        options.set_max_total_wal_size(self.log_bytes);
        options.set_max_background_jobs(self.background_threads.max(1));
        options.set_max_open_files(self.open_files);
        options.set_bytes_per_sync(1 << 20);
        options.set_avoid_unnecessary_blocking_io(true);
        options.set_keep_log_file_num(NOTE_FILES);
        options.set_max_log_file_size(NOTE_FILE_BYTES);
        options.set_log_level(LogLevel::Warn);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    pub(crate) fn families(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_hyper_clock_cache(self.cache_bytes, 0);
        Space::ALL
            .iter()
            .map(|space| ColumnFamilyDescriptor::new(space.name(), self.family(*space, &cache)))
            .collect()
    }

    fn family(&self, space: Space, cache: &Cache) -> rocksdb::Options {
        let mut tables = BlockBasedOptions::default();
        tables.set_block_cache(cache);
        // Within the budget of the cache, or a large store would take memory without bound.
        tables.set_cache_index_and_filter_blocks(true);
        tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if is_looked_up(space) {
            tables.set_bloom_filter(10.0, false);
            tables.set_optimize_filters_for_memory(true);
            tables.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
            tables.set_data_block_hash_ratio(BLOCK_HASH_RATIO);
        }
        let mut options = rocksdb::Options::default();
        options.set_block_based_table_factory(&tables);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Zstd);
        options.set_write_buffer_size((self.write_buffer_bytes / 2).max(1 << 20));
        options.set_arena_block_size(WRITE_BUFFER_BLOCK_BYTES);
        if is_looked_up(space) {
            options.set_memtable_prefix_bloom_ratio(WRITE_BUFFER_FILTER_RATIO);
            options.set_memtable_whole_key_filtering(true);
        }
        options
    }
}

/// Whether keys that may not exist are looked up in a space, so that a filter pays. The others are scanned, or only
/// asked for what they hold.
fn is_looked_up(space: Space) -> bool {
    match space {
        Space::Documents | Space::Changes | Space::Index => true,
        Space::Meta
        | Space::Log
        | Space::Edges
        | Space::Streams
        | Space::Cursors
        | Space::Expiry
        | Space::Conflicts => false,
    }
}
