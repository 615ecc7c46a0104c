//! The texts of values: how each kind of value is read from one, and written as one.
//!
//! What cannot be read is told as what to write instead. What is written reads back as the same value.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::PORT;

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

pub(super) fn name(text: &str) -> Result<String, String> {
    let allowed = |character: char| {
        character.is_ascii_lowercase()
            || character.is_ascii_digit()
            || matches!(character, '-' | '_' | '.')
    };
    let begins_well =
        text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    if begins_well && text.len() <= 63 && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(
            "a name is 1 to 63 lower-case letters, digits, '-', '_' and '.', and begins with a letter or a digit"
                .to_owned(),
        )
    }
}

pub(super) fn path(text: &str) -> Result<Option<PathBuf>, String> {
    Ok((!text.is_empty()).then(|| PathBuf::from(text)))
}

pub(super) fn path_text(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(ip) = IpAddr::from_str(text) {
        return Ok(SocketAddr::new(ip, PORT));
    }
    let text = match text.strip_prefix("localhost") {
        Some(port) => format!("127.0.0.1{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| format!("write an IP address and a port, such as 127.0.0.1:{PORT}"))
}

pub(super) fn addresses(text: &str) -> Result<Vec<String>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(host_and_port)
        .collect()
}

pub(super) fn host_and_port(text: &str) -> Result<String, String> {
    let port = text
        .rsplit_once(':')
        .map(|(host, port)| (host, port.parse::<u16>()));
    match port {
        Some((host, Ok(port))) if !host.is_empty() && port > 0 => Ok(text.to_owned()),
        _ => Err(format!("write a host and a port, such as 10.0.0.1:{PORT}")),
    }
}

pub(super) fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("write a whole number above 0".to_owned()),
    }
}

const BYTE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    ("", 1),
];

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    with_unit(text, BYTE_UNITS).ok_or_else(|| "write a size such as 64MiB".to_owned())
}

pub(super) fn bytes_text(bytes: u64) -> String {
    let units = BYTE_UNITS.iter().take(3);
    let unit = units
        .copied()
        .find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    match unit {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}

const TIME_UNITS_MS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

pub(super) fn time(text: &str) -> Result<Duration, String> {
    match with_unit(text, TIME_UNITS_MS) {
        Some(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
        _ => Err("write a time such as 30s, 500ms, 5m or 1h".to_owned()),
    }
}

pub(super) fn time_text(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut units = TIME_UNITS_MS.iter().rev();
    let unit = units.find(|(_, size)| ms.is_multiple_of(*size));
    match unit {
        Some((unit, size)) => format!("{}{unit}", ms / size),
        None => format!("{ms}ms"),
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = text.get(digits.len()..)?.trim();
    let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
    digits.trim().parse::<u64>().ok()?.checked_mul(*size)
}
