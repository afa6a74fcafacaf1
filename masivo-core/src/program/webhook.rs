//! Webhooks: who is told what. The closed list of names is part of the public contract.

use super::Reading;
use crate::prelude::*;
use crate::problem::Report;
use crate::shape::{ObjectShape, Shape, Unknown, optional, required};
use crate::value::Json;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Where it is posted to.
    pub url: String,
    /// What it wants to hear of.
    pub events: Vec<String>,
    /// What it is signed with: `whsec_…`.
    pub secret: String,
    /// Whether it is told anything.
    pub active: bool,
}

/// Everything a webhook can be told, with what it means.
pub const WEBHOOK_EVENTS: [(&str, &str); 23] = [
    ("CUSTOMER_REGISTRATION", "a customer was registered"),
    ("CUSTOMER_ANONYMOUS_TO_REGISTERED", "an anonymous customer was identified"),
    ("CUSTOMER_DELETED", "a customer was deleted: stop using their data"),
    ("CUSTOMER_CONSENT", "a customer's consent changed"),
    ("CUSTOMER_ACCUMULATION", "points were gained"),
    ("CUSTOMER_REDEMPTION", "points were spent"),
    ("CUSTOMER_EXPIRATION", "points expired"),
    ("WALLET_ADJUSTED", "points were given or taken by hand"),
    ("WALLET_TRANSFERRED", "points were handed to another customer, or came from one"),
    ("EVENT_RESERVATION", "an event waits for fulfilment; what it needs is held"),
    ("EVENT_RESERVATION_CANCELLED", "a waiting event was cancelled; holds are released"),
    ("EVENT_RESERVATION_EXPIRED", "a waiting event expired; holds are released"),
    ("EVENT_FULFILLED", "a waiting event was fulfilled"),
    ("EVENT_FAILED", "an event failed, with the reason"),
    ("EVENT_REVERSED", "an event was reversed; reading it shows what was undone"),
    ("EVENT_PARTLY_RETURNED", "a part of a purchase came back, with its value"),
    ("COUPON_REDEMPTION", "a customer redeemed a code"),
    ("GIFT_CARD_REDEMPTION", "a gift card was redeemed"),
    ("POINTS_ABOUT_TO_EXPIRE", "points of a customer expire in as many days as their reward says"),
    ("TIER_UPGRADE", "a customer rose to another tier"),
    ("TIER_DOWNGRADE", "a customer fell to another tier"),
    ("AUDIENCE_ENTERED", "a customer entered an audience"),
    ("AUDIENCE_LEFT", "a customer left an audience"),
];

/// A webhook as it is written.
pub const WEBHOOK: ObjectShape = ObjectShape {
    name: "Webhook",
    fields: &[
        required("url", Shape::Text(2_000), "https address it is posted to"),
        required("events", Shape::List(&Shape::Text(100), 100), "what it wants to hear of"),
        optional("status", Shape::Choice(&["ACTIVE", "INACTIVE"]), "whether it is told anything"),
        optional("secret", Shape::Text(200), "whsec_ and the base64 of 24 to 64 bytes; made when left out"),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> WebhookSpec {
    let at = reading.at.field("events");
    let events: Vec<String> = json
        .get("events")
        .map_or(&[][..], Json::items)
        .iter()
        .filter_map(Json::as_text)
        .map(ToOwned::to_owned)
        .collect();
    if events.is_empty() {
        report.problem(
            &at,
            "missing",
            "a webhook wants at least one event",
            "see docs/webhooks.md for the names",
        );
    }
    for (index, event) in events.iter().enumerate() {
        if !WEBHOOK_EVENTS.iter().any(|(name, _)| name == event) {
            let known: Vec<&str> = WEBHOOK_EVENTS.iter().map(|(name, _)| *name).collect();
            report.problem(
                &at.index(index),
                "unknown_webhook_event",
                format!("`{event}` is not something a webhook can be told"),
                format!("known are {}", known.join(", ")),
            );
        }
    }
    WebhookSpec {
        url: json.text("url").unwrap_or_default().to_owned(),
        events,
        secret: json.text("secret").unwrap_or_default().to_owned(),
        active: json.text("status") != Some("INACTIVE"),
    }
}
