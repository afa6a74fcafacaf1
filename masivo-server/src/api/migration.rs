//! Bringing in customers and their past from elsewhere: each row is judged alone and answered in order.

use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use crate::http::rows::{Row, each};
use masivo_core::Command;
use masivo_core::limits::MIGRATED_ROWS_MAX;
use masivo_core::migration::{read_migration, read_past_events, read_past_transactions, row_key};
use masivo_core::value::{Json, object};
use masivo_store::Answer;

/// Customers with their balances.
pub(crate) async fn customers(call: Call) -> Outcome {
    let read = |row: &Json| {
        let (migration, warnings) = read_migration(row)?;
        Ok(Row { command: Command::Migrate(migration), key: row_key(row).map(ToOwned::to_owned), warnings })
    };
    each(&call, "customers", read, brought_in).await
}

/// Past events, at most 1,000 over all customers.
pub(crate) async fn events(call: Call) -> Outcome {
    check_count(&call, "events")?;
    let read = |row: &Json| {
        let (past, warnings) = read_past_events(row)?;
        Ok(Row { command: Command::MigrateEvents(past), key: row_key(row).map(ToOwned::to_owned), warnings })
    };
    each(&call, "customers", read, brought_in).await
}

/// Past transactions, at most 1,000 over all customers.
pub(crate) async fn transactions(call: Call) -> Outcome {
    check_count(&call, "transactions")?;
    let read = |row: &Json| {
        let (past, warnings) = read_past_transactions(row)?;
        let command = Command::MigrateTransactions(past);
        Ok(Row { command, key: row_key(row).map(ToOwned::to_owned), warnings })
    };
    each(&call, "customers", read, brought_in).await
}

/// Refuses a call whose rows hold too much together.
fn check_count(call: &Call, what: &str) -> Result<(), Failure> {
    let rows = call.body.get("customers").map_or(&[][..], Json::items);
    let count: usize = rows.iter().map(|row| row.get(what).map_or(0, |items| items.items().len())).sum();
    if count <= MIGRATED_ROWS_MAX {
        return Ok(());
    }
    let message = format!("{count} {what} come at once");
    Err(Failure::problem("/customers", "too_many", message, "send at most 1,000 of them in one call"))
}

/// A row that was brought in is answered with its id.
fn brought_in(row: &Json, _: &Answer) -> Reply {
    Reply::data(object().with("id", row.text("id").unwrap_or_default())).created()
}
