//! How many entries an index has, and how many of them are distinct, about. Steers plans, never results.
//!
//! Distinct entries are estimated by a HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) of 256 registers: some 7 %
//! of error in 256 bytes. It never forgets, so it is too high where much was removed; being an upper bound of nothing, that is
//! good enough.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use antipode_store::record::IndexState;
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

const REGISTERS: usize = 256;

/// What is known of an index's entries and of its build. Shared by all pictures of the catalog, since it only grows.
#[derive(Debug)]
pub(crate) struct Statistics {
    entries: AtomicI64,
    registers: [AtomicU8; REGISTERS],
    /// Documents that the build has passed.
    pub documents: AtomicU64,
    /// Entries that the build found twice in a unique index.
    pub duplicates: AtomicU64,
    /// Whether it has changed since it was last stored.
    changed: AtomicBool,
}

impl Default for Statistics {
    fn default() -> Self {
        Self::load(&IndexState::default())
    }
}

impl Statistics {
    pub fn load(state: &IndexState) -> Self {
        let register = |at: usize| AtomicU8::new(state.sketch.get(at).copied().unwrap_or(0));
        Self {
            entries: AtomicI64::new(i64::try_from(state.entries).unwrap_or(i64::MAX)),
            registers: std::array::from_fn(register),
            documents: AtomicU64::new(state.documents),
            duplicates: AtomicU64::new(state.duplicates),
            changed: AtomicBool::new(false),
        }
    }

    /// Counts a new entry.
    pub fn added(&self, entry: &[u8]) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        let hash = xxh3_64(entry);
        let [register, ..] = hash.to_be_bytes();
        let rank = u8::try_from((hash << 8 | 0xff).leading_zeros() + 1).unwrap_or(u8::MAX);
        if let Some(register) = self.registers.get(usize::from(register))
            && register.fetch_max(rank, Ordering::Relaxed) < rank
        {
            self.changed.store(true, Ordering::Relaxed);
        }
    }

    /// Counts an entry that is gone.
    pub fn removed(&self) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many entries there are, about.
    pub fn entries(&self) -> u64 {
        u64::try_from(self.entries.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How many distinct entries there are for each entry; none where there are no entries.
    pub fn selectivity(&self) -> Option<f64> {
        let entries = self.entries();
        if entries == 0 {
            return None;
        }
        let distinct = self.distinct().max(1.0);
        Some((distinct / entries as f64).min(1.0))
    }

    fn distinct(&self) -> f64 {
        let count = REGISTERS as f64;
        let (mut sum, mut zeros) = (0.0, 0_u32);
        for register in &self.registers {
            let rank = register.load(Ordering::Relaxed);
            sum += (-f64::from(rank)).exp2();
            zeros += u32::from(rank == 0);
        }
        let estimate = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        if estimate <= 2.5 * count && zeros > 0 {
            return count * (count / f64::from(zeros)).ln();
        }
        estimate
    }

    /// Whether it has changed so much that it should be stored; asks once.
    pub fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    /// Puts what is known into a record.
    pub fn store(&self, state: &mut IndexState) {
        state.entries = self.entries();
        state.documents = self.documents.load(Ordering::Relaxed);
        state.duplicates = self.duplicates.load(Ordering::Relaxed);
        let registers = self.registers.iter();
        state.sketch = registers
            .map(|register| register.load(Ordering::Relaxed))
            .collect::<Vec<u8>>()
            .into();
        if state.sketch.iter().all(|register| *register == 0) {
            state.sketch = Bytes::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_entries_are_estimated() {
        for distinct in [1_u32, 10, 1_000, 100_000] {
            let statistics = Statistics::default();
            for number in 0..200_000_u32 {
                statistics.added(&(number % distinct).to_be_bytes());
            }
            let estimate = statistics.selectivity().unwrap() * 200_000.0;
            let error = (estimate / f64::from(distinct) - 1.0).abs();
            assert!(error < 0.2, "{distinct}: {estimate}");
            let mut state = IndexState::default();
            statistics.store(&mut state);
            assert_eq!(
                Statistics::load(&state).selectivity(),
                statistics.selectivity()
            );
        }
    }
}
