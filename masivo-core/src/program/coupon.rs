//! Campaigns of coupons: how many codes there are, and how often each may be used.

use crate::coupons::read_codes;
use crate::limits::COUPON_CODES_AT_ONCE_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::value::{Decimal, Json};

/// The codes of a coupon campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponsSpec {
    /// How many codes are generated.
    pub quantity: u32,
    /// Characters of a generated code.
    pub length: usize,
    /// How often a code may be used by all customers together; `None` is without bound.
    pub max_uses: Option<Decimal>,
    /// How often each customer may use a code; `None` is without bound.
    pub max_uses_per_customer: Option<Decimal>,
}

/// Writes defaults out, so that leaving one out later changes nothing.
pub(super) fn normalise(attributes: &mut Json) {
    for (name, default) in [("max_uses", 1_u32), ("max_uses_per_customer", 1), ("code_length", 10)] {
        if attributes.get(name).is_none() {
            attributes.set(name, default);
        }
    }
}

/// What the codes of a coupon campaign are like; fields that only coupons have are refused elsewhere.
pub(super) fn read(json: &Json, kind: &str, at: &Pointer<'_>, report: &mut Report) -> Option<CouponsSpec> {
    let attributes = at.field("attributes");
    let attribute = |name: &str| json.get("attributes").and_then(|attributes| attributes.integer(name));
    if kind != "COUPONS" {
        let alone = ["quantity", "useCustomCodes"].into_iter().filter(|name| json.get(name).is_some());
        for name in alone {
            let message = format!("`{name}` is for campaigns of type COUPONS");
            report.problem(&at.field(name), "not_for_this_type", message, "leave it out");
        }
        let codes = ["max_uses", "max_uses_per_customer", "code_length"];
        // Codes of referrals are used too.
        let is_ours = |name: &&str| kind == "REFERRALS" && *name == "max_uses";
        for name in codes.into_iter().filter(|name| attribute(name).is_some() && !is_ours(name)) {
            let message = format!("`{name}` is for campaigns of type COUPONS");
            report.problem(&attributes.field(name), "not_for_this_type", message, "leave it out");
        }
        return None;
    }
    if json.path("attributes.trigger").is_some() {
        let message = "coupons are redeemed, no event triggers them";
        report.problem(&attributes.field("trigger"), "not_for_this_type", message, "leave it out");
    }
    let length = attribute("code_length").and_then(|length| usize::try_from(length).ok()).unwrap_or(10);
    let quantity = json.integer("quantity").filter(|_| json.flag("useCustomCodes") != Some(true));
    let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
    // At most one of a million guesses may hit.
    let safe = (0..length).fold(1_u64, |sum, _| sum.saturating_mul(32)) / 1_000_000;
    if u64::from(quantity) > safe {
        let message = format!("{quantity} codes of {length} characters are guessed too easily");
        report.problem(&attributes.field("code_length"), "codes_too_short", message, "make them longer");
    }
    let uses = |name: &str| match attribute(name) {
        Some(0) => None,
        uses => Decimal::from_integer(uses.unwrap_or(1)),
    };
    let (max_uses, max_uses_per_customer) = (uses("max_uses"), uses("max_uses_per_customer"));
    Some(CouponsSpec { quantity, length, max_uses, max_uses_per_customer })
}

/// The codes that came with a campaign, in their comparable form beside what was written.
pub(super) fn supplied_codes(body: &Json, report: &mut Report) -> Vec<(String, String)> {
    let at = Pointer::root();
    let at = at.field("customCodes");
    let mut texts: Vec<&str> = match body.get("customCodes") {
        Some(Json::Text(text)) => text
            .split(|character: char| character == ',' || character == ';' || character.is_whitespace())
            .filter(|text| !text.is_empty())
            .collect(),
        Some(list) => list.items().iter().filter_map(Json::as_text).collect(),
        None => Vec::new(),
    };
    if texts.len() > COUPON_CODES_AT_ONCE_MAX {
        let message = format!("{} codes come at once", texts.len());
        let hint = "at most 10,000: add the others with POST /campaigns/{id}/codes";
        report.problem(&at, "too_many", message, hint);
        texts.clear();
    }
    read_codes(&texts, &at, report)
}
