//! Transactions of the past: what a customer earned and spent elsewhere, as history (ADR 8).
//!
//! - M4: they change no balance, no lot and no sum: the balance came with the customer.
//! - M5: reward by reward they come to the balance that the customer brought in, or none of them is taken.
//! - M6: they are brought in once.

use super::{ROW_KEY, check_passed};
use crate::draft::Draft;
use crate::fact::{Change, Fact, FactKind};
use crate::limits::MIGRATED_ROWS_MAX;
use crate::prelude::*;
use crate::problem::{Pointer, Problem, Report};
use crate::program::Program;
use crate::rejection::Rejection;
use crate::shape::{AMOUNT, ObjectShape, SIGNED_AMOUNT, Shape, TEXT, Unknown, optional, required};
use crate::value::{Decimal, Json, Timestamp, Zone, object};
use crate::view::TRANSACTION_TYPES;
use crate::wallet::EntryKind;

/// Fields of an order that is stored with a transaction.
const ORDER_FIELDS_MAX: usize = 100;
const EVENT: ObjectShape = ObjectShape {
    name: "MigratedTransactionEvent",
    fields: &[
        required("type", TEXT, "the type of the event it came from"),
        optional("order", Shape::Map(&Shape::Any, ORDER_FIELDS_MAX), "stored with the transaction"),
    ],
    unknown: Unknown::Warned,
};
/// A transaction of the past as it is brought in.
pub const MIGRATED_TRANSACTION: ObjectShape = ObjectShape {
    name: "MigratedTransaction",
    fields: &[
        required("type", Shape::Choice(&TRANSACTION_TYPES), "what it was"),
        required("reward_id", Shape::Uuid, "the reward"),
        required("amount", SIGNED_AMOUNT, "how much; what is redeemed or expires takes it"),
        required("issued_at", Shape::DateOrInstant, "when it happened"),
        optional("resolved_at", Shape::DateOrInstant, "when it was booked"),
        optional("brand_id", Shape::Id, "the brand"),
        optional("channel_id", TEXT, "where it was"),
        optional("store_id", TEXT, "which store it was"),
        optional("funded_by", TEXT, "who paid for it"),
        optional("details", TEXT, "what to know about it"),
        optional("cost", AMOUNT, "what it cost, in the account's currency"),
        optional("event", Shape::Object(&EVENT), "the event it came from"),
    ],
    unknown: Unknown::Warned,
};
const TRANSACTIONS: Shape = Shape::List(&Shape::Object(&MIGRATED_TRANSACTION), MIGRATED_ROWS_MAX);
/// A customer's transactions of the past as they are brought in.
pub const MIGRATED_TRANSACTIONS: ObjectShape = ObjectShape {
    name: "MigratedTransactions",
    fields: &[
        required("id", Shape::Id, "the merchant's id of the customer"),
        required("transactions", TRANSACTIONS, "all of them"),
        ROW_KEY,
    ],
    unknown: Unknown::Warned,
};

/// The transactions of a customer's past, checked for their form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastTransactions {
    /// The merchant's id of the customer.
    pub customer: String,
    /// The transactions as they were sent.
    pub items: Vec<Json>,
}

/// Reads a customer's transactions of the past.
///
/// # Errors
/// A report with all problems of their form.
pub fn read_past_transactions(json: &Json) -> Result<(PastTransactions, Vec<Problem>), Report> {
    let mut report = Report::default();
    let root = Pointer::root();
    let shape = Shape::Object(&MIGRATED_TRANSACTIONS);
    shape.check(json, &root, &mut report);
    let pruned = shape.prune(json);
    let items = pruned.get("transactions").map_or(&[][..], Json::items).to_vec();
    let list_at = root.field("transactions");
    if items.is_empty() && !report.has_problems() {
        report.problem(&list_at, "missing", "there is no transaction", "bring at least one");
    }
    for (index, item) in items.iter().enumerate() {
        let negative = item.number("amount").is_some_and(|amount| amount.is_negative());
        let gives = matches!(item.text("type"), Some("ACCUMULATION" | "MIGRATION"));
        if negative && gives {
            let at = list_at.index(index);
            let hint = "what takes is a REDEMPTION, an EXPIRATION or a REVERSAL";
            report.problem(&at.field("amount"), "not_in_range", "it would give less than nothing", hint);
        }
    }
    let customer = json.text("id").unwrap_or_default().to_owned();
    report.into_result(PastTransactions { customer, items })
}

/// What a transaction adds to the balance: redemptions and expirations take, whichever sign they are written with; the
/// sign of reversals and transfers says which way they went.
pub(crate) fn effect(transaction: &Json) -> Decimal {
    let amount = transaction.number("amount").unwrap_or_default();
    match transaction.text("type") {
        Some("REDEMPTION" | "EXPIRATION") if !amount.is_negative() => -amount,
        _ => amount,
    }
}

/// The transactions of the past that a fact brought in.
pub(crate) fn brought_by(fact: &Fact) -> &[Json] {
    let payload = fact.payload.as_ref().filter(|_| fact.kind == FactKind::Migrated);
    payload.and_then(|payload| payload.get("transactions")).map_or(&[][..], Json::items)
}

/// Keeps the transactions of a customer's past (M4). `migrated` is everything that was brought in for the customer.
pub(crate) fn keep(
    draft: &mut Draft<'_>,
    past: &PastTransactions,
    migrated: &[Fact],
) -> Result<(), Rejection> {
    let came = |fact: &&Fact| fact.changes.iter().any(|change| matches!(change, Change::Registered { .. }));
    let Some(came) = migrated.iter().find(came) else { return Err(Rejection::NotMigrated) };
    if migrated.iter().any(|fact| !brought_by(fact).is_empty()) {
        return Err(Rejection::AlreadyMigrated);
    }
    let (now, zone) = (draft.now, draft.program.settings().time_zone);
    let mut report = Report::default();
    let root = Pointer::root();
    let list_at = root.field("transactions");
    let mut sums = Sums::default();
    for entry in came.entries().filter(|entry| matches!(entry.kind, EntryKind::Issued { .. })) {
        sums.of(entry.reward).brought += i128::from(entry.amount.micros());
    }
    let mut items = past.items.clone();
    for (index, item) in items.iter_mut().enumerate() {
        let at = list_at.index(index);
        if let Some(brand) = item.text("brand_id").filter(|brand| draft.program.brand(brand).is_none()) {
            return Err(Rejection::UnknownBrand { id: brand.to_owned() });
        }
        let id = item.text("reward_id").unwrap_or_default().to_lowercase();
        let reward = draft.program.reward_by_id(&id).ok_or(Rejection::UnknownReward { id })?;
        let amount = item.number("amount").unwrap_or_default();
        reward.spec.check_places(amount, &at.field("amount"), &mut report);
        sums.of(reward.number).told += i128::from(effect(item).micros());
        fix_dates(item, now, zone, &at, &mut report);
    }
    sums.check(draft.program, &list_at, &mut report);
    if report.has_problems() {
        return Err(Rejection::Malformed(report));
    }
    let fact = draft.open(FactKind::Migrated, now);
    let payload = object().with("transactions", items).build();
    draft.edit(fact, |fact| fact.payload = Some(Arc::new(payload)));
    draft.summarise(fact);
    Ok(())
}

/// What was brought in of a reward, and what the transactions of it come to, in millionths.
#[derive(Default)]
struct Sum {
    brought: i128,
    told: i128,
}

/// The sums by reward.
#[derive(Default)]
struct Sums(BTreeMap<u32, Sum>);

impl Sums {
    fn of(&mut self, reward: u32) -> &mut Sum {
        self.0.entry(reward).or_default()
    }

    /// Names the rewards whose transactions come to something else than was brought in (M5).
    fn check(&self, program: &Program, at: &Pointer<'_>, report: &mut Report) {
        let amount = |micros: i128| {
            let least = i128::from(i64::MIN);
            let micros = micros.clamp(least, i128::from(i64::MAX));
            Decimal::from_micros(i64::try_from(micros).unwrap_or(0))
        };
        for (reward, sum) in self.0.iter().filter(|(_, sum)| sum.brought != sum.told) {
            let name = program.reward(*reward).map_or("?", |reward| &reward.spec.name);
            let (told, brought) = (amount(sum.told), amount(sum.brought));
            let message = format!("those of `{name}` come to {told}, the balance brought in is {brought}");
            let hint = "bring all of them in one row, from the first to the balance";
            report.problem(at, "does_not_add_up", message, hint);
        }
    }
}

/// Dates become instants, as they are meant in the zone of the day they come in; those that cannot be are named.
fn fix_dates(item: &mut Json, now: Timestamp, zone: Zone, at: &Pointer<'_>, report: &mut Report) {
    for name in ["issued_at", "resolved_at"] {
        let Some(instant) = item.text(name).and_then(|text| zone.parse_date_or_time(text)) else { continue };
        item.set(name, instant);
        check_passed(instant, now, &at.field(name), report);
        if instant < Timestamp::EPOCH {
            let message = format!("it would have happened at {instant}");
            report.problem(&at.field(name), "not_in_range", message, "give a date from 1970 on");
        }
    }
}

/// When a transaction of the past happened.
pub(crate) fn issued_at(transaction: &Json) -> Option<Timestamp> {
    Timestamp::parse(transaction.text("issued_at")?)
}
