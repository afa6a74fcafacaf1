//! Handing one row over.

use super::Settings;
use crate::email::{Mail, Outcome};
use crate::http::{Client, PostError};
use crate::retry::{Verdict, next_attempt, verdict};
use crate::template::{Missing, RenderError, Template, Variable, Variables, render};
use crate::webhook::{Secret, check_url, headers};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use masivo_core::outgoing::Suppression;
use masivo_core::program::{MissingValue, TemplateSpec};
use masivo_core::value::{Json, Timestamp};
use masivo_store::{Content, Delivery, DeliveryResult};
use uuid::Uuid;

pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) settings: Settings,
}

/// What shares the bound on deliveries at the same time.
pub(super) fn destination(content: &Content) -> String {
    match content {
        Content::Webhook { url, .. } => url.clone(),
        Content::Email { .. } | Content::EraseMails { .. } => "email".into(),
        Content::Topic { .. } => "push".into(),
    }
}

impl Sender {
    pub(super) async fn send(&self, delivery: Delivery, wall: Timestamp) -> DeliveryResult {
        let Delivery { id, attempts, content } = delivery;
        match content {
            Content::Webhook { url, secret, body } => {
                self.call(id, attempts, &url, &secret, body, wall).await
            }
            Content::Email { to, from, template, variables, unsubscribe_url } => {
                let from = from.or_else(|| self.settings.email_from.clone());
                let Some(from) = from else { return DeliveryResult::Suppressed(Suppression::NoSender) };
                let rendered = match compose(&template, &variables) {
                    Ok(rendered) => rendered,
                    Err(reason) => return DeliveryResult::Suppressed(reason),
                };
                let mail = Mail {
                    message_id: message_id(id),
                    date_seconds: wall.seconds(),
                    from,
                    to,
                    subject: rendered.subject,
                    text: rendered.text,
                    html: rendered.html,
                    unsubscribe_url,
                    unsubscribe_mailto: None,
                };
                self.mail(id, attempts, &mail, wall).await
            }
            // The sender comes with messages by push.
            Content::Topic { .. } => DeliveryResult::Suppressed(Suppression::NoSender),
            Content::EraseMails { messages } => self.erase_mails(id, attempts, &messages, wall).await,
        }
    }

    async fn call(
        &self,
        id: Uuid,
        attempts: u32,
        url: &str,
        secret: &str,
        body: String,
        wall: Timestamp,
    ) -> DeliveryResult {
        let refused = |reason: String| DeliveryResult::Refused { reason, gone: false };
        let uri = match check_url(url, self.settings.allow_private_addresses) {
            Ok(uri) => uri,
            Err(problem) => return refused(format!("the address may not be called: {problem}")),
        };
        let Ok(secret) = Secret::parse(secret) else {
            return refused("the webhook's secret is damaged".into());
        };
        let message_id = format!("msg_{}", id.simple());
        let Ok(mut headers) = headers(&[secret], &message_id, wall.seconds(), body.as_bytes()) else {
            return refused("the message cannot be signed".into());
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.client.post(uri, headers, Bytes::from(body), self.settings.timeout).await;
        match answer {
            Ok(response) => {
                let status = response.status;
                match verdict(status) {
                    Verdict::Delivered => DeliveryResult::Confirmed { detail: format!("answered {status}") },
                    Verdict::Gone => DeliveryResult::Refused {
                        reason: "answered 410: the receiver is gone".into(),
                        gone: true,
                    },
                    Verdict::SlowDown | Verdict::Failed => {
                        later(id, attempts, format!("answered {status}"), response.retry_after_seconds, wall)
                    }
                }
            }
            Err(PostError::RefusedAddress) => refused("the name stands for a private address".into()),
            // A webhook is sent again also when its fate is unknown: its id tells the receiver that it is the same.
            Err(error) => later(id, attempts, error.to_string(), None, wall),
        }
    }

    async fn mail(&self, id: Uuid, attempts: u32, mail: &Mail, wall: Timestamp) -> DeliveryResult {
        let Some(transport) = &self.settings.email else {
            return DeliveryResult::Suppressed(Suppression::NoSender);
        };
        match transport.send(mail).await {
            Outcome::Delivered { detail } => DeliveryResult::Confirmed { detail },
            Outcome::Refused { reason } => DeliveryResult::Refused { reason, gone: false },
            Outcome::Later { reason } => later(id, attempts, reason, None, wall),
            Outcome::Unknown { reason } => DeliveryResult::Unknown { reason },
        }
    }

    async fn erase_mails(
        &self,
        id: Uuid,
        attempts: u32,
        messages: &[Uuid],
        wall: Timestamp,
    ) -> DeliveryResult {
        if let Some(transport) = &self.settings.email {
            for message in messages {
                if let Err(error) = transport.erase(&message_id(*message)).await {
                    return later(id, attempts, format!("a copy could not be removed: {error}"), None, wall);
                }
            }
        }
        DeliveryResult::Confirmed { detail: "no copy is left".into() }
    }
}

/// The Message-ID of an e-mail: the same on every attempt, whatever the sender is by then.
fn message_id(id: Uuid) -> String {
    format!("{}@message.masivo", id.hyphenated())
}

/// Not now: by the schedule, with some of the row's own id as jitter.
fn later(
    id: Uuid,
    attempts: u32,
    reason: String,
    retry_after: Option<u64>,
    wall: Timestamp,
) -> DeliveryResult {
    let (_, jitter) = id.as_u64_pair();
    let at = next_attempt(attempts.saturating_add(1), wall.milliseconds(), retry_after, jitter);
    DeliveryResult::Later { reason, at: at.map(Timestamp::from_milliseconds) }
}

fn compose(template: &TemplateSpec, variables: &Json) -> Result<crate::template::Rendered, Suppression> {
    let missing = match template.missing {
        MissingValue::Blank => Missing::Blank,
        MissingValue::Refuse => Missing::Refuse,
    };
    let source = Template {
        subject: template.subject.clone(),
        text: template.text.clone(),
        html: template.html.clone(),
    };
    render(&source, &roots(variables), missing).map_err(|error| match error {
        RenderError::MissingValue { .. } => Suppression::MissingValue,
        _ => Suppression::TemplateFault,
    })
}

fn roots(variables: &Json) -> Variables {
    variables.fields().iter().filter_map(|(name, value)| Some((name.to_string(), variable(value)?))).collect()
}

fn variable(json: &Json) -> Option<Variable> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => Variable::Flag(*flag),
        Json::Number(number) => Variable::Number(number.to_string()),
        Json::Text(text) => Variable::Text(text.clone()),
        Json::List(items) => Variable::List(items.iter().filter_map(variable).collect()),
        Json::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.to_string(), variable(value)?)));
            Variable::Map(fields.collect())
        }
    })
}
