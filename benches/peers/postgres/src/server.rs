//! HTTP in front of the database, on the engine's paths.

use crate::answer::{Failure, Recorded, json};
use crate::event::Event;
use crate::program::Program;
use crate::{batch, function, statements};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use deadpool_postgres::Pool;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::str::FromStr;
use std::sync::Arc;

/// How an event is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Conventional tables, statement after statement in one transaction.
    Statements,
    /// Conventional tables, one call.
    Function,
    /// The shape of the engine's store, one call.
    Lean,
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "statements" => Ok(Self::Statements),
            "function" => Ok(Self::Function),
            "lean" => Ok(Self::Lean),
            _ => Err("expected statements, function or lean".into()),
        }
    }
}

impl Variant {
    /// Where its tables are.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Statements | Self::Function => "conventional",
            Self::Lean => "lean",
        }
    }
}

/// What handlers share.
#[derive(Debug)]
pub struct App {
    pub pool: Pool,
    pub program: Program,
    pub variant: Variant,
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/api/storefront/v1/behavior/events", post(emit))
        .route("/api/storefront/v1/behavior/events/batch", post(emit_batch))
        .route("/api/storefront/v1/customers/{id}/wallet", get(wallet))
        .layer(DefaultBodyLimit::max(16 << 20))
        .with_state(Arc::new(app))
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("idempotency-key")?.to_str().ok()?.to_owned())
}

async fn emit(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    match emit_one(&app, &headers, &body).await {
        Ok(recorded) => json(StatusCode::OK, format!(r#"{{"data":{}}}"#, recorded.data())),
        Err(failure) => failure.into_response(),
    }
}

async fn emit_one(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Recorded, Failure> {
    let raw: &RawValue =
        serde_json::from_slice(body).map_err(|error| Failure::Malformed(error.to_string()))?;
    let event = Event::read(raw, key_of(headers)).map_err(Failure::Malformed)?;
    let mut client = app.pool.get().await?;
    match app.variant {
        Variant::Statements => statements::record(&mut client, &app.program, &event).await,
        Variant::Function | Variant::Lean => function::record(&client, &app.program, &event).await,
    }
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

async fn emit_batch(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    match emit_many(&app, &headers, &body).await {
        Ok(rows) => json(StatusCode::OK, format!(r#"{{"data":[{}]}}"#, rows.join(","))),
        Err(failure) => failure.into_response(),
    }
}

/// Each row is judged alone and answered in order, as the engine does; one transaction keeps them all.
async fn emit_many(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Vec<String>, Failure> {
    let batch: Batch<'_> =
        serde_json::from_slice(body).map_err(|error| Failure::Malformed(error.to_string()))?;
    let key = key_of(headers);
    let mut answers: Vec<Option<String>> = Vec::with_capacity(batch.events.len());
    let mut events = Vec::with_capacity(batch.events.len());
    for (index, raw) in batch.events.into_iter().enumerate() {
        match Event::read(raw, key.as_ref().map(|key| format!("{key}\u{1f}{index}"))) {
            Ok(event) => {
                events.push(event);
                answers.push(None);
            }
            Err(problem) => answers.push(Some(row(&Err(Failure::Malformed(problem))))),
        }
    }
    let client = app.pool.get().await?;
    let recorded = batch::record(&client, &app.program, &events).await?;
    let mut recorded = recorded.iter();
    let lost = || Err(Failure::Database("no answer".into()));
    Ok(answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| recorded.next().map_or_else(|| row(&lost()), row)))
        .collect())
}

fn row(answer: &Result<Recorded, Failure>) -> String {
    match answer {
        Ok(recorded) => format!(r#"{{"status":200,"data":{}}}"#, recorded.data()),
        Err(failure) => {
            format!(r#"{{"status":{},"error":{}}}"#, failure.status().as_u16(), failure.error())
        }
    }
}

async fn wallet(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match balance_of(&app, &id).await {
        Ok(total) => json(StatusCode::OK, format!(r#"{{"data":{{"totals":[{{"total":{total}}}]}}}}"#)),
        Err(failure) => failure.into_response(),
    }
}

async fn balance_of(app: &App, id: &str) -> Result<i64, Failure> {
    let question = match app.variant {
        Variant::Lean => "SELECT balance FROM customer WHERE id = $1",
        Variant::Statements | Variant::Function => {
            "SELECT w.balance FROM wallet w JOIN customer c ON c.id = w.customer_id WHERE c.external_id = $1"
        }
    };
    let client = app.pool.get().await?;
    let row = client.query_opt(question, &[&id]).await?;
    Ok(row.ok_or(Failure::UnknownCustomer)?.get(0))
}
