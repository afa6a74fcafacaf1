//! Reading an event as it is sent.

use super::part::{LineName, Part, PartLine, Share};
use crate::command::Command;
use crate::limits::{ENTRIES_MAX, PRODUCTS_MAX, REDEEMS_MAX, RESERVE_DAYS_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::profile::TAGS;
use crate::redemption::{Place, Redeem};
use crate::shape::{AMOUNT, Field, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, Timestamp};
use uuid::Uuid;

/// An event as it came in, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The merchant's id of the customer.
    pub customer: String,
    /// The brand's id.
    pub brand: String,
    /// The event type.
    pub event_type: String,
    /// Everything that rules may look at, and the answer's `data`.
    pub payload: Arc<Json>,
    /// When it happened; `None` is now.
    pub issued_at: Option<Timestamp>,
    /// Days it waits to be fulfilled; `None` processes it at once.
    pub reserve_days: Option<u16>,
    /// Rewards it redeems, in the order of their places.
    pub redeem: Vec<Redeem>,
    /// Whether it comes from a CLIENT key: it is only tracked.
    pub from_client: bool,
    /// Its own id, which serves as its idempotency key.
    pub key: Option<String>,
}

impl NewEvent {
    pub(crate) fn comparable(&self) -> String {
        // What is redeemed within the order is part of the payload.
        let own = self.redeem.iter().filter(|redeem| redeem.place == Place::Event);
        let redeem: Vec<String> = own.map(|redeem| format!("{}={}", redeem.id, redeem.amount)).collect();
        format!(
            "{}\n{:?}\n{}\n{}",
            self.payload.sorted(),
            self.reserve_days,
            redeem.join(","),
            if self.from_client { "client" } else { "server" }
        )
    }
}

const METADATA: Shape = Shape::Map(&Shape::Any, ENTRIES_MAX);
const REDEEM: ObjectShape = ObjectShape {
    name: "Redeem",
    fields: &[required("id", Shape::Uuid, "the reward"), required("amount", AMOUNT, "how much of it")],
    unknown: Unknown::Warned,
};
const REDEEMS: Shape = Shape::List(&Shape::Object(&REDEEM), REDEEMS_MAX);
const PRODUCT_FIELDS: &[Field] = &[
    optional("sku", TEXT, "what was bought"),
    optional("amount", AMOUNT, "how many"),
    optional("value", AMOUNT, "total of the line"),
    optional("discounted_value", AMOUNT, "total of the line after discounts"),
    optional("redeem", REDEEMS, "rewards that are redeemed here"),
    optional("tags", TAGS, "tags that conditions look at"),
    optional("metadata", METADATA, "anything else"),
];
const PRODUCT: ObjectShape =
    ObjectShape { name: "Product", fields: PRODUCT_FIELDS, unknown: Unknown::Warned };
/// The product of an event without an order: nothing is redeemed for it.
const SEEN_PRODUCT: ObjectShape = ObjectShape {
    name: "SeenProduct",
    fields: &[
        optional("sku", TEXT, "what it is"),
        optional("amount", AMOUNT, "how many"),
        optional("value", AMOUNT, "what they cost together"),
        optional("discounted_value", AMOUNT, "what they cost after discounts"),
        optional("tags", TAGS, "tags that conditions look at"),
        optional("metadata", METADATA, "anything else"),
    ],
    unknown: Unknown::Warned,
};
const SHIPPING: ObjectShape = ObjectShape {
    name: "Shipping",
    fields: &[
        optional("value", AMOUNT, "what shipping costs"),
        optional("discounted_value", AMOUNT, "what it costs after discounts"),
        optional("redeem", REDEEMS, "rewards that are redeemed here"),
        optional("tags", TAGS, "tags"),
        optional("metadata", METADATA, "anything else"),
    ],
    unknown: Unknown::Warned,
};
/// An order.
pub(crate) const ORDER: ObjectShape = ObjectShape {
    name: "Order",
    fields: &[
        optional("purchase_id", TEXT, "the shop's number of the order; no duplicate key"),
        required("value", AMOUNT, "the order's total"),
        optional("discounted_value", AMOUNT, "the total after discounts; counts as spend when given"),
        optional("products", Shape::List(&Shape::Object(&PRODUCT), PRODUCTS_MAX), "the lines"),
        optional("payment_method", TEXT, "for example CREDIT"),
        optional("channel_id", TEXT, "where it was sold"),
        optional("store_id", TEXT, "which store sold it"),
        optional("shipping", Shape::Object(&SHIPPING), "shipping"),
        optional("redeem", REDEEMS, "rewards that are redeemed here"),
        optional("metadata", METADATA, "anything else"),
    ],
    unknown: Unknown::Warned,
};
const ATTRIBUTION: ObjectShape = ObjectShape {
    name: "Attribution",
    fields: &[
        optional("tracking_id", TEXT, ""),
        optional("revenue", AMOUNT, ""),
        optional("cost", AMOUNT, ""),
        optional("utm_source", TEXT, ""),
        optional("utm_medium", TEXT, ""),
        optional("utm_campaign", TEXT, ""),
        optional("utm_term", TEXT, ""),
        optional("utm_content", TEXT, ""),
        optional("utm_referral", TEXT, ""),
        optional("ad_provider", TEXT, ""),
    ],
    unknown: Unknown::Warned,
};

/// An event as it is sent.
pub const EVENT: ObjectShape = ObjectShape {
    name: "NewEvent",
    fields: &[
        optional("id", Shape::Id, "the sender's own id of the event: sending it again changes nothing"),
        required("customer_id", Shape::Id, "the merchant's id of the customer"),
        required("brand_id", Shape::Id, "the brand"),
        required("type", TEXT, "the event type, for example PURCHASE"),
        optional("platform", TEXT, "where it happened"),
        optional("order", Shape::Object(&ORDER), "the order; required for PURCHASE"),
        optional("product", Shape::Object(&SEEN_PRODUCT), "the product of ADD_TO_CART and the like"),
        optional("fulfilled", Shape::Flag, "false: it waits to be fulfilled; true when left out"),
        optional("reserve", Shape::Integer(1, RESERVE_DAYS_MAX), "days it waits; 1 when left out"),
        optional("redeem", REDEEMS, "rewards it redeems, whatever their conditions"),
        optional("tags", TAGS, "tags that conditions look at"),
        optional("referral_code", TEXT, "the code of the customer who referred this one"),
        optional("metadata", METADATA, "anything else"),
        optional(
            "issued_at",
            Shape::Instant,
            "when it happened: up to 72 hours back, never ahead; now when left out",
        ),
        optional("attribution", Shape::Object(&ATTRIBUTION), "where the customer came from"),
    ],
    unknown: Unknown::Warned,
};

/// A batch of events: each is judged alone, answered in order.
pub const EVENT_BATCH: ObjectShape = ObjectShape {
    name: "EventBatch",
    fields: &[required("events", Shape::List(&Shape::Any, 1_000), "up to 1,000 events")],
    unknown: Unknown::Refused,
};

/// Why an event is reversed.
pub const REVERSAL: ObjectShape = ObjectShape {
    name: "Reversal",
    fields: &[
        required("reason", TEXT, "why it is reversed"),
        optional("plan_token", TEXT, "the token of a plan: it comes to exactly that, or is refused"),
        optional("return", Shape::Object(&PART), "the part of a purchase that comes back; all when left out"),
    ],
    // A part that is misspelt must not reverse the whole.
    unknown: Unknown::Refused,
};
const PART: ObjectShape = ObjectShape {
    name: "ReturnedPart",
    fields: &[
        optional("value", AMOUNT, "so much of the order's value"),
        optional("products", Shape::List(&Shape::Object(&PART_LINE), PRODUCTS_MAX), "lines of the order"),
    ],
    unknown: Unknown::Refused,
};
const PART_LINE: ObjectShape = ObjectShape {
    name: "ReturnedLine",
    fields: &[
        optional("line", Shape::Integer(0, 999), "its place in the order, counted from 0"),
        optional("sku", TEXT, "or its product, when no other line has it"),
        optional("amount", AMOUNT, "so many units of it; all that is left when neither is given"),
        optional("value", AMOUNT, "or so much of its value"),
    ],
    unknown: Unknown::Refused,
};

/// A reversal that is only planned, as it is sent.
pub const PLANNED_REVERSAL: ObjectShape = ObjectShape {
    name: "PlannedReversal",
    fields: &[optional(
        "return",
        Shape::Object(&PART),
        "the part of a purchase that would come back; all when left out",
    )],
    unknown: Unknown::Refused,
};

/// A reversal as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Why.
    pub reason: String,
    /// The token of the plan it must come to.
    pub plan: Option<String>,
    /// The part that comes back; without it, all.
    pub part: Option<Part>,
}

impl Reversal {
    /// The command that carries it out on an event.
    pub fn on(self, event: Uuid) -> Command {
        let Self { reason, plan, part } = self;
        Command::Reverse { event, reason, plan, part }
    }
}

/// Reads a reversal.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_reversal(json: &Json) -> Result<(Reversal, Vec<Problem>), Report> {
    read_as(&REVERSAL, json)
}

/// Reads a reversal that is only planned.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_reversal_plan(json: &Json) -> Result<(Reversal, Vec<Problem>), Report> {
    read_as(&PLANNED_REVERSAL, json)
}

fn read_as(shape: &'static ObjectShape, json: &Json) -> Result<(Reversal, Vec<Problem>), Report> {
    let (mut report, root) = (Report::default(), Pointer::root());
    Shape::Object(shape).check(json, &root, &mut report);
    let part = json.get("return").filter(|part| !part.is_null());
    let part = part.map(|part| read_part(part, &root.field("return"), &mut report));
    report.into_result(Reversal {
        reason: json.text("reason").unwrap_or_default().to_owned(),
        plan: json.text("plan_token").map(ToOwned::to_owned),
        part,
    })
}

fn read_part(json: &Json, at: &Pointer<'_>, report: &mut Report) -> Part {
    let items = json.get("products").map_or(&[][..], Json::items);
    let value = json.number("value");
    if value.is_none() && items.is_empty() {
        report.problem(at, "missing", "nothing is returned", "give `value` or `products`");
    }
    let positive = |number: Option<Decimal>, at: &Pointer<'_>, report: &mut Report| {
        if number.is_some_and(|number| !number.is_positive()) {
            report.problem(at, "not_in_range", "it is 0", "return more than 0, or leave it out");
        }
    };
    positive(value, &at.field("value"), report);
    let products_at = at.field("products");
    let lines = items.iter().enumerate().map(|(index, line)| {
        let at = products_at.index(index);
        let (amount, value) = (line.number("amount"), line.number("value"));
        positive(amount, &at.field("amount"), report);
        positive(value, &at.field("value"), report);
        if amount.is_some() && value.is_some() {
            let message = "`amount` and `value` say different things";
            report.problem(&at, "contradicts", message, "give one of them, or neither for all that is left");
        }
        let place = line.integer("line").and_then(|place| usize::try_from(place).ok());
        let name = match (place, line.text("sku")) {
            (Some(place), None) => LineName::Place(place),
            (None, Some(sku)) => LineName::Sku(sku.to_owned()),
            (place, _) => {
                report.problem(&at, "missing", "one of `line` and `sku` names the line", "give one of them");
                LineName::Place(place.unwrap_or(0))
            }
        };
        let share = match (amount, value) {
            (Some(amount), _) => Share::Amount(amount),
            (None, Some(value)) => Share::Value(value),
            (None, None) => Share::Rest,
        };
        PartLine { name, share }
    });
    let lines = lines.collect();
    Part { value: value.unwrap_or_default(), lines }
}

/// Which expired events are fulfilled after all.
pub const FULFILL_EXPIRED: ObjectShape = ObjectShape {
    name: "FulfillExpired",
    fields: &[
        required("start_date", Shape::DateOrInstant, "issued from then on"),
        required("end_date", Shape::DateOrInstant, "issued before then; at most a year later"),
    ],
    unknown: Unknown::Warned,
};

/// A cart that is looked at before it is bought.
pub const PREVIEW: ObjectShape = ObjectShape {
    name: "RedemptionPreview",
    fields: &[
        required("customer_id", Shape::Id, "the merchant's id of the customer"),
        required("brand_id", Shape::Id, "the brand"),
        required("order", Shape::Object(&ORDER), "the cart, with what is to be redeemed"),
        optional("platform", TEXT, "where it is bought"),
        optional("tags", TAGS, "tags that conditions look at"),
        optional("metadata", METADATA, "anything else that conditions look at"),
    ],
    unknown: Unknown::Warned,
};

/// Reads a cart that is looked at before it is bought: the purchase that it would be.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_preview(json: &Json) -> Result<(NewEvent, Vec<Problem>), Report> {
    let mut report = Report::default();
    let shape = Shape::Object(&PREVIEW);
    shape.check(json, &Pointer::root(), &mut report);
    if report.has_problems() {
        return Err(report);
    }
    let mut purchase = shape.prune(json);
    purchase.set("type", "PURCHASE");
    let (event, _) = read_event(&purchase, false)?;
    report.into_result(event)
}

/// Reads an event; `from_client` says that a CLIENT key sent it.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_event(json: &Json, from_client: bool) -> Result<(NewEvent, Vec<Problem>), Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    let shape = Shape::Object(&EVENT);
    shape.check(json, &root, &mut report);
    let is_purchase = json.text("type") == Some("PURCHASE");
    if is_purchase && json.get("order").is_none() {
        report.problem(
            &root.field("order"),
            "missing",
            "a PURCHASE needs its `order`",
            "send at least order.value",
        );
    }
    let redeem = read_redeems(json, from_client, &mut report);
    let waits = json.flag("fulfilled") == Some(false);
    if !waits && json.get("reserve").is_some() && json.flag("fulfilled").is_some() {
        report.warning(&root.field("reserve"), "ignored", "`reserve` only counts with fulfilled: false");
    }
    if from_client {
        for name in ["redeem", "fulfilled", "reserve"] {
            if json.get(name).is_some() {
                let hint = "leave it out, or send the event with a SERVER key";
                report.problem(
                    &root.field(name),
                    "not_for_client",
                    format!("`{name}` is not for CLIENT keys"),
                    hint,
                );
            }
        }
    }
    let text = |name: &str| json.text(name).unwrap_or_default().to_owned();
    let reserve = json.integer("reserve").and_then(|days| u16::try_from(days).ok()).unwrap_or(1);
    let mut payload = shape.prune(json);
    for name in ["id", "fulfilled", "reserve"] {
        payload.remove(name);
    }
    let event = NewEvent {
        customer: text("customer_id"),
        brand: text("brand_id"),
        event_type: text("type"),
        issued_at: json.text("issued_at").and_then(Timestamp::parse),
        reserve_days: waits.then_some(reserve),
        redeem,
        from_client,
        key: json.text("id").map(ToOwned::to_owned),
        payload: Arc::new(payload),
    };
    report.into_result(event)
}

/// Everything an event redeems, each with its place.
fn read_redeems(json: &Json, from_client: bool, report: &mut Report) -> Vec<Redeem> {
    let mut redeems = Vec::new();
    let mut read = |holder: Option<&Json>, place: Place, at: &Pointer<'_>| {
        let list = holder.and_then(|holder| holder.get("redeem")).map_or(&[][..], Json::items);
        let list_at = at.field("redeem");
        if from_client && place != Place::Event && !list.is_empty() {
            let hint = "leave it out, or send the event with a SERVER key";
            report.problem(&list_at, "not_for_client", "`redeem` is not for CLIENT keys", hint);
        }
        for (index, item) in list.iter().enumerate() {
            let (Some(id), Some(amount)) = (item.text("id"), item.number("amount")) else { continue };
            if !amount.is_positive() {
                let (item_at, message) = (list_at.index(index), format!("`{amount}` is nothing to redeem"));
                report.problem(&item_at.field("amount"), "not_in_range", message, "redeem more than 0");
            }
            redeems.push(Redeem { place, id: id.to_lowercase(), amount });
        }
    };
    let root = Pointer::root();
    let order_at = root.field("order");
    let order = json.get("order");
    read(Some(json), Place::Event, &root);
    read(order, Place::Order, &order_at);
    let products_at = order_at.field("products");
    let products = order.and_then(|order| order.get("products")).map_or(&[][..], Json::items);
    for (index, product) in products.iter().enumerate() {
        read(Some(product), Place::Product(index), &products_at.index(index));
    }
    read(order.and_then(|order| order.get("shipping")), Place::Shipping, &order_at.field("shipping"));
    if redeems.len() > REDEEMS_MAX {
        let message = format!("{} rewards are redeemed in one event", redeems.len());
        report.problem(&root, "too_many", message, "split the order");
    }
    redeems
}
