//! Score streaks: an event in each of so many periods in a row earns.
//!
//! - K4: a period counts for a customer as long as an event in it does for which a rule holds. Which periods count is kept
//!   as quotas of the customer, so waiting, cancelled and reversed events hold them and give them back like any other.
//! - K5: the event that completes a streak takes its periods: they count for no other one. What was taken back of a
//!   completed streak is owed: the next one is so much longer. Otherwise buying in every period, and returning all but
//!   the last purchase, would pay.
//! - K6: a complete streak for which nothing can be given waits for the next qualifying event.
//! - K7: periods go by when the event happened, in the account's zone.

use crate::campaigns::{Given, effects, wanted};
use crate::explain::{CampaignTrace, Skip, SkipReason};
use crate::fact::{Award, EventHead};
use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, Definition, Program, StreakSpec};
use crate::quota::{Counts, OwnQuotas, Owner, Period, Quota, QuotaEntry, Scope, Taking};
use crate::rule::View;
use crate::state::State;
use crate::value::{Decimal, Json, Timestamp, Zone, object};

/// Where a customer stands in the streak at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Periods in a row that count.
    reached: i32,
    /// How many are needed: the length, and what is owed.
    needed: i32,
    /// The last of them.
    last: i32,
    /// The period with which it is complete.
    full: Option<i32>,
}

/// How many events of a period count for a streak, or how many periods the streak has that ended with it.
const fn quota(campaign: u32, counts: Counts, unit: crate::quota::PeriodUnit, number: i32) -> Quota {
    let period = Some(Period { unit, number });
    Quota { owner: Owner::Campaign(campaign), scope: Scope::Customer, counts, period }
}

/// The streak that a period belongs to; `None` when it belongs to a completed one. `with` counts whether or not anything
/// is booked in it.
fn run(own: &OwnQuotas, campaign: u32, streak: &StreakSpec, with: Option<i32>) -> Option<Run> {
    let mut periods: BTreeSet<i32> = with.into_iter().collect();
    let mut completed: BTreeMap<i32, Decimal> = BTreeMap::new();
    for (quota, sums) in own.iter().filter(|(quota, _)| quota.owner == Owner::Campaign(campaign)) {
        match (quota.counts, quota.period) {
            (Counts::Periods, Some(period)) if sums.used.is_positive() => {
                periods.insert(period.number);
            }
            // What a waiting event is to complete is taken already.
            (Counts::Streaks, Some(period)) if sums.taken().is_positive() => {
                completed.insert(period.number, sums.taken());
            }
            _ => {}
        }
    }
    let mut ends = completed.iter().rev();
    let (last_end, before) = (ends.next(), ends.next());
    let owed = last_end.map_or(0, |(end, length)| {
        let from = before.map_or(i32::MIN, |(before, _)| before.saturating_add(1));
        let there = i32::try_from(periods.range(from..=*end).count()).unwrap_or(i32::MAX);
        length.to_integer().and_then(|length| i32::try_from(length).ok()).unwrap_or(0).saturating_sub(there)
    });
    let open: Vec<i32> = match last_end {
        Some((end, _)) => periods.range(end.saturating_add(1)..).copied().collect(),
        None => periods.into_iter().collect(),
    };
    let is_of = |run: &&[i32]| with.is_none_or(|with| run.contains(&with));
    let found = open.chunk_by(|one, next| streak.goes_on(*one, *next)).rfind(is_of)?;
    let needed = streak.length.saturating_add(owed.max(0));
    let place = usize::try_from(needed.saturating_sub(1)).unwrap_or(usize::MAX);
    Some(Run {
        reached: i32::try_from(found.len()).unwrap_or(i32::MAX),
        needed,
        last: found.last().copied()?,
        full: found.get(place).copied(),
    })
}

/// Counts the period of an event, and gives what a complete streak earns.
pub(crate) fn count(
    campaign: &Definition<CampaignSpec>,
    streak: &StreakSpec,
    view: &View<'_>,
    given: &mut Given,
    taking: &mut Taking<'_>,
    trace: &mut CampaignTrace,
) {
    let Some((number, rule)) = qualifying(campaign, view, trace) else { return };
    let place = streak.unit.number(view.program.settings().time_zone, view.now);
    let counted = (quota(campaign.number, Counts::Periods, streak.unit, place), Decimal::ONE);
    let run = run(&view.state.quotas, campaign.number, streak, Some(place));
    let complete = run.and_then(|run| Some((run.full?, run.needed)));
    let refused = match (complete, run) {
        (Some((end, needed)), _) => {
            let earned = effects(campaign.number, number, rule, view).and_then(|awards| {
                let mut wanted =
                    wanted(campaign, &awards, (Decimal::ONE, Decimal::ZERO), taking, view.program);
                let ends = quota(campaign.number, Counts::Streaks, streak.unit, end);
                wanted.extend([counted, (ends, Decimal::whole(needed))]);
                taking.take(&wanted).map_err(SkipReason::UsedUp).map(|()| awards)
            });
            match earned {
                Ok(awards) => {
                    given.awards.extend(awards);
                    return;
                }
                Err(reason) => Some(reason),
            }
        }
        (None, Some(run)) => Some(SkipReason::StreakGoesOn { reached: run.reached, needed: run.needed }),
        // A late event of a streak that was completed without it.
        (None, None) => None,
    };
    trace.skipped.extend(refused.map(|reason| Skip { rule: Some(number), reason }));
    let taken = taking.take(&[counted]);
    debug_assert!(taken.is_ok(), "nothing bounds how many events count");
}

/// The first rule that holds: it says what a complete streak earns.
fn qualifying<'c>(
    campaign: &'c Definition<CampaignSpec>,
    view: &View<'_>,
    trace: &mut CampaignTrace,
) -> Option<(u16, &'c CampaignRule)> {
    for (index, rule) in campaign.spec.rules.iter().enumerate() {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        match rule.conditions.failure(view) {
            Some(failure) => {
                trace.skipped.push(Skip { rule: Some(number), reason: SkipReason::Condition(failure) });
            }
            None => {
                trace.matched.push(number);
                return Some((number, rule));
            }
        }
    }
    None
}

/// What an expired event has to take anew of the streaks it counted for: its periods, and the ends of those whose reward
/// is still given.
pub(crate) fn anew(held: &[QuotaEntry], awards: &[Award]) -> Vec<(Quota, Decimal)> {
    let is_given = |quota: &Quota| match quota.owner {
        Owner::Campaign(campaign) => awards.iter().any(|award| award.campaign == campaign),
        Owner::Reward(_) | Owner::Coupon(_) => false,
    };
    let held = held.iter().filter(|entry| match entry.quota.counts {
        Counts::Periods => true,
        Counts::Streaks => is_given(&entry.quota),
        _ => false,
    });
    held.map(|entry| (entry.quota, entry.amount)).collect()
}

/// Whether the streak that an expired event was to complete was completed by another one meanwhile, or is no longer full.
pub(crate) fn is_gone(program: &Program, state: &State, head: &EventHead, campaign: u32) -> bool {
    let Some(campaign) = program.campaign(campaign) else { return false };
    let Some(streak) = &campaign.spec.streak else { return false };
    let place = streak.unit.number(program.settings().time_zone, head.issued_at);
    run(&state.quotas, campaign.number, streak, Some(place)).is_none_or(|run| run.full.is_none())
}

/// The streaks of a customer, one a campaign that the customer is in the middle of.
pub(crate) fn to_json(program: &Program, state: &State, now: Timestamp) -> Vec<Json> {
    let owners = state.quotas.iter().filter_map(|(quota, _)| match (quota.owner, quota.counts) {
        (Owner::Campaign(campaign), Counts::Periods) => Some(campaign),
        _ => None,
    });
    let campaigns: BTreeSet<u32> = owners.collect();
    let zone = program.settings().time_zone;
    let streaks = campaigns.into_iter().filter_map(|number| {
        let campaign = program.campaign(number)?;
        let streak = campaign.spec.streak.as_ref()?;
        let run = run(&state.quotas, number, streak, None)?;
        streak.goes_on(run.last, streak.unit.number(zone, now)).then(|| shown(campaign, streak, run, zone))
    });
    streaks.collect()
}

fn shown(campaign: &Definition<CampaignSpec>, streak: &StreakSpec, run: Run, zone: Zone) -> Json {
    let until = run.last.saturating_add(streak.grace).saturating_add(2);
    object()
        .with("campaign_id", campaign.id.as_str())
        .with("name", campaign.spec.name.as_str())
        .with("periods", run.reached)
        .with("of", run.needed)
        .with("period", streak.unit.name())
        .with("continues_until", streak.unit.start(zone, until))
        .build()
}
