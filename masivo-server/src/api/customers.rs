//! Customers: registration, profile, consent, tags, devices, deletion.

use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use masivo_core::Command;
use masivo_core::adjustment::{read_adjustment, read_void};
use masivo_core::customers::{read_identification, read_profile_change, read_registration};
use masivo_core::transfer::read_transfer;
use masivo_core::value::{Json, object};
use masivo_store::{Answer, Work};

pub(crate) async fn list(call: Call) -> Outcome {
    let (after, limit) = (call.text("after"), call.limit());
    Ok(Reply::page(call.read(move |query| query.customers(after.as_deref(), limit)).await?))
}

pub(crate) async fn get(call: Call) -> Outcome {
    let id = call.path("id");
    Ok(Reply::data(call.read(move |query| query.customer(&id)).await?))
}

pub(crate) async fn register(call: Call) -> Outcome {
    let (request, warnings) = read_registration(&call.body)?;
    Ok(call.command(Command::Register(request)).await?.created().warn(warnings))
}

pub(crate) async fn change(call: Call) -> Outcome {
    let (request, warnings) = read_profile_change(&call.body)?;
    let customer = call.path("id");
    Ok(call.command(Command::Patch { customer, request }).await?.warn(warnings))
}

pub(crate) async fn identify(call: Call) -> Outcome {
    let (request, warnings) = read_identification(&call.body)?;
    let customer = call.path("id");
    Ok(call.command(Command::Identify { customer, request }).await?.warn(warnings))
}

pub(crate) async fn delete(call: Call) -> Outcome {
    let customer = call.path("id");
    let command = Command::Delete { customer: customer.clone() };
    let _done: Answer = call.submit(Work::Customer(Box::new(command))).await?;
    Ok(Reply::data(object().with("id", customer).with("status", "DELETED")))
}

/// The wallet, now or as it was at an instant.
pub(crate) async fn wallet(call: Call) -> Outcome {
    let id = call.path("id");
    let zone = call.app.handle.program().settings().time_zone;
    let at = call.text("at").and_then(|text| zone.parse_date_or_time(&text));
    let now = call.app.handle.now();
    if let Some(at) = at.filter(|at| *at > now) {
        let message = format!("{at} has not come yet");
        return Err(Failure::problem("?at", "in_the_future", message, "ask for an instant that has passed"));
    }
    let shown = call.read(move |query| match at {
        Some(at) => query.wallet_at(&id, at),
        None => query.wallet(&id),
    });
    Ok(Reply::data(shown.await?))
}

pub(crate) async fn adjust(call: Call) -> Outcome {
    let (adjustment, warnings) = read_adjustment(&call.body)?;
    Ok(call.command(Command::Adjust { customer: call.path("id"), adjustment }).await?.warn(warnings))
}

pub(crate) async fn void(call: Call) -> Outcome {
    let (adjustment, warnings) = read_void(&call.body)?;
    Ok(call.command(Command::Adjust { customer: call.path("id"), adjustment }).await?.warn(warnings))
}

pub(crate) async fn transfer(call: Call) -> Outcome {
    let customer = call.path("id");
    let (transfer, warnings) = read_transfer(&customer, &call.body)?;
    Ok(call.command(Command::Transfer { customer, transfer }).await?.warn(warnings))
}

/// The customer's code of a referral campaign.
pub(crate) async fn referral_code(call: Call) -> Outcome {
    let text = |name: &str| call.body.text(name).map(ToOwned::to_owned);
    let work = Work::RequestReferralCode {
        customer: call.path("id"),
        campaign: text("campaign_id").unwrap_or_default().to_lowercase(),
        brand: text("brand_id"),
    };
    let answer = call.submit(work).await?;
    Ok(Reply::data(call.show(&answer)))
}

pub(crate) async fn history(call: Call) -> Outcome {
    let (id, limit) = (call.path("id"), call.limit());
    let before = call.query.integer("before").and_then(|before| u64::try_from(before).ok()).unwrap_or(0);
    Ok(Reply::page(call.read(move |query| query.history(&id, before, limit)).await?))
}

pub(crate) async fn consent(call: Call) -> Outcome {
    let id = call.path("id");
    Ok(Reply::data(call.read(move |query| query.consent(&id)).await?))
}

pub(crate) async fn consent_history(call: Call) -> Outcome {
    let id = call.path("id");
    Ok(Reply::data(call.read(move |query| query.consent_history(&id)).await?))
}

pub(crate) async fn set_consent(call: Call) -> Outcome {
    let consent = call.body.get("consent").cloned().unwrap_or_default();
    call.command(Command::SetConsent { customer: call.path("id"), consent }).await
}

pub(crate) async fn set_tags(call: Call) -> Outcome {
    let tags = call.body.get("tags").cloned().unwrap_or_default();
    call.command(Command::SetTags { customer: call.path("id"), tags }).await
}

/// Tags are named in the body, or in the query: `?tags=a,b`.
pub(crate) async fn remove_tags(call: Call) -> Outcome {
    let in_query = call.text("tags").unwrap_or_default();
    let in_query = in_query.split(',').map(str::trim).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    let in_body = call.body.get("tags").map_or(&[][..], Json::items).iter();
    let in_body = in_body.filter_map(Json::as_text).map(ToOwned::to_owned);
    let names: Vec<String> = in_query.chain(in_body).collect();
    if names.is_empty() {
        let message = "no tag is named".to_owned();
        return Err(Failure::problem(
            "/tags",
            "missing",
            message,
            r#"send {"tags": ["name"]} or ?tags=name"#,
        ));
    }
    call.command(Command::RemoveTags { customer: call.path("id"), names }).await
}

pub(crate) async fn add_device(mut call: Call) -> Outcome {
    let device = std::mem::take(&mut call.body);
    call.command(Command::AddDevice { customer: call.path("id"), device }).await
}

pub(crate) async fn remove_devices(call: Call) -> Outcome {
    call.command(Command::RemoveDevices { customer: call.path("id") }).await
}
