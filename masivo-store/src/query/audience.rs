//! Audiences, members and journeys.

mod explain;
mod history;
mod preview;

use super::{Page, Query};
use crate::backend::{CustomerKey, CustomerRow};
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::consent::Purpose;
use masivo_core::program::{AudienceKind, AudienceSpec, Definition};
use masivo_core::rule::View;
use masivo_core::state::Membership;
use masivo_core::value::{Json, Timestamp, object};
use std::collections::BTreeMap;

/// Customers looked at to correct a count by what fell due but was not written yet.
const OVERDUE_MAX: usize = 100_000;

impl Query {
    /// An audience with the number of its members now.
    pub(super) fn audience(&self, audience: &Definition<AudienceSpec>) -> Result<Json, StoreError> {
        let mut json = audience.to_json();
        let dynamic = matches!(audience.spec.kind, AudienceKind::Dynamic(_));
        json.set("type", if dynamic { "DYNAMIC" } else { "STATIC" });
        json.set("members_count", self.members_count(audience.number)?);
        let sweep = self.reader.sweep()?;
        json.set("recalculating", sweep.is_some());
        if let Some(sweep) = sweep {
            let of = self.reader.counters()?.customer;
            json.set("progress", object().with("done", sweep.after).with("of", of));
        }
        Ok(json)
    }

    /// Whether everybody is still being looked at by what an audience says now: until then those are listed who were in before.
    fn is_turning(&self, audience: u32) -> Result<bool, StoreError> {
        let sweep = self.reader.sweep()?;
        Ok(sweep.is_some_and(|sweep| self.program.is_changed_since(audience, sweep.since)))
    }

    /// The counter, corrected by the customers whose time has come and is not written yet: exact at any instant.
    fn members_count(&self, audience: u32) -> Result<u64, StoreError> {
        let mut count = i64::try_from(self.reader.member_count(audience)?).unwrap_or(i64::MAX);
        if self.is_turning(audience)? {
            return Ok(u64::try_from(count).unwrap_or(0));
        }
        for key in self.reader.due(self.now, OVERDUE_MAX)? {
            let Some(row) = self.reader.customer_by_key(key)? else { continue };
            let before = i64::from(row.state.is_member(audience));
            let after = i64::from(self.bring(row)?.state.is_member(audience));
            count += after - before;
        }
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The audiences a customer is in now.
    pub(super) fn audiences_of(&self, row: &CustomerRow) -> Json {
        let inside = row.state.memberships.iter().filter(|membership| membership.inside);
        let shown = inside.filter_map(|membership| {
            let audience = self.program.audience(membership.audience)?;
            Some(
                object()
                    .with("id", audience.id.as_str())
                    .with("name", audience.spec.name.as_str())
                    .with("since", membership.since)
                    .with_some("until", self.until(audience, row, membership))
                    .build(),
            )
        });
        Json::List(shown.collect())
    }

    fn found_audience(&self, audience: &str) -> Result<&Definition<AudienceSpec>, SubmitError> {
        let unknown = || Rejection::DefinitionNotFound { kind: "audience", id: audience.to_owned() };
        Ok(self.program.audience_by_id(audience).ok_or_else(unknown)?)
    }

    /// Members of an audience in the order of their registration, after the customer of an id.
    ///
    /// Contact fields are derived here from profile and consent: opting out blanks them, opting in brings them
    /// back.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`], [`Rejection::CustomerNotFound`] for a cursor that names nobody.
    pub fn members(&self, audience: &str, after: Option<&str>, limit: usize) -> Result<Page, SubmitError> {
        let found = self.found_audience(audience)?;
        let mut after = self.cursor(after)?;
        let turning = self.is_turning(found.number)?;
        let entered = if turning { Vec::new() } else { self.entered_unwritten(found.number, after)? };
        let mut items: BTreeMap<CustomerKey, (String, Json)> = BTreeMap::new();
        let mut add = |row: &CustomerRow, listed: Option<Timestamp>| {
            let shown = self.show_member(found, row, listed);
            items.extend(shown.map(|shown| (row.key, (row.profile.id().to_owned(), shown))));
            items.len()
        };
        let reached = loop {
            let rows = self.reader.members(found.number, after, limit + 1)?;
            let more = rows.len() > limit;
            let mut count = 0;
            for (key, since) in rows {
                after = key;
                let Some(row) = self.reader.customer_by_key(key)? else { continue };
                // Its time may have come a moment ago.
                count = if turning { add(&row, Some(since)) } else { add(&self.bring(row)?, None) };
                if count > limit {
                    break;
                }
            }
            if count > limit {
                break after;
            }
            if !more {
                break CustomerKey::MAX;
            }
        };
        for row in entered.iter().filter(|row| row.key <= reached) {
            add(row, None);
        }
        Ok(page(items.into_values().collect(), limit))
    }

    /// Customers after a number who came in by the mere passing of time, which is not written yet.
    fn entered_unwritten(&self, audience: u32, after: CustomerKey) -> Result<Vec<CustomerRow>, StoreError> {
        let mut entered = Vec::new();
        for key in self.reader.due(self.now, OVERDUE_MAX)?.into_iter().filter(|key| *key > after) {
            let Some(row) = self.reader.customer_by_key(key)? else { continue };
            if !row.state.is_member(audience) {
                entered.extend(Some(self.bring(row)?).filter(|row| row.state.is_member(audience)));
            }
        }
        Ok(entered)
    }

    /// How the rules of audiences see a customer.
    pub(super) fn view<'a>(&'a self, row: &'a CustomerRow) -> View<'a> {
        View::new(self.now, &self.program, &row.state, &row.profile, None).with_series(&row.series).live()
    }

    /// Until when a membership lasts without new data: the instant it is looked at again, when that turns it.
    fn until(
        &self,
        audience: &Definition<AudienceSpec>,
        row: &CustomerRow,
        known: &Membership,
    ) -> Option<Timestamp> {
        let rule = audience.spec.rule()?;
        let turns = |at: &Timestamp| {
            let view = self.view(row).at(*at);
            rule.holds(&view) != known.inside
        };
        known.flips_at.filter(turns)
    }

    /// A member; `listed` is since when, where it is not asked whether the customer is in now.
    fn show_member(
        &self,
        audience: &Definition<AudienceSpec>,
        row: &CustomerRow,
        listed: Option<Timestamp>,
    ) -> Option<Json> {
        let known = row.state.membership(audience.number).filter(|membership| membership.inside);
        let (since, until) = match listed {
            Some(since) => (row.state.takes_part_in_audiences().then_some(since)?, None),
            None => (known?.since, self.until(audience, row, known?)),
        };
        let allow = |purpose: Purpose| row.state.permissions.allow(purpose);
        let email = row.profile.email().filter(|_| allow(Purpose::EmailMarketing));
        let device = row.profile.live_device(self.now).filter(|_| allow(Purpose::PushNotifications));
        Some(
            object()
                .with("customer_id", row.profile.id())
                .with("since", since)
                .with("until", until.map(Json::from).unwrap_or_default())
                .with("email", email.map(Json::from).unwrap_or_default())
                .with("device_token", device.map(Json::from).unwrap_or_default())
                .build(),
        )
    }

    fn cursor(&self, after: Option<&str>) -> Result<CustomerKey, SubmitError> {
        match after {
            Some(id) => Ok(self.present(id)?.key),
            None => Ok(0),
        }
    }

    /// Customers in a journey in the order of their registration, after the customer of an id.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`], [`Rejection::CustomerNotFound`] for a cursor that names nobody.
    pub fn instances(&self, journey: &str, after: Option<&str>, limit: usize) -> Result<Page, SubmitError> {
        let found = self.program.journey_by_id(journey);
        let unknown = || Rejection::DefinitionNotFound { kind: "journey", id: journey.to_owned() };
        let number = found.ok_or_else(unknown)?.number;
        let keys = self.reader.walkers(number, self.cursor(after)?, limit + 1)?;
        let mut items = Vec::new();
        for key in keys {
            let Some(row) = self.reader.customer_by_key(key)? else { continue };
            let row = self.bring(row)?;
            for instance in row.state.journeys.iter().filter(|instance| instance.journey == number) {
                let steps = self.program.journey_version(instance.journey, instance.version);
                let step = steps.and_then(|journey| journey.spec.steps.get(usize::from(instance.step)));
                let shown = object()
                    .with("customer_id", row.profile.id())
                    .with("instance", instance.number)
                    .with("version", instance.version)
                    .with("step", step.map(|step| Json::from(step.id.as_str())).unwrap_or_default())
                    .with("entered_at", instance.entered_at)
                    .with("waits_for", "timer")
                    .with("wakes_at", instance.wakes_at)
                    .build();
                items.push((row.profile.id().to_owned(), shown));
            }
        }
        Ok(page(items, limit))
    }
}

/// Cuts a list that was read one longer than the page.
fn page(mut items: Vec<(String, Json)>, limit: usize) -> Page {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(id, _)| id.clone());
    Page { items: items.into_iter().map(|(_, shown)| shown).collect(), next }
}
