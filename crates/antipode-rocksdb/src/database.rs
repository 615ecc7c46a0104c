//! An open RocksDB with what points into it.
//!
//! The `rocksdb` crate ties column family handles, snapshots and iterators to the borrow of their database. A store hands
//! snapshots to other threads that live as long as they like, so each of these keeps its owner by reference count:
//!
//! ```text
//!  RocksSnapshot ──owns──▶ Arc<Database> ──owns──▶ DB + its column family handles
//!  RocksCursor ──borrows──▶ RocksSnapshot
//! ```
//!
//! `self_cell` makes the pairs of owner and borrower; it drops the borrower first.

use std::path::Path;
use std::{fs, io};

use antipode_store::{Space, StoreError, Written};
use bytes::Bytes;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{ColumnFamily, DB, ReadOptions, properties};
use self_cell::self_cell;

use crate::error::{convert, convert_file, convert_open};
use crate::{Options, Usage};

/// RocksDB's pointer to its newest manifest.
const CURRENT: &str = "CURRENT";

/// Fails where RocksDB would take a directory that has lost its first file for a new one, and clear away the rest.
fn check_is_whole_or_new(path: &Path) -> Result<(), StoreError> {
    let read = |error: io::Error| convert_file("read the data directory", &error);
    if path.join(CURRENT).try_exists().map_err(read)? {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        let is_data = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "sst" || extension == "log");
        if is_data {
            return Err(StoreError::CorruptFiles {
                detail: format!(
                    "{} holds {} but no file {CURRENT}",
                    path.display(),
                    name.to_string_lossy()
                ),
            });
        }
    }
    Ok(())
}

/// Column family handles by the number of their space.
type Families<'a> = [&'a ColumnFamily; Space::COUNT];

self_cell!(
    struct Opened {
        owner: DB,
        #[covariant]
        dependent: Families,
    }
);

/// An open database.
pub(crate) struct Database {
    opened: Opened,
    read_options: ReadOptions,
}

impl Database {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        check_is_whole_or_new(path)?;
        let db = DB::open_cf_descriptors(&options.database(), path, options.families());
        Self::with_families(path, db)
    }

    pub(crate) fn open_read_only(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let db =
            DB::open_cf_descriptors_read_only(&options.database(), path, options.families(), false);
        Self::with_families(path, db)
    }

    fn with_families(path: &Path, db: Result<DB, rocksdb::Error>) -> Result<Self, StoreError> {
        let db = db.map_err(|error| convert_open(path, &error))?;
        let opened = Opened::try_new(db, |db| {
            let mut families = Vec::with_capacity(Space::COUNT);
            for space in Space::ALL {
                families.push(db.cf_handle(space.name()).ok_or(space)?);
            }
            Families::try_from(families).map_err(|_| Space::Meta)
        });
        let opened = opened.map_err(|space: Space| StoreError::Unusable {
            path: path.to_path_buf(),
            detail: format!("space {space} is missing"),
        })?;
        Ok(Self {
            opened,
            read_options: ReadOptions::default(),
        })
    }

    pub(crate) fn db(&self) -> &DB {
        self.opened.borrow_owner()
    }

    pub(crate) fn family(&self, space: Space) -> &ColumnFamily {
        self.opened.borrow_dependent()[space.number()]
    }

    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.get_with(space, key, &self.read_options)
    }

    pub(crate) fn get_with(
        &self,
        space: Space,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Bytes>, StoreError> {
        self.db()
            .get_pinned_cf_opt(self.family(space), key, options)
            .map(|value| value.map(|value| Bytes::copy_from_slice(&value)))
            .map_err(|error| convert("read", &error, Written::Nothing))
    }

    pub(crate) fn checkpoint(&self, path: &Path) -> Result<(), StoreError> {
        Checkpoint::new(self.db())
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(|error| convert("write a checkpoint", &error, Written::Nothing))
    }

    pub(crate) fn usage(&self) -> Usage {
        let sum = |name| {
            Space::ALL
                .iter()
                .filter_map(|space| {
                    let value = self.db().property_int_value_cf(self.family(*space), name);
                    value.ok().flatten()
                })
                .sum()
        };
        // One cache serves all spaces, so each of them reports the whole of it.
        let cache = self
            .db()
            .property_int_value_cf(self.family(Space::Documents), properties::BLOCK_CACHE_USAGE);
        Usage {
            cache_bytes: cache.ok().flatten().unwrap_or_default(),
            write_buffer_bytes: sum(properties::SIZE_ALL_MEM_TABLES),
            table_reader_bytes: sum(properties::ESTIMATE_TABLE_READERS_MEM),
            table_bytes: sum(properties::LIVE_SST_FILES_SIZE),
        }
    }
}
