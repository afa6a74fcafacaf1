//! Many events in one call and one transaction.

use crate::answer::{Failure, Recorded};
use crate::event::Event;
use crate::program::{Candidates, Program};
use deadpool_postgres::Client;
use tokio_postgres::types::Json;

const CALL: &str = "SELECT place, outcome, event_id, balance FROM record_batch(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)";

/// Records events; the answers are in the order of the events.
///
/// # Errors
/// When the database fails: then nothing was recorded.
pub async fn record(
    client: &Client,
    program: &Program,
    events: &[Event<'_>],
) -> Result<Vec<Result<Recorded, Failure>>, Failure> {
    let Some(first) = events.first() else { return Ok(Vec::new()) };
    let mut all = Candidates::default();
    let (mut places, mut earned_from) = (Vec::new(), Vec::with_capacity(events.len()));
    for (place, event) in (1_i32..).zip(events) {
        let candidates = program.candidates(event);
        places.resize(places.len() + candidates.campaigns.len(), place);
        earned_from.push(candidates.campaigns.clone());
        all.campaigns.extend(candidates.campaigns);
        all.points.extend(candidates.points);
        all.purchases_below.extend(candidates.purchases_below);
        all.months.extend(candidates.months);
    }
    let statement = client.prepare_cached(CALL).await?;
    let rows = client
        .query(
            &statement,
            &[
                &first.at,
                &column(events, |event| event.key.as_deref()),
                &column(events, |event| event.request.as_slice()),
                &column(events, |event| event.id),
                &column(events, |event| &*event.body.customer_id),
                &column(events, |event| &*event.body.brand_id),
                &column(events, |event| &*event.body.kind),
                &column(events, |event| event.purchase()),
                &column(events, |event| event.value),
                &column(events, |event| Json(event.raw)),
                &places,
                &all.campaigns,
                &all.points,
                &all.purchases_below,
                &all.months,
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
    let mut answers: Vec<(i32, Result<Recorded, Failure>)> = Vec::with_capacity(rows.len());
    for row in &rows {
        let place: i32 = row.get(0);
        let answer = match row.get::<_, &str>(1) {
            "unknown" => Err(Failure::UnknownCustomer),
            "conflict" => Err(Failure::KeyUsedOtherwise),
            _ => {
                let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
                let campaigns = earned_from.get(index).cloned().unwrap_or_default();
                Ok(Recorded { event: row.get(2), balance: row.get(3), campaigns })
            }
        };
        answers.push((place, answer));
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn column<'a, T>(events: &'a [Event<'a>], of: impl Fn(&'a Event<'a>) -> T) -> Vec<T> {
    events.iter().map(of).collect()
}
