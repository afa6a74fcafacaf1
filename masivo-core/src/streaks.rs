//! Score streaks: an event in each of so many periods in a row earns.
//!
//! - K4: a period counts for a customer as long as an event in it does, or waits, for which a rule holds. Which periods count is kept
//!   as quotas of the customer, so waiting, cancelled and reversed events hold them and give them back like any other.
//! - K5: the event that completes a streak takes its periods: they count for no other one. What was taken back of a
//!   completed streak is owed: the next one is so much longer. Otherwise buying in every period, and returning all but
//!   the last purchase, would pay.
//! - K6: a complete streak for which nothing can be given waits for the next qualifying event.
//! - K7: periods go by when the event happened, in the account's zone.

use crate::campaigns::{Given, effects, wanted};
use crate::explain::{CampaignTrace, Skip, SkipReason};
use crate::fact::{Award, EventHead};
use crate::limits::STREAK_PERIODS_KEPT;
use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, CampaignStatus, Definition, Program, StreakSpec};
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
    /// The last of them; `None` when none counts.
    last: Option<i32>,
    /// The period with which a streak is complete, and how many it spans, those left out included.
    full: Option<(i32, i32)>,
}

/// How many events of a period count for a streak, or how many periods the streak spans that ended with it.
const fn quota(campaign: u32, counts: Counts, unit: crate::quota::PeriodUnit, number: i32) -> Quota {
    let period = Some(Period { unit, number });
    Quota { owner: Owner::Campaign(campaign), scope: Scope::Customer, counts, period }
}

/// Where a customer stands in the streaks of a campaign: in a complete one that waits (K6), else in the one of the period
/// `with`, which counts whether or not anything is booked in it, else in the latest.
fn run(own: &OwnQuotas, campaign: u32, streak: &StreakSpec, with: Option<i32>) -> Run {
    let mut periods: BTreeSet<i32> = with.into_iter().collect();
    let mut completed: BTreeMap<i32, i32> = BTreeMap::new();
    for (quota, sums) in own.iter().filter(|(quota, _)| quota.owner == Owner::Campaign(campaign)) {
        // What waits counts: should it be cancelled, it is owed.
        let Some(period) = quota.period.filter(|_| sums.taken().is_positive()) else { continue };
        match quota.counts {
            Counts::Periods => drop(periods.insert(period.number)),
            Counts::Streaks => {
                let span = sums.taken().to_integer().and_then(|span| i32::try_from(span).ok());
                completed.insert(period.number, span.unwrap_or(streak.length));
            }
            _ => {}
        }
    }
    let needed = streak.length.saturating_add(owed(streak, &periods, &completed));
    let open: Vec<i32> = match completed.last_key_value() {
        Some((end, _)) => periods.range(end.saturating_add(1)..).copied().collect(),
        None => periods.into_iter().collect(),
    };
    let place = usize::try_from(needed.saturating_sub(1)).unwrap_or(usize::MAX);
    let runs = || open.chunk_by(|one, next| streak.goes_on(*one, *next));
    let complete = runs().find(|run| run.len() > place);
    let at_hand = || runs().rfind(|run| with.is_none_or(|with| run.contains(&with)));
    let found = complete.or_else(at_hand).unwrap_or_default();
    Run {
        reached: i32::try_from(found.len()).unwrap_or(i32::MAX),
        needed,
        last: found.last().copied(),
        full: found.first().zip(found.get(place)).map(|(first, end)| (*end, end.saturating_sub(*first) + 1)),
    }
}

/// How many periods of completed streaks do not count any more and were not made good (K5). A streak that may have begun
/// before what is known of periods owes nothing.
fn owed(streak: &StreakSpec, periods: &BTreeSet<i32>, completed: &BTreeMap<i32, i32>) -> i32 {
    let known_from = periods.last().map_or(i32::MIN, |last| last.saturating_sub(STREAK_PERIODS_KEPT));
    let (mut owed, mut before) = (0_i32, i32::MIN);
    for (end, span) in completed {
        let from = end.saturating_sub(span.saturating_sub(1)).max(before.saturating_add(1));
        before = *end;
        if from >= known_from {
            let there = i32::try_from(periods.range(from..=*end).count()).unwrap_or(i32::MAX);
            // A longer one has made good what was owed before it.
            owed = owed.saturating_add(streak.length).saturating_sub(there);
        }
    }
    owed.max(0)
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
    let refused = match run.full {
        Some((end, span)) => {
            let earned = effects(campaign.number, number, rule, view).and_then(|awards| {
                let mut wanted =
                    wanted(campaign, &awards, (Decimal::ONE, Decimal::ZERO), taking, view.program);
                let ends = quota(campaign.number, Counts::Streaks, streak.unit, end);
                wanted.extend([counted, (ends, Decimal::whole(span))]);
                taking.take(&wanted).map_err(SkipReason::UsedUp).map(|()| awards)
            });
            match earned {
                Ok(awards) => {
                    given.awards.extend(awards);
                    return;
                }
                Err(reason) => reason,
            }
        }
        None => SkipReason::StreakGoesOn { reached: run.reached, needed: run.needed },
    };
    trace.skipped.push(Skip { rule: Some(number), reason: refused });
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
    run(&state.quotas, campaign.number, streak, Some(place)).full.is_none()
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
        let run = run(&state.quotas, number, streak, None);
        let last = run.last?;
        let is_alive = run.full.is_some() || streak.goes_on(last, streak.unit.number(zone, now));
        let runs = campaign.spec.status(now) == CampaignStatus::Running;
        (is_alive && runs).then(|| shown(campaign, streak, run, last, zone))
    });
    streaks.collect()
}

fn shown(campaign: &Definition<CampaignSpec>, streak: &StreakSpec, run: Run, last: i32, zone: Zone) -> Json {
    let until = last.saturating_add(streak.grace).saturating_add(2);
    object()
        .with("campaign_id", campaign.id.as_str())
        .with("name", campaign.spec.name.as_str())
        .with("periods", run.reached)
        .with("of", run.needed)
        .with("period", streak.unit.name())
        // A complete one waits for the next event, whenever it comes.
        .with_some("continues_until", run.full.is_none().then(|| streak.unit.start(zone, until)))
        .build()
}
