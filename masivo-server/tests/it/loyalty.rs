//! What loyalty promises beyond the story: limits, plans of reversals, explanations of events that were not sent.

use crate::house::{House, at, json};
use masivo_core::value::Json;

/// A shop with points and a point a dollar; gives the id of the points.
async fn shop(house: &House) -> String {
    house.put("/brands/shop", r#"{"name": "Shop"}"#).await.data();
    let points = house.post("/rewards", r#"{"name": "points", "type": "POINTS"}"#).await.data();
    let points = at(&points, "/id");
    let rules = format!(
        r#"[{{"effects": [{{"reward_id": "{points}", "amount": 1, "per": {{"type": "order.value", "unit": 1}}}}]}}]"#
    );
    campaign(house, "a point a dollar", &rules, "").await;
    for id in ["ana", "ben"] {
        let body = format!(r#"{{"id": "{id}", "name": "{id}", "email": "{id}@example.com"}}"#);
        house.post("/customers", &body).await.data();
    }
    points
}

async fn campaign(house: &House, name: &str, rules: &str, more: &str) -> Json {
    let body = format!(
        r#"{{"name": "{name}", "attributes": {{"trigger": "PURCHASE"}}, "withoutEndDate": true, "rules": {rules}{more}}}"#
    );
    house.post("/campaigns?type=BEHAVIOR", &body).await.data()
}

fn purchase(customer: &str, value: &str, more: &str) -> String {
    format!(
        r#"{{"customer_id": "{customer}", "brand_id": "shop", "type": "PURCHASE", "order": {{"value": {value}}}{more}}}"#
    )
}

async fn balance(house: &House, customer: &str) -> String {
    let wallet = house.get(&format!("/customers/{customer}/wallet")).await.data();
    ["total", "held", "debt"].map(|name| at(&wallet, &format!("/totals/0/{name}"))).join(" ")
}

#[tokio::test]
async fn a_budget_shows_what_is_used_held_and_left() {
    let house = House::new().await;
    let points = shop(&house).await;
    let rules = format!(r#"[{{"effects": [{{"reward_id": "{points}", "amount": 40}}]}}]"#);
    let more = r#", "budget": 100, "limits": [{"per": "customer", "max": 2, "period": "month"}]"#;
    let bonus = campaign(&house, "bonus", &rules, more).await;
    let usage = async |house: &House| {
        let shown = house.get(&format!("/campaigns/{}", at(&bonus, "/id"))).await.data();
        assert_eq!(at(&shown, "/usage/0/what"), "campaign_budget");
        ["used", "held", "left"].map(|name| at(&shown, &format!("/usage/0/{name}"))).join(" ")
    };
    assert_eq!(usage(&house).await, "0 0 100");
    house.post("/behavior/events", &purchase("ana", "1", "")).await.data();
    let waits = house.post("/behavior/events", &purchase("ben", "1", r#", "fulfilled": false"#)).await.data();
    assert_eq!(usage(&house).await, "40 40 20");
    let late = house.post("/behavior/events", &purchase("ana", "1", "")).await.data();
    let reason = at(&late, "/explanation/campaigns/1/skipped/0");
    assert!(reason.contains("budget_used_up") && reason.contains(r#""wanted":40"#), "{reason}");
    // A day later the reservation is gone, to the millisecond.
    house.travel("2026-01-16T09:59:59.999Z").await;
    assert_eq!(usage(&house).await, "40 40 20");
    house.travel("2026-01-16T10:00:00Z").await;
    assert_eq!(usage(&house).await, "40 0 60");
    house.patch(&format!("/behavior/events/{}/fulfill", at(&waits, "/id")), "").await.data();
    assert_eq!(usage(&house).await, "80 0 20");
    // A third time in the month is too much for a customer; the explanation says when it would be possible.
    house.post("/behavior/events", &purchase("ana", "1", "")).await.data();
    let rules = format!(r#"[{{"effects": [{{"reward_id": "{points}", "amount": 1}}]}}]"#);
    campaign(
        &house,
        "once a month",
        &rules,
        r#", "limits": [{"per": "customer", "max": 1, "period": "month"}]"#,
    )
    .await;
    let first = purchase("ana", "1", "");
    house.post("/behavior/events", &first).await.data();
    let explained = house.post("/behavior/events/explain", &first).await.data();
    assert_eq!(at(&explained, "/campaigns/2/skipped/0/reason"), "customer_limit_reached");
    assert_eq!(at(&explained, "/campaigns/2/skipped/0/change"), "wait until 2026-02-01T00:00:00.000Z");
    house.ended().await;
}

#[tokio::test]
async fn a_reversal_is_planned_and_comes_to_exactly_that() {
    let house = House::new().await;
    let points = shop(&house).await;
    let first = house.post("/behavior/events", &purchase("ana", "100", "")).await.data();
    let redeem = format!(r#", "redeem": [{{"id": "{points}", "amount": 30}}]"#);
    house.post("/behavior/events", &purchase("ana", "5", &redeem)).await.data();
    let path = format!("/behavior/events/{}/reverse", at(&first, "/id"));
    let plan = house.post(&format!("{path}/plan"), "").await.data();
    assert_eq!(at(&plan, "/status"), "REVERSED");
    let line = |plan: &Json, what: &str| {
        let lines = plan.get("receipt").unwrap().items();
        let found = lines.iter().find(|line| line.text("what") == Some(what)).unwrap();
        format!("{} {}", found.text("outcome").unwrap(), found.get("amount").unwrap())
    };
    assert_eq!(line(&plan, "points_earned"), "undone 100");
    assert_eq!(line(&plan, "points_already_spent"), "debt 25");
    // Nothing happened.
    assert_eq!(balance(&house, "ana").await, "75 0 0");
    assert_eq!(
        at(&house.post(&format!("{path}/plan"), "").await.data(), "/plan_token"),
        at(&plan, "/plan_token")
    );
    // The state moves: the plan no longer holds, and says so before anything is undone.
    house.post("/behavior/events", &purchase("ana", "10", "")).await.data();
    let reversal = format!(r#"{{"reason": "returned", "plan_token": "{}"}}"#, at(&plan, "/plan_token"));
    assert_eq!(house.post(&path, &reversal).await.code(409), "plan_outdated");
    assert_eq!(balance(&house, "ana").await, "85 0 0");
    let plan = house.post(&format!("{path}/plan"), "").await.data();
    assert_eq!(line(&plan, "points_already_spent"), "debt 15");
    let reversal = format!(r#"{{"reason": "returned", "plan_token": "{}"}}"#, at(&plan, "/plan_token"));
    let reversed = house.post(&path, &reversal).await.data();
    assert_eq!(at(&reversed, "/receipt"), at(&plan, "/receipt"));
    assert_eq!(at(&reversed, "/result/wallet"), at(&plan, "/result/wallet"));
    assert_eq!(balance(&house, "ana").await, "0 0 15");
    // Sent again it is the same answer; what was undone already is not planned again.
    assert_eq!(house.post(&path, &reversal).await.data(), reversed);
    let plan = house.post(&format!("{path}/plan"), "").await.data();
    assert_eq!((at(&plan, "/status"), at(&plan, "/receipt")), ("REVERSED".into(), "[]".into()));
    assert_eq!(
        house.post("/behavior/events/0197b0de-7c5e-7000-8000-000000000009/reverse/plan", "").await.code(404),
        "event_not_found"
    );
    house.ended().await;
}

#[tokio::test]
async fn an_event_that_is_not_sent_is_explained_both_ways() {
    let house = House::new().await;
    let points = shop(&house).await;
    let rules = format!(
        r#"[{{"conditions": [[{{"type": "order.value", "operator": "greater_than_or_equal", "value": 30}}]],
             "effects": [{{"reward_id": "{points}", "amount": 10}}]}}]"#
    );
    campaign(&house, "big baskets", &rules, "").await;
    let explained = house.post("/behavior/events/explain", &purchase("ana", "26.80", "")).await.data();
    assert_eq!(at(&explained, "/campaigns/0/matched_rules"), "[0]");
    assert_eq!(at(&explained, "/ledger/0/amount"), "26");
    assert_eq!(at(&explained, "/campaigns/1/skipped/0/change"), "spend 3.2 more");
    assert_eq!(explained.get("event_id"), None);
    // What is missing for the redemption is said as the sale itself would say it.
    let redeem = format!(r#", "redeem": [{{"id": "{points}", "amount": 5}}]"#);
    let explained = house.post("/behavior/events/explain", &purchase("ana", "40", &redeem)).await.data();
    assert_eq!(
        (at(&explained, "/status"), at(&explained, "/reason/code")),
        ("FAILED".into(), "insufficient_balance".into())
    );
    // Nothing was written: no event, no points, and a key is still free.
    let key = r#", "id": "order-1""#;
    house.post("/behavior/events/explain", &purchase("ana", "30", key)).await.data();
    assert_eq!(
        at(&house.get("/behavior/events?customer_id=ana").await.expect(200), "/data")
            .matches("PURCHASE")
            .count(),
        0
    );
    let sent = house.post("/behavior/events", &purchase("ana", "31", key)).await.data();
    assert_eq!(at(&sent, "/status"), "RESOLVED");
    let explained = house
        .post(
            "/behavior/events/explain",
            r#"{"customer_id": "nobody", "brand_id": "shop", "type": "PURCHASE", "order": {"value": 1}}"#,
        )
        .await;
    assert_eq!(explained.code(404), "customer_not_found");
    assert_eq!(house.post("/behavior/events/explain", &json("{}").to_string()).await.code(400), "malformed");
    house.ended().await;
}

/// Waits until a campaign's codes are generated: the writer makes them in the background.
async fn generated(house: &House, path: &str, count: usize) -> Vec<Json> {
    let (mut codes, mut after) = (Vec::new(), String::new());
    while codes.len() < count {
        let page = house.get(&format!("{path}/codes?limit=1000{after}")).await.expect(200);
        codes.extend(page.get("data").unwrap().items().to_vec());
        match page.text("next") {
            Some(next) => after = format!("&after={next}"),
            None if codes.len() < count => (codes, after) = (Vec::new(), String::new()),
            None => break,
        }
    }
    codes
}

#[tokio::test]
async fn coupons_are_generated_supplied_redeemed_and_given_back() {
    let house = House::new().await;
    let points = shop(&house).await;
    let coupons = |more: &str| {
        format!(
            r#"{{"name": "coupons", "withoutEndDate": true{more}, "rules": [{{"conditions": [[{{"type": "customer.tags.vip",
                "operator": "equals", "value": true, "error_message": "Only for members"}}]],
                "effects": [{{"reward_id": "{points}", "amount": 50}}]}}]}}"#
        )
    };
    let made = house
        .post("/campaigns?type=COUPONS", &coupons(r#", "quantity": 2500, "customCodes": "HELLO-WORLD""#))
        .await
        .data();
    assert_eq!(made.get("customCodes"), None, "codes are not kept in the campaign");
    let path = format!("/campaigns/{}", at(&made, "/id"));
    let codes = generated(&house, &path, 2_501).await;
    let distinct: std::collections::BTreeSet<&str> =
        codes.iter().filter_map(|code| code.text("code")).collect();
    assert_eq!(distinct.len(), 2_501);
    assert!(distinct.contains("HELLO-WORLD"));
    let code = codes[17].text("code").unwrap().to_owned();
    // Who may not have it learns why, in the merchant's words; nothing is used up.
    let redeem = |customer: &str, code: &str| format!(r#"{{"customer_id": "{customer}", "code": "{code}"}}"#);
    let refused = house.post("/coupons/redeem", &redeem("ana", &code.to_lowercase())).await;
    assert_eq!(at(&refused.json, "/requirement"), "Only for members");
    assert_eq!(refused.code(422), "condition_not_met");
    house.patch("/customers/ana/tags", r#"{"tags": {"vip": true}}"#).await.data();
    let open = house.get("/campaigns?customer_id=ana&type=COUPONS").await.expect(200);
    assert_eq!(at(&open, "/count"), "1");
    assert_eq!(at(&house.get("/campaigns?customer_id=ben&type=COUPONS").await.expect(200), "/count"), "0");
    // Redeemed once, also when the answer is asked for again.
    let body = redeem("ana", &format!(" {} ", code.to_lowercase()));
    let headers = [("idempotency-key", "c1")];
    let first = house.ask_with("POST", "/coupons/redeem", &body, &headers).await;
    let again = house.ask_with("POST", "/coupons/redeem", &body, &headers).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    let redeemed = first.data();
    assert_eq!(at(&redeemed, "/accumulations/0/amount"), "50");
    assert_eq!(at(&redeemed, "/wallet/totals/0/total"), "50");
    house.patch("/customers/ben/tags", r#"{"tags": {"vip": true}}"#).await.data();
    assert_eq!(house.post("/coupons/redeem", &redeem("ben", &code)).await.code(422), "coupon_used_up");
    let summary = |list: &Json| at(list, "/data/1/attributes/codes_summary");
    let listed = house.get("/campaigns?include=CODES_SUMMARY").await.expect(200);
    assert_eq!(summary(&listed), r#"{"wanted":2500,"generated":2500,"supplied":1,"redeemed":1}"#);
    // The event that redeemed it can be reversed: the code is free again.
    let event = at(&redeemed, "/event_id");
    let reversed =
        house.post(&format!("/behavior/events/{event}/reverse"), r#"{"reason": "by mistake"}"#).await.data();
    assert!(at(&reversed, "/receipt").contains("coupon_uses"), "{}", at(&reversed, "/receipt"));
    house.post("/coupons/redeem", &redeem("ben", &code)).await.data();
    // A campaign keeps its type, so that a code never means something else.
    let behaviour = coupons(r#", "attributes": {"trigger": "PURCHASE"}"#);
    assert_eq!(house.put(&format!("{path}?type=BEHAVIOR"), &behaviour).await.code(409), "campaign_fixed");
    // More codes, by the campaign and by hand; those that are taken are named with their place.
    let other = house.post("/campaigns?type=COUPONS", &coupons(r#", "customCodes": "MINE-1""#)).await.data();
    let taken = house
        .post(
            &format!("/campaigns/{}/codes", at(&other, "/id")),
            r#"{"codes": ["FREE-1", "he110w0r1d", "x"]}"#,
        )
        .await;
    assert!(taken.text.contains("/codes/1") && taken.text.contains("/codes/2"), "{}", taken.text);
    assert_eq!(taken.code(400), "malformed");
    let added = house.post(&format!("{path}/codes"), r#"{"codes": ["HELLO WORLD", "NEW-1"]}"#).await.data();
    assert_eq!(at(&added, "/count"), "2");
    house.put(&format!("{path}?type=COUPONS"), &coupons(r#", "quantity": 2600"#)).await.data();
    assert_eq!(generated(&house, &path, 2_602).await.len(), 2_602);
    house.ended().await;
}

#[tokio::test]
async fn a_cart_is_previewed_and_bought_as_previewed() {
    let house = House::new().await;
    let points = shop(&house).await;
    house.post("/behavior/events", &purchase("ana", "100", "")).await.data();
    let cart = |amount: u32| {
        format!(
            r#""order": {{"value": 30, "products": [{{"sku": "x", "amount": 1, "value": 10,
                "redeem": [{{"id": "{points}", "amount": {amount}}}]}}]}}"#
        )
    };
    let preview = |amount: u32| format!(r#"{{"customer_id": "ana", "brand_id": "shop", {}}}"#, cart(amount));
    let shown = house.put("/events/redeem/preview", &preview(6)).await.data();
    let result = shown.path("order.products").unwrap().items()[0].get("redemptions_result").unwrap().clone();
    let part = |name: &str| result.get(name).unwrap().to_string();
    assert_eq!(
        [part("amount"), part("value"), part("discount_value"), part("discount_percent"), part("action")],
        ["1", "4", "6", "0.6", r#""UPDATE""#]
    );
    assert_eq!(
        (at(&result, "/redeemed/0/error"), at(&result, "/redeemed/0/reward/name")),
        (String::new(), "points".into())
    );
    let refused = house.put("/events/redeem/preview", &preview(11)).await.data();
    assert!(refused.to_string().contains("redeemed_beyond_the_value"), "{refused}");
    assert_eq!(balance(&house, "ana").await, "100 0 0", "nothing is written");
    let send = |amount: u32| {
        format!(r#"{{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", {}}}"#, cart(amount))
    };
    let failed = house.post("/behavior/events", &send(11)).await.data();
    assert_eq!(
        (at(&failed, "/status"), at(&failed, "/reason/code")),
        ("FAILED".into(), "redeemed_beyond_the_value".into())
    );
    house.post("/behavior/events", &send(6)).await.data();
    assert_eq!(balance(&house, "ana").await, "124 0 0", "6 of 100 are spent, 30 are new");
    let unknown = house.put("/events/redeem/preview", &preview(1).replace("shop", "nowhere")).await;
    assert_eq!(unknown.code(422), "unknown_brand");
    house.ended().await;
}

/// What mia earned and spent elsewhere comes to the 70 that were brought in, and is listed as what it is.
async fn past_transactions(house: &House, points: &str) {
    let past = |earned: u32| {
        let item = |kind: &str, amount: u32, day: &str| {
            format!(
                r#"{{"type": "{kind}", "reward_id": "{points}", "amount": {amount}, "issued_at": "{day}"}}"#
            )
        };
        let items = [item("ACCUMULATION", earned, "2025-12-01"), item("REDEMPTION", 30, "2025-12-24")];
        let newest = item("ACCUMULATION", 20, "2024-02-29T12:00:00Z");
        format!(r#"{{"id": "mia", "transactions": [{}, {newest}]}}"#, items.join(", "))
    };
    let body = format!(
        r#"{{"customers": [{}, {}, {}, {{"id": "ana", "transactions": 5}}]}}"#,
        past(81),
        past(80),
        past(80)
    );
    let rows = house.post("/customers/migrate/transactions", &body).await.data();
    let row = |index: usize| at(&rows, &format!("/{index}/status"));
    assert_eq!([row(0), row(1), row(2), row(3)], ["400", "201", "409", "400"], "{rows}");
    let said = at(&rows, "/0/problems");
    assert!(said.contains("come to 71, the balance brought in is 70"), "{said}");
    assert_eq!(balance(house, "mia").await, "70 0 0", "history changes nothing");
    let listed = house.get("/customers/mia/transactions").await.data();
    let shown = |index: usize| {
        let part = |name: &str| at(&listed, &format!("/{index}/{name}"));
        format!("{} {} {} {}", part("type"), part("amount"), part("migrated"), part("attributes/effect"))
    };
    // The booking of today comes before what happened elsewhere.
    assert_eq!(shown(0), "MIGRATION 70  ");
    assert_eq!(shown(1), "REDEMPTION 30 true -30");
    assert_eq!(shown(2), "ACCUMULATION 80 true 80");
    let path = format!("/customers/mia/transactions?reward_id={}", points.to_uppercase());
    assert_eq!(house.get(&path).await.data().items().len(), 3);
    let of_year = house.get("/customers/mia/transactions?year=2024").await.data();
    assert_eq!((of_year.items().len(), at(&of_year, "/0/amount")), (1, "20".into()));
    let many = vec![r#"{"id": "mia", "transactions": [1, 2]}"#; 501].join(", ");
    let refused =
        house.post("/customers/migrate/transactions", &format!(r#"{{"customers": [{many}]}}"#)).await;
    assert_eq!(refused.code(400), "malformed");
}

#[tokio::test]
async fn customers_move_in_with_their_balances_and_their_past() {
    let house = House::new().await;
    let points = shop(&house).await;
    let customers = format!(
        r#"{{"customers": [
            {{"id": "mia", "name": "Mia", "email": "mia@example.com", "registration_date": "2020-01-01", "metrics": {{}},
              "balance": [{{"reward_id": "{points}", "amount": 70, "expiration_date": "2026-02-01"}}]}},
            {{"id": "ana", "name": "Ana", "email": "other@example.com", "registration_date": "2020-01-01"}},
            {{"id": "noa", "name": "Noa", "registration_date": "2020-01-01"}}]}}"#
    );
    let key = [("idempotency-key", "move-1")];
    let first = house.ask_with("POST", "/customers/migrate", &customers, &key).await;
    let again = house.ask_with("POST", "/customers/migrate", &customers, &key).await;
    assert_eq!(first.json.get("data"), again.json.get("data"), "each row is answered as before");
    let rows = first.data();
    let row = |index: usize| at(&rows, &format!("/{index}/status"));
    assert_eq!([row(0), row(1), row(2)], ["201", "409", "400"]);
    assert!(at(&rows, "/0/warnings").contains("/metrics"), "{rows}");
    assert!(at(&rows, "/2/problems").contains("/email"), "{rows}");
    assert_eq!(balance(&house, "mia").await, "70 0 0");
    // What cannot be read is not left out: its row is refused, and a document that is cut off is refused in whole.
    let customer = |id: &str, more: &str| {
        format!(
            r#"{{"id": "{id}", "name": "X", "email": "{id}@example.com", "registration_date": "2020-01-01"{more}}}"#
        )
    };
    let lot = |amount: &str| format!(r#"[{{"reward_id": "{points}", "amount": {amount}}}]"#);
    let twice = customer("tom", &format!(r#", "balance": {}, "balance": {}"#, lot("1"), lot("2")));
    let long = customer("zoe", &format!(r#", "balance": {}"#, lot("33.3333333333333333333")));
    let rows = house
        .post(
            "/customers/migrate",
            &format!(r#"{{"customers": [{twice}, {long}, {}]}}"#, customer("kim", "")),
        )
        .await;
    let rows = rows.data();
    assert_eq!(
        [at(&rows, "/0/status"), at(&rows, "/1/status"), at(&rows, "/2/status")],
        ["400", "400", "201"]
    );
    assert!(at(&rows, "/1/problems").contains("/balance/0/amount"), "{rows}");
    let many = vec!["1"; 201_000].join(",");
    let cut =
        format!(r#"{{"customers": [{}]}}"#, customer("ida", &format!(r#", "metadata": {{"a": [{many}]}}"#)));
    assert_eq!(house.post("/customers/migrate", &cut).await.code(400), "malformed");
    assert_eq!(house.get("/customers/ida").await.code(404), "customer_not_found");
    // A key of its own makes a row act once, whichever call it comes with.
    let keyed = customer("lea", r#", "idempotency_key": "lea-1""#);
    for body in [
        format!(r#"{{"customers": [{keyed}]}}"#),
        format!(r#"{{"customers": [{}, {keyed}]}}"#, customer("uma", "")),
    ] {
        let rows = house.post("/customers/migrate", &body).await.data();
        assert!(rows.items().iter().all(|row| at(row, "/status") == "201"), "{rows}");
    }
    let events = r#"{"customers": [{"id": "mia", "events": [
        {"type": "PURCHASE", "issued_at": "2025-12-01T10:00:00Z", "order": {"value": 120}, "fulfilled": true}]}]}"#;
    house.post("/customers/migrate/events", events).await.data();
    let mia = house.get("/customers/mia").await.data();
    assert_eq!(at(&mia, "/customer/metrics/lifetime/spend_total"), "120");
    assert_eq!(balance(&house, "mia").await, "70 0 0", "the past earns nothing");
    let listed = house.get("/customers/mia/transactions").await.data();
    assert_eq!((at(&listed, "/0/type"), at(&listed, "/0/amount")), ("MIGRATION".into(), "70".into()));
    let event = house.get("/behavior/events?customer_id=mia").await.expect(200);
    assert_eq!(at(&event, "/data/0/reason/code"), "migrated");
    past_transactions(&house, &points).await;
    house.travel("2026-02-01T00:00:00Z").await;
    assert_eq!(balance(&house, "mia").await, "0 0 0");
    house.ended().await;
}

#[tokio::test]
async fn points_are_given_and_taken_by_hand_and_the_past_can_be_read() {
    let house = House::new().await;
    let points = shop(&house).await;
    house.post("/behavior/events", &purchase("ana", "100", "")).await.data();
    house.travel("2026-01-20T10:00:00Z").await;
    let gift = format!(
        r#"{{"reward_id": "{points}", "amount": 25, "reason": "late parcel", "actor": "eva", "expiration_date": "2026-02-01"}}"#
    );
    let key = [("idempotency-key", "gift-1")];
    let adjusted = house.ask_with("POST", "/customers/ana/wallet/adjust", &gift, &key).await.data();
    assert_eq!(house.ask_with("POST", "/customers/ana/wallet/adjust", &gift, &key).await.data(), adjusted);
    assert_eq!(at(&adjusted, "/wallet/totals/0/total"), "125");
    let lot = at(&adjusted, "/wallet/lines/0/lot");
    house.travel("2026-01-22T10:00:00Z").await;
    house
        .post("/customers/ana/wallet/void", &format!(r#"{{"lot": {lot}, "amount": 5, "reason": "mistake"}}"#))
        .await
        .data();
    house
        .post(
            "/customers/ana/wallet/adjust",
            &format!(r#"{{"reward_id": "{points}", "amount": -20, "reason": "x"}}"#),
        )
        .await
        .data();
    assert_eq!(balance(&house, "ana").await, "100 0 0");
    let listed = house.get("/customers/ana/transactions").await.data();
    let details: Vec<String> =
        listed.items().iter().map(|line| format!("{} {}", at(line, "/type"), at(line, "/details"))).collect();
    for expected in ["ACCUMULATION late parcel", "REVERSAL mistake", "REVERSAL x"] {
        assert!(details.iter().any(|line| line == expected), "{expected}: {details:?}");
    }
    // A statement of any past instant: before, between, and after what fell due.
    let then = async |instant: &str| {
        let wallet = house.get(&format!("/customers/ana/wallet?at={instant}")).await.data();
        at(&wallet, "/totals/0/total")
    };
    house.travel("2026-03-01T00:00:00Z").await;
    for (instant, expected) in [
        ("2026-01-15T09:59:59Z", ""),
        ("2026-01-15T10:00:00Z", "100"),
        ("2026-01-20T10:00:00Z", "125"),
        ("2026-01-21", "125"),
        ("2026-01-22T10:00:00Z", "100"),
        ("2026-02-01", "100"),
        ("2026-03-01", "100"),
    ] {
        assert_eq!(then(instant).await, expected, "{instant}");
    }
    let to_come = house.get("/customers/ana/wallet?at=2027-01-01").await;
    assert!(to_come.json.to_string().contains("in_the_future"), "{}", to_come.json);
    let refused = house
        .post(
            "/customers/ana/wallet/adjust",
            &format!(r#"{{"reward_id": "{points}", "amount": -101, "reason": "x"}}"#),
        )
        .await;
    assert_eq!(refused.code(409), "insufficient_balance");
    assert_eq!(
        house.post("/customers/ana/wallet/void", r#"{"lot": 77, "reason": "x"}"#).await.code(404),
        "lot_not_found"
    );
    assert_eq!(house.post("/customers/ana/wallet/void", r#"{"lot": 1}"#).await.code(400), "malformed");
    house.ended().await;
}

#[tokio::test]
async fn a_punch_card_is_stamped_exchanged_and_shown() {
    let house = House::new().await;
    let points = shop(&house).await;
    let body = format!(
        r#"{{"name": "coffee", "withoutEndDate": true,
            "attributes": {{"trigger": "PURCHASE", "stamps": 3, "stamps_per": "product", "card_expiration": "6/months"}},
            "rules": [{{"conditions": [[{{"type": "product.sku", "operator": "equals", "value": "coffee"}}]],
                        "effects": [{{"reward_id": "{points}", "amount": 100}}]}}]}}"#
    );
    let card = house.post("/campaigns?type=PUNCH_CARDS", &body).await.data();
    assert_eq!(at(&card, "/attributes/stamps_per"), "product");
    let coffees = |amount: u32| {
        format!(
            r#"{{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE",
                "order": {{"value": 1, "products": [{{"sku": "coffee", "amount": {amount}}}, {{"sku": "tea"}}]}}}}"#
        )
    };
    let shown = async |house: &House| {
        let wallet = house.get("/customers/ana/wallet").await.data();
        ["stamps", "of", "owed", "cards_filled", "expiration_date"]
            .map(|name| at(&wallet, &format!("/punch_cards/0/{name}")))
            .join(" ")
    };
    let first = house.post("/behavior/events", &coffees(2)).await.data();
    assert_eq!(at(&first, "/result/punch_cards/0/stamps"), "2");
    assert_eq!(at(&first, "/result/accumulations/1/amount"), "", "stamps are no points");
    assert_eq!(shown(&house).await, "2 3 0 0 2026-07-15T10:00:00.000Z");
    let second = house.post("/behavior/events", &coffees(2)).await.data();
    assert_eq!(at(&second, "/result/punch_cards/0/cards_filled"), "1");
    assert_eq!(balance(&house, "ana").await, "102 0 0");
    assert_eq!(shown(&house).await, "1 3 0 1 2026-07-15T10:00:00.000Z");
    let bookings = house.get("/transactions?date=15-01-2026").await.data();
    let stamps = bookings.items().iter().filter(|booking| booking.text("reward_type") == Some("STAMPS"));
    assert_eq!(stamps.count(), 3, "given, spent, given");
    // The first is returned: its stamps were exchanged, one is at hand and one is owed.
    let reversal = r#"{"reason": "cold"}"#;
    let reverse = format!("/behavior/events/{}/reverse", at(&first, "/id"));
    let reversed = house.post(&reverse, reversal).await.data();
    let receipt = at(&reversed, "/receipt");
    assert!(receipt.contains("stamps_already_spent"), "{receipt}");
    assert_eq!(shown(&house).await, "0 3 1 1 ");
    let fourth = house.post("/behavior/events", &coffees(3)).await.data();
    assert_eq!(at(&fourth, "/result/punch_cards/0/cards_filled"), "0", "one pays what is owed");
    assert_eq!(at(&fourth, "/status"), "RESOLVED");
    let open = house.get("/campaigns?customer_id=ana").await.data();
    assert_eq!(open.items().len(), 2);
    let consent =
        r#"{"consent": {"purposes": {"behavioral_campaigns": true, "punchcard_campaigns": false}}}"#;
    house.patch("/customers/ana/consent", consent).await.data();
    let open = house.get("/campaigns?customer_id=ana").await.data();
    assert_eq!(open.items().len(), 1);
    let refused = house.post("/behavior/events", &coffees(3)).await.data();
    let why = at(&refused, "/explanation/campaigns/1/skipped/0/reason");
    assert_eq!(why, "consent_punchcard_campaigns");
}

#[tokio::test]
async fn a_purchase_comes_back_in_parts() {
    let house = House::new().await;
    shop(&house).await;
    let order = r#"{"value": 60, "products": [{"sku": "hat", "amount": 3, "value": 45}, {"sku": "sock", "value": 15}]}"#;
    let body =
        format!(r#"{{"customer_id": "ana", "brand_id": "shop", "type": "PURCHASE", "order": {order}}}"#);
    let event = house.post("/behavior/events", &body).await.data();
    let path = format!("/behavior/events/{}/reverse", at(&event, "/id"));
    let hat = r#""return": {"products": [{"sku": "hat", "amount": 1}]}"#;
    // Planned, it is what it will be; the plan of another part is another plan.
    let plan = house.post(&format!("{path}/plan"), &format!("{{{hat}}}")).await.data();
    assert_eq!(at(&plan, "/status"), "RESOLVED");
    assert_eq!(at(&plan, "/receipt/0/amount"), "15");
    let token = at(&plan, "/plan_token");
    let other = format!(r#"{{"reason": "r", "plan_token": "{token}", "return": {{"value": 14}}}}"#);
    assert_eq!(house.post(&path, &other).await.code(409), "plan_outdated");
    assert_eq!(balance(&house, "ana").await, "60 0 0");
    // With a key it acts once.
    let key = [("idempotency-key", "return-1")];
    let first = format!(r#"{{"reason": "too big", "plan_token": "{token}", {hat}}}"#);
    let returned = house.ask_with("POST", &path, &first, &key).await.data();
    assert_eq!(house.ask_with("POST", &path, &first, &key).await.data(), returned);
    assert_eq!(balance(&house, "ana").await, "45 0 0");
    assert_eq!(at(&returned, "/returned_value"), "15");
    assert_eq!(at(&returned, "/returns/0/receipt"), at(&plan, "/receipt"));
    assert_eq!(at(&returned, "/returns/0/reason"), "too big");
    house.post(&path, r#"{"reason": "r", "return": {"value": 5}}"#).await.data();
    // The answer to the key is what it was then.
    assert_eq!(house.ask_with("POST", &path, &first, &key).await.data(), returned);
    let customer = house.get("/customers/ana").await.data();
    assert_eq!(at(&customer, "/customer/metrics/lifetime/spend_total"), "40");
    assert_eq!(at(&customer, "/customer/metrics/lifetime/number_of_purchases"), "1");
    for (part, status, code) in [
        (r#"{"value": 41}"#, 422, "return_exceeds"),
        (r#"{"products": [{"sku": "hat", "amount": 3}]}"#, 422, "return_exceeds"),
        (r#"{"products": [{"sku": "shoe"}]}"#, 400, "malformed"),
        (r#"{}"#, 400, "malformed"),
        (r#"{"valu": 5}"#, 400, "malformed"),
    ] {
        let body = format!(r#"{{"reason": "r", "return": {part}}}"#);
        assert_eq!(house.post(&path, &body).await.code(status), code, "{part}");
    }
    let explained = house.get(&format!("/behavior/events/{}/explain", at(&event, "/id"))).await.data();
    assert!(at(&explained, "/ledger").contains("reversed_in_part"));
    let last = house.post(&path, r#"{"reason": "r"}"#).await.data();
    assert_eq!((at(&last, "/status"), at(&last, "/returned_value")), ("REVERSED".into(), "20".into()));
    assert_eq!(balance(&house, "ana").await, "0 0 0");
    let waits = house.post("/behavior/events", &purchase("ben", "9", r#", "fulfilled": false"#)).await.data();
    let path = format!("/behavior/events/{}/reverse", at(&waits, "/id"));
    assert_eq!(
        house.post(&path, r#"{"reason": "r", "return": {"value": 1}}"#).await.code(409),
        "event_closed"
    );
    house.ended().await;
}

#[tokio::test]
async fn points_are_handed_to_another_customer_once() {
    let house = House::new().await;
    let points = shop(&house).await;
    house.post("/behavior/events", &purchase("ana", "50", "")).await.data();
    let body = format!(
        r#"{{"to_customer_id": "ben", "reward_id": "{points}", "amount": 20, "reason": "birthday", "actor": "eva"}}"#
    );
    assert_eq!(house.post("/customers/ana/wallet/transfer", &body).await.code(422), "not_transferable");
    let reward = r#"{"name": "points", "type": "POINTS", "attributes": {"transferable": true}}"#;
    house.put(&format!("/rewards/{points}"), reward).await.data();
    let key = [("idempotency-key", "gift-2")];
    let sent = house.ask_with("POST", "/customers/ana/wallet/transfer", &body, &key).await.data();
    assert_eq!(at(&sent, "/wallet/totals/0/total"), "30");
    assert_eq!(house.ask_with("POST", "/customers/ana/wallet/transfer", &body, &key).await.data(), sent);
    assert_eq!(
        (balance(&house, "ana").await, balance(&house, "ben").await),
        ("30 0 0".into(), "20 0 0".into())
    );
    let bookings = house.get("/transactions?date=15-01-2026&type=TRANSFER").await.data();
    let lines = bookings.items().iter().map(|booking| {
        let line = booking.path("attributes.line").and_then(Json::as_text).unwrap();
        let details = booking.text("details").unwrap_or("-");
        format!("{} {line} {details}", booking.text("customer_id").unwrap())
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines, ["ana transferred_out birthday", "ben transferred_in -"]);
    let to = |id: &str| body.replace("ben", id);
    let post = async |from: &str, body: String| {
        house.post(&format!("/customers/{from}/wallet/transfer"), &body).await
    };
    assert_eq!(post("ana", to("nobody")).await.code(404), "customer_not_found");
    assert_eq!(post("ana", to("ana")).await.code(400), "malformed");
    assert_eq!(post("nobody", to("ben")).await.code(404), "customer_not_found");
    assert_eq!(
        post("ana", body.replace("\"amount\": 20", "\"amount\": 31")).await.code(409),
        "insufficient_balance"
    );
    // Erased, nothing of the one is left with the other.
    house.delete("/customers/ana").await;
    assert_eq!(post("ben", to("ana")).await.code(410), "customer_deleted");
    let history = house.get("/customers/ben/history").await.text;
    assert!(["ana", "birthday", "eva"].iter().all(|text| !history.contains(text)), "{history}");
    assert_eq!(balance(&house, "ben").await, "20 0 0");
    house.ended().await;
}

#[tokio::test]
async fn a_birthday_is_rewarded_at_midnight_also_of_those_who_were_there_before() {
    let house = House::new().await;
    let points = shop(&house).await;
    house.patch("/customers/ana", r#"{"dob": "1992-02-29"}"#).await.data();
    let rules = format!(r#"[{{"effects": [{{"reward_id": "{points}", "amount": 50}}]}}]"#);
    let body = format!(
        r#"{{"name": "cake", "attributes": {{"trigger": "BIRTHDAY"}}, "withoutEndDate": true, "rules": {rules}}}"#
    );
    house.post("/campaigns?type=BEHAVIOR", &body).await.data();
    house.travel("2026-02-27T23:59:59.999Z").await;
    assert_eq!(house.get("/behavior/events?customer_id=ana").await.data().items().len(), 1);
    house.travel("2026-02-28T00:00:00Z").await;
    assert_eq!(balance(&house, "ana").await, "50 0 0");
    let events = house.get("/behavior/events?customer_id=ana").await.data();
    assert_eq!(at(&events, "/0/type"), "BIRTHDAY");
    assert_eq!(at(&events, "/0/data/metadata/age"), "34");
    house.travel("2028-02-29T00:00:00Z").await;
    assert_eq!(balance(&house, "ana").await, "150 0 0");
    let sent = r#"{"customer_id": "ana", "brand_id": "shop", "type": "BIRTHDAY"}"#;
    assert_eq!(house.post("/behavior/events", sent).await.code(422), "reserved_event_type");
    house.ended().await;
}

#[tokio::test]
async fn reports_say_what_became_of_what_campaigns_gave() {
    let house = House::new().await;
    let points = shop(&house).await;
    let worth = r#"{"name": "points", "type": "POINTS", "attributes": {"conversion_factor": 0.1}}"#;
    house.put(&format!("/rewards/{points}"), worth).await.data();
    let rules = format!(
        r#"[{{"effects": [{{"reward_id": "{points}", "amount": 50, "expiration_date": "1/months"}}]}}]"#
    );
    let bonus = campaign(&house, "bonus", &rules, r#", "funded_by": "MARKETING""#).await;
    let bonus = at(&bonus, "/id");
    let first = house.post("/behavior/events", &purchase("ana", "30", "")).await.data();
    let redeem = format!(r#", "redeem": [{{"id": "{points}", "amount": 20}}]"#);
    house.post("/behavior/events", &purchase("ana", "10", &redeem)).await.data();
    let line = async |house: &House, query: &str| {
        let lines = house.get(&format!("/reports/campaigns?campaign_id={bonus}{query}")).await.data();
        let line = lines.items().last().cloned().unwrap_or_default();
        let names = [
            "issued",
            "redeemed",
            "expired",
            "forfeited",
            "reversed",
            "reversed_after_spending",
            "outstanding",
            "liability",
            "breakage",
        ];
        names.map(|name| at(&line, &format!("/{name}"))).join(" ")
    };
    // The 20 were the soonest to expire: the bonus pays.
    assert_eq!(line(&house, "").await, "100 20 0 0 0 0 80 8 0");
    let reverse = format!("/behavior/events/{}/reverse", at(&first, "/id"));
    house.post(&reverse, r#"{"reason": "returned"}"#).await.data();
    // Of its lot 30 could be taken back; what was spent of it is covered by the other lot.
    assert_eq!(line(&house, "").await, "100 20 0 0 30 20 30 3 0");
    house.travel("2026-02-15T10:00:00Z").await;
    assert_eq!(line(&house, "").await, "0 0 30 0 0 0 0 0 0.3");
    assert_eq!(line(&house, "&from=2026-01-15&by=day").await, "0 0 30 0 0 0 0 0 0.3");
    assert_eq!(line(&house, "&from=2026-01-15&to=2026-01-20").await, "100 20 0 0 30 20 30 3 0");
    let days =
        house.get(&format!("/reports/campaigns?campaign_id={bonus}&from=2026-01-01&by=day")).await.data();
    assert_eq!(
        days.items().iter().map(|day| at(day, "/day")).collect::<Vec<_>>(),
        ["2026-01-15", "2026-02-15"]
    );
    let funders = house.get("/reports/funders?from=2026-01-01").await.data();
    let of = |name: &str| {
        let found = funders.items().iter().find(|funder| at(funder, "/funded_by") == name).unwrap();
        ["issued_value", "redeemed_value", "liability"].map(|name| at(found, &format!("/{name}"))).join(" ")
    };
    assert_eq!((of("MARKETING"), of("")), ("10 2 0".into(), "4 0 1".into()));
    // Who is deleted is still in the sums, without a name.
    house.delete("/customers/ana").await.data();
    let left = house.get("/reports/campaigns").await.data();
    assert!(left.items().iter().all(|line| at(line, "/outstanding") == "0"), "{left}");
    house.ended().await;
}
