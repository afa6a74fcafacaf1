//! What is given to customers by code: gift cards.

use crate::house::{House, at};

#[tokio::test]
async fn a_gift_card_is_given_redeemed_and_taken_back() {
    let house = House::new().await;
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let card =
        r#"{"name": "book", "type": "GIFT_CARD", "description": "20 off", "attributes": {"quantity": 2}}"#;
    let card = at(&house.post("/rewards", card).await.expect(201), "/data/id");
    let path = format!("/rewards/{card}/codes");
    assert_eq!(at(&house.post(&path, r#"{"codes": ["BOOK-0001"]}"#).await.data(), "/count"), "1");
    while house.get(&path).await.data().items().len() < 3 {
        house.get("/_/ready").await.expect(200);
    }
    let campaign = format!(
        r#"{{"name": "cards", "withoutEndDate": true, "attributes": {{"trigger": "PURCHASE"}},
            "rules": [{{"effects": [{{"reward_id": "{card}", "amount": 1, "expiration_date": "2/months"}}]}}]}}"#
    );
    house.post("/campaigns?type=BEHAVIOR", &campaign).await.data();
    house.post("/customers", r#"{"id": "ana", "name": "Ana", "email": "a@example.com"}"#).await.data();
    let buy = r#"{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}}"#;
    let key = [("idempotency-key", "buy-1")];
    let bought = house.ask_with("POST", "/behavior/events", buy, &key).await.data();
    let code = at(&bought, "/result/gift_card/0/code");
    assert!(code.len() >= 8, "{bought}");
    assert_eq!(house.ask_with("POST", "/behavior/events", buy, &key).await.data(), bought);
    let shown = house.get(&format!("/behavior/events/{}", at(&bought, "/id"))).await.data();
    assert_eq!(at(&shown, "/result/gift_card/0/code"), code);
    let summary = at(&house.get(&format!("/rewards/{card}")).await.data(), "/codes_summary");
    assert_eq!(summary, r#"{"wanted":2,"generated":2,"supplied":1,"handed_out":1,"held":0}"#);
    let mine = house.get("/customers/ana/rewards/gift-cards").await.data();
    let fields = ["code", "status", "customer_id", "description", "rewarded_at", "expired_at", "redeemed_at"];
    let line = |card: &masivo_core::value::Json| fields.map(|name| at(card, &format!("/{name}"))).join(" ");
    let expected = |status: &str, redeemed: &str| {
        format!("{code} {status} ana 20 off 2026-01-15T10:00:00.000Z 2026-03-15T10:00:00.000Z {redeemed}")
    };
    assert_eq!(line(&mine.items()[0]), expected("ACTIVE", ""));
    // Typed otherwise, with a key: once, and the same answer again.
    let typed = format!(r#"{{"code": " {} ", "store_id": "s1"}}"#, code.to_lowercase());
    let key = [("idempotency-key", "card-1")];
    let redeemed = house.ask_with("POST", "/gift_cards/redeem", &typed, &key).await.data();
    assert_eq!(
        (at(&redeemed, "/type"), at(&redeemed, "/status")),
        ("GIFT_CARD_REDEMPTION".into(), "RESOLVED".into())
    );
    assert_eq!(house.ask_with("POST", "/gift_cards/redeem", &typed, &key).await.data(), redeemed);
    assert_eq!(house.post("/gift_cards/redeem", &typed).await.code(409), "gift_card_closed");
    let card_path = format!("/gift_cards/{code}");
    assert_eq!(line(&house.get(&card_path).await.data()), expected("REDEEMED", "2026-01-15T10:00:00.000Z"));
    let reverse = |event: &masivo_core::value::Json| format!("/behavior/events/{}/reverse", at(event, "/id"));
    house.post(&reverse(&redeemed), r#"{"reason": "by mistake"}"#).await.data();
    assert_eq!(line(&house.get(&card_path).await.data()), expected("ACTIVE", ""));
    let other = format!(r#"{{"code": "{code}", "customer_id": "ben"}}"#);
    assert_eq!(house.post("/gift_cards/redeem", &other).await.code(404), "gift_card_not_found");
    assert_eq!(house.post("/gift_cards/redeem", r#"{"colour": 1}"#).await.code(400), "malformed");
    assert_eq!(house.get("/gift_cards/NOPE-1234").await.code(404), "gift_card_not_found");
    // It expires to the millisecond, read or not.
    house.travel("2026-03-15T09:59:59.999Z").await;
    assert_eq!(line(&house.get(&card_path).await.data()), expected("ACTIVE", ""));
    house.travel("2026-03-15T10:00:00Z").await;
    assert_eq!(line(&house.get(&card_path).await.data()), expected("EXPIRED", ""));
    // One that is taken back is cancelled, and gone with its holder.
    let second = house.post("/behavior/events", buy).await.data();
    let code = at(&second, "/result/gift_card/0/code");
    house.post(&reverse(&second), r#"{"reason": "returned"}"#).await.data();
    assert_eq!(at(&house.get(&format!("/gift_cards/{code}")).await.data(), "/status"), "CANCELLED");
    house.delete("/customers/ana").await.data();
    assert_eq!(house.get(&format!("/gift_cards/{code}")).await.code(404), "gift_card_not_found");
    house.ended().await;
}
