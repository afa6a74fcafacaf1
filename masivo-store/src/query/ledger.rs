//! Transactions: the ledger as the product lists it.

use super::Query;
use crate::backend::FactRow;
use crate::engine::load_record;
use crate::error::SubmitError;
use masivo_core::events::EventRecord;
use masivo_core::fact::{EventStatus, FactKind};
use masivo_core::value::{Json, Timestamp};
use masivo_core::view;
use uuid::Uuid;

/// Which transactions are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionFilter {
    /// The day in the account's zone: year, month, day.
    pub date: (i32, u32, u32),
    /// Only with an id after that one.
    pub cursor: Option<Uuid>,
    /// Only of that brand.
    pub brand: Option<String>,
    /// Only of that reward.
    pub reward: Option<String>,
    /// Only of that campaign.
    pub campaign: Option<String>,
    /// Only of that event.
    pub event: Option<Uuid>,
    /// Only of that type, for example ACCUMULATION.
    pub kind: Option<String>,
    /// Only paid by that funder.
    pub funded_by: Option<String>,
}

/// Which transactions of one customer are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerTransactionFilter {
    /// Only of that year in the account's zone; otherwise the last three months.
    pub year: Option<i32>,
    /// Only of that brand.
    pub brand: Option<String>,
    /// Only of that reward.
    pub reward: Option<String>,
    /// Only of that type, for example ACCUMULATION.
    pub kind: Option<String>,
}

/// Transactions in one answer, as the product has it.
const PAGE: usize = 1_000;

impl Query {
    /// The transactions of a day, in order: at most 1,000.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn transactions(&self, filter: &TransactionFilter) -> Result<Vec<Json>, SubmitError> {
        let zone = self.program.settings().time_zone;
        let (year, month, day) = filter.date;
        let Some(start) = zone.start_of_date(year, month, day) else { return Ok(Vec::new()) };
        let end = zone.start_of_next_day(start);
        let cursor = filter.cursor.map(|id| id.hyphenated().to_string());
        let mut list = Vec::new();
        for utc_day in start.day()..=end.plus(-1).day() {
            let mut after = 0;
            loop {
                let rows = self.reader.ledger_facts(utc_day, after, PAGE)?;
                let Some(last) = rows.last().map(|row| row.fact.sequence) else { break };
                after = last;
                for row in rows.iter().filter(|row| (start..end).contains(&row.fact.at)) {
                    list.extend(
                        self.transactions_of(row)?
                            .into_iter()
                            .filter(|transaction| fits(transaction, filter)),
                    );
                }
            }
        }
        list.sort_by(|one, other| one.text("id").cmp(&other.text("id")));
        list.retain(|transaction| {
            cursor.as_deref().is_none_or(|cursor| transaction.text("id") > Some(cursor))
        });
        list.truncate(PAGE);
        Ok(list)
    }

    /// The transactions of a customer, newest first.
    ///
    /// # Errors
    /// [`masivo_core::Rejection::CustomerNotFound`], [`masivo_core::Rejection::CustomerDeleted`].
    pub fn customer_transactions(
        &self,
        id: &str,
        filter: &CustomerTransactionFilter,
    ) -> Result<Vec<Json>, SubmitError> {
        self.present(id)?;
        let zone = self.program.settings().time_zone;
        let (from, to) = match filter.year {
            Some(year) => (
                zone.start_of_date(year, 1, 1).unwrap_or(Timestamp::MIN),
                zone.start_of_date(year + 1, 1, 1).unwrap_or(Timestamp::MAX),
            ),
            // Three months of at most 31 days.
            None => (self.now.plus(-93 * masivo_core::value::DAY), Timestamp::MAX),
        };
        let head = self.reader.customer_by_id(id)?.map_or(0, |row| row.state.head);
        let mut rows = Vec::new();
        self.walk(head, |row| {
            let booked = (from..to).contains(&row.fact.at) && row.fact.entries().next().is_some();
            if booked || row.fact.kind == FactKind::Migrated {
                rows.push(row.clone());
            }
            true
        })?;
        let mut list = Vec::new();
        for row in &rows {
            let mut of_fact =
                if (from..to).contains(&row.fact.at) { self.transactions_of(row)? } else { Vec::new() };
            of_fact.reverse();
            // History goes by the day it happened, bookings by the day they were made.
            let happened = |past: &Json| past.text("issued_at").and_then(Timestamp::parse);
            let past = view::past_transactions(&self.program, &row.fact, id);
            let past =
                past.into_iter().filter(|past| happened(past).is_some_and(|at| (from..to).contains(&at)));
            of_fact.extend(past);
            list.extend(of_fact.into_iter().filter(|transaction| {
                is_of(transaction, "brand_id", filter.brand.as_deref())
                    && is_of_id(transaction, "reward_id", filter.reward.as_deref())
                    && is_of(transaction, "type", filter.kind.as_deref())
            }));
        }
        // History goes by the day it happened; of one day what was told last comes first.
        let moment = |transaction: &Json| {
            let past = transaction.flag("migrated") == Some(true);
            let at = transaction.text(if past { "issued_at" } else { "created_at" });
            (at.and_then(Timestamp::parse), transaction.text("id").map(ToOwned::to_owned))
        };
        list.sort_by_cached_key(|transaction| std::cmp::Reverse(moment(transaction)));
        Ok(list)
    }

    /// The transactions of a fact, with the event they belong to.
    fn transactions_of(&self, row: &FactRow) -> Result<Vec<Json>, SubmitError> {
        let customer = self.reader.customer_by_key(row.customer)?;
        let id = customer.map(|row| row.profile.id().to_owned()).unwrap_or_default();
        let about = if row.fact.about == 0 { row.fact.sequence } else { row.fact.about };
        let event = self.reader.fact(about)?.filter(|event| event.fact.event.is_some());
        let record = match event {
            Some(event) => load_record(&*self.reader, event, &id)?,
            // Something that fell due belongs to no event.
            None => EventRecord::new(&id, row.fact.clone(), EventStatus::Resolved),
        };
        Ok(view::transactions(&self.program, &row.fact, Some(&record)))
    }
}

fn fits(transaction: &Json, filter: &TransactionFilter) -> bool {
    let event = filter.event.map(|event| event.hyphenated().to_string());
    is_of(transaction, "brand_id", filter.brand.as_deref())
        && is_of_id(transaction, "reward_id", filter.reward.as_deref())
        && is_of_id(transaction, "campaign_id", filter.campaign.as_deref())
        && is_of(transaction, "event_id", event.as_deref())
        && is_of(transaction, "type", filter.kind.as_deref())
        && is_of(transaction, "funded_by", filter.funded_by.as_deref())
}

fn is_of(transaction: &Json, name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| transaction.text(name) == Some(wanted))
}

/// The same of a UUID, however it is written.
fn is_of_id(transaction: &Json, name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| transaction.text(name).is_some_and(|id| id.eq_ignore_ascii_case(wanted)))
}
