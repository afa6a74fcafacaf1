//! The seam between the engine and a database.
//!
//! What a backend promises:
//! - B1: a unit that is dropped without commit leaves no trace.
//! - B2: within a unit, reads see the unit's own writes.
//! - B3: what `commit` acknowledged survives a crash of the process (and of the machine, where the disk keeps
//!   its word).
//! - B4: there is one writer; readers see only what was committed.
//! - B5: facts and outbox rows come out in the order of their numbers.
//! - B6: after [`Write::Erase`] nothing personal of the customer is found in any byte of its files.
//! - B7: what is written while a sweep is on, to be seen after it, is seen when the sweep is over, all at once: who is listed as a
//!   member, how many are, and who was in when.

use crate::error::StoreError;
use masivo_core::fact::{EventStatus, Fact};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::profile::Profile;
use masivo_core::program::Kind;
use masivo_core::series::SeriesSet;
use masivo_core::state::State;
use masivo_core::value::{Decimal, Json};
use std::collections::BTreeMap;

// What the questions are asked with and answered by, for those who write a backend.
pub use masivo_core::coupons::Coupon;
pub use masivo_core::program::StoredDefinition;
pub use masivo_core::quota::{Quota, QuotaSums};
pub use masivo_core::value::Timestamp;
pub use masivo_core::wallet::{Lot, SpendingOrder};
pub use uuid::Uuid;

/// The store's own number of a customer.
pub type CustomerKey = u64;

/// A database that one writer and many readers use.
pub trait Backend: Send + 'static {
    /// One all-or-nothing step.
    type Unit<'u>: Unit
    where
        Self: 'u;

    /// Begins a unit.
    ///
    /// # Errors
    /// When the database fails.
    fn begin(&mut self) -> Result<Self::Unit<'_>, StoreError>;

    /// Opens a reader.
    ///
    /// # Errors
    /// When the database fails.
    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError>;

    /// What opens more readers while the writer is at work.
    ///
    /// # Errors
    /// When the database fails.
    fn reader_source(&self) -> Result<ReaderSource, StoreError>;

    /// Called after every unit: the backend may tidy up.
    ///
    /// # Errors
    /// When the database fails.
    fn rest(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether copies of what was erased before may still lie in a file, since a scrub was cut short.
    fn has_leftovers(&self) -> bool {
        false
    }

    /// Called after a unit that erased a customer: no old copy may stay in any file (B6).
    ///
    /// # Errors
    /// When it could not be done yet; it is called again.
    fn scrub(&mut self) -> Result<(), StoreError> {
        self.rest()
    }
}

/// Opens readers, from any thread.
pub type ReaderSource = Box<dyn FnMut() -> Result<Box<dyn Read + Send>, StoreError> + Send>;

/// One all-or-nothing step. Dropping it undoes everything (B1).
pub trait Unit: Read {
    /// Writes one thing; later reads of the unit see it (B2).
    ///
    /// # Errors
    /// When the database fails; the unit must then be dropped.
    fn write(&mut self, write: Write<'_>) -> Result<(), StoreError>;

    /// Makes everything durable.
    ///
    /// # Errors
    /// When the database fails: nothing of the unit happened, unless the failure came after the point of no
    /// return, which a backend reports as [`CommitError::Unknown`].
    fn commit(self) -> Result<(), CommitError>;
}

/// How a commit failed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing of the unit happened.
    #[error("not committed: {0}")]
    NotCommitted(StoreError),
    /// Nobody knows whether it happened.
    #[error("it is not known whether it was committed: {0}")]
    Unknown(StoreError),
}

/// A customer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRow {
    /// The store's own number.
    pub key: CustomerKey,
    /// The working state.
    pub state: State,
    /// The personal part.
    pub profile: Profile,
    /// The past events that rules look at.
    pub series: SeriesSet,
    /// The instant of the wake-up that is set.
    pub armed: Option<Timestamp>,
}

/// A fact as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    /// The customer.
    pub customer: CustomerKey,
    /// The fact.
    pub fact: Fact,
    /// For events: the status now.
    pub status: Option<EventStatus>,
    /// For events: the fact that fulfilled it; 0 when none did.
    pub fulfilled_by: u64,
    /// For events: the fact that closed it last; 0 when none did.
    pub closed_by: u64,
    /// For events: the fact that took a part of it back last; 0 when none did.
    pub returned_by: u64,
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place in the order of all rows.
    pub sequence: u64,
    /// Its public id; the same on every attempt.
    pub id: Uuid,
    /// The customer; 0 when it is about none.
    pub customer: CustomerKey,
    /// Where it goes.
    pub destination: Destination,
    /// When it was made.
    pub made_at: Timestamp,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often it was handed over.
    pub attempts: u32,
    /// When it is due for the next attempt, in wall time; `None` when it is done.
    pub due: Option<Timestamp>,
    /// Why it was not sent, or what the other side said last.
    pub reason: Option<String>,
    /// When the status changed last.
    pub changed_at: Timestamp,
    /// What is sent, or what it is rendered from; personal.
    pub body: Json,
}

/// Where a row of the outbox goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To a webhook.
    Webhook {
        /// The webhook's number.
        webhook: u32,
        /// What it is told.
        event: String,
    },
    /// To the customer by e-mail.
    Email {
        /// The journey's number.
        journey: u32,
        /// Its version.
        version: u32,
        /// The step.
        step: u16,
        /// The template's number.
        template: u32,
        /// The fact that started the journey.
        started_by: u64,
    },
    /// To the folder of e-mails: copies of a deleted customer's must go.
    EraseMails,
    /// To the push topic of an audience: a device begins to follow it, or no longer does.
    Topic {
        /// The audience's number.
        audience: u32,
        /// Whether it begins.
        subscribe: bool,
    },
}

impl Destination {
    /// How it leaves.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Webhook { .. } => Channel::Webhook,
            Self::Email { .. } => Channel::Email,
            Self::EraseMails => Channel::EraseMails,
            Self::Topic { .. } => Channel::Topic,
        }
    }
}

/// How something leaves the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// As a call of a webhook.
    Webhook,
    /// As an e-mail.
    Email,
    /// As an order to remove copies of e-mails.
    EraseMails,
    /// As a change of the devices that follow a push topic.
    Topic,
}

impl Channel {
    /// Every channel, in the order of their stored numbers.
    pub const ALL: [Self; 4] = [Self::Webhook, Self::Email, Self::EraseMails, Self::Topic];

    /// The name shown in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::EraseMails => "erase_mails",
            Self::Topic => "push_topic",
        }
    }

    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// A keyed hash of the command.
    pub request: [u8; 16],
    /// What it made.
    pub made: Made,
}

/// What a remembered command made: answers are rebuilt from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A fact whose payload keeps the answer.
    Fact(u64),
    /// The event of that fact, as it came in.
    Event(u64),
    /// The event of that fact, as it was fulfilled.
    Fulfilled(u64),
    /// The event of that fact, as it was reversed or cancelled.
    Reversed(u64),
    /// An event, as it was when a part of it came back.
    Returned {
        /// The event's fact.
        event: u64,
        /// The fact that took the part back.
        by: u64,
    },
    /// So many things.
    Count(u64),
    /// A change of a list, or none.
    Listed(bool),
    /// The event of that fact, which redeemed a coupon or failed to.
    Coupon(u64),
    /// A definition in a version.
    Definition {
        /// Its kind.
        kind: Kind,
        /// Its number.
        number: u32,
        /// Its version.
        version: u32,
        /// Whether it was new.
        created: bool,
    },
    /// Nothing that is shown.
    Nothing,
}

/// A key of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which is no secret.
    pub id: String,
    /// Whether it may do everything; otherwise it is a CLIENT key.
    pub server: bool,
    /// A word to know it by.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Who holds a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The code's number.
    pub number: u64,
    /// The customer.
    pub customer: CustomerKey,
    /// The lot in the customer's wallet; 0 when there is none.
    pub lot: u32,
    /// Since when.
    pub since: Timestamp,
    /// The fact that redeemed it last; 0 when none did.
    pub redeemed_by: u64,
}

/// A referral that was completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The fact of the event that completed it.
    pub event: u64,
    /// The number of the code.
    pub number: u64,
    /// The customer who was referred.
    pub customer: CustomerKey,
    /// The fact of the event of whoever referred.
    pub fact: u64,
}

/// How far looking at all customers again has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The version of the programme that they are looked at by.
    pub version: u32,
    /// The version that everybody was looked at by before: what is listed is what it says.
    pub since: u32,
    /// The last customer that was looked at.
    pub after: CustomerKey,
    /// Whether those are looked at too who were since that version, and their past events are read.
    pub whole: bool,
    /// Whether some list begins with members that are found on the way: the programme stands still until then.
    pub freezes: bool,
}

/// A customer entered an audience, or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The audience.
    pub audience: u32,
    /// The customer.
    pub customer: CustomerKey,
    /// The fact that it is booked in.
    pub fact: u64,
    /// When.
    pub at: Timestamp,
    /// Whether the customer is in from then on.
    pub inside: bool,
    /// The version of the programme that everybody must have been looked at by before it is seen (B7); 0 is at once.
    pub seen_from: u32,
}

/// How far the codes of a pool are: of a campaign, or of a reward (`masivo_core::gift_cards::pool_of`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CouponRun {
    /// How many are to be generated.
    pub wanted: u32,
    /// How many were generated.
    pub made: u32,
    /// How many were supplied.
    pub supplied: u32,
}

/// One sum of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRow {
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// What is counted.
    pub key: String,
    /// How many.
    pub count: i64,
    /// How much.
    pub amount: Decimal,
}

/// How rows of the outbox are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OutboxFilter {
    /// Only after that row.
    pub after: u64,
    /// Only what leaves that way.
    pub channel: Option<Channel>,
    /// Only of that webhook, of that journey for e-mails, of that audience for topics.
    pub target: Option<u32>,
    /// Only in that status.
    pub status: Option<DeliveryStatus>,
    /// Only of that customer.
    pub customer: Option<CustomerKey>,
    /// At most so many.
    pub limit: usize,
}

/// Questions that change nothing.
pub trait Read {
    /// Sees the same until [`Read::end_snapshot`], whatever is written meanwhile, where the backend can do that.
    fn begin_snapshot(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Sees what is written again.
    fn end_snapshot(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// The customer of a merchant's id.
    fn customer_by_id(&self, id: &str) -> Result<Option<CustomerRow>, StoreError>;
    /// The customer of a number.
    fn customer_by_key(&self, key: CustomerKey) -> Result<Option<CustomerRow>, StoreError>;
    /// Customers after a number, in order.
    fn customers(&self, after: CustomerKey, limit: usize) -> Result<Vec<CustomerRow>, StoreError>;
    /// How many customers there are.
    fn customer_count(&self) -> Result<u64, StoreError>;
    /// Whether a customer whose id has that keyed hash was erased.
    fn was_erased(&self, hash: [u8; 16]) -> Result<bool, StoreError>;
    /// The customer that holds a claim.
    fn claim(&self, hash: [u8; 16]) -> Result<Option<CustomerKey>, StoreError>;
    /// Customers whose phone number has that keyed hash, in order.
    fn customers_by_phone(&self, hash: [u8; 16], limit: usize) -> Result<Vec<CustomerKey>, StoreError>;
    /// A fact.
    fn fact(&self, sequence: u64) -> Result<Option<FactRow>, StoreError>;
    /// The fact of an event's id.
    fn event(&self, id: Uuid) -> Result<Option<u64>, StoreError>;
    /// Facts after a number, in order.
    fn facts(&self, after: u64, limit: usize) -> Result<Vec<FactRow>, StoreError>;
    /// Events before a number (0 is from the newest), newest first, at most `limit`.
    fn events_before(&self, before: u64, limit: usize) -> Result<Vec<FactRow>, StoreError>;
    /// Facts with ledger entries of a UTC day, after a number, in order.
    fn ledger_facts(&self, day: i64, after: u64, limit: usize) -> Result<Vec<FactRow>, StoreError>;
    /// Facts of expired events that were issued in a span, oldest first.
    fn expired_events(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<u64>, StoreError>;
    /// A lot that has a row of its own.
    fn lot(&self, customer: CustomerKey, number: u32) -> Result<Option<Lot>, StoreError>;
    /// Open lots of a reward that have rows of their own, from a place on, in the order they are spent.
    fn later_lots(
        &self,
        customer: CustomerKey,
        reward: u32,
        from: SpendingOrder,
        limit: usize,
    ) -> Result<Vec<Lot>, StoreError>;
    /// The coupon of a code in its comparable form.
    fn coupon(&self, code: &str) -> Result<Option<Coupon>, StoreError>;
    /// Coupons from a number on, in order.
    fn coupons(&self, from: u64, limit: usize) -> Result<Vec<Coupon>, StoreError>;
    /// Who holds the code of a number.
    fn holder(&self, number: u64) -> Result<Option<Holder>, StoreError>;
    /// The codes that a customer holds, from a number on, in order.
    fn held_by(&self, customer: CustomerKey, from: u64, limit: usize) -> Result<Vec<Holder>, StoreError>;
    /// The referrals that an event completed.
    fn referrals_of_event(&self, event: u64) -> Result<Vec<Referral>, StoreError>;
    /// The referrals of a customer with the code of a number, also those that were undone.
    fn referrals_of_customer(&self, customer: CustomerKey, number: u64) -> Result<Vec<Referral>, StoreError>;
    /// How far the codes of each pool are.
    fn coupon_runs(&self) -> Result<BTreeMap<u32, CouponRun>, StoreError>;
    /// What is taken of a shared quota; `None` when nothing ever was.
    fn quota(&self, quota: &Quota) -> Result<Option<QuotaSums>, StoreError>;
    /// Shared quotas from one on, in their order.
    fn quotas(&self, from: Option<&Quota>, limit: usize) -> Result<Vec<(Quota, QuotaSums)>, StoreError>;
    /// Customers whose wake-up is due, earliest first.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CustomerKey>, StoreError>;
    /// The earliest wake-up.
    fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Members of an audience after a customer, in order: customer and since when.
    fn members(
        &self,
        audience: u32,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>, StoreError>;
    /// Who entered and left an audience, after a fact, in the order it was written.
    fn turns(&self, audience: u32, after: u64, limit: usize) -> Result<Vec<Turn>, StoreError>;
    /// Members that are listed no longer, of which something is left: audience and customer.
    fn unlisted(&self, limit: usize) -> Result<Vec<(u32, CustomerKey)>, StoreError>;
    /// Who was in an audience at an instant, after a customer, in order: customer and since when.
    fn members_at(
        &self,
        audience: u32,
        at: Timestamp,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>, StoreError>;
    /// How many members an audience has.
    fn member_count(&self, audience: u32) -> Result<u64, StoreError>;
    /// Customers in a journey after a customer, in order.
    fn walkers(&self, journey: u32, after: CustomerKey, limit: usize)
    -> Result<Vec<CustomerKey>, StoreError>;
    /// A row of the outbox.
    fn outbox_row(&self, id: Uuid) -> Result<Option<OutboxRow>, StoreError>;
    /// Rows of the outbox, in order.
    fn outbox(&self, filter: OutboxFilter) -> Result<Vec<OutboxRow>, StoreError>;
    /// Rows of the outbox whose time has come, earliest first.
    fn outbox_due(&self, now: Timestamp, limit: usize) -> Result<Vec<OutboxRow>, StoreError>;
    /// The earliest time of a row of the outbox.
    fn outbox_next_due(&self) -> Result<Option<Timestamp>, StoreError>;
    /// What an idempotency key stands for.
    fn remembered(&self, key: [u8; 16]) -> Result<Option<Remembered>, StoreError>;
    /// All definitions in all versions, in the order they were written.
    fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError>;
    /// Per-day sums of a span of UTC days, both inclusive.
    fn daily(&self, from: i64, to: i64) -> Result<Vec<DailyRow>, StoreError>;
    /// All keys of the API.
    fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError>;
    /// Commands in quarantine: number, instant, what failed.
    fn quarantine(&self) -> Result<Vec<(u64, Timestamp, String)>, StoreError>;
    /// How far looking at all customers again has come; `None` when it is done.
    fn sweep(&self) -> Result<Option<Sweep>, StoreError>;
    /// The highest numbers given so far.
    fn counters(&self) -> Result<Counters, StoreError>;
}

/// The highest numbers given so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Of facts.
    pub fact: u64,
    /// Of customers.
    pub customer: CustomerKey,
    /// Of rows of the outbox.
    pub outbox: u64,
    /// Of commands in quarantine.
    pub quarantine: u64,
    /// The latest instant anything was stamped with.
    pub last_instant: Option<Timestamp>,
    /// When all customers were looked at again last, on a schedule or asked for.
    pub recalculated: Option<Timestamp>,
}

/// Everything that can be written.
#[derive(Clone, Debug)]
pub enum Write<'a> {
    /// A customer's working state and wake-up; a new customer also gets its id and profile.
    Customer {
        /// The row.
        row: &'a CustomerRow,
        /// The instant of the wake-up that was set before.
        was_armed: Option<Timestamp>,
        /// Whether the personal part changed, or the customer is new.
        profile: bool,
        /// Whether the customer is new, or has another id.
        id: bool,
        /// Whether the series of past events changed.
        series: bool,
    },
    /// A new fact.
    Fact {
        /// The customer.
        customer: CustomerKey,
        /// The fact.
        fact: &'a Fact,
    },
    /// A new status of an earlier event.
    EventStatus {
        /// The event's fact.
        event: u64,
        /// The status.
        status: EventStatus,
        /// The fact that says so.
        by: u64,
    },
    /// A part of an earlier event came back.
    EventReturned {
        /// The event's fact.
        event: u64,
        /// The fact that says so.
        by: u64,
    },
    /// A lot that is not in the working state: closed, or later.
    Lot {
        /// The customer.
        customer: CustomerKey,
        /// The lot.
        lot: &'a Lot,
    },
    /// A later lot is in the working state again.
    LotTakenIn {
        /// The customer.
        customer: CustomerKey,
        /// The lot's number.
        lot: u32,
    },
    /// A customer takes a claim (`Some`), or gives it up.
    Claim {
        /// Keyed hash of what is claimed.
        hash: [u8; 16],
        /// The customer.
        customer: Option<CustomerKey>,
    },
    /// A customer's phone number, or that there is none.
    Phone {
        /// The customer.
        customer: CustomerKey,
        /// Keyed hash of its comparable form.
        hash: Option<[u8; 16]>,
    },
    /// A new coupon; there is none of that code.
    Coupon {
        /// The coupon.
        coupon: &'a Coupon,
        /// Its code in its comparable form.
        code: &'a str,
    },
    /// A code has a holder, or was redeemed.
    Holder(&'a Holder),
    /// An event completed a referral.
    Referral(&'a Referral),
    /// How far the codes of a pool are.
    CouponRun {
        /// The campaign, or the pool of a reward.
        campaign: u32,
        /// How far.
        run: CouponRun,
    },
    /// What is taken of a shared quota.
    Quota {
        /// The quota.
        quota: &'a Quota,
        /// What is used and held of it.
        sums: QuotaSums,
    },
    /// A customer is in an audience from an instant on, or is not; said again it changes nothing.
    Member(&'a Turn),
    /// What is left of a member that is no longer listed goes.
    Unlisted {
        /// The audience.
        audience: u32,
        /// The customer.
        customer: CustomerKey,
    },
    /// A customer entered a journey, or left it.
    Walker {
        /// The journey.
        journey: u32,
        /// The customer.
        customer: CustomerKey,
        /// Whether the customer is in it.
        inside: bool,
    },
    /// A row of the outbox, new or changed.
    Outbox(&'a OutboxRow),
    /// A definition in a new version.
    Definition(&'a StoredDefinition),
    /// What an idempotency key stands for.
    Remember {
        /// Keyed hash of the key.
        key: [u8; 16],
        /// When it was used.
        at: Timestamp,
        /// What it stands for.
        remembered: &'a Remembered,
    },
    /// Forgets keys used before the thirty-day period an instant falls in: whole periods are forgotten at once.
    Forget {
        /// The instant.
        before: Timestamp,
    },
    /// Adds to the sum of a day.
    Daily(&'a DailyRow),
    /// A key of the API, new or changed.
    ApiKey(&'a ApiKey),
    /// A command that failed inside the engine.
    Quarantine {
        /// Its number.
        sequence: u64,
        /// When.
        at: Timestamp,
        /// What failed, without anything personal.
        text: &'a str,
    },
    /// How far looking at all customers again has come; `None` when it is done.
    Sweep(Option<Sweep>),
    /// All customers are looked at again on a schedule since then.
    Recalculated(Timestamp),
    /// Erases everything personal of a customer: id, profile, payloads, explanations, outgoing bodies.
    Erase {
        /// The customer.
        customer: CustomerKey,
        /// The newest fact of the customer: the head of the chain.
        head: u64,
        /// Keyed hash of the merchant's id.
        id_hash: [u8; 16],
        /// The merchant's id.
        id: &'a str,
    },
    /// The latest instant anything was stamped with.
    LastInstant(Timestamp),
}

/// The period in which idempotency keys are kept and forgotten together.
pub fn key_period(instant: Timestamp) -> i64 {
    const PERIOD_DAYS: i64 = 30;
    instant.day().div_euclid(PERIOD_DAYS)
}

/// Implements [`Read`] by passing every question on to something else that can be read: for backends that wrap
/// another one.
#[macro_export]
macro_rules! read_through {
    ($type:ty, [$($generic:ident: $bound:path)?], $self:ident => $inner:expr) => {
        $crate::read_through!(@all $type, [$($generic: $bound)?], $self => $inner, {
            begin_snapshot() -> ();
            end_snapshot() -> ();
            customer_by_id(id: &str) -> Option<$crate::backend::CustomerRow>;
            customer_by_key(key: u64) -> Option<$crate::backend::CustomerRow>;
            customers(after: u64, limit: usize) -> Vec<$crate::backend::CustomerRow>;
            customer_count() -> u64;
            was_erased(hash: [u8; 16]) -> bool;
            claim(hash: [u8; 16]) -> Option<u64>;
            customers_by_phone(hash: [u8; 16], limit: usize) -> Vec<u64>;
            fact(sequence: u64) -> Option<$crate::backend::FactRow>;
            event(id: $crate::backend::Uuid) -> Option<u64>;
            facts(after: u64, limit: usize) -> Vec<$crate::backend::FactRow>;
            events_before(before: u64, limit: usize) -> Vec<$crate::backend::FactRow>;
            ledger_facts(day: i64, after: u64, limit: usize) -> Vec<$crate::backend::FactRow>;
            expired_events(from: $crate::backend::Timestamp, to: $crate::backend::Timestamp, limit: usize) -> Vec<u64>;
            lot(customer: u64, number: u32) -> Option<$crate::backend::Lot>;
            later_lots(customer: u64, reward: u32, from: $crate::backend::SpendingOrder, limit: usize) -> Vec<$crate::backend::Lot>;
            coupon(code: &str) -> Option<$crate::backend::Coupon>;
            coupons(from: u64, limit: usize) -> Vec<$crate::backend::Coupon>;
            holder(number: u64) -> Option<$crate::backend::Holder>;
            held_by(customer: u64, from: u64, limit: usize) -> Vec<$crate::backend::Holder>;
            referrals_of_event(event: u64) -> Vec<$crate::backend::Referral>;
            referrals_of_customer(customer: u64, number: u64) -> Vec<$crate::backend::Referral>;
            coupon_runs() -> std::collections::BTreeMap<u32, $crate::backend::CouponRun>;
            quota(quota: &$crate::backend::Quota) -> Option<$crate::backend::QuotaSums>;
            quotas(from: Option<&$crate::backend::Quota>, limit: usize) -> Vec<($crate::backend::Quota, $crate::backend::QuotaSums)>;
            due(now: $crate::backend::Timestamp, limit: usize) -> Vec<u64>;
            next_due() -> Option<$crate::backend::Timestamp>;
            members(audience: u32, after: u64, limit: usize) -> Vec<(u64, $crate::backend::Timestamp)>;
            turns(audience: u32, after: u64, limit: usize) -> Vec<$crate::backend::Turn>;
            unlisted(limit: usize) -> Vec<(u32, u64)>;
            members_at(audience: u32, at: $crate::backend::Timestamp, after: u64, limit: usize) -> Vec<(u64, $crate::backend::Timestamp)>;
            member_count(audience: u32) -> u64;
            walkers(journey: u32, after: u64, limit: usize) -> Vec<u64>;
            outbox_row(id: $crate::backend::Uuid) -> Option<$crate::backend::OutboxRow>;
            outbox(filter: $crate::backend::OutboxFilter) -> Vec<$crate::backend::OutboxRow>;
            outbox_due(now: $crate::backend::Timestamp, limit: usize) -> Vec<$crate::backend::OutboxRow>;
            outbox_next_due() -> Option<$crate::backend::Timestamp>;
            remembered(key: [u8; 16]) -> Option<$crate::backend::Remembered>;
            definitions() -> Vec<$crate::backend::StoredDefinition>;
            daily(from: i64, to: i64) -> Vec<$crate::backend::DailyRow>;
            api_keys() -> Vec<$crate::backend::ApiKey>;
            quarantine() -> Vec<(u64, $crate::backend::Timestamp, String)>;
            sweep() -> Option<$crate::backend::Sweep>;
            counters() -> $crate::backend::Counters;
        });
    };
    (@all $type:ty, [$($generic:ident: $bound:path)?], $self:ident => $inner:expr,
     { $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)* }) => {
        impl$(<$generic: $bound>)? $crate::backend::Read for $type {
            $(fn $name(&$self, $($argument: $kind),*) -> Result<$answer, $crate::StoreError> {
                $crate::backend::Read::$name(&$inner, $($argument),*)
            })*
        }
    };
}
