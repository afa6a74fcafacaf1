//! Notices before points expire: so many days before, to the millisecond, for webhooks and journeys.
//!
//! - Z1: points are announced once: when they have so many days left, or at once when they come with less.
//! - Z2: a notice names all available points of the reward that expire by then and were not announced before.
//! - Z3: points that were announced and come back to their lot are not announced again.

use crate::draft::{Caused, Draft, FactId};
use crate::events::emit_caused;
use crate::fact::{Change, FactKind};
use crate::prelude::*;
use crate::program::{Notice, Program};
use crate::state::{Noticed, Standing, State};
use crate::value::{DAY, Decimal, Timestamp, object};
use crate::view;
use crate::wallet::Lot;

/// The type of the event, and what webhooks are told.
pub const POINTS_ABOUT_TO_EXPIRE: &str = "POINTS_ABOUT_TO_EXPIRE";

/// Until when the points of a reward are looked at: those that expire by then are announced.
pub(crate) fn horizon(program: &Program, reward: u32, now: Timestamp) -> Timestamp {
    notice_of(program, reward).map_or(now, |notice| now.plus(notice.days.saturating_mul(DAY)))
}

fn notice_of(program: &Program, reward: u32) -> Option<Notice> {
    program.reward(reward)?.spec.notice
}

/// What was announced of a reward.
fn announced(state: &State, reward: u32) -> Noticed {
    let known = state.notices.iter().find(|known| known.reward == reward);
    known.copied().unwrap_or(Noticed { reward, until: Timestamp::MIN, lots: 0 })
}

impl Noticed {
    /// Whether a lot with a date was announced.
    fn covers(&self, date: Timestamp, lot: u32) -> bool {
        date <= self.until && lot <= self.lots
    }
}

/// When the customer's next notice is due; the later lots up to [`horizon`] must be at hand.
pub(crate) fn next(state: &State, program: &Program) -> Option<Timestamp> {
    if !program.has_notices() || state.standing != Standing::Active {
        return None;
    }
    let due = state.wallet.accounts.values().filter_map(|account| {
        let notice = notice_of(program, account.reward)?;
        let known = announced(state, account.reward);
        let lots = state.wallet.lots.iter().filter(|lot| lot.reward == account.reward);
        let at_hand = lots.filter(|lot| lot.available.is_positive()).map(Lot::spending_order);
        let dates = at_hand.chain(account.later_from).filter(|(date, _)| *date < Timestamp::MAX);
        let soonest = dates.filter(|(date, lot)| !known.covers(*date, *lot)).map(|(date, _)| date).min()?;
        Some(soonest.plus(notice.days.saturating_mul(-DAY)).max(notice.since))
    });
    due.min()
}

/// Announces what is due at an instant.
pub(crate) fn announce(draft: &mut Draft<'_>, fact: FactId, at: Timestamp) {
    if next(&draft.state, draft.program).is_none_or(|due| due > at) {
        return;
    }
    let rewards: Vec<u32> = draft.state.wallet.accounts.keys().copied().collect();
    for reward in rewards {
        let Some(notice) = notice_of(draft.program, reward) else { continue };
        let (known, until) = (announced(&draft.state, reward), at.plus(notice.days.saturating_mul(DAY)));
        let lots = draft.state.wallet.lots.iter().filter(|lot| lot.reward == reward);
        let (mut amount, mut soonest) = (Decimal::ZERO, None::<Timestamp>);
        for lot in lots.filter(|lot| lot.available.is_positive()) {
            let is_new = |date: &Timestamp| *date <= until && !known.covers(*date, lot.number);
            if let Some(date) = lot.expires_at.filter(is_new) {
                amount = amount.saturating_add(lot.available);
                soonest = Some(soonest.map_or(date, |soonest| soonest.min(date)));
            }
        }
        let Some(soonest) = soonest else { continue };
        let noticed = Noticed { reward, until, lots: draft.state.wallet.lots_made };
        draft.record(fact, Change::ExpiryNoticed(noticed));
        if !draft.quiet {
            tell(draft, fact, at, (reward, amount, soonest));
        }
    }
}

fn tell(
    draft: &mut Draft<'_>,
    fact: FactId,
    at: Timestamp,
    (reward, amount, soonest): (u32, Decimal, Timestamp),
) {
    let id = draft.program.reward(reward).map(|reward| reward.id.clone());
    let data =
        object().with_some("reward_id", id).with("amount", amount).with("expiration_date", soonest).build();
    let mut told = object().with("customer_id", draft.profile.id()).build();
    told.merge(&data);
    draft.tell(POINTS_ABOUT_TO_EXPIRE, at, |draft| {
        told.set("wallet", view::wallet(draft.program, &draft.state, draft.profile.id()));
        told
    });
    draft.caused.push(Caused { cause: fact, event_type: POINTS_ABOUT_TO_EXPIRE, at, data });
}

/// Announces what came with less than its days left (Z1): nothing is due in the past, whatever was done now.
pub(crate) fn settle(draft: &mut Draft<'_>) {
    let now = draft.now;
    if next(&draft.state, draft.program).is_some_and(|due| due <= now) {
        let fact = draft.open(FactKind::Due, now);
        announce(draft, fact, now);
        emit_caused(draft);
        draft.summarise(fact);
    }
}
