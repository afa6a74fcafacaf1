//! One call a event: the database does everything.

use crate::answer::{Failure, Recorded};
use crate::event::Event;
use crate::program::Program;
use deadpool_postgres::Client;
use tokio_postgres::types::Json;

const CALL: &str = "SELECT outcome, event_id, balance, campaigns FROM record_event(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";

/// Records an event.
///
/// # Errors
/// When it is refused, or the database fails.
pub async fn record(client: &Client, program: &Program, event: &Event<'_>) -> Result<Recorded, Failure> {
    let candidates = program.candidates(event);
    let statement = client.prepare_cached(CALL).await?;
    let row = client
        .query_one(
            &statement,
            &[
                &event.key,
                &event.request.as_slice(),
                &event.id,
                &&*event.body.customer_id,
                &&*event.body.brand_id,
                &&*event.body.kind,
                &event.at,
                &event.purchase(),
                &event.value,
                &Json(event.raw),
                &candidates.campaigns,
                &candidates.points,
                &candidates.purchases_below,
                &candidates.months,
                &program.visits.audiences,
                &program.visits.days,
                &program.spends.audiences,
                &program.spends.bounds,
                &program.tiers.ids,
                &program.tiers.bounds,
                &program.webhooks,
            ],
        )
        .await?;
    if row.get::<_, &str>(0) == "conflict" {
        return Err(Failure::KeyUsedOtherwise);
    }
    let campaigns: Option<Vec<i32>> = row.get(3);
    Ok(Recorded { event: row.get(1), balance: row.get(2), campaigns: campaigns.unwrap_or_default() })
}
