//! When a rule's answer changes by the mere passing of time.

use super::evaluate::{as_instant, each_value, month_day};
use super::subject::{MetricPeriod, Subject};
use super::{Operand, Operator, Rule, Test, View};
use crate::limits::FLIP_SEARCH_MAX;
use crate::value::{DAY, Rounding, Timestamp};
use core::ops::ControlFlow;

/// Whether the answer of a test can change by the mere passing of time.
pub(super) fn is_timed(test: &Test) -> bool {
    let subject = match &test.subject {
        Subject::Metric(period, _) => !matches!(period, MetricPeriod::Lifetime),
        Subject::Age | Subject::Date | Subject::Hour | Subject::Weekday => true,
        Subject::Device(_) | Subject::Devices | Subject::Recency | Subject::Audiences | Subject::Trait(_) => {
            true
        }
        Subject::Events(subject) => subject.is_timed(),
        _ => false,
    };
    subject
        || matches!(
            (test.operator, &test.operand),
            (Operator::WithinLast | Operator::MoreThanAgo, _) | (Operator::Equals, Operand::Today)
        )
}

/// The instant from which on a rule that gives `holds` now gives the opposite.
pub(super) fn next_flip(rule: &Rule, view: &View<'_>, holds: bool) -> Option<Timestamp> {
    let mut later = *view;
    for _ in 0..FLIP_SEARCH_MAX {
        let instant = next_candidate(rule, &later)?;
        later.now = instant;
        if rule.holds(&later) != holds {
            return Some(instant);
        }
    }
    Some(later.now)
}

/// The earliest instant after `view.now` at which some condition may change.
fn next_candidate(rule: &Rule, view: &View<'_>) -> Option<Timestamp> {
    let mut earliest: Option<Timestamp> = None;
    let mut offer = |instant: Timestamp| {
        if instant > view.now && instant < Timestamp::MAX {
            earliest = Some(earliest.map_or(instant, |earliest| earliest.min(instant)));
        }
    };
    rule.node().visit(&mut |test| offer_changes(test, view, &mut offer));
    earliest
}

fn offer_changes(test: &Test, view: &View<'_>, offer: &mut dyn FnMut(Timestamp)) {
    let zone = view.program.settings().time_zone;
    let computed = match &test.subject {
        Subject::Trait(name) => view.program.computed_trait(name),
        _ => None,
    };
    match computed.map_or(&test.subject, |computed| &computed.spec.subject) {
        Subject::Metric(MetricPeriod::This(kind) | MetricPeriod::Last(kind), _) => {
            // Once both periods are empty, turning to the next changes nothing.
            let counts = |period| !view.state.metrics.bucket(period, zone, view.now).is_empty();
            if counts(MetricPeriod::This(*kind)) || counts(MetricPeriod::Last(*kind)) {
                offer(zone.next_period_start(*kind, view.now));
            }
        }
        Subject::Age => {
            if let Some(born) = view.profile.dob() {
                let local = crate::value::Zone::UTC.local(born);
                offer(zone.next_anniversary(local.month, local.day, view.now));
                // Someone born on 29 February turns a year older on 1 March of other years.
                offer(zone.next_anniversary(3, 1, view.now));
            }
        }
        Subject::Date | Subject::Hour | Subject::Weekday => offer(view.now.plus(1)),
        Subject::Events(subject) => subject.offer_changes(test, view, offer),
        Subject::Device(_) | Subject::Devices => view.profile.device_expiries().for_each(&mut *offer),
        Subject::Recency => {
            if let Some(last) = view.state.metrics.lifetime.last_visit {
                // The days are whole: the answer turns at a bound, or the day after it.
                let cuts = computed.map_or(&[][..], |computed| &computed.spec.cuts).iter().copied();
                for days in test
                    .bounds()
                    .chain(cuts)
                    .filter_map(|bound| bound.round(0, Rounding::Floor)?.to_integer())
                {
                    offer(last.plus(days.saturating_mul(DAY)));
                    offer(last.plus(days.saturating_add(1).saturating_mul(DAY)));
                }
            }
        }
        Subject::Audiences => {
            for rule in test.audiences().filter_map(|id| view.program.audience_by_id(id)?.spec.rule()) {
                rule.node().visit(&mut |test| offer_changes(test, view, offer));
            }
        }
        _ => {}
    }
    match (test.operator, &test.operand) {
        (Operator::WithinLast | Operator::MoreThanAgo, Operand::Span(span)) => {
            each_value(&test.subject, view, |value| {
                if let Some(from) = as_instant(&value, zone) {
                    offer(from);
                    offer(span.after(from, zone));
                }
                ControlFlow::Continue(())
            });
        }
        (Operator::Equals, Operand::Today) => each_value(&test.subject, view, |value| {
            if let Some((month, day)) = month_day(&value, view) {
                offer(zone.next_anniversary(month, day, view.now));
                if zone.is_anniversary(month, day, view.now) {
                    offer(zone.start_of_next_day(view.now));
                }
            }
            ControlFlow::Continue(())
        }),
        _ => {}
    }
}
