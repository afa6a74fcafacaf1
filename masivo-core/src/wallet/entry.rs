//! Ledger entries: the only way a wallet changes.

use super::{Account, Lot, Wallet};
use crate::value::{Decimal, Timestamp};

/// One booking in the ledger of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub kind: EntryKind,
    /// The reward.
    pub reward: u32,
    /// The lot; 0 where no lot takes part.
    pub lot: u32,
    /// How much; never negative.
    pub amount: Decimal,
}

/// What a ledger entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A new lot; all of it is available.
    Issued {
        /// The campaign that gave it; 0 when none did.
        campaign: u32,
        /// The rule of the campaign.
        rule: u16,
        /// The fact that made it.
        fact: u64,
        /// When it was posted.
        issued_at: Timestamp,
        /// When it expires.
        expires_at: Option<Timestamp>,
    },
    /// Available → held by a waiting event.
    Held,
    /// Held → available.
    Released,
    /// Available → spent.
    Redeemed,
    /// Held → spent.
    RedeemedFromHold,
    /// Spent → available: a redemption was reversed.
    Returned,
    /// Available → expired.
    Expired,
    /// Available → forfeited.
    Forfeited,
    /// Available → taken by hand.
    Voided,
    /// Available → applied to what reversed lots owe.
    Applied,
    /// Applied → available: less is owed than before.
    Unapplied,
    /// The lot's event was reversed: its available part is taken, the rest is owed.
    Reversed,
    /// A part of the lot's event came back: as reversed, but what is left of it lives on in a new lot.
    ReversedInPart {
        /// The new lot.
        into: u32,
        /// What it has.
        keep: Decimal,
    },
    /// Held by a reversed lot → gone: the hold was released, and less is owed.
    OwedReleased,
    /// Spent by a reversed lot → gone: the redemption was reversed, and less is owed.
    OwedReturned,
    /// What could not be covered: debt grows.
    DebtRaised,
    /// Less is owed: debt shrinks.
    DebtLowered,
    /// Debt is given up.
    DebtForgiven,
    /// Less is owed than was forgiven.
    ForgivenLowered,
    /// A lapsed lot lives on after points were given back.
    Extended {
        /// Its new date.
        expires_at: Option<Timestamp>,
    },
}

/// What was known of a lot before a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotBefore {
    /// The campaign that gave it; 0 when none did.
    pub campaign: u32,
    /// What could be spent of it.
    pub available: Decimal,
}

impl Wallet {
    /// What is known of the lot of a booking that is about to be applied; `None` when it is new, or no lot takes part.
    pub fn before(&self, entry: &Entry) -> Option<LotBefore> {
        self.lot(entry.lot).map(|lot| LotBefore { campaign: lot.campaign, available: lot.available })
    }

    /// Applies one booking. Bookings come from [`super::Posting`] or from the ledger; `check` proves the sums.
    pub fn apply(&mut self, entry: &Entry) {
        if let EntryKind::Issued { campaign, rule, fact, issued_at, expires_at } = entry.kind {
            self.lots_made = self.lots_made.max(entry.lot);
            self.insert(Lot {
                number: entry.lot,
                reward: entry.reward,
                campaign,
                rule,
                fact,
                issued_at,
                expires_at,
                amount: entry.amount,
                available: entry.amount,
                held: Decimal::ZERO,
                spent: Decimal::ZERO,
                applied: Decimal::ZERO,
                lapsed: Decimal::ZERO,
                reversed: false,
                announced: false,
            });
        }
        // The lot is taken out of the order while it changes, since the change may move it.
        if let Some(mut lot) = self.take(entry.lot) {
            let reversed = move_within_lot(&mut lot, entry);
            let rest = rest_of(&lot, entry);
            let account = self.account_mut(entry.reward);
            account.reversed = account.reversed.saturating_add(reversed);
            if lot.is_open() {
                self.insert(lot);
            } else {
                self.closed.push(lot);
            }
            if let Some(rest) = rest {
                self.lots_made = self.lots_made.max(rest.number);
                self.insert(rest);
            }
        }
        move_within_account(self.account_mut(entry.reward), entry);
    }

    fn take(&mut self, number: u32) -> Option<Lot> {
        if let Some(at) = self.lots.iter().position(|lot| lot.number == number) {
            return Some(self.lots.remove(at));
        }
        let at = self.closed.iter().position(|lot| lot.number == number)?;
        Some(self.closed.swap_remove(at))
    }

    fn insert(&mut self, lot: Lot) {
        let at = self.lots.partition_point(|other| other.spending_order() < lot.spending_order());
        self.lots.insert(at, lot);
    }

    pub(super) fn account_mut(&mut self, reward: u32) -> &mut Account {
        self.accounts.entry(reward).or_insert(Account { reward, ..Account::default() })
    }
}

/// Moves the amount between the parts of a lot; gives what a reversal took in full.
fn move_within_lot(lot: &mut Lot, entry: &Entry) -> Decimal {
    let amount = entry.amount;
    let shift = |from: &mut Decimal, to: &mut Decimal| {
        *from = from.saturating_sub(amount);
        *to = to.saturating_add(amount);
    };
    match &entry.kind {
        EntryKind::Held => shift(&mut lot.available, &mut lot.held),
        EntryKind::Released => shift(&mut lot.held, &mut lot.available),
        EntryKind::Redeemed => shift(&mut lot.available, &mut lot.spent),
        EntryKind::RedeemedFromHold => shift(&mut lot.held, &mut lot.spent),
        EntryKind::Returned => shift(&mut lot.spent, &mut lot.available),
        EntryKind::Expired | EntryKind::Forfeited | EntryKind::Voided => {
            shift(&mut lot.available, &mut lot.lapsed);
        }
        EntryKind::Applied => shift(&mut lot.available, &mut lot.applied),
        EntryKind::Unapplied => shift(&mut lot.applied, &mut lot.available),
        EntryKind::Reversed => {
            lot.available = Decimal::ZERO;
            lot.applied = Decimal::ZERO;
            lot.reversed = true;
            return lot.amount.saturating_sub(lot.lapsed);
        }
        EntryKind::ReversedInPart { keep, .. } => {
            lot.available = Decimal::ZERO;
            lot.applied = Decimal::ZERO;
            lot.reversed = true;
            return lot.amount.saturating_sub(lot.lapsed).saturating_sub(*keep);
        }
        EntryKind::OwedReleased => lot.held = lot.held.saturating_sub(amount),
        EntryKind::OwedReturned => lot.spent = lot.spent.saturating_sub(amount),
        EntryKind::Extended { expires_at } => lot.expires_at = *expires_at,
        EntryKind::Issued { .. }
        | EntryKind::DebtRaised
        | EntryKind::DebtLowered
        | EntryKind::DebtForgiven
        | EntryKind::ForgivenLowered => {}
    }
    Decimal::ZERO
}

/// The lot in which what is left of a partly reversed one lives on.
fn rest_of(lot: &Lot, entry: &Entry) -> Option<Lot> {
    let EntryKind::ReversedInPart { into, keep } = entry.kind else { return None };
    Some(Lot {
        number: into,
        amount: keep,
        available: keep,
        held: Decimal::ZERO,
        spent: Decimal::ZERO,
        applied: Decimal::ZERO,
        lapsed: Decimal::ZERO,
        reversed: false,
        ..*lot
    })
}

fn move_within_account(account: &mut Account, entry: &Entry) {
    let amount = entry.amount;
    match &entry.kind {
        EntryKind::Issued { .. } => account.issued = account.issued.saturating_add(amount),
        EntryKind::Redeemed | EntryKind::RedeemedFromHold => {
            account.spent = account.spent.saturating_add(amount);
        }
        EntryKind::Returned | EntryKind::OwedReturned => account.spent = account.spent.saturating_sub(amount),
        EntryKind::Expired => account.expired = account.expired.saturating_add(amount),
        EntryKind::Forfeited | EntryKind::Voided => {
            account.forfeited = account.forfeited.saturating_add(amount);
        }
        EntryKind::DebtRaised => account.debt = account.debt.saturating_add(amount),
        EntryKind::DebtLowered => account.debt = account.debt.saturating_sub(amount),
        EntryKind::DebtForgiven => {
            account.debt = account.debt.saturating_sub(amount);
            account.forgiven = account.forgiven.saturating_add(amount);
        }
        EntryKind::ForgivenLowered => account.forgiven = account.forgiven.saturating_sub(amount),
        EntryKind::Held
        | EntryKind::Released
        | EntryKind::Applied
        | EntryKind::Unapplied
        | EntryKind::Reversed
        | EntryKind::ReversedInPart { .. }
        | EntryKind::OwedReleased
        | EntryKind::Extended { .. } => {}
    }
}
