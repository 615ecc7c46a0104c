//! Which addresses to dial, and how soon again.

use std::collections::BTreeMap;

use crate::{Config, Micros};

/// The pause between attempts grows to so many times the first.
const PAUSE_GROWTH_MAX: u64 = 8;

/// Attempts per address.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    attempts: BTreeMap<String, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    next: Micros,
    pause: Micros,
}

impl Dials {
    /// Keeps the addresses that are wanted; new ones are first dialled after `delay`.
    pub(crate) fn want(&mut self, addresses: &[(String, Micros)], now: Micros, config: &Config) {
        self.attempts
            .retain(|address, _| addresses.iter().any(|(wanted, _)| wanted == address));
        for (address, delay) in addresses {
            self.attempts
                .entry(address.clone())
                .or_insert_with(|| Attempt {
                    next: now.plus(*delay),
                    pause: config.connect_interval,
                });
        }
    }

    /// The wanted addresses whose time has come.
    pub(crate) fn take_due(&mut self, now: Micros, config: &Config) -> Vec<String> {
        let mut due = Vec::new();
        for (address, attempt) in &mut self.attempts {
            if attempt.next <= now {
                attempt.next = now.plus(attempt.pause);
                let longest = config.connect_interval.0 * PAUSE_GROWTH_MAX;
                attempt.pause = Micros((attempt.pause.0 * 2).min(longest));
                due.push(address.clone());
            }
        }
        due
    }

    pub(crate) fn next(&self) -> Option<Micros> {
        self.attempts.values().map(|attempt| attempt.next).min()
    }

    /// A connection to it went down.
    pub(crate) fn failed(&mut self, address: &str, now: Micros, config: &Config) {
        if let Some(attempt) = self.attempts.get_mut(address) {
            attempt.next = attempt.next.max(now.plus(config.connect_interval));
        }
    }

    /// A peer was reached there.
    pub(crate) fn succeeded(&mut self, address: &str) {
        self.attempts.remove(address);
    }
}
