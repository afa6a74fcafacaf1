//! Every entry of the table is driven once; `house` holds each answer against its declared shape.

use crate::house::{House, Receiver, at, json};
use axum::http::StatusCode;
use masivo_server::routes::{Output, table};

const CONDITIONS: &str =
    r#"[[{"type": "Order Value", "operator": "grater than", "primitive": "currency", "value": 1}]]"#;

#[tokio::test]
async fn every_endpoint_answers_as_it_says() {
    let receiver = Receiver::new(StatusCode::GONE).await;
    let house = House::new().await;
    operation(&house).await;
    definitions(&house).await;
    customers(&house).await;
    events(&house).await;
    messages(&house, &receiver.url).await;
    let answered = house.answered.lock().unwrap().clone();
    let missing: Vec<String> = table()
        .filter(|route| !matches!(route.output, Output::NotYet))
        .filter(|route| !answered.contains(&(route.method.name(), route.path)))
        .map(|route| format!("{} {}", route.method.name(), route.path))
        .collect();
    assert!(missing.is_empty(), "not driven: {missing:#?}");
    for route in table().filter(|route| matches!(route.output, Output::NotYet)) {
        let path = route.path.replace("{id}", "x").replace("/api/storefront/v1", "");
        assert_eq!(house.ask(route.method.name(), &path, "").await.code(501), "not_supported_yet", "{path}");
    }
    house.ended().await;
}

async fn operation(house: &House) {
    assert_eq!(at(&house.get("/_/health").await.expect(200), "/status"), "up");
    assert_eq!(at(&house.get("/_/ready").await.expect(200), "/status"), "ready");
    let description = house.get("/_/openapi.json").await.expect(200);
    assert_eq!(description, masivo_server_description(&description));
    let metrics = house.send("GET", "/_/metrics", &[], Vec::new()).await;
    assert!(
        metrics.text.contains(r#"masivo_http_requests_total{method="GET",path="/health",status="200"} 1"#),
        "{}",
        metrics.text
    );
    assert!(metrics.text.ends_with("# EOF\n"));
    let page = house.send("GET", "/_/docs/", &[], Vec::new()).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    house.send("GET", "/auth/authorize", &[("x-api-key", crate::house::KEY)], Vec::new()).await.data();
    let key = house.post("/keys", r#"{"name": "app", "kind": "CLIENT"}"#).await.expect(201);
    house.get("/keys").await.data();
    house.delete(&format!("/keys/{}", at(&key, "/data/id"))).await.data();
    house.get("/settings").await.data();
    let settings = house.put("/settings", r#"{"time_zone": "America/Guayaquil"}"#).await.data();
    assert_eq!(
        (at(&settings, "/time_zone"), at(&settings, "/currency")),
        ("America/Guayaquil".into(), "USD".into())
    );
    house.get("/test_clock").await.data();
    house.travel("2026-01-15T10:00:00Z").await;
    house.post("/clock/confirm", "").await.data();
    // HEAD is answered as GET, without a body.
    let head = house.ask("HEAD", "/settings", "").await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}

/// What the library describes is what the server serves.
fn masivo_server_description(served: &masivo_core::value::Json) -> masivo_core::value::Json {
    let described = json(&masivo_server::describe().to_string());
    assert_eq!(described.fields().len(), served.fields().len());
    described
}

async fn definitions(house: &House) {
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    for path in ["/brands", "/brands/shop", "/tiers"] {
        house.get(path).await.data();
    }
    house.put("/event_types/VISIT", r#"{"loyalty": true, "description": "came by"}"#).await.data();
    house.get("/event_types").await.data();
    house.get("/event_types/VISIT").await.data();
    let value = r#"{"value": {"type": "events.count", "event": "VISIT"}}"#;
    house.put("/traits/visits", value).await.data();
    house.get("/traits").await.data();
    house.get("/traits/visits").await.data();
    let tier = r#"{"name": "Gold", "level": 2, "entry_conditions": [[{"type": "customer.metrics.lifetime.spend_total", "operator": "greater_than", "value": 1000}]]}"#;
    let path = format!("/tiers/{}", at(&house.post("/tiers", tier).await.expect(201), "/data/id"));
    house.get(&path).await.data();
    assert_eq!(at(&house.put(&path, &tier.replace("Gold", "Or")).await.data(), "/version"), "2");
    let reward = r#"{"name": "Points", "type": "POINTS", "brand_id": "shop", "attributes": {"conversion_factor": 0.1}}"#;
    let reward_id = at(&house.post("/rewards", reward).await.expect(201), "/data/id");
    house.put(&format!("/rewards/{reward_id}"), reward).await.data();
    house.get(&format!("/rewards/{reward_id}")).await.data();
    let window = house.get("/rewards?from=0&to=9&brand_id=shop&type=POINTS").await.expect(200);
    assert_eq!(
        (at(&window, "/from"), at(&window, "/to"), at(&window, "/count")),
        ("0".into(), "9".into(), "1".into())
    );
    assert_eq!(at(&house.get("/rewards?from=0&to=9&brand_id=other").await.expect(200), "/count"), "0");
    campaigns(house, &reward_id).await;
    for (path, body) in [
        ("/audiences", r#"{"name": "everybody", "conditions": []}"#),
        (
            "/templates",
            r#"{"name": "hello", "subject": "Hello", "text": "Hello {{customer.name}}", "missing": "refuse"}"#,
        ),
    ] {
        let one = format!("{path}/{}", at(&house.post(path, body).await.expect(201), "/data/id"));
        house.get(path).await.data();
        house.get(&one).await.data();
        house.put(&one, body).await.data();
    }
}

async fn campaigns(house: &House, reward: &str) {
    let native = format!(
        r#"{{"name": "native", "brand_id": "shop", "attributes": {{"trigger": "PURCHASE", "privacy": "PUBLIC"}},
            "withoutEndDate": true, "labels": ["spring", "sale"], "funded_by": "MARKETING",
            "rules": [{{"conditions": {CONDITIONS}, "effects": [{{"reward_id": "{reward}", "tier_id": null, "amount": 5}}]}}]}}"#
    );
    let made = house.post("/campaigns?type=BEHAVIOR", &native).await.expect(201);
    let path = format!("/campaigns/{}", at(&made, "/data/id"));
    assert_eq!(at(&house.get(&path).await.data(), "/rules/0/effects/0/amount"), "5");
    // The dashboard's form: rules as JSON text, selects for lists.
    let rules = format!(r#"[{{"conditions": [], "effects": [{{"reward_id": "{reward}", "amount": 1}}]}}]"#);
    let dashboard = format!(
        r#"{{"name": "form", "attributes": {{"trigger": "VISIT"}}, "status": "INACTIVE", "start_date": "2026-01-20",
            "end_date": "2026-03-01", "labels": [{{"label": "Summer", "value": "summer"}}], "metadata": "{{}}",
            "platforms": [{{"label": "Web", "value": "web"}}], "rules": {}}}"#,
        masivo_core::value::Json::from(rules)
    );
    let form = house.post("/campaigns?type=BEHAVIOR", &dashboard).await.expect(201);
    assert_eq!((at(&form, "/data/status"), at(&form, "/data/platforms/0")), ("PAUSED".into(), "web".into()));
    let started =
        house.put(&format!("{path}?type=BEHAVIOR"), &native.replace("\"amount\": 5", "\"amount\": 6")).await;
    assert_eq!(started.code(409), "campaign_fixed");
    let paused = native.replace("\"native\"", "\"native\", \"status\": \"INACTIVE\"");
    let answer = house.put(&format!("{path}?type=BEHAVIOR"), &paused).await.data();
    assert_eq!(at(&answer, "/status"), "PAUSED");
    let resumed = house.put(&format!("{path}?type=BEHAVIOR"), &native).await.data();
    assert_eq!(at(&resumed, "/status"), "RUNNING");
    for (filter, expected) in [
        ("", "2"),
        ("?from=0&to=0", "2"),
        ("?status=RUNNING", "1"),
        ("?status=NOT%20FINISHED", "2"),
        ("?status=NOT+FINISHED&type=BEHAVIOR", "2"),
        ("?status=FINISHED", "0"),
        ("?labels=winter,sale", "1"),
        ("?funded_by=MARKETING", "1"),
        ("?brand_id=shop", "2"),
        ("?type=COUPONS", "0"),
        ("?nonsense=1", "2"),
    ] {
        assert_eq!(
            at(&house.get(&format!("/campaigns{filter}")).await.expect(200), "/count"),
            expected,
            "{filter}"
        );
    }
    let coupons = native.replace("\"trigger\": \"PURCHASE\"", "\"max_uses\": 2").replace(CONDITIONS, "[]");
    let coupons = house.post("/campaigns?type=COUPONS", &coupons).await.data();
    let codes = format!("/campaigns/{}/codes", at(&coupons, "/id"));
    house.post(&codes, r#"{"codes": ["ENDPOINT-1"]}"#).await.data();
    house.get(&codes).await.data();
    let warned = house.get("/campaigns?nonsense=1").await.expect(200);
    assert_eq!(at(&warned, "/warnings/0/pointer"), "?nonsense");
}

async fn customers(house: &House) {
    house
        .post(
            "/customers",
            r#"{"id": "ana/1 \u00fc", "name": "Ana", "email": "ana@example.com", "dob": "1990-05-17T00:00:00Z", "gender": "FEMALE",
                "document_type": "ID", "document_number": "1", "country": "EC", "phone": "+593", "phone_verified": true,
                "platforms": ["web"], "tags": {"vip": true, "size": 7}, "metadata": {"any": {"thing": [1]}},
                "devices": [{"device_token": "t", "device_info": {"platform": "ios", "model": "x", "osVersion": "1"}}],
                "consent": {"consent_string": "CPx", "vendors": {"1": true}, "purposes": {}}}"#,
        )
        .await
        .expect(201);
    // An id may be anything; it is only encoded in the path.
    let path = "/customers/ana%2F1%20%C3%BC";
    for more in ["", "/wallet", "/consent", "/consent/history", "/history?limit=1", "/transactions?year=2026"]
    {
        house.get(&format!("{path}{more}")).await.data();
    }
    house.patch(path, r#"{"name": "Anna", "metadata": {"x": 1}}"#).await.data();
    house.patch(&format!("{path}/consent"), r#"{"consent": {}}"#).await.data();
    house.patch(&format!("{path}/tags"), r#"{"tags": {"b": "x", "c": 1.5}}"#).await.data();
    let left = house.delete(&format!("{path}/tags?tags=vip,size")).await.data();
    assert_eq!(at(&left, "/customer/tags"), r#"{"b":"x","c":1.5}"#);
    house.ask("DELETE", &format!("{path}/tags"), r#"{"tags": ["b"]}"#).await.data();
    house.patch(&format!("{path}/devices"), r#"{"device_token": "u"}"#).await.data();
    house.delete(&format!("{path}/devices")).await.data();
    house.post("/customers", r#"{"id": "ghost", "is_anonymous": true}"#).await.expect(201);
    let identified = r#"{"name": "Gus", "email": "gus@example.com", "new_id": "gus"}"#;
    house.patch("/customers/ghost/identify/anonymous", identified).await.data();
    assert_eq!(house.get("/customers/ghost").await.code(404), "customer_not_found");
    let first = house.get("/customers?limit=1").await.expect(200);
    assert_eq!(at(&first, "/next"), "ana/1 \u{fc}");
    let second = house.get("/customers?limit=1&after=ana%2F1%20%C3%BC").await.expect(200);
    assert_eq!((at(&second, "/data/0/id"), at(&second, "/next")), ("gus".into(), String::new()));
    house.post("/customers", r#"{"id": "gone", "is_anonymous": true}"#).await.expect(201);
    house.delete("/customers/gone").await.data();
}

async fn events(house: &House) {
    let event = r#"{"customer_id": "gus", "brand_id": "shop", "type": "PURCHASE", "platform": "web",
        "order": {"value": 20, "discounted_value": 18.5, "purchase_id": "1", "payment_method": "CREDIT", "store_id": "s1",
                  "products": [{"sku": "a", "amount": 1, "value": 20, "tags": {"new": true}}], "shipping": {"value": 1}},
        "attribution": {"utm_source": "mail"}, "tags": {"x": 1}}"#;
    let made = house.post("/behavior/events", event).await.data();
    assert_eq!(at(&made, "/result/accumulations/0/amount"), "5");
    let path = format!("/behavior/events/{}", at(&made, "/id"));
    house.get(&path).await.data();
    let moved = r#"{"customers": [{"id": "mia", "name": "Mia", "email": "mia@example.com", "registration_date": "2020-01-01"}]}"#;
    house.post("/customers/migrate", moved).await.data();
    let past = r#"{"customers": [{"id": "mia", "events": [{"type": "PURCHASE", "issued_at": "2025-01-01", "order": {"value": 9}}]}]}"#;
    house.post("/customers/migrate/events", past).await.data();
    house
        .post("/customers/migrate/transactions", r#"{"customers": [{"id": "mia", "transactions": []}]}"#)
        .await
        .data();
    let points = at(&house.get("/rewards?from=0&to=0").await.expect(200), "/data/0/id");
    let gift = format!(r#"{{"reward_id": "{points}", "amount": 9, "reason": "x"}}"#);
    let lot = at(&house.post("/customers/mia/wallet/adjust", &gift).await.data(), "/wallet/lines/0/lot");
    house.post("/customers/mia/wallet/void", &format!(r#"{{"lot": {lot}, "reason": "x"}}"#)).await.data();
    let hand = r#""attributes": {"transferable": true}"#;
    let body = format!(r#"{{"name": "Points", "type": "POINTS", {hand}}}"#);
    house.put(&format!("/rewards/{points}"), &body).await.data();
    house.post("/customers/mia/wallet/adjust", &gift).await.data();
    let gift = format!(r#"{{"to_customer_id": "gus", "reward_id": "{points}", "amount": 1, "reason": "x"}}"#);
    house.post("/customers/mia/wallet/transfer", &gift).await.data();
    let code = at(&house.post("/auth/totp", r#"{"customer_id": "mia"}"#).await.data(), "/code");
    house.get(&format!("/auth/totp/verify?code={code}")).await.data();
    house.get(&format!("{path}/explain")).await.data();
    house.post("/behavior/events/explain", event).await.data();
    house.put("/events/redeem/preview", event).await.data();
    house.post(&format!("{path}/reverse/plan"), "").await.data();
    house.post("/behavior/events/batch", &format!(r#"{{"events": [{event}]}}"#)).await.data();
    let listed = house.get("/behavior/events?customer_id=gus&limit=1").await.expect(200);
    let next = at(&listed, "/next");
    assert_eq!(
        house.get(&format!("/behavior/events?customer_id=gus&before={next}")).await.data().items().len(),
        2
    );
    house.get("/behavior/events").await.data();
    house
        .post(
            "/coupons/redeem",
            r#"{"customer_id": "gus", "code": "endpoint1", "brand_id": "shop", "platform": "web"}"#,
        )
        .await
        .data();
    let waiting = event.replace("\"platform\": \"web\"", "\"fulfilled\": false");
    let waiting = at(&house.post("/behavior/events", &waiting).await.data(), "/id");
    house.patch(&format!("/behavior/events/{waiting}/fulfill"), "").await.data();
    house.post(&format!("{path}/reverse"), r#"{"reason": "returned"}"#).await.data();
    let days = r#"{"start_date": "2026-01-01", "end_date": "2026-01-31", "colour": "red"}"#;
    let done = house.post("/customers/fulfill_expired_events", days).await.expect(200);
    assert_eq!(at(&done, "/warnings/0/pointer"), "/colour");
    assert!(!house.get("/transactions?date=15-01-2026").await.data().items().is_empty());
    house.get("/reports/daily").await.data();
    house.get("/reports/campaigns?by=day").await.data();
    house.get("/reports/funders").await.data();
    codes(house, &points).await;
}

/// What customers get by code.
async fn codes(house: &House, points: &str) {
    let referrals = format!(
        r#"{{"name": "friends", "withoutEndDate": true, "attributes": {{"trigger": "PURCHASE"}},
            "rules": [{{"effects": [{{"reward_id": "{points}", "amount": 1}}]}}]}}"#
    );
    let referrals = at(&house.post("/campaigns?type=REFERRALS", &referrals).await.expect(201), "/data/id");
    let ask = format!(r#"{{"campaign_id": "{referrals}"}}"#);
    house.post("/customers/gus/referrals/request-code", &ask).await.data();
    let card = r#"{"name": "card", "type": "GIFT_CARD"}"#;
    let card = at(&house.post("/rewards", card).await.expect(201), "/data/id");
    house.post(&format!("/rewards/{card}/codes"), r#"{"codes": ["CARD-0001"]}"#).await.data();
    house.get(&format!("/rewards/{card}/codes")).await.data();
    let campaign = format!(
        r#"{{"name": "cards", "withoutEndDate": true, "attributes": {{"trigger": "VISIT"}},
            "rules": [{{"effects": [{{"reward_id": "{card}", "amount": 1}}]}}]}}"#
    );
    house.post("/campaigns?type=BEHAVIOR", &campaign).await.expect(201);
    let visit = r#"{"customer_id": "gus", "brand_id": "shop", "type": "VISIT"}"#;
    house.post("/behavior/events", visit).await.data();
    house.get("/customers/gus/rewards/gift-cards").await.data();
    house.get("/gift_cards/card0001").await.data();
    house.post("/gift_cards/redeem", r#"{"code": "CARD-0001"}"#).await.data();
}

async fn messages(house: &House, url: &str) {
    let webhook = format!(r#"{{"url": "{url}", "events": ["TIER_UPGRADE", "CUSTOMER_CONSENT"]}}"#);
    let made = house.post("/webhooks", &webhook).await.expect(201);
    assert!(at(&made, "/data/secret").starts_with("whsec_"), "{made}");
    let path = format!("/webhooks/{}", at(&made, "/data/id"));
    for answer in [house.get(&path).await, house.put(&path, &webhook).await, house.get("/webhooks").await] {
        assert!(!answer.text.contains("whsec_"), "{}", answer.text);
        answer.data();
    }
    house
        .patch("/customers/gus/consent", r#"{"consent": {"purposes": {"email_marketing": true}}}"#)
        .await
        .data();
    house.deliver().await;
    let dead = house.get(&format!("{path}/deliveries?status=refused")).await.data();
    let resend = format!("{path}/deliveries/{}/resend", at(&dead, "/0/id"));
    house.post(&resend, "").await.data();
    assert_eq!(at(&house.delete(&path).await.data(), "/status"), "INACTIVE");
    let template = at(&house.get("/templates").await.data(), "/0/id");
    let journey = format!(
        r#"{{"name": "hello", "trigger": {{"type": "event", "event_type": "VISIT"}},
            "steps": [{{"id": "mail", "type": "send_email", "template_id": "{template}", "next": "wait"}},
                      {{"id": "wait", "type": "wait", "minutes": 5}}]}}"#
    );
    let path = format!("/journeys/{}", at(&house.post("/journeys", &journey).await.expect(201), "/data/id"));
    house.get("/journeys").await.data();
    house.get(&path).await.data();
    house.put(&path, &journey).await.data();
    let visit = r#"{"customer_id": "gus", "brand_id": "shop", "type": "VISIT"}"#;
    house.post("/behavior/events", visit).await.data();
    assert_eq!(at(&house.get(&format!("{path}/instances")).await.data(), "/0/step"), "wait");
    let messages = house.get("/messages?customer_id=gus").await.data();
    house.get(&format!("/messages/{}", at(&messages, "/0/id"))).await.data();
    let list =
        at(&house.post("/audiences", r#"{"name": "list", "type": "STATIC"}"#).await.expect(201), "/data/id");
    let members = format!("/audiences/{list}/members");
    house.post(&members, r#"{"customers": ["gus"]}"#).await.data();
    house.get(&members).await.data();
    house.get(&format!("{members}/gus/explain")).await.data();
    house.get(&format!("{members}?at=2020-01-01")).await.data();
    let history = house.get(&format!("/audiences/{list}/history")).await.data();
    assert_eq!(at(&history, "/0/what"), "entered");
    house.get(&format!("/audiences/{list}/sizes")).await.data();
    house.post(&format!("/audiences/{list}/recalculate"), "").await.data();
    let rule =
        r#"[[{"type": "customer.metrics.lifetime.spend_total", "operator": "greater_than", "value": 1}]]"#;
    let body = format!(r#"{{"name": "spenders", "conditions": {rule}}}"#);
    let spenders = at(&house.post("/audiences", &body).await.expect(201), "/data/id");
    house.get(&format!("/audiences/{spenders}/members/gus/explain")).await.data();
    house.post("/audiences/preview", &format!(r#"{{"conditions": {rule}, "exact": true}}"#)).await.data();
    house.ask("DELETE", &members, r#"{"customers": ["gus"]}"#).await.data();
}
