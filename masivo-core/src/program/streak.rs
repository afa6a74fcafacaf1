//! Campaigns of score streaks: how many periods in a row earn, and how many may be left out.

use crate::limits::{STREAK_GRACE_MAX, STREAK_PERIODS_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::quota::PeriodUnit;
use crate::shape::{Field, Shape, optional};
use crate::value::Json;

/// The streaks of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreakSpec {
    /// How many periods in a row make a streak.
    pub length: i32,
    /// What a period is: a local day, week or month.
    pub unit: PeriodUnit,
    /// How many periods in a row may pass without a qualifying event.
    pub grace: i32,
}

impl StreakSpec {
    /// Whether a period goes on with a streak that was last heard of in an earlier one.
    pub(crate) const fn goes_on(&self, last: i32, next: i32) -> bool {
        next.saturating_sub(last) <= self.grace.saturating_add(1)
    }
}

/// How many periods make a streak, as `attributes` says it.
pub(super) const LENGTH: Field = optional(
    "streak_length",
    Shape::Integer(2, STREAK_PERIODS_MAX),
    "SCORE_STREAKS: how many periods in a row earn",
);
/// What a period is, as `attributes` says it.
pub(super) const PERIOD: Field = optional(
    "streak_period",
    Shape::Choice(&["day", "week", "month"]),
    "SCORE_STREAKS: what a period is, in the account's zone, weeks from Monday; week when left out",
);
/// How many periods may be left out, as `attributes` says it.
pub(super) const GRACE: Field = optional(
    "streak_grace",
    Shape::Integer(0, STREAK_GRACE_MAX),
    "SCORE_STREAKS: how many periods in a row may pass without a qualifying event; 0 when left out",
);

/// Writes defaults out, so that leaving one out later changes nothing.
pub(super) fn normalise(attributes: &mut Json) {
    if attributes.get("streak_period").is_none() {
        attributes.set("streak_period", "week");
    }
    if attributes.get("streak_grace").is_none() {
        attributes.set("streak_grace", 0_u32);
    }
}

/// Reads the streaks of a campaign; fields that only score streaks have are refused elsewhere.
pub(super) fn read(
    json: &Json,
    is_streak: bool,
    at: &Pointer<'_>,
    report: &mut Report,
) -> Option<StreakSpec> {
    let at = at.field("attributes");
    let attribute = |name: &str| json.get("attributes").and_then(|attributes| attributes.get(name));
    if !is_streak {
        for name in ["streak_length", "streak_period", "streak_grace"] {
            if attribute(name).is_some() {
                let message = format!("`{name}` is for campaigns of type SCORE_STREAKS");
                report.problem(&at.field(name), "not_for_this_type", message, "leave it out");
            }
        }
        return None;
    }
    let number = |name: &str| {
        let number = json.get("attributes").and_then(|attributes| attributes.integer(name));
        number.and_then(|number| i32::try_from(number).ok())
    };
    let (length, grace) = (number("streak_length"), number("streak_grace").unwrap_or(0));
    if length.is_none() {
        let hint = "say how many periods in a row earn";
        report.problem(&at.field("streak_length"), "missing", "a streak needs its length", hint);
    }
    let length = length.unwrap_or(2);
    let span = length.saturating_add(length.saturating_sub(1).saturating_mul(grace));
    if i64::from(span) > STREAK_PERIODS_MAX {
        let message = format!("with its grace the streak may last {span} periods");
        let hint = "make it shorter, or count in longer periods: at most 60";
        report.problem(&at.field("streak_length"), "streak_too_long", message, hint);
    }
    let unit = attribute("streak_period").and_then(Json::as_text).and_then(PeriodUnit::from_name);
    Some(StreakSpec { length, unit: unit.unwrap_or(PeriodUnit::Week), grace })
}
