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
use masivo_store::{Answer, CodePool, Work};

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
    let explained = record.fact.explanation.as_ref().map(|explanation| explanation.to_json(&program));
    let skipped =
        explained.as_ref().and_then(|explained| explained.get("campaigns")?.items().first()?.get("skipped"));
    // Of several rules the one that came furthest says what is lacking.
    let skip = skipped.map_or(&[][..], Json::items).iter().min_by_key(|skip| how_far(skip));
    let text = |name: &str| skip.and_then(|skip| skip.text(name)).unwrap_or_default().to_owned();
    match text("reason").as_str() {
        "not_running" => {
            let details = format!("the campaign is {}", text("status"));
            refused("campaign_not_running", "the campaign of the coupon does not run", details)
        }
        "condition" => {
            let own = skip.and_then(|skip| skip.path("condition.error_message")).and_then(Json::as_text);
            let requirement = own.unwrap_or(NOT_MET).to_owned();
            let details = "GET /behavior/events/{id}/explain says which condition and what it saw".to_owned();
            refused("condition_not_met", NOT_MET, details).requiring(requirement)
        }
        "out_of_stock" => {
            let details = "the code can be redeemed when there is stock again".to_owned();
            refused("out_of_stock", "the reward of the coupon is out of stock", details)
        }
        "coupon_used_up" => {
            let details = "hand out another code".to_owned();
            refused("coupon_used_up", "the code was used as often as it may be", details)
        }
        "customer_limit_reached" => {
            let details = "other customers may still redeem it".to_owned();
            refused("customer_limit_reached", "the customer used it as often as one customer may", details)
        }
        "campaign_limit_reached" | "budget_used_up" => {
            let details = "raise the campaign's budget or limits to give more".to_owned();
            refused("campaign_used_up", "the campaign has given all it may", details)
        }
        other => {
            let details = format!("the campaign's rule says {}", other.replace('_', " "));
            refused("coupon_not_accepted", "no rule of the coupon's campaign gave anything", details)
        }
    }
}

/// How far a rule came before it was skipped, the furthest first.
fn how_far(skip: &Json) -> u8 {
    match skip.text("reason").unwrap_or_default() {
        "coupon_used_up"
        | "customer_limit_reached"
        | "out_of_stock"
        | "campaign_limit_reached"
        | "budget_used_up" => 0,
        "condition" => 1,
        _ => 2,
    }
}

/// The codes of a campaign, each with its uses.
pub(crate) async fn codes(call: Call) -> Outcome {
    list_codes(&call, CodePool::Campaign(call.path("id"))).await
}

/// Adds codes to a campaign, all or none.
pub(crate) async fn supply(call: Call) -> Outcome {
    supply_to(&call, CodePool::Campaign(call.path("id"))).await
}

/// The codes of a campaign or gift card.
pub(super) async fn list_codes(call: &Call, pool: CodePool) -> Outcome {
    let (after, limit) = (call.text("after"), call.limit());
    Ok(Reply::page(call.read(move |query| query.codes(&pool, after.as_deref(), limit)).await?))
}

/// Adds codes to a campaign or gift card.
pub(super) async fn supply_to(call: &Call, pool: CodePool) -> Outcome {
    let codes = call.body.get("codes").map_or(&[][..], Json::items);
    let codes = codes.iter().filter_map(Json::as_text).map(ToOwned::to_owned).collect();
    let answer = call.submit(Work::SupplyCodes { pool, codes }).await?;
    let Answer::Count(count) = answer else { return Ok(Reply::data(call.show(&answer))) };
    Ok(Reply::data(object().with("count", count)))
}
