//! Membership of the past: who entered and left, who was in at an instant, how many there were.

use super::super::{Page, Query};
use super::page;
use crate::backend::{CustomerKey, CustomerRow, Turn};
use crate::error::{StoreError, SubmitError};
use masivo_core::Rejection;
use masivo_core::problem::{Pointer, Report};
use masivo_core::value::{DAY, Json, Timestamp, object};
use std::collections::BTreeMap;

/// Turns read in one step.
const PAGE: usize = 10_000;

impl Query {
    /// Who was in an audience at an instant of the past, in the order of their registration, after the customer of an id.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`]; [`Rejection::CustomerNotFound`] for a cursor that names nobody;
    /// [`Rejection::Malformed`] for an instant that has not come.
    pub fn members_at(
        &self,
        audience: &str,
        at: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, SubmitError> {
        let number = self.found_audience(audience)?.number;
        if at > self.now {
            let mut report = Report::default();
            let message = format!("{at} has not come yet");
            report.problem(
                &Pointer::root().field("at"),
                "in_the_future",
                message,
                "ask for an instant that has passed",
            );
            return Err(Rejection::Malformed(report).into());
        }
        let mut after = self.cursor(after)?;
        let mut turned =
            if self.is_turning(number)? { BTreeMap::new() } else { self.turned_unwritten(number, at)? };
        turned.retain(|key, _| *key > after);
        let mut items: BTreeMap<CustomerKey, (String, Json)> = BTreeMap::new();
        let mut more = true;
        while more && items.len() <= limit {
            let rows = self.reader.members_at(number, at, after, limit + 1)?;
            more = rows.len() > limit;
            for (key, since) in rows {
                after = key;
                if !turned.contains_key(&key)
                    && let Some(row) = self.reader.customer_by_key(key)?
                {
                    items.extend(shown(&row, since).map(|shown| (key, shown)));
                }
            }
        }
        let reached = if more { after } else { CustomerKey::MAX };
        for (key, (row, since)) in turned.into_iter().filter(|(key, _)| *key <= reached) {
            items.extend(since.and_then(|since| shown(&row, since)).map(|shown| (key, shown)));
        }
        Ok(page(items.into_values().collect(), limit))
    }

    /// Customers whose membership turned by an instant, which is not written yet: since when they are in, when they are.
    fn turned_unwritten(
        &self,
        audience: u32,
        at: Timestamp,
    ) -> Result<BTreeMap<CustomerKey, (CustomerRow, Option<Timestamp>)>, StoreError> {
        let mut turned = BTreeMap::new();
        for key in self.reader.due(at, super::OVERDUE_MAX)? {
            let Some(row) = self.reader.customer_by_key(key)? else { continue };
            let before = row.state.is_member(audience);
            let row = self.bring_with(row, at, false)?;
            if row.state.is_member(audience) != before {
                let inside = row.state.membership(audience).filter(|membership| membership.inside);
                let since = inside.map(|membership| membership.since);
                turned.insert(key, (row, since));
            }
        }
        Ok(turned)
    }

    /// Who entered and left an audience, in the order it was written, after a number that an earlier page gave.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`].
    pub fn audience_history(&self, audience: &str, after: u64, limit: usize) -> Result<Page, SubmitError> {
        let number = self.found_audience(audience)?.number;
        let mut turns = self.reader.turns(number, after, limit + 1)?;
        let more = turns.len() > limit;
        turns.truncate(limit);
        let next = turns.last().filter(|_| more).map(|turn| turn.fact.to_string());
        let items: Result<Vec<Json>, StoreError> = turns.iter().map(|turn| self.show_turn(turn)).collect();
        Ok(Page { items: items?, next })
    }

    fn show_turn(&self, turn: &Turn) -> Result<Json, StoreError> {
        let customer = self.reader.customer_by_key(turn.customer)?;
        let id = customer.map(|row| row.profile.id().to_owned()).filter(|id| !id.is_empty());
        let because = self.reader.fact(turn.fact)?.map(|row| self.because(&row)).transpose()?;
        Ok(object()
            .with("number", turn.fact)
            .with("customer_id", id.map(Json::from).unwrap_or_default())
            .with("what", if turn.inside { "entered" } else { "left" })
            .with("at", turn.at)
            .with_some("because", because.map(|(_, because)| because))
            .build())
    }

    /// How many members an audience had at the end of each day of a span of UTC days, both inclusive, and how many entered
    /// and left.
    ///
    /// # Errors
    /// [`Rejection::DefinitionNotFound`].
    pub fn audience_sizes(&self, audience: &str, from: i64, to: i64) -> Result<Json, SubmitError> {
        let number = self.found_audience(audience)?.number;
        let shown = self.reader.sweep()?.map_or(u32::MAX, |sweep| sweep.since);
        let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        let (mut before, mut after) = (0_u64, 0);
        loop {
            let turns = self.reader.turns(number, after, PAGE)?;
            let Some(last) = turns.last() else { break };
            after = last.fact;
            for turn in turns.into_iter().filter(|turn| turn.seen_from <= shown) {
                let day = turn.at.day();
                if day < from {
                    before = if turn.inside { before + 1 } else { before.saturating_sub(1) };
                } else if day <= to {
                    let (entered, left) = days.entry(day).or_default();
                    *(if turn.inside { entered } else { left }) += 1;
                }
            }
        }
        let mut members = before;
        // Of days that have not come nothing is known.
        let to = to.min(self.now.day());
        let shown = (from..=to).map(|day| {
            let (entered, left) = days.get(&day).copied().unwrap_or_default();
            members = (members + entered).saturating_sub(left);
            let date = Timestamp::from_milliseconds(day.saturating_mul(DAY)).to_string();
            object()
                .with("day", date.get(..10).unwrap_or_default())
                .with("members", members)
                .with("entered", entered)
                .with("left", left)
                .build()
        });
        Ok(Json::List(shown.collect()))
    }
}

fn shown(row: &CustomerRow, since: Timestamp) -> Option<(String, Json)> {
    let id = Some(row.profile.id()).filter(|id| !id.is_empty())?.to_owned();
    let shown = object().with("customer_id", id.as_str()).with("since", since).build();
    Some((id, shown))
}
