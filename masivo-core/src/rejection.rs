//! Refusals: a closed set with stable codes, in the order in which they are looked for.

use crate::prelude::*;
use crate::problem::Report;
use crate::redemption::Refused;
use crate::value::{Decimal, Timestamp};

/// Why a command was not carried out. The order of the variants is the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The input is wrong; nothing was looked at.
    #[error("{0}")]
    Malformed(Report),
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The idempotency key belongs to a customer who was deleted since.
    #[error("the answer to this key was erased with its customer")]
    AnswerErased,
    /// There is no such customer.
    #[error("there is no customer `{id}`")]
    CustomerNotFound {
        /// The merchant's id that was given.
        id: String,
    },
    /// Several customers have what was to name one.
    #[error("{count} customers have the phone number `{phone}`")]
    CustomerAmbiguous {
        /// The number that was given.
        phone: String,
        /// How many have it, at least.
        count: usize,
    },
    /// The customer was deleted.
    #[error("the customer was deleted")]
    CustomerDeleted,
    /// There is a customer with that id.
    #[error("the id `{id}` belongs to a customer already")]
    CustomerExists {
        /// The merchant's id that was given.
        id: String,
    },
    /// The e-mail address belongs to another customer.
    #[error("the value of `email` belongs to another customer")]
    EmailTaken,
    /// The customer was not brought in from elsewhere.
    #[error("the customer was not brought in by a migration")]
    NotMigrated,
    /// What can be brought in once was brought in before.
    #[error("the customer's past transactions were brought in before")]
    AlreadyMigrated,
    /// Only anonymous customers can be identified.
    #[error("the customer is identified already")]
    NotAnonymous,
    /// The customer does not take part any more.
    #[error("the customer is inactive")]
    CustomerInactive,
    /// There is no such event.
    #[error("there is no event `{id}`")]
    EventNotFound {
        /// The id that was given.
        id: String,
    },
    /// There is no such definition.
    #[error("there is no {kind} `{id}`")]
    DefinitionNotFound {
        /// What was looked for.
        kind: &'static str,
        /// The id that was given.
        id: String,
    },
    /// There is no such brand.
    #[error("there is no brand `{id}`")]
    UnknownBrand {
        /// The id that was given.
        id: String,
    },
    /// There is no such event type.
    #[error("there is no event type `{name}`")]
    UnknownEventType {
        /// The name that was given.
        name: String,
    },
    /// Events of that type are made by the engine, or may not come from a CLIENT key.
    #[error("events of type `{name}` cannot be sent")]
    ReservedEventType {
        /// The name that was given.
        name: String,
    },
    /// There is no such reward.
    #[error("there is no reward `{id}`")]
    UnknownReward {
        /// The id that was given.
        id: String,
    },
    /// There is no such lot in the wallet, or nothing of it is left.
    #[error("there is no open lot {number} in the wallet")]
    LotNotFound {
        /// The number that was given.
        number: u32,
    },
    /// There is less than what is to be taken.
    #[error("{wanted} would be taken and {available} are available")]
    InsufficientBalance {
        /// What would be taken.
        wanted: Decimal,
        /// What there is.
        available: Decimal,
    },
    /// The reward cannot be handed to others.
    #[error("the reward is not transferable")]
    NotTransferable,
    /// There is no such gift card.
    #[error("there is no such gift card")]
    UnknownGiftCard,
    /// The gift card cannot be redeemed any more.
    #[error("the gift card is {status}")]
    GiftCardClosed {
        /// Its status.
        status: &'static str,
    },
    /// The gift card cannot be redeemed here.
    #[error("{}", refused.text())]
    GiftCardRefused {
        /// Why.
        refused: Refused,
    },
    /// There is no such coupon.
    #[error("there is no such coupon")]
    UnknownCoupon,
    /// The event is dated in the future.
    #[error("issued_at {issued_at} is ahead of now ({now})")]
    IssuedInFuture {
        /// The instant that was given.
        issued_at: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The event is dated too far back.
    #[error("issued_at {issued_at} is more than 72 hours before now ({now})")]
    IssuedTooLongAgo {
        /// The instant that was given.
        issued_at: Timestamp,
        /// The present.
        now: Timestamp,
    },
    /// The state of the event does not allow it.
    #[error("the event is {status}")]
    EventClosed {
        /// Its status.
        status: &'static str,
    },
    /// The event counted no spend that could come back in parts.
    #[error("the event counted no value that could come back in parts")]
    NotReturnable,
    /// More would come back than is left of the purchase.
    #[error("{wanted} would come back and {left} is left of it")]
    ReturnExceeds {
        /// What would come back.
        wanted: Decimal,
        /// What has not come back.
        left: Decimal,
    },
    /// Too many parts of the event came back one by one.
    #[error("{count} parts of the event came back already")]
    TooManyReturns {
        /// How many.
        count: usize,
    },
    /// Too many events of the customer wait to be fulfilled.
    #[error("{count} events of the customer wait already")]
    TooManyPending {
        /// How many wait.
        count: usize,
    },
    /// The reward's policy refuses to reverse points that were spent.
    #[error("{missing} points of the event were spent and cannot be taken back")]
    PointsSpent {
        /// What cannot be covered.
        missing: Decimal,
    },
    /// The reversal would no longer come to what was planned.
    #[error("what reversing the event would undo has changed since it was planned")]
    PlanOutdated,
    /// The campaign does not run.
    #[error("the campaign is {status}")]
    CampaignNotRunning {
        /// Its status.
        status: &'static str,
    },
    /// A started campaign keeps what it promised.
    #[error("the campaign is {status}: {field} cannot change")]
    CampaignFixed {
        /// What would have changed.
        field: &'static str,
        /// The campaign's status.
        status: &'static str,
    },
    /// Only static audiences have lists.
    #[error("the audience is dynamic: its rule decides who is in")]
    AudienceDynamic,
    /// Anonymous customers are in no audience.
    #[error("the customer is anonymous: audiences hold identified customers")]
    CustomerAnonymous,
    /// The last SERVER key cannot be revoked.
    #[error("it is the last SERVER key")]
    LastServerKey,
    /// A sum would leave the range of numbers.
    #[error("the amount is out of range")]
    OutOfRange,
}

impl Rejection {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::KeyReused => "idempotency_key_reused",
            Self::AnswerErased => "answer_erased",
            Self::CustomerNotFound { .. } => "customer_not_found",
            Self::CustomerAmbiguous { .. } => "customer_ambiguous",
            Self::CustomerDeleted => "customer_deleted",
            Self::CustomerExists { .. } => "customer_exists",
            Self::EmailTaken => "email_taken",
            Self::NotMigrated => "not_migrated",
            Self::AlreadyMigrated => "already_migrated",
            Self::NotAnonymous => "not_anonymous",
            Self::CustomerInactive => "customer_inactive",
            Self::EventNotFound { .. } => "event_not_found",
            Self::DefinitionNotFound { .. } => "definition_not_found",
            Self::UnknownBrand { .. } => "unknown_brand",
            Self::UnknownEventType { .. } => "unknown_event_type",
            Self::ReservedEventType { .. } => "reserved_event_type",
            Self::UnknownReward { .. } => "unknown_reward",
            Self::LotNotFound { .. } => "lot_not_found",
            Self::InsufficientBalance { .. } => "insufficient_balance",
            Self::NotTransferable => "not_transferable",
            Self::UnknownGiftCard => "gift_card_not_found",
            Self::GiftCardClosed { .. } => "gift_card_closed",
            Self::GiftCardRefused { refused } => refused.code(),
            Self::UnknownCoupon => "coupon_not_found",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::IssuedTooLongAgo { .. } => "issued_too_long_ago",
            Self::EventClosed { .. } => "event_closed",
            Self::NotReturnable => "not_returnable",
            Self::ReturnExceeds { .. } => "return_exceeds",
            Self::TooManyReturns { .. } => "too_many_returns",
            Self::TooManyPending { .. } => "too_many_pending",
            Self::PointsSpent { .. } => "points_spent",
            Self::PlanOutdated => "plan_outdated",
            Self::CampaignNotRunning { .. } => "campaign_not_running",
            Self::CampaignFixed { .. } => "campaign_fixed",
            Self::AudienceDynamic => "audience_dynamic",
            Self::CustomerAnonymous => "customer_anonymous",
            Self::LastServerKey => "last_server_key",
            Self::OutOfRange => "out_of_range",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "mend every entry of problems[] and send it again",
            Self::KeyReused => "use a new key for a new request; the same key only repeats the same request",
            Self::AnswerErased => "nothing is to be done: it was carried out before the customer was deleted",
            Self::CustomerNotFound { .. } => "register the customer first",
            Self::CustomerAmbiguous { .. } => "name the customer by id or e-mail address",
            Self::CustomerDeleted => "register a new customer under another id",
            Self::CustomerExists { .. } => "change that customer, or register under another id",
            Self::EmailTaken => "send another `email`, or leave the customer anonymous",
            Self::NotMigrated => "bring the customer in with POST /customers/migrate first",
            Self::AlreadyMigrated => "read GET /customers/{id}/transactions to see them",
            Self::NotAnonymous => "change the customer with PATCH instead",
            Self::CustomerInactive => "set the customer's status to ACTIVE first",
            Self::EventNotFound { .. } => "use the `id` that the answer to the event gave",
            Self::DefinitionNotFound { .. } => "list what there is and use its `id`",
            Self::UnknownBrand { .. } => "write the brand first with PUT /brands/{id}",
            Self::UnknownEventType { .. } => "write the type first with PUT /event_types/{name}",
            Self::ReservedEventType { .. } => "send PURCHASE, a tracking type or a custom type",
            Self::UnknownReward { .. } => "list the rewards and use an `id` of them",
            Self::LotNotFound { .. } => "read the wallet: its lines name their lots",
            Self::InsufficientBalance { .. } => "take less; what waiting events hold cannot be taken",
            Self::NotTransferable => "set attributes.transferable of the reward",
            Self::UnknownGiftCard => "check the code as it was handed out, and who holds it",
            Self::GiftCardClosed { .. } => "read the card to see what became of it",
            Self::GiftCardRefused { .. } => "look at the reward's brand, platforms and conditions",
            Self::UnknownCoupon => "check the code as it was handed out",
            Self::IssuedInFuture { .. } => "check the sender's clock, or leave issued_at out",
            Self::IssuedTooLongAgo { .. } => {
                "send events within 72 hours; older ones belong into a migration"
            }
            Self::EventClosed { .. } => "read the event to see what became of it",
            Self::NotReturnable => "reverse it as a whole",
            Self::ReturnExceeds { .. } => "return less; the event shows what came back of it",
            Self::TooManyReturns { .. } => "return the rest at once",
            Self::TooManyPending { .. } => "fulfil or reverse some of them first",
            Self::PointsSpent { .. } => {
                "wait until the customer has points again, or change the reward's policy"
            }
            Self::PlanOutdated => "plan it again and look at what is different",
            Self::CampaignNotRunning { .. } => "ask for it while the campaign runs",
            Self::CampaignFixed { .. } => "end it and write a new campaign",
            Self::AudienceDynamic => "change its conditions instead",
            Self::CustomerAnonymous => "identify the customer first",
            Self::LastServerKey => "make another SERVER key first",
            Self::OutOfRange => "send a smaller amount",
        }
    }
}
