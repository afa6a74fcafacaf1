//! The memory backend: the reference that the others are compared with. Sorted maps, nothing clever.

use crate::backend::{
    ApiKey, Backend, CommitError, Counters, Coupon, CouponRun, CustomerKey, CustomerRow, DailyRow,
    Destination, FactRow, Holder, OutboxFilter, OutboxRow, Read, ReaderSource, Referral, Remembered, Sweep,
    Turn, Unit, Write, key_period,
};
use crate::error::StoreError;
use masivo_core::fact::{EventStatus, Fact, FactKind};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::profile::Profile;
use masivo_core::program::StoredDefinition;
use masivo_core::quota::{Quota, QuotaSums};
use masivo_core::series::SeriesSet;
use masivo_core::value::{Decimal, Json, Timestamp};
use masivo_core::wallet::{Lot, SpendingOrder};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use uuid::Uuid;

type Result<T, E = StoreError> = core::result::Result<T, E>;

/// A backend in memory; its data is gone when it is dropped.
#[derive(Clone, Debug, Default)]
pub struct MemoryBackend(Arc<RwLock<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    customers: BTreeMap<CustomerKey, CustomerRow>,
    ids: BTreeMap<String, CustomerKey>,
    erased: BTreeMap<[u8; 16], ()>,
    claims: BTreeMap<[u8; 16], CustomerKey>,
    phones: BTreeMap<CustomerKey, [u8; 16]>,
    facts: BTreeMap<u64, FactRow>,
    events: BTreeMap<Uuid, u64>,
    expired: BTreeMap<(Timestamp, u64), ()>,
    lots: BTreeMap<(CustomerKey, u32), Lot>,
    coupons: BTreeMap<u64, Coupon>,
    codes: BTreeMap<String, u64>,
    holders: BTreeMap<u64, Holder>,
    referrals: BTreeMap<(u64, u64), Referral>,
    coupon_runs: BTreeMap<u32, CouponRun>,
    quotas: BTreeMap<Quota, QuotaSums>,
    wake_ups: BTreeMap<(Timestamp, CustomerKey), ()>,
    members: BTreeMap<(u32, CustomerKey), Listed>,
    turns: BTreeMap<(u32, u64, CustomerKey), Turn>,
    walkers: BTreeMap<(u32, CustomerKey), ()>,
    outbox: BTreeMap<u64, OutboxRow>,
    definitions: BTreeMap<u32, StoredDefinition>,
    remembered: BTreeMap<[u8; 16], (Timestamp, Remembered)>,
    daily: BTreeMap<(i64, String), (i64, i64)>,
    keys: BTreeMap<String, ApiKey>,
    quarantine: BTreeMap<u64, (Timestamp, String)>,
    sweep: BTreeMap<(), Sweep>,
    recalculated: BTreeMap<(), Timestamp>,
    last_instant: BTreeMap<(), Timestamp>,
}

/// A member, listed from one version of the programme on and until another; 0 is at once, and for good.
#[derive(Clone, Copy, Debug)]
struct Listed {
    since: Timestamp,
    begins: u32,
    ends: u32,
}

impl Listed {
    const fn is_shown(self, shown: u32) -> bool {
        self.begins <= shown && (self.ends == 0 || self.ends > shown)
    }
}

impl Tables {
    /// The version that everybody was looked at by: what is to be seen later is not seen yet (B7).
    fn shown(&self) -> u32 {
        self.sweep.get(&()).map_or(u32::MAX, |sweep| sweep.since)
    }
}

type Undo = Box<dyn FnOnce(&mut Tables) + Send>;

/// A unit on the tables; what it did is undone unless it is committed.
pub struct MemoryUnit<'u> {
    tables: RwLockWriteGuard<'u, Tables>,
    undo: Vec<Undo>,
}

impl std::fmt::Debug for MemoryUnit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryUnit").field("writes", &self.undo.len()).finish()
    }
}

impl Backend for MemoryBackend {
    type Unit<'u> = MemoryUnit<'u>;

    fn begin(&mut self) -> Result<MemoryUnit<'_>> {
        Ok(MemoryUnit { tables: self.0.write().unwrap_or_else(PoisonError::into_inner), undo: Vec::new() })
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.clone()))
    }

    fn reader_source(&self) -> Result<ReaderSource> {
        let backend = self.clone();
        Ok(Box::new(move || backend.reader()))
    }
}

impl MemoryUnit<'_> {
    /// Puts a value (`Some`) or takes it out, and notes how to undo that.
    fn set<K, V>(&mut self, table: fn(&mut Tables) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let map = table(&mut self.tables);
        let before = match value {
            Some(value) => map.insert(key.clone(), value),
            None => map.remove(&key),
        };
        self.undo.push(Box::new(move |tables| {
            let map = table(tables);
            match before {
                Some(before) => drop(map.insert(key, before)),
                None => drop(map.remove(&key)),
            }
        }));
    }

    fn customer(
        &mut self,
        row: &CustomerRow,
        was_armed: Option<Timestamp>,
        profile: bool,
        id: bool,
        series: bool,
    ) {
        let mut next = row.clone();
        let before = self.tables.customers.get(&row.key).cloned();
        if !profile && let Some(before) = &before {
            next.profile = before.profile.clone();
        }
        if !series {
            next.series = before.as_ref().map(|before| before.series.clone()).unwrap_or_default();
        }
        if id {
            if let Some(before) = before {
                self.set(|tables| &mut tables.ids, before.profile.id().to_owned(), None);
            }
            self.set(|tables| &mut tables.ids, row.profile.id().to_owned(), Some(row.key));
        }
        if was_armed != row.armed {
            if let Some(was) = was_armed {
                self.set(|tables| &mut tables.wake_ups, (was, row.key), None);
            }
            if let Some(armed) = row.armed {
                self.set(|tables| &mut tables.wake_ups, (armed, row.key), Some(()));
            }
        }
        self.set(|tables| &mut tables.customers, row.key, Some(next));
    }

    fn event_status(&mut self, event: u64, status: EventStatus, by: u64) -> Result<()> {
        let found = self.tables.facts.get(&event).cloned();
        let mut row = found.ok_or_else(|| StoreError::damaged(format!("fact {event}")))?;
        row.status = Some(status);
        if status == EventStatus::Resolved {
            row.fulfilled_by = by;
        } else {
            row.closed_by = by;
        }
        let issued_at = row.fact.event.as_ref().map_or(Timestamp::EPOCH, |head| head.issued_at);
        let expired = (status == EventStatus::Expired).then_some(());
        self.set(|tables| &mut tables.expired, (issued_at, event), expired);
        self.set(|tables| &mut tables.facts, event, Some(row));
        Ok(())
    }

    /// Books that a customer entered or left; what is only seen later leaves what is listed as it is (B7).
    fn member(&mut self, turn: &Turn) {
        let Turn { audience, customer, fact, at, inside, seen_from } = *turn;
        let (place, shown) = ((audience, customer), self.tables.shown());
        let known = self.tables.members.get(&place).copied();
        let is_listed = known.is_some_and(|known| known.is_shown(shown));
        let turned = known.is_some_and(|known| known.ends == 0) != inside;
        let fresh = Listed { since: at, begins: seen_from, ends: 0 };
        let next = match (known.filter(|_| is_listed), inside) {
            (Some(known), true) => {
                Some(Listed { since: if turned { at } else { known.since }, ends: 0, ..known })
            }
            (None, true) => known.filter(|_| !turned).or(Some(fresh)),
            (Some(known), false) if turned && seen_from != 0 => Some(Listed { ends: seen_from, ..known }),
            (Some(known), false) if seen_from != 0 => Some(known),
            (_, false) => None,
        };
        self.set(|tables| &mut tables.members, place, next);
        if turned {
            // Leaving is not seen before entering is.
            let hidden = known.filter(|known| known.ends == 0 && !is_listed).map_or(0, |known| known.begins);
            let turn = Turn { seen_from: seen_from.max(hidden), ..*turn };
            self.set(|tables| &mut tables.turns, (audience, fact, customer), Some(turn));
        }
    }

    fn forget(&mut self, before: Timestamp) {
        let remembered = self.tables.remembered.iter();
        let old = remembered.filter(|(_, (at, _))| key_period(*at) < key_period(before));
        let old: Vec<[u8; 16]> = old.map(|(key, _)| *key).collect();
        old.into_iter().for_each(|key| self.set(|tables| &mut tables.remembered, key, None));
    }

    fn fact_row(&mut self, customer: CustomerKey, fact: &Fact) {
        let row = FactRow {
            customer,
            fact: fact.clone(),
            status: fact.event.as_ref().map(|head| head.status),
            fulfilled_by: 0,
            closed_by: 0,
            returned_by: 0,
        };
        if let Some(head) = &fact.event {
            self.set(|tables| &mut tables.events, head.id, Some(fact.sequence));
        }
        self.set(|tables| &mut tables.facts, fact.sequence, Some(row));
    }

    fn event_returned(&mut self, event: u64, by: u64) -> Result<()> {
        let found = self.tables.facts.get(&event).cloned();
        let row = found.ok_or_else(|| StoreError::damaged(format!("fact {event}")))?;
        self.set(|tables| &mut tables.facts, event, Some(FactRow { returned_by: by, ..row }));
        Ok(())
    }

    fn erase(&mut self, customer: CustomerKey, head: u64, id_hash: [u8; 16], id: &str) {
        self.set(|tables| &mut tables.ids, id.to_owned(), None);
        self.set(|tables| &mut tables.erased, id_hash, Some(()));
        if let Some(mut row) = self.tables.customers.get(&customer).cloned() {
            row.profile = Profile::default();
            self.set(|tables| &mut tables.phones, customer, None);
            row.series = SeriesSet::default();
            self.set(|tables| &mut tables.customers, customer, Some(row));
        }
        let mut next = head;
        while let Some(mut row) = self.tables.facts.get(&next).cloned() {
            (row.fact.payload, row.fact.explanation) = (None, None);
            let previous = row.fact.previous;
            self.set(|tables| &mut tables.facts, next, Some(row));
            next = previous;
        }
        let concerned: Vec<OutboxRow> = self
            .tables
            .outbox
            .values()
            .filter(|row| row.customer == customer && !is_delete_signal(&row.destination))
            .cloned()
            .collect();
        for mut row in concerned {
            let waits = matches!(row.status, DeliveryStatus::Queued | DeliveryStatus::Claimed);
            row.body = Json::Null;
            row.due = None;
            row.reason = waits.then(|| "deleted".to_owned());
            if waits {
                row.status = DeliveryStatus::Suppressed;
            }
            self.set(|tables| &mut tables.outbox, row.sequence, Some(row));
        }
    }
}

fn is_delete_signal(destination: &Destination) -> bool {
    matches!(destination, Destination::Webhook { event, .. } if event == "CUSTOMER_DELETED")
}

impl Unit for MemoryUnit<'_> {
    fn write(&mut self, write: Write<'_>) -> Result<()> {
        match write {
            Write::Customer { row, was_armed, profile, id, series } => {
                self.customer(row, was_armed, profile, id, series);
            }
            Write::Fact { customer, fact } => self.fact_row(customer, fact),
            Write::EventStatus { event, status, by } => self.event_status(event, status, by)?,
            Write::EventReturned { event, by } => self.event_returned(event, by)?,
            Write::LotTakenIn { customer, lot } => {
                self.set(|tables| &mut tables.lots, (customer, lot), None);
            }
            Write::Lot { customer, lot } => {
                self.set(|tables| &mut tables.lots, (customer, lot.number), Some(lot.clone()));
            }
            Write::Claim { hash, customer } => self.set(|tables| &mut tables.claims, hash, customer),
            Write::Phone { customer, hash } => self.set(|tables| &mut tables.phones, customer, hash),
            Write::Coupon { coupon, code } => {
                self.set(|tables| &mut tables.codes, code.to_owned(), Some(coupon.number));
                self.set(|tables| &mut tables.coupons, coupon.number, Some(coupon.clone()));
            }
            Write::Holder(holder) => self.set(|tables| &mut tables.holders, holder.number, Some(*holder)),
            Write::Referral(referral) => {
                let key = (referral.event, referral.number);
                self.set(|tables| &mut tables.referrals, key, Some(*referral));
            }
            Write::CouponRun { campaign, run } => {
                self.set(|tables| &mut tables.coupon_runs, campaign, Some(run));
            }
            Write::Quota { quota, sums } => self.set(|tables| &mut tables.quotas, *quota, Some(sums)),
            Write::Member(turn) => self.member(turn),
            Write::Unlisted { audience, customer } => {
                self.set(|tables| &mut tables.members, (audience, customer), None);
            }
            Write::Walker { journey, customer, inside } => {
                self.set(|tables| &mut tables.walkers, (journey, customer), inside.then_some(()));
            }
            Write::Outbox(row) => self.set(|tables| &mut tables.outbox, row.sequence, Some(row.clone())),
            Write::Definition(stored) => {
                self.set(|tables| &mut tables.definitions, stored.program_version, Some(stored.clone()));
            }
            Write::Remember { key, at, remembered } => {
                self.set(|tables| &mut tables.remembered, key, Some((at, remembered.clone())));
            }
            Write::Forget { before } => self.forget(before),
            Write::Daily(row) => {
                let key = (row.day, row.key.clone());
                let (count, micros) = self.tables.daily.get(&key).copied().unwrap_or_default();
                let sum = (count + row.count, micros.saturating_add(row.amount.micros()));
                self.set(|tables| &mut tables.daily, key, Some(sum));
            }
            Write::ApiKey(key) => self.set(|tables| &mut tables.keys, key.id.clone(), Some(key.clone())),
            Write::Quarantine { sequence, at, text } => {
                self.set(|tables| &mut tables.quarantine, sequence, Some((at, text.to_owned())));
            }
            Write::Sweep(sweep) => self.set(|tables| &mut tables.sweep, (), sweep),
            Write::Recalculated(at) => self.set(|tables| &mut tables.recalculated, (), Some(at)),
            Write::Erase { customer, head, id_hash, id } => self.erase(customer, head, id_hash, id),
            Write::LastInstant(instant) => self.set(|tables| &mut tables.last_instant, (), Some(instant)),
        }
        Ok(())
    }

    fn commit(mut self) -> Result<(), CommitError> {
        self.undo.clear();
        Ok(())
    }
}

impl Drop for MemoryUnit<'_> {
    fn drop(&mut self) {
        while let Some(undo) = self.undo.pop() {
            undo(&mut self.tables);
        }
    }
}

impl Read for Tables {
    fn customer_by_id(&self, id: &str) -> Result<Option<CustomerRow>> {
        Ok(self.ids.get(id).and_then(|key| self.customers.get(key)).cloned())
    }

    fn customer_by_key(&self, key: CustomerKey) -> Result<Option<CustomerRow>> {
        Ok(self.customers.get(&key).cloned())
    }

    fn customers(&self, after: CustomerKey, limit: usize) -> Result<Vec<CustomerRow>> {
        Ok(self.customers.range(after + 1..).take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn customer_count(&self) -> Result<u64> {
        Ok(u64::try_from(self.ids.len()).unwrap_or(u64::MAX))
    }

    fn was_erased(&self, hash: [u8; 16]) -> Result<bool> {
        Ok(self.erased.contains_key(&hash))
    }

    fn claim(&self, hash: [u8; 16]) -> Result<Option<CustomerKey>> {
        Ok(self.claims.get(&hash).copied())
    }

    fn fact(&self, sequence: u64) -> Result<Option<FactRow>> {
        Ok(self.facts.get(&sequence).cloned())
    }

    fn event(&self, id: Uuid) -> Result<Option<u64>> {
        Ok(self.events.get(&id).copied())
    }

    fn facts(&self, after: u64, limit: usize) -> Result<Vec<FactRow>> {
        Ok(self.facts.range(after + 1..).take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn events_before(&self, before: u64, limit: usize) -> Result<Vec<FactRow>> {
        let before = if before == 0 { u64::MAX } else { before };
        let events = self.facts.range(..before).rev().map(|(_, row)| row);
        Ok(events.filter(|row| row.fact.kind == FactKind::Event).take(limit).cloned().collect())
    }

    fn ledger_facts(&self, day: i64, after: u64, limit: usize) -> Result<Vec<FactRow>> {
        let rows = self.facts.range(after + 1..).map(|(_, row)| row);
        let of_day = rows.filter(|row| row.fact.at.day() == day && row.fact.entries().next().is_some());
        Ok(of_day.take(limit).cloned().collect())
    }

    fn expired_events(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<u64>> {
        let span = self.expired.range((from, 0)..(to, 0));
        Ok(span.take(limit).map(|((_, fact), ())| *fact).collect())
    }

    fn later_lots(
        &self,
        customer: CustomerKey,
        reward: u32,
        from: SpendingOrder,
        limit: usize,
    ) -> Result<Vec<Lot>> {
        let all = self.lots.range((customer, 0)..=(customer, u32::MAX)).map(|(_, lot)| lot);
        let mut later: Vec<Lot> = all
            .filter(|lot| lot.reward == reward && lot.is_open() && lot.spending_order() >= from)
            .cloned()
            .collect();
        later.sort_by_key(Lot::spending_order);
        later.truncate(limit);
        Ok(later)
    }

    fn lot(&self, customer: CustomerKey, number: u32) -> Result<Option<Lot>> {
        Ok(self.lots.get(&(customer, number)).cloned())
    }

    fn coupon(&self, code: &str) -> Result<Option<Coupon>> {
        Ok(self.codes.get(code).and_then(|number| self.coupons.get(number)).cloned())
    }

    fn coupons(&self, from: u64, limit: usize) -> Result<Vec<Coupon>> {
        Ok(self.coupons.range(from..).take(limit).map(|(_, coupon)| coupon.clone()).collect())
    }

    fn holder(&self, number: u64) -> Result<Option<Holder>> {
        Ok(self.holders.get(&number).copied())
    }

    fn held_by(&self, customer: CustomerKey, from: u64, limit: usize) -> Result<Vec<Holder>> {
        let held = self.holders.range(from..).map(|(_, holder)| *holder);
        Ok(held.filter(|holder| holder.customer == customer).take(limit).collect())
    }

    fn referrals_of_event(&self, event: u64) -> Result<Vec<Referral>> {
        Ok(self.referrals.range((event, 0)..=(event, u64::MAX)).map(|(_, referral)| *referral).collect())
    }

    fn referrals_of_customer(&self, customer: CustomerKey, number: u64) -> Result<Vec<Referral>> {
        let is_asked = |referral: &&Referral| (referral.customer, referral.number) == (customer, number);
        Ok(self.referrals.values().filter(is_asked).copied().collect())
    }

    fn coupon_runs(&self) -> Result<BTreeMap<u32, CouponRun>> {
        Ok(self.coupon_runs.clone())
    }

    fn quota(&self, quota: &Quota) -> Result<Option<QuotaSums>> {
        Ok(self.quotas.get(quota).copied())
    }

    fn quotas(&self, from: Option<&Quota>, limit: usize) -> Result<Vec<(Quota, QuotaSums)>> {
        let wanted = self.quotas.iter().filter(|(quota, _)| from.is_none_or(|from| *quota >= from));
        Ok(wanted.take(limit).map(|(quota, sums)| (*quota, *sums)).collect())
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CustomerKey>> {
        Ok(self.wake_ups.range(..=(now, CustomerKey::MAX)).take(limit).map(|((_, key), ())| *key).collect())
    }

    fn next_due(&self) -> Result<Option<Timestamp>> {
        Ok(self.wake_ups.keys().next().map(|(due, _)| *due))
    }

    fn members(
        &self,
        audience: u32,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>> {
        let (span, shown) = (self.members.range((audience, after + 1)..(audience + 1, 0)), self.shown());
        let listed = span.filter(|(_, listed)| listed.is_shown(shown));
        Ok(listed.take(limit).map(|((_, customer), listed)| (*customer, listed.since)).collect())
    }

    fn customers_by_phone(&self, hash: [u8; 16], limit: usize) -> Result<Vec<CustomerKey>> {
        let found = self.phones.iter().filter(|(_, known)| **known == hash);
        Ok(found.take(limit).map(|(customer, _)| *customer).collect())
    }

    fn turns(&self, audience: u32, after: u64, limit: usize) -> Result<Vec<Turn>> {
        let turns = self.turns.range((audience, after + 1, 0)..(audience + 1, 0, 0));
        Ok(turns.take(limit).map(|(_, turn)| *turn).collect())
    }

    fn members_at(
        &self,
        audience: u32,
        at: Timestamp,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>> {
        let turns = self.turns.range((audience, 0, 0)..(audience + 1, 0, 0)).map(|(_, turn)| turn);
        let mut last: BTreeMap<CustomerKey, &Turn> = BTreeMap::new();
        last.extend(
            turns
                .filter(|turn| turn.at <= at && turn.customer > after && turn.seen_from <= self.shown())
                .map(|turn| (turn.customer, turn)),
        );
        let inside = last.into_values().filter(|turn| turn.inside);
        Ok(inside.take(limit).map(|turn| (turn.customer, turn.at)).collect())
    }

    fn unlisted(&self, limit: usize) -> Result<Vec<(u32, CustomerKey)>> {
        let shown = self.shown();
        let over = self.members.iter().filter(|(_, listed)| listed.ends != 0 && listed.ends <= shown);
        Ok(over.take(limit).map(|(place, _)| *place).collect())
    }

    fn member_count(&self, audience: u32) -> Result<u64> {
        let (span, shown) = (self.members.range((audience, 0)..(audience + 1, 0)), self.shown());
        let count = span.filter(|(_, listed)| listed.is_shown(shown)).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    fn walkers(&self, journey: u32, after: CustomerKey, limit: usize) -> Result<Vec<CustomerKey>> {
        let span = self.walkers.range((journey, after + 1)..(journey + 1, 0));
        Ok(span.take(limit).map(|((_, customer), ())| *customer).collect())
    }

    fn outbox_row(&self, id: Uuid) -> Result<Option<OutboxRow>> {
        Ok(self.outbox.values().find(|row| row.id == id).cloned())
    }

    fn outbox(&self, filter: OutboxFilter) -> Result<Vec<OutboxRow>> {
        let wanted = |row: &&OutboxRow| {
            let target = match &row.destination {
                Destination::Webhook { webhook, .. } => *webhook,
                Destination::Email { journey, .. } => *journey,
                Destination::EraseMails => 0,
                Destination::Topic { audience, .. } => *audience,
            };
            filter.channel.is_none_or(|channel| channel == row.destination.channel())
                && filter.target.is_none_or(|wanted| wanted == target)
                && filter.status.is_none_or(|status| status == row.status)
                && filter.customer.is_none_or(|customer| customer == row.customer)
        };
        Ok(self
            .outbox
            .range(filter.after + 1..)
            .map(|(_, row)| row)
            .filter(wanted)
            .take(filter.limit)
            .cloned()
            .collect())
    }

    fn outbox_due(&self, now: Timestamp, limit: usize) -> Result<Vec<OutboxRow>> {
        let mut due: Vec<&OutboxRow> =
            self.outbox.values().filter(|row| row.due.is_some_and(|due| due <= now)).collect();
        due.sort_by_key(|row| (row.due, row.sequence));
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    fn outbox_next_due(&self) -> Result<Option<Timestamp>> {
        Ok(self.outbox.values().filter_map(|row| row.due).min())
    }

    fn remembered(&self, key: [u8; 16]) -> Result<Option<Remembered>> {
        Ok(self.remembered.get(&key).map(|(_, remembered)| remembered.clone()))
    }

    fn definitions(&self) -> Result<Vec<StoredDefinition>> {
        Ok(self.definitions.values().cloned().collect())
    }

    fn daily(&self, from: i64, to: i64) -> Result<Vec<DailyRow>> {
        let span = self.daily.range((from, String::new())..(to + 1, String::new()));
        Ok(span
            .map(|((day, key), (count, micros))| DailyRow {
                day: *day,
                key: key.clone(),
                count: *count,
                amount: Decimal::from_micros(*micros),
            })
            .collect())
    }

    fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let mut keys: Vec<ApiKey> = self.keys.values().cloned().collect();
        keys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(keys)
    }

    fn quarantine(&self) -> Result<Vec<(u64, Timestamp, String)>> {
        Ok(self.quarantine.iter().map(|(sequence, (at, text))| (*sequence, *at, text.clone())).collect())
    }

    fn sweep(&self) -> Result<Option<Sweep>> {
        Ok(self.sweep.get(&()).copied())
    }

    fn counters(&self) -> Result<Counters> {
        let last = |number: Option<&u64>| number.copied().unwrap_or(0);
        Ok(Counters {
            fact: last(self.facts.keys().next_back()),
            customer: last(self.customers.keys().next_back()),
            outbox: last(self.outbox.keys().next_back()),
            quarantine: last(self.quarantine.keys().next_back()),
            last_instant: self.last_instant.get(&()).copied(),
            recalculated: self.recalculated.get(&()).copied(),
        })
    }
}

crate::read_through!(MemoryBackend, [], self => *self.0.read().unwrap_or_else(PoisonError::into_inner));
crate::read_through!(MemoryUnit<'_>, [], self => *self.tables);
