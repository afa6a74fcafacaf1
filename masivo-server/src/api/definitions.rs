//! Definitions: brands, event types, tiers, rewards, campaigns, audiences, templates, journeys, webhooks.

use super::window;
use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use masivo_connect::template::{self, Template};
use masivo_connect::webhook::{self, Secret};
use masivo_core::Rejection;
use masivo_core::problem::{Pointer, Report};
use masivo_core::program::{CampaignStatus, Kind, StoredDefinition, TEMPLATE, WEBHOOK};
use masivo_core::shape::{ObjectShape, Shape};
use masivo_core::value::{Json, Timestamp};
use masivo_store::{Answer, Work};

/// Lists every definition of a kind.
macro_rules! lists {
    ($($name:ident: $kind:ident,)*) => {
        $(pub(crate) async fn $name(call: Call) -> Outcome {
            Ok(Reply::data(call.read(|query| query.definitions(Kind::$kind)).await?))
        })*
    };
}

/// Reads the definition that the path names.
macro_rules! gets {
    ($($name:ident: $kind:ident,)*) => {
        $(pub(crate) async fn $name(call: Call) -> Outcome {
            let id = call.path("id");
            Ok(Reply::data(call.read(move |query| query.definition(Kind::$kind, &id)).await?))
        })*
    };
}

/// Writes a definition: without id a new one, otherwise the one that the path names.
macro_rules! writes {
    ($($make:ident, $write:ident: $kind:ident,)*) => {
        $(pub(crate) async fn $make(mut call: Call) -> Outcome {
            let body = std::mem::take(&mut call.body);
            Ok(define(&call, Kind::$kind, None, body).await?.created())
        }
        pub(crate) async fn $write(mut call: Call) -> Outcome {
            let body = std::mem::take(&mut call.body);
            define(&call, Kind::$kind, Some(call.path("id")), body).await
        })*
    };
}

lists! {
    brands: Brand, event_types: EventType, traits: Trait, tiers: Tier, audiences: Audience,
    templates: Template, journeys: Journey, webhooks: Webhook,
}
gets! {
    brand: Brand, event_type: EventType, computed_trait: Trait, tier: Tier, reward: Reward, campaign: Campaign, audience: Audience,
    template: Template, journey: Journey, webhook: Webhook,
}
writes! {
    make_tier, write_tier: Tier,
    make_reward, write_reward: Reward,
    make_audience, write_audience: Audience,
    make_journey, write_journey: Journey,
}

async fn define(call: &Call, kind: Kind, id: Option<String>, body: Json) -> Outcome {
    // Made of the request alone, so that a repeated answer warns of the same.
    let report = checked(kind.shape(), &body);
    // What was ignored is not kept; what is refused is for the core to refuse.
    let body = if report.has_problems() { body } else { Shape::Object(kind.shape()).prune(&body) };
    let warnings = report.warnings;
    let answer = call.submit(Work::Define { kind, id, body }).await?;
    Ok(Reply::data(show(call, kind, &answer)).warn(warnings))
}

/// A definition as it is shown right after it was written.
fn show(call: &Call, kind: Kind, answer: &Answer) -> Json {
    let mut shown = call.show(answer);
    if let (Kind::Campaign, Answer::Definition { stored, .. }) = (kind, answer) {
        // As of the writing, so that a repeated answer says the same.
        shown.set("status", campaign_status(stored).name());
    }
    shown
}

fn campaign_status(stored: &StoredDefinition) -> CampaignStatus {
    let (body, at) = (&stored.body, stored.changed_at);
    let instant = |name: &str| body.text(name).and_then(Timestamp::parse);
    if instant("end_date").is_some_and(|end| at >= end) {
        CampaignStatus::Finished
    } else if body.text("status") == Some("INACTIVE") {
        CampaignStatus::Paused
    } else if instant("start_date").is_some_and(|start| at < start) {
        CampaignStatus::Scheduled
    } else {
        CampaignStatus::Running
    }
}

pub(crate) async fn write_brand(mut call: Call) -> Outcome {
    let body = std::mem::take(&mut call.body);
    define(&call, Kind::Brand, Some(call.path("id")), body).await
}

pub(crate) async fn write_event_type(mut call: Call) -> Outcome {
    let body = std::mem::take(&mut call.body);
    define(&call, Kind::EventType, Some(call.path("id")), body).await
}

pub(crate) async fn write_trait(mut call: Call) -> Outcome {
    let body = std::mem::take(&mut call.body);
    define(&call, Kind::Trait, Some(call.path("id")), body).await
}

pub(crate) async fn settings(call: Call) -> Outcome {
    Ok(Reply::data(call.app.handle.program().settings_body().clone()))
}

pub(crate) async fn write_settings(mut call: Call) -> Outcome {
    let body = std::mem::take(&mut call.body);
    Ok(define(&call, Kind::Settings, None, body).await?.without("id").without("version"))
}

/// Rewards in a window, of a brand or a type.
pub(crate) async fn rewards(call: Call) -> Outcome {
    let (from, to) = window(&call)?;
    let mut rewards = call.read(|query| query.definitions(Kind::Reward)).await?;
    let (brand, kind) = (call.text("brand_id"), call.text("type"));
    rewards.retain(|reward| {
        is_of_brand(reward, brand.as_deref())
            && kind.as_deref().is_none_or(|kind| reward.text("type") == Some(kind))
    });
    Ok(Reply::window(rewards, from, to))
}

/// What is of a brand, or of all brands.
fn is_of_brand(definition: &Json, brand: Option<&str>) -> bool {
    match (brand, definition.text("brand_id")) {
        (Some(wanted), Some(of)) => wanted == of,
        (None, _) | (_, None) => true,
    }
}

/// Campaigns in a window, of a brand, type, status, label or funder.
pub(crate) async fn campaigns(call: Call) -> Outcome {
    let (from, to) = window(&call)?;
    let (customer, summary) = (call.text("customer_id"), call.query.get("include").is_some());
    let mut campaigns = call
        .read(move |query| match customer {
            Some(customer) => query.campaigns_open_to(&customer, summary),
            None if summary => query.campaigns_with_codes(),
            None => query.definitions(Kind::Campaign),
        })
        .await?;
    let [brand, kind, status, labels, funder] =
        ["brand_id", "type", "status", "labels", "funded_by"].map(|name| call.text(name));
    campaigns.retain(|campaign| {
        let is = |name: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| campaign.text(name) == Some(wanted))
        };
        let in_status = match status.as_deref() {
            Some("NOT FINISHED") => campaign.text("status") != Some("FINISHED"),
            _ => is("status", &status),
        };
        let labelled = labels.as_deref().is_none_or(|labels| {
            let has = campaign.get("labels").map_or(&[][..], Json::items);
            labels.split(',').any(|label| has.iter().any(|has| has.as_text() == Some(label.trim())))
        });
        in_status
            && labelled
            && is("type", &kind)
            && is("funded_by", &funder)
            && is_of_brand(campaign, brand.as_deref())
    });
    Ok(Reply::window(campaigns, from, to))
}

pub(crate) async fn make_campaign(mut call: Call) -> Outcome {
    let body = campaign_body(&mut call)?;
    Ok(define(&call, Kind::Campaign, None, body).await?.created())
}

pub(crate) async fn write_campaign(mut call: Call) -> Outcome {
    let body = campaign_body(&mut call)?;
    define(&call, Kind::Campaign, Some(call.path("id")), body).await
}

/// The body of a campaign, whose type must be the query's.
fn campaign_body(call: &mut Call) -> Result<Json, Failure> {
    let mut body = std::mem::take(&mut call.body);
    let wanted = call.text("type").unwrap_or_default();
    if let Some(written) = body.text("type").filter(|written| *written != wanted) {
        let message = format!("`type` is {} in the body and {wanted} in the query", written.escape_debug());
        return Err(Failure::problem(
            "/type",
            "type_differs",
            message,
            "send the same type, or only the query's",
        ));
    }
    body.set("type", wanted);
    Ok(body)
}

pub(crate) async fn make_template(mut call: Call) -> Outcome {
    let body = template_body(&mut call)?;
    Ok(define(&call, Kind::Template, None, body).await?.created())
}

pub(crate) async fn write_template(mut call: Call) -> Outcome {
    let body = template_body(&mut call)?;
    define(&call, Kind::Template, Some(call.path("id")), body).await
}

/// A template is tried before it is kept: what cannot be rendered is refused here.
fn template_body(call: &mut Call) -> Result<Json, Failure> {
    let body = std::mem::take(&mut call.body);
    let text = |name: &str| body.text(name).unwrap_or_default().to_owned();
    let html = body.text("html").map(ToOwned::to_owned);
    let problems = template::check(&Template { subject: text("subject"), text: text("text"), html });
    let mut report = checked(&TEMPLATE, &body);
    for problem in problems {
        let name = problem.field.to_string();
        let message = format!("line {}: {}", problem.line, problem.message);
        report.problem(&Pointer::root().field(&name), "template_fault", message, problem.hint);
    }
    Ok(report.into_result(body)?.0)
}

/// The problems of a body that is also checked for what its shape cannot say.
fn checked(shape: &'static ObjectShape, body: &Json) -> Report {
    let mut report = Report::default();
    Shape::Object(shape).check(body, &Pointer::root(), &mut report);
    report
}

pub(crate) async fn make_webhook(mut call: Call) -> Outcome {
    let body = webhook_body(&mut call)?;
    Ok(define(&call, Kind::Webhook, None, body).await?.created())
}

pub(crate) async fn write_webhook(mut call: Call) -> Outcome {
    let body = webhook_body(&mut call)?;
    let id = call.path("id");
    let reply = define(&call, Kind::Webhook, Some(id), body).await?;
    Ok(reply.without("secret"))
}

/// A webhook's URL must be one that may be called, and its secret one that can sign.
fn webhook_body(call: &mut Call) -> Result<Json, Failure> {
    let body = std::mem::take(&mut call.body);
    let mut report = checked(&WEBHOOK, &body);
    let root = Pointer::root();
    if let Some(url) = body.text("url") {
        let allow_private = call.app.settings.allow_private_addresses;
        if let Err(problem) = webhook::check_url(url, allow_private) {
            let hint = "use a public https address, for example https://example.com/hooks";
            report.problem(&root.field("url"), problem.code(), problem.to_string(), hint);
        }
    }
    if let Some(Err(problem)) = body.text("secret").map(Secret::parse) {
        let hint = "leave it out and one is made";
        report.problem(&root.field("secret"), "not_a_secret", problem.to_string(), hint);
    }
    Ok(report.into_result(body)?.0)
}

/// A webhook that is taken away is told nothing any more; what was delivered stays readable.
pub(crate) async fn remove_webhook(call: Call) -> Outcome {
    let id = call.path("id");
    let program = call.app.handle.program();
    let unknown = || Rejection::DefinitionNotFound { kind: "webhook", id: id.clone() };
    let mut body = program.webhook_by_id(&id).ok_or_else(unknown)?.body.clone();
    body.set("status", "INACTIVE");
    let reply = define(&call, Kind::Webhook, Some(id), body).await?;
    Ok(reply.without("secret"))
}
