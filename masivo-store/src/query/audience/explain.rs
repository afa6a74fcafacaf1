//! Why a customer is in an audience, or is not.

use super::super::Query;
use crate::backend::{CustomerRow, FactRow};
use crate::engine::load_record;
use crate::error::{StoreError, SubmitError};
use masivo_core::fact::{Change, EventStatus, FactKind};
use masivo_core::metrics::Visit;
use masivo_core::program::{AudienceKind, AudienceSpec, Definition};
use masivo_core::rule::{Counted, Evidence, MetricField};
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
    /// `DefinitionNotFound`, `CustomerNotFound` or `CustomerDeleted` of [`masivo_core::Rejection`].
    pub fn explain_membership(&self, audience: &str, customer: &str) -> Result<Json, SubmitError> {
        let found = self.found_audience(audience)?;
        let row = self.present(customer)?;
        let known = row.state.membership(found.number);
        let inside = known.is_some_and(|known| known.inside);
        let rule = match (&found.spec.kind, outside(found, &row)) {
            (AudienceKind::Dynamic(rule), None) => {
                let mut visits: Option<Result<Vec<Cited>, StoreError>> = None;
                let mut failed = Ok(());
                let explained = rule.explain(&self.view(&row), |evidence| match evidence {
                    Evidence::Metric(counted) => {
                        let visits = visits.get_or_insert_with(|| self.visits(&row)).as_deref();
                        visits.map_or(Json::Null, |visits| cite(visits, counted))
                    }
                    Evidence::Events(facts) => self.cite_events(&facts).unwrap_or_else(|error| {
                        failed = Err(error);
                        Json::Null
                    }),
                });
                visits.transpose()?;
                failed?;
                Some(explained)
            }
            _ => None,
        };
        let turned = self.turned(&row, found.number, inside)?;
        let since = turned.as_ref().map(|(at, _)| *at).or(known.map(|known| known.since));
        Ok(object()
            .with("audience_id", found.id.as_str())
            .with("name", found.spec.name.as_str())
            .with("customer_id", customer)
            .with("inside", inside)
            .with_some("since", since)
            .with_some("until", known.and_then(|known| self.until(found, &row, known)))
            .with_some("because", turned.map(|(_, because)| because))
            .with_some("outside_because", outside(found, &row))
            .with_some("recalculating", self.reader.sweep()?.is_some().then_some(true))
            .with_some("rule", rule)
            .build())
    }

    /// When the customer was put in or out last, and by what.
    fn turned(
        &self,
        row: &CustomerRow,
        audience: u32,
        inside: bool,
    ) -> Result<Option<(Timestamp, Json)>, StoreError> {
        let Some(stored) = self.reader.customer_by_key(row.key)? else { return Ok(None) };
        if stored.state.is_member(audience) != inside {
            // It fell due a moment ago and is not written yet.
            let since = row.state.membership(audience).map_or(self.now, |known| known.since);
            let because = object().with("what", "due").with("at", since).build();
            return Ok(Some((since, because)));
        }
        let mut turned = None;
        self.walk(stored.state.head, |row| {
            let mut changes = row.fact.changes.iter().rev();
            let known = changes.find_map(|change| match change {
                Change::Member(now) if now.audience == audience => Some(now.inside),
                _ => None,
            });
            match known {
                // What only moved the next flip turned nothing: the first of a row of equal ones did.
                Some(known) if known == inside => turned = Some(row.clone()),
                Some(_) => return false,
                None => {}
            }
            true
        })?;
        turned.map(|row| self.because(&row)).transpose()
    }

    /// A fact as a cause, with the event that it is about.
    pub(super) fn because(&self, row: &FactRow) -> Result<(Timestamp, Json), StoreError> {
        let fact = &row.fact;
        let about = match &fact.event {
            Some(head) => Some(head.id),
            None if fact.about == 0 => None,
            None => self.reader.fact(fact.about)?.and_then(|row| row.fact.event).map(|head| head.id),
        };
        let rule_changed = fact.changes.iter().any(|change| matches!(change, Change::AudiencesSeen(_)));
        let what = match fact.kind {
            FactKind::Due if rule_changed => "rule_changed",
            kind => kind.name(),
        };
        Ok((fact.at, object().with("what", what).with("at", fact.at).with_some("event_id", about).build()))
    }

    /// The events that a condition goes by, newest first, and how many there are.
    fn cite_events(&self, facts: &[u64]) -> Result<Json, StoreError> {
        let mut named = Vec::new();
        for fact in facts.iter().rev().take(CITED_MAX) {
            let Some(head) = self.reader.fact(*fact)?.and_then(|row| row.fact.event) else { continue };
            let shown = object().with("event_id", head.id).with("type", head.event_type);
            named.push(shown.with("issued_at", head.issued_at).build());
        }
        let count = u64::try_from(facts.len()).unwrap_or(u64::MAX);
        Ok(object().with("events", named).with("count", count).build())
    }

    /// The head of what is stored: what fell due a moment ago may not be written yet.
    pub(super) fn stored_head(&self, row: &CustomerRow) -> Result<u64, StoreError> {
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
            if let Some((head, visit)) = record.head().zip(record.visit()) {
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
    let has_rule = matches!(audience.spec.kind, AudienceKind::Dynamic(_));
    match row.state.standing {
        _ if row.state.anonymous => Some("customer_anonymous"),
        Standing::Inactive => Some("customer_inactive"),
        Standing::Active | Standing::Deleted if has_rule && !audience.spec.active => {
            Some("audience_inactive")
        }
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
