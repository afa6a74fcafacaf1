//! Metrics of one customer: spend, purchases and last visit, per calendar period of the account's zone.
//!
//! - M1: every bucket equals a recomputation from the customer's processed events.
//! - M2: adding an event and taking it back leaves every bucket as it was.
//! - M3: the present and the previous month, quarter and year are held; older periods only in the lifetime.

use crate::prelude::*;
use crate::rule::MetricPeriod;
use crate::value::{Decimal, Json, PeriodKind, Timestamp, Zone, object};

/// How many of the latest visits are held, so that taking one back seldom needs the history.
const VISITS_HELD: usize = 8;

/// The sums of one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Which period, as [`Zone::period`] counts them.
    pub number: i32,
    /// What was spent in purchases.
    pub spend: Decimal,
    /// How many purchases there were.
    pub purchases: u32,
    /// The latest instant of an event of the customer's own.
    pub last_visit: Option<Timestamp>,
}

/// What one processed event adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// When the event happened.
    pub issued_at: Timestamp,
    /// What it adds to `spend_total`: nothing unless it is a purchase.
    pub spend: Decimal,
    /// Whether it counts as a purchase.
    pub purchase: bool,
}

/// All buckets of one customer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Metrics {
    /// From registration on; its number is unused.
    pub lifetime: Bucket,
    /// The latest and the previous month, quarter and year with events.
    pub periods: [[Bucket; 2]; 3],
    /// The latest visits, newest first.
    pub visits: Vec<Timestamp>,
    /// Whether there are visits older than the held ones.
    pub more_visits: bool,
}

impl Metrics {
    /// Counts a processed event in.
    pub fn add(&mut self, visit: &Visit, zone: Zone) {
        self.lifetime.add(visit);
        for (kind, buckets) in PeriodKind::ALL.into_iter().zip(&mut self.periods) {
            let number = zone.period(kind, visit.issued_at);
            roll(buckets, number);
            if let Some(bucket) = buckets.iter_mut().find(|bucket| bucket.number == number) {
                bucket.add(visit);
            }
        }
        let at = self.visits.partition_point(|held| *held >= visit.issued_at);
        // One that is older than all held may have others before it: held are the latest without a gap.
        if self.more_visits && at == self.visits.len() {
            return;
        }
        self.visits.insert(at, visit.issued_at);
        if self.visits.len() > VISITS_HELD {
            self.visits.truncate(VISITS_HELD);
            self.more_visits = true;
        }
    }

    /// Takes a processed event back; `history` are all remaining visits, newest first, where
    /// [`Metrics::needs_history`] asked for them.
    pub fn remove(&mut self, visit: &Visit, zone: Zone, history: Option<&[Timestamp]>) {
        if let Some(at) = self.visits.iter().position(|held| *held == visit.issued_at) {
            self.visits.remove(at);
        }
        if let Some(history) = history {
            self.visits = history.iter().copied().take(VISITS_HELD).collect();
            self.more_visits = history.len() > VISITS_HELD;
        }
        let remaining = history.unwrap_or(&self.visits).to_vec();
        self.lifetime.remove(visit, remaining.first().copied());
        for (kind, buckets) in PeriodKind::ALL.into_iter().zip(&mut self.periods) {
            let number = zone.period(kind, visit.issued_at);
            for bucket in buckets.iter_mut().filter(|bucket| bucket.number == number) {
                let latest = remaining.iter().find(|held| zone.period(kind, **held) == number);
                bucket.remove(visit, latest.copied());
            }
        }
    }

    /// Takes a part of the spend of a processed event back; the event itself still counts.
    pub fn lower(&mut self, visit: &Visit, spend: Decimal, zone: Zone) {
        self.lifetime.spend = self.lifetime.spend.saturating_sub(spend);
        for (kind, buckets) in PeriodKind::ALL.into_iter().zip(&mut self.periods) {
            let number = zone.period(kind, visit.issued_at);
            for bucket in buckets.iter_mut().filter(|bucket| bucket.number == number) {
                bucket.spend = bucket.spend.saturating_sub(spend);
            }
        }
    }

    /// Whether taking a visit back needs the customer's whole history to find the visit before it.
    pub fn needs_history(&self, issued_at: Timestamp, zone: Zone) -> bool {
        if !self.more_visits {
            return false;
        }
        // The held visits answer for every bucket that starts after the oldest of them.
        let Some(oldest) = self.visits.last().copied() else { return true };
        if self.visits.len() < 2 || oldest == issued_at {
            return true;
        }
        PeriodKind::ALL.into_iter().zip(&self.periods).any(|(kind, buckets)| {
            buckets.iter().any(|bucket| {
                bucket.last_visit == Some(issued_at)
                    && zone.period_start(kind, bucket.number) < oldest
                    && !self
                        .visits
                        .iter()
                        .any(|held| *held < issued_at && zone.period(kind, *held) == bucket.number)
            })
        })
    }

    /// The bucket of a period, seen from `now`.
    pub fn bucket(&self, period: MetricPeriod, zone: Zone, now: Timestamp) -> Bucket {
        let (kind, back) = match period {
            MetricPeriod::Lifetime => return self.lifetime,
            MetricPeriod::This(kind) => (kind, 0),
            MetricPeriod::Last(kind) => (kind, 1),
        };
        let number = zone.period(kind, now) - back;
        let mut held = PeriodKind::ALL.into_iter().zip(&self.periods);
        let found = held
            .find(|(held_kind, _)| *held_kind == kind)
            .and_then(|(_, buckets)| buckets.iter().find(|bucket| bucket.number == number));
        found.copied().unwrap_or(Bucket { number, ..Bucket::default() })
    }

    /// The metrics as they were at the very start of the reporting period `now` falls in: nothing of that
    /// period has happened yet.
    pub fn at_period_start(&self, kind: PeriodKind, zone: Zone, now: Timestamp) -> Self {
        let present = self.bucket(MetricPeriod::This(kind), zone, now);
        let start = zone.period_start(kind, zone.period(kind, now));
        let mut before = self.clone();
        before.lifetime.spend = before.lifetime.spend.saturating_sub(present.spend);
        before.lifetime.purchases = before.lifetime.purchases.saturating_sub(present.purchases);
        before.lifetime.last_visit = before.visits.iter().copied().find(|held| *held < start);
        for (held_kind, buckets) in PeriodKind::ALL.into_iter().zip(&mut before.periods) {
            let number = zone.period(held_kind, start);
            for bucket in buckets.iter_mut().filter(|bucket| bucket.number >= number) {
                *bucket = Bucket { number: bucket.number, ..Bucket::default() };
            }
        }
        before
    }

    /// The product's `metrics` object: one entry a period with its bounds.
    pub fn to_json(&self, zone: Zone, now: Timestamp, tier_id: Option<&str>) -> Json {
        let mut metrics = object();
        for period in MetricPeriod::ALL {
            let bucket = self.bucket(period, zone, now);
            let bounds = match period {
                MetricPeriod::Lifetime => None,
                MetricPeriod::This(kind) | MetricPeriod::Last(kind) => {
                    Some((zone.period_start(kind, bucket.number), zone.period_start(kind, bucket.number + 1)))
                }
            };
            let entry = object()
                .with_some("from", bounds.map(|(from, _)| from))
                .with_some("to", bounds.map(|(_, to)| to))
                .with_some("tier_id", tier_id.filter(|_| !matches!(period, MetricPeriod::Last(_))))
                .with("spend_total", bucket.spend)
                .with("number_of_purchases", bucket.purchases)
                .with("last_visit", bucket.last_visit.map(Json::from).unwrap_or_default());
            metrics = metrics.with(period.name(), entry);
        }
        metrics.build()
    }

    /// Recency (whole days since the last visit), frequency (purchases) and monetary value (spend), all of
    /// the customer's lifetime.
    pub fn rfm(&self, now: Timestamp) -> Json {
        let recency = self.lifetime.last_visit.map(|visit| now.since(visit).max(0) / crate::value::DAY);
        object()
            .with("recency_days", recency.map(Json::from).unwrap_or_default())
            .with("frequency", self.lifetime.purchases)
            .with("monetary", self.lifetime.spend)
            .build()
    }
}

impl Bucket {
    /// Whether nothing happened in the period.
    pub fn is_empty(&self) -> bool {
        *self == Self { number: self.number, ..Self::default() }
    }

    fn add(&mut self, visit: &Visit) {
        self.spend = self.spend.saturating_add(visit.spend);
        self.purchases = self.purchases.saturating_add(u32::from(visit.purchase));
        self.last_visit = self.last_visit.max(Some(visit.issued_at));
    }

    fn remove(&mut self, visit: &Visit, latest_remaining: Option<Timestamp>) {
        self.spend = self.spend.saturating_sub(visit.spend);
        self.purchases = self.purchases.saturating_sub(u32::from(visit.purchase));
        if self.last_visit == Some(visit.issued_at) {
            self.last_visit = latest_remaining;
        }
    }
}

/// Makes room for a later period: the latest becomes the previous one.
fn roll(buckets: &mut [Bucket; 2], number: i32) {
    let [latest, previous] = buckets;
    if number <= latest.number {
        return;
    }
    *previous = if latest.number == number - 1 {
        *latest
    } else {
        Bucket { number: number - 1, ..Bucket::default() }
    };
    *latest = Bucket { number, ..Bucket::default() };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn visit(day: i64) -> Visit {
        Visit {
            issued_at: Timestamp::parse("1997-01-01T12:00:00Z").unwrap().plus(day * crate::value::DAY),
            spend: Decimal::whole(i32::try_from(day % 7).unwrap()),
            purchase: day % 2 == 0,
        }
    }

    fn fold(visits: &[Visit]) -> Metrics {
        let mut metrics = Metrics::default();
        visits.iter().for_each(|visit| metrics.add(visit, Zone::UTC));
        metrics
    }

    proptest! {
        #[test]
        fn adding_and_taking_back_leaves_what_a_recomputation_gives(
            days in prop::collection::vec(0_i64..800, 1..30),
            removed in 0_usize..30,
        ) {
            // Events come late by at most three days.
            let mut days = days;
            days.sort_by_key(|day| day - day % 3);
            let visits: Vec<Visit> = days.iter().map(|day| visit(*day)).collect();
            let gone = visits[removed % visits.len()];
            let mut metrics = fold(&visits);
            let mut rest = visits.clone();
            rest.remove(removed % visits.len());
            let mut history: Vec<Timestamp> = rest.iter().map(|visit| visit.issued_at).collect();
            history.sort_by(|a, b| b.cmp(a));
            let needed = metrics.needs_history(gone.issued_at, Zone::UTC);
            metrics.remove(&gone, Zone::UTC, needed.then_some(&history));
            let expected = fold(&rest);
            let now = visits.iter().map(|visit| visit.issued_at).max().unwrap();
            prop_assert_eq!(metrics.lifetime, expected.lifetime);
            for period in MetricPeriod::ALL {
                prop_assert_eq!(
                    metrics.bucket(period, Zone::UTC, now),
                    expected.bucket(period, Zone::UTC, now),
                    "{:?}", period
                );
            }
        }
    }
}
