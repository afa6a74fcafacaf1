//! Redemption: which rewards may be redeemed where, and what that takes off the cart.
//!
//! - V1: a preview and the event judge by the same code: when no redemption has an error, sending does exactly what the
//!   preview shows, as long as nothing changes in between; when one has, sending fails and takes nothing.
//! - V2: in the event's own `redeem` only the balance counts: it is the documented way to correct one.
//! - V3: points are redeemed anywhere; discounts at what they are made for: the order, a product or shipping; products at
//!   the order; gift cards with no purchase.
//! - V4: what is taken off is rounded half up to cents; never more than the value it is taken off, and never nothing.

use crate::events::NewEvent;
use crate::prelude::*;
use crate::problem::Pointer;
use crate::program::{Definition, Discount, Gift, Level, Program, RewardKind, RewardSpec};
use crate::rule::View;
use crate::value::{Decimal, Json, Rounding, object};

/// One reward that an event redeems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeem {
    /// Where in the event it stands.
    pub place: Place,
    /// The reward's id.
    pub id: String,
    /// How much of it.
    pub amount: Decimal,
}

/// Where in an event something is redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the event itself.
    Event,
    /// In its order.
    Order,
    /// In a line of the order, counted from 0.
    Product(usize),
    /// In its shipping.
    Shipping,
}

/// Why a reward cannot be redeemed where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such reward.
    UnknownReward,
    /// It cannot be redeemed in such a place.
    WrongPlace,
    /// It belongs to another brand.
    OtherBrand,
    /// It is not offered on the platform.
    OtherPlatform,
    /// Its conditions do not hold.
    ConditionNotMet,
    /// What it is taken off has no value.
    ValueMissing,
    /// It is worth more than what it is taken off.
    ExceedsValue,
    /// The order has no line of the product that it replaces.
    ProductMissing,
    /// The amount has more places than the reward.
    TooManyPlaces,
    /// There is not enough of it.
    InsufficientBalance,
}

impl Refused {
    /// Every reason, in the order of their stored numbers.
    pub const ALL: [Self; 10] = [
        Self::UnknownReward,
        Self::WrongPlace,
        Self::OtherBrand,
        Self::OtherPlatform,
        Self::ConditionNotMet,
        Self::ValueMissing,
        Self::ExceedsValue,
        Self::ProductMissing,
        Self::TooManyPlaces,
        Self::InsufficientBalance,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownReward => "unknown_reward",
            Self::WrongPlace => "redeemed_in_the_wrong_place",
            Self::OtherBrand => "reward_of_another_brand",
            Self::OtherPlatform => "reward_of_another_platform",
            Self::ConditionNotMet => "reward_condition_not_met",
            Self::ValueMissing => "nothing_to_take_off",
            Self::ExceedsValue => "redeemed_beyond_the_value",
            Self::ProductMissing => "product_not_in_order",
            Self::TooManyPlaces => "too_many_places",
            Self::InsufficientBalance => "insufficient_balance",
        }
    }

    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownReward => "there is no such reward",
            Self::WrongPlace => "the reward cannot be redeemed here",
            Self::OtherBrand => "the reward belongs to another brand",
            Self::OtherPlatform => "the reward is not offered on this platform",
            Self::ConditionNotMet => "the conditions of the reward are not met",
            Self::ValueMissing => "there is nothing that the reward would take off",
            Self::ExceedsValue => "the reward is worth more than what it is taken off",
            Self::ProductMissing => "the order has too few of the product that the reward replaces",
            Self::TooManyPlaces => "the amount has more places than the reward can have",
            Self::InsufficientBalance => "there is not enough of the reward",
        }
    }
}

/// What was found of one redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged<'a> {
    pub(crate) redeem: &'a Redeem,
    pub(crate) reward: Option<&'a Definition<RewardSpec>>,
    pub(crate) refused: Option<Refused>,
    /// What it takes off, before rounding.
    worth: Decimal,
}

/// Judges what an event redeems, in the order of the places (V1).
pub(crate) fn judge<'a>(view: &View<'a>, event: &'a NewEvent) -> Vec<Judged<'a>> {
    let mut left: BTreeMap<u32, Decimal> = BTreeMap::new();
    let mut taken: BTreeMap<Place, Decimal> = BTreeMap::new();
    let mut replaced: BTreeMap<String, Decimal> = BTreeMap::new();
    let judged = event.redeem.iter().map(|redeem| {
        let reward = view.program.reward_by_id(&redeem.id);
        let mut judged = Judged { redeem, reward, refused: None, worth: Decimal::ZERO };
        let Some(reward) = reward else { return Judged { refused: Some(Refused::UnknownReward), ..judged } };
        let taken = taken.entry(redeem.place).or_default();
        match judge_one(view, event, redeem, &reward.spec, *taken, &mut replaced) {
            Ok(worth) => judged.worth = worth,
            Err(refused) => return Judged { refused: Some(refused), ..judged },
        }
        let left = left.entry(reward.number).or_insert_with(|| view.state.wallet.available(reward.number));
        if redeem.amount > *left {
            return Judged { refused: Some(Refused::InsufficientBalance), ..judged };
        }
        *left = left.saturating_sub(redeem.amount);
        *taken = taken.saturating_add(judged.worth);
        judged
    });
    judged.collect()
}

/// What a redemption takes off where it stands, beside what others there take off already.
fn judge_one(
    view: &View<'_>,
    event: &NewEvent,
    redeem: &Redeem,
    reward: &RewardSpec,
    taken: Decimal,
    replaced: &mut BTreeMap<String, Decimal>,
) -> Result<Decimal, Refused> {
    if !redeem.amount.fits_places(reward.decimals) {
        return Err(Refused::TooManyPlaces);
    }
    if matches!(reward.kind, RewardKind::GiftCard(_)) {
        return Err(Refused::WrongPlace);
    }
    // V2: whatever its conditions and kind.
    let Some(level) = redeem.place.level() else { return Ok(Decimal::ZERO) };
    let stands_here = match &reward.kind {
        RewardKind::Points => true,
        RewardKind::Discount(discount) => discount.level == level,
        RewardKind::Product(_) => level == Level::Order,
        RewardKind::GiftCard(_) => false,
    };
    if !stands_here {
        return Err(Refused::WrongPlace);
    }
    is_offered(view, &event.brand, &event.payload, reward)?;
    let base = || redeem.place.base(&event.payload).ok_or(Refused::ValueMissing);
    let worth = match &reward.kind {
        RewardKind::Product(gift) => return gift_fits(gift, redeem.amount, event, replaced),
        RewardKind::Points | RewardKind::GiftCard(_) => times(redeem.amount, reward.conversion_factor),
        RewardKind::Discount(Discount { fixed: Some(value), .. }) => times(redeem.amount, *value),
        RewardKind::Discount(Discount { percentage, .. }) => {
            let percentage = times(redeem.amount, *percentage);
            let part = base()?.multiply_divide(percentage, Decimal::whole(100), 6, Rounding::HalfUp);
            part.unwrap_or(Decimal::MAX)
        }
    };
    let (base, sum) = (base()?, taken.saturating_add(worth));
    if sum > base {
        Err(Refused::ExceedsValue)
    } else if cents(sum) <= cents(taken) {
        // Nothing would come off: the reward would be used up for nothing.
        Err(Refused::ValueMissing)
    } else {
        Ok(worth)
    }
}

/// Whether a reward may be redeemed at a brand, on the platform that the payload names, and under its conditions.
pub(crate) fn is_offered(
    view: &View<'_>,
    brand: &str,
    payload: &Json,
    reward: &RewardSpec,
) -> Result<(), Refused> {
    if reward.brand.as_ref().is_some_and(|known| known != brand) {
        return Err(Refused::OtherBrand);
    }
    let platform = payload.text("platform");
    if !reward.platforms.is_empty() && !reward.platforms.iter().any(|known| Some(known.as_str()) == platform)
    {
        return Err(Refused::OtherPlatform);
    }
    if reward.conditions.holds(view) { Ok(()) } else { Err(Refused::ConditionNotMet) }
}

fn times(amount: Decimal, value: Decimal) -> Decimal {
    amount.multiply_divide(value, Decimal::ONE, 6, Rounding::HalfUp).unwrap_or(Decimal::MAX)
}

/// A product takes nothing off; one that replaces another needs as many of that one in the order.
fn gift_fits(
    gift: &Gift,
    amount: Decimal,
    event: &NewEvent,
    replaced: &mut BTreeMap<String, Decimal>,
) -> Result<Decimal, Refused> {
    let Some(sku) = &gift.replaces else { return Ok(Decimal::ZERO) };
    let lines = event.payload.path("order.products").map_or(&[][..], Json::items);
    let there = lines
        .iter()
        .filter(|line| line.text("sku") == Some(sku))
        .map(|line| line.number("amount").unwrap_or(Decimal::ONE))
        .fold(Decimal::ZERO, Decimal::saturating_add);
    let so_far = replaced.entry(sku.clone()).or_default();
    let sum = so_far.saturating_add(amount);
    if sum > there {
        return Err(Refused::ProductMissing);
    }
    *so_far = sum;
    Ok(Decimal::ZERO)
}

/// Money as it is charged: cents, half up (V4).
fn cents(value: Decimal) -> Decimal {
    value.round(2, Rounding::HalfUp).unwrap_or(value)
}

impl Place {
    const fn level(self) -> Option<Level> {
        match self {
            Self::Event => None,
            Self::Order => Some(Level::Order),
            Self::Product(_) => Some(Level::Product),
            Self::Shipping => Some(Level::Shipping),
        }
    }

    /// Where it stands in a request.
    pub(crate) fn pointer(self, found: impl FnOnce(&Pointer<'_>)) {
        let root = Pointer::root();
        let order = root.field("order");
        match self {
            Self::Event => found(&root.field("redeem")),
            Self::Order => found(&order.field("redeem")),
            Self::Product(index) => {
                let products = order.field("products");
                found(&products.index(index).field("redeem"));
            }
            Self::Shipping => found(&order.field("shipping").field("redeem")),
        }
    }

    /// The name used in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Order => "order",
            Self::Product(_) => "product",
            Self::Shipping => "shipping",
        }
    }

    /// The part of an event that it is.
    fn part(self, payload: &Json) -> Option<&Json> {
        let order = payload.get("order")?;
        match self {
            Self::Event => None,
            Self::Order => Some(order),
            Self::Product(index) => order.get("products")?.items().get(index),
            Self::Shipping => order.get("shipping"),
        }
    }

    /// What something is taken off: the discounted value if there is one, else the value.
    fn base(self, payload: &Json) -> Option<Decimal> {
        let part = self.part(payload)?;
        part.number("discounted_value").or_else(|| part.number("value"))
    }
}

/// What redeeming would do to a cart: the order with `redemptions_result` wherever something is redeemed.
pub fn preview(view: &View<'_>, event: &NewEvent) -> Json {
    let judged = judge(view, event);
    let mut places: BTreeMap<Place, Vec<&Judged<'_>>> = BTreeMap::new();
    for judged in &judged {
        places.entry(judged.redeem.place).or_default().push(judged);
    }
    let mut order = event.payload.get("order").cloned().unwrap_or_default();
    for (place, judged) in places {
        let result = place_result(place, &judged, &event.payload);
        match place {
            Place::Event => {}
            Place::Order => order.set("redemptions_result", result),
            Place::Shipping => {
                let mut shipping = order.get("shipping").cloned().unwrap_or_default();
                shipping.set("redemptions_result", result);
                order.set("shipping", shipping);
            }
            Place::Product(index) => {
                let mut lines = order.get("products").map_or(&[][..], Json::items).to_vec();
                if let Some(line) = lines.get_mut(index) {
                    line.set("redemptions_result", result);
                }
                order.set("products", lines);
            }
        }
    }
    object()
        .with("customer_id", event.customer.as_str())
        .with("brand_id", event.brand.as_str())
        .with("order", order)
        .build()
}

/// `{ redeemed, amount, value, discount_value, discount_percent, action }` of one place.
fn place_result(place: Place, judged: &[&Judged<'_>], payload: &Json) -> Json {
    let redeemed: Vec<Json> = judged.iter().map(|judged| judged.to_json()).collect();
    let accepted = || judged.iter().filter(|judged| judged.refused.is_none());
    let base = place.base(payload).unwrap_or_default();
    let sum = accepted().fold(Decimal::ZERO, |sum, judged| sum.saturating_add(judged.worth));
    let discount = cents(sum).min(base.round(2, Rounding::Floor).unwrap_or(base));
    let percent = match base.is_positive() {
        true => discount.multiply_divide(Decimal::ONE, base, 6, Rounding::HalfEven).unwrap_or_default(),
        false => Decimal::ZERO,
    };
    let mut gifts = accepted().filter_map(|judged| match &judged.reward?.spec.kind {
        RewardKind::Product(gift) => Some(gift.action()),
        _ => None,
    });
    let update = discount.is_positive().then_some("UPDATE");
    let quantity = place.part(payload).and_then(|part| part.number("amount"));
    object()
        .with("redeemed", redeemed)
        .with_some("amount", quantity)
        .with("value", base.saturating_sub(discount))
        .with("discount_value", discount)
        .with("discount_percent", percent)
        .with("action", gifts.next_back().or(update).unwrap_or("NONE"))
        .build()
}

impl Judged<'_> {
    fn to_json(&self) -> Json {
        let product = self.reward.and_then(|reward| match &reward.spec.kind {
            RewardKind::Product(gift) => Some(gift),
            _ => None,
        });
        let product = product.map(|gift| {
            object()
                .with("action", gift.action())
                .with("sku", gift.sku.as_str())
                .with_some("replaces", gift.replaces.clone())
                .with("amount", self.redeem.amount)
                .build()
        });
        object()
            .with("id", self.redeem.id.as_str())
            .with("amount", self.redeem.amount)
            .with("reward", self.reward.map(Definition::to_json).unwrap_or_default())
            .with_some("product", product)
            .with("error", self.refused.map(|refused| Json::from(refused.text())).unwrap_or_default())
            .with_some("code", self.refused.map(Refused::code))
            .build()
    }
}

/// The rewards that are redeemed, with the sum of each.
pub(crate) fn sums(program: &Program, redeem: &[Redeem]) -> Option<BTreeMap<u32, Decimal>> {
    let mut sums: BTreeMap<u32, Decimal> = BTreeMap::new();
    for redeem in redeem {
        let sum = sums.entry(program.reward_by_id(&redeem.id)?.number).or_default();
        *sum = sum.checked_add(redeem.amount)?;
    }
    Some(sums)
}
