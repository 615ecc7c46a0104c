//! The hybrid logical clock.
//!
//! ```text
//!  63                                    16 15              0
//! ┌────────────────────────────────────────┬─────────────────┐
//! │ physical milliseconds since 1970 (48)  │ counter (16)    │
//! └────────────────────────────────────────┴─────────────────┘
//! ```
//!
//! A counter that is full carries into the milliseconds: the clock then runs ahead of the wall by a little, which is
//! harmless, since only order matters. After Kulkarni et al., *Logical Physical Clocks* (2014).

use std::fmt;

const COUNTER_BITS: u32 = 16;

/// A point in hybrid logical time. Comparing the packed number compares time.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Before everything.
    pub const ZERO: Self = Self(0);

    /// Packs milliseconds since 1970 (48 bits; what is above is cut off) and a counter.
    #[must_use]
    pub const fn new(ms: u64, counter: u16) -> Self {
        Self((ms << COUNTER_BITS) | counter as u64)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The counter within the millisecond.
    #[must_use]
    pub const fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The clock `ticks` further on; a full counter carries into the milliseconds.
    #[must_use]
    pub const fn plus(self, ticks: u64) -> Self {
        Self(self.0.saturating_add(ticks))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ms(), self.counter())
    }
}

/// A node's hybrid logical clock: hands out stamps that only rise.
///
/// A restart must not hand out again what was handed out before, also when the wall clock was set back. So an upper
/// bound is made durable *ahead of use*: [`HlcClock::bound_needed`] says when a higher one has to be written, and a
/// restarted clock begins at the durable bound.
#[derive(Clone, Debug)]
pub struct HlcClock {
    last: Hlc,
    bound: Hlc,
}

impl HlcClock {
    /// How far ahead of use the durable bound is set, in milliseconds.
    pub const BOUND_AHEAD_MS: u64 = 5_000;
    /// A new bound is asked for when less than this is left, in milliseconds.
    const BOUND_RESERVE_MS: u64 = 2_500;

    /// A clock that goes on above `bound`, the durable upper bound of what was handed out before (zero for a new node).
    #[must_use]
    pub const fn starting_above(bound: Hlc) -> Self {
        Self { last: bound, bound }
    }

    /// The last point handed out or observed.
    #[must_use]
    pub const fn last(&self) -> Hlc {
        self.last
    }

    /// Takes `ticks` consecutive points above everything handed out or observed so far, and not before `wall_ms`.
    /// Returns the first one.
    pub fn reserve(&mut self, wall_ms: u64, ticks: u64) -> Hlc {
        let first = self.last.plus(1).max(Hlc::new(wall_ms, 0));
        self.last = first.plus(ticks.saturating_sub(1));
        first
    }

    /// Moves the clock past a point that was received: later points are above it.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }

    /// The bound that must be durable before points up to `upto` may leave the node, if the present one is too near.
    #[must_use]
    pub fn bound_needed(&self, upto: Hlc) -> Option<Hlc> {
        (upto.plus(Self::BOUND_RESERVE_MS << COUNTER_BITS) > self.bound)
            .then(|| Hlc::new(upto.ms() + Self::BOUND_AHEAD_MS, 0))
    }

    /// Notes that `bound` is durable.
    pub fn bound_is_durable(&mut self, bound: Hlc) {
        self.bound = self.bound.max(bound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_only_rise_when_the_wall_clock_is_set_back() {
        let mut clock = HlcClock::starting_above(Hlc::ZERO);
        let first = clock.reserve(1_000, 3);
        assert_eq!(first, Hlc::new(1_000, 0));
        let second = clock.reserve(500, 1);
        assert_eq!(second, Hlc::new(1_000, 3));
    }

    #[test]
    fn received_points_pull_the_clock_forward() {
        let mut clock = HlcClock::starting_above(Hlc::ZERO);
        clock.observe(Hlc::new(9_000, 7));
        assert_eq!(clock.reserve(1_000, 1), Hlc::new(9_000, 8));
    }

    #[test]
    fn a_full_counter_carries_into_the_milliseconds() {
        let mut clock = HlcClock::starting_above(Hlc::ZERO);
        clock.reserve(1, 1 << 16);
        assert_eq!(clock.reserve(1, 1), Hlc::new(2, 0));
    }

    #[test]
    fn a_restarted_clock_begins_above_the_durable_bound() {
        let mut clock = HlcClock::starting_above(Hlc::ZERO);
        let point = clock.reserve(1_000, 1);
        let bound = clock.bound_needed(point).expect("nothing is durable yet");
        clock.bound_is_durable(bound);
        assert_eq!(clock.bound_needed(point), None);
        let mut restarted = HlcClock::starting_above(bound);
        assert!(restarted.reserve(0, 1) > bound);
    }
}
