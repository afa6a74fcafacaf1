//! Applying what an event gives: wallet, metrics, tier, audiences, journeys, in this order (E2).

use super::emit::{emit_caused, event_data};
use crate::audiences;
use crate::draft::{Draft, FactId};
use crate::fact::{Award, Change, EventHead};
use crate::gift_cards::{self, Places};
use crate::journeys;
use crate::prelude::*;
use crate::program::Watch;
use crate::punch_cards;
use crate::quota::{self, Quota, QuotaMove};
use crate::series;
use crate::tiers;
use crate::value::{Decimal, Json, Timestamp};
use crate::view;
use crate::wallet::{EntryKind, Hold, Insufficient, LotOrigin};

/// Where the points that an event spends come from.
#[derive(Clone, Copy)]
pub(crate) enum Spending<'a> {
    /// From what is available.
    Redeem(&'a [(u32, Decimal)]),
    /// From what the event holds.
    Holds(&'a [Hold]),
    /// From one lot.
    Lot {
        /// The reward it is of.
        reward: u32,
        /// Its number.
        lot: u32,
        /// How much of it.
        amount: Decimal,
    },
}

/// What an event gives and takes.
#[derive(Clone, Copy)]
pub(crate) struct Effects<'a> {
    pub(crate) spending: Spending<'a>,
    pub(crate) awards: &'a [Award],
    /// What the awards take from quotas, and whether it was held.
    pub(crate) quotas: &'a [(Quota, Decimal)],
    pub(crate) how: QuotaMove,
}

/// Applies an event; `fact` books it (the event's own fact, or the one that fulfils it).
///
/// # Errors
/// [`Insufficient`] when there is not enough to spend; nothing is applied then.
pub(crate) fn resolve(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    head: &EventHead,
    payload: &Json,
    effects: Effects<'_>,
) -> Result<(), Insufficient> {
    spend(draft, fact, at, effects.spending)?;
    quota::book(draft, fact, effects.how, effects.quotas);
    give(draft, fact, at, effects.awards);
    tell_about_points(draft, fact, at, head);
    if head.reason.is_some() {
        return Ok(());
    }
    if let Some(visit) = head.visit {
        draft.record(fact, Change::Visited(visit));
    }
    let changed = tiers::after_event(draft, fact, at, head.issued_at);
    let series = series::add(draft, fact, head, payload);
    audiences::evaluate(draft, fact, at, counted(changed, series));
    journeys::on_event(draft, fact, head, payload);
    emit_caused(draft);
    Ok(())
}

/// What audiences may look at after an event counted, or no longer does.
pub(crate) fn counted(tier: bool, series: BTreeSet<u64>) -> impl Iterator<Item = Watch> {
    let tier = tier.then_some(Watch::Tier);
    [Watch::Metrics].into_iter().chain(tier).chain(series.into_iter().map(Watch::Series))
}

fn spend(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    spending: Spending<'_>,
) -> Result<(), Insufficient> {
    match spending {
        Spending::Holds(holds) => {
            draft.post(fact, at, |posting| posting.redeem_holds(holds));
            Ok(())
        }
        Spending::Lot { reward, lot, amount } => {
            draft.post(fact, at, |posting| posting.redeem_lot(reward, lot, amount))
        }
        Spending::Redeem(redeem) => {
            // All or nothing: ask for everything before anything is taken.
            for (reward, wanted) in redeem {
                let available = draft.state.wallet.available(*reward);
                if available < *wanted {
                    return Err(Insufficient { reward: *reward, wanted: *wanted, available });
                }
            }
            for (reward, amount) in redeem {
                let spent = draft.post(fact, at, |posting| posting.redeem(*reward, *amount));
                assert!(spent.is_ok(), "later lots that are spent were loaded (W5)");
            }
            Ok(())
        }
    }
}

/// Posts the awards as lots; their life starts now.
fn give(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, awards: &[Award]) {
    let zone = draft.program.settings().time_zone;
    let sequence = draft.sequence(fact);
    let mut places = Places::of(draft, awards);
    for award in awards {
        if gift_cards::is_gift_card(draft.program, award.reward) {
            gift_cards::hand_out(draft, fact, at, award, &mut places);
            continue;
        }
        if punch_cards::campaign_of(award.reward).is_some() {
            punch_cards::put(draft, fact, at, award);
            continue;
        }
        let origin =
            LotOrigin { reward: award.reward, campaign: award.campaign, rule: award.rule, fact: sequence };
        let expires_at = award.life.map(|life| life.after(at, zone));
        draft.post(fact, at, |posting| posting.issue(origin, award.amount, expires_at));
    }
}

fn tell_about_points(draft: &mut Draft<'_>, fact: FactId, at: Timestamp, head: &EventHead) {
    for (name, gained) in [("CUSTOMER_ACCUMULATION", true), ("CUSTOMER_REDEMPTION", false)] {
        draft.tell_when_moved(name, fact, at, gained, head.id);
    }
}

impl Draft<'_> {
    /// Tells that points were gained or spent in a fact, when they were.
    fn tell_when_moved(
        &mut self,
        name: &'static str,
        fact: FactId,
        at: Timestamp,
        gained: bool,
        event: uuid::Uuid,
    ) {
        if !self.is_told(name) {
            return;
        }
        let sequence = self.sequence(fact);
        let lines: Vec<Json> = self
            .facts
            .iter()
            .filter(|fact| fact.sequence == sequence)
            .flat_map(|fact| fact.entries())
            .filter(|entry| punch_cards::campaign_of(entry.reward).is_none())
            .filter(|entry| match entry.kind {
                EntryKind::Issued { .. } => gained,
                EntryKind::Redeemed | EntryKind::RedeemedFromHold => !gained,
                _ => false,
            })
            .map(|entry| view::entry_line(self.program, &self.state, entry))
            .collect();
        if lines.is_empty() {
            return;
        }
        self.tell(name, at, |draft| {
            let mut data = event_data(draft, event, None);
            data.set("lines", Json::List(lines));
            data
        });
    }
}
