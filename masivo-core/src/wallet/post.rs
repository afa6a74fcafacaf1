//! Posting: what happens to a wallet, turned into ledger entries one at a time.

use super::{Entry, EntryKind, Lot, LotBefore, Wallet};
use crate::prelude::*;
use crate::value::{DAY, Decimal, Timestamp};

/// Builds the entries of one command on a wallet; the wallet already shows what was posted so far.
#[derive(Debug)]
pub struct Posting<'a> {
    wallet: &'a mut Wallet,
    now: Timestamp,
    entries: Vec<Entry>,
    /// What was known of the lot of each entry before it.
    before: Vec<Option<LotBefore>>,
}

/// Where a new lot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotOrigin {
    /// The reward.
    pub reward: u32,
    /// The campaign that gives it; 0 when none does.
    pub campaign: u32,
    /// The rule of the campaign.
    pub rule: u16,
    /// The fact that makes it.
    pub fact: u64,
}

/// Points of one lot that a waiting event holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The reward.
    pub reward: u32,
    /// The lot.
    pub lot: u32,
    /// How much of it.
    pub amount: Decimal,
}

/// There is not enough to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insufficient {
    /// The reward.
    pub reward: u32,
    /// What was asked for.
    pub wanted: Decimal,
    /// What there is.
    pub available: Decimal,
}

/// What to do when reversed points were already spent (design, "Points already spent when reversed").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReversal {
    /// Points that were posted stay.
    PendingOnly,
    /// What other lots cover is taken, the rest is forgiven.
    UpToBalance,
    /// What other lots do not cover becomes debt, at most so much.
    Debt {
        /// The most debt there may be; without it there is no bound.
        max: Option<Decimal>,
    },
    /// The reversal is refused.
    Refuse,
    /// What was spent is kept, and nothing else pays for it: gift cards do not stand for one another.
    Keep,
}

/// What to do with points given back to a lot that has lapsed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveBack {
    /// They are lost.
    Forfeit,
    /// They live on for so many days.
    Grace {
        /// Days from the moment they are given back.
        days: i64,
    },
    /// They live on as long as the lot was made to live.
    Reissue,
}

impl<'a> Posting<'a> {
    /// Starts posting on a wallet at an instant.
    pub const fn new(wallet: &'a mut Wallet, now: Timestamp) -> Self {
        Self { wallet, now, entries: Vec::new(), before: Vec::new() }
    }

    /// The entries, in their order, each with what was known of its lot before.
    pub fn finish(self) -> impl Iterator<Item = (Entry, Option<LotBefore>)> {
        self.entries.into_iter().zip(self.before)
    }

    fn post(&mut self, kind: EntryKind, reward: u32, lot: u32, amount: Decimal) {
        let entry = Entry { kind, reward, lot, amount };
        self.before.push(self.wallet.before(&entry));
        self.wallet.apply(&entry);
        self.entries.push(entry);
    }

    /// Gives a new lot; debt is paid from it first. Gives the number of the lot.
    pub fn issue(&mut self, origin: LotOrigin, amount: Decimal, expires_at: Option<Timestamp>) -> u32 {
        self.issue_dated(origin, amount, self.now, expires_at)
    }

    /// Gives a new lot that was made earlier, elsewhere; debt is paid from it first. Gives the number of the lot.
    pub fn issue_dated(
        &mut self,
        origin: LotOrigin,
        amount: Decimal,
        issued_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> u32 {
        let LotOrigin { reward, campaign, rule, fact } = origin;
        let number = self.wallet.lots_made.saturating_add(1);
        let kind = EntryKind::Issued { campaign, rule, fact, issued_at, expires_at };
        self.post(kind, reward, number, amount);
        self.settle(reward);
        number
    }

    /// Spends from the available lots, soonest expiry first.
    ///
    /// # Errors
    /// [`Insufficient`] when there is not enough; nothing is posted then.
    pub fn redeem(&mut self, reward: u32, amount: Decimal) -> Result<(), Insufficient> {
        for (lot, part) in self.take_from_available(reward, amount)? {
            self.post(EntryKind::Redeemed, reward, lot, part);
        }
        Ok(())
    }

    /// Spends available points of one lot.
    ///
    /// # Errors
    /// [`Insufficient`] when there is not enough; nothing is posted then.
    pub fn redeem_lot(&mut self, reward: u32, number: u32, amount: Decimal) -> Result<(), Insufficient> {
        let available = self.wallet.lot(number).map_or(Decimal::ZERO, |lot| lot.available);
        if available < amount {
            return Err(Insufficient { reward, wanted: amount, available });
        }
        self.post(EntryKind::Redeemed, reward, number, amount);
        Ok(())
    }

    /// Takes available points by hand, soonest expiry first; never more than there are.
    pub fn withdraw(&mut self, reward: u32, amount: Decimal) {
        let (parts, _) = self.cover(reward, amount);
        for (lot, part) in parts {
            self.post(EntryKind::Voided, reward, lot, part);
        }
    }

    /// Takes available points of one lot by hand; never more than there are.
    pub fn void(&mut self, number: u32, amount: Decimal) {
        let found = self.wallet.lot(number).map(|lot| (lot.reward, amount.min(lot.available)));
        if let Some((reward, amount)) = found.filter(|(_, amount)| amount.is_positive()) {
            self.post(EntryKind::Voided, reward, number, amount);
        }
    }

    /// Holds available points for a waiting event, soonest expiry first.
    ///
    /// # Errors
    /// [`Insufficient`] when there is not enough; nothing is posted then.
    pub fn hold(&mut self, reward: u32, amount: Decimal) -> Result<Vec<Hold>, Insufficient> {
        let parts = self.take_from_available(reward, amount)?;
        Ok(parts
            .into_iter()
            .map(|(lot, amount)| {
                self.post(EntryKind::Held, reward, lot, amount);
                Hold { reward, lot, amount }
            })
            .collect())
    }

    fn take_from_available(&self, reward: u32, amount: Decimal) -> Result<Vec<(u32, Decimal)>, Insufficient> {
        let available = self.wallet.available(reward);
        let (parts, rest) = self.cover(reward, amount);
        if rest.is_positive() {
            return Err(Insufficient { reward, wanted: amount, available: available.min(amount) });
        }
        Ok(parts)
    }

    /// Which available lots cover an amount, soonest expiry first, and what remains uncovered.
    fn cover(&self, reward: u32, amount: Decimal) -> (Vec<(u32, Decimal)>, Decimal) {
        let mut rest = amount;
        let mut parts = Vec::new();
        // Later lots that are not at hand would come first.
        let usable = self.wallet.account(reward).later_from.unwrap_or((Timestamp::MAX, u32::MAX));
        let lots = self.wallet.lots.iter().take_while(|lot| lot.spending_order() < usable);
        for lot in lots.filter(|lot| lot.reward == reward && lot.available.is_positive()) {
            if !rest.is_positive() {
                break;
            }
            let part = lot.available.min(rest);
            rest = rest.saturating_sub(part);
            parts.push((lot.number, part));
        }
        (parts, rest)
    }

    /// Spends what a waiting event holds.
    pub fn redeem_holds(&mut self, holds: &[Hold]) {
        for hold in holds {
            self.post(EntryKind::RedeemedFromHold, hold.reward, hold.lot, hold.amount);
        }
    }

    /// Lets go of what a waiting event holds; a lot past its date expires at once
    /// (design, "Holds and lot expiry").
    pub fn release(&mut self, holds: &[Hold]) {
        for hold in holds {
            let Some(lot) = self.wallet.lot(hold.lot) else { continue };
            if lot.reversed {
                self.post(EntryKind::OwedReleased, hold.reward, hold.lot, hold.amount);
                self.lower_owed(hold.reward, hold.amount, GiveBack::Forfeit);
                self.rebalance(hold.reward);
                continue;
            }
            let expired = lot.is_expired(self.now);
            self.post(EntryKind::Released, hold.reward, hold.lot, hold.amount);
            if expired {
                self.post(EntryKind::Expired, hold.reward, hold.lot, hold.amount);
            }
            self.settle(hold.reward);
            self.rebalance(hold.reward);
        }
    }

    /// Gives spent points back to the lot they came from; one that has lapsed is treated by `policy`.
    pub fn give_back(&mut self, reward: u32, number: u32, amount: Decimal, policy: GiveBack) {
        let Some(lot) = self.wallet.lot(number) else { return };
        if lot.reversed {
            self.post(EntryKind::OwedReturned, reward, number, amount);
            self.lower_owed(reward, amount, policy);
        } else {
            self.post(EntryKind::Returned, reward, number, amount);
            self.revive(reward, number, amount, policy);
            self.settle(reward);
        }
        self.rebalance(reward);
    }

    /// Treats points that became available in a lot past its date.
    fn revive(&mut self, reward: u32, number: u32, amount: Decimal, policy: GiveBack) {
        let Some(lot) = self.wallet.lot(number).filter(|lot| lot.is_expired(self.now)) else { return };
        let life = lot.expires_at.map_or(0, |expires_at| expires_at.since(lot.issued_at));
        match policy {
            GiveBack::Forfeit => self.post(EntryKind::Expired, reward, number, amount),
            GiveBack::Grace { days } => {
                let expires_at = Some(self.now.plus(days.saturating_mul(DAY)));
                self.post(EntryKind::Extended { expires_at }, reward, number, Decimal::ZERO);
            }
            GiveBack::Reissue => {
                let expires_at = Some(self.now.plus(life));
                self.post(EntryKind::Extended { expires_at }, reward, number, Decimal::ZERO);
            }
        }
    }

    /// Takes a lot back because its event was reversed; gives what the customer keeps of it, since it was forgiven.
    pub fn reverse(&mut self, number: u32, policy: OnReversal) -> Decimal {
        self.reverse_to(number, Decimal::ZERO, policy)
    }

    /// Takes a lot back but for `keep`, because a part of its event came back; what lapsed of it is taken first. Gives
    /// what the customer keeps beyond that, since it was forgiven.
    pub fn reverse_to(&mut self, number: u32, keep: Decimal, policy: OnReversal) -> Decimal {
        let Some(lot) = self.wallet.lot(number).filter(|lot| !lot.reversed) else { return Decimal::ZERO };
        let reward = lot.reward;
        let owed = lot.spent.saturating_add(lot.held).saturating_add(lot.applied);
        let there = lot.amount.saturating_sub(lot.lapsed);
        if keep >= there && keep.is_positive() {
            return Decimal::ZERO;
        }
        let taken = there.saturating_sub(keep);
        let kind = match keep.is_positive() {
            true => EntryKind::ReversedInPart { into: self.wallet.lots_made.saturating_add(1), keep },
            false => EntryKind::Reversed,
        };
        self.post(kind, reward, number, taken);
        let (parts, rest) = match policy {
            OnReversal::Keep => (Vec::new(), owed),
            _ => self.cover(reward, owed),
        };
        for (lot, part) in parts {
            self.post(EntryKind::Applied, reward, lot, part);
        }
        self.rebalance(reward);
        if !rest.is_positive() {
            return Decimal::ZERO;
        }
        self.post(EntryKind::DebtRaised, reward, 0, rest);
        let debt = self.wallet.account(reward).debt;
        let most = match policy {
            OnReversal::Debt { max: None } => debt,
            OnReversal::Debt { max: Some(max) } => max.max(debt.saturating_sub(rest)),
            OnReversal::UpToBalance | OnReversal::PendingOnly | OnReversal::Refuse | OnReversal::Keep => {
                debt.saturating_sub(rest)
            }
        };
        let forgiven = debt.saturating_sub(most).max(Decimal::ZERO);
        if forgiven.is_positive() {
            self.post(EntryKind::DebtForgiven, reward, 0, forgiven);
        }
        forgiven
    }

    /// Less is owed: debt shrinks first, then what was forgiven, then points applied from other lots return,
    /// latest expiry first (W4).
    fn lower_owed(&mut self, reward: u32, amount: Decimal, policy: GiveBack) {
        let account = self.wallet.account(reward);
        let from_debt = amount.min(account.debt);
        if from_debt.is_positive() {
            self.post(EntryKind::DebtLowered, reward, 0, from_debt);
        }
        let rest = amount.saturating_sub(from_debt);
        let from_forgiven = rest.min(account.forgiven);
        if from_forgiven.is_positive() {
            self.post(EntryKind::ForgivenLowered, reward, 0, from_forgiven);
        }
        let mut rest = rest.saturating_sub(from_forgiven);
        let applied: Vec<(u32, Decimal)> = self
            .wallet
            .lots
            .iter()
            .rev()
            .filter(|lot| lot.reward == reward && lot.applied.is_positive())
            .map(|lot| (lot.number, lot.applied))
            .collect();
        for (lot, applied) in applied {
            if !rest.is_positive() {
                break;
            }
            let part = applied.min(rest);
            rest = rest.saturating_sub(part);
            self.post(EntryKind::Unapplied, reward, lot, part);
            self.revive(reward, lot, part, policy);
        }
    }

    /// Shifts the cover of what reversed lots owe to the lots that expire soonest, so that it does not matter
    /// in which order events are reversed (W4).
    fn rebalance(&mut self, reward: u32) {
        loop {
            let lots = || self.wallet.lots.iter().filter(|lot| lot.reward == reward);
            let sooner = lots().find(|lot| lot.available.is_positive());
            let later = lots().rev().find(|lot| lot.applied.is_positive());
            let (Some(sooner), Some(later)) = (sooner, later) else { break };
            if later.spending_order() <= sooner.spending_order() {
                break;
            }
            let amount = sooner.available.min(later.applied);
            let (sooner, later) = (sooner.number, later.number);
            self.post(EntryKind::Unapplied, reward, later, amount);
            self.post(EntryKind::Applied, reward, sooner, amount);
        }
    }

    /// Pays debt from whatever is available (W3).
    fn settle(&mut self, reward: u32) {
        let debt = self.wallet.account(reward).debt;
        if !debt.is_positive() {
            return;
        }
        let (parts, _) = self.cover(reward, debt);
        for (lot, part) in parts {
            self.post(EntryKind::Applied, reward, lot, part);
            self.post(EntryKind::DebtLowered, reward, 0, part);
        }
    }

    /// Expires what is available in lots whose date has come; gives the rewards of which something expired.
    pub fn expire_due(&mut self) -> BTreeSet<u32> {
        let due = |lot: &&Lot| lot.available.is_positive() && lot.is_expired(self.now);
        let lots: Vec<(u32, u32, Decimal)> =
            self.wallet.lots.iter().filter(due).map(|lot| (lot.reward, lot.number, lot.available)).collect();
        for (reward, lot, amount) in &lots {
            self.post(EntryKind::Expired, *reward, *lot, *amount);
        }
        lots.into_iter().map(|(reward, ..)| reward).collect()
    }

    /// Gives up everything available and all debt: the customer is deleted.
    pub fn forfeit_everything(&mut self) {
        let open: Vec<(u32, u32, Decimal)> = self
            .wallet
            .lots
            .iter()
            .filter(|lot| lot.available.is_positive())
            .map(|lot| (lot.reward, lot.number, lot.available))
            .collect();
        for (reward, lot, amount) in open {
            self.post(EntryKind::Forfeited, reward, lot, amount);
        }
        let debts: Vec<(u32, Decimal)> = self
            .wallet
            .accounts
            .values()
            .filter(|account| account.debt.is_positive())
            .map(|account| (account.reward, account.debt))
            .collect();
        for (reward, debt) in debts {
            self.post(EntryKind::DebtForgiven, reward, 0, debt);
        }
    }
}

#[cfg(test)]
mod tests;
