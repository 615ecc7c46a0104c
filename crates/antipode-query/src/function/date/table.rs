//! The table of the date functions.

use super::*;
use crate::function::{Function, pure, volatile};

pub(in crate::function) const FUNCTIONS: &[Function] = &[
    volatile(
        "DATE_NOW",
        0,
        0,
        date_now,
        "DATE_NOW(): the current time in ms since 1970.\n\
         > number\n\
         DATE_NOW() >= 0 // true",
    ),
    pure(
        "IS_DATESTRING",
        1,
        1,
        is_datestring,
        "IS_DATESTRING(value): whether value is the text of a date.\n\
         - value: any value\n\
         > bool\n\
         ! False for whatever is no text, also for a number that would be a date.\n\
         IS_DATESTRING(\"2024-05\") // true",
    ),
    pure(
        "DATE_TIMESTAMP",
        1,
        7,
        date_timestamp,
        "DATE_TIMESTAMP(date) or (year, month, day, hour, minute, second, ms): ms since 1970.\n\
         - date: date; or at least year, month and day, each a number or its text\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. Two arguments are warning 1542 and null.\n\
         DATE_TIMESTAMP(\"2024-02-29T12:00:00Z\") // 1709208000000\n\
         DATE_TIMESTAMP(1970, 1, 1, 26) // 93600000",
    ),
    pure(
        "DATE_ISO8601",
        1,
        7,
        date_iso8601,
        "DATE_ISO8601(date) or (year, month, day, …): the ISO text.\n\
         - date: date; or at least year, month and day, each a number or its text\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. Two arguments are warning 1542 and null.\n\
         DATE_ISO8601(0) // \"1970-01-01T00:00:00.000Z\"",
    ),
    pure(
        "DATE_DAYOFWEEK",
        1,
        1,
        date_dayofweek,
        "DATE_DAYOFWEEK(date): 0 is Sunday.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_DAYOFWEEK(\"2024-02-29\") // 4",
    ),
    pure(
        "DATE_YEAR",
        1,
        1,
        date_year,
        "DATE_YEAR(date): the year.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_YEAR(0) // 1970",
    ),
    pure(
        "DATE_MONTH",
        1,
        1,
        date_month,
        "DATE_MONTH(date): the month, 1 to 12.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_MONTH(\"2024-02-29\") // 2",
    ),
    pure(
        "DATE_DAY",
        1,
        1,
        date_day,
        "DATE_DAY(date): the day of the month.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_DAY(\"2024-02-29\") // 29",
    ),
    pure(
        "DATE_HOUR",
        1,
        1,
        date_hour,
        "DATE_HOUR(date): the hour.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_HOUR(\"2020-08-29T16:30:05\") // 16",
    ),
    pure(
        "DATE_MINUTE",
        1,
        1,
        date_minute,
        "DATE_MINUTE(date): the minute.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_MINUTE(\"2020-08-29T16:30:05\") // 30",
    ),
    pure(
        "DATE_SECOND",
        1,
        1,
        date_second,
        "DATE_SECOND(date): the second.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_SECOND(\"2020-08-29T16:30:05\") // 5",
    ),
    pure(
        "DATE_MILLISECOND",
        1,
        1,
        date_millisecond,
        "DATE_MILLISECOND(date): the millisecond.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_MILLISECOND(1234567890) // 890",
    ),
    pure(
        "DATE_DAYOFYEAR",
        1,
        1,
        date_dayofyear,
        "DATE_DAYOFYEAR(date): 1 to 366.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_DAYOFYEAR(\"2024-02-29\") // 60",
    ),
    pure(
        "DATE_ISOWEEK",
        1,
        1,
        date_isoweek,
        "DATE_ISOWEEK(date): the ISO week, 1 to 53.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_ISOWEEK(\"2021-01-03\") // 53",
    ),
    pure(
        "DATE_ISOWEEKYEAR",
        1,
        2,
        date_isoweekyear,
        "DATE_ISOWEEKYEAR(date, timezone): the ISO week and the year that it belongs to.\n\
         - date: date\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > object or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. An unknown time zone is error 10.\n\
         DATE_ISOWEEKYEAR(\"2021-01-03\") // {\"week\":53,\"year\":2020}",
    ),
    pure(
        "DATE_LEAPYEAR",
        1,
        1,
        date_leapyear,
        "DATE_LEAPYEAR(date): whether the year has 366 days.\n\
         - date: date\n\
         > bool or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_LEAPYEAR(\"2024-01-01\") // true",
    ),
    pure(
        "DATE_QUARTER",
        1,
        1,
        date_quarter,
        "DATE_QUARTER(date): the quarter, 1 to 4.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_QUARTER(\"2024-08-01\") // 3",
    ),
    pure(
        "DATE_DAYS_IN_MONTH",
        1,
        1,
        date_days_in_month,
        "DATE_DAYS_IN_MONTH(date): days of the month.\n\
         - date: date\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null.\n\
         DATE_DAYS_IN_MONTH(\"2024-02-01\") // 29",
    ),
    pure(
        "DATE_TRUNC",
        2,
        3,
        date_trunc,
        "DATE_TRUNC(date, unit, timezone): date with all below the unit reset.\n\
         - date: date\n\
         - unit: name of a unit of time, as \"days\", \"day\" or \"d\", but weeks\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. A unit that is no text is warning 1542 and null, an unknown one 1572. An unknown time zone is error 10.\n\
         DATE_TRUNC(\"2017-02-03T04:05:06Z\", \"month\") // \"2017-02-01T00:00:00.000Z\"",
    ),
    pure(
        "DATE_ROUND",
        3,
        4,
        date_round,
        "DATE_ROUND(date, amount, unit, timezone): date down to a multiple of amount units.\n\
         - date: date\n\
         - amount: number, at least 1\n\
         - unit: name of a unit of time, as \"days\", \"day\" or \"d\", from days down\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. Another amount or unit is warning 1542 and null. An unknown time zone is error 10.\n\
         DATE_ROUND(\"2000-04-10T11:39:29Z\", 15, \"minutes\") // \"2000-04-10T11:30:00.000Z\"",
    ),
    pure(
        "DATE_FORMAT",
        2,
        3,
        date_format,
        "DATE_FORMAT(date, format, timezone): date as text, with %-placeholders.\n\
         - date: date\n\
         - format: text with placeholders: %yyyy %mm %dd %hh %ii %ss %fff and %y %m %d %h %i %s %f without zeroes in front, %yy, %yyyyyy, %mmm and %mmmm for names of months, %w %www %wwww for weekdays, %x %xxx day of the year, %k %kk week, %l leap year, %q quarter, %a days of the month, %t ms since 1970, %z ISO text, %% a percent sign, %& nothing\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. A format that is no text is warning 1542 and null. An unknown time zone is error 10.\n\
         DATE_FORMAT(\"2024-02-29\", \"%dd.%mm.%yyyy\") // \"29.02.2024\"",
    ),
    pure(
        "DATE_ADD",
        2,
        4,
        date_add,
        "DATE_ADD(date, amount, unit, timezone) or (date, isoDuration, timezone): a later date.\n\
         - date: date\n\
         - amount: number, also negative or a fraction\n\
         - unit: name of a unit of time, as \"days\", \"day\" or \"d\"\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. A unit that is no text is warning 1542 and null, an unknown one 1572. A wrong amount is warning 1542 and null, a wrong duration 1572. An unknown time zone is error 10.\n\
         DATE_ADD(\"2024-01-31\", 1, \"m\") // \"2024-03-02T00:00:00.000Z\"\n\
         DATE_ADD(\"2000-01-01\", \"PT4H\") // \"2000-01-01T04:00:00.000Z\"",
    ),
    pure(
        "DATE_SUBTRACT",
        2,
        4,
        date_subtract,
        "DATE_SUBTRACT(date, amount, unit, timezone) or (date, isoDuration, timezone): an earlier date.\n\
         - date: date\n\
         - amount: number, also negative or a fraction\n\
         - unit: name of a unit of time, as \"days\", \"day\" or \"d\"\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         > string or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. A unit that is no text is warning 1542 and null, an unknown one 1572. A wrong amount is warning 1542 and null, a wrong duration 1572. An unknown time zone is error 10.\n\
         DATE_SUBTRACT(\"2024-03-01\", 1, \"day\") // \"2024-02-29T00:00:00.000Z\"",
    ),
    pure(
        "DATE_DIFF",
        3,
        6,
        date_diff,
        "DATE_DIFF(date1, date2, unit, asFloat): units from date1 to date2.\n\
         - date1: date\n\
         - date2: date\n\
         - unit: name of a unit of time, as \"days\", \"day\" or \"d\"\n\
         - asFloat: true for fractions; rounded else; may be left out in favour of time zones for both dates\n\
         > number or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. A unit that is no text is warning 1542 and null, an unknown one 1572. An unknown time zone is error 10.\n\
         DATE_DIFF(\"2023-12-01\", \"2024-04-01\", \"days\") // 122",
    ),
    pure(
        "DATE_COMPARE",
        3,
        6,
        date_compare,
        "DATE_COMPARE(date1, date2, unitStart, unitEnd): whether the parts from one unit to another are equal.\n\
         - date1: date\n\
         - date2: date\n\
         - unitStart: name of a unit of time, as \"days\", \"day\" or \"d\"\n\
         - unitEnd: a smaller unit; unitStart if left out; may be left out in favour of time zones for both dates\n\
         > bool or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. An unknown unit, and a larger unitEnd, is warning 1542 and null. An unknown time zone is error 10.\n\
         DATE_COMPARE(\"1985-04-04\", \"2020-04-04\", \"months\", \"days\") // true",
    ),
    pure(
        "DATE_UTCTOLOCAL",
        2,
        3,
        date_utctolocal,
        "DATE_UTCTOLOCAL(date, timezone, zoneinfo): what a clock in the zone shows.\n\
         - date: date\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         - zoneinfo: true or false; whether to tell of the zone, too\n\
         > string, object or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. An unknown time zone is error 10.\n\
         DATE_UTCTOLOCAL(\"2020-03-15T00:00:00.000Z\", \"Asia/Shanghai\") // \"2020-03-15T08:00:00.000\"",
    ),
    pure(
        "DATE_LOCALTOUTC",
        2,
        3,
        date_localtoutc,
        "DATE_LOCALTOUTC(date, timezone, zoneinfo): the moment at which a clock in the zone shows date.\n\
         - date: date\n\
         - timezone: name of a time zone, as Europe/Berlin; UTC if left out\n\
         - zoneinfo: true or false; whether to tell of the zone, too\n\
         > string, object or null\n\
         ! What is no date, or outside the years 0 to 9999, is warning 1572 and null. An unknown time zone is error 10.\n\
         DATE_LOCALTOUTC(\"2020-03-15T08:00:00.000\", \"Asia/Shanghai\") // \"2020-03-15T00:00:00.000Z\"",
    ),
    pure(
        "DATE_TIMEZONE",
        0,
        0,
        date_timezone,
        "DATE_TIMEZONE(): the zone of the server, which is UTC everywhere.\n\
         > string\n\
         DATE_TIMEZONE() // \"Etc/UTC\"",
    ),
    pure(
        "DATE_TIMEZONES",
        0,
        0,
        date_timezones,
        "DATE_TIMEZONES(): the names of all time zones.\n\
         > array\n\
         LENGTH(DATE_TIMEZONES()) > 0 // true",
    ),
];
