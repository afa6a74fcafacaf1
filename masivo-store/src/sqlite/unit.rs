//! Writing, all or nothing.

use super::read::HasConnection;
use super::row::{destination_columns, place, write_made};
use crate::backend::{
    ApiKey, CommitError, Coupon, CouponRun, CustomerKey, CustomerRow, Holder, OutboxRow, Referral, Sweep,
    Turn, Unit, Write, key_period,
};
use crate::error::StoreError;
use crate::stored::{
    quota_columns, write_booking, write_document, write_explanation, write_lot, write_series, write_state,
};
use masivo_core::fact::{EventStatus, Fact, FactKind};
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::program::StoredDefinition;
use masivo_core::quota::{Quota, QuotaSums};
use masivo_core::value::Timestamp;
use masivo_core::wallet::Lot;
use rusqlite::{Connection, params};

/// A transaction on the writer's connection.
#[derive(Debug)]
pub struct SqliteUnit<'u> {
    connection: &'u mut Connection,
    done: bool,
}

impl<'u> SqliteUnit<'u> {
    pub(super) fn begin(connection: &'u mut Connection) -> Result<Self, StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self { connection, done: false })
    }

    fn run(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(parameters)?)
    }

    fn customer(
        &self,
        row: &CustomerRow,
        was: Option<Timestamp>,
        profile: bool,
        id: bool,
        series: bool,
    ) -> Result<(), StoreError> {
        let key = row.key.cast_signed();
        let armed = row.armed.map(Timestamp::milliseconds);
        let state = write_state(&row.state);
        if id {
            self.run(
                "INSERT INTO customer (key, id, armed, state) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET id = ?2, armed = ?3, state = ?4",
                params![key, row.profile.id(), armed, state],
            )?;
        } else {
            self.run(
                "UPDATE customer SET armed = ?2, state = ?3 WHERE key = ?1",
                params![key, armed, state],
            )?;
        }
        if profile {
            self.run(
                "INSERT OR REPLACE INTO profile (key, document) VALUES (?1, ?2)",
                params![key, write_document(row.profile.fields())],
            )?;
        }
        if series {
            self.run(
                "INSERT OR REPLACE INTO series (customer, body) VALUES (?1, ?2)",
                params![key, write_series(&row.series)],
            )?;
        }
        if was != row.armed {
            if let Some(was) = was {
                self.run(
                    "DELETE FROM wake_up WHERE due = ?1 AND customer = ?2",
                    params![was.milliseconds(), key],
                )?;
            }
            if let Some(armed) = armed {
                self.run(
                    "INSERT OR IGNORE INTO wake_up (due, customer) VALUES (?1, ?2)",
                    params![armed, key],
                )?;
            }
        }
        Ok(())
    }

    fn fact(&self, customer: CustomerKey, fact: &Fact) -> Result<(), StoreError> {
        let head = fact.event.as_ref();
        let day = fact.entries().next().map(|_| fact.at.day());
        let payload = fact.payload.as_deref().map(write_document);
        self.run(
            "INSERT INTO fact (sequence, customer, previous, at, kind, status, event, day, booking, payload, explanation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                fact.sequence.cast_signed(),
                customer.cast_signed(),
                fact.previous.cast_signed(),
                fact.at.milliseconds(),
                place(&FactKind::ALL, &fact.kind),
                head.map(|head| place(&EventStatus::ALL, &head.status)),
                head.map(|head| head.id.as_bytes().as_slice()),
                day,
                write_booking(head, fact.about, &fact.changes),
                payload,
                fact.explanation.as_ref().map(write_explanation),
            ],
        )?;
        Ok(())
    }

    fn event_status(&self, event: u64, status: EventStatus, by: u64) -> Result<(), StoreError> {
        let column = if status == EventStatus::Resolved { "fulfilled_by" } else { "closed_by" };
        let (number, event_key, by) =
            (place(&EventStatus::ALL, &status), event.cast_signed(), by.cast_signed());
        self.run(
            &format!("UPDATE fact SET status = ?2, {column} = ?3 WHERE sequence = ?1"),
            params![event_key, number, by],
        )?;
        let issued_at = super::read::issued_at(self.connection, event)?;
        let sql = if status == EventStatus::Expired {
            "INSERT OR IGNORE INTO expired (issued_at, fact) VALUES (?1, ?2)"
        } else {
            "DELETE FROM expired WHERE issued_at = ?1 AND fact = ?2"
        };
        self.run(sql, params![issued_at.milliseconds(), event_key])?;
        Ok(())
    }

    /// Books that a customer entered or left an audience; of what is only seen after the sweep at hand the lists show what was
    /// before until then (B7).
    fn member(&self, turn: &Turn) -> Result<(), StoreError> {
        let Turn { audience, customer, fact, at, inside, seen_from } = *turn;
        let key = customer.cast_signed();
        let known = super::read::listed(self.connection, audience, key)?;
        if known.as_ref().is_some_and(|known| known.inside) == inside {
            // Whoever left is still listed until the sweep is over, unless they must go at once.
            if known.is_some_and(|known| known.shown && !known.inside) && seen_from == 0 {
                self.unlist(audience, key)?;
                self.count_members(audience, -1, 1)?;
            }
            return Ok(());
        }
        let (was_shown, later) = (known.is_some_and(|known| known.shown), seen_from != 0);
        match (inside, was_shown) {
            (true, false) => {
                self.run(
                    "INSERT OR REPLACE INTO member (audience, customer, since, begins) VALUES (?1, ?2, ?3, ?4)",
                    params![audience, key, at.milliseconds(), seen_from],
                )?;
            }
            (true, true) => {
                self.run(
                    "UPDATE member SET ends = 0, since = ?3 WHERE audience = ?1 AND customer = ?2",
                    params![audience, key, at.milliseconds()],
                )?;
            }
            (false, true) if later => {
                self.run(
                    "UPDATE member SET ends = ?3 WHERE audience = ?1 AND customer = ?2",
                    params![audience, key, seen_from],
                )?;
            }
            (false, _) => self.unlist(audience, key)?,
        }
        // Leaving is not seen before entering is.
        let hidden = known.filter(|known| known.inside && !known.shown).map_or(0, |known| known.begins);
        let step = if inside { 1 } else { -1 };
        let shown = if inside { !later && !was_shown } else { !later && was_shown };
        self.count_members(audience, if shown { step } else { 0 }, if shown { 0 } else { step })?;
        self.run(
            "INSERT OR REPLACE INTO turn (audience, customer, fact, at, inside, seen_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![audience, key, fact.cast_signed(), at.milliseconds(), inside, seen_from.max(hidden)],
        )?;
        Ok(())
    }

    fn unlist(&self, audience: u32, customer: i64) -> Result<(), StoreError> {
        let sql = "DELETE FROM member WHERE audience = ?1 AND customer = ?2";
        self.run(sql, params![audience, customer]).map(drop)
    }

    /// Counts members that are listed, and those that will be.
    fn count_members(&self, audience: u32, listed: i64, turning: i64) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO member_count (audience, members, turning) VALUES (?1, ?2, ?3)
             ON CONFLICT (audience) DO UPDATE SET members = members + ?2, turning = turning + ?3",
            params![audience, listed, turning],
        )?;
        Ok(())
    }

    /// Notes how far looking at everybody is; at its end all that it came to is seen (B7).
    fn sweep(&self, sweep: Option<Sweep>) -> Result<(), StoreError> {
        if sweep.is_none() {
            let sql = "UPDATE member_count SET members = members + turning, turning = 0 WHERE turning <> 0";
            self.run(sql, [])?;
        }
        self.note("shown", sweep.map(|sweep| sweep.since.to_string()))?;
        let text = |Sweep { version, since, after, whole, freezes }| {
            format!("{version} {after} {} {} {since}", u8::from(whole), u8::from(freezes))
        };
        self.note("sweep", sweep.map(text))
    }

    fn lot(&self, customer: CustomerKey, lot: &Lot) -> Result<(), StoreError> {
        let (date, _) = lot.spending_order();
        self.run(
            "INSERT OR REPLACE INTO lot (customer, number, reward, later, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                customer.cast_signed(),
                lot.number,
                lot.reward,
                lot.is_open().then_some(date.milliseconds()),
                write_lot(lot)
            ],
        )?;
        Ok(())
    }

    fn claim(&self, hash: [u8; 16], customer: Option<CustomerKey>) -> Result<(), StoreError> {
        match customer {
            Some(customer) => self.run(
                "INSERT OR REPLACE INTO claim (hash, customer) VALUES (?1, ?2)",
                params![hash.as_slice(), customer.cast_signed()],
            ),
            None => self.run("DELETE FROM claim WHERE hash = ?1", params![hash.as_slice()]),
        }
        .map(drop)
    }

    /// Keeps something of the store itself.
    fn note(&self, name: &str, value: Option<String>) -> Result<(), StoreError> {
        let value = value.map(String::into_bytes);
        self.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", params![name, value]).map(drop)
    }

    fn phone(&self, customer: CustomerKey, hash: Option<[u8; 16]>) -> Result<(), StoreError> {
        let customer = customer.cast_signed();
        match hash {
            Some(hash) => self.run(
                "INSERT OR REPLACE INTO phone (customer, hash) VALUES (?1, ?2)",
                params![customer, hash.as_slice()],
            ),
            None => self.run("DELETE FROM phone WHERE customer = ?1", params![customer]),
        }
        .map(drop)
    }

    /// Runs a statement with two numbers.
    fn pair(&self, sql: &str, one: u64, other: u64) -> Result<(), StoreError> {
        self.run(sql, params![one.cast_signed(), other.cast_signed()]).map(drop)
    }

    fn coupon(&self, coupon: &Coupon, code: &str) -> Result<(), StoreError> {
        let shown = (coupon.code != code).then_some(&coupon.code);
        self.run(
            "INSERT INTO coupon (number, code, shown) VALUES (?1, ?2, ?3)",
            params![coupon.number.cast_signed(), code, shown],
        )?;
        Ok(())
    }

    fn holder(&self, holder: &Holder) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO holder (number, customer, lot, since, redeemed_by) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                holder.number.cast_signed(),
                holder.customer.cast_signed(),
                holder.lot,
                holder.since.milliseconds(),
                holder.redeemed_by.cast_signed(),
            ],
        )?;
        Ok(())
    }

    fn referral(&self, referral: &Referral) -> Result<(), StoreError> {
        let Referral { event, number, customer, fact } = *referral;
        let numbers = [event, number, customer, fact].map(u64::cast_signed);
        let sql = "INSERT OR REPLACE INTO referral (event, number, customer, fact) VALUES (?1, ?2, ?3, ?4)";
        self.run(sql, numbers).map(drop)
    }

    fn coupon_run(&self, campaign: u32, run: CouponRun) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO coupon_run (campaign, wanted, made, supplied) VALUES (?1, ?2, ?3, ?4)",
            params![campaign, run.wanted, run.made, run.supplied],
        )?;
        Ok(())
    }

    fn quota(&self, quota: &Quota, sums: QuotaSums) -> Result<(), StoreError> {
        let [owner, number, counts, unit, period] = quota_columns(quota);
        self.run(
            "INSERT INTO quota (owner, number, counts, unit, period, used, held)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (owner, number, counts, unit, period) DO UPDATE SET used = ?6, held = ?7",
            params![owner, number, counts, unit, period, sums.used.micros(), sums.held.micros()],
        )?;
        Ok(())
    }

    fn outbox(&self, row: &OutboxRow) -> Result<(), StoreError> {
        let (channel, target, detail) = destination_columns(&row.destination);
        let body = (!row.body.is_null()).then(|| write_document(&row.body));
        self.run(
            "INSERT INTO outbox (sequence, id, customer, channel, target, detail, made_at, status, attempts, due,
                                 reason, changed_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (sequence) DO UPDATE SET
                 status = ?8, attempts = ?9, due = ?10, reason = ?11, changed_at = ?12, body = ?13",
            params![
                row.sequence.cast_signed(),
                row.id.as_bytes().as_slice(),
                row.customer.cast_signed(),
                channel,
                target,
                detail,
                row.made_at.milliseconds(),
                place(&DeliveryStatus::ALL, &row.status),
                row.attempts,
                row.due.map(Timestamp::milliseconds),
                row.reason,
                row.changed_at.milliseconds(),
                body,
            ],
        )?;
        Ok(())
    }

    fn definition(&self, stored: &StoredDefinition) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO definition (kind, number, version, id, program_version, changed_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                stored.kind.name(),
                stored.number,
                stored.version,
                stored.id,
                stored.program_version,
                stored.changed_at.milliseconds(),
                stored.body.to_string().into_bytes(),
            ],
        )?;
        Ok(())
    }

    fn remember(
        &self,
        key: [u8; 16],
        at: Timestamp,
        request: [u8; 16],
        made: &[u8],
    ) -> Result<(), StoreError> {
        let period = key_period(at);
        self.run("INSERT OR IGNORE INTO idempotency_period (period) VALUES (?1)", params![period])?;
        self.run(
            "INSERT OR REPLACE INTO idempotency (period, key, request, made) VALUES (?1, ?2, ?3, ?4)",
            params![period, key.as_slice(), request.as_slice(), made],
        )?;
        Ok(())
    }

    fn api_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO api_key (id, server, name, hash, created_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                key.id,
                key.server,
                key.name,
                key.hash.as_slice(),
                key.created_at.milliseconds(),
                key.revoked_at.map(Timestamp::milliseconds)
            ],
        )?;
        Ok(())
    }

    fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        let period = key_period(before);
        self.run("DELETE FROM idempotency WHERE period < ?1", params![period])?;
        self.run("DELETE FROM idempotency_period WHERE period < ?1", params![period])?;
        Ok(())
    }

    /// Walks the customer's chain of facts and takes everything personal out of it.
    fn erase(&self, customer: CustomerKey, head: u64, id_hash: [u8; 16]) -> Result<(), StoreError> {
        let key = customer.cast_signed();
        self.run("UPDATE customer SET id = NULL WHERE key = ?1", params![key])?;
        self.run("DELETE FROM profile WHERE key = ?1", params![key])?;
        self.run("DELETE FROM series WHERE customer = ?1", params![key])?;
        self.run("DELETE FROM phone WHERE customer = ?1", params![key])?;
        self.run("INSERT OR IGNORE INTO erased (hash) VALUES (?1)", params![id_hash.as_slice()])?;
        let mut next = head.cast_signed();
        while next != 0 {
            self.run(
                "UPDATE fact SET payload = NULL, explanation = NULL WHERE sequence = ?1",
                params![next],
            )?;
            let previous = self
                .connection
                .prepare_cached("SELECT previous FROM fact WHERE sequence = ?1")?
                .query_row([next], |row| row.get(0));
            next = match previous {
                Ok(previous) => previous,
                Err(rusqlite::Error::QueryReturnedNoRows) => 0,
                Err(error) => return Err(error.into()),
            };
        }
        // Only the word that the customer is gone still goes out.
        let suppressed = place(&DeliveryStatus::ALL, &DeliveryStatus::Suppressed);
        let queued = place(&DeliveryStatus::ALL, &DeliveryStatus::Queued);
        let claimed = place(&DeliveryStatus::ALL, &DeliveryStatus::Claimed);
        self.run(
            "UPDATE outbox SET body = NULL, reason = CASE WHEN status IN (?2, ?3) THEN 'deleted' ELSE NULL END,
                 due = NULL, status = CASE WHEN status IN (?2, ?3) THEN ?4 ELSE status END
             WHERE customer = ?1 AND detail <> 'CUSTOMER_DELETED'",
            params![key, queued, claimed, suppressed],
        )?;
        Ok(())
    }
}

impl HasConnection for SqliteUnit<'_> {
    const READS_ONLY: bool = false;

    fn connection(&self) -> &Connection {
        self.connection
    }
}

impl Unit for SqliteUnit<'_> {
    fn write(&mut self, write: Write<'_>) -> Result<(), StoreError> {
        match write {
            Write::Customer { row, was_armed, profile, id, series } => {
                self.customer(row, was_armed, profile, id, series)
            }
            Write::Fact { customer, fact } => self.fact(customer, fact),
            Write::EventStatus { event, status, by } => self.event_status(event, status, by),
            Write::EventReturned { event, by } => {
                self.pair("UPDATE fact SET returned_by = ?2 WHERE sequence = ?1", event, by)
            }
            Write::Lot { customer, lot } => self.lot(customer, lot),
            Write::LotTakenIn { customer, lot } => self
                .run(
                    "DELETE FROM lot WHERE customer = ?1 AND number = ?2",
                    params![customer.cast_signed(), lot],
                )
                .map(drop),
            Write::Claim { hash, customer } => self.claim(hash, customer),
            Write::Phone { customer, hash } => self.phone(customer, hash),
            Write::Coupon { coupon, code } => self.coupon(coupon, code),
            Write::Holder(holder) => self.holder(holder),
            Write::Referral(referral) => self.referral(referral),
            Write::CouponRun { campaign, run } => self.coupon_run(campaign, run),
            Write::Quota { quota, sums } => self.quota(quota, sums),
            Write::Member(turn) => self.member(turn),
            Write::Walker { journey, customer, inside } => {
                let sql = if inside {
                    "INSERT OR IGNORE INTO walker (journey, customer) VALUES (?1, ?2)"
                } else {
                    "DELETE FROM walker WHERE journey = ?1 AND customer = ?2"
                };
                self.run(sql, params![journey, customer.cast_signed()]).map(drop)
            }
            Write::Outbox(row) => self.outbox(row),
            Write::Definition(stored) => self.definition(stored),
            Write::Remember { key, at, remembered } => {
                self.remember(key, at, remembered.request, &write_made(&remembered.made))
            }
            Write::Forget { before } => self.forget(before),
            Write::Daily(row) => self
                .run(
                    "INSERT INTO daily (day, key, count, amount) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (day, key) DO UPDATE SET count = count + ?3, amount = amount + ?4",
                    params![row.day, row.key, row.count, row.amount.micros()],
                )
                .map(drop),
            Write::ApiKey(key) => self.api_key(key),
            Write::Quarantine { sequence, at, text } => self
                .run(
                    "INSERT INTO quarantine (sequence, at, text) VALUES (?1, ?2, ?3)",
                    params![sequence.cast_signed(), at.milliseconds(), text],
                )
                .map(drop),
            Write::Recalculated(at) => self.note("recalculated", Some(at.milliseconds().to_string())),
            Write::Sweep(sweep) => self.sweep(sweep),
            Write::Unlisted { audience, customer } => self.unlist(audience, customer.cast_signed()),
            Write::Erase { customer, head, id_hash, id: _ } => self.erase(customer, head, id_hash),
            Write::LastInstant(at) => self.note("last_instant", Some(at.milliseconds().to_string())),
        }
    }

    fn commit(mut self) -> Result<(), CommitError> {
        let committed = self.run("COMMIT", []);
        self.done = committed.is_ok();
        match committed {
            Ok(_) => Ok(()),
            // A transaction that is still open was surely not committed; one that is gone may have been.
            Err(error) if self.connection.is_autocommit() => Err(CommitError::Unknown(error)),
            Err(error) => Err(CommitError::NotCommitted(error)),
        }
    }
}

impl Drop for SqliteUnit<'_> {
    fn drop(&mut self) {
        if !self.done && !self.connection.is_autocommit() {
            // A failing rollback leaves the connection unusable; the next unit then says so.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
    }
}
