//! Answers that succeed.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use masivo_core::problem::Problem;
use masivo_core::value::{Json, object};
use masivo_store::query::Page;

/// An answer: a status, the envelope, and what deserves a look.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    body: Json,
    content_type: &'static str,
    pub(crate) warnings: Vec<Problem>,
}

const JSON: &str = "application/json";

/// What a handler gives.
pub(crate) type Outcome = Result<Reply, super::error::Failure>;

impl Reply {
    /// The bare body, without the envelope.
    pub(crate) const fn plain(body: Json) -> Self {
        Self { status: StatusCode::OK, body, content_type: JSON, warnings: Vec::new() }
    }

    /// A text of another kind.
    pub(crate) const fn text(content_type: &'static str, text: String) -> Self {
        Self { status: StatusCode::OK, body: Json::Text(text), content_type, warnings: Vec::new() }
    }

    /// `{ data }`.
    pub(crate) fn data(data: impl Into<Json>) -> Self {
        Self::plain(object().with("data", data).build())
    }

    /// `{ data, next }`: a page, and where the next one starts.
    pub(crate) fn page(page: Page) -> Self {
        Self::plain(object().with("data", Json::List(page.items)).with("next", page.next).build())
    }

    /// `{ data, from, to, count }`: the items numbered `from` to `to`, and how many there are.
    pub(crate) fn window(items: Vec<Json>, from: i64, to: i64) -> Self {
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        let take = usize::try_from(to.saturating_sub(from).saturating_add(1)).unwrap_or(0);
        let data: Vec<Json> = items.into_iter().skip(skip).take(take).collect();
        Self::plain(
            object().with("data", data).with("from", from).with("to", to).with("count", count).build(),
        )
    }

    /// The same with status 201.
    pub(crate) fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// The same with more warnings.
    pub(crate) fn warn(mut self, warnings: Vec<Problem>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The same with another field in the envelope.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Json>) -> Self {
        self.body.set(name, value);
        self
    }

    /// The same without a field of its data.
    pub(crate) fn without(mut self, name: &str) -> Self {
        let mut data = self.body.get("data").cloned().unwrap_or_default();
        data.remove(name);
        self.body.set("data", data);
        self
    }

    /// The answer as a row of an answer to many.
    pub(crate) fn into_row(self) -> Json {
        let warnings: Vec<Json> = self.warnings.iter().map(Problem::to_json).collect();
        let mut row = object().with("status", u32::from(self.status.as_u16())).build();
        row.absorb(self.body);
        if !warnings.is_empty() {
            row.set("warnings", warnings);
        }
        row
    }
}

impl IntoResponse for Reply {
    fn into_response(mut self) -> Response {
        if !self.warnings.is_empty() {
            let warnings: Vec<Json> = self.warnings.iter().map(Problem::to_json).collect();
            self.body.set("warnings", warnings);
        }
        match self.body {
            Json::Text(text) if self.content_type != JSON => response(self.status, self.content_type, text),
            body => json_response(self.status, &body),
        }
    }
}

/// A response with a JSON body.
pub(crate) fn json_response(status: StatusCode, body: &Json) -> Response {
    response(status, JSON, body.to_text())
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
