//! Rewards: what campaigns give: points, discounts, products and gift cards.

use super::Reading;
use crate::limits::{COUPON_CODES_MAX, ENTRIES_MAX, GIVE_BACK_GRACE_DAYS};
use crate::prelude::*;
use crate::problem::{Pointer, Report};
use crate::rule::{CONDITIONS, Rule};
use crate::shape::{AMOUNT, LONG_TEXT, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, Timestamp};
use crate::wallet::{GiveBack, OnReversal};

/// What a reward is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewardKind {
    /// Points that are spent as money.
    Points,
    /// Something off the price.
    Discount(Discount),
    /// A product that comes with the order.
    Product(Gift),
    /// A code that is redeemed for itself.
    GiftCard(GiftCards),
}

/// The codes of gift cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GiftCards {
    /// How many codes are generated; others may be supplied.
    pub quantity: u32,
    /// Characters of a generated code.
    pub length: usize,
}

/// Something off the price of an order, a product or shipping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// What it is taken off.
    pub level: Level,
    /// Hundredths of the value; 0 where it is fixed.
    pub percentage: Decimal,
    /// An amount of money.
    pub fixed: Option<Decimal>,
}

/// What rewards are taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The order as a whole.
    Order,
    /// One of its lines.
    Product,
    /// Shipping.
    Shipping,
}

/// A product that comes with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gift {
    /// What comes.
    pub sku: String,
    /// What it comes in place of; `None` adds it.
    pub replaces: Option<String>,
}

impl Gift {
    /// The product's name of what it does.
    pub const fn action(&self) -> &'static str {
        if self.replaces.is_some() { "REPLACE" } else { "ADD" }
    }
}

impl RewardKind {
    /// The product's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Points => "POINTS",
            Self::Discount(_) => "DISCOUNT",
            Self::Product(_) => "PRODUCT",
            Self::GiftCard(_) => "GIFT_CARD",
        }
    }
}

/// When it is announced that points expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How many days before.
    pub days: i64,
    /// Since when it is done.
    pub since: Timestamp,
}

/// A reward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewardSpec {
    /// What it is.
    pub kind: RewardKind,
    /// Its name.
    pub name: String,
    /// The brand it belongs to; `None` is global.
    pub brand: Option<String>,
    /// The platforms it is redeemed on; empty is all.
    pub platforms: Vec<String>,
    /// What one point is worth in money; of other rewards, what one costs.
    pub conversion_factor: Decimal,
    /// Decimal places a point may have: 0 unless the reward says otherwise.
    pub decimals: u32,
    /// What happens when points that were spent are reversed.
    pub on_reversal: OnReversal,
    /// What happens to points given back to a lapsed lot.
    pub give_back: GiveBack,
    /// How much of it there is for all customers together; `None` is without bound.
    pub stock: Option<Decimal>,
    /// Whether customers may hand it to others.
    pub transferable: bool,
    /// When it is announced that it expires.
    pub notice: Option<Notice>,
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
        optional(
            "conversion_factor",
            AMOUNT,
            "what one point is worth in money; of others, what one costs; 1 when left out",
        ),
        optional(
            "applies_to",
            Shape::Choice(&["ORDER", "PRODUCT", "SHIPPING"]),
            "DISCOUNT: what it is taken off; ORDER when left out",
        ),
        optional(
            "discount_type",
            Shape::Choice(&["PERCENTAGE", "FIXED"]),
            "DISCOUNT: hundredths of the value, or money",
        ),
        optional("value", AMOUNT, "DISCOUNT: how much"),
        optional(
            "action",
            Shape::Choice(&["ADD", "REPLACE"]),
            "PRODUCT: whether it is added, or comes in place of another",
        ),
        optional("sku", TEXT, "PRODUCT: what comes"),
        optional("replaces", TEXT, "PRODUCT: what it comes in place of"),
        optional("decimals", Shape::Integer(0, 6), "decimal places a point may have; 0 when left out"),
        optional(
            "on_reversal",
            Shape::Either(ON_REVERSAL),
            "what happens when spent points are reversed; debt when left out. GIFT_CARD: a redeemed one is kept when left out",
        ),
        optional(
            "on_give_back",
            Shape::Choice(&["grace", "forfeit", "reissue"]),
            "what happens to points given back to a lapsed lot",
        ),
        optional("stock", AMOUNT, "how much of it campaigns may give together; without it there is no bound"),
        optional(
            "transferable",
            Shape::Flag,
            "whether customers may hand it to others, with on_reversal debt (without max) or pending_only; false when left out",
        ),
        optional("quantity", Shape::Integer(0, COUPON_CODES_MAX), "GIFT_CARD: how many codes are generated"),
        optional(
            "code_length",
            Shape::Integer(8, 32),
            "GIFT_CARD: characters of a generated code; 16 when left out",
        ),
        optional(
            "expiry_notice_days",
            Shape::Integer(1, 365),
            "how many days before it expires that is told, to webhooks and journeys; not at all when left out",
        ),
        optional("give_back_days", Shape::Integer(1, 3650), "days of grace; 7 when left out"),
    ],
    unknown: Unknown::Warned,
};

/// A reward as it is written.
pub const REWARD: ObjectShape = ObjectShape {
    name: "Reward",
    fields: &[
        optional("brand_id", Shape::Id, "the brand it belongs to; none is global"),
        optional(
            "platforms",
            Shape::List(&TEXT, ENTRIES_MAX),
            "where it may be redeemed; none is everywhere",
        ),
        required("name", TEXT, "its name"),
        optional("description", LONG_TEXT, "what it is"),
        required("type", Shape::Choice(&["POINTS", "DISCOUNT", "PRODUCT", "GIFT_CARD"]), "what it is"),
        optional("conditions", CONDITIONS, "when it may be redeemed"),
        optional("attributes", Shape::Object(&ATTRIBUTES), "what the type needs"),
    ],
    unknown: Unknown::Warned,
};

pub(super) fn read(json: &Json, reading: &Reading<'_>, report: &mut Report) -> RewardSpec {
    let kind = read_kind(json, &reading.at, report);
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
    let has_codes = matches!(kind, RewardKind::GiftCard(_));
    let on_reversal = read_policy(get("on_reversal"), has_codes, &reading.at, report);
    let transferable = attributes.and_then(|attributes| attributes.flag("transferable")) == Some(true);
    // What was handed over must be owed when its purchase is returned, or buying, handing over and returning would pay.
    if transferable
        && !has_codes
        && !matches!(on_reversal, OnReversal::Debt { max: None } | OnReversal::PendingOnly)
    {
        let message = "points that are forgiven, or cannot be taken back, are not for handing over";
        let hint = "leave on_reversal out (debt), or transferable";
        let at = reading.at.field("attributes");
        report.problem(&at.field("transferable"), "contradicts", message, hint);
    }
    let days = get("give_back_days").and_then(Json::as_number).and_then(Decimal::to_integer);
    let give_back = match get("on_give_back").and_then(Json::as_text) {
        Some("forfeit") => GiveBack::Forfeit,
        Some("reissue") => GiveBack::Reissue,
        _ => GiveBack::Grace { days: days.unwrap_or(GIVE_BACK_GRACE_DAYS) },
    };
    let decimals = get("decimals").and_then(Json::as_number).and_then(Decimal::to_integer);
    if kind != RewardKind::Points && decimals.is_some_and(|decimals| decimals > 0) {
        let message = "only points have decimal places";
        let at = reading.at.field("attributes");
        report.problem(&at.field("decimals"), "not_for_this_type", message, "leave it out");
    }
    for name in ["quantity", "code_length"].into_iter().filter(|name| !has_codes && get(name).is_some()) {
        let at = reading.at.field("attributes");
        let message = format!("`{name}` is for rewards of type GIFT_CARD");
        report.problem(&at.field(name), "not_for_this_type", message, "leave it out");
    }
    let platforms = json.get("platforms").map_or(&[][..], Json::items).iter();
    RewardSpec {
        kind,
        platforms: platforms.filter_map(Json::as_text).map(ToOwned::to_owned).collect(),
        name: json.text("name").unwrap_or_default().to_owned(),
        brand: json.text("brand_id").map(ToOwned::to_owned),
        conversion_factor: get("conversion_factor").and_then(Json::as_number).unwrap_or(Decimal::ONE),
        decimals: decimals.and_then(|decimals| u32::try_from(decimals).ok()).unwrap_or(0),
        on_reversal,
        give_back,
        stock: get("stock").and_then(Json::as_number),
        transferable,
        notice: get("expiry_notice_days")
            .and_then(Json::as_number)
            .and_then(Decimal::to_integer)
            .map(|days| Notice { days, since: Timestamp::MIN }),
        conditions: reading.conditions(json.get("conditions"), &reading.at.field("conditions"), report),
    }
}

/// What happens when spent points are reversed. Gift cards do not pay for one another: they have no debt.
fn read_policy(written: Option<&Json>, has_codes: bool, at: &Pointer<'_>, report: &mut Report) -> OnReversal {
    let written = written.filter(|written| !written.is_null());
    let policy = match written {
        Some(Json::Text(name)) if name == "pending_only" => return OnReversal::PendingOnly,
        Some(Json::Text(name)) if name == "refuse" => return OnReversal::Refuse,
        Some(Json::Text(name)) if name == "up_to_balance" => OnReversal::UpToBalance,
        Some(policy) => OnReversal::Debt { max: policy.get("debt").and_then(|debt| debt.number("max")) },
        None => OnReversal::Debt { max: None },
    };
    if !has_codes {
        return policy;
    }
    if written.is_some() {
        let hint = "leave it out (a card that was redeemed is kept), or say pending_only or refuse";
        let (at, message) = (at.field("attributes"), "gift cards do not pay for one another");
        report.problem(&at.field("on_reversal"), "not_for_this_type", message, hint);
    }
    OnReversal::Keep
}

impl RewardSpec {
    /// Whether there is only so much of it for all customers together.
    pub(crate) const fn is_scarce(&self) -> bool {
        self.stock.is_some() || matches!(self.kind, RewardKind::GiftCard(_))
    }

    /// Names a reward that cannot come into a wallet by hand: gift cards have codes.
    pub(crate) fn check_by_hand(&self, at: &Pointer<'_>, report: &mut Report) {
        if matches!(self.kind, RewardKind::GiftCard(_)) {
            let hint = "let a campaign give them";
            report.problem(at, "not_for_this_type", "gift cards are not given by hand", hint);
        }
    }

    /// Names an amount that the reward cannot have: one with more decimal places.
    pub(crate) fn check_places(&self, amount: Decimal, at: &Pointer<'_>, report: &mut Report) {
        if !amount.fits_places(self.decimals) {
            let message = format!("`{amount}` has more places than the reward's {}", self.decimals);
            let hint = "round it, or set the reward's attributes.decimals";
            report.problem(at, "too_many_places", message, hint);
        }
    }
}

/// What a reward is, by its type and the attributes that the type needs.
fn read_kind(json: &Json, at: &Pointer<'_>, report: &mut Report) -> RewardKind {
    let attributes = at.field("attributes");
    let get = |name: &str| json.get("attributes").and_then(|attributes| attributes.get(name));
    let text = |name: &str| get(name).and_then(Json::as_text);
    let mut missing = |name: &str, hint: &str| {
        let message = format!("a reward of this type needs `{name}`");
        report.problem(&attributes.field(name), "missing", message, hint);
    };
    match json.text("type") {
        Some("DISCOUNT") => {
            let value = get("value").and_then(Json::as_number).unwrap_or_default();
            let percentage = text("discount_type") == Some("PERCENTAGE");
            if text("discount_type").is_none() {
                missing("discount_type", "PERCENTAGE or FIXED");
            }
            if get("value").is_none() {
                missing("value", "how many hundredths, or how much money");
            } else if !value.is_positive() || percentage && value > Decimal::whole(100) {
                let message = format!("the discount is `{value}`");
                let hint = "more than 0, and at most 100 hundredths";
                report.problem(&attributes.field("value"), "not_in_range", message, hint);
            }
            let level = match text("applies_to") {
                Some("PRODUCT") => Level::Product,
                Some("SHIPPING") => Level::Shipping,
                _ => Level::Order,
            };
            let (percentage, fixed) = if percentage { (value, None) } else { (Decimal::ZERO, Some(value)) };
            RewardKind::Discount(Discount { level, percentage, fixed })
        }
        Some("PRODUCT") => {
            let replaces = text("replaces").map(ToOwned::to_owned);
            if text("sku").is_none() {
                missing("sku", "what comes with the order");
            }
            if (text("action") == Some("REPLACE")) != replaces.is_some() {
                missing("replaces", "name what is replaced with action REPLACE, and only then");
            }
            RewardKind::Product(Gift { sku: text("sku").unwrap_or_default().to_owned(), replaces })
        }
        Some("GIFT_CARD") => {
            let integer = |name: &str| json.get("attributes").and_then(|found| found.integer(name));
            for name in ["stock", "transferable"].into_iter().filter(|name| get(name).is_some()) {
                let message = format!("`{name}` is not for gift cards");
                let hint = "leave it out: their codes are the stock, and stay with whom they were given to";
                report.problem(&attributes.field(name), "not_for_this_type", message, hint);
            }
            let quantity = integer("quantity").and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
            let length = integer("code_length").and_then(|length| usize::try_from(length).ok()).unwrap_or(16);
            RewardKind::GiftCard(GiftCards { quantity, length })
        }
        _ => RewardKind::Points,
    }
}
