//! Looking a programme over before it costs something: rules that never hold or hold together, rewards that earn, missing
//! caps, gaps between dates, and the most that all of it can cost.
//!
//! A finding is no error: what it names may be meant. Nothing here changes a decision.

use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, CampaignStatus, Definition, Program, RewardKind};
use crate::quota::{Counts, Limit, Scope};
use crate::rule::Rule;
use crate::value::{DAY, Decimal, Json, Rounding, Timestamp, object};

/// Two campaigns that follow each other within this are meant to.
const GAP_MAX: i64 = 2 * DAY;

/// What looking a programme over came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What deserves a look.
    pub findings: Vec<Finding>,
    /// The most that each campaign which has not ended can cost, in money; `None` has no bound.
    pub costs: Vec<(String, Option<Decimal>)>,
}

/// Something that deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable code.
    pub code: &'static str,
    /// The name of the definition it is about.
    pub name: String,
    /// The rule, counted from 0, when it is about one.
    pub rule: Option<usize>,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl Lint {
    /// The most that all campaigns together can cost; `None` when one of them has no bound.
    pub fn worst_case(&self) -> Option<Decimal> {
        self.costs.iter().try_fold(Decimal::ZERO, |sum, (_, cost)| Some(sum.saturating_add((*cost)?)))
    }

    /// The same as a document.
    pub fn to_json(&self) -> Json {
        let findings = self.findings.iter().map(|finding| {
            object()
                .with("code", finding.code)
                .with("name", finding.name.as_str())
                .with_some("rule", finding.rule.and_then(|rule| u32::try_from(rule).ok()))
                .with("message", finding.message.as_str())
                .with("hint", finding.hint)
                .build()
        });
        let costs = self.costs.iter().map(|(name, cost)| {
            object().with("campaign", name.as_str()).with_some("worst_case", *cost).build()
        });
        object()
            .with("findings", Json::List(findings.collect()))
            .with("costs", Json::List(costs.collect()))
            .with_some("worst_case", self.worst_case())
            .build()
    }
}

/// Looks a programme over as of an instant; `customers` is how many there are, when that is known.
pub fn lint(program: &Program, now: Timestamp, customers: Option<u64>) -> Lint {
    let mut findings = Vec::new();
    let open =
        || program.campaigns().filter(|campaign| campaign.spec.status(now) != CampaignStatus::Finished);
    for campaign in open() {
        let mut found = |code, rule, message: String, hint| {
            let name = campaign.spec.name.clone();
            findings.push(Finding { code, name, rule, message, hint });
        };
        each_rule(program, campaign, &mut found);
        together(campaign, &mut found);
        caps(program, campaign, &mut found);
        dates(program, campaign, &mut found);
    }
    gaps(program, &open().collect::<Vec<_>>(), &mut findings);
    unused(program, &mut findings);
    let costs = open().map(|campaign| {
        let cost = worst_case(program, campaign, now, customers);
        (campaign.spec.name.clone(), cost)
    });
    Lint { costs: costs.collect(), findings }
}

/// What rules look at that may never have been recorded: names of fields that the merchant chooses.
pub fn free_fields(program: &Program) -> BTreeSet<String> {
    let rules = || program.campaigns().flat_map(|campaign| campaign.spec.rules.iter());
    let scaled = rules().flat_map(|rule| &rule.effects).filter_map(|effect| effect.per.as_ref());
    let scaled = scaled.map(|per| per.subject.name());
    let conditions = rules().map(|rule| &rule.conditions);
    let audiences = program.audiences().filter_map(|audience| audience.spec.rule());
    let tiers = program.tiers_by_level();
    let tiers = tiers.flat_map(|tier| [Some(&tier.spec.entry), tier.spec.exit.as_ref()]).flatten();
    let journeys = program.journeys().flat_map(|journey| journey.spec.rules());
    let asked = conditions.chain(audiences).chain(tiers).chain(journeys);
    asked.flat_map(Rule::subjects).chain(scaled).filter(|name| is_free(name)).collect()
}

/// The same of one rule.
pub fn free_fields_of(rule: &Rule) -> BTreeSet<String> {
    rule.subjects().into_iter().filter(|name| is_free(name)).collect()
}

/// Whether a field is one whose name the merchant chooses.
fn is_free(name: &str) -> bool {
    let prefixes = [
        "event.tags.",
        "event.metadata.",
        "event.attribution.",
        "product.tags.",
        "customer.tags.",
        "customer.metadata.",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// A finding for each of the [`free_fields`] that was never recorded.
pub fn never_seen(names: impl IntoIterator<Item = String>) -> impl Iterator<Item = Finding> {
    names.into_iter().map(|name| Finding {
        code: "field_never_seen",
        message: "rules look at it, and it was never recorded".to_owned(),
        name,
        rule: None,
        hint: "check how it is spelt in what is sent",
    })
}

type Found<'f> = &'f mut dyn FnMut(&'static str, Option<usize>, String, &'static str);

/// Rules that never hold, never give, earn on what was paid with rewards, or give for ever.
fn each_rule(program: &Program, campaign: &Definition<CampaignSpec>, found: Found<'_>) {
    let spec = &campaign.spec;
    let has_order = !matches!(spec.trigger.as_str(), "REGISTRATION" | "BIRTHDAY" | "TIER_ADJUSTMENT");
    let redeems = program.rewards().any(|reward| !matches!(reward.spec.kind, RewardKind::GiftCard(_)));
    for (index, rule) in spec.rules.iter().enumerate() {
        let at = Some(index);
        if rule.conditions.is_impossible() {
            let message = "its conditions contradict each other: it never holds".to_owned();
            found("rule_unreachable", at, message, "take one of them away, or put them into alternatives");
        }
        let lacks = ["order.", "product."].into_iter().find(|group| rule.conditions.needs(group));
        if let Some(group) = lacks.filter(|_| !has_order && !rule.conditions.is_always()) {
            let message = format!("it asks for `{group}` and {} has no order: it never holds", spec.trigger);
            found("rule_unreachable", at, message, "look at the customer instead");
        }
        // Every rule of a card that holds gives its stamps: it only matters when they give something else.
        let gives_as = |before: &CampaignRule| spec.card.is_some() && before.effects == rule.effects;
        let before = spec.rules.iter().take(index).position(|before| before.conditions.is_always());
        let before = before.filter(|before| !spec.rules.get(*before).is_some_and(gives_as));
        if let Some(before) = before.filter(|_| spec.counts_events()) {
            let message = format!("rule {before} always holds: its effects are given and never these");
            found("rule_shadowed", at, message, "put it before the rule that always holds");
        }
        for effect in &rule.effects {
            let name = effect.per.as_ref().map(|per| per.subject.name());
            if name.as_deref() == Some("order.value") && redeems {
                let message =
                    "it earns on order.value, also on the part that is paid with rewards".to_owned();
                found("reward_earns", at, message, "earn on order.discounted_value, which is what was paid");
            }
            let reward = program.reward(effect.reward);
            let is_points = reward.is_some_and(|reward| reward.spec.kind == RewardKind::Points);
            if is_points && effect.life.is_none() {
                let message = "its points never expire: what is not redeemed stays a liability".to_owned();
                found("never_expires", at, message, "give the effect an expiration_date");
            }
        }
    }
}

/// Rules of the same campaign that hold together and give the same reward.
fn together(campaign: &Definition<CampaignSpec>, found: Found<'_>) {
    if campaign.spec.card.is_some() || campaign.spec.streak.is_some() {
        return;
    }
    let gives_same = |one: &CampaignRule, other: &CampaignRule| {
        one.effects.iter().any(|effect| {
            let same = |other: &crate::program::EffectSpec| {
                let tiers = effect.tier.is_none() || other.tier.is_none() || effect.tier == other.tier;
                effect.reward == other.reward && tiers
            };
            other.effects.iter().any(same)
        })
    };
    let side = |index: usize| campaign.spec.referral.is_some_and(|referral| index >= referral.referee_from);
    for (index, rule) in campaign.spec.rules.iter().enumerate() {
        let before = campaign.spec.rules.iter().enumerate().take(index);
        let overlapping = before.filter(|(other_index, other)| {
            side(*other_index) == side(index)
                && gives_same(rule, other)
                && !rule.conditions.is_impossible()
                && rule.conditions.may_hold_with(&other.conditions)
        });
        let others: Vec<String> = overlapping.map(|(other, _)| other.to_string()).collect();
        if !others.is_empty() {
            let message = format!("rule {} may hold too: then each gives the same reward", others.join(", "));
            found("rules_overlap", Some(index), message, "bound them, when only one is meant to give");
        }
    }
}

/// Campaigns that nothing bounds.
fn caps(program: &Program, campaign: &Definition<CampaignSpec>, found: Found<'_>) {
    let spec = &campaign.spec;
    let uses = spec.coupons.as_ref().and_then(|coupons| coupons.max_uses);
    let uses = uses.or(spec.referral.and_then(|referral| referral.max_uses));
    if spec.limits.is_empty() && uses.is_none() && by_stock(program, spec).is_none() {
        let message = "neither a budget nor a limit bounds what it gives".to_owned();
        found("no_cap", None, message, "give it a budget, or limits for each customer");
    }
}

/// Dates that begin a day elsewhere than where the account is.
fn dates(program: &Program, campaign: &Definition<CampaignSpec>, found: Found<'_>) {
    let zone = program.settings().time_zone;
    for (name, at) in [("start_date", Some(campaign.spec.start)), ("end_date", campaign.spec.end)] {
        let Some(at) = at else { continue };
        let is_utc_midnight = at.milliseconds().rem_euclid(DAY) == 0;
        if is_utc_midnight && zone.start_of_day(at) != at {
            let hour = zone.local(at).hour;
            let message =
                format!("its {name} is midnight in UTC, when it is {hour} o'clock in the account's zone");
            found("zone_gap", None, message, "write the date alone: it means midnight of the account's zone");
        }
    }
}

/// Campaigns that follow each other with a little time between them.
fn gaps(program: &Program, campaigns: &[&Definition<CampaignSpec>], findings: &mut Vec<Finding>) {
    let rewards = |campaign: &CampaignSpec| -> BTreeSet<u32> {
        campaign.rules.iter().flat_map(|rule| &rule.effects).map(|effect| effect.reward).collect()
    };
    for one in campaigns {
        let Some(end) = one.spec.end else { continue };
        let follows = |other: &&&Definition<CampaignSpec>| {
            let gap = other.spec.start.since(end);
            let same = (&other.spec.trigger, &other.spec.brand) == (&one.spec.trigger, &one.spec.brand);
            same && gap > 0 && gap <= GAP_MAX && rewards(&one.spec) == rewards(&other.spec)
        };
        let is_there = campaigns.iter().any(|other| {
            let same = (&other.spec.trigger, &other.spec.brand) == (&one.spec.trigger, &one.spec.brand);
            same && other.spec.start <= end && other.spec.end.is_none_or(|until| until > end)
        });
        if let Some(next) = campaigns.iter().find(follows).filter(|_| !is_there) {
            let zone = program.settings().time_zone;
            let day = zone.start_of_day(end) == end && zone.start_of_day(next.spec.start) == next.spec.start;
            let unit = if day { "days" } else { "the time" };
            findings.push(Finding {
                code: "window_gap",
                name: one.spec.name.clone(),
                rule: None,
                message: format!(
                    "`{}` follows it and {unit} from {end} to {} are of neither",
                    next.spec.name, next.spec.start
                ),
                hint: "begin the next one where this one ends; a bare end_date means that day to its end",
            });
        }
    }
}

/// Rewards that nothing gives.
fn unused(program: &Program, findings: &mut Vec<Finding>) {
    let effects =
        program.campaigns().flat_map(|campaign| &campaign.spec.rules).flat_map(|rule| &rule.effects);
    let given: BTreeSet<u32> = effects.map(|effect| effect.reward).collect();
    for reward in program.rewards().filter(|reward| !given.contains(&reward.number)) {
        findings.push(Finding {
            code: "reward_unused",
            name: reward.spec.name.clone(),
            rule: None,
            message: "no campaign gives it".to_owned(),
            hint: "write a campaign that does, or leave it for giving by hand",
        });
    }
}

/// The most that a campaign can give in all, in money: the smallest of what its budget, its limits, its codes and the
/// stock of its rewards allow.
fn worst_case(
    program: &Program,
    campaign: &Definition<CampaignSpec>,
    now: Timestamp,
    customers: Option<u64>,
) -> Option<Decimal> {
    let spec = &campaign.spec;
    let once = worth_of_once(program, spec);
    let times = |count: Decimal, worth: Option<Decimal>| {
        worth?.multiply_divide(count, Decimal::ONE, 6, Rounding::HalfUp).or(Some(Decimal::MAX))
    };
    let by_limits = spec.limits.iter().filter_map(|limit| {
        let in_all = periods(program, spec, limit, now)?;
        let customers = match limit.scope {
            Scope::Everyone => Decimal::ONE,
            // Of a referral it only bounds whoever refers.
            Scope::Customer if spec.referral.is_some() => return None,
            // More customers may come, and where there are none yet they will.
            Scope::Customer => Decimal::from_count(customers.filter(|count| *count > 0)?),
        };
        let count = times(in_all, Some(customers))?;
        match limit.counts {
            Counts::Worth => Some(count),
            Counts::Times => times(count, once),
            _ => None,
        }
    });
    let by_codes = spec.coupons.as_ref().and_then(|coupons| {
        // Codes that are supplied later are not known here.
        let codes = Decimal::from_count(u64::from(coupons.quantity));
        times(times(codes, Some(coupons.max_uses?))?, once).filter(|_| coupons.quantity > 0)
    });
    by_limits.chain(by_codes).chain(by_stock(program, spec)).min()
}

/// How much a limit allows in all periods of the campaign together; `None` without end.
fn periods(program: &Program, spec: &CampaignSpec, limit: &Limit, now: Timestamp) -> Option<Decimal> {
    let zone = program.settings().time_zone;
    let Some(unit) = limit.unit else { return Some(limit.most(zone, None)) };
    let (first, last) = (unit.number(zone, spec.start.max(now)), unit.number(zone, spec.end?.plus(-1)));
    let all =
        (first..=last.max(first)).map(|number| limit.most(zone, Some(crate::quota::Period { unit, number })));
    Some(all.fold(Decimal::ZERO, Decimal::saturating_add))
}

/// The most that one time can be worth: each rule once, for the tier that gets most; `None` when it is scaled by a value.
fn worth_of_once(program: &Program, spec: &CampaignSpec) -> Option<Decimal> {
    let mut sum = Decimal::ZERO;
    for rule in &spec.rules {
        let before = sum;
        let mut by_tier: BTreeMap<Option<u32>, Decimal> = BTreeMap::new();
        for effect in &rule.effects {
            if effect.per.is_some() {
                return None;
            }
            let worth = by_tier.entry(effect.tier).or_default();
            *worth = worth.saturating_add(crate::quota::worth(program, effect.reward, effect.amount));
        }
        let everybody = by_tier.remove(&None).unwrap_or_default();
        let most = by_tier.into_values().max().unwrap_or_default();
        let worth = everybody.saturating_add(most);
        // Of streaks and cards the first rule that holds decides.
        sum = if spec.counts_events() { before.max(worth) } else { before.saturating_add(worth) };
    }
    Some(sum)
}

/// What the stock of the rewards allows, when all of them are in stock.
fn by_stock(program: &Program, spec: &CampaignSpec) -> Option<Decimal> {
    let effects = spec.rules.iter().flat_map(|rule| &rule.effects);
    let rewards: BTreeSet<u32> = effects.map(|effect| effect.reward).collect();
    rewards.into_iter().try_fold(Decimal::ZERO, |sum, reward| {
        let stock = program.reward(reward)?.spec.stock?;
        Some(sum.saturating_add(crate::quota::worth(program, reward, stock)))
    })
}
