//! Messages to customers and deliveries to webhooks: every send and every non-send, with its reason.

use crate::http::call::Call;
use crate::http::respond::{Outcome, Reply};
use masivo_core::Rejection;
use masivo_core::outgoing::DeliveryStatus;
use masivo_core::value::{object, parse_uuid};
use masivo_store::backend::Channel;
use masivo_store::query::MessageFilter;
use masivo_store::{Answer, Work};

pub(crate) async fn list(call: Call) -> Outcome {
    let filter = MessageFilter {
        channel: call.text("channel").as_deref().and_then(Channel::from_name),
        customer: call.text("customer_id"),
        journey: call.text("journey_id"),
        status: call.text("status").as_deref().and_then(DeliveryStatus::from_name),
        after: call.text("after").as_deref().and_then(parse_uuid),
        limit: call.limit(),
    };
    Ok(Reply::page(call.read(move |query| query.messages(&filter)).await?))
}

pub(crate) async fn get(call: Call) -> Outcome {
    let id = call.path("id");
    let message = parse_uuid(&id).ok_or(Rejection::DefinitionNotFound { kind: "message", id })?;
    Ok(Reply::data(call.read(move |query| query.message(message)).await?))
}

pub(crate) async fn deliveries(call: Call) -> Outcome {
    let (id, limit) = (call.path("id"), call.limit());
    let status = call.text("status").as_deref().and_then(DeliveryStatus::from_name);
    let after = call.text("after").as_deref().and_then(parse_uuid);
    Ok(Reply::page(call.read(move |query| query.deliveries(&id, status, after, limit)).await?))
}

/// Queues a delivery again that was given up.
pub(crate) async fn resend(call: Call) -> Outcome {
    let webhook = call.path("id");
    let program = call.app.handle.program();
    let unknown = || Rejection::DefinitionNotFound { kind: "webhook", id: webhook.clone() };
    program.webhook_by_id(&webhook).ok_or_else(unknown)?;
    let id = call.path("delivery_id");
    let not_found = || Rejection::DefinitionNotFound { kind: "delivery", id: id.clone() };
    let delivery = parse_uuid(&id).ok_or_else(not_found)?;
    let _done: Answer = call.submit(Work::Resend { id: delivery }).await?;
    Ok(Reply::data(object().with("id", delivery).with("status", "queued")))
}
