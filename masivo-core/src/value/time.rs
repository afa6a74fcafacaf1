//! Instants.

use super::decimal::push_digits;
use crate::prelude::*;
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use core::fmt;

/// One second in milliseconds.
pub const SECOND: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day of 24 hours in milliseconds.
pub const DAY: i64 = 24 * HOUR;
/// One week of seven 24-hour days in milliseconds.
pub const WEEK: i64 = 7 * DAY;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, between the years 0001 and 9999.
///
/// The engine never asks for the time: every instant comes in from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The latest instant.
    pub const MAX: Self = Self(253_402_300_799_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant that many milliseconds after 1970, held within the years 0001 to 9999.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        if milliseconds < Self::MIN.0 {
            Self::MIN
        } else if milliseconds > Self::MAX.0 {
            Self::MAX
        } else {
            Self(milliseconds)
        }
    }

    /// Milliseconds since 1970.
    pub const fn milliseconds(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Reads RFC 3339 with any offset (`2026-11-22T10:00:00+02:00`), to the millisecond.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis();
        (Self::MIN.0..=Self::MAX.0).contains(&parsed).then_some(Self(parsed))
    }

    /// Reads RFC 3339, or a bare date as its first instant in UTC.
    pub fn parse_date_or_time(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| {
            let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            let instant = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis();
            (text.len() == 10).then(|| Self::from_milliseconds(instant))
        })
    }

    /// The instant `milliseconds` later (or earlier), held within the range.
    #[must_use]
    pub const fn plus(self, milliseconds: i64) -> Self {
        Self::from_milliseconds(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this instant.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The UTC day number since 1970 this instant falls in.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    pub(crate) fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.utc();
        let mut text = String::with_capacity(24);
        let parts = [
            (u64::from(utc.year().unsigned_abs()), 4, '-'),
            (utc.month().into(), 2, '-'),
            (utc.day().into(), 2, 'T'),
            (utc.hour().into(), 2, ':'),
            (utc.minute().into(), 2, ':'),
            (utc.second().into(), 2, '.'),
            (utc.timestamp_subsec_millis().into(), 3, 'Z'),
        ];
        for (number, digits, after) in parts {
            push_digits(&mut text, number, digits);
            text.push(after);
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_their_offset_and_written_in_utc() {
        let instant = Timestamp::parse("2026-11-22T10:00:00.5+02:00").unwrap();
        assert_eq!(instant.to_string(), "2026-11-22T08:00:00.500Z");
        assert_eq!(Timestamp::parse("2026-11-22"), None);
        assert_eq!(
            Timestamp::parse_date_or_time("1997-01-01").unwrap().to_string(),
            "1997-01-01T00:00:00.000Z"
        );
        assert_eq!(Timestamp::parse("2026-13-01T00:00:00Z"), None);
        assert_eq!(Timestamp::parse_date_or_time("2026-2-1"), None);
    }
}
