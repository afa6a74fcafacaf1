//! Time zones: calendar periods, local days and calendar arithmetic.
//!
//! A local time that does not exist (spring forward) stands for the first instant after the gap;
//! one that exists twice (fall back) stands for its first occurrence.

use super::time::{HOUR, MINUTE, Timestamp};
use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike};
use chrono_tz::Tz;
use core::fmt;

/// An IANA time zone such as `America/Guayaquil`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

/// A local calendar moment, as rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Calendar year.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// ISO weekday, 1 = Monday to 7 = Sunday.
    pub weekday: u32,
}

/// A calendar period that repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodKind {
    /// Calendar month.
    Month,
    /// Calendar quarter.
    Quarter,
    /// Calendar year.
    Year,
}

impl PeriodKind {
    /// Every kind, shortest first.
    pub const ALL: [Self; 3] = [Self::Month, Self::Quarter, Self::Year];

    /// The name used in definitions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn months(self) -> i32 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone of an IANA name, or `None` when there is none of that name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The calendar moment of an instant here.
    pub fn local(self, instant: Timestamp) -> Local {
        let local = self.naive_local(instant);
        Local {
            year: local.year(),
            month: local.month(),
            day: local.day(),
            hour: local.hour(),
            weekday: local.weekday().number_from_monday(),
        }
    }

    fn naive_local(self, instant: Timestamp) -> NaiveDateTime {
        let utc = instant.utc().naive_utc();
        if self.0 == Tz::UTC { utc } else { self.0.from_utc_datetime(&utc).naive_local() }
    }

    /// The number of the period an instant falls in: consecutive numbers are consecutive periods.
    pub fn period(self, kind: PeriodKind, instant: Timestamp) -> i32 {
        let local = self.local(instant);
        let month = i32::try_from(local.month).unwrap_or(1) - 1;
        (local.year * 12 + month).div_euclid(kind.months())
    }

    /// The first instant of a numbered period.
    pub fn period_start(self, kind: PeriodKind, period: i32) -> Timestamp {
        let months = period.saturating_mul(kind.months());
        let month = u32::try_from(months.rem_euclid(12)).unwrap_or(0) + 1;
        self.start_of_date(months.div_euclid(12), month, 1).unwrap_or(Timestamp::MAX)
    }

    /// The first instant of the period after the one an instant falls in.
    pub fn next_period_start(self, kind: PeriodKind, instant: Timestamp) -> Timestamp {
        self.period_start(kind, self.period(kind, instant).saturating_add(1))
    }

    /// The first instant of the local day an instant falls in.
    pub fn start_of_day(self, instant: Timestamp) -> Timestamp {
        let local = self.local(instant);
        self.start_of_date(local.year, local.month, local.day).unwrap_or(instant)
    }

    /// The first instant of the local day after the one an instant falls in.
    pub fn start_of_next_day(self, instant: Timestamp) -> Timestamp {
        let local = self.local(instant);
        NaiveDate::from_ymd_opt(local.year, local.month, local.day)
            .and_then(|date| date.succ_opt())
            .map_or(Timestamp::MAX, |date| self.resolve(date.and_time(NaiveTime::MIN)))
    }

    /// The number of the local day an instant falls in: 1 January 1970 is 0.
    pub fn day_number(self, instant: Timestamp) -> i32 {
        let days = self.naive_local(instant).date().signed_duration_since(NaiveDate::default()).num_days();
        i32::try_from(days).unwrap_or(i32::MAX)
    }

    /// The first instant of a numbered day.
    pub fn start_of_day_number(self, number: i32) -> Timestamp {
        let date = NaiveDate::default().checked_add_signed(chrono::TimeDelta::days(i64::from(number)));
        date.map_or(Timestamp::MAX, |date| self.resolve(date.and_time(NaiveTime::MIN)))
    }

    /// The first instant of a calendar date, or `None` when there is no such date.
    pub fn start_of_date(self, year: i32, month: u32, day: u32) -> Option<Timestamp> {
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        Some(self.resolve(date.and_time(NaiveTime::MIN)))
    }

    /// The first instant of the date written `YYYY-MM-DD`.
    pub fn start_of_written_date(self, text: &str) -> Option<Timestamp> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (text.len() == 10).then(|| self.resolve(date.and_time(NaiveTime::MIN)))
    }

    /// Reads RFC 3339, or a bare date as its first instant here.
    pub fn parse_date_or_time(self, text: &str) -> Option<Timestamp> {
        Timestamp::parse(text).or_else(|| self.start_of_written_date(text))
    }

    /// The instant `months` calendar months later: same local time, day clamped to the month's length.
    pub fn plus_months(self, instant: Timestamp, months: u32) -> Timestamp {
        let local = self.naive_local(instant);
        local.checked_add_months(Months::new(months)).map_or(Timestamp::MAX, |moved| self.resolve(moved))
    }

    /// Full years from a date of birth to an instant, by the local calendar.
    pub fn age(self, born: Timestamp, now: Timestamp) -> i64 {
        // A date of birth is a calendar date: it is stored as midnight UTC and read as such.
        let birth = born.utc();
        let local = self.local(now);
        let had_birthday = (local.month, local.day) >= (birth.month(), birth.day());
        i64::from(local.year - birth.year()) - i64::from(!had_birthday)
    }

    /// The next local midnight at which the anniversary of `month`-`day` begins, strictly after `now`.
    ///
    /// 29 February is kept on 28 February in years without it.
    pub fn next_anniversary(self, month: u32, day: u32, now: Timestamp) -> Timestamp {
        let this_year = self.local(now).year;
        (this_year..=this_year.saturating_add(1))
            .filter_map(|year| self.anniversary_in(year, month, day))
            .find(|start| *start > now)
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether the local day of `now` is the anniversary of `month`-`day`.
    pub fn is_anniversary(self, month: u32, day: u32, now: Timestamp) -> bool {
        let local = self.local(now);
        self.anniversary_in(local.year, month, day) == Some(self.start_of_day(now))
    }

    fn anniversary_in(self, year: i32, month: u32, day: u32) -> Option<Timestamp> {
        self.start_of_date(year, month, day)
            .or_else(|| if (month, day) == (2, 29) { self.start_of_date(year, 2, 28) } else { None })
    }

    fn resolve(self, local: NaiveDateTime) -> Timestamp {
        if self.0 == Tz::UTC {
            return Timestamp::from_milliseconds(local.and_utc().timestamp_millis());
        }
        // No gap of any zone is longer than a day; the first quarter hour after it is searched by minutes.
        let mut probe = local;
        for _ in 0..(2 * 24 * 60) {
            if let Some(found) = self.0.from_local_datetime(&probe).earliest() {
                return Timestamp::from_milliseconds(found.timestamp_millis());
            }
            let Some(next) = probe.with_second(0).and_then(|probe| probe.with_nanosecond(0)) else { break };
            let Some(next) = next.checked_add_signed(chrono::TimeDelta::milliseconds(MINUTE)) else { break };
            probe = next;
        }
        Timestamp::from_milliseconds(local.and_utc().timestamp_millis()).plus(-HOUR)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn periods_turn_at_local_midnight() {
        let guayaquil = Zone::parse("America/Guayaquil").unwrap();
        let before = at("2027-01-01T04:59:59.999Z");
        let after = at("2027-01-01T05:00:00Z");
        for kind in PeriodKind::ALL {
            assert_eq!(guayaquil.period(kind, before) + 1, guayaquil.period(kind, after), "{kind:?}");
            assert_eq!(guayaquil.next_period_start(kind, before), after, "{kind:?}");
        }
    }

    #[test]
    fn months_keep_the_time_of_day_and_clamp_the_day() {
        let check = |zone: &str, from: &str, months, expected: &str| {
            let zone = Zone::parse(zone).unwrap();
            assert_eq!(zone.plus_months(at(from), months), at(expected), "{zone} {from} +{months}");
        };
        check("UTC", "2026-01-31T10:00:00Z", 1, "2026-02-28T10:00:00Z");
        check("UTC", "2024-02-29T10:00:00Z", 12, "2025-02-28T10:00:00Z");
        // Berlin: 10:00 in winter is 09:00Z, in summer 08:00Z.
        check("Europe/Berlin", "2026-01-15T09:00:00Z", 6, "2026-07-15T08:00:00Z");
        // 02:30 on the day the clock goes forward does not exist: the first instant after the gap.
        check("Europe/Berlin", "2026-02-28T01:30:00Z", 1, "2026-03-28T01:30:00Z");
        check("Europe/Berlin", "2026-01-29T01:30:00Z", 2, "2026-03-29T01:00:00Z");
    }

    #[test]
    fn a_midnight_that_does_not_exist_starts_the_day_after_the_gap() {
        let santiago = Zone::parse("America/Santiago").unwrap();
        let noon = at("2024-09-08T16:00:00Z");
        assert_eq!(santiago.start_of_day(noon), at("2024-09-08T04:00:00Z"));
    }

    #[test]
    fn a_birthday_on_29_february_is_kept_on_the_28th() {
        let zone = Zone::UTC;
        assert!(zone.is_anniversary(2, 29, at("2025-02-28T12:00:00Z")));
        assert!(!zone.is_anniversary(2, 29, at("2024-02-28T12:00:00Z")));
        assert!(zone.is_anniversary(2, 29, at("2024-02-29T12:00:00Z")));
        assert_eq!(zone.next_anniversary(2, 29, at("2024-03-01T00:00:00Z")), at("2025-02-28T00:00:00Z"));
        assert_eq!(zone.age(at("2000-02-29T00:00:00Z"), at("2025-02-28T12:00:00Z")), 24);
        assert_eq!(zone.age(at("2000-02-29T00:00:00Z"), at("2025-03-01T00:00:00Z")), 25);
    }
}
