//! One customer goes through the whole house, over HTTP.

use crate::house::{Answer, House, Receiver, at, json};
use axum::http::StatusCode;
use masivo_core::value::Json;
use standardwebhooks::Webhook;

/// The ids of what the story is set in.
struct Shop {
    reward: String,
    tier: String,
    audience: String,
    journey: String,
    webhook: String,
    secret: String,
}

async fn made(answer: Answer) -> Json {
    answer.data()
}

async fn open_shop(house: &House, url: &str) -> Shop {
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let reward = made(house.post("/rewards", r#"{"name": "Points", "type": "POINTS"}"#).await).await;
    let reward = at(&reward, "/id");
    let campaign = format!(
        r#"{{"name": "a point per dollar", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true,
            "rules": [{{"conditions": [], "effects": [{{"reward_id": "{reward}", "tier_id": null, "amount": 1,
                "per": {{"type": "order.value", "unit": 1}}, "expiration_date": "12/months"}}]}}]}}"#
    );
    let campaign = made(house.post("/campaigns?type=BEHAVIOR", &campaign).await).await;
    assert_eq!(at(&campaign, "/status"), "RUNNING");
    let tier = made(
        house
            .post(
                "/tiers",
                r#"{"name": "Silver", "level": 2, "entry_conditions": [[{"type":
                    "customer.metrics.this_year.spend_total", "operator": "greater_than_or_equal",
                    "primitive": "number", "value": 100}]]}"#,
            )
            .await,
    )
    .await;
    let audience = made(
        house
            .post(
                "/audiences",
                r#"{"name": "bought in 30 days", "conditions": [[{"type": "customer.metrics.lifetime.last_visit",
                    "operator": "within_last", "primitive": "relative_date", "value": "30/days"}]]}"#,
            )
            .await,
    )
    .await;
    let template = r#"{"name": "cart", "subject": "Hello {{customer.fullname}}", "text": "You left {{event.product.sku}}."}"#;
    let template = made(house.post("/templates", template).await).await;
    let journey = format!(
        r#"{{"name": "cart", "trigger": {{"type": "event", "event_type": "ADD_TO_CART"}},
            "exit": [{{"event_type": "PURCHASE"}}],
            "steps": [{{"id": "wait", "type": "wait", "minutes": 60, "next": "mail"}},
                      {{"id": "mail", "type": "send_email", "template_id": "{}"}}]}}"#,
        at(&template, "/id")
    );
    let journey = made(house.post("/journeys", &journey).await).await;
    let webhook = format!(
        r#"{{"url": "{url}", "events": ["CUSTOMER_REGISTRATION", "TIER_UPGRADE", "CUSTOMER_DELETED"]}}"#
    );
    let webhook = made(house.post("/webhooks", &webhook).await).await;
    Shop {
        reward,
        tier: at(&tier, "/id"),
        audience: at(&audience, "/id"),
        journey: at(&journey, "/id"),
        webhook: at(&webhook, "/id"),
        secret: at(&webhook, "/secret"),
    }
}

fn purchase(value: &str, more: &str) -> String {
    format!(
        r#"{{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": {value}}}{more}}}"#
    )
}

async fn points(house: &House) -> (String, String, String) {
    let wallet = house.get("/customers/ana/wallet").await.data();
    (at(&wallet, "/totals/0/total"), at(&wallet, "/totals/0/held"), at(&wallet, "/totals/0/debt"))
}

fn has(total: &str, held: &str, debt: &str) -> (String, String, String) {
    (total.into(), held.into(), debt.into())
}

#[tokio::test]
async fn one_customer_goes_through_the_whole_house() {
    let mut receiver = Receiver::new(StatusCode::OK).await;
    let house = House::new().await;
    let shop = open_shop(&house, &receiver.url).await;

    register_and_consent(&house).await;
    let bought = buy_and_rise(&house, &shop).await;
    redeem_in_every_way(&house, &shop).await;
    take_back(&house, &bought).await;
    hear_of_it(&house, &shop, &mut receiver).await;
    leave_the_audience_by_time(&house, &shop).await;
    get_a_mail(&house, &shop).await;
    points_expire(&house).await;
    be_deleted(&house, &shop, &mut receiver).await;
    house.ended().await;
}

async fn register_and_consent(house: &House) {
    assert_eq!(house.get("/customers/ana").await.code(404), "customer_not_found");
    let registered = house
        .post("/customers", r#"{"id": "ana", "name": "Ana", "email": "ana@example.com", "nickname": "A"}"#)
        .await
        .expect(201);
    assert_eq!(at(&registered, "/data/customer/metrics/lifetime/spend_total"), "0");
    assert_eq!(at(&registered, "/warnings/0/pointer"), "/nickname");
    let consent = r#"{"consent": {"purposes": {"behavioral_campaigns": true, "email_marketing": true}, "source": "web"}}"#;
    let consent = house.patch("/customers/ana/consent", consent).await.data();
    assert_eq!(at(&consent, "/consent/purposes/email_marketing"), "true");
    assert!(at(&consent, "/blocked").contains("push_notifications"));
    let history = house.get("/customers/ana/consent/history").await.data();
    assert_eq!((history.items().len(), at(&history, "/0/source").as_str()), (1, "web"));
}

async fn buy_and_rise(house: &House, shop: &Shop) -> String {
    let event = house.post("/behavior/events", &purchase("120.50", "")).await.data();
    assert_eq!(at(&event, "/status"), "RESOLVED");
    assert_eq!(at(&event, "/result/accumulations/0/amount"), "120");
    assert_eq!(at(&event, "/result/customer/tier_id"), shop.tier);
    assert_eq!(points(house).await, has("120", "0", "0"));
    let customer = house.get("/customers/ana").await.data();
    assert_eq!(at(&customer, "/customer/tier_id"), shop.tier);
    assert_eq!(at(&customer, "/customer/metrics/this_year/spend_total"), "120.5");
    assert_eq!(at(&customer, "/customer/audiences/0/id"), shop.audience);
    let audience = house.get(&format!("/audiences/{}", shop.audience)).await.data();
    assert_eq!(at(&audience, "/members_count"), "1");
    let members = house.get(&format!("/audiences/{}/members", shop.audience)).await.data();
    assert_eq!(at(&members, "/0/email"), "ana@example.com");
    let id = at(&event, "/id");
    let explained = house.get(&format!("/behavior/events/{id}/explain")).await.data();
    assert_eq!(at(&explained, "/campaigns/0/matched_rules"), "[0]");
    id
}

async fn redeem_in_every_way(house: &House, shop: &Shop) {
    let waiting = |days: u32| {
        purchase(
            "10",
            &format!(
                r#", "fulfilled": false, "reserve": {days}, "redeem": [{{"id": "{}", "amount": 50}}]"#,
                shop.reward
            ),
        )
    };
    // Held, then fulfilled: twice gives the same answer.
    let event = house.post("/behavior/events", &waiting(1)).await.data();
    assert_eq!(
        (at(&event, "/status"), at(&event, "/reservation_expires_at")),
        ("PENDING".into(), "2026-01-16T10:00:00.000Z".into())
    );
    assert_eq!(points(house).await, has("70", "50", "0"));
    let path = format!("/behavior/events/{}/fulfill", at(&event, "/id"));
    let fulfilled = house.patch(&path, "").await.data();
    assert_eq!(
        (at(&fulfilled, "/status"), at(&fulfilled, "/result/redemptions/0/amount")),
        ("RESOLVED".into(), "50".into())
    );
    assert_eq!(house.patch(&path, "").await.data(), fulfilled);
    assert_eq!(points(house).await, has("80", "0", "0"));
    // Held, then cancelled.
    let event = house.post("/behavior/events", &waiting(1)).await.data();
    let path = format!("/behavior/events/{}/reverse", at(&event, "/id"));
    assert_eq!(
        at(&house.post(&path, r#"{"reason": "changed their mind"}"#).await.data(), "/status"),
        "CANCELLED"
    );
    assert_eq!(points(house).await, has("80", "0", "0"));
    // Held, then expired at its very instant, and fulfilled after all.
    let event = house.post("/behavior/events", &waiting(2)).await.data();
    let path = format!("/behavior/events/{}", at(&event, "/id"));
    house.travel("2026-01-17T09:59:59.999Z").await;
    assert_eq!(at(&house.get(&path).await.data(), "/status"), "PENDING");
    house.travel("2026-01-17T10:00:00Z").await;
    assert_eq!(at(&house.get(&path).await.data(), "/status"), "EXPIRED");
    assert_eq!(points(house).await, has("80", "0", "0"));
    let done = house
        .post(
            "/customers/fulfill_expired_events",
            r#"{"start_date": "2026-01-15", "end_date": "2026-01-15"}"#,
        )
        .await
        .expect(200);
    assert_eq!(
        (at(&done, "/data/count"), at(&house.get(&path).await.data(), "/status")),
        ("1".into(), "RESOLVED".into())
    );
    assert_eq!(points(house).await, has("40", "0", "0"));
}

async fn take_back(house: &House, bought: &str) {
    let path = format!("/behavior/events/{bought}/reverse");
    assert_eq!(house.post(&path, "{}").await.code(400), "malformed");
    let reversed = house.post(&path, r#"{"reason": "returned"}"#).await.data();
    assert_eq!(at(&reversed, "/status"), "REVERSED");
    assert!(at(&reversed, "/receipt").contains("debt"), "{reversed}");
    assert_eq!(house.post(&path, r#"{"reason": "again"}"#).await.data(), reversed);
    // 120 were earned, 100 spent, 20 earned with what was bought by them: 80 are owed.
    assert_eq!(points(house).await, has("0", "0", "80"));
    let day = house.get("/transactions?date=17-01-2026&type=REVERSAL").await.data();
    assert!(!day.items().is_empty());
    let own = house.get("/customers/ana/transactions?type=ACCUMULATION").await.data();
    assert!(own.items().iter().all(|transaction| transaction.text("type") == Some("ACCUMULATION")));
    let customer = house.get("/customers/ana").await.data();
    assert_eq!(at(&customer, "/customer/metrics/lifetime/spend_total"), "20");
    let tiers = house.get("/tiers").await.data();
    assert_eq!(at(&customer, "/customer/tier_id"), at(&tiers, "/0/id"));
}

async fn hear_of_it(house: &House, shop: &Shop, receiver: &mut Receiver) {
    house.deliver().await;
    let mut heard = Vec::new();
    for _ in 0..2 {
        let (headers, body) = receiver.next().await;
        Webhook::new(&shop.secret).unwrap().verify(&body, &headers).unwrap();
        let tampered = [&body[..], b" "].concat();
        assert!(Webhook::new(&shop.secret).unwrap().verify(&tampered, &headers).is_err());
        let body = json(std::str::from_utf8(&body).unwrap());
        assert_eq!(at(&body, "/event"), at(&body, "/type"));
        assert_eq!(at(&body, "/data/customer_id"), "ana");
        heard.push(at(&body, "/event"));
    }
    heard.sort();
    assert_eq!(heard, ["CUSTOMER_REGISTRATION", "TIER_UPGRADE"]);
    let deliveries =
        house.get(&format!("/webhooks/{}/deliveries?status=confirmed", shop.webhook)).await.data();
    assert_eq!(deliveries.items().len(), 2);
}

async fn leave_the_audience_by_time(house: &House, shop: &Shop) {
    let path = format!("/audiences/{}", shop.audience);
    // The last visit that counts is that of 15 January, 10:00.
    house.travel("2026-02-14T09:59:59.999Z").await;
    assert_eq!(at(&house.get(&path).await.data(), "/members_count"), "1");
    house.travel("2026-02-14T10:00:00Z").await;
    assert_eq!(at(&house.get(&path).await.data(), "/members_count"), "0");
    assert_eq!(house.get(&format!("{path}/members")).await.data().items().len(), 0);
}

async fn get_a_mail(house: &House, shop: &Shop) {
    let cart =
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "ADD_TO_CART", "product": {"sku": "lamp"}}"#;
    let event = house.post("/behavior/events", cart).await.data();
    assert_eq!(at(&event, "/tracking_only"), "true");
    let instances = format!("/journeys/{}/instances", shop.journey);
    assert_eq!(at(&house.get(&instances).await.data(), "/0/step"), "wait");
    house.travel("2026-02-14T10:59:59.999Z").await;
    assert_eq!(house.deliver().await, 0);
    house.travel("2026-02-14T11:00:00Z").await;
    assert_eq!(house.deliver().await, 1);
    let mails = house.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("Hello Ana") && mails[0].contains("You left lamp."), "{}", mails[0]);
    let messages = house.get("/messages?customer_id=ana&status=confirmed").await.data();
    assert_eq!((messages.items().len(), at(&messages, "/0/step")), (1, "mail".into()));
    house.get(&format!("/messages/{}", at(&messages, "/0/id"))).await.data();
    assert!(house.get(&instances).await.data().items().is_empty());
    // Buying in between ends it: no second mail.
    house.post("/behavior/events", cart).await.data();
    house.post("/behavior/events", &purchase("200", "")).await.data();
    house.travel("2026-02-14T13:00:00Z").await;
    house.deliver().await;
    assert_eq!(house.mails().len(), 1);
}

async fn points_expire(house: &House) {
    // 200 earned, of which 80 paid the debt.
    assert_eq!(points(house).await, has("120", "0", "0"));
    house.travel("2027-02-14T10:59:59.999Z").await;
    assert_eq!(points(house).await, has("120", "0", "0"));
    house.travel("2027-02-14T11:00:00Z").await;
    assert_eq!(points(house).await, has("0", "0", "0"));
}

async fn be_deleted(house: &House, shop: &Shop, receiver: &mut Receiver) {
    let event = house.post("/behavior/events", &purchase("5", r#", "fulfilled": false"#)).await.data();
    house.deliver().await;
    let before = house.get("/reports/daily?from=2026-01-15&to=2026-01-15").await.data();
    assert_eq!(at(&house.delete("/customers/ana").await.data(), "/status"), "DELETED");
    assert_eq!(house.get("/customers/ana").await.code(410), "customer_deleted");
    assert_eq!(house.delete("/customers/ana").await.code(410), "customer_deleted");
    assert_eq!(house.post("/behavior/events", &purchase("5", "")).await.code(410), "customer_deleted");
    let path = format!("/behavior/events/{}", at(&event, "/id"));
    let erased = house.get(&path).await.data();
    assert_eq!(
        (at(&erased, "/status"), at(&erased, "/customer_id"), at(&erased, "/data")),
        ("CANCELLED".into(), String::new(), String::new())
    );
    assert_eq!(house.get("/reports/daily?from=2026-01-15&to=2026-01-15").await.data(), before);
    house.deliver().await;
    assert!(house.mails().is_empty());
    // A rise with the purchase of 200 was told before the deletion.
    loop {
        let (headers, body) = receiver.next().await;
        Webhook::new(&shop.secret).unwrap().verify(&body, &headers).unwrap();
        let body = json(std::str::from_utf8(&body).unwrap());
        if at(&body, "/event") == "CUSTOMER_DELETED" {
            assert_eq!(at(&body, "/data/customer_id"), "ana");
            break;
        }
    }
}
