//! Campaigns: which rules of which campaigns reward an event, and why the others do not.
//!
//! - K1: each rule gives its own reward; a rule that fails or misses a value is skipped with its reason and
//!   never stops another.
//! - K3: a rule takes what it gives from the campaign's limits and the stock of its rewards, all or nothing; the first
//!   rule of a campaign that gives something counts as one time.
//! - K2: campaign dates, metrics periods and `time.*` go by when the event happened; tier and consent by now.

use crate::consent::Purpose;
use crate::coupons::COUPON_REDEMPTION;
use crate::draft::Draft;
use crate::explain::{CampaignTrace, Explanation, Skip, SkipReason};
use crate::fact::{Award, EventHead};
use crate::limits::EXPLAINED_CAMPAIGNS_MAX;
use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, CampaignStatus, Definition, EffectSpec, Per, Program};
use crate::quota::{Counts, Owner, Quota, Scope, Taken, Taking, UsedUp, worth};
use crate::rule::View;
use crate::state::Standing;
use crate::value::{Decimal, Json, Timestamp};

/// What all campaigns together give for an event.
pub(crate) struct Awarded {
    pub(crate) awards: Vec<Award>,
    pub(crate) explanation: Explanation,
    pub(crate) taken: Taken,
}

/// Asks the campaigns with the event's trigger: the first ones, to say why they do not reward, and of the others
/// those that may. What is taken from quotas is taken at `at`.
pub(crate) fn award(draft: &Draft<'_>, head: &EventHead, payload: &Json, at: Timestamp) -> Awarded {
    let view = draft.view(head.issued_at, Some(payload));
    let mut taking = draft.taking(at);
    let mut awards = Vec::new();
    let mut explanation = Explanation::default();
    let Some(candidates) = draft.program.candidates(&head.event_type) else {
        return Awarded { awards, explanation, taken: Taken::default() };
    };
    let (explained, rest) = candidates.all().split_at(candidates.all().len().min(EXPLAINED_CAMPAIGNS_MAX));
    let mut ask = |number: u32| {
        let campaign = draft.program.campaign(number)?;
        Some(judge(campaign, head, payload, &view, &mut awards, &mut taking))
    };
    explanation.campaigns = explained.iter().filter_map(|number| ask(*number)).collect();
    if let Some(last) = explained.last().filter(|_| !rest.is_empty()) {
        // Of the others only those that reward are shown, so only those that may are asked (P5).
        let asked = candidates.asked(&view, *last).into_iter().filter_map(ask);
        explanation.campaigns.extend(asked.filter(|trace| !trace.matched.is_empty()));
    }
    let hidden = candidates.all().len().saturating_sub(explanation.campaigns.len());
    explanation.not_shown = u32::try_from(hidden).unwrap_or(u32::MAX);
    Awarded { awards, explanation, taken: taking.finish() }
}

/// Takes anew what the frozen awards of an expired event need, by the limits as they are defined now.
pub(crate) fn take_anew(draft: &Draft<'_>, awards: &[Award], at: Timestamp) -> (Result<(), UsedUp>, Taken) {
    let mut taking = draft.taking(at);
    let mut rewarded: BTreeSet<u32> = BTreeSet::new();
    let same_rule = |one: &Award, other: &Award| (one.campaign, one.rule) == (other.campaign, other.rule);
    for given in awards.chunk_by(same_rule) {
        let campaign = given.first().and_then(|award| draft.program.campaign(award.campaign));
        let Some(campaign) = campaign else { continue };
        let first = rewarded.insert(campaign.number);
        if let Err(used_up) = taking.take(&wanted(campaign, given, first, &taking, draft.program)) {
            return (Err(used_up), taking.finish());
        }
    }
    (Ok(()), taking.finish())
}

/// Whether a customer can take part in a campaign now, as far as that can be said without an event: it runs, the
/// customer's consent and tier allow it, the customer's own limits are not reached, and no condition on the customer
/// stands in the way.
pub fn is_open_to(campaign: &Definition<CampaignSpec>, view: &View<'_>) -> bool {
    let spec = &campaign.spec;
    let purpose = match spec.coupons {
        Some(_) => Purpose::CouponCampaigns,
        None => Purpose::BehavioralCampaigns,
    };
    let zone = view.program.settings().time_zone;
    let owner = Owner::Campaign(campaign.number);
    let is_used_up = spec.limits.iter().filter(|limit| limit.scope == Scope::Customer).any(|limit| {
        let quota = limit.quota(owner, zone, view.now);
        view.state.quotas.sums(&quota).taken() >= limit.most(zone, quota.period)
    });
    let rewards = |rule: &CampaignRule| {
        let tier = |effect: &EffectSpec| effect.tier.is_none_or(|tier| tier == view.state.tier);
        rule.conditions.may_hold(view) && rule.effects.iter().any(tier)
    };
    spec.status(view.now) == CampaignStatus::Running
        && view.state.standing == Standing::Active
        && view.state.permissions.allow(purpose)
        && !is_used_up
        && spec.rules.iter().any(rewards)
}

/// Asks the campaign of a coupon alone, and takes one use of the code with the first rule that gives something.
pub(crate) fn award_coupon(
    draft: &Draft<'_>,
    campaign: &Definition<CampaignSpec>,
    coupon: u64,
    head: &EventHead,
    payload: &Json,
) -> Awarded {
    let view = draft.view(head.issued_at, Some(payload));
    let mut taking = draft.taking(head.issued_at).of_coupon(coupon);
    let mut awards = Vec::new();
    let trace = judge(campaign, head, payload, &view, &mut awards, &mut taking);
    let explanation = Explanation { campaigns: vec![trace], not_shown: 0 };
    Awarded { awards, explanation, taken: taking.finish() }
}

fn judge(
    campaign: &Definition<CampaignSpec>,
    head: &EventHead,
    payload: &Json,
    view: &View<'_>,
    awards: &mut Vec<Award>,
    taking: &mut Taking<'_>,
) -> CampaignTrace {
    let mut trace = CampaignTrace {
        campaign: campaign.number,
        version: campaign.version,
        matched: Vec::new(),
        skipped: Vec::with_capacity(1),
    };
    if let Some(reason) = whole_reason(&campaign.spec, head, payload, view) {
        trace.skipped.push(Skip { rule: None, reason });
        return trace;
    }
    for (index, rule) in campaign.spec.rules.iter().enumerate() {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(failure) = rule.conditions.failure(view) {
            trace.skipped.push(Skip { rule: Some(number), reason: SkipReason::Condition(failure) });
            continue;
        }
        let given = effects(campaign.number, number, rule, view).and_then(|given| {
            let wanted = wanted(campaign, &given, trace.matched.is_empty(), taking, view.program);
            taking.take(&wanted).map_err(SkipReason::UsedUp).map(|()| given)
        });
        match given {
            Ok(given) => {
                awards.extend(given);
                trace.matched.push(number);
            }
            Err(reason) => trace.skipped.push(Skip { rule: Some(number), reason }),
        }
    }
    trace
}

/// Why the campaign as a whole does not look at the event.
fn whole_reason(
    spec: &CampaignSpec,
    head: &EventHead,
    payload: &Json,
    view: &View<'_>,
) -> Option<SkipReason> {
    let status = spec.status(view.now);
    if status != CampaignStatus::Running {
        return Some(SkipReason::NotRunning(status));
    }
    // Events of the engine's own belong to no brand: they count for every brand.
    let of_all = head.brand.is_empty() && head.event_type != COUPON_REDEMPTION;
    if spec.brand.as_ref().is_some_and(|brand| !of_all && *brand != head.brand) {
        return Some(SkipReason::OtherBrand);
    }
    let platform = payload.text("platform");
    let runs_here =
        spec.platforms.is_empty() || spec.platforms.iter().any(|known| Some(known.as_str()) == platform);
    if runs_here { None } else { Some(SkipReason::OtherPlatform) }
}

/// What a rule takes from quotas: its worth from the budget and the like, one time when it is the first of its campaign,
/// and the units of rewards that are in stock (K3).
fn wanted(
    campaign: &Definition<CampaignSpec>,
    given: &[Award],
    first: bool,
    taking: &Taking<'_>,
    program: &Program,
) -> Vec<(Quota, Decimal)> {
    let mut wanted = if first { taking.coupon_uses(campaign) } else { Vec::new() };
    for limit in &campaign.spec.limits {
        let amount = match limit.counts {
            Counts::Times if !first => continue,
            Counts::Times => Decimal::ONE,
            Counts::Worth | Counts::Units | Counts::Redemptions => {
                given.iter().fold(Decimal::ZERO, |sum, award| {
                    sum.saturating_add(worth(program, award.reward, award.amount))
                })
            }
        };
        wanted.push((taking.quota(campaign.number, limit), amount));
    }
    let mut stocked: BTreeMap<u32, Decimal> = BTreeMap::new();
    let in_stock =
        |award: &&Award| program.reward(award.reward).is_some_and(|reward| reward.spec.stock.is_some());
    for award in given.iter().filter(in_stock) {
        let units = stocked.entry(award.reward).or_default();
        *units = units.saturating_add(award.amount);
    }
    wanted.extend(stocked.into_iter().map(|(reward, units)| {
        let owner = Owner::Reward(reward);
        (Quota { owner, scope: Scope::Everyone, counts: Counts::Units, period: None }, units)
    }));
    wanted
}

/// The awards of a rule that holds; the reason when it gives nothing.
fn effects(
    campaign: u32,
    number: u16,
    rule: &CampaignRule,
    view: &View<'_>,
) -> Result<Vec<Award>, SkipReason> {
    let mut reason = SkipReason::TierWithoutEffect;
    let mut given = Vec::new();
    for effect in rule.effects.iter().filter(|effect| effect.tier.is_none_or(|tier| tier == view.state.tier))
    {
        match amount(effect, view) {
            Ok(amount) if amount.is_positive() => {
                given.push(Award {
                    campaign,
                    rule: number,
                    reward: effect.reward,
                    amount,
                    life: effect.life,
                });
            }
            Ok(_) => reason = SkipReason::NothingEarned,
            Err(why) => reason = why,
        }
    }
    if given.is_empty() { Err(reason) } else { Ok(given) }
}

/// `round(amount × subject ÷ unit)`, or the amount as it is.
fn amount(effect: &EffectSpec, view: &View<'_>) -> Result<Decimal, SkipReason> {
    let Some(Per { subject, unit }) = &effect.per else { return Ok(effect.amount) };
    let value = subject.number(view).ok_or(SkipReason::ValueMissing)?;
    let places = view.program.reward(effect.reward).map_or(0, |reward| reward.spec.decimals);
    effect.amount.multiply_divide(value, *unit, places, effect.rounding).ok_or(SkipReason::OutOfRange)
}
