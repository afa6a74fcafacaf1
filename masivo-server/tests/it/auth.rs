//! Who may do what.

use crate::house::{House, KEY, at};
use masivo_server::first_key;

async fn token(house: &House, key: &str) -> String {
    let answer = house.send("GET", "/auth/authorize", &[("x-api-key", key)], Vec::new()).await;
    answer.data().as_text().unwrap().to_owned()
}

async fn status(house: &House, method: &str, path: &str, bearer: &str) -> u16 {
    let bearer = format!("Bearer {bearer}");
    house.send(method, path, &[("authorization", &bearer)], Vec::new()).await.status.as_u16()
}

#[tokio::test]
async fn keys_are_exchanged_for_tokens_and_revoking_one_ends_both() {
    let house = House::new().await;
    assert_eq!(house.send("GET", "/auth/authorize", &[], Vec::new()).await.code(401), "unauthorized");
    assert_eq!(
        house.send("GET", "/auth/authorize", &[("x-api-key", "wrong")], Vec::new()).await.code(401),
        "unauthorized"
    );
    let first = token(&house, KEY).await;
    assert_eq!(first.split('.').count(), 3);
    for bearer in [first.as_str(), KEY] {
        assert_eq!(status(&house, "GET", "/tiers", bearer).await, 200);
    }
    for wrong in ["", "x", "a.b.c", &first[..first.len() - 2]] {
        assert_eq!(status(&house, "GET", "/tiers", wrong).await, 401, "{wrong}");
    }
    let none = house.send("GET", "/tiers", &[], Vec::new()).await;
    assert_eq!(none.headers.get("www-authenticate").unwrap(), "Bearer");
    assert_eq!(none.code(401), "unauthorized");

    let made = house.post("/keys", r#"{"name": "shop", "kind": "SERVER"}"#).await.expect(201);
    let (id, key) = (at(&made, "/data/id"), at(&made, "/data/key"));
    assert!(key.starts_with(&format!("mk_{id}_")), "{key}");
    let second = token(&house, &key).await;
    assert_eq!(status(&house, "GET", "/tiers", &second).await, 200);
    let listed = house.get("/keys").await;
    assert!(!listed.text.contains(&key) && listed.text.contains(&id), "{}", listed.text);
    house.delete(&format!("/keys/{id}")).await.data();
    for bearer in [second.as_str(), key.as_str()] {
        assert_eq!(status(&house, "GET", "/tiers", bearer).await, 401);
    }
    assert_eq!(
        house.send("GET", "/auth/authorize", &[("x-api-key", &key)], Vec::new()).await.code(401),
        "unauthorized"
    );
    // The last SERVER key stays.
    let keys = house.get("/keys").await.data();
    let last = keys.items().iter().find(|key| key.text("revoked_at").is_none()).unwrap();
    assert_eq!(house.delete(&format!("/keys/{}", at(last, "/id"))).await.code(409), "last_server_key");
    assert_eq!(house.delete("/keys/nothing").await.code(404), "definition_not_found");
    house.ended().await;
}

#[tokio::test]
async fn client_keys_only_send_events_and_learn_nothing() {
    let house = House::new().await;
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    house.put("/event_types/VISIT", r#"{"loyalty": true}"#).await.data();
    house.post("/customers", r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#).await.expect(201);
    let made = house.post("/keys", r#"{"name": "app", "kind": "CLIENT"}"#).await.expect(201);
    let key = at(&made, "/data/key");
    assert_eq!(
        status(&house, "POST", "/behavior/events", &key).await,
        401,
        "a CLIENT key is no bearer token"
    );
    let bearer = format!("Bearer {}", token(&house, &key).await);
    let send = async |method: &str, path: &str, body: &str| {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        house.send(method, path, &headers, body.as_bytes().to_vec()).await
    };
    let event = |kind: &str, more: &str| {
        format!(r#"{{"customer_id": "ana", "brand_id": "shop", "type": "{kind}"{more}}}"#)
    };
    let sent = send("POST", "/behavior/events", &event("VISIT", "")).await.data();
    assert_eq!((at(&sent, "/status"), at(&sent, "/tracking_only")), ("RESOLVED".into(), "true".into()));
    assert_eq!(at(&sent, "/result/customer"), "{}");
    let reserved = send("POST", "/behavior/events", &event("PURCHASE", r#", "order": {"value": 1}"#)).await;
    assert_eq!(reserved.code(403), "reserved_event_type");
    let redeem =
        event("VISIT", r#", "redeem": [{"id": "0197b0de-7c5e-7000-8000-000000000009", "amount": 1}]"#);
    assert_eq!(send("POST", "/behavior/events", &redeem).await.code(400), "malformed");
    let batch = format!(
        r#"{{"events": [{}, {}]}}"#,
        event("VISIT", ""),
        event("PURCHASE", r#", "order": {"value": 1}"#)
    );
    let rows = send("POST", "/behavior/events/batch", &batch).await.data();
    assert_eq!((at(&rows, "/0/status"), at(&rows, "/1/status")), ("200".into(), "403".into()));
    for (method, path) in [
        ("GET", "/customers/ana"),
        ("POST", "/customers"),
        ("GET", "/behavior/events"),
        ("POST", "/keys"),
        ("GET", "/keys"),
        ("PUT", "/settings"),
        ("DELETE", "/customers/ana"),
    ] {
        assert_eq!(send(method, path, "").await.code(403), "not_for_client_keys", "{method} {path}");
    }
    house.ended().await;
}

#[tokio::test]
async fn a_store_gets_one_first_key_and_keeps_it() {
    let house = House::new().await;
    assert_eq!(first_key(&house.handle, None).await.unwrap(), None);
    assert_eq!(first_key(&house.handle, Some("another key of a test")).await.unwrap(), None);
    assert_eq!(house.get("/keys").await.data().items().len(), 1);
    house.ended().await;
}

#[tokio::test]
async fn a_chosen_key_is_long_enough_and_a_made_one_is_given_once() {
    use masivo_core::value::Timestamp;
    use masivo_store::{Config, Engine, ManualClock};
    let clock = ManualClock::new(Timestamp::EPOCH);
    let engine = Engine::open(Config::memory(std::sync::Arc::new(clock))).unwrap();
    let handle = engine.handle();
    for wrong in ["short", "long enough, but with schl\u{fc}ssel"] {
        assert!(first_key(&handle, Some(wrong)).await.is_err(), "{wrong}");
    }
    let made = first_key(&handle, None).await.unwrap().unwrap();
    assert!(made.starts_with("mk_"), "{made}");
    assert_eq!(first_key(&handle, None).await.unwrap(), None);
    engine.close();
}

#[tokio::test]
async fn a_one_time_code_says_once_who_it_is() {
    let house = House::new().await;
    house.post("/customers", r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#).await.data();
    let body = r#"{"customer_id": "ana", "metadata": {"till": 4}}"#;
    let made = house.post("/auth/totp", body).await;
    assert_eq!(made.status, 201);
    let made = made.data();
    let code = at(&made, "/code");
    assert!(code.len() == 6 && code.chars().all(|digit| digit.is_ascii_digit()), "{code}");
    assert_eq!(at(&made, "/expired_at"), "2026-01-15T10:05:00.000Z");
    let verify = async |code: &str| house.get(&format!("/auth/totp/verify?code={code}")).await;
    let owner = verify(&code).await.data();
    assert_eq!((at(&owner, "/customer/id"), at(&owner, "/metadata/till")), ("ana".into(), "4".into()));
    assert_eq!(at(&owner, "/wallet/customer_id"), "ana");
    assert_eq!(verify(&code).await.code(404), "code_not_found");
    // Who was given another id is not found by the old one, whoever has that now.
    house.post("/customers", r#"{"id": "device-7", "is_anonymous": true}"#).await.data();
    let code = at(&house.post("/auth/totp", r#"{"customer_id": "device-7"}"#).await.data(), "/code");
    let named = r#"{"new_id": "ben", "name": "Ben", "email": "ben@example.com"}"#;
    house.patch("/customers/device-7/identify/anonymous", named).await.data();
    house.post("/customers", r#"{"id": "device-7", "is_anonymous": true}"#).await.data();
    assert_eq!(verify(&code).await.code(404), "code_not_found");
    // A new one voids the one before; with the same key it is the same.
    let key = [("idempotency-key", "code-1")];
    let first = house.ask_with("POST", "/auth/totp", body, &key).await.data();
    assert_eq!(house.ask_with("POST", "/auth/totp", body, &key).await.data(), first);
    let other = body.replace('4', "5");
    assert_eq!(house.ask_with("POST", "/auth/totp", &other, &key).await.code(409), "idempotency_key_reused");
    let second = at(&house.post("/auth/totp", body).await.data(), "/code");
    assert_eq!(verify(&at(&first, "/code")).await.code(404), "code_not_found");
    // Its time is over to the millisecond.
    house.travel("2026-01-15T10:05:00Z").await;
    assert_eq!(verify(&second).await.code(404), "code_not_found");
    // Whoever guesses is stopped; who has a code waits with them.
    let code = at(&house.post("/auth/totp", body).await.data(), "/code");
    for _ in 0..19 {
        verify("000").await.code(404);
    }
    let stopped = verify(&code).await;
    assert_eq!(stopped.headers.get("retry-after").unwrap(), "61");
    assert_eq!(stopped.code(429), "too_many_attempts");
    house.travel("2026-01-15T10:06:01Z").await;
    // A customer who was deleted meanwhile is nobody's.
    house.delete("/customers/ana").await;
    assert_eq!(verify(&code).await.code(410), "customer_deleted");
    assert_eq!(house.post("/auth/totp", body).await.code(410), "customer_deleted");
    assert_eq!(
        house.post("/auth/totp", r#"{"customer_id": "nobody"}"#).await.code(404),
        "customer_not_found"
    );
    house.ended().await;
}
