//! Rewards: what campaigns give. Points for now; discounts, products and gift cards are not there yet.

use super::Reading;
use crate::limits::{ENTRIES_MAX, GIVE_BACK_GRACE_DAYS};
use crate::prelude::*;
use crate::problem::Report;
use crate::rule::{CONDITIONS, Rule, read_conditions};
use crate::shape::{AMOUNT, LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json};
use crate::wallet::{GiveBack, OnReversal};

/// A reward of type POINTS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardSpec {
    /// Its name.
    pub name: String,
    /// The brand it belongs to; `None` is global.
    pub brand: Option<String>,
    /// What one point is worth in money.
    pub conversion_factor: Decimal,
    /// Decimal places a point may have: 0 unless the reward says otherwise.
    pub decimals: u32,
    /// What happens when points that were spent are reversed.
    pub on_reversal: OnReversal,
    /// What happens to points given back to a lapsed lot.
    pub give_back: GiveBack,
    /// How much of it there is for all customers together; `None` is without bound.
    pub stock: Option<Decimal>,
    /// When it may be redeemed.
    pub conditions: Rule,
}

const DEBT: ObjectShape = ObjectShape {
    name: "DebtPolicy",
    fields: &[optional("max", AMOUNT, "the most debt there may be; without it there is no bound")],
    unknown: Unknown::Refused,
};
const DEBT_POLICY: ObjectShape = ObjectShape {
    name: "OnReversal",
    fields: &[required("debt", Shape::Object(&DEBT), "what was spent becomes debt")],
    unknown: Unknown::Refused,
};
const ON_REVERSAL: &[Shape] =
    &[Shape::Choice(&["debt", "up_to_balance", "pending_only", "refuse"]), Shape::Object(&DEBT_POLICY)];
const ATTRIBUTES: ObjectShape = ObjectShape {
    name: "RewardAttributes",
    fields: &[
        optional("conversion_factor", AMOUNT, "what one point is worth in money"),
        optional("decimals", Shape::Integer(0, 6), "decimal places a point may have; 0 when left out"),
        optional(
            "on_reversal",
            Shape::Either(ON_REVERSAL),
            "what happens when spent points are reversed; debt when left out",
        ),
        optional(
            "on_give_back",
            Shape::Choice(&["grace", "forfeit", "reissue"]),
            "what happens to points given back to a lapsed lot",
        ),
        optional("stock", AMOUNT, "how much of it campaigns may give together; without it there is no bound"),
        optional("give_back_days", Shape::Integer(1, 3650), "days of grace; 7 when left out"),
    ],
    unknown: Unknown::Warned,
};

/// A reward as it is written.
pub const REWARD: ObjectShape = ObjectShape {
    name: "Reward",
    fields: &[
        optional("brand_id", Shape::Id, "the brand it belongs to; none is global"),
        optional("platforms", Shape::List(&TEXT, ENTRIES_MAX), "where it is offered; stored"),
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "what it is"),
        required(
            "type",
            Shape::Choice(&["POINTS", "DISCOUNT", "PRODUCT", "GIFT_CARD"]),
            "POINTS; the others are not there yet",
        ),
        optional("conditions", CONDITIONS, "when it may be redeemed"),
        optional("attributes", Shape::Object(&ATTRIBUTES), "what the type needs"),
    ],
    unknown: Unknown::Warned,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> RewardSpec {
    if let Some(kind) = json.text("type").filter(|kind| *kind != "POINTS") {
        report.problem(
            &reading.at.field("type"),
            "not_supported_yet",
            format!("rewards of type {kind} are not there yet"),
            "use POINTS",
        );
    }
    if let Some(brand) = json.text("brand_id").filter(|brand| reading.program.brand(brand).is_none()) {
        report.problem(
            &reading.at.field("brand_id"),
            "unknown_brand",
            format!("there is no brand `{brand}`"),
            "write the brand first",
        );
    }
    let attributes = json.get("attributes");
    let get = |name: &str| attributes.and_then(|attributes| attributes.get(name));
    let on_reversal = match get("on_reversal") {
        Some(Json::Text(name)) => match name.as_str() {
            "up_to_balance" => OnReversal::UpToBalance,
            "pending_only" => OnReversal::PendingOnly,
            "refuse" => OnReversal::Refuse,
            _ => OnReversal::Debt { max: None },
        },
        Some(policy) => OnReversal::Debt { max: policy.get("debt").and_then(|debt| debt.number("max")) },
        None => OnReversal::Debt { max: None },
    };
    let days = get("give_back_days").and_then(Json::as_number).and_then(Decimal::to_integer);
    let give_back = match get("on_give_back").and_then(Json::as_text) {
        Some("forfeit") => GiveBack::Forfeit,
        Some("reissue") => GiveBack::Reissue,
        _ => GiveBack::Grace { days: days.unwrap_or(GIVE_BACK_GRACE_DAYS) },
    };
    let decimals = get("decimals").and_then(Json::as_number).and_then(Decimal::to_integer);
    RewardSpec {
        name: json.text("name").unwrap_or_default().to_owned(),
        brand: json.text("brand_id").map(ToOwned::to_owned),
        conversion_factor: get("conversion_factor").and_then(Json::as_number).unwrap_or(Decimal::ONE),
        decimals: decimals.and_then(|decimals| u32::try_from(decimals).ok()).unwrap_or(0),
        on_reversal,
        give_back,
        stock: get("stock").and_then(Json::as_number),
        conditions: read_conditions(
            json.get("conditions"),
            &reading.at.field("conditions"),
            reading.zone,
            report,
        ),
    }
}
