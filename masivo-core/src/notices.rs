//! Notices before points expire: so many days before, to the millisecond, for webhooks and journeys.
//!
//! - Z1: points are announced once: when they have so many days left, or at once when they come with less.
//! - Z2: a notice names all available points of the reward that expire by then and were not announced before.
//! - Z3: a lot is announced once, also when points come back to it or a part of it was taken back; what was held or spent
//!   then is announced when it comes back. What moves in from elsewhere is not told.

use crate::draft::{Caused, Draft, FactId};
use crate::events::emit_caused;
use crate::fact::{Change, FactKind};
use crate::prelude::*;
use crate::program::{Notice, Program};
use crate::state::{Standing, State};
use crate::value::{DAY, Decimal, Timestamp, object};
use crate::view;
use crate::wallet::Account;

/// The type of the event, and what webhooks are told.
pub const POINTS_ABOUT_TO_EXPIRE: &str = "POINTS_ABOUT_TO_EXPIRE";

/// Until when later lots of a reward are needed: all that are announced by now, when one may be.
pub(crate) fn horizon(program: &Program, account: &Account, now: Timestamp) -> Timestamp {
    let notice = notice_of(program, account.reward);
    let until = notice.map(|notice| now.plus(notice.days.saturating_mul(DAY)));
    until.filter(|until| account.later_unannounced.is_some_and(|date| date <= *until)).unwrap_or(now)
}

fn notice_of(program: &Program, reward: u32) -> Option<Notice> {
    program.reward(reward)?.spec.notice
}

/// When the customer's next notice is due; what [`horizon`] asks for must be at hand.
pub(crate) fn next(state: &State, program: &Program) -> Option<Timestamp> {
    if !program.has_notices() || state.standing != Standing::Active {
        return None;
    }
    let due = state.wallet.accounts.values().filter_map(|account| {
        let notice = notice_of(program, account.reward)?;
        let lots = state.wallet.lots.iter().filter(|lot| lot.reward == account.reward);
        let at_hand = lots.filter(|lot| lot.available.is_positive() && !lot.announced);
        let dates = at_hand.filter_map(|lot| lot.expires_at).chain(account.later_unannounced);
        let soonest = dates.min()?;
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
        let until = at.plus(notice.days.saturating_mul(DAY));
        let lots = draft.state.wallet.lots.iter().filter(|lot| lot.reward == reward && !lot.announced);
        let (mut amount, mut soonest) = (Decimal::ZERO, None::<Timestamp>);
        for lot in lots.filter(|lot| lot.available.is_positive()) {
            if let Some(date) = lot.expires_at.filter(|date| *date <= until) {
                amount = amount.saturating_add(lot.available);
                soonest = Some(soonest.map_or(date, |soonest| soonest.min(date)));
            }
        }
        let Some(soonest) = soonest else { continue };
        draft.record(fact, Change::ExpiryNoticed { reward, until });
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
