//! Migration: customers with their balances and past events, brought in from elsewhere.
//!
//! - M1: nothing is rewarded for what is brought in, and nobody is told of it: no REGISTRATION event, no campaigns, no
//!   webhooks, no journeys. Moving in is not entering.
//! - M2: a balance becomes lots with the dates it brings; past purchases count in metrics and tier, as far as the customer
//!   takes part in campaigns.
//! - M3: what is brought in can be read, explained and reversed like anything else.
//!
//! Transactions of the past are history beside that: [`read_past_transactions`].

mod transactions;

pub use transactions::{
    MIGRATED_TRANSACTION, MIGRATED_TRANSACTIONS, PastTransactions, read_past_transactions,
};
pub(crate) use transactions::{brought_by, effect, issued_at, keep as keep_transactions};

use crate::audiences;
use crate::birthdays;
use crate::customers;
use crate::draft::{Draft, FactId};
use crate::events::{counted, skip_reason};
use crate::fact::{Change, EventHead, EventReason, FactKind};
use crate::limits::{MIGRATED_LOTS_MAX, MIGRATED_ROWS_MAX};
use crate::metrics::Visit;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::profile::{MIGRATED_CUSTOMER, Profile};
use crate::program::Processing;
use crate::rejection::Rejection;
use crate::series;
use crate::shape::{AMOUNT, Field, ObjectShape, Shape, TEXT, Unknown, optional, required};
use crate::tiers;
use crate::value::{Decimal, Json, Timestamp};
use crate::wallet::LotOrigin;

const BALANCE_LINE: ObjectShape = ObjectShape {
    name: "MigratedBalance",
    fields: &[
        required("reward_id", Shape::Uuid, "the reward"),
        required("amount", AMOUNT, "how much of it"),
        optional("expiration_date", Shape::DateOrInstant, "when it expires; never when left out"),
        optional("issued_at", Shape::DateOrInstant, "when it was given; now when left out"),
        optional("brand_id", Shape::Id, "stored with the request"),
        optional("channel_id", TEXT, "stored with the request"),
        optional("store_id", TEXT, "stored with the request"),
        optional("funded_by", TEXT, "stored with the request"),
    ],
    unknown: Unknown::Warned,
};
/// The balance that a customer brings.
pub(crate) const BALANCE: Shape = Shape::List(&Shape::Object(&BALANCE_LINE), MIGRATED_LOTS_MAX);

/// A past event as it is brought in.
pub const MIGRATED_EVENT: ObjectShape = ObjectShape {
    name: "MigratedEvent",
    fields: &[
        required("type", TEXT, "the event type; PURCHASE counts in the metrics"),
        required("issued_at", Shape::DateOrInstant, "when it happened"),
        optional("order", Shape::Object(&crate::events::ORDER), "the order; required for PURCHASE"),
        optional("fulfilled", Shape::Flag, "true: only what was fulfilled is brought in"),
        optional("resolved_at", Shape::DateOrInstant, "stored with the event"),
        optional("brand_id", Shape::Id, "the brand"),
        optional("channel_id", TEXT, "where it was sold"),
        optional("store_id", TEXT, "which store sold it"),
    ],
    unknown: Unknown::Warned,
};
/// The key that makes a row act once, whichever call brings it.
pub(crate) const ROW_KEY: Field =
    optional("idempotency_key", Shape::Id, "makes this row act once; its place in the call when left out");
const EVENTS: Shape = Shape::List(&Shape::Object(&MIGRATED_EVENT), MIGRATED_ROWS_MAX);
/// A customer's past events as they are brought in.
pub const MIGRATED_EVENTS: ObjectShape = ObjectShape {
    name: "MigratedEvents",
    fields: &[
        required("id", Shape::Id, "the merchant's id of the customer"),
        required("events", EVENTS, "what happened"),
        ROW_KEY,
    ],
    unknown: Unknown::Warned,
};

/// A customer that is brought in, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The registration it amounts to.
    pub request: Json,
    /// What is in the wallet.
    pub balance: Vec<Balance>,
}

/// A lot that is brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The reward's id.
    pub reward: String,
    /// How much.
    pub amount: Decimal,
    /// When it was given, as it was written; now when left out.
    pub issued_at: Option<String>,
    /// When it expires, as it was written; never when left out.
    pub expires_at: Option<String>,
}

/// The past events of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The merchant's id of the customer.
    pub customer: String,
    /// What happened.
    pub events: Vec<PastEvent>,
}

/// A past event, checked for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastEvent {
    /// Its type.
    pub event_type: String,
    /// The brand's id; empty is none.
    pub brand: String,
    /// When it happened, as it was written.
    pub issued_at: String,
    /// What it adds to the spend, when it is a purchase.
    pub spend: Option<Decimal>,
    /// The event as it was sent.
    pub payload: Arc<Json>,
}

/// The key a row brings with it.
pub fn row_key(row: &Json) -> Option<&str> {
    row.text(ROW_KEY.name)
}

/// Reads a customer that is brought in.
///
/// # Errors
/// A report with all problems of its form.
pub fn read_migration(json: &Json) -> Result<(Migration, Vec<Problem>), Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    let mut request = customers::read(&MIGRATED_CUSTOMER, json, &mut report);
    request.remove(ROW_KEY.name);
    if json.get("metrics").is_some() {
        let message = "metrics are counted from the events that are brought in";
        report.warning(&root.field("metrics"), "ignored", message);
    }
    let balance_at = root.field("balance");
    let lines = json.get("balance").map_or(&[][..], Json::items);
    let balance = lines.iter().enumerate().filter_map(|(index, line)| {
        let amount = line.number("amount")?;
        if !amount.is_positive() {
            let (at, message) = (balance_at.index(index), format!("the amount is `{amount}`"));
            report.problem(&at.field("amount"), "not_in_range", message, "bring more than 0");
        }
        let text = |name: &str| line.text(name).map(ToOwned::to_owned);
        let (issued_at, expires_at) = (text("issued_at"), text("expiration_date"));
        Some(Balance { reward: line.text("reward_id")?.to_lowercase(), amount, issued_at, expires_at })
    });
    let balance = balance.collect();
    report.into_result(Migration { request, balance })
}

/// Reads a customer's past events.
///
/// # Errors
/// A report with all problems of their form.
pub fn read_past_events(json: &Json) -> Result<(Past, Vec<Problem>), Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    let shape = Shape::Object(&MIGRATED_EVENTS);
    shape.check(json, &root, &mut report);
    let events_at = root.field("events");
    let pruned = shape.prune(json);
    let items = pruned.get("events").map_or(&[][..], Json::items);
    if items.is_empty() && !report.has_problems() {
        report.problem(&events_at, "missing", "there is no event", "bring at least one");
    }
    let events = items.iter().enumerate().map(|(index, event)| {
        let at = events_at.index(index);
        let event_type = event.text("type").unwrap_or_default().to_owned();
        let order = event.get("order").filter(|_| event_type == "PURCHASE");
        if event_type == "PURCHASE" && order.is_none() {
            report.problem(&at.field("order"), "missing", "a PURCHASE needs its `order`", "send order.value");
        }
        if event.flag("fulfilled") == Some(false) {
            let hint = "send it to /behavior/events, or leave it out";
            report.problem(
                &at.field("fulfilled"),
                "not_fulfilled",
                "only fulfilled events are brought in",
                hint,
            );
        }
        let spend =
            order.and_then(|order| order.number("discounted_value").or_else(|| order.number("value")));
        let text = |name: &str| event.text(name).unwrap_or_default().to_owned();
        let payload = Arc::new(event.clone());
        PastEvent { event_type, brand: text("brand_id"), issued_at: text("issued_at"), spend, payload }
    });
    let events: Vec<PastEvent> = events.collect();
    report.into_result(Past { customer: json.text("id").unwrap_or_default().to_owned(), events })
}

impl Migration {
    pub(crate) fn comparable(&self) -> String {
        self.request.sorted().to_string()
    }
}

/// Brings a customer in (M1, M2).
pub(crate) fn migrate(draft: &mut Draft<'_>, migration: &Migration) -> Result<FactId, Rejection> {
    let now = draft.now;
    let zone = draft.program.settings().time_zone;
    let mut report = Report::default();
    let root = Pointer::root();
    let balance_at = root.field("balance");
    let mut lots = Vec::new();
    for (index, line) in migration.balance.iter().enumerate() {
        let at = balance_at.index(index);
        let reward = draft.program.reward_by_id(&line.reward);
        let reward = reward.ok_or_else(|| Rejection::UnknownReward { id: line.reward.clone() })?;
        reward.spec.check_places(line.amount, &at.field("amount"), &mut report);
        reward.spec.check_by_hand(&at.field("reward_id"), &mut report);
        let instant = |text: &Option<String>| text.as_deref().and_then(|text| zone.parse_date_or_time(text));
        let (issued_at, expires_at) = (instant(&line.issued_at).unwrap_or(now), instant(&line.expires_at));
        if issued_at > now {
            let message = format!("it would have been given at {issued_at}");
            report.problem(&at.field("issued_at"), "in_the_future", message, "give a date that has passed");
        }
        if let Some(expired) = expires_at.filter(|expires_at| *expires_at <= now) {
            let message = format!("it expired at {expired}");
            report.problem(&at.field("expiration_date"), "expired", message, "bring what can still be spent");
        }
        lots.push((reward.number, line.amount, issued_at, expires_at));
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    let request = &migration.request;
    draft.profile = Profile::register(request, now, zone);
    let fact = draft.open(FactKind::Migrated, now);
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(request.clone())));
    let period = tiers::reporting_period(draft.program, now);
    let id = draft.mint.next_id();
    draft.record(fact, Change::Registered { id, anonymous: false, tier: draft.program.base_tier(), period });
    draft.record(fact, Change::AudiencesSeen(draft.program.audiences_version()));
    birthdays::told(draft, fact, None);
    customers::take_contact_details(draft, fact, request);
    let sequence = draft.sequence(fact);
    for (reward, amount, issued_at, expires_at) in lots {
        let origin = LotOrigin { reward, campaign: 0, rule: 0, fact: sequence };
        draft.post(fact, now, |posting| posting.issue_dated(origin, amount, issued_at, expires_at));
    }
    if takes_part(draft) {
        tiers::after_migration(draft, fact, now, now);
    }
    draft.quiet = true;
    audiences::evaluate_all(draft, fact, now);
    draft.summarise(fact);
    Ok(fact)
}

/// Brings a customer's past events in: each is stored as it happened, and metrics and tier go by them (M1, M2).
pub(crate) fn migrate_events(draft: &mut Draft<'_>, events: &[PastEvent]) -> Result<(), Rejection> {
    let (now, zone) = (draft.now, draft.program.settings().time_zone);
    let mut report = Report::default();
    let root = Pointer::root();
    let events_at = root.field("events");
    let mut dated: Vec<(Timestamp, &PastEvent)> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        if !event.brand.is_empty() && draft.program.brand(&event.brand).is_none() {
            return Err(Rejection::UnknownBrand { id: event.brand.clone() });
        }
        let processing = draft.program.processing(&event.event_type);
        match processing {
            None => return Err(Rejection::UnknownEventType { name: event.event_type.clone() }),
            Some(Processing::EngineMade) => {
                return Err(Rejection::ReservedEventType { name: event.event_type.clone() });
            }
            Some(Processing::Loyalty | Processing::Tracking) => {}
        }
        let issued_at = zone.parse_date_or_time(&event.issued_at).unwrap_or(now);
        check_passed(issued_at, now, &events_at.index(index).field("issued_at"), &mut report);
        dated.push((issued_at, event));
    }
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    dated.sort_by_key(|(issued_at, _)| *issued_at);
    let counts = takes_part(draft);
    let mut last: Option<(FactId, Timestamp)> = None;
    let mut series = BTreeSet::new();
    for (issued_at, event) in dated {
        let visit = event.spend.map(|spend| Visit { issued_at, spend, purchase: true }).filter(|_| counts);
        let fact = draft.open(FactKind::Event, now);
        let head = EventHead {
            tracking: event.spend.is_none(),
            visit,
            reason: Some(EventReason::Migrated),
            ..draft.head(&event.event_type, &event.brand, issued_at)
        };
        let payload = Arc::clone(&event.payload);
        let said = Arc::clone(&payload);
        draft.edit(fact, |fact| (fact.event, fact.payload) = (Some(head.clone()), Some(payload)));
        series.extend(series::add(draft, fact, &head, &said));
        if let Some(visit) = visit {
            draft.record(fact, Change::Visited(visit));
            let first = last.map_or(issued_at, |(_, first)| first);
            last = Some((fact, first));
        }
        draft.summarise(fact);
    }
    // A reversal of the event that the tier rests on must find what it raised (T2).
    let changed = last.is_some_and(|(last, first)| tiers::after_migration(draft, last, now, first));
    let fact = draft.open(FactKind::Migrated, now);
    draft.quiet = true;
    audiences::evaluate(draft, fact, now, counted(changed, series));
    draft.summarise(fact);
    Ok(())
}

/// Names an instant of the past that has not come yet.
fn check_passed(instant: Timestamp, now: Timestamp, at: &Pointer<'_>, report: &mut Report) {
    if instant > now {
        let message = format!("it would have happened at {instant}");
        report.problem(at, "in_the_future", message, "give a date that has passed");
    }
}

/// Whether what a customer did counts: live events of those who do not take part do not either.
fn takes_part(draft: &Draft<'_>) -> bool {
    skip_reason(draft, false).is_none()
}
