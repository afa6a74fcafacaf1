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
mod request;
mod resolve;
mod reverse;

pub(crate) use request::ORDER;
pub use request::{
    EVENT, EVENT_BATCH, FULFILL_EXPIRED, NewEvent, PREVIEW, REVERSAL, read_event, read_preview,
};
pub use reverse::{Receipt, ReceiptLine};

pub(crate) use emit::{emit, emit_caused, event_data, skip_reason};
pub(crate) use fulfill::{Fulfilled, expire_standby, fulfill, release_standby};
pub(crate) use resolve::{Effects, Spending, resolve};
pub(crate) use reverse::reverse;

use crate::fact::{EventHead, EventStatus, Fact};
use crate::prelude::*;

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
}

impl EventRecord {
    /// The event's own data.
    pub const fn head(&self) -> Option<&EventHead> {
        self.fact.event.as_ref()
    }

    /// The facts that carry what the event did: its own, and the one that fulfilled it.
    pub fn effects(&self) -> impl Iterator<Item = &Fact> {
        core::iter::once(&self.fact).chain(&self.fulfilled_by)
    }
}
