//! Why a customer is in an audience, or is not.

use super::super::Query;
use crate::backend::{CustomerRow, FactRow};
use crate::engine::load_record;
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::fact::{Change, EventStatus};
use masivo_core::metrics::Visit;
use masivo_core::program::{AudienceKind, AudienceSpec, Definition};
use masivo_core::rule::{Counted, MetricField, View};
use masivo_core::state::Standing;
use masivo_core::value::{Decimal, Json, Timestamp, object};
use uuid::Uuid;

/// Events that are named of those that count for a metric.
const CITED_MAX: usize = 20;

/// A visit that counts, and the event of it.
struct Cited {
    event: Uuid,
    event_type: String,
    visit: Visit,
}

impl Query {
    /// Why a customer is in an audience or is not: every condition with its truth, what it saw and the events that count for
    /// it, since when and by what that is so, and until when without new data.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`], [`Rejection::CustomerNotFound`], [`Rejection::CustomerDeleted`].
    pub fn explain_membership(&self, audience: &str, customer: &str) -> Result<Json, SubmitError> {
        let found = self.program.audience_by_id(audience);
        let unknown = || Rejection::DefinitionNotFound { kind: "audience", id: audience.to_owned() };
        let found = found.ok_or_else(unknown)?;
        let row = self.present(customer)?;
        let known = row.state.membership(found.number);
        let inside = known.is_some_and(|known| known.inside);
        let rule = match (&found.spec.kind, outside(found, &row)) {
            (AudienceKind::Dynamic(rule), None) => {
                let visits = self.visits(&row)?;
                let view = View::new(self.now, &self.program, &row.state, &row.profile, None);
                Some(rule.explain(&view, |counted| cite(&visits, counted)))
            }
            _ => None,
        };
        Ok(object()
            .with("audience_id", found.id.as_str())
            .with("name", found.spec.name.as_str())
            .with("customer_id", customer)
            .with("inside", inside)
            .with_some("since", known.map(|known| known.since))
            .with_some("until", known.and_then(|known| known.flips_at))
            .with_some("because", self.because(&row, found.number, inside)?)
            .with_some("outside_because", outside(found, &row))
            .with_some("rule", rule)
            .build())
    }

    /// The fact that put the customer in or out last.
    fn because(&self, row: &CustomerRow, audience: u32, inside: bool) -> Result<Option<Json>, StoreError> {
        let mut because = None;
        self.walk(self.stored_head(row)?, |row| {
            let turned = row.fact.changes.iter().any(|change| {
                matches!(change, Change::Member(now) if now.audience == audience
                    && now.inside == inside && now.since == row.fact.at)
            });
            if turned {
                let event = row.fact.event.as_ref().map(|head| head.id);
                let shown = object().with("what", row.fact.kind.name()).with("at", row.fact.at);
                because = Some(shown.with_some("event_id", event).build());
            }
            !turned
        })?;
        Ok(because)
    }

    /// The head of what is stored: what fell due a moment ago may not be written yet.
    fn stored_head(&self, row: &CustomerRow) -> Result<u64, StoreError> {
        Ok(self.reader.customer_by_key(row.key)?.map_or(0, |row| row.state.head))
    }

    /// All visits of a customer that count, newest first, with what of their spend is left.
    fn visits(&self, row: &CustomerRow) -> Result<Vec<Cited>, StoreError> {
        let mut events: Vec<FactRow> = Vec::new();
        self.walk(self.stored_head(row)?, |row| {
            if row.status == Some(EventStatus::Resolved) {
                events.push(row.clone());
            }
            true
        })?;
        let mut visits = Vec::new();
        for event in events {
            let record = load_record(&*self.reader, event, row.profile.id())?;
            let mut changes = record.effects().flat_map(|fact| &fact.changes);
            let visit = changes.find_map(|change| match change {
                Change::Visited(visit) => Some(*visit),
                _ => None,
            });
            if let Some((head, visit)) = record.head().zip(visit) {
                let spend = visit.spend.saturating_sub(record.returned());
                let (event, event_type) = (head.id, head.event_type.clone());
                visits.push(Cited { event, event_type, visit: Visit { spend, ..visit } });
            }
        }
        visits.sort_by_key(|cited| std::cmp::Reverse(cited.visit.issued_at));
        Ok(visits)
    }
}

/// Why nobody asks the rule.
fn outside(audience: &Definition<AudienceSpec>, row: &CustomerRow) -> Option<&'static str> {
    match row.state.standing {
        _ if row.state.anonymous => Some("customer_anonymous"),
        Standing::Inactive => Some("customer_inactive"),
        Standing::Active | Standing::Deleted if !audience.spec.active => Some("audience_inactive"),
        Standing::Active | Standing::Deleted => None,
    }
}

/// The events that count for a metric.
fn cite(visits: &[Cited], counted: Counted) -> Json {
    let inside = |at: Timestamp| counted.from <= at && at < counted.to;
    let counts = |cited: &&Cited| {
        inside(cited.visit.issued_at) && (counted.field == MetricField::LastVisit || cited.visit.purchase)
    };
    let most = if counted.field == MetricField::LastVisit { 1 } else { usize::MAX };
    let counting: Vec<&Cited> = visits.iter().filter(counts).take(most).collect();
    let named = counting.iter().take(CITED_MAX).map(|cited| {
        object()
            .with("event_id", cited.event)
            .with("type", cited.event_type.as_str())
            .with("issued_at", cited.visit.issued_at)
            .with("spend", cited.visit.spend)
            .build()
    });
    let named: Vec<Json> = named.collect();
    let spend = counting.iter().fold(Decimal::ZERO, |sum, cited| sum.saturating_add(cited.visit.spend));
    object()
        .with("events", named)
        .with("count", u64::try_from(counting.len()).unwrap_or(u64::MAX))
        .with("spend", spend)
        .build()
}
