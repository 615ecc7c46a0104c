//! The calendar: moments, their parts in the proleptic Gregorian calendar, and their texts.
//!
//! Days are counted with eras of 400 years that begin in March, after Hinnant, *chrono-compatible low-level date
//! algorithms* (2013): the leap day is then the last of a year, and every conversion is plain integer arithmetic.

pub(super) const SECOND_MS: i64 = 1_000;
pub(super) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// 0000-01-01T00:00:00.000Z.
const MOMENT_MIN: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const MOMENT_MAX: i64 = 253_402_300_799_999;

/// A moment in ms since 1970, within the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64);

impl Moment {
    /// The moment, if it is in range.
    pub(super) fn new(ms: i64) -> Option<Moment> {
        (MOMENT_MIN..=MOMENT_MAX)
            .contains(&ms)
            .then_some(Moment(ms))
    }

    pub(super) fn ms(self) -> i64 {
        self.0
    }

    /// Its parts in UTC.
    pub(super) fn parts(self) -> Parts {
        Parts::of_ms(self.0)
    }

    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    pub(super) fn iso(self) -> String {
        format!("{}Z", self.parts().iso_local())
    }

    /// Reads `YYYY[-M[M][-D[D]]]`, then perhaps `T` or a blank and `HH:MM[:SS[.mmm]]`, then perhaps `Z` or `±HH:MM`.
    pub(super) fn parse(text: &str) -> Option<Moment> {
        let mut scan = Scan(text.trim().as_bytes());
        let mut parts = Parts {
            year: scan.number(4, 4)?,
            month: 1,
            day: 1,
            ..Parts::default()
        };
        if scan.take(b"-") {
            parts.month = scan.number(1, 2).filter(|month| (1..=12).contains(month))?;
            if scan.take(b"-") {
                parts.day = scan.number(1, 2).filter(|day| (1..=31).contains(day))?;
            }
        }
        if scan.take(b"Tt ") {
            parts.hour = scan.number(2, 2).filter(|hour| *hour < 24)?;
            scan.take(b":").then_some(())?;
            parts.minute = scan.number(2, 2).filter(|minute| *minute < 60)?;
            if scan.take(b":") {
                parts.second = scan.number(2, 2).filter(|second| *second < 60)?;
                if scan.take(b".") {
                    parts.ms = scan.fraction()?;
                }
            }
        }
        let offset_ms = scan.offset()?;
        scan.0.is_empty().then_some(())?;
        Moment::new(parts.to_ms()? - offset_ms)
    }
}

/// The text that is still to be read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// Moves past one of `wanted`.
    fn take(&mut self, wanted: &[u8]) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if wanted.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits < least {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        Some(
            number
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit - b'0')),
        )
    }

    /// The milliseconds of digits behind a point; further digits are cut off.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.len();
        let number = self.number(1, 3)?;
        let digits = length - self.0.len();
        while self.number(1, 1).is_some() {}
        Some(number * [100, 10, 1][digits - 1])
    }

    /// How far ahead of UTC the text says it is, in ms; nothing said is UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.take(b"Zz") {
            return Some(0);
        }
        let sign = match self.0.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(0),
        };
        self.take(b"+-");
        let hours = self.number(2, 2).filter(|hours| *hours < 24)?;
        let _separated = self.take(b":");
        let minutes = self.number(2, 2).filter(|minutes| *minutes < 60)?;
        Some(sign * (hours * HOUR_MS + minutes * MINUTE_MS))
    }
}

/// Year, month, day and time of day. Parts beyond their unit run over into the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) ms: i64,
}

impl Parts {
    /// The parts of a number of ms since 1970.
    pub(super) fn of_ms(ms: i64) -> Parts {
        let (days, time) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        let (year, month, day) = date_of_days(days);
        Parts {
            year,
            month,
            day,
            hour: time / HOUR_MS,
            minute: time / MINUTE_MS % 60,
            second: time / SECOND_MS % 60,
            ms: time % SECOND_MS,
        }
    }

    /// Ms since 1970; `None` if that is too far for any date.
    pub(super) fn to_ms(self) -> Option<i64> {
        let months = self
            .year
            .checked_mul(12)?
            .checked_add(self.month.checked_sub(1)?)?;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        // Far beyond what a moment can be, yet without a chance of overflow.
        let sane = |value: i64, limit: i64| (-limit..=limit).contains(&value).then_some(value);
        let days =
            days_of_date(sane(year, 1_000_000)?, month, 1) + sane(self.day, 1_000_000_000)? - 1;
        let time = sane(self.hour, 1 << 40)? * HOUR_MS
            + sane(self.minute, 1 << 40)? * MINUTE_MS
            + sane(self.second, 1 << 50)? * SECOND_MS
            + sane(self.ms, 1 << 60)?;
        days.checked_mul(DAY_MS)?.checked_add(time)
    }

    /// `YYYY-MM-DDTHH:MM:SS.mmm`, without a zone.
    pub(super) fn iso_local(self) -> String {
        let Parts {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ms,
        } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}")
    }

    /// Days since 1970 of the date.
    fn days(self) -> i64 {
        days_of_date(self.year, self.month, self.day)
    }

    /// 0 is Sunday.
    pub(super) fn day_of_week(self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    /// 1 is the first of January.
    pub(super) fn day_of_year(self) -> i64 {
        self.days() - days_of_date(self.year, 1, 1) + 1
    }

    /// Year and number of the ISO week: weeks begin on Monday, and belong to the year of their Thursday.
    pub(super) fn iso_week(self) -> (i64, i64) {
        let from_monday = (self.day_of_week() + 6) % 7;
        let thursday = self.days() - from_monday + 3;
        let (year, _, _) = date_of_days(thursday);
        (year, (thursday - days_of_date(year, 1, 1)) / 7 + 1)
    }

    pub(super) fn quarter(self) -> i64 {
        (self.month + 2) / 3
    }

    pub(super) fn is_leap_year(self) -> bool {
        (self.year % 4 == 0 && self.year % 100 != 0) || self.year % 400 == 0
    }

    pub(super) fn days_in_month(self) -> i64 {
        days_of_date(self.year, self.month + 1, 1) - days_of_date(self.year, self.month, 1)
    }
}

/// Days since 1970 of a date; month 13 is January of the next year.
fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here.
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_converts_both_ways() {
        let mut days = days_of_date(0, 1, 1);
        let mut week_day = Parts {
            year: 0,
            month: 1,
            day: 1,
            ..Parts::default()
        }
        .day_of_week();
        while days <= days_of_date(9999, 12, 31) {
            let (year, month, day) = date_of_days(days);
            assert_eq!(days_of_date(year, month, day), days);
            let parts = Parts {
                year,
                month,
                day,
                ..Parts::default()
            };
            assert_eq!(parts.day_of_week(), week_day);
            assert!(day <= parts.days_in_month());
            days += 1;
            week_day = (week_day + 1) % 7;
        }
    }

    #[test]
    fn texts_read_and_print() {
        let read = |text| Moment::parse(text).map(Moment::iso).unwrap_or_default();
        assert_eq!(read("2024"), "2024-01-01T00:00:00.000Z");
        assert_eq!(read("2024-2-9"), "2024-02-09T00:00:00.000Z");
        assert_eq!(read(" 2024-02-29 23:59:58.1Z "), "2024-02-29T23:59:58.100Z");
        assert_eq!(
            read("2024-02-29T23:59:58.12345+01:30"),
            "2024-02-29T22:29:58.123Z"
        );
        assert_eq!(read("2015-02-31"), "2015-03-03T00:00:00.000Z");
        assert_eq!(read("0000-01-01"), "0000-01-01T00:00:00.000Z");
        for text in [
            "",
            "soon",
            "24",
            "2024-",
            "2024-13",
            "2024-00-01",
            "2024-01-01T",
            "2024-01-01T24:00",
            "2024-01-01T1:00",
            "2024x",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        assert_eq!(Moment::parse("0000-01-01T00:00:00+01:00"), None);
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        let week = |text: &str| Moment::parse(text).unwrap().parts().iso_week();
        assert_eq!(week("2021-01-03"), (2020, 53));
        assert_eq!(week("2021-01-04"), (2021, 1));
        assert_eq!(week("2018-12-31"), (2019, 1));
    }
}
