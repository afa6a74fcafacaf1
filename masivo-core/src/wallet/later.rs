//! Later lots: open lots beyond the bound of the working state, kept in rows of their own (W5).
//!
//! Points are spent soonest expiry first, so the lots at hand are nearly always enough. A command that needs more
//! of them says so before it is decided ([`LaterNeed`]), and hands them back when it is done.

use super::{Account, Lot, Wallet};
use crate::notices::horizon;
use crate::prelude::*;
use crate::program::Program;
use crate::value::{Decimal, Timestamp};

/// A lot's place in the order of spending: its date, then its number.
pub type SpendingOrder = (Timestamp, u32);

/// Which later lots of a reward a command needs: those that expire by an instant, and then so many points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaterNeed {
    /// The reward.
    pub reward: u32,
    /// Where its later lots begin.
    pub from: SpendingOrder,
    /// All that expire by then.
    pub due: Timestamp,
    /// Points that the lots after those must have together; the largest decimal asks for every lot.
    pub amount: Decimal,
}

/// The first later lots of a reward, as they were loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaterLots {
    /// The reward.
    pub reward: u32,
    /// The lots, in the order they are spent.
    pub lots: Vec<Lot>,
    /// The place of the first that was not loaded; `None` when there is none.
    pub next: Option<SpendingOrder>,
}

impl LaterNeed {
    /// Whether what was loaded is enough.
    pub fn is_met(&self, loaded: &LaterLots) -> bool {
        let points = loaded.lots.iter().fold(Decimal::ZERO, |sum, lot| self.count(sum, lot));
        loaded.reward == self.reward && loaded.next.is_none_or(|next| self.stops_at(next, points))
    }

    fn count(&self, sum: Decimal, lot: &Lot) -> Decimal {
        if lot.is_expired(self.due) { sum } else { sum.saturating_add(lot.available) }
    }

    fn stops_at(&self, next: SpendingOrder, points: Decimal) -> bool {
        next.0 > self.due && points >= self.amount
    }

    /// Takes lots in the order they are spent until there are enough; `page` gives the next ones from a place on,
    /// and an empty page at the end.
    ///
    /// # Errors
    /// Whatever `page` gives.
    pub fn load<E>(
        &self,
        mut page: impl FnMut(SpendingOrder) -> Result<Vec<Lot>, E>,
    ) -> Result<LaterLots, E> {
        let (mut lots, mut points, mut from) = (Vec::new(), Decimal::ZERO, self.from);
        loop {
            let found = page(from)?;
            let Some(last) = found.last() else { break };
            from = (last.spending_order().0, last.number.saturating_add(1));
            for lot in found {
                let next = lot.spending_order();
                if self.stops_at(next, points) {
                    return Ok(LaterLots { reward: self.reward, lots, next: Some(next) });
                }
                points = self.count(points, &lot);
                lots.push(lot);
            }
        }
        Ok(LaterLots { reward: self.reward, lots, next: None })
    }
}

impl Wallet {
    /// Every later lot, as a need.
    pub fn all_later(&self, now: Timestamp) -> Vec<LaterNeed> {
        self.later_needs(|_| now, now, |_| Decimal::MAX)
    }

    /// The later lots that fell due, or are announced by now, as needs.
    pub fn later_due(&self, program: &Program, now: Timestamp) -> Vec<LaterNeed> {
        self.later_needs(|account| horizon(program, account, now), now, |_| Decimal::ZERO)
    }

    /// What is needed of the later lots: those that expire by an instant of each account, what is wanted of each reward
    /// beyond the lots at hand, and all of them where letting go of a hold may ask for any.
    pub(crate) fn later_needs(
        &self,
        due: impl Fn(&Account) -> Timestamp,
        now: Timestamp,
        wanted: impl Fn(u32) -> Decimal,
    ) -> Vec<LaterNeed> {
        let needs = self.accounts.values().filter_map(|account| {
            let (reward, from) = (account.reward, account.later_from?);
            let at_hand = self
                .lots
                .iter()
                .filter(|lot| lot.reward == reward && lot.spending_order() < from && !lot.is_expired(now));
            let at_hand = at_hand.fold(Decimal::ZERO, |sum, lot| sum.saturating_add(lot.available));
            // Letting go of a hold shifts cover from a lot behind the later ones to every sooner one (W4).
            let of_reward = || self.lots.iter().filter(|lot| lot.reward == reward);
            let wanted = wanted(reward);
            let may_let_go = wanted.is_positive() || of_reward().any(|lot| lot.held.is_positive());
            let covers_behind =
                || of_reward().any(|lot| lot.applied.is_positive() && lot.spending_order() >= from);
            let amount = match wanted {
                wanted if wanted == Decimal::MAX || may_let_go && covers_behind() => Decimal::MAX,
                wanted => wanted.saturating_sub(at_hand),
            };
            let due = due(account);
            let needed = from.0 <= due || amount.is_positive();
            needed.then_some(LaterNeed { reward, from, due, amount })
        });
        needs.collect()
    }

    /// Takes later lots in, so that they can be used.
    pub fn take_in(&mut self, later: LaterLots) {
        let points = later.lots.iter().fold(Decimal::ZERO, |sum, lot| sum.saturating_add(lot.available));
        if let Some(account) = self.accounts.get_mut(&later.reward) {
            account.later = account.later.saturating_sub(points);
            account.later_from = later.next;
            // Of those that stay out only the first is known: none is before it.
            let next = later.next.map(|(date, _)| date).filter(|date| *date < Timestamp::MAX);
            account.later_unannounced =
                account.later_unannounced.zip(next).map(|(unannounced, next)| unannounced.max(next));
        }
        self.lots.extend(later.lots);
        self.lots.sort_by_key(Lot::spending_order);
    }

    /// Puts lots beyond the bound out, and those that come after lots that are out already; gives them.
    ///
    /// Lots of which something is held or applied stay: they are few, and any release may ask for them.
    pub(crate) fn put_out(&mut self, held: usize) -> Vec<Lot> {
        if self.lots.len() <= held && self.accounts.values().all(|account| account.later_from.is_none()) {
            return Vec::new();
        }
        let is_plain = |lot: &Lot| lot.held.is_zero() && lot.applied.is_zero();
        let is_behind = |wallet: &Self, lot: &Lot| {
            wallet.account(lot.reward).later_from.is_some_and(|from| lot.spending_order() >= from)
        };
        let at_hand = self.lots.iter().filter(|lot| is_plain(lot) && !is_behind(self, lot)).count();
        // A few more than needed leave, so that not every new lot moves one.
        let kept = if at_hand > held { held - held / 4 } else { held };
        let (mut stay, mut out, mut rank) = (Vec::with_capacity(self.lots.len()), Vec::new(), 0);
        for lot in core::mem::take(&mut self.lots) {
            let behind = is_behind(self, &lot);
            if is_plain(&lot) && (behind || rank >= kept) {
                out.push(lot);
            } else {
                rank += usize::from(is_plain(&lot));
                stay.push(lot);
            }
        }
        self.lots = stay;
        for lot in &out {
            let account = self.account_mut(lot.reward);
            account.later = account.later.saturating_add(lot.available);
            let order = lot.spending_order();
            account.later_from = Some(account.later_from.map_or(order, |from| from.min(order)));
            if let Some(date) = lot.expires_at.filter(|_| !lot.announced) {
                let first = account.later_unannounced.map_or(date, |first| first.min(date));
                account.later_unannounced = Some(first);
            }
        }
        out
    }
}
