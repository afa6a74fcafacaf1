//! Reading an event as it is sent.

use crate::limits::{ENTRIES_MAX, PRODUCTS_MAX, REDEEMS_MAX, RESERVE_DAYS_MAX};
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::profile::TAGS;
use crate::shape::{AMOUNT, Field, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, Timestamp};

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
    /// Rewards it redeems: id and amount.
    pub redeem: Vec<(String, Decimal)>,
    /// Whether it comes from a CLIENT key: it is only tracked.
    pub from_client: bool,
    /// Its own id, which serves as its idempotency key.
    pub key: Option<String>,
}

impl NewEvent {
    pub(crate) fn comparable(&self) -> String {
        let redeem: Vec<String> =
            self.redeem.iter().map(|(reward, amount)| format!("{reward}={amount}")).collect();
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
    optional("redeem", REDEEMS, "not there yet at this level"),
    optional("tags", TAGS, "tags that conditions look at"),
    optional("metadata", METADATA, "anything else"),
];
const PRODUCT: ObjectShape =
    ObjectShape { name: "Product", fields: PRODUCT_FIELDS, unknown: Unknown::Warned };
const SHIPPING: ObjectShape = ObjectShape {
    name: "Shipping",
    fields: &[
        optional("value", AMOUNT, "what shipping costs"),
        optional("discounted_value", AMOUNT, "what it costs after discounts"),
        optional("redeem", REDEEMS, "not there yet at this level"),
        optional("tags", TAGS, "tags"),
        optional("metadata", METADATA, "anything else"),
    ],
    unknown: Unknown::Warned,
};
const ORDER: ObjectShape = ObjectShape {
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
        optional("redeem", REDEEMS, "not there yet at this level"),
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
        optional("product", Shape::Object(&PRODUCT), "the product of ADD_TO_CART and the like"),
        optional("fulfilled", Shape::Flag, "false: it waits to be fulfilled; true when left out"),
        optional("reserve", Shape::Integer(1, RESERVE_DAYS_MAX), "days it waits; 1 when left out"),
        optional("redeem", REDEEMS, "rewards it redeems, whatever their conditions"),
        optional("tags", TAGS, "tags that conditions look at"),
        optional("referral_code", TEXT, "stored; referral campaigns are not there yet"),
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
    ],
    unknown: Unknown::Warned,
};

/// Which expired events are fulfilled after all.
pub const FULFILL_EXPIRED: ObjectShape = ObjectShape {
    name: "FulfillExpired",
    fields: &[
        required("start_date", Shape::DateOrInstant, "issued from then on"),
        required("end_date", Shape::DateOrInstant, "issued before then; at most a year later"),
    ],
    unknown: Unknown::Warned,
};

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
    refuse_inner_redeems(json, &mut report);
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
    let redeem = json
        .get("redeem")
        .map_or(&[][..], Json::items)
        .iter()
        .filter_map(|item| Some((item.text("id")?.to_lowercase(), item.number("amount")?)))
        .collect::<Vec<_>>();
    for (index, (_, amount)) in redeem.iter().enumerate() {
        if !amount.is_positive() {
            let (list, hint) = (root.field("redeem"), "redeem more than 0");
            let item = list.index(index);
            report.problem(
                &item.field("amount"),
                "not_in_range",
                format!("`{amount}` is nothing to redeem"),
                hint,
            );
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

/// Redemption at the level of order, product and shipping is parsed, and refused clearly until it is there.
fn refuse_inner_redeems(json: &Json, report: &mut Report) {
    let root = Pointer::root();
    let order_at = root.field("order");
    let Some(order) = json.get("order") else { return };
    let hint = "redeem points in the event's own `redeem`";
    let mut refuse = |holder: Option<&Json>, at: &Pointer<'_>| {
        if holder.and_then(|holder| holder.get("redeem")).is_some_and(|redeem| !redeem.items().is_empty()) {
            let message = "redeeming at this level is not there yet";
            report.problem(&at.field("redeem"), "not_supported_yet", message, hint);
        }
    };
    refuse(Some(order), &order_at);
    refuse(order.get("shipping"), &order_at.field("shipping"));
    let products_at = order_at.field("products");
    for (index, product) in order.get("products").map_or(&[][..], Json::items).iter().enumerate() {
        refuse(Some(product), &products_at.index(index));
    }
}
