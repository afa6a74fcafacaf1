//! Reading: the same questions inside a unit and on connections of their own.

use super::row::{self, CUSTOMER, FACT, OUTBOX, instant, json, place, read_made};
use crate::backend::{
    ApiKey, Channel, Counters, Coupon, CouponRun, CustomerKey, CustomerRow, DailyRow, FactRow, Holder,
    OutboxFilter, OutboxRow, Read, Referral, Remembered, Sweep, Turn,
};
use crate::error::StoreError;
use crate::stored::{quota_columns, quota_of, read_booking, read_lot};
use masivo_core::fact::FactKind;
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::program::{Kind, StoredDefinition};
use masivo_core::quota::{Quota, QuotaSums};
use masivo_core::value::{Decimal, Timestamp};
use masivo_core::wallet::{Lot, SpendingOrder};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// A connection that cannot write.
#[derive(Debug)]
pub struct SqliteReader(Connection);

impl SqliteReader {
    /// Opens a file for reading, beside its writer or without one.
    ///
    /// # Errors
    /// When the file is not there or cannot be read; when it has an older schema and another process writes to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        super::open::upgrade(path)?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;")?;
        connection.set_prepared_statement_cache_capacity(64);
        super::open::keep_plans(&connection)?;
        Ok(Self(connection))
    }

    pub(super) fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let mut target = Connection::open(to)?;
        let backup = rusqlite::backup::Backup::new(&self.0, &mut target)?;
        backup.run_to_completion(1_000, Duration::from_millis(1), None)?;
        Ok(())
    }
}

/// Something with a connection answers every question.
pub(super) trait HasConnection {
    /// Whether the connection only reads, so that it may hold what it sees.
    const READS_ONLY: bool;

    fn connection(&self) -> &Connection;
}

impl HasConnection for SqliteReader {
    const READS_ONLY: bool = true;

    fn connection(&self) -> &Connection {
        &self.0
    }
}

/// The version of the programme that everybody was looked at by: what is to be seen later is not seen yet (B7).
const SHOWN: &str =
    "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'shown'), 9223372036854775807)";
/// Members that are listed.
fn is_listed() -> String {
    format!("begins <= {SHOWN} AND (ends = 0 OR ends > {SHOWN})")
}

/// What is known of a member.
#[derive(Clone, Copy)]
pub(super) struct Listed {
    /// Whether the customer is in, seen or not.
    pub(super) inside: bool,
    /// Whether the customer is listed.
    pub(super) shown: bool,
    /// The version from which on they are; 0 is at once.
    pub(super) begins: u32,
}

/// What is known of a customer as a member of an audience.
pub(super) fn listed(connection: &Connection, audience: u32, customer: i64) -> Result<Option<Listed>> {
    let sql =
        format!("SELECT ends = 0, {}, begins FROM member WHERE audience = ?1 AND customer = ?2", is_listed());
    one(connection, &sql, params![audience, customer], |row| {
        Ok(Listed { inside: row.get(0)?, shown: row.get(1)?, begins: row.get(2)? })
    })
}

type Result<T, E = StoreError> = core::result::Result<T, E>;

fn one<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(read).transpose()
}

fn many<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(read(row)?);
    }
    Ok(list)
}

fn number(row: &Row<'_>) -> Result<u64> {
    Ok(row.get::<_, i64>(0)?.cast_unsigned())
}

fn lot(row: &Row<'_>) -> Result<Lot> {
    read_lot(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// When an event was issued, by its fact.
pub(super) fn issued_at(connection: &Connection, event: u64) -> Result<Timestamp> {
    let booking =
        one(connection, "SELECT booking FROM fact WHERE sequence = ?1", [event.cast_signed()], |row| {
            Ok(row.get::<_, Vec<u8>>(0)?)
        })?;
    let head = booking.map(|booking| read_booking(&booking)).transpose()?.and_then(|(head, _, _)| head);
    head.map(|head| head.issued_at).ok_or_else(|| StoreError::damaged(format!("fact {event} is no event")))
}

impl<T: HasConnection> Read for T {
    fn begin_snapshot(&self) -> Result<()> {
        if T::READS_ONLY && self.connection().is_autocommit() {
            self.connection().prepare_cached("BEGIN")?.execute([])?;
        }
        Ok(())
    }

    fn end_snapshot(&self) -> Result<()> {
        if T::READS_ONLY && !self.connection().is_autocommit() {
            self.connection().prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    fn customer_by_id(&self, id: &str) -> Result<Option<CustomerRow>> {
        one(self.connection(), &format!("{CUSTOMER} WHERE c.id = ?1"), [id], row::customer)
    }

    fn customer_by_key(&self, key: CustomerKey) -> Result<Option<CustomerRow>> {
        one(self.connection(), &format!("{CUSTOMER} WHERE c.key = ?1"), [key.cast_signed()], row::customer)
    }

    fn customers(&self, after: CustomerKey, limit: usize) -> Result<Vec<CustomerRow>> {
        let sql = format!("{CUSTOMER} WHERE c.key > ?1 ORDER BY c.key LIMIT ?2");
        many(self.connection(), &sql, params![after.cast_signed(), bound(limit)], row::customer)
    }

    fn customer_count(&self) -> Result<u64> {
        let found = one(self.connection(), "SELECT count(*) FROM customer WHERE id IS NOT NULL", [], number)?;
        Ok(found.unwrap_or(0))
    }

    fn was_erased(&self, hash: [u8; 16]) -> Result<bool> {
        let found =
            one(self.connection(), "SELECT 1 FROM erased WHERE hash = ?1", [hash.as_slice()], number)?;
        Ok(found.is_some())
    }

    fn claim(&self, hash: [u8; 16]) -> Result<Option<CustomerKey>> {
        one(self.connection(), "SELECT customer FROM claim WHERE hash = ?1", [hash.as_slice()], number)
    }

    fn fact(&self, sequence: u64) -> Result<Option<FactRow>> {
        one(self.connection(), &format!("{FACT} WHERE sequence = ?1"), [sequence.cast_signed()], row::fact)
    }

    fn event(&self, id: Uuid) -> Result<Option<u64>> {
        one(
            self.connection(),
            "SELECT sequence FROM fact WHERE event = ?1",
            [id.as_bytes().as_slice()],
            number,
        )
    }

    fn facts(&self, after: u64, limit: usize) -> Result<Vec<FactRow>> {
        let sql = format!("{FACT} WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
        many(self.connection(), &sql, params![after.cast_signed(), bound(limit)], row::fact)
    }

    fn events_before(&self, before: u64, limit: usize) -> Result<Vec<FactRow>> {
        let before = if before == 0 { i64::MAX } else { before.cast_signed() };
        let kind = place(&FactKind::ALL, &FactKind::Event);
        let sql = format!("{FACT} WHERE sequence < ?1 AND kind = ?2 ORDER BY sequence DESC LIMIT ?3");
        many(self.connection(), &sql, params![before, kind, bound(limit)], row::fact)
    }

    fn ledger_facts(&self, day: i64, after: u64, limit: usize) -> Result<Vec<FactRow>> {
        let sql = format!("{FACT} WHERE day = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3");
        many(self.connection(), &sql, params![day, after.cast_signed(), bound(limit)], row::fact)
    }

    fn expired_events(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<u64>> {
        let sql = "SELECT fact FROM expired WHERE issued_at >= ?1 AND issued_at < ?2 ORDER BY issued_at, fact LIMIT ?3";
        many(self.connection(), sql, params![from.milliseconds(), to.milliseconds(), bound(limit)], number)
    }

    fn lot(&self, customer: CustomerKey, number: u32) -> Result<Option<Lot>> {
        let sql = "SELECT body FROM lot WHERE customer = ?1 AND number = ?2";
        one(self.connection(), sql, params![customer.cast_signed(), number], lot)
    }

    fn later_lots(
        &self,
        customer: CustomerKey,
        reward: u32,
        from: SpendingOrder,
        limit: usize,
    ) -> Result<Vec<Lot>> {
        let sql = "SELECT body FROM lot
                   WHERE customer = ?1 AND reward = ?2 AND later IS NOT NULL AND (later, number) >= (?3, ?4)
                   ORDER BY later, number LIMIT ?5";
        let (date, number) = from;
        let parameters = params![customer.cast_signed(), reward, date.milliseconds(), number, bound(limit)];
        many(self.connection(), sql, parameters, lot)
    }

    fn coupon(&self, code: &str) -> Result<Option<Coupon>> {
        one(self.connection(), "SELECT number, code, shown FROM coupon WHERE code = ?1", [code], coupon)
    }

    fn coupons(&self, from: u64, limit: usize) -> Result<Vec<Coupon>> {
        let sql = "SELECT number, code, shown FROM coupon WHERE number >= ?1 ORDER BY number LIMIT ?2";
        many(self.connection(), sql, params![from.cast_signed(), bound(limit)], coupon)
    }

    fn holder(&self, number: u64) -> Result<Option<Holder>> {
        let sql = "SELECT number, customer, lot, since, redeemed_by FROM holder WHERE number = ?1";
        one(self.connection(), sql, [number.cast_signed()], holder)
    }

    fn held_by(&self, customer: CustomerKey, from: u64, limit: usize) -> Result<Vec<Holder>> {
        let sql = "SELECT number, customer, lot, since, redeemed_by FROM holder
                   WHERE customer = ?1 AND number >= ?2 ORDER BY number LIMIT ?3";
        let parameters = params![customer.cast_signed(), from.cast_signed(), bound(limit)];
        many(self.connection(), sql, parameters, holder)
    }

    fn referrals_of_event(&self, event: u64) -> Result<Vec<Referral>> {
        let sql = "SELECT event, number, customer, fact FROM referral WHERE event = ?1 ORDER BY number";
        many(self.connection(), sql, [event.cast_signed()], referral)
    }

    fn referrals_of_customer(&self, customer: CustomerKey, number: u64) -> Result<Vec<Referral>> {
        let sql = "SELECT event, number, customer, fact FROM referral
                   WHERE customer = ?1 AND number = ?2 ORDER BY event";
        many(self.connection(), sql, [customer.cast_signed(), number.cast_signed()], referral)
    }

    fn coupon_runs(&self) -> Result<BTreeMap<u32, CouponRun>> {
        let sql = "SELECT campaign, wanted, made, supplied FROM coupon_run";
        let runs = many(self.connection(), sql, [], |row| {
            let run = CouponRun { wanted: row.get(1)?, made: row.get(2)?, supplied: row.get(3)? };
            Ok((row.get(0)?, run))
        })?;
        Ok(runs.into_iter().collect())
    }

    fn quota(&self, quota: &Quota) -> Result<Option<QuotaSums>> {
        let sql = "SELECT used, held FROM quota
                   WHERE owner = ?1 AND number = ?2 AND counts = ?3 AND unit = ?4 AND period = ?5";
        one(self.connection(), sql, quota_columns(quota), |row| sums(row, 0))
    }

    fn quotas(&self, from: Option<&Quota>, limit: usize) -> Result<Vec<(Quota, QuotaSums)>> {
        let sql = "SELECT owner, number, counts, unit, period, used, held FROM quota
                   WHERE (owner, number, counts, unit, period) >= (?1, ?2, ?3, ?4, ?5)
                   ORDER BY owner, number, counts, unit, period LIMIT ?6";
        let [owner, number, counts, unit, period] = from.map_or([i64::MIN; 5], quota_columns);
        many(self.connection(), sql, params![owner, number, counts, unit, period, bound(limit)], |row| {
            let columns = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((quota_of(columns)?, sums(row, 5)?))
        })
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<CustomerKey>> {
        let sql = "SELECT customer FROM wake_up WHERE due <= ?1 ORDER BY due, customer LIMIT ?2";
        many(self.connection(), sql, params![now.milliseconds(), bound(limit)], number)
    }

    fn next_due(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT due FROM wake_up ORDER BY due LIMIT 1";
        one(self.connection(), sql, [], |row| Ok(instant(row.get(0)?)))
    }

    fn members(
        &self,
        audience: u32,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>> {
        let sql = format!(
            "SELECT customer, since FROM member WHERE audience = ?1 AND customer > ?2 AND {} ORDER BY customer LIMIT ?3",
            is_listed()
        );
        many(self.connection(), &sql, params![audience, after.cast_signed(), bound(limit)], |row| {
            Ok((number(row)?, instant(row.get(1)?)))
        })
    }

    fn customers_by_phone(&self, hash: [u8; 16], limit: usize) -> Result<Vec<CustomerKey>, StoreError> {
        let sql = "SELECT customer FROM phone WHERE hash = ?1 ORDER BY customer LIMIT ?2";
        many(self.connection(), sql, params![hash.as_slice(), bound(limit)], |row| {
            Ok(row.get::<_, i64>(0)?.cast_unsigned())
        })
    }

    fn turns(&self, audience: u32, after: u64, limit: usize) -> Result<Vec<Turn>, StoreError> {
        let sql = "SELECT customer, fact, at, inside, seen_from FROM turn
                   WHERE audience = ?1 AND fact > ?2 ORDER BY fact LIMIT ?3";
        many(self.connection(), sql, params![audience, after.cast_signed(), bound(limit)], |row| {
            let number = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
            let (customer, fact) = (number(0)?, number(1)?);
            let (inside, seen_from) = (row.get(3)?, row.get(4)?);
            Ok(Turn { audience, customer, fact, at: instant(row.get(2)?), inside, seen_from })
        })
    }

    fn members_at(
        &self,
        audience: u32,
        at: Timestamp,
        after: CustomerKey,
        limit: usize,
    ) -> Result<Vec<(CustomerKey, Timestamp)>, StoreError> {
        // The other columns are of the row that has the greatest fact.
        let sql = format!(
            "SELECT customer, at, inside, max(fact) FROM turn
             WHERE audience = ?1 AND customer > ?2 AND at <= ?3 AND seen_from <= {SHOWN}
             GROUP BY customer HAVING inside ORDER BY customer LIMIT ?4"
        );
        let asked = params![audience, after.cast_signed(), at.milliseconds(), bound(limit)];
        many(self.connection(), &sql, asked, |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), instant(row.get(1)?)))
        })
    }

    fn unlisted(&self, limit: usize) -> Result<Vec<(u32, CustomerKey)>, StoreError> {
        let sql = format!(
            "SELECT audience, customer FROM member WHERE ends <> 0 AND ends <= {SHOWN}
             ORDER BY ends, audience, customer LIMIT ?1"
        );
        many(self.connection(), &sql, [bound(limit)], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })
    }

    fn member_count(&self, audience: u32) -> Result<u64> {
        let found = one(
            self.connection(),
            "SELECT members FROM member_count WHERE audience = ?1",
            [audience],
            number,
        )?;
        Ok(found.unwrap_or(0))
    }

    fn walkers(&self, journey: u32, after: CustomerKey, limit: usize) -> Result<Vec<CustomerKey>> {
        let sql =
            "SELECT customer FROM walker WHERE journey = ?1 AND customer > ?2 ORDER BY customer LIMIT ?3";
        many(self.connection(), sql, params![journey, after.cast_signed(), bound(limit)], number)
    }

    fn outbox_row(&self, id: Uuid) -> Result<Option<OutboxRow>> {
        one(self.connection(), &format!("{OUTBOX} WHERE id = ?1"), [id.as_bytes().as_slice()], row::outbox)
    }

    fn outbox(&self, filter: OutboxFilter) -> Result<Vec<OutboxRow>> {
        let channel = filter.channel.map(|channel| place(&Channel::ALL, &channel));
        let status = filter.status.map(|status| place(&DeliveryStatus::ALL, &status));
        let customer = filter.customer.map(u64::cast_signed);
        // Two texts, so that the one by customer goes by its index.
        let by_customer = if customer.is_some() { "customer = ?5" } else { "?5 IS NULL" };
        let sql = format!(
            "{OUTBOX} WHERE sequence > ?1 AND (?2 IS NULL OR channel = ?2) AND (?3 IS NULL OR target = ?3)
             AND (?4 IS NULL OR status = ?4) AND {by_customer} ORDER BY sequence LIMIT ?6"
        );
        let parameters = params![
            filter.after.cast_signed(),
            channel,
            filter.target,
            status,
            customer,
            bound(filter.limit)
        ];
        many(self.connection(), &sql, parameters, row::outbox)
    }

    fn outbox_due(&self, now: Timestamp, limit: usize) -> Result<Vec<OutboxRow>> {
        let sql = format!("{OUTBOX} WHERE due <= ?1 ORDER BY due, sequence LIMIT ?2");
        many(self.connection(), &sql, params![now.milliseconds(), bound(limit)], row::outbox)
    }

    fn outbox_next_due(&self) -> Result<Option<Timestamp>> {
        let sql = "SELECT due FROM outbox WHERE due IS NOT NULL ORDER BY due LIMIT 1";
        one(self.connection(), sql, [], |row| Ok(instant(row.get(0)?)))
    }

    fn remembered(&self, key: [u8; 16]) -> Result<Option<Remembered>> {
        let sql = "SELECT request, made FROM idempotency
                   WHERE period IN (SELECT period FROM idempotency_period) AND key = ?1 ORDER BY period DESC LIMIT 1";
        one(self.connection(), sql, [key.as_slice()], |row| {
            let request = row.get::<_, Vec<u8>>(0)?;
            let request = <[u8; 16]>::try_from(request).map_err(|_| StoreError::damaged("a request hash"))?;
            let made = read_made(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
            Ok(Remembered { request, made })
        })
    }

    fn definitions(&self) -> Result<Vec<StoredDefinition>> {
        let sql = "SELECT kind, number, version, id, program_version, changed_at, body FROM definition
                   ORDER BY program_version";
        many(self.connection(), sql, [], |row| {
            let kind: String = row.get(0)?;
            let body: Vec<u8> = row.get(6)?;
            Ok(StoredDefinition {
                kind: Kind::from_name(&kind)
                    .ok_or_else(|| StoreError::damaged("the kind of a definition"))?,
                number: row.get(1)?,
                version: row.get(2)?,
                id: row.get(3)?,
                program_version: row.get(4)?,
                changed_at: instant(row.get(5)?),
                body: json(&body, "a definition")?,
            })
        })
    }

    fn daily(&self, from: i64, to: i64) -> Result<Vec<DailyRow>> {
        let sql = "SELECT day, key, count, amount FROM daily WHERE day BETWEEN ?1 AND ?2 ORDER BY day, key";
        many(self.connection(), sql, params![from, to], |row| {
            let amount = Decimal::from_micros(row.get(3)?);
            Ok(DailyRow { day: row.get(0)?, key: row.get(1)?, count: row.get(2)?, amount })
        })
    }

    fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let sql =
            "SELECT id, server, name, hash, created_at, revoked_at FROM api_key ORDER BY created_at, id";
        many(self.connection(), sql, [], |row| {
            let hash: Vec<u8> = row.get(3)?;
            let revoked_at: Option<i64> = row.get(5)?;
            Ok(ApiKey {
                id: row.get(0)?,
                server: row.get(1)?,
                name: row.get(2)?,
                hash: <[u8; 32]>::try_from(hash).map_err(|_| StoreError::damaged("the hash of a key"))?,
                created_at: instant(row.get(4)?),
                revoked_at: revoked_at.map(instant),
            })
        })
    }

    fn quarantine(&self) -> Result<Vec<(u64, Timestamp, String)>> {
        many(self.connection(), "SELECT sequence, at, text FROM quarantine ORDER BY sequence", [], |row| {
            Ok((number(row)?, instant(row.get(1)?), row.get(2)?))
        })
    }

    fn sweep(&self) -> Result<Option<Sweep>> {
        let text = meta(self.connection(), "sweep")?.unwrap_or_default();
        let mut parts = text.split(' ');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let (version, after) = (number().and_then(|version| u32::try_from(version).ok()), number());
        // Older builds had no whole ones.
        let (whole, freezes) = (number() == Some(1), number() == Some(1));
        let since = number().and_then(|since| u32::try_from(since).ok());
        // What an older build wrote was seen at once.
        let sweep =
            |(version, after)| Sweep { version, since: since.unwrap_or(version), after, whole, freezes };
        Ok(version.zip(after).map(sweep))
    }

    fn counters(&self) -> Result<Counters> {
        let highest =
            |sql: &str| -> Result<u64> { Ok(one(self.connection(), sql, [], number)?.unwrap_or(0)) };
        let at = |name: &str| -> Result<Option<Timestamp>> {
            let text = meta(self.connection(), name)?;
            Ok(text.and_then(|text| text.parse().ok()).map(instant))
        };
        Ok(Counters {
            fact: highest("SELECT coalesce(max(sequence), 0) FROM fact")?,
            customer: highest("SELECT coalesce(max(key), 0) FROM customer")?,
            outbox: highest("SELECT coalesce(max(sequence), 0) FROM outbox")?,
            quarantine: highest("SELECT coalesce(max(sequence), 0) FROM quarantine")?,
            last_instant: at("last_instant")?,
            recalculated: at("recalculated")?,
        })
    }
}

fn referral(row: &Row<'_>) -> Result<Referral> {
    let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    Ok(Referral { event: unsigned(0)?, number: unsigned(1)?, customer: unsigned(2)?, fact: unsigned(3)? })
}

fn holder(row: &Row<'_>) -> Result<Holder> {
    let unsigned = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    Ok(Holder {
        number: unsigned(0)?,
        customer: unsigned(1)?,
        lot: row.get(2)?,
        since: Timestamp::from_milliseconds(row.get(3)?),
        redeemed_by: unsigned(4)?,
    })
}

fn coupon(row: &Row<'_>) -> Result<Coupon> {
    let shown: Option<String> = row.get(2)?;
    Ok(Coupon { number: number(row)?, code: shown.map_or_else(|| row.get(1), Ok)? })
}

fn sums(row: &Row<'_>, at: usize) -> Result<QuotaSums> {
    let (used, held) = (Decimal::from_micros(row.get(at)?), Decimal::from_micros(row.get(at + 1)?));
    Ok(QuotaSums { used, held })
}

fn meta(connection: &Connection, name: &str) -> Result<Option<String>> {
    let value: Option<Option<Vec<u8>>> = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    Ok(value.flatten().and_then(|bytes| String::from_utf8(bytes).ok()))
}
