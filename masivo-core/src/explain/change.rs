//! The smallest change that would have made a rule reward: "spend 3.20 more", "2 days too late".

use super::{Skip, SkipReason};
use crate::prelude::*;
use crate::program::{CampaignSpec, CampaignStatus, Definition, Program};
use crate::quota::{Period, Quota, UsedUp};
use crate::referrals::NotReferred;
use crate::rule::{Failure, Span, Truth};
use crate::value::{DAY, Decimal, HOUR, Json, MINUTE, SECOND, Timestamp, Zone};

/// What would have to be different for what was skipped to reward an event of that instant; `None` when no single
/// change can be named.
pub(super) fn smallest(
    program: &Program,
    campaign: &Definition<CampaignSpec>,
    skip: &Skip,
    at: Timestamp,
) -> Option<String> {
    let spec = &campaign.spec;
    let rule = skip.rule.and_then(|rule| spec.rules.get(usize::from(rule)));
    match &skip.reason {
        SkipReason::NotRunning(CampaignStatus::Scheduled) => Some(format!("wait until {}", spec.start)),
        SkipReason::NotRunning(CampaignStatus::Finished) => {
            Some(format!("{} too late", length(at.since(spec.end?))))
        }
        SkipReason::NotRunning(_) => Some("switch the campaign on".into()),
        SkipReason::OtherBrand => Some(format!("buy at brand {}", spec.brand.as_deref()?)),
        SkipReason::OtherPlatform => Some(format!("come by {}", spec.platforms.join(" or "))),
        SkipReason::Condition(failure) => {
            let conditions = &rule?.conditions;
            let (condition, _) = conditions.condition(failure.condition).filter(|(_, inverted)| !inverted)?;
            let change = of_condition(condition, failure, program.settings().time_zone, at)?;
            // The other conditions of its branch have to hold too.
            let alone = conditions.branch_length(failure.condition) == 1;
            Some(if alone { change } else { format!("at least {change}") })
        }
        SkipReason::TierWithoutEffect => {
            let tiers = rule?.effects.iter().filter_map(|effect| program.tier(effect.tier?));
            let names: BTreeSet<&str> = tiers.map(|tier| tier.spec.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            Some(format!("be in tier {}", names.join(" or ")))
        }
        SkipReason::ValueMissing => {
            let pers = rule?.effects.iter().filter_map(|effect| effect.per.as_ref());
            let subjects: BTreeSet<String> = pers.map(|per| per.subject.name()).collect();
            let subjects: Vec<String> = subjects.into_iter().collect();
            Some(format!("send {}", subjects.join(" or ")))
        }
        SkipReason::UsedUp(used_up) => of_quota(used_up, program, spec),
        SkipReason::Consent(purpose) => Some(format!("allow {}", purpose.name())),
        SkipReason::StreakGoesOn { reached, needed } => {
            let unit = spec.streak?.unit.name();
            let more = needed.saturating_sub(*reached);
            let plural = if more == 1 { "" } else { "s" };
            Some(format!("go on for {more} more {unit}{plural}"))
        }
        SkipReason::NotReferred(NotReferred::NoCode) => Some("come with the code of another customer".into()),
        SkipReason::NotReferred(_) | SkipReason::NothingEarned | SkipReason::OutOfRange => None,
    }
}

/// A limit of a period is free again with the next one, when the campaign still runs then and it is enough; one for good
/// is not.
fn of_quota(used_up: &UsedUp, program: &Program, spec: &CampaignSpec) -> Option<String> {
    let Period { unit, number } = used_up.quota.period?;
    let next = Period { unit, number: number.saturating_add(1) };
    let start = unit.start(program.settings().time_zone, next.number);
    let most = Quota { period: Some(next), ..used_up.quota }.most(program)?;
    let helps = spec.end.is_none_or(|end| start < end) && used_up.wanted <= most;
    // Another limit may stand in the way then.
    let at_least = if spec.limits.len() > 1 { "at least " } else { "" };
    helps.then(|| format!("{at_least}wait until {start}"))
}

fn of_condition(condition: &Json, failure: &Failure, zone: Zone, at: Timestamp) -> Option<String> {
    let (subject, operator) = (condition.text("type")?, condition.text("operator")?);
    let value = condition.get("value");
    if failure.truth == Truth::Unknown {
        // A value of another type is there and says nothing.
        if !failure.seen.is_null() {
            return None;
        }
        return Some(format!("give {subject} a value"));
    }
    if let (Some(value), Some(seen)) = (value, failure.seen.as_number()) {
        // Nobody makes it an hour later.
        if subject.starts_with("time.") {
            return None;
        }
        return of_number(subject, operator, value, seen);
    }
    if let Some(seen) = failure.seen.as_text().and_then(Timestamp::parse) {
        return of_instant(operator, value?, seen, zone, at);
    }
    let wanted = value.map(ToString::to_string).unwrap_or_default();
    Some(match operator {
        "equals" | "in" => {
            format!("have {subject} {} {wanted}", if operator == "in" { "among" } else { "be" })
        }
        "not_equals" | "not_in" => format!("have another {subject}"),
        "exists" => format!("give {subject} a value"),
        "not_exists" => format!("leave {subject} out"),
        _ => return None,
    })
}

/// How much a number lacks, or has too much.
fn of_number(subject: &str, operator: &str, value: &Json, seen: Decimal) -> Option<String> {
    let bound = value.as_number();
    let lacks = |bound: Decimal| bound.saturating_sub(seen);
    let (more, strictly, by) = match operator {
        "greater_than_or_equal" => (true, false, lacks(bound?)),
        "greater_than" => (true, true, lacks(bound?)),
        "less_than_or_equal" => (false, false, -lacks(bound?)),
        "less_than" => (false, true, -lacks(bound?)),
        "between" => {
            let bound = |place: usize| value.items().get(place).and_then(Json::as_number);
            let (least, most) = (bound(0)?, bound(1)?);
            if seen < least { (true, false, lacks(least)) } else { (false, false, -lacks(most)) }
        }
        "equals" => {
            let by = lacks(bound?);
            (by.is_positive(), false, if by.is_positive() { by } else { -by })
        }
        _ => return None,
    };
    // Purchases are counted in whole numbers.
    let (strictly, by) = match strictly && subject.ends_with(".number_of_purchases") {
        true => (false, by.saturating_add(Decimal::ONE)),
        false => (strictly, by),
    };
    let strictly = if strictly { "more than " } else { "" };
    let direction = if more { "more" } else { "less" };
    let is = |names: &[&str]| names.iter().any(|name| subject == *name || subject.ends_with(name));
    // What was bought stays bought.
    let counted = is(&[".spend_total", ".number_of_purchases"]);
    (more || !counted).then(|| {
        if is(&["order.value", "order.discounted_value"]) {
            format!("spend {strictly}{by} {direction}")
        } else if is(&[".spend_total"]) {
            format!("{strictly}{by} {direction} of {subject}")
        } else if is(&[".number_of_purchases"]) {
            format!("buy {strictly}{by} times {direction}")
        } else {
            format!("{subject} {strictly}{by} {direction}")
        }
    })
}

/// By how long a date misses.
fn of_instant(operator: &str, value: &Json, seen: Timestamp, zone: Zone, at: Timestamp) -> Option<String> {
    let text = value.as_text()?;
    let bound = || zone.parse_date_or_time(text);
    let (early, by) = match operator {
        "within_last" => (false, at.since(Span::parse(text)?.after(seen, zone))),
        "more_than_ago" => (true, Span::parse(text)?.after(seen, zone).since(at)),
        "greater_than" | "greater_than_or_equal" => (true, bound()?.since(seen)),
        "less_than" | "less_than_or_equal" => (false, seen.since(bound()?)),
        _ => return None,
    };
    (by >= 0).then(|| format!("{} too {}", length(by), if early { "early" } else { "late" }))
}

/// A length of time in its largest whole unit, rounded up: what is said to be enough is enough.
fn length(milliseconds: i64) -> String {
    let milliseconds = milliseconds.max(1);
    let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"), (1, "millisecond")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| milliseconds >= *unit).unwrap_or((1, "millisecond"));
    let count = milliseconds.saturating_add(unit - 1).div_euclid(unit);
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: &str, seen: &str, expected: Option<&str>) {
        let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let seen = json(seen);
        let truth = if seen.is_null() { Truth::Unknown } else { Truth::False };
        let failure = Failure { condition: 0, truth, seen };
        let at = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let found = of_condition(&json(condition), &failure, Zone::UTC, at);
        assert_eq!(found.as_deref(), expected, "{condition}");
    }

    #[test]
    fn numbers_say_how_much_is_lacking() {
        let order = |operator: &str, value: &str| {
            format!(r#"{{"type": "order.value", "operator": "{operator}", "value": {value}}}"#)
        };
        check(&order("greater_than_or_equal", "30"), "26.8", Some("spend 3.2 more"));
        check(&order("greater_than", "30"), "30", Some("spend more than 0 more"));
        check(&order("less_than_or_equal", "30"), "31", Some("spend 1 less"));
        check(&order("less_than", "30"), "31", Some("spend more than 1 less"));
        check(&order("between", "[10, 20]"), "9.99", Some("spend 0.01 more"));
        check(&order("between", "[10, 20]"), "25", Some("spend 5 less"));
        check(&order("equals", "30"), "31", Some("spend 1 less"));
        check(&order("not_equals", "30"), "30", None);
        let metric = |name: &str| {
            format!(
                r#"{{"type": "customer.metrics.this_year.{name}", "operator": "greater_than_or_equal", "value": 5}}"#
            )
        };
        check(&metric("number_of_purchases"), "3", Some("buy 2 times more"));
        check(&metric("number_of_purchases").replace("greater", "less"), "6", None);
        check(&metric("spend_total"), "3.5", Some("1.5 more of customer.metrics.this_year.spend_total"));
        check(r#"{"type": "time.hour", "operator": "less_than", "value": 9}"#, "10", None);
    }

    #[test]
    fn dates_say_by_how_long_they_miss_and_others_what_they_should_be() {
        let visit = |operator: &str, value: &str| {
            format!(
                r#"{{"type": "customer.metrics.lifetime.last_visit", "operator": "{operator}", "value": "{value}"}}"#
            )
        };
        let seen = r#""2026-10-21T10:00:00.000Z""#;
        check(&visit("within_last", "30/days"), seen, Some("2 days too late"));
        check(&visit("within_last", "32/days"), seen, Some("1 millisecond too late"));
        check(&visit("more_than_ago", "33/days"), seen, Some("1 day too early"));
        check(&visit("greater_than", "2026-10-21T12:30:00Z"), seen, Some("3 hours too early"));
        check(&visit("less_than", "2026-10-01"), seen, Some("21 days too late"));
        check(
            r#"{"type": "customer.country", "operator": "in", "value": ["EC"]}"#,
            r#""CO""#,
            Some(r#"have customer.country among ["EC"]"#),
        );
        check(
            r#"{"type": "event.platform", "operator": "equals", "value": "app"}"#,
            r#""web""#,
            Some(r#"have event.platform be "app""#),
        );
        check(
            r#"{"type": "customer.tags.vip", "operator": "exists"}"#,
            "null",
            Some("give customer.tags.vip a value"),
        );
    }
}
