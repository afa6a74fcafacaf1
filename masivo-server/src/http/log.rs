//! One line a request, without anything personal: the path is the route's pattern, never what was asked for.

use super::error::Failure;
use super::metrics::Metrics;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The pattern of the route that answered, for log and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matched(pub(crate) &'static str);

/// Gives every request a number that nobody chose.
#[derive(Debug)]
pub(crate) struct RequestIds {
    run: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Numbers of one run of the server.
    pub(crate) fn new() -> Self {
        let mut run = [0; 8];
        // Without randomness the numbers are still unique within this run.
        let _filled: Result<(), getrandom::Error> = getrandom::fill(&mut run);
        Self { run: u64::from_be_bytes(run) & 0xffff_ffff, next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:08x}-{:x}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of the request being answered.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Says in the log what failed inside; the answer only names the request.
pub(crate) fn failure(code: &str, cause: &str) {
    tracing::error!(target: "masivo_server::failure", request_id = request_id(), code, cause);
}

/// What the log and the metrics need.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) ids: RequestIds,
    pub(crate) metrics: Arc<Metrics>,
}

/// The outermost layer: numbers the request, times it, logs one line and counts it.
pub(crate) async fn observe(State(observer): State<Arc<Observer>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = observer.ids.next();
    let method = known(request.method());
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    let path = response.extensions().get::<Matched>().map_or("unmatched", |matched| matched.0);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "masivo_server::request", method, path, status, milliseconds, request_id = %id);
    observer.metrics.count(method, path, status, took);
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// The method, when it is one that HTTP knows: others are chosen by the sender.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// A panic becomes a 500 with the request's number; its text may be personal and stays out of the answer.
pub(crate) fn panicked(_text: Box<dyn Any + Send>) -> Response {
    Failure::panicked().into_response()
}
