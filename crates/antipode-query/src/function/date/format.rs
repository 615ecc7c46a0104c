//! The placeholders of DATE_FORMAT.

use std::fmt::Write;

use super::calendar::{Moment, Parts};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Every placeholder, behind its `%`; of those that fit the longest is meant.
const PLACEHOLDERS: [&str; 33] = [
    "yyyyyy", "yyyy", "mmmm", "wwww", "mmm", "www", "fff", "xxx", "yy", "mm", "dd", "hh", "ii",
    "ss", "kk", "t", "z", "w", "y", "m", "d", "h", "i", "s", "f", "x", "k", "l", "q", "a", "%",
    "&", "",
];

/// `pattern` with its placeholders filled from the local parts of a moment.
pub(super) fn format(pattern: &str, moment: Moment, parts: Parts) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let fits = |placeholder: &&&str| {
            behind
                .get(..placeholder.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(placeholder))
        };
        // The list ends with the empty one: another % is ignored.
        let placeholder = PLACEHOLDERS.iter().find(fits).copied().unwrap_or_default();
        fill(placeholder, moment, parts, &mut out);
        rest = behind.get(placeholder.len()..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn fill(placeholder: &str, moment: Moment, parts: Parts, out: &mut String) {
    let name = |names: &[&'static str], position: i64| {
        usize::try_from(position)
            .ok()
            .and_then(|position| names.get(position).copied())
            .unwrap_or_default()
    };
    let month = name(&MONTHS, parts.month - 1);
    let weekday = name(&WEEKDAYS, parts.day_of_week());
    // Writing to a `String` cannot fail.
    _ = match placeholder {
        "t" => write!(out, "{}", moment.ms()),
        "z" => write!(out, "{}", moment.iso()),
        "w" => write!(out, "{}", parts.day_of_week()),
        "y" => write!(out, "{}", parts.year),
        "yy" => write!(out, "{:02}", parts.year % 100),
        "yyyy" => write!(out, "{:04}", parts.year),
        "yyyyyy" => write!(out, "{:+07}", parts.year),
        "m" => write!(out, "{}", parts.month),
        "mm" => write!(out, "{:02}", parts.month),
        "mmm" => write!(out, "{}", month.get(..3).unwrap_or_default()),
        "mmmm" => write!(out, "{month}"),
        "d" => write!(out, "{}", parts.day),
        "dd" => write!(out, "{:02}", parts.day),
        "h" => write!(out, "{}", parts.hour),
        "hh" => write!(out, "{:02}", parts.hour),
        "i" => write!(out, "{}", parts.minute),
        "ii" => write!(out, "{:02}", parts.minute),
        "s" => write!(out, "{}", parts.second),
        "ss" => write!(out, "{:02}", parts.second),
        "f" => write!(out, "{}", parts.ms),
        "fff" => write!(out, "{:03}", parts.ms),
        "x" => write!(out, "{}", parts.day_of_year()),
        "xxx" => write!(out, "{:03}", parts.day_of_year()),
        "k" => write!(out, "{}", parts.iso_week().1),
        "kk" => write!(out, "{:02}", parts.iso_week().1),
        "l" => write!(out, "{}", u8::from(parts.is_leap_year())),
        "q" => write!(out, "{}", parts.quarter()),
        "a" => write!(out, "{}", parts.days_in_month()),
        "www" => write!(out, "{}", weekday.get(..3).unwrap_or_default()),
        "wwww" => write!(out, "{weekday}"),
        "%" => write!(out, "%"),
        _ => Ok(()),
    };
}
