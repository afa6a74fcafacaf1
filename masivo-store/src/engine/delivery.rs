//! Handing rows of the outbox to workers, and taking their reports.
//!
//! A claimed row is leased: should its worker die, a webhook is handed out again (its id tells the receiver
//! that it is the same), while an e-mail becomes *unknown*, since nobody can say whether it went out.

use super::load;
use super::writer::Desk;
use crate::backend::{Channel, CustomerRow, Destination, OutboxFilter, OutboxRow, Unit, Write};
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::outgoing::{DeliveryStatus, Suppression, email_suppression};
use masivo_core::program::{Program, TemplateSpec};
use masivo_core::report::DailySum;
use masivo_core::rule::View;
use masivo_core::series::SeriesSet;
use masivo_core::topics;
use masivo_core::value::{Decimal, Json, MINUTE, Timestamp, object};
use uuid::Uuid;

/// How long a worker may take before a claimed row is looked at again.
const LEASE: i64 = 10 * MINUTE;

/// One thing for a worker to deliver.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The row's id: the same on every attempt.
    pub id: Uuid,
    /// How often it was handed over before.
    pub attempts: u32,
    /// What to deliver, and where.
    pub content: Content,
}

/// What to deliver, and where.
#[derive(Clone, Debug)]
pub enum Content {
    /// A signed POST.
    Webhook {
        /// Where to.
        url: String,
        /// What it is signed with.
        secret: String,
        /// The JSON text.
        body: String,
    },
    /// An e-mail, still to be rendered.
    Email {
        /// The recipient.
        to: String,
        /// The sender the account set, if any.
        from: Option<String>,
        /// The template.
        template: Box<TemplateSpec>,
        /// What its variables stand for: `customer`, `event`, `global`.
        variables: Json,
        /// Where the recipient unsubscribes, if the account says.
        unsubscribe_url: Option<String>,
    },
    /// A device begins to follow a push topic, or no longer does.
    Topic {
        /// The topic.
        topic: String,
        /// The device's token.
        token: String,
        /// Whether it begins.
        subscribe: bool,
    },
    /// Copies of e-mails that are kept in a folder must go: their customer was deleted.
    EraseMails {
        /// The ids of the e-mails.
        messages: Vec<Uuid>,
    },
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The other side has it.
    Confirmed {
        /// What it said.
        detail: String,
    },
    /// It failed for now.
    Later {
        /// Why.
        reason: String,
        /// When to try again, in wall time; `None` when all attempts are used up.
        at: Option<Timestamp>,
    },
    /// The other side will never take it.
    Refused {
        /// Why.
        reason: String,
        /// Whether the webhook as a whole is gone and must be switched off.
        gone: bool,
    },
    /// Nobody knows whether it arrived.
    Unknown {
        /// Why.
        reason: String,
    },
    /// It is not sent after all.
    Suppressed(Suppression),
}

/// Hands out rows whose time has come; what may no longer be sent is suppressed here (O3).
pub(super) fn claim(
    desk: &mut Desk,
    unit: &mut impl Unit,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let wall = desk.shared.clock.wall();
    let mut deliveries = Vec::new();
    for mut row in unit.outbox_due(wall, limit)? {
        if row.status == DeliveryStatus::Claimed && matches!(row.destination, Destination::Email { .. }) {
            settle(
                desk,
                &mut row,
                DeliveryStatus::Unknown,
                Some("the worker stopped before it reported".into()),
            );
            unit.write(Write::Outbox(&row))?;
            continue;
        }
        match content(desk, unit, &row)? {
            Ok(content) => {
                row.status = DeliveryStatus::Claimed;
                row.due = Some(wall.plus(LEASE));
                row.changed_at = wall;
                deliveries.push(Delivery { id: row.id, attempts: row.attempts, content });
            }
            Err(reason) => settle(desk, &mut row, DeliveryStatus::Suppressed, Some(reason.name().into())),
        }
        unit.write(Write::Outbox(&row))?;
    }
    Ok(deliveries)
}

fn content(
    desk: &mut Desk,
    unit: &mut impl Unit,
    row: &OutboxRow,
) -> Result<Result<Content, Suppression>, StoreError> {
    let program = std::sync::Arc::clone(&desk.program);
    match &row.destination {
        Destination::Webhook { webhook, .. } => {
            let webhook = program.webhook(*webhook).filter(|webhook| webhook.spec.active);
            Ok(webhook.map_or(Err(Suppression::TargetGone), |webhook| {
                Ok(Content::Webhook {
                    url: webhook.spec.url.clone(),
                    secret: webhook.spec.secret.clone(),
                    body: row.body.to_string(),
                })
            }))
        }
        Destination::EraseMails => {
            let ids =
                row.body.items().iter().filter_map(Json::as_text).filter_map(masivo_core::value::parse_uuid);
            Ok(Ok(Content::EraseMails { messages: ids.collect() }))
        }
        Destination::Topic { subscribe, .. } => {
            if *subscribe {
                let customer = load::customer_by_key(desk, unit, row.customer)?;
                let Some(customer) = customer else { return Ok(Err(Suppression::Deleted)) };
                if let Some(reason) = topics::suppression(&customer.state, &customer.profile, desk.now) {
                    return Ok(Err(reason));
                }
            }
            let text = |name: &str| row.body.text(name).unwrap_or_default().to_owned();
            let (topic, token) = (text("topic"), text("token"));
            Ok(Ok(Content::Topic { topic, token, subscribe: *subscribe }))
        }
        Destination::Email { template, started_by, .. } => {
            let Some(customer) = load::customer_by_key(desk, unit, row.customer)? else {
                return Ok(Err(Suppression::Deleted));
            };
            if let Some(reason) = email_suppression(&customer.state, &customer.profile) {
                return Ok(Err(reason));
            }
            let Some(template) = program.template(*template) else {
                return Ok(Err(Suppression::TemplateFault));
            };
            let event = unit.fact(*started_by)?.and_then(|row| row.fact.data());
            let settings = program.settings();
            let unsubscribe_url = settings
                .unsubscribe_url
                .as_ref()
                .map(|url| url.replace("{customer_id}", customer.profile.id()));
            Ok(Ok(Content::Email {
                to: customer.profile.email().unwrap_or_default().to_owned(),
                from: settings.email_from.clone(),
                template: Box::new(template.spec.clone()),
                variables: {
                    let customer = shown_customer(desk, unit, &program, &customer)?;
                    variables(&program, customer, event, unsubscribe_url.as_deref())
                },
                unsubscribe_url,
            }))
        }
    }
}

/// The customer as templates see them: with their computed traits as they are now.
fn shown_customer(
    desk: &Desk,
    unit: &impl Unit,
    program: &Program,
    row: &CustomerRow,
) -> Result<Json, StoreError> {
    let mut customer = row.profile.fields().clone();
    customer.remove("consent");
    customer.remove("devices");
    if let Some(name) = row.profile.name() {
        customer.set("fullname", name);
    }
    let made = match row.series.is_behind(program) {
        true => Some(SeriesSet::of(program, &load::events(unit, row.state.head, row.profile.id())?)),
        false => None,
    };
    let series = made.as_ref().unwrap_or(&row.series);
    let view = View::new(desk.now, program, &row.state, &row.profile, None).with_series(series);
    if let Some(traits) = masivo_core::view::traits(&view) {
        customer.set("traits", traits);
    }
    Ok(customer)
}

fn variables(program: &Program, customer: Json, event: Option<Json>, unsubscribe: Option<&str>) -> Json {
    let global =
        object().with("currency", program.settings().currency.as_str()).with_some("unsubscribe", unsubscribe);
    object()
        .with("customer", customer)
        .with("event", event.unwrap_or_else(|| object().build()))
        .with("global", global)
        .build()
}

/// Takes a worker's report.
pub(super) fn report(
    desk: &mut Desk,
    unit: &mut impl Unit,
    id: Uuid,
    result: DeliveryResult,
) -> Result<Result<(), SubmitError>, StoreError> {
    let Some(mut row) = unit.outbox_row(id)? else { return Ok(Err(not_found(id))) };
    // A second report of the same row changes nothing.
    if row.status != DeliveryStatus::Claimed {
        return Ok(Ok(()));
    }
    row.attempts = row.attempts.saturating_add(1);
    match result {
        DeliveryResult::Confirmed { detail } => {
            settle(desk, &mut row, DeliveryStatus::Confirmed, Some(detail));
        }
        DeliveryResult::Unknown { reason } => settle(desk, &mut row, DeliveryStatus::Unknown, Some(reason)),
        DeliveryResult::Suppressed(reason) => {
            settle(desk, &mut row, DeliveryStatus::Suppressed, Some(reason.name().into()));
        }
        DeliveryResult::Later { reason, at: Some(at) } => {
            (row.status, row.due, row.reason) = (DeliveryStatus::Queued, Some(at), Some(reason));
            row.changed_at = desk.shared.clock.wall();
        }
        DeliveryResult::Later { reason, at: None } => {
            settle(desk, &mut row, DeliveryStatus::Refused, Some(reason));
        }
        DeliveryResult::Refused { reason, gone } => {
            settle(desk, &mut row, DeliveryStatus::Refused, Some(reason));
            if let (true, Destination::Webhook { webhook, .. }) = (gone, &row.destination) {
                switch_off(desk, unit, *webhook)?;
            }
        }
    }
    unit.write(Write::Outbox(&row))?;
    Ok(Ok(()))
}

/// A receiver that says it is gone is not asked again: its webhook becomes inactive.
fn switch_off(desk: &mut Desk, unit: &mut impl Unit, number: u32) -> Result<(), StoreError> {
    let Some(webhook) = desk.program.webhook(number) else { return Ok(()) };
    let (id, mut body) = (webhook.id.clone(), webhook.body.clone());
    body.set("status", "INACTIVE");
    let kind = masivo_core::program::Kind::Webhook;
    drop(super::process::define(desk, unit, kind, Some(&id), &body)?);
    Ok(())
}

/// Queues a dead letter again.
pub(super) fn resend(
    desk: &mut Desk,
    unit: &mut impl Unit,
    id: Uuid,
) -> Result<Result<(), SubmitError>, StoreError> {
    let Some(mut row) = unit.outbox_row(id)? else { return Ok(Err(not_found(id))) };
    let again =
        matches!(row.status, DeliveryStatus::Refused | DeliveryStatus::Unknown | DeliveryStatus::Suppressed);
    if again && !row.body.is_null() {
        let wall = desk.shared.clock.wall();
        (row.status, row.due, row.attempts) = (DeliveryStatus::Queued, Some(wall), 0);
        row.changed_at = wall;
        unit.write(Write::Outbox(&row))?;
        desk.outbox_touched = true;
    }
    Ok(Ok(()))
}

fn not_found(id: Uuid) -> SubmitError {
    Rejection::DefinitionNotFound { kind: "delivery", id: id.hyphenated().to_string() }.into()
}

/// Brings a row to its end and counts it.
fn settle(desk: &mut Desk, row: &mut OutboxRow, status: DeliveryStatus, reason: Option<String>) {
    (row.status, row.due) = (status, None);
    row.changed_at = desk.shared.clock.wall();
    count(desk, row, status, reason.as_deref());
    row.reason = reason;
}

/// Counts a message by what became of it.
pub(super) fn count(desk: &mut Desk, row: &OutboxRow, status: DeliveryStatus, reason: Option<&str>) {
    let channel = row.destination.channel();
    if channel == Channel::EraseMails {
        return;
    }
    let why = match (status, reason) {
        (DeliveryStatus::Suppressed, Some(reason)) => format!("/{reason}"),
        _ => String::new(),
    };
    let key = format!("message/{}/{}{why}", channel.name(), status.name());
    desk.count(DailySum { day: row.made_at.day(), key, count: 1, amount: Decimal::ZERO });
}

/// The e-mails of a customer that may lie in a folder.
pub(super) fn mails_of(unit: &impl Unit, customer: u64) -> Result<Vec<Json>, StoreError> {
    let filter = OutboxFilter {
        channel: Some(Channel::Email),
        customer: Some(customer),
        limit: usize::MAX,
        ..OutboxFilter::default()
    };
    Ok(unit
        .outbox(filter)?
        .into_iter()
        .filter(|row| row.attempts > 0)
        .map(|row| Json::from(row.id))
        .collect())
}
