//! Repeating a write with the same key: the same status and body, and nothing happens twice.

use crate::house::{House, at};

const CUSTOMER: &str = r#"{"id": "ana", "name": "Ana", "email": "ana@example.com"}"#;

async fn twice(house: &House, method: &str, path: &str, body: &str, key: &str) {
    let key = [("idempotency-key", key)];
    let first = house.ask_with(method, path, body, &key).await;
    assert!(first.status.is_success(), "{}", first.text);
    let again = house.ask_with(method, path, body, &key).await;
    assert_eq!((first.status, first.text), (again.status, again.text), "{method} {path}");
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer() {
    let house = House::new().await;
    twice(&house, "PUT", "/brands/shop", r#"{"name": "Shop"}"#, "k1").await;
    twice(&house, "POST", "/rewards", r#"{"name": "Points", "type": "POINTS"}"#, "k2").await;
    assert_eq!(house.get("/rewards?from=0&to=9").await.data().items().len(), 1);
    let reward = r#"{"name": "Stars", "type": "POINTS", "colour": "gold"}"#;
    twice(&house, "POST", "/rewards", reward, "k2b").await;
    twice(&house, "POST", "/customers", CUSTOMER, "k3").await;
    let event = r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 5}}"#;
    twice(&house, "POST", "/behavior/events", event, "k4").await;
    let customer = house.get("/customers/ana").await.data();
    assert_eq!(at(&customer, "/customer/metrics/lifetime/number_of_purchases"), "1");
    twice(&house, "PATCH", "/customers/ana", r#"{"name": "Anna"}"#, "k5").await;
    twice(
        &house,
        "PATCH",
        "/customers/ana/consent",
        r#"{"consent": {"purposes": {"email_marketing": false}}}"#,
        "k6",
    )
    .await;
    assert_eq!(house.get("/customers/ana/consent/history").await.data().items().len(), 1);
    twice(&house, "PATCH", "/customers/ana/tags", r#"{"tags": {"vip": true}}"#, "k7").await;
    twice(&house, "POST", "/keys", r#"{"name": "app", "kind": "CLIENT"}"#, "k8").await;
    assert_eq!(house.get("/keys").await.data().items().len(), 2);
    let waiting = event.replace("\"order\"", "\"fulfilled\": false, \"order\"");
    let waiting = at(&house.post("/behavior/events", &waiting).await.data(), "/id");
    twice(&house, "PATCH", &format!("/behavior/events/{waiting}/fulfill"), "", "k9").await;
    let reason = r#"{"reason": "returned"}"#;
    twice(&house, "POST", &format!("/behavior/events/{waiting}/reverse"), reason, "k10").await;
    twice(&house, "DELETE", "/customers/ana", "", "k11").await;
    house.ended().await;
}

#[tokio::test]
async fn a_key_stands_for_one_request_and_spaces_make_no_difference() {
    let house = House::new().await;
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let key = [("idempotency-key", "k1")];
    let first = house.ask_with("POST", "/customers", CUSTOMER, &key).await;
    let spaced = r#"{ "email": "ana@example.com",   "name": "Ana", "id": "ana" }"#;
    let again = house.ask_with("POST", "/customers", spaced, &key).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    let other = r#"{"id": "ben", "name": "Ben", "email": "ben@example.com"}"#;
    assert_eq!(house.ask_with("POST", "/customers", other, &key).await.code(409), "idempotency_key_reused");
    let path = "/customers/ana/tags";
    assert_eq!(
        house.ask_with("PATCH", path, r#"{"tags": {}}"#, &key).await.code(409),
        "idempotency_key_reused"
    );
    // What was refused without writing anything is not remembered.
    let unknown = r#"{"customer_id": "zoe", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 5}}"#;
    let key = [("idempotency-key", "k2")];
    assert_eq!(
        house.ask_with("POST", "/behavior/events", unknown, &key).await.code(404),
        "customer_not_found"
    );
    house.post("/customers", r#"{"id": "zoe", "is_anonymous": true}"#).await.expect(201);
    assert_eq!(
        at(&house.ask_with("POST", "/behavior/events", unknown, &key).await.data(), "/status"),
        "RESOLVED"
    );
    // After the customer is deleted, nothing of the answer is left.
    house.delete("/customers/ana").await.data();
    let erased = house.ask_with("POST", "/customers", CUSTOMER, &[("idempotency-key", "k1")]).await;
    assert_eq!(erased.code(410), "answer_erased");
    house.ended().await;
}

#[tokio::test]
async fn a_key_is_printable_and_not_too_long() {
    let house = House::new().await;
    let long = "k".repeat(256);
    for wrong in ["", "a\tb", "schl\u{fc}ssel", long.as_str()] {
        let answer = house.ask_with("POST", "/customers", CUSTOMER, &[("idempotency-key", wrong)]).await;
        assert_eq!(at(&answer.expect(400), "/problems/0/code"), "not_a_key", "{wrong}");
    }
    house.ended().await;
}
