//! What the engine answers.

use super::delivery::Delivery;
use masivo_core::events::EventRecord;
use masivo_core::fact::EventReason;
use masivo_core::problem::Problem;
use masivo_core::program::{Program, StoredDefinition};
use masivo_core::value::{Json, Timestamp, object};
use masivo_core::view;

/// What was done.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A document: the customer, the consent.
    Document(Json),
    /// An event.
    Event {
        /// The event with everything that became of it.
        record: Box<EventRecord>,
        /// Why it is still expired, when fulfilling it was not possible.
        still_expired: Option<EventReason>,
    },
    /// A coupon that was redeemed, or why it was not.
    Coupon {
        /// The event of it.
        record: Box<EventRecord>,
        /// The customer and the wallet afterwards.
        customer: Json,
    },
    /// What reversing an event would come to.
    Plan {
        /// The event as it would be.
        record: Box<EventRecord>,
        /// The events of those who referred the customer with it, as they would be.
        referrers: Vec<EventRecord>,
        /// What the reversal is carried out with, exactly so or not at all.
        token: String,
    },
    /// A definition.
    Definition {
        /// The definition as it is kept.
        stored: Box<StoredDefinition>,
        /// Whether it is new.
        created: bool,
        /// What deserves a look.
        warnings: Vec<Problem>,
    },
    /// Whether a list changed.
    Listed(bool),
    /// Rows of the outbox for a worker.
    Deliveries(Vec<Delivery>),
    /// How many things were done.
    Count(u64),
    /// The instant the engine lives in.
    Instant(Timestamp),
    /// Done; there is nothing to show.
    Done,
}

impl Answer {
    /// The answer as it is shown.
    pub fn to_json(&self, program: &Program) -> Json {
        match self {
            Self::Document(document) => document.clone(),
            Self::Event { record, still_expired } => {
                let mut event = view::event(program, record);
                if let Some(reason) = still_expired {
                    event.set(
                        "reason",
                        object().with("code", reason.code()).with("text", reason.text()).build(),
                    );
                }
                event
            }
            Self::Coupon { record, customer } => {
                let event = view::event(program, record);
                let part = |path: &str| event.path(path).cloned().unwrap_or_default();
                let mut shown = object().with("event_id", part("id")).with("status", part("status")).build();
                shown.set("accumulations", part("result.accumulations"));
                shown.set("gift_card", part("result.gift_card"));
                shown.merge(customer);
                shown
            }
            Self::Plan { record, referrers, token } => {
                let referrers: Vec<Json> = referrers.iter().map(|record| undone(program, record)).collect();
                let referrers = Some(Json::List(referrers)).filter(|list| !list.items().is_empty());
                let event = view::event(program, record);
                let part = |name: &str| event.get(name).cloned();
                let returned =
                    event.get("returns").and_then(|returns| returns.items().last()?.get("receipt"));
                let receipt = part("receipt").or_else(|| returned.cloned());
                object()
                    .with("event_id", part("id").unwrap_or_default())
                    .with("status", record.status.name())
                    .with("receipt", receipt.unwrap_or_else(|| Json::List(Vec::new())))
                    .with_some("result", part("result"))
                    .with_some("referrers", referrers)
                    .with("plan_token", token.as_str())
                    .build()
            }
            Self::Definition { stored, .. } => {
                let mut body = object().with("id", stored.id.as_str()).build();
                body.merge(&stored.body);
                body.set("version", stored.version);
                body
            }
            Self::Listed(changed) => object().with("changed", *changed).build(),
            Self::Deliveries(deliveries) => Json::from(u64::try_from(deliveries.len()).unwrap_or(u64::MAX)),
            Self::Count(count) => object().with("count", *count).build(),
            Self::Instant(now) => object().with("now", *now).build(),
            Self::Done => object().build(),
        }
    }
}

/// What becomes of an event of whoever referred the customer of a reversed one.
fn undone(program: &Program, record: &EventRecord) -> Json {
    let event = view::event(program, record);
    let part = |name: &str| event.get(name).cloned();
    object()
        .with_some("event_id", part("id"))
        .with_some("customer_id", part("customer_id"))
        .with("status", record.status.name())
        .with("receipt", part("receipt").unwrap_or_else(|| Json::List(Vec::new())))
        .build()
}
