//! The worker against a memory store, a local receiver and a folder.

use super::*;
use crate::email::Transport;
use masivo_core::Command;
use masivo_core::program::Kind;
use masivo_core::value::{Json, Timestamp};
use masivo_store::backend::Channel;
use masivo_store::query::MessageFilter;
use masivo_store::{Config, Engine, ManualClock, Request};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

struct House {
    engine: Engine,
    folder: PathBuf,
}

impl House {
    fn new(name: &str) -> Self {
        let clock = ManualClock::new(at("2026-01-01T00:00:00Z"));
        let folder = std::env::temp_dir().join(format!("masivo-worker-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        Self { engine: Engine::open(Config::memory(Arc::new(clock))).unwrap(), folder }
    }

    async fn define(&self, kind: Kind, id: Option<&str>, body: &str) -> Json {
        let work = Work::Define { kind, id: id.map(ToOwned::to_owned), body: json(body) };
        let answer = self.engine.handle().submit(work).await.unwrap();
        answer.to_json(&self.engine.handle().program())
    }

    async fn command(&self, command: Command) -> Answer {
        self.engine.handle().submit(Request::from(command)).await.unwrap()
    }

    async fn emit(&self, body: &str) {
        let (event, _) = masivo_core::events::read_event(&json(body), false).unwrap();
        self.command(Command::Emit(event)).await;
    }

    fn settings(&self) -> Settings {
        Settings {
            email: Some(Transport::Folder(self.folder.clone())),
            email_from: Some("Shop <hello@shop.example>".into()),
            allow_private_addresses: true,
            timeout: Duration::from_secs(5),
        }
    }

    fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

async fn cart_journey(house: &House) {
    house.define(Kind::Brand, Some("shop"), r#"{"name": "Shop"}"#).await;
    let template = house
        .define(
            Kind::Template,
            None,
            r#"{"name": "cart", "subject": "Hello {{customer.fullname}}", "text": "You left {{event.product.sku}}."}"#,
        )
        .await;
    let journey = format!(
        r#"{{"name": "cart", "trigger": {{"type": "event", "event_type": "ADD_TO_CART"}},
            "exit": [{{"event_type": "PURCHASE"}}],
            "steps": [{{"id": "wait", "type": "wait", "minutes": 60, "next": "mail"}},
                      {{"id": "mail", "type": "send_email", "template_id": "{}"}}]}}"#,
        template.text("id").unwrap()
    );
    house.define(Kind::Journey, None, &journey).await;
}

#[tokio::test]
async fn the_cart_mail_goes_out_after_an_hour_unless_the_customer_buys() {
    let house = House::new("cart");
    cart_journey(&house).await;
    for id in ["ana", "ben"] {
        let request = format!(r#"{{"id": "{id}", "name": "{id}", "email": "{id}@example.com"}}"#);
        house.command(Command::Register(json(&request))).await;
        let cart = format!(
            r#"{{"customer_id": "{id}", "brand_id": "shop", "type": "ADD_TO_CART", "product": {{"sku": "lamp"}}}}"#
        );
        house.emit(&cart).await;
    }
    let handle = house.engine.handle();
    handle.submit(Work::SetClock(at("2026-01-01T00:30:00Z"))).await.unwrap();
    house
        .emit(r#"{"customer_id": "ben", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 10}}"#)
        .await;
    handle.submit(Work::SetClock(at("2026-01-01T00:59:59.999Z"))).await.unwrap();
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 0);
    handle.submit(Work::SetClock(at("2026-01-01T01:00:00Z"))).await.unwrap();
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 1);
    let mails = house.mails();
    let filter = MessageFilter { limit: 10, ..MessageFilter::default() };
    let messages = handle.query().unwrap().messages(&filter).unwrap().items;
    assert_eq!(mails.len(), 1, "{messages:?}");
    assert!(mails[0].contains("Hello ana") && mails[0].contains("You left lamp."), "{}", mails[0]);
    // Deleting the customer takes the copy out of the folder too.
    house.command(Command::Delete { customer: "ana".into() }).await;
    deliver_due(&handle, &house.settings()).await.unwrap();
    assert!(house.mails().is_empty());
}

#[tokio::test]
async fn consent_is_asked_again_when_the_mail_is_handed_over() {
    let house = House::new("consent");
    cart_journey(&house).await;
    house
        .command(Command::Register(json(r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#)))
        .await;
    house
        .emit(r#"{"customer_id": "ana", "brand_id": "shop", "type": "ADD_TO_CART", "product": {"sku": "x"}}"#)
        .await;
    let handle = house.engine.handle();
    handle.submit(Work::SetClock(at("2026-01-01T01:00:00Z"))).await.unwrap();
    // The mail is queued; now the customer opts out.
    let consent = json(r#"{"purposes": {"email_marketing": false}}"#);
    house.command(Command::SetConsent { customer: "ana".into(), consent }).await;
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 0);
    assert!(house.mails().is_empty());
    let filter = MessageFilter { limit: 10, ..MessageFilter::default() };
    let messages = handle.query().unwrap().messages(&filter).unwrap().items;
    assert_eq!(messages[0].text("status"), Some("suppressed"));
    assert_eq!(messages[0].text("reason"), Some("consent"));
}

#[tokio::test]
async fn devices_that_follow_topics_wait_for_nobody_while_there_is_no_sender() {
    let house = House::new("topics");
    let (settings, list) = (r#"{"account_id": "shop"}"#, r#"{"name": "list", "type": "STATIC"}"#);
    house.define(Kind::Settings, None, settings).await;
    let audience = house.define(Kind::Audience, None, list).await.text("id").unwrap().to_owned();
    for id in ["ana", "ben"] {
        let request = format!(
            r#"{{"id": "{id}", "name": "{id}", "email": "{id}@example.com", "devices": [{{"device_token": "{id}'s"}}]}}"#
        );
        house.command(Command::Register(json(&request))).await;
        house.command(Command::Join { customer: id.into(), audience: audience.clone() }).await;
    }
    // Ben opts out before anything was handed over: his device is only told to leave.
    let consent = json(r#"{"purposes": {"push_notifications": false}}"#);
    house.command(Command::SetConsent { customer: "ben".into(), consent }).await;
    let handle = house.engine.handle();
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 2);
    let filter = MessageFilter { channel: Some(Channel::Topic), limit: 10, ..MessageFilter::default() };
    let rows = handle.query().unwrap().messages(&filter).unwrap().items;
    let shown =
        |row: &Json| ["customer_id", "action", "reason"].map(|name| row.text(name).unwrap().to_owned());
    let topic = format!("shop_audience_{audience}");
    assert!(rows.iter().all(|row| row.text("topic") == Some(&topic)), "{rows:?}");
    assert_eq!(
        rows.iter().map(shown).collect::<Vec<_>>(),
        [
            ["ana", "subscribe", "no_sender"],
            ["ben", "subscribe", "consent"],
            ["ben", "unsubscribe", "no_sender"]
        ]
    );
    let mails = MessageFilter { limit: 10, ..MessageFilter::default() };
    assert!(handle.query().unwrap().messages(&mails).unwrap().items.is_empty());
}

/// Answers so many requests with a status each, and gives what was sent.
async fn receiver(statuses: Vec<u16>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut requests = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0_u8; 4096];
            loop {
                let read = stream.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length: usize = head
                    .lines()
                    .find_map(|line| {
                        line.to_lowercase().strip_prefix("content-length: ").map(ToOwned::to_owned)
                    })
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    requests.push(text);
                    break;
                }
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (url, task)
}

#[tokio::test]
async fn webhooks_are_signed_and_a_failing_one_waits_for_its_next_attempt() {
    let house = House::new("webhook");
    let (url, received) = receiver(vec![500]).await;
    let webhook = format!(r#"{{"url": "{url}", "events": ["CUSTOMER_REGISTRATION"]}}"#);
    let webhook = house.define(Kind::Webhook, None, &webhook).await;
    house
        .command(Command::Register(json(r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#)))
        .await;
    let handle = house.engine.handle();
    let before = handle.clock().wall();
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 1);
    let request = received.await.unwrap().pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
        line.unwrap().split_once(": ").unwrap().1.to_owned()
    };
    let secret = crate::webhook::Secret::parse(webhook.text("secret").unwrap()).unwrap();
    let timestamp = header("webhook-timestamp").parse().unwrap();
    let expected = crate::webhook::sign(&secret, &header("webhook-id"), timestamp, body.as_bytes());
    assert_eq!(header("webhook-signature"), expected);
    let body = json(body);
    assert_eq!(
        (body.text("event"), body.text("type")),
        (Some("CUSTOMER_REGISTRATION"), Some("CUSTOMER_REGISTRATION"))
    );
    assert_eq!(body.path("data.customer_id").and_then(Json::as_text), Some("ana"));
    let deliveries =
        handle.query().unwrap().deliveries(webhook.text("id").unwrap(), None, None, 10).unwrap().items;
    assert_eq!(deliveries[0].text("status"), Some("queued"));
    assert_eq!(deliveries[0].text("reason"), Some("answered 500"));
    let next = at(deliveries[0].text("next_attempt_at").unwrap());
    assert!(next.since(before) >= 5_000, "{}", next.since(before));
    // Until then it is not tried, and a second report of the same row changes nothing.
    assert_eq!(deliver_due(&handle, &house.settings()).await.unwrap(), 0);
}
