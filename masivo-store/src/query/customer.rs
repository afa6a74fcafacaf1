//! Customers, their history and their events.

use super::{Page, Query};
use crate::backend::{CustomerRow, FactRow};
use crate::engine::load_record;
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::events::EventRecord;
use masivo_core::fact::{Change, EventStatus, FactKind};
use masivo_core::state::State;
use masivo_core::value::{Json, Timestamp, object};
use masivo_core::view;
use uuid::Uuid;

/// Which events are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only of that customer.
    pub customer: Option<String>,
    /// Only before that event.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: usize,
}

impl Query {
    /// The wallet as it was at an instant: what was booked by then, folded again, with what had fallen due by then. Of
    /// instants to come nothing is known: they show the present.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn wallet_at(&self, id: &str, at: Timestamp) -> Result<Json, SubmitError> {
        let present = self.present(id)?;
        if at >= self.now {
            return Ok(view::wallet(&self.program, &present.state, id));
        }
        let row = self.reader.customer_by_id(id)?;
        let mut next = row.map_or(0, |row| row.state.head);
        let (mut booked, mut is_all) = (Vec::new(), true);
        while let Some(row) = self.reader.fact(next)? {
            next = row.fact.previous;
            if row.fact.at <= at {
                booked.push(row.fact);
            } else {
                is_all = false;
            }
        }
        let zone = self.program.settings().time_zone;
        let mut state = State { id: present.state.id, ..State::default() };
        for fact in booked.iter().rev() {
            fact.changes.iter().for_each(|change| state.apply(change, zone));
            state.head = fact.sequence;
        }
        // What is looked at is the wallet: audiences are as they are.
        state.audiences_seen = self.program.audiences_version();
        // The date of birth is the one of today: birthdays that were booked are in, and of others nothing is known.
        if !is_all {
            state.birthdays_seen = Some(at);
        }
        let was = CustomerRow { state, ..present };
        let was = self.bring_to_instant(was, &[], at)?;
        Ok(view::wallet(&self.program, &was.state, id))
    }

    /// `{ customer, wallet }`.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn customer(&self, id: &str) -> Result<Json, SubmitError> {
        let row = self.present(id)?;
        let mut shown = view::customer(&self.program, &row.state, &row.profile, self.now);
        if let Some(customer) = shown.get_mut("customer") {
            if let Some(traits) = view::traits(&self.view(&row)) {
                customer.set("traits", traits);
            }
            customer.set("audiences", self.audiences_of(&row));
        }
        Ok(shown)
    }

    /// Customers in the order they were registered, after the one of an id.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`] when the cursor names nobody.
    pub fn customers(&self, after: Option<&str>, limit: usize) -> Result<Page, SubmitError> {
        let mut after = match after {
            Some(id) => self.present(id)?.key,
            None => 0,
        };
        let mut shown = Vec::new();
        // Erased customers have a row and are not shown: the page goes on behind them.
        while shown.len() <= limit {
            let rows = self.reader.customers(after, limit.saturating_add(1))?;
            let Some(last) = rows.last().map(|row| row.key) else { break };
            after = last;
            shown.extend(rows.into_iter().filter(|row| !row.profile.id().is_empty()));
        }
        let more = shown.len() > limit;
        shown.truncate(limit);
        let next = shown.last().filter(|_| more).map(|row| row.profile.id().to_owned());
        let items = shown
            .into_iter()
            .map(|row| {
                let row = self.bring(row)?;
                let shown = view::customer(&self.program, &row.state, &row.profile, self.now);
                Ok(shown.get("customer").cloned().unwrap_or_default())
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Page { items, next })
    }

    /// The wallet.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn wallet(&self, id: &str) -> Result<Json, SubmitError> {
        let row = self.present(id)?;
        Ok(view::wallet(&self.program, &row.state, row.profile.id()))
    }

    /// The consent and what it blocks.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn consent(&self, id: &str) -> Result<Json, SubmitError> {
        let row = self.present(id)?;
        Ok(view::consent(&row.state, &row.profile))
    }

    /// Every change of the consent, newest first: when, what was sent, and the record after it.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn consent_history(&self, id: &str) -> Result<Json, SubmitError> {
        let row = self.present(id)?;
        let mut receipts = Vec::new();
        let head = self.reader.customer_by_key(row.key)?.map_or(0, |row| row.state.head);
        self.walk(head, |row| {
            let permissions = row.fact.changes.iter().find_map(|change| match change {
                Change::Permissions(permissions) => Some(*permissions),
                _ => None,
            });
            if let Some(permissions) = permissions {
                let payload = row.fact.payload.as_ref();
                let sent = payload
                    .and_then(|payload| payload.path("request").unwrap_or(payload).get("consent").cloned());
                let source = sent.as_ref().and_then(|sent| sent.text("source")).map(ToOwned::to_owned);
                let version = sent.as_ref().and_then(|sent| sent.text("version")).map(ToOwned::to_owned);
                receipts.push(
                    object()
                        .with("at", row.fact.at)
                        .with("source", source.unwrap_or_else(|| row.fact.kind.name().to_owned()))
                        .with_some("version", version)
                        .with("sent", sent.unwrap_or_default())
                        .with(
                            "blocked",
                            permissions.blocked().into_iter().map(Json::from).collect::<Vec<_>>(),
                        )
                        .build(),
                );
            }
            true
        })?;
        Ok(Json::List(receipts))
    }

    /// Everything that happened to a customer, newest first, before a fact (0 is from the newest).
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn history(&self, id: &str, before: u64, limit: usize) -> Result<Page, SubmitError> {
        let customer = self.reader.customer_by_id(id)?;
        let head = match customer {
            Some(row) => row.state.head,
            None => self.present(id)?.state.head,
        };
        let mut items = Vec::new();
        let mut next = None;
        self.walk(head, |row| {
            if before != 0 && row.fact.sequence >= before {
                return true;
            }
            if items.len() == limit {
                next = Some((row.fact.sequence + 1).to_string());
                return false;
            }
            items.push(show_fact(row));
            true
        })?;
        Ok(Page { items, next })
    }

    /// Walks the chain of a customer, newest first, until told to stop.
    pub(crate) fn walk(
        &self,
        head: u64,
        mut on_fact: impl FnMut(&FactRow) -> bool,
    ) -> Result<(), StoreError> {
        let mut next = head;
        // A head beyond what is stored comes from bringing the customer to the present in memory.
        while next != 0 {
            let Some(row) = self.reader.fact(next)? else { break };
            if !on_fact(&row) {
                break;
            }
            next = row.fact.previous;
        }
        Ok(())
    }

    fn record(&self, id: Uuid) -> Result<EventRecord, SubmitError> {
        let unknown = || Rejection::EventNotFound { id: id.hyphenated().to_string() };
        let sequence = self.reader.event(id)?.ok_or_else(unknown)?;
        let row = self.reader.fact(sequence)?.ok_or_else(unknown)?;
        let customer = self.reader.customer_by_key(row.customer)?;
        let customer_id = customer.as_ref().map(|row| row.profile.id().to_owned()).unwrap_or_default();
        let mut record = load_record(&*self.reader, row, &customer_id)?;
        // Whether a waiting event has expired is a matter of now, not of a timer.
        let waits = record.status == EventStatus::Pending;
        if let (true, Some(customer)) = (waits, customer) {
            let expired =
                customer.state.standby(sequence).is_some_and(|standby| self.now >= standby.expires_at);
            if expired {
                record.status = EventStatus::Expired;
            }
        }
        Ok(record)
    }

    /// An event with everything that became of it.
    ///
    /// # Errors
    /// [`Rejection::EventNotFound`].
    pub fn event(&self, id: Uuid) -> Result<Json, SubmitError> {
        Ok(view::event(&self.program, &self.record(id)?))
    }

    /// Why campaigns rewarded an event or did not.
    ///
    /// # Errors
    /// [`Rejection::EventNotFound`].
    pub fn explain(&self, id: Uuid) -> Result<Json, SubmitError> {
        let record = self.record(id)?;
        let mut explained = view::explained(&self.program, &record);
        explained.set("event_id", id);
        Ok(explained)
    }

    /// Events, newest first.
    ///
    /// # Errors
    /// [`Rejection::CustomerNotFound`], [`Rejection::EventNotFound`] for a cursor that names none.
    pub fn events(&self, filter: &EventFilter) -> Result<Page, SubmitError> {
        let before = match filter.before {
            Some(id) => self.record(id)?.fact.sequence,
            None => 0,
        };
        let rows = match &filter.customer {
            Some(id) => self.events_of(id, before, filter.limit + 1)?,
            None => self.reader.events_before(before, filter.limit + 1)?,
        };
        let more = rows.len() > filter.limit;
        let mut items = Vec::new();
        let mut last = None;
        for row in rows.into_iter().take(filter.limit) {
            if let Some(head) = &row.fact.event {
                last = Some(head.id);
                items.push(view::event(&self.program, &self.record(head.id)?));
            }
        }
        let next = last.filter(|_| more).map(|id| id.hyphenated().to_string());
        Ok(Page { items, next })
    }

    fn events_of(&self, id: &str, before: u64, limit: usize) -> Result<Vec<FactRow>, SubmitError> {
        self.present(id)?;
        let head = self.reader.customer_by_id(id)?.map_or(0, |row| row.state.head);
        let mut rows = Vec::new();
        self.walk(head, |row| {
            let wanted = row.fact.kind == FactKind::Event && (before == 0 || row.fact.sequence < before);
            if wanted {
                rows.push(row.clone());
            }
            rows.len() < limit
        })?;
        Ok(rows)
    }
}

fn show_fact(row: &FactRow) -> Json {
    let changes: Vec<Json> =
        row.fact.changes.iter().map(|change| Json::from(format!("{change:?}"))).collect();
    object()
        .with("sequence", row.fact.sequence)
        .with("at", row.fact.at)
        .with("what", row.fact.kind.name())
        .with_some("event_id", row.fact.event.as_ref().map(|head| head.id))
        .with_some("event_type", row.fact.event.as_ref().map(|head| head.event_type.clone()))
        .with_some("status", row.status.map(EventStatus::name))
        .with_some("data", row.fact.data())
        .with("changes", Json::List(changes))
        .build()
}
