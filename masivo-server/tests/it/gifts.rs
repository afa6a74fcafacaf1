//! What is given to customers by code: gift cards, and rewards for bringing others.

use crate::house::{House, at};
use masivo_core::value::Json;

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
    let line = |card: &Json| fields.map(|name| at(card, &format!("/{name}"))).join(" ");
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
    let reverse = |event: &Json| format!("/behavior/events/{}/reverse", at(event, "/id"));
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

#[tokio::test]
async fn both_sides_of_a_referral_are_rewarded_and_taken_back() {
    let house = House::new().await;
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let points = r#"{"name": "points", "type": "POINTS"}"#;
    let points = at(&house.post("/rewards", points).await.expect(201), "/data/id");
    // The form of the dashboard: both lists of rules as texts.
    let rules = |amount: u32| {
        let rules = format!(
            r#"[{{"conditions": [], "effects": [{{"reward_id": "{points}", "amount": {amount}}}]}}]"#
        );
        Json::from(rules)
    };
    let campaign = format!(
        r#"{{"name": "friends", "withoutEndDate": true, "attributes": {{"trigger": "PURCHASE", "privacy": "PUBLIC"}},
            "rules": {}, "referee_rules_json": {}}}"#,
        rules(100),
        rules(50)
    );
    let campaign = at(&house.post("/campaigns?type=REFERRALS", &campaign).await.expect(201), "/data/id");
    house.post("/customers", r#"{"id": "ana", "name": "Ana", "email": "a@example.com"}"#).await.data();
    let ask = format!(r#"{{"campaign_id": "{campaign}", "brand_id": null}}"#);
    let path = "/customers/ana/referrals/request-code";
    let code = house.post(path, &ask).await.data();
    assert_eq!(house.post(path, &ask).await.data(), code, "the same however often it is asked for");
    let text = at(&code, "/code");
    assert_eq!((text.len(), at(&code, "/uses_count")), (8, "0".into()));
    let bea = format!(
        r#"{{"id": "bea", "name": "Bea", "email": "b@example.com", "referral_code": "{}"}}"#,
        text.to_lowercase()
    );
    let bea = house.post("/customers", &bea).await.data();
    assert_eq!(at(&bea, "/customer/referrals/0/completed"), "false");
    let buy = r#"{"customer_id": "bea", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 12.5}}"#;
    let bought = house.post("/behavior/events", buy).await.data();
    let total =
        async |id: &str| at(&house.get(&format!("/customers/{id}/wallet")).await.data(), "/totals/0/total");
    assert_eq!((total("ana").await, total("bea").await), ("100".into(), "50".into()));
    let theirs = house.get("/behavior/events?customer_id=ana&limit=1").await.expect(200);
    assert_eq!(at(&theirs, "/data/0/type"), "REFERRAL");
    assert_eq!(at(&theirs, "/data/0/data/metadata/value"), "12.5");
    assert!(!theirs.to_string().contains("\"bea\""), "neither learns from the books who the other is");
    assert_eq!(at(&house.post(path, &ask).await.data(), "/uses_count"), "1");
    let reverse = format!("/behavior/events/{}/reverse", at(&bought, "/id"));
    // The plan shows both sides, and its token stands for both.
    let plan = house.post(&format!("{reverse}/plan"), "").await.data();
    assert_eq!(
        (at(&plan, "/referrers/0/customer_id"), at(&plan, "/referrers/0/status")),
        ("ana".into(), "REVERSED".into())
    );
    assert_eq!(at(&plan, "/referrers/0/receipt/0/amount"), "100");
    let take = format!(r#"{{"reward_id": "{points}", "amount": -40, "reason": "prize"}}"#);
    house.post("/customers/ana/wallet/adjust", &take).await.data();
    let with =
        |plan: &Json| format!(r#"{{"reason": "returned", "plan_token": "{}"}}"#, at(plan, "/plan_token"));
    assert_eq!(house.post(&reverse, &with(&plan)).await.code(409), "plan_outdated");
    let give = format!(r#"{{"reward_id": "{points}", "amount": 40, "reason": "mistake"}}"#);
    house.post("/customers/ana/wallet/adjust", &give).await.data();
    let plan = house.post(&format!("{reverse}/plan"), "").await.data();
    house.post(&reverse, &with(&plan)).await.data();
    // What ana got by hand stays hers: 60 of the 100 were left to take back.
    assert_eq!((total("ana").await, total("bea").await), ("40".into(), "0".into()));
    let theirs = house.get("/behavior/events?customer_id=ana&limit=1").await.expect(200);
    assert_eq!(at(&theirs, "/data/0/status"), "REVERSED");
    // What cannot be asked for.
    let nobody = house.post("/customers/nobody/referrals/request-code", &ask).await;
    assert_eq!(nobody.code(404), "customer_not_found");
    let other = format!(r#"{{"campaign_id": "{points}"}}"#);
    assert_eq!(house.post(path, &other).await.code(404), "definition_not_found");
    assert_eq!(house.post(path, "{}").await.code(400), "malformed");
    house.ended().await;
}
