//! Tiers: rising at once, falling only at the turn of a reporting period.
//!
//! - T1: after every event the customer is at least in the highest tier whose entry conditions hold.
//! - T2: at the first instant of a reporting period the customer falls one level when the exit conditions of
//!   their tier hold, judged in the new period; a tier without exit conditions is never left.
//! - T3: a reversal folds again from the last boundary; an event that comes late for a closed period judges
//!   that boundary again.

use crate::consent::Purpose;
use crate::draft::{Caused, Draft, FactId};
use crate::fact::Change;
use crate::program::Program;
use crate::rule::View;
use crate::state::{Standing, State};
use crate::value::{PeriodKind, Timestamp, object};

/// When the customer's tier has to be judged next: at the start of the next reporting period, if it can fall.
pub(crate) fn next_boundary(state: &State, program: &Program) -> Option<Timestamp> {
    let tier = program.tier(state.tier).filter(|tier| tier.spec.can_be_left())?;
    let settings = program.settings();
    let zone = settings.time_zone;
    let judged = zone.period_start(PeriodKind::Month, state.tier_period);
    // Neither exit conditions nor reporting periods reach back before they were written.
    let since = judged.max(tier.spec.exit_since).max(settings.periods_since);
    Some(zone.next_period_start(settings.reporting_period, since))
}

/// The number of the reporting period an instant falls in: the month it begins with, so that numbers compare
/// whatever the length of periods was.
pub(crate) fn reporting_period(program: &Program, at: Timestamp) -> i32 {
    let settings = program.settings();
    let (zone, kind) = (settings.time_zone, settings.reporting_period);
    zone.period(PeriodKind::Month, zone.period_start(kind, zone.period(kind, at)))
}

/// Judges the boundary at which a reporting period begins.
pub(crate) fn judge_boundary(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    let period = reporting_period(draft.program, at);
    let from = draft.state.tier;
    let to = if may_fall(draft) { after_fall(draft, from, &draft.view(at, None)) } else { from };
    draft.record(fact, Change::TierJudged { period, before: from, base: to });
    change(draft, fact, at, to);
}

fn may_fall(draft: &Draft<'_>) -> bool {
    draft.state.standing == Standing::Active && draft.state.permissions.allow(Purpose::BehavioralCampaigns)
}

/// The tier one level below when the exit conditions hold, otherwise the same.
fn after_fall(draft: &Draft<'_>, tier: u32, view: &View<'_>) -> u32 {
    let Some(current) = draft.program.tier(tier) else { return tier };
    let falls = current.spec.exit.as_ref().is_some_and(|exit| exit.holds(view));
    if !falls {
        return tier;
    }
    let below = draft
        .program
        .tiers_by_level()
        .rev()
        .find(|below| below.spec.level < current.spec.level && below.spec.active);
    below.map_or(tier, |below| below.number)
}

/// The highest tier whose entry conditions hold now.
fn highest(draft: &Draft<'_>, at: Timestamp) -> u32 {
    let view = draft.view(at, None);
    let holds = |tier: &&crate::program::Definition<crate::program::TierSpec>| {
        tier.spec.active && (tier.spec.level == 1 || tier.spec.entry.holds(&view))
    };
    draft.program.tiers_by_level().rev().find(holds).map_or(draft.state.tier, |tier| tier.number)
}

fn level(draft: &Draft<'_>, tier: u32) -> u32 {
    draft.program.tier(tier).map_or(0, |tier| tier.spec.level)
}

fn higher(draft: &Draft<'_>, one: u32, other: u32) -> u32 {
    if level(draft, other) > level(draft, one) { other } else { one }
}

/// Brings the judged period up to date for customers whose tier needs no judging at boundaries.
fn catch_up(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    let period = reporting_period(draft.program, at);
    if period > draft.state.tier_period {
        let tier = draft.state.tier;
        draft.record(fact, Change::TierJudged { period, before: tier, base: tier });
    }
}

/// Rises at once after an event; gives whether the tier changed.
pub(crate) fn after_event(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, issued_at: Timestamp) -> bool {
    let to = risen(draft, fact, at, issued_at);
    change(draft, fact, at, to)
}

/// The tier after something that happened at `issued_at`: the one that holds now, or that the last boundary leaves.
fn risen(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, issued_at: Timestamp) -> u32 {
    let settings = draft.program.settings();
    let late = settings.time_zone.period(settings.reporting_period, issued_at)
        < settings.time_zone.period(settings.reporting_period, at);
    if late {
        judge_again(draft, fact, at);
    }
    let to = higher(draft, draft.state.tier, draft.state.tier_base);
    higher(draft, to, highest(draft, at))
}

/// Rises without a word after a customer or past events were brought in, the oldest of `first`; gives whether the tier
/// changed.
pub(crate) fn after_migration(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, first: Timestamp) -> bool {
    let from = draft.state.tier;
    let to = risen(draft, fact, at, first);
    if to != from {
        catch_up(draft, fact, at);
        draft.record(fact, Change::TierChanged { from, to });
    }
    to != from
}

/// Whether the customer's tier may rest on an event that is about to be reversed: the event raised it, or the
/// entry conditions hold as long as the event counts. A tier reached through something that has passed since
/// (a month's spend, a tag) does not rest on an event that had no part in it.
pub(crate) fn may_rest_on(draft: &Draft<'_>, at: Timestamp, raised: &[u32]) -> bool {
    let tier = draft.state.tier;
    raised.contains(&tier) || level(draft, highest(draft, at)) >= level(draft, tier)
}

/// Folds again after a reversal; gives whether the tier changed. `rested` is what [`may_rest_on`] said before.
pub(crate) fn after_reversal(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    issued_at: Timestamp,
    rested: bool,
) -> bool {
    let settings = draft.program.settings();
    let closed = settings.time_zone.period(settings.reporting_period, issued_at)
        < settings.time_zone.period(settings.reporting_period, at);
    catch_up(draft, fact, at);
    if closed {
        judge_again(draft, fact, at);
    }
    let to = higher(draft, draft.state.tier_base, highest(draft, at));
    let to = if rested || closed { to } else { higher(draft, to, draft.state.tier) };
    change(draft, fact, at, to)
}

/// T3: judges the last boundary again, with what the closed period looks like by now.
fn judge_again(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    catch_up(draft, fact, at);
    let settings = draft.program.settings();
    let (zone, kind) = (settings.time_zone, settings.reporting_period);
    let mut then = draft.state.clone();
    then.metrics = then.metrics.at_period_start(kind, zone, at);
    let boundary = zone.period_start(kind, zone.period(kind, at));
    let view = draft.view(boundary, None).with_state(&then);
    let before = draft.state.tier_before;
    let base = if may_fall(draft) { after_fall(draft, before, &view) } else { before };
    if base != draft.state.tier_base {
        let period = draft.state.tier_period;
        draft.record(fact, Change::TierJudged { period, before, base });
    }
}

fn change(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, to: u32) -> bool {
    let from = draft.state.tier;
    if to == from {
        return false;
    }
    catch_up(draft, fact, at);
    draft.record(fact, Change::TierChanged { from, to });
    let rises = level(draft, to) > level(draft, from);
    let id = |draft: &Draft<'_>, tier: u32| {
        draft.program.tier(tier).map(|tier| tier.id.clone()).unwrap_or_default()
    };
    let data = object()
        .with("previous_tier_id", id(draft, from))
        .with("tier_id", id(draft, to))
        .with("direction", if rises { "upgrade" } else { "downgrade" })
        .build();
    let mut told = object().with("customer_id", draft.profile.id()).build();
    told.merge(&data);
    draft.tell(if rises { "TIER_UPGRADE" } else { "TIER_DOWNGRADE" }, at, |_| told);
    draft.caused.push(Caused { cause: fact, event_type: "TIER_ADJUSTMENT", at, data });
    true
}
