//! Event types: what may happen, and whether it earns.

use crate::shape::{LONG_TEXT, ObjectShape, Shape, Unknown, optional, required};
use crate::value::Json;

/// A custom event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTypeSpec {
    /// How its events are processed.
    pub processing: Processing,
}

/// How events of a type are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processing {
    /// Campaigns, wallet, metrics, tier, audiences and journeys.
    Loyalty,
    /// Journeys only.
    Tracking,
    /// As loyalty, but only the engine makes them.
    EngineMade,
}

/// The types that custom ones may not be named as.
pub const RESERVED_EVENT_TYPES: [(&str, Processing); 9] = [
    ("PURCHASE", Processing::Loyalty),
    ("REGISTRATION", Processing::EngineMade),
    ("BIRTHDAY", Processing::EngineMade),
    ("TIER_ADJUSTMENT", Processing::EngineMade),
    (crate::coupons::COUPON_REDEMPTION, Processing::EngineMade),
    (crate::gift_cards::GIFT_CARD_REDEMPTION, Processing::EngineMade),
    (crate::referrals::REFERRAL, Processing::EngineMade),
    (crate::notices::POINTS_ABOUT_TO_EXPIRE, Processing::EngineMade),
    ("ABANDONED_CART", Processing::Loyalty),
];

/// The tracking types everybody has.
const TRACKING_EVENT_TYPES: [&str; 9] = [
    "ADD_TO_CART",
    "REMOVE_FROM_CART",
    "EMPTY_CART",
    "VIEW_ITEM",
    "SEARCH",
    "ADD_TO_WISHLIST",
    "BEGIN_CHECKOUT",
    "ADD_PAYMENT_INFO",
    "SIGN_UP",
];

pub(super) fn built_in(name: &str) -> Option<Processing> {
    let reserved = RESERVED_EVENT_TYPES.iter().find(|(reserved, _)| *reserved == name);
    reserved
        .map(|(_, processing)| *processing)
        .or_else(|| TRACKING_EVENT_TYPES.contains(&name).then_some(Processing::Tracking))
}

/// A custom event type as it is written; its name stands in the path.
pub const EVENT_TYPE: ObjectShape = ObjectShape {
    name: "EventType",
    fields: &[
        required("loyalty", Shape::Flag, "true: its events earn; false: they are only tracked"),
        optional("description", LONG_TEXT, "what it means"),
    ],
    unknown: Unknown::Refused,
};

pub(super) fn read(json: &Json) -> EventTypeSpec {
    let loyalty = json.flag("loyalty").unwrap_or(false);
    EventTypeSpec { processing: if loyalty { Processing::Loyalty } else { Processing::Tracking } }
}
