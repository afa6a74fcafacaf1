//! Events: sent one by one or in batches, read, explained, fulfilled, reversed.

use crate::http::auth::Principal;
use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use crate::http::rows::{Row, each};
use masivo_core::events::{read_event, read_preview, read_reversal, read_reversal_plan};
use masivo_core::value::{Json, Timestamp, object, parse_uuid};
use masivo_core::{Command, Rejection, view};
use masivo_store::query::EventFilter;
use masivo_store::{Answer, Work};

/// An event's id in the path; what is no UUID is no event's id.
macro_rules! event_id {
    ($call:expr) => {{
        let id = $call.path("id");
        parse_uuid(&id).ok_or(Rejection::EventNotFound { id })?
    }};
}

pub(crate) async fn emit(call: Call) -> Outcome {
    let (event, warnings) = read_event(&call.body, call.principal != Principal::Server)?;
    let answer = call.submit(Work::Customer(Box::new(Command::Emit(event)))).await;
    let answer = answer.map_err(|failure| failure.for_principal(call.principal))?;
    Ok(Reply::data(show(&call, &answer)).warn(warnings))
}

/// The event as it is shown: a CLIENT key learns nothing of the customer.
fn show(call: &Call, answer: &Answer) -> Json {
    let mut event = call.show(answer);
    if call.principal != Principal::Server {
        let nothing = || Json::List(Vec::new());
        let result = object()
            .with("customer", object())
            .with("wallet", object())
            .with("accumulations", nothing())
            .with("redemptions", nothing())
            .with("punch_cards", nothing())
            .with("gift_card", nothing())
            .with("transactions", nothing());
        event.set("result", result);
        event.set("rewarding_campaigns", nothing());
        event.remove("explanation");
    }
    event
}

/// Many at once.
pub(crate) async fn batch(call: Call) -> Outcome {
    let read = |row: &Json| {
        let (event, warnings) = read_event(row, call.principal != Principal::Server)?;
        Ok(Row { command: Command::Emit(event), key: None, warnings })
    };
    each(&call, "events", read, |_, answer| Reply::data(show(&call, answer))).await
}

pub(crate) async fn list(call: Call) -> Outcome {
    let before = call.text("before").as_deref().and_then(parse_uuid);
    let filter = EventFilter { customer: call.text("customer_id"), before, limit: call.limit() };
    Ok(Reply::page(call.read(move |query| query.events(&filter)).await?))
}

pub(crate) async fn get(call: Call) -> Outcome {
    let id = event_id!(call);
    Ok(Reply::data(call.read(move |query| query.event(id)).await?))
}

pub(crate) async fn explain(call: Call) -> Outcome {
    let id = event_id!(call);
    Ok(Reply::data(call.read(move |query| query.explain(id)).await?))
}

pub(crate) async fn fulfill(call: Call) -> Outcome {
    let event = event_id!(call);
    call.command(Command::Fulfill { event }).await
}

pub(crate) async fn reverse(call: Call) -> Outcome {
    let event = event_id!(call);
    let (reversal, _) = read_reversal(&call.body)?;
    call.command(reversal.on(event)).await
}

/// What a reversal would come to; nothing is written.
pub(crate) async fn plan_reversal(call: Call) -> Outcome {
    let event = event_id!(call);
    let (reversal, warnings) = read_reversal_plan(&call.body)?;
    let answer = call.submit(Work::Try(Box::new(reversal.on(event)))).await?;
    Ok(Reply::data(call.show(&answer)).warn(warnings))
}

/// What redeeming would take off a cart; nothing is written.
pub(crate) async fn preview(call: Call) -> Outcome {
    let (event, warnings) = read_preview(&call.body)?;
    Ok(Reply::data(call.read(move |query| query.preview_redemption(&event)).await?).warn(warnings))
}

/// What campaigns would give for an event that is not sent; nothing is written.
pub(crate) async fn explain_unsent(call: Call) -> Outcome {
    let (event, warnings) = read_event(&call.body, false)?;
    let answer = call.submit(Work::Try(Box::new(Command::Emit(event)))).await?;
    let Answer::Event { record, .. } = &answer else { return Ok(Reply::data(call.show(&answer))) };
    let program = call.app.handle.program();
    Ok(Reply::data(view::explained(&program, record)).warn(warnings))
}

/// Expired events issued in a span of at most a year are fulfilled after all: up to 500 a call.
pub(crate) async fn fulfill_expired(call: Call) -> Outcome {
    let zone = call.app.handle.program().settings().time_zone;
    let written = |name: &str| call.body.text(name).unwrap_or_default().to_owned();
    let (start, end) = (written("start_date"), written("end_date"));
    let exact = |text: &str| Timestamp::parse(text).unwrap_or(Timestamp::EPOCH);
    let from = zone.start_of_written_date(&start).unwrap_or_else(|| exact(&start));
    // A bare date means that day to its end.
    let to = zone.start_of_written_date(&end).map_or_else(|| exact(&end), |day| zone.start_of_next_day(day));
    if to <= from {
        let message = format!("the span ends at {to}, not after its start {from}");
        return Err(Failure::problem("/end_date", "end_before_start", message, "end it later"));
    }
    if to > zone.start_of_next_day(zone.plus_months(from, 12)) {
        let message = format!("the span from {from} to {to} is longer than a year");
        return Err(Failure::problem(
            "/end_date",
            "span_too_long",
            message,
            "ask for at most a year at once",
        ));
    }
    let answer = call.submit(Work::FulfillExpired { from, to }).await?;
    let Answer::Count(count) = answer else { return Ok(Reply::data(call.show(&answer))) };
    let message = format!("{count} event(s) have been fulfilled");
    let details = "events that still lack what they redeem stay expired; at most 500 a call";
    Ok(Reply::data(object().with("count", count)).with("message", message).with("details", details))
}
