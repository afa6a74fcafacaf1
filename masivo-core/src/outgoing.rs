//! What leaves the house: rows of an outbox, written in the same unit as what caused them.
//!
//! - O1: nothing leaves before it is committed.
//! - O2: a row goes queued → claimed → handed over → confirmed, refused or unknown; it is handed over once at a
//!   time, and every non-send is a row with its reason.
//! - O3: consent is asked when the row is made and again when it is claimed.

use crate::consent::Purpose;
use crate::profile::Profile;
use crate::state::{Standing, State};
use crate::value::{Json, Timestamp};
use uuid::Uuid;

/// One thing to be delivered, or not, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its id: the same on every attempt.
    pub id: Uuid,
    /// When it was made.
    pub at: Timestamp,
    /// Where it goes.
    pub target: Target,
    /// Why it is not sent; `None` queues it.
    pub suppressed: Option<Suppression>,
    /// What is sent, or what it is rendered from; personal.
    pub body: Json,
}

/// Where something goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a webhook.
    Webhook {
        /// The webhook's number.
        webhook: u32,
        /// What it is told.
        event: &'static str,
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
    /// A device begins to follow the push topic of an audience, or no longer does.
    Topic {
        /// The audience's number.
        audience: u32,
        /// Whether it begins.
        subscribe: bool,
    },
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// The customer does not allow the purpose.
    Consent,
    /// There is no address.
    NoAddress,
    /// The customer is anonymous.
    Anonymous,
    /// The customer is inactive.
    Inactive,
    /// The customer was deleted.
    Deleted,
    /// The template needs a value that is missing.
    MissingValue,
    /// The template cannot be rendered.
    TemplateFault,
    /// The webhook is gone or inactive.
    TargetGone,
    /// No sender is set.
    NoSender,
}

impl Suppression {
    /// Every reason, in the order of their stored numbers.
    pub const ALL: [Self; 9] = [
        Self::Consent,
        Self::NoAddress,
        Self::Anonymous,
        Self::Inactive,
        Self::Deleted,
        Self::MissingValue,
        Self::TemplateFault,
        Self::TargetGone,
        Self::NoSender,
    ];

    /// The name shown in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::NoAddress => "no_address",
            Self::Anonymous => "anonymous",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
            Self::MissingValue => "missing_value",
            Self::TemplateFault => "template_fault",
            Self::TargetGone => "target_gone",
            Self::NoSender => "no_sender",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// How far a row of the outbox has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStatus {
    /// It waits for its turn.
    Queued,
    /// A worker has taken it and is about to hand it over.
    Claimed,
    /// The other side has it.
    Confirmed,
    /// The other side will never take it, or all attempts are used up: a dead letter.
    Refused,
    /// It was handed over and nobody knows whether it arrived; it is not sent twice.
    Unknown,
    /// It is not sent, with a reason.
    Suppressed,
}

impl DeliveryStatus {
    /// Every status, in the order of their stored numbers.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Claimed, Self::Confirmed, Self::Refused, Self::Unknown, Self::Suppressed];

    /// The name shown in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Suppressed => "suppressed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Whether an e-mail may go to a customer now; asked when it is made and again when it is handed over (O3).
pub fn email_suppression(state: &State, profile: &Profile) -> Option<Suppression> {
    match state.standing {
        Standing::Deleted => return Some(Suppression::Deleted),
        Standing::Inactive => return Some(Suppression::Inactive),
        Standing::Active => {}
    }
    if state.anonymous {
        return Some(Suppression::Anonymous);
    }
    if !state.permissions.allow(Purpose::EmailMarketing) {
        return Some(Suppression::Consent);
    }
    if profile.email().is_none() { Some(Suppression::NoAddress) } else { None }
}
