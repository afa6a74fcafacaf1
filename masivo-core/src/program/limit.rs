//! Limits of campaigns: the budget, how often they reward, and how often they reward each customer (ADR 5).

use crate::limits::CAMPAIGN_LIMITS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::quota::{Counts, Limit, Most, PeriodUnit, Scope};
use crate::shape::{AMOUNT, ObjectShape, Shape, Unknown, optional, required};
use crate::value::{Decimal, Json, Timestamp};

const LIMIT: ObjectShape = ObjectShape {
    name: "CampaignLimit",
    fields: &[
        required("per", Shape::Choice(&["customer", "campaign"]), "each customer alone, or all together"),
        optional(
            "counts",
            Shape::Choice(&["times", "worth", "stamps"]),
            "events that were rewarded (full cards, where there are cards), what the rewards are worth, or stamps of each \
             customer; times when left out",
        ),
        required("max", AMOUNT, "how much in a period"),
        optional(
            "period",
            Shape::Choice(&["day", "week", "month", "quarter", "year", "lifetime"]),
            "calendar periods in the account's zone, weeks from Monday; lifetime when left out",
        ),
    ],
    unknown: Unknown::Refused,
};
/// The limits of a campaign as they are written.
pub(super) const LIMITS: Shape = Shape::List(&Shape::Object(&LIMIT), CAMPAIGN_LIMITS_MAX);
/// How a budget is divided, as it is written.
pub(super) const DIVIDED: Shape = Shape::Choice(&["daily", "weekly", "monthly"]);

/// Reads the budget and the limits of a campaign that runs from `start` to `end`.
pub(super) fn read(
    json: &Json,
    campaign: &str,
    at: &Pointer<'_>,
    start: Timestamp,
    end: Option<Timestamp>,
    report: &mut Report,
) -> Vec<Limit> {
    let mut limits = read_budget(json, at, start, end, report);
    let limits_at = at.field("limits");
    for (index, item) in json.get("limits").map_or(&[][..], Json::items).iter().enumerate() {
        let item_at = limits_at.index(index);
        let most = item.number("max").unwrap_or(Decimal::ZERO);
        let limit = Limit {
            scope: if item.text("per") == Some("customer") { Scope::Customer } else { Scope::Everyone },
            counts: match item.text("counts") {
                Some("worth") => Counts::Worth,
                Some("stamps") => Counts::Stamps,
                _ => Counts::Times,
            },
            unit: item.text("period").and_then(PeriodUnit::from_name),
            most: Most::Fixed(most),
        };
        if !most.is_positive() {
            let message = format!("the limit is `{most}`");
            report.problem(&item_at.field("max"), "not_in_range", message, "allow more than 0");
        }
        if limit.counts == Counts::Stamps && (campaign != "PUNCH_CARDS" || limit.scope == Scope::Everyone) {
            let message = "stamps are counted for each customer of a campaign of type PUNCH_CARDS";
            let hint = "count times or worth";
            report.problem(&item_at.field("counts"), "not_for_this_type", message, hint);
        }
        let kind = |limit: &Limit| (limit.scope, limit.counts, limit.unit);
        if limits.iter().any(|known| kind(known) == kind(&limit)) {
            let hint = "give one limit for each of customer and campaign, what is counted, and period; the budget \
                        counts worth for the campaign";
            report.problem(&item_at, "duplicate_limit", "there is such a limit already", hint);
        }
        limits.push(limit);
    }
    limits
}

/// The budget: for the whole campaign, divided over its periods, or without end for each period.
fn read_budget(
    json: &Json,
    at: &Pointer<'_>,
    start: Timestamp,
    end: Option<Timestamp>,
    report: &mut Report,
) -> Vec<Limit> {
    let unit = match json.text("divide_budget_in") {
        Some("daily") => Some(PeriodUnit::Day),
        Some("weekly") => Some(PeriodUnit::Week),
        Some("monthly") => Some(PeriodUnit::Month),
        _ => None,
    };
    let Some(budget) = json.number("budget") else {
        if unit.is_some() {
            report.problem(
                &at.field("divide_budget_in"),
                "nothing_to_divide",
                "there is no budget to divide",
                "give `budget`, or leave divide_budget_in out",
            );
        }
        return Vec::new();
    };
    if budget < Decimal::ONE {
        let message = format!("the budget is `{budget}`");
        report.problem(&at.field("budget"), "not_in_range", message, "give at least 1");
    }
    let limit = |unit, most| Limit { scope: Scope::Everyone, counts: Counts::Worth, unit, most };
    match (unit, end) {
        (None, _) => vec![limit(None, Most::Fixed(budget))],
        (Some(_), None) => vec![limit(unit, Most::Fixed(budget))],
        // The whole stays bounded also when the end moves and shares change with it.
        (Some(_), Some(end)) => {
            vec![limit(None, Most::Fixed(budget)), limit(unit, Most::Share { budget, start, end })]
        }
    }
}
