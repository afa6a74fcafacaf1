//! Messages to customers and deliveries to webhooks.

use super::{Page, Query};
use crate::backend::{Channel, Destination, OutboxFilter, OutboxRow};
use crate::error::SubmitError;
use masivo_core::Rejection;
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::program::Program;
use masivo_core::value::{Json, object};
use uuid::Uuid;

/// Which messages are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only what leaves that way; e-mails when left out.
    pub channel: Option<Channel>,
    /// Only to that customer.
    pub customer: Option<String>,
    /// Only of that journey.
    pub journey: Option<String>,
    /// Only in that status.
    pub status: Option<DeliveryStatus>,
    /// Only after that message.
    pub after: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// Messages in the order they were made, sent and not sent, each with its reason.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::DefinitionNotFound`].
    pub fn messages(&self, filter: &MessageFilter) -> Result<Page, SubmitError> {
        let customer = filter.customer.as_deref().map(|id| self.present(id)).transpose()?.map(|row| row.key);
        let journey = match &filter.journey {
            Some(id) => {
                let unknown = || Rejection::DefinitionNotFound { kind: "journey", id: id.clone() };
                Some(self.program.journey_by_id(id).ok_or_else(unknown)?.number)
            }
            None => None,
        };
        self.outbox_page(
            OutboxFilter {
                channel: Some(filter.channel.unwrap_or(Channel::Email)),
                target: journey,
                status: filter.status,
                customer,
                ..OutboxFilter::default()
            },
            filter.after,
            filter.limit,
        )
    }

    /// A message.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`] when there is none of that id.
    pub fn message(&self, id: Uuid) -> Result<Json, SubmitError> {
        let row = self.reader.outbox_row(id)?;
        let unknown = || Rejection::DefinitionNotFound { kind: "message", id: id.hyphenated().to_string() };
        Ok(self.show(&row.ok_or_else(unknown)?)?)
    }

    /// Deliveries to a webhook in the order they were made.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`].
    pub fn deliveries(
        &self,
        webhook: &str,
        status: Option<DeliveryStatus>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page, SubmitError> {
        let unknown = || Rejection::DefinitionNotFound { kind: "webhook", id: webhook.to_owned() };
        let number = self.program.webhook_by_id(webhook).ok_or_else(unknown)?.number;
        self.outbox_page(
            OutboxFilter {
                channel: Some(Channel::Webhook),
                target: Some(number),
                status,
                ..OutboxFilter::default()
            },
            after,
            limit,
        )
    }

    fn outbox_page(
        &self,
        filter: OutboxFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page, SubmitError> {
        let after = match after {
            Some(id) => self.reader.outbox_row(id)?.map_or(0, |row| row.sequence),
            None => 0,
        };
        let rows = self.reader.outbox(OutboxFilter { after, limit: limit + 1, ..filter })?;
        let more = rows.len() > limit;
        let shown: Vec<&OutboxRow> = rows.iter().take(limit).collect();
        let next = shown.last().filter(|_| more).map(|row| row.id.hyphenated().to_string());
        let items = shown.into_iter().map(|row| self.show(row)).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    fn show(&self, row: &OutboxRow) -> Result<Json, crate::StoreError> {
        let customer = self.reader.customer_by_key(row.customer)?;
        let mut shown = show_delivery(&self.program, row);
        let id = customer.map(|customer| customer.profile.id().to_owned()).filter(|id| !id.is_empty());
        shown.set("customer_id", id.map(Json::from).unwrap_or_default());
        Ok(shown)
    }
}

/// A row of the outbox as it is shown, without the customer.
pub fn show_delivery(program: &Program, row: &OutboxRow) -> Json {
    let shown = object()
        .with("id", row.id)
        .with("status", row.status.name())
        .with_some("reason", row.reason.clone())
        .with("attempts", row.attempts)
        .with("made_at", row.made_at)
        .with("changed_at", row.changed_at)
        .with_some("next_attempt_at", row.due)
        .with("channel", row.destination.channel().name());
    match &row.destination {
        Destination::Webhook { webhook, event } => shown
            .with(
                "webhook_id",
                program.webhook(*webhook).map(|webhook| Json::from(webhook.id.as_str())).unwrap_or_default(),
            )
            .with("event", event.as_str())
            .build(),
        Destination::Email { journey, version, step, template, .. } => {
            let steps = program.journey_version(*journey, *version);
            let step = steps.and_then(|journey| journey.spec.steps.get(usize::from(*step)));
            shown
                .with(
                    "journey_id",
                    program
                        .journey(*journey)
                        .map(|journey| Json::from(journey.id.as_str()))
                        .unwrap_or_default(),
                )
                .with("journey_version", *version)
                .with("step", step.map(|step| Json::from(step.id.as_str())).unwrap_or_default())
                .with(
                    "template_id",
                    program
                        .template(*template)
                        .map(|template| Json::from(template.id.as_str()))
                        .unwrap_or_default(),
                )
                .build()
        }
        Destination::EraseMails => shown.build(),
        Destination::Topic { audience, subscribe } => {
            let audience = program.audience(*audience);
            shown
                .with("audience_id", audience.map(|known| Json::from(known.id.as_str())).unwrap_or_default())
                .with_some("topic", row.body.text("topic").map(ToOwned::to_owned))
                .with("action", if *subscribe { "subscribe" } else { "unsubscribe" })
                .build()
        }
    }
}
