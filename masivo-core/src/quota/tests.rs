//! Tables of periods, shares and bookings.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn periods_turn_at_local_midnight_and_weeks_on_monday() {
    let guayaquil = Zone::parse("America/Guayaquil").unwrap();
    let check = |unit: PeriodUnit, zone: Zone, instant: &str, start: &str| {
        let number = unit.number(zone, at(instant));
        assert_eq!(unit.start(zone, number), at(start), "{unit:?} of {instant}");
        assert_eq!(
            unit.number(zone, unit.start(zone, number).plus(-1)),
            number - 1,
            "{unit:?} before {start}"
        );
    };
    check(PeriodUnit::Day, Zone::UTC, "2026-11-22T23:59:59.999Z", "2026-11-22T00:00:00Z");
    check(PeriodUnit::Day, guayaquil, "2026-11-22T04:59:59.999Z", "2026-11-21T05:00:00Z");
    check(PeriodUnit::Day, Zone::UTC, "1969-12-31T12:00:00Z", "1969-12-31T00:00:00Z");
    // 22 November 2026 is a Sunday.
    check(PeriodUnit::Week, Zone::UTC, "2026-11-22T23:59:59.999Z", "2026-11-16T00:00:00Z");
    check(PeriodUnit::Week, Zone::UTC, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z");
    check(PeriodUnit::Month, guayaquil, "2026-12-01T04:00:00Z", "2026-11-01T05:00:00Z");
    check(PeriodUnit::Quarter, Zone::UTC, "2026-11-22T00:00:00Z", "2026-10-01T00:00:00Z");
    check(PeriodUnit::Year, Zone::UTC, "2026-11-22T00:00:00Z", "2026-01-01T00:00:00Z");
    // The night of the change to winter time has 25 hours.
    let madrid = Zone::parse("Europe/Madrid").unwrap();
    check(PeriodUnit::Day, madrid, "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z");
    check(PeriodUnit::Day, madrid, "2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z");
}

#[test]
fn shares_of_a_budget_add_up_to_it() {
    let (start, end) = (at("2026-11-20T15:00:00Z"), at("2026-11-27T00:00:00Z"));
    let limit = |unit| Limit {
        scope: Scope::Everyone,
        counts: Counts::Worth,
        unit: Some(unit),
        most: Most::Share { budget: Decimal::whole(100), start, end },
    };
    let check = |unit: PeriodUnit, expected: &[&str]| {
        let limit = limit(unit);
        let first = unit.number(Zone::UTC, start);
        let shares: Vec<Decimal> = (0..expected.len())
            .map(|place| {
                let number = first + i32::try_from(place).unwrap();
                limit.most(Zone::UTC, Some(Period { unit, number }))
            })
            .collect();
        assert_eq!(shares.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        let sum = shares.into_iter().fold(Decimal::ZERO, Decimal::saturating_add);
        assert_eq!(sum, Decimal::whole(100));
        let outside = [first - 1, first + i32::try_from(expected.len()).unwrap()];
        for number in outside {
            assert_eq!(limit.most(Zone::UTC, Some(Period { unit, number })), Decimal::ZERO, "outside");
        }
    };
    // Seven local days, the last one ending with the campaign.
    let days = ["14.285714", "14.285714", "14.285714", "14.285715", "14.285714", "14.285714", "14.285715"];
    check(PeriodUnit::Day, &days);
    check(PeriodUnit::Week, &["50", "50"]);
    check(PeriodUnit::Month, &["100"]);
}

#[test]
fn newer_periods_replace_older_ones_of_which_nothing_is_held() {
    let quota = |campaign, unit, number| Quota {
        owner: Owner::Campaign(campaign),
        scope: Scope::Customer,
        counts: Counts::Times,
        period: Some(Period { unit, number }),
    };
    let mut own = OwnQuotas::default();
    let mut book = |kind, quota| own.apply(&QuotaEntry { quota, kind, amount: Decimal::ONE });
    let (day_1, day_2, month) =
        (quota(1, PeriodUnit::Day, 1), quota(1, PeriodUnit::Day, 2), quota(1, PeriodUnit::Month, 0));
    let other = quota(2, PeriodUnit::Day, 1);
    [day_1, month, other].into_iter().for_each(|quota| book(QuotaMove::Used, quota));
    book(QuotaMove::Held, day_1);
    book(QuotaMove::Used, day_2);
    let known = |own: &OwnQuotas| own.iter().map(|(quota, _)| *quota).collect::<Vec<_>>();
    assert_eq!(known(&own), [day_1, day_2, month, other], "what is held stays");
    let mut book = |kind, quota| own.apply(&QuotaEntry { quota, kind, amount: Decimal::ONE });
    book(QuotaMove::Released, day_1);
    book(QuotaMove::Used, day_2);
    assert_eq!(known(&own), [day_2, month, other]);
    assert_eq!(own.sums(&day_2).used, Decimal::whole(2));
    let mut book = |kind, quota| own.apply(&QuotaEntry { quota, kind, amount: Decimal::ONE });
    // A purchase of a day that is over is returned: nothing is left to give back to.
    book(QuotaMove::Returned, day_1);
    book(QuotaMove::Returned, other);
    assert_eq!(known(&own), [day_2, month]);
}
