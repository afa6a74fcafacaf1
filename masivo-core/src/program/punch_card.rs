//! Campaigns of punch cards: what gives stamps, how many fill a card, and how long a card lives (ADR 6).

use crate::limits::{CARD_STAMPS_MAX, STAMPS_AT_ONCE_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::Span;
use crate::shape::{Field, Shape, TEXT, optional};
use crate::value::{Decimal, Json};

/// The cards of a punch card campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardSpec {
    /// How many stamps fill a card.
    pub stamps: Decimal,
    /// What is stamped.
    pub per: StampsPer,
    /// How long a card lives from its first stamp on; `None` is for ever.
    pub life: Option<Span>,
}

/// What gives stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampsPer {
    /// Each event for which the rule holds.
    Event,
    /// Each unit of the product lines for which the rule holds.
    Product,
}

/// How many stamps fill a card, as `attributes` says it.
pub(super) const SIZE: Field =
    optional("stamps", Shape::Integer(1, CARD_STAMPS_MAX), "PUNCH_CARDS: how many stamps fill a card");
/// What is stamped, as `attributes` says it.
pub(super) const PER: Field = optional(
    "stamps_per",
    Shape::Choice(&["event", "product"]),
    "PUNCH_CARDS: stamps for each event, or for each unit of the product lines for which a rule holds; event when left \
     out",
);
/// How long a card lives, as `attributes` says it.
pub(super) const LIFE: Field = optional(
    "card_expiration",
    TEXT,
    "PUNCH_CARDS: how long a card lives from its first stamp on, like 6/months; for ever when left out",
);
/// How many stamps a rule gives.
pub(super) const RULE_STAMPS: Field = optional(
    "stamps",
    Shape::Integer(1, STAMPS_AT_ONCE_MAX),
    "PUNCH_CARDS: how many stamps it gives; 1 when left out",
);

/// Writes defaults out, so that leaving one out later changes nothing.
pub(super) fn normalise(attributes: &mut Json, rules: &mut [Json]) {
    if attributes.get("stamps_per").is_none() {
        attributes.set("stamps_per", "event");
    }
    for rule in rules.iter_mut().filter(|rule| rule.get("effects").is_some() && rule.get("stamps").is_none())
    {
        rule.set("stamps", 1_u32);
    }
}

/// Reads the cards of a campaign; fields that only punch cards have are refused elsewhere.
pub(super) fn read(json: &Json, is_card: bool, at: &Pointer<'_>, report: &mut Report) -> Option<CardSpec> {
    let attributes_at = at.field("attributes");
    let attribute = |name: &str| json.get("attributes").and_then(|attributes| attributes.get(name));
    let message = |name: &str| format!("`{name}` is for campaigns of type PUNCH_CARDS");
    if !is_card {
        for name in ["stamps", "stamps_per", "card_expiration"] {
            if attribute(name).is_some() {
                let at = attributes_at.field(name);
                report.problem(&at, "not_for_this_type", message(name), "leave it out");
            }
        }
        for (index, rule) in json.get("rules").map_or(&[][..], Json::items).iter().enumerate() {
            if rule.get("stamps").is_some() {
                let at = at.field("rules");
                let at = at.index(index);
                report.problem(&at.field("stamps"), "not_for_this_type", message("stamps"), "leave it out");
            }
        }
        return None;
    }
    let stamps = attribute("stamps").and_then(Json::as_number);
    if stamps.is_none() {
        let hint = "say how many stamps fill a card";
        report.problem(&attributes_at.field("stamps"), "missing", "a punch card needs its size", hint);
    }
    let life_text = attribute("card_expiration").and_then(Json::as_text);
    let life = life_text.and_then(Span::parse);
    if let (Some(text), None) = (life_text, life) {
        let message = format!("`{text}` is not a length of time");
        let at = attributes_at.field("card_expiration");
        report.problem(&at, "not_a_length_of_time", message, "write it like 6/months");
    }
    let per = match attribute("stamps_per").and_then(Json::as_text) {
        Some("product") => StampsPer::Product,
        _ => StampsPer::Event,
    };
    Some(CardSpec { stamps: stamps.unwrap_or(Decimal::ONE), per, life })
}
