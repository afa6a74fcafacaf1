//! Commands: everything that changes a customer comes in as one of them.

use crate::adjustment::Adjustment;
use crate::coupons::Redemption;
use crate::events::{NewEvent, Part};
use crate::gift_cards::CardRedemption;
use crate::migration::{Migration, Past, PastTransactions};
use crate::prelude::*;
use crate::referrals::Referral;
use crate::transfer::{Received, Transfer};
use crate::value::Json;
use uuid::Uuid;

/// Something to be done to a customer. Its parts have been checked for their form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Registers a customer (the checked request).
    Register(Json),
    /// Identifies an anonymous customer.
    Identify {
        /// The merchant's id so far.
        customer: String,
        /// The checked request.
        request: Json,
    },
    /// Changes profile fields.
    Patch {
        /// The merchant's id.
        customer: String,
        /// The checked request.
        request: Json,
    },
    /// Merges tags.
    SetTags {
        /// The merchant's id.
        customer: String,
        /// Tags by name.
        tags: Json,
    },
    /// Removes tags.
    RemoveTags {
        /// The merchant's id.
        customer: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Merges a consent change.
    SetConsent {
        /// The merchant's id.
        customer: String,
        /// The change.
        consent: Json,
    },
    /// Registers a device.
    AddDevice {
        /// The merchant's id.
        customer: String,
        /// The checked device.
        device: Json,
    },
    /// Removes all devices.
    RemoveDevices {
        /// The merchant's id.
        customer: String,
    },
    /// Sends an event.
    Emit(NewEvent),
    /// Redeems the code of a coupon.
    RedeemCoupon(Redemption),
    /// Redeems a gift card.
    RedeemGiftCard(CardRedemption),
    /// Brings a customer in from elsewhere.
    Migrate(Migration),
    /// Brings past events of a customer in.
    MigrateEvents(Past),
    /// Brings transactions of a customer's past in.
    MigrateTransactions(PastTransactions),
    /// Gives or takes points by hand.
    Adjust {
        /// The merchant's id.
        customer: String,
        /// What is done.
        adjustment: Adjustment,
    },
    /// Hands points to another customer.
    Transfer {
        /// The merchant's id of the customer who hands them over.
        customer: String,
        /// What is handed over.
        transfer: Transfer,
    },
    /// Gets what another customer hands over: the second half of a transfer.
    Receive {
        /// The merchant's id of the customer who gets it.
        customer: String,
        /// What comes.
        received: Received,
    },
    /// Rewards a customer for having referred another one: the second half of a completed referral.
    Refer {
        /// The merchant's id of the customer who referred.
        customer: String,
        /// What was completed.
        referral: Referral,
    },
    /// Fulfils a waiting or expired event.
    Fulfill {
        /// The event.
        event: Uuid,
    },
    /// Reverses or cancels an event.
    Reverse {
        /// The event.
        event: Uuid,
        /// Why.
        reason: String,
        /// The token of the plan it must come to.
        plan: Option<String>,
        /// The part of it that comes back; without it, all.
        part: Option<Part>,
    },
    /// Puts a customer on the list of a static audience.
    Join {
        /// The merchant's id.
        customer: String,
        /// The audience's id.
        audience: String,
    },
    /// Takes a customer off the list of a static audience.
    Leave {
        /// The merchant's id.
        customer: String,
        /// The audience's id.
        audience: String,
    },
    /// Deletes a customer.
    Delete {
        /// The merchant's id.
        customer: String,
    },
    /// Applies what fell due.
    WakeUp,
    /// Applies what fell due, and derives past events and memberships anew from the facts.
    Recalculate,
}

impl Command {
    /// The merchant's id of the customer it is about, when it names one.
    pub fn customer(&self) -> Option<&str> {
        match self {
            Self::Register(request) | Self::Migrate(Migration { request, .. }) => request.text("id"),
            Self::Identify { customer, .. }
            | Self::Patch { customer, .. }
            | Self::SetTags { customer, .. }
            | Self::RemoveTags { customer, .. }
            | Self::SetConsent { customer, .. }
            | Self::AddDevice { customer, .. }
            | Self::MigrateEvents(Past { customer, .. })
            | Self::MigrateTransactions(PastTransactions { customer, .. })
            | Self::Adjust { customer, .. }
            | Self::Transfer { customer, .. }
            | Self::Receive { customer, .. }
            | Self::Refer { customer, .. }
            | Self::RemoveDevices { customer }
            | Self::Join { customer, .. }
            | Self::Leave { customer, .. }
            | Self::Delete { customer } => Some(customer),
            Self::Emit(event) => Some(&event.customer),
            Self::RedeemCoupon(redemption) => Some(&redemption.customer),
            Self::RedeemGiftCard(_) | Self::Fulfill { .. } | Self::Reverse { .. } => None,
            Self::WakeUp | Self::Recalculate => None,
        }
    }

    /// The event it is about, when it names one.
    pub const fn event(&self) -> Option<Uuid> {
        match self {
            Self::Fulfill { event } | Self::Reverse { event, .. } => Some(*event),
            _ => None,
        }
    }

    /// The e-mail address it claims for its customer.
    pub fn claimed_email(&self) -> Option<&str> {
        match self {
            Self::Register(request)
            | Self::Migrate(Migration { request, .. })
            | Self::Identify { request, .. }
            | Self::Patch { request, .. } => request.text("email"),
            _ => None,
        }
    }

    /// The referral code that comes with it.
    pub fn referral_code(&self) -> Option<&str> {
        match self {
            Self::Register(request) => request.text("referral_code"),
            Self::Emit(event) if !event.from_client => event.payload.text("referral_code"),
            _ => None,
        }
    }

    /// The id it claims for its customer.
    pub fn claimed_id(&self) -> Option<&str> {
        match self {
            Self::Identify { request, .. } => request.text("new_id"),
            _ => None,
        }
    }

    /// The name of the command: part of what an idempotency key is compared by.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Identify { .. } => "identify",
            Self::Patch { .. } => "patch",
            Self::SetTags { .. } => "set_tags",
            Self::RemoveTags { .. } => "remove_tags",
            Self::SetConsent { .. } => "set_consent",
            Self::AddDevice { .. } => "add_device",
            Self::RemoveDevices { .. } => "remove_devices",
            Self::Emit(_) => "emit",
            Self::RedeemCoupon(_) => "redeem_coupon",
            Self::RedeemGiftCard(_) => "redeem_gift_card",
            Self::Adjust { .. } => "adjust",
            Self::Transfer { .. } => "transfer",
            Self::Receive { .. } => "receive",
            Self::Refer { .. } => "refer",
            Self::Migrate(_) => "migrate",
            Self::MigrateEvents(_) => "migrate_events",
            Self::MigrateTransactions(_) => "migrate_transactions",
            Self::Fulfill { .. } => "fulfill",
            Self::Reverse { .. } => "reverse",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Delete { .. } => "delete",
            Self::WakeUp => "wake_up",
            Self::Recalculate => "recalculate",
        }
    }

    /// What an idempotency key is compared by: the parsed command, so that the order of fields or white space
    /// makes no difference. The form is kept from release to release.
    pub fn comparable(&self) -> String {
        let customer = self.customer().unwrap_or_default();
        let rest = match self {
            Self::Register(request) | Self::Identify { request, .. } | Self::Patch { request, .. } => {
                request.sorted().to_string()
            }
            Self::SetTags { tags, .. } => tags.sorted().to_string(),
            Self::RemoveTags { names, .. } => names.join("\n"),
            Self::SetConsent { consent, .. } => consent.sorted().to_string(),
            Self::AddDevice { device, .. } => device.sorted().to_string(),
            Self::Emit(event) => event.comparable(),
            Self::Adjust { adjustment, .. } => adjustment.request().sorted().to_string(),
            Self::Transfer { transfer, .. } => transfer.request.sorted().to_string(),
            Self::Receive { received, .. } => format!("{received:?}"),
            Self::Refer { referral, .. } => format!("{referral:?}"),
            Self::Migrate(migration) => migration.comparable(),
            Self::MigrateEvents(past) => {
                let events: Vec<String> =
                    past.events.iter().map(|event| event.payload.sorted().to_string()).collect();
                events.join("\n")
            }
            Self::MigrateTransactions(past) => {
                let items: Vec<String> = past.items.iter().map(|item| item.sorted().to_string()).collect();
                items.join("\n")
            }
            Self::RedeemCoupon(redemption) => {
                format!("{}\n{}", redemption.code, redemption.payload.sorted())
            }
            Self::RedeemGiftCard(redemption) => {
                let customer = redemption.customer.as_deref().unwrap_or_default();
                format!("{}\n{customer}\n{}", redemption.code, redemption.payload.sorted())
            }
            Self::Fulfill { event } => event.hyphenated().to_string(),
            Self::Reverse { event, reason, plan, part } => {
                let plan = plan.as_ref().map(|plan| format!("\n{plan}")).unwrap_or_default();
                let part =
                    part.as_ref().map(|part| format!("\npart {}", part.comparable())).unwrap_or_default();
                format!("{event}\n{reason}{plan}{part}")
            }
            Self::Join { audience, .. } | Self::Leave { audience, .. } => audience.clone(),
            Self::RemoveDevices { .. } | Self::Delete { .. } => String::new(),
            Self::WakeUp | Self::Recalculate => String::new(),
        };
        format!("{}\n{customer}\n{rest}", self.name())
    }
}
