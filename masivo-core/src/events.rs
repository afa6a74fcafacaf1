//! Events: what happened, outside in.
//!
//! - E1: an event is judged once, when it is emitted; what it gives is frozen then. Fulfilling applies the
//!   frozen effects and never asks a rule again.
//! - E2: order inside one event: campaign conditions see the state before it; then wallet, metrics, tier,
//!   audiences, journeys.
//! - E3: a waiting event holds what it redeems; it expires exactly at acceptance + reserve × 24 hours.
//! - E4: repeating fulfil or reverse gives the same answer and changes nothing.

mod emit;
mod fulfill;
mod part;
mod request;
mod resolve;
mod reverse;

pub use part::{LineName, Part, PartLine, Share};
pub(crate) use request::ORDER;
pub use request::{
    EVENT, EVENT_BATCH, FULFILL_EXPIRED, NewEvent, PLANNED_REVERSAL, PREVIEW, REVERSAL, Reversal, read_event,
    read_preview, read_reversal, read_reversal_plan,
};
pub use reverse::{Receipt, ReceiptLine};

pub(crate) use emit::{emit, emit_caused, event_data, skip_reason};
pub(crate) use fulfill::{Fulfilled, expire_standby, fulfill, release_standby};
pub(crate) use part::{left_of, return_part};
pub(crate) use resolve::{Effects, Spending, counted, resolve};
pub(crate) use reverse::reverse;

use crate::fact::{Change, EventHead, EventStatus, Fact, ReturnedPart};
use crate::gift_cards::GiftCard;
use crate::metrics::Visit;
use crate::prelude::*;
use crate::quota::Quota;
use crate::value::Decimal;
use crate::wallet::{Entry, EntryKind};

/// An event together with everything that became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The merchant's id of the customer; empty when it was erased.
    pub customer: String,
    /// The event's own fact.
    pub fact: Fact,
    /// Its status now.
    pub status: EventStatus,
    /// The fact that fulfilled it.
    pub fulfilled_by: Option<Fact>,
    /// The fact that cancelled, expired or reversed it last.
    pub closed_by: Option<Fact>,
    /// The facts that took parts of it back, oldest first; not the reversal that took the last.
    pub returns: Vec<Fact>,
    /// The codes of gift cards that it is about, as far as they were looked up, by [`GiftCard::number`].
    pub codes: BTreeMap<u64, String>,
}

impl EventRecord {
    /// An event of which nothing became yet.
    pub fn new(customer: &str, fact: Fact, status: EventStatus) -> Self {
        let customer = customer.to_owned();
        Self {
            customer,
            fact,
            status,
            fulfilled_by: None,
            closed_by: None,
            returns: Vec::new(),
            codes: BTreeMap::new(),
        }
    }

    /// The event's own data.
    pub const fn head(&self) -> Option<&EventHead> {
        self.fact.event.as_ref()
    }

    /// The facts that carry what the event did: its own, and the one that fulfilled it.
    pub fn effects(&self) -> impl Iterator<Item = &Fact> {
        core::iter::once(&self.fact).chain(&self.fulfilled_by)
    }

    /// The gift cards that it handed out or redeemed.
    pub fn gift_cards(&self) -> impl Iterator<Item = GiftCard> {
        let changes = self.effects().flat_map(|fact| &fact.changes);
        changes.filter_map(|change| match change {
            Change::GiftCard { card, .. } => Some(*card),
            _ => None,
        })
    }

    /// The parts of it that came back.
    pub fn returned_parts(&self) -> impl Iterator<Item = &ReturnedPart> {
        self.returns.iter().filter_map(Fact::returned_part)
    }

    /// How much of the spend that it counted came back in parts.
    pub fn returned(&self) -> Decimal {
        self.returned_parts().fold(Decimal::ZERO, |sum, part| sum.saturating_add(part.counted))
    }

    /// What it counted as in the metrics; `None` when it did not.
    pub fn visit(&self) -> Option<Visit> {
        let mut changes = self.effects().flat_map(|fact| &fact.changes);
        changes.find_map(|change| match change {
            Change::Visited(visit) => Some(*visit),
            _ => None,
        })
    }

    /// The spend it counted; `None` when it counted none.
    pub(crate) fn counted_spend(&self) -> Option<Decimal> {
        self.visit().map(|visit| visit.spend).filter(|spend| spend.is_positive())
    }

    /// The lot that has what is left of one that the event gave.
    pub(crate) fn current_lot(&self, lot: u32) -> u32 {
        self.returns.iter().flat_map(Fact::entries).fold(lot, |current, entry| match entry.kind {
            EntryKind::ReversedInPart { into, .. } if entry.lot == current => into,
            _ => current,
        })
    }

    /// What returns of parts gave back of points that it had spent of a lot.
    pub(crate) fn given_back_to(&self, lot: u32) -> Decimal {
        let back = |entry: &&Entry| matches!(entry.kind, EntryKind::Returned | EntryKind::OwedReturned);
        let entries = self.returns.iter().flat_map(Fact::entries).filter(back);
        let entries = entries.filter(|entry| entry.lot == lot);
        entries.fold(Decimal::ZERO, |sum, entry| sum.saturating_add(entry.amount))
    }

    /// What returns of parts gave back of a quota.
    pub(crate) fn given_back(&self, quota: &Quota) -> Decimal {
        let entries = self.returns.iter().flat_map(Fact::quotas).filter(|entry| entry.quota == *quota);
        entries.fold(Decimal::ZERO, |sum, entry| sum.saturating_add(entry.amount))
    }
}
