//! What the engine can be asked to do.

use super::delivery::DeliveryResult;
use crate::backend::ApiKey;
use masivo_core::gift_cards::pool_of;
use masivo_core::program::{Kind, Program, RewardKind};
use masivo_core::value::{Json, Timestamp};
use masivo_core::{Command, Rejection};
use uuid::Uuid;

/// Something to be done, and the key that makes repeating it harmless.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub work: Work,
    /// An idempotency key: the same key and work give the same answer and are carried out once.
    pub key: Option<String>,
}

/// Whose codes are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodePool {
    /// The coupon campaign of an id.
    Campaign(String),
    /// The reward of an id, which consists of gift cards.
    Reward(String),
}

impl CodePool {
    /// The kind of definition that it is, and its id.
    pub fn definition(&self) -> (&'static str, &str) {
        match self {
            Self::Campaign(id) => ("campaign", id),
            Self::Reward(id) => ("reward", id),
        }
    }

    /// The number under which the codes are kept, and the definition's id.
    pub(crate) fn find(&self, program: &Program) -> Result<u32, Rejection> {
        let found = match self {
            Self::Campaign(id) => program
                .campaign_by_id(id)
                .filter(|campaign| campaign.spec.coupons.is_some())
                .map(|campaign| campaign.number),
            Self::Reward(id) => program
                .reward_by_id(id)
                .filter(|reward| matches!(reward.spec.kind, RewardKind::GiftCard(_)))
                .map(|reward| pool_of(reward.number)),
        };
        let (kind, id) = self.definition();
        found.ok_or_else(|| Rejection::DefinitionNotFound { kind, id: id.to_owned() })
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Work {
    /// A command to a customer.
    Customer(Box<Command>),
    /// What a command would come to: nothing is written. An event that is sent, or a reversal.
    Try(Box<Command>),
    /// A definition is written: a new one without id, otherwise the one of that id.
    Define {
        /// What it is.
        kind: Kind,
        /// Its id.
        id: Option<String>,
        /// The definition as it was sent.
        body: Json,
    },
    /// Codes are added to a coupon campaign, or to the pool of a gift card.
    SupplyCodes {
        /// Whose codes they are.
        pool: CodePool,
        /// The codes as they are handed out.
        codes: Vec<String>,
    },
    /// A customer asks for their code of a referral campaign; the first time it is made.
    RequestReferralCode {
        /// The merchant's id of the customer.
        customer: String,
        /// The campaign's id.
        campaign: String,
        /// The brand, when the campaign is of one.
        brand: Option<String>,
    },
    /// Expired events that were issued in a span are fulfilled after all: up to 500.
    FulfillExpired {
        /// Issued from then on.
        from: Timestamp,
        /// Issued before then.
        to: Timestamp,
    },
    /// A worker takes rows of the outbox whose time has come.
    ClaimDeliveries {
        /// At most so many.
        limit: usize,
    },
    /// A worker says what became of a row.
    ReportDelivery {
        /// The row.
        id: Uuid,
        /// What became of it.
        result: DeliveryResult,
    },
    /// A dead letter is queued again.
    Resend {
        /// The row.
        id: Uuid,
    },
    /// A key of the API is made.
    CreateKey(ApiKey),
    /// A key of the API is revoked.
    RevokeKey {
        /// Its id.
        id: String,
    },
    /// The test clock is set; everything due is applied before the answer.
    SetClock(Timestamp),
    /// The time after a jump of the clock is right.
    ConfirmClock,
    /// Everybody is looked at again in the background, from their facts on: it comes to what is known, or mends it.
    Recalculate,
    /// Everything due is applied.
    CatchUp,
    /// Nothing: the answer says that the writer is alive and can commit.
    Ping,
}

impl From<Command> for Request {
    fn from(command: Command) -> Self {
        Self { work: Work::Customer(Box::new(command)), key: None }
    }
}

impl From<Work> for Request {
    fn from(work: Work) -> Self {
        Self { work, key: None }
    }
}

impl Request {
    /// The request with an idempotency key.
    #[must_use]
    pub fn with_key(self, key: Option<String>) -> Self {
        Self { key: key.or(self.key), ..self }
    }
}
