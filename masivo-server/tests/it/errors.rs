//! Every error is the same envelope, whatever was wrong.

use crate::house::{House, KEY, at};

/// Method, path, body, expected status and code.
const CASES: &[(&str, &str, &str, u16, &str)] = &[
    // What is not there.
    ("GET", "/nothing", "", 404, "path_not_found"),
    ("GET", "/_/", "", 404, "path_not_found"),
    ("GET", "/_/docs/nothing.js", "", 404, "path_not_found"),
    ("GET", "/customers/nobody", "", 404, "customer_not_found"),
    ("PATCH", "/customers/nobody", "{}", 404, "customer_not_found"),
    ("DELETE", "/customers/nobody", "", 404, "customer_not_found"),
    ("GET", "/customers/nobody/wallet", "", 404, "customer_not_found"),
    ("GET", "/behavior/events/not-a-uuid", "", 404, "event_not_found"),
    ("GET", "/behavior/events/0197b0de-7c5e-7000-8000-000000000001", "", 404, "event_not_found"),
    ("PATCH", "/behavior/events/0197b0de-7c5e-7000-8000-000000000001/fulfill", "", 404, "event_not_found"),
    ("GET", "/rewards/x", "", 404, "definition_not_found"),
    ("PUT", "/rewards/x", r#"{"name": "P", "type": "POINTS"}"#, 404, "definition_not_found"),
    ("GET", "/messages/x", "", 404, "definition_not_found"),
    ("DELETE", "/webhooks/x", "", 404, "definition_not_found"),
    ("POST", "/webhooks/x/deliveries/y/resend", "", 404, "definition_not_found"),
    // What the path does not know.
    ("PUT", "/customers/ana", "{}", 405, "method_not_allowed"),
    ("DELETE", "/tiers", "", 405, "method_not_allowed"),
    ("BREW", "/tiers", "", 405, "method_not_allowed"),
    // What is not there yet.
    ("POST", "/coupons/redeem", "{}", 400, "malformed"),
    ("POST", "/coupons/redeem", r#"{"customer_id": "ana", "code": "NOTHERE"}"#, 404, "coupon_not_found"),
    ("GET", "/campaigns/x/codes", "", 404, "definition_not_found"),
    ("POST", "/campaigns/x/codes", r#"{"codes": ["ABCDEF"]}"#, 404, "definition_not_found"),
    ("POST", "/customers/migrate", "", 400, "malformed"),
    ("POST", "/customers/migrate/events", r#"{"customers": 1}"#, 400, "malformed"),
    ("POST", "/customers/migrate/transactions", "", 400, "malformed"),
    ("GET", "/campaigns?include=EVERYTHING", "", 400, "malformed"),
    ("GET", "/campaigns?customer_id=nobody", "", 404, "customer_not_found"),
    // What is no JSON.
    ("POST", "/customers", "", 400, "malformed"),
    ("POST", "/customers", "{", 400, "malformed"),
    ("POST", "/customers", "[1,", 400, "malformed"),
    ("POST", "/customers", "NaN", 400, "malformed"),
    ("POST", "/customers", "[]", 400, "malformed"),
    ("POST", "/customers", "null", 400, "malformed"),
    ("POST", "/customers", r#"{"id": "a"} x"#, 400, "malformed"),
    // Wrong values.
    ("POST", "/customers", r#"{"id": 7, "name": [], "email": "x"}"#, 400, "malformed"),
    ("POST", "/customers", r#"{"id": "a\u0000", "is_anonymous": true}"#, 400, "malformed"),
    ("POST", "/customers", r#"{"id": "ana", "is_anonymous": true}"#, 409, "customer_exists"),
    ("POST", "/customers", r#"{"id": "b", "name": "B", "email": "ANA@example.com"}"#, 409, "email_taken"),
    (
        "PATCH",
        "/customers/ana/identify/anonymous",
        r#"{"name": "A", "email": "a@example.com"}"#,
        409,
        "not_anonymous",
    ),
    ("PATCH", "/customers/ana/consent", "{}", 400, "malformed"),
    (
        "PATCH",
        "/customers/ana/consent",
        r#"{"consent": {"purposes": {"email_marketing": "yes"}}}"#,
        400,
        "malformed",
    ),
    ("PATCH", "/customers/ana/tags", r#"{"tags": {"a": [1]}}"#, 400, "malformed"),
    ("DELETE", "/customers/ana/tags", "", 400, "malformed"),
    ("PATCH", "/customers/ana/devices", "{}", 400, "malformed"),
    // Events.
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "x", "type": "PURCHASE", "order": {"value": 1}}"#,
        422,
        "unknown_brand",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "DANCE"}"#,
        422,
        "unknown_event_type",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "REGISTRATION"}"#,
        422,
        "reserved_event_type",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}, "redeem": [{"id": "0197b0de-7c5e-7000-8000-000000000001", "amount": 1}]}"#,
        422,
        "unknown_reward",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}, "issued_at": "2026-01-15T10:00:01Z"}"#,
        400,
        "issued_in_future",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}, "issued_at": "2026-01-12T09:59:59Z"}"#,
        400,
        "issued_too_long_ago",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": -1}}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1e300}}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 0.12345678901234567890}}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": "5"}}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE"}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/behavior/events",
        r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}, "reserve": 0, "fulfilled": false}"#,
        400,
        "malformed",
    ),
    ("POST", "/behavior/events/batch", r#"{"events": {}}"#, 400, "malformed"),
    ("POST", "/behavior/events/batch", r#"{"events": [], "more": 1}"#, 400, "malformed"),
    (
        "POST",
        "/customers/fulfill_expired_events",
        r#"{"start_date": "2024-01-01", "end_date": "2026-01-01"}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/customers/fulfill_expired_events",
        r#"{"start_date": "2026-01-02", "end_date": "2026-01-01"}"#,
        400,
        "malformed",
    ),
    // Queries.
    ("GET", "/rewards", "", 400, "malformed"),
    ("GET", "/rewards?from=x&to=9", "", 400, "malformed"),
    ("GET", "/rewards?from=9&to=0", "", 400, "malformed"),
    ("GET", "/rewards?from=0&to=5000", "", 400, "malformed"),
    ("GET", "/rewards?from=0&from=1&to=2", "", 400, "malformed"),
    ("GET", "/customers?limit=0", "", 400, "malformed"),
    ("GET", "/customers?limit=NaN", "", 400, "malformed"),
    ("GET", "/customers?page=1", "", 400, "malformed"),
    ("GET", "/campaigns?status=SLEEPING", "", 400, "malformed"),
    ("GET", "/transactions", "", 400, "malformed"),
    ("GET", "/transactions?date=2026-01-15", "", 400, "malformed"),
    ("GET", "/transactions?date=31-02-2026", "", 400, "malformed"),
    ("GET", "/reports/daily?from=2020-01-01&to=2026-01-01", "", 400, "malformed"),
    ("GET", "/customers/%FF", "", 400, "malformed"),
    // Definitions.
    ("POST", "/tiers", r#"{"name": "Silver", "level": 2}"#, 400, "malformed"),
    ("POST", "/tiers", r#"{"name": "Other", "level": 1}"#, 400, "malformed"),
    ("POST", "/rewards", r#"{"name": "Cut", "type": "DISCOUNT"}"#, 400, "malformed"),
    ("POST", "/campaigns", "{}", 400, "malformed"),
    ("POST", "/campaigns?type=BEHAVIOR", r#"{"type": "COUPONS"}"#, 400, "malformed"),
    ("PUT", "/brands/shop", r#"{"name": "Shop", "colour": "red"}"#, 400, "malformed"),
    ("PUT", "/event_types/PURCHASE", r#"{"loyalty": true}"#, 400, "malformed"),
    ("PUT", "/settings", r#"{"time_zone": "Mars/Olympus"}"#, 400, "malformed"),
    ("POST", "/templates", r#"{"name": "t", "subject": "{{customer.name", "text": "x"}"#, 400, "malformed"),
    ("POST", "/webhooks", r#"{"url": "ftp://example.com", "events": ["TIER_UPGRADE"]}"#, 400, "malformed"),
    (
        "POST",
        "/webhooks",
        r#"{"url": "https://user:pass@example.com/", "events": ["TIER_UPGRADE"]}"#,
        400,
        "malformed",
    ),
    ("POST", "/webhooks", r#"{"url": "https://example.com/", "events": ["SUNRISE"]}"#, 400, "malformed"),
    (
        "POST",
        "/webhooks",
        r#"{"url": "https://example.com/", "events": ["TIER_UPGRADE"], "secret": "x"}"#,
        400,
        "malformed",
    ),
    (
        "POST",
        "/audiences",
        r#"{"name": "a", "conditions": [[{"type": "customer.shoe_size", "operator": "equals", "value": 1}]]}"#,
        400,
        "malformed",
    ),
    ("POST", "/keys", r#"{"name": "x", "kind": "KING"}"#, 400, "malformed"),
    ("PUT", "/test_clock", r#"{"now": "2026-01-15T09:59:59Z"}"#, 400, "malformed"),
    ("PUT", "/test_clock", r#"{"now": "2029-01-15T10:00:00Z"}"#, 400, "malformed"),
    ("PUT", "/test_clock", r#"{"now": "soon"}"#, 400, "malformed"),
];

async fn shop(house: &House) {
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    house.post("/customers", r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#).await.expect(201);
}

#[tokio::test]
async fn every_error_has_its_status_and_code() {
    let house = House::new().await;
    shop(&house).await;
    let before = house.get("/customers/ana").await.data();
    for (method, path, body, status, code) in CASES {
        let answer = house.ask(method, path, body).await;
        let said = (answer.status.as_u16(), answer.json.text("code").unwrap_or_default().to_owned());
        assert_eq!(said, (*status, (*code).to_owned()), "{method} {path} {body}: {}", answer.text);
        if *status == 400 {
            assert!(!answer.json.get("problems").unwrap().items().is_empty(), "{}", answer.text);
        }
        if *status == 405 {
            assert!(answer.headers.contains_key("allow"), "{method} {path}");
        }
    }
    assert_eq!(house.get("/customers/ana").await.data(), before, "no error left a trace");
    house.ended().await;
}

#[tokio::test]
async fn every_problem_is_named_at_once_with_its_place() {
    let house = House::new().await;
    let answer =
        house.post("/customers", r#"{"id": "", "name": 7, "email": "x", "gender": "X", "more": 1}"#).await;
    let answer = answer.expect(400);
    let places: Vec<String> =
        answer.get("problems").unwrap().items().iter().map(|problem| at(problem, "/pointer")).collect();
    assert_eq!(places, ["/id", "/name", "/email", "/gender"], "{answer}");
    assert_eq!(at(&answer, "/error"), "the request has 4 problems");
    let answer = house.get("/customers?limit=0&page=2").await.expect(400);
    let places: Vec<String> =
        answer.get("problems").unwrap().items().iter().map(|problem| at(problem, "/pointer")).collect();
    assert_eq!(places, ["?limit", "?page"]);
    house.ended().await;
}

#[tokio::test]
async fn bodies_that_are_no_json_by_their_header_are_refused() {
    let house = House::new().await;
    let bearer = format!("Bearer {KEY}");
    let body = br#"{"id": "ana", "is_anonymous": true}"#;
    for (content_type, encoding, expected) in [
        ("text/plain", "identity", 415),
        ("application/x-www-form-urlencoded", "identity", 415),
        ("application/json; charset=utf-16", "identity", 415),
        ("application/json", "gzip", 415),
        ("application/json; charset=UTF-8", "identity", 201),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        let answer = house.send("POST", "/customers", &headers, body.to_vec()).await;
        assert_eq!(answer.status.as_u16(), expected, "{content_type} {encoding}");
    }
    // Without a body no content type is asked for.
    assert_eq!(
        house
            .send("DELETE", "/customers/ana/devices", &[("authorization", &bearer)], Vec::new())
            .await
            .status,
        200
    );
    let invalid = b"{\"id\": \"\xff\"}".to_vec();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = house.send("POST", "/customers", &headers, invalid).await.expect(400);
    assert!(at(&answer, "/error").contains("UTF-8"), "{answer}");
    house.ended().await;
}

#[tokio::test]
async fn large_and_deep_bodies_are_refused() {
    let house = House::with(|_, settings| {
        settings.limits.body_bytes = 2_000;
        settings.limits.batch_bytes = 4_000;
    })
    .await;
    let large =
        format!(r#"{{"id": "ana", "is_anonymous": true, "metadata": {{"a": "{}"}}}}"#, "x".repeat(2_000));
    assert_eq!(house.post("/customers", &large).await.code(413), "body_too_large");
    let batch = format!(r#"{{"events": ["{}"]}}"#, "x".repeat(3_000));
    assert_eq!(house.post("/behavior/events/batch", &batch).await.data().items().len(), 1);
    let batch = format!(r#"{{"events": ["{}"]}}"#, "x".repeat(4_000));
    assert_eq!(house.post("/behavior/events/batch", &batch).await.code(413), "body_too_large");
    for depth in [40, 900] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(house.post("/customers", &deep).await.code(400), "malformed");
    }
    house.ended().await;
}

#[tokio::test]
async fn webhooks_on_private_addresses_need_the_setting() {
    let house = House::with(|_, settings| settings.allow_private_addresses = false).await;
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://169.254.1.1/",
    ] {
        let body = format!(r#"{{"url": "{url}", "events": ["TIER_UPGRADE"]}}"#);
        let answer = house.post("/webhooks", &body).await.expect(400);
        assert_eq!(at(&answer, "/problems/0/pointer"), "/url", "{url}");
    }
    house
        .post("/webhooks", r#"{"url": "https://example.com/", "events": ["TIER_UPGRADE"]}"#)
        .await
        .expect(201);
    house.ended().await;
}

#[tokio::test]
async fn the_test_clock_is_not_there_without_the_flag() {
    let house = House::with(|_, settings| settings.test_clock = false).await;
    assert_eq!(
        house.put("/test_clock", r#"{"now": "2026-02-01T00:00:00Z"}"#).await.code(404),
        "path_not_found"
    );
    assert_eq!(house.get("/test_clock").await.code(404), "path_not_found");
    house.ended().await;
}

#[tokio::test]
async fn the_test_clock_moves_forward_within_bounds() {
    let house = House::new().await;
    for equal in ["2026-01-15T10:00:00Z", "2026-01-15T10:00:00Z", "2028-01-15T10:00:00Z"] {
        house.travel(equal).await;
    }
    assert_eq!(at(&house.get("/test_clock").await.data(), "/now"), "2028-01-15T10:00:00.000Z");
    assert_eq!(house.put("/test_clock", r#"{"now": "2026-01-15T10:00:00Z"}"#).await.code(400), "malformed");
    house.ended().await;
}
