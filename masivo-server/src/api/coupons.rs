//! Coupons: redeeming codes, listing them, supplying more.

use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use axum::http::StatusCode;
use masivo_core::Command;
use masivo_core::coupons::read_redemption;
use masivo_core::events::EventRecord;
use masivo_core::fact::{EventReason, EventStatus};
use masivo_core::value::{Json, object};
use masivo_store::{Answer, Work};

/// What the product says when a condition has no text of its own.
const NOT_MET: &str = "Condition was not met";

/// Redeems a code; what it could not be redeemed for is an error with its reason, and is kept as a failed event.
pub(crate) async fn redeem(call: Call) -> Outcome {
    let (redemption, warnings) = read_redemption(&call.body)?;
    let answer = call.submit(Work::Customer(Box::new(Command::RedeemCoupon(redemption)))).await?;
    match &answer {
        Answer::Coupon { record, .. } if record.status == EventStatus::Failed => Err(refusal(&call, record)),
        _ => Ok(Reply::data(call.show(&answer)).warn(warnings)),
    }
}

/// Why nothing was given, in the product's words.
fn refusal(call: &Call, record: &EventRecord) -> Failure {
    let program = call.app.handle.program();
    let refused = |code: &'static str, error: &str, details: String| {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, code, error, details)
    };
    let head = record.head();
    if head.and_then(|head| head.reason.as_ref()) == Some(&EventReason::ConsentCouponCampaigns) {
        let details = "ask the customer for the purpose coupon_campaigns first".to_owned();
        return refused("consent_coupon_campaigns", "the customer does not allow coupons", details);
    }
    let at = head.map_or(record.fact.at, |head| head.issued_at);
    let explained = record.fact.explanation.as_ref().map(|explanation| explanation.in_words(&program, at));
    let skip = explained
        .as_ref()
        .and_then(|explained| explained.get("campaigns")?.items().first()?.get("skipped")?.items().first());
    let text = |name: &str| skip.and_then(|skip| skip.text(name)).unwrap_or_default().to_owned();
    match text("reason").as_str() {
        "not_running" => {
            let details = format!("its campaign is {}", text("status"));
            refused("campaign_not_running", "the campaign of the coupon does not run", details)
        }
        "condition" => {
            let own = skip.and_then(|skip| skip.path("condition.error_message")).and_then(Json::as_text);
            let requirement = own.unwrap_or(NOT_MET).to_owned();
            refused("condition_not_met", NOT_MET, text("text")).requiring(requirement)
        }
        "out_of_stock" => refused("out_of_stock", "the reward of the coupon is out of stock", text("change")),
        "coupon_used_up" => {
            refused("coupon_used_up", "the code was used as often as it may be", text("change"))
        }
        "customer_limit_reached" => {
            refused("customer_limit_reached", "the customer used up what the campaign allows", text("change"))
        }
        "campaign_limit_reached" | "budget_used_up" => {
            refused("campaign_used_up", "the campaign has given all it may", text("change"))
        }
        other => {
            let details = format!("{} {}", other.replace('_', " "), text("change"));
            refused("coupon_not_accepted", "no rule of the coupon's campaign gave anything", details)
        }
    }
}

/// The codes of a campaign, each with its uses.
pub(crate) async fn codes(call: Call) -> Outcome {
    let (id, after, limit) = (call.path("id"), call.text("after"), call.limit());
    Ok(Reply::page(call.read(move |query| query.codes(&id, after.as_deref(), limit)).await?))
}

/// Adds codes to a campaign, all or none.
pub(crate) async fn supply(call: Call) -> Outcome {
    let codes = call.body.get("codes").map_or(&[][..], Json::items);
    let codes = codes.iter().filter_map(Json::as_text).map(ToOwned::to_owned).collect();
    let answer = call.submit(Work::SupplyCodes { campaign: call.path("id"), codes }).await?;
    let Answer::Count(count) = answer else { return Ok(Reply::data(call.show(&answer))) };
    Ok(Reply::data(object().with("count", count)))
}
