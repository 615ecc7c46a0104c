//! Time zones, from the IANA database that is compiled in: the same rules in every region, whatever its machine has.

use std::sync::LazyLock;

use antipode_value::Value;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::calendar::{Moment, Parts};

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone by its name.
pub(super) struct Zone(TimeZone);

impl Zone {
    pub(super) fn find(name: &str) -> Option<Zone> {
        DATABASE.get(name).ok().map(Zone)
    }

    /// How far the zone is ahead of UTC at a moment, in ms.
    fn offset_ms(&self, moment: Moment) -> Option<i64> {
        let timestamp = Timestamp::from_millisecond(moment.ms()).ok()?;
        Some(i64::from(self.0.to_offset(timestamp).seconds()) * 1_000)
    }

    /// The parts that a clock in the zone shows.
    pub(super) fn local(&self, moment: Moment) -> Option<Parts> {
        Some(Parts::of_ms(moment.ms() + self.offset_ms(moment)?))
    }

    /// The moment at which a clock in the zone shows this; the earlier one of two, and behind a gap as far as into it.
    pub(super) fn moment(&self, parts: Parts) -> Option<Moment> {
        let ms = parts.to_ms()?;
        let shown = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let shown = shown.checked_add(SignedDuration::from_millis(ms)).ok()?;
        let offset = match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } | AmbiguousOffset::Gap { before, .. } => before,
        };
        Moment::new(ms - i64::from(offset.seconds()) * 1_000)
    }

    /// What `zoneinfo` shows: name, offset and daylight saving at a moment, and since and until when that holds.
    pub(super) fn info(&self, moment: Moment) -> Option<Value> {
        let timestamp = Timestamp::from_millisecond(moment.ms()).ok()?;
        let info = self.0.to_offset_info(timestamp);
        let edge = |timestamp: Timestamp| Moment::new(timestamp.as_millisecond()).map(Moment::iso);
        // The moment itself may be the one at which the period began.
        let just_after = timestamp.checked_add(SignedDuration::from_nanos(1)).ok()?;
        let begin = self
            .0
            .preceding(just_after)
            .next()
            .and_then(|change| edge(change.timestamp()));
        let end = self
            .0
            .following(timestamp)
            .next()
            .and_then(|change| edge(change.timestamp()));
        Some(Value::object([
            ("name", Value::from(info.abbreviation())),
            ("begin", Value::from(begin)),
            ("end", Value::from(end)),
            ("dst", Value::from(info.dst().is_dst())),
            ("offset", Value::from(info.offset().seconds())),
        ]))
    }
}

/// The names of all zones, sorted.
pub(super) fn names() -> Value {
    let mut names: Vec<String> = DATABASE
        .available()
        .map(|name| name.as_str().to_owned())
        .collect();
    names.sort_unstable();
    Value::array(names)
}
