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
use crate::punch_cards;
use crate::quota::{Counts, Limit, Owner, Quota, QuotaEntry, Scope, Taken, Taking, UsedUp, worth};
use crate::referrals;
use crate::rule::View;
use crate::state::Standing;
use crate::state::State;
use crate::streaks;
use crate::value::{Decimal, Json, Timestamp};

/// What all campaigns together give for an event.
pub(crate) struct Awarded {
    pub(crate) awards: Vec<Award>,
    /// Stamps that full cards are exchanged for, as they are spent from the wallet.
    pub(crate) spent: Vec<(u32, Decimal)>,
    pub(crate) explanation: Explanation,
    pub(crate) taken: Taken,
}

/// What campaigns give, as it grows.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) awards: Vec<Award>,
    pub(crate) spent: Vec<(u32, Decimal)>,
}

impl Given {
    pub(crate) fn finish(self, explanation: Explanation, taken: Taken) -> Awarded {
        Awarded { awards: self.awards, spent: self.spent, explanation, taken }
    }
}

/// Asks the campaigns with the event's trigger: the first ones, to say why they do not reward, and of the others
/// those that may. What is taken from quotas is taken at `at`.
pub(crate) fn award(draft: &Draft<'_>, head: &EventHead, payload: &Json, at: Timestamp) -> Awarded {
    let view = draft.view(head.issued_at, Some(payload));
    let mut taking = draft.taking(at);
    let mut given = Given::default();
    let mut explanation = Explanation::default();
    let Some(candidates) = draft.program.candidates(&head.event_type) else {
        return given.finish(explanation, Taken::default());
    };
    let (explained, rest) = candidates.all().split_at(candidates.all().len().min(EXPLAINED_CAMPAIGNS_MAX));
    let mut ask = |number: u32| {
        let campaign = draft.program.campaign(number)?;
        Some(judge(campaign, head, payload, &view, &mut given, &mut taking))
    };
    explanation.campaigns = explained.iter().filter_map(|number| ask(*number)).collect();
    if let Some(last) = explained.last().filter(|_| !rest.is_empty()) {
        // Of the others only those that reward are shown, so only those that may are asked (P5).
        let asked = candidates.asked(&view, *last).into_iter().filter_map(ask);
        explanation.campaigns.extend(asked.filter(|trace| !trace.matched.is_empty()));
    }
    let hidden = candidates.all().len().saturating_sub(explanation.campaigns.len());
    explanation.not_shown = u32::try_from(hidden).unwrap_or(u32::MAX);
    given.finish(explanation, taking.finish())
}

/// Takes anew what the frozen awards of an expired event need, by the limits as they are defined now; `held` is what
/// the event once held. Referrals that another event completed meanwhile are left out: gives their campaigns.
pub(crate) fn take_anew(
    draft: &Draft<'_>,
    awards: &[Award],
    held: &[QuotaEntry],
    at: Timestamp,
) -> (Result<BTreeSet<u32>, UsedUp>, Taken) {
    let mut taking = draft.taking(at);
    let mut left_out = BTreeSet::new();
    for (campaign, uses) in referrals::anew(draft.program, held, awards) {
        if taking.take(&uses).is_err() {
            left_out.insert(campaign);
        }
    }
    let mut rewarded: BTreeSet<u32> = BTreeSet::new();
    let same_rule = |one: &Award, other: &Award| (one.campaign, one.rule) == (other.campaign, other.rule);
    for given in awards.chunk_by(same_rule) {
        let campaign = given.first().and_then(|award| draft.program.campaign(award.campaign));
        let Some(campaign) = campaign.filter(|campaign| !left_out.contains(&campaign.number)) else {
            continue;
        };
        let first = rewarded.insert(campaign.number);
        let once_held = |counts: Counts| {
            let quota = punch_cards::counted(campaign.number, counts);
            held.iter().find(|entry| entry.quota == quota).map_or(Decimal::ZERO, |entry| entry.amount)
        };
        let counted = match (first, &campaign.spec.card) {
            (false, _) => (Decimal::ZERO, Decimal::ZERO),
            (true, None) => (Decimal::ONE, Decimal::ZERO),
            (true, Some(_)) => {
                let is_exchanged = |award: &Award| punch_cards::campaign_of(award.reward).is_none();
                let cards =
                    if given.iter().any(is_exchanged) { once_held(Counts::Cards) } else { Decimal::ZERO };
                (cards, once_held(Counts::Stamps))
            }
        };
        let mut wanted = wanted(campaign, given, counted, &taking, draft.program);
        if campaign.spec.referral.is_some() {
            wanted = referrals::of_side(wanted, Scope::Everyone);
        }
        if let Err(used_up) = taking.take(&wanted) {
            return (Err(used_up), taking.finish());
        }
    }
    let streaks = taking.take(&streaks::anew(held, awards));
    (streaks.map(|()| left_out), taking.finish())
}

/// Whether a customer can take part in a campaign now, as far as that can be said without an event: it runs, the
/// customer's consent and tier allow it, the customer's own limits are not reached, and no condition on the customer
/// stands in the way.
pub fn is_open_to(campaign: &Definition<CampaignSpec>, view: &View<'_>) -> bool {
    let spec = &campaign.spec;
    let zone = view.program.settings().time_zone;
    let owner = Owner::Campaign(campaign.number);
    // A card is stamped also when its reward has to wait.
    let closes = |limit: &&Limit| {
        limit.scope == Scope::Customer && (spec.card.is_none() || limit.counts == Counts::Stamps)
    };
    let is_used_up = spec.limits.iter().filter(closes).any(|limit| {
        let quota = limit.quota(owner, zone, view.now);
        view.state.quotas.sums(&quota).taken() >= limit.most(zone, quota.period)
    });
    let rewards = |rule: &CampaignRule| {
        let tier = |effect: &EffectSpec| effect.tier.is_none_or(|tier| tier == view.state.tier);
        rule.conditions.may_hold(view) && rule.effects.iter().any(tier)
    };
    spec.status(view.now) == CampaignStatus::Running
        && view.state.standing == Standing::Active
        && allowed(spec, view.state).is_none()
        && !is_used_up
        && spec.rules.iter().any(rewards)
}

/// The purpose of a campaign that the customer does not allow, if there is one. Punch cards are part of loyalty
/// processing: they need both.
pub(crate) fn allowed(spec: &CampaignSpec, state: &State) -> Option<Purpose> {
    let purposes: &[Purpose] = match (&spec.coupons, &spec.card) {
        (Some(_), _) => &[Purpose::CouponCampaigns],
        (None, Some(_)) => &[Purpose::BehavioralCampaigns, Purpose::PunchcardCampaigns],
        (None, None) => &[Purpose::BehavioralCampaigns],
    };
    purposes.iter().copied().find(|purpose| !state.permissions.allow(*purpose))
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
    let mut given = Given::default();
    let trace = judge(campaign, head, payload, &view, &mut given, &mut taking);
    let explanation = Explanation { campaigns: vec![trace], not_shown: 0 };
    given.finish(explanation, taking.finish())
}

pub(crate) fn judge(
    campaign: &Definition<CampaignSpec>,
    head: &EventHead,
    payload: &Json,
    view: &View<'_>,
    all: &mut Given,
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
    if let Some(card) = &campaign.spec.card {
        punch_cards::stamp(campaign, card, view, all, taking, &mut trace);
        return trace;
    }
    if let Some(streak) = &campaign.spec.streak {
        streaks::count(campaign, streak, view, all, taking, &mut trace);
        return trace;
    }
    let mut rules = campaign.spec.rules.as_slice();
    if let Some(referral) = campaign.spec.referral {
        if !taking.is_of_referrer() {
            referrals::complete(campaign, referral, view, all, taking, &mut trace);
            return trace;
        }
        rules = rules.get(..referral.referee_from).unwrap_or_default();
    }
    for (index, rule) in rules.iter().enumerate() {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(failure) = rule.conditions.failure(view) {
            trace.skipped.push(Skip { rule: Some(number), reason: SkipReason::Condition(failure) });
            continue;
        }
        let given = effects(campaign.number, number, rule, view).and_then(|given| {
            let times = if trace.matched.is_empty() { Decimal::ONE } else { Decimal::ZERO };
            let mut wanted = wanted(campaign, &given, (times, Decimal::ZERO), taking, view.program);
            if taking.is_of_referrer() {
                wanted = referrals::of_side(wanted, Scope::Customer);
            }
            taking.take(&wanted).map_err(SkipReason::UsedUp).map(|()| given)
        });
        match given {
            Ok(given) => {
                all.awards.extend(given);
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
    if !runs_here {
        return Some(SkipReason::OtherPlatform);
    }
    spec.card.as_ref().and_then(|_| allowed(spec, view.state)).map(SkipReason::Consent)
}

/// What a rule takes from quotas: its worth from the budget and the like, one time when it is the first of its campaign,
/// and the units of rewards that are in stock (K3). Of punch cards each full one is a time, and stamps are counted too.
pub(crate) fn wanted(
    campaign: &Definition<CampaignSpec>,
    given: &[Award],
    (times, stamps): (Decimal, Decimal),
    taking: &Taking<'_>,
    program: &Program,
) -> Vec<(Quota, Decimal)> {
    let mut wanted = if times.is_positive() { taking.coupon_uses(campaign) } else { Vec::new() };
    for limit in &campaign.spec.limits {
        let amount = match limit.counts {
            Counts::Times => times,
            Counts::Stamps => stamps,
            // Limits count nothing else.
            _ => {
                let rewards = given.iter().filter(|award| punch_cards::campaign_of(award.reward).is_none());
                rewards.fold(Decimal::ZERO, |sum, award| {
                    sum.saturating_add(worth(program, award.reward, award.amount))
                })
            }
        };
        if amount.is_positive() {
            wanted.push((taking.quota(campaign.number, limit), amount));
        }
    }
    if campaign.spec.card.is_some() {
        for (counts, amount) in [(Counts::Cards, times), (Counts::Stamps, stamps)] {
            let quota = punch_cards::counted(campaign.number, counts);
            if amount.is_positive() && wanted.iter().all(|(known, _)| *known != quota) {
                wanted.push((quota, amount));
            }
        }
    }
    let mut stocked: BTreeMap<u32, Decimal> = BTreeMap::new();
    let in_stock =
        |award: &&Award| program.reward(award.reward).is_some_and(|reward| reward.spec.is_scarce());
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
pub(crate) fn effects(
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
