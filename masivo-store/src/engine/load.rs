//! Loading what a command is decided on.

use super::writer::Desk;
use crate::backend::{CustomerKey, CustomerRow, FactRow, Read};
use crate::error::StoreError;
use masivo_core::events::EventRecord;
use masivo_core::fact::{Change, EventStatus, Fact, FactKind};
use masivo_core::value::Timestamp;
use masivo_core::wallet::{LaterLots, LaterNeed};
use std::collections::BTreeMap;

/// The customer of a merchant's id, from memory or from the store.
pub(super) fn customer_by_id(
    desk: &mut Desk,
    unit: &impl Read,
    id: &str,
) -> Result<Option<CustomerRow>, StoreError> {
    if let Some(key) = desk.cache.key(id)
        && let Some(row) = desk.cache.get(key).filter(|row| row.profile.id() == id)
    {
        return Ok(Some(row.clone()));
    }
    let Some(row) = unit.customer_by_id(id)? else { return Ok(None) };
    // A customer that the group at hand changed is in memory under its number.
    match desk.cache.get(row.key) {
        Some(newer) if newer.profile.id() == id => Ok(Some(newer.clone())),
        Some(_) => Ok(None),
        None => {
            desk.cache.put(row.clone());
            Ok(Some(row))
        }
    }
}

/// The customer of a number, from memory or from the store.
pub(super) fn customer_by_key(
    desk: &mut Desk,
    unit: &impl Read,
    key: CustomerKey,
) -> Result<Option<CustomerRow>, StoreError> {
    if let Some(row) = desk.cache.get(key) {
        return Ok(Some(row.clone()));
    }
    let row = unit.customer_by_key(key)?;
    if let Some(row) = &row {
        desk.cache.put(row.clone());
    }
    Ok(row)
}

/// The event of a fact with everything that became of it.
pub(crate) fn record(
    unit: &(impl Read + ?Sized),
    sequence: u64,
    customer: &str,
) -> Result<Option<EventRecord>, StoreError> {
    let Some(row) = unit.fact(sequence)? else { return Ok(None) };
    complete(unit, row, customer).map(Some)
}

/// Puts the facts that fulfilled and closed an event beside it.
pub(crate) fn complete(
    unit: &(impl Read + ?Sized),
    row: FactRow,
    customer: &str,
) -> Result<EventRecord, StoreError> {
    let other = |sequence: u64| -> Result<Option<Fact>, StoreError> {
        if sequence == 0 { Ok(None) } else { Ok(unit.fact(sequence)?.map(|row| row.fact)) }
    };
    let (fulfilled_by, closed_by) = (other(row.fulfilled_by)?, other(row.closed_by)?);
    let (mut returns, mut next) = (Vec::new(), row.returned_by);
    while let Some(fact) = other(next)? {
        next = fact.returned_part().map_or(0, |part| part.previous);
        returns.push(fact);
    }
    returns.reverse();
    let status = row.status.or_else(|| row.fact.event.as_ref().map(|head| head.status));
    let mut record = EventRecord {
        customer: customer.to_owned(),
        status: status
            .ok_or_else(|| StoreError::damaged(format!("fact {} is no event", row.fact.sequence)))?,
        fact: row.fact,
        fulfilled_by,
        closed_by,
        returns,
        codes: BTreeMap::new(),
    };
    codes(unit, &mut record)?;
    Ok(record)
}

/// Looks up the codes of the gift cards that an event is about.
pub(crate) fn codes(unit: &(impl Read + ?Sized), record: &mut EventRecord) -> Result<(), StoreError> {
    let numbers: Vec<u64> = record.gift_cards().map(|card| card.number()).collect();
    for number in numbers {
        let found = unit.coupons(number, 1)?.into_iter().find(|coupon| coupon.number == number);
        record.codes.extend(found.map(|coupon| (number, coupon.code)));
    }
    Ok(())
}

/// Later lots loaded in one step.
const LOTS_AT_ONCE: usize = 256;

/// The later lots that are needed.
pub(crate) fn later_lots(
    unit: &(impl Read + ?Sized),
    customer: CustomerKey,
    needs: &[LaterNeed],
) -> Result<Vec<LaterLots>, StoreError> {
    let load =
        |need: &LaterNeed| need.load(|from| unit.later_lots(customer, need.reward, from, LOTS_AT_ONCE));
    needs.iter().map(load).collect()
}

/// Everything that was brought in from elsewhere for a customer.
pub(super) fn migrated(unit: &impl Read, head: u64) -> Result<Vec<Fact>, StoreError> {
    let mut migrated = Vec::new();
    let mut next = head;
    while let Some(row) = if next == 0 { None } else { unit.fact(next)? } {
        next = row.fact.previous;
        migrated.extend(Some(row.fact).filter(|fact| fact.kind == FactKind::Migrated));
    }
    Ok(migrated)
}

/// All events of a customer, newest first, with everything that became of them.
pub(crate) fn events(
    unit: &(impl Read + ?Sized),
    head: u64,
    customer: &str,
) -> Result<Vec<EventRecord>, StoreError> {
    let mut events = Vec::new();
    let mut next = head;
    while let Some(row) = if next == 0 { None } else { unit.fact(next)? } {
        next = row.fact.previous;
        if row.fact.event.is_some() {
            events.push(complete(unit, row, customer)?);
        }
    }
    Ok(events)
}

/// All visits of a customer but one event's, newest first.
pub(super) fn visits(unit: &impl Read, head: u64, without: u64) -> Result<Vec<Timestamp>, StoreError> {
    let mut visits = Vec::new();
    let mut next = head;
    while next != 0 {
        let Some(row) = unit.fact(next)? else { break };
        next = row.fact.previous;
        if row.fact.kind != FactKind::Event || row.fact.sequence == without {
            continue;
        }
        // Only what was counted is a visit: fulfilling may have left it out.
        let fulfilled = if row.fulfilled_by == 0 { None } else { unit.fact(row.fulfilled_by)? };
        let changes = row.fact.changes.iter().chain(fulfilled.iter().flat_map(|row| &row.fact.changes));
        let resolved = row.status == Some(EventStatus::Resolved);
        visits.extend(changes.filter(|_| resolved).filter_map(|change| match change {
            Change::Visited(visit) => Some(visit.issued_at),
            _ => None,
        }));
    }
    visits.sort_unstable_by(|one, other| other.cmp(one));
    Ok(visits)
}
