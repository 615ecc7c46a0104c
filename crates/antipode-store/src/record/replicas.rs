//! The table of replica numbers: small numbers that stand for replica ids in this node's documents.
//!
//! A number is given out once and never changes its meaning. It must be durable no later than the first record that uses
//! it, so the committer puts [`ReplicaTable::take_new`] into the same batch.

use std::collections::BTreeMap;

use antipode_clock::ReplicaId;
use antipode_clock::codec::{Reader, Writer};
use antipode_crdt::ReplicaNumbers;

use super::Record;
use crate::keyspace::MetaKey;
use crate::{Batch, Direction, RecordError, Snapshot, Space, StoreError};

/// The replica id that a number stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplicaEntry(pub ReplicaId);

impl Record for ReplicaEntry {
    const VERSION: u8 = 1;

    fn write_body(&self, out: &mut Writer) {
        out.u64_fixed(self.0.0);
    }

    fn read_body(_version: u8, input: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self(ReplicaId(input.u64_fixed("replica id")?)))
    }
}

/// All replica numbers of a node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReplicaTable {
    by_number: Vec<ReplicaId>,
    numbers: BTreeMap<ReplicaId, u32>,
    /// How many of `by_number` are in the store, or in a batch on the way to it.
    stored: usize,
}

impl ReplicaTable {
    /// Reads the table.
    ///
    /// # Errors
    ///
    /// When a record is damaged or the numbers have a gap.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let mut table = Self::default();
        let mut cursor = snapshot.scan(Space::Meta, MetaKey::replica_numbers(), Direction::Forward);
        while let Some((key, value)) = cursor.next()? {
            let number = table.by_number.len();
            let expected = u32::try_from(number).ok().map(MetaKey::ReplicaNumber);
            let found = MetaKey::decode(key).map_err(|error| error.at(Space::Meta, key))?;
            if expected != Some(found) {
                let gap = RecordError::Part {
                    part: "table of replica numbers",
                    what: format!("number {number} is missing"),
                };
                return Err(gap.at(Space::Meta, key));
            }
            let entry = ReplicaEntry::open(value).map_err(|error| error.at(Space::Meta, key))?;
            table.add(entry.0);
        }
        table.stored = table.by_number.len();
        Ok(table)
    }

    /// Whether numbers were given out that are not stored yet.
    #[must_use]
    pub fn has_new(&self) -> bool {
        self.stored < self.by_number.len()
    }

    /// Puts the numbers given out since the last call into `batch`.
    pub fn take_new(&mut self, batch: &mut Batch) {
        let new = self.by_number.iter().enumerate().skip(self.stored);
        for (number, replica) in new {
            // `add` gives out no number beyond 32 bits.
            let Ok(number) = u32::try_from(number) else {
                break;
            };
            batch.put(
                Space::Meta,
                &MetaKey::ReplicaNumber(number).encode(),
                &ReplicaEntry(*replica).seal(),
            );
        }
        self.stored = self.by_number.len();
    }

    /// How many numbers were given out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether no number was given out yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    fn add(&mut self, replica: ReplicaId) -> u32 {
        let number = u32::try_from(self.by_number.len());
        assert!(number.is_ok(), "four billion replica ids");
        let number = number.unwrap_or(u32::MAX);
        self.by_number.push(replica);
        self.numbers.insert(replica, number);
        number
    }
}

impl ReplicaTable {
    /// Gives `replica` a number if it has none. Returns whether it had none.
    pub fn ensure(&mut self, replica: ReplicaId) -> bool {
        let is_new = !self.numbers.contains_key(&replica);
        if is_new {
            self.add(replica);
        }
        is_new
    }

    /// Whether `replica` has a number.
    #[must_use]
    pub fn knows(&self, replica: ReplicaId) -> bool {
        self.numbers.contains_key(&replica)
    }

    /// The table as it stands, for encoding what names only replicas that have a number.
    #[must_use]
    pub fn known(&self) -> KnownReplicas<'_> {
        KnownReplicas {
            table: self,
            unknown: None,
        }
    }
}

/// A [`ReplicaTable`] that gives out no new numbers. Where a record names a replica that has none, what was encoded is not
/// to be used, and [`KnownReplicas::unknown`] names the replica.
#[derive(Clone, Copy, Debug)]
pub struct KnownReplicas<'a> {
    table: &'a ReplicaTable,
    unknown: Option<ReplicaId>,
}

impl KnownReplicas<'_> {
    /// A replica that was named and has no number.
    #[must_use]
    pub const fn unknown(&self) -> Option<ReplicaId> {
        self.unknown
    }
}

impl ReplicaNumbers for KnownReplicas<'_> {
    fn number(&mut self, replica: ReplicaId) -> u32 {
        if let Some(number) = self.table.numbers.get(&replica) {
            return *number;
        }
        self.unknown = Some(replica);
        u32::MAX
    }

    fn replica(&self, number: u32) -> Option<ReplicaId> {
        self.table.replica(number)
    }
}

impl ReplicaNumbers for ReplicaTable {
    fn number(&mut self, replica: ReplicaId) -> u32 {
        match self.numbers.get(&replica) {
            Some(number) => *number,
            None => self.add(replica),
        }
    }

    fn replica(&self, number: u32) -> Option<ReplicaId> {
        self.by_number.get(usize::try_from(number).ok()?).copied()
    }
}
