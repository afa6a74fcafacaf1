//! Punch cards: events give stamps, and a full card is exchanged for its reward (ADR 6).
//!
//! - N1: stamps are lots of the wallet and move by its laws: held by waiting events, spent by the event that fills a
//!   card, expired with it, given back and owed when events are reversed.
//! - N2: the event that fills a card spends the stamps at hand, soonest expiry first, and then its own; only what is left
//!   of its own becomes a lot, on the next card. So it makes no difference when stamps that are owed are paid.
//! - N3: whether a card is full is judged when the event is emitted, and frozen with it.
//! - N4: stamps are not lost to a limit: a full card for which nothing can be given waits for the next event, and the
//!   next card is begun meanwhile, up to a bound of stamps at hand.

use crate::campaigns::{Given, allowed, effects, wanted};
use crate::draft::{Draft, FactId};
use crate::explain::{CampaignTrace, Skip, SkipReason};
use crate::fact::{Award, Fact};
use crate::gift_cards::is_gift_card;
use crate::limits::{GIFT_CARDS_AT_ONCE_MAX, STAMPS_AT_HAND_MAX, STAMPS_AT_ONCE_MAX};
use crate::prelude::*;
use crate::program::{CampaignRule, CampaignSpec, CardSpec, Definition, Program, StampsPer};
use crate::quota::{Counts, Owner, Quota, Scope, Taking, UsedUp};
use crate::rule::View;
use crate::state::State;
use crate::value::{Decimal, Json, Rounding, Timestamp, object};
use crate::wallet::{Lot, LotOrigin};

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
    let account = account_of(campaign.number);
    let at_hand = view.state.wallet.available(account);
    let room = whole(STAMPS_AT_HAND_MAX).saturating_sub(at_hand).max(Decimal::ZERO);
    let stamps = match bounded(campaign, stamps, room, taking) {
        Ok(stamps) => stamps,
        Err(reason) => {
            // A full card that waits is exchanged all the same (N4).
            trace.skipped.push(Skip { rule: Some(first), reason });
            Decimal::ZERO
        }
    };
    let owed = view.state.wallet.account(account).debt;
    let all = at_hand.saturating_add(stamps).saturating_sub(owed).max(Decimal::ZERO);
    let gives_cards = rule.effects.iter().any(|effect| is_gift_card(view.program, effect.reward));
    let most = if gives_cards { i64::from(GIFT_CARDS_AT_ONCE_MAX) } else { STAMPS_AT_ONCE_MAX };
    let full = quotient(all, card.stamps).min(whole(most));
    let (cards, awards, refused) = exchange(campaign, (first, rule), view, full, stamps, taking);
    trace.skipped.extend(refused.map(|reason| Skip { rule: Some(first), reason }));
    let spent = cards.multiply_divide(card.stamps, Decimal::ONE, 0, Rounding::Floor).unwrap_or_default();
    let from_hand = spent.min(at_hand);
    let left = stamps.saturating_sub(spent.saturating_sub(from_hand));
    if stamps.is_zero() && cards.is_zero() {
        trace.matched.clear();
    }
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
    room: Decimal,
    taking: &mut Taking<'_>,
) -> Result<Decimal, SkipReason> {
    // One is enough: as many are given as there are left.
    let used_up = |quota| SkipReason::UsedUp(UsedUp { quota, wanted: Decimal::ONE, left: Decimal::ZERO });
    let mut bounded = stamps.min(room);
    if !bounded.is_positive() {
        return Err(used_up(counted(campaign.number, Counts::Stamps)));
    }
    for limit in campaign.spec.limits.iter().filter(|limit| limit.counts == Counts::Stamps) {
        let quota = taking.quota(campaign.number, limit);
        let left = taking.left(&quota).map(|left| quotient(left, Decimal::ONE));
        bounded = left.map_or(bounded, |left| left.min(bounded));
        if !bounded.is_positive() {
            return Err(used_up(quota));
        }
    }
    Ok(bounded)
}

/// Exchanges as many of the full cards as limits and stock allow; the others wait (N4), and why is said.
fn exchange(
    campaign: &Definition<CampaignSpec>,
    (number, rule): (u16, &CampaignRule),
    view: &View<'_>,
    full: Decimal,
    stamps: Decimal,
    taking: &mut Taking<'_>,
) -> (Decimal, Vec<Award>, Option<SkipReason>) {
    let (one, mut refused) = match effects(campaign.number, number, rule, view) {
        Ok(one) => (one, None),
        Err(reason) => (Vec::new(), full.is_positive().then_some(reason)),
    };
    let of = |cards: i64| -> Vec<Award> {
        one.iter().filter_map(|award| times(view.program, award, whole(cards))).collect()
    };
    let wanted = |awards: &[Award], cards: i64, taking: &Taking<'_>| {
        wanted(campaign, awards, (whole(cards), stamps), taking, view.program)
    };
    // The most that fits: all of them as a rule, found by halving otherwise.
    let (mut least, mut most) = (0, if one.is_empty() { 0 } else { full.to_integer().unwrap_or(0) });
    let mut tried = most;
    while least < most {
        let awards = of(tried);
        let fits = match taking.fits(&wanted(&awards, tried, taking)) {
            Ok(()) if awards.len() == one.len() => None,
            Ok(()) => Some(SkipReason::OutOfRange),
            Err(used_up) => Some(SkipReason::UsedUp(used_up)),
        };
        match fits {
            None => least = tried,
            Some(reason) => {
                refused.get_or_insert(reason);
                most = tried - 1;
            }
        }
        tried = (least + most + 1) / 2;
    }
    let awards = of(least);
    match taking.take(&wanted(&awards, least, taking)) {
        Ok(()) => (whole(least), awards, refused),
        Err(used_up) => (Decimal::ZERO, Vec::new(), Some(SkipReason::UsedUp(used_up))),
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

/// Puts stamps on the card at hand, which keeps its date, and on the next ones, which begin now.
pub(crate) fn put(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, award: &Award) {
    let zone = draft.program.settings().time_zone;
    let origin = LotOrigin {
        reward: award.reward,
        campaign: award.campaign,
        rule: award.rule,
        fact: draft.sequence(fact),
    };
    let card = draft.program.campaign(award.campaign).and_then(|campaign| campaign.spec.card.as_ref());
    let size = card.map_or(Decimal::ONE, |card| card.stamps);
    let wallet = &draft.state.wallet;
    let at_hand = wallet.available(award.reward);
    let full = quotient(at_hand, size).multiply_divide(size, Decimal::ONE, 0, Rounding::Floor);
    let begun = at_hand.saturating_sub(full.unwrap_or(at_hand));
    // The card that was begun is the one that lives longest: older ones are full and wait.
    let of_card = |lot: &&Lot| lot.reward == award.reward && lot.available.is_positive();
    let date =
        wallet.lots.iter().rev().find(of_card).filter(|_| begun.is_positive()).map(|lot| lot.expires_at);
    let fits = if date.is_some() { size.saturating_sub(begun).min(award.amount) } else { Decimal::ZERO };
    let rest = award.amount.saturating_sub(fits);
    let next = award.life.map(|life| life.after(at, zone));
    for (amount, expires_at) in [(fits, date.flatten()), (rest, next)] {
        if amount.is_positive() {
            draft.post(fact, at, |posting| posting.issue(origin, amount, expires_at));
        }
    }
}

/// What an expired event gives of a card when stamps that it was to exchange are gone: its own stamps.
pub(crate) fn without_exchange(
    draft: &Draft<'_>,
    event: &Fact,
    campaign: u32,
    awards: &[Award],
) -> Option<Award> {
    let life = draft.program.campaign(campaign)?.spec.card.as_ref()?.life;
    let stamps = event.quotas().find(|entry| entry.quota == counted(campaign, Counts::Stamps))?.amount;
    let rule = awards.iter().find(|award| award.campaign == campaign)?.rule;
    Some(Award { campaign, rule, reward: account_of(campaign), amount: stamps, life })
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
