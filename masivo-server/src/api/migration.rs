//! Bringing in customers and their past from elsewhere: each row is judged alone and answered in order.

use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use masivo_core::Command;
use masivo_core::limits::MIGRATED_ROWS_MAX;
use masivo_core::migration::{read_migration, read_past_events, row_key};
use masivo_core::problem::Problem;
use masivo_core::value::{Json, object};
use masivo_store::{Request as Submission, Work};

/// A row that was read, and what deserves a look in it.
type Read = Result<(Command, Vec<Problem>), Failure>;

/// Customers with their balances.
pub(crate) async fn customers(call: Call) -> Outcome {
    each(&call, |row| {
        let (migration, warnings) = read_migration(row)?;
        Ok((Command::Migrate(migration), warnings))
    })
    .await
}

/// Past events, at most 1,000 over all customers.
pub(crate) async fn events(call: Call) -> Outcome {
    let rows = call.body.get("customers").map_or(&[][..], Json::items);
    let count: usize =
        rows.iter().map(|row| row.get("events").map_or(0, |events| events.items().len())).sum();
    if count > MIGRATED_ROWS_MAX {
        let message = format!("{count} events come at once");
        return Err(Failure::problem(
            "/customers",
            "too_many",
            message,
            "send at most 1,000 events in one call",
        ));
    }
    each(&call, |row| {
        let (past, warnings) = read_past_events(row)?;
        Ok((Command::MigrateEvents(past), warnings))
    })
    .await
}

/// Submits what can be read of the rows; each is answered at its place.
async fn each(call: &Call, read: impl Fn(&Json) -> Read) -> Outcome {
    let rows = call.body.get("customers").map_or(&[][..], Json::items);
    let mut answers: Vec<Json> = vec![Json::Null; rows.len()];
    let (mut places, mut submissions) = (Vec::new(), Vec::new());
    for (index, (row, answer)) in rows.iter().zip(&mut answers).enumerate() {
        match call.check_row("customers", index).and_then(|()| read(row)) {
            Ok((command, warnings)) => {
                let of_call = || call.key.as_ref().map(|key| format!("{key}\u{1f}{index}"));
                let key = row_key(row).map(ToOwned::to_owned).or_else(of_call);
                submissions.push(Submission { work: Work::Customer(Box::new(command)), key });
                places.push((index, warnings));
            }
            Err(failure) => *answer = failure.into_row(),
        }
    }
    if !submissions.is_empty() {
        let results = call.app.handle.submit_all(submissions).await?;
        for (result, (index, warnings)) in results.into_iter().zip(places) {
            let row = match result {
                Ok(_) => {
                    let id = rows.get(index).and_then(|row| row.text("id")).unwrap_or_default();
                    Reply::data(object().with("id", id)).created().warn(warnings).into_row()
                }
                Err(error) => Failure::from(error).into_row(),
            };
            if let Some(answer) = answers.get_mut(index) {
                *answer = row;
            }
        }
    }
    Ok(Reply::data(answers))
}
