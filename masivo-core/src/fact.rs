//! Facts: what happened to a customer, append-only, in the order it was decided.
//!
//! A fact has a booking part (its changes: kept for ever) and a personal part (its payload: erased with the
//! customer). The facts of a customer form a chain, newest first.

use crate::consent::Permissions;
use crate::explain::Explanation;
use crate::gift_cards::GiftCard;
use crate::metrics::{Metrics, Visit};
use crate::prelude::*;
use crate::quota::{QuotaEntry, UsedUp};
use crate::redemption::Refused;
use crate::rule::Span;
use crate::state::{Instance, Membership, Standby, Standing};
use crate::value::{Decimal, Json, Timestamp};
use crate::wallet::Entry;
use uuid::Uuid;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its place in the order of all facts.
    pub sequence: u64,
    /// The customer's fact before it; 0 when it is the first.
    pub previous: u64,
    /// When it happened: for something that fell due, the instant it did.
    pub at: Timestamp,
    /// What it is.
    pub kind: FactKind,
    /// The event's own data, when the fact is an event.
    pub event: Option<EventHead>,
    /// The event it is about, when it fulfils, reverses or expires one.
    pub about: u64,
    /// What changed.
    pub changes: Vec<Change>,
    /// The personal part: what was sent. Shared, so that an event's data is never copied on its way to the store.
    pub payload: Option<Arc<Json>>,
    /// Why campaigns rewarded or not; shows personal values, so it is erased with them.
    pub explanation: Option<Explanation>,
}

/// What a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// A customer was registered.
    Registered,
    /// The profile changed.
    Profile,
    /// The consent changed.
    Consent,
    /// An event came in, or was made by the engine.
    Event,
    /// A waiting event was fulfilled.
    Fulfilled,
    /// An event was reversed or cancelled.
    Reversed,
    /// Something fell due: expiry, the turn of a period, a flip, a wait.
    Due,
    /// The customer was put on a list or taken off it.
    Listed,
    /// The customer was deleted.
    Deleted,
    /// A customer, or past events, were brought in from elsewhere.
    Migrated,
    /// Points were given or taken by hand.
    Adjusted,
    /// A part of a purchase came back.
    Returned,
    /// Points were handed to another customer, or came from one.
    Transferred,
}

impl FactKind {
    /// Every kind, in the order of their stored numbers.
    pub const ALL: [Self; 13] = [
        Self::Registered,
        Self::Profile,
        Self::Consent,
        Self::Event,
        Self::Fulfilled,
        Self::Reversed,
        Self::Due,
        Self::Listed,
        Self::Deleted,
        Self::Migrated,
        Self::Adjusted,
        Self::Returned,
        Self::Transferred,
    ];

    /// Whether it takes back what an event did, in whole or in part.
    pub const fn undoes(self) -> bool {
        matches!(self, Self::Reversed | Self::Returned)
    }

    /// The name shown in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Profile => "profile",
            Self::Consent => "consent",
            Self::Event => "event",
            Self::Fulfilled => "fulfilled",
            Self::Reversed => "reversed",
            Self::Due => "due",
            Self::Listed => "listed",
            Self::Deleted => "deleted",
            Self::Migrated => "migrated",
            Self::Adjusted => "adjusted",
            Self::Returned => "returned",
            Self::Transferred => "transferred",
        }
    }
}

/// The data of an event that is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// The event's id.
    pub id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Its brand.
    pub brand: String,
    /// When it happened.
    pub issued_at: Timestamp,
    /// Its status when it was stored; later changes are facts of their own.
    pub status: EventStatus,
    /// Whether it was only tracked.
    pub tracking: bool,
    /// Days it was reserved for; 0 when it did not wait.
    pub reserve_days: u16,
    /// What it adds to the metrics once it is processed.
    pub visit: Option<Visit>,
    /// The fact of the event that caused it; 0 when it came from outside.
    pub caused_by: u64,
    /// Why it failed or was not processed.
    pub reason: Option<EventReason>,
    /// The program version it was judged by.
    pub program_version: u32,
}

/// The status of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// It waits to be fulfilled.
    Pending,
    /// It was processed.
    Resolved,
    /// It could not be processed; nothing was applied.
    Failed,
    /// It was reversed before it was fulfilled.
    Cancelled,
    /// Its reservation ran out.
    Expired,
    /// It was undone.
    Reversed,
}

impl EventStatus {
    /// Every status, in the order of their stored numbers.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Resolved, Self::Failed, Self::Cancelled, Self::Expired, Self::Reversed];

    /// The product's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Resolved => "RESOLVED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
            Self::Reversed => "REVERSED",
        }
    }
}

/// Why an event failed or was not processed in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventReason {
    /// There was not enough to redeem.
    InsufficientBalance {
        /// The reward's number.
        reward: u32,
        /// What was asked for.
        wanted: Decimal,
        /// What there was.
        available: Decimal,
    },
    /// A reward cannot be redeemed where it stands.
    Redemption {
        /// The reward's number.
        reward: u32,
        /// Why.
        refused: Refused,
    },
    /// Too little is left of what it would give.
    UsedUp(UsedUp),
    /// The customer does not allow loyalty processing.
    ConsentBehavioralCampaigns,
    /// It was only tracked: its type or the key that sent it says so.
    TrackingOnly,
    /// The customer is inactive.
    CustomerInactive,
    /// It was brought in from elsewhere.
    Migrated,
    /// The customer does not allow coupons.
    ConsentCouponCampaigns,
    /// No rule of the coupon's campaign gave anything; the explanation says why.
    CouponNotAccepted,
    /// The customer does not allow punch cards any more: what the event was to give of them was left out.
    ConsentPunchcardCampaigns,
}

impl EventReason {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InsufficientBalance { .. } => "insufficient_balance",
            Self::UsedUp(used_up) => used_up.quota.names().1,
            Self::Redemption { refused, .. } => refused.code(),
            Self::ConsentBehavioralCampaigns => "consent_behavioral_campaigns",
            Self::TrackingOnly => "tracking_only",
            Self::CustomerInactive => "customer_inactive",
            Self::ConsentCouponCampaigns => "consent_coupon_campaigns",
            Self::Migrated => "migrated",
            Self::CouponNotAccepted => "coupon_not_accepted",
            Self::ConsentPunchcardCampaigns => "consent_punchcard_campaigns",
        }
    }

    /// The reason as answers show it.
    pub fn to_json(&self) -> Json {
        crate::value::object().with("code", self.code()).with("text", self.text()).build()
    }

    /// The reason in words.
    pub fn text(&self) -> String {
        match self {
            Self::InsufficientBalance { wanted, available, .. } => {
                format!("{wanted} of the reward were to be redeemed and {available} are available")
            }
            Self::Redemption { refused, .. } => refused.text().into(),
            Self::UsedUp(UsedUp { quota, wanted, left }) => {
                format!(
                    "{wanted} would be taken of the {} and {left} is left",
                    quota.names().0.replace('_', " ")
                )
            }
            Self::ConsentBehavioralCampaigns => {
                "the customer does not allow behavioral_campaigns: nothing was processed".into()
            }
            Self::TrackingOnly => "the event was only tracked".into(),
            Self::CustomerInactive => "the customer is inactive: nothing was processed".into(),
            Self::ConsentCouponCampaigns => {
                "the customer does not allow coupon_campaigns: the code was not redeemed".into()
            }
            Self::Migrated => "the event was brought in from elsewhere: no campaign looked at it".into(),
            Self::CouponNotAccepted => "no rule of the coupon's campaign gave anything".into(),
            Self::ConsentPunchcardCampaigns => {
                "the customer does not allow punchcard_campaigns: no stamps were given".into()
            }
        }
    }
}

/// Points that a rule gives; frozen when the event waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Award {
    /// The campaign.
    pub campaign: u32,
    /// The rule of the campaign.
    pub rule: u16,
    /// The reward.
    pub reward: u32,
    /// How much.
    pub amount: Decimal,
    /// How long the points live from posting on.
    pub life: Option<Span>,
}

/// One booked change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The customer exists.
    Registered {
        /// The engine's own id of the customer and wallet.
        id: Uuid,
        /// Whether only the id is known.
        anonymous: bool,
        /// The tier everybody starts in.
        tier: u32,
        /// The reporting period of the registration, as the number of the month it begins with.
        period: i32,
    },
    /// The customer is no longer anonymous.
    Identified,
    /// The customer takes part or not.
    Standing(Standing),
    /// What the consent record allows.
    Permissions(Permissions),
    /// A booking in the ledger.
    Entry(Entry),
    /// A booking on a quota.
    Quota(QuotaEntry),
    /// Points a rule gives once the waiting event is fulfilled.
    Award(Award),
    /// A gift card was handed out, or redeemed.
    GiftCard {
        /// The card.
        card: GiftCard,
        /// Whether it was redeemed.
        redeemed: bool,
    },
    /// Points the event redeems.
    Redeem {
        /// The reward.
        reward: u32,
        /// How much.
        amount: Decimal,
    },
    /// An event began to wait.
    StandbyOpened(Standby),
    /// An event no longer waits.
    StandbyClosed {
        /// The event's fact.
        fact: u64,
    },
    /// The metrics grew.
    Visited(Visit),
    /// The metrics after something was taken back.
    MetricsReplaced(Box<Metrics>),
    /// The tier changed.
    TierChanged {
        /// The tier before.
        from: u32,
        /// The tier after.
        to: u32,
    },
    /// The boundary of a reporting period was judged.
    TierJudged {
        /// The period that began, as the number of the month it begins with.
        period: i32,
        /// The tier right before the boundary.
        before: u32,
        /// The tier right after the boundary.
        base: u32,
    },
    /// Membership in an audience, or the instant it flips, changed.
    Member(Membership),
    /// All audiences of that program version were looked at.
    AudiencesSeen(u32),
    /// Another customer referred this one, with the code of that number.
    Referred {
        /// The code's number.
        number: u64,
    },
    /// That available points of a reward expire by then was announced.
    ExpiryNoticed {
        /// The reward.
        reward: u32,
        /// By when.
        until: Timestamp,
    },
    /// Birthdays were looked at until then.
    BirthdaysSeen(Timestamp),
    /// The customer entered a journey or went on in it.
    JourneyStands(Instance),
    /// The customer left a journey.
    JourneyLeft {
        /// The instance's number.
        instance: u32,
        /// The journey's number.
        journey: u32,
        /// Whether the customer may not walk it again.
        done: bool,
        /// Why.
        why: JourneyEnd,
    },
    /// This event caused another one.
    Caused {
        /// The other event's fact.
        fact: u64,
    },
    /// The status of an earlier event.
    EventStatus {
        /// The event's fact.
        fact: u64,
        /// Its status from now on.
        status: EventStatus,
    },
    /// A part of the event that the fact is about came back.
    Returned(ReturnedPart),
    /// How things stood after the fact: answers that are repeated are built from it.
    Summary {
        /// The tier.
        tier: u32,
        /// What is available, per reward touched.
        totals: Vec<(u32, Decimal)>,
    },
}

/// A part of a purchase that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedPart {
    /// The fact of the return before it; 0 when there was none.
    pub previous: u64,
    /// What of the spend that the event counted came back.
    pub counted: Decimal,
    /// What of it was returned as a value of the order.
    pub value: Decimal,
    /// What was returned of its lines.
    pub lines: Vec<ReturnedLine>,
}

/// What was returned of a line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnedLine {
    /// Its place in the order, counted from 0.
    pub place: u32,
    /// Units.
    pub amount: Decimal,
    /// Value, beside that of the units.
    pub value: Decimal,
}

/// Why a customer left a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JourneyEnd {
    /// The last step was walked.
    Finished,
    /// An exit event came.
    ExitEvent,
    /// The customer was deleted or became inactive.
    CustomerLeft,
    /// More steps at one instant than are allowed.
    TooManySteps,
}

impl JourneyEnd {
    /// Every reason, in the order of their stored numbers.
    pub const ALL: [Self; 4] = [Self::Finished, Self::ExitEvent, Self::CustomerLeft, Self::TooManySteps];

    /// The name shown in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ExitEvent => "exit_event",
            Self::CustomerLeft => "customer_left",
            Self::TooManySteps => "too_many_steps",
        }
    }
}

impl Fact {
    /// What was sent, without the answer that is kept with what had a key; `None` once the customer was erased.
    pub fn sent(&self) -> Option<&Json> {
        let payload = self.payload.as_deref()?;
        payload.get("answer").and_then(|_| payload.get("request")).or(Some(payload))
    }

    /// What was sent, with the instant it happened; `None` once the customer was erased.
    pub fn data(&self) -> Option<Json> {
        let mut data = Json::clone(self.payload.as_ref()?);
        data.remove("answer");
        if let Some(head) = &self.event {
            data.set("issued_at", head.issued_at);
        }
        Some(data)
    }

    /// The ledger entries of the fact.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.changes.iter().filter_map(|change| match change {
            Change::Entry(entry) => Some(entry),
            _ => None,
        })
    }

    /// The bookings on quotas of the fact.
    pub fn quotas(&self) -> impl Iterator<Item = &QuotaEntry> {
        self.changes.iter().filter_map(|change| match change {
            Change::Quota(entry) => Some(entry),
            _ => None,
        })
    }

    /// The part of an event that came back with this fact.
    pub fn returned_part(&self) -> Option<&ReturnedPart> {
        self.changes.iter().find_map(|change| match change {
            Change::Returned(part) => Some(part),
            _ => None,
        })
    }

    /// The events this fact caused.
    pub fn caused(&self) -> impl Iterator<Item = u64> {
        self.changes.iter().filter_map(|change| match change {
            Change::Caused { fact } => Some(*fact),
            _ => None,
        })
    }
}
