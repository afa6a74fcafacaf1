//! The wallet: lots of points, holds on them, and debt, moved only by ledger entries.
//!
//! Vocabulary: a *lot* is what one rule of one event gave; it is available, held by waiting events, spent,
//! applied to debt, expired, reversed or forfeited. *Debt* is what a reversal could not take back.
//!
//! - W1: per lot `amount = available + held + spent + applied + expired + forfeited + reversed`, none below zero.
//! - W2: per reward `issued + debt + forgiven = available + held + spent + expired + forfeited + reversed`,
//!   where `reversed` counts each reversed lot in full; debt is never below zero.
//! - W3: while there is debt nothing is available: whatever becomes available pays it first.
//! - W4: reversing events in any order gives the same wallet. What a reversed lot still owes (its spent and
//!   held part) is covered by available points, soonest expiry first, and becomes debt beyond that; what is
//!   given back to it undoes the cover in the opposite order.
//! - W5: the working state holds a bounded number of lots, the soonest; per reward the later ones lie in rows of
//!   their own, all of them after `later_from`, and are `later` points together. Of a later lot nothing is held or
//!   applied.

mod entry;
mod later;
mod post;

pub use entry::{Entry, EntryKind, LotBefore};
pub use later::{LaterLots, LaterNeed, SpendingOrder};
pub use post::{GiveBack, Hold, Insufficient, LotOrigin, OnReversal, Posting};

use crate::prelude::*;
use crate::value::{Decimal, Timestamp};

/// What one rule of one event gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Its number, unique for the customer.
    pub number: u32,
    /// The reward it is of.
    pub reward: u32,
    /// The campaign that gave it; 0 when none did.
    pub campaign: u32,
    /// The rule of the campaign.
    pub rule: u16,
    /// The fact that made it.
    pub fact: u64,
    /// When it was posted.
    pub issued_at: Timestamp,
    /// When what is available of it expires.
    pub expires_at: Option<Timestamp>,
    /// What was given.
    pub amount: Decimal,
    /// What can be spent.
    pub available: Decimal,
    /// What waiting events hold.
    pub held: Decimal,
    /// What was spent.
    pub spent: Decimal,
    /// What paid debt.
    pub applied: Decimal,
    /// What expired, was forfeited or voided.
    pub lapsed: Decimal,
    /// Whether the event that gave it was reversed.
    pub reversed: bool,
    /// Whether it was announced that it expires.
    pub announced: bool,
}

impl Lot {
    /// Whether what is available is past its date. At the very instant it *is* expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    /// The order in which lots are spent: soonest expiry first, then oldest.
    pub fn spending_order(&self) -> SpendingOrder {
        (self.expires_at.unwrap_or(Timestamp::MAX), self.number)
    }

    /// Whether the working state still needs it: something of it is available, held or applied.
    pub fn is_open(&self) -> bool {
        !(self.available.is_zero() && self.held.is_zero() && self.applied.is_zero())
    }
}

/// The sums of one reward over the whole life of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Account {
    /// The reward.
    pub reward: u32,
    /// Everything ever given.
    pub issued: Decimal,
    /// Spent and not given back.
    pub spent: Decimal,
    /// Expired.
    pub expired: Decimal,
    /// Reversed lots, in full.
    pub reversed: Decimal,
    /// Given up at deletion or by policy, or taken by hand.
    pub forfeited: Decimal,
    /// What reversals could not take back and nobody has repaid.
    pub debt: Decimal,
    /// Debt given up by policy or at deletion.
    pub forgiven: Decimal,
    /// What is available in later lots (W5).
    pub later: Decimal,
    /// The place of the first later lot; `None` when there is none.
    pub later_from: Option<SpendingOrder>,
    /// No later lot expires before that without having been announced; `None` when all were, or never expire.
    pub later_unannounced: Option<Timestamp>,
}

/// All points of one customer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wallet {
    /// Open lots in the order they are spent: those at hand (W5).
    pub lots: Vec<Lot>,
    /// Lots that are no longer open and were loaded, or closed by the command at hand: the store keeps them
    /// in rows of their own, so that the working state stays small.
    pub closed: Vec<Lot>,
    /// One account per reward.
    pub accounts: BTreeMap<u32, Account>,
    /// How many lots were ever made.
    pub lots_made: u32,
}

/// A law that does not hold: a bug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {law} is broken: {detail}")]
pub struct Broken {
    /// Which invariant, as numbered in the module heads.
    pub law: &'static str,
    /// What was found.
    pub detail: String,
}

impl Wallet {
    /// The lot of that number, when it is open or was loaded.
    pub fn lot(&self, number: u32) -> Option<&Lot> {
        self.lots.iter().chain(&self.closed).find(|lot| lot.number == number)
    }

    /// The sums of a reward; all zero when there never was any.
    pub fn account(&self, reward: u32) -> Account {
        self.accounts.get(&reward).copied().unwrap_or(Account { reward, ..Account::default() })
    }

    /// What can be spent of a reward.
    pub fn available(&self, reward: u32) -> Decimal {
        self.sum(reward, |lot| lot.available).saturating_add(self.account(reward).later)
    }

    /// What waiting events hold of a reward.
    pub fn held(&self, reward: u32) -> Decimal {
        self.sum(reward, |lot| lot.held)
    }

    fn sum(&self, reward: u32, part: impl Fn(&Lot) -> Decimal) -> Decimal {
        self.lots
            .iter()
            .filter(|lot| lot.reward == reward)
            .fold(Decimal::ZERO, |sum, lot| sum.saturating_add(part(lot)))
    }

    /// The earliest instant at which something available expires.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        // Lots are in the order of their expiry.
        let at_hand = self.lots.iter().find(|lot| lot.available.is_positive()).map(Lot::spending_order);
        let later = self.accounts.values().filter_map(|account| account.later_from);
        let soonest = at_hand.into_iter().chain(later).min();
        soonest.map(|(date, _)| date).filter(|date| *date < Timestamp::MAX)
    }

    /// Notes that available points of a reward which expire by an instant were announced.
    pub(crate) fn announce(&mut self, reward: u32, until: Timestamp) {
        let of_reward =
            self.lots.iter_mut().filter(|lot| lot.reward == reward && lot.available.is_positive());
        for lot in of_reward.filter(|lot| lot.is_expired(until)) {
            lot.announced = true;
        }
    }

    /// When the first available points of a reward expire; `None` when none do.
    pub fn soonest_expiry(&self, reward: u32) -> Option<Timestamp> {
        let at_hand = self.lots.iter().find(|lot| lot.reward == reward && lot.available.is_positive());
        let at_hand = at_hand.map(Lot::spending_order);
        let soonest = at_hand.into_iter().chain(self.account(reward).later_from).min();
        soonest.map(|(date, _)| date).filter(|date| *date < Timestamp::MAX)
    }

    /// Checks the laws of the module head.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn check(&self) -> Result<(), Broken> {
        for lot in &self.lots {
            let parts = [lot.available, lot.held, lot.spent, lot.applied, lot.lapsed];
            let sum = parts.into_iter().fold(Decimal::ZERO, Decimal::saturating_add);
            let whole =
                if lot.reversed { sum <= lot.amount && lot.available.is_zero() } else { sum == lot.amount };
            if !whole || parts.into_iter().any(Decimal::is_negative) {
                return Err(Broken { law: "W1", detail: format!("{lot:?}") });
            }
        }
        for account in self.accounts.values() {
            let (available, held) = (self.available(account.reward), self.held(account.reward));
            let sources = [account.issued, account.debt, account.forgiven];
            let uses = [available, held, account.spent, account.expired, account.forfeited, account.reversed];
            let sum = |parts: &[Decimal]| parts.iter().copied().fold(Decimal::ZERO, Decimal::saturating_add);
            if sum(&sources) != sum(&uses) || account.debt.is_negative() {
                return Err(Broken {
                    law: "W2",
                    detail: format!("{account:?}, {available} available, {held} held"),
                });
            }
            if account.later.is_positive() != account.later_from.is_some() {
                return Err(Broken { law: "W5", detail: format!("{account:?}") });
            }
            if account.debt.is_positive() && available.is_positive() {
                return Err(Broken { law: "W3", detail: format!("{account:?}, {available} available") });
            }
        }
        let ordered = self.lots.windows(2).all(|pair| match pair {
            [first, second] => first.spending_order() < second.spending_order(),
            _ => true,
        });
        if ordered { Ok(()) } else { Err(Broken { law: "W4", detail: "lots out of order".into() }) }
    }
}
