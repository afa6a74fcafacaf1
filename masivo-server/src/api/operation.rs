//! Running the server: access, keys, clock, sums, health.

use crate::codes::Refused;
use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::metrics;
use crate::http::respond::{Outcome, Reply};
use crate::keys::{self, NewKey};
use axum::http::StatusCode;
use masivo_core::Rejection;
use masivo_core::value::{Json, Timestamp, object};
use masivo_store::query::ReportFilter;
use masivo_store::{Answer, ApiKey, SubmitError, Work};
use std::time::Duration;

/// The longest span of daily sums in one answer, in days.
const REPORT_DAYS_MAX: i64 = 400;
/// How long the writer may take before the server counts as not ready.
const READY_TIME: Duration = Duration::from_secs(2);

/// Exchanges an API key for a token of one hour.
pub(crate) async fn authorize(call: Call) -> Outcome {
    let secret = call.headers.get("x-api-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = call.app.keys.by_secret(secret.trim()).ok_or_else(|| {
        Failure::unauthorized(
            "the API key is not valid",
            "send a key that was not revoked in the header x-api-key",
        )
    })?;
    let wall = call.app.handle.clock().wall();
    Ok(Reply::data(call.app.tokens.issue(&key.id, key.server, wall)))
}

/// Bytes of the metadata of a one-time code.
const METADATA_BYTES_MAX: usize = 4_000;

/// Makes a one-time code of a customer.
pub(crate) async fn make_code(call: Call) -> Outcome {
    let id = call.body.text("customer_id").unwrap_or_default().to_owned();
    let metadata = call.body.get("metadata").cloned().unwrap_or_default();
    if metadata.to_string().len() > METADATA_BYTES_MAX {
        let message = format!("it is longer than {METADATA_BYTES_MAX} bytes");
        return Err(Failure::problem("/metadata", "too_long", message, "keep it short"));
    }
    let asked = id.clone();
    let customer = call.read(move |query| query.customer(&asked)).await?;
    if customer.path("customer.status").and_then(Json::as_text) != Some("ACTIVE") {
        return Err(Rejection::CustomerInactive.into());
    }
    let random = keys::random().map_err(|error| Failure::not_ready(error.to_string()))?;
    let wallet = customer.path("wallet.id").and_then(Json::as_text).unwrap_or_default();
    let (key, now) = (call.key.as_deref(), call.app.handle.now());
    let made = call.app.codes.make(&id, wallet, metadata, key, now, random);
    let made = made.map_err(refused_code)?;
    let shown = object().with("code", made.code).with("expired_at", made.expires_at);
    Ok(Reply::data(shown).created())
}

/// Whose one-time code it is.
pub(crate) async fn take_code(call: Call) -> Outcome {
    let code = call.text("code").unwrap_or_default();
    let now = call.app.handle.now();
    let issued = call.app.codes.look(code.trim(), now).map_err(refused_code)?;
    let id = issued.customer.clone();
    let mut shown = call.read(move |query| query.customer(&id)).await?;
    let is = |path: &str, text: &str| shown.path(path).and_then(Json::as_text) == Some(text);
    if !is("wallet.id", &issued.wallet) {
        return Err(refused_code(Refused::Unknown));
    }
    if !is("customer.status", "ACTIVE") {
        return Err(Rejection::CustomerInactive.into());
    }
    // Of two who ask at once one is told.
    if !call.app.codes.void(&issued, now) {
        return Err(refused_code(Refused::Unknown));
    }
    shown.set("metadata", issued.metadata);
    Ok(Reply::data(shown))
}

fn refused_code(refused: Refused) -> Failure {
    match refused {
        Refused::Unknown => Failure::new(
            StatusCode::NOT_FOUND,
            "code_not_found",
            "there is no such code, it was used, or its five minutes are over",
            "ask the customer for a new one",
        ),
        Refused::TooManyFailures { seconds } => Failure::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "too many wrong codes came within a minute",
            "wait as long as Retry-After says",
        )
        .retry(seconds),
        Refused::KeyReused => Rejection::KeyReused.into(),
        Refused::Full => Failure::not_ready("too many one-time codes are out"),
    }
}

/// Makes a key. Its text is shown only now; repeating the request with the same Idempotency-Key shows it again.
pub(crate) async fn make_key(call: Call) -> Outcome {
    let name = call.body.text("name").unwrap_or_default();
    let server = call.body.text("kind") == Some("SERVER");
    let bytes = match &call.key {
        Some(key) => keys::derived(&call.app.handle.secret(), key),
        None => keys::random().map_err(|error| Failure::not_ready(error.to_string()))?,
    };
    let NewKey { kept, secret } = keys::make(&bytes, server, name, call.app.handle.clock().wall());
    let _alone = call.app.changing_keys.lock().await;
    let kept = match call.app.keys.by_id(&kept.id) {
        Some(known) if (known.hash, known.server, &*known.name) == (kept.hash, server, name) => known,
        Some(_) => return Err(Rejection::KeyReused.into()),
        None => {
            let _done: Answer = call.app.handle.submit(Work::CreateKey(kept.clone())).await?;
            call.app.load_keys().await?;
            kept
        }
    };
    let shown = object()
        .with("id", kept.id)
        .with("name", kept.name)
        .with("kind", kind(kept.server))
        .with("key", secret)
        .with("created_at", kept.created_at);
    Ok(Reply::data(shown).created())
}

const fn kind(server: bool) -> &'static str {
    if server { "SERVER" } else { "CLIENT" }
}

fn show_key(key: &ApiKey) -> Json {
    object()
        .with("id", key.id.as_str())
        .with("name", key.name.as_str())
        .with("kind", kind(key.server))
        .with("created_at", key.created_at)
        .with_some("revoked_at", key.revoked_at)
        .build()
}

pub(crate) async fn list_keys(call: Call) -> Outcome {
    let keys = call.read(|query| query.keys()).await?;
    Ok(Reply::data(keys.iter().map(show_key).collect::<Vec<Json>>()))
}

/// Revokes a key: it and its tokens open nothing from now on.
pub(crate) async fn revoke_key(call: Call) -> Outcome {
    let id = call.path("id");
    let _alone = call.app.changing_keys.lock().await;
    let _done: Answer = call.submit(Work::RevokeKey { id: id.clone() }).await?;
    call.app.load_keys().await?;
    Ok(Reply::data(object().with("id", id).with("status", "REVOKED")))
}

pub(crate) async fn clock(call: Call) -> Outcome {
    require_test_clock(&call)?;
    Ok(Reply::data(object().with("now", call.app.handle.now())))
}

/// Moves the test clock; everything due is applied before the answer.
pub(crate) async fn set_clock(call: Call) -> Outcome {
    require_test_clock(&call)?;
    let now = call.body.text("now").and_then(Timestamp::parse).unwrap_or(Timestamp::EPOCH);
    let answer = call.submit(Work::SetClock(now)).await?;
    Ok(Reply::data(call.show(&answer)))
}

/// Without a test clock the path is not there.
fn require_test_clock(call: &Call) -> Result<(), Failure> {
    if call.app.settings.test_clock { Ok(()) } else { Err(Failure::no_such_path()) }
}

/// Somebody says that the time after a jump of the clock is right.
pub(crate) async fn confirm_clock(call: Call) -> Outcome {
    let _done: Answer = call.submit(Work::ConfirmClock).await?;
    Ok(Reply::data(object().with("now", call.app.handle.now())))
}

/// Sums per UTC day: events, points by campaign, messages. The last 30 days when nothing is said.
pub(crate) async fn daily(call: Call) -> Outcome {
    let (from, to) = days(&call)?;
    Ok(Reply::data(call.read(move |query| query.daily(from, to)).await?))
}

/// What campaigns gave and what became of it.
pub(crate) async fn campaign_report(call: Call) -> Outcome {
    let (from, to) = days(&call)?;
    let by_day = call.text("by").as_deref() == Some("day");
    let filter = ReportFilter { from, to, by_day, campaign: call.text("campaign_id") };
    Ok(Reply::data(call.read(move |query| query.campaign_report(&filter)).await?))
}

/// What each funder's campaigns cost.
pub(crate) async fn funder_report(call: Call) -> Outcome {
    let (from, to) = days(&call)?;
    Ok(Reply::data(call.read(move |query| query.funder_report(from, to)).await?))
}

/// The span of UTC days that is asked for: the last 30 when nothing is said.
pub(super) fn days(call: &Call) -> Result<(i64, i64), Failure> {
    let day =
        |name: &str| call.text(name).as_deref().and_then(Timestamp::parse_date_or_time).map(Timestamp::day);
    let to = day("to").unwrap_or_else(|| call.app.handle.now().day());
    let from = day("from").unwrap_or_else(|| to.saturating_sub(30));
    if !(from..from.saturating_add(REPORT_DAYS_MAX)).contains(&to) {
        let message = format!("the span does not hold 1 to {REPORT_DAYS_MAX} days");
        return Err(Failure::problem(
            "?to",
            "not_a_span",
            message,
            "write both as YYYY-MM-DD, the later in `to`",
        ));
    }
    Ok((from, to))
}

/// The process is up.
pub(crate) async fn health(call: Call) -> Outcome {
    drop(call);
    Ok(Reply::plain(object().with("status", "up").build()))
}

/// The store can be read and the writer answers.
pub(crate) async fn ready(call: Call) -> Outcome {
    let _count: u64 = call.read(|query| query.customer_count()).await?;
    match tokio::time::timeout(READY_TIME, call.app.handle.submit(Work::Ping)).await {
        Ok(Ok(_) | Err(SubmitError::Rejected(_))) => {
            Ok(Reply::plain(object().with("status", "ready").build()))
        }
        Ok(Err(error)) => Err(Failure::not_ready(error.to_string())),
        Err(_) => Err(Failure::not_ready("the writer did not answer in time")),
    }
}

pub(crate) async fn prometheus(call: Call) -> Outcome {
    let text =
        call.app.metrics.text(&call.app.handle).map_err(|error| Failure::not_ready(error.to_string()))?;
    Ok(Reply::text(metrics::CONTENT_TYPE, text))
}

pub(crate) async fn openapi(call: Call) -> Outcome {
    Ok(Reply::plain((*call.app.openapi).clone()))
}
