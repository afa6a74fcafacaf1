//! Punch cards: events give stamps, and a full card is exchanged for its reward (ADR 6).
//!
//! - N1: stamps are lots of the wallet and move by its laws: held by waiting events, spent by the event that fills a
//!   card, expired with it, given back and owed when events are reversed.
//! - N2: the event that fills a card spends the stamps at hand, soonest expiry first, and then its own; only what is left
//!   of its own becomes a lot, on the next card. So it makes no difference when stamps that are owed are paid.
//! - N3: whether a card is full is judged when the event is emitted, and frozen with it.
//! - N4: stamps are never lost to a limit: a full card for which nothing can be given waits for the next event.

use crate::campaigns::{Given, allowed, effects, wanted};
use crate::explain::{CampaignTrace, Skip, SkipReason};
use crate::fact::Award;
use crate::limits::STAMPS_AT_ONCE_MAX;
use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, CardSpec, Definition, Program, StampsPer};
use crate::quota::{Counts, Owner, Quota, Scope, Taking, UsedUp};
use crate::rule::View;
use crate::state::State;
use crate::value::{Decimal, Json, Rounding, object};

/// The bit that tells stamps from rewards in the accounts of a wallet.
const STAMPS: u32 = 1 << 31;

/// The account of a wallet in which the stamps of a campaign are kept.
pub const fn account_of(campaign: u32) -> u32 {
    campaign | STAMPS
}

/// The campaign whose stamps an account of a wallet keeps; `None` when it is of a reward.
///
/// ```
/// use masivo_core::punch_cards::{account_of, campaign_of};
/// assert_eq!(campaign_of(account_of(7)), Some(7));
/// assert_eq!(campaign_of(7), None);
/// ```
pub const fn campaign_of(account: u32) -> Option<u32> {
    if account & STAMPS == 0 { None } else { Some(account & !STAMPS) }
}

/// How many stamps a campaign gave a customer, or how many of its cards were filled.
pub(crate) const fn counted(campaign: u32, counts: Counts) -> Quota {
    Quota { owner: Owner::Campaign(campaign), scope: Scope::Customer, counts, period: None }
}

/// Stamps the card of a campaign for an event, and gives what full cards stand for.
pub(crate) fn stamp(
    campaign: &Definition<CampaignSpec>,
    card: &CardSpec,
    view: &View<'_>,
    given: &mut Given,
    taking: &mut Taking<'_>,
    trace: &mut CampaignTrace,
) {
    let Some((stamps, first, rule)) = stamps_of_rules(campaign, card, view, trace) else { return };
    let stamps = match bounded(campaign, stamps, taking) {
        Ok(stamps) => stamps,
        Err(reason) => {
            trace.matched.clear();
            trace.skipped.push(Skip { rule: Some(first), reason });
            return;
        }
    };
    let account = account_of(campaign.number);
    let at_hand = view.state.wallet.available(account);
    let owed = view.state.wallet.account(account).debt;
    let all = at_hand.saturating_add(stamps).saturating_sub(owed).max(Decimal::ZERO);
    let full = quotient(all, card.stamps).min(whole(STAMPS_AT_ONCE_MAX));
    let (cards, awards) = exchange(campaign, first, rule, view, full, stamps, taking, trace);
    let spent = cards.multiply_divide(card.stamps, Decimal::ONE, 0, Rounding::Floor).unwrap_or_default();
    let from_hand = spent.min(at_hand);
    let left = stamps.saturating_sub(spent.saturating_sub(from_hand));
    given.awards.extend(awards);
    if left.is_positive() {
        let (campaign, life) = (campaign.number, card.life);
        given.awards.push(Award { campaign, rule: first, reward: account, amount: left, life });
    }
    if from_hand.is_positive() {
        given.spent.push((account, from_hand));
    }
}

/// The stamps of all rules that hold, and the first of them: it says what a full card gives.
fn stamps_of_rules<'c>(
    campaign: &'c Definition<CampaignSpec>,
    card: &CardSpec,
    view: &View<'_>,
    trace: &mut CampaignTrace,
) -> Option<(Decimal, u16, &'c CampaignRule)> {
    let (mut sum, mut first) = (Decimal::ZERO, None);
    for (index, rule) in campaign.spec.rules.iter().enumerate() {
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        match stamps_of(rule, card, view) {
            Ok(stamps) => {
                sum = sum.saturating_add(stamps);
                first = first.or(Some((number, rule)));
                trace.matched.push(number);
            }
            Err(reason) => trace.skipped.push(Skip { rule: Some(number), reason }),
        }
    }
    first.map(|(number, rule)| (sum.min(whole(STAMPS_AT_ONCE_MAX)), number, rule))
}

/// How many stamps a rule gives for an event.
fn stamps_of(rule: &CampaignRule, card: &CardSpec, view: &View<'_>) -> Result<Decimal, SkipReason> {
    let failed = || rule.conditions.failure(view).map(SkipReason::Condition);
    if card.per == StampsPer::Event {
        return failed().map_or(Ok(rule.stamps), Err);
    }
    // A line counts when the rule holds as if it were the only one.
    let units = view.lines().enumerate().filter(|(place, _)| rule.conditions.holds(&view.of_line(*place)));
    let units = units.fold(Decimal::ZERO, |sum, (_, line)| {
        sum.saturating_add(line.number("amount").unwrap_or(Decimal::ONE))
    });
    let stamps = quotient(units, Decimal::ONE).multiply_divide(rule.stamps, Decimal::ONE, 0, Rounding::Floor);
    match stamps.unwrap_or(Decimal::MAX) {
        stamps if stamps.is_positive() => Ok(stamps),
        _ => Err(failed().unwrap_or(SkipReason::NothingEarned)),
    }
}

/// As many stamps as the customer may still have.
fn bounded(
    campaign: &Definition<CampaignSpec>,
    stamps: Decimal,
    taking: &mut Taking<'_>,
) -> Result<Decimal, SkipReason> {
    let mut bounded = stamps;
    for limit in campaign.spec.limits.iter().filter(|limit| limit.counts == Counts::Stamps) {
        let quota = taking.quota(campaign.number, limit);
        let left = taking.left(&quota).map(|left| quotient(left, Decimal::ONE));
        bounded = left.map_or(bounded, |left| left.min(bounded));
        if !bounded.is_positive() {
            // One is enough: as many are given as there are left.
            let (wanted, left) = (Decimal::ONE, Decimal::ZERO);
            return Err(SkipReason::UsedUp(UsedUp { quota, wanted, left }));
        }
    }
    Ok(bounded)
}

/// Exchanges as many of the full cards as limits and stock allow; the others wait (N4).
#[expect(clippy::too_many_arguments, reason = "all of it decides what a card gives")]
fn exchange(
    campaign: &Definition<CampaignSpec>,
    number: u16,
    rule: &CampaignRule,
    view: &View<'_>,
    full: Decimal,
    stamps: Decimal,
    taking: &mut Taking<'_>,
    trace: &mut CampaignTrace,
) -> (Decimal, Vec<Award>) {
    let one = match effects(campaign.number, number, rule, view) {
        Ok(one) => one,
        Err(reason) if full.is_positive() => {
            trace.skipped.push(Skip { rule: Some(number), reason });
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    let mut cards = if one.is_empty() { Decimal::ZERO } else { full };
    let mut refused = None;
    loop {
        let awards: Vec<Award> = one.iter().filter_map(|award| times(view.program, award, cards)).collect();
        let whole = cards.is_zero() || awards.len() == one.len();
        let wanted = wanted(campaign, &awards, (cards, stamps), taking, view.program);
        match taking.take(&wanted) {
            Ok(()) if whole => {
                trace.skipped.extend(refused.map(|reason| Skip { rule: Some(number), reason }));
                return (cards, awards);
            }
            Ok(()) => drop(refused.get_or_insert(SkipReason::OutOfRange)),
            Err(used_up) => drop(refused.get_or_insert(SkipReason::UsedUp(used_up))),
        }
        if cards.is_zero() {
            return (cards, Vec::new());
        }
        cards = cards.saturating_sub(Decimal::ONE);
    }
}

/// An award so many times.
fn times(program: &Program, award: &Award, cards: Decimal) -> Option<Award> {
    let places = program.reward(award.reward).map_or(0, |reward| reward.spec.decimals);
    let amount = award.amount.multiply_divide(cards, Decimal::ONE, places, Rounding::Floor)?;
    amount.is_positive().then_some(Award { amount, ..*award })
}

fn quotient(amount: Decimal, unit: Decimal) -> Decimal {
    amount.multiply_divide(Decimal::ONE, unit, 0, Rounding::Floor).unwrap_or_default()
}

fn whole(number: i64) -> Decimal {
    Decimal::from_integer(number).unwrap_or_default()
}

/// The cards of a customer, one a campaign of which there are or were stamps.
pub(crate) fn to_json(program: &Program, state: &State) -> Vec<Json> {
    let cards = state.wallet.accounts.values().filter_map(|account| {
        let campaign = program.campaign(campaign_of(account.reward)?)?;
        let card = campaign.spec.card.as_ref()?;
        let filled = state.quotas.sums(&counted(campaign.number, Counts::Cards)).used;
        let card = object()
            .with("campaign_id", campaign.id.as_str())
            .with("name", campaign.spec.name.as_str())
            .with("stamps", state.wallet.available(account.reward))
            .with("of", card.stamps)
            .with("held", state.wallet.held(account.reward))
            .with("owed", account.debt)
            .with("cards_filled", filled)
            .with_some("expiration_date", state.wallet.soonest_expiry(account.reward))
            .with("allowed", allowed(&campaign.spec, state).is_none());
        Some(card.build())
    });
    cards.collect()
}
