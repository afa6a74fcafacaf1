//! The conventional way: one transaction, one statement after another, the rest decided here.

use crate::answer::{Failure, Recorded};
use crate::event::Event;
use crate::program::Program;
use deadpool_postgres::{Client, Transaction};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

const REMEMBER: &str = "INSERT INTO idempotency (key, request, event_id, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key) DO NOTHING";
const REMEMBERED: &str = "SELECT request, event_id FROM idempotency WHERE key = $1";
const CUSTOMER: &str = "SELECT c.id, c.tier, c.armed_at, s.behavioral_campaigns
    FROM customer c JOIN consent s ON s.customer_id = c.id WHERE c.external_id = $1 FOR UPDATE OF c";
const EVENT: &str = "INSERT INTO event (id, customer_id, brand, type, status, at, purchase_id, value, body)
    VALUES ($1, $2, $3, $4, 'RESOLVED', $5, $6, $7, $8)";
const METRICS: &str =
    "SELECT period, purchases, spend FROM metric WHERE customer_id = $1 AND period IN (0, $2)";
const LOTS: &str = "INSERT INTO lot (customer_id, campaign_id, event_id, amount, remaining, expires_at)
    SELECT $1, g.campaign, $2, g.points, g.points, $3::timestamptz + make_interval(months => g.months)
    FROM unnest($4::int[], $5::bigint[], $6::int[]) AS g (campaign, points, months) RETURNING id, amount, expires_at";
const LEDGER: &str = "INSERT INTO ledger (customer_id, event_id, lot_id, kind, amount, at)
    SELECT $1, $2, l.lot, 'EARNED', l.amount, $3 FROM unnest($4::bigint[], $5::bigint[]) AS l (lot, amount)";
const WALLET: &str = "UPDATE wallet SET balance = balance + $2 WHERE customer_id = $1 RETURNING balance";
const COUNT: &str = "INSERT INTO metric AS m (customer_id, period, purchases, spend, last_visit)
    VALUES ($1, 0, 1, $3, $4), ($1, $2, 1, $3, $4) ON CONFLICT (customer_id, period) DO UPDATE
    SET purchases = m.purchases + 1, spend = m.spend + excluded.spend,
        last_visit = greatest(m.last_visit, excluded.last_visit)";
const VISITED: &str = "INSERT INTO membership AS m (customer_id, audience_id, since, flips_at)
    SELECT $1, v.audience, $2, $2::timestamptz + make_interval(days => v.days)
    FROM unnest($3::int[], $4::int[]) AS v (audience, days) ON CONFLICT (customer_id, audience_id) DO UPDATE
    SET flips_at = greatest(m.flips_at, excluded.flips_at)";
const SPENT: &str = "INSERT INTO membership (customer_id, audience_id, since, flips_at)
    SELECT $1, a, $2, make_timestamptz($3 + 1, 1, 1, 0, 0, 0, 'UTC') FROM unnest($4::int[]) a
    ON CONFLICT (customer_id, audience_id) DO NOTHING RETURNING flips_at";
const WAKE: &str = "INSERT INTO wake_up (customer_id, at) VALUES ($1, $2)
    ON CONFLICT (customer_id) DO UPDATE SET at = excluded.at";
const ARMED: &str = "UPDATE customer SET armed_at = $2 WHERE id = $1";
const TIER: &str = "UPDATE customer SET tier = $2 WHERE id = $1";
const OUTBOX: &str =
    "INSERT INTO outbox (webhook_id, event_id, next_at) SELECT w, $1, $2 FROM unnest($3::int[]) w";

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

async fn rows(
    transaction: &Transaction<'_>,
    text: &str,
    values: Parameters<'_>,
) -> Result<Vec<Row>, Failure> {
    let statement = transaction.prepare_cached(text).await?;
    Ok(transaction.query(&statement, values).await?)
}

async fn execute(transaction: &Transaction<'_>, text: &str, values: Parameters<'_>) -> Result<u64, Failure> {
    let statement = transaction.prepare_cached(text).await?;
    Ok(transaction.execute(&statement, values).await?)
}

/// Records an event.
///
/// # Errors
/// When it is refused, or the database fails.
pub async fn record(client: &mut Client, program: &Program, event: &Event<'_>) -> Result<Recorded, Failure> {
    let transaction = client.transaction().await?;
    if let Some(key) = &event.key {
        let request = event.request.as_slice();
        let made = execute(&transaction, REMEMBER, &[key, &request, &event.id, &event.at]).await?;
        if made == 0 {
            return repeated(&transaction, key, request).await;
        }
    }
    let found = rows(&transaction, CUSTOMER, &[&&*event.body.customer_id]).await?;
    let who = found.first().ok_or(Failure::UnknownCustomer)?;
    let customer: i64 = who.get(0);
    let (brand, kind) = (&*event.body.brand_id, &*event.body.kind);
    let (purchase, body) = (event.purchase(), Json(event.raw));
    execute(
        &transaction,
        EVENT,
        &[&event.id, &customer, &brand, &kind, &event.at, &purchase, &event.value, &body],
    )
    .await?;
    let mut recorded = Recorded { event: event.id, balance: None, campaigns: Vec::new() };
    if who.get(3) && kind == "PURCHASE" {
        process(&transaction, program, event, who, &mut recorded).await?;
    }
    transaction.commit().await?;
    Ok(recorded)
}

async fn repeated(transaction: &Transaction<'_>, key: &String, request: &[u8]) -> Result<Recorded, Failure> {
    let found = rows(transaction, REMEMBERED, &[key]).await?;
    let row = found.first().ok_or_else(|| Failure::Database("the key was there a moment ago".into()))?;
    if row.get::<_, &[u8]>(0) != request {
        return Err(Failure::KeyUsedOtherwise);
    }
    Ok(Recorded { event: row.get(1), balance: None, campaigns: Vec::new() })
}

/// What a purchase does to a customer who allows it. Campaigns see the customer as before the event.
async fn process(
    transaction: &Transaction<'_>,
    program: &Program,
    event: &Event<'_>,
    who: &Row,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    let (customer, tier, armed): (i64, i32, Option<SystemTime>) = (who.get(0), who.get(1), who.get(2));
    let year = year_of(event.at);
    let (mut purchases, mut spent_before) = (0_i64, 0_i64);
    for row in rows(transaction, METRICS, &[&customer, &year]).await? {
        if row.get::<_, i32>(0) == 0 {
            purchases = row.get(1);
        } else {
            spent_before = row.get(2);
        }
    }
    let mut soonest = None;
    let earned = program.candidates(event).of_customer_with(purchases);
    if !earned.campaigns.is_empty() {
        let made = rows(
            transaction,
            LOTS,
            &[&customer, &event.id, &event.at, &earned.campaigns, &earned.points, &earned.months],
        )
        .await?;
        let lots: Vec<i64> = made.iter().map(|row| row.get(0)).collect();
        let amounts: Vec<i64> = made.iter().map(|row| row.get(1)).collect();
        soonest = made.iter().map(|row| row.get::<_, SystemTime>(2)).min();
        execute(transaction, LEDGER, &[&customer, &event.id, &event.at, &lots, &amounts]).await?;
        let points: i64 = amounts.iter().sum();
        let paid = rows(transaction, WALLET, &[&customer, &points]).await?;
        recorded.balance = paid.first().map(|row| row.get(0));
        recorded.campaigns = earned.campaigns;
    }
    execute(transaction, COUNT, &[&customer, &year, &event.value, &event.at]).await?;
    let spent = spent_before + event.value;
    let (visits, spends) = (&program.visits, &program.spends);
    execute(transaction, VISITED, &[&customer, &event.at, &visits.audiences, &visits.days]).await?;
    let passed: Vec<i32> = spends.passed(spent_before, spent);
    if !passed.is_empty() {
        let made = rows(transaction, SPENT, &[&customer, &event.at, &year, &passed]).await?;
        soonest = soonest.into_iter().chain(made.iter().map(|row| row.get(0))).min();
    }
    let flips = visits.days.iter().filter_map(|days| u64::try_from(*days).ok());
    let flip = flips.min().map(|days| event.at + std::time::Duration::from_secs(days * 86_400));
    // An earlier wake-up is written at once; a later one when the one that is set fires.
    if let Some(soonest) = soonest.into_iter().chain(flip).min()
        && armed.is_none_or(|armed| soonest < armed)
    {
        execute(transaction, WAKE, &[&customer, &soonest]).await?;
        execute(transaction, ARMED, &[&customer, &soonest]).await?;
    }
    if let Some(reached) = program.tiers.reached(spent).filter(|reached| *reached > tier) {
        execute(transaction, TIER, &[&customer, &reached]).await?;
    }
    if !program.webhooks.is_empty() {
        execute(transaction, OUTBOX, &[&event.id as &Uuid, &event.at, &program.webhooks]).await?;
    }
    Ok(())
}

/// The year of an instant in UTC.
fn year_of(at: SystemTime) -> i32 {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    // Days since 1 March of the year 0, in eras of 400 years.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let after_new_year = u64::from(day_of_year >= 306);
    i32::try_from(era * 400 + year_of_era + after_new_year).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn years_change_at_new_year() {
        for (seconds, expected) in [
            (0, 1970),
            (31_535_999, 1970),
            (31_536_000, 1971),
            (951_782_400, 2000),
            (1_798_761_599, 2026),
            (1_798_761_600, 2027),
        ] {
            assert_eq!(year_of(UNIX_EPOCH + Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }
}
