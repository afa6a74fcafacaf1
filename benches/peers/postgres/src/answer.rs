//! What is answered: the same fields as the engine's answers where this load looks at them, and fewer of the others.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;
use uuid::Uuid;

/// What became of an event.
#[derive(Debug)]
pub struct Recorded {
    pub event: Uuid,
    pub balance: Option<i64>,
    pub campaigns: Vec<i32>,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Failure {
    Malformed(String),
    UnknownCustomer,
    KeyUsedOtherwise,
    Database(String),
}

impl Recorded {
    /// The answer as JSON.
    pub fn data(&self) -> String {
        let mut text = format!(r#"{{"id":"{}","status":"RESOLVED""#, self.event);
        if let Some(balance) = self.balance {
            let _ = write!(text, r#","wallet":{{"total":{balance}}}"#);
        }
        text.push_str(r#","rewarding_campaigns":["#);
        for (index, campaign) in self.campaigns.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(text, r#"{comma}{{"campaign_id":{campaign}}}"#);
        }
        text.push_str("]}");
        text
    }
}

impl Failure {
    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::UnknownCustomer => StatusCode::NOT_FOUND,
            Self::KeyUsedOtherwise => StatusCode::CONFLICT,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is said.
    pub fn error(&self) -> String {
        let text = match self {
            Self::Malformed(text) | Self::Database(text) => text,
            Self::UnknownCustomer => "there is no such customer",
            Self::KeyUsedOtherwise => "the idempotency key was used for another request",
        };
        serde_json::Value::from(text).to_string()
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&tokio_postgres::error::SqlState::NO_DATA_FOUND) {
            return Self::UnknownCustomer;
        }
        let text = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
        eprintln!("database: {text}");
        Self::Database(text)
    }
}

impl From<deadpool_postgres::PoolError> for Failure {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Database(error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        json(self.status(), format!(r#"{{"error":{}}}"#, self.error()))
    }
}

/// A response with a JSON body.
pub fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
